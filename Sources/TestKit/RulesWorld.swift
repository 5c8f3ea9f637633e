// A situation and a clock that tests drive by hand: the rules without any world around them.
package import Domain
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
