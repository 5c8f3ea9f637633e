// The engine with twins for its edges: samples in, events and effects out, and restarts.
import Domain
import FoundationEssentials
import Link
import Logging
import OrderedCollections
import Rules
import Synchronization
import TestKit
import Testing
import Wire

@testable import Engine

/// An engine whose world a test drives.
final class EngineWorld: Sendable {
    let store: MemoryStore
    let clock: ManualClock
    let performer: ScriptedPerformer
    let engine: EngineCore
    let runbook: Runbook
    let answers: Mutex<[ProbeReference: CheckResult.Answer]>
    let ines = Caller(user: "ines", uid: 1, pid: 1)

    init(
        _ runbook: Runbook = SampleRunbook.make(), store: MemoryStore = MemoryStore(),
        clock: ManualClock = ManualClock(), performer: ScriptedPerformer = ScriptedPerformer(),
        answers: [ProbeReference: CheckResult.Answer] = [:],
        carrier: ScriptedCarrier = ScriptedCarrier(), backups: BackupDesk? = nil,
        selfTests: SelfTestWorld = .twin(),
        lookAtRunbook: @escaping @Sendable () -> RunbookWatch.Finding = { .same }
    ) async throws {
        self.store = store
        self.clock = clock
        self.performer = performer
        self.runbook = runbook
        self.answers = Mutex(answers)
        let box = AnswerBox()
        engine = try EngineCore(
            EngineParts(
                runbook: runbook, store: store, performer: performer, backups: backups,
                carrier: carrier,
                check: { probe in
                    CheckResult(
                        answer: box.answer(probe.reference), latency: 0.01, message: "looked")
                }, setFailing: { _, _ in }, now: { clock.now }, lookAtRunbook: lookAtRunbook,
                saveLocalAlerts: { alerts, runbook in runbook.applying(alerts) },
                state: "/nowhere", boot: "boot",
                pid: 1, faults: [], selfTests: selfTests,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        )
        box.world.withLock { $0 = self }
        try await engine.start()
    }

    /// As many samples in a row as change a state.
    func samples(_ component: String, _ answer: CheckResult.Answer, metrics: [Metric] = []) async {
        let reference = ProbeReference(component: component, probe: "main")
        answers.withLock { $0[reference] = answer }
        for _ in 1...2 {
            await engine.take([
                Sample(
                    probe: reference,
                    result: CheckResult(
                        answer: answer, latency: 0.02, message: "\(answer)", metrics: metrics),
                    at: clock.now)
            ])
        }
    }
    func ask(_ request: CommandRequest) async throws -> CommandAnswer {
        try await engine.perform(request, by: ines)
    }
    var report: SituationReport { get async { await engine.situation(for: ines) } }
}

/// Lets the engine's checks ask the world that is made after it.
final class AnswerBox: Sendable {
    let world = Mutex<EngineWorld?>(nil)
    func answer(_ probe: ProbeReference) -> CheckResult.Answer {
        world.withLock { $0?.answers.withLock { $0[probe] } } ?? .good
    }
}

@Suite struct EngineCoreTests {
    @Test func `bad samples become a state, a trigger, an emergency`() async throws {
        let world = try await EngineWorld()
        await world.samples("web", .bad)
        #expect(await world.report.components[0].state == .failed)
        #expect(await world.report.core.emergency == nil)
        await world.samples("delivery", .bad)
        let core = await world.report.core
        #expect(core.level?.number == 1)
        #expect(core.emergency?.triggeredBy == "all-down")
        #expect(core.health.state == .failed)
        #expect(core.health.score <= 49)
        #expect(core.proposals.map(\.name) == ["restart", "flash"])
        #expect(core.escalation[0].inForce)
        #expect(core.escalation[0].steps[0].times == 1)
    }

