// Reads the conditions of `when:` by recursive descent; every mistake points at its characters.
//
//     condition  = and { "or" and }
//     and        = not { "and" not }
//     not        = "not" not | comparison
//     comparison = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
//     sum        = product { ("+" | "-") product }
//     product    = minus { ("*" | "/") minus }
//     minus      = "-" minus | primary
//     primary    = number | metric | "recovery" "attempts" | "(" condition ")"
//                | "component" NAME state | "probe" NAME "." NAME state | "reported" NAME
//                | "all" "critical" "components" state | "any" "component" state
//     state      = "failed" | "down" | "degraded" | "healthy" | "unknown"
//     number     = digits [ "." digits ] [ "ms" | "s" | "m" | "h" | "d" | "%" ]   (times in seconds)
//     metric     = 1–4 parts of letters, digits, "_" and "-", joined by dots

extension Condition {
    /// Reads a condition: at most 2 000 characters, nested at most 64 deep.
    package static func parse(_ text: String) throws(ExpressionError) -> Condition {
        try ParsedCondition(text).condition
    }
}

/// A condition with the places of the names in its text.
package struct ParsedCondition: Sendable, Equatable {
    package var condition: Condition
    /// In the order of the text.
    package var names: [ExpressionName]

    package init(_ text: String) throws(ExpressionError) {
        var parser = ExpressionParser(text)
        condition = Condition(text: text, expression: try parser.condition())
        names = parser.names
    }
}

/// Something that a condition refers to.
package struct ExpressionName: Sendable, Hashable {
    package enum Kind: Sendable, Hashable { case metric, component, probe, reported }
    package var kind: Kind
    package var text: String
    /// In characters of the text, from 0.
    package var offset: Int
    package var length: Int
    package init(kind: Kind, text: String, offset: Int, length: Int) {
        self.kind = kind
        self.text = text
        self.offset = offset
        self.length = length
    }
}

extension Expression {
    /// Whether conditions can name a metric so: 1–4 parts, read as one name and not as a number, a
    /// subtraction or a word of the language.
    package static func isMetricName(_ text: String) -> Bool {
        guard let parsed = try? ParsedCondition(text + " > 0"),
            case .comparison(_, .metric(let name), _) = parsed.condition.expression
        else { return false }
        return name == text
    }
}

struct ExpressionParser {
    static let longest = 2000
    /// Of parentheses, `not` and unary minus.
    static let deepest = 64
    /// Of the tree: a chain of operators is as deep as it is long, and a tree is written as JSON.
    static let deepestTree = 200

    private let text: String
    private var lexer: ExpressionLexer
    private var nesting = 0
    private(set) var names: [ExpressionName] = []

    init(_ text: String) {
        self.text = text
        lexer = ExpressionLexer(text)
    }

    /// A part that was read: what it is, and from where to where.
    private struct Part {
        var expression: Expression
        var isTruth: Bool
        var start: Int
        var end: Int
        var depth = 1
    }

    mutating func condition() throws(ExpressionError) -> Expression {
        let length = lexer.characters.count
        guard length <= Self.longest else {
            throw ExpressionError(
                "a condition has at most \(Self.longest) characters, this one has \(length)",
                offset: Self.longest, length: length - Self.longest)
        }
        guard try lexer.next().kind != .end else {
            throw ExpressionError(
                "the condition is empty; write for example `component web down`", offset: 0,
                length: 1)
        }
        let part = try or()
        let rest = try lexer.next()
        guard rest.kind == .end else { throw leftOver(rest, after: part, orElse: "the end") }
        try requireTruth(part, for: "a condition")
        return part.expression
    }

    // MARK: Operators, from loose to tight

    private mutating func or() throws(ExpressionError) -> Part {
        var left = try and()
        while try takeWord("or") {
            let right = try and()
            try requireTruth(left, for: "`or`")
            try requireTruth(right, for: "`or`")
            left = try join(left, right, isTruth: true, .or(left.expression, right.expression))
        }
        return left
    }

