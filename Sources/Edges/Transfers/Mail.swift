// One mail to one recipient by SMTP (RFC 5321), as callers see it.
package import Domain
import Synchronization

/// A mail that is made up whole; libcurl only carries it.
package struct MailTransfer: Sendable {
    /// `smtp://host:port`, or `smtps://host:port` for TLS from the first byte.
    package var server: String
    package var startTLS: EmailChannel.StartTLS
    /// Whether the server's certificate must be one that is trusted.
    package var verifies: Bool
    /// A file of certificates (PEM) to trust instead of the system's; nil: `Trust.file`.
    package var authorities: String?
    package var user: String?
    package var password: String?
    /// Addresses without a name and without angle brackets.
    package var from: String
    package var to: String
    /// The whole message, lines ended by CRLF. Lines that begin with a dot need no care.
    package var message: [UInt8]
    /// From name look-up to the server's word about the mail.
    package var timeout: Span
    package init(
        server: String, startTLS: EmailChannel.StartTLS = .whenOffered, verifies: Bool = true,
        authorities: String? = nil, user: String? = nil, password: String? = nil, from: String,
        to: String, message: [UInt8], timeout: Span
    ) {
        self.server = server
        self.startTLS = startTLS
        self.verifies = verifies
        self.authorities = authorities
        self.user = user
        self.password = password
        self.from = from
        self.to = to
        self.message = message
        self.timeout = timeout
    }
}

/// What the server said last, such as 250 and `2.0.0 Ok: queued as 4F2A`; made visible.
package struct MailReply: Sendable, Equatable {
    package var code: Int
    package var text: String
    package init(code: Int, text: String) {
        self.code = code
        self.text = text
    }
}

/// Why a mail was not taken.
package struct MailFault: Error, Sendable, Equatable {
    package var fault: TransferFault
    /// The server's refusal (4xx or 5xx); nil when it did not come to a word.
    package var reply: MailReply?
}

extension Transfers {
    /// Hands a mail to a server. Cancelling the task ends it at once.
    ///
    /// Each mail has a thread of its own while it is under way: libcurl waits for the server's last
    /// words without giving its caller the thread back, and the one that drives all other transfers
    /// must not stand still for a mail server.
    /// - Throws: a fault, with the server's reply where it refused; `sent` in it is `whole` when the
    ///   message was given away and only the answer to it is missing.
    package func send(_ mail: MailTransfer) async throws(MailFault) -> MailReply {
        let ride = MailRide(mail)
        let result: Result<MailReply, MailFault> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let started = OwnThread.start("mail") {
                    ride.run { continuation.resume(returning: $0) }
                }
                if !started {
                    let fault = TransferFault(
                        kind: .unusable, message: "no thread for a mail could be started",
                        seconds: 0)
                    continuation.resume(returning: .failure(MailFault(fault: fault)))
                }
            }
        } onCancel: {
            ride.cancel()
        }
        return try result.get()
    }
}

/// What the thread of a mail and those who may cancel it share: its sockets.
final class MailRide: Sendable {
    let mail: MailTransfer
    private struct State {
        var sockets: Set<Int32> = []
        var cancelled = false
    }
    private let state = Mutex(State())

    init(_ mail: MailTransfer) { self.mail = mail }

    var isCancelled: Bool { state.withLock { $0.cancelled } }

    func cancel() {
        state.withLock { state in
            state.cancelled = true
            for socket in state.sockets { end(socket, both: true) }
        }
    }
    /// Whatever is waited for from now on has ended already, so that a server that does not answer to
    /// QUIT keeps no thread.
    func stopListening() {
        state.withLock { state in
            for socket in state.sockets { end(socket, both: false) }
        }
    }
    /// - Returns: false when nobody wants the mail to go any more; then the socket stays the caller's.
    func opened(_ socket: Int32) -> Bool {
        state.withLock { state in
            if !state.cancelled { state.sockets.insert(socket) }
            return !state.cancelled
        }
    }
    /// - Parameter close: closes it; nobody else can touch the number meanwhile.
    func closing(_ socket: Int32, _ close: () -> Void) {
        state.withLock { state in
            state.sockets.remove(socket)
            close()
        }
    }
}
