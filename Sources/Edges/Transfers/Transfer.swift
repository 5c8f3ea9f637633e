// One transfer on its way: its easy handle's options, the bytes that came, and how it ended.
import CCurl
import Domain
import Synchronization

/// What the caller holds: enough to wait for the end and to cancel.
final class Ticket: Sendable {
    let request: TransferRequest
    let cancelled = Atomic<Bool>(false)
    init(_ request: TransferRequest) { self.request = request }
}

/// Belongs to the transfers' thread alone; libcurl's callbacks get it as their context.
final class Transfer {
    let ticket: Ticket
    let easy: UnsafeMutableRawPointer
    let finish: (Result<TransferAnswer, TransferFault>) -> Void
    private(set) var headers: [(name: String, value: String)] = []
    private(set) var body: [UInt8] = []
    private(set) var status = 0
    /// `endsWhen` held, so that the broken-off transfer is a success.
    private var ended = false
    private var headerBytes = 0
    private var headerList: UnsafeMutablePointer<curl_slist>?
    /// libcurl's own sentence about a failure.
    private let words = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    private static let headerLimit = 65_536

    init(
        _ ticket: Ticket, easy: UnsafeMutableRawPointer,
        finish: @escaping (Result<TransferAnswer, TransferFault>) -> Void
    ) {
        self.ticket = ticket
        self.easy = easy
        self.finish = finish
        words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }
    deinit {
        curl_slist_free_all(headerList)
        words.deallocate()
    }

    private var request: TransferRequest { ticket.request }

    // Options

