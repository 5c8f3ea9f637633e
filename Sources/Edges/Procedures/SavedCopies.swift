// What a step removes or changes, saved before it does so, and put back when the step is undone.
import Crypto
import Domain
import Files
import FoundationEssentials
import Glibc

/// The copies that one step has made, in a folder of its own below the procedure's saved directory.
///
/// First everything is copied and synced, then the manifest names the copies, only then anything is
/// changed. A step that died half way and runs again finds the manifest and saves nothing twice: what
/// is there by then may be its own half work.
struct SavedCopies {
    struct Entry: Codable {
        /// Absolute.
        var path: RawPath
        /// The name of the copy; nil: there was nothing, and undoing means removing.
        var copy: String?
        /// A folder that was made; it is only removed when nothing else has come into it.
        var madeFolder: Bool?
        /// A copy that SQLite made; it is put back by SQLite too.
        var database: Bool?
        /// A socket, a pipe or a device: only whoever made it can make it again.
        var unsaved: Bool?
    }

    let folder: RawPath
    private(set) var entries: [Entry] = []
    private let crashPoint: (String) -> Void

    /// The copies of a step, or of none yet.
    /// - Parameter step: tells the steps of a procedure apart by name and work, which stay the same
    ///   when the step is undone or run again.
    init(
        of step: Step, in savedDirectory: String, crashPoint: @escaping (String) -> Void
    ) throws(Fault) {
        self.crashPoint = crashPoint
        let key = try encoded(StepKey(name: step.name, work: step.work))
        let digest = SHA256.hash(data: key).prefix(6).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        let name = step.name.lowercased().map {
            $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-"
        }
        folder = RawPath(savedDirectory).appending("\(String(name.prefix(40)))-\(digest.joined())")
        if let bytes = try Files.readIfThere(manifest) {
            guard let entries = try? JSONDecoder().decode([Entry].self, from: Data(bytes)) else {
                throw Fault(
                    operation: "read what was saved", subject: manifest.description,
                    cause: "it is not what was written; look at the copies beside it")
            }
            self.entries = entries
        }
    }

    private struct StepKey: Codable {
        var name: String
        var work: Work
    }
    private var manifest: RawPath { folder.appending("manifest.json") }
    private var copies: RawPath { folder.appending("copies") }

    var facts: [NamedText] {
        entries.isEmpty
            ? []
            : [
                NamedText(name: "saved", text: folder.description),
                NamedText(name: "saved_files", text: String(entries.count { $0.copy != nil })),
            ]
    }

    /// Saves paths as they are now, but for those that were saved before. When this returns, all of
    /// them are on the disk and in the manifest.
    /// - Parameter folders: that will be made, uppermost first.
    /// - Returns: what cannot be saved: sockets, pipes and devices.
    @discardableResult
    mutating func save(
        _ paths: [RawPath], making folders: [RawPath] = []
    ) throws(Fault) -> [RawPath] {
        var unsaved: [RawPath] = []
        let known = Set(entries.map(\.path))
        var added = entries
        for path in folders where !known.contains(path) {
            added.append(Entry(path: path, copy: nil, madeFolder: true))
        }
        for path in paths where !known.contains(path) {
            guard let status = try Files.status(path) else {
                added.append(Entry(path: path, copy: nil))
                continue
            }
            guard status.kind != .other else {
                unsaved.append(path)
                added.append(Entry(path: path, copy: nil, unsaved: true))
                continue
            }
            try Files.makeFolder(copies)
            let copy = String(added.count)
            // Left by a run that died before it could say so.
            try Files.remove(copies.appending(copy))
            try Files.copyTree(
                from: path, to: copies.appending(copy), skipped: { unsaved.append($0) })
            added.append(Entry(path: path, copy: copy))
            crashPoint("copied-one")
        }
        if added.count > entries.count { try commit(added) }
        return unsaved
    }

    /// Saves a database with a copier of its own.
    mutating func save(
        database path: RawPath, _ copier: (RawPath) throws(Fault) -> Void
    ) throws(Fault) {
        guard !entries.contains(where: { $0.path == path }) else { return }
        let name = String(entries.count)
        try Files.makeFolder(copies)
        try Files.remove(copies.appending(name))
        try copier(copies.appending(name))
        try Files.sync(file: copies.appending(name))
        try commit(entries + [Entry(path: path, copy: name, database: true)])
    }

