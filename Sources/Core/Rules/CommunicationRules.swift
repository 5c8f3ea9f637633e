// What operators say: to administrators, to users, to the status page, to every dashboard, to tickets;
// tests of channels; and who stands in on call.
package import Domain
import OrderedCollections

extension Rules {
    // MARK: Words to people

    func sendNotification(
        _ request: NotificationRequest, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let title = try required(request.title, "a title", limit: 200)
        let text = try required(request.text, "a message", limit: 4_000)
        let people = try people(named: request.target, in: situation, at: moment)
        let via = request.via.isEmpty ? usualVia(request.priority) : request.via
        try areChannels(via)
        try roomInOutbox(situation)
        return queue(
            OutboxMessage(
                id: newID("message", in: situation, at: moment), purpose: .notification,
                emergency: situation.emergency?.id, level: situation.emergency?.level,
                priority: request.priority, title: line(title), text: text,
                facts: situation.emergency.map {
                    emergencyFacts($0, in: situation, at: moment)
                } ?? [], at: moment, by: by, people: people, via: via), in: situation, at: moment)
    }

    func notifyRollbackStart(
        by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        guard let rollback = runbook.rollback else {
            throw Refusal(
                .notNow, rule: "no-rollback", why: "the runbook describes no rollback",
                remedy: "Add `rollback:` to it")
        }
        // What its preflight would say, said now.
        var work = NotifyWork(
            roles: ["administrator"], via: usualVia(.critical), title: "ROLLBACK INITIATED",
            text: "A rollback of \(runbook.service.title) to \(rollback.to) is about to start")
        for step in rollback.preflight {
            if case .notify(let written) = step.work { work = written }
        }
        try roomInOutbox(situation)
        return queue(
            procedureMessage(work, by: by, in: situation, at: moment), in: situation, at: moment)
    }

    /// The message of a `notify` step, and of what follows a rollback.
    func procedureMessage(
        _ work: NotifyWork, by: String, in situation: Situation, at moment: Timestamp
    ) -> OutboxMessage {
        let level = situation.emergency?.level
        return OutboxMessage(
            id: newID("message", in: situation, at: moment), purpose: .procedure,
            emergency: situation.emergency?.id, level: level,
            priority: level.map { MessagePriority($0) } ?? .high, title: line(work.title),
            text: Visible.text(work.text, limit: 4_000, lines: true),
            facts: situation.emergency.map { emergencyFacts($0, in: situation, at: moment) } ?? [],
            at: moment, by: by, people: people(of: work.roles, in: situation, at: moment),
            via: work.via)
    }

    func sendUserNotification(
        _ text: String, _ channel: String, by: String, in situation: Situation,
        at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let text = try required(text, "a message", limit: 4_000)
        // The procedures say `fallback` for whatever reaches users when the service does not.
        let name =
            channel.isEmpty || channel == "fallback" ? Self.usersChannel : channel
        guard runbook.channels.contains(where: { $0.name == name }) else {
            throw Refusal(
                .notUnderstood, rule: "unknown-channel",
                why: "the runbook has no channel “\(Visible.text(name, limit: 60))”",
                remedy: name == Self.usersChannel
                    ? "Add a channel `users` that reaches the people who use the service"
                    : "Choose \(authority.list(runbook.channels.map(\.name)))")
        }
        try roomInOutbox(situation)
        return queue(
            OutboxMessage(
                id: newID("message", in: situation, at: moment), purpose: .users,
                emergency: situation.emergency?.id, level: situation.emergency?.level,
                priority: .high, title: line(runbook.service.title), text: text, at: moment,
                by: by, people: [], via: [name]), in: situation, at: moment)
    }

    func updateStatusPage(
        _ status: String, _ text: String, by: String, in situation: Situation,
        at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let status = try required(status, "a status", limit: 60)
        let text = try required(text, "a message", limit: 2_000)
        guard runbook.statusPage != nil else {
            throw Refusal(
                .notNow, rule: "no-status-page", why: "the runbook has no status page",
                remedy: "Add `status_page:` to it")
        }
        try roomInOutbox(situation)
        return statusPage(status, text, by: by, in: situation, at: moment)
    }
    func statusPage(
        _ status: String, _ text: String, by: String, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        queue(
            OutboxMessage(
                id: newID("message", in: situation, at: moment), purpose: .statusPage,
                emergency: situation.emergency?.id, level: situation.emergency?.level,
                priority: .normal, title: line("Status page: \(status)"),
                text: text, at: moment, by: by, people: [],
                via: [OutboxMessage.statusPageChannel],
                values: [
                    NamedText(name: "status", text: status),
                    NamedText(name: "message", text: text),
                ]), in: situation, at: moment)
    }

