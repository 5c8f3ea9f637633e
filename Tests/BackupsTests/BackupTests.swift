// Backups: what comes back is what was there, and nothing that was changed goes unnoticed.
import Backups
import Dispatch
import Domain
import Files
import FoundationEssentials
import GRDB
import Glibc
import Synchronization
import TestKit
import Testing

/// A folder to be kept, and a place to keep it.
final class Place: Sendable {
    let root: TemporaryFolder
    let keeper = FileBackupKeeper(secrets: NoSecrets())
    var folder: String { root("folder") }
    var store: String { root("backups") }

    init() throws {
        root = try TemporaryFolder("backups")
        try FileManager.default.createDirectory(
            atPath: root("folder"), withIntermediateDirectories: true)
    }

    func write(_ name: String, _ text: String) throws { try root.write("folder/\(name)", text) }
    func path(_ name: String) -> RawPath { RawPath(folder).appending(name) }

    func definition(
        _ files: [String] = [], databases: [String] = [], last: Int? = nil, days: Int? = nil
    ) -> BackupDefinition {
        BackupDefinition(
            to: store, keepLast: last, keepDays: days, files: files, databases: databases)
    }
    var sources: [DataSource] {
        [DataSource(name: "main", kind: .sqlite(path: root("folder/app.db")))]
    }
    /// 2026-01-05T14:03:27Z.
    static let moment = Timestamp(milliseconds: 1_767_621_807_000)

    @discardableResult
    func take(
        _ definition: BackupDefinition, at: Timestamp = moment, keeper: FileBackupKeeper? = nil,
        progress: (String) -> Void = { _ in }
    ) throws -> BackupReceipt {
        try (keeper ?? self.keeper).take(
            definition, folder: folder, sources: sources, at: at, progress: progress)
    }

    func restore(_ receipt: BackupReceipt, _ paths: [String]? = nil) throws {
        try keeper.restoreFiles(receipt, paths: paths, folder: folder, progress: { _ in })
    }

    /// Everything in the folder: kind, mode, owner, time, name and content.
    func picture() throws -> [String] {
        let folder = RawPath(folder)
        var lines: [String] = []
        try Files.walk(folder) { path, status throws(Fault) in
            var line =
                "\(status.kind) \(String(status.mode, radix: 8)) \(status.user):\(status.group) "
                + "\(status.modified) \(path.bytes)"
            switch status.kind {
            case .file: line += " \(digest(try Files.read(folder.appending(path))))"
            case .link: line += " → \(try Files.target(of: folder.appending(path)))"
            case .folder, .other: break
            }
            lines.append(line)
        }
        return lines
    }

    /// The names in the place of backups.
    func kept() throws -> [String] {
        try Files.names(in: RawPath(store)).map(\.description).filter { !$0.hasPrefix(".") }
    }
}

struct NoSecrets: SecretReader {
    func read(_ secret: Secret) throws -> String {
        throw Fault(operation: "read a secret", subject: secret.label, cause: "there are none here")
    }
}

/// The words of the fault or damage that something throws.
func trouble(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "no trouble"
    } catch {
        return "\(error)"
    }
}

@Suite struct BackupTests {
    let place: Place
    init() throws { place = try Place() }

    /// Names, modes, links and contents that are seldom met.
    private func fill() throws {
        try place.write("templates/base.html", "base")
        try place.write("templates/empty", "")
        try place.write("templates/a b\nc\t👩‍🚒", "odd")
        try place.write("templates/.hidden", "hidden")
        try place.write("static/js/deep/x.js", "deep")
        try place.write("static/js/setuid", "s")
        try place.write("web_app.py", "code")
        try place.write("web_other.py", "code")
        try place.write("unasked", "no")
        let bytes = RawPath(bytes: Array(place.path("templates/").bytes) + [0xFF, 0xFE, 0x2E])
        try Files.replace(bytes, with: [0, 1, 255, 10])
        try Files.makeLink(place.path("templates/link"), to: RawPath("../nowhere"))
        try Files.makeLink(place.path("templates/folder-link"), to: RawPath("/"))
        try Files.makeLink(place.path("current"), to: RawPath("unasked"))
        _ = place.path("static/js/setuid").withCString { chmod($0, 0o6711) }
        _ = place.path("templates/.hidden").withCString { chmod($0, geteuid() == 0 ? 0 : 0o400) }
        _ = place.path("static/js/deep").withCString { chmod($0, 0o1750) }
        _ = place.path("templates/base.html").withCString {
            utimensat(
                AT_FDCWD, $0,
                [
                    timespec(tv_sec: 5, tv_nsec: 0),
                    timespec(tv_sec: 1_000_001, tv_nsec: 123_456_789),
                ], 0)
        }
        if geteuid() == 0 { _ = place.path("web_app.py").withCString { chown($0, 1234, 4321) } }
        try sparse("static/sparse")
    }

