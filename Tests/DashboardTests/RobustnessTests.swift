// Whatever size, key, line or text comes: a picture, and no harm done.
import Domain
import Screen
import TestKit
import Testing
import Wire

@testable import Dashboard

@Suite struct RobustnessTests {
    static let scenes = GoldenTests.scenes.map(\.0)

    @Test(arguments: scenes) func `every small size has a picture`(name: String) throws {
        let scene = try #require(GoldenTests.scenes.first { $0.0 == name }).1
        // Each width around which something changes its shape, and the smallest ones.
        for width in [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 19, 20, 24, 29, 30, 40, 41] {
            for height in 1...10 {
                let frame = view(scene(width, height).model)
                #expect(frame.width == width && frame.height == height)
            }
        }
        for (width, height) in [
            (0, 0), (1000, 1), (1, 500), (39, 60), (300, 9), (75, 12), (150, 10),
        ] {
            _ = view(scene(width, height).model)
        }
    }

    @Test func `20×5 holds level, clock and the worst component`() {
        let text = Player(Scenes.high(), width: 20, height: 5).text
        #expect(
            text.contains("LEVEL 2") && text.contains("04:12 left") && text.contains("delivery"))
        #expect(Player(Scenes.quiet(), width: 20, height: 5).text.contains("No emergency"))
    }

    @Test func `nothing can be run where it cannot be seen`() {
        var player = Player(Scenes.exhausted(), width: 20, height: 5)
        player.press(.character("R"), .enter, .paste("vedfolnir"), .enter, .character("D"))
        player.press(.character("y"), .character("f"), .enter)
        #expect(player.requests.isEmpty && player.effects.isEmpty)
        // Saying no keeps what is.
        player.press(.character("v"))
        #expect(player.requests == [CommandRequest(command: "veto-rollback")])
        player = Player(Scenes.exhausted(), width: 40, height: 12)
        player.press(.character("R"), .enter, .paste("vedfolnir"), .enter)
        #expect(player.requests.isEmpty && player.text.contains("make the terminal larger"))
        player = Player(Scenes.high(), width: 20, height: 5)
        player.press(.character("a"))
        #expect(player.requests == [CommandRequest(command: "acknowledge")])
    }

    @Test(arguments: 1...12) func `a storm of keys, sizes and lines does no harm`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var player = Player(Scenes.high())
        for _ in 0..<700 {
            player.take(message(&random))
            if Int.random(in: 0..<3, using: &random) == 0 {
                let frame = view(player.model)
                #expect(frame.width == player.model.size.width)
            }
        }
        // Only what a person has confirmed may be asked for.
        for request in player.requests where request.command == "rollback" {
            #expect(request.dryRun == true || request.confirmation == "vedfolnir")
        }
        for request in player.requests where request.command == "approve-rollback" {
            #expect(request.request != nil)
        }
    }

    private func message(_ random: inout SeededRandom) -> Message {
        switch Int.random(in: 0..<20, using: &random) {
        case 0:
            return .resized(
                Size(
                    width: Int.random(in: 0...200, using: &random),
                    height: Int.random(in: 0...60, using: &random)))
        case 1: return .tick
        case 2: return .line(line(&random))
        case 3: return .disconnected("gone \u{1B}[31m")
        case 4: return .plan(Bool.random(using: &random) ? Scenes.plan() : Scenes.dryRun())
        case 5 where Bool.random(using: &random): return .backups(Scenes.backups())
        case 5:
            let request = CommandRequest(command: "rollback")
            let outcomes: [CommandOutcome] = [
                .done(CommandAnswer(events: [])), .lost("broken"),
                .refused(RefusalReport(refused: "x", why: "no", remedy: "later")),
            ]
            return .answered(request, outcomes.randomElement(using: &random) ?? .lost(""))
        default: return .key(key(&random))
        }
    }
    private func line(_ random: inout SeededRandom) -> StreamLine {
        let starts = [
            Scenes.quiet(), Scenes.high(), Scenes.critical(), Scenes.recovering(), Scenes.calm(),
            Scenes.exhausted(), Scenes.rollingBack(), Scenes.rollbackFailed(), Scenes.rolledBack(),
            Scenes.failingChannel(), Scenes.forATime(), Scenes.everythingDown(),
            Scenes.afterwards(), Scenes.requested(), Scenes.asked(), Scenes.watched(),
            Scenes.waitsForWord(), Scenes.takenBackToStage(), Scenes.testing(), Scenes.tested(),
            Scenes.playbook(), Scenes.byHand(), Scenes.backingUp(),
        ]
        let scene = starts.randomElement(using: &random) ?? Scenes.quiet()
        if Bool.random(using: &random) { return StreamLine(start: scene) }
        return StreamLine(
            change: SituationChange(
                time: Scenes.ahead(Double.random(in: -9...9, using: &random)),
                core: scene.situation.core, components: scene.situation.components,
                gauges: scene.situation.gauges, deliveries: scene.situation.deliveries))
    }
    private func key(_ random: inout SeededRandom) -> Key {
        let keys: [Key] = [
            .enter, .enter, .escape, .tab, .backTab, .backspace, .delete, .up, .down, .left, .right,
            .home, .end, .pageUp, .pageDown, .function(5), .control("u"), .control("w"), .alt("6"),
            .alt("3"),
            .paste("vedfolnir"), .paste("\u{0}x\n"),
            .click(
                Point(
                    x: Int.random(in: 0...200, using: &random),
                    y: Int.random(in: 0...60, using: &random))),
            .wheelUp(Point(x: 1, y: 1)), .wheelDown(Point(x: 1, y: 1)),
        ]
        if Bool.random(using: &random) {
            let letters = "abcdefghijklmnopqrstuvwxyzRDAOTUGV:?0123456789 é日"
            return .character(letters.randomElement(using: &random) ?? "a")
        }
        return keys.randomElement(using: &random) ?? .enter
    }

    @Test func `text from outside cannot reach the terminal's ear`() {
        let evil = "x\u{1B}]52;c;AAAA\u{7}\u{9B}31m\u{202E}evil\u{200F}\u{0}"
        var scene = Scenes.rollingBack()
        scene.situation.core.service = evil
        scene.situation.core.emergency?.reason = evil
        scene.situation.core.alarms = [evil]
        scene.situation.core.line = LineReport(status: evil, message: evil)
        scene.situation.core.channels = [
            ChannelReport(name: evil, kind: evil, state: .failing, trouble: evil, waiting: 1)
        ]
        scene.situation.core.emergency?.ticket = evil
        scene.situation.core.emergency?.acknowledgedUntil = evil
        scene.situation.core.emergency?.told = [
            ToldReport(person: evil, state: .failing, channel: evil, at: evil, trouble: evil)
        ]
        scene.situation.core.problems = [
            ProblemReport(kind: evil, text: evil, by: evil, at: evil, alerts: 3)
        ]
        scene.situation.deliveries = [
            Scenes.delivery(1, evil, evil, [evil], .dead, trouble: evil, receipt: evil)
        ]
        scene.situation.core.proposals = [
            ProposalReport(kind: "recovery", name: evil, title: evil, why: evil, runsAt: evil)
        ]
        scene.situation.core.procedure?.output = [evil]
        scene.situation.core.procedure?.message = evil
        scene.situation.components[0].name = evil
        scene.situation.components[0].probes[0].message = evil
        scene.runbook.actions[0].title = evil
        scene.runbook.people[0].email = evil
        scene.events.append(
            EventReport(
                seq: 99, at: evil, kind: evil, text: evil, tone: .bad, by: evil, emergency: nil,
                procedure: nil))
        var player = Player(scene)
        for key in ["1", "3", "4", "5", "6", ":", "y"] {
            player.press(.character(Character(key)))
            for scalar in player.text.unicodeScalars where scalar != "\n" {
                #expect(scalar.value >= 0x20 && !(0x7F..<0xA0).contains(scalar.value))
                #expect(!(0x202A...0x202E).contains(scalar.value))
            }
        }
        player = Player(scene)
        player.press(.character("y"))
        for case .copy(let text) in player.effects {
            for scalar in text.unicodeScalars where scalar != "\n" {
                #expect(scalar.value >= 0x20 && scalar.value != 0x7F)
            }
        }
    }

    @Test func `huge values are cut, not drawn over others`() {
        var scene = Scenes.high()
        scene.situation.gauges[0].value = 1e300
        scene.situation.gauges[1].value = -.infinity
        scene.situation.gauges[1].trend = [.nan, .infinity, -.infinity, 1e308, -1e308]
        scene.situation.core.emergency?.respondBy = "9999-12-31T23:59:59Z"
        scene.situation.core.emergency?.reason = String(repeating: "long ", count: 5000)
        scene.situation.components += (0..<500).map { index in
            ComponentReport(
                name: "component-\(index)", title: "", state: index == 400 ? .failed : .healthy,
                critical: false, probes: [])
        }
        let player = Player(scene, width: 80, height: 24)
        #expect(
            player.text.contains("✖ component-400") && player.text.contains("more, all healthy"))
    }

    @Test func `nothing in the runbook is not much, but a picture`() {
        var scene = Scenes.quiet()
        scene.situation.components = []
        scene.situation.gauges = []
        scene.situation.core.escalation = []
        scene.situation.core.fallbacks = []
        scene.events = []
        scene.runbook = RunbookReport(
            path: "", service: "", title: "", actions: [], playbooks: [], fallbacks: [],
            services: [], rollback: nil, people: [], external: [], onCall: [], faults: [])
        var player = Player(scene)
        for key in ["1", "4", "5", "6", "T", "O", "m", "3", "x", "c", "R", "f", ":", "?"] {
            player.press(.character(Character(key)))
            #expect(!player.text.isEmpty)
        }
    }
}
