// Reads a time zone's offsets from the system's database (TZif, RFC 9636).
import Domain

#if canImport(Glibc)
    import Glibc
#endif

enum ZoneFile {
    static let folder = "/usr/share/zoneinfo/"
    /// Bytes that a zone's file may have; the largest has 4 KiB.
    private static let largest = 256 * 1024
    /// How far ahead the rule at the end of a file is followed. Afterwards the last offset stays.
    static let lastYear = 2100

    /// - Parameter name: an IANA name that was checked (see `ScalarRules`).
    /// - Returns: nil when there is no such file, or when it is damaged.
    static func offsets(of name: String) -> ZoneOffsets? {
        if name == "UTC" || name == "GMT" { return .utc }
        let descriptor = open(folder + name, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return RunbookFile.bytes(of: descriptor, limit: largest).flatMap(offsets(in:))
    }

    static func offsets(in bytes: [UInt8]) -> ZoneOffsets? {
        var reader = Reader(bytes: bytes[...])
        guard let first = reader.header(), first.version >= UInt8(ascii: "2") else { return nil }
        // The first block has 32-bit times, for programs that know no others.
        guard reader.skip(first.length(ofTime: 4)), let header = reader.header(),
            let block = reader.block(header)
        else { return nil }
        var changes = block.changes
        if let footer = reader.footer(), !footer.isEmpty {
            guard let rule = ZoneRule(footer) else { return nil }
            let from = changes.last?.from ?? Timestamp(milliseconds: .min)
            let year = changes.last.map { $0.from.calendar.year } ?? 1970
            if changes.isEmpty, rule.summer == nil {
                return ZoneOffsets(standard: rule.standard)
            }
            for year in max(1970, year)...max(lastYear, year) {
                changes += rule.changes(in: year).filter { $0.from > from }
            }
        }
        return ZoneOffsets(standard: block.standard, changes: changes)
    }

    private struct Header {
        var version: UInt8
        var utIndicators: Int
        var standardIndicators: Int
        var leaps: Int
        var times: Int
        var types: Int
        var letters: Int
        func length(ofTime size: Int) -> Int {
            times * size + times + types * 6 + letters + leaps * (size + 4) + standardIndicators
                + utIndicators
        }
    }

    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func skip(_ count: Int) -> Bool {
            guard bytes.count >= count else { return false }
            bytes = bytes.dropFirst(count)
            return true
        }
        /// A big-endian number with a sign.
        mutating func number(_ size: Int) -> Int64? {
            guard bytes.count >= size, let first = bytes.first else { return nil }
            var value: Int64 = first & 0x80 == 0 ? 0 : -1
            for byte in bytes.prefix(size) { value = value << 8 | Int64(byte) }
            bytes = bytes.dropFirst(size)
            return value
        }

        mutating func header() -> Header? {
            guard bytes.starts(with: "TZif".utf8), skip(4), let version = bytes.first, skip(16)
            else { return nil }
            var counts: [Int] = []
            for _ in 0..<6 {
                guard let count = number(4), (0...100_000).contains(count) else { return nil }
                counts.append(Int(count))
            }
            return Header(
                version: version, utIndicators: counts[0], standardIndicators: counts[1],
                leaps: counts[2], times: counts[3], types: counts[4], letters: counts[5])
        }

        mutating func block(_ header: Header) -> (standard: Int, changes: [ZoneOffsets.Change])? {
            guard bytes.count >= header.length(ofTime: 8), header.types > 0 else { return nil }
            var times: [Int64] = []
            for _ in 0..<header.times {
                guard let time = number(8) else { return nil }
                times.append(time)
            }
            let indices = Array(bytes.prefix(header.times))
            guard skip(header.times) else { return nil }
            var offsets: [Int] = []
            for _ in 0..<header.types {
                guard let offset = number(4), abs(offset) < 26 * 3600, skip(2) else { return nil }
                offsets.append(Int(offset))
            }
            guard indices.allSatisfy({ Int($0) < offsets.count }),
                skip(
                    header.letters + header.leaps * 12 + header.standardIndicators
                        + header.utIndicators)
            else { return nil }
            // Times before the first change have the first type.
            let plausible: ClosedRange<Int64> = -(1 << 40)...1 << 40
            let changes = zip(times, indices).compactMap { time, index in
                // Some files begin with the big bang.
                !plausible.contains(time)
                    ? nil
                    : ZoneOffsets.Change(
                        from: Timestamp(milliseconds: time * 1000), seconds: offsets[Int(index)])
            }
            return (offsets[0], changes)
        }

        /// The rule for all time after the last change, between two line feeds.
        mutating func footer() -> String? {
            guard bytes.first == 0x0A, skip(1) else { return nil }
            return String(validating: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
        }
    }
}

/// The rule of a zone's summer time, as POSIX writes it in TZ: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneRule {
    /// Seconds ahead of UTC.
    let standard: Int
    let summer: (offset: Int, begin: Day, end: Day)?

