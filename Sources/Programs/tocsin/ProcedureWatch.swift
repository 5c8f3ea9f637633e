// Follows a procedure to its end on the stream, and says on standard error how far it is.
import Dashboard
import Domain
import FoundationEssentials
import Wire

#if canImport(Glibc)
    import Glibc
#endif

struct ProcedureWatch {
    let session: Session
    let id: String
    let until: ProcedureFollower.Until
    /// As it stood before the command; nil: it is new.
    var known: ProcedureReport?

    /// - Throws: `Failure` when no engine came back, or when a person is needed and there is none.
    func run() throws -> ProcedureReport {
        var follower = ProcedureFollower(id: id, until: until)
        var progress = Progress(
            paper: session.errorPaper, news: StepNews(known: known, undoing: until.isUndoing))
        defer { progress.clear() }
        Leaving.says(
            until == .recoveryGivesUp
                ? "Left. Recovery goes on without this; see how far it is: tocsin status"
                : "Left. \(id) goes on without this; see how far it is: tocsin status")
        defer { Leaving.end() }
        let stream = StreamWatch(
            session: session, meanwhile: "the procedure goes on when one returns")
        let end = try stream.run(say: { progress.say($0) }) { lines in
            for line in lines { follower.take(line) }
            for attempt in follower.newlyFailedAttempts() { progress.tell(of: attempt) }
            return answer(to: follower.standing, &progress)
        }
        guard let end else { throw givenUp(after: stream.patience) }
        return try end.get()
    }

    /// How it ended; nil while it goes on.
    private func answer(
        to standing: ProcedureFollower.Standing, _ progress: inout Progress
    ) -> Result<ProcedureReport, Failure>? {
        switch standing {
        case .nothingYet: return nil
        case .goesOn(let procedure): progress.show(procedure)
        case .ended(let procedure):
            progress.show(procedure)
            return .success(procedure)
        case .unknown: return .failure(unknown)
        case .needsApproval(let request):
            // It is over after half an hour at most, and then so is this.
            let needs = RequestText.needs(request)
            progress.tell("waits (\(needs.rule)): \(needs.why)\n  \(needs.remedy)")
        case .needsPerson(let procedure):
            progress.show(procedure)
            // A person waits here; a script is told, and does not hang.
            guard progress.isTerminal else {
                return until == .aPersonIsNeeded && procedure.state == .waiting
                    ? .success(procedure) : .failure(needsPerson(procedure))
            }
            if let item = ProcedureText.toTick(procedure), isatty(STDIN_FILENO) == 1 {
                progress.tell("\(item.name). Press Enter when it is done.")
                if enterWasPressed() { tick() }
            } else {
                progress.tell(of: procedure)
            }
        }
        return nil
    }

    /// Whether a line stands on standard input; it is taken. Does not wait.
    private func enterWasPressed() -> Bool {
        var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 0) == 1 else { return false }
        var line = [UInt8](repeating: 0, count: 1024)
        return read(STDIN_FILENO, &line, line.count) > 0
    }
    /// Somebody else may have ticked it meanwhile; then the stream says so.
    private func tick() {
        _ = try? session.command(CommandRequest(command: "resolve-step", name: "done"))
    }

    private func givenUp(after patience: Span) -> Failure {
        Failure(
            .failed, rule: "engine-lost",
            why: "no engine for \(patience.spelled); how \(id) ends is not known",
            remedy: "Start an engine: it takes the procedure up where it stands.")
    }
    private var unknown: Failure {
        Failure(
            .failed, rule: "no-such-procedure", why: "the engine no longer knows \(id)",
            remedy: "See `tocsin events`.")
    }
    private func needsPerson(_ procedure: ProcedureReport) -> Failure {
        Failure(
            .failed, rule: "needs-a-person",
            why: "\(procedure.id) is \(procedure.state.rawValue)"
                + (procedure.message.isEmpty ? "" : ": \(procedure.message)"),
            remedy: ProcedureText.remedy(procedure) ?? "")
    }
}

/// Progress on standard error: a line that changes on a terminal, a line for each step elsewhere.
private struct Progress {
    let isTerminal = isatty(STDERR_FILENO) == 1
    let paper: Paper
    private var news: StepNews
    private var procedures: Set<String> = []
    private var stage = ""
    private var told = ""
    private var live = ""

    init(paper: Paper, news: StepNews) {
        self.paper = paper
        self.news = news
    }

    mutating func say(_ text: String) { put(Line(text, .warning)) }

    /// Says once why a procedure stands still.
    mutating func tell(of procedure: ProcedureReport) {
        tell(
            [procedure.state.rawValue, procedure.message, ProcedureText.remedy(procedure) ?? ""]
                .filter { !$0.isEmpty }.joined(separator: ". "))
    }
    mutating func tell(_ text: String) {
        if text != told { say(text) }
        told = text
    }

