// Slack by an incoming webhook: a line for the notification, and blocks for the eye.
import Domain
import Transfers

extension Attempt {
    func slack(_ url: Value) async throws(Fault) -> DeliveryOutcome {
        let address = try text(url)
        // Whoever knows it may write there, also when the runbook holds it openly.
        secrets.hide(address)
        return await ask(Asking(request: json(slackDocument, to: address)))
    }

    private var slackDocument: JSONDocument {
        let wording = Wording(order: order)
        var blocks: [JSONDocument] = [Slack.section("*\(Slack.escaped(wording.subject))*")]
        for part in Slack.parts(Slack.escaped(wording.text)).prefix(10) {
            blocks.append(Slack.section(part))
        }
        // A section shows at most ten fields.
        for start in stride(from: 0, to: wording.facts.count, by: 10) {
            let fields = wording.facts[start..<min(start + 10, wording.facts.count)]
            blocks.append([
                "type": "section", "fields": .list(fields.map(Slack.field)),
            ])
        }
        if !wording.earlier.isEmpty {
            let list = wording.earlier.map { "• " + Slack.escaped($0) }.joined(separator: "\n")
            blocks.append(Slack.section(Slack.cut("Before this:\n" + list, 3000)))
        }
        let notes = [wording.missingRequest, wording.repeatNote].filter { !$0.isEmpty }
        if !notes.isEmpty {
            let text = Slack.escaped(notes.joined(separator: " "))
            blocks.append([
                "type": "context", "elements": [["type": "mrkdwn", "text": .text(text)]],
            ])
        }
        return [
            "text": .text(Slack.cut(Slack.escaped(wording.subject), 3000)), "blocks": .list(blocks),
        ]
    }
}

enum Slack {
    /// The three characters that could begin a link, a mention or a name.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
    static func section(_ text: String) -> JSONDocument {
        ["type": "section", "text": ["type": "mrkdwn", "text": .text(cut(text, 3000))]]
    }
    static func field(_ fact: NamedText) -> JSONDocument {
        [
            "type": "mrkdwn",
            "text": .text(cut("*\(escaped(fact.name))*\n\(escaped(fact.text))", 2000)),
        ]
    }
    /// Pieces that fit into a section, parted where a line ends if possible.
    static func parts(_ text: String) -> [String] {
        var result: [String] = []
        var part = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if part.count + line.count > 2800, !part.isEmpty {
                result.append(part)
                part = ""
            }
            part += part.isEmpty ? line : "\n" + line
            while part.count > 2800 {
                let piece = wholeEntities(part.prefix(2800))
                result.append(String(piece))
                part = String(part.dropFirst(piece.count))
            }
        }
        if part.contains(where: { !$0.isWhitespace }) { result.append(part) }
        return result
    }
    /// Cut so that no `&amp;` is cut in two.
    static func cut(_ text: String, _ limit: Int) -> String {
        text.count <= limit ? text : wholeEntities(text.prefix(limit - 1)) + "…"
    }
    private static func wholeEntities(_ text: Substring) -> Substring {
        guard let start = text.suffix(4).lastIndex(of: "&"), !text[start...].contains(";") else {
            return text
        }
        return text[..<start]
    }
}
