// The keys of what runs, waits or is over: pause, go on, answer, undo, stop, approve, veto.
import Domain
import Screen
import Wire

extension Keymap {
    private static let places: Set<Page> = [.rollback, .recovery, .backups]

    static let procedures: [Binding] = [
        Binding(
            key: .enter, name: "approve-rollback", hint: "read and approve",
            text: "Read the plan of the request that waits, and approve it by the service's name",
            pages: [.rollback], urgent: { Why.notToApprove($0) == nil },
            refusal: Why.notToApprove, act: { $0.openApproval() }),
        Binding(
            key: .character("v"), name: "veto-rollback", hint: "veto",
            text: "Say no to a rollback that starts by itself, or that somebody has asked for",
            urgent: { Why.nothingToVeto($0) == nil }, refusal: Why.nothingToVeto,
            act: { $0.veto() }),
        Binding(
            key: .character("o"), name: "step-was-done", hint: "it is done",
            text: "Of the step that waits for an answer: it is done, go on after it",
            pages: places,
            urgent: { Why.nothingWaits($0) == nil }, refusal: Why.nothingWaits,
            act: { $0.send(CommandRequest(command: "resolve-step", name: "done")) }),
        Binding(
            key: .character("c"), name: "resume-rollback", hint: "continue",
            word: { model in
                Why.nothingWaits(model) == nil
                    ? "run it again" : model.core?.procedure == nil ? "try it again" : nil
            },
            text: "Go on with what is paused or failed; a step that nobody knows about runs again",
            pages: places,
            urgent: { Why.notToResume($0) == nil },
            refusal: Why.notToResume,
            act: { model in
                guard Why.nothingWaits(model) == nil else {
                    return model.send(CommandRequest(command: "resume-rollback"))
                }
                return model.send(CommandRequest(command: "resolve-step", name: "again"))
            }),
        Binding(
            key: .character("p"), name: "pause-rollback", hint: "pause after this step",
            text: "Stop after the step that is running", pages: places,
            refusal: Why.notToPause, act: { $0.send(CommandRequest(command: "pause-rollback")) }),
        Binding(
            key: .character("u"), name: "undo-rollback", hint: "undo",
            text: "Take back what was done, the last step first: all of it, or back to a stage",
            pages: places, refusal: Why.notToUndo, act: { $0.askToUndo() }),
        Binding(
            key: .character("s"), name: "stop-procedure", hint: "stop it",
            text: "End what is paused or waits and is no rollback; what it did stays done",
            pages: places, refusal: Why.notToStop, act: { $0.askToStop() }),
        Binding(
            key: .character("l"), name: "full-log", hint: "full log",
            text: "The output over the whole screen, and back", pages: [.rollback],
            refusal: {
                $0.anyRollback == nil || $0.shownRequest != nil ? "there is no rollback" : nil
            },
            act: { model in
                model.rollback.fullLog.toggle()
                return []
            }),
        Binding(
            key: .character("T"), name: "show-other", hint: "the other one",
            text: "Between the last rollback and the last test of it", pages: [.rollback],
            refusal: Why.noOther,
            act: { model in
                model.rollback.showsOther.toggle()
                model.rollback.scroll = 0
                model.rollback.firstStage = nil
                return []
            }),
        Binding(
            key: .down, also: [.character("j")], label: "↑↓", name: "scroll-down", hint: "",
            text: "Scroll the stages where they are cut, else the output, or a request's plan",
            pages: [.rollback], act: { $0.scrollRollback(by: 1) }),
        Binding(
            key: .up, also: [.character("k")], label: "", name: "scroll-up", hint: "", text: "",
            pages: [.rollback], act: { $0.scrollRollback(by: -1) }),
    ]
}

extension Model {
    mutating func askToStop() -> [Effect] {
        guard let procedure = core?.procedure else { return [] }
        sheet = .confirm(
            ConfirmState(
                title: "Stop: \(procedure.title)",
                danger: "It ends as failed where it is; what it has done stays done",
                steps: [],
                request: CommandRequest(command: "stop-procedure", procedure: procedure.id),
                verb: "stops"))
        return []
    }
}

extension Why {
    /// Paused: goes on. Failed: the rollback's failed step is tried again. Waiting: the step that
    /// nobody knows about runs again.
    static func notToResume(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let procedure = model.core?.procedure else {
            return model.core?.rollback?.state == .failed
                ? nil : "nothing is paused, and no rollback has failed"
        }
        switch procedure.state {
        case .paused: return nil
        case .waiting:
            return procedure.waitsToBeTicked ? "a person has to do it; o says that it is done" : nil
        case .running: return procedure.pauses ? nil : "it is running; p pauses it"
        case .undoing: return "it is being undone"
        case .succeeded, .failed, .undone: return "it is over"
        }
    }
    static func notToPause(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let procedure = model.core?.procedure else { return "nothing is running" }
        switch procedure.state {
        case .running: return procedure.pauses ? "it pauses after this step; c lets it go on" : nil
        case .paused: return "it is paused; c goes on"
        case .waiting: return "it waits already: \(procedure.message)"
        case .undoing: return "it is being undone"
        case .succeeded, .failed, .undone: return "it is over"
        }
    }
    static func notToUndo(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let target = model.undoTarget else {
            if model.core?.rollback?.state == .undone { return "it was undone" }
            return "there is no rollback or restore to take back"
        }
        // Beside another list, one letter must not mean a rollback.
        if model.page == .recovery || model.page == .backups, target.home != model.page {
            return "\(target.title) is taken back on screen \(target.home.rawValue)"
        }
        switch target.state {
        case .paused, .waiting, .failed, .succeeded: return nil
        case .running: return "\(target.title) is running; p pauses it first"
        case .undoing: return "it is being undone already"
        case .undone: return "it was undone"
        }
    }
    static func notToStop(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let procedure = model.core?.procedure else { return "nothing is running" }
        if procedure.kind == .rollback, !procedure.testMode {
            return "a rollback is never just stopped half way: p pauses it, u takes it back"
        }
        switch procedure.state {
        case .paused, .waiting: return nil
        case .running: return "it is running; p pauses it first"
        case .undoing: return "it is being undone"
        case .succeeded, .failed, .undone: return "it is over"
        }
    }
    static func nothingWaits(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        return model.core?.procedure?.state == .waiting ? nil : "nothing waits for an answer"
    }
    static func nothingToVeto(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        if model.core?.request != nil { return nil }
        let pending = model.proposals.contains { $0.kind == "rollback" && $0.runsAt != nil }
        return pending
            ? nil : "no rollback is asked for, and none is about to start by itself"
    }
    /// Whether this person's word would count for the request that waits.
    static func notToApprove(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let request = model.core?.request else { return "no rollback waits for an approval" }
        let user = model.you?.user ?? ""
        if request.missing.isEmpty {
            return "enough people have agreed; it starts when nothing else runs"
        }
        if request.by == user {
            return "you asked for it, and nobody counts twice; ask \(request.missing)"
        }
        if request.approvals.contains(where: { $0.user == user }) {
            return "you have agreed already; ask \(request.missing)"
        }
        return request.candidates.contains(user)
            ? nil : "your word does not count for it; ask \(request.missing)"
    }
    static func noOther(_ model: Model) -> String? {
        guard model.runningRollback == nil, model.shownRequest == nil, model.core?.rollback != nil,
            model.core?.lastTest != nil
        else { return "there is no other rollback to show" }
        return nil
    }
}
