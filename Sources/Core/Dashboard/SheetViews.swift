// How the sheets look: help, palette, themes, forms, questions.
import Domain
import Screen
import Wire

enum Sheets {
    static func draw(_ model: Model, _ canvas: inout Canvas, _ keys: Rect) {
        var hints: [Chrome.Hint] = []
        switch model.sheet {
        case .help(let scroll): hints = HelpSheet.draw(model, scroll, &canvas)
        case .palette(let state): hints = palette(model, state, &canvas)
        case .themes(let state): hints = themes(model, state, &canvas)
        case .note(let field): hints = note(field, &canvas)
        case .activate(let state): hints = activate(model, state, &canvas)
        case .deactivate(let state): hints = deactivate(model, state, &canvas)
        case .confirm(let state): hints = confirm(model, state, &canvas)
        case .undo(let state): hints = UndoSheet.draw(model, state, &canvas)
        case .form(let state): hints = FormSheet.draw(state, &canvas)
        case .fallbacks(let selected): hints = fallbacks(model, selected, &canvas)
        case .faults(let selected): hints = faults(model, selected, &canvas)
        case .report(let state): hints = report(state, &canvas)
        case nil: return
        }
        Chrome.draw(hints, &canvas, keys, always: min(1, hints.count))
    }

    static func hint(_ key: Key, _ word: String, _ label: String? = nil) -> Chrome.Hint {
        Chrome.Hint(label: label ?? key.label, word: word, key: key)
    }

    // MARK: Palette

    private static func palette(
        _ model: Model, _ state: PaletteState, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        let entries = CommandPalette.entries(model, matching: state.query.text)
        let room = canvas.sheet(
            "Commands", width: min(92, canvas.frame.width - 6),
            height: min(26, canvas.frame.height - 5))
        canvas.frame.text(":", x: room.x, y: room.y, Style(.key, on: .panel, .bold))
        canvas.field(
            state.query, x: room.x + 2, y: room.y, width: room.width - 2, focused: true,
            hint: "a few letters of it")
        let (_, list) = room.split(top: 2)
        if entries.isEmpty {
            canvas.frame.text(
                "no command has these letters", x: list.x, y: list.y, Style(.dim, on: .panel))
        }
        let window = Window(rows: entries.count, room: list.height, selected: state.selected)
        canvas.foot(window.more, of: room)
        let names = min(
            entries.reduce(12) { max($0, GlyphWidth.columns($1.name)) }, max(12, room.width * 2 / 5)
        )
        for (offset, index) in window.range.enumerated() {
            let entry = entries[index]
            let row = Rect(x: list.x - 1, y: list.y + offset, width: list.width + 2, height: 1)
            let ground: Ground = index == state.selected ? .selected : .panel
            canvas.frame.fill(row, Style(.text, on: ground))
            canvas.spot(row, .choose(index))
            let works = entry.refusal == nil
            canvas.frame.text(
                entry.name, x: list.x, y: row.y, Style(works ? .strong : .dim, on: ground),
                limit: names)
            let key = [
                Run(entry.key, .key, .bold),
                Run(entry.place.isEmpty ? "" : " " + entry.place, .dim),
            ]
            let keys = key.reduce(0) { $0 + $1.columns }
            canvas.frame.line(key, endX: list.endX, y: row.y, within: keys, on: ground)
            let text = entry.refusal.map { "not now: " + $0 } ?? entry.text
            canvas.frame.text(
                text, x: list.x + names + 2, y: row.y, Style(works ? .text : .warning, on: ground),
                limit: list.width - names - 3 - (keys > 0 ? keys + 1 : 0))
        }
        return [hint(.enter, "run"), hint(.down, "select", "↑↓"), hint(.escape, "close")]
    }

    // MARK: Themes

