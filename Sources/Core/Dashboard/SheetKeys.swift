// The keys of what lies above a screen: help, palette, themes, forms, questions.
import Domain
import Screen
import Wire

extension Model {
    mutating func pressOnSheet(_ key: Key) -> [Effect] {
        if key == .escape || key == .control("c") { return closeSheet() }
        switch sheet {
        case .help(let scroll): return pressOnHelp(key, scroll)
        case .palette(let state): return pressOnPalette(key, state)
        case .themes(let state): return pressOnThemes(key, state)
        case .note(let field): return pressOnNote(key, field)
        case .activate(let state): return pressOnActivate(key, state)
        case .deactivate(let state): return pressOnDeactivate(key, state)
        case .confirm(let state): return pressOnConfirm(key, state)
        case .undo(let state): return pressOnUndo(key, state)
        case .form(let state): return pressOnForm(key, state)
        case .fallbacks(let selected): return pressOnFallbacks(key, selected)
        case .faults(let selected): return pressOnFaults(key, selected)
        case .report:
            if key == .enter || key == .character("q") || key == .character(" ") { sheet = nil }
            return []
        case nil: return []
        }
    }

    private mutating func closeSheet() -> [Effect] {
        if case .themes(let state) = sheet { theme = state.before }
        if case .confirm(let state) = sheet, let form = state.form {
            sheet = .form(form)
            return []
        }
        sheet = nil
        return []
    }

    mutating func chooseOnSheet(_ index: Int) -> [Effect] {
        switch sheet {
        case .palette(var state):
            // A click on what is selected already runs it, as enter does.
            if state.selected == index { return pressOnSheet(.enter) }
            state.selected = index
            sheet = .palette(state)
        case .themes(let state): select(theme: index, state)
        case .activate(var state):
            state.level = Level(wire: index)
            sheet = .activate(state)
        case .fallbacks(let selected):
            if selected == index { return pressOnSheet(.enter) }
            sheet = .fallbacks(selected: index)
        case .faults(let selected):
            if selected == index { return pressOnSheet(.enter) }
            sheet = .faults(selected: index)
        case .form(let state): chooseOnForm(index, state)
        case .undo(var state):
            state.selected = index
            state.scroll = 0
            sheet = .undo(state)
        case .help, .note, .deactivate, .confirm, .report, nil: break
        }
        return []
    }

    private mutating func pressOnHelp(_ key: Key, _ scroll: Int) -> [Effect] {
        switch key {
        case .down, .character("j"): sheet = .help(scroll: scroll + 1)
        case .up, .character("k"): sheet = .help(scroll: max(0, scroll - 1))
        case .pageDown, .character(" "): sheet = .help(scroll: scroll + 10)
        case .pageUp: sheet = .help(scroll: max(0, scroll - 10))
        case .character("?"), .character("q"), .enter: sheet = nil
        default:
            // Whoever has found the key may press it at once.
            sheet = nil
            return press(key)
        }
        if case .help(let wanted) = sheet {
            sheet = .help(scroll: min(wanted, HelpSheet.longest(self)))
        }
        return []
    }

    private mutating func pressOnPalette(_ key: Key, _ state: PaletteState) -> [Effect] {
        var state = state
        let entries = CommandPalette.entries(self, matching: state.query.text)
        switch key {
        case .enter:
            guard entries.indices.contains(state.selected) else { return [] }
            let entry = entries[state.selected]
            if let why = entry.refusal {
                sheet = nil
                refuse(entry.name, why)
                return []
            }
            sheet = nil
            return entry.act(&self)
        case .down, .control("n"), .tab: state.selected = min(state.selected + 1, entries.count - 1)
        case .up, .control("p"), .backTab: state.selected -= 1
        case .pageDown: state.selected = min(state.selected + 10, entries.count - 1)
        case .pageUp: state.selected -= 10
        default: if state.query.take(key) { state.selected = 0 }
        }
        state.selected = max(0, state.selected)
        sheet = .palette(state)
        return []
    }

    private mutating func pressOnThemes(_ key: Key, _ state: ThemesState) -> [Effect] {
        let count = options.themes.count
        switch key {
        case .down, .character("j"), .tab: select(theme: min(state.selected + 1, count - 1), state)
        case .up, .character("k"), .backTab: select(theme: max(state.selected - 1, 0), state)
        case .enter, .character("t"), .character("q"):
            sheet = nil
            if theme.id != state.before.id {
                say("theme \(theme.name); keep it with --theme \(theme.id)", .text)
            }
        default: break
        }
        return []
    }
    private mutating func select(theme index: Int, _ state: ThemesState) {
        guard options.themes.indices.contains(index) else { return }
        theme = options.themes[index]
        sheet = .themes(ThemesState(selected: index, before: state.before))
    }

