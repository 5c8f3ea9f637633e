// The situation: everything that the rules decide from, and nothing that could not be replayed.
package import OrderedCollections

/// What the journal adds up to. Equal journals give equal situations.
package struct Situation: Sendable, Equatable, Codable {
    /// The number of the last event that is in it.
    package var seq = 0
    package var probes: OrderedDictionary<ProbeReference, ProbeStanding> = [:]
    /// The conditions that hold, with when they began.
    package var conditions: OrderedDictionary<ConditionName, ConditionStanding> = [:]
    /// Triggers whose emergency was deactivated while they still held: they raise nothing until they
    /// have ended once.
    package var spentTriggers: OrderedSet<String> = []
    package var reported: OrderedDictionary<String, ReportedProblem> = [:]
    package var emergency: Emergency?
    /// Ended ones, oldest first; at most `Limits.pastEmergencies`.
    package var past: [PastEmergency] = []
    package var enabledFallbacks: OrderedSet<String> = []
    /// What runs, is paused or waits. Only one changes the service at a time.
    package var procedure: Procedure?
    /// The playbook that waits for `procedure`, a step of its own.
    package var playbook: Procedure?
    /// A rollback that too few have agreed to yet.
    package var ask: RollbackAsk?
    /// The last rollback in test mode that ended.
    package var lastTest: Procedure?
    /// The time after the last rollback in which everything is watched closely.
    package var watch: RollbackWatch?
    /// Rollback rules whose countdown people were told of, with the moment that they were told.
    package var announcedRules: OrderedDictionary<String, Timestamp> = [:]
    /// The last rollback that ended; it can be resumed or undone.
    package var rollback: Procedure?
    /// The last procedure of another kind that ended.
    package var lastProcedure: Procedure?
    /// Oldest first; at most `Limits.pastProcedures`.
    package var pastProcedures: [PastProcedure] = []
    /// Seconds that steps took when they last succeeded, by `kind name/stage/step`.
    package var stepSeconds: OrderedDictionary<String, Double> = [:]
    package var vetoedRules: OrderedSet<String> = []
    package var lastBackup: BackupReceipt?
    /// How many ids were given out, by their beginning: `emergency_20260105`.
    package var idsGiven: OrderedDictionary<String, Int> = [:]
    package var quietSince: Timestamp?
    package var lastNotice: Notice?
    /// Messages with a delivery that is not over, by id, oldest first.
    package var outbox: OrderedDictionary<String, OutboxEntry> = [:]
    /// Messages whose deliveries are all over, oldest first; at most `Limits.settledMessages`.
    package var settled: [OutboxEntry] = []
    /// The emergency that ended last: it goes on when it is needed again within an hour.
    package var lastEnded: EndedEmergency?
    package var line: DashboardLine?
    package var onCallOverrides: [OnCallOverride] = []
    /// Fallbacks that the engine enabled for the open emergency, or is about to.
    package var fallbacksDue: [String] = []
    package var fallbacksToEnd: [String] = []

    package init() {}

    package enum Limits {
        package static let pastEmergencies = 500
        package static let pastProcedures = 500
        package static let stepSeconds = 2_000
        package static let idDays = 40
        package static let settledMessages = 200
        package static let overrides = 100
        package static let watchProblems = 100
        /// An emergency that ended less than this ago is reopened rather than begun anew.
        package static let reopenWithin = Span.hours(1)
    }
}

package struct ProbeStanding: Sendable, Equatable, Codable {
    package var health: Health
    package var since: Timestamp
    package var message: String
    package init(health: Health, since: Timestamp, message: String) {
        self.health = health
        self.since = since
        self.message = message
    }
}
package struct ConditionStanding: Sendable, Equatable, Codable {
    package var since: Timestamp
    package var why: String
    package init(since: Timestamp, why: String) {
        self.since = since
        self.why = why
    }
}
package struct ReportedProblem: Sendable, Equatable, Codable {
    package var text: String
    package var by: String
    package var at: Timestamp
    /// A person reported it; nothing but a person clears it then.
    package var byPerson: Bool
    /// Fingerprints of the alerts that report it.
    package var alerts: OrderedSet<String>
    package init(
        text: String, by: String, at: Timestamp, byPerson: Bool = true,
        alerts: OrderedSet<String> = []
    ) {
        self.text = text
        self.by = by
        self.at = at
        self.byPerson = byPerson
        self.alerts = alerts
    }
}
/// A message and what became of it.
package struct OutboxEntry: Sendable, Equatable, Codable {
    package var message: OutboxMessage
    package var deliveries: [Delivery]
    package init(message: OutboxMessage, deliveries: [Delivery]) {
        self.message = message
        self.deliveries = deliveries
    }
    package var isOver: Bool { deliveries.allSatisfy(\.state.isOver) }
}
package struct EndedEmergency: Sendable, Equatable, Codable {
    package var emergency: Emergency
    package var endedAt: Timestamp
    package init(emergency: Emergency, endedAt: Timestamp) {
        self.emergency = emergency
        self.endedAt = endedAt
    }
}
package struct Notice: Sendable, Equatable, Codable {
    package var at: Timestamp
    package var title: String
    package var people: [String]
    package init(at: Timestamp, title: String, people: [String]) {
        self.at = at
        self.title = title
        self.people = people
    }
}

