// The stages of a rollback and their steps, each with what it took or what it took the last time.
import Domain
import Screen
import Wire

enum StageList {
    private enum Row {
        /// With whether its steps follow.
        case stage(StageReport, Bool)
        case step(StepReport)
    }

    static func wanted(_ procedure: ProcedureReport, room: Int) -> Int {
        rows(procedure, room: room).count
    }

    /// The stages, with the steps of those that matter now, or of all where there is room.
    private static func rows(_ procedure: ProcedureReport, room: Int) -> [Row] {
        let every = procedure.stages.reduce(0) { $0 + 1 + $1.steps.count }
        var rows: [Row] = []
        for stage in procedure.stages {
            let matters =
                stage.state == .running || stage.state == .failed || stage.state == .unknown
            let opened = every <= room || matters
            rows.append(.stage(stage, opened))
            if opened { rows += stage.steps.map(Row.step) }
        }
        return rows
    }

    static func draw(
        _ procedure: ProcedureReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 0 else { return }
        let (_, list) = rect.split(top: 1)
        let rows = rows(procedure, room: list.height)
        let window =
            model.rollback.firstStage.map { Window(rows: rows.count, room: list.height, first: $0) }
            ?? Window(rows: rows.count, room: list.height, selected: present(rows, procedure))
        var more = window.more
        if !more.isEmpty {
            canvas.stages = window
            more += [Run("  "), Run("↑↓", .key, .bold), Run(" scrolls", .dim)]
        }
        canvas.head("Stages", rect, right: more)
        let names = nameWidth(rows, list.width)
        for (offset, index) in window.range.enumerated() {
            let y = list.y + offset
            switch rows[index] {
            case .stage(let stage, let opened):
                line(stage, opened, names, procedure, model, &canvas, list, y)
            case .step(let step): line(step, names, procedure, model, &canvas, list, y)
            }
        }
    }

    /// The row that is being worked on, or that failed; of what went well to its end, the first.
    private static func present(_ rows: [Row], _ procedure: ProcedureReport) -> Int {
        if procedure.state == .succeeded { return 0 }
        let failed = rows.lastIndex { row in
            guard case .step(let step) = row else { return false }
            return step.state == .failed
        }
        if let failed, procedure.state == .failed { return failed }
        let busy = rows.lastIndex { row in
            guard case .step(let step) = row else { return false }
            return step.state == .running || step.state == .unknown
        }
        let last = rows.lastIndex { row in
            switch row {
            case .stage(let stage, _): stage.state.isOver
            case .step(let step): step.state.isOver
            }
        }
        return busy ?? last ?? 0
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

    /// `00:34`, or `~00:34` of what it took the last time.
    private static func estimate(_ seconds: Double?, _ state: StepState) -> String? {
        guard let seconds, state == .pending else { return nil }
        return "~" + Times.taken(seconds)
    }

    private static func line(
        _ step: StepReport, _ names: Int, _ procedure: ProcedureReport, _ model: Model,
        _ canvas: inout Canvas, _ rect: Rect, _ y: Int
    ) {
        let waits = procedure.waitingStep?.step == step
        let ground: Ground = waits ? .selected : .base
        if waits {
            let row = Rect(x: rect.x, y: y, width: rect.width, height: 1)
            canvas.frame.fill(row, Style(.text, on: ground))
        }
        var x = rect.x + 6
        canvas.frame.text(
            waits ? "?" : step.state.sign, x: x, y: y,
            Style(waits ? .warning : step.state.role, on: ground, waits ? .bold : []))
        let quiet = step.state == .pending || step.state == .skipped
        canvas.frame.text(
            step.name, x: x + 2, y: y, Style(quiet ? .dim : waits ? .strong : .text, on: ground),
            limit: names - 4)
        x = rect.x + 4 + names + 2
        let running = step.state == .running
        if let seconds = step.seconds ?? (running ? ProcedureView.running(procedure, model) : nil) {
            canvas.frame.text(
                running ? Times.clock(seconds) : Times.taken(seconds), x: x, y: y,
                Style(running ? .accent : .dim, on: ground), limit: rect.endX - x)
        } else if let text = estimate(step.expectedSeconds, step.state) {
            canvas.frame.text(text, x: x, y: y, Style(.border), limit: rect.endX - x)
        }
        x += 8
        guard rect.endX - 1 - x >= 8 else { return }
        let before = running ? step.expectedSeconds.map { "of ~\(Times.taken($0))" } : nil
        let message = step.message.isEmpty ? before ?? "" : step.message
        canvas.frame.text(
            waits ? "waits for you" : message, x: x, y: y,
            Style(waits ? .warning : step.state == .failed ? .bad : .dim, on: ground),
            limit: rect.endX - 1 - x)
    }

    private static func line(
        _ stage: StageReport, _ opened: Bool, _ names: Int, _ procedure: ProcedureReport,
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
        if stage.state == .running, !procedure.state.isOver {
            seconds += ProcedureView.running(procedure, model)
        }
        let isTimed = stage.state == .running || stage.steps.contains { $0.seconds != nil }
        if stage.state != .pending, isTimed {
            canvas.frame.text(
                stage.state == .running ? Times.clock(seconds) : Times.taken(seconds), x: x, y: y,
                Style(stage.state == .running ? .accent : .dim),
                limit: rect.endX - x)
        } else if stage.state == .pending, let expected = stage.expectedSeconds {
            canvas.frame.text(
                "~" + Times.taken(expected), x: x, y: y, Style(.border), limit: rect.endX - x)
        }
        x += 8
        let message = stage.steps.last { !$0.message.isEmpty }?.message ?? ""
        guard !opened, stage.state.isOver, !message.isEmpty, rect.endX - 1 - x >= 8 else { return }
        canvas.frame.text(
            message, x: x, y: y, Style(stage.state == .failed ? .bad : .dim),
            limit: rect.endX - 1 - x)
    }
}

extension StageReport {
    /// The sum of what its steps took the last time; nil when nothing is known of any.
    var expectedSeconds: Double? {
        let known = steps.compactMap(\.expectedSeconds)
        return known.isEmpty ? nil : known.reduce(0, +)
    }
}
