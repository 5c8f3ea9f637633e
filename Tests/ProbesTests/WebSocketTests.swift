// The websocket probe against a real server (NIO's), and against ones that get it wrong.
import Domain
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import TestKit
import Testing

@testable import Probes

/// Greets every client with the frames that a test wants.
private final class Greeter: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame
    let frames: [WebSocketFrame]
    init(_ frames: [WebSocketFrame]) { self.frames = frames }
    func handlerAdded(context: ChannelHandlerContext) {
        for frame in frames { context.write(wrapOutboundOut(frame), promise: nil) }
        context.flush()
    }
}
private func frame(
    _ code: WebSocketOpcode, _ text: String, last: Bool = true
) -> WebSocketFrame {
    WebSocketFrame(fin: last, opcode: code, data: ByteBuffer(string: text))
}

/// Runs a WebSocket server for as long as the body takes.
private func withServer(
    _ frames: [WebSocketFrame], _ body: (_ url: String) async throws -> Void
) async throws {
    let bytes = UncheckedFrames(frames)
    let upgrader = NIOWebSocketServerUpgrader(
        shouldUpgrade: { channel, head in
            channel.eventLoop.makeSucceededFuture(head.uri == "/socket" ? [:] : nil)
        },
        upgradePipelineHandler: { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Greeter(bytes.frames))
            }
        })
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                    withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(channel.localAddress?.port)
    do {
        try await body("ws://127.0.0.1:\(port)/socket")
        try await channel.close()
    } catch {
        try? await channel.close()
        throw error
    }
}
/// Buffers are values; only the compiler cannot see it through their class.
private struct UncheckedFrames: @unchecked Sendable {
    let frames: [WebSocketFrame]
    init(_ frames: [WebSocketFrame]) { self.frames = frames }
}
private func ask(
    _ url: String, _ message: String? = nil, metrics: [MetricRule] = [], timeout: Double = 60
) async -> CheckResult {
    await check(
        probe(
            .websocket(url: url, headers: []), Expectation(message: message), metrics: metrics,
            timeout: timeout))
}

@Suite struct WebSocketTests {
    @Test func `the handshake suffices where no message is expected`() async throws {
        try await withServer([]) { url in
            let result = await ask(url)
            #expect(result.answer == .good)
            #expect(result.message == "handshake done")
        }
    }
    @Test func `the first message must match`() async throws {
        try await withServer([frame(.text, #"0{"sid":"x","n":5}"#)]) { url in
            #expect(await ask(url, #"^0\{"#).answer == .good)
            let result = await ask(url, #"^1\{"#)
            #expect(result.answer == .bad)
            #expect(result.message == #"first message arrived, but it has no match of ^1\{"#)
        }
    }
    @Test func `a message in pieces, after a ping, is one message`() async throws {
        let frames = [
            frame(.ping, "are you there"), frame(.text, "{\"n\":", last: false), frame(.pong, ""),
            frame(.continuation, "42}"),
        ]
        try await withServer(frames) { url in
            let rule = MetricRule(name: "n", source: .json("$.n"), unit: "")
            let result = await ask(url, "n", metrics: [rule])
            #expect(result.answer == .good)
            #expect(result.metric("n") == 42)
        }
    }
    @Test(arguments: [125, 126, 65_535, 65_536, 1_048_576])
    func `messages of every length are read, huge ones in part`(length: Int) async throws {
        try await withServer([frame(.binary, String(repeating: "a", count: length))]) { url in
            #expect(await ask(url, "^a+$").answer == .good)
        }
    }
    @Test func `a server that says nothing is told from one that hangs`() async throws {
        try await withServer([]) { url in
            let result = await ask(url, "x", timeout: 0.3)
            #expect(result.answer == .bad)
            try await eventually("what it waited for is told") {
                await ask(url, "x", timeout: 0.3).message
                    == "handshake done, but no message within 0.3 s"
            }
        }
    }
    @Test func `a server that closes says why`() async throws {
        var data = ByteBuffer()
        data.write(webSocketErrorCode: .policyViolation)
        data.writeString("go away")
        try await withServer([WebSocketFrame(fin: true, opcode: .connectionClose, data: data)]) {
            url in
            let result = await ask(url, "x")
            #expect(result.answer == .bad)
            #expect(result.message == "closed by the server (1008: go away)")
        }
    }
    @Test func `a page is no WebSocket`() async throws {
        let server = try ScriptedServer.http { _ in ScriptedServer.answer("hello") }
        let result = await ask("ws://127.0.0.1:\(server.port)/")
        #expect(result.answer == .bad)
        #expect(result.message == "HTTP 200 (wanted 101)")
    }
    @Test(arguments: [
        ("Upgrade: websocket\r\nSec-WebSocket-Accept: bm8=\r\n", "does not fit the key"),
        ("Upgrade: websocket\r\n", "does not fit the key"),
        ("Upgrade: h2c\r\n", "another protocol"),
    ])
    func `a wrong handshake is found`(headers: String, words: String) async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n\(headers)\r\n")
            connection.waitForEnd()
        }
        let result = await ask("ws://127.0.0.1:\(server.port)/")
        #expect(result.answer == .bad)
        #expect(result.message.contains(words))
    }
}

@Suite struct FirstMessageTests {
    /// Feeds bytes one by one, as the slowest network would.
    private func state(_ bytes: [UInt8]) -> FirstMessage.State {
        let message = FirstMessage()
        for count in 0...bytes.count where message.isDecided(by: Array(bytes.prefix(count))) {
            break
        }
        return message.state
    }
    @Test func `frames are read byte by byte`() {
        #expect(state([]) == .waiting)
        #expect(state([0x81, 2, 0x68]) == .waiting)
        #expect(state([0x81, 2, 0x68, 0x69]) == .complete([0x68, 0x69]))
        #expect(state([0x01, 1, 0x68, 0x89, 0, 0x80, 1, 0x69]) == .complete([0x68, 0x69]))
        #expect(state([0x81, 126, 0, 1, 0x68]) == .complete([0x68]))
        #expect(state([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 1, 0x68]) == .complete([0x68]))
        #expect(state([0x88, 0]) == .closed(""))
        #expect(state([0x88, 2, 3, 232]) == .closed(" (1000)"))
    }
    @Test func `what breaks the protocol is named`() {
        #expect(state([0x81, 0x81, 1, 2, 3, 4, 5]) == .broken("a server must not mask"))
        #expect(state([0xC1, 1, 0x68]) == .broken("reserved bits"))
        #expect(state([0x83, 0]) == .broken("frame type 3"))
        #expect(state([0x89, 126, 1, 0]) == .broken("a control frame of 256 bytes"))
    }
    @Test func `a length beyond all bounds does no harm`() {
        let head: [UInt8] = [0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]
        let message = FirstMessage()
        let body = head + [UInt8](repeating: 7, count: FirstMessage.limit)
        #expect(message.isDecided(by: body))
        #expect(message.state == .complete([UInt8](repeating: 7, count: FirstMessage.limit)))
    }
}
