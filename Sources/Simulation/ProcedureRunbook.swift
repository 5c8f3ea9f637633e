// The runbook of a simulated service that is changed: steps of all kinds, guards, roles, stand-ins.
//
// What belongs to the real service has `real-` in its name; what stands in for it has not.
import Domain
import TestKit

enum ProcedureRunbook {
    static let triggers = ["all-down", "slow"]
    static let problems = ["security", "corruption"]
    static let rules = ["exhausted", "reported", "slow"]
    static let stages = ["Shutdown", "Removal", "Restoration", "Database", "Settings", "Restart"]

    static func make(_ random: inout SeededRandom) -> Runbook {
        var maker = Maker(random: random)
        let runbook = maker.runbook()
        random = maker.random
        return runbook
    }

    /// Another plan under the same name: what an edited runbook is.
    static func changed(_ runbook: Runbook, _ random: inout SeededRandom) -> Runbook {
        var runbook = runbook
        let count = runbook.rollback?.stages.count ?? 0
        guard count > 0 else { return runbook }
        let stage = random.number(0...count - 1)
        let span = random.seconds(1...60)
        runbook.rollback?.stages[stage].steps[0].timeout = span
        return runbook
    }
}

/// Makes one runbook up, with names that are given once.
private struct Maker {
    var random: SeededRandom
    private var given = 0

    init(random: SeededRandom) { self.random = random }

    mutating func runbook() -> Runbook {
        var runbook = Runbook(
            path: "/srv/real-service/tocsin.yaml", folder: "/srv/real-service",
            service: ServiceIdentity(name: "sample", title: "Sample service"),
            backup: BackupDefinition(to: "/srv/real-service/backups", files: ["site"]))
        runbook.people = people
        runbook.roles = roles()
        runbook.channels = [
            Channel(
                name: "mail",
                kind: .email(EmailChannel(server: "smtp://127.0.0.1:25", from: "t@example.com"))),
            Channel(name: "chat", kind: .slack(url: .plain("http://127.0.0.1/chat"))),
        ]
        if random.likely(0.7) {
            runbook.statusPage = .http(HTTPRequest(url: .plain("http://127.0.0.1/status")))
        }
        runbook.escalation = Level.allCases.map { level in
            EscalationRow(
                level: level,
                steps: [
                    EscalationStep(after: .zero, notify: ["administrator"], via: ["chat"]),
                    EscalationStep(
                        after: .minutes(random.pick([2.0, 10])),
                        notify: ["senior-administrator"], via: ["mail"],
                        repeatEvery: random.likely(0.2) ? .hours(2) : nil),
                ])
        }
        runbook.sources = ["real-main", "stand-main"].map {
            DataSource(
                name: $0,
                kind: .postgresql(
                    DatabaseServer(
                        host: "127.0.0.1", port: 5432, database: $0, user: "u", password: nil)))
        }
        runbook.components = ["web", "delivery", "host"].map(component)
        runbook.triggers = triggers()
        runbook.actions = (0..<3).map { number in
            Action(
                name: "action-\(number)", title: "Action \(number)",
                steps: (0...random.number(0...2)).map { _ in step(otherwise: 0.2) })
        }
        runbook.services = ServiceProcedures(
            stop: [plain()], start: [plain(), plain()], verify: [step(otherwise: 0)])
        runbook.recovery = recovery()
        runbook.fallbacks = [
            Fallback(
                name: "flash", title: "Flash", enable: [plain()], disable: [plain()],
                test: [plain()])
        ]
        for index in runbook.levels.indices where random.likely(0.2) {
            runbook.levels[index].fallbacks = ["flash"]
        }
        runbook.playbooks = playbooks()
        runbook.rollback = rollback()
        return runbook
    }

    private var people: [Person] {
        let names = ["ines", "tomas", "uma", "ada", "ben", "carl", "vera"]
        return names.map {
            Person(
                id: "p-\($0)", name: "Person \($0)", user: $0, email: "\($0)@example.com")
        } + [Person(id: "p-desk", name: "Desk", user: "", email: "desk@example.com")]
    }

