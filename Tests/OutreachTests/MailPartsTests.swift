// The small parts of a mail and of other channels, by themselves.
import Domain
import Foundation
import Testing

@testable import Outreach

@Suite struct MailPartsTests {
    private func route(
        _ server: String, _ startTLS: EmailChannel.StartTLS, password: Bool = false,
        ca: String? = nil
    ) -> MailRoute {
        MailRoute(
            EmailChannel(
                server: server, from: "a@b", startTLS: startTLS, user: password ? "u" : nil,
                password: password ? .plain("p") : nil, ca: ca))
    }

    @Test func `a password goes over a network only within TLS, unless the runbook insists`() {
        let far = "smtp://mail.example.com:587"
        #expect(route(far, .whenOffered, password: true).startTLS == .required)
        #expect(route(far, .whenOffered, password: true).verifies)
        #expect(route(far, .whenOffered, password: true).guardsPassword)
        #expect(route(far, .never, password: true).startTLS == .never)
        #expect(route(far, .whenOffered).startTLS == .whenOffered)
        #expect(!route(far, .whenOffered).verifies)
        #expect(route(far, .whenOffered, ca: "/ca").verifies)
        #expect(route(far, .required).verifies)
        #expect(route("SMTPS://mail.example.com", .whenOffered).verifies)
        for near in ["smtp://127.0.0.1:25", "smtp://localhost", "smtp://[::1]:2525"] {
            #expect(route(near, .whenOffered, password: true).startTLS == .whenOffered)
        }
        #expect(route("smtp://127.example.com", .whenOffered, password: true).guardsPassword)
    }

    @Test(arguments: [
        ("", ""), ("plain", "plain"), ("a=b", "a=3Db"), ("é", "=C3=A9"), ("x ", "x=20"),
        ("a\n\nb", "a\r\n\r\nb"), (".x", "=2Ex"), ("From x", "=46rom x"), ("a\tb", "a=09b"),
    ])
    func `quoted-printable is what RFC 2045 says`(text: String, encoded: String) {
        #expect(QuotedPrintable.encoded(text) == encoded)
    }
    @Test func `quoted-printable lines are never too long, and break no escape`() {
        for length in 70...85 {
            for tail in ["é", "=", " ", "x"] {
                let text = String(repeating: "y", count: length) + tail
                let lines = QuotedPrintable.encoded(text).components(separatedBy: "\r\n")
                #expect(lines.allSatisfy { $0.utf8.count <= 76 })
                let joined = lines.joined(separator: "\n").replacing("=\n", with: "")
                #expect(joined.hasPrefix(String(repeating: "y", count: length)))
                #expect(!joined.contains("\n"))
            }
        }
    }

    @Test(arguments: [
        ("2026-01-05T14:03:27Z", "Mon, 05 Jan 2026 14:03:27 +0000"),
        ("1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 +0000"),
        ("2028-02-29T23:59:59.999Z", "Tue, 29 Feb 2028 23:59:59 +0000"),
    ])
    func `dates are RFC 5322's`(moment: String, date: String) throws {
        #expect(MailHeader.date(try #require(Timestamp(rfc3339: moment))) == date)
    }

    @Test(arguments: [
        ("https://ntfy.example.com/a", "https://ntfy.example.com/", "a"),
        ("https://h:8/x/y/t/", "https://h:8/x/y/", "t"),
        ("https://h/t?auth=QQ#f", "https://h/?auth=QQ", "t"),
    ])
    func `a topic is taken off its URL`(url: String, base: String, topic: String) {
        #expect(NtfyPlace(url)?.base == base)
        #expect(NtfyPlace(url)?.topic == topic)
    }
    @Test(arguments: ["", "https://h", "https://h/", "https://", "topic"])
    func `a URL without a topic has none`(url: String) { #expect(NtfyPlace(url) == nil) }

    @Test func `secrets are masked whole, the longer one first`() {
        let kept = KeptSecrets(TestSecrets())
        kept.hide("abc")
        kept.hide("abcdef")
        kept.hide("https://h.example.com/services/T0/tok3nXYZ99")
        #expect(kept.masked("x abcdef abc") == "x ••• •••")
        #expect(kept.masked("tok3nXYZ99 at h.example.com") == "••• at h.example.com")
        #expect(kept.masked("") == "")
        kept.hide(pathOf: "https://h/v2/enqueue")
        #expect(kept.masked("enqueue /v2/enqueue") == "enqueue •••")
    }
}
