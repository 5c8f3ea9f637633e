// MariaDB's databases: dumped by mariadb-dump, loaded by mariadb.
import Databases
import Domain
import Files

extension ServerDatabase {
    func dumpMariaDB(to path: RawPath) throws(Fault) -> Dump {
        let expected = try mariaDBTables()
        let tool = try mariaDBTool(
            "mariadb-dump",
            [
                "--single-transaction", "--quick", "--routines", "--triggers", "--events",
                "--hex-blob", "--default-character-set=utf8mb4", "--no-tablespaces",
                "--skip-dump-date", "--max-allowed-packet=1G", "--", access.server.database,
            ], "dump the database")
        var reading = DumpReading(.mariaDB)
        try writing(path) { write throws(Fault) in
            try tool.read { bytes throws(Fault) in
                reading.take(bytes)
                try write(bytes)
            }
        }
        crashPoint("database-dumped")
        guard reading.isComplete else {
            throw fault("dump the database", "the dump has no end; it is cut off")
        }
        let missing = expected.filter { reading.tables[$0] == nil }
        guard missing.isEmpty else {
            throw fault(
                "dump the database",
                "the dump lacks the table \(missing[0]); was it dropped meanwhile?", retry: true)
        }
        return Dump(
            tables: reading.rows(of: Array(reading.tables.keys)), events: reading.events,
            doubt: try seesTriggers()
                ? nil
                : "the user \(access.server.user) may not see triggers, so the dump may lack some; "
                    + "GRANT TRIGGER would allow it")
    }

    /// Without the right, the tool leaves them out and says nothing.
    private func seesTriggers() throws(Fault) -> Bool {
        try talking("ask for rights") { session throws(DatabaseTrouble) in
            try session.run(
                """
                SELECT COUNT(*) FROM (
                  SELECT privilege_type FROM information_schema.user_privileges
                  UNION ALL SELECT privilege_type FROM information_schema.schema_privileges
                    WHERE DATABASE() LIKE table_schema
                  UNION ALL SELECT privilege_type FROM information_schema.table_privileges
                    WHERE table_schema = DATABASE()
                ) p WHERE privilege_type = 'TRIGGER'
                """, keeping: 1, until: Self.patient
            ).first?.number ?? 0 > 0
        }
    }

    private func mariaDBTables() throws(Fault) -> [String] {
        try talking("list the tables") { session throws(DatabaseTrouble) in
            try session.run(
                """
                SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
                AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
                """, keeping: 1_000_000, until: Self.patient
            ).rows.compactMap { $0.first?.text }
        }
    }

    /// Not as one transaction: MariaDB cannot.
    func restoreMariaDB(_ path: RawPath) throws(Fault) {
        let operation = "restore the database"
        var dropped = 0
        do throws(Fault) {
            try talking(operation) { session throws(DatabaseTrouble) in
                _ = try session.run("SET FOREIGN_KEY_CHECKS = 0", until: Self.patient)
                for statement in try drops(session) {
                    _ = try session.run(statement, until: Self.patient)
                    dropped += 1
                }
            }
            crashPoint("database-emptied")
            dropped += 1
            try loadMariaDB(path, into: access.server.database, leavingOut: nil, operation)
        } catch {
            guard dropped > 0 else { throw error }
            throw Fault(
                operation: error.operation, subject: error.subject,
                cause: "\(error.cause); the database is HALF RESTORED", retry: error.retry)
        }
    }

    /// Statements that drop everything there is.
    private func drops(_ session: any DatabaseSession) throws(DatabaseTrouble) -> [String] {
        let lists = [
            """
            SELECT CASE table_type WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE' \
            ELSE 'TABLE' END, table_name FROM information_schema.tables \
            WHERE table_schema = DATABASE() ORDER BY table_type = 'VIEW' DESC
            """,
            """
            SELECT routine_type, routine_name FROM information_schema.routines \
            WHERE routine_schema = DATABASE()
            """,
            """
            SELECT 'EVENT', event_name FROM information_schema.events \
            WHERE event_schema = DATABASE()
            """,
        ]
        var result: [String] = []
        for list in lists {
            let answer = try session.run(list, keeping: 1_000_000, until: Self.patient)
            for row in answer.rows {
                guard row.count == 2, let kind = row[0].text, let name = row[1].text else {
                    continue
                }
                result.append("DROP \(kind) IF EXISTS \(Self.quoted(name))")
            }
        }
        return result
    }

    func loadMariaDB(
        _ path: RawPath, into database: String, leavingOut events: Range<Int>?,
        _ operation: String
    ) throws(Fault) {
        let tool = try mariaDBTool(
            "mariadb",
            [
                "--default-character-set=utf8mb4", "--binary-mode", "--batch",
                "--max-allowed-packet=1G", "--skip-reconnect", "--local-infile=0", "--", database,
            ], operation)
        try tool.write { write throws(Fault) in
            try reading(path, leavingOut: events, write)
        }
    }

    private func mariaDBTool(
        _ name: String, _ arguments: [String], _ operation: String
    ) throws(Fault) -> DumpTool {
        DumpTool(
            program: try DumpTool.find(name, package: "mariadb-client", for: operation),
            arguments: ["--defaults-file=" + DumpTool.secretPath] + arguments,
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"],
            secret: Array(options.utf8), operation: operation,
            subject: "\(self.name), \(access.target)"
        )
    }

    /// An option file (mariadb.com/kb: configuring with option files); nothing else is read.
    private var options: String {
        var lines = [("user", access.server.user)]
        if let password = access.password { lines.append(("password", password)) }
        if access.isSocket {
            lines += [("protocol", "socket"), ("socket", access.mariaDBSocket)]
        } else {
            lines += [
                ("protocol", "tcp"), ("host", access.server.host),
                ("port", "\(access.server.port)"),
            ]
            switch access.server.tls ?? .whenOffered {
            case .off: lines.append(("ssl", "0"))
            case .whenOffered: break
            case .required: lines.append(("ssl", "1"))
            case .verified:
                lines += [
                    ("ssl-verify-server-cert", "1"),
                    ("ssl-ca", access.server.tlsCA ?? DatabaseAccess.trusted),
                ]
            }
        }
        return "[client]\n" + lines.map { "\($0.0)=\"\(Self.escaped($0.1))\"\n" }.joined()
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
