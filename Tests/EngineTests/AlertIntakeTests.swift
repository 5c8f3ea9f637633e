// Alerts at the engine's door: who may send them, and what a runbook without rules says.
import Domain
import FoundationEssentials
import Link
import TestKit
import Testing
import Wire

@testable import Engine

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct AlertIntakeTests {
    static let body = Data(#"[{"labels":{"alertname":"DiskFull"}}]"#.utf8)
    static let intake = AlertIntake(
        from: ["prometheus"],
        rules: [
            AlertRule(match: [NamedText(name: "alertname", text: "Disk.*")], problem: "disk")
        ])
    /// A number that is neither root's nor this process's.
    static let stranger: UInt32 = getuid() == 4_001 ? 4_002 : 4_001

    func world(_ intake: AlertIntake?) async throws -> EngineWorld {
        try await EngineWorld(SampleRunbook.make { $0.alerts = intake })
    }

    @Test func `a runbook without rules for alerts says what to add`() async throws {
        let world = try await world(nil)
        await #expect {
            _ = try await world.engine.alert(Self.body, by: world.ines)
        } throws: { error in
            let refusal = error as? Refusal
            return refusal?.kind == .notNow && refusal?.remedy.contains("alerts:") == true
        }
    }

    @Test(arguments: [
        Caller(user: "root", uid: 0, pid: 1), Caller(user: "engine", uid: getuid(), pid: 1),
        Caller(user: "ines", uid: stranger, pid: 1), Caller(user: "tomas", uid: stranger, pid: 1),
        Caller(user: "prometheus", uid: stranger, pid: 1), AlertListener.caller,
    ])
    func `administrators, the engine's own user and the named senders may`(
        _ caller: Caller
    ) async throws {
        let world = try await world(Self.intake)
        _ = try await world.engine.alert(Self.body, by: caller)
    }

    @Test(arguments: ["vera", "nobody", "alertmanager"])
    func `others may not`(_ user: String) async throws {
        let world = try await world(Self.intake)
        await #expect {
            let caller = Caller(user: user, uid: Self.stranger, pid: 1)
            _ = try await world.engine.alert(Self.body, by: caller)
        } throws: { error in
            let refusal = error as? Refusal
            return refusal?.kind == .notAllowed && refusal?.remedy.contains("from:") == true
        }
    }

    @Test func `an alert that no rule matches changes nothing`() async throws {
        let world = try await world(Self.intake)
        let before = world.store.last
        let other = Data(#"[{"labels":{"alertname":"Other"}}]"#.utf8)
        let answer = try await world.engine.alert(other, by: world.ines)
        #expect(answer == CommandAnswer(events: []))
        #expect(world.store.last == before)
    }

    @Test func `a body that makes no sense is refused and changes nothing`() async throws {
        let world = try await world(Self.intake)
        let before = world.store.last
        await #expect {
            _ = try await world.engine.alert(Data("{}".utf8), by: world.ines)
        } throws: { error in
            (error as? Refusal)?.kind == .notUnderstood
        }
        #expect(world.store.last == before)
    }
}
