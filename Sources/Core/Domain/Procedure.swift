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
    package init(step: Step) {
        self.step = step
        state = .pending
        starts = 0
        message = ""
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
