// What a procedure came to, or what it waits for, with the keys that answer it.
import Domain
import Screen
import Wire

enum Verdict {
    /// - Returns: the room below it; all of it while it simply runs.
    static func draw(
        _ procedure: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ area: Rect
    ) -> Rect {
        let lines = lines(procedure, model, width: area.width - 4)
        guard !lines.isEmpty, area.height > 0 else { return area }
        let keys = keys(procedure, model)
        let count = min(lines.count + (keys.isEmpty ? 0 : 1), area.height)
        let (rect, below) = area.split(top: count)
        // What waits for a person must not be overlooked.
        let asks = procedure.state == .waiting || procedure.state == .paused
        let ground: Ground = asks ? .selected : .base
        if asks { canvas.frame.fill(rect, Style(.text, on: ground)) }
        for (index, line) in (lines + (keys.isEmpty ? [] : [[Run("  ")] + keys])).prefix(count)
            .enumerated()
        {
            canvas.frame.line(
                line, x: rect.x + 1, y: rect.y + index, limit: rect.width - 2, on: ground)
        }
        let (_, rest) = below.split(top: below.height >= 8 ? 1 : 0)
        return rest
    }

    static func lines(
        _ procedure: ProcedureReport, _ model: Model, width: Int
    ) -> [[Run]] {
        let message = procedure.message
        let isRollback = procedure.kind == .rollback
        switch procedure.state {
        case .running:
            guard procedure.pauses else { return [] }
            return [[Run("⏸ Pauses after this step", .warning, .bold)]]
        case .succeeded:
            let words =
                procedure.testMode ? "✔ TEST succeeded" : isRollback ? "✔ Rolled back" : "✔ Done"
            return wrapped(words, .good, message, width)
        case .failed:
            let words = procedure.testMode ? "✖ TEST failed" : "✖ Failed"
            return wrapped(words, .bad, failure(procedure), width)
        case .undone: return wrapped("↩ Undone", .warning, message, width)
        case .undoing: return wrapped("↩ Being undone", .warning, message, width)
        case .paused:
            return wrapped("⏸ Paused", .warning, message == "paused" ? "" : message, width)
        case .waiting:
            let words = procedure.waitsToBeTicked ? "? WAITS FOR YOU:" : "? WAITS FOR AN ANSWER:"
            return wrapped(words, .warning, message, width)
        }
    }

    private static func wrapped(
        _ head: String, _ role: StyleRole, _ text: String, _ width: Int
    ) -> [[Run]] {
        // On a phone the words begin below.
        guard width >= 50 else {
            return [[Run(head, role, .bold)]]
                + Wrap.lines(text, width: max(10, width - 2), limit: 3).filter { !$0.isEmpty }
                .map { [Run("  " + $0, .text)] }
        }
        let indent = GlyphWidth.columns(head) + 2
        let parts = Wrap.lines(text, width: max(10, width - indent), limit: 3)
        guard let first = parts.first else { return [[Run(head, role, .bold)]] }
        let pad = String(repeating: " ", count: indent)
        return [[Run(head, role, .bold), Run("  " + first, .text)]]
            + parts.dropFirst().map { [Run(pad + $0, .text)] }
    }

    private static func failure(_ procedure: ProcedureReport) -> String {
        for stage in procedure.stages {
            for step in stage.steps where step.state == .failed {
                let message = step.message.isEmpty ? procedure.message : step.message
                return "at \(stage.name) · \(step.name): \(message)"
            }
        }
        return procedure.message
    }

    /// The keys that answer it, in words.
    static func keys(_ procedure: ProcedureReport, _ model: Model) -> [Run] {
        var runs: [Run] = []
        func add(_ key: String, _ text: String) {
            runs += [Run(runs.isEmpty ? "" : "   "), Run(key, .key, .bold), Run(" " + text, .text)]
        }
        let isPresent = model.core?.procedure?.id == procedure.id
        let isHalfDone =
            procedure.state == .failed && procedure.kind == .rollback && !procedure.testMode
        if procedure.state == .waiting {
            add("o", procedure.waitsToBeTicked ? "it is done" : "it was done")
        }
        if isPresent || isHalfDone, Why.notToResume(model) == nil {
            let words =
                switch procedure.state {
                case .waiting: "runs the step again"
                case .failed: "tries the failed step again"
                case .running: "lets it go on"
                case .paused, .undoing, .succeeded, .undone: "goes on"
                }
            add("c", words)
        }
        if model.undoTarget?.id == procedure.id, Why.notToUndo(model) == nil {
            add(
                "u",
                procedure.state == .succeeded ? "takes it back" : "takes back what was done")
        }
        if isPresent, Why.notToStop(model) == nil { add("s", "stops it") }
        if procedure.state == .undone, procedure.kind == .rollback, !procedure.testMode {
            add("R", "begins another")
        }
        return runs
    }
}
