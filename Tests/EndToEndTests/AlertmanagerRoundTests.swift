// A real Alertmanager on both sides: it shows the engine's emergencies, and raises its own here.
import Domain
import Foundation
import Synchronization
import TestKit
import Testing
import Transfers
import Wire

/// Debian's program on loopback, told to send everything to an engine.
private final class RealAlertmanager: Sendable {
    let port: Int
    var base: String { "http://127.0.0.1:\(port)" }
    private let folder: TemporaryFolder
    private let running = Mutex<Spawned?>(nil)

    init(listener: Int, token: String) throws {
        folder = try TemporaryFolder("alertmanager")
        port = try steadyPort()
        try folder.write(
            "config.yml",
            """
            route: { receiver: tocsin, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }
            receivers:
              - name: tocsin
                webhook_configs:
                  - url: http://127.0.0.1:\(listener)/v1/alerts
                    send_resolved: true
                    http_config: { authorization: { credentials: \(token) } }
            """)
    }
    deinit {
        if let program = running.withLock({ $0 }), program.status == nil {
            kill(program.pid, SIGKILL)
        }
    }

    func start() async throws {
        let places = [
            "/usr/bin/prometheus-alertmanager",
            Places.project + "/.build/tools/usr/bin/prometheus-alertmanager",
        ]
        let found = places.first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let found else {
            throw TestKitError(text: "no Alertmanager: run `scripts/setup test`")
        }
        let program = try Spawned(
            found,
            [
                "--config.file=\(folder("config.yml"))", "--storage.path=\(folder("data"))",
                "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
            ], environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path], output: folder("out"),
            errors: folder("err"))
        running.withLock { $0 = program }
        try await eventually("Alertmanager is ready") {
            if let status = program.status {
                let errors = try Program.text(self.folder("err"))
                throw TestKitError(text: "Alertmanager ended with \(status): \(errors)")
            }
            return await self.get("/-/ready") != nil
        }
    }
    func stop() async throws {
        guard let program = running.withLock({ $0 }) else { return }
        kill(program.pid, SIGTERM)
        _ = try await program.end()
    }

    private func get(_ path: String) async -> Data? {
        let answer = try? await Transfers.shared.perform(TransferRequest(url: base + path))
        return answer?.status == 200 ? answer.map { Data($0.body) } : nil
    }
    /// Names of the alerts that fire now.
    func firing() async throws -> [String] {
        guard let data = await get("/api/v2/alerts") else { return [] }
        let alerts = try JSONSerialization.jsonObject(with: data) as? [[String: Any]] ?? []
        return alerts.compactMap { ($0["labels"] as? [String: String])?["alertname"] }.sorted()
    }
    /// As Prometheus tells it.
    func post(_ name: String, isFiring: Bool) async throws {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let start = Timestamp(milliseconds: now - 60_000).rfc3339
        let end = Timestamp(milliseconds: isFiring ? now + 600_000 : now).rfc3339
        let body = """
            [{"labels": {"alertname": "\(name)", "severity": "critical"}, "startsAt": "\(start)", \
            "endsAt": "\(end)", "annotations": {"summary": "It is full"}}]
            """
        var request = TransferRequest(
            url: base + "/api/v2/alerts", method: "POST",
            headers: [("Content-Type", "application/json")], body: Array(body.utf8))
        request.timeout = .seconds(10)
        let answer = try await Transfers.shared.perform(request)
        #expect(answer.status == 200)
    }
}

@Suite(.serialized) struct AlertmanagerRoundTests {
    private static func runbook(_ alertmanager: String, _ listener: Int) -> String {
        """
        version: 1
        service: { name: round, title: Round trip, environment: test }
        people:
          you:  { name: You, user: "\(loginName)" }
          ines: { name: Ines Moreau, user: ines-moreau, email: ines@example.com }
        roles:
          administrator: { members: [you] }
          on-duty: { members: [ines] }
        channels:
          am: { alertmanager: { url: "\(alertmanager)" } }
        levels:
          1: { name: Critical, respond_within: 30m }
        escalation:
          1: [ { after: 0s, notify: [on-duty], via: [am] } ]
        components:
          host: { title: Host, probes: { memory: { memory: {}, every: 60s } } }
        triggers:
          outage: { when: reported outage, level: 1, failure: outage }
        alerts:
          listen: "127.0.0.1:\(listener)"
          token: { env: ALERT_TOKEN }
          rules: [ { match: { alertname: ".*" }, problem: outage } ]
        """
    }

    @Test func `an alert becomes an emergency, is shown over there, and both end`() async throws {
        let listener = try steadyPort()
        let alertmanager = try RealAlertmanager(
            listener: listener, token: RealEngine.secrets["ALERT_TOKEN"] ?? "")
        let engine = try RealEngine(
            TemporaryFolder("round"), runbook: Self.runbook(alertmanager.base, listener))
        try await alertmanager.start()
        try await engine.start()

        try await alertmanager.post("DiskFull", isFiring: true)
        try await engine.wait("the alert is an emergency") {
            $0.core.emergency?.level == 1 && $0.core.problems.first?.kind == "outage"
        }
        try await Self.shows(["DiskFull", "TocsinEmergency"], alertmanager)
        // Of the engine's own alert, which came back, nothing is made: one alert reports the problem.
        try await alertmanager.post("DiskFull", isFiring: false)
        try await engine.wait("the alert's end is the problem's end") {
            $0.core.problems.isEmpty && $0.core.emergency?.stillHolding == []
        }
        try await Self.shows(["TocsinEmergency"], alertmanager)

        // One that is restarted has forgotten every alert. A returning engine reminds it at once, one
        // that goes on within a minute.
        try await alertmanager.stop()
        try await alertmanager.start()
        if !triesEverything {
            try await engine.kill9()
            try await engine.start()
        }
        try await Self.shows(["TocsinEmergency"], alertmanager)
        let situation = try #require(await engine.situation())
        #expect(situation.core.problems.isEmpty)
        #expect(situation.core.emergency?.stillHolding == [])

        let ended = try await engine.tocsin("deactivate-emergency", "--resolved-by", "tests")
        #expect(ended.status == 0, "\(ended.errors)")
        try await Self.shows([], alertmanager)
        try await Self.checkJournal(engine)
        try await engine.stop()
        try await alertmanager.stop()
    }

    private static func shows(_ names: [String], _ alertmanager: RealAlertmanager) async throws {
        try await eventually("Alertmanager shows \(names)") {
            try await alertmanager.firing() == names
        }
    }
    /// One emergency, of one alert.
    private static func checkJournal(_ engine: RealEngine) async throws {
        let events = try await engine.tocsin("events", "--output", "json", "--limit", "1000")
        func count(_ kind: String) -> Int {
            events.output.components(separatedBy: "\"\(kind)\"").count - 1
        }
        #expect(count("emergency-activated") == 1, "\(events.output)")
        #expect(count("alert-fired") == 1, "\(events.output)")
        #expect(count("alert-resolved") == 1, "\(events.output)")
        let verified = try await engine.tocsin("events", "--verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    }
}
