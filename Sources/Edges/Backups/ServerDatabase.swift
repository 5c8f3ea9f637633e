// A database on a server, as a backup sees it: dumped, loaded, counted.
import Databases
import Domain
import Files
import Glibc

/// What the work with MariaDB and PostgreSQL has in common.
struct ServerDatabase {
    /// Of the data source.
    let name: String
    let access: DatabaseAccess
    let crashPoint: (String) -> Void

    /// As the manifest has it.
    var kind: BackupManifest.DatabaseEntry.Kind {
        switch access.kind {
        case .mariaDB: .mysql
        case .postgreSQL: .postgresql
        }
    }

    /// Whoever has set a time for the whole ends this process when it is over.
    static var patient: Deadline { Deadline(in: .hours(24 * 7)) }
    private static let connecting = Span.seconds(30)

    func fault(_ operation: String, _ cause: String, retry: Bool = false) -> Fault {
        Fault(
            operation: operation, subject: "\(name), \(access.target)", cause: cause, retry: retry)
    }

    /// Opens a connection for a while.
    func talking<Result>(
        _ operation: String, to database: String? = nil,
        _ body: (any DatabaseSession) throws(DatabaseTrouble) -> Result
    ) throws(Fault) -> Result {
        do throws(DatabaseTrouble) {
            let session = try connect(to: database)
            defer { session.close() }
            return try body(session)
        } catch {
            throw fault(operation, "\(error)", retry: error.kind == .lost)
        }
    }

    func connect(to database: String? = nil) throws(DatabaseTrouble) -> any DatabaseSession {
        let access = database.map { self.access.inDatabase($0) } ?? self.access
        return try DatabaseClient.connect(access, until: Deadline(in: Self.connecting))
    }

    /// Writes everything that the database holds into a new file that only we may read.
    /// - Returns: among others the rows of the very state that was dumped.
    /// - Throws: `Fault` also when the dump is not whole; the file is then worth nothing.
    func dump(to path: RawPath) throws(Fault) -> Dump {
        switch access.kind {
        case .mariaDB: try dumpMariaDB(to: path)
        case .postgreSQL: try dumpPostgres(to: path)
        }
    }
    struct Dump {
        var tables: Tables
        /// Where MariaDB's events are in it.
        var events: Range<Int>?
        /// Why it may not be whole.
        var doubt: String?
    }

    /// Makes the live database hold what the dump holds, and nothing else.
    /// - Throws: `Fault` that says what state the database is in.
    func restore(_ path: RawPath) throws(Fault) {
        try makeIfMissing()
        switch access.kind {
        case .mariaDB: try restoreMariaDB(path)
        case .postgreSQL: try restorePostgres(path)
        }
    }

    /// Loads a dump into an empty database.
    func fill(_ database: String, from path: RawPath, leavingOut events: Range<Int>?) throws(Fault)
    {
        switch access.kind {
        case .mariaDB:
            try loadMariaDB(path, into: database, leavingOut: events, "fill the scratch database")
        case .postgreSQL: try loadPostgres(path, into: database, "", "fill the scratch database")
        }
    }

    /// The rows of these tables now.
    func rows(_ names: [String], in database: String? = nil) throws(Fault) -> Tables {
        try talking("count the rows", to: database) { session throws(DatabaseTrouble) in
            var tables: Tables = []
            for name in names.sorted() {
                let table = access.kind == .mariaDB ? Self.quoted(name) : name
                let answer = try session.run(
                    "SELECT COUNT(*) FROM \(table)", keeping: 1, until: Self.patient)
                tables.append(.init(name: name, rows: Int(answer.first?.number ?? -1)))
            }
            return tables
        }
    }

    /// A database that is gone is made again, empty.
    func makeIfMissing() throws(Fault) {
        do throws(DatabaseTrouble) {
            try connect().close()
        } catch {
            let isMissing =
                access.kind == .mariaDB
                ? error.code == "1049" : error.message.hasSuffix("does not exist")
            guard isMissing, access.kind == .mariaDB || error.message.hasPrefix("database ") else {
                throw fault("open the database", "\(error)")
            }
            try make(access.server.database, "make the database again")
        }
    }

    // MARK: Scratch databases

    /// A database that is always there, from which others are made and dropped.
    private var home: String {
        switch access.kind {
        case .mariaDB: ""
        case .postgreSQL: "postgres"
        }
    }

