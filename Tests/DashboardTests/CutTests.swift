// What has no room: said to be there, reached by keys, and never half a number.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct CutTests {
    private func undo() -> Player {
        var player = Player(Scenes.rolledBackInPublic(), width: 80, height: 22)
        player.press(.character("5"), .character("u"))
        return player
    }
    private static let staying = [
        "Status page", "Drop notification tables", "Log in", "Flash messages", "Performance",
    ]

    @Test func `what cannot be undone is always seen, and what is taken back can be scrolled to`() {
        var player = undo()
        var seen = player.text
        for name in Self.staying { #expect(seen.contains("· \(name) ")) }
        #expect(seen.contains("more ↓  page up/down"))
        for _ in 0..<9 {
            player.press(.pageDown)
            for name in Self.staying { #expect(player.text.contains("· \(name) ")) }
            seen += player.text
        }
        #expect(player.text.contains("more ↑") && !player.text.contains("more ↓  page"))
        for name in ["Start web", "Remove settings", "Restore legacy files", "Stop web"] {
            #expect(seen.contains("↩ \(name)"), "\(name)")
        }
        player.press(.pageUp)
        #expect(player.text.contains("more ↓"))
    }

    @Test func `in a small window what cannot be undone stands in a row`() {
        var player = Player(Scenes.rolledBackInPublic(), width: 80, height: 17)
        player.press(.character("5"), .character("u"))
        let words = player.text.split(whereSeparator: { " │\n".contains($0) }).joined(
            separator: " ")
        for name in Self.staying { #expect(words.contains(name)) }
        #expect(player.text.contains("↩ Start web"))
    }

    @Test func `plan, dry run and undo mark the same steps`() {
        let procedure = Scenes.rolledBackInPublic().situation.core.rollback
        let steps = (procedure?.stages ?? []).flatMap(\.steps)
        var plan = Scenes.plan()
        plan.stages = [
            PlannedStageReport(
                name: "All",
                steps: steps.map {
                    PlannedStepReport(
                        name: $0.name, kind: $0.kind, command: $0.command, undoable: $0.undoable)
                })
        ]
        let marked = RollbackSheet.planLines(plan, width: 200, spaced: false)
            .filter { $0.contains { $0.text.contains("cannot be undone") } }.map { $0[1].text }
        let staying = procedure.map { UndoSheet.choices($0)[0].stays.map(\.name) } ?? []
        #expect(marked == Self.staying)
        #expect(marked.reversed() == staying)
    }

    @Test func `stages that are cut say so, and the arrows scroll them`() {
        var player = Player(Scenes.watched(), width: 80, height: 24)
        player.press(.character("5"))
        #expect(player.text.contains("✔ Preflight"))
        #expect(player.text.contains("2 more ↓  ↑↓ scrolls"))
        player.press(.down, .down, .down)
        #expect(player.text.contains("2 more ↑  ↑↓") && player.text.contains("✔ Validation"))
        player.press(.up)
        #expect(player.text.contains("1 more ↑ · 1 more ↓"))
        // Where all are there, they scroll the output.
        player = Player(Scenes.rollingBack(), width: 120, height: 48)
        player.press(.character("5"), .up, .up)
        #expect(player.text.contains("2 lines back"))
    }

    @Test func `backups that are cut are counted, and no number is`() {
        for (width, height) in [(80, 24), (100, 24), (120, 20), (120, 36), (160, 48)] {
            var player = Player(Scenes.calm(), width: width, height: height)
            player.press(.character("7"))
            player.take(.backups(Scenes.manyBackups()))
            let frame = view(player.model)
            let rows = (0..<height).map { frame.row($0) }.filter { $0.contains("T0200") }
            #expect(rows.allSatisfy { $0.contains(" verified") || $0.contains("unverified") })
            #expect(!rows.contains { $0.prefix(width / 2).contains("…") })
            let shown = rows.filter { $0.contains("20251") }.count
            #expect(player.text.contains("more ↓") == (shown < 7), "\(width)×\(height)")
        }
    }

    @Test func `a narrow banner leaves whole facts out, the attempts last`() {
        var scene = Scenes.high(acknowledged: true)
        scene.situation.core.emergency?.reopenings = 2
        scene.situation.core.emergency?.recoveryAttempts = 1
        scene.situation.core.emergency?.ticket = "OPS-4242"
        for width in 76...160 {
            let frame = view(Player(scene, width: width, height: 24).model)
            let row = frame.row(3)
            #expect(row.contains("recovery tried 1 of 3"), "\(width): \(row)")
            #expect(row.contains("acknowledged by Ines Moreau") && !row.contains("…"))
            #expect(!row.contains("reopened") || row.contains("· reopened twice"))
        }
        #expect(view(Player(scene, width: 160, height: 24).model).row(3).contains("reopened twice"))
    }

    @Test func `the alarm of an engine that is gone is made of whole parts`() {
        for width in 60...200 {
            var player = Player(Scenes.high(), width: width, height: 24)
            player.take(
                .disconnected("nobody listens at /run/tocsin/engine.sock: connection refused"))
            let frame = view(player.model)
            let rows = (1...3).map { frame.row($0) }.joined()
            #expect(rows.contains("nobody is told"))
            #expect(!rows.prefix { $0 != "┏" && $0 != "▲" }.contains("…"), "\(width): \(rows)")
        }
    }

    @Test func `the header says that there are other screens, unless something is wrong`() {
        for (width, words) in [
            (80, "1 Command 3 4 5 6 7"), (120, "1 Command 3 Emergency 4 Recovery 5 Rollback"),
        ] {
            for page in ["1", "3", "4", "5", "6", "7"] {
                var player = Player(Scenes.quiet(), width: width, height: 24)
                player.press(.character(Character(page)))
                let header = view(player.model).row(0)
                let digits = header.filter { "134567".contains($0) }
                #expect(digits.hasPrefix("134567"), "\(header)")
                if page == "1" { #expect(header.contains(words)) }
                #expect(header.contains("● live") && header.contains("14:03:27"))
            }
        }
        var player = Player(Scenes.quiet(), width: 80, height: 24)
        player.click("5 6 7")
        #expect(player.model.page == .rollback)
        player.take(.disconnected("gone"))
        let header = view(player.model).row(0)
        #expect(header.contains("✖ gone — reconnecting") && header.contains("as of 14:03:27"))
    }

    @Test func `proposals that are cut are counted, and the selected one is in sight`() {
        var scene = Scenes.high()
        scene.situation.core.proposals = (1...9).map {
            ProposalReport(
                kind: "recovery", name: "action-\($0)", title: "Action \($0)", why: "", runsAt: nil)
        }
        var player = Player(scene, width: 80, height: 24)
        #expect(player.text.contains("▸ Action 1") && player.text.contains("more ↓"))
        for _ in 0..<8 { player.press(.down) }
        #expect(player.text.contains("▸ Action 9") && player.text.contains("more ↑"))
    }
}
