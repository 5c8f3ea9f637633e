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
            return model.proposals.isEmpty
                ? "nothing is proposed; r shows what there is"
                : "nothing is selected; the arrows select a proposal"
        }
        if proposal.kind == ProposalReport.endKind { return noEmergency(model) }
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
        if model.runningRollback != nil || model.core?.request != nil { return nil }
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
        (model.runbook?.faults ?? []).isEmpty
            ? "only the demo's service can be broken" : noEngine(model)
    }
}
