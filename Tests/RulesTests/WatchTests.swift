// After a rollback; rollbacks that start by themselves; recoveries by hand and overdue; restores.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct WatchTests {
    static let web = ProbeReference(component: "web", probe: "main")
    static let host = ProbeReference(component: "host", probe: "main")

    static func watched(change: (inout Runbook) -> Void = { _ in }) throws -> RulesWorld {
        var world = try UndoTests.rolled(7, change: change)
        #expect(world.situation.watch?.rollback == world.situation.rollback?.id)
        try world.deliverAll()
        return world
    }
    static func probe(
        _ world: inout RulesWorld, _ probe: ProbeReference, _ health: Health
    ) throws {
        try world.ask(
            .probesChanged([ProbeChange(probe: probe, to: health, message: "refused")]))
    }
    static func problems(_ world: RulesWorld) -> Int {
        world.messages.count { $0.title.hasPrefix("ROLLBACK PROBLEM") }
    }
    static func looks(_ world: RulesWorld) -> Int {
        world.events.count { $0.event.kind == "watch-looked" }
    }

    @Test func `it is looked at every five minutes for a day, and then says how it was`() throws {
        var world = try Self.watched()
        try world.pass(.seconds(86_399))
        #expect(Self.looks(world) == 287)
        #expect(world.situation.watch?.looks == 287)
        try world.pass(.seconds(1))
        #expect(world.situation.watch == nil)
        #expect(world.messages.last?.title == "ROLLBACK WATCH ENDED")
        #expect(world.messages.last?.text.hasPrefix("No probe went down") == true)
        #expect(world.rules.nextDeadline(in: world.situation, after: world.now) != world.now)
        try world.pass(.hours(24))
        #expect(Self.looks(world) == 287)
    }

    @Test func `a probe that goes down is a problem, told once and kept once`() throws {
        var world = try Self.watched()
        let told = world.messages.count
        try Self.probe(&world, Self.web, .failed)
        #expect(world.situation.watch?.problems.map(\.probe) == [Self.web])
        #expect(world.situation.watch?.problems.first?.endedAt == nil)
        #expect(world.messages.count == told + 1)
        #expect(world.messages.last?.title == "ROLLBACK PROBLEM: web.main went down")
        try world.pass(.seconds(30))
        try Self.probe(&world, Self.web, .healthy)
        #expect(world.situation.watch?.problems.first?.endedAt == world.now)
        try Self.probe(&world, Self.host, .degraded)
        #expect(world.situation.watch?.problems.count == 1)
        try world.pass(.hours(24))
        #expect(world.messages.last?.text.contains("web.main") == true)
    }

    @Test func `one that comes and goes does not fill anybody's inbox`() throws {
        var world = try Self.watched()
        for _ in 0..<20 {
            try Self.probe(&world, Self.web, .failed)
            try world.pass(.seconds(5))
            try Self.probe(&world, Self.web, .healthy)
            try world.pass(.seconds(5))
        }
        #expect(Self.problems(world) == 1)
        #expect(world.events.count { $0.event.kind == "watch-problem" } == 20)
        // After a while it is news again.
        try world.pass(.hours(1))
        try Self.probe(&world, Self.web, .failed)
        #expect(Self.problems(world) == 2)
    }

    @Test func `a probe that was down already is none, and neither is one that recovers`() throws {
        var world = try Self.watched()
        try Self.probe(&world, Self.web, .unknown)
        try Self.probe(&world, Self.web, .healthy)
        #expect(world.situation.watch?.problems == [])
    }

    @Test func `what a procedure stops on purpose is no problem`() throws {
        var world = try Self.watched()
        try world.ask(.recover(action: "restart"))
        try Self.probe(&world, Self.web, .failed)
        #expect(world.situation.watch?.problems == [])
        try world.endAll()
        #expect(world.situation.procedure == nil)
        try Self.probe(&world, Self.host, .failed)
        #expect(world.situation.watch?.problems.map(\.probe) == [Self.host])
    }

    @Test func `a backup stops nothing, so what goes down meanwhile is a problem`() throws {
        var world = try Self.watched()
        try world.ask(.backup)
        try Self.probe(&world, Self.web, .failed)
        #expect(world.situation.watch?.problems.map(\.probe) == [Self.web])
    }

    @Test func `after a gap it is looked at once, and ends when it should have`() throws {
        var world = try Self.watched()
        let from = world.now
        world.now = from + .hours(3)
        try world.ask(.gap(from: from, why: "the machine slept"))
        #expect(Self.looks(world) == 1)
        try world.restart()
        #expect(Self.looks(world) == 1)
        world.now = from + .hours(30)
        try world.ask(.gap(from: from + .hours(3), why: "the machine slept"))
        #expect(world.situation.watch == nil)
        #expect(Self.looks(world) == 1)
    }

    @Test(arguments: [7_200.0, -7_200])
    func `a clock that is set neither shortens nor lengthens it`(by seconds: Double) throws {
        var world = try Self.watched()
        try world.pass(.hours(1))
        let looks = Self.looks(world)
        world.now = world.now + .seconds(seconds)
        try world.ask(.clockStepped(by: seconds))
        #expect(Self.looks(world) == looks)
        try world.pass(.seconds(82_799))
        #expect(world.situation.watch != nil)
        #expect(Self.looks(world) == 287)
        try world.pass(.seconds(1))
        #expect(world.situation.watch == nil)
    }

    @Test func `another rollback takes its place`() throws {
        var world = try Self.watched()
        let first = world.situation.watch?.rollback
        var request = RollbackTests.request("planned")
        request.again = true
        try world.ask(.rollback(request))
        #expect(world.situation.watch == nil)
        try world.endAll()
        #expect(world.situation.watch?.rollback != first)
    }

    @Test func `a runbook may do without`() throws {
        let world = try UndoTests.rolled(7) { $0.rollback?.afterwards.watchFor = .zero }
        #expect(world.situation.rollback?.state == .succeeded)
        #expect(world.situation.watch == nil)
    }
}

