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
        noEngine(model) ?? (model.emergency == nil ? "no emergency is open; e activates one" : nil)
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
        noEngine(model) ?? (model.proposals.isEmpty ? "nothing is proposed; r shows what there is" : nil)
    }
    static func procedureRunning(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let running = model.core?.procedure, !running.state.isOver else { return nil }
        return "\(running.title) is running; one procedure runs at a time"
    }
    static func noRollback(_ model: Model) -> String? {
        noEngine(model)
            ?? (model.runbook?.rollback == nil ? "the runbook has no rollback" : nil)
    }
    static func noFallbacks(_ model: Model) -> String? {
        noEngine(model)
            ?? ((model.core?.fallbacks ?? []).isEmpty ? "the runbook has no fallbacks" : nil)
    }
    static func noFaults(_ model: Model) -> String? {
        (model.runbook?.faults ?? []).isEmpty ? "only the demo's service can be broken" : nil
    }

    // MARK: A rollback that is there

    static func notToPause(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let rollback = model.runningRollback else { return "no rollback is running" }
        switch rollback.state {
        case .running: return nil
        case .paused: return "it is paused; c goes on"
        case .waiting: return "it waits already: \(rollback.message)"
        case .undoing: return "it is being undone"
        case .succeeded, .failed, .undone: return "it is over"
        }
    }
    static func notToResume(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let rollback = model.anyRollback else { return "there is no rollback; R begins one" }
        switch rollback.state {
        case .paused, .failed: return nil
        case .waiting: return hasUnknownStep(rollback) ? nil : "it waits: \(rollback.message)"
        case .running: return "it is running; p pauses it"
        case .undoing: return "it is being undone"
        case .succeeded: return "it is done"
        case .undone: return "it was undone; R begins another"
        }
    }
    static func notToUndo(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let rollback = model.anyRollback else { return "there is no rollback" }
        switch rollback.state {
        case .running, .paused, .failed: return nil
        case .waiting: return nil
        case .undoing: return "it is being undone already"
        case .succeeded: return "it is done; undo-rollback in the palette takes a done one back"
        case .undone: return "it was undone"
        }
    }
    static func notWaiting(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let rollback = model.runningRollback, rollback.state == .waiting,
            !hasUnknownStep(rollback)
        else { return "no rollback waits for an approval" }
        return nil
    }
    static func noUnknownStep(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let rollback = model.anyRollback, hasUnknownStep(rollback) else {
            return "of every step it is known what became of it"
        }
        return nil
    }
    static func nothingToVeto(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        let pending = model.proposals.contains { $0.kind == "rollback" && $0.runsAt != nil }
        return pending || notWaiting(model) == nil ? nil : "no rollback is about to start"
    }
    static func hasUnknownStep(_ procedure: ProcedureReport) -> Bool {
        procedure.stages.contains { $0.steps.contains { $0.state == .unknown } }
    }
}
