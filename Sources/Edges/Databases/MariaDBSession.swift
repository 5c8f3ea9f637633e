// A connection to MariaDB by libmariadb's calls that do not block; the waiting is ours.
import CMariaDB
import Domain
import Glibc

final class MariaDBSession: DatabaseSession {
    let dialect = SQLText.Dialect.mariaDB
    private let library: tocsin_mariadb
    private let connection: UnsafeMutablePointer<MYSQL>
    private let place: String
    private let interrupt: DatabaseInterrupt?
    /// Nothing more can be said on it.
    private var isBroken = false
    private var isClosed = false

    private init(
        _ library: tocsin_mariadb, _ connection: UnsafeMutablePointer<MYSQL>, _ place: String,
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
    ) throws(DatabaseTrouble) -> MariaDBSession {
        let library = try MariaDBLibrary.functions()
        guard let connection = library.mysql_init(nil) else {
            throw DatabaseTrouble(.unusable, "there is no memory for a connection")
        }
        let session = MariaDBSession(library, connection, access.place, interrupt)
        session.setOptions(access)
        do throws(DatabaseTrouble) {
            try session.open(access, until: deadline)
        } catch {
            session.close()
            throw error
        }
        return session
    }

    private func setOptions(_ access: DatabaseAccess) {
        func set(_ option: mysql_option, number: UInt32) {
            withUnsafePointer(to: number) { _ = library.mysql_options(connection, option, $0) }
        }
        _ = library.mysql_options(connection, MYSQL_OPT_NONBLOCK, nil)
        _ = library.mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4")
        // A server could ask for any file of this machine.
        set(MYSQL_OPT_LOCAL_INFILE, number: 0)
        set(MYSQL_OPT_PROTOCOL, number: access.isSocket ? 2 : 1)
        // Long ago for the library: the deadline is kept here. Without one it would wait for ever.
        for option in [MYSQL_OPT_CONNECT_TIMEOUT, MYSQL_OPT_READ_TIMEOUT, MYSQL_OPT_WRITE_TIMEOUT] {
            set(option, number: 1_000_000)
        }
        guard !access.isSocket else { return }
        let tls = access.server.tls ?? .whenOffered
        if tls != .off {
            let trusted = tls == .verified ? access.server.tlsCA ?? DatabaseAccess.trusted : nil
            _ = library.mysql_ssl_set(connection, nil, nil, trusted, nil, nil)
        }
        var yes: my_bool = 1
        if tls == .required || tls == .verified {
            _ = library.mysql_options(connection, MYSQL_OPT_SSL_ENFORCE, &yes)
        }
        var verify: my_bool = tls == .verified ? 1 : 0
        _ = library.mysql_options(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify)
    }

    private func open(
        _ access: DatabaseAccess, until deadline: Deadline
    ) throws(DatabaseTrouble) {
        // They must stay where they are until the connection stands.
        let texts =
            [access.server.host, access.server.user, access.password ?? ""]
            + [access.server.database, access.isSocket ? access.mariaDBSocket : ""]
        let copies = texts.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        var made: UnsafeMutablePointer<MYSQL>?
        let status = library.mysql_real_connect_start(
            &made, connection, access.isSocket ? nil : copies[0], copies[1],
            access.password == nil ? nil : copies[2], copies[3], UInt32(access.server.port),
            access.isSocket ? copies[4] : nil, 0)
        try finish(status, until: deadline) {
            library.mysql_real_connect_cont(&made, connection, $0)
        }
        guard made != nil else { throw connectTrouble() }
        let descriptor = Int32(library.mysql_get_socket(connection))
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// Brings a call that has begun to its end.
    private func finish(
        _ started: Int32, until deadline: Deadline, _ goOn: (Int32) -> Int32
    ) throws(DatabaseTrouble) {
        var status = started
        while status != 0 {
            var events: Int16 = 0
            if status & Int32(MYSQL_WAIT_READ) != 0 { events |= Int16(POLLIN) }
            if status & Int32(MYSQL_WAIT_WRITE) != 0 { events |= Int16(POLLOUT) }
            if status & Int32(MYSQL_WAIT_EXCEPT) != 0 { events |= Int16(POLLPRI) }
            let socket = Int32(library.mysql_get_socket(connection))
            switch waitFor(socket, events, until: deadline, interrupt) {
            case .late:
                breakOff()
                // Brings the library out of the call; it may yet try another address.
                while status != 0 { status = goOn(Int32(MYSQL_WAIT_TIMEOUT)) }
                throw DatabaseTrouble(.late, "no answer from \(place) in time")
            case .ready(let found):
                var happened: Int32 = 0
                if found & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
                    happened |= Int32(MYSQL_WAIT_READ)
                }
                if found & Int16(POLLOUT | POLLHUP | POLLERR) != 0 {
                    happened |= Int32(MYSQL_WAIT_WRITE)
                }
                if found & Int16(POLLPRI) != 0 { happened |= Int32(MYSQL_WAIT_EXCEPT) }
                status = goOn(happened)
            }
        }
    }

