// One connection: gathers a request, has it answered, writes the answer, and goes on with the next.
import Domain
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1

/// Tells a connection that the server stops.
struct StopServing: Sendable {}

final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// Between two requests.
        case idle
        case receiving(HTTPRequestHead)
        /// The request was answered before its end came; what still comes is thrown away.
        case discarding(bytes: Int)
        /// - `stream`: the task that writes a stream, which never ends by itself.
        case answering(stream: Task<Void, Never>?)
        case closed
    }
    /// So much of a body that is too long is read, so that its sender gets round to reading the answer.
    private static let mostDiscarded = 64 << 20

    private let routes: any Answering
    private let limits: EngineServer.Limits
    private let logger: Logger
    private var state = State.idle
    /// What has come of the body.
    private var body = ByteBuffer()
    private var stopping = false
    /// The last answer is not with the kernel yet.
    private var flushing = false

    init(routes: any Answering, limits: EngineServer.Limits, logger: Logger) {
        self.routes = routes
        self.limits = limits
        self.logger = logger
    }

    // MARK: What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (Self.unwrapInboundIn(data), state) {
        case (.head(let head), .idle): begin(head, context)
        case (.body(let part), .receiving):
            body.writeImmutableBuffer(part)
            if body.readableBytes > limits.body { refuseBody(context) }
        case (.end, .receiving(let head)): answer(head, context)
        case (.body(let part), .discarding(let bytes)):
            state = .discarding(bytes: bytes + part.readableBytes)
            if bytes > Self.mostDiscarded { context.close(promise: nil) }
        case (.end, .discarding): context.close(promise: nil)
        case (.head, _), (.body, _), (.end, _): break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .receiving(head)
        body = ByteBuffer()
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        if let refusal = routes.refusal(of: head) {
            refuse(refusal, context)
        } else if length > limits.body {
            refuseBody(context)
        } else if head.headers[canonicalForm: "expect"].contains(where: { $0 == "100-continue" }) {
            let proceed = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(Self.wrapOutboundOut(.head(proceed)), promise: nil)
        }
    }

    private func refuseBody(_ context: ChannelHandlerContext) {
        refuse(.refusal(413, "size", "a body has at most \(limits.body) bytes"), context)
    }

    private func refuse(_ answer: Answer, _ context: ChannelHandlerContext) {
        state = .discarding(bytes: 0)
        body = ByteBuffer()
        write(answer, context)
    }

    /// What is no HTTP, and connections that break.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("connection failed", metadata: ["error": "\(error)"])
        if error is HTTPParserError {
            switch state {
            case .idle, .receiving: write(.refusal(400, "http", "this is no HTTP request"), context)
            case .discarding, .answering, .closed: break
            }
        }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case IdleStateHandler.IdleStateEvent.read:
            switch state {
            case .idle, .receiving, .discarding: context.close(promise: nil)
            case .answering, .closed: break
            }
        case is StopServing:
            stopping = true
            switch state {
            case .idle, .receiving, .discarding: if !flushing { context.close(promise: nil) }
            case .answering(let stream): stream?.cancel()
            case .closed: break
            }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A command goes on without its client; a stream does not.
        if case .answering(let stream) = state { stream?.cancel() }
        state = .closed
        context.fireChannelInactive()
    }

    // MARK: What goes out

    /// A whole answer at once, after which the connection ends.
    private func write(_ answer: Answer, _ context: ChannelHandlerContext) {
        guard case .whole(let data) = answer.body else { return }
        let head = answer.head(keepAlive: false)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(
            Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: data)))), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .answering(stream: nil)
        let request = Request(
            method: head.method.rawValue, target: head.uri, body: Data(body.readableBytesView))
        body = ByteBuffer()
        let channel = context.channel
        let routes = routes
        let stuck = limits.stuck
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let task = Task {
            let answer = await routes.answer(to: request, on: channel)
            let keepAlive = try? await channel.eventLoop.submit {
                this.value.begins(answer, wantsMore: head.isKeepAlive)
            }.get()
            guard let keepAlive else { return }
            let writer = AnswerWriter(channel: channel, stuck: stuck)
            guard await writer.write(answer, keepAlive: keepAlive) else { return }
            channel.eventLoop.execute { this.value.end(keepAlive, channel) }
        }
        answering = task
    }
    /// The task behind `.answering`; cancelled only when it writes a stream.
    private var answering: Task<Void, Never>?

    /// - Returns: whether the connection stays open afterwards.
    private func begins(_ answer: Answer, wantsMore: Bool) -> Bool {
        guard case .answering = state else { return false }
        if case .stream = answer.body {
            state = .answering(stream: answering)
            if stopping { answering?.cancel() }
        }
        return wantsMore && !stopping
    }

    private func end(_ keepAlive: Bool, _ channel: any NIOCore.Channel) {
        answering = nil
        guard case .answering = state else { return }
        // Before the end is written: that lets the next request in, if it is here already.
        state = keepAlive ? .idle : .closed
        flushing = true
        let this = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in
            this.value.flushing = false
            if !keepAlive || this.value.stopping { channel.close(promise: nil) }
        }
    }
}
