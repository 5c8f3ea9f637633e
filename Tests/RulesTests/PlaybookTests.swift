// Playbooks: guards and what replaces a failed step, rollbacks as steps, stopping, pausing, undoing.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

/// Steps whose programs have the step's name.
enum Steps {
    static func one(
        _ name: String, undo: Bool = false, otherwise: Work? = nil
    ) -> Step {
        Step(
            name: name, work: .run(["./\(name)"], input: nil),
            undo: undo ? .run(["./un-\(name)"], input: nil) : nil, otherwise: otherwise)
    }
    static func work(_ name: String) -> Work { .run(["./\(name)"], input: nil) }
    static func of(_ name: String, _ work: Work, otherwise: Work? = nil) -> Step {
        Step(name: name, work: work, otherwise: otherwise)
    }
}

@Suite struct PlaybookTests {
    static func world(
        _ playbooks: [String: [Step]], actions: [String: [Step]] = [:],
        needs: [(String, Int)] = [("administrator", 1)],
        change: (inout Runbook) -> Void = { _ in }
    ) -> RulesWorld {
        RulesWorld(
            ApprovalRunbook.make(needs) { runbook in
                runbook.playbooks = playbooks.sorted { $0.key < $1.key }
                    .map { Playbook(name: $0.key, steps: $0.value) }
                runbook.actions += actions.sorted { $0.key < $1.key }
                    .map { Action(name: $0.key, title: $0.key, steps: $0.value) }
                runbook.rollback?.test = RollbackTest()
                runbook.rollback?.preflight = [Step(name: "Backup", work: .backup)]
                runbook.rollback?.stages = [
                    RollbackStage(
                        name: "Only", steps: [Step(name: "Remove", work: .remove(["new"]))])
                ]
                change(&runbook)
            })
    }
    /// Runs a playbook; the steps that are named fail, every time. - Returns: the steps that ran.
    static func ran(_ world: inout RulesWorld, failing: Set<String>) throws -> [String] {
        try world.ask(.runPlaybook("main"))
        for _ in 0..<50 {
            guard let running = world.running else { break }
            guard case .run(let words, _) = running.step.step.work else {
                try world.end()
                continue
            }
            try world.end(failing.contains(String(words[0].dropFirst(2))) ? .failed : .succeeded)
        }
        return programs(world)
    }
    static func programs(_ world: RulesWorld) -> [String] {
        var plan: Procedure?
        var names: [String] = []
        for (_, event) in world.events {
            if case .procedureStarted(let started) = event { plan = started }
            if case .stepStarted(_, let address, let undo) = event,
                case .run(let words, _) = plan?[address].step.work
            {
                names.append((undo ? "-" : "") + words[0].dropFirst(2))
            }
        }
        return names
    }

    // MARK: Guards

    /// The steps of the playbook `main`, which fail, what runs, and how it ends.
    static let guards: [(name: String, failing: Set<String>, ran: [String], end: ProcedureState)] =
        [
            ("flat", [], ["a", "c"], .succeeded),
            ("flat", ["a"], ["a", "b", "c"], .succeeded),
            ("flat", ["a", "b"], ["a", "b"], .failed),
            ("flat", ["c"], ["a", "c"], .failed),
            // A group: what is left of it is not run.
            ("group", [], ["a1", "a2", "a3", "c"], .succeeded),
            ("group", ["a1"], ["a1", "b", "c"], .succeeded),
            ("group", ["a2"], ["a1", "a2", "b", "c"], .succeeded),
            ("group", ["a3"], ["a1", "a2", "a3", "b", "c"], .succeeded),
            ("group", ["a2", "b"], ["a1", "a2", "b"], .failed),
            // A guard inside the group comes first; when its replacement fails, the group has failed.
            ("nested", [], ["a1", "a2", "a3", "c"], .succeeded),
            ("nested", ["a2"], ["a1", "a2", "n", "a3", "c"], .succeeded),
            ("nested", ["a2", "n"], ["a1", "a2", "n", "b", "c"], .succeeded),
            ("nested", ["a2", "a3"], ["a1", "a2", "n", "a3", "b", "c"], .succeeded),
            ("nested", ["a1"], ["a1", "b", "c"], .succeeded),
            ("nested", ["a2", "n", "b"], ["a1", "a2", "n", "b"], .failed),
            // What replaces is a playbook whose step has something in its place, too.
            ("chain", [], ["a", "c"], .succeeded),
            ("chain", ["a"], ["a", "p", "q", "c"], .succeeded),
            ("chain", ["a", "p"], ["a", "p", "r", "q", "c"], .succeeded),
            ("chain", ["a", "p", "r"], ["a", "p", "r"], .failed),
            ("chain", ["a", "q"], ["a", "p", "q"], .failed),
        ]

