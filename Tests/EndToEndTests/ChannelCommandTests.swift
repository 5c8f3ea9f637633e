// The commands about channels, as a person types them, against receivers that are there or not.
import Domain
import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct ChannelCommandTests {
    private final class World: Sendable {
        let folder: TemporaryFolder
        let text: Receiver
        let hook: Receiver
        /// An address beside the matrix.
        let other: Receiver
        let mail: MailReceiver
        let engine: RealEngine

        init() async throws {
            folder = try TemporaryFolder("channels")
            let trap = Trap(path: folder("trap"))
            text = try Receiver("text", trap)
            hook = try Receiver("hook", trap)
            other = try Receiver("other", trap)
            mail = try MailReceiver(trap)
            engine = try RealEngine(
                folder, runbook: ChannelCommandTests.runbook(mail.port, text.port, hook.port))
            for receiver in [text, hook, other] { try await receiver.start() }
            try await mail.start()
            try await engine.start()
        }
    }
    private static func runbook(_ mail: Int, _ text: Int, _ hook: Int) -> String {
        """
        version: 1
        service: { name: spoken, title: Spoken service, environment: test }
        people:
          you:  { name: You, user: "\(loginName)", email: you@example.com, sms: "+15550102" }
          ines: { name: Ines Moreau, user: ines-moreau, email: ines@example.com, sms: "+15550100" }
        roles:
          administrator: { members: [you] }
          on-duty: { members: [ines] }
        channels:
          text: { sms: { url: "http://127.0.0.1:\(text)/sms", method: POST, json: { to: "{{to}}", body: "{{text}}" } } }
          mail: { email: { server: "smtp://127.0.0.1:\(mail)", from: tocsin@example.com, starttls: never } }
          hook: { webhook: { url: "http://127.0.0.1:\(hook)/hook", secret: { env: HOOK_SECRET } } }
        levels:
          1: { name: Critical, respond_within: 30m }
        escalation:
          1: [ { after: 0s, notify: [on-duty], via: [text, mail] } ]
        components:
          host: { title: Host, probes: { memory: { memory: {}, every: 60s } } }
        triggers:
          never: { when: reported nothing, level: 1, failure: nothing }
        """
    }

    @Test func `test-alerts says of every channel what happened`() async throws {
        let world = try await World()
        let all = try await world.engine.tocsin("test-alerts")
        #expect(all.status == 0, "\(all.output)\(all.errors)")
        for name in ["text", "mail", "hook"] { #expect(all.output.contains(name), "\(all.output)") }
        #expect(world.text.taken.map(\.to) == ["+15550102"])
        #expect(world.text.taken.allSatisfy { $0.title.contains("[TEST]") })
        #expect(try world.mail.taken().map(\.to) == ["you@example.com"])
        #expect(try world.mail.taken().allSatisfy { $0.title.contains("[TEST]") })
        #expect(world.hook.taken.count == 1)

        let one = try await world.engine.tocsin("test-alerts", "--channel", "mail", "--to", "ines")
        #expect(one.status == 0, "\(one.output)\(one.errors)")
        #expect(try world.mail.taken().last?.to == "ines@example.com")
        #expect(world.hook.taken.count == 1)

        world.text.stop()
        try await world.hook.start(.broken)
        let some = try await world.engine.tocsin("test-alerts")
        #expect(some.status == 1, "\(some.output)\(some.errors)")
        #expect(some.output.contains("connection refused"), "\(some.output)")
        #expect(some.output.contains("500"), "\(some.output)")

        try await world.mail.stop()
        let none = try await world.engine.tocsin("test-alerts", "--output", "json")
        #expect(none.status == 2, "\(none.output)\(none.errors)")
        #expect(try JSONSerialization.jsonObject(with: Data(none.output.utf8)) is [String: Any])

        try await world.engine.stop()
        #expect(try await world.engine.tocsin("test-alerts").status == 3)
    }

    @Test func `send-notification goes the next way, and says when nobody was reached`()
        async throws
    {
        let world = try await World()
        func send(_ title: String, _ more: String...) async throws -> Said {
            try await Program.run(
                [
                    "send-notification", "--socket", world.engine.socket, "--runbook",
                    world.engine.runbook, "--title", title, "--message", "Words.", "--target",
                    "ines",
                ] + more)
        }
        let first = try await send("first", "--via", "text", "--via", "mail")
        #expect(first.status == 0, "\(first.output)\(first.errors)")
        #expect(world.text.taken.map(\.to) == ["+15550100"])
        #expect(try world.mail.taken().isEmpty)

        world.text.stop()
        let second = try await send("second", "--via", "text", "--via", "mail")
        #expect(second.status == 0, "\(second.output)\(second.errors)")
        #expect(try world.mail.taken().map(\.to) == ["ines@example.com"])
        try await world.engine.wait("nothing is left") { $0.core.outbox.waiting == 0 }

        let third = try await send("third", "--via", "text", "--timeout", "1s")
        #expect(third.status == 1, "\(third.output)\(third.errors)")
        let waiting = try await world.engine.tocsin("outbox")
        #expect(waiting.output.contains("third"), "\(waiting.output)")
        try await world.text.start()
        let id = try #require(
            await world.engine.situation()?.deliveries.first { $0.title == "third" }?.id)
        _ = try await world.engine.tocsin("outbox", "--retry", id)
        try await eventually("it arrives after all") { world.text.taken.count == 2 }
        let unknown = try await send("fourth", "--via", "telegraph")
        #expect(unknown.status != 0)
        try await world.engine.stop()
    }

    @Test
    func `addresses of configure-alerts are told of emergencies, and kept beside the runbook`()
        async throws
    {
        let world = try await World()
        let engine = world.engine
        let before = try Program.text(engine.runbook)
        let added = try await engine.tocsin(
            "configure-alerts", "--email", "boss@example.com", "--sms", "+15550199", "--webhook",
            "http://127.0.0.1:\(world.other.port)/other")
        #expect(added.status == 0, "\(added.output)\(added.errors)")
        #expect(try Program.text(engine.runbook) == before)
        #expect(
            try Program.text(world.folder("alerts.local.yaml")).contains("boss@example.com"))
        try await engine.kill9()
        try await engine.start()
        let shown = try await engine.tocsin("configure-alerts")
        #expect(shown.output.contains("boss@example.com"), "\(shown.output)\(shown.errors)")

        let activated = try await engine.tocsin(
            "activate-emergency", "--reason", "told to all", "--level", "1")
        #expect(activated.status == 0, "\(activated.output)\(activated.errors)")
        try await eventually("everybody was told") {
            try Set(world.text.taken.map(\.to)) == ["+15550100", "+15550199"]
                && Set(world.mail.taken().map(\.to)) == ["boss@example.com"]
                && world.other.taken.count == 1
        }
        try await engine.wait("nothing is left") { situation in
            situation.core.outbox.waiting == 0 && situation.core.outbox.sending == 0
        }
        #expect(world.text.taken.count == 2)

        let removed = try await engine.tocsin("configure-alerts", "--remove", "boss@example.com")
        #expect(removed.status == 0, "\(removed.output)\(removed.errors)")
        let nobody = try await engine.tocsin("configure-alerts", "--remove", "boss@example.com")
        #expect(nobody.status != 0)
        try await engine.stop()
    }
}
