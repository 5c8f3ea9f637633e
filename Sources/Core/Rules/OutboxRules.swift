// The outbox machine: every message stands in the journal before it is sent, and ends in one of three
// ways that everybody can see.
//
//   queued ─ due, and its channel is free ──▶ sending      (written down before anything is sent)
//   sending ─ delivered ──▶ delivered; other ways to the same people: dropped
//   sending ─ failed, or unclear ──▶ waiting, longer each time; the next channel of `via` is added
//   sending ─ refused ──▶ dead; the next channel of `via` is added
//   sending ─ the engine was restarted ──▶ waiting, due at once, perhaps a repeat
//   waiting ─ a newer message of the same emergency to the same people ──▶ dropped, said with that one
//   waiting ─ a day ──▶ dead
//   dead ─ retry ──▶ waiting          dead ─ dismiss ──▶ dropped
package import Domain
import OrderedCollections

extension Rules {
    package enum Outbox {
        /// Given up after this time.
        package static let patience = Span.hours(24)
        /// The first pause after a failure; it doubles …
        package static let firstPause = Span.seconds(2)
        /// … up to this.
        package static let longestPause = Span.minutes(5)
        /// Under way at once by one channel, and in all.
        package static let mostByChannel = 4
        package static let mostAtOnce = 16
        /// Of those, the ones that are left to messages about an emergency.
        package static let keptByChannel = 1
        package static let keptInAll = 4
        /// Messages that only add to what people know wait so long after the one before.
        package static let digestPause = Span.seconds(60)
        /// Older titles that a delivery carries on.
        package static let mostEarlier = 20
        /// Messages of operators are refused when so many wait.
        package static let mostWaiting = 1_000
        /// What the reason of a delivery that a newer message replaces begins with; that message's id
        /// follows.
        package static let saidWith = "said with "
    }
    /// The channel that reaches the people who use the service.
    package static let usersChannel = "users"

    // MARK: Ways

    package func route(_ name: String) -> DeliveryRoute? {
        switch name {
        case OutboxMessage.statusPageChannel: runbook.statusPage.map { .statusPage($0) }
        case OutboxMessage.ticketsChannel: runbook.tickets.map { .tickets($0) }
        default: runbook.channels.first { $0.name == name }.map { .channel($0) }
        }
    }
    private func isPersonal(_ channel: String) -> Bool {
        if case .channel(let channel) = route(channel) { return channel.kind.isPersonal }
        return false
    }
    private func carries(_ channel: String, _ purpose: MessagePurpose) -> Bool {
        switch route(channel) {
        case .channel(let channel): channel.kind.carries(purpose)
        case .statusPage: purpose == .statusPage
        case .tickets: purpose == .ticket
        case nil: false
        }
    }
    /// The channels of a message that reach a person, the preferred one first.
    private func ways(_ message: OutboxMessage, to person: String) -> [String] {
        guard let person = authority.person(id: person) else { return [] }
        return message.via.filter { name in
            guard carries(name, message.purpose) else { return false }
            guard case .channel(let channel) = route(name) else { return true }
            return channel.kind.isPersonal
                ? channel.kind.reaches(person) : Self.listens(person.id, at: name)
        }
    }

    /// The channels that would tell a person of an emergency, the preferred one first.
    package func waysOfEmergency(_ via: [String], to person: String) -> [String] {
        via.filter { name in
            guard let known = authority.person(id: person), carries(name, .emergency),
                case .channel(let channel) = route(name)
            else { return false }
            return channel.kind.isPersonal
                ? channel.kind.reaches(known) : Self.listens(person, at: name)
        }
    }

    // MARK: Queueing

