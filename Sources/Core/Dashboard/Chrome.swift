// What every screen shows: the header, alarms, the strip of the emergency, notices, the keys.
import Domain
import Screen
import Wire

enum Chrome {
    // MARK: Header

    static func header(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        canvas.frame.fill(rect, Style(.text, on: .bar))
        let name = name(model)
        let gap = 2
        let room = rect.width - min(columns(name) - 1, rect.width < 80 ? 22 : rect.width / 2) - gap
        let forms = rightForms(model)
        let tabs = Tabs.fitting(model, beside: forms.map(columns), room: room)
        let right = forms.first { columns($0) + tabs.columns <= room } ?? forms[forms.count - 1]
        canvas.frame.line(
            right + [Run(" ")], endX: rect.endX, y: rect.y, within: rect.width, on: .bar)
        let end = rect.endX - columns(right)
        let used = canvas.frame.line(
            name, x: rect.x, y: rect.y, limit: max(0, end - rect.x - tabs.columns - gap), on: .bar)
        tabs.draw(&canvas, x: rect.x + used + gap, y: rect.y)
    }
    /// With the blank at the end of the line.
    private static func columns(_ runs: [Run]) -> Int { runs.reduce(1) { $0 + $1.columns } }

    private static func name(_ model: Model) -> [Run] {
        let title = [Run(" TOCSIN", .strong), Run("  ")]
        guard let core = model.core else { return title }
        let environment = core.environment.isEmpty ? "" : " · " + core.environment
        return title + [Run(core.service, .text), Run(environment, .dim)]
    }

    /// Who, engine and time, the longest form first.
    private static func rightForms(_ model: Model) -> [[Run]] {
        let engine = engineState(model)
        // A clock that stands still says so.
        let asOf = model.isLost ? [Run("as of ", .warning)] : []
        let clock =
            model.engineNow.map { asOf + [Run($0.timeOfDay, .strong), Run(" UTC", .dim)] } ?? []
        let short = model.engineNow.map { asOf + [Run($0.timeOfDay, .strong)] } ?? []
        let dot = [Run(" · ", .dim)]
        let outbox = Outbox.sign(model).map { $0 + dot } ?? []
        let brief = Outbox.brief(model).map { $0 + [Run(" ")] } ?? []
        let who = model.you.map { [Run("\($0.user)@\(model.options.host)", .dim)] + dot } ?? []
        return [
            who + [Run("engine ", .dim)] + engine + dot + outbox + clock,
            [Run("engine ", .dim)] + engine + dot + outbox + clock,
            engine + dot + outbox + clock,
            engine + [Run(" ")] + outbox + clock,
            engine + dot + outbox + short,
            engine + dot + brief + short,
            engine + [Run(" ")] + brief + short,
            brief + short, short,
        ]
    }

    private static func engineState(_ model: Model) -> [Run] {
        switch model.connection {
        case .connecting: return [Run("○ connecting", .dim)]
        case .lost: return [Run("✖ gone — reconnecting", .bad, .bold)]
        case .live:
            if let silence = model.silence {
                return [Run("▲ stale \(Int(silence)) s", .warning, .bold)]
            }
            return [Run("●", .good), Run(" live", .dim)]
        }
    }

    // MARK: Alarms

    /// What is wrong with Tocsin itself, and that what is shown is old.
    /// - Returns: the room that is left.
    static func alarms(_ model: Model, _ canvas: inout Canvas, _ area: Rect) -> Rect {
        let most = max(1, area.height / 8)
        var lines: [String] = []
        lines += gone(model, area)
        let alarms = model.core?.alarms ?? []
        var own = alarms.flatMap { broken("✖ " + $0, area, limit: 2) }
        if lines.count + own.count > most {
            // Whoever was not told is worth more than why.
            own = brief(alarms).flatMap { broken("✖ " + $0, area, limit: 2) }
        }
        var rest = area
        for text in (lines + own).prefix(max(most, lines.count)) {
            let (row, below) = rest.split(top: 1)
            canvas.frame.fill(row, Style(.strong, on: .bad))
            canvas.frame.text(
                text, x: row.x + 1, y: row.y, Style(.strong, on: .bad), limit: row.width - 2)
            rest = below
        }
        return line(model, &canvas, rest)
    }

