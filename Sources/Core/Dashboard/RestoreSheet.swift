// Screen 7 before a restore: what is put back, what that replaces, and the name that confirms it.
import Domain
import Screen
import Wire

enum RestoreSheet {
    static func hints(_ model: Model) -> [Chrome.Hint] {
        func hint(_ key: Key, _ word: String, _ label: String? = nil) -> Chrome.Hint {
            Chrome.Hint(label: label ?? key.label, word: word, key: key)
        }
        guard let sheet = model.backups.sheet else { return [] }
        switch sheet.focus {
        case .parts:
            return [
                hint(.enter, "confirm …"), hint(.character(" "), "takes or leaves", "space"),
                hint(.character("a"), "all"), hint(.character("n"), "none"),
                hint(.character("p"), "another path"), hint(.down, "select", "↑↓"),
                hint(.escape, "leave"), hint(.character("?"), "help"),
                hint(.character("q"), "quit"),
            ]
        case .path:
            return [
                hint(.enter, "take it"), hint(.escape, "back"), hint(.control("u"), "clear"),
            ]
        case .name:
            return [
                hint(.enter, "START THE RESTORE"), hint(.escape, "back to the choice"),
                hint(.control("u"), "clear"),
            ]
        }
    }

    static func draw(_ model: Model, _ canvas: inout Canvas, _ area: Rect) {
        guard let sheet = model.backups.sheet else { return }
        let roomy = area.height >= 28
        let (top, rest) = area.split(top: roomy ? 3 : 1)
        head(model, sheet, &canvas, top)
        let (upper, lower) = rest.split(top: max(3, rest.height - (roomy ? 5 : 4)))
        if area.width >= 100 {
            let (left, right) = upper.split(left: upper.width * 46 / 100)
            parts(sheet, &canvas, left)
            consequences(model, sheet, &canvas, right.inset(left: 1))
            canvas.divide(upper, atX: left.endX)
        } else {
            let wanted = lines(model, sheet, width: upper.width - 4).count + 1
            let (first, second) = upper.split(
                top: max(min(4, upper.height), upper.height - wanted))
            parts(sheet, &canvas, first)
            consequences(model, sheet, &canvas, second)
        }
        fields(model, sheet, &canvas, lower)
    }

    private static func head(
        _ model: Model, _ sheet: RestoreState, _ canvas: inout Canvas, _ rect: Rect
    ) {
        canvas.frame.line(
            [
                Run("▲ RESTORE", .warning, .bold), Run(" backup \(sheet.backup.id)", .strong),
                Run(", \(BackupTexts.age(sheet.backup, model)) old", .strong),
                Run("  nothing has started", .dim),
            ], x: rect.x + 1, y: rect.y + (rect.height > 1 ? 1 : 0), limit: rect.width - 2)
    }

    private static func parts(
        _ sheet: RestoreState, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 1 else { return }
        let on = sheet.parts.count(where: \.isOn)
        let (_, list) = rect.split(top: 1)
        let window = Window(
            rows: sheet.parts.count, room: list.height, selected: sheet.selected)
        let count = [Run("\(on) of \(sheet.parts.count)", .dim)]
        canvas.head(
            "What is put back", rect, right: window.more.isEmpty ? count : window.more,
            note: window.more.isEmpty ? [] : count)
        guard !sheet.parts.isEmpty else {
            canvas.frame.text(
                "The backup holds nothing", x: list.x + 2, y: list.y, Style(.dim),
                limit: list.width - 4)
            return
        }
        for (offset, index) in window.range.enumerated() {
            let part = sheet.parts[index]
            let row = Rect(x: list.x, y: list.y + offset, width: list.width, height: 1)
            let chosen = index == sheet.selected && sheet.focus == .parts
            let ground: Ground = chosen ? .selected : .base
            if chosen { canvas.frame.fill(row, Style(.text, on: ground)) }
            let kind = part.kind == .database ? "database " : ""
            canvas.frame.line(
                [
                    Run(chosen ? "▸ " : "  ", .accent),
                    Run(part.isOn ? "[x] " : "[ ] ", part.isOn ? .good : .dim, .bold),
                    Run(kind, part.isOn ? .text : .dim),
                    Run(part.name, part.isOn ? .strong : .dim),
                    Run(part.isTyped ? "  typed" : "", .dim),
                ], x: row.x + 1, y: row.y, limit: row.width - 2, on: ground)
            canvas.spot(row, .choose(index))
        }
    }