    /// A day of a year, and the seconds after its beginning on the clocks of then.
    struct Day: Equatable {
        enum Kind: Equatable {
            /// 1–365; February 29 is never counted.
            case julian(Int)
            /// 0–365; February 29 is counted.
            case ordinal(Int)
            /// Month, week 1–5 (5 is the last), day of the week from Sunday.
            case weekday(month: Int, week: Int, day: Int)
        }
        var kind: Kind
        var time: Int
    }

    init?(_ text: String) {
        var parser = Parser(rest: Substring(text))
        guard parser.name(), let standard = parser.clock(hours: 24) else { return nil }
        self.standard = -standard
        if parser.rest.isEmpty {
            summer = nil
            return
        }
        guard parser.name() else { return nil }
        var offset = 3600 - standard
        if parser.rest.first != "," {
            guard let own = parser.clock(hours: 24) else { return nil }
            offset = -own
        }
        guard parser.take(","), let begin = parser.day(), parser.take(","),
            let end = parser.day(), parser.rest.isEmpty
        else { return nil }
        summer = (offset, begin, end)
    }

    func changes(in year: Int) -> [ZoneOffsets.Change] {
        guard let summer else { return [] }
        func moment(_ day: Day, _ offset: Int) -> Timestamp {
            Timestamp(
                milliseconds: Int64(day.number(in: year)) * 86_400_000 + Int64(day.time - offset)
                    * 1000)
        }
        return [
            ZoneOffsets.Change(from: moment(summer.begin, standard), seconds: summer.offset),
            ZoneOffsets.Change(from: moment(summer.end, summer.offset), seconds: standard),
        ]
    }

    private struct Parser {
        var rest: Substring

        mutating func take(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest = rest.dropFirst()
            return true
        }
        /// `CET` or `<+03>`.
        mutating func name() -> Bool {
            if take("<") {
                guard let end = rest.firstIndex(of: ">") else { return false }
                rest = rest[rest.index(after: end)...]
                return true
            }
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(letters.count)
            return letters.count >= 3
        }
        mutating func number(_ range: ClosedRange<Int>) -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            guard digits.count <= 4, let number = Int(digits), range.contains(number) else {
                return nil
            }
            return number
        }
        /// `-1`, `5:45`, `3:30:15`: seconds.
        mutating func clock(hours most: Int) -> Int? {
            let sign = take("-") ? -1 : 1
            if sign == 1 { _ = take("+") }
            guard let hours = number(0...most) else { return nil }
            var seconds = hours * 3600
            for unit in [60, 1] where take(":") {
                guard let part = number(0...59) else { return nil }
                seconds += part * unit
            }
            return sign * seconds
        }
        mutating func day() -> Day? {
            let kind: Day.Kind
            if take("M") {
                guard let month = number(1...12), take("."), let week = number(1...5), take("."),
                    let day = number(0...6)
                else { return nil }
                kind = .weekday(month: month, week: week, day: day)
            } else if take("J") {
                guard let day = number(1...365) else { return nil }
                kind = .julian(day)
            } else {
                guard let day = number(0...365) else { return nil }
                kind = .ordinal(day)
            }
            guard take("/") else { return Day(kind: kind, time: 2 * 3600) }
            // RFC 9636 lets the time be from −167 to 167 hours.
            guard let time = clock(hours: 167) else { return nil }
            return Day(kind: kind, time: time)
        }
    }
}

extension ZoneRule.Day {
    /// Days since 1970-01-01.
    func number(in year: Int) -> Int {
        let newYear = CalendarFields.days(year: year, month: 1, day: 1)
        switch kind {
        case .ordinal(let day): return newYear + day
        case .julian(let day):
            let isLeap = CalendarFields.length(ofMonth: 2, year) == 29
            return newYear + day - 1 + (isLeap && day >= 60 ? 1 : 0)
        case .weekday(let month, let week, let wanted):
            let first = CalendarFields.days(year: year, month: month, day: 1)
            // 1970-01-01 was a Thursday.
            let firstDay = ((first + 4) % 7 + 7) % 7
            let day = (wanted - firstDay + 7) % 7 + (week - 1) * 7
            let length = CalendarFields.length(ofMonth: month, year)
            return first + (day < length ? day : day - 7)
        }
    }
}
