// The list of backups and the look at one: told as they are, and never in the engine's way.
import Dispatch
import Domain
import TestKit
import Testing
import Wire

@testable import Engine

@Suite struct BackupReportTests {
    private static func receipt(_ id: String, verified: Bool = true) -> BackupReceipt {
        BackupReceipt(
            id: id, path: "/srv/backups/\(id)", at: Timestamp(milliseconds: 1_767_618_000_000),
            files: 12, bytes: 4_096, databases: ["main"], rows: 41, verified: verified)
    }

    @Test func `the list is the keeper's`() async throws {
        let world = try await EngineWorld(
            backups: BackupDesk(
                receipts: { _ in [Self.receipt("b", verified: false), Self.receipt("a")] },
                compare: { _ in [] }))
        let list = try await world.engine.backups(for: world.ines)
        #expect(list.backups.map(\.id) == ["b", "a"])
        #expect(list.backups.map(\.verified) == [false, true])
        #expect(list.backups[1].rows == 41 && list.backups[1].at == "2026-01-05T13:00:00.000Z")
    }

    @Test func `an older backup is not put back for a newest that is damaged`() async throws {
        var broken = Self.receipt("c", verified: false)
        broken.problem = "manifest.json is missing"
        let list = [broken, Self.receipt("b", verified: false), Self.receipt("a")]
        let world = try await EngineWorld(
            backups: BackupDesk(receipts: { _ in list }, compare: { _ in [] }))
        let refusal = await #expect(throws: Refusal.self) {
            try await world.ask(CommandRequest(command: "restore-backup", backup: "latest"))
        }
        let unnamed = await #expect(throws: Refusal.self) {
            try await world.ask(CommandRequest(command: "restore-backup"))
        }
        #expect(unnamed?.kind == .notUnderstood)
        #expect(refusal?.rule == "newest-backup-damaged")
        #expect(refusal?.why == "the newest backup, c, is damaged: manifest.json is missing")
        #expect(refusal?.remedy.contains("restore-backup a") == true)
        let named = try await world.ask(CommandRequest(command: "restore-backup", backup: "a"))
        #expect(named.procedure != nil)
    }

    @Test func `without a keeper it is refused, not empty`() async throws {
        let world = try await EngineWorld()
        await #expect(throws: Refusal.self) { try await world.engine.backups(for: world.ines) }
    }

    @Test func `a slow disk holds up the list, not the engine`() async throws {
        let gate = DispatchSemaphore(value: 0)
        defer { gate.signal() }
        let world = try await EngineWorld(
            backups: BackupDesk(
                receipts: { _ in
                    gate.wait()
                    return []
                }, compare: { _ in [] }))
        async let list = world.engine.backups(for: world.ines)
        // Everything else is answered meanwhile.
        _ = try await world.ask(CommandRequest(command: "note", text: "still here"))
        #expect(await world.report.core.service == world.runbook.service.name)
        gate.signal()
        #expect(try await list.backups.isEmpty)
    }

    @Test func `verifying answers what differs, and one is verified at a time`() async throws {
        let gate = DispatchSemaphore(value: 0)
        defer { gate.signal() }
        let world = try await EngineWorld(
            backups: BackupDesk(
                receipts: { _ in [Self.receipt("a")] },
                compare: { _ in
                    gate.wait()
                    return ["static/app.js differs"]
                }))
        let request = CommandRequest(command: "verify-backup", backup: "a")
        async let first = world.ask(request)
        try await eventually("it is being verified") { await world.engine.verifying == "a" }
        await #expect(throws: Refusal.self) { try await world.ask(request) }
        gate.signal()
        let checks = try #require(try await first.checks)
        #expect(checks.map(\.state) == [.failed])
        #expect(checks[0].message == "static/app.js differs")
        #expect(await world.engine.verifying == nil)
    }

    @Test func `a whole one is healthy, one that is not there is refused`() async throws {
        let world = try await EngineWorld(
            backups: BackupDesk(receipts: { _ in [Self.receipt("a")] }, compare: { _ in [] }))
        let answer = try await world.ask(CommandRequest(command: "verify-backup", backup: "a"))
        #expect(answer.checks?.map(\.state) == [.healthy] && answer.events.isEmpty)
        for id in ["z", "", nil] {
            await #expect(throws: Refusal.self) {
                try await world.ask(CommandRequest(command: "verify-backup", backup: id))
            }
        }
        let stranger = Caller(user: "eve", uid: 9, pid: 9)
        await #expect(throws: Refusal.self) {
            try await world.engine.perform(
                CommandRequest(command: "verify-backup", backup: "a"), by: stranger)
        }
    }
}
