// Which forms there are, and the commands that they become.
import Domain
import Screen
import Wire

/// Why a form cannot be sent as it is.
struct Complaint: Error, Equatable {
    var field: String
    var text: String
}

extension Model {
    // MARK: What a form becomes

    func order(of state: FormState) -> Result<CommandRequest, Complaint> {
        switch state.kind {
        case .acknowledge: return acknowledgement(state)
        case .override: return override(state)
        case .handOver:
            return .success(
                CommandRequest(
                    command: "hand-over", text: state.given("text"), target: state.given("target")))
        case .level:
            return .success(
                CommandRequest(
                    command: "set-level", reason: state.given("reason"),
                    level: Int(state.value("level"))))
        case .report:
            let other = state.given("other")
            guard let kind = other ?? state.given("kind") else {
                return .failure(Complaint(field: "other", text: "name the kind of problem"))
            }
            return .success(
                CommandRequest(command: "report-problem", name: kind, text: state.given("text")))
        case .clear:
            return .success(CommandRequest(command: "clear-problem", name: state.given("kind")))
        case .notification:
            return .success(
                CommandRequest(
                    command: "send-notification", text: state.given("text"),
                    title: state.given("title"), target: state.given("target"),
                    priority: state.given("priority"), via: channels(state.value("via"))))
        case .users:
            return .success(
                CommandRequest(
                    command: "send-user-notification", name: state.given("channel"),
                    text: state.given("text")))
        case .line:
            // Without words the line goes away.
            guard let text = state.given("text") else {
                return .success(CommandRequest(command: "update-dashboard", status: "clear"))
            }
            return .success(
                CommandRequest(
                    command: "update-dashboard", text: text, status: state.given("status")))
        case .statusPage:
            return .success(
                CommandRequest(
                    command: "update-status-page", text: state.given("text"),
                    status: state.given("status")))
        case .ticket:
            return .success(
                CommandRequest(
                    command: "create-incident", text: state.given("text"),
                    title: state.given("title"), priority: state.given("priority"),
                    assignee: state.given("assignee")))
        case .test:
            return .success(
                CommandRequest(
                    command: "test-alerts", name: state.given("channel"),
                    target: state.given("target")))
        }
    }

    /// Names as one types several, with commas or blanks between; nil for none.
    private func channels(_ text: String) -> [String]? {
        let names = text.split { $0 == "," || $0.isWhitespace }.map(String.init)
        return names.isEmpty ? nil : names
    }

    private func acknowledgement(_ state: FormState) -> Result<CommandRequest, Complaint> {
        let typed = state.given("other")
        guard let span = typed ?? state.given("span") else {
            return .success(CommandRequest(command: "acknowledge", text: state.given("text")))
        }
        guard let read = Span(span), read.seconds > 0 else {
            return .failure(
                Complaint(field: "other", text: "a length of time is written 15m, 1h or 90m"))
        }
        return .success(
            CommandRequest(command: "acknowledge", text: state.given("text"), span: read.spelled))
    }

    /// `until` is a length of time from now, a time of day (UTC, the next one), or RFC 3339.
    private func override(_ state: FormState) -> Result<CommandRequest, Complaint> {
        let typed = state.value("until")
        guard let now = engineNow, let until = Moments.read(typed, after: now) else {
            return .failure(
                Complaint(field: "until", text: "write 8h, 18:00 or 2026-01-06T09:00:00Z (UTC)"))
        }
        guard until > now else {
            return .failure(Complaint(field: "until", text: "that is over already"))
        }
        return .success(
            CommandRequest(
                command: "override-on-call", target: state.given("target"),
                role: state.given("role"), until: until.rfc3339))
    }

    // MARK: The forms

    mutating func open(_ form: FormState) -> [Effect] {
        var form = form
        // The first thing that is typed goes where it belongs.
        form.focus = form.fields.firstIndex { $0.needed != nil && $0.value.isEmpty } ?? 0
        sheet = .form(form)
        return []
    }

    var acknowledgeForm: FormState {
        let spans = [("", "it lasts"), ("15m", "15 m"), ("30m", "30 m"), ("1h", "1 h")]
        return FormState(
            kind: .acknowledge, title: "Take the emergency",
            advice:
                "The clock and the escalation stop. For a time: they go on by themselves when it"
                + " is over and nobody has ended the emergency.",
            verb: "take it",
            fields: [
                FormField(
                    name: "span", label: "For",
                    content: .row(
                        spans.map { FormField.Choice(value: $0.0, label: $0.1) }, selected: 0)),
                .text("other", "or for", "another length of time: 45m, 2h"),
                .text("text", "Word", "what you are going to do; may be left out"),
            ])
    }

    /// To whom the command can go: everybody but whoever has it now.
    var successors: [PersonReport] {
        let holder = emergency?.acknowledgedBy ?? you?.user
        return (runbook?.people ?? []).filter { $0.user != holder }
    }

