// Self-tests: what every procedure would do now, asked and never done. They change nothing, write no
// event, and run beside a procedure.
import Domain
import FoundationEssentials
import Rules
import Wire

/// The commands that are answered with checks.
enum SelfTest: String, CaseIterable, Sendable {
    case recovery = "test-recovery"
    case recoveryPlans = "validate-recovery"
    case rollback = "test-rollback-procedures"
    case rollbackReady = "verify-rollback-ready"
    case everything = "test-emergency-procedures"
}

extension EngineCore {
    /// - Throws: `Refusal` to whoever may not act: a step's `check` runs the runbook's programs.
    func answer(_ test: SelfTest, for caller: Caller) async throws -> CommandAnswer {
        try rules.authority.mayAct(caller)
        var answer = CommandAnswer(events: [])
        var checks: [CheckReport] = []
        switch test {
        case .recovery: checks = await recoveryChecks()
        case .recoveryPlans: checks = await planChecks()
        case .rollback, .rollbackReady:
            if runbook.rollback != nil { answer.plan = try await dryRun(for: caller) }
            let tests = rollbackTests(answer.plan)
            checks = await SelfTestWorld.aside { tests.checks }
            // What another day's rollback needs is no reason to wait with this one, and vice versa.
            checks +=
                test == .rollbackReady
                ? RollbackSelfTests.now(context)
                : [tests.undoing] + RollbackSelfTests.testMode(context)
        case .everything:
            if runbook.rollback != nil { answer.plan = try await dryRun(for: caller) }
            checks = await recoveryChecks()
            checks += await planChecks()
            let tests = rollbackTests(answer.plan)
            checks += await SelfTestWorld.aside { tests.checks }
            checks += [tests.undoing] + RollbackSelfTests.testMode(context)
            checks += await reachingChecks()
        }
        answer.checks = checks
        return answer
    }

    private func rollbackTests(_ plan: RollbackReport?) -> RollbackSelfTests {
        RollbackSelfTests(context: context, world: parts.selfTests, plan: plan)
    }

    private func reachingChecks() async -> [CheckReport] {
        let fallbacks = await fallbackChecks()
        let tests = ReachingSelfTests(context: context, world: parts.selfTests)
        return await SelfTestWorld.aside { tests.checks } + fallbacks
    }

    // MARK: Recovery

    /// Every step of everything that recovery may run, asked what it would do now.
    private func recoveryChecks() async -> [CheckReport] {
        var checks: [CheckReport] = []
        for action in runbook.actions {
            checks += await stepChecks("action \(action.name)", action.steps)
        }
        let services: [(String, [Step])] = [
            ("stop services", runbook.services.stop), ("start services", runbook.services.start),
            ("start services in emergency mode", runbook.services.emergencyStart),
            ("verify services", runbook.services.verify),
        ]
        for (name, steps) in services { checks += await stepChecks(name, steps) }
        for playbook in runbook.playbooks {
            checks += await stepChecks("playbook \(playbook.name)", playbook.steps)
        }
        if checks.isEmpty {
            return [
                CheckReport(
                    subject: "recovery", name: "actions", state: .failed,
                    message: "the runbook has no action, no service step and no playbook",
                    remedy: "Add actions: and recovery: to it")
            ]
        }
        return checks
    }

    private func fallbackChecks() async -> [CheckReport] {
        var checks: [CheckReport] = []
        for fallback in runbook.fallbacks {
            let subject = "fallback \(fallback.name)"
            checks += await stepChecks(subject, fallback.enable)
            checks += await stepChecks(subject, fallback.disable)
            checks += await stepChecks(subject, fallback.test)
        }
        return checks
    }

    private func planChecks() async -> [CheckReport] {
        var wouldFail: [String: String] = [:]
        for action in runbook.actions {
            let failing = await stepChecks("action \(action.name)", action.steps)
                .filter { $0.state == .failed }
            if let first = failing.first {
                wouldFail[action.name] = "“\(first.name)” \(first.message)"
            }
        }
        let looks = Dictionary(
            runbook.components.flatMap(\.probes).compactMap { probe in
                lookQuietly(at: probe.reference).map { (probe.reference, $0) }
            }, uniquingKeysWith: { $1 })
        return PlanSelfTests(context: context, wouldFail: wouldFail, looks: looks).checks
    }

