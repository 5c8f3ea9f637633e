// Databases on servers in a backup: dumped, tried out, restored.
import Databases
import Domain
import Files
import Glibc

extension FileBackupKeeper {
    func serverDatabase(_ source: DataSource) throws(Fault) -> ServerDatabase? {
        guard let access = try DatabaseAccess(source, secrets: secrets) else { return nil }
        return ServerDatabase(name: source.name, access: access, crashPoint: crashPoint)
    }

    /// - Parameter backup: the folder of the backup that is being made.
    func copy(
        _ database: ServerDatabase, _ file: RawPath, _ backup: RawPath, _ progress: (String) -> Void
    ) throws(Fault) -> BackupManifest.DatabaseEntry {
        let target = backup.appending(file)
        let dump = try database.dump(to: target)
        let rows = dump.tables.reduce(0) { $0 + $1.rows }
        progress("\(database.name): \(dump.tables.count) tables, \(rows) rows; trying the dump out")
        let doubt =
            try Scratch(store: backup.folder, crashPoint: crashPoint)
            .check(dump, of: database, at: target) ?? dump.doubt
        if let doubt { progress("\(database.name) is NOT verified: \(doubt)") }
        let (size, sha256) = try checksum(target)
        return BackupManifest.DatabaseEntry(
            name: database.name, kind: database.kind, file: file, size: size, sha256: sha256,
            tables: dump.tables, mode: 0o600, user: geteuid(), group: getegid(), doubt: doubt)
    }

    func redisDump(_ source: DataSource) throws(Fault) -> RedisDump? {
        guard case .redis(let url) = source.kind else { return nil }
        let text: String
        do {
            text = try secrets.text(url)
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(operation: "read a secret", subject: url.label, cause: "\(error)")
        }
        guard let address = RedisAddress(text) else {
            throw Fault(
                operation: "open the database", subject: source.name,
                cause:
                    "its address is not redis://[user:password@]host[:port][/number] or unix://path"
            )
        }
        return RedisDump(name: source.name, address: address, crashPoint: crashPoint)
    }

    func copy(
        _ redis: RedisDump, _ file: RawPath, _ backup: RawPath, _ progress: (String) -> Void
    ) throws(Fault) -> BackupManifest.DatabaseEntry {
        let target = backup.appending(file)
        let keys = try redis.write(to: target)
        progress("\(redis.name): \(keys) keys; trying the dump out")
        let doubt = try redis.doubt(target, keys: keys)
        if let doubt { progress("\(redis.name) is NOT verified: \(doubt)") }
        let (size, sha256) = try checksum(target)
        return BackupManifest.DatabaseEntry(
            name: redis.name, kind: .redis, file: file, size: size, sha256: sha256,
            tables: [.init(name: "keys", rows: keys)], mode: 0o600, user: geteuid(),
            group: getegid(), doubt: doubt)
    }

    /// - Throws: `Fault` that says in what state the database is.
    func restore(
        _ database: ServerDatabase, _ entry: BackupManifest.DatabaseEntry, _ copy: RawPath
    ) throws(Fault) {
        guard database.kind == entry.kind else {
            throw database.fault(
                "restore the database", "the backup holds it for another kind of server")
        }
        try database.restore(copy)
        crashPoint("database-restored")
        let found = try database.rows(entry.tables.map(\.name))
        for (wanted, found) in zip(entry.tables, found) where wanted != found {
            throw database.fault(
                "restore the database",
                "\(found.name) has \(found.rows) rows, not \(wanted.rows); something has written "
                    + "to it since")
        }
    }
}

extension BackupManifest.DatabaseEntry {
    /// What a copy in a backup is found to hold; by it, damage is told that a checksum cannot tell.
    /// - Throws: `Fault` when it is no whole copy.
    func tables(at path: RawPath) throws(Fault) -> Tables {
        let format: DumpReading.Format
        switch kind ?? .sqlite {
        case .sqlite: return try SQLiteFile(path).check()
        case .redis: return try RedisDump.tables(path)
        case .mysql: format = .mariaDB
        case .postgresql: format = .postgreSQL
        }
        let reading = try DumpReading.read(path, format)
        guard reading.isComplete else {
            throw Fault(
                operation: "read the dump", subject: path.description, cause: "it has no end")
        }
        return reading.rows(of: tables.map(\.name))
    }
}
