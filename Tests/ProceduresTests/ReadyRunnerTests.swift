// The runner that is started ahead: one for many steps, gone with its engine, replaced when it is gone.
import Domain
import FoundationEssentials
import Glibc
import Procedures
import TestKit
import Testing

@Suite struct ReadyRunnerTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    /// Who started the step's runner, in a line of a file.
    private let tellParent: Step = .run(
        "sh", "-c", "sed 's/.*) //' /proc/$PPID/stat | cut -d' ' -f2 >> parents")
    private var parents: [pid_t] {
        (bench.read("parents") ?? "").split(separator: "\n").compactMap { pid_t($0) }
    }
    private func command(of pid: pid_t) -> String {
        (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? ""
    }

    @Test func `one is ready for all steps of an engine, and goes with it`() async throws {
        var performer: RunnerStepPerformer? = RunnerStepPerformer(executable: [Bench.program])
        for _ in 0..<3 {
            let outcome = await performer?.perform(bench.order(tellParent)) { _ in }
            #expect(outcome?.end == .succeeded)
        }
        let ready = try #require(parents.first)
        #expect(parents == [ready, ready, ready])
        #expect(command(of: ready).contains(StepRunner.readyOption))
        performer = nil
        try await eventually("it is gone") { !isAlive(ready) }
    }

    @Test func `killed, it is replaced, and no step is lost`() async throws {
        let performer = RunnerStepPerformer(executable: [Bench.program])
        for _ in 0..<6 {
            #expect(await performer.perform(bench.order(tellParent)) { _ in }.end == .succeeded)
            let parent = try #require(parents.last)
            // Where a dying one was asked, the step had a runner of its own, started from here.
            if parent != getpid() { kill(parent, SIGKILL) }
        }
        #expect(parents.count == 6)
        #expect(Set(parents).count > 2)
    }

    @Test func `killed while its runner works, the step goes on to its end`() async throws {
        let performer = RunnerStepPerformer(executable: [Bench.program])
        var step = tellParent
        step.work = .run(
            [
                "sh", "-c",
                "sed 's/.*) //' /proc/$PPID/stat | cut -d' ' -f2 >> parents; "
                    + "while [ ! -e go ]; do sleep 0.01; done; echo x >> runs",
            ], input: nil)
        let order = bench.order(step)
        async let outcome = performer.perform(order) { _ in }
        try await eventually("the step runs") { !parents.isEmpty }
        kill(try #require(parents.first), SIGKILL)
        try bench.write("go", "")
        #expect(await outcome.end == .succeeded)
        #expect(bench.count("runs") == 1)
    }

    @Test func `it ends with an engine that is killed, and its runner does not`() async throws {
        var step = tellParent
        step.work = .run(
            [
                "sh", "-c",
                "sed 's/.*) //' /proc/$PPID/stat | cut -d' ' -f2 >> parents; "
                    + "while [ ! -e go ]; do sleep 0.01; done; echo x >> runs",
            ], input: nil)
        let order = bench.order(step)
        let engine = try bench.startEngine(order)
        try await eventually("the step runs") { !parents.isEmpty }
        let ready = try #require(parents.first)
        kill(engine, SIGKILL)
        try await signalOf(engine)
        try await eventually("it is gone") { !isAlive(ready) }
        try bench.write("go", "")
        #expect(await bench.perform(order).end == .succeeded)
        #expect(bench.count("runs") == 1)
    }

    @Test func `an executable that cannot wait for orders does each step by itself`() async throws {
        // It takes the option for a run directory, and ends.
        try await bench.script(
            "old", "[ \"$1\" = \(StepRunner.readyOption) ] && exit 65; exec \(Bench.program) \"$@\""
        )
        let performer = RunnerStepPerformer(executable: [bench.root("folder/old")])
        for _ in 0..<2 {
            let outcome = await performer.perform(bench.order(.run("sh", "-c", "echo x >> runs"))) {
                _ in
            }
            #expect(outcome.end == .succeeded, "\(outcome)")
        }
        #expect(bench.count("runs") == 2)
    }

    @Test func `a program inherits three open files and nothing else`() async throws {
        let lock = ServiceLock(
            service: "tested", folder: bench.folder, state: bench.root("state"),
            shared: bench.root("state"))
        #expect(lock.hold(for: "p") == .held)
        let performer = RunnerStepPerformer(executable: [Bench.program], serviceLock: lock)
        let lines = Lines()
        let order = bench.order(.run("ls", "/proc/self/fd"))
        #expect(await performer.perform(order) { lines.add($0) }.end == .succeeded)
        // The last is the folder that it lists.
        #expect(lines.all.dropFirst() == ["0", "1", "2", "3"])
    }

    @Test func `sessions, folders and masks of steps do not touch each other`() async throws {
        let performer = RunnerStepPerformer(executable: [Bench.program])
        var first = Step.run("sh", "-c", "umask > mask1; pwd > where1; ps -o sid= -p $PPID > sid1")
        first.umask = 0o077
        first.directory = bench.root("state")
        let second = Step.run(
            "sh", "-c", "umask > mask2; pwd > where2; ps -o sid= -p $PPID > sid2")
        #expect(await performer.perform(bench.order(first)) { _ in }.end == .succeeded)
        #expect(await performer.perform(bench.order(second)) { _ in }.end == .succeeded)
        func said(_ name: String) throws -> String {
            try String(contentsOfFile: bench.root(name), encoding: .utf8)
        }
        #expect(try said("state/mask1") == "0077\n")
        #expect(try said("folder/mask2") != "0077\n")
        #expect(try said("folder/where2") == bench.folder + "\n")
        #expect(try said("state/sid1") != said("folder/sid2"))
    }
}
