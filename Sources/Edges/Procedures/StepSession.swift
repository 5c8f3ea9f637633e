// One run of one step, in the runner: what it has to work with, and how its works are told apart.
import Dispatch
import Domain
import Files
import Glibc
import Synchronization
import Transfers

/// How a work ended that could be tried. What could not even be tried is a `Fault`.
enum WorkEnd {
    case done(String, facts: [NamedText] = [])
    case failed(String)
    /// It was ended before it could say: failed as a work, but no answer as a check.
    case cutOff(String)
    /// It may be done or not: the answer that would say so was lost.
    case unknown(String)
}
/// What a dry run says of a work.
enum Forecast {
    case nothingToDo(String)
    case wouldRun(String)
    case wouldFail(String)
}

final class StepSession {
    let order: StepOrder
    let directory: RunDirectory
    /// The runbook's folder.
    let folder: RawPath
    let backups: any BackupKeeper
    let crashPoint: (String) -> Void
    let ending: StepEnding
    let output: OutputWriter
    let secrets: any SecretReader
    /// The verified backup that this step has taken.
    var backupTaken: BackupReceipt?

    init(
        _ order: StepOrder, _ directory: RunDirectory, ending: StepEnding,
        backups: any BackupKeeper, secrets: any SecretReader, crashPoint: @escaping (String) -> Void
    ) throws(Fault) {
        self.order = order
        self.directory = directory
        self.ending = ending
        self.backups = backups
        self.secrets = secrets
        self.crashPoint = crashPoint
        folder = RawPath(order.folder)
        output = try OutputWriter(directory)
        // What a program can see without being given it must not be printed either.
        for name in hiddenVariables {
            if let value = getenv(name) { output.mask.add(String(cString: value)) }
        }
    }

    /// The text of a value. A secret's is masked in the output from now on.
    func text(_ value: Value) throws(Fault) -> String {
        switch value {
        case .plain(let text): return try fill(text)
        case .secret(let secret):
            do {
                let text = try secrets.read(secret)
                output.mask.add(text)
                return text
            } catch let fault as Fault {
                throw fault
            } catch {
                throw Fault(operation: "read a secret", subject: secret.label, cause: "\(error)")
            }
        }
    }

    func fill(_ text: String) throws(Fault) -> String {
        order.isFilled == true ? text : try Template.fill(text, with: order.variables)
    }

    /// Names of environment variables that hold secrets of the runbook; no program inherits them.
    var hiddenVariables: Set<String> { Set(secretVariables + (order.secretVariables ?? [])) }

    /// Those of this order.
    private var secretVariables: [String] {
        var values: [Value] = order.step.environment.map(\.value)
        for source in order.sources {
            switch source.kind {
            case .mysql(let server), .postgresql(let server):
                if let password = server.password { values.append(password) }
            case .redis(let url): values.append(url)
            case .sqlite: break
            }
        }
        for work in [order.step.work, order.step.check, order.step.verify, order.step.undo] {
            guard case .http(let request, _, _) = work else { continue }
            values += request.values
        }
        return values.compactMap {
            if case .secret(.environment(let name)) = $0 { name } else { nil }
        }
    }

    /// Runs work that holds no program of its own against the clock. If its time is over, the outcome
    /// is written and this whole process ends: nothing else could stop a call that hangs in the kernel.
    /// - Parameter end: what is written then.
    func bounded<Result>(
        _ timeout: Span, as end: StepOutcome.End = .failed, _ body: () throws(Fault) -> Result
    ) throws(Fault) -> Result {
        let watch = Watch()
        let ending = ending
        _ = OwnThread.start("time-out") {
            if watch.outlasts(timeout) {
                ending.write(end, "not done after \(timeout.spelled), its time-out")
                _exit(0)
            }
        }
        defer { watch.stop() }
        return try body()
    }
}

/// Lets either the work or its time-out be first, never both.
private final class Watch: Sendable {
    private enum State { case running, done, outOfTime }
    private let state = Mutex(State.running)
    private let isDone = DispatchSemaphore(value: 0)

    /// The work is done. Does not return when the time-out was first: the process is about to end.
    func stop() {
        while state.withLock({ state in
            if state == .running { state = .done }
            return state == .outOfTime
        }) { usleep(100_000) }
        isDone.signal()
    }

    /// Waits; true when the work was not done by then.
    func outlasts(_ span: Span) -> Bool {
        let deadline = secondsSinceBoot() + span.seconds
        while true {
            let left = deadline - secondsSinceBoot()
            let isOver = state.withLock { state in
                if left <= 0, state == .running { state = .outOfTime }
                return state != .running
            }
            if isOver { return state.withLock { $0 == .outOfTime } }
            // In parts: a machine that slept has used up time that this clock does not count.
            _ = isDone.wait(timeout: .now() + min(left, 1))
        }
    }
}

/// Writes the outcome, once. Its space on the disk is taken before the work begins, so that a disk
/// that is full afterwards cannot hide how the work ended.
final class StepEnding: Sendable {
    private let directory: RunDirectory
    private let started: Double
    private let written = Mutex(false)
    private let crashPoint: @Sendable (String) -> Void
    private static let space = 16 << 10

    init(
        _ directory: RunDirectory, crashPoint: @escaping @Sendable (String) -> Void
    ) throws(Fault) {
        self.directory = directory
        self.crashPoint = crashPoint
        started = secondsSinceBoot()
        let path = directory.outcomeSpace
        let file = try Files.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, "write")
        defer { close(file) }
        let code = posix_fallocate(file, 0, off_t(Self.space))
        guard code == 0 || code == EOPNOTSUPP || code == EINVAL else {
            throw fileFault("reserve space for", directory.outcome, code: code)
        }
    }

    /// - Returns: false when it could not be written, or another outcome was.
    @discardableResult
    func write(
        _ end: StepOutcome.End, _ message: String, facts: [NamedText] = [],
        backup: BackupReceipt? = nil
    ) -> Bool {
        written.withLock { written in
            if written { return false }
            let outcome = StepOutcome(
                end: end, message: Visible.text(message), seconds: secondsSinceBoot() - started,
                facts: facts, backup: backup)
            do {
                try put(outcome)
                written = true
                return true
            } catch {
                complain("\(error)")
                return false
            }
        }
    }

    private func put(_ outcome: StepOutcome) throws(Fault) {
        let bytes = try encoded(outcome)
        let path = directory.outcomeSpace
        let file = try Files.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, "write")
        defer { close(file) }
        try Files.write(bytes, to: file, path)
        guard ftruncate(file, off_t(bytes.count)) == 0 else { throw fileFault("write", path) }
        crashPoint("outcome-ready")
        // Named before it is synced: most file systems then need one commit for both, not two. Whoever
        // finds the name after a power cut without the content finds no record, which means unknown;
        // and the engine takes an outcome for one only when its runner has ended.
        try Files.rename(path, directory.outcome)
        crashPoint("outcome-named")
        guard fsync(file) == 0 else { throw fileFault("sync", directory.outcome) }
        try Files.sync(folder: directory.path)
        crashPoint("outcome-written")
    }
}

/// To the runner's own log; the engine shows its last line when the runner cannot even begin.
func complain(_ text: String) {
    let bytes = Array((Visible.text(text) + "\n").utf8)
    _ = write(2, bytes, bytes.count)
}
