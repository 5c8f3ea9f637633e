// An engine by itself, on a runbook and a state of a test's own, that may be killed and started again.
import Domain
import Foundation
import Link
import Synchronization
import TestKit
import Testing
import Wire

final class RealEngine: Sendable {
    static let secrets = [
        "HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "PAGER_KEY": "routing-key-4711",
        "ALERT_TOKEN": "token-of-the-listener",
    ]
    let folder: TemporaryFolder
    private let name: String
    /// Further options of the engine.
    private let options: [String]
    private let running = Mutex<Spawned?>(nil)

    var runbook: String { folder("tocsin.yaml") }
    var state: String { folder(name) }
    var socket: String { folder("\(name)/engine.sock") }
    var client: EngineClient { EngineClient(socket: socket) }

    /// - Parameter state: the name of its state folder; another one makes a second engine.
    init(
        _ folder: TemporaryFolder, runbook: String, state: String = "state", options: [String] = []
    ) throws {
        self.folder = folder
        self.options = options
        name = state
        try folder.write("tocsin.yaml", runbook)
    }
    deinit {
        guard let engine = running.withLock({ $0 }), engine.status == nil else { return }
        kill(engine.pid, SIGKILL)
        var waited = 0
        while engine.status == nil, waited < 200 {
            poll(nil, 0, 10)
            waited += 1
        }
    }

    /// The process id; 0 before the first start.
    var pid: Int32 { running.withLock { $0?.pid ?? 0 } }
    var isAlive: Bool { running.withLock { $0.map { $0.status == nil } ?? false } }

    /// A new engine on the same state, as systemd would start it.
    @discardableResult
    func launch() throws -> Spawned {
        let engine = try Spawned(
            Places.program("tocsin"),
            ["engine", "--runbook", runbook, "--state", state, "--socket", socket]
                + options,
            environment: Program.environment(Self.secrets), output: folder("\(name).out"),
            errors: folder("\(name).err"))
        running.withLock { $0 = engine }
        return engine
    }
    /// Launches it, and returns when it answers.
    func start() async throws {
        let engine = try launch()
        try await eventually("the engine answers") {
            if let status = engine.status {
                let errors = try Program.text(self.folder("\(self.name).err"))
                throw TestKitError(text: "the engine ended with \(status): \(errors)")
            }
            return await self.situation()?.core.engine.pid == Int(engine.pid)
        }
    }

    /// `kill -9`, unless it was killed already, and wait until it is gone.
    func kill9() async throws {
        if isAlive { kill(pid, SIGKILL) }
        try await eventually("the engine is gone") { !self.isAlive }
    }
    /// Ends it as its service manager does.
    func stop() async throws {
        kill(pid, SIGTERM)
        try await eventually("the engine has ended") { !self.isAlive }
    }

    // MARK: Asking it

    /// Nil when nobody answers.
    func situation() async -> SituationReport? {
        let client = client
        return try? await aside {
            try WireCoding.decode(SituationReport.self, from: client.get("/v1/situation").body)
        }
    }
    func wait(
        _ what: String, until condition: @Sendable (SituationReport) throws -> Bool
    ) async throws {
        do {
            try await eventually(what, within: 90) {
                guard let situation = await self.situation() else { return false }
                return try condition(situation)
            }
        } catch {
            let left = try await tocsin("outbox").output
            throw TestKitError(text: "\(error)\n\(left.prefix(4_000))")
        }
    }

    /// - Returns: whether the engine said that it is done; false also when it was killed meanwhile.
    @discardableResult
    func command(_ request: CommandRequest) async -> Bool {
        let client = client
        let status = try? await aside {
            try client.post("/v1/commands", body: WireCoding.encode(request)).status
        }
        return status == 200
    }

    /// A command from another shell.
    @discardableResult
    func tocsin(_ words: String...) async throws -> Said {
        try await Program.run(
            [words[0], "--socket", socket, "--runbook", runbook, "--state", state]
                + words.dropFirst(), environment: Self.secrets)
    }

    /// What it holds of the machine's memory, in KiB.
    func memory() throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let number = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw TestKitError(text: "no VmRSS in \(status)")
        }
        return number
    }
}

/// Runs what blocks outside of Swift's pool of threads.
func aside<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result(catching: body)) }
    }
}

/// Whoever runs the tests, as the engine will know them.
let loginName = LoginName.of(getuid())

/// Whether everything is to be tried, rather than a selection that takes seconds.
let triesEverything = ProcessInfo.processInfo.environment["TOCSIN_TRY_EVERYTHING"] != nil
