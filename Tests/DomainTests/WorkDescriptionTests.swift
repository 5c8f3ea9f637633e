// What a step's work is called in plans: as it would be typed, without secrets.
import Domain
import Testing

@Suite struct WorkDescriptionTests {
    @Test(arguments: [
        (["ls", "-l"], "ls -l"),
        (["./bin/queue", "export", "{{run_dir}}/q.json"], "./bin/queue export {{run_dir}}/q.json"),
        (
            ["echo", "a b", "", "it's", "$(x)", "a;b", "~"],
            "echo 'a b' '' 'it'\\''s' '$(x)' 'a;b' '~'"
        ),
        (["printf", "a\nb\u{1B}[31m"], "printf 'a␊b␛[31m'"),
    ])
    func `a program is spelled for a shell that would take it apart again`(
        _ arguments: [String], _ words: String
    ) {
        #expect(described(.run(arguments, input: nil)) == words)
    }

    @Test func `every kind has its words`() {
        let unit = ServiceUnit(
            name: "web", start: ["./start", "web"], stop: ["./stop"], status: nil)
        let secret = HTTPRequest(url: .secret(.environment("HOOK")), method: "POST")
        let cases: [(Work, String)] = [
            (.run(["cat"], input: "secret text"), "cat (with input)"),
            (.shell("echo $A | wc"), "sh -c 'echo $A | wc'"),
            (.service(.stop, unit: "vedfolnir"), "systemctl stop vedfolnir"),
            (.service(.start, unit: "web"), "./start web"),
            (.service(.restart, unit: "web"), "./stop && ./start web"),
            (
                .http(
                    HTTPRequest(url: .plain("http://a/")), expect: Domain.Expectation(),
                    keepCookies: false), "GET http://a/"
            ),
            (.http(secret, expect: Domain.Expectation(), keepCookies: false), "POST {env: HOOK}"),
            (
                .sql(SQLWork(source: "main", statements: ["DROP TABLE a", "DROP TABLE b"])),
                "DROP TABLE a; DROP TABLE b"
            ),
            (
                .sql(SQLWork(source: "main", query: "SELECT 1", equals: 1, atMost: 2.5)),
                "SELECT 1 = 1 ≤ 2.5"
            ),
            (.redis(source: "s", command: ["PING"], reply: nil), "redis-cli PING"),
            (
                .remove(["unified_*.py", "static/js/x.js"]),
                "remove unified_*.py, static/js/x.js (saved first)"
            ),
            (
                .restore(.git(revision: "HEAD~1", paths: ["a", "b", "c"])),
                "restore 3 paths from git HEAD~1"
            ),
            (.restore(.copy(folder: "old", paths: ["a"])), "restore a from old"),
            (.restore(.archive(file: "old.tar", paths: ["a"])), "restore a from archive old.tar"),
            (
                .edit(
                    EditWork(
                        file: ".env", deleteLines: ["A", "B"],
                        replace: [Replacement(old: "x", new: "y")],
                        insertLines: ["Z"])),
                "edit .env: delete lines containing A, B; replace x by y; add Z"
            ),
            (.restoreDatabase(source: "main"), "restore database main from the backup"),
            (.wait(.seconds(90)), "wait 90s"),
        ]
        for (work, words) in cases { #expect(described(work, units: [unit]) == words) }
    }

    @Test func `what can be taken back is what the runbook, the kind or its harmlessness says`() {
        func step(_ work: Work, undo: Work? = nil) -> Step {
            Step(name: "s", work: work, undo: undo)
        }
        #expect(!step(.run(["x"], input: nil)).isUndoable)
        #expect(step(.run(["x"], input: nil), undo: .shell("y")).isUndoable)
        #expect(step(.remove(["x"])).isUndoable)
        #expect(step(.edit(EditWork(file: "x"))).isUndoable)
        #expect(!step(.service(.stop, unit: "x")).isUndoable, "stopping does not say how to start")
        #expect(step(.sql(SQLWork(source: "m", query: "SELECT 1"))).isUndoable)
        #expect(!step(.sql(SQLWork(source: "m", statements: ["DROP TABLE t"]))).isUndoable)
        #expect(step(.backup).isUndoable)
    }
}
