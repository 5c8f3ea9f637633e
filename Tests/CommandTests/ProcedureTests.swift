// Following a procedure to its end, verifying a rollback, and starting processes.
import Domain
import Foundation
import TestKit
import Testing
import Wire

@testable import tocsin

@Suite struct ProcedureFollowerTests {
    func follow(
        _ id: String, _ until: ProcedureFollower.Until = .itsEnd, _ lines: [StreamLine]
    ) -> ProcedureFollower {
        var follower = ProcedureFollower(id: id, until: until)
        lines.forEach { follower.take($0) }
        return follower
    }

    @Test func `nothing is known before the first line`() {
        #expect(follow("r1", .itsEnd, []).standing == .nothingYet)
    }

    @Test func `a rollback is followed to its end, also when another procedure has begun since`() {
        let running = situation(
            running: procedure("r1", .running), rollback: procedure("r1", .running))
        #expect(
            follow("r1", .itsEnd, [start(running)]).standing == .goesOn(procedure("r1", .running)))
        let over = situation(
            running: procedure("b1", .running, kind: .backup), rollback: procedure("r1", .succeeded)
        )
        #expect(
            follow("r1", .itsEnd, [start(running), change(over)]).standing
                == .ended(procedure("r1", .succeeded)))
    }

    @Test func `an end is remembered when a later procedure took its place`() {
        let ended = situation(last: procedure("b1", .failed, kind: .backup))
        let later = situation(last: procedure("b2", .succeeded, kind: .backup))
        #expect(
            follow("b1", .itsEnd, [start(ended), change(later)]).standing
                == .ended(procedure("b1", .failed, kind: .backup)))
    }

    @Test func `a person is needed for a procedure that waits or is paused`() {
        for state in [ProcedureState.waiting, .paused] {
            let waiting = situation(running: procedure("r1", state))
            #expect(
                follow("r1", .itsEnd, [start(waiting)]).standing
                    == .needsPerson(procedure("r1", state)))
        }
    }

    @Test func `a procedure that the engine does not know is said to be unknown`() {
        #expect(follow("r1", .itsEnd, [start(situation())]).standing == .unknown)
    }

    @Test func `a rollback that failed and is resumed has not ended`() {
        let failed = situation(rollback: procedure("r1", .failed))
        let resumed = situation(
            running: procedure("r1", .running), rollback: procedure("r1", .running))
        #expect(
            follow("r1", .itsEnd, [start(failed), change(resumed)]).standing
                == .goesOn(procedure("r1", .running)))
    }

    @Test func `a test's end is found where tests are kept`() {
        let over = situation(test: procedure("r2", .succeeded))
        #expect(
            follow("r2", .itsEnd, [start(over)]).standing == .ended(procedure("r2", .succeeded)))
    }

    @Test func `a playbook is followed through its rollback, and through waiting for approval`() {
        let playbook = procedure("p1", .running, kind: .playbook)
        var follower = follow("p1", .itsEnd, [start(situation(running: playbook))])
        #expect(follower.standing == .goesOn(playbook))
        let waits = request(missing: "1 change-manager (Tomas)", playbook: "p1")
        follower.take(change(situation(running: playbook, request: waits)))
        #expect(follower.standing == .needsApproval(waits))
        let child = procedure("r1", .running)
        follower.take(change(situation(running: child, playbook: playbook)))
        #expect(follower.standing == .goesOn(child))
        follower.take(change(situation(running: procedure("r1", .paused), playbook: playbook)))
        #expect(follower.standing == .needsPerson(procedure("r1", .paused)))
        // Between the rollback's end and the playbook's next step.
        follower.take(change(situation(rollback: procedure("r1", .succeeded), playbook: playbook)))
        #expect(follower.standing == .nothingYet)
        let end = procedure("p1", .succeeded, kind: .playbook)
        follower.take(change(situation(rollback: procedure("r1", .succeeded), last: end)))
        #expect(follower.standing == .ended(end))
    }

    @Test func `another playbook's request is no reason to wait`() {
        let backup = procedure("b1", .running, kind: .backup)
        let other = request(missing: "1 change-manager (Tomas)", playbook: "p9")
        #expect(
            follow("b1", .itsEnd, [start(situation(running: backup, request: other))]).standing
                == .goesOn(backup))
    }

    @Test func `undoing to a stage ends in a pause`() {
        let undoing = situation(running: procedure("r1", .undoing))
        var follower = follow("r1", .itsUndoingToAStage, [start(undoing)])
        #expect(follower.standing == .goesOn(procedure("r1", .undoing)))
        follower.take(change(situation(running: procedure("r1", .paused))))
        #expect(follower.standing == .ended(procedure("r1", .paused)))
        #expect(ProcedureFollower.Until.itsUndoingToAStage.isWanted(.paused))
        #expect(!ProcedureFollower.Until.itsUndoing.isWanted(.paused))
    }

    @Test func `what a person has to tick is told apart from what is not known`() {
        func waiting(_ kind: String, _ state: StepState) -> ProcedureReport {
            procedure(
                "r1", .waiting, kind: .recovery,
                stages: [
                    StageReport(
                        name: "By hand", state: .running,
                        steps: [
                            step("Look", .succeeded, kind: kind), step("Do", state, kind: kind),
                        ])
                ])
        }
        #expect(ProcedureText.toTick(waiting("confirm", .running))?.name == "Do")
        #expect(ProcedureText.toTick(waiting("run", .unknown)) == nil)
        #expect(ProcedureText.remedy(waiting("confirm", .running))?.contains("again") == false)
        #expect(ProcedureText.remedy(waiting("run", .unknown))?.contains("again") == true)
    }

    @Test func `undoing wants to be undone`() {
        #expect(ProcedureFollower.Until.itsUndoing.isWanted(.undone))
        #expect(!ProcedureFollower.Until.itsUndoing.isWanted(.succeeded))
        #expect(ProcedureFollower.Until.itsEnd.isWanted(.succeeded))
    }

    // MARK: One attempt after the other

    func attempt(_ number: Int, _ state: ProcedureState) -> ProcedureReport {
        procedure("recovery_\(number)", state, kind: .recovery)
    }

    @Test func `recovery goes on with the next attempt, and ends with the one that helps`() {
        var follower = follow(
            "recovery_1", .recoveryGivesUp,
            [start(situation(emergency: emergency(), running: attempt(1, .running)))])
        follower.take(
            change(situation(emergency: emergency(attempts: 1), last: attempt(1, .failed))))
        #expect(follower.standing == .nothingYet)
        follower.take(
            change(
                situation(
                    emergency: emergency(attempts: 1), running: attempt(2, .running),
                    last: attempt(1, .failed))))
        #expect(follower.standing == .goesOn(attempt(2, .running)))
        follower.take(
            change(situation(emergency: emergency(attempts: 2), last: attempt(2, .succeeded))))
        #expect(follower.standing == .ended(attempt(2, .succeeded)))
    }

    @Test func `recovery ends when the attempts are used up`() {
        let follower = follow(
            "recovery_3", .recoveryGivesUp,
            [start(situation(emergency: emergency(attempts: 3), last: attempt(3, .failed)))])
        #expect(follower.standing == .ended(attempt(3, .failed)))
    }

    @Test func `recovery ends when the engine says that it stops, or the emergency is over`() {
        let open = start(situation(emergency: emergency(attempts: 1), last: attempt(1, .failed)))
        let told = StreamLine(event: event(9, "auto-recovery-switched"))
        #expect(
            follow("recovery_1", .recoveryGivesUp, [open, told]).standing
                == .ended(attempt(1, .failed)))
        let closed = start(situation(last: attempt(1, .failed)))
        #expect(
            follow("recovery_1", .recoveryGivesUp, [closed]).standing == .ended(attempt(1, .failed))
        )
    }
}

