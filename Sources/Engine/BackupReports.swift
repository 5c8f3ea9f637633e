// The backups on disk: listed and verified on threads of their own, for neither may hold the engine up.
import Dispatch
import Domain
import FoundationEssentials
import Link
import Rules
import Wire

/// Reads what the keeper of backups has, without a step.
struct BackupDesk: Sendable {
    /// Newest first; blocks.
    let receipts: @Sendable (BackupDefinition) throws -> [BackupReceipt]
    /// What a backup differs in from its manifest; blocks, and reads all of it.
    let compare: @Sendable (BackupReceipt) throws -> [String]

    init(
        receipts: @escaping @Sendable (BackupDefinition) throws -> [BackupReceipt],
        compare: @escaping @Sendable (BackupReceipt) throws -> [String]
    ) {
        self.receipts = receipts
        self.compare = compare
    }
    init(_ keeper: any BackupKeeper) {
        self.init(
            receipts: { try keeper.list($0) }, compare: { try keeper.differences($0) })
    }

    /// - Throws: `Fault` when the folder cannot be read.
    func list(_ definition: BackupDefinition) async throws -> BackupListReport {
        try await Self.aside {
            BackupListReport(
                to: definition.to, backups: try receipts(definition).map(BackupReport.init),
                freeBytes: Self.freeBytes(at: definition.to))
        }
    }

    /// Every difference between a backup and its manifest; empty: it is what it was.
    /// - Throws: `Refusal` when there is no such backup; `Fault`, `Damage`.
    func differences(_ id: String, _ definition: BackupDefinition) async throws -> [String] {
        try await Self.aside {
            guard let receipt = try receipts(definition).first(where: { $0.id == id }) else {
                throw Refusal(
                    .notNow, rule: "no-backup",
                    why: "there is no backup “\(Visible.text(id, limit: 60))”",
                    remedy: "See what there is: tocsin backups")
            }
            return try compare(receipt)
        }
    }

    /// - Throws: `Fault` when the folder cannot be read.
    func doubtOfNewest(
        _ definition: BackupDefinition
    ) async throws -> (why: String, older: BackupReceipt?)? {
        try await Self.aside { try receipts(definition).doubtOfNewest }
    }

    /// Blocking work on a thread that nobody else waits for.
    private static func aside<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global(qos: .utility).async {
                continuation.resume(with: Result { try work() })
            }
        }
    }

    /// Of the folder, or of the nearest one above it that is there.
    private static func freeBytes(at path: String) -> Int? {
        var folder = URL(filePath: path)
        for _ in 0..<64 {
            if let attributes = try? FileManager.default.attributesOfFileSystem(
                forPath: folder.path), let free = attributes[.systemFreeSize]
            {
                return (free as? Int) ?? (free as? UInt64).flatMap { Int(exactly: $0) }
            }
            guard folder.path != "/" else { return nil }
            folder.deleteLastPathComponent()
        }
        return nil
    }
}

extension EngineCore {
    func backups(for caller: Caller) async throws -> BackupListReport {
        guard let desk = parts.backups else { throw Self.noBackups }
        return try await desk.list(runbook.backup)
    }

    /// Compares a backup with its manifest, byte by byte. Changes nothing, and writes no event.
    func verifyBackup(_ request: CommandRequest, _ caller: Caller) async throws -> CommandAnswer {
        try rules.authority.mayAct(caller)
        guard let desk = parts.backups else { throw Self.noBackups }
        guard let id = request.backup, !id.isEmpty else {
            throw Refusal(
                .notUnderstood, rule: "bad-argument", why: "“backup” is missing",
                remedy: "It must be the id of a backup")
        }
        if let verifying {
            throw Refusal(
                .notNow, rule: "one-verification-at-a-time",
                why: "\(verifying) is being verified", remedy: "Wait for its end")
        }
        verifying = id
        defer { verifying = nil }
        let differences = try await desk.differences(id, runbook.backup)
        let subject = "backup \(id)"
        return CommandAnswer(
            events: [],
            checks: differences.isEmpty
                ? [
                    CheckReport(
                        subject: subject, name: "what it was", state: .healthy,
                        message: "every byte is as it was taken")
                ]
                : differences.prefix(Self.mostDifferences).map {
                    CheckReport(
                        subject: subject, name: "difference", state: .failed,
                        message: Visible.text($0, limit: 500))
                })
    }
    private static let mostDifferences = 100

    /// “The newest” is not what an operator means when it is damaged, and an older one is not either.
    func refuseDoubtfulNewest(_ caller: Caller) async throws {
        try rules.authority.mayAct(caller)
        guard let doubt = try await parts.backups?.doubtOfNewest(runbook.backup) else { return }
        throw Refusal(
            .notNow, rule: "newest-backup-damaged", why: Visible.text(doubt.why, limit: 500),
            remedy: doubt.older.map {
                "The next older whole one is \($0.id): tocsin restore-backup \($0.id)"
            } ?? "There is no older one that is whole. See what there is: tocsin backups")
    }

    private static var noBackups: Refusal {
        Refusal(
            .notNow, rule: "no-backups", why: "this engine keeps no backups",
            remedy: "Add `backup:` to the runbook")
    }
}

extension BackupReport {
    fileprivate init(_ receipt: BackupReceipt) {
        self.init(
            id: receipt.id, path: Visible.text(receipt.path, limit: 4096),
            at: receipt.at.rfc3339, files: receipt.files, bytes: receipt.bytes,
            databases: receipt.databases, rows: receipt.rows, verified: receipt.verified,
            checkedAt: receipt.checkedAt?.rfc3339,
            problem: receipt.problem.map { Visible.text($0, limit: 500) })
    }
}
