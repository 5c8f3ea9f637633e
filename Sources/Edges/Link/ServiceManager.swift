// Tells systemd how the engine does: ready, alive, stopping (sd_notify(3), the datagram protocol).
package import Domain

#if canImport(Glibc)
    import Glibc
#endif

/// Sends to `$NOTIFY_SOCKET`; without it every call does nothing.
package struct ServiceManager: Sendable {
    private let socket: String?
    /// How often `alive()` must be called: half of what systemd waits. Nil: no watchdog.
    package let watchdogEvery: Span?

    /// - Parameter environment: read for `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    package init(environment: [String: String], pid: Int32 = getpid()) {
        let path = environment["NOTIFY_SOCKET"] ?? ""
        socket = path.hasPrefix("/") || path.hasPrefix("@") ? path : nil
        let forUs = environment["WATCHDOG_PID"].map { $0 == String(pid) } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Double($0) } ?? 0
        watchdogEvery =
            socket != nil && forUs && microseconds > 0 ? .seconds(microseconds / 2_000_000) : nil
    }

    /// Whether anyone listens.
    package var isPresent: Bool { socket != nil }

    package func ready() { send("READY=1\nSTATUS=Watching") }
    package func alive() { send("WATCHDOG=1") }
    package func stopping() { send("STOPPING=1") }

    /// Lost when the service manager is gone: there is nobody to tell.
    private func send(_ text: String) {
        guard let socket else { return }
        let flags = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        _ = withAddress(of: socket) { address, length in
            sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length)
        }
    }

    /// A name that begins with `@` is abstract: it begins with a zero byte and has no zero at its end.
    private func withAddress(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int
    ) -> Int? {
        guard path.hasPrefix("@") else { return UnixSocket.withAddress(of: path, body) }
        let name = [UInt8(0)] + Array(path.utf8.dropFirst())
        var address = sockaddr_un()
        guard name.count <= MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(offset + name.count))
            }
        }
    }
}
