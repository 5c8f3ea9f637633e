// Requests for a rollback through the engine: recorded, found again by the next one, and over in time.
import Domain
import Link
import Rules
import TestKit
import Testing
import Wire

@testable import Engine

@Suite struct RequestTests {
    private static let runbook = SampleRunbook.make {
        $0.rollback?.authorization = [
            AuthorizationRule(
                kind: "planned",
                needs: [
                    RoleCount(role: "senior-administrator", count: 1),
                    RoleCount(role: "system-administrator", count: 1),
                ])
        ]
    }
    private let tomas = Caller(user: "tomas", uid: 2, pid: 2)
    private static let ask = CommandRequest(
        command: "rollback", reason: "slow", confirmation: "sample")
    private static let agree = CommandRequest(command: "approve-rollback")

    @Test func `one that is asked for is answered with its id, and starts when the second agrees`()
        async throws
    {
        let world = try await EngineWorld(Self.runbook)
        let asked = try await world.ask(Self.ask)
        let request = try #require(await world.report.core.request)
        #expect(asked.request == request.id && asked.procedure == nil)
        #expect(request.missing == "1 system-administrator (Tomas Lind)")
        #expect(request.candidates == ["tomas"])
        let agreed = try await world.engine.perform(Self.agree, by: tomas)
        #expect(agreed.events.map(\.kind).prefix(2) == ["rollback-approved", "procedure-started"])
        #expect(await world.report.core.request == nil)
    }

    @Test func `without a request there is nothing to agree to, whatever plan is named`()
        async throws
    {
        let world = try await EngineWorld(Self.runbook)
        var agree = Self.agree
        agree.plan = ""
        let refusal = await #expect(throws: Refusal.self) {
            _ = try await world.engine.perform(agree, by: tomas)
        }
        #expect(refusal?.rule == "nothing-to-approve")
    }

    @Test func `an event belongs to the emergency of its time`() async throws {
        let world = try await EngineWorld(Self.runbook)
        _ = try await world.ask(CommandRequest(command: "note", text: "before"))
        world.clock.move(by: .minutes(1))
        _ = try await world.ask(
            CommandRequest(command: "activate-emergency", reason: "it is down", level: 2))
        let id = try #require(await world.report.core.emergency?.id)
        world.clock.move(by: .minutes(1))
        _ = try await world.ask(CommandRequest(command: "deactivate-emergency", text: "over"))
        world.clock.move(by: .minutes(1))
        _ = try await world.ask(CommandRequest(command: "note", text: "after"))
        let events = try await world.engine.events(after: 0, limit: 100).events
        let notes = events.filter { $0.kind == "noted" }
        #expect(notes.map(\.emergency) == [nil, nil])
        #expect(events.first { $0.kind == "emergency-deactivated" }?.emergency == id)
    }

    @Test func `after half an hour no agreement counts any more`() async throws {
        let world = try await EngineWorld(Self.runbook)
        _ = try await world.ask(Self.ask)
        world.clock.move(by: .seconds(1799))
        await world.engine.tick()
        #expect(await world.report.core.request != nil)
        world.clock.move(by: .seconds(1))
        await world.engine.tick()
        #expect(await world.report.core.request == nil)
        let refusal = await #expect(throws: Refusal.self) {
            _ = try await world.engine.perform(Self.agree, by: tomas)
        }
        #expect(refusal?.rule == "nothing-to-approve")
        #expect(await world.report.core.rollback == nil)
        // The first one's agreement is over with it: asked anew by the other, both are needed again.
        _ = try await world.engine.perform(Self.ask, by: tomas)
        let anew = await world.report.core.request
        #expect(anew?.missing == "1 senior-administrator (Ines Moreau)")
    }

    @Test func `also an engine that starts after half an hour counts none`() async throws {
        let store = MemoryStore()
        let clock = ManualClock()
        let first = try await EngineWorld(Self.runbook, store: store, clock: clock)
        _ = try await first.ask(Self.ask)
        await first.engine.stop()
        clock.move(by: .minutes(31))
        let next = try await EngineWorld(Self.runbook, store: store, clock: clock)
        await #expect(throws: Refusal.self) {
            _ = try await next.engine.perform(Self.agree, by: tomas)
        }
        #expect(await next.report.core.rollback == nil)
        #expect(await next.report.core.procedure == nil)
    }

    @Test func `another runbook is another plan`() async throws {
        let store = MemoryStore()
        let clock = ManualClock()
        let first = try await EngineWorld(Self.runbook, store: store, clock: clock)
        _ = try await first.ask(Self.ask)
        await first.engine.stop()
        var changed = Self.runbook
        changed.rollback?.stages[1].steps = [SampleRunbook.run("Remove", "remove-everything")]
        let next = try await EngineWorld(changed, store: store, clock: clock)
        let refusal = await #expect(throws: Refusal.self) {
            _ = try await next.engine.perform(Self.agree, by: tomas)
        }
        #expect(["nothing-to-approve", "plan-changed"].contains(refusal?.rule))
        #expect(next.performer.orders.isEmpty)
    }

    @Test func `a record of the rollback has its plan and each step's beginning`() async throws {
        let world = try await EngineWorld(Self.runbook)
        await #expect(throws: Refusal.self) {
            _ = try await world.ask(CommandRequest(command: "generate-rollback-report"))
        }
        await world.samples("web", .good)
        let plan = try await world.engine.rollbackPlan(for: world.ines).hash
        _ = try await world.ask(Self.ask)
        _ = try await world.engine.perform(Self.agree, by: tomas)
        try await eventually("it is over") {
            await world.report.core.rollback?.state.isOver == true
        }
        let answer = try await world.ask(CommandRequest(command: "generate-rollback-report"))
        let record = try #require(answer.record)
        #expect(record.plan == plan)
        #expect(record.rollback.approvals.map(\.user) == ["ines", "tomas"])
        #expect(record.steps.allSatisfy { $0.startedAt != nil && $0.starts == 1 })
        #expect(record.steps.count == record.rollback.stages.flatMap(\.steps).count)
    }
}
