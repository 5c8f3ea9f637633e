// The demo's SMS gateway and webhook receiver: they keep what they get, and show it on a page.
import Crypto
import FoundationEssentials
import NIOHTTP1

/// A text message or a webhook that has arrived.
struct GatewayMessage: Codable, Sendable, Equatable {
    enum Kind: String, Codable, Sendable { case sms, webhook }
    var kind: Kind
    /// A telephone number; empty for a webhook.
    var to: String
    var text: String
    /// Milliseconds since 1970.
    var at: Int64
    /// How often the same webhook came: its sender repeats it when in doubt.
    var times: Int
}

/// Kept as files, for the service is restarted while messages arrive.
struct Gateway {
    let folder: ServiceFolder
    static let keyFile = "secrets/webhook-key"
    private static let place = "gateway"
    private static let kept = 100
    /// A webhook that is older is refused, as Standard Webhooks 1.0 says: it may be a replay.
    private static let tolerance: Int64 = 300

    /// A key as Standard Webhooks 1.0 writes it.
    static func newKey() -> String {
        let bytes = (0..<32).map { _ in UInt8.random(in: 0 ... .max) }
        return "whsec_" + Data(bytes).base64EncodedString()
    }

    /// Newest first.
    var messages: [GatewayMessage] {
        folder.names(in: Self.place).compactMap { name in
            (try? folder.bytes("\(Self.place)/\(name)"))
                .flatMap { JSON.value(GatewayMessage.self, $0) }
        }.sorted { $0.at > $1.at }
    }

    func takeText(to: String, text: String, now: Int64) throws -> String {
        let id = "sms-\(now)-\(Passwords.token(bytes: 2))"
        try keep(
            GatewayMessage(
                kind: .sms, to: String(to.prefix(40)), text: String(text.prefix(2000)), at: now,
                times: 1), as: id)
        return id
    }

    /// - Parameter id: the sender's, the same for every repeat.
    func takeWebhook(id: String, body: [UInt8], now: Int64) throws {
        struct Body: Decodable {
            struct Content: Decodable {
                var title: String?
                var text: String?
            }
            var type: String?
            var data: Content?
        }
        let known = JSON.value(Body.self, body)
        let words = [known?.type, known?.data?.title, known?.data?.text].compactMap { $0 }
        let text =
            words.isEmpty ? String(decoding: body, as: UTF8.self) : words.joined(separator: ": ")
        // Nothing of what is outside becomes a path.
        let digest = Passwords.hexadecimal(Array(SHA256.hash(data: Data(id.utf8)).prefix(12)))
        let name = "webhook-\(digest)"
        let before = (try? folder.bytes("\(Self.place)/\(name).json"))
            .flatMap { JSON.value(GatewayMessage.self, $0) }
        try keep(
            GatewayMessage(
                kind: .webhook, to: "", text: String(text.prefix(2000)), at: before?.at ?? now,
                times: (before?.times ?? 0) + 1), as: name)
    }

    private func keep(_ message: GatewayMessage, as id: String) throws {
        try folder.write("\(Self.place)/\(id).json", JSON.text(message))
        let names = folder.names(in: Self.place)
        guard names.count > Self.kept else { return }
        let oldest = names.compactMap { name -> (name: String, at: Int64)? in
            let bytes = try? folder.bytes("\(Self.place)/\(name)")
            let message = bytes.flatMap { JSON.value(GatewayMessage.self, $0) }
            return (name, message?.at ?? 0)
        }.min { $0.at < $1.at }
        if let oldest { try folder.remove("\(Self.place)/\(oldest.name)") }
    }

