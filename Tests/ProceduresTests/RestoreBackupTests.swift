// The works `restore_backup`, `prepare_test` and `clear_test`, on files and a SQLite database.
import Domain
import Files
import FoundationEssentials
import GRDB
import Glibc
import Procedures
import TestKit
import Testing

@Suite struct RestoreBackupTests {
    let bench: Bench
    var sources: [DataSource] {
        [DataSource(name: "main", kind: .sqlite(path: bench.root("folder/app.db")))]
    }
    var definition: BackupDefinition {
        BackupDefinition(
            to: bench.root("state/backups"), files: ["site", "settings"], databases: ["main"])
    }

    init() async throws {
        bench = try Bench()
        try bench.write("site/index.html", "old page")
        try bench.write("site/js/one.js", "old one")
        try bench.write("site/js/two.js", "old two")
        try bench.write("settings", "old settings")
        try users("ines", "tomas")
        let taken = await bench.perform(.backup, sources: sources, backup: definition)
        try #require(taken.end == .succeeded, "\(taken)")
        try bench.write("site/index.html", "new page")
        try bench.write("site/js/one.js", "new one")
        try bench.write("site/js/three.js", "new three")
        try FileManager.default.removeItem(atPath: bench.root("folder/site/js/two.js"))
        try FileManager.default.removeItem(atPath: bench.root("folder/settings"))
        try users("priya")
    }
    private func users(_ names: String...) throws {
        let queue = try DatabaseQueue(path: bench.root("folder/app.db"))
        try queue.write { database in
            try database.execute(sql: "CREATE TABLE IF NOT EXISTS users (name TEXT)")
            try database.execute(sql: "DELETE FROM users")
            for name in names {
                try database.execute(sql: "INSERT INTO users VALUES (?)", arguments: [name])
            }
        }
        try queue.close()
    }
    private func users() throws -> [String] {
        try DatabaseQueue(path: bench.root("folder/app.db")).read {
            try String.fetchAll($0, sql: "SELECT name FROM users ORDER BY rowid")
        }
    }
    private func restore(
        _ work: RestoreBackupWork, _ mode: StepOrder.Mode = .perform,
        crashesAt point: String? = nil
    ) async -> Bench.Result {
        await bench.perform(
            bench.order(
                Step(name: "restore", work: .restoreBackup(work)), mode, sources: sources,
                backup: definition), runnerCrashesAt: point)
    }
    private func files() throws -> [String] {
        try bench.picture().filter { !$0.contains("app.db") }
    }

    @Test func `everything comes back, and goes again`() async throws {
        let before = try files()
        let forecast = await restore(RestoreBackupWork(), .dryRun)
        #expect(forecast.end == .wouldRun, "\(forecast)")
        #expect(try files() == before)
        let result = await restore(RestoreBackupWork())
        #expect(result.end == .succeeded, "\(result)")
        #expect(bench.read("site/index.html") == "old page")
        #expect(bench.read("site/js/two.js") == "old two")
        #expect(bench.read("settings") == "old settings")
        #expect(bench.read("site/js/three.js") == "new three", "what has come since stays")
        #expect(try users() == ["ines", "tomas"])
        let undone = await restore(RestoreBackupWork(), .undo)
        #expect(undone.end == .succeeded, "\(undone)")
        #expect(try files() == before)
        #expect(try users() == ["priya"])
    }

