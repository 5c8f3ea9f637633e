// One engine for one state: a lock that the kernel lets go when its holder dies, however it dies.
import Domain

#if canImport(Glibc)
    import Glibc
#endif

/// Holds `engine.lock` for as long as the value lives (flock(2)). No child process inherits it.
final class EngineLock: Sendable {
    private let descriptor: Int32

    /// - Throws: `Fault` that names the process that holds it.
    init(path: String) throws(Fault) {
        func fault(_ cause: String, retry: Bool = false) -> Fault {
            Fault(operation: "lock the journal", subject: path, cause: cause, retry: retry)
        }
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw fault(systemError()) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let number = errno
            if number == EINTR { continue }
            let holder = Self.holder(descriptor)
            close(descriptor)
            guard number == EWOULDBLOCK else { throw fault(systemError(number)) }
            let who = holder.map { "the engine with the pid \($0)" } ?? "another engine"
            throw fault("\(who) already works with this state; stop it first", retry: true)
        }
        // Only for people: the lock itself is the kernel's. So an error here is no obstacle.
        self.descriptor = descriptor
        let text = Array("\(getpid())\n".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
    }
    deinit {
        // Closing is not enough: a child that is just being started has the open file too, until its
        // program runs.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    private static func holder(_ descriptor: Int32) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int(String(decoding: bytes[..<count].prefix { $0 != 10 }, as: UTF8.self))
    }
}

/// What the last system call said, in words.
func systemError(_ number: Int32 = errno) -> String { String(cString: strerror(number)) }
