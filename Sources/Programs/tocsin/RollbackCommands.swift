// Rolling back: the plan, its confirmation, and those who have to agree to it.
import ArgumentParser
import Domain
import Wire

struct Rollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "rollback", "Takes the service back to its legacy system.",
        """
        On a terminal the plan is shown and the service's name asked for; a script says --confirm. \
        With --dry-run every step says what it would do now, and nothing is changed: exit status 0 \
        when nothing would fail, 1 when something would. With --test-mode the whole rollback is done \
        to copies, and timed; the service goes on.

        Where others have to agree, the request is recorded, standard error says whom to ask, and the \
        exit status is 4; with --wait it waits for them (30 minutes at most) and then for the end. Once \
        started, a rollback goes on without this command, also when the engine is killed and started \
        again.
        """,
        ("tocsin rollback --dry-run", "what would happen"),
        ("tocsin rollback --confirm --reason \"recovery failed\"", "do it, from a script"))
    @Flag(help: "Do it without asking.")
    var confirm = false
    @Flag(help: "Say what every step would do; change nothing.")
    var dryRun = false
    @Flag(help: "To copies, with the runbook's stand-ins; the service goes on.")
    var testMode = false
    @Option(
        name: [.long, .customLong("message")],
        help: "Why; otherwise the reason of the open emergency.")
    var reason: String?
    @Option(help: "emergency, planned, security or maintenance; otherwise what fits the situation.")
    var authorization: String?
    @Option(help: ArgumentHelp("Only if the plan is still this one.", valueName: "hash"))
    var plan: String?
    @Flag(help: "Wait until those who have to agree have done so.")
    var wait = false
    @Flag(help: "Also where a rollback of the last day still stands.")
    var again = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if confirm && dryRun { throw ValidationError("--confirm and --dry-run exclude each other") }
        if testMode && dryRun {
            throw ValidationError(
                "--test-mode and --dry-run exclude each other: one does, one asks")
        }
        if testMode && authorization != nil {
            throw ValidationError("--test-mode needs no --authorization")
        }
    }

    func run() throws {
        try reporting(.act, common) { session in
            let shown: RollbackReport = try session.read("/v1/rollback/plan")
            try Self.check(authorization, shown)
            if dryRun {
                let plan = try session.dryRun()
                try session.show(plan) { PlanText(plan).lines }
                return plan.ready == true ? 0 : 1
            }
            let core = try session.situation().core
            if !confirm { try ask(core, shown, session) }
            return try session.rollBack(
                CommandRequest(
                    command: "rollback", reason: reason, authorization: authorization,
                    confirmation: core.service, plan: PlanText.whole(plan, shown.hash),
                    testMode: testMode ? true : nil, again: again ? true : nil), waits: wait)
        }
    }

    /// - Throws: `Failure` (usage) for an authorization that the runbook does not have.
    static func check(_ authorization: String?, _ plan: RollbackReport) throws {
        let known = plan.authorizations.map(\.kind)
        guard let authorization, !known.contains(authorization) else { return }
        throw Failure(
            .usage, rule: "rollback-authorization",
            why: "the runbook has no “\(Visible.text(authorization, limit: 60))” authorization",
            remedy: "Choose one of: \(known.joined(separator: ", "))")
    }

    /// - Throws: `Failure` unless a person types the service's name.
    private func ask(_ core: SituationCore, _ plan: RollbackReport, _ session: Session) throws {
        guard Asking.isPossible, common.output == .text else {
            throw Failure(
                .usage, rule: "rollback-confirmation", why: "a rollback must be confirmed",
                remedy: "Say --confirm, or --dry-run to see what would happen.")
        }
        var lines = PlanText(plan, testMode: testMode).lines
        if let request = core.request, !testMode { lines += [Line()] + RequestText.lines(request) }
        let asking = Asking(session: session)
        asking.show(lines)
        let what =
            testMode ? "test it" : core.request == nil ? "roll back" : "agree to the rollback"
        try asking.name(core.service, to: what, rule: "rollback-confirmation")
    }
}

