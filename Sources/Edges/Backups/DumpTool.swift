// Runs the databases' own tools: what they say goes through us, so that they end when we do.
import CEvents
import Domain
import Files
import FoundationEssentials
import Glibc

/// A program with its input or output in our hands.
struct DumpTool {
    var program: RawPath
    var arguments: [String]
    /// All of it.
    var environment: [String: String]
    /// What it finds at `secretPath`: on no disk, in no environment, and gone with the program.
    var secret: [UInt8]
    /// What is said of its faults.
    var operation: String
    var subject: String

    static let secretPath = "/proc/self/fd/3"
    /// Bytes that are handed on at once.
    private static let block = 1 << 18
    /// F_SETPIPE_SZ (fcntl(2)), which Swift does not see.
    private static let setPipeSize: Int32 = 1031

    /// Runs it to its good end, and hands on what it writes as it comes.
    /// - Throws: `Fault` with its last words when it fails; what `each` throws ends it.
    func read(_ each: (UnsafeRawBufferPointer) throws(Fault) -> Void) throws(Fault) {
        var ends: [Int32] = [-1, -1]
        guard tocsin_pipe(&ends) == 0 else { throw fault("no pipe: \(words(errno))") }
        _ = fcntl(ends[0], Self.setPipeSize, Int32(1 << 20))
        let run = try start(input: nil, output: ends[1], closing: ends)
        close(ends[1])
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.block, alignment: 4096)
        defer { buffer.deallocate() }
        do throws(Fault) {
            while true {
                let count = Glibc.read(ends[0], buffer.baseAddress, buffer.count)
                if count == 0 { break }
                if count > 0 {
                    try each(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                } else if errno != EINTR {
                    throw fault("its output cannot be read: \(words(errno))")
                }
            }
        } catch {
            close(ends[0])
            kill(run.process, SIGKILL)
            _ = end(run)
            throw error
        }
        close(ends[0])
        if let trouble = end(run) { throw fault(trouble) }
    }

    /// Runs it to its good end, and lets the body write what it reads.
    /// - Throws: `Fault` with its last words when it fails, also when it ends before it has read all.
    func write(
        _ body: ((UnsafeRawBufferPointer) throws(Fault) -> Void) throws(Fault) -> Void
    ) throws(Fault) {
        // A socket, not a pipe: writing to a program that is gone is an error, and no signal.
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw fault("no socket: \(words(errno))")
        }
        let run = try start(input: ends[1], output: nil, closing: ends)
        close(ends[1])
        var isGone = false
        do throws(Fault) {
            try body { bytes throws(Fault) in
                var sent = 0
                while sent < bytes.count {
                    let count = send(
                        ends[0], bytes.baseAddress?.advanced(by: sent), bytes.count - sent,
                        Int32(MSG_NOSIGNAL))
                    if count >= 0 {
                        sent += count
                    } else if errno != EINTR {
                        isGone = true
                        throw fault("it stopped reading: \(words(errno))")
                    }
                }
            }
        } catch {
            // It may have ended with something to say; if not, it must not take half for the whole.
            if !isGone { kill(run.process, SIGKILL) }
            close(ends[0])
            let trouble = end(run)
            if isGone, let trouble { throw fault(trouble) }
            throw error
        }
        shutdown(ends[0], Int32(SHUT_WR))
        close(ends[0])
        if let trouble = end(run) { throw fault(trouble) }
    }

    // MARK: The process

    private struct Run {
        var process: pid_t
        var errors: Int32
    }

    private func start(input: Int32?, output: Int32?, closing: [Int32]) throws(Fault) -> Run {
        func giveUp(_ cause: String, _ more: Int32...) -> Fault {
            (closing + more).forEach { close($0) }
            return fault(cause)
        }
        let errors = Self.nameless()
        let secret = Self.nameless()
        guard errors >= 0, secret >= 0 else { throw giveUp("no file in /dev/shm or /tmp") }
        defer { close(secret) }
        do throws(Fault) {
            try Files.write(self.secret, to: secret, RawPath("(secret)"))
        } catch {
            throw giveUp("its secret cannot be handed over", errors)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        func give(_ descriptor: Int32?, as number: Int32, _ flags: Int32) {
            if let descriptor {
                posix_spawn_file_actions_adddup2(&actions, descriptor, number)
            } else {
                posix_spawn_file_actions_addopen(&actions, number, "/dev/null", flags, 0)
            }
        }
        give(input, as: 0, O_RDONLY)
        give(output, as: 1, O_WRONLY)
        give(errors, as: 2, O_WRONLY)
        give(secret, as: 3, O_RDONLY)
        _ = tocsin_spawn_close_from(&actions, 4)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
        var argv = ([program.description] + arguments).map { strdup($0) } + [nil]
        var envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, program.description, &actions, &attributes, &argv, &envp)
        guard code == 0 else { throw giveUp("it cannot be started: \(words(code))", errors) }
        return Run(process: process, errors: errors)
    }

    /// An open file without a name, which nobody else can open.
    private static func nameless() -> Int32 {
        for folder in ["/dev/shm", "/tmp"] {
            var name = Array("\(folder)/tocsin-XXXXXX".utf8CString)
            let descriptor = mkstemp(&name)
            guard descriptor >= 0 else { continue }
            unlink(name)
            // Not one of those that the program will know by these numbers.
            let higher = fcntl(descriptor, F_DUPFD_CLOEXEC, 10)
            close(descriptor)
            return higher
        }
        return -1
    }

    /// Waits for it.
    /// - Returns: why it failed, in its own last words; nil when it ended well.
    private func end(_ run: Run) -> String? {
        var status: Int32 = 0
        while waitpid(run.process, &status, 0) < 0, errno == EINTR {}
        defer { close(run.errors) }
        if status == 0 { return nil }
        let said = lastWords(run.errors)
        let signal = status & 0x7F
        let how = signal == 0 ? "exit status \((status >> 8) & 0xFF)" : "ended by signal \(signal)"
        return said.isEmpty ? how : "\(said) (\(how))"
    }

    private func lastWords(_ errors: Int32) -> String {
        let length = lseek(errors, 0, SEEK_END)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = pread(errors, &bytes, bytes.count, max(0, length - off_t(bytes.count)))
        let lines = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            .split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("WARNING") }
        return Visible.text(lines.suffix(4).joined(separator: " "), limit: 400)
    }

    private func fault(_ cause: String) -> Fault {
        Fault(operation: operation, subject: subject, cause: "\(program.lastName): \(cause)")
    }
    private func words(_ code: Int32) -> String { String(cString: strerror(code)) }

    /// Finds a tool.
    /// - Parameters:
    ///   - folders: looked into before those of PATH.
    ///   - package: the package of Debian that brings it.
    static func find(
        _ name: String, in folders: [String] = [], package: String, for operation: String
    ) throws(Fault) -> RawPath {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let usual = ["/usr/local/bin", "/usr/bin", "/bin"]
        for folder in folders + path.split(separator: ":").map(String.init) + usual
        where folder.hasPrefix("/") && access("\(folder)/\(name)", X_OK) == 0 {
            return RawPath("\(folder)/\(name)")
        }
        throw Fault(
            operation: operation, subject: name,
            cause: "there is no \(name) on this machine: install the package \(package)")
    }
}
