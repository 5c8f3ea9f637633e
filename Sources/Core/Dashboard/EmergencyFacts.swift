// What is known of one emergency, open or over: the facts beside its timeline on screen 3.
import Domain
import Screen
import Wire

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
        let told = Told.lines(self.told, model, width: width)
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
            let lines =
                [[Run("● ", .good), Run("ended \(Times.dayAndTime(ended.at))", .text)]]
                + beginning(width: width).dropFirst() + Told.lines(told, model, width: width)
            return Array(lines.prefix(limit))
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
        guard let emergency = model.emergency, let level = model.level else {
            return past(width: width)
        }
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

    // MARK: When it is over

    private var last: EmergencyReport? { model.lastEmergency.flatMap { $0.id == id ? $0 : nil } }

    /// Who was to be told of it: as the engine says, or else as its messages went.
    private var told: [ToldReport] {
        if let known = model.emergency ?? last { return known.told }
        var told: [ToldReport] = []
        for delivery in DeliveryList.of(id, model) where delivery.purpose.isOfEmergency {
            let state: ToldReport.State? =
                switch delivery.state {
                case .delivered: .told
                case .dead: .unreachable
                case .waiting, .sending: delivery.attempts > 0 ? .failing : .waiting
                case .dropped: nil
                }
            guard let state else { continue }
            for person in delivery.people {
                let one = ToldReport(
                    person: person, state: state, channel: delivery.channel,
                    at: state == .told ? delivery.endedAt : nil,
                    trouble: state == .told ? "" : delivery.trouble)
                if let index = told.firstIndex(where: { $0.person == person }) {
                    if told[index].state.rank < state.rank { told[index] = one }
                } else {
                    told.append(one)
                }
            }
        }
        return told
    }

    /// Id, level and reason of one that is over.
    private func beginning(width: Int) -> [[Run]] {
        var lines = [[Run("id        ", .dim), Run(id, .text)]]
        // `emergency … activated at level 2 High: reason`, `level is now 1 Critical: reason`.
        func level(_ kind: String, after mark: String) -> (level: Substring, why: Substring)? {
            guard let text = story.last(where: { $0.kind == kind })?.text,
                let start = text.firstRange(of: mark)?.upperBound,
                let end = text[start...].firstRange(of: ": ")
            else { return nil }
            return (text[start..<end.lowerBound], text[end.upperBound...])
        }
        let first = level("emergency-activated", after: "activated at level ")
        let raised = level("level-changed", after: "level is now ")
        let number = last?.level ?? (raised ?? first)?.level.first?.wholeNumberValue
        if let number {
            let level = Level(wire: number)
            let known = model.core?.escalation.first { $0.level == number }?.name
            lines.append([
                Run("level     ", .dim),
                Run("\(level.sign) \(number) \(known ?? level.name)", level.role),
            ])
        }
        let why = last?.reason ?? first.map { String($0.why) } ?? ""
        for (index, part) in Wrap.lines(why, width: max(8, width - 10), limit: 2).enumerated()
        where !part.isEmpty {
            lines.append([Run(index == 0 ? "why       " : "          ", .dim), Run(part, .strong)])
        }
        return lines
    }

    private func past(width: Int) -> [[Run]] {
        var lines = beginning(width: width)
        if let began = EmergencyScreen.origin(of: id, story, model) {
            lines.append([Run("began     ", .dim), Run(Times.dayAndTime(began) + " UTC", .text)])
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
