// How emergencies reach people, in the runbook: every form, and every mistake with its place.
import Domain
import RunbookFile
import Testing

@Suite struct OutreachTests {
    private func book(_ more: String) throws -> Runbook {
        let result = check(small(more))
        #expect(result.problems.map(\.short) == [])
        return try #require(result.runbook)
    }
    private static let fallbacks = """
        fallbacks:
          flash: { enable: [ { name: e, wait: 1s } ], disable: [ { name: d, wait: 1s } ] }
          cast: { enable: [ { name: e, wait: 1s } ], disable: [ { name: d, wait: 1s } ] }

        """

    // MARK: Forms

    @Test func `a level names the fallbacks that it enables`() throws {
        let book = try book(Self.fallbacks + "levels: { 2: { fallbacks: [cast, flash] } }")
        #expect(book.levels.map(\.fallbacks) == [[], ["cast", "flash"], [], []])
        #expect(book.levels[1].name == "High" && book.levels[1].respondWithin == .minutes(15))
    }

    @Test func `a step tells by every channel`() throws {
        let book = try book(
            """
            people: { a: { name: A, email: a@h } }
            channels: { mail: { email: { server: "smtp://h", from: t@h, ca: ca.pem } }, push: { ntfy: { url: "http://h/t" } } }
            escalation:
              2:
                - { after: 0s, notify: [a], via: [mail, push], every_channel: true }
                - { after: 1m, notify: [a], via: [mail, push], every_channel: false }
            """)
        #expect(book.escalation[0].steps.map(\.everyChannel) == [true, false])
        guard case .email(let mail) = book.channels[0].kind else {
            Issue.record("no email channel")
            return
        }
        #expect(mail.ca == "/srv/book/ca.pem")
    }

