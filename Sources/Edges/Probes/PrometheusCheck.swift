// The `prometheus` probe: an instant query, one result per series. Prometheus HTTP API, /api/v1/query.
import Domain
import FoundationEssentials
import Transfers

struct PrometheusCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let url: String
    private let query: String

    init(_ context: CheckContext, _ probe: Probe, _ url: String, _ query: String) {
        self.context = context
        self.probe = probe
        self.url = url
        self.query = query
    }

    func find() async -> Finding {
        let answer: TransferAnswer
        do throws(Fault) {
            // As a form: the query is encoded there, however long it is.
            let base = url.hasSuffix("/") ? String(url.dropLast()) : url
            var request = HTTPRequest(url: .plain(base + "/api/v1/query"), method: "POST")
            request.body = .form([NamedValue(name: "query", value: .plain(query))])
            let transfer = try TransferRequest(
                request, variables: context.variables, secrets: context.secrets,
                timeout: probe.schedule.timeout)
            do throws(TransferFault) {
                answer = try await Transfers.shared.perform(transfer)
            } catch {
                return Finding(error)
            }
        } catch {
            return Finding(error)
        }
        guard let reply = try? JSONDecoder().decode(Reply.self, from: Data(answer.body)) else {
            return Finding(.bad, "HTTP \(answer.status), and not in Prometheus's format")
        }
        guard reply.status == "success", let data = reply.data else {
            // The query is the runbook's.
            return Finding(.unknown, "Prometheus refused the query: \(reply.error ?? "no reason")")
        }
        guard let series = data.series else {
            return Finding(
                .unknown, "the query answers a \(data.resultType), not one value per series")
        }
        return judge(series)
    }

    private func judge(_ unordered: [Series]) -> Finding {
        // In the order of their labels, so that a series keeps its number while the set is the same.
        let series = unordered.sorted { $0.name < $1.name }
        guard !series.isEmpty else { return Finding(.unknown, "no series matches the query") }
        var finding = Finding(.good, "", source: .first(series.first?.value))
        for (index, one) in series.enumerated() {
            guard let value = one.value, value.isFinite else { continue }
            finding.metrics.append(
                Metric(name: "\(probe.reference).\(index + 1)", value: value, unit: ""))
        }
        let zero = series.filter { $0.value == 0 }
        let strange = series.filter { $0.value?.isFinite != true }
        func list(_ some: [Series]) -> String {
            some.prefix(3).map(\.name).joined(separator: ", ") + (some.count > 3 ? ", …" : "")
        }
        let count = series.count == 1 ? "1 series" : "\(series.count) series"
        if !zero.isEmpty {
            finding.answer = .bad
            finding.message = "\(zero.count) of \(count) at 0: \(list(zero))"
        } else if !strange.isEmpty {
            finding.answer = .degraded
            finding.message = "\(strange.count) of \(count) without a number: \(list(strange))"
        } else {
            finding.message = "\(count), none at 0"
        }
        return finding
    }
}

private struct Series {
    var name: String
    /// Nil when it is no number.
    var value: Double?
}

private struct Reply: Decodable {
    struct Result: Decodable {
        var metric: [String: String]
        var value: Point
    }
    /// `[unix time, "value"]`.
    struct Point: Decodable {
        var value: String
        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            _ = try container.decode(Double.self)
            value = try container.decode(String.self)
        }
    }
    struct Body: Decodable {
        var resultType: String
        /// Nil for ranges and texts.
        var series: [Series]?

        private enum Key: CodingKey { case resultType, result }
        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            resultType = try container.decode(String.self, forKey: .resultType)
            switch resultType {
            case "vector":
                series = try container.decode([Result].self, forKey: .result).map { result in
                    let labels = result.metric.filter { $0.key != "__name__" }
                        .map { "\($0.key)=\"\($0.value)\"" }.sorted()
                    return Series(
                        name: (result.metric["__name__"] ?? "")
                            + "{\(labels.joined(separator: ","))}",
                        value: Double(result.value.value))
                }
            case "scalar":
                let point = try container.decode(Point.self, forKey: .result)
                series = [Series(name: "scalar", value: Double(point.value))]
            default: series = nil
            }
        }
    }
    var status: String
    var error: String?
    var data: Body?
}
