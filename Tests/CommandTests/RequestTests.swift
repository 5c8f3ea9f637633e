// Requests for a rollback: following one, and saying whom to ask.
import Domain
import Testing
import Wire

@testable import tocsin

func request(
    _ id: String = "request_1", missing: String = "", playbook: String? = nil
) -> RequestReport {
    RequestReport(
        id: id, authorization: "planned", reason: "slow for an hour", by: "ines",
        byName: "Ines Moreau", at: noon, expiresAt: after(1800), plan: "3f2a9c01aa",
        approvals: [ApprovalReport(user: "ines", name: "Ines Moreau", at: noon)],
        missing: missing, candidates: ["tomas"], playbook: playbook)
}

@Suite struct RequestFollowerTests {
    let waits = situation(request: request(missing: "1 change-manager (Tomas Lind)"))

    func follow(_ lines: [StreamLine]) -> RequestFollower {
        var follower = RequestFollower(id: "request_1", by: "ines", at: noon)
        lines.forEach { follower.take($0) }
        return follower
    }
    func ended(_ text: String) -> StreamLine {
        var told = event(9, "rollback-request-ended", at: 60)
        told.text = text
        return StreamLine(event: told)
    }

    @Test func `it waits as long as the request does`() throws {
        #expect(follow([]).standing == .nothingYet)
        #expect(follow([start(waits)]).standing == .waits(try #require(waits.core.request)))
    }

    @Test func `it ends with the rollback that was asked for, also when that is over already`() {
        var running = procedure("r1", .running)
        running.startedAt = after(60)
        #expect(
            follow([start(waits), change(situation(running: running, rollback: running))]).standing
                == .started(running))
        var over = procedure("r1", .succeeded)
        over.startedAt = after(60)
        #expect(
            follow([start(waits), change(situation(rollback: over))]).standing == .started(over))
    }

    @Test func `an earlier rollback, another's, and a test are not the one`() {
        var earlier = procedure("r0", .succeeded)
        earlier.startedAt = after(-60)
        var others = procedure("r1", .running)
        others.startedAt = after(60)
        others.startedBy = "tomas"
        var test = procedure("r2", .running)
        test.startedAt = after(60)
        test.testMode = true
        for after in [
            situation(rollback: earlier), situation(running: others), situation(running: test),
        ] {
            #expect(
                follow([
                    start(waits), ended("the request for a rollback is over: vetoed"),
                    change(after),
                ])
                .standing == .over("the request for a rollback is over: vetoed"))
        }
    }
}

@Suite struct RequestTextTests {
    @Test func `it says whom to ask, for how long, and how they agree`() {
        let needs = RequestText.needs(request(missing: "1 change-manager (Tomas Lind)"))
        #expect(needs.status(.act) == 4 && needs.rule == "rollback-authorization")
        #expect(
            needs.why
                == "planned authorization needs 1 change-manager (Tomas Lind) beside Ines Moreau")
        #expect(needs.remedy.contains("tocsin approve-rollback --request request_1"))
        #expect(needs.remedy.contains("12:30:00 UTC"))
    }

    @Test func `one that all have agreed to waits for something else`() {
        #expect(RequestText.needs(request()).rule == "one-procedure-at-a-time")
    }

    @Test func `a part of a plan's hash means the plan, if it is long enough`() {
        let hash = String(repeating: "3f2a9c01", count: 8)
        #expect(PlanText.whole(nil, hash) == hash)
        #expect(PlanText.whole("3F2A9C01", hash) == hash)
        #expect(PlanText.whole("3f2a9c0", hash) == "3f2a9c0")
        #expect(PlanText.whole("ffffffff", hash) == "ffffffff")
    }
}

@Suite struct ChecksTests {
    func check(_ name: String, _ state: CheckReport.State, _ remedy: String = "") -> CheckReport {
        CheckReport(subject: "s", name: name, state: state, message: "m", remedy: remedy)
    }

    @Test func `the worst comes first, and the rest stays in order`() {
        let checks = Checks([
            check("a", .healthy), check("b", .degraded), check("c", .failed), check("d", .unknown),
            check("e", .failed), check("f", .healthy),
        ])
        #expect(checks.checks.map(\.name) == ["c", "e", "d", "b", "a", "f"])
        #expect(checks.state == .failed)
    }

