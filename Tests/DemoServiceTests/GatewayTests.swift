// The demo's gateway, mailbox and ticket box: what arrives is kept, and what is not meant for it refused.
import FoundationEssentials
import NIOHTTP1
import TestKit
import Testing

@testable import DemoService

@Suite struct GatewayTests {
    private func gateway(_ stage: Stage) throws -> Gateway { Gateway(folder: try stage.place()) }
    private func webhook(
        _ stage: Stage, id: String, body: String, time: Int64 = wallClock() / 1000
    ) async throws -> Int {
        let key = try #require(try gateway(stage).key)
        let signature = Gateway.signature(
            id: id, time: "\(time)", body: Array(body.utf8), key: key)
        return try await stage.ask(
            "/gateway/webhook", method: .POST,
            headers: [
                ("content-type", "application/json"), ("webhook-id", id),
                ("webhook-timestamp", "\(time)"), ("webhook-signature", "v1,AAAA \(signature)"),
            ], body: body
        ).status
    }

    @Test func `a text message is kept over a restart and shown without harm`() async throws {
        let stage = try Stage()
        try await stage.start()
        #expect(try await stage.get("/gateway").text.contains("Nothing yet."))
        let text = "{\"to\":\"+15550100\",\"body\":\"<b>Level 2</b>\"}"
        #expect(try await stage.post("/gateway/sms", json: text).status == 201)
        #expect(try await stage.post("/gateway/sms", json: "{}").status == 400)
        try await stage.restart()
        #expect(
            try await stage.get("/gateway").text.contains(
                "sms to +15550100: &lt;b&gt;Level 2&lt;/b&gt;"))
        let kept = JSON.value([GatewayMessage].self, try await stage.get("/api/gateway").body)
        #expect(kept?.map(\.to) == ["+15550100"])
        try await stage.stop()
    }

    @Test func `a signed webhook is kept once, however often it comes`() async throws {
        let stage = try Stage()
        try await stage.start()
        let body = "{\"type\":\"emergency\",\"data\":{\"title\":\"Level 1\",\"text\":\"All down\"}}"
        for _ in 0..<2 { #expect(try await webhook(stage, id: "../m.1", body: body) == 200) }
        #expect(try await webhook(stage, id: "m.2", body: "[]") == 200)
        let kept = try gateway(stage).messages
        #expect(kept.first { $0.text == "emergency: Level 1: All down" }?.times == 2)
        #expect(kept.count == 2)
        try await stage.stop()
    }

    @Test func `a webhook that is old, unsigned or changed is refused`() async throws {
        let stage = try Stage()
        try await stage.start()
        #expect(
            try await webhook(stage, id: "m.1", body: "{}", time: wallClock() / 1000 - 400) == 401)
        #expect(try await stage.post("/gateway/webhook", json: "{}").status == 401)
        let gateway = try gateway(stage)
        try stage.place().write(Gateway.keyFile, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
        // The example of the Standard Webhooks libraries.
        let headers: HTTPHeaders = [
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ]
        let body = Array("{\"test\": 2432232314}".utf8)
        let then: Int64 = 1_614_265_330_000
        #expect(gateway.complaint(headers, body: body, now: then) == nil)
        #expect(gateway.complaint(headers, body: body + [32], now: then) != nil)
        #expect(gateway.complaint(headers, body: body, now: .min) != nil)
        try stage.place().write(Gateway.keyFile, "nothing")
        #expect(gateway.complaint(headers, body: body, now: then)?.contains("no key") == true)
        #expect(gateway.messages == [])
        try await stage.stop()
    }

    @Test func `the newest hundred are kept`() throws {
        let temporary = try TemporaryFolder("gateway")
        let gateway = Gateway(folder: try ServiceFolder(temporary.path))
        for number in 1...103 {
            _ = try gateway.takeText(to: "+1", text: "\(number)", now: Int64(number))
        }
        #expect(gateway.messages.map(\.text) == (4...103).reversed().map { "\($0)" })
    }

    @Test func `the fault gateway refuses messages, and nothing else`() async throws {
        let stage = try Stage()
        try await stage.start()
        try stage.fault("gateway", true)
        let text = "{\"to\":\"+15550100\",\"body\":\"Level 2\"}"
        try await eventually("text messages are refused") {
            let answer = try await stage.post("/gateway/sms", json: text)
            return answer.status == 503 && answer.headers["retry-after"] == ["2"]
        }
        #expect(try await webhook(stage, id: "m.1", body: "{}") == 503)
        #expect(try await stage.get("/gateway").status == 200)
        #expect(try await stage.get("/").status == 200)
        try await stage.restart()
        #expect(DemoFaults.active(folder: stage.folder) == ["gateway"])
        try stage.fault("gateway", false)
        try await eventually("they are taken again") {
            try await stage.post("/gateway/sms", json: text).status == 201
        }
        try await stage.stop()
    }

    @Test func `tickets have numbers, also when many are opened at once`() async throws {
        let stage = try Stage()
        try await stage.start()
        let port = stage.port
        let numbers = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let answer = try await Fetch.ask(
                        "/api/tickets", method: .POST, port: port,
                        headers: [("content-type", "application/json")],
                        body: "{\"title\":\"Late\"}", within: .seconds(60))
                    return JSON.value([String: String].self, answer.body)?["number"] ?? answer.text
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(numbers == Set((1...8).map { "COUR-\($0)" }))
        // The runbook looks for the number where the answer has it.
        let runbook = try ServiceFolder(stage.stage.folder).text("tocsin.yaml")
        #expect(runbook.contains("number: $.number"))
        try await stage.stop()
    }

    @Test func `each mail is a file of its own, once, for its owner only`() async throws {
        let stage = try Stage()
        let place = try stage.place()
        func send(_ id: String, _ text: String) async throws -> Int32 {
            try place.write("text", text)
            let program = try Spawned(
                "/bin/sh", ["-c", "exec bin/mailbox \"$0\" <text", id],
                environment: ["PATH": "/usr/bin:/bin"],
                directory: stage.folder, output: stage.temporary("out"),
                errors: stage.temporary("err"))
            return try await program.end()
        }
        for (id, text) in [("m_1.1", "First"), ("m_2.1", "Second"), ("m_1.1", "First")] {
            #expect(try await send(id, text) == 0)
        }
        for id in ["", "../m", ".m", "a b"] { #expect(try await send(id, "no") == 64) }
        let names = place.names(in: "mailbox")
        #expect(names == ["m_1.1.txt", "m_2.1.txt"])
        #expect(try names.map { try place.text("mailbox/\($0)") } == ["First\n", "Second\n"])
        let facts = try FileManager.default.attributesOfItem(atPath: place("mailbox/\(names[0])"))
        #expect(facts[.posixPermissions] as? Int == 0o600)
    }
}