    private static func consequences(
        _ model: Model, _ sheet: RestoreState, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 1 else { return }
        canvas.head("What that does", rect)
        canvas.lines(
            lines(model, sheet, width: rect.width - 4), rect.inset(left: 1, top: 1, right: 1))
    }

    /// What is replaced, what is lost, and the way back.
    private static func lines(
        _ model: Model, _ sheet: RestoreState, width: Int
    ) -> [[Run]] {
        var lines: [[Run]] = []
        func say(_ sign: String, _ role: StyleRole, _ text: String) {
            for (index, part) in Wrap.lines(text, width: max(8, width - 2), limit: 3).enumerated() {
                lines.append([
                    Run(index == 0 ? sign + " " : "  ", role, .bold),
                    Run(part, role == .warning || role == .bad ? role : .text),
                ])
            }
        }
        let paths = sheet.parts.filter { $0.kind == .path && $0.isOn }.map(\.name)
        let databases = sheet.parts.filter { $0.kind == .database && $0.isOn }.map(\.name)
        let age = BackupTexts.age(sheet.backup, model)
        if !databases.isEmpty {
            let names = databases.joined(separator: ", ")
            say("▲", .warning, "Rows written to \(names) in the last \(age) are lost.")
        }
        if !paths.isEmpty {
            say("▲", .warning, "Files as they were \(age) ago replace those that are there.")
            say("·", .dim, "Files that have come since stay where they are.")
        }
        if !paths.isEmpty || !databases.isEmpty {
            say("↩", .good, "What is replaced is saved first: u takes the restore back.")
            say(
                "·", .dim,
                "The service is not stopped for it; screen 4 stops and starts it.")
        }
        let state = BackupTexts.state(sheet.backup, model)
        say(state.sign, state.role, "The backup: \(state.detail).")
        return lines
    }

    private static func fields(
        _ model: Model, _ sheet: RestoreState, _ canvas: inout Canvas, _ rect: Rect
    ) {
        guard rect.height > 0 else { return }
        canvas.head("Confirmation", rect)
        let service = model.core?.service ?? ""
        let at = rect.x + 2 + GlyphWidth.columns("Type \(service) to confirm ")
        let width = max(0, min(60, rect.endX - 2 - at))
        var y = rect.y + 1
        if sheet.focus == .path {
            canvas.frame.text("Path", x: rect.x + 2, y: y, Style(.dim))
            canvas.field(
                sheet.path, x: at, y: y, width: width, focused: true,
                hint: "a file or folder of the backup")
            y += 1
        }
        canvas.frame.line(
            [Run("Type ", .text), Run(service, .strong, .bold), Run(" to confirm", .text)],
            x: rect.x + 2, y: y, limit: at - rect.x - 2)
        canvas.field(
            sheet.name, x: at, y: y, width: width, focused: sheet.focus == .name,
            hint: sheet.focus == .name ? "" : "enter, then its name")
        y += 1
        let room = max(1, rect.endY - y)
        if let problem = sheet.problem {
            for (index, part) in Wrap.lines(
                "✖ " + problem, width: rect.width - 4, limit: room
            ).enumerated() {
                canvas.frame.text(
                    part, x: rect.x + 2, y: y + index, Style(.bad), limit: rect.width - 4)
            }
        } else if sheet.focus == .name, sheet.name.text == service {
            canvas.frame.line(
                [
                    Run("enter", .key, .bold), Run(" starts the restore; ", .strong),
                    Run("leaving the screen does not stop it", .dim),
                ], x: rect.x + 2, y: y, limit: rect.width - 4)
        }
    }
}
