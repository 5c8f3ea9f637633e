// The journal's file: how it is made, opened and recognised, and what its errors mean.
import Domain
import Foundation
import GRDB

#if canImport(Glibc)
    import Glibc
#endif

/// Everything about `journal.db` that reading and writing share.
enum JournalFile {
    static let name = "journal.db"
    /// The format that this program writes. A file with a higher one is left alone.
    static let format = 1

    /// What the file says of itself.
    struct Identity: Equatable, Sendable {
        var format: Int
        var service: String
        var created: Timestamp
        /// What the first event is linked to.
        var first: String {
            Chain.first(format: format, created: created, service: service)
        }
    }

    // MARK: Opening

    /// - Parameter writable: false for a second connection that only reads.
    static func open(_ path: String, writable: Bool, pageLimit: Int? = nil) throws -> DatabaseQueue
    {
        var configuration = Configuration()
        configuration.readonly = !writable
        configuration.label = "journal"
        // Nobody else writes, but a checkpoint may hold the file for a moment.
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { database in
            guard writable else { return }
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // Checkpoints are made in the background; see Checkpointer.
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            if let pageLimit {
                try database.execute(sql: "PRAGMA max_page_count = \(pageLimit)")
            }
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Makes an empty journal. It gets its name only when it is whole and on disk, so that a file of
    /// that name that is no journal is always damage and never an unfinished beginning.
    static func create(at path: String, service: String, now: Timestamp) throws {
        let unfinished = path + ".new"
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(unfinished + suffix) }
        // The group reads, so that operators can verify the journal; SQLite's own files follow this mode.
        let descriptor = Glibc.open(unfinished, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            throw Fault(operation: "create the journal", subject: path, cause: systemError())
        }
        Glibc.close(descriptor)
        let identity = Identity(format: format, service: service, created: now)
        let queue = try DatabaseQueue(path: unfinished)
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.inTransaction(.immediate) {
                try setUp(database, identity)
                return .commit
            }
        }
        try queue.close()
        guard rename(unfinished, path) == 0 else {
            throw Fault(operation: "create the journal", subject: path, cause: systemError())
        }
        try syncFolder(of: path)
        // An engine may have made this folder and died; where we may not, it was there before us.
        if let end = path.lastIndex(of: "/") { try? syncFolder(of: String(path[..<end])) }
    }

    private static func setUp(_ database: Database, _ identity: Identity) throws {
        try database.execute(
            sql: """
                CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
                CREATE TABLE events (
                    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,
                    body TEXT NOT NULL, hash TEXT NOT NULL
                ) STRICT;
                CREATE TABLE snapshots (
                    seq INTEGER PRIMARY KEY, body TEXT NOT NULL, seal TEXT NOT NULL
                ) STRICT;
                """)
        for (name, value) in [
            ("format", String(identity.format)), ("service", identity.service),
            ("created", String(identity.created.milliseconds)),
        ] {
            try database.execute(sql: "INSERT INTO meta VALUES (?, ?)", arguments: [name, value])
        }
    }

    static func identity(_ database: Database) throws -> Identity? {
        var values: [String: String] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT name, value FROM meta") {
            values[row[0] as String] = row[1] as String
        }
        guard let format = values["format"].flatMap({ Int($0) }), let service = values["service"],
            let created = values["created"].flatMap({ Int64($0) })
        else { return nil }
        return Identity(
            format: format, service: service, created: Timestamp(milliseconds: created))
    }

    /// Makes the name of what is at the path survive a power cut.
    static func syncFolder(of path: String) throws(Fault) {
        let above = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let folder = above.isEmpty ? "/" : above
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Fault(operation: "sync the folder", subject: folder, cause: systemError())
        }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw Fault(operation: "sync the folder", subject: folder, cause: systemError())
        }
    }

    // MARK: Errors

    /// Says what the database's error means for us: `Fault` when the world failed, `Damage` when the
    /// bytes are wrong. Other errors pass as they are.
    static func translate(_ error: any Error, _ operation: String, _ path: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let said = error.message ?? "error \(error.extendedResultCode.rawValue)"
        func fault(_ cause: String, retry: Bool) -> Fault {
            Fault(operation: operation, subject: path, cause: cause, retry: retry)
        }
        switch error.resultCode {
        case .SQLITE_FULL: return fault("the disk is full; nothing was written", retry: true)
        case .SQLITE_READONLY: return fault("it is read-only; nothing was written", retry: false)
        case .SQLITE_IOERR:
            return fault("the disk failed (\(said)); nothing was written", retry: true)
        case .SQLITE_BUSY, .SQLITE_LOCKED: return fault("it is in use elsewhere", retry: true)
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH: return fault(said, retry: false)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_MISMATCH:
            return Damage(subject: path, detail: said)
        default: return fault(said, retry: false)
        }
    }

    /// Copies a damaged journal aside, once for the same bytes: a service that is started again and
    /// again must not fill the disk with copies.
    /// - Returns: what was done, in words.
    static func setAside(_ path: String, at now: Timestamp) -> String {
        let files = FileManager.default
        let folder = URL(filePath: path).deletingLastPathComponent().path()
        let kept = (try? files.contentsOfDirectory(atPath: folder)) ?? []
        for name in kept.sorted()
        where name.hasPrefix(JournalFile.name + ".damaged-") && !name.hasSuffix("-wal") {
            let copy = folder + "/" + name
            if files.contentsEqual(atPath: path, andPath: copy) { return "a copy is at \(copy)" }
        }
        let copy = path + ".damaged-" + now.compact
        do {
            try files.copyItem(atPath: path, toPath: copy)
            if files.fileExists(atPath: path + "-wal") {
                try files.copyItem(atPath: path + "-wal", toPath: copy + "-wal")
            }
        } catch {
            return "it could not be copied aside: \(error.localizedDescription)"
        }
        return "a copy was put at \(copy)"
    }
}
