// Reading the journal's rows, and proving that they are what was written.
import Domain
import GRDB

extension SQLiteEventStore {
    /// The newest event's number and hash: what the next one is linked to.
    static func head(
        _ database: Database, _ identity: JournalFile.Identity
    ) throws -> (seq: Int, hash: String) {
        let statement = try database.cachedStatement(
            sql: "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
        guard let row = try Row.fetchOne(statement) else { return (0, identity.first) }
        return (row[0], row[1])
    }

    static func records(_ database: Database, after: Int, limit: Int) throws -> [EventRecord] {
        let statement = try database.cachedStatement(
            sql: "SELECT seq, at, kind, body, hash FROM events WHERE seq > ? ORDER BY seq LIMIT ?")
        statement.setUncheckedArguments([after, max(0, limit)])
        let rows = try Row.fetchCursor(statement)
        var records: [EventRecord] = []
        while let row = try rows.next() {
            records.append(
                EventRecord(
                    seq: row[0], at: Timestamp(milliseconds: row[1]), kind: row[2], body: row[3],
                    hash: row[4]))
        }
        return records
    }

    /// The hash of an event; that of the beginning for 0; nil when there is no such event.
    static func hash(
        _ database: Database, of seq: Int, _ identity: JournalFile.Identity
    ) throws -> String? {
        if seq == 0 { return identity.first }
        return try String.fetchOne(
            database, sql: "SELECT hash FROM events WHERE seq = ?", arguments: [seq])
    }

    /// What a look at the whole chain, or at its end, has found.
    struct Walk {
        var last: Int
        /// The first event that is not what was written, or is missing.
        var firstBroken: Int?
    }

    /// Compares each event with its hash, from `seq` on (1: all).
    static func walk(
        _ database: Database, from identity: JournalFile.Identity, seq start: Int = 1
    ) throws -> Walk {
        var last = start - 1
        guard var previous = try hash(database, of: last, identity) else {
            return Walk(last: last, firstBroken: last)
        }
        while true {
            let records = try records(database, after: last, limit: 2000)
            for record in records {
                let hash = Chain.hash(
                    after: previous, seq: last + 1, at: record.at, kind: record.kind,
                    body: record.body)
                guard record.seq == last + 1, record.hash == hash else {
                    return Walk(last: last, firstBroken: last + 1)
                }
                last += 1
                previous = hash
            }
            if records.isEmpty { return Walk(last: last, firstBroken: nil) }
        }
    }

    /// The first event that the mark proves to be missing or replaced; nil when there is none.
    static func missing(
        _ database: Database, after last: Int, _ mark: HeadMark.Mark?,
        _ identity: JournalFile.Identity
    ) throws -> Int? {
        guard let mark else { return nil }
        if mark.seq > last { return last + 1 }
        return try hash(database, of: mark.seq, identity) == mark.hash ? nil : mark.seq
    }

    /// What must hold before a journal is used.
    static func check(
        _ database: Database, path: String, service: String, mark: HeadMark.Mark?
    ) throws -> JournalFile.Identity {
        guard try database.tableExists("meta"), let identity = try JournalFile.identity(database)
        else {
            throw Damage(subject: path, detail: "it is a database, but no journal")
        }
        guard identity.format <= JournalFile.format else {
            throw Fault(
                operation: "open the journal", subject: path,
                cause: "a newer program wrote it (format \(identity.format)); use that one")
        }
        guard identity.service == service else {
            throw Fault(
                operation: "open the journal", subject: path,
                cause: "it belongs to the service \(identity.service), not to \(service); "
                    + "name another folder with --state")
        }
        let end = try head(database, identity).seq
        let from = max(1, end - checkedOnOpening + 1)
        if let broken = try walk(database, from: identity, seq: from).firstBroken {
            throw Damage(
                subject: path, detail: "event \(broken) is not what was written, or is missing")
        }
        if let missing = try missing(database, after: end, mark, identity), let mark {
            throw Damage(
                subject: path,
                detail:
                    "it had come to event \(mark.seq), and from event \(missing) on it is gone or "
                    + "another (remove \(HeadMark.name) to use it nevertheless)")
        }
        return identity
    }
}

/// What reading a journal from its beginning to its end has shown.
package struct JournalVerification: Sendable, Equatable {
    package var service: String
    /// How many events are as they were written.
    package var events: Int
    /// The first that is not, or is missing; nil when the journal is whole.
    package var firstBroken: Int?

    /// Verifies the journal of a state's folder without changing anything, also beside a running engine.
    /// - Throws: `Fault` when it cannot be read, `Damage` when it is no journal.
    package static func verify(state: String) throws -> JournalVerification {
        let path = state + "/" + JournalFile.name
        do {
            // Read first: a running engine moves the mark after the journal, never before it.
            let mark = HeadMark.read(path: state + "/" + HeadMark.name)
            let database = try JournalFile.open(path, writable: false)
            return try database.unsafeRead { database in
                var result: JournalVerification?
                // One transaction, so that what a running engine adds meanwhile is not half seen.
                try database.inTransaction(.deferred) {
                    result = try verify(database, path: path, mark: mark)
                    return .commit
                }
                return try result.orDefect()
            }
        } catch {
            throw JournalFile.translate(error, "verify the journal", path)
        }
    }

    private static func verify(
        _ database: Database, path: String, mark: HeadMark.Mark?
    ) throws -> JournalVerification {
        guard try database.tableExists("meta"), let identity = try JournalFile.identity(database)
        else {
            throw Damage(subject: path, detail: "it is a database, but no journal")
        }
        let walk = try SQLiteEventStore.walk(database, from: identity)
        let missing = try SQLiteEventStore.missing(database, after: walk.last, mark, identity)
        return JournalVerification(
            service: identity.service, events: walk.last, firstBroken: walk.firstBroken ?? missing)
    }
}
