// What the engine needs of the journal and of the backups; the edges keep these promises.

/// An event on its way into the journal.
package struct EventDraft: Sendable, Equatable {
    package var at: Timestamp
    /// Such as `emergency-activated`; shown by `events`, and the key of its meaning for ever.
    package var kind: String
    /// JSON.
    package var body: String
    package init(at: Timestamp, kind: String, body: String) {
        self.at = at
        self.kind = kind
        self.body = body
    }
}
/// An event in the journal.
package struct EventRecord: Sendable, Equatable {
    /// 1 for the first; no gaps.
    package var seq: Int
    package var at: Timestamp
    package var kind: String
    package var body: String
    /// SHA-256 over the predecessor's hash and this event; lower-case hex.
    package var hash: String
    package init(seq: Int, at: Timestamp, kind: String, body: String, hash: String) {
        self.seq = seq
        self.at = at
        self.kind = kind
        self.body = body
        self.hash = hash
    }
}
/// A situation that was worked out up to an event, so that a start need not read everything.
package struct SituationSnapshot: Sendable, Equatable {
    package var seq: Int
    package var body: String
    package init(seq: Int, body: String) {
        self.seq = seq
        self.body = body
    }
}
/// Everything that happened, in order, on disk before it takes effect.
package protocol EventStore: Sendable {
    /// The number of the newest event; 0 for none.
    var last: Int { get throws }
    /// All of them or none, written and synced when this returns.
    /// - Throws: `Fault` when the disk refuses (then nothing was written); `Damage`.
    func append(_ drafts: [EventDraft], expecting last: Int) throws -> [EventRecord]
    /// In order, with a number greater than `after`.
    func read(after: Int, limit: Int) throws -> [EventRecord]
    /// Walks the whole chain of hashes. Nil when it holds; else the first event that does not fit.
    func firstBrokenLink() throws -> Int?
    func save(_ snapshot: SituationSnapshot) throws
    func snapshot() throws -> SituationSnapshot?
}