@Suite struct CountdownTests {
    static func counting(
        _ change: (inout Runbook) -> Void = { _ in }
    ) throws -> RulesWorld {
        var world = RulesWorld(SampleRunbook.make(change: change))
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: "thrice"))
        return world
    }
    static func started(_ world: RulesWorld) -> Int {
        world.events.count { $0.event.kind == "procedure-started" }
    }

    @Test func `administrators are told of it once, and when`() throws {
        var world = try Self.counting()
        let at = world.now + .minutes(5)
        #expect(world.events.map(\.event.kind).filter { $0 == "rollback-announced" }.count == 1)
        #expect(world.messages.last?.title == "ROLLBACK STARTS BY ITSELF at \(at.timeOfDay) UTC")
        #expect(world.messages.last?.people == ["ines", "tomas"])
        try world.pass(.minutes(4))
        #expect(world.messages.count == 1)
        try world.pass(.minutes(1))
        #expect(world.situation.procedure?.kind == .rollback)
        #expect(world.situation.procedure?.startedBy == "engine")
    }

    @Test func `the condition's end ends it, and it begins anew with the condition`() throws {
        var world = try Self.counting()
        try world.pass(.minutes(4))
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: false, why: ""))
        try world.pass(.hours(1))
        #expect(Self.started(world) == 0)
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        #expect(world.messages.count == 2)
        try world.pass(.minutes(5))
        #expect(Self.started(world) == 1)
    }

    @Test func `a veto is told, and lasts as long as the condition`() throws {
        var world = try Self.counting()
        try world.ask(.vetoRollback(text: "we are at it"), by: "tomas")
        #expect(world.messages.last?.title == "ROLLBACK VETOED by Tomas Lind")
        #expect(
            refusedRule { try world.ask(.vetoRollback(text: ""), by: "ines") }
                == "nothing-to-veto")
        try world.restart()
        // Neither the beginning of an emergency nor its end is a reason to forget it.
        try world.condition("all-down", true)
        #expect(world.situation.emergency != nil)
        try world.pass(.minutes(10))
        #expect(Self.started(world) == 0)
        try world.condition("all-down", false)
        try world.ask(.deactivate(resolvedBy: "", text: "over"))
        try world.pass(.hours(2))
        #expect(Self.started(world) == 0)
        try world.ask(.activate(level: nil, reason: "felt", triggeredBy: ""))
        try world.pass(.hours(2))
        #expect(Self.started(world) == 0)
        // Another time is another countdown.
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: false, why: ""))
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        try world.pass(.minutes(5))
        #expect(Self.started(world) == 1)
    }

    @Test func `it waits for what runs, and can be vetoed meanwhile`() throws {
        for vetoed in [false, true] {
            var world = try Self.counting { $0.rollback?.test = RollbackTest() }
            try world.ask(.backup)
            try world.pass(.minutes(10))
            #expect(Self.started(world) == 1)
            if vetoed { try world.ask(.vetoRollback(text: "")) }
            try world.end()
            #expect((world.situation.procedure?.kind == .rollback) == !vetoed)
        }
    }

    @Test func `nothing starts by itself of which nobody was told in time`() throws {
        // A rollback in the same emergency silences the rule; the emergency's end must not fire it.
        var world = try UndoTests.rolled(7)
        try world.pass(.minutes(1))
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        try world.pass(.hours(1))
        try world.condition("all-down", false)
        try world.ask(.deactivate(resolvedBy: "", text: "over"))
        try world.pass(.hours(22))
        #expect(Self.started(world) == 1)
        // A day later the service may have been brought forward again.
        try world.pass(.minutes(59))
        #expect(world.situation.procedure == nil)
        #expect(
            world.messages.contains { $0.title.hasPrefix("ROLLBACK STARTS BY ITSELF") })
        try world.pass(.seconds(299))
        #expect(Self.started(world) == 1)
        try world.pass(.seconds(1))
        #expect(Self.started(world) == 2)
    }

    @Test func `a test of the rollback is no rollback`() throws {
        var world = try Self.counting {
            $0.rollback?.test = RollbackTest()
            $0.rollback?.stages = [
                RollbackStage(
                    name: "Only", steps: [Step(name: "Remove", work: .remove(["new"]))])
            ]
        }
        try world.ask(.rollback(UndoTests.testing))
        #expect(world.situation.procedure?.testMode == true)
        #expect(world.rules.rollbackProposals(world.situation, at: world.now).count == 1)
        try world.ask(.vetoRollback(text: "first the test"))
        try world.endAll()
        try world.pass(.hours(1))
        #expect(Self.started(world) == 1)
    }

    @Test func `after it has run it does not run again while its condition holds`() throws {
        var world = try Self.counting()
        try world.pass(.minutes(5))
        try world.endAll()
        #expect(world.situation.rollback?.state == .succeeded)
        // No emergency is open, one begins, one ends: the condition is the same old one.
        #expect(Self.started(world) == 1)
        try world.pass(.hours(1))
        try world.condition("all-down", true)
        try world.pass(.hours(1))
        try world.ask(.deactivate(resolvedBy: "", text: "over"))
        try world.pass(.hours(1))
        #expect(Self.started(world) == 1)
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: false, why: ""))
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        try world.pass(.hours(24))
        try world.pass(.minutes(5))
        #expect(Self.started(world) == 2)
    }

    @Test(arguments: [7_200.0, -7_200])
    func `a clock that is set is no reason to run it again`(by seconds: Double) throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.conditionChanged(.rollback("exhausted"), holds: true, why: ""))
        try world.pass(.minutes(5))
        try world.endAll()
        #expect(world.situation.rollback?.state == .succeeded)
        world.now = world.now + .seconds(seconds)
        try world.ask(.clockStepped(by: seconds))
        try world.pass(.hours(1))
        #expect(Self.started(world) == 1)
    }

    @Test func `after a gap the countdown begins anew: nobody could veto meanwhile`() throws {
        for slept in [true, false] {
            var world = try Self.counting()
            let from = world.now + .minutes(1)
            try world.pass(.minutes(1))
            world.now = from + .hours(6)
            if slept {
                try world.ask(.gap(from: from, why: "the machine slept"))
            } else {
                let away = Absence(from: from, why: "no engine ran")
                try world.ask(.started(version: "2", pid: 2, boot: "b", away: away))
            }
            #expect(Self.started(world) == 0)
            #expect(world.messages.last?.title.hasPrefix("ROLLBACK STARTS BY ITSELF") == true)
            #expect(world.messages.count == 2)
            try world.pass(.seconds(299))
            #expect(Self.started(world) == 0)
            try world.pass(.seconds(1))
            #expect(Self.started(world) == 1)
        }
    }
}

