// Says why a transfer failed, in words that help and without credentials.
import CCurl
import Domain
import Glibc

struct FaultFinder {
    let request: TransferRequest
    /// What is spoken: `HTTP`, `SMTP`.
    var language = "HTTP"
    let code: CURLcode
    /// libcurl's own about this failure; may be empty.
    let sentence: String
    /// `errno` of the last failed connect; 0 without.
    let systemError: Int32
    let total: Double
    let resolved: Bool
    let connected: Bool
    let sent: Bool
    let answered: Bool
    let bytes: Int
    var given = TransferFault.Sent.nothing
    var status = 0

    var fault: TransferFault {
        switch code {
        case CURLE_OPERATION_TIMEDOUT: make(.timeout, late)
        case CURLE_COULDNT_CONNECT: notConnected
        case CURLE_COULDNT_RESOLVE_HOST: make(.unresolved, "no address for the name \(host)")
        case CURLE_COULDNT_RESOLVE_PROXY: make(.unresolved, "no address for the name of the proxy")
        case CURLE_SSL_CONNECT_ERROR: make(.tls, "no TLS handshake with \(target): \(tlsWords)")
        case CURLE_PEER_FAILED_VERIFICATION:
            make(.tls, "the certificate of \(target) is not trusted: \(tlsWords)")
        case CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            make(.tls, "the certificate of \(target) is not accepted: \(words)")
        case CURLE_GOT_NOTHING:
            make(.interrupted, "\(target) closed the connection without an answer")
        case CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            make(
                .interrupted,
                answered
                    ? "\(target) broke off in the middle of its answer"
                    : "\(target) broke off the connection")
        case CURLE_TOO_MANY_REDIRECTS: make(.interrupted, "\(target) redirects without an end")
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY:
            // The same code for a URL of a foreign kind and for an answer that is none.
            connected
                ? make(.interrupted, "\(target) does not answer in \(language)")
                : make(.unusable, "only http:// and https:// can be asked")
        case CURLE_URL_MALFORMAT: make(.unusable, "the URL cannot be read: \(words)")
        case CURLE_OUT_OF_MEMORY where connected:
            // libcurl's word for a header line beyond its limit of 100 KiB.
            make(.interrupted, "\(target) answered with an endless header")
        case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT, CURLE_BAD_FUNCTION_ARGUMENT,
            CURLE_UNKNOWN_OPTION, CURLE_NOT_BUILT_IN, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_INTERFACE_FAILED:
            make(.unusable, "\(target) cannot be asked: \(words)")
        default: make(.interrupted, "no answer from \(target): \(words)")
        }
    }

    private var late: String {
        let limit = request.timeout.spoken
        if !resolved && !connected { return "no address for the name \(host) within \(limit)" }
        if !connected { return "no connection to \(target) within \(limit)" }
        if !sent { return "no TLS handshake with \(target) within \(limit)" }
        if !answered { return "no answer within \(limit)" }
        return "the answer was not complete within \(limit) (\(bytes) bytes came)"
    }

    private var notConnected: TransferFault {
        switch systemError {
        case ECONNREFUSED: make(.refused, "connection refused by \(target)")
        case ECONNRESET: make(.refused, "\(target) broke off the connection")
        // What this machine lacks is not the target's fault.
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAFNOSUPPORT:
            make(.unusable, "no connection can be made from here: \(systemWords)")
        case 0: make(.refused, "no connection to \(target)")
        case let number where request.unixSocket != nil && (number == ENOENT || number == EACCES):
            make(.refused, "no connection to \(target): \(systemWords)")
        default: make(.refused, "no connection to \(target): \(systemWords)")
        }
    }

    private func make(_ kind: TransferFault.Kind, _ message: String) -> TransferFault {
        TransferFault(
            kind: kind, message: Visible.text(message), seconds: total, sent: given, status: status)
    }
    private var words: String { String(cString: curl_easy_strerror(code)) }
    /// Of TLS alone: what libcurl says of the rest may hold more than host and port.
    private var tlsWords: String { sentence.isEmpty ? words : sentence }
    private var systemWords: String { String(cString: strerror(systemError)) }
    private var host: String { Address(url: request.url).host }
    private var target: String { request.unixSocket ?? Address(url: request.url).target }
}

/// Where a URL points at, without user, password, path and query, which may be secret.
package struct Address: Sendable {
    package let host: String
    /// `host:port`.
    package let target: String

    package init(url: String) {
        let afterScheme = url.range(of: "://").map { url[$0.upperBound...] } ?? url[...]
        let authority = afterScheme.prefix { !"/?#".contains($0) }
        let place =
            authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] }
            ?? authority
        let closing = place.lastIndex(of: "]") ?? place.startIndex
        if let colon = place[closing...].lastIndex(of: ":") {
            host = String(place[..<colon])
            target = String(place)
        } else {
            host = String(place)
            let ports = ["https": "443", "smtp": "25", "smtps": "465"]
            let scheme = url.prefix { $0 != ":" }.lowercased()
            target = host + ":" + (ports[scheme] ?? "80")
        }
    }
}

extension String {
    /// The first place of another text in this one.
    func range(of other: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(other) {
                return start..<index(start, offsetBy: other.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
