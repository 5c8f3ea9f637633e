// What a step says, kept within limits: the first and the last 256 KiB, and how much was between them.
import CLinux
import Domain
import Files
import Glibc

/// The numbers that the writer and the readers of a log agree on.
enum OutputLimits {
    /// Bytes kept of the beginning, and of the end.
    static let head = 256 << 10
    static let tail = 256 << 10
    /// The writer overwrites at most this much of the tail at once.
    static let block = 32 << 10
    /// What a program wrote while nobody read is skipped beyond this.
    static let backlog = 4 << 20
    /// output.tail begins with the number of bytes said in all (8 bytes, little endian).
    static let tailHeader = 8
}

/// The runner's side: programs write to a file of their own, never to a pipe, so that what they leave
/// running neither holds the step up nor dies of a closed pipe. From there it is read, masked and kept.
final class OutputWriter {
    /// For a program's standard output and error.
    let raw: Int32
    private let log: Int32
    private var tail: Int32 = -1
    private var watch: Int32?
    private let directory: RunDirectory
    var mask = SecretMask()
    private var rawRead = 0
    /// Bytes said in all, masked.
    private var total = 0
    /// Bytes that were not even read.
    private var skipped = 0
    private var line: [UInt8] = []
    private(set) var lastLine = ""

    init(_ directory: RunDirectory) throws(Fault) {
        self.directory = directory
        let flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND
        raw = try Files.open(directory.raw, flags, "write")
        log = try Files.open(directory.log, flags, "write")
    }
    deinit {
        close(raw)
        close(log)
        if tail >= 0 { close(tail) }
        if let watch, watch >= 0 { close(watch) }
    }

    /// Becomes readable when a program has written; -1 where the system cannot tell.
    var writes: Int32 {
        if let watch { return watch }
        let made = directory.raw.withCString { tocsin_watch_writes($0) }
        watch = made
        return made
    }

    /// A line of the runner's own. A full disk loses words, not the step.
    func say(_ text: String) {
        drain()
        if total > 0, lastByte != 10 { keep([10]) }
        keep(mask.next(Array(text.utf8)) + mask.end() + [10])
    }
    private var lastByte: UInt8 = 10

    /// Takes over what programs have written since the last time.
    func drain() {
        var status = stat()
        guard fstat(raw, &status) == 0 else { return }
        var end = Int(status.st_size)
        if end - rawRead > OutputLimits.backlog {
            // A program that writes faster than anyone can read: its beginning and its end count.
            if total < OutputLimits.head { take(until: rawRead + OutputLimits.head) }
            skipped += end - OutputLimits.backlog / 4 - rawRead
            rawRead = end - OutputLimits.backlog / 4
        }
        take(until: end)
        end = rawRead
        if end > 1 << 20 { _ = tocsin_punch_hole(raw, 0, off_t(end)) }
    }

    private func take(until end: Int) {
        var block = [UInt8](repeating: 0, count: OutputLimits.block)
        while rawRead < end {
            let count = pread(raw, &block, min(block.count, end - rawRead), off_t(rawRead))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rawRead += count
            keep(mask.next(block[..<count]))
        }
    }

    /// The step is over: puts the end behind the beginning, and syncs.
    /// - Returns: nothing; what cannot be written is lost, the outcome says what counts.
    func finish() {
        drain()
        keep(mask.end())
        if tail >= 0 {
            let kept = min(OutputLimits.tail, total - OutputLimits.head)
            let left = total - OutputLimits.head - kept + skipped
            if left > 0 {
                try? Files.write(
                    Array("\n… \(left) bytes left out …\n".utf8), to: log, directory.log)
            }
            var start = total - kept
            while start < total {
                let place = (start - OutputLimits.head) % OutputLimits.tail
                let count = min(total - start, OutputLimits.tail - place)
                var block = [UInt8](repeating: 0, count: count)
                let got = pread(tail, &block, count, off_t(OutputLimits.tailHeader + place))
                guard got > 0 else { break }
                try? Files.write(block[..<got], to: log, directory.log)
                start += got
            }
        }
        _ = fdatasync(log)
        _ = directory.raw.withCString { unlink($0) }
    }

    private func keep(_ bytes: [UInt8]) {
        guard let last = bytes.last else { return }
        lastByte = last
        remember(bytes)
        let room = max(0, OutputLimits.head - total)
        if room > 0 { try? Files.write(bytes.prefix(room), to: log, directory.log) }
        var at = min(room, bytes.count)
        total += at
        while at < bytes.count {
            let count = min(OutputLimits.block, bytes.count - at)
            keepInTail(bytes[at..<at + count])
            at += count
        }
        Lifeline.tug()
    }

    /// A ring: the newest byte takes the place of the oldest.
    private func keepInTail(_ bytes: ArraySlice<UInt8>) {
        if tail < 0 {
            tail =
                (try? Files.open(directory.tail, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, "write"))
                ?? -1
        }
        guard tail >= 0 else { return }
        let place = (total - OutputLimits.head) % OutputLimits.tail
        let first = bytes.prefix(OutputLimits.tail - place)
        put(first, at: OutputLimits.tailHeader + place)
        put(bytes.dropFirst(first.count), at: OutputLimits.tailHeader)
        total += bytes.count
        withUnsafeBytes(of: UInt64(total).littleEndian) { put(ArraySlice($0), at: 0) }
    }
    private func put(_ bytes: ArraySlice<UInt8>, at place: Int) {
        _ = bytes.withUnsafeBytes { pwrite(tail, $0.baseAddress, $0.count, off_t(place)) }
    }

    private func remember(_ bytes: [UInt8]) {
        for part in bytes.split(omittingEmptySubsequences: false, whereSeparator: { $0 == 10 })
            .dropLast()
        {
            rememberLine(line + part.prefix(2000))
            line = []
        }
        let open = bytes.lastIndex(of: 10).map { bytes[($0 + 1)...] } ?? bytes[...]
        line += open.prefix(max(0, 2000 - line.count))
    }
    private func rememberLine(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self).trimmed
        if !text.isEmpty { lastLine = text }
    }

    /// The last line that says something, without control characters; empty when nothing was said.
    func lastWords() -> String {
        drain()
        rememberLine(line)
        return Visible.text(lastLine, limit: 300)
    }
    /// Forgets the last line: what follows is about something else.
    func turnPage() {
        drain()
        line = []
        lastLine = ""
    }
}

extension String {
    /// Without spaces and control characters at both ends.
    var trimmed: String {
        func blank(_ scalar: Unicode.Scalar) -> Bool {
            scalar.value <= 0x20 || scalar.value == 0x7F
        }
        var scalars = Substring(self).unicodeScalars
        while let first = scalars.first, blank(first) { scalars.removeFirst() }
        while let last = scalars.last, blank(last) { scalars.removeLast() }
        return String(Substring(scalars))
    }
}
