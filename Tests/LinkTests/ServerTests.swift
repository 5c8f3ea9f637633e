// The engine's socket: who asks, what is answered, and whose socket it is.
import Domain
import Foundation
import Synchronization
import TestKit
import Testing
import Wire

@testable import Link

@Suite struct ServerTests {
    let folder: TemporaryFolder
    let engine = FakeEngine()
    init() throws { folder = try TemporaryFolder("server") }
    var socket: String { folder("engine.sock") }

    struct Answer: Sendable {
        var status: Int
        var body: Data
        var text: String { String(decoding: body, as: UTF8.self) }
        func read<Value: Decodable>(_ type: Value.Type) throws -> Value {
            try WireCoding.decode(type, from: body)
        }
    }
    func get(_ path: String) async throws -> Answer {
        try await serving(engine, socket: socket) { client in
            try await blocking {
                let answer = try client.get(path, timeout: .seconds(60))
                return Answer(status: answer.status, body: answer.body)
            }
        }
    }
    func post(_ path: String, _ body: String) async throws -> Answer {
        try await serving(engine, socket: socket) { client in
            try await blocking {
                let answer = try client.post(path, body: Data(body.utf8), timeout: .seconds(60))
                return Answer(status: answer.status, body: answer.body)
            }
        }
    }

    // MARK: Who

    @Test func `the caller is who the kernel says`() async throws {
        let answer = try await get("/v1/situation")
        #expect(answer.status == 200)
        #expect(try answer.read(SituationReport.self) == quietSituation)
        let caller = Caller(user: LoginName.of(getuid()), uid: getuid(), pid: getpid())
        #expect(engine.callers.withLock { $0 } == [caller])
    }

    @Test func `a user without a name goes by the number`() {
        #expect(LoginName.of(0) == "root")
        #expect(LoginName.of(3_999_999_999) == "3999999999")
        #expect(LoginName.realName(of: 3_999_999_999) == nil)
        #expect(LoginName.realName("Ines  Moreau,Room 5,,", login: "ines") == "Ines Moreau")
        #expect(LoginName.realName("& Moreau", login: "ines") == "Ines Moreau")
        for field in ["", ",", "Root", "root,,,", " ", "a\u{1B}b"] {
            #expect(LoginName.realName(field, login: "root") == nil)
        }
    }

    // MARK: What

    @Test(arguments: [
        ("/", 404), ("/v1", 404), ("/v1/situations", 404), ("/v1/situation/x", 404),
        ("/v1/probes/a/b", 404), ("/v1/commands", 405), ("/v1/alerts?x=y", 405),
        ("/v1/rollback/plan", 409), ("/v1/runbook", 200), ("/v1//situation/", 200),
        ("/v1/backups", 200), ("/v1/backups/x", 404),
    ])
    func `a path and a method that are not there are told apart`(
        _ path: String, _ status: Int
    ) async throws {
        let answer = try await get(path)
        #expect(answer.status == status)
        if status != 200 {
            let report = try answer.read(RefusalReport.self)
            #expect(!report.why.isEmpty && !report.remedy.isEmpty)
        }
    }

    @Test func `a command reaches the engine as it was sent`() async throws {
        let answer = try await post(
            "/v1/commands", #"{"command":"activate-emergency","level":2,"triggered_by":"cron"}"#)
        #expect(answer.status == 200)
        #expect(try answer.read(CommandAnswer.self) == CommandAnswer(events: [event(1)]))
        #expect(
            engine.commands.withLock { $0 } == [
                CommandRequest(command: "activate-emergency", triggeredBy: "cron", level: 2)
            ])
    }

