// Cuts the text of a condition into words, numbers and signs, each with the place where it stands.

/// A mistake in a condition, with the characters that it is about.
package struct ExpressionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong and what to write instead; no full stop.
    package var message: String
    /// Where, in characters of the text from 0; the length of the text when something is missing at
    /// its end.
    package var offset: Int
    /// How many characters; 1 or more.
    package var length: Int
    package init(_ message: String, offset: Int, length: Int) {
        self.message = message
        self.offset = offset
        self.length = max(1, length)
    }
    package var description: String { "\(message) (at character \(offset + 1))" }

    /// The text, and under it a line of carets that points at the mistake. A long text is cut around
    /// it; control characters are made visible.
    package func picture(of text: String) -> String {
        let around = 60
        let characters = Array(text)
        let first = max(0, min(offset, characters.count) - around)
        let last = min(characters.count, offset + length + around)
        let lead = first > 0 ? "…" : ""
        let tail = last < characters.count ? "…" : ""
        let before = lead + visible(characters[first..<min(max(offset, first), last)])
        let marked = visible(characters[min(offset, last)..<min(offset + length, last)])
        let after = visible(characters[min(offset + length, last)..<last]) + tail
        let carets = String(repeating: "^", count: max(1, marked.count))
        return before + marked + after + "\n" + String(repeating: " ", count: before.count) + carets
    }
    private func visible(_ characters: ArraySlice<Character>) -> String {
        Visible.text(String(characters), limit: 1000)
    }
}

struct ExpressionToken: Equatable {
    enum Kind: Equatable {
        /// A word of the language, or a name of 1–4 parts.
        case word(String)
        /// Units are already applied: `5m` is 300, `85%` is 85.
        case number(Double)
        /// An operator or a parenthesis.
        case sign(String)
        case end
    }
    var kind: Kind
    var offset: Int
    var length: Int
    var end: Int { offset + length }
}

/// A cursor over the characters of a condition.
///
/// A metric's name goes on over `-` when a letter follows directly (`queue-size`), or digits that
/// cannot be a number because the name goes on after them (`web-1.home.latency`). So `a-b` is a name;
/// a subtraction of names is written with spaces, `a - b`; and `a-1` takes 1 from `a`.
struct ExpressionLexer {
    private enum Class { case space, letter, digit, other }

    let characters: [Character]
    private let classes: [Class]
    private(set) var position = 0
    /// The token at the cursor: each level of the grammar looks at it once.
    private var current: ExpressionToken?

    init(_ text: String) {
        characters = Array(text)
        classes = characters.map { character in
            switch character {
            case " ", "\t", "\n", "\r", "\r\n": .space
            case "a"..."z", "A"..."Z", "_": .letter
            case "0"..."9": .digit
            default: .other
            }
        }
    }

    /// Moves behind a token.
    mutating func take(_ token: ExpressionToken) {
        position = token.end
        current = nil
    }

    /// The token at the cursor.
    mutating func next() throws(ExpressionError) -> ExpressionToken {
        if let current { return current }
        let token = try read()
        current = token
        return token
    }

    private func read() throws(ExpressionError) -> ExpressionToken {
        let at = afterSpace
        guard at < characters.count else {
            return ExpressionToken(kind: .end, offset: characters.count, length: 0)
        }
        if isNameCharacter(at) {
            return try number(at) ?? word(at)
        }
        return try sign(at)
    }

    private var afterSpace: Int {
        classes[position...].firstIndex { $0 != .space } ?? characters.count
    }

    /// The name at the cursor where only a name can stand (after `component`, `probe`, `reported`):
    /// letters, digits, `_`, `-` and dots, whatever they look like elsewhere. Nil without one.
    func name() -> ExpressionToken? {
        let at = afterSpace
        var end = at
        while end < characters.count,
            isNameCharacter(end) || characters[end] == "-" && end > at
                || characters[end] == "." && end > at
        {
            end += 1
        }
        guard end > at else { return nil }
        return ExpressionToken(
            kind: .word(String(characters[at..<end])), offset: at, length: end - at)
    }