@Suite struct VerifyRollbackTests {
    func verify(_ state: ProcedureState, _ home: Health) -> VerifyRollback.Answer {
        let stages = [
            StageReport(
                name: "Validation", state: .succeeded,
                steps: [
                    step("Home", .succeeded, kind: "probe", command: "probe web.home within 30s"),
                    step("Users", .succeeded, kind: "sql", command: "SELECT web.other"),
                ])
        ]
        let components = [
            ComponentReport(
                name: "web", title: "", state: home, critical: true,
                probes: [probe("home", home), probe("other", .failed)])
        ]
        return VerifyRollback.answer(
            procedure("r1", state, stages: stages), in: situation(components: components))
    }

    @Test func `a rollback that succeeded and whose probes hold is healthy`() {
        #expect(verify(.succeeded, .healthy).state == .healthy)
        #expect(verify(.succeeded, .healthy).failing.isEmpty)
    }
    @Test func `a probe that no longer holds is told`() {
        #expect(verify(.succeeded, .failed).state == .failed)
        #expect(verify(.succeeded, .degraded).state == .degraded)
        #expect(verify(.succeeded, .failed).failing == ["web.home"])
    }
    @Test func `a probe that went down in its watch degrades it until it is well again`() {
        func verify(_ endedAt: String?) -> VerifyRollback.Answer {
            let problem = WatchProblemReport(
                probe: "mail.queue", at: after(600), message: "timeout", endedAt: endedAt)
            let watch = WatchReport(
                rollback: "r1", from: noon, until: after(86_400), everySeconds: 300, looks: 2,
                lookedAt: noon, problems: [problem])
            return VerifyRollback.answer(procedure("r1", .succeeded), in: situation(watch: watch))
        }
        #expect(verify(nil).state == .degraded)
        #expect(verify(after(700)).state == .healthy)
        let words = VerifyRollback.lines(verify(nil)).flatMap(\.parts).map(\.text).joined()
        #expect(words.contains("mail.queue") && words.contains("timeout"))
    }
    @Test func `a rollback that failed is failed, and one that runs is unknown`() {
        #expect(verify(.failed, .healthy).state == .failed)
        #expect(verify(.undone, .healthy).state == .failed)
        #expect(verify(.running, .healthy).state == .unknown)
    }
}

