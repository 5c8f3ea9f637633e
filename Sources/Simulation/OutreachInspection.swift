// What must hold at any moment of a simulation, and at its end.
import Domain
import FoundationEssentials
import OrderedCollections
import Rules
import TestKit

extension OutreachLife {
    /// From a step, or the healing of a channel that reaches them, until somebody has heard: a Retry-After
    /// of ten minutes or the longest pause, and a few attempts that hang.
    static let bound = Span.minutes(20)
    /// The same for a channel that worked all along: those before it in `via` may hang first.
    static let promptBound = Span.minutes(6)

    mutating func inspect() {
        inspectEscalation()
        inspectObligations()
        inspectOutbox()
    }

    private mutating func inspectEscalation() {
        if let until = ledger.model?.heldUntil, (now - until).seconds > 0.1 {
            fault("acknowledged until \(until.rfc3339), and still so")
        }
        guard let model = ledger.model, model.runsSince != nil else { return }
        if world.situation.emergency?.id != model.id { fault("\(model.id) is lost") }
        for (index, step) in row(model.level).enumerated() {
            guard let due = model.due(index, step) else { continue }
            let late = model.clock(now).seconds - due.seconds
            if late > 0.1 { fault("step \(index) of \(model.level) is \(late) s late") }
        }
    }

    /// Also asked whenever a channel changes or somebody hears or acts, so that no delay goes unseen.
    mutating func inspectObligations() {
        let known = Set(runbook.people.map(\.id))
        ledger.obligations.removeAll { !known.contains($0.person) }
        var alarms: [String]?
        for duty in ledger.obligations where now - duty.since > Self.promptBound {
            let began = max(duty.since, ledger.upSince)
            let isLate = duty.via.contains { name in
                let standing = standing(name)
                guard standing.weather.works else { return false }
                let prompt = standing.worksSince <= duty.since && duty.since >= ledger.upSince
                let from = max(began, standing.worksSince)
                return now - from > (prompt ? Self.promptBound : Self.bound)
                    && reaches(name, duty) && !isDead(name, duty)
            }
            if isLate {
                fault("\(duty.person) has not heard of \(duty.message) since \(duty.since.rfc3339)")
            }
            let person = runbook.people.first { $0.id == duty.person }
            // Whoever has answered this very moment knows.
            guard !duty.isReminder, now - began > Self.bound,
                let open = world.situation.emergency, open.id == duty.emergency,
                open.acknowledgedBy == nil || open.acknowledgedBy != person?.user
            else { continue }
            let shown = alarms ?? world.rules.notTold(world.situation)
            alarms = shown
            let name = person?.name ?? ""
            if !shown.contains(where: { $0.contains("NOT TOLD: \(name) ") }), !isFresh(duty) {
                fault("\(duty.person) has not heard, and no screen says so: \(shown)")
            }
        }
        for alarm in alarms ?? [] { checkText(alarm, "alarm") }
    }

    /// A channel's working would reach the person.
    private func reaches(_ channel: String, _ duty: Obligation) -> Bool {
        guard let kind = kind(channel), kind.carries(.emergency),
            let person = runbook.people.first(where: { $0.id == duty.person })
        else { return false }
        return kind.reaches(person) && !refusedAddresses.contains("\(channel)/\(duty.person)")
            && (kind.isPersonal || Self.listens(duty.person, at: channel))
    }
    /// It was given up by this channel, or taken out by an operator, which the journal tells.
    private func isDead(_ channel: String, _ duty: Obligation) -> Bool {
        deliveries(duty).contains {
            $0.channel == channel
                && ($0.state == .dead
                    || ($0.state == .dropped && $0.trouble.hasPrefix("dismissed")))
        }
    }
    private func isFresh(_ duty: Obligation) -> Bool {
        deliveries(duty).contains {
            !$0.state.isOver
                && world.now - max($0.queuedAt, $0.startedAt ?? $0.queuedAt) < .minutes(3)
        }
    }
    /// What is on its way to a person of an emergency, or was, since their step.
    private func deliveries(_ duty: Obligation) -> [Delivery] {
        (world.situation.settled + world.situation.outbox.values)
            .filter {
                $0.message.emergency == duty.emergency && $0.message.purpose.isOfEmergency
                    && (ledger.queuedAt[$0.message.id] ?? now) >= duty.since
            }
            .flatMap(\.deliveries)
            .filter { $0.people.contains(duty.person) || kind($0.channel)?.isPersonal == false }
    }

