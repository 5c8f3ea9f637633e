// The situation as front ends see it: `GET /v1/situation`, `status --output json`, the stream.
package import Domain

/// The whole picture; its JSON shape is the contract of interface.md, plus `gauges`, `escalation`,
/// `alarms` and `message`.
package struct SituationReport: Codable, Sendable, Equatable {
    /// Everything that is small and is sent whole when any of it changes.
    package var core: SituationCore
    package var components: [ComponentReport]
    package var metrics: [MetricReport]
    package var gauges: [GaugeReport]
    /// Everything in the outbox and the newest that is over, oldest first.
    package var deliveries: [DeliveryReport]

    /// How many a client keeps.
    package static let mostDeliveries = 300

    package init(
        core: SituationCore, components: [ComponentReport], metrics: [MetricReport],
        gauges: [GaugeReport], deliveries: [DeliveryReport] = []
    ) {
        self.core = core
        self.components = components
        self.metrics = metrics
        self.gauges = gauges
        self.deliveries = deliveries
    }
    enum CodingKeys: String, CodingKey { case components, metrics, gauges, deliveries }
    package init(from decoder: any Decoder) throws {
        core = try SituationCore(from: decoder)
        let container = try decoder.container(keyedBy: CodingKeys.self)
        components = try container.decode([ComponentReport].self, forKey: .components)
        metrics = try container.decode([MetricReport].self, forKey: .metrics)
        gauges = try container.decodeIfPresent([GaugeReport].self, forKey: .gauges) ?? []
        deliveries =
            try container.decodeIfPresent([DeliveryReport].self, forKey: .deliveries) ?? []
    }
    package func encode(to encoder: any Encoder) throws {
        try core.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(components, forKey: .components)
        try container.encode(metrics, forKey: .metrics)
        try container.encode(gauges, forKey: .gauges)
        try container.encode(deliveries, forKey: .deliveries)
    }

    /// Takes a change in: what it names replaces what was here, in place; new names come last.
    package mutating func apply(_ change: SituationChange) {
        if let core = change.core { self.core = core }
        core.time = change.time
        replace(&components, with: change.components, by: \.name)
        replace(&metrics, with: change.metrics, by: \.name)
        replace(&gauges, with: change.gauges, by: \.title)
        replace(&deliveries, with: change.deliveries, by: \.id)
        // What is over and old goes first; nothing that is still on its way does.
        while deliveries.count > Self.mostDeliveries,
            let index = deliveries.firstIndex(where: \.state.isOver)
        {
            deliveries.remove(at: index)
        }
    }
}

private func replace<Element>(
    _ present: inout [Element], with changed: [Element]?, by name: KeyPath<Element, String>
) {
    for element in changed ?? [] {
        if let index = present.firstIndex(where: { $0[keyPath: name] == element[keyPath: name] }) {
            present[index] = element
        } else {
            present.append(element)
        }
    }
}

