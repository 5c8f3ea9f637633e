// Makes the checks: one file per kind finds something out, this one makes the answer of it.
//
// What the answers mean, for every kind alike:
//   good      the target answered, and every expectation holds
//   degraded  it answered well, but a metric of the runbook is not in the answer; or it says so itself
//   bad       the target failed: no answer in time, refused, broken off, not what was expected
//   unknown   the fault is ours: a plugin that cannot be started, a file that may not be read, a request
//             that cannot be made, no thread, no descriptor, a kind that this build has no client for
package import Domain
import FoundationEssentials
import Transfers

package struct ProbeChecker: Checker {
    let context: CheckContext

    /// - Parameters:
    ///   - folder: the runbook's, where relative plugins and paths start.
    ///   - variables: what `{{name}}` in requests stands for.
    package init(folder: String, secrets: any SecretReader, variables: [NamedText] = []) {
        context = CheckContext(folder: folder, secrets: secrets, variables: variables)
    }

    package func check(_ probe: Probe) async -> CheckResult {
        let start = Moment.now
        var finding = await find(probe)
        let latency = max(0, (Moment.now - start).seconds)
        if Task.isCancelled, finding.answer != .good {
            finding = Finding(.unknown, "the check was cancelled")
        }
        if finding.answer == .good, let under = probe.expect.under, latency >= under.seconds {
            finding.answer = .bad
            finding.message =
                "answered in \(Span(seconds: latency).measured) (wanted under \(under.spoken))"
        }
        finding.take(probe.metrics)
        return CheckResult(
            answer: finding.answer, latency: latency,
            message: Visible.text(finding.message, limit: 499),
            metrics: finding.metrics)
    }

    private func find(_ probe: Probe) async -> Finding {
        switch probe.check {
        case .http(let request): await HTTPCheck(context, probe, request).find()
        case .tcp(let host, let port): await TCPCheck(context, probe, host, port).find()
        case .websocket(let url, let headers):
            await WebSocketCheck(context, probe, url, headers).find()
        case .process(let match): await ProcessCheck(context, probe, match).find()
        case .sql(let source, let query): await SQLCheck(context, probe, source, query).find()
        case .redis(let source, let command):
            await RedisCheck(context, probe, source, command).find()
        case .disk(let path): await DiskCheck(context, probe, path).find()
        case .memory: await MemoryCheck(context, probe).find()
        case .cpu: await CPUCheck(context, probe).find()
        case .systemd(let unit): await SystemdCheck(context, probe, unit).find()
        case .nagios(let run): await PluginCheck(context, probe, run).find()
        case .prometheus(let url, let query):
            await PrometheusCheck(context, probe, url, query).find()
        }
    }
}

/// What the checks share: threads, compiled expressions, the last reading of the processors.
final class CheckContext: Sendable {
    let folder: String
    let secrets: any SecretReader
    let variables: [NamedText]
    let patterns = Patterns()
    let processors = ProcessorReadings()
    let files = BlockingPool("probe-files", threads: 8)
    let databases = BlockingPool("probe-sql", threads: 8)
    let servers = ServerPools()
    /// A little more than the scheduler starts at once, for checks that a step asks for.
    let programs = BlockingPool("probe-programs", threads: ProbeScheduler.programsAtOnce + 8)

    init(folder: String, secrets: any SecretReader, variables: [NamedText]) {
        self.folder = folder
        self.secrets = secrets
        self.variables = variables
    }

    /// A path of the runbook, absolute.
    func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : folder + "/" + path }
}

/// One kind of check, of one probe.
protocol KindOfCheck {
    /// Never outlasts the probe's timeout by more than a moment.
    func find() async -> Finding
}

/// What a check found out.
struct Finding: Sendable {
    var answer: CheckResult.Answer
    var message: String
    var metrics: [Metric] = []
    var source = Source.none

    /// What the runbook's metrics are taken from.
    enum Source: Sendable {
        case none
        case document([UInt8])
        case first(Double?)
        case perfdata([PluginOutput.Measurement])
    }

    init(
        _ answer: CheckResult.Answer, _ message: String, metrics: [Metric] = [],
        source: Source = .none
    ) {
        self.answer = answer
        self.message = message
        self.metrics = metrics
        self.source = source
    }

    /// No answer at all: ours or theirs, as the transfer's fault says.
    init(_ fault: TransferFault) {
        switch fault.kind {
        case .timeout, .refused, .unresolved, .tls, .interrupted: self.init(.bad, fault.message)
        case .unusable: self.init(.unknown, fault.message)
        }
    }
    init(_ fault: Fault) { self.init(.unknown, fault.description) }

    /// An end of the pool's work that was no answer.
    /// - Parameter silence: what to say when the target did not answer in time.
    init<Value>(_ outcome: BlockingPool.Outcome<Value>, silence: String) {
        switch outcome {
        case .done, .late: self.init(.bad, silence)
        case .hanging: self.init(.bad, silence + "; an earlier check hangs there still")
        case .full(let threads):
            self.init(.unknown, "not checked: all \(threads) threads for such checks are busy")
        case .cancelled: self.init(.unknown, "the check was cancelled")
        }
    }

    /// Takes the runbook's metrics; one that is missing is said, and makes good degraded.
    mutating func take(_ rules: [MetricRule]) {
        guard !rules.isEmpty else { return }
        var missing: [String] = []
        for (rule, value) in zip(rules, values(rules)) {
            switch value {
            case .number(let number):
                metrics.append(Metric(name: rule.name, value: number, unit: rule.unit))
            case .absent: missing.append("\(rule.name) (nothing at \(rule.place))")
            case .other: missing.append("\(rule.name) (no number at \(rule.place))")
            }
        }
        guard !missing.isEmpty, answer == .good || answer == .degraded else { return }
        answer = .degraded
        message += "; no metric " + missing.joined(separator: ", ")
    }

    private func values(_ rules: [MetricRule]) -> [JSONNumber] {
        switch source {
        case .none: return rules.map { _ in .absent }
        case .document(let bytes):
            let paths = rules.map { rule -> JSONPath? in
                guard case .json(let text) = rule.source else { return nil }
                return JSONPath(text)
            }
            guard var found = JSONNumber.read(paths.compactMap(\.self), in: bytes) else {
                return rules.map { _ in .absent }
            }
            found.reverse()
            return paths.map { $0 == nil ? .absent : found.popLast() ?? .absent }
        case .first(let value):
            return rules.map { rule in
                guard case .first = rule.source else { return .absent }
                guard let value else { return .absent }
                return value.isFinite ? .number(value) : .other
            }
        case .perfdata(let measurements):
            return rules.map { rule in
                guard case .perfdata(let label) = rule.source else { return .absent }
                return measurements.first { $0.label == label }.map { .number($0.value) } ?? .absent
            }
        }
    }
}

extension MetricRule {
    /// For people.
    fileprivate var place: String {
        switch source {
        case .json(let path): path
        case .first: "the first column of the first row"
        case .perfdata(let label): "the label \(label)"
        }
    }
}

extension Span {
    /// A measured time for people, to three digits: `1.23 s`, `12 ms`.
    var measured: String {
        if seconds < 0.9995 { return "\(Int((seconds * 1000).rounded())) ms" }
        let digits = seconds < 9.995 ? 100.0 : seconds < 99.95 ? 10 : 1
        return Span(seconds: (seconds * digits).rounded() / digits).spoken
    }
}