    /// Whatever is still to come is not wanted: closing politely could wait for it.
    private func breakOff() {
        isBroken = true
        let socket = Int32(library.mysql_get_socket(connection))
        if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        isBroken = true
        library.mysql_close(connection)
    }

    var isInTransaction: Bool { !isBroken && tocsin_mariadb_in_transaction(connection) != 0 }

    func startReading(until deadline: Deadline) throws(DatabaseTrouble) {
        // For the session: DDL would end a transaction that alone is read-only, and be done.
        _ = try run("SET SESSION TRANSACTION READ ONLY", until: deadline)
        _ = try run("START TRANSACTION READ ONLY", until: deadline)
    }

    func limitStatements(to span: Span, until deadline: Deadline) throws(DatabaseTrouble) {
        let version = library.mysql_get_server_info(connection).map { String(cString: $0) } ?? ""
        // MySQL's own limit holds for SELECT alone.
        let setting =
            version.contains("MariaDB")
            ? "max_statement_time = \(max(0.001, span.seconds)), "
                + "lock_wait_timeout = \(max(1, Int(span.seconds.rounded(.up))))"
            : "max_execution_time = \(max(1, Int(span.seconds * 1000)))"
        _ = try run("SET SESSION " + setting, until: deadline)
    }

    func run(
        _ statement: BoundSQL, keeping limit: Int?, until deadline: Deadline
    ) throws(DatabaseTrouble) -> DatabaseAnswer {
        try guarded { () throws(DatabaseTrouble) in
            statement.parameters.isEmpty
                ? try query(statement.text, limit, deadline)
                : try prepared(statement, limit, deadline)
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
            if error.kind == .lost || error.kind == .late { breakOff() }
            throw error
        }
    }

    // MARK: Statements without values

    private func query(
        _ text: String, _ limit: Int?, _ deadline: Deadline
    ) throws(DatabaseTrouble) -> DatabaseAnswer {
        let bytes = UnsafeMutableBufferPointer<CChar>.copy(of: text)
        defer { bytes.deallocate() }
        var code: Int32 = 0
        let status = library.mysql_real_query_start(
            &code, connection, bytes.baseAddress, UInt(bytes.count))
        try finish(status, until: deadline) {
            library.mysql_real_query_cont(&code, connection, $0)
        }
        guard code == 0 else { throw trouble() }
        var answer = DatabaseAnswer()
        while true {
            try takeResult(&answer, limit, deadline)
            // A procedure may answer several times; the first rows are the answer.
            guard !isBroken, tocsin_mariadb_more_results(connection) != 0 else { return answer }
            let status = library.mysql_next_result_start(&code, connection)
            try finish(status, until: deadline) {
                library.mysql_next_result_cont(&code, connection, $0)
            }
            guard code <= 0 else { throw trouble() }
        }
    }

    private func takeResult(
        _ answer: inout DatabaseAnswer, _ limit: Int?, _ deadline: Deadline
    ) throws(DatabaseTrouble) {
        guard let result = library.mysql_use_result(connection) else {
            guard library.mysql_field_count(connection) == 0 else { throw trouble() }
            let changed = library.mysql_affected_rows(connection)
            if changed != .max { answer.changed += Int(changed) }
            return
        }
        defer { library.mysql_free_result(result) }
        let columns = Int(library.mysql_num_fields(result))
        let isFirst = answer.rows.isEmpty
        while true {
            var row: MYSQL_ROW?
            let status = library.mysql_fetch_row_start(&row, result)
            try finish(status, until: deadline) {
                library.mysql_fetch_row_cont(&row, result, $0)
            }
            guard let row else {
                guard library.mysql_errno(connection) == 0 else { throw trouble() }
                return
            }
            guard let limit, isFirst else { continue }
            if answer.rows.count == limit {
                answer.hasMore = true
                breakOff()
                return
            }
            let lengths = library.mysql_fetch_lengths(result)
            answer.rows.append(
                (0..<columns).map { column in
                    cell(
                        row[column], Int(lengths?[column] ?? 0),
                        library.mysql_fetch_field_direct(result, UInt32(column)))
                })
        }
    }

    private func cell(
        _ bytes: UnsafePointer<CChar>?, _ length: Int, _ field: UnsafePointer<MYSQL_FIELD>?
    ) -> DatabaseCell {
        guard let bytes, let field else { return .null }
        if tocsin_mariadb_is_binary(field) != 0 { return .bytes(length) }
        let raw = UnsafeRawBufferPointer(start: bytes, count: min(length, DatabaseCell.longest))
        let text = String(decoding: raw, as: UTF8.self)
        if tocsin_mariadb_is_number(field) != 0, let value = Double(text), value.isFinite {
            return .number(text, value)
        }
        return .text(text)
    }

