// What a backup is to hold: the definition's files, folders and globs, worked out to single entries.
import Domain
import Files

struct BackupPlan {
    let folder: RawPath
    /// By path; each once.
    private(set) var entries: [BackupManifest.Entry] = []
    /// Sockets, pipes and devices inside of folders, and what vanished while it was looked at.
    private(set) var leftOut: [BackupManifest.LeftOut] = []
    /// What was named itself and not found by a glob or in a folder: it must not vanish.
    private(set) var named: Set<RawPath> = []
    /// Bytes that it takes on the disk, roughly; holes take none.
    private(set) var bytes = 0
    /// Files with more than one name, as they were when they were found.
    private(set) var identities: [RawPath: FileIdentity] = [:]

    private let store: RawPath
    private let storeIdentity: FileIdentity?
    /// Files of databases that are copied by their own tools.
    private let databases: [RawPath: String]
    private var found: [RawPath: BackupManifest.Entry] = [:]

    /// - Parameter databases: the files of SQLite databases that the backup keeps as such, with their
    ///   names.
    init(
        _ definition: BackupDefinition, _ folder: RawPath, databases: [RawPath: String] = [:]
    ) throws(Fault) {
        self.folder = folder
        self.databases = databases
        store = try Files.resolved(RawPath(definition.to)) ?? RawPath(definition.to)
        storeIdentity = try Files.status(store).map { FileIdentity($0) }
        for written in definition.files {
            let pattern = RawPath(written)
            let matches = try Files.matches(pattern, in: folder)
            guard !matches.isEmpty || Files.isPattern(pattern) else {
                throw Self.missing(folder.appending(pattern))
            }
            for path in matches {
                // A glob that meets the backups means the rest.
                let isWritten = path == folder.appending(pattern).plain
                if !isWritten, try isStore(path) { continue }
                if isWritten { named.insert(name(try direct(path))) }
                try add(root: path, depth: 0)
            }
        }
        try addConfiguration(definition.configuration)
        entries = found.values.sorted { $0.path < $1.path }
        joinNames()
        // Met twice where one pattern lies in another.
        var told: Set<RawPath> = []
        leftOut = leftOut.filter { told.insert($0.path).inserted }
    }

    /// Exactly these, links as links, without the folders above.
    /// - Parameters:
    ///   - paths: absolute. With all below where it is a folder.
    ///   - folders: absolute. Only what they are themselves.
    init(saving paths: [RawPath], folders: [RawPath], home: RawPath) throws(Fault) {
        folder = home
        databases = [:]
        store = RawPath("/")
        storeIdentity = nil
        for path in folders {
            if let status = try Files.status(path) { try add(path, status) }
        }
        for path in paths {
            guard let status = try Files.status(path) else { continue }
            guard status.kind != .other else {
                throw Fault(
                    operation: "restore", subject: shown(path),
                    cause: "a socket, pipe or device is in its place; remove it first")
            }
            try add(path, status)
            if status.kind == .folder { try addBelow(path) }
        }
        entries = found.values.sorted { $0.path < $1.path }
        joinNames()
    }

    static func missing(_ path: RawPath) -> Fault {
        Fault(
            operation: "take a backup", subject: shown(path),
            cause: "it is to be kept, but it is not there")
    }

    /// Tocsin's own files; what the service's files hold already stays theirs.
    private mutating func addConfiguration(_ paths: [String]) throws(Fault) {
        for path in paths {
            let path = try direct(RawPath(path))
            let known = Set(found.keys)
            guard try Files.status(path) != nil, !known.contains(name(path)) else { continue }
            try add(root: path, depth: 0)
            for added in Set(found.keys).subtracting(known) where found[added]?.isWay != true {
                found[added]?.configuration = true
            }
        }
    }

    /// Something that was named, and everything below it.
    private mutating func add(root: RawPath, depth: Int) throws(Fault) {
        let root = try direct(root)
        guard let status = try Files.status(root) else { return }
        guard status.kind != .other else {
            throw Fault(
                operation: "take a backup", subject: shown(root),
                cause: "it is a socket, pipe or device")
        }
        guard try !isStore(root) else {
            throw Fault(
                operation: "take a backup", subject: shown(root),
                cause: "it is where the backups are kept, and cannot be kept in one itself")
        }
        try addWay(to: root)
        try add(root, status)
        switch status.kind {
        case .folder: try addBelow(root)
        case .link:
            // A chain of links ends somewhere, or the kernel would not have resolved it.
            if depth < 40, let target = try Files.resolved(root), try !isStore(target) {
                try add(root: target, depth: depth + 1)
            }
        case .file, .other: break
        }
    }

