// Screen 6: who is told what when, who was, who is on call, and whom to call outside.
import Domain
import Screen
import Wire

enum EscalationScreen {
    static func copyText(_ model: Model) -> String {
        let runbook = model.runbook
        let people = (runbook?.people ?? []).map {
            [$0.name, $0.roles.joined(separator: ", "), $0.email, $0.sms]
                .filter { !$0.isEmpty }.joined(separator: "\t")
        }
        let external = (runbook?.external ?? []).map {
            [$0.name, $0.phone, $0.email].filter { !$0.isEmpty }.joined(separator: "\t")
        }
        return (people + external).joined(separator: "\n") + "\n"
    }

    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        let area = area.height >= 26 ? area.inset(top: 1) : area
        let (upper, lower) = area.split(top: area.height - listRows(model, area.height))
        if area.width >= 100 {
            let (left, rest) = upper.split(left: upper.width * 56 / 100)
            show(matrix(model, width: left.width - 2), "Escalation", model, &canvas, left)
            show(
                Array(beside(model, width: rest.width - 3).dropFirst(2)), "On call", model,
                &canvas, rest.inset(left: 1))
            DeliveryList.draw(model, &canvas, lower)
            canvas.divide(upper, atX: left.endX)
            if lower.height > 0 {
                canvas.frame.glyph("┴", x: left.endX, y: lower.y, Style(.border))
            }
        } else {
            show(
                all(model, width: upper.width - 2), "Escalation", model, &canvas, upper,
                note: summary(model, room: upper.width - 36))
            DeliveryList.draw(model, &canvas, lower)
        }
    }

    /// The deliveries have the lower part, as much of it as they need and the matrix can spare.
    private static func listRows(_ model: Model, _ height: Int) -> Int {
        let wanted = DeliveryList.rows(model)
        let most = height >= 12 ? height * 2 / 5 : height / 2
        return min(wanted, most)
    }

    /// On a narrow screen the row in force comes first, for the others are soon out of sight.
    private static func all(_ model: Model, width: Int) -> [[Run]] {
        matrix(model, width: width, inForceFirst: true) + beside(model, width: width)
    }
    /// Who is on call, the channels, the people and whom to call outside; heads and all.
    private static func beside(_ model: Model, width: Int) -> [[Run]] {
        let duty = duty(model)
        let onCall: [[Run]] = [[], [Run("On call", .heading)]]
        return onCall + (duty.isEmpty ? [[Run("  the runbook has no shifts", .dim)]] : duty)
            + channels(model, width: width) + people(model, width: width) + external(model)
    }
    /// How far it can be scrolled.
    static func longest(_ model: Model) -> Int {
        let height = model.size.height - 4
        let room = height - listRows(model, height)
        let width = model.size.width
        let wide = max(
            matrix(model, width: width * 56 / 100 - 2).count,
            beside(model, width: width * 44 / 100).count - 2)
        let rows = width >= 100 ? wide : all(model, width: width - 2).count
        return max(0, rows - room + 2)
    }

    private static func show(
        _ lines: [[Run]], _ title: String, _ model: Model, _ canvas: inout Canvas, _ rect: Rect,
        note: [Run] = []
    ) {
        guard rect.height > 1 else { return }
        let room = rect.height - 1
        let first = min(model.escalation.scroll, max(0, lines.count - room))
        let below = lines.count - first - room
        canvas.head(
            title, rect, ruled: false,
            right: below > 0
                ? [Run(Numbers.counted(below, "more line", "more lines") + " ↓", .dim)] : [],
            note: note)
        for (index, line) in lines.dropFirst(first).prefix(room).enumerated() {
            canvas.frame.line(line, x: rect.x + 1, y: rect.y + 1 + index, limit: rect.width - 2)
        }
    }

    // MARK: The matrix

    private static func matrix(
        _ model: Model, width: Int, inForceFirst: Bool = false
    ) -> [[Run]] {
        var lines: [[Run]] = []
        var rows = model.core?.escalation ?? []
        if inForceFirst { rows = rows.filter(\.inForce) + rows.filter { !$0.inForce } }
        for row in rows {
            let level = Level(wire: row.level)
            lines.append([
                Run(row.inForce ? "▸ " : "  ", level.role), Run("\(row.level) ", level.role),
                Run(row.name, row.inForce ? .strong : .text, .bold),
                Run("  respond within \(Times.minutes(row.respondWithinSeconds))", .dim),
                Run(row.inForce ? "  in force" : "", level.role),
            ])
            if !row.means.isEmpty {
                for part in Wrap.lines(row.means, width: width - 4, limit: 2) {
                    lines.append([Run("    " + part, .dim)])
                }
            }
            for step in row.steps { lines += self.step(step, row, model, width: width) }
            if row.steps.isEmpty { lines.append([Run("    nobody is told", .dim)]) }
            lines.append([])
        }
        if !lines.isEmpty { lines.removeLast() }
        return lines
    }

    private static func step(
        _ step: EscalationStepReport, _ row: EscalationReport, _ model: Model, width: Int
    ) -> [[Run]] {
        let after = step.afterSeconds == 0 ? "at once" : "+" + Times.clock(step.afterSeconds)
        let padded = after + String(repeating: " ", count: max(0, 8 - after.count))
        var head = [Run("    " + padded, .accent)]
        var whom = step.roles.joined(separator: ", ")
        if step.ticket { whom += whom.isEmpty ? "a ticket" : ", a ticket" }
        head.append(Run(whom.isEmpty ? "nobody" : whom, .text))
        var how: [Run] = []
        if !step.via.isEmpty { how.append(Run("by " + step.via.joined(separator: ", "), .dim)) }
        if let every = step.repeatEverySeconds {
            how.append(
                Run("\(how.isEmpty ? "" : ", ")again every \(Times.clock(every))", .dim))
        }
        let columns = (head + how).reduce(1) { $0 + $1.columns }
        // By which channels is worth a line of its own before it is cut.
        var lines =
            how.isEmpty || columns <= width
            ? [head + (how.isEmpty ? [] : [Run(" ")] + how)]
            : [head, [Run(String(repeating: " ", count: 12))] + how]
        let indent = "            "
        if !step.people.isEmpty {
            lines += names(step, row, model, width: max(8, width - indent.count)).map {
                [Run(indent)] + $0
            }
        }
        if let taken = step.takenAt {
            let times = step.times > 1 ? ", \(Numbers.times(step.times)) by now" : ""
            let ticket = step.ticket ? model.emergency?.ticket.map { " · ticket \($0)" } ?? "" : ""
            lines.append([
                Run(indent), Run("✔ taken \(Times.ofDay(taken))\(times)\(ticket)", .good),
            ])
        }
        if let left = model.seconds(until: step.dueAt) {
            lines.append([
                Run(indent), Run(step.takenAt == nil ? "due in " : "again in ", .dim),
                Run(Times.countdown(max(0, left)), .strong),
            ])
        }
        return lines
    }

    /// Whom the step names; once it was taken, with what became of it for each.
    private static func names(
        _ step: EscalationStepReport, _ row: EscalationReport, _ model: Model, width: Int
    ) -> [[Run]] {
        let told = model.emergency?.told ?? []
        guard row.inForce, step.takenAt != nil, !told.isEmpty else {
            let names = step.people.map { model.person($0) }.joined(separator: ", ")
            return Wrap.lines(names, width: width, limit: 3).map { [Run($0, .dim)] }
        }
        var lines: [[Run]] = [[]]
        var used = 0
        for name in step.people {
            let state = told.first { $0.person == name || model.person($0.person) == name }
            var runs = [Run(model.person(name), .text)]
            if let state { runs.append(Run(" " + state.state.sign, state.state.role, .bold)) }
            let columns = runs.reduce(2) { $0 + $1.columns }
            if used > 0, used + columns > width {
                lines.append([])
                used = 0
            }
            lines[lines.count - 1] += (used > 0 ? [Run("  ")] : []) + runs
            used += columns
        }
        return lines
    }

    // MARK: People

    private static func duty(_ model: Model) -> [[Run]] {
        var lines: [[Run]] = []
        for duty in model.onCall {
            lines.append([
                Run("  ● ", .good), Run(model.person(duty.now), .strong),
                Run("  " + duty.role, .dim),
            ])
            if duty.override != nil {
                let instead = duty.insteadOf.map { " for \(model.person($0))" } ?? ""
                let by = duty.overriddenBy.map { ", set by \(model.firstName($0))" } ?? ""
                lines.append([Run("    ▲ stands in\(instead)\(by)", .warning)])
            }
            lines.append([
                Run("    then ", .dim), Run(model.person(duty.next), .text),
                Run(" from \(Times.dayAndTime(duty.handOverAt)) UTC", .dim),
            ])
            for override in duty.overrides where override.id != duty.override {
                let from = Times.dayAndTime(override.from)
                let until = Times.dayAndTime(override.until)
                lines.append([
                    Run("    ◆ ", .accent), Run(model.person(override.person), .text),
                    Run(" \(from) to \(until)", .dim),
                ])
            }
        }
        return lines
    }

    private static func channels(_ model: Model, width: Int) -> [[Run]] {
        let channels = model.core?.channels ?? []
        guard !channels.isEmpty else { return [] }
        var lines: [[Run]] = [[], [Run("Channels", .heading)]]
        let names = min(channels.reduce(4) { max($0, GlyphWidth.columns($1.name)) }, 14)
        let kinds =
            2 + min(channels.reduce(0) { $1.kind == $1.name ? $0 : max($0, $1.kind.count) }, 12)
        for channel in channels {
            let name = Wrap.prefix(channel.name, width: names)
            let pad = String(repeating: " ", count: names - GlyphWidth.columns(name) + 2)
            let kind = Wrap.prefix(
                channel.kind == channel.name ? "" : channel.kind, width: kinds - 2)
            let waiting = channel.waiting > 0 ? " · \(channel.waiting) queued" : ""
            let words =
                switch channel.state {
                case .unused: "not used yet"
                case .works:
                    "works" + (channel.deliveredAt.map { " · \(Times.ofDay($0))" } ?? "")
                case .failing: "fails"
                }
            lines.append([
                Run("  \(channel.state.sign) ", channel.state.role, .bold),
                Run(name + pad, channel.state == .failing ? .strong : .text),
                Run(kind + String(repeating: " ", count: kinds - kind.count), .dim),
                Run(words, channel.state == .failing ? .warning : .dim), Run(waiting, .warning),
            ])
            let trouble = [failing(channel.name, model), channel.trouble]
                .filter { !$0.isEmpty }.joined(separator: ": ")
            if channel.state == .failing, !trouble.isEmpty {
                for part in Wrap.lines(trouble, width: max(8, width - 6), limit: 3) {
                    lines.append([Run("      " + part, .text)])
                }
            }
        }
        return lines
    }

    /// `since 13:52, tried 14:03:11`
    private static func failing(_ channel: String, _ model: Model) -> String {
        guard let times = Outbox.failure(of: channel, model) else { return "" }
        let since = "since " + Times.until(times.since, now: model.engineNow)
        return times.tried == times.since
            ? since : since + ", tried " + Times.ofDay(times.tried)
    }

    /// `mail fails · text works`: for the head, where the channels themselves are out of sight.
    private static func summary(_ model: Model, room: Int) -> [Run] {
        let used = (model.core?.channels ?? []).filter { $0.state != .unused }
        let sorted = used.filter { $0.state == .failing } + used.filter { $0.state != .failing }
        var runs: [Run] = []
        for channel in sorted {
            let fails = channel.state == .failing
            let next = [
                Run(runs.isEmpty ? "" : " · ", .dim),
                Run("\(channel.name) \(fails ? "fails" : "works")", fails ? .warning : .good),
            ]
            guard (runs + next).reduce(0, { $0 + $1.columns }) <= room else { break }
            runs += next
        }
        return runs
    }

    private static func people(_ model: Model, width: Int) -> [[Run]] {
        let people = model.runbook?.people ?? []
        guard !people.isEmpty else { return [] }
        var lines: [[Run]] = [[], [Run("People", .heading)]]
        let names = people.reduce(4) { max($0, GlyphWidth.columns($1.name)) }
        for person in people {
            let pad = String(repeating: " ", count: names - GlyphWidth.columns(person.name) + 2)
            let you = person.user == model.you?.user
            lines.append([
                Run(you ? "▸ " : "  ", .accent), Run(person.name + pad, you ? .strong : .text),
                Run(
                    [person.email, person.sms].filter { !$0.isEmpty }.joined(separator: "  "), .dim),
            ])
            for part in Wrap.lines(
                person.roles.joined(separator: ", "), width: max(8, width - 6), limit: 2)
            where !part.isEmpty {
                lines.append([Run("    " + part, .dim)])
            }
        }
        return lines
    }

    private static func external(_ model: Model) -> [[Run]] {
        let contacts = model.runbook?.external ?? []
        guard !contacts.isEmpty else { return [] }
        return [[], [Run("External support", .heading)]]
            + contacts.map { contact in
                [
                    Run("  " + contact.name, .text),
                    Run(
                        "  "
                            + [contact.phone, contact.email].filter { !$0.isEmpty }
                            .joined(separator: "  "), .dim),
                ]
            }
    }
}
