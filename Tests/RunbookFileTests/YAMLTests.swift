// YAML itself: aliases, merges, duplicates, limits, the environment, and text that is no YAML.
import Domain
import RunbookFile
import Testing

@Suite struct YAMLTests {
    private func problems(_ text: String, environment: [String: String] = [:]) -> [String] {
        check(text, environment: environment).problems.map(\.short)
    }

    @Test func `aliases and merge keys are followed`() throws {
        let result = check(
            """
            version: 1
            service: { name: s }
            probe_defaults: &slow { every: 1m, timeout: 9s }
            components:
              a:
                probes:
                  one: &one { tcp: "127.0.0.1:80", <<: *slow }
                  two: { <<: *one, every: 2m }
              b:
                probes: { three: *one, four: { <<: [ { every: 3m }, *one ] } }
            pages: [&page "http://h/a*b", *page]
            """)
        #expect(result.problems.map(\.short) == [])
        let book = try #require(result.runbook)
        let probes = book.components.flatMap(\.probes)
        #expect(probes.map(\.schedule.every.seconds) == [60, 120, 60, 180])
        #expect(probes.map(\.schedule.timeout.seconds) == [9, 9, 9, 9])
        #expect(probes.allSatisfy { $0.check == .tcp(host: "127.0.0.1", port: 80) })
        #expect(book.pages == ["http://h/a*b", "http://h/a*b"])
    }

