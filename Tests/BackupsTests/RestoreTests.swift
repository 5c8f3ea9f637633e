// Putting files back: all or nothing, nothing lost, and undone again.
import Backups
import Domain
import Files
import Glibc
import TestKit
import Testing

@Suite struct RestoreTests {
    let place: Place
    init() throws {
        place = try Place()
        try place.write("templates/base.html", "base")
        try place.write("templates/mail/body.txt", "body")
        try place.write("templates/swap", "a file")
        try place.write("static/app.js", "app")
        try place.write("static/app.css", "css")
        try Files.makeLink(place.path("static/current"), to: RawPath("app.js"))
        _ = place.path("static/app.css").withCString { chmod($0, 0o640) }
    }
    private let files = ["templates", "static"]
    private let newer = RawPath("templates/newer.html")
    private var saved: String { place.root("saved") }

    /// As a deploy that went wrong might leave it.
    private func spoil() throws {
        try place.write("templates/base.html", "new base")
        try Files.remove(place.path("templates/mail"))
        try place.write("templates/newer.html", "newer")
        try Files.remove(place.path("templates/swap"))
        try place.write("templates/swap/inside", "a folder now")
        try Files.remove(place.path("static/current"))
        try Files.makeLink(place.path("static/current"), to: RawPath("app.css"))
        _ = place.path("static/app.css").withCString { chmod($0, 0o600) }
    }

    @Test func `what is replaced is saved, and comes back`() throws {
        let before = try place.picture()
        let receipt = try place.take(place.definition(files))
        try spoil()
        let spoiled = try place.picture()
        let forecast = try place.keeper.forecastRestore(
            receipt, paths: nil, folder: place.folder)
        #expect(try place.picture() == spoiled, "a forecast changes nothing")
        var words: [String] = []
        let summary = try place.keeper.restoreFiles(
            receipt, paths: nil, folder: place.folder, saved: saved
        ) { words.append($0) }
        #expect(summary == forecast)
        #expect(summary.replaced == 4 && summary.made == 2 && summary.same == 1)
        #expect(summary.leftAlone == [place.root("folder/templates/newer.html")])
        #expect(
            words.contains { $0.contains("newer.html is not in the backup and was left alone") })
        #expect(try place.picture().filter { !$0.contains("\(newer.bytes)") } == before)
        let again = try place.keeper.forecastRestore(receipt, paths: nil, folder: place.folder)
        #expect(again.replaced == 0 && again.made == 0 && again.same == 6)
        for _ in 0..<2 {
            try place.keeper.putBackFiles(saved: saved, progress: { _ in })
            #expect(try place.picture() == spoiled)
        }
    }

    @Test func `parts are chosen by path or glob`() throws {
        let receipt = try place.take(place.definition(files))
        func restored(_ paths: [String]) throws -> [String] {
            try Files.remove(place.path("templates"))
            try Files.remove(place.path("static"))
            try place.restore(receipt, paths)
            var found: [String] = []
            try Files.walk(RawPath(place.folder)) { path, status throws(Fault) in
                if status.kind != .folder { found.append(path.description) }
            }
            return found
        }
        #expect(try restored(["static/*.css"]) == ["static/app.css"])
        #expect(try restored(["templates/*"]).count == 3)
        #expect(
            try restored(["templates/mail", "./static/app.js"]) == [
                "static/app.js", "templates/mail/body.txt",
            ])
        #expect(try restored([place.root("folder/static")]).count == 3, "absolute names it too")
        #expect(try restored(["*/app.*"]) == ["static/app.css", "static/app.js"])
        #expect(try restored(["."]).count == 6)
        for wrong in ["static/*.html", "stat", "../static", ""] {
            #expect(trouble { try place.restore(receipt, [wrong]) }.contains("does not hold it"))
        }
    }

    @Test func `one damaged copy, and nothing is put back`() throws {
        let receipt = try place.take(place.definition(files))
        try spoil()
        try Files.replace(
            RawPath(receipt.path).appending("files/static/app.css"), with: Array("csS".utf8),
            mode: 0o640)
        let before = try place.picture().filter { !$0.hasPrefix("folder") }
        let words = trouble {
            try place.keeper.restoreFiles(
                receipt, paths: nil, folder: place.folder, saved: nil, progress: { _ in })
        }
        #expect(words.contains("static/app.css was left alone"), "\(words)")
        // What is written beside its place first touches the folders' times, and nothing else.
        #expect(try place.picture().filter { !$0.hasPrefix("folder") } == before)
    }

    @Test func `through a link in the place of a folder nothing is written`() throws {
        let receipt = try place.take(place.definition(files))
        let elsewhere = try place.root.write("elsewhere/base.html", "not ours")
        try Files.remove(place.path("templates"))
        try Files.makeLink(place.path("templates"), to: RawPath(place.root("elsewhere")))
        try place.keeper.restoreFiles(
            receipt, paths: ["templates"], folder: place.folder, saved: saved, progress: { _ in })
        #expect(try Files.read(RawPath(elsewhere)) == Array("not ours".utf8))
        #expect(try Files.read(place.path("templates/base.html")) == Array("base".utf8))
        try place.keeper.putBackFiles(saved: saved, progress: { _ in })
        #expect(
            try Files.target(of: place.path("templates")) == RawPath(place.root("elsewhere")))
    }

    @Test func `a disk without room for it is told before anything is changed`() throws {
        guard geteuid() == 0 else { return }
        try Files.replace(place.path("static/large"), with: [UInt8](repeating: 1, count: 200_000))
        let receipt = try place.take(place.definition(["static"]))
        let small = place.root("small")
        try Files.makeFolder(RawPath(small))
        try #require(mount("tmpfs", small, "tmpfs", 0, "size=128k") == 0)
        defer { umount(small) }
        let words = trouble {
            try place.keeper.restoreFiles(
                receipt, paths: nil, folder: small, saved: nil, progress: { _ in })
        }
        #expect(words.contains("nothing was restored"))
        #expect(try Files.names(in: RawPath(small)).isEmpty)
    }

    @Test(arguments: [
        "restore-saving", "restore-saved", "restore-staged", "file-restored",
    ])
    func `killed at any moment, it can be finished or undone`(_ point: String) async throws {
        let before = try place.picture()
        let receipt = try place.take(place.definition(files))
        try spoil()
        let spoiled = try place.picture()
        let root = place.root.path
        for finish in [true, false] {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [root = root as String, point = point as String] in
                let keeper = FileBackupKeeper(
                    secrets: NoSecrets(), crashPoint: { if $0 == point { kill(getpid(), SIGKILL) } }
                )
                let receipt = try #require(
                    try keeper.list(BackupDefinition(to: root + "/backups")).first)
                try keeper.restoreFiles(
                    receipt, paths: nil, folder: root + "/folder", saved: root + "/saved",
                    progress: { _ in })
            }
            if finish {
                try place.keeper.restoreFiles(
                    receipt, paths: nil, folder: place.folder, saved: saved, progress: { _ in })
                #expect(try place.picture().filter { !$0.contains("\(newer.bytes)") } == before)
            }
            try place.keeper.putBackFiles(saved: saved, progress: { _ in })
            #expect(try place.picture() == spoiled)
            try Files.remove(RawPath(saved))
        }
    }
}
