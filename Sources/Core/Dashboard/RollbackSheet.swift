// Screen 5 before a rollback: what will happen, command by command, and the name that confirms it.
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
        switch sheet.focus {
        case .plan:
            return [
                hint(.enter, "confirm …"), hint(.character("d"), "dry run"),
                hint(.tab, "authorization"), hint(.character("m"), "reason"),
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
                hint(.enter, "START THE ROLLBACK"), hint(.escape, "back to the plan"),
                hint(.control("u"), "clear"),
            ]
        }
    }

    // MARK: Drawing

    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        guard let sheet = model.rollback.sheet, let plan = model.shownPlan else {
            canvas.frame.text(
                "The runbook has no rollback", x: area.x + 2, y: area.y + 1, Style(.dim),
                limit: area.width - 4)
            return
        }
        let wide = area.width >= 110
        let roomy = area.height >= 28
        let (top, rest) = area.split(top: roomy ? 3 : 1)
        head(plan, sheet, &canvas, top)
        let (upper, lower) = rest.split(top: max(3, rest.height - (roomy ? 5 : 4)))
        if wide {
            let (left, right) = upper.split(left: upper.width * 58 / 100)
            steps(plan, sheet, &canvas, left)
            facts(plan, sheet, &canvas, right.inset(left: 1), brief: false)
            canvas.divide(upper, atX: left.endX)
        } else {
            let wanted = factLines(plan, sheet, width: upper.width - 2, brief: !roomy).count + 1
            let (first, second) = upper.split(top: upper.height - min(wanted, upper.height / 2))
            steps(plan, sheet, &canvas, first)
            facts(plan, sheet, &canvas, second, brief: !roomy)
        }
        fields(model, plan, sheet, &canvas, lower)
    }

    private static func head(
        _ plan: RollbackReport, _ sheet: RollbackSheetState, _ canvas: inout Canvas, _ rect: Rect
    ) {
        let y = rect.y + (rect.height > 1 ? 1 : 0)
        let steps = plan.stages.reduce(0) { $0 + $1.steps.count }
        canvas.frame.line(
            [
                Run("▲ ROLLBACK", .warning, .bold), Run(" to \(plan.to)", .strong),
                Run("  nothing has started", .dim),
            ], x: rect.x + 1, y: y, limit: rect.width - 2)
        canvas.frame.line(
            [Run("\(plan.stages.count) stages · \(steps) steps", .dim)], endX: rect.endX - 1, y: y,
            within: max(0, rect.width - 50))
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
                if !step.undoable, !PlanText.harmless.contains(step.kind) {
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

    // MARK: What it rests on

    private struct FactLine {
        var runs: [Run]
        /// The authorization that it shows.
        var authorization: Int?
    }

    private static func factLines(
        _ plan: RollbackReport, _ sheet: RollbackSheetState, width: Int, brief: Bool
    ) -> [FactLine] {
        if brief { return briefFacts(plan, sheet, width: width) }
        var lines: [FactLine] = []
        let kinds = plan.authorizations.reduce(9) { max($0, GlyphWidth.columns($1.kind)) }
        func padded(_ text: String) -> String {
            text + String(repeating: " ", count: max(0, kinds - GlyphWidth.columns(text)) + 2)
        }
        for (index, one) in plan.authorizations.enumerated() {
            let chosen = index == sheet.authorization
            let refused = one.refused != nil
            lines.append(
                FactLine(
                    runs: [
                        Run(chosen ? "▸ " : "  ", .accent), Run(refused ? "✖ " : "  ", .bad),
                        Run(padded(one.kind), chosen ? .strong : .dim),
                        Run(one.needs, refused ? .dim : .text),
                    ], authorization: index))
            guard chosen else { continue }
            let people = one.people.joined(separator: ", ")
            // What has no room beside the kind is said in full below it.
            let long = GlyphWidth.columns(one.needs) + kinds + 6 > width
            let more = (long ? "needs \(one.needs). " : "") + (one.refused ?? people)
            for part in Wrap.lines(more, width: width - 8, limit: 4) where !part.isEmpty {
                lines.append(FactLine(runs: [Run("      " + part, refused ? .bad : .dim)]))
            }
        }
        func fact(_ name: String, _ runs: [Run]) {
            lines.append(FactLine(runs: [Run("    " + padded(name), .dim)] + runs))
        }
        lines.append(FactLine(runs: []))
        fact(
            "Backup", [Run(plan.lastBackup.map { "newest " + backupTime($0) } ?? "none yet", .text)]
        )
        fact("", [Run("a new one is taken first", .dim)])
        var times = [Run("target ", .dim), Run(Times.clock(plan.targetSeconds), .text)]
        if let expected = plan.expectedSeconds {
            times =
                [Run("about ", .dim), Run(Times.clock(expected), .text), Run(", ", .dim)] + times
        }
        fact("Takes", times)
        fact("Dry run", dryRun(plan, sheet))
        return lines
    }

    /// The same in two or three lines: the one that is picked, and the rest in a row.
    private static func briefFacts(
        _ plan: RollbackReport, _ sheet: RollbackSheetState, width: Int
    ) -> [FactLine] {
        var lines: [FactLine] = []
        if plan.authorizations.indices.contains(sheet.authorization) {
            let one = plan.authorizations[sheet.authorization]
            let refused = one.refused != nil
            var runs = [
                Run(refused ? "✖ " : "▸ ", refused ? .bad : .accent), Run(one.kind, .strong),
                Run(" needs \(one.needs)", .text),
            ]
            if !refused, !one.people.isEmpty {
                runs.append(Run(": " + one.people.joined(separator: ", "), .dim))
            }
            lines.append(FactLine(runs: runs))
            for part in Wrap.lines(one.refused ?? "", width: width - 2, limit: 2)
            where !part.isEmpty {
                lines.append(FactLine(runs: [Run("  " + part, .bad)]))
            }
        }
        let about = plan.expectedSeconds.map { "about \(Times.clock($0)), " } ?? ""
        let backup = plan.lastBackup.map { backupTime($0) } ?? "none"
        lines.append(
            FactLine(
                runs: [Run("  Dry run ", .dim)] + dryRun(plan, sheet) + [
                    Run(" · \(about)target \(Times.clock(plan.targetSeconds))", .dim),
                    Run(" · newest backup \(backup)", .dim),
                ]))
        return lines
    }

    /// `05 Jan 02:00` of `20260105T020000Z`.
    private static func backupTime(_ id: String) -> String {
        let d = Array(id)
        guard d.count == 16, d[8] == "T" else { return id }
        let text =
            "\(String(d[0..<4]))-\(String(d[4..<6]))-\(String(d[6..<8]))T"
            + "\(String(d[9..<11])):\(String(d[11..<13])):\(String(d[13..<15]))Z"
        return Times.dayAndTime(text)
    }

    private static func dryRun(_ plan: RollbackReport, _ sheet: RollbackSheetState) -> [Run] {
        switch sheet.dryRun {
        case .none:
            return [Run("not made — ", .dim), Run("d", .key, .bold), Run(" makes it", .dim)]
        case .running: return [Run("▶ asking every step …", .accent)]
        case .done:
            switch plan.ready {
            case true?: return [Run("✔ nothing would fail", .good)]
            case false?: return [Run("✖ something would fail", .bad, .bold)]
            case nil: return [Run("no answer", .dim)]
            }
        }
    }

    private static func facts(
        _ plan: RollbackReport, _ sheet: RollbackSheetState, _ canvas: inout Canvas, _ rect: Rect,
        brief: Bool
    ) {
        guard rect.height > 1 else { return }
        let of =
            brief ? " picks, \(sheet.authorization + 1) of \(plan.authorizations.count)" : " picks"
        canvas.head("Authorization", rect, right: [Run("tab", .key, .bold), Run(of, .dim)])
        for (index, line) in factLines(plan, sheet, width: rect.width - 2, brief: brief)
            .prefix(rect.height - 1).enumerated()
        {
            let y = rect.y + 1 + index
            canvas.frame.line(line.runs, x: rect.x + 1, y: y, limit: rect.width - 2)
            if let authorization = line.authorization {
                canvas.spot(
                    Rect(x: rect.x, y: y, width: rect.width, height: 1), .choose(authorization))
            }
        }
    }

    // MARK: What the operator types

    private static func fields(
        _ model: Model, _ plan: RollbackReport, _ sheet: RollbackSheetState, _ canvas: inout Canvas,
        _ rect: Rect
    ) {
        guard rect.height > 0 else { return }
        canvas.head("Confirmation", rect)
        let service = model.core?.service ?? ""
        let label = "Type \(service) to confirm "
        let at = rect.x + 2 + max(GlyphWidth.columns(label), 8)
        let width = max(0, min(60, rect.endX - 2 - at))
        canvas.frame.text("Reason", x: rect.x + 2, y: rect.y + 1, Style(.dim))
        canvas.field(
            sheet.reason, x: at, y: rect.y + 1, width: width, focused: sheet.focus == .reason,
            hint: "why; m writes it")
        canvas.spot(Rect(x: at, y: rect.y + 1, width: width, height: 1), .press(.character("m")))
        canvas.frame.line(
            [
                Run("Type ", .text), Run(service, .strong, .bold), Run(" to confirm", .text),
            ], x: rect.x + 2, y: rect.y + 2, limit: at - rect.x - 2)
        canvas.field(
            sheet.name, x: at, y: rect.y + 2, width: width, focused: sheet.focus == .name,
            hint: sheet.focus == .name ? "" : "enter, then its name")
        if let problem = sheet.problem {
            let lines = Wrap.lines("✖ " + problem, width: rect.width - 4, limit: rect.height - 3)
            for (index, part) in lines.enumerated() {
                canvas.frame.text(
                    part, x: rect.x + 2, y: rect.y + 3 + index, Style(.bad), limit: rect.width - 4)
            }
        } else if sheet.focus == .name, sheet.name.text == service {
            canvas.frame.line(
                [
                    Run("enter", .key, .bold), Run(" starts the rollback; ", .strong),
                    Run("leaving the screen does not stop it", .dim),
                ], x: rect.x + 2, y: rect.y + 3, limit: rect.width - 4)
        } else {
            canvas.frame.line(
                [Run("Plan ", .dim), Run(String(plan.hash.prefix(16)), .dim)], x: rect.x + 2,
                y: rect.y + 3, limit: rect.width - 4)
        }
    }
}

extension Model {
    mutating func pressOnRollbackSheet(_ key: Key) -> [Effect] {
        guard let focus = rollback.sheet?.focus else { return [] }
        switch focus {
        case .plan: return pressOnPlan(key)
        case .reason:
            switch key {
            case .enter, .escape, .tab: rollback.sheet?.focus = .plan
            default: _ = rollback.sheet?.reason.take(key)
            }
            return []
        case .name: return pressOnName(key)
        }
    }

    private mutating func pressOnPlan(_ key: Key) -> [Effect] {
        let count = shownPlan?.authorizations.count ?? 0
        switch key {
        case .enter:
            rollback.sheet?.focus = .name
            rollback.sheet?.problem = nil
        case .character("m"): rollback.sheet?.focus = .reason
        case .character("d"): return dryRunRollback()
        case .tab, .right: pick(authorization: 1, of: count)
        case .backTab, .left: pick(authorization: -1, of: count)
        case .down, .character("j"): scrollPlan(by: 1)
        case .up, .character("k"): scrollPlan(by: -1)
        case .pageDown, .character(" "): scrollPlan(by: 10)
        case .pageUp: scrollPlan(by: -10)
        case .home: scrollPlan(by: -100_000)
        case .end: scrollPlan(by: 100_000)
        case .escape:
            rollback.sheet = nil
            // Without a rollback to look at, there is nothing on this screen.
            if anyRollback == nil { page = .command }
        default: return pressElsewhere(key)
        }
        return []
    }
    /// Keys that work on every screen work here too, those of other screens do not.
    private mutating func pressElsewhere(_ key: Key) -> [Effect] {
        guard let binding = Keymap.binding(for: key, on: .rollback), binding.pages.isEmpty,
            binding.name != "rollback"
        else { return [] }
        return perform(binding)
    }
    private mutating func pick(authorization step: Int, of count: Int) {
        guard count > 0, let now = rollback.sheet?.authorization else { return }
        rollback.sheet?.authorization = (now + step + count) % count
        rollback.sheet?.isPicked = true
        rollback.sheet?.problem = nil
    }
    private mutating func scrollPlan(by lines: Int) {
        guard let scroll = rollback.sheet?.scroll else { return }
        let last = RollbackSheet.longest(self)
        rollback.sheet?.scroll = min(max(0, scroll + lines), last)
    }

    private mutating func dryRunRollback() -> [Effect] {
        guard let sheet = rollback.sheet, sheet.dryRun != .running else { return [] }
        let effects = send(rollbackRequest(sheet, dryRun: true))
        if !effects.isEmpty {
            rollback.sheet?.dryRun = .running
            rollback.sheet?.problem = nil
            notice = nil
        }
        return effects
    }

    private func rollbackRequest(_ sheet: RollbackSheetState, dryRun: Bool) -> CommandRequest {
        let authorizations = shownPlan?.authorizations ?? []
        let chosen =
            authorizations.indices.contains(sheet.authorization)
            ? authorizations[sheet.authorization].kind : nil
        return CommandRequest(
            command: "rollback", reason: sheet.reason.isEmpty ? nil : sheet.reason.text,
            authorization: chosen, confirmation: dryRun ? nil : sheet.name.text,
            plan: dryRun ? nil : shownPlan?.hash, dryRun: dryRun ? true : nil)
    }

    private mutating func pressOnName(_ key: Key) -> [Effect] {
        switch key {
        case .escape, .tab: rollback.sheet?.focus = .plan
        case .up: scrollPlan(by: -1)
        case .down: scrollPlan(by: 1)
        case .pageUp: scrollPlan(by: -10)
        case .pageDown: scrollPlan(by: 10)
        case .enter: return confirmRollback()
        default: if rollback.sheet?.name.take(key) == true { rollback.sheet?.problem = nil }
        }
        return []
    }

    private mutating func confirmRollback() -> [Effect] {
        guard let sheet = rollback.sheet, let service = core?.service, let plan = shownPlan else {
            return []
        }
        guard !sheet.name.isEmpty else { return [] }
        guard sheet.name.text == service else {
            rollback.sheet?.problem =
                "“\(sheet.name.text)” is not the service's name; it is \(service)."
            return []
        }
        if plan.authorizations.indices.contains(sheet.authorization),
            let refused = plan.authorizations[sheet.authorization].refused
        {
            let kind = plan.authorizations[sheet.authorization].kind
            rollback.sheet?.problem =
                "\(kind) cannot be used now: \(refused) Esc, then tab picks another."
            return []
        }
        if let why = Why.noEngine(self) {
            rollback.sheet?.problem = "Not now: \(why)."
            return []
        }
        return send(rollbackRequest(sheet, dryRun: false))
    }
}
