// A step runner and an engine for the tests, which kill themselves where they are told to.
//
//   StepRunnerForTests [--crash-at POINT] DIR               a step runner
//   StepRunnerForTests [--crash-at POINT] [--runner-crash-at POINT] [--lock STATE] --engine ORDER RESULT
import Backups
import Dispatch
import Domain
import FoundationEssentials
import Glibc
import Procedures

struct Arguments {
    var rest = Array(CommandLine.arguments.dropFirst())

    mutating func option(_ name: String) -> String? {
        guard let at = rest.firstIndex(of: name), at + 1 < rest.count else { return nil }
        let value = rest[at + 1]
        rest.removeSubrange(at...(at + 1))
        return value
    }
}

func crash(at point: String?) -> @Sendable (String) -> Void {
    { name in if name == point { kill(getpid(), SIGKILL) } }
}

struct TestSecrets: SecretReader {
    func read(_ secret: Secret) throws -> String {
        switch secret {
        case .environment(let name):
            guard let value = getenv(name) else {
                throw Fault(
                    operation: "read a secret", subject: secret.label, cause: "it is not set")
            }
            return String(cString: value)
        case .file(let path): return try String(contentsOfFile: path, encoding: .utf8)
        }
    }
}

/// - Returns: what the process ends with.
@Sendable func run(
    _ rest: [String], crashingAt point: String?, runnerAt runnerPoint: String?, lock: String?
) async -> Int32 {
    let crashPoint = crash(at: point)
    guard rest.first == "--engine" else {
        return StepRunner.main(
            runDirectory: rest.last ?? "",
            backups: FileBackupKeeper(secrets: TestSecrets(), crashPoint: crashPoint),
            secrets: TestSecrets(),
            crashPoint: crashPoint)
    }
    do {
        let data = try Data(contentsOf: URL(filePath: rest[1]))
        let order = try JSONDecoder().decode(StepOrder.self, from: data)
        let runner =
            [CommandLine.arguments[0]] + (runnerPoint.map { ["--crash-at", $0] } ?? [])
        let serviceLock = lock.map {
            ServiceLock(service: "tested", folder: order.folder, state: $0, shared: $0)
        }
        if let serviceLock, serviceLock.hold(for: "a procedure") != .held { return 75 }
        let performer = RunnerStepPerformer(
            executable: runner, serviceLock: serviceLock, crashPoint: crashPoint)
        let outcome = await performer.perform(order) { _ in }
        try JSONEncoder().encode(outcome).write(to: URL(filePath: rest[2]))
        return 0
    } catch {
        return 70
    }
}

var arguments = Arguments()
let point = arguments.option("--crash-at")
let runnerPoint = arguments.option("--runner-crash-at")
let lock = arguments.option("--lock")
if arguments.rest == [StepRunner.readyOption] {
    guard let directory = StepRunner.waitForOrder() else { exit(0) }
    arguments.rest = [directory]
}
Task { [rest = arguments.rest, point, runnerPoint, lock] in
    exit(await run(rest, crashingAt: point, runnerAt: runnerPoint, lock: lock))
}
dispatchMain()
