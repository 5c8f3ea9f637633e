// Reads just enough of SQL to put values beside it, and to tell one statement from several.
package import Domain

/// A statement of the runbook, cut into code, quoted texts, quoted names and comments.
package struct SQLText: Sendable {
    package enum Dialect: Sendable { case mariaDB, postgreSQL, sqlite }

    private enum Piece {
        case code(String)
        /// With its quotes.
        case literal(String)
        /// A quoted name, with its quotes.
        case name(String)
        case comment(String)

        var text: String {
            switch self {
            case .code(let text), .literal(let text), .name(let text), .comment(let text): text
            }
        }
    }
    package let text: String
    private let dialect: Dialect
    private let pieces: [Piece]

    package init(_ text: String, _ dialect: Dialect) {
        self.text = text
        self.dialect = dialect
        var lexer = Lexer(bytes: Array(text.utf8), dialect: dialect)
        pieces = lexer.pieces().map { kind, bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            return switch kind {
            case .code: .code(text)
            case .literal: .literal(text)
            case .name: .name(text)
            case .comment: .comment(text)
            }
        }
    }

    /// Its first words in capitals, without comments.
    package var firstWords: [String] {
        var words: [String] = []
        for piece in pieces {
            guard case .code(let code) = piece else { continue }
            words += code.uppercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }
                .map(String.init)
            if words.count >= 8 { break }
        }
        return Array(words.prefix(8))
    }

    package var isEmpty: Bool {
        pieces.allSatisfy { piece in
            switch piece {
            case .comment: true
            case .code(let code): code.allSatisfy { $0.isWhitespace || $0 == ";" }
            case .literal, .name: false
            }
        }
    }

    /// Whether something follows a semicolon. The bodies of routines and triggers hold some; there only
    /// the server can tell.
    package var isSeveral: Bool {
        let words = firstWords
        if ["CREATE", "ALTER"].contains(words.first),
            words.contains(where: {
                ["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"].contains($0)
            })
        {
            return false
        }
        var isOver = false
        for piece in pieces {
            switch piece {
            case .comment: continue
            case .literal, .name: if isOver { return true }
            case .code(let code):
                for character in code {
                    if character == ";" {
                        isOver = true
                    } else if isOver, !character.isWhitespace {
                        return true
                    }
                }
            }
        }
        return false
    }

    /// Why it cannot be asked as a query; nil when it can.
    package var queryTrouble: String? {
        if isEmpty { return "the query is empty" }
        if isSeveral { return "only one query can be asked, not several" }
        let first = firstWords.first ?? ""
        let asking = ["SELECT", "WITH", "SHOW", "VALUES", "TABLE", "EXPLAIN", "DESCRIBE", "DESC"]
        return asking.contains(first) ? nil : "\(first) is no query; one begins with SELECT or WITH"
    }

    /// Whether it would begin, end or divide the transaction that it is part of.
    package var controlsTransaction: Bool {
        let words = firstWords
        guard let first = words.first else { return false }
        switch first {
        case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ABORT", "XA":
            return true
        case "SET": return words.contains("AUTOCOMMIT")
        case "PREPARE": return dialect == .postgreSQL && words.dropFirst().first == "TRANSACTION"
        case "LOCK", "UNLOCK": return dialect == .mariaDB
        default: return false
        }
    }

    /// Whether MariaDB commits what came before, and the statement itself, whatever is asked for
    /// (mariadb.com/kb: SQL statements that cause an implicit commit).
    package var commitsByItself: Bool {
        guard dialect == .mariaDB else { return false }
        let words = firstWords
        switch words.first {
        case "CREATE", "DROP": return !words.prefix(4).contains("TEMPORARY")
        case "ALTER", "RENAME", "TRUNCATE", "GRANT", "REVOKE", "ANALYZE", "OPTIMIZE", "REPAIR",
            "FLUSH", "RESET", "INSTALL", "UNINSTALL", "CACHE", "CHANGE":
            return true
        case "SET": return words.dropFirst().first == "PASSWORD"
        case "LOAD": return words.dropFirst().first == "INDEX"
        default: return false
        }
    }

    // MARK: Values

    /// The statement with a place for each `{{name}}`, and the values for these places in order. A value
    /// in the middle of a quoted text is put there by the server; one in a quoted name or in the body
    /// of a routine is refused.
    /// - Parameter value: the value of a name.
    package func bound(
        _ value: (String) throws(Fault) -> String
    ) throws(Fault) -> BoundSQL {
        var result = BoundSQL(text: "", parameters: [])
        for piece in pieces {
            switch piece {
            case .comment(let comment): result.text += comment
            case .code(let code):
                for part in Self.parts(code) {
                    switch part {
                    case .text(let text): result.text += text
                    case .value(let name): result.text += try place(name, value, &result.parameters)
                    }
                }
            case .name(let quoted):
                let names = Template.names(in: quoted)
                if dialect == .sqlite, let name = names.first,
                    quoted.dropFirst().dropLast()
                        .allSatisfy({ $0 != "\"" }), Self.parts(quoted).count == 3
                {
                    // SQLite takes a quoted name that it does not know for a text.
                    result.text += try place(name, value, &result.parameters)
                } else if let name = names.first {
                    throw refusal(name, "a value cannot be a part of a name")
                } else {
                    result.text += quoted
                }
            case .literal(let quoted):
                result.text += try literal(quoted, result.text.last, value, &result.parameters)
            }
        }
        return result
    }

    private enum Part {
        case text(String)
        case value(String)
    }

    /// Cuts at each `{{name}}`.
    private static func parts(_ text: String) -> [Part] {
        let names = Set(Template.names(in: text))
        guard !names.isEmpty else { return [.text(text)] }
        var parts: [Part] = []
        var plain = ""
        var rest = text[...]
        while let open = rest.firstRange(of: "{{") {
            plain += rest[..<open.lowerBound]
            let after = rest[open.upperBound...]
            if let close = after.firstRange(of: "}}"),
                case let name = after[..<close.lowerBound].filter({ $0 != " " }),
                names.contains(name)
            {
                parts += [.text(plain), .value(name)]
                plain = ""
                rest = after[close.upperBound...]
            } else {
                plain += "{"
                rest = rest[open.lowerBound...].dropFirst()
            }
        }
        parts.append(.text(plain + rest))
        return parts
    }

    private func place(
        _ name: String, _ value: (String) throws(Fault) -> String, _ values: inout [String]
    ) throws(Fault) -> String {
        values.append(try value(name))
        return switch dialect {
        case .mariaDB: "?"
        case .postgreSQL: "$\(values.count)"
        case .sqlite: ":p\(values.count)"
        }
    }

    private func literal(
        _ quoted: String, _ before: Character?, _ value: (String) throws(Fault) -> String,
        _ values: inout [String]
    ) throws(Fault) -> String {
        guard let name = Template.names(in: quoted).first else { return quoted }
        guard let quote = quoted.first, quote == "'" || quote == "\"", quoted.count > 1 else {
            throw refusal(name, "a value cannot be a part of a quoted body")
        }
        // E'…', X'…', _utf8'…' say how the text is to be read.
        if let before, before.isLetter || before.isNumber || before == "_" || before == "&" {
            throw refusal(name, "a value cannot be a part of a text with a prefix")
        }
        var pieces: [String] = []
        for part in Self.parts(String(quoted.dropFirst().dropLast())) {
            switch part {
            case .text(let text): if !text.isEmpty { pieces.append("\(quote)\(text)\(quote)") }
            case .value(let name):
                let place = try place(name, value, &values)
                pieces.append(dialect == .postgreSQL ? place + "::text" : place)
            }
        }
        if pieces.count == 1 {
            // Alone it takes the type that its place wants.
            return pieces[0].replacing("::text", with: "")
        }
        return dialect == .mariaDB
            ? "CONCAT(" + pieces.joined(separator: ", ") + ")"
            : "(" + pieces.joined(separator: " || ") + ")"
    }

    private func refusal(_ name: String, _ why: String) -> Fault {
        Fault(operation: "fill in {{\(name)}}", subject: "sql", cause: why)
    }
}

