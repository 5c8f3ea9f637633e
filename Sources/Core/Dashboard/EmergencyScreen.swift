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
        let begin = model.emergency.map(\.activatedAt) ?? story.first?.at
        let wide = width >= 66
        let names = wide ? min(10, story.reduce(0) { max($0, nameColumns($1, model)) }) : 0
        let indent = (wide ? 9 + 8 : 6) + 2 + (names > 0 ? names + 1 : 0)
        var lines: [[Run]] = []
        var repeats = 1
        for (index, event) in story.enumerated().reversed() {
            if index > 0, same(story[index - 1], event) {
                repeats += 1
                continue
            }
            let clock = Times.ofDay(event.at)
            var head = [Run(String(clock.prefix(wide ? 8 : 5)) + " ", .dim)]
            if wide { head.append(Run(since(begin, event.at), .dim)) }
            head.append(Run(event.tone.sign + " ", event.tone.role, .bold))
            var text = event.text + (repeats > 1 ? " (\(repeats)×)" : "")
            repeats = 1
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
    private static func same(_ one: EventReport, _ other: EventReport) -> Bool {
        one.text == other.text && one.kind == other.kind && one.by == other.by
    }
    /// `+02:10 `, seven columns and a blank.
    private static func since(_ begin: String?, _ at: String) -> String {
        guard let begin = begin.flatMap({ Timestamp(rfc3339: $0) }), let at = Timestamp(rfc3339: at)
        else { return "        " }
        let seconds = (at - begin).seconds
        let text = (seconds < 0 ? "-" : "+") + Times.clock(seconds)
        return text + String(repeating: " ", count: max(1, 8 - text.count))
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

/// What is known of one emergency, beside its timeline.
struct EmergencyFacts {
    private let id: String
    private let story: [EventReport]
    private let model: Model

    init(_ id: String, _ story: [EventReport], _ model: Model) {
        self.id = id
        self.story = story
        self.model = model
    }

    /// The heads and lines of the right column.
    func sections(width: Int, room: Int) -> [(String, [[Run]])] {
        let told = Told.lines(model.emergency?.told ?? [], model, width: width)
        let people = whoDidWhat(width: width)
        let facts = facts(width: width)
        let notes = notes(width: width)
        let used = facts.count + told.count + people.count + notes.count + 5
        let deliveries = DeliveryList.lines(
            DeliveryList.of(id, model), model, width: width, limit: max(4, room - used))
        return [
            ("Emergency", facts), ("Told", told), ("Deliveries", deliveries),
            ("Who did what", people), ("Notes", notes),
        ]
    }

    /// As much of it as a narrow screen has room for, without heads.
    func brief(width: Int, limit: Int) -> [[Run]] {
        guard let emergency = model.emergency else {
            let ended = story.last { $0.kind == "emergency-deactivated" }
            guard let ended else { return [] }
            return [[Run("● ", .good), Run("ended \(Times.dayAndTime(ended.at))", .text)]]
        }
        var lines = [second(emergency)]
        let failing = model.stillFailing
        if !failing.isEmpty {
            lines.append([
                Run("✖ still failing: ", .bad), Run(failing.joined(separator: ", "), .text),
            ])
        }
        lines += problems(width: width)
        lines += Told.lines(emergency.told, model, width: width)
        // What stands in the way of telling a person is said beside them already.
        let known = Set(emergency.told.map { model.person($0.person) })
        let stuck = DeliveryList.of(id, model).filter { delivery in
            DeliveryWords.rank(delivery) < 2
                && !delivery.people.contains { known.contains(model.person($0)) }
        }
        lines += DeliveryList.lines(stuck, model, width: width, limit: max(0, limit - lines.count))
        return Array(lines.prefix(limit))
    }

    /// Age, who has it, ticket: in one line.
    private func second(_ emergency: EmergencyReport) -> [Run] {
        let dot = Run(" · ", .dim)
        var runs: [Run] = []
        if let open = model.seconds(since: emergency.activatedAt) {
            runs += [Run("open ", .dim), Run(Times.clock(open), .text), dot]
        }
        runs += acknowledged(emergency)
        if let ticket = emergency.ticket { runs += [dot, Run("ticket \(ticket)", .text)] }
        if emergency.reopenings > 0 { runs += [dot, reopened(emergency)] }
        return runs
    }
    private func reopened(_ emergency: EmergencyReport) -> Run {
        Run("reopened \(Numbers.times(emergency.reopenings))", .warning)
    }

    private func acknowledged(_ emergency: EmergencyReport) -> [Run] {
        guard let by = emergency.acknowledgedBy else {
            return [
                Run("not acknowledged", .strong, .bold), Run(" — ", .dim), Run("a", .key, .bold),
                Run(" takes it", .text),
            ]
        }
        var runs = [Run("✔ \(model.person(by)) has it", .good)]
        if let until = emergency.acknowledgedUntil, let left = model.seconds(until: until) {
            let clock = Times.countdown(max(0, left))
            runs.append(Run(" until \(Times.until(until, now: model.engineNow))", .good))
            runs.append(Run(", \(clock) left", .dim))
        } else if let at = emergency.acknowledgedAt {
            runs.append(Run(" since \(Times.ofDay(at))", .dim))
        }
        return runs
    }

    private func facts(width: Int) -> [[Run]] {
        guard let emergency = model.emergency, let level = model.level else { return past() }
        var lines: [[Run]] = []
        func fact(_ name: String, _ value: [Run]) {
            let pad = String(repeating: " ", count: max(1, 10 - name.count))
            lines.append([Run(name + pad, .dim)] + value)
        }
        fact("id", [Run(emergency.id, .text)])
        let clock = ResponseClock(emergency, model)
        fact(
            "level",
            [
                Run(
                    "\(level.sign) \(level.rawValue) \(model.core?.level?.name ?? level.name)",
                    level.role),
                Run("  respond within \(Times.minutes(clock.allowed))", .dim),
            ])
        let room = max(8, width - 10)
        for (index, part) in Wrap.lines(emergency.reason, width: room, limit: 2).enumerated() {
            fact(index == 0 ? "why" : "", [Run(part, .strong)])
        }
        let failure = emergency.failure.map { " · " + $0.replacing("_", with: " ") } ?? ""
        fact("raised by", [Run(emergency.triggeredBy, .text), Run(failure, .dim)])
        if let open = model.seconds(since: emergency.activatedAt) {
            fact(
                "open",
                [
                    Run(Times.clock(open), .strong),
                    Run(" since \(Times.ofDay(emergency.activatedAt))", .dim),
                ])
        }
        fact("answer", acknowledged(emergency))
        if let next = EscalationPanel.next(model) { fact("next", Array(next.dropFirst())) }
        if let ticket = emergency.ticket { fact("ticket", [Run(ticket, .strong)]) }
        if emergency.reopenings > 0 {
            fact("reopened", [Run(Numbers.times(emergency.reopenings), .warning)])
        }
        if emergency.recoveryAttempts > 0 {
            let tried = "\(emergency.recoveryAttempts) of \(emergency.maxRecoveryAttempts)"
            fact("recovery", [Run("tried \(tried)", .warning)])
        }
        let failing = model.stillFailing
        for (index, part) in Wrap.lines(
            failing.isEmpty ? "nothing" : failing.joined(separator: ", "),
            width: room,
            limit: 3
        ).enumerated() {
            fact(index == 0 ? "failing" : "", [Run(part, failing.isEmpty ? .good : .bad)])
        }
        return lines + problems(width: width)
    }

    private func problems(width: Int) -> [[Run]] {
        (model.core?.problems ?? []).map { problem in
            let alerts = problem.alerts > 1 ? " (\(problem.alerts) alerts)" : ""
            let by = model.firstName(problem.by)
            return [
                Run("▲ \(problem.kind)\(alerts)", .bad, .bold),
                Run(problem.text.isEmpty ? "" : "  \(problem.text)", .text),
                Run("  \(by) \(Times.ofDay(problem.at))", .dim),
            ]
        }
    }

    private func past() -> [[Run]] {
        var lines = [[Run("id        ", .dim), Run(id, .text)]]
        if let first = story.first(where: { $0.kind == "emergency-activated" }) {
            lines.append([Run("began     ", .dim), Run(Times.dayAndTime(first.at) + " UTC", .text)])
        }
        if let last = story.last(where: { $0.kind == "emergency-deactivated" }) {
            lines.append([
                Run("ended     ", .dim), Run(Times.dayAndTime(last.at) + " UTC", .good),
                Run(" by \(model.firstName(last.by))", .dim),
            ])
        }
        return lines + problems(width: 40)
    }

    // MARK: People

    private func whoDidWhat(width: Int) -> [[Run]] {
        var order: [String] = []
        var acts: [String: [String]] = [:]
        for event in story where event.by != "engine" {
            if acts[event.by] == nil { order.append(event.by) }
            acts[event.by, default: []].append(
                "\(Times.ofDay(event.at).prefix(5)) \(EmergencyFacts.act(event.kind))")
        }
        return order.flatMap { by -> [[Run]] in
            let name = model.firstName(by)
            let list = (acts[by] ?? []).suffix(12).joined(separator: " · ")
            let indent = GlyphWidth.columns(name) + 2
            let parts = Wrap.lines(list, width: max(12, width - indent), limit: 3)
            return parts.enumerated().map { index, part in
                [
                    Run(index == 0 ? name + "  " : String(repeating: " ", count: indent), .accent),
                    Run(part, .text),
                ]
            }
        }
    }

    /// What a person did, in one or two words; the kind of the event where there are none.
    private static func act(_ kind: String) -> String {
        let words = [
            "emergency-activated": "declared it", "emergency-acknowledged": "took it",
            "handed-over": "handed over", "level-changed": "set level", "noted": "note",
            "emergency-deactivated": "ended it", "escalated": "escalated",
            "problem-reported": "reported", "problem-cleared": "cleared",
            "fallback-switched": "fallback", "procedure-started": "started",
            "rollback-vetoed": "vetoed", "delivery-revived": "retried",
            "delivery-dismissed": "dismissed", "line-set": "dashboards",
            "message-queued": "message", "on-call-overridden": "on-call",
        ]
        return words[kind] ?? kind.replacing("-", with: " ")
    }

    private func notes(width: Int) -> [[Run]] {
        story.filter { $0.kind == "noted" }.reversed().flatMap { event -> [[Run]] in
            let text = event.text.hasPrefix("note: ") ? String(event.text.dropFirst(6)) : event.text
            let parts = Wrap.lines(text, width: max(12, width - 6), limit: 4)
            return parts.enumerated().map { index, part in
                [
                    Run(index == 0 ? "\(Times.ofDay(event.at).prefix(5)) " : "      ", .dim),
                    Run(part, .strong),
                ]
            }
        }
    }
}
