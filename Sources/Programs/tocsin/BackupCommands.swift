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
        "backups", "The backups that are there, newest first, and the room that is left for more.",
        ("tocsin backups", "all of them"),
        ("tocsin backups --output json", "as JSON"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            let (keeper, definition, receipts) = try session.backups()
            let now = Timestamp.present
            let room = try keeper.room(definition)
            let listing = BackupListing(
                to: definition.to, freeBytes: room.free, totalBytes: room.total,
                keptBytes: receipts.reduce(0) { $0 + $1.bytes }, keepLast: definition.keepLast,
                keepDays: definition.keepDays, backups: receipts.map { BackupEntry($0, now: now) })
            try session.show(listing) { listing.lines(receipts, now: now) }
            return 0
        }
    }
}

/// What `backups` prints as JSON.
private struct BackupListing: Encodable {
    /// The folder they lie in, absolute.
    var to: String
    var freeBytes: Int
    var totalBytes: Int
    var keptBytes: Int
    @ExplicitNull var keepLast: Int?
    @ExplicitNull var keepDays: Int?
    var backups: [BackupEntry]

    func lines(_ receipts: [BackupReceipt], now: Timestamp) -> [Line] {
        var head =
            Line("Backups in \(to)", .strong)
            + " · \(Words.bytes(keptBytes)) kept · \(Words.bytes(freeBytes)) free"
        if let newest = receipts.first, newest.bytes > freeBytes {
            head = head + (" · no room for one more like the newest", .bad)
        }
        let kept = [
            keepLast.map { "the newest \($0)" }, keepDays.map { "\($0) days" },
        ].compactMap { $0 }
        if !kept.isEmpty { head = head + " · keeps \(kept.joined(separator: ", and "))" }
        if receipts.isEmpty { return [head, "There is no backup yet. Take one: tocsin backup"] }
        return [head] + table(receipts.map { row($0, now) }) + problems(receipts)
    }

    private func row(_ receipt: BackupReceipt, _ now: Timestamp) -> [(String, Ink)] {
        let state: (String, Ink)
        if receipt.problem != nil {
            let found = receipt.checkedAt.map { ", found \(ago($0, now))" } ?? ""
            state = ("damaged\(found)", .bad)
        } else if !receipt.verified {
            state = ("never verified", .warning)
        } else if let checked = receipt.checkedAt {
            state = ("verified \(ago(checked, now))", .good)
        } else {
            state = ("verified when taken", .good)
        }
        var holds = Words.count(receipt.files, "file", "files")
        if !receipt.databases.isEmpty {
            holds +=
                ", \(receipt.databases.joined(separator: ", ")) with "
                + Words.count(receipt.rows, "row", "rows")
        }
        if let leftOut = receipt.leftOut, leftOut > 0 { holds += ", \(leftOut) left out" }
        return [
            (receipt.verified ? "●" : receipt.problem == nil ? "?" : "✖", state.1),
            (receipt.id, .strong),
            (ago(receipt.at, now), .plain), (Words.bytes(receipt.bytes), .plain), state,
            (holds, .quiet),
        ]
    }

    private func problems(_ receipts: [BackupReceipt]) -> [Line] {
        receipts.compactMap { receipt in
            receipt.problem.map { Line("✖ \(receipt.id): ", .bad) + Visible.text($0, limit: 500) }
        }
    }

    private func ago(_ moment: Timestamp?, _ now: Timestamp) -> String {
        guard let moment else { return "at some time" }
        return moment > now ? "in the future" : "\(Words.length(now - moment)) ago"
    }
}

/// A backup as JSON.
private struct BackupEntry: Encodable {
    var id: String
    var path: String
    var at: String
    var ageSeconds: Double
    var files: Int
    var bytes: Int
    var databases: [String]
    var rows: Int
    var leftOut: Int
    /// Read back and compared after it was taken, and whole when it was last looked at.
    var verified: Bool
    @ExplicitNull var checkedAt: String?
    /// The first difference that was found then.
    @ExplicitNull var problem: String?
    /// Of its manifest.
    @ExplicitNull var sha256: String?

