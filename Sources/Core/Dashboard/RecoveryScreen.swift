// Screen 4: everything that can be run, what each will run, and what came of it.
import Domain
import Screen
import Wire

enum RecoveryScreen {
    static func items(_ model: Model) -> [RecoveryItem] {
        guard let runbook = model.runbook else { return [] }
        return runbook.actions.map { RecoveryItem(kind: .action, action: $0) }
            + [model.byHand].compactMap(\.self)
            + runbook.playbooks.map { RecoveryItem(kind: .playbook, action: $0) }
            + runbook.fallbacks.map { RecoveryItem(kind: .fallback, action: $0) }
            + runbook.services.map { RecoveryItem(kind: .service, action: $0) }
    }
    static func selected(_ model: Model) -> RecoveryItem? {
        let all = items(model)
        return all.indices.contains(model.recovery.selected) ? all[model.recovery.selected] : nil
    }
    static func move(_ model: inout Model, by step: Int) -> [Effect] {
        let last = max(0, items(model).count - 1)
        model.recovery.selected = min(max(0, model.recovery.selected + step), last)
        return []
    }
    static func keepSelection(_ model: inout Model) { _ = move(&model, by: 0) }

    static func copyText(_ model: Model) -> String {
        guard let item = selected(model) else { return "" }
        return item.action.steps.map(\.command).joined(separator: "\n") + "\n"
    }

