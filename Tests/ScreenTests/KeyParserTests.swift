// What terminals send, whole and in pieces, and what nobody should send.
import Screen
import TestKit
import Testing

@Suite struct KeyParserTests {
    static let known: [(String, [Key])] = [
        ("a", [.character("a")]), ("é", [.character("é")]), ("日", [.character("日")]),
        ("🙂", [.character("🙂")]), ("\r", [.enter]), ("\n", [.enter]), ("\t", [.tab]),
        ("\u{7F}", [.backspace]), ("\u{8}", [.backspace]), ("\u{0}", [.control(" ")]),
        ("\u{3}", [.control("c")]), ("\u{C}", [.control("l")]), ("\u{1A}", [.control("z")]),
        ("\u{1B}[A", [.up]), ("\u{1B}OA", [.up]), ("\u{1B}[B", [.down]), ("\u{1B}[1;5C", [.right]),
        ("\u{1B}[D", [.left]), ("\u{1B}[H", [.home]), ("\u{1B}[1~", [.home]),
        ("\u{1B}[7~", [.home]),
        ("\u{1B}OH", [.home]), ("\u{1B}[F", [.end]), ("\u{1B}[4~", [.end]), ("\u{1B}[8~", [.end]),
        ("\u{1B}[2~", [.insert]), ("\u{1B}[3~", [.delete]), ("\u{1B}[5~", [.pageUp]),
        ("\u{1B}[6~", [.pageDown]), ("\u{1B}[Z", [.backTab]), ("\u{1B}OP", [.function(1)]),
        ("\u{1B}[11~", [.function(1)]), ("\u{1B}[[A", [.function(1)]),
        ("\u{1B}[[E", [.function(5)]),
        ("\u{1B}[15~", [.function(5)]), ("\u{1B}[17~", [.function(6)]),
        ("\u{1B}[24~", [.function(12)]),
        ("\u{1B}OM", [.enter]), ("\u{1B}x", [.alt("x")]), ("\u{1B}4", [.alt("4")]),
        ("\u{1B}[<0;12;5M", [.click(Point(x: 11, y: 4))]), ("\u{1B}[<0;12;5m", []),
        ("\u{1B}[<64;1;1M", [.wheelUp(Point(x: 0, y: 0))]),
        ("\u{1B}[<65;300;90M", [.wheelDown(Point(x: 299, y: 89))]),
        ("\u{1B}[<2;1;1M", []), ("\u{1B}[<35;9;9M", []),
        ("\u{1B}[M !!", [.click(Point(x: 0, y: 0))]),
        ("\u{1B}[M`+!", [.wheelUp(Point(x: 10, y: 0))]),
        ("\u{1B}[200~ab\r\u{1B}[A\u{1B}[201~", [.paste("ab\r\u{1B}[A")]),
        ("\u{1B}[200~\u{1B}[201~", [.paste("")]), ("\u{1B}[?1;2c", []),
        ("\u{1B}[9999999999999A", [.up]),
        ("a\u{1B}[Bb", [.character("a"), .down, .character("b")]),
        ("\u{1B}\u{1B}[A", [.escape, .up]),
        ("\u{1B}\u{3}", [.escape, .control("c")]),
    ]

    @Test(arguments: known)
    func `a sequence is the same key whole and byte by byte`(text: String, keys: [Key]) {
        var parser = KeyParser()
        #expect(parser.feed(text.utf8) == keys)
        #expect(!parser.holdsEscape && !parser.isPasting)
        var pieces: [Key] = []
        for byte in text.utf8 { pieces += parser.feed([byte]) }
        #expect(pieces == keys)
    }

    @Test func `a lone escape is held back until nothing follows`() {
        var parser = KeyParser()
        #expect(parser.feed([0x1B]) == [])
        #expect(parser.holdsEscape)
        #expect(parser.flush() == [.escape])
        #expect(!parser.holdsEscape)
        #expect(parser.feed("[A".utf8) == [.character("["), .character("A")])
    }

    @Test func `alt with a bracket is told by what does not follow`() {
        var parser = KeyParser()
        _ = parser.feed("\u{1B}[".utf8)
        #expect(parser.flush() == [.alt("[")])
        _ = parser.feed("\u{1B}O".utf8)
        #expect(parser.flush() == [.alt("O")])
    }

    @Test func `a paste that never ends is given up, and what it held stays a paste`() {
        var parser = KeyParser()
        #expect(parser.feed("\u{1B}[200~rm -rf q".utf8) == [])
        #expect(parser.isPasting)
        #expect(parser.flush() == [.paste("rm -rf q")])
        #expect(!parser.isPasting)
    }

    @Test func `a paste has a limit, and its end is still found`() throws {
        var parser = KeyParser()
        let long = String(repeating: "x", count: KeyParser.pasteLimit * 2)
        let keys = parser.feed("\u{1B}[200~\(long)\u{1B}[201~q".utf8)
        guard case .paste(let text) = keys.first else { return #expect(Bool(false)) }
        #expect(text.utf8.count == KeyParser.pasteLimit)
        #expect(keys.last == .character("q"))
    }

    @Test func `broken text is left out and nothing after it is lost`() {
        var parser = KeyParser()
        #expect(parser.feed([0xC3, 0x61]) == [.character("a")])
        #expect(parser.feed([0xFF, 0x80, 0x62]) == [.character("b")])
        #expect(parser.feed([0xE2, 0x82, 0x1B, 0x5B, 0x41]) == [.up])
        #expect(parser.feed([0xED, 0xA0, 0x80, 0x63]) == [.character("c")])
        #expect(parser.feed([0xC2, 0x9B, 0x64]) == [.character("d")])
    }

    @Test func `the terminal's own description comes first`() {
        var parser = KeyParser(extra: [Array("\u{1B}[25~".utf8): .function(11)])
        #expect(parser.feed("\u{1B}[25~".utf8) == [.function(11)])
        #expect(parser.feed("\u{1B}[26~".utf8) == [])
    }

    @Test func `whatever comes, the parser goes on and understands the next key`() {
        var random = SeededRandom(seed: 3)
        let likely: [UInt8] = [0x1B, 0x5B, 0x4F, 0x3B, 0x30, 0x32, 0x7E, 0x4D, 0x3C, 0x41, 0xE2]
        for _ in 0..<2000 {
            var parser = KeyParser()
            for _ in 0..<Int.random(in: 0...30, using: &random) {
                let byte =
                    Bool.random(using: &random)
                    ? likely.randomElement(using: &random) ?? 0
                    : UInt8.random(in: 0...255, using: &random)
                _ = parser.feed([byte])
            }
            _ = parser.flush()
            #expect(parser.feed("q".utf8) == [.character("q")])
        }
    }
}
