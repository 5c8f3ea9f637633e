// Pages from the files in templates/: {{name}} is filled in, escaped unless it is markup.

/// What goes into a place of a template.
enum Fill: Sendable {
    /// Escaped.
    case text(String)
    /// As it is.
    case markup(String)

    var html: String {
        switch self {
        case .text(let text): escaped(text)
        case .markup(let markup): markup
        }
    }
}

struct Templates: Sendable {
    /// By file name in templates/.
    let files: [String: String]

    /// The file with its places filled; a place that nobody fills is left out.
    func page(_ file: String, _ fills: [String: Fill]) -> String {
        fill(files[file] ?? "", fills)
    }

    private func fill(_ template: String, _ fills: [String: Fill]) -> String {
        var result = ""
        var rest = template[...]
        // One pass: what was filled in is not looked at again, whatever braces it holds.
        while let open = rest.firstRange(of: "{{"),
            let close = rest[open.upperBound...].firstRange(of: "}}")
        {
            result += rest[..<open.lowerBound]
            let name = rest[open.upperBound..<close.lowerBound].filter { $0 != " " }
            result += fills[name]?.html ?? ""
            rest = rest[close.upperBound...]
        }
        return result + rest
    }
}

private func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
        switch character {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        default: result.append(character)
        }
    }
    return result
}
