// Situations around procedures: requests, watches, what waits for a person, tests, playbooks, backups.
import Domain
import Wire

extension Scenes {
    // MARK: Requests

    /// Tomas asks under planned authorization; Ines, who looks, is the one whose word is missing.
    static func requested(by user: String = "tomas") -> StreamStart {
        var scene = high(acknowledged: true)
        scene.situation.core.request = RequestReport(
            id: "request_20260105_001", authorization: "planned",
            reason: "the queue has been full since noon", by: user,
            byName: user == "ines" ? "Ines Moreau" : "Tomas Lind", at: ago(149),
            expiresAt: ahead(1651), plan: plan().hash, approvals: [],
            missing: "1 senior-administrator (Ines Moreau)", candidates: ["ines"], playbook: nil)
        return scene
    }

    /// Ines has asked herself; two others have to agree, and one has.
    static func asked() -> StreamStart {
        var scene = requested(by: "ines")
        scene.situation.core.request?.approvals = [
            ApprovalReport(user: "ines", name: "Ines Moreau", at: ago(149)),
            ApprovalReport(user: "priya", name: "Priya Nair", at: ago(60)),
        ]
        scene.situation.core.request?.missing = "1 security-administrator (Oren Katz)"
        scene.situation.core.request?.candidates = ["oren"]
        scene.situation.core.request?.authorization = "security"
        return scene
    }

    // MARK: Rollbacks that need somebody

    static func watched() -> StreamStart {
        var scene = rolledBack()
        scene.situation.core.rollback?.approvals = [
            ApprovalReport(user: "ines", name: "Ines Moreau", at: ago(80)),
            ApprovalReport(user: "tomas", name: "Tomas Lind", at: ago(75)),
        ]
        scene.situation.core.watch = WatchReport(
            rollback: "rollback_20260105_001", from: ago(9), until: ahead(86_391),
            everySeconds: 300, looks: 4, lookedAt: ago(5),
            problems: [
                WatchProblemReport(
                    probe: "web.home", at: ago(7), message: "took 2.1 s", endedAt: ago(4)),
                WatchProblemReport(
                    probe: "sessions.ping", at: ago(3), message: "connection refused", endedAt: nil),
            ])
        return scene
    }

    /// Much of it cannot be taken back: a word to the world, two requests that log in and write, and a
    /// program.
    static func rolledBackInPublic() -> StreamStart {
        var scene = rolledBack()
        func step(_ name: String, _ kind: String, _ command: String, undoable: Bool = false)
            -> StepReport
        {
            StepReport(
                name: name, kind: kind, state: .succeeded, seconds: 2, message: "",
                command: command, undoable: undoable)
        }
        scene.situation.core.rollback?.stages[0].steps.append(
            step("Status page", "status_page", "status page: maintenance, We are going back"))
        scene.situation.core.rollback?.stages[7].steps += [
            step("Log in", "http", "POST http://127.0.0.1:5000/login"),
            step("Flash messages", "http", "POST http://127.0.0.1:5000/flash"),
            step("Performance", "run", "./bin/measure"),
            step("Feed", "http", "GET http://127.0.0.1:5000/feed", undoable: true),
        ]
        return scene
    }

    static func waitsForWord() -> StreamStart {
        var scene = rollingBack()
        scene.situation.core.procedure?.state = .waiting
        scene.situation.core.procedure?.message =
            "it is not known whether “Drop notification tables” ran to its end: say whether it was"
            + " done, run it again, or undo"
        scene.situation.core.procedure?.stages[4].state = .unknown
        scene.situation.core.procedure?.stages[4].steps[0].state = .unknown
        return scene
    }

    static func takenBackToStage() -> StreamStart {
        var scene = rollingBack()
        scene.situation.core.procedure?.state = .paused
        scene.situation.core.procedure?.message = "taken back to before “Database rollback”"
        scene.situation.core.procedure?.stages[4].state = .undone
        scene.situation.core.procedure?.stages[4].steps[0].state = .undone
        for stage in 0..<4 {
            scene.situation.core.procedure?.stages[stage].steps[0].undoable = stage != 2
        }
        return scene
    }

