// The routes of the engine's API: which request means what, and how each is answered.
import Domain
import FoundationEssentials
import Hummingbird
import NIOCore
import ServiceLifecycle
import Wire

struct Routes: HTTPResponder {
    typealias Context = ConnectionContext

    /// The most events in one answer.
    static let mostEvents = 10_000

    let service: any EngineService
    let limits: EngineServer.Limits
    private let names = CallerNames()

    init(service: any EngineService, limits: EngineServer.Limits) {
        self.service = service
        self.limits = limits
    }

    private enum Route {
        case situation, runbook, plan, stream, events, commands, alerts, metrics, health
        case history(ProbeReference)

        init?(_ segments: [String]) {
            switch segments {
            case ["v1", "situation"]: self = .situation
            case ["v1", "runbook"]: self = .runbook
            case ["v1", "rollback", "plan"]: self = .plan
            case ["v1", "stream"]: self = .stream
            case ["v1", "events"]: self = .events
            case ["v1", "commands"]: self = .commands
            case ["v1", "alerts"]: self = .alerts
            case ["metrics"]: self = .metrics
            case ["healthz"]: self = .health
            default:
                guard segments.count == 5, segments[..<2] == ["v1", "probes"],
                    segments[4] == "history"
                else { return nil }
                self = .history(ProbeReference(component: segments[2], probe: segments[3]))
            }
        }
        var method: HTTPRequest.Method {
            switch self {
            case .commands, .alerts: .post
            case .situation, .runbook, .plan, .stream, .events, .metrics, .health, .history: .get
            }
        }
    }

    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        do {
            let path = request.uri.path
            guard let route = Route(segments(of: path)) else {
                return try refuse(404, "path", "there is no \(Visible.text(path, limit: 100))")
            }
            guard request.method == route.method else {
                var response = try refuse(
                    405, "method", "\(path) takes \(route.method.rawValue) only")
                response.headers[.allow] = route.method.rawValue
                return response
            }
            return try await answer(route, request, context)
        } catch let error as NIOTooManyBytesError {
            _ = error
            return try refuse(413, "size", "a body has at most \(limits.body) bytes")
        } catch {
            let (status, report) = RefusalReport.answer(to: error)
            return try json(report, status: .init(code: status))
        }
    }

    private func answer(
        _ route: Route, _ request: Request, _ context: ConnectionContext
    ) async throws -> Response {
        // Liveness and metrics are for machines that watch the engine; they need no name.
        switch route {
        case .health: return try await health()
        case .metrics: return metricsText(await service.metrics())
        case .events: return try json(try await events(Query(request)))
        case .history(let probe): return try await history(probe, Query(request))
        case .situation, .runbook, .plan, .stream, .commands, .alerts: break
        }
        let caller = try await names.caller(on: context.channel)
        switch route {
        case .situation: return try json(await service.situation(for: caller))
        case .runbook: return try json(await service.runbook(for: caller))
        case .plan: return try json(try await service.rollbackPlan(for: caller))
        case .stream: return try await stream(for: caller, on: context.channel)
        case .commands:
            let command = try CommandRequest(strict: try await body(of: request))
            return try json(try await service.perform(command, by: caller))
        case .alerts:
            return try json(try await service.alert(try await body(of: request), by: caller))
        case .health, .metrics, .events, .history:
            return try refuse(404, "path", "there is no such path")
        }
    }

    // MARK: Single routes

    private func events(_ query: Query) async throws -> EventPage {
        let limit = try query.number("limit", in: 1...Self.mostEvents) ?? 1000
        guard let after = try query.number("after", in: 0...Int.max) else {
            return try await service.newestEvents(limit: limit)
        }
        return try await service.events(after: after, limit: limit)
    }

    private func history(_ probe: ProbeReference, _ query: Query) async throws -> Response {
        let window = try query.span("window") ?? .hours(1)
        guard let page = await service.history(of: probe, window: window) else {
            return try refuse(
                404, "probe", "there is no probe \(Visible.text("\(probe)", limit: 100))")
        }
        return try json(page)
    }

    private func health() async throws -> Response {
        guard await service.isLive else {
            return try refuse(503, "live", "the engine does not do its work")
        }
        return try json(["live": true])
    }

    private func metricsText(_ text: String) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private func stream(for caller: Caller, on channel: any NIOCore.Channel) async throws
        -> Response
    {
        let first = try await service.stream(for: caller)
        let pump = StreamPump(
            service: service, caller: caller, channel: channel, stuck: limits.stuck)
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                try await pump.run(from: first, into: &writer)
                try await writer.finish(nil)
            })
    }

    // MARK: Reading and writing

    private func body(of request: Request) async throws -> Data {
        var request = request
        let buffer = try await request.collectBody(upTo: limits.body)
        return Data(buffer.readableBytesView)
    }

    private func refuse(_ status: Int, _ rule: String, _ why: String) throws -> Response {
        try json(
            RefusalReport(refused: rule, why: why, remedy: "See docs/openapi.yaml for the routes."),
            status: .init(code: status))
    }

    private func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let data = try WireCoding.encode(value)
        return Response(
            status: status,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }

    private func segments(of path: String) -> [String] {
        path.split(separator: "/", omittingEmptySubsequences: true).map { percentDecoded($0) }
    }
}

extension CommandRequest {
    /// Reads a command. A field that no command has is refused rather than ignored: a misspelt
    /// `dry_run` must not run a rollback.
    init(strict data: Data) throws {
        let given = try WireCoding.decode(FieldNames.self, from: data).names
        let known = Set(
            Mirror(reflecting: CommandRequest(command: "")).children.compactMap(\.label))
        let unknown = given.filter { !known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            let names = unknown.prefix(5).map { Visible.text($0, limit: 40) }
            throw Refusal(notUnderstood: "a command has no field \(names.joined(separator: ", "))")
        }
        self = try WireCoding.decode(CommandRequest.self, from: data)
    }
}

/// The names of an object's fields.
private struct FieldNames: Decodable {
    var names: [String]
    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
    init(from decoder: any Decoder) throws {
        names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue)
    }
}

/// The query of a request, checked as it is read.
private struct Query {
    private let values: [Substring: String]

    init(_ request: Request) {
        var values: [Substring: String] = [:]
        for part in (request.uri.query ?? "").split(separator: "&") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            values[sides[0]] = sides.count == 2 ? percentDecoded(sides[1]) : ""
        }
        self.values = values
    }

    func number(_ name: Substring, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = values[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            let most = range.upperBound == Int.max ? "or more" : "to \(range.upperBound)"
            throw Refusal(
                notUnderstood: "\(name) must be a whole number, \(range.lowerBound) \(most)")
        }
        return number
    }

    func span(_ name: Substring) throws -> Span? {
        guard let text = values[name] else { return nil }
        guard let span = Span(text), span > .zero else {
            throw Refusal(notUnderstood: "\(name) must be a length of time such as 15m or 1h")
        }
        return span
    }
}

/// Undoes `%41`; what is no valid escape stays as it is.
private func percentDecoded(_ text: some StringProtocol) -> String {
    guard text.contains("%") else { return String(text) }
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
        if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
            let value = UInt8(
                String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
        {
            result.append(value)
            index += 3
        } else {
            result.append(bytes[index])
            index += 1
        }
    }
    return String(decoding: result, as: UTF8.self)
}
