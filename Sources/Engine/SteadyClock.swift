// The engine's clock: wall time that goes on while the machine sleeps, and that nobody turns unnoticed.
import Domain
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What a look at the clocks can bring to light.
enum ClockEvent: Sendable, Equatable {
    /// The wall clock was set forward (or, negative, back) by so many seconds.
    case stepped(by: Double)
    /// Nothing was done from then until now; the sentence says why.
    case gap(from: Timestamp, why: String)
}

/// The system's clocks; tests hand in their own.
struct SystemClocks: Sendable {
    /// CLOCK_REALTIME: what the administrator and NTP say.
    var wall: @Sendable () -> Timestamp = { EngineProgram.wallClock() }
    /// CLOCK_BOOTTIME in seconds: goes on while the machine sleeps, and cannot be set.
    var boot: @Sendable () -> Double = { seconds(of: CLOCK_BOOTTIME) }
    /// CLOCK_MONOTONIC in seconds: stands still while the machine sleeps.
    var running: @Sendable () -> Double = { seconds(of: CLOCK_MONOTONIC) }

    private static func seconds(of clock: Int32) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Wall time that is read once and then carried on by CLOCK_BOOTTIME (clock_gettime(2)).
///
/// Between two steps it never goes back. It follows the wall clock: small differences are made up for
/// slowly, a large one is a step that `check()` tells of, at which `now` moves with it.
final class SteadyClock: Sendable {
    /// A difference that is larger than this, in seconds, is a step and not a drift.
    static let largestDrift = 2.0
    /// The wall clock is read in milliseconds, so a difference below this, in seconds, says nothing.
    static let smallestDrift = 0.002
    /// How fast a drift is made up for, in seconds each second: below one, so that time goes forward.
    static let slewing = 0.1
    /// A pause between two checks that is longer than this, in seconds, is a gap.
    static let longestPause = 30.0
    /// The clocks are read one after the other; if that took longer than this, in seconds, their
    /// difference says nothing (the process may have been stopped between two of them).
    static let longestLook = 0.25

    private struct State {
        /// The wall time, and what CLOCK_BOOTTIME said then.
        var anchor: Timestamp
        var anchorBoot: Double
        /// Seconds of drift at the anchor that are still to be made up for.
        var drift = 0.0
        var checkedBoot: Double
        var checkedRunning: Double

        func now(at boot: Double) -> Timestamp {
            let passed = max(0, boot - anchorBoot)
            let most = passed * SteadyClock.slewing
            return anchor + .seconds(passed + min(max(drift, -most), most))
        }
        mutating func reanchor(to wall: Timestamp, at boot: Double, drift: Double = 0) {
            anchor = wall
            anchorBoot = boot
            self.drift = drift
        }
    }
    private let clocks: SystemClocks
    private let state: Mutex<State>

    init(_ clocks: SystemClocks = SystemClocks()) {
        self.clocks = clocks
        let boot = clocks.boot()
        state = Mutex(
            State(
                anchor: clocks.wall(), anchorBoot: boot, checkedBoot: boot,
                checkedRunning: clocks.running()))
    }

    var now: Timestamp { state.withLock { $0.now(at: clocks.boot()) } }

    /// Compares the clocks; to be called about once a second.
    /// - Returns: what happened since the last call. When both happened, the gap comes first and the step
    ///   with the next call. A virtual machine that was frozen from outside sees only a step.
    func check() -> ClockEvent? {
        state.withLock { state in
            let boot = clocks.boot()
            let wall = clocks.wall()
            let running = clocks.running()
            let look = clocks.boot() - boot
            let paused = boot - state.checkedBoot
            let asleep = paused - (running - state.checkedRunning)
            let from = state.now(at: state.checkedBoot)
            state.checkedBoot = boot
            state.checkedRunning = running
            if asleep > Self.longestPause {
                return .gap(from: from, why: "the machine slept for \(inWords(asleep))")
            }
            if paused > Self.longestPause {
                return .gap(
                    from: from,
                    why: "the engine was stopped, or got no time on the processor, for "
                        + inWords(paused))
            }
            guard look < Self.longestLook else { return nil }
            return follow(wall, at: boot, &state)
        }
    }

    private func follow(_ wall: Timestamp, at boot: Double, _ state: inout State) -> ClockEvent? {
        let now = state.now(at: boot)
        let difference = (wall - now).seconds
        if abs(difference) > Self.largestDrift {
            state.reanchor(to: wall, at: boot)
            return .stepped(by: difference)
        }
        // Anchored anew where it stands: nothing that was told is taken back.
        if abs(difference) > Self.smallestDrift || state.drift != 0 {
            state.reanchor(to: now, at: boot, drift: difference)
        }
        return nil
    }
}

/// `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
func inWords(_ seconds: Double) -> String {
    let whole = Int(min(max(0, seconds), 1e12))
    switch whole {
    case ..<120: return "\(whole) s"
    case ..<7_200: return "\(whole / 60) min"
    case ..<172_800: return "\(whole / 3600) h \(whole % 3600 / 60) min"
    default: return "\(whole / 86_400) d \(whole % 86_400 / 3600) h"
    }
}
