// Backups on disk: the list, and the proof that one is what it was. No engine is needed for either.
import ArgumentParser
import Backups
import Domain
import RunbookFile
import Wire

struct BackupList: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "backups", "The backups that are there, newest first.",
        ("tocsin backups", "all of them"),
        ("tocsin backups --output json", "as JSON"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            let receipts = try session.backups().list
            try session.show(receipts.map(BackupEntry.init)) {
                if receipts.isEmpty { return ["There is no backup yet."] }
                return table(
                    receipts.map { receipt in
                        [
                            (receipt.id, .strong), (Words.bytes(receipt.bytes), .plain),
                            (Words.count(receipt.files, "file", "files"), .plain),
                            (Words.count(receipt.rows, "row", "rows"), .plain),
                            (receipt.path, .quiet),
                        ]
                    })
            }
            return 0
        }
    }
}

/// A backup as JSON.
private struct BackupEntry: Encodable {
    var id: String
    var path: String
    var at: String
    var files: Int
    var bytes: Int
    var databases: [String]
    var rows: Int
    var verified: Bool
    init(_ receipt: BackupReceipt) {
        id = receipt.id
        path = receipt.path
        at = receipt.at.rfc3339
        files = receipt.files
        bytes = receipt.bytes
        databases = receipt.databases
        rows = receipt.rows
        verified = receipt.verified
    }
}

struct VerifyBackup: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "verify-backup", "Compares every byte of a backup with its manifest.",
        "Exit status: 0 it is what it was, 2 it is not, 3 there is none.",
        ("tocsin verify-backup --latest", "the newest"),
        ("tocsin verify-backup 20260105T140412Z", "a certain one"))
    @Argument(help: "A backup's id; otherwise the newest.")
    var id: String?
    @Flag(help: "The newest.")
    var latest = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if latest && id != nil { throw ValidationError("--latest and an id exclude each other") }
    }

    private struct Answer: Encodable {
        var backup: BackupEntry
        var whole: Bool
        var differences: [String]
    }

    func run() throws {
        try reporting(.check, common) { session in
            let (keeper, receipts) = try session.backups()
            let found = id.map { id in receipts.first { $0.id == id } } ?? receipts.first
            guard let receipt = found else {
                throw Failure(
                    .failed, rule: "no-backup",
                    why: id.map { "there is no whole backup \($0)" } ?? "there is no backup yet",
                    remedy: "Take one: tocsin backup")
            }
            let differences = try keeper.differences(receipt)
            try session.show(
                Answer(
                    backup: BackupEntry(receipt), whole: differences.isEmpty,
                    differences: differences)
            ) {
                if differences.isEmpty {
                    return [
                        Line("● Backup \(receipt.id) is what it was: ", .good)
                            + "\(Words.count(receipt.files, "file", "files")), "
                            + "\(Words.bytes(receipt.bytes)), "
                            + Words.count(receipt.rows, "row", "rows")
                    ]
                }
                return [Line("✖ Backup \(receipt.id) is not what it was:", .bad)]
                    + differences.map { Line("  \($0)") }
            }
            return differences.isEmpty ? 0 : 2
        }
    }
}

extension Session {
    /// The keeper of the runbook's backups, and what it has, newest first.
    fileprivate func backups() throws -> (keeper: any BackupKeeper, list: [BackupReceipt]) {
        let runbook = try loadRunbook()
        let keeper = FileBackupKeeper(secrets: EnvironmentSecrets())
        return (keeper, try keeper.list(runbook.backup))
    }
}
