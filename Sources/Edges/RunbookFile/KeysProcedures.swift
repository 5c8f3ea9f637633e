// The keys of actions, recovery, backup, rollback, playbooks, drills and the rest, and of the whole.
import Domain

extension Keys {
    static let action = Shape.table(
        KeyTable(
            what: "an action",
            keys: [
                may("title", .line, "Its name for people."),
                may("danger", .line, "What is lost by it, in words."),
                must("steps", steps, "What is done."),
            ]))
    static let services = Shape.table(
        KeyTable(
            what: "`services`",
            keys: [
                may("stop", steps, "What `stop-services` does."),
                may("start", steps, "What `start-services` does."),
                may("emergency_start", steps, "What `start-services --emergency-mode` does."),
                may("verify", steps, "What `verify-services` does."),
            ]))

    static let recovery = Shape.table(
        KeyTable(
            what: "`recovery`",
            keys: [
                may("max_attempts", .integer(1...10), "Attempts for one emergency; 3 by default."),
                may(
                    "automatic", .choice(RecoveryDefinition.Automatic.allCases.map(\.rawValue)),
                    "propose: the operator picks. run: the engine starts by itself."),
                may(
                    "verify_within", .span(.upTo(hours: 24)),
                    "After its last step an action must end the triggers within this; 30s by default."
                ),
                may(
                    "plans", .named(NamedShape(what: "a plan", value: .table(plan))),
                    "What is tried, by failure type."),
            ]))
    private static let plan = KeyTable(
        what: "a recovery plan",
        keys: [
            may("actions", .list(.reference(.action)), "Actions, in the order they are tried."),
            may("manual", .list(.line), "What a person does, in words."),
            may("escalate_after", .span(.any), "When it is escalated although it goes on."),
        ],
        atLeastOne: [["actions", "manual"]])

    static let fallback = Shape.table(
        KeyTable(
            what: "a fallback",
            keys: [
                may("title", .line, "Its name for people."),
                must("enable", steps, "Switches it on."),
                must("disable", steps, "Switches it off."),
                may("test", steps, "Shows that it works."),
            ]))

    static let backup = Shape.table(
        KeyTable(
            what: "`backup`",
            keys: [
                must("to", .path, "The folder that backups are kept in."),
                may(
                    "keep",
                    .table(
                        KeyTable(
                            what: "`keep`",
                            keys: [
                                may("last", .integer(1...100_000), "How many are kept."),
                                may("days", .integer(1...36_500), "For how many days."),
                            ],
                            atLeastOne: [["last", "days"]])), "What is kept; everything without it."
                ),
                may("files", .list(.path), "Files, folders or globs."),
                may("databases", .list(.reference(.database)), "Data sources that are dumped."),
                may("sources", .list(.reference(.source)), "Other data sources, such as Redis."),
            ],
            atLeastOne: [["files", "databases", "sources"]]))

    // MARK: Rollback

    static let authorizations = ["emergency", "planned", "security", "maintenance"]
    static let rollback = Shape.table(
        KeyTable(
            what: "`rollback`",
            keys: [
                must("to", .line, "The legacy system, in words."),
                may(
                    "target_duration", .span(.any),
                    "How long it should take at most; 10m by default."),
                may(
                    "when", .named(NamedShape(what: "a rule", value: .table(rollbackRule))),
                    "When a rollback is proposed."),
                must(
                    "authorization",
                    .table(
                        KeyTable(
                            what: "`authorization`",
                            keys: authorizations.map {
                                may($0, .table(authorization), "Who must approve of it.")
                            },
                            atLeastOne: [authorizations])), "Who must approve."),
                may("preflight", steps, "What is done before the stages, with the backup."),
                must(
                    "stages", .list(.table(stage), atLeast: 1),
                    "Seven, as the procedures name them."),
                may("afterwards", .table(afterwards), "What follows a rollback."),
                may(
                    "test", .table(rollbackTest),
                    "What stands in for the real things in `rollback --test-mode`."),
            ]))
    private static let rollbackTest = KeyTable(
        what: "`test`",
        keys: [
            may(
                "units",
                .named(NamedShape(what: "a unit", rule: .label, value: .scalar(.line))),
                "Units, or names under `units:`, and the one that is used instead."),
            may(
                "sources",
                .named(
                    NamedShape(
                        what: "a data source", rule: .reference(.source),
                        value: .scalar(.reference(.source)))),
                "Data sources; the contents of the first are copied into the second."),
            may(
                "addresses",
                .named(NamedShape(what: "an address", rule: .label, value: .scalar(.line))),
                "Beginnings of URLs, such as http://127.0.0.1:5000."),
        ],
        atLeastOne: [["units", "sources", "addresses"]])
    private static let rollbackRule = KeyTable(
        what: "a rollback rule",
        keys: [
            must("when", .condition, "A condition over metrics, components and probes."),
            may("for", .span(.anyOrZero), "It must hold this long."),
            may(
                "run_after", .span(.any),
                "It starts by itself this long after it was proposed, unless it is vetoed."),
        ])
    private static let authorization = KeyTable(
        what: "an authorization",
        keys: [
            must(
                "needs",
                .named(
                    NamedShape(
                        what: "a role", rule: .reference(.role), value: .scalar(.integer(1...1000)))
                ),
                "How many people of which role."),
            may(
                "only_during_level", .integer(1...4),
                "Only while an emergency of this level is open."),
        ])
    private static let stage = KeyTable(
        what: "a stage",
        keys: [
            must("name", .line, "Its name for people."),
            must("steps", .list(.table(stepTable), atLeast: 0), "What is done."),
        ])
    private static let afterwards = KeyTable(
        what: "`afterwards`",
        keys: [
            may(
                "watch",
                .table(
                    KeyTable(
                        what: "`watch`",
                        keys: [
                            may("for", .span(.any), "24h by default."),
                            may("every", .span(.any), "5m by default."),
                        ])), "Any probe that goes down in this time is a rollback problem."),
            may(
                "notify",
                .table(
                    KeyTable(
                        what: "`notify`",
                        keys: [
                            must("roles", .list(.reference(.recipient)), "Roles or people."),
                            must("via", .list(.reference(.channel)), "Channels."),
                        ])), "Who is told."),
            may("review", .flag, "Whether a review is due."),
        ])

