// What a rollback rests on, beside its plan: who must agree and who has, the backup, the time it takes.
import Domain
import Screen
import Wire

struct RollbackFacts {
    let model: Model
    let plan: RollbackReport
    let sheet: RollbackSheetState

    struct Line {
        var runs: [Run]
        /// The authorization that it shows.
        var authorization: Int?
    }

    func draw(_ canvas: inout Canvas, _ rect: Rect, brief: Bool) {
        guard rect.height > 1 else { return }
        if sheet.request == nil {
            let count = plan.authorizations.count + 1
            let of = brief ? " picks, \(sheet.authorization + 1) of \(count)" : " picks"
            canvas.head(
                "Authorization", rect, right: [Run("tab", .key, .bold), Run(of, .dim)])
        } else {
            canvas.head("Agreement", rect, right: clock)
        }
        for (index, line) in lines(width: rect.width - 2, brief: brief)
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

    func lines(width: Int, brief: Bool) -> [Line] {
        if sheet.request != nil { return request(width: width, brief: brief) }
        if brief { return briefly(width: width) }
        return choices(width: width) + [Line(runs: [])] + rest(width: width)
    }

    // MARK: The choice

    private struct Choice {
        var kind: String
        var needs: String
        /// Why it cannot be picked now.
        var refused: String?
        /// Below it, when it is picked.
        var detail: String
        var role = StyleRole.dim
    }

    private var choice: [Choice] {
        plan.authorizations.map { one in
            let people = one.people.joined(separator: ", ")
            let detail =
                if let refused = one.refused {
                    refused
                } else if let missing = one.missing {
                    "Becomes a request: it starts when \(missing) has agreed, within 30:00, and is"
                        + " over without them."
                } else {
                    "Your word is enough. May be said by \(people)."
                }
            return Choice(
                kind: one.kind, needs: one.needs, refused: one.refused, detail: detail,
                role: one.refused != nil ? .bad : one.missing != nil ? .warning : .dim)
        } + [test]
    }
    private var test: Choice {
        let why = model.noTestMode
        return Choice(
            kind: "test mode", needs: "nobody: nothing real is touched", refused: why,
            detail: why
                ?? "Every step runs against copies in a scratch folder and what the runbook names to"
                + " stand in; nobody is told, and it is timed.",
            role: why == nil ? .good : .bad)
    }

    private var kinds: Int {
        choice.reduce(9) { max($0, GlyphWidth.columns($1.kind)) }
    }
    private func padded(_ text: String) -> String {
        text + String(repeating: " ", count: max(0, kinds - GlyphWidth.columns(text)) + 2)
    }

    private func choices(width: Int) -> [Line] {
        var lines: [Line] = []
        for (index, one) in choice.enumerated() {
            let chosen = index == sheet.authorization
            let refused = one.refused != nil
            let others =
                plan.authorizations.indices.contains(index)
                && plan.authorizations[index].missing != nil && !refused
            lines.append(
                Line(
                    runs: [
                        Run(chosen ? "▸ " : "  ", .accent),
                        Run(refused ? "✖ " : others ? "◆ " : "  ", refused ? .bad : .warning),
                        Run(padded(one.kind), chosen ? .strong : .dim),
                        Run(one.needs, refused ? .dim : .text),
                    ], authorization: index))
            guard chosen else { continue }
            // What has no room beside the kind is said in full below it.
            let long = GlyphWidth.columns(one.needs) + kinds + 6 > width
            let more = (long ? "Needs \(one.needs). " : "") + one.detail
            for part in Wrap.lines(more, width: width - 8, limit: 5) where !part.isEmpty {
                lines.append(Line(runs: [Run("      " + part, one.role)]))
            }
        }
        return lines
    }

    private func rest(width: Int) -> [Line] {
        func fact(_ name: String, _ runs: [Run]) -> Line {
            Line(runs: [Run("    " + padded(name), .dim)] + runs)
        }
        var times = [Run("target ", .dim), Run(Times.clock(plan.targetSeconds), .text)]
        if let expected = plan.expectedSeconds {
            times =
                [Run("about ", .dim), Run(Times.clock(expected), .text), Run(", ", .dim)] + times
        }
        return [
            fact("Backup", [Run(newestBackup.map { "newest " + $0 } ?? "none yet", .text)]),
            fact("", [Run("a new one is taken first", .dim)]),
            fact("Takes", times), fact("Dry run", dryRun),
        ]
    }

    /// The same in two or three lines: the one that is picked, and the rest in a row.
    private func briefly(width: Int) -> [Line] {
        var lines: [Line] = []
        let all = choice
        if all.indices.contains(sheet.authorization) {
            let one = all[sheet.authorization]
            let refused = one.refused != nil
            lines.append(
                Line(runs: [
                    Run(refused ? "✖ " : "▸ ", refused ? .bad : .accent), Run(one.kind, .strong),
                    Run(" needs \(one.needs)", .text),
                ]))
            for part in Wrap.lines(one.detail, width: width - 2, limit: 2) where !part.isEmpty {
                lines.append(Line(runs: [Run("  " + part, one.role)]))
            }
        }
        return lines + [inARow]
    }

    private var inARow: Line {
        let about = plan.expectedSeconds.map { "about \(Times.clock($0)), " } ?? ""
        return Line(
            runs: [Run("  Dry run ", .dim)] + dryRun + [
                Run(" · \(about)target \(Times.clock(plan.targetSeconds))", .dim),
                Run(" · newest backup \(newestBackup ?? "none")", .dim),
            ])
    }

    /// `05 Jan 02:00` of `20260105T020000Z`.
    private var newestBackup: String? { plan.lastBackup.map(BackupTexts.time) }

    private var dryRun: [Run] {
        switch sheet.dryRun {
        case .none:
            return model.rollback.sheet != nil
                ? [Run("not made — ", .dim), Run("d", .key, .bold), Run(" makes it", .dim)]
                : [Run("not made", .dim)]
        case .running: return [Run("▶ asking every step …", .accent)]
        case .done:
            switch plan.ready {
            case true?: return [Run("✔ nothing would fail", .good)]
            case false?: return [Run("✖ something would fail", .bad, .bold)]
            case nil: return [Run("no answer", .dim)]
            }
        }
    }

    // MARK: A request

    private var clock: [Run] {
        guard let request = model.core?.request, let (left, most) = request.left(model) else {
            return []
        }
        return [
            Run(Times.countdown(left), left < 300 ? .warning : .strong, .bold),
            Run(" left of \(Times.minutes(most))", .dim),
        ]
    }

    private func request(width: Int, brief: Bool) -> [Line] {
        guard let request = model.core?.request else { return [] }
        var lines: [Line] = []
        func fact(_ name: String, _ text: String, _ role: StyleRole, _ most: Int = 3) {
            let parts = Wrap.lines(text, width: max(8, width - 11), limit: most)
            for (index, part) in parts.enumerated() {
                let label = index == 0 ? name : ""
                let pad = String(repeating: " ", count: max(0, 10 - GlyphWidth.columns(label)))
                lines.append(Line(runs: [Run(" " + label + pad, .dim), Run(part, role)]))
            }
        }
        let rule = plan.authorizations.first { $0.kind == request.authorization }
        let needs = rule.map { " · needs \($0.needs)" } ?? ""
        fact(
            "Asked by",
            "\(request.byName) at \(Times.ofDay(request.at)) · \(request.authorization)"
                + needs, .text, brief ? 1 : 3)
        fact("Reason", request.reason, .text, brief ? 1 : 3)
        if let playbook = request.playbook, !brief { fact("For", "playbook \(playbook)", .text) }
        let agreed = request.approvals.map { "\($0.name) \(Times.ofDay($0.at))" }
        fact(
            "Agreed", agreed.isEmpty ? "nobody yet" : "✔ " + agreed.joined(separator: ", "),
            agreed.isEmpty ? .dim : .good, brief ? 1 : 3)
        if request.missing.isEmpty {
            fact("Missing", "✔ nobody: it starts when nothing else runs", .good)
        } else {
            fact("Missing", "? \(request.missing)", .warning, brief ? 1 : 3)
        }
        if !request.plan.isEmpty, request.plan != plan.hash {
            fact("Plan", "✖ it is no longer the one that was asked for", .bad)
        }
        if brief { return lines + [inARow] }
        lines.append(Line(runs: []))
        return lines + rest(width: width)
    }
}

extension RequestReport {
    /// Seconds until it is over, never more than it had when it was made, and those; nil where the
    /// times cannot be read.
    func left(_ model: Model) -> (Double, Double)? {
        guard let left = model.seconds(until: expiresAt), let begin = Timestamp(rfc3339: at),
            let end = Timestamp(rfc3339: expiresAt)
        else { return nil }
        let most = max(0, (end - begin).seconds)
        return (min(max(0, left), most), most)
    }
}
