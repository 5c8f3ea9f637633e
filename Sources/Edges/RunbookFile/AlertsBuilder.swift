// Makes what becomes of other systems' alerts of a checked tree: the intake and its triggers.
import Domain

extension RunbookBuilder {
    /// After the triggers of the runbook: it adds those that alert rules ask for.
    func addAlerts(_ book: inout Runbook) throws(Misfit) {
        guard let tree = root["alerts"] else { return }
        let intake = AlertIntake(
            listen: try tree.optionalText("listen"), token: try tree.optional("token", value),
            from: try tree.texts("from"),
            rules: try tree.each("rules") { rule throws(Misfit) in
                AlertRule(
                    match: try rule.named("match") { label, pattern throws(Misfit) in
                        NamedText(name: label, text: try pattern.asText())
                    },
                    problem: try rule.text("problem"),
                    level: try rule.optional("level") { level throws(Misfit) in
                        try level.asLevel()
                    })
            })
        book.alerts = intake
        book.triggers += Self.triggers(of: intake.rules, beside: book.triggers)
    }

    /// One for each problem that raises by itself, at the worst level that a rule gives it; none where
    /// a trigger of the runbook raises for the problem at that level or a worse one. It has the
    /// failure of a trigger for the same problem, so that the same recovery plan is used.
    private static func triggers(of rules: [AlertRule], beside known: [Trigger]) -> [Trigger] {
        var result: [Trigger] = []
        var places: [String: Int] = [:]
        var reported: [String: [Trigger]] = [:]
        for trigger in known {
            if case .reported(let problem) = trigger.when.expression {
                reported[problem, default: []].append(trigger)
            }
        }
        for rule in rules {
            guard let level = rule.level else { continue }
            let own = reported[rule.problem] ?? []
            if own.contains(where: { $0.level <= level }) { continue }
            if let index = places[rule.problem] {
                result[index].level = min(result[index].level, level)
                continue
            }
            places[rule.problem] = result.count
            result.append(
                Trigger(
                    name: AlertTriggers.name(of: rule.problem),
                    when: Condition(
                        text: "reported \(rule.problem)", expression: .reported(rule.problem)),
                    holds: .zero, level: level, failure: own.first?.failure ?? rule.problem))
        }
        return result
    }
}

enum AlertTriggers {
    static func name(of problem: String) -> String { "alert-\(problem)" }
}
