// Copies one file as it was at one moment, though others may write to it meanwhile.
import Domain
import Files
import Glibc

/// What was copied.
///
/// A file that is written to while it is read would give a mix that never existed. So its times are
/// compared before and after (status changes cannot be set back by programs). When they differ, the
/// copied bytes are read a second time: bytes that are the same in both passes were all there together
/// in the moment between them. A log that only grows is so kept as it was when it was opened.
struct MomentCopy {
    var status: FileStatus
    var sha256: String
    var attributes: [FileAttribute]
    var grew: Bool

    private static let tries = 8
    /// Two writes in less than this may leave the same time: the kernel's clock for files ticks.
    private static let tick: Int64 = 20_000_000

    /// The copy is at `target` with owner, mode and time, not synced.
    /// - Returns: nil when the source has vanished or is no file any more; then there is no copy.
    /// - Throws: also when the source does not hold still; then there may be a part of a copy.
    static func take(
        from source: RawPath, to target: RawPath, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Fault) -> MomentCopy? {
        let output = try Files.open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, "write")
        defer { close(output) }
        for attempt in 0..<tries {
            if attempt > 0 { usleep(UInt32(4000) << UInt32(attempt)) }
            guard let input = try Files.openForCopy(source) else {
                try Files.remove(target)
                return nil
            }
            defer { close(input) }
            let before = try Files.status(open: input, source)
            guard before.kind == .file else {
                try Files.remove(target)
                return nil
            }
            let opened = now()
            guard let sha256 = try copy(input, source, before, to: output, target, buffer) else {
                continue
            }
            let attributes = try Files.attributes(open: input, source)
            let after = try Files.status(open: input, source)
            let calm = after == before && opened - before.changed > tick
            if !calm {
                guard after.size >= before.size,
                    try checksum(input, source, before, buffer) == sha256
                else { continue }
            }
            try finish(output, target, before)
            return MomentCopy(
                status: before, sha256: sha256, attributes: attributes,
                grew: after.size > before.size)
        }
        throw Fault(
            operation: "copy", subject: shown(source),
            cause: "it is written to all the time, so that no moment's state of it can be kept; "
                + "a database belongs under `databases:`, and what need not be kept out of `files:`",
            retry: true)
    }

    /// Nil when the file has become shorter.
    private static func copy(
        _ input: Int32, _ source: RawPath, _ status: FileStatus, to output: Int32,
        _ target: RawPath, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Fault) -> String? {
        guard ftruncate(output, 0) == 0, lseek(output, 0, SEEK_SET) == 0 else {
            throw fileFault("write", target)
        }
        var byte: UInt8 = 0
        if status.size == 0, pread(input, &byte, 1, 0) == 1,
            try Files.status(open: input, source).size == 0
        {
            throw Fault(
                operation: "copy", subject: shown(source),
                cause: "the system makes its content when it is read; that cannot be kept")
        }
        var hash = ContentHash()
        let sparse = status.allocated < status.size
        let count = try Files.readPieces(input, source, size: status.size, sparse: sparse, buffer) {
            piece throws(Fault) in
            hash.add(piece)
            switch piece {
            case .bytes(let bytes): try Files.write(bytes, to: output, target)
            case .hole(let count):
                guard lseek(output, off_t(count), SEEK_CUR) >= 0 else {
                    throw fileFault("write", target)
                }
            }
        }
        guard count == status.size else { return nil }
        if sparse, ftruncate(output, off_t(count)) != 0 { throw fileFault("write", target) }
        return hash.finish()
    }

    private static func checksum(
        _ input: Int32, _ source: RawPath, _ status: FileStatus,
        _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Fault) -> String? {
        var hash = ContentHash()
        let sparse = status.allocated < status.size
        let count = try Files.readPieces(input, source, size: status.size, sparse: sparse, buffer) {
            piece throws(Fault) in hash.add(piece)
        }
        return count == status.size ? hash.finish() : nil
    }

    private static func finish(
        _ output: Int32, _ target: RawPath, _ status: FileStatus
    ) throws(Fault) {
        // Only root can give files away; the manifest knows the owner in any case.
        if status.user != geteuid() || status.group != getegid(),
            fchown(output, status.user, status.group) != 0, geteuid() == 0
        {
            throw fileFault("set the owner of", target)
        }
        // After the owner: a change of owner clears the set-id bits.
        guard fchmod(output, mode_t(status.mode)) == 0 else {
            throw fileFault("set the mode of", target)
        }
        let times = Files.times(modified: status.modified)
        guard futimens(output, times) == 0 else { throw fileFault("set the time of", target) }
        // So that the disk is busy while the next file is read; whoever syncs later waits less.
        if status.size >= 1 << 16 { Files.startWriting(output) }
    }

    /// Nanoseconds since 1970.
    private static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