@Suite struct LongRecoveryTests {
    static func world() -> RulesWorld {
        RulesWorld(
            SampleRunbook.make {
                $0.recovery.plans[0].manual = ["Look at the host", "Call the vendor"]
                $0.recovery.plans[0].escalateAfter = .minutes(5)
                $0.escalation[0].steps = [
                    EscalationStep(after: .zero, notify: ["administrator"], via: ["mail"]),
                    EscalationStep(
                        after: .hours(5), notify: ["senior-administrator"], via: ["text"]),
                ]
            })
    }

    @Test func `the plan's manual steps are ticked one by one and verified`() throws {
        var world = Self.world()
        #expect(refusedRule { try world.ask(.recoverByHand) } == "no-emergency")
        try world.condition("all-down", true)
        try world.ask(.recoverByHand)
        #expect(world.situation.procedure?.state == .waiting)
        #expect(world.situation.procedure?.message == "Look at the host")
        #expect(world.situation.emergency?.attempts == [])
        try world.ask(.resolveStep(done: true))
        #expect(world.situation.procedure?.message == "Call the vendor")
        try world.ask(.resolveStep(done: false))
        #expect(world.situation.procedure?.message == "Call the vendor")
        try world.restart()
        try world.ask(.resolveStep(done: true))
        #expect(world.running?.step.step.name == "Triggers have ended")
        try world.condition("all-down", false)
        try world.pass(.seconds(5))
        #expect(world.situation.lastProcedure?.state == .succeeded)
    }

