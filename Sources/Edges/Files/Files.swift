// Files by the system's own calls: names of any bytes, and on the disk before anything is called done.
package import Domain
import Glibc

/// Everything here throws a `Fault` that names the path and what the system said.
package enum Files {
    /// The whole content.
    /// - Throws: also when there are more than `limit` bytes.
    package static func read(_ path: RawPath, limit: Int = 64 << 20) throws(Fault) -> [UInt8] {
        let descriptor = try open(path, O_RDONLY | O_CLOEXEC, "read")
        defer { close(descriptor) }
        let size = try status(open: descriptor, path).size
        var content = [UInt8]()
        content.reserveCapacity(min(size, limit) + 1)
        // Files of /proc say that they are empty; they are small.
        var block = [UInt8](repeating: 0, count: min(max(size + 1, 4096), 1 << 16))
        while true {
            let count = Glibc.read(descriptor, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fileFault("read", path) }
            if count == 0 { return content }
            content += block[..<count]
            guard content.count <= limit else {
                throw Fault(
                    operation: "read", subject: path.description, cause: "more than \(limit) bytes")
            }
        }
    }

    /// Nil when there is no such file.
    package static func readIfThere(_ path: RawPath) throws(Fault) -> [UInt8]? {
        try status(path) == nil ? nil : read(path)
    }

    /// Replaces a file by a whole new one, on the disk when this returns: readers and crashes see
    /// either the old or the new content, never a part.
    /// - Parameters:
    ///   - synced: false where a crash of the machine may undo it.
    ///   - temporary: a name in the same folder; nil: `besides`, for one writer at a time.
    package static func replace(
        _ path: RawPath, with content: [UInt8], mode: Int = 0o600, synced: Bool = true,
        by temporary: RawPath? = nil
    ) throws(Fault) {
        let temporary = temporary ?? besides(path)
        let descriptor = try open(
            temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, "write", mode)
        do throws(Fault) {
            defer { close(descriptor) }
            guard fchmod(descriptor, mode_t(mode)) == 0 else { throw fileFault("write", path) }
            try write(content, to: descriptor, path)
            if synced, fsync(descriptor) != 0 { throw fileFault("sync", path) }
        } catch {
            _ = temporary.withCString { unlink($0) }
            throw error
        }
        try rename(temporary, path)
        if synced { try sync(folder: path.folder) }
    }

    /// Makes a file that must not be there yet, on the disk when this returns. Readers may see it
    /// before it is whole; if it cannot be written, it is not there.
    package static func create(
        _ path: RawPath, with content: [UInt8], mode: Int = 0o600
    ) throws(Fault) {
        let descriptor = try open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, "write", mode)
        defer { close(descriptor) }
        do throws(Fault) {
            try write(content, to: descriptor, path)
            guard fsync(descriptor) == 0 else { throw fileFault("sync", path) }
            try sync(folder: path.folder)
        } catch {
            _ = path.withCString { unlink($0) }
            throw error
        }
    }

    /// A name in the same folder for something that is not whole yet. One writer per file, so that
    /// what a dead process left is overwritten, not collected.
    package static func besides(_ path: RawPath) -> RawPath {
        let name = path.lastName.bytes
        // Names end at 255 bytes; a long one is cut, and told from its neighbours by a checksum (FNV-1a).
        let kept =
            name.count <= 240
            ? name
            : Array(name.prefix(200))
                + String(
                    name.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
                        ($0 ^ UInt64($1)) &* 0x100_0000_01B3
                    }, radix: 36
                ).utf8
        return path.folder.appending(
            RawPath(bytes: Array(".".utf8) + kept + Array(".new".utf8)))
    }

    package static func write(
        _ content: some Collection<UInt8>, to descriptor: Int32, _ path: RawPath
    ) throws(Fault) {
        let done: Fault?? = content.withContiguousStorageIfAvailable { buffer in
            do throws(Fault) {
                try write(UnsafeRawBufferPointer(buffer), to: descriptor, path)
                return nil
            } catch { return error }
        }
        switch done {
        case .none: try write(Array(content), to: descriptor, path)
        case .some(.none): return
        case .some(.some(let fault)): throw fault
        }
    }

    package static func write(
        _ content: UnsafeRawBufferPointer, to descriptor: Int32, _ path: RawPath
    ) throws(Fault) {
        var rest = content[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count = Glibc.write(descriptor, part.baseAddress, part.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw fileFault("write", path) }
            rest = rest.dropFirst(count)
        }
    }

    package static func open(
        _ path: RawPath, _ flags: Int32, _ operation: String, _ mode: Int = 0o600
    ) throws(Fault) -> Int32 {
        while true {
            let descriptor = path.withCString { Glibc.open($0, flags, mode_t(mode)) }
            if descriptor >= 0 { return descriptor }
            guard errno == EINTR else { throw fileFault(operation, path) }
        }
    }

    package static func rename(_ from: RawPath, _ to: RawPath) throws(Fault) {
        let code = from.withCString { from in to.withCString { Glibc.rename(from, $0) } }
        guard code == 0 else { throw fileFault("rename to", to) }
    }

    /// Makes names that were added to or removed from a folder survive a power cut.
    package static func sync(folder: RawPath) throws(Fault) {
        let descriptor = try open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, "open")
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fileFault("sync", folder) }
    }

    /// As `sync(folder:)`, but tries again when the disk refuses once. The system forgets what it could
    /// not write (fsync(2)), so the folder is changed before that, and is written anew.
    package static func syncSurely(folder: RawPath) throws(Fault) {
        do throws(Fault) {
            try sync(folder: folder)
        } catch {
            let mark = folder.appending(".tocsin-sync-\(getpid())")
            close(try open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, "write"))
            try remove(mark)
            try sync(folder: folder)
        }
    }

    /// Makes a folder and those above it.
    /// - Returns: the folders that were not there, the uppermost first.
    @discardableResult
    package static func makeFolder(_ path: RawPath, mode: Int = 0o700) throws(Fault) -> [RawPath] {
        if let there = try status(path, following: true) {
            guard there.kind == .folder else {
                throw fileFault("make the folder", path, code: ENOTDIR)
            }
            return []
        }
        var made = path.folder == path ? [] : try makeFolder(path.folder, mode: mode)
        guard path.withCString({ mkdir($0, mode_t(mode)) }) == 0 || errno == EEXIST else {
            throw fileFault("make the folder", path)
        }
        try sync(folder: path.folder)
        made.append(path)
        return made
    }

    /// The names in a folder, sorted.
    package static func names(in folder: RawPath) throws(Fault) -> [RawPath] {
        guard let stream = folder.withCString({ opendir($0) }) else {
            throw fileFault("list", folder)
        }
        defer { closedir(stream) }
        var names: [RawPath] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { RawPath(cString: $0) }
            }
            if name.bytes != [0x2E], name.bytes != [0x2E, 0x2E] { names.append(name) }
        }
        guard errno == 0 else { throw fileFault("list", folder) }
        return names.sorted()
    }

    /// Removes one file, link or whole folder; nothing there is fine. Links are never followed.
    package static func remove(_ path: RawPath) throws(Fault) {
        guard let status = try status(path) else { return }
        if status.kind == .folder {
            for name in try names(in: path) { try remove(path.appending(name)) }
            guard path.withCString({ rmdir($0) }) == 0 || errno == ENOENT else {
                throw fileFault("remove", path)
            }
        } else {
            guard path.withCString({ unlink($0) }) == 0 || errno == ENOENT else {
                throw fileFault("remove", path)
            }
        }
    }

    /// The path with every link in it resolved; nil when there is nothing of that name.
    package static func resolved(_ path: RawPath) throws(Fault) -> RawPath? {
        guard let result = path.withCString({ realpath($0, nil) }) else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw fileFault("resolve", path)
        }
        defer { free(result) }
        return RawPath(cString: result)
    }

    /// What a symbolic link says.
    package static func target(of link: RawPath) throws(Fault) -> RawPath {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = link.withCString { path in
            readlink(path, &buffer, buffer.count)
        }
        guard count >= 0 else { throw fileFault("read the link", link) }
        return RawPath(bytes: buffer[..<count].map { UInt8(bitPattern: $0) })
    }

    package static func makeLink(_ path: RawPath, to target: RawPath) throws(Fault) {
        let code = target.withCString { target in path.withCString { symlink(target, $0) } }
        guard code == 0 else { throw fileFault("make the link", path) }
    }

    /// Bytes that this user may still write where the path lies.
    package static func freeSpace(at path: RawPath) throws(Fault) -> Int { try room(at: path).free }

    /// What may still be written where the path lies.
    /// - Returns: bytes in all and free for this user, and how many files; nil where that has no limit.
    package static func room(
        at path: RawPath
    ) throws(Fault) -> (total: Int, free: Int, freeNames: Int?) {
        var status = statvfs()
        guard path.withCString({ statvfs($0, &status) }) == 0 else {
            throw fileFault("ask for the free space of", path)
        }
        let unit = UInt64(status.f_frsize)
        return (
            Int(clamping: UInt64(status.f_blocks) * unit),
            Int(clamping: UInt64(status.f_bavail) * unit),
            status.f_files == 0 ? nil : Int(clamping: UInt64(status.f_favail))
        )
    }
}
