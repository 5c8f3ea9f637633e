// Screen 1: level and clock, what is broken, who knows, what to do next — in this order.
import Domain
import Screen
import Wire

enum CommandScreen {
    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        let body = Standing.draw(model, &canvas, Banner.draw(model, &canvas, area))
        guard !body.isEmpty else { return }
        if area.width >= Layout.threeColumns, area.height >= Layout.tallForThree {
            three(model, &canvas, body)
        } else if area.width >= Layout.twoColumns {
            two(model, &canvas, body)
        } else {
            one(model, &canvas, body)
        }
    }

    // MARK: Columns

    private static func two(_ model: Model, _ canvas: inout Canvas, _ body: Rect) {
        let (left, rest) = body.split(left: body.width / 2)
        let right = rest.inset(left: 1)
        let ruled = model.emergency == nil
        let gauges = GaugePanel.rows(model)
        let detail = HealthPanel.detail(model, room: left.height - gauges)
        // Where not all fits, the components come first, but the gauges keep a third.
        let wanted = min(
            HealthPanel.rows(model, detail), max(left.height - gauges, left.height * 2 / 3))
        let (upper, lower) = left.split(top: wanted)
        HealthPanel.draw(model, detail, &canvas, upper, ruled: ruled)
        GaugePanel.draw(model, &canvas, lower)
        nextEscalationEvents(model, &canvas, right, ruled: ruled)
        canvas.divide(body, atX: left.endX)
    }

    private static func three(_ model: Model, _ canvas: inout Canvas, _ body: Rect) {
        let side = body.width * 36 / 100
        let (left, rest) = body.split(left: side)
        let (middle, last) = rest.inset(left: 1).split(left: body.width - 2 * side - 2)
        let right = last.inset(left: 1)
        let ruled = model.emergency == nil
        let detail = HealthPanel.detail(model, room: body.height - 4)
        let (upper, lower) = left.split(top: HealthPanel.rows(model, detail))
        HealthPanel.draw(model, detail, &canvas, upper, ruled: ruled)
        EventPanel.draw(model, &canvas, lower)
        GaugePanel.draw(model, &canvas, middle, ruled: ruled)
        let next = NextPanel.rows(model, width: right.width)
        let (top, below) = right.split(top: min(next, body.height / 2))
        NextPanel.draw(model, &canvas, top, ruled: ruled)
        let matrix = EscalationPanel.rows(model)
        let (escalation, others) = below.split(top: min(matrix, below.height))
        EscalationPanel.draw(model, &canvas, escalation)
        if lower.height < 8 {
            EventPanel.draw(model, &canvas, others)
        } else {
            let (duty, procedure) = others.split(top: OnCallPanel.rows(model))
            OnCallPanel.draw(model, &canvas, duty)
            if let last = model.core?.procedure ?? model.core?.lastProcedure, procedure.height > 6 {
                ProcedureView.draw(last, model, &canvas, procedure)
            }
        }
        canvas.divide(body, atX: left.endX)
        canvas.divide(body, atX: middle.endX)
    }

    /// A phone's terminal: everything in one column, the gauges only where there is room.
    private static func one(_ model: Model, _ canvas: inout Canvas, _ body: Rect) {
        let next = min(NextPanel.rows(model, width: body.width), max(2, body.height / 3))
        let health = min(HealthPanel.rows(model, .lines), max(3, body.height - next))
        let (top, rest) = body.split(top: health)
        HealthPanel.draw(model, .lines, &canvas, top, ruled: model.emergency == nil)
        let (second, third) = rest.split(top: next)
        NextPanel.draw(model, &canvas, second, ruled: true)
        let matrix = EscalationPanel.rows(model)
        let (fourth, fifth) = third.split(top: min(matrix, third.height))
        EscalationPanel.draw(model, &canvas, fourth)
        let (sixth, seventh) = fifth.split(top: GaugePanel.rows(model))
        GaugePanel.draw(model, &canvas, sixth)
        EventPanel.draw(model, &canvas, seventh)
    }

    private static func nextEscalationEvents(
        _ model: Model, _ canvas: inout Canvas, _ column: Rect, ruled: Bool
    ) {
        let matrix = EscalationPanel.rows(model)
        let next = min(
            NextPanel.rows(model, width: column.width), max(4, column.height - matrix - 3))
        let (top, rest) = column.split(top: next)
        NextPanel.draw(model, &canvas, top, ruled: ruled)
        let (middle, bottom) = rest.split(top: min(matrix, rest.height))
        EscalationPanel.draw(model, &canvas, middle)
        EventPanel.draw(model, &canvas, bottom)
    }
}
