// Everything that can happen, as the journal keeps it. Names here are read for ever: add, never rename.

/// One thing that happened. Its JSON form is what the journal holds.
package enum Event: Sendable, Equatable, Codable {
    case engineStarted(version: String, pid: Int, boot: String)
    case engineStopped
    case probeChanged(ProbeReference, from: Health, to: Health, message: String)
    /// A condition of the runbook (see `ConditionName`) began to hold.
    case conditionBegan(ConditionName, why: String)
    case conditionEnded(ConditionName)
    case problemReported(kind: String, text: String, by: String)
    case problemCleared(kind: String, by: String)

    case emergencyActivated(Activation)
    /// Another trigger fired while the emergency was open.
    case triggerJoined(name: String, why: String)
    case levelChanged(Level, respondBy: Timestamp, reason: String, by: String)
    case acknowledged(by: String, text: String)
    case deactivated(resolvedBy: String, text: String, by: String)
    case escalated(EscalationTaken)
    /// A message to people; for now it reaches the journal and every screen.
    case notified(people: [String], via: [String], title: String, text: String)
    case noted(text: String, by: String)

    case fallbackSwitched(name: String, enabled: Bool, by: String)
    case procedureStarted(Procedure)
    case stepStarted(procedure: String, StepAddress, undo: Bool)
    case stepEnded(procedure: String, StepAddress, undo: Bool, StepOutcome)
    case pauseRequested(procedure: String, by: String)
    case procedurePaused(procedure: String)
    /// It waits for a person; `why` says for what.
    case procedureWaits(procedure: String, why: String)
    case procedureResumed(procedure: String, by: String)
    /// A person said of a step whose end is not known what became of it.
    case stepResolved(procedure: String, StepAddress, done: Bool, by: String)
    case undoStarted(procedure: String, by: String)
    case procedureEnded(procedure: String, ProcedureState, message: String)
    case backupTaken(BackupReceipt)
    case rollbackVetoed(rule: String, by: String, text: String)
    /// The plan's actions are tried one after the other until one helps or the attempts are used up.
    case autoRecoverySwitched(on: Bool, by: String)

    /// The journal's word for it, and the API's.
    package var kind: String {
        switch self {
        case .engineStarted: "engine-started"
        case .engineStopped: "engine-stopped"
        case .probeChanged: "probe-changed"
        case .conditionBegan: "condition-began"
        case .conditionEnded: "condition-ended"
        case .problemReported: "problem-reported"
        case .problemCleared: "problem-cleared"
        case .emergencyActivated: "emergency-activated"
        case .triggerJoined: "trigger-joined"
        case .levelChanged: "level-changed"
        case .acknowledged: "emergency-acknowledged"
        case .deactivated: "emergency-deactivated"
        case .escalated: "escalated"
        case .notified: "notified"
        case .noted: "noted"
        case .fallbackSwitched: "fallback-switched"
        case .procedureStarted: "procedure-started"
        case .stepStarted: "step-started"
        case .stepEnded: "step-ended"
        case .pauseRequested: "pause-requested"
        case .procedurePaused: "procedure-paused"
        case .procedureWaits: "procedure-waits"
        case .procedureResumed: "procedure-resumed"
        case .stepResolved: "step-resolved"
        case .undoStarted: "undo-started"
        case .procedureEnded: "procedure-ended"
        case .backupTaken: "backup-taken"
        case .rollbackVetoed: "rollback-vetoed"
        case .autoRecoverySwitched: "auto-recovery-switched"
        }
    }
}

/// A condition that the engine watches: a trigger's or a rollback rule's.
package enum ConditionName: Sendable, Hashable, Codable, CustomStringConvertible {
    case trigger(String)
    case rollback(String)
    package var description: String {
        switch self {
        case .trigger(let name): "trigger \(name)"
        case .rollback(let name): "rollback rule \(name)"
        }
    }
}

package struct Activation: Sendable, Equatable, Codable {
    /// Such as `emergency_20260105_001`.
    package var id: String
    package var level: Level
    package var reason: String
    /// A trigger's name, or what `--triggered-by` said.
    package var triggeredBy: String
    /// The login name of the caller, or `engine`.
    package var by: String
    package var trigger: String?
    package var failure: String?
    /// When its condition began to hold; the moment of activation for a person's.
    package var began: Timestamp
    /// When the response clock runs out.
    package var respondBy: Timestamp
    package init(
        id: String, level: Level, reason: String, triggeredBy: String, by: String,
        trigger: String?, failure: String?, began: Timestamp, respondBy: Timestamp
    ) {
        self.id = id
        self.level = level
        self.reason = reason
        self.triggeredBy = triggeredBy
        self.by = by
        self.trigger = trigger
        self.failure = failure
        self.began = began
        self.respondBy = respondBy
    }
}

package struct EscalationTaken: Sendable, Equatable, Codable {
    package var level: Level
    /// Its place in the level's row.
    package var index: Int
    /// 1 for the first time, more when it is repeated.
    package var round: Int
    /// Ids of people, as the roles and shifts were then.
    package var people: [String]
    package var via: [String]
    package var ticket: Bool
    /// `engine`, or the operator who escalated by hand.
    package var by: String
    package init(
        level: Level, index: Int, round: Int, people: [String], via: [String], ticket: Bool,
        by: String
    ) {
        self.level = level
        self.index = index
        self.round = round
        self.people = people
        self.via = via
        self.ticket = ticket
        self.by = by
    }
}
