// The two kinds of database server that tests are made with alike: databases, statements, dumps there.
package import Databases
package import Domain
import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

package enum ServerKind: String, CaseIterable, Sendable {
    case mariaDB, postgreSQL

    package func shared() async throws -> DatabaseServerProcess {
        switch self {
        case .mariaDB: try await RealMariaDB.shared()
        case .postgreSQL: try await RealPostgres.shared()
        }
    }
    package func start() async throws -> DatabaseServerProcess {
        switch self {
        case .mariaDB: try await RealMariaDB.start()
        case .postgreSQL: try await RealPostgres.start()
        }
    }
    /// The database that is always there.
    package var first: String {
        switch self {
        case .mariaDB: "mysql"
        case .postgreSQL: "postgres"
        }
    }
    package var dialect: SQLText.Dialect {
        switch self {
        case .mariaDB: .mariaDB
        case .postgreSQL: .postgreSQL
        }
    }
    package func source(_ server: DatabaseServer, _ name: String = "main") -> DataSource {
        switch self {
        case .mariaDB: DataSource(name: name, kind: .mysql(server))
        case .postgreSQL: DataSource(name: name, kind: .postgresql(server))
        }
    }
    package func access(_ server: DatabaseServer) throws -> DatabaseAccess {
        guard let access = try DatabaseAccess(source(server), secrets: NoSecretsAtAll()) else {
            throw TestKitError(text: "no access")
        }
        return access
    }
    package func connect(_ server: DatabaseServer) throws -> any DatabaseSession {
        try DatabaseClient.connect(access(server), until: soon)
    }

    private static let made = Atomic(0)

    /// A new, empty database on the shared server.
    package func database(on process: DatabaseServerProcess? = nil) async throws -> DatabaseServer {
        let process = if let process { process } else { try await shared() }
        let name = "test_\(Self.made.add(1, ordering: .relaxed).newValue)"
        try run(["CREATE DATABASE \(name)"], process.server(first))
        return process.server(name)
    }

    /// Runs statements, each for itself.
    package func run(
        _ statements: [String], _ server: DatabaseServer, within span: Span = .minutes(2)
    ) throws {
        let session = try connect(server)
        defer { session.close() }
        for statement in statements { _ = try session.run(statement, until: Deadline(in: span)) }
    }
    /// The first column of the first row; nil for none.
    package func ask(_ query: String, _ server: DatabaseServer) throws -> String? {
        let session = try connect(server)
        defer { session.close() }
        return try session.run(query, keeping: 1, until: soon).first?.text
    }

    /// What the server's own tool writes of a database, but for what differs from dump to dump.
    package func dump(_ server: DatabaseServer) async throws -> String {
        try await dump(server, through: "cat")
    }
    /// The SHA-256 of that.
    package func dumpDigest(_ server: DatabaseServer) async throws -> String {
        try await dump(server, through: "sha256sum")
    }

    private func dump(_ server: DatabaseServer, through filter: String) async throws -> String {
        let folder = try TemporaryFolder("dump")
        var words: [String]
        var environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"]
        switch self {
        case .mariaDB:
            let password = DatabaseServerProcess.password
                .split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
                .split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
            let options = try folder.write(
                "options",
                """
                [client]
                user="\(server.user)"
                password="\(password)"
                host=\(server.host)
                port=\(server.port)
                protocol=tcp
                """)
            words = [
                "mariadb-dump", "--defaults-file=\(options)", "--single-transaction", "--routines",
                "--triggers", "--events", "--hex-blob", "--skip-dump-date",
                "--default-character-set=utf8mb4", server.database,
            ]
        case .postgreSQL:
            words = ["pg_dump"]
            environment.merge([
                "PGHOST": server.host, "PGPORT": "\(server.port)", "PGUSER": server.user,
                "PGPASSWORD": DatabaseServerProcess.password, "PGDATABASE": server.database,
            ]) { $1 }
        }
        // pg_dump writes \restrict with a key of its own each time.
        let script = """
            { "$@" || echo "$1 failed"; } | sed '/^.restrict /d; /^.unrestrict /d' | \(filter)
            """
        let run = try Spawned(
            "/bin/sh", ["-c", script, "dump"] + words, environment: environment,
            output: folder("dump"), errors: folder("errors"))
        let status = try await run.end()
        let said = try String(contentsOfFile: folder("errors"), encoding: .utf8)
        guard status == 0, !said.contains("rror") else {
            throw TestKitError(text: "\(words[0]): \(said)")
        }
        return try String(contentsOfFile: folder("dump"), encoding: .utf8)
    }
}

private struct NoSecretsAtAll: SecretReader {
    func read(_ secret: Secret) throws -> String {
        throw Fault(operation: "read a secret", subject: secret.label, cause: "there are none here")
    }
}

/// Long enough for a loaded machine.
package var soon: Deadline { Deadline(in: .seconds(120)) }
