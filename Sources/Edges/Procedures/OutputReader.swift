// The engine's side of a step's output: follows the log as it grows, and hands out lines.
import Domain
import Files
import Glibc

/// Lines have their control characters made visible and are cut at 2000 characters.
struct OutputReader: ~Copyable {
    private let directory: RunDirectory
    private let hand: (String) -> Void
    private var log: Int32 = -1
    private var tail: Int32 = -1
    /// Bytes read of all that was said.
    private var position = 0
    private var splitter = LineSplitter()

    init(_ directory: RunDirectory, hand: @escaping (String) -> Void) {
        self.directory = directory
        self.hand = hand
    }
    deinit {
        if log >= 0 { close(log) }
        if tail >= 0 { close(tail) }
    }

    /// Leaves out what an earlier engine has seen, but for the last lines.
    mutating func startNearEnd() {
        guard open() else { return }
        var said = total
        if said <= 4096 { return }
        said -= 4096
        position = said
        // The first line is most likely cut.
        splitter.skipLine()
    }

    /// Hands out the lines that have come since.
    mutating func drain() {
        guard open() else { return }
        while position < OutputLimits.head {
            var block = [UInt8](repeating: 0, count: min(65536, OutputLimits.head - position))
            let count = pread(log, &block, block.count, off_t(position))
            guard count > 0 else { return }
            position += count
            splitter.take(block[..<count], hand)
        }
        drainTail()
    }

    private mutating func drainTail() {
        var said = total
        // What is about to be overwritten may already be half new.
        let safe = OutputLimits.tail - OutputLimits.block
        while position < said {
            if said - position > safe {
                splitter.end(hand)
                hand("… \(said - safe - position) bytes left out …")
                position = said - safe
                splitter.skipLine()
            }
            let place = (position - OutputLimits.head) % OutputLimits.tail
            let count = min(said - position, OutputLimits.tail - place)
            var block = [UInt8](repeating: 0, count: count)
            let got = pread(tail, &block, count, off_t(OutputLimits.tailHeader + place))
            guard got > 0 else { return }
            said = total
            if said - position > OutputLimits.tail - OutputLimits.block { continue }
            position += got
            splitter.take(block[..<got], hand)
        }
    }

    /// The step is over: hands out the last line, if it has no end.
    mutating func end() {
        drain()
        splitter.end(hand)
    }

    private mutating func open() -> Bool {
        if log < 0 {
            log = directory.log.withCString { Glibc.open($0, O_RDONLY | O_CLOEXEC) }
        }
        return log >= 0
    }

    /// Bytes said in all.
    private var total: Int {
        mutating get {
            if tail < 0 {
                tail = directory.tail.withCString { Glibc.open($0, O_RDONLY | O_CLOEXEC) }
            }
            if tail >= 0 {
                var number = UInt64(0)
                let count = withUnsafeMutableBytes(of: &number) {
                    pread(tail, $0.baseAddress, 8, 0)
                }
                let said = Int(clamping: UInt64(littleEndian: number))
                if count == 8, said >= OutputLimits.head { return said }
            }
            var status = stat()
            guard fstat(log, &status) == 0 else { return 0 }
            return min(Int(status.st_size), OutputLimits.head)
        }
    }
}

/// Cuts a stream of bytes into lines. A carriage return ends a line too: programs that show their
/// progress use it.
struct LineSplitter {
    private var line: [UInt8] = []
    private var skipping = false
    /// Bytes of a line that are kept.
    private static let limit = 8192

    mutating func skipLine() {
        line = []
        skipping = true
    }

    mutating func take(_ bytes: ArraySlice<UInt8>, _ hand: (String) -> Void) {
        var rest = bytes
        while let end = rest.firstIndex(where: { $0 == 10 || $0 == 13 }) {
            add(rest[..<end])
            // Of `\r\n`, the second ends an empty line, which is left out.
            if rest[end] == 10 ? !(line.isEmpty && sawReturn) : !line.isEmpty { give(hand) }
            sawReturn = rest[end] == 13
            line = []
            skipping = false
            rest = rest[(end + 1)...]
        }
        if !rest.isEmpty { sawReturn = false }
        add(rest)
    }
    private var sawReturn = false

    mutating func end(_ hand: (String) -> Void) {
        if !line.isEmpty { give(hand) }
        line = []
    }

    private mutating func add(_ bytes: ArraySlice<UInt8>) {
        line += bytes.prefix(max(0, Self.limit - line.count))
    }
    private func give(_ hand: (String) -> Void) {
        if !skipping { hand(Visible.text(String(decoding: line, as: UTF8.self), limit: 2000)) }
    }
}
