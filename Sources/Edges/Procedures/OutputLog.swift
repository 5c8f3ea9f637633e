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
    /// Bytes that are read of a program before anything else is looked at.
    static let mostAtOnce = 4 << 20
    /// output.tail begins with the number of bytes said in all (8 bytes, little endian).
    static let tailHeader = 8
}

/// The runner's side. Programs write to a pipe with a name that they hold at both ends: so they neither
/// die nor notice when the runner is killed, may open `/dev/stderr` anew as scripts do, and what they
/// leave running neither holds the step up nor fills a disk. From there it is read, masked and kept.
final class OutputWriter {
    private let directory: RunDirectory
    private let log: Int32
    private var tail: Int32 = -1
    /// What programs are given, and where we read; -1 before the first program.
    private var pipe: Int32 = -1
    private(set) var source: Int32 = -1
    var mask = SecretMask()
    /// Bytes said in all, masked.
    private var total = 0
    /// Where what is said now began.
    private var page = 0
    private var lastByte: UInt8 = 10
    private var block = [UInt8](repeating: 0, count: OutputLimits.block)

    init(_ directory: RunDirectory) throws(Fault) {
        self.directory = directory
        log = try Files.open(
            directory.log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, "write")
    }
    deinit {
        for file in [log, tail, pipe, source] where file >= 0 { close(file) }
    }

    /// For a program's standard output and error.
    /// - Parameter user: who may open it anew besides us.
    func forProgram(of user: uid_t?) throws(Fault) -> Int32 {
        if pipe < 0 {
            try Files.remove(directory.pipe)
            guard directory.pipe.withCString({ mkfifo($0, 0o600) }) == 0 else {
                throw fileFault("make the pipe", directory.pipe)
            }
            source = try Files.open(directory.pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC, "read")
            pipe = try Files.open(directory.pipe, O_RDWR | O_CLOEXEC, "write")
            // Room for what comes while nobody reads, if the system allows it.
            _ = fcntl(pipe, TOCSIN_F_SETPIPE_SZ, CInt(1 << 20))
        }
        if let user { fchown(pipe, user, gid_t.max) }
        return pipe
    }

    /// A line of the runner's own. A full disk loses words, not the step.
    func say(_ text: String) {
        drain()
        if total > 0, lastByte != 10 { keep([10]) }
        keep(mask.next(Array(text.utf8)) + mask.end() + [10])
    }

    /// Takes over what programs have written since the last time; of a flood, a part.
    /// - Returns: the bytes that came.
    @discardableResult
    func drain() -> Int {
        guard source >= 0 else { return 0 }
        var taken = 0
        while taken < OutputLimits.mostAtOnce {
            let count = read(source, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            taken += count
            keep(mask.next(block[..<count]))
        }
        return taken
    }

    /// The step is over: puts the end behind the beginning, and begins to bring it to the disk.
    /// What cannot be written is lost; the outcome says what counts.
    func finish() {
        drain()
        keep(mask.end())
        let kept = max(0, min(OutputLimits.tail, total - OutputLimits.head))
        let left = total - OutputLimits.head - kept
        if left > 0 {
            try? Files.write(
                Array("\n… \(left) bytes left out …\n".utf8), to: log, directory.log)
        }
        if kept > 0 { try? Files.write(said(from: total - kept), to: log, directory.log) }
        tocsin_start_writing(log)
        letGo()
    }

    /// Makes what was said survive a power cut. Best after the outcome's own sync, which with most file
    /// systems has then done it.
    func sync() { _ = fdatasync(log) }

    /// Whoever still writes, writes for nobody from now on; but it must not get stuck.
    private func letGo() {
        guard source >= 0 else { return }
        close(pipe)
        pipe = -1
        var look = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
        poll(&look, 1, 0)
        if look.revents & Int16(POLLHUP) == 0 {
            leaveReader()
        }
        _ = directory.pipe.withCString { unlink($0) }
    }

    /// Leaves a process behind that reads until nobody can write any more.
    private func leaveReader() {
        _ = fcntl(source, F_SETFL, 0)
        let reader = raised(source)
        source = -1
        let nowhere = raised(open("/dev/null", O_WRONLY | O_CLOEXEC))
        defer { for file in [reader, nowhere] where file >= 0 { close(file) } }
        var pid = pid_t()
        _ = withCStrings(["cat"]) { arguments in
            tocsin_spawn_session("/bin/cat", arguments, "/", reader, nowhere, nil, 0, &pid)
        }
    }

    private func keep(_ bytes: [UInt8]) {
        guard let last = bytes.last else { return }
        lastByte = last
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

    /// What was said from there on, as far as it is kept.
    private func said(from start: Int) -> [UInt8] {
        var result: [UInt8] = []
        var at = start
        while at < total {
            let isHead = at < OutputLimits.head
            let place = isHead ? at : (at - OutputLimits.head) % OutputLimits.tail
            let room = (isHead ? OutputLimits.head : OutputLimits.tail) - place
            var bytes = [UInt8](repeating: 0, count: min(total - at, room))
            let got = pread(
                isHead ? log : tail, &bytes, bytes.count,
                off_t(isHead ? place : OutputLimits.tailHeader + place))
            guard got > 0 else { break }
            result += bytes[..<got]
            at += got
        }
        return result
    }

    /// The last line that says something, without control characters; empty when nothing was said.
    func lastWords() -> String {
        drain()
        keep(mask.end())
        let bytes = said(from: max(page, total - 8192))
        let lines = bytes.split { $0 == 10 || $0 == 13 }.reversed()
        for line in lines {
            let text = String(decoding: line.prefix(2000), as: UTF8.self).trimmed
            if !text.isEmpty { return Visible.text(text, limit: 300) }
        }
        return ""
    }
    /// Forgets the last line: what follows is about something else.
    func turnPage() {
        drain()
        keep(mask.end())
        page = total
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
