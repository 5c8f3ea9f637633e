// What has changed between two frames, and the bytes that bring a terminal from one to the other —
// read by a small terminal of our own.
import TestKit
import Testing

@testable import Screen

@Suite struct DifferenceTests {
    @Test func `equal frames differ nowhere`() {
        var frame = Frame(width: 9, height: 3)
        frame.text("日本 e\u{301}", x: 1, y: 1)
        #expect(frame.changes(from: frame).isEmpty)
        #expect(frame == frame)
    }

    @Test func `another size is another picture`() {
        let frame = Frame(width: 4, height: 2)
        #expect(frame.changes(from: Frame(width: 5, height: 2)).count == 2)
        #expect(frame.changes(from: nil).count == 2)
        #expect(Frame(width: 0, height: 0).changes(from: nil).isEmpty)
    }

    @Test func `a run spans small gaps and whole glyphs`() {
        let old = Frame(width: 30, height: 1)
        var new = old
        new.text("a", x: 2, y: 0)
        new.text("b", x: 5, y: 0)
        new.text("日", x: 20, y: 0)
        #expect(
            new.changes(from: old) == [
                ChangedRun(y: 0, x: 2, endX: 6), ChangedRun(y: 0, x: 20, endX: 22),
            ])
        #expect(old.changes(from: new).last == ChangedRun(y: 0, x: 20, endX: 22))
    }

    @Test func `clusters are compared by what they spell`() {
        var one = Frame(width: 4, height: 1)
        one.text("x\u{302}", x: 2, y: 0)
        one.text("e\u{301}", x: 0, y: 0)
        var other = Frame(width: 4, height: 1)
        other.text("e\u{301}", x: 0, y: 0)
        other.text("x\u{302}", x: 2, y: 0)
        #expect(one.changes(from: other).isEmpty)
        other.text("e\u{300}", x: 0, y: 0)
        #expect(one.changes(from: other) == [ChangedRun(y: 0, x: 0, endX: 1)])
    }

    @Test(arguments: ColourDepth.allCases)
    func `the bytes bring any terminal from any frame to any other`(depth: ColourDepth) throws {
        var random = SeededRandom(seed: 5)
        let theme = try #require(Theme.builtIn.first)
        let palette = Palette(theme, depth)
        for _ in 0..<40 {
            let size = Size(
                width: Int.random(in: 1...24, using: &random),
                height: Int.random(in: 1...6, using: &random))
            var painter = Painter(.ansi, palette)
            var terminal = SmallTerminal(size)
            var frame = Frame(width: size.width, height: size.height)
            for _ in 0..<12 {
                scribble(&frame, &random)
                terminal.take(painter.bytes(toShow: frame))
                #expect(terminal.shows(frame, palette))
                if Bool.random(using: &random) {
                    frame = Frame(width: size.width, height: size.height)
                }
            }
            #expect(painter.bytes(toShow: frame).isEmpty == terminal.shows(frame, palette))
        }
    }

    private func scribble(_ frame: inout Frame, _ random: inout SeededRandom) {
        let texts = ["tocsin", "日本語", "e\u{301}a", "  ", "▲ LEVEL 2", "⣿⣷", "🙂!", "x"]
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let style = Style(
                StyleRole.allCases.randomElement(using: &random) ?? .text,
                on: Ground.allCases.randomElement(using: &random) ?? .base,
                Emphasis(rawValue: UInt8.random(in: 0...15, using: &random)))
            let x = Int.random(in: -2...frame.width, using: &random)
            let y = Int.random(in: 0..<frame.height, using: &random)
            frame.text(texts.randomElement(using: &random) ?? "", x: x, y: y, style)
        }
        frame.cursor =
            Bool.random(using: &random)
            ? nil
            : Point(
                x: Int.random(in: 0..<frame.width, using: &random),
                y: Int.random(in: 0..<frame.height, using: &random))
    }

    @Test func `one changed digit is a few bytes`() throws {
        var painter = Painter(.ansi, Palette(try #require(Theme.builtIn.first), .indexed))
        var frame = Frame(width: 160, height: 48)
        frame.text("14:03:27", x: 140, y: 0, Style(.strong, on: .bar))
        _ = painter.bytes(toShow: frame)
        frame.text("14:03:28", x: 140, y: 0, Style(.strong, on: .bar))
        let bytes = painter.bytes(toShow: frame)
        #expect(bytes.count < 40)
        #expect(painter.bytes(toShow: frame).isEmpty)
    }

    @Test func `the last cell is left alone where it would scroll`() throws {
        var capabilities = Capabilities.ansi
        capabilities.lastCellScrolls = true
        var painter = Painter(capabilities, Palette(try #require(Theme.builtIn.first), .none))
        var frame = Frame(width: 3, height: 1)
        frame.text("abc", x: 0, y: 0)
        let text = String(decoding: painter.bytes(toShow: frame), as: UTF8.self)
        #expect(text.contains("ab") && !text.contains("c"))
    }
}

/// Understands what `Capabilities.ansi` sends, and nothing else.
private struct SmallTerminal {
    struct Place: Equatable {
        var glyph = " "
        var look = Look(foreground: .standard, background: .standard, emphasis: [])
    }
    private let size: Size
    private var places: [Place]
    private var at = Point(x: 0, y: 0)
    private var look = Place().look
    private var cursorShown = true

    init(_ size: Size) {
        self.size = size
        places = Array(repeating: Place(), count: size.width * size.height)
    }

    mutating func take(_ bytes: [UInt8]) {
        let scalars = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            index += 1
            guard scalar.value == 0x1B else {
                draw(scalar)
                continue
            }
            var body = ""
            index += 1
            while index < scalars.count, !scalars[index].properties.isAlphabetic {
                body.unicodeScalars.append(scalars[index])
                index += 1
            }
            control(body, scalars[index])
            index += 1
        }
    }

    private mutating func draw(_ scalar: Unicode.Scalar) {
        let columns = GlyphWidth.columns(scalar)
        if columns == 0 {
            // Joins what stands before the cursor.
            var x = at.x - 1
            while x > 0, places[at.y * size.width + x].glyph.isEmpty { x -= 1 }
            places[at.y * size.width + x].glyph.unicodeScalars.append(scalar)
            return
        }
        for offset in 0..<columns where at.x + offset < size.width {
            places[at.y * size.width + at.x + offset] = Place(
                glyph: offset == 0 ? String(Character(scalar)) : "", look: look)
        }
        at.x += columns
    }

    private mutating func control(_ body: String, _ final: Unicode.Scalar) {
        let numbers = body.split(separator: ";").compactMap { Int($0) }
        switch final {
        case "H": at = Point(x: numbers[1] - 1, y: numbers[0] - 1)
        case "h": cursorShown = true
        case "l": cursorShown = false
        case "m": select(numbers)
        default: Issue.record("unknown sequence \(body)\(final)")
        }
    }
    private mutating func select(_ numbers: [Int]) {
        switch numbers[0] {
        case 0: look = Place().look
        case 1: look.emphasis.insert(.bold)
        case 2: look.emphasis.insert(.dim)
        case 4: look.emphasis.insert(.underline)
        case 7: look.emphasis.insert(.reverse)
        case 30...37: look.foreground = .index(UInt8(numbers[0] - 30))
        case 40...47: look.background = .index(UInt8(numbers[0] - 40))
        case 38: look.foreground = colour(numbers)
        case 48: look.background = colour(numbers)
        default: Issue.record("unknown colour \(numbers)")
        }
    }
    private func colour(_ numbers: [Int]) -> TerminalColour {
        numbers[1] == 5
            ? .index(UInt8(numbers[2]))
            : .rgb(RGB(UInt8(numbers[2]), UInt8(numbers[3]), UInt8(numbers[4])))
    }

    /// Whether it looks like this frame; nobody sees the ink of a blank.
    func shows(_ frame: Frame, _ palette: Palette) -> Bool {
        if cursorShown != (frame.cursor != nil) { return false }
        if let cursor = frame.cursor, cursor != at { return false }
        for y in 0..<size.height {
            for x in 0..<size.width {
                let place = places[y * size.width + x]
                let wanted = palette.look(frame.cell(x: x, y: y).style)
                guard place.glyph == frame.glyph(x: x, y: y) else { return false }
                let seen: Emphasis =
                    place.glyph == " " ? [.underline, .reverse] : .init(rawValue: 15)
                guard
                    place.look.emphasis.intersection(seen) == wanted.emphasis.intersection(seen),
                    place.look.background == wanted.background
                else { return false }
                let inkCounts = place.glyph != " " || !wanted.emphasis.isDisjoint(with: seen)
                if inkCounts, place.look.foreground != wanted.foreground { return false }
            }
        }
        return true
    }
}
