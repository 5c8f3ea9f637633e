// A few threads for work that blocks: files on mounts that hang, plugins, databases, name look-ups.
import Dispatch
import Domain
import Synchronization
import Transfers

/// Threads are made when they are needed, and kept. Work that hangs for ever costs its thread, but its
/// caller gets an answer in time, and no second piece of work with the same key is sent after it.
final class BlockingPool: Sendable {
    enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        /// Not done in time; the thread may hang still.
        case late
        /// Work with this key is still hanging from an earlier time; nothing was started.
        case hanging
        /// No thread became free in time; so many are busy.
        case full(Int)
        /// The caller's task was cancelled.
        case cancelled
    }

    private struct State {
        var queue: [Job] = []
        var head = 0
        var threads = 0
        var idle = 0
        /// Pieces of work that were given up but still run.
        var hanging: [String: Int] = [:]

        mutating func remove(_ job: Job) {
            if let place = queue[head...].firstIndex(where: { $0 === job }) {
                queue.remove(at: place)
            }
        }
    }
    private let name: String
    private let limit: Int
    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)

    init(_ name: String, threads: Int) {
        self.name = name
        limit = threads
    }

    /// Runs something that may block.
    /// - Parameters:
    ///   - key: who asks; while a given-up piece of work with this key hangs, no other is started.
    ///   - interrupt: called once, from another thread, when time is up or the task is cancelled.
    func run<Value: Sendable>(
        _ key: String, within limit: Span, interrupt: @escaping @Sendable () -> Void = {},
        _ body: @escaping @Sendable () -> Value
    ) async -> Outcome<Value> {
        let box = Box<Value>()
        let job = Job(key: key, interrupt: interrupt) { box.put(body()) }
        guard enqueue(job) else { return .hanging }
        let timer = Task {
            guard (try? await Task.sleep(for: .seconds(limit.seconds))) != nil else { return }
            self.giveUp(job, as: .late)
        }
        let end = await withTaskCancellationHandler {
            await job.end()
        } onCancel: {
            self.giveUp(job, as: .cancelled)
        }
        timer.cancel()
        switch end {
        case .done: return box.take().map(Outcome.done) ?? .late
        case .late: return .late
        case .neverStarted: return .full(self.limit)
        case .cancelled: return .cancelled
        }
    }

    /// - Returns: false when work with the same key hangs.
    private func enqueue(_ job: Job) -> Bool {
        let (accepted, needsThread) = state.withLock { state in
            guard state.hanging[job.key] == nil else { return (false, false) }
            state.queue.append(job)
            let waiting = state.queue.count - state.head
            let needsThread = waiting > state.idle && state.threads < limit
            if needsThread { state.threads += 1 }
            return (true, needsThread)
        }
        guard accepted else { return false }
        if needsThread && !OwnThread.start(name, { self.serve() }) {
            state.withLock { $0.threads -= 1 }
        }
        work.signal()
        return true
    }

    private func serve() {
        while true {
            state.withLock { $0.idle += 1 }
            work.wait()
            let job = state.withLock { state -> Job? in
                state.idle -= 1
                guard state.head < state.queue.count else { return nil }
                let job = state.queue[state.head]
                state.head += 1
                if state.head == state.queue.count || state.head > 1024 {
                    state.queue.removeFirst(state.head)
                    state.head = 0
                }
                return job
            }
            guard let job, job.begin() else { continue }
            job.body()
            let wasGivenUp = job.finish(as: .done) == nil
            if wasGivenUp { forget(job.key) }
        }
    }

    private func giveUp(_ job: Job, as end: Job.End) {
        // Under the pool's lock, so that the hanging work is counted before it can be found finished.
        let before = state.withLock { state in
            let before = job.finish(as: end)
            switch before {
            case .running: state.hanging[job.key, default: 0] += 1
            case .waiting: state.remove(job)
            case nil: break
            }
            return before
        }
        if before == .running { job.interrupt() }
    }
    private func forget(_ key: String) {
        state.withLock { state in
            let left = (state.hanging[key] ?? 0) - 1
            state.hanging[key] = left > 0 ? left : nil
        }
    }
}

/// Carries a value from the pool's thread to the caller.
private final class Box<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    func put(_ new: Value) { value.withLock { $0 = new } }
    func take() -> Value? { value.withLock { $0 } }
}

private final class Job: Sendable {
    enum End: Sendable { case done, late, neverStarted, cancelled }
    enum Stage: Sendable { case waiting, running }
    private struct State {
        var stage = Stage.waiting
        var end: End?
        var waiter: CheckedContinuation<End, Never>?
    }
    let key: String
    let interrupt: @Sendable () -> Void
    let body: @Sendable () -> Void
    private let state = Mutex(State())

    init(
        key: String, interrupt: @escaping @Sendable () -> Void,
        body: @escaping @Sendable () -> Void
    ) {
        self.key = key
        self.interrupt = interrupt
        self.body = body
    }

    /// - Returns: false when nobody waits for it any more.
    func begin() -> Bool {
        state.withLock { state in
            guard state.end == nil else { return false }
            state.stage = .running
            return true
        }
    }
    /// - Returns: the stage it was in, or nil when it was over before.
    func finish(as end: End) -> Stage? {
        let (before, waiter, final) = state.withLock {
            state -> (Stage?, CheckedContinuation<End, Never>?, End) in
            guard state.end == nil else { return (nil, nil, end) }
            let final = end == .late && state.stage == .waiting ? End.neverStarted : end
            state.end = final
            defer { state.waiter = nil }
            return (state.stage, state.waiter, final)
        }
        waiter?.resume(returning: final)
        return before
    }
    func end() async -> End {
        await withCheckedContinuation { continuation in
            let known = state.withLock { state -> End? in
                if state.end == nil { state.waiter = continuation }
                return state.end
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
