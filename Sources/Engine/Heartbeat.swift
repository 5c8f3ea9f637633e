// Says in the state folder when the engine last lived, so that its successor knows how long it was away.
import Domain
import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The file `alive`: the boot's id, CLOCK_BOOTTIME and the wall clock of the last beat.
///
/// It is written in place, always the same bytes of the same block, and never synced: that costs nothing
/// and goes on when the disk is full. It is a help, so no error here is an obstacle to anything.
final class Heartbeat: Sendable {
    /// An absence that is shorter than this is not worth a word.
    static let shortest = Span.seconds(15)
    /// How often it is written.
    static let every = Span.seconds(5)
    /// 2025-01-01: a wall clock that was before this had never been set.
    private static let oldest = Timestamp(milliseconds: 1_735_689_600_000)
    /// Bytes of the file; its end is filled with spaces.
    private static let size = 128

    /// What the file says.
    private struct Sign {
        /// Empty: not known.
        var boot: String
        /// CLOCK_BOOTTIME in seconds.
        var bootTime: Double
        var wall: Timestamp
    }
    private struct State {
        /// -1: not open.
        var descriptor: Int32 = -1
        /// CLOCK_BOOTTIME of the last beat.
        var last: Double?
    }

    private let path: String
    private let boot: String
    private let bootTime: @Sendable () -> Double
    private let before: Sign?
    private let state = Mutex(State())

    /// Reads what the last engine left.
    /// - Parameters:
    ///   - state: the state folder, absolute.
    ///   - boot: the id of this boot (`/proc/sys/kernel/random/boot_id`); empty: not known.
    ///   - bootTime: CLOCK_BOOTTIME in seconds.
    init(
        state: String, boot: String,
        bootTime: @escaping @Sendable () -> Double = SystemClocks().boot
    ) {
        path = state + "/alive"
        self.boot = boot
        self.bootTime = bootTime
        before = Self.read(path)
    }
    deinit {
        let descriptor = state.withLock { $0.descriptor }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Since when there was no engine, as far as its predecessor's last beat tells; the answer is the same
    /// after the first beat.
    /// - Returns: nil when it was away for less than 15 s, or never there.
    func absence(now: Timestamp) -> (from: Timestamp, why: String)? {
        guard let before else { return nil }
        let (away, why) = absence(before, now)
        guard away >= Self.shortest.seconds else { return nil }
        return (now - .seconds(away), why)
    }

    private func absence(_ before: Sign, _ now: Timestamp) -> (seconds: Double, why: String) {
        let bootNow = bootTime()
        let byTheWall = (now - before.wall).seconds
        if !boot.isEmpty, before.boot == boot, bootNow >= before.bootTime {
            // Whatever the wall clock said then: this clock cannot be set.
            let away = bootNow - before.bootTime
            return (away, "no engine ran for \(inWords(away))")
        }
        if boot.isEmpty || before.boot.isEmpty || before.boot == boot {
            return (byTheWall, "no engine ran for \(inWords(byTheWall))")
        }
        // The last beat was before this boot, so it is at least as old.
        if before.wall < Self.oldest || byTheWall < bootNow {
            return (
                bootNow,
                "the machine started anew \(inWords(bootNow)) ago; its clock was changed, so nobody "
                    + "knows for how long it was off"
            )
        }
        return (
            byTheWall, "the machine started anew; no engine ran for \(inWords(byTheWall))"
        )
    }

    /// The engine lives. May be called at every tick: it writes every 5 s.
    /// - Parameter now: the engine's wall time.
    func beat(_ now: Timestamp) {
        let bootNow = bootTime()
        state.withLock { state in
            if let last = state.last, bootNow >= last, bootNow - last < Self.every.seconds {
                return
            }
            state.last = bootNow
            write(
                "\(boot.isEmpty ? "-" : boot) \(Int64(bootNow * 1000)) \(now.milliseconds)", &state)
        }
    }

    // MARK: The file

    private func write(_ text: String, _ state: inout State) {
        var status = stat()
        if state.descriptor >= 0, fstat(state.descriptor, &status) != 0 || status.st_nlink == 0 {
            // Somebody removed the file.
            close(state.descriptor)
            state.descriptor = -1
        }
        if state.descriptor < 0 {
            state.descriptor = open(
                path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o640)
        }
        guard state.descriptor >= 0 else { return }
        var bytes = Array(text.utf8.prefix(Self.size - 1))
        bytes += Array(repeating: UInt8(ascii: " "), count: Self.size - 1 - bytes.count)
        bytes.append(UInt8(ascii: "\n"))
        _ = pwrite(state.descriptor, bytes, bytes.count, 0)
    }

    /// Nil when there is none. What cannot be read counts by the file's own time.
    private static func read(_ path: String) -> Sign? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        var buffer = [UInt8](repeating: 0, count: size)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        let words = text.split { $0 == " " || $0 == "\n" }
        guard words.count == 3, let bootTime = Int64(words[1]), let wall = Int64(words[2]),
            // Far from overflow, so that differences can be taken.
            (0...sensible).contains(bootTime), (0...sensible).contains(wall)
        else {
            let seconds = Int64(status.st_mtim.tv_sec)
            guard (0...sensible / 1000).contains(seconds) else { return nil }
            return Sign(boot: "", bootTime: 0, wall: Timestamp(milliseconds: seconds * 1000))
        }
        return Sign(
            boot: words[0] == "-" ? "" : String(words[0]), bootTime: Double(bootTime) / 1000,
            wall: Timestamp(milliseconds: wall))
    }
    /// The year 9999, in milliseconds.
    private static let sensible: Int64 = 253_402_300_799_000
}
