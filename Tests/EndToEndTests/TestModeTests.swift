// A rollback in test mode on the demo: all of it is done, to a copy, while the real service goes on.
import Domain
import Foundation
import Synchronization
import TestKit
import Testing
import Transfers
import Wire

/// Asks the service all the time, and counts what it answered.
private final class Visitor: Sendable {
    private let counts = Mutex((asked: 0, failed: [String]()))
    private let task: Mutex<Task<Void, Never>?> = Mutex(nil)

    init(_ url: String) {
        let task = Task { [self] in
            while !Task.isCancelled {
                let request = TransferRequest(url: url, timeout: .seconds(30))
                let answer = try? await Transfers.shared.perform(request)
                if Task.isCancelled { return }
                counts.withLock { counts in
                    counts.asked += 1
                    if answer?.status != 200 {
                        counts.failed.append(answer.map { "HTTP \($0.status)" } ?? "no answer")
                    }
                }
            }
        }
        self.task.withLock { $0 = task }
    }
    deinit { task.withLock { $0?.cancel() } }

    func end() async -> (asked: Int, failed: [String]) {
        let task = task.withLock { $0 }
        task?.cancel()
        await task?.value
        return counts.withLock { $0 }
    }
    var asked: Int { counts.withLock { $0.asked } }
}

@Suite(.serialized) struct TestModeTests {
    /// The files that only a rollback changes, with what is in them.
    private static func files(_ service: String) throws -> [String: Data] {
        var found: [String: Data] = [:]
        for part in [
            "templates", "static", "unified", "legacy", "bin", "courier.env", "tocsin.yaml",
        ] {
            let root = service + "/" + part
            let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String }
            for path in [root] + (names ?? []).map({ root + "/" + $0 }) {
                var isFolder: ObjCBool = false
                let isThere = FileManager.default.fileExists(
                    atPath: path, isDirectory: &isFolder)
                if isThere, !isFolder.boolValue {
                    found[path] = try Data(contentsOf: URL(filePath: path))
                }
            }
        }
        return found
    }

    /// The tables, and whoever is in them for good: news comes and goes all the time.
    private static func database(_ service: String) async throws -> String {
        let said = try await Program.run(
            [
                "-c",
                """
                import sqlite3, sys
                db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
                for row in db.execute("SELECT name, sql FROM sqlite_master ORDER BY name"): print(row)
                for table in ("users", "notification_preferences", "notification_subscriptions"):
                    for row in db.execute("SELECT * FROM " + table): print(table, row)
                """, service + "/data/courier.db",
            ], of: "/usr/bin/python3")
        try #require(said.status == 0, "\(said.errors)")
        return said.output
    }

    @Test func `the real service answers all along, and is the same afterwards`() async throws {
        let demo = try await Demo()
        let service = String(demo.announced.runbook.dropLast("/tocsin.yaml".count))
        try await demo.wait("it is well") { $0.core.health.state == .healthy }
        let (files, tables) = (
            try Self.files(service), try await Self.database(service)
        )
        let visitor = Visitor(demo.announced.url)
        try await eventually("the visitor is there") { visitor.asked > 5 }

        let test = try await demo.tocsin("rollback", "--confirm", "--test-mode")
        #expect(test.status == 0, "\(test.errors)")
        #expect(test.output.contains("within the target"))

        let visits = await visitor.end()
        #expect(visits.failed.isEmpty && visits.asked > 5)
        let same = try Self.files(service) == files
        #expect(same)
        #expect(try await Self.database(service) == tables)
        #expect(kill(demo.announced.servicePid, 0) == 0)
        let situation = try await demo.situation()
        #expect(situation.core.health.state == .healthy && situation.core.rollback == nil)
        let last = try #require(situation.core.lastTest)
        #expect(last.stages.allSatisfy { $0.state == .succeeded || $0.state == .skipped })
        #expect(last.stages.count == 10)
        // Everything that can be done to a copy was done, and nothing of it is left.
        let skipped = last.stages.flatMap(\.steps).filter { $0.state == .skipped }.map(\.kind)
        #expect(Set(skipped).isSubset(of: ["notify", "status_page", "probe"]), "\(skipped)")
        let copy = demo.announced.state + "/runs/\(last.id)/test"
        #expect(!FileManager.default.fileExists(atPath: copy))
        try await eventually("the copy's courier is gone") {
            let processes = try await Program.run(["-eo", "args"], of: "/bin/ps").output
            return !processes.contains(copy)
        }

        let report = try await demo.tocsin(
            "generate-rollback-report", "--test-mode", "--format", "markdown")
        #expect(
            report.status == 0 && report.output.contains("test mode"),
            "\(report.errors)\(report.output)")
        #expect(try await demo.tocsin("verify-rollback").status == 3)
        let checks = try await demo.tocsin("test-rollback-procedures", "--test-mode")
        #expect(checks.status == 0, "\(checks.output)")
        #expect(try await demo.tocsin("test-emergency-procedures").status == 0)
        #expect(try await demo.tocsin("validate-recovery").status == 0)
        #expect(try await demo.tocsin("test-recovery").status == 0)
    }

    @Test
    func `an optimisation that does not help leads to the rollback, and the playbook goes on`()
        async throws
    {
        let demo = try await Demo()
        try await demo.wait("it is well") { $0.core.health.state == .healthy }
        #expect(try await demo.tocsin("performance-assessment").status == 0)
        #expect(try await demo.tocsin("fault", "delivery", "on").status == 0)
        try await demo.wait("messages are lost") { situation in
            situation.components.contains { $0.name == "delivery" && $0.state == .failed }
        }
        #expect(try await demo.tocsin("optimize-system").status == 1)
        let played = try await demo.tocsin("run", "performance", "--output", "json")
        #expect(played.status == 0, "\(played.errors)")
        let situation = try await demo.situation()
        #expect(
            situation.core.rollback?.state == .succeeded,
            "\(situation.core.rollback?.message ?? "none")")
        #expect(situation.core.lastProcedure?.kind == .playbook)
        #expect(situation.core.rollback?.parent == situation.core.lastProcedure?.id)
        #expect(try await demo.tocsin("verify-rollback").status == 0)
        let report = try await demo.tocsin("generate-rollback-report")
        #expect(report.output.contains(situation.core.lastProcedure?.id ?? "no playbook"))
    }
}
