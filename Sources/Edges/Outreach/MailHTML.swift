// The HTML half of a mail: no images, no style sheet, and nothing that is lost without its styles.
import Domain

struct MailHTML {
    let wording: Wording
    let footer: String

    var text: String {
        var lines = [
            "<!DOCTYPE html>", "<html lang=\"en\">", "<head>", "<meta charset=\"utf-8\">",
            "<meta name=\"viewport\" content=\"width=device-width\">",
            "<title>\(Self.escaped(wording.subject))</title>", "</head>",
            "<body style=\"margin:0;padding:24px 12px;background:#f4f4f5\">",
            "<div style=\"max-width:600px;margin:0 auto;padding:24px;background:#ffffff;"
                + "color:#18181b;border-top:6px solid \(colour);"
                + "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif\">",
        ]
        if !wording.kicker.isEmpty {
            lines.append(
                "<p style=\"margin:0;color:\(colour);font-size:14px;font-weight:bold;"
                    + "letter-spacing:0.04em\">\(Self.escaped(wording.kicker))</p>")
        }
        lines.append(
            "<h1 style=\"margin:4px 0 16px;font-size:22px;line-height:1.3\">"
                + "\(Self.escaped(wording.title))</h1>")
        for line in wording.text.split(separator: "\n") {
            lines.append("<p style=\"margin:0 0 12px\">\(Self.escaped(line))</p>")
        }
        lines += table + notes + earlier
        lines += [
            "<hr style=\"margin:24px 0 12px;border:0;border-top:1px solid #e4e4e7\">",
            "<p style=\"margin:0;color:#52525b;font-size:13px\">"
                + "\(Self.escaped(wording.serviceTitle))<br>\(Self.escaped(footer))</p>",
            "</div>", "</body>", "</html>", "",
        ]
        return lines.joined(separator: "\n")
    }

    private var table: [String] {
        if wording.facts.isEmpty { return [] }
        let cell = "padding:6px 0;border-top:1px solid #e4e4e7;vertical-align:top;text-align:left"
        let rows = wording.facts.map { fact in
            "<tr><th scope=\"row\" align=\"left\" style=\"\(cell);padding-right:16px;font-weight:normal;"
                + "color:#52525b\">\(Self.escaped(fact.name))</th>"
                + "<td style=\"\(cell)\">\(Self.escaped(fact.text))</td></tr>"
        }
        return [
            "<table style=\"width:100%;margin:0 0 16px;border-collapse:collapse;font-size:15px\">"
        ] + rows + ["</table>"]
    }

    private var notes: [String] {
        var lines: [String] = []
        if !wording.missingRequest.isEmpty {
            let parts = wording.missingRequest.split(separator: ": ", maxSplits: 1)
            lines.append(
                "<p style=\"margin:0 0 12px\">\(Self.escaped(parts.first ?? "")): "
                    + "<code style=\"padding:2px 6px;background:#f4f4f5;font-size:15px\">"
                    + "\(Self.escaped(parts.last ?? ""))</code></p>")
        }
        for note in wording.notes {
            lines.append(
                "<p style=\"margin:0 0 12px;color:#52525b\">"
                    + "\(Self.escaped(note))</p>")
        }
        return lines
    }

    private var earlier: [String] {
        if wording.earlier.isEmpty { return [] }
        return ["<p style=\"margin:0 0 4px\">Before this:</p>", "<ul style=\"margin:0 0 12px\">"]
            + wording.earlier.map { "<li>\(Self.escaped($0))</li>" } + ["</ul>"]
    }

    /// Dark enough on white for small text (WCAG AA); the words say the same.
    private var colour: String {
        let message = wording.order.message
        return switch message.purpose {
        case .over: "#15803d"
        case .acknowledged: "#1d4ed8"
        case .test: "#52525b"
        case .emergency, .update, .procedure, .notification, .users, .ticket, .statusPage:
            switch message.level {
            case .critical: "#b91c1c"
            case .high: "#c2410c"
            case .medium: "#a16207"
            case .low: "#1d4ed8"
            case nil: "#52525b"
            }
        }
    }

    static func escaped(_ text: some StringProtocol) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