    @Test func `what follows from a failed component raises nothing of its own`() async throws {
        let runbook = SampleRunbook.make {
            $0.triggers = [
                Trigger(
                    name: "delivery-down",
                    when: Condition(
                        text: "component delivery down",
                        expression: .component("delivery", is: .failed)),
                    holds: .zero, level: .medium, failure: "x")
            ]
        }
        let world = try await EngineWorld(runbook)
        await world.samples("web", .bad)
        await world.samples("delivery", .bad)
        let report = await world.report
        #expect(report.core.emergency == nil)
        #expect(report.components[1].consequenceOf == "web")
        // Once web is back, delivery's failure is its own.
        await world.samples("web", .good)
        #expect(await world.report.core.emergency?.triggeredBy == "delivery-down")
    }

    @Test func `metrics begin and end a trigger, and a stale one decides nothing`() async throws {
        let world = try await EngineWorld()
        func errors(_ value: Double) -> [Metric] {
            [Metric(name: "delivery.error_rate", value: value, unit: "%")]
        }
        await world.samples("delivery", .good, metrics: errors(23.1))
        #expect(
            await world.engine.situation.conditions[.trigger("errors")]?.why.contains("23.1")
                == true)
        // Without the metric nothing is known: the condition neither ends nor begins.
        await world.samples("delivery", .good)
        #expect(await world.engine.situation.conditions.isEmpty == false)
        world.clock.move(by: .seconds(61))
        await world.engine.tick()
        #expect(await world.report.core.level?.number == 2)
        world.clock.move(by: .seconds(61))
        await world.engine.tick()
        #expect(await world.engine.situation.conditions.isEmpty)
        await world.samples("delivery", .good, metrics: errors(1))
        #expect(await world.report.core.emergency?.stillHolding == [])
    }

    @Test func `the gauge of emergencies follows at once`() async throws {
        let runbook = SampleRunbook.make {
            $0.gauges = [Gauge(source: .emergencies, title: "Emergencies")]
        }
        let world = try await EngineWorld(runbook)
        _ = try await world.ask(
            CommandRequest(command: "activate-emergency", reason: "x", level: 2))
        #expect(await world.report.gauges.first?.trend.last == 1)
    }

    @Test func `a rollback runs through every stage`() async throws {
        let world = try await EngineWorld()
        let answer = try await world.ask(
            CommandRequest(
                command: "rollback", reason: "test", authorization: "planned",
                confirmation: "sample"))
        let id = try #require(answer.procedure)
        try await eventually("the rollback is over") {
            await world.report.core.rollback?.finishedAt != nil
        }
        let rollback = try #require(await world.report.core.rollback)
        #expect(rollback.id == id)
        #expect(rollback.state == .succeeded)
        #expect(rollback.progress == 1)
        #expect(rollback.stages.map(\.state).allSatisfy { $0 == .succeeded })
        let names = world.performer.orders.map(\.step.name)
        #expect(names == ["Backup", "Stop", "Remove", "Restore", "Drop tables", "Edit", "Start"])
        #expect(Set(world.performer.orders.map(\.runDirectory)).count == names.count)
    }

    @Test func `a new engine asks after the step in flight with the same order`() async throws {
        let gate = Mutex(true)
        let performer = ScriptedPerformer { order in
            if order.step.name == "Drop tables", gate.withLock({ $0 }) {
                try? await Task.sleep(for: .seconds(3600))
            }
            return StepOutcome(end: .succeeded, message: "", seconds: 0.01)
        }
        let first = try await EngineWorld(performer: performer)
        _ = try await first.ask(
            CommandRequest(
                command: "rollback", reason: "test", authorization: "planned",
                confirmation: "sample"))
        try await eventually("the step is in flight") {
            first.performer.orders.last?.step.name == "Drop tables"
        }
        // The first engine is gone without a word; its journal is all there is.
        let before = await first.engine.situation
        gate.withLock { $0 = false }
        let second = try await EngineWorld(
            store: first.store, clock: first.clock, performer: performer)
        try await eventually("the rollback is over") {
            await second.report.core.rollback?.finishedAt != nil
        }
        #expect(await second.report.core.rollback?.state == .succeeded)
        let drops = performer.orders.filter { $0.step.name == "Drop tables" }
        #expect(drops.count == 2)
        #expect(drops[0] == drops[1])
        #expect(before.procedure?.id == (await second.report.core.rollback?.id))
    }

