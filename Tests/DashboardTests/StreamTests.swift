// What the engine says, when it says nothing, and the clocks in between.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct StreamTests {
    @Test func `before the engine was heard nothing is claimed`() {
        var player = Player()
        #expect(player.text.contains("Connecting to the engine"))
        player.take(.disconnected("no engine can be reached"))
        #expect(player.text.contains("✖ No engine answers"))
        #expect(player.text.contains("/run/tocsin/engine.sock"))
        player.press(.character("a"), .character("R"), .enter, .character("4"))
        #expect(player.effects.isEmpty)
    }

    @Test func `clocks run between the lines`() {
        var player = Player(Scenes.high())
        #expect(player.text.contains("04:12 left") && player.text.contains("14:03:27 UTC"))
        player.wait(2)
        #expect(player.text.contains("04:10 left") && player.text.contains("14:03:29 UTC"))
        #expect(player.text.contains("next 04:10"))
        player.wait(251)
        #expect(player.text.contains("OVERDUE 00:01"))
    }

    @Test func `the engine's clock is followed, small shakes are not`() {
        var player = Player(Scenes.quiet())
        player.hear(StreamLine(change: SituationChange(time: Scenes.ahead(0.3))))
        #expect(player.text.contains("14:03:27 UTC"))
        player.hear(StreamLine(change: SituationChange(time: Scenes.ahead(5))))
        #expect(player.text.contains("14:03:32 UTC"))
    }

    @Test func `silence is shown`() {
        var player = Player(Scenes.quiet())
        player.wait(3)
        #expect(!player.text.contains("stale"))
        player.wait(9)
        #expect(player.text.contains("▲ stale 12 s"))
        player.hear(StreamLine(change: SituationChange(time: Scenes.ahead(12))))
        #expect(!player.text.contains("stale"))
    }

    @Test func `a lost engine is marked, and the last known state stays`() {
        var player = Player(Scenes.high())
        player.take(.disconnected("the engine closed the stream"))
        player.wait(12)
        #expect(player.text.contains("engine ✖ gone — reconnecting"))
        #expect(player.text.contains("all this is as of 14:03:27, 12 s ago"))
        #expect(player.text.contains("LEVEL 2  HIGH"))
        player.press(.character("a"))
        #expect(player.requests.isEmpty)
        player.hear(StreamLine(start: Scenes.high()))
        #expect(player.text.contains("the engine is back") && !player.text.contains("gone"))
    }

    @Test func `another engine says so`() {
        var player = Player(Scenes.high())
        player.take(.disconnected("gone"))
        var scene = Scenes.high()
        scene.situation.core.engine.pid = 99
        player.hear(StreamLine(start: scene))
        #expect(player.text.contains("a new engine has taken over"))
    }

    @Test func `changes go into their places`() {
        var player = Player(Scenes.quiet())
        var component = Scenes.brokenComponents()[2]
        component.name = "delivery"
        player.hear(
            StreamLine(change: SituationChange(time: Scenes.now.rfc3339, components: [component])))
        #expect(player.text.contains("✖ delivery"))
        #expect(player.model.situation?.components.count == 6)
    }

    @Test func `level 1 rings once, an acknowledged one not at all`() {
        let words = "LEVEL 1 CRITICAL — All critical components are down"
        let ring = Effect.ring("Tocsin: vedfolnir " + words)
        var player = Player(Scenes.critical())
        #expect(player.effects == [ring])
        player.hear(StreamLine(change: SituationChange(time: Scenes.now.rfc3339)))
        player.hear(
            StreamLine(
                change: SituationChange(
                    time: Scenes.now.rfc3339, core: Scenes.critical().situation.core)))
        #expect(player.effects == [ring])
        #expect(Player(Scenes.high()).effects.isEmpty)
        #expect(Player(Scenes.exhausted()).effects.isEmpty)
        var raised = Player(Scenes.high())
        raised.hear(
            StreamLine(
                change: SituationChange(
                    time: Scenes.now.rfc3339, core: Scenes.critical().situation.core)))
        #expect(raised.effects == [.ring("Tocsin: vedfolnir raised to " + words)])
    }

    @Test func `events come once, in order, and not without end`() {
        var player = Player(Scenes.quiet())
        for seq in [3, 4, 4, 2] + Array(5...400) {
            player.hear(
                StreamLine(
                    event: EventReport(
                        seq: seq, at: Scenes.now.rfc3339, kind: "note", text: "event \(seq)",
                        tone: .plain, by: "engine", emergency: nil, procedure: nil)))
        }
        #expect(player.model.events.map(\.seq) == Array(201...400))
    }

    @Test func `alarms of Tocsin itself are on every screen`() {
        var scene = Scenes.quiet()
        scene.situation.core.alarms = ["the journal cannot be written: no space left on device"]
        var player = Player(scene)
        for key in ["1", "3", "4", "5", "6"] {
            player.press(.character(Character(key)))
            #expect(player.text.contains("✖ the journal cannot be written"))
        }
    }

    @Test func `the selection stays when proposals go`() {
        var player = Player(Scenes.high())
        player.press(.character("3"))
        var core = Scenes.high().situation.core
        core.proposals = [core.proposals[0]]
        player.hear(StreamLine(change: SituationChange(time: core.time, core: core)))
        #expect(player.model.selectedProposal == 0)
        core.proposals = []
        player.hear(StreamLine(change: SituationChange(time: core.time, core: core)))
        player.press(.enter)
        #expect(player.requests.isEmpty)
    }

    @Test func `the next tick is when the shown second ends`() {
        let player = Player(Scenes.quiet())
        let span = player.model.untilNextTick(at: Timestamp(milliseconds: 5_250))
        #expect(abs(span.seconds - 0.75) < 0.002)
    }
}