    private mutating func and() throws(ExpressionError) -> Part {
        var left = try not()
        while try takeWord("and") {
            let right = try not()
            try requireTruth(left, for: "`and`")
            try requireTruth(right, for: "`and`")
            left = try join(left, right, isTruth: true, .and(left.expression, right.expression))
        }
        return left
    }

    private mutating func not() throws(ExpressionError) -> Part {
        let token = try lexer.next()
        guard token.kind == .word("not") else { return try comparison() }
        lexer.take(token)
        try enter(token)
        defer { nesting -= 1 }
        let inner = try not()
        try requireTruth(inner, for: "`not`")
        return Part(
            expression: .not(inner.expression), isTruth: true, start: token.offset, end: inner.end,
            depth: inner.depth + 1)
    }

    private mutating func comparison() throws(ExpressionError) -> Part {
        let left = try sum()
        guard let (sign, _) = try takeComparison() else { return left }
        let right = try sum()
        try requireNumber(left, for: "`\(sign.rawValue)`")
        try requireNumber(right, for: "`\(sign.rawValue)`")
        if let (second, token) = try takeComparison() {
            throw ExpressionError(
                "comparisons do not chain; write `… \(sign.rawValue) x and x \(second.rawValue) …`",
                offset: token.offset, length: token.length)
        }
        return try join(
            left, right, isTruth: true, .comparison(sign, left.expression, right.expression))
    }

    private mutating func sum() throws(ExpressionError) -> Part {
        var left = try product()
        while let sign = try takeOperator(.add, .subtract) {
            left = try calculate(left, sign, try product())
        }
        return left
    }

    private mutating func product() throws(ExpressionError) -> Part {
        var left = try minus()
        while let sign = try takeOperator(.multiply, .divide) {
            left = try calculate(left, sign, try minus())
        }
        return left
    }

    private func calculate(
        _ left: Part, _ sign: ArithmeticOperator, _ right: Part
    ) throws(ExpressionError) -> Part {
        try requireNumber(left, for: "`\(sign.rawValue)`")
        try requireNumber(right, for: "`\(sign.rawValue)`")
        return try join(
            left, right, isTruth: false, .arithmetic(sign, left.expression, right.expression))
    }

    private mutating func minus() throws(ExpressionError) -> Part {
        let token = try lexer.next()
        guard token.kind == .sign("-") else { return try primary() }
        lexer.take(token)
        try enter(token)
        defer { nesting -= 1 }
        let inner = try minus()
        try requireNumber(inner, for: "`-`")
        return Part(
            expression: .negative(inner.expression), isTruth: false, start: token.offset,
            end: inner.end, depth: inner.depth + 1)
    }

    // MARK: The smallest parts

    private mutating func primary() throws(ExpressionError) -> Part {
        let token = try lexer.next()
        switch token.kind {
        case .number(let value):
            lexer.take(token)
            return part(.number(value), isTruth: false, from: token)
        case .sign("("):
            return try parenthesis(token)
        case .word(let word):
            return try phrase(word, token)
        case .sign, .end:
            throw expected(
                "a metric, a number or a state such as `component web down`", found: token)
        }
    }

    private mutating func parenthesis(_ open: ExpressionToken) throws(ExpressionError) -> Part {
        lexer.take(open)
        try enter(open)
        defer { nesting -= 1 }
        var inner = try or()
        let close = try lexer.next()
        guard close.kind == .sign(")") else {
            if close.kind == .end {
                throw ExpressionError(
                    "this `(` is never closed", offset: open.offset, length: open.length)
            }
            throw leftOver(close, after: inner, orElse: "`)`")
        }
        lexer.take(close)
        inner.start = open.offset
        inner.end = close.end
        return inner
    }

