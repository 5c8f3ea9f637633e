// A plain conversation with a Redis server (RESP2) that keeps to its time. Blocks.
import Glibc

/// A connection that has logged in and chosen its database.
package final class RedisConversation {
    private let address: RedisAddress
    private let interrupt: DatabaseInterrupt?
    private let descriptor: Int32
    /// What was received and not yet read.
    private var received: [UInt8] = []
    private var head = 0
    private var isBroken = false

    /// Connects, logs in, and selects the database.
    /// - Throws: `denied` when Redis refuses one of these.
    package init(
        _ address: RedisAddress, until deadline: Deadline, interrupt: DatabaseInterrupt? = nil
    ) throws(DatabaseTrouble) {
        if address.isSecure {
            throw DatabaseTrouble(
                .unusable,
                "this version has no TLS for Redis: use redis:// or unix://, through a "
                    + "tunnel such as stunnel where the way is long")
        }
        self.address = address
        self.interrupt = interrupt
        descriptor = try Self.connected(address, deadline, interrupt)
        for command in address.preamble {
            if case .error(let words) = try ask(command, until: deadline) {
                throw DatabaseTrouble(.denied, "Redis says: \(words)")
            }
        }
    }
    deinit { close(descriptor) }

    /// One command and its reply; an error reply is a reply.
    /// - Parameter limit: bytes of the reply that are kept. When there are more, the connection is given
    ///   up, and only the beginning of the reply is known.
    package func ask(
        _ command: [String], keeping limit: Int = 65_536, until deadline: Deadline
    ) throws(DatabaseTrouble) -> RedisReply {
        try ask(command.map { Array($0.utf8) }, keeping: limit, until: deadline)
    }

    package func ask(
        _ command: [[UInt8]], keeping limit: Int = 65_536, until deadline: Deadline
    ) throws(DatabaseTrouble) -> RedisReply {
        try send([command], until: deadline)
        return try reply(keeping: limit, until: deadline)
    }

    /// Says several commands at once; each reply is to be read with `reply`.
    package func send(
        _ commands: [[[UInt8]]], until deadline: Deadline
    ) throws(DatabaseTrouble) {
        guard !isBroken else { throw brokenOff }
        // A list of bulk strings: no word can break out of its place.
        var bytes: [UInt8] = []
        for command in commands {
            bytes += Array("*\(command.count)\r\n".utf8)
            for word in command {
                bytes += Array("$\(word.count)\r\n".utf8)
                bytes += word
                bytes += [0x0D, 0x0A]
            }
        }
        try send(bytes, deadline)
    }

    package func reply(
        keeping limit: Int = 65_536, until deadline: Deadline
    ) throws(DatabaseTrouble) -> RedisReply {
        guard !isBroken else { throw brokenOff }
        do throws(DatabaseTrouble) {
            var left = limit
            return try read(&left, depth: 0, deadline)
        } catch {
            isBroken = true
            throw error
        }
    }

    // MARK: Connecting

    private static func connected(
        _ address: RedisAddress, _ deadline: Deadline, _ interrupt: DatabaseInterrupt?
    ) throws(DatabaseTrouble) -> Int32 {
        if let path = address.socket { return try connected(address, path) }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, String(address.port), &hints, &list) == 0 else {
            throw DatabaseTrouble(.unreachable, "no address for the name \(address.host)")
        }
        defer { freeaddrinfo(list) }
        var last = DatabaseTrouble(.unreachable, "no connection to \(address.target)")
        var next = list
        while let candidate = next?.pointee {
            next = candidate.ai_next
            do throws(DatabaseTrouble) {
                return try connect(candidate, address, deadline, interrupt)
            } catch {
                last = error
                if error.kind == .late { break }
            }
        }
        throw last
    }

    private static func connected(
        _ address: RedisAddress, _ path: String
    ) throws(DatabaseTrouble) -> Int32 {
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &name.sun_path) { place in
            guard path.utf8.count < place.count else { return false }
            place.copyBytes(from: path.utf8)
            return true
        }
        guard fits else {
            throw DatabaseTrouble(.unusable, "the path of the socket is too long: \(path)")
        }
        let descriptor = try socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let code = withUnsafePointer(to: name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if code == 0 { return descriptor }
        let number = errno
        close(descriptor)
        throw refusal(address, number)
    }

    private static func socket(
        _ family: Int32, _ kind: Int32, _ number: Int32
    ) throws(DatabaseTrouble) -> Int32 {
        let flags = Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(family, kind | flags, number)
        guard descriptor >= 0 else {
            throw DatabaseTrouble(.unusable, "no socket: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    private static func connect(
        _ candidate: addrinfo, _ address: RedisAddress, _ deadline: Deadline,
        _ interrupt: DatabaseInterrupt?
    ) throws(DatabaseTrouble) -> Int32 {
        let descriptor = try socket(
            candidate.ai_family, candidate.ai_socktype, candidate.ai_protocol)
        if Glibc.connect(descriptor, candidate.ai_addr, candidate.ai_addrlen) == 0 {
            return descriptor
        }
        var number = errno
        if number == EINPROGRESS {
            guard case .ready = waitFor(descriptor, Int16(POLLOUT), until: deadline, interrupt)
            else {
                close(descriptor)
                throw late(address)
            }
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length)
            if number == 0 { return descriptor }
        }
        close(descriptor)
        throw refusal(address, number)
    }

    private static func refusal(_ address: RedisAddress, _ number: Int32) -> DatabaseTrouble {
        DatabaseTrouble(
            .unreachable,
            number == ECONNREFUSED
                ? "connection refused by \(address.target)"
                : "no connection to \(address.target): \(String(cString: strerror(number)))")
    }
    private static func late(_ address: RedisAddress) -> DatabaseTrouble {
        DatabaseTrouble(.late, "no answer from \(address.target) in time")
    }
    private var brokenOff: DatabaseTrouble {
        DatabaseTrouble(.lost, "\(address.target) broke off the connection")
    }
    private var nonsense: DatabaseTrouble {
        DatabaseTrouble(.lost, "\(address.target) does not answer as Redis does")
    }

    // MARK: Bytes

    private func send(_ bytes: [UInt8], _ deadline: Deadline) throws(DatabaseTrouble) {
        var sent = 0
        while sent < bytes.count {
            try wait(for: POLLOUT, deadline)
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno != EAGAIN && errno != EINTR {
                isBroken = true
                throw brokenOff
            }
        }
    }

    private func receiveMore(_ deadline: Deadline) throws(DatabaseTrouble) {
        if head > 0 {
            received.removeFirst(head)
            head = 0
        }
        while true {
            try wait(for: POLLIN, deadline)
            let old = received.count
            received.append(contentsOf: repeatElement(0, count: 65_536))
            let count = received.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress?.advanced(by: old), 65_536, 0)
            }
            let code = errno
            received.removeLast(65_536 - max(0, count))
            if count > 0 { return }
            if count == 0 || code != EAGAIN && code != EINTR { throw brokenOff }
        }
    }

    private func wait(for event: Int32, _ deadline: Deadline) throws(DatabaseTrouble) {
        guard case .ready = waitFor(descriptor, Int16(event), until: deadline, interrupt) else {
            isBroken = true
            throw Self.late(address)
        }
    }

    // MARK: Replies

    private static let longestLine = 65_536
    private static let deepest = 8

    /// Without its end.
    private func line(_ deadline: Deadline) throws(DatabaseTrouble) -> ArraySlice<UInt8> {
        while true {
            if let end = received[head...].firstIndex(of: 0x0A) {
                guard end > head, received[end - 1] == 0x0D else { throw nonsense }
                let line = received[head..<(end - 1)]
                head = end + 1
                return line
            }
            // What comes from another kind of server may have no lines.
            if received.count > head, !"+-:$*".utf8.contains(received[head]) { throw nonsense }
            guard received.count - head <= Self.longestLine else { throw nonsense }
            try receiveMore(deadline)
        }
    }

    private func read(
        _ left: inout Int, depth: Int, _ deadline: Deadline
    ) throws(DatabaseTrouble) -> RedisReply {
        let line = try line(deadline)
        guard let kind = line.first else { throw nonsense }
        let text = String(decoding: line.dropFirst(), as: UTF8.self)
        switch kind {
        case UInt8(ascii: "+"): return .status(text)
        case UInt8(ascii: "-"): return .error(text)
        case UInt8(ascii: ":"):
            guard let number = Int(text) else { throw nonsense }
            return .integer(number)
        case UInt8(ascii: "$"):
            guard let count = Int(text), count >= -1 else { throw nonsense }
            return count == -1 ? .null : .bytes(try bulk(count, &left, deadline))
        case UInt8(ascii: "*"):
            guard let count = Int(text), count >= -1, depth < Self.deepest else { throw nonsense }
            if count == -1 { return .null }
            var elements: [RedisReply] = []
            for _ in 0..<count {
                guard left > 0, !isBroken else {
                    isBroken = true
                    break
                }
                left -= 1
                elements.append(try read(&left, depth: depth + 1, deadline))
            }
            return .list(elements, count)
        default: throw nonsense
        }
    }

    private func bulk(
        _ count: Int, _ left: inout Int, _ deadline: Deadline
    ) throws(DatabaseTrouble) -> [UInt8] {
        let kept = min(count, max(0, left))
        let wanted = kept < count ? kept : count + 2
        while received.count - head < wanted { try receiveMore(deadline) }
        let bytes = Array(received[head..<(head + kept)])
        head += wanted
        left -= kept
        // The rest is not wanted, and could take for ever.
        if kept < count { isBroken = true }
        return bytes
    }
}

package enum RedisReply: Sendable, Equatable {
    case status(String)
    case error(String)
    case integer(Int)
    case bytes([UInt8])
    case null
    /// With the number of elements that there are; fewer may have been kept.
    case list([RedisReply], Int)

    /// For people, and to be compared with what a runbook wants.
    package var text: String {
        switch self {
        case .status(let text), .error(let text): text
        case .integer(let number): "\(number)"
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .null: "nil"
        case .list(_, let count): "a list of \(count)"
        }
    }
}