    @Test func `a mistake below an anchor is reported once`() {
        #expect(
            problems(
                """
                version: 1
                service: { name: s }
                components:
                  a: { probes: { one: &one { tcp: "127.0.0.1" }, two: *one, three: *one } }
                """) == [
                    "4:35: `tcp` is not an address: `127.0.0.1`; write \"host:port\", a port is 1–65535"
                ])
    }

    @Test func `aliases that name nothing are reported`() {
        #expect(
            problems(small("pages: *pages\nreviews: [*a]\n")) == [
                "4:8: no anchor `&pages` stands before the alias `*pages`; put a text that starts with * in quotes",
                "5:11: no anchor `&a` stands before the alias `*a`; put a text that starts with * in quotes",
            ])
        #expect(problems(small("pages: &a [*a]\n")).first?.contains("no anchor `&a`") == true)
        #expect(
            problems(small("<<: 5\n")) == [
                "4:5: `<<` takes a map or a list of maps; such as `<<: *name`"
            ])
    }

    @Test func `stars in texts stay`() throws {
        let result = check(
            small(
                """
                checklists:
                  c:
                    - text: a *b* c
                    - text: "*d"
                    - { text: 2 * 3*x }
                    - text: >-
                        *e
                        f
                """))
        #expect(result.problems.map(\.short) == [])
        #expect(
            result.runbook?.checklists.first?.items.map(\.text) == [
                "a *b* c", "*d", "2 * 3*x", "*e f",
            ])
    }

    @Test func `a billion laughs are refused at once`() {
        var text = small("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
        for level in 1...30 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(
            problems(text).contains { $0.contains("aliases make this more than 1000000 values") })
        // The same as a key, which Yams would have to hash.
        #expect(!problems(text + "? *a30\n: x\n").isEmpty)
        #expect(!problems(text + "{ *a30 : x }\n").isEmpty)
        // And where the runbook looks.
        #expect(!problems(text + "pages: *a20\n").isEmpty)
    }

    @Test func `deep nesting is refused`() {
        for depth in [100, 900, 5000, 200_000] {
            let list = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            #expect(!problems(small("pages: " + list)).isEmpty)
            #expect(!problems(small("pages: " + String(repeating: "[", count: depth))).isEmpty)
            #expect(!problems(small("x: " + String(repeating: "{a: ", count: depth))).isEmpty)
            #expect(
                !problems(small("x:\n" + String(repeating: "- ", count: min(depth, 5000)))).isEmpty)
        }
        #expect(
            problems(
                small(
                    "pages: " + String(repeating: "[", count: 64)
                        + String(repeating: "]", count: 64))
            )
            .contains("4:71: lists and maps are nested more than 64 deep"))
    }

    @Test func `every duplicate key is reported`() {
        #expect(
            problems(
                """
                version: 1
                version: 1
                service: { name: s, "name": t, 'name': u }
                components:
                  a: { probes: { one: { tcp: "127.0.0.1:80", tcp: "127.0.0.1:81" } } }
                  a: { probes: { one: { tcp: "127.0.0.1:80" } } }
                "service": { name: s }
                """) == [
                    "2:1: the key `version` is given twice (first in line 1); keep one of them",
                    "3:21: the key `name` is given twice (first in line 3); keep one of them",
                    "3:32: the key `name` is given twice (first in line 3); keep one of them",
                    "5:46: the key `tcp` is given twice (first in line 5); keep one of them",
                    "6:3: the key `a` is given twice (first in line 5); keep one of them",
                    "7:1: the key `service` is given twice (first in line 3); keep one of them",
                ])
        let many = (0..<100).map { "  - { name: n\($0), name: x, due: 1d }\n" }.joined()
        #expect(
            problems(small("reviews:\n" + many)).contains {
                $0.contains("the key `name` is given twice")
            })
        #expect(!problems(small("? [a, b]\n: 1\n? [a, b]\n: 2\n")).isEmpty)
        #expect(!problems(small("'': 1\n'': 2\n")).isEmpty)
    }

    @Test(arguments: [
        (
            "a: [1\n",
            "5:1: this is not valid YAML: did not find expected ',' or ']', while parsing a flow sequence (line 4)"
        ),
        (
            "a: 'x\n",
            "5:1: this is not valid YAML: found unexpected end of stream, while scanning a quoted scalar (line 4)"
        ),
        (
            "pages:\n\t- x\n",
            "5:1: this is not valid YAML: found character that cannot start any token, while scanning for the next token (line 5); indent with spaces, not with tabs"
        ),
        (
            "a: b: c\n",
            "4:5: this is not valid YAML: mapping values are not allowed in this context; put a text with a colon in quotes, or indent the key as its neighbours"
        ),
        (
            "roles: { v: { members: [*] } }\n",
            "4:26: this is not valid YAML: did not find expected alphabetic or numeric character, while scanning an alias (line 4); put a text that starts with * or & in quotes"
        ),
        (
            "---\nb: 1\n",
            "4:1: this is not valid YAML: but found another document, expected a single document in the stream (line 1); a runbook is one document: delete the line `---`"
        ),
        (
            "reviews: [ { name: ${A}, due: 1d } ]\n",
            "4:21: this is not valid YAML: did not find expected ',' or '}', while parsing a flow mapping (line 4); put a text with ${…} in quotes"
        ),
        (
            "a: @x\n",
            "4:4: this is not valid YAML: found character that cannot start any token, while scanning for the next token (line 4); put a text that starts with % @ or ` in quotes"
        ),
        ("pages: !mine []\n", "4:8: the tag `!mine` means nothing in a runbook; delete it"),
        ("[a]: 1\n", "4:1: a key is a text, not a list or a map"),
        (
            "reviews: [ { name: \"a\u{7}\", due: 1d } ]\n",
            "4:22: the character U+0007 does not belong in a runbook; delete it"
        ),
        (
            "reviews: [ { name: \"a\\u0007\", due: 1d } ]\n",
            "4:20: `name` must not hold the control character `␇`"
        ),
        ("reviews: [ { name: \"a\\nb\", due: 1d } ]\n", "4:20: `name` must not hold a line break"),
        ("# \u{10FFFF}\n", "4:3: the character U+10FFFF does not belong in a runbook; delete it"),
    ])
    func `what is no YAML is said with its place`(_ more: String, _ expected: String) {
        #expect(problems(small(more)) == [expected])
    }

    @Test func `a runbook is a map`() {
        #expect(problems("- a\n").first?.hasPrefix("1:1: the runbook must be a map") == true)
        #expect(problems("hello").first?.hasPrefix("1:1: the runbook must be a map") == true)
        #expect(problems("") == ["1:1: the runbook is empty; `tocsin init` writes a first one"])
        #expect(
            problems("---\n") == ["1:1: the runbook is empty; `tocsin init` writes a first one"])
    }

    // MARK: The environment

    @Test func `the environment fills any value`() throws {
        let text = """
            version: ${VERSION}
            service: { name: "${NAME}", title: "a ${NAME} costs 5$$ and $5 or $${NAME}" }
            probe_defaults: { every: "${EVERY}", down_after: "${COUNT}" }
            components: { web: { critical: "${YES}", probes: { home: { tcp: "${HOST}:80" } } } }
            """
        let result = check(
            text,
            environment: [
                "VERSION": "1", "NAME": "x-y", "EVERY": "7s", "COUNT": "4", "YES": "true",
                "HOST": "127.0.0.1",
            ])
        #expect(result.problems.map(\.short) == [])
        let book = try #require(result.runbook)
        #expect(book.service.name == "x-y")
        #expect(book.service.title == "a x-y costs 5$ and $5 or ${NAME}")
        let probe = try #require(book.components.first?.probes.first)
        #expect(probe.schedule.every == .seconds(7) && probe.schedule.downAfter == 4)
        #expect(probe.check == .tcp(host: "127.0.0.1", port: 80))
        #expect(book.components.first?.critical == true)
    }

    @Test func `a variable that is not set is an error at its place`() {
        #expect(
            problems(small("pages: [\"http://${HOST}/\", \"http://h/${}\", \"http://h/${A\"]\n"))
                == [
                    "4:17: the environment variable `HOST` is not set; set it, or write `$${HOST}` for the text itself",
                    "4:38: `${` must be followed by the name of an environment variable and `}`; write `$${` for a dollar and a brace",
                    "4:54: `${` must be followed by the name of an environment variable and `}`; write `$${` for a dollar and a brace",
                ])
    }

    @Test func `what the environment fills in is checked like the rest`() {
        #expect(
            problems(small("pages: [\"${URL}\"]\n"), environment: ["URL": "x"]) == [
                "4:9: an item of `pages` is not a URL: `x`; it begins with http://"
            ])
        #expect(
            problems(
                small("reviews: [{ name: \"${N}\", due: 1d }]\n"), environment: ["N": "a\u{1b}[2J"])
                == [
                    "4:19: `name` must not hold the control character `␛`"
                ])
        #expect(
            problems(
                small("channels: { c: { ntfy: { url: \"http://h/\", token: \"${T}\" } } }\n"),
                environment: ["T": "secret"]) == [
                    "4:51: `token` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
                ])
    }

    @Test func `a secret in the environment of a step is refused, a path to one is not`() {
        let step =
            "actions: { a: { steps: [ { name: x, run: [x], env: { DB_PASSWORD: a, PASSWORD_FILE: /b } } ] } }\n"
        #expect(
            problems(small(step)) == [
                "4:67: `DB_PASSWORD` is a secret and must not be written in the runbook; write `{ env: NAME }` or `{ file: PATH }`"
            ])
    }

    @Test func `names in double braces stay for later`() throws {
        let book = try #require(
            check(
                small(
                    "actions: { a: { steps: [ { name: x, run: [echo, \"{{reason}} ${A}\"] } ] } }\n"
                ),
                environment: ["A": "{{service}}"]
            ).runbook)
        #expect(
            book.actions[0].steps[0].work == .run(["echo", "{{reason}} {{service}}"], input: nil))
    }
}
