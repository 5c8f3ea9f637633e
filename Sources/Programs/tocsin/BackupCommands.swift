// Backups: the list, and the proof that one is what it was, for which no engine is needed; and putting
// one back, which is a procedure.
import ArgumentParser
import Backups
import Domain
import RunbookFile
import Wire

#if canImport(Glibc)
    import Glibc
#endif

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

struct RestoreBackup: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "restore-backup", "Puts a backup, or a part of it, back.",
        """
        Without --path and --database everything in it; with either, only what they name. What is \
        replaced is saved first: `tocsin undo-rollback` takes it back. On a terminal the service's name \
        is asked for; a script says --confirm.
        """,
        ("tocsin restore-backup --latest --confirm", "everything in the newest"),
        (
            "tocsin restore-backup 20260105T140412Z --path 'templates/*' --confirm",
            "some files of a certain one"
        ))
    @Argument(help: "A backup's id; otherwise the newest.")
    var id: String?
    @Flag(help: "The newest.")
    var latest = false
    @Option(
        name: .customLong("path"), parsing: .singleValue,
        help: ArgumentHelp("Only these files, folders or globs.", valueName: "path"))
    var paths: [String] = []
    @Option(
        name: .customLong("database"), parsing: .singleValue,
        help: ArgumentHelp("Only these data sources.", valueName: "name"))
    var databases: [String] = []
    @Flag(help: "Do it without asking.")
    var confirm = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if latest && id != nil { throw ValidationError("--latest and an id exclude each other") }
        if !latest && id == nil { throw ValidationError("name a backup, or say --latest") }
    }

    func run() throws {
        try reporting(.act, common) { session in
            if !confirm { try ask(session) }
            let isPart = !paths.isEmpty || !databases.isEmpty
            return try session.actAndWait(
                CommandRequest(
                    command: "restore-backup", backup: id, paths: isPart ? paths : nil,
                    databases: isPart ? databases : nil))
        }
    }

    /// - Throws: `Failure` unless a person types the service's name.
    private func ask(_ session: Session) throws {
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1, common.output == .text else {
            throw Failure(
                .usage, rule: "restore-confirmation", why: "restoring a backup must be confirmed",
                remedy: "Say --confirm, or see what there is: tocsin backups")
        }
        let service = try session.situation().core.service
        let what = paths + databases.map { "database \($0)" }
        Output.complain(
            "\(id ?? "The newest backup") is put in the place of what is there: "
                + (what.isEmpty ? "every file and database in it" : what.joined(separator: ", ")))
        Output.write("Type the service's name to restore (\(service)): ", to: STDERR_FILENO)
        guard readLine(strippingNewline: true) == service else {
            throw Failure(
                .refused, rule: "restore-confirmation",
                why: "the service's name was not typed; nothing was done",
                remedy: "Type \(service), or say --confirm.")
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
