// The folder of one start of one step: what is written there decides what is known about the step.
//
//   order.json     what to do; written by the engine before anything else
//   run.lock       held (flock) by the runner as long as it works
//   started.json   written by the runner before the work begins; its presence, whatever is in it, is the
//                  point of no return
//   child.json     the program that the runner has started, written before that program does anything
//   outcome.json   the end; written whole or not at all
//   output.log     what the work said (first and last 256 KiB), secrets masked
//   output.tail    the last 256 KiB while they grow
//   output.pipe    what a program writes to directly; the runner reads it from there
//   runner.log     what the runner itself could not say elsewhere
//
// From this follows what a later engine may conclude, in this order:
//   outcome.json is there                         → that is the end
//   the lock is held                              → a runner is at work: wait
//   started.json is there, and no lock is held    → the runner is gone without a word: unknown
//   none of these                                 → the work has not begun: start a runner
import CLinux
import Domain
import Files
import FoundationEssentials
import Glibc

struct RunDirectory: Sendable {
    let path: RawPath

    init(_ path: String) { self.path = RawPath(path) }

    var order: RawPath { path.appending("order.json") }
    var lock: RawPath { path.appending("run.lock") }
    var started: RawPath { path.appending("started.json") }
    var child: RawPath { path.appending("child.json") }
    var outcome: RawPath { path.appending("outcome.json") }
    var outcomeSpace: RawPath { path.appending("outcome.new") }
    var log: RawPath { path.appending("output.log") }
    var tail: RawPath { path.appending("output.tail") }
    var pipe: RawPath { path.appending("output.pipe") }
    var input: RawPath { path.appending("input") }
    var runnerLog: RawPath { path.appending("runner.log") }
    var staging: RawPath { path.appending("staging") }

    /// Nil when there is no such file, or it is no whole record.
    func record<Record: Decodable>(_ type: Record.Type, _ path: RawPath) throws(Fault) -> Record? {
        guard let bytes = try Files.readIfThere(path), !bytes.isEmpty else { return nil }
        return try? JSONDecoder().decode(type, from: Data(bytes))
    }
}

/// JSON with sorted keys: the same value gives the same bytes.
func encoded(_ value: some Encodable) throws(Fault) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
        return Array(try encoder.encode(value))
    } catch {
        throw Fault(operation: "write as JSON", subject: "\(type(of: value))", cause: "\(error)")
    }
}

/// A process that cannot be mistaken for another one: ids are given out again, but not with the same
/// start time in the same run of the machine.
struct ProcessIdentity: Codable, Equatable {
    var pid: Int32
    /// Clock ticks after the machine's start (proc_pid_stat(5), field 22).
    var startTicks: UInt64
    /// Changes with every start of the machine.
    var boot: String

    /// Nil when there is no such process, or it is a zombie.
    init?(_ pid: Int32) {
        guard let ticks = Self.startTicks(pid), let boot = Self.currentBoot() else { return nil }
        self.pid = pid
        self.startTicks = ticks
        self.boot = boot
    }

    var isAlive: Bool { self == ProcessIdentity(pid) }
    var isOfThisBoot: Bool { boot == Self.currentBoot() }

    static func currentBoot() -> String? {
        guard let bytes = try? Files.read(RawPath("/proc/sys/kernel/random/boot_id"), limit: 100)
        else { return nil }
        return String(decoding: bytes.prefix { $0 != 10 }, as: UTF8.self)
    }
    private static func startTicks(_ pid: Int32) -> UInt64? {
        guard let fields = statusFields(pid), fields.count > 19, fields[0] != "Z" else {
            return nil
        }
        return UInt64(fields[19])
    }
    /// The fields of /proc/PID/stat after the name: the state is 0, the process group 2.
    static func statusFields(_ pid: Int32) -> [Substring]? {
        guard let bytes = try? Files.read(RawPath("/proc/\(pid)/stat"), limit: 4096) else {
            return nil
        }
        let text = String(decoding: bytes, as: UTF8.self)
        // The name is in parentheses and may itself hold spaces and parentheses.
        guard let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ").map { $0 }
    }
}

struct StartedRecord: Codable {
    var runner: ProcessIdentity
    var at: Timestamp
}

struct ChildRecord: Codable {
    var process: ProcessIdentity
    /// On the clock that counts from the machine's start, also while it sleeps (CLOCK_BOOTTIME).
    var deadline: Double
}

/// Seconds since the machine started.
func secondsSinceBoot() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
func timestampNow() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
}

/// The runner's lock. It ends with the process at the latest, however that ends.
final class RunLock: Sendable {
    private let descriptor: Int32

    /// Nil when another process holds it.
    init?(taking path: RawPath) throws(Fault) {
        let descriptor = try Files.open(path, O_RDWR | O_CREAT | O_CLOEXEC, "lock")
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            guard code == EWOULDBLOCK else { throw fileFault("lock", path, code: code) }
            return nil
        }
        self.descriptor = descriptor
    }
    deinit { close(descriptor) }

    /// Nothing comes after this.
    func letGo() { flock(descriptor, LOCK_UN) }

    /// Whether somebody holds it now.
    static func isHeld(_ path: RawPath) throws(Fault) -> Bool {
        guard try Files.status(path) != nil else { return false }
        let descriptor = try Files.open(path, O_RDWR | O_CLOEXEC, "lock")
        defer { close(descriptor) }
        // Shared: two engines that ask at once do not see each other.
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
            // Closing is not enough: a child that this process is just starting has the open file too,
            // until its program runs, and would keep the runner out.
            flock(descriptor, LOCK_UN)
            return false
        }
        guard errno == EWOULDBLOCK else { throw fileFault("lock", path) }
        return true
    }
}