    func updateDashboard(
        _ wanted: DashboardLine?, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        guard let wanted else {
            if situation.line == nil {
                throw Refusal(
                    .notNow, rule: "no-line", why: "the dashboards show no line",
                    remedy: "Nothing to do")
            }
            return [.lineSet(nil, by: by)]
        }
        let status = Visible.text(try required(wanted.status, "a status", limit: 40))
        let message = Visible.text(try required(wanted.message, "a message", limit: 300))
        return [.lineSet(DashboardLine(status: status, message: message), by: by)]
    }

    func createIncident(
        title: String, text: String, priority: String, assignee: String, by: String,
        in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let title = try required(title, "a title", limit: 200)
        guard runbook.tickets != nil else {
            throw Refusal(
                .notNow, rule: "no-tickets", why: "the runbook has no ticket system",
                remedy: "Add `tickets:` to it")
        }
        try roomInOutbox(situation)
        let facts = situation.emergency.map { emergencyFacts($0, in: situation, at: moment) } ?? []
        return queue(
            OutboxMessage(
                id: newID("message", in: situation, at: moment), purpose: .ticket,
                emergency: situation.emergency?.id, level: situation.emergency?.level,
                priority: MessagePriority(rawValue: priority) ?? .normal, title: line(title),
                text: Visible.text(text.isEmpty ? title : text, limit: 4_000, lines: true),
                facts: facts, at: moment, by: by, people: [],
                via: [OutboxMessage.ticketsChannel],
                values: [
                    NamedText(name: "assignee", text: Visible.text(assignee, limit: 100)),
                    NamedText(
                        name: "priority",
                        text: Visible.text(priority.isEmpty ? "normal" : priority, limit: 40)),
                ]), in: situation, at: moment)
    }

    // MARK: Tests

    func testAlerts(
        channel: String?, target: String?, by caller: Caller, in situation: Situation,
        at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let names: [String]
        if let channel {
            try areChannels([channel])
            names = [channel]
        } else {
            // A test must not reach the people who use the service by mistake.
            names = runbook.channels.map(\.name).filter { $0 != Self.usersChannel }
        }
        guard !names.isEmpty else {
            throw Refusal(
                .notNow, rule: "no-channels", why: "the runbook has no channels to test",
                remedy: "Add them under channels:")
        }
        try roomInOutbox(situation)
        let wanted: [String]? =
            if let target { try people(named: target, in: situation, at: moment) } else { nil }
        var next = situation
        var events: [Event] = []
        for name in names {
            let more = queue(
                test(name, wanted, by: caller.user, in: next, at: moment), in: next, at: moment)
            for event in more { next.apply(event, at: moment) }
            events += more
        }
        return events
    }

    private func test(
        _ name: String, _ wanted: [String]?, by user: String, in situation: Situation,
        at moment: Timestamp
    ) -> OutboxMessage {
        var people = wanted ?? []
        if wanted == nil, case .channel(let channel) = route(name), channel.kind.isPersonal {
            // To whoever asks; to the first administrator that it reaches when it cannot reach them.
            let candidates =
                [authority.person(user: user)?.id].compactMap { $0 }
                + authority.members(of: "administrator") + runbook.people.map(\.id)
            people = candidates.filter {
                authority.person(id: $0).map(channel.kind.reaches) ?? false
            }.prefix(1).map { $0 }
        }
        return OutboxMessage(
            id: newID("message", in: situation, at: moment), purpose: .test, priority: .low,
            title: line("Test of \(name): all is well"),
            text: "\(authority.name(user: user)) tests whether messages of "
                + "\(runbook.service.title) arrive. Nothing is wrong; there is nothing to do.",
            at: moment, by: user, people: people, via: [name])
    }

    // MARK: On call