    /// 8 MiB, of which a few bytes are written.
    private func sparse(_ name: String) throws {
        let file = try Files.open(place.path(name), O_RDWR | O_CREAT, "write")
        defer { close(file) }
        pwrite(file, "in the middle", 13, 3 << 20)
        ftruncate(file, 8 << 20)
    }
    private let files = ["templates", "static", "web_*.py", "current"]

    @Test func `everything comes back as it was`() throws {
        try fill()
        let before = try place.picture()
        var words: [String] = []
        let receipt = try place.take(place.definition(files)) { words.append($0) }
        #expect(receipt.id == "20260105T140327Z")
        #expect(receipt.path == place.store + "/20260105T140327Z")
        #expect(receipt.files == 14)
        #expect(receipt.verified)
        #expect(try place.picture() == before, "taking a backup changes nothing")
        #expect(try place.keeper.list(place.definition()) == [receipt])
        #expect(try place.keeper.differences(receipt).isEmpty)
        for name in ["templates", "static", "web_app.py", "web_other.py", "current", "unasked"] {
            try Files.remove(place.path(name))
        }
        try place.restore(receipt)
        #expect(try place.picture() == before)
        let copy = try #require(try Files.status(place.path("static/sparse")))
        #expect(copy.allocated < copy.size, "holes stay holes")
        try place.write("templates/base.html", "edited")
        try place.write("web_app.py", "edited")
        try place.write("templates/newer", "stays")
        try place.restore(receipt, ["templates"])
        #expect(try Files.read(place.path("templates/base.html")) == Array("base".utf8))
        #expect(try Files.read(place.path("web_app.py")) == Array("edited".utf8), "not asked for")
        #expect(try Files.read(place.path("templates/newer")) == Array("stays".utf8))
        #expect(trouble { try place.restore(receipt, ["nothing"]) }.contains("does not hold it"))
    }

    @Test func `sha256sum and a person can read it`() throws {
        try fill()
        let receipt = try place.take(place.definition(files))
        let manifest = try String(contentsOfFile: receipt.path + "/manifest.json", encoding: .utf8)
        #expect(manifest.contains("\"path\":\"templates/base.html\""))
        let sum = try String(contentsOfFile: receipt.path + "/manifest.sha256", encoding: .utf8)
        #expect(sum.hasSuffix("  manifest.json\n"))
        #expect(sum.prefix { $0.isHexDigit }.count == 64)
        #expect(try Files.read(RawPath(receipt.path + "/files/web_other.py")) == Array("code".utf8))
        #expect(try Files.status(RawPath(receipt.path))?.mode == 0o700)
    }

    @Test func `a file elsewhere is kept under its whole path`() throws {
        let elsewhere = try place.root.write("elsewhere/etc/app.conf", "conf")
        let receipt = try place.take(place.definition([elsewhere, "../elsewhere/etc"]))
        #expect(receipt.files == 1)
        try Files.remove(RawPath(place.root("elsewhere")))
        try place.restore(receipt, [elsewhere])
        #expect(try Files.read(RawPath(elsewhere)) == Array("conf".utf8))
    }