    /// Whether what the data source held was saved as a database.
    func holds(_ source: DataSource) -> Bool {
        guard case .sqlite(let path) = source.kind else {
            return copy(ofDatabase: RawPath(source.name)) != nil
        }
        return copy(ofDatabase: RawPath(path)) != nil
    }

    func copy(ofDatabase path: RawPath) -> RawPath? {
        entries.first { $0.path == path && $0.database == true }?.copy.map { copies.appending($0) }
    }

    private mutating func commit(_ added: [Entry]) throws(Fault) {
        try Files.makeFolder(folder)
        if try Files.status(copies) != nil { try Files.sync(folder: copies) }
        crashPoint("before-manifest")
        try Files.replace(manifest, with: try encoded(added))
        entries = added
        crashPoint("saved")
    }

    /// Puts everything back as it was, the last first. Doing it again does no harm.
    /// - Returns: how many files, links and folders were put back.
    func putBack() throws(Fault) -> Int {
        var count = 0
        for entry in entries.reversed() {
            try putBack(entry)
            count += 1
            crashPoint("put-back-one")
        }
        return count
    }

    private func putBack(_ entry: Entry) throws(Fault) {
        // What a database held goes back by way of the database: others may have it open.
        if entry.database == true { return }
        guard let copy = entry.copy else {
            if entry.unsaved == true { return }
            if entry.madeFolder == true {
                // Not empty: somebody else has put something there.
                _ = entry.path.withCString { rmdir($0) }
            } else {
                try Files.remove(entry.path)
            }
            if try Files.status(entry.path.folder) != nil {
                try Files.sync(folder: entry.path.folder)
            }
            return
        }
        let saved = copies.appending(copy)
        guard let status = try Files.status(saved) else {
            throw Fault(
                operation: "put back", subject: entry.path.description,
                cause: "its saved copy \(saved) is gone")
        }
        try Files.makeFolder(entry.path.folder, mode: 0o755)
        guard status.kind == .folder else {
            try Files.install(saved, as: entry.path)
            return
        }
        if try Files.status(entry.path) == nil {
            let temporary = Files.besides(entry.path)
            try Files.remove(temporary)
            try Files.copyTree(from: saved, to: temporary)
            try Files.rename(temporary, entry.path)
            try Files.sync(folder: entry.path.folder)
        } else {
            try putInto(entry.path, saved, status)
        }
    }

    /// Of a folder that is still, or partly, there: every file as it was; what has come since stays.
    private func putInto(
        _ folder: RawPath, _ saved: RawPath, _ status: FileStatus
    ) throws(Fault) {
        var folders = [(folder, status)]
        try Files.walk(saved) { path, status throws(Fault) in
            let target = folder.appending(path)
            if status.kind == .folder {
                try Files.makeFolder(target)
                folders.append((target, status))
            } else {
                try Files.install(saved.appending(path), as: target)
            }
        }
        // Last and from below: what is put into a folder changes its time.
        for (folder, status) in folders.reversed() { try Files.apply(status, to: folder) }
    }

    /// The step was taken back: if it is run again, it saves anew.
    func setAside() throws(Fault) {
        guard try Files.status(folder) != nil else { return }
        var number = 1
        while try Files.status(RawPath("\(folder).undone-\(number)")) != nil { number += 1 }
        try Files.rename(folder, RawPath("\(folder).undone-\(number)"))
        try Files.sync(folder: folder.folder)
    }
}

extension StepSession {
    func savedCopies() throws(Fault) -> SavedCopies {
        try SavedCopies(of: order.step, in: order.savedDirectory, crashPoint: crashPoint)
    }

    /// Takes back a step that saved what it changed.
    /// - Returns: what was done, in words.
    func putBack(_ work: Work, timeout: Span?) throws(Fault) -> String {
        if case .restoreBackup = work { return try putBackBackup(timeout: timeout) }
        return try bounded(timeout ?? work.defaultTimeout) { () throws(Fault) in
            let saved = try savedCopies()
            guard !saved.entries.isEmpty else {
                return "it saved nothing; there is nothing to put back"
            }
            for entry in saved.entries {
                output.say(
                    entry.unsaved == true
                        ? "\(entry.path) was a socket, a pipe or a device: not put back"
                        : "put back \(entry.path)")
            }
            if case .restoreDatabase(let source) = work {
                try putBackDatabase(source, saved)
            } else {
                _ = try saved.putBack()
            }
            crashPoint("put-back")
            try saved.setAside()
            let count = saved.entries.count { $0.unsaved != true }
            return "put back \(count) \(count == 1 ? "path" : "paths") as before"
        }
    }
}
