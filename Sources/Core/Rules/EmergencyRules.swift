// The emergency machine.
//
//   none ─ trigger held long enough, or activate ──▶ open
//   ended less than an hour ago ─ the same failure ──▶ open again, under its old id
//   open ─ another trigger ──▶ open (joined; a worse level raises it)
//   open ─ set level ──▶ open          open ─ acknowledge ──▶ open, clock and escalation stopped
//   acknowledged ─ its time runs out ──▶ open, clock and escalation go on where they stood
//   open ─ hand over ──▶ open, acknowledged by somebody else, who has the level's response time to take it
//   open ─ deactivate ──▶ none         (words needed while something still fails)
//   a level that asks for fallbacks ──▶ they are enabled, and disabled again after the end
package import Domain
import OrderedCollections

extension Rules {
    func activate(
        _ level: Level?, _ reason: String, _ triggeredBy: String, by: String,
        in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let reason = try required(reason, "a reason", limit: 500)
        if let open = situation.emergency {
            throw Refusal(
                .notNow, rule: "one-emergency-at-a-time",
                why: "\(open.id) is open at level \(open.level.rawValue)",
                remedy: "Raise or lower its level, or add a note; deactivate it when it is over")
        }
        // Unsure means the worse level: a person who names none fears for the whole service.
        let chosen = level ?? .critical
        let triggeredBy = triggeredBy.isEmpty ? by : Visible.text(triggeredBy, limit: 100)
        if let ended = reopenable(by: nil, situation, at: moment) {
            return [
                .reopened(
                    Reopening(
                        id: ended.emergency.id, level: chosen, reason: reason,
                        triggeredBy: triggeredBy, by: by, trigger: nil, failure: nil,
                        respondBy: moment + respondWithin(chosen)))
            ]
        }
        return [
            .emergencyActivated(
                Activation(
                    id: newID("emergency", in: situation, at: moment), level: chosen,
                    reason: reason, triggeredBy: triggeredBy, by: by, trigger: nil, failure: nil,
                    began: moment,
                    respondBy: moment + respondWithin(chosen)))
        ]
    }

    /// The emergency that goes on when there is need again: it ended less than an hour ago, and this is
    /// no other failure, with attempts and a story of its own.
    /// - Parameter trigger: nil when a person says that there is need.
    private func reopenable(
        by trigger: Trigger?, _ situation: Situation, at moment: Timestamp
    ) -> EndedEmergency? {
        guard let ended = situation.lastEnded,
            moment - ended.endedAt < Situation.Limits.reopenWithin
        else { return nil }
        guard let trigger else { return ended }
        let activation = ended.emergency.activation
        let names = ended.emergency.triggers + [activation.trigger].compactMap(\.self)
        // One that a person activated says nothing of what has failed.
        if names.isEmpty || names.contains(trigger.name) { return ended }
        let failures = names.compactMap { name in
            runbook.triggers.first { $0.name == name }?.failure
        }
        return failures.contains(trigger.failure) ? ended : nil
    }

    /// The runbook's response time of a level.
    package func respondWithin(_ level: Level) -> Span {
        runbook.levels.first { $0.level == level }?.respondWithin ?? level.respondWithin
    }

    func acknowledge(
        _ text: String, for span: Span?, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let emergency = try open(situation)
        if let other = emergency.acknowledgedBy {
            // Whoever holds it may say anew for how long.
            guard other == by, span != nil || emergency.acknowledgedUntil != nil else {
                throw Refusal(
                    .notNow, rule: "acknowledged-already",
                    why: "\(authority.name(user: other)) has acknowledged \(emergency.id)",
                    remedy: other == by
                        ? "Nothing to do"
                        : "Take it over (tocsin hand-over --to \(by)), or add a note")
            }
        }
        if let span {
            guard span >= .seconds(1), span <= .hours(24) else {
                throw Refusal(
                    .notUnderstood, rule: "bad-time",
                    why: "an acknowledgement lasts between 1s and 24h",
                    remedy: "Give a time such as 30m, or none at all")
            }
        }
        let until = span.map { moment + $0 }
        let acknowledged = Event.acknowledged(
            by: by, text: Visible.text(text, limit: 500), until: until)
        if emergency.acknowledgedBy != nil { return [acknowledged] }
        var next = situation
        next.apply(acknowledged, at: moment)
        // What has not reached them yet is no news to them any more.
        var events = [acknowledged] + spared(by, emergency, in: situation)
        for event in events.dropFirst() { next.apply(event, at: moment) }
        let name = authority.name(user: by)
        events += followUp(
            .acknowledged, "Acknowledged by \(name): \(emergency.reason)",
            "\(name) has taken \(emergency.id)"
                + (until.map { " until \($0.timeOfDay) UTC" } ?? "")
                + (text.isEmpty ? "." : ": \(Visible.text(text, limit: 500))"),
            of: next.emergency ?? emergency, by: by, without: by, in: next, at: moment)
        return events
    }