    /// Whether a webhook comes from somebody who has the key, and comes now (Standard Webhooks 1.0:
    /// the signature is an HMAC-SHA256 of id, time and body).
    /// - Returns: nil when it does; else what is wrong.
    func complaint(_ headers: HTTPHeaders, body: [UInt8], now: Int64) -> String? {
        guard let id = headers["webhook-id"].first, !id.isEmpty,
            let time = headers["webhook-timestamp"].first, let sent = Int64(time),
            let signatures = headers["webhook-signature"].first
        else { return "webhook-id, webhook-timestamp and webhook-signature are needed" }
        let (age, overflows) = (now / 1000).subtractingReportingOverflow(sent)
        guard !overflows, age.magnitude <= Self.tolerance else { return "it is too old" }
        guard let key = key else { return "\(Self.keyFile) is no key" }
        let own = Self.signature(id: id, time: time, body: body, key: key)
        // All of it is compared, so that the time it takes tells nothing.
        let isGood = signatures.split(separator: " ").contains {
            Passwords.equal(Array($0.utf8), Array(own.utf8))
        }
        return isGood ? nil : "the signature does not fit"
    }

    static func signature(id: String, time: String, body: [UInt8], key: SymmetricKey) -> String {
        let signed = Data("\(id).\(time).".utf8) + Data(body)
        let code = HMAC<SHA256>.authenticationCode(for: signed, using: key)
        return "v1," + Data(code).base64EncodedString()
    }

    var key: SymmetricKey? {
        guard let text = try? folder.text(Self.keyFile) else { return nil }
        let line = text.filter { !$0.isWhitespace }
        guard line.hasPrefix("whsec_"), let data = Data(base64Encoded: String(line.dropFirst(6)))
        else { return nil }
        return SymmetricKey(data: data)
    }
}

extension Pages {
    /// What does not belong to courier, and stands in its house for want of another.
    func gateway(_ request: Request) -> Response? {
        let gateway = Gateway(folder: courier.folder)
        switch (request.method, request.path) {
        case (.GET, "/api/gateway"): return .json(gateway.messages)
        case (.GET, "/gateway"), (.HEAD, "/gateway"): return gatewayPage(gateway.messages)
        case (.POST, "/gateway/sms"): return refusal ?? takeText(request, gateway)
        case (.POST, "/gateway/webhook"): return refusal ?? takeWebhook(request, gateway)
        default: return nil
        }
    }

    /// The fault `gateway`.
    private var refusal: Response? {
        guard courier.switches.isBroken(DemoFaults.gateway) else { return nil }
        var response = Response.refusal(.serviceUnavailable, "the gateway is broken")
        response.headers.append(("retry-after", "2"))
        return response
    }

    private func takeText(_ request: Request, _ gateway: Gateway) -> Response {
        struct Text: Decodable {
            var to: String
            var body: String
        }
        guard let text = request.json(Text.self), !text.to.isEmpty else {
            return .refusal(
                .badRequest, "send JSON such as {\"to\": \"+15550100\", \"body\": \"…\"}")
        }
        do {
            let id = try gateway.takeText(to: text.to, text: text.body, now: wallClock())
            return .json(["id": id], status: .created)
        } catch { return .refusal(.internalServerError, "\(error)") }
    }

    private func takeWebhook(_ request: Request, _ gateway: Gateway) -> Response {
        let now = wallClock()
        if let why = gateway.complaint(request.headers, body: request.body, now: now) {
            return .refusal(.unauthorized, why)
        }
        do {
            let id = request.headers["webhook-id"].first ?? ""
            try gateway.takeWebhook(id: id, body: request.body, now: now)
            return .json(["taken": "yes"])
        } catch { return .refusal(.internalServerError, "\(error)") }
    }

    private func gatewayPage(_ messages: [GatewayMessage]) -> Response {
        let lines = messages.map { message in
            let at = Date(timeIntervalSince1970: Double(message.at) / 1000).formatted(.iso8601)
            let whom =
                message.to.isEmpty ? message.kind.rawValue : "\(message.kind) to \(message.to)"
            let again = message.times > 1 ? " (×\(message.times))" : ""
            return "\(at) \(whom)\(again): \(message.text)"
        }
        return .plainPage(
            .ok, "What the gateway got", lines.isEmpty ? ["Nothing yet."] : lines)
    }
}
