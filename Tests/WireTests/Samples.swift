// Values with every field set, so that a field that does not survive the wire is seen.
import Domain
import Wire

let time = "2026-01-05T12:00:00.000Z"

let sampleStep = StepReport(
    name: "Stop web", kind: "service", state: .running, seconds: 1.5, message: "stopping",
    command: "service stop web", undoable: false, expectedSeconds: 2.5)
let sampleProcedure = ProcedureReport(
    id: "rollback_20260105_001", kind: .rollback, name: "legacy", title: "Legacy", state: .running,
    startedAt: time, finishedAt: time, startedBy: "ines", reason: "recovery failed", attempt: 2,
    authorization: "emergency", testMode: true, message: "running", backup: "20260105T140412Z",
    progress: 0.43, expectedSeconds: 170, targetSeconds: 600,
    stages: [StageReport(name: "Service shutdown", state: .running, steps: [sampleStep])],
    output: ["stopping web"],
    approvals: [ApprovalReport(user: "ines", name: "Ines Moreau", at: time)],
    parent: "playbook_20260105_001", pauses: true)
let sampleProbe = ProbeReport(
    name: "home", kind: "http", state: .degraded, failing: 1, latencyMs: 12.5, message: "200 OK",
    since: time, checkedAt: time)
let samplePlannedStep = PlannedStepReport(
    name: "Stop web", kind: "service", command: "service stop web", undoable: true,
    forecast: "will run")
let samplePlan = RollbackReport(
    to: "Legacy", targetSeconds: 600, expectedSeconds: 170, hash: "abc",
    stages: [PlannedStageReport(name: "Service shutdown", steps: [samplePlannedStep])],
    authorizations: [
        AuthorizationReport(
            kind: "emergency", needs: "1 administrator", people: ["Ines Moreau"], refused: "level 2"
        )
    ], ready: true, lastBackup: "20260105T140412Z")
let sampleEvent = EventReport(
    seq: 7, at: time, kind: "emergency-activated", text: "Delivery errors", tone: .bad, by: "ines",
    emergency: "emergency_20260105_001", procedure: "rollback_20260105_001")

let sampleRequest = RequestReport(
    id: "request_20260105_001", authorization: "planned", reason: "full", by: "tomas",
    byName: "Tomas Lind", at: time, expiresAt: time, plan: "abc",
    approvals: [ApprovalReport(user: "ines", name: "Ines Moreau", at: time)],
    missing: "1 administrator (Priya Nair)", candidates: ["priya"],
    playbook: "playbook_20260105_001")
let sampleWatch = WatchReport(
    rollback: "rollback_20260105_001", from: time, until: time, everySeconds: 300, looks: 2,
    lookedAt: time,
    problems: [
        WatchProblemReport(probe: "web.home", at: time, message: "503", endedAt: time)
    ])
let sampleBackups = BackupListReport(
    to: "/srv/backups",
    backups: [
        BackupReport(
            id: "20260105T140412Z", path: "/srv/backups/20260105T140412Z", at: time, files: 12,
            bytes: 4096, databases: ["main"], rows: 41, verified: true, checkedAt: time,
            problem: "a file differs")
    ], freeBytes: 1_000_000)

