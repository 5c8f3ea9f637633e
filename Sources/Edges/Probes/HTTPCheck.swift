// The `http` probe: status, body and metrics of one request. RFC 9110.
import Domain
import Transfers

struct HTTPCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let request: HTTPRequest

    init(_ context: CheckContext, _ probe: Probe, _ request: HTTPRequest) {
        self.context = context
        self.probe = probe
        self.request = request
    }

    func find() async -> Finding {
        let start = Moment.now
        let answer: TransferAnswer
        do throws(Fault) {
            var transfer = try TransferRequest(
                request, variables: context.variables, secrets: context.secrets,
                timeout: probe.schedule.timeout)
            if probe.metrics.isEmpty { transfer.bodyLimit = Patterns.textLimit }
            if probe.metrics.isEmpty && probe.expect.body == nil { transfer.bodyLimit = 0 }
            do throws(TransferFault) {
                answer = try await Transfers.shared.perform(transfer)
            } catch {
                return Finding(error)
            }
        } catch {
            return Finding(error)
        }
        var finding = judge(answer.status)
        finding.source = .document(answer.body)
        if finding.answer == .good, let expression = probe.expect.body {
            let left = probe.schedule.timeout.seconds - (Moment.now - start).seconds
            await context.patterns.judge(
                &finding, "the body", answer.body, by: expression, within: Span(seconds: left))
        }
        return finding
    }

    private func judge(_ status: Int) -> Finding {
        let wanted = probe.expect.status
        let holds = wanted.isEmpty ? (200...399).contains(status) : wanted.contains(status)
        let list = wanted.isEmpty ? "200-399" : wanted.map(String.init).joined(separator: " or ")
        return holds
            ? Finding(.good, "HTTP \(status)") : Finding(.bad, "HTTP \(status) (wanted \(list))")
    }
}

extension Patterns {
    /// Makes a good finding worse unless the text holds a match.
    func judge(
        _ finding: inout Finding, _ what: String, _ text: [UInt8], by expression: String,
        within limit: Span
    ) async {
        do throws(Fault) {
            switch try await match(expression, in: text, within: limit) {
            case .found: break
            case .missing:
                finding.answer = .bad
                finding.message += ", but \(what) has no match of \(expression)"
            case .undecided(let why):
                finding.answer = .unknown
                finding.message = why
            }
        } catch {
            finding.answer = .unknown
            finding.message = error.description
        }
    }
}
