// What a backup is to hold: the definition's files, folders and globs, worked out to single entries.
import Domain
import Files

struct BackupPlan {
    let folder: RawPath
    /// By path; each once.
    private(set) var entries: [BackupManifest.Entry] = []
    /// Sockets, pipes and devices inside of folders.
    private(set) var leftOut: [RawPath] = []
    var bytes: Int { entries.reduce(0) { $0 + $1.size } }

    private let store: RawPath
    private var found: [RawPath: BackupManifest.Entry] = [:]

    init(_ definition: BackupDefinition, _ folder: RawPath) throws(Fault) {
        self.folder = folder
        store = try Files.resolved(RawPath(definition.to)) ?? RawPath(definition.to)
        for written in definition.files {
            let matches = try Files.matches(RawPath(written), in: folder)
            guard !matches.isEmpty || Files.isPattern(RawPath(written)) else {
                throw Fault(
                    operation: "take a backup", subject: folder.appending(written).description,
                    cause: "it is to be kept, but it is not there")
            }
            for path in matches { try add(root: path, depth: 0) }
        }
        entries = found.values.sorted { $0.path < $1.path }
    }

    /// Something that was named, and everything below it.
    private mutating func add(root: RawPath, depth: Int) throws(Fault) {
        let root = try direct(root)
        guard let status = try Files.status(root) else { return }
        guard status.kind != .other else {
            throw Fault(
                operation: "take a backup", subject: root.description,
                cause: "it is a socket, pipe or device")
        }
        try addWay(to: root)
        try add(root, status)
        switch status.kind {
        case .folder: try addBelow(root)
        case .link:
            // A chain of links ends somewhere, or the kernel would not have resolved it.
            if depth < 40, let target = try Files.resolved(root) {
                try add(root: target, depth: depth + 1)
            }
        case .file, .other: break
        }
    }

    private mutating func addBelow(_ root: RawPath) throws(Fault) {
        var below: [(RawPath, FileStatus)] = []
        let store = store
        try Files.walk(root, enters: { (try? Files.resolved($0)) != .some(store) }) {
            path, status throws(Fault) in
            below.append((root.appending(path), status))
        }
        for (path, status) in below { try add(path, status) }
    }

    private mutating func add(_ path: RawPath, _ status: FileStatus) throws(Fault) {
        if status.kind == .other {
            leftOut.append(path)
            return
        }
        var entry = BackupManifest.Entry(name(path), status)
        if status.kind == .link { entry.target = try Files.target(of: path) }
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
