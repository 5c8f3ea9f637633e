// ntfy: a push message published as JSON (docs.ntfy.sh/publish).
import Domain
import Transfers

extension Attempt {
    func ntfy(_ url: Value, _ token: Value?) async throws(Fault) -> DeliveryOutcome {
        let address = try text(url)
        guard let place = NtfyPlace(address) else {
            return refused("the ntfy channel's URL does not end with a topic")
        }
        // On open servers whoever knows a topic may read it.
        secrets.hide(place.topic)
        var headers: [(name: String, value: String)] = []
        if let token {
            let bearer = try text(token)
            secrets.hide(bearer)
            headers.append(("Authorization", "Bearer \(bearer)"))
        }
        let wording = Wording(order: order)
        var document: [(String, JSONDocument)] = [
            ("topic", .text(place.topic)), ("title", .text(shortened(wording.subject, 250))),
            (
                "message",
                .text(Self.cut(wording.lines.isEmpty ? wording.title : wording.lines, bytes: 4000))
            ),
            ("priority", .number(order.message.priority.ntfy)),
        ]
        if let tag = order.message.ntfyTag { document.append(("tags", [.text(tag)])) }
        return await ask(
            Asking(
                request: json(.map(document), to: place.base, headers: headers), receipt: ["$.id"]))
    }

    /// More bytes than this would become an attachment.
    static func cut(_ text: String, bytes limit: Int) -> String {
        if text.utf8.count <= limit { return text }
        var result = ""
        var count = 0
        for character in text {
            count += character.utf8.count
            if count > limit - 3 { break }
            result.append(character)
        }
        return result + "…"
    }
}

/// `https://host/path/topic?query` in two: JSON is published at the server, the topic named in it.
struct NtfyPlace: Equatable {
    var base: String
    var topic: String

    init?(_ url: String) {
        let end = url.firstIndex { "?#".contains($0) } ?? url.endIndex
        var path = url[..<end]
        while path.hasSuffix("/") { path = path.dropLast() }
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex,
            path[path.index(before: slash)] != "/"
        else { return nil }
        topic = String(path[path.index(after: slash)...])
        base = String(path[...slash] + url[end...].prefix { $0 != "#" })
    }
}

extension MessagePriority {
    fileprivate var ntfy: Int {
        switch self {
        case .low: 2
        case .normal: 3
        case .high: 4
        case .critical: 5
        }
    }
}
extension OutboxMessage {
    /// An emoji's short name.
    fileprivate var ntfyTag: String? {
        switch purpose {
        case .emergency, .update: level.map { $0 <= .high } ?? true ? "rotating_light" : "warning"
        case .acknowledged: "eyes"
        case .over: "white_check_mark"
        case .test: "test_tube"
        case .procedure: "gear"
        case .notification, .users, .ticket, .statusPage: nil
        }
    }
}
