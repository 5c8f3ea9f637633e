// HTTP requests by libcurl: one thread drives any number of transfers at once.
package import Domain

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
    package init(
        url: String, method: String = "GET", headers: [(name: String, value: String)] = [],
        body: [UInt8]? = nil, timeout: Span = .seconds(10), cookieJar: String? = nil,
        followRedirects: Bool = false, bodyLimit: Int = 1_048_576, unixSocket: String? = nil
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
    package enum Kind: Sendable { case timeout, refused, unresolved, tls, interrupted, unusable }
    package var kind: Kind
    /// libcurl's words, made visible.
    package var message: String
    package var seconds: Double
    package init(kind: Kind, message: String, seconds: Double) {
        self.kind = kind
        self.message = message
        self.seconds = seconds
    }
}
