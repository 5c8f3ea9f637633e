// The engine as a process: opens the state, starts the probes and the socket, ends on a signal.
import Backups
import Dispatch
package import Domain
import FoundationEssentials
import Journal
import Link
package import Logging
import Outreach
import Probes
import Procedures
import Rules
import RunbookFile
import Synchronization
import Wire

#if canImport(Glibc)
    import Glibc
#endif

/// What an engine process is started with.
package struct EngineOptions: Sendable {
    package var runbook: Runbook
    /// The state folder, absolute.
    package var state: String
    /// The socket's path, absolute.
    package var socket: String
    /// Whose members may open the socket; nil: whichever group the file gets.
    package var group: String?
    /// It ends when the last viewer has left and nothing is in flight.
    package var untilIdle: Bool
    /// The command that runs a step: the program and what comes before the run directory.
    package var runner: [String]
    /// The faults of the bundled demo; empty for any other service.
    package var faults: [String]
    package var logger: Logger
    package init(
        runbook: Runbook, state: String, socket: String, group: String? = nil, untilIdle: Bool,
        runner: [String], faults: [String], logger: Logger
    ) {
        self.group = group
        self.runbook = runbook
        self.state = state
        self.socket = socket
        self.untilIdle = untilIdle
        self.runner = runner
        self.faults = faults
        self.logger = logger
    }
}

