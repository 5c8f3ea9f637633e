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
        if area.width >= 100 {
            let (left, rest) = area.split(left: area.width * 56 / 100)
            show(matrix(model, width: left.width - 2), "Escalation", model, &canvas, left)
            show(
                duty(model) + people(model, width: rest.width - 3) + external(model), "On call",
                model,
                &canvas, rest.inset(left: 1))
            canvas.divide(area, atX: left.endX)
        } else {
            show(all(model, width: area.width - 2), "Escalation", model, &canvas, area)
        }
    }
    private static func all(_ model: Model, width: Int) -> [[Run]] {
        var lines = matrix(model, width: width)
        let duty = duty(model)
        if !duty.isEmpty { lines += [[], [Run("On call", .heading)]] + duty }
        return lines + people(model, width: width) + external(model)
    }
    /// How far it can be scrolled.
    static func longest(_ model: Model) -> Int {
        let room = model.size.height - 4
        let width = model.size.width
        let wide = max(
            matrix(model, width: width * 56 / 100 - 2).count,
            duty(model).count + people(model, width: width * 44 / 100).count + external(model).count
        )
        let rows = width >= 100 ? wide : all(model, width: width - 2).count
        return max(0, rows - room)
    }

    private static func show(
        _ lines: [[Run]], _ title: String, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 1 else { return }
        let room = rect.height - 1
        let first = min(model.escalation.scroll, max(0, lines.count - room))
        let below = lines.count - first - room
        canvas.head(
            title, rect, ruled: false,
            right: below > 0 ? [Run("\(below) more lines ↓", .dim)] : [])
        for (index, line) in lines.dropFirst(first).prefix(room).enumerated() {
            canvas.frame.line(line, x: rect.x + 1, y: rect.y + 1 + index, limit: rect.width - 2)
        }
    }

    // MARK: The matrix

    private static func matrix(_ model: Model, width: Int) -> [[Run]] {
        var lines: [[Run]] = []
        for row in model.core?.escalation ?? [] {
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
        if !step.via.isEmpty { head.append(Run(" by " + step.via.joined(separator: ", "), .dim)) }
        if let every = step.repeatEverySeconds {
            head.append(Run(", again every \(Times.clock(every))", .dim))
        }
        var lines = [head]
        let indent = "            "
        if !step.people.isEmpty {
            let names = step.people.map { model.person($0) }.joined(separator: ", ")
            for part in Wrap.lines(names, width: max(8, width - indent.count), limit: 3) {
                lines.append([Run(indent + part, .dim)])
            }
        }
        if let taken = step.takenAt {
            let times = step.times > 1 ? ", \(step.times) times" : ""
            lines.append([Run(indent), Run("✔ told \(Times.ofDay(taken))\(times)", .good)])
        }
        if let left = model.seconds(until: step.dueAt) {
            lines.append([
                Run(indent), Run("next in ", .dim), Run(Times.countdown(max(0, left)), .strong),
            ])
        }
        return lines
    }

    // MARK: People

    private static func duty(_ model: Model) -> [[Run]] {
        var lines: [[Run]] = []
        for duty in model.runbook?.onCall ?? [] {
            lines.append([
                Run("  ● ", .good), Run(model.person(duty.now), .strong),
                Run("  " + duty.role, .dim),
            ])
            lines.append([
                Run("    then ", .dim), Run(model.person(duty.next), .text),
                Run(" from \(Times.dayAndTime(duty.handOverAt)) UTC", .dim),
            ])
        }
        return lines
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