    private mutating func phrase(
        _ word: String, _ token: ExpressionToken
    ) throws(ExpressionError) -> Part {
        switch word {
        case "component":
            lexer.take(token)
            let name = try takeName(.component, after: "component", example: "web")
            let state = try takeState()
            return part(.component(name, is: state), isTruth: true, from: token)
        case "probe":
            lexer.take(token)
            let name = try takeName(.probe, after: "probe", example: "web.home")
            guard let reference = ProbeReference(name) else { throw notAProbe(name) }
            let state = try takeState()
            return part(.probe(reference, is: state), isTruth: true, from: token)
        case "reported":
            lexer.take(token)
            let name = try takeName(.reported, after: "reported", example: "security")
            return part(.reported(name), isTruth: true, from: token)
        case "all":
            try takePhrase(["all", "critical", "components"])
            let state = try takeState()
            return part(.allCriticalComponents(is: state), isTruth: true, from: token)
        case "any":
            try takePhrase(["any", "component"])
            let state = try takeState()
            return part(.anyComponent(is: state), isTruth: true, from: token)
        case "recovery":
            try takePhrase(["recovery", "attempts"])
            return part(.recoveryAttempts, isTruth: false, from: token)
        case "and", "or", "not":
            throw expected(
                "a metric, a number or a state such as `component web down`", found: token)
        default:
            lexer.take(token)
            return try metric(word, token)
        }
    }

    private mutating func metric(
        _ name: String, _ token: ExpressionToken
    ) throws(ExpressionError) -> Part {
        if let instead = Self.otherSpelling[name.lowercased()], name.lowercased() != name {
            throw ExpressionError(
                "`\(name)` is written `\(instead)`", offset: token.offset, length: token.length)
        }
        guard name.split(separator: ".").count <= 4 else {
            throw ExpressionError(
                "a metric's name has at most four parts, `\(name)` has more", offset: token.offset,
                length: token.length)
        }
        names.append(
            ExpressionName(kind: .metric, text: name, offset: token.offset, length: token.length))
        return part(.metric(name), isTruth: false, from: token)
    }
    private static let otherSpelling = [
        "and": "and", "or": "or", "not": "not", "component": "component", "probe": "probe",
        "all": "all", "any": "any", "reported": "reported", "recovery": "recovery",
    ]

    private mutating func takeName(
        _ kind: ExpressionName.Kind, after word: String, example: String
    ) throws(ExpressionError) -> String {
        guard let token = lexer.name(), case .word(let name) = token.kind else {
            throw expected(
                "a name after `\(word)`, as in `\(word) \(example) …`", found: try lexer.next())
        }
        if kind != .probe, name.contains(".") {
            let hint = kind == .component ? "; for a probe write `probe \(name) …`" : ""
            throw ExpressionError(
                "a name after `\(word)` has no dots\(hint)", offset: token.offset,
                length: token.length)
        }
        lexer.take(token)
        names.append(
            ExpressionName(kind: kind, text: name, offset: token.offset, length: token.length))
        return name
    }

    private func notAProbe(_ name: String) -> ExpressionError {
        let place = names.last
        return ExpressionError(
            "a probe is named with its component, as in `probe web.home down`; `\(name)` is not",
            offset: place?.offset ?? 0, length: place?.length ?? 1)
    }

    private mutating func takePhrase(_ words: [String]) throws(ExpressionError) {
        for word in words {
            let token = try lexer.next()
            guard token.kind == .word(word) else {
                let example = words[0] == "recovery" ? ">= 3" : "down"
                throw expected(
                    "`\(word)`, as in `\(words.joined(separator: " ")) \(example)`", found: token)
            }
            lexer.take(token)
        }
    }

    private mutating func takeState() throws(ExpressionError) -> Health {
        let token = try lexer.next()
        let states = "`down`, `failed`, `degraded`, `healthy` or `unknown`"
        guard case .word(let word) = token.kind else {
            throw expected("a state (\(states))", found: token)
        }
        lexer.take(token)
        if word == "down" { return .failed }
        if let health = Health(rawValue: word) { return health }
        if word == "is" {
            throw ExpressionError(
                "leave out `is`: the state follows directly", offset: token.offset,
                length: token.length)
        }
        let hint = ["up", "ok", "good", "running"].contains(word) ? "; write `healthy`" : ""
        throw ExpressionError(
            "`\(word)` is not a state; states are \(states)\(hint)", offset: token.offset,
            length: token.length)
    }

    // MARK: Helpers

