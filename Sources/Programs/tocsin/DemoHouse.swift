// Who is at work in a demo's directory: several demos may be, and the last one to leave ends it.
import Domain
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#endif

/// Two locks of the kernel (flock(2)), which it lets go however a demo ends. `demo.lock` is shared by all
/// demos that are at work; who gets it alone is the last. `demo.turn` is held by one at a time, while it
/// starts things or leaves: so nobody comes in while the last one goes. `demo.lock` also says which
/// engine was started by a demo.
final class DemoHouse: Sendable {
    private let turn: Int32
    private let guests: Int32

    /// - Parameter directory: is made if it is not there.
    init(_ directory: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw Fault(operation: "make the folder", subject: directory, cause: "\(error)")
        }
        turn = try Self.open(directory + "/demo.turn")
        do { guests = try Self.open(directory + "/demo.lock") } catch {
            close(turn)
            throw error
        }
    }
    deinit {
        for descriptor in [guests, turn] {
            flock(descriptor, LOCK_UN)
            close(descriptor)
        }
    }

    private static func open(_ path: String) throws(Fault) -> Int32 {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            throw Fault(
                operation: "open the demo's lock", subject: path,
                cause: String(cString: strerror(errno)))
        }
        return descriptor
    }

    /// Comes in, and keeps the turn until `open()`. Waits for a demo that is just leaving.
    /// - Returns: false when it was interrupted while it waited.
    func enter(unless interrupted: () -> Bool) -> Bool {
        while flock(turn, LOCK_EX | LOCK_NB) != 0 {
            if interrupted() { return false }
            pause(.seconds(0.05))
        }
        // Nobody has it alone who does not have the turn.
        while flock(guests, LOCK_SH) != 0, errno == EINTR {}
        return true
    }

    /// Everything is started: others may come and go.
    func open() { flock(turn, LOCK_UN) }

    /// Goes out.
    /// - Returns: whether it was the last; then nobody comes in before this value is gone.
    func leave() -> Bool {
        var waited = 0.0
        while flock(turn, LOCK_EX | LOCK_NB) != 0 {
            // Who has it for so long is starting things, and is here for longer than this one.
            guard waited < Self.patience else {
                flock(guests, LOCK_UN)
                return false
            }
            pause(.seconds(0.05))
            waited += 0.05
        }
        // The kernel lets the shared lock go first, so of two that go at once one gets it.
        if flock(guests, LOCK_EX | LOCK_NB) == 0 { return true }
        flock(guests, LOCK_UN)
        flock(turn, LOCK_UN)
        return false
    }
    /// In seconds; longer than an engine may take to start.
    private static let patience = 30.0

    /// The engine that a demo has started here; nil: none.
    var engine: pid_t? {
        get {
            var bytes = [UInt8](repeating: 0, count: 32)
            let count = pread(guests, &bytes, bytes.count, 0)
            guard count > 0 else { return nil }
            return pid_t(String(decoding: bytes[..<count].prefix { $0 != 10 }, as: UTF8.self))
        }
        set {
            let text = Array((newValue.map { "\($0)" } ?? "").utf8) + [10]
            if ftruncate(guests, 0) == 0 { _ = pwrite(guests, text, text.count, 0) }
        }
    }
}