    init(_ receipt: BackupReceipt, now: Timestamp) {
        id = receipt.id
        path = receipt.path
        at = receipt.at.rfc3339
        ageSeconds = (now - receipt.at).seconds
        files = receipt.files
        bytes = receipt.bytes
        databases = receipt.databases
        rows = receipt.rows
        leftOut = receipt.leftOut ?? 0
        verified = receipt.verified
        checkedAt = receipt.checkedAt?.rfc3339
        problem = receipt.problem
        sha256 = receipt.sha256
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
            let (keeper, _, receipts) = try session.backups()
            let found = id.map { id in receipts.first { $0.id == id } } ?? receipts.first
            guard let receipt = found else {
                throw Failure(
                    .failed, rule: "no-backup",
                    why: id.map { "there is no backup \(Visible.text($0, limit: 60))" }
                        ?? "there is no backup yet",
                    remedy: id == nil
                        ? "Take one: tocsin backup" : "See what there is: tocsin backups")
            }
            let began = Timestamp.present
            let differences = try keeper.differences(receipt)
            let now = Timestamp.present
            var looked = receipt
            (looked.verified, looked.checkedAt) = (differences.isEmpty, now)
            looked.problem = differences.first
            try session.show(
                Answer(
                    backup: BackupEntry(looked, now: now), whole: differences.isEmpty,
                    differences: differences)
            ) {
                if differences.isEmpty {
                    return [
                        Line("● Backup \(receipt.id) is what it was: ", .good)
                            + "\(Words.count(receipt.files, "file", "files")), "
                            + "\(Words.bytes(receipt.bytes)), "
                            + Words.count(receipt.rows, "row", "rows"),
                        Line(
                            "  taken \(Words.length(now - receipt.at)) ago; every byte read from the "
                                + "disk in \(Words.length(now - began))", .quiet),
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
        Without --path and --database everything in it; with either, only what they name. Where the \
        newest is damaged, --latest is refused and the next older whole one named. What is replaced is \
        saved first: `tocsin undo-rollback` takes it back. Files that have come since the backup stay \
        where they are, and the running service is not restarted. On a terminal the service's name is \
        asked for; a script says --confirm.
        """,
        ("tocsin restore-backup --latest --confirm", "all of the newest"),
        (
            "tocsin restore-backup 20260105T140412Z --path templates", "a part of one"
        ))
    @Argument(help: "A backup's id, as `tocsin backups` lists them; or say --latest.")
    var id: String?
    @Flag(help: "The newest, instead of an id.")
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
            if let id { try Self.check(id, try session.read("/v1/backups")) }
            if !confirm { try ask(session) }
            let isPart = !paths.isEmpty || !databases.isEmpty
            return try session.actAndWait(
                CommandRequest(
                    command: "restore-backup", backup: id ?? "latest", paths: isPart ? paths : nil,
                    databases: isPart ? databases : nil))
        }
    }

    /// - Throws: `Failure` (usage) for a backup that is not there.
    static func check(_ id: String, _ list: BackupListReport) throws {
        guard !list.backups.contains(where: { $0.id == id }) else { return }
        throw Failure(
            .usage, rule: "unknown-backup",
            why: "there is no whole backup “\(Visible.text(id, limit: 60))” in \(list.to)",
            remedy: list.backups.isEmpty ? "Take one: tocsin backup" : "See them: tocsin backups")
    }

    /// - Throws: `Failure` unless a person types the service's name.
    private func ask(_ session: Session) throws {
        guard Asking.isPossible, common.output == .text else {
            throw Failure(
                .usage, rule: "restore-confirmation", why: "restoring a backup must be confirmed",
                remedy: "Say --confirm, or see what there is: tocsin backups")
        }
        let service = try session.situation().core.service
        let asking = Asking(session: session)
        asking.show(RestoreText.lines(id, paths: paths, databases: databases))
        try asking.name(service, to: "restore", rule: "restore-confirmation")
    }
}

/// Sentences about putting a backup back.
enum RestoreText {
    /// What it replaces, what it leaves, and the way back.
    static func lines(_ id: String?, paths: [String], databases: [String]) -> [Line] {
        let what = paths + databases.map { "database \($0)" }
        return [
            Line("\(id.map { "Backup \($0)" } ?? "The newest backup")", .strong)
                + " is put in the place of what is there: "
                + (what.isEmpty ? "every file and database in it" : what.joined(separator: ", ")),
            Line("  What is replaced is saved first: tocsin undo-rollback takes it back."),
        ] + leaves
    }
    /// What a restore does not do, and who expects it to should know.
    static let leaves = [
        Line("  Files that have come since the backup stay where they are."),
        Line("  The running service is not restarted: ")
            + "tocsin restart-services".unbroken + " does that.",
    ]
}

extension Session {
    /// The keeper of the runbook's backups, and what it has, newest first.
    fileprivate func backups() throws -> (
        keeper: FileBackupKeeper, definition: BackupDefinition, list: [BackupReceipt]
    ) {
        let runbook = try loadRunbook()
        let keeper = FileBackupKeeper(secrets: EnvironmentSecrets())
        return (keeper, runbook.backup, try keeper.list(runbook.backup))
    }
}

extension Timestamp {
    fileprivate static var present: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
