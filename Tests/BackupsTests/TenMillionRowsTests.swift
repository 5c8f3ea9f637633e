// A database of ten million rows: backed up, tried out, harmed and restored, in memory that does not grow.
import Backups
import Domain
import FoundationEssentials
import Glibc
import TestKit
import Testing

private let triesEverything =
    ProcessInfo.processInfo.environment["TOCSIN_TRY_EVERYTHING"] == "1"

@Suite(.serialized) struct TenMillionRowsTests {
    let place: Place
    init() throws { place = try Place() }

    @Test(.enabled(if: triesEverything), arguments: ServerKind.allCases)
    func `ten million rows come back byte for byte`(kind: ServerKind) async throws {
        let process = try await kind.start()
        let server = try await kind.database(on: process)
        let clock = ContinuousClock()
        var start = clock.now
        func lap(_ what: String) {
            print(
                "ten million rows, \(kind): \(what) in \(clock.now - start); at most \(memory) MiB")
            start = clock.now
        }
        let columns =
            "id INT PRIMARY KEY, owner INT, raw \(kind == .mariaDB ? "VARBINARY(16)" : "BYTEA"), t TEXT"
        let rows =
            kind == .mariaDB
            ? "SELECT seq, seq % 1000, UNHEX(MD5(seq)), CONCAT('Grüße 👩‍🚒 ', seq) FROM seq_1_to_10000000"
            : "SELECT n, n % 1000, decode(md5(n::text), 'hex'), 'Grüße 👩‍🚒 ' || n FROM generate_series(1, 10000000) n"
        try kind.run(
            [
                "CREATE TABLE owners (id INT PRIMARY KEY)",
                kind == .mariaDB
                    ? "INSERT INTO owners SELECT seq FROM seq_0_to_999"
                    : "INSERT INTO owners SELECT generate_series(0, 999)",
                "CREATE TABLE many (\(columns), FOREIGN KEY (owner) REFERENCES owners (id))",
                "INSERT INTO many \(rows)",
            ], server, within: .hours(1))
        lap("made")
        let before = try await kind.dumpDigest(server)
        lap("dumped by the tool alone")
        let sources = [kind.source(server)]
        let receipt = try place.keeper.take(
            place.definition(databases: ["main"]), folder: place.folder, sources: sources,
            at: Place.moment, progress: { _ in })
        lap("backed up and tried out (\(receipt.bytes >> 20) MiB)")
        #expect(receipt.verified)
        #expect(receipt.rows == 10_001_000)
        #expect(try place.keeper.differences(receipt).isEmpty)
        lap("read back and compared")
        try kind.run(["DROP TABLE many"], server)
        try place.keeper.restoreDatabase(receipt, source: sources[0]) { _ in }
        lap("restored")
        #expect(try await kind.dumpDigest(server) == before)
        try await process.kill()
    }

    /// MiB that this process had at most.
    private var memory: Int {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss / 1024
    }
}
