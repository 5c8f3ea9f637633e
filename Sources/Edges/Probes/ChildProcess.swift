// Runs a short program to its end: output limited, time limited, its whole group gone afterwards.
import CEvents
import Domain
import Glibc
import Synchronization

/// Blocks; call it from a `BlockingPool`.
struct ChildProcess: Sendable {
    var arguments: [String]
    /// The folder it starts in, and that a relative program with a `/` is found from.
    var folder: String
    /// Bytes kept of each stream; what comes beyond is read and dropped.
    var keep = 65_536

    struct End: Sendable {
        enum Way: Sendable, Equatable {
            case exited(Int)
            case killed(signal: Int)
            /// Time was up, or nobody waits any more: it was killed with its group.
            case late
            /// The system's words.
            case notStarted(String)
        }
        var way: Way
        var output: Stream
        var errors: Stream
    }
    struct Stream: Sendable, Equatable {
        var bytes: [UInt8] = []
        var isCut = false
    }

    /// Set from any thread to end the program before its time.
    final class Stop: Sendable {
        private let asked = Atomic<Bool>(false)
        func ask() { asked.store(true, ordering: .relaxed) }
        var isAsked: Bool { asked.load(ordering: .relaxed) }
    }

    /// - Parameter deadline: on the monotonic clock.
    func run(until deadline: Moment, stop: Stop) -> End {
        guard let output = Pipe(), let errors = Pipe() else {
            return notStarted("no pipe: " + systemMessage(errno))
        }
        var process = pid_t()
        let code = spawn(&process, output.writeEnd, errors.writeEnd)
        output.closeWriteEnd()
        errors.closeWriteEnd()
        guard code == 0 else {
            return notStarted("cannot start \(arguments.first ?? ""): \(systemMessage(code))")
        }
        let exit = tocsin_pidfd_open(process)
        defer { if exit >= 0 { close(exit) } }
        var reader = StreamReader(output: output.readEnd, errors: errors.readEnd, keep: keep)
        let ended = reader.read(until: deadline, exit: exit, process: process, stop: stop)
        // Nothing that it has started outlives it. It is not reaped yet, so the group's number is its own.
        kill(-process, SIGKILL)
        if !ended { kill(process, SIGKILL) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return End(
            way: ended ? way(status) : .late, output: reader.output, errors: reader.errors)
    }

    private func way(_ status: Int32) -> End.Way {
        let signal = status & 0x7F
        return signal == 0 ? .exited(Int(status >> 8 & 0xFF)) : .killed(signal: Int(signal))
    }
    private func notStarted(_ words: String) -> End {
        End(way: .notStarted(words), output: Stream(), errors: Stream())
    }

    private func spawn(_ process: inout pid_t, _ output: Int32, _ errors: Int32) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        tocsin_spawn_close_from(&actions, 3)
        tocsin_spawn_folder(&actions, folder)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // This thread blocks all signals; the child must not.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes,
            Int16(
                Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
                    | Int32(TOCSIN_SPAWN_SESSION)))
        guard arguments.allSatisfy({ !$0.utf8.contains(0) }), let program = arguments.first else {
            return EINVAL
        }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] =
            Self.environment.map { strdup($0) } + [nil]
        defer { for pointer in words + environment { free(pointer) } }
        return posix_spawnp(&process, program, &actions, &attributes, &words, &environment)
    }

    /// The engine's own, but with points in numbers and words in English.
    private static var environment: [String] {
        var result = ["LC_ALL=C.UTF-8"]
        var next = tocsin_environment()
        while let entry = next?.pointee {
            let text = String(cString: entry)
            if !text.hasPrefix("LC_") && !text.hasPrefix("LANGUAGE=") { result.append(text) }
            next = next?.successor()
        }
        return result
    }
}

/// A pipe whose ends are closed with it.
private final class Pipe {
    let readEnd: Int32
    private(set) var writeEnd: Int32
    init?() {
        var ends: [Int32] = [-1, -1]
        guard tocsin_pipe(&ends) == 0 else { return nil }
        (readEnd, writeEnd) = (ends[0], ends[1])
        _ = fcntl(readEnd, F_SETFL, O_NONBLOCK)
    }
    func closeWriteEnd() {
        if writeEnd >= 0 { close(writeEnd) }
        writeEnd = -1
    }
    deinit {
        closeWriteEnd()
        close(readEnd)
    }
}

/// Reads both streams until the process has ended, whoever else holds the pipes.
private struct StreamReader {
    var output = ChildProcess.Stream()
    var errors = ChildProcess.Stream()
    private var descriptors: [Int32]
    private let keep: Int
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    init(output: Int32, errors: Int32, keep: Int) {
        descriptors = [output, errors]
        self.keep = keep
    }

    /// - Returns: whether the process ended in time.
    mutating func read(
        until deadline: Moment, exit: Int32, process: pid_t, stop: ChildProcess.Stop
    ) -> Bool {
        while true {
            var polled = (descriptors + [exit]).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            // In slices, to see a wish to stop; shorter ones where the kernel has no pidfd.
            let slice = min(deadline.fromNow.seconds, exit >= 0 ? 0.25 : 0.01)
            if slice <= 0 || stop.isAsked { return hasEnded(process) && drain() }
            poll(&polled, nfds_t(polled.count), Int32((slice * 1000).rounded(.up)))
            drainOnce()
            if (exit < 0 || polled[2].revents != 0) && hasEnded(process) { return drain() }
        }
    }
    private func hasEnded(_ process: pid_t) -> Bool {
        var info = siginfo_t()
        // Leaves it unreaped; `si_signo` tells a child from none.
        let code = waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT)
        return code == 0 && info.si_signo == SIGCHLD
    }
    /// What is still in the pipes; no more than they can hold, should somebody go on writing.
    private mutating func drain() -> Bool {
        for _ in 0..<32 { if !drainOnce() { break } }
        return true
    }
    /// - Returns: whether there was anything.
    @discardableResult private mutating func drainOnce() -> Bool {
        var any = false
        for index in descriptors.indices where descriptors[index] >= 0 {
            let count = Glibc.read(descriptors[index], &buffer, buffer.count)
            if count > 0 {
                any = true
                let kept = index == 0 ? output.bytes.count : errors.bytes.count
                let part = buffer[..<min(count, max(0, keep - kept))]
                if index == 0 {
                    output.bytes += part
                    output.isCut = output.isCut || part.count < count
                } else {
                    errors.bytes += part
                    errors.isCut = errors.isCut || part.count < count
                }
            } else if count == 0 || errno != EAGAIN && errno != EINTR {
                // poll passes over negative numbers.
                descriptors[index] = -1
            }
        }
        return any
    }
}
