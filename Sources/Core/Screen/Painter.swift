// Turns the difference between two pictures into the bytes that a terminal must be sent.

/// What a terminal understands, from its description.
package struct Capabilities: Sendable {
    /// Moves the cursor to a column and a row, both from 0.
    package var move: @Sendable (Point) -> [UInt8]
    package var foreground: @Sendable (UInt8) -> [UInt8]
    package var background: @Sendable (UInt8) -> [UInt8]
    /// Takes every colour and emphasis away.
    package var reset: [UInt8]
    package var bold: [UInt8]
    package var dim: [UInt8]
    package var underline: [UInt8]
    package var reverse: [UInt8]
    package var showCursor: [UInt8]
    package var hideCursor: [UInt8]
    /// Writing the last cell of the last row would scroll.
    package var lastCellScrolls: Bool

    package init(
        move: @escaping @Sendable (Point) -> [UInt8],
        foreground: @escaping @Sendable (UInt8) -> [UInt8],
        background: @escaping @Sendable (UInt8) -> [UInt8],
        reset: [UInt8], bold: [UInt8], dim: [UInt8], underline: [UInt8], reverse: [UInt8],
        showCursor: [UInt8], hideCursor: [UInt8], lastCellScrolls: Bool
    ) {
        self.move = move
        self.foreground = foreground
        self.background = background
        self.reset = reset
        self.bold = bold
        self.dim = dim
        self.underline = underline
        self.reverse = reverse
        self.showCursor = showCursor
        self.hideCursor = hideCursor
        self.lastCellScrolls = lastCellScrolls
    }

    /// What nearly every terminal understands (ECMA-48, with xterm's 256 colours).
    package static let ansi = Capabilities(
        move: { Array("\u{1B}[\($0.y + 1);\($0.x + 1)H".utf8) },
        foreground: { Array(($0 < 8 ? "\u{1B}[3\($0)m" : "\u{1B}[38;5;\($0)m").utf8) },
        background: { Array(($0 < 8 ? "\u{1B}[4\($0)m" : "\u{1B}[48;5;\($0)m").utf8) },
        reset: Array("\u{1B}[0m".utf8), bold: Array("\u{1B}[1m".utf8),
        dim: Array("\u{1B}[2m".utf8), underline: Array("\u{1B}[4m".utf8),
        reverse: Array("\u{1B}[7m".utf8), showCursor: Array("\u{1B}[?25h".utf8),
        hideCursor: Array("\u{1B}[?25l".utf8), lastCellScrolls: false)
}

/// Remembers what the terminal shows, and sends only what has changed.
package struct Painter: Sendable {
    private let capabilities: Capabilities
    package var palette: Palette {
        didSet { forget() }
    }
    /// What the terminal shows; nil: unknown, so that everything is sent.
    private var shown: Frame?
    /// What the terminal draws with; nil: unknown.
    private var pen: Look?
    private var cursorShown: Bool?

    package init(_ capabilities: Capabilities, _ palette: Palette) {
        self.capabilities = capabilities
        self.palette = palette
    }

    /// Something else has written to the terminal, or it has another size: send everything.
    package mutating func forget() {
        shown = nil
        pen = nil
        cursorShown = nil
    }

    /// The bytes that make the terminal show this frame; none when it already does.
    package mutating func bytes(toShow frame: Frame) -> [UInt8] {
        var out: [UInt8] = []
        let runs = frame.changes(from: shown)
        if cursorShown != false, frame.cursor == nil || !runs.isEmpty {
            out += capabilities.hideCursor
            cursorShown = false
        }
        if pen == nil { out += capabilities.reset }
        for run in runs { send(run, of: frame, &out) }
        if let cursor = frame.cursor, cursorShown != true || shown?.cursor != cursor {
            out += capabilities.move(cursor)
            if cursorShown != true { out += capabilities.showCursor }
            cursorShown = true
        }
        shown = frame
        return out
    }

    private mutating func send(_ run: ChangedRun, of frame: Frame, _ out: inout [UInt8]) {
        var mustMove = true
        for x in run.x..<run.endX {
            let cell = frame.cell(x: x, y: run.y)
            if cell.isRightHalf { continue }
            if capabilities.lastCellScrolls, run.y == frame.height - 1, x == frame.width - 1 {
                continue
            }
            if mustMove { out += capabilities.move(Point(x: x, y: run.y)) }
            mustMove = false
            take(palette.look(cell.style), blank: cell.isBlank, &out)
            if cell.isCluster {
                out += frame.spelling(cell).utf8
                mustMove = true
            } else if cell.glyph < 0x80 {
                out.append(UInt8(cell.glyph))
            } else if let scalar = Unicode.Scalar(cell.glyph) {
                out += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
                // Terminals differ in how wide they draw the rest of Unicode.
                mustMove = !Painter.isCertain(cell.glyph)
            }
        }
    }

    /// Glyphs that take one column on every terminal that we know of.
    private static func isCertain(_ glyph: UInt32) -> Bool {
        glyph < 0x300 || (0x2010...0x2027).contains(glyph) || (0x2190...0x2193).contains(glyph)
            || (0x2500...0x25FC).contains(glyph) || (0x2713...0x2718).contains(glyph)
            || (0x2800...0x28FF).contains(glyph)
    }

    private mutating func take(_ look: Look, blank: Bool, _ out: inout [UInt8]) {
        var wanted = look
        if blank, let pen {
            // Nobody sees the ink of a blank, unless it is underlined or reversed.
            let seen: Emphasis = [.underline, .reverse]
            if pen.emphasis.isDisjoint(with: seen), wanted.emphasis.isDisjoint(with: seen) {
                wanted.foreground = pen.foreground
                wanted.emphasis = pen.emphasis
            }
        }
        guard wanted != pen else { return }
        var from = pen ?? Look(foreground: .standard, background: .standard, emphasis: [])
        let standardAgain =
            (wanted.foreground == .standard && from.foreground != .standard)
            || (wanted.background == .standard && from.background != .standard)
        if standardAgain || !from.emphasis.isSubset(of: wanted.emphasis) {
            out += capabilities.reset
            from = Look(foreground: .standard, background: .standard, emphasis: [])
        }
        let added = wanted.emphasis.subtracting(from.emphasis)
        if added.contains(.bold) { out += capabilities.bold }
        if added.contains(.dim) { out += capabilities.dim }
        if added.contains(.underline) { out += capabilities.underline }
        if added.contains(.reverse) { out += capabilities.reverse }
        if wanted.foreground != from.foreground { send(wanted.foreground, ink: true, &out) }
        if wanted.background != from.background { send(wanted.background, ink: false, &out) }
        pen = wanted
    }

    private func send(_ colour: TerminalColour, ink: Bool, _ out: inout [UInt8]) {
        switch colour {
        case .standard: break
        case .index(let index):
            out += ink ? capabilities.foreground(index) : capabilities.background(index)
        case .rgb(let rgb):
            out += "\u{1B}[\(ink ? 38 : 48);2;\(rgb.red);\(rgb.green);\(rgb.blue)m".utf8
        }
    }
}
