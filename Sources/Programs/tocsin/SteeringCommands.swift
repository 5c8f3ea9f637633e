// What is done to a procedure on its way: pause, go on, take back, end, and answer for a step.
import ArgumentParser
import Dashboard
import Domain
import Wire

struct PauseRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "pause-rollback", "Stops the running procedure after the step that runs.",
        ("tocsin pause-rollback", "wait there"),
        ("tocsin resume-rollback", "and go on"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "pause-rollback"))
        }
    }
}

struct ResumeRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "resume-rollback", "Goes on with a procedure that was paused, or a rollback that failed.",
        "The step that failed is tried again. Exit status 0 when it succeeded, 1 when not.",
        ("tocsin resume-rollback", "go on, and wait for the end"),
        ("tocsin resume-rollback --output json", "the end as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            let core = try session.situation().core
            return try session.actAndWait(
                CommandRequest(command: "resume-rollback"), known: core.procedure ?? core.rollback)
        }
    }
}

struct UndoRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "undo-rollback", "Takes a rollback back, step by step, from its last.",
        """
        Of a rollback that is over, paused, waiting or failed; also of a restored backup. With \
        --to-stage, that stage and those after it are taken back, and it is paused there. On a terminal \
        the steps are shown and it asks; --confirm does it without asking, as a script does. Exit \
        status 0 when every step was taken back, 1 when not.
        """,
        ("tocsin undo-rollback", "all of it"),
        ("tocsin undo-rollback --to-stage \"Database rollback\"", "a part"))
    @Option(help: ArgumentHelp("Back to before this stage.", valueName: "name"))
    var toStage: String?
    @Flag(help: "Do it without asking.")
    var confirm = false
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            let target = try session.situation().core.undoTarget
            if !confirm, Asking.isPossible { try ask(target, session) }
            return try session.actAndWait(
                CommandRequest(command: "undo-rollback", stage: toStage),
                until: toStage == nil ? .itsUndoing : .itsUndoingToAStage, known: target)
        }
    }

    /// What the engine refuses anyhow is not asked about.
    /// - Throws: `Failure` unless a person says yes.
    private func ask(_ target: ProcedureReport?, _ session: Session) throws {
        guard let target, target.state != .running, target.state != .undoing,
            let text = UndoText(target, toStage: toStage)
        else { return }
        let asking = Asking(session: session)
        asking.show(text.lines)
        try asking.yes("Take it back?", rule: "undo-confirmation")
    }
}

struct VetoRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "veto-rollback", "Ends a request for a rollback, or keeps one from starting by itself.",
        ("tocsin veto-rollback", "no rollback now"),
        ("tocsin veto-rollback --reason \"it is mended\"", "and why"))
    @Option(name: [.long, .customLong("message")], help: "Why.")
    var reason: String?
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "veto-rollback", reason: reason))
        }
    }
}

struct StopProcedure: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "stop-procedure", "Ends what is paused or waits; what it had done stays done.",
        "A rollback is never just stopped: it is resumed or undone.",
        ("tocsin stop-procedure", "end it there"),
        ("tocsin stop-procedure --reason \"done another way\"", "and why"))
    @Option(name: [.long, .customLong("message")], help: "Why.")
    var reason: String?
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "stop-procedure", reason: reason))
        }
    }
}

struct ResolveStep: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "resolve-step", "Ticks a step that a person does, or says what became of an unknown one.",
        ("tocsin resolve-step done", "it was done: go on"),
        ("tocsin resolve-step again", "run it again"))
    enum Answer: String, ExpressibleByArgument, CaseIterable { case done, again }
    @Argument(help: "done or again.")
    var answer: Answer
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            let status = try session.act(
                CommandRequest(command: "resolve-step", name: answer.rawValue))
            if common.output == .text { try tellNext(session) }
            return status
        }
    }

    /// The next thing to tick, if there is one at once.
    private func tellNext(_ session: Session) throws {
        guard let next = try session.situation().core.procedure, next.state == .waiting else {
            return
        }
        try session.tell([Line("Next: ", .quiet) + (next.message, .strong)])
    }
}
