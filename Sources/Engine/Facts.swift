// What conditions ask about, answered from the situation and the monitor.
import Domain
import OrderedCollections
import Rules

struct Facts: ExpressionFacts {
    let runbook: Runbook
    let situation: Situation
    var metrics: OrderedDictionary<String, Monitor.MetricStanding>
    /// The metrics of the check that is being judged; they win over others of the same name.
    var own: [Metric] = []
    /// Latest latencies in seconds.
    let latency: (ProbeReference) -> Double?
    /// For triggers: what follows from a failed component is not known, so that it raises nothing.
    var hidesConsequences = false
    private let states: [String: Health]
    private let causes: Set<String>

    init(
        _ runbook: Runbook, _ situation: Situation, _ monitor: Monitor, hidesConsequences: Bool
    ) {
        self.runbook = runbook
        self.situation = situation
        metrics = monitor.metrics
        latency = { probe in monitor.entry(probe)?.last?.latency }
        self.hidesConsequences = hidesConsequences
        var states: [String: Health] = [:]
        for component in runbook.components {
            states[component.name] = situation.health(of: component)
        }
        self.states = states
        causes =
            hidesConsequences
            ? Set(
                runbook.components.filter { component in
                    HealthRules.cause(of: component, in: runbook) { states[$0] ?? .unknown } != nil
                }.map(\.name)) : []
    }

    func value(ofMetric name: String) -> Double? {
        if let metric = own.first(where: { $0.name == name }) { return metric.value }
        if let standing = metrics[name] {
            guard standing.isFresh else { return nil }
            let component = runbook.components[standing.component].name
            return causes.contains(component) ? nil : standing.value
        }
        return valueByProbe(name)
    }

    /// `component.probe.latency`, or `component.probe.metric` for a metric of a shorter name.
    private func valueByProbe(_ name: String) -> Double? {
        let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
        guard parts.count == 3 else { return nil }
        if causes.contains(parts[0]) { return nil }
        let probe = ProbeReference(component: parts[0], probe: parts[1])
        if parts[2] == "latency" { return latency(probe) }
        guard let definition = runbook.components.first(where: { $0.name == parts[0] })?
            .probes.first(where: { $0.reference == probe })
        else { return nil }
        let short = "\(definition.check.kind).\(parts[2])"
        guard let standing = metrics[short] ?? metrics[parts[2]], standing.isFresh else { return nil }
        return standing.value
    }

    func state(ofComponent name: String) -> Health? {
        causes.contains(name) ? nil : states[name]
    }
    func state(ofProbe reference: ProbeReference) -> Health? {
        if causes.contains(reference.component) { return nil }
        return situation.probes[reference]?.health
    }
    var criticalComponents: [Health] {
        runbook.components.filter(\.critical).map { states[$0.name] ?? .unknown }
    }
    var components: [Health] { runbook.components.map { states[$0.name] ?? .unknown } }
    func isReported(_ name: String) -> Bool { situation.reported[name] != nil }
    var recoveryAttempts: Int { situation.emergency?.failedAttempts ?? 0 }
}
