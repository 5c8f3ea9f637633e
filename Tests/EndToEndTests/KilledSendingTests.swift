// `kill -9` of the engine between any two steps of sending: everything arrives, and repeats are known.
import Domain
import Foundation
import Synchronization
import TestKit
import Testing
import Wire

/// Receivers for every kind of channel, and an engine whose emergencies go out by all of them at once.
final class EveryChannel: Sendable {
    let folder: TemporaryFolder
    let engine: RealEngine
    let trap: Trap
    let receivers: [Receiver]
    let mail: MailReceiver

    static let names = ["text", "hook", "chat", "push", "pager", "am"]

    init() async throws {
        folder = try TemporaryFolder("killed")
        let trap = Trap(path: folder("trap"))
        self.trap = trap
        receivers = try Self.names.map { try Receiver($0, trap) }
        mail = try MailReceiver(trap)
        try folder.write("ran", "")
        try folder.write("command.sh", Self.command)
        let ports = Dictionary(
            uniqueKeysWithValues: receivers.map { ($0.channel, "127.0.0.1:\($0.port)") })
        engine = try RealEngine(folder, runbook: Self.runbook(mail.port, ports))
        for receiver in receivers { try await receiver.start() }
        try await mail.start()
        try await engine.start()
    }

    /// Everything that the receivers took, in order for each channel. A command is run by the step
    /// runner; what it took is what it wrote down.
    func receipts() throws -> [Receipt] {
        let ran = try Program.text(folder("ran")).split(separator: "\n").map { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            return Receipt(
                channel: "run", id: String(parts[0]), to: "", title: String(parts[1]), text: "",
                isMarked: false)
        }
        return try receivers.flatMap(\.taken) + mail.taken() + ran
    }

    /// Kills at a moment that no receiver sees: when a file of the step runner is there.
    func watchRunner(for file: String, _ pid: Int32) {
        let outbox = engine.state + "/outbox"
        Thread.detachNewThread {
            var wasThere = false
            while kill(pid, 0) == 0 {
                let runs = (try? FileManager.default.contentsOfDirectory(atPath: outbox)) ?? []
                let isThere = runs.contains {
                    FileManager.default.fileExists(atPath: "\(outbox)/\($0)/\(file)")
                }
                // The folder of a run that is over goes; then the moment has just passed.
                if isThere || wasThere && runs.isEmpty { kill(pid, SIGKILL) }
                wasThere = wasThere || !runs.isEmpty
            }
        }
    }

