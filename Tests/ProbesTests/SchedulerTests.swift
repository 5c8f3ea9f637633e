// When checks are started: the plan on a clock of the test's own, and the real scheduler with threads.
import Domain
import Synchronization
import TestKit
import Testing

@testable import Probes

private func reference(_ number: Int) -> ProbeReference {
    ProbeReference(component: "c", probe: "p\(number)")
}
private func probes(
    _ count: Int, every: Double, check: Check = .memory
) -> [Probe] {
    (0..<count).map {
        Probe(
            reference: reference($0), check: check,
            schedule: ProbeSchedule(every: .seconds(every)))
    }
}

/// Plays a plan on a clock of its own, in steps of a millisecond.
private struct Player {
    var plan: SchedulePlan
    var now: Int64 = 1_000_000_000
    private let beginning: Int64 = 1_000_000_000
    /// How long each check takes, in milliseconds.
    var takes: (Int) -> Int64 = { _ in 0 }
    var starts: [(index: Int, at: Double)] = []
    private var ends: [(at: Int64, index: Int)] = []
    var mostAtOnce = 0

    init(_ probes: [Probe], programsAtOnce: Int = 32) {
        plan = SchedulePlan(probes, programsAtOnce: programsAtOnce)
        _ = plan.begin(Moment(nanoseconds: now))
    }
    /// Seconds since the beginning.
    var seconds: Double { Double(now - beginning) / 1e9 }
    mutating func play(until end: Double) {
        while seconds < end {
            for over in ends where over.at <= now {
                _ = plan.finish(over.index, Moment(nanoseconds: now))
            }
            ends.removeAll { $0.at <= now }
            while let start = plan.next(Moment(nanoseconds: now)) {
                starts.append((start.index, seconds))
                ends.append((now + takes(start.index) * 1_000_000, start.index))
                if takes(start.index) == 0 {
                    _ = plan.finish(start.index, Moment(nanoseconds: now))
                    ends.removeLast()
                }
                mostAtOnce = max(mostAtOnce, ends.count)
            }
            now += 1_000_000
        }
    }
    /// The machine sleeps, and wakes later.
    mutating func suspend(_ seconds: Double) { now += Int64(seconds * 1e9) }
    func times(_ index: Int) -> [Double] { starts.filter { $0.index == index }.map(\.at) }
    var moment: Moment { Moment(nanoseconds: now) }
}

