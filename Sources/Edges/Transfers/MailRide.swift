// One mail on its way: libcurl's options for it, the server's replies, and how it ended.
import CCurl
import Domain
import Glibc

extension MailRide {
    /// Blocks until the mail is taken or failed, then tells; the farewell to the server comes after.
    func run(_ finish: (Result<MailReply, MailFault>) -> Void) {
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard let easy = curl_easy_init() else {
            finish(.failure(unusable("out of memory")))
            return
        }
        let course = MailCourse(self, easy)
        if let problem = course.prepare() {
            finish(.failure(unusable(problem)))
        } else {
            finish(course.perform())
        }
        stopListening()
        curl_easy_cleanup(easy)
        withExtendedLifetime(course) {}
    }
    private func unusable(_ message: String) -> MailFault {
        MailFault(fault: TransferFault(kind: .unusable, message: message, seconds: 0))
    }
}

func end(_ socket: Int32, both: Bool) {
    shutdown(socket, Int32(both ? SHUT_RDWR : SHUT_RD))
}

/// Belongs to its thread alone; libcurl's callbacks get it as their context.
private final class MailCourse {
    let ride: MailRide
    let easy: UnsafeMutableRawPointer
    private var given = 0
    /// libcurl was told that there is no more: what it sends after that is the end of the message.
    private var whole = false
    private var reply: [String] = []
    private var replyIsComplete = false
    /// What comes now is an answer to QUIT.
    private var isOver = false
    private var recipients: UnsafeMutablePointer<curl_slist>?
    private let words = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    init(_ ride: MailRide, _ easy: UnsafeMutableRawPointer) {
        self.ride = ride
        self.easy = easy
        words.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }
    deinit {
        curl_slist_free_all(recipients)
        words.deallocate()
    }

    private var mail: MailTransfer { ride.mail }

