// The client against everything that is not an engine: nothing there, silence, rubbish, cut answers.
import Domain
import Foundation
import TestKit
import Testing
import Wire

@testable import Link

@Suite struct ClientTests {
    let folder: TemporaryFolder
    let client: EngineClient
    init() throws {
        folder = try TemporaryFolder("link")
        client = EngineClient(socket: folder("s"))
    }

    /// The error of a request.
    func failure(_ client: EngineClient, within span: Span = .seconds(60)) async throws
        -> LinkError?
    {
        try await blocking {
            do throws(LinkError) {
                _ = try client.get("/v1/situation", timeout: span)
                return nil
            } catch {
                return error
            }
        }
    }

    @Test func `no socket is not reachable`() async throws {
        let error = try await failure(client)
        guard case .notReachable(let path, let why) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path == folder("s"))
        #expect(why.contains("no such socket"))
    }

    @Test func `a socket that a dead engine left is not reachable`() async throws {
        do { _ = try ScriptedPeer(folder("s")) { _ in } }
        let error = try await failure(client)
        guard case .notReachable(_, let why) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(why == UnixSocket.nobodyListens)
    }

    @Test func `a path that is too long is said to be`() async throws {
        let long = EngineClient(socket: folder(String(repeating: "x", count: 120)))
        let error = try await failure(long)
        guard case .notReachable(_, let why) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(why.contains("107"))
    }

    @Test func `an engine that hangs is given up`() async throws {
        let peer = try ScriptedPeer(folder("s")) { ScriptedPeer.waitForEnd(of: $0) }
        let error = try await failure(client, within: .seconds(0.05))
        #expect(error == .timeout(path: peer.path, after: .seconds(0.05)))
    }

    @Test func `an engine that stops in the middle is given up`() async throws {
        let peer = try ScriptedPeer(folder("s")) {
            ScriptedPeer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", on: $0)
            ScriptedPeer.waitForEnd(of: $0)
        }
        let error = try await failure(client, within: .seconds(0.05))
        #expect(error == .timeout(path: peer.path, after: .seconds(0.05)))
    }

    @Test(arguments: [
        "rubbish that is longer than a status line", "\u{1B}[2J\u{0}\u{0}\u{0}",
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut off", "",
    ])
    func `what is no answer is said to be none`(_ text: String) async throws {
        let peer = try ScriptedPeer(folder("s")) {
            var buffer = [UInt8](repeating: 0, count: 4096)
            _ = recv($0, &buffer, buffer.count, 0)
            ScriptedPeer.say(text, on: $0)
        }
        let error = try await failure(client)
        guard case .badAnswer(let path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(path == peer.path)
    }

    @Test func `an answer in chunks is put together`() async throws {
        let peer = try ScriptedPeer(folder("s")) {
            var buffer = [UInt8](repeating: 0, count: 4096)
            _ = recv($0, &buffer, buffer.count, 0)
            ScriptedPeer.say(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel", on: $0)
            ScriptedPeer.say("\r\n2\r\nlo\r\n0\r\n\r\n", on: $0)
        }
        let client = EngineClient(socket: peer.path)
        let body = try await blocking { try client.get("/").body }
        #expect(String(decoding: body, as: UTF8.self) == "hello")
    }

    @Test func `a stream that is refused is no stream`() async throws {
        let peer = try ScriptedPeer(folder("s")) {
            ScriptedPeer.say("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", on: $0)
            ScriptedPeer.waitForEnd(of: $0)
        }
        let client = EngineClient(socket: peer.path)
        await #expect(throws: LinkError.self) {
            try await blocking { _ = try client.openStream() }
        }
    }

    @Test func `the lines before the end of a stream come before its error`() async throws {
        let peer = try ScriptedPeer(folder("s")) {
            ScriptedPeer.say("HTTP/1.1 200 OK\r\n\r\none\n\ntw", on: $0)
            ScriptedPeer.say("o\nthree", on: $0)
        }
        let client = EngineClient(socket: peer.path)
        let (lines, failed) = try await blocking {
            let stream = try client.openStream()
            var lines: [String] = []
            do throws(LinkError) {
                while true {
                    lines += try stream.readLines(within: .seconds(60)).map {
                        String(decoding: $0, as: UTF8.self)
                    }
                }
            } catch {
                return (lines, error)
            }
        }
        #expect(lines == ["one", "two"])
        guard case .notReachable = failed else {
            Issue.record("\(failed)")
            return
        }
    }
}
