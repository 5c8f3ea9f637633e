// The sql and redis probes: a real SQLite file, a scripted Redis, and what goes wrong with them.
import Domain
import Foundation
import GRDB
import TestKit
import Testing

@testable import Probes

private func sqlite(
    _ path: String, _ query: String, metrics: [MetricRule] = [], timeout: Double = 60
) -> Probe {
    probe(
        .sql(source: DataSource(name: "main", kind: .sqlite(path: path)), query: query),
        metrics: metrics, timeout: timeout)
}
private let first = MetricRule(name: "n", source: .first, unit: "rows")

@Suite struct SQLTests {
    private func database(_ folder: TemporaryFolder) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let database = try DatabaseQueue(path: folder("data.db"), configuration: configuration)
        try database.write {
            try $0.execute(sql: "CREATE TABLE t (n); INSERT INTO t VALUES (1), (2), (3)")
        }
        return database
    }
    @Test(
        arguments: [
            ("SELECT COUNT(*) FROM t", "answered 3", 3.0), ("SELECT 1.5", "answered 1.5", 1.5),
            ("SELECT ' 42 '", "answered  42 ", 42), ("SELECT 1 = 1", "answered 1", 1),
            ("SELECT n, 'x' FROM t ORDER BY n DESC", "answered 3", 3),
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
            (
                "SELECT 9e999",
                "answered inf; no metric n (no number at the first column of the first row)", nil
            ),
        ] as [(String, String, Double?)])
    func `the first value is the metric`(query: String, message: String, value: Double?)
        async throws
    {
        let folder = try TemporaryFolder("sql")
        _ = try database(folder)
        let result = await check(sqlite(folder("data.db"), query, metrics: [first]))
        #expect(result.answer == (value == nil ? .degraded : .good))
        #expect(result.message == message)
        #expect(result.metric("n") == value)
    }
    @Test(arguments: [
        "DELETE FROM t", "DROP TABLE t", "INSERT INTO t VALUES (9)", "CREATE TABLE u (n)",
        "DELETE FROM t RETURNING n", "SELECT nothing FROM t", "nonsense", "",
        "SELECT 1; DELETE FROM t",
    ])
    func `nothing can be changed`(query: String) async throws {
        let folder = try TemporaryFolder("sql")
        let database = try database(folder)
        let result = await check(sqlite(folder("data.db"), query))
        #expect(result.answer != .good)
        let count = try await database.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM t") }
        #expect(count == 3)
    }
    @Test(arguments: [
        "BEGIN", "BEGIN EXCLUSIVE", "COMMIT", "ROLLBACK", "SAVEPOINT s", "VACUUM",
        "ATTACH 'FOLDER/new.db' AS other", "PRAGMA journal_mode = DELETE", "PRAGMA query_only = 0",
        "SELECT load_extension('x')", "-- nothing", ";",
    ])
    func `a query that is none does no harm`(query: String) async throws {
        let folder = try TemporaryFolder("sql")
        let database = try database(folder)
        let query = query.split(separator: "FOLDER").joined(separator: folder.path)
        for _ in 0..<2 { _ = await check(sqlite(folder("data.db"), query)) }
        #expect(!FileManager.default.fileExists(atPath: folder("new.db")))
        try await database.write { try $0.execute(sql: "INSERT INTO t VALUES (4)") }
        #expect(
            await check(sqlite(folder("data.db"), "SELECT COUNT(*) FROM t")).message == "answered 4"
        )
    }
    @Test func `a missing file is bad and stays missing`() async throws {
        let folder = try TemporaryFolder("sql")
        let result = await check(sqlite(folder("data.db"), "SELECT 1"))
        #expect(result.answer == .bad)
        #expect(result.message == "\(folder("data.db")): No such file or directory")
        #expect(!FileManager.default.fileExists(atPath: folder("data.db")))
    }
    @Test func `a file that is no database is bad`() async throws {
        let folder = try TemporaryFolder("sql")
        let path = try folder.write("data.db", String(repeating: "no database ", count: 500))
        let result = await check(sqlite(path, "SELECT 1 FROM t"))
        #expect(result.answer == .bad)
        #expect(result.message.contains("not a database"))
        #expect(await check(sqlite(folder.path, "SELECT 1")).answer != .good)
    }
    @Test func `a query that never ends is interrupted`() async throws {
        let folder = try TemporaryFolder("sql")
        _ = try database(folder)
        let endless =
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT COUNT(*) FROM r"
        let checker = ProbeChecker(folder: "/", secrets: TestSecrets())
        let result = await checker.check(sqlite(folder("data.db"), endless, timeout: 0.3))
        #expect(result.answer == .bad)
        #expect(result.message.contains("within 0.3 s"))
        // Its thread is free again, and so is the probe.
        try await eventually("the next check is made") {
            await checker.check(sqlite(folder("data.db"), "SELECT 1")).answer == .good
        }
    }
    @Test func `a locked database is told from a hanging one`() async throws {
        let folder = try TemporaryFolder("sql")
        let database = try database(folder)
        try await database.writeWithoutTransaction { connection in
            try connection.execute(sql: "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE")
        }
        let result = await check(sqlite(folder("data.db"), "SELECT n FROM t", timeout: 0.3))
        #expect(result.answer == .bad)
        #expect(result.message.contains("0.3 s"))
    }
    @Test func `a file put in its place is the one that is asked`() async throws {
        let folder = try TemporaryFolder("sql")
        try database(folder).close()
        let checker = ProbeChecker(folder: "/", secrets: TestSecrets())
        let ask = sqlite(folder("data.db"), "SELECT COUNT(*) FROM t")
        #expect(await checker.check(ask).message == "answered 3")
        try FileManager.default.removeItem(atPath: folder("data.db"))
        let other = try DatabaseQueue(path: folder("data.db"))
        try await other.write { try $0.execute(sql: "CREATE TABLE t (n)") }
        #expect(await checker.check(ask).message == "answered 0")
    }
}

