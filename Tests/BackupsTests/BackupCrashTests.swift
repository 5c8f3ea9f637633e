// A backup that is killed is none, whenever that happens.
import Backups
import Domain
import Files
import Glibc
import TestKit
import Testing

@Suite struct BackupCrashTests {
    let place: Place
    init() throws { place = try Place() }

    private func fill() throws {
        try place.write("templates/base.html", "base")
        try place.write("static/js/deep/x.js", "deep")
        try place.write("web_app.py", "code")
        try Files.makeLink(place.path("current"), to: RawPath("web_app.py"))
    }
    private let files = ["templates", "static", "web_*.py", "current"]

    @Test(arguments: [
        "backup-begun", "backup-file", "backup-copied", "backup-written", "backup-synced",
        "backup-verified",
    ])
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
