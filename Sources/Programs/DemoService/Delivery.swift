// Getting news to its users: pushed over WebSockets (unified) or shown on the next page (legacy).
import Logging

/// How delivery does, as the stats page tells it.
struct DeliveryNumbers: Sendable, Codable, Equatable {
    /// `websocket` or `flash`.
    var by: String
    /// Per cent of the deliveries of the last seconds; 100 when there was none.
    var successRate: Double
    /// Per cent; 0 when there was none.
    var errorRate: Double
    /// News that waits.
    var pending: Int
    /// Deliveries that succeeded since the start.
    var delivered: Int
}

/// Moves news on.
protocol Delivery: Sendable {
    /// Called a few times a second, with the seconds since the last call.
    func beat(seconds: Double) async
    /// A client says that a push arrived, whole or cut short.
    func arrived(_ id: Int64, whole: Bool) async
    func numbers() async -> DeliveryNumbers
}

/// The ends of the deliveries of the last seconds.
struct RecentEnds: Sendable {
    /// Short, so that a fault shows, and its mending too, within a moment.
    static let span = Duration.seconds(5)
    private var ends: [(at: ContinuousClock.Instant, good: Bool)] = []
    private(set) var delivered = 0

    mutating func add(good: Bool, at moment: ContinuousClock.Instant) {
        ends.append((moment, good))
        if good { delivered += 1 }
        forget(before: moment - Self.span)
    }
    private mutating func forget(before moment: ContinuousClock.Instant) {
        let kept = ends.firstIndex { $0.at >= moment } ?? ends.endIndex
        ends.removeSubrange(..<kept)
    }
    mutating func rates(at moment: ContinuousClock.Instant) -> (success: Double, error: Double) {
        forget(before: moment - Self.span)
        guard !ends.isEmpty else { return (100, 0) }
        let good = ends.count { $0.good }
        let success = (Double(good) / Double(ends.count) * 1000).rounded() / 10
        return (success, ((100 - success) * 10).rounded() / 10)
    }
}

/// The unified system: a queue in the database, pushed to whoever is connected, acknowledged.
actor QueueDelivery: Delivery {
    private struct Flight {
        var waiting: Waiting
        var since: ContinuousClock.Instant
    }
    private let storage: Storage
    private let lines: Lines
    private let switches: Switches
    private let flash: FlashBox
    private let settings: UnifiedSettings
    private let log: Logger
    private let clock = ContinuousClock()
    private var desk: NewsDesk
    /// Made, but not in the database yet.
    private var unsaved: [Notice] = []
    private var inFlight: [Int64: Flight] = [:]
    private var ends: [PushEnd] = []
    private var recent = RecentEnds()
    private var waitingCount = 0
    private var cutNext = false
    private var storageFailed = false

    init(
        storage: Storage, lines: Lines, switches: Switches, flash: FlashBox, users: [String],
        settings: UnifiedSettings, emergency: Bool, log: Logger
    ) {
        self.storage = storage
        self.lines = lines
        self.switches = switches
        self.flash = flash
        self.settings = settings
        self.log = log
        desk = NewsDesk(
            users: users, perSecond: settings.perSecond, categories: settings.categories,
            only: emergency ? settings.urgent : nil)
    }

    func beat(seconds: Double) async {
        guard !switches.isBroken(DemoFaults.complete) else { return }
        unsaved += desk.news(seconds: seconds, now: wallClock())
        if unsaved.count > Storage.queueLimit {
            unsaved.removeFirst(unsaved.count - Storage.queueLimit)
        }
        for flight in inFlight.values
        where clock.now - flight.since > .seconds(settings.acknowledgeSeconds) {
            end(flight.waiting, good: false)
        }
        guard let queue = await exchange() else { return }
        waitingCount = queue.count
        for waiting in queue.oldest where inFlight[waiting.id] == nil { push(waiting) }
    }

    /// Saves and fetches; nil while the database does not answer, and nothing is lost.
    private func exchange() async -> Storage.Queue? {
        let (notices, ended) = (unsaved, ends)
        (unsaved, ends) = ([], [])
        do {
            let queue = try await storage.exchange(
                saving: notices, ends: ended, keep: settings.keep, now: wallClock())
            if storageFailed { log.info("the database answers again") }
            storageFailed = false
            return queue
        } catch {
            unsaved = notices + unsaved
            ends = ended + ends
            if !storageFailed { log.error("the database does not answer: \(error)") }
            storageFailed = true
            return nil
        }
    }

    private func push(_ waiting: Waiting) {
        // What has just ended is still in the table as it was.
        guard !ends.contains(where: { $0.id == waiting.id }) else { return }
        let cut = switches.isBroken(DemoFaults.delivery) && cutNext
        guard lines.push(LineText.push(waiting, cut: cut), to: waiting.notice.user) else { return }
        cutNext.toggle()
        inFlight[waiting.id] = Flight(waiting: waiting, since: clock.now)
    }

    func arrived(_ id: Int64, whole: Bool) {
        guard let flight = inFlight[id] else { return }
        end(flight.waiting, good: whole)
    }

    private func end(_ waiting: Waiting, good: Bool) {
        inFlight[waiting.id] = nil
        recent.add(good: good, at: clock.now)
        let outcome: PushEnd.Outcome
        if good {
            outcome = .delivered
        } else if waiting.tries + 1 < settings.tries {
            outcome = .failed
        } else if switches.now.fallbacks.contains(Fallbacks.flash) {
            flash.add(
                Flash(category: waiting.notice.category, text: waiting.notice.title),
                to: waiting.notice.user)
            outcome = .flashed
        } else {
            outcome = .abandoned
        }
        ends.append(PushEnd(id: waiting.id, user: waiting.notice.user, outcome: outcome))
    }

    func numbers() -> DeliveryNumbers {
        let rates = recent.rates(at: clock.now)
        return DeliveryNumbers(
            by: "websocket", successRate: rates.success, errorRate: rates.error,
            pending: waitingCount + unsaved.count, delivered: recent.delivered)
    }
}

/// The legacy system: news waits as a flash message for its user's next page.
actor FlashDelivery: Delivery {
    private let lines: Lines
    private let flash: FlashBox
    private var desk: NewsDesk

    init(lines: Lines, flash: FlashBox, users: [String], perSecond: Double) {
        self.lines = lines
        self.flash = flash
        desk = NewsDesk(
            users: users, perSecond: perSecond,
            categories: Notice.categories.map { ($0.name, $0.weight) })
    }

    func beat(seconds: Double) {
        for notice in desk.news(seconds: seconds, now: wallClock()) {
            flash.add(Flash(category: notice.category, text: notice.title), to: notice.user)
            lines.push(LineText.reload, to: notice.user)
        }
    }

    func arrived(_ id: Int64, whole: Bool) {}

    func numbers() -> DeliveryNumbers { flash.numbers() }
}