    private mutating func inspectOutbox() {
        let entries = world.situation.outbox.values
        let ofEmergency = entries.filter { $0.message.purpose.isOfEmergency }
            .flatMap(\.deliveries).filter { !$0.state.isOver }
        let most = 2 * (runbook.people.count + 1) * runbook.channels.count
        if ofEmergency.count > most {
            fault("\(ofEmergency.count) deliveries of emergencies wait, more than \(most)")
        }
        let pages = entries.filter { $0.message.purpose == .statusPage }.flatMap(\.deliveries)
        if pages.filter({ !$0.state.isOver }).count > 2 { fault("the status page has a queue") }
        if world.situation.settled.count > Situation.Limits.settledMessages {
            fault("\(world.situation.settled.count) messages are kept")
        }
    }

    /// How much is being sent at once.
    mutating func inspectSendings() {
        let sending = ledger.sending.values
        if sending.count > Rules.Outbox.mostAtOnce { fault("\(sending.count) attempts at once") }
        let channels = Dictionary(grouping: sending, by: \.channel)
        for (channel, those) in channels where those.count > Rules.Outbox.mostByChannel {
            fault("\(those.count) attempts at once by \(channel)")
        }
    }

    // MARK: Words

    mutating func checkWords(_ event: Event) {
        let sentence = world.rules.sentence(event, in: world.situation)
        if sentence.text.isEmpty { fault("no words for \(event.kind)") }
        checkText(sentence.text.replacing("\n", with: ""), event.kind)
    }
    mutating func checkText(_ text: String, _ what: String) {
        let bad = text.unicodeScalars.contains {
            $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || $0.value == 0x202E
        }
        if bad { fault("control characters in \(what): \(Visible.text(text))") }
    }

    // MARK: The end

    mutating func finalInspection() {
        if !world.situation.outbox.isEmpty {
            let waiting = world.situation.outbox.values.flatMap(\.deliveries)
                .filter { !$0.state.isOver }
            fault("\(waiting.count) are still on their way: \(waiting.prefix(2))")
        }
        if world.situation.emergency != nil { fault("the emergency does not end") }
        if !ledger.engineFallbacks.isEmpty { fault("still enabled: \(ledger.engineFallbacks)") }
        for (emergency, ears) in ledger.awaitsEnd {
            for ear in ears.subtracting(excusedFromEnd(emergency)) {
                fault("\(ear) heard of \(emergency), and not of its end")
            }
        }
        checkReplay()
    }

    /// Whoever ended it, whoever is gone, and those whom no channel reached with it.
    private func excusedFromEnd(_ emergency: String) -> Set<String> {
        let ends = (world.situation.settled + world.situation.outbox.values).filter {
            $0.message.emergency == emergency && $0.message.purpose == .over
        }
        let known = Set(runbook.people.map(\.id))
        var excused = (ledger.heard[emergency] ?? []).filter { !known.contains($0) }
        // Older than what is kept: its end was checked when it was younger.
        guard let end = ends.last else { return ledger.heard[emergency] ?? [] }
        for delivery in end.deliveries where delivery.state == .dead || delivery.state == .dropped {
            excused.formUnion(ears(delivery))
        }
        let reached = Set(end.deliveries.flatMap(\.people))
        for person in runbook.people where !reached.contains(person.id) {
            let canBeReached = end.message.via.contains { name in
                kind(name).map {
                    $0.carries(.over) && $0.reaches(person)
                        && ($0.isPersonal || Self.listens(person.id, at: name))
                } ?? false
            }
            if !canBeReached { excused.insert(person.id) }
        }
        return excused
    }

    /// The journal adds up to the same situation, also through its stored form and through a snapshot.
    private mutating func checkReplay() {
        var replayed = Situation()
        var resumed = snapshot?.situation ?? Situation()
        do {
            let stored = try JSONEncoder().encode(resumed)
            resumed = try JSONDecoder().decode(Situation.self, from: stored)
            if resumed != snapshot?.situation ?? Situation() { fault("a snapshot changes") }
            for (index, (at, event)) in world.events.enumerated() {
                var event = event
                // Writing all of them down takes longer than everything else.
                if world.events.count < 2_000 || index % 7 == 0 {
                    let body = try JSONEncoder().encode(event)
                    event = try JSONDecoder().decode(Event.self, from: body)
                }
                replayed.apply(event, at: at)
                replayed.seq += 1
                if index >= snapshot?.events ?? 0 {
                    resumed.apply(event, at: at)
                    resumed.seq += 1
                }
            }
        } catch {
            fault("cannot be stored: \(error)")
        }
        if replayed != world.situation { fault("the journal adds up to something else") }
        if resumed != world.situation { fault("a snapshot and what follows do not add up") }
    }
}
