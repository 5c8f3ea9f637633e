// The plain half of a mail: lines of at most 72 columns, facts in two columns.
import Domain

struct MailText {
    let wording: Wording
    let footer: String
    private static let width = 72

    var text: String {
        var parts: [String] = []
        parts.append(Self.wrapped(wording.headline))
        if !wording.text.isEmpty { parts.append(Self.wrapped(wording.text)) }
        if !wording.facts.isEmpty { parts.append(table) }
        parts += ([wording.missingRequest] + wording.notes).filter { !$0.isEmpty }
            .map { Self.wrapped($0) }
        if !wording.earlier.isEmpty {
            let list = wording.earlier.map { Self.wrapped("- " + $0, indent: 2) }
            parts.append("Before this:\n" + list.joined(separator: "\n"))
        }
        // What follows "-- " is a signature to mail programs.
        return parts.joined(separator: "\n\n") + "\n\n-- \n\(wording.serviceTitle)\n\(footer)\n"
    }

    private var table: String {
        let widest = min(20, wording.facts.map(\.name.count).max() ?? 0)
        return wording.facts.map { fact in
            let pad = String(repeating: " ", count: max(0, widest - fact.name.count))
            return Self.wrapped(
                "\(fact.name)\(pad)  \(fact.text)", indent: widest + 2, keeping: widest + 2)
        }.joined(separator: "\n")
    }

    /// Each line wrapped at spaces; a word that is too long stays whole.
    /// - Parameters:
    ///   - indent: of the lines that follow.
    ///   - keeping: columns at the start that are taken as they are.
    static func wrapped(_ text: String, indent: Int = 0, keeping: Int = 0) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { whole in
            var line = String(whole.prefix(keeping))
            var lines: [String] = []
            var isFirst = true
            let words = whole.dropFirst(keeping).split(
                separator: " ", omittingEmptySubsequences: false)
            for word in words {
                if !isFirst, line.count + 1 + word.count > width {
                    lines.append(line)
                    line = String(repeating: " ", count: indent) + word
                } else {
                    line += isFirst ? String(word) : " " + word
                }
                isFirst = false
            }
            return (lines + [line]).joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
