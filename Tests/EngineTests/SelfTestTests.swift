// Self-tests: they find what would go wrong, say what to do about it, and change nothing.
import Domain
import Link
import Rules
import Synchronization
import TestKit
import Testing
import Wire

@testable import Engine

extension SelfTestWorld {
    /// A machine on which all is well, but for what a test says.
    static func twin(
        accounts: Set<String>? = nil, unreadable: String? = nil, programs: Bool = true,
        free: Int = 1 << 40, backup: BackupReceipt? = nil, wrong: [String] = []
    ) -> SelfTestWorld {
        SelfTestWorld(
            readSecret: { secret in
                if let unreadable {
                    throw Fault(
                        operation: "read a secret", subject: secret.label, cause: unreadable)
                }
            }, hasAccount: { accounts?.contains($0) ?? true }, isProgram: { _ in programs },
            freeBytes: { _ in free }, receipts: { _ in [backup].compactMap { $0 } },
            compare: { _ in wrong })
    }
}

@Suite struct SelfTestTests {
    /// Dry runs say what a test wants; anything else would change something.
    private func performer(
        _ outcomes: [String: StepOutcome] = [:]
    ) -> ScriptedPerformer {
        ScriptedPerformer { order in
            guard order.mode == .dryRun else {
                Issue.record("“\(order.step.name)” was not only asked")
                return StepOutcome(end: .failed, message: "", seconds: 0)
            }
            return outcomes[order.step.name]
                ?? StepOutcome(end: .wouldRun, message: "would do it", seconds: 0)
        }
    }

    private func world(
        _ runbook: Runbook = SampleRunbook.make(), _ outcomes: [String: StepOutcome] = [:],
        _ machine: SelfTestWorld = .twin()
    ) async throws -> EngineWorld {
        let world = try await EngineWorld(
            runbook, performer: performer(outcomes), selfTests: machine)
        for component in runbook.components { await world.samples(component.name, .good) }
        return world
    }

    private func checks(_ world: EngineWorld, _ test: SelfTest) async throws -> [CheckReport] {
        try #require(try await world.ask(CommandRequest(command: test.rawValue)).checks)
    }
    private func find(_ name: String, in checks: [CheckReport]) throws -> CheckReport {
        try #require(checks.first { $0.name == name }, "\(checks.map(\.name))")
    }

    @Test(arguments: SelfTest.allCases)
    func `it writes no event, also beside a procedure`(test: SelfTest) async throws {
        let world = try await world()
        let before = world.store.last
        _ = try await checks(world, test)
        #expect(world.store.last == before)
        #expect(await world.report.core.procedure == nil)
    }