    /// Takes out of the outbox what would tell somebody of an emergency that they have just taken.
    private func spared(
        _ user: String, _ emergency: Emergency, in situation: Situation
    ) -> [Event] {
        guard let person = authority.person(user: user)?.id else { return [] }
        return situation.outbox.values.filter {
            $0.message.emergency == emergency.id && $0.message.purpose.isOfEmergency
        }.flatMap(\.deliveries).filter { $0.state == .waiting && $0.people == [person] }.map {
            .outbox(.dropped($0.id, why: "has acknowledged it"))
        }
    }

    /// An acknowledgement whose time is over.
    func dueAcknowledgement(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard let emergency = situation.emergency, let until = emergency.acknowledgedUntil,
            until <= moment, let user = emergency.acknowledgedBy
        else { return [] }
        var next = situation
        next.apply(.acknowledgementExpired, at: moment)
        guard let open = next.emergency else { return [] }
        let name = authority.name(user: user)
        return [.acknowledgementExpired]
            + followUp(
                .update, "Acknowledged no more: \(emergency.reason)",
                "The acknowledgement of \(name) has run out; nobody has \(emergency.id) in hand. "
                    + "The clock and the escalation go on.\nTake it: tocsin acknowledge",
                of: open, by: "engine", in: next, at: moment)
    }

    func handOver(
        to target: String, _ text: String, by: String, in situation: Situation,
        at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let emergency = try open(situation)
        let person = try person(named: target)
        try authority.mayCommand(person)
        if emergency.acknowledgedBy == person.user {
            throw Refusal(
                .notNow, rule: "commands-already",
                why: "\(person.name) has \(emergency.id) in hand already",
                remedy: "Nothing to do")
        }
        let words = Visible.text(text, limit: 500)
        // Somebody who was given it may be asleep: without an answer the clock and the escalation go on.
        let until = person.user == by ? nil : moment + respondWithin(emergency.level)
        let event = Event.handedOver(to: person.user, by: by, text: words, until: until)
        var next = situation
        next.apply(event, at: moment)
        let open = next.emergency ?? emergency
        let said = words.isEmpty ? "" : ": \(words)"
        var events = [event]
        if person.user != by {
            // They may not have heard of it at all.
            let message = OutboxMessage(
                id: newID("message", in: next, at: moment), purpose: .emergency,
                emergency: emergency.id, level: emergency.level,
                priority: MessagePriority(emergency.level),
                title: line("You command now: \(emergency.reason)"),
                text: "\(authority.name(user: by)) has handed \(emergency.id) over to you\(said)\n"
                    + "Take it by \((until ?? moment).timeOfDay) UTC: tocsin acknowledge",
                facts: emergencyFacts(open, in: next, at: moment), at: moment, by: by,
                people: [person.id], via: usualVia(MessagePriority(emergency.level)),
                values: [NamedText(name: "status", text: "handed-over")])
            events += queue(message, in: next, at: moment)
            for event in events.dropFirst() { next.apply(event, at: moment) }
        }
        let others = followUp(
            .acknowledged, "\(person.name) commands now: \(emergency.reason)",
            "\(authority.name(user: by)) has handed \(emergency.id) over to \(person.name)\(said)",
            of: open, by: by, without: person.user, in: next, at: moment)
        return events + others
    }