    /// Puts a message into the outbox; older ones that it replaces leave it.
    /// - Parameters:
    ///   - first: the channel to begin with, for people who are better reached by another than the first
    ///     of `via`.
    ///   - also: channels without addressees that are to have it too.
    ///   - paced: it may wait for others, so that people get one message rather than many.
    func queue(
        _ message: OutboxMessage, first: [String: [String]] = [:], also: [String] = [],
        paced: Bool = false, in situation: Situation, at moment: Timestamp
    ) -> [Event] {
        let message = withOlderWays(message, in: situation)
        var plan = DeliveryPlan(message: message.id)
        for person in message.people {
            let possible = ways(message, to: person)
            let known = (first[person] ?? []).filter(possible.contains)
            let all = known.isEmpty ? possible : known
            for channel in message.everyChannel || !known.isEmpty ? all : Array(all.prefix(1)) {
                plan.add(channel, person, isPersonal: isPersonal(channel))
            }
        }
        let open =
            also.filter { carries($0, message.purpose) }
            + (message.people.isEmpty
                ? message.via.filter { !isPersonal($0) && carries($0, message.purpose) }
                    .prefix(message.everyChannel ? Int.max : 1) : [])
        for channel in open { plan.add(channel, nil, isPersonal: false) }

        var deliveries = plan.deliveries(at: moment)
        var events = testedAnew(message, in: situation)
        for (entry, old) in replaced(by: message, deliveries, in: situation) {
            events.append(.outbox(.dropped(old.id, why: Outbox.saidWith + message.id)))
            for index in deliveries.indices where deliveries[index].stands(for: old) {
                deliveries[index].carryOn(old.earlier + [entry.message.title])
                if paced {
                    deliveries[index].notBefore = min(
                        max(old.notBefore, moment),
                        moment + Outbox.digestPause)
                }
            }
        }
        if paced {
            for index in deliveries.indices where deliveries[index].earlier.isEmpty {
                let last = lastTold(deliveries[index], message, in: situation)
                deliveries[index].notBefore = max(
                    moment, last.map { $0 + Outbox.digestPause } ?? moment)
            }
        }
        return events + [.outbox(.queued(message, deliveries: deliveries))]
    }

    /// A new test of a channel makes an old one that failed superfluous.
    private func testedAnew(_ message: OutboxMessage, in situation: Situation) -> [Event] {
        guard message.purpose == .test else { return [] }
        return situation.settled.filter { $0.message.purpose == .test }.flatMap(\.deliveries)
            .filter { $0.state == .dead && message.via.contains($0.channel) }
            .map { .outbox(.dropped($0.id, why: "tested again")) }
    }

    /// A message that takes the place of older ones may go by the channels of those, too, after its own:
    /// whom only they would reach is reached.
    private func withOlderWays(
        _ message: OutboxMessage, in situation: Situation
    ) -> OutboxMessage {
        guard message.purpose.isOfEmergency, !message.everyChannel else { return message }
        var message = message
        for entry in situation.outbox.values
        where entry.message.emergency == message.emergency && entry.message.purpose.isOfEmergency
            && !Set(entry.message.people).isDisjoint(with: message.people)
        {
            message.via += entry.message.via.filter { !message.via.contains($0) }
        }
        return message
    }

    /// Deliveries of the same emergency (or of the status page) that were not begun and that the new
    /// ones make superfluous.
    private func replaced(
        by message: OutboxMessage, _ deliveries: [Delivery], in situation: Situation
    ) -> [(OutboxEntry, Delivery)] {
        situation.outbox.values.flatMap { entry -> [(OutboxEntry, Delivery)] in
            let isOlder =
                message.purpose == .statusPage
                ? entry.message.purpose == .statusPage
                : message.purpose.isOfEmergency && entry.message.purpose.isOfEmergency
                    && entry.message.emergency == message.emergency
            guard isOlder else { return [] }
            let covered = Set(deliveries.flatMap(\.people))
            return entry.deliveries.filter { old in
                guard old.state == .waiting else { return false }
                return old.people.isEmpty
                    ? deliveries.contains { $0.channel == old.channel }
                    // What could still reach them must not give way to what perhaps cannot.
                    : old.people.allSatisfy(covered.contains)
                        && message.isAsFarReaching(as: entry.message)
            }.map { (entry, $0) }
        }
    }

    /// When the people of a delivery last had something of the same emergency queued for them.
    private func lastTold(
        _ delivery: Delivery, _ message: OutboxMessage, in situation: Situation
    ) -> Timestamp? {
        entries(of: message.emergency, in: situation).flatMap(\.deliveries)
            .filter { old in
                old.state != .dropped && old.channel == delivery.channel
                    && (old.people.isEmpty || !Set(old.people).isDisjoint(with: delivery.people))
            }.map { $0.startedAt ?? $0.queuedAt }.max()
    }

