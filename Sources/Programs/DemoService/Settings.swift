// Courier's settings: lines of NAME=VALUE in courier.env and in the files of unified/.

/// The lines of one settings file.
struct Settings: Sendable {
    /// In the order of the file; a later line of the same name wins.
    private(set) var values: [(name: String, value: String)] = []

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            guard !line.drop(while: { $0 == " " }).hasPrefix("#"),
                let equals = line.firstIndex(of: "=")
            else { continue }
            values.append((trimmed(line[..<equals]), trimmed(line[line.index(after: equals)...])))
        }
    }

    subscript(_ name: String) -> String? { values.last { $0.name == name }?.value }
}

private func trimmed(_ text: Substring) -> String {
    let start = text.drop { $0.isWhitespace }
    return String(start.reversed().drop { $0.isWhitespace }.reversed())
}

/// How the unified system works: `unified/manager.conf` and `unified/router.conf`.
struct UnifiedSettings: Sendable {
    /// Notifications made a second, all users together.
    var perSecond = 8.0
    /// A push that is not acknowledged in this many seconds has failed.
    var acknowledgeSeconds = 2.0
    /// Pushes of one notification before it is given up.
    var tries = 3
    /// Delivered notifications that are kept.
    var keep = 500
    /// What is notified, by how often.
    var categories = Notice.categories.map { (name: $0.name, weight: $0.weight) }
    /// Sent in emergency mode too.
    var urgent: Set<String> = Notice.urgent

    /// Reads both files; what cannot be used is told in `problems`.
    static func read(manager: String, router: String, problems: inout [String]) -> UnifiedSettings {
        var result = UnifiedSettings()
        func number(_ name: String, _ range: ClosedRange<Double>, _ found: String?) -> Double? {
            guard let found else { return nil }
            if let value = Double(found), range.contains(value) { return value }
            problems.append(
                "unified/manager.conf: \(name)=\(found) is not a number from "
                    + "\(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        let manager = Settings(manager)
        func setting(_ name: String, _ range: ClosedRange<Double>) -> Double? {
            number(name, range, manager[name])
        }
        result.perSecond = setting("per_second", 0...100) ?? result.perSecond
        result.acknowledgeSeconds =
            setting("acknowledge_seconds", 0.1...60) ?? result.acknowledgeSeconds
        result.tries = setting("tries", 1...10).map { Int($0) } ?? result.tries
        result.keep = setting("keep", 0...100_000).map { Int($0) } ?? result.keep

        var categories: [(name: String, weight: Int)] = []
        for (name, value) in Settings(router).values {
            if name == "urgent" {
                result.urgent = Set(value.split(separator: " ").map(String.init))
            } else if let weight = Int(value), (0...100).contains(weight),
                Notice.categories.contains(where: { $0.name == name })
            {
                categories.append((name, weight))
            } else {
                problems.append("unified/router.conf: \(name)=\(value) is not a category's weight")
            }
        }
        if categories.contains(where: { $0.weight > 0 }) { result.categories = categories }
        return result
    }
}
