// The product's story against the real service and the real engine, told by commands.
import Domain
import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct StoryTests {
    @Test func `a dropped websocket is seen, named, recovered and closed`() async throws {
        let demo = try await Demo()
        try await demo.wait("the service is healthy") { $0.core.health.state == .healthy }
        #expect(try await demo.tocsin("status").status == 0)
        #expect(try await demo.tocsin("fault", "websocket", "on").status == 0)
        try await demo.wait("an emergency is open") { $0.core.emergency != nil }
        let broken = try await demo.situation()
        #expect(broken.core.level?.number == 2)
        #expect(broken.components.first { $0.name == "websocket" }?.state == .failed)
        #expect(broken.core.proposals.first?.kind == "recovery")
        #expect(try await demo.tocsin("status").status == 2)
        #expect(try await demo.tocsin("acknowledge").status == 0)
        let action = try #require(broken.core.proposals.first?.name)
        let recovered = try await demo.tocsin("recover", action)
        #expect(recovered.status == 0, "\(recovered.errors)")
        try await demo.wait("nothing holds any more") {
            $0.core.emergency?.stillHolding == [] && $0.core.health.state == .healthy
        }
        let closed = try await demo.tocsin("deactivate-emergency", "--resolved-by", "tests")
        #expect(closed.status == 0, "\(closed.errors)")
        #expect(try await demo.situation().core.emergency == nil)
        try await demo.terminate()
    }

    @Test func `complete failure ends in a rollback that leaves the legacy service`() async throws {
        let demo = try await Demo()
        try await demo.wait("the service is healthy") { $0.core.health.state == .healthy }
        try await demo.tocsin("fault", "complete", "on")
        try await demo.wait("level 1") { $0.core.level?.number == 1 }
        let tried = try await demo.tocsin("auto-recover")
        #expect(tried.status == 1, "\(tried.output) \(tried.errors)")
        try await demo.wait("the attempts are used up and a rollback is proposed") {
            $0.core.emergency?.recoveryAttempts == 3 && $0.core.procedure == nil
                && $0.core.proposals.contains { $0.kind == "rollback" }
        }
        let again = try await demo.tocsin("auto-recover")
        #expect(again.status == 4)
        #expect(again.errors.contains("recovery-attempts"))
        let rollback = try await demo.tocsin("rollback", "--confirm", "--reason", "recovery failed")
        #expect(rollback.status == 0, "\(rollback.errors)")
        try await Self.checkLegacy(demo)
        let events = try await demo.tocsin("events", "--output", "json", "--limit", "1000")
        for kind in ["emergency-activated", "procedure-started", "backup-taken", "procedure-ended"]
        {
            #expect(events.output.contains(kind), "no \(kind) in the journal")
        }
        try await demo.terminate()
    }

    /// The legacy service answers, its tables are gone, its users are still there.
    static func checkLegacy(_ demo: Demo) async throws {
        let situation = try await demo.situation()
        #expect(situation.core.rollback?.state == .succeeded)
        #expect(situation.core.rollback?.stages.count == 8)
        #expect(
            situation.core.rollback?.stages.flatMap(\.steps).contains { $0.state == .failed }
                == false)
        try await eventually("the legacy home page answers") {
            await demo.page("").status == 200
        }
        #expect(await demo.page("").text.lowercased().contains("legacy"))
        #expect(try await demo.tocsin("verify-rollback").status == 0)
    }

    static let stages = [
        "Service shutdown", "Component removal", "Legacy restoration", "Database rollback",
        "Configuration update", "Service restart", "Validation",
    ]

    /// A rollback whose stage begins with a step that takes two seconds and leaves a line each time it
    /// runs; returns while that step is running.
    private static func held(
        in stage: String, _ demo: Demo
    ) async throws -> (engine: Int32, confirmed: Task<Said, any Error>) {
        try await demo.wait("the service is healthy") { $0.core.health.state == .healthy }
        let runbook = try Program.text(demo.announced.runbook)
        let hold = "        - { name: Hold, run: [sh, -c, \"echo ran >> held; sleep 2\"] }"
        let head = try #require(runbook.range(of: "    - name: \(stage)"))
        let steps = try #require(
            runbook.range(of: "\n        - ", range: head.upperBound..<runbook.endIndex))
        let changed =
            runbook[..<steps.lowerBound] + "\n" + hold + runbook[steps.lowerBound...]
        try Data(changed.utf8).write(to: URL(filePath: demo.announced.runbook))
        try await demo.killEngine(demo.announced.enginePid)
        let engine = try demo.startEngine()
        try await demo.wait("an engine with the changed runbook") { $0.core.engine.pid == engine }
        try await demo.tocsin("activate-emergency", "--reason", "test", "--level", "1")
        let confirmed = Task {
            try await demo.tocsin("rollback", "--confirm", "--reason", "test")
        }
        try await eventually("the step of \(stage) runs", within: 120) { runs(demo) == 1 }
        return (engine, confirmed)
    }
    /// How often the holding step has run.
    private static func runs(_ demo: Demo) -> Int {
        let text = (try? Program.text(demo.folder("stage/service/held"))) ?? ""
        return text.split(separator: "\n").count
    }

    @Test(arguments: stages)
    func `the engine is killed during a stage, and a new one ends the rollback`(
        stage: String
    ) async throws {
        let demo = try await Demo()
        let (engine, confirmed) = try await Self.held(in: stage, demo)
        try await demo.killEngine(engine)
        _ = try demo.startEngine()
        try await demo.wait("the rollback is over") { $0.core.rollback?.finishedAt != nil }
        #expect(Self.runs(demo) == 1, "the step ran again")
        try await Self.checkLegacy(demo)
        // Whoever confirmed it was told how it ended, although the engine changed under them.
        #expect(try await confirmed.value.status == 0)
        let verified = try await demo.tocsin("events", "--verify")
        #expect(verified.status == 0, "\(verified.errors)")
        try await demo.terminate()
    }

    @Test func `engine and step runner are killed: a person says what became of the step`()
        async throws
    {
        let demo = try await Demo()
        let (engine, confirmed) = try await Self.held(in: "Component removal", demo)
        struct Started: Decodable {
            struct Runner: Decodable { var pid: Int32 }
            var runner: Runner
        }
        let runs = demo.announced.state + "/runs"
        let records = try FileManager.default.subpathsOfDirectory(atPath: runs)
            .filter { $0.hasSuffix("started.json") }.map { runs + "/" + $0 }
        let living = try records.map {
            try JSONDecoder().decode(Started.self, from: Data(contentsOf: URL(filePath: $0))).runner
                .pid
        }.filter { kill($0, 0) == 0 }
        #expect(living.count == 1)
        try await demo.killEngine(engine)
        for runner in living { kill(runner, SIGKILL) }
        _ = try demo.startEngine()
        try await demo.wait("the procedure waits") { $0.core.procedure?.state == .waiting }
        #expect(Self.runs(demo) == 1)
        #expect(try await demo.situation().core.procedure?.message.contains("Hold") == true)
        let answered = try await demo.tocsin("resolve-step", "done")
        #expect(answered.status == 0, "\(answered.errors)")
        try await demo.wait("the rollback is over") { $0.core.rollback?.finishedAt != nil }
        #expect(Self.runs(demo) == 1)
        try await Self.checkLegacy(demo)
        _ = try await confirmed.value
        try await demo.terminate()
    }

    @Test func `without an engine, status is unknown and says why`() async throws {
        let folder = try TemporaryFolder("none")
        let said = try await Program.run(["status", "--socket", folder("engine.sock")])
        #expect(said.status == 3)
        #expect(said.errors.contains("engine"))
        let json = try await Program.run([
            "status", "--socket", folder("engine.sock"), "--output", "json",
        ])
        #expect(json.status == 3)
    }

    @Test func `a runbook with mistakes is refused with every one of them`() async throws {
        let folder = try TemporaryFolder("runbook")
        try folder.write(
            "tocsin.yaml",
            """
            version: 1
            service: { name: x, title: X }
            components:
              web: { title: Web, probes: { home: { htp: { url: "http://127.0.0.1/" } } } }
            triggers:
              down: { when: component wep down, level: 7, failure: x }
            """)
        let said = try await Program.run(["check-runbook", folder("tocsin.yaml")])
        #expect(said.status == 78)
        let text = said.output + said.errors
        for part in ["tocsin.yaml:4", "tocsin.yaml:6", "http", "web"] {
            #expect(text.contains(part), "no \(part) in \(text)")
        }
        let engine = try await Program.run(
            ["engine", "--runbook", folder("tocsin.yaml"), "--state", folder("state")])
        #expect(engine.status == 78)
    }

    @Test func `the starter runbook passes the check and the schema is JSON`() async throws {
        let folder = try TemporaryFolder("starter")
        let made = try await Program.run(["init"], directory: folder.path)
        #expect(made.status == 0, "\(made.errors)")
        let checked = try await Program.run(["check-runbook", folder("tocsin.yaml")])
        #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
        let schema = try await Program.run(["schema"])
        #expect(try JSONSerialization.jsonObject(with: Data(schema.output.utf8)) is [String: Any])
    }

    @Test func `wrong usage is 64`() async throws {
        for words in [["recover"], ["status", "--nonsense"], ["nonsense"]] {
            #expect(try await Program.run(words).status == 64, "\(words)")
        }
    }
}
