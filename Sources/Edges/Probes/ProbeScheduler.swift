// Starts every probe's checks when they are due: one thread, one heap of due times.
import CEvents
package import Domain
import Glibc
import Synchronization
import Transfers

/// What one check of one probe brought.
package struct ProbeSample: Sendable {
    /// The place of the probe in the list that the scheduler was made with.
    package var index: Int
    package var probe: ProbeReference
    package var result: CheckResult
    package var startedAt: Moment
    /// How long after its due time the check was started.
    package var lateness: Span
}

/// Checks each probe every `every`, at moments that never drift, never twice at the same time. A slow
/// check delays no other. Rounds that were missed (a slow check, a machine asleep) are left out.
package final class ProbeScheduler: Sendable {
    /// Checks that start programs: no more than this many run at once, the others wait their turn.
    package static let programsAtOnce = 32
    /// Even a failing probe is not checked more often.
    package static let shortestPause = Span(seconds: 0.1)
    /// Every probe is checked for the first time within this time, or its own interval if shorter.
    package static let firstWithin = Span(seconds: 2)

    private let checker: any Checker
    private let onResult: @Sendable (ProbeSample) -> Void
    private let plan: Mutex<SchedulePlan>
    private let bell = Bell()

    /// - Parameter onResult: called from any thread, for one probe never twice at the same time.
    package init(
        probes: [Probe], checker: any Checker,
        onResult: @escaping @Sendable (ProbeSample) -> Void
    ) {
        self.checker = checker
        self.onResult = onResult
        plan = Mutex(SchedulePlan(probes, programsAtOnce: Self.programsAtOnce))
    }

    /// Starts the checks. A scheduler is started once; nothing happens the second time.
    /// - Returns: false when the system has no thread for it.
    @discardableResult package func start() -> Bool {
        let isFirst = plan.withLock { $0.begin(.now) }
        return !isFirst || OwnThread.start("probe-schedule") { self.run() }
    }

    /// Starts no further check and ends those that run; their results are not told.
    package func stop() {
        let running = plan.withLock { $0.stop() }
        bell.ring()
        for task in running { task.cancel() }
    }

    /// Checks a probe as soon as can be: now, or right after the check that is running.
    /// - Returns: false when there is no such probe.
    @discardableResult package func checkNow(_ probe: ProbeReference) -> Bool {
        let known = plan.withLock { $0.checkNow(probe, .now) }
        bell.ring()
        return known
    }

    /// While a probe's answers do not agree with its state, it is checked after a tenth of `every`.
    package func setFailing(_ probe: ProbeReference, _ failing: Bool) {
        if plan.withLock({ $0.setFailing(probe, failing, .now) }) { bell.ring() }
    }

    private func run() {
        while true {
            let wake = plan.withLock { plan -> Moment? in
                while let start = plan.next(.now) { plan.remember(task(start), start.index) }
                return plan.sleep()
            }
            guard let wake else { return }
            bell.wait(until: wake)
        }
    }

    private func task(_ start: SchedulePlan.Start) -> Task<Void, Never> {
        Task {
            let startedAt = Moment.now
            let result = await checker.check(start.probe)
            // The probe counts as running until its result is taken in, so that results keep their order.
            if !plan.withLock({ $0.isStopped }) {
                onResult(
                    ProbeSample(
                        index: start.index, probe: start.probe.reference, result: result,
                        startedAt: startedAt, lateness: startedAt - start.due))
            }
            if plan.withLock({ $0.finish(start.index, .now) }) { bell.ring() }
        }
    }
}

/// Wakes a thread that sleeps until a moment. No change of the calendar's clock moves that moment.
private final class Bell: Sendable {
    private let descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    deinit { if descriptor >= 0 { close(descriptor) } }

    func ring() { eventfd_write(descriptor, 1) }
    func wait(until moment: Moment) {
        // Without a descriptor nobody can ring: look often.
        let longest = descriptor >= 0 ? 3600.0 : 0.05
        let left = max(0, min(longest, moment.fromNow.seconds))
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&polled, 1, Int32((left * 1000).rounded(.up)))
        var count: eventfd_t = 0
        eventfd_read(descriptor, &count)
    }
}
