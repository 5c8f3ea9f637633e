// What a simulation remembers of its events, and what each of them must hold to.
import Domain
import OrderedCollections
import Rules
import TestKit

/// Somebody whom a step of the matrix named, and who has not heard of the emergency yet.
struct Obligation {
    var emergency: String
    var person: String
    var via: [String]
    var since: Timestamp
    var message: String
    /// They have heard of it already, by an earlier message.
    var isReminder: Bool
}

/// The escalation of the open emergency as it should go, by true time in which nobody has acknowledged.
struct EscalationModel {
    var id: String
    var level: Level
    var passed = Span.zero
    var runsSince: Timestamp?
    var levelBegan = Span.zero
    var taken: [Int: Span] = [:]
    /// Until when somebody has it in hand, by true time.
    var heldUntil: Timestamp?

    func clock(_ now: Timestamp) -> Span {
        Span(seconds: passed.seconds + (runsSince.map { (now - $0).seconds } ?? 0))
    }
    mutating func stop(_ now: Timestamp) {
        passed = clock(now)
        runsSince = nil
    }
    mutating func begin(_ level: Level, _ now: Timestamp) {
        self.level = level
        levelBegan = clock(now)
        taken = [:]
    }
    /// When a step is to be taken next, on that clock.
    func due(_ index: Int, _ step: EscalationStep) -> Span? {
        guard let last = taken[index] else {
            return Span(seconds: levelBegan.seconds + step.after.seconds)
        }
        return step.repeatEvery.map { Span(seconds: last.seconds + $0.seconds) }
    }
}

struct OutreachLedger {
    /// Since when the engine is up without a gap.
    var upSince = Timestamp(milliseconds: 0)
    var model: EscalationModel?
    var obligations: [Obligation] = []
    var messages: [String: OutboxMessage] = [:]
    var queuedAt: [String: Timestamp] = [:]
    /// Who may be told of an emergency.
    var named: [String: Set<String>] = [:]
    /// Until when a delivery is not to be tried, as the other side said.
    var askedToWait: [String: Timestamp] = [:]
    /// Deliveries being sent.
    var sending: [String: Delivery] = [:]
    /// What may have been heard (see `hearing`), and messages that a person has sent again.
    var uncertain: Set<String> = []
    var revived: Set<String> = []
    /// How often something was heard, and what receivers that tell repeats have had.
    var told: [String: Int] = [:]
    var received: Set<String> = []
    /// `emergency/person`: when they heard small news of it.
    var news: [String: [(message: String, at: Timestamp)]] = [:]
    /// Who heard of an emergency that is over, and has to hear of its end.
    var awaitsEnd: [String: Set<String>] = [:]
    var heard: [String: Set<String>] = [:]
    var engineFallbacks: Set<String> = []
    var override: [OnCallOverride] = []
}

