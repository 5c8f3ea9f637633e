// How events of messages, alerts, shifts and clocks change the situation. Total, as all of applying is.
import Domain
import OrderedCollections

extension Situation {
    mutating func apply(_ event: OutboxEvent, at moment: Timestamp) {
        switch event {
        case .queued(let message, let deliveries):
            outbox[message.id] = OutboxEntry(message: message, deliveries: deliveries)
            countID(message.id)
            settle(message.id)
        case .added(let delivery):
            wake(delivery.message)
            outbox[delivery.message]?.deliveries.append(delivery)
        case .started(let id, let attempt):
            change(id) { delivery in
                delivery.state = .sending
                delivery.attempts = attempt
                delivery.startedAt = moment
            }
        case .ended(let id, _, let outcome):
            change(id) { Self.take(outcome, into: &$0, at: moment) }
            if outcome.end == .unclear { doubt(id) }
            if outcome.end == .delivered {
                keepReceipt(of: id, outcome.detail)
                hurry(id, at: moment)
            }
        case .interrupted(let id):
            change(id) { delivery in
                delivery.state = .waiting
                delivery.notBefore = moment
                delivery.mayRepeat = true
                delivery.trouble = "the engine ended while it was being sent"
            }
            doubt(id)
        case .dropped(let id, let why):
            if let (entry, _) = delivery(id) { wake(entry.message.id) }
            carryOn(id, why)
            end(id, .dropped, why, at: moment)
        case .dead(let id, let why): end(id, .dead, why, at: moment)
        case .revived(let id, _):
            if let (entry, _) = delivery(id) { wake(entry.message.id) }
            change(id) { delivery in
                delivery.state = .waiting
                delivery.notBefore = moment
                delivery.queuedAt = moment
                delivery.endedAt = nil
            }
        case .dismissed(let id, let by):
            if let (entry, _) = delivery(id) { wake(entry.message.id) }
            end(id, .dropped, "dismissed by \(by)", at: moment)
        }
    }

    /// The channel works: what waits for it after a failure need not wait any longer.
    private mutating func hurry(_ id: String, at moment: Timestamp) {
        guard let channel = delivery(id)?.1.channel else { return }
        for key in outbox.keys {
            for index in outbox[key]?.deliveries.indices ?? 0..<0 {
                guard let other = outbox[key]?.deliveries[index], other.channel == channel,
                    other.state == .waiting, other.failedAt != nil, other.notBefore > moment
                else { continue }
                outbox[key]?.deliveries[index].notBefore = max(moment, other.askedToWait ?? moment)
            }
        }
    }

    private mutating func end(
        _ id: String, _ state: DeliveryState, _ why: String, at moment: Timestamp
    ) {
        change(id) { delivery in
            delivery.state = state
            delivery.endedAt = moment
            delivery.trouble = why
        }
    }

    /// Its people may have heard already: whatever else brings them the message says so.
    private mutating func doubt(_ id: String) {
        guard let (entry, doubtful) = delivery(id), !entry.message.everyChannel else { return }
        for index in outbox[entry.message.id]?.deliveries.indices ?? 0..<0
        where !Set(entry.deliveries[index].people).isDisjoint(with: doubtful.people) {
            outbox[entry.message.id]?.deliveries[index].mayRepeat = true
        }
    }

    /// What is dropped because a newer message is on its way is said with that one in truth.
    private mutating func carryOn(_ id: String, _ why: String) {
        guard why.hasPrefix(Rules.Outbox.saidWith), let (entry, old) = delivery(id) else { return }
        let newer = String(why.dropFirst(Rules.Outbox.saidWith.count))
        for index in outbox[newer]?.deliveries.indices ?? 0..<0 {
            guard let delivery = outbox[newer]?.deliveries[index], delivery.state == .waiting,
                delivery.stands(for: old)
            else { continue }
            outbox[newer]?.deliveries[index].carryOn(old.earlier + [entry.message.title])
        }
    }

