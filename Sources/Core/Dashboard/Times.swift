// Times and numbers as they are written on the screen.
import Domain

enum Times {
    /// `04:12`, `1:04:12`; negative values lose their sign, for a word says it.
    static func clock(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "--:--" }
        let total = Int(min(abs(seconds), 3_599_999).rounded(.down))
        let hours = total / 3600
        let rest = pair(total / 60 % 60) + ":" + pair(total % 60)
        return hours > 0 ? "\(hours):\(rest)" : rest
    }
    /// What a step took: `0.3 s`, `9.8 s`, then `00:21`.
    static func taken(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 9.95 else { return clock(seconds) }
        return "\(Int((seconds * 10).rounded()) / 10).\(Int((seconds * 10).rounded()) % 10) s"
    }
    /// `60:00`: a length of time as the matrix has it, in minutes up to two hours.
    static func minutes(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 3600, seconds < 7200 else { return clock(seconds) }
        return pair(Int(seconds) / 60) + ":" + pair(Int(seconds) % 60)
    }
    /// The clock of a countdown: a second that has begun counts whole, so that it ends at 00:00.
    static func countdown(_ seconds: Double) -> String {
        clock(seconds > 0 && seconds.isFinite ? seconds.rounded(.up) : seconds)
    }
    /// `3 d 4 h`, `4 h 12 m`, `12 m`, `45 s`.
    static func spoken(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "0 s" }
        let total = Int(min(seconds, 1e11))
        let (days, hours, minutes) = (total / 86400, total / 3600 % 24, total / 60 % 60)
        if days > 0 { return hours > 0 ? "\(days) d \(hours) h" : "\(days) d" }
        if hours > 0 { return minutes > 0 ? "\(hours) h \(minutes) m" : "\(hours) h" }
        if minutes > 0 { return "\(minutes) m" }
        return "\(total) s"
    }
    /// `14:03:27` of an RFC 3339 time, in UTC; the text itself where it is no time.
    static func ofDay(_ text: String) -> String {
        // The engine writes UTC: the digits are there already.
        let bytes = text.utf8
        if bytes.count >= 20, bytes.last == 0x5A {
            let from = bytes.index(bytes.startIndex, offsetBy: 11)
            let to = bytes.index(from, offsetBy: 8)
            return String(text[from..<to])
        }
        return Timestamp(rfc3339: text)?.timeOfDay ?? text
    }
    /// `14:30`, or `06 Jan 14:30` where that is not today.
    static func until(_ text: String, now: Timestamp?) -> String {
        guard let moment = Timestamp(rfc3339: text) else { return text }
        guard let now, moment.compactDay == now.compactDay else { return dayAndTime(text) }
        return String(moment.timeOfDay.prefix(5))
    }
    /// `05 Jan 14:03`.
    static func dayAndTime(_ text: String) -> String {
        guard let moment = Timestamp(rfc3339: text) else { return text }
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let fields = moment.calendar
        return "\(pair(fields.day)) \(months[fields.month - 1]) \(pair(fields.hour)):"
            + pair(fields.minute)
    }
    static func pair(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}

enum Numbers {
    /// Three digits or so, without needless zeros: `412`, `76.9`, `3.25`, `1 214`.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return "—" }
        let size = abs(value)
        let decimals = size >= 100 || value == value.rounded() ? 0 : size >= 10 ? 1 : 2
        return fixed(value, decimals)
    }
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "—" }
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let whole = grouped(scaled / scale)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + whole }
        let rest = String(scaled % scale)
        let zeros = String(repeating: "0", count: decimals - rest.count)
        var digits = zeros + rest
        while digits.last == "0" { digits.removeLast() }
        return digits.isEmpty ? sign + whole : "\(sign)\(whole).\(digits)"
    }
    /// `1 214`: a blank before each three digits, from five digits on.
    static func grouped(_ value: Int) -> String {
        let digits = String(value)
        guard digits.count > 3 else { return digits }
        var result = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { result += " " }
            result.append(digit)
        }
        return result
    }
    /// `12 ms`, `0.4 ms`, `1.25 s`.
    static func latency(milliseconds: Double) -> String {
        guard milliseconds.isFinite else { return "—" }
        if milliseconds >= 1000 { return fixed(milliseconds / 1000, 2) + " s" }
        return fixed(milliseconds, milliseconds < 1 ? 1 : 0) + " ms"
    }
    static func ordinal(_ value: Int) -> String {
        switch (value % 10, value % 100) {
        case (_, 11...13): "\(value)th"
        case (1, _): "\(value)st"
        case (2, _): "\(value)nd"
        case (3, _): "\(value)rd"
        default: "\(value)th"
        }
    }
    /// `once`, `twice`, `3 times`.
    static func times(_ count: Int) -> String {
        count == 1 ? "once" : count == 2 ? "twice" : "\(count) times"
    }
    static func counted(_ count: Int, _ one: String, _ many: String) -> String {
        "\(count) \(count == 1 ? one : many)"
    }
}