package struct SituationCore: Codable, Sendable, Equatable {
    package var service: String
    package var title: String
    package var environment: String
    /// RFC 3339.
    package var time: String
    package var engine: EngineReport
    package var health: HealthReport
    @ExplicitNull package var level: LevelReport?
    @ExplicitNull package var emergency: EmergencyReport?
    package var fallbacks: [FallbackReport]
    package var proposals: [ProposalReport]
    /// What runs now.
    @ExplicitNull package var procedure: ProcedureReport?
    /// The last rollback, also when it is over.
    @ExplicitNull package var rollback: ProcedureReport?
    /// The last procedure of any other kind that ended.
    @ExplicitNull package var lastProcedure: ProcedureReport?
    /// The playbook that waits for `procedure`, a rollback that is a step of it.
    @ExplicitNull package var playbook: ProcedureReport?
    /// The last rollback in test mode that ended.
    @ExplicitNull package var lastTest: ProcedureReport?
    /// A rollback that waits for people to agree to it.
    @ExplicitNull package var request: RequestReport?
    /// The time after the last rollback; null when it is over.
    @ExplicitNull package var watch: WatchReport?
    /// Procedures that are over, newest first; at most `mostPast`.
    package var past: [PastReport]
    package static let mostPast = 30
    package var kpis: KPIReport
    package var escalation: [EscalationReport]
    /// Problems that were reported and not taken back: security, corruption …
    package var reported: [String]
    /// Faults of Tocsin itself that everybody must see: the journal cannot be written …
    package var alarms: [String]
    /// Since when no emergency is open; null while one is.
    @ExplicitNull package var quietSince: String?
    /// What `update-dashboard` said; null: nothing.
    @ExplicitNull package var line: LineReport?
    package var problems: [ProblemReport]
    /// Who is on call, with overrides.
    package var onCall: [OnCallReport]
    package var channels: [ChannelReport]
    package var outbox: OutboxReport

    package init(
        service: String, title: String, environment: String, time: String, engine: EngineReport,
        health: HealthReport, level: LevelReport?, emergency: EmergencyReport?,
        fallbacks: [FallbackReport], proposals: [ProposalReport], procedure: ProcedureReport?,
        rollback: ProcedureReport?, lastProcedure: ProcedureReport?, kpis: KPIReport,
        escalation: [EscalationReport], reported: [String], alarms: [String], quietSince: String?,
        line: LineReport? = nil, problems: [ProblemReport] = [], onCall: [OnCallReport] = [],
        channels: [ChannelReport] = [], outbox: OutboxReport = OutboxReport(),
        playbook: ProcedureReport? = nil, lastTest: ProcedureReport? = nil,
        request: RequestReport? = nil, watch: WatchReport? = nil, past: [PastReport] = []
    ) {
        self.past = past
        self.service = service
        self.title = title
        self.environment = environment
        self.time = time
        self.engine = engine
        self.health = health
        self.level = level
        self.emergency = emergency
        self.fallbacks = fallbacks
        self.proposals = proposals
        self.procedure = procedure
        self.rollback = rollback
        self.lastProcedure = lastProcedure
        self.kpis = kpis
        self.escalation = escalation
        self.reported = reported
        self.alarms = alarms
        self.quietSince = quietSince
        self.line = line
        self.problems = problems
        self.onCall = onCall
        self.channels = channels
        self.outbox = outbox
        self.playbook = playbook
        self.lastTest = lastTest
        self.request = request
        self.watch = watch
    }
}

