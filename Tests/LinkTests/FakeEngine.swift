// Stands in for the engine and for broken ones: what the tests of the socket talk to.
import Domain
import Foundation
import Logging
import Synchronization
import TestKit
import Wire

@testable import Link

/// An engine that says what it is told to say, and remembers who asked.
final class FakeEngine: EngineService {
    struct Script: Sendable {
        var perform: @Sendable (CommandRequest, Caller) async throws -> CommandAnswer
        var live = true
    }
    let hub: StreamHub
    let script: Mutex<Script>
    let callers = Mutex<[Caller]>([])
    let commands = Mutex<[CommandRequest]>([])
    /// Bodies of alerts.
    let alerts = Mutex<[Data]>([])
    let starts = Mutex(0)

    init(limits: StreamHub.Limits = StreamHub.Limits()) {
        hub = StreamHub(limits: limits)
        script = Mutex(Script { _, _ in CommandAnswer(events: [event(1)]) })
    }

    /// Makes every command end in this error.
    func fail(with error: any Error) {
        script.withLock { $0.perform = { _, _ in throw error } }
    }

    private func note(_ caller: Caller) { callers.withLock { $0.append(caller) } }

    func situation(for caller: Caller) async -> SituationReport {
        note(caller)
        return quietSituation
    }
    func runbook(for caller: Caller) async -> RunbookReport {
        RunbookReport(
            path: "/tmp/tocsin.yaml", service: "demo", title: "Demo", actions: [], playbooks: [],
            fallbacks: [], services: [], rollback: nil, people: [], external: [], onCall: [],
            faults: [])
    }
    func rollbackPlan(for caller: Caller) async throws -> RollbackReport {
        throw Refusal(
            .notNow, rule: "rollback", why: "The runbook has no rollback.", remedy: "Add one.")
    }
    func backups(for caller: Caller) async throws -> BackupListReport {
        note(caller)
        return BackupListReport(
            to: "/srv/backups",
            backups: [
                BackupReport(
                    id: "20260105T120000Z", path: "/srv/backups/20260105T120000Z", at: time,
                    files: 2, bytes: 7, databases: ["main"], rows: 3, verified: true)
            ], freeBytes: 1000)
    }
    func perform(_ request: CommandRequest, by caller: Caller) async throws -> CommandAnswer {
        note(caller)
        commands.withLock { $0.append(request) }
        return try await script.withLock { $0.perform }(request, caller)
    }
    func events(after: Int, limit: Int) async throws -> EventPage {
        EventPage(events: (after + 1..<after + 1 + min(limit, 3)).map(event), last: 1000)
    }
    func newestEvents(limit: Int) async throws -> EventPage {
        EventPage(events: [event(999), event(1000)], last: 1000)
    }
    func history(of probe: ProbeReference, window: Span) async -> HistoryPage? {
        guard probe == ProbeReference(component: "web", probe: "home page") else { return nil }
        return HistoryPage(
            component: "web", probe: "home page",
            samples: [
                SampleReport(at: time, answer: "good", latencyMs: window.seconds, message: "")
            ])
    }
    func stream(for caller: Caller) async throws -> StreamSubscription {
        let number = starts.withLock { count in
            count += 1
            return count
        }
        return hub.subscribe(start: Data("start \(number)".utf8))
    }
    func metrics() async -> String { "# TYPE tocsin_probes gauge\ntocsin_probes 2\n# EOF\n" }
    func alert(_ body: Data, by caller: Caller) async throws -> CommandAnswer {
        note(caller)
        alerts.withLock { $0.append(body) }
        return CommandAnswer(events: [event(body.count)])
    }
    var isLive: Bool { get async { script.withLock { $0.live } } }
}

let time = "2026-01-05T12:00:00.000Z"

@Sendable func event(_ seq: Int) -> EventReport {
    EventReport(
        seq: seq, at: time, kind: "note", text: "number \(seq)", tone: .plain, by: "ines",
        emergency: nil, procedure: nil)
}

let quietSituation = SituationReport(
    core: SituationCore(
        service: "demo", title: "Demo", environment: "test", time: time,
        engine: EngineReport(
            version: "1", pid: 1, uptimeSeconds: 2, probes: 0, startedAt: time),
        health: HealthReport(score: 100, state: .healthy), level: nil, emergency: nil,
        fallbacks: [], proposals: [], procedure: nil, rollback: nil, lastProcedure: nil,
        kpis: KPIReport(
            emergencies24h: 0, recoverySuccessRate: nil, rollbackSuccessRate: nil,
            detectSeconds: nil, respondSeconds: nil),
        escalation: [], reported: [], alarms: [], quietSince: nil),
    components: [], metrics: [], gauges: [])

/// Serves an engine on a socket of its own while the body runs.
func serving<Result>(
    _ engine: FakeEngine, socket: String, limits: EngineServer.Limits = EngineServer.Limits(),
    _ body: (EngineClient) async throws -> Result
) async throws -> Result {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let server = EngineServer(socket: socket, service: engine, logger: logger, limits: limits)
    let (listening, heard) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
        defer { heard.finish() }
        try await server.run { heard.yield() }
    }
    for await _ in listening { break }
    do {
        let result = try await body(EngineClient(socket: socket))
        task.cancel()
        try await task.value
        return result
    } catch {
        task.cancel()
        try await task.value
        throw error
    }
}

/// Runs a call that blocks away from the threads that tasks share.
func blocking<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
            continuation.resume(with: Swift.Result { try body() })
        }
    }
}

/// Something that listens on a Unix socket and is no engine.
final class ScriptedPeer: Sendable {
    let path: String
    private let listener: Int32

    /// - Parameter talk: gets each connection's descriptor; it is closed afterwards.
    init(_ path: String, talk: @escaping @Sendable (Int32) -> Void) throws {
        self.path = path
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        let bound = UnixSocket.withAddress(of: path) { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 8) == 0 else {
            throw TestKitError(text: "cannot listen on \(path)")
        }
        Thread.detachNewThread {
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                talk(connection)
                close(connection)
            }
            // Closed here and nowhere else: a number that is free may be another test's at once.
            close(listener)
        }
    }
    /// Nobody can connect any more; `accept` returns.
    deinit { shutdown(listener, Int32(SHUT_RDWR)) }

    static func say(_ text: String, on descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
    /// Waits until the client is gone.
    static func waitForEnd(of descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while recv(descriptor, &buffer, buffer.count, 0) > 0 {}
    }
}

/// Something that happened, for another thread.
final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
