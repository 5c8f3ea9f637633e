// Starts an engine as a process of its own, which outlives the command, and watches it until it is up.
import DemoService
import Domain
import FoundationEssentials
import Link

#if canImport(Glibc)
    import Glibc
#endif

/// A process in a session of its own: no terminal's hang-up and no Ctrl-C reaches it.
struct ChildProcess: Sendable {
    let pid: pid_t

    /// - Parameter log: gets its standard output and error, appended.
    /// - Throws: `Fault`.
    init(_ arguments: [String], log: String) throws(Fault) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o640)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // Whoever started this command may wait for the end of a pipe that it was given.
        for descriptor in Self.openDescriptors() where descriptor > STDERR_FILENO {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Whatever this process has done to its signals, the child begins as from a shell.
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(Self.newSession))
        var texts: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        texts.append(nil)
        defer { for text in texts { free(text) } }
        var child: pid_t = 0
        let result = posix_spawn(&child, arguments[0], &actions, &attributes, texts, environ)
        guard result == 0 else {
            throw Fault(
                operation: "start", subject: arguments[0], cause: String(cString: strerror(result)))
        }
        pid = child
    }

    private static func openDescriptors() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { Int32($0) }
    }

    /// `POSIX_SPAWN_SETSID` of spawn.h; a macro that does not come through.
    private static let newSession = 0x80

    /// How it ended, in words, with its exit status if it has one; nil while it runs.
    func ended() -> (words: String, status: Int32?)? {
        var status: Int32 = 0
        let result = waitpid(pid, &status, WNOHANG)
        if result == 0 { return nil }
        guard result == pid else { return ("is gone", nil) }
        let signal = status & 0x7F
        if signal != 0 { return ("was killed by signal \(signal)", nil) }
        let code = status >> 8 & 0xFF
        return ("ended with status \(code)", code)
    }

    /// Asks it to end, and insists after a while.
    func stop(within span: Span) {
        kill(pid, SIGTERM)
        var waited = 0.0
        while ended() == nil {
            if waited >= span.seconds { kill(pid, SIGKILL) }
            pause(.seconds(0.02))
            waited += 0.02
        }
    }

    /// The same for a process that somebody else has started.
    static func stop(stranger pid: pid_t, within span: Span) {
        kill(pid, SIGTERM)
        var waited = 0.0
        while isAlive(pid) {
            if waited >= span.seconds { kill(pid, SIGKILL) }
            // One that cannot be ended must not hold up who leaves.
            if waited >= span.seconds + 5 { return }
            pause(.seconds(0.02))
            waited += 0.02
        }
    }

    /// This program's own file.
    static func ownExecutable() throws(Fault) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else {
            throw Fault(
                operation: "find this program", subject: "/proc/self/exe",
                cause: String(cString: strerror(errno)))
        }
        let path = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // After an upgrade the link says so, and the new program is at the old path.
        let gone = " (deleted)"
        return path.hasSuffix(gone) ? String(path.dropLast(gone.count)) : path
    }
}

/// Starts an engine and waits until it answers on its socket.
struct EngineStart {
    var runbook: String
    var state: String
    var socket: String
    /// It ends when the last viewer has left and no work is in flight.
    var untilIdle: Bool

    /// How long an engine may take: a journal of a million events, on a slow disk.
    private static let patience = Span.seconds(15)

    /// - Throws: `Failure` with what the engine said when it did not come up.
    func run() throws -> ChildProcess {
        for folder in Self.foldersAbove(state) where access(folder, F_OK) != 0 {
            guard mkdir(folder, 0o750) == 0 || errno == EEXIST else {
                throw Fault(
                    operation: "make the folder", subject: folder,
                    cause: String(cString: strerror(errno)))
            }
        }
        let log = state + "/engine.log"
        let before = Self.size(of: log)
        var arguments = [
            try ChildProcess.ownExecutable(), "engine", "--runbook", runbook, "--state", state,
            "--socket", socket,
        ]
        if untilIdle { arguments.append("--until-idle") }
        let child = try ChildProcess(arguments, log: log)
        let client = EngineClient(socket: socket)
        let end = ContinuousClock.now + .seconds(Self.patience.seconds)
        while ContinuousClock.now < end {
            if let answer = try? client.get("/healthz", timeout: .seconds(2)), answer.status == 200
            {
                return child
            }
            if let ended = child.ended() {
                throw failure(
                    ended.words, status: ended.status, said: Self.text(of: log, from: before))
            }
            pause(.seconds(0.01))
        }
        child.stop(within: .seconds(5))
        throw failure(
            "did not answer within \(Self.patience.spelled)", status: nil,
            said: Self.text(of: log, from: before))
    }

    private func failure(_ words: String, status: Int32?, said: String) -> Failure {
        // What is reported here begins with our own name again.
        let said = said.hasPrefix("tocsin: ") ? String(said.dropFirst(8)) : said
        return Failure(
            status == 78 ? .runbook : status == 64 ? .usage : .failed, rule: "engine-start",
            why: said.isEmpty ? "the engine \(words)" : said, remedy: "The engine \(words).")
    }

    private static func foldersAbove(_ path: String) -> [String] {
        var result: [String] = []
        for part in path.split(separator: "/") { result.append((result.last ?? "") + "/" + part) }
        return result
    }

    private static func size(of path: String) -> Int {
        var info = stat()
        return stat(path, &info) == 0 ? Int(info.st_size) : 0
    }
    /// What was written since; at most the last 16 kB of it.
    private static func text(of path: String, from: Int) -> String {
        guard let data = try? Data(contentsOf: URL(filePath: path)), data.count > from else {
            return ""
        }
        let new = data.dropFirst(from).suffix(16_384)
        let text = Visible.text(String(decoding: new, as: UTF8.self), limit: 16_384, lines: true)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
