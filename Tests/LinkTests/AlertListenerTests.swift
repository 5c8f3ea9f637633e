// The listener for senders of alerts: who gets in, what is served, and a real Alertmanager.
import Domain
import Foundation
import Logging
import Synchronization
import TestKit
import Testing
import Wire

@testable import Link

/// A listener that runs until the value goes, and what it said.
private final class Running: Sendable {
    let engine = FakeEngine()
    let ports = Mutex<[Int]>([])
    let troubles = Mutex<[String?]>([])
    private let task: Mutex<Task<Void, any Error>?>

    init(
        _ listen: String = "127.0.0.1:0", token: String? = nil,
        limits: EngineServer.Limits = EngineServer.Limits()
    ) {
        task = Mutex(nil)
        let listener = AlertListener(
            listen: listen, token: token, service: engine,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, limits: limits,
            retry: .milliseconds(20))
        let running = Task { [weak self] in
            try await listener.run { [weak self] trouble in
                self?.troubles.withLock { $0.append(trouble) }
            } onListening: { [weak self] port in
                self?.ports.withLock { $0.append(port) }
            }
        }
        task.withLock { $0 = running }
    }
    func port() async throws -> Int {
        try await eventually("the listener listens") { !ports.withLock { $0.isEmpty } }
        return try #require(ports.withLock { $0.last })
    }
    func stop() async throws {
        let running = task.withLock { $0 }
        running?.cancel()
        try await running?.value
    }
}

extension Span {
    fileprivate static func milliseconds(_ value: Double) -> Span { .seconds(value / 1000) }
}

/// Sends bytes to a port of this machine and returns what comes back until the other side closes.
private func talk(_ port: Int, _ text: String) async throws -> String {
    try await blocking {
        let deadline = Deadline(after: .seconds(120))
        let descriptor = try connect(port)
        defer { close(descriptor) }
        try UnixSocket.write(Data(text.utf8), to: descriptor, path: "tcp", deadline: deadline)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        var said = ""
        while UnixSocket.wait(descriptor, for: Int32(POLLIN), until: deadline) {
            guard case .bytes(let count) = UnixSocket.read(descriptor, into: &buffer) else { break }
            said += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return said
    }
}

private func connect(_ port: Int) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    address.sin_port = UInt16(port).bigEndian
    let connected = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard connected == 0 else {
        close(descriptor)
        throw TestKitError(text: "cannot connect: \(String(cString: strerror(errno)))")
    }
    return descriptor
}

private func post(_ path: String, _ body: String, _ headers: String...) -> String {
    "POST \(path) HTTP/1.1\r\nHost: e\r\nConnection: close\r\n"
        + headers.map { $0 + "\r\n" }.joined() + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
}

@Suite struct AlertListenerTests {
    @Test func `alerts come in, from nobody that the kernel knows`() async throws {
        let running = Running()
        let port = try await running.port()
        for path in ["/v1/alerts", "/api/v2/alerts", "/v1/alerts?x=y"] {
            let said = try await talk(port, post(path, "[]"))
            #expect(said.hasPrefix("HTTP/1.1 200"), "\(path): \(said)")
        }
        #expect(running.engine.alerts.withLock { $0 } == [Data("[]".utf8)] * 3)
        #expect(running.engine.callers.withLock { $0 } == [AlertListener.caller] * 3)
        #expect(AlertListener.caller == Caller(user: "alertmanager", uid: .max, pid: 0))
        try await running.stop()
        #expect(running.troubles.withLock { $0.isEmpty })
    }

