// The rollback's decision: when it is proposed, who may start it, and what undoes it.
//
//   a rule held long enough ──▶ proposed ─ run_after, unless vetoed ──▶ started by the engine
//   confirmed by name, authorised, plan unchanged ──▶ started
//   failed ─ resume ──▶ running            failed, paused, waiting, succeeded ─ undo ──▶ undoing
package import Domain
import OrderedCollections

/// A rollback rule that holds, and since when it proposes.
package struct RollbackProposal: Sendable, Equatable {
    package var rule: RollbackRule
    package var why: String
    package var since: Timestamp
    /// When it starts by itself.
    package var runsAt: Timestamp?
}

extension Rules {
    /// The rules that propose a rollback now, in the runbook's order.
    package func rollbackProposals(
        _ situation: Situation, at moment: Timestamp
    ) -> [RollbackProposal] {
        guard let rollback = runbook.rollback, !justRolledBack(situation) else { return [] }
        if situation.procedure?.kind == .rollback { return [] }
        return rollback.when.compactMap { rule in
            guard let standing = situation.conditions[.rollback(rule.name)] else { return nil }
            let since = standing.since + rule.holds
            guard since <= moment else { return nil }
            let vetoed = situation.vetoedRules.contains(rule.name)
            return RollbackProposal(
                rule: rule, why: standing.why.isEmpty ? rule.when.text : standing.why, since: since,
                runsAt: vetoed ? nil : rule.runAfter.map { since + $0 })
        }
    }

    /// A rollback that succeeded during the open emergency: there is nothing left to roll back.
    private func justRolledBack(_ situation: Situation) -> Bool {
        guard let rollback = situation.rollback, rollback.state == .succeeded else { return false }
        guard let emergency = situation.emergency else { return false }
        return (rollback.finishedAt ?? rollback.startedAt) >= emergency.activatedAt
    }

    /// The kind that fits the situation when nobody names one.
    package func suggestedAuthorization(_ situation: Situation) -> String {
        let kinds = runbook.rollback?.authorization.map(\.kind) ?? []
        if situation.reported["security"] != nil, kinds.contains("security") { return "security" }
        if situation.emergency?.level == .critical, kinds.contains("emergency") {
            return "emergency"
        }
        return kinds.contains("planned") ? "planned" : kinds.first ?? "planned"
    }

    /// Why a caller cannot use an authorization now; nil: it can be used.
    package func refusal(
        of rule: AuthorizationRule, for user: String, in situation: Situation
    ) -> Refusal? {
        if let level = rule.onlyDuringLevel, situation.emergency?.level != level {
            return Refusal(
                .notAllowed, rule: "rollback-authorization",
                why: "\(rule.kind) authorization holds only during a level \(level.rawValue) "
                    + "emergency",
                remedy: "Use another authorization, or raise the level to \(level.rawValue)")
        }
        for need in rule.needs {
            let names = authority.members(of: need.role)
                .compactMap { authority.person(id: $0)?.name }
            if need.count > 1 {
                return Refusal(
                    .notAllowed, rule: "rollback-authorization",
                    why: "\(rule.kind) authorization needs \(need.count) people of the role "
                        + need.role + ", and this version cannot collect a second approval",
                    remedy: "Use an authorization that one person can give")
            }
            if need.count == 1, !authority.holds(need.role, user: user) {
                return Refusal(
                    .notAllowed, rule: "rollback-authorization",
                    why: "\(rule.kind) authorization needs 1 \(need.role), and "
                        + "\(Visible.text(user, limit: 100)) is none",
                    remedy: "Ask \(authority.list(names))")
            }
        }
        return nil
    }

