// One HTTP request to courier, for its simulated clients and for the helpers in bin/.
import NIOCore
import NIOHTTP1
import NIOPosix

/// What came back.
struct Fetched: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
}

enum Fetch {
    private typealias Web = NIOAsyncChannel<
        HTTPClientResponsePart, HTTPPart<HTTPRequestHead, ByteBuffer>
    >
    /// A longer answer is cut.
    private static let bodyLimit = 1 << 20

    /// - Throws: when there is no answer within the time.
    static func ask(
        _ path: String, method: HTTPMethod = .GET, port: Int, headers: [(String, String)] = [],
        body: String = "", within limit: Duration = .seconds(5)
    ) async throws -> Fetched {
        var all = HTTPHeaders(headers)
        all.add(name: "host", value: "127.0.0.1:\(port)")
        all.add(name: "content-length", value: String(body.utf8.count))
        all.add(name: "connection", value: "close")
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: path, headers: all)
        return try await withThrowingTaskGroup(of: Fetched.self) { group in
            group.addTask { try await ask(head, body, port) }
            group.addTask {
                try await Task.sleep(for: limit)
                throw DemoError("port \(port) does not answer \(path) within \(limit)")
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
    }

    private static func ask(_ head: HTTPRequestHead, _ body: String, _ port: Int) async throws
        -> Fetched
    {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(RequestParts())
                    return try Web(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(
                contentsOf: [.head(head), .body(ByteBuffer(string: body)), .end(nil)])
            var answer: Fetched?
            for try await part in inbound {
                switch part {
                case .head(let head):
                    answer = Fetched(status: Int(head.status.code), headers: head.headers, body: [])
                case .body(let bytes):
                    if let count = answer?.body.count, count < bodyLimit {
                        answer?.body += bytes.readableBytesView.prefix(bodyLimit - count)
                    }
                case .end:
                    if let answer { return answer }
                }
            }
            throw DemoError("port \(port) hung up on \(head.uri)")
        }
    }
}

/// Lets a request's body be a plain buffer.
final class RequestParts: ChannelOutboundHandler {
    typealias OutboundIn = HTTPPart<HTTPRequestHead, ByteBuffer>
    typealias OutboundOut = HTTPClientRequestPart

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
