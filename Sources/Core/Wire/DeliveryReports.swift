// Messages and channels as front ends see them: who was told, by which way, and what went wrong.
package import Domain

/// One message on its way by one channel.
package struct DeliveryReport: Codable, Sendable, Equatable {
    package var id: String
    /// The message that it carries; several deliveries may.
    package var message: String
    package var purpose: MessagePurpose
    @ExplicitNull package var emergency: String?
    package var title: String
    /// The channel's name, and its kind (`email`, `sms` …).
    package var channel: String
    package var kind: String
    /// Names; empty where a channel addresses nobody in particular.
    package var people: [String]
    package var state: DeliveryState
    package var attempts: Int
    /// RFC 3339.
    package var queuedAt: String
    /// When it is tried next; null when it is being sent or over.
    @ExplicitNull package var nextAt: String?
    @ExplicitNull package var endedAt: String?
    /// Why the last attempt failed, or why it was dropped or given up; empty when nothing went wrong.
    package var trouble: String
    package var receipt: String
    /// An earlier attempt may have arrived too.
    package var mayRepeat: Bool
    package init(
        id: String, message: String, purpose: MessagePurpose, emergency: String?, title: String,
        channel: String, kind: String, people: [String], state: DeliveryState, attempts: Int,
        queuedAt: String, nextAt: String?, endedAt: String?, trouble: String, receipt: String,
        mayRepeat: Bool
    ) {
        self.id = id
        self.message = message
        self.purpose = purpose
        self.emergency = emergency
        self.title = title
        self.channel = channel
        self.kind = kind
        self.people = people
        self.state = state
        self.attempts = attempts
        self.queuedAt = queuedAt
        self.nextAt = nextAt
        self.endedAt = endedAt
        self.trouble = trouble
        self.receipt = receipt
        self.mayRepeat = mayRepeat
    }
}

/// A channel of the runbook (or the status page, or the tickets), and how it does.
package struct ChannelReport: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable {
        /// Nothing has been sent by it yet.
        case unused
        case works
        /// Its last attempt failed.
        case failing
    }
    package var name: String
    package var kind: String
    package var state: State
    /// Why its last attempt failed; empty when it did not.
    package var trouble: String
    /// When it last delivered; RFC 3339.
    @ExplicitNull package var deliveredAt: String?
    /// Deliveries that wait for it.
    package var waiting: Int
    package init(
        name: String, kind: String, state: State, trouble: String = "",
        deliveredAt: String? = nil, waiting: Int = 0
    ) {
        self.name = name
        self.kind = kind
        self.state = state
        self.trouble = trouble
        self.deliveredAt = deliveredAt
        self.waiting = waiting
    }
}

/// The outbox in numbers.
package struct OutboxReport: Codable, Sendable, Equatable {
    /// Not begun, or between two attempts.
    package var waiting: Int
    package var sending: Int
    /// Of those, the ones that have failed at least once.
    package var retrying: Int
    /// Given up, and not dismissed.
    package var dead: Int
    package init(waiting: Int = 0, sending: Int = 0, retrying: Int = 0, dead: Int = 0) {
        self.waiting = waiting
        self.sending = sending
        self.retrying = retrying
        self.dead = dead
    }
}

/// Whether a person was told of the open emergency.
package struct ToldReport: Codable, Sendable, Equatable {
    package enum State: String, Codable, Sendable {
        case told
        case waiting
        /// Every channel has failed so far; it is tried again.
        case failing
        /// No channel can reach them, or all were given up.
        case unreachable
    }
    package var person: String
    package var state: State
    /// The channel that told them, or the one that is tried; empty when there is none.
    package var channel: String
    /// RFC 3339: when they were told.
    @ExplicitNull package var at: String?
    /// What is in the way.
    package var trouble: String
    package init(
        person: String, state: State, channel: String, at: String? = nil, trouble: String = ""
    ) {
        self.person = person
        self.state = state
        self.channel = channel
        self.at = at
        self.trouble = trouble
    }
}

/// What `update-dashboard` shows on every screen.
package struct LineReport: Codable, Sendable, Equatable {
    package var status: String
    package var message: String
    package init(status: String, message: String) {
        self.status = status
        self.message = message
    }
}

/// A problem that was reported and not taken back.
package struct ProblemReport: Codable, Sendable, Equatable {
    /// security, corruption …
    package var kind: String
    package var text: String
    /// A login name, or `alertmanager`.
    package var by: String
    /// RFC 3339.
    package var at: String
    /// How many alerts report it.
    package var alerts: Int
    package init(kind: String, text: String, by: String, at: String, alerts: Int) {
        self.kind = kind
        self.text = text
        self.by = by
        self.at = at
        self.alerts = alerts
    }
}
