// What is asked before a command is sent, and what is sent then.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct FormTests {
    private func on(_ page: Character, _ scene: StreamStart = Scenes.high()) -> Player {
        var player = Player(scene)
        player.press(.alt(page))
        return player
    }

    @Test func `an emergency is taken for a time`() {
        var player = Player(Scenes.high())
        player.press(.character("A"), .enter)
        #expect(player.requests.last == CommandRequest(command: "acknowledge"))
        player = Player(Scenes.high())
        player.press(.character("A"), .right, .right)
        player.press(.tab, .tab)
        player.type("on it")
        player.press(.enter)
        #expect(
            player.requests.last
                == CommandRequest(command: "acknowledge", text: "on it", span: "30m"))
        player = Player(Scenes.high())
        player.press(.character("A"), .tab)
        player.type("soon")
        player.press(.enter)
        #expect(player.requests.isEmpty && player.text.contains("a length of time is written 15m"))
        player.press(.control("u"))
        player.type("90m")
        player.press(.enter)
        #expect(player.requests.last == CommandRequest(command: "acknowledge", span: "90m"))
    }

    @Test func `what somebody has is taken over with its own command, and by no key alone`() {
        var scene = Scenes.high(acknowledged: true)
        scene.situation.core.emergency?.acknowledgedBy = "tomas"
        var player = Player(scene)
        player.press(.character("A"))
        #expect(player.model.sheet == nil && player.text.contains("has it; o takes it over"))
        player.press(.character("o"))
        #expect(player.text.contains("▸ Ines Moreau") && player.text.contains("you take it over"))
        player.press(.enter)
        #expect(player.requests.isEmpty)
        #expect(player.text.contains("Ines Moreau takes level 2; the clock stays stopped"))
        player.press(.character("y"))
        #expect(player.requests == [CommandRequest(command: "hand-over", target: "ines")])
        // Whoever has it may say for how long.
        player = Player(Scenes.forATime())
        player.press(.character("A"), .right, .right, .right, .enter)
        #expect(player.requests == [CommandRequest(command: "acknowledge", span: "1h")])
    }

    @Test func `the command is handed over to whoever is picked, first to who is on call`() {
        var player = on("3")
        player.press(.character("o"))
        #expect(player.text.contains("▸ Tomas Lind") && player.text.contains("● on call"))
        player.press(.down)
        player.type("queue is cleared")
        player.press(.enter, .enter)
        #expect(player.requests.isEmpty && player.text.contains("Hand over to Priya Nair?"))
        #expect(
            player.text.contains(
                "Priya Nair takes level 2 and is told; the response clock and the escalation stop"))
        player.press(.character("n"))
        #expect(player.text.contains("queue is cleared") && player.requests.isEmpty)
        player.press(.enter, .character("y"))
        #expect(
            player.requests == [
                CommandRequest(command: "hand-over", text: "queue is cleared", target: "priya")
            ])
    }

    @Test func `a level needs a reason, and the worse one stands selected`() {
        var player = on("3")
        player.press(.character("l"), .enter)
        #expect(player.requests.isEmpty && player.text.contains("say why, in a few words"))
        player.type("spreads")
        player.press(.enter)
        #expect(
            player.requests == [CommandRequest(command: "set-level", reason: "spreads", level: 1)])
        player.press(.character("l"), .down, .down)
        player.type("was not so bad")
        player.press(.enter)
        #expect(player.requests.last?.level == 3)
    }

    @Test func `problems are reported and taken back`() {
        var player = on("3", Scenes.failingChannel())
        player.press(.character("x"), .down)
        player.type("half of the queue is gone")
        player.press(.enter)
        #expect(player.requests.isEmpty && player.text.contains("Report corruption?"))
        #expect(player.text.contains("raise it from level 2 to level 1"))
        #expect(player.text.contains("tells 1 person at once (Ines Moreau)"))
        player.press(.character("y"))
        #expect(
            player.requests.last
                == CommandRequest(
                    command: "report-problem", name: "corruption", text: "half of the queue is gone"
                ))
        player.press(.character("c"), .enter)
        #expect(
            player.requests.last == CommandRequest(command: "clear-problem", name: "corruption"))
        player = on("3")
        player.press(.character("c"))
        #expect(player.model.sheet == nil && player.text.contains("no problem is reported"))
    }

    @Test func `a notification has title, text, addressee and priority`() {
        var player = on("6")
        player.press(.character("m"))
        player.type("Deploy stopped")
        player.press(.enter)
        #expect(player.requests.isEmpty && player.text.contains("say something"))
        player.type("Nobody deploys until we know more")
        player.press(.tab, .down, .tab, .right, .tab)
        player.type("text, hook")
        player.press(.enter)
        #expect(
            player.requests == [
                CommandRequest(
                    command: "send-notification", text: "Nobody deploys until we know more",
                    title: "Deploy stopped", target: "senior-administrator", priority: "high",
                    via: ["text", "hook"])
            ])
    }

    @Test(arguments: [
        ("8h", "2026-01-05T22:03:27.000Z"), ("18:00", "2026-01-05T18:00:00.000Z"),
        ("09:30", "2026-01-06T09:30:00.000Z"),
        ("2026-01-07T10:00:00Z", "2026-01-07T10:00:00.000Z"),
    ])
    func `somebody stands in until a moment that can be typed`(typed: String, moment: String) {
        var player = on("6")
        player.press(.character("O"))
        player.type(typed)
        player.press(.enter)
        #expect(
            player.requests == [
                CommandRequest(
                    command: "override-on-call", target: "ines", role: "on-call", until: moment)
            ])
    }

    @Test(arguments: ["", "later", "2020-01-01T00:00:00Z", "25:00", "-3h"])
    func `and not until any other`(typed: String) {
        var player = on("6")
        player.press(.character("O"))
        player.type(typed)
        player.press(.enter)
        #expect(player.requests.isEmpty && player.model.sheet != nil)
    }

    @Test func `an override is ended after a question`() {
        var player = on("6", Scenes.forATime())
        player.press(.character("U"))
        #expect(player.text.contains("Priya Nair no longer stands in"))
        player.press(.character("y"))
        #expect(
            player.requests == [
                CommandRequest(command: "end-override", name: "override_20260105_001")
            ])
        player = on("6")
        player.press(.character("U"))
        #expect(player.requests.isEmpty && player.text.contains("nobody stands in for anybody"))
    }

    @Test func `tests are sent after a sheet that says so`() {
        var player = on("6", Scenes.failingChannel())
        player.press(.character("T"))
        #expect(player.text.contains("marked as tests") && player.requests.isEmpty)
        player.press(.enter)
        #expect(player.requests.last == CommandRequest(command: "test-alerts"))
        player.press(.character("T"), .down, .down, .enter)
        #expect(player.requests.last == CommandRequest(command: "test-alerts", name: "text"))
    }

    @Test func `a dead delivery is tried again or dismissed, any other is not`() {
        var player = on("6", Scenes.everythingDown())
        #expect(player.lastLine.contains("r retry  x dismiss"))
        player.press(.character("r"))
        #expect(
            player.requests == [
                CommandRequest(command: "retry-delivery", name: "message_20260105_003.1")
            ])
        player.press(.character("x"))
        #expect(player.requests.count == 1 && player.text.contains("Priya Nair never gets it"))
        player.press(.character("y"))
        #expect(
            player.requests.last
                == CommandRequest(command: "dismiss-delivery", name: "message_20260105_003.1"))
        player.press(.down, .character("r"))
        #expect(player.requests.count == 2 && player.text.contains("it is on its way already"))
    }

    @Test func `the selection stays on its delivery when the order changes`() {
        var player = on("6", Scenes.everythingDown())
        player.press(.down, .down)
        let selected = DeliveryList.selected(player.model)?.id
        var changed = Scenes.everythingDown().situation.deliveries[6]
        changed.state = .dead
        player.hear(
            StreamLine(change: SituationChange(time: Scenes.now.rfc3339, deliveries: [changed])))
        #expect(DeliveryList.selected(player.model)?.id == selected && selected != nil)
    }

    @Test func `escalating by hand says whom it tells, and asks`() {
        var player = on("6")
        player.press(.character("e"))
        #expect(player.text.contains("Told now, before their time: administrator by mail, text"))
        player.press(.character("y"))
        #expect(player.requests == [CommandRequest(command: "escalate")])
        player = on("6", Scenes.quiet())
        player.press(.character("e"))
        #expect(player.model.sheet == nil && player.text.contains("no emergency is open"))
    }

    @Test func `the palette has every command about people and messages, and why not`() {
        for (name, sent) in [
            ("update-dashboard", "update-dashboard"), ("notify-rollback-start", ""),
            ("send-user-notification", ""), ("update-status-page", ""), ("create-incident", ""),
            ("send-notification", ""), ("hand-over", ""), ("set-level", ""), ("test-alerts", ""),
            ("override-on-call", ""), ("acknowledge-for", ""), ("report-problem", ""),
        ] {
            var player = Player(Scenes.high())
            player.press(.character(":"))
            player.type(name)
            player.press(.enter)
            #expect(player.model.sheet != nil || !player.requests.isEmpty, "\(name)")
            if !sent.isEmpty {
                player.press(.enter)
                #expect(player.requests.last == CommandRequest(command: sent, status: "clear"))
            }
        }
        var scene = Scenes.high()
        scene.situation.core.channels.removeAll { $0.name == "tickets" }
        var player = Player(scene)
        player.press(.character(":"))
        player.type("create-incident")
        #expect(player.text.contains("not now: the runbook has no tickets"))
        player.press(.enter)
        #expect(player.requests.isEmpty && player.model.sheet == nil)
    }

    @Test func `clicks choose in a form`() {
        var player = on("3")
        player.press(.character("o"))
        player.click("Oren Katz")
        player.press(.enter, .character("y"))
        #expect(player.requests == [CommandRequest(command: "hand-over", target: "oren")])
    }

    @Test func `a form in the smallest window keeps its problem and its keys`() {
        var player = Player(Scenes.high(), width: 40, height: 10)
        player.press(.alt("6"), .character("m"), .enter)
        #expect(player.text.contains("✖ it needs a title"))
        #expect(player.lastLine.contains("esc leave"))
    }
}
