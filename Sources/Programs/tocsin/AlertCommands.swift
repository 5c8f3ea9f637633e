// The ways that messages go: who else is told, whether they work, and what is on its way.
import ArgumentParser
import Domain
import FoundationEssentials
import Wire

struct ConfigureAlerts: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "configure-alerts", "Adds addresses that are told of every emergency of level 1 to 3.",
        """
        They are written to alerts.local.yaml beside the runbook, never to the runbook itself. Without \
        options: what is configured now.
        """,
        ("tocsin configure-alerts --email me@example.com --sms +15550100", "told too"),
        ("tocsin configure-alerts --remove me@example.com", "no longer"))
    @Option(parsing: .upToNextOption, help: "Mail addresses.")
    var email: [String] = []
    @Option(parsing: .upToNextOption, help: "Telephone numbers, as +15550100.")
    var sms: [String] = []
    @Option(parsing: .upToNextOption, help: "URLs.")
    var webhook: [String] = []
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Addresses to take away.", valueName: "address"))
    var remove: [String] = []
    @Flag(help: "Take away every address that is there before adding.")
    var clear = false
    @OptionGroup var common: CommonOptions

    struct Answer: Encodable {
        var file: String
        var alerts: LocalAlerts
    }

    func run() throws {
        try reporting(.act, common) { session in
            var runbook = try session.runbook()
            let before = runbook.localAlerts ?? LocalAlerts()
            let asked = !(email + sms + webhook + remove).isEmpty || clear
            if asked {
                let after = try wanted(before)
                do {
                    _ = try session.command(
                        CommandRequest(
                            command: "configure-alerts", email: after.email, sms: after.sms,
                            webhook: after.webhook))
                } catch let failure as Failure where failure.rule == "no-channel-for-it" {
                    throw Self.withExample(failure, after)
                }
                runbook = try session.runbook()
            }
            let file = folder(of: runbook.path) + "/alerts.local.yaml"
            let alerts = runbook.localAlerts ?? LocalAlerts()
            try session.show(Answer(file: file, alerts: alerts)) { Self.lines(alerts, file) }
            return 0
        }
    }

    /// The refusal with a channel to copy for each kind that was asked for.
    static func withExample(_ failure: Failure, _ asked: LocalAlerts) -> Failure {
        let examples = [
            (
                "email", asked.email,
                #"mail: { email: { server: "smtp://mail.example.com:587", from: tocsin@example.com } }"#
            ),
            (
                "sms", asked.sms,
                #"text: { sms: { url: "https://sms.example.com/send", method: POST, json: { to: "{{to}}", body: "{{text}}" } } }"#
            ),
            (
                "webhook", asked.webhook,
                #"hook: { webhook: { url: "https://hooks.example.com/tocsin" } }"#
            ),
        ].filter { kind, addresses, _ in !addresses.isEmpty && failure.why.contains(kind) }
        var failure = failure
        failure.remedy =
            "Nothing was written. Add such a channel to the runbook, and configure again:\n"
            + "    channels:\n" + examples.map { "      \($0.2)" }.joined(separator: "\n")
        return failure
    }

    /// What is to be there afterwards.
    /// - Throws: `Failure` for an address to take away that is not there: it would go on being told.
    func wanted(_ present: LocalAlerts) throws -> LocalAlerts {
        let all = present.email + present.sms + present.webhook
        if let unknown = remove.first(where: { !all.contains($0) }) {
            throw Failure(
                .refused, rule: "unknown-address", why: "\(unknown) is not configured",
                remedy: all.isEmpty ? "None is." : "There are \(all.joined(separator: ", "))")
        }
        func list(_ old: [String], _ new: [String]) -> [String] {
            var result = clear ? [] : old.filter { !remove.contains($0) }
            for address in new where !result.contains(address) { result.append(address) }
            return result
        }
        return LocalAlerts(
            email: list(present.email, email), sms: list(present.sms, sms),
            webhook: list(present.webhook, webhook))
    }

    static func lines(_ alerts: LocalAlerts, _ file: String) -> [Line] {
        if alerts.isEmpty {
            return ["Nobody but the runbook's people is told of emergencies."]
        }
        let kinds = [("mail", alerts.email), ("SMS", alerts.sms), ("webhook", alerts.webhook)]
        return [Line("Told of every emergency of level 1 to 3:")]
            + table(
                kinds.flatMap { kind, addresses in
                    addresses.map { [(kind, .quiet), ($0, .strong)] }
                }, indent: "  ") + [Line(file, .quiet)]
    }
}

