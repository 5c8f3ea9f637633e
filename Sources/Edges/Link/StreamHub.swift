// Hands each line of the stream to every client: it is encoded once, and a client that does not read
// costs a bounded amount of memory and is started afresh when it reads again.
package import FoundationEssentials
import Synchronization

/// Where the engine publishes its lines.
package final class StreamHub: Sendable {
    /// How much may wait for one client before its lines are dropped.
    package struct Limits: Sendable {
        package var lines: Int
        package var bytes: Int
        package init(lines: Int = 1024, bytes: Int = 8 << 20) {
            self.lines = lines
            self.bytes = bytes
        }
    }

    private let limits: Limits
    private let members = Mutex<[ObjectIdentifier: StreamSubscription]>([:])

    package init(limits: Limits = Limits()) { self.limits = limits }

    /// How many clients read the stream now.
    package var viewers: Int { members.withLock { $0.count } }

    /// Adds a client. To miss nothing and see nothing twice, the engine calls this where it publishes.
    /// - Parameter start: the client's first line, without a line feed.
    package func subscribe(start: Data) -> StreamSubscription {
        let subscription = StreamSubscription(limits: limits, hub: self)
        subscription.offer(start)
        members.withLock { $0[ObjectIdentifier(subscription)] = subscription }
        return subscription
    }

    /// Gives a line (without a line feed) to every client. Never waits.
    package func publish(_ line: Data) {
        let all = members.withLock { Array($0.values) }
        for subscription in all { subscription.offer(line) }
    }

    /// Ends every client's stream: the engine stops.
    package func finish() {
        let all = members.withLock { members in
            defer { members = [:] }
            return Array(members.values)
        }
        for subscription in all { subscription.end() }
    }

    fileprivate func remove(_ subscription: StreamSubscription) {
        members.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(subscription)) }
    }
}

/// One client's place in the stream. Whoever reads it must `leave()` it.
package final class StreamSubscription: Sendable {
    package enum Next: Sendable, Equatable {
        /// What has come since the last call, in order.
        case lines([Data])
        /// The client was too slow and lines were dropped: it needs a new start.
        case lagged
        case ended
    }

    private struct State {
        var waiting: [Data] = []
        var bytes = 0
        var lagged = false
        var ended = false
        var reader: CheckedContinuation<Void, Never>?
    }
    private let limits: StreamHub.Limits
    private let hub: StreamHub
    private let state = Mutex(State())

    fileprivate init(limits: StreamHub.Limits, hub: StreamHub) {
        self.limits = limits
        self.hub = hub
    }

    /// Waits for the next lines. For one reader at a time; a cancelled task gets `ended`.
    package func next() async -> Next {
        while true {
            if let ready = take() { return ready }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let resumeNow = state.withLock { state in
                        if !state.waiting.isEmpty || state.lagged || state.ended { return true }
                        state.reader = continuation
                        return false
                    }
                    if resumeNow { continuation.resume() }
                }
            } onCancel: {
                end()
            }
        }
    }

    /// The client is gone.
    package func leave() {
        hub.remove(self)
        end()
    }

    private func take() -> Next? {
        state.withLock { state in
            if state.ended { return .ended }
            if state.lagged { return .lagged }
            if state.waiting.isEmpty { return nil }
            defer {
                state.waiting = []
                state.bytes = 0
            }
            return .lines(state.waiting)
        }
    }

    fileprivate func offer(_ line: Data) {
        change { state in
            guard !state.lagged, !state.ended else { return }
            // The first line is always taken, however long: without it there is no view.
            if !state.waiting.isEmpty,
                state.waiting.count >= limits.lines || state.bytes + line.count > limits.bytes
            {
                state.lagged = true
                state.waiting = []
                state.bytes = 0
            } else {
                state.waiting.append(line)
                state.bytes += line.count
            }
        }
    }

    fileprivate func end() {
        change { state in
            state.ended = true
            state.waiting = []
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let reader = state.withLock { state in
            body(&state)
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }
}
