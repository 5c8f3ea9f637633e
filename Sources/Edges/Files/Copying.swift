// Copies of files and folders with everything that belongs to them, on the disk when they are done.
import CLinux
package import Domain
import Glibc

extension Files {
    /// Copies a file's bytes, block by block; holes stay holes. Neither metadata nor sync.
    /// - Parameters:
    ///   - block: sees every byte in order, also those of holes.
    ///   - mode: of the new file, whatever the umask.
    /// - Returns: the bytes copied, and the source's status when it was opened.
    @discardableResult
    package static func copyContent(
        from source: RawPath, to target: RawPath, mode: Int = 0o600,
        buffer: UnsafeMutableRawBufferPointer? = nil,
        block: (UnsafeRawBufferPointer) -> Void = { _ in }
    ) throws(Fault) -> (count: Int, status: FileStatus) {
        // Not blocking: a pipe that took the place of a file must not hang us.
        let input = try open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, "read")
        defer { close(input) }
        let before = try status(open: input, source)
        guard before.kind == .file else {
            throw Fault(operation: "read", subject: source.description, cause: "it is no file")
        }
        let output = try open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, "write", mode)
        defer { close(output) }
        guard fchmod(output, mode_t(mode)) == 0 else { throw fileFault("write", target) }
        let own = buffer == nil
        let space = buffer ?? .allocate(byteCount: 1 << 18, alignment: 16)
        defer { if own { space.deallocate() } }
        let sparse = before.allocated < before.size
        var count = 0
        var endsInHole = false
        while true {
            let got = Glibc.read(input, space.baseAddress, space.count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw fileFault("read", source) }
            if got == 0 { break }
            let bytes = UnsafeRawBufferPointer(rebasing: space[..<got])
            block(bytes)
            count += got
            endsInHole = sparse && isZero(bytes)
            if endsInHole {
                guard lseek(output, off_t(got), SEEK_CUR) >= 0 else {
                    throw fileFault("write", target)
                }
            } else {
                try write(bytes, to: output, target)
            }
        }
        if endsInHole, ftruncate(output, off_t(count)) != 0 { throw fileFault("write", target) }
        // So that the disk is busy while the next file is read; whoever syncs later waits less.
        tocsin_start_writing(output)
        return (count, before)
    }

    private static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress, let first = bytes.first, first == 0 else {
            return false
        }
        return memcmp(start, start + 1, bytes.count - 1) == 0
    }

    /// Copies a file, link or whole folder with modes, owners, times and attributes, and syncs it.
    /// The target must not be there. Sockets, pipes and devices are left out.
    /// - Parameters:
    ///   - synced: false where a crash of the machine may undo it.
    ///   - enters: false leaves a path out, with everything below it.
    ///   - skipped: hears of the sockets, pipes and devices that were left out.
    package static func copyTree(
        from source: RawPath, to target: RawPath, synced: Bool = true,
        enters: (RawPath) -> Bool = { _ in true }, skipped: (RawPath) -> Void = { _ in }
    ) throws(Fault) {
        guard let status = try status(source) else { throw fileFault("copy", source, code: ENOENT) }
        switch status.kind {
        case .file:
            try copyContent(from: source, to: target)
            copyAttributes(from: source, to: target)
            try apply(status, to: target)
            // Once more: a change of owner takes a file's capabilities away.
            copyAttributes(from: source, to: target)
            if synced { try sync(file: target) }
        case .link:
            try makeLink(target, to: try self.target(of: source))
            try apply(status, to: target)
        case .folder:
            guard target.withCString({ mkdir($0, 0o700) }) == 0 else {
                throw fileFault("make the folder", target)
            }
            for name in try names(in: source) where enters(source.appending(name)) {
                try copyTree(
                    from: source.appending(name), to: target.appending(name), synced: synced,
                    enters: enters, skipped: skipped)
            }
            copyAttributes(from: source, to: target)
            if synced { try sync(folder: target) }
            try apply(status, to: target)
        case .other: skipped(source)
        }
    }

    /// Has an open file's new content on its way to the disk, without waiting for it.
    package static func startWriting(_ file: Int32) { tocsin_start_writing(file) }

    /// Syncs a file's content and metadata. Opened for reading, so that it works whatever its mode.
    package static func sync(file: RawPath) throws(Fault) {
        let descriptor = try open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, "sync")
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fileFault("sync", file) }
    }

    /// Writes everything of the path's file system to the disk.
    package static func syncFileSystem(of path: RawPath) throws(Fault) {
        try FileSystemSync(path).sync()
    }

    /// Puts a copy of a file or link in the place of whatever file is there, in one rename.
    /// The copy is made beside it first, synced, with everything that belongs to it.
    package static func install(_ source: RawPath, as target: RawPath) throws(Fault) {
        let temporary = besides(target)
        try remove(temporary)
        do throws(Fault) {
            try copyTree(from: source, to: temporary)
            try rename(temporary, target)
        } catch {
            try? remove(temporary)
            throw error
        }
        try sync(folder: target.folder)
    }

    /// Reads a file block by block.
    /// - Returns: its bytes in all.
    @discardableResult
    package static func readBlocks(
        _ path: RawPath, _ buffer: UnsafeMutableRawBufferPointer,
        _ block: (UnsafeRawBufferPointer) -> Void
    ) throws(Fault) -> Int {
        let file = try open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, "read")
        defer { close(file) }
        var total = 0
        while true {
            let count = Glibc.read(file, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fileFault("read", path) }
            if count == 0 { return total }
            block(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            total += count
        }
    }

    /// Whether two files hold the same bytes.
    package static func isSameContent(_ left: RawPath, _ right: RawPath) throws(Fault) -> Bool {
        let first = try open(left, O_RDONLY | O_CLOEXEC, "read")
        defer { close(first) }
        let second = try open(right, O_RDONLY | O_CLOEXEC, "read")
        defer { close(second) }
        var (a, b) = ([UInt8](repeating: 0, count: 1 << 16), [UInt8](repeating: 0, count: 1 << 16))
        while true {
            let (m, n) = (try fill(&a, from: first, left), try fill(&b, from: second, right))
            guard m == n, a[..<m] == b[..<n] else { return false }
            if m < a.count { return true }
        }
    }

    /// Reads until the buffer is full or the file has ended.
    private static func fill(
        _ buffer: inout [UInt8], from file: Int32, _ path: RawPath
    ) throws(Fault) -> Int {
        var count = 0
        while count < buffer.count {
            let got = buffer.withUnsafeMutableBytes { bytes in
                Glibc.read(file, bytes.baseAddress?.advanced(by: count), bytes.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw fileFault("read", path) }
            if got == 0 { break }
            count += got
        }
        return count
    }

    /// Everything below a folder, folders before what is in them, in the order of names; paths are
    /// relative to it. Links are not followed.
    /// - Parameter enters: false keeps out of a folder and leaves it out.
    package static func walk(
        _ folder: RawPath, enters: (RawPath) -> Bool = { _ in true },
        _ visit: (RawPath, FileStatus) throws(Fault) -> Void
    ) throws(Fault) {
        func walk(_ relative: RawPath) throws(Fault) {
            for name in try names(in: folder.appending(relative)) {
                let path = relative.appending(name)
                let absolute = folder.appending(path)
                // Gone since the folder was listed: it is not there any more.
                guard let status = try status(absolute) else { continue }
                if status.kind == .folder {
                    guard enters(absolute) else { continue }
                    try visit(path, status)
                    try walk(path)
                } else {
                    try visit(path, status)
                }
            }
        }
        try walk(RawPath(""))
    }
}

/// Writes everything of a file system to the disk: one wait instead of one for each file.
///
/// Opened before anything is written: since Linux 5.8, `sync` tells of every error of writing since.
package final class FileSystemSync: Sendable {
    private let descriptor: Int32
    private let path: RawPath

    package init(_ path: RawPath) throws(Fault) {
        self.path = path
        descriptor = try Files.open(path, O_RDONLY | O_CLOEXEC, "sync")
    }
    deinit { close(descriptor) }

    package func sync() throws(Fault) {
        guard syncfs(descriptor) == 0 else { throw fileFault("sync", path) }
    }
}
