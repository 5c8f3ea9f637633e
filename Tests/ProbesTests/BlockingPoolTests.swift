// Threads for blocking work: what hangs costs its own thread and nobody else's time.
import Dispatch
import Domain
import Synchronization
import TestKit
import Testing

@testable import Probes

/// Holds threads until it is opened.
private final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let waiting = Atomic<Int>(0)
    var waiters: Int { waiting.load(ordering: .relaxed) }
    func pass() {
        waiting.add(1, ordering: .relaxed)
        semaphore.wait()
        semaphore.signal()
    }
    func open() { semaphore.signal() }
}
extension BlockingPool.Outcome {
    fileprivate var name: String {
        switch self {
        case .done: "done"
        case .late: "late"
        case .hanging: "hanging"
        case .full: "full"
        case .cancelled: "cancelled"
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct BlockingPoolTests {
    @Test func `work is done, more of it than there are threads`() async {
        let pool = BlockingPool("test", threads: 3)
        let sum = await withTaskGroup(of: Int.self) { group in
            for number in 1...500 {
                group.addTask {
                    guard
                        case .done(let value) = await pool.run(
                            "\(number)", within: .seconds(60), { number })
                    else { return 0 }
                    return value
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sum == 500 * 501 / 2)
    }
    @Test func `work that hangs is given up, and its key with it, until it ends`() async throws {
        let pool = BlockingPool("test", threads: 2)
        let gate = Gate()
        let interrupted = Atomic<Int>(0)
        let late = await pool.run(
            "mount", within: .seconds(0.05), interrupt: { interrupted.add(1, ordering: .relaxed) }
        ) { gate.pass() }
        #expect(late.name == "late")
        #expect(interrupted.load(ordering: .relaxed) == 1)
        #expect(await pool.run("mount", within: .seconds(60)) {}.name == "hanging")
        #expect(await pool.run("other", within: .seconds(60)) {}.name == "done")
        #expect(gate.waiters == 1)
        gate.open()
        try await eventually("the key is free again") {
            await pool.run("mount", within: .seconds(60)) {}.name == "done"
        }
    }
    @Test func `when all threads hang, the others are told in time`() async throws {
        let pool = BlockingPool("test", threads: 2)
        let gate = Gate()
        for key in ["a", "b"] {
            #expect(await pool.run(key, within: .seconds(0.05), { gate.pass() }).name == "late")
        }
        let interrupted = Atomic<Int>(0)
        let full = await pool.run(
            "c", within: .seconds(0.05), interrupt: { interrupted.add(1, ordering: .relaxed) }
        ) { gate.pass() }
        #expect(full.name == "full")
        #expect(interrupted.load(ordering: .relaxed) == 0)
        gate.open()
        try await eventually("there is room again") {
            await pool.run("c", within: .seconds(60)) {}.name == "done"
        }
        #expect(gate.waiters == 2)
    }
    @Test func `a cancelled task does not wait`() async throws {
        let pool = BlockingPool("test", threads: 1)
        let gate = Gate()
        let task = Task { await pool.run("a", within: .seconds(3600), { gate.pass() }).name }
        try await eventually("it is under way") { gate.waiters == 1 }
        let queued = Task { await pool.run("b", within: .seconds(3600), { gate.pass() }).name }
        task.cancel()
        queued.cancel()
        #expect(await task.value == "cancelled")
        #expect(await queued.value == "cancelled")
        gate.open()
        try await eventually("the thread is free") {
            await pool.run("a", within: .seconds(60)) {}.name == "done"
        }
        #expect(gate.waiters == 1)
    }
    @Test func `a disk that hangs is bad, and unknown when no thread is left`() {
        let silence = "/mnt did not answer within 5 s"
        #expect(Finding(BlockingPool.Outcome<Int>.late, silence: silence).answer == .bad)
        let hanging = Finding(BlockingPool.Outcome<Int>.hanging, silence: silence)
        #expect(hanging.answer == .bad)
        #expect(hanging.message == silence + "; an earlier check hangs there still")
        #expect(Finding(BlockingPool.Outcome<Int>.full(8), silence: silence).answer == .unknown)
    }
}
