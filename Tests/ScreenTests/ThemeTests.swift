// Schemes as they are published, mistakes in them, and whether what they paint can be read.
import Screen
import TestKit
import Testing

@Suite struct ThemeTests {
    static func flat(_ change: (Int, String) -> String = { _, line in line }) -> String {
        var lines = ["scheme: \"Old one\"", "author: 'Somebody'"]
        for slot in 0..<16 {
            let digits = String(slot, radix: 16, uppercase: true)
            lines.append(
                change(slot, "base0\(digits): \"\(digits)0\(digits)0\(digits)0\" # a colour"))
        }
        return lines.joined(separator: "\n")
    }

    @Test func `the flat form is read`() throws {
        let theme = try Theme(yaml: Self.flat(), id: "old")
        #expect(theme.name == "Old one" && theme.author == "Somebody" && theme.id == "old")
        #expect(theme.colours.count == 16)
        #expect(theme.colours[10] == RGB(0xA0, 0xA0, 0xA0))
    }

    @Test func `the form with a palette is read`() throws {
        var text = "---\nsystem: \"base24\"\nname: New\nvariant: dark # said so\n\npalette:\n"
        for slot in 0..<24 {
            let digits = String(slot, radix: 16, uppercase: true)
            text += "  base\(slot < 16 ? "0" : "")\(digits): '#1020\(slot + 10)'\r\n"
        }
        let theme = try Theme(yaml: text, id: "file")
        #expect(theme.name == "New" && theme.colours.count == 24)
        #expect(theme.colours[23] == RGB(0x10, 0x20, 0x33))
    }

    @Test(arguments: [
        (3, "base03: \"12345\"", "line 6: base03 is “12345”"),
        (3, "base03: \"12345g\"", "line 6: base03 is “12345g”"),
        (3, "base03: #102030", "line 6: base03 has no value"),
        (3, "base03: \"102030", "line 6: base03: the quotation mark is not closed"),
        (3, "base02: \"102030\"", "line 6: base02 is given twice"),
        (3, "base0G: \"102030\"", "line 6: base0G is not a colour"),
        (3, "- what", "line 6: expected “name: value”"), (3, "", "missing: base03"),
        (3, "base03: \"102030\"\nbase10: \"102030\"", "missing: base11, base12"),
    ])
    func `a mistake is named with its line`(slot: Int, line: String, said: String) {
        let text = Self.flat { $0 == slot ? line : $1 }
        let error = #expect(throws: ThemeError.self) { try Theme(yaml: text, id: "x") }
        #expect(error?.description.hasPrefix(said) == true, "\(error?.description ?? "")")
    }

    @Test func `something huge or odd is no scheme`() {
        #expect(throws: ThemeError.self) {
            try Theme(yaml: String(repeating: "#\n", count: 70_000), id: "x")
        }
        var random = SeededRandom(seed: 8)
        for _ in 0..<500 {
            var bytes = Array(Self.flat().utf8)
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            // Read or refused, never a crash.
            _ = try? Theme(yaml: String(decoding: bytes, as: UTF8.self), id: "x")
        }
    }

    @Test func `the themes compiled in are those in themes`() throws {
        #expect(Theme.builtIn.map(\.id) == ["tocsin-dark", "tocsin-light", "tocsin-colourblind"])
        for (id, text) in Theme.texts {
            #expect(try Places.text(of: "themes/\(id).yaml") == text + "\n")
        }
        #expect(Theme.builtIn.map(\.isLight) == [false, true, false])
    }

    @Test(arguments: Theme.builtIn.indices)
    func `what our themes paint can be read`(index: Int) {
        let palette = Palette(Theme.builtIn[index], .direct)
        for ground in Ground.allCases {
            for role in StyleRole.allCases where role != .border && role != .trough {
                let (ink, surface) = palette.colours(Style(role, on: ground))
                #expect(ink.contrast(to: surface) >= 4.5, "\(role) on \(ground)")
            }
        }
    }

    @Test(arguments: ColourDepth.allCases)
    func `no depth hides a word`(depth: ColourDepth) {
        for theme in Theme.builtIn {
            let palette = Palette(theme, depth)
            for ground in Ground.allCases {
                for role in StyleRole.allCases where role != .trough {
                    let look = palette.look(Style(role, on: ground))
                    let invisible =
                        look.foreground == look.background && look.foreground != .standard
                    #expect(!invisible, "\(role) on \(ground) in \(depth)")
                }
            }
        }
    }

    @Test func `without colours what is picked is reversed and what is wrong is bold`() throws {
        let palette = Palette(try #require(Theme.builtIn.first), .none)
        #expect(palette.look(Style(.text, on: .selected)).emphasis.contains(.reverse))
        #expect(palette.look(Style(.strong, on: .level1)).emphasis.contains(.reverse))
        #expect(palette.look(Style(.bad)).emphasis.contains(.bold))
        #expect(palette.look(Style(.bad)).foreground == .standard)
    }
}