    static func book(_ name: String) -> [String: [Step]] {
        switch name {
        case "flat": ["main": [Steps.one("a", otherwise: Steps.work("b")), Steps.one("c")]]
        case "group", "nested":
            [
                "main": [
                    Steps.of("Group", .action(name), otherwise: Steps.work("b")), Steps.one("c"),
                ]
            ]
        default:
            [
                "main": [Steps.one("a", otherwise: .playbook("instead")), Steps.one("c")],
                "instead": [Steps.one("p", otherwise: Steps.work("r")), Steps.one("q")],
            ]
        }
    }

    @Test(arguments: guards.indices)
    func `what replaces a failed step runs in its place`(row: Int) throws {
        let (name, failing, ran, end) = Self.guards[row]
        var world = Self.world(
            Self.book(name),
            actions: [
                "group": [Steps.one("a1"), Steps.one("a2"), Steps.one("a3")],
                "nested": [
                    Steps.one("a1"), Steps.one("a2", otherwise: Steps.work("n")), Steps.one("a3"),
                ],
            ])
        #expect(try Self.ran(&world, failing: failing) == ran, "\(name) \(failing.sorted())")
        #expect(world.situation.lastProcedure?.state == end)
        #expect(world.situation.procedure == nil)
        try world.restart()
    }

    @Test func `every step of a playbook that ended well is over`() throws {
        for row in Self.guards where row.end == .succeeded {
            var world = Self.world(
                Self.book(row.name),
                actions: [
                    "group": [Steps.one("a1"), Steps.one("a2"), Steps.one("a3")],
                    "nested": [
                        Steps.one("a1"), Steps.one("a2", otherwise: Steps.work("n")),
                        Steps.one("a3"),
                    ],
                ])
            _ = try Self.ran(&world, failing: row.failing)
            let done = try #require(world.situation.lastProcedure)
            for address in done.addresses {
                let entry = done[address]
                let isOver = entry.state == .succeeded || entry.state == .skipped
                #expect(isOver || done.isForgiven(address), "\(row.name) \(entry)")
                #expect(entry.state != .skipped || !entry.message.isEmpty)
            }
        }
    }

    @Test func `playbooks, actions and undone actions are opened up`() throws {
        var world = Self.world(
            [
                "main": [
                    Steps.of("Sub", .playbook("sub")), Steps.of("Undo", .undoAction("group")),
                ],
                "sub": [Steps.of("Group", .action("group")), Steps.one("z")],
            ],
            actions: ["group": [Steps.one("a", undo: true), Steps.one("b", undo: true)]])
        #expect(try Self.ran(&world, failing: []) == ["a", "b", "z", "un-b", "un-a"])
    }

    @Test func `a playbook that calls itself comes to an end`() throws {
        let steps = [Steps.one("a"), Steps.of("Again", .playbook("main"))]
        var world = Self.world(["main": steps])
        #expect(try Self.ran(&world, failing: []).count < 30)
    }

