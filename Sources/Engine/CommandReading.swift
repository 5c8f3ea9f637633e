// From the socket's commands to the rules' commands; what is missing or misspelt is refused here.
import Domain
import Rules
import Wire

struct CommandReading {
    let rules: Rules
    /// The hash of the plan as it is now; nil without a rollback.
    let planHash: String?

    /// The commands that the rules know, as the command line spells them.
    static let names = [
        "activate-emergency", "deactivate-emergency", "acknowledge", "escalate", "set-level",
        "note",
        "report-problem", "clear-problem", "recover", "auto-recover", "restart-websockets",
        "restart-services", "clear-queues", "clear-sessions", "enable-fallback", "disable-fallback",
        "test-fallback", "stop-services", "start-services", "verify-services", "backup",
        "create-backup", "rollback", "pause-rollback", "resume-rollback", "undo-rollback",
        "veto-rollback", "approve-rollback", "stop-procedure", "run", "recover-by-hand",
        "restore-backup", "resolve-step", "hand-over", "send-notification",
        "send-user-notification", "update-status-page", "update-dashboard", "create-incident",
        "notify-rollback-start", "test-alerts", "configure-alerts", "override-on-call",
        "end-override", "retry-delivery", "dismiss-delivery",
    ]

    /// - Throws: `Refusal` (not understood) that names the part and what it may be.
    func command(_ request: CommandRequest) throws(Refusal) -> Command {
        switch request.command {
        case "activate-emergency":
            return .activate(
                level: try request.level.map(level), reason: request.reason ?? "",
                triggeredBy: request.triggeredBy ?? "")
        case "acknowledge":
            return .acknowledge(
                text: request.text ?? request.reason ?? "", span: try request.span.map(span))
        case "deactivate-emergency":
            return .deactivate(
                resolvedBy: request.resolvedBy ?? "", text: request.reason ?? request.text ?? "")
        case "escalate": return .escalate(text: request.text ?? request.reason ?? "")
        case "set-level":
            guard let number = request.level else { throw missing("level", "1, 2, 3 or 4") }
            return .setLevel(try level(number), reason: request.reason ?? request.text ?? "")
        case "note": return .note(request.text ?? request.reason ?? "")
        case "report-problem":
            return .reportProblem(
                kind: try name(request, "the problem"), text: request.text ?? request.reason ?? "")
        case "clear-problem": return .clearProblem(kind: try name(request, "the problem"))
        case "recover":
            let action = try name(request, "the action")
            let isOwn = rules.runbook.actions.contains { $0.name == action }
            return action == Rules.byHand && !isOwn ? .recoverByHand : .recover(action: action)
        case "auto-recover": return .autoRecover
        case "restart-websockets":
            return .recover(action: try action(["restart-websockets", "restart-websocket"]))
        case "restart-services":
            let known = rules.runbook.actions.contains { $0.name == "restart-services" }
            return known ? .recover(action: "restart-services") : .service(.restart)
        case "clear-queues": return .recover(action: try action(["clear-queues"]))
        case "clear-sessions": return .recover(action: try action(["clear-sessions"]))
        case "enable-fallback":
            return .switchFallback(try name(request, "the fallback"), enable: true)
        case "disable-fallback":
            return .switchFallback(try name(request, "the fallback"), enable: false)
        case "test-fallback": return .testFallback(request.name)
        case "stop-services": return .service(.stop)
        case "start-services":
            return .service(request.name == "emergency" ? .emergencyStart : .start)
        case "verify-services": return .service(.verify)
        case "backup", "create-backup": return .backup
        case "rollback": return rollback(request)
        case "pause-rollback": return .pauseProcedure
        case "resume-rollback": return .resumeProcedure
        case "undo-rollback": return .undoRollback(toStage: request.stage)
        case "stop-procedure":
            return .stopProcedure(text: request.text ?? request.reason ?? "")
        case "approve-rollback":
            // A playbook's request has no fingerprint, and then nobody has read one.
            let plan = request.plan.flatMap { $0.isEmpty ? nil : $0 }
            guard plan == nil || plan == planHash else {
                throw Refusal(
                    .notNow, rule: "plan-changed",
                    why: "the plan that was read is not the present one",
                    remedy: "Read the plan again: tocsin rollback --dry-run")
            }
            return .approveRollback(ApprovalRequest(request: request.request, plan: plan))
        case "run": return .runPlaybook(try name(request, "the playbook"))
        case "recover-by-hand": return .recoverByHand
        case "restore-backup":
            // Nothing is put back because somebody has said nothing.
            guard let backup = request.backup, !backup.isEmpty else {
                throw missing("backup", "a backup's id, or latest")
            }
            return .restoreBackup(
                RestoreBackupWork(
                    backup: backup == "latest" ? nil : backup, paths: request.paths,
                    databases: request.databases))
        case "veto-rollback": return .vetoRollback(text: request.text ?? request.reason ?? "")
        case "resolve-step":
            guard request.name == "done" || request.name == "again" else {
                throw missing("name", "done or again")
            }
            return .resolveStep(done: request.name == "done")
        default:
            if let command = try telling(request) { return command }
            throw Refusal(
                .notUnderstood, rule: "unknown-command",
                why: "there is no command “\(Visible.text(request.command, limit: 60))”",
                remedy: "Known are "
                    + (Self.names + SelfTest.allCases.map(\.rawValue)).sorted()
                    .joined(separator: ", "))
        }
    }

    private func rollback(_ request: CommandRequest) -> Command {
        .rollback(
            RollbackRequest(
                authorization: request.authorization, reason: request.reason ?? "",
                confirmation: request.confirmation ?? "",
                planIsCurrent: request.plan == nil || request.plan == planHash,
                plan: planHash ?? "",
                testMode: request.testMode ?? false, again: request.again ?? false))
    }

    private func level(_ number: Int) throws(Refusal) -> Level {
        if let level = Level(rawValue: number) { return level }
        throw missing("level", "1 (critical), 2 (high), 3 (medium) or 4 (low)")
    }

    func name(_ request: CommandRequest, _ what: String) throws(Refusal) -> String {
        if let name = request.name, !name.isEmpty { return name }
        throw missing("name", "the name of \(what)")
    }

    private func action(_ names: [String]) throws(Refusal) -> String {
        for name in names where rules.runbook.actions.contains(where: { $0.name == name }) {
            return name
        }
        throw Refusal(
            .notNow, rule: "unknown-action", why: "the runbook has no action “\(names[0])”",
            remedy: "Add it under actions:")
    }

    func missing(_ part: String, _ wanted: String) -> Refusal {
        Refusal(
            .notUnderstood, rule: "bad-argument", why: "“\(part)” is missing or impossible",
            remedy: "It must be \(wanted)")
    }
}
