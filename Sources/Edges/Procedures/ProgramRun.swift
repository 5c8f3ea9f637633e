// Runs one program to its end, its time-out or its failure to start; no shell, nothing inherited.
import CLinux
import Domain
import Files
import Glibc

/// A program with everything decided.
struct Program {
    /// Absolute.
    var path: RawPath
    /// With the name it is called by.
    var arguments: [String]
    var environment: [String: String]
    var folder: RawPath
    var input: String?
    var umask: Int?
    /// Whom to become; nil: nobody else.
    var account: Account?
    /// After this it is ended: SIGTERM to its process group, `ProgramRun.grace` later SIGKILL.
    var timeout: Span
    /// Where it writes to, if not to the step's output.
    var output: Int32?
}

enum ProgramEnd: Equatable {
    case exited(Int32)
    case signalled(Int32)
    case timedOut(Span)

    /// In words; nil for a success.
    var trouble: String? {
        switch self {
        case .exited(0): nil
        case .exited(let status): "exit status \(status)"
        case .signalled(let signal): "ended by signal \(signal)"
        case .timedOut(let span): "ended after \(span.spelled), its time-out"
        }
    }
}

enum ProgramRun {
    /// How long a program and its children may take to end after SIGTERM.
    static let grace = Span.seconds(5)
    /// Milliseconds between two looks at a program that is ending.
    private static let look: Int32 = 20
    /// Milliseconds after which a program is looked at although nothing has happened.
    private static let idleLook: Int32 = 1000
    /// Milliseconds in which small talk is gathered.
    private static let patience: Int32 = 5

    /// Blocks until the program itself has ended; what it left running in the background goes on,
    /// unless its time was over.
    /// - Parameters:
    ///   - source: becomes readable when the program has written to its output; -1: it says nothing.
    ///   - recorded: writes down that the child exists, before it does anything.
    ///   - tick: reads what the program has written, and says how many bytes that were; called when the
    ///     program runs, soon after it has written, and at the end.
    /// - Throws: `Fault` when it could not be started; then nothing of it has run.
    static func run(
        _ program: Program, output: Int32, source: Int32, inputFile: RawPath,
        recorded: (ProcessIdentity) throws(Fault) -> Void, tick: () -> Int
    ) throws(Fault) -> ProgramEnd {
        let input = try openInput(program.input, inputFile)
        defer { close(input) }
        var tries = 0
        while true {
            switch try begin(program, input: input, output: output, recorded: recorded) {
            case .runs(let pid): return try wait(pid, program.timeout, source, tick)
            case .refused(let failure):
                // A file that is just being written cannot be run; whoever deploys it is soon done.
                tries += 1
                guard failure.code == ETXTBSY, tries < 20 else {
                    throw startFault(program, failure)
                }
                usleep(50_000)
            }
        }
    }

    private enum Beginning {
        case runs(pid_t)
        /// Nothing of it has run.
        case refused(tocsin_start_failure)
    }

    /// Starts the program at its gate, has it written down, and opens the gate.
    private static func begin(
        _ program: Program, input: Int32, output: Int32,
        recorded: (ProcessIdentity) throws(Fault) -> Void
    ) throws(Fault) -> Beginning {
        let (pid, gate, report) = try fork(program, input: input, output: program.output ?? output)
        defer { close(report) }
        var isThrough = false
        do throws(Fault) {
            defer { close(gate) }
            if let identity = ProcessIdentity(pid) {
                try recorded(identity)
                var go = UInt8(1)
                isThrough = write(gate, &go, 1) == 1
            }
        } catch {
            _ = reap(pid)
            throw error
        }
        var failure = tocsin_start_failure()
        var told = read(report, &failure, MemoryLayout<tocsin_start_failure>.size)
        while told < 0, errno == EINTR {
            told = read(report, &failure, MemoryLayout<tocsin_start_failure>.size)
        }
        if told > 0 {
            _ = reap(pid)
            return .refused(failure)
        }
        guard isThrough else {
            _ = reap(pid)
            throw Fault(
                operation: "start", subject: program.path.description,
                cause: "its process cannot be told from others: /proc says nothing of it")
        }
        return .runs(pid)
    }

