// What happened to messages, alerts, shifts and clocks, in words.
import Domain

extension Rules {
    func outboxSentence(_ event: OutboxEvent, _ situation: Situation) -> Sentence {
        switch event {
        case .queued(let message, let deliveries):
            queuedSentence(message, deliveries)
        case .added(let delivery):
            Sentence("trying \(way(delivery)) instead", .warning)
        case .started(let id, let attempt):
            Sentence(
                "sending by \(way(id, situation))" + (attempt > 1 ? " (attempt \(attempt))" : ""))
        case .ended(let id, let attempt, let outcome):
            endedSentence(way(id, situation), attempt, outcome)
        case .interrupted(let id):
            Sentence(
                "\(way(id, situation)) was being sent when the engine ended: it is sent again"
                    + (tells(id, situation) ? "" : ", and may arrive twice"), .warning)
        case .dropped(let id, let why):
            Sentence("\(way(id, situation)) not needed any more: \(why)")
        case .dead(let id, let why):
            Sentence("\(way(id, situation)) given up: \(why)", .bad)
        case .revived(let id, let by):
            Sentence("\(way(id, situation)) is tried again", by: by)
        case .dismissed(let id, let by):
            Sentence("\(way(id, situation)) dismissed", by: by)
        }
    }

    private func queuedSentence(_ message: OutboxMessage, _ deliveries: [Delivery]) -> Sentence {
        let ways = deliveries.map(way)
        let covered = Set(deliveries.flatMap(\.people))
        let missed = message.people.filter { !covered.contains($0) }
        let title = "“\(message.title)”"
        if ways.isEmpty {
            let whom = missed.isEmpty ? "nobody in particular" : names(missed)
            return Sentence(
                "\(title) cannot be sent: no channel reaches \(whom)", .bad, by: message.by)
        }
        return Sentence(
            "\(title) goes out by \(authority.list(ways, "and"))"
                + (missed.isEmpty ? "" : "; no channel reaches \(names(missed))"),
            missed.isEmpty ? .plain : .bad, by: message.by)
    }

    private func endedSentence(
        _ way: String, _ attempt: Int, _ outcome: DeliveryOutcome
    ) -> Sentence {
        let detail = outcome.detail.isEmpty ? "" : ": \(outcome.detail)"
        switch outcome.end {
        case .delivered: return Sentence("\(way) delivered\(detail)", .good)
        case .failed: return Sentence("\(way) failed, attempt \(attempt)\(detail)", .warning)
        case .unclear:
            return Sentence(
                "\(way) may or may not have arrived, attempt \(attempt)\(detail)", .warning)
        case .refused: return Sentence("\(way) was refused\(detail)", .bad)
        }
    }

    private func tells(_ id: String, _ situation: Situation) -> Bool {
        situation.delivery(id).map { tellsRepeats($0.1.channel) } ?? false
    }
    private func way(_ id: String, _ situation: Situation) -> String {
        situation.delivery(id).map { way($0.1) } ?? id
    }
    /// `mail to Ines Moreau`.
    private func way(_ delivery: Delivery) -> String {
        let channel =
            switch delivery.channel {
            case OutboxMessage.statusPageChannel: "status page"
            case OutboxMessage.ticketsChannel: "ticket"
            default: delivery.channel
            }
        return delivery.people.isEmpty ? channel : "\(channel) to \(names(delivery.people))"
    }

    func otherSentence(_ event: Event) -> Sentence {
        switch event {
        case .alertFired(let problem, _, let text, let by):
            Sentence(
                "an alert reports \(problem)" + (text.isEmpty ? "" : ": \(text)"), .bad, by: by)
        case .alertResolved(let problem, _, let by):
            Sentence("an alert of \(problem) is resolved", .good, by: by)
        case .lineSet(let line, let by):
            if let line {
                Sentence("dashboards say \(line.status): \(line.message)", by: by)
            } else {
                Sentence("dashboards say nothing any more", by: by)
            }
        case .onCallOverridden(let override, let by):
            Sentence(
                "\(names([override.person])) is on call as \(override.role) from "
                    + "\(override.from.spoken) to \(override.until.spoken)", by: by)
        case .onCallOverrideEnded(let id, let by):
            Sentence("on-call override \(id) ended", by: by)
        case .alertsConfigured(let alerts, let by):
            Sentence(
                alerts.isEmpty
                    ? "no addresses beside the matrix are told any more"
                    : "told beside the matrix: "
                        + (alerts.email + alerts.sms + alerts.webhook.map { host(of: $0) })
                        .joined(separator: ", "), by: by)
        case .fallbacksDue(let names, let enable):
            Sentence(
                enable
                    ? "the level asks for \(authority.list(names, "and"))"
                    : "the emergency is over: \(authority.list(names, "and")) no longer needed")
        case .gapNoticed(let from, let to, let why):
            Sentence(
                "nothing was watched from \(from.spoken) to \(to.spoken) (\(why)); "
                    + "what fell due meanwhile is done now, once", .warning)
        case .clockStepped(let seconds):
            Sentence(
                "the machine's clock was set \(seconds < 0 ? "back" : "forward") by "
                    + "\(Span(seconds: abs(seconds)).spelled); every clock that runs goes on",
                .warning)
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .emergencyActivated, .triggerJoined, .levelChanged,
            .acknowledged, .deactivated, .escalated, .notified, .noted, .fallbackSwitched,
            .procedureStarted, .stepStarted, .stepEnded, .pauseRequested, .procedurePaused,
            .procedureWaits, .procedureResumed, .stepResolved, .undoStarted, .procedureEnded,
            .stepSkipped, .procedureStopped, .rollbackRequested, .rollbackApproved,
            .rollbackRequestEnded,
            .rollbackAnnounced, .watchBegan, .watchLooked, .watchProblem, .watchEnded,
            .recoveryOverdue,
            .backupTaken, .rollbackVetoed, .autoRecoverySwitched, .acknowledgementExpired,
            .handedOver, .reopened, .outbox:
            Sentence("")
        }
    }

    /// A webhook's address may hold a token; its host does not.
    private func host(of url: String) -> String {
        let parts = url.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count > 2 ? String(parts[2].prefix { $0 != "?" }) : "a webhook"
    }
}
