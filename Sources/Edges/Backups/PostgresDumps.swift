// PostgreSQL's databases: dumped by pg_dump, loaded by psql as one transaction.
import Databases
import Domain
import Files
import FoundationEssentials

extension ServerDatabase {
    /// The dump and the counts see the same snapshot.
    func dumpPostgres(to path: RawPath) throws(Fault) -> Dump {
        let operation = "dump the database"
        let session = try told(operation) { () throws(DatabaseTrouble) in try connect() }
        defer { session.close() }
        func ask(_ text: String, _ limit: Int = 1) throws(Fault) -> DatabaseAnswer {
            try told(operation) { () throws(DatabaseTrouble) in
                try session.run(text, keeping: limit, until: Self.patient)
            }
        }
        for statement in [
            "SET statement_timeout = 0", "SET idle_in_transaction_session_timeout = 0",
            "SET row_security = off",
            "START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        ] { _ = try ask(statement) }
        let snapshot = try ask("SELECT pg_export_snapshot()").first?.text ?? ""
        let names = try ask(Self.tableNames, 1_000_000).rows.compactMap { $0.first?.text }
        var counted: Tables = []
        for name in names.sorted() {
            let rows = try ask("SELECT COUNT(*) FROM \(name)").first?.number ?? -1
            counted.append(.init(name: name, rows: Int(rows)))
        }
        let tool = try postgresTool(
            "pg_dump",
            [
                "--format=plain", "--encoding=UTF8", "--no-password", "--no-subscriptions",
                "--snapshot=\(snapshot)",
            ], to: access.server.database, operation)
        var reading = DumpReading(.postgreSQL)
        try writing(path) { write throws(Fault) in
            try tool.read { bytes throws(Fault) in
                reading.take(bytes)
                try write(bytes)
            }
        }
        crashPoint("database-dumped")
        guard reading.isComplete else {
            throw fault(operation, "the dump has no end; it is cut off")
        }
        for table in counted where reading.tables[table.name] ?? 0 != table.rows {
            throw fault(
                operation,
                "\(table.name) has \(table.rows) rows, but the dump holds "
                    + "\(reading.tables[table.name] ?? 0)")
        }
        return Dump(tables: counted, events: nil)
    }

    private func told<Result>(
        _ operation: String, _ body: () throws(DatabaseTrouble) -> Result
    ) throws(Fault) -> Result {
        do throws(DatabaseTrouble) {
            return try body()
        } catch {
            throw fault(operation, "\(error)", retry: error.kind == .lost)
        }
    }

    /// Tables with rows of their own, quoted as pg_dump quotes them; those of extensions are made by the
    /// extensions.
    private static let tableNames = """
        SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
          AND n.nspname <> 'information_schema' AND NOT EXISTS (
            SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
              AND d.objid = c.oid AND d.deptype = 'e')
        """

    /// One transaction: what fails has changed nothing.
    func restorePostgres(_ path: RawPath) throws(Fault) {
        do throws(Fault) {
            try loadPostgres(
                path, into: access.server.database, Self.dropEverything, "restore the database")
        } catch {
            throw Fault(
                operation: error.operation, subject: error.subject,
                cause: "\(error.cause); nothing was changed", retry: error.retry)
        }
    }

    /// - Parameter first: SQL that comes before the dump in the same transaction.
    func loadPostgres(
        _ path: RawPath, into database: String, _ first: String, _ operation: String
    ) throws(Fault) {
        let tool = try postgresTool(
            "psql",
            [
                "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1",
                "--output=/dev/null", "--file=-",
            ], to: database, operation)
        try tool.write { write throws(Fault) in
            func say(_ text: String) throws(Fault) {
                let bytes = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: text.utf8.count, alignment: 1)
                defer { bytes.deallocate() }
                bytes.copyBytes(from: text.utf8)
                try write(UnsafeRawBufferPointer(bytes))
            }
            // Its end comes from us, and last: what is cut off is never committed.
            try say("BEGIN;\nSET client_min_messages = warning;\n" + first)
            try reading(path, leavingOut: nil, write)
            try say("\nCOMMIT;\n")
        }
    }

