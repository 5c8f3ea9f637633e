// `test-rollback-procedures` and `verify-rollback-ready`: whether a rollback could begin, and would end.
import Domain
import Rules
import Wire

struct RollbackSelfTests: Sendable {
    let context: ReportContext
    let world: SelfTestWorld
    /// With the forecasts of a dry run; nil: the runbook has no rollback.
    let plan: RollbackReport?

    private static let subject = "rollback"
    /// Where nothing tells how much a backup takes, so much should be free.
    private static let enoughRoom = 1 << 30

    private static func check(
        _ name: String, _ state: CheckReport.State, _ message: String, _ remedy: String = "",
        of subject: String = subject
    ) -> CheckReport {
        CheckReport(subject: subject, name: name, state: state, message: message, remedy: remedy)
    }

    /// Waits for the disk.
    var checks: [CheckReport] {
        guard let plan, let rollback = context.runbook.rollback else {
            return [
                Self.check(
                    "plan", .failed, "the runbook describes no rollback", "Add rollback: to it")
            ]
        }
        return steps(plan) + duration(plan) + rollback.authorization.map(authorization)
            + anyAuthorization(rollback) + [backup, room]
    }

    // MARK: The plan

    private func steps(_ plan: RollbackReport) -> [CheckReport] {
        plan.stages.flatMap { stage in
            stage.steps.map { step in
                let forecast = step.forecast ?? ""
                let fails = forecast.hasPrefix("would fail")
                return Self.check(
                    step.name, fails ? .failed : .healthy, forecast,
                    fails ? "Mend what it needs, or the step in the runbook" : "",
                    of: "stage \(stage.name)")
            }
        }
    }
    /// Steps that an undo would leave as they are. Preflight tells and validation asks; what is between
    /// them changes the service.
    var undoing: CheckReport {
        let stages = plan?.stages ?? []
        let left = stages.dropFirst().dropLast().flatMap(\.steps).filter { !$0.undoable }
        if left.isEmpty {
            return Self.check("undo", .healthy, "every change of the service can be taken back")
        }
        let names = context.rules.authority.list(left.map { "“\($0.name)”" }, "and")
        return Self.check(
            "undo", .degraded, "cannot be taken back: \(names)", "Add `undo:` to them")
    }

    private func duration(_ plan: RollbackReport) -> [CheckReport] {
        guard let expected = plan.expectedSeconds else {
            return [
                Self.check(
                    "duration", .healthy,
                    "not known before the first one; target \(Span.seconds(plan.targetSeconds).spelled)"
                )
            ]
        }
        let text =
            "about \(Span.seconds(expected.rounded()).spelled), by earlier runs; target "
            + Span.seconds(plan.targetSeconds).spelled
        return [
            expected <= plan.targetSeconds
                ? Self.check("duration", .healthy, text)
                : Self.check(
                    "duration", .degraded, text,
                    "Make its longest steps shorter, or the target longer")
        ]
    }

    // MARK: Who can agree to it

    /// Login names of the runbook that could log in here.
    private var accounts: [String] {
        context.runbook.people.map(\.user).filter { !$0.isEmpty && world.hasAccount($0) }
    }

    private func authorization(_ rule: AuthorizationRule) -> CheckReport {
        let named = context.runbook.people.map(\.user).filter { !$0.isEmpty }
        let name = "\(rule.kind) authorization"
        let missing = context.rules.missing(rule, named)
        let needs = context.rules.authority.list(
            rule.needs.map { "\($0.count) \($0.role)" }, "and")
        guard missing.isEmpty else {
            return Self.check(
                name, .failed,
                "nobody can give it: it needs \(needs), and the runbook names too few people",
                "Give \(context.rules.authority.list(missing.map(\.role), "and")) more members")
        }
        guard context.rules.missing(rule, accounts).isEmpty else {
            let strangers = named.filter { !accounts.contains($0) }
            return Self.check(
                name, .degraded,
                "needs \(needs), and too few of them have an account on this machine (none: "
                    + "\(context.rules.authority.list(strangers, "and")))",
                "Make the accounts, or correct `user:` under people:")
        }
        return Self.check(name, .healthy, "needs \(needs); they are there")
    }

    private func anyAuthorization(_ rollback: RollbackDefinition) -> [CheckReport] {
        let usable = rollback.authorization.contains {
            context.rules.missing($0, accounts).isEmpty
                && context.rules.refusal(of: $0, in: context.situation) == nil
        }
        if usable { return [] }
        return [
            Self.check(
                "approval", .failed, "no authorization could be given now",
                "Make the accounts of those who must agree, or correct `user:` under people:")
        ]
    }

    // MARK: What it rests on

