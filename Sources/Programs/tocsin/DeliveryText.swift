// Messages on their way, in words: by which channel, to whom, and what came of it.
import Domain
import Wire

enum DeliveryText {
    /// What `send-notification` and its like print: a line for each delivery.
    static func lines(_ deliveries: [DeliveryReport]) -> [Line] {
        table(
            deliveries.map { delivery in
                [
                    (sign(delivery), ink(delivery)), (delivery.channel, .plain),
                    (delivery.people.joined(separator: ", "), .strong),
                    (state(delivery), ink(delivery)), (detail(delivery), .plain),
                ]
            })
    }

    static func sign(_ delivery: DeliveryReport) -> String {
        switch delivery.state {
        case .delivered: "✔"
        case .dropped: "–"
        case .dead: "✖"
        case .waiting: delivery.hasFailed ? "▲" : "…"
        case .sending: "▶"
        }
    }

    static func ink(_ delivery: DeliveryReport) -> Ink {
        switch delivery.state {
        case .delivered: .good
        case .dropped: .quiet
        case .dead: .bad
        case .waiting: delivery.hasFailed ? .warning : .plain
        case .sending: .strong
        }
    }

    static func state(_ delivery: DeliveryReport) -> String {
        switch delivery.state {
        case .delivered: delivery.mayRepeat ? "delivered, perhaps twice" : "delivered"
        case .dropped: "not needed"
        case .dead: "given up"
        case .waiting: delivery.hasFailed ? "failing" : "waiting"
        case .sending: "being sent"
        }
    }

    /// The receipt, or what is in the way and when it is tried next.
    static func detail(_ delivery: DeliveryReport) -> String {
        var parts: [String] = []
        switch delivery.state {
        case .delivered: parts = [delivery.receipt, seconds(delivery) ?? ""]
        case .dropped: parts = [delivery.trouble]
        case .dead: parts = [delivery.trouble, attempts(delivery)]
        case .waiting, .sending:
            parts = [delivery.trouble, delivery.attempts > 1 ? attempts(delivery) : ""]
            if delivery.hasFailed, let next = delivery.nextAt {
                parts.append("again at \(Words.timeOfDay(next))")
            }
        }
        return parts.filter { !$0.isEmpty }.joined(separator: " · ")
    }

    private static func attempts(_ delivery: DeliveryReport) -> String {
        Words.count(delivery.attempts, "attempt", "attempts")
    }

    /// From the outbox to the end.
    static func seconds(_ delivery: DeliveryReport) -> String? {
        Words.length(from: delivery.queuedAt, to: delivery.endedAt ?? "")
    }

    /// Who has not been told, and why; a line for those whom no channel reaches, and one for the others.
    static func complaints(_ standing: DeliveryStanding) -> [String] {
        var lines: [String] = []
        if !standing.unreachable.isEmpty { lines.append(unreachable(standing.unreachable)) }
        let others = standing.missed.filter { !standing.unreachable.contains($0) }
        if !others.isEmpty {
            let yet = standing.onTheWay.isEmpty ? "" : " yet"
            let troubles = others.map { name in
                standing.trouble(of: name).map { "\(name) (\($0))" } ?? name
            }
            lines.append("✖ not told\(yet): \(troubles.joined(separator: ", "))")
        }
        return lines
    }

    static func unreachable(_ names: [String]) -> String {
        "✖ not told: \(names.joined(separator: ", ")) — no channel reaches them"
    }

    /// What can be done for those who have not been told.
    static func remedy(_ standing: DeliveryStanding) -> String {
        if !standing.onTheWay.isEmpty { return "It is still being tried. Watch it: tocsin outbox" }
        if let id = standing.dead.first?.id {
            return "Given up. Once the cause is mended: tocsin outbox --retry \(id)"
        }
        return "See who has which address: tocsin contacts"
    }
}

extension MessagePurpose {
    var words: String {
        switch self {
        case .emergency: "emergency"
        case .update: "update"
        case .acknowledged: "acknowledged"
        case .over: "over"
        case .procedure: "procedure"
        case .notification: "notification"
        case .users: "for users"
        case .test: "test"
        case .ticket: "ticket"
        case .statusPage: "status page"
        }
    }
}
