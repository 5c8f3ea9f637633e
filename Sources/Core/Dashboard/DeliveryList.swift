// Messages on their way, one line each: by which channel to whom, how far it is, what is in the way.
import Domain
import Screen
import Wire

/// How a delivery is said.
struct DeliveryWords {
    var sign: String
    var role: StyleRole
    /// `13:52:40`, `try 4 in 00:42`, `given up after 9 tries`.
    var state: String
    /// What is in the way, or else what the other side said of it.
    var detail: String
    /// What needs somebody first.
    var rank: Int

    static func rank(_ delivery: DeliveryReport) -> Int {
        switch delivery.state {
        case .dead: 0
        case .waiting: delivery.attempts > 0 ? 1 : 3
        case .sending: 2
        case .delivered, .dropped: 4
        }
    }

    init(_ delivery: DeliveryReport, _ model: Model) {
        let left = model.seconds(until: delivery.nextAt).map { Times.countdown(max(0, $0)) }
        let tries = Numbers.counted(delivery.attempts, "try", "tries")
        detail = delivery.trouble
        rank = Self.rank(delivery)
        switch delivery.state {
        case .dead:
            (sign, role) = ("✖", .bad)
            state = "given up, \(tries)"
        case .waiting where delivery.attempts > 0:
            (sign, role) = ("▲", .warning)
            state = "try \(delivery.attempts + 1)" + (left.map { " in \($0)" } ?? "")
        case .sending:
            (sign, role) = ("▶", .accent)
            state = delivery.attempts > 1 ? "sending, try \(delivery.attempts)" : "sending"
        case .waiting:
            (sign, role) = ("…", .dim)
            state = left.map { "in \($0)" } ?? "queued"
        case .delivered:
            (sign, role) = ("✔", .good)
            state = delivery.endedAt.map { Times.ofDay($0) } ?? "delivered"
            if delivery.attempts > 1 { state += ", try \(delivery.attempts)" }
            detail = delivery.receipt
        case .dropped:
            (sign, role) = ("·", .dim)
            state = "not needed"
        }
        if delivery.mayRepeat {
            detail = "may arrive twice" + (detail.isEmpty ? "" : "; \(detail)")
        }
    }
}

enum DeliveryList {
    /// Those that need somebody first, then the newest.
    static func shown(_ model: Model) -> [DeliveryReport] {
        sorted(model.situation?.deliveries ?? [])
    }
    static func of(_ emergency: String, _ model: Model) -> [DeliveryReport] {
        sorted((model.situation?.deliveries ?? []).filter { $0.emergency == emergency })
    }
    private static func sorted(_ all: [DeliveryReport]) -> [DeliveryReport] {
        all.enumerated().map { (DeliveryWords.rank($0.element), -$0.offset, $0.element) }
            .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    }

    static func selected(_ model: Model) -> DeliveryReport? {
        let all = shown(model)
        return all.first { $0.id == model.escalation.selected } ?? all.first
    }
    static func move(_ model: inout Model, by step: Int) {
        let all = shown(model)
        guard !all.isEmpty else { return }
        let at = all.firstIndex { $0.id == model.escalation.selected } ?? 0
        model.escalation.selected = all[min(max(0, at + step), all.count - 1)].id
    }

    /// Whom it goes to; where a channel addresses nobody in particular, the channel itself.
    static func whom(_ delivery: DeliveryReport, _ model: Model) -> String {
        switch delivery.people.count {
        case 0: ""
        case 1: model.person(delivery.people[0])
        default: delivery.people.map(model.firstName).joined(separator: ", ")
        }
    }

    // MARK: The list of screen 6

    /// The rows wanted, with the head and the selected one's second line; 0 without deliveries.
    static func rows(_ model: Model) -> Int {
        let count = model.situation?.deliveries.count ?? 0
        return count == 0 ? 0 : count + 2
    }

    static func draw(_ model: Model, _ canvas: inout Canvas, _ rect: Rect) {
        let all = shown(model)
        guard rect.height > 1, !all.isEmpty else { return }
        let selected = all.firstIndex { $0.id == model.escalation.selected } ?? 0
        let more = rect.height >= 4
        let room = rect.height - (more ? 2 : 1)
        let window = Window(rows: all.count, room: room, selected: selected)
        canvas.head("Deliveries", rect, right: window.more, note: summary(model))
        let columns = Columns(all, model, rect.width)
        var y = rect.y + 1
        for index in window.range {
            let row = Rect(x: rect.x, y: y, width: rect.width, height: 1)
            line(all[index], model, columns, &canvas, row, selected: index == selected)
            canvas.spot(row, .choose(index))
            y += 1
            guard index == selected, more else { continue }
            canvas.frame.line(
                about(all[index], narrow: rect.width < 100), x: rect.x + 5, y: y,
                limit: rect.width - 6)
            y += 1
        }
    }

