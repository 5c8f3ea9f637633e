// What messages say: the same facts for every channel, in words that help at three in the morning.
package import Domain

extension Rules {
    /// Everything about an emergency that somebody who was asleep needs to know.
    func emergencyFacts(
        _ emergency: Emergency, in situation: Situation, at moment: Timestamp
    ) -> [NamedText] {
        let level = emergency.level
        let meaning = runbook.levels.first { $0.level == level }?.means ?? ""
        let failing = stillFailing(emergency, in: situation)
        let told = told(of: emergency, in: situation).map { person in
            "\(authority.person(id: person.id)?.name ?? person.id) (\(person.state.word))"
        }
        var facts = [
            ("Emergency", emergency.id),
            (
                "Level",
                "\(level.rawValue) \(levelName(level))" + (meaning.isEmpty ? "" : " – \(meaning)")
            ),
            ("Since", "\(emergency.activatedAt.spoken) (\(emergency.activation.triggeredBy))"),
            ("Respond by", emergency.respondBy.spoken),
            (
                "Acknowledged by",
                emergency.acknowledgedBy.map { authority.name(user: $0) } ?? "nobody yet"
            ),
            ("Failing", failing.isEmpty ? "nothing any more" : failing.joined(separator: ", ")),
            ("Health", assessment(situation)),
        ]
        if !told.isEmpty { facts.append(("Told so far", told.joined(separator: ", "))) }
        if let next = nextEscalation(emergency, in: situation, at: moment) {
            facts.append(("Next", next))
        }
        if let action = nextAction(emergency), emergency.acknowledgedBy != nil || !failing.isEmpty {
            facts.append(("Proposed", "\(action.title): tocsin recover \(action.name)"))
        }
        if let ticket = emergency.ticket { facts.append(("Ticket", ticket)) }
        return facts.map { NamedText(name: $0.0, text: Visible.text($0.1, limit: 600)) }
    }

    /// `all administrators by mail at 14:18:27 UTC`; nil when nothing more is due by itself.
    package func nextEscalation(
        _ emergency: Emergency, in situation: Situation, at moment: Timestamp
    ) -> String? {
        let steps = row(emergency.level)
        let coming = steps.indices.compactMap { index in
            due(index, emergency).map { (index: index, at: $0) }
        }.filter { $0.at > moment }.min { $0.at < $1.at }
        guard let coming else { return nil }
        let step = steps[coming.index]
        let whom = step.notify.isEmpty ? "a ticket" : authority.list(step.notify, "and")
        let by = step.via.isEmpty ? "" : " by \(authority.list(step.via, "or"))"
        return "\(whom)\(by) at \(coming.at.timeOfDay) UTC"
    }

    /// One step of the matrix, as a message.
    func escalationMessage(
        _ taken: EscalationTaken, _ step: EscalationStep, _ emergency: Emergency,
        in situation: Situation, at moment: Timestamp
    ) -> OutboxMessage {
        let level = emergency.level
        let name = levelName(level).uppercased()
        let service = runbook.service.title
        var text =
            "\(service) is in an emergency of level \(level.rawValue), \(levelName(level)).\n"
            + "\(emergency.reason)\n"
        if step.after > .zero || taken.round > 1 {
            let open = Self.minutes(moment - emergency.levelSince)
            text +=
                "Nobody has acknowledged it for \(open). This is step \(taken.index + 1) of the "
                + "escalation" + (taken.round > 1 ? ", time \(taken.round)" : "")
                + (taken.by == "engine"
                    ? ".\n" : ", asked for by \(authority.name(user: taken.by)).\n")
        }
        if emergency.acknowledgedBy == nil {
            text += "Take it by \(emergency.respondBy.timeOfDay) UTC: tocsin acknowledge"
        }
        return OutboxMessage(
            id: newID("message", in: situation, at: moment), purpose: .emergency,
            emergency: emergency.id, level: level, priority: MessagePriority(level),
            title: line("LEVEL \(level.rawValue) \(name): \(emergency.reason)"), text: text,
            facts: emergencyFacts(emergency, in: situation, at: moment), at: moment, by: taken.by,
            people: taken.people, via: step.via, everyChannel: step.everyChannel,
            values: [NamedText(name: "status", text: "emergency")])
    }

