// The parts that the scenes are made of: components, gauges, matrix, runbook, plan.
import Domain
import Wire

extension Scenes {
    static func start(_ core: SituationCore) -> StreamStart {
        var core = core
        core.channels = channels()
        return StreamStart(
            situation: SituationReport(
                core: core, components: components(), metrics: [], gauges: gauges()),
            runbook: runbook(), you: CallerReport(user: "ines", name: "Ines Moreau", roles: []),
            events: events(emergency: false, acknowledged: false))
    }

    static func core(health: HealthReport) -> SituationCore {
        SituationCore(
            service: "vedfolnir", title: "Notification service", environment: "production",
            time: now.rfc3339,
            engine: EngineReport(
                version: "0.1.0", pid: 4242, uptimeSeconds: 86_400, probes: 12,
                startedAt: ago(86_400)),
            health: health, level: nil, emergency: nil,
            fallbacks: [
                FallbackReport(name: "flash", title: "Flash messages", enabled: false),
                FallbackReport(name: "broadcast", title: "Emergency broadcast", enabled: true),
            ],
            proposals: [], procedure: nil, rollback: nil, lastProcedure: nil,
            kpis: KPIReport(
                emergencies24h: 1, recoverySuccessRate: 96, rollbackSuccessRate: nil,
                detectSeconds: 42, respondSeconds: 180),
            escalation: matrix(inForce: nil, age: 0, acknowledged: false), reported: [], alarms: [],
            quietSince: ago(273_600))
    }

    static func emergency(
        level: Int, reason: String, age: Double, within: Double, acknowledged: Bool,
        holding: [String]
    ) -> EmergencyReport {
        EmergencyReport(
            id: "emergency_20260105_001", level: level, reason: reason,
            triggeredBy: "delivery-errors", failure: "message_delivery_failure",
            activatedAt: ago(age), acknowledgedBy: acknowledged ? "ines" : nil,
            acknowledgedAt: acknowledged ? ago(age - 130) : nil, respondBy: ahead(within - age),
            recoveryAttempts: 0, maxRecoveryAttempts: 3, stillHolding: holding)
    }

    // MARK: Components

    static func probe(
        _ name: String, _ kind: String, _ latency: Double?, _ message: String,
        _ state: Health = .healthy, since: Double = 270_000, failing: Int = 0
    ) -> ProbeReport {
        ProbeReport(
            name: name, kind: kind, state: state, failing: failing, latencyMs: latency,
            message: message, since: ago(since), checkedAt: ago(2))
    }

    static func components() -> [ComponentReport] {
        [
            ComponentReport(
                name: "web", title: "Web application", state: .healthy, critical: true,
                probes: [
                    probe("home", "http", 12.3, "200 OK"),
                    probe("process", "process", nil, "pid 1312: python web_app.py"),
                ]),
            ComponentReport(
                name: "websocket", title: "WebSocket connections", state: .healthy, critical: true,
                probes: [
                    probe("handshake", "websocket", 4.1, "opened, first message matches"),
                    probe("clients", "http", 3.2, "200 OK"),
                ]),
            ComponentReport(
                name: "delivery", title: "Notification delivery", state: .healthy, critical: true,
                probes: [
                    probe("stats", "http", 3.4, "200 OK"),
                    probe("backlog", "sql", 0.6, "14 waiting"),
                ]),
            ComponentReport(
                name: "database", title: "Database", state: .healthy, critical: true,
                probes: [probe("connect", "sql", 3.0, "answered")]),
            ComponentReport(
                name: "sessions", title: "Sessions", state: .healthy, critical: false,
                probes: [probe("ping", "redis", 0.4, "PONG")]),
            ComponentReport(
                name: "host", title: "Host", state: .healthy, critical: false,
                probes: [
                    probe("disk", "disk", nil, "disk 61 %"),
                    probe("memory", "memory", nil, "memory 48 %"),
                    probe("cpu", "cpu", nil, "cpu 12 %"),
                ]),
        ]
    }

    static func brokenComponents() -> [ComponentReport] {
        var all = components()
        all[1].state = .degraded
        all[1].probes[1] = probe("clients", "http", 3.2, "41 % of 1 000", .degraded, since: 662)
        all[2].state = .failed
        all[2].probes[0] = probe("stats", "http", 3.4, "errors 23.1 %", .failed, since: 648)
        all[3].probes[0] = probe(
            "connect", "sql", 512, "took 512 ms, more than 500 ms", .healthy, failing: 2)
        return all
    }

    // MARK: Gauges