    private static func openInput(_ text: String?, _ file: RawPath) throws(Fault) -> Int32 {
        guard let text else {
            return try Files.open(RawPath("/dev/null"), O_RDONLY | O_CLOEXEC, "open")
        }
        let flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC
        let descriptor = try Files.open(file, flags, "write the input")
        _ = file.withCString { unlink($0) }
        do throws(Fault) {
            try Files.write(Array(text.utf8), to: descriptor, file)
        } catch {
            close(descriptor)
            throw error
        }
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }

    private static func fork(
        _ program: Program, input: Int32, output: Int32
    ) throws(Fault) -> (pid: pid_t, gate: Int32, report: Int32) {
        let environment = program.environment.sorted { $0.key < $1.key }.map {
            "\($0.key)=\($0.value)"
        }
        guard !(program.arguments + environment).contains(where: { $0.utf8.contains(0) }) else {
            throw Fault(
                operation: "start", subject: program.path.description,
                cause: "an argument or a variable holds a NUL character")
        }
        var child = pid_t()
        var gate = Int32()
        var report = Int32()
        let groups = program.account?.groups ?? []
        let code = withCStrings(program.arguments) { arguments in
            withCStrings(environment) { environment in
                program.path.withCString { path in
                    program.folder.withCString { folder in
                        groups.withUnsafeBufferPointer { groups in
                            var start = tocsin_program()
                            start.path = path
                            start.arguments = arguments
                            start.environment = environment
                            start.folder = folder
                            start.input = input
                            start.output = output
                            start.mask = Int32(program.umask ?? -1)
                            start.become = program.account == nil ? 0 : 1
                            start.uid = program.account?.user ?? 0
                            start.gid = program.account?.group ?? 0
                            start.groups = groups.baseAddress
                            start.group_count = Int32(groups.count)
                            return tocsin_fork_at_gate(&start, &child, &gate, &report)
                        }
                    }
                }
            }
        }
        guard code == 0 else { throw fileFault("start a process for", program.path, code: code) }
        return (child, gate, report)
    }

    private static func startFault(_ program: Program, _ failure: tocsin_start_failure) -> Fault {
        switch failure.stage {
        case 1: fileFault("start in", program.folder, code: failure.code)
        case 2:
            Fault(
                operation: "run as", subject: program.account?.name ?? "",
                cause: String(cString: strerror(failure.code)))
        case 4 where failure.code == ENOEXEC:
            Fault(
                operation: "run", subject: program.path.description,
                cause: "it is neither a program nor a script that begins with #!")
        case 4 where failure.code == ENOENT:
            Fault(
                operation: "run", subject: program.path.description,
                cause: "it is not there, or its interpreter (the line with #!) is not")
        default: fileFault("run", program.path, code: failure.code)
        }
    }

    private static func wait(
        _ pid: pid_t, _ timeout: Span, _ source: Int32, _ tick: () -> Int
    ) throws(Fault) -> ProgramEnd {
        let process = tocsin_process_descriptor(pid)
        defer { if process >= 0 { close(process) } }
        let deadline = secondsSinceBoot() + timeout.seconds
        var isLoud = tick() > 1 << 16
        while !hasEnded(process, pid, source, isLoud: isLoud, milliseconds(until: deadline)) {
            isLoud = tick() > 1 << 16
            if secondsSinceBoot() >= deadline {
                endGroup(pid, leader: process) { _ = tick() }
                _ = reap(pid)
                _ = tick()
                return .timedOut(timeout)
            }
        }
        let status = reap(pid)
        while tick() >= OutputLimits.mostAtOnce, secondsSinceBoot() < deadline {}
        guard let status else { return .signalled(0) }
        return status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .signalled(status & 0x7F)
    }

