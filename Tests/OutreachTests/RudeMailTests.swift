// Mail servers that close, hang or refuse at each stage of the conversation.
import Domain
import Outreach
import TestKit
import Testing

enum Stage: String, CaseIterable { case greeting, ehlo, mail, rcpt, data, whole, quit }
enum Manner: Equatable {
    case close, reset, hang
    case say(String)
}

/// Plays its part politely until the stage.
private func rudeServer(
    _ stage: Stage, _ manner: Manner, reached: Received = Received(), ignoresQuit: Bool = false
) throws -> ScriptedServer {
    try ScriptedServer { connection in
        var pending = ""
        func line() -> String? {
            while !pending.contains("\r\n") {
                guard let bytes = connection.read() else { return nil }
                pending += String(decoding: bytes, as: UTF8.self)
            }
            let end = pending.firstRange(of: "\r\n") ?? pending.endIndex..<pending.endIndex
            defer { pending = String(pending[end.upperBound...]) }
            return String(pending[..<end.lowerBound])
        }
        /// - Returns: false when the conversation is over.
        func answer(_ now: Stage, _ polite: String) -> Bool {
            guard now == stage else { return connection.send(polite + "\r\n") }
            reached.add(stage.rawValue)
            switch manner {
            case .close: return false
            case .reset:
                connection.reset()
                return false
            case .hang:
                connection.waitForEnd()
                return false
            case .say(let text): return connection.send(text + "\r\n")
            }
        }
        guard answer(.greeting, "220 mail.test ESMTP") else { return }
        while let command = line() {
            let goesOn: Bool
            switch command.prefix(4).uppercased() {
            case "EHLO", "HELO": goesOn = answer(.ehlo, "250-mail.test\r\n250 SIZE 1000000")
            case "MAIL": goesOn = answer(.mail, "250 2.1.0 Ok")
            case "RCPT": goesOn = answer(.rcpt, "250 2.1.5 Ok")
            case "DATA":
                guard answer(.data, "354 Go on") else { return }
                if stage == .data, case .say = manner { continue }
                while let text = line(), text != "." {}
                goesOn = answer(.whole, "250-2.0.0 Ok\r\n250 2.0.0 queued as X1")
            case "QUIT" where ignoresQuit:
                connection.waitForEnd()
                return
            case "QUIT":
                _ = answer(.quit, "221 Bye")
                return
            default: goesOn = connection.send("502 5.5.1 what?\r\n")
            }
            if !goesOn { return }
        }
    }
}
private func mailOrder(_ port: Int) -> DeliveryOrder {
    order(
        .channel(
            Channel(
                name: "mail",
                kind: .email(
                    EmailChannel(server: "smtp://127.0.0.1:\(port)", from: "tocsin@example.com")))))
}

