// The journal's promises in good times: order, numbers, reopening, snapshots, and one engine only.
import Domain
import Foundation
import GRDB
import Journal
import TestKit
import Testing

let noon = Timestamp(milliseconds: 1_767_614_400_000)

func drafts(_ count: Int, from: Int = 1) -> [EventDraft] {
    (from..<from + count).map {
        EventDraft(
            at: noon + .seconds(Double($0)), kind: "note", body: #"{"text":"number \#($0) ✓"}"#)
    }
}

func openStore(_ folder: TemporaryFolder, pageLimit: Int? = nil) throws -> SQLiteEventStore {
    try SQLiteEventStore(
        state: folder("state"), service: "demo", at: noon, pageLimit: pageLimit)
}

@Suite struct StoreTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder("journal") }

    @Test func `a new journal is empty and whole`() throws {
        let store = try openStore(folder)
        #expect(try store.last == 0)
        #expect(try store.read(after: 0, limit: 10).isEmpty)
        #expect(try store.firstBrokenLink() == nil)
        #expect(try store.snapshot() == nil)
        #expect(try store.append([], expecting: 99).isEmpty)
    }

    @Test func `events come back in order, numbered without gaps, as they were written`() throws {
        let store = try openStore(folder)
        let first = try store.append(drafts(3), expecting: 0)
        let second = try store.append(drafts(2, from: 4), expecting: 3)
        #expect((first + second).map(\.seq) == [1, 2, 3, 4, 5])
        #expect(try store.last == 5)
        #expect(try store.read(after: 0, limit: 100) == first + second)
        #expect(try store.read(after: 2, limit: 2).map(\.seq) == [3, 4])
        #expect(try store.read(after: 5, limit: 2).isEmpty)
        #expect(try store.read(after: 0, limit: 0).isEmpty)
        #expect(try store.firstBrokenLink() == nil)
    }

    @Test func `hashes are linked, and equal events have different ones`() throws {
        let store = try openStore(folder)
        let draft = EventDraft(at: noon, kind: "note", body: "{}")
        let records = try store.append([draft, draft], expecting: 0)
        #expect(Set(records.map(\.hash)).count == 2)
        #expect(
            records.allSatisfy { $0.hash.count == 64 && $0.hash.allSatisfy(\.isHexDigit) })
    }

    /// The way a hash is made is for ever: this one was worked out by another program.
    @Test func `a hash never changes from one release to the next`() throws {
        let store = try openStore(folder)
        let draft = EventDraft(at: noon, kind: "note", body: #"{"text":"ü"}"#)
        let record = try #require(try store.append([draft], expecting: 0).first)
        #expect(
            record.hash == "4e1b4f2d121e4755c2551beadcf81ac2e2be4d64df535fc1426efd27f04cf0fe"
        )
    }

    @Test func `a wrong expectation writes nothing`() throws {
        let store = try openStore(folder)
        _ = try store.append(drafts(2), expecting: 0)
        for wrong in [0, 1, 3] {
            let fault = #expect(throws: Fault.self) {
                try store.append(drafts(1, from: 3), expecting: wrong)
            }
            #expect(fault?.cause.contains("event 2") == true)
        }
        #expect(try store.last == 2)
    }

    @Test func `a zero byte is refused, for SQLite would cut the text there`() throws {
        let store = try openStore(folder)
        #expect(throws: Fault.self) {
            try store.append(
                [EventDraft(at: noon, kind: "note", body: "a\u{0}b")], expecting: 0)
        }
        #expect(try store.last == 0)
    }

    @Test func `a journal that is opened again goes on where it was`() throws {
        var written: [EventRecord] = []
        for round in 0..<3 {
            let store = try openStore(folder)
            #expect(try store.last == round * 4)
            written += try store.append(drafts(4, from: round * 4 + 1), expecting: round * 4)
        }
        let store = try openStore(folder)
        #expect(try store.read(after: 0, limit: 100) == written)
        #expect(try store.firstBrokenLink() == nil)
    }

    @Test func `the newest of two snapshots is read`() throws {
        let store = try openStore(folder)
        _ = try store.append(drafts(9), expecting: 0)
        for seq in [3, 5, 9] { try store.save(SituationSnapshot(seq: seq, body: "up to \(seq)")) }
        #expect(try store.snapshot() == SituationSnapshot(seq: 9, body: "up to 9"))
        #expect(throws: Fault.self) { try store.save(SituationSnapshot(seq: 10, body: "")) }
        let kept = try inspect(folder) {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM snapshots")
        }
        #expect(kept == 2)
    }

    @Test func `a snapshot of the beginning can be saved`() throws {
        let store = try openStore(folder)
        try store.save(SituationSnapshot(seq: 0, body: "nothing yet"))
        #expect(try store.snapshot()?.body == "nothing yet")
    }

    @Test func `a second engine is kept out, and told which pid holds the state`() throws {
        let store = try openStore(folder)
        let fault = #expect(throws: Fault.self) { _ = try openStore(folder) }
        #expect(fault?.cause.contains("pid \(getpid())") == true)
        #expect(try store.append(drafts(1), expecting: 0).count == 1)
    }

    @Test func `the state is free again when the store goes`() throws {
        do { _ = try openStore(folder) }
        _ = try openStore(folder)
    }

    @Test func `another service's journal is refused`() throws {
        do { _ = try openStore(folder) }
        let fault = #expect(throws: Fault.self) {
            _ = try SQLiteEventStore(state: folder("state"), service: "other", at: noon)
        }
        #expect(fault?.cause.contains("demo") == true)
    }

    @Test func `the folder and the file are for the owner and the group`() throws {
        let store = try openStore(folder)
        func mode(_ path: String) -> mode_t {
            var info = stat()
            return stat(path, &info) == 0 ? info.st_mode & 0o777 : 0
        }
        #expect(mode(folder("state")) & 0o027 == 0)
        #expect(mode(store.path) & 0o137 == 0)
    }

    @Test func `a path that is no folder is refused`() throws {
        let file = try folder.write("file", "text")
        #expect(throws: Fault.self) {
            _ = try SQLiteEventStore(state: file, service: "demo", at: noon)
        }
        #expect(throws: Fault.self) {
            _ = try SQLiteEventStore(state: "relative", service: "demo", at: noon)
        }
    }

    @Test func `reading goes on while another thread writes`() async throws {
        let store = try openStore(folder)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for seq in 0..<200 {
                    _ = try store.append(drafts(1, from: seq + 1), expecting: seq)
                }
            }
            group.addTask {
                var seen = 0
                while seen < 200 {
                    let records = try store.read(after: seen, limit: 1000)
                    #expect(records.map(\.seq) == Array(seen + 1..<seen + 1 + records.count))
                    seen += records.count
                    await Task.yield()
                }
            }
            try await group.waitForAll()
        }
        #expect(try store.firstBrokenLink() == nil)
    }
}
