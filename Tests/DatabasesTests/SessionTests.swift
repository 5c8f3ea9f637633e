// Conversations with the real MariaDB and PostgreSQL: values, limits, and everything that goes wrong.
import Dispatch
import Domain
import Glibc
import Synchronization
import TestKit
import Testing

@testable import Databases

@Suite struct SessionTests {
    @Test(arguments: ServerKind.allCases)
    func `values come as they are`(kind: ServerKind) async throws {
        let session = try kind.connect(await kind.database())
        #expect(!session.isInTransaction)
        func ask(_ query: String) throws -> DatabaseCell? {
            try session.run(query, keeping: 1, until: soon).first
        }
        #expect(try ask("SELECT 42") == .number("42", 42))
        #expect(try ask("SELECT 1.50")?.number == 1.5)
        #expect(try ask("SELECT ' 7 '")?.number == 7)
        #expect(try ask("SELECT NULL") == .null)
        #expect(try ask("SELECT 'Grüße 👩‍🚒'") == .text("Grüße 👩‍🚒"))
        #expect(try ask("SELECT 1 = 1")?.number == 1)
        #expect(try ask("SELECT 1 FROM (SELECT 1 AS a) t WHERE 1 = 0") == nil)
        #expect(try ask("SELECT COUNT(*) FROM information_schema.tables")?.number ?? 0 > 10)
        let bytes = kind == .mariaDB ? "SELECT x'00ff41'" : "SELECT '\\x00ff41'::bytea"
        #expect(try ask(bytes) == .bytes(3))
        let long = kind == .mariaDB ? "SELECT REPEAT('x', 9000000)" : "SELECT repeat('x', 9000000)"
        #expect(try ask(long)?.text?.count == 65_536)
    }

    @Test(arguments: ServerKind.allCases)
    func `values are bound, whatever they hold`(kind: ServerKind) async throws {
        let session = try kind.connect(await kind.database())
        _ = try session.run("CREATE TABLE t (n INT, s VARCHAR(200))", until: soon)
        let evil = "x'); DROP TABLE t; -- \" \\ $(touch x) \n 👩‍🚒 {{n}}"
        let values = ["n": "5", "s": evil]
        func bound(_ text: String) throws -> BoundSQL {
            try SQLText(text, kind.dialect).bound { name throws(Fault) in values[name] ?? "" }
        }
        let insert = try bound("INSERT INTO t VALUES ({{n}}, '{{s}}')")
        #expect(insert.parameters == ["5", evil])
        #expect(try session.run(insert, keeping: nil, until: soon).changed == 1)
        let found = try bound("SELECT s FROM t WHERE n = {{ n }} AND s = {{s}}")
        #expect(try session.run(found, keeping: 1, until: soon).first == .text(evil))
        let inside = try bound("SELECT 'a {{n}} b''{{n}}'")
        #expect(try session.run(inside, keeping: 1, until: soon).first?.text == "a 5 b'5")
        let count = try bound("SELECT COUNT(*) FROM t WHERE n + 0 = {{n}} /* {{s}} */ -- {{s}}")
        #expect(count.parameters == ["5"])
        #expect(try session.run(count, keeping: 1, until: soon).first?.number == 1)
    }

