// States, lengths of time and moments in the words that commands print.
import Domain
import Wire

extension Health {
    /// The convention of monitoring plugins.
    var status: Int32 {
        switch self {
        case .healthy: 0
        case .degraded: 1
        case .failed: 2
        case .unknown: 3
        }
    }
    var ink: Ink {
        switch self {
        case .healthy: .good
        case .degraded: .warning
        case .failed: .bad
        case .unknown: .quiet
        }
    }
    var sign: String {
        switch self {
        case .healthy: "●"
        case .degraded: "▲"
        case .failed: "✖"
        case .unknown: "?"
        }
    }
    /// The worst of several; a failure is worse than not knowing, which is worse than anything else.
    static func worst(_ states: some Sequence<Health>) -> Health? {
        let order: [Health] = [.failed, .unknown, .degraded, .healthy]
        let all = Set(states)
        return order.first(where: all.contains)
    }
}

extension StepState {
    var sign: String {
        switch self {
        case .pending: " "
        case .running: "▶"
        case .succeeded: "✔"
        case .failed: "✖"
        case .undone: "↶"
        case .skipped: "–"
        case .unknown: "?"
        }
    }
    var ink: Ink {
        switch self {
        case .pending, .skipped: .quiet
        case .running: .strong
        case .succeeded: .good
        case .failed: .bad
        case .undone, .unknown: .warning
        }
    }
}

extension ProcedureState {
    var ink: Ink {
        switch self {
        case .running: .strong
        case .succeeded: .good
        case .failed: .bad
        case .waiting, .paused, .undoing, .undone: .warning
        }
    }
}

extension EventTone {
    var ink: Ink {
        switch self {
        case .plain: .plain
        case .good: .good
        case .warning: .warning
        case .bad: .bad
        }
    }
}

enum Words {
    /// `4 m 12 s`, `3 h 4 m`, `3 d 4 h`; less than a second: `250 ms`.
    static func length(_ span: Span) -> String {
        let seconds = max(0, span.seconds)
        if seconds < 1 { return "\(Int((seconds * 1000).rounded())) ms" }
        if seconds < 10, seconds != seconds.rounded() {
            let tenths = Int((seconds * 10).rounded())
            return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
        }
        // Rounded once, at the beginning, so that no `60 s` comes out.
        let whole = Int(min(seconds.rounded(), 1e15))
        let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60)
        if days > 0 { return hours > 0 ? "\(days) d \(hours) h" : "\(days) d" }
        if hours > 0 { return minutes > 0 ? "\(hours) h \(minutes) m" : "\(hours) h" }
        if minutes > 0 { return whole % 60 > 0 ? "\(minutes) m \(whole % 60) s" : "\(minutes) m" }
        return "\(whole) s"
    }

    /// From one moment of the wire to another; nil when one is no moment.
    static func length(from: String?, to: String) -> String? {
        guard let from = from.flatMap({ Timestamp(rfc3339: $0) }), let to = Timestamp(rfc3339: to)
        else { return nil }
        return length(to - from)
    }

    /// `2026-01-05 14:03:27`, in UTC.
    static func moment(_ text: String) -> String {
        guard let moment = Timestamp(rfc3339: text) else { return text }
        return "\(moment.rfc3339.prefix(10)) \(moment.timeOfDay)"
    }

    /// `14:03:27 UTC`.
    static func timeOfDay(_ text: String) -> String {
        Timestamp(rfc3339: text).map { "\($0.timeOfDay) UTC" } ?? text
    }

    /// A number with its unit: `99.2 %`, `12 clients`.
    static func value(_ value: Double, _ unit: String) -> String {
        unit.isEmpty ? number(value) : "\(number(value)) \(unit)"
    }
    /// At most one digit after the point; two below 1.
    static func number(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        let scale = abs(value) < 1 ? 100.0 : 10.0
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }

    static func count(_ number: Int, _ one: String, _ many: String) -> String {
        "\(number) \(number == 1 ? one : many)"
    }
    /// Bytes in the nearest unit.
    static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1000 { return "\(number(value)) \(unit)" }
            value /= 1000
        }
        return "\(number(value)) TB"
    }
}
