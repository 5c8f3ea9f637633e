// Numbers and texts out of JSON documents by path: `$.delivery.success_rate`, `$.items[0].n`, `$['a b']`.
import Domain
import FoundationEssentials

/// A path of keys and places.
package struct JSONPath: Sendable, Equatable {
    package enum Part: Sendable, Equatable {
        case key(String)
        case index(Int)
    }
    package let parts: [Part]

    /// Nil when the text is no path of this kind: a `$`, then `.key`, `['key']` and `[number]`.
    package init?(_ text: String) {
        guard text.first == "$" else { return nil }
        var parts: [Part] = []
        var rest = text.dropFirst()
        while let mark = rest.first {
            rest = rest.dropFirst()
            switch mark {
            case ".":
                let key = rest.prefix { $0 != "." && $0 != "[" }
                guard !key.isEmpty else { return nil }
                parts.append(.key(String(key)))
                rest = rest[key.endIndex...]
            case "[":
                guard let close = Self.closing(rest), let part = Self.part(rest[..<close]) else {
                    return nil
                }
                parts.append(part)
                rest = rest[rest.index(after: close)...]
            default: return nil
            }
        }
        self.parts = parts
    }
    private static func closing(_ text: Substring) -> Substring.Index? {
        guard let quote = text.first, quote == "'" || quote == "\"" else {
            return text.firstIndex(of: "]")
        }
        guard let end = text.dropFirst().firstIndex(of: quote) else { return nil }
        let next = text.index(after: end)
        return next < text.endIndex && text[next] == "]" ? next : nil
    }
    private static func part(_ text: Substring) -> Part? {
        if let quote = text.first, quote == "'" || quote == "\"" {
            return .key(String(text.dropFirst().dropLast()))
        }
        guard let number = Int(text), number >= 0 else { return nil }
        return .index(number)
    }
}

/// What stands at a path, taken as a number.
package enum JSONNumber: Sendable, Equatable {
    case number(Double)
    case absent
    /// Something that is no finite number: a text, a list …
    case other

    /// Reads all paths in one pass over the document.
    /// - Returns: nil when the bytes are no JSON.
    package static func read(_ paths: [JSONPath], in bytes: [UInt8]) -> [JSONNumber]? {
        Walk<JSONNumber>.all(paths, in: bytes)
    }
}

/// What stands at a path, taken as a text.
package enum JSONText: Sendable, Equatable {
    /// A text, or a number as it is written.
    case text(String)
    case absent
    /// Something that is neither: a list, null …
    case other

    /// Reads all paths in one pass over the document.
    /// - Returns: nil when the bytes are no JSON.
    package static func read(_ paths: [JSONPath], in bytes: [UInt8]) -> [JSONText]? {
        Walk<JSONText>.all(paths, in: bytes)
    }
}

private protocol Findable {
    static var absent: Self { get }
    static func value(_ decoder: any Decoder) -> Self
}

private struct Walk<Found: Findable>: Decodable {
    private var found: [Found] = []

    static func all(_ paths: [JSONPath], in bytes: [UInt8]) -> [Found]? {
        let decoder = JSONDecoder()
        guard let key = CodingUserInfoKey(rawValue: "paths") else { return nil }
        decoder.userInfo[key] = paths
        return try? decoder.decode(Self.self, from: Data(bytes)).found
    }

    init(from decoder: any Decoder) throws {
        let key = CodingUserInfoKey(rawValue: "paths")
        let paths = key.flatMap { decoder.userInfo[$0] } as? [JSONPath] ?? []
        for path in paths { found.append(Self.find(path.parts[...], from: decoder)) }
    }

    private static func find(
        _ parts: ArraySlice<JSONPath.Part>, from decoder: any Decoder
    ) -> Found {
        guard let part = parts.first else { return Found.value(decoder) }
        do {
            switch part {
            case .key(let name):
                let container = try decoder.container(keyedBy: Name.self)
                let key = Name(name)
                guard container.contains(key) else { return .absent }
                return find(parts.dropFirst(), from: try container.superDecoder(forKey: key))
            case .index(let index):
                var container = try decoder.unkeyedContainer()
                guard index < container.count ?? 0 else { return .absent }
                while container.currentIndex < index { _ = try container.superDecoder() }
                return find(parts.dropFirst(), from: try container.superDecoder())
            }
        } catch {
            // A list where a key was asked for, or the other way round.
            return .absent
        }
    }
}

extension JSONNumber: Findable {
    fileprivate static func value(_ decoder: any Decoder) -> JSONNumber {
        guard let container = try? decoder.singleValueContainer() else { return .other }
        if let bool = try? container.decode(Bool.self) { return .number(bool ? 1 : 0) }
        if let number = try? container.decode(Double.self) {
            return number.isFinite ? .number(number) : .other
        }
        if let text = try? container.decode(String.self) {
            return numeric(text).map(JSONNumber.number) ?? .other
        }
        return .other
    }
}

extension JSONText: Findable {
    fileprivate static func value(_ decoder: any Decoder) -> JSONText {
        guard let container = try? decoder.singleValueContainer() else { return .other }
        if let text = try? container.decode(String.self) { return .text(text) }
        if (try? container.decode(Bool.self)) != nil { return .other }
        if let number = try? container.decode(Int64.self) { return .text("\(number)") }
        if let number = try? container.decode(Double.self), number.isFinite {
            return .text("\(number)")
        }
        return .other
    }
}

private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ text: String) { stringValue = text }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}

/// A finite decimal number, with spaces around it at most; no `inf`, no `nan`, no hexadecimal digits.
package func numeric(_ text: some StringProtocol) -> Double? {
    let trimmed = text.drop { $0.isWhitespace }
    let digits = trimmed.prefix { !$0.isWhitespace }
    guard trimmed[digits.endIndex...].allSatisfy(\.isWhitespace),
        digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }),
        let value = Double(digits), value.isFinite
    else { return nil }
    return value
}
