// The most telling line of a component: what the operator would ask first.
import Domain
import Screen
import Wire

struct Telling {
    var sign: String
    var role: StyleRole
    var word: String
    var message: String
    /// How long it has been so, for what is not well.
    var since: String

    init(_ component: ComponentReport, in model: Model) {
        sign = component.state.sign
        role = component.state.role
        word = component.state.rawValue
        since = ""
        guard component.state == .healthy else {
            let worst = component.probes.min { $0.state.rank < $1.state.rank }
            message = worst.map { Telling.message(of: $0, among: component.probes.count) } ?? ""
            if let cause = component.consequenceOf { message = "follows from \(cause)" }
            if let worst, let seconds = model.seconds(since: worst.since), seconds >= 1 {
                since = "for " + Telling.duration(seconds)
            }
            return
        }
        if let failing = component.probes.max(by: { $0.failing < $1.failing }), failing.failing > 0
        {
            // Not failed yet: it is being looked at more often.
            sign = "▲"
            role = .warning
            word = "failing"
            message = "\(failing.name) \(failing.message)"
            since = "\(Numbers.ordinal(failing.failing)) time"
            return
        }
        message = component.probes.map(Telling.brief).joined(separator: " · ")
    }

    private static func message(of probe: ProbeReport, among count: Int) -> String {
        count > 1 ? "\(probe.name) \(probe.message)" : probe.message
    }
    /// `home 12 ms`; for what is measured rather than asked, its own words.
    static func brief(_ probe: ProbeReport) -> String {
        switch probe.kind {
        case "disk", "memory", "cpu", "nagios", "prometheus":
            // Its first words: `29 % used, 67 GiB free` is too much of a good thing.
            let words = probe.message.prefix { $0 != "," && $0 != ";" }
            if words.isEmpty { return probe.name }
            return words.hasPrefix(probe.name) ? String(words) : "\(probe.name) \(words)"
        case "process", "systemd": return probe.name
        default:
            guard let latency = probe.latencyMs else { return probe.name }
            return "\(probe.name) \(Numbers.latency(milliseconds: latency))"
        }
    }
    private static func duration(_ seconds: Double) -> String {
        seconds < 36_000 ? Times.clock(seconds) : Times.spoken(seconds)
    }
}
