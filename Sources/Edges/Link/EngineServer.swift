// The engine's socket: accepts connections, and closes them in order when the engine stops.
package import Domain
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// HTTP/1.1 on a Unix socket of mode 0660.
///
/// Stands on NIO's channels directly: a server of async channels traps when a connection that was just
/// accepted is dropped because the server ends, and an engine must end without that.
package struct EngineServer: Sendable {
    /// What one client may cost.
    package struct Limits: Sendable {
        /// Open connections; further ones wait in the kernel's queue.
        package var connections = 200
        /// Bytes of a request's body; more is answered with 413.
        package var body = 1 << 20
        /// A connection on which no request arrives is closed after this.
        package var idle = Span.seconds(60)
        /// A stream whose client does not read is closed after this.
        package var stuck = Span.seconds(60)
        /// How long requests in flight may take when the server stops.
        package var stopping = Span.seconds(2)
        package init() {}
    }

    private let socket: String
    private let service: any EngineService
    private let logger: Logger
    private let limits: Limits

    /// - Parameter socket: an absolute path; its folder must exist.
    package init(
        socket: String, service: any EngineService, logger: Logger, limits: Limits = Limits()
    ) {
        self.socket = socket
        self.service = service
        self.logger = logger
        self.limits = limits
    }

    /// Serves until the task is cancelled; then open streams end, requests in flight are answered, and
    /// the socket's file is removed.
    /// - Parameter onListening: called once, when clients can connect.
    /// - Throws: `Fault` when the socket cannot be opened.
    package func run(onListening: @escaping @Sendable () async -> Void = {}) async throws {
        try SocketPlace.claim(socket)
        let connections = Connections(loop: MultiThreadedEventLoopGroup.singleton.next())
        let listener = try await listen(connections)
        let identity = SocketPlace.identity(of: socket)
        do { try SocketPlace.setMode(socket) } catch {
            try? await listener.close()
            SocketPlace.remove(socket, ifStill: identity)
            throw error
        }
        await onListening()
        await withTaskCancellationHandler {
            _ = try? await listener.closeFuture.get()
        } onCancel: {
            listener.close(promise: nil)
        }
        SocketPlace.remove(socket, ifStill: identity)
        await connections.stop(within: limits.stopping)
        guard Task.isCancelled else {
            throw Fault(operation: "listen on the socket", subject: socket, cause: "it was closed")
        }
    }

    private func listen(_ connections: Connections) async throws(Fault) -> any NIOCore.Channel {
        let routes = Routes(service: service, limits: limits)
        let bootstrap = ServerBootstrap(group: connections.loop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelInitializer { [limits] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptLimit(limit: limits.connections))
                }
            }
            .childChannelInitializer { [limits, logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    var decoding = NIOHTTPDecoderLimitConfiguration()
                    decoding.maxHeaderFieldSize = 16 << 10
                    decoding.maxHeaderListSize = 32 << 10
                    decoding.maxHeaderFieldCount = 100
                    // Errors are answered by our own handler, as JSON like everything else.
                    try pipeline.configureHTTPServerPipeline(
                        withErrorHandling: false, withEncoderConfiguration: .init(),
                        withDecoderLimitConfiguration: decoding)
                    try pipeline.addHandler(IdleStateHandler(readTimeout: limits.idle.amount))
                    try pipeline.addHandler(
                        ConnectionHandler(routes: routes, limits: limits, logger: logger))
                    connections.add(channel)
                }
            }
        do {
            return try await bootstrap.bind(unixDomainSocketPath: socket).get()
        } catch {
            throw Fault(operation: "open the socket", subject: socket, cause: "\(error)")
        }
    }
}

extension Span {
    var amount: TimeAmount { .nanoseconds(Int64(min(seconds, 1e9) * 1e9)) }
}

/// The open connections, known to their one event loop only.
private struct Connections: Sendable {
    let loop: any EventLoop
    private let channels: NIOLoopBoundBox<[ObjectIdentifier: any NIOCore.Channel]>

    init(loop: any EventLoop) {
        self.loop = loop
        channels = .makeBoxSendingValue([:], eventLoop: loop)
    }

    /// On the event loop.
    func add(_ channel: any NIOCore.Channel) {
        let id = ObjectIdentifier(channel)
        channels.value[id] = channel
        channel.closeFuture.whenComplete { _ in channels.value[id] = nil }
    }

    /// Asks every connection to end, and closes what is left after a while.
    func stop(within span: Span) async {
        let closed = loop.flatSubmit {
            let all = Array(channels.value.values)
            for channel in all { channel.pipeline.fireUserInboundEventTriggered(StopServing()) }
            let force = loop.scheduleTask(in: span.amount) {
                for channel in all { channel.close(promise: nil) }
            }
            return EventLoopFuture.andAllComplete(all.map(\.closeFuture), on: loop)
                .map { force.cancel() }
        }
        _ = try? await closed.get()
    }
}

/// Leaves further connections in the kernel's queue while as many as may be are open.
private final class AcceptLimit: ChannelDuplexHandler {
    typealias InboundIn = any NIOCore.Channel
    typealias OutboundIn = Never

    private let limit: Int
    private var open = 0
    private var readWaits = false

    init(limit: Int) { self.limit = limit }

    func read(context: ChannelHandlerContext) {
        if open < limit { context.read() } else { readWaits = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        open += 1
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        Self.unwrapInboundIn(data).closeFuture.hop(to: context.eventLoop).whenComplete { _ in
            let (handler, context) = bound.value
            handler.closed(context)
        }
        context.fireChannelRead(data)
    }

    private func closed(_ context: ChannelHandlerContext) {
        open -= 1
        guard readWaits, open < limit else { return }
        readWaits = false
        context.read()
    }
}
