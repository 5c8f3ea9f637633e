// What became of a request for a rollback, worked out from the lines of the stream alone.
import Domain
import Wire

struct RequestFollower {
    enum Standing: Equatable {
        /// Nothing was heard yet.
        case nothingYet
        case waits(RequestReport)
        case started(ProcedureReport)
        /// Why there is no rollback, in words.
        case over(String)
    }

    private let id: String
    /// Login name of the asker, and when they asked; RFC 3339.
    private let by: String
    private let at: String
    private var core: SituationCore?
    private var started: ProcedureReport?
    private var why = "it is over"

    init(id: String, by: String, at: String) {
        self.id = id
        self.by = by
        self.at = at
    }

    mutating func take(_ line: StreamLine) {
        if let start = line.start {
            core = start.situation.core
            start.events.forEach { note($0) }
        }
        if let change = line.change?.core { core = change }
        if let event = line.event { note(event) }
        guard let core, core.request?.id != id else { return }
        // Of the rollbacks, the one that this person asked for, and that began after they did.
        started =
            [core.procedure, core.rollback].compactMap(\.self).first {
                $0.kind == .rollback && !$0.testMode && $0.startedBy == by && began($0)
            } ?? started
    }

    private func began(_ procedure: ProcedureReport) -> Bool {
        guard let asked = Timestamp(rfc3339: at),
            let start = Timestamp(rfc3339: procedure.startedAt)
        else { return false }
        return start >= asked
    }

    private mutating func note(_ event: EventReport) {
        guard event.kind == "rollback-request-ended", began(event) else { return }
        why = event.text
    }
    private func began(_ event: EventReport) -> Bool {
        guard let asked = Timestamp(rfc3339: at), let moment = Timestamp(rfc3339: event.at) else {
            return false
        }
        return moment >= asked
    }

    var standing: Standing {
        guard let core else { return .nothingYet }
        if let request = core.request, request.id == id { return .waits(request) }
        return started.map { .started($0) } ?? .over(why)
    }
}
