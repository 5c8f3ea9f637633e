// Mails made of random texts: each parses strictly, and says what went in.
import Domain
import Foundation
import TestKit
import Testing

@testable import Outreach

@Suite struct MailFuzzTests {
    /// What headers, MIME, SMTP and terminals have a meaning for, and what does not fit into bytes.
    private static let pieces = [
        "a", "Z9", " ", "  ", "\t", "\r\n", "\n", "\r", "\u{0}", "\u{1B}[31m", "\u{7F}", "\u{85}",
        "\u{202E}", "\u{2028}", "\u{FEFF}", "\"", "\\", "'", "<", ">", "(", ")", ",", ";", ":", "@",
        ".", "\n.\n", "=", "=?", "?=", "=?utf-8?B?eA==?=", "=3D", "From ", "\nFrom me", "--", "é",
        "ß",
        "漢字", "🚨", "👩‍🚒", "e\u{301}", "{{title}}", "&amp;", "<b>", "%s", "$HOME", "Bcc: x@y",
        String(repeating: "w", count: 90),
    ]
    private static func text(_ count: Int, _ random: inout SeededRandom) -> String {
        (0..<Int.random(in: 0...count, using: &random))
            .map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }

    private struct Expected: Encodable {
        var subject: String
        var name: String
        var lines: [String]
    }

    @Test func `random texts come out as they went in`() async throws {
        var random = SeededRandom(seed: 20_260_105)
        let folder = try TemporaryFolder("fuzz")
        var expected: [Expected] = []
        for number in 0..<250 {
            let order = order(
                .channel(Channel(name: "x", kind: .slack(url: .plain("")))),
                purpose: MessagePurpose.allCases.randomElement(using: &random) ?? .test,
                title: Self.text(12, &random), text: Self.text(60, &random)
            ) {
                $0.people[0].name = Self.text(6, &random)
                $0.service.name = Self.text(3, &random)
                $0.message.facts = [
                    NamedText(name: Self.text(3, &random), text: Self.text(20, &random))
                ]
                $0.delivery.earlier = [Self.text(10, &random)]
                $0.delivery.mayRepeat = Bool.random(using: &random)
            }
            let message = MailMessage(
                order: order, from: Mailbox(address: "a@example.com", name: ""),
                to: Mailbox(address: "b@example.com", name: order.people[0].name))
            try Data(message.bytes).write(to: URL(filePath: folder("\(number).eml")))
            let wording = Wording(order: order)
            expected.append(
                Expected(
                    subject: wording.subject,
                    name: Visible.text(order.people[0].name, limit: 60),
                    lines: wording.text.components(separatedBy: "\n")))
        }
        try JSONEncoder().encode(expected).write(to: URL(filePath: folder("expected.json")))
        let script = try folder.write("check.py", Self.program)
        let said = try await run("/usr/bin/python3", [script, folder.path])
        #expect(said == "250 mails\n")
    }

    private static let program = #"""
        import email, email.policy, html.parser, json, os, sys

        folder = sys.argv[1]
        policy = email.policy.SMTP.clone(raise_on_defect=True)
        with open(os.path.join(folder, 'expected.json')) as file:
            expected = json.load(file)

        def words(text):
            return ' '.join(text.split())

        class Text(html.parser.HTMLParser):
            allowed = {'html', 'head', 'meta', 'title', 'body', 'div', 'p', 'h1', 'table', 'tr',
                       'th', 'td', 'code', 'ul', 'li', 'hr', 'br'}
            def __init__(self):
                super().__init__()
                self.text = ''
            def handle_starttag(self, tag, attributes):
                assert tag in self.allowed, tag
                self.text += ' '
            def handle_data(self, data):
                self.text += data

        for number, want in enumerate(expected):
            with open(os.path.join(folder, '%d.eml' % number), 'rb') as file:
                raw = file.read()
            assert raw.count(b'\n') == raw.count(b'\r\n') == raw.count(b'\r')
            lines = raw.split(b'\r\n')
            assert all(len(line) <= 140 for line in lines), max(lines, key=len)
            assert all(31 < byte < 127 or byte in b'\r\n' for byte in raw)
            assert not any(line.startswith((b'.', b'From ')) for line in lines)
            message = email.message_from_bytes(raw, policy=policy)
            names = [name.lower() for name in message.keys()]
            assert len(names) == len(set(names)) == 13, names
            for part in message.walk():
                assert not part.defects, part.defects
                for name, value in part.items():
                    assert not value.defects, (number, name, value.defects)
            assert str(message['subject']) == want['subject'], (number, message['subject'])
            to, = message['to'].addresses
            assert to.addr_spec == 'b@example.com'
            # This parser puts a space between two encoded words of a name (bugs.python.org 35547).
            if want['name'].strip():
                assert ''.join(to.display_name.split()) == ''.join(want['name'].split())
            plain, rich = message.iter_parts()
            shown = Text()
            shown.feed(rich.get_content())
            for line in want['lines']:
                assert words(line) in words(plain.get_content()), (number, line)
                assert words(line) in words(shown.text), (number, line, shown.text)
        print(len(expected), 'mails')
        """#
}
