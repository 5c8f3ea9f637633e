// JSON as it is written: a document made in code, its keys in the order they were given.

/// A document to send. Any text may stand in it: what JSON cannot hold as it is is escaped.
package indirect enum JSONDocument: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Int)
    case text(String)
    case list([JSONDocument])
    case map([(String, JSONDocument)])

    /// The document on one line.
    package var written: String {
        var result = ""
        write(into: &result)
        return result
    }

    private func write(into result: inout String) {
        switch self {
        case .null: result += "null"
        case .bool(let bool): result += bool ? "true" : "false"
        case .number(let number): result += String(number)
        case .text(let text): result += quoted(text)
        case .list(let items):
            result += "["
            for (index, item) in items.enumerated() {
                if index > 0 { result += "," }
                item.write(into: &result)
            }
            result += "]"
        case .map(let fields):
            result += "{"
            for (index, field) in fields.enumerated() {
                if index > 0 { result += "," }
                result += quoted(field.0) + ":"
                field.1.write(into: &result)
            }
            result += "}"
        }
    }

    package static func == (left: JSONDocument, right: JSONDocument) -> Bool {
        left.written == right.written
    }
}

extension JSONDocument: ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    package init(stringLiteral value: String) { self = .text(value) }
    package init(arrayLiteral items: JSONDocument...) { self = .list(items) }
    package init(dictionaryLiteral fields: (String, JSONDocument)...) { self = .map(fields) }
    package init(integerLiteral value: Int) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// RFC 8259: a text in quotes.
func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case _ where scalar.value < 0x20:
            let digits = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