    var handOverForm: FormState {
        let people = successors
        let duty = Set(onCall.map { person($0.now) })
        // Whoever opens it while another has the emergency means to take it over.
        let first =
            people.firstIndex { $0.user == you?.user }
            ?? people.firstIndex { duty.contains($0.name) } ?? 0
        return FormState(
            kind: .handOver, title: "Hand over the command",
            advice: "Whoever you pick has the emergency from then on, and is told.",
            verb: "hand over …",
            fields: [
                FormField(
                    name: "target", label: "To",
                    content: .list(
                        people.map { one in
                            FormField.Choice(
                                value: one.id, label: one.name,
                                detail: (one.user == you?.user ? "you take it over · " : "")
                                    + (duty.contains(one.name) ? "● on call · " : "")
                                    + one.roles.joined(separator: ", "))
                        }, selected: first),
                    needed: "the runbook names nobody else"),
                .text("text", "Word", "where things stand, what is next"),
            ])
    }

    var levelForm: FormState {
        let present = emergency?.level ?? 2
        // Unsure means the worse one.
        let worse = max(1, present - 1)
        return FormState(
            kind: .level, title: "Set the level",
            advice: "Unsure between two? Take the worse one; it stands selected.",
            verb: "set it", role: Level(wire: worse).role,
            fields: [
                FormField(
                    name: "level", label: "Level",
                    content: .list(levelChoices(present: present), selected: worse - 1)),
                .text(
                    "reason", "Why", "what made you see it so", needed: "say why, in a few words"),
            ])
    }
    private func levelChoices(present: Int) -> [FormField.Choice] {
        Level.allCases.map { level in
            let known = core?.escalation.first { $0.level == level.rawValue }
            let within = Times.minutes(known?.respondWithinSeconds ?? level.respondWithin.seconds)
            let now = level.rawValue == present ? "now · " : ""
            return FormField.Choice(
                value: String(level.rawValue),
                label: "\(level.sign) \(level.rawValue) \(known?.name ?? level.name)",
                detail: "\(now)respond within \(within)  \(known?.means ?? "")", role: level.role)
        }
    }

    var reportForm: FormState {
        let known = [
            ("security", "a breach, leaked data, an intruder"),
            ("corruption", "data that is wrong or lost"),
        ]
        let reported = core?.problems ?? []
        func detail(_ kind: String, _ text: String) -> String {
            guard let one = reported.first(where: { $0.kind == kind }) else { return text }
            return "▲ reported \(Times.ofDay(one.at)) by \(firstName(one.by))"
        }
        return FormState(
            kind: .report, title: "Report a problem that no probe can see",
            advice: "Triggers and rollback rules of the runbook decide what follows from it.",
            verb: "report it …", role: .bad,
            fields: [
                FormField(
                    name: "kind", label: "Kind",
                    content: .list(
                        known.map {
                            FormField.Choice(
                                value: $0.0, label: $0.0, detail: detail($0.0, $0.1))
                        }, selected: 0)),
                .text("text", "Seen", "what was seen, where", needed: "say what was seen"),
                .text("other", "or kind", "another kind that the runbook has a trigger for"),
            ])
    }

    var clearForm: FormState {
        let all = core?.problems ?? []
        let kinds =
            all.map(\.kind)
            + (core?.reported ?? []).filter { kind in
                !all.contains { $0.kind == kind }
            }
        return FormState(
            kind: .clear, title: "A reported problem is dealt with", verb: "it is dealt with",
            fields: [
                FormField(
                    name: "kind", label: "Problem",
                    content: .list(
                        kinds.map { kind in
                            FormField.Choice(
                                value: kind, label: kind,
                                detail: all.first { $0.kind == kind }.map {
                                    "\(firstName($0.by)) \(Times.ofDay($0.at))  \($0.text)"
                                } ?? "")
                        }, selected: 0), needed: "no problem is reported")
            ])
    }

    // MARK: Words for others

    var notificationForm: FormState {
        let roles = roleNames.map { FormField.Choice(value: $0, label: $0, detail: "role") }
        let people = (runbook?.people ?? []).map {
            FormField.Choice(value: $0.id, label: $0.name, detail: $0.email)
        }
        let all = FormField.Choice(value: "admins", label: "admins", detail: "every administrator")
        return FormState(
            kind: .notification, title: "Send a notification", verb: "send it",
            fields: [
                .text("title", "Title", "one line", needed: "it needs a title"),
                .text("text", "Text", "what they must know", needed: "say something"),
                FormField(
                    name: "target", label: "To", content: .list([all] + roles + people, selected: 0)
                ),
                FormField(
                    name: "priority", label: "Priority",
                    content: .row(
                        MessagePriority.allCases.map {
                            FormField.Choice(value: $0.rawValue, label: $0.rawValue)
                        }, selected: 1)),
                .text("via", "By", "channels; left out: the matrix's for this priority"),
            ])
    }
    /// Of people and shifts, in the order of the runbook.
    private var roleNames: [String] {
        var seen: Set<String> = []
        return ((runbook?.people ?? []).flatMap(\.roles) + onCall.map(\.role)).filter {
            seen.insert($0).inserted
        }
    }

