// What is broken: the components with the most telling answer of their probes.
import Domain
import Screen
import Wire

enum HealthPanel {
    /// How much is shown of the components.
    enum Detail { case lines, broken, everything }

    /// The most detail that fits.
    static func detail(_ model: Model, room: Int) -> Detail {
        let every = rows(model, .everything)
        if room >= 30, every <= room { return .everything }
        return room >= 8 && rows(model, .broken) <= room ? .broken : .lines
    }
    /// The rows wanted, with the head.
    static func rows(_ model: Model, _ detail: Detail) -> Int {
        (model.situation?.components ?? []).reduce(1) { $0 + 1 + probes($1, detail).count }
    }
    /// The probes that get a line of their own below their component.
    private static func probes(_ component: ComponentReport, _ detail: Detail) -> [ProbeReport] {
        guard component.probes.count > 1 else { return [] }
        switch detail {
        case .lines: return []
        case .broken:
            return component.state == .healthy || component.consequenceOf != nil
                ? [] : component.probes
        case .everything: return component.probes
        }
    }

    static func draw(
        _ model: Model, _ detail: Detail, _ canvas: inout Canvas, _ rect: Rect, ruled: Bool
    ) {
        guard let situation = model.situation, rect.height > 0 else { return }
        head(situation.core.health, &canvas, rect, ruled: ruled)
        let (_, list) = rect.split(top: 1)
        let components = situation.components
        let names = nameWidth(components, detail, list.width)
        guard rows(model, detail) > rect.height else {
            var y = list.y
            for component in components {
                let probes = probes(component, detail)
                line(component, model, &canvas, list, y, names, opened: !probes.isEmpty)
                y += 1
                for probe in probes {
                    self.probe(probe, model, &canvas, list, y, names)
                    y += 1
                }
            }
            return
        }
        // Not all fit: the worst first, and how many are not shown.
        let order = components.enumerated().sorted {
            ($0.element.state.rank, $0.offset) < ($1.element.state.rank, $1.offset)
        }.map(\.element)
        let shown = max(0, list.height - 1)
        for (index, component) in order.prefix(shown).enumerated() {
            line(component, model, &canvas, list, list.y + index, names, opened: false)
        }
        guard list.height > 0 else { return }
        let hidden = order.dropFirst(shown)
        let broken = hidden.filter { $0.state != .healthy }.count
        let more = broken > 0 ? "\(broken) of them not healthy" : "all healthy"
        canvas.frame.text(
            "… \(hidden.count) more, \(more)", x: list.x + 3, y: list.endY - 1,
            Style(broken > 0 ? .warning : .dim), limit: list.width - 4)
    }

    private static func head(
        _ health: HealthReport, _ canvas: inout Canvas, _ rect: Rect, ruled: Bool
    ) {
        let score = [
            Run("\(health.score)", .strong), Run(" / 100 ", .dim),
            Run(health.state.rawValue, health.state.role),
        ]
        canvas.head("Health", rect, ruled: ruled, note: score)
    }

    private static func nameWidth(
        _ components: [ComponentReport], _ detail: Detail, _ width: Int
    ) -> Int {
        let longest = components.reduce(4) { longest, component in
            probes(component, detail).reduce(max(longest, GlyphWidth.columns(component.name))) {
                max($0, GlyphWidth.columns($1.name) + 2)
            }
        }
        return min(longest, max(8, width / 3))
    }

    private static func line(
        _ component: ComponentReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect,
        _ y: Int,
        _ names: Int, opened: Bool
    ) {
        let telling = Telling(component, in: model)
        var x = rect.x + 1
        canvas.frame.text(telling.sign, x: x, y: y, Style(telling.role, .bold))
        x += 2
        let well = component.state == .healthy && telling.role == .good
        canvas.frame.text(
            component.name, x: x, y: y, Style(well ? .text : .strong),
            limit: min(names, rect.endX - x))
        x += names + 2
        if rect.width >= 50 {
            canvas.frame.text(
                telling.word, x: x, y: y, Style(well ? .dim : telling.role),
                limit: min(8, rect.endX - x))
            x += 10
        } else if !well {
            // A narrow column has no room for words in line; the sign says that all is well.
            x += canvas.frame.text(
                telling.word + " ", x: x, y: y, Style(telling.role), limit: rect.endX - x)
        }
        var end = rect.endX - 1
        let since =
            rect.width >= 50 || !telling.since.hasPrefix("for ")
            ? telling.since : String(telling.since.dropFirst(4))
        if !since.isEmpty, end - x > since.count + 8 {
            end -= since.count
            canvas.frame.text(since, x: end, y: y, Style(telling.role))
            end -= 1
        }
        // With its probes below it, the component says what it is.
        let quiet = well || opened || component.consequenceOf != nil
        canvas.frame.text(
            opened
                ? (GlyphWidth.columns(component.title) <= end - x ? component.title : "")
                : telling.message, x: x, y: y, Style(quiet ? .dim : .text), limit: end - x)
    }

    private static func probe(
        _ probe: ProbeReport, _ model: Model, _ canvas: inout Canvas, _ rect: Rect, _ y: Int,
        _ names: Int
    ) {
        let well = probe.state == .healthy && probe.failing == 0
        var x = rect.x + 3
        canvas.frame.text(
            well ? "·" : probe.state.sign, x: x, y: y, Style(well ? .dim : probe.state.role))
        x += 2
        canvas.frame.text(probe.name, x: x, y: y, Style(.dim), limit: max(4, names - 2))
        x = rect.x + 1 + 2 + names + 2
        if let latency = probe.latencyMs {
            let text = Numbers.latency(milliseconds: latency)
            canvas.frame.text(text, x: x + max(0, 8 - text.count), y: y, Style(.dim), limit: 9)
        }
        x += 10
        let message = probe.failing > 0 ? "\(probe.failing)× \(probe.message)" : probe.message
        canvas.frame.text(
            message, x: x, y: y, Style(well ? .dim : .text), limit: rect.endX - 1 - x)
    }
}
