// What to do next: what runs now, what the engine proposes, and how to get it done.
import Domain
import Screen
import Wire

enum NextPanel {
    /// The rows wanted, with the head.
    static func rows(_ model: Model, width: Int) -> Int {
        max(3, 1 + lines(model, width: width).count)
    }

    static func draw(_ model: Model, _ canvas: inout Canvas, _ rect: Rect, ruled: Bool) {
        guard rect.height > 0 else { return }
        canvas.head("What next", rect, ruled: ruled)
        let (_, list) = rect.split(top: 1)
        var lines = lines(model, width: rect.width)
        if lines.count > list.height {
            // The reasons go first, then what is least pressing.
            lines = lines.filter { !$0.optional }
        }
        let isCut = lines.count > list.height && list.height > 2
        let window = Window(
            rows: lines.count, room: list.height - (isCut ? 1 : 0),
            selected: lines.firstIndex(where: \.selected) ?? 0)
        if isCut {
            canvas.frame.line(
                window.more, x: list.x + 3, y: list.endY - 1, limit: list.width - 4)
        }
        for (offset, index) in window.range.enumerated() {
            let line = lines[index]
            let row = Rect(x: list.x, y: list.y + offset, width: list.width, height: 1)
            if line.selected { canvas.frame.fill(row, Style(.text, on: .selected)) }
            let ground: Ground = line.selected ? .selected : .base
            var room = row.width - 2
            if !line.right.isEmpty {
                room -= canvas.frame.line(
                    line.right, endX: row.endX - 1, y: row.y, within: row.width / 2, on: ground)
                room -= 1
            }
            canvas.frame.line(line.left, x: row.x + 1, y: row.y, limit: room, on: ground)
            if let share = line.share, row.width > 20 {
                canvas.frame.bar(
                    x: row.x + 3, y: row.y, width: row.width - 6, share: share, Style(.accent),
                    Style(.border))
            }
            if let spot = line.spot { canvas.spot(row, spot) }
        }
    }

    private struct Line {
        var left: [Run]
        var right: [Run] = []
        var selected = false
        var optional = false
        var share: Double?
        var spot: Spot?
    }

    private static func lines(_ model: Model, width: Int) -> [Line] {
        var lines = running(model)
        if lines.isEmpty { lines = ended(model) }
        lines += people(model)
        let proposals = model.proposals
        for (index, proposal) in proposals.enumerated() {
            lines += self.proposal(proposal, index, model, narrow: width < 50)
        }
        if lines.isEmpty || unheard(model) != nil {
            lines += idle(model, width: width)
        }
        return lines
    }

    /// What only a person can do about people: telephone them, or take the emergency for longer.
    private static func people(_ model: Model) -> [Line] {
        guard let emergency = model.emergency else { return [] }
        if emergency.acknowledgedBy == nil, !emergency.told.isEmpty,
            !emergency.told.contains(where: { $0.state == .told }),
            emergency.told.contains(where: { $0.state != .waiting })
        {
            return [
                Line(
                    left: [
                        Run("✖ ", .bad, .bold), Run("Nobody was told", .bad), Run(" — ", .dim),
                        Run("telephone them: ", .text), Run("6", .key, .bold),
                        Run(" has the numbers", .text),
                    ], spot: .press(.alt("6")))
            ]
        }
        guard let left = model.seconds(until: emergency.acknowledgedUntil), left < 300 else {
            return []
        }
        return [
            Line(
                left: [
                    Run("▲ ", .warning, .bold), Run("Taken for ", .warning),
                    Run(Times.countdown(max(0, left)), .strong), Run(" more — ", .warning),
                    Run("A", .key, .bold), Run(" takes it for longer", .text),
                ], spot: .press(.character("A")))
        ]
    }

