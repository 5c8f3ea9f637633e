// Procedures on the screens: test mode, undo to a stage, what waits, playbooks, the watch.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct ProcedureTests {
    // MARK: Test mode

    @Test func `test mode is a choice, and only then it is asked for`() {
        var player = Player(Scenes.exhausted())
        player.press(.character("R"), .backTab)
        #expect(player.text.contains("TEST  of the rollback"))
        player.press(.enter)
        player.type("vedfolnir")
        #expect(player.lastLine.contains("START THE TEST"))
        player.press(.enter)
        let request = player.requests.last
        #expect(request?.testMode == true && request?.authorization == nil)
        #expect(request?.confirmation == "vedfolnir")
    }

    @Test func `test mode without stand-ins is refused with the reason`() {
        var scene = Scenes.exhausted()
        scene.runbook.testMode = "test mode would touch the real service: no unit stands in"
        var player = Player(scene)
        player.press(.character("R"), .backTab)
        #expect(player.text.contains("would touch the real service"))
        player.press(.enter, .paste("vedfolnir"), .enter)
        #expect(player.requests.isEmpty && player.text.contains("Test mode cannot be used now"))
    }

    @Test(arguments: [(80, 24), (120, 36), (160, 48), (30, 6)])
    func `a test is marked on every screen`(width: Int, height: Int) {
        for screen in ["1", "3", "4", "5", "6", "7"] {
            var player = Player(Scenes.testing(), width: width, height: height)
            player.press(.alt(Character(screen)))
            #expect(player.text.contains("TEST"), "screen \(screen)")
        }
    }

    @Test func `of a rollback and a test, the one that ended last is shown, and T the other`() {
        var scene = Scenes.rolledBack()
        scene.situation.core.lastTest = Scenes.tested().situation.core.lastTest
        var player = Player(scene)
        player.press(.alt("5"))
        #expect(player.text.contains("TEST of the rollback"))
        #expect(player.text.contains("✔ met"))
        player.press(.character("T"))
        #expect(!player.text.contains("TEST of the rollback"))
        player.press(.character("u"))
        #expect(player.text.contains("Undo: Rollback to Legacy flash messages?"))
    }

    // MARK: Undo

    @Test func `undo asks how far, and says what stays done`() {
        var player = Player(Scenes.takenBackToStage())
        player.press(.alt("5"), .character("u"))
        #expect(player.text.contains("Everything: back to the start"))
        #expect(player.text.contains("Back to before “Legacy restoration”, then paused"))
        #expect(player.text.contains("▲ Cannot be taken back, and stays done:"))
        // What was taken back already is not offered again.
        #expect(!player.text.contains("Back to before “Database rollback”"))
        player.press(.enter)
        #expect(player.requests.isEmpty)
        player.press(.down, .down, .character("y"))
        #expect(
            player.requests == [
                CommandRequest(command: "undo-rollback", stage: "Component removal")
            ])
    }

    @Test func `the sheet of an undo closes when there is nothing to take back any more`() {
        var player = Player(Scenes.takenBackToStage())
        player.press(.alt("5"), .character("u"))
        player.hear(StreamLine(start: Scenes.quiet()))
        #expect(player.model.sheet == nil)
    }

    @Test func `beside another list, u does not mean the rollback`() {
        var player = Player(Scenes.rolledBack())
        player.press(.alt("4"), .character("u"))
        #expect(player.model.sheet == nil && player.text.contains("taken back on screen 5"))
        player.press(.alt("5"), .character("u"))
        #expect(player.model.sheet != nil)
    }

    // MARK: What waits

    @Test(arguments: ["1", "3", "4", "6", "7"])
    func `what waits for a person is on every screen`(screen: String) {
        for (width, height) in [(80, 24), (120, 36)] {
            var player = Player(Scenes.waitsForWord(), width: width, height: height)
            player.press(.alt(Character(screen)))
            #expect(player.text.contains("? WAITS FOR YOU"))
            player.click("answers it")
            #expect(player.model.page == .rollback)
        }
    }

    @Test func `an instruction is ticked, not run again`() {
        var player = Player(Scenes.byHand())
        player.press(.alt("4"))
        #expect(player.text.contains("? WAITS FOR YOU:  Telephone the provider"))
        #expect(player.text.contains("o it is done"))
        player.press(.character("c"))
        #expect(player.requests.isEmpty)
        player.press(.character("o"))
        #expect(player.requests == [CommandRequest(command: "resolve-step", name: "done")])
        player.press(.character("s"), .character("y"))
        #expect(
            player.requests.last
                == CommandRequest(
                    command: "stop-procedure", procedure: "recovery_20260105_002"))
    }

    @Test func `a rollback is not just stopped`() {
        var player = Player(Scenes.waitsForWord())
        player.press(.alt("5"), .character("s"))
        #expect(player.requests.isEmpty && player.text.contains("never just stopped half way"))
    }

    @Test func `what begins to wait rings once`() {
        var player = Player(Scenes.rollingBack())
        player.forgetEffects()
        for second in 1...2 {
            player.hear(
                StreamLine(
                    change: SituationChange(
                        time: Scenes.ahead(Double(second)),
                        core: Scenes.waitsForWord().situation.core)))
        }
        let rings = player.effects.filter { if case .ring = $0 { true } else { false } }
        #expect(rings.count == 1)
    }

    @Test func `one that pauses after its step can be let go on`() {
        var scene = Scenes.rollingBack()
        scene.situation.core.procedure?.pauses = true
        var player = Player(scene)
        player.press(.alt("5"))
        #expect(player.text.contains("Pauses after this step"))
        player.press(.character("p"))
        #expect(player.requests.isEmpty)
        player.press(.character("c"))
        #expect(player.requests == [CommandRequest(command: "resume-rollback")])
    }

    // MARK: Times

    @Test func `what is to come is estimated, and what runs is timed from its own start`() {
        var scene = Scenes.rollingBack()
        scene.situation.core.procedure?.stages[6].steps[0].expectedSeconds = 6.2
        scene.events.append(
            EventReport(
                seq: 99, at: Scenes.ago(5), kind: "step-started", text: "", tone: .plain,
                by: "engine", emergency: nil, procedure: "rollback_20260105_001"))
        var player = Player(scene, width: 160, height: 48)
        player.press(.alt("5"))
        #expect(player.text.contains("~6.2 s"))
        #expect(player.text.contains("Drop notification tables") && player.text.contains("00:05"))
    }

    @Test func `the watch shows its hours, its looks and its problems`() {
        var player = Player(Scenes.watched())
        player.press(.alt("5"))
        #expect(player.text.contains("until 06 Jan 14:03 UTC · 23 h 59 m left"))
        #expect(player.text.contains("4 looks, one every 5 m, the last at 14:03:22"))
        #expect(player.text.contains("✖ sessions.ping down since 14:03:24  connection refused"))
        #expect(player.text.contains("web.home 14:03:20 to 14:03:23"))
        #expect(player.text.contains("agreed ✔ Ines Moreau 14:02:07, Tomas Lind 14:02:12"))
        player.press(.alt("3"))
        #expect(player.text.contains("PROBLEM AFTER THE ROLLBACK sessions.ping"))
    }

    // MARK: Playbooks

    @Test func `a playbook that rolls back is confirmed by the service's name`() {
        var player = Player(Scenes.quiet())
        player.press(.alt("4"), .down, .down, .down)
        #expect(player.text.contains("▲ a rollback, authorization emergency"))
        player.press(.enter)
        player.type("vedfolniy")
        player.press(.enter)
        #expect(player.requests.isEmpty && player.text.contains("is not the service's name"))
        player.press(.backspace)
        player.type("r")
        player.press(.enter)
        #expect(player.requests == [CommandRequest(command: "run", name: "complete-failure")])
    }

    @Test func `what only runs instead of a failed step says so`() {
        var scene = Scenes.quiet()
        scene.runbook.playbooks[0].steps.append(
            PlannedStepReport(
                name: "Optimise, otherwise", kind: "rollback", command: "rollback (planned)",
                undoable: false, isInstead: true))
        var player = Player(scene)
        player.press(.alt("4"), .down, .down, .down)
        #expect(player.text.contains("or Optimise, otherwise"))
        #expect(player.text.contains("only if the one before fails"))
    }

    @Test func `a playbook and its rollback show each other`() {
        var player = Player(Scenes.playbook())
        player.press(.alt("4"))
        #expect(player.text.contains("Playbook complete-failure"))
        #expect(player.text.contains("its rollback running, 43 %"))
        player.press(.alt("5"))
        #expect(player.text.contains("a step of Playbook complete-failure, which goes on after it"))
    }

    @Test func `attempts, the clock of the plan and the last times stand beside the actions`() {
        var player = Player(Scenes.byHand())
        player.press(.alt("4"))
        #expect(player.text.contains("1 of 3 tried · escalates in 04:14"))
        #expect(player.text.contains("The last times"))
        #expect(player.text.contains("✖ 05 Jan 13:59 failed after 00:38"))
        #expect(player.text.contains("✔ 04 Jan 14:03 succeeded after 00:22"))
    }
}
