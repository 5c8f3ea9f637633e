// The engine's socket: accepts connections, and closes them in order when the engine stops.
package import Domain
package import Logging
import NIOCore
import NIOPosix

/// HTTP/1.1 on a Unix socket of mode 0660.
///
/// Stands on NIO's channels directly: a server of async channels traps when a connection that was just
/// accepted is dropped because the server ends, and an engine must end without that.
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
        /// How long requests in flight may take when the server stops.
        package var stopping = Span.seconds(2)
        package init() {}
    }

    private let socket: String
    private let service: any EngineService
    private let logger: Logger
    private let limits: Limits
    private let group: (name: String, ownFolder: String)?

    /// - Parameters:
    ///   - socket: an absolute path; its folder must exist.
    ///   - group: whose members may open the socket, and the engine's own folder, which they may pass
    ///     through; nil: whichever group the file gets.
    package init(
        socket: String, group: (name: String, ownFolder: String)? = nil,
        service: any EngineService, logger: Logger, limits: Limits = Limits()
    ) {
        self.socket = socket
        self.group = group
        self.service = service
        self.logger = logger
        self.limits = limits
    }

    /// Serves until the task is cancelled; then open streams end, requests in flight are answered, and
    /// the socket's file is removed.
    /// - Parameter onListening: called once, when clients can connect.
    /// - Throws: `Fault` when the socket cannot be opened.
    package func run(onListening: @escaping @Sendable () async -> Void = {}) async throws {
        try SocketPlace.claim(socket)
        let connections = Connections(loop: MultiThreadedEventLoopGroup.singleton.next())
        let listener = try await listen(connections)
        let identity = SocketPlace.identity(of: socket)
        do { try openToGroup() } catch {
            try? await listener.close()
            SocketPlace.remove(socket, ifStill: identity)
            throw error
        }
        await onListening()
        await withTaskCancellationHandler {
            _ = try? await listener.closeFuture.get()
        } onCancel: {
            listener.close(promise: nil)
        }
        SocketPlace.remove(socket, ifStill: identity)
        await connections.stop(within: limits.stopping)
        guard Task.isCancelled else {
            throw Fault(operation: "listen on the socket", subject: socket, cause: "it was closed")
        }
    }

    private func openToGroup() throws(Fault) {
        try SocketPlace.setMode(socket)
        guard let group else { return }
        let closed = try SocketPlace.admit(group.name, to: socket, ownFolder: group.ownFolder)
        for folder in closed {
            logger.warning(
                "the group \(group.name) cannot reach the socket: \(folder) is closed to it")
        }
    }

    private func listen(_ connections: Connections) async throws(Fault) -> any NIOCore.Channel {
        let bootstrap = HTTPListening.bootstrap(
            Routes(service: service, limits: limits), connections, limits, logger)
        do {
            return try await bootstrap.bind(unixDomainSocketPath: socket).get()
        } catch {
            throw Fault(operation: "open the socket", subject: socket, cause: "\(error)")
        }
    }
}

extension Span {
    var amount: TimeAmount { .nanoseconds(Int64(min(seconds, 1e9) * 1e9)) }
}
