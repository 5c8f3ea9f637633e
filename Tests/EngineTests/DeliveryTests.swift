// Messages through the engine: written before they are sent, sent once, seen by everybody.
import Domain
import Logging
import OrderedCollections
import Rules
import Synchronization
import TestKit
import Testing
import Wire

@testable import Engine

@Suite struct DeliveryTests {
    @Test func `what is sent was in the journal before`() async throws {
        let store = MemoryStore()
        let seen = Mutex<[Bool]>([])
        let carrier = ScriptedCarrier { order in
            let written = store.records.contains {
                $0.kind == "delivery-started" && $0.body.contains(order.delivery.id)
            }
            seen.withLock { $0.append(written) }
            return DeliveryOutcome(end: .delivered, detail: "250 queued as 7", seconds: 0.01)
        }
        let world = try await EngineWorld(store: store, carrier: carrier)
        let answer = try await world.ask(
            CommandRequest(command: "activate-emergency", reason: "all down", level: 1))
        #expect(answer.messages.count == 1)
        try await eventually("both are told") {
            await world.report.core.emergency?.told.allSatisfy { $0.state == .told } == true
        }
        #expect(seen.withLock { $0 } == [true, true])
        let report = await world.report
        #expect(report.deliveries.map(\.state) == [.delivered, .delivered])
        #expect(report.deliveries.first?.receipt == "250 queued as 7")
        #expect(report.core.channels.first { $0.name == "mail" }?.state == .works)
        #expect(report.core.outbox == OutboxReport())
    }

    @Test func `an answer names those whom no channel reaches`() async throws {
        let runbook = SampleRunbook.make { runbook in
            for index in runbook.people.indices where runbook.people[index].name != "Tomas Lind" {
                runbook.people[index].email = nil
            }
        }
        let world = try await EngineWorld(runbook)
        let answer = try await world.ask(
            CommandRequest(
                command: "send-notification", text: "At ten", title: "Drill", target: "admins",
                via: ["mail"]))
        let message = try #require(answer.queued.first)
        #expect(message.purpose == .notification && message.people.count > message.missed.count)
        #expect(!message.missed.isEmpty && !message.missed.contains("Tomas Lind"))
        #expect(answer.missed == message.missed && answer.messages == [message.id])
    }

    @Test func `a channel that fails is on every screen, with who was not told`() async throws {
        let carrier = ScriptedCarrier { order in
            DeliveryOutcome(end: .failed, detail: "connection refused", seconds: 0.01)
        }
        let world = try await EngineWorld(carrier: carrier)
        _ = try await world.ask(
            CommandRequest(command: "activate-emergency", reason: "slow", level: 2))
        try await eventually("the alarm stands") {
            await world.report.core.alarms
                == ["NOT TOLD: Tomas Lind — mail: connection refused"]
        }
        let report = await world.report
        #expect(report.core.outbox.retrying == 1)
        #expect(report.core.channels.first { $0.name == "mail" }?.state == .failing)
    }

    @Test func `an order holds the people's addresses and the channel`() async throws {
        let carrier = ScriptedCarrier()
        let world = try await EngineWorld(carrier: carrier)
        _ = try await world.ask(
            CommandRequest(command: "activate-emergency", reason: "slow", level: 2))
        try await eventually("it is handed over") { !carrier.orders.isEmpty }
        let order = try #require(carrier.orders.first)
        #expect(order.people.map(\.email) == ["tomas@example.com"])
        #expect(order.levelName == "High")
        guard case .channel(let channel) = order.route else {
            Issue.record("no channel")
            return
        }
        #expect(channel.name == "mail")
    }

    @Test func `a command channel is run by the step runner, once`() async throws {
        let runbook = SampleRunbook.make { runbook in
            runbook.channels = [
                Channel(
                    name: "mail",
                    kind: .command(run: ["./tell", "{{title}}"], input: "{{text}}"))
            ]
        }
        let performer = ScriptedPerformer()
        let world = try await EngineWorld(runbook, performer: performer)
        _ = try await world.ask(
            CommandRequest(command: "activate-emergency", reason: "$(touch x); `y`", level: 2))
        try await eventually("it is run") { !performer.orders.isEmpty }
        let order = try #require(performer.orders.first)
        guard case .run(let arguments, let input) = order.step.work else {
            Issue.record("it is no program")
            return
        }
        #expect(arguments.count == 2 && arguments[1].contains("$(touch x); `y`"))
        #expect(input?.contains("tocsin acknowledge") == true)
        try await eventually("it is told") {
            await world.report.deliveries.first?.state == .delivered
        }
        #expect(performer.orders.count == 1)
    }

