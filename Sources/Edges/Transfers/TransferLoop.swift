// The one thread that drives all transfers: libcurl's multi interface over epoll.
//
// curl_multi_perform would look at every transfer on every turn; with hundreds that hang that costs
// more than the checks themselves. With curl_multi_socket_action only what is ready is touched.
import CCurl
import CEvents
import Domain
import Glibc
import Synchronization

/// What other threads may do with the loop: leave a command, and wake it.
final class TransferInbox: Sendable {
    enum Command: Sendable {
        case start(Ticket, @Sendable (Result<TransferAnswer, TransferFault>) -> Void)
        case cancel(Ticket)
    }
    private let commands = Mutex<[Command]>([])
    /// An eventfd; readable when there are commands.
    let bell: Int32

    init?() {
        bell = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        if bell < 0 { return nil }
    }
    deinit { close(bell) }

    /// Answers everything with a fault, for a loop that could not be made.
    func refuseAll() -> Never {
        while true {
            var bellEvent = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
            poll(&bellEvent, 1, -1)
            for case .start(_, let finish) in takeAll() {
                finish(
                    .failure(
                        TransferFault(
                            kind: .unusable, message: "libcurl could not be started", seconds: 0)))
            }
        }
    }

    func send(_ command: Command) {
        let first = commands.withLock { waiting in
            waiting.append(command)
            return waiting.count == 1
        }
        if first { eventfd_write(bell, 1) }
    }
    func takeAll() -> [Command] {
        var value: eventfd_t = 0
        eventfd_read(bell, &value)
        return commands.withLock { waiting in
            defer { waiting.removeAll(keepingCapacity: true) }
            return waiting
        }
    }
}

/// Everything that belongs to the thread; it is made there and never leaves it.
final class TransferLoop {
    private let inbox: TransferInbox
    private let multi: UnsafeMutableRawPointer
    private let epoll: Int32
    private let noProxy: String
    /// When libcurl wants to be called although nothing is ready; nanoseconds, monotonic.
    private var deadline: UInt64?
    private var watched: Set<Int32> = []
    private var running: [UnsafeMutableRawPointer: Transfer] = [:]
    private var tickets: [ObjectIdentifier: UnsafeMutableRawPointer] = [:]
    /// Handles that rest; making one costs more than a whole check.
    private var idle: [UnsafeMutableRawPointer] = []

    private static let idleLimit = 1024

    init?(_ inbox: TransferInbox) {
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard let multi = curl_multi_init() else { return nil }
        self.inbox = inbox
        self.multi = multi
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epoll >= 0 else {
            curl_multi_cleanup(multi)
            return nil
        }
        let others = getenv("no_proxy").flatMap { String(validatingCString: $0) }
        noProxy = "localhost,127.0.0.0/8,::1" + (others.map { "," + $0 } ?? "")
        let context = Unmanaged.passUnretained(self).toOpaque()
        tocsin_multi_setopt_sockets(multi, socketChanged)
        tocsin_multi_setopt_pointer(multi, CURLMOPT_SOCKETDATA, context)
        tocsin_multi_setopt_timer(multi, timerChanged)
        tocsin_multi_setopt_pointer(multi, CURLMOPT_TIMERDATA, context)
        tocsin_multi_setopt_long(multi, CURLMOPT_MAXCONNECTS, Self.connectionsKept)
        watch(inbox.bell, EPOLLIN.rawValue)
    }

