// From the unified to the legacy courier, and everything between that must be seen.
import TestKit
import Testing

@testable import DemoService

@Suite struct RollbackTests {
    @Test func `a rollback mends even a complete failure, and keeps the users`() async throws {
        let stage = try Stage()
        try await stage.start()
        let cookie = try await stage.cookie()
        try stage.fault("complete", true)
        try await eventually("it is down") { try await stage.get("/").status == 503 }
        try await stage.stop()
        try await stage.rollBack()
        try await stage.start()

        let page = try await stage.get("/")
        #expect(page.status == 200)
        #expect(page.text.contains("Courier, legacy flash messages"))
        #expect(try await stage.get("/static/js/notifications.js").status == 200)
        #expect(try await stage.get("/static/js/unified-notifications.js").status == 404)
        #expect(try await stage.get("/admin/", cookie: cookie).status == 200)
        #expect(try await stage.logIn().status == 302)
        let outside = try Outside(stage.place())
        #expect(try await outside.number("SELECT COUNT(*) FROM users") == 40)
        #expect(
            try await outside.number(
                "SELECT COUNT(*) FROM sqlite_master WHERE name GLOB 'notification_*'") == 0)
        try await stage.stop()
    }

    @Test func `the legacy courier delivers by flash messages`() async throws {
        let stage = try Stage()
        try await stage.rollBack()
        try await stage.start()
        try await PlainSocket.with(port: stage.port) { socket in
            guard case .text(let hello) = try await socket.next() else {
                Issue.record("no first message")
                return
            }
            #expect(hello.hasPrefix("0{\"mode\":\"legacy\""))
            try await socket.send("1mei.chen")
            // Nothing is pushed over a legacy line but that there is something to load.
            #expect(try await socket.next() == .text("7"))
        }
        try await eventually("all readers are connected") {
            try await stage.statistics().websocket == .init(connected: 40, expected: 40)
        }
        try await eventually("news is shown on pages") {
            try await stage.statistics().delivery.delivered > 5
        }
        let numbers = try await stage.statistics()
        #expect(numbers.mode == .legacy)
        #expect(numbers.delivery.by == "flash")
        let message = "{\"message\":\"Rolled back\",\"category\":\"info\"}"
        #expect(try await stage.post("/test-flash-message", json: message).status == 200)
        #expect(try await stage.get("/").text.contains("<p class=\"flash info\">Rolled back</p>"))
        try await stage.stop()
    }

    @Test func `a half-done rollback shows`() async throws {
        let stage = try Stage()
        try stage.place().remove("unified/manager.conf")
        try await Outside(stage.place()).drop(["notification_delivery_log"])
        try await stage.start()
        let page = try await stage.get("/")
        #expect(page.status == 500)
        #expect(page.text.contains("unified/manager.conf is missing"))
        #expect(page.text.contains("the table notification_delivery_log is missing"))
        #expect(try await stage.get("/api/notifications/stats").status == 500)
        #expect(try await stage.get("/healthz").status == 200)
        try await PlainSocket.with(port: stage.port) { #expect(!$0.status.contains("101")) }
        try await stage.stop()
    }

    @Test func `a database that is not there shows`() async throws {
        let stage = try Stage()
        try stage.place().remove("data/courier.db")
        try await stage.start()
        #expect(try await stage.get("/").text.contains("data/courier.db is missing"))
        #expect(try !stage.place().exists("data/courier.db"))
        try await stage.stop()
    }

    /// One thing that is not as it should be, in the unified and in the legacy courier.
    struct Mix: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var legacy: Bool
        var tables = Set<String>()
        var disturb: @Sendable (ServiceFolder) throws -> Void = { _ in }
        var finding: String
    }
    private static let unified = Set(Storage.notificationTables + ["users", "sessions"])
    private static let legacy: Set<String> = ["users", "sessions"]
    static let mixes: [Mix] = [
        Mix(
            testDescription: "no settings", legacy: false, tables: unified,
            disturb: { try $0.write("courier.env", "COURIER_PORT=1\n") },
            finding: "unified/manager.conf is still there"),
        Mix(
            testDescription: "a legacy file beside the unified ones", legacy: false,
            tables: unified,
            disturb: { try $0.write("static/js/notifications.js", "") },
            finding: "static/js/notifications.js is still there"),
        Mix(
            testDescription: "the legacy frame", legacy: false, tables: unified,
            disturb: {
                try $0.write("templates/base.html", try $0.text("legacy/templates/base.html"))
            },
            finding: "templates/base.html is not the one of unified notifications"),
        Mix(
            testDescription: "no tables", legacy: false, tables: legacy,
            finding: "the table notification_storage is missing"),
        Mix(
            testDescription: "a broken configuration", legacy: false, tables: unified,
            disturb: { try $0.write("unified/manager.conf", "tries=many\n") },
            finding: "tries=many"),
        Mix(
            testDescription: "no users", legacy: true, tables: ["sessions"],
            finding: "the table users is missing"),
        Mix(
            testDescription: "a table left", legacy: true,
            tables: legacy.union(["notification_preferences"]),
            finding: "the table notification_preferences is still there"),
        Mix(
            testDescription: "a setting left", legacy: true, tables: legacy,
            disturb: { try $0.write("courier.env", "WEBSOCKET_NOTIFICATION=on\n") },
            finding: "courier.env still has WEBSOCKET_NOTIFICATION"),
        Mix(
            testDescription: "a legacy file not restored", legacy: true, tables: legacy,
            disturb: { try $0.remove("templates/flash_messages.html") },
            finding: "templates/flash_messages.html is missing"),
        Mix(
            testDescription: "a page gone", legacy: true, tables: legacy,
            disturb: { try $0.remove("templates/home.html") }, finding: "templates/home.html"),
    ]

    @Test(arguments: mixes) func `every mix is found`(mix: Mix) async throws {
        let stage = try Stage()
        if mix.legacy { try await stage.rollBack() }
        let whole = Site.inspect(
            try stage.place(), tables: mix.legacy ? Self.legacy : Self.unified)
        #expect(whole.problems == [])
        #expect(whole.mode == (mix.legacy ? .legacy : .unified))
        try mix.disturb(stage.place())
        let problems = Site.inspect(try stage.place(), tables: mix.tables).problems
        #expect(problems.contains { $0.contains(mix.finding) }, "\(problems)")
    }
}