    func rollBack(
        _ request: RollbackRequest, _ caller: Caller, in situation: Situation,
        at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        guard let rollback = runbook.rollback else {
            throw Refusal(
                .notNow, rule: "no-rollback", why: "the runbook describes no rollback",
                remedy: "Add `rollback:` to it")
        }
        if request.testMode {
            throw Refusal(
                .notNow, rule: "no-test-mode", why: "this version has no test mode yet",
                remedy: "Use the dry run: tocsin rollback --dry-run")
        }
        try noOtherProcedure(situation)
        if let failed = situation.rollback, failed.state == .failed {
            throw Refusal(
                .notNow, rule: "half-done-rollback",
                why: "\(failed.id) failed and was neither finished nor undone",
                remedy: "Resume it (tocsin resume-rollback) or undo it (tocsin undo-rollback)")
        }
        let kind = request.authorization ?? suggestedAuthorization(situation)
        guard let rule = rollback.authorization.first(where: { $0.kind == kind }) else {
            throw Refusal(
                .notUnderstood, rule: "rollback-authorization",
                why: "the runbook has no “\(Visible.text(kind, limit: 60))” authorization",
                remedy: "Choose \(authority.list(rollback.authorization.map(\.kind)))")
        }
        if let refusal = refusal(of: rule, for: caller.user, in: situation) { throw refusal }
        guard request.confirmation == runbook.service.name else {
            throw Refusal(
                .notNow, rule: "rollback-confirmation",
                why: "the service's name was not typed as it is",
                remedy: "Confirm with the name of the service: \(runbook.service.name)")
        }
        guard request.planIsCurrent else {
            throw Refusal(
                .notNow, rule: "plan-changed",
                why: "the plan is no longer the one that was shown",
                remedy: "Read the new plan and confirm again")
        }
        let reason =
            request.reason.allSatisfy(\.isWhitespace)
            ? situation.emergency?.reason ?? ""
            : request.reason
        return [
            start(
                rollback, by: caller.user, authorization: kind,
                reason: try required(reason, "a rollback's reason", limit: 500), in: situation,
                at: moment)
        ]
    }

    private func start(
        _ rollback: RollbackDefinition, by: String, authorization: String, reason: String,
        in situation: Situation, at moment: Timestamp
    ) -> Event {
        .procedureStarted(
            Procedure(
                id: newID("rollback", in: situation, at: moment), kind: .rollback,
                name: rollback.to, title: "Rollback to \(rollback.to)", startedAt: moment,
                startedBy: by, reason: reason, emergency: situation.emergency?.id,
                authorization: authorization, stages: rollbackStages(rollback)))
    }

    func undoRollback(_ caller: Caller, in situation: Situation) throws(Refusal) -> [Event] {
        if let procedure = situation.procedure {
            guard procedure.kind == .rollback else {
                try noOtherProcedure(situation)
                return []
            }
            guard procedure.state == .paused || procedure.state == .waiting else {
                throw Refusal(
                    .notNow, rule: "pause-first",
                    why: "\(procedure.id) is \(procedure.state.rawValue)",
                    remedy: procedure.state == .undoing
                        ? "It is being undone" : "Pause it first: tocsin pause-rollback")
            }
            return [.undoStarted(procedure: procedure.id, by: caller.user)]
        }
        guard let rollback = situation.rollback,
            rollback.state == .failed || rollback.state == .succeeded
        else {
            throw Refusal(
                .notNow, rule: "nothing-to-undo", why: "there is no rollback to undo",
                remedy: "Nothing to do")
        }
        return [.undoStarted(procedure: rollback.id, by: caller.user)]
    }

    func veto(
        _ text: String, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        // Also a rule that does not propose yet, but would start by itself later, can be vetoed.
        let pending = (runbook.rollback?.when ?? []).filter { rule in
            rule.runAfter != nil && situation.conditions[.rollback(rule.name)] != nil
                && !situation.vetoedRules.contains(rule.name)
        }
        guard !pending.isEmpty, situation.procedure?.kind != .rollback else {
            throw Refusal(
                .notNow, rule: "nothing-to-veto",
                why: "no rollback is about to start by itself",
                remedy: situation.procedure?.kind == .rollback
                    ? "It runs already: pause it, then undo it" : "Nothing to do")
        }
        return pending.map {
            .rollbackVetoed(rule: $0.name, by: by, text: Visible.text(text, limit: 500))
        }
    }

    /// A rule's rollback that nobody vetoed in time starts, unless something else is at work.
    func dueRollback(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard situation.procedure == nil, let rollback = runbook.rollback,
            situation.rollback?.state != .failed,
            let proposal = rollbackProposals(situation, at: moment)
                .first(where: { $0.runsAt.map { $0 <= moment } ?? false })
        else { return [] }
        return [
            start(
                rollback, by: "engine", authorization: "emergency",
                reason: "\(proposal.rule.name): \(proposal.why)", in: situation, at: moment)
        ]
    }

    func rollbackDeadlines(_ situation: Situation) -> [Timestamp] {
        (runbook.rollback?.when ?? []).flatMap { rule -> [Timestamp] in
            guard let standing = situation.conditions[.rollback(rule.name)] else { return [] }
            let since = standing.since + rule.holds
            return [since] + (rule.runAfter.map { [since + $0] } ?? [])
        }
    }
}
