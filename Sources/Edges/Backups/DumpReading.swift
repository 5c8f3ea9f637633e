// Reads a dump as it goes by: whether it is whole, and how many rows of each table it holds.
import Domain
import Files
import Glibc

/// What the two tools write, line by line; rows are never kept.
struct DumpReading {
    enum Format {
        /// mariadb-dump: `INSERT INTO` with many rows each.
        case mariaDB
        /// pg_dump, plain: `COPY … FROM stdin;` and a line for each row.
        case postgreSQL
    }

    private let format: Format
    private(set) var tables: [String: Int] = [:]
    /// The tool has written its last line, and nothing of weight after it.
    var isComplete: Bool {
        guard case .line = state else { return false }
        return hasEnded && line.isEmpty
    }
    private var hasEnded = false
    /// Where the definitions of MariaDB's events are in the dump; nil: nowhere.
    private(set) var events: Range<Int>?
    /// Bytes before the line that is being read.
    private var offset = 0
    private var eventsStart: Int?

    private enum State {
        /// At or in a line of no interest; its beginning is in `line` as long as it may matter.
        case line
        /// In the rows of an INSERT; inside of a text, and after a backslash there.
        case rows(inText: Bool, escaped: Bool, depth: Int)
        /// In the lines of a COPY.
        case copy
    }
    private var state = State.line
    private var line: [UInt8] = []
    /// Whether the line that goes on is longer than what is kept of it.
    private var isLong = false
    private var table = ""
    private var rows = 0
    /// Inside of a trigger, routine or event.
    private var isBody = false

    /// Bytes of a line that are looked at: the names of a table's columns may be many.
    private static let kept = 1 << 20

