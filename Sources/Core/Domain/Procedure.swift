// Procedures: running or ended recoveries, rollbacks, playbooks, drills and backups.

package enum ProcedureKind: String, Sendable, Codable {
    case recovery, rollback, playbook, drill, backup, fallback, service
}
package enum ProcedureState: String, Sendable, Codable {
    case running, waiting, paused, undoing, succeeded, failed, undone
    package var isOver: Bool { self == .succeeded || self == .failed || self == .undone }
}
package enum StepState: String, Sendable, Codable {
    case pending, running, succeeded, failed, undone, skipped, unknown
}

/// A plan that runs: its stages and steps are fixed when it starts, and kept in the journal.
package struct Procedure: Sendable, Equatable, Codable {
    /// Such as `rollback_20260105_001`.
    package var id: String
    package var kind: ProcedureKind
    /// The action, playbook or drill; the target for a rollback.
    package var name: String
    package var title: String
    package var state: ProcedureState
    package var startedAt: Timestamp
    package var finishedAt: Timestamp?
    /// When it had come as far as it came, once it is taken back; nil before.
    package var ranUntil: Timestamp?
    /// When the last undo began.
    package var undoBeganAt: Timestamp?
    package var startedBy: String
    package var reason: String
    /// The emergency that it belongs to.
    package var emergency: String?
    /// 1, 2 or 3 for a recovery; 0 else.
    package var attempt: Int
    /// For a rollback: emergency, planned, security or maintenance.
    package var authorization: String?
    package var testMode: Bool
    package var stages: [ProcedureStage]
    /// What it waits for or why it ended, in words.
    package var message: String
    /// The backup that it rests on.
    package var backup: String?
    /// It stops after the step that is running.
    package var pauseRequested: Bool
    /// The playbook that waits for it: a rollback that is a step of one.
    package var parent: String?
    /// The step of the playbook that it is.
    package var parentStep: StepAddress?
    /// Who agreed to it, the asker first; nil in journals that are older than approvals.
    package var approvals: [Approval]?
    /// Guards (see `ProcedureStep.guards`) whose steps have failed.
    package var failedGuards: [Int]?
    /// The first stage that undoing leaves as it is is the one before this; nil: all are undone.
    package var undoneTo: Int?

    package init(
        id: String, kind: ProcedureKind, name: String, title: String, startedAt: Timestamp,
        startedBy: String, reason: String, emergency: String?, attempt: Int = 0,
        authorization: String? = nil, testMode: Bool = false, stages: [ProcedureStage]
    ) {
        self.id = id
        self.kind = kind
        self.name = name
        self.title = title
        self.state = .running
        self.startedAt = startedAt
        self.startedBy = startedBy
        self.reason = reason
        self.emergency = emergency
        self.attempt = attempt
        self.authorization = authorization
        self.testMode = testMode
        self.stages = stages
        message = ""
        pauseRequested = false
    }
}
package struct ProcedureStage: Sendable, Equatable, Codable {
    package var name: String
    package var steps: [ProcedureStep]
    package init(name: String, steps: [ProcedureStep]) {
        self.name = name
        self.steps = steps
    }
}
package struct ProcedureStep: Sendable, Equatable, Codable {
    package var step: Step
    package var state: StepState
    /// How many times it was started, with undoing; names its run directory.
    package var starts: Int
    package var startedAt: Timestamp?
    package var seconds: Double?
    package var message: String
    /// The guards it stands under, the innermost last. When it fails, the innermost that has not
    /// failed yet does, and the procedure goes on with what replaces that guard's steps.
    package var guards: [Int]?
    /// The guard whose steps it replaces: it runs only when that guard has failed.
    package var replaces: Int?
    /// It is not known whether it was taken back; nil: it is, or nobody has tried.
    package var undoIsUnknown: Bool?
    package init(step: Step, guards: [Int]? = nil, replaces: Int? = nil) {
        self.step = step
        self.guards = guards
        self.replaces = replaces
        state = .pending
        starts = 0
        message = ""
    }
}

/// One person's agreement to a rollback, by the login name that the kernel gave.
package struct Approval: Sendable, Equatable, Codable {
    package var user: String
    package var at: Timestamp
    package init(user: String, at: Timestamp) {
        self.user = user
        self.at = at
    }
}

/// A rollback that somebody asked for and that too few have agreed to yet.
package struct RollbackAsk: Sendable, Equatable, Codable {
    /// Such as `request_20260105_001`.
    package var id: String
    /// emergency, planned, security or maintenance.
    package var authorization: String
    package var reason: String
    /// Login name.
    package var by: String
    package var at: Timestamp
    /// Then it is over, and so are all its approvals.
    package var expiresAt: Timestamp
    /// What was shown to the asker: nothing else may run.
    package var stages: [ProcedureStage]
    /// The fingerprint of `stages`.
    package var plan: String
    /// The asker first, where their role counts.
    package var approvals: [Approval]
    /// The playbook that waits for it.
    package var parent: String?
    package var parentStep: StepAddress?
    package init(
        id: String, authorization: String, reason: String, by: String, at: Timestamp,
        expiresAt: Timestamp, stages: [ProcedureStage], plan: String,
        approvals: [Approval] = [], parent: String? = nil, parentStep: StepAddress? = nil
    ) {
        self.id = id
        self.authorization = authorization
        self.reason = reason
        self.by = by
        self.at = at
        self.expiresAt = expiresAt
        self.stages = stages
        self.plan = plan
        self.approvals = approvals
        self.parent = parent
        self.parentStep = parentStep
    }
    /// The rollback procedures ask that an approval is fresh.
    package static let lifetime = Span.minutes(30)
}

/// The time after a rollback in which every probe that goes down is a problem of the rollback.
package struct RollbackWatch: Sendable, Equatable, Codable {
    /// The rollback's id.
    package var rollback: String
    package var from: Timestamp
    package var until: Timestamp
    package var every: Span
    /// When the state was last recorded.
    package var lookedAt: Timestamp
    package var looks: Int
    /// Probes that went down, each once, in the order they did; at most 100 are kept.
    package var problems: [WatchProblem]
    package init(rollback: String, from: Timestamp, until: Timestamp, every: Span) {
        self.rollback = rollback
        self.from = from
        self.until = until
        self.every = every
        lookedAt = from
        looks = 0
        problems = []
    }
}
package struct WatchProblem: Sendable, Equatable, Codable {
    package var probe: ProbeReference
    package var at: Timestamp
    package var message: String
    /// When the probe came back; nil: it has not.
    package var endedAt: Timestamp?
    package init(probe: ProbeReference, at: Timestamp, message: String) {
        self.probe = probe
        self.at = at
        self.message = message
    }
}
/// Where a step stands in its procedure.
package struct StepAddress: Sendable, Hashable, Codable {
    package var stage: Int
    package var step: Int
    package init(stage: Int, step: Int) {
        self.stage = stage
        self.step = step
    }
}