    // MARK: Playbooks, checklists, drills, reviews, targets

    static let playbook = Shape.table(
        KeyTable(what: "a playbook", keys: [must("steps", steps, "What is done.")]))
    static let checklist = Shape.list(
        .table(
            KeyTable(
                what: "a checklist item",
                keys: [
                    must("text", .line, "What must hold, in words."),
                    may("probe", .reference(.probe), "Ticks it when it is healthy."),
                    may("fallback", .reference(.fallback), "Ticks it when its test succeeds."),
                ],
                atMostOne: [["probe", "fallback"]])), atLeast: 1)
    static let drill = Shape.table(
        KeyTable(
            what: "a drill",
            keys: [
                may("title", .line, "Its name for people."),
                may("inject", steps, "Makes the failure."),
                may("restore", steps, "Mends it."),
                may("drills", .list(.reference(.drill)), "Other drills, all at once."),
                may("rollback", .choice(["test-mode"]), "The drill is a rollback in test mode."),
                may(
                    "every", .choice(Drill.Rhythm.allCases.map(\.rawValue)), "How often it is due."),
            ],
            exactlyOne: [["inject", "drills", "rollback"]],
            needs: ["inject": ["restore"], "restore": ["inject"]]))
    static let reviews = Shape.list(
        .table(
            KeyTable(
                what: "a review",
                keys: [
                    must("name", .line, "What it is for."),
                    must("due", .span(.any), "This long after the emergency."),
                ])), atLeast: 0)
    static let targets = Shape.table(
        KeyTable(
            what: "`targets`",
            keys: [
                may("detect", .span(.any), "From failure to emergency; 5m by default."),
                may("respond", .span(.any), "To acknowledgement; 15m by default."),
                may("recovery_success", .number(0...100), "Per cent; 95 by default."),
                may("rollback_success", .number(0...100), "Per cent; 99 by default."),
                may("user_impact", .span(.any), "30m by default."),
                may("rollback_duration", .span(.any), "10m by default."),
                may("recovery_duration", .span(.any), "5m by default."),
                may("data_loss", .number(0...1e15), "Rows; 0 by default."),
            ]))

    // MARK: The whole

    static let runbook = KeyTable(
        what: "a runbook",
        keys: [
            must("version", .version, "The version of the format: 1."),
            must("service", service, "What is under command."),
            may("people", named("a person", person), "Who there is, by id."),
            may("roles", named("a role", role), "What they are."),
            may("external_support", externalSupport, "Who else can be called."),
            may("channels", named("a channel", channel), "How people are reached."),
            may("status_page", serviceStatusPage, "How the status page is updated."),
            may("tickets", tickets, "How a ticket is opened."),
            may("levels", byLevel("`levels`", level), "The four levels."),
            may(
                "escalation", byLevel("`escalation`", .list(escalationStep, atLeast: 1)),
                "Who hears about an emergency, and when."),
            may("on_call", onCall, "Whose shift it is."),
            may("alerts", alerts, "What becomes of the alerts of other systems."),
            may("data_sources", named("a data source", source), "Databases, by name."),
            may("units", named("a unit", unit), "Services that systemd does not manage."),
            may("probe_defaults", schedule, "What probes have unless they say otherwise."),
            may("connectivity", connectivity, "What tells our own network's faults."),
            must("components", named("a component", component), "The parts of the service."),
            may("gauges", gauges, "The key metrics of the dashboard, in order."),
            may("triggers", named("a trigger", trigger), "When it is an emergency."),
            may("actions", named("an action", action), "What can be done about it."),
            may("services", services, "How the service is stopped, started and verified."),
            may("recovery", recovery, "What is proposed or done by itself."),
            may("fallbacks", named("a fallback", fallback), "Stand-ins."),
            may("backup", backup, "What is saved, and where."),
            may("rollback", rollback, "The way back to the legacy system."),
            may("pages", .list(.url(["http", "https"]), atLeast: 0), "Pages that must load."),
            may("playbooks", named("a playbook", playbook), "Steps for a scenario."),
            may("checklists", named("a checklist", checklist), "What is ticked afterwards."),
            may("drills", named("a drill", drill), "Emergencies made on purpose."),
            may("reviews", reviews, "What is due after an emergency."),
            may("targets", targets, "What the service is measured against."),
        ])
    private static func named(_ what: String, _ value: Shape) -> Shape {
        .named(NamedShape(what: what, value: value))
    }
}
