// Screen 5 before a rollback: what will happen, command by command, who must agree, and the name that
// confirms it. The same sheet approves what somebody else has asked for.
import Domain
import Screen
import Wire

enum RollbackSheet {
    // MARK: Keys

    static func hints(_ model: Model) -> [Chrome.Hint] {
        func hint(_ key: Key, _ word: String, _ label: String? = nil) -> Chrome.Hint {
            Chrome.Hint(label: label ?? key.label, word: word, key: key)
        }
        guard let sheet = model.rollback.sheet else { return [] }
        let approves = sheet.request != nil
        let purpose = purpose(model, sheet)
        switch sheet.focus {
        case .plan:
            var hints = [hint(.enter, purpose.verb + " …")]
            if approves { hints.append(hint(.character("v"), "veto")) }
            hints.append(hint(.character("d"), "dry run"))
            if !approves {
                hints += [hint(.tab, "authorization"), hint(.character("m"), "reason")]
            }
            return hints + [
                hint(.down, "scroll", "↑↓"), hint(.character("y"), "copy"), hint(.escape, "leave"),
                hint(.character("?"), "help"), hint(.character("q"), "quit"),
            ]
        case .reason:
            return [
                hint(.enter, "take the reason"), hint(.escape, "back to the plan"),
                hint(.control("u"), "clear"),
            ]
        case .name:
            return [
                hint(.enter, purpose.loud), hint(.escape, "back to the plan"),
                hint(.control("u"), "clear"),
            ]
        }
    }

    /// What confirming does.
    enum Purpose: Equatable {
        case start, test, approve
        /// With whose agreement is missing.
        case ask(String)

        var verb: String {
            switch self {
            case .start: "confirm"
            case .test: "test"
            case .approve: "approve"
            case .ask: "ask for it"
            }
        }
        var loud: String {
            switch self {
            case .start: "START THE ROLLBACK"
            case .test: "START THE TEST"
            case .approve: "APPROVE THE ROLLBACK"
            case .ask: "ASK FOR THE ROLLBACK"
            }
        }
    }

    static func purpose(_ model: Model, _ sheet: RollbackSheetState) -> Purpose {
        if sheet.request != nil { return .approve }
        guard let plan = model.shownPlan, plan.authorizations.indices.contains(sheet.authorization)
        else { return .test }
        return plan.authorizations[sheet.authorization].missing.map { .ask($0) } ?? .start
    }

    /// The rollback of the last day that stands: a second one is for a service that was brought forward.
    static func standing(_ model: Model) -> ProcedureReport? {
        guard let last = model.core?.rollback, last.state == .succeeded,
            let ago = model.seconds(since: last.finishedAt), ago < 86_400
        else { return nil }
        return last
    }

