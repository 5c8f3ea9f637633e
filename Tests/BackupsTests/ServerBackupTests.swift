// Databases on real servers in backups: dumped, tried out, restored byte for byte, and what goes wrong.
import Backups
import Databases
import Domain
import Files
import FoundationEssentials
import Glibc
import TestKit
import Testing

/// Everything that makes a dump hard.
enum Contents {
    static func statements(_ kind: ServerKind) -> [String] {
        switch kind {
        case .mariaDB:
            [
                "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(80) NOT NULL UNIQUE, bio TEXT) CHARACTER SET utf8mb4",
                "CREATE TABLE `odd ``name` (id INT PRIMARY KEY, raw VARBINARY(600), big LONGBLOB, bits BIT(9), user_id INT, CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE)",
                "CREATE TABLE empty_one (n DECIMAL(20,5), d DATETIME(6), j JSON)",
                "CREATE TABLE generated (a INT, b INT AS (a * 2) STORED, c INT INVISIBLE DEFAULT 7)",
                "INSERT INTO users (name, bio) VALUES ('Grüße 👩‍🚒', 'it''s; (1),(2)\\n-- Dump completed'), ('null', NULL), ('back\\\\slash', '\\'); DROP TABLE users; --')",
                "INSERT INTO `odd ``name` VALUES (1, x'00ff27225c0a0d1a', REPEAT(x'00', 70000), b'101010101', 1), (2, NULL, '', NULL, NULL)",
                "INSERT INTO generated (a) VALUES (1), (2)",
                "CREATE VIEW names AS SELECT name, 'a;b' AS c FROM users",
                "CREATE SEQUENCE numbers START WITH 42",
                "SELECT NEXTVAL(numbers)",
                """
                CREATE TRIGGER watch BEFORE INSERT ON users FOR EACH ROW BEGIN
                SET @a = 1;
                INSERT INTO empty_one VALUES (1, NULL, NULL);
                END
                """,
                "CREATE PROCEDURE tidy() BEGIN DELETE FROM empty_one; SELECT ';;'; END",
                "CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
                "CREATE EVENT never ON SCHEDULE EVERY 1 YEAR STARTS '2038-01-01' DO DELETE FROM users",
            ]
        case .postgreSQL:
            [
                "CREATE TYPE mood AS ENUM ('sad', 'ok 👩‍🚒')",
                "CREATE TABLE users (id SERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE, bio TEXT, m mood)",
                "CREATE SCHEMA \"Other Schema\"",
                "CREATE TABLE \"Other Schema\".\"odd \"\"name\" (id INT PRIMARY KEY, raw BYTEA, user_id INT REFERENCES users (id) ON DELETE CASCADE)",
                "CREATE TABLE empty_one (n NUMERIC(20,5), d TIMESTAMPTZ, j JSONB)",
                "CREATE TABLE parts (n INT, t TEXT) PARTITION BY RANGE (n)",
                "CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (10)",
                "CREATE TABLE nothing ()",
                "INSERT INTO users (name, bio, m) VALUES ('Grüße 👩‍🚒', E'it''s; tab\\t line\\nCOPY x FROM stdin;\\n\\\\.\\n', 'sad'), ('null', NULL, NULL), (E'back\\\\slash', E'\\\\N', 'ok 👩‍🚒')",
                "INSERT INTO \"Other Schema\".\"odd \"\"name\" VALUES (1, '\\x00ff27225c0a0d1a', 1), (2, NULL, NULL)",
                "INSERT INTO parts VALUES (1, 'a'), (2, 'b')",
                "INSERT INTO nothing DEFAULT VALUES",
                "CREATE VIEW names AS SELECT name FROM users",
                "CREATE MATERIALIZED VIEW counted AS SELECT COUNT(*) AS n FROM users",
                "CREATE SEQUENCE numbers START 42",
                "SELECT nextval('numbers')",
                """
                CREATE FUNCTION watched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                NEW.bio := coalesce(NEW.bio, 'none;'); RETURN NEW; END $$
                """,
                "CREATE TRIGGER watch BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION watched()",
                "CREATE INDEX by_bio ON users (lower(bio))",
                "COMMENT ON SCHEMA public IS 'ours; now'",
                "GRANT SELECT ON users TO PUBLIC",
                "CREATE EXTENSION IF NOT EXISTS citext",
                "CREATE TABLE mails (m citext)",
                "INSERT INTO mails VALUES ('A@b.example')",
                "SELECT lo_from_bytea(0, '\\x00ff')",
                "CREATE PUBLICATION news FOR TABLE users",
            ]
        }
    }
    static func rows(_ kind: ServerKind) -> Int { kind == .mariaDB ? 7 : 9 }
    /// Changes of all kinds, that a restore must take back.
    static func harm(_ kind: ServerKind) -> [String] {
        switch kind {
        case .mariaDB:
            [
                "DROP TABLE `odd ``name`", "DROP VIEW names", "DELETE FROM users",
                "CREATE TABLE newer (x INT)", "CREATE VIEW new_view AS SELECT 1",
                "DROP SEQUENCE numbers", "DROP PROCEDURE tidy",
                "CREATE FUNCTION new_function() RETURNS INT RETURN 1",
                "CREATE EVENT new_event ON SCHEDULE EVERY 1 YEAR DO SELECT 1",
            ]
        case .postgreSQL:
            [
                "DROP TABLE users CASCADE", "CREATE TABLE newer (x INT)",
                "CREATE SCHEMA newest", "CREATE TABLE newest.t (n INT)",
                "CREATE FUNCTION new_function() RETURNS INT LANGUAGE SQL AS 'SELECT 1'",
                "CREATE TYPE new_type AS ENUM ('x')", "CREATE DOMAIN new_domain AS INT",
                "SELECT setval('numbers', 1000)", "SELECT lo_from_bytea(0, '\\x01')",
                "CREATE PUBLICATION more FOR TABLE parts",
            ]
        }
    }
}

