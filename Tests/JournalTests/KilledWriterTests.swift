// What was acknowledged before a `kill -9` is in the journal afterwards.
import Domain
import Foundation
import Journal
import TestKit
import Testing

@Suite struct KilledWriterTests {
    @Test func `every acknowledged event survives a kill in the middle of writing`() async throws {
        let folder = try TemporaryFolder("killed")
        for round in 1...3 {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [path = folder.path as String, round = round as Int] in
                try Writer.writeUntilKilled(in: path, acknowledgements: round * 60)
            }
            let acknowledged = try String(
                contentsOf: URL(filePath: folder("acknowledged")), encoding: .utf8
            ).split(separator: "\n").compactMap { Int($0) }
            #expect(acknowledged.count >= round * 60)
            // Nothing holds the lock of the dead, and nothing that was acknowledged is lost.
            let store = try openStore(folder)
            let last = try #require(acknowledged.last)
            #expect(try store.last >= last)
            #expect(try store.firstBrokenLink() == nil)
            #expect(try store.read(after: 0, limit: last).map(\.seq) == Array(1...last))
        }
    }
}

/// The child's part.
enum Writer {
    /// Appends and acknowledges, until another thread kills the process.
    static func writeUntilKilled(in path: String, acknowledgements: Int) throws {
        let store = try SQLiteEventStore(state: path + "/state", service: "demo", at: noon)
        let descriptor = open(path + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        Thread.detachNewThread {
            var info = stat()
            // Up to four bytes for each acknowledgement.
            while fstat(descriptor, &info) != 0 || info.st_size < acknowledgements * 4 {
                poll(nil, 0, 1)
            }
            kill(getpid(), SIGKILL)
        }
        var last = try store.last
        while true {
            last = try store.append(drafts(3, from: last + 1), expecting: last).last?.seq ?? 0
            let text = Array("\(last)\n".utf8)
            _ = write(descriptor, text, text.count)
        }
    }
}
