// Transfers against real sockets on loopback: answers, faults, time limits, cancellation.
import Domain
import TestKit
import Testing

@testable import Transfers

private func url(_ server: ScriptedServer, _ path: String = "/") -> String {
    "http://127.0.0.1:\(server.port)\(path)"
}
private func get(
    _ url: String, timeout: Span = .seconds(30)
) async throws(TransferFault) -> TransferAnswer {
    try await Transfers.shared.perform(TransferRequest(url: url, timeout: timeout))
}
private func text(_ answer: TransferAnswer) -> String {
    String(decoding: answer.body, as: UTF8.self)
}
private func fault(_ request: TransferRequest) async -> TransferFault? {
    do {
        _ = try await Transfers.shared.perform(request)
        return nil
    } catch {
        return error
    }
}

@Suite struct Answers {
    @Test func `status, headers and body arrive`() async throws {
        let server = try ScriptedServer.http { _ in
            ScriptedServer.answer(
                "hello", status: "201 Created", headers: ["X-One:  two", "x-ONE: three"])
        }
        let answer = try await get(url(server))
        #expect(answer.status == 201)
        #expect(text(answer) == "hello")
        #expect(answer.headers.filter { $0.name == "x-one" }.map(\.value) == ["two", "three"])
        #expect(answer.seconds > 0)
    }
    @Test func `the request is what was asked for`() async throws {
        let server = try ScriptedServer.http { ScriptedServer.answer($0) }
        let answer = try await Transfers.shared.perform(
            TransferRequest(
                url: url(server, "/a?b=c"), method: "PUT",
                headers: [("X-Name", "väl ue"), ("X-Empty", "")], body: Array("{\"a\":1}".utf8)))
        let request = text(answer)
        #expect(request.hasPrefix("PUT /a?b=c HTTP/1.1\r\n"))
        #expect(request.contains("\r\nX-Name: väl ue\r\n"))
        #expect(request.contains("\r\nX-Empty:\r\n"))
        #expect(request.contains("\r\nUser-Agent: tocsin\r\n"))
        #expect(!request.contains("Expect:"))
        #expect(request.hasSuffix("\r\n\r\n{\"a\":1}"))
    }
    @Test(arguments: ["GET", "POST", "HEAD", "DELETE", "PATCH", "OPTIONS"])
    func `each method goes out as itself`(method: String) async throws {
        let server = try ScriptedServer.http { request in
            ScriptedServer.answer(
                headers: ["X-Method: \(request.prefix { $0 != " " })"])
        }
        for body in [nil, [], Array("x".utf8)] as [[UInt8]?] {
            let answer = try await Transfers.shared.perform(
                TransferRequest(url: url(server), method: method, body: body))
            #expect(answer.headers.first { $0.name == "x-method" }?.value == method)
        }
    }
    @Test func `connections are used again, and a dead one is replaced`() async throws {
        let server = try ScriptedServer { connection in
            for _ in 0..<3 where connection.readRequest() != nil {
                connection.send(ScriptedServer.answer("ok"))
            }
        }
        for _ in 0..<6 { _ = try await get(url(server)) }
        #expect(server.accepted == 2)
    }
    @Test func `bytes beyond the limit are dropped, not kept`() async throws {
        let big = String(repeating: "x", count: 1_048_576)
        let server = try ScriptedServer.http { _ in ScriptedServer.answer(big) }
        var request = TransferRequest(url: url(server))
        request.bodyLimit = 1000
        #expect(try await Transfers.shared.perform(request).body.count == 1000)
    }
    @Test func `redirects are followed only on request, and never to another protocol`()
        async throws
    {
        let server = try ScriptedServer.http { request in
            if request.hasPrefix("GET /there") { return ScriptedServer.answer("arrived") }
            let target = request.hasPrefix("GET /file") ? "file:///etc/passwd" : "/there"
            return ScriptedServer.answer(status: "302 Found", headers: ["Location: \(target)"])
        }
        #expect(try await get(url(server)).status == 302)
        var request = TransferRequest(url: url(server))
        request.followRedirects = true
        #expect(text(try await Transfers.shared.perform(request)) == "arrived")
        request.url = url(server, "/file")
        #expect(await fault(request) != nil)
    }
    @Test func `cookies are kept in the jar from one request to the next`() async throws {
        let folder = try TemporaryFolder("cookies")
        let server = try ScriptedServer.http { request in
            ScriptedServer.answer(request, headers: ["Set-Cookie: id=7; Path=/"])
        }
        var request = TransferRequest(url: url(server))
        request.cookieJar = folder("jar")
        _ = try await Transfers.shared.perform(request)
        #expect(text(try await Transfers.shared.perform(request)).contains("Cookie: id=7"))
        #expect(!text(try await get(url(server))).contains("Cookie:"))
    }
    @Test func `a thousand transfers at once all get their own answer`() async throws {
        let server = try ScriptedServer.http { request in
            ScriptedServer.answer(String(request.split(separator: " ")[1]))
        }
        let right = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<1000 {
                group.addTask { text(try await get(url(server, "/\(number)"))) == "/\(number)" }
            }
            return try await group.reduce(into: 0) { count, isRight in count += isRight ? 1 : 0 }
        }
        #expect(right == 1000)
    }
}

