// Runs the real program as its users do: `tocsin demo --headless`, and commands from another shell.
import Domain
import Foundation
import Synchronization
import TestKit
import Testing
import Transfers
import Wire

/// What a finished command said.
struct Said {
    var status: Int32
    var output: String
    var errors: String
}

enum Program {
    /// Runs `tocsin`, or another program, to its end.
    static func run(
        _ arguments: [String], of program: String? = nil, before: [String] = [],
        environment extra: [String: String] = [:], directory: String = "/"
    ) async throws -> Said {
        let folder = try TemporaryFolder("said")
        let spawned = try Spawned(
            try program ?? Places.program("tocsin"), before + arguments,
            environment: environment(extra), directory: directory, output: folder("out"),
            errors: folder("err"))
        let status = try await spawned.end()
        return Said(
            status: status, output: try text(folder("out")), errors: try text(folder("err")))
    }

    static func environment(_ extra: [String: String]) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment
        for name in ["TOCSIN_RUNBOOK", "TOCSIN_STATE", "TOCSIN_SOCKET", "NOTIFY_SOCKET"] {
            environment[name] = nil
        }
        return environment.merging(extra) { $1 }
    }
    static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    }
}

/// A demo of its own: service and engine, ended with the value.
final class Demo: Sendable {
    struct Announcement: Codable {
        var url: String
        var socket: String
        var state: String
        var runbook: String
        var servicePid: Int32
        var enginePid: Int32
        enum CodingKeys: String, CodingKey {
            case url, socket, state, runbook
            case servicePid = "service_pid"
            case enginePid = "engine_pid"
        }
    }
    let folder: TemporaryFolder
    let announced: Announcement
    private let demo: Spawned
    private let engines = Mutex<[Spawned]>([])

    /// Starts it and waits until it has said where it is.
    init() async throws {
        let folder = try TemporaryFolder("demo")
        self.folder = folder
        let spawned = try Spawned(
            Places.program("tocsin"), ["demo", "--headless", "--dir", folder("stage")],
            environment: Program.environment([:]), output: folder("announced"),
            errors: folder("errors"))
        demo = spawned
        try await eventually("the demo says where it is") {
            if spawned.status != nil {
                throw TestKitError(text: "the demo ended: \(try Program.text(folder("errors")))")
            }
            return try Program.text(folder("announced")).hasSuffix("\n")
        }
        announced = try JSONDecoder().decode(
            Announcement.self, from: Data(contentsOf: URL(filePath: folder("announced"))))
    }

    deinit {
        for engine in engines.withLock({ $0 }) where engine.status == nil {
            kill(engine.pid, SIGTERM)
        }
        if demo.status == nil { kill(demo.pid, SIGTERM) }
        // Its service must be gone before the folder goes.
        var waited = 0
        while kill(announced.servicePid, 0) == 0 || demo.status == nil, waited < 200 {
            poll(nil, 0, 50)
            waited += 1
        }
    }

    /// Ends it as its user does, and waits until everything that it started is gone.
    func terminate() async throws {
        kill(demo.pid, SIGTERM)
        #expect(try await demo.end() == 0)
        try await eventually("service and engine are gone") {
            kill(self.announced.servicePid, 0) != 0 && kill(self.announced.enginePid, 0) != 0
        }
    }

    /// Ends only the demo itself, as its user does.
    func leave() async throws {
        kill(demo.pid, SIGTERM)
        #expect(try await demo.end() == 0)
    }

    /// A command from another shell, attached by the socket.
    @discardableResult
    func tocsin(_ words: String...) async throws -> Said {
        try await Program.run(
            [words[0], "--socket", announced.socket, "--runbook", announced.runbook]
                + words.dropFirst())
    }

    func situation() async throws -> SituationReport {
        let said = try await tocsin("status", "--output", "json")
        return try WireCoding.decode(SituationReport.self, from: Data(said.output.utf8))
    }
    func wait(
        _ what: String, until condition: @Sendable (SituationReport) throws -> Bool
    ) async throws {
        try await eventually(what, within: 120) {
            guard let situation = try? await self.situation() else { return false }
            return try condition(situation)
        }
    }

    /// `kill -9`, and wait until it is gone.
    func killEngine(_ engine: Int32) async throws {
        kill(engine, SIGKILL)
        try await eventually("the engine is gone") { kill(engine, 0) != 0 }
    }

    /// A new engine on the same state, as systemd would start it. - Returns: its process id.
    func startEngine() throws -> Int32 {
        let engine = try Spawned(
            Places.program("tocsin"),
            [
                "engine", "--runbook", announced.runbook, "--state", announced.state, "--socket",
                announced.socket,
            ], environment: Program.environment([:]), output: folder("engine.out"),
            errors: folder("engine.err"))
        engines.withLock { $0.append(engine) }
        return engine.pid
    }

    /// A page of the service: its status and text; 0 when there is no answer.
    func page(_ path: String) async -> (status: Int, text: String) {
        let request = TransferRequest(url: announced.url + path, timeout: .seconds(5))
        guard let answer = try? await Transfers.shared.perform(request) else { return (0, "") }
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }
}