    @Test func `what is not there is refused with what is`() throws {
        var world = Self.world(["main": [Steps.one("a")]])
        #expect(refusedRule { try world.ask(.runPlaybook("mian")) } == "unknown-playbook")
        #expect(
            refusedRule { try world.ask(.runPlaybook("main"), by: "vera") }
                == "administrators-only")
    }

    // MARK: A rollback as a step

    static func withRollback(
        _ kind: String = "planned", otherwise: Work? = nil,
        needs: [(String, Int)] = [("administrator", 1)]
    ) throws -> RulesWorld {
        var world = world(
            [
                "main": [
                    Steps.one("a"), Steps.of("Roll back", .rollback(kind), otherwise: otherwise),
                    Steps.one("c"),
                ]
            ], needs: needs)
        try world.ask(.runPlaybook("main"))
        try world.end()
        return world
    }

    @Test func `it runs as a procedure of its own, and the playbook goes on`() throws {
        var world = try Self.withRollback()
        #expect(world.situation.procedure?.kind == .rollback)
        #expect(world.situation.playbook?.name == "main")
        #expect(world.situation.procedure?.parent == world.situation.playbook?.id)
        #expect(
            refusedRule { try world.ask(.recover(action: "restart")) }
                == "one-procedure-at-a-time")
        try world.restart()
        try world.endAll()
        #expect(world.situation.rollback?.state == .succeeded)
        #expect(world.situation.lastProcedure?.state == .succeeded)
        #expect(world.situation.playbook == nil)
        #expect(world.started == ["a", "Roll back", "Backup", "Remove", "c"])
        #expect(world.situation.watch?.rollback == world.situation.rollback?.id)
    }

    @Test func `its failure is the step's, with what replaces it`() throws {
        for instead in [false, true] {
            var world = try Self.withRollback(otherwise: instead ? Steps.work("b") : nil)
            try world.end()
            try world.end(.failed, "no such file")
            #expect(world.situation.rollback?.state == .failed)
            #expect(world.situation.playbook == nil)
            try world.endAll()
            #expect(world.situation.lastProcedure?.state == (instead ? .succeeded : .failed))
            #expect(world.started.last == (instead ? "c" : "Remove"))
            // The rollback is taken up by itself.
            try world.ask(.resumeProcedure)
            try world.endAll()
            #expect(world.situation.rollback?.state == .succeeded)
            #expect(world.situation.procedure == nil)
        }
    }

    @Test func `its undoing is the step's failure`() throws {
        var world = try Self.withRollback(otherwise: Steps.work("b"))
        try world.end()
        try world.ask(.pauseProcedure)
        try world.end(.unknown, "gone")
        #expect(world.situation.procedure?.state == .paused)
        try world.ask(.undoRollback(toStage: nil))
        while world.situation.procedure?.kind == .rollback { try world.end() }
        #expect(world.situation.rollback?.state == .undone)
        try world.endAll()
        #expect(world.started.suffix(2) == ["Roll back, otherwise", "c"])
        #expect(world.situation.lastProcedure?.state == .succeeded)
    }

    @Test func `a paused rollback holds its playbook`() throws {
        var world = try Self.withRollback()
        try world.ask(.pauseProcedure)
        try world.end()
        #expect(world.situation.procedure?.state == .paused)
        try world.pass(.hours(2))
        #expect(world.situation.playbook?.state == .running)
        #expect(world.started.last == "Backup")
        try world.restart()
        try world.ask(.resumeProcedure)
        try world.endAll()
        #expect(world.situation.lastProcedure?.state == .succeeded)
    }

    @Test func `others agree to it while the playbook waits`() throws {
        var world = try Self.withRollback(needs: [("senior-administrator", 1), ("database", 1)])
        #expect(world.situation.ask?.parent == world.situation.procedure?.id)
        #expect(world.situation.procedure?.message.contains("agree") == true)
        try world.restart()
        try world.ask(ApprovalTests.approval, by: "ada")
        #expect(world.situation.procedure?.kind == .rollback)
        #expect(world.situation.procedure?.approvals?.map(\.user) == ["ines", "ada"])
        try world.endAll()
        #expect(world.situation.lastProcedure?.state == .succeeded)
    }

    @Test func `without their agreement the step fails`() throws {
        for expires in [true, false] {
            var world = try Self.withRollback(
                otherwise: Steps.work("b"),
                needs: [("senior-administrator", 1), ("database", 1)])
            if expires {
                try world.pass(.minutes(30))
            } else {
                try world.ask(.vetoRollback(text: "no"), by: "tomas")
            }
            #expect(world.situation.ask == nil)
            try world.endAll()
            #expect(world.started == ["a", "Roll back", "Roll back, otherwise", "c"])
            #expect(world.situation.lastProcedure?.state == .succeeded)
            #expect(world.situation.rollback == nil)
        }
    }

    @Test func `what waits for agreement can be paused, and starts nothing then`() throws {
        var world = try Self.withRollback(needs: [("senior-administrator", 1), ("database", 1)])
        try world.ask(.pauseProcedure)
        #expect(world.situation.procedure?.state == .paused)
        try world.ask(ApprovalTests.approval, by: "ada")
        #expect(world.situation.procedure?.kind == .playbook)
        var resumed = world
        try resumed.ask(.resumeProcedure)
        #expect(resumed.situation.procedure?.kind == .rollback)
        try resumed.endAll()
        #expect(resumed.situation.lastProcedure?.state == .succeeded)
        // And it can be stopped, which ends the request, too.
        try world.ask(.stopProcedure(text: "no need"))
        #expect(world.situation.procedure == nil)
        #expect(world.situation.ask == nil)
        #expect(world.situation.lastProcedure?.message == "stopped by Ines Moreau: no need")
        #expect(world.situation.rollback == nil)
    }

    @Test func `in test mode it runs against copies and watches nothing`() throws {
        var world = try Self.withRollback("test-mode")
        #expect(world.situation.procedure?.testMode == true)
        #expect(world.situation.playbook?.name == "main")
        try world.endAll()
        #expect(world.situation.lastTest?.state == .succeeded)
        #expect(world.situation.rollback == nil)
        #expect(world.situation.watch == nil)
        #expect(world.situation.lastProcedure?.state == .succeeded)
    }

    @Test func `a kind that cannot be now fails the step`() throws {
        var world = Self.world(["main": [Steps.of("Roll back", .rollback("emergency"))]]) {
            $0.rollback?.authorization.append(
                AuthorizationRule(kind: "emergency", needs: [], onlyDuringLevel: .critical))
        }
        try world.ask(.runPlaybook("main"))
        #expect(world.situation.lastProcedure?.state == .failed)
        #expect(world.situation.lastProcedure?.message.contains("level 1") == true)
    }

    // MARK: Stopping, pausing, undoing

    @Test func `only what is paused or waits is stopped, and never a rollback`() throws {
        var world = Self.world(["main": [Steps.one("a"), Steps.one("b")]])
        #expect(refusedRule { try world.ask(.stopProcedure(text: "")) } == "no-procedure")
        try world.ask(.runPlaybook("main"))
        #expect(refusedRule { try world.ask(.stopProcedure(text: "")) } == "pause-first")
        try world.ask(.pauseProcedure)
        try world.end()
        try world.ask(.stopProcedure(text: "enough"), by: "tomas")
        #expect(world.situation.lastProcedure?.state == .failed)
        #expect(world.started == ["a"])

        var rolling = try RollbackTests.rolling()
        try rolling.ask(.pauseProcedure)
        try rolling.end()
        #expect(
            refusedRule { try rolling.ask(.stopProcedure(text: "")) } == "rollback-is-undone")
    }

    @Test func `a playbook can be paused in the middle of a group`() throws {
        var world = Self.world(
            ["main": [Steps.of("Group", .action("group"), otherwise: Steps.work("b"))]],
            actions: ["group": [Steps.one("a1"), Steps.one("a2")]])
        try world.ask(.runPlaybook("main"))
        try world.ask(.pauseProcedure)
        try world.end(.failed, "no")
        // Skipping what is left starts nothing; what replaces it would.
        #expect(world.situation.procedure?.state == .paused)
        #expect(Self.programs(world) == ["a1"])
        try world.restart()
        try world.ask(.resumeProcedure)
        try world.endAll()
        #expect(Self.programs(world) == ["a1", "b"])
        #expect(world.situation.lastProcedure?.state == .succeeded)
    }

    @Test func `a playbook is taken back in reverse, and only what ran`() throws {
        var world = Self.world(
            [
                "main": [
                    Steps.one("a", undo: true), Steps.one("b", undo: true, otherwise: nil),
                    Steps.of("Tick", .confirm("Have you?")), Steps.one("c", undo: true),
                ]
            ])
        try world.ask(.runPlaybook("main"))
        try world.end()
        try world.end()
        #expect(world.situation.procedure?.state == .waiting)
        try world.ask(.undoRollback(toStage: nil))
        #expect(world.running?.step.step.name == "b")
        try world.endAll()
        #expect(Self.programs(world) == ["a", "b", "-b", "-a"])
        #expect(world.situation.lastProcedure?.state == .undone)
        #expect(world.situation.procedure == nil)
    }

    @Test func `a step that enables a fallback runs what that takes, and an undo takes it back`()
        throws
    {
        var world = Self.world([
            "help": [
                Step(name: "Let users know", work: .fallback("flash", enable: true)),
                Steps.one("then", undo: true), Steps.one("last"),
            ]
        ]) { runbook in
            runbook.fallbacks = [
                Fallback(
                    name: "flash", title: "Flash", enable: [Steps.one("on")],
                    disable: [Steps.one("off")], test: [])
            ]
        }
        try world.ask(.runPlaybook("help"))
        #expect(world.started == ["on"])
        #expect(world.situation.enabledFallbacks.isEmpty)
        try world.end()
        #expect(world.situation.enabledFallbacks == ["flash"])
        try world.ask(.pauseProcedure)
        try world.end()
        try world.ask(.undoRollback(toStage: nil))
        try world.end()
        try world.end()
        #expect(world.started == ["on", "Let users know", "then", "-then", "-on"])
        #expect(world.situation.enabledFallbacks.isEmpty)
    }

    @Test func `a rollback in a rollback is none`() throws {
        var world = Self.world([:]) { runbook in
            runbook.playbooks = [
                Playbook(name: "again", steps: [Step(name: "Back", work: .rollback("planned"))])
            ]
            runbook.rollback?.stages = [
                RollbackStage(name: "Only", steps: [Step(name: "Run", work: .playbook("again"))])
            ]
        }
        try world.ask(.rollback(RollbackTests.request("planned")))
        while world.running != nil { try world.end() }
        #expect(world.situation.rollback?.state == .failed)
        #expect(world.situation.procedure == nil)
    }
}
