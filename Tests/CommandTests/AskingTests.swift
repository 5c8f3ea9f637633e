// What is shown before a playbook with a rollback, an undo or a restore, and which of them are asked about.
import Domain
import Testing
import Wire

@testable import tocsin

private func render(_ lines: [Line], width: Int? = nil) -> String {
    let paper = Paper(width: width, colour: false, ascii: false)
    return lines.flatMap(paper.wrapped).joined(separator: "\n")
}

@Suite struct PlaybookTextTests {
    func planned(
        _ name: String, _ kind: String, _ command: String, instead: Bool = false
    ) -> PlannedStepReport {
        PlannedStepReport(
            name: name, kind: kind, command: command, undoable: kind == "http", isInstead: instead)
    }
    func text(_ steps: [PlannedStepReport]) -> PlaybookText {
        func rule(_ kind: String) -> AuthorizationReport {
            AuthorizationReport(
                kind: kind, needs: "1 senior-administrator", people: [], refused: nil)
        }
        return PlaybookText(
            ActionReport(name: "performance", title: "performance", danger: nil, steps: steps),
            rollback: RollbackReport(
                to: "Legacy", targetSeconds: 600, expectedSeconds: nil, hash: "3f2a9c01",
                stages: [
                    PlannedStageReport(
                        name: "Service shutdown",
                        steps: [planned("Stop courier", "service", "service stop courier")])
                ], authorizations: [rule("emergency"), rule("planned")], ready: nil,
                lastBackup: nil))
    }

    @Test func `a playbook that rolls back is asked about, also when it does so only in need`() {
        let roll = planned("Roll back", "rollback", "rollback (planned)", instead: true)
        let shown = text([planned("Tidy", "run", "./bin/optimize"), roll])
        #expect(shown.rollsBack)
        let page = render(shown.lines)
        for words in [
            "Playbook performance", "./bin/optimize ", "cannot be undone",
            "rollback (planned)  only when one before it has failed", "Rollback to Legacy",
            "Stop courier  service stop courier", "Authorization planned",
        ] {
            #expect(page.contains(words), "no “\(words)” in\n\(page)")
        }
        #expect(!page.contains("Authorization emergency"))
    }

    @Test func `one without a rollback, or with one to copies, is not`() {
        #expect(!text([planned("Tidy", "run", "./bin/optimize")]).rollsBack)
        #expect(!text([planned("Try", "rollback", "rollback (test-mode)")]).rollsBack)
    }
}

@Suite struct UndoTextTests {
    let rollback = procedure(
        "r1", .succeeded,
        stages: [
            StageReport(
                name: "Service shutdown", state: .succeeded,
                steps: [step("Stop", .succeeded, kind: "service", command: "service stop")]),
            StageReport(
                name: "Database rollback", state: .succeeded,
                steps: [
                    step("Drop", .succeeded, kind: "sql", command: "DROP TABLE a"), sent,
                    step("Never", .pending, command: "false"),
                ]),
        ])
    static var sent: StepReport {
        var sent = step("Send", .succeeded, command: "./send")
        sent.undoable = false
        return sent
    }
    static func rendered(_ text: UndoText?) -> String { render(text?.lines ?? []) }

    @Test func `an undo says of what, in which order, and what stays`() {
        #expect(
            Self.rendered(UndoText(rollback, toStage: nil)) == """
                Undo Rollback to Legacy  r1, succeeded
                Taken back, in this order:
                  ↶  Drop  DROP TABLE a
                  ↶  Stop  service stop
                ▲ Cannot be taken back, and stays done:
                  ·  Send  ./send
                """)
    }

    @Test func `with a stage, in any case, only what comes after it`() {
        let page = Self.rendered(UndoText(rollback, toStage: "DATABASE rollback"))
        #expect(page.contains("Drop") && !page.contains("Stop"))
        #expect(page.hasSuffix("Then it is paused before “Database rollback”."))
        #expect(UndoText(rollback, toStage: "Nonsense") == nil)
    }

    @Test(arguments: [("y", true), ("Yes", true), ("", false), ("n", false), ("yo", false)])
    func `only yes is yes`(_ answer: String, _ isYes: Bool) {
        #expect(Asking.isYes(answer) == isYes)
    }
}

@Suite struct RestoreTextTests {
    @Test func `a restore says what it leaves, before and after it`() {
        let before = render(
            RestoreText.lines("20260105T140412Z", paths: ["templates"], databases: ["courier"]))
        #expect(before.contains("20260105T140412Z is put in the place of what is there: templates"))
        var end = procedure("b1", .succeeded, kind: .backup)
        end.name = "restore"
        for text in [before, render(ProcedureText.remarks(end))] {
            #expect(text.contains("Files that have come since the backup stay where they are"))
            #expect(text.contains("service is not restarted: tocsin restart-services does that"))
        }
        #expect(render(RestoreText.lines(nil, paths: [], databases: [])).contains("every file"))
        // What an undo has put back is as it was.
        end.state = .undone
        #expect(ProcedureText.remarks(end).isEmpty)
        end.state = .succeeded
        end.name = "backup"
        #expect(ProcedureText.remarks(end).isEmpty)
    }
}

@Suite struct RollbackArgumentTests {
    @Test func `to agree to nothing says that nothing is asked for`() throws {
        let failure = #expect(throws: Failure.self) { try ApproveRollback.asked(nil) }
        #expect(failure?.why == "no rollback is asked for" && failure?.status(.act) == 4)
        #expect(try ApproveRollback.asked(request()).id == "request_1")
    }

    @Test func `an authorization that is not there is wrong usage, also of a dry run`() throws {
        let plan = RollbackReport(
            to: "Legacy", targetSeconds: 600, expectedSeconds: nil, hash: "3f", stages: [],
            authorizations: [
                AuthorizationReport(kind: "planned", needs: "", people: [], refused: "not now")
            ], ready: nil, lastBackup: nil)
        try Rollback.check(nil, plan)
        try Rollback.check("planned", plan)
        let failure = #expect(throws: Failure.self) { try Rollback.check("bogus", plan) }
        #expect(failure?.status(.act) == 64 && failure?.remedy.contains("planned") == true)
    }

    @Test func `a backup that is not there is wrong usage`() throws {
        let list = BackupListReport(
            to: "/b",
            backups: [
                BackupReport(
                    id: "20260105T140412Z", path: "/b/x", at: noon, files: 1, bytes: 1,
                    databases: [], rows: 0, verified: true)
            ], freeBytes: nil)
        try RestoreBackup.check("20260105T140412Z", list)
        let failure = #expect(throws: Failure.self) { try RestoreBackup.check("2026", list) }
        #expect(failure?.status(.act) == 64 && failure?.remedy == "See them: tocsin backups")
    }

    @Test func `what the engine does not understand is wrong usage; what it refuses is not`() {
        func status(_ status: Int) -> Int32 {
            Failure(Session.kind(ofStatus: status), rule: "r", why: "w", remedy: "").status(.act)
        }
        #expect([403, 409, 422, 500, 503].map(status) == [4, 4, 64, 1, 1])
        let unknown = Refusal(.notUnderstood, rule: "unknown-stage", why: "w", remedy: "r")
        #expect(Failure(unknown).status(.act) == 64)
    }
}
