// The other side of every channel: it keeps what it took, and may kill the engine at a chosen point.
import Domain
import Foundation
import Synchronization
import TestKit

/// What a receiver took.
struct Receipt: Sendable {
    var channel: String
    /// By which the receiver tells repeats; empty where the channel has none.
    var id: String
    /// The address, where the channel has any.
    var to: String
    var title: String
    var text: String
    /// It says of itself that it may be a repeat.
    var isMarked: Bool
    /// The same for the same message.
    var key: String { "\(id)|\(to)|\(title)" }
}

/// Where the engine is to be killed, once. It is a file, so that programs of other languages can look.
struct Trap: Sendable {
    let path: String

    /// - Parameter point: such as `hook body`.
    func arm(_ point: String, _ pid: Int32) throws {
        try Data("\(point) \(pid)\n".utf8).write(to: URL(filePath: path), options: .atomic)
    }
    func isArmed(_ point: String) -> Bool {
        (try? String(contentsOfFile: path, encoding: .utf8))?.hasPrefix(point + " ") == true
    }
    /// Kills the engine when this is the point, and waits until it is gone.
    /// - Returns: whether it was.
    func spring(_ point: String) -> Bool {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            text.hasPrefix(point + " "), let word = text.split(whereSeparator: \.isWhitespace).last,
            let pid = Int32(word)
        else { return false }
        unlink(path)
        kill(pid, SIGKILL)
        var waited = 0
        while kill(pid, 0) == 0, waited < 5_000 {
            poll(nil, 0, 1)
            waited += 1
        }
        return true
    }
}

/// A receiver of messages by HTTP, on a port that it keeps while it is down.
final class Receiver: Sendable {
    enum Mode: Sendable {
        case well
        /// Takes the request and says nothing.
        case silent
        case broken
        /// Asks to be left alone for a second.
        case busy
    }
    /// In the order in which they come.
    static let points = ["connected", "head", "body", "half", "answered"]

    let channel: String
    let port: Int
    private let trap: Trap
    private struct State {
        var server: ScriptedServer?
        var mode = Mode.well
        var taken: [Receipt] = []
        var asked = 0
    }
    private let state = Mutex(State())

    init(_ channel: String, _ trap: Trap) throws {
        self.channel = channel
        self.trap = trap
        port = try steadyPort()
    }
    var taken: [Receipt] { state.withLock { $0.taken } }
    /// How many requests came since it was last started.
    var asked: Int { state.withLock { $0.asked } }

    func start(_ mode: Mode = .well) async throws {
        stop()
        state.withLock {
            $0.mode = mode
            $0.asked = 0
        }
        try await eventually("\(channel) listens on \(port) again") {
            let server = try? ScriptedServer(port: self.port) { [weak self] in self?.serve($0) }
            self.state.withLock { $0.server = server }
            return server != nil
        }
    }
    func stop() {
        let server = state.withLock { state in
            defer { state.server = nil }
            return state.server
        }
        server?.stop()
    }

    private func serve(_ connection: ScriptedConnection) {
        if trap.spring("\(channel) connected") { return }
        if trap.isArmed("\(channel) head") {
            _ = connection.read(atMost: 1)
            if trap.spring("\(channel) head") { return }
        }
        guard let request = connection.readRequest() else { return }
        let mode = state.withLock { state in
            state.asked += 1
            return state.mode
        }
        switch mode {
        case .silent: connection.waitForEnd()
        case .broken: connection.send(ScriptedServer.answer("", status: "500 Oh"))
        case .busy:
            connection.send(
                ScriptedServer.answer("", status: "429 Wait", headers: ["Retry-After: 1"]))
        case .well: take(request, connection)
        }
    }
    private func take(_ request: String, _ connection: ScriptedConnection) {
        let receipt = receipt(request)
        state.withLock { state in
            var receipt = receipt
            if receipt.title.isEmpty {
                // What ends an alert only names it.
                receipt.title =
                    "end of " + (state.taken.last { !$0.title.hasPrefix("end of ") }?.title ?? "")
            }
            state.taken.append(receipt)
        }
        if trap.spring("\(channel) body") { return }
        let answer = ScriptedServer.answer(#"{"id":"taken"}"#, status: "202 Accepted")
        if trap.isArmed("\(channel) half") {
            connection.send(String(answer.prefix(20)))
            if trap.spring("\(channel) half") { return }
        }
        connection.send(answer)
        _ = trap.spring("\(channel) answered")
    }

    private func receipt(_ request: String) -> Receipt {
        let parts = request.components(separatedBy: "\r\n\r\n")
        let body = parts.dropFirst().joined(separator: "\r\n\r\n")
        let value = try? JSONSerialization.jsonObject(with: Data(body.utf8))
        let map = value as? [String: Any] ?? [:]
        var receipt = Receipt(
            channel: channel, id: "", to: "", title: "", text: body,
            isMarked: body.contains("This may be a repeat"))
        switch channel {
        case "text":
            let mark = " (may be a repeat)"
            let text = map["body"] as? String ?? ""
            receipt.to = map["to"] as? String ?? ""
            receipt.isMarked = text.hasSuffix(mark)
            receipt.title = receipt.isMarked ? String(text.dropLast(mark.count)) : text
        case "chat": receipt.title = map["text"] as? String ?? ""
        case "push": receipt.title = map["title"] as? String ?? ""
        case "pager":
            receipt.id = "\(map["dedup_key"] ?? "") \(map["event_action"] ?? "")"
            receipt.title = (map["payload"] as? [String: Any])?["summary"] as? String ?? ""
        case "am":
            let alert = (value as? [[String: Any]])?.first ?? [:]
            receipt.id = (alert["labels"] as? [String: String])?["emergency"] ?? ""
            receipt.title = (alert["annotations"] as? [String: String])?["summary"] ?? ""
        default:
            let id = parts[0].components(separatedBy: "\r\n").first {
                $0.lowercased().hasPrefix("webhook-id:")
            }
            let data = map["data"] as? [String: Any]
            receipt.id = id.map { String($0.dropFirst("webhook-id: ".count)) } ?? ""
            receipt.title = data?["title"] as? String ?? ""
            receipt.isMarked = data?["may_repeat"] as? Bool ?? false
        }
        return receipt
    }
}

/// A mail server (aiosmtpd), on a port that it keeps while it is down.
final class MailReceiver: Sendable {
    /// In the order in which they come.
    static let points = ["connected", "EHLO", "MAIL", "RCPT", "DATA", "end", "queued", "QUIT"]

