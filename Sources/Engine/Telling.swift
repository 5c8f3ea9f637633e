// What viewers are told: each event at once, and what has changed since the last time.
import Domain
import Link
import Logging
import OrderedCollections
import Rules
import Wire

/// What is still to be told.
struct Telling {
    /// Deliveries that changed since the last time.
    var deliveries: OrderedSet<String> = []
    /// Whether anything beside components and metrics did.
    var coreChanged = true
    var lastAt = Timestamp(milliseconds: 0)
    /// Until then what may wait is not told.
    var quietUntil = ContinuousClock.now
    /// Whether somebody will come back for it.
    var isPlanned = false
}

extension EngineCore {
    var context: ReportContext {
        ReportContext(
            rules: rules, situation: situation, now: parts.now(), startedAt: startedAt,
            pid: parts.pid, alarms: alarms, output: output)
    }

    func publish(_ line: StreamLine) {
        guard hub.viewers > 0 else { return }
        do {
            hub.publish(try WireCoding.encode(line))
        } catch {
            parts.logger.error("a line of the stream could not be written: \(error)")
        }
    }

    /// Sends what has changed since the last time. Without viewers nothing is made up.
    /// - Parameter mayWait: then it takes at most a tenth of the engine's time: a procedure of a hundred
    ///   quick steps would else be told of more than it is done.
    func publishChanges(
        at now: Timestamp, heartbeat: Bool = false, mayWait: Bool = false
    ) {
        guard hub.viewers > 0 else {
            telling.lastAt = now
            telling.deliveries = []
            return
        }
        let began = ContinuousClock.now
        if mayWait, began < telling.quietUntil { return publishLater() }
        telling.lastAt = now
        defer { telling.quietUntil = .now + (.now - began) * 9 }
        let changes = monitor.takeChanges()
        guard heartbeat || telling.coreChanged || !changes.isEmpty else { return }
        let context = context
        let runbook = parts.runbook
        let deliveries = telling.deliveries.compactMap { context.delivery($0) }
        telling.deliveries = []
        // The score follows from components, so what carries it goes with them when it changes.
        let core = telling.coreChanged ? context.core(monitor) : nil
        telling.coreChanged = false
        publish(
            StreamLine(
                change: SituationChange(
                    time: now.rfc3339, core: core,
                    components: changes.components.isEmpty
                        ? nil
                        : changes.components.map {
                            context.component(runbook.components[$0], monitor)
                        },
                    metrics: changes.metrics.isEmpty
                        ? nil
                        : changes.metrics.compactMap { name in
                            monitor.metrics[name].map { context.metric(name, $0) }
                        },
                    gauges: changes.gauges.isEmpty
                        ? nil : changes.gauges.map { context.gauge($0, monitor) },
                    deliveries: deliveries.isEmpty ? nil : deliveries)))
    }

    private func publishLater() {
        guard !telling.isPlanned else { return }
        telling.isPlanned = true
        let moment = telling.quietUntil
        Task.detached { [weak self] in
            try? await Task.sleep(until: moment, clock: .continuous)
            await self?.publishWaiting()
        }
    }
    private func publishWaiting() {
        telling.isPlanned = false
        publishChanges(at: parts.now())
    }

    func noteCoreChanged() {
        telling.coreChanged = true
        publishChanges(at: parts.now())
    }
}