    private mutating func takeWord(_ word: String) throws(ExpressionError) -> Bool {
        let token = try lexer.next()
        guard token.kind == .word(word) else { return false }
        lexer.take(token)
        return true
    }

    private mutating func takeOperator(
        _ operators: ArithmeticOperator...
    ) throws(ExpressionError) -> ArithmeticOperator? {
        let token = try lexer.next()
        guard let sign = operators.first(where: { token.kind == .sign($0.rawValue) }) else {
            return nil
        }
        lexer.take(token)
        return sign
    }

    private mutating func takeComparison() throws(ExpressionError) -> (
        ComparisonOperator, ExpressionToken
    )? {
        let token = try lexer.next()
        guard case .sign(let text) = token.kind, let sign = ComparisonOperator(rawValue: text)
        else {
            return nil
        }
        lexer.take(token)
        return (sign, token)
    }

    private mutating func enter(_ token: ExpressionToken) throws(ExpressionError) {
        guard nesting < Self.deepest else {
            throw ExpressionError(
                "a condition is nested at most \(Self.deepest) deep", offset: token.offset,
                length: token.length)
        }
        nesting += 1
    }

    private func part(_ expression: Expression, isTruth: Bool, from token: ExpressionToken) -> Part
    {
        Part(expression: expression, isTruth: isTruth, start: token.offset, end: lexer.position)
    }

    private func join(
        _ left: Part, _ right: Part, isTruth: Bool, _ expression: Expression
    ) throws(ExpressionError) -> Part {
        let depth = max(left.depth, right.depth) + 1
        guard depth <= Self.deepestTree else {
            throw ExpressionError(
                "a condition has at most \(Self.deepestTree) operators in a row; use parentheses",
                offset: right.start, length: right.end - right.start)
        }
        return Part(
            expression: expression, isTruth: isTruth, start: left.start, end: right.end,
            depth: depth)
    }

    private func written(_ part: Part) -> String {
        let slice = lexer.characters[part.start..<part.end]
        return Visible.text(slice.count > 40 ? String(slice.prefix(39)) + "…" : String(slice))
    }

    private func requireTruth(_ part: Part, for user: String) throws(ExpressionError) {
        if part.isTruth { return }
        throw ExpressionError(
            "\(user) expects a comparison; `\(written(part))` is a number, write for example "
                + "`\(written(part)) > 10`",
            offset: part.start, length: part.end - part.start)
    }

    private func requireNumber(_ part: Part, for user: String) throws(ExpressionError) {
        if !part.isTruth { return }
        throw ExpressionError(
            "\(user) expects numbers; `\(written(part))` is either true or not", offset: part.start,
            length: part.end - part.start)
    }

    private func expected(_ what: String, found token: ExpressionToken) -> ExpressionError {
        let found =
            token.kind == .end
            ? "found the end"
            : "found `\(Visible.text(String(lexer.characters[token.offset..<token.end])))`"
        return ExpressionError(
            "expected \(what), \(found)", offset: token.offset, length: token.length)
    }

    /// What to say of something that follows a complete part.
    private func leftOver(
        _ token: ExpressionToken, after part: Part, orElse end: String
    ) -> ExpressionError {
        if token.kind == .sign(")") {
            return ExpressionError(
                "this `)` closes nothing", offset: token.offset, length: token.length)
        }
        if case .word(let word) = token.kind {
            if let instead = Self.otherSpelling[word.lowercased()], word.lowercased() != word {
                return ExpressionError(
                    "`\(word)` is written `\(instead)`", offset: token.offset, length: token.length)
            }
            if case .metric(let name) = part.expression,
                ["is", "down", "failed", "degraded", "healthy", "unknown"].contains(word)
            {
                let what = name.contains(".") ? "probe" : "component"
                let state = word == "is" ? "down" : word
                return ExpressionError(
                    "to ask for a state write `\(what) \(name) \(state)`", offset: part.start,
                    length: token.end - part.start)
            }
        }
        let wanted = part.isTruth ? "`and`, `or` or \(end)" : "a comparison such as `> 10`"
        return expected(wanted, found: token)
    }
}
