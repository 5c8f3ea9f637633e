// Requests for a rollback, the watch after one, and the plans around them, as front ends read them.
import Domain
import Rules
import Wire

extension ReportContext {
    func approvals(_ approvals: [Approval]) -> [ApprovalReport] {
        approvals.map {
            ApprovalReport(
                user: $0.user, name: rules.authority.name(user: $0.user), at: $0.at.rfc3339)
        }
    }

    var request: RequestReport? {
        guard let ask = situation.ask else { return nil }
        let given = ask.approvals.map(\.user)
        let rule = runbook.rollback?.authorization.first { $0.kind == ask.authorization }
        let missing = rule.map { rules.missing($0, given) } ?? []
        let spared = given + [ask.by]
        return RequestReport(
            id: ask.id, authorization: ask.authorization, reason: ask.reason, by: ask.by,
            byName: rules.authority.name(user: ask.by), at: ask.at.rfc3339,
            expiresAt: ask.expiresAt.rfc3339, plan: ask.plan, approvals: approvals(ask.approvals),
            missing: missing.isEmpty ? "" : rules.spelled(missing, without: spared),
            candidates: rules.candidates(missing, without: spared).map(\.user),
            playbook: ask.parent)
    }

    var watch: WatchReport? {
        situation.watch.map { watch in
            WatchReport(
                rollback: watch.rollback, from: watch.from.rfc3339, until: watch.until.rfc3339,
                everySeconds: watch.every.seconds, looks: watch.looks,
                lookedAt: watch.lookedAt.rfc3339,
                problems: watch.problems.map {
                    WatchProblemReport(
                        probe: "\($0.probe)", at: $0.at.rfc3339, message: $0.message,
                        endedAt: $0.endedAt?.rfc3339)
                })
        }
    }

    var past: [PastReport] {
        situation.pastProcedures.suffix(SituationCore.mostPast).reversed().map {
            PastReport(
                id: $0.id, kind: $0.kind, name: $0.name, state: $0.state,
                startedAt: $0.startedAt.rfc3339, finishedAt: $0.finishedAt.rfc3339,
                emergency: $0.emergency, testMode: $0.testMode)
        }
    }

    var plans: [RecoveryPlanReport] {
        runbook.recovery.plans.map {
            RecoveryPlanReport(
                failure: $0.failure, actions: $0.actions, manual: $0.manual,
                escalateAfterSeconds: $0.escalateAfter?.seconds)
        }
    }

    var backupPlan: BackupPlanReport {
        let backup = runbook.backup
        return BackupPlanReport(
            to: backup.to, files: backup.files, databases: backup.databases,
            sources: backup.sources, keepLast: backup.keepLast, keepDays: backup.keepDays)
    }

    /// `ready`, or why test mode would be refused.
    var testMode: String? {
        guard let rollback = runbook.rollback else { return nil }
        do throws(Refusal) {
            _ = try rules.testStages(rollback)
            return "ready"
        } catch {
            return error.why
        }
    }
}
