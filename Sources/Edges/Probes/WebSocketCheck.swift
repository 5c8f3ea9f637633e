// The `websocket` probe: the handshake, and the first message where one is expected. RFC 6455.
//
// libcurl makes the connection (so TLS, name look-up, time limits and the one thread are its own) and
// hands over what follows the 101 answer.
import Crypto
import Domain
import FoundationEssentials
import Synchronization
import Transfers

struct WebSocketCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let url: String
    private let headers: [NamedValue]

    init(_ context: CheckContext, _ probe: Probe, _ url: String, _ headers: [NamedValue]) {
        self.context = context
        self.probe = probe
        self.url = url
        self.headers = headers
    }

    func find() async -> Finding {
        let start = Moment.now
        let key = Data((0..<16).map { _ in UInt8.random(in: .min ... .max) }).base64EncodedString()
        let message = FirstMessage()
        let answer: TransferAnswer
        do throws(Fault) {
            let transfer = try transfer(key, message)
            do throws(TransferFault) {
                answer = try await Transfers.shared.perform(transfer)
            } catch {
                guard error.kind == .timeout, message.isAwaited else { return Finding(error) }
                return Finding(
                    .bad, "handshake done, but no message within \(probe.schedule.timeout.spoken)")
            }
        } catch {
            return Finding(error)
        }
        if let wrong = wrongHandshake(answer, key) { return Finding(.bad, wrong) }
        guard let expression = probe.expect.message else { return Finding(.good, "handshake done") }
        switch message.state {
        case .waiting:
            return Finding(.bad, "the connection was closed before the first message")
        case .closed(let reason): return Finding(.bad, "closed by the server" + reason)
        case .broken(let how): return Finding(.bad, "not a WebSocket's message: \(how)")
        case .complete(let bytes):
            var finding = Finding(.good, "first message arrived", source: .document(bytes))
            let left = probe.schedule.timeout.seconds - (Moment.now - start).seconds
            await context.patterns.judge(
                &finding, "it", bytes, by: expression, within: Span(seconds: left))
            return finding
        }
    }

    private func transfer(_ key: String, _ message: FirstMessage) throws(Fault) -> TransferRequest {
        var filled = try TransferRequest.filledURL(
            .plain(url), variables: context.variables, secrets: context.secrets)
        for (scheme, plain) in [("ws://", "http://"), ("wss://", "https://")]
        where filled.lowercased().hasPrefix(scheme) {
            filled = plain + filled.dropFirst(scheme.count)
        }
        var lines: [(name: String, value: String)] = [
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        ]
        for header in headers {
            let value = try TransferRequest.filledHeader(
                header, variables: context.variables, secrets: context.secrets)
            lines.append((header.name, value))
        }
        let wantsMessage = probe.expect.message != nil
        return TransferRequest(
            url: filled, headers: lines, timeout: probe.schedule.timeout,
            bodyLimit: FirstMessage.limit + 1024,
            endsWhen: { status, body in
                status != 101 || !wantsMessage || message.isDecided(by: body)
            })
    }

    /// What is wrong with the server's half of the handshake (section 4.2.2); nil when it is right.
    private func wrongHandshake(_ answer: TransferAnswer, _ key: String) -> String? {
        guard answer.status == 101 else { return "HTTP \(answer.status) (wanted 101)" }
        func header(_ name: String) -> String? { answer.headers.first { $0.name == name }?.value }
        guard header("upgrade")?.lowercased() == "websocket" else {
            return "the server switched to another protocol than WebSocket"
        }
        let text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        let accept = Data(Insecure.SHA1.hash(data: Data(text.utf8))).base64EncodedString()
        return header("sec-websocket-accept") == accept
            ? nil : "the server's Sec-WebSocket-Accept does not fit the key"
    }
}

/// The frames of a server (section 5.2), up to the end of the first message.
final class FirstMessage: Sendable {
    /// Bytes of a message that are looked at.
    static let limit = Patterns.textLimit

    enum State: Sendable, Equatable {
        case waiting
        case complete([UInt8])
        /// In brackets, what the close frame says.
        case closed(String)
        case broken(String)
    }
    private struct Reading {
        var state = State.waiting
        /// Where the next frame starts.
        var at = 0
        var message: [UInt8] = []
        var isAwaited = false
    }
    private let reading = Mutex(Reading())

    var state: State { reading.withLock { $0.state } }
    /// Whether the handshake is done.
    var isAwaited: Bool { reading.withLock { $0.isAwaited } }

    /// - Parameter body: everything that came so far; each call sees what the last one saw, and more.
    func isDecided(by body: [UInt8]) -> Bool {
        reading.withLock { reading in
            reading.isAwaited = true
            while reading.state == .waiting, Self.takeFrame(&reading, body) {}
            return reading.state != .waiting
        }
    }

    /// - Returns: false when the next frame is not complete yet.
    private static func takeFrame(_ reading: inout Reading, _ body: [UInt8]) -> Bool {
        let frame = body[reading.at...]
        guard frame.count >= 2 else { return false }
        let (first, second) = (frame[reading.at], frame[reading.at + 1])
        let (isLast, operation) = (first & 0x80 != 0, first & 0x0F)
        guard first & 0x70 == 0, second & 0x80 == 0 else {
            reading.state = .broken(second & 0x80 != 0 ? "a server must not mask" : "reserved bits")
            return true
        }
        let lengthBytes = second == 127 ? 8 : second == 126 ? 2 : 0
        guard frame.count >= 2 + lengthBytes else { return false }
        let start = reading.at + 2 + lengthBytes
        let length =
            lengthBytes == 0
            ? UInt64(second) : body[(reading.at + 2)..<start].reduce(0) { $0 << 8 | UInt64($1) }
        let isData = operation <= 2
        guard isData || length <= 125 else {
            reading.state = .broken("a control frame of \(length) bytes")
            return true
        }
        let room = UInt64(limit - reading.message.count)
        let available = body.count - start
        // A message beyond the limit is judged by its beginning.
        let wanted = Int(min(length, isData ? room : 125))
        guard available >= wanted else { return false }
        let payload = body[start..<start + wanted]
        switch operation {
        case 0, 1, 2:
            reading.message += payload
            if isLast || UInt64(wanted) < length || reading.message.count == limit {
                reading.state = .complete(reading.message)
            }
        case 8: reading.state = .closed(reason(payload))
        // Ping and pong: the check is over before an answer would matter.
        case 9, 10: break
        default: reading.state = .broken("frame type \(operation)")
        }
        reading.at = start + wanted
        return true
    }

    private static func reason(_ payload: ArraySlice<UInt8>) -> String {
        guard payload.count >= 2 else { return "" }
        let code = payload.prefix(2).reduce(0) { $0 << 8 | Int($1) }
        let text = String(decoding: payload.dropFirst(2), as: UTF8.self)
        return text.isEmpty ? " (\(code))" : " (\(code): \(text))"
    }
}
