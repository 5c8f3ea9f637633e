// Who has to agree to a rollback: asked for, approved by others, and over when it was too long ago.
//
//   asked by somebody whose word is enough ──▶ the rollback starts
//   asked, others must agree ──▶ requested ─ the last one agrees ──▶ started, once nothing else runs
//   requested ─ 30 minutes, veto, another plan, another level ──▶ over; nothing has happened
// The asker counts for one of the roles they hold, nobody counts twice, and names are the kernel's.
package import Domain
import OrderedCollections

extension Rules {
    /// Why an authorization cannot be used now by anybody; nil: it can.
    package func refusal(of rule: AuthorizationRule, in situation: Situation) -> Refusal? {
        guard let level = rule.onlyDuringLevel, situation.emergency?.level != level else {
            return nil
        }
        return Refusal(
            .notAllowed, rule: "rollback-authorization",
            why: "\(rule.kind) authorization holds only during a level \(level.rawValue) "
                + "emergency",
            remedy: "Use another authorization, or raise the level to \(level.rawValue)")
    }

    /// Which agreements are still missing; empty: it is authorised. Each person stands for one of the
    /// roles they hold, whichever way leaves the fewest missing.
    package func missing(_ rule: AuthorizationRule, _ users: [String]) -> [RoleCount] {
        // Who alone could fill a place is not spent on one that others could fill, too.
        let scarce = rule.needs.sorted { holders(of: $0.role) < holders(of: $1.role) }
        let places = scarce.flatMap { Array(repeating: $0.role, count: $0.count) }
        let open = Self.unfilled(places.count, by: Array(OrderedSet(users))) { place, user in
            authority.holds(places[place], user: user)
        }
        var counts: OrderedDictionary<String, Int> = [:]
        for place in open { counts[places[place], default: 0] += 1 }
        return rule.needs.compactMap { need in
            counts.removeValue(forKey: need.role).map { RoleCount(role: need.role, count: $0) }
        }
    }
    /// How many people of a role can log in and agree.
    private func holders(of role: String) -> Int {
        authority.members(of: role).count { authority.person(id: $0)?.user.isEmpty == false }
    }

    /// The places that stay open when as many as possible are filled: augmenting paths.
    private static func unfilled(
        _ count: Int, by users: [String], fits: (Int, String) -> Bool
    ) -> [Int] {
        var holder: [Int: String] = [:]
        func seat(_ user: String, _ tried: inout Set<Int>) -> Bool {
            for place in 0..<count where fits(place, user) && tried.insert(place).inserted {
                guard let sitting = holder[place] else {
                    holder[place] = user
                    return true
                }
                if seat(sitting, &tried) {
                    holder[place] = user
                    return true
                }
            }
            return false
        }
        for user in users {
            var tried: Set<Int> = []
            _ = seat(user, &tried)
        }
        return (0..<count).filter { holder[$0] == nil }
    }

    /// `1 senior-administrator (Ines Moreau)`: what is missing, and who could say it.
    package func spelled(_ missing: [RoleCount], without users: [String]) -> String {
        authority.list(
            missing.map { need in
                let names = authority.members(of: need.role)
                    .compactMap { authority.person(id: $0) }
                    .filter { !users.contains($0.user) && !$0.user.isEmpty }.map(\.name)
                return "\(need.count) \(need.role) (\(authority.list(names)))"
            }, "and")
    }

    /// Login names that could fill one of the places.
    package func candidates(_ missing: [RoleCount], without users: [String]) -> [Person] {
        runbook.people.filter { person in
            !person.user.isEmpty && !users.contains(person.user)
                && missing.contains { authority.holds($0.role, user: person.user) }
        }
    }

    package func authorization(_ kind: String) -> AuthorizationRule? {
        runbook.rollback?.authorization.first { $0.kind == kind }
    }

    // MARK: Asking

