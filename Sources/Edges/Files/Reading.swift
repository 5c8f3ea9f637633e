// Reads a file piece by piece: holes without touching the disk, and the rest from it where that is asked.
package import Domain
import Glibc

/// A part of a file, in order.
package enum FilePiece {
    case bytes(UnsafeRawBufferPointer)
    /// So many zeros that the file system does not store.
    case hole(Int)
}

extension Files {
    /// Reads the first `size` bytes of an open file, or less when it ends before. Its own position
    /// stays where it is, and does not matter.
    /// - Parameters:
    ///   - sparse: it may have holes; they are asked for.
    ///   - buffer: aligned to 4096 bytes when the file was opened by `openForDisk`.
    /// - Returns: the bytes that were read, with those of holes.
    package static func readPieces(
        _ file: Int32, _ path: RawPath, size: Int, sparse: Bool,
        _ buffer: UnsafeMutableRawBufferPointer, _ piece: (FilePiece) throws(Fault) -> Void
    ) throws(Fault) -> Int {
        var offset = 0
        var sparse = sparse
        while offset < size {
            var end = size
            if sparse {
                let data = lseek(file, off_t(offset), seekData)
                if data < 0, errno != ENXIO {
                    sparse = false
                    continue
                }
                // ENXIO: only a hole is left.
                let next = data < 0 ? size : min(Int(data), size)
                if next > offset {
                    try piece(.hole(next - offset))
                    offset = next
                    continue
                }
                let hole = lseek(file, off_t(offset), seekHole)
                if hole > off_t(offset) { end = min(Int(hole), size) }
            }
            let before = offset
            try readBytes(file, path, &offset, end, buffer, piece)
            // It has become shorter.
            if offset < end || offset == before { return offset }
        }
        return offset
    }

    private static func readBytes(
        _ file: Int32, _ path: RawPath, _ offset: inout Int, _ end: Int,
        _ buffer: UnsafeMutableRawBufferPointer, _ piece: (FilePiece) throws(Fault) -> Void
    ) throws(Fault) {
        while offset < end {
            // Whole blocks: past a cache, nothing else can be read.
            let wanted = min(buffer.count, (end - offset + 4095) & ~4095)
            let got = pread(file, buffer.baseAddress, wanted, off_t(offset))
            if got < 0, errno == EINTR { continue }
            if got < 0, errno == EINVAL, leaveDisk(file) { continue }
            guard got >= 0 else { throw fileFault("read", path) }
            if got == 0 { return }
            let count = min(got, end - offset)
            try piece(.bytes(UnsafeRawBufferPointer(rebasing: buffer[..<count])))
            offset += count
        }
    }

    /// Opens a file so that it is read from the disk and not from memory: past the page cache
    /// (open(2), O_DIRECT). Where a file system cannot, the kernel is asked to forget its pages first,
    /// which it does with those that are on the disk.
    package static func openForDisk(_ path: RawPath) throws(Fault) -> Int32 {
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        if direct != 0 {
            let file = path.withCString { Glibc.open($0, flags | direct) }
            if file >= 0 { return file }
            if errno != EINVAL { throw fileFault("read", path) }
        }
        let file = try open(path, flags, "read")
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
        return file
    }

    /// - Returns: whether the file was read past the cache until now.
    private static func leaveDisk(_ file: Int32) -> Bool {
        let flags = fcntl(file, F_GETFL)
        guard direct != 0, flags >= 0, flags & direct != 0 else { return false }
        guard fcntl(file, F_SETFL, flags & ~direct) == 0 else { return false }
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
        return true
    }

    /// Opens a file for a copy: without waiting for a pipe that took its place, and without changing
    /// the time of its last access where the system lets us (open(2), O_NOATIME).
    /// - Returns: nil when it is gone, or is a link or socket by now.
    package static func openForCopy(_ path: RawPath) throws(Fault) -> Int32? {
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        while true {
            var file = path.withCString { Glibc.open($0, flags | noAccessTime) }
            // Only the owner and root may.
            if file < 0, errno == EPERM { file = path.withCString { Glibc.open($0, flags) } }
            if file >= 0 { return file }
            switch errno {
            case EINTR: continue
            case ENOENT, ENOTDIR, ELOOP, ENXIO: return nil
            default: throw fileFault("read", path)
            }
        }
    }
}

// <fcntl.h> shows these only with _GNU_SOURCE.
private let seekData: Int32 = 3
private let seekHole: Int32 = 4
private let noAccessTime: Int32 = 0o1_000_000
#if arch(x86_64) || arch(i386)
    private let direct: Int32 = 0o40_000
#elseif arch(arm64) || arch(arm)
    private let direct: Int32 = 0o200_000
#else
    private let direct: Int32 = 0
#endif