    /// What it means that the engine is gone, and what helps: whole parts, the most telling first.
    private static func gone(_ model: Model, _ area: Rect) -> [String] {
        guard case .lost(let since, let why) = model.connection, model.situation != nil else {
            return []
        }
        let ago = Times.spoken((model.now - since).seconds)
        let asOf = model.engineNow.map { "all this is as of \($0.timeOfDay), \(ago) ago" }
        let words = "✖ engine gone: nothing is watched and nobody is told"
        let remedy = "start it: \(model.startCommand)"
        let forms = [[words, asOf, remedy, why], [words, asOf, remedy], [words, asOf], [words]]
            .map { $0.compactMap(\.self).joined(separator: " · ") }
        let limit = area.height >= 20 ? 3 : 1
        let width = max(8, area.width - 4)
        let fitting = forms.first { Wrap.lines($0, width: width, limit: limit + 1).count <= limit }
        return broken(fitting ?? words, area, limit: limit)
    }
    /// The end of an alarm is its remedy: more lines rather than a cut, where there is room.
    private static func broken(_ text: String, _ area: Rect, limit: Int) -> [String] {
        guard area.height >= 20 else { return [text] }
        return Wrap.lines(text, width: max(8, area.width - 4), limit: limit).enumerated()
            .map { $0.offset == 0 ? $0.element : "  " + $0.element }
    }
    /// Those of one kind as one: `NOT TOLD: 2 people — Priya Nair, Oren Katz`.
    private static func brief(_ alarms: [String]) -> [String] {
        let mark = "NOT TOLD: "
        let names = alarms.filter { $0.hasPrefix(mark) }.map { alarm in
            let rest = alarm.dropFirst(mark.count)
            return String(rest[..<(rest.firstRange(of: " — ")?.lowerBound ?? rest.endIndex)])
        }
        guard names.count > 1 else { return alarms }
        return ["\(mark)\(names.count) people — \(names.joined(separator: ", "))"]
            + alarms.filter { !$0.hasPrefix(mark) }
    }

    /// What somebody has to say to everybody: `update-dashboard`'s line.
    private static func line(_ model: Model, _ canvas: inout Canvas, _ area: Rect) -> Rect {
        guard let line = model.core?.line, area.height >= 6 else { return area }
        let (row, rest) = area.split(top: 1)
        canvas.frame.fill(row, Style(.text, on: .selected))
        let joint = line.status.isEmpty || line.message.isEmpty ? "" : " · "
        canvas.frame.line(
            [
                Run("◆ ", .accent, .bold), Run(line.status, .heading), Run(joint, .dim),
                Run(line.message, .strong),
            ], x: row.x + 1, y: row.y, limit: row.width - 2, on: .selected)
        return rest
    }

    // MARK: Notices

    /// What was just done or refused, over the row above the keys.
    static func notice(_ model: Model, _ canvas: inout Canvas, above y: Int) {
        guard let notice = model.notice, model.sheet == nil, y > 1 else { return }
        let width = canvas.frame.width
        let lines = Wrap.lines(notice.text, width: width - 5, limit: 3)
        let rect = Rect(x: 0, y: y - lines.count, width: width, height: lines.count)
        canvas.frame.fill(rect, Style(.text, on: .selected))
        let sign =
            switch notice.role {
            case .good: "✔"
            case .bad: "✖"
            case .warning: "▲"
            default: "·"
            }
        canvas.frame.text(sign, x: 1, y: rect.y, Style(notice.role, on: .selected, .bold))
        for (index, line) in lines.enumerated() {
            canvas.frame.text(
                line, x: 3, y: rect.y + index, Style(.strong, on: .selected), limit: width - 4)
        }
    }

    // MARK: Keys

    /// The keys that work now, most wanted first; what does not fit is found under `?`.
    static func keys(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        // In a narrow terminal what the moment asks for is worth more than the palette.
        var hints = hints(model)
        if rect.width < 60 { hints.removeAll { $0.key == .character(":") } }
        guard rect.width >= 60, rect.width < 100, model.page == .command, model.emergency != nil
        else {
            return draw(hints, &canvas, rect, always: rect.width < 60 ? 2 : 3)
        }
        // During an emergency its keys are worth more than any other but the one that finds the rest.
        let help = hints.filter { $0.key == .character("?") && $0.word == "help" }
        hints.removeAll { help.contains($0) }
        let screens = hints.filter { $0.word == "screens" }
        hints.removeAll { screens.contains($0) }
        draw(hints + screens + help, &canvas, rect, always: help.count)
    }

