// The rollback's decision: when it is proposed, who may start it, and what undoes it.
//
//   a rule held long enough ──▶ proposed ─ run_after, unless vetoed ──▶ started by the engine
//   confirmed by name, plan unchanged ──▶ started, or asked for (see ApprovalRules)
//   failed ─ resume ──▶ running            failed, paused, waiting, succeeded ─ undo ──▶ undoing
//   undoing ─ back to before a stage ──▶ paused
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
        guard let rollback = runbook.rollback, !justRolledBack(situation),
            standingRollback(situation, at: moment) == nil
        else { return [] }
        if isRollingBack(situation) { return [] }
        return rollback.when.compactMap { rule in
            guard let standing = situation.conditions[.rollback(rule.name)] else { return nil }
            let since = standing.since + rule.holds
            guard since <= moment else { return nil }
            // What the rule was for was done, or taken back on purpose, while it held.
            let done = situation.rollback.flatMap { last in
                (last.finishedAt ?? last.startedAt) >= standing.since ? last.state : nil
            }
            if done == .succeeded { return nil }
            let byItself =
                done == nil && situation.rollback?.state != .failed
                && !situation.vetoedRules.contains(rule.name)
            return RollbackProposal(
                rule: rule, why: standing.why.isEmpty ? rule.when.text : standing.why, since: since,
                runsAt: byItself
                    ? rule.runAfter.map { situation.announcedRules[rule.name] ?? moment + $0 } : nil
            )
        }
    }

    /// A test is no rollback.
    private func isRollingBack(_ situation: Situation) -> Bool {
        situation.procedure.map { $0.kind == .rollback && !$0.testMode } ?? false
    }

    /// A rollback that succeeded during the open emergency: there is nothing left to roll back.
    private func justRolledBack(_ situation: Situation) -> Bool {
        guard let rollback = situation.rollback, rollback.state == .succeeded else { return false }
        guard let emergency = situation.emergency else { return false }
        return (rollback.finishedAt ?? rollback.startedAt) >= emergency.activatedAt
    }

    /// The rollback that has taken the service back within the last day and was not undone: a second one
    /// would find nothing to do, and stand in the way of undoing the first.
    package func standingRollback(_ situation: Situation, at moment: Timestamp) -> Procedure? {
        guard let last = situation.rollback, last.state == .succeeded,
            moment - (last.finishedAt ?? last.startedAt) < Self.rollbackStands
        else { return nil }
        return last
    }
    /// After so long the service may well have been brought forward again.
    package static let rollbackStands = Span.hours(24)

    /// The kind that fits the situation when nobody names one.
    package func suggestedAuthorization(_ situation: Situation) -> String {
        let kinds = runbook.rollback?.authorization.map(\.kind) ?? []
        if situation.reported["security"] != nil, kinds.contains("security") { return "security" }
        if situation.emergency?.level == .critical, kinds.contains("emergency") {
            return "emergency"
        }
        return kinds.contains("planned") ? "planned" : kinds.first ?? "planned"
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
        try noOtherProcedure(situation)
        if request.testMode { return [try test(rollback, request, caller, situation, moment)] }
        if let failed = situation.rollback, failed.state == .failed {
            throw Refusal(
                .notNow, rule: "half-done-rollback",
                why: "\(failed.id) failed and was neither finished nor undone",
                remedy: "Resume it (tocsin resume-rollback) or undo it (tocsin undo-rollback)")
        }
        if situation.ask == nil, !request.again,
            let done = standingRollback(situation, at: moment)
        {
            throw Refusal(
                .notNow, rule: "rolled-back-already",
                why: "\(done.id) has taken the service back to \(done.name) at "
                    + "\((done.finishedAt ?? done.startedAt).timeOfDay) UTC and was not undone",
                remedy: "To take that back: tocsin undo-rollback. If the service was brought "
                    + "forward again since: tocsin rollback --again")
        }
        let kind =
            request.authorization ?? situation.ask?.authorization
            ?? suggestedAuthorization(situation)
        guard let rule = authorization(kind) else {
            throw Refusal(
                .notUnderstood, rule: "rollback-authorization",
                why: "the runbook has no “\(Visible.text(kind, limit: 60))” authorization",
                remedy: "Choose \(authority.list(rollback.authorization.map(\.kind)))")
        }
        if let refusal = refusal(of: rule, in: situation) { throw refusal }
        try confirmed(request)
        if let ask = situation.ask {
            return try join(ask, kind, request, caller, in: situation, at: moment)
        }
        let reason =
            request.reason.allSatisfy(\.isWhitespace)
            ? situation.emergency?.reason ?? "asked for by \(authority.name(user: caller.user))"
            : request.reason
        return startOrAsk(
            rollback, rule, reason: try required(reason, "a rollback's reason", limit: 500),
            plan: request.plan, by: caller.user, in: situation, at: moment)
    }

    private func test(
        _ rollback: RollbackDefinition, _ request: RollbackRequest, _ caller: Caller,
        _ situation: Situation, _ moment: Timestamp
    ) throws(Refusal) -> Event {
        try confirmed(request)
        let reason = request.reason.allSatisfy(\.isWhitespace) ? "test" : request.reason
        return try startTest(
            rollback, reason: try required(reason, "a test's reason", limit: 500), by: caller.user,
            in: situation, at: moment)
    }

    private func confirmed(_ request: RollbackRequest) throws(Refusal) {
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
    }

    /// Somebody confirms the same rollback that another has asked for: that is an approval.
    private func join(
        _ ask: RollbackAsk, _ kind: String, _ request: RollbackRequest, _ caller: Caller,
        in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        guard ask.authorization == kind else {
            throw Refusal(
                .notNow, rule: "another-request",
                why: "\(ask.id) asks for a rollback under \(ask.authorization) authorization",
                remedy: "Approve that one (tocsin approve-rollback), or end it first "
                    + "(tocsin veto-rollback)")
        }
        return try approve(ApprovalRequest(request: ask.id), caller, in: situation, at: moment)
    }

    /// The rollback that was asked for, by those who agreed to it.
    func start(
        _ rollback: RollbackDefinition, _ ask: RollbackAsk, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        var procedure = Procedure(
            id: newID("rollback", in: situation, at: moment), kind: .rollback,
            name: rollback.to, title: "Rollback to \(rollback.to)", startedAt: moment,
            startedBy: ask.by, reason: ask.reason, emergency: situation.emergency?.id,
            authorization: ask.authorization, stages: ask.stages)
        procedure.approvals = ask.approvals
        procedure.parent = ask.parent
        procedure.parentStep = ask.parentStep
        var events = endOfWatch("another rollback begins", in: situation)
        if let other = situation.ask, other.id != ask.id {
            events.append(
                .rollbackRequestEnded(
                    request: other.id, why: "another rollback begins", by: ask.by))
        }
        return events + [.procedureStarted(procedure)]
    }

    func undoRollback(
        toStage name: String?, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        let procedure = try undoable(situation)
        var stage: Int?
        if let name {
            let names = procedure.stages.map(\.name)
            stage =
                names.firstIndex(of: name)
                ?? names.firstIndex { $0.lowercased() == name.lowercased() }
            guard stage != nil else {
                throw Refusal(
                    .notUnderstood, rule: "unknown-stage",
                    why: "\(procedure.id) has no stage “\(Visible.text(name, limit: 60))”",
                    remedy: "Choose \(authority.list(procedure.stages.map(\.name)))")
            }
        }
        var events: [Event] = []
        if situation.watch?.rollback == procedure.id {
            events += endOfWatch("the rollback is taken back", in: situation)
        }
        events.append(.undoStarted(procedure: procedure.id, by: by, toStage: stage))
        return events
    }

    /// What can be taken back now: what is paused or waits, or the rollback or restore that ended last.
    private func undoable(_ situation: Situation) throws(Refusal) -> Procedure {
        if let procedure = situation.procedure {
            guard procedure.state == .paused || procedure.state == .waiting else {
                throw Refusal(
                    .notNow, rule: "pause-first",
                    why: "\(procedure.id) is \(procedure.state.rawValue)",
                    remedy: procedure.state == .undoing
                        ? "It is being undone" : "Pause it first: tocsin pause-rollback")
            }
            return procedure
        }
        let last = [situation.rollback, situation.lastProcedure].compactMap { $0 }
        let ended = last.filter { procedure in
            let canBe = procedure.kind == .rollback || procedure.name == Self.restoreName
            return canBe && (procedure.state == .failed || procedure.state == .succeeded)
        }
        func end(_ procedure: Procedure) -> Timestamp {
            procedure.finishedAt ?? procedure.startedAt
        }
        if let newest = ended.max(by: { end($0) < end($1) }) { return newest }
        throw Refusal(
            .notNow, rule: "nothing-to-undo", why: "there is no rollback to undo",
            remedy: "Nothing to do")
    }

    func veto(
        _ text: String, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        // Also a rule that does not propose yet, but would start by itself later, can be vetoed.
        let pending = (runbook.rollback?.when ?? []).filter { rule in
            rule.runAfter != nil && situation.conditions[.rollback(rule.name)] != nil
                && !situation.vetoedRules.contains(rule.name)
        }
        let words = Visible.text(text, limit: 500)
        let asked =
            situation.ask.map {
                end(
                    $0, "vetoed" + (words.isEmpty ? "" : ": \(words)"), by: by, in: situation,
                    at: moment)
            } ?? []
        guard !pending.isEmpty, !isRollingBack(situation) else {
            if !asked.isEmpty { return asked }
            throw Refusal(
                .notNow, rule: "nothing-to-veto",
                why: "no rollback is asked for, and none is about to start by itself",
                remedy: isRollingBack(situation)
                    ? "It runs already: pause it, then undo it" : "Nothing to do")
        }
        let events =
            asked + pending.map { Event.rollbackVetoed(rule: $0.name, by: by, text: words) }
        guard pending.contains(where: { situation.announcedRules[$0.name] != nil }) else {
            return events
        }
        return events
            + tell(
                people(of: ["administrator"], in: situation, at: moment),
                "ROLLBACK VETOED by \(authority.name(user: by))",
                "No rollback starts by itself: \(authority.list(pending.map(\.name), "and")).",
                by: by, in: situation.after(events, at: moment), at: moment)
    }

    /// A rule's rollback that nobody vetoed in time starts, unless something else is at work.
    func dueRollback(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard situation.procedure == nil, let rollback = runbook.rollback,
            situation.rollback?.state != .failed,
            let proposal = rollbackProposals(situation, at: moment)
                .first(where: { proposal in
                    // Never without a countdown that people were told of, and could have ended.
                    proposal.runsAt != nil
                        && situation.announcedRules[proposal.rule.name].map { $0 <= moment }
                            ?? false
                })
        else { return [] }
        return start(
            rollback,
            RollbackAsk(
                id: "", authorization: "emergency",
                reason: "\(proposal.rule.name): \(proposal.why)", by: "engine", at: moment,
                expiresAt: moment, stages: rollbackStages(rollback), plan: ""),
            in: situation, at: moment)
    }

    func rollbackDeadlines(_ situation: Situation) -> [Timestamp] {
        // When the last rollback no longer stands in the way of the rules.
        let free = situation.rollback.flatMap { last in
            last.state == .succeeded
                ? (last.finishedAt ?? last.startedAt) + Self.rollbackStands : nil
        }
        return (runbook.rollback?.when ?? []).flatMap { rule -> [Timestamp] in
            guard let standing = situation.conditions[.rollback(rule.name)] else { return [] }
            return [standing.since + rule.holds, situation.announcedRules[rule.name], free]
                .compactMap { $0 }
        }
    }
}
