// What keys do: what is sent to the engine, and above all what is not.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct KeyTests {
    @Test func `a acknowledges, once`() {
        var player = Player(Scenes.high())
        player.press(.character("a"), .character("a"))
        #expect(player.requests == [CommandRequest(command: "acknowledge")])
        player.answer(.done(CommandAnswer(events: [])))
        #expect(player.text.contains("✔ acknowledge: done"))
    }

    @Test func `what cannot be done is not sent, and says why`() {
        var player = Player(Scenes.quiet())
        player.press(.character("a"))
        #expect(player.effects.isEmpty)
        #expect(player.text.contains("no emergency is open; e activates one"))
        player.wait(20)
        #expect(!player.text.contains("no emergency is open; e activates one"))
    }

    @Test func `the last line shows what works now`() {
        #expect(Player(Scenes.high()).lastLine.hasPrefix(" a acknowledge  enter run  R rollback"))
        #expect(!Player(Scenes.quiet()).lastLine.contains("acknowledge"))
        #expect(Player(Scenes.calm()).lastLine.hasPrefix(" D end"))
        #expect(Player(Scenes.exhausted()).lastLine.hasPrefix(" v veto"))
    }

    @Test func `a narrow last line keeps what an emergency asks for`() {
        let line = Player(Scenes.high(), width: 80, height: 24).lastLine
        for hint in [
            "a acknowledge", "enter run", "R rollback", "D end", "o hand over", "n note", "? help",
        ] {
            #expect(line.contains(hint), "\(hint)")
        }
        // The help has the rest, and quits nothing by being full.
        var player = Player(Scenes.high(acknowledged: true), width: 80, height: 24)
        #expect(player.lastLine.contains("A for a time"))
        player.press(.character("?"))
        #expect(player.text.contains("Hand the command of the emergency over to somebody"))
        #expect(player.text.contains("it over "))
    }

    @Test func `the palette says on which screen a letter means what`() {
        var player = Player(Scenes.high())
        player.press(.character(":"))
        player.type("dismiss")
        #expect(player.text.contains("x on screen 6"))
        player = Player(Scenes.everythingDown())
        player.press(.alt("6"), .character(":"))
        player.type("dismiss")
        #expect(!player.text.contains("on screen 6"))
    }

    @Test func `arrows select a proposal, enter runs it`() {
        var player = Player(Scenes.high())
        player.press(.down, .down, .down, .up)
        player.press(.enter)
        #expect(player.requests == [CommandRequest(command: "enable-fallback", name: "flash")])
        player.press(.up, .enter)
        #expect(
            player.requests.last == CommandRequest(command: "recover", name: "restart-websocket"))
        player.press(.down, .down, .enter)
        #expect(player.model.page == .rollback && player.requests.count == 2)
    }

    @Test func `where nothing fails, enter ends the emergency and opens no rollback`() {
        var player = Player(Scenes.calmAfterUndo())
        player.press(.enter)
        #expect(player.model.page == .command && player.text.contains("Nothing fails any more."))
        player.press(.escape, .down, .down, .enter)
        #expect(player.model.page == .rollback)
    }

    @Test func `what nobody knows is not well: the end is not what enter does first`() {
        var scene = Scenes.calmAfterUndo()
        scene.situation.core.health = HealthReport(score: 73, state: .unknown)
        var player = Player(scene)
        #expect(player.model.proposals.last?.title == "End the emergency")
        player.press(.up, .down, .down, .enter)
        #expect(player.text.contains("▲ Nothing is failed, but health is unknown."))
    }

    @Test func `while health is whole, a rollback is only run when it was selected`() {
        var scene = Scenes.calmAfterUndo()
        scene.situation.core.emergency?.stillHolding = ["a report"]
        scene.situation.core.proposals.removeLast()
        var player = Player(scene)
        player.press(.enter)
        #expect(player.model.page == .command && player.text.contains("nothing is selected"))
        player.press(.down, .enter)
        #expect(player.model.page == .rollback)
    }

    @Test func `what was selected stays it when something else comes before it`() {
        var scene = Scenes.calmAfterUndo()
        scene.situation.core.emergency?.stillHolding = ["a report"]
        var player = Player(scene)
        #expect(player.model.proposal?.name == "restart-websocket")
        player.press(.down)
        #expect(player.model.proposal?.kind == "rollback")
        player.hear(StreamLine(start: Scenes.calmAfterUndo()))
        #expect(player.model.proposal?.kind == "rollback" && player.model.selectedProposal == 2)
    }

    @Test func `without an engine the last line offers only what can be done`() {
        var scene = Scenes.quiet()
        scene.runbook.faults = ["flood"]
        var player = Player(scene, width: 120, height: 36)
        #expect(
            player.lastLine.contains("r recovery") && player.lastLine.contains("break the demo"))
        player.take(.disconnected("gone"))
        #expect(!player.lastLine.contains("recovery") && !player.lastLine.contains("break"))
        #expect(player.lastLine.contains("q quit"))
        player = Player(Scenes.high(), width: 120, height: 36)
        player.take(.disconnected("gone"))
        #expect(!player.text.contains("to acknowledge"))
    }

    @Test func `the palette begins with what can be done now`() {
        let entries = CommandPalette.entries(Player(Scenes.quiet()).model, matching: "")
        let firstRefused = entries.firstIndex { $0.refusal != nil } ?? 0
        #expect(firstRefused > 10 && firstRefused < entries.count)
        #expect(entries[firstRefused...].allSatisfy { $0.refusal != nil })
    }

    @Test func `what was said before an emergency does not stand below it`() {
        var player = Player(Scenes.calm())
        player.press(.character("D"), .character("y"))
        player.answer(.done(CommandAnswer(events: [])))
        player.hear(StreamLine(start: Scenes.quiet()))
        #expect(player.text.contains("deactivate-emergency: done"))
        player.hear(StreamLine(start: Scenes.critical()))
        #expect(!player.text.contains("deactivate-emergency"))
    }

    @Test func `an action that loses something asks first`() {
        var scene = Scenes.high()
        scene.situation.core.proposals[0].name = "clear-queues"
        var player = Player(scene)
        player.press(.enter)
        #expect(player.requests.isEmpty)
        #expect(player.text.contains("Undelivered notifications in the queue are dropped"))
        #expect(player.text.contains("$ ./bin/queue clear"))
        player.press(.enter, .character("n"))
        #expect(player.requests.isEmpty && player.model.sheet == nil)
        player.press(.enter, .character("y"))
        #expect(player.requests == [CommandRequest(command: "recover", name: "clear-queues")])
    }

    @Test func `digits go to the screens also where something is proposed`() {
        var player = Player(Scenes.high())
        player.press(.character("3"))
        #expect(player.model.page == .emergency && player.model.selectedProposal == 0)
        #expect(!Player(Scenes.high()).text.contains("1 Restart"))
    }

    @Test func `what is typed on after a question has closed is no command`() {
        var player = Player(Scenes.forATime())
        player.press(.alt("6"), .character("U"))
        player.type("no way")
        player.take(.key(.enter))
        #expect(player.model.sheet == nil && player.effects.isEmpty)
        // Not longer than the typing goes on.
        player.press(.character("o"))
        #expect(player.text.contains("Hand over the command"))
    }

    @Test func `a sheet that was reopened takes what is typed at once`() {
        var player = Player(Scenes.high())
        player.press(.character("o"), .enter)
        #expect(player.text.contains("Hand over to Tomas Lind?"))
        player.type("n")
        player.type("then word")
        #expect(player.text.contains("then word"))
    }

    @Test func `taking the emergency says how it is given back`() {
        var player = Player(Scenes.high())
        #expect(player.lastLine.contains("A for a time"))
        player.press(.character("a"))
        player.answer(.done(CommandAnswer(events: [])))
        #expect(player.text.contains("o hands it on, A 15m lets it run out"))
        player.press(.character(":"))
        player.type("acknowledge")
        #expect(player.text.contains("acknowledge-for"))
    }

    @Test func `digits go to the screens that there are`() {
        var player = Player(Scenes.quiet())
        player.press(.character("4"))
        #expect(player.model.page == .recovery)
        player.press(.character("6"))
        #expect(player.model.page == .escalation)
        player.press(.character("7"))
        #expect(player.model.page == .backups && player.effects == [.loadBackups])
        player.press(.character("6"), .character("2"))
        #expect(player.model.page == .escalation)
        #expect(player.text.contains("2 Probes comes with a later version"))
        player.press(.escape)
        #expect(player.model.page == .command)
        player.press(.alt("5"))
        #expect(player.model.page == .rollback)
    }

    @Test func `an emergency needs a reason and takes a level`() {
        var player = Player(Scenes.quiet())
        player.press(.character("e"), .enter)
        #expect(player.requests.isEmpty)
        #expect(player.text.contains("▸ 1 Critical"))
        player.press(.down)
        player.type("All is lost")
        player.press(.enter)
        #expect(
            player.requests == [
                CommandRequest(command: "activate-emergency", reason: "All is lost", level: 2)
            ])
        #expect(player.model.sheet == nil)
    }

    @Test func `ending an emergency while something fails takes a word about it`() {
        var player = Player(Scenes.high())
        player.press(.character("D"))
        #expect(player.text.contains("delivery-errors, delivery"))
        player.type("  ")
        player.press(.enter)
        #expect(player.requests.isEmpty && player.text.contains("say why it ends all the same"))
        player.type("known since noon")
        player.press(.enter)
        #expect(
            player.requests == [
                CommandRequest(command: "deactivate-emergency", text: "known since noon")
            ])
    }

    @Test(arguments: [Key.character("y"), .enter])
    func `ending a calm one takes a y or enter, and nothing else`(key: Key) {
        var player = Player(Scenes.calm())
        player.press(.character("z"), .character("x"))
        #expect(player.requests.isEmpty)
        player.press(key)
        #expect(player.requests == [CommandRequest(command: "deactivate-emergency")])
    }

    @Test func `a note is written, a dropped one is not`() {
        var player = Player(Scenes.high())
        player.press(.character("n"))
        player.type("q quits nothing here")
        player.press(.escape, .character("n"), .paste("two\nlines\u{1B}[31m"), .enter)
        #expect(player.requests == [CommandRequest(command: "note", text: "two lines[31m")])
    }

    @Test func `a refusal says why and what would help`() {
        var player = Player(Scenes.high())
        player.press(.character("b"))
        player.answer(
            .refused(
                RefusalReport(
                    refused: "one-procedure-at-a-time", why: "Restart is running",
                    remedy: "Wait for its end")))
        #expect(player.text.contains("▲ backup: Restart is running. Wait for its end."))
        player.press(.character("b"))
        let long = String(repeating: "a reason that goes on and on ", count: 12)
        player.answer(.refused(RefusalReport(refused: "x", why: long, remedy: "Do nothing.")))
        #expect(player.text.contains("backup was refused") && player.text.contains("→ Do nothing."))
        player.press(.enter)
        #expect(player.model.sheet == nil)
    }

    @Test func `a command whose answer was lost is not said to be done`() {
        var player = Player(Scenes.high())
        player.press(.character("a"))
        player.answer(.lost("the connection broke"))
        #expect(player.text.contains("look whether it happened"))
    }

    @Test func `fallbacks are switched and tested`() {
        var player = Player(Scenes.high())
        player.press(.character("f"), .down, .enter)
        #expect(player.requests == [CommandRequest(command: "disable-fallback", name: "broadcast")])
        player.press(.character("f"), .character("t"))
        #expect(player.requests.last == CommandRequest(command: "test-fallback", name: "flash"))
    }

    @Test func `faults are only the demo's`() {
        var player = Player(Scenes.quiet())
        player.press(.character("x"))
        #expect(player.effects.isEmpty && player.model.sheet == nil)
        var scene = Scenes.quiet()
        scene.runbook.faults = ["websocket", "complete"]
        player = Player(scene)
        #expect(player.lastLine.contains("x break the demo"))
        player.press(.character("x"), .down, .enter)
        #expect(player.effects == [.readFaults, .setFault("complete", on: true)])
        player.take(.faults(["complete"]))
        #expect(player.text.contains("✖ broken"))
        player.press(.enter)
        #expect(player.effects.last == .setFault("complete", on: false))
    }

    @Test func `the palette finds commands and says why they are refused`() {
        var player = Player(Scenes.high())
        player.press(.character(":"))
        player.type("clrq")
        #expect(player.text.contains("recover clear-queues"))
        player.press(.enter)
        #expect(player.text.contains("Undelivered notifications"))
        player.press(.escape, .character(":"))
        player.type("pause")
        player.press(.enter)
        #expect(player.requests.isEmpty)
        #expect(player.text.contains("pause-rollback: not now — nothing is running"))
    }

    @Test func `themes are tried on and kept or not`() {
        var player = Player(Scenes.high())
        player.press(.character("t"), .down)
        #expect(player.model.theme.id == "tocsin-light")
        player.press(.escape)
        #expect(player.model.theme.id == "tocsin-dark")
        player.press(.character("t"), .down, .down, .enter)
        #expect(player.model.theme.id == "tocsin-colourblind")
        #expect(player.text.contains("--theme tocsin-colourblind"))
    }

    @Test func `y copies the summary, and no more than terminals take`() throws {
        var player = Player(Scenes.high())
        player.press(.character("y"))
        guard case .copy(let text) = try #require(player.effects.last) else { return }
        #expect(text.hasPrefix("vedfolnir: LEVEL 2 High — Delivery errors above 10 %\n"))
        #expect(text.contains("- delivery: failed stats errors 23.1 %"))
        var scene = Scenes.rollingBack()
        scene.situation.core.procedure?.output = Array(
            repeating: String(repeating: "é", count: 999), count: 200)
        player = Player(scene)
        player.press(.character("5"), .character("y"))
        guard case .copy(let long) = try #require(player.effects.last) else { return }
        #expect(long.utf8.count <= 74_994 && long.utf8.count > 70_000)
    }

    @Test func `clicks press and select what is seen`() {
        var player = Player(Scenes.high())
        player.click("Enable fallback")
        #expect(player.model.selectedProposal == 1 && player.requests.isEmpty)
        player.click("acknowledge  enter")
        #expect(player.requests == [CommandRequest(command: "acknowledge")])
        player = Player(Scenes.high(), width: 160, height: 48)
        player.click("Recovery")
        #expect(player.model.page == .recovery)
        player.click("Clear notification")
        #expect(player.model.recovery.selected == 1)
        player.press(.wheelUp(Point(x: 0, y: 0)))
        #expect(player.model.recovery.selected == 0)
        player.press(.character("?"))
        player.click("Clear notification")
        #expect(player.model.recovery.selected == 0)
    }

    @Test func `q leaves, on every screen, and from a sheet only closes it`() {
        for key in ["1", "3", "4", "6"] {
            var player = Player(Scenes.rollingBack())
            player.press(.character(Character(key)), .character("q"))
            #expect(player.effects == [.quit])
        }
        var player = Player(Scenes.high())
        player.press(.character("?"), .character("q"))
        #expect(player.effects.isEmpty && player.model.sheet == nil)
        player.press(.control("c"))
        #expect(player.effects == [.quit])
        player.press(.control("l"), .control("z"))
        #expect(player.effects == [.quit, .redraw, .suspend])
    }

    @Test func `leaving while something runs says that it goes on`() {
        #expect(Player(Scenes.quiet()).model.goodbye == nil)
        #expect(
            Player(Scenes.rollingBack()).model.goodbye
                == "Rollback to Legacy flash messages goes on; `tocsin` shows it.")
    }

    @Test func `the demo's help says what ends with it`() {
        func help(isDemo: Bool) -> String {
            var player = Player(Scenes.rollingBack(), width: 160, height: 48, isDemo: isDemo)
            player.press(.character("?"))
            return player.text
        }
        #expect(help(isDemo: false).contains("Leave; engine, escalation and procedures go on"))
        #expect(help(isDemo: true).contains("Leave; the demo's engine and service end with its"))
        #expect(Player(Scenes.rollingBack(), isDemo: true).model.goodbye == nil)
    }

    @Test func `recovery runs what is selected and asks before the service stops`() {
        var player = Player(Scenes.high())
        player.press(.character("r"), .down, .down, .enter)
        #expect(player.requests == [CommandRequest(command: "recover", name: "restart-services")])
        // One that rolls back asks for the service's name.
        player.press(.down, .down, .enter)
        #expect(player.text.contains("Type vedfolnir to run it"))
        player.press(.escape, .down, .down, .enter)
        #expect(
            player.requests.last == CommandRequest(command: "disable-fallback", name: "broadcast"))
        player.press(.down, .enter)
        #expect(player.requests.count == 2 && player.text.contains("Stop the service?"))
        player.press(.character("y"))
        #expect(player.requests.last == CommandRequest(command: "stop-services"))
    }
}