    @Test func `a part comes back by path, by glob or by database`() async throws {
        #expect(
            await restore(RestoreBackupWork(paths: ["site/js/*.js"], databases: [])).end
                == .succeeded)
        #expect(bench.read("site/js/one.js") == "old one")
        #expect(bench.read("site/index.html") == "new page")
        #expect(!bench.exists("settings"))
        #expect(try users() == ["priya"])
        #expect(
            await restore(RestoreBackupWork(paths: [], databases: ["main"])).end == .succeeded)
        #expect(try users() == ["ines", "tomas"])
        #expect(bench.read("site/index.html") == "new page")
    }

    @Test(arguments: [
        "saved", "backup-files-restored", "file-restored", "backup-database-restored", "work-done",
    ])
    func `killed anywhere, it can be run again, and undone`(_ point: String) async throws {
        let before = try files()
        #expect(await restore(RestoreBackupWork(), crashesAt: point).end == .unknown)
        #expect(await restore(RestoreBackupWork()).end == .succeeded)
        #expect(bench.read("site/index.html") == "old page")
        #expect(try users() == ["ines", "tomas"])
        #expect(await restore(RestoreBackupWork(), .undo).end == .succeeded)
        #expect(try files() == before)
        #expect(try users() == ["priya"])
    }

    @Test func `a damaged backup touches nothing`() async throws {
        let before = try files()
        let id = try #require(
            try FileManager.default.contentsOfDirectory(atPath: bench.root("state/backups"))
                .first { !$0.hasPrefix(".") })
        try bench.root.write("state/backups/\(id)/files/site/index.html", "odd page")
        let result = await restore(RestoreBackupWork())
        #expect(result.end == .failed)
        #expect(result.message.contains("nothing was touched"))
        #expect(try files() == before)
        #expect(try users() == ["priya"])
    }

    @Test func `the newest is damaged: no older one is taken for it`() async throws {
        try bench.write("settings", "new settings")
        let before = try files()
        #expect(
            await bench.perform(.backup, sources: sources, backup: definition).end == .succeeded)
        let ids = try FileManager.default.contentsOfDirectory(atPath: bench.root("state/backups"))
            .filter { !$0.hasPrefix(".") }.sorted()
        try #require(ids.count == 2)
        try FileManager.default.removeItem(
            atPath: bench.root("state/backups/\(ids[1])/manifest.json"))
        let result = await restore(RestoreBackupWork())
        #expect(result.end == .failed)
        for words in [ids[1], "manifest.json is missing", "\(ids[0]): name it"] {
            #expect(result.message.contains(words), "\(result.message)")
        }
        #expect(try files() == before)
        let named = RestoreBackupWork(backup: ids[1])
        #expect(await restore(named).message.contains("manifest.json"))
        #expect(try files() == before)
        // What a step chooses by itself says what it passed over.
        let database = await bench.perform(
            .restoreDatabase(source: "main"), sources: sources, backup: definition)
        #expect(database.end == .succeeded, "\(database.message)")
        #expect(database.message.contains("\(ids[0]) (a newer one, \(ids[1]), is damaged"))
        #expect(await restore(RestoreBackupWork(backup: ids[0])).end == .succeeded)
        #expect(bench.read("site/index.html") == "old page")
    }

    @Test func `what is not there says so`() async throws {
        let before = try files()
        let cases: [(RestoreBackupWork, String)] = [
            (RestoreBackupWork(backup: "20200101T000000Z"), "no backup of this name"),
            (RestoreBackupWork(paths: ["nothing"], databases: []), "does not hold it"),
            (RestoreBackupWork(paths: ["../outside"], databases: []), "does not hold it"),
            (RestoreBackupWork(paths: [], databases: ["other"]), "does not hold it"),
            (RestoreBackupWork(paths: [], databases: []), "neither files nor databases"),
        ]
        for (work, words) in cases {
            for mode in [StepOrder.Mode.perform, .dryRun] {
                let result = await restore(work, mode)
                #expect(result.end == .failed)
                #expect(result.message.contains(words), "\(result.message)")
            }
        }
        #expect(try files() == before)
    }
}

@Suite struct TestCopyTests {
    let bench: Bench
    init() throws {
        bench = try Bench()
        try bench.write("site/index.html", "page")
        try bench.write("backups/huge", "backup")
        try bench.root.write("outside/file", "outside")
        try bench.root.write("outside/deep/file", "outside")
    }
    private var target: String { bench.root("state/test") }
    private func prepare(
        _ databases: [StandIn] = [], folder: String? = nil, _ mode: StepOrder.Mode = .perform
    ) async -> Bench.Result {
        await bench.perform(
            .prepareTest(
                TestWorld(
                    folder: folder ?? target, without: [bench.root("folder/backups")],
                    databases: databases)), mode,
            sources: [
                DataSource(name: "main", kind: .sqlite(path: bench.root("real.db"))),
                DataSource(name: "stand", kind: .sqlite(path: bench.root("stand.db"))),
                DataSource(name: "same", kind: .sqlite(path: bench.root("real.db"))),
            ])
    }

