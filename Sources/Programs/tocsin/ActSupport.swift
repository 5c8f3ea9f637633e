// What acting commands share: one request, its events printed, and waiting for what it started.
import ArgumentParser
import Domain
import Wire

/// The one JSON document of a command that acts.
struct ActResult: Encodable {
    var events: [EventReport]
    /// Ids of the messages that are on their way because of it.
    var messages: [String]
    @ExplicitNull var procedure: String?
    @ExplicitNull var plan: RollbackReport?
    /// How the procedure ended; null when there is none to wait for.
    @ExplicitNull var result: ProcedureReport?
    /// The request for a rollback that waits for others; null when none does.
    @ExplicitNull var request: RequestReport?

    init(_ answer: CommandAnswer, result: ProcedureReport? = nil) {
        events = answer.events
        messages = answer.messages
        procedure = answer.procedure
        plan = answer.plan
        self.result = result
    }
    /// Of a command about a request: what runs besides is no consequence of it.
    init(_ answer: CommandAnswer, started: String?, request: RequestReport?) {
        self.init(answer)
        procedure = started
        self.request = request
    }
}

extension Session {
    /// Asks the engine for something that is done when it is recorded.
    func act(_ request: CommandRequest) throws -> Int32 {
        var answer = try command(request)
        // What runs besides is no consequence of this.
        answer.procedure = nil
        if common.output == .json {
            try show(json: ActResult(answer))
        } else {
            try tell(
                (answer.events.isEmpty ? [Line("Done.")] : causedLines(answer.events))
                    + Self.onItsWay(answer.messages))
        }
        return 0
    }

    /// Asks for a procedure and waits until it is over.
    /// - Parameter known: the procedure as it stood before; what was over then is no news.
    /// - Returns: 0 when it ended as wanted, 1 when not; with `.check` 2 when not.
    func actAndWait(
        _ request: CommandRequest, _ family: Family = .act,
        until: ProcedureFollower.Until = .itsEnd, known: ProcedureReport? = nil
    ) throws -> Int32 {
        let answer = try command(request)
        // What it started comes first; what that started at once (a playbook's rollback) after it.
        let started = answer.events.first { $0.kind == "procedure-started" }?.procedure
        guard let id = started ?? answer.procedure else {
            try show(ActResult(answer)) { eventLines(answer.events) }
            return 0
        }
        return try follow(answer, id, family, until: until, known: known)
    }

    /// Follows a procedure that an answer speaks of, and says how it ended.
    /// - Returns: as `actAndWait` does.
    func follow(
        _ answer: CommandAnswer, _ id: String, _ family: Family = .act,
        until: ProcedureFollower.Until = .itsEnd, known: ProcedureReport? = nil
    ) throws -> Int32 {
        let end = try ProcedureWatch(session: self, id: id, until: until, known: known).run()
        if common.output == .json { try show(json: ActResult(answer, result: end)) }
        let line = ProcedureText.ending(end)
        if until.isWanted(end.state) {
            if common.output == .text { try tell([line] + ProcedureText.remarks(end)) }
            return 0
        }
        Output.complain(errorPaper.unlimited.render(line))
        if let remedy = ProcedureText.remedy(end) { Output.complain("  \(remedy)") }
        return family == .check ? 2 : 1
    }
}