    @Test(arguments: [
        ("POST", "/v1/commands", 404), ("GET", "/v1/situation", 404), ("GET", "/v1/stream", 404),
        ("GET", "/metrics", 404), ("GET", "/v1/runbook", 404), ("GET", "/", 404),
        ("GET", "//v1/alerts", 404), ("GET", "/v1/%61lerts", 404), ("GET", "/v1/alerts", 405),
        ("DELETE", "/api/v2/alerts", 405), ("POST", "/healthz", 405), ("GET", "/healthz", 200),
    ])
    func `nothing else is served`(_ method: String, _ path: String, _ status: Int) async throws {
        let running = Running()
        let said = try await talk(
            try await running.port(),
            "\(method) \(path) HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        #expect(said.hasPrefix("HTTP/1.1 \(status)"), "\(said)")
        #expect(running.engine.callers.withLock { $0.isEmpty })
        try await running.stop()
    }

    @Test(arguments: [
        ("", 401), ("Authorization: Bearer", 401), ("Authorization: Bearer ", 401),
        ("Authorization: Bearer sesam", 401), ("Authorization: Bearer sesame1", 401),
        ("Authorization: Bearer sesamesesame", 401), ("Authorization: Bearer Sesame", 401),
        ("Authorization: Basic sesame", 401), ("Authorization: sesame", 401),
        ("Authorization: Bearer sesame\r\nAuthorization: Bearer sesame", 401),
        ("Authorization: Bearer sesame", 200), ("authorization: bearer sesame", 200),
    ])
    func `only who knows the token gets in`(_ header: String, _ status: Int) async throws {
        let running = Running(token: "sesame")
        let headers = header.isEmpty ? [] : [header]
        let port = try await running.port()
        let said = try await talk(
            port,
            "POST /v1/alerts HTTP/1.1\r\nHost: e\r\nConnection: close\r\n"
                + headers.map { $0 + "\r\n" }.joined() + "Content-Length: 2\r\n\r\n[]")
        #expect(said.hasPrefix("HTTP/1.1 \(status)"), "\(said)")
        #expect(running.engine.alerts.withLock { $0.count } == (status == 200 ? 1 : 0))
        #expect(said.contains("WWW-Authenticate: Bearer") == (status == 401))
        #expect(!said.contains("sesame"))
        // Whether it lives is no secret.
        let ask = "GET /healthz HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
        #expect(try await talk(port, ask).hasPrefix("HTTP/1.1 200"))
        try await running.stop()
    }

    @Test func `a token that is empty lets nobody in`() async throws {
        let running = Running(token: "")
        let said = try await talk(
            try await running.port(), post("/v1/alerts", "[]", "Authorization: Bearer "))
        #expect(said.hasPrefix("HTTP/1.1 401"))
        try await running.stop()
    }

    @Test func `a stranger's long body is not kept, and the answer reaches him`() async throws {
        let running = Running(token: "sesame")
        let said = try await talk(
            try await running.port(),
            post("/v1/alerts", String(repeating: "x", count: 3 << 20)))
        #expect(said.hasPrefix("HTTP/1.1 401"))
        try await running.stop()
    }

    @Test func `a body that is too long is refused`() async throws {
        let running = Running()
        let said = try await talk(
            try await running.port(),
            post("/v1/alerts", String(repeating: "x", count: 1 << 20 + 1)))
        #expect(said.hasPrefix("HTTP/1.1 413"))
        #expect(running.engine.alerts.withLock { $0.isEmpty })
        try await running.stop()
    }

    @Test func `a silent connection is closed`() async throws {
        var limits = EngineServer.Limits()
        limits.idle = .milliseconds(50)
        let running = Running(limits: limits)
        #expect(try await talk(try await running.port(), "POST /v1/al") == "")
        try await running.stop()
    }

    @Test func `a port that is taken is a trouble, and is had when it is free`() async throws {
        let first = Running()
        let port = try await first.port()
        let second = Running("127.0.0.1:\(port)")
        try await eventually("the second one complains") {
            !second.troubles.withLock { $0.isEmpty }
        }
        let text = try #require(second.troubles.withLock { $0.first } ?? nil)
        #expect(text.contains("127.0.0.1:\(port)") && text.contains("Address already in use"))
        try await first.stop()
        #expect(try await second.port() == port)
        // The same trouble is told once, and its end once.
        #expect(second.troubles.withLock { $0 } == [text, nil])
        #expect(try await talk(port, post("/v1/alerts", "[]")).hasPrefix("HTTP/1.1 200"))
        try await second.stop()
    }

    @Test(arguments: ["", "9095", ":9095", "::1:9095", "[::1]", "host:", "host:65536", "host:+1"])
    func `an address that is none is a trouble and not the engine's end`(
        _ listen: String
    ) async throws {
        #expect(AlertListener.place(listen) == nil)
        let running = Running(listen)
        try await eventually("it complains") { !running.troubles.withLock { $0.isEmpty } }
        #expect(running.troubles.withLock { $0.first }??.contains("host:port") == true)
        try await running.stop()
    }

    @Test func `addresses are read`() throws {
        #expect(try #require(AlertListener.place("127.0.0.1:9095")) == ("127.0.0.1", 9095))
        #expect(try #require(AlertListener.place("[::1]:80")) == ("::1", 80))
        #expect(try #require(AlertListener.place("localhost:0")) == ("localhost", 0))
    }

    @Test func `a name is looked up`() async throws {
        let running = Running("localhost:0")
        #expect(try await running.port() > 0)
        try await running.stop()
    }
}

/// Debian's prometheus-alertmanager.
@Suite struct AlertmanagerTests {
    private struct Sent: Decodable {
        struct Alert: Decodable {
            var status: String
            var labels: [String: String]
        }
        var version: String
        var alerts: [Alert]
    }

