// One engine at a time, whatever their states: who has the service's lock, and when it is free again.
import Domain
import FoundationEssentials
import Glibc
import Procedures
import TestKit
import Testing

@Suite struct ServiceLockTests {
    let bench: Bench
    init() throws {
        bench = try Bench()
        for name in ["one", "two", "shared"] {
            try FileManager.default.createDirectory(
                atPath: bench.root(name), withIntermediateDirectories: true)
        }
    }

    private func lock(
        _ state: String, service: String = "tested", folder: String? = nil, shared: String? = nil
    ) -> ServiceLock {
        ServiceLock(
            service: service, folder: folder ?? bench.folder, state: bench.root(state),
            shared: shared ?? bench.root("shared"))
    }
    private func holder(_ holding: ServiceLock.Holding) -> ServiceLock.Holder? {
        if case .byAnother(let holder) = holding { holder } else { nil }
    }

    @Test func `one engine has it, the other hears who, and gets it afterwards`() throws {
        let (first, second) = (lock("one"), lock("two"))
        #expect(first.hold(for: "rollback_1") == .held)
        #expect(first.hold(for: "rollback_1") == .held)
        let holder = try #require(self.holder(second.hold(for: "recovery_1")))
        #expect(holder.pid == getpid())
        #expect(holder.state == bench.root("one"))
        #expect(holder.procedure == "rollback_1")
        #expect(holder.isAlive)
        first.letGo()
        #expect(second.hold(for: "recovery_1") == .held)
        #expect(self.holder(first.hold(for: "x"))?.procedure == "recovery_1")
    }

    @Test func `another service of the folder, and another folder, are locked apart`() throws {
        let first = lock("one")
        #expect(first.hold(for: "p") == .held)
        #expect(lock("two", service: "other").hold(for: "p") == .held)
        #expect(lock("two", folder: bench.root("two")).hold(for: "p") == .held)
    }

    @Test func `the way to the folder makes no difference`() throws {
        symlink(bench.folder, bench.root("way"))
        let first = lock("one")
        #expect(first.hold(for: "p") == .held)
        #expect(holder(lock("two", folder: bench.root("way")).hold(for: "p")) != nil)
    }

    @Test func `where the folder cannot be written to, the machine's folder serves`() throws {
        // Not even root makes files there.
        let first = lock("one", folder: "/proc/self")
        #expect(first.hold(for: "p") == .held)
        #expect(holder(lock("two", folder: "/proc/self").hold(for: "q"))?.procedure == "p")
        first.letGo()
        guard
            case .impossible(let fault) = lock(
                "one", folder: "/proc/self", shared: "/proc/self"
            ).hold(for: "p")
        else {
            Issue.record("it should be impossible")
            return
        }
        #expect(fault.description.contains(".tocsin-tested.lock"))
    }

    @Test func `who may write beside the runbook stays out for who may not`() throws {
        // The one has the machine's folder only, the other both.
        let poor = lock("one")
        let path = bench.root("folder/.tocsin-tested.lock")
        mkdir(path, 0o755)
        #expect(poor.hold(for: "p") == .held)
        rmdir(path)
        #expect(holder(lock("two").hold(for: "q"))?.procedure == "p")
        poor.letGo()
        #expect(lock("two").hold(for: "q") == .held)
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a stranger's file in the machine's folder is no lock`()
        throws
    {
        let first = lock("one", folder: "/proc/self")
        #expect(first.hold(for: "p") == .held)
        first.letGo()
        let names = try FileManager.default.contentsOfDirectory(atPath: bench.root("shared"))
        let path = bench.root("shared/" + (try #require(names.first)))
        chown(path, 4321, 4321)
        let stranger = open(path, O_RDONLY)
        defer { close(stranger) }
        #expect(flock(stranger, LOCK_EX | LOCK_NB) == 0)
        #expect(holder(lock("one", folder: "/proc/self").hold(for: "p")) == nil)
        #expect(lock("one").hold(for: "p") == .held, "the one beside the runbook still counts")
    }

    @Test func `no link leads the lock elsewhere`() throws {
        try bench.root.write("precious", "precious")
        symlink(bench.root("precious"), bench.root("folder/.tocsin-tested.lock"))
        #expect(lock("one").hold(for: "p") == .held)
        let text = try String(contentsOfFile: bench.root("precious"), encoding: .utf8)
        #expect(text == "precious")
    }

    @Test func `a runner keeps it when its engine is killed; what it leaves behind does not`()
        async throws
    {
        let state = bench.root("one")
        let order = bench.order(
            .run(
                "sh", "-c",
                """
                setsid sh -c 'echo $$ > daemon; while [ ! -e stop ]; do sleep 0.01; done' &
                while [ ! -s daemon ]; do sleep 0.01; done
                echo x >> runs; while [ ! -e go ]; do sleep 0.01; done
                """))
        let engine = try bench.startEngine(order, lockedBy: state)
        try await eventually("the step runs") { bench.count("runs") == 1 }
        // As the engine of that test program names them.
        let other = ServiceLock(
            service: "tested", folder: bench.folder, state: bench.root("two"), shared: state)
        let returning = ServiceLock(
            service: "tested", folder: bench.folder, state: state, shared: state)
        #expect(holder(other.hold(for: "q"))?.isAlive == true)
        kill(engine, SIGKILL)
        try await signalOf(engine)
        let left = try #require(holder(other.hold(for: "q")))
        #expect(left.pid == engine)
        #expect(!left.isAlive)
        #expect(returning.hold(for: "q") == .byOwnRunner)
        try bench.write("go", "")
        #expect(await bench.perform(order).end == .succeeded)
        try await eventually("it is free") { other.hold(for: "q") == .held }
        let daemon = try #require(pid_t((bench.read("daemon") ?? "").trimmingSuffix()))
        #expect(isAlive(daemon), "what goes on in the background holds nothing")
        try bench.write("stop", "")
        // It looks for that in a folder that is about to go.
        try await eventually("it has ended") { !isAlive(daemon) }
    }
}
