// The JSON shape that outside programs rely on (interface.md), key by key, and that every value
// survives the way there and back.
import Domain
import Foundation
import Testing
import Wire

@Suite struct ShapeTests {
    typealias Object = [String: Any]

    func object(_ value: some Encodable) throws -> Object {
        let parsed = try JSONSerialization.jsonObject(with: WireCoding.encode(value))
        return try #require(parsed as? Object)
    }
    func inside(_ object: Object, _ key: String) throws -> Object {
        try #require(object[key] as? Object, "\(key) is no object")
    }
    func first(_ object: Object, _ key: String) throws -> Object {
        try #require((object[key] as? [Object])?.first, "\(key) is no list of objects")
    }
    /// The keys of the contract must be there; further ones may.
    func expect(
        _ object: Object, has keys: String, _ location: SourceLocation = #_sourceLocation
    ) {
        let missing = keys.split(separator: " ").filter { object[String($0)] == nil }
        #expect(missing.isEmpty, "missing: \(missing)", sourceLocation: location)
    }

    static let topKeys =
        "service time engine health level emergency components metrics fallbacks proposals procedure "
        + "rollback kpis"

    @Test func `the situation has every key of the contract`() throws {
        let top = try object(fullSituation)
        expect(top, has: Self.topKeys)
        expect(try inside(top, "engine"), has: "version pid uptime_seconds probes")
        expect(try inside(top, "health"), has: "score state")
        expect(try inside(top, "level"), has: "number name")
        expect(
            try inside(top, "emergency"),
            has:
                "id level reason triggered_by failure activated_at acknowledged_by acknowledged_at "
                + "respond_by recovery_attempts")
        let component = try first(top, "components")
        expect(component, has: "name title state critical probes")
        expect(
            try first(component, "probes"), has: "name state latency_ms message since checked_at")
        expect(try first(top, "metrics"), has: "name value unit at")
        expect(try first(top, "fallbacks"), has: "name enabled")
        expect(try first(top, "proposals"), has: "kind name why runs_at")
        for key in ["procedure", "rollback"] {
            let procedure = try inside(top, key)
            expect(procedure, has: "id kind state started_at finished_at progress stages")
            let stage = try first(procedure, "stages")
            expect(stage, has: "name state steps")
            expect(try first(stage, "steps"), has: "name state seconds message")
        }
        expect(
            try inside(top, "kpis"),
            has: "emergencies_24h recovery_success_rate rollback_success_rate detect_seconds "
                + "respond_seconds")
    }

    @Test func `what there is not is null and not left out`() throws {
        let top = try object(emptySituation)
        expect(top, has: Self.topKeys)
        for key in ["level", "emergency", "procedure", "rollback", "last_procedure", "quiet_since"]
        {
            #expect(top[key] is NSNull, "\(key)")
        }
        let kpis = try inside(top, "kpis")
        #expect(kpis["emergencies_24h"] as? Int == 0)
        for key in [
            "recovery_success_rate", "rollback_success_rate", "detect_seconds", "respond_seconds",
        ] { #expect(kpis[key] is NSNull, "\(key)") }
        let probe = try first(first(top, "components"), "probes")
        #expect(probe["latency_ms"] is NSNull)
        #expect(probe["checked_at"] is NSNull)
    }

    @Test func `words are the contract's`() throws {
        let top = try object(fullSituation)
        #expect(try inside(top, "health")["state"] as? String == "degraded")
        #expect(try inside(top, "procedure")["state"] as? String == "running")
        #expect(
            try Health.allCases.map {
                try object(HealthReport(score: 0, state: $0))["state"] as? String
            }
                == ["healthy", "degraded", "failed", "unknown"])
    }