@Suite struct Faults {
    @Test func `nobody listens`() async throws {
        let port = try freePort()
        let found = await fault(
            TransferRequest(url: "http://user:secret@127.0.0.1:\(port)/token?key=secret"))
        #expect(found?.kind == .refused)
        #expect(found?.message == "connection refused by 127.0.0.1:\(port)")
    }
    @Test func `a server that accepts and never answers`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let request = TransferRequest(url: url(server), timeout: .seconds(0.2))
        let found = await fault(request)
        #expect(found?.kind == .timeout)
        // On a machine that is busy, even the connection may take longer.
        try await eventually("what it waited for is told") {
            await fault(request)?.message == "no answer within 0.2 s"
        }
        try await eventually("the connections are closed") { server.open == 0 }
    }
    @Test func `a server that sends a byte now and then`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while connection.send("x") { connection.pause(0.02) }
        }
        let request = TransferRequest(url: url(server), timeout: .seconds(0.3))
        let found = await fault(request)
        #expect(found?.kind == .timeout)
        try await eventually("what it waited for is told") {
            await fault(request)?.message.hasPrefix("the answer was not complete within 0.3 s")
                == true
        }
    }
    @Test func `a server that closes at once`() async throws {
        let server = try ScriptedServer { _ in }
        #expect(await fault(TransferRequest(url: url(server)))?.kind == .interrupted)
    }
    @Test func `a server that resets`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.reset()
        }
        #expect(await fault(TransferRequest(url: url(server)))?.kind == .interrupted)
    }
    @Test func `a server that breaks off in its answer`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        }
        let found = await fault(TransferRequest(url: url(server)))
        #expect(found?.kind == .interrupted)
        #expect(found?.message.contains("middle of its answer") == true)
    }
    @Test func `a server that speaks something else`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("220 mail.example.com ESMTP\r\n")
        }
        let found = await fault(TransferRequest(url: url(server)))
        #expect(found?.kind == .interrupted)
        #expect(found?.message == "127.0.0.1:\(server.port) does not answer in HTTP")
    }
    @Test func `a server whose header has no end`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nX: ")
            while connection.send(String(repeating: "x", count: 1000)) {}
        }
        #expect(await fault(TransferRequest(url: url(server)))?.kind == .interrupted)
    }
    @Test func `a server without TLS is asked for https`() async throws {
        let server = try ScriptedServer { $0.send(ScriptedServer.answer()) }
        let found = await fault(TransferRequest(url: "https://127.0.0.1:\(server.port)/"))
        #expect(found?.kind == .tls)
    }
    @Test func `a name that nobody has`() async throws {
        let found = await fault(TransferRequest(url: "http://nobody.invalid/x?secret"))
        #expect(found?.kind == .unresolved)
        #expect(found?.message.contains("nobody.invalid") == true)
        #expect(found?.message.contains("secret") == false)
    }
    @Test(arguments: [
        "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http://", "",
    ])
    func `only http is asked`(url: String) async throws {
        #expect(await fault(TransferRequest(url: url))?.kind == .unusable)
    }
    @Test func `headers cannot smuggle in lines`() async throws {
        let server = try ScriptedServer.http { _ in ScriptedServer.answer() }
        for header in [("X", "a\r\nY: b"), ("X\r\nY", "a"), ("", "a"), ("X", "a\u{0}b")] {
            let request = TransferRequest(url: url(server), headers: [header])
            #expect(await fault(request)?.kind == .unusable)
        }
        let method = TransferRequest(url: url(server), method: "GET / HTTP/1.1\r\nX: y\r\n")
        #expect(await fault(method)?.kind == .unusable)
        #expect(await fault(TransferRequest(url: url(server, "/a b")))?.kind == .unusable)
        #expect(server.accepted == 0)
    }
    @Test func `a cancelled task ends its transfer`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let task = Task { await fault(TransferRequest(url: url(server), timeout: .seconds(600))) }
        try await eventually("the request is under way") { server.open == 1 }
        task.cancel()
        #expect(await task.value?.kind == .interrupted)
        try await eventually("the connection is closed") { server.open == 0 }
    }
    @Test func `a task that is cancelled before makes no transfer`() async throws {
        let server = try ScriptedServer.http { _ in ScriptedServer.answer() }
        let found = await withTaskGroup(of: TransferFault?.self) { group in
            group.cancelAll()
            group.addTask { await fault(TransferRequest(url: url(server))) }
            return await group.next() ?? nil
        }
        #expect(found?.kind == .interrupted)
        #expect(server.accepted == 0)
    }
}

@Suite struct Connecting {
    @Test func `a port that listens`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let seconds = try await Transfers.shared.connect(
            host: "127.0.0.1", port: server.port, timeout: .seconds(30))
        #expect(seconds >= 0)
        try await eventually("it is closed again") { server.accepted == 1 && server.open == 0 }
    }
    @Test func `a port that does not`() async throws {
        let port = try freePort()
        let error = await #expect(throws: TransferFault.self) {
            try await Transfers.shared.connect(
                host: "127.0.0.1", port: port, timeout: .seconds(30))
        }
        #expect(error?.kind == .refused)
    }
}

@Suite struct SwitchedProtocols {
    @Test func `what follows a 101 is its body, until the caller has enough`() async throws {
        let server = try ScriptedServer { connection in
            _ = connection.readRequest()
            connection.send(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
            for part in ["he", "ll", "o!", "more"] {
                connection.send(part)
                connection.pause(0.001)
            }
            connection.waitForEnd()
        }
        var request = TransferRequest(
            url: url(server), headers: [("Connection", "Upgrade"), ("Upgrade", "x")])
        request.endsWhen = { $1.count >= 6 }
        let answer = try await Transfers.shared.perform(request)
        #expect(answer.status == 101)
        #expect(text(answer).hasPrefix("hello!"))
        request.endsWhen = { status, body in status == 101 && body.isEmpty }
        #expect(try await Transfers.shared.perform(request).body.isEmpty)
        try await eventually("both connections are closed") { server.open == 0 }
    }
}
