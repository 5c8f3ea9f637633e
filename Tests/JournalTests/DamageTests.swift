// The journal's promises in bad times: changed, missing and broken bytes are found and never lost.
import Domain
import Foundation
import GRDB
import Journal
import TestKit
import Testing

/// Looks at or changes the file behind the journal's back.
func inspect<Result>(
    _ folder: TemporaryFolder, _ body: (Database) throws -> Result
) throws -> Result {
    let queue = try DatabaseQueue(path: folder("state/journal.db"))
    defer { try? queue.close() }
    return try queue.writeWithoutTransaction(body)
}

@Suite struct DamageTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder("damage") }

    func copies() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder("state"))
            .filter { $0.contains(".damaged-") && !$0.hasSuffix("-wal") }
    }

    struct Change: CustomTestStringConvertible, Sendable {
        var what: String
        var sql: String
        var found: Int
        var testDescription: String { what }
    }
    static let changes = [
        Change(
            what: "one byte of a body",
            sql: "UPDATE events SET body = replace(body, '7', '8') WHERE seq = 7", found: 7),
        Change(what: "a time", sql: "UPDATE events SET at = at + 1 WHERE seq = 4", found: 4),
        Change(what: "a kind", sql: "UPDATE events SET kind = 'notes' WHERE seq = 2", found: 2),
        Change(
            what: "a hash",
            sql: "UPDATE events SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 9",
            found: 9),
        Change(what: "a number", sql: "UPDATE events SET seq = 70 WHERE seq = 20", found: 20),
        Change(
            what: "a row in the middle is gone", sql: "DELETE FROM events WHERE seq = 5", found: 5),
        Change(what: "the first row is gone", sql: "DELETE FROM events WHERE seq = 1", found: 1),
        Change(what: "the last row is gone", sql: "DELETE FROM events WHERE seq = 20", found: 20),
        Change(what: "every row is gone", sql: "DELETE FROM events", found: 1),
        Change(
            what: "two rows have changed places",
            sql: """
                UPDATE events SET seq = -1 WHERE seq = 11; UPDATE events SET seq = 11 WHERE seq = 12;
                UPDATE events SET seq = 12 WHERE seq = -1
                """, found: 11),
        Change(
            what: "a row was added",
            sql: "INSERT INTO events SELECT 21, at, kind, body, hash FROM events WHERE seq = 20",
            found: 21),
        Change(
            what: "the service", sql: "UPDATE meta SET value = 'demo2' WHERE name = 'service'",
            found: 1),
    ]

    @Test(arguments: changes)
    func `a change is found`(_ change: Change) throws {
        let store = try openStore(folder)
        _ = try store.append(drafts(20), expecting: 0)
        #expect(try store.firstBrokenLink() == nil)
        try inspect(folder) { try $0.execute(sql: change.sql) }
        if change.what != "the service" {
            // The service and the time of creation are read when the journal is opened.
            #expect(try store.firstBrokenLink() == change.found)
        }
        let report = try JournalVerification.verify(state: folder("state"))
        #expect(report.firstBroken == change.found)
        #expect(report.events == change.found - 1)
    }

    @Test func `a whole journal verifies beside a running engine`() throws {
        let store = try openStore(folder)
        _ = try store.append(drafts(20), expecting: 0)
        let report = try JournalVerification.verify(state: folder("state"))
        #expect(report.service == "demo")
        #expect(report.events == 20)
        #expect(report.firstBroken == nil)
    }

    @Test func `a broken end is set aside once, and the journal is left as it is`() throws {
        do {
            let store = try openStore(folder)
            _ = try store.append(drafts(20), expecting: 0)
        }
        try inspect(folder) { try $0.execute(sql: "UPDATE events SET body = '{}' WHERE seq = 19") }
        for _ in 0..<3 {
            let damage = #expect(throws: Damage.self) { _ = try openStore(folder) }
            #expect(damage?.detail.contains("event 19") == true)
            #expect(damage?.detail.contains("journal.db.damaged-") == true)
        }
        #expect(try copies().count == 1)
        #expect(
            try inspect(folder) { try Int.fetchOne($0, sql: "SELECT count(*) FROM events") } == 20)
    }

    @Test func `a file that is no database is set aside`() throws {
        do { _ = try openStore(folder) }
        try Data(String(repeating: "no database ", count: 1000).utf8)
            .write(to: URL(filePath: folder("state/journal.db")))
        #expect(throws: Damage.self) { _ = try openStore(folder) }
        let copy = try #require(try copies().first)
        #expect(
            FileManager.default.contentsEqual(
                atPath: folder("state/journal.db"), andPath: folder("state/" + copy)))
    }

    @Test func `a database that is no journal is set aside`() throws {
        try FileManager.default.createDirectory(
            atPath: folder("state"), withIntermediateDirectories: true)
        try inspect(folder) { try $0.execute(sql: "CREATE TABLE other (a)") }
        #expect(throws: Damage.self) { _ = try openStore(folder) }
        #expect(try copies().count == 1)
    }

    @Test func `an emptied file is damage, not a new journal`() throws {
        do {
            let store = try openStore(folder)
            _ = try store.append(drafts(3), expecting: 0)
        }
        try Data().write(to: URL(filePath: folder("state/journal.db")))
        #expect(throws: Damage.self) { _ = try openStore(folder) }
    }

    @Test func `a page of rubbish is damage and not a crash`() throws {
        do {
            let store = try openStore(folder)
            _ = try store.append(drafts(2000), expecting: 0)
        }
        // Every page but the first, so that wherever the events are, they are hit.
        let file = try #require(FileHandle(forUpdatingAtPath: folder("state/journal.db")))
        let size = try file.seekToEnd()
        try file.seek(toOffset: 4096)
        try file.write(contentsOf: Data(repeating: 0xA5, count: Int(size) - 4096))
        try file.close()
        #expect(throws: Damage.self) { _ = try openStore(folder) }
        #expect(throws: Damage.self) { try JournalVerification.verify(state: folder("state")) }
    }

    @Test func `an older copy in the journal's place is damage`() throws {
        do {
            let store = try openStore(folder)
            _ = try store.append(drafts(5), expecting: 0)
        }
        try FileManager.default.copyItem(atPath: folder("state/journal.db"), toPath: folder("old"))
        do {
            let store = try openStore(folder)
            _ = try store.append(drafts(3, from: 6), expecting: 5)
        }
        try FileManager.default.removeItem(atPath: folder("state/journal.db"))
        try FileManager.default.copyItem(atPath: folder("old"), toPath: folder("state/journal.db"))
        let damage = #expect(throws: Damage.self) { _ = try openStore(folder) }
        #expect(damage?.detail.contains("had come to event 8") == true)
        #expect(try JournalVerification.verify(state: folder("state")).firstBroken == 6)
        // Whoever knows what they do removes the mark, and goes on from there.
        try FileManager.default.removeItem(atPath: folder("state/journal.head"))
        #expect(try openStore(folder).last == 5)
    }

    @Test func `a log that was damaged or deleted after a crash is damage`() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = folder.path as String] in
            try Writer.writeUntilKilled(in: path, acknowledgements: 40)
        }
        let log = folder("state/journal.db-wal")
        try #require(FileManager.default.fileExists(atPath: log))
        let whole = try Data(contentsOf: URL(filePath: log))
        for cut in [whole.count / 2, 0] {
            try whole.prefix(cut).write(to: URL(filePath: log))
            // Only the damaged file is looked at: what SQLite makes of it must not reach the next round.
            let copy = try TemporaryFolder("copy")
            for name in ["journal.db", "journal.db-wal", "journal.head"] {
                try copy.write("state/placeholder", "")
                try FileManager.default.copyItem(
                    atPath: folder("state/" + name), toPath: copy("state/" + name))
            }
            #expect(throws: Damage.self) { _ = try openStore(copy) }
        }
    }

    @Test func `a mark that cannot be read is no mark`() throws {
        do {
            let store = try openStore(folder)
            _ = try store.append(drafts(2), expecting: 0)
        }
        try folder.write("state/journal.head", "rubbish")
        let store = try openStore(folder)
        #expect(try store.append(drafts(1, from: 3), expecting: 2).count == 1)
    }

    /// The power may go in the middle of writing it: the beginning is new, the rest is old.
    @Test func `a mark that was torn is no mark, wherever it is torn`() throws {
        let place = URL(filePath: folder("state/journal.head"))
        func marked(_ count: Int, after last: Int) throws -> Data {
            let store = try openStore(folder)
            _ = try store.append(drafts(count, from: last + 1), expecting: last)
            return try Data(contentsOf: place)
        }
        let old = try marked(9, after: 0)
        let new = try marked(1, after: 9)
        for cut in 1..<new.count {
            try (new.prefix(cut) + old.dropFirst(cut)).write(to: place)
            #expect(try openStore(folder).last == 10, "torn after \(cut) bytes")
            try new.prefix(cut).write(to: place)
            #expect(try openStore(folder).last == 10, "cut after \(cut) bytes")
        }
    }

    @Test func `the mark of an earlier version is read`() throws {
        do {
            let store = try openStore(folder)
            _ = try store.append(drafts(2), expecting: 0)
        }
        let zeros = String(repeating: "0", count: 19)
        let hash = String(repeating: "a", count: 64)
        try folder.write("state/journal.head", "\(zeros)5 \(hash)\n")
        let damage = #expect(throws: Damage.self) { _ = try openStore(folder) }
        #expect(damage?.detail.contains("had come to event 5") == true)
    }

    @Test func `a log without its journal is damage`() throws {
        do { _ = try openStore(folder) }
        try FileManager.default.removeItem(atPath: folder("state/journal.db"))
        try folder.write("state/journal.db-wal", "left behind")
        let damage = #expect(throws: Damage.self) { _ = try openStore(folder) }
        #expect(damage?.detail.contains("-wal") == true)
    }

    @Test func `an unfinished beginning is made anew`() throws {
        try folder.write("state/journal.db.new", "half a journal")
        let store = try openStore(folder)
        #expect(try store.append(drafts(1), expecting: 0).count == 1)
    }

    @Test func `a newer format is left alone`() throws {
        do { _ = try openStore(folder) }
        try inspect(folder) {
            try $0.execute(sql: "UPDATE meta SET value = '2' WHERE name = 'format'")
        }
        let fault = #expect(throws: Fault.self) { _ = try openStore(folder) }
        #expect(fault?.cause.contains("format 2") == true)
        #expect(try copies().isEmpty)
    }

    @Test(arguments: [
        "UPDATE snapshots SET body = 'lies' WHERE seq = 6",
        "UPDATE snapshots SET seq = 5 WHERE seq = 6",
        "UPDATE snapshots SET seal = '' WHERE seq = 6",
    ])
    func `a changed snapshot is passed over`(_ sql: String) throws {
        let store = try openStore(folder)
        _ = try store.append(drafts(6), expecting: 0)
        try store.save(SituationSnapshot(seq: 3, body: "three"))
        try store.save(SituationSnapshot(seq: 6, body: "six"))
        try inspect(folder) { try $0.execute(sql: sql) }
        #expect(try store.snapshot() == SituationSnapshot(seq: 3, body: "three"))
    }

    // MARK: Disks that refuse

    @Test func `a full database refuses with a fault, writes nothing, and goes on afterwards`()
        throws
    {
        let big = EventDraft(at: noon, kind: "note", body: String(repeating: "x", count: 20_000))
        do {
            let store = try openStore(folder, pageLimit: 40)
            var last = 0
            let fault = #expect(throws: Fault.self) {
                while last < 1000 {
                    last = try store.append([big, big], expecting: last).last?.seq ?? 0
                }
            }
            #expect(fault?.cause.contains("full") == true)
            #expect(fault?.retry == true)
            #expect(last > 0)
            #expect(try store.last == last)
            #expect(try store.read(after: 0, limit: 1000).count == last)
            #expect(try store.firstBrokenLink() == nil)
        }
        let store = try openStore(folder)
        let last = try store.last
        #expect(try store.append([big], expecting: last).count == 1)
    }

    /// Mounting needs the rights of root; without them the test above stands for this one.
    @Test(.enabled(if: canMount, "needs the right to mount a small tmpfs"))
    func `a full disk refuses with a fault and loses nothing`() throws {
        let place = folder("disk")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try #require(mount("tmpfs", place, "tmpfs", 0, "size=512k") == 0)
        defer { umount2(place, Int32(MNT_DETACH)) }
        let draft = EventDraft(at: noon, kind: "note", body: String(repeating: "x", count: 2000))
        var last = 0
        do {
            let store = try SQLiteEventStore(state: place + "/state", service: "demo", at: noon)
            let fault = #expect(throws: Fault.self) {
                while last < 10_000 {
                    last = try store.append([draft], expecting: last).last?.seq ?? 0
                }
            }
            #expect(fault?.cause.contains("nothing was written") == true)
            #expect(try store.last == last)
            #expect(try store.firstBrokenLink() == nil)
        }
        let store = try SQLiteEventStore(state: place + "/state", service: "demo", at: noon)
        #expect(try store.last == last)
    }

    @Test func `a place that cannot be written to is a fault`() throws {
        #expect(throws: Fault.self) {
            _ = try SQLiteEventStore(state: "/proc/tocsin", service: "demo", at: noon)
        }
    }
}

/// Whether this process may mount; tried once.
let canMount: Bool = {
    guard let folder = try? TemporaryFolder("mount"),
        mount("tmpfs", folder.path, "tmpfs", 0, "size=64k") == 0
    else { return false }
    umount2(folder.path, Int32(MNT_DETACH))
    return true
}()
