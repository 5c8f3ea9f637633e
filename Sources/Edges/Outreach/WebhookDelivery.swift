// Webhooks signed as Standard Webhooks 1.0 says (standardwebhooks.com).
import Crypto
import Domain
import FoundationEssentials
import Transfers

extension Attempt {
    func webhook(_ url: Value, _ secret: Secret?) async throws(Fault) -> DeliveryOutcome {
        var request = json(webhookDocument, to: try text(url))
        let id = order.delivery.id
        let stamp = "\(order.at.milliseconds / 1000)"
        request.headers += [("webhook-id", id), ("webhook-timestamp", stamp)]
        if let secret {
            guard let key = WebhookSignature.key(try text(.secret(secret))) else {
                return refused("the webhook's secret begins with whsec_ and is not base64 after it")
            }
            request.headers.append(
                (
                    "webhook-signature",
                    WebhookSignature.make(id, stamp, request.body ?? [], key: key)
                ))
        }
        return await ask(Asking(request: request))
    }

    private var webhookDocument: JSONDocument {
        let message = order.message
        let delivery = order.delivery
        return [
            "type": .text(message.purpose.webhookType), "timestamp": .text(message.at.rfc3339),
            "data": [
                "delivery": .text(delivery.id), "message": .text(message.id),
                "purpose": .text(message.purpose.rawValue),
                "emergency": .optional(message.emergency),
                "level": .number(message.level), "level_name": .text(order.levelName),
                "priority": .text(message.priority.rawValue), "title": .text(message.title),
                "text": .text(message.text), "facts": .pairs(message.facts),
                "values": .pairs(message.values),
                "service": [
                    "name": .text(order.service.name), "title": .text(order.service.title),
                    "environment": .text(order.service.environment),
                ],
                "people": .list(
                    order.people.map { ["id": .text($0.id), "name": .text($0.name)] }),
                "by": .text(message.by), "at": .text(message.at.rfc3339),
                "queued_at": .text(delivery.queuedAt.rfc3339),
                "attempt": .number(delivery.attempts),
                "may_repeat": .bool(delivery.mayRepeat),
                "earlier": .list(delivery.earlier.map { .text($0) }),
            ],
        ]
    }
}

enum WebhookSignature {
    /// The bytes of a secret: base64 after `whsec_`, else as they are; nil when that is no base64.
    static func key(_ secret: String) -> [UInt8]? {
        guard secret.hasPrefix("whsec_") else { return Array(secret.utf8) }
        return Data(base64Encoded: String(secret.dropFirst(6))).map { Array($0) }
    }
    static func make(_ id: String, _ stamp: String, _ body: [UInt8], key: [UInt8]) -> String {
        var signed = HMAC<SHA256>(key: SymmetricKey(data: key))
        signed.update(data: Array("\(id).\(stamp).".utf8))
        signed.update(data: body)
        return "v1," + Data(signed.finalize()).base64EncodedString()
    }
}

extension MessagePurpose {
    fileprivate var webhookType: String {
        switch self {
        case .emergency: "emergency.activated"
        case .update: "emergency.updated"
        case .acknowledged: "emergency.acknowledged"
        case .over: "emergency.ended"
        case .procedure: "procedure.told"
        case .notification: "notification.sent"
        case .users: "notification.users"
        case .test: "channel.tested"
        case .ticket: "ticket.wanted"
        case .statusPage: "status_page.changed"
        }
    }
}

extension JSONDocument {
    static func optional(_ text: String?) -> JSONDocument { text.map { .text($0) } ?? .null }
    static func number(_ level: Level?) -> JSONDocument {
        level.map { .number($0.rawValue) } ?? .null
    }
    /// A list, because names may occur twice and their order says something.
    static func pairs(_ texts: [NamedText]) -> JSONDocument {
        .list(texts.map { ["name": .text($0.name), "text": .text($0.text)] })
    }
}