package struct EngineReport: Codable, Sendable, Equatable {
    package var version: String
    package var pid: Int
    package var uptimeSeconds: Double
    package var probes: Int
    package var startedAt: String
    package init(version: String, pid: Int, uptimeSeconds: Double, probes: Int, startedAt: String) {
        self.version = version
        self.pid = pid
        self.uptimeSeconds = uptimeSeconds
        self.probes = probes
        self.startedAt = startedAt
    }
}
package struct HealthReport: Codable, Sendable, Equatable {
    /// 0–100.
    package var score: Int
    package var state: Health
    package init(score: Int, state: Health) {
        self.score = score
        self.state = state
    }
}
package struct LevelReport: Codable, Sendable, Equatable {
    package var number: Int
    package var name: String
    package init(number: Int, name: String) {
        self.number = number
        self.name = name
    }
}
package struct EmergencyReport: Codable, Sendable, Equatable {
    package var id: String
    package var level: Int
    package var reason: String
    package var triggeredBy: String
    @ExplicitNull package var failure: String?
    package var activatedAt: String
    @ExplicitNull package var acknowledgedBy: String?
    @ExplicitNull package var acknowledgedAt: String?
    package var respondBy: String
    package var recoveryAttempts: Int
    /// Attempts after which the engine proposes no more.
    package var maxRecoveryAttempts: Int
    /// Names of the triggers and reported problems that hold now; empty: it could be deactivated.
    package var stillHolding: [String]
    /// When the acknowledgement runs out by itself; null: it lasts.
    @ExplicitNull package var acknowledgedUntil: String?
    /// The ticket's number.
    @ExplicitNull package var ticket: String?
    /// How often it was taken up again after its end.
    package var reopenings: Int
    /// Everybody who was to be told of it so far, and whether they were.
    package var told: [ToldReport]
    /// The name of who acknowledged it, as the runbook has it.
    @ExplicitNull package var acknowledgedByName: String?
    /// Names of the triggers that have held since it began; empty: a person declared it.
    package var triggers: [String]
    /// When the next step of the matrix is taken although somebody recovers: the plan's
    /// `escalate_after` counts from the first attempt. Null: nothing was tried yet, or it was taken.
    @ExplicitNull package var escalatesAt: String?
    package init(
        id: String, level: Int, reason: String, triggeredBy: String, failure: String?,
        activatedAt: String, acknowledgedBy: String?, acknowledgedAt: String?, respondBy: String,
        recoveryAttempts: Int, maxRecoveryAttempts: Int, stillHolding: [String],
        acknowledgedUntil: String? = nil, ticket: String? = nil, reopenings: Int = 0,
        told: [ToldReport] = [], acknowledgedByName: String? = nil, triggers: [String] = [],
        escalatesAt: String? = nil
    ) {
        self.escalatesAt = escalatesAt
        self.id = id
        self.level = level
        self.reason = reason
        self.triggeredBy = triggeredBy
        self.failure = failure
        self.activatedAt = activatedAt
        self.acknowledgedBy = acknowledgedBy
        self.acknowledgedAt = acknowledgedAt
        self.respondBy = respondBy
        self.recoveryAttempts = recoveryAttempts
        self.maxRecoveryAttempts = maxRecoveryAttempts
        self.stillHolding = stillHolding
        self.acknowledgedUntil = acknowledgedUntil
        self.ticket = ticket
        self.reopenings = reopenings
        self.told = told
        self.acknowledgedByName = acknowledgedByName
        self.triggers = triggers
    }
}
package struct ComponentReport: Codable, Sendable, Equatable {
    package var name: String
    package var title: String
    package var state: Health
    package var critical: Bool
    package var probes: [ProbeReport]
    /// The failed component that this one's failure follows from.
    @ExplicitNull package var consequenceOf: String?
    package init(
        name: String, title: String, state: Health, critical: Bool, probes: [ProbeReport],
        consequenceOf: String? = nil
    ) {
        self.name = name
        self.title = title
        self.state = state
        self.critical = critical
        self.probes = probes
        self.consequenceOf = consequenceOf
    }
}
package struct ProbeReport: Codable, Sendable, Equatable {
    package var name: String
    package var kind: String
    package var state: Health
    /// Failures in a row that have not made it failed yet; 0 when the last check was good.
    package var failing: Int
    /// Null before the first check.
    @ExplicitNull package var latencyMs: Double?
    package var message: String
    package var since: String
    @ExplicitNull package var checkedAt: String?
    package init(
        name: String, kind: String, state: Health, failing: Int, latencyMs: Double?,
        message: String, since: String, checkedAt: String?
    ) {
        self.name = name
        self.kind = kind
        self.state = state
        self.failing = failing
        self.latencyMs = latencyMs
        self.message = message
        self.since = since
        self.checkedAt = checkedAt
    }
}
package struct MetricReport: Codable, Sendable, Equatable {
    package var name: String
    package var value: Double
    package var unit: String
    package var at: String
    package init(name: String, value: Double, unit: String, at: String) {
        self.name = name
        self.value = value
        self.unit = unit
        self.at = at
    }
}
package struct GaugeReport: Codable, Sendable, Equatable {
    package var title: String
    @ExplicitNull package var value: Double?
    package var unit: String
    @ExplicitNull package var goodAbove: Double?
    @ExplicitNull package var goodBelow: Double?
    /// Null when there is no bound or no value.
    @ExplicitNull package var good: Bool?
    /// Latest last; at most 60 values.
    package var trend: [Double]
    package init(
        title: String, value: Double?, unit: String, goodAbove: Double?, goodBelow: Double?,
        good: Bool?, trend: [Double]
    ) {
        self.title = title
        self.value = value
        self.unit = unit
        self.goodAbove = goodAbove
        self.goodBelow = goodBelow
        self.good = good
        self.trend = trend
    }
}
package struct FallbackReport: Codable, Sendable, Equatable {
    package var name: String
    package var title: String
    package var enabled: Bool
    package init(name: String, title: String, enabled: Bool) {
        self.name = name
        self.title = title
        self.enabled = enabled
    }
}
package struct ProposalReport: Codable, Sendable, Equatable {
    /// recovery, rollback or fallback.
    package var kind: String
    package var name: String
    package var title: String
    package var why: String
    /// When it starts by itself; null: when a person says so.
    @ExplicitNull package var runsAt: String?
    package init(kind: String, name: String, title: String, why: String, runsAt: String?) {
        self.kind = kind
        self.name = name
        self.title = title
        self.why = why
        self.runsAt = runsAt
    }
}
package struct ProcedureReport: Codable, Sendable, Equatable {
    package var id: String
    package var kind: ProcedureKind
    package var name: String
    package var title: String
    package var state: ProcedureState
    package var startedAt: String
    @ExplicitNull package var finishedAt: String?
    /// When the last undo began; and how far it had run until the first. Null while it is not undone.
    @ExplicitNull package var undoBeganAt: String?
    @ExplicitNull package var ranUntil: String?
    package var startedBy: String
    package var reason: String
    package var attempt: Int
    @ExplicitNull package var authorization: String?
    /// Who agreed to it, the asker first.
    package var approvals: [ApprovalReport]
    /// The playbook that it is a step of.
    @ExplicitNull package var parent: String?
    package var testMode: Bool
    /// It stops after the step that is running.
    package var pauses: Bool
    package var message: String
    @ExplicitNull package var backup: String?
    /// 0–1: steps that are over, of all.
    package var progress: Double
    /// What it should take, from earlier runs; null when there is none.
    @ExplicitNull package var expectedSeconds: Double?
    /// The runbook's target.
    @ExplicitNull package var targetSeconds: Double?
    package var stages: [StageReport]
    /// The last lines of output of the step that is running or ran last; at most 200.
    package var output: [String]
    package init(
        id: String, kind: ProcedureKind, name: String, title: String, state: ProcedureState,
        startedAt: String, finishedAt: String?, startedBy: String, reason: String, attempt: Int,
        authorization: String?, testMode: Bool, message: String, backup: String?, progress: Double,
        expectedSeconds: Double?, targetSeconds: Double?, stages: [StageReport], output: [String],
        approvals: [ApprovalReport] = [], parent: String? = nil, pauses: Bool = false,
        undoBeganAt: String? = nil, ranUntil: String? = nil
    ) {
        self.undoBeganAt = undoBeganAt
        self.ranUntil = ranUntil
        self.pauses = pauses
        self.approvals = approvals
        self.parent = parent
        self.id = id
        self.kind = kind
        self.name = name
        self.title = title
        self.state = state
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.startedBy = startedBy
        self.reason = reason
        self.attempt = attempt
        self.authorization = authorization
        self.testMode = testMode
        self.message = message
        self.backup = backup
        self.progress = progress
        self.expectedSeconds = expectedSeconds
        self.targetSeconds = targetSeconds
        self.stages = stages
        self.output = output
    }
}
package struct StageReport: Codable, Sendable, Equatable {
    package var name: String
    package var state: StepState
    package var steps: [StepReport]
    package init(name: String, state: StepState, steps: [StepReport]) {
        self.name = name
        self.state = state
        self.steps = steps
    }
}
package struct StepReport: Codable, Sendable, Equatable {
    package var name: String
    package var kind: String
    package var state: StepState
    @ExplicitNull package var seconds: Double?
    package var message: String
    /// What is run, as it would be typed.
    package var command: String
    /// Whether it can be taken back.
    package var undoable: Bool
    /// What it took when it last succeeded; null when that is not known.
    @ExplicitNull package var expectedSeconds: Double?
    package init(
        name: String, kind: String, state: StepState, seconds: Double?, message: String,
        command: String, undoable: Bool = true, expectedSeconds: Double? = nil
    ) {
        self.undoable = undoable
        self.expectedSeconds = expectedSeconds
        self.name = name
        self.kind = kind
        self.state = state
        self.seconds = seconds
        self.message = message
        self.command = command
    }
}
package struct KPIReport: Codable, Sendable, Equatable {
    package var emergencies24h: Int
    /// Per cent; null when none was tried.
    @ExplicitNull package var recoverySuccessRate: Double?
    @ExplicitNull package var rollbackSuccessRate: Double?
    /// Means over the emergencies known.
    @ExplicitNull package var detectSeconds: Double?
    @ExplicitNull package var respondSeconds: Double?
    package init(
        emergencies24h: Int, recoverySuccessRate: Double?, rollbackSuccessRate: Double?,
        detectSeconds: Double?, respondSeconds: Double?
    ) {
        self.emergencies24h = emergencies24h
        self.recoverySuccessRate = recoverySuccessRate
        self.rollbackSuccessRate = rollbackSuccessRate
        self.detectSeconds = detectSeconds
        self.respondSeconds = respondSeconds
    }
    // Written out: the snake case of the contract has no underscore before the digits.
    enum CodingKeys: String, CodingKey {
        case emergencies24h = "emergencies_24h"
        case recoverySuccessRate, rollbackSuccessRate, detectSeconds, respondSeconds
    }
    // The decoder makes camel case of that before it looks for the key, with a capital H.
    private enum ReadKeys: String, CodingKey {
        case emergencies24h = "emergencies24H"
        case recoverySuccessRate, rollbackSuccessRate, detectSeconds, respondSeconds
    }
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: ReadKeys.self)
        func rate(_ key: ReadKeys) throws -> ExplicitNull<Double> {
            try container.decode(ExplicitNull<Double>.self, forKey: key)
        }
        emergencies24h = try container.decode(Int.self, forKey: .emergencies24h)
        _recoverySuccessRate = try rate(.recoverySuccessRate)
        _rollbackSuccessRate = try rate(.rollbackSuccessRate)
        _detectSeconds = try rate(.detectSeconds)
        _respondSeconds = try rate(.respondSeconds)
    }
}
/// One row of the matrix, with what was done of it in the open emergency.
package struct EscalationReport: Codable, Sendable, Equatable {
    package var level: Int
    package var name: String
    package var means: String
    package var respondWithinSeconds: Double
    /// Whether the open emergency is at this level.
    package var inForce: Bool
    package var steps: [EscalationStepReport]
    package init(
        level: Int, name: String, means: String, respondWithinSeconds: Double, inForce: Bool,
        steps: [EscalationStepReport]
    ) {
        self.level = level
        self.name = name
        self.means = means
        self.respondWithinSeconds = respondWithinSeconds
        self.inForce = inForce
        self.steps = steps
    }
}
package struct EscalationStepReport: Codable, Sendable, Equatable {
    package var afterSeconds: Double
    @ExplicitNull package var repeatEverySeconds: Double?
    /// Roles as the runbook names them, and the people that they mean now.
    package var roles: [String]
    package var people: [String]
    package var via: [String]
    package var ticket: Bool
    /// When it was last taken in the open emergency, and how often.
    @ExplicitNull package var takenAt: String?
    package var times: Int
    /// When it falls due; null when it does not (no emergency, acknowledged, not this level).
    @ExplicitNull package var dueAt: String?
    package init(
        afterSeconds: Double, repeatEverySeconds: Double?, roles: [String], people: [String],
        via: [String], ticket: Bool, takenAt: String?, times: Int, dueAt: String?
    ) {
        self.afterSeconds = afterSeconds
        self.repeatEverySeconds = repeatEverySeconds
        self.roles = roles
        self.people = people
        self.via = via
        self.ticket = ticket
        self.takenAt = takenAt
        self.times = times
        self.dueAt = dueAt
    }
}
