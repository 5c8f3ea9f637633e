// Test mode: the rollback's plan with stand-ins, and never anything of the real service in it.
import Domain
import FoundationEssentials
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct TestModeTests {
    static let probe = ProbeReference(component: "web", probe: "main")
    static let folder = "/srv/sample"

    /// A rollback of one step, with stand-ins for what is named `real`.
    static func rules(_ steps: [Step], test: RollbackTest? = stand) -> Rules {
        Rules(
            SampleRunbook.make { runbook in
                runbook.sources = [
                    database("real-db"), database("test-db"), database("other-db"),
                    DataSource(name: "inside", kind: .sqlite(path: "\(folder)/data/app.db")),
                    DataSource(name: "outside", kind: .sqlite(path: "/var/lib/app.db")),
                    DataSource(
                        name: "near", kind: .sqlite(path: "\(folder)-other/app.db")),
                    DataSource(name: "real-cache", kind: .redis(url: .plain("redis://real"))),
                    DataSource(name: "test-cache", kind: .redis(url: .plain("redis://test"))),
                ]
                runbook.rollback?.preflight = [Step(name: "Backup", work: .backup)]
                runbook.rollback?.stages = [RollbackStage(name: "Only", steps: steps)]
                runbook.rollback?.test = test
            })
    }
    static let stand = RollbackTest(
        units: [StandIn(real: "real-unit", test: "test-unit")],
        sources: [
            StandIn(real: "real-db", test: "test-db"),
            StandIn(real: "real-cache", test: "test-cache"),
        ],
        addresses: [
            StandIn(real: "http://real", test: "http://test"),
            StandIn(real: "http://127.0.0.1:5000", test: "http://127.0.0.1:6000"),
        ])
    private static func database(_ name: String) -> DataSource {
        DataSource(
            name: name,
            kind: .mysql(
                DatabaseServer(
                    host: "127.0.0.1", port: 3306, database: name, user: "u", password: nil)))
    }
    static func plan(_ step: Step) throws -> ProcedureStep {
        let rules = rules([step])
        let stages = try rules.testStages(try #require(rules.runbook.rollback))
        #expect(stages.map(\.name) == ["Copies", "Preflight", "Only", "Copies removed"])
        return try #require(stages[2].steps.first)
    }
    /// What is missing for a step; empty: nothing.
    static func missing(_ step: Step) -> String {
        let rules = rules([step])
        do {
            _ = try rules.testStages(rules.runbook.rollback ?? RollbackDefinition(to: ""))
            return ""
        } catch {
            #expect(error.rule == "no-stand-in" && !error.remedy.isEmpty)
            return error.why
        }
    }

    static func http(_ url: String, _ method: String = "GET") -> Work {
        .http(
            HTTPRequest(url: .plain(url), method: method), expect: Expectation(),
            keepCookies: false)
    }

    /// Work, and what becomes of it: other work, `skipped`, or what is missing.
    static let kinds: [(Work, Work?, String)] = [
        (.service(.stop, unit: "real-unit"), .service(.stop, unit: "test-unit"), ""),
        (.service(.stop, unit: "other"), nil, "uses unit other"),
        (
            .sql(SQLWork(source: "real-db", statements: ["x"])),
            .sql(SQLWork(source: "test-db", statements: ["x"])), ""
        ),
        (.sql(SQLWork(source: "other-db", statements: ["x"])), nil, "uses data source other-db"),
        (
            .sql(SQLWork(source: "inside", query: "x")),
            .sql(SQLWork(source: "inside", query: "x")),
            ""
        ),
        (.sql(SQLWork(source: "outside", query: "x")), nil, "uses data source outside"),
        (.sql(SQLWork(source: "near", query: "x")), nil, "uses data source near"),
        (
            .redis(source: "real-cache", command: ["PING"], reply: nil),
            .redis(source: "test-cache", command: ["PING"], reply: nil), ""
        ),
        (.redis(source: "cache", command: ["PING"], reply: nil), nil, "uses data source cache"),
        (.restoreDatabase(source: "real-db"), .restoreDatabase(source: "test-db"), ""),
        (.restoreDatabase(source: "other-db"), nil, "uses data source other-db"),
        (http("http://real/x"), http("http://test/x"), ""),
        (http("http://127.0.0.1:5000"), http("http://127.0.0.1:6000"), ""),
        (http("http://127.0.0.1:5000/?a=b"), http("http://127.0.0.1:6000/?a=b"), ""),
        (http("http://127.0.0.1:5000?a=b"), http("http://127.0.0.1:6000?a=b"), ""),
        // The beginning of another host's name, or of another port, is not this one.
        (http("http://127.0.0.1:50001/"), nil, "asks http://127.0.0.1:50001/"),
        (http("http://really.example/"), nil, "asks http://really.example/"),
        (http("http://real.example/"), nil, "asks http://real.example/"),
        (http("http://else/"), nil, "asks http://else/"),
        (.remove(["a", "\(folder)/b"]), .remove(["a", "b"]), ""),
        (.remove(["/etc/passwd"]), nil, "changes /etc/passwd"),
        (.remove(["../other"]), nil, "changes ../other"),
        (.remove(["\(folder)/../x"]), nil, "outside the runbook's folder"),
        (.remove(["\(folder)-other/x"]), nil, "outside the runbook's folder"),
        (
            .edit(EditWork(file: "\(folder)/.env", deleteLines: ["X"])),
            .edit(EditWork(file: ".env", deleteLines: ["X"])), ""
        ),
        (.edit(EditWork(file: "/etc/hosts", deleteLines: ["X"])), nil, "changes /etc/hosts"),
        (
            .restore(.git(revision: "HEAD~1", paths: ["\(folder)/a"])),
            .restore(.git(revision: "HEAD~1", paths: ["a"])), ""
        ),
        (.restore(.copy(folder: "legacy", paths: ["/a"])), nil, "changes /a"),
        (.restore(.archive(file: "/a.tar", paths: ["/a"])), nil, "changes /a"),
        (.run(["./x"], input: nil), nil, "runs a program of which nothing is known"),
        (.shell("x"), nil, "runs a program of which nothing is known"),
        (.probe(probe, within: .seconds(1)), nil, ""),
        (.notify(NotifyWork(roles: [], via: [], title: "", text: "")), nil, ""),
        (.statusPage(status: "", message: ""), nil, ""),
        (.confirm("?"), nil, ""),
        (.fallback("flash", enable: true), nil, ""),
        (.wait(.seconds(1)), .wait(.seconds(1)), ""),
        (.assess, .assess, ""),
        (.backup, .backup, ""),
    ]

    @Test(arguments: kinds.indices)
    func `every kind of step is mapped, left out, or refused by name`(row: Int) throws {
        let (work, expected, why) = Self.kinds[row]
        let step = Step(name: "Step", work: work)
        guard why.isEmpty else {
            #expect(Self.missing(step).contains(why), "\(Self.missing(step))")
            #expect(Self.missing(step).contains("“Step”"))
            return
        }
        #expect(Self.missing(step) == "")
        let planned = try Self.plan(step)
        if let expected {
            #expect(planned.step.work == expected)
            #expect(planned.state == .pending)
            #expect(planned.step.environment.contains { $0.name == "TOCSIN_TEST_MODE" })
        } else {
            #expect(planned.state == .skipped)
            #expect(planned.message.hasPrefix("not in test mode: "))
        }
        // What a step is checked, verified and undone by is mapped as its work is.
        for part in [\Step.check, \.verify, \.undo] {
            var beside = Step(name: "Step", work: .assess)
            beside[keyPath: part] = work
            let planned = try Self.plan(beside)
            if work.needsRunner {
                #expect(planned.step[keyPath: part] == expected)
            } else if planned.step[keyPath: part] != nil {
                #expect(work == .wait(.seconds(1)) || work == .assess, "\(part)")
            }
        }
    }

    @Test func `the runbook's word decides about programs`() throws {
        let run = try Self.plan(
            Step(name: "Step", work: .run(["./x"], input: nil), testMode: .run))
        #expect(run.state == .pending)
        let skip = try Self.plan(Step(name: "Step", work: .shell("x"), testMode: .skip))
        #expect(skip.state == .skipped)
        var service = Step(name: "Step", work: .service(.stop, unit: "other"), testMode: .skip)
        #expect(try Self.plan(service).state == .skipped)
        // Somebody's word that a program may run says nothing of units.
        service.testMode = .run
        #expect(Self.missing(service).contains("uses unit other"))
        let page = Step(name: "Step", work: Self.http("http://else/"), testMode: .run)
        #expect(try Self.plan(page).step.work == page.work)
    }

    @Test func `the word about a step is one about what replaces it and what it opens up`() throws {
        func plan(_ step: Step) throws -> [ProcedureStep] {
            var rules = Self.rules([step])
            rules = Rules(
                SampleRunbook.make { runbook in
                    runbook.rollback = rules.runbook.rollback
                    runbook.playbooks = [
                        Playbook(
                            name: "both",
                            steps: [
                                Step(name: "Plain", work: .run(["./plain"], input: nil)),
                                Step(name: "Own", work: .shell("own"), testMode: .skip),
                            ])
                    ]
                    runbook.actions.append(
                        Action(
                            name: "taken-back", title: "", danger: nil,
                            steps: [
                                Step(
                                    name: "Inner", work: .assess,
                                    undo: .run(["./back"], input: nil), testMode: .run)
                            ]))
                })
            return try rules.testStages(try #require(rules.runbook.rollback))[2].steps
        }
        let instead = Work.run(["./instead"], input: nil)
        var step = Step(
            name: "Or", work: .run(["./x"], input: nil), otherwise: instead, testMode: .run)
        #expect(try plan(step).map(\.state) == [.pending, .pending])
        step.otherwiseTestMode = .skip
        #expect(try plan(step).map(\.state) == [.pending, .skipped])
        // Its own word stands alone, too.
        step = Step(name: "Or", work: .assess, otherwise: instead, otherwiseTestMode: .run)
        #expect(try plan(step).map(\.state) == [.pending, .pending])
        step.otherwiseTestMode = nil
        #expect(Self.missing(step).contains("“Or, otherwise”"))
        step.otherwise = .playbook("both")
        step.otherwiseTestMode = .run
        #expect(try plan(step).map(\.state) == [.pending, .pending, .skipped])
        step = Step(name: "Opens", work: .playbook("both"), testMode: .skip)
        #expect(try plan(step).map(\.state) == [.skipped, .skipped])
        step = Step(name: "Back", work: .undoAction("taken-back"))
        #expect(try plan(step).map(\.state) == [.pending])
    }

    @Test func `a secret address has no stand-in`() {
        let secret = HTTPRequest(url: .secret(.environment("URL")))
        let step = Step(
            name: "Step",
            work: .http(secret, expect: Expectation(), keepCookies: false))
        #expect(Self.missing(step).contains("secret address"))
    }

    @Test func `everything that is missing is named, up to five`() {
        let rules = Self.rules(
            (1...7).map { Step(name: "Step \($0)", work: .service(.stop, unit: "u\($0)")) },
            test: nil)
        do {
            _ = try rules.testStages(rules.runbook.rollback ?? RollbackDefinition(to: ""))
            Issue.record("nothing stands in, and yet it would run")
        } catch {
            for number in 1...5 { #expect(error.why.contains("u\(number)")) }
            #expect(error.why.hasSuffix("and 2 more"))
        }
    }

    @Test func `databases are copied to their stand-ins, each once`() throws {
        let rules = Self.rules(
            ["a", "b"].map {
                Step(name: $0, work: .sql(SQLWork(source: "real-db", statements: [$0])))
            })
        let stages = try rules.testStages(try #require(rules.runbook.rollback))
        guard case .prepareTest(let world) = stages[0].steps[0].step.work else {
            Issue.record("nothing is copied")
            return
        }
        #expect(world.databases == [StandIn(real: "real-db", test: "test-db")])
        #expect(stages.last?.steps[0].step.work == .clearTest(world))
    }

    // MARK: Any runbook

    /// Works that name something real (`real-…` or `/real`), some of which have a stand-in.
    private static func work(_ random: inout SeededRandom) -> Work {
        func one(_ names: [String]) -> String { names.randomElement(using: &random) ?? "" }
        let unit = one(["real-unit", "real-unit", "real-other", "test-unit"])
        let source = one(["real-db", "real-db", "real-gone", "inside", "test-db"])
        let path = one(["a/b", "\(folder)/c", "a", "/real/etc", "../real", "a/../../real"])
        let url = one([
            "http://real/a", "http://real", "http://real.example/", "http://realer/", "http://x/",
        ])
        switch Int.random(in: 0..<14, using: &random) {
        case 0, 1: return .service(.restart, unit: unit)
        case 2, 3: return .sql(SQLWork(source: source, statements: ["x"]))
        case 4: return .redis(source: one(["real-cache", "real-x"]), command: ["X"], reply: nil)
        case 5: return .restoreDatabase(source: source)
        case 6, 7: return http(url)
        case 8: return .remove([path, "b"])
        case 9: return .edit(EditWork(file: path, deleteLines: ["X"]))
        case 10: return .restore(.copy(folder: "old", paths: [path]))
        case 11: return .restore(.git(revision: "HEAD", paths: [path]))
        case 12:
            return .probe(
                ProbeReference(component: "real-c", probe: "p"), within: .seconds(1))
        default: return .statusPage(status: "real-status", message: "")
        }
    }

    @Test(arguments: 1...400)
    func `no real thing is left in the plan of any test`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let steps = (0..<Int.random(in: 1...3, using: &random)).map { number in
            var step = Step(name: "S\(number)", work: Self.work(&random))
            if Bool.random(using: &random) { step.undo = Self.work(&random) }
            if Bool.random(using: &random) { step.check = Self.work(&random) }
            if Int.random(in: 0..<3, using: &random) == 0 { step.verify = Self.work(&random) }
            if Int.random(in: 0..<4, using: &random) == 0 { step.testMode = .skip }
            return step
        }
        let rules = Self.rules(steps)
        guard
            let stages = try? rules.testStages(rules.runbook.rollback ?? RollbackDefinition(to: ""))
        else { return }
        for stage in stages.dropFirst().dropLast() {
            for entry in stage.steps where entry.state != .skipped {
                let words = String(
                    decoding: try JSONEncoder().encode(entry.step), as: UTF8.self)
                #expect(!words.contains("real"), "\(words)")
                #expect(!words.contains("srv"), "\(words)")
            }
        }
        // And the steps that wait for it are performed with nothing else.
        var world = RulesWorld(rules.runbook)
        try world.ask(.rollback(UndoTests.testing))
        for _ in 0..<40 {
            guard world.running != nil else { break }
            #expect(world.situation.procedure?.testMode == true)
            let ends: [StepOutcome.End] = [.succeeded, .unknown, .alreadyDone]
            try world.end(ends.randomElement(using: &random) ?? .failed)
        }
        #expect(world.situation.rollback == nil)
        #expect(world.situation.enabledFallbacks.isEmpty)
        #expect(world.messages.isEmpty, "nobody is told of a test")
    }
}