    private mutating func pressOnNote(_ key: Key, _ field: TextField) -> [Effect] {
        var field = field
        if key == .enter {
            guard !field.isEmpty else { return [] }
            sheet = nil
            return send(CommandRequest(command: "note", text: field.text))
        }
        _ = field.take(key)
        sheet = .note(field)
        return []
    }

    private mutating func pressOnActivate(_ key: Key, _ state: ActivateState) -> [Effect] {
        var state = state
        switch key {
        case .enter:
            guard !state.reason.isEmpty else { return [] }
            sheet = nil
            return send(
                CommandRequest(
                    command: "activate-emergency", reason: state.reason.text,
                    level: state.level.rawValue))
        case .up, .backTab: state.level = Level(wire: state.level.rawValue - 1)
        case .down, .tab:
            state.level = Level(wire: state.level.rawValue == 4 ? 1 : state.level.rawValue + 1)
        default: _ = state.reason.take(key)
        }
        sheet = .activate(state)
        return []
    }

    private mutating func pressOnDeactivate(_ key: Key, _ state: DeactivateState) -> [Effect] {
        var state = state
        let wordless = stillFailing.isEmpty
        if wordless {
            switch key {
            case .character("y"), .enter:
                sheet = nil
                return send(CommandRequest(command: "deactivate-emergency"))
            case .character("n"), .character("q"): sheet = nil
            default: break
            }
            return []
        }
        if key == .enter {
            let word = state.word.text.trimmingBlanks
            guard !word.isEmpty else {
                state.problem = "say why it ends all the same, or esc leaves it open"
                sheet = .deactivate(state)
                return []
            }
            sheet = nil
            return send(CommandRequest(command: "deactivate-emergency", text: word))
        }
        if state.word.take(key) { state.problem = nil }
        sheet = .deactivate(state)
        return []
    }

    private mutating func pressOnConfirm(_ key: Key, _ state: ConfirmState) -> [Effect] {
        var state = state
        if state.name != nil { return pressOnNamed(key, state) }
        switch key {
        case .character("y"):
            sheet = nil
            return send(state.request)
        case .character("n"), .character("q"): sheet = state.form.map(Sheet.form)
        case .down, .character("j"), .pageDown:
            state.scroll = min(state.scroll + 1, max(0, state.steps.count - 1))
            sheet = .confirm(state)
        case .up, .character("k"), .pageUp:
            state.scroll = max(0, state.scroll - 1)
            sheet = .confirm(state)
        default: break
        }
        return []
    }

    /// A question that the service's name answers.
    private mutating func pressOnNamed(_ key: Key, _ state: ConfirmState) -> [Effect] {
        var state = state
        switch key {
        case .enter:
            guard let service = core?.service, let typed = state.name?.text, !typed.isEmpty else {
                return []
            }
            guard typed == service else {
                state.problem = "“\(typed)” is not the service's name; it is \(service)."
                sheet = .confirm(state)
                return []
            }
            sheet = nil
            return send(state.request)
        case .down, .pageDown: state.scroll = min(state.scroll + 1, max(0, state.steps.count * 2))
        case .up, .pageUp: state.scroll = max(0, state.scroll - 1)
        default: if state.name?.take(key) == true { state.problem = nil }
        }
        sheet = .confirm(state)
        return []
    }

    private mutating func pressOnFallbacks(_ key: Key, _ selected: Int) -> [Effect] {
        let all = core?.fallbacks ?? []
        switch key {
        case .down, .character("j"): sheet = .fallbacks(selected: min(selected + 1, all.count - 1))
        case .up, .character("k"): sheet = .fallbacks(selected: max(0, selected - 1))
        case .character("q"), .character("f"): sheet = nil
        case .enter, .character("t"):
            guard all.indices.contains(selected) else { return [] }
            let one = all[selected]
            let command =
                key != .enter
                ? "test-fallback" : one.enabled ? "disable-fallback" : "enable-fallback"
            sheet = nil
            return send(CommandRequest(command: command, name: one.name))
        default: break
        }
        return []
    }

    private mutating func pressOnFaults(_ key: Key, _ selected: Int) -> [Effect] {
        let all = runbook?.faults ?? []
        switch key {
        case .down, .character("j"): sheet = .faults(selected: min(selected + 1, all.count - 1))
        case .up, .character("k"): sheet = .faults(selected: max(0, selected - 1))
        case .character("q"), .character("x"): sheet = nil
        case .enter, .character(" "):
            guard all.indices.contains(selected) else { return [] }
            let name = all[selected]
            return [.setFault(name, on: !faultsOn.contains(name))]
        default: break
        }
        return []
    }
}
