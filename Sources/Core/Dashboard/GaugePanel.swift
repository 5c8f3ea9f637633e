// The key figures: value, curve, and whether that is good.
import Domain
import Screen
import Wire

enum GaugePanel {
    /// The rows of the panel at its smallest, with the head; 0 without gauges.
    static func rows(_ model: Model) -> Int {
        let count = model.situation?.gauges.count ?? 0
        return count == 0 ? 0 : count + 1
    }

    /// A line for each gauge; where there is room, a graph.
    static func draw(_ model: Model, _ canvas: inout Canvas, _ rect: Rect, ruled: Bool = true) {
        let gauges = model.situation?.gauges ?? []
        guard rect.height > 1, !gauges.isEmpty else { return }
        canvas.head("Key figures", rect, ruled: ruled)
        let (_, list) = rect.split(top: 1)
        if drawGraphs(gauges, &canvas, list) { return }
        let columns = Columns(gauges, list.width)
        for (index, gauge) in gauges.prefix(list.height).enumerated() {
            line(gauge, &canvas, list, list.y + index, columns)
        }
    }

    private struct Columns {
        var title: Int
        var value: Int
        var verdict: Int
        init(_ gauges: [GaugeReport], _ width: Int) {
            value = gauges.reduce(4) { max($0, GlyphWidth.columns(GaugePanel.value($1))) }
            verdict = gauges.reduce(0) {
                max($0, $1.good == nil ? 0 : GlyphWidth.columns(GaugePanel.bound($1)) + 2)
            }
            let longest = gauges.reduce(6) { max($0, GlyphWidth.columns($1.title)) }
            title = max(6, min(longest, width - value - verdict - 8))
        }
    }

    private static func line(
        _ gauge: GaugeReport, _ canvas: inout Canvas, _ rect: Rect, _ y: Int, _ columns: Columns
    ) {
        var x = rect.x + 1
        canvas.frame.text(gauge.title, x: x, y: y, Style(.text), limit: columns.title)
        x += columns.title + 1
        let value = value(gauge)
        canvas.frame.text(
            value, x: x + columns.value - GlyphWidth.columns(value), y: y,
            Style(gauge.good == false ? .bad : .strong), limit: columns.value)
        x += columns.value + 2
        let end = rect.endX - 1 - columns.verdict
        verdict(gauge, &canvas, endX: rect.endX - 1, y)
        let room = min(30, end - 1 - x)
        guard room >= 3, gauge.trend.count > 1 else { return }
        let scale = Scale(gauge)
        canvas.frame.sparkline(
            gauge.trend, low: scale.low, high: scale.high, x: x, y: y, width: room,
            Style(gauge.good == false ? .bad : .accent))
    }

    private static func verdict(_ gauge: GaugeReport, _ canvas: inout Canvas, endX: Int, _ y: Int) {
        guard let good = gauge.good else { return }
        canvas.frame.line(
            [Run(bound(gauge) + " ", .dim), Run(good ? "●" : "✖", good ? .good : .bad)], endX: endX,
            y: y, within: 16)
    }

    static func value(_ gauge: GaugeReport) -> String {
        guard let value = gauge.value else { return "—" }
        if gauge.unit == "ms" { return Numbers.latency(milliseconds: value) }
        return Numbers.short(value)
            + (gauge.unit.isEmpty || gauge.unit.count > 4 ? "" : " " + gauge.unit)
    }
    private static func bound(_ gauge: GaugeReport) -> String {
        if let above = gauge.goodAbove { return "≥ " + Numbers.short(above) }
        if let below = gauge.goodBelow { return "≤ " + Numbers.short(below) }
        return ""
    }

    /// What the curve's lowest and highest dot stand for. A bound belongs to it, so that being on
    /// its good side looks so; noise is not blown up to an event.
    struct Scale {
        var low: Double
        var high: Double
        init(_ gauge: GaugeReport) {
            let values = gauge.trend.filter(\.isFinite)
            low = values.min() ?? 0
            high = values.max() ?? 1
            if let above = gauge.goodAbove { low = min(low, above) }
            if gauge.goodBelow != nil { low = min(low, 0) }
            let least = max(abs(high) * 0.25, 1e-9)
            if gauge.goodAbove != nil { low = min(low, high - least) }
            if high - low < least {
                let middle = (high + low) / 2
                low = middle - least / 2
                high = middle + least / 2
                if low < 0, values.allSatisfy({ $0 >= 0 }) {
                    high -= low
                    low = 0
                }
            }
        }
    }

    // MARK: Where there is room for graphs

    /// - Returns: whether there was room for them.
    private static func drawGraphs(
        _ gauges: [GaugeReport], _ canvas: inout Canvas, _ rect: Rect
    ) -> Bool {
        let curves = gauges.filter { $0.trend.count > 1 }.count
        guard curves > 0 else { return false }
        let numbers = gauges.count - curves
        let each = min(7, (rect.height - 2 * numbers) / curves)
        guard each >= 3 else { return false }
        var y = rect.y
        for gauge in gauges {
            let rows = gauge.trend.count > 1 ? each : 2
            graph(gauge, &canvas, Rect(x: rect.x + 1, y: y, width: rect.width - 2, height: rows))
            y += rows
        }
        return true
    }

    private static func graph(_ gauge: GaugeReport, _ canvas: inout Canvas, _ rect: Rect) {
        canvas.frame.text(gauge.title, x: rect.x, y: rect.y, Style(.text), limit: rect.width - 20)
        let value = value(gauge)
        let bound = bound(gauge)
        let taken = gauge.good == nil ? 0 : GlyphWidth.columns(bound) + 3
        verdict(gauge, &canvas, endX: rect.endX, rect.y)
        canvas.frame.line(
            [Run(value, gauge.good == false ? .bad : .strong, .bold)], endX: rect.endX - taken,
            y: rect.y, within: rect.width / 2)
        let room = rect.inset(top: 1, bottom: rect.height > 3 ? 1 : 0)
        let scale = Scale(gauge)
        guard gauge.trend.count > 1 else { return }
        // The whole width is the longest trend that there can be: a young one begins further right.
        canvas.frame.curve(
            gauge.trend, slots: 60, low: scale.low, high: scale.high, in: room,
            Style(gauge.good == false ? .bad : .accent))
    }
}