/// Cuts a statement at quotes and comments.
private struct Lexer {
    enum Kind { case code, literal, name, comment }
    let bytes: [UInt8]
    let dialect: SQLText.Dialect
    private var at = 0

    init(bytes: [UInt8], dialect: SQLText.Dialect) {
        self.bytes = bytes
        self.dialect = dialect
    }

    mutating func pieces() -> [(Kind, ArraySlice<UInt8>)] {
        var result: [(Kind, ArraySlice<UInt8>)] = []
        var start = 0
        while at < bytes.count {
            let from = at
            guard let kind = special() else {
                at += 1
                continue
            }
            if start < from { result.append((.code, bytes[start..<from])) }
            result.append((kind, bytes[from..<at]))
            start = at
        }
        if start < bytes.count { result.append((.code, bytes[start...])) }
        return result
    }

    private func byte(_ offset: Int = 0) -> UInt8? {
        at + offset < bytes.count ? bytes[at + offset] : nil
    }
    private func starts(_ text: String) -> Bool { bytes[at...].starts(with: text.utf8) }

    /// Steps over what begins here, if it is no plain code.
    private mutating func special() -> Kind? {
        switch bytes[at] {
        case UInt8(ascii: "'"):
            skipQuoted(bytes[at], backslash: dialect == .mariaDB || isEscapeText)
            return .literal
        case UInt8(ascii: "\""):
            skipQuoted(bytes[at], backslash: dialect == .mariaDB)
            return dialect == .mariaDB ? .literal : .name
        case UInt8(ascii: "`") where dialect != .postgreSQL:
            skipQuoted(bytes[at], backslash: false)
            return .name
        case UInt8(ascii: "[") where dialect == .sqlite:
            skip(to: "]")
            return .name
        case UInt8(ascii: "#") where dialect == .mariaDB:
            skip(to: "\n")
            return .comment
        case UInt8(ascii: "-") where starts("--") && (dialect != .mariaDB || isBlank(byte(2))):
            skip(to: "\n")
            return .comment
        case UInt8(ascii: "/") where starts("/*"):
            // MariaDB runs what is in such comments.
            if dialect == .mariaDB, starts("/*!") || starts("/*M!") { return nil }
            skipComment()
            return .comment
        case UInt8(ascii: "$") where dialect == .postgreSQL: return skipDollars()
        default: return nil
        }
    }

