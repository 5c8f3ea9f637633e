// Messages, channels and problems in the shapes that front ends read.
import Domain
import OrderedCollections
import Rules
import Wire

extension ReportContext {
    /// Everything in the outbox, and the newest that is over.
    static let settledShown = 60

    var deliveries: [DeliveryReport] {
        (situation.settled.suffix(Self.settledShown) + situation.outbox.values)
            .flatMap { entry in entry.deliveries.map { report($0, entry.message) } }
    }
    /// One of them; nil when it is not known any more.
    func delivery(_ id: String) -> DeliveryReport? {
        situation.delivery(id).map { report($0.1, $0.0.message) }
    }

    /// Messages that were put in the outbox just now, and whom no delivery of them goes to.
    func queued(_ ids: [String]) -> [MessageReport] {
        ids.compactMap { id in
            (situation.outbox[id] ?? situation.settled.last { $0.message.id == id }).map { entry in
                let covered = Set(entry.deliveries.flatMap(\.people))
                return MessageReport(
                    id: id, purpose: entry.message.purpose, people: entry.message.people.map(name),
                    missed: entry.message.people.filter { !covered.contains($0) }.map(name))
            }
        }
    }

    private func report(_ delivery: Delivery, _ message: OutboxMessage) -> DeliveryReport {
        DeliveryReport(
            id: delivery.id, message: message.id, purpose: message.purpose,
            emergency: message.emergency, title: message.title, channel: delivery.channel,
            kind: kind(of: delivery.channel), people: delivery.people.map(name),
            state: delivery.state, attempts: delivery.attempts,
            queuedAt: delivery.queuedAt.rfc3339,
            nextAt: delivery.state == .waiting ? delivery.notBefore.rfc3339 : nil,
            endedAt: delivery.endedAt?.rfc3339, trouble: delivery.trouble,
            receipt: delivery.receipt, mayRepeat: delivery.mayRepeat)
    }

    private func name(_ id: String) -> String { rules.authority.person(id: id)?.name ?? id }

    private func kind(of channel: String) -> String {
        switch rules.route(channel) {
        case .channel(let channel): channel.kind.word
        case .statusPage: "status page"
        case .tickets: "tickets"
        case nil: "gone"
        }
    }

    /// Every channel of the runbook, and how its last attempt went.
    var channels: [ChannelReport] {
        var names = runbook.channels.map(\.name)
        if runbook.statusPage != nil { names.append(OutboxMessage.statusPageChannel) }
        if runbook.tickets != nil { names.append(OutboxMessage.ticketsChannel) }
        let all = (situation.settled + situation.outbox.values).flatMap(\.deliveries)
        return names.map { name in
            let mine = all.filter { $0.channel == name }
            let arrived = mine.filter { $0.state == .delivered }.compactMap(\.endedAt).max()
            let bad = mine.filter { $0.failedAt != nil }
                .max { ($0.failedAt ?? now) < ($1.failedAt ?? now) }
            let failing = bad.flatMap(\.failedAt).map { failed in
                arrived.map { $0 <= failed } ?? true
            }
            return ChannelReport(
                name: name, kind: kind(of: name),
                state: failing == true ? .failing : arrived == nil ? .unused : .works,
                trouble: failing == true ? bad?.failure ?? "" : "",
                deliveredAt: arrived?.rfc3339,
                waiting: mine.filter { $0.state == .waiting }.count)
        }
    }

    var outbox: OutboxReport {
        var report = OutboxReport()
        for delivery in situation.outbox.values.flatMap(\.deliveries) {
            switch delivery.state {
            case .waiting:
                report.waiting += 1
                if !delivery.trouble.isEmpty { report.retrying += 1 }
            case .sending: report.sending += 1
            case .dead: report.dead += 1
            case .delivered, .dropped: break
            }
        }
        for delivery in situation.settled.flatMap(\.deliveries) where delivery.state == .dead {
            report.dead += 1
        }
        return report
    }

    func told(of emergency: Emergency) -> [ToldReport] {
        rules.told(of: emergency, in: situation).map { standing in
            let state: ToldReport.State =
                switch standing.state {
                case .told: .told
                case .waiting: .waiting
                case .failing: .failing
                case .unreachable: .unreachable
                }
            return ToldReport(
                person: name(standing.id), state: state, channel: standing.channel,
                at: standing.at?.rfc3339, trouble: standing.trouble)
        }
    }

    var problems: [ProblemReport] {
        situation.reported.map { kind, problem in
            ProblemReport(
                kind: kind, text: problem.text, by: problem.by, at: problem.at.rfc3339,
                alerts: problem.alerts.count)
        }
    }
}
