// A plain TCP conversation with a Redis server that keeps to its time. Blocks.
import Domain
import Glibc

struct RedisConversation {
    let address: RedisAddress
    let until: Moment
    let commands: [[String]]

    struct Trouble: Error, Sendable {
        var message: String
        var isOurs = false
        var isLate = false
    }

    /// One reply for each command, up to the first error reply.
    func replies() -> Result<[RedisReply], Trouble> {
        do throws(Trouble) {
            let descriptor = try connected()
            defer { close(descriptor) }
            var replies: [RedisReply] = []
            var received: [UInt8] = []
            for command in commands {
                try send(encoded(command), to: descriptor)
                let reply = try read(from: descriptor, &received)
                replies.append(reply)
                if case .error = reply { break }
            }
            return .success(replies)
        } catch {
            return .failure(error)
        }
    }

    /// A list of bulk strings: no word can break out of its place.
    private func encoded(_ command: [String]) -> [UInt8] {
        var result = Array("*\(command.count)\r\n".utf8)
        for word in command { result += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        return result
    }

    private func connected() throws(Trouble) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address.host, String(address.port), &hints, &list) == 0 else {
            throw Trouble(message: "no address for the name \(address.host)")
        }
        defer { freeaddrinfo(list) }
        var last = Trouble(message: "no connection to \(address.target)")
        var next = list
        while let candidate = next?.pointee {
            next = candidate.ai_next
            do throws(Trouble) {
                return try connect(candidate)
            } catch {
                last = error
                if error.isLate { break }
            }
        }
        throw last
    }

    private func connect(_ candidate: addrinfo) throws(Trouble) -> Int32 {
        let kind = candidate.ai_socktype | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(candidate.ai_family, kind, candidate.ai_protocol)
        guard descriptor >= 0 else {
            throw Trouble(message: "no socket: \(systemMessage(errno))", isOurs: true)
        }
        if Glibc.connect(descriptor, candidate.ai_addr, candidate.ai_addrlen) == 0 {
            return descriptor
        }
        var number = errno
        if number == EINPROGRESS {
            do throws(Trouble) {
                try wait(descriptor, for: POLLOUT)
            } catch {
                close(descriptor)
                throw error
            }
            var length = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length)
            if number == 0 { return descriptor }
        }
        close(descriptor)
        throw Trouble(
            message: number == ECONNREFUSED
                ? "connection refused by \(address.target)"
                : "no connection to \(address.target): \(systemMessage(number))")
    }

    private func send(_ bytes: [UInt8], to descriptor: Int32) throws(Trouble) {
        var sent = 0
        while sent < bytes.count {
            try wait(descriptor, for: POLLOUT)
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno != EAGAIN && errno != EINTR {
                throw brokenOff
            }
        }
    }

    private func read(
        from descriptor: Int32, _ received: inout [UInt8]
    ) throws(Trouble) -> RedisReply {
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            switch RedisReply.parse(received[...]) {
            case .reply(let reply, let used):
                received.removeFirst(min(used, received.count))
                return reply
            case .nonsense:
                throw Trouble(message: "\(address.target) does not answer as Redis does")
            case .incomplete: break
            }
            try wait(descriptor, for: POLLIN)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                received += buffer[..<count]
            } else if count == 0 || errno != EAGAIN && errno != EINTR {
                throw brokenOff
            }
        }
    }

    private var brokenOff: Trouble {
        Trouble(message: "\(address.target) broke off the connection")
    }

    private func wait(_ descriptor: Int32, for event: Int32) throws(Trouble) {
        while true {
            let left = until.fromNow.seconds
            guard left > 0 else { throw Trouble(message: "too late", isLate: true) }
            var polled = pollfd(fd: descriptor, events: Int16(event), revents: 0)
            if poll(&polled, 1, Int32((left * 1000).rounded(.up))) > 0 { return }
        }
    }
}
