// The example of the format: everything in it reaches the runbook.
import Domain
import RunbookFile
import Testing

@Suite struct ExampleTests {
    private static func load() throws -> Runbook {
        let result = RunbookFile.load(path: Example.path, environment: Example.environment)
        #expect(result.problems.map(\.short) == [])
        return try #require(result.runbook)
    }

    @Test func `people, roles and contacts`() throws {
        let book = try Self.load()
        #expect(book.path == Example.path)
        #expect(book.path == book.folder + "/example.yaml")
        #expect(
            book.service
                == ServiceIdentity(
                    name: "vedfolnir", title: "Notification service", environment: "production",
                    timezone: "UTC"))
        #expect(book.people.map(\.id) == ["ines", "tomas", "priya", "oren"])
        #expect(
            book.people[0]
                == Person(
                    id: "ines", name: "Ines Moreau", user: "ines", email: "ines@example.com",
                    sms: "+15550100"))
        #expect(book.people[2].sms == nil)
        #expect(book.roles.count == 7)
        #expect(book.roles[5].includes.count == 4)
        #expect(book.roles[6] == Role(name: "viewer", members: ["*"]))
        #expect(
            book.externalSupport == [
                ExternalContact(
                    name: "Database vendor", phone: "+15550110", email: "support@db.example.com"),
                ExternalContact(name: "Hosting provider", phone: "+15550111"),
            ])
    }

    @Test func `channels, status page and tickets`() throws {
        let book = try Self.load()
        #expect(
            book.channels == [
                Channel(
                    name: "mail",
                    kind: .email(
                        EmailChannel(server: "smtp://127.0.0.1:2525", from: "tocsin@example.com"))),
                Channel(
                    name: "text",
                    kind: .sms(
                        HTTPRequest(
                            url: .plain("https://sms.example.com/send"), method: "POST",
                            headers: [
                                NamedValue(
                                    name: "Authorization", value: .secret(.environment("SMS_TOKEN"))
                                )
                            ],
                            body: .json(
                                .map([
                                    DataField(key: "to", value: .text("{{to}}")),
                                    DataField(key: "body", value: .text("{{text}}")),
                                ]))))),
                Channel(
                    name: "hook",
                    kind: .webhook(
                        url: .plain("https://alerts.example.com/webhook"),
                        secret: .file("/etc/tocsin/webhook.key"))),
                Channel(
                    name: "chat", kind: .slack(url: .secret(.environment("SLACK_WEBHOOK_URL")))),
                Channel(
                    name: "push",
                    kind: .ntfy(url: .plain("https://ntfy.example.com/vedfolnir"), token: nil)),
                Channel(
                    name: "pager",
                    kind: .pagerduty(routingKey: .secret(.environment("PAGERDUTY_KEY")), url: nil)),
                Channel(name: "am", kind: .alertmanager(url: .plain("http://127.0.0.1:9093"))),
                Channel(
                    name: "users",
                    kind: .command(
                        run: [book.folder + "/bin/broadcast", "--banner"], input: "{{text}}")),
            ])
        guard case .http(let page) = book.statusPage else {
            Issue.record("the status page is not a request")
            return
        }
        #expect(page.url == .plain("http://127.0.0.1:5000/api/status"))
        #expect(page.method == "POST")
        #expect(book.tickets?.request.url == .plain("https://tickets.example.com/api/issues"))
    }

    @Test func `alerts`() throws {
        let book = try Self.load()
        #expect(
            book.alerts
                == AlertIntake(
                    listen: "127.0.0.1:9095", from: ["prometheus"],
                    rules: [
                        AlertRule(
                            match: [
                                NamedText(name: "alertname", text: "InstanceDown"),
                                NamedText(name: "severity", text: "critical|page"),
                            ], problem: "instance-down", level: .high),
                        AlertRule(
                            match: [NamedText(name: "alertname", text: "Suspicious.*")],
                            problem: "security"),
                    ]))
        let made = try #require(book.triggers.last)
        #expect(made.name == "alert-instance-down" && made.level == .high)
    }

    @Test func `levels, escalation and shifts`() throws {
        let book = try Self.load()
        #expect(book.levels.map(\.fallbacks) == [["flash", "broadcast"], [], [], []])
        #expect(
            book.levels[1]
                == LevelDefinition(
                    level: .high, name: "High", respondWithin: .minutes(15),
                    means: "Many users are affected"))
        #expect(
            book.levels.map(\.respondWithin) == [
                .minutes(5), .minutes(15), .minutes(30), .minutes(60),
            ])
        #expect(book.escalation.map(\.level) == [.critical, .high, .medium, .low])
        #expect(
            book.escalation[0].steps == [
                EscalationStep(
                    after: .zero, notify: ["administrator"], via: ["mail", "text", "pager"],
                    everyChannel: true),
                EscalationStep(
                    after: .minutes(5), notify: ["senior-administrator"], via: ["text"],
                    repeatEvery: .minutes(5)),
            ])
        #expect(book.escalation[3].steps == [EscalationStep(after: .zero, ticket: true)])
        #expect(
            book.onCall == [
                OnCallRotation(
                    role: "system-administrator", rotate: .weekly,
                    from: try #require(Timestamp(rfc3339: "2026-01-05T09:00:00Z")),
                    order: ["tomas", "priya"])
            ])
    }

    @Test func `data sources, components and probes`() throws {
        let book = try Self.load()
        let main = DataSource(
            name: "main",
            kind: .mysql(
                DatabaseServer(
                    host: "127.0.0.1", port: 3306, database: "vedfolnir", user: "vedfolnir_user",
                    password: .secret(.environment("VEDFOLNIR_DB_PASSWORD")))))
        let sessions = DataSource(
            name: "sessions", kind: .redis(url: .plain("redis://127.0.0.1:6379/0")))
        #expect(book.sources == [main, sessions])
        #expect(
            book.connectivity == Connectivity(host: "192.0.2.1", port: 443, every: .seconds(30)))
        #expect(
            book.components.map(\.name) == [
                "web", "websocket", "delivery", "database", "sessions", "host",
            ])
        let web = book.components[0]
        #expect(
            web.title == "Web application" && web.weight == 3 && web.critical && web.dependsOn == []
        )
        #expect(
            web.probes[0]
                == Probe(
                    reference: ProbeReference(component: "web", probe: "home"),
                    check: .http(HTTPRequest(url: .plain("http://127.0.0.1:5000/"))),
                    expect: Expectation(status: [200], under: .seconds(1)),
                    schedule: ProbeSchedule(
                        every: .seconds(10), timeout: .seconds(5), downAfter: 3, upAfter: 2)))
        #expect(web.probes[1].check == .process(match: "python.*web_app.py"))
        let socket = book.components[1]
        #expect(socket.dependsOn == ["web"])
        #expect(
            socket.probes[0].check
                == .websocket(
                    url: "ws://127.0.0.1:5000/socket.io/?EIO=4&transport=websocket", headers: []))
        #expect(socket.probes[0].expect == Expectation(message: #"^0\{"#))
        #expect(
            socket.probes[1].metrics == [
                MetricRule(
                    name: "websocket.connected", source: .json("$.websocket.connected"),
                    unit: "clients"),
                MetricRule(
                    name: "websocket.expected", source: .json("$.websocket.expected"),
                    unit: "clients"),
            ])
        let delivery = book.components[2]
        #expect(
            delivery.probes[1].check
                == .sql(
                    source: main,
                    query: "SELECT COUNT(*) FROM notification_storage WHERE delivered = FALSE"))
        #expect(
            delivery.probes[1].metrics == [
                MetricRule(name: "delivery.pending", source: .first, unit: "notifications")
            ])
        #expect(book.components[3].probes[0].expect.under == .seconds(0.5))
        #expect(book.components[4].critical == false)
        #expect(book.components[4].probes[0].check == .redis(source: sessions, command: ["PING"]))
        #expect(book.components[4].probes[0].expect.reply == "PONG")
        let host = book.components[5].probes
        #expect(
            host.map(\.check.kind) == ["disk", "memory", "cpu", "systemd", "nagios", "prometheus"])
        #expect(host[0].check == .disk(path: "/"))
        #expect(host[0].degradedWhen == (try Condition.parse("disk.used > 85")))
        #expect(host[0].downWhen == (try Condition.parse("disk.used > 95")))
        #expect(host[2].downWhen == nil)
        #expect(host[3].check == .systemd(unit: "vedfolnir.service"))
        #expect(
            host[4].check
                == .nagios(run: [
                    "/usr/lib/nagios/plugins/check_load", "-w", "4,3,2", "-c", "8,6,4",
                ]))
        #expect(
            host[5].check
                == .prometheus(url: "http://127.0.0.1:9090", query: #"up{job="vedfolnir"}"#))
    }

    @Test func `gauges and triggers`() throws {
        let book = try Self.load()
        #expect(
            book.gauges == [
                Gauge(
                    source: .metric("delivery.success_rate"), title: "Delivery success",
                    goodAbove: 90),
                Gauge(source: .metric("websocket.connected"), title: "WebSocket clients"),
                Gauge(
                    source: .probe(ProbeReference(component: "database", probe: "connect")),
                    title: "Database"),
                Gauge(source: .emergencies, title: "Emergencies (24 h)"),
                Gauge(source: .recoverySuccessRate, title: "Recovery success", goodAbove: 95),
                Gauge(source: .healthScore, title: "Health score", goodAbove: 90),
            ])
        #expect(
            book.triggers.map(\.name) == [
                "complete-failure", "delivery-errors", "websocket-drop", "database-lost",
                "memory-exhausted", "sessions-lost", "slow", "security-incident", "data-corruption",
                "alert-instance-down",
            ])
        #expect(
            book.triggers[2]
                == Trigger(
                    name: "websocket-drop",
                    when: try Condition.parse("websocket.connected < 0.5 * websocket.expected"),
                    holds: .seconds(30), level: .high, failure: "websocket_connection_failure"))
        #expect(book.triggers[0].holds == .zero && book.triggers[0].level == .critical)
    }

    @Test func `actions, services, recovery and fallbacks`() throws {
        let book = try Self.load()
        #expect(
            book.actions.map(\.name) == [
                "restart-websocket", "clear-queues", "restart-services", "clear-sessions",
                "isolate",
            ])
        #expect(
            book.actions[0].steps == [
                Step(
                    name: "Restart unit", work: .service(.restart, unit: "vedfolnir-websocket"),
                    timeout: .seconds(30)),
                Step(
                    name: "Handshake answers",
                    work: .probe(
                        ProbeReference(component: "websocket", probe: "handshake"),
                        within: .seconds(20))),
            ])
        #expect(book.actions[1].danger == "Undelivered notifications in the queue are dropped")
        #expect(
            book.actions[1].steps[1].undo
                == .run(["./bin/queue", "import", "{{run_dir}}/queue.json"], input: nil))
        let rule = ["INPUT", "-p", "tcp", "--dport", "5000", "-j", "DROP"]
        let isolate = book.actions[4].steps[0]
        #expect(isolate.work == .run(["iptables", "-A"] + rule, input: nil))
        #expect(isolate.check == .run(["iptables", "-C"] + rule, input: nil))
        #expect(isolate.undo == .run(["iptables", "-D"] + rule, input: nil))
        #expect(book.services.stop.map(\.name) == ["Stop web"])
        #expect(book.services.start.map(\.name) == ["Start web"])
        #expect(
            book.services.emergencyStart[0].work
                == .run(["./bin/start", "--emergency"], input: nil))
        #expect(book.services.verify.count == 2)
        #expect(book.recovery.maxAttempts == 3 && book.recovery.automatic == .propose)
        #expect(book.recovery.verifyWithin == .seconds(30))
        #expect(
            book.recovery.plans[2]
                == RecoveryPlan(
                    failure: "database_persistence_failure", actions: ["restart-services"],
                    manual: ["Check the database host", "Call the database vendor"],
                    escalateAfter: .minutes(5)))
        #expect(book.fallbacks.map(\.name) == ["flash", "broadcast"])
        #expect(
            book.fallbacks[0].enable[0].work == .run(["./bin/fallback", "flash", "on"], input: nil))
        #expect(
            book.fallbacks[0].test[0].work
                == .http(
                    HTTPRequest(
                        url: .plain("http://127.0.0.1:5000/test-flash-message"), method: "POST",
                        body: .json(
                            .map([
                                DataField(key: "message", value: .text("Test")),
                                DataField(key: "category", value: .text("info")),
                            ]))), expect: Expectation(status: [200]), keepCookies: false))
    }

    @Test func `backup and rollback`() throws {
        let book = try Self.load()
        #expect(
            book.backup
                == BackupDefinition(
                    to: book.folder + "/storage/emergency_backups", keepLast: 10, keepDays: 30,
                    files: [
                        "templates", "static/js", "static/css", "routes", ".env", "web_app.py",
                    ],
                    databases: ["main"], sources: ["sessions"],
                    configuration: [
                        book.folder + "/example.yaml", book.folder + "/alerts.local.yaml",
                    ]))
        let rollback = try #require(book.rollback)
        #expect(rollback.to == "Legacy flash messages" && rollback.targetDuration == .minutes(10))
        #expect(rollback.when.count == 5)
        #expect(
            rollback.when[4]
                == RollbackRule(
                    name: "recovery-exhausted", when: try Condition.parse("recovery attempts >= 3"),
                    holds: .zero, runAfter: .minutes(5)))
        #expect(
            rollback.authorization == [
                AuthorizationRule(
                    kind: "emergency", needs: [RoleCount(role: "administrator", count: 1)],
                    onlyDuringLevel: .critical),
                AuthorizationRule(
                    kind: "planned", needs: [RoleCount(role: "senior-administrator", count: 1)]),
                AuthorizationRule(
                    kind: "security", needs: [RoleCount(role: "security-administrator", count: 1)]),
                AuthorizationRule(
                    kind: "maintenance", needs: [RoleCount(role: "change-manager", count: 1)]),
            ])
        #expect(
            rollback.preflight.map(\.work) == [
                .assess,
                .notify(
                    NotifyWork(
                        roles: ["administrator"], via: ["mail"], title: "ROLLBACK INITIATED",
                        text: "Rollback of the notification service has started")),
                .statusPage(status: "maintenance", message: "System rollback in progress"),
                .backup,
                .probe(ProbeReference(component: "host", probe: "disk"), within: .seconds(30)),
            ])
        #expect(
            rollback.stages.map(\.name) == [
                "Service shutdown", "Component removal", "Legacy restoration", "Database rollback",
                "Configuration update", "Service restart", "Validation",
            ])
        #expect(
            rollback.afterwards
                == RollbackAfterwards(
                    watchFor: .hours(24), watchEvery: .minutes(5), notifyRoles: ["administrator"],
                    notifyVia: ["mail"], review: true))
    }

    @Test func `the steps of the seven stages`() throws {
        let stages = try #require(try Self.load().rollback).stages.map(\.steps)
        #expect(stages[0][0].undo == .service(.start, unit: "vedfolnir"))
        #expect(
            stages[1][0].work
                == .remove([
                    "unified_notification_manager.py", "websocket_notification_*.py",
                    "static/js/unified-notifications.js",
                ]))
        #expect(
            stages[2][0].work
                == .restore(
                    .git(
                        revision: "HEAD~1",
                        paths: ["templates/base.html", "static/js/notifications.js"])))
        #expect(
            stages[3][0].work
                == .sql(
                    SQLWork(
                        source: "main",
                        statements: [
                            "DROP TABLE IF EXISTS notification_storage",
                            "DROP TABLE IF EXISTS notification_delivery_log",
                        ])))
        #expect(
            stages[3][0].verify
                == .sql(
                    SQLWork(
                        source: "main",
                        query:
                            #"SELECT COUNT(*) FROM information_schema.tables WHERE table_name LIKE 'notification\_%'"#,
                        equals: 0)))
        #expect(stages[3][0].undo == .restoreDatabase(source: "main"))
        #expect(
            stages[4][0].work
                == .edit(
                    EditWork(
                        file: ".env",
                        deleteLines: ["UNIFIED_NOTIFICATION", "WEBSOCKET_NOTIFICATION"])))
        #expect(stages[5][0].timeout == .seconds(30))
        #expect(
            stages[6][1].work
                == .http(
                    HTTPRequest(
                        url: .plain("http://127.0.0.1:5000/login"), method: "POST",
                        body: .form([
                            NamedValue(name: "username_or_email", value: .plain("admin")),
                            NamedValue(
                                name: "password",
                                value: .secret(.environment("VEDFOLNIR_TEST_PASSWORD"))),
                        ])), expect: Expectation(status: [200, 302]), keepCookies: true))
        #expect(
            stages[6][3].work
                == .sql(SQLWork(source: "main", query: "SELECT COUNT(*) FROM users", atLeast: 1)))
    }

    @Test func `playbooks, checklists, drills, reviews and targets`() throws {
        let book = try Self.load()
        #expect(book.pages.count == 3 && book.pages[1] == "http://127.0.0.1:5000/login")
        #expect(
            book.playbooks.map(\.name) == [
                "complete-failure", "security", "performance", "security-validation",
                "performance-assessment", "optimize-system",
            ])
        #expect(
            book.playbooks[1].steps.map(\.work) == [
                .action("isolate"), .rollback("security"), .playbook("security-validation"),
                .undoAction("isolate"),
            ])
        #expect(book.playbooks[2].steps[1].otherwise == .rollback("planned"))
        #expect(
            book.checklists[1].items == [
                ChecklistItem(text: "Flash messages working", fallback: "flash"),
                ChecklistItem(
                    text: "User sessions preserved",
                    probe: ProbeReference(component: "sessions", probe: "ping")),
                ChecklistItem(text: "Admin functionality available"),
            ])
        #expect(
            book.drills[0].inject[0].work == .run(["./bin/fault", "websocket", "on"], input: nil))
        #expect(book.drills[0].every == .monthly)
        #expect(book.drills[3].rollback == "test-mode" && book.drills[3].every == .quarterly)
        #expect(book.drills[4].drills == ["websocket_failure", "database_failure"])
        #expect(
            book.reviews == [
                ReviewDefinition(name: "Immediate review", due: .hours(24)),
                ReviewDefinition(name: "Detailed analysis", due: .hours(7 * 24)),
                ReviewDefinition(name: "Follow-up actions", due: .hours(30 * 24)),
            ])
        #expect(book.targets == Targets())
    }

    @Test func `a secret that is not set is a warning only`() throws {
        let result = check(try Example.text(), environment: [:])
        #expect(result.runbook != nil)
        #expect(
            result.problems.map(\.short) == [
                "41:137: warning: the environment variable `SMS_TOKEN` is not set here; it must be when the secret is needed",
                "45:26: warning: the environment variable `SLACK_WEBHOOK_URL` is not set here; it must be when the secret is needed",
                "49:38: warning: the environment variable `PAGERDUTY_KEY` is not set here; it must be when the secret is needed",
                "86:113: warning: the environment variable `VEDFOLNIR_DB_PASSWORD` is not set here; it must be when the secret is needed",
                "268:136: warning: the environment variable `VEDFOLNIR_TEST_PASSWORD` is not set here; it must be when the secret is needed",
            ])
    }
}
