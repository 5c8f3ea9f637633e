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
    /// `until`: when it runs out by itself; nil: it lasts.
    case acknowledged(by: String, text: String, until: Timestamp?)
    /// An acknowledgement ran out: the clock and the escalation go on where they stood.
    case acknowledgementExpired
    /// Somebody else commands now. `until`: by then they must have taken it; nil for who took it.
    case handedOver(to: String, by: String, text: String, until: Timestamp?)
    /// An emergency that ended less than an hour ago goes on.
    case reopened(Reopening)
    case deactivated(resolvedBy: String, text: String, by: String)
    case escalated(EscalationTaken)
    /// A procedure told people something; the message itself is queued beside it.
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
    /// `toStage`: only this stage and those after it are taken back; nil: all.
    case undoStarted(procedure: String, by: String, toStage: Int?)
    /// It is not needed: another step did its work, or none of those it stands in for has failed.
    case stepSkipped(procedure: String, StepAddress, why: String)
    /// A person ended what waited or was paused.
    case procedureStopped(procedure: String, by: String, text: String)
    case procedureEnded(procedure: String, ProcedureState, message: String)
    case backupTaken(BackupReceipt)
    case rollbackVetoed(rule: String, by: String, text: String)
    /// Somebody wants a rollback that others have to agree to.
    case rollbackRequested(RollbackAsk)
    case rollbackApproved(request: String, by: String)
    /// It ran out, was vetoed, or what it asked for cannot be any more.
    case rollbackRequestEnded(request: String, why: String, by: String)
    /// People were told that a rule's rollback starts by itself.
    case rollbackAnnounced(rule: String, at: Timestamp)
    case watchBegan(RollbackWatch)
    /// The regular look: the health score, and the probes that are down.
    case watchLooked(rollback: String, score: Int, down: [ProbeReference])
    /// A probe went down while a rollback was being watched.
    case watchProblem(rollback: String, ProbeReference, message: String)
    case watchEnded(rollback: String, why: String)
    /// The plan's `escalate_after` is over, and the triggers still hold.
    case recoveryOverdue(failure: String, after: Span)
    /// The plan's actions are tried one after the other until one helps or the attempts are used up.
    case autoRecoverySwitched(on: Bool, by: String)

    case outbox(OutboxEvent)
    /// An alert of another system reports a problem, or no longer does.
    case alertFired(problem: String, fingerprint: String, text: String, by: String)
    case alertResolved(problem: String, fingerprint: String, by: String)
    /// A line on every dashboard; nil: none any more.
    case lineSet(DashboardLine?, by: String)
    case onCallOverridden(OnCallOverride, by: String)
    case onCallOverrideEnded(id: String, by: String)
    case alertsConfigured(LocalAlerts, by: String)
    /// Fallbacks that a level asks for are to be switched; a procedure does it when none is in its way.
    case fallbacksDue([String], enable: Bool)
    /// The engine was away, or the machine slept: what fell due meanwhile is done now, once.
    case gapNoticed(from: Timestamp, to: Timestamp, why: String)
    /// The wall clock was set: every clock that runs is moved by so many seconds with it.
    case clockStepped(by: Double)

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
        case .acknowledgementExpired: "acknowledgement-expired"
        case .handedOver: "handed-over"
        case .reopened: "emergency-reopened"
        case .outbox(let event): event.kind
        case .alertFired: "alert-fired"
        case .alertResolved: "alert-resolved"
        case .lineSet: "line-set"
        case .onCallOverridden: "on-call-overridden"
        case .onCallOverrideEnded: "on-call-override-ended"
        case .alertsConfigured: "alerts-configured"
        case .fallbacksDue: "fallbacks-due"
        case .gapNoticed: "gap-noticed"
        case .clockStepped: "clock-stepped"
        case .stepSkipped: "step-skipped"
        case .procedureStopped: "procedure-stopped"
        case .rollbackRequested: "rollback-requested"
        case .rollbackApproved: "rollback-approved"
        case .rollbackRequestEnded: "rollback-request-ended"
        case .rollbackAnnounced: "rollback-announced"
        case .watchBegan: "watch-began"
        case .watchLooked: "watch-looked"
        case .watchProblem: "watch-problem"
        case .watchEnded: "watch-ended"
        case .recoveryOverdue: "recovery-overdue"
        }
    }
}

/// What happens to messages on their way.
package enum OutboxEvent: Sendable, Equatable, Codable {
    /// A message stands in the outbox, with its first deliveries.
    case queued(OutboxMessage, deliveries: [Delivery])
    /// Another channel is tried because one failed.
    case added(Delivery)
    /// Written before anything is sent.
    case started(String, attempt: Int)
    case ended(String, attempt: Int, DeliveryOutcome)
    /// The engine ended while it was being sent: it is sent again.
    case interrupted(String)
    case dropped(String, why: String)
    /// Given up; it is shown until it is tried again or dismissed.
    case dead(String, why: String)
    /// A person has it tried again, or dismisses it.
    case revived(String, by: String)
    case dismissed(String, by: String)

    package var kind: String {
        switch self {
        case .queued: "message-queued"
        case .added: "delivery-added"
        case .started: "delivery-started"
        case .ended: "delivery-ended"
        case .interrupted: "delivery-interrupted"
        case .dropped: "delivery-dropped"
        case .dead: "delivery-dead"
        case .revived: "delivery-revived"
        case .dismissed: "delivery-dismissed"
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

package struct Reopening: Sendable, Equatable, Codable {
    package var id: String
    package var level: Level
    package var reason: String
    package var triggeredBy: String
    package var by: String
    package var trigger: String?
    package var failure: String?
    package var respondBy: Timestamp
    package init(
        id: String, level: Level, reason: String, triggeredBy: String, by: String,
        trigger: String?, failure: String?, respondBy: Timestamp
    ) {
        self.id = id
        self.level = level
        self.reason = reason
        self.triggeredBy = triggeredBy
        self.by = by
        self.trigger = trigger
        self.failure = failure
        self.respondBy = respondBy
    }
}

/// What `update-dashboard` shows on every screen.
package struct DashboardLine: Sendable, Equatable, Codable {
    /// A word, such as `emergency_active`.
    package var status: String
    package var message: String
    package init(status: String, message: String) {
        self.status = status
        self.message = message
    }
}

/// Somebody stands in for whoever the rotation names.
package struct OnCallOverride: Sendable, Equatable, Codable {
    /// Such as `override_20260105_001`.
    package var id: String
    package var role: String
    /// The id of a person.
    package var person: String
    package var from: Timestamp
    package var until: Timestamp
    /// The login name of who set it.
    package var by: String
    package init(
        id: String, role: String, person: String, from: Timestamp, until: Timestamp, by: String
    ) {
        self.by = by
        self.id = id
        self.role = role
        self.person = person
        self.from = from
        self.until = until
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