    /// Starts the rollback where the asker's word is enough; else asks those whose word is missing.
    func startOrAsk(
        _ rollback: RollbackDefinition, _ rule: AuthorizationRule, reason: String, plan: String,
        by: String, parent: (id: String, step: StepAddress)? = nil, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        let own = [by].filter { user in rule.needs.contains { authority.holds($0.role, user: user) }
        }
        let ask = RollbackAsk(
            id: newID("request", in: situation, at: moment), authorization: rule.kind,
            reason: reason, by: by, at: moment, expiresAt: moment + RollbackAsk.lifetime,
            stages: rollbackStages(rollback), plan: plan,
            approvals: own.map { Approval(user: $0, at: moment) }, parent: parent?.id,
            parentStep: parent?.step)
        if missing(rule, own).isEmpty { return start(rollback, ask, in: situation, at: moment) }
        let events: [Event] = [.rollbackRequested(ask)]
        return events + askApprovers(ask, rule, in: situation.after(events, at: moment), at: moment)
    }

    private func askApprovers(
        _ ask: RollbackAsk, _ rule: AuthorizationRule, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        let given = ask.approvals.map(\.user)
        let missing = missing(rule, given)
        return tell(
            candidates(missing, without: given + [ask.by]).map(\.id),
            "APPROVAL NEEDED: rollback of \(runbook.service.title)",
            "\(authority.name(user: ask.by)) asks for a rollback to \(runbook.rollback?.to ?? "") "
                + "under \(ask.authorization) authorization: \(ask.reason)\n"
                + "Missing: \(spelled(missing, without: given + [ask.by])).\n"
                + "Read the plan and agree before \(ask.expiresAt.timeOfDay) UTC: "
                + "tocsin approve-rollback; or end it: tocsin veto-rollback",
            by: ask.by, in: situation, at: moment)
    }

    // MARK: Agreeing

    func approve(
        _ request: ApprovalRequest, _ caller: Caller, in situation: Situation,
        at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        guard let ask = situation.ask, request.request == nil || request.request == ask.id else {
            throw Refusal(
                .notNow, rule: "nothing-to-approve",
                why: situation.ask.map { "\($0.id) is the request that waits" }
                    ?? "no rollback waits for an approval",
                remedy: situation.ask == nil
                    ? "Ask for one: tocsin rollback --confirm" : "Read it, and approve that one")
        }
        guard let rule = authorization(ask.authorization) else {
            throw Refusal(
                .notNow, rule: "rollback-authorization",
                why: "the runbook has no \(ask.authorization) authorization any more",
                remedy: "Ask anew: tocsin rollback --confirm")
        }
        let given = ask.approvals.map(\.user)
        let open = missing(rule, given)
        if given.contains(caller.user) || ask.by == caller.user {
            throw Refusal(
                .notAllowed, rule: "own-second",
                why: "\(authority.name(user: caller.user)) "
                    + (ask.by == caller.user ? "asked for it" : "has agreed already")
                    + ", and nobody counts twice",
                remedy: open.isEmpty
                    ? "Nothing to do: it starts when nothing else runs"
                    : "Ask for \(spelled(open, without: given + [ask.by]))")
        }
        guard
            missing(rule, given + [caller.user]).map(\.count).reduce(0, +)
                < open.map(\.count).reduce(0, +)
        else {
            throw Refusal(
                .notAllowed, rule: "rollback-authorization",
                why: open.isEmpty
                    ? "enough people have agreed already"
                    : "\(ask.authorization) authorization still needs "
                        + "\(authority.list(open.map { "\($0.count) \($0.role)" }, "and")), and "
                        + "\(Visible.text(caller.user, limit: 100)) is none",
                remedy: open.isEmpty
                    ? "Nothing to do" : "Ask \(spelled(open, without: given + [ask.by]))")
        }
        if let refusal = refusal(of: rule, in: situation) { throw refusal }
        // A playbook's request has no fingerprint: its plan is the present one, or it is over.
        let planIsTheirs = ask.plan.isEmpty || request.plan.map { $0 == ask.plan } ?? true
        guard planIsTheirs, planIsCurrent(ask) else {
            throw Refusal(
                .notNow, rule: "plan-changed",
                why: planIsTheirs
                    ? "the plan is no longer the one that was asked for"
                    : "the plan that was read is not the one that was asked for",
                remedy: planIsTheirs
                    ? "Have it asked for anew: tocsin rollback --confirm"
                    : "Read the plan again: tocsin rollback --dry-run")
        }
        return [.rollbackApproved(request: ask.id, by: caller.user)]
    }

