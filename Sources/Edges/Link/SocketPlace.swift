// The file of the engine's socket: whether it may be taken, its mode, and its removal.
import Domain

#if canImport(Glibc)
    import Glibc
#endif

enum SocketPlace {
    /// The longest path that the server's library takes, in bytes: what every system has room for.
    static let longestPath = 103

    /// Makes sure that a socket can be bound at the path: a file that a dead engine left is removed,
    /// one that a living engine answers on is never touched.
    /// - Throws: `Fault` that says what stands in the way and what to do.
    static func claim(_ path: String) throws(Fault) {
        func fault(_ cause: String) -> Fault {
            Fault(operation: "open the socket", subject: path, cause: cause)
        }
        let length = path.utf8.count
        guard length > 0, length <= longestPath, !path.utf8.contains(0) else {
            throw fault(
                "a socket's path has 1 to \(longestPath) bytes and this one has \(length); "
                    + "name a shorter one with --socket")
        }
        guard let mode = try mode(of: path, fault) else { return }
        guard mode & S_IFMT == S_IFSOCK else {
            throw fault("there is a file of that name and it is no socket; move it away")
        }
        switch probe(path) {
        case .answers: throw fault("an engine answers on it already; stop that one first")
        case .unclear(let why): throw fault("whether an engine answers on it is unclear: \(why)")
        case .dead:
            guard unlink(path) == 0 || errno == ENOENT else {
                throw fault("the socket of an ended engine cannot be removed: \(systemError())")
            }
        }
    }

    /// Lets the group in and nobody else.
    static func setMode(_ path: String) throws(Fault) {
        guard chmod(path, 0o660) == 0 else {
            throw Fault(
                operation: "set the mode of the socket", subject: path, cause: systemError())
        }
    }

    /// Gives the socket to a group, so that its members may open it.
    /// - Parameter ownFolder: the engine's own folder. Where the socket is in it, the group may pass
    ///   through it, and still not see what else is in it.
    /// - Returns: folders above the socket that the group cannot pass through, outermost first.
    /// - Throws: `Fault` that names the group or the file.
    static func admit(_ group: String, to path: String, ownFolder: String) throws(Fault) -> [String]
    {
        let id = try Self.id(of: group)
        func give(_ place: String, mode: mode_t) throws(Fault) {
            guard chown(place, uid_t.max, id) == 0, chmod(place, mode) == 0 else {
                throw Fault(
                    operation: "let the group \(group) in", subject: place,
                    cause: systemError() + "; be root, or a member of it")
            }
        }
        try give(path, mode: 0o660)
        var folders = Self.folders(above: path)
        if folders.last == ownFolder { try give(ownFolder, mode: 0o710) }
        folders.removeAll { folder in
            var info = stat()
            guard stat(folder, &info) == 0 else { return false }
            return info.st_gid == id ? info.st_mode & 0o010 != 0 : info.st_mode & 0o001 != 0
        }
        return folders
    }

    /// `/`, `/run`, `/run/tocsin` of `/run/tocsin/engine.sock`.
    private static func folders(above path: String) -> [String] {
        var result = ["/"]
        var present = ""
        for part in path.split(separator: "/").dropLast() {
            present += "/" + part
            result.append(present)
        }
        return result
    }

    private static func id(of group: String) throws(Fault) -> gid_t {
        var size = 1024
        while size <= 1 << 20 {
            var entry = Glibc.group()
            var found: UnsafeMutablePointer<Glibc.group>?
            var buffer = [CChar](repeating: 0, count: size)
            let status = getgrnam_r(group, &entry, &buffer, buffer.count, &found)
            if status == 0, found != nil { return entry.gr_gid }
            if status != ERANGE { break }
            size *= 4
        }
        throw Fault(
            operation: "let a group in", subject: group,
            cause: "there is no such group; make it with: groupadd --system \(group)")
    }

    /// Which file is at the path now, so that only the own one is removed later.
    static func identity(of path: String) -> FileIdentity? {
        var info = stat()
        return lstat(path, &info) == 0 ? FileIdentity(device: info.st_dev, inode: info.st_ino) : nil
    }

    static func remove(_ path: String, ifStill identity: FileIdentity?) {
        if let identity, self.identity(of: path) == identity { unlink(path) }
    }

    struct FileIdentity: Equatable, Sendable {
        var device: dev_t
        var inode: ino_t
    }

    /// Nil when there is no such file.
    private static func mode(of path: String, _ fault: (String) -> Fault) throws(Fault) -> mode_t? {
        var info = stat()
        if lstat(path, &info) == 0 { return info.st_mode }
        switch errno {
        case ENOENT:
            let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
            guard access(folder.isEmpty ? "/" : folder, W_OK | X_OK) == 0 else {
                throw fault("its folder cannot be written to: \(systemError())")
            }
            return nil
        case let number: throw fault(systemError(number))
        }
    }

    private enum Finding {
        case answers, dead
        case unclear(String)
    }
    private static func probe(_ path: String) -> Finding {
        do {
            close(try UnixSocket.connect(to: path, deadline: Deadline(after: .seconds(2))))
            return .answers
        } catch {
            switch error {
            // A listener whose queue is full is alive.
            case .timeout: return .answers
            case .notReachable(_, let why):
                return why == UnixSocket.nobodyListens ? .dead : .unclear(why)
            case .badAnswer(_, let what): return .unclear(what)
            }
        }
    }
}
