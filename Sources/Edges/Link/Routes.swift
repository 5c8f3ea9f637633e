// The routes of the engine's API: which request means what, and how each is answered.
import Domain
import FoundationEssentials
import NIOCore
import Wire

struct Routes: Answering {
    /// The most events in one answer.
    static let mostEvents = 10_000

    let service: any EngineService
    let limits: EngineServer.Limits
    /// Who asks, where the kernel cannot know.
    private let stranger: Caller?
    private let names = CallerNames()

    /// - Parameter stranger: who everybody is; nil: who the kernel says they are.
    init(
        service: any EngineService, limits: EngineServer.Limits, everybodyIs stranger: Caller? = nil
    ) {
        self.service = service
        self.limits = limits
        self.stranger = stranger
    }

    private enum Route {
        case situation, runbook, plan, backups, stream, events, commands, alerts, metrics, health
        case history(ProbeReference)

        init?(_ segments: [String]) {
            switch segments {
            case ["v1", "situation"]: self = .situation
            case ["v1", "runbook"]: self = .runbook
            case ["v1", "rollback", "plan"]: self = .plan
            case ["v1", "backups"]: self = .backups
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
        var method: String {
            switch self {
            case .commands, .alerts: "POST"
            case .situation, .runbook, .plan, .backups, .stream, .events, .metrics, .health,
                .history:
                "GET"
            }
        }
    }

    /// - Parameter channel: the connection that it came on, which tells who asks.
    func answer(to request: Request, on channel: any NIOCore.Channel) async -> Answer {
        let sides = request.target.prefix { $0 != "#" }
            .split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(sides.first ?? "")
        guard let route = Route(path.split(separator: "/").map { percentDecoded($0) }) else {
            return .refusal(404, "path", "there is no \(Visible.text(path, limit: 100))")
        }
        guard request.method == route.method else {
            var answer = Answer.refusal(405, "method", "\(path) takes \(route.method) only")
            answer.allow = route.method
            return answer
        }
        do {
            return try await answer(
                route, request, Query(sides.count > 1 ? sides[1] : ""), on: channel)
        } catch {
            let (status, report) = RefusalReport.answer(to: error)
            return .json(report, status: status)
        }
    }

    private func answer(
        _ route: Route, _ request: Request, _ query: Query, on channel: any NIOCore.Channel
    ) async throws -> Answer {
        func caller() async throws -> Caller {
            if let stranger { return stranger }
            return try await names.caller(on: channel)
        }
        switch route {
        // Liveness and metrics are for machines that watch the engine; they need no name.
        case .health: return await health()
        case .metrics: return metricsText(await service.metrics())
        case .events: return .json(try await events(query))
        case .history(let probe): return try await history(probe, query)
        case .situation: return .json(await service.situation(for: try await caller()))
        case .runbook: return .json(await service.runbook(for: try await caller()))
        case .plan: return .json(try await service.rollbackPlan(for: try await caller()))
        case .backups: return .json(try await service.backups(for: try await caller()))
        case .commands:
            let command = try CommandRequest(strict: request.body)
            return .json(try await service.perform(command, by: try await caller()))
        case .alerts:
            return .json(try await service.alert(request.body, by: try await caller()))
        case .stream:
            let caller = try await caller()
            return Answer(
                status: 200, type: "application/x-ndjson",
                body: .stream(try await service.stream(for: caller)) { [service] in
                    try await service.stream(for: caller)
                })
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

    private func history(_ probe: ProbeReference, _ query: Query) async throws -> Answer {
        let window = try query.span("window") ?? .hours(1)
        guard let page = await service.history(of: probe, window: window) else {
            return .refusal(
                404, "probe", "there is no probe \(Visible.text("\(probe)", limit: 100))")
        }
        return .json(page)
    }

    private func health() async -> Answer {
        await service.isLive
            ? .json(["live": true]) : .refusal(503, "live", "the engine does not do its work")
    }

    private func metricsText(_ text: String) -> Answer {
        Answer(
            status: 200, type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
            body: .whole(Data(text.utf8)))
    }
}

extension Answer {
    static func json(_ value: some Encodable, status: Int = 200) -> Answer {
        do {
            return Answer(
                status: status, type: "application/json",
                body: .whole(try WireCoding.encode(value)))
        } catch {
            return .refusal(500, "defect", "the answer cannot be written: \(error)")
        }
    }

    static func refusal(_ status: Int, _ rule: String, _ why: String) -> Answer {
        let report = RefusalReport(
            refused: rule, why: why, remedy: "See docs/openapi.yaml for the routes.")
        // Three texts can always be written.
        let data = (try? WireCoding.encode(report)) ?? Data()
        return Answer(status: status, type: "application/json", body: .whole(data))
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

    init(_ text: some StringProtocol) {
        var values: [Substring: String] = [:]
        for part in String(text).split(separator: "&") {
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
