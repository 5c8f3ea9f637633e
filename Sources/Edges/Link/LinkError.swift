// What can go wrong between a front end and the engine, before the engine has said a word.
package import Domain

/// The socket could not be used; a refusal by the engine is an answer and none of these.
package enum LinkError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nobody answers there: no engine runs, or the caller may not open the socket.
    case notReachable(path: String, why: String)
    /// The engine took the connection and did not answer in time.
    case timeout(path: String, after: Span)
    /// What came back is not what an engine says; also an answer that was cut off.
    case badAnswer(path: String, what: String)

    /// Whether there is nobody on the socket, so that an engine can be started; false also when that is
    /// not certain.
    package var meansNobody: Bool {
        guard case .notReachable(_, let why) = self else { return false }
        return why == UnixSocket.noSocket || why == UnixSocket.nobodyListens
    }

    package var description: String {
        switch self {
        case .notReachable(let path, let why): "no engine can be reached at \(path): \(why)"
        case .timeout(let path, let after):
            "the engine at \(path) did not answer within \(after.spelled)"
        case .badAnswer(let path, let what):
            "the answer from \(path) is not an engine's: \(Visible.text(what, limit: 200))"
        }
    }
}