    // MARK: Steps

    private func stepChecks(_ subject: String, _ steps: [Step]) async -> [CheckReport] {
        let stages = [ProcedureStage(name: subject, steps: rules.planned(steps))]
        let outcomes = await forecasts(stages, kind: .recovery, name: subject, by: "engine")
        return zip(stages.flatMap(\.steps), outcomes).map { entry, outcome in
            check(subject, entry.step, outcome)
        }
    }

    private func check(_ subject: String, _ step: Step, _ outcome: StepOutcome) -> CheckReport {
        var report = CheckReport(
            subject: subject, name: step.name, state: .healthy, message: outcome.message)
        switch outcome.end {
        case .alreadyDone: report.message = "already done" + detail(outcome)
        case .wouldRun, .succeeded:
            // Most say it themselves.
            let says = outcome.message.hasPrefix("would ")
            report.message = says ? outcome.message : "would run" + detail(outcome)
        case .failed:
            report.state = .failed
            report.message = "would fail" + detail(outcome)
            report.remedy = "Mend what it needs, or the step “\(step.name)” in the runbook"
        case .unknown:
            report.state = .unknown
            report.message = "cannot be told" + detail(outcome)
            report.remedy = "Ask again; the engine's log says more"
        }
        if case .probe(let reference, _) = step.work, outcome.end != .failed {
            judge(lookQuietly(at: reference), reference, &report)
        }
        return report
    }

    private func detail(_ outcome: StepOutcome) -> String {
        outcome.message.isEmpty ? "" : ": \(outcome.message)"
    }

    /// A probe that answers badly now may do so because of what the action is for; it is worth a look.
    private func judge(
        _ look: CheckResult?, _ reference: ProbeReference, _ report: inout CheckReport
    ) {
        switch look?.answer {
        case .good: break
        case .degraded, .bad:
            report.state = .degraded
            report.remedy = "Unless it is what this is for, mend \(reference): tocsin status"
        case .unknown, nil:
            report.state = .unknown
            report.remedy = "See why \(reference) says nothing: tocsin status"
        }
    }

    // MARK: Dry runs

    /// Asks every step of the plan what it would do now. Changes nothing, and writes no event.
    func dryRun(for caller: Caller) async throws -> RollbackReport {
        guard let rollback = runbook.rollback else { return try await rollbackPlan(for: caller) }
        try rules.authority.mayAct(caller)
        let outcomes = await forecasts(
            rules.rollbackStages(rollback), kind: .rollback, name: rollback.to, by: caller.user)
        guard let report = context.rollbackReport(caller, forecasts: outcomes) else {
            return try await rollbackPlan(for: caller)
        }
        return report
    }

    /// What each step would do now, in order; what an earlier step stops would be started again.
    private func forecasts(
        _ stages: [ProcedureStage], kind: ProcedureKind, name: String, by user: String
    ) async -> [StepOutcome] {
        dryRuns += 1
        let folder = "\(parts.state)/runs/dry-\(parts.pid)-\(dryRuns)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var procedure = Procedure(
            id: "dry-run", kind: kind, name: name, title: "", startedAt: parts.now(),
            startedBy: user, reason: "", emergency: situation.emergency?.id, stages: stages)
        procedure.backup = situation.lastBackup?.id
        let stepper = Stepper(parts: parts) { [weak self] in await self?.lookQuietly(at: $0) }
        var outcomes: [StepOutcome] = []
        var stoppedUnits: [Work] = []
        for address in procedure.addresses {
            guard let order = order(procedure, address, mode: .dryRun, folder: folder) else {
                outcomes.append(
                    StepOutcome(end: .failed, message: "the plan has no such step", seconds: 0))
                continue
            }
            let outcome = await stepper.forecast(order)
            outcomes.append(
                stoppedUnits.contains(order.step.work) && outcome.end == .alreadyDone
                    ? StepOutcome(
                        end: .wouldRun, message: "an earlier step stops it", seconds: 0)
                    : outcome)
            // What is running now will have been stopped by then.
            if case .service(.stop, let unit) = order.step.work {
                stoppedUnits.append(.service(.start, unit: unit))
            }
        }
        return outcomes
    }

    private func lookQuietly(at reference: ProbeReference) -> CheckResult? {
        monitor.entry(reference)?.last
    }
}
