// What putting files back would change: compares what a backup holds with what is there now.
import Domain
import Files
import Glibc

struct RestorePlan: Sendable {
    typealias Entry = BackupManifest.Entry

    /// The folder that holds `files` and `absolute`.
    let backup: RawPath
    /// What relative paths lie below.
    let home: RawPath
    /// Folders of the backup, those above first.
    private(set) var folders: [Entry] = []
    /// Files and links that are to be written.
    private(set) var writes: [Entry] = []
    /// What is in the place of something else, or of another version of it; absolute.
    private(set) var replaced: [RawPath] = []
    /// Folders that are there; absolute. Their modes and times are set anew.
    private(set) var present: [RawPath] = []
    /// What is missing; absolute, those above first.
    private(set) var made: [RawPath] = []
    private(set) var same = 0
    /// A file in the place of a folder, and so on: it has to go first.
    private(set) var obstacles: Set<RawPath> = []

    func target(_ entry: Entry) -> RawPath { home.appending(entry.path) }

    /// - Parameter entries: those above first.
    init(_ entries: [Entry], backup: RawPath, home: RawPath) throws(Fault) {
        self.backup = backup
        self.home = home
        for entry in entries where entry.kind == .folder { try add(folder: entry) }
        let things = entries.filter { $0.kind != .folder }
        let blocked = obstacles
        let judged = try Workers.map(Array(things.indices)) { index, buffer throws(Fault) in
            let target = home.appending(things[index].path)
            let state =
                try blocked.isEmpty || !Self.lies(target, in: blocked)
                ? Self.state(things[index], target, buffer) : .missing
            return (index, state)
        }
        for (index, state) in judged.sorted(by: { $0.0 < $1.0 }) {
            let target = target(things[index])
            switch state {
            case .same: same += 1
            case .missing:
                made.append(target)
                writes.append(things[index])
            case .other:
                replaced.append(target)
                writes.append(things[index])
            case .obstacle:
                replaced.append(target)
                obstacles.insert(target)
                writes.append(things[index])
            }
        }
    }

    private mutating func add(folder entry: Entry) throws(Fault) {
        folders.append(entry)
        let target = target(entry)
        if Self.lies(target, in: obstacles) {
            made.append(target)
            return
        }
        // What only leads to the backup's files may be a link to a folder by now.
        switch try Files.status(target, following: entry.isWay == true)?.kind {
        case nil: made.append(target)
        case .folder: if entry.isWay != true { present.append(target) }
        case .file, .link, .other:
            replaced.append(target)
            obstacles.insert(target)
        }
    }

    private static func lies(_ path: RawPath, in obstacles: Set<RawPath>) -> Bool {
        if obstacles.isEmpty { return false }
        var above = path.folder
        while !above.names.isEmpty {
            if obstacles.contains(above) { return true }
            above = above.folder
        }
        return false
    }

    private enum State { case same, missing, other, obstacle }

    private static func state(
        _ entry: Entry, _ target: RawPath, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Fault) -> State {
        guard let status = try Files.status(target) else { return .missing }
        if status.kind == .folder { return .obstacle }
        guard status.kind == entry.kind, status.modified == entry.modified,
            status.kind == .link || status.mode == entry.mode,
            geteuid() != 0 || (status.user == entry.user && status.group == entry.group)
        else { return .other }
        if entry.kind == .link {
            return try Files.target(of: target) == entry.target ? .same : .other
        }
        guard status.size == entry.size else { return .other }
        do throws(Fault) {
            guard try Files.attributes(of: target) == entry.attributes ?? [] else { return .other }
            let sha256 = try ContentHash.of(target, status, fromDisk: false, buffer)
            return sha256 == entry.sha256 ? .same : .other
        } catch {
            // What cannot be read is replaced.
            return .other
        }
    }

    /// What the backup's folders hold now and the backup does not.
    /// - Parameter manifest: all of it, so that what was merely not chosen is not taken for new.
    func leftAlone(_ manifest: BackupManifest, store: RawPath) throws(Fault) -> [RawPath] {
        var known = Set(manifest.entries.map { home.appending($0.path) })
        for path in known { known.insert(Restorer.temporary(path)) }
        for thing in manifest.leftOut ?? [] { known.insert(home.appending(thing.path)) }
        known.insert(store)
        var found: [RawPath] = []
        for entry in folders where entry.isWay != true {
            let folder = target(entry)
            guard try Files.status(folder)?.kind == .folder else { continue }
            for name in try Files.names(in: folder) {
                let path = folder.appending(name)
                if !known.contains(path) { found.append(path) }
            }
        }
        return found
    }

    /// Bytes that are to be written.
    var bytes: Int { writes.reduce(0) { $0 + ($1.sameAs == nil ? $1.size : 0) } }
}

extension ContentHash {
    /// Of a whole file.
    static func of(
        _ path: RawPath, _ status: FileStatus, fromDisk: Bool,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Fault) -> String {
        let file =
            try fromDisk
            ? Files.openForDisk(path)
            : Files.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, "read")
        defer { close(file) }
        var hash = ContentHash()
        let sparse = status.allocated < status.size
        _ = try Files.readPieces(file, path, size: status.size, sparse: sparse, buffer) {
            piece throws(Fault) in hash.add(piece)
        }
        return hash.finish()
    }
}
