// Screen 3: the story of the emergency — what happened, who was told, who did what.
import Domain
import Screen
import Wire

enum EmergencyScreen {
    // MARK: The story

    /// The open emergency, or the last one that the events still tell of.
    static func shown(_ model: Model) -> String? {
        model.emergency?.id ?? model.events.last { $0.emergency != nil }?.emergency
    }

    /// What happened in it, oldest first.
    static func story(_ model: Model) -> [EventReport] {
        guard let id = shown(model) else { return [] }
        var story: [EventReport] = []
        for event in model.events where !quiet.contains(event.kind) {
            // Its end is written when it is no longer open, and belongs to it all the same.
            let ends = event.emergency == nil && event.kind == "emergency-deactivated"
            guard event.emergency == id || (ends && story.last?.emergency == id) else { continue }
            story.append(event)
        }
        return story
    }
    /// Beginnings whose ends say more.
    private static let quiet: Set<String> = ["delivery-started", "step-started"]

    static func copyText(_ model: Model) -> String {
        let story = story(model)
        guard let id = shown(model), !story.isEmpty else { return "" }
        return ([id] + story.map { "\($0.at) \($0.by): \($0.text)" }).joined(separator: "\n") + "\n"
    }

    // MARK: Drawing

    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        let area = area.height >= 26 ? area.inset(top: 1) : area
        let story = story(model)
        guard let id = shown(model) else { return nothing(model, &canvas, area) }
        if area.width >= 100 {
            let (left, rest) = area.split(left: area.width * 58 / 100)
            timeline(story, id, model, &canvas, left)
            let right = rest.inset(left: 1)
            facts(EmergencyFacts(id, story, model), model, &canvas, right)
            canvas.divide(area, atX: left.endX)
        } else {
            let brief = EmergencyFacts(id, story, model).brief(
                width: area.width - 2, limit: max(1, area.height * 45 / 100))
            for (index, line) in brief.enumerated() {
                canvas.frame.line(line, x: area.x + 1, y: area.y + index, limit: area.width - 2)
            }
            timeline(story, id, model, &canvas, area.split(top: brief.count).1, ruled: true)
        }
    }

    private static func nothing(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        var lines: [[Run]] = [[Run("● ", .good), Run("No emergency is open", .strong)]]
        if let since = model.core?.quietSince, let seconds = model.seconds(since: since) {
            lines[0].append(Run(", and none was for \(Times.spoken(seconds))", .text))
        }
        lines += [
            [],
            [Run("e", .key, .bold), Run("  declares one", .dim)],
            [Run("x", .key, .bold), Run("  reports a problem that no probe can see", .dim)],
            [Run("`tocsin emergencies` lists the earlier ones", .dim)],
        ]
        let top = area.y + max(0, min(3, (area.height - lines.count) / 2))
        for (index, line) in lines.enumerated() where top + index < area.endY {
            canvas.frame.line(line, x: area.x + 3, y: top + index, limit: area.width - 4)
        }
    }

    // MARK: Timeline

    private static func timeline(
        _ story: [EventReport], _ id: String, _ model: Model, _ canvas: inout Canvas, _ rect: Rect,
        ruled: Bool = false
    ) {
        guard rect.height > 1 else { return }
        let lines = timelineLines(story, id, model, width: rect.width - 2)
        let room = rect.height - 1
        let first = min(model.timeline, max(0, lines.count - room))
        let below = lines.count - first - room
        let title = model.emergency == nil ? "Last emergency" : "Timeline"
        var note = [Run("newest first", .dim)]
        if model.emergency == nil { note = [Run(id, .dim)] }
        canvas.head(
            title, rect, ruled: ruled,
            right: below > 0
                ? [Run(Numbers.counted(below, "more line", "more lines") + " ↓", .dim)] : [],
            note: note)
        for (index, line) in lines.dropFirst(first).prefix(room).enumerated() {
            canvas.frame.line(line, x: rect.x + 1, y: rect.y + 1 + index, limit: rect.width - 2)
        }
    }

    private static func timelineLines(
        _ story: [EventReport], _ id: String, _ model: Model, width: Int
    ) -> [[Run]] {
        let begin = origin(of: id, story, model)
        let wide = width >= 66
        let names = wide ? min(10, story.reduce(0) { max($0, nameColumns($1, model)) }) : 0
        // Seven columns and a blank; hours take more.
        let offsets = story.reduce(8) { max($0, since(begin, $1.at).count + 1) }
        let indent = (wide ? 9 + offsets : 6) + 2 + (names > 0 ? names + 1 : 0)
        var lines: [[Run]] = []
        for (event, repeats) in EventRuns.newestFirst(story) {
            let clock = Times.ofDay(event.at)
            var head = [Run(String(clock.prefix(wide ? 8 : 5)) + " ", .dim)]
            if wide {
                let offset = since(begin, event.at)
                let pad = String(repeating: " ", count: offsets - offset.count)
                head.append(Run(offset + pad, .dim))
            }
            head.append(Run(event.tone.sign + " ", event.tone.role, .bold))
            var text = event.text + (repeats > 1 ? " (\(repeats)×)" : "")
            if names > 0 {
                let name =
                    event.by == "engine" ? "" : Wrap.prefix(model.firstName(event.by), width: names)
                let pad = String(repeating: " ", count: names - GlyphWidth.columns(name) + 1)
                head.append(Run(name + pad, .accent))
            } else if event.by != "engine" {
                text = model.firstName(event.by) + ": " + text
            }
            let note = event.kind == "noted"
            let role: StyleRole = event.tone == .bad ? .bad : note ? .strong : .text
            let parts = Wrap.lines(text, width: max(12, width - indent), limit: note ? 6 : 3)
            for (number, part) in parts.enumerated() {
                let margin = String(repeating: " ", count: indent)
                lines.append((number == 0 ? head : [Run(margin)]) + [Run(part, role)])
            }
        }
        if !story.contains(where: { $0.kind == "emergency-activated" }), !story.isEmpty {
            lines.append([Run("What came before is in the journal: `tocsin events`", .dim)])
        }
        return lines
    }
    private static func nameColumns(_ event: EventReport, _ model: Model) -> Int {
        event.by == "engine" ? 0 : GlyphWidth.columns(model.firstName(event.by))
    }
    /// When it was activated: what the times in the timeline are counted from, before its end and
    /// after it; nil where that is out of sight.
    static func origin(of id: String, _ story: [EventReport], _ model: Model) -> String? {
        if let event = story.first(where: { $0.kind == "emergency-activated" }) { return event.at }
        let known = [model.emergency, model.lastEmergency].compactMap(\.self)
        return known.first { $0.id == id }?.activatedAt
    }
    /// `+02:10`; nothing where it is not known when it began.
    private static func since(_ begin: String?, _ at: String) -> String {
        guard let begin = begin.flatMap({ Timestamp(rfc3339: $0) }), let at = Timestamp(rfc3339: at)
        else { return "" }
        let seconds = (at - begin).seconds
        return (seconds < 0 ? "-" : "+") + Times.clock(seconds)
    }

    /// How far the timeline can be scrolled.
    static func longest(_ model: Model) -> Int {
        guard let id = shown(model) else { return 0 }
        let width = model.size.width >= 100 ? model.size.width * 58 / 100 : model.size.width
        return max(0, timelineLines(story(model), id, model, width: width - 2).count - 3)
    }

    // MARK: Facts

    private static func facts(
        _ facts: EmergencyFacts, _ model: Model, _ canvas: inout Canvas, _ rect: Rect
    ) {
        let width = rect.width - 2
        var y = rect.y
        for (title, lines) in facts.sections(width: width, room: rect.height)
        where !lines.isEmpty && y < rect.endY {
            let row = Rect(x: rect.x, y: y, width: rect.width, height: 1)
            canvas.head(title, row, ruled: y > rect.y)
            y += 1
            for line in lines where y < rect.endY {
                canvas.frame.line(line, x: rect.x + 1, y: y, limit: width)
                y += 1
            }
        }
    }
}
