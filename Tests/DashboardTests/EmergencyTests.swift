// The story of an emergency, and who knows of it: on its own screens and in the chrome of all others.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct EmergencyTests {
    private static let pages: [Character] = ["1", "3", "4", "5", "6"]
    private func event(
        _ seq: Int, _ kind: String, _ text: String, by: String = "engine",
        emergency: String? = Scenes.id
    ) -> EventReport {
        EventReport(
            seq: seq, at: Scenes.ago(Double(100 - seq)), kind: kind, text: text, tone: .plain,
            by: by, emergency: emergency, procedure: nil)
    }
    private func on(
        _ page: Character, _ scene: StreamStart, _ width: Int = 120, _ height: Int = 36
    ) -> Player {
        var player = Player(scene, width: width, height: height)
        player.press(.alt(page))
        return player
    }

    @Test(arguments: [(80, 24), (120, 36), (160, 48)])
    func `clock, next step, line and queue are on every screen`(width: Int, height: Int) {
        for page in Self.pages {
            var player = on(page, Scenes.failingChannel(), width, height)
            // The sheet of a rollback that has not begun yields to nothing but what is urgent.
            let text = player.text
            #expect(text.contains("▲ LEVEL 2") && text.contains("04:12 left"), "\(page)")
            #expect(text.contains("next 04:12: administrator by mai"), "\(page)")
            #expect(text.contains("◆ investigating · The queue worker hangs"), "\(page)")
            #expect(text.contains("▲ 1 queued") || text.contains("▲1 "), "\(page)")
            player.wait(300)
            #expect(player.text.lowercased().contains("overdue 00:48"), "\(page)")
        }
    }

    @Test func `whoever has it is on every screen, and until when`() {
        for page in Self.pages {
            #expect(on(page, Scenes.forATime(), 80, 24).text.contains("✔ Ines until 14:30"))
        }
        var player = on("1", Scenes.forATime())
        #expect(!player.text.contains("takes it for longer"))
        player.wait(1400)
        #expect(player.text.contains("Taken for 03:13 more — A takes it for longer"))
    }

    @Test func `after a raise the response time is that of the level, not since the beginning`() {
        var scene = Scenes.critical()
        scene.situation.core.emergency?.activatedAt = Scenes.ago(4000)
        let player = Player(scene)
        #expect(player.text.contains("respond within 05:00") && player.text.contains("03:52 left"))
        #expect(on("3", scene).text.contains("respond within 05:00"))
    }

    @Test func `nobody told is said where one looks for what to do`() {
        let scene = Scenes.everythingDown()
        #expect(on("1", scene).text.contains("Nobody was told — telephone them: 6 has the numbers"))
        #expect(on("6", scene).text.contains("+15550101"))
        for page in Self.pages {
            let text = on(page, scene, 80, 24).text
            #expect(text.contains("✖ nobody could be told") && text.contains("telephone them"))
        }
    }

    @Test func `quiet screens claim nothing`() {
        for page in Self.pages {
            let text = on(page, Scenes.quiet()).text
            for word in ["LEVEL", "queued", "given up", "next 0", "◆"] {
                #expect(!text.contains(word), "\(word) on \(page)")
            }
        }
        #expect(on("3", Scenes.quiet()).text.contains("No emergency is open, and none was for"))
    }

    @Test func `the story has this emergency only, with its end, and says what is missing`() {
        var scene = Scenes.quiet()
        scene.events = [
            event(1, "noted", "note: of another one", emergency: "emergency_20260104_009"),
            event(2, "step-ended", "a backup", emergency: nil),
            event(3, "noted", "note: first"), event(4, "delivery-started", "mail begins"),
            event(5, "emergency-deactivated", "deactivated", by: "ines", emergency: nil),
            event(6, "noted", "note: afterwards", emergency: nil),
        ]
        let player = on("3", scene)
        let kinds = EmergencyScreen.story(player.model).map(\.seq)
        #expect(kinds == [3, 5])
        #expect(player.text.contains("What came before is in the journal"))
        #expect(player.text.contains("Last emergency emergency_20260105_001"))
    }

    @Test func `repeats are told once, with their number`() {
        var scene = Scenes.high()
        scene.events =
            [event(1, "emergency-activated", "it began")]
            + (2...9).map { event($0, "delivery-ended", "mail failed") }
            + [event(10, "noted", "note: x")]
        let text = on("3", scene).text
        #expect(text.contains("mail failed (8×)") && !text.contains("What came before"))
    }

    @Test
    func `failures of one delivery are one line in both lists, also between those of another`() {
        var scene = Scenes.high()
        scene.events = (1...9).map { number in
            EventReport(
                seq: number, at: Scenes.ago(Double(100 - number)), kind: "delivery-ended",
                text: "pager to \(number % 2 == 0 ? "Ines" : "Oren") failed, attempt \(number)",
                tone: .warning, by: "engine", emergency: Scenes.id, procedure: nil,
                message: "message_\(number % 2).1")
        }
        for page in ["1", "3"] as [Character] {
            let text = on(page, scene).text
            #expect(text.contains("Oren failed, attempt 9"), "\(page)")
            #expect(text.contains("Ines failed, attempt 8"), "\(page)")
            #expect(!text.contains("attempt 7") && text.contains("5×"), "\(page)")
        }
    }

    @Test func `offsets are counted from the activation, before the end and after it`() {
        var scene = Scenes.high()
        scene.events = [
            event(1, "component-failed", "delivery failed"),
            event(20, "emergency-activated", "emergency activated at level 2 High: errors"),
            event(50, "noted", "note: x"),
        ]
        scene.situation.core.emergency?.activatedAt = Scenes.ago(80)
        var player = on("3", scene)
        #expect(player.text.contains("+00:30"))
        var core = scene.situation.core
        core.emergency = nil
        core.level = nil
        core.quietSince = Scenes.now.rfc3339
        player.hear(StreamLine(change: SituationChange(time: Scenes.now.rfc3339, core: core)))
        for text in ["+00:30", "Delivery errors above 10 %", "▲ 2 High", "Tomas Lind   told"] {
            #expect(player.text.contains(text), "\(text)")
        }
        // A dashboard that did not see it open knows it from the events.
        scene.situation.core = core
        for text in ["+00:30", "▲ 2 High", "why       errors", "Tomas Lind   told"] {
            #expect(on("3", scene).text.contains(text), "\(text)")
        }
    }

    @Test func `what next has only what belongs to this emergency`() {
        var scene = Scenes.high()
        guard var old = Scenes.recovering().situation.core.procedure else { return }
        old.state = .succeeded
        old.title = "Disable Flash messages"
        old.finishedAt = Scenes.ago(100)
        scene.situation.core.lastProcedure = old
        old.startedAt = Scenes.ago(700)
        scene.situation.core.lastProcedure = old
        #expect(!Player(scene).text.contains("Disable Flash messages"))
        // Cleared away after the one before, when this one was open already.
        old.kind = .fallback
        old.name = "flash"
        old.startedBy = "engine"
        old.startedAt = Scenes.ago(600)
        scene.situation.core.lastProcedure = old
        #expect(!Player(scene).text.contains("Disable Flash messages"))
        old.startedBy = "ines"
        scene.situation.core.lastProcedure = old
        #expect(Player(scene).text.contains("Disable Flash messages succeeded"))
    }

    @Test func `what failed already at the end is not nothing to do`() {
        var scene = Scenes.failedAndQuiet()
        let text = Player(scene, width: 300, height: 60).text
        #expect(text.contains("delivery is failed and no emergency is open: nobody will be"))
        #expect(text.contains("e declares one") && !text.contains("Nothing to do"))
        scene.situation.core.quietSince = Scenes.ago(6000)
        #expect(
            Player(scene, width: 300, height: 60).text.contains(
                "no emergency is open yet: a trigger"))
    }

    @Test func `an end while something fails says what it stops`() {
        var player = on("1", Scenes.high(), 80, 24)
        player.press(.character("D"))
        for text in [
            "Everybody who was told hears that it is over", "(on now: Emergency",
            "Triggers that hold now raise nothing until they have ended once",
        ] {
            #expect(player.text.contains(text), "\(text)")
        }
    }

    @Test func `what still fails is named once`() {
        var scene = Scenes.high()
        scene.situation.core.emergency?.stillHolding = ["delivery-errors", "component delivery"]
        let model = Player(scene).model
        #expect(model.stillFailing == ["delivery-errors", "component delivery"])
        scene.situation.core.emergency?.stillHolding = ["delivery"]
        #expect(Player(scene).model.stillFailing == ["delivery"])
        #expect(!on("3", scene).text.contains("delivery, delivery"))
    }

    @Test func `a failing channel says since when`() {
        #expect(
            on("1", Scenes.failingChannel()).text.contains("▲ mail fails since 13:52, 1 queued"))
        #expect(on("6", Scenes.failingChannel()).text.contains("since 13:52: mail.example.com"))
        #expect(on("6", Scenes.failingChannel(), 80, 24).text.contains("mail fails · text works"))
    }

    @Test func `everybody who was not told is named, also in the smallest window`() {
        var scene = Scenes.everythingDown()
        scene.situation.core.alarms = [
            "NOT TOLD: Priya — refused by 127.0.0.1", "NOT TOLD: Oren — no channel reaches them",
        ]
        #expect(on("1", scene, 40, 10).text.contains("✖ NOT TOLD: 2 people — Priya, Oren"))
        #expect(on("1", scene, 160, 48).text.contains("✖ NOT TOLD: Oren — no channel"))
    }

    @Test func `an engine that is gone stops the clocks, and says what that means and what helps`()
    {
        for page in Self.pages {
            var player = on(page, Scenes.high())
            player.take(.disconnected("the engine closed the stream"))
            player.wait(600)
            let text = player.text.replacing("\n", with: " ")
            #expect(text.contains("nothing is watched and nobody is told"), "\(page)")
            #expect(text.contains("as of 14:03:27"), "\(page)")
            #expect(
                text.contains("--runbook /etc/tocsin/tocsin.yaml --state /run/tocsin"), "\(page)")
            #expect(text.contains("04:12 left"), "\(page)")
        }
        #expect(on("1", Scenes.high(), 40, 10).model.startCommand.hasSuffix("--state /run/tocsin"))
    }

    @Test func `the timeline scrolls to its end and no further`() {
        var scene = Scenes.high()
        scene.events =
            [event(1, "emergency-activated", "it began")]
            + (2...90).map { event($0, "noted", "note \($0)") }
        var player = on("3", scene, 80, 24)
        #expect(player.text.contains("note 90") && !player.text.contains("it began"))
        player.press(.end)
        #expect(player.text.contains("it began") && !player.text.contains("note 90"))
        player.press(.down, .pageDown, .up, .up, .up)
        player.press(.home)
        #expect(player.text.contains("note 90"))
    }

    @Test func `where not everybody fits, those that need somebody are named`() {
        let model = Player(Scenes.everythingDown()).model
        let told = model.emergency?.told ?? []
        func text(_ room: Int) -> String {
            Told.runs(told, model, room: room).map(\.text).joined()
        }
        #expect(text(60) == "Ines ▲ Tomas ▲ Priya ✖ Oren …")
        #expect(text(27) == "Priya ✖ Ines ▲ Tomas ▲  1 …")
        #expect(text(20) == "Priya ✖  2 ▲  1 …")
        #expect(text(14) == "1 ✖  2 ▲  1 …")
    }

    @Test(arguments: [
        ("Ines Moreau", "Ines"), ("The administrator", "The administrator"),
        ("The Administrator", "The Administrator"), ("ops", "ops"),
        ("Night shift", "Night shift"), ("Ana Maria Lopez", "Ana Maria Lopez"),
    ])
    func `only a person's name is shortened`(name: String, short: String) {
        var scene = Scenes.quiet()
        scene.runbook.people[0].name = name
        #expect(Player(scene).model.firstName("ines") == short)
    }

    @Test func `a delivery says how far it is`() {
        let model = Player(Scenes.quiet()).model
        func words(
            _ state: DeliveryState, attempts: Int, next: Double? = nil, repeats: Bool = false
        ) -> String {
            let one = Scenes.delivery(
                1, "mail", "email", [], state, attempts: attempts, next: next, trouble: "no",
                receipt: "yes", mayRepeat: repeats)
            let words = DeliveryWords(one, model)
            return "\(words.sign) \(words.state): \(words.detail)"
        }
        #expect(words(.waiting, attempts: 0) == "… queued: no")
        #expect(words(.waiting, attempts: 3, next: 42) == "▲ try 4 in 00:42: no")
        #expect(words(.waiting, attempts: 1, next: -5) == "▲ try 2 in 00:00: no")
        #expect(words(.sending, attempts: 1) == "▶ sending: no")
        #expect(words(.delivered, attempts: 2) == "✔ 13:52:45, try 2: yes")
        #expect(words(.dropped, attempts: 0) == "· not needed: no")
        #expect(words(.dead, attempts: 9) == "✖ given up, 9 tries: no")
        #expect(words(.delivered, attempts: 1, repeats: true).hasSuffix("may arrive twice; yes"))
    }

    @Test func `three hundred deliveries are a list, not a flood`() {
        var scene = Scenes.everythingDown()
        scene.situation.deliveries = (0..<300).map {
            var one = Scenes.delivery(1, "mail", "email", ["Ines Moreau"], .waiting, attempts: 1)
            one.id = "message_\($0).1"
            return one
        }
        var player = on("6", scene, 80, 24)
        #expect(player.text.contains("more ↓"))
        for _ in 0..<400 { player.press(.down) }
        #expect(DeliveryList.selected(player.model)?.id == "message_0.1")
        #expect(on("3", scene).text.contains("more, on screen 6"))
    }

    @Test(arguments: [
        ("2026-01-05T14:30:00Z", "14:30"), ("2026-01-06T09:00:00Z", "06 Jan 09:00"),
        ("later", "later"),
    ])
    func `an end is a time of day, or another day's`(moment: String, text: String) {
        #expect(Times.until(moment, now: Scenes.now) == text)
    }
}
