// The recovery, procedure and rollback machines, transition by transition.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct RecoveryTests {
    @Test func `an attempt runs its steps and ends well when the triggers have ended`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.recover(action: "restart"))
        #expect(world.situation.procedure?.attempt == 1)
        try world.end()
        #expect(world.running?.step.step.name == "Triggers have ended")
        try world.condition("all-down", false)
        #expect(world.situation.procedure != nil, "it may only be starting")
        try world.pass(.seconds(5))
        #expect(world.situation.procedure == nil)
        #expect(world.situation.lastProcedure?.state == .succeeded)
        #expect(world.situation.emergency?.failedAttempts == 0)
    }

    @Test func `one lucky answer is no success`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.recover(action: "restart"))
        try world.end()
        try world.condition("all-down", false)
        try world.pass(.seconds(2))
        try world.condition("all-down", true)
        try world.pass(.seconds(10))
        #expect(world.situation.lastProcedure?.state == .failed)
    }

    @Test func `an attempt after which a trigger still holds has failed`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.recover(action: "restart"))
        try world.end()
        try world.pass(.seconds(9))
        #expect(world.situation.procedure?.state == .running)
        try world.pass(.seconds(1))
        #expect(world.situation.lastProcedure?.state == .failed)
        #expect(world.situation.emergency?.failedAttempts == 1)
    }

    @Test func `after three attempts no more are made and the rollback is proposed`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        var tried: [String] = []
        for _ in 1...3 {
            let emergency = try #require(world.situation.emergency)
            tried.append(world.rules.nextAction(emergency)?.name ?? "none")
            try world.ask(.recover(action: tried.last))
            try world.end(.failed, "no")
        }
        #expect(tried == ["restart", "clear", "clear"])
        #expect(world.rules.nextAction(try #require(world.situation.emergency)) == nil)
        #expect(
            refusedRule { try world.ask(.recover(action: "restart")) } == "recovery-attempts")
        #expect(refusedRule { try world.ask(.autoRecover) } == "recovery-attempts")
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        #expect(world.rules.rollbackProposals(world.situation, at: world.now).count == 1)
    }

    @Test func `auto-recover goes through the plan until the attempts are used up`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.autoRecover)
        for _ in 1...3 { try world.end(.failed, "no") }
        #expect(world.started == ["Restart it", "Clear them", "Clear them"])
        #expect(world.situation.procedure == nil)
        #expect(world.situation.emergency?.recoversByItself == false)
    }

    @Test func `auto-recover stops as soon as an attempt helps`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.autoRecover)
        try world.end(.failed, "no")
        try world.end()
        try world.condition("all-down", false)
        try world.pass(.seconds(5))
        #expect(
            world.started.filter { $0 != "Triggers have ended" } == ["Restart it", "Clear them"])
        #expect(world.situation.emergency?.recoversByItself == false)
    }

    @Test func `automatic run starts by itself`() throws {
        var world = RulesWorld(SampleRunbook.make(automatic: .run))
        try world.condition("all-down", true)
        #expect(world.situation.procedure?.startedBy == "engine")
    }

    @Test func `outside an emergency an action is maintenance and no attempt`() throws {
        var world = RulesWorld()
        try world.ask(.recover(action: "restart"))
        #expect(world.situation.procedure?.attempt == 0)
        try world.end()
        #expect(world.situation.lastProcedure?.state == .succeeded)
    }

    @Test func `only one procedure at a time`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.recover(action: "restart"))
        for command in [
            Command.recover(action: "clear"), .backup, .switchFallback("flash", enable: true),
        ] {
            #expect(refusedRule { try world.ask(command) } == "one-procedure-at-a-time")
        }
    }

    @Test func `a fallback counts as enabled only after its steps succeeded`() throws {
        var world = RulesWorld()
        try world.ask(.switchFallback("flash", enable: true))
        #expect(world.situation.enabledFallbacks.isEmpty)
        try world.end()
        #expect(world.situation.enabledFallbacks == ["flash"])
        try world.ask(.switchFallback("flash", enable: false))
        try world.end(.failed, "no")
        #expect(world.situation.enabledFallbacks == ["flash"])
    }
}

