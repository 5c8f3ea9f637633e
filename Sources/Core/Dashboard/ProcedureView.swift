// A procedure that runs or has ended: its steps with their signs and times, and what they wrote.
import Domain
import Screen
import Wire

enum ProcedureView {
    static func draw(
        _ procedure: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 1 else { return }
        var right: [Run] = []
        if procedure.kind == .recovery, procedure.attempt > 0 {
            let most = model.emergency.map { " of \($0.maxRecoveryAttempts)" } ?? ""
            right += [Run("attempt \(procedure.attempt)\(most) · ", .dim)]
        }
        if let seconds = clock(procedure, model) {
            right.append(Run(Times.clock(seconds), .strong))
        }
        canvas.head(
            procedure.title, rect, right: right,
            note: [
                Run(
                    "\(procedure.state.sign) \(procedure.state.rawValue)", procedure.state.role,
                    .bold)
            ] + (procedure.mark.isEmpty ? [] : [Run(" ")] + procedure.mark))
        var body = rect
        (_, body) = rect.split(top: 1)
        if let child = child(of: procedure, model) {
            canvas.frame.line(child, x: body.x + 1, y: body.y, limit: body.width - 2)
            canvas.spot(Rect(x: body.x, y: body.y, width: body.width, height: 1), .press(.alt("5")))
            (_, body) = body.split(top: 1)
        }
        body = Verdict.draw(procedure, model, &canvas, body)
        guard body.height > 0 else { return }
        let lines = steps(procedure, model)
        let room = body.height
        let forSteps = min(lines.count, max(room * 2 / 3, room - procedure.output.count - 1))
        let at = lines.firstIndex(where: \.isPresent) ?? 0
        let isCut = lines.count > forSteps && forSteps > 2
        let window = Window(
            rows: lines.count, room: forSteps - (isCut ? 1 : 0), selected: at)
        if isCut {
            canvas.frame.line(
                window.more, x: body.x + 1, y: body.y + forSteps - 1, limit: body.width - 2)
        }
        for (offset, index) in window.range.enumerated() {
            canvas.frame.line(
                lines[index].runs, x: body.x + 1, y: body.y + offset, limit: body.width - 2)
        }
        let (_, rest) = body.split(top: forSteps)
        output(procedure, scroll: model.recovery.scroll, model, &canvas, rest)
    }

    /// The rollback that a playbook waits for.
    private static func child(of procedure: ProcedureReport, _ model: Model) -> [Run]? {
        guard let child = model.runningRollback, child.parent == procedure.id else { return nil }
        let percent = Int((min(max(child.progress, 0), 1) * 100).rounded(.down))
        return [
            Run("└ ", .accent), Run(child.state.sign + " ", child.state.role, .bold),
        ] + child.mark + [
            Run("its rollback", .strong), Run(" \(child.state.rawValue), \(percent) %  ", .text),
            Run("5", .key, .bold), Run(" shows it", .text),
        ]
    }

    /// Seconds that it has taken, or took; while it is taken back, those of the undo.
    static func elapsed(_ procedure: ProcedureReport, _ model: Model) -> Double {
        let isUndoing = procedure.state == .undoing
        let began = isUndoing ? procedure.undoBeganAt ?? procedure.startedAt : procedure.startedAt
        guard let start = Timestamp(rfc3339: began) else { return 0 }
        let ended = isUndoing ? procedure.finishedAt : procedure.ranUntil ?? procedure.finishedAt
        if let end = ended.flatMap({ Timestamp(rfc3339: $0) }) {
            return max(0, (end - start).seconds)
        }
        return max(0, model.engineNow.map { ($0 - start).seconds } ?? 0)
    }

    /// Seconds since it began to be taken back; nil where that is not known.
    static func undoing(_ procedure: ProcedureReport, _ model: Model) -> Double? {
        procedure.undoBeganAt.map { _ in elapsed(procedure, model) }
    }

    /// What its clock shows; nil for what was taken back, of which no length tells anything.
    static func clock(_ procedure: ProcedureReport, _ model: Model) -> Double? {
        switch procedure.state {
        case .running, .waiting, .paused, .succeeded, .failed: elapsed(procedure, model)
        case .undoing: undoing(procedure, model)
        case .undone: nil
        }
    }