    private static func idle(_ model: Model, width: Int) -> [Line] {
        guard model.emergency == nil else {
            return [Line(left: [Run("Nothing is proposed — r shows every recovery action", .dim)])]
        }
        guard let unheard = unheard(model) else {
            return [Line(left: [Run("Nothing to do", .dim)])]
        }
        let parts = Wrap.lines(unheard, width: max(8, width - 4), limit: 5)
        return parts.enumerated().map { index, part in
            Line(
                left: [Run(index == 0 ? "▲ " : "  ", .warning, .bold), Run(part, .warning)],
                spot: .press(.character("e")))
        }
    }

    /// Something is failed and no emergency is open: who hears of it, and what one can do; nil when
    /// nothing is.
    private static func unheard(_ model: Model) -> String? {
        let failed = (model.situation?.components ?? []).filter { $0.state == .failed }
        guard model.emergency == nil, !failed.isEmpty else { return nil }
        let which = failed.count == 1 ? "\(failed[0].name) is failed" : "Components are failed"
        let end = model.core?.quietSince.flatMap { Timestamp(rfc3339: $0) }
        let wasSo = failed.contains { component in
            component.probes.contains { probe in
                guard probe.state == .failed, let since = Timestamp(rfc3339: probe.since),
                    let end
                else { return false }
                return since < end
            }
        }
        // What held at the end of the last emergency is spent until it has ended once.
        return wasSo
            ? "\(which) and no emergency is open: nobody will be told again until a trigger ends"
                + " and holds anew — e declares one"
            : "\(which) and no emergency is open yet: a trigger of the runbook raises one when it"
                + " has held long enough — e declares one now"
    }

    private static func proposal(
        _ proposal: ProposalReport, _ index: Int, _ model: Model, narrow: Bool
    ) -> [Line] {
        let selected = index == model.selectedProposal
        var right: [Run] = []
        var why = proposal.why
        if let left = model.seconds(until: proposal.runsAt) {
            right = [Run("starts in \(Times.countdown(max(0, left)))", .warning, .bold)]
        } else if proposal.kind == "recovery", proposal.name != RecoveryItem.byHand,
            let emergency = model.emergency
        {
            let attempt = min(emergency.recoveryAttempts + 1, emergency.maxRecoveryAttempts)
            let words = "attempt \(attempt) of \(emergency.maxRecoveryAttempts)"
            if why == words { why = "" }
            if narrow {
                why = words + (why.isEmpty ? "" : " · " + why)
            } else {
                right = [Run(words, .dim)]
            }
        }
        if selected {
            if Why.nothingProposed(model) == nil {
                right += [Run(right.isEmpty ? "" : "  "), Run("enter", .key, .bold)]
            }
        } else if let key = proposal.letter {
            right += [Run(right.isEmpty ? "" : "  "), Run(key, .key, .bold)]
        }
        let danger =
            model.action(named: proposal.name)?.danger != nil || proposal.kind == "rollback"
        var lines = [
            Line(
                left: [
                    Run(selected ? "▸ " : "  ", .accent),
                    Run(proposal.title, selected ? .strong : .text),
                    Run(danger ? " ▲" : "", .warning),
                ], right: right, selected: selected, spot: .choose(index))
        ]
        if selected, !why.isEmpty {
            let isWell = model.core?.health.state == .healthy
            let role: StyleRole =
                proposal.kind == ProposalReport.endKind ? isWell ? .good : .warning : .dim
            lines.append(Line(left: [Run("    " + why, role)], optional: true))
        }
        if proposal.runsAt != nil {
            lines.append(
                Line(
                    left: [
                        Run("    ▲ starts by itself — ", .warning), Run("v", .key, .bold),
                        Run(" vetoes it", .text),
                    ], spot: .press(.character("v"))))
        }
        return lines
    }

    // MARK: What runs

