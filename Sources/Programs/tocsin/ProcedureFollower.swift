// Where a procedure stands, worked out from the lines of the stream alone.
import Domain
import Wire

struct ProcedureFollower {
    /// What is waited for.
    enum Until {
        /// The end of the one procedure.
        case itsEnd
        /// Its undoing.
        case itsUndoing
        /// The end of recovery: the engine starts a further attempt by itself while one is left.
        case recoveryGivesUp

        var wanted: ProcedureState { self == .itsUndoing ? .undone : .succeeded }
    }
    enum Standing: Equatable {
        case goesOn(ProcedureReport)
        /// It waits for a person, or was paused by one.
        case needsPerson(ProcedureReport)
        case ended(ProcedureReport)
        /// Between two attempts, or nothing was heard yet.
        case nothingYet
        /// The engine does not know it.
        case unknown
    }

    /// The procedure that is followed; with `recoveryGivesUp` the newest attempt.
    private(set) var id: String
    let until: Until
    private var situation: SituationReport?
    /// Kept, for a later procedure may take its place in the situation.
    private var ended: [String: ProcedureReport] = [:]
    private var gaveUp = false

    init(id: String, until: Until) {
        self.id = id
        self.until = until
    }

    mutating func take(_ line: StreamLine) {
        if let start = line.start { situation = start.situation }
        if let change = line.change { situation?.apply(change) }
        // The engine says so itself when it tries no more.
        if let event = line.event, event.kind == "auto-recovery-switched", event.by == "engine" {
            gaveUp = true
        }
        guard let core = situation?.core else { return }
        for procedure in [core.rollback, core.lastProcedure, core.procedure].compactMap(\.self) {
            ended[procedure.id] = procedure.state.isOver ? procedure : nil
        }
        if until == .recoveryGivesUp, let next = core.procedure, next.kind == .recovery {
            id = next.id
        }
    }

    var standing: Standing {
        guard let core = situation?.core else { return .nothingYet }
        if let end = ended[id] {
            let triesAgain =
                until == .recoveryGivesUp && end.state != .succeeded && mayTryAgain(core)
            return triesAgain ? .nothingYet : .ended(end)
        }
        guard let running = core.procedure, running.id == id else {
            return core.procedure == nil ? .unknown : .nothingYet
        }
        switch running.state {
        case .waiting, .paused: return .needsPerson(running)
        case .running, .undoing, .succeeded, .failed, .undone: return .goesOn(running)
        }
    }

    private func mayTryAgain(_ core: SituationCore) -> Bool {
        if core.procedure != nil { return true }
        guard let emergency = core.emergency else { return false }
        return !gaveUp && emergency.recoveryAttempts < emergency.maxRecoveryAttempts
    }
}
