// The open WebSockets and whose they are: joined, pushed to, dropped.
import NIOCore
import Synchronization

/// What crosses a WebSocket, in the manner of engine.io: a digit, then the rest.
///
/// | text | from | meaning |
/// | --- | --- | --- |
/// | `0{"sid":…,"mode":…}` | courier | the line is open; always the first message |
/// | `1NAME` | client | this line is NAME's |
/// | `4{"id":…,"length":…,"category":…,"title":…}` | courier | news; length in UTF-8 bytes |
/// | `5ID` | client | it arrived whole |
/// | `6ID` | client | it arrived cut short |
/// | `7` | courier | there is a new flash message: load a page |
enum LineText {
    static func hello(sid: String, mode: Mode) -> String {
        "0" + JSON.text(Hello(sid: sid, mode: mode))
    }
    static func join(_ user: String) -> String { "1" + user }
    /// - Parameter cut: loses the second half of the title, as the fault `delivery` does.
    static func push(_ waiting: Waiting, cut: Bool) -> String {
        let title = waiting.notice.title
        return "4"
            + JSON.text(
                Push(
                    id: waiting.id, length: title.utf8.count, category: waiting.notice.category,
                    title: cut ? String(title.prefix(title.count / 2)) : title))
    }
    static func arrived(_ id: Int64, whole: Bool) -> String { (whole ? "5" : "6") + String(id) }
    static let reload = "7"

    struct Hello: Codable {
        var sid: String
        var mode: Mode
    }
    struct Push: Codable {
        var id: Int64
        var length: Int
        var category: String
        var title: String
        var isWhole: Bool { title.utf8.count == length }
    }
}

/// What is to be written to one WebSocket, in order.
enum LineOutput: Sendable {
    case text(String)
    /// The answer to a ping.
    case pong(ByteBuffer)
    /// A close frame with this code, and the end.
    case close(UInt16)
}

/// All open WebSockets.
final class Lines: Sendable {
    private struct Line {
        var user: String?
        var output: AsyncStream<LineOutput>.Continuation
    }
    private struct State {
        var lines: [Int: Line] = [:]
        var last = 0
    }
    private let state = Mutex(State())
    private let users: Set<String>
    /// A client that reads slower than this many messages loses the oldest.
    private static let backlog = 64

    init(users: [String]) { self.users = Set(users) }

    /// A new line, nobody's yet, and what is to be written to it.
    func open() -> (id: Int, output: AsyncStream<LineOutput>) {
        let (stream, continuation) = AsyncStream<LineOutput>.makeStream(
            bufferingPolicy: .bufferingNewest(Self.backlog))
        let id = state.withLock { state in
            state.last += 1
            state.lines[state.last] = Line(user: nil, output: continuation)
            return state.last
        }
        return (id, stream)
    }

    /// Says whose line it is; false for somebody that courier does not know.
    func join(_ id: Int, _ user: String) -> Bool {
        guard users.contains(user) else { return false }
        state.withLock { $0.lines[id]?.user = user }
        return true
    }

    func send(_ id: Int, _ output: LineOutput) {
        let line = state.withLock { $0.lines[id] }
        line?.output.yield(output)
    }

    /// Ends one line's output; the connection closes behind it.
    func close(_ id: Int) {
        let line = state.withLock { $0.lines.removeValue(forKey: id) }
        line?.output.finish()
    }

    /// Sends to every line of a user; false when none is open.
    @discardableResult
    func push(_ text: String, to user: String) -> Bool {
        let outputs = state.withLock { state in
            state.lines.values.filter { $0.user == user }.map(\.output)
        }
        for output in outputs { output.yield(.text(text)) }
        return !outputs.isEmpty
    }

    /// Drops every line, or those that belong to somebody; with a close code, or without a word.
    func dropAll(code: UInt16? = nil, onlyJoined: Bool = false) {
        let dropped = state.withLock { state in
            let dropped = state.lines.filter { !onlyJoined || $0.value.user != nil }
            for id in dropped.keys { state.lines[id] = nil }
            return dropped.values.map(\.output)
        }
        for output in dropped {
            if let code { output.yield(.close(code)) }
            output.finish()
        }
    }

    /// How many users have a line.
    var connected: Int {
        state.withLock { state in Set(state.lines.values.compactMap(\.user)).count }
    }
    /// How many lines there are, whoever's.
    var count: Int { state.withLock { $0.lines.count } }
}
