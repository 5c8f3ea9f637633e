// Flash messages: shown once, on the next page that their user loads.
import Synchronization

struct Flash: Sendable, Equatable {
    var category: String
    var text: String
}

/// What waits for each user's next page; kept in memory only, as flash messages are.
final class FlashBox: Sendable {
    private struct State {
        var waiting: [String: [Flash]] = [:]
        var recent = RecentEnds()
    }
    private let state = Mutex(State())
    private let clock = ContinuousClock()
    /// The oldest goes when there are more for one user; that one has failed.
    static let limit = 10
    /// Whoever is not logged in shares one box.
    static let guest = ""

    func add(_ flash: Flash, to user: String) {
        state.withLock { state in
            state.waiting[user, default: []].append(flash)
            if state.waiting[user, default: []].count > Self.limit {
                state.waiting[user]?.removeFirst()
                state.recent.add(good: false, at: clock.now)
            }
        }
    }

    /// What the user's page shows now; it is not shown again.
    func take(_ user: String) -> [Flash] {
        state.withLock { state in
            let flashes = state.waiting.removeValue(forKey: user) ?? []
            for _ in flashes { state.recent.add(good: true, at: clock.now) }
            return flashes
        }
    }

    func numbers() -> DeliveryNumbers {
        state.withLock { state in
            let rates = state.recent.rates(at: clock.now)
            return DeliveryNumbers(
                by: "flash", successRate: rates.success, errorRate: rates.error,
                pending: state.waiting.values.reduce(0) { $0 + $1.count },
                delivered: state.recent.delivered)
        }
    }
}
