// How far back: everything, or only the stages from a chosen one on, and what each would take back.
import Domain
import Screen
package import Wire

package enum UndoSheet {
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
        return Choice(
            stage: stage, taken: ran.filter { !$0.staysDone && !$0.changesNothing },
            stays: ran.filter(\.staysDone))
    }

    /// What has which room: what cannot be taken back is always seen, the rest scrolls below it.
    struct Shape {
        var choices: [Choice]
        var selected: Int
        var width: Int
        var height: Int
        /// Rows for the choices.
        var list: Int
        var pinned: [[Run]]
        var moving: [[Run]]
        /// Which of the moving lines are shown.
        var window: Window

        init(_ procedure: ProcedureReport, _ state: UndoState, _ size: Size) {
            choices = UndoSheet.choices(procedure)
            selected = min(state.selected, choices.count - 1)
            width = min(96, size.width - 6)
            let most = max(4, size.height - 5)
            let choice = choices[selected]
            moving = UndoSheet.moving(choice, procedure)
            let full = UndoSheet.pinned(choice, width: width, room: .max, commands: true)
            let wanted = full.count + 1 + moving.count
            let least = most >= 14 ? 3 : 1
            list = min(choices.count, max(least, most - wanted - 3))
            let room = max(0, most - list - 3)
            // The commands of what stays are the first that must go, and nothing else goes for them.
            let kept = room - min(moving.count, 3) - 1
            let stays = UndoSheet.pinned(
                choice, width: width, room: kept, commands: wanted <= room)
            pinned = stays + [UndoSheet.head(choice)]
            height = min(most, list + pinned.count + moving.count + 3)
            window = Window(
                rows: moving.count, room: max(0, height - list - 3 - pinned.count),
                first: state.scroll)
        }
    }

    static func draw(
        _ model: Model, _ state: UndoState, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        guard let procedure = model.undoTarget else { return [] }
        let shape = Shape(procedure, state, model.size)
        let room = canvas.sheet(
            "Undo: \(procedure.title)?", width: shape.width, height: shape.height, role: .warning)
        let choices = Window(
            rows: shape.choices.count, room: shape.list, selected: shape.selected)
        for (offset, index) in choices.range.enumerated() {
            let row = Rect(
                x: room.x - 1, y: room.y + offset, width: room.width + 2, height: 1)
            draw(shape.choices[index], at: index, index == shape.selected, procedure, &canvas, row)
        }
        var y = room.y + shape.list
        canvas.frame.line(choices.more, endX: room.endX, y: y, within: room.width, on: .panel)
        y += 1
        let shown = shape.moving[shape.window.range]
        for line in (shape.pinned + shown).prefix(max(0, room.endY - 1 - y)) {
            canvas.frame.line(line, x: room.x, y: y, limit: room.width, on: .panel)
            y += 1
        }
        var more = shape.window.more
        if !more.isEmpty { more += [Run("  "), Run("page up/down", .key, .bold)] }
        canvas.frame.line(
            more, endX: room.endX, y: room.endY - 2, within: room.width, on: .panel)
        return ask(choices: shape.choices.count, scrolls: !more.isEmpty, &canvas, room)
    }

    private static func ask(
        choices: Int, scrolls: Bool, _ canvas: inout Canvas, _ room: Rect
    ) -> [Chrome.Hint] {
        let ask = [
            Run("y", .key, .bold), Run(" takes it back    ", .strong), Run("n", .key, .bold),
            Run(" leaves it as it is", .text),
        ]
        canvas.frame.line(ask, x: room.x, y: room.endY - 1, limit: room.width, on: .panel)
        canvas.spot(
            Rect(x: room.x, y: room.endY - 1, width: 15, height: 1), .press(.character("y")))
        canvas.spot(
            Rect(x: room.x + 19, y: room.endY - 1, width: 20, height: 1), .press(.character("n")))
        var hints = [Sheets.hint(.character("y"), "yes, take it back")]
        if choices > 1 { hints.append(Sheets.hint(.down, "how far", "↑↓")) }
        if scrolls { hints.append(Sheets.hint(.pageDown, "more", "page down")) }
        return hints + [Sheets.hint(.character("n"), "no")]
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

    /// What cannot be taken back, with commands, with names only, or in a row: as the room allows.
    private static func pinned(
        _ choice: Choice, width: Int, room: Int, commands: Bool
    ) -> [[Run]] {
        guard !choice.stays.isEmpty else { return [] }
        let head = "▲ Cannot be taken back, and stays done:"
        var full = [[Run(head, .warning, .bold)]]
        var names = full
        for step in choice.stays {
            let name = [Run("  · ", .border), Run(step.name, .text)]
            names.append(name)
            full.append(name)
            full += command(step, width)
        }
        if commands { return full }
        if names.count <= room { return names }
        let row = choice.stays.map(\.name).joined(separator: ", ")
        return Wrap.lines("\(head) \(row)", width: width, limit: max(1, room)).map {
            [Run($0, .warning, .bold)]
        }
    }

    private static func head(_ choice: Choice) -> [Run] {
        [
            Run(
                choice.taken.isEmpty
                    ? "Nothing that ran has to be taken back." : "Taken back, in this order:",
                .heading)
        ]
    }

    private static func moving(_ choice: Choice, _ procedure: ProcedureReport) -> [[Run]] {
        var lines = choice.taken.map { step in
            let sign =
                step.state == .unknown
                ? Run("? ", .unknown, .bold) : Run("↩ ", .warning)
            let note = step.state == .unknown ? "  it is not known how far it came" : ""
            return [Run("  "), sign, Run(step.name, .text), Run(note, .dim)]
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
        let shape = UndoSheet.Shape(target, state, size)
        let choices = shape.choices
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
        case .pageDown, .control("d"):
            state.scroll = shape.window.first + max(1, shape.window.count - 1)
        case .pageUp, .control("u"):
            state.scroll = max(0, shape.window.first - max(1, shape.window.count - 1))
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
