// News on its way: over WebSockets, as flash messages, through the queue.
import FoundationEssentials
import TestKit
import Testing

@testable import DemoService

@Suite struct DeliveryTests {
    @Test func `a line opens with its id, and brings its user's news`() async throws {
        let stage = try Stage()
        try await stage.start()
        try await PlainSocket.with(port: stage.port) { socket in
            #expect(socket.status == "HTTP/1.1 101 Switching Protocols")
            guard case .text(let hello) = try await socket.next() else {
                Issue.record("no first message")
                return
            }
            #expect(hello.wholeMatch(of: /0\{"mode":"unified","sid":"[0-9a-f]{16}"\}/) != nil)
            try await socket.send("1mei.chen")
            guard case .text(let text) = try await socket.next() else {
                Issue.record("no push")
                return
            }
            let push = JSON.value(LineText.Push.self, text.utf8.dropFirst())
            #expect(text.hasPrefix("4{"))
            #expect(push?.isWhole == true)
        }
        try await stage.stop()
    }

    @Test func `a line of somebody unknown is closed`() async throws {
        let stage = try Stage()
        try await stage.start()
        try await PlainSocket.with(port: stage.port) { socket in
            _ = try await socket.next()
            try await socket.send("1nobody")
            #expect(try await socket.next() == .close(1008))
            #expect(try await socket.next() == .end)
        }
        try await stage.stop()
    }

    @Test func `news is kept, pushed, acknowledged and counted`() async throws {
        let stage = try Stage()
        try await stage.start()
        try await eventually("all readers are connected") {
            try await stage.statistics().websocket == .init(connected: 40, expected: 40)
        }
        try await eventually("news arrives") { try await stage.statistics().delivery.delivered > 5 }
        let numbers = try await stage.statistics()
        #expect(numbers.mode == .unified)
        #expect(numbers.delivery.by == "websocket")
        #expect(numbers.memory.mb > 1)
        let outside = try Outside(stage.place())
        try await eventually("it is noted as delivered") {
            try await outside.number(
                "SELECT COUNT(*) FROM notification_storage WHERE delivered = TRUE") > 5
        }
        #expect(
            try await outside.number(
                "SELECT COUNT(*) FROM notification_delivery_log WHERE outcome = 'delivered'") > 5)
        try await stage.stop()
    }

    @Test func `what waits can be saved, cleared and put back`() async throws {
        let stage = try Stage()
        try await stage.start()
        try stage.fault("websocket", true)
        let outside = try Outside(stage.place())
        let waiting = "SELECT COUNT(*) FROM notification_storage WHERE delivered = FALSE"
        try await eventually("some news waits") { try await outside.number(waiting) > 2 }
        try await stage.stop()

        let count = try await outside.number(waiting)
        let file = stage.temporary("queue.json")
        #expect(await queue("export", file, stage) == 0)
        #expect(await queue("clear", nil, stage) == 0)
        #expect(try await outside.number(waiting) == 0)
        #expect(await queue("import", file, stage) == 0)
        #expect(try await outside.number(waiting) == count)
        #expect(await queue("import", stage.folder + "/courier.env", stage) == 1)
        #expect(await queue("export", nil, stage) == 64)
    }
    private func queue(_ verb: String, _ file: String?, _ stage: Stage) async -> Int32 {
        await DemoCommand.main(
            arguments: ["queue", "--folder", stage.folder, verb] + (file.map { [$0] } ?? []))
    }

    @Test func `flash messages are shown once, where they are on`() async throws {
        let stage = try Stage()
        try await stage.start()
        let message = "{\"message\":\"Hello <you>\",\"category\":\"info\"}"
        #expect(try await stage.post("/test-flash-message", json: message).status == 409)
        #expect(
            try await stage.post("/api/fallbacks/flash", json: "{\"enabled\":true}").status == 200)
        #expect(try await stage.post("/test-flash-message", json: message).status == 200)
        #expect(try await stage.get("/").text.contains("Hello &lt;you&gt;"))
        #expect(try await !stage.get("/").text.contains("Hello &lt;you&gt;"))
        #expect(try await stage.post("/test-flash-message", json: "{}").status == 400)
        #expect(try await stage.post("/api/fallbacks/flash", json: "[]").status == 400)
        #expect(try await stage.post("/api/fallbacks/none", json: "{}").status == 404)
        try await stage.stop()
    }

    @Test func `a broadcast is on every page until it is switched off`() async throws {
        let stage = try Stage()
        try await stage.start()
        let command = ["fallback", "--folder", stage.folder, "broadcast"]
        #expect(await DemoCommand.main(arguments: command + ["test"]) == 1)
        #expect(await DemoCommand.main(arguments: command + ["on"]) == 0)
        try await eventually("the banner is there") {
            try await stage.get("/login").text.contains(Fallbacks.defaultBanner)
        }
        #expect(
            try await stage.get("/api/fallbacks").text == "{\"broadcast\":true,\"flash\":false}\n")
        #expect(await DemoCommand.main(arguments: command + ["off"]) == 0)
        try await eventually("the banner is gone") {
            try await !stage.get("/login").text.contains("class=\"banner\"")
        }
        try await stage.stop()
    }

    @Test func `emergency mode has urgent news only, and flash messages`() async throws {
        let stage = try Stage()
        try await stage.start(emergency: true)
        #expect(try await stage.get("/").text.contains("emergency mode"))
        #expect(
            try await stage.post("/test-flash-message", json: "{\"message\":\"x\"}").status == 200)
        try await eventually("news arrives") { try await stage.statistics().delivery.delivered > 3 }
        let outside = try Outside(stage.place())
        #expect(
            try await outside.number(
                """
                SELECT COUNT(*) FROM notification_storage
                WHERE category NOT IN ('security', 'outage')
                """) == 0)
        try await stage.stop()
    }
}