/// One backup on disk, as its manifest says.
package struct BackupReceipt: Sendable, Equatable, Codable {
    /// Such as `20260105T140412Z`, and the name of its folder.
    package var id: String
    package var path: String
    package var at: Timestamp
    package var files: Int
    package var bytes: Int
    /// Names of the databases in it, with their row counts in all.
    package var databases: [String]
    package var rows: Int
    /// Read back and compared after it was taken, every dump tried out in a scratch database, and whole
    /// when it was last looked at.
    package var verified: Bool
    /// Of its manifest; lower-case hex. The journal's hashes cover it too.
    package var sha256: String?
    /// When it was last verified, if it was after it was taken.
    package var checkedAt: Timestamp?
    /// The first difference that was found then.
    package var problem: String?
    /// How many things were left out, such as sockets, or files that vanished meanwhile.
    package var leftOut: Int?
    /// Why it is not verified; nil or empty when it is.
    package var doubts: [String]?
    package init(
        id: String, path: String, at: Timestamp, files: Int, bytes: Int, databases: [String],
        rows: Int, verified: Bool, sha256: String? = nil, checkedAt: Timestamp? = nil,
        problem: String? = nil, leftOut: Int? = nil, doubts: [String]? = nil
    ) {
        self.id = id
        self.path = path
        self.at = at
        self.files = files
        self.bytes = bytes
        self.databases = databases
        self.rows = rows
        self.verified = verified
        self.sha256 = sha256
        self.checkedAt = checkedAt
        self.problem = problem
        self.leftOut = leftOut
        self.doubts = doubts
    }
}
extension [BackupReceipt] {
    /// Why an older backup must not be given for the newest without a word; the newest is the first.
    /// - Returns: nil when the newest is verified, or when there is none; `older` is the next one that is.
    package var doubtOfNewest: (why: String, older: BackupReceipt?)? {
        guard let newest = first, !newest.verified else { return nil }
        let name = "the newest backup, \(newest.id),"
        let doubt = newest.doubts?.first.map { ": \($0)" } ?? ""
        let why =
            newest.problem.map { "\(name) is damaged: \($0)" }
            ?? "\(name) was never verified\(doubt)"
        return (why, dropFirst().first(where: \.verified))
    }
}
/// What putting back a backup's files would do now, or has done.
package struct RestoreSummary: Sendable, Equatable, Codable {
    /// Files and links that are there and other than in the backup.
    package var replaced: Int
    /// Files, links and folders that are missing.
    package var made: Int
    /// Files and links that are already as in the backup.
    package var same: Int
    /// Bytes of all that is to be written.
    package var bytes: Int
    /// What the backup's folders hold and the backup does not; it stays as it is. Paths for people,
    /// at most a hundred.
    package var leftAlone: [String]
    /// How many there are in all.
    package var leftAloneCount: Int
    package init(
        replaced: Int = 0, made: Int = 0, same: Int = 0, bytes: Int = 0, leftAlone: [String] = [],
        leftAloneCount: Int = 0
    ) {
        self.replaced = replaced
        self.made = made
        self.same = same
        self.bytes = bytes
        self.leftAlone = leftAlone
        self.leftAloneCount = leftAloneCount
    }
}
/// Takes, verifies and restores backups. Calls block; the step runner makes them.
package protocol BackupKeeper: Sendable {
    /// Copies, syncs, reads back and compares; only then does the backup get its name.
    /// - Throws: `Fault` naming the file or database.
    func take(
        _ definition: BackupDefinition, folder: String, sources: [DataSource], at: Timestamp,
        progress: (String) -> Void
    ) throws -> BackupReceipt
    /// Newest first; only whole ones.
    func list(_ definition: BackupDefinition) throws -> [BackupReceipt]
    /// Compares every byte with the manifest: flipped bits, missing and extra files, cut dumps.
    /// Empty when all is well; else a sentence for each difference.
    func differences(_ receipt: BackupReceipt) throws -> [String]
    /// Puts files back (all, or those below `paths`), with owner, mode and times. Each is replaced in
    /// one rename, and none before all of them are written and compared.
    /// - Parameters:
    ///   - paths: relative to the runbook's folder, or absolute; files, folders or globs. Nil: all but
    ///     the configuration.
    ///   - saved: an absolute folder of this call's own; what is replaced is saved there first, so that
    ///     `putBackFiles` can undo it. When it holds a save already, nothing is saved twice.
    @discardableResult
    func restoreFiles(
        _ receipt: BackupReceipt, paths: [String]?, folder: String, saved: String?,
        progress: (String) -> Void
    ) throws -> RestoreSummary
    /// What `restoreFiles` would do now; changes nothing.
    func forecastRestore(
        _ receipt: BackupReceipt, paths: [String]?, folder: String
    ) throws -> RestoreSummary
    /// Undoes what `restoreFiles` did, from the folder that it saved to. Doing it again does no harm.
    func putBackFiles(saved: String, progress: (String) -> Void) throws
    /// Makes a database hold what the backup holds, and nothing else.
    func restoreDatabase(
        _ receipt: BackupReceipt, source: DataSource, progress: (String) -> Void
    ) throws
    /// Writes what a database holds now into a new file, so that a restore can be taken back.
    func saveDatabase(_ source: DataSource, to path: String, progress: (String) -> Void) throws
    /// Makes a database hold what `saveDatabase` wrote, and nothing else.
    func putBackDatabase(_ source: DataSource, from path: String, progress: (String) -> Void) throws
}

extension BackupKeeper {
    /// Without saving what is replaced.
    package func restoreFiles(
        _ receipt: BackupReceipt, paths: [String]?, folder: String, progress: (String) -> Void
    ) throws {
        try restoreFiles(receipt, paths: paths, folder: folder, saved: nil, progress: progress)
    }
}

/// Finds secrets at the moment they are needed; nothing keeps them.
package protocol SecretReader: Sendable {
    /// - Throws: `Fault` that names the variable or file, never the value.
    func read(_ secret: Secret) throws -> String
}
extension SecretReader {
    /// The text of a value, secret or not.
    package func text(_ value: Value) throws -> String {
        switch value {
        case .plain(let text): text
        case .secret(let secret): try read(secret)
        }
    }
}

/// Who is at the other end of the socket, as the kernel says.
package struct Caller: Sendable, Equatable {
    /// The login name; the number where the system knows no name.
    package var user: String
    package var uid: UInt32
    package var pid: Int32
    package init(user: String, uid: UInt32, pid: Int32) {
        self.user = user
        self.uid = uid
        self.pid = pid
    }
}