    /// What an emergency asks for on the first screen, in this order.
    private static let first = [
        "acknowledge", "veto-rollback", "run-proposal", "rollback", "deactivate-emergency",
        "hand-over", "note", "acknowledge-for", "set-level",
    ]

    struct Hint: Equatable {
        var label: String
        var word: String
        /// What a click presses.
        var key: Key
    }

    static func hints(_ model: Model) -> [Hint] {
        if model.page == .rollback, model.rollback.sheet != nil {
            return RollbackSheet.hints(model)
        }
        if model.page == .backups, model.backups.sheet != nil { return RestoreSheet.hints(model) }
        let here = Keymap.bindings.filter { binding in
            !binding.hint.isEmpty && binding.works(on: model.page) && binding.refusal(model) == nil
                && !(model.isLost && binding.name == "recovery")
                && Keymap.binding(for: binding.key, on: model.page)?.name == binding.name
        }
        let closing: Set<String> = ["commands", "help", "quit"]
        let urgent = here.filter { $0.urgent(model) }
        var others = here.filter { !$0.urgent(model) && !closing.contains($0.name) }
        if model.page == .command, model.emergency != nil {
            let wanted = first.compactMap { name in others.first { $0.name == name } }
            others = wanted + others.filter { !first.contains($0.name) }
        }
        let ends = here.filter { closing.contains($0.name) }
        var hints = (urgent + others).map { hint($0, model) }
        if model.page != .command {
            hints.append(Hint(label: "esc", word: "back", key: .escape))
        }
        hints.append(Hint(label: "1 3-7", word: "screens", key: .character("?")))
        return hints + ends.map { hint($0, model) }
    }
    private static func hint(_ binding: Binding, _ model: Model) -> Hint {
        Hint(
            label: binding.label ?? binding.key.label, word: binding.word(model) ?? binding.hint,
            key: binding.key)
    }

    /// - Parameter always: how many of the last hints are kept whatever the room.
    static func draw(
        _ hints: [Hint], _ canvas: inout Canvas, _ rect: Rect, always: Int
    ) {
        canvas.frame.fill(rect, Style(.text, on: .bar))
        func columns(_ hint: Hint) -> Int {
            GlyphWidth.columns(hint.label) + GlyphWidth.columns(hint.word) + 3
        }
        let kept = Array(hints.suffix(always))
        var room = rect.width - 1 - kept.reduce(0) { $0 + columns($1) }
        var shown: [Hint] = []
        for hint in hints.dropLast(always) {
            guard columns(hint) <= room else { continue }
            room -= columns(hint)
            shown.append(hint)
        }
        var x = rect.x + 1
        for hint in shown + kept {
            let start = x
            x += canvas.frame.text(
                hint.label, x: x, y: rect.y, Style(.key, on: .bar, .bold), limit: rect.endX - x)
            x += 1
            x += canvas.frame.text(
                hint.word, x: x, y: rect.y, Style(.dim, on: .bar), limit: rect.endX - x)
            canvas.spot(Rect(x: start, y: rect.y, width: x - start, height: 1), .press(hint.key))
            x += 2
        }
    }

    // MARK: Before the engine was heard

    static func waiting(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        let lost: String? = if case .lost(_, let why) = model.connection { why } else { nil }
        let box = area.centred(width: min(72, area.width - 4), height: min(11, area.height))
        var y = box.y
        func line(_ text: String, _ role: StyleRole, _ canvas: inout Canvas) {
            for part in Wrap.lines(text, width: box.width, limit: 3) where y < area.endY {
                canvas.frame.text(part, x: box.x, y: y, Style(role), limit: box.width)
                y += 1
            }
        }
        if let lost {
            line("✖ No engine answers", .bad, &canvas)
            y += 1
            line(lost, .text, &canvas)
            line(model.options.engine, .dim, &canvas)
            y += 1
            line("It is tried again every few seconds.", .dim, &canvas)
            line("Start one: \(model.startCommand)", .text, &canvas)
            line("q leaves.", .dim, &canvas)
        } else {
            line("○ Connecting to the engine", .text, &canvas)
            line(model.options.engine, .dim, &canvas)
        }
    }
}