    /// A command that kills the engine where it is told to.
    private static let command = #"""
        #!/bin/sh
        cd "$(dirname "$0")" || exit 1
        spring() {
            [ -f trap ] && read -r channel point pid < trap || return 0
            [ "$channel $point" = "run $1" ] || return 0
            rm -f trap
            kill -9 "$pid"
            while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
        }
        echo "$1 $2" >> ran
        spring begin
        spring end
        """#

    private static func runbook(_ mail: Int, _ ports: [String: String]) -> String {
        func at(_ name: String) -> String { "http://\(ports[name] ?? "")" }
        return """
            version: 1
            service: { name: killed, title: Killed service, environment: test }
            people:
              you:   { name: You, user: "\(loginName)" }
              ines:  { name: Ines Moreau, user: ines-moreau, email: ines@example.com, sms: "+15550100" }
              tomas: { name: Tomas Lind, user: tomas-lind, email: tomas@example.com, sms: "+15550101" }
            roles:
              administrator: { members: [you] }
              on-duty: { members: [ines, tomas] }
            channels:
              mail: { email: { server: "smtp://127.0.0.1:\(mail)", from: tocsin@example.com, starttls: never } }
              text: { sms: { url: "\(at("text"))/sms", method: POST, json: { to: "{{to}}", body: "{{text}}" } } }
              hook: { webhook: { url: "\(at("hook"))/hook", secret: { env: HOOK_SECRET } } }
              chat: { slack: { url: "\(at("chat"))/chat" } }
              push: { ntfy: { url: "\(at("push"))/topic" } }
              pager: { pagerduty: { routing_key: { env: PAGER_KEY }, url: "\(at("pager"))" } }
              am: { alertmanager: { url: "\(at("am"))" } }
              run: { command: { run: [/bin/sh, ./command.sh, "{{delivery}}", "{{headline}}"] } }
            levels:
              1: { name: Critical, respond_within: 30m }
            escalation:
              1: [ { after: 0s, notify: [on-duty], via: [mail, text, hook, chat, push, pager, am, run], every_channel: true } ]
            components:
              host: { title: Host, probes: { memory: { memory: {}, every: 60s } } }
            triggers:
              never: { when: reported nothing, level: 1, failure: nothing }
            """
    }
}

/// One `kill -9`, where and when.
struct Kill: Sendable, CustomStringConvertible {
    enum Place: Sendable {
        /// A receiver, or the command, finds its own point.
        case point(String)
        /// The step runner has written this file.
        case runner(String)
        /// So long after the command to the engine was sent.
        case moment(microseconds: UInt32)
    }
    var place: Place
    /// When the emergency ends, rather than when it begins.
    var atEnd = false
    /// The next engine is killed there too.
    var again = false

    var description: String {
        switch place {
        case .point(let point): again ? "\(point), twice" : point
        case .runner(let file): "run \(file)"
        case .moment(let microseconds): "after \(Double(microseconds) / 1000) ms"
        }
    }
    var channel: String {
        switch place {
        case .point(let point): String(point.prefix { $0 != " " })
        case .runner: "run"
        case .moment: "moments"
        }
    }

    /// When the receiver has the message and the engine does not know it.
    var isAfterTaking: Bool {
        guard case .point(let point) = place, channel != "run" else { return false }
        return point.hasSuffix("body") || point.hasSuffix("half") || point.hasSuffix("end")
    }

    static func point(_ point: String) -> Kill { Kill(place: .point(point)) }
    static func twice(_ point: String) -> Kill { Kill(place: .point(point), again: true) }

    /// Every point of every channel, and moments that a seed chooses.
    static let all: [Kill] =
        EveryChannel.names.flatMap { name in
            Receiver.points.map { Kill.point("\(name) \($0)") }
        } + MailReceiver.points.map { Kill.point("mail \($0)") } + commands
        + (EveryChannel.names.map { "\($0) body" } + ["mail end"]).map(twice)
        + moments(40, seed: UInt64(getpid()))
    static let commands = [
        Kill(place: .runner("order.json")), Kill(place: .runner("started.json")),
        .point("run begin"), .point("run end"), Kill(place: .runner("outcome.json")),
    ]
    /// One of each sort.
    static let some: [Kill] =
        [
            .point("hook body"), .point("text half"), .point("chat answered"),
            .twice("push body"), .point("mail end"), .point("mail RCPT"), .point("run begin"),
            Kill(place: .runner("order.json")),
        ] + moments(2, seed: 3)

    static func moments(_ count: Int, seed: UInt64) -> [Kill] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { index in
            Kill(
                place: .moment(microseconds: UInt32.random(in: 0..<50_000, using: &random)),
                atEnd: index % 2 == 1)
        }
    }
}

@Suite(.serialized) struct KilledSendingTests {
    @Test func `whenever the engine is killed, every message arrives by every channel`()
        async throws
    {
        let world = try await EveryChannel()
        let kills = triesEverything ? Kill.all : Kill.some
        for (index, kill) in kills.enumerated() {
            try await Self.round("round \(index + 1) of \(kill)", kill, world)
        }
        let receipts = try world.receipts()
        for (index, kill) in kills.enumerated() {
            Self.check("round \(index + 1) of \(kill)", kill, receipts)
        }
        Self.checkRepeats(receipts)
        let verified = try await world.engine.tocsin("events", "--verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
        print(Self.table(kills, receipts))
        try await world.engine.stop()
    }

    /// An emergency from its beginning to its end, with a kill on the way.
    private static func round(_ name: String, _ kill: Kill, _ world: EveryChannel) async throws {
        let engine = world.engine
        let activation = CommandRequest(command: "activate-emergency", reason: name, level: 1)
        let end = CommandRequest(command: "deactivate-emergency", resolvedBy: "tests")
        if kill.atEnd {
            try #require(await engine.command(activation))
            try await settled(name, engine)
            let answered = try await killed(kill, by: end, world)
            if await engine.situation()?.core.emergency != nil {
                #expect(!answered, "\(name): what was answered is not in the journal")
                try #require(await engine.command(end))
            }
        } else {
            let answered = try await killed(kill, by: activation, world)
            if await engine.situation()?.core.emergency == nil {
                #expect(!answered, "\(name): what was answered is not in the journal")
                try #require(await engine.command(activation))
            }
            try await settled(name, engine)
            try #require(await engine.command(end))
        }
        try await settled(name, engine)
    }

    /// Sends the command, waits for the kill, and starts a new engine.
    /// - Returns: whether the command was answered.
    private static func killed(
        _ kill: Kill, by request: CommandRequest, _ world: EveryChannel
    ) async throws -> Bool {
        let pid = world.engine.pid
        switch kill.place {
        case .point(let point): try world.trap.arm(point, pid)
        case .runner(let file): world.watchRunner(for: file, pid)
        case .moment(let microseconds):
            Thread.detachNewThread {
                var pause = timespec(tv_sec: 0, tv_nsec: Int(microseconds) * 1000)
                nanosleep(&pause, nil)
                Glibc.kill(pid, SIGKILL)
            }
        }
        let answered = await world.engine.command(request)
        try await eventually("the engine is killed: \(kill)") { !world.engine.isAlive }
        if kill.again, case .point(let point) = kill.place {
            // It reads its journal before it sends anything, so there is time.
            let next = try world.engine.launch()
            try world.trap.arm(point, next.pid)
            try await eventually("the next one is killed: \(kill)") { next.status != nil }
        }
        try await world.engine.start()
        return answered
    }

    /// Waits until nothing is on its way, and everything has arrived.
    private static func settled(_ name: String, _ engine: RealEngine) async throws {
        try await engine.wait("everything of \(name) is delivered") { situation in
            let mine = situation.deliveries.filter { $0.title.contains(name) }
            return !mine.isEmpty && situation.deliveries.allSatisfy(\.state.isOver)
        }
        let deliveries = try #require(await engine.situation()).deliveries
        for delivery in deliveries.filter({ $0.title.contains(name) }) {
            #expect(delivery.state == .delivered, "\(delivery)")
        }
    }

    /// Whether it reached everybody by every channel, as one message.
    private static func check(_ name: String, _ kill: Kill, _ receipts: [Receipt]) {
        let mine = receipts.filter {
            $0.title.hasSuffix(name) || $0.title.contains(name + ".") || $0.text.contains(name)
        }
        for channel in ["mail", "text", "hook", "chat", "push", "am", "pager", "run"] {
            let began = mine.filter {
                $0.channel == channel && $0.title.contains("LEVEL 1 CRITICAL")
                    && !$0.title.contains("Over") && !$0.title.hasPrefix("end of ")
            }
            #expect(!began.isEmpty, "\(name): nothing came by \(channel)")
            if kill.isAfterTaking, kill.channel == channel {
                // The engine cannot know that it was taken; a kill that repeats nothing was none.
                #expect(Set(began.map(\.key)).count < began.count, "\(name): no repeat")
            }
            let ids = Set(began.map(\.id))
            if channel == "mail" || channel == "text" {
                let to = Set(began.map(\.to))
                #expect(to.count == 2, "\(name): \(channel) came to \(to) only")
                #expect(ids.count == (channel == "mail" ? 2 : 1), "\(name): \(channel) has \(ids)")
            } else {
                #expect(ids.count == 1, "\(name): \(channel) has several ids: \(ids)")
            }
        }
    }

    /// A command never runs twice; where a channel cannot tell repeats, they say it of themselves.
    private static func checkRepeats(_ receipts: [Receipt]) {
        for (channel, ofChannel) in Dictionary(grouping: receipts, by: \.channel) {
            for (key, same) in Dictionary(grouping: ofChannel, by: \.key) {
                switch channel {
                case "run": #expect(same.count == 1, "the command ran \(same.count) times: \(key)")
                case "text", "chat", "push", "mail":
                    for again in same.dropFirst() {
                        #expect(again.isMarked, "\(channel) came again without a mark: \(key)")
                    }
                default: break
                }
            }
        }
    }

    /// The figures: kills, messages and what came more than once, for each channel.
    static func table(_ kills: [Kill], _ receipts: [Receipt]) -> String {
        func row(_ words: [String]) -> String {
            words.enumerated().map { index, word in
                let space = String(repeating: " ", count: max(0, 10 - word.count))
                return index == 0 ? word + space : space + word
            }.joined(separator: " ")
        }
        var lines = [row(["channel", "kills in it", "messages", "arrivals", "repeats", "marked"])]
        for channel in ["mail", "text", "chat", "push", "hook", "pager", "am", "run"] {
            let mine = receipts.filter { $0.channel == channel }
            let groups = Dictionary(grouping: mine, by: \.key).values
            lines.append(
                row([
                    channel,
                    "\(kills.filter { $0.channel == channel }.map { $0.again ? 2 : 1 }.reduce(0, +))",
                    "\(groups.count)",
                    "\(mine.count)", "\(mine.count - groups.count)",
                    "\(mine.filter(\.isMarked).count)",
                ]))
        }
        let count = kills.count + kills.filter(\.again).count
        lines.append("\(count) kills; those of `am` include its reminders")
        return lines.joined(separator: "\n")
    }
}
