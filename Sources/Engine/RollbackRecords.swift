// What is known of a rollback beyond the situation: when each step began, what it said, its backup.
import Domain
import Procedures
import Rules
import Wire

extension EngineCore {
    /// The last rollback, or the last one in test mode.
    /// - Throws: `Refusal` when there was none.
    func rollbackRecord(testMode: Bool) throws -> RollbackRecord {
        let running = situation.procedure.flatMap {
            $0.kind == .rollback && $0.testMode == testMode ? $0 : nil
        }
        guard let rollback = running ?? (testMode ? situation.lastTest : situation.rollback) else {
            throw Refusal(
                .notNow, rule: "no-rollback",
                why: testMode ? "there was no rollback in test mode" : "there was no rollback",
                remedy: testMode
                    ? "Run one: tocsin rollback --confirm --test-mode" : "Nothing to report on")
        }
        let folder = "\(parts.state)/runs/\(rollback.id)"
        return RollbackRecord(
            rollback: context.procedure(rollback),
            plan: PlanHash.of(rollback.stages, service: runbook.service.name),
            steps: rollback.addresses.map { address in
                let entry = rollback[address]
                return StepRecord(
                    stage: address.stage, step: address.step,
                    startedAt: entry.startedAt?.rfc3339, starts: entry.starts,
                    output: Self.output(of: entry, address, in: folder))
            }, backup: receipt(of: rollback).map(BackupReceiptReport.init))
    }

    private func receipt(of rollback: Procedure) -> BackupReceipt? {
        situation.lastBackup.flatMap { $0.id == rollback.backup ? $0 : nil }
    }

    /// Of the last start that said anything.
    private static func output(
        of entry: ProcedureStep, _ address: StepAddress, in folder: String
    ) -> [String] {
        for start in stride(from: entry.starts, through: 1, by: -1) {
            let lines = StepOutput.lastLines(
                linesOfOutput, of: "\(folder)/\(address.stage)-\(address.step)-\(start)")
            if !lines.isEmpty { return lines }
        }
        return []
    }
    private static let linesOfOutput = 10
}

extension BackupReceiptReport {
    init(_ receipt: BackupReceipt) {
        self.init(
            id: receipt.id, path: receipt.path, at: receipt.at.rfc3339, files: receipt.files,
            bytes: receipt.bytes, databases: receipt.databases, rows: receipt.rows,
            verified: receipt.verified)
    }
}