    // MARK: Statements with values

    private func prepared(
        _ statement: BoundSQL, _ limit: Int?, _ deadline: Deadline
    ) throws(DatabaseTrouble) -> DatabaseAnswer {
        guard let prepared = library.mysql_stmt_init(connection) else { throw trouble() }
        // After the connection was broken off this waits for nothing.
        defer { _ = library.mysql_stmt_close(prepared) }
        try prepare(prepared, statement.text, deadline)
        var code: Int32 = 0
        let wanted = Int(library.mysql_stmt_param_count(prepared))
        guard wanted == statement.parameters.count else {
            throw DatabaseTrouble(
                .unusable,
                "the statement has places for \(wanted) values, not for "
                    + "\(statement.parameters.count)")
        }
        let values = Parameters(statement.parameters)
        guard library.mysql_stmt_bind_param(prepared, values.binds.baseAddress) == 0 else {
            throw trouble(prepared)
        }
        try check(prepared, &code, deadline) {
            library.mysql_stmt_execute_start($0, prepared)
        } goOn: {
            library.mysql_stmt_execute_cont($0, prepared, $1)
        }
        var answer = DatabaseAnswer()
        if library.mysql_stmt_field_count(prepared) == 0 {
            let changed = library.mysql_stmt_affected_rows(prepared)
            if changed != .max { answer.changed = Int(changed) }
        } else {
            try fetch(prepared, &answer, limit, deadline)
        }
        return answer
    }

    private func prepare(
        _ prepared: UnsafeMutablePointer<MYSQL_STMT>, _ text: String, _ deadline: Deadline
    ) throws(DatabaseTrouble) {
        let bytes = UnsafeMutableBufferPointer<CChar>.copy(of: text)
        defer { bytes.deallocate() }
        var code: Int32 = 0
        try check(prepared, &code, deadline) {
            library.mysql_stmt_prepare_start(
                $0, prepared, bytes.baseAddress, UInt(bytes.count))
        } goOn: {
            library.mysql_stmt_prepare_cont($0, prepared, $1)
        }
    }

    func check(_ statement: BoundSQL, until deadline: Deadline) throws(DatabaseTrouble) {
        try guarded { () throws(DatabaseTrouble) in
            guard let prepared = library.mysql_stmt_init(connection) else { throw trouble() }
            defer { _ = library.mysql_stmt_close(prepared) }
            try prepare(prepared, statement.text, deadline)
        }
    }

    /// Runs one call on a prepared statement; what it answers is put where `code` is.
    private func check(
        _ prepared: UnsafeMutablePointer<MYSQL_STMT>, _ code: inout Int32, _ deadline: Deadline,
        start: (UnsafeMutablePointer<Int32>) -> Int32,
        goOn: (UnsafeMutablePointer<Int32>, Int32) -> Int32
    ) throws(DatabaseTrouble) {
        let place = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        place.initialize(to: 0)
        defer { place.deallocate() }
        try finish(start(place), until: deadline) { goOn(place, $0) }
        code = place.pointee
        // A fetch that is over (100) or that was cut (101) is no error.
        guard code == 0 || code == 100 || code == 101 else { throw trouble(prepared) }
    }

    private func fetch(
        _ prepared: UnsafeMutablePointer<MYSQL_STMT>, _ answer: inout DatabaseAnswer,
        _ limit: Int?, _ deadline: Deadline
    ) throws(DatabaseTrouble) {
        guard let fields = library.mysql_stmt_result_metadata(prepared) else {
            throw trouble(prepared)
        }
        defer { library.mysql_free_result(fields) }
        let columns = Columns(Int(library.mysql_num_fields(fields)))
        guard library.mysql_stmt_bind_result(prepared, columns.binds.baseAddress) == 0 else {
            throw trouble(prepared)
        }
        var code: Int32 = 0
        while true {
            try check(prepared, &code, deadline) {
                library.mysql_stmt_fetch_start($0, prepared)
            } goOn: {
                library.mysql_stmt_fetch_cont($0, prepared, $1)
            }
            if code == 100 { return }
            guard let limit else { continue }
            if answer.rows.count == limit {
                answer.hasMore = true
                breakOff()
                return
            }
            answer.rows.append(
                columns.indices.map { column in
                    let found = columns[column]
                    return found.isNull
                        ? .null
                        : cell(
                            found.bytes, found.length,
                            library.mysql_fetch_field_direct(fields, UInt32(column)))
                })
        }
    }

    // MARK: What the server says