extension OutreachLife {
    /// An event has happened; the situation has taken it in.
    mutating func see(_ event: Event, running: String?) {
        checkWords(event)
        switch event {
        case .outbox(let event): see(event)
        case .onCallOverridden(let override, _):
            // One that is over does not come back when the clock is set back.
            let moment = world.now
            ledger.override.removeAll { $0.until <= moment }
            ledger.override.append(override)
        case .onCallOverrideEnded(let id, _): ledger.override.removeAll { $0.id == id }
        case .emergencyActivated(let activation):
            ledger.model = EscalationModel(
                id: activation.id, level: activation.level, runsSince: now)
        case .reopened(let reopening):
            ledger.model = EscalationModel(
                id: reopening.id, level: reopening.level, runsSince: now)
            ledger.awaitsEnd[reopening.id] = nil
            ledger.heard[reopening.id] = nil
        case .levelChanged(let level, _, _, _):
            let moment = now
            ledger.model?.begin(level, moment)
        case .acknowledged(_, _, let until): stopClocks(until)
        case .handedOver(let to, let by, _, let until):
            stopClocks(until)
            if to != by, until == nil { fault("\(to) has it in hand for as long as they sleep") }
            let person = runbook.people.first { $0.user == to }?.id ?? to
            ledger.named[ledger.model?.id ?? "", default: []].insert(person)
        case .acknowledgementExpired:
            let moment = now
            if let until = ledger.model?.heldUntil, (until - moment).seconds > 0.05 {
                fault("acknowledged no more before \(until.rfc3339)")
            }
            ledger.model?.heldUntil = nil
            ledger.model?.runsSince = moment
        case .escalated(let taken): seeEscalation(taken)
        case .deactivated:
            inspectObligations()
            if let id = ledger.model?.id {
                ledger.awaitsEnd[id] = ledger.heard[id]
                ledger.obligations.removeAll { $0.emergency == id }
            }
            ledger.model = nil
        case .fallbackSwitched(let name, let enabled, let by):
            if enabled, by == "engine" { ledger.engineFallbacks.insert(name) }
            if !enabled { ledger.engineFallbacks.remove(name) }
        case .procedureEnded(_, let state, _):
            // One that cannot be disabled is left to people.
            if state == .failed, let running { ledger.engineFallbacks.remove(running) }
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .triggerJoined, .notified, .noted,
            .procedureStarted, .stepStarted, .stepEnded, .pauseRequested, .procedurePaused,
            .procedureWaits, .procedureResumed, .stepResolved, .undoStarted, .backupTaken,
            .rollbackVetoed, .autoRecoverySwitched, .alertFired, .alertResolved, .lineSet,
            .alertsConfigured, .fallbacksDue, .gapNoticed, .clockStepped, .stepSkipped,
            .procedureStopped,
            .rollbackRequested, .rollbackApproved, .rollbackRequestEnded, .rollbackAnnounced,
            .watchBegan, .watchLooked, .watchProblem, .watchEnded, .recoveryOverdue:
            break
        }
    }

    private mutating func stopClocks(_ until: Timestamp?) {
        inspectObligations()
        let moment = now
        let end = until.map { $0 - skew }
        ledger.model?.stop(moment)
        ledger.model?.heldUntil = end
        // Somebody has it in hand.
        let id = ledger.model?.id
        ledger.obligations.removeAll { $0.emergency == id }
    }

    // MARK: Escalation

    private mutating func seeEscalation(_ taken: EscalationTaken) {
        guard let model = ledger.model else { return fault("escalated, and nothing is open") }
        let steps = row(taken.level)
        guard taken.level == model.level, steps.indices.contains(taken.index) else {
            return fault("a step that the matrix does not have: \(taken)")
        }
        let step = steps[taken.index]
        let clock = model.clock(now)
        if taken.by == "engine" {
            guard model.runsSince != nil else { return fault("escalated while acknowledged") }
            guard let due = model.due(taken.index, step) else {
                return fault("step \(taken.index) was taken again")
            }
            let late = clock.seconds - due.seconds
            if late < -0.05 { fault("step \(taken.index) was taken \(-late) s too early") }
            if late > 0.05, now - ledger.upSince > .seconds(0.5) {
                fault("step \(taken.index) was taken \(late) s too late")
            }
        }
        ledger.model?.taken[taken.index] = clock
        let people = OutreachDirectory(runbook: runbook, overrides: ledger.override)
            .people(step.notify, at: world.now)
        if people != Set(taken.people) || taken.people.count != people.count {
            fault("told \(taken.people) rather than \(people.sorted())")
        }
        ledger.named[model.id, default: []].formUnion(people)
    }
    func row(_ level: Level) -> [EscalationStep] {
        runbook.escalation.first { $0.level == level }?.steps ?? []
    }

    // MARK: Outbox