    @Test(arguments: SelfTest.allCases)
    func `whoever may not act may not have programs run`(test: SelfTest) async throws {
        let world = try await world()
        let vera = Caller(user: "vera", uid: 3, pid: 3)
        let refusal = await #expect(throws: Refusal.self) {
            _ = try await world.engine.perform(CommandRequest(command: test.rawValue), by: vera)
        }
        #expect(refusal?.rule == "administrators-only")
        #expect(refusal?.remedy.contains("Ines Moreau") == true)
        #expect(world.performer.orders.isEmpty)
    }

    // MARK: Recovery

    @Test func `a step that would fail is found, with what to do`() async throws {
        let failed = StepOutcome(end: .failed, message: "there is no ./clear", seconds: 0)
        let world = try await world(SampleRunbook.make(), ["Clear them": failed])
        let found = try await checks(world, .recovery)
        let clear = try find("Clear them", in: found)
        #expect(clear.state == .failed && clear.subject == "action clear")
        #expect(clear.message == "would fail: there is no ./clear" && !clear.remedy.isEmpty)
        #expect(try find("Restart it", in: found).state == .healthy)
        // The plans that need it fail too.
        let plans = try await checks(world, .recoveryPlans)
        #expect(plans.filter { $0.name == "clear" }.allSatisfy { $0.state == .failed })
        #expect(plans.filter { $0.name == "clear" }.count == 2)
        #expect(plans.filter { $0.name == "restart" }.allSatisfy { $0.state == .healthy })
    }

    @Test func `a runbook without anything to recover with has failed`() async throws {
        let runbook = SampleRunbook.make {
            $0.actions = []
            $0.recovery.plans = []
        }
        let found = try await checks(world(runbook), .recovery)
        #expect(found.map(\.state) == [.failed])
    }

    @Test func `a failure without a plan, an empty plan and one by hand are told apart`()
        async throws
    {
        let runbook = SampleRunbook.make {
            $0.recovery.plans = [
                RecoveryPlan(failure: "system_failure", actions: [], manual: ["Look"]),
                RecoveryPlan(failure: "message_delivery_failure", actions: []),
            ]
        }
        let found = try await checks(world(runbook), .recoveryPlans)
        func plan(_ failure: String) throws -> CheckReport {
            try #require(found.first { $0.subject == "failure \(failure)" && $0.name == "plan" })
        }
        #expect(try plan("system_failure").state == .healthy)
        #expect(try plan("message_delivery_failure").state == .failed)
        #expect(try plan("security_incident").state == .failed)
        #expect(try plan("security_incident").remedy.contains("security_incident:"))
    }

    @Test func `a probe that proves an action must answer`() async throws {
        let runbook = SampleRunbook.make {
            $0.actions[0].steps.append(
                Step(
                    name: "Answers",
                    work: .probe(
                        ProbeReference(component: "web", probe: "main"), within: .seconds(5))))
        }
        let silent = try await EngineWorld(runbook, performer: performer())
        let unheard = try await checks(silent, .recoveryPlans)
        #expect(try find("restart: web.main", in: unheard).state == .unknown)
        let world = try await world(runbook)
        let heard = try await checks(world, .recoveryPlans)
        #expect(try find("restart: web.main", in: heard).state == .healthy)
        await world.samples("web", .bad)
        let bad = try await checks(world, .recovery)
        #expect(try find("Answers", in: bad).state == .degraded)
    }

    @Test func `an escalation that reaches nobody has failed`() async throws {
        let runbook = SampleRunbook.make {
            for index in $0.people.indices { $0.people[index].email = nil }
        }
        let found = try await checks(world(runbook), .recoveryPlans)
        // Level 2 has only mail; level 1 has a text message to one of them as well.
        let high = try #require(found.first { $0.name == "escalation, level 2" })
        #expect(high.state == .failed && high.message == "it reaches nobody")
        let critical = try #require(found.first { $0.name == "escalation, level 1" })
        #expect(critical.state == .degraded && critical.message.contains("Tomas Lind"))
    }

    // MARK: Rollback

    @Test func `a rollback that would work is ready`() async throws {
        let found = try await checks(world(), .rollbackReady)
        #expect(Set(found.map(\.state)) == [.healthy])
        #expect(found.contains { $0.name == "newest backup" && $0.message.contains("none yet") })
    }

    @Test func `a step that would fail, a damaged backup and a full disk have failed`()
        async throws
    {
        let backup = BackupReceipt(
            id: "20260105T140000Z", path: "/b", at: ManualClock().now, files: 3, bytes: 1_000,
            databases: [], rows: 7, verified: true)
        let machine = SelfTestWorld.twin(free: 10, backup: backup, wrong: ["a byte differs"])
        let failed = StepOutcome(end: .failed, message: "no such table", seconds: 0)
        let world = try await world(SampleRunbook.make(), ["Drop tables": failed], machine)
        let found = try await checks(world, .rollbackReady)
        #expect(
            found.filter { $0.state == .failed }.map(\.name)
                == ["Drop tables", "newest backup", "room on the disk"])
        #expect(found.filter { $0.state == .failed }.allSatisfy { !$0.remedy.isEmpty })
    }

    @Test func `an authorization that nobody here can give is told`() async throws {
        let named = SampleRunbook.make {
            $0.rollback?.authorization = [
                AuthorizationRule(
                    kind: "planned", needs: [RoleCount(role: "senior-administrator", count: 2)])
            ]
        }
        let few = try await checks(world(named), .rollback)
        #expect(try find("planned authorization", in: few).state == .failed)
        #expect(try find("approval", in: few).state == .failed)
        let strangers = try await checks(
            world(SampleRunbook.make(), [:], .twin(accounts: ["tomas"])), .rollback)
        let planned = try find("planned authorization", in: strangers)
        #expect(planned.state == .degraded && planned.message.contains("ines"))
        // Only level 1 would let Tomas; without an emergency nobody can agree to one.
        #expect(try find("approval", in: strangers).state == .failed)
    }

    @Test func `what test mode has no stand-in for is told`() async throws {
        let found = try await checks(world(), .rollback)
        let mode = try find("test mode", in: found)
        #expect(mode.state == .degraded && mode.message.contains("“Stop”"))
    }

    @Test func `what stands in the way now is told`() async throws {
        let hanging = ScriptedPerformer { order in
            if order.mode == .perform { try? await Task.sleep(for: .seconds(3600)) }
            return StepOutcome(end: .wouldRun, message: "", seconds: 0)
        }
        let world = try await EngineWorld(performer: hanging)
        _ = try await world.ask(CommandRequest(command: "recover", name: "restart"))
        let found = try await checks(world, .rollbackReady)
        #expect(try find("nothing else runs", in: found).state == .degraded)
    }

    // MARK: Reaching people

    @Test func `everything is looked at: channels, people, shifts, the matrix and its clocks`()
        async throws
    {
        let runbook = SampleRunbook.make {
            $0.externalSupport = [ExternalContact(name: "Hosting", phone: "+1")]
            $0.levels[2].respondWithin = .hours(2)
            $0.onCall = [
                OnCallRotation(
                    role: "senior-administrator", rotate: .weekly,
                    from: Timestamp(milliseconds: 4_000_000_000_000), order: ["ines"])
            ]
        }
        let found = try await checks(world(runbook), .everything)
        let subjects = Set(found.map(\.subject))
        for subject in [
            "action restart", "failure system_failure", "rollback", "channel mail", "escalation",
            "response time", "people", "external support", "fallback flash",
        ] {
            #expect(subjects.contains(subject), "\(subject)")
        }
        #expect(try find("level 3, Medium", in: found).state == .failed)
        #expect(try find("level 3", in: found).state == .degraded)
        #expect(try find("on call: senior-administrator", in: found).state == .failed)
        #expect(try find("Vera Sato", in: found).state == .degraded)
        let first = found.first { $0.subject == "response time" && $0.name == "level 1" }
        #expect(first?.state == .healthy)
    }

    @Test func `a channel whose secret or program is missing has failed, and nothing is sent`()
        async throws
    {
        let runbook = SampleRunbook.make {
            $0.channels.append(
                Channel(
                    name: "hook",
                    kind: .webhook(url: .plain("http://127.0.0.1/"), secret: .file("/s/key"))))
            $0.channels.append(Channel(name: "box", kind: .command(run: ["./box"], input: nil)))
        }
        let carrier = ScriptedCarrier()
        let world = try await EngineWorld(
            runbook, performer: performer(), carrier: carrier,
            selfTests: .twin(unreadable: "permission denied", programs: false))
        let found = try await checks(world, .everything)
        let hook = try #require(found.first { $0.subject == "channel hook" })
        #expect(hook.state == .failed && hook.message.contains("permission denied"))
        let box = try #require(found.first { $0.subject == "channel box" })
        #expect(box.state == .failed && box.message == "/srv/sample/./box cannot be run")
        #expect(found.first { $0.subject == "channel mail" }?.state == .healthy)
        #expect(carrier.orders.isEmpty)
    }
}
