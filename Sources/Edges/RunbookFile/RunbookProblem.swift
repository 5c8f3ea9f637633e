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
    /// Of errors, and of warnings: more than anybody reads.
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
    /// How many more candidates may be looked at for suggestions: names are compared with each other.
    private var guesses = 500_000
    private var counts: [RunbookProblem.Severity: Int] = [:]

    var hasErrors: Bool { counts[.error] != nil }
    /// Nothing more is worth looking for: there are errors enough.
    var isFull: Bool { counts[.error, default: 0] >= Self.limit }

    func error(_ place: Place, _ message: String, _ suggestion: String? = nil) {
        add(place, .error, message, suggestion)
    }
    func warning(_ place: Place, _ message: String, _ suggestion: String? = nil) {
        add(place, .warning, message, suggestion)
    }

    private func add(
        _ place: Place, _ severity: RunbookProblem.Severity, _ message: String,
        _ suggestion: String?
    ) {
        guard seen.insert(Seen(place: place, message: message)).inserted else { return }
        guard counts[severity, default: 0] < Self.limit else { return }
        counts[severity, default: 0] += 1
        entries.append(
            Entry(place: place, severity: severity, message: message, suggestion: suggestion))
    }

    /// What to say of an unknown name: the nearest one, or all of them when nothing is near.
    func suggestion(for text: String, among candidates: [String], called what: String) -> String? {
        guard guesses > 0 else { return nil }
        guesses -= candidates.count
        return Nearest.suggestion(for: text, among: candidates, called: what)
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
        if isFull, let last = result.last {
            result.append(
                RunbookProblem(
                    file: file, line: last.line, column: last.column, severity: .error,
                    message: "only the first \(Self.limit) errors that were found are listed",
                    suggestion: "mend these first"))
        }
        return result
    }
}
