// The front ends' way to the engine: one request for one connection, and the stream.
package import Domain
package import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// Talks to the engine over its Unix socket. Calls block, and never for longer than their timeout.
package struct EngineClient: Sendable {
    /// The path of the engine's socket.
    package let socket: String

    /// The longest answer that is read, in bytes.
    private static let longestAnswer = 256 << 20

    package init(socket: String) { self.socket = socket }

    /// - Parameter path: with its query, such as `/v1/events?after=0`.
    /// - Throws: `LinkError`. Any status is an answer, also 404.
    package func get(
        _ path: String, timeout: Span = .seconds(10)
    ) throws(LinkError) -> (status: Int, body: Data) {
        try exchange("GET", path, body: nil, timeout: timeout)
    }

    /// - Throws: `LinkError`. Any status is an answer, also a refusal (403, 409, 422).
    package func post(
        _ path: String, body: Data, timeout: Span = .seconds(10)
    ) throws(LinkError) -> (status: Int, body: Data) {
        try exchange("POST", path, body: body, timeout: timeout)
    }

    /// Opens `GET /v1/stream`. Its first line may already be there: call `readAvailable()` once before
    /// waiting on the descriptor.
    /// - Throws: `LinkError`, also when the engine answers with anything but 200.
    package func openStream(timeout: Span = .seconds(5)) throws(LinkError) -> StreamConnection {
        let deadline = Deadline(after: timeout)
        let descriptor = try send("GET", "/v1/stream", body: nil, deadline: deadline)
        let connection = StreamConnection(descriptor: descriptor, path: socket)
        try connection.readHead(until: deadline)
        return connection
    }

    private func exchange(
        _ method: String, _ path: String, body: Data?, timeout: Span
    ) throws(LinkError) -> (status: Int, body: Data) {
        let deadline = Deadline(after: timeout)
        let descriptor = try send(method, path, body: body, deadline: deadline)
        defer { close(descriptor) }
        var reader = AnswerReader()
        var answer = Data()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        do {
            while !reader.isComplete {
                switch UnixSocket.read(descriptor, into: &buffer) {
                case .bytes(let count): try reader.feed(buffer[..<count], body: &answer)
                case .closed: try reader.end()
                case .failed(let number): throw AnswerReader.Malformed(what: systemError(number))
                case .nothingYet:
                    guard UnixSocket.wait(descriptor, for: Int32(POLLIN), until: deadline) else {
                        throw LinkError.timeout(path: socket, after: timeout)
                    }
                }
                guard answer.count <= Self.longestAnswer else {
                    throw AnswerReader.Malformed(what: "it is longer than any answer")
                }
            }
        } catch let error as AnswerReader.Malformed {
            throw LinkError.badAnswer(path: socket, what: error.what)
        } catch let error as LinkError {
            throw error
        } catch {
            throw LinkError.badAnswer(path: socket, what: "\(error)")
        }
        return (reader.status ?? 0, answer)
    }

    /// Connects and sends the request; the caller closes the descriptor.
    private func send(
        _ method: String, _ path: String, body: Data?, deadline: Deadline
    ) throws(LinkError) -> Int32 {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
        if let body {
            head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n"
        }
        let descriptor = try UnixSocket.connect(to: socket, deadline: deadline)
        do {
            try UnixSocket.write(
                Data((head + "\r\n").utf8) + (body ?? Data()), to: descriptor, path: socket,
                deadline: deadline)
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }
}
