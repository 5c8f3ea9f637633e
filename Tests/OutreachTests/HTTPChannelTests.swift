// What each way over HTTP sends, and what it reads out of the answer.
import Domain
import Foundation
import Outreach
import TestKit
import Testing

/// A server that answers every request the same way and keeps them.
private struct Bench {
    let received = Received()
    let server: ScriptedServer
    init(_ body: String = "{}", status: String = "200 OK") throws {
        server = try ScriptedServer.http { [received] request in
            received.add(request)
            return ScriptedServer.answer(body, status: status)
        }
    }
    var base: String { "http://127.0.0.1:\(server.port)" }
    func carry(_ order: DeliveryOrder) async -> DeliveryOutcome {
        await OutreachTests.carry(order, secrets: HTTPKind.secrets)
    }
    func request(_ index: Int = 0) throws -> String {
        guard received.all.count > index else { throw TestKitError(text: "no request \(index)") }
        return received.all[index]
    }
    func json(_ index: Int = 0) throws -> [String: Any] { try Received.json(try request(index)) }
}
private func channel(_ kind: ChannelKind) -> DeliveryRoute {
    .channel(Channel(name: "x", kind: kind))
}
private func map(_ value: Any?) -> [String: Any] { value as? [String: Any] ?? [:] }
private func text(_ value: Any?) -> String { value as? String ?? "" }

@Suite struct SMSTests {
    @Test func `Twilio's form, its receipt and its errors`() async throws {
        let good = try Bench(
            #"{"sid":"SM123","status":"queued","error_code":null}"#, status: "201 Created")
        let route = HTTPKind.sms.route(good.base)
        #expect(await good.carry(order(route)).detail == "SM123")
        let body = Received.body(try good.request())
        #expect(body.hasPrefix("To=%2B15550100&Body=vedfolnir%20LEVEL%202%20HIGH%3A%20"))
        #expect(
            body.removingPercentEncoding?.hasSuffix("To acknowledge: tocsin acknowledge") == true)
        #expect(
            Received.header("Content-Type", try good.request())
                == "application/x-www-form-urlencoded")
        #expect(Received.header("Authorization", try good.request()) == "token-0815-secret")
        let bad = try Bench(
            #"{"code":21211,"message":"The 'To' number is not valid.","status":400}"#,
            status: "400 Bad Request")
        let outcome = await bad.carry(order(HTTPKind.sms.route(bad.base)))
        #expect(outcome.end == .refused)
        #expect(outcome.detail.hasSuffix("answered 400: 21211 The 'To' number is not valid."))
    }
    @Test func `a text has at most 320 units and keeps what matters`() async throws {
        let bench = try Bench()
        for title in [String(repeating: "🚨", count: 200), String(repeating: "x", count: 400)] {
            let order = order(HTTPKind.sms.route(bench.base), title: title) {
                $0.delivery.mayRepeat = true
                $0.delivery.earlier = ["a", "b"]
            }
            #expect(await bench.carry(order).end == .delivered)
        }
        for request in bench.received.all {
            let form = Received.body(request).removingPercentEncoding ?? ""
            let text = String(form.split(separator: "&Body=").last ?? "")
            #expect(text.utf16.count <= 320 && text.utf16.count > 300 || text.contains("xxx"))
            #expect(text.utf16.count <= 320)
            #expect(text.hasPrefix("vedfolnir LEVEL 2 HIGH: "))
            #expect(text.hasSuffix("acknowledge (and 2 before) (may be a repeat)"))
        }
    }
    @Test func `who has no number is not asked for`() async throws {
        let bench = try Bench()
        let route = HTTPKind.sms.route(bench.base)
        let outcome = await bench.carry(order(route) { $0.people[0].sms = nil })
        #expect(outcome.end == .refused)
        #expect(outcome.detail == "Ines Moreau has no number for SMS")
        #expect(await bench.carry(order(route) { $0.people = [] }).end == .refused)
        #expect(bench.received.all.isEmpty)
    }
    @Test func `a template with an unknown name is refused, and says which are known`() async throws
    {
        let request = HTTPRequest(url: .plain("http://127.0.0.1:1/{{whom}}"), method: "POST")
        let outcome = await carry(order(channel(.sms(request))))
        #expect(outcome.end == .refused)
        #expect(outcome.detail.contains("{{whom}}") && outcome.detail.contains("delivery"))
    }
}

