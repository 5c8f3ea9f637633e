// What every listener of the engine has: HTTP/1.1 with limits, and connections that can be ended in order.
import Domain
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// What answers the requests of a connection.
protocol Answering: Sendable {
    /// What can be refused before its body has come; nil: let it come.
    func refusal(of head: HTTPRequestHead) -> Answer?
    /// - Parameter channel: the connection that it came on, which tells who asks.
    func answer(to request: Request, on channel: any NIOCore.Channel) async -> Answer
}
extension Answering {
    func refusal(of head: HTTPRequestHead) -> Answer? { nil }
}

enum HTTPListening {
    /// A server that is still to be bound to an address.
    static func bootstrap(
        _ routes: any Answering, _ connections: Connections, _ limits: EngineServer.Limits,
        _ logger: Logger
    ) -> ServerBootstrap {
        ServerBootstrap(group: connections.loop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptLimit(limit: limits.connections))
                }
            }
            .childChannelInitializer { channel in
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
    }
}

/// The open connections, known to their one event loop only.
struct Connections: Sendable {
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