    /// Sets every option on a fresh or reset handle.
    /// - Throws: when the request cannot be made as it is.
    func prepare(noProxy: String) throws(TransferFault) {
        try checkText()
        let context = Unmanaged.passUnretained(self).toOpaque()
        set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(words))
        tocsin_setopt_write(easy, CURLOPT_WRITEFUNCTION, bodyArrived)
        set(CURLOPT_WRITEDATA, context)
        tocsin_setopt_write(easy, CURLOPT_HEADERFUNCTION, headerArrived)
        set(CURLOPT_HEADERDATA, context)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        set(CURLOPT_NOPROXY, noProxy)
        set(CURLOPT_NOSIGNAL, 1)
        tocsin_setopt_own_sockets(easy)
        // Or a name server that hangs would stop this thread when its transfer times out.
        set(CURLOPT_QUICK_EXIT, 1)
        // One slow answer delays no other: no streams share a connection.
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        let milliseconds = max(1, Int((min(request.timeout.seconds, 604_800) * 1000).rounded(.up)))
        set(CURLOPT_TIMEOUT_MS, milliseconds)
        set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
        try prepareTarget()
        prepareMethod()
        prepareHeaders()
    }

    private func prepareTarget() throws(TransferFault) {
        guard set(CURLOPT_URL, request.url) else {
            throw unusable("the URL is too long")
        }
        if let socket = request.unixSocket, !set(CURLOPT_UNIX_SOCKET_PATH, socket) {
            throw unusable("the path of the socket cannot be used: \(socket)")
        }
        if let jar = request.cookieJar {
            set(CURLOPT_COOKIEFILE, jar)
            set(CURLOPT_COOKIEJAR, jar)
        }
        if request.followRedirects {
            set(CURLOPT_FOLLOWLOCATION, 1)
            set(CURLOPT_MAXREDIRS, 5)
        }
        if request.endsWhen != nil {
            set(CURLOPT_FRESH_CONNECT, 1)
            set(CURLOPT_FORBID_REUSE, 1)
            set(CURLOPT_HTTPPROXYTUNNEL, 1)
        }
        if request.freshConnection {
            set(CURLOPT_FRESH_CONNECT, 1)
            set(CURLOPT_FORBID_REUSE, 1)
        }
        if let file = request.authorities ?? Trust.file { set(CURLOPT_CAINFO, file) }
        if request.connectOnly {
            set(CURLOPT_CONNECT_ONLY, 1)
            set(CURLOPT_PROXY, "")
        }
    }

    private func prepareMethod() {
        if let body = request.body {
            set(CURLOPT_POSTFIELDSIZE, body.count)
            body.withUnsafeBytes { bytes in
                // libcurl copies; an empty array has no address, and NULL would mean "read stdin".
                _ = "".withCString { empty in
                    tocsin_setopt_pointer(
                        easy, CURLOPT_COPYPOSTFIELDS,
                        UnsafeMutableRawPointer(
                            mutating: bytes.baseAddress ?? UnsafeRawPointer(empty)))
                }
            }
        }
        switch (request.method, request.body == nil) {
        case ("GET", true), ("POST", false): break
        case ("HEAD", true): set(CURLOPT_NOBODY, 1)
        case ("POST", true):
            set(CURLOPT_POSTFIELDSIZE, 0)
            set(CURLOPT_POSTFIELDS, "")
        default: set(CURLOPT_CUSTOMREQUEST, request.method)
        }
    }

    private func prepareHeaders() {
        // A body must not wait a second for a "100 Continue" that many servers never send.
        if request.body != nil { append("Expect:") }
        if !request.headers.contains(where: { $0.name.lowercased() == "user-agent" }) {
            append("User-Agent: tocsin")
        }
        for (name, value) in request.headers {
            append(value.isEmpty ? "\(name);" : "\(name): \(value)")
        }
        tocsin_setopt_list(easy, CURLOPT_HTTPHEADER, headerList)
    }
    private func append(_ line: String) {
        if let longer = curl_slist_append(headerList, line) { headerList = longer }
    }

    /// Nothing may end a line early or be cut at a NUL.
    private func checkText() throws(TransferFault) {
        let isToken: (String) -> Bool = { text in
            !text.isEmpty
                && text.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                    }
                }
        }
        guard isToken(request.method) else {
            throw unusable("not an HTTP method: \(Visible.text(request.method, limit: 40))")
        }
        for (name, value) in request.headers {
            guard isToken(name) else {
                throw unusable("not a header's name: \(Visible.text(name, limit: 40))")
            }
            guard value.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }) else {
                throw unusable("the value of the header \(name) holds control characters")
            }
        }
        guard request.url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw unusable("the URL holds spaces or control characters")
        }
    }

    @discardableResult private func set(_ option: CURLoption, _ value: Int) -> Bool {
        tocsin_setopt_long(easy, option, value) == CURLE_OK
    }
    @discardableResult private func set(_ option: CURLoption, _ value: String) -> Bool {
        tocsin_setopt_string(easy, option, value) == CURLE_OK
    }
    @discardableResult
    private func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer) -> Bool {
        tocsin_setopt_pointer(easy, option, value) == CURLE_OK
    }
    private func unusable(_ message: String) -> TransferFault {
        TransferFault(kind: .unusable, message: message, seconds: 0)
    }

    // Bytes

    /// - Returns: false to end the transfer.
    fileprivate func take(header line: UnsafeBufferPointer<UInt8>) -> Bool {
        let text = line.prefix { $0 != 0x0D && $0 != 0x0A }
        if text.isEmpty {
            // The headers are complete; those of an interim answer or a redirect are followed by more.
            return !holds()
        }
        headerBytes += line.count
        if headerBytes > Self.headerLimit { return true }
        if text.starts(with: "HTTP/".utf8) {
            headers = []
            // "HTTP/1.1 200 OK"
            status =
                text.split(separator: 0x20).dropFirst().first.flatMap {
                    Int(String(decoding: $0, as: UTF8.self))
                } ?? 0
        } else if let colon = text.firstIndex(of: 0x3A) {
            let value = text[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
            headers.append(
                (
                    String(decoding: text[..<colon], as: UTF8.self).lowercased(),
                    String(decoding: value, as: UTF8.self)
                ))
        }
        return true
    }

    /// - Returns: false to end the transfer.
    fileprivate func take(body bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let room = request.bodyLimit - body.count
        if room > 0 { body.append(contentsOf: bytes.prefix(room)) }
        return !holds()
    }

    private func holds() -> Bool {
        guard let endsWhen = request.endsWhen, status >= 101, endsWhen(status, body) else {
            return false
        }
        ended = true
        return true
    }

    // End

    func result(_ code: CURLcode) -> Result<TransferAnswer, TransferFault> {
        if code == CURLE_OK || ended {
            return .success(
                TransferAnswer(
                    status: status, headers: headers, body: body, seconds: info(CURLINFO_TOTAL_TIME)
                ))
        }
        return .failure(fault(code))
    }

    func info(_ name: CURLINFO) -> Double {
        var value = 0.0
        tocsin_getinfo_double(easy, name, &value)
        return value
    }
    private func fault(_ code: CURLcode) -> TransferFault {
        var number = 0
        tocsin_getinfo_long(easy, CURLINFO_OS_ERRNO, &number)
        return FaultFinder(
            request: request, code: code, sentence: String(cString: words),
            systemError: Int32(truncatingIfNeeded: number),
            total: info(CURLINFO_TOTAL_TIME), resolved: info(CURLINFO_NAMELOOKUP_TIME) > 0,
            connected: info(CURLINFO_CONNECT_TIME) > 0, sent: info(CURLINFO_PRETRANSFER_TIME) > 0,
            answered: info(CURLINFO_STARTTRANSFER_TIME) > 0, bytes: body.count, given: given,
            status: status
        ).fault
    }
    /// The task was cancelled before there was a whole answer.
    var cancelled: TransferFault {
        TransferFault(
            kind: .interrupted, message: "no longer wanted", seconds: info(CURLINFO_TOTAL_TIME),
            sent: given, status: status)
    }
    private var given: TransferFault.Sent {
        var head = 0
        tocsin_getinfo_long(easy, CURLINFO_REQUEST_SIZE, &head)
        if head == 0 { return .nothing }
        var uploaded: curl_off_t = 0
        tocsin_getinfo_offset(easy, CURLINFO_SIZE_UPLOAD_T, &uploaded)
        return uploaded >= request.body?.count ?? 0 ? .whole : .partly
    }
}

/// libcurl's callbacks: all bytes taken, or 0 to end the transfer.
private let bodyArrived: tocsin_write_function = { data, size, count, context in
    guard let data, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return data.withMemoryRebound(to: UInt8.self, capacity: size * count) { bytes in
        transfer.take(body: UnsafeBufferPointer(start: bytes, count: size * count))
    } ? size * count : 0
}
private let headerArrived: tocsin_write_function = { data, size, count, context in
    guard let data, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    return data.withMemoryRebound(to: UInt8.self, capacity: size * count) { bytes in
        transfer.take(header: UnsafeBufferPointer(start: bytes, count: size * count))
    } ? size * count : 0
}
