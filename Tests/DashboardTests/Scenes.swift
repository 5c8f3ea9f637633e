// Situations to look at: the same service from a quiet night to a finished rollback.
import Domain
import Wire

enum Scenes {
    /// What the engine's clock says in every scene.
    static let now = Timestamp(milliseconds: 1_767_621_807_000)  // 2026-01-05T14:03:27Z

    /// A time so many seconds before now.
    static func ago(_ seconds: Double) -> String { (now - .seconds(seconds)).rfc3339 }
    static func ahead(_ seconds: Double) -> String { (now + .seconds(seconds)).rfc3339 }

    // MARK: The situations

    static func quiet() -> StreamStart {
        start(core(health: HealthReport(score: 100, state: .healthy)))
    }

    static func high(acknowledged: Bool = false, overdue: Bool = false) -> StreamStart {
        let age = overdue ? 1090.0 : 648.0
        var core = core(health: HealthReport(score: 62, state: .degraded))
        core.level = LevelReport(number: 2, name: "High")
        core.quietSince = nil
        core.emergency = emergency(
            level: 2, reason: "Delivery errors above 10 %", age: age, within: 900,
            acknowledged: acknowledged, holding: ["delivery-errors"])
        core.proposals = [
            ProposalReport(
                kind: "recovery", name: "restart-websocket", title: "Restart WebSocket service",
                why: "attempt 1 of 3", runsAt: nil),
            ProposalReport(
                kind: "fallback", name: "flash", title: "Enable fallback: Flash messages",
                why: "users get no notifications", runsAt: nil),
            ProposalReport(
                kind: "rollback", name: "rollback", title: "Roll back to legacy flash messages",
                why: "the service has been degraded for ten minutes", runsAt: nil),
        ]
        core.escalation = matrix(inForce: 2, age: age, acknowledged: acknowledged)
        var scene = start(core)
        scene.situation.components = brokenComponents()
        scene.situation.gauges = brokenGauges()
        scene.events = events(emergency: true, acknowledged: acknowledged)
        tell(&scene)
        return scene
    }

    static func critical() -> StreamStart {
        var scene = high()
        scene.situation.core.health = HealthReport(score: 18, state: .failed)
        scene.situation.core.level = LevelReport(number: 1, name: "Critical")
        scene.situation.core.emergency = emergency(
            level: 1, reason: "All critical components are down", age: 68, within: 300,
            acknowledged: false, holding: ["complete-failure", "database-lost"])
        scene.situation.core.emergency?.told = [
            ToldReport(person: "Ines Moreau", state: .told, channel: "text", at: ago(64))
        ]
        scene.situation.core.escalation = matrix(inForce: 1, age: 68, acknowledged: false)
        scene.situation.components = scene.situation.components.map { component in
            var component = component
            if component.critical {
                component.state = .failed
                component.consequenceOf = component.name == "web" ? nil : "web"
                component.probes = component.probes.map { probe in
                    var probe = probe
                    probe.state = .failed
                    probe.message = "connection refused by 127.0.0.1:5000"
                    probe.since = ago(64)
                    return probe
                }
            }
            return component
        }
        return scene
    }

    static func recovering() -> StreamStart {
        var scene = high(acknowledged: true)
        scene.situation.core.procedure = ProcedureReport(
            id: "recovery_20260105_001", kind: .recovery, name: "restart-websocket",
            title: "Restart WebSocket service", state: .running, startedAt: ago(14),
            finishedAt: nil, startedBy: "ines", reason: "", attempt: 1, authorization: nil,
            testMode: false, message: "", backup: nil, progress: 0.5, expectedSeconds: 22,
            targetSeconds: nil,
            stages: [
                StageReport(
                    name: "Restart WebSocket service", state: .running,
                    steps: [
                        StepReport(
                            name: "Restart unit", kind: "service", state: .succeeded, seconds: 4.2,
                            message: "", command: "systemctl restart vedfolnir-websocket"),
                        StepReport(
                            name: "Handshake answers", kind: "probe", state: .running, seconds: nil,
                            message: "", command: "websocket.handshake within 20 s"),
                        StepReport(
                            name: "Nothing fails", kind: "calm", state: .pending, seconds: nil,
                            message: "", command: ""),
                    ])
            ],
            output: [
                "$ systemctl restart vedfolnir-websocket", "vedfolnir-websocket.service restarted",
                "waiting for websocket.handshake",
            ])
        return scene
    }

