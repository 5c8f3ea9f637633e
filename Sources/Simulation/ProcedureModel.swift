// What a simulation remembers of procedures and of who agreed to them: worked out from the events, in
// true time, and never by asking the rules.
import Domain
import OrderedCollections
import Rules
import TestKit

/// One procedure, as far as it has come.
struct ProcedureTrack {
    /// As it was started.
    var plan: Procedure
    /// What has run, or may have, and was not taken back, in the plan's order.
    var ran: [StepAddress] = []
    /// Steps that were started, skipped or answered for, and not taken back.
    var touched: Set<StepAddress> = []
    var ends: [StepAddress: StepOutcome.End] = [:]
    var unknowns: [StepAddress: Int] = [:]
    /// Steps that may be started again because a person said so.
    var allowed: Set<StepAddress> = []
    /// How the steps ended for good, in the order they did.
    var log: [(name: String, well: Bool)] = []
    /// Never stopped, taken back, or taken up again after its end.
    var isPlain = true
    var isPaused = false
    var pauseAsked = false
    var isUndoing = false
    var undoFrom = 0
    var undoStarted: Set<StepAddress> = []
    var backedUp = false
    /// How the rollbacks ended that are steps of it.
    var children: [StepAddress: ProcedureState] = [:]

    init(plan: Procedure) { self.plan = plan }

    mutating func insert(_ address: StepAddress) {
        touched.insert(address)
        if ran.contains(address) { return }
        ran.append(address)
        ran.sort { ($0.stage, $0.step) < ($1.stage, $1.step) }
    }
    mutating func remove(_ address: StepAddress) {
        ran.removeAll { $0 == address }
        touched.remove(address)
    }
    /// The step that has to be taken back next.
    var undoNext: StepAddress? { ran.last { $0.stage >= undoFrom } }
}

/// One person's word, by the name that the kernel gave.
struct Word {
    var user: String
    var at: Timestamp
}
struct AskTrack {
    var id: String
    var kind: String
    var parent: String?
    var stages: [ProcedureStage]
    var words: [Word]
    var at: Timestamp
}
/// A rollback rule whose condition holds.
struct RuleTrack {
    var began: Timestamp
    var announced: Timestamp?
    var isVetoed = false
}
struct WatchTrack {
    var until: Timestamp
    var every: Span
    var looked: Timestamp
}

struct ProcedureModel {
    var upSince = Timestamp(milliseconds: 0)
    /// The playbook that waits, and what runs; the last one is what runs.
    var running: [ProcedureTrack] = []
    var ended: [String: ProcedureTrack] = [:]
    var ask: AskTrack?
    var rules: [String: RuleTrack] = [:]
    var triggers: [String: Timestamp] = [:]
    var spent: Set<String> = []
    var watch: WatchTrack?
    var level: Level?
    /// Since when nobody has acknowledged, and the steps of the matrix taken since; nil: somebody has.
    var unheard: (since: Timestamp, taken: Set<Int>)?
    /// When a procedure that changes the service last ended.
    var changedUntil: Timestamp?
    /// A rollback that is neither finished nor taken back.
    var halfDone: String?
    /// When a rollback last ended well, or was taken back.
    var rolledAt: Timestamp?
    /// When the rollback ended well that was not taken back since.
    var stands: Timestamp?
    /// What has to be said before the rules are done with a request.
    var owed: [String] = []
    /// Titles of what was said to somebody because of it.
    var said: [String] = []

    /// Something goes on that is not to be slept through.
    var haste: Bool { !running.isEmpty || ask != nil }

    /// Nobody could veto meanwhile.
    mutating func noteGap(at moment: Timestamp) {
        for name in rules.keys { rules[name]?.announced = nil }
    }

    mutating func endOfBatch() -> String? {
        defer { (owed, said) = ([], []) }
        let silent = owed.filter { what in !said.contains { $0.contains(what) } }
        return silent.isEmpty ? nil : "nobody is told: \(silent)"
    }

    /// Who is obeyed: administrators, and for approvals whoever has a role for it.
    func inspectObedience(
        _ command: Command, _ user: String, _ refused: String?, _ runbook: Runbook
    ) -> String? {
        guard refused == nil else { return nil }
        if case .approveRollback = command { return nil }
        return Directory(runbook).users(of: "administrator").contains(user)
            ? nil : "\(user) was obeyed: \(command)"
    }
}

