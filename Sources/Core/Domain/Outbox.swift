// Messages to people and systems: what is said, to whom, by which way, and how each delivery ended.

/// What a message is about; every channel makes its own form of it.
package enum MessagePurpose: String, Sendable, Codable, CaseIterable {
    /// An emergency wants somebody: it began, its level rose, or nobody has answered yet.
    case emergency
    /// More is known of an open emergency.
    case update
    case acknowledged
    /// The emergency is over.
    case over
    /// A procedure says something: a `notify` step, the end of a rollback.
    case procedure
    /// An operator's words to administrators.
    case notification
    /// An operator's words to the people who use the service.
    case users
    /// A test of a channel, marked as one.
    case test
    /// A new ticket.
    case ticket
    case statusPage = "status_page"

    /// Whether it belongs to the telling of an emergency, where a newer message makes an older one that
    /// was not delivered yet superfluous.
    package var isOfEmergency: Bool {
        switch self {
        case .emergency, .update, .acknowledged, .over: true
        case .procedure, .notification, .users, .test, .ticket, .statusPage: false
        }
    }
}

package enum MessagePriority: String, Sendable, Codable, CaseIterable {
    case low, normal, high, critical

    package init(_ level: Level) {
        switch level {
        case .critical: self = .critical
        case .high: self = .high
        case .medium: self = .normal
        case .low: self = .low
        }
    }
}

/// What is said. Every text in it is visible (see `Visible`) and bounded.
package struct OutboxMessage: Sendable, Equatable, Codable {
    /// Such as `message_20260105_001`.
    package var id: String
    package var purpose: MessagePurpose
    /// The emergency that it belongs to: the key of its thread.
    package var emergency: String?
    package var level: Level?
    package var priority: MessagePriority
    /// One line of at most 200 characters.
    package var title: String
    /// Paragraphs, parted by line feeds; at most 4 000 characters.
    package var text: String
    /// What else is known, in the order to show it: `Level`, `Respond by`, `Failing` …
    package var facts: [NamedText]
    package var at: Timestamp
    /// Who caused it: a login name, or `engine`.
    package var by: String
    /// Ids of the people that it is for; empty: nobody in particular.
    package var people: [String]
    /// Names of channels, the preferred one first; `OutboxMessage.statusPageChannel` and
    /// `OutboxMessage.ticketsChannel` for those two.
    package var via: [String]
    /// By every channel at once, rather than by the next one when one fails.
    package var everyChannel: Bool
    /// Further values for templates: `status`, `assignee` …
    package var values: [NamedText]

    package static let statusPageChannel = "status_page"
    package static let ticketsChannel = "tickets"

    package init(
        id: String, purpose: MessagePurpose, emergency: String? = nil, level: Level? = nil,
        priority: MessagePriority, title: String, text: String = "", facts: [NamedText] = [],
        at: Timestamp, by: String, people: [String], via: [String], everyChannel: Bool = false,
        values: [NamedText] = []
    ) {
        self.id = id
        self.purpose = purpose
        self.emergency = emergency
        self.level = level
        self.priority = priority
        self.title = title
        self.text = text
        self.facts = facts
        self.at = at
        self.by = by
        self.people = people
        self.via = via
        self.everyChannel = everyChannel
        self.values = values
    }
}

package enum DeliveryState: String, Sendable, Codable, CaseIterable {
    /// In the outbox; also between two attempts.
    case waiting
    case sending
    case delivered
    /// Not needed any more: told by another channel, or with a newer message.
    case dropped
    /// Given up: dead-lettered.
    case dead
    package var isOver: Bool { self == .delivered || self == .dropped || self == .dead }
}

/// One message on its way by one channel.
package struct Delivery: Sendable, Equatable, Codable {
    /// Such as `message_20260105_001.2`. The same for every attempt, so that receivers can tell repeats.
    package var id: String
    package var message: String
    package var channel: String
    /// Ids of the people whom it reaches: one for mail and SMS; everybody whom the message is for where
    /// a channel addresses nobody in particular.
    package var people: [String]
    package var state: DeliveryState
    /// How often it was begun.
    package var attempts: Int
    /// Titles of older messages of the same emergency that this one stands for; at most 20.
    package var earlier: [String]
    package var queuedAt: Timestamp
    /// It is not begun before this moment.
    package var notBefore: Timestamp
    package var startedAt: Timestamp?
    package var endedAt: Timestamp?
    /// Why the last attempt failed, or why it was dropped or given up; visible.
    package var trouble: String
    /// When an attempt last failed, and why; kept whatever became of the delivery later.
    package var failedAt: Timestamp?
    package var failure: String
    /// Until when the other side asked to be left alone (`Retry-After`).
    package var askedToWait: Timestamp?
    /// What the other side said of it: an id, a number, `250 queued as …`; visible.
    package var receipt: String
    /// An earlier attempt may have arrived, and the channel cannot tell.
    package var mayRepeat: Bool

    package init(
        id: String, message: String, channel: String, people: [String], earlier: [String] = [],
        queuedAt: Timestamp, notBefore: Timestamp
    ) {
        self.id = id
        self.message = message
        self.channel = channel
        self.people = people
        state = .waiting
        attempts = 0
        self.earlier = earlier
        self.queuedAt = queuedAt
        self.notBefore = notBefore
        trouble = ""
        failure = ""
        receipt = ""
        mayRepeat = false
    }
}