    @Test func `what is ticked by hand can be stopped`() throws {
        var world = Self.world()
        try world.condition("all-down", true)
        try world.ask(.recoverByHand)
        try world.ask(.stopProcedure(text: ""))
        #expect(world.situation.lastProcedure?.message == "stopped by Ines Moreau")
        #expect(world.situation.emergency?.failedAttempts == 0)
        try world.ask(.recover(action: nil))
        #expect(world.situation.procedure?.attempt == 1)
    }

    @Test func `a recovery that takes too long is escalated once`() throws {
        var world = Self.world()
        try world.condition("all-down", true)
        try world.ask(.acknowledge(text: "", span: nil))
        try world.pass(.minutes(1))
        try world.ask(.recover(action: nil))
        try world.pass(.minutes(4))
        try world.end(.failed, "no")
        try world.ask(.recover(action: nil))
        try world.pass(.seconds(59))
        #expect(!world.events.contains { $0.event.kind == "recovery-overdue" })
        try world.pass(.seconds(1))
        #expect(world.events.count { $0.event.kind == "recovery-overdue" } == 1)
        let taken = world.events.compactMap { entry in
            if case .escalated(let taken) = entry.event { taken } else { nil }
        }
        #expect(taken.map(\.index) == [0, 1])
        try world.pass(.hours(4))
        #expect(world.events.count { $0.event.kind == "recovery-overdue" } == 1)
    }

    @Test func `a recovery that has helped is not overdue`() throws {
        var world = Self.world()
        try world.condition("all-down", true)
        try world.ask(.recover(action: nil))
        try world.end()
        try world.condition("all-down", false)
        try world.pass(.hours(1))
        #expect(!world.events.contains { $0.event.kind == "recovery-overdue" })
    }
}

@Suite struct RestoreTests {
    static func world() -> RulesWorld {
        RulesWorld(
            SampleRunbook.make {
                $0.sources = [DataSource(name: "main", kind: .sqlite(path: "/srv/sample/db"))]
            })
    }
    static let whole = Command.restoreBackup(RestoreBackupWork())

    @Test func `a restore is a procedure that can be taken back`() throws {
        var world = Self.world()
        try world.ask(Self.whole)
        #expect(world.situation.procedure?.kind == .backup)
        try world.end()
        #expect(world.situation.lastProcedure?.state == .succeeded)
        try world.ask(.undoRollback(toStage: nil))
        #expect(world.running?.undo == true)
        try world.restart()
        try world.end(.failed, "disk full")
        #expect(world.situation.lastProcedure?.state == .failed)
        try world.ask(.undoRollback(toStage: nil))
        try world.end()
        #expect(world.situation.lastProcedure?.state == .undone)
        #expect(refusedRule { try world.ask(.undoRollback(toStage: nil)) } == "nothing-to-undo")
    }

    @Test func `the newest of rollback and restore is what is taken back`() throws {
        var world = Self.world()
        try world.ask(.rollback(RollbackTests.request("planned")))
        try world.endAll()
        try world.pass(.minutes(1))
        try world.ask(Self.whole)
        try world.end()
        try world.ask(.undoRollback(toStage: nil))
        #expect(world.situation.procedure?.name == "restore")
        try world.end()
        try world.ask(.undoRollback(toStage: nil))
        #expect(world.situation.procedure?.kind == .rollback)
    }

    @Test func `it is not begun between two systems, nor from what is not there`() throws {
        var world = Self.world()
        let other = Command.restoreBackup(RestoreBackupWork(databases: ["mian"]))
        #expect(refusedRule { try world.ask(other) } == "unknown-source")
        try world.ask(.rollback(RollbackTests.request("planned")))
        #expect(refusedRule { try world.ask(Self.whole) } == "one-procedure-at-a-time")
        try world.end(.failed, "no")
        #expect(refusedRule { try world.ask(Self.whole) } == "half-done-rollback")
    }
}
