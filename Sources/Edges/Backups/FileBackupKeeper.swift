// Backups in a folder: taken, synced, read back and compared before they get their name.
package import Domain
import Files
import FoundationEssentials
import Glibc

/// Keeps backups of files and databases below one folder, each in a folder of its own.
///
/// A backup is made as `ID.partial`, synced, and compared byte by byte with its manifest; only then it
/// is renamed to `ID`. So whatever has a full name was whole when it got it.
package struct FileBackupKeeper: BackupKeeper {
    let secrets: any SecretReader
    let crashPoint: @Sendable (String) -> Void

    /// - Parameters:
    ///   - secrets: for data sources that want a password.
    ///   - crashPoint: told the name of each place where a crash makes a difference. For tests.
    package init(
        secrets: any SecretReader, crashPoint: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.secrets = secrets
        self.crashPoint = crashPoint
    }

    /// Files and folders are copied with modes, owners, times, attributes, links and holes; a database
    /// is copied by its own tool while others use it, and a dump is tried out in a scratch database. A link that is named itself is kept together
    /// with what it points at. The folder of backups is never part of one.
    /// - Throws: `Fault` when something that is named is not there, or cannot be read or written; then
    ///   nothing of the backup remains.
    package func take(
        _ definition: BackupDefinition, folder: String, sources: [DataSource], at: Timestamp,
        progress: (String) -> Void
    ) throws -> BackupReceipt {
        let store = RawPath(definition.to)
        guard store.isAbsolute, !store.names.isEmpty else {
            throw Fault(
                operation: "take a backup", subject: definition.to,
                cause: "`backup: to:` must be the absolute path of a folder")
        }
        try Files.makeFolder(store)
        let lock = try BackupLock(store, progress)
        defer { withExtendedLifetime(lock) {} }
        try removeLeftovers(store)
        try Scratch(store: store, crashPoint: crashPoint).dropLeftovers(sources, secrets, progress)
        let id = try freeID(at, store)
        let partial = RawPath("\(store.appending(id))\(Self.partialEnding)")
        do {
            let (manifest, sha256) = try make(
                partial, id, definition, RawPath(folder), sources, at, progress)
            crashPoint("backup-verified")
            let final = store.appending(id)
            try Files.rename(partial, final)
            try Files.sync(folder: store)
            crashPoint("backup-named")
            try retire(definition, newest: id, at, progress)
            return manifest.receipt.receipt(in: final, sha256: sha256)
        } catch {
            try? removeTree(partial)
            throw error
        }
    }

    private func make(
        _ partial: RawPath, _ id: String, _ definition: BackupDefinition, _ folder: RawPath,
        _ sources: [DataSource], _ at: Timestamp, _ progress: (String) -> Void
    ) throws -> (BackupManifest, sha256: String) {
        try Files.makeFolder(partial)
        // Opened before anything is written: so no error of writing is missed.
        let disk = try FileSystemSync(partial)
        crashPoint("backup-begun")
        var manifest = BackupManifest(id: id, at: at, folder: folder, entries: [], databases: [])
        let plan = try BackupPlan(
            definition, folder, databases: databaseFiles(definition, sources))
        try checkSpace(plan, RawPath(definition.to))
        progress("copying \(plan.entries.count) entries, \(plan.bytes) bytes")
        let copied = try BackupCopier(plan: plan, backup: partial, crashPoint: crashPoint).copy()
        manifest.entries = copied.entries
        let leftOut = plan.leftOut + copied.vanished
        manifest.leftOut = leftOut.isEmpty ? nil : leftOut
        tell(manifest, progress)
        crashPoint("backup-copied")
        for name in definition.databases + definition.sources {
            progress("copying database \(name)")
            manifest.databases.append(try copyDatabase(name, sources, partial, progress))
        }
        let sha256 = try BackupFolder(path: partial).write(manifest)
        crashPoint("backup-written")
        try disk.sync()
        crashPoint("backup-synced")
        progress("reading back from the disk")
        let differences = try BackupComparison(partial, sha256: sha256).differences()
        if let first = differences.first {
            throw Fault(
                operation: "verify the backup", subject: partial.description,
                cause: differences.count == 1
                    ? first : "\(first) (and \(differences.count - 1) more differences)")
        }
        return (manifest, sha256)
    }

    /// What an operator should know of it.
    private func tell(_ manifest: BackupManifest, _ progress: (String) -> Void) {
        for entry in manifest.entries where entry.grew == true {
            progress(
                "\(shown(entry.path)) grew while it was copied; its first \(entry.size) bytes, as "
                    + "they were then, are kept")
        }
        let leftOut = manifest.leftOut ?? []
        for thing in leftOut.prefix(Self.mostTold) { progress("\(shown(thing.path)) \(thing.why)") }
        if leftOut.count > Self.mostTold {
            progress("and \(leftOut.count - Self.mostTold) more; the manifest names them")
        }
    }
    private static let mostTold = 100

    /// The files of SQLite databases that are copied by SQLite: a plain copy of them beside that would
    /// be a mix.
    private func databaseFiles(
        _ definition: BackupDefinition, _ sources: [DataSource]
    ) -> [RawPath: String] {
        var files: [RawPath: String] = [:]
        for source in sources
        where definition.databases.contains(source.name)
            || definition.sources.contains(source.name)
        {
            guard case .sqlite(let path) = source.kind else { continue }
            for ending in ["", "-wal", "-shm", "-journal"] {
                files[RawPath(path + ending).plain] = source.name
            }
        }
        return files
    }

    private func checkSpace(_ plan: BackupPlan, _ store: RawPath) throws(Fault) {
        // What the manifest says of an entry takes about 400 bytes.
        let bytes = plan.bytes + plan.entries.count * 400
        let room = try Files.room(at: store)
        guard bytes < room.free else {
            throw Fault(
                operation: "take a backup", subject: store.description,
                cause: "\(bytes) bytes are to be kept, but only \(room.free) are free", retry: true)
        }
        if let names = room.freeNames, plan.entries.count >= names {
            throw Fault(
                operation: "take a backup", subject: store.description,
                cause: "\(plan.entries.count) entries are to be kept, but the file system has room "
                    + "for only \(names) more files", retry: true)
        }
    }

    private func freeID(_ at: Timestamp, _ store: RawPath) throws(Fault) -> String {
        var id = at.compact
        var number = 1
        while try Files.status(store.appending(id)) != nil {
            number += 1
            id = "\(at.compact)-\(number)"
        }
        return id
    }

    static let partialEnding = ".partial"
    static let retiredEnding = ".retired"

    package func list(_ definition: BackupDefinition) throws -> [BackupReceipt] {
        let store = RawPath(definition.to)
        guard try Files.status(store, following: true) != nil else { return [] }
        var receipts: [BackupReceipt] = []
        for name in try Files.names(in: store) {
            let folder = BackupFolder(path: store.appending(name))
            let text = name.description
            guard try Files.status(folder.path)?.kind == .folder,
                !text.hasSuffix(Self.partialEnding), !text.hasSuffix(Self.retiredEnding),
                let (record, lost) = try folder.record(named: text)
            else { continue }
            receipts.append(
                record.receipt(
                    in: folder.path, sha256: folder.sha256,
                    check: VerificationRecord.read(of: record.id, in: store), lost: lost))
        }
        return receipts.sorted { ($0.at, $0.id) > ($1.at, $1.id) }
    }

    /// Bytes in all and free where the backups lie, or will lie.
    package func room(_ definition: BackupDefinition) throws -> (total: Int, free: Int) {
        var place = RawPath(definition.to)
        while try Files.status(place, following: true) == nil, place.folder != place {
            place = place.folder
        }
        let room = try Files.room(at: place)
        return (room.total, room.free)
    }

    /// What was found is remembered beside the backup, for the list, where this user may write there.
    package func differences(_ receipt: BackupReceipt) throws -> [String] {
        let path = RawPath(receipt.path)
        let differences = try BackupComparison(path, sha256: receipt.sha256).differences()
        VerificationRecord(
            at: timestampNow(), count: differences.count, first: differences.first
        ).write(of: receipt.id, in: path.folder)
        return differences
    }
}

/// One backup at a time in one folder.
private final class BackupLock: Sendable {
    private let descriptor: Int32
    /// How long another backup is waited for, in seconds.
    private static let patience = 900.0

    init(_ store: RawPath, _ progress: (String) -> Void) throws(Fault) {
        let path = store.appending(".lock")
        let descriptor = try Files.open(path, O_RDWR | O_CREAT | O_CLOEXEC, "lock")
        var waited = 0.0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            if code == EWOULDBLOCK, waited < Self.patience {
                if waited == 0 { progress("waiting for another backup to end") }
                waited += 0.05
                usleep(50_000)
            } else if code != EINTR {
                close(descriptor)
                throw fileFault("lock", path, code: code)
            }
        }
        self.descriptor = descriptor
    }
    deinit { close(descriptor) }
}