    private mutating func roles() -> [Role] {
        let ids = people.map(\.id)
        func some(_ least: [String]) -> [String] {
            least + ids.filter { id in !least.contains(id) && random.likely(0.25) }
        }
        return [
            Role(name: "senior-administrator", members: ["p-ines"]),
            Role(name: "system-administrator", members: ["p-tomas", "p-uma"]),
            Role(
                name: "administrator",
                includes: ["senior-administrator", "system-administrator"]),
            Role(name: "database", members: some(["p-ada", "p-ben"])),
            Role(name: "security", members: some(["p-ada", "p-carl"])),
            Role(
                name: "change", members: some(["p-carl"]),
                includes: random.likely(0.3) ? ["senior-administrator"] : []),
            Role(name: "viewer", members: ["*"]),
        ]
    }

    private func component(_ name: String) -> Component {
        Component(
            name: name, title: name, weight: 1, critical: name != "host", dependsOn: [],
            probes: [
                Probe(
                    reference: ProbeReference(component: name, probe: "main"), check: .memory,
                    schedule: ProbeSchedule(every: .seconds(1), downAfter: 2, upAfter: 2))
            ])
    }

    private mutating func triggers() -> [Trigger] {
        let one = Expression.comparison(.greater, .metric("x"), .number(1))
        return [
            Trigger(
                name: "all-down", when: Condition(text: "x > 1", expression: one),
                holds: .zero, level: .critical, failure: "system_failure"),
            Trigger(
                name: "slow", when: Condition(text: "x > 1", expression: one),
                holds: .minutes(1), level: random.pick([.high, .medium]), failure: "slowness"),
        ]
            + ProcedureRunbook.problems.map { name in
                Trigger(
                    name: "alert-\(name)",
                    when: Condition(text: "reported \(name)", expression: .reported(name)),
                    holds: .zero, level: random.pick([.critical, .low]), failure: name)
            }
    }

    private mutating func recovery() -> RecoveryDefinition {
        func plan(_ failure: String) -> RecoveryPlan {
            RecoveryPlan(
                failure: failure, actions: ["action-0", "action-1"],
                manual: random.likely(0.6) ? ["Look", "Call"] : [],
                escalateAfter: random.likely(0.6) ? random.pick([.minutes(5), .hours(1)]) : nil)
        }
        return RecoveryDefinition(
            maxAttempts: 3, automatic: random.likely(0.25) ? .run : .propose,
            verifyWithin: .seconds(10), plans: [plan("system_failure"), plan("slowness")])
    }

    // MARK: Procedures

    private mutating func playbooks() -> [Playbook] {
        (0..<3).map { number in
            var steps = (0...random.number(1...3)).map { _ in step(otherwise: 0.4) }
            for index in steps.indices where random.likely(0.5) {
                var works: [Work] = [
                    .action("action-\(random.number(0...2))"), .undoAction("action-0"),
                    .rollback(random.pick(["emergency", "planned", "security", "planned"])),
                    .rollback("test-mode"),
                ]
                if number > 0 {
                    works.append(.playbook("playbook-\(random.number(0...number - 1))"))
                }
                steps[index] = Step(
                    name: name(), work: random.pick(works),
                    otherwise: random.likely(0.5) ? otherwise(below: number) : nil)
            }
            return Playbook(name: "playbook-\(number)", steps: steps)
        }
    }
    private mutating func otherwise(below number: Int) -> Work {
        if number > 0, random.likely(0.3) { return .playbook("playbook-\(number - 1)") }
        if random.likely(0.2) { return .rollback("planned") }
        return random.likely(0.3) ? .action("action-1") : plain().work
    }

    private mutating func rollback() -> RollbackDefinition {
        var preflight = (0..<random.number(0...3)).map { _ in step(otherwise: 0) }
        if random.likely(0.7) {
            preflight.insert(
                Step(name: "Backup", work: .backup),
                at: random.number(0...preflight.count))
        }
        var names = ProcedureRunbook.stages
        if random.likely(0.5) { names = Array(names.prefix(random.number(2...4))) }
        return RollbackDefinition(
            to: "legacy", when: rules(), authorization: authorization(), preflight: preflight,
            stages: names.map { name in
                RollbackStage(
                    name: name,
                    steps: (0...random.number(0...1)).map { _ in step(otherwise: 0.08) })
            },
            afterwards: RollbackAfterwards(
                watchFor: random.pick([.hours(24), .hours(2), .zero]),
                watchEvery: .minutes(random.pick([5.0, 30])), notifyRoles: ["administrator"],
                notifyVia: ["chat"]),
            test: RollbackTest(
                units: random.likely(0.8)
                    ? [StandIn(real: "real-unit", test: "stand-unit")] : [],
                sources: [StandIn(real: "real-main", test: "stand-main")],
                addresses: [StandIn(real: "http://real-web", test: "http://stand-web")]))
    }

