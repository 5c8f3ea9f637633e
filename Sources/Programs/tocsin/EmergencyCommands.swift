// Commanding an emergency: activate, acknowledge, escalate, note, report, deactivate.
import ArgumentParser
import Domain
import Wire

struct ActivateEmergency: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "activate-emergency", "Declares an emergency.",
        ("tocsin activate-emergency --reason \"No messages\" --level 1", "the worst"),
        ("tocsin activate-emergency --reason Slow --triggered-by cron", "a script"))
    @Option(help: "Why, in a sentence.")
    var reason: String
    @Option(help: "Who or what found it; recorded beside your login name.")
    var triggeredBy: String?
    @Option(help: "1 Critical, 2 High, 3 Medium, 4 Low; otherwise what the triggers say.")
    var level: Int?
    @OptionGroup var common: CommonOptions

    func validate() throws { try checkLevel(level) }
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(
                CommandRequest(
                    command: "activate-emergency", reason: reason, triggeredBy: triggeredBy,
                    level: level))
        }
    }
}

private func checkLevel(_ level: Int?) throws {
    guard let level else { return }
    guard (1...4).contains(level) else { throw ValidationError("a level is 1, 2, 3 or 4") }
}

struct Acknowledge: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "acknowledge", "Takes the emergency: the response clock and the escalation stop.",
        ("tocsin acknowledge", "it is mine"),
        ("tocsin acknowledge --reason \"looking at the database\"", "and say what I do"))
    @Option(help: "What you do about it.")
    var reason: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "acknowledge", reason: reason))
        }
    }
}

struct DeactivateEmergency: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "deactivate-emergency", "Ends the emergency.",
        ("tocsin deactivate-emergency --resolved-by ines", "it is over"),
        ("tocsin deactivate-emergency --resolved-by ines --reason mended", "and why"))
    @Option(help: "Who resolved it; recorded beside your login name.")
    var resolvedBy: String
    @Option(help: "How it was resolved.")
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
    @Option(help: "Why; they are told.")
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
    @Option(help: "Why, in a sentence.")
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

enum Problem: String, ExpressibleByArgument, CaseIterable { case security, corruption }

struct ReportProblem: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "report-problem", "Reports what no probe can see: a security breach, corrupted data.",
        "Triggers and rollback rules of the runbook decide what follows from it.",
        ("tocsin report-problem security \"tokens in the log\"", "a breach"),
        ("tocsin report-problem corruption", "wrong data"))
    @Argument(help: "What kind of problem.")
    var kind: Problem
    @Argument(help: "What was seen.")
    var text: [String] = []
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.act(
                CommandRequest(
                    command: "report-problem", name: kind.rawValue,
                    text: text.joined(separator: " ")))
        }
    }
}

struct ClearProblem: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "clear-problem", "Takes a reported problem back: it is dealt with.",
        ("tocsin clear-problem security", "the breach is closed"),
        ("tocsin clear-problem corruption", "the data is right again"))
    @Argument(help: "What kind of problem.")
    var kind: Problem
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "clear-problem", name: kind.rawValue))
        }
    }
}
