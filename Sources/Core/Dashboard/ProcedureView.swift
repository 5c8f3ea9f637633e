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
        right.append(Run(Times.clock(elapsed(procedure, model)), .strong))
        canvas.head(
            procedure.title, rect, right: right,
            note: [
                Run(
                    "\(procedure.state.sign) \(procedure.state.rawValue)", procedure.state.role,
                    .bold)
            ])
        var lines = steps(procedure, model)
        if !procedure.message.isEmpty {
            let role: StyleRole = procedure.state == .failed ? .bad : .text
            for part in Wrap.lines(procedure.message, width: rect.width - 3, limit: 3) {
                lines.append([Run(part, role)])
            }
        }
        let room = rect.height - 1
        let forSteps = min(lines.count, max(room * 2 / 3, room - procedure.output.count - 1))
        for (index, line) in lines.prefix(forSteps).enumerated() {
            canvas.frame.line(line, x: rect.x + 1, y: rect.y + 1 + index, limit: rect.width - 2)
        }
        let (_, rest) = rect.split(top: 1 + forSteps)
        output(procedure, scroll: model.recovery.scroll, &canvas, rest)
    }

    /// Seconds that it has taken, or took.
    static func elapsed(_ procedure: ProcedureReport, _ model: Model) -> Double {
        guard let start = Timestamp(rfc3339: procedure.startedAt) else { return 0 }
        if let end = procedure.finishedAt.flatMap({ Timestamp(rfc3339: $0) }) {
            return max(0, (end - start).seconds)
        }
        return max(0, model.engineNow.map { ($0 - start).seconds } ?? 0)
    }

    /// What the running step has taken, as far as can be told from here.
    static func running(_ procedure: ProcedureReport, _ model: Model) -> Double {
        let over = procedure.stages.reduce(0.0) { sum, stage in
            sum + stage.steps.reduce(0.0) { $0 + ($1.seconds ?? 0) }
        }
        return max(0, elapsed(procedure, model) - over)
    }

    private static func steps(_ procedure: ProcedureReport, _ model: Model) -> [[Run]] {
        var lines: [[Run]] = []
        let many = procedure.stages.count > 1
        for stage in procedure.stages {
            if many {
                lines.append([Run(stage.state.sign + " ", stage.state.role), Run(stage.name)])
            }
            for step in stage.steps {
                lines.append([Run(many ? "  " : "")] + line(step, procedure, model))
            }
        }
        return lines
    }

    static func line(
        _ step: StepReport, _ procedure: ProcedureReport, _ model: Model
    ) -> [Run] {
        let quiet = step.state == .pending || step.state == .skipped
        var runs = [
            Run(step.state.sign + " ", step.state.role, .bold),
            Run(step.name, quiet ? .dim : .text),
        ]
        if let seconds = step.seconds {
            runs.append(Run("  " + Times.taken(seconds), .dim))
        } else if step.state == .running {
            runs.append(Run("  " + Times.clock(running(procedure, model)), .accent))
        }
        if !step.message.isEmpty {
            runs.append(Run("  " + step.message, step.state == .failed ? .bad : .dim))
        }
        return runs
    }

    /// The newest lines at the bottom; scrolled back where the operator has asked for it.
    static func output(
        _ procedure: ProcedureReport, scroll: Int, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 1 else { return }
        let back = min(scroll, max(0, procedure.output.count - 1))
        let words = back > 0 ? [Run("\(back) lines back", .warning)] : []
        canvas.head("Output", rect, right: words)
        let lines = procedure.output.dropLast(back).suffix(rect.height - 1)
        if lines.isEmpty {
            canvas.frame.text("nothing yet", x: rect.x + 1, y: rect.y + 1, Style(.border))
        }
        for (index, line) in lines.enumerated() {
            let command = ["$ ", "> ", "sql> "].contains { line.hasPrefix($0) }
            canvas.frame.text(
                line, x: rect.x + 1, y: rect.y + 1 + index, Style(command ? .accent : .dim),
                limit: rect.width - 2)
        }
    }
}
