// Who: contacts, who is on call, and the escalation matrix.
import ArgumentParser
import Domain
import Wire

struct Contacts: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "contacts", "People, their roles, and external support.",
        ("tocsin contacts", "everybody"),
        ("tocsin contacts --output json | jq '.people[].email'", "the addresses"))
    @OptionGroup var common: CommonOptions

    struct Answer: Encodable {
        var people: [PersonReport]
        var external: [ContactReport]
    }

    func run() throws {
        try reporting(.act, common) { session in
            let runbook = try session.runbook()
            try session.show(Answer(people: runbook.people, external: runbook.external)) {
                var rows: [[(String, Ink)]] = runbook.people.map { person in
                    [
                        (person.name, .strong), (person.sms, .plain), (person.email, .plain),
                        (person.roles.joined(separator: ", "), .quiet),
                    ]
                }
                rows += runbook.external.map {
                    [
                        ($0.name, .strong), ($0.phone, .plain), ($0.email, .plain),
                        ("external", .quiet),
                    ]
                }
                return rows.isEmpty ? ["The runbook names nobody."] : table(rows)
            }
            return 0
        }
    }
}

struct OnCall: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "on-call", "Who is on call now, who is next, and who stands in for whom.",
        """
        With --override, somebody stands in for whoever the rotation names, from now or --from, until \
        --until or --for. With --end, such a stand-in ends.
        """,
        ("tocsin on-call", "every rotation"),
        ("tocsin on-call --override tomas --for 8h", "tomas takes over tonight"))
    @Option(help: "The role of the rotation; needed with --override where there are several.")
    var role: String?
    @Option(help: ArgumentHelp("Who stands in.", valueName: "person"))
    var override: String?
    @Option(help: ArgumentHelp("From when, as 2026-01-05T20:00:00Z.", valueName: "moment"))
    var from: String?
    @Option(help: ArgumentHelp("Until when, as 2026-01-06T08:00:00Z.", valueName: "moment"))
    var until: String?
    @Option(
        name: .customLong("for"), help: "For how long, such as 8h.", transform: Length.read)
    var span: Length?
    @Option(help: ArgumentHelp("The stand-in that ends.", valueName: "id"))
    var end: String?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        for (name, text) in [("--from", from), ("--until", until)] {
            if let text, Timestamp(rfc3339: text) == nil {
                throw ValidationError("\(name) is a moment such as 2026-01-05T20:00:00Z")
            }
        }
        guard override != nil else {
            if (from ?? until) != nil || span != nil {
                throw ValidationError("name who stands in with --override")
            }
            if end != nil, role != nil { throw ValidationError("--end takes no --role") }
            return
        }
        if end != nil { throw ValidationError("--override and --end exclude each other") }
        if (until == nil) == (span == nil) {
            throw ValidationError("say --until or --for after --override")
        }
    }

    func run() throws {
        try reporting(.act, common) { session in
            if let end {
                return try session.act(CommandRequest(command: "end-override", name: end))
            }
            let core = try session.situation().core
            if override != nil { return try session.act(request(core)) }
            let shifts = core.onCall.filter { role == nil || $0.role == role }
            try session.show(shifts) { Self.lines(shifts, core.time) }
            return 0
        }
    }

    /// `21:56 UTC`, with the day where it is another one.
    private static func moment(_ text: String, _ now: String) -> String {
        guard let moment = Timestamp(rfc3339: text) else { return text }
        let day = text.prefix(10) == now.prefix(10) ? "" : "\(text.prefix(10)) "
        return "\(day)\(moment.timeOfDay.prefix(5)) UTC"
    }

    /// - Throws: `Failure` when it is not clear which rotation is meant.
    func request(_ core: SituationCore) throws -> CommandRequest {
        let roles = core.onCall.map(\.role)
        guard let role = role ?? (roles.count == 1 ? roles.first : nil) else {
            throw Failure(
                .usage, rule: "which-role",
                why: roles.isEmpty
                    ? "the runbook has no on-call rotation" : "there are several rotations",
                remedy: roles.isEmpty
                    ? "Add one under on_call:" : "Name --role: \(roles.joined(separator: ", "))")
        }
        var end = until
        if let span, let start = Timestamp(rfc3339: from ?? core.time) {
            end = (start + span.span).rfc3339
        }
        return CommandRequest(
            command: "override-on-call", target: override, role: role, from: from, until: end)
    }

    static func lines(_ shifts: [OnCallReport], _ now: String) -> [Line] {
        if shifts.isEmpty { return ["The runbook has no such on-call rotation."] }
        return shifts.flatMap { shift -> [Line] in
            var line = Line("\(shift.role)  ") + (shift.now, .strong)
            let stand = shift.overrides.first { $0.id == shift.override }
            if let instead = shift.insteadOf, instead != shift.now {
                line = line + (" instead of \(instead)", .warning)
            }
            if let stand {
                line = line + (" until \(moment(stand.until, now))", .warning)
                // Who comes back, or the next stand-in, unless the shift itself has changed by then.
                let next = shift.overrides.first {
                    $0.id != stand.id && $0.from <= stand.until && $0.until > stand.until
                }
                let isWithin = stand.until < shift.handOverAt
                if let follower = next?.person ?? (isWithin ? shift.insteadOf : nil) {
                    line = line + ", then \(follower)"
                }
            }
            let left = Words.length(from: now, to: shift.handOverAt).map { ", in \($0)" } ?? ""
            line =
                line
                + ("  then \(shift.next) from \(Words.moment(shift.handOverAt)) UTC\(left)", .quiet)
            return [line]
                + table(
                    shift.overrides.map { stand in
                        [
                            (stand.id == shift.override ? "▶" : " ", .warning),
                            (stand.person, .strong),
                            (
                                "\(Words.moment(stand.from)) to \(Words.moment(stand.until)) UTC",
                                .plain
                            ), (stand.id, .quiet),
                        ]
                    }, indent: "  ")
        }
    }
}

