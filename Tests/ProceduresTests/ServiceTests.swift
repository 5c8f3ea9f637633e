// The works `service`, `sql`, `backup` and `restore_database`.
import Domain
import FoundationEssentials
import GRDB
import Glibc
import Procedures
import TestKit
import Testing

@Suite struct ServiceTests {
    let bench: Bench
    let units: [ServiceUnit]
    init() async throws {
        bench = try Bench()
        // It needs a moment to come up and to go down, as services do.
        try await bench.script(
            "bin/start",
            "echo start >> log; [ -e broken ] && echo no luck && exit 7; (sleep 0.1; touch up) &")
        try await bench.script(
            "bin/stop",
            "echo stop >> log; [ -e up ] || exit 3; [ -e stuck ] || { (sleep 0.1; rm up) & }")
        try await bench.script("bin/status", "test -e up")
        units = [
            ServiceUnit(
                name: "web", start: ["bin/start"], stop: ["bin/stop"], status: ["bin/status"]),
            ServiceUnit(name: "blind", start: ["bin/start"], stop: ["bin/stop"], status: nil),
            ServiceUnit(name: "lost", start: ["bin/none"], stop: ["bin/stop"], status: nil),
        ]
    }
    private func service(
        _ verb: ServiceVerb, _ mode: StepOrder.Mode = .perform, unit: String = "web",
        timeout: Span = .seconds(60)
    ) async -> Bench.Result {
        await bench.perform(.service(verb, unit: unit), mode, units: units, timeout: timeout)
    }

    @Test func `a start ends when the service runs, a stop when it does not`() async {
        #expect(await service(.start, .dryRun).end == .wouldRun)
        #expect(await service(.start).message == "web runs")
        #expect(bench.exists("up"))
        #expect(await service(.start, .dryRun).end == .alreadyDone)
        #expect(await service(.restart).message == "web runs again")
        #expect(bench.exists("up"))
        #expect(await service(.stop).message == "web is stopped")
        #expect(!bench.exists("up"))
        #expect(bench.read("log") == "start\nstop\nstart\nstop\n")
    }

    @Test func `what is as it should be already is no failure`() async throws {
        #expect(await service(.stop).message == "web was stopped already")
        #expect(await service(.restart).end == .succeeded)
    }

    @Test func `a command that fails, and a service that does not follow, have failed`()
        async throws
    {
        try bench.write("broken", "")
        let failed = await service(.start)
        #expect(failed.end == .failed)
        #expect(failed.message == "exit status 7: no luck")
        try bench.write("up", "")
        try bench.write("stuck", "")
        let stuck = await service(.stop, timeout: .milliseconds(400))
        #expect(stuck.end == .failed)
        #expect(stuck.message.contains("still runs"))
        let restart = await service(.restart, timeout: .milliseconds(400))
        #expect(restart.end == .failed)
    }

    @Test func `without a status the command's end counts`() async {
        let blind = await service(.start, unit: "blind")
        #expect(blind.end == .succeeded, "\(blind)")
        #expect(await service(.start, unit: "lost", timeout: .seconds(5)).end == .failed)
        #expect(await service(.start, .dryRun, unit: "lost").end == .failed)
    }

    @Test func `a unit that is not listed is systemd's`() async throws {
        try await bench.script(
            "fake/systemctl",
            """
            echo "$*" >> log
            case "$1" in
              cat) [ "$3" = known ] ;;
              is-active) test -e up ;;
              start) touch up ;;
              stop) rm -f up ;;
            esac
            """)
        var step = Step(name: "s", work: .service(.restart, unit: "known"))
        step.environment = [
            NamedValue(name: "PATH", value: .plain("\(bench.folder)/fake:/usr/bin:/bin"))
        ]
        #expect(await bench.perform(bench.order(step, .dryRun)).end == .wouldRun)
        #expect(await bench.perform(bench.order(step)).end == .succeeded)
        let log = try #require(bench.read("log")).split(separator: "\n")
        #expect(log.contains("stop -- known"))
        #expect(log.contains("start -- known"))
        step.work = .service(.start, unit: "unknown")
        let unknown = await bench.perform(bench.order(step, .dryRun))
        #expect(unknown.end == .failed)
        #expect(unknown.message.contains("systemd knows no unit unknown"))
    }