    private static func themes(
        _ model: Model, _ state: ThemesState, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        let all = model.options.themes
        // A narrow sheet on the left, so that the screen beside it shows the theme.
        let width = min(34, canvas.frame.width - 6)
        canvas.cover()
        let rect = Rect(
            x: 1, y: 1, width: width + 4,
            height: min(all.count + 4 + model.options.themeProblems.count, canvas.frame.height - 2))
        canvas.frame.fill(rect, Style(.text, on: .panel))
        canvas.frame.box(rect, Style(.accent, on: .panel), .rounded)
        canvas.frame.text(" Themes ", x: rect.x + 2, y: rect.y, Style(.heading, on: .panel))
        let list = rect.inset(left: 2, top: 1, right: 2, bottom: 1)
        let window = Window(
            rows: all.count, room: max(1, list.height - 1), selected: state.selected)
        canvas.foot(window.more, of: list)
        for (offset, index) in window.range.enumerated() {
            let row = Rect(x: list.x - 1, y: list.y + offset, width: list.width + 2, height: 1)
            let selected = index == state.selected
            let ground: Ground = selected ? .selected : .panel
            canvas.frame.fill(row, Style(.text, on: ground))
            canvas.spot(row, .choose(index))
            let kind = all[index].isLight ? "light" : "dark"
            canvas.frame.text(
                (selected ? "▸ " : "  ") + all[index].name, x: list.x, y: row.y,
                Style(selected ? .strong : .text, on: ground), limit: list.width - 6)
            canvas.frame.text(kind, x: list.endX - kind.count, y: row.y, Style(.dim, on: ground))
        }
        for (index, problem) in model.options.themeProblems.enumerated() {
            canvas.frame.text(
                problem, x: list.x, y: list.y + window.count + 1 + index,
                Style(.warning, on: .panel),
                limit: list.width)
        }
        return [
            hint(.enter, "take it"), hint(.down, "look at another", "↑↓"),
            hint(.escape, "as before"),
        ]
    }

    // MARK: Forms

    private static func note(_ field: TextField, _ canvas: inout Canvas) -> [Chrome.Hint] {
        let room = canvas.sheet(
            "Note for the journal", width: min(76, canvas.frame.width - 6), height: 3)
        canvas.field(
            field, x: room.x, y: room.y + 1, width: room.width, focused: true,
            hint: "what you saw, did or decided")
        return [hint(.enter, "write it"), hint(.escape, "drop it")]
    }

    private static func activate(
        _ model: Model, _ state: ActivateState, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        let room = canvas.sheet(
            "Declare an emergency", width: min(76, canvas.frame.width - 6), height: 9,
            role: state.level.role)
        let matrix = model.core?.escalation ?? []
        for level in Level.allCases {
            let row = Rect(
                x: room.x - 1, y: room.y + level.rawValue, width: room.width + 2, height: 1)
            let selected = level == state.level
            let ground: Ground = selected ? .selected : .panel
            canvas.frame.fill(row, Style(.text, on: ground))
            canvas.spot(row, .choose(level.rawValue))
            let known = matrix.first { $0.level == level.rawValue }
            let within = Times.minutes(known?.respondWithinSeconds ?? level.respondWithin.seconds)
            canvas.frame.line(
                [
                    Run(selected ? "▸ " : "  ", .accent),
                    Run("\(level.rawValue) \(known?.name ?? level.name)", level.role, .bold),
                ], x: room.x, y: row.y, limit: 16, on: ground)
            canvas.frame.line(
                [Run("respond within \(within)", .text), Run("  \(known?.means ?? "")", .dim)],
                x: room.x + 16, y: row.y, limit: room.width - 16, on: ground)
        }
        canvas.frame.text("Reason", x: room.x, y: room.y + 6, Style(.dim, on: .panel))
        canvas.field(
            state.reason, x: room.x + 8, y: room.y + 6, width: room.width - 8, focused: true,
            hint: "what is wrong, in a few words")
        canvas.frame.text(
            "Unsure between two? Take the worse one: level 1 stands selected.", x: room.x,
            y: room.y + 8,
            Style(.dim, on: .panel),
            limit: room.width)
        return [
            hint(.enter, "declare it"), hint(.down, "level", "↑↓"), hint(.escape, "leave"),
        ]
    }