    @Test func `what is named must be there; a glob may match nothing`() throws {
        try place.write("here", "x")
        #expect(
            trouble { try place.take(place.definition(["here", "missing.py"])) }.contains(
                "missing.py"))
        #expect(try place.kept().isEmpty, "nothing of it remains")
        #expect(try place.take(place.definition(["here", "none_*"])).files == 1)
        #expect(
            trouble { try place.take(place.definition(databases: ["main"])) }.contains("app.db"))
        #expect(
            trouble { try place.take(place.definition(databases: ["other"])) }.contains(
                "no data source"))
    }

    @Test func `sockets and pipes are no content`() throws {
        try place.write("run/x", "x")
        _ = place.path("run/pipe").withCString { mkfifo($0, 0o600) }
        var words: [String] = []
        #expect(try place.take(place.definition(["run"])) { words.append($0) }.files == 1)
        #expect(words.contains { $0.contains("run/pipe") && $0.contains("left out") })
        #expect(trouble { try place.take(place.definition(["run/pipe"])) }.contains("run/pipe"))
    }

    @Test func `the folder of backups is no part of one`() throws {
        try place.write("storage/data", "x")
        let definition = BackupDefinition(to: place.folder + "/storage/backups", files: ["storage"])
        let first = try place.take(definition)
        let second = try place.take(definition, at: Place.moment + .seconds(1))
        #expect((first.files, second.files) == (1, 1))
        #expect(try place.keeper.differences(second).isEmpty)
    }

    @Test func `a server that is not there is told`() throws {
        let port = try freePort()
        let server = DatabaseServer(
            host: "127.0.0.1", port: port, database: "d", user: "u", password: nil)
        for kind in [
            DataSourceKind.mysql(server), .postgresql(server),
            .redis(url: .plain("redis://127.0.0.1:\(port)")),
        ] {
            let words = trouble {
                _ = try place.keeper.take(
                    BackupDefinition(to: place.store, sources: ["s"]), folder: place.folder,
                    sources: [DataSource(name: "s", kind: kind)], at: Place.moment,
                    progress: { _ in })
            }
            #expect(words.contains("connection refused by 127.0.0.1:\(port)"), "\(words)")
            #expect(try place.kept().isEmpty)
        }
    }

    @Test func `old backups go, the newest stays`() throws {
        try place.write("x", "x")
        func day(_ number: Double) -> Timestamp { Place.moment + .hours(24 * number) }
        for number in 0..<5 {
            try place.take(place.definition(["x"], last: 3), at: day(Double(number)))
        }
        #expect(try place.kept() == ["20260107T140327Z", "20260108T140327Z", "20260109T140327Z"])
        try place.take(place.definition(["x"], days: 3), at: day(5.5))
        #expect(try place.kept() == ["20260108T140327Z", "20260109T140327Z", "20260111T020327Z"])
        // A clock that was wrong: what is taken now stays, whatever the others say.
        try place.take(place.definition(["x"], last: 1, days: 0), at: day(-100))
        #expect(try place.kept() == ["20250927T140327Z", "20260111T020327Z"])
        #expect(try place.keeper.list(place.definition()).map(\.id).first == "20260111T020327Z")
        try place.take(place.definition(["x"], last: 0, days: 0), at: day(50))
        #expect(try place.kept().count == 1)
    }

    @Test func `two in one second have two names`() throws {
        try place.write("x", "x")
        #expect(try place.take(place.definition(["x"])).id == "20260105T140327Z")
        #expect(try place.take(place.definition(["x"])).id == "20260105T140327Z-2")
        #expect(
            try place.keeper.list(place.definition()).map(\.id) == [
                "20260105T140327Z-2", "20260105T140327Z",
            ])
    }

    @Test func `two at once wait for each other`() async throws {
        try fill()
        let place = place
        let definition = place.definition(files)
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<3 { group.addTask { try place.take(definition).id } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(ids).count == 3)
        for receipt in try place.keeper.list(definition) {
            #expect(try place.keeper.differences(receipt).isEmpty)
        }
    }

    @Test func `a disk without space is told, and nothing of it remains`() throws {
        try place.write("x", String(repeating: "x", count: 100_000))
        let small = place.root("small")
        try Files.makeFolder(RawPath(small))
        guard geteuid() == 0, mount("tmpfs", small, "tmpfs", 0, "size=64k") == 0 else { return }
        defer { umount(small) }
        let words = trouble {
            _ = try place.keeper.take(
                BackupDefinition(to: small + "/b", files: ["x"]), folder: place.folder, sources: [],
                at: Place.moment, progress: { _ in })
        }
        #expect(words.contains("bytes are to be kept, but only"))
        // Enough for the file, not for what describes it.
        try place.write("x", String(repeating: "x", count: 60_000))
        let tight = trouble {
            _ = try place.keeper.take(
                BackupDefinition(to: small + "/b", files: ["x"]), folder: place.folder, sources: [],
                at: Place.moment, progress: { _ in })
        }
        #expect(tight.contains("No space left"), "\(tight)")
        #expect(try Files.names(in: RawPath(small + "/b")).map(\.description) == [".lock"])
    }

    // Damage

    @Test func `a flipped bit is found wherever it is`() throws {
        try fill()
        try makeDatabase()
        let receipt = try place.take(place.definition(files, databases: ["main"]))
        var all: [(RawPath, Int)] = []
        try Files.walk(RawPath(receipt.path)) { path, status throws(Fault) in
            if status.kind == .file, status.size > 0 {
                all.append((RawPath(receipt.path).appending(path), status.size))
            }
        }
        var random = SeededRandom(seed: 20_260_105)
        for round in 0..<150 {
            let (path, size) = all[
                round < all.count ? round : Int.random(in: 0..<all.count, using: &random)]
            let at = Int.random(in: 0..<size, using: &random)
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            try flip(path, at, bit)
            let found = try place.keeper.differences(receipt)
            #expect(!found.isEmpty, "bit \(bit) of byte \(at) of \(path), seed 20260105")
            try flip(path, at, bit)
        }
        #expect(try place.keeper.differences(receipt).isEmpty)
    }

    private func flip(_ path: RawPath, _ at: Int, _ bit: UInt8) throws {
        let file = try Files.open(path, O_RDWR | O_CLOEXEC, "open")
        defer { close(file) }
        var byte = UInt8(0)
        #expect(pread(file, &byte, 1, off_t(at)) == 1)
        byte ^= bit
        #expect(pwrite(file, &byte, 1, off_t(at)) == 1)
    }

    @Test func `every other change is found, and said`() throws {
        try fill()
        try makeDatabase()
        let definition = place.definition(files, databases: ["main"])
        var number = 0
        func check(_ words: String, _ change: (RawPath) throws -> Void) throws {
            number += 1
            let receipt = try place.take(definition, at: Place.moment + .seconds(Double(number)))
            try change(RawPath(receipt.path))
            let found = try place.keeper.differences(receipt)
            #expect(found.count == 1 && found[0].contains(words), "\(words): \(found)")
        }
        try check("templates/base.html is missing") {
            try Files.remove($0.appending("files/templates/base.html"))
        }
        try check("extra is there, but not in the manifest") {
            try Files.replace($0.appending("files/extra"), with: [])
        }
        try check("databases/main.sqlite has 100 bytes") {
            _ = $0.appending("databases/main.sqlite").withCString { truncate($0, 100) }
        }
        try check("web_other.py has 5 bytes, not 4") {
            try Files.replace(
                $0.appending("files/web_other.py"), with: Array("longer".utf8.prefix(5)),
                mode: 0o644)
        }
        try check("has the mode 0755") {
            _ = $0.appending("files/web_other.py").withCString { chmod($0, 0o755) }
        }
        try check("is a folder, not a file") {
            try Files.remove($0.appending("files/templates/empty"))
            try Files.makeFolder($0.appending("files/templates/empty"))
        }
        try check("templates/link points at elsewhere") {
            try Files.remove($0.appending("files/templates/link"))
            try Files.makeLink($0.appending("files/templates/link"), to: RawPath("elsewhere"))
        }
        try check("receipt.json") { try Files.replace($0.appending("receipt.json"), with: []) }
        try check("does not fit its checksum") {
            try Files.replace($0.appending("manifest.json"), with: Array("{}".utf8))
        }
        try check("manifest.sha256") { try Files.remove($0.appending("manifest.sha256")) }
        if geteuid() == 0 {
            try check("belongs to 7:7") {
                _ = $0.appending("files/web_other.py").withCString { chown($0, 7, 7) }
            }
        }
    }

    @Test func `a damaged copy is not put back`() throws {
        try fill()
        try makeDatabase()
        let receipt = try place.take(place.definition(files, databases: ["main"]))
        try flip(RawPath(receipt.path + "/files/web_app.py"), 0, 1)
        try flip(RawPath(receipt.path + "/databases/main.sqlite"), 5000, 1)
        try place.write("web_app.py", "live")
        let before = try place.picture()
        #expect(trouble { try place.restore(receipt, ["web_app.py"]) }.contains("was left alone"))
        #expect(
            trouble {
                try place.keeper.restoreDatabase(
                    receipt, source: place.sources[0], progress: { _ in })
            }.contains("nothing was restored"))
        #expect(
            try place.picture().filter { !$0.hasPrefix("folder") }
                == before.filter { !$0.hasPrefix("folder") })
    }

    // Databases

    private func makeDatabase(rows: Int = 500) throws {
        let queue = try DatabaseQueue(path: place.root("folder/app.db"))
        try queue.write { database in
            try database.execute(
                sql:
                    "CREATE TABLE users (name TEXT); CREATE TABLE \"odd \"\"name\" (x); CREATE INDEX i ON users(name)"
            )
            for number in 0..<rows {
                try database.execute(
                    sql: "INSERT INTO users VALUES (?)", arguments: ["user \(number)"])
            }
        }
        try queue.close()
    }
    private func open() throws -> DatabaseQueue {
        try DatabaseQueue(path: place.root("folder/app.db"), configuration: patient())
    }

    @Test(arguments: ["DELETE", "WAL"])
    func `a database is copied while it is written to, and open connections see it restored`(
        _ mode: String
    ) async throws {
        try makeDatabase()
        let live = try open()
        try live.inDatabase { _ = try String.fetchOne($0, sql: "PRAGMA journal_mode = \(mode)") }
        // Both tables change together, so a torn copy would show.
        let writer = try Writer(place.root("folder/app.db"))
        defer { writer.stop() }
        try await eventually("the writer writes") {
            try live.read {
                try isTable("b", $0) && Int.fetchOne($0, sql: "SELECT COUNT(*) FROM b") != 0
            }
        }
        let receipt = try place.take(place.definition(databases: ["main"]))
        writer.stop()
        try await eventually("the writer has ended") { writer.hasEnded }
        #expect(receipt.databases == ["main"])
        #expect(receipt.rows > 500)
        let copy = try DatabaseQueue(path: receipt.path + "/databases/main.sqlite")
        let (a, b) = try await copy.read { database in
            (
                try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM a") ?? -1,
                try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM b") ?? -2
            )
        }
        #expect(a == b)
        try copy.close()
        #expect(try place.keeper.differences(receipt).isEmpty)
        try await live.write {
            try $0.execute(sql: "DELETE FROM users; DROP TABLE a; CREATE TABLE newer (x)")
        }
        try place.keeper.restoreDatabase(receipt, source: place.sources[0], progress: { _ in })
        let seen = try await live.read { database in
            (
                try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM users"),
                try isTable("newer", database),
                try String.fetchOne(database, sql: "PRAGMA journal_mode")
            )
        }
        #expect(seen.0 == 500)
        #expect(!seen.1)
        #expect(seen.2 == mode.lowercased())
    }

    @Test func `a database that is missing or damaged is replaced`() throws {
        try makeDatabase()
        _ = place.path("app.db").withCString { chmod($0, 0o640) }
        let receipt = try place.take(place.definition(databases: ["main"]))
        for damage in [nil, Array("no database at all, but long enough to be read as one".utf8)] {
            try Files.remove(place.path("app.db"))
            if let damage { try Files.replace(place.path("app.db"), with: damage) }
            try Files.replace(place.path("app.db-wal"), with: Array("stale".utf8))
            try place.keeper.restoreDatabase(receipt, source: place.sources[0], progress: { _ in })
            #expect(
                try open().read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM users") } == 500)
            #expect(try Files.status(place.path("app.db"))?.mode == 0o640)
        }
    }

    @Test func `a damaged database is no backup`() throws {
        try makeDatabase(rows: 5000)
        // In the middle of a page of the table: the header stays good.
        let file = try Files.open(place.path("app.db"), O_RDWR, "open")
        pwrite(file, Array(repeating: UInt8(0xAA), count: 4096), 4096, 4096 * 20)
        close(file)
        let words = trouble { try place.take(place.definition(databases: ["main"])) }
        #expect(words != "no trouble")
        #expect(try place.kept().isEmpty)
    }

    // Crashes

    @Test(arguments: ["backup-begun", "backup-copied", "backup-written", "backup-verified"])
    func `a backup that is killed is none, and is cleaned away`(_ point: String) async throws {
        try fill()
        let path = place.root.path
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [path = path as String, point = point as String] in
            try Self.takeAndDie(path, at: point)
        }
        #expect(try place.kept() == ["20260105T140327Z.partial"])
        #expect(try place.keeper.list(place.definition()).isEmpty)
        let receipt = try place.take(place.definition(files))
        #expect(try place.kept() == [receipt.id])
    }

    @Test func `killed after it has its name, it is whole`() async throws {
        try fill()
        let path = place.root.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            try Self.takeAndDie(path, at: "backup-named")
        }
        let list = try place.keeper.list(place.definition())
        #expect(list.count == 1)
        #expect(try place.keeper.differences(try #require(list.first)).isEmpty)
    }

    @Test func `killed while it removes an old one, no half backup is listed`() async throws {
        try fill()
        try place.take(place.definition(files), at: Place.moment - .hours(1))
        let path = place.root.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            try Self.takeAndDie(path, at: "backup-retired")
        }
        #expect(try place.keeper.list(place.definition()).map(\.id) == ["20260105T140327Z"])
        try place.take(place.definition(files), at: Place.moment + .hours(1))
        #expect(try place.kept() == ["20260105T140327Z", "20260105T150327Z"])
    }

    private static func takeAndDie(_ root: String, at point: String) throws {
        let keeper = FileBackupKeeper(
            secrets: NoSecrets(), crashPoint: { if $0 == point { kill(getpid(), SIGKILL) } })
        _ = try keeper.take(
            BackupDefinition(
                to: root + "/backups", keepLast: 1,
                files: ["templates", "static", "web_*.py", "current"]),
            folder: root + "/folder", sources: [], at: Place.moment, progress: { _ in })
    }
}