/// What came of one attempt to deliver.
package struct DeliveryOutcome: Sendable, Equatable, Codable {
    package enum End: String, Sendable, Codable {
        /// The other side has taken it.
        case delivered
        /// It did not arrive; trying again may help: no connection, 429, 5xx, SMTP 4xx.
        case failed
        /// It will not be taken: a wrong address or key, another 4xx, SMTP 5xx.
        case refused
        /// It may have arrived: all was sent, and no answer came.
        case unclear
    }
    package var end: End
    /// The receipt, or what went wrong: one visible line of at most 300 characters, no secret in it.
    package var detail: String
    /// The other side asked to wait so long (`Retry-After`).
    package var retryAfter: Span?
    /// How long the attempt took.
    package var seconds: Double
    package init(end: End, detail: String, retryAfter: Span? = nil, seconds: Double) {
        self.end = end
        self.detail = detail
        self.retryAfter = retryAfter
        self.seconds = seconds
    }
}

/// Everything that a carrier needs for one attempt.
package struct DeliveryOrder: Sendable, Equatable {
    package var delivery: Delivery
    package var message: OutboxMessage
    package var route: DeliveryRoute
    /// The people of the delivery, with their addresses.
    package var people: [Person]
    package var service: ServiceIdentity
    /// The name of the message's level in the runbook.
    package var levelName: String
    /// What the status page called the incident that an earlier message of this emergency opened there.
    package var incident: String?
    /// The moment of the attempt.
    package var at: Timestamp
    package init(
        delivery: Delivery, message: OutboxMessage, route: DeliveryRoute, people: [Person],
        service: ServiceIdentity, levelName: String, incident: String? = nil, at: Timestamp
    ) {
        self.delivery = delivery
        self.message = message
        self.route = route
        self.people = people
        self.service = service
        self.levelName = levelName
        self.incident = incident
        self.at = at
    }
}

/// By which way a delivery goes.
package enum DeliveryRoute: Sendable, Equatable {
    case channel(Channel)
    case statusPage(StatusPage)
    case tickets(TicketSystem)
}

/// Hands messages over to the world. Never throws, never hangs: an attempt ends within
/// `MessageCarrierLimits.attempt`.
package protocol MessageCarrier: Sendable {
    func carry(_ order: DeliveryOrder) async -> DeliveryOutcome
}
package enum MessageCarrierLimits {
    /// An attempt takes at most so long.
    package static let attempt = Span.seconds(30)
}

extension ChannelKind {
    /// The runbook's word for it.
    package var word: String {
        switch self {
        case .email: "email"
        case .sms: "sms"
        case .webhook: "webhook"
        case .slack: "slack"
        case .ntfy: "ntfy"
        case .pagerduty: "pagerduty"
        case .alertmanager: "alertmanager"
        case .command: "command"
        }
    }

    /// Whether a delivery goes to one person's address, rather than to whoever listens there.
    package var isPersonal: Bool {
        switch self {
        case .email, .sms: true
        case .webhook, .slack, .ntfy, .pagerduty, .alertmanager, .command: false
        }
    }

    /// Whether the receiver recognises a repeated delivery by its id, so that sending it again after a
    /// restart does no harm. A command's end is on disk, so it is never run twice.
    package var tellsRepeats: Bool {
        switch self {
        case .webhook, .pagerduty, .alertmanager, .command: true
        case .email, .sms, .slack, .ntfy: false
        }
    }

    /// Whether the person can be reached by it; true for channels that address nobody in particular.
    package func reaches(_ person: Person) -> Bool {
        switch self {
        case .email: person.email != nil
        case .sms: person.sms != nil
        case .webhook, .slack, .ntfy, .pagerduty, .alertmanager, .command: true
        }
    }

    /// Whether the channel has a form for such a message. An Alertmanager knows alerts that begin and
    /// end, and nothing else.
    package func carries(_ purpose: MessagePurpose) -> Bool {
        switch self {
        case .email, .sms, .webhook, .slack, .ntfy, .command: true
        case .pagerduty: purpose != .users
        case .alertmanager:
            purpose == .emergency || purpose == .update || purpose == .over || purpose == .test
        }
    }
}
