// One picture of the terminal as a value: a grid of cells that is drawn on and then compared.

/// A grid of cells. Drawing outside it, or past a limit, is cut off; no control character can get
/// in. The right half of a wide glyph is a cell of its own that nobody can write by itself.
package struct Frame: Sendable {
    package let width: Int
    package let height: Int
    /// Row after row.
    private(set) var cells: ContiguousArray<Cell>
    /// The glyphs that are more than one scalar, by the numbers that cells hold.
    private(set) var clusters: [String] = []
    /// Where the terminal's cursor is shown; nil: hidden.
    package var cursor: Point?

    /// Limits of what a terminal may claim to be.
    package static let largest = Size(width: 1000, height: 500)
    /// Marks that may pile up on one glyph; more are dropped.
    private static let clusterScalars = 5
    private static let clusterLimit = 20_000

    package init(width: Int, height: Int, ground: Ground = .base) {
        self.width = min(max(0, width), Frame.largest.width)
        self.height = min(max(0, height), Frame.largest.height)
        cells = ContiguousArray(
            repeating: .blank(Style(.text, on: ground)), count: self.width * self.height)
    }

    package var bounds: Rect { Rect(x: 0, y: 0, width: width, height: height) }

    /// The cell at a place; a blank one outside the frame.
    package func cell(x: Int, y: Int) -> Cell {
        guard x >= 0, y >= 0, x < width, y < height else { return .blank(.plain) }
        return cells[y * width + x]
    }
    /// The glyph at a place: empty for the right half of a wide one.
    package func glyph(x: Int, y: Int) -> String { spelling(cell(x: x, y: y)) }

    func spelling(_ cell: Cell) -> String {
        if cell.isRightHalf { return "" }
        if cell.isCluster { return clusters[Int(cell.glyph - Cell.firstCluster)] }
        return Unicode.Scalar(cell.glyph).map { String(Character($0)) } ?? " "
    }
    /// A row as text, without the blanks at its end.
    package func row(_ y: Int) -> String {
        var text = ""
        for x in 0..<width { text += glyph(x: x, y: y) }
        while text.last == " " { text.removeLast() }
        return text
    }

    // MARK: Drawing

    /// Draws one line of text and says how many columns it took.
    /// - Parameters:
    ///   - limit: columns at most; what does not fit ends in an ellipsis.
    @discardableResult
    package mutating func text(
        _ text: String, x: Int, y: Int, _ style: Style = .plain, limit: Int = .max
    ) -> Int {
        guard y >= 0, y < height, limit > 0, x < width else { return 0 }
        let end = limit > width - x ? width : x + limit
        if x >= 0, let used = asciiText(text, x: x, y: y, end: end, style) { return used }
        var column = x
        for scalar in text.unicodeScalars {
            var scalar = scalar
            var columns = 1
            if scalar.value < 0x20 || (scalar.value >= 0x7F && scalar.value < 0xA0) {
                scalar = Frame.picture(of: scalar)
            } else if scalar.value >= 0x300 {
                if Frame.isDropped(scalar) { continue }
                columns = GlyphWidth.columns(scalar)
            } else if scalar.value == 0xAD {
                continue
            }
            if columns == 0 {
                join(scalar, before: column, from: x, y: y)
                continue
            }
            if column + columns > end {
                endWithEllipsis(from: x, end: end, filled: column, y: y, style)
                return end - x
            }
            put(Cell(glyph: scalar.value, style: style, width: UInt8(columns)), x: column, y: y)
            column += columns
        }
        return column - x
    }

    /// The same for text in printable ASCII, which is most of it; nil for any other.
    private mutating func asciiText(
        _ text: String, x: Int, y: Int, end: Int, _ style: Style
    ) -> Int? {
        text.utf8.withContiguousStorageIfAvailable { bytes -> Int? in
            for byte in bytes where byte < 0x20 || byte > 0x7E { return nil }
            let fits = bytes.count <= end - x
            let count = fits ? bytes.count : end - x - 1
            mend(x: x, y: y)
            mend(x: x + count + (fits ? 0 : 1), y: y)
            let start = y * width + x
            cells.withUnsafeMutableBufferPointer { cells in
                for offset in 0..<count {
                    cells[start + offset] = Cell(
                        glyph: UInt32(bytes[offset]), style: style, width: 1)
                }
                if !fits { cells[start + count] = Cell(glyph: 0x2026, style: style, width: 1) }
            }
            return fits ? count : end - x
        } ?? nil
    }

    package mutating func fill(_ rect: Rect, _ style: Style, glyph: Unicode.Scalar = " ") {
        let area = rect.intersection(bounds)
        guard !area.isEmpty, GlyphWidth.columns(glyph) == 1 else { return }
        let cell = Cell(glyph: glyph.value, style: style, width: 1)
        for y in area.y..<area.endY {
            mend(x: area.x, y: y)
            mend(x: area.endX, y: y)
            let start = y * width
            cells.withUnsafeMutableBufferPointer { cells in
                for x in area.x..<area.endX { cells[start + x] = cell }
            }
        }
    }

    /// Changes the ground of what is there, and keeps the glyphs.
    package mutating func ground(_ rect: Rect, _ ground: Ground) {
        restyle(rect) { $0.ground = ground }
    }
    package mutating func emphasize(_ rect: Rect, _ emphasis: Emphasis) {
        restyle(rect) { $0.emphasis.formUnion(emphasis) }
    }
    /// Draws everything in one quiet role, as behind a sheet.
    package mutating func quieten(_ rect: Rect) {
        restyle(rect) { $0 = Style(.border) }
    }
    private mutating func restyle(_ rect: Rect, _ change: (inout Style) -> Void) {
        let area = rect.intersection(bounds)
        guard !area.isEmpty else { return }
        let width = width
        cells.withUnsafeMutableBufferPointer { cells in
            for y in area.y..<area.endY {
                for index in y * width + area.x..<y * width + area.endX {
                    change(&cells[index].style)
                }
            }
        }
    }

    /// One glyph of one column; nothing outside the frame.
    package mutating func glyph(_ scalar: Unicode.Scalar, x: Int, y: Int, _ style: Style) {
        guard scalar.value >= 0x20, GlyphWidth.columns(scalar) == 1 else { return }
        put(Cell(glyph: scalar.value, style: style, width: 1), x: x, y: y)
    }

    /// Puts a glyph of one column in the place of each cell's.
    mutating func replaceGlyphs(_ twin: (Cell) -> UInt32) {
        for index in cells.indices {
            let scalar = twin(cells[index])
            cells[index].glyph = scalar
            cells[index].width = 1
        }
        clusters = []
    }

    // MARK: The parts

    private mutating func put(_ cell: Cell, x: Int, y: Int) {
        let wide = cell.width == 2
        guard y >= 0, y < height, x >= 0, x + (wide ? 1 : 0) < width else { return }
        mend(x: x, y: y)
        if wide { mend(x: x + 2, y: y) } else { mend(x: x + 1, y: y) }
        let index = y * width + x
        cells[index] = cell
        if wide { cells[index + 1] = Cell(glyph: 0, style: cell.style, width: 0) }
    }
    /// Before something is written from or up to this column: a wide glyph that stands across its
    /// left edge is blanked, so that no half is left behind.
    private mutating func mend(x: Int, y: Int) {
        guard x > 0, x < width else { return }
        let index = y * width + x
        guard cells[index].isRightHalf else { return }
        cells[index - 1] = .blank(cells[index - 1].style)
        cells[index] = .blank(cells[index].style)
    }

    private mutating func join(_ scalar: Unicode.Scalar, before column: Int, from x: Int, y: Int) {
        guard column > x, column >= 1, column <= width else { return }
        var index = y * width + column - 1
        if cells[index].isRightHalf, column >= 2 { index -= 1 }
        var spelled = spelling(cells[index])
        guard spelled.unicodeScalars.count < Frame.clusterScalars,
            clusters.count < Frame.clusterLimit
        else { return }
        spelled.unicodeScalars.append(scalar)
        cells[index].glyph = Cell.firstCluster + UInt32(clusters.count)
        clusters.append(spelled)
    }

    private mutating func endWithEllipsis(
        from x: Int, end: Int, filled: Int, y: Int, _ style: Style
    ) {
        for column in max(filled, end - 1)..<max(end, filled) {
            put(.blank(style), x: column, y: y)
        }
        if end - 1 >= x { put(Cell(glyph: 0x2026, style: style, width: 1), x: end - 1, y: y) }
    }

    /// Tabs become blanks and other control characters their pictures.
    private static func picture(of scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.value {
        case 0x09: " "
        case 0..<0x20: Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}"
        case 0x7F: "\u{2421}"
        default: "\u{FFFD}"
        }
    }
    /// What would make the terminal draw something of another width than ours, or in another
    /// order: joiners, variation selectors, skin tones, tags, bidirectional controls.
    private static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFE00...0xFE0F, 0xFEFF,
            0x1F3FB...0x1F3FF, 0xE0000...0xE0FFF:
            true
        default: false
        }
    }
}

extension Frame: Equatable {
    package static func == (left: Frame, right: Frame) -> Bool {
        left.width == right.width && left.height == right.height && left.cursor == right.cursor
            && left.changes(from: right).isEmpty
    }
}
