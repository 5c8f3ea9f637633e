// Mail against a real server, and against rude ones.
import Domain
import Foundation
import Outreach
import TestKit
import Testing

private func email(
    _ server: String, _ startTLS: EmailChannel.StartTLS = .whenOffered, user: String? = nil,
    password: Value? = nil, ca: String? = nil
) -> DeliveryRoute {
    .channel(
        Channel(
            name: "mail",
            kind: .email(
                EmailChannel(
                    server: server, from: "tocsin@example.com", startTLS: startTLS, user: user,
                    password: password, ca: ca))))
}
private let password = Value.secret(.environment("PASSWORD"))
private let secrets = ["PASSWORD": "pa\"ss wörd"]

@Suite struct MailTests {
    @Test func `a mail arrives, parses strictly and renders in a text client`() async throws {
        let server = try await MailServer.start(.plain)
        let order = order(email("smtp://127.0.0.1:\(server.port)")) {
            $0.delivery.mayRepeat = true
            $0.delivery.earlier = ["sessions are lost"]
            $0.message.text = "Many users are affected.\n.\nFrom here on, 5 < 6 = true.  "
        }
        let outcome = await carry(order)
        #expect(outcome.end == .delivered)
        #expect(outcome.detail == "250 2.0.0 Ok: queued as T001")
        let path = try #require(server.mails.first)
        #expect(try server.envelope(path)["from"] == "tocsin@example.com")
        #expect(try server.envelope(path)["to"] == "ines@example.com")
        let mail = try await ReadMail(path)
        #expect(mail.structure == ["multipart/alternative", "text/plain", "text/html"])
        #expect(
            mail.header("Subject") == "[vedfolnir] LEVEL 2 HIGH: delivery.error_rate is 12 %")
        #expect(mail.header("From") == "Tocsin vedfolnir <tocsin@example.com>")
        #expect(mail.header("To") == "Ines Moreau <ines@example.com>")
        #expect(mail.header("Auto-Submitted") == "auto-generated")
        #expect(mail.header("Importance") == "high")
        #expect(mail.header("X-Priority") == "2")
        #expect(mail.longestLine <= 78)
        for text in [mail.plain.replacingOccurrences(of: "\r\n", with: "\n"), mail.rendered] {
            #expect(text.contains("LEVEL 2 HIGH"))
            #expect(text.contains("delivery.error_rate is 12 %"))
            #expect(text.contains("Many users are affected."))
            #expect(text.contains("From here on, 5 < 6 = true."))
            #expect(text.contains(/Respond by +14:18 UTC\n/))
            #expect(text.contains(/Failing +delivery, websocket\n/))
            #expect(text.contains("To acknowledge: tocsin acknowledge"))
            #expect(text.contains("This may be a repeat"))
            #expect(text.contains("sessions are lost"))
            #expect(text.contains("Notification service, production"))
            #expect(text.contains("emergency_20260105_001"))
            #expect(!text.contains("<" + "p") && !text.contains("&"))
        }
        #expect(mail.plain.contains("\n.\n") || mail.plain.contains("\r\n.\r\n"))
        #expect(!mail.html.contains("<img") && !mail.html.contains("http"))
    }

    @Test func `mails about one emergency are one thread, and attempts are one mail`() async throws
    {
        let server = try await MailServer.start(.plain)
        let first = order(email("smtp://127.0.0.1:\(server.port)"))
        var second = first
        second.delivery.id = "message_20260105_002.1"
        second.message.purpose = .over
        var other = first
        other.message.emergency = "emergency_20260105_002"
        for order in [first, first, second, other] {
            #expect(await carry(order).end == .delivered)
        }
        var mails: [ReadMail] = []
        for path in server.mails { mails.append(try await ReadMail(path)) }
        let ids = mails.map { $0.header("Message-ID") ?? "" }
        #expect(ids[0] == ids[1])
        #expect(Set(ids).count == 2 && ids[0] != ids[2])
        #expect(ids[0].hasPrefix("<message_20260105_001.2."))
        let threads = mails.map { $0.header("References") ?? "" }
        #expect(!threads[0].isEmpty)
        #expect(threads[0] == threads[2] && threads[0] != threads[3])
        #expect(mails.allSatisfy { $0.header("In-Reply-To") == $0.header("References") })
        #expect(mails[2].header("Subject")?.hasPrefix("[vedfolnir] Over: ") == true)
    }

    @Test func `nothing in a field breaks out of it`() async throws {
        let server = try await MailServer.start(.plain)
        let order = order(email("smtp://127.0.0.1:\(server.port)"), change: makeHostile)
        #expect(await carry(order).end == .delivered)
        let mail = try await ReadMail(try #require(server.mails.first))
        #expect(mail.header("Bcc") == nil)
        #expect(mail.headers.count == 13)
        #expect(mail.header("To")?.hasSuffix("<ines@example.com>") == true)
        #expect(mail.header("To")?.contains("🚨 üñî") == true)
        #expect(mail.header("Subject")?.contains("=?utf-8?q?x?=") == true)
        #expect(mail.html.contains("&lt;script&gt;&amp;amp;"))
        #expect(!mail.html.contains("<script"))
        #expect(mail.rendered.contains("<script>&amp;{{name}}"))
        #expect(!mail.plain.contains("\u{1B}") && !mail.html.contains("\u{1B}"))
        #expect(mail.longestLine <= 140, "\(mail.longest)")
    }

    @Test(arguments: [
        "eve@example.com\r\nRCPT TO:<x@example.com>", "a b@example.com", "<>", "ines", "@x", "x@",
        "ines@example.com, eve@example.com", "inés@example.com", "a@b@c", "a\u{0}@example.com",
        "a..b@example.com", ".a@example.com", "\"a b\"@example.com",
    ])
    func `an address that is none is refused before anything is sent`(address: String) async throws
    {
        let server = try ScriptedServer { $0.waitForEnd() }
        let order = order(email("smtp://127.0.0.1:\(server.port)")) { $0.people[0].email = address }
        let outcome = await carry(order)
        #expect(outcome.end == .refused)
        #expect(outcome.detail.hasPrefix("not a mail address: "))
        #expect(server.accepted == 0)
    }
    @Test func `an address with a name keeps it, and nobody's is refused`() async throws {
        let server = try await MailServer.start(.plain)
        let route = email("smtp://127.0.0.1:\(server.port)")
        let outcome = await carry(
            order(route) { $0.people[0].email = "\"On, call\" <oncall+a@example.com>" })
        #expect(outcome.end == .delivered)
        let mail = try await ReadMail(try #require(server.mails.first))
        #expect(mail.header("To") == "\"On, call\" <oncall+a@example.com>")
        #expect(await carry(order(route) { $0.people = [] }).end == .refused)
        let none = await carry(order(route) { $0.people[0].email = nil })
        #expect(none.detail == "Ines Moreau has no address for mail")
    }

    @Test func `every purpose has its mail`() async throws {
        let server = try await MailServer.start(.plain)
        let route = email("smtp://127.0.0.1:\(server.port)")
        let title = String(repeating: "w", count: 150) + " " + String(repeating: "x y ", count: 12)
        let text =
            String(repeating: "z", count: 3000) + "\n" + String(repeating: "word ", count: 199)
        for (index, purpose) in MessagePurpose.allCases.enumerated() {
            let level: Level? = purpose == .users ? nil : .critical
            let order = order(route, purpose: purpose, level: level, title: title, text: text) {
                if purpose == .users { $0.message.emergency = nil }
            }
            #expect(await carry(order).end == .delivered)
            let mail = try await ReadMail(server.mails[index])
            #expect(mail.longestLine <= 78)
            #expect(mail.header("Subject")?.contains("w x y x y") == true)
            #expect(mail.header("Subject")?.contains("[TEST]") == (purpose == .test))
            let asks = purpose == .emergency
            #expect(mail.plain.contains("tocsin acknowledge") == asks)
            #expect((mail.header("References") == nil) == (purpose == .users))
        }
    }

    @Test func `the server's no is final, its not now is not`() async throws {
        let server = try await MailServer.start(.plain)
        let route = email("smtp://127.0.0.1:\(server.port)")
        let nobody = await carry(order(route) { $0.people[0].email = "nobody@example.com" })
        #expect(nobody.end == .refused)
        #expect(
            nobody.detail
                == "127.0.0.1:\(server.port) said 550 5.1.1 no such mailbox: nobody@example.com")
        let full = await carry(order(route) { $0.people[0].email = "full@example.com" })
        #expect(full.end == .failed)
        #expect(full.detail.contains("452 4.2.2 the mailbox is full"))
        let unwanted = await carry(order(route, title: "reject this"))
        #expect(unwanted.end == .refused)
        #expect(unwanted.detail.contains("554 5.7.1 not wanted here"))
    }
}

