// HTTP requests by libcurl: one thread drives any number of transfers at once.
import Dispatch
package import Domain
import Synchronization

/// Makes requests. Nothing here blocks the caller's thread; any number may be under way at once.
package final class Transfers: Sendable {
    package static let shared = Transfers()
    /// Nil when the system gave no thread or no descriptors; then every request is a fault.
    private let inbox: TransferInbox?

    private init() {
        guard let inbox = TransferInbox() else {
            self.inbox = nil
            return
        }
        let started = OwnThread.start("transfers") {
            guard let loop = TransferLoop(inbox) else { inbox.refuseAll() }
            loop.run()
        }
        self.inbox = started ? inbox : nil
    }

    /// Makes one request. Cancelling the task ends it at once, with a fault of kind `interrupted`.
    /// - Throws: a fault when there was no complete answer; any HTTP status is an answer.
    package func perform(_ request: TransferRequest) async throws(TransferFault) -> TransferAnswer {
        guard let inbox else { throw Self.noThread }
        let ticket = Ticket(request)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                inbox.send(.start(ticket) { continuation.resume(returning: $0) })
            }
        } onCancel: {
            ticket.cancelled.store(true, ordering: .releasing)
            inbox.send(.cancel(ticket))
        }
        return try result.get()
    }

    /// Makes one request and keeps the calling thread until its end: for a process that does nothing else.
    /// - Throws: as `perform`.
    package func performBlocking(
        _ request: TransferRequest
    ) throws(TransferFault) -> TransferAnswer {
        guard let inbox else { throw Self.noThread }
        let result = Mutex<Result<TransferAnswer, TransferFault>>(.failure(Self.noThread))
        let isOver = DispatchSemaphore(value: 0)
        inbox.send(
            .start(Ticket(request)) { end in
                result.withLock { $0 = end }
                isOver.signal()
            })
        isOver.wait()
        return try result.withLock(\.self).get()
    }

    private static let noThread = TransferFault(
        kind: .unusable, message: "no thread for transfers could be started", seconds: 0)

    /// Connects to a TCP port and closes the connection again; nothing is sent.
    /// - Returns: seconds, with the look-up of the name.
    package func connect(
        host: String, port: Int, timeout: Span
    ) async throws(TransferFault) -> Double {
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        var request = TransferRequest(url: "http://\(name):\(port)", timeout: timeout)
        request.connectOnly = true
        return try await perform(request).seconds
    }
}

/// A request with everything filled in.
package struct TransferRequest: Sendable {
    package var url: String
    package var method: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]?
    /// From name look-up to the last byte; holds also when the other side hangs.
    package var timeout: Span
    /// A file that cookies are read from and written to; nil: none are kept.
    package var cookieJar: String?
    package var followRedirects: Bool
    /// Bytes of the answer's body that are kept; the rest is read and dropped.
    package var bodyLimit: Int
    /// Absolute path of a Unix socket to connect to instead of the host.
    package var unixSocket: String?
    /// Ends the transfer well as soon as it holds. Asked with the body so far, first when the
    /// headers are complete; on the transfers' own thread, so it must be quick. Such a transfer uses
    /// a connection of its own, and a status of 101 makes whatever follows its body.
    package var endsWhen: (@Sendable (_ status: Int, _ body: [UInt8]) -> Bool)?
    /// Uses a connection of its own. libcurl silently repeats a request when a kept connection turns
    /// out to be dead, and nobody can tell whether the first one was taken: right for checks, wrong
    /// for what must not be done twice.
    package var freshConnection = false
    /// A file of certificates (PEM) to trust instead of the system's; nil: `Trust.file`.
    package var authorities: String?
    /// Stops when the connection stands.
    var connectOnly = false
    package init(
        url: String, method: String = "GET", headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil, timeout: Span = .seconds(10), cookieJar: String? = nil,
        followRedirects: Bool = false, bodyLimit: Int = 1_048_576, unixSocket: String? = nil,
        endsWhen: (@Sendable (_ status: Int, _ body: [UInt8]) -> Bool)? = nil
    ) {
        self.url = url
        self.method = method
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.cookieJar = cookieJar
        self.followRedirects = followRedirects
        self.bodyLimit = bodyLimit
        self.unixSocket = unixSocket
        self.endsWhen = endsWhen
    }
}
package struct TransferAnswer: Sendable {
    package var status: Int
    /// Names in lower case.
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]
    /// From start to the last byte.
    package var seconds: Double
    package init(
        status: Int, headers: [(name: String, value: String)], body: [UInt8], seconds: Double
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.seconds = seconds
    }
}
/// Why there was no answer.
package struct TransferFault: Error, Sendable, Equatable {
    package enum Kind: Sendable {
        /// Not done in time, at whatever stage.
        case timeout
        /// No connection: refused, no route, reset while connecting.
        case refused
        /// The name of the host has no address.
        case unresolved
        /// The certificate or the handshake.
        case tls
        /// The other side broke off or does not speak HTTP; or the task was cancelled.
        case interrupted
        /// The fault is ours: the request makes no sense, or this machine has no sockets or memory left.
        case unusable
    }
    /// How much of the request this machine had given away when it failed. What was given away may
    /// have arrived, and what was not cannot have.
    package enum Sent: Sendable {
        case nothing, partly, whole
    }
    package var kind: Kind
    /// One line that names host and port, never a credential; made visible.
    package var message: String
    package var seconds: Double
    package var sent: Sent
    /// The status of an answer that broke off; 0: none had begun.
    package var status: Int
    package init(
        kind: Kind, message: String, seconds: Double, sent: Sent = .nothing, status: Int = 0
    ) {
        self.kind = kind
        self.message = message
        self.seconds = seconds
        self.sent = sent
        self.status = status
    }
}
