// After a rollback: every probe that goes down is its problem, until the watch is over.
//
//   a rollback succeeded ──▶ watched ─ every 5 minutes ──▶ looked at
//   watched ─ a probe goes down ──▶ a problem, and people are told
//   watched ─ 24 hours, an undo, another rollback ──▶ over
// Also here: what is told about rollbacks that start by themselves, and recoveries that take too long.
package import Domain
import OrderedCollections

extension Rules {
    /// The probes that have just gone down, as problems of the rollback that is being watched.
    func watchProblems(
        _ news: [Event], in situation: Situation, at moment: Timestamp
    ) -> [Event] {
        // What a procedure stops on purpose is no problem of the rollback.
        guard let watch = situation.watch, moment < watch.until,
            !isChangingTheService(situation)
        else { return [] }
        var down: [(probe: ProbeReference, message: String)] = []
        for event in news {
            if case .probeChanged(let probe, _, .failed, let message) = event {
                down.append((probe, message))
            }
        }
        let events = down.map {
            Event.watchProblem(rollback: watch.rollback, $0.probe, message: $0.message)
        }
        // One that comes and goes is told once, until it has been quiet for a while.
        down.removeAll { entry in
            watch.problems.contains { $0.probe == entry.probe && moment < $0.at + watch.every }
        }
        guard !down.isEmpty else { return events }
        let names = authority.list(down.map { "\($0.probe)" }, "and")
        return events
            + tell(
                rollbackPeople(situation, at: moment), "ROLLBACK PROBLEM: \(names) went down",
                down.map { "\($0.probe): \($0.message)" }.joined(separator: "\n")
                    + "\n\(watch.rollback) is being watched until \(watch.until.spoken). To go "
                    + "back to before it: tocsin undo-rollback",
                by: "engine", in: situation.after(events, at: moment), at: moment)
    }

    func dueWatch(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard let watch = situation.watch else { return [] }
        if watch.until <= moment {
            let count = watch.problems.count
            let end = Event.watchEnded(
                rollback: watch.rollback,
                why: count == 0 ? "no probe went down" : "\(count) probes went down in this time")
            return [end]
                + tell(
                    rollbackPeople(situation, at: moment), "ROLLBACK WATCH ENDED",
                    count == 0
                        ? "No probe went down in the \((watch.until - watch.from).spelled) after "
                            + "\(watch.rollback)."
                        : "In the \((watch.until - watch.from).spelled) after \(watch.rollback) "
                            + "went down: "
                            + watch.problems.map { "\($0.probe)" }.joined(separator: ", "),
                    by: "engine", in: situation.after([end], at: moment), at: moment)
        }
        guard watch.lookedAt + watch.every <= moment else { return [] }
        let down = situation.probes.filter { $0.value.health == .failed }.map(\.key)
        let states = runbook.components.map { (component: $0, health: situation.health(of: $0)) }
        return [
            .watchLooked(
                rollback: watch.rollback, score: HealthRules.score(states),
                down: Array(down.prefix(Situation.Limits.watchProblems)))
        ]
    }

    func watchDeadlines(_ situation: Situation) -> [Timestamp] {
        situation.watch.map { [$0.until, $0.lookedAt + $0.every] } ?? []
    }

    /// The watch ends when what it watches is taken back or replaced.
    func endOfWatch(_ why: String, in situation: Situation) -> [Event] {
        situation.watch.map { [.watchEnded(rollback: $0.rollback, why: why)] } ?? []
    }

    // MARK: A rollback that starts by itself

    func dueAnnouncements(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        let coming = rollbackProposals(situation, at: moment).first { proposal in
            proposal.runsAt.map { $0 > moment } == true
                && !situation.announcedRules.contains(proposal.rule.name)
        }
        guard let coming, let at = coming.runsAt, situation.rollback?.state != .failed else {
            return []
        }
        let event = Event.rollbackAnnounced(rule: coming.rule.name, at: at)
        return [event]
            + tell(
                people(of: ["administrator"], in: situation, at: moment),
                "ROLLBACK STARTS BY ITSELF at \(at.timeOfDay) UTC",
                "\(coming.rule.name): \(coming.why)\n\(runbook.service.title) goes back to "
                    + "\(runbook.rollback?.to ?? "") at \(at.spoken) unless somebody vetoes it: "
                    + "tocsin veto-rollback",
                by: "engine", in: situation.after([event], at: moment), at: moment)
    }

    // MARK: A recovery that takes too long

    /// When the first attempt for the open emergency began.
    private func recoveryBegan(_ emergency: Emergency, _ situation: Situation) -> Timestamp? {
        let past = situation.pastProcedures
            .filter { $0.kind == .recovery && $0.emergency == emergency.id }.map(\.startedAt)
        let present = [situation.procedure].compactMap { $0 }
            .filter { $0.kind == .recovery && $0.emergency == emergency.id }.map(\.startedAt)
        return (past + present).min()
    }

    private func overdueAt(_ situation: Situation) -> (Timestamp, RecoveryPlan)? {
        guard let emergency = situation.emergency, !emergency.recoveryIsOverdue,
            let plan = plan(for: emergency), let after = plan.escalateAfter,
            let began = recoveryBegan(emergency, situation)
        else { return nil }
        return (began + after, plan)
    }

    /// When `escalate_after` is over for the open emergency; nil: nothing was tried yet, or it was
    /// acted on.
    package func recoveryEscalatesAt(_ situation: Situation) -> Timestamp? {
        overdueAt(situation)?.0
    }

    /// The plan's `escalate_after`: the next step of the matrix is taken although somebody is at work.
    func dueOverdueRecovery(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard let (at, plan) = overdueAt(situation), at <= moment,
            let emergency = situation.emergency,
            !stillHolding(emergency, in: situation).isEmpty
        else { return [] }
        let event = Event.recoveryOverdue(
            failure: plan.failure, after: plan.escalateAfter ?? .zero)
        let next = situation.after([event], at: moment)
        // A level without a row has nobody to escalate to; that it is overdue stands in the journal.
        let escalation = try? escalate("", by: "engine", in: next, at: moment)
        return [event] + (escalation ?? [])
    }

    func overdueDeadlines(_ situation: Situation) -> [Timestamp] {
        overdueAt(situation).map { [$0.0] } ?? []
    }
}