    static func wave(_ base: Double, _ size: Double) -> [Double] {
        (0..<60).map { base + size * Double(($0 * 7) % 11) / 11 }
    }

    static func gauges() -> [GaugeReport] {
        [
            gauge("Delivery success", 99.4, "%", above: 90, wave(99, 0.8)),
            gauge("WebSocket clients", 998, "clients", nil, wave(960, 40)),
            gauge("Database", 3, "ms", nil, wave(2.6, 0.9)),
            gauge("Emergencies (24 h)", 0, "", nil, []),
            gauge("Recovery success", 96, "%", above: 95, wave(96, 0)),
            gauge("Health score", 100, "", above: 90, wave(100, 0)),
        ]
    }
    static func brokenGauges() -> [GaugeReport] {
        func fall(_ from: Double, _ to: Double) -> [Double] {
            (0..<60).map { $0 < 40 ? from : from + (to - from) * Double($0 - 39) / 20 }
        }
        return [
            gauge("Delivery success", 76.9, "%", above: 90, fall(99.4, 76.9)),
            gauge("WebSocket clients", 412, "clients", nil, fall(998, 412)),
            gauge("Database", 512, "ms", nil, wave(2.6, 0.9).dropLast() + [512]),
            gauge("Emergencies (24 h)", 1, "", nil, []),
            gauge("Recovery success", 96, "%", above: 95, wave(96, 0)),
            gauge("Health score", 62, "", above: 90, fall(100, 62)),
        ]
    }
    private static func gauge(
        _ title: String, _ value: Double, _ unit: String, above: Double?, _ trend: [Double]
    ) -> GaugeReport {
        GaugeReport(
            title: title, value: value, unit: unit, goodAbove: above, goodBelow: nil,
            good: above.map { value > $0 }, trend: trend)
    }
    private static func gauge(
        _ title: String, _ value: Double, _ unit: String, _ above: Double?, _ trend: [Double]
    ) -> GaugeReport { gauge(title, value, unit, above: above, trend) }

    // MARK: Escalation

    static func matrix(inForce level: Int?, age: Double, acknowledged: Bool) -> [EscalationReport] {
        let rows: [(Int, String, String, Double, [EscalationStepReport])] = [
            (
                1, "Critical", "No notification is delivered", 300,
                [
                    step(
                        0, ["senior-administrator"], ["Ines Moreau"], ["text", "mail"], repeats: 120
                    ),
                    step(
                        300, ["administrator"], ["Ines Moreau", "Tomas Lind", "Priya Nair"],
                        ["mail"]),
                ]
            ),
            (
                2, "High", "Many users get their notifications late or not at all", 900,
                [
                    step(
                        0, ["on-call", "senior-administrator"], ["Tomas Lind", "Ines Moreau"],
                        ["mail"]),
                    step(
                        900, ["administrator"],
                        ["Ines Moreau", "Tomas Lind", "Priya Nair", "Oren Katz"], ["mail", "text"]),
                ]
            ),
            (
                3, "Medium", "One component, some users", 1800,
                [step(0, ["on-call"], ["Tomas Lind"], ["mail"])]
            ),
            (4, "Low", "Hardly noticed", 3600, [step(0, [], [], [], ticket: true)]),
        ]
        return rows.map { number, name, means, within, steps in
            let inForce = number == level
            return EscalationReport(
                level: number, name: name, means: means, respondWithinSeconds: within,
                inForce: inForce,
                steps: inForce
                    ? steps.map { taken($0, age: age, acknowledged: acknowledged) } : steps)
        }
    }
    private static func step(
        _ after: Double, _ roles: [String], _ people: [String], _ via: [String],
        repeats: Double? = nil, ticket: Bool = false
    ) -> EscalationStepReport {
        EscalationStepReport(
            afterSeconds: after, repeatEverySeconds: repeats, roles: roles, people: people,
            via: via,
            ticket: ticket, takenAt: nil, times: 0, dueAt: nil)
    }
    private static func taken(
        _ step: EscalationStepReport, age: Double, acknowledged: Bool
    ) -> EscalationStepReport {
        var step = step
        if step.afterSeconds <= age {
            step.takenAt = ago(age - step.afterSeconds)
            step.times = 1
        } else if !acknowledged {
            step.dueAt = ahead(step.afterSeconds - age)
        }
        return step
    }

    // MARK: Runbook

    static func planned(
        _ name: String, _ kind: String, _ command: String, undoable: Bool = false
    ) -> PlannedStepReport {
        // Looking, telling and keeping leave nothing to take back.
        let looks = ["assess", "backup", "probe", "confirm", "notify", "wait"].contains(kind)
        return PlannedStepReport(
            name: name, kind: kind, command: command, undoable: undoable || looks)
    }

