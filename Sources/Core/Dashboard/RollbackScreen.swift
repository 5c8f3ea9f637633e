// Screen 5 while a rollback runs, and after it: how far, how long, what it writes, what helps now.
import Domain
import Screen
import Wire

enum RollbackScreen {
    static func copyText(_ model: Model) -> String {
        if let sheet = model.rollback.sheet, let plan = sheet.plan ?? model.runbook?.rollback {
            var lines = ["Rollback to \(plan.to), plan \(plan.hash)"]
            for stage in plan.stages {
                lines.append(stage.name)
                lines += stage.steps.map { "  \($0.name): \($0.command)" }
            }
            return lines.joined(separator: "\n") + "\n"
        }
        guard let rollback = model.anyRollback else { return "" }
        return ([rollback.message] + rollback.output).joined(separator: "\n") + "\n"
    }

    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        guard let rollback = model.anyRollback else {
            canvas.frame.text(
                "The runbook has no rollback", x: area.x + 2, y: area.y + 1, Style(.dim),
                limit: area.width - 4)
            return
        }
        let (top, rest) = area.split(top: area.height >= 14 ? 4 : 2)
        head(rollback, model, &canvas, top)
        let body = verdict(rollback, model, &canvas, rest)
        if model.rollback.fullLog {
            ProcedureView.output(rollback, scroll: model.rollback.scroll, &canvas, body)
        } else if area.width >= 100 {
            let (left, right) = body.split(left: min(64, max(48, area.width * 48 / 100)))
            stages(rollback, model, &canvas, left)
            ProcedureView.output(
                rollback, scroll: model.rollback.scroll, &canvas, right.inset(left: 1))
            canvas.divide(body, atX: left.endX)
        } else {
            let wanted = rows(rollback, room: body.height).count
            let (upper, lower) = body.split(top: min(wanted + 1, max(3, body.height * 7 / 10)))
            stages(rollback, model, &canvas, upper)
            ProcedureView.output(rollback, scroll: model.rollback.scroll, &canvas, lower)
        }
    }

    // MARK: Head

    private static func head(
        _ rollback: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        let by = model.firstName(rollback.startedBy)
        var right = [Run("\(by) \(Times.ofDay(rollback.startedAt))", .dim)]
        if let authorization = rollback.authorization {
            right = [Run("\(authorization) · ", .dim)] + right
        }
        let y = rect.y + (rect.height >= 4 ? 1 : 0)
        let taken = canvas.frame.line(right, endX: rect.endX - 1, y: y, within: rect.width / 2)
        let test = rollback.testMode ? " (test mode)" : ""
        var left = [
            Run(rollback.state.sign + " ", rollback.state.role, .bold),
            Run("ROLLBACK", .strong, .bold), Run(" to \(rollback.name)\(test)", .text),
        ]
        if !rollback.reason.isEmpty { left.append(Run(" · \(rollback.reason)", .dim)) }
        canvas.frame.line(left, x: rect.x + 1, y: y, limit: rect.width - taken - 3)
        progress(rollback, model, &canvas, Rect(x: rect.x, y: y + 1, width: rect.width, height: 1))
    }

    private static func progress(
        _ rollback: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        let elapsed = ProcedureView.elapsed(rollback, model)
        var times = [Run(Times.clock(elapsed), .strong)]
        if !rollback.state.isOver, let expected = rollback.expectedSeconds {
            times += [Run(" of about ", .dim), Run(Times.clock(expected), .text)]
        }
        if let target = rollback.targetSeconds {
            let late = elapsed > target
            times += [
                Run("   target ", .dim), Run(Times.clock(target), late ? .bad : .text),
                Run(late ? " ✖" : "", .bad),
            ]
        }
        let percent = "\(Int((min(max(rollback.progress, 0), 1) * 100).rounded(.down))) %"
        let columns = times.reduce(0) { $0 + $1.columns } + 10
        let bar = rect.width - columns - 2
        guard bar >= 8 else {
            canvas.frame.line(
                [Run(percent + "  ", .strong)] + times, x: rect.x + 1, y: rect.y,
                limit: rect.width - 2)
            return
        }
        let role: StyleRole =
            switch rollback.state {
            case .running, .succeeded: .good
            case .failed: .bad
            case .waiting, .paused, .undoing, .undone: .warning
            }
        canvas.frame.bar(
            x: rect.x + 1, y: rect.y, width: bar, share: rollback.progress, Style(role),
            Style(.border))
        canvas.frame.line(
            [Run(percent, .strong)], endX: rect.x + bar + 7, y: rect.y, within: 7)
        canvas.frame.line(times, x: rect.x + bar + 10, y: rect.y, limit: columns)
    }

    /// What it came to, or what it waits for, with the keys that help.
    /// - Returns: the room below it.
    private static func verdict(
        _ rollback: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ area: Rect
    ) -> Rect {
        var words: [Run] = []
        let message = rollback.message
        switch rollback.state {
        case .running: return area
        case .succeeded:
            words = [
                Run("✔ Rolled back", .good, .bold), Run(message.isEmpty ? "" : "  " + message),
            ]
        case .failed:
            words = [Run("✖ Failed", .bad, .bold), Run("  " + failure(rollback), .text)]
        case .undone: words = [Run("↩ Undone", .warning, .bold), Run("  " + message)]
        case .undoing: words = [Run("↩ Being undone", .warning, .bold), Run("  " + message)]
        case .paused: words = [Run("⏸ Paused", .warning, .bold), Run("  " + message)]
        case .waiting: words = [Run("? Waiting", .warning, .bold), Run("  " + message)]
        }
        let keys = keys(rollback, model)
        let (rect, rest) = area.split(top: min(area.height, keys.isEmpty ? 2 : 3))
        canvas.frame.line(words, x: rect.x + 1, y: rect.y, limit: rect.width - 2)
        if rect.height > 1 {
            canvas.frame.line(keys, x: rect.x + 3, y: rect.y + 1, limit: rect.width - 4)
        }
        return rest
    }

    private static func failure(_ rollback: ProcedureReport) -> String {
        for stage in rollback.stages {
            for step in stage.steps where step.state == .failed {
                let message = step.message.isEmpty ? rollback.message : step.message
                return "at \(stage.name) · \(step.name): \(message)"
            }
        }
        return rollback.message
    }

    private static func keys(_ rollback: ProcedureReport, _ model: Model) -> [Run] {
        var runs: [Run] = []
        func add(_ key: String, _ text: String) {
            runs += [Run(runs.isEmpty ? "" : "   "), Run(key, .key, .bold), Run(" " + text, .text)]
        }
        let waits = rollback.state == .waiting
        if waits { add("o", "it was done") }
        if Why.notToResume(model) == nil {
            add(
                "c",
                waits
                    ? "runs the step again"
                    : rollback.state == .failed ? "tries the failed step again" : "goes on")
        }
        if rollback.state != .succeeded, Why.notToUndo(model) == nil {
            add("u", "takes back what was done")
        }
        if rollback.state == .undone { add("R", "begins another") }
        return runs
    }

    // MARK: Stages

    private enum Row {
        /// With whether its steps follow.
        case stage(StageReport, Bool)
        case step(StepReport)
    }

    /// The stages, with the steps of those that matter now, or of all where there is room.
    private static func rows(_ rollback: ProcedureReport, room: Int) -> [Row] {
        let every = rollback.stages.reduce(0) { $0 + 1 + $1.steps.count }
        var rows: [Row] = []
        for stage in rollback.stages {
            let matters =
                stage.state == .running || stage.state == .failed || stage.state == .unknown
            let opened = every <= room || matters
            rows.append(.stage(stage, opened))
            if opened { rows += stage.steps.map(Row.step) }
        }
        return rows
    }

    private static func stages(
        _ rollback: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 0 else { return }
        canvas.head("Stages", rect)
        let (_, list) = rect.split(top: 1)
        let rows = rows(rollback, room: list.height)
        let at = rows.lastIndex { row in
            switch row {
            case .stage(let stage, _): stage.state.isOver || stage.state == .running
            case .step(let step): step.state.isOver || step.state == .running
            }
        }
        let window = Window(rows: rows.count, room: list.height, selected: at ?? 0)
        let names = nameWidth(rows, list.width)
        for (offset, index) in window.range.enumerated() {
            let y = list.y + offset
            switch rows[index] {
            case .stage(let stage, let opened):
                line(stage, opened, names, rollback, model, &canvas, list, y)
            case .step(let step): line(step, names, rollback, model, &canvas, list, y)
            }
        }
    }

    private static func nameWidth(_ rows: [Row], _ width: Int) -> Int {
        let longest = rows.reduce(10) { longest, row in
            switch row {
            case .stage(let stage, _): max(longest, GlyphWidth.columns(stage.name))
            case .step(let step): max(longest, GlyphWidth.columns(step.name) + 4)
            }
        }
        return min(longest, max(20, width * 3 / 5))
    }

    private static func line(
        _ step: StepReport, _ names: Int, _ rollback: ProcedureReport, _ model: Model,
        _ canvas: inout Canvas, _ rect: Rect, _ y: Int
    ) {
        var x = rect.x + 6
        canvas.frame.text(step.state.sign, x: x, y: y, Style(step.state.role))
        let quiet = step.state == .pending || step.state == .skipped
        canvas.frame.text(
            step.name, x: x + 2, y: y, Style(quiet ? .dim : .text), limit: names - 4)
        x = rect.x + 4 + names + 2
        let running = step.state == .running
        if let seconds = step.seconds ?? (running ? ProcedureView.running(rollback, model) : nil) {
            canvas.frame.text(
                running ? Times.clock(seconds) : Times.taken(seconds), x: x, y: y,
                Style(running ? .accent : .dim),
                limit: rect.endX - x)
        }
        x += 7
        guard rect.endX - 1 - x >= 8 else { return }
        canvas.frame.text(
            step.message, x: x, y: y, Style(step.state == .failed ? .bad : .dim),
            limit: rect.endX - 1 - x)
    }

    private static func line(
        _ stage: StageReport, _ opened: Bool, _ names: Int, _ rollback: ProcedureReport,
        _ model: Model, _ canvas: inout Canvas, _ rect: Rect, _ y: Int
    ) {
        var x = rect.x + 2
        canvas.frame.text(stage.state.sign, x: x, y: y, Style(stage.state.role, .bold))
        x += 2
        let name: StyleRole =
            stage.state == .running ? .strong : stage.state == .pending ? .dim : .text
        canvas.frame.text(stage.name, x: x, y: y, Style(name), limit: min(names, rect.endX - x))
        x += names + 2
        var seconds = stage.steps.reduce(0.0) { $0 + ($1.seconds ?? 0) }
        if stage.state == .running { seconds += ProcedureView.running(rollback, model) }
        if stage.state != .pending {
            canvas.frame.text(
                stage.state == .running ? Times.clock(seconds) : Times.taken(seconds), x: x, y: y,
                Style(stage.state == .running ? .accent : .dim),
                limit: rect.endX - x)
        }
        x += 7
        let message = stage.steps.last { !$0.message.isEmpty }?.message ?? ""
        guard !opened, stage.state.isOver, !message.isEmpty, rect.endX - 1 - x >= 8 else { return }
        canvas.frame.text(
            message, x: x, y: y, Style(stage.state == .failed ? .bad : .dim),
            limit: rect.endX - 1 - x)
    }
}
