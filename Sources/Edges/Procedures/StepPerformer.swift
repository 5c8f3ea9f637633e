// The engine's side: starts runners, waits for them, and works out what became of those it finds.
import CLinux
package import Domain
import Files
import Glibc
import Synchronization
import Transfers

/// Does steps in runners: processes in sessions of their own, which neither the engine's end nor its
/// terminal's ends.
///
/// Whatever ends the engine, a later one may call `perform` with the same order again. See
/// `RunDirectory` for what it concludes from what it finds.
///
/// - Note: an engine that runs as a systemd service needs `KillMode=process`; otherwise systemd ends
///   its runners with it.
/// - Note: a `check` or `verify` that is a probe must be left out of the order: the engine decides it,
///   before and after.
package struct RunnerStepPerformer: StepPerformer {
    private let executable: [String]
    private let ready: ReadyRunner
    private let serviceLock: ServiceLock?
    private let crashPoint: @Sendable (String) -> Void
    /// How often a runner that ends without having begun is started again.
    private static let starts = 5

    /// - Parameters:
    ///   - executable: what to start, an absolute path and arguments; the run directory is added, or
    ///     `StepRunner.readyOption`.
    ///   - serviceLock: what runners hold for as long as they live.
    ///   - crashPoint: told the name of each place where a crash makes a difference. For tests.
    package init(
        executable: [String], serviceLock: ServiceLock? = nil,
        crashPoint: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.executable = executable
        self.serviceLock = serviceLock
        self.crashPoint = crashPoint
        ready = ReadyRunner(executable)
    }

    /// Cancelling the task neither ends the runner nor the wait: whoever does not want to wait any
    /// longer leaves, and asks again later.
    package func perform(
        _ order: StepOrder, output: @escaping @Sendable (String) -> Void
    ) async -> StepOutcome {
        await withCheckedContinuation { continuation in
            let work: @Sendable () -> Void = {
                continuation.resume(returning: performBlocking(order, output))
            }
            // Without a thread to spare, the wait takes this one.
            if !OwnThread.start("step", work) { work() }
        }
    }

    private func performBlocking(
        _ order: StepOrder, _ output: @escaping (String) -> Void
    ) -> StepOutcome {
        let directory = RunDirectory(order.runDirectory)
        var reader = OutputReader(directory, hand: output)
        do throws(Fault) {
            let found = try place(order, directory)
            if found { reader.startNearEnd() }
            let outcome = try bringToEnd(order, directory, &reader)
            reader.end()
            return outcome
        } catch {
            reader.end()
            // A disk or a limit of this machine is in the way. If the work may have begun, that is all
            // that can be said.
            let began = (try? Files.status(directory.started)) != .some(nil)
            return StepOutcome(
                end: began ? .unknown : .failed, message: Visible.text(error.description),
                seconds: 0)
        }
    }

    private static let orders = Atomic(0)

    /// Puts the order where the runner finds it.
    /// - Returns: whether one was there already.
    private func place(_ order: StepOrder, _ directory: RunDirectory) throws(Fault) -> Bool {
        // A machine that went down may have kept the name without the content.
        if let status = try Files.status(directory.order), status.size > 0 { return true }
        try Files.makeFolder(directory.path)
        crashPoint("run-directory-made")
        // Two that ask at once write the same order, each in its own time. It need not survive the
        // machine: the engine has it in its journal, and the start is what counts.
        let number = Self.orders.add(1, ordering: .relaxed).newValue
        try Files.replace(
            directory.order, with: try encoded(order), synced: false,
            by: directory.path.appending(".order.\(getpid()).\(number)"))
        crashPoint("order-written")
        return false
    }

    private func bringToEnd(
        _ order: StepOrder, _ directory: RunDirectory, _ reader: inout OutputReader
    ) throws(Fault) -> StepOutcome {
        var started = 0
        while true {
            // In this order: who saw the start before the lock was free knows that its runner is gone.
            let begun = try Files.status(directory.started) != nil
            let start = try directory.record(StartedRecord.self, directory.started)
            let isHeld = try RunLock.isHeld(directory.lock)
            if isHeld {
                // Also when the outcome is there: the work is over when its runner lets go.
                waitForRunner(start?.runner, directory, &reader)
            } else if try Files.status(directory.outcome) != nil {
                return try outcome(directory)
            } else if begun {
                return try lost(start, directory, &reader)
            } else if started < Self.starts {
                started += 1
                try startRunner(order, directory, readily: started == 1, &reader)
            } else {
                return StepOutcome(
                    end: .failed,
                    message: "the step was not begun; the step runner "
                        + (lastWords(directory).map { "said: \($0)" } ?? "ended at once"),
                    seconds: 0)
            }
        }
    }

    private func outcome(_ directory: RunDirectory) throws(Fault) -> StepOutcome {
        try directory.record(StepOutcome.self, directory.outcome)
            ?? StepOutcome(
                end: .unknown, message: "\(directory.outcome) cannot be read", seconds: 0)
    }

    /// Starts a runner and waits until it has ended.
    /// - Parameter readily: by the one that waits for orders.
    private func startRunner(
        _ order: StepOrder, _ directory: RunDirectory, readily: Bool, _ reader: inout OutputReader
    ) throws(Fault) {
        guard try Files.status(RawPath(order.folder), following: true)?.kind == .folder else {
            throw Fault(
                operation: "start the step runner", subject: order.folder,
                cause: "there is no such folder")
        }
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC
        let log = raised(try Files.open(directory.runnerLog, flags, "write"))
        defer { close(log) }
        var ends: [Int32] = [-1, -1]
        guard log >= 0, pipe2(&ends, O_CLOEXEC) == 0 else {
            throw fileFault("open", directory.runnerLog)
        }
        let lifeline = ends[0]
        defer { close(lifeline) }
        let kept = [raised(ends[1])] + (order.mode == .dryRun ? [] : serviceLock?.copies() ?? [])
        let pid = try hand(over: order, directory, log, kept, readily: readily)
        crashPoint("runner-started")
        follow(lifeline, &reader)
        if let pid {
            var status = Int32()
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        crashPoint("runner-ended")
    }

    /// - Returns: the process that is to be reaped; nil when it is another's child.
    private func hand(
        over order: StepOrder, _ directory: RunDirectory, _ log: Int32, _ kept: [Int32],
        readily: Bool
    ) throws(Fault) -> pid_t? {
        defer { for file in kept { close(file) } }
        if readily, ready.hand(over: directory, folder: order.folder, [log] + kept) { return nil }
        return try spawn(order, log, kept)
    }

    /// Starts a runner for one order; it finds the lifeline as its first file after the standard ones.
    private func spawn(_ order: StepOrder, _ log: Int32, _ kept: [Int32]) throws(Fault) -> pid_t {
        let path = executable.first ?? ""
        var pid = pid_t()
        let code = withCStrings(executable + [order.runDirectory]) { arguments in
            tocsin_spawn_session(
                path, arguments, order.folder, -1, log, kept, Int32(kept.count), &pid)
        }
        guard code == 0 else {
            throw fileFault("start the step runner", RawPath(path), code: code)
        }
        return pid
    }

    /// Hands out output until our runner has ended.
    private func follow(_ lifeline: Int32, _ reader: inout OutputReader) {
        var block = [UInt8](repeating: 0, count: 4096)
        while true {
            var look = pollfd(fd: lifeline, events: Int16(POLLIN), revents: 0)
            if poll(&look, 1, 1000) > 0, read(lifeline, &block, block.count) == 0 { break }
            reader.drain()
        }
        reader.drain()
    }

    /// Hands out output until another's process has ended.
    private func follow(process: Int32, _ reader: inout OutputReader) {
        var look = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        while poll(&look, 1, Self.look) <= 0 { reader.drain() }
        reader.drain()
    }
    /// Milliseconds between two looks at the output of a runner that was found.
    private static let look: Int32 = 50

    /// Waits for a runner that another engine has started, or a bit when it cannot be seen yet.
    private func waitForRunner(
        _ runner: ProcessIdentity?, _ directory: RunDirectory, _ reader: inout OutputReader
    ) {
        if let runner, runner.isAlive {
            let process = tocsin_process_descriptor(runner.pid)
            if process >= 0 {
                defer { close(process) }
                // Checked again: the number cannot have been given to another process in between.
                if runner.isAlive { return follow(process: process, &reader) }
            }
        }
        reader.drain()
        usleep(2000)
    }

    /// The runner is gone without a word. A program that it had started may still be at work; nothing
    /// else is done before that has ended too, and its time-out still holds.
    private func lost(
        _ start: StartedRecord?, _ directory: RunDirectory, _ reader: inout OutputReader
    ) throws(Fault) -> StepOutcome {
        let when = start.map { "; it began at \($0.at.rfc3339)" } ?? ""
        let rest = "\(when), and it is not known whether it was finished"
        var message = "its runner was killed" + rest
        if start?.runner.isOfThisBoot == false {
            message = "the machine went down" + rest
        } else if let child = try directory.record(ChildRecord.self, directory.child),
            child.process.isAlive
        {
            reader.drain()
            endChild(child, directory)
            message += ". Its program has ended since; its exit status is lost"
        }
        try Files.remove(directory.pipe)
        if let words = lastWords(directory) { message += ". The step runner said: \(words)" }
        return StepOutcome(end: .unknown, message: Visible.text(message), seconds: 0)
    }

    /// Waits for a program without its runner. What it says is read, so that it does not get stuck; but
    /// only its runner knew its secrets, so nobody may see it.
    private func endChild(_ child: ChildRecord, _ directory: RunDirectory) {
        let process = tocsin_process_descriptor(child.process.pid)
        guard process >= 0 else { return }
        defer { close(process) }
        guard child.process.isAlive else { return }
        let flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC
        let source = directory.pipe.withCString { open($0, flags) }
        defer { if source >= 0 { close(source) } }
        var block = [UInt8](repeating: 0, count: 1 << 16)
        func skip() { while source >= 0, read(source, &block, block.count) > 0 {} }
        var looks = [
            pollfd(fd: process, events: Int16(POLLIN), revents: 0),
            pollfd(fd: source, events: Int16(POLLIN), revents: 0),
        ]
        while secondsSinceBoot() < child.deadline {
            if poll(&looks, 2, Self.look) > 0, looks[0].revents != 0 { return }
            skip()
        }
        guard child.process.isAlive else { return }
        ProgramRun.endGroup(child.process.pid, leader: process, skip)
    }

    /// The last line of what the runner could say nowhere else; nil when it said nothing.
    private func lastWords(_ directory: RunDirectory) -> String? {
        let log = (try? Files.read(directory.runnerLog, limit: 1 << 20)) ?? []
        let lines = String(decoding: log.suffix(2000), as: UTF8.self).split(separator: "\n")
        return lines.last.map { Visible.text($0, limit: 200) }
    }
}
