// How many columns glyphs take, by samples of every kind.
import Screen
import Testing

@Suite struct GlyphWidthTests {
    @Test(arguments: [
        ("a", 1), ("é", 1), ("ß", 1), ("—", 1), ("…", 1), ("●", 1), ("▲", 1), ("✖", 1), ("✔", 1),
        ("─", 1), ("┃", 1), ("█", 1), ("⣿", 1), ("↑", 1), ("≥", 1), ("日", 2), ("한", 2), ("カ", 2),
        ("，", 2), ("ｶ", 1), ("🙂", 2), ("🚨", 2), ("⏰", 2), ("⚡", 2), ("☀", 1), ("\u{301}", 0),
        ("\u{200D}", 0), ("\u{20DD}", 0), ("\u{3099}", 0), ("〿", 1), ("䷀", 1), ("𠀀", 2), ("🇩", 1),
        ("ก", 1), ("\u{E31}", 0), ("א", 1), ("\u{5B0}", 0),
    ])
    func `columns of one glyph`(text: String, columns: Int) {
        #expect(GlyphWidth.columns(text) == columns, "\(text)")
    }
}

@Suite struct PlainGlyphsTests {
    @Test func `every scalar has a printable twin`() {
        for value in UInt32(0)...0x3000 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            #expect((0x20..<0x7F).contains(PlainGlyphs.twin(of: scalar).value))
        }
    }
    @Test func `a picture in ASCII keeps its columns`() {
        var frame = Frame(width: 20, height: 2)
        frame.text("● ▲ ✖ ▸ ─│┏ █ é 日本", x: 0, y: 0)
        frame.sparkline([0, 1, 2, 3], low: 0, high: 3, x: 0, y: 1, width: 2, .plain)
        let plain = frame.inASCII()
        #expect(plain.row(0) == "* ! X > -|+ # e ????")
        #expect(plain.row(1) == "-^")
    }
}