/// An open emergency.
package struct Emergency: Sendable, Equatable, Codable {
    package var activation: Activation
    package var level: Level
    package var activatedAt: Timestamp
    /// When the present level was set; escalation steps count from here.
    package var levelSince: Timestamp
    package var respondBy: Timestamp
    package var acknowledgedBy: String?
    package var acknowledgedAt: Timestamp?
    /// When the acknowledgement runs out; nil: it lasts.
    package var acknowledgedUntil: Timestamp?
    /// Since when the present holder has it; after a hand-over later than `acknowledgedAt`.
    package var heldSince: Timestamp?
    /// The holder was given it and has not answered yet.
    package var isGiven: Bool
    /// How often it was taken up again after its end.
    package var reopenings: Int
    /// When it was taken up the last time.
    package var reopenedAt: Timestamp?
    /// The ticket's number, once a ticket system has given one.
    package var ticket: String?
    /// What the status page calls the incident.
    package var statusPageIncident: String?
    /// The triggers that belong to it, the first one first.
    package var triggers: [String]
    /// Why it has its level: the reason of the activation, or of the trigger that raised it.
    package var reason: String
    package var escalation: [EscalationStanding]
    /// Actions that were started, in order; its count is the number of attempts.
    package var attempts: [String]
    /// Attempts that did not help: that failed, or after which the same came back.
    package var failedAttempts: Int
    /// The engine goes on to the plan's next action by itself.
    package var recoversByItself: Bool
    /// The plan's `escalate_after` is over and was acted on.
    package var recoveryIsOverdue: Bool

    package init(activation: Activation, at: Timestamp) {
        self.activation = activation
        level = activation.level
        activatedAt = at
        levelSince = at
        respondBy = activation.respondBy
        triggers = activation.trigger.map { [$0] } ?? []
        reason = activation.reason
        escalation = []
        attempts = []
        failedAttempts = 0
        recoversByItself = false
        recoveryIsOverdue = false
        reopenings = 0
        isGiven = false
    }
    package var id: String { activation.id }
}
package struct EscalationStanding: Sendable, Equatable, Codable {
    package var level: Level
    package var index: Int
    package var rounds: Int
    package var lastAt: Timestamp
    package init(level: Level, index: Int, rounds: Int, lastAt: Timestamp) {
        self.level = level
        self.index = index
        self.rounds = rounds
        self.lastAt = lastAt
    }
}
package struct PastEmergency: Sendable, Equatable, Codable {
    package var id: String
    package var level: Level
    package var reason: String
    package var began: Timestamp
    package var activatedAt: Timestamp
    package var acknowledgedAt: Timestamp?
    package var endedAt: Timestamp
    package var resolvedBy: String
    package var attempts: Int
    package init(_ emergency: Emergency, endedAt: Timestamp, resolvedBy: String) {
        id = emergency.id
        level = emergency.level
        reason = emergency.activation.reason
        began = emergency.activation.began
        activatedAt = emergency.activatedAt
        acknowledgedAt = emergency.acknowledgedAt
        self.endedAt = endedAt
        self.resolvedBy = resolvedBy
        attempts = emergency.attempts.count
    }
}
package struct PastProcedure: Sendable, Equatable, Codable {
    package var id: String
    package var kind: ProcedureKind
    package var name: String
    package var state: ProcedureState
    package var startedAt: Timestamp
    package var finishedAt: Timestamp
    package var emergency: String?
    package var testMode: Bool
    package init(_ procedure: Procedure, finishedAt: Timestamp) {
        id = procedure.id
        kind = procedure.kind
        name = procedure.name
        state = procedure.state
        startedAt = procedure.startedAt
        self.finishedAt = finishedAt
        emergency = procedure.emergency
        testMode = procedure.testMode
    }
}
