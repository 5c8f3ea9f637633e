// Where a Redis is: redis://, rediss:// and unix:// as the runbook writes them.

/// `redis://[user:password@]host[:port][/number]` or `unix://[user:password@]/path[?db=number]`; the user
/// and password percent-encoded.
package struct RedisAddress: Sendable, Equatable {
    package var host: String
    package var port: Int
    /// The path of a socket; nil for a host.
    package var socket: String?
    /// Wants TLS.
    package var isSecure: Bool
    package var user: String?
    package var password: String?
    package var database: Int
    /// `host:port` or the socket's path, which may be shown.
    package var target: String { socket ?? "\(host):\(port)" }

    /// Nil when it is no such address.
    package init?(_ url: String) {
        host = ""
        port = 6379
        database = 0
        let lower = url.lowercased()
        isSecure = lower.hasPrefix("rediss://")
        let scheme = ["redis://", "rediss://", "unix://"].first { lower.hasPrefix($0) }
        guard let scheme else { return nil }
        let whole = url.dropFirst(scheme.count).prefix { $0 != "#" }
        let parts = whole.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard var place = parts.first else { return nil }
        let isSocket = scheme == "unix://"
        if isSocket {
            // A path may hold an @; a login comes before the path.
            let slash = place.firstIndex(of: "/") ?? place.endIndex
            if let at = place[..<slash].lastIndex(of: "@") {
                takeLogin(place[..<at])
                place = place[place.index(after: at)...]
            }
            guard place.hasPrefix("/"), place.count > 1 else { return nil }
            socket = String(place)
            for field in parts.dropFirst().first?.split(separator: "&") ?? [] {
                guard field.hasPrefix("db=") else { continue }
                guard let number = Int(field.dropFirst(3)), number >= 0 else { return nil }
                database = number
            }
        } else {
            let halves = place.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard readAuthority(halves[0]) else { return nil }
            if halves.count > 1, !halves[1].isEmpty {
                guard let number = Int(halves[1]), number >= 0 else { return nil }
                database = number
            }
        }
    }

    private mutating func readAuthority(_ text: Substring) -> Bool {
        var place = text
        if let at = place.lastIndex(of: "@") {
            takeLogin(place[..<at])
            place = place[place.index(after: at)...]
        }
        let closing = place.lastIndex(of: "]") ?? place.startIndex
        if let colon = place[closing...].lastIndex(of: ":") {
            guard let number = UInt16(place[place.index(after: colon)...]) else { return false }
            port = Int(number)
            place = place[..<colon]
        }
        host = place.filter { $0 != "[" && $0 != "]" }
        return !host.isEmpty
    }

    private mutating func takeLogin(_ text: Substring) {
        let login = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let words = login.map(percentDecoded)
        user = login.count > 1 && !words[0].isEmpty ? words[0] : nil
        password = login.count > 1 ? words[1] : words[0]
    }

    /// What is said before the first command.
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
