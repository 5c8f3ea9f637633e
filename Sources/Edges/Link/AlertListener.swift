// A TCP listener for senders of alerts that cannot use the engine's socket: Alertmanager and Prometheus.
package import Domain
package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// Takes alerts, and nothing else: `POST /v1/alerts`, the same as `POST /api/v2/alerts` (the path to
/// which Prometheus sends), and `GET /healthz`.
package struct AlertListener: Sendable {
    /// Whoever speaks to the listener. No process has this number (chown(2) keeps it for “unchanged”), so
    /// nobody on the socket can be taken for it.
    package static let caller = Caller(user: "alertmanager", uid: .max, pid: 0)

    private let listen: String
    private let token: String?
    private let service: any EngineService
    private let logger: Logger
    private let limits: EngineServer.Limits
    private let retry: Span

    /// - Parameters:
    ///   - listen: `host:port`; an IPv6 address in brackets.
    ///   - token: what `Authorization: Bearer` must show; nil: everybody who can connect may send.
    ///   - retry: how soon it is tried again when the port cannot be had.
    package init(
        listen: String, token: String?, service: any EngineService, logger: Logger,
        limits: EngineServer.Limits = EngineServer.Limits(), retry: Span = .seconds(5)
    ) {
        self.listen = listen
        self.token = token
        self.service = service
        self.logger = logger
        self.limits = limits
        self.retry = retry
    }

    /// Serves until the task is cancelled; then requests in flight are answered. A port that cannot be had
    /// ends nothing: it is tried again and again.
    /// - Parameters:
    ///   - onTrouble: called with a sentence when the port cannot be had, with nil when it can again.
    ///   - onListening: called with the port's number whenever senders can connect.
    package func run(
        onTrouble: @escaping @Sendable (String?) async -> Void,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) async throws {
        var trouble: String?
        while !Task.isCancelled {
            do {
                let connections = Connections(loop: MultiThreadedEventLoopGroup.singleton.next())
                let listener = try await bind(connections)
                if trouble != nil {
                    trouble = nil
                    await onTrouble(nil)
                }
                await onListening(listener.localAddress?.port ?? 0)
                await withTaskCancellationHandler {
                    _ = try? await listener.closeFuture.get()
                } onCancel: {
                    listener.close(promise: nil)
                }
                await connections.stop(within: limits.stopping)
            } catch {
                let text = "NO ALERTS COME IN: \(error); it is tried again every \(retry.spoken)"
                if text != trouble {
                    logger.error("\(text)")
                    await onTrouble(text)
                }
                trouble = text
                try? await Task.sleep(for: .seconds(retry.seconds))
            }
        }
    }

    private func bind(_ connections: Connections) async throws(Fault) -> any NIOCore.Channel {
        func fault(_ cause: String) -> Fault {
            Fault(
                operation: "listen for alerts", subject: Visible.text(listen, limit: 100),
                cause: cause, retry: true)
        }
        guard let place = Self.place(listen) else {
            throw fault("it is not written as host:port; mend `listen:` under `alerts:`")
        }
        let routes = AlertRoutes(
            routes: Routes(service: service, limits: limits, everybodyIs: Self.caller), token: token
        )
        let bootstrap = HTTPListening.bootstrap(routes, connections, limits, logger)
            // A new engine gets the port although connections of the last one are still fading away.
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        do {
            let address = try await Self.address(place)
            return try await bootstrap.bind(to: address).get()
        } catch let error as IOError {
            throw fault(systemError(error.errnoCode))
        } catch {
            throw fault("\(error)")
        }
    }

    /// A name is looked up off the event loops, which must not wait.
    private static func address(_ place: (host: String, port: Int)) async throws -> SocketAddress {
        if let address = try? SocketAddress(ipAddress: place.host, port: place.port) {
            return address
        }
        return try await NIOThreadPool.singleton.runIfActive {
            try SocketAddress.makeAddressResolvingHost(place.host, port: place.port)
        }
    }

    /// `127.0.0.1:9095`, `[::1]:9095`, `localhost:9095`; nil for anything else.
    static func place(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(digits),
            (0...65_535).contains(port)
        else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : (String(host), port)
    }
}

/// Lets through what concerns alerts, from those who know the token.
private struct AlertRoutes: Answering {
    let routes: Routes
    let token: String?

    private static let alerts = ["/v1/alerts", "/api/v2/alerts"]
    private static let health = "/healthz"

    private static func path(_ target: String) -> String {
        String(target.prefix { $0 != "?" && $0 != "#" })
    }

    /// Before the body: a stranger's is not even kept.
    func refusal(of head: HTTPRequestHead) -> Answer? {
        let path = Self.path(head.uri)
        let takesAlerts = Self.alerts.contains(path)
        guard takesAlerts || path == Self.health else {
            return .refusal(
                404, "path", "alerts go to \(Self.alerts[0]); there is nothing else here")
        }
        let method = takesAlerts ? "POST" : "GET"
        guard head.method.rawValue == method else {
            var answer = Answer.refusal(405, "method", "\(path) takes \(method) only")
            answer.allow = method
            return answer
        }
        guard takesAlerts, let token, !shows(head, token) else { return nil }
        var answer = Answer.refusal(
            401, "token", "alerts need `Authorization: Bearer` and the token")
        answer.challenge = "Bearer"
        return answer
    }

    private func shows(_ head: HTTPRequestHead, _ token: String) -> Bool {
        let given = head.headers["authorization"]
        guard given.count == 1, let words = given.first?.split(separator: " ", maxSplits: 1),
            words.count == 2,
            words[0].lowercased() == "bearer"
        else { return false }
        return isSame(Array(words[1].utf8), Array(token.utf8))
    }

    /// Takes as long for a guess that is nearly right as for one that is quite wrong.
    private func isSame(_ given: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard !wanted.isEmpty else { return false }
        var difference = given.count ^ wanted.count
        for index in given.indices {
            difference |= Int(given[index] ^ wanted[index % wanted.count])
        }
        return difference == 0
    }

    func answer(to request: Request, on channel: any NIOCore.Channel) async -> Answer {
        var request = request
        if Self.alerts.contains(Self.path(request.target)) { request.target = Self.alerts[0] }
        return await routes.answer(to: request, on: channel)
    }
}
