// `GET /metrics`: the situation for Prometheus, in the OpenMetrics 1.0 text format.
import Domain
import OrderedCollections
import Rules
import Wire

struct OpenMetrics {
    let context: ReportContext
    let monitor: Monitor

    var text: String {
        var lines: [String] = []
        func family(_ name: String, _ help: String, _ samples: [(labels: String, value: Double)]) {
            guard !samples.isEmpty else { return }
            lines.append("# TYPE \(name) gauge")
            lines.append("# HELP \(name) \(help)")
            for sample in samples {
                lines.append("\(name)\(sample.labels) \(Self.number(sample.value))")
            }
        }
        family(
            "tocsin_health_score", "Weighted mean of the components, 0 to 100.",
            [("", Double(context.score))])
        family(
            "tocsin_emergency_level", "Level of the open emergency, 1 worst; 0 without one.",
            [("", Double(context.situation.emergency?.level.rawValue ?? 0))])
        family(
            "tocsin_emergency_acknowledged", "1 when the open emergency is acknowledged.",
            [("", context.situation.emergency?.acknowledgedAt == nil ? 0 : 1)])
        family(
            "tocsin_recovery_attempts", "Attempts in the open emergency.",
            [("", Double(context.situation.emergency?.attempts.count ?? 0))])
        family(
            "tocsin_component_state", "1 for the state that the component is in.",
            context.componentStates.flatMap { component, health in
                Health.allCases.map { state in
                    (
                        Self.labels([("component", component.name), ("state", state.rawValue)]),
                        health == state ? 1.0 : 0
                    )
                }
            })
        family(
            "tocsin_probe_latency_seconds", "Length of the latest check.",
            monitor.entries.compactMap { entry in
                entry.last.map {
                    (
                        Self.labels([
                            ("component", entry.probe.reference.component),
                            ("probe", entry.probe.reference.probe),
                        ]), $0.latency
                    )
                }
            })
        family(
            "tocsin_metric", "Metrics that probes brought, by name.",
            monitor.metrics.filter { $0.value.isFresh }.map { name, standing in
                (Self.labels([("name", name), ("unit", standing.unit)]), standing.value)
            })
        let outbox = context.outbox
        family(
            "tocsin_outbox_deliveries", "Deliveries that are not over, and those given up.",
            [
                ("waiting", outbox.waiting), ("sending", outbox.sending),
                ("retrying", outbox.retrying), ("dead", outbox.dead),
            ].map { (Self.labels([("state", $0.0)]), Double($0.1)) })
        family(
            "tocsin_channel_failing", "1 when the last attempt by the channel failed.",
            context.channels.filter { $0.state != .unused }.map { channel in
                (
                    Self.labels([("channel", channel.name), ("kind", channel.kind)]),
                    channel.state == .failing ? 1 : 0
                )
            })
        family(
            "tocsin_people_not_told", "People whom no channel has reached in the open emergency.",
            [("", Double(context.rules.notTold(context.situation).count))])
        family(
            "tocsin_journal_events", "Events in the journal.",
            [("", Double(context.situation.seq))])
        return lines.joined(separator: "\n") + "\n# EOF\n"
    }

    private static func labels(_ pairs: [(String, String)]) -> String {
        let inner = pairs.map { name, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(name)=\"\(escaped)\""
        }
        return "{" + inner.joined(separator: ",") + "}"
    }
    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }
}
