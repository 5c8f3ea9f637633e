// What a file is and what belongs to it besides its content: mode, owner, times, attributes.
import CLinux
package import Domain
package import Glibc

package enum FileKind: String, Sendable, Codable {
    case file, folder, link
    /// A socket, a pipe or a device.
    case other
}

/// What `lstat` says.
package struct FileStatus: Sendable, Equatable {
    package var kind: FileKind
    /// Bytes.
    package var size: Int
    /// Permission bits, with set-id and sticky: 0–0o7777.
    package var mode: Int
    package var user: UInt32
    package var group: UInt32
    /// Nanoseconds since 1970.
    package var modified: Int64
    /// Bytes that it takes on the disk; less than `size` for a file with holes.
    package var allocated: Int
    package var device: UInt64
    package var inode: UInt64
    /// Names of the same file; what has several may be meant by another of them.
    package var names: Int
    /// When its content, owner, mode or attributes last changed; nanoseconds since 1970. Programs can
    /// set `modified` back, but not this.
    package var changed: Int64

    init(_ status: stat) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .folder
        case S_IFLNK: kind = .link
        default: kind = .other
        }
        size = Int(status.st_size)
        mode = Int(status.st_mode & 0o7777)
        user = status.st_uid
        group = status.st_gid
        modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        allocated = Int(status.st_blocks) * 512
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        names = Int(status.st_nlink)
        changed = Int64(status.st_ctim.tv_sec) * 1_000_000_000 + Int64(status.st_ctim.tv_nsec)
    }
}

/// A fault about a file, with what the system says. Read `errno` before anything else can change it.
package func fileFault(
    _ operation: String, _ path: RawPath, code: Int32 = errno
) -> Fault {
    Fault(
        operation: operation, subject: path.description, cause: String(cString: strerror(code)),
        retry: [EAGAIN, EINTR, ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EBUSY].contains(code))
}

extension Files {
    /// Nil when there is nothing of that name.
    /// - Parameter following: of what a symbolic link points at.
    package static func status(
        _ path: RawPath, following: Bool = false
    ) throws(Fault) -> FileStatus? {
        var status = stat()
        let code = path.withCString { following ? stat($0, &status) : lstat($0, &status) }
        if code == 0 { return FileStatus(status) }
        if errno == ENOENT || errno == ENOTDIR { return nil }
        throw fileFault("look at", path)
    }

    package static func status(open descriptor: Int32, _ path: RawPath) throws(Fault) -> FileStatus
    {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw fileFault("look at", path) }
        return FileStatus(status)
    }

    /// Makes sure that a file or folder is not marked as immutable or append-only (chattr(1)), which even
    /// root may then neither change nor remove.
    package static func checkNotPinned(_ path: RawPath, _ operation: String) throws(Fault) {
        let mark = path.withCString { tocsin_is_pinned($0) }
        guard mark != 0 else { return }
        let letter = String(UnicodeScalar(UInt8(mark)))
        throw Fault(
            operation: operation, subject: path.description,
            cause: "it is marked as \(letter == "i" ? "immutable" : "append-only"); "
                + "chattr -\(letter) takes the mark away")
    }

    /// Gives a file, folder or link the owner, mode and time of another, as far as this user may:
    /// only root can give files away, and a link has no mode of its own.
    package static func apply(
        user: UInt32, group: UInt32, mode: Int, modified: Int64, kind: FileKind, to path: RawPath
    ) throws(Fault) {
        let owned = path.withCString { lchown($0, user, group) }
        if owned != 0, geteuid() == 0 { throw fileFault("set the owner of", path) }
        // After the owner: a change of owner clears the set-id bits.
        if kind != .link, path.withCString({ chmod($0, mode_t(mode)) }) != 0 {
            throw fileFault("set the mode of", path)
        }
        let times = times(modified: modified)
        let set = path.withCString { utimensat(AT_FDCWD, $0, times, AT_SYMLINK_NOFOLLOW) }
        if set != 0 { throw fileFault("set the time of", path) }
    }

    /// For utimensat(2): the access time becomes the present.
    /// - Parameter modified: nanoseconds since 1970.
    package static func times(modified: Int64) -> [timespec] {
        var times = [timespec(tv_sec: 0, tv_nsec: Int(utimeNow)), timespec()]
        times[1].tv_sec = Int(modified / 1_000_000_000)
        times[1].tv_nsec = Int(modified % 1_000_000_000)
        if times[1].tv_nsec < 0 {
            times[1].tv_sec -= 1
            times[1].tv_nsec += 1_000_000_000
        }
        return times
    }

    package static func apply(_ status: FileStatus, to path: RawPath) throws(Fault) {
        try apply(
            user: status.user, group: status.group, mode: status.mode, modified: status.modified,
            kind: status.kind, to: path)
    }

    /// Copies extended attributes (access control lists, capabilities). What the target's file system
    /// or our rights do not allow is left out: the content is what counts.
    package static func copyAttributes(from source: RawPath, to target: RawPath) {
        let size = source.withCString { llistxattr($0, nil, 0) }
        guard size > 0 else { return }
        var names = [CChar](repeating: 0, count: size)
        let count = source.withCString { llistxattr($0, &names, size) }
        guard count > 0 else { return }
        for name in names.prefix(count).split(separator: 0) {
            let name = RawPath(bytes: name.map { UInt8(bitPattern: $0) })
            name.withCString { name in
                let length = source.withCString { lgetxattr($0, name, nil, 0) }
                guard length >= 0 else { return }
                var value = [UInt8](repeating: 0, count: max(1, length))
                let read = source.withCString { lgetxattr($0, name, &value, length) }
                guard read >= 0 else { return }
                _ = target.withCString { lsetxattr($0, name, value, read, 0) }
            }
        }
    }
}

/// UTIME_NOW: the access time becomes the present.
private let utimeNow: Int = (1 << 30) - 1
