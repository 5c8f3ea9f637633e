// Commanding an emergency: activate, acknowledge, hand over, escalate, note, report, deactivate.
import ArgumentParser
import Domain
import Wire

struct ActivateEmergency: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "activate-emergency", "Declares an emergency.",
        ("tocsin activate-emergency --reason \"No messages\" --level 1", "the worst"),
        ("tocsin activate-emergency --reason Slow --triggered-by cron", "a script"))
    @Option(name: [.long, .customLong("message")], help: "Why, in a sentence.")
    var reason: String
    @Option(help: "Who or what found it; recorded beside your login name.")
    var triggeredBy: String?
    @Option(help: "1 Critical, 2 High, 3 Medium, 4 Low; otherwise what the triggers say.")
    var level: Int?
    @OptionGroup var common: CommonOptions

    func validate() throws { try checkLevel(level) }
    func run() throws {
        try reporting(.act, common) { session in
            let answer = try session.command(
                CommandRequest(
                    command: "activate-emergency", reason: reason, triggeredBy: triggeredBy,
                    level: level))
            var taken: LevelReport?
            if level == nil { taken = try session.situation().core.level }
            try session.show(ActResult(answer)) {
                causedLines(answer.events) + Self.remarks(answer, taken: taken)
            }
            return 0
        }
    }

    /// What is not plain from the events: which level was taken, and that an emergency goes on.
    static func remarks(_ answer: CommandAnswer, taken: LevelReport?) -> [Line] {
        var lines: [Line] = []
        if let again = answer.events.first(where: { $0.kind == "emergency-reopened" }) {
            let id = again.emergency.map { " as \($0)" } ?? ""
            lines.append(Line("It goes on\(id), which ended less than an hour ago.", .warning))
        }
        if let taken {
            let lower =
                taken.number < 4
                ? " To lower it: tocsin set-level \(taken.number + 1) --reason …" : ""
            lines.append(
                Line(
                    "No level was named: the worst, \(taken.number) \(taken.name), was taken.\(lower)"
                )
            )
        }
        return lines + Session.onItsWay(answer.messages)
    }
}

private func checkLevel(_ level: Int?) throws {
    guard let level else { return }
    guard (1...4).contains(level) else { throw ValidationError("a level is 1, 2, 3 or 4") }
}

struct Acknowledge: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "acknowledge", "Takes the emergency: the response clock and the escalation stop.",
        "With --for, they go on after that time unless the emergency is over or taken again.",
        ("tocsin acknowledge --message \"looking at the database\"", "it is mine"),
        ("tocsin acknowledge --for 30m", "then go on"))
    @Option(
        name: .customLong("for"), help: "For how long, such as 30m; otherwise until its end.",
        transform: Length.read)
    var span: Length?
    @Option(name: [.long, .customLong("reason")], help: "What you do about it.")
    var message: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.act(
                CommandRequest(command: "acknowledge", text: message, span: span?.span.spelled))
        }
    }
}

struct HandOver: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "hand-over", "Gives the command of the emergency to somebody else, who is told.",
        ("tocsin hand-over --to tomas", "by their name"),
        ("tocsin hand-over --to tomas --message \"call the vendor\"", "what to know"))
    @Option(help: ArgumentHelp("Who takes it.", valueName: "person"))
    var to: String
    @Option(name: [.long, .customLong("reason")], help: "What they have to know.")
    var message: String?
    @Flag(name: .customLong("no-wait"), help: "Be done when it is in the outbox.")
    var noWait = false
    @Option(
        help: "How long to wait until they have been told; it is tried on after that.",
        transform: Length.read)
    var timeout = Length(.seconds(10))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try run(
                session,
                try session.command(
                    CommandRequest(command: "hand-over", text: message, target: to)))
        }
    }

    private func run(_ session: Session, _ answer: CommandAnswer) throws -> Int32 {
        guard let message = Self.message(answer) else {
            // They took it themselves.
            try session.show(ActResult(answer)) {
                causedLines(answer.events) + Session.onItsWay(answer.messages)
            }
            return 0
        }
        var follower = DeliveryFollower(messages: [message.id], unreachable: message.missed)
        let waits = !noWait && message.missed.isEmpty
        if waits {
            follower = try DeliveryWatch(session: session, timeout: timeout.span).run(follower)
        }
        let standing = follower.standing
        try session.show(Session.result(answer, follower)) {
            var lines = causedLines(answer.events) + DeliveryText.lines(follower.deliveries)
            if !standing.reached.isEmpty {
                let names = standing.reached.joined(separator: ", ")
                lines.append(Line("● Told: \(names)", .good))
            } else if !waits {
                lines += Session.onItsWay(answer.messages)
            }
            return lines
        }
        if !standing.reached.isEmpty || noWait && message.missed.isEmpty { return 0 }
        session.complain(Self.complaint(standing, message))
        return 1
    }

    /// The one to whom it was handed over; the others hear of it besides. Nil: they did it themselves.
    static func message(_ answer: CommandAnswer) -> MessageReport? {
        answer.queued.first { $0.purpose == .emergency }
    }

    static func complaint(_ standing: DeliveryStanding, _ message: MessageReport) -> String {
        let whom = message.people.joined(separator: ", ")
        let why =
            message.missed.isEmpty
            ? standing.missed.compactMap { standing.trouble(of: $0) }.first ?? "no answer yet"
            : "no channel reaches them"
        return "handed over, but \(whom) has not been told: \(why); telephone them"
    }
}

