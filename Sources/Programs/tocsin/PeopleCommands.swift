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
        "on-call", "Who is on call now, who is next, and when.",
        ("tocsin on-call", "every rotation"),
        ("tocsin on-call --output json", "as JSON"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            let shifts = try session.runbook().onCall
            try session.show(shifts) {
                if shifts.isEmpty { return ["The runbook has no on-call rotation."] }
                return table(
                    shifts.map { shift in
                        [
                            (shift.role, .plain), (shift.now, .strong),
                            (
                                "then \(shift.next) from \(Words.moment(shift.handOverAt)) UTC",
                                .quiet
                            ),
                        ]
                    })
            }
            return 0
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
                core.escalation.flatMap { Self.lines($0, core.time) }
            }
            return 0
        }
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