    private func isBlank(_ byte: UInt8?) -> Bool { byte.map { $0 <= 0x20 } ?? true }

    /// PostgreSQL reads backslashes only in E'…'.
    private var isEscapeText: Bool {
        guard dialect == .postgreSQL, at > 0, bytes[at - 1] | 0x20 == UInt8(ascii: "e") else {
            return false
        }
        return at < 2 || !isWord(bytes[at - 2])
    }
    private func isWord(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte >= 0x80 || (0x30...0x39).contains(byte)
            || (0x61...0x7A).contains(byte | 0x20)
    }

    private mutating func skipQuoted(_ quote: UInt8, backslash: Bool) {
        at += 1
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "\\"), backslash {
                at += 2
            } else if bytes[at] == quote {
                if byte(1) != quote {
                    at += 1
                    return
                }
                at += 2
            } else {
                at += 1
            }
        }
        at = min(at, bytes.count)
    }
    private mutating func skip(to end: String) {
        while at < bytes.count, !starts(end) { at += 1 }
        at = min(bytes.count, at + end.utf8.count)
    }
    /// PostgreSQL's may hold others.
    private mutating func skipComment() {
        var depth = 0
        while at < bytes.count {
            if starts("/*"), depth == 0 || dialect == .postgreSQL {
                depth += 1
                at += 2
            } else if starts("*/") {
                depth -= 1
                at += 2
                if depth == 0 { return }
            } else {
                at += 1
            }
        }
    }
    /// `$tag$ … $tag$`; nil for a parameter or a lone dollar.
    private mutating func skipDollars() -> Kind? {
        if at > 0, isWord(bytes[at - 1]) { return nil }
        var end = at + 1
        while end < bytes.count, isWord(bytes[end]) { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "$"),
            !(0x30...0x39).contains(bytes[at + 1])
        else { return nil }
        let tag = String(decoding: bytes[at...end], as: UTF8.self)
        at = end + 1
        skip(to: tag)
        return .literal
    }
}
