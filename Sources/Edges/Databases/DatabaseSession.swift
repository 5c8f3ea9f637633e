// One conversation with MariaDB or PostgreSQL, alike for both.
package import Domain

/// A connection. Its calls block, and are made by one thread at a time.
package protocol DatabaseSession: AnyObject {
    var dialect: SQLText.Dialect { get }
    /// Whether a transaction is open there, as the server's last good answer said.
    var isInTransaction: Bool { get }

    /// Runs one statement.
    /// - Parameters:
    ///   - limit: so many rows are kept. When there are more, the connection is given up: nothing else
    ///     would stop the server from sending all of them. Nil: all are read, and none is kept.
    /// - Throws: also when the server has not answered by the deadline; then the connection is given up.
    func run(
        _ statement: BoundSQL, keeping limit: Int?, until deadline: Deadline
    ) throws(DatabaseTrouble) -> DatabaseAnswer

    /// Lets the server read a statement, without running it: whether it understands it with the tables
    /// that are there.
    func check(_ statement: BoundSQL, until deadline: Deadline) throws(DatabaseTrouble)

    /// Begins a transaction in which the server refuses to change anything.
    func startReading(until deadline: Deadline) throws(DatabaseTrouble)

    /// The server itself ends statements of this connection that take longer.
    func limitStatements(to span: Span, until deadline: Deadline) throws(DatabaseTrouble)

    /// Ends the connection. Doing it again does no harm.
    func close()
}

extension DatabaseSession {
    package func run(
        _ text: String, keeping limit: Int? = nil, until deadline: Deadline
    ) throws(DatabaseTrouble) -> DatabaseAnswer {
        try run(BoundSQL(text: text, parameters: []), keeping: limit, until: deadline)
    }
}

/// A statement whose values are apart from its text.
package struct BoundSQL: Sendable, Equatable {
    /// With `?` (MariaDB), `$1` (PostgreSQL) or `:p1` (SQLite) where a value goes.
    package var text: String
    package var parameters: [String]
    package init(text: String, parameters: [String]) {
        self.text = text
        self.parameters = parameters
    }
}

package struct DatabaseAnswer: Sendable, Equatable {
    package var rows: [[DatabaseCell]] = []
    /// Rows that a statement changed.
    package var changed = 0
    package var hasMore = false
    package init() {}
    /// The first column of the first row.
    package var first: DatabaseCell? { rows.first?.first }
}

package enum DatabaseCell: Sendable, Equatable {
    case null
    case text(String)
    /// As the server spelled it, and its value.
    case number(String, Double)
    /// Bytes that are no text: how many.
    case bytes(Int)

    /// Texts that spell a number count; nil for NULL, bytes and what is not finite.
    package var number: Double? {
        switch self {
        case .null, .bytes: nil
        case .number(_, let value): value
        case .text(let text):
            Double(text.trimmingSpaces)
        }
    }
    /// Nil for NULL and for bytes.
    package var text: String? {
        switch self {
        case .null, .bytes: nil
        case .text(let text), .number(let text, _): text
        }
    }
    /// For people.
    package var spelled: String {
        switch self {
        case .null: "NULL"
        case .text(let text), .number(let text, _): Visible.text(text, limit: 200)
        case .bytes(let count): "\(count) bytes"
        }
    }

    /// Of a text longer than this, only the beginning is kept.
    static let longest = 65_536
}

extension String {
    fileprivate var trimmingSpaces: Substring {
        let start = self.drop { $0.isWhitespace }
        return start.lastIndex { !$0.isWhitespace }.map { start[...$0] } ?? ""
    }
}

package enum DatabaseClient {
    /// Opens a connection whose text is UTF-8.
    /// - Throws: `unusable` when the client library is not there, naming its package.
    package static func connect(
        _ access: DatabaseAccess, until deadline: Deadline, interrupt: DatabaseInterrupt? = nil
    ) throws(DatabaseTrouble) -> any DatabaseSession {
        switch access.kind {
        case .mariaDB: try MariaDBSession.connect(access, until: deadline, interrupt)
        case .postgreSQL: try PostgresSession.connect(access, until: deadline, interrupt)
        }
    }
}