    private static func deactivate(
        _ model: Model, _ state: DeactivateState, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        let failing = model.stillFailing
        let id = model.emergency?.id ?? "the emergency"
        guard !failing.isEmpty else {
            let room = canvas.sheet("End \(id)?", width: min(64, canvas.frame.width - 6), height: 3)
            canvas.frame.line(
                (model.core?.health.state == .healthy
                    ? [Run("✔ ", .good)] : [Run("▲ ", .warning)]) + [
                        Run(model.nothingFails + ".", .text)
                    ], x: room.x, y: room.y + 1,
                limit: room.width, on: .panel)
            return [hint(.character("y"), "end it"), hint(.escape, "leave it open")]
        }
        let width = min(70, canvas.frame.width - 6)
        let list = Wrap.lines(failing.joined(separator: ", "), width: width - 2, limit: 3)
        let stops = model.consequencesOfEnd.flatMap { sentence in
            Wrap.lines("· " + sentence, width: width - 2, limit: 2).enumerated().map {
                $0.offset == 0 ? $0.element : "  " + $0.element
            }
        }
        let roomy = canvas.frame.height >= 20
        let shown = roomy ? stops : []
        let room = canvas.sheet(
            "End \(id)?", width: width,
            height: list.count + 7 + (shown.isEmpty ? 0 : shown.count + 2), role: .warning)
        canvas.frame.text(
            "▲ This still fails:", x: room.x, y: room.y + 1, Style(.warning, on: .panel, .bold))
        for (index, line) in list.enumerated() {
            canvas.frame.text(line, x: room.x + 2, y: room.y + 2 + index, Style(.text, on: .panel))
        }
        var y = room.y + 3 + list.count
        if !shown.isEmpty {
            canvas.frame.text(
                "What its end stops:", x: room.x, y: y, Style(.warning, on: .panel, .bold))
            for (index, line) in shown.enumerated() {
                canvas.frame.text(
                    line, x: room.x, y: y + 1 + index, Style(.text, on: .panel), limit: room.width)
            }
            y += shown.count + 2
        }
        canvas.frame.text(
            "Why does it end all the same? It goes into the report.", x: room.x, y: y,
            Style(.text, on: .panel), limit: room.width)
        canvas.field(
            state.word, x: room.x, y: y + 1, width: room.width, focused: true,
            hint: "such as: known since noon, ticket OPS-42")
        if let problem = state.problem {
            canvas.frame.text(
                "✖ " + problem, x: room.x, y: y + 2, Style(.bad, on: .panel, .bold),
                limit: room.width)
        }
        return [hint(.enter, "end it"), hint(.escape, "leave it open")]
    }

    // MARK: Questions

    private static func confirm(
        _ model: Model, _ state: ConfirmState, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        let width = min(84, canvas.frame.width - 6)
        var lines: [[Run]] = [[]]
        for part in Wrap.lines("▲ " + (state.danger ?? ""), width: width, limit: 4)
        where state.danger != nil {
            lines.append([Run(part, .warning, .bold)])
        }
        if state.danger != nil, !state.steps.isEmpty { lines.append([]) }
        for (index, step) in state.steps.enumerated() {
            lines += PlanText.step(
                step, number: index + 1, width: width, marks: state.request.command == "run")
        }
        lines += [[]]
        let height = min(lines.count + (state.name == nil ? 1 : 2), canvas.frame.height - 6)
        let room = canvas.sheet(state.title + "?", width: width, height: height, role: .warning)
        let below = state.name == nil ? 1 : 2
        let shown = max(0, room.height - below)
        let window = Window(rows: lines.count, room: shown, first: state.scroll)
        canvas.foot(window.more, of: room)
        for (index, line) in lines[window.range].enumerated() {
            canvas.frame.line(line, x: room.x, y: room.y + index, limit: room.width, on: .panel)
        }
        guard let name = state.name else { return question(state, &canvas, room) }
        return named(model, state, name, &canvas, room, scrolls: lines.count > shown)
    }

