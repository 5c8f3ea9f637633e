// The journal: everything that happened, in order, on disk before it takes effect; in SQLite.
package import Domain
import Foundation
import GRDB

#if canImport(Glibc)
    import Glibc
#endif

/// The journal of one engine, in `journal.db` of its state's folder. Calls block; they may come from any
/// thread. While the value lives, no other engine can open the same state.
///
/// The folder is made with mode 0750 and the files in it with 0640: its group reads the journal and
/// reaches the socket, nobody else does. A folder that is there already keeps its mode.
package final class SQLiteEventStore: EventStore {
    /// The path of the file.
    package let path: String

    /// So many of the newest events are checked when the journal is opened.
    static let checkedOnOpening = 1000
    /// So many snapshots are kept.
    private static let snapshotsKept = 2

    private let lock: EngineLock
    private let mark: HeadMark
    private let writer: DatabaseQueue
    private let reader: DatabaseQueue
    private let checkpointer: Checkpointer
    private let identity: JournalFile.Identity

    /// Opens the journal of a state's folder, or makes both.
    /// - Parameters:
    ///   - state: an absolute path.
    ///   - service: must be the one that the journal was made for.
    ///   - at: now; the time of a new journal, and in the name of a damaged one's copy.
    ///   - pageLimit: how many pages of 4096 bytes the file may have; nil: as many as the disk holds.
    /// - Throws: `Fault` when it cannot be opened or another engine has it, `Damage` when its bytes are
    ///   wrong; then it was copied aside and left as it is.
    package init(
        state: String, service: String, at now: Timestamp, pageLimit: Int? = nil
    ) throws {
        try Self.makeFolder(state)
        path = state + "/" + JournalFile.name
        lock = try EngineLock(path: state + "/engine.lock")
        mark = try HeadMark(path: state + "/" + HeadMark.name)
        do {
            try Self.requireFile(path, service: service, now: now)
            writer = try JournalFile.open(path, writable: true, pageLimit: pageLimit)
            identity = try writer.unsafeRead { [path, mark] database in
                try Self.check(database, path: path, service: service, mark: mark.mark)
            }
            reader = try JournalFile.open(path, writable: false)
            checkpointer = Checkpointer(database: try JournalFile.open(path, writable: true))
        } catch {
            switch JournalFile.translate(error, "open the journal", path) {
            case let damage as Damage:
                let done = JournalFile.setAside(path, at: now)
                throw Damage(
                    subject: damage.subject,
                    detail:
                        "\(damage.detail); \(done). Put a good copy in its place, or move it away "
                        + "to begin a new journal")
            case let other: throw other
            }
        }
    }

    // MARK: EventStore

    package var last: Int {
        get throws {
            try reading("read the journal") { try Self.head($0, identity).seq }
        }
    }

    package func append(_ drafts: [EventDraft], expecting last: Int) throws -> [EventRecord] {
        guard !drafts.isEmpty else { return [] }
        // SQLite ends a text at a zero byte; what comes back would not be what went in.
        guard !drafts.contains(where: { $0.body.utf8.contains(0) || $0.kind.utf8.contains(0) })
        else {
            throw Fault(
                operation: "append to the journal", subject: path, cause: "a zero byte in an event")
        }
        let records = try writing("append to the journal") { database in
            var head = try Self.head(database, identity)
            guard head.seq == last else {
                throw Fault(
                    operation: "append to the journal", subject: path,
                    cause: "it ends at event \(head.seq), not at \(last): someone else has written")
            }
            let insert = try database.cachedStatement(
                sql: "INSERT INTO events (seq, at, kind, body, hash) VALUES (?, ?, ?, ?, ?)")
            var records: [EventRecord] = []
            records.reserveCapacity(drafts.count)
            for draft in drafts {
                let seq = head.seq + 1
                let hash = Chain.hash(
                    after: head.hash, seq: seq, at: draft.at, kind: draft.kind, body: draft.body)
                insert.setUncheckedArguments([
                    seq, draft.at.milliseconds, draft.kind, draft.body, hash,
                ])
                try insert.execute()
                head = (seq, hash)
                records.append(
                    EventRecord(
                        seq: seq, at: draft.at, kind: draft.kind, body: draft.body, hash: hash))
            }
            return records
        }
        if let newest = records.last {
            mark.write(HeadMark.Mark(seq: newest.seq, hash: newest.hash))
        }
        checkpointer.wrote(drafts.count)
        return records
    }

    package func read(after: Int, limit: Int) throws -> [EventRecord] {
        try reading("read the journal") { try Self.records($0, after: after, limit: limit) }
    }

    package func firstBrokenLink() throws -> Int? {
        let mark = mark.mark
        return try reading("verify the journal") { database in
            let walk = try Self.walk(database, from: identity)
            return try walk.firstBroken ?? Self.missing(database, after: walk.last, mark, identity)
        }
    }

    package func save(_ snapshot: SituationSnapshot) throws {
        try writing("save a snapshot") { database in
            guard let link = try Self.hash(database, of: snapshot.seq, identity) else {
                throw Fault(
                    operation: "save a snapshot", subject: path,
                    cause: "there is no event \(snapshot.seq)")
            }
            try database.execute(
                sql: "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)",
                arguments: [snapshot.seq, snapshot.body, Chain.seal(of: snapshot, link: link)])
            try database.execute(
                sql: """
                    DELETE FROM snapshots WHERE seq NOT IN
                    (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?)
                    """, arguments: [Self.snapshotsKept])
        }
        checkpointer.wrote(1)
    }

    /// The newest snapshot that fits the journal; one that was changed or belongs to other events is
    /// passed over, for everything can be worked out from the events.
    package func snapshot() throws -> SituationSnapshot? {
        try reading("read a snapshot") { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT seq, body, seal FROM snapshots ORDER BY seq DESC")
            for row in rows {
                let snapshot = SituationSnapshot(seq: row[0], body: row[1])
                guard let link = try Self.hash(database, of: snapshot.seq, identity),
                    Chain.seal(of: snapshot, link: link) == row[2] as String
                else { continue }
                return snapshot
            }
            return nil
        }
    }

    // MARK: Access

    private func reading<Result>(
        _ operation: String, _ body: (Database) throws -> Result
    ) throws -> Result {
        do {
            return try reader.unsafeRead { database in
                var result: Result?
                // One read transaction: what is read belongs together.
                try database.inTransaction(.deferred) {
                    result = try body(database)
                    return .commit
                }
                return try result.orDefect()
            }
        } catch {
            throw JournalFile.translate(error, operation, path)
        }
    }

    /// In one transaction, which is on disk when this returns, or never was.
    private func writing<Result>(
        _ operation: String, _ body: (Database) throws -> Result
    ) throws -> Result {
        do {
            return try writer.writeWithoutTransaction { database in
                var result: Result?
                try database.inTransaction(.immediate) {
                    result = try body(database)
                    return .commit
                }
                return try result.orDefect()
            }
        } catch {
            throw JournalFile.translate(error, operation, path)
        }
    }

    private static func makeFolder(_ state: String) throws(Fault) {
        guard state.hasPrefix("/") else {
            throw Fault(
                operation: "open the journal", subject: state, cause: "it is not an absolute path")
        }
        let wanted = "/" + state.split(separator: "/").joined(separator: "/")
        var made = ""
        for part in state.split(separator: "/") {
            made += "/" + part
            // Only the last one is the engine's own; through the others its operators must pass.
            guard mkdir(made, made == wanted ? 0o750 : 0o755) == 0 else {
                if errno == EEXIST { continue }
                throw Fault(operation: "make the folder", subject: made, cause: systemError())
            }
            // A journal in a folder whose name is lost with the power would be lost with it.
            try JournalFile.syncFolder(of: made)
        }
        var info = stat()
        guard stat(state, &info) == 0, info.st_mode & S_IFMT == S_IFDIR else {
            throw Fault(operation: "open the journal", subject: state, cause: "it is no folder")
        }
    }

    /// Makes the file when there has never been one.
    private static func requireFile(_ path: String, service: String, now: Timestamp) throws {
        var info = stat()
        if stat(path, &info) == 0 {
            guard info.st_size > 0 else { throw Damage(subject: path, detail: "it is empty") }
            return
        }
        guard errno == ENOENT else {
            throw Fault(operation: "open the journal", subject: path, cause: systemError())
        }
        guard stat(path + "-wal", &info) != 0 else {
            throw Damage(subject: path, detail: "it is gone, and its log (-wal) is still there")
        }
        try JournalFile.create(at: path, service: service, now: now)
    }
}

extension Optional {
    /// The value that a transaction set; it is there whenever the transaction did not throw.
    func orDefect() throws -> Wrapped {
        guard let self else {
            throw Fault(operation: "use the journal", subject: "SQLite", cause: "no result")
        }
        return self
    }
}
