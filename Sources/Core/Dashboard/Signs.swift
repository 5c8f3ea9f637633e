// The sign, word and role of every state: colour repeats what these say, it never says it alone.
import Domain
import Screen
import Wire

extension Health {
    var sign: String {
        switch self {
        case .healthy: "●"
        case .degraded: "▲"
        case .failed: "✖"
        case .unknown: "?"
        }
    }
    var role: StyleRole {
        switch self {
        case .healthy: .good
        case .degraded: .warning
        case .failed: .bad
        case .unknown: .unknown
        }
    }
    /// Worst first.
    var rank: Int {
        switch self {
        case .failed: 0
        case .unknown: 1
        case .degraded: 2
        case .healthy: 3
        }
    }
}

extension Level {
    /// The nearest level of a number from the wire.
    init(wire number: Int) { self = Level(rawValue: min(max(number, 1), 4)) ?? .critical }

    var sign: String {
        switch self {
        case .critical: "✖"
        case .high: "▲"
        case .medium: "◆"
        case .low: "●"
        }
    }
    var role: StyleRole {
        switch self {
        case .critical: .level1
        case .high: .level2
        case .medium: .level3
        case .low: .level4
        }
    }
    var ground: Ground {
        switch self {
        case .critical: .level1
        case .high: .level2
        case .medium: .level3
        case .low: .level4
        }
    }
}

extension StepState {
    var sign: String {
        switch self {
        case .pending: " "
        case .running: "▶"
        case .succeeded: "✔"
        case .failed: "✖"
        case .undone: "↩"
        case .skipped: "·"
        case .unknown: "?"
        }
    }
    var role: StyleRole {
        switch self {
        case .pending, .skipped: .dim
        case .running: .accent
        case .succeeded: .good
        case .failed: .bad
        case .undone: .warning
        case .unknown: .unknown
        }
    }
    var isOver: Bool {
        switch self {
        case .pending, .running, .unknown: false
        case .succeeded, .failed, .undone, .skipped: true
        }
    }
}

extension ProcedureState {
    var sign: String {
        switch self {
        case .running: "▶"
        case .waiting: "?"
        case .paused: "⏸"
        case .undoing: "↩"
        case .succeeded: "✔"
        case .failed: "✖"
        case .undone: "↩"
        }
    }
    var role: StyleRole {
        switch self {
        case .running: .accent
        case .waiting, .paused, .undoing, .undone: .warning
        case .succeeded: .good
        case .failed: .bad
        }
    }
}

extension EventTone {
    var sign: String {
        switch self {
        case .plain: "·"
        case .good: "✔"
        case .warning: "▲"
        case .bad: "✖"
        }
    }
    var role: StyleRole {
        switch self {
        case .plain: .dim
        case .good: .good
        case .warning: .warning
        case .bad: .bad
        }
    }
}

extension ToldReport.State {
    var sign: String {
        switch self {
        case .told: "✓"
        case .waiting: "…"
        case .failing: "▲"
        case .unreachable: "✖"
        }
    }
    var role: StyleRole {
        switch self {
        case .told: .good
        case .waiting: .dim
        case .failing: .warning
        case .unreachable: .bad
        }
    }
    /// What needs somebody first.
    var rank: Int {
        switch self {
        case .unreachable: 0
        case .failing: 1
        case .waiting: 2
        case .told: 3
        }
    }
}

extension ChannelReport.State {
    var sign: String {
        switch self {
        case .unused: "○"
        case .works: "●"
        case .failing: "▲"
        }
    }
    var role: StyleRole {
        switch self {
        case .unused: .dim
        case .works: .good
        case .failing: .warning
        }
    }
}
