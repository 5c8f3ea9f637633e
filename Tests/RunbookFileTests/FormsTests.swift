// Forms of the format that the example does not use.
import Domain
import RunbookFile
import Testing

@Suite struct FormsTests {
    private func book(_ more: String) throws -> Runbook {
        let result = check(small(more))
        #expect(result.problems.map(\.short) == [])
        return try #require(result.runbook)
    }
    private func work(_ yaml: String, _ more: String = "") throws -> Step {
        let steps =
            "actions: { it: { steps: [ { name: n, \(yaml) } ] }, other: { steps: [ { name: w, wait: 1s, undo: { run: [w] } } ] } }\n"
        return try book(steps + more).actions[0].steps[0]
    }
    private static let sources = """
        data_sources:
          lite: { sqlite: { path: /a.db } }
          post: { postgresql: { host: db, database: d, user: u, password: { file: /k } } }
          mem: { redis: { url: { env: SMS_TOKEN } } }

        """

    @Test func `the smallest runbook has the defaults`() throws {
        let book = try book("")
        #expect(book.service == ServiceIdentity(name: "s", title: "s"))
        #expect(book.levels == Runbook.defaultLevels)
        #expect(book.components[0].weight == 1 && !book.components[0].critical)
        #expect(book.components[0].probes[0].schedule == ProbeSchedule())
        #expect(book.recovery == RecoveryDefinition())
        #expect(book.targets == Targets())
        #expect(book.rollback == nil && book.escalation == [])
        #expect(book.backup.to == "/srv/book/storage/emergency_backups")
    }

