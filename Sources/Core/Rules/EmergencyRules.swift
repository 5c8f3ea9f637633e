// The emergency machine.
//
//   none ─ trigger held long enough, or activate ──▶ open
//   open ─ another trigger ──▶ open (joined; a worse level raises it)
//   open ─ set level ──▶ open          open ─ acknowledge ──▶ open, clock and escalation stopped
//   open ─ deactivate ──▶ none         (words needed while something still holds)
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
        return [
            .emergencyActivated(
                Activation(
                    id: newID("emergency", in: situation, at: moment), level: chosen,
                    reason: reason,
                    triggeredBy: triggeredBy.isEmpty ? by : Visible.text(triggeredBy, limit: 100),
                    by: by, trigger: nil, failure: nil, began: moment,
                    respondBy: moment + respondWithin(chosen)))
        ]
    }

    /// The runbook's response time of a level.
    package func respondWithin(_ level: Level) -> Span {
        runbook.levels.first { $0.level == level }?.respondWithin ?? level.respondWithin
    }

    func acknowledge(
        _ text: String, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        let emergency = try open(situation)
        if let other = emergency.acknowledgedBy {
            throw Refusal(
                .notNow, rule: "acknowledged-already",
                why: "\(authority.name(user: other)) has acknowledged \(emergency.id)",
                remedy: "Nothing to do; add a note to say that you help")
        }
        return [.acknowledged(by: by, text: Visible.text(text, limit: 500), until: nil)]
    }

    func deactivate(
        _ resolvedBy: String, _ text: String, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        let emergency = try open(situation)
        if let procedure = situation.procedure {
            throw Refusal(
                .notNow, rule: "procedure-in-flight",
                why: "\(procedure.title) is \(procedure.state.rawValue)",
                remedy: "Wait for its end, or end it first")
        }
        let holding = stillHolding(emergency, in: situation)
        if !holding.isEmpty, text.allSatisfy(\.isWhitespace) {
            throw Refusal(
                .notNow, rule: "still-failing",
                why: "still holding: \(holding.joined(separator: ", "))",
                remedy: "Give a word about it (--reason), or recover first")
        }
        return [
            .deactivated(
                resolvedBy: resolvedBy.isEmpty ? by : Visible.text(resolvedBy, limit: 100),
                text: Visible.text(text, limit: 500), by: by)
        ]
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
        return [
            .levelChanged(
                level, respondBy: moment + respondWithin(level),
                reason: try required(reason, "a reason", limit: 500), by: by)
        ]
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
        if situation.reported[kind] != nil {
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
            guard let worst = due.min(by: { $0.level < $1.level }),
                let standing = situation.conditions[.trigger(worst.name)]
            else { return [] }
            return [
                .emergencyActivated(
                    Activation(
                        id: newID("emergency", in: situation, at: moment), level: worst.level,
                        reason: reason(worst, standing), triggeredBy: worst.name, by: "engine",
                        trigger: worst.name, failure: worst.failure, began: standing.since,
                        respondBy: moment + respondWithin(worst.level)))
            ]
        }
        guard let next = due.first(where: { !emergency.triggers.contains($0.name) }),
            let standing = situation.conditions[.trigger(next.name)]
        else { return [] }
        var events: [Event] = [.triggerJoined(name: next.name, why: standing.why)]
        if next.level < emergency.level {
            events.append(
                .levelChanged(
                    next.level, respondBy: moment + respondWithin(next.level),
                    reason: reason(next, standing), by: "engine"))
        }
        return events
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
    private func isChangingTheService(_ situation: Situation) -> Bool {
        guard let procedure = situation.procedure, Self.changesTheService(procedure.kind) else {
            return false
        }
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
            Self.changesTheService($0.kind) && $0.startedAt <= standing.since
                && standing.since <= $0.finishedAt
        }
        return ended.map { max(due, $0.finishedAt + Self.settlingTime) } ?? due
    }
}
