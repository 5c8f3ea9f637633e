// What may be asked of the engine: by the world (probes, performers, the clock) and by operators.

package enum Request: Sendable, Equatable {
    /// The engine is up; everything in flight has to be picked up again.
    case started(version: String, pid: Int, boot: String, away: Absence? = nil)
    case stopping
    /// Time has passed.
    case tick
    case probesChanged([ProbeChange])
    case conditionChanged(ConditionName, holds: Bool, why: String)
    case stepEnded(procedure: String, StepAddress, undo: Bool, StepOutcome)
    case command(Command, by: Caller)
    case deliveryEnded(String, attempt: Int, DeliveryOutcome)
    /// Alerts of another system, already matched with the runbook's rules.
    case alerts([IncomingAlert], by: Caller)
    /// The engine was away from `from` until now, or the machine slept.
    case gap(from: Timestamp, why: String)
    /// The wall clock was set forward (or, negative, back) by so many seconds.
    case clockStepped(by: Double)
}

/// Since when nothing was watched, and why.
package struct Absence: Sendable, Equatable {
    package var from: Timestamp
    package var why: String
    package init(from: Timestamp, why: String) {
        self.from = from
        self.why = why
    }
}

/// An alert that a rule of the runbook has turned into a problem.
package struct IncomingAlert: Sendable, Equatable {
    package var problem: String
    /// What tells this alert from others of the same problem.
    package var fingerprint: String
    package var isFiring: Bool
    package var text: String
    package init(problem: String, fingerprint: String, isFiring: Bool, text: String) {
        self.problem = problem
        self.fingerprint = fingerprint
        self.isFiring = isFiring
        self.text = text
    }
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
    /// `span`: it runs out after this time; nil: it lasts.
    case acknowledge(text: String, span: Span?)
    /// To a person's id, name or login name.
    case handOver(to: String, text: String)
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
    /// Back to the start; with a stage's name, only that stage and those after it.
    case undoRollback(toStage: String?)
    /// Ends what waits or is paused, and is no rollback.
    case stopProcedure(text: String)
    /// Agrees to the rollback that was asked for.
    case approveRollback(ApprovalRequest)
    case runPlaybook(String)
    /// The plan's manual instructions, each to be ticked.
    case recoverByHand
    case restoreBackup(RestoreBackupWork)
    /// A step whose end is not known, or that a person has to tick.
    case resolveStep(done: Bool)
    case vetoRollback(text: String)
    case sendNotification(NotificationRequest)
    case sendUserNotification(text: String, channel: String)
    case updateStatusPage(status: String, text: String)
    /// Nil takes the line away.
    case updateDashboard(DashboardLine?)
    case createIncident(title: String, text: String, priority: String, assignee: String)
    case notifyRollbackStart
    /// A marked test through one channel, or through all of them but the users'; to whom it may concern,
    /// or to the caller.
    case testAlerts(channel: String?, target: String?)
    case overrideOnCall(role: String, person: String, from: Timestamp?, until: Timestamp)
    case endOnCallOverride(id: String)
    case retryDelivery(id: String)
    case dismissDelivery(id: String)
    /// The addresses are in `alerts.local.yaml` already.
    case alertsConfigured(LocalAlerts)
}
package struct NotificationRequest: Sendable, Equatable {
    package var title: String
    package var text: String
    /// A role, a person, or `admins`.
    package var target: String
    package var priority: MessagePriority
    /// Channels; empty: those that the matrix uses for a level of this priority.
    package var via: [String]
    package init(
        title: String, text: String, target: String = "admins",
        priority: MessagePriority = .normal, via: [String] = []
    ) {
        self.title = title
        self.text = text
        self.target = target
        self.priority = priority
        self.via = via
    }
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
    /// The fingerprint of the present plan.
    package var plan: String
    package var testMode: Bool
    /// The service was brought forward again since the rollback that still stands.
    package var again: Bool
    package init(
        authorization: String?, reason: String, confirmation: String, planIsCurrent: Bool,
        plan: String = "", testMode: Bool, again: Bool = false
    ) {
        self.again = again
        self.authorization = authorization
        self.reason = reason
        self.confirmation = confirmation
        self.planIsCurrent = planIsCurrent
        self.plan = plan
        self.testMode = testMode
    }
}
package struct ApprovalRequest: Sendable, Equatable {
    /// The request's id; nil: the one that waits.
    package var request: String?
    /// The fingerprint of the plan that the approver read; nil: they did not say.
    package var plan: String?
    package init(request: String? = nil, plan: String? = nil) {
        self.request = request
        self.plan = plan
    }
}
