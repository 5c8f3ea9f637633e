// The picture of a model: header, what must be seen everywhere, the page, the line of keys, and
// whatever lies above.
package import Screen

package func view(_ model: Model) -> Frame { picture(model).frame }

/// The picture with the places that can be clicked.
func picture(_ model: Model) -> Canvas {
    var canvas = Canvas(model.size)
    let whole = canvas.frame.bounds
    guard !whole.isEmpty else { return canvas }
    if whole.width < Layout.smallest.width || whole.height < Layout.smallest.height {
        TinyScreen.draw(model, &canvas)
        return canvas
    }
    let (top, rest) = whole.split(top: 1)
    let (middle, last) = rest.split(top: rest.height - 1)
    Chrome.header(model, &canvas, top)
    var area = middle
    area = Chrome.alarms(model, &canvas, area)
    if model.situation == nil {
        Chrome.waiting(model, &canvas, area)
    } else {
        page(model, &canvas, area)
    }
    Chrome.notice(model, &canvas, above: last.y)
    Chrome.keys(model, &canvas, last)
    if model.sheet != nil { Sheets.draw(model, &canvas, last) }
    return canvas
}

private func page(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
    switch model.page {
    case .command:
        CommandScreen.draw(model, &canvas, area)
    case .emergency, .recovery, .rollback, .escalation, .backups:
        let body = Standing.draw(model, &canvas, Strip.draw(model, &canvas, area))
        below(model, &canvas, body)
    }
}

private func below(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
    switch model.page {
    case .command: break
    case .emergency: EmergencyScreen.draw(model, &canvas, area)
    case .recovery: RecoveryScreen.draw(model, &canvas, area)
    case .rollback:
        if model.rollback.sheet != nil || model.shownRequest != nil {
            RollbackSheet.draw(model, &canvas, area)
        } else {
            RollbackScreen.draw(model, &canvas, area)
        }
    case .escalation: EscalationScreen.draw(model, &canvas, area)
    case .backups:
        if model.backups.sheet != nil {
            RestoreSheet.draw(model, &canvas, area)
        } else {
            BackupsScreen.draw(model, &canvas, area)
        }
    }
}

/// The sizes at which the picture changes its shape.
enum Layout {
    /// Below it there is only the level, the clock and the worst component.
    static let smallest = Size(width: 40, height: 10)
    /// From it on the first screen has two columns.
    static let twoColumns = 76
    /// From it on it has three.
    static let threeColumns = 150
    static let tallForThree = 30
}
