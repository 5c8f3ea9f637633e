// What a step fills in, and what in a step can never be as it says.
import Domain
import RunbookFile
import Testing

@Suite struct StepTextTests {
    /// The problems of a runbook with an action of this step (in line 4).
    private func problems(_ step: String, _ more: String = "") -> [String] {
        check(
            small(
                "actions: { it: { steps: [ { name: n, \(step) } ] } }\n"
                    + "data_sources: { m: { redis: { url: \"redis://h\" } }, lite: { sqlite: { path: /a.db } } }\n"
                    + more + "\n")
        ).problems.map(\.short)
    }
    private static let known =
        "what can be filled in: `run_dir`, `service`, `title`, `procedure`, `emergency`, `reason`, "
        + "`started_by`, `backup`"

    @Test(arguments: [
        ("run: [x, \"{{nonsense}}\"]", 47), ("run: [x], stdin: \"a {{nonsense}}\"", 55),
        ("run: [x], env: { A: \"{{nonsense}}\" }", 58),
        ("remove: [\"{{nonsense}}/a\"]", 47),
        ("restore: { from: git, revision: \"{{nonsense}}\", paths: [a] }", 70),
        ("edit: { file: f, replace: [ { old: a, new: \"{{nonsense}}\" } ] }", 81),
        ("sql: { source: lite, run: \"DELETE FROM t WHERE a = {{nonsense}}\" }", 64),
        ("redis: { source: m, command: [GET, \"{{nonsense}}\"] }", 73),
        ("http: { url: \"http://h/{{nonsense}}\" }", 51),
        ("http: { url: \"http://h/\", json: { a: [\"{{nonsense}}\"] } }", 76),
        ("run: [x], undo: { run: [y, \"{{nonsense}}\"] }", 65),
        ("run: [x], check: { run: [y, \"{{nonsense}}\"] }", 66),
        ("run: [x], otherwise: { run: [y, \"{{nonsense}}\"] }", 70),
    ])
    func `a name that nothing fills in`(_ step: String, _ column: Int) {
        #expect(
            problems(step) == ["4:\(column): nothing fills in `{{nonsense}}`; " + Self.known])
    }

    @Test func `the names that there are, and braces that are none`() {
        let names = StepNames.all.map { "\"{{\($0)}} {{ \($0) }}\"" }.joined(separator: ", ")
        #expect(problems("run: [x, \(names), \"{{}}\", \"{{a b}}\", \"{n}\", \"{{\"]") == [])
        #expect(
            problems("run: [x, \"{{reson}}\"]")
                == ["4:47: nothing fills in `{{reson}}`; did you mean `reason`?"])
        // What people read is not filled in.
        #expect(problems("confirm: \"{{nonsense}} is seen\"") == [])
    }

    @Test func `what a request keeps can be filled into requests, and nowhere else`() {
        let keeping =
            "playbooks: { p: { steps: [ { name: n, http: { url: \"http://h/\" }, "
            + "expect: { keep: { csrf: 'c=(.+)' } } } ] } }"
        #expect(problems("http: { url: \"http://h/?t={{csrf}}\" }", keeping) == [])
        #expect(
            problems("run: [x, \"{{csrf}}\"]", keeping)
                == ["4:47: nothing fills in `{{csrf}}`; " + Self.known])
    }

    @Test(arguments: [
        ("actions: { a: { steps: [ { name: n, run: [\"\"] } ] } }", "6:43", "run"),
        ("actions: { a: { steps: [ { name: n, run: [\" \", b] } ] } }", "6:43", "run"),
        (
            "actions: { a: { steps: [ { name: n, redis: { source: m, command: [\"\"] } } ] } }",
            "6:67", "command"
        ),
        ("units: { u: { start: [\"\"], stop: [x] } }", "6:23", "start"),
        ("channels: { c: { command: { run: [\"\"] } } }", "6:35", "run"),
    ])
    func `a program without a name`(_ more: String, _ place: String, _ key: String) {
        let found = check(
            small(
                "pages: []\ndata_sources: { m: { redis: { url: \"redis://h\" } } }\n" + more + "\n")
        )
        #expect(
            found.problems.map(\.short) == [
                "\(place): the first item of `\(key)` is empty, so there is nothing to run; "
                    + "it is the program or the command; its arguments follow"
            ])
    }

    @Test func `arguments may be empty`() {
        #expect(problems("run: [x, \"\"]") == [])
    }

    @Test func `a range that holds nothing`() {
        #expect(
            problems(
                "wait: 1s, verify: { sql: { source: lite, query: Q, at_least: 5, at_most: 1.5 } }")
                == [
                    "4:102: nothing is at least 5 and at most 1.5; exchange them, or leave one out"
                ])
        #expect(problems("sql: { source: lite, query: Q, at_least: 5, at_most: 5 }") == [])
    }

    @Test func `an action that cannot be taken back`() {
        let more = "playbooks: { p: { steps: [ { name: n, undo_action: it } ] } }"
        #expect(
            problems("remove: [a]", more) == [
                "6:52: no step of the action `it` has an `undo`, so nothing would happen; "
                    + "add `undo` to its steps"
            ])
        #expect(problems("run: [a], undo: { run: [b] }", more) == [])
    }

    @Test func `a stand-in for a unit that nothing uses is a warning`() {
        let stages = ["a", "b", "c", "d", "e", "f", "g"].map {
            "{ name: \($0), steps: [ { name: s, service: { stop: web } } ] }"
        }.joined(separator: ", ")
        let more = """
            roles: { r: { members: ["*"] } }
            backup: { to: b, files: [a] }
            rollback:
              to: old
              authorization: { planned: { needs: { r: 1 } } }
              stages: [ \(stages) ]
              test: { units: { web: web-test, wbe: web-test } }
            """
        #expect(
            problems("wait: 1s", more) == [
                "12:35: warning: no step starts or stops the unit `wbe`; did you mean `web`?"
            ])
    }
}