@Suite struct ColourTests {
    @Test func `contrast is that of the guidelines`() {
        let white = RGB(255, 255, 255)
        #expect(abs(white.contrast(to: RGB(0, 0, 0)) - 21) < 0.001)
        #expect(abs(white.contrast(to: RGB(0x76, 0x76, 0x76)) - 4.54) < 0.01)
    }
    @Test(arguments: [
        ("#000000", 16), ("#ffffff", 231), ("#ff0000", 196), ("#808080", 244), ("#5f87af", 67),
        ("#11151c", 233),
    ])
    func `the nearest of the 256`(hex: String, index: UInt8) throws {
        #expect(NearestColour.of(try #require(RGB(hex: hex)), at: .indexed) == .index(index))
    }
    @Test(arguments: [
        ("#ff5f5f", 1, 9), ("#76cf7c", 2, 10), ("#f0cb5b", 3, 11), ("#70b4ff", 4, 12),
        ("#11151c", 0, 0), ("#fcfbf8", 7, 15), ("#8d99ab", 7, 8),
    ])
    func `the nearest of eight and of sixteen keeps the hue`(
        hex: String, eight: UInt8, sixteen: UInt8
    ) throws {
        let colour = try #require(RGB(hex: hex))
        #expect(NearestColour.of(colour, at: .eight) == .index(eight))
        #expect(NearestColour.of(colour, at: .sixteen) == .index(sixteen))
    }
    @Test func `each of the 256 is its own nearest look`() {
        for index in UInt8(16)...255 {
            let look = NearestColour.look(of: index)
            guard case .index(let nearest) = NearestColour.of(look, at: .indexed) else {
                Issue.record("no index")
                return
            }
            #expect(NearestColour.look(of: nearest).distance(to: look) == 0)
        }
    }
    @Test func `hex is read and written`() {
        #expect(RGB(hex: "0a0B0c")?.hex == "#0a0b0c")
        #expect(RGB(hex: "12345") == nil && RGB(hex: "+12345") == nil && RGB(hex: "") == nil)
    }
}

@Suite struct SVGTests {
    @Test func `a frame becomes a drawing with its words and shapes`() throws {
        var frame = Frame(width: 20, height: 3)
        frame.box(frame.bounds, Style(.level2), .heavy)
        frame.text("● a < b & \"c\"", x: 1, y: 1, Style(.bad, on: .selected))
        let theme = try #require(Theme.builtIn.first)
        let svg = frame.svg(theme: theme, title: "<tocsin>")
        #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
        #expect(svg.contains("a &lt; b &amp; &quot;c&quot;") && svg.contains("&lt;tocsin&gt;"))
        #expect(svg.contains("<circle"))
        #expect(svg == frame.svg(theme: theme, title: "<tocsin>"))
    }
}