    private mutating func see(_ event: OutboxEvent) {
        switch event {
        case .queued(let message, let deliveries): seeQueued(message, deliveries)
        case .added(let delivery): checkWay(delivery)
        case .started(let id, let attempt): seeStarted(id, attempt)
        case .ended(let id, _, let outcome):
            let delivery = ledger.sending.removeValue(forKey: id)
            if outcome.end == .unclear, let delivery { doubt(delivery) }
            let patience = outcome.retryAfter.map { now + $0 }
            ledger.askedToWait[id] = patience
        case .interrupted(let id):
            if let delivery = ledger.sending.removeValue(forKey: id) { doubt(delivery) }
        case .revived(let id, _):
            ledger.revived.insert(messageID(id))
            ledger.askedToWait[id] = nil
        case .dropped(let id, let why), .dead(let id, let why):
            if ledger.sending[id] != nil { fault("\(id) ended while it was being sent") }
            if why.isEmpty { fault("\(id) ended without a word") }
            checkSaid(id, why)
        case .dismissed: break
        }
    }
    private func messageID(_ delivery: String) -> String {
        String(delivery.prefix(upTo: delivery.lastIndex(of: ".") ?? delivery.endIndex))
    }
    private mutating func doubt(_ delivery: Delivery) {
        for ear in ears(delivery) { ledger.uncertain.insert(hearing(ear, delivery)) }
    }
    /// Whether a person listens at a channel without addressees: the addresses beside the matrix and
    /// its people have nothing to do with each other.
    static func listens(_ person: String, at channel: String) -> Bool {
        person.hasPrefix("local-") == channel.hasPrefix("local-")
    }
    /// What is to be heard once: a message, or by every channel where it goes out by all of them.
    private func hearing(_ ear: String, _ delivery: Delivery) -> String {
        let all = ledger.messages[delivery.message]?.everyChannel == true
        return "\(delivery.message)/\(ear)" + (all ? "/\(delivery.channel)" : "")
    }
    /// People, or whoever listens there.
    func ears(_ delivery: Delivery) -> [String] {
        delivery.people.isEmpty ? ["#\(delivery.channel)"] : delivery.people
    }

    private mutating func seeQueued(_ message: OutboxMessage, _ deliveries: [Delivery]) {
        if ledger.messages[message.id] != nil { fault("\(message.id) was queued twice") }
        ledger.messages[message.id] = message
        ledger.queuedAt[message.id] = now
        checkText(message.title + message.facts.map { $0.name + $0.text }.joined(), message.id)
        checkText(message.text.replacing("\n", with: ""), message.id)
        if message.title.isEmpty { fault("\(message.id) has no title") }
        for delivery in deliveries { checkWay(delivery) }
        guard message.purpose.isOfEmergency, let emergency = message.emergency else { return }
        let strangers = Set(message.people).subtracting(ledger.named[emergency] ?? [])
        if !strangers.isEmpty { fault("\(strangers) are told of \(emergency): \(message.title)") }
        guard message.purpose == .emergency, ledger.model?.runsSince != nil else { return }
        // The oldest of the same kind is the strictest.
        for person in message.people
        where !ledger.obligations.contains(where: {
            $0.emergency == emergency && $0.person == person && $0.via == message.via
        }) {
            ledger.obligations.append(
                Obligation(
                    emergency: emergency, person: person, via: message.via, since: now,
                    message: message.id,
                    isReminder: ledger.heard[emergency]?.contains(person) == true))
        }
    }

    /// A delivery goes to people whom the message is for, by a channel that it may take.
    private mutating func checkWay(_ delivery: Delivery) {
        guard let message = ledger.messages[delivery.message] else {
            return fault("\(delivery.id) belongs to nothing")
        }
        if !message.via.contains(delivery.channel) {
            fault("\(delivery.id) goes by \(delivery.channel), not by \(message.via)")
        }
        if !Set(delivery.people).isSubset(of: message.people) {
            fault("\(delivery.id) goes to \(delivery.people), not to \(message.people)")
        }
        if (delivery.channel == "users") != (message.purpose == .users), message.purpose != .test {
            fault("\(message.purpose) by \(delivery.channel)")
        }
        guard let kind = kind(delivery.channel) else { return }
        if kind.isPersonal, delivery.people.count != 1 { fault("\(delivery.id) has no addressee") }
        for id in delivery.people {
            guard let person = runbook.people.first(where: { $0.id == id }), kind.reaches(person),
                kind.isPersonal || Self.listens(id, at: delivery.channel)
            else {
                fault("\(delivery.channel) does not reach \(id)")
                continue
            }
        }
        for title in delivery.earlier { checkText(title, delivery.id) }
        if delivery.earlier.count > Rules.Outbox.mostEarlier { fault("\(delivery.id) carries all") }
    }