@Suite struct RedisTests {
    private func ask(
        _ replies: [String: String], _ command: [String] = ["PING"], url: String = "redis://HOST",
        reply: String? = nil, metrics: [MetricRule] = []
    ) async throws -> CheckResult {
        let server = try ScriptedServer { connection in
            while let bytes = connection.read() {
                let words = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
                    .filter { !"*$".contains($0.first ?? "*") }
                guard let reply = replies[words.joined(separator: " ")] else { return }
                connection.send(reply)
            }
        }
        let url = url.split(separator: "HOST", omittingEmptySubsequences: false)
            .joined(separator: "127.0.0.1:\(server.port)")
        let source = DataSource(name: "s", kind: .redis(url: .plain(url)))
        return await check(
            probe(
                .redis(source: source, command: command), Expectation(reply: reply),
                metrics: metrics))
    }
    @Test func `a ping is answered`() async throws {
        let result = try await ask(["PING": "+PONG\r\n"], reply: "PONG")
        #expect(result.answer == .good)
        #expect(result.message == "replied PONG")
    }
    @Test func `another reply than wanted is bad`() async throws {
        let result = try await ask(["GET k": "$2\r\nno\r\n"], ["GET", "k"], reply: "yes")
        #expect(result.answer == .bad)
        #expect(result.message == "replied no (wanted yes)")
    }
    @Test func `an error is bad`() async throws {
        let result = try await ask(["PING": "-NOAUTH Authentication required.\r\n"])
        #expect(result.answer == .bad)
        #expect(result.message == "Redis says: NOAUTH Authentication required.")
    }
    @Test func `user, password and number go first`() async throws {
        let replies = ["AUTH me p@ss": "+OK\r\n", "SELECT 3": "+OK\r\n", "LLEN q": ":17\r\n"]
        let result = try await ask(
            replies, ["LLEN", "q"], url: "redis://me:p%40ss@HOST/3",
            metrics: [MetricRule(name: "n", source: .first, unit: "")])
        #expect(result.answer == .good)
        #expect(result.metric("n") == 17)
    }
    @Test func `a wrong address is our fault`() async {
        for url in ["http://h", "redis://", "redis://h:x", "redis://h/x"] {
            let source = DataSource(name: "s", kind: .redis(url: .plain(url)))
            let result = await check(probe(.redis(source: source, command: ["PING"])))
            #expect(result.answer == .unknown)
        }
    }
}

@Suite struct PrometheusTests {
    private func ask(_ body: String, status: String = "200 OK") async throws -> CheckResult {
        let server = try ScriptedServer.http { request in
            let right =
                request.hasPrefix("POST /api/v1/query HTTP/1.1\r\n")
                && request.hasSuffix("query=up%7Bjob%3D%22v%22%7D")
            return ScriptedServer.answer(right ? body : "wrong", status: status)
        }
        return await check(
            probe(.prometheus(url: "http://127.0.0.1:\(server.port)", query: #"up{job="v"}"#)))
    }
    private func vector(_ series: String) -> String {
        #"{"status":"success","data":{"resultType":"vector","result":[\#(series)]}}"#
    }
    private let up = #"{"metric":{"__name__":"up","job":"v","instance":"a"},"value":[1.5,"1"]}"#
    private let down = #"{"metric":{"__name__":"up","job":"v","instance":"b"},"value":[1.5,"0"]}"#

    @Test func `every series counts`() async throws {
        let good = try await ask(vector(up))
        #expect(good.answer == .good)
        #expect(good.message == "1 series, none at 0")
        let bad = try await ask(vector(down + "," + up))
        #expect(bad.answer == .bad)
        #expect(bad.message == #"1 of 2 series at 0: up{instance="b",job="v"}"#)
        #expect(bad.metric("c.p.1") == 1)
        #expect(bad.metric("c.p.2") == 0)
    }
    @Test func `a scalar is one series`() async throws {
        let result = try await ask(
            #"{"status":"success","data":{"resultType":"scalar","result":[1,"2.5"]}}"#)
        #expect(result.answer == .good)
        #expect(result.metric("c.p.1") == 2.5)
    }
    @Test func `what is no number is never a metric`() async throws {
        let result = try await ask(vector(#"{"metric":{},"value":[1,"NaN"]}"#))
        #expect(result.answer == .degraded)
        #expect(result.metrics.isEmpty)
    }
    @Test(arguments: [
        (#"{"status":"success","data":{"resultType":"vector","result":[]}}"#, "no series matches"),
        (#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#, "a matrix"),
        (#"{"status":"error","errorType":"bad_data","error":"parse error"}"#, "parse error"),
    ])
    func `a query that says nothing is unknown`(body: String, words: String) async throws {
        let result = try await ask(body, status: "400 Bad Request")
        #expect(result.answer == .unknown)
        #expect(result.message.contains(words))
    }
    @Test func `another server than Prometheus is bad`() async throws {
        let result = try await ask("<html>", status: "502 Bad Gateway")
        #expect(result.answer == .bad)
        #expect(result.message == "HTTP 502, and not in Prometheus's format")
    }
}
