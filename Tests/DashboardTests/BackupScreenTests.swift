// Screen 7: the list is asked for when it is looked at, and nothing is put back by accident.
import Domain
import Screen
import Testing
import Wire

@testable import Dashboard

@Suite struct BackupScreenTests {
    private func listed(_ scene: StreamStart = Scenes.quiet()) -> Player {
        var player = Player(scene)
        player.press(.alt("7"))
        player.take(.backups(Scenes.backups()))
        return player
    }

    @Test func `a backup is no longer used once the rollback was undone`() {
        for (scene, isUsed) in [(Scenes.rolledBack(), true), (Scenes.undone(), false)] {
            var player = Player(scene)
            player.press(.character("7"))
            var list = Scenes.backups()
            list.backups[0].id = "20260105T140412Z"
            player.take(.backups(list))
            #expect(player.text.contains("Used by") == isUsed)
        }
    }

    @Test func `the newest stands first, with what it holds and what became of it`() {
        let player = listed()
        #expect(player.effects == [.loadBackups])
        #expect(player.text.contains("▸ 20260105T140015Z"))
        #expect(player.text.contains("310 MB") && player.text.contains("1 214 files"))
        #expect(player.text.contains("✔ verified") && player.text.contains("? unverified"))
        #expect(player.text.contains("kept: the last 10, 30 days"))
        #expect(player.text.contains("41.2 GB free there"))
    }

    @Test func `the list is asked for again when a backup has ended`() {
        var player = listed(Scenes.backingUp())
        player.forgetEffects()
        var core = Scenes.quiet().situation.core
        core.lastProcedure = Scenes.backingUp().situation.core.procedure
        core.lastProcedure?.state = .succeeded
        player.hear(StreamLine(change: SituationChange(time: Scenes.ahead(1), core: core)))
        #expect(player.effects == [.loadBackups])
        player.take(.backups(Scenes.backups()))
        player.hear(StreamLine(change: SituationChange(time: Scenes.ahead(2), core: core)))
        #expect(player.effects == [.loadBackups])
    }

    @Test func `a list that cannot be read says why and keeps the old one`() {
        var player = listed()
        player.take(.backupsFailed("permission denied"))
        #expect(player.text.contains("The list could not be read: permission denied"))
        #expect(player.text.contains("20260105T020000Z"))
    }

    @Test func `verifying shows what it found, the damaged one loudest`() {
        var player = listed()
        player.press(.down, .character("V"))
        #expect(
            player.requests == [
                CommandRequest(command: "verify-backup", backup: "20260105T020000Z")
            ])
        #expect(player.text.contains("▶ verifying"))
        player.press(.character("V"))
        #expect(player.requests.count == 1)
        player.answer(.done(CommandAnswer(events: [], checks: Scenes.damage())))
        #expect(player.text.contains("✖ DAMAGED"))
        #expect(player.text.contains("is DAMAGED: static/app.js differs"))
    }

    @Test func `a restore of everything needs the service's name`() {
        var player = listed()
        player.press(.enter)
        #expect(player.text.contains("▲ RESTORE backup 20260105T140015Z, 3 m old"))
        #expect(player.text.contains("Rows written to main in the last 3 m are lost."))
        player.press(.enter)
        player.type("vedfolni")
        player.press(.enter)
        #expect(player.requests.isEmpty && player.text.contains("is not the service's name"))
        player.type("r")
        player.press(.enter)
        #expect(
            player.requests == [
                CommandRequest(command: "restore-backup", backup: "20260105T140015Z")
            ])
        player.answer(.done(CommandAnswer(events: [])))
        #expect(player.model.backups.sheet == nil)
    }

    @Test func `parts are chosen, and a typed path is taken alone`() {
        var player = listed()
        player.press(.enter, .character(" "), .enter, .paste("vedfolnir"), .enter)
        #expect(
            player.requests.last
                == CommandRequest(
                    command: "restore-backup", backup: "20260105T140015Z", databases: []))
        player = listed()
        player.press(.enter, .character("n"), .enter)
        #expect(player.text.contains("Nothing is chosen"))
        player.press(.character("p"), .paste("static/app.js"), .enter, .enter)
        player.press(.paste("vedfolnir"), .enter)
        #expect(
            player.requests.last
                == CommandRequest(
                    command: "restore-backup", backup: "20260105T140015Z",
                    paths: ["static/app.js"], databases: []))
    }

    @Test func `nothing is restored while something else runs`() {
        var player = listed(Scenes.rollingBack())
        player.press(.enter)
        #expect(player.model.backups.sheet == nil)
        player = listed()
        player.press(.enter, .enter, .paste("vedfolnir"))
        player.hear(StreamLine(start: Scenes.rollingBack()))
        player.press(.enter)
        #expect(player.requests.isEmpty && player.text.contains("Not now: Rollback to Legacy"))
    }

    @Test func `a refused restore stays on its sheet`() {
        var player = listed()
        player.press(.enter, .enter, .paste("vedfolnir"), .enter)
        player.answer(
            .refused(
                RefusalReport(refused: "x", why: "there is no source", remedy: "Choose another")))
        #expect(player.text.contains("✖ there is no source. Choose another."))
        #expect(player.model.backups.sheet != nil)
    }

    @Test func `a restore that has ended can be taken back`() {
        var scene = Scenes.quiet()
        scene.situation.core.lastProcedure = Scenes.backingUp().situation.core.procedure
        scene.situation.core.lastProcedure?.name = "restore"
        scene.situation.core.lastProcedure?.title = "Restore 20260105T020000Z"
        scene.situation.core.lastProcedure?.state = .succeeded
        scene.situation.core.lastProcedure?.finishedAt = Scenes.ago(1)
        scene.situation.core.lastProcedure?.stages[0].state = .succeeded
        scene.situation.core.lastProcedure?.stages[0].steps[0].state = .succeeded
        var player = listed(scene)
        player.press(.character("u"))
        #expect(player.text.contains("Undo: Restore 20260105T020000Z?"))
        player.press(.character("y"))
        #expect(player.requests == [CommandRequest(command: "undo-rollback")])
    }
}
