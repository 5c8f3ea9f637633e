// Transactions on the real servers: all or nothing, and the truth where that is not so.
import Domain
import TestKit
import Testing

@testable import Databases

@Suite struct TransactionTests {
    private func run(
        _ kind: ServerKind, _ server: DatabaseServer, _ statements: String...,
        crash: @escaping (String) -> Void = { _ in }
    ) throws -> TransactionEnd {
        let access = try kind.access(server)
        let session = try kind.connect(server)
        var transaction = Transaction(access, session, until: soon, crashPoint: crash)
        return try transaction.run(
            statements.map {
                (BoundSQL(text: $0, parameters: []), SQLText($0, kind.dialect).commitsByItself)
            }, saying: { _ in })
    }
    private func rows(_ kind: ServerKind, _ server: DatabaseServer) throws -> Double? {
        try kind.connect(server).run("SELECT COUNT(*) FROM t", keeping: 1, until: soon).first?
            .number
    }
    private func made(_ kind: ServerKind) async throws -> DatabaseServer {
        let server = try await kind.database()
        let session = try kind.connect(server)
        _ = try session.run("CREATE TABLE t (n INT PRIMARY KEY)", until: soon)
        _ = try session.run("INSERT INTO t VALUES (1), (2), (3)", until: soon)
        return server
    }

    @Test(arguments: ServerKind.allCases)
    func `all are done, or none`(kind: ServerKind) async throws {
        let server = try await made(kind)
        guard
            case .committed(let changed) = try run(
                kind, server, "DELETE FROM t WHERE n < 3", "INSERT INTO t VALUES (9)")
        else { return #expect(Bool(false)) }
        #expect(changed == 3)
        #expect(try rows(kind, server) == 2)
        let end = try run(kind, server, "DELETE FROM t", "INSERT INTO nobody VALUES (1)")
        guard case .takenBack(let trouble, let statement) = end else {
            Issue.record("\(end)")
            return
        }
        #expect(statement == 1)
        #expect(trouble.message.contains("nobody"))
        #expect(try rows(kind, server) == 2)
    }

    @Test func `PostgreSQL takes back tables that were made and dropped`() async throws {
        let kind = ServerKind.postgreSQL
        let server = try await made(kind)
        let end = try run(kind, server, "DROP TABLE t", "CREATE TABLE u (n INT)", "SELECT 1/0")
        guard case .takenBack(_, 2) = end else {
            Issue.record("\(end)")
            return
        }
        #expect(try rows(kind, server) == 3)
    }

    @Test func `what MariaDB commits by itself is said`() async throws {
        let kind = ServerKind.mariaDB
        let server = try await made(kind)
        var points: [String] = []
        let end = try run(
            kind, server, "DELETE FROM t WHERE n = 1", "CREATE TABLE u (n INT)",
            "DELETE FROM t", "INSERT INTO nobody VALUES (1)", crash: { points.append($0) })
        guard case .half(_, 3, let kept) = end else {
            Issue.record("\(end)")
            return
        }
        #expect(kept.contains("first 2 statements"))
        #expect(points == ["before-commit", "committed"])
        #expect(try rows(kind, server) == 2)
        // A statement that fails after it has committed what came before.
        let other = try run(kind, server, "DELETE FROM t WHERE n = 2", "DROP TABLE no_such_table")
        guard case .half(_, 1, let first) = other else {
            Issue.record("\(other)")
            return
        }
        #expect(first.contains("first statement"))
        #expect(try rows(kind, server) == 1)
        guard case .committed = try run(kind, server, "DROP TABLE u") else {
            return #expect(Bool(false))
        }
    }

    @Test func `a table that knows no transactions is told`() async throws {
        let kind = ServerKind.mariaDB
        let server = try await made(kind)
        let session = try kind.connect(server)
        _ = try session.run("CREATE TABLE m (n INT) ENGINE=MyISAM", until: soon)
        let end = try run(kind, server, "INSERT INTO m VALUES (1)", "INSERT INTO nobody VALUES (1)")
        guard case .half(_, 1, let kept) = end else {
            Issue.record("\(end)")
            return
        }
        #expect(kept.contains("know no transactions"))
    }

    @Test(arguments: ServerKind.allCases)
    func `a connection lost before the commit has changed nothing`(kind: ServerKind) async throws {
        let server = try await made(kind)
        let end = try run(kind, server, "DELETE FROM t", suicide(kind))
        guard case .takenBack(let trouble, 1) = end else {
            Issue.record("\(end)")
            return
        }
        #expect(trouble.kind == .lost)
        try await eventually("the server has taken it back") { try rows(kind, server) == 3 }
    }
    private func suicide(_ kind: ServerKind) -> String {
        kind == .mariaDB ? "KILL CONNECTION_ID()" : "SELECT pg_terminate_backend(pg_backend_pid())"
    }

    @Test(arguments: ServerKind.allCases)
    func `a commit whose answer is lost is found out where the server can say, else unknown`(
        kind: ServerKind
    ) async throws {
        let server = try await made(kind)
        let name = kind == .mariaDB ? "SELECT CONNECTION_ID()" : "SELECT pg_backend_pid()"
        let access = try kind.access(server)
        let session = try kind.connect(server)
        let number = try #require(
            try session.run(name, keeping: 1, until: soon).first?.text)
        let killer = try kind.connect(server)
        var transaction = Transaction(access, session, until: soon) { point in
            guard point == "before-commit" else { return }
            let kill =
                kind == .mariaDB ? "KILL \(number)" : "SELECT pg_terminate_backend(\(number))"
            _ = try? killer.run(kill, keeping: 1, until: soon)
        }
        let end = try transaction.run(
            [(BoundSQL(text: "DELETE FROM t", parameters: []), false)], saying: { _ in })
        switch (kind, end) {
        case (.mariaDB, .unknown(let trouble)): #expect(trouble.kind == .lost)
        // It was killed before the commit came, and PostgreSQL knows that.
        case (.postgreSQL, .takenBack): break
        default: Issue.record("\(end)")
        }
        try await eventually("the server has taken it back") { try rows(kind, server) == 3 }
    }
}
