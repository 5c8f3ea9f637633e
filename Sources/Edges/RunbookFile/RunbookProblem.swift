// What is wrong with a runbook, and where; one list that collects it all.

/// A mistake in a runbook, or something that will be one when it is used.
package struct RunbookProblem: Sendable, Equatable, CustomStringConvertible {
    package enum Severity: String, Sendable { case error, warning }
    /// The path as it was given.
    package var file: String
    /// From 1. Problems of the file as a whole are at line 1, column 1.
    package var line: Int
    /// From 1, in characters (Unicode scalars).
    package var column: Int
    package var severity: Severity
    /// What is wrong; no full stop, control characters made visible.
    package var message: String
    /// What to write instead, where that is known.
    package var suggestion: String?
    package init(
        file: String, line: Int, column: Int, severity: Severity, message: String,
        suggestion: String?
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.severity = severity
        self.message = message
        self.suggestion = suggestion
    }
    /// `tocsin.yaml:12:7: error: unknown key `titel` in a component; did you mean `title`?`
    package var description: String {
        "\(file):\(line):\(column): \(severity.rawValue): \(message)"
            + (suggestion.map { "; \($0)" } ?? "")
    }
}

/// Where something stands in the file; both from 1.
struct Place: Hashable, Comparable {
    var line: Int
    var column: Int
    static let start = Place(line: 1, column: 1)
    static func < (left: Place, right: Place) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// Collects problems; the same one at the same place (reached through two aliases) counts once.
final class ProblemList {
    /// More than anybody reads; what comes after is counted only.
    static let limit = 1000
    private struct Entry {
        var place: Place
        var severity: RunbookProblem.Severity
        var message: String
        var suggestion: String?
    }
    private struct Seen: Hashable {
        var place: Place
        var message: String
    }
    private var entries: [Entry] = []
    private var seen: Set<Seen> = []
    private var dropped = 0
    private(set) var hasErrors = false

    var isFull: Bool { entries.count >= Self.limit }

    func error(_ place: Place, _ message: String, _ suggestion: String? = nil) {
        hasErrors = true
        add(place, .error, message, suggestion)
    }
    func warning(_ place: Place, _ message: String, _ suggestion: String? = nil) {
        add(place, .warning, message, suggestion)
    }

    private func add(
        _ place: Place, _ severity: RunbookProblem.Severity, _ message: String, _ suggestion: String?
    ) {
        guard seen.insert(Seen(place: place, message: message)).inserted else { return }
        guard !isFull else {
            dropped += 1
            return
        }
        entries.append(
            Entry(place: place, severity: severity, message: message, suggestion: suggestion))
    }

    /// In the order of the file.
    func problems(file: String) -> [RunbookProblem] {
        let sorted = entries.enumerated().sorted {
            ($0.element.place, $0.offset) < ($1.element.place, $1.offset)
        }
        var result = sorted.map { _, entry in
            RunbookProblem(
                file: file, line: entry.place.line, column: entry.place.column,
                severity: entry.severity, message: entry.message, suggestion: entry.suggestion)
        }
        if dropped > 0, let last = result.last {
            result.append(
                RunbookProblem(
                    file: file, line: last.line, column: last.column, severity: .error,
                    message: "and \(dropped) more problems", suggestion: nil))
        }
        return result
    }
}
