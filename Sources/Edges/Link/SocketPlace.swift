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
