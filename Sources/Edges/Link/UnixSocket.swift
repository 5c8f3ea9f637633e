// Connecting to a Unix socket and moving bytes with a deadline, on plain POSIX calls: the client is
// part of every command, and must start in a few milliseconds.
import Domain
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// What the last system call said, in words.
func systemError(_ number: Int32 = errno) -> String { String(cString: strerror(number)) }

/// A moment of the monotonic clock after which waiting ends.
struct Deadline {
    let span: Span
    private let end: Double

    init(after span: Span) {
        self.span = span
        end = Self.now() + span.seconds
    }
    /// Milliseconds that are left, rounded up; 0 when it is over; at most an hour at a time.
    var milliseconds: Int32 {
        let left = end - Self.now()
        return left <= 0 ? 0 : Int32(min(left * 1000 + 1, 3_600_000))
    }
    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

enum UnixSocket {
    /// The longest path that the kernel takes, in bytes (`sun_path` with its closing zero).
    static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    static let noSocket = "there is no such socket; no engine runs there"
    /// Why a socket's file that a dead engine left cannot be reached.
    static let nobodyListens = "nobody listens on it; the engine has ended"

    /// Calls with the address of a path; nil when the path is empty or too long.
    static func withAddress<Result>(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result? {
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= longestPath, !bytes.contains(0) else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// A connected, non-blocking socket that no child process inherits; the caller closes it.
    static func connect(to path: String, deadline: Deadline) throws(LinkError) -> Int32 {
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else {
            throw .notReachable(path: path, why: systemError())
        }
        while true {
            // `errno` is read inside the call: nothing may come between.
            let failure = withAddress(of: path) { address, length -> Int32 in
                Glibc.connect(descriptor, address, length) == 0 ? 0 : errno
            }
            switch failure {
            case 0: return descriptor
            case EINTR: continue
            case EAGAIN:
                // The queue of the listener is full; a Unix socket gives no event for that.
                guard deadline.milliseconds > 0 else {
                    close(descriptor)
                    throw .timeout(path: path, after: deadline.span)
                }
                _ = poll(nil, 0, min(10, deadline.milliseconds))
            default:
                close(descriptor)
                throw .notReachable(path: path, why: reason(failure, path))
            }
        }
    }

    /// Whom to ask to be let in: the group of the socket, where it can be seen.
    private static func whoMayOpen(_ path: String) -> String {
        var info = stat()
        guard stat(path, &info) == 0, let name = groupName(info.st_gid) else {
            return "the group of its engine may (tocsin engine --group)"
        }
        return "the group \(name) may: have yourself added to it, and log in again"
    }
    private static func groupName(_ id: gid_t) -> String? {
        var buffer = [CChar](repeating: 0, count: 65_536)
        return buffer.withUnsafeMutableBufferPointer { space in
            var entry = group()
            var found: UnsafeMutablePointer<group>?
            guard let base = space.baseAddress,
                getgrgid_r(id, &entry, base, space.count, &found) == 0
            else { return nil }
            // The name points into the buffer, so it is copied while that lives.
            return found.map { String(cString: $0.pointee.gr_name) }
        }
    }

    private static func reason(_ failure: Int32?, _ path: String) -> String {
        switch failure {
        case nil: "a socket's path has 1 to \(longestPath) bytes; name a shorter one with --socket"
        case ENOENT: noSocket
        case ECONNREFUSED: nobodyListens
        case EACCES: "permission denied; \(whoMayOpen(path))"
        case let other: systemError(other ?? 0)
        }
    }

    /// Waits until the socket can be read or written (`events`: POLLIN, POLLOUT).
    /// - Returns: false when the deadline passed.
    static func wait(_ descriptor: Int32, for events: Int32, until deadline: Deadline) -> Bool {
        while true {
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = poll(&entry, 1, deadline.milliseconds)
            if count > 0 { return true }
            if count < 0, errno == EINTR { continue }
            if count == 0, deadline.milliseconds > 0 { continue }
            return false
        }
    }

    static func write(
        _ bytes: Data, to descriptor: Int32, path: String, deadline: Deadline
    ) throws(LinkError) {
        var sent = 0
        while sent < bytes.count {
            let (count, failure) = bytes.withUnsafeBytes { buffer -> (Int, Int32) in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
                let count = send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                return (count, errno)
            }
            if count >= 0 {
                sent += count
            } else if failure == EAGAIN {
                guard wait(descriptor, for: Int32(POLLOUT), until: deadline) else {
                    throw .timeout(path: path, after: deadline.span)
                }
            } else if failure == EPIPE || failure == ECONNRESET {
                // It stopped listening; it may have said why, so its answer is still read.
                return
            } else if failure != EINTR {
                throw .notReachable(path: path, why: systemError(failure))
            }
        }
    }

    /// What a read brought.
    enum Reading { case bytes(Int), nothingYet, closed, failed(Int32) }

    static func read(_ descriptor: Int32, into buffer: inout [UInt8]) -> Reading {
        while true {
            let (count, failure) = buffer.withUnsafeMutableBytes { raw -> (Int, Int32) in
                let count = recv(descriptor, raw.baseAddress, raw.count, 0)
                return (count, errno)
            }
            if count > 0 { return .bytes(count) }
            if count == 0 { return .closed }
            if failure == EAGAIN { return .nothingYet }
            if failure != EINTR { return .failed(failure) }
        }
    }
}
