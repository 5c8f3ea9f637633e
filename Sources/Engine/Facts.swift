// What conditions ask about, answered from the situation and the monitor.
import Domain
import OrderedCollections
import Rules

struct Facts: ExpressionFacts {
    let monitor: Monitor
    let situation: Situation
    /// The metrics of the check that is being judged; they win over others of the same name.
    var own: [Metric] = []
    /// For triggers: what follows from a failed component is not known, so that it raises nothing.
    let hidesConsequences: Bool

    init(_ monitor: Monitor, _ situation: Situation, hidesConsequences: Bool) {
        self.monitor = monitor
        self.situation = situation
        self.hidesConsequences = hidesConsequences
    }
    private var runbook: Runbook { monitor.runbook }
    private func isHidden(_ component: String) -> Bool {
        hidesConsequences && monitor.consequences.contains(component)
    }

    func value(ofMetric name: String) -> Double? {
        if let metric = own.first(where: { $0.name == name }) { return metric.value }
        if let standing = monitor.metrics[name] {
            guard standing.isFresh else { return nil }
            let component = runbook.components[standing.component].name
            return isHidden(component) ? nil : standing.value
        }
        return valueByProbe(name)
    }

    /// `component.probe.latency`, or `component.probe.metric` for a metric of a shorter name.
    private func valueByProbe(_ name: String) -> Double? {
        let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
        guard parts.count == 3 else { return nil }
        if isHidden(parts[0]) { return nil }
        let probe = ProbeReference(component: parts[0], probe: parts[1])
        if parts[2] == "latency" { return monitor.entry(probe)?.last?.latency }
        guard let definition = monitor.entry(probe)?.probe else { return nil }
        let short = "\(definition.check.kind).\(parts[2])"
        guard let standing = monitor.metrics[short] ?? monitor.metrics[parts[2]], standing.isFresh
        else { return nil }
        return standing.value
    }

    func state(ofComponent name: String) -> Health? {
        isHidden(name) ? nil : monitor.states[name]
    }
    func state(ofProbe reference: ProbeReference) -> Health? {
        if isHidden(reference.component) { return nil }
        return situation.probes[reference]?.health
    }
    var criticalComponents: [Health] {
        runbook.components.filter(\.critical).map { monitor.states[$0.name] ?? .unknown }
    }
    var components: [Health] { runbook.components.map { monitor.states[$0.name] ?? .unknown } }
    func isReported(_ name: String) -> Bool { situation.reported[name] != nil }
    var recoveryAttempts: Int { situation.emergency?.failedAttempts ?? 0 }
}

extension Facts {
    /// What made the condition true, with its numbers: of an `or`, only the sides that hold.
    func why(_ condition: Condition) -> String {
        let holding = holdingParts(condition.expression)
        let texts = holding.map { part in
            let values = part.references.metrics.compactMap { name in
                value(ofMetric: name).map { "\(name) is \(Self.short($0))" }
            }
            return values.isEmpty ? condition.text(of: part) : values.joined(separator: ", ")
        }
        return Visible.text(texts.joined(separator: "; "), limit: 300)
    }

    private func holdingParts(_ expression: Expression) -> [Expression] {
        switch expression {
        case .or(let left, let right):
            let holding = [left, right].filter { $0.evaluate(in: self) == .yes }
            return holding.flatMap(holdingParts)
        case .and(let left, let right):
            return holdingParts(left) + holdingParts(right)
        case .number, .metric, .component, .probe, .allCriticalComponents, .anyComponent,
            .reported, .recoveryAttempts, .negative, .arithmetic, .comparison, .not:
            return [expression]
        }
    }

    private static func short(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        let scaled = (value * 100).rounded() / 100
        return abs(scaled) < 1e13 ? String(scaled) : String(value)
    }
}

extension Condition {
    /// A part of the condition in words; the whole text where it has none of its own.
    fileprivate func text(of part: Expression) -> String {
        switch part {
        case .component(let name, let health): "component \(name) \(health.rawValue)"
        case .probe(let reference, let health): "probe \(reference) \(health.rawValue)"
        case .allCriticalComponents(let health): "all critical components \(health.rawValue)"
        case .anyComponent(let health): "a component \(health.rawValue)"
        case .reported(let name): "\(name) was reported"
        case .number, .metric, .recoveryAttempts, .negative, .arithmetic, .comparison, .not, .and,
            .or:
            text
        }
    }
}