    @Test func `a restart changes nothing of the situation`() async throws {
        let first = try await EngineWorld()
        await first.samples("web", .bad)
        await first.samples("delivery", .bad)
        _ = try await first.ask(CommandRequest(command: "acknowledge"))
        _ = try await first.ask(CommandRequest(command: "note", text: "looking"))
        // What is on its way when an engine ends is sent again, which shows.
        try await eventually("nothing is on its way") {
            let outbox = await first.report.core.outbox
            return outbox.waiting + outbox.sending == 0
        }
        let before = await first.report
        let second = try await EngineWorld(store: first.store, clock: first.clock)
        let after = await second.report
        #expect(after.core.emergency == before.core.emergency)
        #expect(after.core.level == before.core.level)
        #expect(after.core.escalation == before.core.escalation)
        #expect(after.components.map(\.state) == before.components.map(\.state))
    }

    @Test func `snapshots give the same situation as the whole journal`() async throws {
        let world = try await EngineWorld()
        await world.samples("web", .bad)
        await world.samples("delivery", .bad)
        await world.engine.stop()
        #expect(try world.store.snapshot() != nil)
        let short = try Replay.situation(from: world.store)
        let whole = MemoryStore()
        _ = try whole.append(
            world.store.records.map { EventDraft(at: $0.at, kind: $0.kind, body: $0.body) },
            expecting: 0)
        #expect(try Replay.situation(from: whole) == short)
    }

