// A colour scheme: the base16 and base24 files that hundreds of published schemes come in.

/// Sixteen or twenty-four colours with a name, by the styling guidelines of base16: 00–07 from the
/// ground to the strongest text, 08–0F red, orange, yellow, green, cyan, blue, violet, brown.
package struct Theme: Sendable, Equatable {
    /// The file's name without `.yaml`: what `--theme` takes.
    package var id: String
    package var name: String
    package var author: String
    /// base00 … base0F, and base10 … base17 for a base24 scheme.
    package private(set) var colours: [RGB]

    package var isLight: Bool { colours[0].luminance > colours[5].luminance }

    /// A file larger than this is not a scheme.
    package static let fileLimit = 65_536

    /// Reads a scheme file: the flat form (`base00: "1d2021"`) and the one with `palette:`.
    /// - Parameter id: the file's name; the theme's too where the file gives none.
    /// - Throws: `ThemeError` with the line and what to write there.
    package init(yaml text: String, id: String) throws(ThemeError) {
        guard text.utf8.count <= Theme.fileLimit else {
            throw ThemeError(line: 1, text: "the file is too large for a colour scheme (64 kB)")
        }
        var found: [Int: RGB] = [:]
        var words: [String: String] = [:]
        for (index, raw) in text.split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline
        )
        .enumerated() {
            let number = index + 1
            guard let (key, value) = try Theme.entry(String(raw), line: number) else { continue }
            guard let slot = try Theme.slot(key, line: number) else {
                words[key] = value
                continue
            }
            guard found[slot] == nil else {
                throw ThemeError(line: number, text: "\(key) is given twice; keep one")
            }
            guard let colour = RGB(hex: value) else {
                throw ThemeError(
                    line: number,
                    text: "\(key) is “\(value.prefix(40))”; write six hexadecimal digits in quotes,"
                        + " such as \"1d2021\"")
            }
            found[slot] = colour
        }
        colours = try Theme.complete(found)
        // `scheme:` is the older word for `name:`.
        name = words["name"] ?? words["scheme"] ?? id
        if name.isEmpty { name = id }
        self.id = id
        author = words["author"] ?? ""
    }

    private static func complete(_ found: [Int: RGB]) throws(ThemeError) -> [RGB] {
        let count = found.keys.contains { $0 >= 16 } ? 24 : 16
        let missing = (0..<count).filter { found[$0] == nil }
        guard missing.isEmpty else {
            throw ThemeError(
                line: nil,
                text: "missing: " + missing.map(Theme.label).joined(separator: ", ")
                    + "; a base\(count) scheme has all of base00 to \(Theme.label(count - 1))")
        }
        return (0..<count).compactMap { found[$0] }
    }

    private static func label(_ slot: Int) -> String {
        "base" + (slot < 16 ? "0" : "") + String(slot, radix: 16, uppercase: true)
    }
    private static func slot(_ key: String, line: Int) throws(ThemeError) -> Int? {
        guard key.hasPrefix("base"), key.utf8.count == 6 else { return nil }
        guard let slot = Int(key.dropFirst(4), radix: 16), (0..<24).contains(slot) else {
            throw ThemeError(
                line: line, text: "\(key) is not a colour of base16 or base24 (base00 to base17)")
        }
        return slot
    }

    /// `key: value` of a line; nil for an empty line, a comment and a heading such as `palette:`.
    private static func entry(_ raw: String, line: Int) throws(ThemeError) -> (String, String)? {
        let text = trimmed(raw[...])
        if text.isEmpty || text.first == "#" || text == "---" || text == "..." { return nil }
        guard let colon = text.firstIndex(of: ":") else {
            throw ThemeError(line: line, text: "expected “name: value”, found “\(text.prefix(40))”")
        }
        let key = String(trimmed(unquoted(trimmed(text[..<colon]))))
        let value = trimmed(text[text.index(after: colon)...])
        if value.isEmpty || value.first == "#" {
            if try slot(key, line: line) != nil {
                throw ThemeError(
                    line: line,
                    text: "\(key) has no value; put colours in quotes, for # begins a comment")
            }
            return nil
        }
        guard let quote = value.first, quote == "\"" || quote == "'" else {
            return (key, String(trimmed(withoutComment(value))))
        }
        guard let end = value.dropFirst().firstIndex(of: quote) else {
            throw ThemeError(line: line, text: "\(key): the quotation mark is not closed")
        }
        return (key, String(value[value.index(after: value.startIndex)..<end]))
    }
    private static func withoutComment(_ text: Substring) -> Substring {
        var before: Character = "x"
        for index in text.indices {
            if text[index] == "#", before == " " || before == "\t" { return text[..<index] }
            before = text[index]
        }
        return text
    }
    private static func unquoted(_ text: Substring) -> Substring {
        guard text.count >= 2, let first = text.first, first == "\"" || first == "'",
            text.last == first
        else { return text }
        return text.dropFirst().dropLast()
    }
    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}

package struct ThemeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// From 1; nil where the fault is in no one line.
    package var line: Int?
    package var text: String
    package var description: String { line.map { "line \($0): \(text)" } ?? text }
}