    /// It was taken back a while after its end, and all is well again: the rule that asks for a rollback
    /// holds nevertheless.
    static func undone() -> StreamStart {
        var scene = rolledBack()
        scene.situation.core.rollback?.state = .undone
        scene.situation.core.rollback?.message = "taken back to the start"
        for stage in 0..<8 {
            scene.situation.core.rollback?.stages[stage].state = .undone
            let steps = scene.situation.core.rollback?.stages[stage].steps.count ?? 0
            for step in 0..<steps {
                scene.situation.core.rollback?.stages[stage].steps[step].state = .undone
            }
        }
        scene.situation.core.rollback?.finishedAt = ago(55)
        return scene
    }
    static func calmAfterUndo() -> StreamStart {
        var scene = undone()
        scene.situation.core.proposals = [
            ProposalReport(
                kind: "rollback", name: "rollback", title: "Roll back to Legacy flash messages",
                why: "recovery failed 3 times", runsAt: nil),
            ProposalReport(
                kind: "recovery", name: "restart-websocket", title: "Restart WebSocket service",
                why: "", runsAt: nil),
        ]
        return scene
    }

    // MARK: Tests

    /// An engine has been started since, which heard none of the output.
    static func testedEarlier() -> StreamStart {
        var scene = tested()
        scene.situation.core.lastTest?.output = []
        scene.situation.core.engine.startedAt = ago(2)
        return scene
    }
    static func testing() -> StreamStart {
        var scene = quiet()
        scene.situation.core.procedure = test(.running, running: 3)
        return scene
    }
    static func tested() -> StreamStart {
        var scene = quiet()
        var done = test(.succeeded, running: 8)
        done.finishedAt = ago(5)
        done.progress = 1
        done.message = "every step succeeded"
        scene.situation.core.lastTest = done
        return scene
    }
    private static func test(_ state: ProcedureState, running: Int) -> ProcedureReport {
        var one = rollback(state: state, running: running)
        one.id = "rollback_20260105_002"
        one.title = "Test of the rollback to Legacy flash messages"
        one.testMode = true
        one.authorization = nil
        one.reason = "before the release"
        one.backup = nil
        for stage in one.stages.indices {
            for step in one.stages[stage].steps.indices {
                one.stages[stage].steps[step].expectedSeconds = 4.5
            }
        }
        return one
    }

    // MARK: Playbooks and manual recovery

    /// It waits for its rollback.
    static func playbook() -> StreamStart {
        var scene = rollingBack()
        func step(_ name: String, _ kind: String, _ state: StepState, _ seconds: Double?)
            -> StageReport
        {
            StageReport(
                name: name, state: state,
                steps: [
                    StepReport(
                        name: name, kind: kind, state: state, seconds: seconds,
                        message: state == .succeeded ? "backup 20260105T140012Z verified" : "",
                        command: "")
                ])
        }
        scene.situation.core.procedure?.parent = "playbook_20260105_001"
        scene.situation.core.playbook = ProcedureReport(
            id: "playbook_20260105_001", kind: .playbook, name: "complete-failure",
            title: "Playbook complete-failure", state: .running, startedAt: ago(95),
            finishedAt: nil, startedBy: "ines", reason: "All critical components are down",
            attempt: 0, authorization: nil, testMode: false, message: "", backup: nil,
            progress: 0.33, expectedSeconds: nil, targetSeconds: nil,
            stages: [
                step("Backup", "backup", .succeeded, 21),
                step("Roll back", "rollback", .running, nil),
                step("Home page", "http", .pending, nil),
            ], output: [])
        return scene
    }

