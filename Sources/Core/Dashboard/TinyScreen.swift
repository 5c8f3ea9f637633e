// The picture when there is hardly any room: level, clock, the worst component.
import Domain
import Screen
import Wire

enum TinyScreen {
    static func draw(_ model: Model, _ canvas: inout Canvas) {
        let rect = canvas.frame.bounds
        var lines: [[Run]] = []
        guard let core = model.core else {
            let text = model.isLost ? "✖ no engine" : "○ connecting"
            canvas.frame.text(text, x: 0, y: 0, Style(model.isLost ? .bad : .dim))
            return
        }
        if let emergency = model.emergency, let level = model.level {
            let clock = ResponseClock(emergency, model)
            let name = (core.level?.name ?? level.name).uppercased()
            let long = "\(level.sign) LEVEL \(level.rawValue) \(name)"
            let fits = GlyphWidth.columns(long) + GlyphWidth.columns(clock.words) + 1 <= rect.width
            let short =
                rect.width >= 9 ? "\(level.sign) LEVEL \(level.rawValue)" : "\(level.rawValue)"
            if fits {
                lines.append([Run(long + " ", level.role, .bold), Run(clock.words, .strong)])
            } else {
                lines.append([
                    Run(GlyphWidth.columns(long) <= rect.width ? long : short, level.role, .bold)
                ])
                lines.append([Run(clock.words, clock.state == .overdue ? .bad : .strong)])
            }
            lines.append([Run(emergency.reason, .text)])
        } else {
            lines.append([Run("● ", core.health.state.role), Run("No emergency", .strong)])
        }
        lines += waiting(core, model)
        if let procedure = core.procedure, !procedure.state.isOver {
            let percent = Int((min(max(procedure.progress, 0), 1) * 100).rounded(.down))
            let word =
                switch procedure.state {
                case .waiting: "WAITS FOR YOU"
                case .paused: "PAUSED \(percent) %"
                case .running, .undoing, .succeeded, .failed, .undone: "\(percent) %"
                }
            lines.append(
                [Run(procedure.state.sign + " ", procedure.state.role)] + procedure.mark
                    + [Run("\(word) \(procedure.title)", .text)])
        }
        let broken = (model.situation?.components ?? []).filter { $0.state != .healthy }
            .sorted { $0.state.rank < $1.state.rank }
        for component in broken {
            let telling = Telling(component, in: model)
            lines.append([
                Run(telling.sign + " ", telling.role, .bold), Run(component.name + " ", .strong),
                Run(telling.message, .text),
            ])
        }
        if model.emergency != nil, let trouble = Outbox.trouble(model) { lines.append(trouble) }
        if broken.isEmpty {
            lines.append([Run("health \(core.health.score) / 100", .dim)])
        }
        if model.isLost {
            lines.insert(
                [Run("✖ engine gone: nobody is told", .bad, .bold)], at: min(2, lines.count))
        }
        if let silence = model.silence {
            lines.insert([Run("▲ stale \(Int(silence)) s", .warning)], at: min(2, lines.count))
        }
        for (y, line) in lines.prefix(rect.height).enumerated() {
            canvas.frame.line(line, x: 0, y: y, limit: rect.width)
        }
        keys(model, &canvas, rect, used: lines.count)
    }

    /// What somebody must hear of, in a line each.
    private static func waiting(_ core: SituationCore, _ model: Model) -> [[Run]] {
        var lines: [[Run]] = []
        let coming = core.proposals.first { $0.kind == "rollback" && $0.runsAt != nil }
        if let left = model.seconds(until: coming?.runsAt) {
            lines.append([
                Run("▲ rollback in \(Times.countdown(max(0, left)))", .bad, .bold),
                Run(": v vetoes it", .text),
            ])
        }
        if let request = core.request, let left = model.seconds(until: request.expiresAt) {
            let word = Why.notToApprove(model) == nil ? "approve a rollback" : "a request waits"
            lines.append([
                Run("? \(word), \(Times.countdown(max(0, left)))", .warning, .bold),
                Run(" by \(model.firstName(request.by))", .text),
            ])
        }
        if core.procedure == nil, core.rollback?.state == .failed {
            lines.append([Run("✖ ROLLBACK FAILED half-way", .bad, .bold)])
        }
        return lines
    }

    private static func keys(_ model: Model, _ canvas: inout Canvas, _ rect: Rect, used: Int) {
        guard rect.height > used, rect.width >= 16 else { return }
        var runs: [Run] = []
        if Why.notToAcknowledge(model) == nil {
            runs += [Run("a", .key, .bold), Run(" acknowledge  ", .dim)]
        }
        if model.core?.request == nil, Why.nothingToVeto(model) == nil {
            runs += [Run("v", .key, .bold), Run(" veto  ", .dim)]
        }
        runs += [Run("q", .key, .bold), Run(" quit", .dim)]
        canvas.frame.line(runs, x: 0, y: rect.height - 1, limit: rect.width)
    }
}
