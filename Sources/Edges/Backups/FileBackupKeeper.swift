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
                cause: "`backup: to:` must be a folder")
        }
        try Files.makeFolder(store)
        let lock = try BackupLock(store, progress)
        defer { withExtendedLifetime(lock) {} }
        try removeLeftovers(store)
        try Scratch(store: store, crashPoint: crashPoint).dropLeftovers(sources, secrets, progress)
        let id = try freeID(at, store)
        let partial = RawPath("\(store.appending(id))\(Self.partialEnding)")
        do {
            let manifest = try make(partial, id, definition, RawPath(folder), sources, at, progress)
            crashPoint("backup-verified")
            let final = store.appending(id)
            try Files.rename(partial, final)
            try Files.sync(folder: store)
            crashPoint("backup-named")
            try retire(definition, newest: id, at, progress)
            return manifest.receipt.receipt(in: final)
        } catch {
            try? Files.remove(partial)
            throw error
        }
    }

    private func make(
        _ partial: RawPath, _ id: String, _ definition: BackupDefinition, _ folder: RawPath,
        _ sources: [DataSource], _ at: Timestamp, _ progress: (String) -> Void
    ) throws -> BackupManifest {
        try Files.makeFolder(partial)
        crashPoint("backup-begun")
        var manifest = BackupManifest(id: id, at: at, folder: folder, entries: [], databases: [])
        let plan = try BackupPlan(definition, folder)
        try checkSpace(plan.bytes, RawPath(definition.to))
        progress("copying \(plan.entries.count) entries, \(plan.bytes) bytes")
        manifest.entries = try BackupCopier(plan: plan, backup: partial).copy()
        for entry in manifest.entries where entry.changed == true {
            progress("\(entry.path) was written to while it was copied")
        }
        for path in plan.leftOut { progress("\(path) is a socket, pipe or device and is left out") }
        crashPoint("backup-copied")
        for name in definition.databases + definition.sources {
            progress("copying database \(name)")
            manifest.databases.append(try copyDatabase(name, sources, partial, progress))
        }
        try BackupFolder(path: partial).write(manifest)
        crashPoint("backup-written")
        progress("reading back")
        // Nobody may find the full name before everything is on the disk; while the disk writes, the
        // processors compare.
        let sync = BackgroundSync(partial)
        let differences = try BackupComparison(partial).differences()
        try sync.wait()
        if let first = differences.first {
            throw Fault(
                operation: "verify the backup", subject: partial.description,
                cause: differences.count == 1
                    ? first : "\(first) (and \(differences.count - 1) more differences)")
        }
        return manifest
    }

    private func checkSpace(_ bytes: Int, _ store: RawPath) throws(Fault) {
        let free = try Files.freeSpace(at: store)
        guard bytes < free else {
            throw Fault(
                operation: "take a backup", subject: store.description,
                cause: "\(bytes) bytes are to be kept, but only \(free) are free", retry: true)
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

    /// Only called by who holds the lock: whoever made them is dead.
    private func removeLeftovers(_ store: RawPath) throws(Fault) {
        for name in try Files.names(in: store) {
            let text = name.description
            if text.hasSuffix(Self.partialEnding) || text.hasSuffix(Self.retiredEnding) {
                try Files.remove(store.appending(name))
            }
        }
    }

    package func list(_ definition: BackupDefinition) throws -> [BackupReceipt] {
        let store = RawPath(definition.to)
        guard try Files.status(store, following: true) != nil else { return [] }
        var receipts: [BackupReceipt] = []
        for name in try Files.names(in: store) {
            let folder = BackupFolder(path: store.appending(name))
            guard try Files.status(folder.path)?.kind == .folder,
                try Files.status(folder.manifest) != nil, try Files.status(folder.checksum) != nil,
                let bytes = try Files.readIfThere(folder.receipt),
                let record = try? JSONDecoder().decode(ReceiptRecord.self, from: Data(bytes)),
                record.id == name.description
            else { continue }
            receipts.append(record.receipt(in: folder.path))
        }
        return receipts.sorted { ($0.at, $0.id) > ($1.at, $1.id) }
    }

    package func differences(_ receipt: BackupReceipt) throws -> [String] {
        try BackupComparison(RawPath(receipt.path)).differences()
    }

    /// Removes what the definition does not keep. The newest stays in any case.
    private func retire(
        _ definition: BackupDefinition, newest: String, _ now: Timestamp,
        _ progress: (String) -> Void
    ) throws {
        for (index, receipt) in try list(definition).enumerated()
        where receipt.id != newest && index > 0 {
            let tooMany = definition.keepLast.map { index >= max(1, $0) } ?? false
            let age = (now - receipt.at).seconds
            let tooOld = definition.keepDays.map { age > Double($0) * 86_400 } ?? false
            guard tooMany || tooOld else { continue }
            // Under another name first: what is half removed must not look like a backup.
            let folder = RawPath(receipt.path)
            let retired = RawPath("\(folder)\(Self.retiredEnding)")
            try Files.rename(folder, retired)
            crashPoint("backup-retired")
            try Files.remove(retired)
            progress("removed backup \(receipt.id)")
        }
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
