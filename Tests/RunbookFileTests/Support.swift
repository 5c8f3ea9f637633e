// What the tests of the loader share: the example, and checking a text with a change in it.
import Domain
import FoundationEssentials
import RunbookFile
import Testing

enum Example {
    /// Everything that the example wants from its environment.
    static let environment = [
        "SMS_TOKEN": "x", "SLACK_WEBHOOK_URL": "x", "PAGERDUTY_KEY": "x",
        "VEDFOLNIR_DB_PASSWORD": "x", "VEDFOLNIR_TEST_PASSWORD": "x",
    ]
    static let path = folder + "/Runbooks/example.yaml"
    private static let folder = String(
        #filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex))

    static func text() throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    }
    /// The example with the first occurrence of one text replaced by another.
    static func text(replacing old: String, with new: String) throws -> String {
        let text = try text()
        let range = try #require(text.firstRange(of: old), "the example does not hold \(old)")
        return text.replacingCharacters(in: range, with: new)
    }
}

extension String {
    func replacingCharacters(in range: Range<String.Index>, with new: String) -> String {
        self[..<range.lowerBound] + new + self[range.upperBound...]
    }
}

func check(_ text: String, environment: [String: String] = Example.environment) -> LoadResult {
    RunbookFile.check(text: text, path: "/srv/book/tocsin.yaml", environment: environment)
}

extension RunbookProblem {
    /// Without the file: `12:7: unknown key …; did you mean …?`, with `warning: ` for a warning.
    var short: String {
        "\(line):\(column): \(severity == .warning ? "warning: " : "")\(message)"
            + (suggestion.map { "; \($0)" } ?? "")
    }
}

/// The smallest runbook, and what follows.
func small(_ more: String = "") -> String {
    """
    version: 1
    service: { name: s }
    components: { web: { probes: { home: { tcp: "127.0.0.1:80" } } } }

    """ + more
}

/// A small generator of repeatable numbers.
struct Lehmer {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func below(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }
}
