// The engine's socket: accepts connections and answers each request as its caller may have it.
package import Domain
import Hummingbird
package import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// HTTP/1.1 on a Unix socket of mode 0660.
package struct EngineServer: Sendable {
    /// What one client may cost.
    package struct Limits: Sendable {
        /// Open connections; further ones wait in the kernel's queue.
        package var connections = 200
        /// Bytes of a request's body; more is answered with 413.
        package var body = 1 << 20
        /// A connection on which no request arrives is closed after this.
        package var idle = Span.seconds(60)
        /// A stream whose client does not read is closed after this.
        package var stuck = Span.seconds(60)
        package init() {}
    }

    private let socket: String
    private let service: any EngineService
    private let logger: Logger
    private let limits: Limits

    /// - Parameter socket: an absolute path; its folder must exist.
    package init(
        socket: String, service: any EngineService, logger: Logger, limits: Limits = Limits()
    ) {
        self.socket = socket
        self.service = service
        self.logger = logger
        self.limits = limits
    }

    /// Serves until the task is cancelled or the service group it runs in shuts down; open streams end
    /// then, and the socket's file is removed.
    /// - Parameter onListening: called once, when clients can connect.
    /// - Throws: `Fault` when the socket cannot be opened.
    package func run(onListening: @escaping @Sendable () async -> Void = {}) async throws {
        try SocketPlace.claim(socket)
        let opened = Mutex<Opened>(.notYet)
        var quiet = logger
        // The library reports each start at `info`; the engine says it in its own words.
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: Routes(service: service, limits: limits),
            server: .http1(
                configuration: .init(
                    idleTimeout: .milliseconds(Int64(limits.idle.seconds * 1000)),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10,
                        maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .unixDomainSocket(path: socket), serverName: "tocsin", backlog: 256,
                availableConnectionsDelegate: .maximum(limits.connections, logger: quiet)),
            onServerRunning: { [socket, logger] channel in
                do throws(Fault) {
                    try SocketPlace.setMode(socket)
                    opened.withLock { $0 = .at(SocketPlace.identity(of: socket)) }
                    await onListening()
                } catch {
                    logger.error("\(error)")
                    opened.withLock { $0 = .failed(error) }
                    channel.close(promise: nil)
                }
            },
            logger: quiet)
        defer {
            if case .at(let identity) = opened.withLock({ $0 }) {
                SocketPlace.remove(socket, ifStill: identity)
            }
        }
        do {
            try await application.run()
        } catch is CancellationError {
            return
        } catch {
            if Task.isCancelled { return }
            guard case .notYet = opened.withLock({ $0 }) else { throw error }
            throw Fault(operation: "open the socket", subject: socket, cause: "\(error)")
        }
        if case .failed(let fault) = opened.withLock({ $0 }) { throw fault }
    }

    private enum Opened: Sendable {
        case notYet
        case at(SocketPlace.FileIdentity?)
        case failed(Fault)
    }
}

/// What a request is answered with besides itself: the connection it came on.
struct ConnectionContext: InitializableFromSource, Sendable {
    let channel: any NIOCore.Channel
    init(source: ApplicationRequestContextSource) { channel = source.channel }
}