@Suite struct RollbackTests {
    /// A world whose rollback has been confirmed, at level 1.
    static func rolling() throws -> RulesWorld {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.rollback(request()))
        return world
    }
    static func request(
        _ authorization: String? = nil, name: String = "sample", current: Bool = true
    ) -> RollbackRequest {
        RollbackRequest(
            authorization: authorization, reason: "recovery failed", confirmation: name,
            planIsCurrent: current, testMode: false)
    }
    static let forward = [
        "Assess", "Tell", "Backup", "Stop", "Remove", "Restore", "Drop tables", "Edit", "Start",
        "Web answers",
    ]
    static let receipt = BackupReceipt(
        id: "b1", path: "/b/b1", at: Timestamp(milliseconds: 0), files: 1, bytes: 1, databases: [],
        rows: 0, verified: true)

    @Test func `it runs preflight and seven stages in order and ends done`() throws {
        var world = try Self.rolling()
        #expect(world.situation.procedure?.stages.count == 8)
        while world.running != nil { try world.end() }
        #expect(world.started == Self.forward)
        #expect(world.situation.rollback?.state == .succeeded)
        #expect(world.situation.procedure == nil)
    }

    @Test func `a preflight without a backup gets one before anything is changed`() throws {
        var world = RulesWorld(SampleRunbook.make { $0.rollback?.preflight = [] })
        try world.condition("all-down", true)
        try world.ask(.rollback(Self.request()))
        #expect(world.running?.step.step.work == .backup)
    }

    @Test func `nothing is changed when the backup fails`() throws {
        var world = try Self.rolling()
        #expect(world.running?.step.step.name == "Backup")
        try world.end(.failed, "no space left on device")
        #expect(world.started == ["Assess", "Tell", "Backup"])
        #expect(world.situation.rollback?.state == .failed)
        #expect(world.situation.rollback?.message.contains("no space") == true)
    }

    @Test func `a failed rollback is resumed at the step it failed at`() throws {
        var world = try Self.rolling()
        try world.end()
        try world.end()
        try world.end(.failed, "busy")
        #expect(world.situation.rollback?.state == .failed)
        #expect(
            refusedRule { try world.ask(.rollback(Self.request())) } == "half-done-rollback")
        try world.ask(.resumeProcedure)
        while world.running != nil { try world.end() }
        #expect(world.situation.rollback?.state == .succeeded)
        #expect(world.started.filter { $0 == "Stop" }.count == 1)
        #expect(world.started.filter { $0 == "Remove" }.count == 2)
    }

    @Test func `undo takes back in reverse what ran`() throws {
        var world = try Self.rolling()
        for _ in 1...4 { try world.end() }
        try world.end(.failed, "cannot drop")
        try world.ask(.undoRollback(toStage: nil))
        while world.running != nil { try world.end() }
        #expect(world.situation.rollback?.state == .undone)
        let undone = world.started.filter { $0.hasPrefix("-") }
        #expect(undone == ["-Drop tables", "-Restore", "-Remove", "-Stop"])
        #expect(refusedRule { try world.ask(.undoRollback(toStage: nil)) } == "nothing-to-undo")
    }

    @Test func `an undo that fails says so and can be tried again`() throws {
        var world = try Self.rolling()
        for _ in 1...3 { try world.end() }
        try world.end(.failed, "no")
        try world.ask(.undoRollback(toStage: nil))
        try world.end(.failed, "still no")
        #expect(world.situation.rollback?.state == .failed)
        try world.ask(.undoRollback(toStage: nil))
        while world.running != nil { try world.end() }
        #expect(world.situation.rollback?.state == .undone)
    }

    /// Its undo is a program: whether it ran is not known, and nobody may run it twice.
    @Test(arguments: [true, false])
    func `an undo whose end is unknown is asked about, and goes on`(_ done: Bool) throws {
        var world = try Self.rolling()
        for _ in 1...4 { try world.end() }
        try world.end(.failed, "cannot drop")
        try world.ask(.undoRollback(toStage: nil))
        try world.end(.unknown, "the runner is gone")
        #expect(world.situation.procedure?.state == .waiting)
        #expect(world.situation.procedure?.message.contains("“Drop tables” was taken back") == true)
        #expect(refusedRule { try world.ask(.resumeProcedure) } == "waits-for-an-answer")
        try world.ask(.resolveStep(done: done))
        #expect(world.situation.procedure?.state == .undoing)
        while world.running != nil { try world.end() }
        #expect(world.situation.rollback?.state == .undone)
        let undone = world.started.filter { $0.hasPrefix("-") }
        let again = done ? [] : ["-Drop tables"]
        #expect(undone == ["-Drop tables"] + again + ["-Restore", "-Remove", "-Stop"])
    }

    @Test func `what was saved is put back again when nobody knows whether it was`() throws {
        var world = try Self.rolling()
        for _ in 1...3 { try world.end() }
        try world.end(.failed, "no")
        try world.ask(.undoRollback(toStage: nil))
        try world.end(.unknown, "the runner is gone")
        while world.running != nil { try world.end() }
        #expect(world.situation.rollback?.state == .undone)
        #expect(world.started.filter { $0 == "-Restore" }.count == 2)
    }

    @Test func `pause holds after the running step, and resume goes on`() throws {
        var world = try Self.rolling()
        try world.ask(.pauseProcedure)
        #expect(world.situation.procedure?.state == .running)
        try world.end()
        #expect(world.situation.procedure?.state == .paused)
        #expect(world.running == nil)
        try world.ask(.resumeProcedure)
        #expect(world.running?.step.step.name == "Stop")
    }

    @Test func `a step whose end is unknown is asked about unless it may run again`() throws {
        var world = try Self.rolling()
        try world.end()
        #expect(world.running?.step.step.name == "Stop")
        try world.end(.unknown, "the runner is gone")
        #expect(world.situation.procedure?.state == .waiting)
        #expect(refusedRule { try world.ask(.resumeProcedure) } == "waits-for-an-answer")
        try world.ask(.resolveStep(done: true))
        #expect(world.running?.step.step.name == "Remove")
        // Removing is idempotent: it simply runs again.
        try world.end(.unknown, "the runner is gone")
        #expect(world.running?.step.step.name == "Remove")
        #expect(world.running?.step.starts == 2)
    }

    @Test func `a step that is always unknown does not run for ever`() throws {
        var world = try Self.rolling()
        try world.end()
        try world.end()
        var runs = 0
        while world.running != nil, runs < 20 {
            try world.end(.unknown, "gone")
            runs += 1
        }
        #expect(runs == 3)
        #expect(world.situation.procedure?.state == .waiting)
    }

    @Test func `confirmation, plan and authorization are all needed`() throws {
        var world = RulesWorld()
        let cases: [(RollbackRequest, String, String)] = [
            (Self.request("emergency"), "ines", "rollback-authorization"),
            (Self.request("planned", name: "Sample"), "ines", "rollback-confirmation"),
            (Self.request("planned", name: ""), "ines", "rollback-confirmation"),
            (Self.request("planned", current: false), "ines", "plan-changed"),
            (Self.request("imperial"), "ines", "rollback-authorization"),
            (Self.request("planned"), "vera", "administrators-only"),
        ]
        for (request, user, rule) in cases {
            #expect(refusedRule { try world.ask(.rollback(request), by: user) } == rule)
        }
        #expect(world.events.isEmpty)
        try world.ask(.rollback(Self.request("planned")), by: "ines")
        #expect(world.situation.procedure?.authorization == "planned")
    }

    @Test func `a rule with run_after starts by itself unless it is vetoed`() throws {
        for vetoed in [false, true] {
            var world = RulesWorld()
            try world.condition("all-down", true)
            try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
            try world.pass(.seconds(299))
            #expect(world.situation.procedure == nil)
            if vetoed { try world.ask(.vetoRollback(text: "not tonight")) }
            try world.pass(.seconds(1))
            #expect((world.situation.procedure?.kind == .rollback) == !vetoed)
        }
    }

    @Test func `after a rollback nothing proposes another in the same emergency`() throws {
        var world = try Self.rolling()
        while world.running != nil { try world.end() }
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        #expect(world.rules.rollbackProposals(world.situation, at: world.now).isEmpty)
        try world.pass(.hours(1))
        #expect(world.situation.procedure == nil)
    }

    @Test func `what a procedure stops raises nothing until it should be back`() throws {
        var world = RulesWorld()
        try world.ask(.rollback(Self.request("planned")))
        try world.pass(.seconds(5))
        try world.condition("all-down", true)
        try world.pass(.minutes(3))
        #expect(world.situation.emergency == nil)
        while world.running != nil { try world.end() }
        try world.pass(.seconds(9))
        #expect(world.situation.emergency == nil)
        var healed = world
        try healed.condition("all-down", false)
        try healed.pass(.minutes(5))
        #expect(healed.situation.emergency == nil)
        try world.pass(.seconds(1))
        #expect(world.situation.emergency != nil)
    }

    @Test func `a paused procedure is no excuse for what fails`() throws {
        var world = RulesWorld()
        try world.ask(.rollback(Self.request("planned")))
        try world.ask(.pauseProcedure)
        try world.end()
        try world.condition("all-down", true)
        #expect(world.situation.emergency != nil)
    }

    @Test func `a report about a step that is over changes nothing`() throws {
        var world = try Self.rolling()
        let late = try #require(world.running)
        try world.end()
        let before = world.situation
        try world.ask(
            .stepEnded(
                procedure: late.id, late.address, undo: false,
                StepOutcome(end: .failed, message: "late", seconds: 0)))
        #expect(world.situation == before)
    }

    @Test func `an engine that starts again asks after the step in flight`() throws {
        var world = try Self.rolling()
        try world.ask(.started(version: "2", pid: 2, boot: "b"))
        let effects = world.rules.effects(
            of: .engineStarted(version: "2", pid: 2, boot: "b"), in: world.situation)
        let running = try #require(world.running)
        #expect(
            effects == [.performStep(procedure: running.id, running.address, undo: false)])
    }
}
