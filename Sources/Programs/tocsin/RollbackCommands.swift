// Rolling back: the plan, its confirmation, and what is done to a rollback on its way.
import ArgumentParser
import Domain
import Wire

#if canImport(Glibc)
    import Glibc
#endif

struct Rollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "rollback", "Takes the service back to its legacy system.",
        """
        On a terminal the plan is shown and the service's name asked for; a script says --confirm. \
        With --dry-run every step says what it would do now, and nothing is changed: exit status 0 \
        when nothing would fail, 1 when something would. Once started, a rollback goes on without this \
        command, also when the engine is killed and started again.
        """,
        ("tocsin rollback --dry-run", "what would happen"),
        ("tocsin rollback --confirm --reason \"recovery failed\"", "do it, from a script"))
    @Flag(help: "Do it without asking.")
    var confirm = false
    @Flag(help: "Say what every step would do; change nothing.")
    var dryRun = false
    @Flag(help: "Into the runbook's test system, if it has one.")
    var testMode = false
    @Option(
        name: [.long, .customLong("message")],
        help: "Why; otherwise the reason of the open emergency.")
    var reason: String?
    @Option(help: "emergency, planned, security or maintenance; otherwise what fits the situation.")
    var authorization: String?
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if confirm && dryRun { throw ValidationError("--confirm and --dry-run exclude each other") }
    }

    func run() throws {
        try reporting(.act, common) { session in
            if dryRun {
                let plan = try session.dryRun()
                try session.show(plan) { PlanText(plan).lines }
                return plan.ready == true ? 0 : 1
            }
            let service = try session.situation().core.service
            let plan: RollbackReport = try session.read("/v1/rollback/plan")
            if !confirm { try ask(service, plan, session) }
            return try session.actAndWait(
                CommandRequest(
                    command: "rollback", reason: reason, authorization: authorization,
                    confirmation: service, plan: plan.hash, testMode: testMode ? true : nil))
        }
    }

    /// - Throws: `Failure` unless a person types the service's name.
    private func ask(_ service: String, _ plan: RollbackReport, _ session: Session) throws {
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1, common.output == .text else {
            throw Failure(
                .usage, rule: "rollback-confirmation", why: "a rollback must be confirmed",
                remedy: "Say --confirm, or --dry-run to see what would happen.")
        }
        for line in PlanText(plan).lines { Output.complain(session.errorPaper.render(line)) }
        Output.write("\nType the service's name to roll back (\(service)): ", to: STDERR_FILENO)
        guard readLine(strippingNewline: true) == service else {
            throw Failure(
                .refused, rule: "rollback-confirmation",
                why: "the service's name was not typed; nothing was done",
                remedy: "Type \(service), or say --confirm.")
        }
    }
}

extension Session {
    /// Asks every step what it would do now.
    func dryRun() throws -> RollbackReport {
        let request = CommandRequest(command: "rollback", dryRun: true)
        // Each step's check may take its time.
        let answer = try command(request, timeout: .minutes(10))
        guard let plan = answer.plan else {
            throw Failure(
                .failed, rule: "bad-answer", why: "the engine's dry run has no plan",
                remedy: "Use the tocsin of the engine's version.")
        }
        return plan
    }
}

/// The plan of a rollback on a page.
struct PlanText {
    let plan: RollbackReport
    init(_ plan: RollbackReport) { self.plan = plan }

    var lines: [Line] {
        var lines = [Line("Rollback to \(plan.to)", .strong), times]
        for stage in plan.stages {
            lines.append(Line(stage.name, .strong))
            lines += table(stage.steps.map(row), indent: "  ")
        }
        lines += plan.authorizations.map { authorization in
            Line("Authorization \(authorization.kind): needs \(authorization.needs)")
                + (
                    authorization.people.isEmpty
                        ? "" : " (\(authorization.people.joined(separator: ", ")))", .quiet
                )
                + (authorization.refused.map { "; refused now: \($0)" } ?? "", .warning)
        }
        if let ready = plan.ready {
            lines.append(
                ready ? Line("● Nothing would fail.", .good) : Line("✖ Something would fail.", .bad)
            )
        }
        return lines
    }

    private var times: Line {
        var parts = ["target \(Words.length(.seconds(plan.targetSeconds)))"]
        if let expected = plan.expectedSeconds {
            parts.insert("about \(Words.length(.seconds(expected)))", at: 0)
        }
        parts.append(plan.lastBackup.map { "last backup \($0)" } ?? "no backup yet")
        return Line(parts.joined(separator: " · "), .quiet)
    }

    private func row(_ step: PlannedStepReport) -> [(String, Ink)] {
        var note = step.forecast ?? ""
        if !step.undoable { note += (note.isEmpty ? "" : " · ") + "cannot be undone" }
        let bad = step.forecast?.hasPrefix("would fail") ?? false
        return [(step.name, .plain), (step.command, .quiet), (note, bad ? .bad : .warning)]
    }
}

