// Which deliveries a message needs, and how many of them may be under way at once.
import Domain
import OrderedCollections

/// Gathers who is told by which channel: one delivery for each person where a channel has addresses, one
/// for all where it has none.
struct DeliveryPlan {
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
struct Traffic {
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
        // What is about an emergency finds a place though everything else hangs.
        let isUrgent = message.purpose.isOfEmergency
        return all < Rules.Outbox.mostAtOnce - (isUrgent ? 0 : Rules.Outbox.keptInAll)
            && byChannel[delivery.channel, default: 0]
                < Rules.Outbox.mostByChannel - (isUrgent ? 0 : Rules.Outbox.keptByChannel)
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
