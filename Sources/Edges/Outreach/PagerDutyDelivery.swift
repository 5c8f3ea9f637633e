// PagerDuty by its Events API v2: trigger, acknowledge and resolve with one key.
import Domain
import Transfers

extension Attempt {
    func pagerDuty(_ key: Value, _ url: String?) async throws(Fault) -> DeliveryOutcome {
        let routingKey = try text(key)
        secrets.hide(routingKey)
        let address = Self.enqueueURL(url)
        let event = PagerDutyEvent(order: order, routingKey: routingKey)
        var outcome = DeliveryOutcome(end: .refused, detail: "", seconds: 0)
        for action in event.actions {
            outcome = await ask(
                Asking(request: json(event.document(action), to: address), receipt: ["$.dedup_key"])
            )
            if outcome.end != .delivered { break }
        }
        return outcome
    }

    /// The runbook may name the server or the whole address.
    static func enqueueURL(_ url: String?) -> String {
        var base = url ?? "https://events.pagerduty.com"
        while base.hasSuffix("/") { base.removeLast() }
        return base.hasSuffix("/v2/enqueue") ? base : base + "/v2/enqueue"
    }
}

private struct PagerDutyEvent {
    let order: DeliveryOrder
    let routingKey: String
    private var message: OutboxMessage { order.message }

    /// A test leaves nothing open behind.
    var actions: [String] {
        switch message.purpose {
        case .emergency, .update, .procedure, .notification, .users, .ticket, .statusPage:
            ["trigger"]
        case .acknowledged: ["acknowledge"]
        case .over: ["resolve"]
        case .test: ["trigger", "resolve"]
        }
    }

    /// One for an emergency, whatever is said of it. Other services may share the routing key, so the
    /// service is in it.
    private var dedupKey: String {
        let subject = message.purpose.isOfEmergency ? message.emergency ?? message.id : message.id
        return shortened("\(order.service.name)/\(subject)", 255)
    }

    func document(_ action: String) -> JSONDocument {
        var fields: [(String, JSONDocument)] = [
            ("routing_key", .text(routingKey)), ("event_action", .text(action)),
            ("dedup_key", .text(dedupKey)),
        ]
        if action == "trigger" {
            fields += [("client", .text("Tocsin")), ("payload", payload)]
        }
        return .map(fields)
    }

    private var payload: JSONDocument {
        let wording = Wording(order: order)
        var fields: [(String, JSONDocument)] = [
            ("summary", .text(shortened(wording.subject, 1024))),
            ("source", .text(order.service.name)), ("severity", .text(severity)),
            ("timestamp", .text(message.at.rfc3339)), ("component", .text(order.service.title)),
            ("class", .text(message.purpose.rawValue)), ("custom_details", details(wording)),
        ]
        if !order.service.environment.isEmpty {
            fields.append(("group", .text(order.service.environment)))
        }
        return .map(fields)
    }
    private func details(_ wording: Wording) -> JSONDocument {
        var fields: [(String, JSONDocument)] = []
        for fact in wording.allFacts where !fields.contains(where: { $0.0 == fact.name }) {
            fields.append((fact.name, .text(fact.text)))
        }
        if !wording.text.isEmpty { fields.append(("Text", .text(wording.text))) }
        if !wording.missingRequest.isEmpty {
            fields.append(("What to do", .text(wording.missingRequest)))
        }
        if !wording.earlier.isEmpty {
            fields.append(("Before this", .list(wording.earlier.map { .text($0) })))
        }
        return .map(fields)
    }
    private var severity: String {
        switch message.level {
        case .critical: "critical"
        case .high: "error"
        case .medium: "warning"
        case .low: "info"
        case nil: message.priority == .critical ? "critical" : "info"
        }
    }
}