    /// A ticket for an emergency.
    func ticketMessage(
        _ emergency: Emergency, by: String, in situation: Situation, at moment: Timestamp
    ) -> OutboxMessage {
        OutboxMessage(
            id: newID("message", in: situation, at: moment), purpose: .ticket,
            emergency: emergency.id, level: emergency.level,
            priority: MessagePriority(emergency.level),
            title: line(
                "Level \(emergency.level.rawValue) \(levelName(emergency.level)): "
                    + emergency.reason),
            text: emergency.reason,
            facts: emergencyFacts(emergency, in: situation, at: moment), at: moment, by: by,
            people: [], via: [OutboxMessage.ticketsChannel],
            values: [NamedText(name: "assignee", text: "")])
    }

    /// Something new for everybody who was told of the emergency, by the channels that told them.
    /// - Parameters:
    ///   - without: a login name whose person knows already.
    ///   - paced: it can wait a little for more of the same.
    func followUp(
        _ purpose: MessagePurpose, _ title: String, _ text: String, of emergency: Emergency,
        by: String, without user: String? = nil, paced: Bool = false, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        let entries = entries(of: emergency.id, in: situation)
        let spared = user.flatMap { authority.person(user: $0)?.id }
        var people: [String] = []
        var first: [String: [String]] = [:]
        var open: [String] = []
        var via: [String] = []
        for entry in entries {
            for channel in entry.message.via where !via.contains(channel) { via.append(channel) }
            // Whose address was taken away meanwhile is told no more.
            for person in entry.message.people
            where person != spared && !people.contains(person)
                && authority.person(id: person) != nil
            {
                people.append(person)
            }
            for delivery in entry.deliveries {
                let reached =
                    delivery.state == .delivered
                    || (delivery.mayRepeat && delivery.attempts > 0)
                guard reached || delivery.state == .sending else { continue }
                guard case .channel(let channel) = route(delivery.channel) else { continue }
                if channel.kind.isPersonal {
                    for person in delivery.people { first[person] = [delivery.channel] }
                } else {
                    if !open.contains(delivery.channel) { open.append(delivery.channel) }
                    // Whoever was told there is told there again, unless they have a way of their own.
                    for person in delivery.people where first[person] == nil {
                        first[person] = [delivery.channel]
                    }
                }
            }
        }
        guard !people.isEmpty || !open.isEmpty else { return [] }
        let message = OutboxMessage(
            id: newID("message", in: situation, at: moment), purpose: purpose,
            emergency: emergency.id, level: emergency.level,
            priority: purpose == .update
                ? MessagePriority(emergency.level) : min(.normal, MessagePriority(emergency.level)),
            title: line(title), text: text,
            facts: emergencyFacts(emergency, in: situation, at: moment), at: moment, by: by,
            people: people, via: via, values: [NamedText(name: "status", text: purpose.rawValue)])
        return queue(message, first: first, also: open, paced: paced, in: situation, at: moment)
    }

    /// One line of at most 200 characters.
    func line(_ text: String) -> String { Visible.text(text, limit: 200) }

    /// `3 minutes`, `1 hour 20 minutes`.
    static func minutes(_ span: Span) -> String {
        let minutes = Int(max(span.seconds, 0) / 60)
        func count(_ number: Int, _ word: String) -> String {
            "\(number) \(word)\(number == 1 ? "" : "s")"
        }
        if minutes < 1 { return "less than a minute" }
        if minutes < 60 { return count(minutes, "minute") }
        let rest = minutes % 60
        return count(minutes / 60, "hour") + (rest == 0 ? "" : " " + count(rest, "minute"))
    }
}

