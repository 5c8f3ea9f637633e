// Where the messages of one command stand, worked out from the lines of the stream alone.
import Domain
import Wire

struct DeliveryFollower {
    /// What is waited for.
    enum Until {
        /// Every delivery is over.
        case itsEnd
        /// Every delivery was tried: a test of a channel that fails is not waited for any longer.
        case itsFirstAttempt
    }

    /// Ids of messages, in the order of the engine's answer.
    let messages: [String]
    let until: Until
    /// Names of the people whom no channel reaches.
    let unreachable: [String]
    /// Their deliveries, in the order in which they were heard of.
    private(set) var deliveries: [DeliveryReport] = []
    /// Nothing can be said before the engine has said something.
    private var heard = false

    init(messages: [String], unreachable: [String] = [], until: Until = .itsEnd) {
        self.messages = messages
        self.unreachable = unreachable
        self.until = until
    }

    mutating func take(_ line: StreamLine) {
        if let start = line.start {
            heard = true
            start.situation.deliveries.forEach { take($0) }
        }
        line.change?.deliveries?.forEach { take($0) }
    }

    private mutating func take(_ delivery: DeliveryReport) {
        guard messages.contains(delivery.message) else { return }
        if let index = deliveries.firstIndex(where: { $0.id == delivery.id }) {
            deliveries[index] = delivery
        } else {
            deliveries.append(delivery)
        }
    }

    /// Whether there is nothing more to wait for.
    var isOver: Bool {
        heard
            && deliveries.allSatisfy { delivery in
                switch until {
                case .itsEnd: delivery.state.isOver
                case .itsFirstAttempt: delivery.state.isOver || delivery.hasFailed
                }
            }
    }

    /// What has come of it.
    var standing: DeliveryStanding {
        DeliveryStanding(messages: messages, deliveries: deliveries, unreachable: unreachable)
    }
}

extension DeliveryReport {
    /// Between two attempts, the last of which failed.
    var hasFailed: Bool { state == .waiting && attempts > 0 && !trouble.isEmpty }

    /// The people, or the channel where it addresses nobody in particular.
    var whom: String { people.isEmpty ? channel : people.joined(separator: ", ") }
}

/// Who was reached by some messages, and who was not.
struct DeliveryStanding {
    /// Names of people; of channels, where a message is for nobody in particular.
    private(set) var reached: [String] = []
    private(set) var missed: [String] = []
    /// Those of the missed whom no channel reaches: nothing is on its way to them.
    let unreachable: [String]
    /// Deliveries that are not over, and those that were given up.
    let onTheWay: [DeliveryReport]
    let dead: [DeliveryReport]

    init(messages: [String], deliveries: [DeliveryReport], unreachable: [String] = []) {
        self.unreachable = unreachable
        onTheWay = deliveries.filter { !$0.state.isOver }
        dead = deliveries.filter { $0.state == .dead }
        for message in messages {
            let own = deliveries.filter { $0.message == message }
            var names: [String] = []
            for delivery in own {
                let whom = delivery.people.isEmpty ? [delivery.channel] : delivery.people
                names += whom.filter { !names.contains($0) }
            }
            // A message without a delivery has reached nobody, and that is no success.
            if own.isEmpty, unreachable.isEmpty { missed.append(message) }
            for name in names {
                let told = own.contains { delivery in
                    delivery.state == .delivered
                        && (delivery.people.isEmpty
                            ? delivery.channel == name : delivery.people.contains(name))
                }
                if told {
                    if !reached.contains(name) { reached.append(name) }
                } else if !missed.contains(name) {
                    missed.append(name)
                }
            }
        }
        missed += unreachable.filter { !missed.contains($0) && !reached.contains($0) }
    }

    /// What is in the way of somebody who was missed; nil when nothing is known of it.
    func trouble(of name: String) -> String? {
        (onTheWay + dead).first { delivery in
            !delivery.trouble.isEmpty
                && (delivery.people.isEmpty
                    ? delivery.channel == name : delivery.people.contains(name))
        }?.trouble
    }

    var isComplete: Bool { missed.isEmpty && !reached.isEmpty }
}
