// What every screen but the first says of the open emergency: level, clock, who knows, what comes next.
import Domain
import Screen
import Wire

enum Strip {
    /// - Returns: the room below it; all of it without an emergency.
    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) -> Rect {
        guard let emergency = model.emergency, let level = model.level, area.height > 2 else {
            return area
        }
        let (row, rest) = area.split(top: 1)
        let style = Style(.strong, on: level.ground)
        canvas.frame.fill(row, style)
        canvas.spot(row, .press(.alt("3")))
        let clock = ResponseClock(emergency, model)
        var room = row.width - 1
        room -= right(clock.spoken(within: row.width), &canvas, row, end: room + row.x, style)
        let name = (model.core?.level?.name ?? level.name).uppercased()
        let title = " \(level.sign) LEVEL \(level.rawValue) \(name)"
        let used = canvas.frame.text(title, x: row.x, y: row.y, style.bold, limit: room)
        let next = EscalationPanel.next(model)
        let nextColumns = next.map { $0.reduce(0) { $0 + $1.columns } } ?? 0
        let reason = min(GlyphWidth.columns(emergency.reason), 40)
        let fits = used + 2 + reason + 4 + nextColumns <= room
        if fits, let next {
            room -=
                3
                + canvas.frame.line(
                    next, endX: row.x + room - 2, y: row.y, within: nextColumns, on: level.ground)
        } else if area.height < 16, let next, room - used - 3 >= 10 {
            // No row to spare: what happens next is worth more than the reason, if only its time.
            let left = room - used - 3
            canvas.frame.line(
                left >= 24 ? next : Array(next.prefix(2)), x: row.x + used + 2, y: row.y,
                limit: left, on: level.ground)
            return rest
        }
        canvas.frame.text(
            emergency.reason, x: row.x + used + 2, y: row.y, style, limit: room - used - 3)
        guard !fits, area.height >= 16, let next else { return rest }
        return second(next, emergency, model, &canvas, rest)
    }

    private static func right(
        _ text: String, _ canvas: inout Canvas, _ row: Rect, end: Int, _ style: Style
    ) -> Int {
        let columns = GlyphWidth.columns(text)
        guard columns <= row.width else { return 0 }
        canvas.frame.text(text, x: end - columns, y: row.y, style.bold)
        return columns
    }

    /// Who knows, and who is told next.
    private static func second(
        _ next: [Run], _ emergency: EmergencyReport, _ model: Model, _ canvas: inout Canvas,
        _ area: Rect
    ) -> Rect {
        let (row, rest) = area.split(top: 1)
        canvas.frame.fill(row, Style(.text, on: .bar))
        canvas.spot(row, .press(.alt("6")))
        let columns = next.reduce(0) { $0 + $1.columns }
        var room = row.width - 2
        if columns < room {
            canvas.frame.line(next, endX: row.endX - 1, y: row.y, within: room, on: .bar)
            room -= columns + 2
        } else {
            canvas.frame.line(next, x: row.x + 1, y: row.y, limit: room, on: .bar)
            return rest
        }
        let told = Told.runs(emergency.told, model, room: room - 5)
        if !told.isEmpty, room > 12 {
            canvas.frame.line(
                [Run("told ", .dim)] + told, x: row.x + 1, y: row.y, limit: room, on: .bar)
        }
        return rest
    }
}

/// What the response clock says of an open emergency.
struct ResponseClock {
    enum State: Equatable { case running, overdue, stopped }
    var state: State
    /// Seconds left, or over.
    var seconds: Double
    /// 0–1: what has passed of the response time.
    var share: Double
    /// Seconds allowed.
    var allowed: Double
    /// Who took it, for a stopped clock.
    var by: String
    /// `14:30`: when it goes on by itself, for one that was stopped for a time.
    var until: String?

    init(_ emergency: EmergencyReport, _ model: Model) {
        let start = Timestamp(rfc3339: emergency.activatedAt)
        let end = Timestamp(rfc3339: emergency.respondBy)
        // Since it began, the level may have changed, or somebody had it for a time.
        let row = model.core?.escalation.first { $0.level == emergency.level }
        allowed =
            row?.respondWithinSeconds ?? start.flatMap { s in end.map { ($0 - s).seconds } } ?? 0
        by = emergency.acknowledgedBy.map { model.firstName($0) } ?? ""
        until = emergency.acknowledgedUntil.map { Times.until($0, now: model.engineNow) }
        if emergency.acknowledgedBy != nil {
            state = .stopped
            let at = emergency.acknowledgedAt.flatMap { Timestamp(rfc3339: $0) }
            seconds = start.flatMap { s in at.map { ($0 - s).seconds } } ?? 0
            share = allowed > 0 ? seconds / allowed : 0
            return
        }
        let left = model.seconds(until: emergency.respondBy) ?? allowed
        state = left >= 0 ? .running : .overdue
        seconds = abs(left)
        share = allowed > 0 ? 1 - left / allowed : 1
    }

    /// `04:12 left`, `OVERDUE 03:10`, `✔ Ines after 02:10`, `✔ Ines until 14:30`.
    var words: String {
        switch state {
        case .running: Times.countdown(seconds) + " left"
        case .overdue: "OVERDUE " + Times.clock(seconds)
        case .stopped:
            if let until {
                "✔ \(by) until \(until)"
            } else {
                "✔ \(by) after \(Times.clock(seconds))"
            }
        }
    }

    /// `respond 04:12 left`, `overdue 02:10`, `✔ Ines until 14:30`.
    func spoken(within width: Int) -> String {
        switch state {
        case .running: (width >= 60 ? "respond " : "") + words
        case .overdue: "overdue " + Times.clock(seconds)
        case .stopped: words
        }
    }
}
