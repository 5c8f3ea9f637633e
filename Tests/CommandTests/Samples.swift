// Reports with little in them, to be changed by each test.
import Domain
import Wire

let noon = "2026-01-05T12:00:00.000Z"
func after(_ seconds: Double) -> String {
    (Timestamp(milliseconds: 1_767_614_400_000) + .seconds(seconds)).rfc3339
}

func procedure(
    _ id: String, _ state: ProcedureState, kind: ProcedureKind = .rollback,
    stages: [StageReport] = []
) -> ProcedureReport {
    ProcedureReport(
        id: id, kind: kind, name: "legacy", title: "Rollback to Legacy", state: state,
        startedAt: noon, finishedAt: state.isOver ? after(170) : nil, startedBy: "ines",
        reason: "test", attempt: 0, authorization: nil, testMode: false, message: "", backup: nil,
        progress: 0.5, expectedSeconds: nil, targetSeconds: nil, stages: stages, output: [])
}

func step(
    _ name: String, _ state: StepState, kind: String = "run", command: String = "true"
) -> StepReport {
    StepReport(name: name, kind: kind, state: state, seconds: 1, message: "", command: command)
}

func probe(_ name: String, _ state: Health, message: String = "") -> ProbeReport {
    ProbeReport(
        name: name, kind: "http", state: state, failing: 0, latencyMs: 12.5, message: message,
        since: noon, checkedAt: noon)
}

func emergency(attempts: Int = 0, acknowledgedBy: String? = nil) -> EmergencyReport {
    EmergencyReport(
        id: "emergency_20260105_001", level: 2, reason: "Delivery errors above 10 %",
        triggeredBy: "delivery-errors", failure: nil, activatedAt: noon,
        acknowledgedBy: acknowledgedBy, acknowledgedAt: nil, respondBy: after(900),
        recoveryAttempts: attempts, maxRecoveryAttempts: 3, stillHolding: ["delivery-errors"])
}

func situation(
    at seconds: Double = 60, health: Health = .healthy, emergency: EmergencyReport? = nil,
    running: ProcedureReport? = nil, rollback: ProcedureReport? = nil,
    last: ProcedureReport? = nil, components: [ComponentReport] = [],
    playbook: ProcedureReport? = nil, test: ProcedureReport? = nil,
    request: RequestReport? = nil, watch: WatchReport? = nil
) -> SituationReport {
    SituationReport(
        core: SituationCore(
            service: "vedfolnir", title: "Notification service", environment: "production",
            time: after(seconds),
            engine: EngineReport(
                version: "1", pid: 1, uptimeSeconds: 1, probes: 1, startedAt: noon),
            health: HealthReport(score: 62, state: health),
            level: emergency.map { _ in LevelReport(number: 2, name: "High") },
            emergency: emergency, fallbacks: [], proposals: [], procedure: running,
            rollback: rollback, lastProcedure: last,
            kpis: KPIReport(
                emergencies24h: 0, recoverySuccessRate: nil, rollbackSuccessRate: nil,
                detectSeconds: nil, respondSeconds: nil),
            escalation: [], reported: [], alarms: [], quietSince: noon, playbook: playbook,
            lastTest: test, request: request, watch: watch),
        components: components, metrics: [], gauges: [])
}

func event(
    _ seq: Int, _ kind: String, by: String = "engine", emergency: String? = nil,
    at seconds: Double = 0
) -> EventReport {
    EventReport(
        seq: seq, at: after(seconds), kind: kind, text: kind, tone: .plain, by: by,
        emergency: emergency, procedure: nil)
}

func start(_ situation: SituationReport) -> StreamLine {
    StreamLine(
        start: StreamStart(
            situation: situation,
            runbook: RunbookReport(
                path: "", service: "", title: "", actions: [], playbooks: [], fallbacks: [],
                services: [], rollback: nil, people: [], external: [], onCall: [], faults: []),
            you: CallerReport(user: "ines", name: "Ines", roles: []), events: []))
}
func change(_ situation: SituationReport) -> StreamLine {
    StreamLine(change: SituationChange(time: situation.core.time, core: situation.core))
}