@Suite struct WebhookTests {
    /// Python's own hmac, as the specification of Standard Webhooks writes it.
    private func verifies(_ request: String, _ secret: String) async throws -> Bool {
        let folder = try TemporaryFolder("hmac")
        try Data(Received.body(request).utf8).write(to: URL(filePath: folder("body")))
        let script = try folder.write(
            "verify.py",
            """
            import base64, hashlib, hmac, sys
            path, secret, id, stamp, signature = sys.argv[1:]
            key = base64.b64decode(secret[6:]) if secret.startswith('whsec_') else secret.encode()
            signed = id.encode() + b'.' + stamp.encode() + b'.' + open(path, 'rb').read()
            right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
            print(hmac.compare_digest('v1,' + right, signature))
            """)
        let header = { (name: String) in Received.header(name, request) ?? "" }
        let said = try await run(
            "/usr/bin/python3",
            [
                script, folder("body"), secret, header("webhook-id"), header("webhook-timestamp"),
                header("webhook-signature"),
            ])
        return said == "True\n"
    }

    @Test func `the signature holds, for both forms of secrets`() async throws {
        let bench = try Bench()
        for secret in ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "plain secret wörd"] {
            let route = channel(
                .webhook(url: .plain(bench.base + "/x"), secret: .environment("HOOK")))
            let sent = order(route, change: makeHostile)
            let outcome = await carry(sent, secrets: ["HOOK": secret])
            #expect(outcome.end == .delivered)
            let request = try #require(bench.received.all.last)
            #expect(Received.header("webhook-id", request) == "message_20260105_001.2")
            #expect(
                Received.header("webhook-timestamp", request) == "\(sent.at.milliseconds / 1000)")
            #expect(try await verifies(request, secret))
            #expect(try await !verifies(request + " ", secret))
            #expect(try await !verifies(request, "another"))
        }
        let broken = channel(.webhook(url: .plain(bench.base), secret: .environment("HOOK")))
        let outcome = await carry(order(broken), secrets: ["HOOK": "whsec_***"])
        #expect(outcome.end == .refused)
    }
    @Test func `everything is in the body, and without a secret nothing is signed`() async throws {
        let bench = try Bench()
        let route = channel(.webhook(url: .plain(bench.base), secret: nil))
        #expect(await bench.carry(order(route, change: makeHostile)).end == .delivered)
        #expect(Received.header("webhook-signature", try bench.request()) == nil)
        let body = try bench.json()
        let data = map(body["data"])
        #expect(text(body["type"]) == "emergency.activated")
        #expect(text(data["title"]) == hostile && text(data["text"]) == hostile)
        #expect(data["level"] as? Int == 2)
        #expect(data["may_repeat"] as? Bool == true)
        #expect(data["earlier"] as? [String] == [hostile])
        #expect(text(data["delivery"]) == "message_20260105_001.2")
        #expect((data["facts"] as? [[String: String]])?.first?["name"] == hostile)
        var types: Set<String> = []
        for purpose in MessagePurpose.allCases {
            #expect(await bench.carry(order(route, purpose: purpose)).end == .delivered)
            types.insert(text(try Received.json(bench.received.all.last ?? "")["type"]))
        }
        #expect(types.count == MessagePurpose.allCases.count)
    }
}

