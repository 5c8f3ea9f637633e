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
        /// Messages that only add to what people know wait so long after the one before.
        package static let digestPause = Span.seconds(60)
        /// Older titles that a delivery carries on.
        package static let mostEarlier = 20
        /// Messages of operators are refused when so many wait.
        package static let mostWaiting = 1_000
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
            if case .channel(let channel) = route(name) { return channel.kind.reaches(person) }
            return true
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
        var plan = DeliveryPlan(message: message.id)
        for person in message.people {
            let known = (first[person] ?? []).filter { carries($0, message.purpose) }
            let all = known.isEmpty ? ways(message, to: person) : known
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
            events.append(.outbox(.dropped(old.id, why: "said with \(message.id)")))
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
                    : old.people.allSatisfy(covered.contains)
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
            } else if attempt == 1 || delivery.trouble.isEmpty {
                events += furtherWays(entry, delivery, at: moment)
            }
        case .refused:
            events.append(.outbox(.dead(id, why: outcome.detail)))
            if superfluous(delivery, entry, in: situation) == nil {
                events += furtherWays(entry, delivery, at: moment)
            }
        }
        return events
    }

    /// Told by one way: the others to the same people are not needed, unless all were asked for.
    private func dropped(_ entry: OutboxEntry, toldBy delivery: Delivery) -> [Event] {
        guard !entry.message.everyChannel, !delivery.people.isEmpty else { return [] }
        let told = told(entry).union(reached(by: delivery, entry))
        return entry.deliveries.filter {
            $0.id != delivery.id && $0.state == .waiting && !$0.people.isEmpty
                && told.isSuperset(of: $0.people)
        }.map { .outbox(.dropped($0.id, why: "told by \(delivery.channel)")) }
    }

    /// Why a delivery that failed need not be tried again; nil: it must.
    private func superfluous(
        _ delivery: Delivery, _ entry: OutboxEntry, in situation: Situation
    ) -> String? {
        let others = entry.deliveries.filter { $0.id != delivery.id && $0.state == .delivered }
        let told = others.reduce(into: Set<String>()) { $0.formUnion(reached(by: $1, entry)) }
        if !entry.message.everyChannel, !delivery.people.isEmpty,
            told.isSuperset(of: delivery.people)
        {
            return "told by another channel"
        }
        guard entry.message.purpose.isOfEmergency || entry.message.purpose == .statusPage else {
            return nil
        }
        let newer = situation.outbox.values.reversed().first { newer in
            newer.message.id != entry.message.id && newer.message.at >= entry.message.at
                && newer.message.purpose.isOfEmergency == entry.message.purpose.isOfEmergency
                && newer.message.emergency == entry.message.emergency
                && newer.deliveries.contains { other in
                    !other.state.isOver && other.queuedAt >= delivery.queuedAt
                        && (delivery.people.isEmpty
                            ? other.channel == delivery.channel
                            : Set(other.people).isSuperset(of: delivery.people))
                }
        }
        return newer.map { "said with \($0.message.id)" }
    }

    /// The next channel of each person whom a failing delivery was to reach.
    private func furtherWays(
        _ entry: OutboxEntry, _ failing: Delivery, at moment: Timestamp
    ) -> [Event] {
        guard !entry.message.everyChannel else { return [] }
        var plan = DeliveryPlan(message: entry.message.id, numbered: entry.deliveries.count)
        let told = told(entry)
        for person in failing.people where !told.contains(person) {
            let tried = entry.deliveries.filter { $0.people.contains(person) }.map(\.channel)
            guard let next = ways(entry.message, to: person).first(where: { !tried.contains($0) })
            else { continue }
            // A channel without addresses that this message goes out by already is for them too.
            if !isPersonal(next), entry.deliveries.contains(where: { $0.channel == next }) {
                continue
            }
            plan.add(next, person, isPersonal: isPersonal(next))
        }
        return plan.deliveries(at: moment).map { .outbox(.added($0)) }
    }

    /// In flight when the engine ended: sent again, unless a runner of its own has gone on with it.
    func interrupted(_ situation: Situation) -> [Event] {
        situation.outbox.values.flatMap(\.deliveries)
            .filter { $0.state == .sending && !runsByItself($0) }
            .map { .outbox(.interrupted($0.id)) }
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

/// Gathers who is told by which channel: one delivery for each person where a channel has addresses, one
/// for all where it has none.
private struct DeliveryPlan {
    let message: String
    var numbered = 0
    private var ways: [(channel: String, people: [String])] = []

    init(message: String, numbered: Int = 0) {
        self.message = message
        self.numbered = numbered
    }
    mutating func add(_ channel: String, _ person: String?, isPersonal: Bool) {
        let there = ways.firstIndex {
            $0.channel == channel && (!isPersonal || $0.people == [person].compactMap { $0 })
        }
        guard let there else {
            ways.append((channel, [person].compactMap { $0 }))
            return
        }
        if let person, !ways[there].people.contains(person) { ways[there].people.append(person) }
    }
    func deliveries(at moment: Timestamp) -> [Delivery] {
        ways.enumerated().map { index, way in
            Delivery(
                id: "\(message).\(numbered + index + 1)", message: message, channel: way.channel,
                people: way.people, queuedAt: moment, notBefore: moment)
        }
    }
}

/// What is under way, so that no channel is flooded and nobody is told two things at once.
private struct Traffic {
    private var byChannel: [String: Int] = [:]
    private var all = 0
    private var busy: Set<String> = []

    init(_ situation: Situation) {
        for entry in situation.outbox.values {
            for delivery in entry.deliveries where delivery.state == .sending {
                enter(delivery, entry.message)
            }
        }
    }
    func admits(_ delivery: Delivery, _ message: OutboxMessage) -> Bool {
        all < Rules.Outbox.mostAtOnce
            && byChannel[delivery.channel, default: 0] < Rules.Outbox.mostByChannel
            && busy.isDisjoint(with: ends(delivery, message))
    }
    mutating func enter(_ delivery: Delivery, _ message: OutboxMessage) {
        all += 1
        byChannel[delivery.channel, default: 0] += 1
        busy.formUnion(ends(delivery, message))
    }
    /// Who hears what: two messages of one thread to the same ears keep their order. By every channel at
    /// once means by every channel at once.
    private func ends(_ delivery: Delivery, _ message: OutboxMessage) -> Set<String> {
        let thread =
            message.purpose.isOfEmergency
            ? message.emergency ?? message.id
            : message.purpose == .statusPage ? "status page" : message.id
        if delivery.people.isEmpty || message.everyChannel {
            return ["\(thread)/#\(delivery.channel)/\(delivery.people)"]
        }
        return Set(delivery.people.map { "\(thread)/\($0)" })
    }
}

extension Rules {
    /// Ids of the people whom some delivery of a message has reached.
    package func told(_ entry: OutboxEntry) -> Set<String> {
        entry.deliveries.filter { $0.state == .delivered }
            .reduce(into: []) { $0.formUnion(reached(by: $1, entry)) }
    }
    /// Whom a delivery reaches when it arrives: by a channel without addresses, everybody whom the
    /// message may go to by it.
    package func reached(by delivery: Delivery, _ entry: OutboxEntry) -> Set<String> {
        if isPersonal(delivery.channel) { return Set(delivery.people) }
        return Set(
            entry.message.people.filter { ways(entry.message, to: $0).contains(delivery.channel) }
        ).union(delivery.people)
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
