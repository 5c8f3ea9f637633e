// Courier's pages for people: home, login, administration, and the files they need.
import Logging
import NIOHTTP1

/// Answers requests.
struct Pages: Sendable {
    let courier: Courier
    static let cookie = "courier_session"

    func answer(_ request: Request) async -> Response {
        guard request.isForHere else {
            return .plainPage(.misdirectedRequest, "Not here", ["Courier is on 127.0.0.1 only."])
        }
        if let response = await house(request) { return response }
        guard courier.site.problems.isEmpty else {
            return .plainPage(
                .internalServerError, "Courier is in an inconsistent state", courier.site.problems)
        }
        guard !courier.isDown else {
            return .plainPage(
                .serviceUnavailable, "Courier is down",
                ["The unified notification system has failed completely."])
        }
        if let response = await interface(request) { return response }
        return await page(request)
    }

    private func page(_ request: Request) async -> Response {
        let reads = request.method == .GET || request.method == .HEAD
        switch request.path {
        case "/" where reads:
            if courier.switches.isBroken(DemoFaults.slow) {
                try? await Task.sleep(for: .milliseconds(1500))
            }
            return await home(request)
        case "/login" where reads: return await login(request, .ok, nil)
        case "/login" where request.method == .POST: return await logIn(request)
        case "/logout" where request.method == .POST: return await logOut(request)
        case "/admin" where reads: return .redirect("/admin/")
        case "/admin/" where reads: return await administration(request)
        case "/", "/login", "/logout", "/admin/":
            return .plainPage(
                .methodNotAllowed, "Not this way", ["\(request.method) is not known here."])
        case "/ws":
            // Only those come here whose handshake was turned down, or who did not shake hands.
            return courier.opensLines
                ? .plainPage(.upgradeRequired, "A WebSocket", ["This address speaks WebSocket."])
                : .plainPage(.serviceUnavailable, "No lines", ["The WebSocket lines are closed."])
        default:
            if reads, request.path.hasPrefix("/static/") { return file(request.path) }
            return .plainPage(.notFound, "Not found", ["There is no such page."])
        }
    }

    // MARK: Who asks

    private func token(_ request: Request) -> String? { request.cookie(Self.cookie) }

    /// Who is logged in; nobody, as far as can be told, while the database does not answer.
    private func user(_ request: Request) async -> User? {
        guard let token = token(request), let storage = courier.storage,
            let user = try? await storage.sessionUser(token, now: wallClock())
        else { return nil }
        return courier.switches.now.isolated && !user.isAdministrator ? nil : user
    }

    private func login(
        _ request: Request, _ status: HTTPResponseStatus, _ problem: String?
    ) async -> Response {
        await whole(
            "login.html", title: "Log in", fills: ["problem": .text(problem ?? "")],
            request: request, status: status)
    }

    private func logIn(_ request: Request) async -> Response {
        let form = request.form
        guard let name = form["username_or_email"], let password = form["password"] else {
            return await login(request, .badRequest, "Give a name and a password.")
        }
        do {
            guard let storage = courier.storage,
                let user = try await storage.logIn(name, password: password)
            else {
                return await login(request, .unauthorized, "That name and password do not fit.")
            }
            guard user.isAdministrator || !courier.switches.now.isolated else {
                return await login(request, .forbidden, "Closed: only administrators get in now.")
            }
            let token = try await storage.openSession(user.id, agent: "web", now: wallClock())
            return .redirect("/", cookie: "\(Self.cookie)=\(token); Path=/; HttpOnly; SameSite=Lax")
        } catch {
            courier.log.error("log-in failed: \(error)")
            return databaseIsAway
        }
    }

    private func logOut(_ request: Request) async -> Response {
        if let token = token(request) {
            do { try await courier.storage?.endSession(token) } catch { return databaseIsAway }
        }
        return .redirect("/", cookie: "\(Self.cookie)=; Path=/; Max-Age=0")
    }

    private var databaseIsAway: Response {
        .plainPage(.serviceUnavailable, "Not now", ["The database does not answer."])
    }

    // MARK: Pages

    private func home(_ request: Request) async -> Response {
        let numbers = await courier.delivery?.numbers()
        return await whole(
            "home.html", title: "Courier",
            fills: [
                "connected": .text(String(courier.lines.connected)),
                "expected": .text(String(courier.expected)),
                "success": .text("\(numbers?.successRate ?? 0)"),
                "pending": .text("\(numbers?.pending ?? 0)"),
                "status": .text(HouseStatus.read(courier.folder).line),
            ], request: request)
    }

    private func administration(_ request: Request) async -> Response {
        guard let user = await user(request) else { return .redirect("/login") }
        guard user.isAdministrator else {
            return .plainPage(.forbidden, "Administrators only", ["Log in as an administrator."])
        }
        let people = try? await courier.storage?.sessionCount(
            except: Courier.simulated, now: wallClock())
        let fallbacks = courier.switches.now.fallbacks.sorted().joined(separator: ", ")
        return await whole(
            "admin.html", title: "Administration",
            fills: [
                "users": .text(String(courier.users.count)),
                "sessions": .text(people.map { String($0) } ?? "unknown"),
                "lines": .text(String(courier.lines.count)),
                "fallbacks": .text(fallbacks.isEmpty ? "none" : fallbacks),
                "emergency": .text(courier.emergency ? "yes" : "no"),
            ], request: request)
    }

    /// A page in the frame of base.html, with the messages that wait for whoever asks.
    private func whole(
        _ file: String, title: String, fills: [String: Fill], request: Request,
        status: HTTPResponseStatus = .ok
    ) async -> Response {
        let site = courier.site
        let user = await user(request)
        let flashes = courier.showsFlash ? courier.flash.take(user?.name ?? FlashBox.guest) : []
        let messages = flashes.map {
            site.templates.page(
                Site.itemFile(site.mode),
                ["category": .text($0.category), "message": .text($0.text)])
        }
        let state = courier.switches.now
        let banners = [state.banner, state.isolated ? "Closed for maintenance." : ""]
            .filter { !$0.isEmpty }
            .map { "<p class=\"banner\" role=\"alert\">\(Fill.text($0).html)</p>" }
        let frame: [String: Fill] = [
            "title": .text(title), "user": .text(user?.name ?? ""),
            "banner": .markup(banners.joined()), "messages": .markup(messages.joined()),
            "content": .markup(site.templates.page(file, fills)),
            "mode": .text(site.mode.title + (courier.emergency ? ", emergency mode" : "")),
        ]
        return .html(site.templates.page("base.html", frame), status: status)
    }

    // MARK: Files

    private func file(_ path: String) -> Response {
        let kinds = ["css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"]
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        let plain = parts.allSatisfy { part in
            !part.hasPrefix(".")
                && !part.isEmpty
                && part.utf8.allSatisfy { $0 > 32 && $0 < 127 }
        }
        guard plain,
            let kind = parts.last?.split(separator: ".").last.flatMap({ kinds[String($0)] }),
            let bytes = try? courier.folder.bytes(String(path.dropFirst()))
        else { return .plainPage(.notFound, "Not found", ["There is no such file."]) }
        return Response(
            status: .ok, headers: [("content-type", "\(kind); charset=utf-8")], body: bytes)
    }
}