    @Test func `the folder is copied with what belongs to it, again if need be, and removed`()
        async throws
    {
        chmod(bench.root("folder/site/index.html"), 0o604)
        mkfifo(bench.root("folder/site/pipe"), 0o600)
        let before = try bench.picture()
        #expect(await prepare(.dryRun).end == .wouldRun)
        #expect(!FileManager.default.fileExists(atPath: target))
        for _ in 1...2 {
            let result = await prepare()
            #expect(result.end == .succeeded, "\(result)")
            try bench.root.write("state/test/left", "by an earlier attempt")
        }
        #expect(await prepare().end == .succeeded)
        let copied = before.filter { !$0.contains("backups") && !$0.contains("pipe") }
        #expect(try bench.picture("state/test") == copied)
        #expect(try bench.picture() == before)
        let clear = Work.clearTest(TestWorld(folder: target))
        #expect(await bench.perform(clear).end == .succeeded)
        #expect(!FileManager.default.fileExists(atPath: target))
        #expect(await bench.perform(clear).end == .succeeded)
        #expect(try bench.picture() == before)
    }
    private func prepare(_ mode: StepOrder.Mode) async -> Bench.Result {
        await prepare([], folder: nil, mode)
    }

    @Test func `no link of the copy leads to the real service`() async throws {
        symlink(bench.root("folder/site"), bench.root("folder/inside"))
        symlink("site/index.html", bench.root("folder/relative"))
        symlink(bench.root("outside/file"), bench.root("folder/file-outside"))
        symlink(bench.root("outside/deep"), bench.root("folder/folder-outside"))
        symlink("/nowhere/at/all", bench.root("folder/nowhere"))
        #expect(await prepare().end == .succeeded)
        func link(_ name: String) throws -> RawPath {
            try Files.target(of: RawPath("\(target)/\(name)"))
        }
        #expect(try link("inside") == RawPath("\(target)/site"))
        #expect(try link("relative") == RawPath("site/index.html"))
        let place = RawPath(target)
        #expect(try Files.status(place.appending("file-outside"))?.kind == .file)
        #expect(try Files.status(place.appending("folder-outside"))?.kind == .folder)
        #expect(try Files.names(in: place.appending("folder-outside")).isEmpty)
        #expect(try Files.status(place.appending("nowhere")) == nil)
        let edit = Work.edit(EditWork(file: "file-outside", insertLines: ["changed"]))
        var order = bench.order(Step(name: "e", work: edit))
        order.folder = target
        #expect(await bench.perform(order).end == .succeeded)
        let outside = try String(contentsOfFile: bench.root("outside/file"), encoding: .utf8)
        #expect(outside == "outside")
    }

    @Test func `a stand-in gets what the real database holds`() async throws {
        func write(_ file: String, _ name: String) throws {
            let queue = try DatabaseQueue(path: bench.root(file))
            try queue.write {
                try $0.execute(sql: "CREATE TABLE users (name TEXT)")
                try $0.execute(sql: "INSERT INTO users VALUES (?)", arguments: [name])
            }
            try queue.close()
        }
        func names(_ file: String) throws -> [String] {
            try DatabaseQueue(path: bench.root(file)).read {
                try String.fetchAll($0, sql: "SELECT name FROM users")
            }
        }
        try write("real.db", "ines")
        try write("stand.db", "old")
        let result = await prepare([StandIn(real: "main", test: "stand")])
        #expect(result.end == .succeeded, "\(result)")
        #expect(try names("stand.db") == ["ines"])
        #expect(try names("real.db") == ["ines"])
        for (real, test) in [("main", "same"), ("main", "none"), ("none", "stand")] {
            let result = await prepare([StandIn(real: real, test: test)])
            #expect(result.end == .failed, "\(real) \(test)")
        }
    }

    @Test func `only what belongs to the procedure is made or removed`() async throws {
        for folder in [
            bench.folder, bench.root("outside"), bench.root("state"), bench.saved,
            bench.root("state/../outside"), "/",
        ] {
            #expect(await prepare(folder: folder).end == .failed, "\(folder)")
            let cleared = await bench.perform(.clearTest(TestWorld(folder: folder)))
            #expect(cleared.end == .failed, "\(folder)")
        }
        #expect(bench.read("site/index.html") == "page")
        #expect(FileManager.default.fileExists(atPath: bench.root("outside/file")))
    }
}
