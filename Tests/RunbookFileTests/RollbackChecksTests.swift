// What a rollback may not run, also through what its steps open up.
import Domain
import RunbookFile
import Testing

@Suite struct RollbackChecksTests {
    /// The problems of a runbook whose rollback has this work in its first stage (in line 11).
    private func problems(_ work: String, _ more: String, preflight: String = "wait: 1s")
        -> [String]
    {
        let stages = ["b", "c", "d", "e", "f", "g"].map {
            "      - { name: \($0), steps: [ { name: s, wait: 1s } ] }\n"
        }.joined()
        let text = small(
            """
            data_sources: { main: { sqlite: { path: a.db } }, other: { sqlite: { path: b.db } } }
            backup: { to: b, databases: [main] }
            roles: { r: { members: ["*"] } }
            rollback:
              to: old
              authorization: { planned: { needs: { r: 1 } } }
              preflight: [ { name: s, \(preflight) } ]
              stages:
                  - { name: a, steps: [ { name: s, \(work) } ] }

            """ + stages + more + "\n")
        return check(text).problems.map(\.short)
    }

    private static let inner = "playbooks: { p: { steps: [ { name: n, rollback: planned } ] } }"

    @Test func `a playbook that rolls back`() {
        #expect(
            problems("playbook: p", Self.inner) == [
                "12:40: a rollback cannot run a rollback, which this does through playbook p; "
                    + "leave out this step, or the `rollback` in line 19"
            ])
        #expect(
            problems("wait: 1s", Self.inner, preflight: "playbook: p") == [
                "10:27: a rollback cannot run a rollback, which this does through playbook p; "
                    + "leave out this step, or the `rollback` in line 19"
            ])
        #expect(problems("wait: 1s", Self.inner) == [])
    }

    @Test func `actions and playbooks in each other that roll back, also otherwise`() {
        let more = """
            actions: { a: { steps: [ { name: n, wait: 1s, otherwise: { playbook: p } } ] } }
            playbooks:
              p: { steps: [ { name: n, playbook: fine }, { name: n, playbook: q } ] }
              q: { steps: [ { name: n, wait: 1s, otherwise: { rollback: test-mode } } ] }
              fine: { steps: [ { name: n, wait: 1s } ] }
            """
        #expect(
            problems("wait: 1s, otherwise: { action: a }", more, preflight: "playbook: fine") == [
                "12:63: a rollback cannot run a rollback, which this does through action a → "
                    + "playbook p → playbook q; leave out this step, or the `rollback` in line 22"
            ])
    }

    private static let unsaved =
        "`other` cannot be restored: no backup holds it; add `other` to `backup: databases:`"

    @Test func `a database that no backup holds`() {
        #expect(problems("restore_database: other", "") == ["12:58: " + Self.unsaved])
        #expect(
            problems("wait: 1s, undo: { restore_database: other }", "")
                == ["12:76: " + Self.unsaved])
        #expect(
            problems("wait: 1s", "", preflight: "restore_database: other")
                == ["10:45: " + Self.unsaved])
        #expect(problems("restore_database: main, undo: { restore_database: main }", "") == [])
    }

    @Test func `a database that no backup holds, behind what is opened up`() {
        let more = """
            playbooks: { p: { steps: [ { name: n, action: a } ] } }
            actions: { a: { steps: [ { name: n, wait: 1s, undo: { restore_database: other } } ] } }
            """
        func expected(_ path: String) -> [String] {
            [
                "20:73: `other` cannot be restored: no backup holds it (the rollback runs this: "
                    + path + "); add `other` to `backup: databases:`"
            ]
        }
        #expect(problems("playbook: p", more) == expected("playbook p → action a"))
        #expect(problems("undo_action: a", more) == expected("undo_action a"))
        // Elsewhere an older backup may hold it.
        #expect(problems("wait: 1s", more) == [])
    }

    @Test func `a long chain of playbooks`() {
        let chain = (0..<3000).map {
            "  p\($0): { steps: [ { name: n, playbook: p\($0 + 1) } ] }\n"
        }.joined()
        let found = problems(
            "playbook: p0",
            "playbooks:\n" + chain + "  p3000: { steps: [ { name: n, rollback: planned } ] }")
        #expect(found.count == 1)
        #expect(found.first?.contains("which this does through playbook p0 → playbook p1") == true)
    }
}
