// Rollbacks that need others: who sees what, who may say what, and that nothing happens by accident.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct RequestTests {
    @Test(arguments: ["1", "3", "4", "6", "7"])
    func `a request is on every screen, with its clock and what is missing`(screen: String) {
        for (width, height) in [(80, 24), (120, 36), (160, 48)] {
            var player = Player(Scenes.requested(), width: width, height: height)
            player.press(.alt(Character(screen)))
            #expect(player.text.contains("YOUR APPROVAL"))
            #expect(player.text.contains("27:31 left"))
            #expect(player.text.contains("Tomas asks for a rollback"))
        }
        var player = Player(Scenes.requested(), width: 160, height: 48)
        player.press(.alt(Character(screen)))
        #expect(player.text.contains("missing 1 senior-administrator (Ines Moreau)"))
        player.wait(91)
        #expect(player.text.contains("26:00 left"))
    }

    @Test func `a request never has more time than it was given`() {
        var scene = Scenes.requested()
        scene.situation.core.request?.at = Scenes.ahead(0.6)
        scene.situation.core.request?.expiresAt = Scenes.ahead(1800.6)
        var player = Player(scene)
        #expect(player.text.contains("30:00 left"))
        player.press(.character("5"))
        #expect(player.text.contains("30:00 left of 30:00"))
    }

    @Test func `who may approve reads the plan and types the name`() {
        var player = Player(Scenes.requested())
        player.press(.character("R"))
        #expect(player.effects == [.loadPlan] && player.model.page == .rollback)
        #expect(player.text.contains("Drop notification tables  ▲ cannot be undone"))
        #expect(player.text.contains("Tomas Lind at 14:00:58"))
        player.press(.enter)
        player.type("vedfolnia")
        player.press(.enter)
        #expect(player.requests.isEmpty && player.text.contains("is not the service's name"))
        player.press(.backspace)
        player.type("r")
        #expect(player.text.contains("enter approves, and the rollback starts"))
        player.press(.enter)
        #expect(
            player.requests == [
                CommandRequest(
                    command: "approve-rollback", plan: Scenes.plan().hash,
                    request: "request_20260105_001")
            ])
        player.answer(.done(CommandAnswer(events: [])))
        #expect(player.model.rollback.sheet == nil)
    }

    @Test func `a request of a playbook has no plan of its own to compare`() {
        var scene = Scenes.requested()
        scene.situation.core.request?.plan = ""
        var player = Player(scene)
        player.press(.character("R"), .enter, .paste("vedfolnir"), .enter)
        #expect(
            player.requests == [
                CommandRequest(command: "approve-rollback", request: "request_20260105_001")
            ])
    }

    @Test func `another plan than the one that was asked for is said`() {
        var scene = Scenes.requested()
        scene.situation.core.request?.plan = "something else"
        var player = Player(scene, width: 160, height: 48)
        player.press(.alt("5"))
        #expect(player.text.contains("it is no longer the one that was asked for"))
    }

    @Test func `the asker sees whom to ask, and can take it back`() {
        var player = Player(Scenes.asked(), width: 160, height: 48)
        player.press(.alt("5"))
        #expect(player.model.rollback.sheet == nil)
        #expect(player.text.contains("nobody counts twice; ask 1 security-administrator"))
        #expect(player.text.contains("✔ Ines Moreau 14:00:58, Priya Nair 14:02:27"))
        player.press(.enter)
        #expect(player.requests.isEmpty && player.model.rollback.sheet == nil)
        player.press(.character("R"))
        #expect(player.model.rollback.sheet == nil)
        player.press(.character("v"))
        #expect(player.requests.isEmpty && player.text.contains("Take the request back?"))
        player.press(.character("y"))
        #expect(player.requests == [CommandRequest(command: "veto-rollback")])
    }

    @Test func `a stranger may read the plan, but not approve`() {
        var scene = Scenes.requested()
        scene.you = CallerReport(user: "eve", name: "eve", roles: [])
        var player = Player(scene)
        #expect(player.text.contains("ROLLBACK WAITS"))
        player.press(.character("R"))
        #expect(player.text.contains("your word does not count for it"))
        #expect(player.text.contains("What will be run"))
        let before = player.text
        player.press(.down, .down, .down)
        #expect(player.text != before)
        player.press(.enter, .paste("vedfolnir"), .enter)
        #expect(player.requests.isEmpty)
    }

    @Test func `a veto is asked for on any screen, and no is no`() {
        var player = Player(Scenes.requested())
        player.press(.alt("6"), .character("v"))
        #expect(player.text.contains("Tomas Lind's request for a rollback ends"))
        player.press(.character("n"))
        #expect(player.requests.isEmpty)
    }

    @Test func `the sheet closes when the request is over, and says what became of it`() {
        var player = Player(Scenes.requested())
        player.press(.character("R"), .enter)
        var scene = Scenes.high(acknowledged: true)
        scene.events.append(
            EventReport(
                seq: 99, at: Scenes.ago(0), kind: "rollback-request-ended",
                text: "the request for a rollback is over: vetoed", tone: .warning, by: "tomas",
                emergency: nil, procedure: nil))
        player.hear(StreamLine(start: scene))
        #expect(player.model.rollback.sheet == nil)
        #expect(player.text.contains("is over: vetoed"))
    }

    @Test func `confirming where others must agree says so before, and asks`() {
        var scene = Scenes.exhausted()
        scene.runbook.rollback?.authorizations[3].missing = "1 change-manager (Tomas Lind)"
        var player = Player(scene)
        player.press(.character("R"), .tab, .tab, .tab)
        #expect(player.text.contains("This will be a request: it waits for 1 change-manager"))
        player.press(.enter)
        player.type("vedfolnir")
        #expect(player.lastLine.contains("ASK FOR THE ROLLBACK"))
        player.press(.enter)
        #expect(player.requests.last?.authorization == "maintenance")
        player.answer(.done(CommandAnswer(events: [], request: "request_20260105_001")))
        #expect(player.text.contains("nothing has started, and nothing will before others agree"))
        player.hear(StreamLine(start: Scenes.asked()))
        #expect(player.text.contains("? REQUEST for a rollback"))
    }

    @Test func `the sheet begins with the reason that fits, not with whose word is enough`() {
        var scene = Scenes.exhausted()
        scene.runbook.rollback?.authorizations[0].refused = "only during level 1"
        scene.runbook.rollback?.authorizations[1].missing = "1 administrator (Tomas Lind)"
        scene.runbook.rollback?.authorizations[2].refused = nil
        var player = Player(scene)
        player.press(.character("R"))
        #expect(player.model.rollback.sheet?.authorization == 1)
        scene.situation.core.reported = ["security"]
        player = Player(scene)
        player.press(.character("R"))
        #expect(player.model.rollback.sheet?.authorization == 2)
    }

    @Test func `news of a request ring only for those whose word counts`() {
        var player = Player(Scenes.high(acknowledged: true))
        player.hear(
            StreamLine(
                change: SituationChange(
                    time: Scenes.ahead(1), core: Scenes.requested().situation.core)))
        let rings = player.effects.contains { effect in
            if case .ring(let text) = effect { text.contains("asks you to approve") } else { false }
        }
        #expect(rings)
        player = Player(Scenes.high(acknowledged: true))
        player.hear(
            StreamLine(
                change: SituationChange(
                    time: Scenes.ahead(1), core: Scenes.asked().situation.core)))
        #expect(player.effects.isEmpty)
    }
}
