// A situation and a clock that tests drive by hand: the rules without any world around them.
package import Domain
import OrderedCollections
package import Rules

package struct RulesWorld {
    package var rules: Rules
    package var situation = Situation()
    package var now = Timestamp(milliseconds: 1_767_621_600_000)  // 2026-01-05T14:00:00Z
    /// Everything that happened, in order.
    package var events: [(at: Timestamp, event: Event)] = []

    package init(_ runbook: Runbook = SampleRunbook.make()) { rules = Rules(runbook) }

    /// Decides and applies. - Returns: the kinds of the events.
    @discardableResult
    package mutating func ask(_ request: Request) throws -> [String] {
        let decided = try rules.decide(request, in: situation, at: now)
        for event in decided {
            situation.apply(event, at: now)
            situation.seq += 1
            events.append((now, event))
        }
        return decided.map(\.kind)
    }
    @discardableResult
    package mutating func ask(_ command: Command, by user: String = "ines") throws -> [String] {
        try ask(.command(command, by: Caller(user: user, uid: 1000, pid: 1)))
    }
    /// Lets time pass, stopping wherever something falls due, as the engine does.
    @discardableResult
    package mutating func pass(_ span: Span) throws -> [String] {
        let end = now + span
        var kinds: [String] = []
        while let deadline = rules.nextDeadline(in: situation, after: now), deadline <= end {
            now = deadline
            kinds += try ask(.tick)
        }
        now = end
        return kinds + (try ask(.tick))
    }
    package mutating func condition(_ trigger: String, _ holds: Bool) throws {
        try ask(.conditionChanged(.trigger(trigger), holds: holds, why: holds ? "it does" : ""))
    }

    /// The step that is running, for a performer to end.
    package var running: (id: String, address: StepAddress, step: ProcedureStep, undo: Bool)? {
        guard let procedure = situation.procedure,
            let address = procedure.addresses.first(where: { procedure[$0].state == .running })
        else { return nil }
        return (procedure.id, address, procedure[address], procedure.state == .undoing)
    }
    /// Ends the running step. - Returns: the kinds of the events; nothing when no step runs.
    @discardableResult
    package mutating func end(
        _ end: StepOutcome.End = .succeeded, _ message: String = "", facts: [NamedText] = []
    ) throws -> [String] {
        guard let running else { return [] }
        return try ask(
            .stepEnded(
                procedure: running.id, running.address, undo: running.undo,
                StepOutcome(end: end, message: message, seconds: 1, facts: facts)))
    }
    /// The names of the steps that were started, in order; undone ones with a minus.
    package var started: [String] {
        var plans: [String: Procedure] = [:]
        var names: [String] = []
        for (_, event) in events {
            if case .procedureStarted(let procedure) = event { plans[procedure.id] = procedure }
            if case .stepStarted(let id, let address, let undo) = event {
                names.append((undo ? "-" : "") + (plans[id]?[address].step.name ?? "?"))
            }
        }
        return names
    }
}

extension RulesWorld {
    /// Deliveries that are being sent, oldest first.
    package var sending: [Delivery] {
        situation.outbox.values.flatMap(\.deliveries).filter { $0.state == .sending }
    }
    package func delivery(_ id: String) -> Delivery? { situation.delivery(id)?.1 }

    /// Ends an attempt. - Returns: the kinds of the events.
    @discardableResult
    package mutating func end(
        _ delivery: Delivery, _ end: DeliveryOutcome.End, _ detail: String = ""
    ) throws -> [String] {
        let attempts = self.delivery(delivery.id)?.attempts ?? delivery.attempts
        return try ask(
            .deliveryEnded(
                delivery.id, attempt: attempts,
                DeliveryOutcome(end: end, detail: detail, seconds: 0.1)))
    }
    /// Everything that is being sent arrives, and what is sent because of that too.
    package mutating func deliverAll() throws {
        while let next = sending.first { try end(next, .delivered, "taken") }
    }
    /// Every message that was queued, in order.
    package var messages: [OutboxMessage] {
        events.compactMap { entry in
            if case .outbox(.queued(let message, _)) = entry.event { message } else { nil }
        }
    }
    /// The deliveries that arrived, in order, as they were when they did.
    package var arrived: [Delivery] {
        events.compactMap { entry in
            guard case .outbox(.ended(let id, _, let outcome)) = entry.event,
                outcome.end == .delivered
            else { return nil }
            return delivery(id)
        }
    }
    package var arrivedMessages: [OutboxMessage] {
        arrived.compactMap { delivery in messages.first { $0.id == delivery.message } }
    }
}

/// The rule that refused, or nil when nothing was refused.
package func refusedRule(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let refusal as Refusal {
        return refusal.rule
    } catch {
        return "not a refusal: \(error)"
    }
}
