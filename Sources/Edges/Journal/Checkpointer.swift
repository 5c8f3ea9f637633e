// Moves what was written from SQLite's log into its file, in the background and preferably when nobody
// writes: done by the writer, it would hold up one event in a thousand for ten milliseconds.
import Dispatch
import GRDB
import Synchronization

final class Checkpointer: Sendable {
    /// A log with more events than this is moved at once.
    private static let most = 20_000
    /// One with so many as soon as nothing was written for a while. Fewer are not worth it: the first
    /// event after a move needs two syncs, and a log that is long enough is written over, which needs
    /// no change of the file's size.
    private static let enough = 256
    /// That while, in milliseconds.
    private static let pause = 500

    private struct State {
        var written = 0
        /// What `written` was when the last look was planned.
        var planned = false
        var sinceMove = 0
    }
    private let state = Mutex(State())
    private let database: DatabaseQueue
    private let queue = DispatchQueue(label: "journal checkpoint", qos: .utility)

    /// - Parameter database: a connection of its own, so that the writer never waits for it.
    init(database: DatabaseQueue) { self.database = database }

    /// Called after each append. Costs nothing but a lock.
    func wrote(_ events: Int) {
        let (plan, now) = state.withLock { state in
            state.written += events
            state.sinceMove += events
            let now = state.sinceMove >= Self.most
            if now { state.sinceMove = 0 }
            defer { state.planned = true }
            return (!state.planned, now)
        }
        if now { queue.async { [self] in move() } }
        if plan { look(after: state.withLock { $0.written }) }
    }

    /// Looks later whether anything was written since; if not, this is the moment.
    private func look(after written: Int) {
        queue.asyncAfter(deadline: .now() + .milliseconds(Self.pause)) { [weak self] in
            guard let self else { return }
            let (current, isEnough) = state.withLock { state in
                guard state.written == written else { return (state.written, false) }
                state.planned = false
                let isEnough = state.sinceMove >= Self.enough
                if isEnough { state.sinceMove = 0 }
                return (written, isEnough)
            }
            if current != written { look(after: current) } else if isEnough { move() }
        }
    }

    /// A passive checkpoint waits for nobody and is not in anybody's way. If it fails (a full disk), the
    /// log stays as it is and nothing is lost; the next one tries again.
    private func move() {
        _ = try? database.writeWithoutTransaction { try $0.checkpoint(.passive) }
    }
}