    /// Everything that was said of an emergency, oldest first.
    package func entries(of emergency: String?, in situation: Situation) -> [OutboxEntry] {
        guard let emergency else { return [] }
        return (situation.settled + situation.outbox.values).filter {
            $0.message.emergency == emergency && $0.message.purpose.isOfEmergency
        }
    }

    // MARK: What falls due

    func dueDeliveries(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard !situation.outbox.isEmpty else { return [] }
        var events: [Event] = []
        var traffic = Traffic(situation)
        // What is about an emergency goes first.
        let entries = situation.outbox.values
        let ordered =
            entries.filter { $0.message.purpose.isOfEmergency }
            + entries.filter { !$0.message.purpose.isOfEmergency }
        for entry in ordered {
            for delivery in entry.deliveries where delivery.state == .waiting {
                if delivery.queuedAt + Outbox.patience <= moment {
                    let why = delivery.trouble.isEmpty ? "" : ": \(delivery.trouble)"
                    events.append(
                        .outbox(
                            .dead(
                                delivery.id,
                                why: "not delivered within \(Outbox.patience.spelled)\(why)")))
                } else if delivery.notBefore <= moment, traffic.admits(delivery, entry.message) {
                    traffic.enter(delivery, entry.message)
                    events.append(.outbox(.started(delivery.id, attempt: delivery.attempts + 1)))
                }
            }
        }
        return events
    }

    func deliveryDeadlines(_ situation: Situation) -> [Timestamp] {
        situation.outbox.values.flatMap(\.deliveries).filter { $0.state == .waiting }
            .flatMap { [$0.notBefore, $0.queuedAt + Outbox.patience] }
    }

    // MARK: What carriers report

    func deliveryEnded(
        _ id: String, _ attempt: Int, _ outcome: DeliveryOutcome, in situation: Situation,
        at moment: Timestamp
    ) -> [Event] {
        guard let (entry, delivery) = situation.delivery(id), delivery.state == .sending,
            delivery.attempts == attempt
        else { return [] }
        var events: [Event] = [.outbox(.ended(id, attempt: attempt, outcome))]
        switch outcome.end {
        case .delivered:
            events += dropped(entry, toldBy: delivery)
        case .failed where entry.message.purpose == .test,
            .unclear where entry.message.purpose == .test:
            // A test says how it is now; it does not wait until it is better.
            events.append(.outbox(.dead(id, why: outcome.detail)))
        case .failed, .unclear:
            if let why = superfluous(delivery, entry, in: situation) {
                events.append(.outbox(.dropped(id, why: why)))
            } else {
                let mayRepeat = delivery.mayRepeat || outcome.end == .unclear
                events += furtherWays(entry, delivery, mayRepeat: mayRepeat, at: moment)
            }
        case .refused:
            events.append(.outbox(.dead(id, why: outcome.detail)))
            if superfluous(delivery, entry, in: situation) == nil {
                events += furtherWays(
                    entry, delivery, mayRepeat: delivery.mayRepeat, at: moment)
            }
        }
        return events
    }

    /// Told by one way: the others to the same people are not needed, unless all were asked for.
    private func dropped(_ entry: OutboxEntry, toldBy delivery: Delivery) -> [Event] {
        guard !entry.message.everyChannel, !delivery.people.isEmpty else { return [] }
        let told = entry.told.union(delivery.people)
        let listening = Set(listeners(delivery, entry))
        return entry.deliveries.filter {
            $0.id != delivery.id && $0.state == .waiting && !$0.people.isEmpty
                && (told.isSuperset(of: $0.people)
                    || (!$0.trouble.isEmpty && listening.isSuperset(of: $0.people)))
        }.map { .outbox(.dropped($0.id, why: "told by \(delivery.channel)")) }
    }

    /// Who hears a delivery: its people, and everybody whom the message is for where it addresses nobody.
    package func listeners(_ delivery: Delivery, _ entry: OutboxEntry) -> [String] {
        delivery.people.isEmpty || isPersonal(delivery.channel)
            ? delivery.people
            : entry.message.people.filter { Self.listens($0, at: delivery.channel) }
    }
    /// The addresses of `alerts.local.yaml` are nobody's but their own: a webhook that was added there
    /// tells none of the matrix, and a channel of the matrix tells none of them.
    private static func listens(_ person: String, at channel: String) -> Bool {
        LocalNames.isLocal(person) == LocalNames.isLocal(channel)
    }

