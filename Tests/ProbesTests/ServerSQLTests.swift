// The sql probe on the real MariaDB and PostgreSQL, and what goes wrong with them.
import Databases
import Domain
import TestKit
import Testing

@testable import Probes

@Suite struct ServerSQLTests {
    private static let first = MetricRule(name: "n", source: .first, unit: "rows")

    private func ask(
        _ kind: ServerKind, _ server: DatabaseServer, _ query: String, under: Span? = nil,
        timeout: Double = 60
    ) -> Probe {
        probe(
            .sql(source: kind.source(server), query: query), Expectation(under: under),
            metrics: [Self.first], timeout: timeout)
    }
    private func table(_ kind: ServerKind) async throws -> DatabaseServer {
        let server = try await kind.database()
        try kind.run(["CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1), (2), (3)"], server)
        return server
    }

    @Test(arguments: ServerKind.allCases)
    func `the first value is the metric`(kind: ServerKind) async throws {
        let server = try await table(kind)
        for (query, message, value) in [
            ("SELECT COUNT(*) FROM t", "answered 3", 3.0), ("SELECT ' 42 '", "answered  42 ", 42),
            ("SELECT n, 'x' FROM t ORDER BY n DESC;", "answered 3", 3),
            (
                "SELECT 'text'",
                "answered text; no metric n (nothing at the first column of the first row)", nil
            ),
            (
                "SELECT NULL",
                "answered NULL; no metric n (nothing at the first column of the first row)", nil
            ),
            (
                "SELECT n FROM t WHERE n > 9",
                "no rows; no metric n (nothing at the first column of the first row)", nil
            ),
        ] as [(String, String, Double?)] {
            let result = await check(ask(kind, server, query))
            #expect(result.answer == (value == nil ? .degraded : .good), "\(query)")
            #expect(result.message == message)
            #expect(result.metric("n") == value)
        }
        let slow = await check(ask(kind, server, "SELECT 1", under: .zero))
        #expect(slow.answer == .bad)
        #expect(slow.message.contains("wanted under"))
    }

    @Test(arguments: ServerKind.allCases)
    func `nothing can be changed`(kind: ServerKind) async throws {
        let server = try await table(kind)
        for query in [
            "DELETE FROM t", "DROP TABLE t", "INSERT INTO t VALUES (9)", "CREATE TABLE u (n INT)",
            "COMMIT", "TRUNCATE TABLE t", "KILL 1", "SELECT nothing FROM t", "nonsense", "",
            "-- nothing", "SELECT 1; DELETE FROM t",
        ] {
            #expect(await check(ask(kind, server, query)).answer != .good, "\(query)")
        }
        #expect(try kind.ask("SELECT COUNT(*) FROM t", server) == "3")
    }

    @Test(arguments: ServerKind.allCases)
    func `down, denied and hanging are told apart`(kind: ServerKind) async throws {
        let port = try steadyPort()
        var nowhere = DatabaseServer(
            host: "127.0.0.1", port: port, database: "d", user: "u", password: nil)
        let down = await check(ask(kind, nowhere, "SELECT 1"))
        #expect(down.answer == .bad)
        #expect(down.message == "connection refused by 127.0.0.1:\(port)")
        var denied = try await table(kind)
        denied.password = .plain("wrong-secret")
        let refused = await check(ask(kind, denied, "SELECT 1"))
        #expect(refused.answer == .bad)
        #expect(refused.message.contains("tester") && !refused.message.contains("wrong-secret"))
        denied.password = .secret(.environment("NOT_SET"))
        #expect(await check(ask(kind, denied, "SELECT 1")).answer == .unknown)
        let silent = try ScriptedServer { connection in while connection.read() != nil {} }
        nowhere.port = silent.port
        let hanging = await check(ask(kind, nowhere, "SELECT 1", timeout: 0.3))
        #expect(hanging.answer == .bad)
        #expect(hanging.message == "no answer from 127.0.0.1:\(silent.port) within 0.3 s")
    }

    @Test(arguments: ServerKind.allCases)
    func `a slow query is given up, by the server too`(kind: ServerKind) async throws {
        let server = try await table(kind)
        let sleep = kind == .mariaDB ? "SELECT SLEEP(6543)" : "SELECT pg_sleep(6543)"
        let result = await check(ask(kind, server, sleep, timeout: 0.5))
        #expect(result.answer == .bad)
        let running =
            kind == .mariaDB
            ? "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(6543)' "
            : "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6543)' AND state = 'active'"
        try await eventually("the server has ended it") {
            try kind.ask(running, server) == "0"
        }
    }

    @Test func `servers that hang take no thread from those that answer`() async throws {
        let silent = try ScriptedServer { connection in while connection.read() != nil {} }
        let hanging = DatabaseServer(
            host: "127.0.0.1", port: silent.port, database: "d", user: "u", password: nil)
        let checker = ProbeChecker(folder: "/", secrets: TestSecrets())
        let server = try await table(.postgreSQL)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                var probe = ask(.mariaDB, hanging, "SELECT 1", timeout: 600)
                probe.reference.probe = "p\(number)"
                let one = probe
                group.addTask { _ = await checker.check(one) }
            }
            let good = await checker.check(ask(.postgreSQL, server, "SELECT 1"))
            #expect(good.answer == .good)
            group.cancelAll()
        }
    }

    @Test func `a SQL probe on a Redis is our mistake`() async {
        let source = DataSource(name: "s", kind: .redis(url: .plain("redis://h")))
        #expect(await check(probe(.sql(source: source, query: "SELECT 1"))).answer == .unknown)
    }
}
