// A mail's way as Transfers sees it; what becomes of it is asked of the channels.
import Domain
import Synchronization
import TestKit
import Testing

@testable import Transfers

private func mail(_ server: String, to: String = "b@example.com") -> MailTransfer {
    MailTransfer(
        server: server, from: "a@example.com", to: to,
        message: Array("Subject: x\r\n\r\n.y\r\n".utf8),
        timeout: .seconds(60))
}
private func fault(_ mail: MailTransfer) async -> MailFault? {
    do {
        _ = try await Transfers.shared.send(mail)
        return nil
    } catch {
        return error
    }
}

@Suite struct MailTransferTests {
    @Test func `only mail servers are asked, and only addresses are sent`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let place = "127.0.0.1:\(server.port)"
        for scheme in ["http", "file", "imap", ""] {
            #expect(await fault(mail("\(scheme)://\(place)"))?.fault.kind == .unusable)
        }
        for to in ["a\r\nDATA", "a b", "a>", "é@x", "a\u{0}b"] {
            #expect(await fault(mail("smtp://\(place)", to: to))?.fault.kind == .unusable)
        }
        #expect(await fault(mail("smtp://127.0.0.1:\(server.port)/a b"))?.fault.kind == .unusable)
        #expect(server.accepted == 0)
    }
    @Test func `a mail that is cancelled before makes no connection that lasts`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let found = await withTaskGroup(of: MailFault?.self) { group in
            group.cancelAll()
            group.addTask { await fault(mail("smtp://127.0.0.1:\(server.port)")) }
            return await group.next() ?? nil
        }
        #expect(found?.fault.kind == .interrupted)
        try await eventually("nothing is open") { server.open == 0 }
    }
    @Test func `a server that answers in another language`() async throws {
        let server = try ScriptedServer.http { _ in ScriptedServer.answer() }
        let chatty = try ScriptedServer { connection in
            connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
        }
        #expect(await fault(mail("smtp://127.0.0.1:\(chatty.port)")) != nil)
        var quick = mail("smtp://127.0.0.1:\(server.port)")
        quick.timeout = .seconds(0.2)
        #expect(await fault(quick)?.fault.sent == .nothing)
    }
}

@Suite struct TrustTests {
    @Test func `the file of certificates is the one that curl would take`() {
        #expect(Trust.file { _ in nil } == nil)
        #expect(Trust.file { $0 == "SSL_CERT_FILE" ? "/a" : nil } == "/a")
        #expect(Trust.file { $0 == "SSL_CERT_FILE" ? "/a" : "/b" } == "/b")
        #expect(Trust.file { $0 == "SSL_CERT_FILE" ? "/a" : "" } == "/a")
    }
}

@Suite struct SentTests {
    @Test func `a fault knows how much was given away`() async throws {
        let deaf = try ScriptedServer { $0.waitForEnd() }
        var request = TransferRequest(
            url: "http://127.0.0.1:\(deaf.port)/", method: "POST", body: Array("x".utf8),
            timeout: .seconds(0.3))
        try await eventually("the whole request went out") {
            await sent(request) == .whole
        }
        // More than the buffers of both ends hold, and nobody reads.
        let isOver = Flag()
        defer { isOver.set() }
        let blocked = try ScriptedServer { connection in
            while !isOver.isSet { connection.pause(0.01) }
        }
        request.url = "http://127.0.0.1:\(blocked.port)/"
        request.body = [UInt8](repeating: 0x78, count: 64 << 20)
        try await eventually("a part of the request went out") {
            await sent(request) == .partly
        }
        request.url = "http://127.0.0.1:\(try freePort())/"
        #expect(await sent(request) == .nothing)
    }
    private func sent(_ request: TransferRequest) async -> TransferFault.Sent? {
        do {
            _ = try await Transfers.shared.perform(request)
            return nil
        } catch {
            return error.sent
        }
    }
    @Test func `a request on a connection of its own is never sent twice`() async throws {
        // The second request on a kept connection is read and not answered, as by a server that dies.
        let server = try ScriptedServer { connection in
            if connection.readRequest() != nil { connection.send(ScriptedServer.answer("ok")) }
            _ = connection.readRequest()
        }
        let url = "http://127.0.0.1:\(server.port)/"
        _ = try await Transfers.shared.perform(TransferRequest(url: url))
        var request = TransferRequest(url: url, method: "POST", body: [1])
        request.freshConnection = true
        #expect(try await Transfers.shared.perform(request).status == 200)
        #expect(server.accepted == 2)
    }
    @Test func `dates of HTTP`() {
        let moment = Timestamp(rfc3339: "2026-01-05T14:02:00Z")
        #expect(HTTPDate.read("Mon, 05 Jan 2026 14:02:00 GMT") == moment)
        #expect(HTTPDate.read("Monday, 05-Jan-26 14:02:00 GMT") == moment)
        #expect(HTTPDate.read("Mon Jan  5 14:02:00 2026") == moment)
        for text in ["", "soon", "-5", "1e9", String(repeating: "1:", count: 1000)] {
            #expect(HTTPDate.read(text) == nil)
        }
    }
}

private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
