// Why something cannot be done now: said before the engine is asked, in the words of a remedy.
// The engine decides; this only spares the operator a round trip and greys out what is pointless.
import Domain
import Wire

enum Why {
    static func noEngine(_ model: Model) -> String? {
        switch model.connection {
        case .lost: "the engine is gone; it is tried again every few seconds"
        case .connecting: "the engine has not answered yet"
        case .live: model.situation == nil ? "the engine has not answered yet" : nil
        }
    }
    static func noEmergency(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard model.emergency == nil else { return nil }
        let place = model.page == .escalation ? " on screen 1" : ""
        return "no emergency is open; e\(place) activates one"
    }
    static func notToAcknowledge(_ model: Model) -> String? {
        if let why = noEmergency(model) { return why }
        guard let emergency = model.emergency, let by = emergency.acknowledgedBy else { return nil }
        return "\(model.person(by)) has acknowledged it"
            + (emergency.acknowledgedAt.map { " at \(Times.ofDay($0))" } ?? "")
    }
    static func emergencyOpen(_ model: Model) -> String? {
        noEngine(model)
            ?? model.emergency.map { "\($0.id) is open already; D ends it, n adds a note to it" }
    }
    static func nothingProposed(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let proposal = model.proposal else {
            return "nothing is proposed; r shows what there is"
        }
        return proposal.kind == "rollback" ? noRollback(model) : procedureRunning(model)
    }
    static func procedureRunning(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let running = model.core?.procedure, !running.state.isOver else { return nil }
        return "\(running.title) is running; one procedure runs at a time"
    }
    static func noRollback(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        if model.runbook?.rollback == nil { return "the runbook has no rollback" }
        if model.runningRollback != nil { return nil }
        if let failed = model.core?.rollback, failed.state == .failed {
            return "\(failed.id) failed half-way; on screen 5, c goes on with it and u undoes it"
        }
        return procedureRunning(model)
    }
    static func noFallbacks(_ model: Model) -> String? {
        noEngine(model)
            ?? ((model.core?.fallbacks ?? []).isEmpty ? "the runbook has no fallbacks" : nil)
    }
    static func noFaults(_ model: Model) -> String? {
        (model.runbook?.faults ?? []).isEmpty ? "only the demo's service can be broken" : nil
    }

    // MARK: A procedure that is there

    static func notToPause(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let procedure = model.core?.procedure else { return "nothing is running" }
        switch procedure.state {
        case .running: return nil
        case .paused: return "it is paused; c goes on"
        case .waiting: return "it waits already: \(procedure.message)"
        case .undoing: return "it is being undone"
        case .succeeded, .failed, .undone: return "it is over"
        }
    }
    /// Paused: goes on. Failed: the rollback's failed step is tried again. Waiting: the step that
    /// nobody knows about runs again.
    static func notToResume(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let procedure = model.core?.procedure else {
            return model.core?.rollback?.state == .failed
                ? nil : "nothing is paused, and no rollback has failed"
        }
        switch procedure.state {
        case .paused, .waiting: return nil
        case .running: return "it is running; p pauses it"
        case .undoing: return "it is being undone"
        case .succeeded, .failed, .undone: return "it is over"
        }
    }
    static func notToUndo(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let rollback = model.anyRollback else { return "there is no rollback" }
        switch rollback.state {
        case .paused, .waiting, .failed, .succeeded: return procedureInTheWay(model)
        case .running: return "it is running; p pauses it first"
        case .undoing: return "it is being undone already"
        case .undone: return "it was undone"
        }
    }
    private static func procedureInTheWay(_ model: Model) -> String? {
        model.runningProcedure.flatMap { $0.state.isOver ? nil : "\($0.title) is running" }
    }
    static func nothingWaits(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        return model.core?.procedure?.state == .waiting ? nil : "nothing waits for an answer"
    }
    static func nothingToVeto(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        let pending = model.proposals.contains { $0.kind == "rollback" && $0.runsAt != nil }
        return pending ? nil : "no rollback is about to start by itself"
    }
}
