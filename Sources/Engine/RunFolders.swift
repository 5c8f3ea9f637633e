// The folders that runs of procedures leave behind: what may still be needed stays, the rest goes.
import Domain
import FoundationEssentials
import Logging

/// `runs/ID` in the state folder holds the orders, outcomes and output of a procedure's steps, what
/// they saved for an undo, and in test mode the copy of the service.
struct RunFolders: Sendable {
    /// The engine's state folder, absolute.
    let state: String
    /// The engine's own, whose dry runs may be at work.
    let pid: Int
    let logger: Logger
    /// How many of the procedures that are over keep their folder.
    static let kept = 200
    /// What only a running procedure needs; it may be as large as the service.
    private static let large = ["test", "test-backups"]

    /// Removes what nobody needs any more; only what is named here is touched, since others may be
    /// starting meanwhile. Blocks as long as the disk takes.
    /// - Parameters:
    ///   - over: ids of procedures that have ended, the oldest first.
    ///   - needed: those that run, or that can still be resumed or undone.
    func tidy(over: [String], needed: Set<String>) {
        let folder = "\(state)/runs"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // A dry run is over when the engine that made it is.
        for name in names where name.hasPrefix("dry-") && !name.hasPrefix("dry-\(pid)-") {
            remove("\(folder)/\(name)")
        }
        let there = Set(names)
        let ended = over.filter(there.contains)
        for id in ended {
            for part in Self.large { remove("\(folder)/\(id)/\(part)") }
        }
        for id in ended.dropLast(Self.kept) where !needed.contains(id) {
            remove("\(folder)/\(id)")
        }
    }

    private func remove(_ path: String) {
        guard FileManager.default.fileExists(atPath: path) else { return }
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            logger.warning("\(path) cannot be removed: \(error)")
        }
    }
}