    private func isNameCharacter(_ index: Int) -> Bool {
        index < classes.count && (classes[index] == .letter || classes[index] == .digit)
    }
    private func isDigit(_ index: Int) -> Bool {
        index < classes.count && classes[index] == .digit
    }
    private func startsName(_ index: Int) -> Bool { isNameCharacter(index) && !isDigit(index) }

    private func run(_ start: Int) -> Int {
        var end = start
        while isNameCharacter(end) { end += 1 }
        return end
    }

    private func word(_ start: Int) -> ExpressionToken {
        var end = run(start)
        while end < characters.count {
            if characters[end] == ".", isNameCharacter(end + 1) {
                end = run(end + 1)
            } else if characters[end] == "-", goesOnOverHyphen(end) {
                end = run(end + 1)
            } else {
                break
            }
        }
        return ExpressionToken(
            kind: .word(String(characters[start..<end])), offset: start, length: end - start)
    }
    private func goesOnOverHyphen(_ hyphen: Int) -> Bool {
        if startsName(hyphen + 1) { return true }
        guard isDigit(hyphen + 1) else { return false }
        let end = run(hyphen + 1)
        return end < characters.count && characters[end] == "." && startsName(end + 1)
    }

    /// A number, when the run that starts here is one; nil for a name.
    private func number(_ start: Int) throws(ExpressionError) -> ExpressionToken? {
        guard isDigit(start) else { return nil }
        var end = run(start)
        if end < characters.count, characters[end] == ".",
            (start..<end).allSatisfy(isDigit), isDigit(end + 1)
        {
            end = run(end + 1)
        }
        // `2web.home` is a name, `2.5s` is not.
        if end < characters.count, characters[end] == ".", isNameCharacter(end + 1) { return nil }
        let text = String(characters[start..<end])
        let length = end - start
        if end < characters.count, characters[end] == "%" {
            guard let value = Double(text) else {
                throw ExpressionError("`\(text)` is not a number", offset: start, length: length)
            }
            return ExpressionToken(kind: .number(value), offset: start, length: length + 1)
        }
        let digits = text.prefix { $0.isNumber || $0 == "." }
        let unit = text.dropFirst(digits.count)
        guard let factor = Self.units[String(unit)] else {
            // `2xx_rate` is a name that starts with a digit; letters alone were meant as a unit, and
            // `1e5` as a number.
            let exponent =
                unit.first.map { "eE".contains($0) } == true && unit.last?.isNumber == true
            if !digits.contains("."), !exponent, unit.contains(where: { !$0.isLetter }) {
                return nil
            }
            throw ExpressionError(
                "`\(unit)` is not a unit; numbers may end in ms, s, m, h, d or %",
                offset: start, length: length)
        }
        guard let value = Double(digits), value.isFinite, value * factor < 1e15 else {
            throw ExpressionError("`\(text)` is too large a number", offset: start, length: length)
        }
        return ExpressionToken(kind: .number(value * factor), offset: start, length: length)
    }
    private static let units: [String: Double] = [
        "": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400,
    ]
    private func sign(_ start: Int) throws(ExpressionError) -> ExpressionToken {
        for length in [2, 1] where start + length <= characters.count {
            let text = String(characters[start..<start + length])
            if let instead = Self.foreign[text] {
                throw ExpressionError(
                    "`\(text)` is written \(instead)", offset: start, length: length)
            }
            if Self.signs.contains(text) {
                return ExpressionToken(kind: .sign(text), offset: start, length: length)
            }
        }
        throw ExpressionError(
            "the character `\(Visible.text(String(characters[start])))` does not belong in a condition",
            offset: start, length: 1)
    }
    private static let signs: Set<String> = [
        "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "(", ")",
    ]
    /// What other languages write, and what is written here.
    private static let foreign: [String: String] = [
        "&&": "`and`", "||": "`or`", "=>": "`>=`", "=<": "`<=`", "<>": "`!=`", "=": "`==`",
        "!": "`not`", "&": "`and`", "|": "`or`", "≥": "`>=`", "≤": "`<=`", "≠": "`!=`",
        "%": "directly after a number, as in `85%`",
    ]
}