    @Test func `without systemctl it is said what is missing`() async throws {
        var step = Step(name: "s", work: .service(.start, unit: "known"))
        step.environment = [NamedValue(name: "PATH", value: .plain(bench.folder))]
        for mode in [StepOrder.Mode.dryRun, .perform] {
            let result = await bench.perform(bench.order(step, mode))
            #expect(result.end == .failed)
            #expect(result.message.contains("`units:` has no commands for it"), "\(result)")
        }
    }

    @Test func `stopping does not imply how to start again`() async {
        #expect(await service(.start).end == .succeeded)
        #expect(await service(.stop, .undo).end == .failed)
    }
}

@Suite struct DatabaseTests {
    let bench: Bench
    var path: String { bench.root("folder/app.db") }
    var sources: [DataSource] { [DataSource(name: "main", kind: .sqlite(path: path))] }
    init() throws {
        bench = try Bench()
        let queue = try DatabaseQueue(path: bench.root("folder/app.db"))
        try queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE users (name TEXT);
                    INSERT INTO users VALUES ('ines'), ('tomas'), ('priya');
                    CREATE TABLE notification_storage (text TEXT);
                    INSERT INTO notification_storage VALUES ('one');
                    """)
        }
        try queue.close()
    }
    private func run(
        _ statements: String..., mode: StepOrder.Mode = .perform, variables: [(String, String)] = []
    ) async -> Bench.Result {
        await bench.perform(
            .sql(SQLWork(source: "main", statements: statements)), mode, variables: variables,
            sources: sources)
    }
    private func ask(
        _ query: String, equals: Double? = nil, atLeast: Double? = nil, atMost: Double? = nil,
        mode: StepOrder.Mode = .perform
    ) async -> Bench.Result {
        await bench.perform(
            .sql(
                SQLWork(
                    source: "main", query: query, equals: equals, atLeast: atLeast, atMost: atMost)),
            mode, sources: sources)
    }
    private func users() throws -> [String] {
        let queue = try DatabaseQueue(path: path)
        return try queue.read {
            try String.fetchAll($0, sql: "SELECT name FROM users ORDER BY rowid")
        }
    }

    @Test func `statements are one transaction`() async throws {
        let bad = await run("DELETE FROM users", "INSERT INTO nobody VALUES (1)")
        #expect(bad.end == .failed)
        #expect(bad.message.contains("no such table: nobody"))
        #expect(try users().count == 3)
        let good = await run(
            "DROP TABLE IF EXISTS notification_storage", "DELETE FROM users WHERE name = 'ines'")
        #expect(good.end == .succeeded)
        #expect(good.message == "2 statements in one transaction, 1 row changed")
        #expect(try users() == ["tomas", "priya"])
        #expect(
            await ask(
                "SELECT COUNT(*) FROM sqlite_master WHERE name LIKE 'notification%'", equals: 0
            ).end == .succeeded)
    }

    @Test func `killed before the commit, nothing has happened`() async throws {
        let step = Step(
            name: "s", work: .sql(SQLWork(source: "main", statements: ["DELETE FROM users"])))
        let order = bench.order(step, sources: sources)
        #expect(await bench.perform(order, runnerCrashesAt: "before-commit").end == .unknown)
        #expect(try users().count == 3)
        let again = bench.order(step, sources: sources)
        #expect(await bench.perform(again, runnerCrashesAt: "committed").end == .unknown)
        #expect(try users().isEmpty)
    }

    @Test func `values are bound, never written into a statement`() async throws {
        let evil = "x'); DELETE FROM users; --"
        #expect(
            await run(
                "INSERT INTO users VALUES ({{who}})", "INSERT INTO users VALUES ('{{who}}')",
                variables: [("who", evil)]
            ).end == .succeeded)
        #expect(try users() == ["ines", "tomas", "priya", evil, evil])
    }

    @Test func `a query's answer is compared`() async {
        let count = "SELECT COUNT(*) FROM users"
        #expect(await ask(count, equals: 3).end == .succeeded)
        #expect(await ask(count, equals: 2).message == "the query answered 3, not 2")
        #expect(await ask(count, atLeast: 3, atMost: 3).end == .succeeded)
        #expect(await ask(count, atLeast: 4).end == .failed)
        #expect(await ask(count, atMost: 2.5).end == .failed)
        #expect(await ask("SELECT '3'", equals: 3).end == .succeeded)
        #expect(await ask("SELECT NULL", equals: 0).end == .failed)
        #expect(await ask("SELECT name FROM users", equals: 0).end == .failed)
        #expect(await ask("SELECT 1 WHERE 0", equals: 1).message == "the query answered no row")
        #expect(await ask("SELECT name FROM users").message == "the query answered ines")
        let changing = await ask("DELETE FROM users RETURNING 1", equals: 1)
        #expect(changing.end == .failed)
        #expect(await ask(count, equals: 3).end == .succeeded)
    }

    @Test func `a dry run changes nothing, and knows what SQLite would not understand`()
        async throws
    {
        #expect(await run("DELETE FROM users", mode: .dryRun).end == .wouldRun)
        let bad = await run("DELETE FROM nobody", mode: .dryRun)
        #expect(bad.end == .failed)
        #expect(bad.message.contains("no such table: nobody"))
        let later = await run("CREATE TABLE t (x)", "INSERT INTO t VALUES (1)", mode: .dryRun)
        #expect(later.end == .wouldRun)
        #expect(later.message.contains("not all could be checked"))
        #expect(
            await ask("SELECT COUNT(*) FROM users", equals: 9, mode: .dryRun).message.contains(
                "does not hold now"))
        #expect(try users().count == 3)
    }

    @Test func `a database that is missing is not made, and others are refused clearly`()
        async throws
    {
        let missing = [DataSource(name: "main", kind: .sqlite(path: bench.root("folder/none.db")))]
        let work = Work.sql(SQLWork(source: "main", statements: ["CREATE TABLE t (x)"]))
        #expect(await bench.perform(work, sources: missing).end == .failed)
        #expect(!bench.exists("none.db"))
        let port = try steadyPort()
        let server = DatabaseServer(
            host: "127.0.0.1", port: port, database: "d", user: "u", password: nil)
        for kind in [DataSourceKind.mysql(server), .postgresql(server)] {
            let result = await bench.perform(work, sources: [DataSource(name: "main", kind: kind)])
            #expect(result.end == .failed)
            #expect(result.message.contains("connection refused by 127.0.0.1:\(port)"))
        }
        let redis = await bench.perform(
            work, sources: [DataSource(name: "main", kind: .redis(url: .plain("redis://h")))])
        #expect(redis.message.contains("use a redis step"))
        #expect(await bench.perform(work).message.contains("no data source"))
    }

    @Test(arguments: ["COMMIT", "begin", "/* x */ -- y\n ; ROLLBACK", "SELECT 1; END"])
    func `a statement that would end the transaction is refused`(_ statement: String) async throws {
        let result = await run("DELETE FROM users", statement)
        #expect(result.end == .failed)
        #expect(result.message.contains("one transaction"))
        #expect(try users().count == 3)
        #expect(await run(statement, mode: .dryRun).end == .failed)
    }

    /// Half of it is in the file, and must be taken back before anybody can read: a write.
    @Test(arguments: [StepOrder.Mode.perform, .dryRun])
    func `a query answers after a transaction that was cut off`(
        _ mode: StepOrder.Mode
    ) async throws {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let cut = bench.root("folder/cut.db")
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.inDatabase { database in
            // With so little memory, the transaction is written to the file before its end.
            try database.execute(
                sql: """
                    PRAGMA cache_size = 1;
                    BEGIN;
                    DELETE FROM users;
                    CREATE TABLE filler (bytes BLOB);
                    INSERT INTO filler VALUES (zeroblob(100000)), (zeroblob(100000));
                    """)
            for ending in ["", "-journal"] {
                try FileManager.default.copyItem(atPath: path + ending, toPath: cut + ending)
            }
            try database.execute(sql: "ROLLBACK")
        }
        let query = SQLWork(source: "cut", query: "SELECT COUNT(*) FROM users", equals: 3)
        let result = await bench.perform(
            .sql(query), mode, sources: [DataSource(name: "cut", kind: .sqlite(path: cut))])
        #expect(result.end == (mode == .dryRun ? .wouldRun : .succeeded), "\(result.message)")
        #expect(result.message.contains("3"))
    }

    @Test func `a dry run does not wait for a database that others have locked`() async throws {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.inDatabase { try $0.execute(sql: "BEGIN EXCLUSIVE") }
        let query = Work.sql(SQLWork(source: "main", query: "SELECT COUNT(*) FROM users"))
        let change = Work.sql(SQLWork(source: "main", statements: ["DELETE FROM users"]))
        var checked = Step(name: "s", work: change, check: query)
        let steps = [Step(name: "s", work: query), Step(name: "s", work: change), checked]
        for (step, question) in zip(steps, ["forecast", "forecast", "check"]) {
            var step = step
            step.timeout = .milliseconds(200)
            let result = await bench.perform(bench.order(step, .dryRun, sources: sources))
            #expect(result.end == .failed)
            #expect(
                result.message.hasPrefix("cannot \(question) ("), "\(result.message)")
            #expect(
                result.message.hasSuffix("): it did not answer within 200ms"), "\(result.message)")
        }
        try queue.inDatabase { try $0.execute(sql: "ROLLBACK") }
        checked.timeout = .minutes(1)
        #expect(
            await bench.perform(bench.order(checked, .dryRun, sources: sources)).end == .alreadyDone
        )
    }

    @Test func `a statement waits for a lock that others hold`() async throws {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let bench = bench
        let sources = sources
        try queue.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        let order = bench.order(
            Step(name: "s", work: .sql(SQLWork(source: "main", statements: ["DELETE FROM users"]))),
            sources: sources)
        async let result = bench.perform(order)
        try await eventually("the step has begun") {
            FileManager.default.fileExists(atPath: order.runDirectory + "/started.json")
        }
        try queue.inDatabase { try $0.execute(sql: "COMMIT") }
        #expect(await result.end == .succeeded)
        try queue.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        let late = await bench.perform(
            .sql(SQLWork(source: "main", statements: ["DELETE FROM users"])), sources: sources,
            timeout: .milliseconds(200))
        #expect(late.end == .failed)
        #expect(late.message.contains("not done after 200ms"))
        try queue.inDatabase { try $0.execute(sql: "COMMIT") }
    }

    @Test func `a backup is a step, and a database comes back from it`() async throws {
        try bench.write("web.py", "code")
        let backup = BackupDefinition(
            to: bench.root("state/backups"), files: ["web.py"], databases: ["main"])
        let step = Step(name: "Backup", work: .backup)
        #expect(
            await bench.perform(bench.order(step, .dryRun, sources: sources, backup: backup)).end
                == .wouldRun)
        let taken = await bench.perform(bench.order(step, sources: sources, backup: backup))
        #expect(taken.end == .succeeded, "\(taken)")
        #expect(taken.message.contains("main with 4 rows; read back and compared"))
        #expect(taken.message.contains(" kB, ") && !taken.message.contains("KiB"))
        let id = try #require(taken.outcome.facts.first { $0.name == "backup" }?.text)
        #expect(taken.outcome.backup?.id == id)
        #expect(taken.outcome.backup?.verified == true)
        #expect(await run("DELETE FROM users", "CREATE TABLE newer (x)").end == .succeeded)
        let restore = Step(name: "Restore", work: .restoreDatabase(source: "main"))
        func order(_ mode: StepOrder.Mode, _ id: String) -> StepOrder {
            bench.order(
                restore, mode, variables: [("backup", id)], sources: sources, backup: backup)
        }
        #expect(await bench.perform(order(.dryRun, id)).end == .wouldRun)
        let restored = await bench.perform(order(.perform, id))
        #expect(restored.end == .succeeded, "\(restored)")
        #expect(try users() == ["ines", "tomas", "priya"])
        #expect(
            await ask("SELECT COUNT(*) FROM sqlite_master WHERE name = 'newer'", equals: 0).end
                == .succeeded)
        let undone = await bench.perform(order(.undo, id))
        #expect(undone.end == .succeeded, "\(undone)")
        #expect(try users().isEmpty)
        #expect(
            await ask("SELECT COUNT(*) FROM sqlite_master WHERE name = 'newer'", equals: 1).end
                == .succeeded)
        #expect(await bench.perform(order(.perform, "20200101T000000Z")).end == .failed)
    }

    @Test func `a backup that lacks what it was told to hold is no backup`() async throws {
        let backup = BackupDefinition(to: bench.root("state/backups"), files: ["missing.py"])
        for mode in [StepOrder.Mode.perform, .dryRun] {
            let result = await bench.perform(.backup, mode, backup: backup)
            #expect(result.end == .failed)
            #expect(result.message.contains("missing.py"))
        }
    }
}
