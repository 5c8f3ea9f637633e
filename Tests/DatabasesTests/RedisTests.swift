// The conversation with Redis: replies in any pieces, addresses, limits, and the real server.
import Domain
import TestKit
import Testing

@testable import Databases

@Suite struct RedisTests {
    /// What one command is answered by a server that sends these bytes, whole or one by one.
    private func reply(_ text: String, piecemeal: Bool = false, keeping limit: Int = 65_536) throws
        -> RedisReply?
    {
        let server = try ScriptedServer { connection in
            _ = connection.read()
            if piecemeal {
                for character in text.unicodeScalars { connection.send(String(character)) }
            } else {
                connection.send(text)
            }
        }
        let address = try #require(RedisAddress("redis://127.0.0.1:\(server.port)"))
        do throws(DatabaseTrouble) {
            return try RedisConversation(address, until: soon).ask(
                ["PING"], keeping: limit, until: soon)
        } catch {
            #expect(error.kind == .lost)
            return nil
        }
    }

    @Test(arguments: [
        ("+OK\r\n", RedisReply.status("OK")), (":-7\r\n", .integer(-7)),
        ("-ERR no\r\n", .error("ERR no")), ("$3\r\nabc\r\n", .bytes(Array("abc".utf8))),
        ("$-1\r\n", .null), ("$0\r\n\r\n", .bytes([])), ("*-1\r\n", .null),
        ("*2\r\n:1\r\n$1\r\n2\r\n", .list([.integer(1), .bytes([0x32])], 2)),
        ("*0\r\n", .list([], 0)),
        ("*1\r\n*1\r\n-x\r\n", .list([.list([.error("x")], 1)], 1)),
    ])
    func `replies are read`(text: String, wanted: RedisReply) throws {
        #expect(try reply(text) == wanted)
        #expect(try reply(text, piecemeal: true) == wanted)
    }

    @Test(arguments: [
        "", "+OK", "+OK\n", "HTTP/1.1 200", "$x\r\n", "$-5\r\n", "\n", "+\n", "$3\r\na\r\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", ":x\r\n",
        "+" + String(repeating: "x", count: 70_000),
    ])
    func `nonsense is told from replies`(text: String) throws {
        #expect(try reply(text) == nil)
    }

    @Test func `of a huge reply the beginning is kept`() throws {
        let huge = "$99999999999\r\n" + String(repeating: "x", count: 1_000)
        #expect(try reply(huge, keeping: 1_000)?.text.count == 1_000)
        let list = "*1000000\r\n" + String(repeating: ":1\r\n", count: 10)
        #expect(
            try reply(list, keeping: 10)
                == .list(Array(repeating: .integer(1), count: 10), 1_000_000))
    }

    @Test(arguments: [
        "http://h", "redis://", "redis://h:x", "redis://h/x", "unix://", "unix:///a?db=x",
    ])
    func `a wrong address is none`(url: String) {
        #expect(RedisAddress(url) == nil)
    }

    @Test func `addresses are read`() throws {
        let whole = try #require(RedisAddress("redis://me:p%40ss@[::1]:7000/3"))
        #expect((whole.host, whole.port, whole.database) == ("::1", 7000, 3))
        #expect((whole.user, whole.password, whole.target) == ("me", "p@ss", "::1:7000"))
        let socket = try #require(RedisAddress("unix://:pw@/run/redis.sock?db=2"))
        #expect((socket.socket, socket.password, socket.database) == ("/run/redis.sock", "pw", 2))
        #expect(RedisAddress("rediss://h")?.isSecure == true)
    }

    private func real(_ number: Int = 0) async throws -> RedisConversation {
        let server = try await RealRedis.shared()
        let url = "redis://:\(RealRedis.password)@127.0.0.1:\(server.port)/\(number)"
        return try RedisConversation(try #require(RedisAddress(url)), until: soon)
    }

    @Test func `the real Redis answers, by its socket too`() async throws {
        let redis = try await real(1)
        let evil = "x\r\n$5\r\nFLUSHALL \u{0} 👩‍🚒"
        #expect(try redis.ask(["SET", "k", evil], until: soon) == .status("OK"))
        #expect(try redis.ask(["GET", "k"], until: soon).text == evil)
        #expect(try redis.ask(["GET", "none"], until: soon) == .null)
        #expect(try redis.ask(["LPUSH", "l", "a", "b"], until: soon) == .integer(2))
        #expect(try redis.ask(["LRANGE", "l", "0", "-1"], until: soon).text == "a list of 2")
        guard case .error(let words) = try redis.ask(["NONSENSE"], until: soon) else {
            Issue.record("no error")
            return
        }
        #expect(words.contains("unknown command"))
        let server = try await RealRedis.shared()
        let socket = try #require(
            RedisAddress("unix://:\(RealRedis.password)@\(server.socket)?db=1"))
        #expect(
            try RedisConversation(socket, until: soon).ask(["GET", "k"], until: soon).text == evil)
    }

    @Test func `what Redis does not let in is denied`() async throws {
        let server = try await RealRedis.shared()
        let wrong = try #require(RedisAddress("redis://:wrong@127.0.0.1:\(server.port)"))
        let denied = trouble { () throws(DatabaseTrouble) in
            _ = try RedisConversation(wrong, until: soon)
        }
        #expect(denied?.kind == .denied)
        #expect(denied?.message.contains("WRONGPASS") == true)
        let far = try #require(
            RedisAddress("redis://:\(RealRedis.password)@127.0.0.1:\(server.port)/9999"))
        #expect(
            trouble { () throws(DatabaseTrouble) in
                _ = try RedisConversation(far, until: soon)
            }?.message.contains("DB index") == true)
        let secure = try #require(RedisAddress("rediss://127.0.0.1"))
        #expect(
            trouble { () throws(DatabaseTrouble) in
                _ = try RedisConversation(secure, until: soon)
            }?.kind == .unusable)
    }

    @Test func `a Redis that hangs does not outlast the deadline`() async throws {
        let redis = try await real(2)
        let late = trouble { () throws(DatabaseTrouble) in
            _ = try redis.ask(["BLPOP", "never", "0"], until: Deadline(in: .seconds(0.1)))
        }
        #expect(late?.kind == .late)
    }
}