struct TestAlerts: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "test-alerts", "Sends a marked test through every channel, and says what happened.",
        """
        To you, or to the person that is named; not through the channels that reach users, unless one \
        is named. Exit status: 0 all arrived, 1 some did not, 2 none did, 3 unknown.
        """,
        ("tocsin test-alerts", "every channel"),
        ("tocsin test-alerts --channel mail --to ines", "one channel, to one person"))
    @Option(help: "The channel's name; otherwise all but the users'.")
    var channel: String?
    @Option(help: ArgumentHelp("Who gets it; otherwise you.", valueName: "person"))
    var to: String?
    @Option(help: "How long to wait for answers.", transform: Length.read)
    var timeout = Length(.seconds(30))
    @OptionGroup var common: CommonOptions

    struct Answer: Encodable {
        /// Healthy: all arrived.
        var state: Health
        var deliveries: [DeliveryReport]
    }

    func run() throws {
        try reporting(.check, common) { session in
            let answer = try session.command(
                CommandRequest(command: "test-alerts", name: channel, target: to))
            let follower = try DeliveryWatch(session: session, timeout: timeout.span).run(
                DeliveryFollower(messages: answer.messages, until: .itsFirstAttempt))
            let state = Self.state(follower.deliveries)
            try session.show(Answer(state: state, deliveries: follower.deliveries)) {
                Self.lines(follower.deliveries)
            }
            return state.status
        }
    }

    /// A test that has no answer yet is not known to have failed.
    static func state(_ deliveries: [DeliveryReport]) -> Health {
        let arrived = deliveries.filter { $0.state == .delivered }.count
        if arrived > 0 { return arrived == deliveries.count ? .healthy : .degraded }
        let failed = deliveries.contains {
            $0.state == .dead || $0.state == .dropped || $0.hasFailed
        }
        return failed ? .failed : .unknown
    }

    static func lines(_ deliveries: [DeliveryReport]) -> [Line] {
        if deliveries.isEmpty { return ["No channel could be tried."] }
        let heads = ["", "channel", "kind", "to", "result", "seconds", ""].map { ($0, Ink.quiet) }
        return table(
            [heads]
                + deliveries.map { delivery in
                    [
                        (DeliveryText.sign(delivery), DeliveryText.ink(delivery)),
                        (delivery.channel, .strong), (delivery.kind, .plain),
                        (delivery.people.joined(separator: ", "), .plain),
                        (result(delivery), DeliveryText.ink(delivery)),
                        (seconds(delivery), .plain),
                        (
                            delivery.state == .delivered ? delivery.receipt : delivery.trouble,
                            .plain
                        ),
                    ]
                })
    }

    private static func result(_ delivery: DeliveryReport) -> String {
        switch delivery.state {
        case .delivered: "arrived"
        case .dead: "refused"
        case .dropped: "not sent"
        case .waiting: delivery.hasFailed ? "failed" : "no answer yet"
        case .sending: "no answer yet"
        }
    }

    private static func seconds(_ delivery: DeliveryReport) -> String {
        guard let from = Timestamp(rfc3339: delivery.queuedAt),
            let to = Timestamp(rfc3339: delivery.endedAt ?? "")
        else { return "" }
        let hundredths = Int(((to - from).seconds * 100).rounded())
        let cents = hundredths % 100
        return "\(hundredths / 100).\(cents < 10 ? "0" : "")\(cents)"
    }
}