    /// Connections that stay open between checks: a quarter of the descriptors this process may have.
    private static var connectionsKept: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 64 }
        return max(16, min(2048, Int(clamping: limit.rlim_cur) / 4))
    }

    func run() -> Never {
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        while true {
            let count = epoll_wait(epoll, &events, Int32(events.count), waitMilliseconds)
            for event in events.prefix(max(0, Int(count))) {
                if event.data.fd == inbox.bell {
                    for command in inbox.takeAll() { obey(command) }
                } else {
                    act(event.data.fd, flags(event.events))
                }
            }
            if let moment = deadline, moment <= monotonicNanoseconds() {
                deadline = nil
                act(CURL_SOCKET_TIMEOUT, 0)
            }
            collect()
        }
    }

    private var waitMilliseconds: Int32 {
        guard let deadline else { return -1 }
        let now = monotonicNanoseconds()
        return deadline <= now ? 0 : Int32(clamping: (deadline - now + 999_999) / 1_000_000)
    }
    private func act(_ descriptor: Int32, _ flags: Int32) {
        var count: Int32 = 0
        curl_multi_socket_action(multi, descriptor, flags, &count)
    }
    private func flags(_ events: UInt32) -> Int32 {
        var result: Int32 = 0
        if events & EPOLLIN.rawValue != 0 { result |= CURL_CSELECT_IN }
        if events & EPOLLOUT.rawValue != 0 { result |= CURL_CSELECT_OUT }
        // By trying, libcurl learns which error it is.
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
            result |= CURL_CSELECT_IN | CURL_CSELECT_OUT
        }
        return result
    }

    // Commands

    private func obey(_ command: TransferInbox.Command) {
        switch command {
        case .start(let ticket, let finish):
            if ticket.cancelled.load(ordering: .acquiring) {
                finish(.failure(Self.cancelled))
            } else {
                start(ticket, finish)
            }
        case .cancel(let ticket):
            guard let easy = tickets[ObjectIdentifier(ticket)], let transfer = running[easy] else {
                return
            }
            let fault = transfer.cancelled
            remove(transfer)
            transfer.finish(.failure(fault))
        }
    }
    private static let cancelled = TransferFault(
        kind: .interrupted, message: "no longer wanted", seconds: 0)

    private func start(
        _ ticket: Ticket, _ finish: @escaping (Result<TransferAnswer, TransferFault>) -> Void
    ) {
        guard let easy = idle.popLast() ?? curl_easy_init() else {
            finish(.failure(TransferFault(kind: .unusable, message: "out of memory", seconds: 0)))
            return
        }
        let transfer = Transfer(ticket, easy: easy, finish: finish)
        do throws(TransferFault) {
            try transfer.prepare(noProxy: noProxy)
        } catch {
            rest(easy, keepsCookies: ticket.request.cookieJar != nil)
            finish(.failure(error))
            return
        }
        running[easy] = transfer
        tickets[ObjectIdentifier(ticket)] = easy
        curl_multi_add_handle(multi, easy)
    }

    private func collect() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
                let transfer = running[easy]
            else { continue }
            let result = transfer.result(message.pointee.data.result)
            remove(transfer)
            transfer.finish(result)
        }
    }

    private func remove(_ transfer: Transfer) {
        curl_multi_remove_handle(multi, transfer.easy)
        running[transfer.easy] = nil
        tickets[ObjectIdentifier(transfer.ticket)] = nil
        rest(transfer.easy, keepsCookies: transfer.ticket.request.cookieJar != nil)
    }
    /// Puts a handle aside. One that holds cookies writes them to its jar and is gone.
    private func rest(_ easy: UnsafeMutableRawPointer, keepsCookies: Bool) {
        if keepsCookies || idle.count >= Self.idleLimit {
            curl_easy_cleanup(easy)
        } else {
            curl_easy_reset(easy)
            idle.append(easy)
        }
    }

    // What libcurl asks for

    fileprivate func change(_ descriptor: Int32, _ what: Int32) {
        switch what {
        case CURL_POLL_IN: watch(descriptor, EPOLLIN.rawValue)
        case CURL_POLL_OUT: watch(descriptor, EPOLLOUT.rawValue)
        case CURL_POLL_INOUT: watch(descriptor, EPOLLIN.rawValue | EPOLLOUT.rawValue)
        case CURL_POLL_REMOVE:
            watched.remove(descriptor)
            var none = epoll_event()
            epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, &none)
        default: break
        }
    }
    private func watch(_ descriptor: Int32, _ events: UInt32) {
        var event = epoll_event(events: events, data: epoll_data_t(fd: descriptor))
        if watched.contains(descriptor),
            epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event) == 0
        {
            return
        }
        // New, or the number came back for another socket.
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
        watched.insert(descriptor)
    }
    fileprivate func wake(after milliseconds: Int) {
        deadline =
            milliseconds < 0 ? nil : monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
    }
}

private let socketChanged: curl_socket_callback = { _, descriptor, what, context, _ in
    guard let context else { return 0 }
    Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue().change(descriptor, what)
    return 0
}
private let timerChanged: curl_multi_timer_callback = { _, milliseconds, context in
    guard let context else { return 0 }
    Unmanaged<TransferLoop>.fromOpaque(context).takeUnretainedValue().wake(after: milliseconds)
    return 0
}

/// Nanoseconds on a clock that only goes forward.
func monotonicNanoseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