/// People and roles of a runbook, worked out another way than the rules do.
struct Directory {
    let runbook: Runbook
    init(_ runbook: Runbook) { self.runbook = runbook }

    /// The login names of a role's people.
    func users(of role: String) -> Set<String> {
        var open = [role]
        var seen: Set<String> = []
        var ids: Set<String> = []
        while let name = open.popLast() {
            guard seen.insert(name).inserted else { continue }
            guard let role = runbook.roles.first(where: { $0.name == name }) else { continue }
            ids.formUnion(role.members)
            open += role.includes
        }
        return Set(runbook.people.filter { ids.contains($0.id) && !$0.user.isEmpty }.map(\.user))
    }

    /// Whether these people, one for each place, can give what an authorization needs: every way is
    /// tried.
    func isAuthorised(_ rule: AuthorizationRule, by users: Set<String>) -> Bool {
        let places = rule.needs.flatMap { need in
            Array(repeating: self.users(of: need.role), count: need.count)
        }
        func seat(_ place: Int, _ left: Set<String>) -> Bool {
            guard place < places.count else { return true }
            return places[place].intersection(left).contains { user in
                seat(place + 1, left.subtracting([user]))
            }
        }
        return seat(0, users)
    }
}

/// What a step does when nobody knows whether it ran, as the runbook's contract says.
enum Contract {
    static func mayRunTwice(_ step: Step) -> Bool {
        if step.repeatable || step.check != nil { return true }
        switch step.work {
        case .run, .shell, .redis, .playbook, .action, .undoAction, .rollback: return false
        case .http(let request, _, _): return ["GET", "HEAD"].contains(request.method)
        case .sql(let sql): return sql.query != nil
        case .service, .remove, .restore, .edit, .backup, .restoreDatabase, .restoreBackup,
            .prepareTest, .clearTest, .probe, .notify, .statusPage, .wait, .confirm, .assess,
            .fallback, .calm:
            return true
        }
    }
    static func changesTheService(_ kind: ProcedureKind) -> Bool {
        kind == .recovery || kind == .rollback || kind == .playbook || kind == .service
    }
    /// Whether undoing the step does something in the world.
    static func isTakenBack(_ step: Step) -> Bool {
        step.work.needsRunner && (step.undo != nil || step.work.savesWhatItChanges)
    }
}

/// How a runbook's steps go when each ends as it did: the meaning of `otherwise`, `action`, `playbook`
/// and `undo_action`, told by the nested steps themselves rather than by a plan with guards.
struct Interpreter {
    let runbook: Runbook
    var log: ArraySlice<(name: String, well: Bool)>
    /// What does not fit.
    var trouble: String?

    /// - Returns: whether all went well; nil when the log ends before.
    mutating func all(_ steps: [Step]) -> Bool? {
        for step in steps {
            guard let well = one(step) else { return nil }
            if !well { return false }
        }
        return true
    }
    private mutating func one(_ step: Step) -> Bool? {
        guard let well = attempt(step) else { return nil }
        guard !well, let instead = step.otherwise else { return well }
        return one(Step(name: "\(step.name), otherwise", work: instead))
    }
    private mutating func attempt(_ step: Step) -> Bool? {
        switch step.work {
        case .action(let name):
            return all(runbook.actions.first { $0.name == name }?.steps ?? [])
        case .playbook(let name):
            return all(runbook.playbooks.first { $0.name == name }?.steps ?? [])
        case .undoAction(let name):
            let action = runbook.actions.first { $0.name == name }?.steps ?? []
            return all(
                action.reversed().compactMap { inner in
                    inner.undo.map { Step(name: "\(step.name): \(inner.name)", work: $0) }
                })
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .restoreBackup, .prepareTest, .clearTest, .probe, .notify,
            .statusPage, .wait, .confirm, .assess, .rollback, .fallback, .calm:
            guard let well = take(step.name) else { return nil }
            guard well, let verify = step.verify, !verify.needsRunner else { return well }
            return take("\(step.name): verified")
        }
    }
    private mutating func take(_ name: String) -> Bool? {
        guard let next = log.popFirst() else { return nil }
        if next.name != name { trouble = trouble ?? "“\(next.name)” ran where “\(name)” should" }
        return next.well
    }
}