    // MARK: Drawing

    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        guard let plan = model.shownPlan else {
            canvas.frame.text(
                "The runbook has no rollback", x: area.x + 2, y: area.y + 1, Style(.dim),
                limit: area.width - 4)
            return
        }
        // Without a sheet, a request that waits is shown, with the same plan.
        let sheet = model.rollback.sheet ?? model.requestState
        let wide = area.width >= 110
        let roomy = area.height >= 28
        let (top, rest) = area.split(top: roomy ? 3 : 1)
        head(model, plan, sheet, &canvas, top)
        let (upper, lower) = rest.split(top: max(3, rest.height - (roomy ? 5 : 4)))
        let facts = RollbackFacts(model: model, plan: plan, sheet: sheet)
        if wide {
            let (left, right) = upper.split(left: upper.width * 58 / 100)
            steps(plan, sheet, &canvas, left)
            facts.draw(&canvas, right.inset(left: 1), brief: false)
            canvas.divide(upper, atX: left.endX)
        } else {
            let wanted = facts.lines(width: upper.width - 2, brief: !roomy).count + 1
            let (first, second) = upper.split(top: upper.height - min(wanted, upper.height / 2))
            steps(plan, sheet, &canvas, first)
            facts.draw(&canvas, second, brief: !roomy)
        }
        if model.rollback.sheet != nil {
            fields(model, plan, sheet, &canvas, lower)
        } else {
            whatHelps(model, &canvas, lower)
        }
    }

    private static func head(
        _ model: Model, _ plan: RollbackReport, _ sheet: RollbackSheetState,
        _ canvas: inout Canvas, _ rect: Rect
    ) {
        let y = rect.y + (rect.height > 1 ? 1 : 0)
        let steps = plan.stages.reduce(0) { $0 + $1.steps.count }
        var left: [Run]
        switch purpose(model, sheet) {
        case .test:
            canvas.frame.fill(
                Rect(x: rect.x, y: y, width: rect.width, height: 1), Style(.text, on: .selected))
            left = [
                Run(" TEST ", style: Style(.warning, on: .base, [.bold, .reverse])),
                Run(" of the rollback to \(plan.to)", .strong),
                Run("  nothing real is touched", .good),
            ]
        case .approve:
            left = [
                Run("? REQUEST", .warning, .bold), Run(" for a rollback to \(plan.to)", .strong),
                Run("  nothing has started", .dim),
            ]
        case .start, .ask:
            left = [Run("▲ ROLLBACK", .warning, .bold), Run(" to \(plan.to)", .strong)]
            if let done = standing(model) {
                left += [
                    Run("  DONE ALREADY at \(Times.ofDay(done.finishedAt ?? ""))", .bad, .bold),
                    Run(" · again?", .warning),
                ]
            } else {
                left.append(Run("  nothing has started", .dim))
            }
        }
        canvas.frame.line(left, x: rect.x + 1, y: y, limit: rect.width - 2)
        canvas.frame.line(
            [Run("\(plan.stages.count) stages · \(steps) steps", .dim)], endX: rect.endX - 1, y: y,
            within: max(0, rect.width - 66))
    }

    // MARK: What will happen

    static func planLines(_ plan: RollbackReport, width: Int, spaced: Bool) -> [[Run]] {
        var lines: [[Run]] = []
        for (index, stage) in plan.stages.enumerated() {
            if index > 0, spaced { lines.append([]) }
            // Preflight comes before the seven, and has no number.
            lines.append([
                Run(index == 0 ? "  " : "\(index) ", .key, .bold), Run(stage.name, .heading),
            ])
            for step in stage.steps {
                var head = [Run("  · ", .border), Run(step.name, .text)]
                if step.staysDone {
                    head.append(Run("  ▲ cannot be undone", .warning, .bold))
                }
                let forecast = step.forecast.map(PlanText.Forecast.init)
                if let forecast { head += [Run("  "), forecast.head] }
                lines.append(head)
                lines += PlanText.command(step, width: width)
                lines += forecast?.details(width: width) ?? []
            }
        }
        return lines
    }

    /// The last line that the plan can be scrolled to.
    static func longest(_ model: Model) -> Int {
        guard let plan = model.shownPlan else { return 0 }
        let width = model.size.width >= 110 ? model.size.width * 58 / 100 : model.size.width
        return max(0, planLines(plan, width: width - 3, spaced: model.size.height >= 30).count - 3)
    }

    private static func steps(
        _ plan: RollbackReport, _ sheet: RollbackSheetState, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 1 else { return }
        let lines = planLines(plan, width: rect.width - 3, spaced: rect.height >= 18)
        let room = rect.height - 1
        let first = min(sheet.scroll, max(0, lines.count - room))
        let below = lines.count - first - room
        let more =
            lines.count <= room ? [] : [Run(below > 0 ? "\(below) more lines ↓" : "end", .dim)]
        canvas.head("What will be run", rect, right: more)
        for (index, line) in lines.dropFirst(first).prefix(room).enumerated() {
            canvas.frame.line(line, x: rect.x + 1, y: rect.y + 1 + index, limit: rect.width - 2)
        }
    }

    // MARK: What the operator types

    private static func fields(
        _ model: Model, _ plan: RollbackReport, _ sheet: RollbackSheetState, _ canvas: inout Canvas,
        _ rect: Rect
    ) {
        guard rect.height > 0 else { return }
        let approves = sheet.request != nil
        canvas.head(approves ? "Approval" : "Confirmation", rect)
        let service = model.core?.service ?? ""
        let purpose = approves ? "approve" : "confirm"
        let label = "Type \(service) to \(purpose) "
        let at = rect.x + 2 + max(GlyphWidth.columns(label), 8)
        let width = max(0, min(60, rect.endX - 2 - at))
        var y = rect.y + 1
        if !approves {
            canvas.frame.text("Reason", x: rect.x + 2, y: y, Style(.dim))
            canvas.field(
                sheet.reason, x: at, y: y, width: width, focused: sheet.focus == .reason,
                hint: "why; m writes it")
            canvas.spot(Rect(x: at, y: y, width: width, height: 1), .press(.character("m")))
            y += 1
        }
        canvas.frame.line(
            [
                Run("Type ", .text), Run(service, .strong, .bold), Run(" to \(purpose)", .text),
            ], x: rect.x + 2, y: y, limit: at - rect.x - 2)
        canvas.field(
            sheet.name, x: at, y: y, width: width, focused: sheet.focus == .name,
            hint: sheet.focus == .name ? "" : "enter, then its name")
        y += 1
        let room = rect.endY - y
        if let problem = sheet.problem {
            let lines = Wrap.lines("✖ " + problem, width: rect.width - 4, limit: max(1, room))
            for (index, part) in lines.enumerated() {
                canvas.frame.text(
                    part, x: rect.x + 2, y: y + index, Style(.bad), limit: rect.width - 4)
            }
            return
        }
        canvas.frame.line(
            advice(model, plan, sheet), x: rect.x + 2, y: y, limit: rect.width - 4)
    }

    /// What the next enter would do, or what has to be known before.
    private static func advice(
        _ model: Model, _ plan: RollbackReport, _ sheet: RollbackSheetState
    ) -> [Run] {
        let isTyped = sheet.focus == .name && sheet.name.text == model.core?.service
        let enter = [Run("enter", .key, .bold)]
        switch purpose(model, sheet) {
        case .start where isTyped:
            return enter + [
                Run(" starts the rollback; ", .strong),
                Run("leaving the screen does not stop it", .dim),
            ]
        case .test where isTyped: return enter + [Run(" starts the test", .strong)]
        case .approve where isTyped:
            return enter + [
                Run(
                    model.isLastApproval
                        ? " approves, and the rollback starts" : " approves; others are missing",
                    .strong)
            ]
        case .ask(let missing) where isTyped:
            return enter + [Run(" asks; nothing starts before agreement of \(missing)", .strong)]
        case .ask(let missing):
            return [
                Run("◆ ", .warning, .bold), Run("This will be a request: ", .warning),
                Run("it waits for \(missing)", .text),
            ]
        case .start, .test, .approve:
            return [Run("Plan ", .dim), Run(String(plan.hash.prefix(16)), .dim)]
        }
    }

    /// Below a request that is only looked at: who can do what about it.
    private static func whatHelps(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        guard rect.height > 0, let request = model.core?.request else { return }
        canvas.head("What now", rect)
        var lines: [[Run]] = []
        if let why = Why.notToApprove(model) {
            for part in Wrap.lines(why, width: rect.width - 4, limit: 2) {
                lines.append([Run(part, request.missing.isEmpty ? .good : .text)])
            }
        } else {
            lines.append([
                Run("enter", .key, .bold), Run(" approves it, after the service's name", .strong),
            ])
        }
        lines.append([
            Run("v", .key, .bold),
            Run(request.by == model.you?.user ? " takes it back" : " ends it: a veto", .text),
            Run(" · nothing has started, and nothing is lost by it", .dim),
        ])
        for (index, line) in lines.prefix(rect.height - 1).enumerated() {
            canvas.frame.line(line, x: rect.x + 2, y: rect.y + 1 + index, limit: rect.width - 4)
        }
    }
}