    /// A letter answers it.
    private static func question(
        _ state: ConfirmState, _ canvas: inout Canvas, _ room: Rect
    ) -> [Chrome.Hint] {
        let ask = [
            Run("y", .key, .bold), Run(" \(state.verb)    ", .strong), Run("n", .key, .bold),
            Run(" does not", .text),
        ]
        canvas.frame.line(ask, x: room.x, y: room.endY - 1, limit: room.width, on: .panel)
        canvas.spot(
            Rect(x: room.x, y: room.endY - 1, width: 10, height: 1), .press(.character("y")))
        canvas.spot(
            Rect(x: room.x + state.verb.count + 6, y: room.endY - 1, width: 10, height: 1),
            .press(.character("n")))
        return [hint(.character("y"), "yes, it \(state.verb)"), hint(.character("n"), "no")]
    }

    /// The service's name answers it.
    private static func named(
        _ model: Model, _ state: ConfirmState, _ name: TextField, _ canvas: inout Canvas,
        _ room: Rect, scrolls: Bool
    ) -> [Chrome.Hint] {
        let service = model.core?.service ?? ""
        let label = [Run("Type ", .text), Run(service, .strong, .bold), Run(" to run it ", .text)]
        let used = canvas.frame.line(
            label, x: room.x, y: room.endY - 2, limit: room.width, on: .panel)
        canvas.field(
            name, x: room.x + used, y: room.endY - 2, width: max(0, room.width - used),
            focused: true)
        if let problem = state.problem {
            canvas.frame.text(
                "✖ " + problem, x: room.x, y: room.endY - 1, Style(.bad, on: .panel, .bold),
                limit: room.width)
        }
        let keys = [hint(.enter, state.verb), hint(.escape, "leave it")]
        return scrolls ? [keys[0], hint(.down, "scroll", "↑↓"), keys[1]] : keys
    }

    private static func report(_ state: ReportState, _ canvas: inout Canvas) -> [Chrome.Hint] {
        let width = min(76, canvas.frame.width - 6)
        let why = Wrap.lines(state.why, width: width, limit: 8)
        let remedy = Wrap.lines(state.remedy, width: width - 2, limit: 8)
        let room = canvas.sheet(
            state.title, width: width, height: why.count + remedy.count + 3, role: state.role)
        for (index, line) in why.enumerated() {
            canvas.frame.text(line, x: room.x, y: room.y + 1 + index, Style(.text, on: .panel))
        }
        for (index, line) in remedy.enumerated() {
            let y = room.y + 2 + why.count + index
            if index == 0 { canvas.frame.text("→", x: room.x, y: y, Style(.good, on: .panel)) }
            canvas.frame.text(line, x: room.x + 2, y: y, Style(.strong, on: .panel))
        }
        return [hint(.enter, "understood"), hint(.escape, "close")]
    }

    // MARK: Menus

    private static func fallbacks(
        _ model: Model, _ selected: Int, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        let all = model.core?.fallbacks ?? []
        let room = canvas.sheet(
            "Fallbacks", width: min(60, canvas.frame.width - 6), height: all.count + 2)
        for (index, one) in all.enumerated() {
            let row = Rect(x: room.x - 1, y: room.y + 1 + index, width: room.width + 2, height: 1)
            let ground: Ground = index == selected ? .selected : .panel
            canvas.frame.fill(row, Style(.text, on: ground))
            canvas.spot(row, .choose(index))
            canvas.frame.line(
                [
                    Run(index == selected ? "▸ " : "  ", .accent), Run(one.title, .strong),
                    Run("  " + one.name, .dim),
                ],
                x: room.x, y: row.y, limit: room.width - 8, on: ground)
            canvas.frame.line(
                [one.enabled ? Run("● on", .warning, .bold) : Run("○ off", .dim)], endX: room.endX,
                y: row.y, within: 8, on: ground)
        }
        let enabled = all.indices.contains(selected) && all[selected].enabled
        return [
            hint(.enter, enabled ? "disable" : "enable"), hint(.character("t"), "test"),
            hint(.down, "select", "↑↓"), hint(.escape, "close"),
        ]
    }