/// Writes to a database every few milliseconds. Not without a pause: SQLite's locks are not fair, and
/// nobody else would get one.
private final class Writer: Sendable {
    private let queue: DatabaseQueue
    private let state = Mutex((stopped: false, ended: false))

    init(_ path: String) throws {
        queue = try DatabaseQueue(path: path, configuration: patient())
        try queue.write { try $0.execute(sql: "CREATE TABLE a (x); CREATE TABLE b (x)") }
        write()
    }
    func stop() { state.withLock { $0.stopped = true } }
    var hasEnded: Bool { state.withLock { $0.ended } }

    private func write() {
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(5)) { [self] in
            guard !state.withLock({ $0.stopped }) else { return state.withLock { $0.ended = true } }
            do {
                try queue.write {
                    try $0.execute(sql: "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)")
                }
            } catch {
                Issue.record(error)
            }
            write()
        }
    }
}

/// Asks SQLite: GRDB remembers what its own connection saw.
private func isTable(_ name: String, _ database: Database) throws -> Bool {
    try Row.fetchOne(
        database, sql: "SELECT 1 FROM sqlite_master WHERE name = ?", arguments: [name]) != nil
}

private func patient() -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(30)
    return configuration
}

/// The same within one run of the tests for the same bytes.
func digest(_ bytes: [UInt8]) -> Int {
    var hasher = Hasher()
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
}
