// What can go wrong between us and a database, in the server's own words where it had any.
package import Domain

package struct DatabaseTrouble: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The fault is ours: no client library, no descriptor, a request that cannot be made.
        case unusable
        /// No connection: refused, no such name, no such socket, no TLS.
        case unreachable
        /// The server does not let us in.
        case denied
        /// The server refused a statement; the connection goes on.
        case refused
        /// The connection broke, or the other side does not speak the protocol.
        case lost
        /// Not within the time, or somebody interrupted it.
        case late
    }
    package var kind: Kind
    /// One line; control characters are visible, and no secret is in it.
    package var message: String
    /// The server's number or SQLSTATE; empty when the server said nothing.
    package var code: String

    package init(_ kind: Kind, _ message: String, code: String = "") {
        self.kind = kind
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        self.message = Visible.text(line, limit: 400)
        self.code = code
    }

    package var description: String {
        code.isEmpty || message.contains(code) ? message : "\(message) (\(code))"
    }

    /// - Parameter subject: the data source.
    package func fault(_ operation: String, _ subject: String) -> Fault {
        let retry =
            switch kind {
            case .unreachable, .lost, .late: true
            case .unusable, .denied: false
            // Deadlocks and lock time-outs: the same may work the next time.
            case .refused: ["1205", "1213", "40001", "40P01", "55P03"].contains(code)
            }
        return Fault(operation: operation, subject: subject, cause: description, retry: retry)
    }
}
