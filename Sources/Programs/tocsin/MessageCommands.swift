// Telling people: administrators, users, the status page, the dashboards, the ticket system.
import ArgumentParser
import Domain
import Wire

/// As `MessagePriority` has them, the worst first.
enum Priority: String, ExpressibleByArgument, CaseIterable { case critical, high, normal, low }

/// - Throws: `ValidationError` when there is nothing in it.
private func checkText(_ text: String, _ option: String) throws {
    if text.allSatisfy(\.isWhitespace) { throw ValidationError("\(option) must say something") }
}

struct SendNotification: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "send-notification", "Tells administrators, a role or a person something.",
        """
        By the channels that the escalation matrix uses for a level of this priority, or by those that \
        are named. Exit status 0 when everybody was reached, 1 when not (yet).
        """,
        ("tocsin send-notification --title Drill --message \"At ten\"", "to all"),
        ("tocsin send-notification --title Call --message me --target ines", "to one"))
    @Option(help: "One line.")
    var title: String
    @Option(name: [.long, .customLong("reason")], help: "The text.")
    var message: String
    @Option(help: "A role, a person, or admins.")
    var target = "admins"
    @Option(help: "critical, high, normal or low.")
    var priority = Priority.normal
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Channels of the runbook, the preferred one first.", valueName: "channel"))
    var via: [String] = []
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var common: CommonOptions

    func validate() throws { try checkText(title, "--title") }
    func run() throws {
        try reporting(.act, common) { session in
            try session.send(
                CommandRequest(
                    command: "send-notification", text: message, title: title, target: target,
                    priority: priority.rawValue, via: via.isEmpty ? nil : via), waiting
            ) { Line("● Told: \($0.standing.reached.joined(separator: ", "))", .good) }
        }
    }
}

struct SendUserNotification: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "send-user-notification", "Tells the people who use the service something.",
        """
        By a channel of the runbook that reaches them; `fallback` is the one named users. Exit status 0 \
        when it has arrived, 1 when not (yet).
        """,
        ("tocsin send-user-notification --message \"Reload.\" --channel fallback", "all"),
        ("tocsin send-user-notification --message Solved --channel banner", "by one"))
    @Option(name: [.long, .customLong("reason")], help: "The text.")
    var message: String
    @Option(help: "The channel's name, or fallback.")
    var channel: String
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var common: CommonOptions

    func validate() throws { try checkText(message, "--message") }
    func run() throws {
        try reporting(.act, common) { session in
            try session.send(
                CommandRequest(
                    command: "send-user-notification", name: channel, text: message), waiting
            ) { _ in Line("● The users were told.", .good) }
        }
    }
}

struct UpdateStatusPage: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "update-status-page", "Says on the status page how the service is.",
        "Exit status 0 when the page has taken it, 1 when not (yet).",
        ("tocsin update-status-page --status degraded --message \"On it\"", "begin"),
        ("tocsin update-status-page --status operational --message Solved", "end"))
    @Option(help: "A word that the status page knows.")
    var status: String
    @Option(name: [.long, .customLong("reason")], help: "What readers are told.")
    var message: String
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var common: CommonOptions

    func validate() throws { try checkText(status, "--status") }
    func run() throws {
        try reporting(.act, common) { session in
            try session.send(
                CommandRequest(command: "update-status-page", text: message, status: status),
                waiting
            ) { _ in Line("● The status page says \(status).", .good) }
        }
    }
}

struct UpdateDashboard: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "update-dashboard", "Shows a line on every dashboard and wall display.",
        ("tocsin update-dashboard --status call --message \"Bridge 7\"", "show it"),
        ("tocsin update-dashboard --clear", "take it away"))
    @Option(help: "A word for it.")
    var status: String?
    @Option(name: [.long, .customLong("reason")], help: "The line.")
    var message: String?
    @Flag(help: "Take the line away.")
    var clear = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if clear {
            guard status == nil, message == nil else {
                throw ValidationError("--clear stands alone")
            }
            return
        }
        guard let status else { throw ValidationError("say --status, or --clear") }
        try checkText(status, "--status")
    }
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(
                CommandRequest(
                    command: "update-dashboard", text: clear ? nil : message ?? "",
                    status: clear ? "clear" : status))
        }
    }
}

struct CreateIncident: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "create-incident", "Opens a ticket; its number is kept with the emergency.",
        "Exit status 0 when the ticket is open, 1 when not (yet).",
        ("tocsin create-incident --title Outage --priority critical", "and wait"),
        ("tocsin create-incident --title Slow --assignee ines --no-wait", "a script"))
    @Option(help: "One line.")
    var title: String
    @Option(help: "A word that the ticket system knows.")
    var priority = "high"
    @Option(help: "Whose it is.")
    var assignee: String?
    @Option(name: [.long, .customLong("reason")], help: "What is known.")
    var message: String?
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var common: CommonOptions

    func validate() throws { try checkText(title, "--title") }
    func run() throws {
        try reporting(.act, common) { session in
            try session.send(
                CommandRequest(
                    command: "create-incident", text: message, title: title, priority: priority,
                    assignee: assignee), waiting, done: Self.ticket)
        }
    }

    static func ticket(_ follower: DeliveryFollower) -> Line? {
        let receipt = follower.deliveries.first { $0.state == .delivered }?.receipt ?? ""
        if receipt.isEmpty {
            return Line("● The ticket is open", .good)
                + "; the ticket system's answer has no number (`number:` under tickets:)."
        }
        return Line("● Ticket ", .good) + (receipt, .strong)
    }
}

struct NotifyRollbackStart: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "notify-rollback-start", "Tells every administrator that the rollback begins.",
        "It tells them, and starts nothing. Exit status 0 when all were reached, 1 when not (yet).",
        ("tocsin notify-rollback-start", "and wait"),
        ("tocsin notify-rollback-start --no-wait", "be done at once"))
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.send(CommandRequest(command: "notify-rollback-start"), waiting) {
                Line("● Told: \($0.standing.reached.joined(separator: ", "))", .good)
            }
        }
    }
}
