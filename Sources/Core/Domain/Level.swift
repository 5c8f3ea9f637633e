// The four emergency levels of the emergency procedures; 1 is the worst.

/// How bad an emergency is. Lower numbers are worse, so `Level.critical < .low`.
package enum Level: Int, Sendable, Hashable, Comparable, Codable, CaseIterable {
    case critical = 1
    case high
    case medium
    case low

    package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

    /// The name where the runbook gives none.
    package var name: String {
        switch self {
        case .critical: "Critical"
        case .high: "High"
        case .medium: "Medium"
        case .low: "Low"
        }
    }
    /// The response time where the runbook gives none: 5, 15, 30 and 60 minutes.
    package var respondWithin: Span {
        switch self {
        case .critical: .minutes(5)
        case .high: .minutes(15)
        case .medium: .minutes(30)
        case .low: .minutes(60)
        }
    }
}

/// What the runbook says of one level.
package struct LevelDefinition: Sendable, Equatable, Codable {
    package var level: Level
    package var name: String
    package var respondWithin: Span
    package var means: String
    /// Names of fallbacks that the activation of an emergency of this level enables.
    package var fallbacks: [String]
    package init(
        level: Level, name: String, respondWithin: Span, means: String, fallbacks: [String] = []
    ) {
        self.level = level
        self.name = name
        self.respondWithin = respondWithin
        self.means = means
        self.fallbacks = fallbacks
    }
}

/// The state of a probe or of a component.
package enum Health: String, Sendable, Hashable, Codable, CaseIterable {
    case healthy, degraded, failed, unknown
}