    /// - Throws: `Fault`; one that is there already is never touched.
    func make(_ database: String, _ operation: String) throws(Fault) {
        try talking(operation, to: home) { session throws(DatabaseTrouble) in
            try make(database, session)
        }
    }

    private func make(
        _ database: String, _ session: any DatabaseSession
    ) throws(DatabaseTrouble) {
        switch access.kind {
        case .mariaDB:
            _ = try session.run(
                "CREATE DATABASE \(Self.quoted(database)) CHARACTER SET utf8mb4",
                until: Self.patient)
        case .postgreSQL:
            // What sorts text one way shall be checked the same way.
            let like =
                try session.run(
                    BoundSQL(
                        text: "SELECT pg_encoding_to_char(encoding), datcollate, datctype "
                            + "FROM pg_database WHERE datname = $1",
                        parameters: [access.server.database]),
                    keeping: 1, until: Self.patient
                ).rows.first?.compactMap(\.text) ?? []
            let how =
                like.count == 3
                ? " ENCODING '\(like[0])' LC_COLLATE '\(Self.text(like[1]))' "
                    + "LC_CTYPE '\(Self.text(like[2]))'" : ""
            _ = try session.run(
                "CREATE DATABASE \(Self.doubleQuoted(database)) TEMPLATE template0\(how)",
                until: Self.patient)
        }
    }

    /// Makes a scratch database, or says what right is missing.
    func makeScratch(_ database: String) throws(ScratchRefusal) {
        do throws(DatabaseTrouble) {
            let session = try connect(to: home)
            defer { session.close() }
            try make(database, session)
        } catch {
            switch access.kind {
            case .mariaDB where ["1044", "1045", "1227"].contains(error.code):
                throw ScratchRefusal(
                    why: "the user \(access.server.user) may not make a scratch database; "
                        + "GRANT ALL ON `tocsin\\_check\\_%`.* would allow it: \(error)")
            case .postgreSQL where error.code == "42501":
                throw ScratchRefusal(
                    why: "the user \(access.server.user) may not make a scratch database; "
                        + "ALTER ROLE … CREATEDB would allow it: \(error)")
            case .mariaDB, .postgreSQL:
                throw ScratchRefusal(why: "no scratch database can be made: \(error)")
            }
        }
    }

    func dropScratch(_ database: String) throws(Fault) {
        try talking("drop the scratch database", to: home) { session throws(DatabaseTrouble) in
            let text =
                access.kind == .mariaDB
                ? "DROP DATABASE IF EXISTS \(Self.quoted(database))"
                : "DROP DATABASE IF EXISTS \(Self.doubleQuoted(database))"
            _ = try session.run(text, until: Self.patient)
        }
    }

    // MARK: Names and texts in SQL

    /// A name for MariaDB.
    static func quoted(_ name: String) -> String {
        "`" + name.replacing("`", with: "``") + "`"
    }
    /// A name for PostgreSQL.
    static func doubleQuoted(_ name: String) -> String {
        "\"" + name.replacing("\"", with: "\"\"") + "\""
    }
    /// The inside of a quoted text, with standard-conforming strings.
    static func text(_ text: String) -> String { text.replacing("'", with: "''") }

    // MARK: Files

    /// Opens a new file that only we may read, for as long as the body runs.
    func writing(
        _ path: RawPath,
        _ body: ((UnsafeRawBufferPointer) throws(Fault) -> Void) throws(Fault) -> Void
    ) throws(Fault) {
        let file = try Files.open(
            path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, "write", 0o600)
        defer { close(file) }
        try body { bytes throws(Fault) in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(
                    file, bytes.baseAddress?.advanced(by: written), bytes.count - written)
                if count >= 0 {
                    written += count
                } else if errno != EINTR {
                    throw fileFault("write", path)
                }
            }
        }
    }

    /// Hands on a file but for a range.
    func reading(
        _ path: RawPath, leavingOut gap: Range<Int>?,
        _ each: (UnsafeRawBufferPointer) throws(Fault) -> Void
    ) throws(Fault) {
        let file = try Files.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, "read")
        defer { close(file) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var at = 0
        while true {
            if let gap, gap.contains(at) { at = gap.upperBound }
            let most = gap.map { at < $0.lowerBound ? $0.lowerBound - at : buffer.count }
            let count = pread(file, buffer.baseAddress, min(buffer.count, most ?? .max), off_t(at))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fileFault("read", path) }
            if count == 0 { return }
            try each(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            at += count
        }
    }
}

/// Why a dump could not be tried out.
struct ScratchRefusal: Error {
    var why: String
}