extension MessagePriority: Comparable {
    private var rank: Int {
        switch self {
        case .low: 0
        case .normal: 1
        case .high: 2
        case .critical: 3
        }
    }
    package static func < (left: MessagePriority, right: MessagePriority) -> Bool {
        left.rank < right.rank
    }
}

/// Whether somebody was told of an emergency, and how.
package struct ToldStanding: Sendable, Equatable {
    package enum State: Sendable {
        case told, waiting, failing, unreachable
        var word: String {
            switch self {
            case .told: "told"
            case .waiting: "on its way"
            case .failing: "not reached yet"
            case .unreachable: "cannot be reached"
            }
        }
    }
    /// A person's id.
    package var id: String
    package var state: State
    package var channel: String
    package var at: Timestamp?
    package var trouble: String
}

extension Rules {
    /// Everybody who was to be told of an emergency, in the order they were named.
    package func told(of emergency: Emergency, in situation: Situation) -> [ToldStanding] {
        let entries = sinceReopening(emergency, entries(of: emergency.id, in: situation))
        var order: [String] = []
        var all: [String: [Delivery]] = [:]
        for entry in entries {
            for person in entry.message.people where all[person] == nil {
                all[person] = []
                order.append(person)
            }
            for delivery in entry.deliveries {
                let ears =
                    delivery.state == .delivered
                    ? listeners(delivery, entry) : delivery.people
                for person in ears { all[person]?.append(delivery) }
            }
        }
        let holder = emergency.acknowledgedBy.flatMap { authority.person(user: $0)?.id }
        return order.map { person in
            let ways = all[person] ?? []
            if let done = ways.last(where: { $0.state == .delivered }) {
                return ToldStanding(
                    id: person, state: .told, channel: done.channel, at: done.endedAt, trouble: "")
            }
            if person == holder, !emergency.isGiven {
                // Whoever has answered knows, by whatever way they came.
                return ToldStanding(
                    id: person, state: .told, channel: "their own answer",
                    at: emergency.acknowledgedAt, trouble: "")
            }
            let alive = ways.filter { !$0.state.isOver }
            if let fresh = alive.last(where: { $0.trouble.isEmpty }) {
                return ToldStanding(
                    id: person, state: .waiting, channel: fresh.channel, at: nil, trouble: "")
            }
            let tried = ways.filter { $0.state != .dropped }
            let trouble =
                tried.isEmpty
                ? "no channel has an address of theirs"
                : tried.suffix(4).map { "\($0.channel): \($0.trouble)" }.joined(separator: " · ")
            return ToldStanding(
                id: person, state: alive.isEmpty ? .unreachable : .failing,
                channel: alive.last?.channel ?? "", at: nil, trouble: trouble)
        }
    }

    /// What was said of an emergency since it goes on; an older message that is sent again counts by
    /// what was sent since.
    private func sinceReopening(_ emergency: Emergency, _ entries: [OutboxEntry]) -> [OutboxEntry] {
        guard let from = emergency.reopenedAt else { return entries }
        return entries.compactMap { entry in
            guard entry.message.purpose != .over else { return nil }
            if entry.deliveries.isEmpty { return entry.message.at >= from ? entry : nil }
            var since = entry
            since.deliveries.removeAll { $0.queuedAt < from }
            return since.deliveries.isEmpty ? nil : since
        }
    }

    /// A sentence for everybody who should have been told of the open emergency and was not by any
    /// channel so far; shown as an alarm on every screen.
    package func notTold(_ situation: Situation) -> [String] {
        guard let emergency = situation.emergency else { return [] }
        return told(of: emergency, in: situation).filter {
            $0.state == .failing || $0.state == .unreachable
        }.map { standing in
            let name = authority.person(id: standing.id)?.name ?? standing.id
            return Visible.text("NOT TOLD: \(name) — \(standing.trouble)", limit: 300)
        }
    }
}

extension Timestamp {
    /// `2026-01-05 14:03:27 UTC`: for people, who count no milliseconds.
    var spoken: String { "\(rfc3339.prefix(10)) \(timeOfDay) UTC" }
}