    @Test(arguments: ServerKind.allCases)
    func `more rows than wanted end the connection, not our memory`(kind: ServerKind)
        async throws
    {
        let server = try await kind.database()
        let many =
            kind == .mariaDB
            ? "SELECT seq FROM seq_1_to_50000000" : "SELECT generate_series(1, 50000000)"
        let session = try kind.connect(server)
        let answer = try session.run(many, keeping: 2, until: soon)
        #expect(answer.rows.map { $0[0].number } == [1, 2])
        #expect(answer.hasMore)
        #expect(
            trouble { () throws(DatabaseTrouble) in
                _ = try session.run("SELECT 1", until: soon)
            }?.kind == .lost)
        let other = try kind.connect(server)
        let bound = BoundSQL(
            text: kind == .mariaDB
                ? "SELECT seq FROM seq_1_to_50000000 WHERE seq > ?"
                : "SELECT generate_series(1, 50000000) + $1::int", parameters: ["5"])
        #expect(try other.run(bound, keeping: 1, until: soon).first?.number == 6)
    }

    @Test(arguments: ServerKind.allCases)
    func `what the server refuses is said in its words, and the connection goes on`(
        kind: ServerKind
    ) async throws {
        let session = try kind.connect(await kind.database())
        func refused(_ query: String) -> DatabaseTrouble? {
            trouble { () throws(DatabaseTrouble) in
                _ = try session.run(query, keeping: 1, until: soon)
            }
        }
        let missing = try #require(refused("SELECT * FROM nobody"))
        #expect(missing.kind == .refused)
        #expect(missing.description.contains("nobody"))
        #expect(missing.code == (kind == .mariaDB ? "1146" : "42P01"))
        #expect(refused("SELECT 1; SELECT 2")?.kind == .refused)
        #expect(refused("nonsense \u{7}")?.message.contains("\u{7}") == false)
        if kind == .postgreSQL {
            #expect(refused("COPY pg_class TO STDOUT")?.kind == .refused)
        } else {
            #expect(refused("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t") != nil)
            #expect(try session.run("SELECT 1", keeping: 1, until: soon).first?.number == 1)
        }
    }

    @Test(arguments: ServerKind.allCases)
    func `a read-only transaction changes nothing`(kind: ServerKind) async throws {
        let session = try kind.connect(await kind.database())
        _ = try session.run("CREATE TABLE t (n INT)", until: soon)
        try session.startReading(until: soon)
        #expect(session.isInTransaction)
        for statement in ["INSERT INTO t VALUES (1)", "DROP TABLE t", "CREATE TABLE u (n INT)"] {
            #expect(
                trouble { () throws(DatabaseTrouble) in
                    _ = try session.run(statement, until: soon)
                }?.kind == .refused, "\(statement)")
            _ = try session.run("ROLLBACK", until: soon)
            try session.startReading(until: soon)
        }
        #expect(
            try session.run("SELECT COUNT(*) FROM t", keeping: 1, until: soon).first?.number == 0)
    }

    @Test(arguments: ServerKind.allCases)
    func `a wrong password, user or database is denied, without the password`(kind: ServerKind)
        async throws
    {
        var server = try await kind.database()
        let place = try await kind.shared()
        func words(_ server: DatabaseServer) -> DatabaseTrouble? {
            trouble { () throws(DatabaseTrouble) in
                do {
                    _ = try kind.connect(server)
                } catch let error as DatabaseTrouble {
                    throw error
                } catch {
                    throw DatabaseTrouble(.unusable, "\(error)")
                }
            }
        }
        server.password = .plain("wrong-secret")
        let wrong = try #require(words(server))
        #expect(wrong.kind == .denied)
        #expect(wrong.description.contains("tester"))
        #expect(!wrong.description.contains("wrong-secret"))
        server.password = nil
        #expect(words(server)?.kind == .denied)
        #expect(words(place.server("no_such"))?.message.contains("no_such") == true)
        // A database named like a connection string is only a name.
        #expect(words(place.server("host=localhost dbname=postgres")) != nil)
    }

    @Test(arguments: ServerKind.allCases)
    func `nobody there is unreachable`(kind: ServerKind) async throws {
        func words(_ host: String, _ port: Int) throws -> String {
            let server = DatabaseServer(
                host: host, port: port, database: "d", user: "u", password: nil)
            do {
                _ = try kind.connect(server)
                return "connected"
            } catch let trouble as DatabaseTrouble {
                return trouble.kind == .unreachable ? trouble.description : "\(trouble.kind)"
            }
        }
        let port = try steadyPort()
        #expect(try words("127.0.0.1", port) == "connection refused by 127.0.0.1:\(port)")
        #expect(try words("no.such.host.invalid", 1).contains("no address for the name"))
        #expect(try words("/nowhere", 1).contains("No such file"))
    }

    @Test(arguments: ServerKind.allCases)
    func `a server that says nothing does not outlast the deadline, and can be interrupted`(
        kind: ServerKind
    ) async throws {
        let silent = try ScriptedServer { connection in while connection.read() != nil {} }
        let server = DatabaseServer(
            host: "127.0.0.1", port: silent.port, database: "d", user: "u", password: nil)
        let access = try kind.access(server)
        #expect(
            trouble { () throws(DatabaseTrouble) in
                _ = try DatabaseClient.connect(access, until: Deadline(in: .seconds(0.2)))
            }?.kind == .late)
        let interrupt = DatabaseInterrupt()
        DispatchQueue.global().async { interrupt.call() }
        #expect(
            trouble { () throws(DatabaseTrouble) in
                _ = try DatabaseClient.connect(access, until: soon, interrupt: interrupt)
            }?.kind == .late)
    }

    @Test(arguments: ServerKind.allCases)
    func `nonsense from the other side is an error`(kind: ServerKind) async throws {
        for words in [
            "HTTP/1.1 400 Bad Request\r\n\r\n", "\u{0}\u{0}\u{0}", "E", "\u{1}\u{0}\u{0}\u{0}\u{a}",
        ] {
            let rude = try ScriptedServer { connection in
                connection.send(words)
            }
            let server = DatabaseServer(
                host: "127.0.0.1", port: rude.port, database: "d", user: "u", password: nil)
            let access = try kind.access(server)
            #expect(
                trouble { () throws(DatabaseTrouble) in
                    _ = try DatabaseClient.connect(access, until: soon)
                } != nil)
        }
    }

    @Test(arguments: ServerKind.allCases)
    func `a slow statement ends at the deadline, here and on the server`(kind: ServerKind)
        async throws
    {
        let server = try await kind.database()
        let session = try kind.connect(server)
        let late = trouble { () throws(DatabaseTrouble) in
            _ = try session.run(
                kind.sleeping(600), keeping: 1, until: Deadline(in: .seconds(0.2)))
        }
        #expect(late?.kind == .late)
        let limited = try kind.connect(server)
        try limited.limitStatements(to: .seconds(0.1), until: soon)
        let ended = trouble { () throws(DatabaseTrouble) in
            let long =
                kind == .mariaDB
                ? "SELECT COUNT(*) FROM seq_1_to_9000000000" : kind.sleeping(600)
            _ = try limited.run(long, keeping: 1, until: soon)
        }
        #expect(ended?.kind == .refused)
    }

    @Test(arguments: ServerKind.allCases)
    func `a server killed in mid-query is told`(kind: ServerKind) async throws {
        let process = try await kind.start()
        let session = try kind.connect(process.server(kind.first))
        let box = Kept(session)
        let found = Mutex<DatabaseTrouble?>(nil)
        let started = Mutex(false)
        let query = kind.sleeping(600)
        DispatchQueue.global().async {
            started.withLock { $0 = true }
            let result = trouble { () throws(DatabaseTrouble) in
                _ = try box.session.run(query, keeping: 1, until: soon)
            }
            found.withLock { $0 = result }
        }
        let watcher = try kind.connect(process.server(kind.first))
        let busy =
            kind == .mariaDB
            ? "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(600)%' AND id <> CONNECTION_ID()"
            : "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
        try await eventually("the query runs") {
            try watcher.run(busy, keeping: 1, until: soon).first?.number == 1
        }
        try await process.kill()
        try await eventually("the loss is noticed") { found.withLock { $0 != nil } }
        #expect(found.withLock { $0?.kind } == .lost)
    }

    @Test(arguments: ServerKind.allCases)
    func `a socket is a place too, and TLS is wanted where it is said`(kind: ServerKind)
        async throws
    {
        let process = try await kind.shared()
        for path in [process.socket, process.folder.path] {
            let session = try kind.connect(process.server(kind.first, host: path))
            #expect(try session.run("SELECT 1", keeping: 1, until: soon).first?.number == 1)
        }
        for tls in DatabaseTLS.allCases {
            var server = process.server(kind.first)
            server.tls = tls
            let access = try kind.access(server)
            let trouble = trouble { () throws(DatabaseTrouble) in
                _ = try DatabaseClient.connect(access, until: soon)
            }
            // The tests' servers have no certificates.
            let isWanted = tls == .required || tls == .verified
            #expect(trouble?.kind == (isWanted ? .unreachable : nil), "\(tls): \(trouble as Any)")
        }
    }

    @Test func `a missing library names its package`() {
        #expect(
            "\(MariaDBLibrary.find("libnothing.so.1"))".contains("install the package libmariadb3"))
        #expect("\(PostgresLibrary.find("libnothing.so.1"))".contains("install the package libpq5"))
        // There, but another library.
        #expect("\(PostgresLibrary.find("libc.so.6"))".contains("has no PQconnectStartParams"))
    }
}

/// Hands a session to another thread.
struct Kept: @unchecked Sendable {
    let session: any DatabaseSession
    init(_ session: any DatabaseSession) { self.session = session }
}