    @Test func `nothing takes effect while the journal cannot be written`() async throws {
        let world = try await EngineWorld()
        let seq = await world.engine.situation.seq
        world.store.refuse(
            Fault(operation: "append", subject: "journal", cause: "no space left on device"))
        await #expect(throws: Fault.self) {
            try await world.ask(
                CommandRequest(command: "activate-emergency", reason: "x", level: 2))
        }
        await world.samples("web", .bad)
        var report = await world.report
        #expect(report.core.emergency == nil)
        #expect(report.core.alarms.first?.contains("no space left") == true)
        #expect(await world.engine.situation.seq == seq)
        // The disk has room again: the gap is written down, and what was seen meanwhile counts.
        world.store.refuse(nil)
        await world.engine.tick()
        report = await world.report
        #expect(report.core.alarms.isEmpty)
        #expect(report.components[0].state == .failed)
        let page = try await world.engine.newestEvents(limit: 10)
        #expect(page.events.contains { $0.text.contains("could not be written from") })
    }

    @Test func `the end of a step is not lost while the journal cannot be written`() async throws {
        let reached = Mutex(false)
        let store = MemoryStore()
        let performer = ScriptedPerformer { _ in
            // The disk fills up while the step runs.
            store.refuse(Fault(operation: "append", subject: "journal", cause: "disk full"))
            reached.withLock { $0 = true }
            return StepOutcome(end: .succeeded, message: "did it", seconds: 0.01)
        }
        let world = try await EngineWorld(store: store, performer: performer)
        _ = try await world.ask(CommandRequest(command: "enable-fallback", name: "flash"))
        try await eventually("the end could not be written") {
            await world.report.core.alarms.isEmpty == false
        }
        #expect(await world.report.core.fallbacks[0].enabled == false)
        store.refuse(nil)
        await world.engine.tick()
        try await eventually("the end is written") {
            await world.report.core.fallbacks[0].enabled
        }
        #expect(performer.orders.count == 1)
    }

    @Test func `commands that make no sense are refused with what would`() async throws {
        let world = try await EngineWorld()
        let cases: [(CommandRequest, String)] = [
            (CommandRequest(command: "explode"), "unknown-command"),
            (CommandRequest(command: "activate-emergency", reason: "x", level: 9), "bad-argument"),
            (CommandRequest(command: "recover"), "bad-argument"),
            (CommandRequest(command: "recover", name: "nothing"), "unknown-action"),
            (CommandRequest(command: "enable-fallback", name: "nothing"), "unknown-fallback"),
            (CommandRequest(command: "resolve-step", name: "perhaps"), "bad-argument"),
            (CommandRequest(command: "check-now", name: "nothing"), "unknown-probe"),
            (
                CommandRequest(command: "rollback", reason: "x", plan: "old"),
                "rollback-confirmation"
            ),
        ]
        for (request, rule) in cases {
            do {
                _ = try await world.ask(request)
                Issue.record("\(request.command) was not refused")
            } catch let refusal as Refusal {
                #expect(refusal.rule == rule)
                #expect(!refusal.remedy.isEmpty)
            }
        }
    }

    @Test func `a plan that has changed since it was shown is refused`() async throws {
        let world = try await EngineWorld()
        let plan = try await world.engine.rollbackPlan(for: world.ines)
        #expect(plan.stages.count == 8)
        await #expect(throws: Refusal.self) {
            try await world.ask(
                CommandRequest(
                    command: "rollback", reason: "x", authorization: "planned",
                    confirmation: "sample", plan: "0000"))
        }
        let answer = try await world.ask(
            CommandRequest(
                command: "rollback", reason: "x", authorization: "planned", confirmation: "sample",
                plan: plan.hash))
        #expect(answer.procedure != nil)
    }

    @Test func `a dry run asks every step and writes nothing`() async throws {
        let performer = ScriptedPerformer { order in
            StepOutcome(
                end: order.step.name == "Restore" ? .failed : .wouldRun, message: "looked",
                seconds: 0)
        }
        let world = try await EngineWorld(performer: performer)
        let seq = await world.engine.situation.seq
        let answer = try await world.ask(CommandRequest(command: "rollback", dryRun: true))
        let plan = try #require(answer.plan)
        #expect(plan.ready == false)
        let forecasts = plan.stages.flatMap(\.steps).map(\.forecast)
        #expect(forecasts.count == 10)
        #expect(forecasts.contains("would fail: looked"))
        #expect(performer.orders.allSatisfy { $0.mode == .dryRun })
        #expect(await world.engine.situation.seq == seq)
    }

    @Test func `the stream begins with everything and goes on with changes`() async throws {
        let world = try await EngineWorld()
        let subscription = try await world.engine.stream(for: world.ines)
        await world.samples("web", .bad)
        var lines: [StreamLine] = []
        try await eventually("the failure is told") {
            if case .lines(let data) = await subscription.next() {
                lines += try data.map { try WireCoding.decode(StreamLine.self, from: $0) }
            }
            return lines.contains { $0.event?.kind == "probe-changed" }
                && lines.contains { $0.change?.core?.health.state == .failed }
        }
        let start = try #require(lines.first?.start)
        #expect(start.you.name == "Ines Moreau")
        var view = start.situation
        for line in lines { if let change = line.change { view.apply(change) } }
        #expect(view.components.first?.state == .failed)
        subscription.leave()
    }

    @Test func `samples are kept up to a limit, oldest first`() async throws {
        let world = try await EngineWorld()
        for _ in 0..<100 {
            await world.samples("host", .good)
            world.clock.move(by: .seconds(1))
        }
        let history = try #require(
            await world.engine.history(
                of: ProbeReference(component: "host", probe: "main"), window: .hours(1)))
        #expect(history.samples.count == Monitor.samplesKept)
        #expect(history.samples.map(\.at) == history.samples.map(\.at).sorted())
        #expect(
            await world.engine.history(
                of: ProbeReference(component: "no", probe: "such"), window: .hours(1)) == nil)
    }

    @Test func `metrics for Prometheus end with their mark`() async throws {
        let world = try await EngineWorld()
        await world.samples("web", .good)
        let text = await world.engine.metrics()
        #expect(text.hasSuffix("# EOF\n"))
        #expect(text.contains("tocsin_component_state{component=\"web\",state=\"healthy\"} 1"))
    }
}