struct DeactivateEmergency: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "deactivate-emergency", "Ends the emergency.",
        "While something still fails, it asks for --reason: a word about that.",
        ("tocsin deactivate-emergency --resolved-by ines", "it is over"),
        ("tocsin deactivate-emergency --resolved-by ines --reason mended", "and why"))
    @Option(help: "Who resolved it; recorded beside your login name.")
    var resolvedBy: String
    @Option(name: [.long, .customLong("message")], help: "How it was resolved.")
    var reason: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.act(
                CommandRequest(
                    command: "deactivate-emergency", reason: reason, resolvedBy: resolvedBy))
        }
    }
}

struct Escalate: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "escalate", "Takes the next step of the escalation matrix now.",
        ("tocsin escalate", "tell the next people"),
        ("tocsin escalate --reason \"the disk is full\"", "and say why"))
    @Option(name: [.long, .customLong("message")], help: "Why; they are told.")
    var reason: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "escalate", reason: reason))
        }
    }
}

struct SetLevel: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "set-level", "Raises or lowers the level of the open emergency.",
        ("tocsin set-level 1 --reason \"nothing is delivered\"", "worse"),
        ("tocsin set-level 3 --reason \"one server only\"", "better"))
    @Argument(help: "1 Critical, 2 High, 3 Medium, 4 Low.")
    var level: Int
    @Option(name: [.long, .customLong("message")], help: "Why, in a sentence.")
    var reason: String
    @OptionGroup var common: CommonOptions

    func validate() throws { try checkLevel(level) }
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "set-level", reason: reason, level: level))
        }
    }
}

struct Note: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "note", "Writes a note into the journal.",
        ("tocsin note \"called the hosting provider\"", "for the report"),
        ("tocsin note disk replaced at 14:10", "quotes are not needed"))
    @Argument(help: "The note.")
    var text: [String]
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if text.isEmpty { throw ValidationError("say what to note") }
    }
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(
                CommandRequest(command: "note", text: text.joined(separator: " ")))
        }
    }
}

/// A kind of problem is a word of the runbook; the engine knows which ones it asks for.
private func checkKind(_ kind: String) throws {
    if kind.isEmpty { throw ValidationError("name a kind of problem, such as security") }
}

struct ReportProblem: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "report-problem", "Reports what no probe can see: a security breach, corrupted data.",
        """
        Kinds are security, corruption, and what else the runbook's triggers ask for with `reported`. \
        They and the rollback rules decide what follows from it.
        """,
        ("tocsin report-problem security \"tokens in the log\"", "a breach"),
        ("tocsin report-problem corruption", "wrong data"))
    @Argument(help: "What kind of problem.")
    var kind: String
    @Argument(help: "What was seen.")
    var text: [String] = []
    @Option(name: [.long, .customLong("reason")], help: "The same, as an option.")
    var message: String?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        try checkKind(kind)
        if message != nil, !text.isEmpty {
            throw ValidationError("say what was seen once: as words or with --message")
        }
    }
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(
                CommandRequest(
                    command: "report-problem", name: kind,
                    text: message ?? text.joined(separator: " ")))
        }
    }
}

struct ClearProblem: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "clear-problem", "Takes a reported problem back: it is dealt with.",
        ("tocsin clear-problem security", "the breach is closed"),
        ("tocsin clear-problem corruption", "the data is right again"))
    @Argument(help: "What kind of problem.")
    var kind: String
    @OptionGroup var common: CommonOptions

    func validate() throws { try checkKind(kind) }
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "clear-problem", name: kind))
        }
    }
}
