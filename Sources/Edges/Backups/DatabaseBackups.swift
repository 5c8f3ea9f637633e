// Databases in a backup: copied while others use them, and put back into the live file.
import Crypto
package import Domain
import Files

extension FileBackupKeeper {
    func copyDatabase(
        _ name: String, _ sources: [DataSource], _ backup: RawPath, _ progress: (String) -> Void
    ) throws(Fault) -> BackupManifest.DatabaseEntry {
        let source = try source(name, sources, "take a backup")
        let folder = RawPath("databases")
        try Files.makeFolderQuickly(backup.appending(folder))
        if let server = try serverDatabase(source) {
            return try copy(server, folder.appending("\(safe(name)).sql"), backup, progress)
        }
        if let redis = try redisDump(source) {
            return try copy(redis, folder.appending("\(safe(name)).redis"), backup, progress)
        }
        return try copySQLite(source, folder.appending("\(safe(name)).sqlite"), backup)
    }

    private func copySQLite(
        _ source: DataSource, _ file: RawPath, _ backup: RawPath
    ) throws(Fault) -> BackupManifest.DatabaseEntry {
        let path = try sqlitePath(source, "take a backup")
        guard let status = try Files.status(path, following: true), status.kind == .file else {
            throw Fault(
                operation: "take a backup", subject: path.description,
                cause: "the database \(source.name) is to be kept, but it is not there")
        }
        let target = backup.appending(file)
        let tables = try SQLiteFile(path).copy(to: SQLiteFile(target))
        let (size, sha256) = try checksum(target)
        return BackupManifest.DatabaseEntry(
            name: source.name, kind: .sqlite, file: file, size: size, sha256: sha256,
            tables: tables, mode: status.mode, user: status.user, group: status.group)
    }

    /// Writes what a database holds now into a new file, for `putBackDatabase`.
    /// - Throws: `Fault`; then the file is worth nothing.
    package func saveDatabase(
        _ source: DataSource, to path: String, progress: (String) -> Void
    ) throws {
        if let server = try serverDatabase(source) {
            try server.makeIfMissing()
            progress("saving what \(source.name) holds now")
            _ = try server.dump(to: RawPath(path))
        } else if let redis = try redisDump(source) {
            progress("saving what \(source.name) holds now")
            _ = try redis.write(to: RawPath(path))
        } else {
            let live = try sqlitePath(source, "save the database")
            _ = try SQLiteFile(live).copy(to: SQLiteFile(RawPath(path)))
        }
    }

    /// Makes a database hold what it held when `saveDatabase` wrote the file, and nothing else.
    package func putBackDatabase(
        _ source: DataSource, from path: String, progress: (String) -> Void
    ) throws {
        progress("putting back \(source.name)")
        if let server = try serverDatabase(source) {
            try server.restore(RawPath(path))
        } else if let redis = try redisDump(source) {
            try redis.restore(RawPath(path))
        } else {
            let live = try sqlitePath(source, "put back the database")
            try SQLiteFile(RawPath(path)).restore(into: SQLiteFile(live))
        }
    }

    /// Names of data sources become names of files.
    private func safe(_ name: String) -> String {
        String(
            name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) ? $0 : "_" })
    }

    private func source(
        _ name: String, _ sources: [DataSource], _ operation: String
    ) throws(Fault) -> DataSource {
        guard let source = sources.first(where: { $0.name == name }) else {
            throw Fault(
                operation: operation, subject: name,
                cause: "the runbook has no data source of this name")
        }
        return source
    }

    private func sqlitePath(_ source: DataSource, _ operation: String) throws(Fault) -> RawPath {
        switch source.kind {
        case .sqlite(let path): return RawPath(path)
        case .mysql, .postgresql, .redis:
            throw Fault(
                operation: operation, subject: source.name,
                cause:
                    "this build cannot copy redis yet; dump it with a run step, and keep the dump")
        }
    }

    func checksum(_ path: RawPath) throws(Fault) -> (size: Int, sha256: String) {
        var hash = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        let size = try Files.readBlocks(path, buffer) { hash.update(bufferPointer: $0) }
        return (size, hex(hash.finalize()))
    }

    /// Puts a database back; whatever has come into it since the backup is gone.
    ///
    /// SQLite writes the copy into the live file as one transaction: connections that are open see the
    /// restored database, and a crash leaves the old one. Replacing the file would leave them with the
    /// old one, and their writes would be lost. Only a file that is missing, or that SQLite does not
    /// take for a database, is replaced. PostgreSQL does it in one transaction too. MariaDB cannot: the
    /// fault says when a database is half restored.
    /// - Parameter source: may name another server than the one that the backup was taken of.
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
        let copy = backup.path.appending(entry.file)
        guard try checksum(copy).sha256 == entry.sha256 else {
            throw Damage(
                subject: copy.description, detail: "it is not what was taken; nothing was restored")
        }
        progress("restoring \(entry.rows) rows of \(source.name)")
        if let server = try serverDatabase(source) { return try restore(server, entry, copy) }
        if let redis = try redisDump(source) {
            try redis.restore(copy)
            return crashPoint("database-restored")
        }
        let live = SQLiteFile(try sqlitePath(source, "restore the database"))
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