@Suite struct RudeMailTests {
    static let closing: [(Stage, Manner, DeliveryOutcome.End)] = [Manner.close, .reset].flatMap {
        manner in
        Stage.allCases.map { stage in
            switch stage {
            case .greeting, .ehlo, .mail, .rcpt, .data: (stage, manner, .failed)
            case .whole: (stage, manner, .unclear)
            case .quit: (stage, manner, .delivered)
            }
        }
    }
    @Test(arguments: closing)
    func `a server that breaks off`(
        stage: Stage, manner: Manner, end: DeliveryOutcome.End
    ) async throws {
        let server = try rudeServer(stage, manner)
        let outcome = await carry(mailOrder(server.port))
        #expect(outcome.end == end)
        if end == .unclear {
            #expect(
                outcome.detail == "127.0.0.1:\(server.port) broke off when it had the whole mail")
        }
        try await eventually("the connection is closed") { server.open == 0 }
    }

    @Test(arguments: Stage.allCases)
    func `a server that says no or not now`(stage: Stage) async throws {
        for (code, end) in [("421", DeliveryOutcome.End.failed), ("554", .refused)] {
            let server = try rudeServer(stage, .say("\(code)-4.7.0 first\r\n\(code) second"))
            let outcome = await carry(mailOrder(server.port))
            if stage == .quit {
                #expect(outcome.end == .delivered)
            } else {
                #expect(outcome.end == end, "\(stage): \(outcome.detail)")
                #expect(outcome.detail.contains("\(code) "), "\(stage): \(outcome.detail)")
                #expect(outcome.detail.contains("first second"), "\(stage): \(outcome.detail)")
            }
        }
    }

    @Test(arguments: Stage.allCases)
    func `a server that hangs`(stage: Stage) async throws {
        let server = try rudeServer(stage, .hang)
        let end: DeliveryOutcome.End =
            switch stage {
            case .greeting, .ehlo, .mail, .rcpt, .data: .failed
            case .whole: .unclear
            case .quit: .delivered
            }
        // On a machine that is busy the time may be over at an earlier stage.
        try await eventually("the stage is reached and the end is \(end)") {
            await carry(mailOrder(server.port), limit: .seconds(0.5)).end == end
        }
        try await eventually("the connections are closed") { server.open == 0 }
    }

    @Test func `a server that refuses and then ignores the farewell holds up nobody`() async throws
    {
        for stage in [Stage.mail, .rcpt, .data, .whole] {
            let server = try rudeServer(stage, .say("550 5.1.1 no"), ignoresQuit: true)
            let outcome = await carry(mailOrder(server.port), limit: .seconds(60))
            #expect(outcome.end == .refused)
            #expect(outcome.detail == "127.0.0.1:\(server.port) said 550 5.1.1 no")
            try await eventually("the connection is closed") { server.open == 0 }
        }
    }

    @Test func `a reply of several lines is told whole, control characters and all`() async throws {
        let server = try rudeServer(.whole, .say("250-2.0.0 Ok\r\n250 queued \u{1B}[31mas X1"))
        let outcome = await carry(mailOrder(server.port))
        #expect(outcome.detail == "250 2.0.0 Ok queued ␛[31mas X1")
        let endless = try rudeServer(
            .whole, .say("550 " + String(repeating: "x", count: 1900)))
        let long = await carry(mailOrder(endless.port))
        #expect(long.end == .refused)
        #expect(long.detail.count <= 300)
    }

    @Test func `a server that never stops talking`() async throws {
        let server = try ScriptedServer { connection in
            while connection.send(String(repeating: "220-x", count: 1000) + "\r\n") {}
        }
        try await eventually("it ends") {
            await carry(mailOrder(server.port), limit: .seconds(0.5)).end == .failed
        }
    }

    @Test func `nobody listens, and nobody has the name`() async throws {
        let port = try freePort()
        let refused = await carry(mailOrder(port))
        #expect(refused.end == .failed)
        #expect(refused.detail == "connection refused by 127.0.0.1:\(port)")
        let unknown = await carry(
            order(
                .channel(
                    Channel(
                        name: "mail",
                        kind: .email(
                            EmailChannel(server: "smtp://mail.invalid", from: "a@example.com"))))))
        #expect(unknown.end == .failed)
        #expect(unknown.detail.contains("mail.invalid"))
    }

    @Test func `a cancelled attempt ends at once and says what it knows`() async throws {
        for (stage, end) in [(Stage.ehlo, DeliveryOutcome.End.failed), (.whole, .unclear)] {
            let reached = Received()
            let server = try rudeServer(stage, .hang, reached: reached)
            let order = mailOrder(server.port)
            let task = Task { await carry(order) }
            try await eventually("the server has come so far") { !reached.all.isEmpty }
            task.cancel()
            #expect(await task.value.end == end)
            try await eventually("the connection is closed") { server.open == 0 }
        }
    }

    @Test func `many mails at once each have their own end`() async throws {
        let good = try await MailServer.start(.plain)
        let hanging = try rudeServer(.whole, .hang)
        let tasks = (0..<8).map { _ in Task { await carry(mailOrder(hanging.port)) } }
        try await eventually("they hang") { hanging.open == 8 }
        let ends = await withTaskGroup(of: DeliveryOutcome.End.self) { group in
            for _ in 0..<20 { group.addTask { await carry(mailOrder(good.port)).end } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ends == Array(repeating: .delivered, count: 20))
        for task in tasks { task.cancel() }
        for task in tasks { #expect(await task.value.end != .delivered) }
    }
}