    private static func summary(_ model: Model) -> [Run] {
        guard let outbox = model.core?.outbox else { return [] }
        var runs: [Run] = []
        func add(_ count: Int, _ word: String, _ role: StyleRole, after joint: String) {
            guard count > 0 else { return }
            runs += [
                Run(runs.isEmpty ? "" : joint, .dim), Run("\(count) ", .strong), Run(word, role),
            ]
        }
        add(Outbox.queued(outbox), "queued", .text, after: "")
        add(outbox.retrying, "of them again", .warning, after: ", ")
        add(outbox.dead, "given up", .bad, after: " · ")
        return runs
    }

    private struct Columns {
        var channel: Int
        var whom: Int
        var state: Int
        init(_ all: [DeliveryReport], _ model: Model, _ width: Int) {
            func widest(_ text: (DeliveryReport) -> String) -> Int {
                all.prefix(60).reduce(4) { max($0, GlyphWidth.columns(text($1))) }
            }
            channel = min(widest(\.channel), width >= 60 ? 14 : 8)
            whom = min(
                widest { DeliveryList.whom($0, model) }, width >= 100 ? 24 : width >= 60 ? 14 : 10)
            state = min(widest { DeliveryWords($0, model).state }, 20)
        }
    }

    private static func line(
        _ delivery: DeliveryReport, _ model: Model, _ columns: Columns, _ canvas: inout Canvas,
        _ row: Rect, selected: Bool
    ) {
        let ground: Ground = selected ? .selected : .base
        if selected { canvas.frame.fill(row, Style(.text, on: ground)) }
        let words = DeliveryWords(delivery, model)
        let quiet = words.rank >= 4
        var x = row.x + 1
        let end = row.endX - 1
        func put(_ text: String, _ role: StyleRole, _ width: Int, _ canvas: inout Canvas) {
            canvas.frame.text(
                text, x: x, y: row.y, Style(role, on: ground), limit: min(width, end - x))
            x += width
        }
        put((selected ? "▸ " : "  "), .accent, 2, &canvas)
        put(words.sign, words.role, 2, &canvas)
        put(delivery.channel, quiet ? .text : .strong, columns.channel, &canvas)
        x += 2
        put(whom(delivery, model), quiet ? .text : .strong, columns.whom, &canvas)
        x += 2
        put(words.state, quiet ? .dim : words.role, columns.state, &canvas)
        x += 2
        let test = delivery.purpose == .test ? "TEST · " : ""
        let detail = words.detail.isEmpty ? delivery.title : words.detail
        put(test + detail, quiet ? .dim : .text, max(0, end - x), &canvas)
    }

    /// What the selected one says, and all that is known of it.
    private static func about(_ delivery: DeliveryReport, narrow: Bool) -> [Run] {
        // A narrow row has no room for all of what is in the way.
        let why = narrow ? delivery.trouble.isEmpty ? delivery.receipt : delivery.trouble : ""
        let parts: [(String, StyleRole)] = [
            (why, .text), (delivery.title, narrow ? .dim : .text),
            ("queued " + Times.ofDay(delivery.queuedAt), .dim), (delivery.id, .dim),
        ]
        return parts.filter { !$0.0.isEmpty }.enumerated().flatMap { index, part in
            [Run(index == 0 ? "" : " · ", .dim), Run(part.0, part.1)]
        }
    }

    // MARK: A few lines of it, for screen 3

    /// - Parameter limit: lines at most.
    static func lines(
        _ all: [DeliveryReport], _ model: Model, width: Int, limit: Int
    ) -> [[Run]] {
        var lines: [[Run]] = []
        for (index, delivery) in all.enumerated() {
            let words = DeliveryWords(delivery, model)
            let names = whom(delivery, model)
            let head = [
                Run(words.sign + " ", words.role, .bold),
                Run(delivery.channel, words.rank >= 4 ? .text : .strong),
                Run(names.isEmpty ? "" : " to \(names)", .text),
                Run("  " + words.state, words.rank >= 4 ? .dim : words.role),
            ]
            var mine = [head]
            if words.rank >= 4 {
                mine = [head + [Run("  " + words.detail, .dim)]]
            } else if !words.detail.isEmpty {
                let text = Wrap.prefix(words.detail, width: max(8, width - 2))
                mine.append([Run("  " + text, .text)])
            }
            let rest = all.count - index
            if lines.count + mine.count > limit - (rest > 1 ? 1 : 0) {
                lines.append([
                    Run("  … \(Numbers.counted(rest, "more", "more")), on screen ", .dim),
                    Run("6", .key, .bold),
                ])
                break
            }
            lines += mine
        }
        return lines
    }
}
