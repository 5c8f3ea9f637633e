// Who knows: the matrix in a few rows, the row in force with who was told and what comes next.
import Domain
import Screen
import Wire

enum EscalationPanel {
    /// The rows wanted, with the head.
    static func rows(_ model: Model) -> Int {
        let matrix = model.core?.escalation ?? []
        return 1 + matrix.count + below(model).count
    }

    static func draw(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        let matrix = model.core?.escalation ?? []
        guard rect.height > 1, !matrix.isEmpty else { return }
        let names = matrix.reduce(4) { max($0, GlyphWidth.columns($1.name)) }
        let columns = Columns(names: min(names, 12), rect)
        canvas.head("Escalation", rect)
        titles(columns, &canvas, rect)
        var y = rect.y + 1
        for row in matrix where y < rect.endY {
            line(row, model, columns, &canvas, rect, y)
            y += 1
            guard row.inForce else { continue }
            for line in below(model) where y < rect.endY {
                canvas.frame.line(line, x: rect.x + 5, y: y, limit: rect.width - 6)
                y += 1
            }
        }
    }
    /// Below the row in force: what comes next, and what stands in the way of telling people.
    private static func below(_ model: Model) -> [[Run]] {
        guard model.emergency != nil else { return [] }
        return [next(model), Outbox.trouble(model)].compactMap(\.self)
    }

    private struct Columns {
        var respond: Int
        var told: Int
        var answer: Int
        /// Whether there is a column for the answer.
        var hasAnswer: Bool
        init(names: Int, _ rect: Rect) {
            respond = rect.x + 5 + names + 2
            told = respond + 8
            hasAnswer = rect.width >= 54
            answer = rect.endX - 1
        }
    }

    private static func titles(_ columns: Columns, _ canvas: inout Canvas, _ rect: Rect) {
        guard columns.respond > rect.x + 15 || rect.width < 54 else { return }
        let style = Style(.dim)
        guard rect.width >= 30 else { return }
        canvas.frame.text(" within ", x: columns.respond - 1, y: rect.y, style)
        canvas.frame.text(" told ", x: columns.told - 1, y: rect.y, style)
        if columns.hasAnswer {
            canvas.frame.text(" answer ", x: columns.answer - 7, y: rect.y, style)
        }
    }

    private static func line(
        _ row: EscalationReport, _ model: Model, _ columns: Columns, _ canvas: inout Canvas,
        _ rect: Rect, _ y: Int
    ) {
        let level = Level(wire: row.level)
        let ground: Ground = .base
        if row.inForce {
            canvas.frame.text("▸", x: rect.x + 1, y: y, Style(level.role, on: ground))
        }
        canvas.frame.text(
            "\(row.level)", x: rect.x + 3, y: y, Style(level.role, on: ground))
        canvas.frame.text(
            row.name, x: rect.x + 5, y: y,
            Style(row.inForce ? .strong : .dim, on: ground), limit: columns.respond - rect.x - 6)
        canvas.frame.text(
            Times.minutes(row.respondWithinSeconds), x: columns.respond, y: y,
            Style(row.inForce ? .text : .dim, on: ground), limit: 7)
        var end = rect.endX - 1
        if row.inForce, columns.hasAnswer {
            let answer = answer(model)
            let width = answer.reduce(0) { $0 + $1.columns }
            canvas.frame.line(answer, endX: end, y: y, within: end - columns.told, on: ground)
            end -= width + 2
        }
        canvas.frame.line(
            told(row, model, room: max(0, end - columns.told)), x: columns.told, y: y,
            limit: max(0, end - columns.told), on: ground)
    }

    private static func answer(_ model: Model) -> [Run] {
        guard let emergency = model.emergency else { return [] }
        guard let by = emergency.acknowledgedBy else { return [Run("waiting", .warning)] }
        let until = emergency.acknowledgedUntil.map {
            " until " + Times.until($0, now: model.engineNow)
        }
        return [Run("✔ \(model.firstName(by))\(until ?? "")", .good)]
    }

    /// Who was told; for a row that is not in force, whom it would tell first.
    private static func told(_ row: EscalationReport, _ model: Model, room: Int) -> [Run] {
        let taken = row.steps.filter { $0.takenAt != nil }
        if row.inForce, let emergency = model.emergency {
            let ticket = ticket(emergency, isDue: taken.contains(where: \.ticket))
            guard !emergency.told.isEmpty else { return ticket.isEmpty ? [Run("—", .dim)] : ticket }
            // Names are worth more than the ticket, which the banner has too.
            let told = Told.runs(emergency.told, model, room: room)
            let columns = (told + ticket).reduce(1) { $0 + $1.columns }
            return ticket.isEmpty || columns > room ? told : told + [Run(" ")] + ticket
        }
        guard let first = row.steps.first else { return [Run("—", .dim)] }
        return [Run(whom(first), .dim)]
    }

    private static func ticket(_ emergency: EmergencyReport, isDue: Bool) -> [Run] {
        if let number = emergency.ticket { return [Run("ticket \(number)"), Run(" ✓", .good)] }
        return isDue ? [Run("ticket"), Run(" …", .dim)] : []
    }

    static func whom(_ step: EscalationStepReport) -> String {
        let roles = step.roles.joined(separator: ", ")
        if step.ticket { return roles.isEmpty ? "ticket" : roles + ", ticket" }
        return roles.isEmpty ? "—" : roles
    }

    /// `next 04:12: administrator by mail, text`.
    static func next(_ model: Model) -> [Run]? {
        guard let row = model.core?.escalation.first(where: \.inForce) else { return nil }
        let due = row.steps.compactMap { step in
            model.seconds(until: step.dueAt).map { (step, $0) }
        }
        guard let (step, left) = due.min(by: { $0.1 < $1.1 }) else { return nil }
        let via = step.via.isEmpty ? "" : " by " + step.via.joined(separator: ", ")
        return [
            Run("next ", .dim), Run(Times.countdown(max(0, left)), .strong), Run(": ", .dim),
            Run(whom(step) + via, .text),
        ]
    }
}

/// Who is on call, where there is room for it.
enum OnCallPanel {
    static func rows(_ model: Model) -> Int {
        let count = model.onCall.count
        return count == 0 ? 0 : count + 1
    }
    static func draw(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        guard rect.height > 1, !model.onCall.isEmpty else { return }
        canvas.head("On call", rect)
        for (index, duty) in model.onCall.prefix(rect.height - 1).enumerated() {
            let y = rect.y + 1 + index
            var used = canvas.frame.line(
                [
                    Run("● ", .good), Run(model.person(duty.now), .strong),
                    Run("  " + duty.role, .dim),
                ],
                x: rect.x + 1, y: y, limit: rect.width - 2)
            used += 4
            let next =
                "then \(model.firstName(duty.next)) from \(Times.dayAndTime(duty.handOverAt))"
            canvas.frame.line(
                [Run(next, .dim)], endX: rect.endX - 1, y: y, within: rect.width - used)
        }
    }
}
