// Follows a procedure to its end on the stream, and says on standard error how far it is.
import Domain
import FoundationEssentials
import Link
import Wire

#if canImport(Glibc)
    import Glibc
#endif

/// Waits without keeping a processor busy.
func pause(_ span: Span) { usleep(UInt32(min(span.seconds, 1000) * 1_000_000)) }

struct ProcedureWatch {
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
    let session: Session
    let id: String
    let until: Until

    /// How long an engine may be away before the command gives up. The procedure itself does not.
    private static let patience = Span.seconds(60)

    /// - Throws: `Failure` when no engine came back, or when a person is needed and there is none.
    func run() throws -> ProcedureReport {
        var follower = Follower(
            id: id, until: until, progress: Progress(plain: session.common.noColor),
            socket: try session.places.socket())
        defer { follower.progress.clear() }
        var lost: ContinuousClock.Instant?
        while true {
            do throws(LinkError) {
                let stream = try EngineClient(socket: follower.socket).openStream()
                if lost != nil { follower.progress.say("the engine is back") }
                lost = nil
                if let end = try follower.follow(stream) { return try end.get() }
            } catch {
                let since = lost ?? ContinuousClock.now
                if lost == nil {
                    follower.progress.say(
                        "the engine is gone (\(error)); the procedure goes on when one returns")
                }
                lost = since
                guard ContinuousClock.now - since < .seconds(Self.patience.seconds) else {
                    throw Failure(
                        .failed, rule: "engine-lost",
                        why: "no engine for \(Self.patience.spelled); how \(id) ends is not known",
                        remedy: "Start an engine: it takes the procedure up where it stands.")
                }
                pause(.seconds(0.2))
            }
        }
    }
}

/// One watcher's view of the stream.
private struct Follower {
    var id: String
    let until: ProcedureWatch.Until
    var progress: Progress
    let socket: String
    private var situation: SituationReport?
    /// Ends that events told of; a later procedure may have taken the place in the situation.
    private var ended: [String: ProcedureReport] = [:]
    private var gaveUp = false
    private var toldOfWaiting = false

    init(id: String, until: ProcedureWatch.Until, progress: Progress, socket: String) {
        self.id = id
        self.until = until
        self.progress = progress
        self.socket = socket
    }

    /// - Returns: the end; never nil, but the compiler cannot know.
    mutating func follow(
        _ stream: StreamConnection
    ) throws(LinkError) -> Result<ProcedureReport, Failure>? {
        while true {
            let lines = try stream.readLines(within: .seconds(10))
            guard !lines.isEmpty else {
                throw .timeout(path: socket, after: .seconds(10))
            }
            for line in lines { take(line) }
            if let end = check() { return end }
        }
    }

    private mutating func take(_ data: Data) {
        // A line of a newer engine that says something unknown is passed over.
        guard let line = try? WireCoding.decode(StreamLine.self, from: data) else { return }
        if let start = line.start { situation = start.situation }
        if let change = line.change { situation?.apply(change) }
        if let event = line.event, event.kind == "auto-recovery-switched", event.tone != .good {
            gaveUp = gaveUp || event.by == "engine"
        }
        if let core = situation?.core {
            for procedure in [core.procedure, core.rollback, core.lastProcedure].compactMap(\.self) {
                if procedure.state.isOver { ended[procedure.id] = procedure }
                if procedure.id == id { progress.show(procedure) }
            }
        }
    }

    private mutating func check() -> Result<ProcedureReport, Failure>? {
        guard let core = situation?.core else { return nil }
        if until == .recoveryGivesUp, let next = core.procedure, next.id != id,
            next.kind == .recovery
        {
            // The attempt before has failed, and the engine has started the next one.
            id = next.id
            progress.show(next)
            return nil
        }
        if let end = ended[id] {
            let goesOn =
                until == .recoveryGivesUp && end.state != .succeeded && !noFurtherAttempt(core)
            return goesOn ? nil : .success(end)
        }
        guard let running = core.procedure, running.id == id else {
            return core.procedure == nil ? .failure(unknown) : nil
        }
        return waiting(running)
    }

