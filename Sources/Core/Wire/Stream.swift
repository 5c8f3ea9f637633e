// `GET /v1/stream`: lines of JSON, the situation first, then each change as it happens.

/// One line of the stream; exactly one of its parts is set. A line comes at least once a second.
package struct StreamLine: Codable, Sendable, Equatable {
    /// The first line.
    package var start: StreamStart?
    package var change: SituationChange?
    package var event: EventReport?
    package var output: OutputLine?
    /// The runbook was read anew.
    package var runbook: RunbookReport?
    package init(
        start: StreamStart? = nil, change: SituationChange? = nil, event: EventReport? = nil,
        output: OutputLine? = nil, runbook: RunbookReport? = nil
    ) {
        self.start = start
        self.change = change
        self.event = event
        self.output = output
        self.runbook = runbook
    }
}
package struct StreamStart: Codable, Sendable, Equatable {
    package var situation: SituationReport
    package var runbook: RunbookReport
    package var you: CallerReport
    /// The newest events, oldest first; at most 200.
    package var events: [EventReport]
    package init(
        situation: SituationReport, runbook: RunbookReport, you: CallerReport, events: [EventReport]
    ) {
        self.situation = situation
        self.runbook = runbook
        self.you = you
        self.events = events
    }
}
/// What has changed since the line before; nil parts have not. An empty one is a heartbeat.
package struct SituationChange: Codable, Sendable, Equatable {
    package var time: String
    package var core: SituationCore?
    package var components: [ComponentReport]?
    package var metrics: [MetricReport]?
    package var gauges: [GaugeReport]?
    package var deliveries: [DeliveryReport]?
    package init(
        time: String, core: SituationCore? = nil, components: [ComponentReport]? = nil,
        metrics: [MetricReport]? = nil, gauges: [GaugeReport]? = nil,
        deliveries: [DeliveryReport]? = nil
    ) {
        self.time = time
        self.core = core
        self.components = components
        self.metrics = metrics
        self.gauges = gauges
        self.deliveries = deliveries
    }
}
/// Who the engine says the caller is.
package struct CallerReport: Codable, Sendable, Equatable {
    package var user: String
    /// The name from the runbook's people; the login name for anyone else.
    package var name: String
    package var roles: [String]
    package init(user: String, name: String, roles: [String]) {
        self.user = user
        self.name = name
        self.roles = roles
    }
}
/// An event in the words of the timeline.
package struct EventReport: Codable, Sendable, Equatable {
    /// 1 for the journal's first.
    package var seq: Int
    package var at: String
    /// Such as `emergency-activated`.
    package var kind: String
    package var text: String
    /// good, bad, warning or plain: how it is shown, beside its words.
    package var tone: EventTone
    /// The login name of the operator who caused it, or `engine`.
    package var by: String
    @ExplicitNull package var emergency: String?
    @ExplicitNull package var procedure: String?
    /// The id of the message, or of the delivery, that it is about.
    @ExplicitNull package var message: String?
    /// The emergency's level from then on, where it is about that; missing everywhere else.
    package var level: Int?
    package init(
        seq: Int, at: String, kind: String, text: String, tone: EventTone, by: String,
        emergency: String?, procedure: String?, message: String? = nil,
        level: Int? = nil
    ) {
        self.seq = seq
        self.at = at
        self.kind = kind
        self.text = text
        self.tone = tone
        self.by = by
        self.emergency = emergency
        self.procedure = procedure
        self.message = message
        self.level = level
    }
}
package enum EventTone: String, Codable, Sendable { case plain, good, warning, bad }
/// A line that a running step wrote.
package struct OutputLine: Codable, Sendable, Equatable {
    package var procedure: String
    package var text: String
    package init(procedure: String, text: String) {
        self.procedure = procedure
        self.text = text
    }
}
