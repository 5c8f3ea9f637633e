// Alertmanager by its API v2: one alert for each emergency.
import Domain
import Transfers

extension Attempt {
    func alertmanager(_ url: Value) async throws(Fault) -> DeliveryOutcome {
        var base = try text(url)
        while base.hasSuffix("/") { base.removeLast() }
        return await ask(Asking(request: json([alert], to: base + "/api/v2/alerts")))
    }

    /// Labels are what Alertmanager knows an alert by, so nothing that may change is among them: a new
    /// level would be a second alert, and the first one would stay until it times out. The level is in
    /// the annotations.
    private var alert: JSONDocument {
        let message = order.message
        let wording = Wording(order: order)
        let isTest = message.purpose == .test
        var labels: [(String, JSONDocument)] = [
            ("alertname", .text(isTest ? "TocsinTest" : "TocsinEmergency")),
            ("service", .text(wording.service)),
            ("emergency", .text(isTest ? message.id : message.emergency ?? message.id)),
        ]
        if !order.service.environment.isEmpty {
            labels.append(
                ("environment", .text(Visible.text(order.service.environment, limit: 60))))
        }
        var annotations: [(String, JSONDocument)] = [
            ("summary", .text(wording.headline)), ("description", .text(wording.lines)),
        ]
        if let level = message.level {
            annotations += [
                ("level", .text("\(level.rawValue)")),
                ("level_name", .text(Visible.text(order.levelName, limit: 60))),
                ("severity", .text(level.name.lowercased())),
            ]
        }
        return [
            "labels": .map(labels), "annotations": .map(annotations),
            "startsAt": .text(min(message.at, order.at).rfc3339), "endsAt": .text(end.rfc3339),
        ]
    }

    /// An hour ahead: the engine tells it again while the emergency is open, and should the engine be
    /// gone for good, the alert is not there for ever.
    private var end: Timestamp {
        switch order.message.purpose {
        case .over: order.at
        case .test: order.at + .minutes(1)
        case .emergency, .update, .acknowledged, .procedure, .notification, .users, .ticket,
            .statusPage:
            order.at + .hours(1)
        }
    }
}