    @Test func `a status page of Statuspage`() throws {
        let least = try book("status_page: { statuspage: { page: p1, token: { file: key } } }")
        #expect(
            least.statusPage
                == .statuspage(
                    StatuspageAccount(page: "p1", token: .secret(.file("/srv/book/key")))))
        let most = try book(
            """
            status_page:
              statuspage: { page: 0123, token: { env: SMS_TOKEN }, components: [c1, 2], url: "http://127.0.0.1:1" }
            """)
        #expect(
            most.statusPage
                == .statuspage(
                    StatuspageAccount(
                        page: "0123", token: .secret(.environment("SMS_TOKEN")),
                        components: ["c1", "2"], url: "http://127.0.0.1:1")))
    }

    @Test func `tickets say where their number is, and log in`() throws {
        let book = try book(
            """
            tickets:
              http: { url: "http://h/t", json: { title: "{{title}}" }, login: { user: me, password: { env: SMS_TOKEN } } }
              number: $.issue.key
            """)
        #expect(
            book.tickets
                == TicketSystem(
                    request: HTTPRequest(
                        url: .plain("http://h/t"), method: "POST",
                        body: .json(
                            .map([DataField(key: "title", value: .text("{{title}}"))])),
                        login: HTTPLogin(
                            user: .plain("me"), password: .secret(.environment("SMS_TOKEN")))),
                    number: "$.issue.key"))
        let plain = try self.book("tickets: { http: { url: \"http://h/t\", body: x } }")
        #expect(plain.tickets?.number == nil && plain.tickets?.request.login == nil)
    }

    @Test func `alerts, and the triggers that they make`() throws {
        let book = try book(
            """
            triggers:
              worse:   { when: reported worse, level: 1, failure: worse_failure }
              milder:  { when: reported milder, for: 5m, level: 3, failure: milder_failure }
              partly:  { when: reported partly and component web down, level: 1, failure: f }
            recovery: { plans: { twice: { manual: [Look] } } }
            alerts:
              listen: "0.0.0.0:9095"
              token: { env: SMS_TOKEN }
              from: [prometheus, "www-data"]
              rules:
                - { match: { alertname: Down, severity: "critical|page", "a.b/c": 1 }, problem: twice, level: 3 }
                - { match: { alertname: "Do.*" }, problem: twice, level: 2 }
                - { match: { alertname: A }, problem: worse, level: 2 }
                - { match: { alertname: B }, problem: milder, level: 2 }
                - { match: { alertname: C }, problem: partly, level: 4 }
                - { match: { alertname: D }, problem: milder }
            """)
        let alerts = try #require(book.alerts)
        #expect(alerts.listen == "0.0.0.0:9095")
        #expect(alerts.token == .secret(.environment("SMS_TOKEN")))
        #expect(alerts.from == ["prometheus", "www-data"])
        #expect(
            alerts.rules[0]
                == AlertRule(
                    match: [
                        NamedText(name: "alertname", text: "Down"),
                        NamedText(name: "severity", text: "critical|page"),
                        NamedText(name: "a.b/c", text: "1"),
                    ], problem: "twice", level: .medium))
        #expect(alerts.rules.map(\.level) == [.medium, .high, .high, .high, .low, nil])
        func made(_ problem: String, _ level: Level, _ failure: String) -> Trigger {
            Trigger(
                name: "alert-\(problem)",
                when: Condition(text: "reported \(problem)", expression: .reported(problem)),
                holds: .zero, level: level, failure: failure)
        }
        #expect(book.triggers.prefix(3).map(\.name) == ["worse", "milder", "partly"])
        #expect(
            Array(book.triggers.dropFirst(3)) == [
                made("twice", .high, "twice"), made("milder", .high, "milder_failure"),
                made("partly", .low, "partly"),
            ])
        for trigger in book.triggers.dropFirst(3) {
            #expect(try Condition.parse(trigger.when.text) == trigger.when)
        }
    }

    @Test func `a listener that only this machine reaches needs no token`() throws {
        for listen in ["127.0.0.1:1", "127.1.2.3:9095", "localhost:80", "[::1]:80"] {
            let book = try book(
                "alerts: { listen: \"\(listen)\", rules: [ { match: { a: b }, problem: p, level: 1 } ] }"
            )
            #expect(book.alerts?.listen == listen && book.alerts?.token == nil)
        }
    }

    @Test func `a rule of the rollback asks for a problem too`() throws {
        let result = check(
            small(
                """
                roles: { r: { members: ["*"] } }
                backup: { to: b, files: [a] }
                rollback: { to: old, when: { x: { when: reported p } }, authorization: { planned: { needs: { r: 1 } } }, stages: [\(["a", "b", "c", "d", "e", "f", "g"].map { "{ name: \($0), steps: [ { name: n, wait: 1s } ] }" }.joined(separator: ", "))] }
                alerts: { rules: [ { match: { a: b }, problem: p } ] }
                """))
        #expect(result.problems.map(\.short) == [])
    }

    @Test func `one of several who can be reached is enough`() throws {
        let result = check(
            small(
                """
                people: { a: { name: A, sms: "1" }, b: { name: B, email: b@h }, c: { name: C } }
                roles: { all: { members: [a, "*"] }, more: { includes: [all] }, none: { members: [c] } }
                channels: { mail: { email: { server: "smtp://h", from: t@h } }, text: { sms: { url: "http://h" } }, push: { ntfy: { url: "http://h/t" } } }
                on_call: [ { role: none, rotate: daily, from: 2026-01-05T09:00:00Z, order: [b] } ]
                escalation:
                  1:
                    - { after: 0s, notify: [more, c], via: [text] }
                    - { after: 0s, notify: [c], via: [mail, push] }
                    - { after: 0s, notify: [none], via: [mail] }
                """))
        #expect(result.runbook != nil && result.problems.allSatisfy { $0.severity == .warning })
    }

    @Test func `whom a step does not reach is a warning, for each person of it`() throws {
        let result = check(
            small(
                """
                people: { a: { name: A, email: a@h }, b: { name: B, sms: "1" }, c: { name: C } }
                roles: { r: { members: [a, b, "*"] }, all: { includes: [r], members: [c] } }
                channels: { mail: { email: { server: "smtp://h", from: t@h } }, push: { ntfy: { url: "http://h/t" } } }
                escalation:
                  1: [ { after: 0s, notify: [all], via: [mail] } ]
                  2: [ { after: 0s, notify: [all], via: [mail, push] } ]
                  3: [ { after: 0s, notify: [a], via: [mail] } ]
                """))
        #expect(result.runbook != nil)
        #expect(
            result.problems.map(\.short)
                == ["c", "b"].map {
                    "8:30: warning: this step does not reach `\($0)`, who has no `email:`; "
                        + "add it under people:, or another channel to `via`"
                })
    }

    // MARK: Mistakes

    // What stands after the smallest runbook (from line 4 on), and the only problem that is reported.
    @Test(arguments: [
        (
            "levels: { 1: { fallbacks: [flush] } }\n" + Self.fallbacks,
            "4:28: no fallback is called `flush`; did you mean `flash`?"
        ),
        (
            "levels: { 1: { fallback: [flash] } }\n" + Self.fallbacks,
            "4:16: unknown key `fallback` in a level; did you mean `fallbacks`?"
        ),
        (
            "levels: { 1: { fallbacks: [flash, flash] } }\n" + Self.fallbacks,
            "4:35: `flash` is twice in `fallbacks`; keep one of them"
        ),
        (
            "escalation: { 4: [ { after: 0s, ticket: true, every_channel: true } ] }\ntickets: { http: { url: \"http://h\" } }",
            "4:47: `every_channel` goes with `notify`, and there is none here"
        ),
        (
            Self.people
                + "escalation: { 1: [ { after: 0s, notify: [a], via: [mail], every_chanel: true } ] }",
            "6:59: unknown key `every_chanel` in an escalation step; did you mean `every_channel`?"
        ),
        (
            Self.people
                + "escalation: { 1: [ { after: 0s, notify: [a], via: [mail], every_channel: yes } ] }",
            "6:74: `every_channel` must be true or false, not `yes`; write `true`"
        ),
        (
            "status_page: { http: { url: \"http://h\" }, statuspage: { page: p, token: { file: k } } }",
            "4:43: `statuspage` and `http` do not go together in `status_page`; keep one of them"
        ),
        ("status_page: {}", "4:14: `status_page` needs one of `http`, `statuspage`"),
        (
            "status_page: { statuspage: { page: p, token: abc } }",
            "4:46: `token` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
        ),
        (
            "status_page: { statuspage: { page: p } }",
            "4:28: `statuspage` needs the key `token`; the key of the API"
        ),
        (
            "status_page: { statuspage: { page: p, token: { file: k }, components: [] } }",
            "4:71: `components` is an empty list, so nothing would happen; add an item or delete it"
        ),
        (
            "tickets: { http: { url: \"http://h\" }, number: id }",
            "4:47: `number` is not a JSON path: `id`; such as $.queue.length or $.items[0].n"
        ),
        (
            "tickets: { http: { url: \"http://h\", login: { user: \"a:b\", password: { file: k } } } }",
            "4:52: the user of a `login` must not hold a colon; Basic authentication parts the user from the password by it"
        ),
        (
            "tickets: { http: { url: \"http://h\", login: { user: a, password: geheim } } }",
            "4:65: `password` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
        ),
        (
            "tickets: { http: { url: \"http://h\", login: { user: a } } }",
            "4:44: `login` needs the key `password`; where the password is to be found"
        ),
        (
            "tickets: { http: { url: \"http://h\", header: { authorization: { file: k } }, login: { user: a, password: { file: k } } } }",
            "4:47: `login` and the header `authorization` do not go together; keep one of them"
        ),
        (
            "channels: { mail: { email: { server: \"smtp://h\", from: t@h, ca: ~/ca.pem } } }",
            "4:65: `ca` begins with `~`, which means nothing here; write ${HOME}"
        ),
        (
            "alerts: { listen: \"0.0.0.0:9095\", rules: [ { match: { a: b }, problem: p, level: 1 } ] }",
            "4:19: other machines can send alerts to `0.0.0.0:9095`; add a `token`, or listen on 127.0.0.1"
        ),
        (
            "alerts: { listen: \"127.evil.example:1\", rules: [ { match: { a: b }, problem: p, level: 1 } ] }",
            "4:19: other machines can send alerts to `127.evil.example:1`; add a `token`, or listen on 127.0.0.1"
        ),
        (
            "alerts: { listen: 9095, rules: [ { match: { a: b }, problem: p, level: 1 } ] }",
            "4:19: `listen` is not an address: `9095`; write \"host:port\", a port is 1–65535"
        ),
        (
            "alerts: { token: { file: k }, rules: [ { match: { a: b }, problem: p, level: 1 } ] }",
            "4:11: `token` needs `listen` beside it"
        ),
        (
            "alerts: { rules: [ { match: { a: \"b(\" }, problem: p, level: 1 } ] }",
            "4:34: `a` is not a regular expression: `b(`; expected ')'"
        ),
        (
            "alerts: { rules: [ { match: {}, problem: p, level: 1 } ] }",
            "4:29: `match` is empty, so nothing would happen; add a label or delete it"
        ),
        (
            "alerts: { rules: [ { match: { \"a b\": c }, problem: p, level: 1 } ] }",
            "4:31: `a b` cannot be the name of a label; labels are such as alertname or severity"
        ),
        (
            "alerts: { rules: [] }",
            "4:18: `rules` is an empty list, so nothing would happen; add an item or delete it"
        ),
        (
            "alerts: { from: [x] }",
            "4:9: `alerts` needs the key `rules`; the first one that matches an alert decides"
        ),
        (
            "alerts: { rules: [ { match: { a: b }, problem: p, level: 5 } ] }",
            "4:58: `level` must be from 1 to 4, not 5"
        ),
        (
            "alerts: { rules: [ { mach: { a: b }, problem: p, level: 1 } ] }",
            "4:22: unknown key `mach` in an alert rule; did you mean `match`?"
        ),
        (
            "alerts: { rules: [ { match: { a: b }, problem: p } ] }",
            "4:48: nothing asks for `reported p`, so nothing would happen; add a `level`, or a trigger with `when: reported p`"
        ),
        (
            "alerts: { rules: [ { match: { a: b }, problem: securty } ] }\ntriggers: { s: { when: reported security, level: 1, failure: f } }",
            "4:48: nothing asks for `reported securty`, so nothing would happen; did you mean `security`?"
        ),
        (
            "alerts: { rules: [ { match: { a: b }, problem: p, level: 1 } ] }\ntriggers: { alert-p: { when: component web down, level: 1, failure: f } }",
            "5:13: the trigger `alert-p` is one that `alerts:` makes by itself; rename this one, or delete the `level` of the alert rule"
        ),
        // A condition that cannot be read is the mistake, not what it would have asked for.
        (
            "alerts: { rules: [ { match: { a: b }, problem: p } ] }\ntriggers: { s: { when: reported, level: 1, failure: f } }",
            "5:32: `when`: expected a name after `reported`, as in `reported security …`, found the end"
        ),
        (
            Self.people
                + "escalation: { 1: [ { after: 0s, notify: [b], via: [mail] } ] }",
            "6:51: nobody is reached: none of those in `notify` has `email:`; give them `email:` under people:, or add another channel"
        ),
        (
            Self.people
                + "roles: { r: { members: [b, \"*\"] } }\nescalation: { 1: [ { after: 0s, notify: [r], via: [mail, text] } ] }",
            "7:51: nobody is reached: none of those in `notify` has `email:` or `sms:`; give them `email:` or `sms:` under people:, or add another channel"
        ),
        (
            Self.people
                + "roles: { r: { members: [\"*\"] } }\nescalation: { 1: [ { after: 0s, notify: [r], via: [mail] } ] }",
            "7:51: nobody is told: `notify` names nobody in particular; name people, or roles that have them as members"
        ),
        (
            Self.people
                + "escalation: { 1: [ { after: 0s, notify: [a], via: [mail, users] } ] }",
            "6:58: `users` reaches the people who use the service; name a channel that reaches those who look after it"
        ),
        (
            Self.people
                + "playbooks: { p: { steps: [ { name: n, notify: [a], via: [users], text: t } ] } }",
            "6:58: `users` reaches the people who use the service; name a channel that reaches those who look after it"
        ),
        (
            "channels: { tickets: { ntfy: { url: \"http://h/t\" } } }",
            "4:13: no channel can be called `tickets`; this name stands for the top-level `tickets:`"
        ),
        (
            "channels: { status_page: { ntfy: { url: \"http://h/t\" } } }",
            "4:13: no channel can be called `status_page`; this name stands for the top-level `status_page:`"
        ),
        (
            "channels: { local-webhook-1: { ntfy: { url: \"http://h/t\" } } }",
            "4:13: no channel can be called `local-webhook-1`; such names stand for the addresses of alerts.local.yaml"
        ),
        (
            "people: { local-mail-1: { name: A } }",
            "4:11: no person can be called `local-mail-1`; such names stand for the addresses of alerts.local.yaml"
        ),
    ])
    func `is reported once, at its place`(_ more: String, _ expected: String) {
        #expect(check(small(more)).problems.map(\.short).joined(separator: " | ") == expected)
    }
    private static let people = """
        people: { a: { name: A, email: a@h }, b: { name: B } }
        channels: { mail: { email: { server: "smtp://h", from: t@h } }, text: { sms: { url: "http://h" } }, users: { ntfy: { url: "http://h/t" } } }

        """
}
