// The runner: a process of its own that does one step, whatever becomes of the engine.
package import Domain
import Files
import FoundationEssentials
import Glibc

package enum StepRunner {
    /// What the process ends with. Whether the step worked is in outcome.json, not here.
    package enum Status {
        package static let done: Int32 = 0
        /// The order cannot be read.
        package static let badOrder: Int32 = 65
        /// The disk refuses what must be written before the work may begin, or the outcome.
        package static let disk: Int32 = 74
        /// Another runner has this order, or had it. Nothing was done.
        package static let notMine: Int32 = 75
    }

    /// Does the order in a run directory, if nobody has begun it yet.
    ///
    /// Before the work begins, `started.json` is on the disk; after it, `outcome.json`. Whoever finds
    /// the first without the second, and the lock free, knows that the end cannot be known.
    ///
    /// A `check` or `verify` that is a probe can only be made by the engine, which knows the probes:
    /// it leaves them out of the order. Here they are faults, like every work that needs no runner.
    /// - Parameter crashPoint: told the name of each place where a crash makes a difference. For tests.
    /// - Returns: the exit status of the process; see `Status`.
    package static func main(
        runDirectory: String, backups: any BackupKeeper, secrets: any SecretReader,
        crashPoint: @escaping @Sendable (String) -> Void = { _ in }
    ) -> Int32 {
        // A step outlives its engine and its terminal; only SIGKILL ends a runner early.
        for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE] { signal(number, SIG_IGN) }
        Lifeline.secure()
        let directory = RunDirectory(runDirectory)
        do throws(Fault) {
            guard let order = try directory.record(StepOrder.self, directory.order) else {
                complain("there is no order that this version understands in \(runDirectory)")
                return Status.badOrder
            }
            crashPoint("order-read")
            guard let lock = try takeLock(directory) else { return Status.notMine }
            defer { withExtendedLifetime(lock) {} }
            crashPoint("locked")
            guard try Files.status(directory.started) == nil,
                try Files.status(directory.outcome) == nil
            else { return Status.notMine }
            let ending = try StepEnding(directory, crashPoint: crashPoint)
            let session = try StepSession(
                order, directory, ending: ending, backups: backups, secrets: secrets,
                crashPoint: crashPoint)
            try recordStart(directory)
            crashPoint("started")
            let outcome = session.run()
            session.output.finish()
            crashPoint("worked")
            let written = ending.write(
                outcome.end, session.output.mask.masked(outcome.message), facts: outcome.facts,
                backup: outcome.backup)
            session.output.sync()
            try? Files.remove(directory.staging)
            lock.letGo()
            Lifeline.end()
            return written ? Status.done : Status.disk
        } catch {
            complain("\(error)")
            return Status.disk
        }
    }

    /// An engine that looks whether the lock is held may hold it itself for a moment.
    private static func takeLock(_ directory: RunDirectory) throws(Fault) -> RunLock? {
        for _ in 0..<10 {
            if let lock = try RunLock(taking: directory.lock) { return lock }
            if try Files.status(directory.started) != nil { return nil }
            usleep(2000)
        }
        return nil
    }

    private static func recordStart(_ directory: RunDirectory) throws(Fault) {
        guard let runner = ProcessIdentity(getpid()) else {
            throw Fault(operation: "read", subject: "/proc/self/stat", cause: "it says nothing")
        }
        try Files.create(
            directory.started, with: try encoded(StartedRecord(runner: runner, at: timestampNow())))
    }
}
