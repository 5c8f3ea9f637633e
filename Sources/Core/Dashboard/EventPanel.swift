// What happened lately, newest first.
import Domain
import Screen
import Wire

enum EventPanel {
    static func draw(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        guard rect.height > 1 else { return }
        canvas.head("Events", rect)
        let (_, list) = rect.split(top: 1)
        guard !model.events.isEmpty else {
            canvas.frame.text("nothing has happened yet", x: list.x + 1, y: list.y, Style(.dim))
            return
        }
        let shown = EventRuns.newestFirst(model.events.filter { !isNoise($0.kind) })
        for (index, one) in shown.prefix(list.height).enumerated() {
            line(one.event, one.count, model, &canvas, list, list.y + index)
        }
    }

    /// What is said better by the event before or after it, and would push what matters off the screen.
    private static func isNoise(_ kind: String) -> Bool {
        kind == "delivery-started" || kind == "delivery-dropped" || kind == "delivery-added"
    }

    private static func line(
        _ event: EventReport, _ count: Int, _ model: Model, _ canvas: inout Canvas, _ rect: Rect,
        _ y: Int
    ) {
        // Older than a day: the day says more than the second.
        let old = (model.seconds(since: event.at) ?? 0) > 86_400
        let clock = Times.ofDay(event.at)
        let narrow = rect.width < 50
        let time =
            old
            ? Times.dayAndTime(event.at).prefix(narrow ? 6 : 12)
            : clock.prefix(narrow ? 5 : 8)
        var x = rect.x + 1
        x += canvas.frame.text(String(time), x: x, y: y, Style(.dim), limit: rect.width - 2) + 1
        canvas.frame.text(event.tone.sign, x: x, y: y, Style(event.tone.role), limit: rect.endX - x)
        x += 2
        let role: StyleRole = event.tone == .bad ? .bad : .text
        var end = rect.endX - 1
        if event.by != "engine", rect.width >= 60 {
            let by = model.firstName(event.by)
            let used = canvas.frame.line(
                [Run(by, .dim)], endX: end, y: y, within: max(0, rect.width / 5))
            if used > 0 { end -= used + 1 }
        }
        // Before the text, whose end may be cut.
        if count > 1 {
            x += canvas.frame.text("\(count)× ", x: x, y: y, Style(role, .bold), limit: end - x)
        }
        canvas.frame.text(event.text, x: x, y: y, Style(role), limit: end - x)
    }
}