    /// - Returns: what is wrong with the mail; nil when it may go.
    func prepare() -> String? {
        let scheme = mail.server.prefix { $0 != ":" }.lowercased()
        guard scheme == "smtp" || scheme == "smtps" else {
            return "mail goes by smtp:// or smtps:// only"
        }
        let texts = [mail.server, mail.from, mail.to]
        guard texts.allSatisfy({ text in text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }),
            !mail.from.utf8.contains(where: { "<>".utf8.contains($0) }),
            !mail.to.utf8.contains(where: { "<>".utf8.contains($0) })
        else { return "an address holds what no address may hold" }
        let context = Unmanaged.passUnretained(self).toOpaque()
        set(CURLOPT_ERRORBUFFER, UnsafeMutableRawPointer(words))
        set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_QUICK_EXIT, 1)
        let milliseconds = max(1, Int((min(mail.timeout.seconds, 604_800) * 1000).rounded(.up)))
        set(CURLOPT_TIMEOUT_MS, milliseconds)
        set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
        tocsin_setopt_sockets(easy, openSocket, closeSocket, context)
        tocsin_setopt_progress(easy, progressed)
        set(CURLOPT_XFERINFODATA, context)
        set(CURLOPT_NOPROGRESS, 0)
        tocsin_setopt_write(easy, CURLOPT_HEADERFUNCTION, lineArrived)
        set(CURLOPT_HEADERDATA, context)
        tocsin_setopt_write(easy, CURLOPT_WRITEFUNCTION, swallow)
        tocsin_setopt_write(easy, CURLOPT_READFUNCTION, bytesWanted)
        set(CURLOPT_READDATA, context)
        set(CURLOPT_UPLOAD, 1)
        tocsin_setopt_debug(easy, heard)
        set(CURLOPT_DEBUGDATA, context)
        set(CURLOPT_VERBOSE, 1)
        prepareTrust()
        recipients = curl_slist_append(nil, "<\(mail.to)>")
        tocsin_setopt_list(easy, CURLOPT_MAIL_RCPT, recipients)
        let fits =
            set(CURLOPT_URL, mail.server) && set(CURLOPT_MAIL_FROM, "<\(mail.from)>")
            && (mail.user.map { set(CURLOPT_USERNAME, $0) } ?? true)
            && (mail.password.map { set(CURLOPT_PASSWORD, $0) } ?? true)
        return fits && recipients != nil ? nil : "an address or a password is too long"
    }

    private func prepareTrust() {
        let use: UInt32 =
            switch mail.startTLS {
            case .whenOffered: CURLUSESSL_TRY.rawValue
            case .required: CURLUSESSL_ALL.rawValue
            case .never: CURLUSESSL_NONE.rawValue
            }
        set(CURLOPT_USE_SSL, Int(use))
        if let file = mail.authorities ?? Trust.file { set(CURLOPT_CAINFO, file) }
        if !mail.verifies {
            set(CURLOPT_SSL_VERIFYPEER, 0)
            set(CURLOPT_SSL_VERIFYHOST, 0)
        }
    }

    func perform() -> Result<MailReply, MailFault> {
        let code = curl_easy_perform(easy)
        var status = 0
        tocsin_getinfo_long(easy, CURLINFO_RESPONSE_CODE, &status)
        let said = MailReply(
            code: status, text: Visible.text(reply.joined(separator: " "), limit: 500))
        if code == CURLE_OK { return .success(said) }
        return .failure(
            MailFault(
                fault: fault(code), reply: (400...599).contains(status) ? said : nil))
    }

    private func fault(_ code: CURLcode) -> TransferFault {
        let target = Address(url: mail.server).target
        let total = seconds(CURLINFO_TOTAL_TIME)
        func make(_ kind: TransferFault.Kind, _ message: String) -> TransferFault {
            TransferFault(
                kind: kind, message: message, seconds: total,
                sent: whole ? .whole : given > 0 ? .partly : .nothing)
        }
        if ride.isCancelled { return make(.interrupted, "no longer wanted") }
        let greeted = !reply.isEmpty
        switch code {
        case CURLE_USE_SSL_FAILED: return make(.tls, "\(target) offers no TLS")
        case CURLE_LOGIN_DENIED:
            return make(.interrupted, "\(target) does not accept the user and password")
        case CURLE_OPERATION_TIMEDOUT where seconds(CURLINFO_CONNECT_TIME) > 0:
            let limit = mail.timeout.spoken
            let what =
                whole
                ? "\(target) took the whole mail and did not say what became of it"
                : greeted ? "\(target) stopped answering" : "\(target) did not greet"
            return make(.timeout, "\(what) within \(limit)")
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE:
            return make(
                .interrupted,
                whole
                    ? "\(target) broke off when it had the whole mail"
                    : "\(target) broke off the connection")
        case CURLE_REMOTE_ACCESS_DENIED:
            return make(.interrupted, "\(target) does not answer to EHLO and HELO")
        default: return found(code, given: make(.interrupted, "").sent)
        }
    }

    /// Names, connections and TLS go wrong as they do in HTTP.
    private func found(_ code: CURLcode, given: TransferFault.Sent) -> TransferFault {
        var number = 0
        tocsin_getinfo_long(easy, CURLINFO_OS_ERRNO, &number)
        return FaultFinder(
            request: TransferRequest(url: mail.server, timeout: mail.timeout), language: "SMTP",
            code: code, sentence: String(cString: words),
            systemError: Int32(truncatingIfNeeded: number), total: seconds(CURLINFO_TOTAL_TIME),
            resolved: seconds(CURLINFO_NAMELOOKUP_TIME) > 0,
            connected: seconds(CURLINFO_CONNECT_TIME) > 0, sent: false, answered: false, bytes: 0,
            given: given
        ).fault
    }

    private func seconds(_ name: CURLINFO) -> Double {
        var value = 0.0
        tocsin_getinfo_double(easy, name, &value)
        return value
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

    // Bytes

    fileprivate func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, mail.message.count - given)
        mail.message.withUnsafeBytes { bytes in
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[given..<given + count]))
        }
        given += count
        if count == 0 { whole = true }
        return count
    }

    /// libcurl waits for the answer to QUIT for two minutes, whatever the transfer's time limit; and
    /// it says QUIT also in the middle, after a refusal.
    fileprivate func said(_ command: UnsafeBufferPointer<UInt8>) {
        if command.starts(with: "QUIT".utf8) {
            isOver = true
            ride.stopListening()
        }
    }

    /// `250-first` is followed by more of the same reply, `250 last` is not.
    fileprivate func take(_ line: UnsafeBufferPointer<UInt8>) {
        if isOver { return }
        if replyIsComplete { reply = [] }
        let text = String(decoding: line.prefix { $0 != 0x0D && $0 != 0x0A }, as: UTF8.self)
        replyIsComplete = !text.dropFirst(3).hasPrefix("-")
        if reply.count < 20 { reply.append(String(text.dropFirst(4).prefix(500))) }
    }
}

private func course(_ context: UnsafeMutableRawPointer) -> MailCourse {
    Unmanaged<MailCourse>.fromOpaque(context).takeUnretainedValue()
}
private let swallow: tocsin_write_function = { _, size, count, _ in size * count }
private let bytesWanted: tocsin_write_function = { data, size, count, context in
    guard let data, let context else { return 0 }
    return course(context).give(UnsafeMutableRawBufferPointer(start: data, count: size * count))
}
private let lineArrived: tocsin_write_function = { data, size, count, context in
    guard let data, let context else { return 0 }
    data.withMemoryRebound(to: UInt8.self, capacity: size * count) { bytes in
        course(context).take(UnsafeBufferPointer(start: bytes, count: size * count))
    }
    return size * count
}
private let progressed: curl_xferinfo_callback = { context, _, _, _, _ in
    guard let context else { return 0 }
    return course(context).ride.isCancelled ? 1 : 0
}
private let heard: curl_debug_callback = { _, kind, data, count, context in
    guard kind == CURLINFO_HEADER_OUT, let data, let context else { return 0 }
    data.withMemoryRebound(to: UInt8.self, capacity: count) { bytes in
        course(context).said(UnsafeBufferPointer(start: bytes, count: count))
    }
    return 0
}
/// No child process inherits the socket.
private let openSocket: curl_opensocket_callback = { context, _, address in
    guard let context, let address else { return -1 }
    let made = socket(
        address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue),
        address.pointee.protocol)
    if made >= 0, !course(context).ride.opened(made) {
        close(made)
        return -1
    }
    return made
}
private let closeSocket: curl_closesocket_callback = { context, socket in
    guard let context else { return close(socket) }
    var result: Int32 = 0
    course(context).ride.closing(socket) { result = close(socket) }
    return result
}
