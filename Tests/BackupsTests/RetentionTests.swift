// Which backups stay, and what the list says of them.
import Backups
import Domain
import Files
import GRDB
import Glibc
import TestKit
import Testing

@Suite struct RetentionTests {
    let place: Place
    init() throws {
        place = try Place()
        try place.write("x", "content")
    }

    private func day(_ number: Double) -> Timestamp { Place.moment + .hours(24 * number) }
    private func damage(_ receipt: BackupReceipt) throws {
        try Files.replace(
            RawPath(receipt.path).appending("files/x"), with: Array("c0ntent".utf8), mode: 0o644)
        #expect(try !place.keeper.differences(receipt).isEmpty)
    }

    @Test func `the list says what the last look at a backup found`() throws {
        let receipt = try place.take(place.definition(["x"]))
        func listed() throws -> BackupReceipt {
            try #require(try place.keeper.list(place.definition()).first)
        }
        #expect(try listed().checkedAt == nil && listed().verified)
        #expect(try listed().sha256?.count == 64)
        _ = try place.keeper.differences(receipt)
        #expect(try listed().checkedAt != nil && listed().problem == nil)
        try damage(receipt)
        #expect(try !listed().verified)
        #expect(try listed().problem == "x has another content (SHA-256)")
        let content = RawPath(receipt.path).appending("files/x")
        let mode = try #require(try Files.status(place.path("x"))).mode
        try Files.replace(content, with: Array("content".utf8), mode: mode)
        #expect(try place.keeper.differences(receipt).isEmpty)
        #expect(try listed().verified, "mended")
        #expect(try place.kept() == [receipt.id], "nothing but backups lies beside them")
    }

    @Test func `what lost its manifest, checksum or receipt is a damaged backup`() throws {
        let definition = place.definition(["x"])
        let older = try place.take(definition, at: day(0))
        var number = 0.0
        for lost in [["manifest.json"], ["manifest.sha256"], ["manifest.json", "manifest.sha256"]] {
            number += 1
            let receipt = try place.take(definition, at: day(number))
            for name in lost { try Files.remove(RawPath(receipt.path).appending(name)) }
            let newest = try #require(try place.keeper.list(definition).first)
            #expect(newest.id == receipt.id && !newest.verified)
            #expect(newest.problem == lost.joined(separator: " and ") + " is missing")
            #expect(try place.keeper.differences(newest) == lost.map { "\($0) is missing" })
        }
        let doubt = try #require(try place.keeper.list(definition).doubtOfNewest)
        #expect(doubt.why.contains("manifest.json") && doubt.older?.id == older.id)
        for content in [nil, "", "{}"] as [String?] {
            number += 1
            let receipt = try place.take(definition, at: day(number))
            let file = RawPath(receipt.path).appending("receipt.json")
            if let content {
                try Files.replace(file, with: Array(content.utf8))
            } else {
                try Files.remove(file)
            }
            let newest = try #require(try place.keeper.list(definition).first)
            #expect(newest.id == receipt.id && !newest.verified && newest.files == 1)
            #expect(newest.problem?.hasPrefix("receipt.json is") == true)
            #expect(try place.keeper.differences(newest).count == 1)
        }
        number += 1
        let receipt = try place.take(definition, at: day(number))
        try Files.remove(RawPath(receipt.path).appending("manifest.json"))
        try Files.replace(RawPath(receipt.path).appending("receipt.json"), with: [])
        let blank = try #require(try place.keeper.list(definition).first)
        #expect(blank.id == receipt.id && blank.at == receipt.at && !blank.verified)
    }

    @Test func `a folder without a receipt and a manifest is no backup`() throws {
        let receipt = try place.take(place.definition(["x"]))
        try Files.remove(RawPath(receipt.path).appending("receipt.json"))
        try Files.remove(RawPath(receipt.path).appending("manifest.json"))
        #expect(try place.keeper.list(place.definition()).isEmpty)
    }

    @Test func `a damaged backup does not count for those that are kept`() throws {
        let definition = place.definition(["x"], last: 2)
        let first = try place.take(definition, at: day(0))
        let second = try place.take(definition, at: day(1))
        try damage(second)
        let third = try place.take(definition, at: day(2))
        #expect(
            try place.kept() == [first.id, second.id, third.id], "two of these three are whole")
        let fourth = try place.take(definition, at: day(3))
        #expect(try place.kept() == [third.id, fourth.id])
    }

    @Test func `the newest whole one stays, however old`() throws {
        let old = try place.take(place.definition(["x"]), at: day(0))
        let damaged = try place.take(place.definition(["x"]), at: day(1))
        try damage(damaged)
        // The clock is wrong: what is taken now seems to be the oldest.
        let now = try place.take(place.definition(["x"], last: 1, days: 1), at: day(-10))
        #expect(try place.kept() == [now.id, old.id, damaged.id])
        #expect(try place.keeper.list(place.definition()).first(where: \.verified)?.id == old.id)
    }

    @Test func `a backup that a procedure rests on stays`() throws {
        let first = try place.take(place.definition(["x"]), at: day(0))
        try place.take(place.definition(["x"]), at: day(1))
        var definition = place.definition(["x"], last: 1, days: 1)
        definition.held = [first.id]
        var words: [String] = []
        let third = try place.take(definition, at: day(9)) { words.append($0) }
        #expect(try place.kept() == [first.id, third.id])
        #expect(words.contains("backup \(first.id) stays: a procedure still rests on it"))
        definition.held = []
        let last = try place.take(definition, at: day(10))
        #expect(try place.kept() == [last.id])
    }
}

/// A database with a few rows.
enum SmallDatabase {
    static func make(_ path: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write {
            try $0.execute(sql: "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)")
        }
        try queue.close()
    }
}