    @Test func `a new engine sends again what was on its way`() async throws {
        let store = MemoryStore()
        let clock = ManualClock()
        let hanging = ScriptedCarrier { _ in
            try? await Task.sleep(for: .seconds(3600))
            return DeliveryOutcome(end: .delivered, detail: "", seconds: 1)
        }
        let first = try await EngineWorld(store: store, clock: clock, carrier: hanging)
        _ = try await first.ask(
            CommandRequest(command: "activate-emergency", reason: "slow", level: 2))
        try await eventually("it is being sent") { !hanging.orders.isEmpty }
        let carrier = ScriptedCarrier()
        let second = try await EngineWorld(store: store, clock: clock, carrier: carrier)
        try await eventually("it is told") {
            await second.report.deliveries.first?.state == .delivered
        }
        let order = try #require(carrier.orders.first)
        #expect(order.delivery.id == hanging.orders.first?.delivery.id)
        #expect(order.delivery.mayRepeat && order.delivery.attempts == 2)
    }

    @Test func `an end that could not be written is written later, and nothing is sent twice`()
        async throws
    {
        let store = MemoryStore()
        let clock = ManualClock()
        let carrier = ScriptedCarrier { _ in
            store.refuse(Fault(operation: "append", subject: "journal", cause: "disk full"))
            return DeliveryOutcome(end: .delivered, detail: "taken", seconds: 0.01)
        }
        let world = try await EngineWorld(store: store, clock: clock, carrier: carrier)
        _ = try await world.ask(
            CommandRequest(command: "activate-emergency", reason: "slow", level: 2))
        try await eventually("the journal's trouble shows") {
            await !world.report.core.alarms.isEmpty
        }
        store.refuse(nil)
        await world.engine.tick()
        try await eventually("it is told") {
            await world.report.deliveries.first?.state == .delivered
        }
        #expect(carrier.orders.count == 1)
    }

    @Test func `a dead letter stays in sight until a person deals with it`() async throws {
        let carrier = ScriptedCarrier { _ in
            DeliveryOutcome(end: .refused, detail: "550 no such user", seconds: 0.01)
        }
        let world = try await EngineWorld(carrier: carrier)
        _ = try await world.ask(
            CommandRequest(
                command: "send-notification", text: "Words", title: "Hello", target: "tomas",
                via: ["mail"]))
        try await eventually("it is given up") { await world.report.core.outbox.dead == 1 }
        let id = try #require(await world.report.deliveries.first?.id)
        _ = try await world.ask(CommandRequest(command: "dismiss-delivery", name: id))
        #expect(await world.report.core.outbox.dead == 0)
    }

    @Test func `local addresses are told beside the matrix from then on`() async throws {
        let carrier = ScriptedCarrier()
        let world = try await EngineWorld(carrier: carrier)
        _ = try await world.ask(
            CommandRequest(command: "configure-alerts", email: ["team@example.com"]))
        _ = try await world.ask(
            CommandRequest(command: "activate-emergency", reason: "slow", level: 2))
        try await eventually("they are told too") {
            carrier.orders.contains { $0.people.first?.email == "team@example.com" }
        }
        await #expect(throws: Refusal.self) {
            _ = try await world.ask(
                CommandRequest(command: "configure-alerts", email: ["a b@example.com"]))
        }
    }

    @Test func `an order that names what does not exist is refused with what does`() async throws {
        let world = try await EngineWorld()
        for (request, rule) in [
            (CommandRequest(command: "hand-over"), "bad-argument"),
            (CommandRequest(command: "acknowledge", span: "soon"), "bad-argument"),
            (
                CommandRequest(
                    command: "send-notification", text: "t", title: "t", priority: "urgent"),
                "bad-argument"
            ),
            (
                CommandRequest(
                    command: "send-notification", text: "t", title: "t", target: "nobody"),
                "unknown-person"
            ),
            (
                CommandRequest(
                    command: "send-notification", text: "t", title: "t", via: ["smoke"]),
                "unknown-channel"
            ),
            (CommandRequest(command: "send-user-notification", text: "t"), "unknown-channel"),
            (
                CommandRequest(command: "update-status-page", text: "t", status: "s"),
                "no-status-page"
            ),
            (CommandRequest(command: "create-incident", title: "t"), "no-tickets"),
            (CommandRequest(command: "override-on-call", target: "ines"), "bad-argument"),
            (CommandRequest(command: "retry-delivery", name: "x.9"), "unknown-delivery"),
        ] {
            do {
                _ = try await world.ask(request)
                Issue.record("\(request.command) was taken")
            } catch let refusal as Refusal {
                #expect(refusal.rule == rule, "\(request.command)")
                #expect(!refusal.remedy.isEmpty)
            }
        }
    }
}
