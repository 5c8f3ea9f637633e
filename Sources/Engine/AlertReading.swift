// Reads alerts of other systems: Alertmanager's webhook, or the bare list that Prometheus sends.
import Domain
import FoundationEssentials

/// What one body held, after the runbook's rules were asked.
struct AlertReading: Sendable, Equatable {
    /// Those that a rule turns into a problem, in the order of the body.
    var alerts: [IncomingAlert] = []
    /// The names of those that no rule matches, safe to print.
    var unmatched: [String] = []
    /// Alerts of which nothing more is known: the sender cut its list, or it was longer than ours may be.
    var leftOut = 0

    /// The most alerts that are taken of one body.
    static let most = 1_000

    /// - Parameters:
    ///   - body: the webhook's object (version 4, prometheus.io/docs/alerting/latest/configuration,
    ///     `webhook_config`; Grafana sends the same), or the list of Alertmanager's API v2
    ///     (`POST /api/v2/alerts`), where an alert is over when its `endsAt` has passed.
    ///   - service: whose own alerts are left out: an Alertmanager that is told of an emergency and sends
    ///     what it has here must not make a second reason of it.
    ///   - now: the wall time.
    /// - Throws: `Refusal` (not understood) that names the place.
    init(
        _ body: Data, _ matcher: AlertMatcher, of service: String = "", at now: Timestamp
    ) throws(Refusal) {
        let list = try AlertList(body)
        var isFull = false
        for (index, entry) in list.entries.enumerated() {
            let isFiring = try entry.isFiring(index, ofWebhook: list.isWebhook, at: now)
            guard !entry.isOurs(service), let problem = try matcher.problem(for: entry.labels)
            else {
                unmatched.append(entry.name)
                continue
            }
            isFull = alerts.count >= Self.most
            if isFull {
                leftOut += 1
            } else {
                alerts.append(
                    IncomingAlert(
                        problem: problem, fingerprint: entry.fingerprint, isFiring: isFiring,
                        text: entry.text))
            }
        }
        leftOut += list.truncated
    }
}

/// The alerts of a body, as they came.
private struct AlertList: Decodable {
    var entries: [AlertEntry] = []
    var isWebhook: Bool
    /// How many the sender left out.
    var truncated = 0

    private enum Key: String, CodingKey { case alerts, truncatedAlerts }

    init(_ body: Data) throws(Refusal) {
        do {
            self = try JSONDecoder().decode(AlertList.self, from: body)
        } catch let error as DecodingError {
            throw Refusal(notUnderstood: AlertPlace.explanation(of: error))
        } catch {
            throw Refusal(notUnderstood: "the body is no JSON document")
        }
    }

    init(from decoder: any Decoder) throws {
        var list: any UnkeyedDecodingContainer
        if let bare = try? decoder.unkeyedContainer() {
            isWebhook = false
            list = bare
        } else {
            isWebhook = true
            let body = try decoder.container(keyedBy: Key.self)
            list = try body.nestedUnkeyedContainer(forKey: .alerts)
            truncated = max(0, (try? body.decode(Int.self, forKey: .truncatedAlerts)) ?? 0)
        }
        while !list.isAtEnd { entries.append(try list.decode(AlertEntry.self)) }
    }
}

/// One alert, as it came. Only the named parts are looked at; senders may add others.
private struct AlertEntry: Decodable {
    var labels: [String: String]
    var annotations: [String: String]
    /// Nil: none, or (from Alertmanager's own list) one that is no text.
    var status: String?
    var endsAt: String?
    private var given: String?

    /// As the channel `alertmanager` makes them.
    func isOurs(_ service: String) -> Bool {
        !service.isEmpty && labels["service"] == service && labels["emergency"] != nil
            && labels["alertname"]?.hasPrefix("Tocsin") == true
    }

    private enum Key: String, CodingKey { case labels, annotations, status, endsAt, fingerprint }

    init(from decoder: any Decoder) throws {
        let alert = try decoder.container(keyedBy: Key.self)
        labels = try Self.texts(alert, .labels)
        let isAnnotated =
            try alert.contains(.annotations) && !alert.decodeNil(forKey: .annotations)
        annotations = isAnnotated ? try Self.texts(alert, .annotations) : [:]
        status = try? alert.decode(String.self, forKey: .status)
        endsAt = try alert.decodeIfPresent(String.self, forKey: .endsAt)
        given = try alert.decodeIfPresent(String.self, forKey: .fingerprint)
    }

