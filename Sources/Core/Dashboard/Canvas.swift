// What screens draw on: a frame, and the places on it that a click means something in.
import Screen

/// What a click on a place does.
enum Spot: Sendable, Equatable {
    /// The same as pressing this key.
    case press(Key)
    /// Moves the selection of the list in front there.
    case choose(Int)
}

struct Canvas {
    var frame: Frame
    private(set) var spots: [(Rect, Spot)] = []
    /// Which rows of a rollback's stages are shown, where not all are: the arrows move it.
    var stages: Window?

    init(_ size: Size) { frame = Frame(width: size.width, height: size.height) }

    mutating func spot(_ rect: Rect, _ spot: Spot) { spots.append((rect, spot)) }
    /// Forgets what can be clicked: a sheet lies above it.
    mutating func cover() { spots = [] }

    /// The spot drawn last there.
    func spot(at point: Point) -> Spot? { spots.last { $0.0.contains(point) }?.1 }

    // MARK: Shapes that several screens share

    /// `─ Title ─────────── words ─`: the head of a panel.
    mutating func head(
        _ title: String, _ rect: Rect, ruled: Bool = true, right: [Run] = [], note: [Run] = []
    ) {
        guard rect.height > 0, rect.width > 0 else { return }
        if ruled { frame.rule(x: rect.x, y: rect.y, width: rect.width, Style(.border)) }
        var used = frame.text(
            " \(title) ", x: rect.x + (ruled ? 1 : 0), y: rect.y, Style(.heading),
            limit: rect.width - 1)
        if !note.isEmpty {
            let room = rect.width - used - 3
            let columns = note.reduce(0) { $0 + $1.columns }
            if columns < room {
                used += frame.line(
                    note, x: rect.x + used + (ruled ? 1 : 0), y: rect.y, limit: room)
                frame.glyph(" ", x: rect.x + used + (ruled ? 1 : 0), y: rect.y, .plain)
            }
        }
        if !right.isEmpty {
            let columns = right.reduce(2) { $0 + $1.columns }
            if columns + used + 2 < rect.width {
                let padded = ruled ? [Run(" ")] + right + [Run(" ")] : right + [Run(" ")]
                frame.line(padded, endX: rect.endX - (ruled ? 1 : 0), y: rect.y, within: rect.width)
            }
        }
    }

    /// A vertical line with joints where the rules of the panels beside it end.
    mutating func divide(_ rect: Rect, atX x: Int) {
        for y in rect.y..<rect.endY {
            let left = frame.glyph(x: x - 1, y: y) == "─"
            let right = frame.glyph(x: x + 1, y: y) == "─"
            let joint: Unicode.Scalar =
                left && right ? "┼" : left ? "┤" : right ? "├" : "│"
            let top: Unicode.Scalar = left && right ? "┬" : left ? "┐" : right ? "┌" : "│"
            frame.glyph(y == rect.y ? top : joint, x: x, y: y, Style(.border))
        }
    }

    /// A sheet above the picture: the rest goes quiet, and only the sheet can be clicked.
    /// - Returns: the room inside.
    mutating func sheet(_ title: String, width: Int, height: Int, role: StyleRole = .accent) -> Rect
    {
        cover()
        frame.cursor = nil
        frame.quieten(frame.bounds.inset(top: 1, bottom: 1))
        let rect = frame.bounds.inset(top: 1, bottom: 1)
            .centred(width: width + 4, height: height + 2)
        frame.fill(rect, Style(.text, on: .panel))
        frame.box(rect, Style(role, on: .panel), .rounded)
        frame.text(
            " \(title) ", x: rect.x + 2, y: rect.y, Style(.heading, on: .panel),
            limit: rect.width - 4)
        return rect.inset(left: 2, top: 1, right: 2, bottom: 1)
    }

    /// On the lower edge of a sheet: that there is more than it shows.
    mutating func foot(_ more: [Run], of room: Rect) {
        guard !more.isEmpty else { return }
        frame.line(
            [Run(" ")] + more + [Run(" ")], endX: room.endX, y: room.endY, within: room.width,
            on: .panel)
    }

    /// Lines that nothing scrolls: those without room are counted on the last row.
    mutating func lines(_ lines: [[Run]], _ rect: Rect) {
        let isCut = lines.count > rect.height && rect.height > 1
        let shown = isCut ? rect.height - 1 : max(0, rect.height)
        for (index, line) in lines.prefix(shown).enumerated() {
            frame.line(line, x: rect.x, y: rect.y + index, limit: rect.width)
        }
        guard isCut else { return }
        let words = "… \(Numbers.counted(lines.count - shown, "more line", "more lines"))"
        frame.line([Run(words, .dim)], x: rect.x, y: rect.endY - 1, limit: rect.width)
    }

    /// One row of a list: the whole row is the ground of the selection, and can be clicked.
    mutating func row(_ rect: Rect, selected: Bool, index: Int?) {
        if selected { frame.ground(rect, .selected) }
        if let index { spot(rect, .choose(index)) }
    }
}

/// Which part of a list is shown when it does not fit.
struct Window: Equatable {
    /// All of them, also those that are not shown.
    var rows: Int
    var first: Int
    var count: Int
    /// Keeps the selected row in sight, as near to the middle as the ends allow.
    init(rows: Int, room: Int, selected: Int) {
        self.init(rows: rows, room: room, first: selected - room / 2)
    }
    /// Begins with a row that somebody scrolled to, as far as the ends allow.
    init(rows: Int, room: Int, first: Int) {
        self.rows = rows
        count = max(0, min(rows, room))
        self.first = min(max(0, first), rows - count)
    }
    var range: Range<Int> { first..<first + count }
    /// `2 more ↑ · 5 more ↓`; empty where all is shown.
    var more: [Run] {
        let below = rows - first - count
        let parts = [first > 0 ? "\(first) more ↑" : "", below > 0 ? "\(below) more ↓" : ""]
        let words = parts.filter { !$0.isEmpty }.joined(separator: " · ")
        return words.isEmpty ? [] : [Run(words, .dim)]
    }
}