    private static func running(_ model: Model) -> [Line] {
        guard let procedure = model.core?.procedure, !procedure.state.isOver else { return [] }
        let rollback = procedure.kind == .rollback && !procedure.testMode
        let key = String(procedure.home.rawValue)
        let clock = ProcedureView.clock(procedure, model).map {
            [Run(Times.clock($0), .strong), Run("  ")]
        }
        let state = procedure.state == .running ? "" : " " + procedure.state.rawValue
        var lines = [
            Line(
                left: [
                    Run(procedure.state.sign + " ", procedure.state.role, .bold)
                ] + procedure.mark + [
                    Run(rollback ? "ROLLBACK to \(procedure.name)" : procedure.title, .strong),
                    Run(state, .warning),
                ],
                right: (clock ?? []) + [Run(key, .key, .bold), Run(" shows it", .dim)],
                spot: .press(.alt(Character(key)))),
            Line(left: [], share: procedure.progress),
        ]
        if let playbook = model.core?.playbook, playbook.id == procedure.parent {
            lines.append(
                Line(
                    left: [
                        Run("    a step of ", .dim), Run(playbook.title, .text),
                    ], optional: true, spot: .press(.alt("4"))))
        }
        if procedure.state == .waiting || procedure.state == .paused {
            lines.append(Line(left: [Run("    " + procedure.message, .warning)]))
        } else if let step = current(procedure) {
            let before = procedure.stages.count > 1 ? step.stage : attempt(procedure, model)
            let joint = before.isEmpty ? "    " : "    \(before) · "
            lines.append(Line(left: [Run(joint, .dim), Run(step.step, .text)], optional: true))
        }
        return lines
    }

    private static func attempt(_ procedure: ProcedureReport, _ model: Model) -> String {
        guard procedure.kind == .recovery, procedure.attempt > 0 else { return "" }
        let most = model.emergency.map { " of \($0.maxRecoveryAttempts)" } ?? ""
        return "attempt \(procedure.attempt)\(most)"
    }

    /// The stage and the step that are running.
    static func current(_ procedure: ProcedureReport) -> (stage: String, step: String)? {
        for stage in procedure.stages {
            if let step = stage.steps.first(where: { $0.state == .running || $0.state == .unknown })
            {
                return (stage.name, step.name)
            }
        }
        return nil
    }

    /// What ended last, while it matters: in this emergency, or some minutes ago.
    private static func ended(_ model: Model) -> [Line] {
        guard let last = latest(model), last.state.isOver else { return [] }
        let recent = (model.seconds(since: last.finishedAt) ?? .infinity) < 600
        guard model.emergency == nil ? recent : belongs(last, model) else { return [] }
        let took = ProcedureView.clock(last, model).map {
            [Run("in \(Times.clock($0))", .dim)]
        }
        var lines = [
            Line(
                left: [
                    Run(last.state.sign + " ", last.state.role, .bold)
                ] + last.mark + [
                    Run(last.title, .text), Run(" \(last.state.rawValue)", last.state.role),
                ], right: took ?? [],
                spot: .press(.alt(Character(String(last.home.rawValue)))))
        ]
        if last.state == .failed, !last.message.isEmpty {
            lines.append(Line(left: [Run("    " + last.message, .dim)], optional: true))
        }
        return lines
    }

    /// Whether it was for this emergency: not before it began (or was taken up again), and not what
    /// the engine cleared away after the one before.
    private static func belongs(_ last: ProcedureReport, _ model: Model) -> Bool {
        guard let emergency = model.emergency else { return false }
        var began: String? = emergency.activatedAt
        if emergency.reopenings > 0 {
            began =
                model.events.last {
                    $0.kind == "emergency-reopened" && $0.emergency == emergency.id
                }?.at
        }
        guard let began = began.flatMap({ Timestamp(rfc3339: $0) }),
            let started = Timestamp(rfc3339: last.startedAt), started >= began
        else { return false }
        guard last.kind == .fallback, last.startedBy == "engine", last.state == .succeeded else {
            return true
        }
        return model.core?.fallbacks.first { $0.name == last.name }?.enabled ?? false
    }

    private static func latest(_ model: Model) -> ProcedureReport? {
        guard let core = model.core else { return nil }
        return [core.procedure, core.rollback, core.lastProcedure, core.lastTest]
            .compactMap(\.self)
            .max { ($0.finishedAt ?? "") < ($1.finishedAt ?? "") }
    }
}
