// What is left when runners, engines or both are killed: never the work twice, and the true end.
import Domain
import FoundationEssentials
import Glibc
import Procedures
import TestKit
import Testing

@Suite struct CrashTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    /// Counts its runs, and goes on when it may.
    private var counting: Step {
        .run("sh", "-c", "echo x >> runs; while [ ! -e go ]; do sleep 0.01; done; echo x >> ends")
    }
    private func letGo() throws { try bench.write("go", "") }

    @Test(arguments: ["order-read", "locked"])
    func `a runner killed before its start is on the disk is simply started again`(
        _ point: String
    ) async throws {
        try letGo()
        let order = bench.order(counting)
        let first = await bench.perform(order, runnerCrashesAt: point)
        #expect(first.end == .failed)
        #expect(first.message.contains("not begun"))
        #expect(bench.count("runs") == 0)
        #expect(await bench.perform(order).end == .succeeded)
        #expect(bench.count("runs") == 1)
    }

    @Test(arguments: ["started", "checked", "before-fork", "forked", "child-recorded"])
    func `a runner killed after its start, but before the program began, is unknown`(
        _ point: String
    ) async throws {
        try letGo()
        let order = bench.order(counting)
        let first = await bench.perform(order, runnerCrashesAt: point)
        #expect(first.end == .unknown)
        #expect(first.message.contains("it began at "))
        #expect(await bench.perform(order).end == .unknown)
        #expect(bench.count("runs") == 0, "what waits at its gate must not run")
    }

    @Test func `a runner killed while its program runs leaves one program, which is waited for`()
        async throws
    {
        let order = bench.order(counting)
        let bench = bench
        // The first engine sees its runner die, and waits for the program; so does the second.
        let ends = try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                let result = await bench.perform(order, runnerCrashesAt: "program-runs")
                #expect(result.end == .unknown)
                return bench.count("ends")
            }
            try await eventually("the program runs") { bench.count("runs") == 1 }
            group.addTask {
                #expect(await bench.perform(order).end == .unknown)
                return bench.count("ends")
            }
            try letGo()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ends == [1, 1], "neither said a word before the program had ended")
        #expect(bench.count("runs") == 1)
    }

    @Test func `the time-out of a program holds also when its runner is gone`() async throws {
        var step = counting
        step.timeout = .milliseconds(500)
        let result = await bench.perform(bench.order(step), runnerCrashesAt: "program-runs")
        #expect(result.end == .unknown)
        #expect(bench.count("runs") == 1)
        #expect(bench.count("ends") == 0)
    }

    @Test(arguments: ["work-done", "worked", "outcome-ready"])
    func `a runner killed before its outcome has its name is unknown`(_ point: String) async throws
    {
        try letGo()
        let order = bench.order(counting)
        #expect(await bench.perform(order, runnerCrashesAt: point).end == .unknown)
        #expect(await bench.perform(order).end == .unknown)
        #expect(bench.count("runs") == 1)
    }

    @Test(arguments: ["outcome-named", "outcome-written"])
    func `a runner killed after its outcome has its name has succeeded`(_ point: String)
        async throws
    {
        try letGo()
        let order = bench.order(counting)
        #expect(await bench.perform(order, runnerCrashesAt: point).end == .succeeded)
        #expect(await bench.perform(order).end == .succeeded)
        #expect(bench.count("runs") == 1)
    }

    @Test(arguments: ["run-directory-made", "order-written", "runner-started", "runner-ended"])
    func `an engine killed anywhere leaves the true end to the next`(_ point: String) async throws {
        try letGo()
        let order = bench.order(counting)
        #expect(try await signalOf(bench.startEngine(order, crashesAt: point)) == SIGKILL)
        let result = await bench.perform(order)
        #expect(result.end == .succeeded)
        #expect(bench.count("runs") == 1)
        #expect(bench.count("ends") == 1)
    }

    @Test func `an engine killed while the step runs finds it again, with its last words`()
        async throws
    {
        let order = bench.order(
            .run(
                "sh", "-c",
                "echo before; echo x >> runs; while [ ! -e go ]; do sleep 0.01; done; echo after"))
        let engine = try bench.startEngine(order)
        try await eventually("the step runs") { bench.count("runs") == 1 }
        kill(engine, SIGKILL)
        try await signalOf(engine)
        let lines = Lines()
        let performer = RunnerStepPerformer(executable: [Bench.program])
        async let outcome = performer.perform(order) { lines.add($0) }
        try await eventually("the output so far is shown") { lines.all.contains("before") }
        try letGo()
        #expect(await outcome.end == .succeeded)
        #expect(lines.all.last == "after")
        #expect(bench.count("runs") == 1)
    }

    @Test func `engine and runner killed at once is unknown, and nothing runs twice`() async throws
    {
        let order = bench.order(counting)
        let engine = try bench.startEngine(order, runnerCrashesAt: "child-recorded")
        try await signalOf(engine)
        #expect(await bench.perform(order).end == .unknown)
        #expect(bench.count("runs") == 0)
    }

    @Test func `many engines that ask for one step get one run and one end`() async throws {
        let order = bench.order(counting)
        let bench = bench
        let ends = try await withThrowingTaskGroup(of: StepOutcome.End.self) { group in
            for _ in 0..<8 { group.addTask { await bench.perform(order).end } }
            try await eventually("the step runs") { bench.count("runs") >= 1 }
            try letGo()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ends == Array(repeating: .succeeded, count: 8))
        #expect(bench.count("runs") == 1)
    }

    @Test func `cancelling the task ends neither the runner nor the wait`() async throws {
        let order = bench.order(counting)
        let bench = bench
        let task = Task { await bench.perform(order) }
        try await eventually("the step runs") { bench.count("runs") == 1 }
        task.cancel()
        try letGo()
        #expect(await task.value.end == .succeeded)
    }

    @Test func `the machine's restart is told from a kill`() async throws {
        try letGo()
        let order = bench.order(counting)
        _ = await bench.perform(order, runnerCrashesAt: "started")
        let file = order.runDirectory + "/started.json"
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        let other = text.replacing(
            boot.trimmingSuffix(), with: "00000000-0000-0000-0000-000000000000")
        try #require(other != text)
        try Data(other.utf8).write(to: URL(filePath: file))
        let result = await bench.perform(order)
        #expect(result.end == .unknown)
        #expect(result.message.hasPrefix("the machine went down"))
    }

    @Test func `a runner ignores the signals that end other programs`() async throws {
        let order = bench.order(counting)
        let bench = bench
        async let result = bench.perform(order)
        try await eventually("the step runs") { bench.count("runs") == 1 }
        let record = try String(
            contentsOfFile: order.runDirectory + "/started.json", encoding: .utf8)
        let digits = try #require(record.split(separator: "\"pid\":").dropFirst().first)
        let pid = try #require(pid_t(String(digits.prefix { $0.isNumber })))
        for signal in [SIGTERM, SIGHUP, SIGINT] { kill(pid, signal) }
        try letGo()
        #expect(await result.end == .succeeded)
    }

    @Test func `an executable or a folder that is missing is told, and nothing has begun`()
        async throws
    {
        let order = bench.order(counting)
        let missing = RunnerStepPerformer(executable: ["/no/such/program"])
        let outcome = await missing.perform(order) { _ in }
        #expect(outcome.end == .failed)
        #expect(outcome.message.contains("/no/such/program"))
        try letGo()
        #expect(await bench.perform(order).end == .succeeded)
        var elsewhere = bench.order(counting)
        elsewhere.folder = "/no/such/folder"
        let result = await bench.perform(elsewhere)
        #expect(result.end == .failed)
        #expect(result.message.contains("/no/such/folder"))
    }

    @Test func `an order that nobody understands is not begun`() async throws {
        let order = bench.order(counting)
        try FileManager.default.createDirectory(
            atPath: order.runDirectory, withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: URL(filePath: order.runDirectory + "/order.json"))
        let result = await bench.perform(order)
        #expect(result.end == .failed)
        #expect(result.message.contains("no order that this version understands"))
    }

    @Test func `an outcome that cannot be read is unknown, never run again`() async throws {
        try letGo()
        let order = bench.order(counting)
        #expect(await bench.perform(order).end == .succeeded)
        try Data("{".utf8).write(to: URL(filePath: order.runDirectory + "/outcome.json"))
        #expect(await bench.perform(order).end == .unknown)
        #expect(bench.count("runs") == 1)
    }
}
