// What may be asked of the engine: by the world (probes, performers, the clock) and by operators.

package enum Request: Sendable, Equatable {
    /// The engine is up; everything in flight has to be picked up again.
    case started(version: String, pid: Int, boot: String)
    case stopping
    /// Time has passed.
    case tick
    case probesChanged([ProbeChange])
    case conditionChanged(ConditionName, holds: Bool, why: String)
    case stepEnded(procedure: String, StepAddress, undo: Bool, StepOutcome)
    case command(Command, by: Caller)
}

/// A probe's new state.
package struct ProbeChange: Sendable, Equatable {
    package var probe: ProbeReference
    package var to: Health
    package var message: String
    package init(probe: ProbeReference, to: Health, message: String) {
        self.probe = probe
        self.to = to
        self.message = message
    }
}

/// What an operator may ask for.
package enum Command: Sendable, Equatable {
    case activate(level: Level?, reason: String, triggeredBy: String)
    case acknowledge(text: String)
    case deactivate(resolvedBy: String, text: String)
    case escalate(text: String)
    case setLevel(Level, reason: String)
    case note(String)
    case reportProblem(kind: String, text: String)
    case clearProblem(kind: String)
    /// One attempt with one action; nil: the plan's next one.
    case recover(action: String?)
    /// The plan's actions, one after the other, until one helps or the attempts are used up.
    case autoRecover
    case switchFallback(String, enable: Bool)
    /// Nil: all of them.
    case testFallback(String?)
    case service(ServiceCommand)
    case backup
    case rollback(RollbackRequest)
    case pauseProcedure
    case resumeProcedure
    case undoRollback
    /// A step whose end is not known, or that a person has to tick.
    case resolveStep(done: Bool)
    case vetoRollback(text: String)
}
package enum ServiceCommand: String, Sendable, CaseIterable {
    case stop, start
    case emergencyStart = "emergency-start"
    case restart, verify
}
package struct RollbackRequest: Sendable, Equatable {
    /// emergency, planned, security, maintenance; nil: what the situation suggests.
    package var authorization: String?
    package var reason: String
    /// The service's name as it was typed.
    package var confirmation: String
    /// False when the operator saw another plan than the present one.
    package var planIsCurrent: Bool
    package var testMode: Bool
    package init(
        authorization: String?, reason: String, confirmation: String, planIsCurrent: Bool,
        testMode: Bool
    ) {
        self.authorization = authorization
        self.reason = reason
        self.confirmation = confirmation
        self.planIsCurrent = planIsCurrent
        self.testMode = testMode
    }
}
