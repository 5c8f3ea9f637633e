// A server on loopback that does to its peers exactly what a test says, however rude.
import Glibc
import Synchronization

/// Accepts connections on 127.0.0.1, each on a thread of its own, until it is stopped or let go.
package final class ScriptedServer: Sendable {
    package let port: Int
    private let state: Shared

    /// - Parameter serve: plays the server's part on one connection; it is closed when this returns.
    package init(
        port wanted: Int = 0, _ serve: @escaping @Sendable (ScriptedConnection) -> Void
    ) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(wanted).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listens = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(listener, raw, length) == 0 && getsockname(listener, raw, &length) == 0
                    && listen(listener, 1024) == 0
            }
        }
        guard listens else {
            close(listener)
            throw TestKitError(text: "cannot listen: \(String(cString: strerror(errno)))")
        }
        port = Int(UInt16(bigEndian: address.sin_port))
        let state = Shared(listener: listener)
        self.state = state
        detach { state.acceptAll(serve) }
    }
    deinit { stop() }

    /// Stops listening and cuts every connection.
    package func stop() { state.stop() }

    /// Connections so far.
    package var accepted: Int { state.accepted }
    /// Connections that are open now.
    package var open: Int { state.open }
}

extension ScriptedServer {
    /// Answers HTTP requests on connections that are kept alive.
    package static func http(
        port: Int = 0, _ answer: @escaping @Sendable (_ request: String) -> String
    ) throws -> ScriptedServer {
        try ScriptedServer(port: port) { connection in
            while let request = connection.readRequest() {
                if !connection.send(answer(request)) { return }
            }
        }
    }
    /// An HTTP answer with a body.
    package static func answer(
        _ body: String = "", status: String = "200 OK", headers: [String] = []
    ) -> String {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }
}

/// The server's end of one connection. Every call blocks its own thread only.
package final class ScriptedConnection: Sendable {
    private let descriptor: Int32
    fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// - Returns: nil when the peer has closed.
    package func read(atMost count: Int = 65_536) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = recv(descriptor, &bytes, count, 0)
        return got > 0 ? Array(bytes.prefix(got)) : nil
    }
    /// Reads a head, and the body that its Content-Length announces.
    package func readRequest() -> String? {
        var bytes: [UInt8] = []
        let blank = Array("\r\n\r\n".utf8)
        while true {
            if let end = bytes.indices.first(where: { bytes[$0...].starts(with: blank) }) {
                let head = String(decoding: bytes[..<end], as: UTF8.self)
                let length =
                    head.split(separator: "\r\n").compactMap { line -> Int? in
                        let parts = line.split(separator: ":", maxSplits: 1)
                        guard parts.count == 2, parts[0].lowercased() == "content-length" else {
                            return nil
                        }
                        return Int(parts[1].filter { $0 != " " })
                    }.first ?? 0
                while bytes.count < end + 4 + length {
                    guard let more = read() else { return nil }
                    bytes += more
                }
                return String(decoding: bytes, as: UTF8.self)
            }
            guard let more = read() else { return nil }
            bytes += more
        }
    }
    /// - Returns: false when the peer is gone.
    @discardableResult package func send(_ text: String) -> Bool { send(Array(text.utf8)) }
    @discardableResult package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }
    package func pause(_ seconds: Double) { usleep(useconds_t(seconds * 1_000_000)) }
    /// Says nothing until the peer closes.
    package func waitForEnd() { while read() != nil {} }
    /// Makes the end of the connection a reset.
    package func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &linger,
            socklen_t(MemoryLayout.size(ofValue: linger)))
    }
}

private final class Shared: Sendable {
    private struct State {
        var connections: Set<Int32> = []
        var accepted = 0
        var stopped = false
    }
    private let listener: Int32
    private let state = Mutex(State())
    init(listener: Int32) { self.listener = listener }
    deinit { close(listener) }

    var accepted: Int { state.withLock { $0.accepted } }
    var open: Int { state.withLock { $0.connections.count } }

    func stop() {
        state.withLock { state in
            state.stopped = true
            for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
        }
        shutdown(listener, Int32(SHUT_RDWR))
    }
    func acceptAll(_ serve: @escaping @Sendable (ScriptedConnection) -> Void) {
        while true {
            let connection = accept(listener, nil, nil)
            if connection >= 0 { _ = fcntl(connection, F_SETFD, FD_CLOEXEC) }
            if connection < 0 && errno == EINTR { continue }
            let wanted =
                connection >= 0
                && state.withLock { state in
                    if state.stopped { return false }
                    state.accepted += 1
                    state.connections.insert(connection)
                    return true
                }
            guard wanted else {
                if connection >= 0 { close(connection) }
                return
            }
            detach { [self] in
                serve(ScriptedConnection(connection))
                state.withLock { _ = $0.connections.remove(connection) }
                close(connection)
            }
        }
    }
}

/// Runs something on a thread of its own.
private func detach(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let code = pthread_create(
        &thread, nil,
        { context in
            guard let context else { return nil }
            pthread_detach(pthread_self())
            Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    precondition(code == 0, "no thread for a test's server")
}