    /// Why a delivery that failed need not be tried again; nil: it must.
    private func superfluous(
        _ delivery: Delivery, _ entry: OutboxEntry, in situation: Situation
    ) -> String? {
        let others = entry.deliveries.filter { $0.id != delivery.id && $0.state == .delivered }
        let told = Set(others.flatMap { listeners($0, entry) })
        if !entry.message.everyChannel, !delivery.people.isEmpty,
            told.isSuperset(of: delivery.people)
        {
            return "told by another channel"
        }
        guard entry.message.purpose.isOfEmergency || entry.message.purpose == .statusPage else {
            return nil
        }
        if isOver(entry.message, in: situation) { return "it is over" }
        let newer = (situation.settled + situation.outbox.values).last { newer in
            newer.message.id != entry.message.id
                && newer.message.purpose.isOfEmergency == entry.message.purpose.isOfEmergency
                && (newer.message.purpose.isOfEmergency
                    ? newer.message.emergency == entry.message.emergency
                    : newer.message.purpose == entry.message.purpose)
                && newer.deliveries.contains {
                    replaces($0, of: newer.message, delivery, of: entry.message)
                }
        }
        return newer.map { Outbox.saidWith + $0.message.id }
    }

    /// Whether a delivery of a newer message is going to say what an older one did, or has said it.
    private func replaces(
        _ newer: Delivery, of message: OutboxMessage, _ older: Delivery, of old: OutboxMessage
    ) -> Bool {
        let toTheSame =
            older.people.isEmpty
            ? newer.channel == older.channel : Set(newer.people).isSuperset(of: older.people)
        guard toTheSame else { return false }
        switch newer.state {
        case .waiting, .sending:
            return newer.queuedAt >= older.queuedAt && message.isAsFarReaching(as: old)
        case .delivered: return newer.queuedAt > older.queuedAt
        case .dropped, .dead: return false
        }
    }

    /// Whether a message is about an emergency that has ended since.
    private func isOver(_ message: OutboxMessage, in situation: Situation) -> Bool {
        message.purpose.isOfEmergency && message.purpose != .over
            && situation.emergency?.id != message.emergency
    }

    /// What still waits to be said of an emergency that ends with these events.
    func pointless(
        _ emergency: String, after events: [Event], in situation: Situation, at moment: Timestamp
    ) -> [Event] {
        var next = situation
        for event in events { next.apply(event, at: moment) }
        return next.outbox.values.filter {
            $0.message.emergency == emergency && $0.message.purpose.isOfEmergency
                && $0.message.purpose != .over
        }.flatMap(\.deliveries).filter { $0.state == .waiting }
            .map { .outbox(.dropped($0.id, why: "it is over")) }
    }

    /// The next channel of each person whom a failing delivery was to reach.
    private func furtherWays(
        _ entry: OutboxEntry, _ failing: Delivery, mayRepeat: Bool, at moment: Timestamp
    ) -> [Event] {
        guard !entry.message.everyChannel else { return [] }
        var plan = DeliveryPlan(message: entry.message.id, numbered: entry.deliveries.count)
        for person in failing.people where !entry.told.contains(person) {
            let theirs = entry.deliveries.filter { $0.people.contains(person) }
            // A way that was added since is tried first.
            guard theirs.last?.id == failing.id else { continue }
            // A channel without addressees that this message goes out by is not taken a second time.
            let next = ways(entry.message, to: person).first { channel in
                !theirs.contains { $0.channel == channel }
                    && (isPersonal(channel)
                        || !entry.deliveries.contains { $0.channel == channel })
            }
            guard let next else { continue }
            plan.add(next, person, isPersonal: isPersonal(next))
        }
        return plan.deliveries(at: moment).map {
            var delivery = $0
            delivery.mayRepeat = mayRepeat
            return .outbox(.added(delivery))
        }
    }

