// Which steps are told as they end, in which order, and which failed attempts at recovery.
import Domain
import Testing
import Wire

@testable import tocsin

@Suite struct StepNewsTests {
    func rollback(
        _ state: ProcedureState, _ stop: StepState, _ drop: StepState, seconds: Double = 1
    ) -> ProcedureReport {
        var second = step("Drop", drop)
        second.seconds = seconds
        return procedure(
            "r1", state,
            stages: [
                StageReport(name: "Shutdown", state: stop, steps: [step("Stop", stop)]),
                StageReport(name: "Database", state: drop, steps: [second]),
            ])
    }
    func words(_ entries: [StepNews.Entry]) -> [String] {
        entries.map { "\($0.stage): \($0.step.name) \($0.step.state.rawValue)" }
    }

    @Test func `each end of a step is told once, in order`() {
        var news = StepNews(known: nil, undoing: false)
        #expect(
            words(news.take(rollback(.running, .succeeded, .running))) == [
                "Shutdown: Stop succeeded"
            ])
        #expect(
            words(news.take(rollback(.succeeded, .succeeded, .succeeded))) == [
                "Database: Drop succeeded"
            ])
    }

    @Test func `what undoing takes back is told from the last to the first`() {
        let done = rollback(.succeeded, .succeeded, .succeeded)
        var news = StepNews(known: done, undoing: true)
        #expect(
            words(news.take(rollback(.undone, .undone, .undone))) == [
                "Database: Drop undone", "Shutdown: Stop undone",
            ])
    }

    @Test func `after resuming only what happens then is told, also a second failure`() {
        let failed = rollback(.failed, .succeeded, .failed)
        var news = StepNews(known: failed, undoing: false)
        #expect(news.take(failed).isEmpty)
        #expect(
            words(news.take(rollback(.failed, .succeeded, .failed, seconds: 2))) == [
                "Database: Drop failed"
            ])
        #expect(
            words(news.take(rollback(.succeeded, .succeeded, .succeeded))) == [
                "Database: Drop succeeded"
            ])
    }
}

@Suite struct FailedAttemptTests {
    func attempt(_ number: Int, _ state: ProcedureState) -> ProcedureReport {
        procedure("recovery_\(number)", state, kind: .recovery)
    }
    func stepFailed(_ id: String, _ text: String) -> StreamLine {
        var event = event(9, "step-ended")
        event.procedure = id
        event.tone = .bad
        event.text = text
        return StreamLine(event: event)
    }
    func follower(_ running: ProcedureReport) -> ProcedureFollower {
        var follower = ProcedureFollower(id: "recovery_1", until: .recoveryGivesUp)
        follower.take(start(situation(emergency: emergency(), running: running)))
        return follower
    }

    @Test func `each attempt that did not help is told once, the last one as the end`() {
        var follower = follower(attempt(1, .running))
        #expect(follower.newlyFailedAttempts().isEmpty)
        follower.take(
            change(
                situation(
                    emergency: emergency(attempts: 1), running: attempt(2, .running),
                    last: attempt(1, .failed))))
        #expect(follower.newlyFailedAttempts() == [.whole(attempt(1, .failed))])
        #expect(follower.newlyFailedAttempts().isEmpty)
        follower.take(
            change(situation(emergency: emergency(attempts: 3), last: attempt(2, .failed))))
        #expect(follower.standing == .ended(attempt(2, .failed)))
        #expect(follower.newlyFailedAttempts().isEmpty)
    }

    @Test func `it is told at once, also before the next one begins`() {
        var follower = follower(attempt(1, .running))
        follower.take(
            change(situation(emergency: emergency(attempts: 1), last: attempt(1, .failed))))
        #expect(follower.newlyFailedAttempts() == [.whole(attempt(1, .failed))])
    }

    @Test func `one that was over before it was seen is told in the words of its event`() {
        var follower = follower(attempt(1, .running))
        follower.take(stepFailed("backup_7", "another procedure's step"))
        follower.take(stepFailed("recovery_2", "Restart: failed — exit 1"))
        follower.take(
            change(
                situation(
                    emergency: emergency(attempts: 2), running: attempt(3, .running),
                    last: attempt(1, .failed))))
        #expect(
            follower.newlyFailedAttempts() == [
                .whole(attempt(1, .failed)), .words("Restart: failed — exit 1"),
            ])
    }
}