    private mutating func rules() -> [RollbackRule] {
        let after: [Span?] = [nil, .minutes(2), .minutes(10)]
        return [
            RollbackRule(
                name: "exhausted",
                when: Condition(
                    text: "recovery attempts >= 3",
                    expression: .comparison(.greaterOrEqual, .recoveryAttempts, .number(3))),
                holds: .zero, runAfter: random.pick(after)),
            RollbackRule(
                name: "reported",
                when: Condition(text: "reported security", expression: .reported("security")),
                holds: random.pick([.zero, .minutes(5)]), runAfter: random.pick(after)),
            RollbackRule(
                name: "slow",
                when: Condition(
                    text: "x > 1", expression: .comparison(.greater, .metric("x"), .number(1))),
                holds: random.pick([.minutes(3), .minutes(30)]), runAfter: random.pick(after)),
        ]
    }

    private mutating func authorization() -> [AuthorizationRule] {
        let roles = ["administrator", "senior-administrator", "database", "security", "change"]
        func needs() -> [RoleCount] {
            var counts: [RoleCount] = []
            for role in roles.shuffled(using: &random).prefix(random.number(1...2)) {
                counts.append(RoleCount(role: role, count: random.likely(0.2) ? 2 : 1))
            }
            return counts
        }
        return [
            AuthorizationRule(
                kind: "emergency",
                needs: [RoleCount(role: "administrator", count: random.number(1...2))],
                onlyDuringLevel: .critical),
            AuthorizationRule(kind: "planned", needs: needs()),
            AuthorizationRule(kind: "security", needs: needs()),
            AuthorizationRule(kind: "maintenance", needs: random.likely(0.5) ? needs() : []),
        ]
    }

    // MARK: Steps

    private mutating func name() -> String {
        given += 1
        return "s\(given)"
    }
    private mutating func plain() -> Step {
        let name = name()
        return Step(
            name: name, work: .run(["./real-\(name)"], input: nil), repeatable: random.likely(0.3),
            testMode: random.pick([.run, .skip]))
    }

    private mutating func step(otherwise share: Double) -> Step {
        var step = plain()
        if random.likely(0.5) { step.undo = .run(["./real-un\(step.name)"], input: nil) }
        if random.likely(0.2) { step.check = .run(["./real-is\(step.name)"], input: nil) }
        if random.likely(0.55) {
            step.testMode = random.likely(0.1) ? .skip : nil
            step.check = nil
            step.work = work(step.name)
            if !step.work.needsRunner || random.likely(0.5) { step.undo = nil }
            if step.undo != nil {
                step.undo =
                    random.likely(0.5)
                    ? .service(.start, unit: "real-unit")
                    : .sql(SQLWork(source: "real-main", statements: ["back"]))
            }
        }
        if random.likely(0.15) {
            step.verify =
                random.likely(0.5)
                ? .probe(ProbeReference(component: "web", probe: "main"), within: .seconds(9))
                : .sql(SQLWork(source: "real-main", query: "select 1", equals: 1))
        }
        if random.likely(share) {
            step.otherwise = .run(["./real-instead-\(step.name)"], input: nil)
        }
        return step
    }

    private mutating func work(_ name: String) -> Work {
        let probe = ProbeReference(component: random.pick(["web", "host"]), probe: "main")
        switch random.number(0...13) {
        case 0, 1: return .service(random.pick([.stop, .start]), unit: "real-unit")
        case 2, 3: return .sql(SQLWork(source: "real-main", statements: [name]))
        case 4:
            return .http(
                HTTPRequest(
                    url: .plain("http://real-web/\(name)"), method: random.pick(["GET", "POST"])),
                expect: Expectation(), keepCookies: false)
        case 5: return .remove(["\(name)/*"])
        case 6: return .edit(EditWork(file: "\(name).conf", deleteLines: ["x"]))
        case 7: return .restore(.copy(folder: "old", paths: [name]))
        case 8: return .restoreDatabase(source: "real-main")
        case 9: return .wait(random.pick([.seconds(5), .minutes(3)]))
        case 10: return .confirm("Is \(name) so?")
        case 11: return .probe(probe, within: .seconds(20))
        case 12:
            return .notify(
                NotifyWork(
                    roles: ["administrator"], via: ["chat"], title: "At \(name)", text: "It is"))
        default: return random.pick([.assess, .statusPage(status: "busy", message: name)])
        }
    }
}