    private func trouble() -> DatabaseTrouble {
        words(
            library.mysql_errno(connection), library.mysql_error(connection), while: .refused)
    }
    private func trouble(_ prepared: UnsafeMutablePointer<MYSQL_STMT>) -> DatabaseTrouble {
        words(
            library.mysql_stmt_errno(prepared), library.mysql_stmt_error(prepared), while: .refused)
    }
    private func connectTrouble() -> DatabaseTrouble {
        words(library.mysql_errno(connection), library.mysql_error(connection), while: .denied)
    }

    private func words(
        _ number: UInt32, _ text: UnsafePointer<CChar>?, while kind: DatabaseTrouble.Kind
    ) -> DatabaseTrouble {
        let text = text.map { String(cString: $0) } ?? ""
        switch number {
        case 2002, 2003:
            return DatabaseTrouble(
                .unreachable,
                Self.systemCode(text).map { code in
                    code == ECONNREFUSED
                        ? "connection refused by \(place)"
                        : "no connection to \(place): \(String(cString: strerror(code)))"
                } ?? "no connection to \(place): \(text)", code: "")
        case 2005: return DatabaseTrouble(.unreachable, "no address for the name in \(place)")
        case 2026: return DatabaseTrouble(.unreachable, "no TLS with \(place): \(text)")
        case 2006, 2013, 2055, 2027, 2012:
            return DatabaseTrouble(.lost, "\(place) broke off the connection: \(text)")
        case 2000..<3000: return DatabaseTrouble(.unusable, text, code: "\(number)")
        default: return DatabaseTrouble(kind, text, code: "\(number)")
        }
    }

    /// `Can't connect to server on '127.0.0.1' (111)`
    private static func systemCode(_ text: String) -> Int32? {
        guard text.hasSuffix(")"), let open = text.lastIndex(of: "(") else { return nil }
        return Int32(text[text.index(after: open)...].dropLast())
    }
}

/// The values of a prepared statement, which the library reads where they are.
private final class Parameters {
    let binds: UnsafeMutableBufferPointer<MYSQL_BIND>
    private var texts: [UnsafeMutableBufferPointer<CChar>] = []

    init(_ values: [String]) {
        binds = .allocate(capacity: values.count)
        binds.initialize(repeating: MYSQL_BIND())
        for (index, value) in values.enumerated() {
            let bytes = UnsafeMutableBufferPointer<CChar>.copy(of: value)
            texts.append(bytes)
            binds[index].buffer_type = MYSQL_TYPE_STRING
            binds[index].buffer = UnsafeMutableRawPointer(bytes.baseAddress)
            binds[index].buffer_length = UInt(bytes.count)
            binds[index].length_value = UInt(bytes.count)
        }
    }
    deinit {
        texts.forEach { $0.deallocate() }
        binds.deallocate()
    }
}

/// Where the columns of a prepared statement's rows are put.
private final class Columns {
    let binds: UnsafeMutableBufferPointer<MYSQL_BIND>
    private let lengths: UnsafeMutablePointer<UInt>
    private let nulls: UnsafeMutablePointer<my_bool>
    /// Of further columns a short piece is enough.
    private static func size(_ column: Int) -> Int { column == 0 ? DatabaseCell.longest : 512 }

    init(_ count: Int) {
        binds = .allocate(capacity: count)
        binds.initialize(repeating: MYSQL_BIND())
        lengths = .allocate(capacity: count)
        lengths.initialize(repeating: 0, count: count)
        nulls = .allocate(capacity: count)
        nulls.initialize(repeating: 0, count: count)
        for column in 0..<count {
            let size = Self.size(column)
            binds[column].buffer_type = MYSQL_TYPE_STRING
            binds[column].buffer = .allocate(byteCount: size, alignment: 8)
            binds[column].buffer_length = UInt(size)
            binds[column].length = lengths + column
            binds[column].is_null = nulls + column
        }
    }
    deinit {
        binds.forEach { $0.buffer?.deallocate() }
        binds.deallocate()
        lengths.deallocate()
        nulls.deallocate()
    }
    var indices: Range<Int> { binds.indices }

    subscript(_ column: Int) -> (isNull: Bool, bytes: UnsafePointer<CChar>?, length: Int) {
        let bytes = binds[column].buffer?.assumingMemoryBound(to: CChar.self)
        let length = min(Int(lengths[column]), Self.size(column))
        return (nulls[column] != 0, bytes.map { UnsafePointer($0) }, length)
    }
}

extension UnsafeMutableBufferPointer<CChar> {
    /// The text's bytes, without an end; the caller frees them.
    fileprivate static func copy(of text: String) -> UnsafeMutableBufferPointer<CChar> {
        let bytes = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
        var count = 0
        for byte in text.utf8 {
            bytes[count] = CChar(bitPattern: byte)
            count += 1
        }
        return UnsafeMutableBufferPointer(rebasing: bytes[..<count])
    }
}