    static func calm() -> StreamStart {
        var scene = high(acknowledged: true)
        scene.situation.core.emergency?.stillHolding = []
        scene.situation.core.emergency?.recoveryAttempts = 1
        scene.situation.core.health = HealthReport(score: 100, state: .healthy)
        scene.situation.core.proposals = []
        scene.situation.components = components()
        scene.situation.gauges = gauges()
        if var done = recovering().situation.core.procedure {
            done.state = .succeeded
            done.finishedAt = ago(2)
            done.message = "nothing fails any more"
            done.progress = 1
            done.stages = done.stages.map(finished)
            scene.situation.core.lastProcedure = done
        }
        return scene
    }

    static func exhausted() -> StreamStart {
        var scene = critical()
        scene.situation.core.emergency?.recoveryAttempts = 3
        scene.situation.core.emergency?.acknowledgedBy = "ines"
        scene.situation.core.emergency?.acknowledgedAt = ago(30)
        scene.situation.core.escalation = matrix(inForce: 1, age: 68, acknowledged: true)
        scene.situation.core.proposals = [
            ProposalReport(
                kind: "rollback", name: "rollback", title: "Roll back to Legacy flash messages",
                why: "recovery failed 3 times", runsAt: ahead(272))
        ]
        return scene
    }

    // MARK: Rollbacks

    static func rollingBack() -> StreamStart {
        var scene = exhausted()
        scene.situation.core.proposals = []
        scene.situation.core.procedure = rollback(state: .running, running: 4)
        return scene
    }
    static func rollbackFailed() -> StreamStart {
        var scene = exhausted()
        scene.situation.core.proposals = []
        var failed = rollback(state: .failed, running: 4)
        failed.finishedAt = ago(3)
        failed.message = "Drop notification tables failed"
        failed.stages[4].state = .failed
        failed.stages[4].steps[0].state = .failed
        failed.stages[4].steps[0].seconds = 34
        failed.stages[4].steps[0].message = "database is locked"
        scene.situation.core.rollback = failed
        return scene
    }
    static func rolledBack() -> StreamStart {
        var scene = calm()
        scene.situation.core.emergency?.recoveryAttempts = 3
        var done = rollback(state: .succeeded, running: 8)
        done.finishedAt = ago(9)
        done.progress = 1
        done.message = "Legacy flash messages answers; its users are still there"
        scene.situation.core.rollback = done
        scene.situation.core.lastProcedure = nil
        return scene
    }

    static func rollback(state: ProcedureState, running: Int) -> ProcedureReport {
        let seconds: [Double] = [21, 11, 2, 4, 34, 1, 6, 3]
        let messages = [
            "backup 20260105T140412Z verified, 1 214 files, 310 MB", "vedfolnir stopped",
            "3 files removed", "2 files restored from HEAD~1", "2 tables dropped",
            "2 lines deleted",
            "vedfolnir started", "4 checks passed",
        ]
        let stages = plan().stages.enumerated().map { index, stage in
            let state: StepState =
                index < running ? .succeeded : index == running ? .running : .pending
            return StageReport(
                name: stage.name, state: state,
                steps: stage.steps.enumerated().map { number, step in
                    let last = number == stage.steps.count - 1
                    let mine: StepState =
                        state == .running && number > 0 ? .pending : state
                    return StepReport(
                        name: step.name, kind: step.kind, state: mine,
                        seconds: mine == .succeeded
                            ? seconds[index] / Double(stage.steps.count) : nil,
                        message: mine == .succeeded && last ? messages[index] : "",
                        command: step.command, undoable: step.undoable)
                })
        }
        return ProcedureReport(
            id: "rollback_20260105_001", kind: .rollback, name: "Legacy flash messages",
            title: "Rollback to Legacy flash messages", state: state, startedAt: ago(72),
            finishedAt: nil,
            startedBy: "ines", reason: "recovery failed 3 times", attempt: 0,
            authorization: "emergency", testMode: false, message: "",
            backup: "20260105T140412Z", progress: 0.43, expectedSeconds: 170, targetSeconds: 600,
            stages: stages,
            output: [
                "$ systemctl stop vedfolnir", "removed unified_notification_manager.py",
                "removed websocket_notification_server.py",
                "DROP TABLE IF EXISTS notification_storage",
                "0 rows affected", "DROP TABLE IF EXISTS notification_delivery_log",
            ])
    }

    private static func finished(_ stage: StageReport) -> StageReport {
        var stage = stage
        stage.state = .succeeded
        stage.steps = stage.steps.map {
            var step = $0
            step.state = .succeeded
            step.seconds = step.seconds ?? 7.5
            return step
        }
        return stage
    }
}
