// Steps on the real MariaDB, PostgreSQL and Redis: sql, redis, restore_database, done and undone.
import Databases
import Domain
import FoundationEssentials
import TestKit
import Testing

@Suite struct ServerStepTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func table(_ kind: ServerKind) async throws -> DatabaseServer {
        let server = try await kind.database()
        try kind.run(
            [
                "CREATE TABLE users (name VARCHAR(200))",
                "INSERT INTO users VALUES ('a'), ('b'), ('c')",
            ],
            server)
        return server
    }
    private func count(_ kind: ServerKind, _ server: DatabaseServer) throws -> String? {
        try kind.ask("SELECT COUNT(*) FROM users", server)
    }
    private func run(
        _ kind: ServerKind, _ server: DatabaseServer, _ statements: String...,
        mode: StepOrder.Mode = .perform, variables: [(String, String)] = []
    ) async -> Bench.Result {
        await bench.perform(
            .sql(SQLWork(source: "main", statements: statements)), mode, variables: variables,
            sources: [kind.source(server)])
    }
    private func ask(
        _ kind: ServerKind, _ server: DatabaseServer, _ query: String, equals: Double? = nil,
        mode: StepOrder.Mode = .perform
    ) async -> Bench.Result {
        await bench.perform(
            .sql(SQLWork(source: "main", query: query, equals: equals)), mode,
            sources: [kind.source(server)])
    }

    @Test(arguments: ServerKind.allCases)
    func `statements are one transaction`(kind: ServerKind) async throws {
        let server = try await table(kind)
        let done = await run(
            kind, server, "DELETE FROM users WHERE name = 'a'", "INSERT INTO users VALUES ('d')")
        #expect(done.end == .succeeded, "\(done)")
        #expect(done.message == "2 statements in one transaction, 2 rows changed")
        #expect(done.lines.contains("sql> INSERT INTO users VALUES ('d')"))
        let failed = await run(kind, server, "DELETE FROM users", "INSERT INTO nobody VALUES (1)")
        #expect(failed.end == .failed)
        #expect(failed.message.contains("statement 2"))
        #expect(failed.message.contains("nobody"))
        #expect(failed.message.contains("nothing was changed"))
        #expect(try count(kind, server) == "3")
    }

    @Test func `what MariaDB commits by itself is said before and after`() async throws {
        let kind = ServerKind.mariaDB
        let server = try await table(kind)
        let plan = await run(kind, server, "DROP TABLE users", mode: .dryRun)
        #expect(plan.end == .wouldRun)
        #expect(plan.message.contains("MariaDB commits at CREATE, ALTER, DROP"))
        #expect(plan.message.contains("only a `check` could tell"))
        let failed = await run(
            kind, server, "DELETE FROM users WHERE name = 'a'", "CREATE TABLE t (n INT)",
            "INSERT INTO nobody VALUES (1)")
        #expect(failed.end == .failed)
        #expect(failed.message.contains("the first 2 statements stay done"), "\(failed)")
        let done = await run(kind, server, "DROP TABLE t", "DROP TABLE users")
        #expect(done.end == .succeeded)
        #expect(done.message.contains("each for itself"), "\(done)")
        let postgres = ServerKind.postgreSQL
        let other = try await table(postgres)
        #expect(
            await run(postgres, other, "DROP TABLE users", mode: .dryRun).message
                .contains("in one transaction"))
        #expect(await run(postgres, other, "DROP TABLE users", "SELECT 1/0").end == .failed)
        #expect(try count(postgres, other) == "3")
    }

    @Test(arguments: ServerKind.allCases)
    func `values are bound, never written into a statement`(kind: ServerKind) async throws {
        let server = try await table(kind)
        let evil = "x'); DROP TABLE users; -- \" \\ $(touch x); `id`\n👩‍🚒"
        let result = await run(
            kind, server, "INSERT INTO users VALUES ({{who}})",
            "INSERT INTO users VALUES ('{{who}}')", "INSERT INTO users VALUES ('<{{who}}>')",
            variables: [("who", evil)])
        #expect(result.end == .succeeded, "\(result)")
        #expect(try count(kind, server) == "6")
        #expect(
            try kind.ask("SELECT name FROM users WHERE name LIKE '<%'", server) == "<\(evil)>")
        #expect(!bench.exists("x"))
    }

    @Test(arguments: ServerKind.allCases)
    func `several statements in one, and transactions, are refused`(kind: ServerKind) async throws {
        let server = try await table(kind)
        for (statement, words) in [
            ("DELETE FROM users; DELETE FROM users", "an entry of its own"),
            ("COMMIT", "one transaction"), ("/* x */ begin", "one transaction"),
            ("SET autocommit = 1", "one transaction"), (" -- nothing", "empty"),
        ] {
            for mode in [StepOrder.Mode.perform, .dryRun] {
                let result = await run(kind, server, "DELETE FROM users", statement, mode: mode)
                #expect(result.end == .failed, "\(statement)")
                #expect(result.message.contains(words), "\(result)")
            }
        }
        #expect(try count(kind, server) == "3")
    }

    @Test(arguments: ServerKind.allCases)
    func `a query's answer is compared, and changes nothing`(kind: ServerKind) async throws {
        let server = try await table(kind)
        #expect(await ask(kind, server, "SELECT COUNT(*) FROM users", equals: 3).end == .succeeded)
        #expect(
            await ask(kind, server, "SELECT COUNT(*) FROM users", equals: 2).message
                == "the query answered 3, not 2")
        #expect(
            await ask(kind, server, "SELECT name FROM users WHERE 1 = 0", equals: 1).message
                == "the query answered no row")
        #expect(await ask(kind, server, "SELECT NULL", equals: 0).message.contains("no number"))
        #expect(await ask(kind, server, "DELETE FROM users").end == .failed)
        #expect(
            await ask(kind, server, "SELECT COUNT(*) FROM users", equals: 9, mode: .dryRun).message
                .contains("does not hold now"))
        #expect(try count(kind, server) == "3")
    }

    @Test(arguments: ServerKind.allCases)
    func `a dry run changes nothing, and knows what the server would not understand`(
        kind: ServerKind
    ) async throws {
        let server = try await table(kind)
        #expect(await run(kind, server, "DELETE FROM users", mode: .dryRun).end == .wouldRun)
        let bad = await run(kind, server, "DELETE FROM nobody", mode: .dryRun)
        #expect(bad.end == .failed)
        #expect(bad.message.contains("nobody"))
        #expect(await run(kind, server, "DELET FROM users", mode: .dryRun).end == .failed)
        let later = await run(
            kind, server, "CREATE TABLE later (x INT)", "INSERT INTO later VALUES (1)",
            mode: .dryRun)
        #expect(later.end == .wouldRun)
        #expect(later.message.contains("not all could be checked"), "\(later)")
        #expect(try count(kind, server) == "3")
        let nowhere = DatabaseServer(
            host: "127.0.0.1", port: try steadyPort(), database: "d", user: "u", password: nil)
        #expect(await run(kind, nowhere, "DELETE FROM users", mode: .dryRun).end == .failed)
    }

    @Test(arguments: ServerKind.allCases)
    func `killed before the commit, nothing has happened`(kind: ServerKind) async throws {
        let server = try await table(kind)
        let step = Step(
            name: "s", work: .sql(SQLWork(source: "main", statements: ["DELETE FROM users"])))
        let order = bench.order(step, sources: [kind.source(server)])
        #expect(await bench.perform(order, runnerCrashesAt: "before-commit").end == .unknown)
        try await eventually("the server has taken it back") {
            try count(kind, server) == "3"
        }
        let again = bench.order(step, sources: [kind.source(server)])
        #expect(await bench.perform(again, runnerCrashesAt: "committed").end == .unknown)
        #expect(try count(kind, server) == "0")
    }

    @Test(arguments: ServerKind.allCases)
    func `a statement that waits for a lock ends at its time-out, and nothing was changed`(
        kind: ServerKind
    ) async throws {
        let server = try await table(kind)
        let other = try kind.connect(server)
        _ = try other.run("START TRANSACTION", until: soon)
        _ = try other.run("DELETE FROM users", until: soon)
        let late = await bench.perform(
            .sql(SQLWork(source: "main", statements: ["DELETE FROM users"])),
            sources: [kind.source(server)], timeout: .milliseconds(300))
        #expect(late.end == .failed)
        #expect(late.message.contains("nothing was changed"), "\(late)")
        _ = try other.run("ROLLBACK", until: soon)
        #expect(try count(kind, server) == "3")
    }

    @Test(arguments: ServerKind.allCases)
    func `a password is in no log`(kind: ServerKind) async throws {
        var server = try await table(kind)
        server.password = .plain("wrong-secret-word")
        let secret = try bench.root.write("secret", "wrong-secret-word")
        server.password = .secret(.file(secret))
        let order = bench.order(
            Step(name: "s", work: .sql(SQLWork(source: "main", query: "SELECT 1"))),
            sources: [kind.source(server)])
        let result = await bench.perform(order)
        #expect(result.end == .failed)
        for name in ["outcome.json", "output.log", "runner.log"] {
            let text = try? String(contentsOfFile: order.runDirectory + "/" + name, encoding: .utf8)
            #expect(text?.contains("wrong-secret-word") != true)
        }
    }

    // The rollback's own step: drop tables, and take it back from the backup.

    @Test(arguments: ServerKind.allCases)
    func `a step done and undone leaves the database as it was, byte for byte`(kind: ServerKind)
        async throws
    {
        let server = try await kind.database()
        let binary = kind == .mariaDB ? "LONGBLOB" : "BYTEA"
        let bytes = kind == .mariaDB ? "x'00ff27225c0a0d1a'" : "'\\x00ff27225c0a0d1a'"
        try kind.run(
            [
                "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(80))",
                "CREATE TABLE notification_storage (id INT PRIMARY KEY, user_id INT, raw \(binary), "
                    + "CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id))",
                "INSERT INTO users VALUES (1, 'Grüße 👩‍🚒')",
                "INSERT INTO notification_storage VALUES (1, 1, \(bytes)), (2, NULL, NULL)",
            ], server)
        let sources = [kind.source(server)]
        let backup = BackupDefinition(to: bench.root("state/backups"), databases: ["main"])
        let before = try await kind.dump(server)
        let taken = await bench.perform(.backup, sources: sources, backup: backup)
        #expect(taken.end == .succeeded, "\(taken)")
        let id = try #require(taken.outcome.backup?.id)
        let step = Step(
            name: "Drop notification tables",
            work: .sql(
                SQLWork(
                    source: "main",
                    statements: [
                        "DROP TABLE IF EXISTS notification_storage",
                        "DROP TABLE IF EXISTS notification_delivery_log",
                    ])),
            verify: .sql(
                SQLWork(
                    source: "main",
                    query: "SELECT COUNT(*) FROM information_schema.tables "
                        + "WHERE table_name LIKE 'notification\\_%' AND table_schema = "
                        + (kind == .mariaDB ? "DATABASE()" : "'public'"), equals: 0)),
            undo: .restoreDatabase(source: "main"))
        func order(_ mode: StepOrder.Mode) -> StepOrder {
            bench.order(step, mode, variables: [("backup", id)], sources: sources, backup: backup)
        }
        #expect(await bench.perform(order(.dryRun)).end == .wouldRun)
        #expect(try await kind.dump(server) == before)
        let done = await bench.perform(order(.perform))
        #expect(done.end == .succeeded, "\(done)")
        #expect(try await kind.dump(server) != before)
        let undone = await bench.perform(order(.undo))
        #expect(undone.end == .succeeded, "\(undone)")
        #expect(try await kind.dump(server) == before)
    }

    @Test(arguments: ServerKind.allCases)
    func `a restore is taken back to what was there`(kind: ServerKind) async throws {
        let server = try await table(kind)
        let sources = [kind.source(server)]
        let backup = BackupDefinition(to: bench.root("state/backups"), databases: ["main"])
        let taken = await bench.perform(.backup, sources: sources, backup: backup)
        let id = try #require(taken.outcome.backup?.id, "\(taken)")
        try kind.run(["DELETE FROM users", "CREATE TABLE newer (x INT)"], server)
        let harmed = try await kind.dump(server)
        let restore = Step(name: "Restore", work: .restoreDatabase(source: "main"))
        func order(_ mode: StepOrder.Mode) -> StepOrder {
            bench.order(
                restore, mode, variables: [("backup", id)], sources: sources, backup: backup)
        }
        let plan = await bench.perform(order(.dryRun))
        #expect(plan.end == .wouldRun)
        #expect(
            plan.message.contains(
                kind == .mariaDB ? "cannot do that in one transaction" : "in one transaction"))
        let restored = await bench.perform(order(.perform))
        #expect(restored.end == .succeeded, "\(restored)")
        #expect(try count(kind, server) == "3")
        let undone = await bench.perform(order(.undo))
        #expect(undone.end == .succeeded, "\(undone)")
        #expect(try await kind.dump(server) == harmed)
    }

    @Test(arguments: ["database-emptied", "database-restored"])
    func `a restore that died is finished or taken back by who comes next`(_ point: String)
        async throws
    {
        let kind = ServerKind.mariaDB
        let server = try await table(kind)
        let sources = [kind.source(server)]
        let backup = BackupDefinition(to: bench.root("state/backups"), databases: ["main"])
        let id = try #require(
            await bench.perform(.backup, sources: sources, backup: backup).outcome.backup?.id)
        try kind.run(["DELETE FROM users"], server)
        let harmed = try await kind.dump(server)
        let restore = Step(name: "Restore", work: .restoreDatabase(source: "main"))
        func order(_ mode: StepOrder.Mode) -> StepOrder {
            bench.order(
                restore, mode, variables: [("backup", id)], sources: sources, backup: backup)
        }
        #expect(
            await bench.perform(order(.perform), runnerCrashesAt: point).end == .unknown)
        #expect(await bench.perform(order(.perform)).end == .succeeded)
        #expect(try count(kind, server) == "3")
        // What was saved is what was there before the first of them.
        #expect(await bench.perform(order(.undo)).end == .succeeded)
        #expect(try await kind.dump(server) == harmed)
    }

    @Test(arguments: ServerKind.allCases, ["scratch-noted", "scratch-made", "scratch-filled"])
    func `a backup that died leaves no scratch database for long`(
        kind: ServerKind, _ point: String
    ) async throws {
        let server = try await table(kind)
        let sources = [kind.source(server)]
        let backup = BackupDefinition(to: bench.root("state/backups"), databases: ["main"])
        let step = Step(name: "Backup", work: .backup)
        #expect(
            await bench.perform(
                bench.order(step, sources: sources, backup: backup), runnerCrashesAt: point
            ).end == .unknown)
        let notes = bench.root("state/backups/.scratch")
        let scratch = try FileManager.default.contentsOfDirectory(atPath: notes)
        #expect(scratch.count == 1)
        let isThere =
            kind == .mariaDB
            ? "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '\(scratch[0])'"
            : "SELECT COUNT(*) FROM pg_database WHERE datname = '\(scratch[0])'"
        #expect(try kind.ask(isThere, server) == (point == "scratch-noted" ? "0" : "1"))
        let next = await bench.perform(bench.order(step, sources: sources, backup: backup))
        #expect(next.end == .succeeded, "\(next)")
        #expect(try kind.ask(isThere, server) == "0")
        #expect(try FileManager.default.contentsOfDirectory(atPath: notes).isEmpty)
    }

    // Redis

    private func redis() async throws -> [DataSource] {
        let server = try await RealRedis.shared()
        let url = try bench.root.write(
            "redis-url", "redis://:\(RealRedis.password)@127.0.0.1:\(server.port)/7")
        return [DataSource(name: "r", kind: .redis(url: .secret(.file(url))))]
    }

    @Test func `a redis step says one command and looks at the reply`() async throws {
        let sources = try await redis()
        func say(
            _ command: String..., reply: String? = nil, mode: StepOrder.Mode = .perform,
            variables: [(String, String)] = []
        ) async -> Bench.Result {
            await bench.perform(
                .redis(source: "r", command: command, reply: reply), mode, variables: variables,
                sources: sources)
        }
        let evil = "x\r\nFLUSHALL\r\n'\"$(touch x);"
        #expect(
            await say("SET", "k", "{{v}}", reply: "OK", variables: [("v", evil)]).end == .succeeded)
        #expect(await say("GET", "k", reply: evil).end == .succeeded)
        #expect(await say("GET", "k", reply: "other").end == .failed)
        #expect(await say("GET", "none", reply: "nil").end == .succeeded)
        let wrong = await say("LPUSH", "k", "x")
        #expect(wrong.end == .failed)
        #expect(wrong.message.contains("WRONGTYPE"))
        #expect(await say("DEL", "k").message == "Redis replied 1")
        #expect(await say("DEL", "k", mode: .dryRun).end == .wouldRun)
        let unknown = await say("NONSENSE", mode: .dryRun)
        #expect(unknown.end == .failed)
        #expect(unknown.message.contains("knows no command NONSENSE"))
        #expect(!bench.exists("x"))
        let missing = await bench.perform(.redis(source: "q", command: ["PING"], reply: nil))
        #expect(missing.message.contains("no data source"))
        let down = [
            DataSource(
                name: "r", kind: .redis(url: .plain("redis://127.0.0.1:\(try steadyPort())")))
        ]
        for mode in [StepOrder.Mode.perform, .dryRun] {
            let result = await bench.perform(
                .redis(source: "r", command: ["PING"], reply: nil), mode, sources: down)
            #expect(result.end == .failed)
            #expect(result.message.contains("connection refused"))
        }
    }

    @Test func `a redis command whose reply is lost is unknown, unless a question decides it`()
        async throws
    {
        let silent = try ScriptedServer { connection in
            while let bytes = connection.read() {
                if String(decoding: bytes, as: UTF8.self).contains("INCR") { return }
                connection.send("+PONG\r\n")
            }
        }
        let lost = [
            DataSource(name: "r", kind: .redis(url: .plain("redis://127.0.0.1:\(silent.port)")))
        ]
        let work = Work.redis(source: "r", command: ["INCR", "n"], reply: nil)
        let result = await bench.perform(work, sources: lost)
        #expect(result.end == .unknown, "\(result)")
        #expect(result.message.contains("may be done or not"))
        let verified = Step(
            name: "s", work: work,
            verify: .redis(source: "r", command: ["PING"], reply: "PONG"))
        let decided = await bench.perform(bench.order(verified, sources: lost))
        #expect(decided.end == .succeeded, "\(decided)")
        #expect(decided.message.contains("verify holds"))
    }
}
