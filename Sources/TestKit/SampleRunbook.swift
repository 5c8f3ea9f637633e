// A small runbook, made in code, that the rules' and the engine's tests share.
package import Domain

package enum SampleRunbook {
    /// web (critical) and delivery (critical, depends on web), host; people ines, tomas and a viewer.
    package static func make(
        automatic: RecoveryDefinition.Automatic = .propose,
        change: (inout Runbook) -> Void = { _ in }
    ) -> Runbook {
        var runbook = Runbook(
            path: "/srv/sample/tocsin.yaml", folder: "/srv/sample",
            service: ServiceIdentity(name: "sample", title: "Sample service"),
            backup: BackupDefinition(to: "/srv/sample/backups", files: ["site"]))
        runbook.people = [
            Person(
                id: "ines", name: "Ines Moreau", user: "ines", email: "ines@example.com",
                sms: "+15550100"),
            Person(
                id: "tomas", name: "Tomas Lind", user: "tomas", email: "tomas@example.com",
                sms: "+15550101"),
            Person(id: "vera", name: "Vera Sato", user: "vera"),
        ]
        runbook.roles = [
            Role(name: "senior-administrator", members: ["ines"]),
            Role(name: "system-administrator", members: ["tomas"]),
            Role(
                name: "administrator",
                includes: ["senior-administrator", "system-administrator"]),
            Role(name: "viewer", members: ["*"]),
        ]
        runbook.channels = [
            Channel(
                name: "mail",
                kind: .email(EmailChannel(server: "smtp://127.0.0.1:25", from: "t@example.com"))),
            Channel(
                name: "text", kind: .sms(HTTPRequest(url: .plain("http://127.0.0.1/sms")))),
            Channel(name: "chat", kind: .slack(url: .plain("http://127.0.0.1/chat"))),
        ]
        runbook.escalation = [
            EscalationRow(
                level: .critical,
                steps: [
                    EscalationStep(after: .zero, notify: ["administrator"], via: ["mail"]),
                    EscalationStep(
                        after: .minutes(5), notify: ["senior-administrator"], via: ["text"],
                        repeatEvery: .minutes(5)),
                ]),
            EscalationRow(
                level: .high,
                steps: [
                    EscalationStep(after: .zero, notify: ["system-administrator"], via: ["mail"])
                ]
            ),
        ]
        runbook.components = [
            component("web", critical: true), component("delivery", critical: true, on: ["web"]),
            component("host", critical: false),
        ]
        runbook.triggers = [
            Trigger(
                name: "all-down",
                when: Condition(
                    text: "all critical components down",
                    expression: .allCriticalComponents(is: .failed)),
                holds: .zero, level: .critical, failure: "system_failure"),
            Trigger(
                name: "errors",
                when: Condition(
                    text: "delivery.error_rate > 10",
                    expression: .comparison(
                        .greater, .metric("delivery.error_rate"), .number(10))),
                holds: .minutes(1), level: .high, failure: "message_delivery_failure"),
            Trigger(
                name: "security",
                when: Condition(text: "reported security", expression: .reported("security")),
                holds: .zero, level: .critical, failure: "security_incident"),
        ]
        runbook.actions = [
            Action(name: "restart", title: "Restart", steps: [run("Restart it", "restart")]),
            Action(name: "clear", title: "Clear queues", steps: [run("Clear them", "clear")]),
        ]
        runbook.recovery = RecoveryDefinition(
            maxAttempts: 3, automatic: automatic, verifyWithin: .seconds(10),
            plans: [
                RecoveryPlan(failure: "system_failure", actions: ["restart", "clear"]),
                RecoveryPlan(failure: "message_delivery_failure", actions: ["clear"]),
            ])
        runbook.fallbacks = [
            Fallback(
                name: "flash", title: "Flash messages", enable: [run("On", "flash", "on")],
                disable: [run("Off", "flash", "off")], test: [run("Test", "flash", "test")])
        ]
        runbook.rollback = rollback
        change(&runbook)
        return runbook
    }

    package static func run(_ name: String, _ words: String..., undo: [String]? = nil) -> Step {
        Step(
            name: name, work: .run(["./" + words[0]] + words.dropFirst(), input: nil),
            undo: undo.map { .run($0, input: nil) })
    }

    private static func component(
        _ name: String, critical: Bool, on others: [String] = []
    ) -> Component {
        Component(
            name: name, title: name, weight: 1, critical: critical, dependsOn: others,
            probes: [
                Probe(
                    reference: ProbeReference(component: name, probe: "main"), check: .memory,
                    schedule: ProbeSchedule(every: .seconds(1), downAfter: 2, upAfter: 2))
            ])
    }

    private static var rollback: RollbackDefinition {
        let stages = [
            ("Service shutdown", run("Stop", "stop", undo: ["./start"])),
            ("Component removal", Step(name: "Remove", work: .remove(["new"]))),
            (
                "Legacy restoration",
                Step(name: "Restore", work: .restore(.copy(folder: "legacy", paths: ["old"])))
            ),
            ("Database rollback", run("Drop tables", "drop", undo: ["./undrop"])),
            (
                "Configuration update",
                Step(name: "Edit", work: .edit(EditWork(file: "env", deleteLines: ["NEW"])))
            ),
            ("Service restart", run("Start", "start", undo: ["./stop"])),
            (
                "Validation",
                Step(
                    name: "Web answers",
                    work: .probe(
                        ProbeReference(component: "web", probe: "main"), within: .seconds(5)))
            ),
        ]
        return RollbackDefinition(
            to: "legacy",
            when: [
                RollbackRule(
                    name: "exhausted",
                    when: Condition(
                        text: "recovery attempts >= 3",
                        expression: .comparison(.greaterOrEqual, .recoveryAttempts, .number(3))),
                    holds: .zero, runAfter: .minutes(5))
            ],
            authorization: [
                AuthorizationRule(
                    kind: "emergency", needs: [RoleCount(role: "administrator", count: 1)],
                    onlyDuringLevel: .critical),
                AuthorizationRule(
                    kind: "planned", needs: [RoleCount(role: "senior-administrator", count: 1)]),
            ],
            preflight: [
                Step(name: "Assess", work: .assess),
                Step(
                    name: "Tell",
                    work: .notify(
                        NotifyWork(
                            roles: ["administrator"], via: ["mail"], title: "ROLLBACK",
                            text: "It begins"))),
                Step(name: "Backup", work: .backup),
            ],
            stages: stages.map { RollbackStage(name: $0.0, steps: [$0.1]) })
    }
}