    /// Whether it has ended; returns sooner when it has written something.
    private static func hasEnded(
        _ process: Int32, _ pid: pid_t, _ source: Int32, isLoud: Bool, _ left: Int32
    ) -> Bool {
        guard process >= 0 else { return hasEnded(process, pid, within: min(look, left)) }
        // A negative descriptor is passed over.
        var looks = [
            pollfd(fd: process, events: Int16(POLLIN), revents: 0),
            pollfd(fd: source, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&looks, 2, min(idleLook, left)) > 0 else { return false }
        if looks[0].revents != 0 { return true }
        return isLoud ? false : hasEnded(process, pid, within: min(patience, left))
    }

    private static func milliseconds(until deadline: Double) -> Int32 {
        Int32(max(0, min(1000, ((deadline - secondsSinceBoot()) * 1000).rounded(.up))))
    }

    /// Whether it has ended; waits for it at most so many milliseconds. It stays a zombie.
    private static func hasEnded(_ process: Int32, _ pid: pid_t, within wait: Int32) -> Bool {
        if process >= 0 {
            var look = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
            return poll(&look, 1, wait) > 0
        }
        usleep(UInt32(wait) * 1000)
        return ProcessIdentity(pid) == nil
    }

    /// Ends a whole process group, and returns when nothing of it is left or everything was killed.
    /// Its leader stays unreaped until then, so that the group's number cannot become another's.
    static func endGroup(_ group: pid_t, leader: Int32, _ tick: () -> Void) {
        kill(-group, SIGTERM)
        let end = secondsSinceBoot() + grace.seconds
        while secondsSinceBoot() < end {
            if hasEnded(leader, group, within: look), !groupIsAlive(group) { return }
            tick()
            usleep(10_000)
        }
        kill(-group, SIGKILL)
        while !hasEnded(leader, group, within: look) { tick() }
    }

    /// Whether any process of the group still runs; zombies do not.
    private static func groupIsAlive(_ group: pid_t) -> Bool {
        guard let names = try? Files.names(in: RawPath("/proc")) else { return true }
        return names.contains { name in
            guard let pid = name.text.flatMap({ Int32($0) }),
                let fields = ProcessIdentity.statusFields(pid), fields.count > 2
            else { return false }
            return fields[0] != "Z" && fields[0] != "X" && fields[2] == "\(group)"
        }
    }

    private static func reap(_ pid: pid_t) -> Int32? {
        var status = Int32()
        while true {
            let code = waitpid(pid, &status, 0)
            if code == pid { return status }
            guard errno == EINTR else { return nil }
        }
    }
}

/// Calls with a NULL-terminated array of C strings.
func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let strings = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
        capacity: texts.count + 1)
    defer {
        for index in texts.indices { free(strings[index]) }
        strings.deallocate()
    }
    for (index, text) in texts.enumerated() { strings[index] = strdup(text) }
    strings[texts.count] = nil
    return body(strings)
}

/// A login name of this machine.
struct Account {
    var name: String
    var user: uid_t
    var group: gid_t
    var groups: [gid_t]
    var home: String
    var shell: String

    /// - Throws: `Fault` when there is no such name, or we may not become that user.
    init?(becoming name: String?) throws(Fault) {
        guard let name else { return nil }
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        let code = getpwnam_r(name, &entry, &buffer, buffer.count, &found)
        guard code == 0, found != nil else {
            throw Fault(
                operation: "run as", subject: name,
                cause: code == 0 ? "there is no such user" : String(cString: strerror(code)))
        }
        if entry.pw_uid == geteuid() { return nil }
        guard geteuid() == 0 else {
            throw Fault(
                operation: "run as", subject: name,
                cause: "the engine must run as root to become another user")
        }
        self.name = name
        user = entry.pw_uid
        group = entry.pw_gid
        home = String(cString: entry.pw_dir)
        shell = String(cString: entry.pw_shell)
        var count = Int32(64)
        groups = [gid_t](repeating: 0, count: 64)
        if getgrouplist(name, group, &groups, &count) < 0 {
            groups = [gid_t](repeating: 0, count: Int(count))
            getgrouplist(name, group, &groups, &count)
        }
        groups = Array(groups.prefix(Int(count)))
    }
}