    /// What the running step has taken, as far as can be told from here.
    static func running(_ procedure: ProcedureReport, _ model: Model) -> Double {
        let began = model.events.last {
            $0.kind == "step-started" && $0.procedure == procedure.id
        }
        if let began, let seconds = model.seconds(since: began.at) { return max(0, seconds) }
        let over = procedure.stages.reduce(0.0) { sum, stage in
            sum + stage.steps.reduce(0.0) { $0 + ($1.seconds ?? 0) }
        }
        return max(0, elapsed(procedure, model) - over)
    }

    private struct Line {
        var runs: [Run]
        /// It is being worked on, or waits for a person.
        var isPresent = false
    }

    private static func steps(_ procedure: ProcedureReport, _ model: Model) -> [Line] {
        var lines: [Line] = []
        // A playbook has one stage for each of its steps: of one with a single step, that says all.
        let many = procedure.stages.count > 1
        for stage in procedure.stages {
            let alone = stage.steps.count == 1 && stage.steps[0].name == stage.name
            if many, !alone {
                lines.append(
                    Line(runs: [Run(stage.state.sign + " ", stage.state.role), Run(stage.name)]))
            }
            for step in stage.steps {
                let waits = procedure.waitingStep?.step == step
                lines.append(
                    Line(
                        runs: [Run(many && !alone ? "  " : "")]
                            + line(step, procedure, model, waits: waits),
                        isPresent: waits || step.state == .running || step.state == .unknown))
            }
        }
        return lines
    }

    static func line(
        _ step: StepReport, _ procedure: ProcedureReport, _ model: Model, waits: Bool = false
    ) -> [Run] {
        let quiet = step.state == .pending || step.state == .skipped
        var runs = [
            Run((waits ? "?" : step.state.sign) + " ", waits ? .warning : step.state.role, .bold),
            Run(step.name, quiet ? .dim : waits ? .strong : .text),
        ]
        if waits { return runs + [Run("  waits for you", .warning)] }
        if let seconds = step.seconds {
            runs.append(Run("  " + Times.taken(seconds), .dim))
        } else if step.state == .running {
            runs.append(Run("  " + Times.clock(running(procedure, model)), .accent))
            if let expected = step.expectedSeconds {
                runs.append(Run(" of ~" + Times.taken(expected), .dim))
            }
        } else if step.state == .pending, let expected = step.expectedSeconds {
            runs.append(Run("  ~" + Times.taken(expected), .border))
        }
        if !step.message.isEmpty {
            runs.append(Run("  " + step.message, step.state == .failed ? .bad : .dim))
        }
        return runs
    }

    /// Why there is no output: an engine keeps what it heard itself, and the run's folder all of it.
    private static func nothing(
        _ procedure: ProcedureReport, _ model: Model, width: Int
    ) -> [String] {
        let isEarlier = model.core.map { $0.engine.startedAt > procedure.startedAt } ?? false
        guard isEarlier else {
            return [procedure.state.isOver ? "nothing was written" : "nothing yet"]
        }
        let folder = model.options.state.map { "\($0)/runs/" } ?? "runs/"
        let place = model.options.state == nil ? " of the engine's state folder" : ""
        return Wrap.lines(
            "The engine was started after it began: what its steps wrote before is in"
                + " \(folder)\(procedure.id)\(place).", width: max(8, width), limit: 3)
    }

    /// The newest lines at the bottom; scrolled back where the operator has asked for it.
    static func output(
        _ procedure: ProcedureReport, scroll: Int, _ model: Model, _ canvas: inout Canvas,
        _ rect: Rect
    ) {
        guard rect.height > 1 else { return }
        let back = min(scroll, max(0, procedure.output.count - 1))
        let words = back > 0 ? [Run("\(back) lines back", .warning)] : []
        canvas.head("Output", rect, right: words)
        let lines = procedure.output.dropLast(back).suffix(rect.height - 1)
        if lines.isEmpty {
            for (index, part) in nothing(procedure, model, width: rect.width - 2)
                .prefix(rect.height - 1).enumerated()
            {
                canvas.frame.text(part, x: rect.x + 1, y: rect.y + 1 + index, Style(.dim))
            }
        }
        for (index, line) in lines.enumerated() {
            let command = ["$ ", "> ", "sql> "].contains { line.hasPrefix($0) }
            canvas.frame.text(
                line, x: rect.x + 1, y: rect.y + 1 + index, Style(command ? .accent : .dim),
                limit: rect.width - 2)
        }
    }
}