    @Test func `other data sources`() throws {
        let book = try book(Self.sources)
        #expect(
            book.sources.map(\.kind)
                == [
                    .sqlite(path: "/a.db"),
                    .postgresql(
                        DatabaseServer(
                            host: "db", port: 5432, database: "d", user: "u",
                            password: .secret(.file("/k")))),
                    .redis(url: .secret(.environment("SMS_TOKEN"))),
                ])
    }

    @Test func `a database is reached by its socket, or with TLS`() throws {
        let book = try book(
            """
            data_sources:
              local: { mysql: { socket: run/mysqld.sock, database: d, user: u } }
              far: { postgresql: { host: db, database: d, user: u, tls: verified, tls_ca: ca.pem } }
              near: { mysql: { host: db, port: 3307, database: d, user: u, tls: off } }

            """)
        #expect(
            book.sources.map(\.kind)
                == [
                    .mysql(
                        DatabaseServer(
                            host: "/srv/book/run/mysqld.sock", port: 3306, database: "d", user: "u",
                            password: nil)),
                    .postgresql(
                        DatabaseServer(
                            host: "db", port: 5432, database: "d", user: "u", password: nil,
                            tls: .verified, tlsCA: "/srv/book/ca.pem")),
                    .mysql(
                        DatabaseServer(
                            host: "db", port: 3307, database: "d", user: "u", password: nil,
                            tls: .off)),
                ])
        for (keys, words) in [
            ("database: d, user: u", "host"),
            ("host: h, socket: /s, database: d, user: u", "socket"),
            ("host: h, database: d, user: u, tls: maybe", "when-offered"),
            ("host: h, database: d, user: u, tls_ca: /c", "tls"),
        ] {
            let result = check(small("data_sources: { m: { mysql: { \(keys) } } }\n"))
            #expect(result.problems.contains { $0.short.contains(words) }, "\(keys)")
        }
    }

    @Test func `the names of secret variables are known`() throws {
        let steps =
            "actions: { it: { steps: [ { name: n, run: [x], env: { TOKEN: { env: SMS_TOKEN } } } ] } }\n"
        #expect(try book(Self.sources + steps).secretVariables == ["SMS_TOKEN"])
    }

    @Test func `what cannot be kept, or stands nowhere`() {
        let cases = [
            ("redis: { source: m, command: [PING] }, expect: { keep: { a: b } }", "only `http`"),
            ("edit: { file: f, insert: [ { line: a } ] }", "`after`"),
            ("edit: { file: f, insert: [ { line: a, after: b, before: c } ] }", "`after`"),
        ]
        for (yaml, words) in cases {
            let result = check(
                small(
                    "data_sources: { m: { redis: { url: \"redis://h\" } } }\n"
                        + "actions: { it: { steps: [ { name: n, \(yaml) } ] } }\n"))
            #expect(
                result.problems.contains { $0.message.contains(words) },
                "\(yaml): \(result.problems.map(\.short))")
        }
    }

    @Test func `kinds of work`() throws {
        #expect(try work("shell: 'ls | wc'").work == .shell("ls | wc"))
        #expect(try work("run: [cat], stdin: hello").work == .run(["cat"], input: "hello"))
        #expect(try work("service: { stop: u.service }").work == .service(.stop, unit: "u.service"))
        #expect(
            try work(
                "redis: { source: mem, command: [PING] }, expect: { reply: PONG }", Self.sources
            ).work
                == .redis(source: "mem", command: ["PING"], reply: "PONG"))
        #expect(
            try work("sql: { source: lite, run: DELETE FROM t }", Self.sources).work
                == .sql(SQLWork(source: "lite", statements: ["DELETE FROM t"])))
        #expect(
            try work("sql: { source: lite, query: Q, at_most: 5, at_least: 1 }", Self.sources).work
                == .sql(SQLWork(source: "lite", query: "Q", atLeast: 1, atMost: 5)))
        #expect(
            try work("restore: { from: copy, folder: saved, paths: [a] }").work
                == .restore(.copy(folder: "saved", paths: ["a"])))
        #expect(
            try work("restore: { from: archive, file: a.tar, paths: [a] }").work
                == .restore(.archive(file: "a.tar", paths: ["a"])))
        #expect(
            try work("edit: { file: f, replace: [ { old: a, new: \"\" } ], insert_lines: [b] }")
                .work
                == .edit(
                    EditWork(
                        file: "f", replace: [Replacement(old: "a", new: "")], insertLines: ["b"])))
        #expect(
            try work(
                "edit: { file: f, insert: [ { line: a, after: b }, { line: c, before: d } ] }"
            ).work
                == .edit(
                    EditWork(
                        file: "f",
                        insert: [
                            PlacedLine(line: "a", side: .after, mark: "b"),
                            PlacedLine(line: "c", side: .before, mark: "d"),
                        ])))
        #expect(
            try work("http: { url: \"http://h/\" }, expect: { keep: { csrf: 'c=(.+)' } }").work
                == .http(
                    HTTPRequest(url: .plain("http://h/")),
                    expect: Expectation(keep: [NamedText(name: "csrf", text: "c=(.+)")]),
                    keepCookies: false))
        #expect(try work("wait: 5s").work == .wait(.seconds(5)))
        #expect(try work("confirm: Lights are green").work == .confirm("Lights are green"))
        #expect(
            try work("probe: web.home").work
                == .probe(ProbeReference(component: "web", probe: "home"), within: .seconds(30)))
        #expect(try work("action: other").work == .action("other"))
        #expect(try work("undo_action: other").work == .undoAction("other"))
        let fallbacks =
            "fallbacks: { f: { enable: [ { name: e, wait: 1s } ], disable: [ { name: d, wait: 1s } ] } }\n"
        #expect(try work("fallback: { enable: f }", fallbacks).work == .fallback("f", enable: true))
        #expect(
            try work("fallback: { disable: f }", fallbacks).work == .fallback("f", enable: false))
        #expect(try work("backup: true", "backup: { to: b, files: [a] }\n").work == .backup)
        #expect(
            try work("http: { url: \"http://h/\", body: x }").work
                == .http(
                    HTTPRequest(url: .plain("http://h/"), method: "POST", body: .text("x")),
                    expect: Expectation(), keepCookies: false))
        #expect(
            try work(
                "notify: [a], via: [c], text: t",
                "people: { a: { name: A } }\nchannels: { c: { ntfy: { url: \"http://h/t\" } } }\n"
            ).work
                == .notify(NotifyWork(roles: ["a"], via: ["c"], title: "n", text: "t")))
    }

    @Test func `options of a step`() throws {
        let step = try work(
            """
            run: [x], timeout: 5m, check: { shell: test -f y }, verify: { probe: web.home, within: 5s },
              undo: { run: [z] }, otherwise: { action: other }, repeatable: true, retries: 2, retry_pause: 3s,
              as: www-data, cwd: /srv, env: { A: 1, TOKEN: { env: SMS_TOKEN } }, umask: "0027"
            """)
        let home = ProbeReference(component: "web", probe: "home")
        #expect(
            step
                == Step(
                    name: "n", work: .run(["x"], input: nil), timeout: .minutes(5),
                    check: .shell("test -f y"), verify: .probe(home, within: .seconds(5)),
                    undo: .run(["z"], input: nil), repeatable: true, retries: 2,
                    retryPause: .seconds(3),
                    runAs: "www-data", directory: "/srv",
                    environment: [
                        NamedValue(name: "A", value: .plain("1")),
                        NamedValue(name: "TOKEN", value: .secret(.environment("SMS_TOKEN"))),
                    ], umask: 0o27, otherwise: .action("other")))
    }

    @Test func `what otherwise runs has a word of its own about test mode`() throws {
        let step = try work("wait: 1s, test_mode: skip, otherwise: { run: [y], test_mode: run }")
        #expect(step.testMode == .skip)
        #expect(step.otherwiseTestMode == .run)
        #expect(try work("wait: 1s, otherwise: { run: [y] }").otherwiseTestMode == nil)
        let result = check(
            small(
                "actions: { it: { steps: [ { name: n, wait: 1s, otherwise: { run: [y], "
                    + "test_mode: perhaps } } ] } }\n"))
        #expect(
            result.problems.map(\.short) == [
                "4:82: `test_mode` cannot be `perhaps`; choices: `run`, `skip`"
            ])
    }

    @Test func `probes with a schedule of their own, and tcp in two forms`() throws {
        let result = check(
            """
            version: 1
            service: { name: s }
            probe_defaults: { every: 20s, down_after: 5 }
            components:
              a:
                weight: 0.5
                probes:
                  long:  { tcp: { host: "::1", port: 80 }, every: 1s, timeout: 2s, down_after: 1, up_after: 1 }
                  short: { tcp: "[::1]:81" }
                  load:  { nagios: { run: [plugins/check] }, metrics: { load.one: { perfdata: load1 } } }
                  idle:  { cpu: }
                  any:   { nagios: { run: [check] } }
            gauges:
              - { metric: a.any.thing, good_below: 5 }
              - { metric: a.load.load.one }
              - { metric: a.idle.used }
              - { metric: a.idle.cpu.load1 }
              - { engine: rollback_success_rate }
            """, environment: [:])
        #expect(result.problems.map(\.short) == [])
        let probes = try #require(result.runbook).components[0].probes
        #expect(probes[0].check == .tcp(host: "::1", port: 80))
        #expect(
            probes[0].schedule
                == ProbeSchedule(every: .seconds(1), timeout: .seconds(2), downAfter: 1, upAfter: 1)
        )
        #expect(probes[1].check == .tcp(host: "::1", port: 81))
        #expect(
            probes[1].schedule
                == ProbeSchedule(
                    every: .seconds(20), timeout: .seconds(5), downAfter: 5, upAfter: 2))
        #expect(probes[2].check == .nagios(run: ["/srv/book/plugins/check"]))
        #expect(
            probes[2].metrics == [
                MetricRule(name: "load.one", source: .perfdata("load1"), unit: "")
            ])
        #expect(probes[3].check == .cpu)
        #expect(
            result.runbook?.gauges.map(\.title) == [
                "a.any.thing", "a.load.load.one", "a.idle.used", "a.idle.cpu.load1",
                "Rollback success",
            ])
    }

    @Test func `data of a request keeps its types and order`() throws {
        let step = try work(
            "http: { url: \"http://h/\", json: { z: 1, a: [true, no, null, -1.5, \"2\", 007, +3, x], m: { } } }"
        )
        guard case .http(let request, _, _) = step.work else {
            Issue.record("no request")
            return
        }
        #expect(
            request.body
                == .json(
                    .map([
                        DataField(key: "z", value: .number(1)),
                        DataField(
                            key: "a",
                            value: .list([
                                .bool(true), .text("no"), .null, .number(-1.5), .text("2"),
                                .text("007"),
                                .text("+3"), .text("x"),
                            ])),
                        DataField(key: "m", value: .map([])),
                    ])))
    }

    @Test(arguments: [
        (
            "components: { a: { depends_on: [b], probes: { p: { cpu: {} } } }, b: { depends_on: [c], probes: { p: { cpu: {} } } }, c: { depends_on: [a], probes: { p: { cpu: {} } } } }",
            "`depends_on` of the components goes in a circle: a → b → c → a"
        ),
        (
            "components: { a: { depends_on: [a], probes: { p: { cpu: {} } } } }",
            "`depends_on` of the components goes in a circle: a → a"
        ),
        (
            "roles: { a: { includes: [b] }, b: { includes: [a] } }",
            "`includes` of the roles goes in a circle: a → b → a"
        ),
        (
            "playbooks: { a: { steps: [ { name: n, playbook: b } ] }, b: { steps: [ { name: n, wait: 1s, otherwise: { playbook: a } } ] } }",
            "this runs in a circle: playbook a → playbook b → playbook a"
        ),
        (
            "actions: { a: { steps: [ { name: n, playbook: p } ] } }\nplaybooks: { p: { steps: [ { name: n, action: a } ] } }",
            "this runs in a circle: action a → playbook p → action a"
        ),
        (
            "drills: { a: { drills: [b] }, b: { drills: [a] } }",
            "`drills` of the drills goes in a circle: a → b → a"
        ),
    ])
    func `circles are found`(_ yaml: String, _ message: String) {
        let text =
            yaml.hasPrefix("components") ? "version: 1\nservice: { name: s }\n" + yaml : small(yaml)
        #expect(check(text).problems.map(\.message) == [message])
    }

    @Test func `a long chain is no circle and no danger`() {
        let roles = (0..<5000).map { "  r\($0): { includes: [r\($0 + 1)] }\n" }.joined()
        let text = small("roles:\n" + roles + "  r5000: { members: [\"*\"] }\n")
        #expect(check(text).problems == [])
    }

    @Test func `what would do nothing is a warning where it may be meant`() throws {
        let stages = ["a", "b", "c", "d", "e", "f", "g"].map { "{ name: \($0), steps: [] }" }
            .joined(separator: ", ")
        let result = check(
            small(
                """
                roles: { r: { members: ["*"] } }
                rollback: { to: old, authorization: { planned: { needs: { r: 2 } } }, stages: [\(stages)] }
                recovery: { plans: { never: { manual: [Pray] } } }
                escalation: { 1: [ { after: 1s, ticket: true } ] }
                playbooks: { p: { steps: [ { name: n, status_page: { status: a, message: b } } ] } }
                """))
        #expect(result.runbook != nil)
        #expect(result.problems.allSatisfy { $0.severity == .warning })
        #expect(
            result.problems.map(\.message) == [
                "the backup before the rollback saves nothing: there is no `backup:`",
                "this stage does nothing",
                "this stage does nothing", "this stage does nothing", "this stage does nothing",
                "this stage does nothing", "this stage does nothing", "this stage does nothing",
                "no trigger has the failure `never`, so this plan is never used",
                "no ticket can be opened: there is no `tickets:`",
                "no status page can be updated: there is no top-level `status_page:`",
            ])
    }
}
