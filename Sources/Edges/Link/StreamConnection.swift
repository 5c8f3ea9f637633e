// The client's end of the stream: complete lines, without ever blocking.
package import Domain
package import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// An open stream. Not shared between threads. Closed when it is released.
package final class StreamConnection {
    /// Becomes readable when there is more; for `poll`. Not to be read or closed by anyone else.
    package let fileDescriptor: Int32

    /// The longest line that is kept, in bytes: a situation of ten thousand probes is some 4 MB.
    private static let longestLine = 64 << 20
    /// How much one call reads at most, so that a flood does not starve the caller.
    private static let mostPerCall = 4 << 20

    private let path: String
    private var reader = AnswerReader()
    private var unfinished = Data()
    /// So many bytes of `unfinished` are known to hold no line's end.
    private var searched = 0
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)
    /// What is thrown as soon as the lines that came before it were handed out.
    private var failure: LinkError?

    init(descriptor: Int32, path: String) {
        fileDescriptor = descriptor
        self.path = path
    }
    deinit { close(fileDescriptor) }

    /// The complete lines that have come since the last call, without their ends; none when there are
    /// none yet. Never blocks.
    /// - Throws: `LinkError` when the stream has ended, after everything that came before.
    package func readAvailable() throws(LinkError) -> [Data] {
        fill()
        let lines = takeLines()
        if lines.isEmpty, let failure { throw failure }
        return lines
    }

    /// Waits until the next lines have come.
    /// - Returns: none when the time is over.
    /// - Throws: `LinkError` when the stream has ended.
    package func readLines(within span: Span) throws(LinkError) -> [Data] {
        let deadline = Deadline(after: span)
        while true {
            let lines = try readAvailable()
            if !lines.isEmpty { return lines }
            guard UnixSocket.wait(fileDescriptor, for: Int32(POLLIN), until: deadline) else {
                return []
            }
        }
    }

    /// Waits for the head of the answer.
    func readHead(until deadline: Deadline) throws(LinkError) {
        while reader.status == nil {
            fill()
            if reader.status != nil { break }
            if let failure { throw failure }
            guard UnixSocket.wait(fileDescriptor, for: Int32(POLLIN), until: deadline) else {
                throw .timeout(path: path, after: deadline.span)
            }
        }
        guard reader.status == 200 else {
            throw .badAnswer(path: path, what: "status \(reader.status ?? 0) for the stream")
        }
    }

    /// Reads what there is. An end or an error is kept for later: the lines before it come first.
    private func fill() {
        var taken = 0
        while failure == nil, taken < Self.mostPerCall {
            switch UnixSocket.read(fileDescriptor, into: &buffer) {
            case .nothingYet: return
            case .closed: failure = .notReachable(path: path, why: "the engine closed the stream")
            case .failed(let number): failure = .notReachable(path: path, why: systemError(number))
            case .bytes(let count):
                taken += count
                do {
                    try reader.feed(buffer[..<count], body: &unfinished)
                } catch {
                    failure = .badAnswer(path: path, what: error.what)
                }
                if reader.isComplete {
                    failure = .notReachable(path: path, why: "the engine ended the stream")
                }
            }
        }
    }

    private func takeLines() -> [Data] {
        var lines: [Data] = []
        var start = 0
        unfinished.withUnsafeBytes { bytes in
            var from = searched
            while from < bytes.count, let base = bytes.baseAddress,
                let end = memchr(base + from, Int32(UInt8(ascii: "\n")), bytes.count - from)
            {
                let index = base.distance(to: UnsafeRawPointer(end))
                if index > start { lines.append(Data(bytes[start..<index])) }
                start = index + 1
                from = start
            }
        }
        if start > 0 { unfinished = Data(unfinished.dropFirst(start)) }
        searched = unfinished.count
        if unfinished.count > Self.longestLine, failure == nil {
            failure = .badAnswer(path: path, what: "a line without end")
        }
        return lines
    }
}
