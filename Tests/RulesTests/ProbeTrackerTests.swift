// Hard and soft state, as strings: g good, b bad, d degraded, u unknown → H healthy, F, D, U.
import Domain
import Rules
import Testing

private func answer(_ letter: Character) -> CheckResult.Answer {
    switch letter {
    case "g": .good
    case "b": .bad
    case "d": .degraded
    default: .unknown
    }
}
private func letter(_ health: Health) -> String {
    switch health {
    case .healthy: "H"
    case .failed: "F"
    case .degraded: "D"
    case .unknown: "U"
    }
}
private func play(
    _ answers: String, down: Int = 3, up: Int = 2, _ each: (ProbeTracker) -> String
) -> String {
    var tracker = ProbeTracker()
    let schedule = ProbeSchedule(downAfter: down, upAfter: up)
    return answers.enumerated().map { number, character in
        _ = tracker.take(
            answer(character), schedule: schedule,
            at: Timestamp(milliseconds: Int64(number) * 1000))
        return each(tracker)
    }.joined()
}

@Suite struct ProbeTrackerTests {
    @Test(arguments: [
        // The first answer.
        ("g", "H"), ("b", "U"), ("d", "U"), ("u", "U"),
        // Everything else earns its count from unknown.
        ("bbb", "UUF"), ("ddd", "UUD"), ("uuu", "UUU"), ("bg", "UU"), ("bgg", "UUH"),
        ("ugg", "UUH"),
        // Down after three, up after two.
        ("gbbb", "HHHF"), ("gbbgbbgbb", "HHHHHHHHH"), ("gbbbg", "HHHFF"), ("gbbbgg", "HHHFFH"),
        ("gbbbgbgg", "HHHFFFFH"), ("gbbbgbgbgb", "HHHFFFFFFF"),
        // Degraded and unknown.
        ("gddd", "HHHD"), ("gdddgg", "HHHDDH"), ("guuu", "HHHU"), ("guug", "HHHH"),
        ("guuug", "HHHUU"), ("guuugg", "HHHUUH"),
        // From one trouble to another.
        ("gdddbbb", "HHHDDDF"), ("gbbbddd", "HHHFFFD"), ("gbbbuuu", "HHHFFFU"),
        ("guuubbb", "HHHUUUF"), ("gdddbd", "HHHDDD"), ("gbbbdbdb", "HHHFFFFF"),
        ("gbbbubub", "HHHFFFFF"),
        // Mixtures do not pass as healthy for ever, and are never more than what holds of all.
        ("gbdb", "HHHD"), ("gbdbb", "HHHDD"), ("gbdbbb", "HHHDDF"), ("gubu", "HHHU"),
        ("gubbb", "HHHUF"), ("bdb", "UUD"), ("bub", "UUU"),
    ])
    func `answers make states`(answers: String, states: String) {
        #expect(play(answers) { letter($0.state) } == states)
    }
    @Test(arguments: [
        ("gbbbbgb", "0120000", "HHHFFFF"), ("gbbgb", "01201", "HHHHH"), ("bbb", "120", "UUF"),
        ("uub", "001", "UUU"), ("gbbbdd", "012012", "HHHFFF"), ("gdddbb", "012012", "HHHDDD"),
    ])
    func `failing counts what has not changed the state`(
        answers: String, failing: String, states: String
    ) {
        #expect(play(answers) { "\($0.failing)" } == failing)
        #expect(play(answers) { letter($0.state) } == states)
    }
    @Test(arguments: [
        ("gbbbbggg", "+--++-++"), ("bbb", "--+"), ("u", "+"), ("gddd", "+--+"), ("guuug", "+--+-"),
    ])
    func `a probe is settled while its answers agree with its state`(
        answers: String, settled: String
    ) {
        #expect(play(answers) { $0.isSettled ? "+" : "-" } == settled)
    }
    @Test func `counts of one change the state at once`() {
        #expect(play("gbgdug", down: 1, up: 1) { letter($0.state) } == "HFHDUH")
    }
    @Test func `a change is told once, with its moment`() {
        var tracker = ProbeTracker()
        let schedule = ProbeSchedule(downAfter: 2, upAfter: 1)
        #expect(tracker.since == nil)
        var changes: [Health?] = []
        for (number, character) in "gbbbg".enumerated() {
            changes.append(
                tracker.take(
                    answer(character), schedule: schedule,
                    at: Timestamp(milliseconds: Int64(number))))
        }
        #expect(changes == [.healthy, nil, .failed, nil, .healthy])
        #expect(tracker.since == Timestamp(milliseconds: 4))
    }
    @Test func `a remembered state is not overthrown by one good answer`() {
        var tracker = ProbeTracker(state: .failed, since: Timestamp(milliseconds: 5))
        let schedule = ProbeSchedule()
        #expect(tracker.isSettled)
        #expect(tracker.take(.good, schedule: schedule, at: Timestamp(milliseconds: 6)) == nil)
        #expect(tracker.since == Timestamp(milliseconds: 5))
        #expect(tracker.take(.good, schedule: schedule, at: Timestamp(milliseconds: 7)) == .healthy)
    }
}