    let port: Int
    private let folder: TemporaryFolder
    private let trap: Trap
    private let running = Mutex<Spawned?>(nil)

    init(_ trap: Trap) throws {
        folder = try TemporaryFolder("mailbox")
        port = try steadyPort()
        self.trap = trap
        try folder.write("server.py", Self.program)
        try folder.write("taken", "")
    }
    deinit {
        if let server = running.withLock({ $0 }), server.status == nil { kill(server.pid, SIGKILL) }
    }

    /// - Parameter mode: `well`, `silent` (takes connections, says nothing), `broken` (451 to
    ///   everything).
    func start(_ mode: String = "well") async throws {
        try await stop()
        let server = try Spawned(
            "/usr/bin/python3", [folder("server.py"), folder.path, "\(port)", trap.path, mode],
            environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"], output: folder("out"),
            errors: folder("err"))
        running.withLock { $0 = server }
        try await eventually("the mail server listens (python3-aiosmtpd is needed)") {
            if let status = server.status {
                let errors = try Program.text(self.folder("err"))
                throw TestKitError(text: "the mail server ended with \(status): \(errors)")
            }
            return try Program.text(self.folder("out")).hasPrefix("listening")
        }
    }
    func stop() async throws {
        guard let server = running.withLock({ $0 }) else { return }
        if server.status == nil { kill(server.pid, SIGKILL) }
        _ = try await server.end()
    }

    /// Connections since it was last started.
    func asked() throws -> Int {
        try Program.text(folder("out")).split(separator: "\n").filter { $0 == "connected" }.count
    }
    func taken() throws -> [Receipt] {
        struct Line: Decodable { var id, to, subject, text: String }
        return try Program.text(folder("taken")).split(separator: "\n").map {
            let line = try JSONDecoder().decode(Line.self, from: Data($0.utf8))
            return Receipt(
                channel: "mail", id: line.id, to: line.to, title: line.subject, text: line.text,
                isMarked: line.text.contains("This may be a repeat"))
        }
    }

    private static let program = #"""
        import asyncio, email, email.policy, json, os, signal, sys, time
        from aiosmtpd.smtp import SMTP

        folder, port, trap, mode = sys.argv[1:]

        def spring(point):
            try:
                words = open(trap).read().split()
            except FileNotFoundError:
                return
            if words[:2] != ['mail', point]:
                return
            os.unlink(trap)
            os.kill(int(words[2]), signal.SIGKILL)
            for _ in range(5000):
                try:
                    os.kill(int(words[2]), 0)
                except ProcessLookupError:
                    return
                time.sleep(0.001)

        class Handler:
            async def handle_MAIL(self, server, session, envelope, address, options):
                if mode == 'broken':
                    return '451 4.3.0 try again later'
                envelope.mail_from = address
                return '250 OK'

            async def handle_DATA(self, server, session, envelope):
                mail = email.message_from_bytes(envelope.original_content,
                                                policy=email.policy.default)
                line = {'id': mail['message-id'], 'to': envelope.rcpt_tos[0],
                        'subject': mail['subject'],
                        'text': ' '.join(mail.get_body(('plain',)).get_content().split())}
                with open(os.path.join(folder, 'taken'), 'a') as file:
                    file.write(json.dumps(line) + '\n')
                spring('end')
                return '250 2.0.0 Ok: queued as T1'

        class Server(SMTP):
            def connection_made(self, transport):
                print('connected', flush=True)
                spring('connected')
                if mode != 'silent':
                    super().connection_made(transport)
            def data_received(self, data):
                if mode != 'silent':
                    super().data_received(data)
            def connection_lost(self, error):
                if mode != 'silent':
                    super().connection_lost(error)
            async def smtp_EHLO(self, argument):
                spring('EHLO')
                await super().smtp_EHLO(argument)
            async def smtp_MAIL(self, argument):
                spring('MAIL')
                await super().smtp_MAIL(argument)
            async def smtp_RCPT(self, argument):
                spring('RCPT')
                await super().smtp_RCPT(argument)
            async def smtp_DATA(self, argument):
                spring('DATA')
                await super().smtp_DATA(argument)
            async def smtp_QUIT(self, argument):
                spring('QUIT')
                await super().smtp_QUIT(argument)
            async def push(self, status):
                await super().push(status)
                if status.startswith('250 2.0.0 Ok: queued'):
                    spring('queued')

        async def main():
            loop = asyncio.get_running_loop()
            server = await loop.create_server(
                lambda: Server(Handler(), hostname='mail.test', enable_SMTPUTF8=True),
                '127.0.0.1', int(port))
            print('listening', flush=True)
            await server.serve_forever()

        asyncio.run(main())
        """#
}
