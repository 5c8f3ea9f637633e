// Courier's port: HTTP/1.1 and WebSockets on the loopback address, by SwiftNIO.
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Synchronization

struct Server: Sendable {
    typealias Web = NIOAsyncChannel<HTTPServerRequestPart, HTTPPart<HTTPResponseHead, ByteBuffer>>
    typealias Socket = NIOAsyncChannel<WebSocketFrame, WebSocketFrame>
    enum Connection: Sendable {
        case web(Web)
        case socket(Socket)
    }
    typealias Listener = NIOAsyncChannel<EventLoopFuture<Connection>, Never>

    let listener: Listener
    let courier: Courier
    private let open: OpenConnections

    /// A connection without a WebSocket on which nothing moves for so long is closed.
    private static let idleLimit = TimeAmount.seconds(60)

    /// - Parameter port: 0 for any that is free.
    static func bind(port: Int, courier: Courier) async throws -> Server {
        let open = OpenConnections()
        do {
            let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelOption(.backlog, value: 256)
                .bind(host: "127.0.0.1", port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try open.enter(channel)
                        return try prepare(channel, courier)
                    }
                }
            return Server(listener: listener, courier: courier, open: open)
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw DemoError(
                "port \(port) of 127.0.0.1 is in use: another program listens there; "
                    + "stop it, or change COURIER_PORT in courier.env")
        }
    }

    var port: Int { listener.channel.localAddress?.port ?? 0 }

    private static func prepare(
        _ channel: any Channel, _ courier: Courier
    ) throws -> EventLoopFuture<Connection> {
        let pipeline = channel.pipeline.syncOperations
        let idle = IdleStateHandler(allTimeout: idleLimit)
        try pipeline.addHandlers(idle, CloseWhenIdle())
        let idleContext = try pipeline.context(handler: idle)
        let bound = NIOLoopBound(idleContext, eventLoop: channel.eventLoop)
        let upgrader = NIOTypedWebSocketServerUpgrader<Connection>(
            // The doorkeeper has looked already.
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    channel.pipeline.syncOperations.removeHandler(
                        context: bound.value, promise: nil)
                    return .socket(try Socket(wrappingChannelSynchronously: channel))
                }
            })
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Connection>(
            upgraders: [upgrader],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ResponseParts())
                    return .web(try Web(wrappingChannelSynchronously: channel))
                }
            })
        let connection = try pipeline.configureUpgradableHTTPServerPipeline(
            configuration: .init(upgradeConfiguration: upgrade))
        let upgradeHandler = try pipeline.handler(
            type: NIOTypedHTTPServerUpgradeHandler<Connection>.self)
        try pipeline.addHandler(Doorkeeper(courier), position: .before(upgradeHandler))
        return connection
    }

    /// Serves until its task is cancelled.
    func run() async throws {
        try await withTaskCancellationHandler {
            try await withThrowingDiscardingTaskGroup { group in
                try await listener.executeThenClose { arriving in
                    for try await connection in arriving {
                        group.addTask { await serve(connection) }
                    }
                }
            }
        } onCancel: {
            // Also those that are not served yet, and those that say nothing.
            open.closeAll()
        }
    }

    /// One connection's whole life; what goes wrong on it ends it and nothing else.
    private func serve(_ connection: EventLoopFuture<Connection>) async {
        do {
            switch try await connection.get() {
            case .web(let channel): try await answer(channel)
            case .socket(let channel): try await talk(channel)
            }
        } catch {
            courier.log.debug("a connection ended: \(error)")
        }
    }

    // MARK: HTTP

    private func answer(_ channel: Web) async throws {
        let pages = Pages(courier: courier)
        try await channel.executeThenClose { inbound, outbound in
            var head: HTTPRequestHead?
            var body: [UInt8] = []
            var tooLong = false
            for try await part in inbound {
                switch part {
                case .head(let new): (head, body, tooLong) = (new, [], false)
                case .body(let bytes):
                    tooLong = tooLong || body.count + bytes.readableBytes > Request.bodyLimit
                    if !tooLong { body += bytes.readableBytesView }
                case .end:
                    guard let asked = head else { continue }
                    let response =
                        tooLong
                        ? Response.plainPage(.payloadTooLarge, "Too long", ["At most 64 kB."])
                        : await pages.answer(Request(asked, body: body))
                    try await write(response, to: asked, outbound)
                    if !asked.isKeepAlive { return }
                }
            }
        }
    }

    private func write(
        _ response: Response, to asked: HTTPRequestHead,
        _ outbound: NIOAsyncChannelOutboundWriter<HTTPPart<HTTPResponseHead, ByteBuffer>>
    ) async throws {
        var headers = HTTPHeaders(response.headers.map { ($0.name, $0.value) })
        headers.add(name: "content-length", value: String(response.body.count))
        headers.add(name: "x-content-type-options", value: "nosniff")
        headers.add(name: "cache-control", value: "no-store")
        headers.add(name: "content-security-policy", value: "default-src 'self'")
        if !asked.isKeepAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(
            version: asked.version, status: response.status, headers: headers)
        let body = asked.method == .HEAD ? [] : response.body
        try await outbound.write(contentsOf: [
            .head(head), .body(ByteBuffer(bytes: body)), .end(nil),
        ])
    }

    // MARK: WebSockets

    private func talk(_ channel: Socket) async throws {
        let (id, output) = courier.lines.open()
        defer { courier.lines.close(id) }
        let hello = LineText.hello(sid: Passwords.token(bytes: 8), mode: courier.site.mode)
        courier.lines.send(id, .text(hello))
        try await channel.executeThenClose { inbound, outbound in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await listen(id, inbound) }
                group.addTask {
                    for await item in output { try await outbound.write(item.frame) }
                }
                // Whoever ends first, client or courier, ends the other too.
                try await group.next()
                group.cancelAll()
            }
        }
    }

    private func listen(
        _ id: Int, _ inbound: NIOAsyncChannelInboundStream<WebSocketFrame>
    ) async throws {
        for try await frame in inbound {
            switch frame.opcode {
            case .text: await hear(id, String(buffer: frame.unmaskedData))
            case .ping: courier.lines.send(id, .pong(frame.unmaskedData))
            case .pong: break
            case .connectionClose:
                courier.lines.send(id, .close(1000))
                courier.lines.close(id)
                // The writer ends when it has answered.
                try await Task.sleep(for: .seconds(1))
                return
            default:
                courier.lines.send(id, .close(1003))
                courier.lines.close(id)
                try await Task.sleep(for: .seconds(1))
                return
            }
        }
    }

    private func hear(_ id: Int, _ text: String) async {
        let rest = text.dropFirst()
        switch text.first {
        case "1":
            if courier.switches.now.isolated || !courier.lines.join(id, String(rest)) {
                courier.lines.send(id, .close(1008))
                courier.lines.close(id)
            }
        case "5", "6":
            if let push = Int64(rest) {
                await courier.delivery?.arrived(push, whole: text.first == "5")
            }
        default: break
        }
    }
}

