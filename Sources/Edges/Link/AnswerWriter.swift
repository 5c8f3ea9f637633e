// Writes an answer to one client, at the client's pace: a whole one, or the stream line by line.
import Domain
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// What is asked for, as it came.
struct Request: Sendable {
    var method: String
    /// Path and query.
    var target: String
    var body = Data()
}

/// What is answered.
struct Answer: Sendable {
    enum Body: Sendable {
        case whole(Data)
        /// - again: subscribes a client anew that was too slow.
        case stream(StreamSubscription, again: @Sendable () async throws -> StreamSubscription)
    }
    var status: Int
    var type: String
    var body: Body
    /// For 405: what would be allowed.
    var allow: String?
    /// For 401: how to say who one is.
    var challenge: String?

    func head(keepAlive: Bool) -> HTTPResponseHead {
        var headers = HTTPHeaders([
            ("Content-Type", type), ("Cache-Control", "no-store"), ("Server", Product.name),
        ])
        if case .whole(let data) = body {
            headers.add(name: "Content-Length", value: String(data.count))
        }
        if let challenge { headers.add(name: "WWW-Authenticate", value: challenge) }
        if let allow { headers.add(name: "Allow", value: allow) }
        if !keepAlive { headers.add(name: "Connection", value: "close") }
        return HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
    }
}

struct AnswerWriter: Sendable {
    let channel: any NIOCore.Channel
    /// How long one write may wait for the client.
    let stuck: Span

    /// Writes everything but the end, which is the connection's to write.
    /// - Returns: false when the client is gone.
    func write(_ answer: Answer, keepAlive: Bool) async -> Bool {
        do {
            let head = HTTPServerResponsePart.head(answer.head(keepAlive: keepAlive))
            switch answer.body {
            case .whole(let data):
                channel.write(head, promise: nil)
                channel.write(
                    HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: data))), promise: nil)
            case .stream(let subscription, let again):
                do { try await send(head) } catch {
                    subscription.leave()
                    throw error
                }
                try await stream(subscription, again)
            }
            return true
        } catch {
            channel.close(promise: nil)
            return false
        }
    }

    /// Writes lines until the engine stops or the client is gone. A client that was too slow for its
    /// queue gets a new start.
    private func stream(
        _ first: StreamSubscription, _ again: () async throws -> StreamSubscription
    ) async throws {
        var subscription = first
        defer { subscription.leave() }
        while true {
            switch await subscription.next() {
            case .lines(let lines): try await send(.body(.byteBuffer(Self.buffer(lines))))
            case .lagged:
                subscription.leave()
                subscription = try await again()
            case .ended: return
            }
        }
    }

    /// Waits until the bytes are with the kernel; a client that does not take them for too long is
    /// disconnected, for nothing else would end that wait.
    private func send(_ part: HTTPServerResponsePart) async throws {
        let channel = channel
        let watch = channel.eventLoop.scheduleTask(in: stuck.amount) {
            channel.close(mode: .all, promise: nil)
        }
        defer { watch.cancel() }
        try await channel.writeAndFlush(part).get()
    }

    private static func buffer(_ lines: [Data]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(lines.reduce(0) { $0 + $1.count + 1 })
        for line in lines {
            buffer.writeBytes(line)
            buffer.writeInteger(UInt8(ascii: "\n"))
        }
        return buffer
    }
}