/// Everything is set.
let fullSituation = SituationReport(
    core: SituationCore(
        service: "vedfolnir", title: "Notification service", environment: "production", time: time,
        engine: EngineReport(
            version: "0.1", pid: 1, uptimeSeconds: 1.5, probes: 12, startedAt: time),
        health: HealthReport(score: 62, state: .degraded),
        level: LevelReport(number: 2, name: "High"),
        emergency: EmergencyReport(
            id: "emergency_20260105_001", level: 2, reason: "errors",
            triggeredBy: "delivery-errors",
            failure: "message_delivery_failure", activatedAt: time, acknowledgedBy: "ines",
            acknowledgedAt: time, respondBy: time, recoveryAttempts: 1, maxRecoveryAttempts: 3,
            stillHolding: ["delivery-errors"], escalatesAt: time),
        fallbacks: [FallbackReport(name: "flash", title: "Flash messages", enabled: true)],
        proposals: [
            ProposalReport(
                kind: "recovery", name: "restart-websocket", title: "Restart", why: "failed",
                runsAt: time)
        ],
        procedure: sampleProcedure, rollback: sampleProcedure, lastProcedure: sampleProcedure,
        kpis: KPIReport(
            emergencies24h: 3, recoverySuccessRate: 96, rollbackSuccessRate: 99, detectSeconds: 4,
            respondSeconds: 60),
        escalation: [
            EscalationReport(
                level: 2, name: "High", means: "Many", respondWithinSeconds: 900, inForce: true,
                steps: [
                    EscalationStepReport(
                        afterSeconds: 0, repeatEverySeconds: 300, roles: ["administrator"],
                        people: ["Ines Moreau"], via: ["mail"], ticket: true, takenAt: time,
                        times: 1, dueAt: time)
                ])
        ], reported: ["security"], alarms: ["the journal cannot be written"], quietSince: time,
        playbook: sampleProcedure, lastTest: sampleProcedure, request: sampleRequest,
        watch: sampleWatch,
        past: [
            PastReport(
                id: "recovery_20260105_001", kind: .recovery, name: "restart", state: .failed,
                startedAt: time, finishedAt: time, emergency: "emergency_20260105_001",
                testMode: true)
        ]),
    components: [
        ComponentReport(
            name: "web", title: "Web", state: .degraded, critical: true, probes: [sampleProbe],
            consequenceOf: "database")
    ],
    metrics: [MetricReport(name: "delivery.success_rate", value: 99.2, unit: "%", at: time)],
    gauges: [
        GaugeReport(
            title: "Delivery", value: 99.2, unit: "%", goodAbove: 90, goodBelow: 101, good: true,
            trend: [1, 2])
    ])

/// Nothing is set that may be missing.
let emptySituation = SituationReport(
    core: SituationCore(
        service: "vedfolnir", title: "", environment: "", time: time,
        engine: EngineReport(version: "0.1", pid: 1, uptimeSeconds: 1, probes: 0, startedAt: time),
        health: HealthReport(score: 100, state: .unknown), level: nil, emergency: nil,
        fallbacks: [], proposals: [], procedure: nil, rollback: nil, lastProcedure: nil,
        kpis: KPIReport(
            emergencies24h: 0, recoverySuccessRate: nil, rollbackSuccessRate: nil,
            detectSeconds: nil, respondSeconds: nil),
        escalation: [], reported: [], alarms: [], quietSince: nil),
    components: [
        ComponentReport(
            name: "web", title: "Web", state: .unknown, critical: false,
            probes: [
                ProbeReport(
                    name: "home", kind: "http", state: .unknown, failing: 0, latencyMs: nil,
                    message: "", since: time, checkedAt: nil)
            ])
    ], metrics: [], gauges: [])

let fullRunbook = RunbookReport(
    path: "/etc/tocsin/tocsin.yaml", service: "vedfolnir", title: "Notification service",
    actions: [
        ActionReport(
            name: "restart", title: "Restart", danger: "drops clients", steps: [samplePlannedStep])
    ],
    playbooks: [ActionReport(name: "security", title: "Security", danger: nil, steps: [])],
    fallbacks: [ActionReport(name: "flash", title: "Flash", danger: nil, steps: [])],
    services: [ActionReport(name: "stop", title: "Stop", danger: nil, steps: [])],
    rollback: samplePlan,
    people: [
        PersonReport(
            id: "ines", name: "Ines Moreau", user: "ines", email: "ines@example.com", sms: "+1",
            roles: ["administrator"])
    ], external: [ContactReport(name: "Vendor", phone: "+1", email: "v@example.com")],
    onCall: [OnCallReport(role: "administrator", now: "Ines", next: "Tomas", handOverAt: time)],
    faults: ["websocket"])