@Suite struct ChildProcessTests {
    @Test func `a child runs in its own session, with the signals of a shell, and its log`()
        async throws
    {
        let folder = try TemporaryFolder("child")
        let child = try ChildProcess(
            ["/bin/sh", "-c", "echo out; echo err >&2; ps -o sid= -p $$; exit 7"],
            log: folder("log"))
        var end: (words: String, status: Int32?)?
        try await eventually("it ends") {
            end = child.ended()
            return end != nil
        }
        #expect(end?.status == 7)
        let text = try String(contentsOf: URL(filePath: folder("log")), encoding: .utf8)
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(words == ["out", "err", "\(child.pid)"])
    }

    @Test func `a program that is not there is a fault`() throws {
        let folder = try TemporaryFolder("child")
        #expect(throws: Fault.self) { try ChildProcess([folder("none")], log: folder("log")) }
    }

    @Test func `a child is stopped, also one that does not listen`() async throws {
        let folder = try TemporaryFolder("child")
        let deaf = try ChildProcess(
            ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"],
            log: folder("log"))
        try await eventually("it is deaf") {
            try String(contentsOf: URL(filePath: folder("log")), encoding: .utf8).contains("ready")
        }
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                deaf.stop(within: .seconds(0.1))
                continuation.resume()
            }
        }
        #expect(kill(deaf.pid, 0) == -1)
    }
}

@Suite struct DemoShareTests {
    @Test func `the demo's files are found beside the program, or above it`() throws {
        let folder = try TemporaryFolder("share")
        try folder.write("usr/share/tocsin/Examples/demo/tocsin.yaml", "")
        try folder.write("src/Examples/demo/tocsin.yaml", "")
        try folder.write("own/Examples/demo/tocsin.yaml", "")
        #expect(
            try DemoShare.find(folder("usr/bin/tocsin"), [:])
                == folder("usr/share/tocsin/Examples/demo"))
        #expect(
            try DemoShare.find(folder("src/.build/debug/tocsin"), [:])
                == folder("src/Examples/demo"))
        #expect(
            try DemoShare.find(folder("usr/bin/tocsin"), ["TOCSIN_SHARE": folder("own")])
                == folder("own/Examples/demo"))
        #expect(throws: Failure.self) { try DemoShare.find(folder("other/bin/tocsin"), [:]) }
    }
}
