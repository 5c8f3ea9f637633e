// Reads one HTTP/1.1 answer as its bytes arrive: status line, headers, and a body of known length, in
// chunks, or up to the end of the connection (RFC 9112).
import FoundationEssentials

/// Holds the state between two pieces of an answer. Everything that it keeps is bounded.
struct AnswerReader {
    /// Why an answer cannot be read.
    struct Malformed: Error, Equatable { var what: String }

    /// The longest head, in bytes.
    static let longestHead = 64 << 10
    /// The longest line with a chunk's size, in bytes.
    private static let longestSizeLine = 4096

    private enum Stage {
        case head
        /// So many bytes of body are still to come.
        case length(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailers
        case untilClosed
        case complete
    }
    private var stage = Stage.head
    private var pending: [UInt8] = []
    /// Where the part of `pending` that was not taken yet begins.
    private var start = 0

    /// The status code; nil until the head has come.
    private(set) var status: Int?

    var isComplete: Bool {
        if case .complete = stage { true } else { false }
    }

    /// Takes the next bytes; what belongs to the body is appended to `body`.
    mutating func feed(_ bytes: some Collection<UInt8>, body: inout Data) throws(Malformed) {
        pending.append(contentsOf: bytes)
        while try step(&body) {}
        if start > 0 {
            pending.removeFirst(start)
            start = 0
        }
    }

    /// The other side closed. - Throws: when the answer was not whole.
    mutating func end() throws(Malformed) {
        if case .untilClosed = stage { stage = .complete }
        guard isComplete else {
            throw Malformed(
                what: status == nil
                    ? "the connection was closed without an answer" : "it was cut off")
        }
    }

    /// One step of the machine; false when it needs more bytes.
    private mutating func step(_ body: inout Data) throws(Malformed) -> Bool {
        switch stage {
        case .head: return try readHead()
        case .length(let left):
            let taken = take(left, into: &body)
            stage = taken == left ? .complete : .length(left - taken)
            return false
        case .chunkSize:
            guard let line = try takeLine(atMost: Self.longestSizeLine) else { return false }
            let size = line.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
            guard let text = String(validating: size, as: UTF8.self), text.count <= 8,
                !text.isEmpty,
                let count = Int(text, radix: 16), count >= 0
            else { throw Malformed(what: "a chunk without a size") }
            stage = count == 0 ? .trailers : .chunk(count)
            return true
        case .chunk(let left):
            let taken = take(left, into: &body)
            stage = taken == left ? .chunkEnd : .chunk(left - taken)
            return taken == left
        case .chunkEnd:
            guard let line = try takeLine(atMost: Self.longestSizeLine) else { return false }
            guard line.isEmpty else { throw Malformed(what: "a chunk longer than its size") }
            stage = .chunkSize
            return true
        case .trailers:
            guard let line = try takeLine(atMost: Self.longestHead) else { return false }
            if line.isEmpty { stage = .complete }
            return !line.isEmpty
        case .untilClosed:
            _ = take(pending.count, into: &body)
            return false
        case .complete: return false
        }
    }

    private mutating func take(_ most: Int, into body: inout Data) -> Int {
        let count = min(most, pending.count - start)
        body.append(contentsOf: pending[start..<start + count])
        start += count
        return count
    }

    /// The next line without its end, or nil when it has not come yet.
    private mutating func takeLine(atMost limit: Int) throws(Malformed) -> ArraySlice<UInt8>? {
        guard let end = pending[start...].firstIndex(of: UInt8(ascii: "\n")) else {
            guard pending.count - start <= limit else {
                throw Malformed(what: "a line without end")
            }
            return nil
        }
        var line = pending[start..<end]
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        start = end + 1
        return line
    }

    private mutating func readHead() throws(Malformed) -> Bool {
        // The head is taken whole or not at all.
        var at = start
        var lines: [String] = []
        while true {
            guard let end = pending[at...].firstIndex(of: UInt8(ascii: "\n")) else {
                guard pending.count < 5 || pending.starts(with: "HTTP/".utf8) else {
                    throw Malformed(what: "it does not speak HTTP")
                }
                guard pending.count <= Self.longestHead else {
                    throw Malformed(what: "its head has no end")
                }
                return false
            }
            var line = pending[at..<end]
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            at = end + 1
            if line.isEmpty { break }
            lines.append(String(decoding: line, as: UTF8.self))
        }
        start = at
        let code = try Self.status(of: lines.first ?? "")
        // 1xx answers come before the real one.
        if (100..<200).contains(code) { return true }
        status = code
        stage = try Self.bodyStage(code, headers: lines.dropFirst())
        return !isComplete
    }

    private static func status(of line: String) throws(Malformed) -> Int {
        let parts = line.split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), parts[1].count == 3,
            let code = Int(parts[1]), (100...599).contains(code)
        else { throw Malformed(what: "it does not speak HTTP") }
        return code
    }

    private static func bodyStage(
        _ status: Int, headers: some Sequence<String>
    ) throws(Malformed) -> Stage {
        var length: Int?
        var chunked = false
        for header in headers {
            guard let colon = header.firstIndex(of: ":") else {
                throw Malformed(what: "a header without a colon")
            }
            let value = String(header[header.index(after: colon)...]).trimmed
            switch header[..<colon].lowercased() {
            case "content-length":
                guard let count = Int(value), count >= 0, length == nil || length == count else {
                    throw Malformed(what: "a Content-Length that is no length")
                }
                length = count
            case "transfer-encoding":
                guard value.lowercased() == "chunked" else {
                    throw Malformed(what: "an unknown Transfer-Encoding")
                }
                chunked = true
            default: break
            }
        }
        if status == 204 || status == 304 { return .complete }
        if chunked { return .chunkSize }
        if let length { return length == 0 ? .complete : .length(length) }
        return .untilClosed
    }
}

extension String {
    /// Without spaces and tabs at both ends.
    fileprivate var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }
}
