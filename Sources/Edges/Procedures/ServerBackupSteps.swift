// What the works `backup` and `restore_database` need to know of databases on servers.
import Databases
import Domain
import Files

extension StepSession {
    /// What a database holds now is dumped first; a step that runs again keeps its first dump.
    func save(_ source: DataSource, _ saved: inout SavedCopies) throws(Fault) {
        maskPassword(of: source)
        try saved.save(database: RawPath(source.name)) { copy throws(Fault) in
            try asking("save the database", source.name) {
                try backups.saveDatabase(
                    source, to: copy.description, progress: { output.say($0) })
            }
        }
    }

    func putBack(_ source: DataSource, _ saved: SavedCopies) throws(Fault) {
        maskPassword(of: source)
        guard let copy = saved.copy(ofDatabase: RawPath(source.name)) else {
            throw Fault(
                operation: "put back the database", subject: source.name,
                cause: "nothing was saved of it")
        }
        do throws(Fault) {
            try asking("put back the database", source.name) {
                try backups.putBackDatabase(
                    source, from: copy.description, progress: { output.say($0) })
            }
        } catch {
            throw Fault(
                operation: error.operation, subject: error.subject,
                cause: "\(error.cause); the dump is \(copy)", retry: error.retry)
        }
    }

    private func maskPassword(of source: DataSource) {
        switch source.kind {
        case .mysql(let server), .postgresql(let server):
            if let password = server.password { _ = try? text(password) }
        case .redis(let url):
            if let text = try? text(url), let password = RedisAddress(text)?.password {
                output.mask.add(password)
            }
        case .sqlite: break
        }
    }

    /// About how many bytes a database holds. Also says when it cannot be reached.
    func size(ofDatabase source: DataSource) throws(Fault) -> Int {
        switch source.kind {
        case .sqlite(let path): return try size(of: RawPath(path))
        case .redis: return 0
        case .mysql, .postgresql: break
        }
        let access = try databaseAccess(to: source)
        do throws(DatabaseTrouble) {
            let deadline = Deadline(in: question?.limit ?? .seconds(30))
            let session = try DatabaseClient.connect(access, until: deadline)
            defer { session.close() }
            let question =
                access.kind == .postgreSQL
                ? "SELECT pg_database_size(current_database())"
                : "SELECT COALESCE(SUM(data_length), 0) FROM information_schema.tables "
                    + "WHERE table_schema = DATABASE()"
            let answer = try session.run(question, keeping: 1, until: deadline)
            return Int(answer.first?.number ?? 0)
        } catch {
            throw error.fault("reach the database", source.name)
        }
    }

    /// What a dry run must say of a restore.
    func halves(_ source: DataSource) -> String {
        switch source.kind {
        case .mysql:
            "; MariaDB cannot do that in one transaction: if it fails half way, undoing the step puts "
                + "back what was saved"
        case .postgresql, .sqlite: ", in one transaction"
        case .redis: ""
        }
    }
}