    private func planIsCurrent(_ ask: RollbackAsk) -> Bool {
        runbook.rollback.map { rollbackStages($0) == ask.stages } ?? false
    }

    // MARK: What falls due

    /// An authorised request starts as soon as nothing else runs; one that cannot be any more is over.
    func dueRequest(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard let ask = situation.ask else { return [] }
        func over(_ why: String) -> [Event] {
            end(ask, why, by: "engine", in: situation, at: moment)
        }
        guard let rollback = runbook.rollback, let rule = authorization(ask.authorization),
            planIsCurrent(ask)
        else { return over("the plan is no longer the one that was asked for") }
        guard moment < ask.expiresAt else {
            return over("it was not approved within \(RollbackAsk.lifetime.spelled)")
        }
        if let refusal = refusal(of: rule, in: situation) { return over(refusal.why) }
        if let parent = ask.parent,
            situation.procedure?.id != parent || situation.procedure?.state == .undoing
        {
            return over("the playbook that asked for it is over")
        }
        guard missing(rule, ask.approvals.map(\.user)).isEmpty,
            situation.procedure == nil || situation.procedure?.id == ask.parent,
            situation.procedure?.state != .paused
        else { return [] }
        if situation.rollback?.state == .failed {
            return over("an earlier rollback failed and was neither finished nor undone")
        }
        return start(rollback, ask, in: situation, at: moment)
    }

    func requestDeadlines(_ situation: Situation) -> [Timestamp] {
        [situation.ask?.expiresAt].compactMap { $0 }
    }

    /// The request is over without a rollback; so is the step of the playbook that waited for it.
    func end(
        _ ask: RollbackAsk, _ why: String, by: String, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        let events: [Event] = [.rollbackRequestEnded(request: ask.id, why: why, by: by)]
        guard let playbook = situation.procedure, playbook.id == ask.parent,
            let address = playbook.currentAddress, playbook[address].state == .running
        else { return events }
        return events
            + stepEnded(
                playbook.id, address, undo: false,
                StepOutcome(end: .failed, message: why, seconds: (moment - ask.at).seconds),
                in: situation.after(events, at: moment), at: moment)
    }

    // MARK: Telling

    /// People who are told at once, by the channels of the most urgent level.
    func tell(
        _ people: [String], _ title: String, _ text: String, by: String, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        let via = usualVia(.critical)
        guard !people.isEmpty, !via.isEmpty else { return [] }
        let level = situation.emergency?.level
        return queue(
            OutboxMessage(
                id: newID("message", in: situation, at: moment), purpose: .procedure,
                emergency: situation.emergency?.id, level: level, priority: .critical,
                title: line(title), text: Visible.text(text, limit: 4_000, lines: true),
                facts: situation.emergency.map {
                    emergencyFacts($0, in: situation, at: moment)
                } ?? [], at: moment, by: by, people: people, via: via),
            in: situation, at: moment)
    }

    /// Who hears of a rollback that needs somebody: those the runbook names, or the administrators.
    func rollbackPeople(_ situation: Situation, at moment: Timestamp) -> [String] {
        let named = people(
            of: runbook.rollback?.afterwards.notifyRoles ?? [], in: situation, at: moment)
        if !named.isEmpty { return named }
        return people(of: ["administrator"], in: situation, at: moment)
    }
}