extension LineOutput {
    var frame: WebSocketFrame {
        switch self {
        case .text(let text):
            WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: text))
        case .pong(let data): WebSocketFrame(fin: true, opcode: .pong, data: data)
        case .close(let code):
            WebSocketFrame(fin: true, opcode: .connectionClose, data: ByteBuffer(integer: code))
        }
    }
}

/// The connections that are open.
private final class OpenConnections: Sendable {
    private struct State {
        var channels: [ObjectIdentifier: any Channel] = [:]
        var isOver = false
    }
    private let state = Mutex(State())
    /// More than this at once are turned away at the door.
    private static let limit = 512

    /// - Throws: when there are too many already, or courier ends; then the connection is closed.
    func enter(_ channel: any Channel) throws {
        let id = ObjectIdentifier(channel)
        let mayEnter = state.withLock { state in
            guard !state.isOver, state.channels.count < Self.limit else { return false }
            state.channels[id] = channel
            return true
        }
        guard mayEnter else { throw ChannelError.ioOnClosedChannel }
        channel.closeFuture.whenComplete { _ in self.leave(id) }
    }
    private func leave(_ id: ObjectIdentifier) {
        state.withLock { _ = $0.channels.removeValue(forKey: id) }
    }

    /// Closes all, and whoever comes later.
    func closeAll() {
        let channels = state.withLock { state in
            state.isOver = true
            return state.channels.values.map { $0 }
        }
        for channel in channels { channel.close(promise: nil) }
    }
}

/// Lets an answer's body be a plain buffer.
private final class ResponseParts: ChannelOutboundHandler {
    typealias OutboundIn = HTTPPart<HTTPResponseHead, ByteBuffer>
    typealias OutboundOut = HTTPServerResponsePart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let part: OutboundOut =
            switch unwrapOutboundIn(data) {
            case .head(let head): .head(head)
            case .body(let buffer): .body(.byteBuffer(buffer))
            case .end(let trailers): .end(trailers)
            }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}

/// Closes a connection on which nothing has moved for long.
private final class CloseWhenIdle: ChannelInboundHandler {
    typealias InboundIn = NIOAny
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}

/// Looks at a connection's first request: only one that may have a WebSocket goes on as a wish for
/// one. NIO's upgrade forgets the request that it turns down, and then nobody would answer it.
private final class Doorkeeper: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    private let courier: Courier
    private var hasLooked = false

    init(_ courier: Courier) { self.courier = courier }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Behind a handshake comes what is no HTTP.
        guard !hasLooked else { return context.fireChannelRead(data) }
        hasLooked = true
        guard case .head(var head) = unwrapInboundIn(data), !mayHaveSocket(head) else {
            return context.fireChannelRead(data)
        }
        head.headers.remove(name: "upgrade")
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    /// RFC 6455, section 4.2.1, and courier's own reasons.
    private func mayHaveSocket(_ head: HTTPRequestHead) -> Bool {
        let headers = head.headers
        return head.method == .GET && head.version == .http1_1
            && head.uri.prefix { $0 != "?" } == "/ws"
            && headers[canonicalForm: "upgrade"].map { $0.lowercased() } == ["websocket"]
            && headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
            && headers["sec-websocket-version"] == ["13"]
            && headers["sec-websocket-key"].count == 1
            && !headers.contains(name: "transfer-encoding")
            && ["0", nil].contains(headers["content-length"].first)
            && Request(head, body: []).isForHere && courier.opensLines
    }
}
