// What a step that takes a backup is told of the backups that are there.
import Domain

extension EngineCore {
    /// With the backups that may not be removed now: a procedure that runs rests on one, and a rollback
    /// that could still be undone.
    var backupDefinition: BackupDefinition {
        var definition = parts.runbook.backup
        let needed = [situation.procedure, situation.playbook, situation.rollback].compactMap {
            $0?.backup
        }
        definition.held = Set(needed).sorted()
        return definition
    }
}
