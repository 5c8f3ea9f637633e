// The escalation machine: the level's row of the matrix, step by step, until somebody acknowledges.
//
//   unacknowledged ─ after a step's time ──▶ step taken (round 1)
//   unacknowledged ─ repeat_every later ──▶ step taken again (round n + 1)
//   acknowledged ──▶ nothing more, until the acknowledgement runs out
//   a change of level begins its row anew
// Each step that is taken is a message in the outbox, and a ticket where the step says so.
package import Domain
import OrderedCollections

extension Rules {
    func row(_ level: Level) -> [EscalationStep] {
        runbook.escalation.first { $0.level == level }?.steps ?? []
    }

    /// When a step of the open emergency's row is to be taken next; nil: not by itself any more.
    package func due(_ index: Int, _ emergency: Emergency) -> Timestamp? {
        let steps = row(emergency.level)
        guard emergency.acknowledgedAt == nil, steps.indices.contains(index) else { return nil }
        guard let taken = emergency.standing(emergency.level, index) else {
            return emergency.levelSince + steps[index].after
        }
        return steps[index].repeatEvery.map { taken.lastAt + $0 }
    }

    func dueEscalation(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard let emergency = situation.emergency else { return [] }
        for index in row(emergency.level).indices {
            if let due = due(index, emergency), due <= moment {
                return take(index, emergency, by: "engine", in: situation, at: moment)
            }
        }
        return []
    }

    func escalationDeadlines(_ situation: Situation) -> [Timestamp] {
        guard let emergency = situation.emergency else { return [] }
        return row(emergency.level).indices.compactMap { due($0, emergency) }
    }

    /// By hand: the next step that was not taken yet, now; the last one again when all were.
    func escalate(
        _ text: String, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let emergency = try open(situation)
        let steps = row(emergency.level)
        guard !steps.isEmpty else {
            throw Refusal(
                .notNow, rule: "no-escalation",
                why: "the runbook has no escalation for level \(emergency.level.rawValue)",
                remedy: "Raise the level, or tell people yourself: tocsin contacts")
        }
        // Addresses from `alerts.local.yaml` come last in the row, and are nobody to escalate to.
        let last = steps.lastIndex { !($0.notify + $0.via).contains(where: LocalNames.isLocal) }
        let next =
            steps.indices.first { emergency.standing(emergency.level, $0) == nil }
            ?? last ?? steps.count - 1
        var events = take(next, emergency, by: by, in: situation, at: moment)
        if !text.allSatisfy(\.isWhitespace) {
            events.append(.noted(text: Visible.text(text, limit: 4_000, lines: true), by: by))
        }
        return events
    }

    private func take(
        _ index: Int, _ emergency: Emergency, by: String, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        let step = row(emergency.level)[index]
        let taken = EscalationTaken(
            level: emergency.level, index: index,
            round: (emergency.standing(emergency.level, index)?.rounds ?? 0) + 1,
            people: people(of: step.notify, in: situation, at: moment), via: step.via,
            ticket: step.ticket, by: by)
        var events: [Event] = [.escalated(taken)]
        var next = situation
        next.apply(.escalated(taken), at: moment)
        guard let open = next.emergency else { return events }
        if !step.via.isEmpty {
            let more = queue(
                escalationMessage(taken, step, open, in: next, at: moment), in: next, at: moment)
            for event in more { next.apply(event, at: moment) }
            events += more
        }
        // One ticket for an emergency, however often it is escalated.
        if step.ticket, runbook.tickets != nil, !hasTicket(open, in: next) {
            events += queue(
                ticketMessage(open, by: by, in: next, at: moment), in: next, at: moment)
        }
        return events
    }

    private func hasTicket(_ emergency: Emergency, in situation: Situation) -> Bool {
        emergency.ticket != nil
            || (situation.settled + situation.outbox.values).contains {
                $0.message.purpose == .ticket && $0.message.emergency == emergency.id
                    && $0.deliveries.contains { $0.state != .dead }
            }
    }
}

extension Emergency {
    package func standing(_ level: Level, _ index: Int) -> EscalationStanding? {
        escalation.first { $0.level == level && $0.index == index }
    }
}
