// The engine in the foreground, and the hidden command that it runs each step with.
import ArgumentParser
import Backups
import DemoService
import Domain
import Engine
import Foundation
import Link
import Logging
import Procedures
import RunbookFile
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

struct EngineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration.command(
        "engine", "The engine, in the foreground.",
        """
        For systemd: Type=notify, WatchdogSec, and a SIGTERM that it answers at once.

        Operators are accounts of this machine that may open the engine's socket: make a group for them \
        (groupadd --system tocsin; usermod -aG tocsin ines), start the engine with --group tocsin, and \
        name their logins under people: in the runbook. Who they are is what the kernel says of whoever \
        opens the socket; what they may do is what roles: says of them.

        The runbook is read once. When its file has changed since, every screen says so, and the engine \
        goes by what it read until it is started anew.
        """,
        ("tocsin engine --runbook /etc/tocsin/tocsin.yaml", "as systemd starts it"),
        ("tocsin engine --group tocsin", "for the members of that group"))
    @Flag(help: "End when the last viewer has left and no work is in flight.")
    var untilIdle = false
    @Option(
        help: ArgumentHelp(
            "Whose members may open the socket; otherwise $TOCSIN_GROUP, or whoever runs it.",
            valueName: "name"))
    var group: String?
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await reporting(.act, common) { session in
            let named = group ?? Session.environment["TOCSIN_GROUP"]
            var places = session.places
            let runbook = try Session.load(try places.runbook(), Session.environment)
            // The runbook is read once; what is named after the service needs no second reading.
            places.serviceName = { _ in runbook.service.name }
            let socket = try places.socket()
            try EngineWords.refuseForeignState(places)
            let manager = ServiceManager(environment: Session.environment)
            let watchdog = Watchdog(manager: manager, client: EngineClient(socket: socket))
            defer {
                watchdog.stop()
                manager.stopping()
            }
            let options = EngineOptions(
                runbook: runbook, state: try places.state(), socket: socket,
                group: named.flatMap { $0.isEmpty ? nil : $0 }, untilIdle: untilIdle,
                runner: [try ChildProcess.ownExecutable(), "step-runner"],
                faults: DemoShare.isDemo(runbook.folder) ? DemoFaults.all.map(\.name) : [],
                logger: Self.logger())
            try await EngineProgram.run(options) {
                if isatty(STDERR_FILENO) == 1 {
                    EngineWords.hello(runbook, socket: socket).forEach(Output.complain)
                }
                manager.ready()
                watchdog.start()
            }
            return 0
        }
    }

    /// To standard error, which systemd keeps.
    private static func logger() -> Logger {
        let level = Session.environment["TOCSIN_LOG"].flatMap { Logger.Level(rawValue: $0) }
        var logger = Logger(label: "tocsin") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level ?? .notice
        return logger
    }
}

/// Feeds systemd's watchdog for as long as the engine says on its own socket that it lives: a watchdog
/// that is fed by anything less would prove nothing.
private final class Watchdog: Sendable {
    private let manager: ServiceManager
    private let client: EngineClient
    private let stopped = Atomic(false)

    init(manager: ServiceManager, client: EngineClient) {
        self.manager = manager
        self.client = client
    }

    func start() {
        guard let every = manager.watchdogEvery else { return }
        // A thread of its own: it waits, and the engine's threads must not.
        Thread.detachNewThread { [self] in
            while !stopped.load(ordering: .relaxed) {
                let answer = try? client.get("/healthz", timeout: min(every, .seconds(10)))
                if answer?.status == 200 { manager.alive() }
                pause(min(every, .seconds(1000)))
            }
        }
    }
    func stop() { stopped.store(true, ordering: .relaxed) }
}

/// `tocsin step-runner DIR`: does the one step whose order is in the folder. With `--ready` instead, it
/// waits for orders on its standard input (see main.swift: that must not start any thread).
struct StepRunnerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step-runner", abstract: "Does one step for the engine.", shouldDisplay: false)
    @Argument(help: "The run directory.")
    var directory: String

    func run() throws {
        let status = Self.status(of: directory)
        if status != 0 { throw ExitCode(status) }
    }

    /// Does the step. - Returns: the exit status; see `StepRunner.Status`.
    static func status(of directory: String) -> Int32 {
        let secrets = EnvironmentSecrets()
        return StepRunner.main(
            runDirectory: directory, backups: FileBackupKeeper(secrets: secrets), secrets: secrets)
    }
}