struct EscalationMatrix: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "escalation-matrix", "Who is told when, at each level, and what has been done of it.",
        ("tocsin escalation-matrix", "the whole matrix"),
        ("tocsin escalation-matrix --output json", "as JSON"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            let core = try session.situation().core
            try session.show(core.escalation) {
                Self.lines(core)
            }
            return 0
        }
    }

    /// The clock that runs, the matrix, and the channels that it uses.
    static func lines(_ core: SituationCore) -> [Line] {
        var lines: [Line] = []
        if let emergency = core.emergency {
            lines = [
                Line("\(emergency.id)  ", .strong) + StatusText.answer(emergency, core.time), "",
            ]
        }
        if core.escalation.isEmpty { lines.append("The runbook has no escalation matrix.") }
        lines += core.escalation.flatMap { Self.lines($0, core.time) }
        if !core.channels.isEmpty { lines += [""] + Self.channels(core.channels, core.time) }
        return lines
    }

    private static func channels(_ channels: [ChannelReport], _ now: String) -> [Line] {
        table(
            channels.map { channel in
                let state: (String, String, Ink) =
                    switch channel.state {
                    case .unused: ("–", "not used yet", .quiet)
                    case .works: ("●", "works", .good)
                    case .failing: ("✖", "fails", .bad)
                    }
                var detail = channel.trouble
                if channel.state == .works,
                    let ago = Words.length(from: channel.deliveredAt, to: now)
                {
                    detail = "delivered \(ago) ago"
                }
                if channel.waiting > 0 {
                    detail += (detail.isEmpty ? "" : " · ") + "\(channel.waiting) waiting"
                }
                return [
                    (state.0, state.2), (channel.name, .strong), (channel.kind, .quiet),
                    (state.1, state.2), (detail, .plain),
                ]
            }, indent: "  ")
    }

    static func lines(_ row: EscalationReport, _ now: String) -> [Line] {
        let head =
            Line(
                "\(row.inForce ? "▶" : " ") \(row.level) \(row.name)", row.inForce ? .bad : .strong)
            + "  respond within \(Words.length(.seconds(row.respondWithinSeconds)))"
            + (row.means.isEmpty ? "" : "  \(row.means)", .quiet)
        let steps = table(
            row.steps.map { step in
                let after =
                    step.afterSeconds == 0
                    ? "at once" : "after \(Words.length(.seconds(step.afterSeconds)))"
                let again = step.repeatEverySeconds.map {
                    ", then every \(Words.length(.seconds($0)))"
                }
                var whom = (step.people.isEmpty ? step.roles : step.people).joined(separator: ", ")
                // The roles too, where the people are only those that they mean now.
                if !step.people.isEmpty, !step.roles.isEmpty, step.roles != step.people {
                    whom += " (\(step.roles.joined(separator: ", ")))"
                }
                if step.ticket { whom += whom.isEmpty ? "ticket" : " + ticket" }
                if !step.via.isEmpty { whom += " by \(step.via.joined(separator: ", "))" }
                var done = ""
                if let taken = step.takenAt { done = "told \(Words.moment(taken)) ×\(step.times)" }
                if let due = Words.length(from: now, to: step.dueAt ?? "") {
                    done += (done.isEmpty ? "" : " · ") + "due in \(due)"
                }
                return [(after + (again ?? ""), .plain), (whom, .plain), (done, .warning)]
            }, indent: "    ")
        return [head] + steps
    }
}