struct VerifyRollbackReady: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "verify-rollback-ready", "Says whether a rollback would succeed now; changes nothing.",
        "Exit status: 0 ready, 2 a step would fail, 3 unknown.",
        ("tocsin verify-rollback-ready", "before it is needed"),
        ("tocsin verify-rollback-ready --output json", "every step as JSON"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.check, common) { session in
            let plan = try session.dryRun()
            try session.show(plan) {
                let failing = plan.stages.flatMap(\.steps).filter {
                    $0.forecast?.hasPrefix("would fail") ?? false
                }
                if plan.ready == true { return [Line("● Ready to roll back to \(plan.to)", .good)] }
                return [Line("✖ Not ready to roll back to \(plan.to)", .bad)]
                    + table(
                        failing.map { [($0.name, .strong), ($0.forecast ?? "", .plain)] },
                        indent: "  ")
            }
            return plan.ready == true ? 0 : 2
        }
    }
}

struct TestRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "test-rollback", "The dry run of the rollback, as a check.",
        "Exit status: 0 nothing would fail, 2 something would, 3 unknown.",
        ("tocsin test-rollback --dry-run", "every step"),
        ("tocsin test-rollback --dry-run --output json", "as JSON"))
    @Flag(help: "There is no other way yet; accepted so that the procedure's line works as it is.")
    var dryRun = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !dryRun { throw ValidationError("say --dry-run: there is no other test yet") }
    }
    func run() throws {
        try reporting(.check, common) { session in
            let plan = try session.dryRun()
            try session.show(plan) { PlanText(plan).lines }
            return plan.ready == true ? 0 : 2
        }
    }
}

struct VerifyRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "verify-rollback", "Says whether the last rollback succeeded, and still holds.",
        "Exit status: 0 it did and does, 1 a probe of it is degraded, 2 it failed, 3 there was none.",
        ("tocsin verify-rollback", "after a rollback"),
        ("tocsin verify-rollback --output json", "its stages as JSON"))
    @OptionGroup var common: CommonOptions

    struct Answer: Encodable {
        var state: Health
        var rollback: ProcedureReport
        /// Probes that the rollback looked at, and that do not hold now.
        var failing: [String]
    }

    func run() throws {
        try reporting(.check, common) { session in
            let situation = try session.situation()
            guard let rollback = situation.core.rollback else {
                throw Failure(
                    .failed, rule: "no-rollback", why: "there was no rollback",
                    remedy: "Nothing to verify.")
            }
            let answer = Self.answer(rollback, in: situation)
            try session.show(answer) {
                [ProcedureText.ending(rollback)]
                    + answer.failing.map { Line("  ✖ \($0) does not hold now", .bad) }
            }
            return answer.state.status
        }
    }

    static func answer(_ rollback: ProcedureReport, in situation: SituationReport) -> Answer {
        let looked = Set(
            rollback.stages.flatMap(\.steps).filter { $0.kind == "probe" }
                .flatMap { $0.command.split(separator: " ").map(String.init) })
        var states: [Health] = []
        var failing: [String] = []
        for component in situation.components {
            for probe in component.probes where looked.contains("\(component.name).\(probe.name)") {
                states.append(probe.state)
                if probe.state != .healthy { failing.append("\(component.name).\(probe.name)") }
            }
        }
        let state: Health
        switch rollback.state {
        case .succeeded: state = Health.worst(states) ?? .healthy
        case .failed, .undone: state = .failed
        case .running, .waiting, .paused, .undoing: state = .unknown
        }
        return Answer(state: state, rollback: rollback, failing: failing)
    }
}

struct PauseRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "pause-rollback", "Stops the running rollback after the step that runs.",
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
        "resume-rollback", "Goes on with a rollback that was paused or has failed.",
        ("tocsin resume-rollback", "go on, and wait for the end"),
        ("tocsin resume-rollback --output json", "the end as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            try session.actAndWait(CommandRequest(command: "resume-rollback"))
        }
    }
}

struct UndoRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "undo-rollback", "Takes a rollback back, step by step, from its last.",
        "Exit status 0 when every step was taken back, 1 when not.",
        ("tocsin undo-rollback", "take it back, and wait for the end"),
        ("tocsin undo-rollback --output json", "the end as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            try session.actAndWait(
                CommandRequest(command: "undo-rollback"), until: .itsUndoing)
        }
    }
}

struct VetoRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "veto-rollback", "Keeps a rollback that is about to start by itself from doing so.",
        ("tocsin veto-rollback", "not by itself"),
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

struct ResolveStep: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "resolve-step", "Says of a step that may or may not have run what is to be done.",
        ("tocsin resolve-step done", "it was done: go on"),
        ("tocsin resolve-step again", "run it again"))
    enum Answer: String, ExpressibleByArgument, CaseIterable { case done, again }
    @Argument(help: "done or again.")
    var answer: Answer
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            try session.act(CommandRequest(command: "resolve-step", name: answer.rawValue))
        }
    }
}
