// Courier's pages, its log-in, and what it refuses.
import NIOHTTP1
import TestKit
import Testing

@testable import DemoService

@Suite struct PagesTests {
    @Test func `the home page says what courier is`() async throws {
        let stage = try Stage()
        try await stage.start()
        let page = try await stage.get("/")
        #expect(page.status == 200)
        #expect(page.text.contains("Courier, unified notifications"))
        #expect(page.headers["content-type"] == ["text/html; charset=utf-8"])
        let styles = try await stage.get("/static/css/courier.css")
        #expect(styles.status == 200)
        #expect(styles.headers["content-type"] == ["text/css; charset=utf-8"])
        try await stage.stop()
    }

    @Test func `a HEAD request is answered without a body`() async throws {
        let stage = try Stage()
        try await stage.start()
        let answer = try await stage.ask("/login", method: .HEAD)
        #expect(answer.status == 200)
        #expect(answer.body.isEmpty)
        #expect(answer.headers["content-length"].first.flatMap { Int($0) } ?? 0 > 0)
        try await stage.stop()
    }

    @Test func `nothing but pages and their files is there`() async throws {
        let stage = try Stage()
        try await stage.start()
        for path in [
            "/nothing", "/static/", "/static/../courier.env", "/static/%2e%2e/courier.env",
            "/static/js//courier.js", "/static/css/courier.css%00", "/courier.env",
            "/secrets/admin-password", "/console",
        ] {
            #expect(try await stage.get(path).status == 404, "\(path)")
        }
        try await stage.stop()
    }

    @Test func `requests that are not meant for it are refused`() async throws {
        let stage = try Stage()
        try await stage.start()
        let foreign = try await stage.ask("/", headers: [("origin", "http://elsewhere.example")])
        #expect(foreign.status == 421)
        let wrong = try await stage.ask("/", method: .DELETE)
        #expect(wrong.status == 405)
        let long = try await stage.post("/api/status", json: String(repeating: " ", count: 70_000))
        #expect(long.status == 413)
        // A form of a foreign page can say anything but that it is JSON.
        let form = try await stage.ask(
            "/api/status", method: .POST, body: "{\"status\":\"outage\"}")
        #expect(form.status == 400)
        try await PlainSocket.with(
            port: stage.port, headers: "Origin: http://elsewhere.example\r\n"
        ) {
            #expect(!$0.status.contains("101"))
        }
        try await stage.stop()
    }

    @Test func `logging in takes the password, and opens the administration`() async throws {
        let stage = try Stage()
        try await stage.start()
        let stranger = try await stage.get("/admin/")
        #expect(stranger.status == 302)
        #expect(stranger.headers["location"] == ["/login"])
        #expect(try await stage.get("/admin/", cookie: "courier_session=guess").status == 302)
        #expect(try await stage.get("/login").text.contains("username_or_email"))
        #expect(try await stage.logIn("wrong").status == 401)

        let answer = try await stage.logIn()
        #expect(answer.status == 302)
        #expect(answer.headers["set-cookie"].first?.contains("HttpOnly") == true)
        let cookie = try await stage.cookie()
        let page = try await stage.get("/admin/", cookie: cookie)
        #expect(page.status == 200)
        #expect(page.text.contains("<dt>Users</dt><dd>40</dd>"))

        // A session is in the database, not in the process.
        try await stage.restart()
        #expect(try await stage.get("/admin/", cookie: cookie).status == 200)
        let out = try await stage.ask("/logout", method: .POST, headers: [("cookie", cookie)])
        #expect(out.status == 302)
        #expect(try await stage.get("/admin/", cookie: cookie).status == 302)
        try await stage.stop()
    }

    @Test func `a user without a password cannot log in without one`() async throws {
        let stage = try Stage()
        try await stage.start()
        for body in ["username_or_email=mei.chen&password=", "username_or_email=mei.chen", ""] {
            let answer = try await stage.ask("/login", method: .POST, body: body)
            #expect([400, 401].contains(answer.status))
        }
        try await stage.stop()
    }

    @Test func `what is told about courier is kept, and shown without harm`() async throws {
        let stage = try Stage()
        try await stage.start()
        #expect(try await stage.get("/api/status").text.contains("operational"))
        let text = "{\"status\":\"maintenance\",\"message\":\"<b>soon</b>\"}"
        #expect(try await stage.post("/api/status", json: text).status == 200)
        try await stage.restart()
        let status = try await stage.get("/api/status")
        #expect(JSON.value(HouseStatus.self, status.body)?.message == "<b>soon</b>")
        #expect(try await stage.get("/").text.contains("maintenance: &lt;b&gt;soon&lt;/b&gt;"))
        #expect(try await stage.post("/api/status", json: "{}").status == 400)

        let ticket = try await stage.post("/api/tickets", json: "{\"title\":\"Late\"}")
        #expect(ticket.status == 201)
        #expect(try stage.place().names(in: "tickets").count == 1)
        try await stage.stop()
    }

    @Test func `isolation lets only administrators in`() async throws {
        let stage = try Stage()
        try await stage.start()
        try await eventually("all readers are connected") {
            try await stage.statistics().websocket == .init(connected: 40, expected: 40)
        }
        try stage.place().write("isolated", "")
        try await eventually("nobody is connected, and nobody is missed") {
            try await stage.statistics().websocket == .init(connected: 0, expected: 0)
        }
        #expect(try await stage.get("/").text.contains("Closed for maintenance."))
        #expect(try await stage.logIn().status == 302)
        try stage.place().remove("isolated")
        try await eventually("they come back") {
            try await stage.statistics().websocket == .init(connected: 40, expected: 40)
        }
        try await stage.stop()
    }
}