    static func plan() -> RollbackReport {
        RollbackReport(
            to: "Legacy flash messages", targetSeconds: 600, expectedSeconds: 170,
            hash: "9f2c51d0a7b34e8f1c6d2a90b5e47f3810c9d6e2f4a1b8c7d5e3f60912a4b6c8",
            stages: [
                PlannedStageReport(
                    name: "Preflight",
                    steps: [
                        planned(
                            "Health assessment", "assess", "record the state of everything",
                            undoable: true),
                        planned(
                            "Backup", "backup", "take a backup and read it back", undoable: true),
                    ]),
                PlannedStageReport(
                    name: "Service shutdown",
                    steps: [
                        planned("Stop web", "service", "systemctl stop vedfolnir", undoable: true)
                    ]),
                PlannedStageReport(
                    name: "Component removal",
                    steps: [
                        planned(
                            "Remove unified components", "remove",
                            "rm unified_notification_manager.py websocket_notification_*.py"
                                + " static/js/unified-notifications.js", undoable: true)
                    ]),
                PlannedStageReport(
                    name: "Legacy restoration",
                    steps: [
                        planned(
                            "Restore legacy files", "restore",
                            "git checkout HEAD~1 -- templates/base.html static/js/notifications.js",
                            undoable: true)
                    ]),
                PlannedStageReport(
                    name: "Database rollback",
                    steps: [
                        planned(
                            "Drop notification tables", "sql",
                            "main: DROP TABLE IF EXISTS notification_storage; DROP TABLE IF EXISTS"
                                + " notification_delivery_log"),
                        planned(
                            "Verify none are left", "sql",
                            "SELECT COUNT(*) FROM sqlite_master WHERE name LIKE 'notification%'",
                            undoable: true),
                    ]),
                PlannedStageReport(
                    name: "Configuration update",
                    steps: [
                        planned(
                            "Remove settings", "edit", ".env: delete UNIFIED_NOTIFICATION",
                            undoable: true)
                    ]),
                PlannedStageReport(
                    name: "Service restart",
                    steps: [
                        planned("Start web", "service", "systemctl start vedfolnir", undoable: true)
                    ]),
                PlannedStageReport(
                    name: "Validation",
                    steps: [
                        planned(
                            "Home page", "http", "GET http://127.0.0.1:5000/", undoable: true),
                        planned(
                            "Users are there", "sql",
                            "SELECT COUNT(*) FROM users, at least 1", undoable: true),
                    ]),
            ],
            authorizations: [
                AuthorizationReport(
                    kind: "emergency", needs: "1 administrator",
                    people: ["Ines Moreau", "Tomas Lind", "Priya Nair", "Oren Katz"], refused: nil),
                AuthorizationReport(
                    kind: "planned", needs: "1 senior-administrator", people: ["Ines Moreau"],
                    refused: nil),
                AuthorizationReport(
                    kind: "security", needs: "1 security-administrator", people: ["Oren Katz"],
                    refused: "You are not a security-administrator; Oren Katz is."),
                AuthorizationReport(
                    kind: "maintenance", needs: "1 change-manager", people: ["Ines Moreau"],
                    refused: nil),
            ], ready: nil, lastBackup: "20260105T020000Z")
    }

    static func dryRun() -> RollbackReport {
        var plan = plan()
        plan.ready = false
        for stage in plan.stages.indices {
            for step in plan.stages[stage].steps.indices {
                plan.stages[stage].steps[step].forecast = "will run"
            }
        }
        plan.stages[2].steps[0].forecast = "already done"
        plan.stages[4].steps[0].forecast = "would fail: the database main cannot be opened"
        return plan
    }