    @Test func `a real Alertmanager delivers an alert and its end`() async throws {
        let running = Running(token: "open sesame")
        let port = try await running.port()
        let folder = try TemporaryFolder("alertmanager")
        try folder.write(
            "alertmanager.yml",
            """
            route:
              receiver: tocsin
              group_by: [alertname]
              group_wait: 0s
              group_interval: 1s
              repeat_interval: 1h
            receivers:
              - name: tocsin
                webhook_configs:
                  - url: http://127.0.0.1:\(port)/v1/alerts
                    send_resolved: true
                    http_config: { authorization: { credentials: open sesame } }
            """)
        let own = try freePort()
        let manager = try Spawned(
            Places.tool("prometheus-alertmanager"),
            [
                "--config.file=\(folder("alertmanager.yml"))", "--storage.path=\(folder("data"))",
                "--web.listen-address=127.0.0.1:\(own)", "--cluster.listen-address=",
            ], environment: ["PATH": "/usr/bin:/bin"], output: folder("out"),
            errors: folder("errors"))
        defer { kill(manager.pid, SIGKILL) }
        try await eventually("Alertmanager listens") {
            (try? await talk(own, "GET /-/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))?
                .hasPrefix("HTTP/1.1 200") == true
        }
        func raise(_ more: String) async throws {
            let alert = """
                [{"labels":{"alertname":"DiskFull","severity":"page"}\(more)}]
                """
            let said = try await talk(
                own, post("/api/v2/alerts", alert, "Content-Type: application/json"))
            #expect(said.hasPrefix("HTTP/1.1 200"), "\(said)")
        }
        func sent() throws -> [Sent] {
            try running.engine.alerts.withLock { $0 }.map {
                try JSONDecoder().decode(Sent.self, from: $0)
            }
        }
        try await raise("")
        try await eventually("the alert comes in") { try !sent().isEmpty }
        let first = try #require(try sent().first)
        #expect(first.version == "4")
        #expect(first.alerts.map(\.status) == ["firing"])
        #expect(first.alerts.first?.labels == ["alertname": "DiskFull", "severity": "page"])
        #expect(running.engine.callers.withLock { $0.first } == AlertListener.caller)
        try await raise(#","startsAt":"2025-12-31T00:00:00Z","endsAt":"2026-01-01T00:00:00Z""#)
        try await eventually("its end comes in") {
            try sent().last?.alerts.map(\.status) == ["resolved"]
        }
        kill(manager.pid, SIGTERM)
        _ = try await manager.end()
        try await running.stop()
    }
}

extension Array {
    fileprivate static func * (list: [Element], times: Int) -> [Element] {
        (0..<times).flatMap { _ in list }
    }
}
