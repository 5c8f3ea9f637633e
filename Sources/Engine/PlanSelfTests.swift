// `validate-recovery`: whether every failure that a trigger can raise has somebody and something to
// mend it.
import Domain
import OrderedCollections
import Rules
import Wire

struct PlanSelfTests {
    let context: ReportContext
    /// By the name of the action: the step that would fail, and why.
    let wouldFail: [String: String]
    /// The last answer of each probe.
    let looks: [ProbeReference: CheckResult]

    private var runbook: Runbook { context.runbook }

    var checks: [CheckReport] {
        guard !runbook.triggers.isEmpty else {
            return [
                CheckReport(
                    subject: "triggers", name: "failures", state: .failed,
                    message: "the runbook has no trigger: no emergency begins by itself",
                    remedy: "Add triggers: to it")
            ]
        }
        // A failure that several triggers can raise is escalated as each of them says.
        var levels: OrderedDictionary<String, OrderedSet<Level>> = [:]
        for trigger in runbook.triggers {
            levels[trigger.failure, default: []].append(trigger.level)
        }
        return levels.flatMap { failure, levels in
            planned(failure) + levels.sorted().map { escalation(failure, $0) }
        } + fallbacks + attempts
    }

    private func check(
        _ failure: String, _ name: String, _ state: CheckReport.State, _ message: String,
        _ remedy: String = ""
    ) -> CheckReport {
        CheckReport(
            subject: "failure \(failure)", name: name, state: state, message: message,
            remedy: remedy)
    }

    private static func steps(_ count: Int, _ kind: String) -> String {
        "\(count) \(kind)\(count == 1 ? "step" : "steps")"
    }

    // MARK: What is done

    private func planned(_ failure: String) -> [CheckReport] {
        guard let plan = runbook.recovery.plans.first(where: { $0.failure == failure }) else {
            return [
                check(
                    failure, "plan", .failed, "no recovery plan is written for it",
                    "Add `\(failure):` under recovery: plans:")
            ]
        }
        guard !plan.actions.isEmpty || !plan.manual.isEmpty else {
            return [
                check(
                    failure, "plan", .failed, "its plan has neither an action nor a manual step",
                    "Add `actions:` or `manual:` to it")
            ]
        }
        var found = [
            check(
                failure, "plan", .healthy,
                plan.actions.isEmpty
                    ? "done by hand: \(Self.steps(plan.manual.count, "manual "))"
                    : plan.actions.joined(separator: ", then ")
                        + (plan.manual.isEmpty
                            ? "" : "; \(Self.steps(plan.manual.count, "manual "))"))
        ]
        for name in plan.actions { found += action(name, failure) }
        if plan.escalateAfter == nil {
            found.append(
                check(
                    failure, "escalate_after", .degraded,
                    "nothing escalates when its recovery takes too long",
                    "Add `escalate_after:` to its plan"))
        }
        return found
    }

    private func action(_ name: String, _ failure: String) -> [CheckReport] {
        guard let action = runbook.actions.first(where: { $0.name == name }) else {
            return [
                check(
                    failure, name, .failed, "there is no such action", "Add it under actions:")
            ]
        }
        var found: [CheckReport] = []
        if let why = wouldFail[name] {
            found.append(
                check(failure, name, .failed, why, "See each step: tocsin test-recovery"))
        } else {
            found.append(check(failure, name, .healthy, "each of its steps would run"))
        }
        let probes = context.rules.planned(action.steps).compactMap { entry in
            if case .probe(let reference, _) = entry.step.work { reference } else { nil }
        }
        for probe in OrderedSet(probes) { found.append(verification(probe, name, failure)) }
        return found
    }

    private func verification(
        _ probe: ProbeReference, _ action: String, _ failure: String
    ) -> CheckReport {
        let name = "\(action): \(probe)"
        switch looks[probe]?.answer {
        case .good: return check(failure, name, .healthy, "answers: \(looks[probe]?.message ?? "")")
        case .degraded, .bad:
            return check(
                failure, name, .degraded, "answers badly: \(looks[probe]?.message ?? "")",
                "Unless it is what the action is for, mend it: tocsin status")
        case .unknown, nil:
            return check(
                failure, name, .unknown, "says nothing", "See why: tocsin status")
        }
    }

    private var attempts: [CheckReport] {
        let most = runbook.recovery.maxAttempts
        return most <= 3
            ? []
            : [
                CheckReport(
                    subject: "recovery", name: "max_attempts", state: .degraded,
                    message: "\(most) attempts; the emergency procedures allow 3",
                    remedy: "Say max_attempts: 3")
            ]
    }

    // MARK: Who hears of it, and what stands in

    private func escalation(_ failure: String, _ level: Level) -> CheckReport {
        let reach = ReachingSelfTests.reach(of: level, context)
        let name = "escalation, level \(level.rawValue)"
        return check(failure, name, reach.state, reach.message, reach.remedy)
    }

    private var fallbacks: [CheckReport] {
        runbook.fallbacks.map { fallback in
            CheckReport(
                subject: "fallback \(fallback.name)", name: "test",
                state: fallback.test.isEmpty ? .degraded : .healthy,
                message: fallback.test.isEmpty
                    ? "nothing shows that it works"
                    : "tested by \(Self.steps(fallback.test.count, ""))",
                remedy: fallback.test.isEmpty ? "Add `test:` to it" : "")
        }
    }
}
