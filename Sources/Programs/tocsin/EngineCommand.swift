// The engine in the foreground, and the hidden command that it runs each step with.
import ArgumentParser
import Domain
import Engine
import Foundation
import Link
import Procedures
import Synchronization

struct EngineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration.command(
        "engine", "The engine, in the foreground.",
        "For systemd: Type=notify, WatchdogSec, and a SIGTERM that it answers at once.",
        ("tocsin engine --runbook /etc/tocsin/tocsin.yaml", "as systemd starts it"),
        ("tocsin engine --state /tmp/try", "to try a runbook"))
    @Flag(help: "End when the last viewer has left and no work is in flight.")
    var untilIdle = false
    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await reporting(.act, common) { session in
            var places = session.places
            let path = try places.runbook()
            let runbook = try Session.load(path, Session.environment)
            // The runbook is read once; what is named after the service needs no second reading.
            places.serviceName = { _ in runbook.service.name }
            let socket = try places.socket()
            let manager = ServiceManager(environment: Session.environment)
            let reporter = Reporter(manager: manager, socket: socket)
            reporter.start()
            let status = await EngineProgram.run(
                runbook: runbook, state: try places.state(), socket: socket, untilIdle: untilIdle,
                executable: try ChildProcess.ownExecutable())
            reporter.stop()
            return status
        }
    }
}

/// Tells systemd that the engine is up as soon as its socket answers, and that it lives for as long as
/// it says so there itself: a watchdog that is fed by anything less would prove nothing.
private final class Reporter: Sendable {
    private let manager: ServiceManager
    private let client: EngineClient
    private let stopped = Atomic(false)

    init(manager: ServiceManager, socket: String) {
        self.manager = manager
        client = EngineClient(socket: socket)
    }

    func start() {
        guard manager.isPresent else { return }
        // A thread of its own: it waits, and the engine's threads must not.
        Thread.detachNewThread { [self] in
            while !lives, !isStopped { pause(.seconds(0.02)) }
            if isStopped { return }
            manager.ready()
            guard let every = manager.watchdogEvery else { return }
            while !isStopped {
                if lives { manager.alive() }
                pause(Span.seconds(min(every.seconds, 1000)))
            }
        }
    }
    func stop() {
        stopped.store(true, ordering: .relaxed)
        manager.stopping()
    }

    private var isStopped: Bool { stopped.load(ordering: .relaxed) }
    private var lives: Bool {
        let limit = manager.watchdogEvery.map { min($0, .seconds(10)) } ?? .seconds(10)
        return (try? client.get("/healthz", timeout: limit).status) == 200
    }
}

/// `tocsin step-runner DIR`: does the one step whose order is in the folder.
struct StepRunnerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step-runner", abstract: "Does one step for the engine.", shouldDisplay: false)
    @Argument(help: "The run directory.")
    var directory: String

    func run() async throws {
        let secrets = EnvironmentSecrets(Session.environment)
        let status = await StepRunner.main(
            runDirectory: directory, backups: FileBackupKeeper(secrets: secrets), secrets: secrets)
        if status != 0 { throw ExitCode(status) }
    }
}
