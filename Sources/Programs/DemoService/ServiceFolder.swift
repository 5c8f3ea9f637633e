// Courier's folder: where each thing is kept in it, and files that are read and written whole.
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// What went wrong, in a sentence that names the place and the remedy.
package struct DemoError: Error, CustomStringConvertible, Equatable {
    package var description: String
    init(_ text: String) { description = text }
}

/// The folder that one courier works in.
struct ServiceFolder: Sendable {
    /// Absolute, without a slash at its end.
    let path: String

    /// Larger files are refused: nothing that courier reads whole comes near.
    static let sizeLimit = 1 << 20

    init(_ path: String) throws {
        guard let resolved = realpath(path, nil) else {
            throw DemoError("\(path): \(String(cString: strerror(errno))); give courier's folder")
        }
        defer { free(resolved) }
        self.path = String(cString: resolved)
    }

    /// The path of a file in it.
    func callAsFunction(_ name: String) -> String { path + "/" + name }

    var database: String { self("data/courier.db") }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: self(name)) }

    /// The names in one of its folders, sorted; none when there is no such folder.
    func names(in name: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: self(name))) ?? []).sorted()
    }

    func bytes(_ name: String) throws -> [UInt8] {
        let file = self(name)
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("read", file) }
        defer { close(descriptor) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw failure("read", file) }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw DemoError("cannot read \(file): it is not a file")
        }
        guard facts.st_size <= Self.sizeLimit else {
            throw DemoError("cannot read \(file): it is larger than \(Self.sizeLimit) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: Int(facts.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read", file) }
            if count == 0 { break }
            filled += count
        }
        return Array(bytes[..<filled])
    }

    func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

    /// Writes a file so that it is there whole or not at all, with the folders above it.
    func write(_ name: String, _ text: String, mode: UInt16 = 0o644) throws {
        let file = self(name)
        try makeFolder(above: file)
        let draft = "\(file).\(getpid()).\(UInt32.random(in: 0 ... .max)).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(mode))
        guard descriptor >= 0 else { throw failure("write", file) }
        let written = writeAll(descriptor, Array(text.utf8))
        let closed = close(descriptor) == 0
        guard written, closed, rename(draft, file) == 0 else {
            let error = failure("write", file)
            unlink(draft)
            throw error
        }
    }

    /// Removes a file; none there is as good.
    func remove(_ name: String) throws {
        guard unlink(self(name)) == 0 || errno == ENOENT else {
            throw failure("remove", self(name))
        }
    }

    func makeFolder(_ name: String) throws { try makeFolder(above: self(name) + "/") }

    private func makeFolder(above file: String) throws {
        let folder = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw DemoError("cannot make the folder \(folder): \(error)")
        }
    }
}

/// Writes every byte; false with `errno` when the world says no.
func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes {
            write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        written += count
    }
    return true
}

private func failure(_ what: String, _ file: String) -> DemoError {
    DemoError("cannot \(what) \(file): \(String(cString: strerror(errno)))")
}
