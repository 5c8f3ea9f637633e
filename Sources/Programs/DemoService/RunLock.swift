// Who runs courier in a folder: a locked pid file, which the kernel frees however courier ends.
#if canImport(Glibc)
    import Glibc
#endif

/// Held while courier runs. The file is locked, so that the pid in it is never a stale one.
final class RunLock: Sendable {
    static let file = "run/courier.pid"
    private let descriptor: Int32

    /// - Throws: when another courier holds it, with that one's pid.
    init(_ folder: ServiceFolder) throws {
        try folder.makeFolder("run")
        let path = folder(Self.file)
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw DemoError("cannot open \(path): \(String(cString: strerror(errno)))")
        }
        // `holder` takes the lock for a moment to look; hence a few tries.
        var taken = false
        for attempt in 0..<25 where !taken {
            if attempt > 0 { usleep(20_000) }
            taken = flock(descriptor, LOCK_EX | LOCK_NB) == 0
        }
        // Whatever is thrown from here on, `deinit` closes the file.
        guard taken else {
            let who = Self.holder(folder).map { " (pid \($0))" } ?? ""
            throw DemoError(
                "courier runs already in \(folder.path)\(who); stop it first: bin/service stop")
        }
        guard ftruncate(descriptor, 0) == 0, writeAll(descriptor, Array("\(getpid())\n".utf8))
        else {
            throw DemoError("cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }
    deinit {
        // Closing is not enough: a child that is just being started has the open file too, until its
        // program runs.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// The pid of the courier that runs in a folder; nil when none does.
    static func holder(_ folder: ServiceFolder) -> Int32? {
        let descriptor = open(folder(file), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
            flock(descriptor, LOCK_UN)
            return nil
        }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let digits = bytes[..<count].prefix { $0 >= 48 && $0 <= 57 }
        return Int32(String(decoding: digits, as: UTF8.self))
    }
}