@Suite struct ChatTests {
    @Test func `Slack gets a line and blocks, and its words are told without its URL`() async throws
    {
        let bench = try Bench("ok")
        let url = bench.base + "/services/T000/B000/XXXXtokenXXXX"
        let route = channel(.slack(url: .secret(.environment("URL"))))
        let order = order(
            route, text: "5 < 6 & <!channel>\n" + String(repeating: "é ", count: 4000)
        ) {
            $0.message.facts = (0..<25).map { NamedText(name: "F\($0)", text: "<\($0)>") }
        }
        #expect(await carry(order, secrets: ["URL": url]).end == .delivered)
        #expect(try bench.request().hasPrefix("POST /services/T000/B000/XXXXtokenXXXX HTTP/1.1"))
        let body = try bench.json()
        #expect(text(body["text"]) == "[vedfolnir] LEVEL 2 HIGH: delivery.error_rate is 12 %")
        let blocks = body["blocks"] as? [[String: Any]] ?? []
        #expect(blocks.count <= 50)
        for block in blocks {
            let words = text(map(block["text"])["text"])
            #expect(words.count <= 3000)
            #expect(!words.contains("<"))
            #expect((block["fields"] as? [Any])?.count ?? 0 <= 10)
        }
        #expect(text(map(blocks[1]["text"])["text"]).hasPrefix("5 &lt; 6 &amp; &lt;!channel&gt;"))
        let refusing = try Bench("no_service for XXXXtokenXXXX", status: "404 Not Found")
        let secret = refusing.base + "/services/T000/B000/XXXXtokenXXXX"
        let outcome = await carry(order, secrets: ["URL": secret])
        #expect(outcome.end == .refused)
        #expect(
            outcome.detail
                == "127.0.0.1:\(refusing.server.port) answered 404: no_service for •••")
    }

    @Test func `ntfy gets its topic out of the URL`() async throws {
        let bench = try Bench(#"{"id":"hwQ2YpKdmg","event":"message"}"#)
        let route = channel(
            .ntfy(
                url: .plain(bench.base + "/sub/vedfolnir/"), token: .secret(.environment("TOKEN"))))
        let cases: [(Level, Int)] = [(.critical, 5), (.high, 4), (.medium, 3), (.low, 2)]
        for (index, (level, priority)) in cases.enumerated() {
            let outcome = await bench.carry(order(route, level: level))
            #expect(outcome.detail == "hwQ2YpKdmg")
            #expect(try bench.json(index)["priority"] as? Int == priority)
        }
        #expect(try bench.request().hasPrefix("POST /sub/ HTTP/1.1"))
        let body = try bench.json()
        #expect(text(body["topic"]) == "vedfolnir")
        #expect(text(body["message"]).contains("Many users are affected."))
        #expect(body["tags"] as? [String] == ["rotating_light"])
        #expect(
            Received.header("Authorization", try bench.request()) == "Bearer token-0815-secret")
        let noTopic = await carry(
            order(channel(.ntfy(url: .plain("https://ntfy.example.com"), token: nil))))
        #expect(noTopic.end == .refused)
        #expect(noTopic.detail.contains("topic"))
    }
}

@Suite struct PagerDutyTests {
    private func route(_ url: String) -> DeliveryRoute {
        channel(.pagerduty(routingKey: .secret(.environment("KEY")), url: url))
    }
    @Test func `trigger, acknowledge and resolve have one key`() async throws {
        let bench = try Bench(#"{"status":"success","dedup_key":"k1"}"#, status: "202 Accepted")
        let purposes: [MessagePurpose] = [.emergency, .update, .acknowledged, .over]
        for purpose in purposes {
            let outcome = await bench.carry(order(route(bench.base + "/"), purpose: purpose))
            #expect(outcome.detail == "k1")
        }
        let events = try (0..<4).map { try bench.json($0) }
        #expect(
            events.map { text($0["event_action"]) } == [
                "trigger", "trigger", "acknowledge", "resolve",
            ])
        #expect(Set(events.map { text($0["dedup_key"]) }) == ["vedfolnir/emergency_20260105_001"])
        #expect(events.allSatisfy { text($0["routing_key"]) == "routing-key-4711" })
        let payload = map(events[0]["payload"])
        #expect(text(payload["severity"]) == "error")
        #expect(text(map(payload["custom_details"])["Respond by"]) == "14:18 UTC")
        #expect(events[2]["payload"] == nil)
        #expect(try bench.request().hasPrefix("POST /v2/enqueue HTTP/1.1"))
    }
    @Test func `a test leaves nothing open, and the whole URL may be given`() async throws {
        let bench = try Bench(status: "202 Accepted")
        let url = bench.base + "/v2/enqueue"
        #expect(await bench.carry(order(route(url), purpose: .test)).end == .delivered)
        let events = try (0..<2).map { try bench.json($0) }
        #expect(events.map { text($0["event_action"]) } == ["trigger", "resolve"])
        #expect(Set(events.map { text($0["dedup_key"]) }) == ["vedfolnir/message_20260105_001"])
        #expect(try bench.request(1).hasPrefix("POST /v2/enqueue HTTP/1.1"))
        #expect(bench.received.all.count == 2)
    }
    @Test func `the key is not told, the reason is`() async throws {
        let bench = try Bench(
            #"{"status":"invalid event","message":"Event object is invalid","errors":["'routing-key-4711' is invalid"]}"#,
            status: "400 Bad Request")
        let outcome = await bench.carry(order(route(bench.base), purpose: .test))
        #expect(outcome.end == .refused)
        #expect(
            outcome.detail.hasSuffix("answered 400: Event object is invalid: '•••' is invalid"))
        #expect(bench.received.all.count == 1)
    }
}

