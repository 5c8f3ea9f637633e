// The `redis` probe: one command over a plain connection, and its reply. RESP2.
import Domain
import Transfers

struct RedisCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let source: DataSource
    private let command: [String]

    init(_ context: CheckContext, _ probe: Probe, _ source: DataSource, _ command: [String]) {
        self.context = context
        self.probe = probe
        self.source = source
        self.command = command
    }

    func find() async -> Finding {
        guard case .redis(let url) = source.kind else {
            return Finding(.unknown, "\(source.name) is no Redis: use an sql probe")
        }
        let address: RedisAddress
        do throws(Fault) {
            let text = try TransferRequest.filledURL(
                url, variables: context.variables, secrets: context.secrets)
            guard let read = RedisAddress(text) else {
                return Finding(
                    .unknown,
                    "the address of \(source.name) is not redis://[user:password@]host[:port][/number]"
                )
            }
            address = read
        } catch {
            return Finding(error)
        }
        let timeout = probe.schedule.timeout
        let end = Moment.now + timeout
        let conversation = address.preamble + [command]
        let outcome = await context.sockets.run("\(probe.reference)", within: timeout) {
            RedisConversation(address: address, until: end, commands: conversation).replies()
        }
        guard case .done(let replies) = outcome else {
            return Finding(
                outcome, silence: "no answer from \(address.target) within \(timeout.spoken)")
        }
        switch replies {
        case .failure(let trouble):
            return Finding(
                trouble.isOurs ? .unknown : .bad,
                trouble.isLate ? "no answer within \(timeout.spoken)" : trouble.message)
        case .success(let replies): return judge(replies)
        }
    }

    private func judge(_ replies: [RedisReply]) -> Finding {
        for reply in replies {
            if case .error(let text) = reply { return Finding(.bad, "Redis says: \(text)") }
        }
        guard let reply = replies.last else { return Finding(.bad, "no reply") }
        let finding = Finding(.good, "replied \(reply.text)", source: .first(numeric(reply.text)))
        guard let wanted = probe.expect.reply, reply.text != wanted else { return finding }
        return Finding(.bad, "replied \(reply.text) (wanted \(wanted))", source: finding.source)
    }
}

/// `redis://[user:password@]host[:port][/number]`; the user and password percent-encoded.
struct RedisAddress: Sendable, Equatable {
    var host: String
    var port: Int
    var user: String?
    var password: String?
    var database: Int
    /// `host:port`, which may be shown.
    var target: String { "\(host):\(port)" }

    init?(_ url: String) {
        guard url.lowercased().hasPrefix("redis://") else { return nil }
        let rest = url.dropFirst("redis://".count).prefix { $0 != "?" && $0 != "#" }
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var place = parts[0]
        if let at = place.lastIndex(of: "@") {
            let login = place[..<at].split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let words = login.map(percentDecoded)
            user = login.count > 1 && !words[0].isEmpty ? words[0] : nil
            password = login.count > 1 ? words[1] : words[0]
            place = place[place.index(after: at)...]
        }
        port = 6379
        let closing = place.lastIndex(of: "]") ?? place.startIndex
        if let colon = place[closing...].lastIndex(of: ":") {
            guard let number = UInt16(place[place.index(after: colon)...]) else { return nil }
            port = Int(number)
            place = place[..<colon]
        }
        host = place.filter { $0 != "[" && $0 != "]" }
        database = 0
        if parts.count > 1, !parts[1].isEmpty {
            guard let number = Int(parts[1]), number >= 0 else { return nil }
            database = number
        }
        if host.isEmpty { return nil }
    }

    /// What is said before the command.
    var preamble: [[String]] {
        var result: [[String]] = []
        if let password, !password.isEmpty {
            result.append(["AUTH"] + [user].compactMap(\.self) + [password])
        }
        if database != 0 { result.append(["SELECT", "\(database)"]) }
        return result
    }
}

private func percentDecoded(_ text: Substring) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var at = 0
    while at < bytes.count {
        if bytes[at] == UInt8(ascii: "%"), at + 2 < bytes.count,
            let value = UInt8(
                String(decoding: bytes[(at + 1)...(at + 2)], as: UTF8.self), radix: 16)
        {
            result.append(value)
            at += 3
        } else {
            result.append(bytes[at])
            at += 1
        }
    }
    return String(decoding: result, as: UTF8.self)
}

/// One reply, as far as a check cares for it.
enum RedisReply: Sendable, Equatable {
    case text(String)
    case error(String)
    case list(Int)

    var text: String {
        switch self {
        case .text(let text), .error(let text): text
        case .list(let count): "a list of \(count)"
        }
    }

    enum Parsed: Equatable {
        /// With the number of bytes that it took.
        case reply(RedisReply, Int)
        case incomplete
        case nonsense
    }

    /// Reads the reply at the start of the bytes.
    static func parse(_ bytes: ArraySlice<UInt8>) -> Parsed {
        guard let kind = bytes.first else { return .incomplete }
        guard "+-:$*".utf8.contains(kind) else { return .nonsense }
        guard let lineEnd = bytes.firstIndex(of: 0x0A) else {
            return bytes.count > 65_536 ? .nonsense : .incomplete
        }
        guard lineEnd > bytes.startIndex + 1, bytes[lineEnd - 1] == 0x0D else { return .nonsense }
        let line = String(decoding: bytes[(bytes.startIndex + 1)..<(lineEnd - 1)], as: UTF8.self)
        let used = lineEnd + 1 - bytes.startIndex
        switch kind {
        case UInt8(ascii: "+"), UInt8(ascii: ":"): return .reply(.text(line), used)
        case UInt8(ascii: "-"): return .reply(.error(line), used)
        default:
            guard let count = Int(line), count >= -1 else { return .nonsense }
            // The elements of a list come last on the connection, and are not looked at.
            if kind == UInt8(ascii: "*") { return .reply(.list(max(0, count)), used) }
            if count == -1 { return .reply(.text("nil"), used) }
            // Of a huge value, the beginning is enough.
            let kept = min(count, 65_536)
            let rest = bytes.dropFirst(used)
            guard rest.count >= (kept < count ? kept : count + 2) else { return .incomplete }
            let text = String(decoding: rest.prefix(kept), as: UTF8.self)
            return .reply(.text(text), used + count + 2)
        }
    }
}
