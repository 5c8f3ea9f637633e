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
        /// Its undoing as far as a stage; it is paused there.
        case itsUndoingToAStage
        /// Its end, or that it waits for a person to tick something.
        case aPersonIsNeeded
        /// The end of recovery: the engine starts a further attempt by itself while one is left.
        case recoveryGivesUp

        var isUndoing: Bool { self == .itsUndoing || self == .itsUndoingToAStage }

        func isWanted(_ state: ProcedureState) -> Bool {
            switch self {
            case .itsEnd, .recoveryGivesUp: state == .succeeded
            case .itsUndoing: state == .undone
            case .itsUndoingToAStage: state == .undone || state == .paused
            case .aPersonIsNeeded: state == .succeeded || state == .waiting
            }
        }
    }
    enum Standing: Equatable {
        case goesOn(ProcedureReport)
        /// It waits for a person, or was paused by one; or a rollback that is a step of it does.
        case needsPerson(ProcedureReport)
        /// A rollback that is a step of it waits for people to agree to it.
        case needsApproval(RequestReport)
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
    /// Attempts in their order, and those of them of which it was said that they failed.
    private var attempts: [String] = []
    private var toldAttempts: Set<String> = []
    /// The last bad end of a step of each procedure, for attempts that are over before they are seen.
    private var badSteps: [String: String] = [:]

    /// An attempt at recovery that did not help, with another one after it.
    enum FailedAttempt: Equatable {
        case whole(ProcedureReport)
        /// It was over too soon to be seen whole.
        case words(String)
    }

    init(id: String, until: Until) {
        self.id = id
        self.until = until
        if until == .recoveryGivesUp { attempts = [id] }
    }

    mutating func take(_ line: StreamLine) {
        if let start = line.start { situation = start.situation }
        if let change = line.change { situation?.apply(change) }
        // The engine says so itself when it tries no more.
        if let event = line.event, event.kind == "auto-recovery-switched", event.by == "engine" {
            gaveUp = true
        }
        if let event = line.event { note(event) }
        guard let core = situation?.core else { return }
        let shown = [
            core.rollback, core.lastProcedure, core.lastTest, core.playbook, core.procedure,
        ]
        for procedure in shown.compactMap(\.self) {
            ended[procedure.id] = procedure.state.isOver ? procedure : nil
        }
        if until == .recoveryGivesUp, let next = core.procedure, next.kind == .recovery {
            id = next.id
            note(attempt: id)
        }
    }

    private mutating func note(_ event: EventReport) {
        guard until == .recoveryGivesUp, event.kind == "step-ended", event.tone == .bad,
            let procedure = event.procedure, Self.kind(procedure) == Self.kind(id)
        else { return }
        badSteps[procedure] = event.text
        note(attempt: procedure)
    }
    private mutating func note(attempt id: String) {
        if !attempts.contains(id) { attempts.append(id) }
    }
    /// What an id begins with: `recovery`.
    private static func kind(_ id: String) -> Substring { id.prefix { $0 != "_" } }

    /// Those that have failed since the last call; not the one that is the end.
    mutating func newlyFailedAttempts() -> [FailedAttempt] {
        let isBetween = standing == .nothingYet
        return attempts.compactMap { attempt in
            guard attempt != id || isBetween, !toldAttempts.contains(attempt) else { return nil }
            let found: FailedAttempt
            if let end = ended[attempt] {
                guard end.state != .succeeded else { return nil }
                found = .whole(end)
            } else {
                guard attempt != id, let text = badSteps[attempt] else { return nil }
                found = .words(text)
            }
            toldAttempts.insert(attempt)
            return found
        }
    }

    var standing: Standing {
        guard let core = situation?.core else { return .nothingYet }
        if let end = ended[id] {
            let triesAgain =
                until == .recoveryGivesUp && end.state != .succeeded && mayTryAgain(core)
            return triesAgain ? .nothingYet : .ended(end)
        }
        if let request = core.request, request.playbook == id { return .needsApproval(request) }
        // A playbook steps aside for the rollback that is a step of it.
        let isAside = core.playbook?.id == id
        guard let running = core.procedure, running.id == id || isAside else {
            return core.procedure == nil && !isAside ? .unknown : .nothingYet
        }
        switch running.state {
        case .paused where until == .itsUndoingToAStage && !isAside: return .ended(running)
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
