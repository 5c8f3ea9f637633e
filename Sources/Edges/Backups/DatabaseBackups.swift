// Databases in a backup: copied while others use them, and put back into the live file.
import Crypto
package import Domain
import Files

extension FileBackupKeeper {
    func copyDatabase(
        _ name: String, _ sources: [DataSource], _ backup: RawPath
    ) throws(Fault) -> BackupManifest.DatabaseEntry {
        let path = try sqlitePath(name, sources, "take a backup")
        guard let status = try Files.status(path, following: true), status.kind == .file else {
            throw Fault(
                operation: "take a backup", subject: path.description,
                cause: "the database \(name) is to be kept, but it is not there")
        }
        let file = RawPath("databases").appending("\(safe(name)).sqlite")
        let target = backup.appending(file)
        try Files.makeFolderQuickly(target.folder)
        let tables = try SQLiteFile(path).copy(to: SQLiteFile(target))
        let (size, sha256) = try checksum(target)
        return BackupManifest.DatabaseEntry(
            name: name, file: file, size: size, sha256: sha256, tables: tables,
            mode: status.mode, user: status.user, group: status.group)
    }

    /// Names of data sources become names of files.
    private func safe(_ name: String) -> String {
        String(
            name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) ? $0 : "_" })
    }

    private func sqlitePath(
        _ name: String, _ sources: [DataSource], _ operation: String
    ) throws(Fault) -> RawPath {
        guard let source = sources.first(where: { $0.name == name }) else {
            throw Fault(
                operation: operation, subject: name,
                cause: "the runbook has no data source of this name")
        }
        let kind: String
        switch source.kind {
        case .sqlite(let path): return RawPath(path)
        case .mysql: kind = "mysql"
        case .postgresql: kind = "postgresql"
        case .redis: kind = "redis"
        }
        throw Fault(
            operation: operation, subject: name,
            cause: "this build cannot copy \(kind) yet; dump it with a run step, and keep the dump")
    }

    private func checksum(_ path: RawPath) throws(Fault) -> (size: Int, sha256: String) {
        var hash = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        let size = try Files.readBlocks(path, buffer) { hash.update(bufferPointer: $0) }
        return (size, hex(hash.finalize()))
    }

    /// Writes the copy into the live file through SQLite, as one transaction: connections that are
    /// open see the restored database, and a crash leaves the old one. Replacing the file would leave
    /// them with the old one, and their writes would be lost. Only a file that is missing, or that
    /// SQLite does not take for a database, is replaced.
    /// - Throws: `Fault`; `Damage` when the backup is not what was taken.
    package func restoreDatabase(
        _ receipt: BackupReceipt, source: DataSource, progress: (String) -> Void
    ) throws {
        let backup = BackupFolder(path: RawPath(receipt.path))
        let manifest = try backup.readManifest()
        guard let entry = manifest.databases.first(where: { $0.name == source.name }) else {
            throw Fault(
                operation: "restore the database", subject: source.name,
                cause: "the backup \(receipt.id) does not hold it")
        }
        let live = SQLiteFile(try sqlitePath(source.name, [source], "restore the database"))
        let copy = backup.path.appending(entry.file)
        guard try checksum(copy).sha256 == entry.sha256 else {
            throw Damage(
                subject: copy.description, detail: "it is not what was taken; nothing was restored")
        }
        progress("restoring \(entry.rows) rows of \(source.name)")
        if try live.isDatabase() {
            try SQLiteFile(copy).restore(into: live)
        } else {
            progress("\(live.path) is missing or no database: it is replaced")
            try replace(live.path, by: copy, entry)
        }
        crashPoint("database-restored")
        guard try live.check() == entry.tables else {
            throw Fault(
                operation: "restore the database", subject: live.path.description,
                cause: "it has other rows than the backup; something has written to it since")
        }
    }

    private func replace(
        _ path: RawPath, by copy: RawPath, _ entry: BackupManifest.DatabaseEntry
    ) throws(Fault) {
        let target = try Files.resolved(path) ?? path
        // What is left of the old file would be played back into the new one.
        for ending in ["-wal", "-shm", "-journal"] {
            try Files.remove(RawPath("\(target)\(ending)"))
        }
        try Files.makeFolder(target.folder, mode: 0o755)
        try Files.install(copy, as: target)
        guard let status = try Files.status(target) else { return }
        try Files.apply(
            user: entry.user, group: entry.group, mode: entry.mode, modified: status.modified,
            kind: .file, to: target)
    }
}
