// The rollback's sheet and screen: nothing starts by accident, and what helps is at hand.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct RollbackTests {
    private func sheet() -> Player {
        var player = Player(Scenes.exhausted())
        player.press(.character("R"))
        return player
    }

    @Test func `the sheet asks for the plan and shows every command`() {
        var player = sheet()
        #expect(player.effects == [.loadPlan])
        var seen = player.text
        for _ in 0..<40 {
            player.press(.down)
            seen += player.text
        }
        for stage in Scenes.plan().stages {
            for step in stage.steps {
                #expect(seen.contains(step.name))
                #expect(
                    seen.contains(
                        step.command.split(separator: " ").prefix(2).joined(separator: " ")))
            }
        }
        #expect(seen.contains("Drop notification tables  ▲ cannot be undone"))
        #expect(!seen.contains("Stop web  ▲ cannot be undone"))
    }

    @Test func `the service's name starts it, with the plan that was seen`() {
        var player = sheet()
        var plan = Scenes.plan()
        plan.hash = "abc"
        player.take(.plan(plan))
        player.press(.enter)
        player.type("vedfolnir")
        #expect(player.requests.isEmpty)
        player.press(.enter)
        #expect(
            player.requests == [
                CommandRequest(
                    command: "rollback", reason: "recovery failed 3 times",
                    authorization: "emergency", confirmation: "vedfolnir", plan: "abc")
            ])
        player.press(.enter)
        #expect(player.requests.count == 1)
    }

    @Test func `one that was done already says so, and is done again by whoever reads it`() {
        var player = Player(Scenes.rolledBack())
        player.press(.character("R"))
        #expect(player.text.contains("DONE ALREADY at"))
        player.take(.plan(Scenes.plan()))
        player.press(.enter)
        if player.requests.isEmpty { player.type("vedfolnir") }
        player.press(.enter)
        #expect(player.requests.last?.again == true)
    }

    @Test func `a wrong name starts nothing and says so`() {
        var player = sheet()
        player.press(.enter)
        player.type("vedfolni")
        player.press(.enter)
        #expect(player.requests.isEmpty)
        #expect(player.text.contains("“vedfolni” is not the service's name; it is vedfolnir."))
        player.type("r")
        player.press(.enter)
        #expect(player.requests.count == 1)
    }

    @Test func `the name may be pasted, and an empty one is nothing`() {
        var player = sheet()
        player.press(.enter, .enter)
        #expect(player.requests.isEmpty)
        player.press(.paste("vedfolnir\n"), .enter)
        #expect(player.requests.count == 1)
    }

    @Test func `keys in the plan are no typing, and typing presses no keys`() {
        var player = sheet()
        // A name that is typed where no field is vetoes nothing before it is asked.
        player.type("vefolnir")
        player.press(.escape)
        #expect(player.requests.isEmpty)
        player = sheet()
        player.press(.enter)
        player.type("qdq")
        #expect(player.effects == [.loadPlan])
        #expect(player.model.rollback.sheet?.name.text == "qdq")
    }

    @Test func `a refused authorization starts nothing and says why`() {
        var player = sheet()
        player.press(.tab, .tab)
        #expect(player.text.contains("You are not a"))
        player.press(.enter)
        player.type("vedfolnir")
        player.press(.enter)
        #expect(player.requests.isEmpty)
        #expect(player.text.contains("security cannot be used now"))
        player.press(.escape, .tab, .enter, .enter)
        #expect(player.requests.first?.authorization == "maintenance")
    }

    @Test func `the reason can be written`() {
        var player = sheet()
        player.press(.character("m"), .control("u"))
        player.type("the demo")
        player.press(.enter, .enter)
        player.type("vedfolnir")
        player.press(.enter)
        #expect(player.requests.first?.reason == "the demo")
    }

    @Test func `a dry run stands beside each step`() {
        var player = sheet()
        player.press(.character("d"), .character("d"))
        #expect(
            player.requests == [
                CommandRequest(
                    command: "rollback", reason: "recovery failed 3 times",
                    authorization: "emergency", dryRun: true)
            ])
        #expect(player.text.contains("asking every step"))
        player.answer(.done(CommandAnswer(events: [], plan: Scenes.dryRun())))
        #expect(player.text.contains("Stop web  ✔ will run"))
        #expect(player.text.contains("· already done"))
        #expect(player.text.contains("something would fail"))
        #expect(player.model.rollback.sheet != nil)
    }

    @Test func `a plan that has changed is asked for again and must be confirmed again`() {
        var player = sheet()
        player.press(.enter)
        player.type("vedfolnir")
        player.press(.enter)
        player.answer(
            .refused(
                RefusalReport(
                    refused: "plan-changed", why: "the plan is no longer the one that was shown",
                    remedy: "Read the new plan and confirm again")))
        #expect(player.effects.last == .loadPlan)
        #expect(player.text.contains("the plan is no longer the one that was shown. Read the new"))
        var plan = Scenes.plan()
        plan.hash = "new"
        player.take(.plan(plan))
        player.press(.enter)
        #expect(player.requests.last?.plan == "new")
    }

    @Test func `leaving the sheet leaves nothing behind`() {
        var player = sheet()
        player.press(.enter)
        player.type("vedfolnir")
        player.press(.escape, .escape)
        #expect(player.requests.isEmpty && player.model.page == .command)
        player.press(.character("R"))
        #expect(player.model.rollback.sheet?.name.isEmpty == true)
    }

    @Test func `without an engine nothing is sent`() {
        var player = sheet()
        player.press(.enter)
        player.type("vedfolnir")
        player.take(.disconnected("gone"))
        player.press(.enter)
        #expect(player.requests.isEmpty)
        #expect(player.text.contains("Not now: the engine is gone"))
    }

    @Test func `a started one shows itself, and leaving never stops it`() {
        var player = sheet()
        player.press(.enter)
        player.type("vedfolnir")
        player.press(.enter)
        player.answer(.done(CommandAnswer(events: [], procedure: "rollback_20260105_001")))
        player.hear(StreamLine(start: Scenes.rollingBack()))
        #expect(player.model.rollback.sheet == nil && player.text.contains("43 %"))
        player.forgetEffects()
        player.press(.escape)
        #expect(player.effects.isEmpty && player.model.page == .command)
        #expect(player.text.contains("▶ ROLLBACK to Legacy flash messages"))
        player.press(.character("R"))
        #expect(player.model.page == .rollback && player.model.rollback.sheet == nil)
    }

    @Test func `one that somebody else starts closes the sheet`() {
        var player = sheet()
        player.hear(StreamLine(start: Scenes.rollingBack()))
        #expect(player.model.rollback.sheet == nil)
    }

    @Test func `a running one can be paused, not undone`() {
        var player = Player(Scenes.rollingBack())
        player.press(.character("5"), .character("u"))
        #expect(player.requests.isEmpty && player.text.contains("p pauses it first"))
        player.press(.character("p"))
        #expect(player.requests == [CommandRequest(command: "pause-rollback")])
    }

    @Test func `a failed one can be continued and undone, not begun anew`() {
        var player = Player(Scenes.rollbackFailed())
        player.press(.character("5"), .character("R"))
        #expect(player.model.rollback.sheet == nil && player.text.contains("failed half-way"))
        #expect(player.lastLine.hasPrefix(" c try it again"))
        player.press(.character("c"))
        #expect(player.requests == [CommandRequest(command: "resume-rollback")])
        player.press(.character("u"), .character("n"))
        #expect(player.requests.count == 1)
        player.press(.character("u"), .character("y"))
        #expect(player.requests.last == CommandRequest(command: "undo-rollback"))
    }

    @Test func `one that was undone met no target and missed none`() {
        var player = Player(Scenes.undone(), width: 80, height: 24)
        player.press(.character("5"))
        #expect(player.text.contains("ran for 00:17, then taken back"))
        #expect(!player.text.contains("target") && !player.text.contains("took"))
        // Its waiting and the undo itself are no part of it.
        player.press(.character("1"))
        #expect(!player.text.contains("in 00:17"))
    }

    @Test func `how long an undo takes is told from its own beginning`() {
        var scene = Scenes.rolledBack()
        scene.situation.core.procedure = scene.situation.core.rollback
        scene.situation.core.procedure?.state = .undoing
        scene.situation.core.procedure?.finishedAt = nil
        var player = Player(scene)
        player.press(.character("5"))
        #expect(player.text.contains("being taken back") && !player.text.contains("01:12"))
        scene.situation.core.procedure?.undoBeganAt = Scenes.ago(4)
        player.hear(StreamLine(start: scene))
        #expect(player.text.contains("taken back for 00:04"))
    }

    @Test func `where nothing is known there is no estimate`() {
        var scene = Scenes.waitsForWord()
        scene.situation.core.procedure?.expectedSeconds = 0.02
        var player = Player(scene)
        player.press(.character("5"))
        #expect(player.text.contains("01:12   target") && !player.text.contains("of about"))
    }

    @Test func `output of before the engine began is in the run's folder`() {
        var player = Player(Scenes.testedEarlier())
        player.press(.character("5"))
        #expect(player.text.contains("/run/tocsin/runs/rollback_20260105_002"))
        #expect(!player.text.contains("nothing yet"))
        var scene = Scenes.tested()
        scene.situation.core.engine.startedAt = Scenes.ago(9_000)
        scene.situation.core.lastTest?.output = []
        player = Player(scene)
        player.press(.character("5"))
        #expect(player.text.contains("nothing was written"))
    }

    @Test func `a step that nobody knows about waits for a word`() {
        var scene = Scenes.rollingBack()
        scene.situation.core.procedure?.state = .waiting
        scene.situation.core.procedure?.message = "nobody knows what became of “Stop web”"
        scene.situation.core.procedure?.stages[4].steps[0].state = .unknown
        var player = Player(scene)
        player.press(.character("5"))
        #expect(player.text.contains("o it was done   c runs the step again"))
        player.press(.character("o"))
        #expect(player.requests.last == CommandRequest(command: "resolve-step", name: "done"))
        player.press(.character("c"))
        #expect(player.requests.last == CommandRequest(command: "resolve-step", name: "again"))
    }

    @Test func `one that starts by itself can be vetoed`() {
        var player = Player(Scenes.exhausted())
        #expect(player.text.contains("starts in 04:32"))
        player.press(.character("v"))
        #expect(player.requests == [CommandRequest(command: "veto-rollback")])
    }

    @Test func `output is followed, and scrolled back on request`() {
        var scene = Scenes.rollingBack()
        scene.situation.core.procedure?.output = (1...150).map { "line \($0)" }
        var player = Player(scene)
        player.press(.character("5"))
        #expect(player.text.contains("line 150"))
        player.hear(
            StreamLine(output: OutputLine(procedure: "rollback_20260105_001", text: "line 151")))
        player.hear(StreamLine(output: OutputLine(procedure: "another", text: "not ours")))
        #expect(player.text.contains("line 151") && !player.text.contains("not ours"))
        player.press(.pageUp, .pageUp, .pageUp, .pageUp)
        #expect(player.text.contains("40 lines back") && !player.text.contains("line 151"))
        player.press(.character("l"))
        #expect(!player.text.contains("Stages"))
    }
}
