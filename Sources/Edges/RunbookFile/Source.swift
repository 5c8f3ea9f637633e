// The text of the file, for finding the exact place of something inside a value.

final class Source {
    private let text: String
    private lazy var lines: [Substring] = text.utf8.split(
        separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    ).map { Substring($0) }

    init(_ text: String) { self.text = text }

    func line(_ number: Int) -> Substring? {
        lines.indices.contains(number - 1) ? lines[number - 1] : nil
    }

    /// The place of a character of a scalar that stands in one line as it is read; the place of the
    /// scalar when it is folded, escaped or filled from the environment.
    func place(of scalar: String, at place: Place, offset: Int) -> Place {
        guard let line = line(place.line) else { return place }
        var rest = line.unicodeScalars.dropFirst(place.column - 1)
        var skipped = 0
        if let quote = rest.first, quote == "\"" || quote == "'" {
            rest = rest.dropFirst()
            skipped = 1
        }
        guard rest.starts(with: scalar.unicodeScalars) else { return place }
        let before = scalar.prefix(offset).unicodeScalars.count
        return Place(line: place.line, column: place.column + skipped + before)
    }

    /// The place of a byte of the text.
    static func place(ofByte offset: Int, in bytes: [UInt8]) -> Place {
        let before = bytes.prefix(offset)
        let line = before.count { $0 == 0x0A } + 1
        let start = (before.lastIndex(of: 0x0A) ?? -1) + 1
        // Bytes that begin a character are all but the continuation bytes 10xxxxxx.
        return Place(line: line, column: before[start...].count { $0 & 0xC0 != 0x80 } + 1)
    }
}
