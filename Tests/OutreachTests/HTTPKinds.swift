// All ways that speak HTTP, so that one suite can ask the same of each.
import Domain

/// A kind of channel, pointed at a server of a test.
enum HTTPKind: String, CaseIterable {
    case sms, webhook, slack, ntfy, pagerduty, alertmanager, page, statuspage, tickets

    static let secrets = [
        "URL": "", "KEY": "routing-key-4711", "TOKEN": "token-0815-secret",
        "HOOK": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ]
    /// Whether a test makes two requests of it.
    var testsTwice: Bool { self == .pagerduty }

    func route(_ base: String, path: String = "/hidden-path-1234") -> DeliveryRoute {
        let template = HTTPRequest(
            url: .plain(base + path + "?service={{service}}"), method: "POST",
            headers: [
                NamedValue(name: "Authorization", value: .secret(.environment("TOKEN")))
            ],
            body: .json(
                .map([
                    DataField(key: "text", value: .text("{{text}}")),
                    DataField(key: "title", value: .text("{{title}}")),
                    DataField(key: "status", value: .text("{{status}}")),
                ])))
        return switch self {
        case .sms:
            channel(
                .sms(
                    HTTPRequest(
                        url: .plain(base + path), method: "POST",
                        headers: [
                            NamedValue(name: "Authorization", value: .secret(.environment("TOKEN")))
                        ],
                        body: .form([
                            NamedValue(name: "To", value: .plain("{{to}}")),
                            NamedValue(name: "Body", value: .plain("{{text}}")),
                        ]))))
        case .webhook:
            channel(.webhook(url: .plain(base + path), secret: .environment("HOOK")))
        case .slack: channel(.slack(url: .plain(base + path)))
        case .ntfy: channel(.ntfy(url: .plain(base + path), token: .secret(.environment("TOKEN"))))
        case .pagerduty:
            channel(.pagerduty(routingKey: .secret(.environment("KEY")), url: base + path))
        case .alertmanager: channel(.alertmanager(url: .plain(base + path)))
        case .page: .statusPage(.http(template))
        case .statuspage:
            .statusPage(
                .statuspage(
                    StatuspageAccount(
                        page: "p1", token: .secret(.environment("TOKEN")), components: ["c1"],
                        url: base + path)))
        case .tickets: .tickets(TicketSystem(request: template))
        }
    }
    private func channel(_ kind: ChannelKind) -> DeliveryRoute {
        .channel(Channel(name: rawValue, kind: kind))
    }

    func make(
        _ base: String, purpose: MessagePurpose? = nil,
        change: (inout DeliveryOrder) -> Void = { _ in }
    ) -> DeliveryOrder {
        let usual: MessagePurpose =
            switch self {
            case .page, .statuspage: .statusPage
            case .tickets: .ticket
            case .sms, .webhook, .slack, .ntfy, .pagerduty, .alertmanager: .emergency
            }
        return order(route(base), purpose: purpose ?? usual) {
            if self == .statuspage || self == .page {
                $0.message.values = [NamedText(name: "status", text: "degraded")]
            }
            change(&$0)
        }
    }
}
