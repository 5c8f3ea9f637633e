// What front ends see of requests, approvals, watches, recovery plans and tests of the procedures.
package import Domain

/// A rollback that waits for people to agree to it.
package struct RequestReport: Codable, Sendable, Equatable {
    /// Such as `request_20260105_001`.
    package var id: String
    /// emergency, planned, security or maintenance.
    package var authorization: String
    package var reason: String
    /// Login name and name of the asker.
    package var by: String
    package var byName: String
    /// RFC 3339.
    package var at: String
    package var expiresAt: String
    /// SHA-256 of the plan that was asked for; empty: of the present plan.
    package var plan: String
    package var approvals: [ApprovalReport]
    /// What is missing, in words, with who could say it: `1 senior-administrator (Ines Moreau)`.
    /// Empty: enough have agreed, and it starts when nothing else runs.
    package var missing: String
    /// Login names whose agreement would count.
    package var candidates: [String]
    /// The playbook that waits for it.
    @ExplicitNull package var playbook: String?
    package init(
        id: String, authorization: String, reason: String, by: String, byName: String, at: String,
        expiresAt: String, plan: String, approvals: [ApprovalReport], missing: String,
        candidates: [String], playbook: String?
    ) {
        self.id = id
        self.authorization = authorization
        self.reason = reason
        self.by = by
        self.byName = byName
        self.at = at
        self.expiresAt = expiresAt
        self.plan = plan
        self.approvals = approvals
        self.missing = missing
        self.candidates = candidates
        self.playbook = playbook
    }
}
package struct ApprovalReport: Codable, Sendable, Equatable {
    /// Login name, as the kernel gave it.
    package var user: String
    package var name: String
    /// RFC 3339.
    package var at: String
    package init(user: String, name: String, at: String) {
        self.user = user
        self.name = name
        self.at = at
    }
}

/// The time after a rollback in which every probe that goes down is its problem.
package struct WatchReport: Codable, Sendable, Equatable {
    /// The rollback's id.
    package var rollback: String
    /// RFC 3339.
    package var from: String
    package var until: String
    package var everySeconds: Double
    /// How often the state was recorded, and when it was last.
    package var looks: Int
    package var lookedAt: String
    package var problems: [WatchProblemReport]
    package init(
        rollback: String, from: String, until: String, everySeconds: Double, looks: Int,
        lookedAt: String, problems: [WatchProblemReport]
    ) {
        self.rollback = rollback
        self.from = from
        self.until = until
        self.everySeconds = everySeconds
        self.looks = looks
        self.lookedAt = lookedAt
        self.problems = problems
    }
}
package struct WatchProblemReport: Codable, Sendable, Equatable {
    /// `component.probe`.
    package var probe: String
    package var at: String
    package var message: String
    /// When the probe was well again; null: it is not.
    @ExplicitNull package var endedAt: String?
    package init(probe: String, at: String, message: String, endedAt: String?) {
        self.probe = probe
        self.at = at
        self.message = message
        self.endedAt = endedAt
    }
}

/// A procedure that is over, in short.
package struct PastReport: Codable, Sendable, Equatable {
    package var id: String
    package var kind: ProcedureKind
    package var name: String
    package var state: ProcedureState
    /// RFC 3339.
    package var startedAt: String
    package var finishedAt: String
    @ExplicitNull package var emergency: String?
    package var testMode: Bool
    package init(
        id: String, kind: ProcedureKind, name: String, state: ProcedureState, startedAt: String,
        finishedAt: String, emergency: String?, testMode: Bool
    ) {
        self.id = id
        self.kind = kind
        self.name = name
        self.state = state
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.emergency = emergency
        self.testMode = testMode
    }
}

/// What the runbook plans for a failure.
package struct RecoveryPlanReport: Codable, Sendable, Equatable {
    package var failure: String
    /// Names of actions, in the order they are tried.
    package var actions: [String]
    /// What a person does, in words.
    package var manual: [String]
    @ExplicitNull package var escalateAfterSeconds: Double?
    package init(
        failure: String, actions: [String], manual: [String], escalateAfterSeconds: Double?
    ) {
        self.failure = failure
        self.actions = actions
        self.manual = manual
        self.escalateAfterSeconds = escalateAfterSeconds
    }
}

/// What the runbook says of backups.
package struct BackupPlanReport: Codable, Sendable, Equatable {
    /// Absolute.
    package var to: String
    package var files: [String]
    package var databases: [String]
    package var sources: [String]
    @ExplicitNull package var keepLast: Int?
    @ExplicitNull package var keepDays: Int?
    package init(
        to: String, files: [String], databases: [String], sources: [String], keepLast: Int?,
        keepDays: Int?
    ) {
        self.to = to
        self.files = files
        self.databases = databases
        self.sources = sources
        self.keepLast = keepLast
        self.keepDays = keepDays
    }
}

/// One thing that a test of the procedures looked at; it changed nothing.
package struct CheckReport: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable { case healthy, degraded, failed, unknown }
    /// What it belongs to: `action restart-websocket`, `channel mail`, `stage Service shutdown`.
    package var subject: String
    /// The step, or what was looked at.
    package var name: String
    package var state: State
    package var message: String
    /// What a person can do about it; empty where nothing need be done.
    package var remedy: String
    package init(
        subject: String, name: String, state: State, message: String, remedy: String = ""
    ) {
        self.subject = subject
        self.name = name
        self.state = state
        self.message = message
        self.remedy = remedy
    }
}

/// What a report on a rollback holds beyond the rollback as the situation shows it.
package struct RollbackRecord: Codable, Sendable, Equatable {
    package var rollback: ProcedureReport
    /// SHA-256 of the plan that it carried out.
    package var plan: String
    /// In the order of the stages and their steps.
    package var steps: [StepRecord]
    /// The backup that it rests on; null: none, or it is not known any more.
    @ExplicitNull package var backup: BackupReceiptReport?
    package init(
        rollback: ProcedureReport, plan: String, steps: [StepRecord],
        backup: BackupReceiptReport?
    ) {
        self.rollback = rollback
        self.plan = plan
        self.steps = steps
        self.backup = backup
    }
}
package struct StepRecord: Codable, Sendable, Equatable {
    /// Places in the procedure, from 0.
    package var stage: Int
    package var step: Int
    /// RFC 3339; when it was last started. Null: it was not.
    @ExplicitNull package var startedAt: String?
    /// How often it was started, with undoing.
    package var starts: Int
    /// The end of what it said when it was last done, secrets masked.
    package var output: [String]
    package init(stage: Int, step: Int, startedAt: String?, starts: Int, output: [String]) {
        self.stage = stage
        self.step = step
        self.startedAt = startedAt
        self.starts = starts
        self.output = output
    }
}
/// A backup, as its manifest says.
package struct BackupReceiptReport: Codable, Sendable, Equatable {
    package var id: String
    package var path: String
    /// RFC 3339.
    package var at: String
    package var files: Int
    package var bytes: Int
    package var databases: [String]
    package var rows: Int
    package var verified: Bool
    package init(
        id: String, path: String, at: String, files: Int, bytes: Int, databases: [String],
        rows: Int, verified: Bool
    ) {
        self.id = id
        self.path = path
        self.at = at
        self.files = files
        self.bytes = bytes
        self.databases = databases
        self.rows = rows
        self.verified = verified
    }
}
