// Text for people: lines of coloured parts, cut to the terminal's width, plain where it must be.
import Domain
import Screen

#if canImport(Glibc)
    import Glibc
#endif

/// The colour of a part of a line. It never says what the words do not say.
enum Ink {
    case plain, good, warning, bad, quiet, strong

    /// SGR parameters.
    fileprivate var code: String {
        switch self {
        case .plain: "0"
        case .good: "32"
        case .warning: "33"
        case .bad: "31"
        case .quiet: "2"
        case .strong: "1"
        }
    }
}

/// A line of text in parts.
struct Line: ExpressibleByStringLiteral {
    var parts: [(text: String, ink: Ink)]
    /// Where the rest may go on when it does not fit: the beginnings of a table's further columns. The last
    /// one in the left half is taken; without any, it goes on a little further in than the line.
    var stops: [Int] = []
    init(_ text: String = "", _ ink: Ink = .plain) { parts = [(text, ink)] }
    init(stringLiteral value: String) { self.init(value) }

    static func + (line: Line, part: (String, Ink)) -> Line {
        var line = line
        line.parts.append((part.0, part.1))
        return line
    }
    static func + (line: Line, text: String) -> Line { line + (text, .plain) }
    static func + (line: Line, other: Line) -> Line {
        var line = line
        line.parts += other.parts
        return line
    }
}

/// What is written on: its width, and whether it takes colours and more than ASCII.
struct Paper {
    /// Columns; nil: as long as it likes.
    var width: Int?
    var colour: Bool
    var ascii: Bool

    init(width: Int?, colour: Bool, ascii: Bool) {
        self.width = width
        self.colour = colour
        self.ascii = ascii
    }

    /// As the terminal is, if it is one. No colour with a `NO_COLOR` that is not empty (no-color.org).
    init(descriptor: Int32, plain: Bool, environment: [String: String]) {
        let terminal = isatty(descriptor) == 1
        let noColour = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        colour = terminal && !plain && !noColour
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { environment[$0] }
            .first { !$0.isEmpty }
        // Without any locale a pipe still gets the words as they are; a terminal gets what it can show.
        ascii = terminal && !(locale ?? "").lowercased().replacing("-", with: "").contains("utf8")
        width = terminal ? Self.columns(descriptor, environment) : nil
    }

    private static func columns(_ descriptor: Int32, _ environment: [String: String]) -> Int {
        var size = winsize()
        if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
            return Int(size.ws_col)
        }
        return environment["COLUMNS"].flatMap { Int($0) } ?? 80
    }

    /// Without an end: for lines that must be whole.
    var unlimited: Paper { Paper(width: nil, colour: colour, ascii: ascii) }

    /// The line broken between words, so that nothing of it is cut off; what follows hangs further in.
    /// A word that is wider than the paper stands alone, and the terminal breaks it.
    func wrapped(_ line: Line) -> [String] {
        let total = line.parts.reduce(0) { $0 + GlyphWidth.columns($1.text) }
        guard let width, total > width else { return [unlimited.render(line)] }
        var lines: [Line] = []
        var present = Line()
        var columns = 0
        var hasWord = false
        // Spaces are held back until a word follows them on the same line.
        var gap = ""
        let hanging = String(repeating: " ", count: hangingIndent(line, width))
        for (word, ink) in Self.words(line) {
            if word.first == " " {
                gap = word
                continue
            }
            let needed = Self.columns(word)
            if columns + gap.count + needed > width, hasWord {
                lines.append(present)
                present = Line()
                (gap, columns, hasWord) = (hanging, 0, false)
            }
            present = present + (gap, .plain) + (word, ink)
            columns += gap.count + needed
            gap = ""
            hasWord = true
        }
        return (lines + [present]).map(unlimited.render)
    }

    /// Words and the spaces between them, in turns; a word that changes its colour is several.
    private static func words(_ line: Line) -> [(String, Ink)] {
        line.parts.flatMap { part in
            var words: [(String, Ink)] = []
            for character in Visible.text(part.text, limit: .max) {
                let isSpace = character == " "
                if let last = words.last, (last.0.first == " ") == isSpace {
                    words[words.count - 1].0.append(character)
                } else {
                    words.append((String(character), part.ink))
                }
            }
            return words
        }
    }

    private static func columns(_ text: String) -> Int { GlyphWidth.columns(text) }

    private func hangingIndent(_ line: Line, _ width: Int) -> Int {
        let own = line.parts.lazy.flatMap(\.text).prefix { $0 == " " }.count + 4
        return line.stops.last { $0 <= width / 2 } ?? min(own, width / 2)
    }

    func render(_ line: Line) -> String {
        var left = width ?? Int.max
        let total = line.parts.reduce(0) { $0 + GlyphWidth.columns($1.text) }
        let cut = total > left
        if cut { left -= 1 }
        var result = ""
        for (text, ink) in line.parts where left > 0 {
            let fitting = Self.prefix(Visible.text(text, limit: .max), columns: &left)
            result += paint(fitting, ink)
        }
        if cut { result += "…" }
        // Spaces that keep a command together are none when it is copied.
        result = result.replacing("\u{A0}", with: " ")
        return ascii ? Self.plainGlyphs(result) : result
    }

    private func paint(_ text: String, _ ink: Ink) -> String {
        guard colour, ink != .plain, !text.isEmpty else { return text }
        return "\u{1B}[\(ink.code)m\(text)\u{1B}[0m"
    }

    private static func prefix(_ text: String, columns left: inout Int) -> String {
        var result = ""
        for character in text {
            let width = GlyphWidth.columns(String(character))
            guard width <= left else {
                left = 0
                break
            }
            left -= width
            result.append(character)
        }
        return result
    }

    private static func plainGlyphs(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            result.append(scalar.isASCII ? scalar : PlainGlyphs.twin(of: scalar))
        }
        return String(result)
    }
}

extension String {
    /// As one word that no line is broken within: a command to copy.
    var unbroken: String { replacing(" ", with: "\u{A0}") }

    /// Filled with spaces up to so many columns.
    func padded(to columns: Int) -> String {
        self + String(repeating: " ", count: max(0, columns - GlyphWidth.columns(self)))
    }
}

/// Rows whose columns are as wide as their widest cell; the last column is as wide as it is.
func table(_ rows: [[(String, Ink)]], indent: String = "") -> [Line] {
    var widths: [Int] = []
    for row in rows {
        for (index, cell) in row.enumerated() {
            let width = GlyphWidth.columns(cell.0)
            if index < widths.count {
                widths[index] = max(widths[index], width)
            } else {
                widths.append(width)
            }
        }
    }
    var stops: [Int] = []
    for width in widths { stops.append((stops.last ?? GlyphWidth.columns(indent)) + width + 2) }
    stops = stops.dropLast()
    return rows.map { row in
        var line = Line(indent)
        line.stops = stops
        // Nothing is filled up behind the last cell that says something.
        let end = row.lastIndex { !$0.0.isEmpty } ?? 0
        for (index, cell) in row.prefix(end + 1).enumerated() {
            let last = index == end
            line = line + (last ? cell.0 : cell.0.padded(to: widths[index] + 2), cell.1)
        }
        return line
    }
}
