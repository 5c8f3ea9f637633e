// SQLite files: opened, copied, checked and counted.
import Domain
import Files
import GRDB

typealias Tables = [BackupManifest.DatabaseEntry.Table]

struct SQLiteFile {
    let path: RawPath
    init(_ path: RawPath) { self.path = path }

    /// How long another connection's lock is waited for, in seconds.
    private static let patience = 30.0

    /// Opens it for a while.
    /// - Throws: `Fault` with what SQLite says.
    func open<Result>(
        _ operation: String, readOnly: Bool = false, _ body: (DatabaseQueue) throws -> Result
    ) throws(Fault) -> Result {
        do {
            var configuration = Configuration()
            configuration.readonly = readOnly
            configuration.busyMode = .timeout(Self.patience)
            if !readOnly {
                // What was restored stays so when the power goes: see synchronous=EXTRA of SQLite.
                configuration.prepareDatabase {
                    try $0.execute(sql: "PRAGMA synchronous = EXTRA")
                }
            }
            let queue = try DatabaseQueue(path: path.description, configuration: configuration)
            defer { try? queue.close() }
            return try body(queue)
        } catch let fault as Fault {
            throw fault
        } catch let error as DatabaseError {
            throw Fault(
                operation: operation, subject: path.description,
                cause: error.message ?? error.resultCode.description,
                retry: error.resultCode == .SQLITE_BUSY)
        } catch {
            throw Fault(operation: operation, subject: path.description, cause: "\(error)")
        }
    }

    /// Copies it by SQLite's online backup: one consistent state, whoever writes meanwhile.
    /// - Returns: the rows of that very state.
    func copy(to target: SQLiteFile) throws(Fault) -> Tables {
        try open("copy the database") { source in
            try target.open("copy the database") { copy in
                let tables = try copy.writeWithoutTransaction { copy in
                    try source.read { database in
                        // In one transaction with the copy: what is counted is what is copied.
                        let tables = try self.tables(of: database)
                        try database.backup(to: copy)
                        return tables
                    }
                }
                try copy.writeWithoutTransaction { copy in
                    // One file that can be read without making others beside it.
                    _ = try String.fetchOne(copy, sql: "PRAGMA journal_mode = DELETE")
                }
                return tables
            }
        }
    }

    /// Writes it into another database as one transaction.
    func restore(into live: SQLiteFile) throws(Fault) {
        try open("restore the database", readOnly: true) { copy in
            try live.open("restore the database") { try copy.backup(to: $0) }
        }
    }

    /// - Returns: the tables with their rows, by name.
    /// - Throws: `Fault` when SQLite finds the file damaged.
    func check() throws(Fault) -> Tables {
        try open("check the database", readOnly: true) { queue in
            try queue.read { database in
                let answers = try String.fetchAll(database, sql: "PRAGMA integrity_check(5)")
                guard answers == ["ok"] else {
                    throw Fault(
                        operation: "check the database", subject: path.description,
                        cause: Visible.text(answers.joined(separator: "; "), limit: 200))
                }
                return try tables(of: database)
            }
        }
    }

    /// Whether SQLite takes it for a database. An empty file is one.
    func isDatabase() throws(Fault) -> Bool {
        guard let status = try Files.status(path, following: true) else { return false }
        if status.size == 0 { return true }
        do throws(Fault) {
            return try open("open the database") { queue in
                try queue.read { try Int.fetchOne($0, sql: "PRAGMA schema_version") } != nil
            }
        } catch {
            // A lock is no reason to replace a file that others are using.
            if error.retry { throw error }
            return false
        }
    }

    /// The rows of every table, by name; SQLite's own tables and views are left out.
    private func tables(of database: Database) throws -> Tables {
        let names = try String.fetchAll(
            database,
            sql: "SELECT name FROM sqlite_master WHERE type = 'table' "
                + "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")
        return try names.map { name in
            let quoted = "\"" + name.replacing("\"", with: "\"\"") + "\""
            let rows = try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM \(quoted)") ?? 0
            return BackupManifest.DatabaseEntry.Table(name: name, rows: rows)
        }
    }
}
