// The work `http`: what its answer must be like, what is kept of it, and what never shows.
import Domain
import FoundationEssentials
import TestKit
import Testing

@Suite struct HTTPTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private func request(
        _ server: ScriptedServer, _ path: String = "/", method: String = "GET",
        headers: [NamedValue] = [], body: HTTPBody = .none
    ) -> HTTPRequest {
        HTTPRequest(
            url: .plain("http://127.0.0.1:\(server.port)\(path)"), method: method, headers: headers,
            body: body)
    }

    @Test func `the answer must be as expected`() async throws {
        let server = try ScriptedServer.http { request in
            request.hasPrefix("GET /bad")
                ? ScriptedServer.answer("it broke", status: "500 Oh")
                : ScriptedServer.answer("all well 42")
        }
        func ask(_ path: String, _ expect: Domain.Expectation = Domain.Expectation()) async
            -> Bench.Result
        {
            await bench.perform(.http(request(server, path), expect: expect, keepCookies: false))
        }
        #expect(await ask("/").end == .succeeded)
        let bad = await ask("/bad")
        #expect(bad.end == .failed)
        #expect(bad.message == "HTTP 500, wanted 200-399")
        #expect(bad.lines.last == "it broke")
        #expect(await ask("/bad", Domain.Expectation(status: [500])).end == .succeeded)
        #expect(await ask("/", Domain.Expectation(body: "well [0-9]+")).end == .succeeded)
        #expect(await ask("/", Domain.Expectation(body: "well [a-z]+")).end == .failed)
        #expect(await ask("/", Domain.Expectation(body: "(")).end == .failed)
        #expect(await ask("/", Domain.Expectation(under: .seconds(0))).end == .failed)
    }

    @Test func `cookies are kept from step to step where asked for`() async throws {
        let server = try ScriptedServer.http { request in
            if request.hasPrefix("POST /login") {
                return ScriptedServer.answer(
                    request.contains("name=a%26b%3D") ? "in" : "who?",
                    headers: ["Set-Cookie: session=abc; Path=/"])
            }
            return request.lowercased().contains("cookie: session=abc")
                ? ScriptedServer.answer() : ScriptedServer.answer(status: "403 No")
        }
        let login = request(
            server, "/login", method: "POST",
            body: .form([NamedValue(name: "name", value: .plain("{{who}}"))]))
        let entered = await bench.perform(
            .http(login, expect: Domain.Expectation(body: "^in$"), keepCookies: true),
            variables: [("who", "a&b=")])
        #expect(entered.end == .succeeded)
        func ask(_ keep: Bool) async -> StepOutcome.End {
            await bench.perform(
                .http(request(server), expect: Domain.Expectation(), keepCookies: keep)
            )
            .end
        }
        #expect(await ask(true) == .succeeded)
        #expect(await ask(false) == .failed)
    }

    @Test func `a page's token is kept for the login, and shown to nobody`() async throws {
        let token = "IjQ2ZjM5+/=abc"
        let server = try ScriptedServer.http { request in
            if request.hasPrefix("GET /login") {
                return ScriptedServer.answer(
                    "<head><meta name=\"csrf-token\" content=\"\(token)\"></head>",
                    headers: ["Set-Cookie: session=abc; Path=/"])
            }
            return request.contains("csrf_token=IjQ2ZjM5%2B%2F%3Dabc&user=admin")
                && request.lowercased().contains("cookie: session=abc")
                ? ScriptedServer.answer("welcome") : ScriptedServer.answer(token, status: "403 No")
        }
        let expect = Domain.Expectation(
            status: [200],
            keep: [
                NamedText(name: "csrf", text: "<meta name=\"csrf-token\" content=\"([^\"]+)\"")
            ])
        let login = Work.http(
            request(
                server, "/login", method: "POST",
                body: .form([
                    NamedValue(name: "csrf_token", value: .plain("{{csrf}}")),
                    NamedValue(name: "user", value: .plain("admin")),
                ])), expect: Domain.Expectation(status: [200]), keepCookies: true)
        let early = await bench.perform(login)
        #expect(early.end == .failed)
        #expect(early.message.contains("{{csrf}}"))
        let forecast = await bench.perform(login, .dryRun)
        #expect(forecast.end == .wouldRun)
        #expect(forecast.message.contains("{{csrf}}"))
        let page = await bench.perform(
            .http(request(server, "/login"), expect: expect, keepCookies: true))
        #expect(page.message == "HTTP 200; kept {{csrf}}")
        #expect(await bench.perform(login).end == .succeeded)
        let odd = await bench.perform(
            .http(request(server, "/other"), expect: expect, keepCookies: false))
        #expect(odd.end == .failed)
        let shown = await bench.perform(
            .http(request(server, "/x"), expect: Domain.Expectation(), keepCookies: false))
        #expect(!shown.lines.contains { $0.contains(token) }, "\(shown.lines)")
    }

    @Test func `a secret goes out, and is masked in whatever comes back`() async throws {
        let server = try ScriptedServer.http { request in
            ScriptedServer.answer(
                request.contains("Bearer tok3n") ? "you said tok3n" : "none", status: "500 Oh")
        }
        let file = try bench.root.write("state/token", "Bearer tok3n")
        let result = await bench.perform(
            .http(
                request(
                    server,
                    headers: [NamedValue(name: "Authorization", value: .secret(.file(file)))]),
                expect: Domain.Expectation(), keepCookies: false))
        #expect(result.end == .failed)
        #expect(result.lines.last == "you said tok3n", "only the whole secret is known")
        let bare = try bench.root.write("state/bare", "tok3n")
        let again = await bench.perform(
            .http(
                request(
                    server,
                    headers: [
                        NamedValue(name: "Authorization", value: .plain("Bearer tok3n")),
                        NamedValue(name: "X-Key", value: .secret(.file(bare))),
                    ]), expect: Domain.Expectation(), keepCookies: false))
        #expect(again.lines.last == "you said •••")
    }

    @Test func `a server that repeats what it was sent gives no secret away`() async throws {
        let server = try ScriptedServer.http { request in
            ScriptedServer.answer(request, status: "500 Oh")
        }
        let secret = "S3cr3t! pass/ü\"ß"
        let file = try bench.root.write("state/pw", secret)
        let password = Value.secret(.file(file))
        var asked = request(
            server, method: "POST", body: .form([NamedValue(name: "p", value: password)]))
        asked.login = HTTPLogin(user: .plain("{{service}}"), password: password)
        let order = bench.order(
            Step(
                name: "s",
                work: .http(asked, expect: Domain.Expectation(), keepCookies: false)),
            variables: [("service", "admin")])
        let result = await bench.perform(order)
        #expect(result.end == .failed)
        let said = result.lines.joined(separator: "\n")
        #expect(said.contains("p=•••"), "\(said)")
        #expect(said.contains("Basic •••"), "\(said)")
        for name in try FileManager.default.contentsOfDirectory(atPath: order.runDirectory) {
            let content = try Data(contentsOf: URL(filePath: order.runDirectory + "/" + name))
            #expect(content.firstRange(of: Data("S3cr3t".utf8)) == nil, "\(name)")
            let login = Data("admin:\(secret)".utf8).base64EncodedString()
            #expect(content.firstRange(of: Data(login.utf8)) == nil, "\(name)")
        }
    }

    @Test func `a secret where the answer is cut is none that is half shown`() async throws {
        let secret = "S3cr3tS3cr3tS3cr3t"
        let server = try ScriptedServer.http { _ in
            ScriptedServer.answer(
                String(repeating: "x", count: 490) + secret, status: "500 Oh")
        }
        let file = try bench.root.write("state/pw", secret)
        let result = await bench.perform(
            .http(
                request(
                    server, headers: [NamedValue(name: "X-Key", value: .secret(.file(file)))]),
                expect: Domain.Expectation(), keepCookies: false))
        #expect(result.lines.last?.contains("xxx•••") == true)
        #expect(!result.lines.joined().contains("S3c"))
    }

    @Test func `a server that hangs, or is not there, is told`() async throws {
        let server = try ScriptedServer { $0.waitForEnd() }
        let hanging = await bench.perform(
            .http(request(server), expect: Domain.Expectation(), keepCookies: false),
            timeout: .milliseconds(200))
        #expect(hanging.end == .failed)
        #expect(hanging.message.contains("no answer within"))
        let nobody = HTTPRequest(url: .plain("http://127.0.0.1:\(try freePort())/"))
        let refused = await bench.perform(
            .http(nobody, expect: Domain.Expectation(), keepCookies: false))
        #expect(refused.end == .failed)
        #expect(refused.message.contains("refused"))
    }

    @Test func `a dry run asks nobody`() async throws {
        let server = try ScriptedServer.http { _ in ScriptedServer.answer() }
        var step = Step(
            name: "h",
            work: .http(
                request(server, method: "POST"), expect: Domain.Expectation(), keepCookies: false))
        step.check = .http(
            request(server, method: "POST"), expect: Domain.Expectation(), keepCookies: false)
        #expect(await bench.perform(bench.order(step, .dryRun)).end == .wouldRun)
        #expect(server.accepted == 0)
        for url in ["ftp://127.0.0.1/", "http://", "nonsense", "http://a b/", "http://{{none}}/"] {
            let result = await bench.perform(
                .http(
                    HTTPRequest(url: .plain(url)), expect: Domain.Expectation(), keepCookies: false),
                .dryRun)
            #expect(result.end == .failed, "\(url)")
        }
    }
}
