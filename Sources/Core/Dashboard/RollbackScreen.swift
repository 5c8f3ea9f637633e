// Screen 5 while a rollback runs, and after it: how far, how long, what it writes, what helps now.
import Domain
import Screen
import Wire

enum RollbackScreen {
    static func copyText(_ model: Model) -> String {
        let showsPlan = model.rollback.sheet != nil || model.shownRequest != nil
        if showsPlan, let plan = model.shownPlan {
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
        let body = Verdict.draw(rollback, model, &canvas, rest)
        let watch = WatchPanel.lines(rollback, model, width: body.width)
        if model.rollback.fullLog {
            ProcedureView.output(rollback, scroll: model.rollback.scroll, model, &canvas, body)
        } else if area.width >= 100 {
            let (left, rest) = body.split(left: min(72, max(54, area.width * 50 / 100)))
            StageList.draw(rollback, model, &canvas, left)
            var right = rest.inset(left: 1)
            if !watch.isEmpty {
                let narrow = WatchPanel.lines(rollback, model, width: right.width)
                let (upper, lower) = right.split(top: min(narrow.count + 2, right.height / 2))
                WatchPanel.draw(narrow, &canvas, upper)
                right = lower
            }
            ProcedureView.output(rollback, scroll: model.rollback.scroll, model, &canvas, right)
            canvas.divide(body, atX: left.endX)
        } else {
            let wanted = StageList.wanted(rollback, room: body.height) + 1
            let most = watch.isEmpty ? body.height * 7 / 10 : body.height / 2
            let (upper, lower) = body.split(top: min(wanted, max(3, most)))
            StageList.draw(rollback, model, &canvas, upper)
            guard !watch.isEmpty else {
                ProcedureView.output(rollback, scroll: model.rollback.scroll, model, &canvas, lower)
                return
            }
            let (middle, last) = lower.split(top: min(watch.count + 1, lower.height))
            WatchPanel.draw(watch, &canvas, middle)
            ProcedureView.output(rollback, scroll: model.rollback.scroll, model, &canvas, last)
        }
    }

    // MARK: Head

    private static func head(
        _ rollback: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        let roomy = rect.height >= 4
        let y = rect.y + (roomy ? 1 : 0)
        let row = Rect(x: rect.x, y: y, width: rect.width, height: 1)
        let ground: Ground = rollback.testMode ? .selected : .base
        if rollback.testMode { canvas.frame.fill(row, Style(.text, on: ground)) }
        let by = model.firstName(rollback.startedBy)
        var right = [Run("\(by) \(Times.ofDay(rollback.startedAt))", .dim)]
        if let authorization = rollback.authorization {
            right = [Run("\(authorization) · ", .dim)] + right
        }
        let taken = canvas.frame.line(
            right, endX: rect.endX - 1, y: y, within: rect.width / 2, on: ground)
        var left = [Run(rollback.state.sign + " ", rollback.state.role, .bold)]
        if rollback.testMode {
            left += [
                Run("TEST of the rollback", .warning, .bold), Run(" to \(rollback.name)", .strong),
                Run(" · nothing real is touched", .good),
            ]
        } else {
            left += [Run("ROLLBACK", .strong, .bold), Run(" to \(rollback.name)", .text)]
        }
        if !rollback.reason.isEmpty { left.append(Run(" · \(rollback.reason)", .dim)) }
        canvas.frame.line(left, x: rect.x + 1, y: y, limit: rect.width - taken - 3, on: ground)
        progress(rollback, model, &canvas, Rect(x: rect.x, y: y + 1, width: rect.width, height: 1))
        if roomy { agreed(rollback, model, &canvas, y: y + 2) }
    }

    /// Who agreed to it, and what it is a step of.
    private static func agreed(
        _ rollback: ProcedureReport, _ model: Model, _ canvas: inout Canvas, y: Int
    ) {
        var runs: [Run] = []
        if !rollback.approvals.isEmpty {
            let names = rollback.approvals.map { "\($0.name) \(Times.ofDay($0.at))" }
            runs += [Run("agreed ", .dim), Run("✔ " + names.joined(separator: ", "), .good)]
        } else if rollback.startedBy == "engine" {
            runs.append(Run("started by itself: nobody vetoed it in time", .warning))
        }
        if let parent = rollback.parent {
            let title = model.core?.playbook.flatMap { $0.id == parent ? $0.title : nil } ?? parent
            runs += [
                Run(runs.isEmpty ? "" : " · ", .dim), Run("a step of \(title)", .text),
                Run(model.core?.playbook == nil ? "" : ", which goes on after it", .dim),
            ]
        }
        canvas.frame.line(
            runs, x: canvas.frame.bounds.x + 3, y: y, limit: canvas.frame.width - 5)
    }

    /// How long it took, or takes, beside what it may take. Of one that is taken back or was, no target
    /// tells anything.
    static func times(_ rollback: ProcedureReport, _ model: Model) -> [Run] {
        let elapsed = ProcedureView.elapsed(rollback, model)
        switch rollback.state {
        case .undoing:
            guard let seconds = ProcedureView.undoing(rollback, model) else {
                return [Run("being taken back", .warning)]
            }
            return [Run("taken back for ", .dim), Run(Times.clock(seconds), .strong)]
        case .undone:
            return [
                Run("ran for ", .dim), Run(Times.clock(elapsed), .strong),
                Run(", then taken back", .dim),
            ]
        case .running, .waiting, .paused, .succeeded, .failed: break
        }
        let isOver = rollback.state.isOver
        var times = [Run(isOver ? "took " : "", .dim), Run(Times.clock(elapsed), .strong)]
        // What is known of a few quick steps only is no estimate.
        if !isOver, let expected = rollback.expectedSeconds, expected >= 1 {
            times += [Run(" of about ", .dim), Run(Times.clock(expected), .text)]
        }
        guard let target = rollback.targetSeconds else { return times }
        let late = elapsed > target
        times += [Run("   target ", .dim), Run(Times.clock(target), late ? .bad : .text)]
        if late {
            times.append(Run(isOver ? " ✖ missed" : " ✖ over", .bad))
        } else if rollback.state == .succeeded {
            times.append(Run(" ✔ met", .good))
        }
        return times
    }

    private static func progress(
        _ rollback: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        let times = times(rollback, model)
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
}

/// The hours after a rollback: until when, how often it was looked at, and what went down.
enum WatchPanel {
    /// Empty where this rollback is not being watched.
    static func lines(_ rollback: ProcedureReport, _ model: Model, width: Int) -> [[Run]] {
        guard let watch = model.core?.watch, watch.rollback == rollback.id else { return [] }
        let left = model.seconds(until: watch.until) ?? 0
        var lines: [[Run]] = [
            [
                Run("since ", .dim), Run(Times.ofDay(watch.from), .text), Run(" until ", .dim),
                Run(Times.until(watch.until, now: model.engineNow), .strong), Run(" UTC · ", .dim),
                Run(Times.spoken(max(0, left)), .strong), Run(" left", .dim),
            ],
            [
                Run(Numbers.counted(watch.looks, "look", "looks"), .text),
                Run(", one every \(Times.spoken(watch.everySeconds))", .dim),
                Run(watch.looks > 0 ? ", the last at \(Times.ofDay(watch.lookedAt))" : "", .dim),
            ],
        ]
        if watch.problems.isEmpty {
            lines.append([Run("✔ ", .good), Run("no probe has gone down", .good)])
        }
        let open = watch.problems.filter { $0.endedAt == nil }
        let over = watch.problems.filter { $0.endedAt != nil }
        for problem in open {
            lines.append([
                Run("✖ ", .bad, .bold), Run(problem.probe, .strong),
                Run(" down since \(Times.ofDay(problem.at))", .bad),
                Run("  " + problem.message, .dim),
            ])
        }
        if !open.isEmpty {
            lines.append([
                Run("  "), Run("u", .key, .bold), Run(" goes back to before the rollback", .text),
            ])
        }
        for problem in over.reversed() {
            let until = problem.endedAt.map { " to \(Times.ofDay($0))" } ?? ""
            lines.append([
                Run("· ", .dim), Run(problem.probe, .text),
                Run(" \(Times.ofDay(problem.at))\(until)  \(problem.message)", .dim),
            ])
        }
        return lines
    }

    static func draw(_ lines: [[Run]], _ canvas: inout Canvas, _ rect: Rect) {
        guard rect.height > 0 else { return }
        canvas.head("Watch after it", rect)
        canvas.lines(lines, rect.inset(left: 1, top: 1, right: 1))
    }
}
