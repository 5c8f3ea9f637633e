// Each fault: what it breaks, and what mends it.
import TestKit
import Testing

@testable import DemoService

@Suite struct FaultTests {
    @Test func `a fault that does not exist is refused with those that do`() throws {
        let folder = try TemporaryFolder("faults")
        #expect {
            try DemoFaults.set("webscoket", on: true, folder: folder.path)
        } throws: { "\($0)".contains("websocket, delivery, database, slow, memory, complete") }
        try DemoFaults.set("slow", on: true, folder: folder.path)
        try DemoFaults.set("websocket", on: true, folder: folder.path)
        #expect(DemoFaults.active(folder: folder.path) == ["websocket", "slow"])
        try DemoFaults.set("slow", on: false, folder: folder.path)
        try DemoFaults.set("slow", on: false, folder: folder.path)
        #expect(DemoFaults.active(folder: folder.path) == ["websocket"])
        #expect(DemoFaults.active(folder: folder("nowhere")) == [])
    }

    private func everybodyIsConnected(_ stage: Stage) async throws {
        try await eventually("all readers are connected") {
            try await stage.statistics().websocket == .init(connected: 40, expected: 40)
        }
    }

    @Test func `websocket drops every line, and a restart mends it`() async throws {
        let stage = try Stage()
        try await stage.start()
        try await everybodyIsConnected(stage)
        try await PlainSocket.with(port: stage.port) { socket in
            _ = try await socket.next()
            try stage.fault("websocket", true)
            #expect(try await socket.next() == .end)
        }
        try await eventually("nobody is connected") {
            try await stage.statistics().websocket.connected == 0
        }
        try await PlainSocket.with(port: stage.port) {
            #expect($0.status == "HTTP/1.1 503 Service Unavailable")
        }
        #expect(try await stage.get("/").status == 200)
        try await stage.restart()
        #expect(DemoFaults.active(folder: stage.folder) == [])
        try await everybodyIsConnected(stage)
        try await stage.stop()
    }

    @Test func `delivery fails for half, and a restart mends it`() async throws {
        let stage = try Stage()
        try await stage.start()
        try await everybodyIsConnected(stage)
        // On a busy machine a line may be acknowledged too late at first.
        try await eventually("all of it arrives") {
            try await stage.statistics().delivery.errorRate == 0
        }
        try stage.fault("delivery", true)
        try await eventually("more than a tenth fails") {
            try await stage.statistics().delivery.errorRate > 10
        }
        let numbers = try await stage.statistics()
        #expect(abs(numbers.delivery.successRate + numbers.delivery.errorRate - 100) < 0.01)
        #expect(numbers.websocket.connected == 40)
        try await stage.restart()
        try await eventually("all of it arrives again") {
            let delivery = try await stage.statistics().delivery
            return delivery.delivered > 5 && delivery.errorRate == 0
        }
        try await stage.stop()
    }

    @Test func `what fails three times goes into a flash message where that is on`() async throws {
        let stage = try Stage()
        try await stage.start()
        try Fallbacks.set(Fallbacks.flash, on: true, in: stage.place())
        try stage.fault("delivery", true)
        let outside = try Outside(stage.place())
        try await eventually("one is given to the fallback") {
            try await outside.number(
                "SELECT COUNT(*) FROM notification_delivery_log WHERE outcome = 'flashed'") > 0
        }
        try await stage.stop()
    }

    @Test func `database shuts everybody out until it is switched off`() async throws {
        let stage = try Stage()
        try await stage.start()
        let place = try stage.place()
        try stage.fault("database", true)
        try await eventually("it is locked") { Outside.isLocked(place) }
        #expect(try await stage.get("/").status == 200)
        #expect(try await stage.logIn().status == 503)
        try await stage.restart()
        #expect(DemoFaults.active(folder: stage.folder) == ["database"])
        #expect(Outside.isLocked(place))
        try stage.fault("database", false)
        try await eventually("it can be read") { !Outside.isLocked(place) }
        try await eventually("news arrives again") {
            try await stage.statistics().delivery.delivered > 0
        }
        try await stage.stop()
    }

    @Test func `slow makes the home page late until it is switched off`() async throws {
        let stage = try Stage()
        try await stage.start()
        try stage.fault("slow", true)
        try await eventually("it is late") { try await time(stage) > .seconds(1) }
        try await stage.restart()
        #expect(try await time(stage) > .seconds(1))
        try stage.fault("slow", false)
        try await eventually("it is quick again") { try await time(stage) < .seconds(1) }
        try await stage.stop()
    }
    private func time(_ stage: Stage) async throws -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        #expect(try await stage.get("/").status == 200)
        return clock.now - start
    }

    @Test func `memory is really taken, and a restart gives it back`() async throws {
        let stage = try Stage()
        try await stage.start()
        let before = try await stage.statistics().memory.mb
        try stage.fault("memory", true)
        try await eventually("it has grown by most of 200 MB") {
            try await stage.statistics().memory.mb > before + 150
        }
        let most = try await stage.statistics().memory.mb
        try await stage.restart()
        try await eventually("it is given back") {
            try await stage.statistics().memory.mb < most - 100
        }
        try await stage.stop()
    }

    @Test func `complete breaks all that is unified, whatever is restarted`() async throws {
        let stage = try Stage()
        try await stage.start()
        try await everybodyIsConnected(stage)
        try stage.fault("complete", true)
        let paths = ["/", "/login", "/admin/", "/api/notifications/stats", "/static/js/courier.js"]
        for path in paths {
            try await eventually("\(path) is down") { try await stage.get(path).status == 503 }
        }
        try await stage.restart()
        for path in paths { #expect(try await stage.get(path).status == 503) }
        try await PlainSocket.with(port: stage.port) {
            #expect($0.status == "HTTP/1.1 503 Service Unavailable")
        }
        // The house is not the notification system: whoever rolls back needs its status page.
        #expect(try await stage.get("/healthz").status == 200)
        #expect(
            try await stage.post("/api/status", json: "{\"status\":\"maintenance\"}").status == 200)
        #expect(try !Outside.isLocked(stage.place()))
        try stage.fault("complete", false)
        try await eventually("it is back") { try await stage.get("/").status == 200 }
        try await everybodyIsConnected(stage)
        try await stage.stop()
    }
}
