// The works `service`, `http`, `sql`, `backup` and `restore_database`.
import Domain
import FoundationEssentials
import GRDB
import Glibc
import Procedures
import Synchronization
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

@Suite struct HTTPTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func request(
        _ server: ScriptedServer, _ path: String = "/", method: String = "GET",
        headers: [NamedValue] = [], body: HTTPBody = .none
    ) -> HTTPRequest {
        HTTPRequest(
            url: .plain("http://127.0.0.1:\(server.port)\(path)"), method: method, headers: headers,
            body: body)
    }

    @Test func `the answer must be as expected`() async throws {
        let server = try ScriptedServer.http { request in
            request.hasPrefix("GET /bad")
                ? ScriptedServer.answer("it broke", status: "500 Oh")
                : ScriptedServer.answer("all well 42")
        }
        func ask(_ path: String, _ expect: Domain.Expectation = Domain.Expectation()) async
            -> Bench.Result
        {
            await bench.perform(.http(request(server, path), expect: expect, keepCookies: false))
        }
        #expect(await ask("/").end == .succeeded)
        let bad = await ask("/bad")
        #expect(bad.end == .failed)
        #expect(bad.message == "HTTP 500, wanted 200-399")
        #expect(bad.lines.last == "it broke")
        #expect(await ask("/bad", Domain.Expectation(status: [500])).end == .succeeded)
        #expect(await ask("/", Domain.Expectation(body: "well [0-9]+")).end == .succeeded)
        #expect(await ask("/", Domain.Expectation(body: "well [a-z]+")).end == .failed)
        #expect(await ask("/", Domain.Expectation(body: "(")).end == .failed)
        #expect(await ask("/", Domain.Expectation(under: .seconds(0))).end == .failed)
    }

    @Test func `cookies are kept from step to step where asked for`() async throws {
        let server = try ScriptedServer.http { request in
            if request.hasPrefix("POST /login") {
                return ScriptedServer.answer(
                    request.contains("name=a%26b%3D") ? "in" : "who?",
                    headers: ["Set-Cookie: session=abc; Path=/"])
            }
            return request.lowercased().contains("cookie: session=abc")
                ? ScriptedServer.answer() : ScriptedServer.answer(status: "403 No")
        }
        let login = request(
            server, "/login", method: "POST",
            body: .form([NamedValue(name: "name", value: .plain("{{who}}"))]))
        let entered = await bench.perform(
            .http(login, expect: Domain.Expectation(body: "^in$"), keepCookies: true),
            variables: [("who", "a&b=")])
        #expect(entered.end == .succeeded)
        func ask(_ keep: Bool) async -> StepOutcome.End {
            await bench.perform(
                .http(request(server), expect: Domain.Expectation(), keepCookies: keep)
            )
            .end
        }
        #expect(await ask(true) == .succeeded)
        #expect(await ask(false) == .failed)
    }

    @Test func `a page's token is kept for the login, and shown to nobody`() async throws {
        let token = "IjQ2ZjM5+/=abc"
        let server = try ScriptedServer.http { request in
            if request.hasPrefix("GET /login") {
                return ScriptedServer.answer(
                    "<head><meta name=\"csrf-token\" content=\"\(token)\"></head>",
                    headers: ["Set-Cookie: session=abc; Path=/"])
            }
            return request.contains("csrf_token=IjQ2ZjM5%2B%2F%3Dabc&user=admin")
                && request.lowercased().contains("cookie: session=abc")
                ? ScriptedServer.answer("welcome") : ScriptedServer.answer(token, status: "403 No")
        }
        let expect = Domain.Expectation(
            status: [200],
            keep: [
                NamedText(name: "csrf", text: "<meta name=\"csrf-token\" content=\"([^\"]+)\"")
            ])
        let login = Work.http(
            request(
                server, "/login", method: "POST",
                body: .form([
                    NamedValue(name: "csrf_token", value: .plain("{{csrf}}")),
                    NamedValue(name: "user", value: .plain("admin")),
                ])), expect: Domain.Expectation(status: [200]), keepCookies: true)
        let early = await bench.perform(login)
        #expect(early.end == .failed)
        #expect(early.message.contains("{{csrf}}"))
        let forecast = await bench.perform(login, .dryRun)
        #expect(forecast.end == .wouldRun)
        #expect(forecast.message.contains("{{csrf}}"))
        let page = await bench.perform(
            .http(request(server, "/login"), expect: expect, keepCookies: true))
        #expect(page.message == "HTTP 200; kept {{csrf}}")
        #expect(await bench.perform(login).end == .succeeded)
        let odd = await bench.perform(
            .http(request(server, "/other"), expect: expect, keepCookies: false))
        #expect(odd.end == .failed)
        let shown = await bench.perform(
            .http(request(server, "/x"), expect: Domain.Expectation(), keepCookies: false))
        #expect(!shown.lines.contains { $0.contains(token) }, "\(shown.lines)")
    }

    @Test func `a secret goes out, and is masked in whatever comes back`() async throws {
        let server = try ScriptedServer.http { request in
            ScriptedServer.answer(
                request.contains("Bearer tok3n") ? "you said tok3n" : "none", status: "500 Oh")
        }
        let file = try bench.root.write("state/token", "Bearer tok3n")
        let result = await bench.perform(
            .http(
                request(
                    server,
                    headers: [NamedValue(name: "Authorization", value: .secret(.file(file)))]),
                expect: Domain.Expectation(), keepCookies: false))
        #expect(result.end == .failed)
        #expect(result.lines.last == "you said tok3n", "only the whole secret is known")
        let bare = try bench.root.write("state/bare", "tok3n")
        let again = await bench.perform(
            .http(
                request(
                    server,
                    headers: [
                        NamedValue(name: "Authorization", value: .plain("Bearer tok3n")),
                        NamedValue(name: "X-Key", value: .secret(.file(bare))),
                    ]), expect: Domain.Expectation(), keepCookies: false))
        #expect(again.lines.last == "you said •••")
    }

    @Test func `a server that hangs, or is not there, is told`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let hanging = await bench.perform(
            .http(request(server), expect: Domain.Expectation(), keepCookies: false),
            timeout: .milliseconds(200))
        #expect(hanging.end == .failed)
        #expect(hanging.message.contains("no answer within"))
        let nobody = HTTPRequest(url: .plain("http://127.0.0.1:\(try freePort())/"))
        let refused = await bench.perform(
            .http(nobody, expect: Domain.Expectation(), keepCookies: false))
        #expect(refused.end == .failed)
        #expect(refused.message.contains("refused"))
    }

    @Test func `a dry run asks nobody`() async throws {
        let server = try ScriptedServer.http { _ in ScriptedServer.answer() }
        var step = Step(
            name: "h",
            work: .http(
                request(server, method: "POST"), expect: Domain.Expectation(), keepCookies: false))
        step.check = .http(
            request(server, method: "POST"), expect: Domain.Expectation(), keepCookies: false)
        #expect(await bench.perform(bench.order(step, .dryRun)).end == .wouldRun)
        #expect(server.accepted == 0)
        for url in ["ftp://127.0.0.1/", "http://", "nonsense", "http://a b/", "http://{{none}}/"] {
            let result = await bench.perform(
                .http(
                    HTTPRequest(url: .plain(url)), expect: Domain.Expectation(), keepCookies: false),
                .dryRun)
            #expect(result.end == .failed, "\(url)")
        }
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