@Suite struct StatusPageTests {
    private func route(_ base: String, components: [String] = ["c1", "c2"]) -> DeliveryRoute {
        .statusPage(
            .statuspage(
                StatuspageAccount(
                    page: "p1", token: .secret(.environment("TOKEN")), components: components,
                    url: base)))
    }
    private func order(_ base: String, _ status: String, incident: String? = nil) -> DeliveryOrder {
        OutreachTests.order(route(base), purpose: .statusPage) {
            $0.message.values = [NamedText(name: "status", text: status)]
            $0.incident = incident
        }
    }
    @Test func `an incident is opened, changed and resolved`() async throws {
        let bench = try Bench(#"{"id":"inc42","name":"x"}"#, status: "201 Created")
        #expect(await bench.carry(order(bench.base, "major_outage")).detail == "inc42")
        #expect(try bench.request().hasPrefix("POST /v1/pages/p1/incidents HTTP/1.1"))
        #expect(Received.header("Authorization", try bench.request()) == "OAuth token-0815-secret")
        let opened = map(try bench.json()["incident"])
        #expect(text(opened["name"]) == "Notification service: major outage")
        #expect(text(opened["status"]) == "investigating")
        #expect(text(opened["impact_override"]) == "major")
        #expect(opened["component_ids"] as? [String] == ["c1", "c2"])
        #expect(
            map(opened["components"]) as? [String: String] == [
                "c1": "major_outage", "c2": "major_outage",
            ])
        #expect(
            await bench.carry(order(bench.base, "resolved", incident: "inc42")).detail == "inc42")
        #expect(try bench.request(1).hasPrefix("PATCH /v1/pages/p1/incidents/inc42 HTTP/1.1"))
        let resolved = map(try bench.json(1)["incident"])
        #expect(text(resolved["status"]) == "resolved")
        #expect(
            map(resolved["components"]) as? [String: String] == [
                "c1": "operational", "c2": "operational",
            ])
        #expect(resolved["name"] == nil)
    }
    @Test(arguments: [
        ("operational", "resolved", "operational"), ("ok", "resolved", "operational"),
        ("degraded", "identified", "degraded_performance"),
        ("partial_outage", "investigating", "partial_outage"),
        ("maintenance", "identified", "under_maintenance"),
        ("investigating", "investigating", nil), ("identified", "identified", nil),
        ("monitoring", "monitoring", nil),
    ])
    func `our words are theirs`(word: String, incident: String, component: String?) async throws {
        let bench = try Bench(#"{"id":"i"}"#)
        _ = await bench.carry(order(bench.base, word))
        let body = map(try bench.json()["incident"])
        #expect(text(body["status"]) == incident)
        #expect((body["components"] as? [String: String])?["c1"] == component)
    }
    @Test func `a word that nobody knows is refused with those that are`() async throws {
        let bench = try Bench()
        let outcome = await bench.carry(order(bench.base, "wobbly\u{1B}"))
        #expect(outcome.end == .refused)
        #expect(outcome.detail.contains("wobbly␛"))
        #expect(outcome.detail.contains("partial_outage") && outcome.detail.contains("monitoring"))
        #expect(bench.received.all.isEmpty)
    }
    @Test func `its older word for too much is understood`() async throws {
        let bench = try Bench(status: "420 Enhance Your Calm")
        #expect(await bench.carry(order(bench.base, "ok")).end == .failed)
    }
    @Test func `a page by template gets status and message`() async throws {
        let bench = try Bench()
        let request = HTTPRequest(
            url: .plain(bench.base + "/api/status"), method: "POST",
            body: .json(
                .map([
                    DataField(key: "status", value: .text("{{status}}")),
                    DataField(key: "message", value: .text("{{message}}")),
                ])))
        let order = OutreachTests.order(.statusPage(.http(request)), purpose: .statusPage)
        #expect(await bench.carry(order).end == .delivered)
        let body = try bench.json() as? [String: String]
        #expect(body == ["status": "degraded", "message": "Many users are affected."])
    }
}