@Suite struct ServerBackupTests {
    let place: Place
    init() throws { place = try Place() }

    private func take(
        _ kind: ServerKind, _ server: DatabaseServer, at: Timestamp = Place.moment,
        keeper: FileBackupKeeper? = nil, progress: (String) -> Void = { _ in }
    ) throws -> BackupReceipt {
        try (keeper ?? place.keeper).take(
            place.definition(databases: ["main"]), folder: place.folder,
            sources: [kind.source(server)], at: at, progress: progress)
    }
    private func restore(_ kind: ServerKind, _ server: DatabaseServer, _ receipt: BackupReceipt)
        throws
    {
        try place.keeper.restoreDatabase(receipt, source: kind.source(server)) { _ in }
    }
    @Test(arguments: ServerKind.allCases)
    func `what comes back is what was there, byte for byte`(kind: ServerKind) async throws {
        let process = try await kind.shared()
        let server = try await kind.database()
        try kind.run(Contents.statements(kind), server)
        let before = try await kind.dump(server)
        var words: [String] = []
        let receipt = try take(kind, server) { words.append($0) }
        #expect(receipt.verified, "\(words)")
        #expect(receipt.rows == Contents.rows(kind))
        #expect(try place.keeper.differences(receipt).isEmpty)
        #expect(try Files.names(in: RawPath(place.store + "/.scratch")).isEmpty)
        #expect(try await kind.dump(server) == before)
        try kind.run(Contents.harm(kind), server)
        #expect(try await kind.dump(server) != before)
        try restore(kind, server, receipt)
        #expect(try await kind.dump(server) == before)
        // And again, over itself.
        try restore(kind, server, receipt)
        #expect(try await kind.dump(server) == before)
        // Into a server that stands in for it, into a database that is not there.
        let other = process.server("stand_in_\(server.database)")
        try restore(kind, other, receipt)
        #expect(
            try await kind.dump(other).split(separator: "\n").count
                == before.split(separator: "\n").count)
        // A saved dump puts back too.
        try kind.run(Contents.harm(kind), server)
        let harmed = try await kind.dump(server)
        let file = place.root("saved")
        try place.keeper.saveDatabase(kind.source(server), to: file) { _ in }
        try restore(kind, server, receipt)
        try place.keeper.putBackDatabase(kind.source(server), from: file) { _ in }
        #expect(try await kind.dump(server) == harmed)
    }

    @Test(arguments: ServerKind.allCases)
    func `a database without tables is a database`(kind: ServerKind) async throws {
        let server = try await kind.database()
        let receipt = try take(kind, server)
        #expect(receipt.verified)
        #expect(receipt.rows == 0)
        try kind.run(["CREATE TABLE newer (x INT)"], server)
        try restore(kind, server, receipt)
        #expect(trouble { try kind.run(["SELECT * FROM newer"], server) } != "no trouble")
    }

    @Test(arguments: ServerKind.allCases)
    func `a cut, a flipped bit and a missing dump are found`(kind: ServerKind) async throws {
        let server = try await kind.database()
        try kind.run(["CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1), (2)"], server)
        let receipt = try take(kind, server)
        let dump = receipt.path + "/databases/main.sql"
        let whole = try Data(contentsOf: URL(filePath: dump))
        var info = stat()
        #expect(stat(dump, &info) == 0 && info.st_mode & 0o777 == 0o600)
        func found() throws -> String {
            try place.keeper.differences(receipt).joined(separator: "; ")
        }
        try whole.prefix(whole.count / 2).write(to: URL(filePath: dump))
        #expect(try found().contains("main.sql has"))
        var flipped = whole
        flipped[flipped.count / 2] ^= 1
        try flipped.write(to: URL(filePath: dump))
        #expect(try found().contains("another content"))
        let words = trouble { try restore(kind, server, receipt) }
        #expect(words.contains("nothing was restored"), "\(words)")
        #expect(try kind.ask("SELECT COUNT(*) FROM t", server) == "2")
        try FileManager.default.removeItem(atPath: dump)
        #expect(try found().contains("main is missing"))
    }

    @Test(arguments: ServerKind.allCases)
    func `without the right to make a scratch database the backup is kept, but not verified`(
        kind: ServerKind
    ) async throws {
        let server = try await kind.database()
        let name = server.database
        try kind.run(["CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1)"], server)
        var poor = server
        poor.user = "poor_\(name)"
        poor.password = .plain("poor")
        let rights =
            kind == .mariaDB
            ? [
                "CREATE USER poor_\(name) IDENTIFIED BY 'poor'",
                "GRANT ALL ON \(name).* TO poor_\(name)",
            ]
            : [
                "CREATE ROLE poor_\(name) LOGIN PASSWORD 'poor'",
                "ALTER TABLE t OWNER TO poor_\(name)",
                "ALTER DATABASE \(name) OWNER TO poor_\(name)",
            ]
        try kind.run(rights, server)
        var words: [String] = []
        let receipt = try take(kind, poor) { words.append($0) }
        #expect(!receipt.verified)
        let doubt = try #require(receipt.doubts?.first)
        #expect(doubt.contains(kind == .mariaDB ? "GRANT ALL ON" : "CREATEDB"), "\(doubt)")
        #expect(words.contains { $0.contains("NOT verified") })
        #expect(try place.keeper.list(place.definition()).map(\.verified) == [false])
        #expect(try Files.names(in: RawPath(place.store + "/.scratch")).isEmpty)
        // It can be restored all the same.
        try kind.run(["DELETE FROM t"], server)
        try restore(kind, poor, receipt)
        #expect(try kind.ask("SELECT COUNT(*) FROM t", server) == "1")
    }

    @Test(arguments: ServerKind.allCases)
    func `no secret is in the backup, nor in what is said when it fails`(kind: ServerKind)
        async throws
    {
        var server = try await kind.database()
        server.password = .plain("wrong-secret")
        let words = trouble { _ = try take(kind, server) }
        #expect(!words.contains("wrong-secret"))
        #expect(words.contains("tester"))
        #expect(try place.kept().filter { $0 != ".scratch" }.isEmpty)
        let right = try await kind.database()
        let receipt = try take(kind, right)
        for file in ["manifest.json", "receipt.json", "databases/main.sql"] {
            let bytes = try Data(contentsOf: URL(filePath: receipt.path + "/" + file))
            #expect(!String(decoding: bytes, as: UTF8.self).contains("geheim"))
        }
    }

    @Test func `a MariaDB that is half restored is called so, and PostgreSQL never is`()
        async throws
    {
        for kind in ServerKind.allCases {
            let server = try await kind.database()
            try kind.run(["CREATE TABLE t (n INT)", "INSERT INTO t VALUES (1)"], server)
            let file = place.root("broken-\(kind)")
            try place.keeper.saveDatabase(kind.source(server), to: file) { _ in }
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try Data((text + "\nCREATE TABLE u (n INT);\nNONSENSE HERE;\n").utf8)
                .write(to: URL(filePath: file))
            try kind.run(["INSERT INTO t VALUES (2)"], server)
            let words = trouble {
                try place.keeper.putBackDatabase(kind.source(server), from: file) { _ in }
            }
            #expect(words.contains("NONSENSE"), "\(words)")
            switch kind {
            case .mariaDB: #expect(words.contains("HALF RESTORED"), "\(words)")
            case .postgreSQL:
                #expect(words.contains("nothing was changed"), "\(words)")
                #expect(try kind.ask("SELECT COUNT(*) FROM t", server) == "2")
            }
        }
    }

    // Redis

    private func redis(_ number: Int) async throws -> (DataSource, RedisConversation) {
        let server = try await RealRedis.shared()
        let url = "redis://:\(RealRedis.password)@127.0.0.1:\(server.port)/\(number)"
        return (
            DataSource(name: "sessions", kind: .redis(url: .plain(url))),
            try RedisConversation(try #require(RedisAddress(url)), until: soon)
        )
    }

    @Test func `every key of a Redis comes back, with its time to live`() async throws {
        let (source, redis) = try await redis(5)
        for command in [
            ["SET", "plain", "Grüße 👩‍🚒\r\n\u{0}"], ["SET", "short", "x", "EX", "5000"],
            ["RPUSH", "list", "a", "b"], ["HSET", "hash", "f", "v"], ["ZADD", "z", "1.5", "m"],
            ["XADD", "stream", "1-1", "f", "v"], ["SET", "", "the empty key"],
            ["SET", "large", String(repeating: "x", count: 3_000_000)],
        ] { _ = try redis.ask(command, until: soon) }
        for number in 0..<1000 {
            _ = try redis.ask(["SADD", "set-\(number)", "a", "b"], until: soon)
        }
        let definition = BackupDefinition(to: place.store, sources: ["sessions"])
        let receipt = try place.keeper.take(
            definition, folder: place.folder, sources: [source], at: Place.moment,
            progress: { _ in })
        #expect(receipt.verified, "\(receipt.doubts ?? [])")
        #expect(receipt.rows == 1008)
        #expect(try place.keeper.differences(receipt).isEmpty)
        let before = try redis.ask(
            ["DEBUG", "DIGEST-VALUE", "plain", "list", "hash", "z", "stream", "", "large"],
            until: soon)
        _ = try redis.ask(["FLUSHDB"], until: soon)
        _ = try redis.ask(["SET", "newer", "x"], until: soon)
        try place.keeper.restoreDatabase(receipt, source: source) { _ in }
        #expect(try redis.ask(["DBSIZE"], until: soon) == .integer(1008))
        #expect(
            try redis.ask(
                ["DEBUG", "DIGEST-VALUE", "plain", "list", "hash", "z", "stream", "", "large"],
                until: soon) == before)
        #expect(try redis.ask(["GET", "plain"], until: soon).text == "Grüße 👩‍🚒\r\n\u{0}")
        guard case .integer(let left) = try redis.ask(["TTL", "short"], until: soon) else {
            Issue.record("no TTL")
            return
        }
        #expect((1...5000).contains(left))
        #expect(try redis.ask(["TTL", "plain"], until: soon) == .integer(-1))
        // What is cut is no backup.
        let file = receipt.path + "/databases/sessions.redis"
        let whole = try Data(contentsOf: URL(filePath: file))
        try whole.dropLast(1).write(to: URL(filePath: file))
        #expect(try !place.keeper.differences(receipt).isEmpty)
    }
}
