// The recovery machine: the failure's plan, action by action, at most `max_attempts` times.
//
//   open emergency ─ recover, auto-recover, or automatic: run ──▶ attempt n (a procedure)
//   attempt n failed, n < max ──▶ the next action is proposed (or started, when it goes by itself)
//   attempt n failed, n = max ──▶ no more; rollback rules that ask for it hold
package import Domain
import OrderedCollections

extension Rules {
    /// The recovery plan of the open emergency: its failure's, or nothing.
    package func plan(for emergency: Emergency) -> RecoveryPlan? {
        runbook.recovery.plans.first { $0.failure == failure(of: emergency) }
    }

    /// The failure type that recovery goes by: that of the worst trigger that belongs to it; of several,
    /// the one that came first.
    package func failure(of emergency: Emergency) -> String? {
        emergency.triggers
            .compactMap { name in runbook.triggers.first { $0.name == name } }
            .min { $0.level < $1.level }?.failure ?? emergency.activation.failure
    }

    /// The action to try next; nil when the attempts are used up or nothing is planned.
    package func nextAction(_ emergency: Emergency) -> Action? {
        guard emergency.attempts.count < runbook.recovery.maxAttempts,
            let plan = plan(for: emergency), !plan.actions.isEmpty
        else { return nil }
        let name = plan.actions[min(emergency.attempts.count, plan.actions.count - 1)]
        return runbook.actions.first { $0.name == name }
    }

    func recover(
        action name: String?, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let action: Action
        if let name {
            guard let named = runbook.actions.first(where: { $0.name == name }) else {
                throw Refusal(
                    .notUnderstood, rule: "unknown-action",
                    why: "the runbook has no action “\(Visible.text(name, limit: 60))”",
                    remedy: runbook.actions.isEmpty
                        ? "Add one under actions:"
                        : "Choose \(authority.list(runbook.actions.map(\.name)))")
            }
            action = named
        } else {
            action = try plannedAction(situation)
        }
        try noOtherProcedure(situation)
        // Outside an emergency an action is maintenance, and counts as no attempt.
        if let emergency = situation.emergency,
            emergency.attempts.count >= runbook.recovery.maxAttempts
        {
            throw attemptsUsedUp(emergency)
        }
        return [start(action, by: by, in: situation, at: moment)]
    }

    func autoRecover(
        by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let action = try plannedAction(situation)
        try noOtherProcedure(situation)
        return [
            .autoRecoverySwitched(on: true, by: by),
            start(action, by: by, in: situation, at: moment),
        ]
    }

    private func plannedAction(_ situation: Situation) throws(Refusal) -> Action {
        let emergency = try open(situation)
        if emergency.attempts.count >= runbook.recovery.maxAttempts {
            throw attemptsUsedUp(emergency)
        }
        if let action = nextAction(emergency) { return action }
        throw Refusal(
            .notNow, rule: "no-recovery-plan",
            why: failure(of: emergency).map { "no recovery plan is written for \($0)" }
                ?? "the emergency names no failure",
            remedy: "Pick an action yourself: tocsin recover "
                + (runbook.actions.first?.name ?? "ACTION"))
    }

    private func attemptsUsedUp(_ emergency: Emergency) -> Refusal {
        let most = runbook.recovery.maxAttempts
        return Refusal(
            .notNow, rule: "recovery-attempts",
            why: "\(emergency.attempts.count) of \(most) recovery attempts were made",
            remedy: runbook.rollback == nil
                ? "Escalate" : "Roll back, or deactivate the emergency if it is over")
    }

    func start(
        _ action: Action, by: String, in situation: Situation, at moment: Timestamp
    ) -> Event {
        let attempt = situation.emergency.map { $0.attempts.count + 1 } ?? 0
        return .procedureStarted(
            Procedure(
                id: newID("recovery", in: situation, at: moment), kind: .recovery,
                name: action.name, title: action.title, startedAt: moment, startedBy: by,
                reason: situation.emergency?.reason ?? "",
                emergency: situation.emergency?.id,
                attempt: attempt, stages: recoveryStages(action)))
    }

    /// Goes on by itself where the runbook or an operator said so and something still holds.
    func dueRecovery(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        // Between two systems it is a person who says what is done next.
        guard let emergency = situation.emergency, situation.procedure == nil,
            situation.rollback?.state != .failed
        else { return [] }
        let byItself = runbook.recovery.automatic == .run || emergency.recoversByItself
        guard byItself else { return [] }
        let holding = !stillHolding(emergency, in: situation).isEmpty
        if holding, let action = nextAction(emergency) {
            return [start(action, by: "engine", in: situation, at: moment)]
        }
        return emergency.recoversByItself ? [.autoRecoverySwitched(on: false, by: "engine")] : []
    }

    /// What a person does, item by item; it counts as no attempt.
    func recoverByHand(
        by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let emergency = try open(situation)
        guard let plan = plan(for: emergency), !plan.manual.isEmpty else {
            throw Refusal(
                .notNow, rule: "no-manual-plan",
                why: failure(of: emergency).map { "no manual steps are written for \($0)" }
                    ?? "the emergency names no failure",
                remedy: "Add `manual:` to its plan under recovery:")
        }
        try noOtherProcedure(situation)
        let steps = plan.manual.map { Step(name: $0, work: .confirm($0)) }
        return [
            .procedureStarted(
                Procedure(
                    id: newID("recovery", in: situation, at: moment), kind: .recovery,
                    name: Self.byHand, title: "Recovery by hand: \(plan.failure)",
                    startedAt: moment, startedBy: by, reason: emergency.reason,
                    emergency: emergency.id,
                    stages: [
                        ProcedureStage(name: "By hand", steps: planned(steps)), verification,
                    ]))
        ]
    }
    package static let byHand = "by-hand"

