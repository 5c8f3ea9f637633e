// When each probe is due: the scheduler's arithmetic, without a thread or a clock.
import Domain
import HeapModule

struct SchedulePlan: Sendable {
    /// A check to start.
    struct Start: Sendable {
        var index: Int
        var probe: Probe
        var due: Moment
    }
    private struct Entry: Sendable {
        let probe: Probe
        /// Nanoseconds from one round to the next, and from the start to the first round.
        let every: Int64
        let phase: Int64
        let startsPrograms: Bool
        var due = Moment(nanoseconds: 0)
        /// Counts the times it was put into the heap: older places there are void.
        var token = 0
        var lastStart: Moment?
        var isRunning = false
        /// Due, but too many programs run.
        var isQueued = false
        var isFailing = false
        /// To be checked again as soon as it has finished.
        var again = false
        var task: Task<Void, Never>?
    }
    private struct Due: Comparable, Sendable {
        var moment: Moment
        var index: Int
        var token: Int
        static func < (left: Due, right: Due) -> Bool { left.moment < right.moment }
    }

    private var entries: [Entry]
    private let places: [ProbeReference: Int]
    private var heap = Heap<Due>()
    private var startedAt: Moment?
    private(set) var isStopped = false
    private let programsAtOnce: Int
    private var programs = 0
    private var queue: [Int] = []
    /// When the thread wakes by itself.
    private var wakeAt = Moment(nanoseconds: .max)

    init(_ probes: [Probe], programsAtOnce: Int) {
        self.programsAtOnce = programsAtOnce
        places = Dictionary(
            probes.enumerated().map { ($1.reference, $0) }, uniquingKeysWith: { first, _ in first })
        entries = probes.enumerated().map { index, probe in
            let every = max(0.001, min(probe.schedule.every.seconds, 1e8))
            let startsPrograms =
                switch probe.check {
                case .nagios, .systemd: true
                case .http, .tcp, .websocket, .process, .sql, .redis, .disk, .memory, .cpu,
                    .prometheus:
                    false
                }
            let nanoseconds = Int64(every * 1e9)
            return Entry(
                probe: probe, every: nanoseconds, phase: Self.place(index, within: nanoseconds),
                startsPrograms: startsPrograms)
        }
    }

    /// Nanoseconds from the beginning of a time to the moment in it that is a probe's own.
    ///
    /// Multiples of the golden ratio, without their whole part, are spread evenly however many there
    /// are and whichever of them share an interval. The moments lie on a grid, so that a few checks
    /// start together: waking a thread for each would cost more than the checks.
    private static func place(_ index: Int, within time: Int64) -> Int64 {
        let share = (Double(index) * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1)
        let grid = max(1, min(100_000_000, time / 20))
        return Int64(Double(time) * share) / grid * grid
    }

    /// - Returns: false when it has begun before.
    mutating func begin(_ now: Moment) -> Bool {
        guard startedAt == nil else { return false }
        startedAt = now
        for index in entries.indices {
            let within = min(
                entries[index].every, Int64(ProbeScheduler.firstWithin.seconds * 1e9))
            let place = Self.place(index, within: within)
            schedule(index, Moment(nanoseconds: now.nanoseconds + place))
        }
        return true
    }

    /// The next check that is due, marked as running; nil when none is.
    mutating func next(_ now: Moment) -> Start? {
        guard !isStopped else { return nil }
        if programs < programsAtOnce, !queue.isEmpty { return start(queue.removeFirst(), now) }
        while let first = heap.min, first.moment <= now {
            heap.removeMin()
            let entry = entries[first.index]
            guard first.token == entry.token, !entry.isRunning, !entry.isQueued else { continue }
            if entry.startsPrograms && programs >= programsAtOnce {
                entries[first.index].isQueued = true
                queue.append(first.index)
            } else {
                return start(first.index, now)
            }
        }
        return nil
    }

    private mutating func start(_ index: Int, _ now: Moment) -> Start {
        entries[index].isQueued = false
        entries[index].isRunning = true
        entries[index].again = false
        entries[index].lastStart = now
        if entries[index].startsPrograms { programs += 1 }
        return Start(index: index, probe: entries[index].probe, due: entries[index].due)
    }
    mutating func remember(_ task: Task<Void, Never>, _ index: Int) { entries[index].task = task }

    /// - Returns: until when there is nothing to do; nil when there will never be anything.
    mutating func sleep() -> Moment? {
        wakeAt = heap.min?.moment ?? Moment(nanoseconds: .max)
        return isStopped ? nil : wakeAt
    }

    /// A check is over and its result taken in.
    /// - Returns: whether the thread must be woken.
    mutating func finish(_ index: Int, _ now: Moment) -> Bool {
        entries[index].isRunning = false
        entries[index].task = nil
        if entries[index].startsPrograms { programs -= 1 }
        schedule(index, entries[index].again ? now : regularDue(index, now))
        return entries[index].due < wakeAt || !queue.isEmpty
    }

    /// - Returns: false when there is no such probe.
    mutating func checkNow(_ probe: ProbeReference, _ now: Moment) -> Bool {
        guard let index = places[probe] else { return false }
        if entries[index].isRunning {
            entries[index].again = true
        } else if !entries[index].isQueued {
            schedule(index, now)
        }
        return true
    }

    /// - Returns: whether the thread must be woken.
    mutating func setFailing(_ probe: ProbeReference, _ failing: Bool, _ now: Moment) -> Bool {
        guard let index = places[probe], entries[index].isFailing != failing else { return false }
        entries[index].isFailing = failing
        // One that has not been checked yet is due soon anyway.
        guard !entries[index].isRunning, !entries[index].isQueued, entries[index].lastStart != nil
        else { return false }
        schedule(index, regularDue(index, now))
        return entries[index].due < wakeAt
    }

    mutating func stop() -> [Task<Void, Never>] {
        isStopped = true
        return entries.compactMap(\.task)
    }

    /// The next round; or, of a failing probe, a short pause after its last start.
    private func regularDue(_ index: Int, _ now: Moment) -> Moment {
        let entry = entries[index]
        guard let startedAt else { return now }
        let first = startedAt.nanoseconds + entry.phase
        let rounds = now.nanoseconds < first ? 0 : (now.nanoseconds - first) / entry.every + 1
        let round = Moment(nanoseconds: first + rounds * entry.every)
        guard entry.isFailing, let lastStart = entry.lastStart else { return round }
        let pause = max(entry.every / 10, Int64(ProbeScheduler.shortestPause.seconds * 1e9))
        let soon = Moment(nanoseconds: lastStart.nanoseconds + pause)
        return min(round, max(now, soon))
    }

    private mutating func schedule(_ index: Int, _ due: Moment) {
        entries[index].due = due
        entries[index].token += 1
        heap.insert(Due(moment: due, index: index, token: entries[index].token))
    }
}