    private static func take(
        _ outcome: DeliveryOutcome, into delivery: inout Delivery, at moment: Timestamp
    ) {
        switch outcome.end {
        case .delivered:
            delivery.state = .delivered
            delivery.endedAt = moment
            delivery.receipt = outcome.detail
            delivery.trouble = ""
        case .failed, .unclear, .refused:
            delivery.state = .waiting
            delivery.trouble = outcome.detail
            delivery.failure = outcome.detail
            delivery.failedAt = moment
            delivery.askedToWait = outcome.retryAfter.map { moment + $0 }
            let pause = Rules.pause(after: delivery.attempts, of: delivery.id)
            delivery.notBefore = moment + max(pause, outcome.retryAfter ?? .zero)
            if outcome.end == .unclear { delivery.mayRepeat = true }
        }
    }

    /// Changes a delivery in the outbox; an entry whose deliveries are all over leaves it.
    private mutating func change(_ id: String, _ body: (inout Delivery) -> Void) {
        guard let cut = id.lastIndex(of: ".") else { return }
        let message = String(id[..<cut])
        guard let index = outbox[message]?.deliveries.firstIndex(where: { $0.id == id }) else {
            return
        }
        if var delivery = outbox[message]?.deliveries[index] {
            body(&delivery)
            outbox[message]?.deliveries[index] = delivery
        }
        settle(message)
    }

    private mutating func settle(_ message: String) {
        guard let entry = outbox[message], entry.isOver else { return }
        outbox[message] = nil
        settled.append(entry)
        while settled.count > Limits.settledMessages { settled.remove(at: leastNeeded) }
    }
    /// What was given up stays in sight longest, as somebody has to look at it; but in half of the room,
    /// lest the newest go for the sake of the oldest.
    private var leastNeeded: Int {
        let givenUp = settled.count(where: isGivenUp) > Limits.settledMessages / 2
        return settled.indices.first { isGivenUp(settled[$0]) == givenUp && !isNeeded($0) }
            ?? settled.indices.first { !isNeeded($0) } ?? settled.startIndex
    }
    private func isGivenUp(_ entry: OutboxEntry) -> Bool {
        entry.deliveries.contains { $0.state == .dead }
    }
    /// Whether only this message tells that somebody heard of the present emergency, or its ticket.
    private func isNeeded(_ index: Int) -> Bool {
        let entry = settled[index]
        guard let id = entry.message.emergency,
            id == emergency?.id || id == lastEnded?.emergency.id
        else { return false }
        if entry.message.purpose == .ticket { return true }
        guard entry.message.purpose.isOfEmergency else { return false }
        let later = (settled[(index + 1)...] + outbox.values).filter {
            $0.message.emergency == id && $0.message.purpose.isOfEmergency
        }
        let told = later.flatMap(\.deliveries).filter { $0.state == .delivered }
        return !Set(later.flatMap(\.message.people)).isSuperset(of: entry.message.people)
            || entry.deliveries.contains { old in
                old.state == .delivered
                    && !told.contains {
                        $0.channel == old.channel && Set($0.people).isSuperset(of: old.people)
                    }
            }
    }
    /// Takes an entry back into the outbox.
    private mutating func wake(_ message: String) {
        guard outbox[message] == nil,
            let index = settled.lastIndex(where: { $0.message.id == message })
        else { return }
        outbox[message] = settled.remove(at: index)
    }

    /// A ticket's number and a status page's incident belong to the emergency.
    private mutating func keepReceipt(of id: String, _ receipt: String) {
        guard let (entry, _) = delivery(id), !receipt.isEmpty,
            entry.message.emergency == emergency?.id
        else { return }
        switch entry.message.purpose {
        case .ticket: emergency?.ticket = receipt
        case .statusPage: emergency?.statusPageIncident = receipt
        case .emergency, .update, .acknowledged, .over, .procedure, .notification, .users, .test:
            break
        }
    }

