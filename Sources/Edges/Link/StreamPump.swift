// Moves the lines of the stream to one client, at the client's pace.
import Domain
import FoundationEssentials
import Hummingbird
import NIOCore
import ServiceLifecycle
import Synchronization

struct StreamPump: Sendable {
    let service: any EngineService
    let caller: Caller
    let channel: any NIOCore.Channel
    /// How long one write may wait for the client.
    let stuck: Span

    /// Returns when the engine stops or the client is gone.
    func run(
        from first: StreamSubscription, into writer: inout any ResponseBodyWriter
    ) async throws {
        let watch = WriteWatch(channel: channel, limit: stuck)
        defer { watch.stop() }
        var subscription = first
        while true {
            let next: StreamSubscription?
            do {
                next = try await pump(subscription, watch, &writer)
            } catch {
                subscription.leave()
                throw error
            }
            guard let next else { return }
            subscription = next
        }
    }

    /// Writes lines until the subscription is over. - Returns: the one that replaces it, if any.
    private func pump(
        _ subscription: StreamSubscription, _ watch: WriteWatch,
        _ writer: inout any ResponseBodyWriter
    ) async throws -> StreamSubscription? {
        while true {
            let next = await withGracefulShutdownHandler {
                await subscription.next()
            } onGracefulShutdown: {
                subscription.leave()
            }
            switch next {
            case .lines(let lines):
                watch.begin()
                try await writer.write(Self.buffer(lines))
                watch.end()
            case .lagged:
                subscription.leave()
                return try await service.stream(for: caller)
            case .ended:
                subscription.leave()
                return nil
            }
        }
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

/// Closes a channel on which a write has waited too long; nothing else would end that wait.
private final class WriteWatch: Sendable {
    private let since = Mutex<NIODeadline?>(nil)
    private let task = Mutex<RepeatedTask?>(nil)

    init(channel: any NIOCore.Channel, limit: Span) {
        let limit = TimeAmount.milliseconds(Int64(limit.seconds * 1000))
        let pause = TimeAmount.nanoseconds(max(limit.nanoseconds / 4, 10_000_000))
        let repeated = channel.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) {
            [self] _ in
            if let began = since.withLock({ $0 }), began + limit < .now() {
                channel.close(mode: .all, promise: nil)
            }
        }
        task.withLock { $0 = repeated }
    }
    func begin() { since.withLock { $0 = .now() } }
    func end() { since.withLock { $0 = nil } }
    func stop() { task.withLock { $0?.cancel() } }
}
