// Lengths of time in messages for people.

extension Span {
    /// For people: `5 s`, `0.25 s`.
    package var spoken: String {
        let milliseconds = Int((min(seconds, 1e9) * 1000).rounded())
        let whole = milliseconds / 1000
        var fraction = String(milliseconds % 1000 + 1000).dropFirst()
        while fraction.hasSuffix("0") { fraction = fraction.dropLast() }
        return fraction.isEmpty ? "\(whole) s" : "\(whole).\(fraction) s"
    }
}