    func deactivate(
        _ resolvedBy: String, _ text: String, by: String, in situation: Situation,
        at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let emergency = try open(situation)
        if let procedure = situation.procedure {
            throw Refusal(
                .notNow, rule: "procedure-in-flight",
                why: "\(procedure.title) is \(procedure.state.rawValue)",
                remedy: "Wait for its end, or end it first")
        }
        let failing = stillFailing(emergency, in: situation)
        if !failing.isEmpty, text.allSatisfy(\.isWhitespace) {
            throw Refusal(
                .notNow, rule: "still-failing",
                why: "still failing: \(failing.joined(separator: ", "))",
                remedy: "Give a word about it (--reason), or recover first")
        }
        let resolver = resolvedBy.isEmpty ? by : Visible.text(resolvedBy, limit: 100)
        let words = Visible.text(text, limit: 500)
        let lasted = Self.minutes(moment - emergency.activatedAt)
        let still =
            failing.isEmpty
            ? ""
            : "\nSTILL FAILING: \(failing.joined(separator: ", ")). "
                + "What holds now raises nothing until it has ended once."
        let events = followUp(
            .over, (failing.isEmpty ? "Over: " : "Over, STILL FAILING: ") + emergency.reason,
            "\(emergency.id) is over after \(lasted); resolved by \(resolver)"
                + (words.isEmpty ? "." : ": \(words)") + still,
            of: emergency, by: by, in: situation, at: moment)
        return events + pointless(emergency.id, after: events, in: situation, at: moment)
            + [.deactivated(resolvedBy: resolver, text: words, by: by)]
    }

    /// What fails now: the emergency's triggers that hold, problems that were reported, components.
    package func stillFailing(_ emergency: Emergency, in situation: Situation) -> [String] {
        let failed = runbook.components.filter { situation.health(of: $0) == .failed }
            .map { "component \($0.name)" }
        return stillHolding(emergency, in: situation)
            + situation.reported.keys.map { "reported \($0)" } + failed
    }

    func setLevel(
        _ level: Level, _ reason: String, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let emergency = try open(situation)
        if emergency.level == level {
            throw Refusal(
                .notNow, rule: "same-level",
                why: "\(emergency.id) is at level \(level.rawValue) already",
                remedy: "Nothing to do")
        }
        let words = try required(reason, "a reason", limit: 500)
        let event = Event.levelChanged(
            level, respondBy: moment + respondWithin(level), reason: words, by: by)
        var next = situation
        next.apply(event, at: moment)
        let name = levelName(level)
        return [event]
            + followUp(
                .update, "Level is now \(level.rawValue) \(name): \(emergency.reason)",
                "\(authority.name(user: by)) has \(level < emergency.level ? "raised" : "lowered") "
                    + "\(emergency.id) to level \(level.rawValue), \(name): \(words)",
                of: next.emergency ?? emergency, by: by, without: by, in: next, at: moment)
    }

    func reportProblem(
        _ kind: String, _ text: String, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        let known = reportableProblems
        guard known.contains(kind) else {
            throw Refusal(
                .notUnderstood, rule: "unknown-problem",
                why: "no trigger asks for `reported \(Visible.text(kind, limit: 60))`",
                remedy: known.isEmpty
                    ? "Add a trigger such as `when: reported security` to the runbook"
                    : "Report \(authority.list(known))")
        }
        if situation.reported[kind]?.byPerson == true {
            throw Refusal(
                .notNow, rule: "reported-already", why: "\(kind) is reported already",
                remedy: "Add a note; clear it when it is dealt with")
        }
        return [.problemReported(kind: kind, text: Visible.text(text, limit: 500), by: by)]
    }

    func clearProblem(
        _ kind: String, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        guard situation.reported[kind] != nil else {
            throw Refusal(
                .notNow, rule: "not-reported",
                why: "\(Visible.text(kind, limit: 60)) is not reported", remedy: "Nothing to do")
        }
        return [.problemCleared(kind: kind, by: by)]
    }

    /// The words that some trigger or rollback rule takes after `reported`, in the runbook's order.
    package var reportableProblems: [String] {
        var names: [String] = []
        func collect(_ expression: Expression) {
            switch expression {
            case .reported(let name): if !names.contains(name) { names.append(name) }
            case .negative(let inner), .not(let inner): collect(inner)
            case .arithmetic(_, let left, let right), .comparison(_, let left, let right),
                .and(let left, let right), .or(let left, let right):
                collect(left)
                collect(right)
            case .number, .metric, .component, .probe, .allCriticalComponents, .anyComponent,
                .recoveryAttempts:
                break
            }
        }
        runbook.triggers.forEach { collect($0.when.expression) }
        runbook.rollback?.when.forEach { collect($0.when.expression) }
        return names
    }

    /// The open emergency.
    /// - Throws: `Refusal` when there is none.
    func open(_ situation: Situation) throws(Refusal) -> Emergency {
        if let emergency = situation.emergency { return emergency }
        throw Refusal(
            .notNow, rule: "no-emergency", why: "no emergency is open",
            remedy: "Activate one first: tocsin activate-emergency --reason …")
    }

