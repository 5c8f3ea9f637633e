// What the tests of steps share: a runbook's folder, orders, and real runners.
import Domain
import Files
import FoundationEssentials
import Glibc
import Procedures
import Synchronization
import TestKit
import Testing

/// A folder for one test, with what an engine would keep.
final class Bench: Sendable {
    let root: TemporaryFolder
    var folder: String { root("folder") }
    var saved: String { root("state/saved") }
    private let runs = Atomic(0)

    init() throws {
        root = try TemporaryFolder("steps")
        for name in ["folder", "state"] {
            try FileManager.default.createDirectory(
                atPath: root(name), withIntermediateDirectories: true)
        }
    }

    /// The program that stands for `tocsin step-runner`; it is built beside the tests.
    static let program = (try? Places.program("StepRunnerForTests")) ?? "StepRunnerForTests"

    /// An order with a run directory of its own.
    func order(
        _ step: Step, _ mode: StepOrder.Mode = .perform, variables: [(String, String)] = [],
        sources: [DataSource] = [], units: [ServiceUnit] = [], backup: BackupDefinition? = nil
    ) -> StepOrder {
        let number = runs.add(1, ordering: .relaxed).newValue
        return StepOrder(
            mode: mode, step: step, runDirectory: root("state/runs/\(number)"), folder: folder,
            savedDirectory: saved,
            variables: variables.map { NamedText(name: $0.0, text: $0.1) }, sources: sources,
            units: units, backup: backup ?? BackupDefinition(to: root("state/backups")))
    }

    func perform(_ order: StepOrder, runnerCrashesAt point: String? = nil) async -> Result {
        let lines = Lines()
        let runner = [Self.program] + (point.map { ["--crash-at", $0] } ?? [])
        let performer = RunnerStepPerformer(executable: runner)
        let outcome = await performer.perform(order) { lines.add($0) }
        return Result(outcome: outcome, lines: lines.all)
    }

    func perform(
        _ work: Work, _ mode: StepOrder.Mode = .perform, variables: [(String, String)] = [],
        sources: [DataSource] = [], units: [ServiceUnit] = [], backup: BackupDefinition? = nil,
        timeout: Span? = nil
    ) async -> Result {
        await perform(
            order(
                Step(name: "a step", work: work, timeout: timeout), mode, variables: variables,
                sources: sources, units: units, backup: backup))
    }

    struct Result: Sendable {
        var outcome: StepOutcome
        var lines: [String]
        var end: StepOutcome.End { outcome.end }
        var message: String { outcome.message }
    }

    /// An engine in a process of its own.
    /// - Returns: its process id.
    func startEngine(
        _ order: StepOrder, crashesAt point: String? = nil,
        runnerCrashesAt runnerPoint: String? = nil, lockedBy state: String? = nil
    ) throws -> pid_t {
        let file = root("order-\(runs.add(1, ordering: .relaxed).newValue).json")
        try JSONEncoder().encode(order).write(to: URL(filePath: file))
        var arguments = [Self.program]
        if let point { arguments += ["--crash-at", point] }
        if let runnerPoint { arguments += ["--runner-crash-at", runnerPoint] }
        if let state { arguments += ["--lock", state] }
        return try spawn(arguments + ["--engine", file, file + ".result"])
    }

    func read(_ name: String) -> String? {
        try? String(contentsOfFile: root("folder/\(name)"), encoding: .utf8)
    }
    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: root("folder/\(name)"))
    }
    func write(_ name: String, _ text: String) throws { try root.write("folder/\(name)", text) }

    /// A script in the runbook's folder. Another process writes it: a file that this one had open for
    /// writing could be open in a child just started by another test, and then no one may run it.
    func script(_ name: String, _ lines: String) async throws {
        let text = try root.write("folder/\(name).text", "#!/bin/sh\n" + lines + "\n")
        try await install(text, as: root("folder/\(name)"))
        try FileManager.default.removeItem(atPath: text)
    }
    /// Makes a program of a text, which stays.
    func install(_ text: String, as path: String) async throws {
        let pid = try spawn(["/usr/bin/install", "-m", "755", text, path])
        var status = Int32()
        try await eventually("\(path) is written") { waitpid(pid, &status, WNOHANG) == pid }
        guard status == 0 else { throw TestKitError(text: "install \(path): status \(status)") }
    }

    /// What a folder below the bench holds, as lines of kind, mode, owner, time, name and content.
    func picture(_ name: String = "folder") throws -> [String] {
        let folder = RawPath(root(name))
        var lines: [String] = []
        try Files.walk(folder) { path, status throws(Fault) in
            var line =
                "\(status.kind) \(String(status.mode, radix: 8)) \(status.user):\(status.group)"
            if status.kind != .folder { line += " \(status.modified)" }
            line += " \(path)"
            switch status.kind {
            case .file: line += " \(digest(try Files.read(folder.appending(path))))"
            case .link: line += " → \(try Files.target(of: folder.appending(path)))"
            case .folder, .other: break
            }
            lines.append(line)
        }
        return lines
    }

    /// Runs a program of the system in the runbook's folder, to its good end.
    @discardableResult
    func system(_ line: String) async throws -> String {
        let out = root("system.out")
        let pid = try spawn(["/bin/sh", "-ec", "cd '\(folder)'; { \(line)\n } > '\(out)' 2>&1"])
        var status = Int32()
        try await eventually("\(line) ends") { waitpid(pid, &status, WNOHANG) == pid }
        let said = (try? String(contentsOfFile: out, encoding: .utf8)) ?? ""
        guard status == 0 else { throw TestKitError(text: "\(line): \(said)") }
        return said
    }

    /// How often something was done, by the lines of a file that it writes.
    func count(_ name: String) -> Int { read(name)?.split(separator: "\n").count ?? 0 }
}

final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

func spawn(_ arguments: [String]) throws -> pid_t {
    var pid = pid_t()
    let strings = arguments.map { strdup($0) } + [nil]
    defer { for string in strings { free(string) } }
    let code = posix_spawn(&pid, arguments[0], nil, nil, strings, environ())
    guard code == 0 else { throw TestKitError(text: "cannot start \(arguments[0]): \(code)") }
    return pid
}

private func environ() -> [UnsafeMutablePointer<CChar>?] {
    ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
}

/// Waits for a child to end.
/// - Returns: the signal that ended it; 0 when it ended by itself.
@discardableResult
func signalOf(_ pid: pid_t) async throws -> Int32 {
    var status = Int32()
    try await eventually("process \(pid) ends") { waitpid(pid, &status, WNOHANG) == pid }
    return status & 0x7F
}

func isAlive(_ pid: pid_t) -> Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
        return false
    }
    return !(status.split(separator: ")").last ?? "").hasPrefix(" Z")
}

extension Step {
    static func run(_ arguments: String..., input: String? = nil) -> Step {
        Step(name: "run", work: .run(arguments, input: input))
    }
}

/// The same within one run of the tests for the same bytes.
func digest(_ bytes: [UInt8]) -> Int {
    var hasher = Hasher()
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
}
