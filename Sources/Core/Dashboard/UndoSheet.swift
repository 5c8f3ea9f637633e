// How far back: everything, or only the stages from a chosen one on, and what each would take back.
import Domain
import Screen
package import Wire

package enum UndoSheet {
    /// Kinds that change nothing: taking them back is doing nothing, and no loss.
    private static let harmless = PlanText.harmless

    package struct Choice: Equatable {
        /// Nil: everything.
        package var stage: String?
        /// Those that ran and can be taken back, the last one first.
        package var taken: [StepReport]
        /// Those that ran, changed something and cannot.
        package var stays: [StepReport]
    }

    /// Everything first, then back to before each stage of which something ran, the last one first.
    static func choices(_ procedure: ProcedureReport) -> [Choice] {
        var choices = [choice(procedure, from: 0)]
        for index in procedure.stages.indices.reversed().dropLast()
        where procedure.stages[index].steps.contains(where: \.hasRun) {
            choices.append(choice(procedure, from: index, stage: procedure.stages[index].name))
        }
        return choices
    }

    /// From a stage on.
    /// - Parameter first: the stage's place.
    package static func choice(
        _ procedure: ProcedureReport, from first: Int, stage: String? = nil
    ) -> Choice {
        let ran = procedure.stages.dropFirst(first).flatMap(\.steps).filter(\.hasRun).reversed()
        let changed = ran.filter { !harmless.contains($0.kind) && !$0.isQuery }
        return Choice(
            stage: stage, taken: changed.filter(\.undoable), stays: changed.filter { !$0.undoable })
    }

    static func draw(
        _ model: Model, _ state: UndoState, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        guard let procedure = model.undoTarget else { return [] }
        let choices = choices(procedure)
        let width = min(96, canvas.frame.width - 6)
        let height = canvas.frame.height - 6
        let list = min(choices.count, max(2, height / 3))
        let selected = choices[min(state.selected, choices.count - 1)]
        let lines = consequences(selected, procedure, width: width)
        let wanted = list + lines.count + 4
        let room = canvas.sheet(
            "Undo: \(procedure.title)?", width: width, height: min(wanted, height), role: .warning)
        let window = Window(rows: choices.count, room: list, selected: state.selected)
        for (offset, index) in window.range.enumerated() {
            let row = Rect(
                x: room.x - 1, y: room.y + offset, width: room.width + 2, height: 1)
            draw(choices[index], at: index, index == state.selected, procedure, &canvas, row)
        }
        let first = room.y + list + 1
        let below = room.endY - 2 - first
        let scroll = min(state.scroll, max(0, lines.count - below))
        for (index, line) in lines.dropFirst(scroll).prefix(max(0, below)).enumerated() {
            canvas.frame.line(line, x: room.x, y: first + index, limit: room.width, on: .panel)
        }
        let ask = [
            Run("y", .key, .bold), Run(" takes it back    ", .strong), Run("n", .key, .bold),
            Run(" leaves it as it is", .text),
        ]
        canvas.frame.line(ask, x: room.x, y: room.endY - 1, limit: room.width, on: .panel)
        canvas.spot(
            Rect(x: room.x, y: room.endY - 1, width: 15, height: 1), .press(.character("y")))
        canvas.spot(
            Rect(x: room.x + 19, y: room.endY - 1, width: 20, height: 1), .press(.character("n")))
        var hints = [
            Sheets.hint(.character("y"), "yes, take it back"), Sheets.hint(.character("n"), "no"),
        ]
        if choices.count > 1 { hints.insert(Sheets.hint(.down, "how far", "↑↓"), at: 1) }
        return hints
    }

    private static func draw(
        _ choice: Choice, at index: Int, _ selected: Bool, _ procedure: ProcedureReport,
        _ canvas: inout Canvas, _ row: Rect
    ) {
        let ground: Ground = selected ? .selected : .panel
        canvas.frame.fill(row, Style(.text, on: ground))
        canvas.spot(row, .choose(index))
        let right = [
            Run(Numbers.counted(choice.taken.count, "step", "steps"), .dim),
            Run(choice.stays.isEmpty ? "" : " · ▲ \(choice.stays.count) cannot", .warning),
        ]
        let taken = canvas.frame.line(
            right, endX: row.endX - 1, y: row.y, within: row.width / 2, on: ground)
        let words =
            choice.stage.map { "Back to before “\($0)”, then paused" }
            ?? "Everything: back to the start"
        canvas.frame.line(
            [Run(selected ? "▸ " : "  ", .accent), Run(words, selected ? .strong : .text)],
            x: row.x + 1, y: row.y, limit: row.width - taken - 3, on: ground)
    }

    private static func consequences(
        _ choice: Choice, _ procedure: ProcedureReport, width: Int
    ) -> [[Run]] {
        var lines: [[Run]] = []
        if !choice.stays.isEmpty {
            lines.append([Run("▲ Cannot be taken back, and stays done:", .warning, .bold)])
            for step in choice.stays {
                lines.append([Run("  · ", .border), Run(step.name, .text)])
                lines += command(step, width)
            }
        }
        lines.append([
            Run(
                choice.taken.isEmpty
                    ? "Nothing that ran has to be taken back." : "Taken back, in this order:",
                .heading)
        ])
        for step in choice.taken {
            let sign =
                step.state == .unknown
                ? Run("? ", .unknown, .bold) : Run("↩ ", .warning)
            let note = step.state == .unknown ? "  it is not known how far it came" : ""
            lines.append([Run("  "), sign, Run(step.name, .text), Run(note, .dim)])
        }
        if let backup = procedure.backup, choice.taken.contains(where: { $0.kind == "sql" }) {
            lines.append([Run("Databases come from backup \(backup).", .dim)])
        }
        if choice.stage != nil {
            lines.append([Run("Then it is paused: c goes on forwards, u further back.", .dim)])
        }
        return lines
    }

    private static func command(_ step: StepReport, _ width: Int) -> [[Run]] {
        guard !step.command.isEmpty, step.command != step.name else { return [] }
        return Wrap.lines(step.command, width: max(8, width - 6), limit: 2).map {
            [Run("    " + $0, .dim)]
        }
    }
}