    /// The emergency's triggers and the reported problems that hold now.
    package func stillHolding(_ emergency: Emergency, in situation: Situation) -> [String] {
        emergency.triggers.filter { situation.conditions[.trigger($0)] != nil }
    }

    /// Triggers that have held long enough: the worst one activates, the others join.
    func dueTriggers(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        if isChangingTheService(situation) { return [] }
        let due = runbook.triggers.filter { trigger in
            !situation.spentTriggers.contains(trigger.name)
                && deadline(of: trigger, in: situation).map { $0 <= moment } ?? false
        }
        guard let emergency = situation.emergency else {
            return raise(due, in: situation, at: moment)
        }
        guard let next = due.first(where: { !emergency.triggers.contains($0.name) }),
            let standing = situation.conditions[.trigger(next.name)]
        else { return [] }
        var events: [Event] = [.triggerJoined(name: next.name, why: standing.why)]
        let raises = next.level < emergency.level
        if raises {
            events.append(
                .levelChanged(
                    next.level, respondBy: moment + respondWithin(next.level),
                    reason: reason(next, standing), by: "engine"))
        }
        var after = situation
        for event in events { after.apply(event, at: moment) }
        let title = reason(next, standing)
        // A worse level begins its own row of the matrix; those who were told already hear of it here.
        return events
            + followUp(
                .update,
                raises
                    ? "RAISED to level \(next.level.rawValue) \(levelName(next.level)): \(title)"
                    : "Also: \(title)",
                "Another trigger belongs to \(emergency.id): \(title)",
                of: after.emergency ?? emergency, by: "engine", paced: !raises, in: after,
                at: moment)
    }

    /// The worst of the triggers activates an emergency, or takes up the one that ended just now.
    private func raise(
        _ due: [Trigger], in situation: Situation, at moment: Timestamp
    ) -> [Event] {
        guard let worst = due.min(by: { $0.level < $1.level }),
            let standing = situation.conditions[.trigger(worst.name)]
        else { return [] }
        if let ended = reopenable(by: worst, situation, at: moment) {
            return [
                .reopened(
                    Reopening(
                        id: ended.emergency.id, level: worst.level,
                        reason: reason(worst, standing), triggeredBy: worst.name, by: "engine",
                        trigger: worst.name, failure: worst.failure,
                        respondBy: moment + respondWithin(worst.level)))
            ]
        }
        return [
            .emergencyActivated(
                Activation(
                    id: newID("emergency", in: situation, at: moment), level: worst.level,
                    reason: reason(worst, standing), triggeredBy: worst.name, by: "engine",
                    trigger: worst.name, failure: worst.failure, began: standing.since,
                    respondBy: moment + respondWithin(worst.level)))
        ]
    }

    private func reason(_ trigger: Trigger, _ standing: ConditionStanding) -> String {
        let words = trigger.name.replacing("-", with: " ").replacing("_", with: " ")
        let title = words.prefix(1).uppercased() + words.dropFirst()
        return standing.why.isEmpty ? String(title) : "\(title): \(standing.why)"
    }

    func triggerDeadlines(_ situation: Situation) -> [Timestamp] {
        runbook.triggers.compactMap { trigger in
            situation.emergency?.triggers.contains(trigger.name) == true
                ? nil : deadline(of: trigger, in: situation)
        }
    }

    /// So long after a procedure a trigger that began during it waits for the probes to see its end.
    package static let settlingTime = Span.seconds(10)

    /// While a procedure stops and starts things on purpose, what fails because of that raises nothing.
    /// One that is paused or waits is no excuse.
    func isChangingTheService(_ situation: Situation) -> Bool {
        guard let procedure = situation.procedure, Self.changesTheService(procedure.kind),
            !procedure.testMode
        else { return false }
        return procedure.state == .running || procedure.state == .undoing
    }

    private static func changesTheService(_ kind: ProcedureKind) -> Bool {
        switch kind {
        case .recovery, .rollback, .playbook, .service: true
        case .drill, .backup, .fallback: false
        }
    }

    /// When a trigger that holds raises; nil when it does not hold.
    private func deadline(of trigger: Trigger, in situation: Situation) -> Timestamp? {
        guard let standing = situation.conditions[.trigger(trigger.name)] else { return nil }
        let due = standing.since + trigger.holds
        let ended = situation.pastProcedures.last {
            Self.changesTheService($0.kind) && !$0.testMode && $0.startedAt <= standing.since
                && standing.since <= $0.finishedAt
        }
        return ended.map { max(due, $0.finishedAt + Self.settlingTime) } ?? due
    }
}
