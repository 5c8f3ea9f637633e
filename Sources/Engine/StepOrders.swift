// What a step's runner is told, and what becomes of the folders that runs leave behind.
import Dispatch
import Domain
import Rules

extension EngineCore {
    /// The order for a step that belongs to the step runner or to the stepper.
    func order(
        _ procedure: Procedure, _ address: StepAddress, mode: StepOrder.Mode, folder: String? = nil
    ) -> StepOrder? {
        guard procedure.holds(address) else { return nil }
        let entry = procedure[address]
        let run = folder ?? "\(parts.state)/runs/\(procedure.id)"
        let name = "\(address.stage)-\(address.step)-\(entry.starts)"
        let variables = [
            // One for all its steps: what one saves, another (or an undo) finds.
            (StepNames.runDirectory, run), (StepNames.service, parts.runbook.service.name),
            (StepNames.title, parts.runbook.service.title), (StepNames.procedure, procedure.id),
            (StepNames.emergency, procedure.emergency ?? ""), (StepNames.reason, procedure.reason),
            (StepNames.startedBy, procedure.startedBy),
            (StepNames.backup, procedure.backup ?? ""),
        ]
        var order = StepOrder(
            mode: mode, step: entry.step, runDirectory: "\(run)/\(name)",
            folder: parts.runbook.folder, savedDirectory: "\(run)/saved",
            variables: variables.map { NamedText(name: $0.0, text: $0.1) },
            sources: parts.runbook.sources, units: parts.runbook.units,
            backup: backupDefinition)
        order.secretVariables = runbook.secretVariables
        return procedure.testMode
            ? TestOrders(runbook: runbook, state: parts.state, run: run).inTestMode(order) : order
    }

    /// With the backups that may not be removed now: a procedure that runs rests on one, and a rollback
    /// that could still be undone.
    private var backupDefinition: BackupDefinition {
        var definition = parts.runbook.backup
        let needed = [situation.procedure, situation.playbook, situation.rollback].compactMap {
            $0?.backup
        }
        definition.held = Set(needed).sorted()
        return definition
    }

    /// On a thread of its own: a copy of a service takes a while to remove.
    func tidyRuns() {
        let running = [situation.procedure, situation.playbook].compactMap { $0?.id }
        let ended = [situation.rollback, situation.lastProcedure, situation.lastTest]
            .compactMap { $0?.id }
        let over = situation.pastProcedures.map(\.id).filter { !running.contains($0) }
        let folders = RunFolders(state: parts.state, pid: parts.pid, logger: parts.logger)
        DispatchQueue.global(qos: .utility).async {
            folders.tidy(over: over, needed: Set(running + ended))
        }
    }
}
