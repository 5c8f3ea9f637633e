// What the probes answered lately: trackers, samples, metrics, gauges. Memory only; states are events.
import Domain
import OrderedCollections
import Rules

/// A check that is over.
struct Sample: Sendable {
    var probe: ProbeReference
    var result: CheckResult
    var at: Timestamp
}

/// One past sample, kept small: ten thousand probes keep a hundred each.
struct PastSample {
    var at: Timestamp
    var milliseconds: Float
    var answer: CheckResult.Answer
}

/// Belongs to the engine's one consumer; a reference, so that looking at it copies nothing.
final class Monitor {
    static let samplesKept = 120
    static let trendKept = 60

    struct Entry {
        let probe: Probe
        let component: Int
        var tracker = ProbeTracker()
        var last: CheckResult?
        var lastAt: Timestamp?
        /// A ring; the oldest is at `next` once it is full.
        var samples: [PastSample] = []
        var next = 0
    }
    struct MetricStanding {
        var value: Double
        var unit: String
        var at: Timestamp
        var component: Int
        /// False when the probe's last check did not bring it.
        var isFresh: Bool
    }
    struct Trend {
        var values: [Double] = []
    }

    let runbook: Runbook
    private(set) var entries: [Entry] = []
    private(set) var metrics: OrderedDictionary<String, MetricStanding> = [:]
    private(set) var trends: [Trend]
    private var places: [ProbeReference: Int] = [:]
    /// The components' states, as the situation's probes make them.
    private(set) var states: [String: Health] = [:]
    /// Components whose failure follows from another's.
    private(set) var consequences: Set<String> = []
    /// Metrics and components that have changed since `takeChanges`.
    private var changedMetrics: OrderedSet<String> = []
    private var changedComponents: OrderedSet<Int> = []
    private var changedGauges: OrderedSet<Int> = []

    init(_ runbook: Runbook) {
        self.runbook = runbook
        trends = runbook.gauges.map { _ in Trend() }
        for (index, component) in runbook.components.enumerated() {
            for probe in component.probes {
                places[probe.reference] = entries.count
                entries.append(Entry(probe: probe, component: index))
            }
        }
    }

    /// Begins with the states that the journal remembers.
    func remember(_ situation: Situation) {
        for index in entries.indices {
            if let standing = situation.probes[entries[index].probe.reference] {
                entries[index].tracker = ProbeTracker(
                    state: standing.health, since: standing.since)
            }
        }
        takeStates(of: situation)
    }

    /// Works the components' states out again after probes have changed.
    func takeStates(of situation: Situation) {
        for component in runbook.components {
            states[component.name] = situation.health(of: component)
        }
        consequences = Set(
            runbook.components.lazy.filter { component in
                !component.dependsOn.isEmpty
                    && HealthRules.cause(of: component, in: self.runbook) {
                        self.states[$0] ?? .unknown
                    } != nil
            }.map(\.name))
    }

    func entry(_ probe: ProbeReference) -> Entry? { places[probe].map { entries[$0] } }

    /// Takes a sample in. - Parameter ours: our own network is down, so a bad answer says nothing.
    /// - Returns: the probe's new state when this changes it.
    func take(_ sample: Sample, ours: Bool, situation: Situation) -> Health? {
        guard let place = places[sample.probe] else { return nil }
        var result = sample.result
        let probe = entries[place].probe
        takeMetrics(result.metrics, of: place, at: sample.at)
        judge(&result, probe, situation)
        if ours, result.answer == .bad {
            result.answer = .unknown
            result.message = "our own network is down: " + result.message
        }
        entries[place].last = result
        entries[place].lastAt = sample.at
        let past = PastSample(
            at: sample.at, milliseconds: Float(result.latency * 1000), answer: result.answer)
        if entries[place].samples.count < Self.samplesKept {
            entries[place].samples.append(past)
        } else {
            entries[place].samples[entries[place].next] = past
            entries[place].next = (entries[place].next + 1) % Self.samplesKept
        }
        changedComponents.append(entries[place].component)
        takeGauges(of: sample.probe, result)
        return entries[place].tracker.take(result.answer, schedule: probe.schedule, at: sample.at)
    }

    /// `down_when` and `degraded_when` make an answer worse, never better.
    private func judge(_ result: inout CheckResult, _ probe: Probe, _ situation: Situation) {
        guard probe.downWhen != nil || probe.degradedWhen != nil,
            result.answer == .good || result.answer == .degraded
        else { return }
        var facts = Facts(self, situation, hidesConsequences: false)
        facts.own = result.metrics
        if let condition = probe.downWhen, condition.evaluate(in: facts) == .yes {
            result.answer = .bad
            result.message = "\(condition.text) · \(result.message)"
        } else if let condition = probe.degradedWhen, condition.evaluate(in: facts) == .yes {
            result.answer = .degraded
            result.message = "\(condition.text) · \(result.message)"
        }
    }

    private func takeMetrics(_ new: [Metric], of place: Int, at moment: Timestamp) {
        let component = entries[place].component
        let names = Set(new.map(\.name))
        for old in entries[place].last?.metrics ?? [] where !names.contains(old.name) {
            metrics[old.name]?.isFresh = false
        }
        for metric in new {
            metrics[metric.name] = MetricStanding(
                value: metric.value, unit: metric.unit, at: moment, component: component,
                isFresh: true)
            changedMetrics.append(metric.name)
        }
    }

    private func takeGauges(of probe: ProbeReference, _ result: CheckResult) {
        for (index, gauge) in runbook.gauges.enumerated() {
            switch gauge.source {
            case .metric(let name):
                guard let metric = result.metrics.first(where: { $0.name == name }) else {
                    continue
                }
                push(metric.value, to: index)
            case .probe(let reference):
                guard reference == probe else { continue }
                push(result.latency * 1000, to: index)
            case .emergencies, .recoverySuccessRate, .rollbackSuccessRate, .healthScore:
                continue
            }
        }
    }

    /// Adds a value to a gauge's trend.
    func push(_ value: Double, to gauge: Int) {
        guard value.isFinite else { return }
        trends[gauge].values.append(value)
        if trends[gauge].values.count > Self.trendKept { trends[gauge].values.removeFirst() }
        changedGauges.append(gauge)
    }

    func markChanged(_ probe: ProbeReference) {
        if let place = places[probe] { changedComponents.append(entries[place].component) }
    }
    func markAllComponentsChanged() {
        changedComponents = OrderedSet(runbook.components.indices)
    }

    struct Changes {
        var components: [Int]
        var metrics: [String]
        var gauges: [Int]
        var isEmpty: Bool { components.isEmpty && metrics.isEmpty && gauges.isEmpty }
    }
    /// What has changed since the last call.
    func takeChanges() -> Changes {
        defer {
            changedComponents.removeAll(keepingCapacity: true)
            changedMetrics.removeAll(keepingCapacity: true)
            changedGauges.removeAll(keepingCapacity: true)
        }
        return Changes(
            components: Array(changedComponents), metrics: Array(changedMetrics),
            gauges: Array(changedGauges))
    }

    /// Oldest first.
    func samples(of probe: ProbeReference) -> [PastSample]? {
        guard let entry = entry(probe) else { return nil }
        return Array(entry.samples[entry.next...] + entry.samples[..<entry.next])
    }
}