    init(_ format: Format) { self.format = format }

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        var at = 0
        while at < bytes.count {
            switch state {
            case .line: at = takeLine(bytes, at)
            case .rows: at = takeRows(bytes, at)
            case .copy: at = takeCopy(bytes, at)
            }
        }
    }

    /// Where the next line feed is.
    private func end(_ bytes: UnsafeRawBufferPointer, _ from: Int) -> Int? {
        guard let base = bytes.baseAddress, from < bytes.count,
            let found = memchr(base + from, 0x0A, bytes.count - from)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    private mutating func takeLine(_ bytes: UnsafeRawBufferPointer, _ from: Int) -> Int {
        let end = end(bytes, from)
        let part = bytes[from..<(end ?? bytes.count)]
        if !isLong {
            line += part.prefix(Self.kept - line.count)
            isLong = line.count >= Self.kept
        }
        // The rows may follow on the same line.
        if format == .mariaDB, !isBody, let start = rowsStart() {
            let next = from + max(0, start - (line.count - part.count))
            offset += unfinished + next - from
            unfinished = 0
            line = []
            isLong = false
            hasEnded = false
            state = .rows(inText: false, escaped: false, depth: 0)
            return next
        }
        guard let end else {
            unfinished += part.count
            return bytes.count
        }
        lineEnded()
        offset += unfinished + part.count + 1
        unfinished = 0
        line = []
        isLong = false
        return end + 1
    }
    /// Bytes of the line that is being read, from earlier blocks.
    private var unfinished = 0

    private mutating func lineEnded() {
        switch format {
        case .mariaDB: mariaDBLineEnded()
        case .postgreSQL:
            let text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("COPY "), text.hasSuffix(" FROM stdin;") {
                table = copyName(text)
                rows = 0
                state = .copy
                hasEnded = false
            } else if text == "-- PostgreSQL database dump complete" {
                hasEnded = true
            } else if !text.isEmpty, text != "--", !text.hasPrefix("\\unrestrict ") {
                hasEnded = false
            }
        }
    }

    private mutating func mariaDBLineEnded() {
        func begins(_ text: String) -> Bool { line.starts(with: text.utf8) }
        if begins("DELIMITER ") {
            isBody = line != Array("DELIMITER ;".utf8)
            hasEnded = false
        } else if isBody {
            return
        } else if begins("-- Dump completed") {
            endEvents()
            hasEnded = true
        } else if begins("-- Dumping events for database ") {
            eventsStart = eventsStart ?? offset
        } else if begins("-- Dumping routines for database ") || begins("-- Final view structure") {
            endEvents()
        } else if begins("CREATE TABLE `") {
            tables[name(after: "CREATE TABLE `") ?? "", default: 0] += 0
            hasEnded = false
        } else if !line.isEmpty {
            hasEnded = false
        }
    }

    private mutating func endEvents() {
        guard let start = eventsStart, events == nil else { return }
        events = start..<offset
    }

    /// The name in back quotes, where a doubled one stands for one.
    private func name(after prefix: String) -> String? {
        var name: [UInt8] = []
        var at = prefix.utf8.count
        while at < line.count {
            if line[at] == UInt8(ascii: "`") {
                guard at + 1 < line.count, line[at + 1] == UInt8(ascii: "`") else {
                    return String(decoding: name, as: UTF8.self)
                }
                at += 1
            }
            name.append(line[at])
            at += 1
        }
        return nil
    }

    /// Where the rows of an INSERT begin in the line; nil when it is none, or not so far yet.
    private mutating func rowsStart() -> Int? {
        let prefix = "INSERT INTO `"
        guard line.starts(with: prefix.utf8), let name = name(after: prefix) else { return nil }
        // After the name there may be the columns, in back quotes too.
        let values = Array(" VALUES".utf8)
        var at = prefix.utf8.count
        var isQuoted = true
        while at < line.count {
            if line[at] == UInt8(ascii: "`") {
                isQuoted.toggle()
            } else if !isQuoted, line[at...].starts(with: values) {
                table = name
                return at + values.count
            }
            at += 1
        }
        return nil
    }

    private mutating func takeRows(_ bytes: UnsafeRawBufferPointer, _ from: Int) -> Int {
        guard case .rows(var inText, var escaped, var depth) = state else { return from }
        var count = 0
        var at = from
        var isOver = false
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if inText {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else if byte == UInt8(ascii: "'") {
                    // A doubled one ends it and begins it again.
                    inText = false
                }
            } else if byte == UInt8(ascii: "'") {
                inText = true
            } else if byte == UInt8(ascii: "(") {
                if depth == 0 { count += 1 }
                depth += 1
            } else if byte == UInt8(ascii: ")") {
                depth -= 1
            } else if byte == UInt8(ascii: ";"), depth == 0 {
                isOver = true
                break
            }
        }
        tables[table, default: 0] += count
        offset += at - from
        state = isOver ? .line : .rows(inText: inText, escaped: escaped, depth: depth)
        return at
    }

    private mutating func takeCopy(_ bytes: UnsafeRawBufferPointer, _ from: Int) -> Int {
        var at = from
        while let end = end(bytes, at) {
            if line.count + (end - at) == 2 {
                let whole = line + bytes[at..<end]
                if whole == [UInt8(ascii: "\\"), UInt8(ascii: ".")] {
                    line = []
                    tables[table, default: 0] += rows
                    state = .line
                    return end + 1
                }
            }
            line = []
            rows += 1
            at = end + 1
        }
        // Only whether it is the last line matters.
        line += bytes[at...].prefix(max(0, 3 - line.count))
        return bytes.count
    }

    /// `COPY public.users (id, name) FROM stdin;` → `public.users`
    private func copyName(_ text: String) -> String {
        var name = ""
        var isQuoted = false
        for character in text.dropFirst("COPY ".count) {
            if character == "\"" { isQuoted.toggle() }
            if character == " ", !isQuoted { break }
            name.append(character)
        }
        return name
    }
}

extension DumpReading {
    /// Reads a whole file.
    static func read(_ path: RawPath, _ format: Format) throws(Fault) -> DumpReading {
        var reading = DumpReading(format)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        try Files.readBlocks(path, buffer) { reading.take($0) }
        return reading
    }

    /// The rows of these tables, by name; a table of which the dump says nothing has none.
    func rows(of names: [String]) -> Tables {
        names.sorted().map { BackupManifest.DatabaseEntry.Table(name: $0, rows: tables[$0] ?? 0) }
    }
}