    /// Whether it is the folder of backups, or lies in it.
    private func isStore(_ path: RawPath) throws(Fault) -> Bool {
        guard storeIdentity != nil, let real = try Files.resolved(path) else { return false }
        return real.isInside(store)
    }

    private mutating func addBelow(_ folder: RawPath) throws(Fault) {
        guard let names = try namesIfThere(folder) else { return }
        for name in names {
            let path = folder.appending(name)
            guard let status = try Files.status(path) else {
                leftOut.append(.init(path: self.name(path), why: LeftOutReason.vanished))
                continue
            }
            if status.kind == .folder {
                if FileIdentity(status) == storeIdentity { continue }
                try add(path, status)
                try addBelow(path)
            } else {
                try add(path, status)
            }
        }
    }

    /// Nil when the folder has vanished meanwhile.
    private mutating func namesIfThere(_ folder: RawPath) throws(Fault) -> [RawPath]? {
        do throws(Fault) {
            return try Files.names(in: folder)
        } catch {
            guard try Files.status(folder) == nil else { throw error }
            found[name(folder)] = nil
            leftOut.append(.init(path: name(folder), why: LeftOutReason.vanished))
            return nil
        }
    }

    private mutating func add(_ path: RawPath, _ status: FileStatus) throws(Fault) {
        if status.kind == .other {
            leftOut.append(.init(path: name(path), why: LeftOutReason.noContent))
            return
        }
        if let database = databases[path] {
            leftOut.append(.init(path: name(path), why: LeftOutReason.database(database)))
            return
        }
        var entry = BackupManifest.Entry(name(path), status)
        if status.kind == .link {
            guard let target = try? Files.target(of: path) else {
                leftOut.append(.init(path: name(path), why: LeftOutReason.vanished))
                return
            }
            entry.target = target
        }
        if status.kind == .file {
            if status.names > 1 { identities[entry.path] = FileIdentity(status) }
            if found[entry.path] == nil {
                bytes += (min(status.size, status.allocated) + 4095) & ~4095
            }
        }
        found[entry.path] = entry
    }

    /// The folders above, so that they can be made again as they were.
    private mutating func addWay(to path: RawPath) throws(Fault) {
        var above = path.folder
        while !above.names.isEmpty, above != folder, !folder.isInside(above) {
            let name = name(above)
            if found[name] == nil, let status = try Files.status(above, following: true) {
                found[name] = BackupManifest.Entry(name, status, isWay: true)
            }
            above = above.folder
        }
    }

    /// Names of one and the same file point at the first of them.
    private mutating func joinNames() {
        var first: [FileIdentity: RawPath] = [:]
        for index in entries.indices {
            guard let identity = identities[entries[index].path] else { continue }
            if let other = first[identity] {
                entries[index].sameAs = other
            } else {
                first[identity] = entries[index].path
            }
        }
    }

    /// Relative where it lies below the runbook's folder.
    private func name(_ path: RawPath) -> RawPath { path.below(folder) ?? path }

    /// Without `..`, `.` and double slashes, so that each file has one name.
    private func direct(_ path: RawPath) throws(Fault) -> RawPath {
        if path.hasParentReference, let folder = try Files.resolved(path.folder) {
            return folder.appending(path.lastName)
        }
        return path.plain
    }
}

/// What tells one file from every other, whatever its names.
struct FileIdentity: Hashable, Sendable {
    var device: UInt64
    var inode: UInt64
    init(_ status: FileStatus) {
        device = status.device
        inode = status.inode
    }
}

/// Why something is not in a backup.
enum LeftOutReason {
    static let noContent = "is a socket, pipe or device and is left out"
    static let vanished = "vanished while the backup was taken"
    static func database(_ name: String) -> String { "is kept as the database \(name)" }
}

/// A path for people: what could move the cursor or hide a part of it is made visible.
func shown(_ path: RawPath) -> String { Visible.text(path.description, limit: 400) }
