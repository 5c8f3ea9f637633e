// What every way over HTTP does with answers, silence and broken connections.
import Domain
import Foundation
import Outreach
import TestKit
import Testing

@Suite struct HTTPConformanceTests {
    private func carry(
        _ kind: HTTPKind, _ server: ScriptedServer, limit: Span = .seconds(300),
        change: (inout DeliveryOrder) -> Void = { _ in }
    ) async -> DeliveryOutcome {
        await OutreachTests.carry(
            kind.make("http://127.0.0.1:\(server.port)", change: change),
            secrets: HTTPKind.secrets, limit: limit)
    }
    /// What must hold for every outcome, whatever happened.
    private func check(_ outcome: DeliveryOutcome, _ kind: HTTPKind, at port: Int) {
        #expect(outcome.detail.unicodeScalars.count <= 300)
        #expect(outcome.detail == Visible.text(outcome.detail, limit: 300), "\(outcome.detail)")
        for secret in ["hidden-path", "routing-key", "token-0815", "MfKQ9r8"] {
            #expect(!outcome.detail.contains(secret), "\(kind): \(outcome.detail)")
        }
        if outcome.end != .delivered {
            #expect(outcome.detail.contains("127.0.0.1:\(port)"), "\(kind): \(outcome.detail)")
        }
        #expect(outcome.seconds >= 0)
    }

    static let statuses: [(Int, DeliveryOutcome.End)] =
        [200, 201, 202, 204].map { ($0, .delivered) }
        + [408, 425, 429, 500, 502, 503, 504, 599].map { ($0, .failed) }
        + [400, 401, 403, 404, 405, 409, 410, 413, 422].map { ($0, .refused) }
        + [301, 302, 303, 307, 308].map { ($0, .refused) }

    @Test(arguments: HTTPKind.allCases)
    func `what a status means`(kind: HTTPKind) async throws {
        for (status, end) in Self.statuses {
            let received = Received()
            let server = try ScriptedServer.http { request in
                received.add(request)
                // Its answer quotes whatever it was sent, as some do.
                let line = request.prefix { $0 != "\r\n" }
                let key = Received.header("Authorization", request) ?? ""
                let said = status == 204 ? "" : "no: \(key) \(line)"
                return ScriptedServer.answer(
                    said, status: "\(status) Whatever", headers: ["Location: /elsewhere"])
            }
            let outcome = await carry(kind, server)
            #expect(outcome.end == end, "\(kind) \(status): \(outcome.detail)")
            #expect(outcome.retryAfter == nil)
            check(outcome, kind, at: server.port)
            #expect(received.all.count == 1)
            if end != .delivered { #expect(outcome.detail.contains("answered \(status)")) }
        }
    }

    @Test(arguments: HTTPKind.allCases)
    func `how long to wait is read in every form`(kind: HTTPKind) async throws {
        let date = "Date: Mon, 05 Jan 2026 14:00:00 GMT"
        let cases: [([String], Span?)] = [
            (["Retry-After: 7"], .seconds(7)), (["retry-after:  0 "], .zero),
            (["Retry-After: 99999999999999999999"], .hours(1)),
            (["Retry-After: Mon, 05 Jan 2026 14:02:00 GMT", date], .minutes(2)),
            (["Retry-After: Monday, 05-Jan-26 14:02:00 GMT", date], .minutes(2)),
            (["Retry-After: Mon Jan  5 14:02:00 2026", date], .minutes(2)),
            (["Retry-After: Mon, 05 Jan 2026 13:00:00 GMT", date], .zero),
            (["Retry-After: Mon, 05 Jan 2099 13:00:00 GMT", date], .hours(1)),
            (["Retry-After: soon"], nil), (["Retry-After: -5"], nil), (["Retry-After:"], nil),
        ]
        for (headers, span) in cases {
            for status in [429, 503] {
                let server = try ScriptedServer.http { _ in
                    ScriptedServer.answer(status: "\(status) Wait", headers: headers)
                }
                let outcome = await carry(kind, server)
                #expect(outcome.end == .failed)
                #expect(outcome.retryAfter == span, "\(kind): \(headers)")
            }
        }
    }

    @Test(arguments: HTTPKind.allCases)
    func `a server that hangs or breaks off when it has everything may have taken it`(
        kind: HTTPKind
    ) async throws {
        let hanging = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.waitForEnd()
        }
        // On a machine that is busy even the connection may take that long.
        try await eventually("it is unclear") {
            let outcome = await carry(kind, hanging, limit: .seconds(0.5))
            check(outcome, kind, at: hanging.port)
            return outcome.end == .unclear
        }
        try await eventually("the connections are closed") { hanging.open == 0 }
        for isReset in [false, true] {
            let received = Received()
            let server = try ScriptedServer { connection in
                if let request = connection.readRequest() { received.add(request) }
                if isReset { connection.reset() }
            }
            let outcome = await carry(kind, server)
            #expect(outcome.end == .unclear, "\(kind): \(outcome.detail)")
            check(outcome, kind, at: server.port)
            #expect(received.all.count == 1)
        }
    }