@Suite struct TicketTests {
    private func order(_ base: String, number: String? = nil) -> DeliveryOrder {
        let request = HTTPRequest(
            url: .plain(base + "/issues"), method: "POST",
            body: .json(
                .map([
                    DataField(key: "title", value: .text("{{title}}")),
                    DataField(key: "priority", value: .text("{{priority}}")),
                    DataField(key: "assignee", value: .text("{{assignee}}")),
                    DataField(key: "text", value: .text("{{text}}")),
                ])))
        return OutreachTests.order(
            .tickets(TicketSystem(request: request, number: number)), purpose: .ticket)
    }
    @Test(arguments: [
        (#"{"id":"10000","key":"OPS-24","self":"x"}"#, nil, "OPS-24"),
        (#"{"id":987654321,"number":1347}"#, nil, "1347"),
        (#"{"id":5,"iid":3}"#, nil, "3"), (#"{"id":5}"#, nil, "5"),
        (#"{"result":[{"ref":"INC0010"}]}"#, "$.result[0].ref", "INC0010"),
        (#"{"id":5}"#, "$.nowhere", ""), ("created", nil, ""), ("", nil, ""),
    ])
    func `the number is read out of the answer`(
        body: String, path: String?, number: String
    ) async throws {
        let bench = try Bench(body, status: "201 Created")
        let outcome = await bench.carry(order(bench.base, number: path))
        #expect(outcome.end == .delivered)
        #expect(outcome.detail == number)
        let sent = try bench.json()
        #expect(text(sent["priority"]) == "high")
        #expect(text(sent["assignee"]).isEmpty)
        #expect(text(sent["text"]).contains("Respond by: 14:18 UTC"))
    }
}

@Suite struct CommandTests {
    @Test func `a command's arguments and input are filled in`() throws {
        let route = channel(
            .command(
                run: ["./bin/say", "--level={{level}}", "{{title}}"], input: "{{text}}\n{{people}}")
        )
        let work = try commandWork(order(route))
        #expect(
            work
                == .run(
                    ["./bin/say", "--level=2", "delivery.error_rate is 12 %"],
                    input: "Many users are affected.\nInes Moreau"))
        let hostileWork = try commandWork(order(route, change: makeHostile))
        guard case .run(let words, _) = hostileWork else {
            Issue.record("no work")
            return
        }
        #expect(words.count == 3)
        #expect(!words[2].contains("\u{0}"))
        let silent = channel(.command(run: ["x"], input: nil))
        #expect(try commandWork(order(silent)) == .run(["x"], input: nil))
    }
    @Test func `what is no command has no work, and a command is not sent`() async throws {
        #expect(try commandWork(order(channel(.slack(url: .plain("http://x"))))) == nil)
        let route = channel(.command(run: ["x", "{{nothing}}"], input: nil))
        #expect(throws: Fault.self) { try commandWork(order(route)) }
        #expect(await carry(order(route)).end == .refused)
    }
}
