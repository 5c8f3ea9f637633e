// Runs the real program as its users do: `tocsin demo --headless`, and commands from another shell.
import Domain
import Foundation
import Synchronization
import TestKit
import Transfers
import Wire

/// What a finished command said.
struct Said {
    var status: Int32
    var output: String
    var errors: String
}

enum Program {
    /// Runs `tocsin` to its end.
    static func run(
        _ arguments: [String], environment extra: [String: String] = [:], directory: String = "/"
    ) async throws -> Said {
        let process = Process()
        process.executableURL = URL(filePath: try Places.program("tocsin"))
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: directory)
        process.environment = environment(extra)
        let folder = try TemporaryFolder("said")
        let output = try file(folder("out"))
        let errors = try file(folder("err"))
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        return Said(
            status: process.terminationStatus, output: try text(folder("out")),
            errors: try text(folder("err")))
    }

    static func environment(_ extra: [String: String]) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment
        for name in ["TOCSIN_RUNBOOK", "TOCSIN_STATE", "TOCSIN_SOCKET", "NOTIFY_SOCKET"] {
            environment[name] = nil
        }
        return environment.merging(extra) { $1 }
    }
    static func file(_ path: String) throws -> FileHandle {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw TestKitError(text: "cannot write \(path)")
        }
        return handle
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
    private let pid: Int32
    private let engines = Mutex<[Int32]>([])

    /// Starts it and waits until it has said where it is.
    init() async throws {
        let folder = try TemporaryFolder("demo")
        self.folder = folder
        let process = Process()
        process.executableURL = URL(filePath: try Places.program("tocsin"))
        process.arguments = ["demo", "--headless", "--dir", folder("stage")]
        process.environment = Program.environment([:])
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try Program.file(folder("announced"))
        process.standardError = try Program.file(folder("errors"))
        try process.run()
        pid = process.processIdentifier
        try await eventually("the demo says where it is") {
            if !process.isRunning {
                throw TestKitError(text: "the demo ended: \(try Program.text(folder("errors")))")
            }
            return try Program.text(folder("announced")).hasSuffix("\n")
        }
        announced = try JSONDecoder().decode(
            Announcement.self, from: Data(contentsOf: URL(filePath: folder("announced"))))
    }

    deinit {
        for engine in engines.withLock({ $0 }) { kill(engine, SIGTERM) }
        kill(pid, SIGTERM)
        // Its service must be gone before the folder goes.
        var waited = 0
        while kill(announced.servicePid, 0) == 0 || kill(pid, 0) == 0, waited < 200 {
            var status: Int32 = 0
            waitpid(pid, &status, WNOHANG)
            poll(nil, 0, 50)
            waited += 1
        }
    }

    /// Ends it as its user does, and waits until it is gone. - Returns: whether it ended in time.
    func terminate() async throws {
        kill(pid, SIGTERM)
        try await eventually("demo, service and engine are gone") {
            var status: Int32 = 0
            waitpid(self.pid, &status, WNOHANG)
            return kill(self.announced.servicePid, 0) != 0
                && kill(self.announced.enginePid, 0) != 0
        }
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
        let process = Process()
        process.executableURL = URL(filePath: try Places.program("tocsin"))
        process.arguments = [
            "engine", "--runbook", announced.runbook, "--state", announced.state, "--socket",
            announced.socket,
        ]
        process.environment = Program.environment([:])
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try Program.file(folder("engine.out"))
        process.standardError = try Program.file(folder("engine.err"))
        try process.run()
        let engine = process.processIdentifier
        engines.withLock { $0.append(engine) }
        return engine
    }

    /// A page of the service: its status and text; 0 when there is no answer.
    func page(_ path: String) async -> (status: Int, text: String) {
        let request = TransferRequest(url: announced.url + path, timeout: .seconds(5))
        guard let answer = try? await Transfers.shared.perform(request) else { return (0, "") }
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }
}
