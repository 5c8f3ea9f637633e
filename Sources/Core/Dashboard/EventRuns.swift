// Events as they are listed: what repeats itself is one line, with how often.
import Domain
import Wire

enum EventRuns {
    /// Newest first, each with how often it happened in a row. Failures of one delivery are counted
    /// together also where those of others stand between them.
    static func newestFirst(_ events: some BidirectionalCollection<EventReport>) -> [(
        event: EventReport, count: Int
    )] {
        var lines: [(event: EventReport, count: Int)] = []
        /// The first of the failures that the list ends with.
        var block = 0
        for event in events.reversed() {
            guard isFailure(event) else {
                if let last = lines.last, same(last.event, event) {
                    lines[lines.count - 1].count += 1
                } else {
                    lines.append((event, 1))
                }
                block = lines.count
                continue
            }
            if let index = lines[block...].firstIndex(where: { ofOneDelivery($0.event, event) }) {
                lines[index].count += 1
            } else {
                lines.append((event, 1))
            }
        }
        return lines
    }

    /// Whether an attempt to deliver something did not succeed.
    static func isFailure(_ event: EventReport) -> Bool {
        guard event.kind == "delivery-ended" else { return false }
        switch event.tone {
        case .bad, .warning: return true
        case .good, .plain: return false
        }
    }
    private static func ofOneDelivery(_ one: EventReport, _ other: EventReport) -> Bool {
        one.message == nil ? same(one, other) : one.message == other.message
    }
    private static func same(_ one: EventReport, _ other: EventReport) -> Bool {
        one.text == other.text && one.kind == other.kind && one.by == other.by
    }
}