    private func postgresTools() throws(Fault) -> [String] {
        let version = try talking("ask for the version") { session throws(DatabaseTrouble) in
            try session.run("SHOW server_version_num", keeping: 1, until: Self.patient).first?.text
        }
        let own = (Int(version ?? "") ?? 0) / 10_000
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [])
            .compactMap { Int($0) }.sorted(by: >)
        // The server's own first: what a newer tool writes an older server may not understand.
        return ([own] + versions.filter { $0 >= own }).map { "\(root)/\($0)/bin" }
    }

    private func postgresTool(
        _ name: String, _ arguments: [String], to database: String, _ operation: String
    ) throws(Fault) -> DumpTool {
        let (host, port) = access.postgresPlace
        // Here a name is only a name; on a command line it could be more.
        var environment = [
            "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGHOST": host, "PGPORT": "\(port)",
            "PGUSER": access.server.user, "PGDATABASE": database, "PGAPPNAME": "tocsin",
            "PGCONNECT_TIMEOUT": "30", "PGCLIENTENCODING": "UTF8", "PGGSSENCMODE": "disable",
            "PGSSLMODE": (access.server.tls ?? .whenOffered).postgresWord,
        ]
        if access.server.tls == .verified {
            environment["PGSSLROOTCERT"] = access.server.tlsCA ?? DatabaseAccess.trusted
        }
        if access.password != nil { environment["PGPASSFILE"] = DumpTool.secretPath }
        return DumpTool(
            program: try DumpTool.find(
                name, in: try postgresTools(), package: "postgresql-client", for: operation),
            arguments: arguments, environment: environment,
            secret: access.password.map { Self.passwordLine($0) } ?? [], operation: operation,
            subject: "\(self.name), \(access.target)")
    }

    /// For every server: only this one is asked (libpq, "The Password File").
    private static func passwordLine(_ password: String) -> [UInt8] {
        let escaped = password.replacing("\\", with: "\\\\").replacing(":", with: "\\:")
        return Array("*:*:*:*:\(escaped)\n".utf8)
    }

    /// Drops everything that a dump could hold, and that no extension owns. Schemas go whole, but for
    /// `public`, whose rights are not those of a schema that is made.
    private static let dropEverything = """
        DO $tocsin$
        DECLARE statements text[]; statement text;
        BEGIN
          WITH mine AS (
            SELECT n.oid, n.nspname FROM pg_namespace n
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
              AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass
                AND d.objid = n.oid AND d.deptype = 'e')
          ), kept AS (
            -- Schemas that hold what belongs to an extension stay, and are emptied.
            SELECT m.oid FROM mine m WHERE m.nspname = 'public' OR EXISTS (
              SELECT 1 FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass
                AND d.refobjid = m.oid AND d.classid = 'pg_extension'::regclass)
          ), drops AS (
            SELECT 1 AS place, format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) AS sql
            FROM mine WHERE oid NOT IN (SELECT oid FROM kept)
            UNION ALL
            SELECT 2, format('DROP %s IF EXISTS %I.%I CASCADE',
              CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
              n.nspname, c.relname)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relnamespace IN (SELECT oid FROM kept) AND c.relkind IN ('r','p','v','m','f','S')
              AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                AND d.objid = c.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 3, format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
            FROM pg_proc p WHERE p.pronamespace IN (SELECT oid FROM kept)
              AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                AND d.objid = p.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 4, format('DROP %s IF EXISTS %I.%I CASCADE',
              CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, t.typname)
            FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
            WHERE t.typnamespace IN (SELECT oid FROM kept) AND (t.typtype IN ('e','d','r')
                OR t.typtype = 'c' AND EXISTS (
                  SELECT 1 FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
              AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_type'::regclass
                AND d.objid = t.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 5, format('DROP COLLATION IF EXISTS %I.%I CASCADE', n.nspname, c.collname)
            FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
            WHERE c.collnamespace IN (SELECT oid FROM kept)
              AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_collation'::regclass
                AND d.objid = c.oid AND d.deptype = 'e')
            UNION ALL
            SELECT 6, format('DROP PUBLICATION IF EXISTS %I', pubname) FROM pg_publication
            UNION ALL
            SELECT 7, format('DROP EVENT TRIGGER IF EXISTS %I', evtname) FROM pg_event_trigger e
            WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass
                AND d.objid = e.oid AND d.deptype = 'e')
          )
          SELECT array_agg(sql ORDER BY place, sql) INTO statements FROM drops;
          FOREACH statement IN ARRAY coalesce(statements, '{}') LOOP EXECUTE statement; END LOOP;
          PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
        END $tocsin$;

        """
}
