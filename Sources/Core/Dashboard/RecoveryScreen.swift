// Screen 4: everything that can be run, what each will run, and what came of it.
import Domain
import Screen
import Wire

/// Something on the recovery screen that can be run.
struct RecoveryItem: Sendable, Equatable {
    enum Kind: Sendable, Equatable { case action, playbook, fallback, service }
    var kind: Kind
    var action: ActionReport

    /// Stopping the service is never done by one key alone.
    var asksFirst: Bool { kind == .service && !action.name.hasPrefix("verify") }
    /// What this version cannot do.
    var refusal: String? {
        kind == .playbook ? "playbooks can be run from a later version on" : nil
    }

    /// The command that runs it.
    func request(in model: Model) -> CommandRequest {
        switch kind {
        case .action: return CommandRequest(command: "recover", name: action.name)
        case .playbook: return CommandRequest(command: "run", name: action.name)
        case .fallback:
            let enabled = model.core?.fallbacks.first { $0.name == action.name }?.enabled ?? false
            return CommandRequest(
                command: enabled ? "disable-fallback" : "enable-fallback", name: action.name)
        case .service: return RecoveryItem.service(action.name)
        }
    }
    /// The engine names them by their commands; the emergency start is a start with a name.
    private static func service(_ name: String) -> CommandRequest {
        name == "start-services-emergency"
            ? CommandRequest(command: "start-services", name: "emergency")
            : CommandRequest(command: name)
    }
}

enum RecoveryScreen {
    static func items(_ model: Model) -> [RecoveryItem] {
        guard let runbook = model.runbook else { return [] }
        return runbook.actions.map { RecoveryItem(kind: .action, action: $0) }
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
        case head(String)
        case item(Int)
    }

    private static func rows(_ items: [RecoveryItem]) -> [Row] {
        var rows: [Row] = []
        var before: RecoveryItem.Kind?
        for (index, item) in items.enumerated() {
            if item.kind != before {
                let title =
                    switch item.kind {
                    case .action: "Recovery actions"
                    case .playbook: "Playbooks"
                    case .fallback: "Fallbacks"
                    case .service: "Service"
                    }
                rows.append(.head(title))
                before = item.kind
            }
            rows.append(.item(index))
        }
        return rows
    }

    private static func list(
        _ items: [RecoveryItem], _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        let rows = rows(items)
        let at = rows.firstIndex {
            if case .item(model.recovery.selected) = $0 { true } else { false }
        }
        let window = Window(rows: rows.count, room: rect.height, selected: at ?? 0)
        for (offset, index) in window.range.enumerated() {
            let row = Rect(x: rect.x, y: rect.y + offset, width: rect.width, height: 1)
            switch rows[index] {
            case .head(let title):
                // The first head is no rule: it would double the line above it.
                canvas.head(title, row, ruled: offset > 0)
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
            ], x: row.x + 1, y: row.y, limit: row.width - 2 - taken, on: ground)
    }

    private static func note(
        on item: RecoveryItem, _ model: Model, selected: Bool
    ) -> [Run] {
        if let running = procedure(model), running.name == item.action.name {
            return [Run("▶ running", .accent)]
        }
        if item.kind == .fallback,
            let fallback = model.core?.fallbacks.first(where: { $0.name == item.action.name })
        {
            return [fallback.enabled ? Run("● on", .warning) : Run("off", .dim)]
        }
        if let last = model.core?.lastProcedure, last.name == item.action.name, last.state.isOver {
            return [Run("\(last.state.sign) \(last.state.rawValue)", last.state.role)]
        }
        let proposed = model.proposals.contains { $0.name == item.action.name }
        if proposed { return [Run("proposed", .accent)] }
        return []
    }

    /// What runs now and is not a rollback.
    private static func procedure(_ model: Model) -> ProcedureReport? {
        model.runningProcedure.flatMap { $0.state.isOver ? nil : $0 }
    }

    private static func right(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        let shown = procedure(model) ?? model.core?.lastProcedure
        guard let item = selected(model) else { return }
        let plan = planLines(item, width: rect.width - 2)
        let (top, rest) = rect.split(
            top: shown == nil ? rect.height : min(plan.count + 2, max(3, rect.height / 2)))
        canvas.head(
            item.action.title, top, ruled: false,
            right: [Run("enter", .key, .bold), Run(" runs it", .dim)])
        for (index, line) in plan.prefix(top.height - 1).enumerated() {
            canvas.frame.line(line, x: top.x + 1, y: top.y + 1 + index, limit: top.width - 2)
        }
        if let shown { ProcedureView.draw(shown, model, &canvas, rest) }
    }

    private static func planLines(_ item: RecoveryItem, width: Int) -> [[Run]] {
        var lines: [[Run]] = []
        if let danger = item.action.danger {
            for part in Wrap.lines("▲ " + danger, width: width, limit: 3) {
                lines.append([Run(part, .warning)])
            }
        }
        for (index, step) in item.action.steps.enumerated() {
            lines += PlanText.step(step, number: index + 1, width: width)
        }
        return lines
    }
}

/// Steps as they will be run, in lines.
enum PlanText {
    /// Kinds that change nothing: they have nothing that could be undone.
    static let harmless: Set<String> = [
        "probe", "http", "assess", "wait", "confirm", "notify", "status_page", "backup", "calm",
    ]

    static func step(_ step: PlannedStepReport, number: Int, width: Int) -> [[Run]] {
        var head = [Run(number < 10 ? " \(number) " : "\(number) ", .dim), Run(step.name, .text)]
        if let forecast = step.forecast { head += [Run("  "), Forecast(forecast).head] }
        return [head] + command(step, width: width)
    }

    static func command(_ step: PlannedStepReport, width: Int) -> [[Run]] {
        guard !step.command.isEmpty, step.command != step.name else { return [] }
        let prompt = ["run", "shell", "service"].contains(step.kind) ? "$ " : ""
        return Wrap.lines(prompt + step.command, width: max(8, width - 5), limit: 12).map {
            [Run("     " + $0, .dim)]
        }
    }

    /// `already done`, `will run`, `would fail`, and what more the dry run says of it.
    struct Forecast {
        var head: Run
        private var detail: String

        init(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1)
            let word = parts.first.map(String.init) ?? text
            detail = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
            head =
                if word.hasPrefix("would fail") {
                    Run("✖ " + word, .bad, .bold)
                } else if word.hasPrefix("already") {
                    Run("· " + word, .dim)
                } else {
                    Run("✔ " + word, .good)
                }
        }

        func details(width: Int) -> [[Run]] {
            guard !detail.isEmpty else { return [] }
            let role: StyleRole = head.style.role == .bad ? .bad : .dim
            return Wrap.lines("→ " + detail, width: max(8, width - 5), limit: 4).map {
                [Run("     " + $0, role)]
            }
        }
    }
}