extension StepReport {
    /// It only asked a database: there is nothing to take back.
    fileprivate var isQuery: Bool {
        kind == "sql" && undoable && command.prefix(7).lowercased() == "select "
    }
    /// It ran, or may have.
    var hasRun: Bool {
        switch state {
        case .succeeded, .failed, .unknown, .running: true
        case .pending, .undone, .skipped: false
        }
    }
}

extension SituationCore {
    /// What would be taken back: what is paused or waits, or what ended last and can be.
    package var undoTarget: ProcedureReport? {
        if let procedure { return procedure }
        let ended = [rollback, lastProcedure].compactMap(\.self).filter { one in
            (one.kind == .rollback || one.isRestore)
                && (one.state == .failed || one.state == .succeeded)
        }
        return ended.max { ($0.finishedAt ?? "") < ($1.finishedAt ?? "") }
    }
}

extension Model {
    var undoTarget: ProcedureReport? { core?.undoTarget }

    mutating func askToUndo() -> [Effect] {
        guard let target = undoTarget else { return [] }
        sheet = .undo(UndoState(procedure: target.id))
        return []
    }

    mutating func pressOnUndo(_ key: Key, _ state: UndoState) -> [Effect] {
        guard let target = undoTarget else {
            sheet = nil
            return []
        }
        var state = state
        let choices = UndoSheet.choices(target)
        switch key {
        case .character("y"):
            sheet = nil
            let stage = choices[min(state.selected, choices.count - 1)].stage
            return send(CommandRequest(command: "undo-rollback", stage: stage))
        case .character("n"), .character("q"):
            sheet = nil
            return []
        case .down, .character("j"), .tab:
            state.selected = min(state.selected + 1, choices.count - 1)
            state.scroll = 0
        case .up, .character("k"), .backTab:
            state.selected = max(0, state.selected - 1)
            state.scroll = 0
        case .pageDown: state.scroll += 5
        case .pageUp: state.scroll = max(0, state.scroll - 5)
        default: break
        }
        sheet = .undo(state)
        return []
    }
}

extension ProcedureReport {
    /// A backup that is put back.
    package var isRestore: Bool { kind == .backup && name == "restore" }
}
