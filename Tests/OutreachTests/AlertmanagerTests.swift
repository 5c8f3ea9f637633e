// A real Alertmanager: an alert appears, changes its level, and resolves.
import Domain
import Foundation
import Outreach
import TestKit
import Testing
import Transfers

/// Debian's program, started by hand on loopback.
private final class Alertmanager: Sendable {
    let base: String
    private let daemon: Daemon

    init() async throws {
        let program = try Places.tool("prometheus-alertmanager")
        let folder = try TemporaryFolder("alertmanager")
        let config = try folder.write(
            "config.yml", "route: { receiver: none }\nreceivers: [ { name: none } ]\n")
        let port = try freePort()
        base = "http://127.0.0.1:\(port)"
        daemon = try Daemon(
            program,
            [
                "--config.file=\(config)", "--storage.path=\(folder("data"))",
                "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
            ], folder: folder)
        try await daemon.ready("Alertmanager is ready") { await self.get("/-/ready") != nil }
    }

    /// Nil when it does not answer well.
    func get(_ path: String) async -> Data? {
        let answer = try? await Transfers.shared.perform(TransferRequest(url: base + path))
        return answer?.status == 200 ? answer.map { Data($0.body) } : nil
    }
    func alerts() async throws -> [[String: Any]] {
        guard let data = await get("/api/v2/alerts") else { return [] }
        return try JSONSerialization.jsonObject(with: data) as? [[String: Any]] ?? []
    }
}

@Suite struct AlertmanagerTests {
    @Test func `an alert appears, changes its level and resolves`() async throws {
        let alertmanager = try await Alertmanager()
        let route = DeliveryRoute.channel(
            Channel(name: "am", kind: .alertmanager(url: .plain(alertmanager.base + "/"))))
        #expect(await carry(order(route)).end == .delivered)
        var alerts = try await alertmanager.alerts()
        try #require(alerts.count == 1)
        let labels = alerts[0]["labels"] as? [String: String]
        #expect(labels?["alertname"] == "TocsinEmergency")
        #expect(labels?["service"] == "vedfolnir")
        #expect(labels?["emergency"] == "emergency_20260105_001")
        #expect((alerts[0]["annotations"] as? [String: String])?["level"] == "2")
        let fingerprint = alerts[0]["fingerprint"] as? String

        // The same again, and worse: still one alert.
        for purpose in [MessagePurpose.emergency, .update] {
            #expect(await carry(order(route, purpose: purpose, level: .critical)).end == .delivered)
        }
        alerts = try await alertmanager.alerts()
        #expect(alerts.count == 1)
        #expect(alerts[0]["fingerprint"] as? String == fingerprint)
        #expect((alerts[0]["annotations"] as? [String: String])?["severity"] == "critical")

        #expect(await carry(order(route, purpose: .over)).end == .delivered)
        try await eventually("it is resolved") { try await alertmanager.alerts().isEmpty }
    }

    @Test func `a test is another alert and ends by itself; hostile texts are taken`() async throws
    {
        let alertmanager = try await Alertmanager()
        let route = DeliveryRoute.channel(
            Channel(name: "am", kind: .alertmanager(url: .plain(alertmanager.base))))
        let test = order(route, purpose: .test)
        #expect(await carry(test).end == .delivered)
        let alerts = try await alertmanager.alerts()
        try #require(alerts.count == 1)
        #expect((alerts[0]["labels"] as? [String: String])?["alertname"] == "TocsinTest")
        let end = (alerts[0]["endsAt"] as? String).flatMap { Timestamp(rfc3339: $0) }
        #expect(end == test.at + .minutes(1))
        #expect(await carry(order(route, change: makeHostile)).end == .delivered)
        try await eventually("both are there") { try await alertmanager.alerts().count == 2 }
    }

    @Test func `what it does not understand it says`() async throws {
        let alertmanager = try await Alertmanager()
        let route = DeliveryRoute.channel(
            Channel(name: "am", kind: .alertmanager(url: .plain(alertmanager.base + "/nowhere"))))
        let outcome = await carry(order(route))
        #expect(outcome.end == .refused)
        #expect(outcome.detail.contains("answered 404"))
    }
}
