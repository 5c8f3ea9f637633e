// A connection to PostgreSQL by libpq's calls that do not block; the waiting is ours.
import CPostgres
package import Domain
import Glibc

final class PostgresSession: DatabaseSession {
    let dialect = SQLText.Dialect.postgreSQL
    private let library: tocsin_postgres
    private let connection: OpaquePointer
    private let place: String
    private let interrupt: DatabaseInterrupt?
    /// Nothing more can be said on it.
    private var isBroken = false
    private var isClosed = false

    private init(
        _ library: tocsin_postgres, _ connection: OpaquePointer, _ place: String,
        _ interrupt: DatabaseInterrupt?
    ) {
        self.library = library
        self.connection = connection
        self.place = place
        self.interrupt = interrupt
    }
    deinit { close() }

    static func connect(
        _ access: DatabaseAccess, until deadline: Deadline, _ interrupt: DatabaseInterrupt?
    ) throws(DatabaseTrouble) -> PostgresSession {
        var library = try PostgresLibrary.functions()
        let settings = settings(access)
        let names = settings.map { strdup($0.0) } + [nil]
        let values = settings.map { strdup($0.1) } + [nil]
        defer { (names + values).forEach { free($0) } }
        let constantNames = names.map { UnsafePointer($0) }
        let constantValues = values.map { UnsafePointer($0) }
        guard let connection = library.PQconnectStartParams(constantNames, constantValues, 0) else {
            throw DatabaseTrouble(.unusable, "there is no memory for a connection")
        }
        tocsin_postgres_be_quiet(&library, connection)
        let session = PostgresSession(library, connection, access.place, interrupt)
        do throws(DatabaseTrouble) {
            try session.open(until: deadline)
        } catch {
            session.close()
            throw error
        }
        return session
    }

    private static func settings(_ access: DatabaseAccess) -> [(String, String)] {
        let (host, port) = access.postgresPlace
        var result = [
            ("host", host), ("port", "\(port)"), ("dbname", access.server.database),
            ("user", access.server.user), ("application_name", "tocsin"),
            ("client_encoding", "UTF8"), ("gssencmode", "disable"),
            ("sslmode", (access.server.tls ?? .whenOffered).postgresWord),
        ]
        if let password = access.password { result.append(("password", password)) }
        if access.server.tls == .verified {
            result.append(("sslrootcert", access.server.tlsCA ?? DatabaseAccess.trusted))
        }
        return result
    }

    private func open(until deadline: Deadline) throws(DatabaseTrouble) {
        guard library.PQstatus(connection) != CONNECTION_BAD else { throw connectTrouble() }
        var state = PGRES_POLLING_WRITING
        while true {
            switch state {
            case PGRES_POLLING_OK:
                guard library.PQsetnonblocking(connection, 1) == 0 else { throw connectTrouble() }
                return
            case PGRES_POLLING_READING: try wait(for: POLLIN, deadline)
            case PGRES_POLLING_WRITING: try wait(for: POLLOUT, deadline)
            default: throw connectTrouble()
            }
            state = library.PQconnectPoll(connection)
        }
    }

    @discardableResult
    private func wait(for events: Int32, _ deadline: Deadline) throws(DatabaseTrouble) -> Int16 {
        let socket = library.PQsocket(connection)
        guard case .ready(let found) = waitFor(socket, Int16(events), until: deadline, interrupt)
        else { throw DatabaseTrouble(.late, "no answer from \(place) in time") }
        return found
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        isBroken = true
        library.PQfinish(connection)
    }

    var isInTransaction: Bool {
        guard !isBroken else { return false }
        let status = library.PQtransactionStatus(connection)
        return status == PQTRANS_INTRANS || status == PQTRANS_INERROR
    }

    func startReading(until deadline: Deadline) throws(DatabaseTrouble) {
        _ = try run("START TRANSACTION READ ONLY", until: deadline)
    }

    func limitStatements(to span: Span, until deadline: Deadline) throws(DatabaseTrouble) {
        let milliseconds = max(1, min(Int(span.seconds * 1000), Int(Int32.max)))
        _ = try run("SET statement_timeout = \(milliseconds)", until: deadline)
    }

    func run(
        _ statement: BoundSQL, keeping limit: Int?, until deadline: Deadline
    ) throws(DatabaseTrouble) -> DatabaseAnswer {
        try guarded { () throws(DatabaseTrouble) in
            try send(statement, deadline)
            return try answer(limit, deadline)
        }
    }

    func check(_ statement: BoundSQL, until deadline: Deadline) throws(DatabaseTrouble) {
        try guarded { () throws(DatabaseTrouble) in
            guard library.PQsendPrepare(connection, "", statement.text, 0, nil) == 1 else {
                throw connectionTrouble()
            }
            try flush(deadline)
            _ = try answer(nil, deadline)
        }
    }

    /// After a loss nothing more is said.
    private func guarded<Result>(
        _ body: () throws(DatabaseTrouble) -> Result
    ) throws(DatabaseTrouble) -> Result {
        guard !isBroken else {
            throw DatabaseTrouble(.lost, "the connection to \(place) is gone")
        }
        do throws(DatabaseTrouble) {
            return try body()
        } catch {
            if error.kind == .lost || error.kind == .late { isBroken = true }
            throw error
        }
    }

    /// With values or without, by the extended protocol: it takes one statement, never several.
    private func send(_ statement: BoundSQL, _ deadline: Deadline) throws(DatabaseTrouble) {
        let values = statement.parameters.map { strdup($0) }
        defer { values.forEach { free($0) } }
        let constants = values.map { UnsafePointer($0) }
        let sent = library.PQsendQueryParams(
            connection, statement.text, Int32(values.count), nil, constants, nil, nil, 0)
        guard sent == 1 else { throw connectionTrouble() }
        _ = library.PQsetSingleRowMode(connection)
        try flush(deadline)
    }

