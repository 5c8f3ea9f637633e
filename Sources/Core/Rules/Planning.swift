// From the runbook's steps to what will be run: actions and playbooks opened up, verifications made
// steps, and guards put around what something else can replace.
package import Domain

extension Rules {
    /// The steps as they will be run, in order. An action or playbook stands for its steps; a `verify`
    /// that only the engine can decide becomes a step of its own; statements with a `verify` but no
    /// `check` use the one for the other, so that a transaction whose end is not known can be told
    /// apart; what `otherwise` says follows the steps that it replaces when one of them fails.
    package func planned(_ steps: [Step]) -> [ProcedureStep] {
        var planning = Planning(runbook: runbook)
        return steps.flatMap { planning.entries($0) }
    }

    /// One stage for each step of the playbook.
    package func playbookStages(_ playbook: Playbook) -> [ProcedureStage] {
        var planning = Planning(runbook: runbook)
        return playbook.steps.map {
            ProcedureStage(name: $0.name, steps: planning.entries($0))
        }
    }

    /// The rollback as it would be run now: preflight, then the seven. A preflight without a backup
    /// gets one, because nothing may be changed before a verified backup is there.
    package func rollbackStages(_ rollback: RollbackDefinition) -> [ProcedureStage] {
        var planning = Planning(runbook: runbook)
        var preflight = rollback.preflight.flatMap { planning.entries($0) }
        // One that something may replace, or that a check passes over, is none to rely on.
        let isSure = preflight.contains {
            $0.step.work == .backup && $0.step.check == nil && $0.guards == nil
                && $0.replaces == nil
        }
        if !isSure {
            preflight.append(ProcedureStep(step: Step(name: "Backup", work: .backup)))
        }
        return [ProcedureStage(name: "Preflight", steps: preflight)]
            + rollback.stages.map { stage in
                ProcedureStage(
                    name: stage.name, steps: stage.steps.flatMap { planning.entries($0) })
            }
    }

    /// One recovery: the action's steps, then a look whether the emergency's triggers have ended.
    package func recoveryStages(_ action: Action) -> [ProcedureStage] {
        [ProcedureStage(name: action.title, steps: planned(action.steps)), verification]
    }
    var verification: ProcedureStage {
        ProcedureStage(
            name: "Verification",
            steps: [
                ProcedureStep(
                    step: Step(
                        name: "Triggers have ended",
                        work: .calm(within: runbook.recovery.verifyWithin)))
            ])
    }

    /// Whether a step may be taken back a second time when it is not known what became of the first.
    func mayUndoAgain(_ step: Step) -> Bool {
        // What was saved is put back as often as you like.
        guard let undo = step.undo else { return true }
        return mayRunAgain(Step(name: step.name, work: undo, repeatable: step.repeatable))
    }

    /// Whether a step may be started a second time when it is not known what became of the first.
    func mayRunAgain(_ step: Step) -> Bool {
        if step.repeatable || step.check != nil { return true }
        switch step.work {
        case .service, .remove, .restore, .edit, .backup, .restoreDatabase, .restoreBackup,
            .prepareTest, .clearTest, .probe, .notify, .statusPage, .wait, .confirm, .assess,
            .fallback, .calm:
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

/// Opens steps up, and gives each guard a number of its own.
private struct Planning {
    let runbook: Runbook
    private var guardsGiven = 0
    /// A runbook whose playbooks call each other in a circle is refused when it is read.
    private static let mostDepth = 20

    init(runbook: Runbook) { self.runbook = runbook }

    mutating func entries(
        _ step: Step, guards: [Int] = [], replaces: Int? = nil, depth: Int = 0
    ) -> [ProcedureStep] {
        guard depth < Self.mostDepth else { return [] }
        guard let otherwise = step.otherwise else {
            return opened(step, guards, replaces, depth)
        }
        guardsGiven += 1
        let own = guardsGiven
        var tried = step
        tried.otherwise = nil
        let instead = Step(name: "\(step.name), otherwise", work: otherwise)
        return entries(tried, guards: guards + [own], replaces: replaces, depth: depth + 1)
            + entries(instead, guards: guards, replaces: own, depth: depth + 1)
    }

    private mutating func opened(
        _ step: Step, _ guards: [Int], _ replaces: Int?, _ depth: Int
    ) -> [ProcedureStep] {
        var inner: [Step]?
        switch step.work {
        case .action(let name):
            inner = runbook.actions.first { $0.name == name }?.steps ?? []
        case .playbook(let name):
            inner = runbook.playbooks.first { $0.name == name }?.steps ?? []
        case .undoAction(let name):
            let action = runbook.actions.first { $0.name == name }
            inner = (action?.steps ?? []).reversed().compactMap { inner in
                inner.undo.map { Step(name: "\(step.name): \(inner.name)", work: $0) }
            }
        case .fallback(let name, let enable):
            let switching =
                runbook.fallbacks.first { $0.name == name }
                .map { switchingSteps($0, enable: enable) } ?? []
            return switching.flatMap {
                entries($0, guards: guards, replaces: replaces, depth: depth + 1)
            } + leaf(step, guards, replaces)
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .restoreBackup, .prepareTest, .clearTest, .probe, .notify,
            .statusPage, .wait, .confirm, .assess, .rollback, .calm:
            break
        }
        if let inner {
            return inner.flatMap {
                entries($0, guards: guards, replaces: replaces, depth: depth + 1)
            }
        }
        return leaf(step, guards, replaces)
    }

    private func leaf(_ step: Step, _ guards: [Int], _ replaces: Int?) -> [ProcedureStep] {
        verified(step).map {
            ProcedureStep(step: $0, guards: guards.isEmpty ? nil : guards, replaces: replaces)
        }
    }

    /// What switches a fallback. Where the way back has as many steps, each is the undo of its opposite.
    private func switchingSteps(_ fallback: Fallback, enable: Bool) -> [Step] {
        let steps = enable ? fallback.enable : fallback.disable
        let back = Array((enable ? fallback.disable : fallback.enable).reversed())
        guard back.count == steps.count else { return steps }
        return zip(steps, back).map { step, back in
            var step = step
            step.undo = step.undo ?? back.work
            return step
        }
    }

    private func verified(_ step: Step) -> [Step] {
        var step = step
        if case .sql(let sql) = step.work, sql.query == nil, step.check == nil {
            step.check = step.verify
        }
        guard let verify = step.verify, !verify.needsRunner else { return [step] }
        step.verify = nil
        return [step, Step(name: "\(step.name): verified", work: verify)]
    }
}