@Suite struct MailSecurityTests {
    @Test func `TLS, a certificate of one's own and a password`() async throws {
        let certificate = try await Certificate.make()
        let server = try await MailServer.start(.auth, certificate)
        let place = "smtp://127.0.0.1:\(server.port)"
        let good = email(
            place, .required, user: "tocsin", password: password, ca: certificate.file)
        #expect(await carry(order(good), secrets: secrets).end == .delivered)
        let envelope = try server.envelope(try #require(server.mails.first))
        #expect(envelope["tls"] == "True" && envelope["user"] == "tocsin")

        let wrong = await carry(order(good), secrets: ["PASSWORD": "wrong-pass"])
        #expect(wrong.end == .refused)
        #expect(wrong.detail.contains("535"))
        #expect(!wrong.detail.contains("wrong-pass"))

        let unset = await carry(order(good))
        #expect(unset.end == .failed)
        #expect(unset.detail.contains("{env: PASSWORD}"))

        let noUser = await carry(order(email(place, .required, ca: certificate.file)))
        #expect(noUser.end == .refused)
        #expect(noUser.detail.contains("530"))

        let untrusted = email(place, .required, user: "tocsin", password: password)
        let outcome = await carry(order(untrusted), secrets: secrets)
        #expect(outcome.end == .failed)
        #expect(outcome.detail.contains("is not trusted"))
        let unreadable = email(place, .required, ca: "/nowhere/ca.pem")
        #expect(await carry(order(unreadable)).end == .failed)
        #expect(server.mails.count == 1)
    }
    @Test func `TLS from the first byte`() async throws {
        let certificate = try await Certificate.make()
        let server = try await MailServer.start(.smtps, certificate)
        let place = "smtps://127.0.0.1:\(server.port)"
        #expect(await carry(order(email(place, ca: certificate.file))).end == .delivered)
        #expect(await carry(order(email(place))).detail.contains("is not trusted"))
        #expect(server.mails.count == 1)
    }
    @Test func `TLS is taken when it is offered`() async throws {
        let certificate = try await Certificate.make()
        let server = try await MailServer.start(.starttls, certificate)
        let place = "smtp://127.0.0.1:\(server.port)"
        let channels = [
            email(place), email(place, ca: certificate.file), email(place, .never),
        ]
        for channel in channels { #expect(await carry(order(channel)).end == .delivered) }
        let tls = try server.mails.map { try server.envelope($0)["tls"] }
        #expect(tls == ["True", "True", "False"])
        let guarded = await carry(
            order(email(place, user: "tocsin", password: password)), secrets: secrets)
        #expect(guarded.end == .failed)
        #expect(guarded.detail.contains("is not trusted"))
    }
    @Test func `TLS that is required and not offered`() async throws {
        let server = try await MailServer.start(.plain)
        let outcome = await carry(order(email("smtp://127.0.0.1:\(server.port)", .required)))
        #expect(outcome.end == .failed)
        #expect(outcome.detail == "127.0.0.1:\(server.port) offers no TLS")
        #expect(server.mails.isEmpty)
    }
}
