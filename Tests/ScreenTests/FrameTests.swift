// Drawing on a frame: what fits, what is cut, and what can never get in.
import Screen
import TestKit
import Testing

@Suite struct FrameTests {
    @Test func `an empty cell is a space`() {
        let frame = Frame(width: 2, height: 1)
        #expect(frame.glyph(x: 0, y: 0) == " ")
        #expect(frame.cell(x: 0, y: 0).style == .plain)
    }

    @Test(arguments: [
        ("plain", 10, "plain", 5), ("plain", 5, "plain", 5), ("plain", 4, "pla…", 4),
        ("plain", 1, "…", 1), ("plain", 0, "", 0), ("", 5, "", 0),
        ("日本語", 6, "日本語", 6), ("日本語", 5, "日本…", 5), ("日本語", 4, "日 …", 4),
        ("日本語", 3, "日…", 3), ("日本語", 1, "…", 1),
        ("e\u{301}te\u{301}", 3, "e\u{301}te\u{301}", 3), ("a🙂b", 4, "a🙂b", 4),
        ("a🙂b", 3, "a …", 3),
    ])
    func `text is cut at its limit, with an ellipsis`(
        text: String, limit: Int, shown: String, used: Int
    ) {
        var frame = Frame(width: 12, height: 1)
        #expect(frame.text(text, x: 0, y: 0, limit: limit) == used)
        #expect(frame.row(0) == shown)
    }

    @Test func `the frame's edge cuts like a limit`() {
        var frame = Frame(width: 4, height: 2)
        #expect(frame.text("abcdef", x: 2, y: 0) == 2)
        #expect(frame.row(0) == "  a…")
        frame.text("nowhere", x: 0, y: 2)
        frame.text("nowhere", x: 4, y: 1)
        frame.text("abc", x: -2, y: 1)
        #expect(frame.row(1) == "c")
    }

    @Test func `a wide glyph that is half overwritten leaves no half behind`() {
        var frame = Frame(width: 6, height: 1)
        frame.text("日本語", x: 0, y: 0)
        frame.text("x", x: 1, y: 0)
        #expect(frame.row(0) == " x本語")
        frame.text("y", x: 2, y: 0)
        #expect(frame.row(0) == " xy 語")
        frame.fill(Rect(x: 0, y: 0, width: 5, height: 1), .plain, glyph: "-")
        #expect(frame.row(0) == "-----")
    }

    @Test func `a wide glyph does not stand across the edge`() {
        var frame = Frame(width: 3, height: 1)
        frame.text("ab日", x: 0, y: 0)
        #expect(frame.row(0) == "ab…")
    }

    @Test func `marks join the glyph before them, and only so many`() {
        var frame = Frame(width: 3, height: 1)
        frame.text("\u{301}a" + String(repeating: "\u{301}", count: 40) + "b", x: 0, y: 0)
        #expect(frame.glyph(x: 0, y: 0).unicodeScalars.count <= 6)
        #expect(frame.glyph(x: 1, y: 0) == "b")
    }

    @Test func `joiners, selectors and overrides are left out`() {
        var frame = Frame(width: 12, height: 1)
        frame.text("a\u{200D}b\u{FE0F}c\u{202E}d\u{2066}e\u{AD}f\u{FEFF}", x: 0, y: 0)
        #expect(frame.row(0) == "abcdef")
    }

    @Test func `control characters become pictures`() {
        var frame = Frame(width: 12, height: 1)
        frame.text("a\u{1B}[31m\n\u{7F}\u{9B}\tz", x: 0, y: 0)
        #expect(frame.row(0) == "a␛[31m␊␡\u{FFFD} z")
    }

    @Test func `no text, however odd, puts a control character into a cell`() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<300 {
            var frame = Frame(width: Int.random(in: 0...9, using: &random), height: 2)
            var text = ""
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let value = UInt32.random(
                    in: Bool.random(using: &random) ? 0...0x2FF : 0...0x10FFFF, using: &random)
                if let scalar = Unicode.Scalar(value) { text.unicodeScalars.append(scalar) }
            }
            frame.text(
                text, x: Int.random(in: -3...9, using: &random),
                y: Int.random(in: -1...2, using: &random),
                limit: Int.random(in: 0...12, using: &random))
            for y in 0..<frame.height {
                for x in 0..<frame.width {
                    for scalar in frame.glyph(x: x, y: y).unicodeScalars {
                        #expect(scalar.value >= 0x20 && !(0x7F..<0xA0).contains(scalar.value))
                    }
                }
            }
        }
    }

    @Test func `sizes have limits`() {
        let frame = Frame(width: 1_000_000, height: -4)
        #expect(frame.width == Frame.largest.width && frame.height == 0)
    }

    @Test func `boxes, bars and curves stay inside`() {
        for width in 0...12 {
            for height in 0...4 {
                var frame = Frame(width: width, height: height)
                frame.box(Rect(x: -1, y: -1, width: 20, height: 9), .plain, .heavy)
                frame.box(Rect(x: 0, y: 0, width: width, height: height), .plain)
                frame.bar(x: 1, y: 0, width: width, share: .nan, .plain, .plain)
                frame.bar(x: -3, y: 0, width: 40, share: 7, .plain, .plain)
                frame.sparkline(
                    [1, .infinity, .nan, -4], low: 0, high: 3, x: -2, y: 1, width: 30, .plain)
                frame.curve(
                    [1, .infinity, .nan, -4], slots: width, low: 0, high: 0,
                    in: Rect(x: -2, y: -1, width: 30, height: 5), .plain)
                #expect(frame.width == width)
            }
        }
    }

    @Test(arguments: [
        (0.0, "▕    ▏"), (1.0, "▕████▏"), (0.5, "▕██  ▏"), (0.3, "▕█▎  ▏"), (-1.0, "▕    ▏"),
        (2.0, "▕████▏"),
    ])
    func `a bar fills by eighths`(share: Double, shown: String) {
        var frame = Frame(width: 6, height: 1)
        frame.bar(x: 0, y: 0, width: 6, share: share, .plain, .plain)
        #expect(frame.row(0) == shown)
    }

    @Test func `a sparkline has its newest value at the right`() {
        var frame = Frame(width: 4, height: 1)
        frame.sparkline([0, 1, 2, 3], low: 0, high: 3, x: 0, y: 0, width: 4, .plain)
        #expect(frame.row(0) == "  ⣠⣾")
    }
}

@Suite struct WrapTests {
    @Test(arguments: [
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 3, ["one", "two", "thr", "ee"]),
        ("", 5, [""]), ("a\nb", 5, ["a", "b"]), ("日本語", 4, ["日本", "語"]),
        ("  spaces   between  ", 20, ["spaces between"]),
    ])
    func `lines break at blanks where they can`(text: String, width: Int, lines: [String]) {
        #expect(Wrap.lines(text, width: width) == lines)
    }
    @Test func `more lines than the limit end in an ellipsis`() {
        #expect(Wrap.lines("one two three four", width: 5, limit: 2) == ["one", "two…"])
        #expect(Wrap.lines("onetwothree", width: 3, limit: 1) == ["on…"])
        #expect(Wrap.lines("x", width: 0) == [])
    }
}
