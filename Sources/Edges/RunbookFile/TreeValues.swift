// Takes values out of a tree that passed every check; what does not fit even so is thrown, never guessed.
import Domain

/// A value that is not what the checks promised: a defect of the loader.
struct Misfit: Error {
    var place: Place
    var expected: String
}

extension Tree {
    private func misfit(_ expected: String) -> Misfit { Misfit(place: place, expected: expected) }

    func value(_ key: String) throws(Misfit) -> Tree {
        guard let value = self[key] else { throw misfit(key) }
        return value
    }
    func asText() throws(Misfit) -> String {
        guard let scalar else { throw misfit("a text") }
        return scalar.text
    }
    func asSpan() throws(Misfit) -> Span {
        guard let span = Span(try asText()) else { throw misfit("a duration") }
        return span
    }
    func asNumber() throws(Misfit) -> Double {
        guard let number else { throw misfit("a number") }
        return number
    }
    func asInteger() throws(Misfit) -> Int {
        guard let integer else { throw misfit("a whole number") }
        return integer
    }
    func asFlag() throws(Misfit) -> Bool {
        guard let flag else { throw misfit("true or false") }
        return flag
    }
    func asCondition() throws(Misfit) -> Condition {
        do {
            return try Condition.parse(try asText())
        } catch let error as Misfit {
            throw error
        } catch {
            throw misfit("a condition")
        }
    }
    func asLevel() throws(Misfit) -> Level {
        guard let level = Level(rawValue: try asInteger()) else { throw misfit("a level") }
        return level
    }
    func asProbe() throws(Misfit) -> ProbeReference {
        guard let reference = ProbeReference(try asText()) else { throw misfit("a probe") }
        return reference
    }
    func asChoice<Choice: RawRepresentable<String>>() throws(Misfit) -> Choice {
        guard let choice = Choice(rawValue: try asText()) else { throw misfit("a choice") }
        return choice
    }
    func asTexts() throws(Misfit) -> [String] {
        if case .scalar = content { return [try asText()] }
        return try items.converted { item throws(Misfit) in try item.asText() }
    }

    // Values of keys.
    func text(_ key: String) throws(Misfit) -> String { try value(key).asText() }
    func span(_ key: String, or standard: Span) throws(Misfit) -> Span {
        try optional(key) { tree throws(Misfit) in try tree.asSpan() } ?? standard
    }
    func number(_ key: String, or standard: Double) throws(Misfit) -> Double {
        try optional(key) { tree throws(Misfit) in try tree.asNumber() } ?? standard
    }
    func integer(_ key: String, or standard: Int) throws(Misfit) -> Int {
        try optional(key) { tree throws(Misfit) in try tree.asInteger() } ?? standard
    }
    func flag(_ key: String, or standard: Bool) throws(Misfit) -> Bool {
        try optional(key) { tree throws(Misfit) in try tree.asFlag() } ?? standard
    }
    /// None without the key.
    func texts(_ key: String) throws(Misfit) -> [String] {
        try optional(key) { tree throws(Misfit) in try tree.asTexts() } ?? []
    }
    func optionalText(_ key: String) throws(Misfit) -> String? {
        try optional(key) { tree throws(Misfit) in try tree.asText() }
    }
    func optionalSpan(_ key: String) throws(Misfit) -> Span? {
        try optional(key) { tree throws(Misfit) in try tree.asSpan() }
    }
    func optionalNumber(_ key: String) throws(Misfit) -> Double? {
        try optional(key) { tree throws(Misfit) in try tree.asNumber() }
    }
    func optionalInteger(_ key: String) throws(Misfit) -> Int? {
        try optional(key) { tree throws(Misfit) in try tree.asInteger() }
    }
    func optional<Value>(
        _ key: String, _ read: (Tree) throws(Misfit) -> Value
    ) throws(Misfit) -> Value? {
        guard let value = self[key] else { return nil }
        return try read(value)
    }
    /// Each item of a list below a key; none without the key.
    func each<Value>(
        _ key: String, _ read: (Tree) throws(Misfit) -> Value
    ) throws(Misfit) -> [Value] {
        try (self[key]?.items ?? []).converted(read)
    }
    /// Each entry of a map below a key; none without the key.
    func named<Value>(
        _ key: String, _ read: (String, Tree) throws(Misfit) -> Value
    ) throws(Misfit) -> [Value] {
        try (self[key]?.entries ?? []).converted { entry throws(Misfit) in
            try read(entry.key, entry.value)
        }
    }

    /// Any data; numbers and truths as YAML 1.2 reads them.
    var data: DataValue {
        switch content {
        case .list(let items): return .list(items.map(\.data))
        case .map(let entries):
            return .map(entries.map { DataField(key: $0.key, value: $0.value.data) })
        case .scalar(let scalar):
            if isEmpty { return .null }
            if let flag { return .bool(flag) }
            // `007` and `+1` stay texts: they are more often a code than a number.
            if scalar.isPlain, let number, !scalar.text.hasPrefix("+"), !hasLeadingZero(scalar.text)
            {
                return .number(number)
            }
            return .text(scalar.text)
        }
    }
    private func hasLeadingZero(_ text: String) -> Bool {
        let digits = text.drop { $0 == "-" }
        return digits.first == "0" && digits.dropFirst().first?.isNumber == true
    }
}

extension Array {
    /// `map` that keeps the type of the error.
    func converted<Value>(_ read: (Element) throws(Misfit) -> Value) throws(Misfit) -> [Value] {
        var result: [Value] = []
        result.reserveCapacity(count)
        for element in self { result.append(try read(element)) }
        return result
    }
}