struct ApproveRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "approve-rollback", "Agrees to the rollback that somebody has asked for.",
        """
        Who you are is what the operating system says. The last agreement that is missing starts the \
        rollback. Exit status: 0 your agreement is recorded, 4 it does not count.
        """,
        ("tocsin approve-rollback", "to the one that waits"),
        ("tocsin approve-rollback --plan 3f2a9c01 --wait", "this plan; follow it"))
    @Option(help: ArgumentHelp("Only this request.", valueName: "id"))
    var request: String?
    @Option(
        help: ArgumentHelp(
            "Only if the plan is this one; eight digits of it will do.", valueName: "hash"))
    var plan: String?
    @Flag(help: "Wait until all have agreed, and then for the rollback's end.")
    var wait = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            let before = try session.situation().core.request
            let asked = try Self.asked(before)
            // What was asked for is what is agreed to, also when another is asked for meanwhile.
            let answer = try session.command(
                CommandRequest(
                    command: "approve-rollback", plan: try plan(asked, session),
                    request: request ?? asked.id))
            let started = answer.events.last { $0.kind == "procedure-started" }?.procedure
            let present = try session.situation().core.request
            if wait { return try follow(answer, started, before, session) }
            try session.show(ActResult(answer, started: started, request: present)) {
                causedLines(answer.events) + next(started, present)
            }
            return 0
        }
    }

    /// - Throws: `Failure` where nothing is asked for.
    static func asked(_ request: RequestReport?) throws -> RequestReport {
        if let request { return request }
        throw Failure(
            .refused, rule: "nothing-to-approve", why: "no rollback is asked for",
            remedy: "To ask for one: tocsin rollback")
    }

    /// The fingerprint that is agreed to. A playbook's request has none: its plan is the present one.
    private func plan(_ asked: RequestReport, _ session: Session) throws -> String? {
        guard asked.plan.isEmpty else { return PlanText.whole(plan, asked.plan) }
        guard let plan else { return nil }
        let present: RollbackReport = try session.read("/v1/rollback/plan")
        return PlanText.whole(plan, present.hash)
    }

    private func next(_ started: String?, _ present: RequestReport?) -> [Line] {
        if let started {
            return [Line("\(started) has started; see it: tocsin, or tocsin status", .strong)]
        }
        guard let present else { return [] }
        return present.missing.isEmpty
            ? [Line("It starts when nothing else runs.")]
            : [Line("It still needs \(present.missing).", .warning)]
    }

    private func follow(
        _ answer: CommandAnswer, _ started: String?, _ request: RequestReport?, _ session: Session
    ) throws -> Int32 {
        if let started { return try session.follow(answer, started) }
        guard let request else { return 0 }
        let rollback = try RequestWatch(session: session).run(
            RequestFollower(id: request.id, by: request.by, at: request.at))
        return try session.follow(answer, rollback.id)
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

    /// Asks for a rollback: follows it to its end, or says who has to agree first.
    func rollBack(_ request: CommandRequest, waits: Bool) throws -> Int32 {
        let answer: CommandAnswer
        do { answer = try command(request) } catch let failure as Failure {
            // Asked for already, by the same person: what is left is to wait.
            guard waits, failure.rule == "own-second", let present = try situation().core.request
            else { throw failure }
            return try wait(for: present, CommandAnswer(events: []))
        }
        if let started = answer.events.last(where: { $0.kind == "procedure-started" })?.procedure {
            return try follow(answer, started)
        }
        guard let present = try situation().core.request else {
            // It was answered meanwhile: by its approval, or its end.
            guard waits,
                let asked = answer.events.first(where: { $0.kind == "rollback-requested" }),
                let id = answer.request
            else {
                throw Failure(
                    .refused, rule: "rollback-authorization", why: "the request has been answered",
                    remedy: "See how: tocsin events")
            }
            let rollback = try RequestWatch(session: self).run(
                RequestFollower(id: id, by: asked.by, at: asked.at))
            return try follow(answer, rollback.id)
        }
        if waits { return try wait(for: present, answer) }
        if common.output == .json {
            try show(json: ActResult(answer, started: nil, request: present))
        }
        let needs = RequestText.needs(present)
        Output.complain("waits (\(needs.rule)): \(needs.why)\n  \(needs.remedy)")
        return 4
    }

    private func wait(for request: RequestReport, _ answer: CommandAnswer) throws -> Int32 {
        let rollback = try RequestWatch(session: self).run(
            RequestFollower(id: request.id, by: request.by, at: request.at))
        return try follow(answer, rollback.id)
    }
}

/// The plan of a rollback on a page.
struct PlanText {
    let plan: RollbackReport
    let testMode: Bool
    init(_ plan: RollbackReport, testMode: Bool = false) {
        self.plan = plan
        self.testMode = testMode
    }

    /// The fingerprint that somebody means: eight digits or more of it will do, none means this one.
    static func whole(_ given: String?, _ present: String) -> String {
        guard let given = given?.lowercased() else { return present }
        return given.count >= 8 && present.hasPrefix(given) ? present : given
    }

    var lines: [Line] {
        let title = testMode ? "Test of the rollback to \(plan.to)" : "Rollback to \(plan.to)"
        var lines = [Line(title, .strong), times, Line("plan \(plan.hash)", .quiet)]
        for stage in plan.stages {
            lines.append(Line(stage.name, .strong))
            lines += table(stage.steps.map(row), indent: "  ")
        }
        if !testMode { lines += plan.authorizations.map(authorization) }
        if let ready = plan.ready {
            lines.append(
                ready ? Line("● Nothing would fail.", .good) : Line("✖ Something would fail.", .bad)
            )
        }
        return lines
    }

    /// Who has to agree, and whether the caller's word is enough.
    private func authorization(_ kind: AuthorizationReport) -> Line {
        let line =
            Line("Authorization \(kind.kind): needs \(kind.needs)")
            + (kind.people.isEmpty ? "" : " (\(kind.people.joined(separator: ", ")))", .quiet)
        if let refused = kind.refused { return line + ("; refused now: \(refused)", .warning) }
        return line
            + (
                kind.missing.map { "; beside you: \($0)" } ?? "; your word is enough",
                kind.missing == nil ? .quiet : .warning
            )
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
