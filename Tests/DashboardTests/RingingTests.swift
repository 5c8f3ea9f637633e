// When the terminal rings, and when it must not.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct RingingTests {
    private func change(_ core: SituationCore) -> StreamLine {
        StreamLine(change: SituationChange(time: core.time, core: core))
    }
    private func rings(_ player: Player) -> [String] {
        player.effects.compactMap { if case .ring(let text) = $0 { text } else { nil } }
    }

    @Test func `a new emergency rings once, whatever its level`() {
        var player = Player(Scenes.quiet())
        player.hear(change(Scenes.high().situation.core))
        player.hear(change(Scenes.high().situation.core))
        player.hear(change(Scenes.high(acknowledged: true).situation.core))
        #expect(rings(player) == ["Tocsin: vedfolnir LEVEL 2 HIGH — Delivery errors above 10 %"])
    }

    @Test func `one that is taken up again rings, one that goes down a level does not`() {
        var player = Player(Scenes.quiet())
        player.hear(change(Scenes.failingChannel().situation.core))
        #expect(rings(player).first?.hasSuffix("(again)") == true)
        player = Player(Scenes.critical())
        player.hear(change(Scenes.high().situation.core))
        #expect(rings(player).count == 1)
    }

    @Test func `a step of the escalation rings for those whom it names`() {
        var core = Scenes.high().situation.core
        core.escalation[1].steps[1].takenAt = Scenes.now.rfc3339
        core.escalation[1].steps[1].times = 1
        var player = Player(Scenes.high())
        player.hear(change(core))
        player.hear(change(core))
        #expect(rings(player).count == 1)
        #expect(rings(player).first?.contains("escalates to you: LEVEL 2 HIGH") == true)
        core.escalation[1].steps[1].times = 2
        player.wait(900)
        player.hear(change(core))
        #expect(rings(player).count == 2)

        var scene = Scenes.high()
        scene.you = CallerReport(user: "guest", name: "guest", roles: [])
        player = Player(scene)
        player.hear(change(core))
        #expect(rings(player).isEmpty)
    }

    @Test func `the first step comes with the emergency and rings no second time`() {
        var core = Scenes.high().situation.core
        let steps = core.escalation[1].steps
        core.escalation[1].steps[0].takenAt = nil
        core.escalation[1].steps[0].times = 0
        var player = Player(Scenes.quiet())
        player.hear(change(core))
        core.escalation[1].steps = steps
        player.hear(change(core))
        #expect(rings(player).count == 1)
    }

    @Test func `a countdown to a rollback rings, and so does a procedure that failed`() {
        var before = Scenes.exhausted()
        before.situation.core.proposals = []
        var player = Player(before)
        player.hear(change(Scenes.exhausted().situation.core))
        player.wait(1)
        player.hear(change(Scenes.exhausted().situation.core))
        #expect(rings(player).count == 1)
        #expect(rings(player).last?.contains("starts by itself in 04:32") == true)
        player.hear(change(Scenes.rollingBack().situation.core))
        player.hear(change(Scenes.rollbackFailed().situation.core))
        player.hear(change(Scenes.rollbackFailed().situation.core))
        #expect(rings(player).count == 2)
        #expect(
            rings(player).last
                == "Tocsin: vedfolnir Rollback to Legacy flash messages failed: "
                + "Drop notification tables failed")
    }

    @Test func `what was known rings no more when the engine is back`() {
        var player = Player(Scenes.rollbackFailed())
        player.take(.disconnected("gone"))
        player.hear(StreamLine(start: Scenes.rollbackFailed()))
        #expect(rings(player).isEmpty)
        // What began meanwhile is news.
        player = Player(Scenes.quiet())
        player.take(.disconnected("gone"))
        player.hear(StreamLine(start: Scenes.high()))
        #expect(rings(player).count == 1)
    }

    @Test func `nothing rings with --no-bell, nor for whoever just opens the dashboard`() {
        let options = DashboardOptions(host: "bastion", engine: "", rings: false)
        var model = Model(options, size: Size(width: 80, height: 24), now: Scenes.now)
        let line = StreamLine(start: Scenes.critical())
        #expect(update(&model, .line(line), at: Scenes.now).isEmpty)
        #expect(rings(Player(Scenes.failingChannel())).isEmpty)
        #expect(rings(Player(Scenes.rollbackFailed())).isEmpty)
    }

    @Test func `what the desktop shows is visible and short`() {
        var player = Player(Scenes.quiet())
        var core = Scenes.high().situation.core
        core.emergency?.reason = "\u{1B}]0;x\u{7}\n" + String(repeating: "long ", count: 99)
        player.hear(change(core))
        let text = rings(player).first ?? ""
        #expect(text.count == 200 && text.hasSuffix("…"))
        #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
    }
}