package enum EngineProgram {
    /// An engine that nobody has watched yet waits so long for its first viewer.
    static let firstViewerWithin = Span.seconds(15)
    /// A viewer that reconnects is not the last one.
    static let lastViewerGrace = Span.seconds(2)

    /// Runs until SIGTERM or SIGINT (or until it is idle, if asked to).
    /// - Parameter onReady: called once, when clients can connect.
    /// - Throws: `Fault` when the state or the socket cannot be opened, `Damage` when the journal is
    ///   damaged.
    package static func run(
        _ options: EngineOptions, onReady: @escaping @Sendable () async -> Void = {}
    ) async throws {
        signal(SIGPIPE, SIG_IGN)
        raiseFileLimit()
        let ends = EndSignals()
        let store = try SQLiteEventStore(
            state: options.state, service: options.runbook.service.name, at: wallClock())
        noteRunbook(options)
        let secrets = EnvironmentSecrets()
        let checker = ProbeChecker(
            folder: options.runbook.folder, secrets: secrets,
            variables: [NamedText(name: "service", text: options.runbook.service.name)])
        let scheduler = Mutex<ProbeScheduler?>(nil)
        let clock = SteadyClock()
        let serviceLock = ServiceLock(
            service: options.runbook.service.name, folder: options.runbook.folder,
            state: options.state)
        let boot = bootID()
        let runbookWatch = RunbookWatch(path: options.runbook.path)
        let heartbeat = Heartbeat(state: options.state, boot: boot)
        let parts = EngineParts(
            runbook: options.runbook, store: store,
            performer: RunnerStepPerformer(
                executable: options.runner, serviceLock: serviceLock),
            serviceLock: serviceLock,
            backups: BackupDesk(FileBackupKeeper(secrets: secrets)),
            carrier: OutreachCarrier(secrets: secrets),
            check: { await checker.check($0) },
            setFailing: { probe, failing in
                scheduler.withLock { $0 }?.setFailing(probe, failing)
            }, now: { clock.now }, checkClock: { clock.check() },
            lookAtRunbook: { runbookWatch.look() }, beat: { heartbeat.beat($0) },
            away: heartbeat.absence(now: clock.now).map { Absence(from: $0.from, why: $0.why) },
            saveLocalAlerts: saveLocalAlerts,
            state: options.state, boot: boot, pid: Int(getpid()),
            faults: options.faults, logger: options.logger)
        let engine = try EngineCore(parts)
        try await engine.start()
        let samples = SampleInbox(engine)
        let probing = ProbeScheduler(
            probes: options.runbook.components.flatMap(\.probes), checker: checker
        ) { sample in
            samples.put(Sample(probe: sample.probe, result: sample.result, at: clock.now))
        }
        scheduler.withLock { $0 = probing }
        probing.start()
        let guardTask = connectivityGuard(options.runbook, checker, engine)
        let server = EngineServer(
            socket: options.socket,
            group: options.group.map { (name: $0, ownFolder: options.state) }, service: engine,
            logger: options.logger)
        defer {
            probing.stop()
            guardTask?.cancel()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run(onListening: onReady) }
            group.addTask { await ends.wait() }
            if let listener = await alertListener(options, secrets, engine) {
                group.addTask {
                    try await listener.run(onTrouble: { await engine.set(.alerts, $0) })
                }
            }
            if options.untilIdle {
                group.addTask { await waitUntilIdle(engine) }
            }
            // Whichever ends first ends the others.
            try await group.next()
            await engine.stop()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// The file of the state folder that says which runbook its engine went by. It is a help for whoever
    /// starts the next one, so no error here is an obstacle.
    package static let runbookNote = "runbook"
    private static func noteRunbook(_ options: EngineOptions) {
        let text = Data((options.runbook.path + "\n").utf8)
        try? text.write(to: URL(filePath: options.state + "/" + runbookNote))
    }

    /// Where the runbook has one: alerts from senders that cannot use the socket.
    private static func alertListener(
        _ options: EngineOptions, _ secrets: EnvironmentSecrets, _ engine: EngineCore
    ) async -> AlertListener? {
        guard let intake = options.runbook.alerts, let listen = intake.listen else { return nil }
        do {
            return AlertListener(
                listen: listen, token: try intake.token.map(secrets.text), service: engine,
                logger: options.logger)
        } catch {
            // Without its token the port stays shut; everything else goes on.
            let text = "NO ALERTS COME IN: \(error)"
            options.logger.error("\(text)")
            await engine.set(.alerts, text)
            return nil
        }
    }

    /// Looks at the way out of this machine; while it is down, bad answers say nothing of the service.
    private static func connectivityGuard(
        _ runbook: Runbook, _ checker: ProbeChecker, _ engine: EngineCore
    ) -> Task<Void, Never>? {
        guard let connectivity = runbook.connectivity else { return nil }
        let probe = Probe(
            reference: ProbeReference(component: "tocsin", probe: "connectivity"),
            check: .tcp(host: connectivity.host, port: connectivity.port),
            schedule: ProbeSchedule(every: connectivity.every))
        return Task {
            while !Task.isCancelled {
                let result = await checker.check(probe)
                await engine.setOurNetwork(down: result.answer == .bad)
                try? await Task.sleep(for: .seconds(connectivity.every.seconds))
            }
        }
    }

    private static func waitUntilIdle(_ engine: EngineCore) async {
        let clock = ContinuousClock()
        var idleSince: ContinuousClock.Instant?
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(250))
            guard await engine.isIdle else {
                idleSince = nil
                continue
            }
            let since = idleSince ?? clock.now
            idleSince = since
            let grace = await engine.hadViewers ? lastViewerGrace : firstViewerWithin
            if (clock.now - since).inSeconds >= grace.seconds { return }
        }
    }

    /// Every check in flight is an open file; the usual limit of 1 024 is there for other programs.
    private static func raiseFileLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 65_536)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// - Throws: `Refusal` where the runbook has no channel for an address; `Fault` when the file cannot
    ///   be written.
    @Sendable private static func saveLocalAlerts(
        _ alerts: LocalAlerts, _ runbook: Runbook
    ) throws -> Runbook {
        let missing = alerts.missing(in: runbook).map(\.rawValue)
        guard missing.isEmpty else {
            throw Refusal(
                .notNow, rule: "no-channel-for-it",
                why: "the runbook has no channel of the kind \(missing.joined(separator: " or "))",
                remedy: "Add one under channels:, then configure the addresses again")
        }
        try LocalAlertsFile.write(alerts, beside: runbook.path)
        return runbook.applying(alerts)
    }

    /// The wall clock, in milliseconds.
    static func wallClock() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    private static func bootID() -> String {
        let path = "/proc/sys/kernel/random/boot_id"
        let text = (try? String(contentsOf: URL(filePath: path), encoding: .utf8)) ?? ""
        return String(text.prefix { !$0.isWhitespace })
    }
}

/// Gathers samples from the checks' threads, so that the engine takes them in batches: as many as came
/// while it was busy, at most one for each probe that is being checked.
private final class SampleInbox: Sendable {
    private let engine: EngineCore
    private let waiting = Mutex<[Sample]>([])

    init(_ engine: EngineCore) { self.engine = engine }

    func put(_ sample: Sample) {
        let isFirst = waiting.withLock { waiting in
            waiting.append(sample)
            return waiting.count == 1
        }
        if isFirst { Task { await self.deliver() } }
    }
    private func deliver() async {
        let batch = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        await engine.take(batch)
    }
}

/// Waits for SIGTERM or SIGINT without letting them end the process at once.
private final class EndSignals: Sendable {
    private let stream: AsyncStream<Void>
    // Kept alive for as long as the signals are waited for; only this value refers to them.
    private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

    init() {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        self.stream = stream
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
    }
    func wait() async {
        var iterator = stream.makeAsyncIterator()
        _ = await iterator.next()
    }
}
