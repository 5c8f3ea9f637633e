// Hands messages over to their channels, and tells the rules what came of it.
import Domain
import FoundationEssentials
import Logging
import OrderedCollections
import Outreach
import Rules

extension EngineCore {
    /// A carrier that breaks its promise to end must not hold up everybody else's messages.
    static let carrierPatience = Span.seconds(MessageCarrierLimits.attempt.seconds + 10)
    /// An Alertmanager forgets what it is not reminded of.
    static let refreshEvery = Span.seconds(60)

    func deliver(_ id: String, attempt: Int) {
        guard let (entry, delivery) = situation.delivery(id) else { return }
        guard inFlight.insert("\(id)/\(attempt)").inserted else { return }
        guard let order = deliveryOrder(entry.message, delivery) else {
            let gone = DeliveryOutcome(
                end: .refused, detail: "the runbook has no channel \(delivery.channel) any more",
                seconds: 0)
            Task { [weak self] in await self?.delivered(id, attempt, gone) }
            return
        }
        if case .channel(let channel) = order.route, case .command = channel.kind {
            runCommand(order, attempt)
            return
        }
        let carrier = parts.carrier
        // Its own executor: what carries must not wait for the engine, nor the engine for it.
        Task.detached { [weak self] in
            let outcome = await Self.carry(order, by: carrier)
            await self?.delivered(id, attempt, outcome)
        }
    }

    private static func carry(
        _ order: DeliveryOrder, by carrier: any MessageCarrier
    ) async -> DeliveryOutcome {
        await withTaskGroup(of: DeliveryOutcome?.self) { group in
            group.addTask { await carrier.carry(order) }
            group.addTask {
                try? await Task.sleep(for: .seconds(carrierPatience.seconds))
                return Task.isCancelled
                    ? nil
                    : DeliveryOutcome(
                        end: .unclear, detail: "no end within \(carrierPatience.spelled)",
                        seconds: carrierPatience.seconds)
            }
            let first = await group.next()
            group.cancelAll()
            return first.flatMap { $0 }
                ?? DeliveryOutcome(end: .unclear, detail: "cancelled", seconds: 0)
        }
    }

    private func delivered(_ id: String, _ attempt: Int, _ outcome: DeliveryOutcome) {
        inFlight.remove("\(id)/\(attempt)")
        report(.deliveryEnded(id, attempt: attempt, outcome))
    }

    func deliveryOrder(_ message: OutboxMessage, _ delivery: Delivery) -> DeliveryOrder? {
        guard let route = rules.route(delivery.channel) else { return nil }
        // Whoever listens where nobody is addressed hears for whom it is.
        let listeners =
            situation.delivery(delivery.id)
            .map { rules.listeners(delivery, $0.0) } ?? delivery.people
        let emergency = [situation.emergency, situation.lastEnded?.emergency]
            .compactMap { $0 }.first { $0.id == message.emergency }
        return DeliveryOrder(
            delivery: delivery, message: message, route: route,
            people: listeners.compactMap { rules.authority.person(id: $0) },
            service: runbook.service, levelName: message.level.map(rules.levelName) ?? "",
            incident: emergency?.statusPageIncident, at: parts.now())
    }

    // MARK: Commands

    /// A command is run like a step: by a runner that outlives the engine, so that it is never run twice.
    private func runCommand(_ order: DeliveryOrder, _ attempt: Int) {
        let id = order.delivery.id
        let work: Work
        do {
            guard let filled = try commandWork(order) else { return }
            work = filled
        } catch {
            let outcome = DeliveryOutcome(
                end: .refused, detail: Visible.text("\(error)", limit: 300), seconds: 0)
            Task { [weak self] in await self?.delivered(id, attempt, outcome) }
            return
        }
        let folder = "\(parts.state)/outbox/\(id)-\(attempt)"
        var step = StepOrder(
            mode: .perform,
            step: Step(
                name: order.delivery.channel, work: work, timeout: MessageCarrierLimits.attempt),
            runDirectory: folder, folder: runbook.folder, savedDirectory: "\(folder)/saved",
            variables: [], sources: [], units: [], backup: runbook.backup)
        step.secretVariables = runbook.secretVariables
        step.isFilled = true
        let performer = parts.performer
        Task.detached { [weak self, step] in
            let outcome = await performer.perform(step) { _ in }
            await self?.delivered(id, attempt, Self.outcome(outcome))
            // Its end is in the journal now.
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    private static func outcome(_ step: StepOutcome) -> DeliveryOutcome {
        let end: DeliveryOutcome.End =
            switch step.end {
            case .succeeded, .alreadyDone, .wouldRun: .delivered
            case .failed: .failed
            case .unknown: .unclear
            }
        return DeliveryOutcome(
            end: end, detail: Visible.text(step.message, limit: 300), seconds: step.seconds)
    }

    // MARK: Alertmanagers

    /// Reminds every Alertmanager of the open emergency, so that its alert neither ends by itself nor is
    /// forgotten when it restarts. No event: nothing new is said.
    func refreshAlerts(at now: Timestamp) {
        guard now - lastRefresh >= Self.refreshEvery else { return }
        lastRefresh = now
        guard let emergency = situation.emergency else { return }
        var channels: Set<String> = []
        for entry in rules.entries(of: emergency.id, in: situation).reversed()
        where entry.message.purpose == .emergency || entry.message.purpose == .update {
            for delivery in entry.deliveries where delivery.state == .delivered {
                guard case .channel(let channel) = rules.route(delivery.channel),
                    case .alertmanager = channel.kind, channels.insert(channel.name).inserted,
                    let order = deliveryOrder(entry.message, delivery)
                else { continue }
                let carrier = parts.carrier
                let logger = parts.logger
                Task.detached {
                    let outcome = await Self.carry(order, by: carrier)
                    if outcome.end != .delivered {
                        logger.warning("\(channel.name) was not reminded: \(outcome.detail)")
                    }
                }
            }
        }
    }
}
