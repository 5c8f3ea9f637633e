// Mail, name service and gateway all down: the engine answers, the queue is seen and bounded, and
// everything goes out when they are back.
import Domain
import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct EverythingDownTests {
    private static var notices: Int { triesEverything ? 200 : 60 }

    /// The first way of the matrix is a name that does not resolve, and it never will.
    private static func runbook(_ mail: Int, _ text: Int) -> String {
        """
        version: 1
        service: { name: down, title: Service without messengers, environment: test }
        people:
          you:   { name: You, user: "\(loginName)" }
          ines:  { name: Ines Moreau, user: ines-moreau, email: ines@example.com, sms: "+15550100" }
          tomas: { name: Tomas Lind, user: tomas-lind, email: tomas@example.com, sms: "+15550101" }
        roles:
          administrator: { members: [you] }
          on-duty: { members: [ines, tomas] }
        channels:
          lost: { webhook: { url: "http://gateway.tocsin.invalid/hook" } }
          text: { sms: { url: "http://127.0.0.1:\(text)/sms", method: POST, json: { to: "{{to}}", body: "{{text}}" } } }
          mail: { email: { server: "smtp://127.0.0.1:\(mail)", from: tocsin@example.com, starttls: never } }
        levels:
          1: { name: Critical, respond_within: 30m }
        escalation:
          1: [ { after: 0s, notify: [on-duty], via: [lost, text, mail], repeat_every: 1s } ]
        components:
          host: { title: Host, probes: { memory: { memory: {}, every: 60s } } }
        triggers:
          never: { when: reported nothing, level: 1, failure: nothing }
        """
    }

    @Test func `all down for a while: usable, visible, bounded, and all delivered afterwards`()
        async throws
    {
        let folder = try TemporaryFolder("down")
        let trap = Trap(path: folder("trap"))
        let text = try Receiver("text", trap)
        let mail = try MailReceiver(trap)
        let engine = try RealEngine(folder, runbook: Self.runbook(mail.port, text.port))
        try await engine.start()
        var look = Look(engine: engine)
        try await look.at("before")

        try #require(
            await engine.command(
                CommandRequest(command: "activate-emergency", reason: "all is down", level: 1)))
        for number in 1...Self.notices {
            try #require(
                await engine.command(
                    CommandRequest(
                        command: "send-notification", text: "Notice number \(number).",
                        title: "notice \(number).", target: "ines", via: ["mail"])))
        }
        try await Self.fail(engine, text, mail, &look)
        try await Self.checkQueue(engine)
        try await engine.wait("nobody is told, and that is said") { situation in
            situation.core.emergency?.told.map(\.state) == [.failing, .failing]
        }

        // Somebody takes it, so that the repeats end.
        #expect(try await engine.tocsin("acknowledge").status == 0)
        try await text.start()
        try await mail.start()
        try await engine.wait("everything that can arrive has arrived") { situation in
            situation.deliveries.allSatisfy { $0.state.isOver || Self.isForTheLost($0) }
        }
        try await Self.dismissTheLost(engine)
        try await look.at("afterwards")
        #expect(try #require(await engine.situation()).core.outbox.dead == 0)
        try Self.checkArrived(text.taken + mail.taken())
        try look.report()
        let verified = try await engine.tocsin("events", "--verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
        try await engine.stop()
    }

    @Test func `gateways that hang do not hold up what is about an emergency`() async throws {
        let folder = try TemporaryFolder("hanging")
        let trap = Trap(path: folder("trap"))
        let hanging = try ["a", "b", "c", "d"].map { try Receiver($0, trap) }
        let text = try Receiver("text", trap)
        let mail = try MailReceiver(trap)
        for receiver in hanging { try await receiver.start(.silent) }
        try await text.start()
        let more = hanging.map {
            "  \($0.channel): { webhook: { url: \"http://127.0.0.1:\($0.port)/\" } }\n"
        }.joined()
        let runbook = Self.runbook(mail.port, text.port).replacingOccurrences(
            of: "channels:\n", with: "channels:\n" + more)
        let engine = try RealEngine(folder, runbook: runbook)
        try await engine.start()
        for number in 1...6 {
            for receiver in hanging {
                try #require(
                    await engine.command(
                        CommandRequest(
                            command: "send-notification", text: "It hangs.",
                            title: "notice \(number).", target: "ines", via: [receiver.channel])))
            }
        }
        try await eventually("as much hangs as may") {
            hanging.map(\.asked).reduce(0, +) >= 12
        }
        try #require(
            await engine.command(
                CommandRequest(command: "activate-emergency", reason: "told", level: 1)))
        try await eventually("both are told") { Set(text.taken.map(\.to)).count == 2 }
        // None of those that hang had to end before.
        let notices = try #require(await engine.situation()).deliveries.filter {
            $0.title.hasPrefix("notice")
        }
        #expect(notices.filter { $0.state == .sending }.count >= 12)
        #expect(notices.allSatisfy { $0.attempts <= 1 }, "\(notices)")
        try await engine.stop()
    }

    /// One way of being down after the other.
    private static func fail(
        _ engine: RealEngine, _ text: Receiver, _ mail: MailReceiver, _ look: inout Look
    ) async throws {
        try await engine.wait("everything was tried") { $0.core.outbox.retrying >= notices }
        try await look.at("ports closed")
        try await text.start(.silent)
        try await mail.start("silent")
        try await eventually("both hang") { try text.asked >= 1 && mail.asked() >= 3 }
        try await look.at("hanging")
        try await text.start(.broken)
        try await mail.start("broken")
        try await eventually("both refuse") { try text.asked >= 1 && mail.asked() >= 8 }
        try await look.at("errors")
        try await text.start(.busy)
        try await eventually("the gateway asks for patience") { text.asked >= 2 }
        try await look.at("429")
        text.stop()
        try await mail.stop()
    }

    /// The command line shows what waits, and why, also for the name that does not resolve.
    private static func checkQueue(_ engine: RealEngine) async throws {
        let said = try await engine.tocsin("outbox")
        #expect(said.status == 1 || said.status == 0, "\(said.errors)")
        #expect(said.output.contains("gateway.tocsin.invalid"), "\(said.output.suffix(2000))")
        #expect(said.output.contains("127.0.0.1"))
        #expect(said.output.contains("notice \(notices)."))
        let outbox = try #require(await engine.situation()).core.outbox
        // An emergency that is repeated every second waits as one message by each way to each person.
        #expect(outbox.waiting + outbox.sending <= notices + 6, "\(outbox)")
        #expect(outbox.waiting + outbox.sending >= notices + 2, "\(outbox)")
    }

    /// If somebody acknowledges while the gateway that cannot be found is being asked, the message might
    /// have been heard there, so it is told of the acknowledgement too, for as long as that takes.
    private static func isForTheLost(_ delivery: DeliveryReport) -> Bool {
        delivery.channel == "lost" && delivery.people.isEmpty
    }
    /// Which is why a person may take a message off the list.
    private static func dismissTheLost(_ engine: RealEngine) async throws {
        try await eventually("the outbox is empty") {
            guard let situation = await engine.situation() else { return false }
            for delivery in situation.deliveries where !delivery.state.isOver {
                try await engine.tocsin("outbox", "--dismiss", delivery.id)
            }
            return situation.core.outbox.waiting == 0 && situation.core.outbox.sending == 0
        }
    }

    /// Every notice once, and of the emergency what is newest, once to each person.
    private static func checkArrived(_ receipts: [Receipt]) throws {
        for number in 1...notices {
            let mine = receipts.filter { $0.title.hasSuffix("notice \(number).") }
            #expect(mine.count == 1, "notice \(number) came \(mine.count) times")
        }
        let told = receipts.filter { !$0.title.contains("notice ") }
        for addresses in [["ines@example.com", "+15550100"], ["tomas@example.com", "+15550101"]] {
            let mine = told.filter { addresses.contains($0.to) }
            #expect(Set(mine.map(\.key)).count == mine.count, "twice: \(mine)")
            let last = try #require(mine.last)
            #expect(last.title.lowercased().contains("acknowledged"), "\(mine)")
            #expect(mine.count == 1, "older messages came too: \(mine)")
        }
    }

    /// How the engine does at a moment, as an operator sees it, and what it holds.
    private struct Look {
        let engine: RealEngine
        private var lines: [String] = []
        private var memory: [Int] = []
        init(engine: RealEngine) { self.engine = engine }

        mutating func at(_ name: String) async throws {
            let began = ContinuousClock.now
            let said = try await engine.tocsin("status")
            let took = (ContinuousClock.now - began) / .milliseconds(1)
            #expect(said.status == 0, "\(name): \(said.errors)")
            #expect(
                said.output.contains("LEVEL 1 CRITICAL") == (name != "before"), "\(said.output)")
            let outbox = try #require(await engine.situation()).core.outbox
            memory.append(try engine.memory())
            lines.append(
                "\(name): status in \(Int(took)) ms, \(memory.last ?? 0) KiB, "
                    + "\(outbox.waiting) waiting, \(outbox.retrying) retrying, "
                    + "\(outbox.sending) sending, \(outbox.dead) given up")
        }
        func report() throws {
            print(lines.joined(separator: "\n"))
            let first = try #require(memory.first)
            #expect((memory.max() ?? 0) - first < 100_000, "\(lines)")
        }
    }
}
