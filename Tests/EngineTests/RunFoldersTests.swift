// What runs leave behind: kept as long as it can be needed, removed after.
import FoundationEssentials
import Logging
import TestKit
import Testing

@testable import Engine

@Suite struct RunFoldersTests {
    let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    private var folders: RunFolders {
        RunFolders(
            state: folder.path, pid: 7,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
    private func make(_ names: String...) throws {
        for name in names {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/runs/\(name)", withIntermediateDirectories: true)
        }
    }
    private func isThere(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(folder.path)/runs/\(name)")
    }

    @Test func `copies of a test go when it is over, its outcomes stay`() throws {
        try make("rollback_1/test/bin", "rollback_1/test-backups", "rollback_1/0-0-1")
        try make("rollback_2/test", "dry-7-1", "dry-6-1")
        folders.tidy(over: ["rollback_1"], needed: ["rollback_2"])
        #expect(!isThere("rollback_1/test"))
        #expect(!isThere("rollback_1/test-backups"))
        #expect(isThere("rollback_1/0-0-1"))
        #expect(isThere("rollback_2/test"), "it runs")
        #expect(isThere("dry-7-1"), "it may be at work")
        #expect(!isThere("dry-6-1"))
    }

    @Test func `only the oldest runs go, and none that can still be undone`() throws {
        let ids = (1...RunFolders.kept + 3).map { "recovery_\($0)" }
        for id in ids { try make(id) }
        try make("recovery_unknown")
        folders.tidy(over: ids, needed: ["recovery_2"])
        #expect(!isThere("recovery_1"))
        #expect(isThere("recovery_2"))
        #expect(!isThere("recovery_3"))
        #expect(isThere("recovery_4"))
        #expect(isThere("recovery_unknown"), "nobody said that it is over")
    }
}