struct OutboxCommand: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "outbox", "Messages on their way, why they are not there yet, and what was given up.",
        ("tocsin outbox", "what has not arrived"),
        ("tocsin outbox --retry message_20260105_001.2", "the cause is mended: try again"))
    @Flag(help: "What has arrived lately too.")
    var all = false
    @Option(help: ArgumentHelp("Have a delivery tried again now.", valueName: "id"))
    var retry: String?
    @Option(help: ArgumentHelp("Take a delivery that was given up off the list.", valueName: "id"))
    var dismiss: String?
    @OptionGroup var common: CommonOptions

    struct Answer: Encodable {
        var outbox: OutboxReport
        var channels: [ChannelReport]
        var deliveries: [DeliveryReport]
    }

    func validate() throws {
        if retry != nil && dismiss != nil || all && (retry ?? dismiss) != nil {
            throw ValidationError("--all, --retry and --dismiss exclude each other")
        }
    }

    func run() throws {
        try reporting(.act, common) { session in
            if let retry {
                return try session.act(CommandRequest(command: "retry-delivery", name: retry))
            }
            if let dismiss {
                return try session.act(CommandRequest(command: "dismiss-delivery", name: dismiss))
            }
            let situation = try session.situation()
            let shown = situation.deliveries.filter {
                all || !$0.state.isOver || $0.state == .dead
            }
            let core = situation.core
            try session.show(
                Answer(outbox: core.outbox, channels: core.channels, deliveries: shown)
            ) { Self.lines(shown, core) }
            return 0
        }
    }

    static func lines(_ deliveries: [DeliveryReport], _ core: SituationCore) -> [Line] {
        if deliveries.isEmpty { return [Line("● Nothing waits, and nothing was given up.", .good)] }
        let heads = table(
            deliveries.map { delivery in
                [
                    (DeliveryText.sign(delivery), DeliveryText.ink(delivery)),
                    (DeliveryText.state(delivery), DeliveryText.ink(delivery)),
                    (delivery.channel, .plain),
                    (delivery.people.joined(separator: ", "), .plain),
                ]
            })
        // Below each, what is in the way; what it says comes last.
        let rows = zip(heads, deliveries).flatMap { head, delivery in
            [
                head,
                Line("     \(delivery.id)", .quiet)
                    + [age(delivery, core.time), DeliveryText.detail(delivery), delivery.title]
                    .filter { !$0.isEmpty }.map { " · \($0)" }.joined(),
            ]
        }
        return rows + [Line(""), summary(core.outbox)] + channels(core.channels)
    }

    private static func age(_ delivery: DeliveryReport, _ now: String) -> String {
        if delivery.state.isOver { return "" }
        return Words.length(from: delivery.queuedAt, to: now).map { "for \($0)" } ?? ""
    }

    /// The outbox in numbers; `status` says it too.
    static func summary(_ outbox: OutboxReport) -> Line {
        var parts: [(String, Ink)] = []
        let onTheWay = outbox.waiting + outbox.sending
        if onTheWay > 0 {
            parts.append((Words.count(onTheWay, "message", "messages") + " on the way", .plain))
        }
        if outbox.retrying > 0 { parts.append(("\(outbox.retrying) failing so far", .warning)) }
        if outbox.dead > 0 { parts.append(("\(outbox.dead) given up", .bad)) }
        if parts.isEmpty { return Line("Nothing waits.") }
        var line = Line("")
        for (index, part) in parts.enumerated() {
            line = (index == 0 ? line : line + " · ") + part
        }
        return line
    }

    /// Those that fail, and why.
    static func channels(_ channels: [ChannelReport]) -> [Line] {
        channels.filter { $0.state == .failing }.map { channel in
            Line("✖ \(channel.name)", .bad) + (" (\(channel.kind)) fails", .bad)
                + (channel.trouble.isEmpty ? "" : ": \(channel.trouble)", .plain)
        }
    }
}