    @Test(arguments: [
        ("", "JSON"), ("{", "JSON"), ("[]", "object"), ("{}", "command"),
        (#"{"command":7}"#, "text"), (#"{"command":"x","level":"two"}"#, "whole number"),
        (#"{"command":"rollback","dryrun":true}"#, "dryrun"),
        (#"{"command":"x","\u001b[2J":true}"#, "field"),
    ])
    func `a command that cannot be read names what is wrong`(
        _ body: String, _ word: String
    ) async throws {
        let answer = try await post("/v1/commands", body)
        #expect(answer.status == 422)
        let why = try answer.read(RefusalReport.self).why
        #expect(why.contains(word), "\(why)")
        #expect(!why.contains("\u{1B}"))
        #expect(engine.commands.withLock { $0.isEmpty })
    }

    struct Failure: Sendable {
        var error: any Error
        var status: Int
        var refused: String
    }
    static let failures = [
        Failure(
            error: Refusal(.notAllowed, rule: "role", why: "No.", remedy: "Ask."), status: 403,
            refused: "role"),
        Failure(
            error: Refusal(.notNow, rule: "busy", why: "No.", remedy: "Wait."), status: 409,
            refused: "busy"),
        Failure(
            error: Refusal(.notUnderstood, rule: "request", why: "No.", remedy: "Read."),
            status: 422, refused: "request"),
        Failure(
            error: Fault(operation: "append", subject: "journal", cause: "full"), status: 503,
            refused: "fault"),
        Failure(
            error: Damage(subject: "journal", detail: "bad"), status: 503, refused: "damage"),
        Failure(error: TestKitError(text: "odd"), status: 500, refused: "defect"),
    ]
    @Test(arguments: failures)
    func `what went wrong has its own status`(_ failure: Failure) async throws {
        engine.fail(with: failure.error)
        let answer = try await post("/v1/commands", #"{"command":"acknowledge"}"#)
        #expect(answer.status == failure.status)
        #expect(try answer.read(RefusalReport.self).refused == failure.refused)
    }

    @Test func `a body of a megabyte is taken and a longer one is not`() async throws {
        let most = 1 << 20
        let taken = try await post("/v1/alerts", String(repeating: "x", count: most))
        #expect(try taken.read(CommandAnswer.self).events.first?.seq == most)
        let refused = try await post("/v1/alerts", String(repeating: "x", count: most + 1))
        #expect(refused.status == 413)
        #expect(try refused.read(RefusalReport.self).refused == "size")
    }

    @Test func `events are read from a number on, or the newest`() async throws {
        let page = try await get("/v1/events?after=7&limit=2").read(EventPage.self)
        #expect(page.events.map(\.seq) == [8, 9])
        #expect(page.last == 1000)
        #expect(try await get("/v1/events").read(EventPage.self).events.map(\.seq) == [999, 1000])
    }

    @Test(arguments: [
        "limit=0", "limit=10001", "limit=ten", "limit=", "after=-1", "after=1.5",
        "after=99999999999999999999",
    ])
    func `a query that makes no sense is refused`(_ query: String) async throws {
        let answer = try await get("/v1/events?" + query)
        #expect(answer.status == 422)
        let name = try #require(query.split(separator: "=").first)
        #expect(try answer.read(RefusalReport.self).why.contains(name))
    }

    @Test func `a probe's history is found by its escaped name`() async throws {
        let page = try await get("/v1/probes/web/home%20page/history?window=15m")
        #expect(try page.read(HistoryPage.self).samples.first?.latencyMs == 900)
        let hour = try await get("/v1/probes/web/home%20page/history")
        #expect(try hour.read(HistoryPage.self).samples.first?.latencyMs == 3600)
        #expect(try await get("/v1/probes/web/other/history").status == 404)
        #expect(try await get("/v1/probes/web/home%20page/history?window=long").status == 422)
    }

    @Test func `metrics and liveness are there for machines`() async throws {
        let metrics = try await get("/metrics")
        #expect(metrics.text.hasSuffix("# EOF\n"))
        #expect(try await get("/healthz").text == #"{"live":true}"#)
        engine.script.withLock { $0.live = false }
        #expect(try await get("/healthz").status == 503)
    }

    @Test func `metrics say their type`() async throws {
        try await serving(engine, socket: socket) { [socket] _ in
            let text = try await blocking {
                let deadline = Deadline(after: .seconds(60))
                let descriptor = try UnixSocket.connect(to: socket, deadline: deadline)
                defer { close(descriptor) }
                let request = "GET /metrics HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
                try UnixSocket.write(
                    Data(request.utf8), to: descriptor, path: socket, deadline: deadline)
                var buffer = [UInt8](repeating: 0, count: 65_536)
                var text = ""
                while UnixSocket.wait(descriptor, for: Int32(POLLIN), until: deadline) {
                    guard case .bytes(let count) = UnixSocket.read(descriptor, into: &buffer) else {
                        break
                    }
                    text += String(decoding: buffer[..<count], as: UTF8.self)
                }
                return text.lowercased()
            }
            #expect(text.contains("content-type: application/openmetrics-text; version=1.0.0"))
        }
    }

    @Test func `what is no HTTP is answered and not obeyed`() async throws {
        try await serving(engine, socket: socket) { [socket] client in
            try await blocking {
                let deadline = Deadline(after: .seconds(60))
                let descriptor = try UnixSocket.connect(to: socket, deadline: deadline)
                defer { close(descriptor) }
                try UnixSocket.write(
                    Data("\u{0}\u{1}rubbish\r\n\r\n".utf8), to: descriptor, path: socket,
                    deadline: deadline)
                var buffer = [UInt8](repeating: 0, count: 4096)
                while UnixSocket.wait(descriptor, for: Int32(POLLIN), until: deadline) {
                    guard case .bytes = UnixSocket.read(descriptor, into: &buffer) else { break }
                }
                #expect(try client.get("/healthz", timeout: .seconds(60)).status == 200)
            }
        }
    }

    /// Sends bytes as they are, and returns everything that comes back until the other side closes.
    func talk(_ text: String) async throws -> String {
        try await serving(engine, socket: socket) { [socket] _ in
            try await blocking {
                let deadline = Deadline(after: .seconds(60))
                let descriptor = try UnixSocket.connect(to: socket, deadline: deadline)
                defer { close(descriptor) }
                try UnixSocket.write(
                    Data(text.utf8), to: descriptor, path: socket, deadline: deadline)
                var buffer = [UInt8](repeating: 0, count: 65_536)
                var said = ""
                while UnixSocket.wait(descriptor, for: Int32(POLLIN), until: deadline) {
                    guard case .bytes(let count) = UnixSocket.read(descriptor, into: &buffer) else {
                        break
                    }
                    said += String(decoding: buffer[..<count], as: UTF8.self)
                }
                return said
            }
        }
    }

    @Test func `requests follow each other on one connection, also when they come at once`()
        async throws
    {
        let ask = "GET /healthz HTTP/1.1\r\nHost: e\r\n\r\n"
        let last = "GET /healthz HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
        let said = try await talk(ask + ask + last)
        #expect(said.ranges(of: "HTTP/1.1 200").count == 3)
        #expect(said.ranges(of: "Connection: close").count == 1)
    }

    @Test func `a client that asks first is told to go on`() async throws {
        let body = #"{"command":"acknowledge"}"#
        let said = try await talk(
            "POST /v1/commands HTTP/1.1\r\nHost: e\r\nConnection: close\r\nExpect: 100-continue\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n" + body)
        #expect(said.hasPrefix("HTTP/1.1 100"))
        #expect(said.contains("HTTP/1.1 200"))
    }

    @Test func `a body in chunks is put together, and refused when it grows too long`() async throws
    {
        let head = "POST /v1/alerts HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n"
        let short = try await talk(
            head + "Connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        #expect(short.contains(#""seq":5"#))
        let chunk = "10000\r\n" + String(repeating: "x", count: 65_536) + "\r\n"
        let long = try await talk(
            head + "\r\n" + String(repeating: chunk, count: 20) + "0\r\n\r\n")
        #expect(long.hasPrefix("HTTP/1.1 413"))
        #expect(long.ranges(of: "HTTP/1.1").count == 1)
    }

    @Test func `rubbish is answered as JSON`() async throws {
        let said = try await talk("rubbish\r\n\r\n")
        #expect(said.hasPrefix("HTTP/1.1 400"))
        #expect(said.contains(#""refused":"http""#))
    }

    @Test func `a silent connection is closed`() async throws {
        var limits = EngineServer.Limits()
        limits.idle = .seconds(0.1)
        try await serving(engine, socket: socket, limits: limits) { [socket] _ in
            let ended = try await blocking {
                let deadline = Deadline(after: .seconds(60))
                let descriptor = try UnixSocket.connect(to: socket, deadline: deadline)
                defer { close(descriptor) }
                guard UnixSocket.wait(descriptor, for: Int32(POLLIN), until: deadline) else {
                    return false
                }
                var buffer = [UInt8](repeating: 0, count: 64)
                if case .closed = UnixSocket.read(descriptor, into: &buffer) { return true }
                return false
            }
            #expect(ended)
        }
    }

    @Test func `more connections than there may be wait until one goes`() async throws {
        var limits = EngineServer.Limits()
        limits.connections = 2
        try await serving(engine, socket: socket, limits: limits) { [socket] client in
            let held = try await blocking {
                try (0..<2).map { _ in
                    try UnixSocket.connect(to: socket, deadline: Deadline(after: .seconds(60)))
                }
            }
            async let third = blocking { try client.get("/healthz", timeout: .seconds(60)).status }
            // Nothing tells that it waits; what can be told is that it is answered in the end.
            for descriptor in held { close(descriptor) }
            #expect(try await third == 200)
        }
    }

    @Test func `a command in flight is answered although the engine stops`() async throws {
        let (begun, begins) = AsyncStream.makeStream(of: Void.self)
        let (release, released) = AsyncStream.makeStream(of: Void.self)
        engine.script.withLock {
            $0.perform = { _, _ in
                begins.yield()
                for await _ in release { break }
                return CommandAnswer(events: [event(7)])
            }
        }
        var limits = EngineServer.Limits()
        limits.stopping = .seconds(60)
        let request = try await serving(engine, socket: socket, limits: limits) { client in
            let request = Task {
                try await blocking {
                    try client.post(
                        "/v1/commands", body: Data(#"{"command":"backup"}"#.utf8),
                        timeout: .seconds(60)
                    ).status
                }
            }
            for await _ in begun { break }
            // The server is told to stop when this returns; the command ends only afterwards.
            Task { [socket] in
                // Gone as soon as the server has begun to stop.
                try await eventually("the socket is gone") {
                    !FileManager.default.fileExists(atPath: socket)
                }
                released.yield()
            }
            return request
        }
        #expect(try await request.value == 200)
    }

    @Test func `stopping while clients come and go never ends in a trap`() async throws {
        await #expect(processExitsWith: .success) { [path = folder.path as String] in
            for round in 0..<30 { try await StopStorm.run(socket: "\(path)/s\(round)") }
        }
    }

    // MARK: Whose socket

    @Test func `the socket is for its owner and its group, and goes with the engine`() async throws
    {
        try await serving(engine, socket: socket) { [socket] _ in
            var info = stat()
            #expect(lstat(socket, &info) == 0)
            #expect(info.st_mode & 0o777 == 0o660)
        }
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    @Test func `a dead engine's socket is replaced`() async throws {
        do { _ = try ScriptedPeer(socket) { _ in } }
        #expect(FileManager.default.fileExists(atPath: socket))
        #expect(try await get("/healthz").status == 200)
    }

    @Test func `a living engine's socket is not taken`() async throws {
        let second = EngineServer(socket: socket, service: FakeEngine(), logger: quiet)
        try await serving(engine, socket: socket) { client in
            let fault = await #expect(throws: Fault.self) { try await second.run() }
            #expect(fault?.cause.contains("an engine answers") == true)
            let status = try await blocking {
                try client.get("/healthz", timeout: .seconds(60)).status
            }
            #expect(status == 200)
        }
    }

    @Test func `a file that is no socket is not removed`() async throws {
        try folder.write("engine.sock", "precious")
        let server = EngineServer(socket: socket, service: engine, logger: quiet)
        await #expect(throws: Fault.self) { try await server.run() }
        #expect(try String(contentsOf: URL(filePath: socket), encoding: .utf8) == "precious")
    }

    @Test func `a path that is too long is a fault that says so`() async throws {
        let long = folder(String(repeating: "x", count: 104 - folder.path.utf8.count - 1))
        #expect(long.utf8.count == 104)
        let server = EngineServer(socket: long, service: engine, logger: quiet)
        let fault = await #expect(throws: Fault.self) { try await server.run() }
        #expect(fault?.cause.contains("103") == true)
        // One byte less is the longest that there is.
        try await serving(engine, socket: String(long.dropLast())) { client in
            let status = try await blocking {
                try client.get("/healthz", timeout: .seconds(60)).status
            }
            #expect(status == 200)
        }
    }

    @Test func `a folder that is not there is a fault`() async throws {
        let server = EngineServer(socket: folder("no/engine.sock"), service: engine, logger: quiet)
        await #expect(throws: Fault.self) { try await server.run() }
    }
}

/// Clients that connect as fast as they can while the server stops.
enum StopStorm {
    static func run(socket: String) async throws {
        let engine = FakeEngine()
        let stopped = Flag()
        let ended = try await serving(engine, socket: socket) { client in
            let tasks = (0..<4).map { number in
                Task {
                    try await blocking {
                        while !stopped.isSet {
                            if number == 0 {
                                _ = try? client.openStream(timeout: .seconds(5)).readAvailable()
                            } else {
                                _ = try? client.get("/healthz", timeout: .seconds(5))
                            }
                        }
                    }
                }
            }
            try await eventually("some clients have been here") {
                engine.starts.withLock { $0 } > 3
            }
            return tasks
        }
        stopped.set()
        for task in ended { try await task.value }
    }
}