    // MARK: Drawing

    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        let items = items(model)
        guard !items.isEmpty else {
            canvas.frame.text(
                "The runbook has no actions, playbooks, fallbacks or services", x: area.x + 2,
                y: area.y + 1, Style(.dim), limit: area.width - 4)
            return
        }
        let area = area.height >= 26 ? area.inset(top: 1) : area
        if area.width >= Layout.twoColumns {
            let (left, rest) = area.split(left: min(60, area.width * 45 / 100))
            list(items, model, &canvas, left)
            right(model, &canvas, rest.inset(left: 1))
            canvas.divide(area, atX: left.endX)
        } else {
            let running = procedure(model) != nil
            let (top, rest) = area.split(top: max(3, area.height * (running ? 35 : 50) / 100))
            list(items, model, &canvas, top)
            right(model, &canvas, rest)
        }
    }

    private enum Row {
        case head(String, [Run])
        case note([Run])
        case item(Int)
    }

    private static func rows(
        _ items: [RecoveryItem], _ model: Model, width: Int
    ) -> [Row] {
        var rows: [Row] = []
        let attempts = attempts(model)
        let fits = attempts.reduce(24) { $0 + $1.columns } <= width
        /// What has no room beside the words stands below them.
        func actions() -> [Row] {
            let head = Row.head("Recovery actions", fits ? attempts : [])
            return fits ? [head] : [head, .note(attempts)]
        }
        var before: RecoveryItem.Kind?
        for (index, item) in items.enumerated() {
            if item.kind != before {
                // What a person does belongs to the actions.
                let isFirst = before == nil
                switch item.kind {
                case .action: rows += actions()
                case .byHand: if isFirst { rows += actions() }
                case .playbook: rows.append(.head("Playbooks", []))
                case .fallback: rows.append(.head("Fallbacks", []))
                case .service: rows.append(.head("Service", []))
                }
                before = item.kind
            }
            rows.append(.item(index))
        }
        return rows
    }

    /// `1 of 3 tried · escalates in 04:12`
    private static func attempts(_ model: Model) -> [Run] {
        guard let emergency = model.emergency else { return [] }
        let used = emergency.recoveryAttempts
        let most = emergency.maxRecoveryAttempts
        var runs = [Run("\(used) of \(most) tried", used >= most ? .bad : .text)]
        if let left = model.seconds(until: emergency.escalatesAt), !emergency.stillHolding.isEmpty {
            runs += [
                Run(" · escalates in ", .dim),
                Run(Times.countdown(max(0, left)), left < 60 ? .warning : .strong),
            ]
        }
        return runs
    }

    private static func list(
        _ items: [RecoveryItem], _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        let rows = rows(items, model, width: rect.width)
        let at = rows.firstIndex {
            if case .item(model.recovery.selected) = $0 { true } else { false }
        }
        let isCut = rows.count > rect.height && rect.height > 3
        let window = Window(
            rows: rows.count, room: rect.height - (isCut ? 1 : 0), selected: at ?? 0)
        if isCut {
            canvas.frame.line(
                window.more, x: rect.x + 3, y: rect.endY - 1, limit: rect.width - 4)
        }
        for (offset, index) in window.range.enumerated() {
            let row = Rect(x: rect.x, y: rect.y + offset, width: rect.width, height: 1)
            switch rows[index] {
            case .head(let title, let right):
                // The first head is no rule: it would double the line above it.
                canvas.head(title, row, ruled: offset > 0, right: right)
            case .note(let runs):
                canvas.frame.line(runs, x: row.x + 1, y: row.y, limit: row.width - 2)
            case .item(let index):
                line(items[index], model, &canvas, row, selected: index == model.recovery.selected)
                canvas.spot(row, .choose(index))
            }
        }
    }

    private static func line(
        _ item: RecoveryItem, _ model: Model, _ canvas: inout Canvas, _ row: Rect, selected: Bool
    ) {
        let ground: Ground = selected ? .selected : .base
        if selected { canvas.frame.fill(row, Style(.text, on: .selected)) }
        let right = note(on: item, model, selected: selected)
        let taken = canvas.frame.line(
            right, endX: row.endX - 1, y: row.y, within: row.width / 2, on: ground)
        canvas.frame.line(
            [
                Run(selected ? "▸ " : "  ", .accent),
                Run(item.action.title, selected ? .strong : .text),
                Run(item.action.danger == nil ? "" : " ▲", .warning),
            ], x: row.x + 1, y: row.y, limit: row.width - 3 - taken, on: ground)
    }

    private static func note(
        on item: RecoveryItem, _ model: Model, selected: Bool
    ) -> [Run] {
        if let running = procedure(model), item.matches(running.kind, running.name) {
            return [Run("\(running.state.sign) \(running.state.rawValue)", running.state.role)]
        }
        if item.kind == .fallback,
            let fallback = model.core?.fallbacks.first(where: { $0.name == item.action.name })
        {
            return [fallback.enabled ? Run("● on", .warning) : Run("off", .dim)]
        }
        var runs: [Run] = []
        // What was tried in this emergency is told from what was done before it.
        if let last = model.past(of: item).first {
            let isOurs = model.emergency != nil && last.emergency == model.emergency?.id
            if isOurs || model.emergency == nil {
                runs.append(Run("\(last.state.sign) \(last.state.rawValue)", last.state.role))
            }
        }
        if model.proposals.contains(where: { $0.name == item.action.name }) {
            runs = runs.isEmpty ? [] : runs + [Run(" · ", .dim)]
            runs.append(Run("proposed", .accent))
        } else if runs.isEmpty, item.kind == .action,
            let place = model.recoveryPlan?.actions.firstIndex(of: item.action.name)
        {
            runs.append(Run("plan \(place + 1)", .dim))
        }
        return runs
    }

    /// What runs now and is not a rollback; also the playbook that waits for one.
    private static func procedure(_ model: Model) -> ProcedureReport? {
        model.runningProcedure.flatMap { $0.state.isOver ? nil : $0 }
    }

    private static func right(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        let running = procedure(model)
        let shown = running ?? model.core?.lastProcedure.flatMap { $0.kind == .backup ? nil : $0 }
        guard let item = selected(model) else { return }
        let plan =
            planLines(item, model, width: rect.width - 2)
            + pastLines(item, model, width: rect.width - 2)
        // What waits for a person has the room that it needs.
        let least = running?.state == .waiting ? rect.height / 3 : rect.height / 2
        let (top, rest) = rect.split(
            top: shown == nil ? rect.height : min(plan.count + 2, max(3, least)))
        canvas.head(
            item.action.title, top, ruled: false,
            right: [Run("enter", .key, .bold), Run(" runs it", .dim)])
        canvas.lines(plan, top.inset(left: 1, top: 1, right: 1))
        if let shown { ProcedureView.draw(shown, model, &canvas, rest) }
    }

    /// How it went the last times.
    private static func pastLines(
        _ item: RecoveryItem, _ model: Model, width: Int
    ) -> [[Run]] {
        let past = model.past(of: item).prefix(3)
        guard !past.isEmpty else { return [] }
        return [[], [Run("The last times", .heading)]]
            + past.map { one in
                [
                    Run(" \(one.state.sign) ", one.state.role),
                    Run(Times.dayAndTime(one.finishedAt), .text),
                    Run(" \(one.state.rawValue)", one.state.role),
                    Run(" after \(Times.taken(one.seconds))", .dim),
                ]
            }
    }

    private static func planLines(
        _ item: RecoveryItem, _ model: Model, width: Int
    ) -> [[Run]] {
        var lines: [[Run]] = []
        if let danger = item.danger(in: model) {
            for part in Wrap.lines("▲ " + danger, width: width, limit: 3) {
                lines.append([Run(part, .warning)])
            }
        }
        for (index, step) in item.action.steps.enumerated() {
            lines += PlanText.step(
                step, number: index + 1, width: width, marks: item.kind == .playbook)
        }
        return lines
    }
}
