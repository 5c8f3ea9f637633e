// What the tests share: a stage of their own with courier on it, and a WebSocket client by hand.
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix
import TestKit

@testable import DemoService

/// Where the demo's files are in the project.
let share = {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return tests.deletingLastPathComponent().appending(path: "Examples/demo").path
}()

/// A stage in a temporary folder; courier runs on it in this process between `start` and `stop`.
final class Stage {
    let temporary: TemporaryFolder
    let stage: DemoStage
    private(set) var port = 0
    private var service: Task<Void, any Error>?

    init() throws {
        temporary = try TemporaryFolder("demo")
        stage = try DemoStage.prepare(
            directory: temporary.path, share: share, binary: "/bin/sh", user: "tess")
    }
    deinit { service?.cancel() }

    var folder: String { stage.folder }
    func place() throws -> ServiceFolder { try ServiceFolder(folder) }

    func start(emergency: Bool = false) async throws {
        let (ports, announce) = AsyncStream<Int>.makeStream()
        let folder = folder
        // Any port will do: most tests are not about the one in courier.env.
        let task = Task {
            defer { announce.finish() }
            try await DemoService.serve(folder: folder, port: 0, emergency: emergency) {
                announce.yield($0)
            }
        }
        service = task
        for await port in ports {
            self.port = port
            return
        }
        try await task.value
    }
    func stop() async throws {
        service?.cancel()
        try await service?.value
        service = nil
    }
    /// Waits until courier ends by itself.
    func ended() async throws { try await service?.value }
    func restart() async throws {
        try await stop()
        try await start()
    }

    /// Patient, for the machine may be busy with other tests.
    func ask(
        _ path: String, method: HTTPMethod = .GET, headers: [(String, String)] = [],
        body: String = ""
    ) async throws -> Fetched {
        try await Fetch.ask(
            path, method: method, port: port, headers: headers, body: body, within: .seconds(60))
    }
    func get(_ path: String, cookie: String? = nil) async throws -> Fetched {
        try await ask(path, headers: cookie.map { [("cookie", $0)] } ?? [])
    }
    func post(_ path: String, json: String) async throws -> Fetched {
        try await ask(
            path, method: .POST, headers: [("content-type", "application/json")], body: json)
    }
    func logIn(_ password: String? = nil) async throws -> Fetched {
        let password = try password ?? place().text(Seed.passwordFile)
        return try await ask(
            "/login", method: .POST,
            headers: [("content-type", "application/x-www-form-urlencoded")],
            body: "username_or_email=admin%40courier.example&password=\(password)")
    }
    /// The cookie of a new session, as a browser sends it back.
    func cookie() async throws -> String {
        let answer = try await logIn()
        return String((answer.headers["set-cookie"].first ?? "").prefix { $0 != ";" })
    }
    func statistics() async throws -> Statistics {
        let answer = try await get("/api/notifications/stats")
        guard let statistics = JSON.value(Statistics.self, answer.body) else {
            throw TestKitError(text: "the statistics answer \(answer.status): \(answer.text)")
        }
        return statistics
    }
    func fault(_ name: String, _ on: Bool) throws {
        try DemoFaults.set(name, on: on, folder: folder)
    }

    /// What the stages of the rollback do, by hand; courier must not run.
    func rollBack() async throws {
        let place = try place()
        for file in Site.unifiedFiles { try place.remove(file) }
        for file in Site.legacyFiles + ["templates/base.html"] {
            try place.write(file, try place.text("legacy/" + file))
        }
        try await Outside(place).drop(Storage.notificationTables)
        let settings = try place.text("courier.env").split(separator: "\n")
            .filter {
                !$0.contains("UNIFIED_NOTIFICATION") && !$0.contains("WEBSOCKET_NOTIFICATION")
            }
        try place.write("courier.env", settings.joined(separator: "\n") + "\n")
    }
}

/// A WebSocket client that knows RFC 6455 by itself, so that courier is not tested by its own
/// library.
struct PlainSocket {
    enum Frame: Equatable {
        case text(String)
        case close(UInt16)
        case end
    }
    /// The status line of the answer to the handshake.
    var status: String
    fileprivate var bytes: ByteBuffer
    fileprivate var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    fileprivate let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    static func with<T>(
        port: Int, headers: String = "", _ body: (inout PlainSocket) async throws -> T
    ) async throws -> T {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            let handshake = """
                GET /ws HTTP/1.1\r
                Host: 127.0.0.1:\(port)\r
                Upgrade: websocket\r
                Connection: Upgrade\r
                Sec-WebSocket-Version: 13\r
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
                \(headers)\r

                """
            try await outbound.write(ByteBuffer(string: handshake))
            var socket = PlainSocket(
                status: "", bytes: ByteBuffer(), inbound: inbound.makeAsyncIterator(),
                outbound: outbound)
            socket.status = try await socket.line() ?? ""
            while let line = try await socket.line(), !line.isEmpty {}
            return try await body(&socket)
        }
    }

    private mutating func more() async throws -> Bool {
        guard var next = try await inbound.next() else { return false }
        bytes.writeBuffer(&next)
        return true
    }
    private mutating func line() async throws -> String? {
        while true {
            if let end = bytes.readableBytesView.firstIndex(of: 10) {
                let line = bytes.readString(length: end - bytes.readerIndex + 1) ?? ""
                return String(line.filter { !$0.isNewline })
            }
            guard try await more() else { return nil }
        }
    }
    private mutating func take(_ count: Int) async throws -> ByteBuffer? {
        while bytes.readableBytes < count {
            guard try await more() else { return nil }
        }
        return bytes.readSlice(length: count)
    }

    /// The next text, close or end; a server's frames are short and not masked.
    mutating func next() async throws -> Frame {
        while true {
            guard let head = try await take(2) else { return .end }
            let (kind, length) = (head.readableBytesView[0], Int(head.readableBytesView[1]))
            guard length < 126, var body = try await take(length) else { return .end }
            switch kind {
            case 0x81: return .text(String(buffer: body))
            case 0x88: return .close(body.readInteger() ?? 0)
            default: continue
            }
        }
    }
    /// Sends a short text, masked with zeros, which leave it as it is.
    func send(_ text: String) async throws {
        var frame = ByteBuffer(bytes: [0x81, 0x80 | UInt8(text.utf8.count), 0, 0, 0, 0])
        frame.writeString(text)
        try await outbound.write(frame)
    }
}