    @Test func `every key is in snake case`() throws {
        func walk(_ value: Any) {
            if let object = value as? Object {
                for (key, inner) in object {
                    let plain = key.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "_" }
                    #expect(plain, "\(key)")
                    walk(inner)
                }
            }
            if let list = value as? [Any] { list.forEach(walk) }
        }
        walk(try object(fullSituation))
        walk(try object(fullRunbook))
        walk(try object(StreamLine(event: sampleEvent)))
        walk(try object(fullCommand))
        walk(try object(sampleBackups))
    }

    // MARK: There and back

    func expectSame<Value: Codable & Equatable>(
        _ value: Value, _ location: SourceLocation = #_sourceLocation
    ) throws {
        let back = try WireCoding.decode(Value.self, from: WireCoding.encode(value))
        #expect(back == value, sourceLocation: location)
        let pretty = try WireCoding.decode(Value.self, from: WireCoding.encode(value, pretty: true))
        #expect(pretty == value, sourceLocation: location)
    }

    let fullCommand = CommandRequest(
        command: "rollback", reason: "r", triggeredBy: "t", resolvedBy: "s", level: 1, name: "n",
        text: "x", authorization: "emergency", confirmation: "c", plan: "p", dryRun: true,
        testMode: true, procedure: "id")

    @Test func `every value survives the wire`() throws {
        try expectSame(fullSituation)
        try expectSame(emptySituation)
        try expectSame(fullRunbook)
        try expectSame(samplePlan)
        try expectSame(sampleBackups)
        try expectSame(BackupListReport(to: "/srv", backups: [], freeBytes: nil))
        try expectSame(fullCommand)
        try expectSame(CommandRequest(command: "acknowledge"))
        try expectSame(CommandAnswer(events: [sampleEvent], procedure: "id", plan: samplePlan))
        try expectSame(CommandAnswer(events: []))
        try expectSame(RefusalReport(refused: "rule", why: "why", remedy: "remedy"))
        try expectSame(EventPage(events: [sampleEvent], last: 9))
        try expectSame(
            HistoryPage(
                component: "web", probe: "home",
                samples: [SampleReport(at: time, answer: "good", latencyMs: 1.25, message: "ok")]))
    }

    @Test func `every line of the stream survives the wire`() throws {
        try expectSame(
            StreamLine(
                start: StreamStart(
                    situation: fullSituation, runbook: fullRunbook,
                    you: CallerReport(user: "ines", name: "Ines Moreau", roles: ["administrator"]),
                    events: [sampleEvent])))
        try expectSame(
            StreamLine(
                change: SituationChange(
                    time: time, core: fullSituation.core, components: fullSituation.components,
                    metrics: fullSituation.metrics, gauges: fullSituation.gauges)))
        try expectSame(StreamLine(change: SituationChange(time: time)))
        try expectSame(StreamLine(event: sampleEvent))
        try expectSame(StreamLine(output: OutputLine(procedure: "id", text: "line")))
        try expectSame(StreamLine(runbook: fullRunbook))
    }

    @Test func `a line of the stream is one line`() throws {
        let event = EventReport(
            seq: 1, at: time, kind: "note", text: "one\ntwo\r\u{2028}three", tone: .plain,
            by: "ines",
            emergency: nil, procedure: nil)
        let data = try WireCoding.encode(StreamLine(event: event))
        #expect(!data.contains(UInt8(ascii: "\n")) && !data.contains(UInt8(ascii: "\r")))
    }

    @Test func `a program understands one that knows more or less`() throws {
        let more = #"{"events":[],"procedure":null,"plan":null,"news":[1,2]}"#
        let less = #"{"events":[]}"#
        for text in [more, less] {
            #expect(
                try WireCoding.decode(CommandAnswer.self, from: Data(text.utf8))
                    == CommandAnswer(events: []))
        }
    }

    @Test func `numbers that JSON cannot carry are an error and not rubbish`() {
        let metric = MetricReport(name: "m", value: .nan, unit: "", at: time)
        #expect(throws: EncodingError.self) { try WireCoding.encode(metric) }
    }
}

@Suite struct SituationChangeTests {
    @Test func `a change replaces what it names, in place, and adds what is new`() {
        var situation = fullSituation
        var web = fullSituation.components[0]
        web.state = .failed
        var database = web
        database.name = "database"
        var core = emptySituation.core
        core.time = "earlier"
        situation.apply(
            SituationChange(
                time: "later", core: core, components: [database, web],
                metrics: [MetricReport(name: "new", value: 1, unit: "", at: time)]))
        #expect(situation.components.map(\.name) == ["web", "database"])
        #expect(situation.components[0].state == .failed)
        #expect(situation.metrics.map(\.name) == ["delivery.success_rate", "new"])
        #expect(situation.gauges == fullSituation.gauges)
        #expect(situation.core.emergency == nil)
        #expect(situation.core.time == "later")
    }

    @Test func `a heartbeat moves the time only`() {
        var situation = fullSituation
        situation.apply(SituationChange(time: "later"))
        situation.core.time = time
        #expect(situation == fullSituation)
    }
}