    /// An attempt that did not help, and after which another one comes.
    mutating func tell(of attempt: ProcedureFollower.FailedAttempt) {
        switch attempt {
        case .whole(let procedure):
            show(procedure)
            put(ProcedureText.ending(procedure))
        case .words(let text): put(Line("✖ ", .bad) + text)
        }
    }

    mutating func show(_ procedure: ProcedureReport) {
        if procedures.insert(procedure.id).inserted {
            stage = ""
            put(Line("\(procedure.title)", .strong) + ("  \(procedure.id)", .quiet))
            if isTerminal, !procedure.state.isOver {
                put(Line("  Ctrl-C leaves; it goes on without you", .quiet))
            }
        }
        for entry in news.take(procedure) { show(entry.step, in: entry.stage) }
        if isTerminal, !procedure.state.isOver { showLive(procedure) }
    }

    private mutating func show(_ step: StepReport, in name: String) {
        if stage != name {
            stage = name
            put(Line(name, .strong))
        }
        let length = step.seconds.map { "  \(Words.length(.seconds($0)))" } ?? ""
        put(
            Line("  \(step.state.sign) ", step.state.ink) + step.name + (length, .quiet)
                + (step.message.isEmpty ? "" : "  \(step.message)", .quiet))
    }

    /// Whole, on as many lines as it takes.
    private mutating func put(_ line: Line) {
        clear()
        for text in paper.wrapped(line) { Output.complain(text) }
    }

    private mutating func showLive(_ procedure: ProcedureReport) {
        let stage = procedure.stages.first { $0.state == .running }
        let step = stage?.steps.first { $0.state == .running }
        let place = [stage?.name, step?.name].compactMap(\.self).joined(separator: ": ")
        let text = paper.render(
            Line("▶ \(Int(procedure.progress * 100)) % ", .strong) + place)
        guard text != live else { return }
        Output.progress("\r\u{1B}[K" + text)
        live = text
    }

    mutating func clear() {
        if !live.isEmpty { Output.progress("\r\u{1B}[K") }
        live = ""
    }
}

/// Sentences about procedures.
enum ProcedureText {
    static func ending(_ procedure: ProcedureReport) -> Line {
        let length = Words.length(
            from: procedure.undoBeganAt ?? procedure.startedAt, to: procedure.finishedAt ?? "")
        let sign: String
        switch procedure.state {
        case .succeeded: sign = "✔"
        case .failed: sign = "✖"
        case .undone: sign = "↶"
        case .running, .waiting, .paused, .undoing: sign = "▶"
        }
        return Line("\(sign) ", procedure.state.ink) + (procedure.title, .strong)
            + (" \(procedure.state.rawValue)", procedure.state.ink)
            + (length.map { " in \($0)" } ?? "")
            + (procedure.message.isEmpty ? "" : ": \(procedure.message)")
    }

    /// What a person can do about it.
    static func remedy(_ procedure: ProcedureReport) -> String? {
        switch (procedure.kind, procedure.state) {
        case (.rollback, .failed) where procedure.testMode:
            "Nothing of the service was changed. Mend the cause and test again."
        case (.rollback, .failed):
            "Mend the cause and `tocsin resume-rollback`, or `tocsin undo-rollback`."
        case (.rollback, .paused) where !procedure.testMode:
            "`tocsin resume-rollback` to go on, `tocsin undo-rollback` to take it back."
        case (_, .paused):
            "`tocsin resume-rollback` to go on, `tocsin stop-procedure` to end it there."
        case (_, .waiting) where toTick(procedure) != nil:
            "`tocsin resolve-step done` when it is done, `tocsin stop-procedure` to end it there."
        case (_, .waiting):
            "`tocsin resolve-step done` if it was done, `tocsin resolve-step again` to run it again."
        case (_, .running), (_, .undoing), (_, .succeeded), (_, .undone), (_, .failed): nil
        }
    }

    /// The step that a person has to tick; nil when it waits for something else.
    static func toTick(_ procedure: ProcedureReport) -> StepReport? {
        guard procedure.state == .waiting else { return nil }
        return procedure.stages.flatMap(\.steps).first {
            $0.kind == "confirm" && $0.state == .running
        }
    }

    /// What is worth a word beside that it ended as wanted.
    static func remarks(_ procedure: ProcedureReport) -> [Line] {
        if procedure.isRestore, procedure.state == .succeeded { return RestoreText.leaves }
        if procedure.testMode, let target = procedure.targetSeconds,
            let from = Timestamp(rfc3339: procedure.startedAt),
            let to = procedure.finishedAt.flatMap({ Timestamp(rfc3339: $0) })
        {
            let late = to - from > .seconds(target)
            return [
                Line(
                    "  \(late ? "▲ longer than" : "within") the target of "
                        + Words.length(.seconds(target)), late ? .warning : .quiet)
            ]
        }
        return remedy(procedure).map { [Line("  \($0)", .quiet)] } ?? []
    }
}