    private static func faults(
        _ model: Model, _ selected: Int, _ canvas: inout Canvas
    ) -> [Chrome.Hint] {
        let all = model.runbook?.faults ?? []
        let room = canvas.sheet(
            "Break the demo's service", width: min(66, canvas.frame.width - 6),
            height: all.count + 4,
            role: .warning)
        for (index, name) in all.enumerated() {
            let row = Rect(x: room.x - 1, y: room.y + 1 + index, width: room.width + 2, height: 1)
            let ground: Ground = index == selected ? .selected : .panel
            canvas.frame.fill(row, Style(.text, on: ground))
            canvas.spot(row, .choose(index))
            let on = model.faultsOn.contains(name)
            canvas.frame.line(
                [Run(index == selected ? "▸ " : "  ", .accent), Run(name, .strong)], x: room.x,
                y: row.y, limit: room.width - 14, on: ground)
            canvas.frame.line(
                [on ? Run("✖ broken", .bad, .bold) : Run("○ well", .dim)], endX: room.endX,
                y: row.y,
                within: 12, on: ground)
        }
        canvas.frame.text(
            "Then watch: the probes find it within two of their intervals.", x: room.x,
            y: room.y + all.count + 2, Style(.dim, on: .panel), limit: room.width)
        return [
            hint(.enter, "switch"), hint(.down, "select", "↑↓"), hint(.escape, "close"),
        ]
    }
}

/// The keys that work on this screen, then those that work everywhere.
enum HelpSheet {
    static func draw(_ model: Model, _ scroll: Int, _ canvas: inout Canvas) -> [Chrome.Hint] {
        let lines = lines(model)
        let room = canvas.sheet(
            "Keys", width: width(model), height: min(lines.count, room(model)))
        let window = Window(rows: lines.count, room: room.height, first: scroll)
        canvas.foot(window.more, of: room)
        for (index, line) in lines[window.range].enumerated() {
            canvas.frame.line(line, x: room.x, y: room.y + index, limit: room.width, on: .panel)
        }
        return [Sheets.hint(.down, "scroll", "↑↓"), Sheets.hint(.escape, "close")]
    }
    private static func room(_ model: Model) -> Int { max(1, model.size.height - 6) }
    private static func width(_ model: Model) -> Int { min(96, model.size.width - 6) }
    static func longest(_ model: Model) -> Int { max(0, lines(model).count - room(model)) }

    private static func lines(_ model: Model) -> [[Run]] {
        let here = Keymap.bindings.filter { $0.pages.contains(model.page) && !$0.text.isEmpty }
        let everywhere = Keymap.bindings.filter { $0.pages.isEmpty && !$0.text.isEmpty }
        var lines: [[Run]] = [[Run("On this screen: \(model.page.title)", .heading)]]
        lines += here.flatMap { self.lines($0, model) }
        lines += [[], [Run("Everywhere", .heading)]]
        lines += everywhere.flatMap { self.lines($0, model) }
        return lines
    }
    /// The key, and what it does, in as many lines as that takes.
    private static func lines(_ binding: Binding, _ model: Model) -> [[Run]] {
        let label =
            binding.label
            ?? ([binding.key] + binding.also.prefix(1)).map(\.label)
            .joined(separator: " ")
        let refused = binding.refusal(model) != nil
        let role: StyleRole = refused ? .dim : .text
        let parts = Wrap.lines(
            binding.sentence(model), width: max(8, width(model) - 15 - (refused ? 9 : 0)))
        return parts.enumerated().map { index, part in
            let head = index == 0 ? "  " + label : ""
            let pad = String(repeating: " ", count: max(1, 15 - GlyphWidth.columns(head)))
            let last = index == parts.count - 1
            return [
                Run(head + pad, .key, .bold), Run(part, role),
                Run(refused && last ? "  not now" : "", .warning),
            ]
        }
    }
}
