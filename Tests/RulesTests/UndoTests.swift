// Taking back, to the start or to a stage; and what no procedure does in any of its states.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct UndoTests {
    /// A rollback of which so many steps have succeeded after the preflight, at level 1.
    static func rolled(
        _ steps: Int, change: (inout Runbook) -> Void = { _ in }
    ) throws -> RulesWorld {
        var world = RulesWorld(SampleRunbook.make(change: change))
        try world.condition("all-down", true)
        try world.ask(.rollback(RollbackTests.request()))
        for _ in 0...steps { try world.end() }
        return world
    }
    static func undone(_ world: RulesWorld) -> [String] {
        world.started.filter { $0.hasPrefix("-") }
    }

    @Test func `a stage and those after it are taken back, and it pauses there`() throws {
        var world = try Self.rolled(5)
        try world.ask(.pauseProcedure)
        try world.end()
        try world.ask(.undoRollback(toStage: "Database rollback"))
        try world.endAll()
        #expect(Self.undone(world) == ["-Start", "-Edit", "-Drop tables"])
        #expect(world.situation.procedure?.state == .paused)
        #expect(
            world.situation.procedure?.message == "taken back to before “Database rollback”")
        #expect(world.situation.procedure?.undoneTo == nil)
        try world.pass(.hours(1))
        #expect(world.running == nil)
        try world.restart()

        var onwards = world
        try onwards.ask(.resumeProcedure)
        #expect(onwards.running?.step.step.name == "Drop tables")
        try onwards.endAll()
        #expect(onwards.situation.rollback?.state == .succeeded)
        #expect(onwards.started.suffix(4) == ["Drop tables", "Edit", "Start", "Web answers"])

        // Further back, in two goes.
        try world.ask(.undoRollback(toStage: "Component removal"))
        try world.endAll()
        #expect(world.situation.procedure?.state == .paused)
        try world.ask(.undoRollback(toStage: nil))
        try world.endAll()
        #expect(
            Self.undone(world) == [
                "-Start", "-Edit", "-Drop tables", "-Restore", "-Remove", "-Stop",
            ])
        #expect(world.situation.rollback?.state == .undone)
    }

    @Test func `a rollback that succeeded can be taken back to a stage, too`() throws {
        var world = try Self.rolled(7)
        #expect(world.situation.rollback?.state == .succeeded)
        #expect(world.situation.watch != nil)
        try world.ask(.undoRollback(toStage: "Service restart"))
        #expect(world.situation.watch == nil)
        try world.endAll()
        #expect(Self.undone(world) == ["-Start"])
        #expect(world.situation.procedure?.state == .paused)
        try world.ask(.resumeProcedure)
        try world.endAll()
        #expect(world.situation.rollback?.state == .succeeded)
        #expect(world.situation.watch != nil)
        #expect(world.situation.pastProcedures.count { $0.kind == .rollback } == 1)
    }

    @Test func `a stage is found by its name in any case`() throws {
        var world = try Self.rolled(7)
        try world.ask(.undoRollback(toStage: "SERVICE restart"))
        try world.endAll()
        #expect(Self.undone(world) == ["-Start"])
    }

    @Test func `the status page is told again when its step is taken back`() throws {
        func page(_ status: String) -> Work { .statusPage(status: status, message: status) }
        var world = try Self.rolled(7) {
            $0.statusPage = .http(HTTPRequest(url: .plain("http://127.0.0.1/status")))
            $0.rollback?.preflight.insert(
                Step(name: "Page", work: page("maintenance"), undo: page("operational")), at: 0)
        }
        func told() -> [String] {
            world.situation.outbox.values.map(\.message).filter { $0.purpose == .statusPage }
                .map(\.text)
        }
        #expect(told() == ["maintenance"])
        try world.ask(.undoRollback(toStage: nil))
        try world.endAll()
        #expect(world.situation.rollback?.state == .undone)
        #expect(told() == ["maintenance", "operational"])
    }

    @Test func `a stage that is not there is refused with those that are`() throws {
        var world = try Self.rolled(7)
        #expect(
            refusedRule { try world.ask(.undoRollback(toStage: "Datenbank")) } == "unknown-stage")
        #expect(world.situation.rollback?.state == .succeeded)
    }

    @Test func `what has no undo is passed over and says so`() throws {
        var world = try Self.rolled(4) {
            $0.rollback?.stages[0].steps[0].undo = nil
        }
        try world.end(.failed, "no")
        try world.ask(.undoRollback(toStage: nil))
        try world.endAll()
        #expect(Self.undone(world) == ["-Edit", "-Drop tables", "-Restore", "-Remove"])
        let rollback = try #require(world.situation.rollback)
        #expect(rollback.state == .undone)
        #expect(rollback.stages[1].steps[0].message == "has no undo")
        #expect(rollback.stages[0].steps[0].message == "nothing to take back")
    }

    @Test func `an undo of which nobody knows the end runs again only when a person says so`()
        throws
    {
        var world = try Self.rolled(3)
        try world.end(.failed, "no")
        try world.ask(.undoRollback(toStage: nil))
        while world.running?.step.step.name != "Drop tables", world.running != nil {
            try world.end()
        }
        try world.end(.unknown, "gone")
        #expect(world.running == nil)
        #expect(world.situation.procedure?.state == .waiting)
        #expect(world.situation.procedure?.message.contains("Drop tables") == true)
        try world.ask(.resolveStep(done: false))
        #expect(world.running?.step.step.name == "Drop tables")
        #expect(world.running?.undo == true)
        try world.endAll()
        #expect(world.situation.rollback?.state == .undone)
    }

    @Test func `a step that may have run is taken back, also when it was to run again`() throws {
        var world = try Self.rolled(3)
        try world.ask(.pauseProcedure)
        try world.end(.unknown, "gone")
        #expect(world.situation.procedure?.state == .waiting)
        try world.ask(.resolveStep(done: false))
        #expect(world.situation.procedure?.state == .paused)
        try world.ask(.undoRollback(toStage: nil))
        try world.endAll()
        #expect(Self.undone(world).first == "-Drop tables")
        #expect(world.situation.rollback?.state == .undone)
    }

    @Test func `what may or may not have been taken back does not run again unasked`() throws {
        var world = try Self.rolled(3)
        try world.ask(.pauseProcedure)
        try world.end()
        try world.ask(.undoRollback(toStage: nil))
        for _ in 0..<9 where world.running != nil { try world.end(.unknown, "gone") }
        #expect(world.situation.procedure?.state == .waiting)
        #expect(world.running == nil)
        // Going on is no answer to what became of the step.
        #expect(refusedRule { try world.ask(.resumeProcedure) } == "waits-for-an-answer")
        #expect(world.running == nil)
        #expect(world.started.filter { $0 == "Drop tables" }.count == 1)
        try world.ask(.resolveStep(done: false))
        #expect(world.running?.step.step.name == "Drop tables")
    }

    @Test func `what waits for a person can be taken back`() throws {
        var world = try Self.rolled(1) {
            $0.rollback?.stages[1].steps.insert(
                Step(name: "Tick", work: .confirm("Is the door shut?")), at: 0)
        }
        #expect(world.situation.procedure?.state == .waiting)
        #expect(world.messages.last?.title.hasPrefix("ROLLBACK WAITS") == true)
        try world.ask(.undoRollback(toStage: nil))
        // Nobody performs the ticking: nothing may wait for its end.
        #expect(world.running?.step.step.name == "Stop")
        try world.endAll()
        #expect(Self.undone(world) == ["-Stop"])
        #expect(world.situation.rollback?.state == .undone)
        #expect(world.situation.procedure == nil)
    }

    @Test func `what was taken back does not start again by itself`() throws {
        var world = try Self.rolled(7)
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        try world.ask(.undoRollback(toStage: nil))
        try world.pass(.minutes(6))
        try world.endAll()
        #expect(world.situation.rollback?.state == .undone)
        try world.pass(.hours(1))
        #expect(world.situation.procedure == nil)
        #expect(world.events.count { $0.event.kind == "procedure-started" } == 1)
    }

    @Test func `a backup that may be passed over is none to rely on`() throws {
        let backups = [
            Step(name: "Backup", work: .backup, otherwise: Steps.work("b")),
            Step(name: "Backup", work: .backup, check: Steps.work("is-there")),
            Step(name: "Backup", work: .action("restart"), otherwise: .backup),
        ]
        for backup in backups {
            let world = RulesWorld(SampleRunbook.make { $0.rollback?.preflight = [backup] })
            let plan = world.rules.rollbackStages(try #require(world.rules.runbook.rollback))
            let last = try #require(plan[0].steps.last)
            #expect(last.step.work == .backup && last.step.check == nil)
            #expect(last.guards == nil && last.replaces == nil)
        }
    }

    @Test func `between two systems nothing is recovered by itself`() throws {
        var world = RulesWorld(SampleRunbook.make(automatic: .run))
        try world.ask(.rollback(RollbackTests.request("planned")))
        try world.end()
        try world.end(.failed, "no")
        try world.condition("all-down", true)
        try world.pass(.hours(1))
        #expect(world.situation.emergency != nil)
        #expect(world.situation.procedure == nil)
        try world.ask(.undoRollback(toStage: nil))
        for _ in 0..<9 where world.situation.procedure?.kind == .rollback { try world.end() }
        #expect(world.situation.procedure?.kind == .recovery)
    }

    // MARK: Transitions never taken

    enum State: String, CaseIterable {
        case nothing, running, pausing, paused, waiting, undoing, playing, testing, failed,
            succeeded, undone, asked, counting
    }
    static func world(_ state: State) throws -> RulesWorld {
        switch state {
        case .nothing: return RulesWorld()
        case .running: return try rolled(2)
        case .pausing:
            var world = try rolled(2)
            try world.ask(.pauseProcedure)
            return world
        case .paused:
            var world = try rolled(2)
            try world.ask(.pauseProcedure)
            try world.end()
            return world
        case .waiting:
            var world = try rolled(0)
            try world.end(.unknown, "gone")
            return world
        case .undoing:
            var world = try rolled(7)
            try world.ask(.undoRollback(toStage: nil))
            return world
        case .playing:
            var world = PlaybookTests.world(["main": [Steps.one("a")]])
            try world.ask(.runPlaybook("main"))
            return world
        case .testing:
            var world = PlaybookTests.world(["main": [Steps.one("a")]])
            try world.ask(.rollback(testing))
            return world
        case .failed:
            var world = try rolled(2)
            try world.end(.failed, "no")
            return world
        case .succeeded: return try rolled(7)
        case .undone:
            var world = try world(.undoing)
            try world.endAll()
            return world
        case .asked: return try ApprovalTests.waiting([("administrator", 2)])
        case .counting:
            var world = RulesWorld()
            try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
            return world
        }
    }
    static let testing = RollbackRequest(
        authorization: nil, reason: "practice", confirmation: "sample", planIsCurrent: true,
        testMode: true)

    static let commands: [(String, Command)] = [
        ("pause", .pauseProcedure), ("resume", .resumeProcedure),
        ("undo", .undoRollback(toStage: nil)), ("stop", .stopProcedure(text: "enough")),
        ("resolve", .resolveStep(done: true)), ("backup", .backup),
        ("rollback", ApprovalRunbook.request()), ("test", .rollback(testing)),
        ("approve", ApprovalTests.approval), ("veto", .vetoRollback(text: "")),
    ]
    /// What happens in each state by each command of `tomas`, an administrator: `yes`, or the rule that
    /// refuses it.
    static let table: [State: String] = [
        .nothing: """
        no-procedure nothing-to-resume nothing-to-undo no-procedure no-procedure yes yes \
        no-stand-in nothing-to-approve nothing-to-veto
        """,
        .running: """
        yes not-paused pause-first rollback-is-undone nothing-waits one-procedure-at-a-time \
        one-procedure-at-a-time one-procedure-at-a-time nothing-to-approve nothing-to-veto
        """,
        .pausing: """
        not-running yes pause-first rollback-is-undone nothing-waits one-procedure-at-a-time \
        one-procedure-at-a-time one-procedure-at-a-time nothing-to-approve nothing-to-veto
        """,
        .paused: """
        not-running yes yes rollback-is-undone nothing-waits one-procedure-at-a-time \
        one-procedure-at-a-time one-procedure-at-a-time nothing-to-approve nothing-to-veto
        """,
        .waiting: """
        not-running waits-for-an-answer yes rollback-is-undone yes one-procedure-at-a-time \
        one-procedure-at-a-time one-procedure-at-a-time nothing-to-approve nothing-to-veto
        """,
        .undoing: """
        not-running not-paused pause-first rollback-is-undone nothing-waits \
        one-procedure-at-a-time one-procedure-at-a-time one-procedure-at-a-time \
        nothing-to-approve nothing-to-veto
        """,
        .playing: """
        yes not-paused pause-first pause-first nothing-waits one-procedure-at-a-time \
        one-procedure-at-a-time one-procedure-at-a-time nothing-to-approve nothing-to-veto
        """,
        .testing: """
        yes not-paused pause-first pause-first nothing-waits one-procedure-at-a-time \
        one-procedure-at-a-time one-procedure-at-a-time nothing-to-approve nothing-to-veto
        """,
        .failed: """
        no-procedure yes yes no-procedure no-procedure yes half-done-rollback no-stand-in \
        nothing-to-approve nothing-to-veto
        """,
        .succeeded: """
        no-procedure nothing-to-resume yes no-procedure no-procedure yes rolled-back-already \
        no-stand-in nothing-to-approve nothing-to-veto
        """,
        .undone: """
        no-procedure nothing-to-resume nothing-to-undo no-procedure no-procedure yes yes \
        no-stand-in nothing-to-approve nothing-to-veto
        """,
        .asked: """
        no-procedure nothing-to-resume nothing-to-undo no-procedure no-procedure yes yes \
        no-stand-in yes yes
        """,
        .counting: """
        no-procedure nothing-to-resume nothing-to-undo no-procedure no-procedure yes yes \
        no-stand-in nothing-to-approve yes
        """,
    ]

    @Test(arguments: State.allCases)
    func `every command is obeyed or refused in every state as the table says`(
        state: State
    ) throws {
        let expected = try #require(Self.table[state]).split(separator: " ").map(String.init)
        #expect(expected.count == Self.commands.count)
        for ((name, command), rule) in zip(Self.commands, expected) {
            var world = try Self.world(state)
            let before = world.situation
            let refused = refusedRule { try world.ask(command, by: "tomas") }
            #expect(refused ?? "yes" == rule, "\(name) while \(state)")
            if refused != nil { #expect(world.situation == before) }
        }
    }

    @Test(arguments: State.allCases)
    func `nobody who is no administrator is obeyed in any state`(state: State) throws {
        for (name, command) in Self.commands where name != "approve" {
            var world = try Self.world(state)
            for user in ["vera", "mallory", "", "engine", "root"] {
                #expect(
                    refusedRule { try world.ask(command, by: user) } == "administrators-only",
                    "\(name) by \(user)")
            }
        }
    }

    @Test func `reports about what does not run change nothing in any state`() throws {
        for state in State.allCases {
            var world = try Self.world(state)
            let before = world.situation
            let running = world.running
            for stage in -1...9 {
                for undo in [false, true] {
                    let address = StepAddress(stage: stage, step: 0)
                    for id in [before.procedure?.id ?? "none", "rollback_20200101_001"] {
                        let isTheOne =
                            running.map {
                                $0.id == id && $0.address == address && $0.undo == undo
                            } ?? false
                        if isTheOne { continue }
                        try world.ask(
                            .stepEnded(
                                procedure: id, address, undo: undo,
                                StepOutcome(end: .succeeded, message: "", seconds: 1)))
                    }
                }
            }
            #expect(world.situation == before, "\(state)")
        }
    }

    @Test func `a rollback that stands is not done a second time, unless somebody says so`() throws
    {
        var world = try Self.rolled(7)
        #expect(world.situation.rollback?.state == .succeeded)
        var request = RollbackTests.request()
        #expect(
            refusedRule { try world.ask(.rollback(request)) } == "rolled-back-already")
        var later = world
        try later.pass(.hours(24))
        try later.ask(.rollback(request))
        #expect(later.situation.procedure?.kind == .rollback)
        request.again = true
        var again = world
        try again.ask(.rollback(request))
        #expect(again.situation.procedure?.kind == .rollback)
        try world.ask(.undoRollback(toStage: nil))
        try world.endAll()
        request.again = false
        try world.ask(.rollback(request))
        #expect(world.situation.procedure?.kind == .rollback)
    }

    @Test func `while a rollback stands, no rule proposes another`() throws {
        var world = try Self.rolled(7) { runbook in
            runbook.rollback?.when = [
                RollbackRule(name: "down", when: runbook.triggers[0].when, holds: .zero)
            ]
        }
        try world.condition("all-down", false)
        try world.ask(.deactivate(resolvedBy: "", text: "over"))
        try world.pass(.minutes(1))
        try world.ask(.conditionChanged(.rollback("down"), holds: true, why: "it does"))
        try world.pass(.hours(23))
        #expect(world.rules.rollbackProposals(world.situation, at: world.now).isEmpty)
        let ended = try #require(world.situation.rollback?.finishedAt)
        var looks: [Timestamp] = []
        var moment = world.now
        while let next = world.rules.nextDeadline(in: world.situation, after: moment),
            looks.count < 1000
        {
            looks.append(next)
            moment = next
        }
        #expect(looks.contains(ended + .hours(24)), "somebody must look then")
        try world.pass(.hours(1))
        #expect(world.rules.rollbackProposals(world.situation, at: world.now).count == 1)
    }

    @Test func `those concerned hear that a rollback was taken back, and how long it took`() throws
    {
        var world = try Self.rolled(7)
        let ended = world.situation.rollback?.finishedAt
        try world.pass(.hours(1))
        let began = world.now
        try world.ask(.undoRollback(toStage: nil))
        try world.endAll()
        let rollback = try #require(world.situation.rollback)
        #expect(rollback.ranUntil == ended && rollback.undoBeganAt == began)
        let told = try #require(world.messages.last)
        #expect(told.title.contains("TAKEN BACK"), "\(told.title)")
        #expect(told.text.contains(rollback.message))
    }

    @Test func `what a person says of a step is not taken for what was seen`() throws {
        var world = try Self.rolled(3)
        for _ in 0..<9 where world.running != nil { try world.end(.unknown, "gone") }
        #expect(world.situation.procedure?.state == .waiting)
        let address = try #require(world.situation.procedure?.currentAddress)
        try world.ask(.resolveStep(done: true))
        let step = try #require(world.situation.procedure?[address])
        #expect(step.state == .succeeded && step.message.contains("ines"), "\(step.message)")
    }
}
