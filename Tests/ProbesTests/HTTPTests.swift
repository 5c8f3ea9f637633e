// The http and tcp probes against servers on loopback.
import Domain
import TestKit
import Testing

@testable import Probes

private func server(_ body: String, status: String = "200 OK") throws -> ScriptedServer {
    try ScriptedServer.http { _ in ScriptedServer.answer(body, status: status) }
}
private func json(_ name: String, _ path: String) -> MetricRule {
    MetricRule(name: name, source: .json(path), unit: "u")
}

@Suite struct HTTPTests {
    @Test(arguments: [
        ("200 OK", [], CheckResult.Answer.good, "HTTP 200"),
        ("302 Found", [], .good, "HTTP 302"),
        ("404 Not Found", [], .bad, "HTTP 404 (wanted 200-399)"),
        ("503 No", [200], .bad, "HTTP 503 (wanted 200)"),
        ("200 OK", [201, 302], .bad, "HTTP 200 (wanted 201 or 302)"),
        ("404 Not Found", [404], .good, "HTTP 404"),
    ])
    func `the status decides`(
        status: String, wanted: [Int], answer: CheckResult.Answer, message: String
    ) async throws {
        let server = try server("", status: status)
        let result = await check(probe(http(server.port), Expectation(status: wanted)))
        #expect(result.answer == answer)
        #expect(result.message == message)
    }
    @Test(arguments: [
        ("all is well", CheckResult.Answer.good), ("^all", .good), ("wel+$", .good),
        ("^well", .bad), ("is ill", .bad), ("(", .unknown),
    ])
    func `the body must hold a match`(expression: String, answer: CheckResult.Answer) async throws {
        let server = try server("all is well")
        let result = await check(probe(http(server.port), Expectation(body: expression)))
        #expect(result.answer == answer)
        if answer == .bad {
            #expect(result.message == "HTTP 200, but the body has no match of \(expression)")
        }
    }
    @Test func `only the beginning of a huge body is searched`() async throws {
        let server = try server(String(repeating: "x", count: 1_048_576) + "end")
        let result = await check(probe(http(server.port), Expectation(body: "end")))
        #expect(result.answer == .bad)
        #expect(await check(probe(http(server.port))).answer == .good)
    }
    @Test func `metrics come from the body`() async throws {
        let server = try server(
            #"{"a":{"b":[{"c":1.5},{"c":"7"}]},"on":true,"n":null,"t":"text"}"#)
        let good = await check(
            probe(
                http(server.port),
                metrics: [json("x", "$.a.b[0].c"), json("y", "$.a.b[1].c"), json("z", "$.on")]))
        #expect(good.answer == .good)
        #expect(
            good.metrics == [
                Metric(name: "x", value: 1.5, unit: "u"), Metric(name: "y", value: 7, unit: "u"),
                Metric(name: "z", value: 1, unit: "u"),
            ])
        let partly = await check(
            probe(
                http(server.port),
                metrics: [json("x", "$.a.d"), json("y", "$.on"), json("z", "$.t")]))
        #expect(partly.answer == .degraded)
        #expect(partly.metric("y") == 1)
        #expect(
            partly.message
                == "HTTP 200; no metric x (nothing at $.a.d), z (no number at $.t)")
    }
    @Test func `a body that is no JSON lacks all metrics; a bad answer stays bad`() async throws {
        let html = try server("<html>")
        let rules = [json("x", "$.a")]
        #expect(await check(probe(http(html.port), metrics: rules)).answer == .degraded)
        let failing = try server(#"{"a":3}"#, status: "500 Oh")
        let result = await check(probe(http(failing.port), metrics: rules))
        #expect(result.answer == .bad)
        #expect(result.metric("x") == 3)
    }
    @Test func `metrics are read from a body of a mebibyte`() async throws {
        let filler = String(repeating: #"{"x":[1,2,3]},"#, count: 70_000)
        let server = try server(#"{"items":["# + filler + #"{}],"n":42}"#)
        let result = await check(probe(http(server.port), metrics: [json("n", "$.n")]))
        #expect(result.metric("n") == 42)
    }
    @Test func `requests are filled in, and what is missing is our fault`() async throws {
        let server = try ScriptedServer.http { request in
            let right = request.contains("GET /vedfolnir ") && request.contains("X-Token: t0p\r\n")
            return ScriptedServer.answer(status: right ? "200 OK" : "400 Bad")
        }
        let url = "http://127.0.0.1:\(server.port)/{{service}}"
        let request = HTTPRequest(
            url: .plain(url),
            headers: [NamedValue(name: "X-Token", value: .secret(.environment("TOKEN")))])
        let values = [NamedText(name: "service", text: "vedfolnir")]
        let checker = ProbeChecker(
            folder: "/", secrets: TestSecrets(values: ["TOKEN": "t0p"]), variables: values)
        #expect(await checker.check(probe(.http(request))).answer == .good)
        let without = ProbeChecker(folder: "/", secrets: TestSecrets(), variables: values)
        let result = await without.check(probe(.http(request)))
        #expect(result.answer == .unknown)
        #expect(result.message.contains("{env: TOKEN}"))
    }
    @Test func `control characters of a target are made visible`() async throws {
        let server = try server("x")
        let result = await check(
            probe(http(server.port), Expectation(body: "\u{1B}[2J")))
        #expect(!result.message.unicodeScalars.contains("\u{1B}"))
    }
    @Test func `an expression that never ends is told from a target that fails`() async throws {
        let text = Array((String(repeating: "a", count: 23) + "!").utf8)
        let patterns = Patterns()
        let match = try await patterns.match("(a+)+(a+)+$", in: text, within: .seconds(0.05))
        #expect(
            match
                == .undecided("the regular expression (a+)+(a+)+$ takes too long on this text"))
        #expect(try await patterns.match("a+!", in: text, within: .seconds(60)) == .found)
    }
    @Test func `a port that listens answers`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let result = await check(probe(.tcp(host: "127.0.0.1", port: server.port)))
        #expect(result.answer == .good)
        #expect(result.message.hasPrefix("connected in "))
        let byName = await check(probe(.tcp(host: "localhost", port: server.port)))
        #expect(byName.answer == .good)
    }
}