    func overrideOnCall(
        role: String, person: String, from: Timestamp?, until: Timestamp, by: String,
        in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        guard runbook.roles.contains(where: { $0.name == role }) else {
            throw Refusal(
                .notUnderstood, rule: "unknown-role",
                why: "the runbook has no role “\(Visible.text(role, limit: 60))”",
                remedy: "Choose \(authority.list(runbook.roles.map(\.name)))")
        }
        let person = try self.person(named: person)
        let from = max(from ?? moment, moment)
        guard until > from, until - from <= .hours(24 * 366) else {
            throw Refusal(
                .notUnderstood, rule: "bad-time",
                why: until > from
                    ? "an override lasts at most a year" : "it would be over before it begins",
                remedy: "Give a later --until, or --for 8h")
        }
        return [
            .onCallOverridden(
                OnCallOverride(
                    id: newID("override", in: situation, at: moment), role: role,
                    person: person.id, from: from, until: until, by: by), by: by)
        ]
    }

    func endOverride(
        _ id: String, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        guard situation.onCallOverrides.contains(where: { $0.id == id }) else {
            throw Refusal(
                .notUnderstood, rule: "unknown-override",
                why: "there is no override “\(Visible.text(id, limit: 60))”",
                remedy: "See tocsin on-call for their ids")
        }
        return [.onCallOverrideEnded(id: id, by: by)]
    }

    // MARK: Names

    /// A person by id, name or login name.
    func person(named text: String) throws(Refusal) -> Person {
        let person = runbook.people.first {
            $0.id == text || $0.name == text || (!$0.user.isEmpty && $0.user == text)
        }
        if let person { return person }
        throw Refusal(
            .notUnderstood, rule: "unknown-person",
            why: "the runbook knows nobody called “\(Visible.text(text, limit: 60))”",
            remedy: runbook.people.isEmpty
                ? "Add people under people:" : "Choose \(authority.list(runbook.people.map(\.id)))")
    }

    /// Ids of the people that a target means: `admins`, a role, or a person.
    private func people(
        named target: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [String] {
        let isEverybody = target.isEmpty || ["admins", "administrators", "all"].contains(target)
        if isEverybody, !runbook.roles.contains(where: { $0.name == target }) {
            let administrators = authority.members(of: "administrator")
            return administrators.isEmpty
                ? runbook.people.filter { !$0.user.isEmpty }.map(\.id) : administrators
        }
        if runbook.roles.contains(where: { $0.name == target }) {
            let found = people(of: [target], in: situation, at: moment)
            if !found.isEmpty { return found }
            throw Refusal(
                .notUnderstood, rule: "empty-role", why: "nobody in particular is in \(target)",
                remedy: "Choose another role, or a person")
        }
        return [try person(named: target).id]
    }

    /// Ids of the people whom roles (or ids) mean at a moment, each once.
    package func people(
        of targets: [String], in situation: Situation, at moment: Timestamp
    ) -> [String] {
        var found: [String] = []
        for target in targets {
            let people = authority.people(
                for: target, at: moment, overrides: situation.onCallOverrides)
            for person in people where !found.contains(person) { found.append(person) }
        }
        return found
    }

    /// The channels that the matrix uses for a level of this priority; those of the next worse level
    /// where it uses none; all but the users' where there is no matrix.
    package func usualVia(_ priority: MessagePriority) -> [String] {
        let level: Level =
            switch priority {
            case .critical: .critical
            case .high: .high
            case .normal, .low: .medium
            }
        for level in Level.allCases.filter({ $0 <= level }).sorted(by: { $1 < $0 }) {
            var via: [String] = []
            for step in row(level) where !step.everyChannel {
                for name in step.via where !via.contains(name) { via.append(name) }
            }
            if !via.isEmpty { return via }
        }
        return runbook.channels.map(\.name).filter { $0 != Self.usersChannel }
    }

    private func areChannels(_ names: [String]) throws(Refusal) {
        for name in names where !runbook.channels.contains(where: { $0.name == name }) {
            throw Refusal(
                .notUnderstood, rule: "unknown-channel",
                why: "the runbook has no channel “\(Visible.text(name, limit: 60))”",
                remedy: runbook.channels.isEmpty
                    ? "Add one under channels:"
                    : "Choose \(authority.list(runbook.channels.map(\.name)))")
        }
        guard !names.isEmpty else {
            throw Refusal(
                .notNow, rule: "no-channels", why: "the runbook has no channels",
                remedy: "Add them under channels:")
        }
    }

    private func roomInOutbox(_ situation: Situation) throws(Refusal) {
        guard situation.outbox.count >= Outbox.mostWaiting else { return }
        throw Refusal(
            .notNow, rule: "outbox-full",
            why: "\(situation.outbox.count) messages wait already",
            remedy: "See what is in their way (tocsin outbox), or dismiss some")
    }
}
