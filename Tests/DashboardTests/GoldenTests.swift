// Every screen in its main situations, at the sizes that people have.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct GoldenTests {
    /// A name, and how to get there.
    static let scenes: [(String, @Sendable (Int, Int) -> Player)] = [
        ("quiet", { Player(Scenes.quiet(), width: $0, height: $1) }),
        ("high", { Player(Scenes.high(), width: $0, height: $1) }),
        ("critical", { Player(Scenes.critical(), width: $0, height: $1) }),
        ("acknowledged", { Player(Scenes.high(acknowledged: true), width: $0, height: $1) }),
        ("overdue", { Player(Scenes.high(overdue: true), width: $0, height: $1) }),
        ("recovering", { Player(Scenes.recovering(), width: $0, height: $1) }),
        ("calm", { Player(Scenes.calm(), width: $0, height: $1) }),
        ("recovery", { keys(Scenes.recovering(), $0, $1, .character("r")) }),
        ("rollback-sheet", { keys(Scenes.exhausted(), $0, $1, .character("R")) }),
        ("rollback-dry-run", { dryRun($0, $1) }),
        ("rollback-running", { keys(Scenes.rollingBack(), $0, $1, .character("5")) }),
        ("rollback-failed", { keys(Scenes.rollbackFailed(), $0, $1, .character("5")) }),
        ("rollback-done", { keys(Scenes.rolledBack(), $0, $1, .character("5")) }),
        ("escalation", { keys(Scenes.high(), $0, $1, .character("6")) }),
        ("failing-channel", { Player(Scenes.failingChannel(), width: $0, height: $1) }),
        ("for-a-time", { Player(Scenes.forATime(), width: $0, height: $1) }),
        ("everything-down", { Player(Scenes.everythingDown(), width: $0, height: $1) }),
        ("emergency", { keys(Scenes.high(acknowledged: true), $0, $1, .alt("3")) }),
        ("emergency-failing-channel", { keys(Scenes.failingChannel(), $0, $1, .alt("3")) }),
        ("emergency-for-a-time", { keys(Scenes.forATime(), $0, $1, .alt("3")) }),
        ("emergency-everything-down", { keys(Scenes.everythingDown(), $0, $1, .alt("3")) }),
        ("emergency-quiet", { keys(Scenes.quiet(), $0, $1, .alt("3")) }),
        ("emergency-afterwards", { keys(Scenes.afterwards(), $0, $1, .alt("3")) }),
        ("escalation-failing-channel", { keys(Scenes.failingChannel(), $0, $1, .alt("6")) }),
        ("escalation-for-a-time", { keys(Scenes.forATime(), $0, $1, .alt("6")) }),
        ("escalation-everything-down", { keys(Scenes.everythingDown(), $0, $1, .alt("6")) }),
        ("escalation-quiet", { keys(Scenes.quiet(), $0, $1, .alt("6")) }),
        ("recovery-everything-down", { keys(Scenes.everythingDown(), $0, $1, .alt("4")) }),
        ("acknowledge-sheet", { keys(Scenes.high(), $0, $1, .character("A")) }),
        ("hand-over-sheet", { keys(Scenes.high(), $0, $1, .character("o")) }),
        ("hand-over-question", { keys(Scenes.high(), $0, $1, .character("o"), .enter) }),
        (
            "report-question",
            {
                keys(
                    Scenes.high(), $0, $1, .alt("3"), .character("x"), .paste("a stranger"), .enter)
            }
        ),
        ("failed-and-quiet", { Player(Scenes.failedAndQuiet(), width: $0, height: $1) }),
        ("level-sheet", { keys(Scenes.high(), $0, $1, .character("l")) }),
        ("deactivate-sheet", { keys(Scenes.high(), $0, $1, .character("D"), .enter) }),
        ("report-sheet", { keys(Scenes.failingChannel(), $0, $1, .alt("3"), .character("x")) }),
        ("notification-sheet", { keys(Scenes.high(), $0, $1, .alt("6"), .character("m")) }),
        ("override-sheet", { keys(Scenes.high(), $0, $1, .alt("6"), .character("O")) }),
        ("test-sheet", { keys(Scenes.failingChannel(), $0, $1, .alt("6"), .character("T")) }),
        ("engine-gone", { gone($0, $1) }),
        ("help", { keys(Scenes.high(), $0, $1, .character("?")) }),
        ("palette", { keys(Scenes.high(), $0, $1, .character(":"), .character("r")) }),
        ("activate", { keys(Scenes.quiet(), $0, $1, .character("e")) }),
        ("request", { Player(Scenes.requested(), width: $0, height: $1) }),
        ("request-on-4", { keys(Scenes.requested(), $0, $1, .alt("4")) }),
        ("rollback-request", { keys(Scenes.requested(), $0, $1, .alt("5")) }),
        ("rollback-approve", { keys(Scenes.requested(), $0, $1, .character("R"), .enter) }),
        ("rollback-asked", { keys(Scenes.asked(), $0, $1, .alt("5")) }),
        ("rollback-ask-sheet", { keys(Scenes.exhausted(), $0, $1, .character("R"), .tab, .tab) }),
        ("rollback-test-sheet", { keys(Scenes.exhausted(), $0, $1, .character("R"), .backTab) }),
        ("rollback-watched", { keys(Scenes.watched(), $0, $1, .alt("5")) }),
        ("rollback-waits", { keys(Scenes.waitsForWord(), $0, $1, .alt("5")) }),
        ("waits", { Player(Scenes.waitsForWord(), width: $0, height: $1) }),
        ("rollback-paused", { keys(Scenes.takenBackToStage(), $0, $1, .alt("5")) }),
        (
            "undo-sheet",
            { keys(Scenes.takenBackToStage(), $0, $1, .alt("5"), .character("u"), .down) }
        ),
        (
            "undo-in-public",
            { keys(Scenes.rolledBackInPublic(), $0, $1, .alt("5"), .character("u")) }
        ),
        ("rollback-undone", { keys(Scenes.undone(), $0, $1, .alt("5")) }),
        ("many-backups", { manyBackups($0, $1) }),
        ("palette-quiet", { keys(Scenes.quiet(), $0, $1, .character(":")) }),
        ("calm-again", { Player(Scenes.calmAfterUndo(), width: $0, height: $1) }),
        ("tested-earlier", { keys(Scenes.testedEarlier(), $0, $1, .alt("5")) }),
        ("test-running", { keys(Scenes.testing(), $0, $1, .alt("5")) }),
        ("test-running-on-6", { keys(Scenes.testing(), $0, $1, .alt("6")) }),
        ("test-done", { keys(Scenes.tested(), $0, $1, .alt("5")) }),
        ("half-done-on-3", { keys(Scenes.rollbackFailed(), $0, $1, .alt("3")) }),
        ("countdown-on-3", { keys(Scenes.exhausted(), $0, $1, .alt("3")) }),
        ("playbook-running", { keys(Scenes.playbook(), $0, $1, .alt("4")) }),
        (
            "playbook-sheet",
            { keys(Scenes.quiet(), $0, $1, .alt("4"), .down, .down, .down, .enter) }
        ),
        ("by-hand", { keys(Scenes.byHand(), $0, $1, .alt("4")) }),
        ("backups", { backups(Scenes.calm(), $0, $1) }),
        ("backups-running", { backups(Scenes.backingUp(), $0, $1) }),
        ("backups-none", { noBackups($0, $1) }),
        ("backups-damaged", { damaged($0, $1) }),
        (
            "restore-sheet",
            { backups(Scenes.calm(), $0, $1, .down, .enter, .down, .character(" ")) }
        ),
        (
            "restore-confirm",
            { backups(Scenes.calm(), $0, $1, .enter, .enter, .paste("vedfolnir")) }
        ),
        ("confirm", { keys(Scenes.high(), $0, $1, .character("r"), .down, .enter) }),
    ]
    static let sizes = [(80, 24), (120, 36), (160, 48)]

    private static func keys(
        _ scene: StreamStart, _ width: Int, _ height: Int, _ keys: Key...
    ) -> Player {
        var player = Player(scene, width: width, height: height)
        for key in keys { player.press(key) }
        return player
    }
    private static func backups(
        _ scene: StreamStart, _ width: Int, _ height: Int, _ keys: Key...
    ) -> Player {
        var player = self.keys(scene, width, height, .alt("7"))
        player.take(.backups(Scenes.backups()))
        for key in keys { player.press(key) }
        return player
    }
    private static func manyBackups(_ width: Int, _ height: Int) -> Player {
        var player = keys(Scenes.calm(), width, height, .alt("7"))
        player.take(.backups(Scenes.manyBackups()))
        for _ in 0..<8 { player.press(.down) }
        return player
    }
    private static func noBackups(_ width: Int, _ height: Int) -> Player {
        var player = keys(Scenes.quiet(), width, height, .alt("7"))
        player.take(
            .backups(
                BackupListReport(to: "/var/backups/vedfolnir", backups: [], freeBytes: 9_000_000)))
        return player
    }
    private static func damaged(_ width: Int, _ height: Int) -> Player {
        var player = backups(Scenes.quiet(), width, height, .down, .character("V"))
        player.answer(.done(CommandAnswer(events: [], checks: Scenes.damage())))
        return player
    }
    private static func dryRun(_ width: Int, _ height: Int) -> Player {
        var player = keys(Scenes.exhausted(), width, height, .character("R"), .character("d"))
        player.answer(.done(CommandAnswer(events: [], plan: Scenes.dryRun())))
        player.press(.enter)
        player.type("vedfolnir")
        return player
    }
    private static func gone(_ width: Int, _ height: Int) -> Player {
        var player = Player(Scenes.high(), width: width, height: height)
        player.take(.disconnected("the engine closed the stream"))
        player.wait(12)
        return player
    }

    @Test(arguments: scenes.map(\.0)) func `looks as it did`(name: String) throws {
        let scene = try #require(Self.scenes.first { $0.0 == name }).1
        for (width, height) in Self.sizes {
            try Goldens.check(view(scene(width, height).model), "\(name)-\(width)x\(height)")
        }
    }

    @Test func `a phone, a corner and a wall look as they did`() throws {
        for (width, height) in [(40, 10), (45, 30), (20, 5), (300, 90)] {
            let player = Player(Scenes.high(), width: width, height: height)
            try Goldens.check(view(player.model), "high-\(width)x\(height)")
        }
        for (name, scene) in [
            ("request", Scenes.requested()), ("waits", Scenes.waitsForWord()),
            ("test-running", Scenes.testing()), ("countdown", Scenes.exhausted()),
        ] {
            let tiny = Player(scene, width: 30, height: 6)
            try Goldens.check(view(tiny.model), "\(name)-30x6")
            let small = Self.keys(scene, 40, 10, .alt("5"))
            try Goldens.check(view(small.model), "rollback-\(name)-40x10")
        }
        for (name, key) in [("emergency", "3"), ("recovery", "4"), ("escalation", "6")] {
            let player = Self.keys(Scenes.everythingDown(), 40, 10, .alt(Character(key)))
            try Goldens.check(view(player.model), "\(name)-everything-down-40x10")
        }
    }

    @Test func `plain ASCII looks as it did, and knows every glyph of ours`() throws {
        try Goldens.check(view(Player(Scenes.high()).model).inASCII(), "high-ascii")
        for (name, key) in [("emergency", "3"), ("escalation", "6")] {
            let player = Self.keys(Scenes.everythingDown(), 120, 36, .alt(Character(key)))
            try Goldens.check(view(player.model).inASCII(), "\(name)-everything-down-ascii")
        }
        for (_, scene) in Self.scenes {
            for (width, height) in Self.sizes {
                let frame = view(scene(width, height).model)
                let plain = frame.inASCII()
                for y in 0..<height {
                    for x in 0..<width where plain.glyph(x: x, y: y) == "?" {
                        let glyph = frame.glyph(x: x, y: y)
                        #expect(glyph == "?", "\(glyph) has no twin in ASCII")
                    }
                }
            }
        }
    }

    @Test func `wide names keep the columns straight`() throws {
        var scene = Scenes.high()
        scene.situation.components[0].name = "网站"
        scene.situation.components[2].probes[0].message = "错误率 23.1 % \u{1B}[31mred\u{7}"
        scene.situation.core.emergency?.reason = "送達エラーが 10 % を超えた 🚨"
        try Goldens.check(view(Player(scene, width: 80, height: 24).model), "wide-80x24")
    }
}
