// Fills `{{name}}` in the runbook's texts, arguments and requests.

package enum Template {
    /// The text with every `{{name}}` replaced. A filled value is never read again for names; braces
    /// around anything but a name stay as they are.
    /// - Parameter encode: makes a value harmless for the place it is filled into.
    /// - Throws: `Fault` that lists the names without a value, and those that have one.
    package static func fill(
        _ text: String, with values: [NamedText], encode: (String) throws(Fault) -> String = { $0 }
    ) throws(Fault) -> String {
        guard text.utf8.contains(UInt8(ascii: "{")) else { return text }
        var result = ""
        var missing: [String] = []
        for part in parts(of: text) {
            switch part {
            case .literal(let literal): result += literal
            case .name(let name):
                if let value = values.first(where: { $0.name == name }) {
                    result += try encode(value.text)
                } else if !missing.contains(name) {
                    missing.append(name)
                }
            }
        }
        guard missing.isEmpty else { throw unknown(missing, known: values.map(\.name)) }
        return result
    }

    /// The names in a text, in order, each once.
    package static func names(in text: String) -> [String] {
        var result: [String] = []
        for case .name(let name) in parts(of: text) where !result.contains(name) {
            result.append(name)
        }
        return result
    }

    private enum Part {
        case literal(String)
        case name(String)
    }

    /// A name is letters, digits, `_`, `-` and `.`; spaces around it do not count.
    private static func parts(of text: String) -> [Part] {
        var result: [Part] = []
        var literal = ""
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            literal += rest[..<open]
            let after = rest[open...].dropFirst()
            if after.first == "{", let name = leadingName(after.dropFirst()) {
                if !literal.isEmpty { result.append(.literal(literal)) }
                literal = ""
                result.append(.name(String(name.text)))
                rest = text[name.end...]
            } else {
                literal += "{"
                rest = after
            }
        }
        literal += rest
        if !literal.isEmpty { result.append(.literal(literal)) }
        return result
    }

    /// The name that the text starts with, if `}}` closes it, and where the text goes on.
    private static func leadingName(
        _ text: Substring
    ) -> (text: Substring, end: Substring.Index)? {
        let start = text.drop { $0 == " " }
        let name = start.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) }
        let close = start[name.endIndex...].drop { $0 == " " }
        guard !name.isEmpty, close.hasPrefix("}}") else { return nil }
        return (name, close.index(close.startIndex, offsetBy: 2))
    }

    private static func unknown(_ names: [String], known: [String]) -> Fault {
        Fault(
            operation: "fill in " + names.map { "{{\($0)}}" }.joined(separator: ", "),
            subject: "template",
            cause: known.isEmpty
                ? "no values are known here"
                : "known here: " + known.sorted().joined(separator: ", "))
    }
}

/// The names that every step can fill in, whatever procedure it is a part of.
package enum StepNames {
    /// Where the procedure keeps what its steps make: absolute, the same for its steps and their undos.
    package static let runDirectory = "run_dir"
    package static let service = "service"
    package static let title = "title"
    /// The procedure's id.
    package static let procedure = "procedure"
    /// The emergency's id; empty without one.
    package static let emergency = "emergency"
    package static let reason = "reason"
    /// A login name.
    package static let startedBy = "started_by"
    /// The id of the backup that the procedure rests on; empty without one.
    package static let backup = "backup"
    package static let all = [
        runDirectory, service, title, procedure, emergency, reason, startedBy, backup,
    ]
}
