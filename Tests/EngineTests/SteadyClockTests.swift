// The engine's clock: drift, steps, sleep, and a process that was stopped.
import Domain
import Synchronization
import TestKit
import Testing

@testable import Engine

/// Clocks that a test turns; each moves only when it is told to.
private final class Clocks: Sendable {
    struct State {
        var wall = Timestamp(milliseconds: 1_767_621_600_000)
        var boot = 5_000.0
        var running = 4_000.0
        /// Added to CLOCK_BOOTTIME with every look at the wall clock: the process was held up.
        var holdUp = 0.0
    }
    let state = Mutex(State())
    /// Time passes: everything moves on together.
    func pass(_ seconds: Double) {
        state.withLock {
            $0.wall = $0.wall + .seconds(seconds)
            $0.boot += seconds
            $0.running += seconds
        }
    }
    /// The machine sleeps.
    func sleep(_ seconds: Double) {
        state.withLock {
            $0.wall = $0.wall + .seconds(seconds)
            $0.boot += seconds
        }
    }
    /// Somebody sets the wall clock.
    func set(by seconds: Double) { state.withLock { $0.wall = $0.wall + .seconds(seconds) } }
    var wall: Timestamp { state.withLock { $0.wall } }
    var system: SystemClocks {
        SystemClocks(
            wall: {
                self.state.withLock { state in
                    state.boot += state.holdUp
                    return state.wall
                }
            }, boot: { self.state.withLock { $0.boot } },
            running: { self.state.withLock { $0.running } })
    }
}

@Suite struct SteadyClockTests {
    private let clocks = Clocks()

    @Test func `it goes with the wall clock and has nothing to tell`() {
        let clock = SteadyClock(clocks.system)
        for _ in 1...100 {
            clocks.pass(1)
            #expect(clock.check() == nil)
            #expect(clock.now == clocks.wall)
        }
    }

    @Test(arguments: [3_600.0, -3_600, 2.5, -2.5])
    func `a wall clock that is set is a step, once`(_ seconds: Double) {
        let clock = SteadyClock(clocks.system)
        clocks.pass(1)
        clocks.set(by: seconds)
        let before = clocks.wall - .seconds(seconds)
        // Until somebody looks, nothing has happened.
        #expect(clock.now == before)
        #expect(clock.check() == .stepped(by: seconds))
        #expect(clock.now == clocks.wall)
        clocks.pass(1)
        #expect(clock.check() == nil)
        #expect(clock.now == clocks.wall)
    }

    @Test(arguments: [1.9, -1.9, 0.3, -0.3])
    func `a small difference is made up for without going back`(_ seconds: Double) {
        let clock = SteadyClock(clocks.system)
        clocks.set(by: seconds)
        var last = clock.now
        for _ in 1...25 {
            #expect(clock.check() == nil)
            #expect(clock.now >= last)
            for _ in 1...10 {
                clocks.pass(0.1)
                #expect(clock.now > last)
                last = clock.now
            }
        }
        #expect(abs((clocks.wall - clock.now).seconds) <= SteadyClock.smallestDrift)
    }

    @Test func `many small steps are followed, and time still goes forward`() {
        let clock = SteadyClock(clocks.system)
        var random = SeededRandom(seed: 7)
        var last = clock.now
        for _ in 1...2_000 {
            clocks.set(by: Double.random(in: -0.04...0.04, using: &random))
            clocks.pass(Double.random(in: 0.001...1.5, using: &random))
            #expect(clock.check() == nil)
            #expect(clock.now >= last)
            last = clock.now
        }
        #expect(abs((clocks.wall - clock.now).seconds) < 1)
    }

    @Test func `a machine that slept leaves a gap, and time has gone on`() {
        let clock = SteadyClock(clocks.system)
        clocks.pass(1)
        #expect(clock.check() == nil)
        let from = clock.now
        clocks.sleep(8 * 3600)
        #expect(clock.check() == .gap(from: from, why: "the machine slept for 8 h 0 min"))
        #expect(clock.now == clocks.wall)
        #expect(clock.check() == nil)
    }

    @Test func `a short nap is no gap`() {
        let clock = SteadyClock(clocks.system)
        clocks.sleep(20)
        #expect(clock.check() == nil)
        #expect(clock.now == clocks.wall)
    }

    @Test func `an engine that was stopped leaves a gap`() {
        let clock = SteadyClock(clocks.system)
        let from = clock.now
        clocks.pass(95)
        let why = "the engine was stopped, or got no time on the processor, for 95 s"
        #expect(clock.check() == .gap(from: from, why: why))
        #expect(clock.check() == nil)
    }

    @Test func `a clock that was set while the machine slept is told next`() {
        let clock = SteadyClock(clocks.system)
        let from = clock.now
        clocks.sleep(600)
        clocks.set(by: 60)
        #expect(clock.check() == .gap(from: from, why: "the machine slept for 10 min"))
        clocks.pass(1)
        #expect(clock.check() == .stepped(by: 60))
        clocks.pass(1)
        #expect(clock.check() == nil)
    }

    @Test func `being held up between two clocks is no step`() {
        let clock = SteadyClock(clocks.system)
        clocks.state.withLock { $0.holdUp = 9 }
        #expect(clock.check() == nil)
    }

    @Test func `the system's own clocks agree`() {
        let clock = SteadyClock()
        let first = clock.now
        #expect(clock.check() == nil)
        #expect(clock.now >= first)
    }

    @Test(arguments: [
        (0.0, "0 s"), (119.9, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h 0 min"),
        (90_000, "25 h 0 min"), (190_000, "2 d 4 h"), (-5, "0 s"), (.infinity, "11574074 d 1 h"),
    ])
    func `lengths of time are told in words`(_ seconds: Double, _ words: String) {
        #expect(inWords(seconds) == words)
    }
}
