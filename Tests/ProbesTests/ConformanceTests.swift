// One suite for every kind: what a target does, and which answer that must be, always in time.
import Domain
import TestKit
import Testing

@testable import Probes

/// How targets on a network misbehave.
enum Misdeed: String, CaseIterable, Sendable {
    case refuses, neverAnswers, closesAtOnce, resets, talksNonsense, trickles

    /// A server that does it; nil for none at all.
    func server() throws -> ScriptedServer? {
        switch self {
        case .refuses: nil
        case .neverAnswers: try ScriptedServer { $0.waitForEnd() }
        case .closesAtOnce:
            try ScriptedServer { connection in
                _ = connection.read()
            }
        case .resets:
            try ScriptedServer { connection in
                _ = connection.read()
                connection.reset()
            }
        case .talksNonsense:
            try ScriptedServer { connection in
                _ = connection.read()
                connection.send("EHLO?\r\n\u{1}\u{2}\u{3}\r\n\r\n")
                connection.waitForEnd()
            }
        case .trickles:
            try ScriptedServer { connection in
                _ = connection.read()
                // The start of an answer in each protocol would do; none is ever complete.
                for byte in Array(repeating: UInt8(ascii: "H"), count: 10_000) {
                    guard connection.send([byte]) else { return }
                    connection.pause(0.01)
                }
            }
        }
    }
}

/// The kinds that ask over a network.
enum NetworkKind: String, CaseIterable, Sendable {
    case http, websocket, websocketMessage, prometheus, redis

    func probe(_ port: Int, timeout: Double) -> Probe {
        let target = "127.0.0.1:\(port)"
        switch self {
        case .http: return ProbesTests.probe(ProbesTests.http(port), timeout: timeout)
        case .websocket:
            return ProbesTests.probe(
                .websocket(url: "ws://\(target)/", headers: []), timeout: timeout)
        case .websocketMessage:
            return ProbesTests.probe(
                .websocket(url: "ws://\(target)/", headers: []), Expectation(message: "x"),
                timeout: timeout)
        case .prometheus:
            return ProbesTests.probe(
                .prometheus(url: "http://\(target)", query: "up"), timeout: timeout)
        case .redis:
            let source = DataSource(name: "s", kind: .redis(url: .plain("redis://\(target)")))
            return ProbesTests.probe(.redis(source: source, command: ["PING"]), timeout: timeout)
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct Conformance {
    @Test(arguments: NetworkKind.allCases, Misdeed.allCases)
    func `a target that misbehaves is bad, in time`(kind: NetworkKind, misdeed: Misdeed)
        async throws
    {
        let server = try misdeed.server()
        let port = try server?.port ?? freePort()
        let waits = misdeed == .neverAnswers || misdeed == .trickles
        let result = await check(kind.probe(port, timeout: waits ? 0.3 : 60))
        #expect(result.answer == .bad)
        if misdeed == .refuses {
            #expect(result.message == "connection refused by 127.0.0.1:\(port)")
        }
        if misdeed == .neverAnswers { #expect(result.message.hasSuffix(" within 0.3 s")) }
        if let server {
            try await eventually("the connection is closed") { server.open == 0 }
        }
    }
    @Test(arguments: NetworkKind.allCases)
    func `a name that nobody has is bad`(kind: NetworkKind) async throws {
        var probe = kind.probe(1, timeout: 60)
        switch probe.check {
        case .http: probe.check = .http(HTTPRequest(url: .plain("http://nobody.invalid/")))
        case .websocket: probe.check = .websocket(url: "ws://nobody.invalid/", headers: [])
        case .prometheus(_, let query):
            probe.check = .prometheus(url: "http://nobody.invalid", query: query)
        default:
            probe.check = .redis(
                source: DataSource(
                    name: "s", kind: .redis(url: .plain("redis://nobody.invalid"))),
                command: ["PING"])
        }
        let result = await check(probe)
        #expect(result.answer == .bad)
        #expect(result.message == "no address for the name nobody.invalid")
    }
    @Test func `a tcp port that refuses is bad`() async throws {
        let port = try freePort()
        let result = await check(probe(.tcp(host: "127.0.0.1", port: port)))
        #expect(result.answer == .bad)
        #expect(result.message == "connection refused by 127.0.0.1:\(port)")
    }
    @Test func `every kind is over soon when its task is cancelled`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let folder = try TemporaryFolder("cancel")
        let script = try folder.script("hang", "sleep 1000")
        var probes = NetworkKind.allCases.map { $0.probe(server.port, timeout: 3600) }
        probes.append(probe(.nagios(run: [script]), timeout: 3600))
        for probe in probes {
            let accepted = server.accepted
            let task = Task { await check(probe) }
            if case .nagios = probe.check {
            } else {
                try await eventually("it is under way") { server.accepted > accepted }
            }
            task.cancel()
            let result = await task.value
            #expect(result.answer == .unknown)
            #expect(result.message == "the check was cancelled")
        }
    }
    @Test func `a slow answer is bad where a fast one is expected`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.pause(0.02)
            connection.send(ScriptedServer.answer("x"))
        }
        let slow = await check(probe(http(server.port), Expectation(under: .seconds(0.02))))
        #expect(slow.answer == .bad)
        #expect(slow.message.hasPrefix("answered in "))
        #expect(slow.message.hasSuffix(" (wanted under 0.02 s)"))
        let fast = await check(probe(http(server.port), Expectation(under: .seconds(60))))
        #expect(fast.answer == .good)
    }
    @Test(arguments: [
        (0.0004, "0 ms"), (0.0123, "12 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (1.234, "1.23 s"),
        (12.34, "12.3 s"), (123.4, "123 s"),
    ])
    func `times are told to three digits`(seconds: Double, text: String) {
        #expect(Span(seconds: seconds).measured == text)
    }
}