    static func byHand() -> StreamStart {
        var scene = high(acknowledged: true)
        scene.situation.core.emergency?.recoveryAttempts = 1
        scene.situation.core.emergency?.escalatesAt = ahead(254)
        scene.situation.core.past = [
            PastReport(
                id: "recovery_20260105_001", kind: .recovery, name: "restart-websocket",
                state: .failed, startedAt: ago(300), finishedAt: ago(262),
                emergency: "emergency_20260105_001", testMode: false),
            PastReport(
                id: "recovery_20260104_001", kind: .recovery, name: "restart-websocket",
                state: .succeeded, startedAt: ago(86_400), finishedAt: ago(86_378),
                emergency: "emergency_20260104_001", testMode: false),
        ]
        func item(_ name: String, _ state: StepState) -> StepReport {
            StepReport(
                name: name, kind: "confirm", state: state, seconds: state == .succeeded ? 41 : nil,
                message: "", command: "a person confirms: \(name)")
        }
        scene.situation.core.procedure = ProcedureReport(
            id: "recovery_20260105_002", kind: .recovery, name: "by-hand",
            title: "Recovery by hand: message_delivery_failure", state: .waiting,
            startedAt: ago(60), finishedAt: nil, startedBy: "ines", reason: "", attempt: 0,
            authorization: nil, testMode: false, message: "Telephone the provider", backup: nil,
            progress: 0.33, expectedSeconds: nil, targetSeconds: 300,
            stages: [
                StageReport(
                    name: "By hand", state: .running,
                    steps: [
                        item("Look at the provider's status page", .succeeded),
                        item("Telephone the provider", .running),
                    ]),
                StageReport(
                    name: "Verification", state: .pending,
                    steps: [
                        StepReport(
                            name: "Triggers have ended", kind: "calm", state: .pending,
                            seconds: nil, message: "", command: "")
                    ]),
            ], output: [])
        return scene
    }

    // MARK: Backups

    static func backups() -> BackupListReport {
        func one(
            _ id: String, _ age: Double, _ files: Int, _ bytes: Int, _ rows: Int,
            verified: Bool = true
        ) -> BackupReport {
            BackupReport(
                id: id, path: "/var/backups/vedfolnir/\(id)", at: ago(age), files: files,
                bytes: bytes, databases: ["main"], rows: rows, verified: verified)
        }
        return BackupListReport(
            to: "/var/backups/vedfolnir",
            backups: [
                one("20260105T140015Z", 192, 1_214, 310_411_200, 1_204_112),
                one("20260105T020000Z", 43_407, 1_214, 309_912_004, 1_198_004),
                one("20260104T020000Z", 129_807, 1_209, 305_100_433, 1_150_233, verified: false),
                one("20260103T020000Z", 216_207, 1_209, 301_007_121, 1_120_871),
            ], freeBytes: 41_204_112_384)
    }

    /// One for every day: more than a small terminal has rows.
    static func manyBackups() -> BackupListReport {
        var list = backups()
        list.backups += (0..<7).map { day in
            let id = "2025122\(9 - day)T020000Z"
            return BackupReport(
                id: id, path: "/var/backups/vedfolnir/\(id)",
                at: ago(648_207 + 86_400 * Double(day)),
                files: 1_536, bytes: 298_112_400, databases: ["main", "sessions"], rows: 1_536_000,
                verified: true)
        }
        return list
    }

    static func damage() -> [CheckReport] {
        [
            CheckReport(
                subject: "backup 20260105T020000Z", name: "difference", state: .failed,
                message: "static/app.js differs from its manifest at byte 4 112"),
            CheckReport(
                subject: "backup 20260105T020000Z", name: "difference", state: .failed,
                message: "templates/base.html is missing"),
        ]
    }

    static func backingUp() -> StreamStart {
        var scene = quiet()
        scene.situation.core.procedure = ProcedureReport(
            id: "backup_20260105_001", kind: .backup, name: "backup", title: "Backup",
            state: .running, startedAt: ago(6), finishedAt: nil, startedBy: "ines", reason: "",
            attempt: 0, authorization: nil, testMode: false, message: "", backup: nil, progress: 0,
            expectedSeconds: 21, targetSeconds: nil,
            stages: [
                StageReport(
                    name: "Backup", state: .running,
                    steps: [
                        StepReport(
                            name: "Verified backup", kind: "backup", state: .running, seconds: nil,
                            message: "", command: "take a backup, read it back and compare",
                            expectedSeconds: 21)
                    ])
            ],
            output: [
                "copying 1214 entries, 310411200 bytes", "copying database main", "reading back",
            ])
        return scene
    }
}
