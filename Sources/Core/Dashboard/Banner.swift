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
        var parts: [Run] = []
        let dot = Run(" · ", .dim)
        if rect.width < 60 {
            parts.append(Run(emergency.reason, .strong))
            canvas.frame.line(parts, x: rect.x, y: rect.y + 1, limit: rect.width, on: ground)
            return
        }
        if let open = model.seconds(since: emergency.activatedAt) {
            parts += [Run("open ", .dim), Run(Times.clock(open), .text), dot]
        }
        if let by = emergency.acknowledgedBy {
            let until = emergency.acknowledgedUntil.map {
                " until " + Times.until($0, now: model.engineNow)
            }
            let at = emergency.acknowledgedAt.map { " at " + Times.ofDay($0) } ?? ""
            parts.append(Run("acknowledged by \(model.person(by))\(until ?? at)", .good))
        } else {
            parts += [
                Run("not acknowledged", .strong, .bold), Run(" — ", .dim),
                Run("a", .key, .bold), Run(" to acknowledge", .text),
            ]
        }
        if !(model.core?.reported ?? []).isEmpty {
            parts += [
                dot, Run("reported: " + (model.core?.reported ?? []).joined(separator: ", "), .bad),
            ]
        }
        if let ticket = emergency.ticket { parts += [dot, Run("ticket \(ticket)", .text)] }
        if emergency.reopenings > 0 {
            parts += [dot, Run("reopened \(Numbers.times(emergency.reopenings))", .warning)]
        }
        if emergency.recoveryAttempts > 0 {
            let tried = "\(emergency.recoveryAttempts) of \(emergency.maxRecoveryAttempts)"
            parts += [dot, Run("recovery tried \(tried)", .warning)]
        }
        let used = canvas.frame.line(
            parts, x: rect.x + 2, y: rect.y + 1, limit: rect.width - 2, on: ground)
        let id = emergency.id
        if used + id.count + 4 < rect.width {
            canvas.frame.text(
                id, x: rect.endX - id.count, y: rect.y + 1, Style(.dim, on: ground))
        }
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