    private static func texts(
        _ alert: KeyedDecodingContainer<Key>, _ key: Key
    ) throws -> [String: String] {
        let fields = try alert.nestedContainer(keyedBy: AlertPlace.Name.self, forKey: key)
        var texts: [String: String] = [:]
        for name in fields.allKeys {
            texts[name.stringValue] = try fields.decode(String.self, forKey: name)
        }
        return texts
    }

    func isFiring(_ index: Int, ofWebhook: Bool, at now: Timestamp) throws(Refusal) -> Bool {
        switch status {
        case "firing": return true
        case "resolved": return false
        default: break
        }
        if ofWebhook {
            throw Refusal(notUnderstood: "alerts[\(index)].status must be firing or resolved")
        }
        guard let endsAt, !endsAt.isEmpty else { return true }
        guard let end = Timestamp(rfc3339: endsAt) else {
            throw Refusal(
                notUnderstood: "alerts[\(index)].endsAt must be a time, as RFC 3339 writes it")
        }
        // Go writes a time that is not known as the first second of the year 1.
        return end.milliseconds <= 0 || end > now
    }

    /// For people who look for the rule that should have matched.
    var name: String {
        let name = labels["alertname"].flatMap { $0.isEmpty ? nil : $0 }
        return Visible.text(name ?? "without a name", limit: 80)
    }

    /// What tells it from others, of at most 64 characters.
    var fingerprint: String {
        let isUsable = given.map { given in
            (1...64).contains(given.utf8.count)
                && given.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        }
        return isUsable == true ? given ?? "" : AlertFingerprint.of(labels)
    }

    // MARK: What it says

    private static let longestPart = 240

    /// At most some 700 characters, in one line.
    var text: String {
        func part(_ name: String) -> String? {
            guard let text = annotations[name] else { return nil }
            // A cut before the work: a megabyte of text is not walked through for a line.
            let line = text.unicodeScalars.prefix(4 * Self.longestPart)
                .split { $0.properties.isWhitespace }.map { String($0) }.joined(separator: " ")
            return line.isEmpty ? nil : Visible.text(line, limit: Self.longestPart)
        }
        var parts = [part("summary") ?? part("title")].compactMap { $0 }
        if let more = part("description") ?? part("message"), !parts.contains(more) {
            parts.append(more)
        }
        if parts.isEmpty {
            let place = (labels["instance"] ?? labels["job"]).map {
                " on " + Visible.text($0, limit: 80)
            }
            parts = [name + (place ?? "")]
        }
        if let page = part("runbook_url"), page.hasPrefix("https://") || page.hasPrefix("http://"),
            // A password in an address has no business in a journal.
            !page.contains("@")
        {
            parts.append(page)
        }
        return parts.joined(separator: " — ")
    }
}

/// Prometheus' own fingerprint of labels, so that an alert has the same whichever way it comes:
/// FNV-1a (64 bits) of names and values in order, each followed by the byte 0xFF.
enum AlertFingerprint {
    static func of(_ labels: [String: String]) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        // By bytes, as Go compares texts.
        let names = labels.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        for name in names {
            name.utf8.forEach(add)
            add(0xFF)
            labels[name]?.utf8.forEach(add)
            add(0xFF)
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Where in a body something is wrong.
private enum AlertPlace {
    struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    static func explanation(of error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context):
            "\(place(context.codingPath + [key])) is missing"
        case .typeMismatch(let type, let context):
            "\(place(context.codingPath)) must be \(words(for: type))"
        case .valueNotFound(let type, let context):
            "\(place(context.codingPath)) is null and must be \(words(for: type))"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "the body is no JSON document" : "\(place(context.codingPath)) cannot be read"
        @unknown default: "the body cannot be read"
        }
    }

    /// `alerts[3].labels.severity`; a bare list counts as `alerts`.
    private static func place(_ path: [any CodingKey]) -> String {
        guard let first = path.first else { return "the body" }
        var text = first.intValue == nil ? "" : "alerts"
        for key in path {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + Visible.text(key.stringValue, limit: 60)
            }
        }
        return text
    }

    private static func words(for type: Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is [Any].Type: "a list"
        case is [String: Any].Type: "an object"
        default: "an object"
        }
    }
}

extension Refusal {
    fileprivate init(notUnderstood why: String) {
        self.init(
            .notUnderstood, rule: "alert-body", why: why,
            remedy: "Send what Alertmanager's webhook or its API v2 sends")
    }
}