    @Test func `the exit status is that of the worst`() {
        #expect(Checks([check("a", .healthy)]).state.status == 0)
        #expect(Checks([check("a", .healthy), check("b", .degraded)]).state.status == 1)
        #expect(Checks([check("a", .failed), check("b", .unknown)]).state.status == 2)
        #expect(Checks([check("a", .unknown), check("b", .degraded)]).state.status == 3)
        #expect(Checks([]).state.status == 3)
    }

    @Test func `what is not healthy has its remedy below it`() {
        let lines = CheckText.lines([
            check("a", .degraded, "mend it"), check("b", .healthy, "idle"),
        ])
        let words = lines.map { $0.parts.map(\.text).joined() }
        #expect(words.count == 3 && words[1].contains("→ mend it"))
        #expect(!words.joined().contains("idle"))
    }

    @Test func `a test of the rollback is held against its target`() {
        var test = procedure("r1", .succeeded)
        test.targetSeconds = 600
        #expect(TestRollbackProcedures.check(test).state == .healthy)
        test.targetSeconds = 60
        #expect(TestRollbackProcedures.check(test).state == .degraded)
        #expect(TestRollbackProcedures.check(procedure("r1", .failed)).state == .failed)
    }
}

@Suite struct RollbackDocumentTests {
    func document(_ message: String = "") -> RollbackDocument {
        var rollback = procedure(
            "r1", .succeeded,
            stages: [
                StageReport(
                    name: "Service shutdown", state: .succeeded,
                    steps: [step("Stop", .succeeded), step("Wait | for it", .undone)]),
                StageReport(
                    name: "Validation", state: .succeeded, steps: [step("Home", .succeeded)]),
            ])
        rollback.message = message
        rollback.targetSeconds = 600
        rollback.approvals = [
            ApprovalReport(user: "ines", name: "Ines Moreau", at: noon),
            ApprovalReport(user: "tomas", name: "Tomas Lind", at: after(30)),
        ]
        let record = RollbackRecord(
            rollback: rollback, plan: "3f2a",
            steps: [
                StepRecord(
                    stage: 0, step: 0, startedAt: noon, starts: 1, output: ["stopped", "``` x"]),
                StepRecord(stage: 0, step: 1, startedAt: after(5), starts: 1, output: []),
                StepRecord(stage: 1, step: 0, startedAt: nil, starts: 0, output: []),
            ], backup: nil)
        return RollbackDocument(
            record, core: situation().core, timeline: [event(1, "procedure-started")])
    }

    @Test func `it has who agreed, the times of each stage, and the target`() {
        let report = document()
        #expect(report.askedByName == "Ines Moreau" && report.approvals.count == 2)
        #expect(report.stages[0].startedAt == noon && report.stages[0].endedAt == after(6))
        #expect(report.stages[1].startedAt == nil)
        #expect(report.seconds == 170 && report.withinTarget == true)
        #expect(report.undone == ["Wait | for it"])
        let text = RollbackDocumentText(report).lines.flatMap(\.parts).map(\.text)
            .joined(separator: "\n")
        for words in ["Tomas Lind (tomas)", "within the target of 10 m", "stopped", "3f2a"] {
            #expect(text.contains(words), "\(words)")
        }
    }

    @Test func `nothing in it becomes Markdown of its own`() {
        let text = RollbackDocumentText(document("<b>*x*</b> | y\n# z")).markdown
        #expect(text.contains("&lt;b&gt;\\*x\\*&lt;/b&gt; \\| y \\# z"))
        #expect(text.contains("| Wait \\| for it | undone |"))
        #expect(text.contains("\n    ``` x\n"))
        #expect(text.contains("- [x] Home"))
    }

    @Test func `of the journal it takes the request, the rollback and what its watch found`() {
        func of(_ seq: Int, _ kind: String, _ procedure: String? = nil) -> EventReport {
            var report = event(seq, kind)
            report.procedure = procedure
            return report
        }
        let events = [
            of(1, "procedure-started", "r0"), of(2, "procedure-ended", "r0"),
            of(3, "rollback-requested"), of(4, "delivery-started"), of(5, "rollback-approved"),
            of(6, "procedure-started", "r1"), of(7, "probe-changed"),
            of(8, "procedure-ended", "r1"), of(9, "noted"), of(10, "watch-looked", "r1"),
            of(11, "watch-problem", "r1"),
        ]
        var rollback = procedure("r1", .succeeded)
        #expect(Timeline.about(rollback, in: events).map(\.seq) == [6, 7, 8, 11])
        rollback.approvals = document().approvals
        #expect(Timeline.about(rollback, in: events).map(\.seq) == [3, 5, 6, 7, 8, 11])
    }
}
