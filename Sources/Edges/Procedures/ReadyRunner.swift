// A step runner that is started ahead, so that no step waits for a program to start.
//
// One process (`step-runner --ready`), in a session of its own, holds nothing but one end of a
// connection. Told of a run directory, it forks: the child, in another session of its own, is the
// step's runner; the parent goes on waiting. Both ends tell the other by closing:
//
//   the engine is gone          → the ready runner ends; runners that it has forked go on
//   the ready runner is gone    → the engine starts another, or a runner of its own for the step
//   the step's runner is gone   → its lifeline, which only it holds, says so to the engine
//
// What the engine hands over with an order are open files: the runner's log, the lifeline, and the
// service's lock, which thus stays held for as long as a runner works, also without its engine.
import CLinux
import Domain
import Files
import FoundationEssentials
import Glibc
import Synchronization
import Transfers

/// The engine's side.
final class ReadyRunner: Sendable {
    private let command: [String]
    /// Our end of the connection; -1: nobody waits at the other.
    private let line = Mutex<Int32>(-1)

    /// - Parameter executable: what a runner is started with, but for the run directory.
    init(_ executable: [String]) { command = executable + [StepRunner.readyOption] }
    deinit { line.withLock { if $0 >= 0 { close($0) } } }

    /// Hands an order over, and sees to it that somebody waits for the next one.
    /// - Returns: false when nobody could take it.
    func hand(over directory: RunDirectory, folder: String, _ files: [Int32]) -> Bool {
        let message = directory.path.bytes + [0] + Array(folder.utf8)
        return line.withLock { line in
            for _ in 0..<2 {
                if line < 0 { line = start() }
                if line < 0 { return false }
                let code = tocsin_send(line, message, message.count, files, Int32(files.count))
                if code == 0 { return true }
                close(line)
                line = -1
            }
            return false
        }
    }

    private func start() -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard let path = command.first, tocsin_message_pair(&ends) == 0 else { return -1 }
        let theirs = raised(ends[1])
        let nowhere = raised(open("/dev/null", O_WRONLY | O_CLOEXEC))
        defer {
            close(theirs)
            close(nowhere)
        }
        var pid = pid_t()
        let code = withCStrings(command) { arguments in
            tocsin_spawn_session(path, arguments, "/", theirs, nowhere, nil, 0, &pid)
        }
        guard theirs >= 0, nowhere >= 0, code == 0 else {
            close(ends[0])
            return -1
        }
        // Without a thread to spare, it stays a zombie until the engine ends.
        let child = pid
        _ = OwnThread.start("runner") {
            var status = Int32()
            while waitpid(child, &status, 0) < 0, errno == EINTR {}
        }
        return ends[0]
    }
}

/// The same open file under a number from 32 on; the given one is closed.
func raised(_ file: Int32) -> Int32 {
    guard file >= 0 else { return -1 }
    let copy = fcntl(file, F_DUPFD_CLOEXEC, 32)
    close(file)
    return copy
}

// The runner's side.
extension StepRunner {
    /// The argument that makes a step runner wait for orders.
    package static let readyOption = "--ready"
    /// Nobody asks for so long: the memory is worth more. In milliseconds.
    private static let idleLimit: Int32 = 600_000

    /// Waits on standard input for orders, and forks a runner for each.
    /// - Precondition: the process has one thread, and nothing has used Swift's concurrency yet.
    /// - Returns: in a new process, the run directory that it is to see to; nil in the one that waits,
    ///   when it is to end.
    package static func waitForOrder() -> String? {
        guard let threads = try? Files.names(in: RawPath("/proc/self/task")), threads.count == 1
        else { return nil }
        warmUp()
        // Runners that end are nobody's business here; the engine sees it by their lifelines.
        signal(SIGCHLD, SIG_IGN)
        var buffer = [UInt8](repeating: 0, count: 3 * Int(PATH_MAX))
        while true {
            var look = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
            let ready = poll(&look, 1, idleLimit)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { return nil }
            var files = [Int32](repeating: -1, count: Int(TOCSIN_MOST_FILES))
            var count = Int32()
            let got = tocsin_receive(0, &buffer, buffer.count, &files, &count)
            guard got > 0 else { return nil }
            files.removeLast(files.count - Int(count))
            let names = buffer[..<got].split(separator: 0, maxSplits: 1).map {
                RawPath(bytes: Array($0))
            }
            let isChild = names.count == 2 && files.count >= 2 && tocsin_fork() == 0
            if isChild { return become(names[0], in: names[1], files) }
            for file in files { close(file) }
        }
    }

    /// In the child: leaves the waiting one's session and files behind.
    private static func become(
        _ directory: RawPath, in folder: RawPath, _ files: [Int32]
    ) -> String {
        signal(SIGCHLD, SIG_DFL)
        setsid()
        let kept = files.dropFirst().map { raised($0) }
        dup2(files[0], 1)
        dup2(files[0], 2)
        close(0)
        _ = open("/dev/null", O_RDONLY)
        for (index, file) in kept.enumerated() {
            dup2(file, Lifeline.number + Int32(index))
            close(file)
        }
        guard folder.withCString({ chdir($0) }) == 0 else {
            complain("\(fileFault("go to", folder))")
            _exit(Status.disk)
        }
        return directory.description
    }

    /// What every runner does first, done once: the child has it from its parent.
    private static func warmUp() {
        let step = Step(name: "", work: .run(["true"], input: nil))
        let order = StepOrder(
            mode: .perform, step: step, runDirectory: "/", folder: "/", savedDirectory: "/",
            variables: [NamedText(name: "a", text: "b")], sources: [], units: [],
            backup: BackupDefinition(to: "/"))
        if let bytes = try? encoded(order) {
            _ = try? JSONDecoder().decode(StepOrder.self, from: Data(bytes))
        }
        _ = try? encoded(StepOutcome(end: .succeeded, message: Visible.text("a"), seconds: 1))
        _ = ProcessInfo.processInfo.environment
        if let process = ProcessIdentity(getpid()) {
            _ = try? encoded(StartedRecord(runner: process, at: timestampNow()))
            _ = try? encoded(ChildRecord(process: process, deadline: secondsSinceBoot()))
        }
        _ = try? Template.fill("{{a}}", with: order.variables)
    }
}

/// The runner's end of a pipe to its engine: it ends with the runner, and a byte in it means that there
/// is something new in the output.
enum Lifeline {
    /// Where a runner finds it.
    static let number: Int32 = 3

    /// Keeps the programs that the runner starts from holding it.
    static func secure() { tocsin_keep_from_programs() }

    /// Everything is done and written: whoever waits need not wait until this process is gone.
    static func end() { if isThere { close(number) } }

    static func tug() {
        guard isThere else { return }
        var byte = UInt8(1)
        // Full: the engine has enough to wake it up.
        _ = write(number, &byte, 1)
    }

    /// A runner that was started by hand has none.
    private static let isThere: Bool = {
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return false }
        return fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK) == 0
    }()
}