@Suite struct SchedulePlanTests {
    @Test
    func `ten thousand probes start within two seconds, evenly, and then over their interval`() {
        var player = Player(probes(10_000, every: 10))
        player.play(until: 2.002)
        #expect(Set(player.starts.map(\.index)).count == 10_000)
        // Whole numbers: seconds in halves and tenths would fall on either side of a border.
        func milliseconds(_ start: (index: Int, at: Double)) -> Int {
            Int((start.at * 1000).rounded())
        }
        for tenth in 0..<20 {
            let count = player.starts.count { milliseconds($0) / 100 == tenth }
            // 500 first checks, and up to a hundred that have a round of theirs in this tenth.
            #expect((500...650).contains(count))
        }
        player.play(until: 22)
        let later = player.starts.filter { (10_000..<20_000).contains(milliseconds($0)) }
        #expect(later.count == 10_000)
        for tenth in 100..<200 {
            #expect((95...105).contains(later.count { milliseconds($0) / 100 == tenth }))
        }
    }
    @Test func `a short interval is not waited longer for than itself`() {
        var player = Player(probes(50, every: 0.5))
        player.play(until: 0.5)
        #expect(Set(player.starts.map(\.index)).count == 50)
    }
    @Test func `rounds do not drift, however long a check takes`() {
        var player = Player(probes(3, every: 1))
        player.takes = { _ in 317 }
        player.play(until: 1000)
        for index in 0..<3 {
            let times = player.times(index).dropFirst()
            let phase = times.first ?? 0
            for (round, time) in times.enumerated() {
                #expect(abs(time - phase - Double(round)) < 0.0015)
            }
            #expect(times.count >= 998)
        }
    }
    @Test func `a check that takes longer than a round is not doubled, and rounds are left out`() {
        var player = Player(probes(1, every: 1))
        player.takes = { _ in 2500 }
        player.play(until: 31)
        let times = player.times(0)
        #expect(times.count == 11)
        #expect(player.mostAtOnce == 1)
        for (one, next) in zip(times.dropFirst(), times.dropFirst(2)) {
            #expect(abs(next - one - 3) < 0.0015)
        }
    }
    @Test func `rounds that were slept through are left out`() {
        var player = Player(probes(100, every: 1))
        player.play(until: 5)
        let before = player.starts.count
        player.suspend(3600)
        player.play(until: player.seconds + 1)
        let after = player.starts.count - before
        // Each once for what was missed, and once for the second that passed.
        #expect((100...201).contains(after))
        player.play(until: player.seconds + 10)
        #expect((990...1010).contains(player.starts.count - before - after))
    }
    @Test func `one slow probe delays no other`() {
        var player = Player(probes(10, every: 1))
        player.takes = { $0 == 0 ? 1_000_000 : 1 }
        player.play(until: 100)
        #expect(player.times(0).count == 1)
        for index in 1..<10 { #expect(player.times(index).count >= 99) }
    }
    @Test func `a failing probe is checked after a tenth of its interval`() {
        var player = Player(probes(1, every: 10))
        player.play(until: 12)
        let before = player.starts.count
        let changed = player.plan.setFailing(reference(0), false, player.moment)
        #expect(!changed)
        _ = player.plan.setFailing(reference(0), true, player.moment)
        player.play(until: 17)
        let times = player.times(0).dropFirst(before)
        #expect(times.count == 5)
        for (one, next) in zip(times, times.dropFirst()) { #expect(abs(next - one - 1) < 0.0015) }
        _ = player.plan.setFailing(reference(0), false, player.moment)
        player.play(until: 41)
        #expect(player.times(0).dropFirst(before + 5) == [20, 30, 40])
    }
    @Test
    func `a failing probe is never checked more often than every 100 ms, nor less than before`() {
        for (every, count) in [(0.5, 50), (0.05, 100)] {
            var player = Player(probes(1, every: every))
            player.play(until: 1)
            _ = player.plan.setFailing(reference(0), true, player.moment)
            let before = player.starts.count
            player.play(until: 6)
            #expect(abs(player.starts.count - before - count) <= 1)
        }
    }
    @Test func `a probe is checked at once when asked for, and again after the check that runs`() {
        var player = Player(probes(2, every: 100))
        player.play(until: 3)
        let before = player.starts.count
        for _ in 0..<2 {
            let isKnown = player.plan.checkNow(reference(1), player.moment)
            #expect(isKnown)
        }
        player.takes = { _ in 500 }
        player.play(until: 3.1)
        #expect(player.starts.dropFirst(before).map(\.index) == [1])
        _ = player.plan.checkNow(reference(1), player.moment)
        _ = player.plan.checkNow(reference(1), player.moment)
        player.play(until: 10)
        #expect(player.starts.dropFirst(before).map(\.index) == [1, 1])
        #expect(player.mostAtOnce == 1)
        let isKnown = player.plan.checkNow(reference(9), player.moment)
        #expect(!isKnown)
    }
    @Test func `programs wait their turn, in order, and others do not wait for them`() {
        let programs = probes(100, every: 100, check: .nagios(run: ["x"]))
        let others = (100..<110).map {
            Probe(
                reference: reference($0), check: .memory,
                schedule: ProbeSchedule(every: .seconds(1)))
        }
        var player = Player(programs + others, programsAtOnce: 4)
        player.takes = { $0 < 100 ? 500 : 0 }
        player.play(until: 2.5)
        #expect(player.mostAtOnce == 4)
        #expect((16...20).contains(player.starts.count { $0.index < 100 }))
        #expect(player.starts.count { $0.index >= 100 } >= 20)
        player.play(until: 14)
        #expect(Set(player.starts.map(\.index)).count == 110)
        #expect(player.mostAtOnce == 4)
    }
    @Test func `after the stop nothing is due`() {
        var player = Player(probes(10, every: 1))
        player.play(until: 1)
        let before = player.starts.count
        _ = player.plan.stop()
        player.play(until: 10)
        #expect(player.starts.count == before)
        let wake = player.plan.sleep()
        #expect(wake == nil)
    }
}

/// Answers as it is told.
private struct StubChecker: Checker {
    let answer: @Sendable (Probe) async -> CheckResult.Answer
    func check(_ probe: Probe) async -> CheckResult {
        CheckResult(answer: await answer(probe), latency: 0, message: "")
    }
}
private final class Samples: Sendable {
    private let samples = Mutex<[ProbeSample]>([])
    func add(_ sample: ProbeSample) { samples.withLock { $0.append(sample) } }
    func count(_ index: Int) -> Int { samples.withLock { $0.count { $0.index == index } } }
    var count: Int { samples.withLock { $0.count } }
    var all: [ProbeSample] { samples.withLock { $0 } }
}

@Suite(.timeLimit(.minutes(5))) struct ProbeSchedulerTests {
    @Test func `every probe is checked, over and over, while one hangs`() async throws {
        let samples = Samples()
        let scheduler = ProbeScheduler(
            probes: probes(20, every: 0.05),
            checker: StubChecker { probe in
                if probe.reference == reference(0) { try? await Task.sleep(for: .seconds(3600)) }
                return .good
            }, onResult: { samples.add($0) })
        #expect(scheduler.start())
        try await eventually("each was checked three times") {
            (1..<20).allSatisfy { samples.count($0) >= 3 }
        }
        #expect(samples.count(0) == 0)
        scheduler.stop()
        let sample = try #require(samples.all.first)
        #expect(sample.probe == reference(sample.index))
        #expect(sample.lateness >= .zero)
    }
    @Test func `checks of one probe never overlap, nor do their results`() async throws {
        let running = Atomic<Int>(0)
        let overlaps = Atomic<Int>(0)
        let samples = Samples()
        let scheduler = ProbeScheduler(
            probes: probes(1, every: 0.001),
            checker: StubChecker { _ in
                if running.add(1, ordering: .relaxed).newValue > 1 {
                    overlaps.add(1, ordering: .relaxed)
                }
                try? await Task.sleep(for: .milliseconds(3))
                return .bad
            },
            onResult: { sample in
                running.subtract(1, ordering: .relaxed)
                samples.add(sample)
            })
        scheduler.start()
        scheduler.setFailing(reference(0), true)
        for _ in 0..<50 {
            scheduler.checkNow(reference(0))
            try await Task.sleep(for: .milliseconds(1))
        }
        try await eventually("many checks were made") { samples.count > 30 }
        scheduler.stop()
        #expect(overlaps.load(ordering: .relaxed) == 0)
    }
    @Test func `a probe is checked when it is asked for`() async throws {
        let samples = Samples()
        let scheduler = ProbeScheduler(
            probes: probes(2, every: 3600), checker: StubChecker { _ in .good },
            onResult: { samples.add($0) })
        scheduler.start()
        scheduler.start()
        try await eventually("the first checks are made") { samples.count == 2 }
        for number in 2...6 {
            #expect(scheduler.checkNow(reference(1)))
            try await eventually("it was checked once more") { samples.count(1) == number }
        }
        #expect(samples.count(0) == 1)
        #expect(!scheduler.checkNow(reference(7)))
        scheduler.setFailing(reference(0), true)
        scheduler.stop()
    }
    @Test func `the stop ends what runs and tells nothing more`() async throws {
        let started = Atomic<Int>(0)
        let ended = Atomic<Int>(0)
        let samples = Samples()
        let scheduler = ProbeScheduler(
            probes: probes(5, every: 0.1),
            checker: StubChecker { _ in
                started.add(1, ordering: .relaxed)
                try? await Task.sleep(for: .seconds(3600))
                ended.add(1, ordering: .relaxed)
                return .good
            }, onResult: { samples.add($0) })
        scheduler.start()
        try await eventually("all run") { started.load(ordering: .relaxed) == 5 }
        scheduler.stop()
        try await eventually("all are over") { ended.load(ordering: .relaxed) == 5 }
        #expect(samples.count == 0)
    }
    @Test func `real checks come on time through the real checker`() async throws {
        let server = try ScriptedServer.http { _ in ScriptedServer.answer("ok") }
        let samples = Samples()
        let all = (0..<100).map {
            Probe(
                reference: reference($0), check: http(server.port),
                schedule: ProbeSchedule(every: .seconds(0.2)))
        }
        let scheduler = ProbeScheduler(
            probes: all, checker: ProbeChecker(folder: "/", secrets: TestSecrets()),
            onResult: { samples.add($0) })
        scheduler.start()
        try await eventually("each was checked twice") {
            (0..<100).allSatisfy { samples.count($0) >= 2 }
        }
        scheduler.stop()
        #expect(samples.all.allSatisfy { $0.result.answer == .good })
    }
}
