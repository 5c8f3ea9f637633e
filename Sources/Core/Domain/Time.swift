// Moments and lengths of time, as plain values: nothing here reads a clock.

/// A length of time in seconds. Written in a runbook as `500ms`, `30s`, `5m`, `24h` or `7d`.
package struct Span: Sendable, Hashable, Comparable, Codable {
    /// Seconds; never negative in a checked runbook.
    package var seconds: Double

    package init(seconds: Double) { self.seconds = seconds }
    package init(from decoder: any Decoder) throws {
        seconds = try decoder.singleValueContainer().decode(Double.self)
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(seconds)
    }

    package static let zero = Span(seconds: 0)
    package static func seconds(_ value: Double) -> Span { Span(seconds: value) }
    package static func minutes(_ value: Double) -> Span { Span(seconds: value * 60) }
    package static func hours(_ value: Double) -> Span { Span(seconds: value * 3600) }
    package static func < (left: Span, right: Span) -> Bool { left.seconds < right.seconds }

    /// Reads `500ms`, `30s`, `5m`, `24h`, `7d`, `0s`, `1.5h`; nil for anything else, also for a bare number.
    package init?(_ text: some StringProtocol) {
        let units: [(String, Double)] = [
            ("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400),
        ]
        for (unit, factor) in units where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count)
            guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
                let value = Double(digits), value.isFinite
            else { continue }
            seconds = value * factor
            return
        }
        return nil
    }

    /// The shortest exact spelling in the runbook's form: `90s` stays `90s`, `3600s` becomes `1h`.
    package var spelled: String {
        for (unit, factor) in [("d", 86400.0), ("h", 3600), ("m", 60), ("s", 1)] {
            let value = seconds / factor
            if value >= 1, value == value.rounded(), value < 1e15 { return "\(Int(value))\(unit)" }
        }
        let milliseconds = (seconds * 1000).rounded()
        if seconds == 0 { return "0s" }
        return abs(milliseconds) < 1e15 ? "\(Int(milliseconds))ms" : "\(seconds)s"
    }
}

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
package struct Timestamp: Sendable, Hashable, Comparable, Codable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) { self.milliseconds = milliseconds }
    package init(from decoder: any Decoder) throws {
        milliseconds = try decoder.singleValueContainer().decode(Int64.self)
    }
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.milliseconds < right.milliseconds
    }
    package static func + (moment: Timestamp, span: Span) -> Timestamp {
        Timestamp(milliseconds: moment.milliseconds + Int64((span.seconds * 1000).rounded()))
    }
    package static func - (moment: Timestamp, span: Span) -> Timestamp {
        Timestamp(milliseconds: moment.milliseconds - Int64((span.seconds * 1000).rounded()))
    }
    package static func - (later: Timestamp, earlier: Timestamp) -> Span {
        Span(seconds: Double(later.milliseconds - earlier.milliseconds) / 1000)
    }

    /// The calendar fields in UTC.
    package var calendar: CalendarFields { CalendarFields(milliseconds: milliseconds) }

    /// RFC 3339 in UTC with milliseconds: `2026-01-05T14:03:27.120Z`.
    package var rfc3339: String {
        let c = calendar
        return "\(padded(c.year, 4))-\(padded(c.month, 2))-\(padded(c.day, 2))T\(clock(c))"
            + ".\(padded(Int(floorMod(milliseconds, 1000)), 3))Z"
    }
    /// `14:03:27`, in UTC.
    package var timeOfDay: String { clock(calendar) }
    /// `20260105`, in UTC: the day part of an emergency's id.
    package var compactDay: String {
        let c = calendar
        return padded(c.year, 4) + padded(c.month, 2) + padded(c.day, 2)
    }
    /// `20260105T140327Z`: sortable and safe in file names.
    package var compact: String {
        let c = calendar
        return compactDay + "T" + padded(c.hour, 2) + padded(c.minute, 2) + padded(c.second, 2)
            + "Z"
    }

    /// Reads RFC 3339: `2026-01-05T14:03:27Z`, with fractions, or with an offset; nil for anything else.
    package init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        func number(_ from: Int, _ count: Int) -> Int? {
            guard from + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[from..<from + count] {
                guard byte >= 48, byte <= 57 else { return nil }
                value = value * 10 + Int(byte - 48)
            }
            return value
        }
        guard bytes.count >= 20, bytes[4] == 45, bytes[7] == 45, [84, 116, 32].contains(bytes[10]),
            bytes[13] == 58, bytes[16] == 58,
            let year = number(0, 4), let month = number(5, 2), let day = number(8, 2),
            let hour = number(11, 2), let minute = number(14, 2), let second = number(17, 2),
            (1...12).contains(month),
            (1...CalendarFields.length(ofMonth: month, year)).contains(day),
            hour < 24, minute < 60, second < 61
        else { return nil }
        var at = 19
        var fraction = 0
        if bytes[at] == 46 {
            at += 1
            guard number(at, 1) != nil else { return nil }
            var scale = 100
            while at < bytes.count, bytes[at] >= 48, bytes[at] <= 57 {
                fraction += Int(bytes[at] - 48) * scale
                scale /= 10
                at += 1
            }
        }
        guard at < bytes.count else { return nil }
        var offset = 0
        switch bytes[at] {
        case 90, 122: guard at + 1 == bytes.count else { return nil }
        case 43, 45:
            guard at + 6 == bytes.count, bytes[at + 3] == 58,
                let hours = number(at + 1, 2), let minutes = number(at + 4, 2), hours < 24,
                minutes < 60
            else { return nil }
            offset = (bytes[at] == 43 ? 1 : -1) * (hours * 60 + minutes)
        default: return nil
        }
        let days = CalendarFields.days(year: year, month: month, day: day)
        let seconds = Int64(days) * 86400 + Int64(hour * 3600 + minute * 60 + second - offset * 60)
        milliseconds = seconds * 1000 + Int64(fraction)
    }
}

/// Year to second of a moment in UTC (proleptic Gregorian calendar).
package struct CalendarFields: Sendable, Equatable {
    package var year: Int
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int

    init(milliseconds: Int64) {
        let total = floorDiv(milliseconds, 1000)
        let days = floorDiv(total, 86400)
        let rest = Int(floorMod(total, 86400))
        // Howard Hinnant's civil_from_days: exact for every day of the calendar.
        let shifted = days + 719_468
        let era = floorDiv(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthIndex = (5 * dayOfYear + 2) / 153
        day = Int(dayOfYear - (153 * monthIndex + 2) / 5 + 1)
        month = Int(monthIndex < 10 ? monthIndex + 3 : monthIndex - 9)
        year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
        hour = rest / 3600
        minute = rest / 60 % 60
        second = rest % 60
    }

    /// Days of a month.
    package static func length(ofMonth month: Int, _ year: Int) -> Int {
        days(year: month == 12 ? year + 1 : year, month: month % 12 + 1, day: 1)
            - days(year: year, month: month, day: 1)
    }

    /// Days since 1970-01-01 of a date.
    package static func days(year: Int, month: Int, day: Int) -> Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

private func clock(_ c: CalendarFields) -> String {
    "\(padded(c.hour, 2)):\(padded(c.minute, 2)):\(padded(c.second, 2))"
}
private func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
private func floorDiv(_ value: Int64, _ by: Int64) -> Int64 {
    let quotient = value / by
    return value % by < 0 ? quotient - 1 : quotient
}
private func floorMod(_ value: Int64, _ by: Int64) -> Int64 {
    let rest = value % by
    return rest < 0 ? rest + by : rest
}
