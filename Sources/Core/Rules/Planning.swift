// From the runbook's steps to what will be run: actions opened up, verifications made steps.
package import Domain

extension Rules {
    /// The steps as they will be run, in order. An action stands for its steps; a `verify` that only the
    /// engine can decide becomes a step of its own; statements with a `verify` but no `check` use the
    /// one for the other, so that a transaction whose end is not known can be told apart.
    func planned(_ steps: [Step]) -> [ProcedureStep] {
        steps.flatMap(expanded).map { ProcedureStep(step: $0) }
    }

    private func expanded(_ step: Step) -> [Step] {
        switch step.work {
        case .action(let name):
            let action = runbook.actions.first { $0.name == name }
            return (action?.steps ?? []).flatMap(expanded)
        case .undoAction(let name):
            let action = runbook.actions.first { $0.name == name }
            return (action?.steps ?? []).reversed().compactMap { inner in
                inner.undo.map { Step(name: "\(step.name): \(inner.name)", work: $0) }
            }
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .probe, .notify, .statusPage, .wait, .confirm, .assess, .playbook,
            .rollback, .fallback, .calm:
            break
        }
        var step = step
        if case .sql(let sql) = step.work, sql.query == nil, step.check == nil {
            step.check = step.verify
        }
        guard let verify = step.verify, !verify.needsRunner else { return [step] }
        step.verify = nil
        return [step, Step(name: "\(step.name): verified", work: verify)]
    }

    /// The rollback as it would be run now: preflight, then the seven. A preflight without a backup
    /// gets one, because nothing may be changed before a verified backup is there.
    package func rollbackStages(_ rollback: RollbackDefinition) -> [ProcedureStage] {
        var preflight = planned(rollback.preflight)
        if !preflight.contains(where: { $0.step.work == .backup }) {
            preflight.append(ProcedureStep(step: Step(name: "Backup", work: .backup)))
        }
        return [ProcedureStage(name: "Preflight", steps: preflight)]
            + rollback.stages.map { ProcedureStage(name: $0.name, steps: planned($0.steps)) }
    }

    /// One recovery: the action's steps, then a look whether the emergency's triggers have ended.
    func recoveryStages(_ action: Action) -> [ProcedureStage] {
        [
            ProcedureStage(name: action.title, steps: planned(action.steps)),
            ProcedureStage(
                name: "Verification",
                steps: [
                    ProcedureStep(
                        step: Step(
                            name: "Triggers have ended",
                            work: .calm(within: runbook.recovery.verifyWithin)))
                ]),
        ]
    }

    /// Whether a step may be started a second time when it is not known what became of the first.
    func mayRunAgain(_ step: Step) -> Bool {
        if step.repeatable || step.check != nil { return true }
        switch step.work {
        case .service, .remove, .restore, .edit, .backup, .restoreDatabase, .probe, .notify,
            .statusPage, .wait, .confirm, .assess, .fallback, .calm:
            return true
        case .http(let request, _, _):
            return request.method == "GET" || request.method == "HEAD"
        case .sql(let sql):
            return sql.query != nil
        case .run, .shell, .redis, .playbook, .action, .undoAction, .rollback:
            return false
        }
    }
}