    private func noFurtherAttempt(_ core: SituationCore) -> Bool {
        guard core.procedure == nil, let emergency = core.emergency else {
            return core.emergency == nil
        }
        return gaveUp || emergency.recoveryAttempts >= emergency.maxRecoveryAttempts
    }

    /// A procedure that waits for a person waits here too while a person sees it; a script is told.
    private mutating func waiting(_ procedure: ProcedureReport) -> Result<ProcedureReport, Failure>? {
        guard procedure.state == .waiting || procedure.state == .paused else {
            toldOfWaiting = false
            return nil
        }
        let why = procedure.message.isEmpty ? procedure.state.rawValue : procedure.message
        let remedy = ProcedureText.remedy(procedure) ?? ""
        guard progress.isTerminal else {
            return .failure(
                Failure(
                    .failed, rule: "needs-a-person", why: "\(procedure.id): \(why)", remedy: remedy))
        }
        if !toldOfWaiting { progress.say("\(why). \(remedy)") }
        toldOfWaiting = true
        return nil
    }

    private var unknown: Failure {
        Failure(
            .failed, rule: "no-such-procedure", why: "the engine no longer knows \(id)",
            remedy: "See `tocsin events`.")
    }
}

/// Progress on standard error: a line that changes on a terminal, a line for each step elsewhere.
private struct Progress {
    let isTerminal: Bool
    private let paper: Paper
    private var steps: [String: StepState] = [:]
    private var stage = ""
    private var live = false

    init(plain: Bool) {
        isTerminal = isatty(STDERR_FILENO) == 1
        paper = Paper(descriptor: STDERR_FILENO, plain: plain, environment: Session.environment)
    }

    mutating func say(_ text: String) {
        clear()
        Output.complain(paper.render(Line(text, .warning)))
    }

    mutating func show(_ procedure: ProcedureReport) {
        if steps.isEmpty {
            clear()
            Output.complain(paper.render(Line("\(procedure.title) (\(procedure.id))", .strong)))
        }
        for part in procedure.stages {
            for (index, step) in part.steps.enumerated() {
                let key = "\(procedure.id)/\(part.name)/\(index)"
                guard steps.updateValue(step.state, forKey: key) != step.state else { continue }
                show(step, in: part.name)
            }
        }
        if isTerminal, !procedure.state.isOver { showLive(procedure) }
    }

    private mutating func show(_ step: StepReport, in name: String) {
        switch step.state {
        case .pending, .running: return
        case .succeeded, .failed, .undone, .skipped, .unknown: break
        }
        clear()
        if stage != name {
            stage = name
            Output.complain(paper.render(Line(name, .strong)))
        }
        let length = step.seconds.map { "  \(Words.length(.seconds($0)))" } ?? ""
        Output.complain(
            paper.render(
                Line("  \(step.state.sign) ", step.state.ink) + step.name + (length, .quiet)
                    + (step.message.isEmpty ? "" : "  \(step.message)", .quiet)))
    }

    private mutating func showLive(_ procedure: ProcedureReport) {
        let stage = procedure.stages.first { $0.state == .running }
        let step = stage?.steps.first { $0.state == .running }
        let where_ = [stage?.name, step?.name].compactMap(\.self).joined(separator: ": ")
        let line =
            Line("▶ ", .strong) + ("\(Int(procedure.progress * 100)) % ", .strong) + where_
            + ("  Ctrl-C leaves; the procedure goes on", .quiet)
        Output.write("\r\u{1B}[K" + paper.render(line), to: STDERR_FILENO)
        live = true
    }

    mutating func clear() {
        if live { Output.write("\r\u{1B}[K", to: STDERR_FILENO) }
        live = false
    }
}

/// Sentences about procedures.
enum ProcedureText {
    static func ending(_ procedure: ProcedureReport) -> Line {
        let length = Words.length(from: procedure.startedAt, to: procedure.finishedAt ?? "")
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
        case (.rollback, .failed):
            "Mend the cause and `tocsin resume-rollback`, or `tocsin undo-rollback`."
        case (_, .paused): "`tocsin resume-rollback` to go on, `tocsin undo-rollback` to take it back."
        case (_, .waiting):
            "`tocsin resolve-step done` if it was done, `tocsin resolve-step again` to run it again."
        default: nil
        }
    }
}