    mutating func noteAlert(
        _ problem: String, _ fingerprint: String, _ text: String, by: String, at moment: Timestamp
    ) {
        var standing =
            reported[problem]
            ?? ReportedProblem(text: text, by: by, at: moment, byPerson: false)
        standing.alerts.append(fingerprint)
        reported[problem] = standing
    }
    /// A problem that only alerts reported is over with the last of them.
    mutating func endAlert(_ problem: String, _ fingerprint: String) {
        reported[problem]?.alerts.remove(fingerprint)
        if let standing = reported[problem], standing.alerts.isEmpty, !standing.byPerson {
            reported[problem] = nil
        }
    }
    mutating func add(_ override: OnCallOverride, at moment: Timestamp) {
        onCallOverrides.removeAll { $0.until <= moment }
        onCallOverrides.append(override)
        onCallOverrides = onCallOverrides.suffix(Limits.overrides)
        countID(override.id)
    }

    /// Every clock that runs keeps what has passed on it: the machine's clock was set, no time has gone
    /// by. Shifts and overrides are dates, which stay.
    mutating func shiftClocks(by span: Span) {
        func shift(_ moment: inout Timestamp) { moment = moment + span }
        func shiftIfSet(_ moment: inout Timestamp?) { moment = moment.map { $0 + span } }
        for key in probes.keys {
            if var standing = probes[key] {
                shift(&standing.since)
                probes[key] = standing
            }
        }
        for key in conditions.keys {
            if var standing = conditions[key] {
                shift(&standing.since)
                conditions[key] = standing
            }
        }
        if var open = emergency {
            shift(&open.activatedAt)
            shift(&open.levelSince)
            shift(&open.respondBy)
            shiftIfSet(&open.reopenedAt)
            shiftIfSet(&open.acknowledgedAt)
            shiftIfSet(&open.acknowledgedUntil)
            shiftIfSet(&open.heldSince)
            for index in open.escalation.indices { shift(&open.escalation[index].lastAt) }
            emergency = open
        }
        if var ended = lastEnded {
            shift(&ended.endedAt)
            shift(&ended.emergency.activatedAt)
            lastEnded = ended
        }
        shiftIfSet(&quietSince)
        announcedRules = announcedRules.mapValues { $0 + span }
        if var asked = ask {
            shift(&asked.at)
            shift(&asked.expiresAt)
            for index in asked.approvals.indices { shift(&asked.approvals[index].at) }
            ask = asked
        }
        if var watched = watch {
            shift(&watched.from)
            shift(&watched.until)
            shift(&watched.lookedAt)
            watch = watched
        }
        func shift(_ entry: inout OutboxEntry) {
            // Nothing else tells when it was said.
            if entry.deliveries.isEmpty { shift(&entry.message.at) }
            for index in entry.deliveries.indices {
                shift(&entry.deliveries[index].queuedAt)
                shift(&entry.deliveries[index].notBefore)
                shiftIfSet(&entry.deliveries[index].startedAt)
                shiftIfSet(&entry.deliveries[index].endedAt)
                shiftIfSet(&entry.deliveries[index].failedAt)
                shiftIfSet(&entry.deliveries[index].askedToWait)
            }
        }
        for key in outbox.keys {
            guard var entry = outbox[key] else { continue }
            shift(&entry)
            outbox[key] = entry
        }
        // What was said a moment ago is measured from, too, and so is a procedure that ended.
        for index in settled.indices { shift(&settled[index]) }
        for index in pastProcedures.indices {
            shift(&pastProcedures[index].startedAt)
            shift(&pastProcedures[index].finishedAt)
        }
        func shift(_ running: inout Procedure?) {
            guard var shifted = running else { return }
            shift(&shifted.startedAt)
            shiftIfSet(&shifted.finishedAt)
            shiftIfSet(&shifted.ranUntil)
            shiftIfSet(&shifted.undoBeganAt)
            for address in shifted.addresses { shiftIfSet(&shifted[address].startedAt) }
            running = shifted
        }
        for key in [\Situation.procedure, \.playbook, \.rollback, \.lastProcedure, \.lastTest] {
            shift(&self[keyPath: key])
        }
    }
}