    private func flush(_ deadline: Deadline) throws(DatabaseTrouble) {
        while true {
            switch library.PQflush(connection) {
            case 0: return
            case 1:
                // The server may have something to say before it takes more.
                if try wait(for: POLLIN | POLLOUT, deadline) & Int16(POLLIN) != 0,
                    library.PQconsumeInput(connection) != 1
                {
                    throw connectionTrouble()
                }
            default: throw connectionTrouble()
            }
        }
    }

    private func answer(
        _ limit: Int?, _ deadline: Deadline
    ) throws(DatabaseTrouble) -> DatabaseAnswer {
        var answer = DatabaseAnswer()
        var trouble: DatabaseTrouble?
        while true {
            while library.PQisBusy(connection) != 0 {
                try wait(for: POLLIN, deadline)
                guard library.PQconsumeInput(connection) == 1 else { throw connectionTrouble() }
            }
            guard let result = library.PQgetResult(connection) else { break }
            defer { library.PQclear(result) }
            switch library.PQresultStatus(result) {
            case PGRES_SINGLE_TUPLE, PGRES_TUPLES_OK:
                for row in 0..<library.PQntuples(result) {
                    guard let limit else { break }
                    guard answer.rows.count < limit else {
                        answer.hasMore = true
                        // The rest is not wanted, and would have to be read.
                        close()
                        return answer
                    }
                    answer.rows.append(cells(result, row))
                }
                if library.PQresultStatus(result) == PGRES_TUPLES_OK {
                    answer.changed += changed(result)
                }
            case PGRES_COMMAND_OK: answer.changed += changed(result)
            case PGRES_EMPTY_QUERY: break
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                isBroken = true
                throw DatabaseTrouble(.refused, "COPY from or to the client cannot be a statement")
            default: trouble = trouble ?? refusal(result)
            }
        }
        if let trouble { throw trouble }
        if library.PQstatus(connection) == CONNECTION_BAD { throw connectionTrouble() }
        return answer
    }

    /// Rows that were written; rows that were only read do not count.
    private func changed(_ result: OpaquePointer) -> Int {
        guard library.PQnfields(result) == 0, let text = library.PQcmdTuples(result) else {
            return 0
        }
        return Int(String(cString: text)) ?? 0
    }

    private func cells(_ result: OpaquePointer, _ row: Int32) -> [DatabaseCell] {
        (0..<library.PQnfields(result)).map { column in
            if library.PQgetisnull(result, row, column) == 1 { return .null }
            guard let value = library.PQgetvalue(result, row, column) else { return .null }
            let length = Int(library.PQgetlength(result, row, column))
            let type = library.PQftype(result, column)
            // Written as \x and two digits for each byte.
            if type == Self.bytea { return .bytes(max(0, length - 2) / 2) }
            let raw = UnsafeRawBufferPointer(start: value, count: min(length, DatabaseCell.longest))
            let text = String(decoding: raw, as: UTF8.self)
            if type == Self.bool {
                return .number(text == "t" ? "true" : "false", text == "t" ? 1 : 0)
            }
            if Self.numbers.contains(type), let number = Double(text), number.isFinite {
                return .number(text, number)
            }
            return .text(text)
        }
    }
    // pg_type.dat: these numbers never change.
    private static let bool: Oid = 16
    private static let bytea: Oid = 17
    private static let numbers: Set<Oid> = [20, 21, 23, 26, 700, 701, 1700]

    // MARK: What the server says

    private func refusal(_ result: OpaquePointer) -> DatabaseTrouble {
        func field(_ code: Int) -> String {
            library.PQresultErrorField(result, Int32(code)).map { String(cString: $0) } ?? ""
        }
        let state = field(TOCSIN_DIAG_SQLSTATE)
        let message = field(TOCSIN_DIAG_MESSAGE)
        let detail = field(TOCSIN_DIAG_DETAIL)
        // Without a state it comes from libpq itself: the connection is gone.
        guard !state.isEmpty else { return connectionTrouble() }
        let words = detail.isEmpty ? message : "\(message): \(detail)"
        // Administrator's command, crash, shutdown: the server ends the connection after it.
        let isEnd = state.hasPrefix("57P0") && state != "57P03" || state.hasPrefix("08")
        return DatabaseTrouble(isEnd ? .lost : .refused, words, code: state)
    }

    private func connectionTrouble() -> DatabaseTrouble {
        DatabaseTrouble(.lost, "\(place) broke off the connection: \(lastWords())")
    }

    /// libpq writes a paragraph for each address that it tried.
    private func connectTrouble() -> DatabaseTrouble {
        let words = lastWords()
        if words.contains("Connection refused") {
            return DatabaseTrouble(.unreachable, "connection refused by \(place)")
        }
        if words.contains("could not translate host name") {
            return DatabaseTrouble(.unreachable, "no address for the name in \(place)")
        }
        guard let fatal = words.firstRange(of: "FATAL:") else {
            return DatabaseTrouble(.unreachable, "no connection to \(place): \(words)")
        }
        let said = words[fatal.upperBound...].drop { $0 == " " }
        return DatabaseTrouble(.denied, String(said))
    }

    private func lastWords() -> String {
        let text = library.PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

extension DatabaseTLS {
    /// What libpq and the tools of PostgreSQL call it (`sslmode`).
    package var postgresWord: String {
        switch self {
        case .off: "disable"
        case .whenOffered: "prefer"
        case .required: "require"
        case .verified: "verify-full"
        }
    }
}