    /// In flight when the engine ended: sent again, unless a runner of its own has gone on with it.
    func interrupted(_ situation: Situation) -> [Event] {
        situation.outbox.values.flatMap { entry in
            entry.deliveries.filter { $0.state == .sending && !runsByItself($0) }
                .flatMap { delivery -> [Event] in
                    let why =
                        isOver(entry.message, in: situation)
                        ? superfluous(delivery, entry, in: situation) : nil
                    return [.outbox(.interrupted(delivery.id))]
                        + (why.map { [.outbox(.dropped(delivery.id, why: $0))] } ?? [])
                }
        }
    }
    /// A command is run by the step runner, which outlives the engine and knows how it ended.
    func runsByItself(_ delivery: Delivery) -> Bool {
        if case .channel(let channel) = route(delivery.channel), case .command = channel.kind {
            return true
        }
        return false
    }
    /// Whether the channel recognises a repeated delivery.
    package func tellsRepeats(_ channel: String) -> Bool {
        if case .channel(let channel) = route(channel) { return channel.kind.tellsRepeats }
        return false
    }

    /// How long to wait after so many failures: doubling, with a jitter of a quarter that depends on the
    /// delivery, so that not everything comes back at once.
    package static func pause(after failures: Int, of id: String) -> Span {
        let doubled = Outbox.firstPause.seconds * Double(1 << min(max(failures - 1, 0), 20))
        let base = min(doubled, Outbox.longestPause.seconds)
        // FNV-1a: the same on every machine, which a random number would not be.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(id)/\(failures)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let share = Double(hash >> 11) / Double(UInt64(1) << 53)
        return Span(seconds: base * (0.75 + 0.5 * share))
    }

    // MARK: What operators ask

    func retryDelivery(
        _ id: String, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        let (_, delivery) = try known(id, in: situation)
        switch delivery.state {
        case .dead, .waiting: return [.outbox(.revived(id, by: by))]
        case .sending, .delivered, .dropped:
            throw Refusal(
                .notNow, rule: "not-waiting", why: "\(id) is \(delivery.state.rawValue)",
                remedy: "Nothing to do")
        }
    }
    func dismissDelivery(
        _ id: String, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        let (_, delivery) = try known(id, in: situation)
        switch delivery.state {
        case .dead, .waiting: return [.outbox(.dismissed(id, by: by))]
        case .sending, .delivered, .dropped:
            throw Refusal(
                .notNow, rule: "not-waiting", why: "\(id) is \(delivery.state.rawValue)",
                remedy: "Nothing to do")
        }
    }
    private func known(
        _ id: String, in situation: Situation
    ) throws(Refusal) -> (OutboxEntry, Delivery) {
        if let found = situation.delivery(id) { return found }
        throw Refusal(
            .notUnderstood, rule: "unknown-delivery",
            why: "there is no delivery “\(Visible.text(id, limit: 60))”",
            remedy: "See tocsin outbox --all for their ids")
    }
}

extension OutboxMessage {
    /// Whether it may go by every channel that another one may.
    func isAsFarReaching(as other: OutboxMessage) -> Bool {
        other.via.allSatisfy(via.contains)
    }
}

extension OutboxEntry {
    /// Ids of the people whom some delivery has reached.
    package var told: Set<String> {
        Set(deliveries.filter { $0.state == .delivered }.flatMap(\.people))
    }
}

extension Delivery {
    func stands(for old: Delivery) -> Bool {
        old.people.isEmpty
            ? channel == old.channel : !Set(people).isDisjoint(with: old.people)
    }
    mutating func carryOn(_ titles: [String]) {
        for title in titles where !earlier.contains(title) { earlier.append(title) }
        earlier = earlier.suffix(Rules.Outbox.mostEarlier)
    }
}

extension Situation {
    /// A delivery by its id, with its message.
    package func delivery(_ id: String) -> (OutboxEntry, Delivery)? {
        guard let cut = id.lastIndex(of: ".") else { return nil }
        let message = String(id[..<cut])
        let entry = outbox[message] ?? settled.last { $0.message.id == message }
        guard let entry, let delivery = entry.deliveries.first(where: { $0.id == id }) else {
            return nil
        }
        return (entry, delivery)
    }
}
