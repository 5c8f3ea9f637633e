// Hard and soft state of a probe: how many answers in a row make a state of an answer.
//
//   state now           answers in a row                                   state then
//   unknown, no answer  good, the very first answer                        healthy
//   any                 good, up_after times                               healthy
//   any                 bad, down_after times                              failed
//   any                 degraded, down_after times                         degraded
//   any                 unknown, down_after times                          unknown
//   healthy, unknown    bad or degraded mixed, down_after times            degraded
//   healthy             not good, of any mixture, down_after times         unknown
//
// The last two keep a probe that answers badly in changing ways from passing as healthy for ever.
package import Domain

package struct ProbeTracker: Sendable, Equatable {
    /// The hard state: what counts for components and triggers.
    package private(set) var state: Health
    /// When the state was taken; nil before the first change.
    package private(set) var since: Timestamp?
    /// Answers in a row, not good, that speak against the state but have not changed it yet.
    package private(set) var failing = 0

    private var answered: Bool
    // How many of the latest answers, in a row, were of the kind.
    private var good = 0
    private var bad = 0
    private var degraded = 0
    private var unknown = 0
    private var badOrDegraded = 0
    private var notGood = 0

    /// A probe that was never checked; or, with a state, one whose state the journal remembers.
    package init(state: Health = .unknown, since: Timestamp? = nil) {
        self.state = state
        self.since = since
        answered = since != nil
    }

    /// Whether the latest answer agrees with the state. While it does not, the probe is checked more
    /// often (soft state), on its way down as on its way up.
    package var isSettled: Bool {
        switch state {
        case .healthy: notGood == 0
        case .failed: bad > 0 || isUnheard
        case .degraded: degraded > 0 || isUnheard
        case .unknown: unknown > 0 || isUnheard
        }
    }
    private var isUnheard: Bool { good == 0 && notGood == 0 }

    /// Counts one answer.
    /// - Returns: the new hard state, when it changes.
    package mutating func take(
        _ answer: CheckResult.Answer, schedule: ProbeSchedule, at moment: Timestamp
    ) -> Health? {
        count(answer)
        let isFirst = !answered
        answered = true
        let then = verdict(answer, schedule, isFirst: isFirst)
        guard then != state else {
            failing = answer == .good || health(answer) == state ? 0 : failing + 1
            return nil
        }
        state = then
        since = moment
        failing = 0
        return then
    }

    private mutating func count(_ answer: CheckResult.Answer) {
        // A probe may stay in one state for years; what counts is only whether a limit is reached.
        func next(_ run: Int, _ goesOn: Bool) -> Int { goesOn ? min(run, Int.max - 1) + 1 : 0 }
        good = next(good, answer == .good)
        bad = next(bad, answer == .bad)
        degraded = next(degraded, answer == .degraded)
        unknown = next(unknown, answer == .unknown)
        badOrDegraded = next(badOrDegraded, answer == .bad || answer == .degraded)
        notGood = next(notGood, answer != .good)
    }

    private func verdict(
        _ answer: CheckResult.Answer, _ schedule: ProbeSchedule, isFirst: Bool
    ) -> Health {
        if answer == .good { return isFirst || good >= schedule.upAfter ? .healthy : state }
        let limit = schedule.downAfter
        if bad >= limit { return .failed }
        if degraded >= limit { return .degraded }
        if unknown >= limit { return .unknown }
        if badOrDegraded >= limit && (state == .healthy || state == .unknown) { return .degraded }
        if notGood >= limit && state == .healthy { return .unknown }
        return state
    }

    private func health(_ answer: CheckResult.Answer) -> Health {
        switch answer {
        case .good: .healthy
        case .degraded: .degraded
        case .bad: .failed
        case .unknown: .unknown
        }
    }
}