    var usersForm: FormState {
        let special: Set<String> = [
            OutboxMessage.statusPageChannel, OutboxMessage.ticketsChannel,
        ]
        let channels = (core?.channels ?? []).filter { !special.contains($0.name) }
        let first = channels.firstIndex { $0.kind == "command" } ?? 0
        return FormState(
            kind: .users, title: "Tell the users",
            advice: "Everybody who uses the service sees it.",
            verb: "send it", role: .warning,
            fields: [
                FormField(
                    name: "channel", label: "By",
                    content: .list(
                        channels.map {
                            FormField.Choice(value: $0.name, label: $0.name, detail: $0.kind)
                        }, selected: first), needed: "the runbook has no channel"),
                .text("text", "Text", "what they must know", needed: "say something"),
            ])
    }

    var lineForm: FormState {
        let present = core?.line
        return FormState(
            kind: .line, title: "A line on every dashboard",
            advice: "Left empty, the line goes away.", verb: "show it",
            fields: [
                .text("text", "Line", "what everybody must know", present?.message ?? ""),
                .text("status", "Status", "a word, such as maintenance", present?.status ?? ""),
            ])
    }

    var statusPageForm: FormState {
        let words = ["investigating", "identified", "monitoring", "resolved"]
        return FormState(
            kind: .statusPage, title: "Update the status page",
            advice: "Everybody outside can read it.", verb: "publish it", role: .warning,
            fields: [
                FormField(
                    name: "status", label: "Status",
                    content: .row(
                        words.map { FormField.Choice(value: $0, label: $0) }, selected: 0)),
                .text("text", "Text", "what users must know", needed: "say something"),
            ])
    }

    var ticketForm: FormState {
        let priority = level.map { MessagePriority($0) } ?? .normal
        return FormState(
            kind: .ticket, title: "Open a ticket", verb: "open it",
            fields: [
                .text(
                    "title", "Title", "one line", emergency?.reason ?? "",
                    needed: "it needs a title"),
                .text("text", "Text", "what is known"),
                FormField(
                    name: "priority", label: "Priority",
                    content: .row(
                        MessagePriority.allCases.map {
                            FormField.Choice(value: $0.rawValue, label: $0.rawValue)
                        }, selected: MessagePriority.allCases.firstIndex(of: priority) ?? 1)),
                .text("assignee", "Assignee", "as the ticket system knows them"),
            ])
    }

    // MARK: Channels and shifts

    var testForm: FormState {
        let channels = core?.channels ?? []
        let all = FormField.Choice(
            value: "", label: "every channel", detail: "but those that reach users")
        return FormState(
            kind: .test, title: "Test the alerts",
            advice:
                "Real messages go out, marked as tests. The deliveries show what becomes of them.",
            verb: "send the test", role: .warning,
            fields: [
                FormField(
                    name: "channel", label: "By",
                    content: .list(
                        [all]
                            + channels.map {
                                FormField.Choice(
                                    value: $0.name, label: $0.name,
                                    detail: "\($0.state.sign) \($0.kind)"
                                        + ($0.trouble.isEmpty ? "" : ": \($0.trouble)"))
                            }, selected: 0)),
                .text("target", "To", "you; or a person or role"),
            ])
    }

    var overrideForm: FormState {
        let people = runbook?.people ?? []
        let mine = people.firstIndex { $0.user == you?.user } ?? 0
        return FormState(
            kind: .override, title: "Stand in for whoever is on call", verb: "set it",
            fields: [
                FormField(
                    name: "role", label: "Role",
                    content: .list(
                        onCall.map {
                            FormField.Choice(
                                value: $0.role, label: $0.role, detail: "now \(person($0.now))")
                        }, selected: 0), needed: "the runbook has no shifts"),
                FormField(
                    name: "target", label: "Person",
                    content: .list(
                        people.map {
                            FormField.Choice(
                                value: $0.id, label: $0.name,
                                detail: $0.roles.joined(separator: ", "))
                        }, selected: mine), needed: "the runbook names nobody"),
                .text(
                    "until", "Until", "8h, 18:00 or 2026-01-06T09:00:00Z (UTC)",
                    needed: "until when? 8h, 18:00 or 2026-01-06T09:00:00Z (UTC)"),
            ])
    }
}

/// Moments as people type them.
enum Moments {
    /// `8h` from then, `18:00` (UTC, the next one after then), or RFC 3339; nil for anything else.
    static func read(_ text: String, after now: Timestamp) -> Timestamp? {
        if let moment = Timestamp(rfc3339: text) { return moment }
        if let span = Span(text), span.seconds > 0, span.seconds < 366 * 86_400 {
            return now + span
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let hour = Int(parts[0]), let minute = Int(parts[1]),
            (0..<24).contains(hour), (0..<60).contains(minute)
        else { return nil }
        let day = now.rfc3339.prefix(10)
        let clock = "\(Times.pair(hour)):\(Times.pair(minute))"
        guard let today = Timestamp(rfc3339: "\(day)T\(clock):00Z") else { return nil }
        return today > now ? today : today + .hours(24)
    }
}