    /// Puts a backup, or a part of one, back.
    func restore(
        _ work: RestoreBackupWork, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        for name in work.databases ?? [] where !runbook.sources.contains(where: { $0.name == name })
        {
            throw Refusal(
                .notUnderstood, rule: "unknown-source",
                why: "the runbook has no data source “\(Visible.text(name, limit: 60))”",
                remedy: "Choose \(authority.list(runbook.sources.map(\.name)))")
        }
        try noOtherProcedure(situation)
        if let failed = situation.rollback, failed.state == .failed {
            throw Refusal(
                .notNow, rule: "half-done-rollback",
                why: "\(failed.id) failed and was neither finished nor undone",
                remedy: "Resume it (tocsin resume-rollback) or undo it (tocsin undo-rollback)")
        }
        return [
            procedure(
                .backup, Self.restoreName, "Restore \(work.backup ?? "the newest backup")",
                [ProcedureStep(step: Step(name: "Restore", work: .restoreBackup(work)))], by: by,
                in: situation, at: moment)
        ]
    }
    static let restoreName = "restore"

    // MARK: Fallbacks, services, backups

    func switchFallback(
        _ name: String, enable: Bool, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let fallback = try known(fallback: name)
        if situation.enabledFallbacks.contains(name) == enable {
            throw Refusal(
                .notNow, rule: enable ? "enabled-already" : "not-enabled",
                why: "\(fallback.title) is \(enable ? "enabled already" : "not enabled")",
                remedy: "Nothing to do")
        }
        try noOtherProcedure(situation)
        return [switching(fallback, enable: enable, by: by, in: situation, at: moment)]
    }

    /// The procedure that enables or disables a fallback.
    func switching(
        _ fallback: Fallback, enable: Bool, by: String, in situation: Situation,
        at moment: Timestamp
    ) -> Event {
        var steps = planned(enable ? fallback.enable : fallback.disable)
        steps.append(
            ProcedureStep(
                step: Step(
                    name: enable ? "Marked as enabled" : "Marked as disabled",
                    work: .fallback(fallback.name, enable: enable))))
        return procedure(
            .fallback, fallback.name, "\(enable ? "Enable" : "Disable") \(fallback.title)", steps,
            by: by, in: situation, at: moment)
    }

    func testFallback(
        _ name: String?, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let tested: [Fallback]
        if let name { tested = [try known(fallback: name)] } else { tested = runbook.fallbacks }
        let steps = tested.flatMap { planned($0.test) }
        guard !steps.isEmpty else {
            throw Refusal(
                .notNow, rule: "no-test", why: "the runbook has no test for a fallback",
                remedy: "Add `test:` to it")
        }
        try noOtherProcedure(situation)
        let title = "Test " + authority.list(tested.map(\.title), "and")
        return [
            procedure(
                .fallback, name ?? "all", title, steps, by: by, in: situation, at: moment)
        ]
    }

    private func known(fallback name: String) throws(Refusal) -> Fallback {
        if let fallback = runbook.fallbacks.first(where: { $0.name == name }) { return fallback }
        throw Refusal(
            .notUnderstood, rule: "unknown-fallback",
            why: "the runbook has no fallback “\(Visible.text(name, limit: 60))”",
            remedy: runbook.fallbacks.isEmpty
                ? "Add one under fallbacks:"
                : "Choose \(authority.list(runbook.fallbacks.map(\.name)))")
    }

    func service(
        _ command: ServiceCommand, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let services = runbook.services
        let (title, steps): (String, [Step]) =
            switch command {
            case .stop: ("Stop services", services.stop)
            case .start: ("Start services", services.start)
            case .emergencyStart: ("Start services in emergency mode", services.emergencyStart)
            case .restart: ("Restart services", services.stop + services.start)
            case .verify: ("Verify services", services.verify)
            }
        guard !steps.isEmpty else {
            throw Refusal(
                .notNow, rule: "no-service-steps",
                why: "the runbook has no steps to \(title.lowercased())",
                remedy: "Add them under services:")
        }
        try noOtherProcedure(situation)
        return [
            procedure(
                .service, command.rawValue, title, planned(steps), by: by, in: situation, at: moment
            )
        ]
    }

    func takeBackup(
        by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        try noOtherProcedure(situation)
        return [
            procedure(
                .backup, "backup", "Backup",
                [ProcedureStep(step: Step(name: "Verified backup", work: .backup))], by: by,
                in: situation, at: moment)
        ]
    }

    private func procedure(
        _ kind: ProcedureKind, _ name: String, _ title: String, _ steps: [ProcedureStep],
        by: String, in situation: Situation, at moment: Timestamp
    ) -> Event {
        .procedureStarted(
            Procedure(
                id: newID(kind.rawValue, in: situation, at: moment), kind: kind, name: name,
                title: title, startedAt: moment, startedBy: by, reason: "",
                emergency: situation.emergency?.id,
                stages: [ProcedureStage(name: title, steps: steps)]))
    }
}
