// The words of a message that several channels share: its headline, its lines, the values of templates.
import Domain

struct Wording {
    let order: DeliveryOrder
    private var message: OutboxMessage { order.message }

    /// `LEVEL 2 HIGH`; empty without a level.
    var level: String {
        guard let level = message.level else { return "" }
        return "LEVEL \(level.rawValue) \(line(order.levelName, 60).uppercased())"
    }
    var service: String { line(order.service.name, 60) }
    /// The service for people, with its environment.
    var serviceTitle: String {
        let title = line(
            order.service.title.isEmpty ? order.service.name : order.service.title, 100)
        let place = line(order.service.environment, 60)
        return place.isEmpty ? title : "\(title), \(place)"
    }
    var text: String { Visible.text(message.text, limit: 4000, lines: true) }

    /// What this is, in a word or two: `LEVEL 2 HIGH`, `Over`, `[TEST]`; empty where the title says it
    /// already, or nothing has to be said.
    var kicker: String { split.kicker }
    /// The title without what the kicker says.
    var title: String { split.title }
    /// One line with both: `LEVEL 2 HIGH: …`, `Over: …`, `[TEST] …`.
    var headline: String {
        if kicker.isEmpty { return title }
        return kicker.hasSuffix("]") ? "\(kicker) \(title)" : "\(kicker): \(title)"
    }

    private var split: (kicker: String, title: String) {
        let title = line(message.title, 200)
        let word =
            switch message.purpose {
            case .emergency, .update: level
            case .acknowledged: "Acknowledged"
            case .over: "Over"
            case .test: "[TEST]"
            case .procedure, .notification, .users, .ticket, .statusPage: ""
            }
        if word.isEmpty { return ("", title) }
        // However often the title says it already.
        var rest = title[...]
        while rest.lowercased().hasPrefix(word.lowercased() + ": ") {
            rest = rest.dropFirst(word.count + 2)
        }
        if rest.count < title.count { return (word, String(rest)) }
        let lowered = title.lowercased()
        let level = message.level.map { "level \($0.rawValue)" }
        let saysIt = lowered.hasPrefix(word.lowercased())
        let saysLevel = word == self.level && (level.map { lowered.contains($0) } ?? false)
        return (saysIt || saysLevel ? "" : word, title)
    }
    /// The headline with the service before it.
    var subject: String { "[\(service)] \(headline)" }

    /// What to do about it; empty when nothing is asked.
    var request: String { asks ? "To acknowledge: \(Product.name) acknowledge" : "" }
    /// The same, unless the text says it already.
    var missingRequest: String { text.contains("\(Product.name) acknowledge") ? "" : request }
    private var asks: Bool {
        if text.contains("\(Product.name) acknowledge") { return true }
        let wasHandedOver = message.values.contains { $0.text == "handed-over" }
        return message.purpose == .emergency && !wasHandedOver
    }
    var repeatNote: String {
        order.delivery.mayRepeat
            ? "This may be a repeat: an earlier attempt to send it was cut off." : ""
    }
    /// When it was written, where that is not now: what it says may have changed since.
    var lateNote: String {
        let isForUs =
            switch message.purpose {
            case .emergency, .update, .acknowledged, .over, .procedure, .notification, .test: true
            case .users, .ticket, .statusPage: false
            }
        guard isForUs, order.at - message.at > Self.lateAfter else { return "" }
        return "Written at \(message.at.timeOfDay) UTC, delivered late."
    }
    private static let lateAfter = Span.minutes(1)
    /// What has to be known of the way that it went.
    var notes: [String] { [lateNote, repeatNote].filter { !$0.isEmpty } }
    /// Titles of the messages that this one stands for.
    var earlier: [String] { order.delivery.earlier.prefix(20).map { line($0, 200) } }

    var facts: [NamedText] {
        message.facts.prefix(50).filter { !pointlessFacts.contains($0.name) }.map {
            NamedText(name: line($0.name, 60), text: line($0.text, 1000))
        }
    }
    /// What nobody has to do any more.
    private var pointlessFacts: Set<String> {
        switch message.purpose {
        case .acknowledged, .over: ["Next", "Proposed", "Respond by"]
        case .emergency, .update, .procedure, .notification, .users, .test, .ticket, .statusPage:
            []
        }
    }
    /// Facts, with the service and the emergency at the end unless they are there already.
    var allFacts: [NamedText] {
        var result = facts
        func add(_ name: String, _ text: String) {
            if !text.isEmpty, !result.contains(where: { $0.name == name }) {
                result.append(NamedText(name: name, text: text))
            }
        }
        add("Service", serviceTitle)
        add("Emergency", line(message.emergency ?? "", 100))
        return result
    }

    /// The message's body with everything that is known, for people, in plain lines.
    var lines: String {
        var parts: [String] = []
        if !text.isEmpty { parts.append(text) }
        if !facts.isEmpty {
            parts.append(facts.map { "\($0.name): \($0.text)" }.joined(separator: "\n"))
        }
        parts += ([missingRequest] + notes).filter { !$0.isEmpty }
        if !earlier.isEmpty {
            parts.append("Before this:\n" + earlier.map { "- \($0)" }.joined(separator: "\n"))
        }
        return parts.joined(separator: "\n\n")
    }

    /// At most `limit` UTF-16 units, the unit that SMS counts in: what must be said, then the title.
    func short(limit: Int) -> String {
        let head = "\(service) " + headline.dropLast(title.count)
        var tail = ""
        if !request.isEmpty { tail += ". \(request)" }
        if !earlier.isEmpty { tail += " (and \(earlier.count) before)" }
        if !lateNote.isEmpty { tail += " (written at \(message.at.timeOfDay) UTC, late)" }
        if order.delivery.mayRepeat { tail += " (may be a repeat)" }
        let room = limit - head.utf16.count - tail.utf16.count
        return head + shortened(title, room) + tail
    }

    private func line(_ text: String, _ limit: Int) -> String { Visible.text(text, limit: limit) }
}

/// At most `limit` UTF-16 units, cut between characters.
func shortened(_ text: String, _ limit: Int) -> String {
    if text.utf16.count <= limit { return text }
    var result = ""
    var count = 0
    for character in text {
        count += character.utf16.count
        if count > limit - 1 { break }
        result.append(character)
    }
    return result + "…"
}

extension Wording {
    /// The values of `{{name}}` in the runbook's requests and commands. What the message brings itself
    /// comes first, so that it wins.
    /// - Parameter text: what stands for `{{text}}`.
    func values(to: String = "", text: String) -> [NamedText] {
        let known: [(String, String)] = [
            ("to", to), ("text", text), ("title", title),
            ("message", self.text.isEmpty ? title : self.text),
            ("headline", headline), ("level", message.level.map { "\($0.rawValue)" } ?? ""),
            ("level_name", Visible.text(order.levelName, limit: 60)),
            ("emergency", message.emergency ?? ""), ("priority", message.priority.rawValue),
            ("service", service),
            ("environment", Visible.text(order.service.environment, limit: 60)),
            ("delivery", order.delivery.id), ("purpose", message.purpose.rawValue),
            ("by", Visible.text(message.by, limit: 60)), ("at", message.at.rfc3339),
            ("people", order.people.map(\.name).joined(separator: ", ")), ("status", ""),
            ("assignee", ""),
        ]
        return message.values + known.map { NamedText(name: $0.0, text: $0.1) }
    }
}
