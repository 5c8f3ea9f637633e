// The level, its clock and its reason: the first thing that is seen.
import Domain
import Screen
import Wire

enum Banner {
    /// - Returns: the room below it.
    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) -> Rect {
        guard let emergency = model.emergency, let level = model.level else {
            return quiet(model, &canvas, area)
        }
        let tall = area.height >= 16 && area.width >= Layout.twoColumns
        let (rect, rest) = area.split(top: tall ? 4 : min(area.height, 3))
        let filled = level == .critical
        let style = Style(filled ? .strong : level.role, on: filled ? level.ground : .base)
        if filled {
            canvas.frame.fill(rect, style)
        } else if tall {
            canvas.frame.box(rect, Style(level.role), .heavy)
        } else {
            canvas.frame.rule(x: rect.x, y: rect.endY - 1, width: rect.width, Style(level.role))
        }
        let inner = rect.inset(
            left: tall ? 2 : 1, top: tall ? 1 : 0, right: tall ? 2 : 1, bottom: tall ? 1 : 0)
        first(emergency, level, model, &canvas, inner, style)
        second(emergency, level, model, &canvas, inner, style)
        return rest
    }

    /// Level, reason, clock.
    private static func first(
        _ emergency: EmergencyReport, _ level: Level, _ model: Model, _ canvas: inout Canvas,
        _ rect: Rect, _ style: Style
    ) {
        guard rect.height > 0 else { return }
        let name = (model.core?.level?.name ?? level.name).uppercased()
        let title = "\(level.sign) LEVEL \(level.rawValue)  \(name)"
        let gap = rect.width >= 100 ? 5 : 3
        // The reason is worth more than the response time in words, which the bar says too.
        let needed = GlyphWidth.columns(title) + gap + GlyphWidth.columns(emergency.reason) + 2
        let taken = clock(emergency, model, &canvas, rect, style, beside: needed)
        let room = rect.width - taken - 2
        let x = rect.x + canvas.frame.text(title, x: rect.x, y: rect.y, style.bold, limit: room)
        let left = rect.x + room - x - gap
        guard left > 8 else { return }
        canvas.frame.text(
            emergency.reason, x: x + gap, y: rect.y, Style(.strong, on: style.ground), limit: left)
    }

    /// The clock at the right end.
    /// - Returns: the columns that it takes.
    private static func clock(
        _ emergency: EmergencyReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect,
        _ style: Style, beside needed: Int
    ) -> Int {
        let clock = ResponseClock(emergency, model)
        let words = clock.words
        let width = GlyphWidth.columns(words)
        guard width <= rect.width else { return 0 }
        let x = rect.endX - width
        let filled = style.ground != .base
        switch clock.state {
        case .stopped:
            canvas.frame.text(
                words, x: x, y: rect.y, Style(filled ? .strong : .good, on: style.ground, .bold))
            return width
        case .overdue:
            let urgent =
                filled
                ? Style(.strong, on: style.ground, [.bold, .reverse])
                : Style(.strong, on: .bad, .bold)
            canvas.frame.text(" \(words) ", x: x - 1, y: rect.y, urgent)
            return width + 1
        case .running:
            canvas.frame.text(words, x: x, y: rect.y, style.bold)
        }
        let bar = min(24, rect.width / 7)
        guard bar >= 6, rect.width >= 56 else { return width }
        canvas.frame.bar(
            x: x - bar - 1, y: rect.y, width: bar, share: clock.share, style,
            Style(.border, on: style.ground))
        guard rect.width >= 104 else { return width + bar + 1 }
        let within = "respond within \(Times.minutes(clock.allowed))"
        let start = x - bar - 3 - within.count
        guard needed <= start - rect.x else { return width + bar + 1 }
        canvas.frame.text(
            within, x: start, y: rect.y, Style(filled ? .strong : .dim, on: style.ground))
        return rect.endX - start
    }

    /// Id, age, who has it.
    private static func second(
        _ emergency: EmergencyReport, _ level: Level, _ model: Model, _ canvas: inout Canvas,
        _ rect: Rect, _ style: Style
    ) {
        guard rect.height > 1 else { return }
        let ground = style.ground
        if rect.width < 60 {
            canvas.frame.line(
                [Run(emergency.reason, .strong)], x: rect.x, y: rect.y + 1, limit: rect.width,
                on: ground)
            return
        }
        let room = rect.width - 2
        let parts = fitting(facts(emergency, model), room: room)
        let used = canvas.frame.line(parts, x: rect.x + 2, y: rect.y + 1, limit: room, on: ground)
        let id = emergency.id
        if used + id.count + 4 < rect.width {
            canvas.frame.text(
                id, x: rect.endX - id.count, y: rect.y + 1, Style(.dim, on: ground))
        }
    }

    /// One thing that the second line says.
    private struct Fact {
        var runs: [Run]
        /// What it says where there is less room, and when it comes to that.
        var short: (runs: [Run], at: Turn)?
        /// When it is left out; nil: never.
        var out: Turn?
    }
    /// What goes first where there is no room for all, and what next.
    private enum Turn: CaseIterable {
        case time, reopenings, ticket, key, problems, age, reports, attempts
    }

    private static func facts(_ emergency: EmergencyReport, _ model: Model) -> [Fact] {
        var facts: [Fact] = []
        if let open = model.seconds(since: emergency.activatedAt) {
            facts.append(
                Fact(runs: [Run("open ", .dim), Run(Times.clock(open), .text)], out: .age))
        }
        facts.append(answer(emergency, model))
        if emergency.recoveryAttempts > 0 {
            let tried = "\(emergency.recoveryAttempts) of \(emergency.maxRecoveryAttempts)"
            facts.append(Fact(runs: [Run("recovery tried \(tried)", .warning)], out: .attempts))
        }
        let reported = model.core?.reported ?? []
        if !reported.isEmpty {
            facts.append(
                Fact(
                    runs: [Run("reported: " + reported.joined(separator: ", "), .bad)],
                    short: ([Run("\(reported.count) reported", .bad)], .problems), out: .reports))
        }
        if let ticket = emergency.ticket {
            facts.append(Fact(runs: [Run("ticket \(ticket)", .text)], out: .ticket))
        }
        if emergency.reopenings > 0 {
            let times = Numbers.times(emergency.reopenings)
            facts.append(Fact(runs: [Run("reopened \(times)", .warning)], out: .reopenings))
        }
        return facts
    }

    private static func answer(_ emergency: EmergencyReport, _ model: Model) -> Fact {
        if let by = emergency.acknowledgedBy {
            let words = "acknowledged by \(model.person(by))"
            if let until = emergency.acknowledgedUntil {
                let end = " until " + Times.until(until, now: model.engineNow)
                return Fact(runs: [Run(words + end, .good)])
            }
            // The clock above says after how long.
            let at = emergency.acknowledgedAt.map { " at " + Times.ofDay($0) } ?? ""
            return Fact(runs: [Run(words + at, .good)], short: ([Run(words, .good)], .time))
        }
        let open = [Run("not acknowledged", .strong, .bold)]
        guard Why.notToAcknowledge(model) == nil else { return Fact(runs: open) }
        let key = [Run(" — ", .dim), Run("a", .key, .bold), Run(" to acknowledge", .text)]
        return Fact(runs: open + key, short: (open, .key))
    }

    /// Whole facts only: what matters least becomes shorter, or is left out, until the rest fits.
    private static func fitting(_ facts: [Fact], room: Int) -> [Run] {
        var facts = facts
        func line() -> [Run] {
            facts.enumerated().flatMap { index, fact in
                (index == 0 ? [] : [Run(" · ", .dim)]) + fact.runs
            }
        }
        for turn in Turn.allCases where line().reduce(0, { $0 + $1.columns }) > room {
            for index in facts.indices where facts[index].short?.at == turn {
                facts[index].runs = facts[index].short?.runs ?? []
            }
            facts.removeAll { $0.out == turn }
        }
        return line()
    }

    /// No emergency: one quiet line.
    private static func quiet(_ model: Model, _ canvas: inout Canvas, _ area: Rect) -> Rect {
        let (row, rest) = area.split(top: area.height >= 12 ? 2 : 1)
        guard let core = model.core, row.height > 0 else { return rest }
        let state = core.health.state
        var parts = [Run("\(state.sign) ", state.role), Run("No emergency", .strong)]
        if let since = core.quietSince, let seconds = model.seconds(since: since) {
            let word = state == .healthy ? "healthy for " : "quiet for "
            parts += [Run(" · ", .dim), Run(word + Times.spoken(seconds), .text)]
        }
        if state != .healthy {
            parts += [Run(" · ", .dim), Run("health \(state.rawValue)", state.role)]
        }
        if !core.reported.isEmpty {
            parts += [Run(" · reported: " + core.reported.joined(separator: ", "), .bad)]
        }
        canvas.frame.line(parts, x: row.x + 1, y: row.endY - 1, limit: row.width - 2)
        let (_, below) = rest.split(top: area.height >= 20 ? 1 : 0)
        return below
    }
}
