// Two engines for one service, started by mistake: only one of them changes the service at a time.
import Domain
import Foundation
import TestKit
import Testing
import Wire

@Suite struct TwoEnginesTests {
    let folder: TemporaryFolder
    let first: RealEngine
    let second: RealEngine

    init() throws {
        folder = try TemporaryFolder("two")
        first = try RealEngine(folder, runbook: Self.runbook)
        second = try RealEngine(folder, runbook: Self.runbook, state: "other-state")
    }

    /// Each step counts its runs and ends when it may.
    private static let runbook = """
        version: 1
        service: { name: twice, title: Twice watched }
        people: { you: { name: You, user: "\(loginName)" } }
        roles: { administrator: { members: [you] } }
        components:
          host: { title: Host, probes: { memory: { memory: {}, every: 60s } } }
        triggers:
          trouble: { when: reported trouble, level: 2, failure: trouble }
        actions:
          mend:
            title: Mend it
            steps:
              - { name: Mend, run: [sh, -c, "echo x >> runs; while [ ! -e go ]; do sleep 0.02; done; echo x >> ends"], timeout: 300s }
        recovery:
          automatic: run
          verify_within: 1ms
          plans: { trouble: { actions: [mend] } }
        """

    private func lines(_ name: String) -> Int {
        ((try? Program.text(folder(name))) ?? "").split(separator: "\n").count
    }
    private func begin() async throws {
        #expect(await first.command(CommandRequest(command: "recover", name: "mend")))
        try await eventually("the step runs") { lines("runs") == 1 }
    }

    @Test func `what an operator asks of the other is refused, by name`() async throws {
        try await first.start()
        try await second.start()
        try await begin()
        let said = try await second.tocsin("recover", "mend")
        #expect(said.status == 4)
        #expect(said.errors.contains("another-engine"))
        #expect(said.errors.contains("pid \(first.pid)"))
        #expect(said.errors.contains(first.state))
        try folder.write("go", "")
        try await first.wait("it is over") { $0.core.procedure == nil }
        #expect(try await second.tocsin("recover", "mend").status == 0)
        #expect(lines("runs") == 2)
        #expect(try await first.tocsin("recover", "mend").status == 0)
        #expect(lines("ends") == 3)
    }

    @Test func `what an engine starts by itself waits for the other, for all to see`() async throws
    {
        try await first.start()
        try await second.start()
        try await begin()
        #expect(await second.command(CommandRequest(command: "report-problem", name: "trouble")))
        try await second.wait("it says what it waits for") {
            $0.core.procedure != nil
                && $0.core.alarms.contains { $0.contains("pid \(first.pid)") }
        }
        #expect(lines("runs") == 1)
        try folder.write("go", "")
        try await eventually("it has its turn") { lines("ends") >= 2 }
        try await second.wait("nothing is in its way") { $0.core.alarms.isEmpty }
    }

    @Test func `a step that a killed engine has left keeps the other out, and lets its own go on`()
        async throws
    {
        try await first.start()
        try await second.start()
        try await begin()
        let killed = first.pid
        try await first.kill9()
        let said = try await second.tocsin("recover", "mend")
        #expect(said.status == 4)
        #expect(said.errors.contains("has left at work"))
        #expect(said.errors.contains("pid \(killed)"))
        try await first.start()
        #expect(await first.situation()?.core.alarms == [])
        try folder.write("go", "")
        try await first.wait("it is over") { $0.core.procedure == nil }
        #expect(lines("runs") == 1)
        #expect(await first.situation()?.core.lastProcedure?.state == .succeeded)
        #expect(try await second.tocsin("recover", "mend").status == 0)
    }
}