    static func runbook() -> RunbookReport {
        RunbookReport(
            path: "/etc/tocsin/tocsin.yaml", service: "vedfolnir", title: "Notification service",
            actions: [
                ActionReport(
                    name: "restart-websocket", title: "Restart WebSocket service", danger: nil,
                    steps: [
                        planned("Restart unit", "service", "systemctl restart vedfolnir-websocket"),
                        planned("Handshake answers", "probe", "websocket.handshake within 20 s"),
                    ]),
                ActionReport(
                    name: "clear-queues", title: "Clear notification queues",
                    danger: "Undelivered notifications in the queue are dropped",
                    steps: [
                        planned("Save the queue", "run", "./bin/queue export run/queue.json"),
                        planned("Clear the queue", "run", "./bin/queue clear", undoable: true),
                    ]),
                ActionReport(
                    name: "restart-services", title: "Restart notification services", danger: nil,
                    steps: [
                        planned("Stop", "service", "systemctl stop vedfolnir"),
                        planned("Start", "service", "systemctl start vedfolnir"),
                        planned("Web answers", "probe", "web.home within 30 s"),
                    ]),
            ],
            playbooks: [
                ActionReport(
                    name: "complete-failure", title: "Complete failure", danger: nil,
                    steps: [
                        planned("Backup", "backup", "take a backup and read it back"),
                        planned("Roll back", "rollback", "rollback (emergency)"),
                    ])
            ],
            fallbacks: [
                ActionReport(
                    name: "flash", title: "Flash messages", danger: nil,
                    steps: [planned("Enable", "run", "./bin/fallback flash on", undoable: true)]),
                ActionReport(
                    name: "broadcast", title: "Emergency broadcast", danger: nil,
                    steps: [planned("Enable", "run", "./bin/fallback broadcast on", undoable: true)]
                ),
            ],
            services: [
                ActionReport(
                    name: "stop-services", title: "Stop the service", danger: nil,
                    steps: [planned("Stop web", "service", "systemctl stop vedfolnir")]),
                ActionReport(
                    name: "start-services", title: "Start the service", danger: nil,
                    steps: [planned("Start web", "service", "systemctl start vedfolnir")]),
                ActionReport(
                    name: "verify-services", title: "Verify the service", danger: nil,
                    steps: [planned("Web answers", "probe", "web.home within 30 s")]),
            ],
            rollback: plan(),
            people: [
                person(
                    "ines", "Ines Moreau", "+15550100",
                    ["senior-administrator", "change-manager", "administrator"]),
                person(
                    "tomas", "Tomas Lind", "+15550101", ["system-administrator", "administrator"]),
                person("priya", "Priya Nair", "", ["database-administrator", "administrator"]),
                person("oren", "Oren Katz", "", ["security-administrator", "administrator"]),
            ],
            external: [
                ContactReport(
                    name: "Database vendor", phone: "+15550110", email: "support@db.example.com"),
                ContactReport(name: "Hosting provider", phone: "+15550111", email: ""),
            ],
            onCall: [
                OnCallReport(
                    role: "on-call", now: "tomas", next: "ines", handOverAt: ahead(500_000))
            ], faults: [],
            plans: [
                RecoveryPlanReport(
                    failure: "message_delivery_failure",
                    actions: ["restart-websocket", "clear-queues", "restart-services"],
                    manual: ["Look at the provider's status page", "Telephone the provider"],
                    escalateAfterSeconds: 600)
            ],
            backup: BackupPlanReport(
                to: "/var/backups/vedfolnir", files: ["templates", "static", ".env"],
                databases: ["main"], sources: [], keepLast: 10, keepDays: 30),
            testMode: "ready")
    }
    private static func person(
        _ id: String, _ name: String, _ sms: String, _ roles: [String]
    ) -> PersonReport {
        PersonReport(
            id: id, name: name, user: id, email: "\(id)@example.com", sms: sms, roles: roles)
    }

    // MARK: Events

    static func events(emergency: Bool, acknowledged: Bool) -> [EventReport] {
        var list: [(Double, String, String, EventTone, String)] = [
            (86_400 * 2, "engine-started", "engine 0.1.0 started", .plain, "engine"),
            (43_200, "backup-verified", "backup 20260105T020000Z verified", .good, "engine"),
        ]
        if emergency {
            list += [
                (
                    662, "component-degraded", "websocket degraded: clients 41 % of 1 000",
                    .warning, "engine"
                ),
                (648, "component-failed", "delivery failed: errors 23.1 %", .bad, "engine"),
                (
                    648, "emergency-activated", "emergency activated: delivery-errors", .bad,
                    "engine"
                ),
                (647, "escalated", "mail to Tomas Lind and Ines Moreau", .plain, "engine"),
                (642, "delivery-ended", "mail to Tomas Lind delivered", .good, "engine"),
            ]
        }
        if acknowledged {
            list.append((518, "emergency-acknowledged", "emergency acknowledged", .good, "ines"))
            list.append(
                (400, "noted", "note: the queue worker hangs since the deploy", .plain, "ines"))
        }
        return list.enumerated().map { index, event in
            EventReport(
                seq: index + 1, at: ago(event.0), kind: event.1, text: event.2, tone: event.3,
                by: event.4, emergency: event.0 <= 648 && emergency ? id : nil, procedure: nil)
        }
    }
}
