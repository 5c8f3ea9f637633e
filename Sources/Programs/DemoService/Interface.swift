// What programs ask courier: its statistics, its fallbacks, and the house services beside it.
import FoundationEssentials
import NIOHTTP1
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// What the statistics page answers.
struct Statistics: Codable, Sendable, Equatable {
    struct Sockets: Codable, Sendable, Equatable {
        /// Users with an open line, and users that ought to have one.
        var connected: Int
        var expected: Int
    }
    struct Memory: Codable, Sendable, Equatable {
        /// Megabytes that the process holds.
        var mb: Double
    }
    var mode: Mode
    var emergency: Bool
    var websocket: Sockets
    var delivery: DeliveryNumbers
    var memory: Memory
}

/// What the status page says: kept in a file, so that it is there while the database is not.
struct HouseStatus: Codable, Sendable, Equatable {
    var status: String
    var message: String
    /// RFC 3339; none before the first change.
    var updatedAt: String?

    private static let file = "data/status.json"
    var line: String { message.isEmpty ? status : "\(status): \(message)" }

    static func read(_ folder: ServiceFolder) -> HouseStatus {
        (try? folder.bytes(file)).flatMap { JSON.value(HouseStatus.self, $0) }
            ?? HouseStatus(status: "operational", message: "")
    }
    func write(_ folder: ServiceFolder) throws { try folder.write(Self.file, JSON.text(self)) }
}

extension Pages {
    /// What stands beside the notification system, and is there whatever state that is in: the
    /// liveness page, the status page, the ticket box, the gateway.
    func house(_ request: Request) async -> Response? {
        switch (request.method, request.path) {
        case (.GET, "/healthz"), (.HEAD, "/healthz"):
            return .json(["alive": "yes", "mode": courier.site.mode.rawValue])
        case (.GET, "/api/status"): return .json(HouseStatus.read(courier.folder))
        case (.POST, "/api/status"): return setStatus(request)
        case (.POST, "/api/tickets"): return openTicket(request)
        default: return gateway(request)
        }
    }

    /// What belongs to the notification system; nil for what is not known here.
    func interface(_ request: Request) async -> Response? {
        let path = request.path
        switch (request.method, path) {
        case (.GET, "/api/notifications/stats"): return .json(await statistics())
        case (.POST, "/test-flash-message"): return testFlash(request)
        case (.GET, "/api/fallbacks"): return .json(fallbacks)
        default:
            guard path.hasPrefix("/api/fallbacks/") else { return nil }
            return fallback(String(path.dropFirst("/api/fallbacks/".count)), request)
        }
    }

    private func statistics() async -> Statistics {
        let none = DeliveryNumbers(
            by: "none", successRate: 0, errorRate: 100, pending: 0, delivered: 0)
        return Statistics(
            mode: courier.site.mode, emergency: courier.emergency,
            websocket: .init(connected: courier.lines.connected, expected: courier.expected),
            delivery: await courier.delivery?.numbers() ?? none,
            memory: .init(mb: residentMegabytes()))
    }

    // MARK: Fallbacks

    private var fallbacks: [String: Bool] {
        let on = courier.switches.now.fallbacks
        return Dictionary(uniqueKeysWithValues: Fallbacks.names.map { ($0, on.contains($0)) })
    }

    private func fallback(_ name: String, _ request: Request) -> Response {
        guard let enabled = fallbacks[name] else {
            return .refusal(.notFound, "there is no such fallback; there are flash and broadcast")
        }
        switch request.method {
        case .GET: return .json(["enabled": enabled])
        case .POST:
            struct Wish: Codable {
                var enabled: Bool
                var message: String?
            }
            guard let wish = request.json(Wish.self) else {
                return .refusal(.badRequest, "send JSON such as {\"enabled\": true}")
            }
            do {
                try Fallbacks.set(
                    name, on: wish.enabled, text: wish.message.map { String($0.prefix(500)) },
                    in: courier.folder)
            } catch { return .refusal(.internalServerError, "\(error)") }
            _ = courier.switches.refresh(courier.folder)
            return .json(["enabled": wish.enabled])
        default: return .refusal(.methodNotAllowed, "use GET or POST")
        }
    }

    private func testFlash(_ request: Request) -> Response {
        struct Message: Codable {
            var message: String
            var category: String?
        }
        guard courier.showsFlash else {
            return .refusal(.conflict, "flash messages are off; enable the fallback flash first")
        }
        guard let message = request.json(Message.self), !message.message.isEmpty else {
            return .refusal(.badRequest, "send JSON such as {\"message\": \"Test\"}")
        }
        courier.flash.add(
            Flash(
                category: String((message.category ?? "info").prefix(40)),
                text: String(message.message.prefix(500))), to: FlashBox.guest)
        return .json(["shown": "on the next page"])
    }

    // MARK: The house

    private func setStatus(_ request: Request) -> Response {
        struct Wish: Codable {
            var status: String
            var message: String?
        }
        guard let wish = request.json(Wish.self), !wish.status.isEmpty else {
            return .refusal(
                .badRequest, "send JSON such as {\"status\": \"degraded\", \"message\": \"…\"}")
        }
        let status = HouseStatus(
            status: String(wish.status.prefix(40)),
            message: String((wish.message ?? "").prefix(500)),
            updatedAt: Date().formatted(.iso8601))
        do { try status.write(courier.folder) } catch {
            return .refusal(.internalServerError, "\(error)")
        }
        return .json(status)
    }

    /// Tickets are kept as files, the newest hundred.
    private func openTicket(_ request: Request) -> Response {
        struct Ticket: Codable {
            var id: String?
            var title: String
            var priority: String?
            var assignee: String?
        }
        guard var ticket = request.json(Ticket.self), !ticket.title.isEmpty else {
            return .refusal(
                .badRequest, "send JSON such as {\"title\": \"…\", \"priority\": \"low\"}")
        }
        do {
            // Two at the same time must not get the same number.
            let id = try Self.ticketNumbers.withLock { _ in
                let last = courier.folder.names(in: "tickets").compactMap(Self.number).max() ?? 0
                let id = "COUR-\(last + 1)"
                ticket.id = id
                try courier.folder.write("tickets/\(id).json", JSON.text(ticket))
                try courier.folder.remove("tickets/COUR-\(last - 99).json")
                return id
            }
            return .json(["number": id], status: .created)
        } catch { return .refusal(.internalServerError, "\(error)") }
    }

    private static let ticketNumbers = Mutex(())
    /// 12 of `COUR-12.json`.
    private static func number(_ file: String) -> Int? {
        Int(file.dropFirst("COUR-".count).dropLast(".json".count))
    }
}

/// What the process holds in memory, by the kernel's count; 0 where that cannot be read.
func residentMegabytes() -> Double {
    guard let file = fopen("/proc/self/statm", "re") else { return 0 }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 256)
    guard fgets(&buffer, Int32(buffer.count), file) != nil else { return 0 }
    let text = String(
        decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? 0
    return (pages * Double(sysconf(Int32(_SC_PAGESIZE))) / 1_048_576 * 10).rounded() / 10
}