    @Test(arguments: HTTPKind.allCases)
    func `a connection that never stands took nothing`(kind: HTTPKind) async throws {
        let port = try steadyPort()
        for base in ["http://127.0.0.1:\(port)", "https://127.0.0.1:\(port)"] {
            let outcome = await OutreachTests.carry(kind.make(base), secrets: HTTPKind.secrets)
            #expect(outcome.end == .failed)
            #expect(outcome.detail == "connection refused by 127.0.0.1:\(port)")
        }
        let unknown = await OutreachTests.carry(
            kind.make("http://nobody.invalid"), secrets: HTTPKind.secrets)
        #expect(unknown.end == .failed)
        #expect(unknown.detail.contains("nobody.invalid"))
        let server = try ScriptedServer { $0.send(ScriptedServer.answer()) }
        let noTLS = await OutreachTests.carry(
            kind.make("https://127.0.0.1:\(server.port)"), secrets: HTTPKind.secrets)
        #expect(noTLS.end == .failed)
        check(noTLS, kind, at: server.port)
        for base in ["ftp://127.0.0.1:\(port)", "file://", "127.0.0.1:\(port)", ""] {
            let outcome = await OutreachTests.carry(kind.make(base), secrets: HTTPKind.secrets)
            #expect(outcome.end == .refused, "\(kind) \(base): \(outcome.detail)")
        }
    }

    @Test(arguments: HTTPKind.allCases)
    func `an answer that breaks off counts by its status`(kind: HTTPKind) async throws {
        for (status, end) in [
            (200, DeliveryOutcome.End.delivered), (500, .failed), (404, .refused),
        ] {
            let server = try ScriptedServer { connection in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 \(status) X\r\nContent-Length: 100\r\n\r\n{\"id\":")
            }
            let outcome = await carry(kind, server)
            #expect(outcome.end == end, "\(kind): \(outcome.detail)")
            check(outcome, kind, at: server.port)
        }
        let foreign = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("220 mail.example.com ESMTP\r\n")
        }
        let outcome = await carry(kind, foreign)
        #expect(outcome.end == .unclear || outcome.end == .failed)
        check(outcome, kind, at: foreign.port)
    }

    @Test(arguments: HTTPKind.allCases)
    func `endless and strange answers do no harm`(kind: HTTPKind) async throws {
        let bodies = [
            String(repeating: "x", count: 1_048_576),
            "{\"id\":\"" + String(repeating: "é", count: 524_288),
            "\u{0}\u{1B}[2J\u{202E}\r\n", String(repeating: "[", count: 100_000),
            "<html><h1>Hi</h1>",
            "{\"message\":\"a\\u0000b\\u001b[31m\",\"code\":21211}",
        ]
        for body in bodies {
            for status in ["200 OK", "400 Bad Request"] {
                let server = try ScriptedServer.http { _ in
                    ScriptedServer.answer(body, status: status)
                }
                let outcome = await carry(kind, server)
                #expect(outcome.end == (status == "200 OK" ? .delivered : .refused))
                check(outcome, kind, at: server.port)
                #expect(!outcome.detail.contains("<h1>"))
            }
        }
    }

    @Test(arguments: HTTPKind.allCases)
    func `nothing in a field breaks out of it`(kind: HTTPKind) async throws {
        let received = Received()
        let server = try ScriptedServer.http { request in
            received.add(request)
            return ScriptedServer.answer("{}")
        }
        let outcome = await carry(kind, server, change: makeHostile)
        #expect(outcome.end == .delivered, "\(kind): \(outcome.detail)")
        let request = try #require(received.all.first)
        #expect(Received.header("Bcc", request) == nil)
        if kind == .sms {
            #expect(!Received.body(request).contains("\n"))
            #expect(Received.body(request).filter { $0 == "&" }.count == 1)
        } else {
            let data = Data(Received.body(request).utf8)
            _ = try JSONSerialization.jsonObject(with: data)
        }
    }

    @Test(arguments: HTTPKind.allCases)
    func `a message of a megabyte goes through whole or cut, never broken`(
        kind: HTTPKind
    ) async throws {
        let received = Received()
        let server = try ScriptedServer.http { request in
            received.add(request)
            return ScriptedServer.answer("{}")
        }
        let outcome = await carry(kind, server) {
            $0.message.text = String(repeating: "line of text & 🚨\n", count: 60_000)
        }
        #expect(outcome.end == .delivered, "\(kind): \(outcome.detail)")
        #expect(received.all.count == 1)
        if kind == .webhook { #expect(Received.body(received.all[0]).utf8.count > 1_048_576) }
    }

    @Test(arguments: HTTPKind.allCases)
    func `a cancelled attempt ends at once`(kind: HTTPKind) async throws {
        let received = Received()
        let server = try ScriptedServer { connection in
            if let request = connection.readRequest() { received.add(request) }
            connection.waitForEnd()
        }
        let order = kind.make("http://127.0.0.1:\(server.port)")
        let task = Task { await OutreachTests.carry(order, secrets: HTTPKind.secrets) }
        try await eventually("the request is there") { !received.all.isEmpty }
        task.cancel()
        #expect(await task.value.end == .unclear)
        try await eventually("the connection is closed") { server.open == 0 }
    }

    @Test(arguments: HTTPKind.allCases.filter { $0 != .slack && $0 != .alertmanager })
    func `a secret that cannot be read may come`(kind: HTTPKind) async throws {
        let outcome = await OutreachTests.carry(kind.make("http://127.0.0.1:1"))
        #expect(outcome.end == .failed)
        #expect(outcome.detail.hasPrefix("cannot read a secret ({env: "))
    }
}