    private mutating func seeStarted(_ id: String, _ attempt: Int) {
        guard let (entry, delivery) = world.situation.delivery(id) else {
            return fault("\(id) is started and unknown")
        }
        let message = entry.message
        if let patience = ledger.askedToWait[id], (patience - now).seconds > 0.05 {
            fault("\(id) is sent before \(patience.rfc3339), which was asked for")
        }
        if message.purpose.isOfEmergency, message.purpose != .over,
            !ledger.revived.contains(message.id), world.situation.emergency?.id != message.emergency
        {
            fault("after the end: \(message.title) by \(delivery.channel), attempt \(attempt)")
        }
        if message.purpose.isOfEmergency, !message.everyChannel, !delivery.people.isEmpty {
            for other in ledger.sending.values {
                guard let told = ledger.messages[other.message], told.purpose.isOfEmergency,
                    told.emergency == message.emergency, !told.everyChannel
                else { continue }
                if !Set(other.people).isDisjoint(with: delivery.people) {
                    fault("\(id) is sent while \(other.id) is, to \(delivery.people)")
                }
            }
        }
        ledger.sending[id] = delivery
        inspectSendings()
    }

    /// What is said with a newer message stands in it, once it was queued.
    private mutating func checkSaid(_ id: String, _ why: String) {
        guard why.hasPrefix("said with "), let (entry, old) = world.situation.delivery(id),
            entry.message.purpose.isOfEmergency,
            let newer = world.situation.outbox[String(why.dropFirst("said with ".count))]
        else { return }
        let says = newer.deliveries.contains { delivery in
            delivery.state != .waiting || delivery.earlier.contains(entry.message.title)
                || delivery.earlier.count == Rules.Outbox.mostEarlier
        }
        if !says { fault("\(newer.message.id) does not say \(old.id)") }
    }

    // MARK: Receivers

    /// Something has truly arrived.
    mutating func arrive(_ flight: Flight) {
        let delivery = flight.delivery
        guard let message = ledger.messages[delivery.message] else { return }
        if kind(delivery.channel)?.tellsRepeats == true,
            !ledger.received.insert(delivery.id).inserted
        {
            return
        }
        // Where everybody listens those hear it again for the sake of others who had not yet.
        let isForOthers =
            kind(delivery.channel)?.isPersonal == false
            && delivery.people.contains { ledger.told[hearing($0, delivery)] == nil }
        for ear in ears(delivery) {
            let key = hearing(ear, delivery)
            let times = (ledger.told[key] ?? 0) + 1
            ledger.told[key] = times
            let excuse =
                (ledger.uncertain.contains(key) && delivery.mayRepeat)
                || ledger.revived.contains(message.id) || isForOthers
            if times > 1, !excuse {
                fault("\(ear) heard \(message.id) \(times) times, now by \(delivery.channel)")
            }
        }
        guard let emergency = message.emergency, message.purpose.isOfEmergency else { return }
        // Where nobody is addressed everybody listens whom it is for.
        let listeners =
            kind(delivery.channel)?.isPersonal == true
            ? [] : message.people.filter { Self.listens($0, at: delivery.channel) }
        for ear in Set(ears(delivery) + listeners) { hear(ear, message, emergency) }
    }

    private mutating func hear(_ ear: String, _ message: OutboxMessage, _ emergency: String) {
        if ledger.obligations.contains(where: { $0.person == ear }) { inspectObligations() }
        ledger.heard[emergency, default: []].insert(ear)
        if message.purpose == .over { ledger.awaitsEnd[emergency]?.remove(ear) }
        ledger.obligations.removeAll { $0.emergency == emergency && $0.person == ear }
        guard message.by == "engine", message.purpose != .emergency,
            !message.title.hasPrefix("RAISED"), !ledger.revived.contains(message.id)
        else { return }
        let key = "\(emergency)/\(ear)"
        var recent = (ledger.news[key] ?? []).filter {
            now - $0.at < .seconds(60) && $0.message != message.id
        }
        recent.append((message.id, now))
        ledger.news[key] = recent
        if recent.count > 4 { fault("\(ear) is flooded: \(message.title)") }
    }
}