    private var backup: CheckReport {
        let definition = context.runbook.backup
        do {
            guard let newest = try world.receipts(definition).first else {
                // Its preflight takes one, and nothing is changed before that one holds.
                return Self.check(
                    "newest backup", .healthy, "there is none yet; a rollback takes one first")
            }
            let differences = try world.compare(newest)
            if let first = differences.first {
                let more = differences.count > 1 ? "; and \(differences.count - 1) more" : ""
                return Self.check(
                    "newest backup", .failed, "\(newest.id) is not what it was: \(first)\(more)",
                    "Take a new one (tocsin backup), and find out what changed this one")
            }
            let age = (context.now - newest.at).seconds
            let text = "\(newest.id) is whole: \(newest.files) files, \(newest.rows) rows"
            return age > 86_400 * 7
                ? Self.check(
                    "newest backup", .degraded, "\(text), but older than a week",
                    "Take one: tocsin backup")
                : Self.check("newest backup", .healthy, text)
        } catch {
            return Self.check(
                "newest backup", .unknown, "\(error)", "Mend that, then ask again")
        }
    }

    /// A rollback takes a backup and saves what it changes: at most about as much again.
    private var room: CheckReport {
        let target = context.runbook.backup.to
        do {
            let free = try world.freeBytes(target)
            let last = (try? world.receipts(context.runbook.backup).first)?.bytes
            let text = "\(Self.bytes(free)) free at \(target)"
            guard let last else {
                return free >= Self.enoughRoom
                    ? Self.check("room on the disk", .healthy, text)
                    : Self.check(
                        "room on the disk", .degraded,
                        "\(text); what a backup takes is not known yet",
                        "Make room, or take one and see: tocsin backup")
            }
            let needs = "\(text), the last backup has \(Self.bytes(last))"
            if free < last {
                return Self.check("room on the disk", .failed, needs, "Make room at \(target)")
            }
            return free < 2 * last
                ? Self.check("room on the disk", .degraded, needs, "Make room at \(target)")
                : Self.check("room on the disk", .healthy, needs)
        } catch {
            return Self.check("room on the disk", .unknown, "\(error)", "See whether it is mounted")
        }
    }

    private static func bytes(_ count: Int) -> String {
        if count < 1_000_000 { return "\((count + 999) / 1000) kB" }
        if count < 10_000_000_000 { return "\(count / 1_000_000) MB" }
        return "\(count / 1_000_000_000) GB"
    }

    // MARK: Test mode, and this moment

    static func testMode(_ context: ReportContext) -> [CheckReport] {
        guard let rollback = context.runbook.rollback else { return [] }
        do throws(Refusal) {
            _ = try context.rules.testStages(rollback)
            return [check("test mode", .healthy, "everything has a stand-in")]
        } catch {
            return [check("test mode", .degraded, error.why, error.remedy)]
        }
    }

    /// What stands in the way of one that would begin now.
    static func now(_ context: ReportContext) -> [CheckReport] {
        let situation = context.situation
        var found: [CheckReport] = []
        if let running = situation.procedure {
            found.append(
                check(
                    "nothing else runs", .degraded, "\(running.id) is \(running.state.rawValue)",
                    "Wait for its end, or pause and stop it: tocsin stop-procedure"))
        }
        if let failed = situation.rollback, failed.state == .failed {
            found.append(
                check(
                    "no half-done rollback", .failed,
                    "\(failed.id) failed and was neither finished nor undone",
                    "tocsin resume-rollback, or tocsin undo-rollback"))
        }
        if let done = context.rules.standingRollback(situation, at: context.now) {
            found.append(
                check(
                    "not rolled back yet", .degraded,
                    "\(done.id) has taken the service back to \(done.name) and was not undone",
                    "Take it back: tocsin undo-rollback; or, if the service was brought forward "
                        + "again since: tocsin rollback --again"))
        }
        if let ask = situation.ask {
            let given = ask.approvals.map(\.user)
            let missing =
                context.rules.authorization(ask.authorization)
                .map { context.rules.missing($0, given) } ?? []
            found.append(
                check(
                    "request", .degraded,
                    "\(ask.id) waits"
                        + (missing.isEmpty
                            ? ""
                            : " for \(context.rules.spelled(missing, without: given + [ask.by]))"),
                    "tocsin approve-rollback, or tocsin veto-rollback"))
        }
        if let watch = situation.watch {
            let open = watch.problems.filter { $0.endedAt == nil }
            found.append(
                open.isEmpty
                    ? check("watch", .healthy, "no probe is down since \(watch.rollback)")
                    : check(
                        "watch", .degraded,
                        "down since \(watch.rollback): "
                            + open.map { "\($0.probe)" }.joined(separator: ", "),
                        "Perhaps what is needed is to take it back: tocsin undo-rollback"))
        }
        return found
    }
}
