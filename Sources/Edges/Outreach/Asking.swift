// What all channels that speak HTTP share: one request, and one rule for what its answer means.
import Domain
import FoundationEssentials
import Transfers

/// A request to a channel, and where its answer says what.
struct Asking {
    var request: TransferRequest
    /// Where the receipt stands in a JSON answer; the first that is there counts.
    var receipt: [String] = []
    /// Further statuses that ask for patience.
    var patience: Set<Int> = []
    /// A delivered message without a receipt in the answer has none; otherwise the status is told.
    var receiptOnly = false
}

extension Attempt {
    /// A request with a JSON body, to a URL that may be secret.
    func json(
        _ document: JSONDocument, to url: String, method: String = "POST",
        headers: [(name: String, value: String)] = []
    ) -> TransferRequest {
        TransferRequest(
            url: url, method: method,
            headers: headers + [("Content-Type", "application/json; charset=utf-8")],
            body: Array(document.written.utf8))
    }

    func ask(_ asking: Asking) async -> DeliveryOutcome {
        var request = asking.request
        guard Self.isUsable(request.url) else {
            return refused("the channel's URL is no http:// or https:// URL")
        }
        secrets.hide(pathOf: request.url)
        for header in request.headers where header.name.lowercased() == "authorization" {
            secrets.hide(header.value)
        }
        request.timeout = left
        request.freshConnection = true
        request.followRedirects = false
        request.bodyLimit = 262_144
        let host = Address(url: request.url).target
        do throws(TransferFault) {
            let answer = try await Transfers.shared.perform(request)
            return judged(answer, host: host, asking)
        } catch {
            return judged(error, host: host, asking)
        }
    }

    private static func isUsable(_ url: String) -> Bool {
        let scheme = url.prefix { $0 != ":" }.lowercased()
        return (scheme == "http" || scheme == "https")
            && url.dropFirst(scheme.count).hasPrefix("://")
            && !Address(url: url).host.isEmpty
    }

    /// The rule: 2xx is taken; 408, 425, 429 and 5xx ask for another try; the rest is a no.
    private func judged(
        _ answer: TransferAnswer, host: String, _ asking: Asking
    ) -> DeliveryOutcome {
        let answered = "\(host) answered \(answer.status)"
        let said = Answers.words(answer.body)
        switch answer.status {
        case 200...299:
            let receipt = Answers.first(asking.receipt, in: answer.body)
            let fallback = asking.receiptOnly ? "" : "\(answer.status) from \(host)"
            return DeliveryOutcome(end: .delivered, detail: receipt ?? fallback, seconds: 0)
        case let status where Self.asksForPatience(status) || asking.patience.contains(status):
            return DeliveryOutcome(
                end: .failed, detail: said.isEmpty ? answered : "\(answered): \(said)",
                retryAfter: RetryAfter.span(answer.headers, at: order.at), seconds: 0)
        case 300...399:
            return refused(
                "\(answered): it wants to be asked elsewhere, and messages follow no redirects")
        default: return refused(said.isEmpty ? answered : "\(answered): \(said)")
        }
    }
    private static func asksForPatience(_ status: Int) -> Bool {
        status == 408 || status == 425 || status == 429 || (500...599).contains(status)
    }

    /// Without a whole answer: what had begun to come counts; else, what was given away may have arrived.
    private func judged(
        _ fault: TransferFault, host: String, _ asking: Asking
    ) -> DeliveryOutcome {
        if fault.status >= 200 {
            let answer = TransferAnswer(
                status: fault.status, headers: [], body: [], seconds: fault.seconds)
            return judged(answer, host: host, asking)
        }
        let detail = fault.message.contains(host) ? fault.message : "\(host): \(fault.message)"
        let end: DeliveryOutcome.End =
            switch fault.kind {
            case .refused, .unresolved, .tls, .unusable: .failed
            case .timeout, .interrupted: fault.sent == .whole ? .unclear : .failed
            }
        return DeliveryOutcome(end: end, detail: detail, seconds: 0)
    }
}

/// What the other side says in the body of its answer.
enum Answers {
    /// The first text or number that stands at one of the paths.
    static func first(_ paths: [String], in body: [UInt8]) -> String? {
        let read = JSONText.read(paths.compactMap { JSONPath($0) }, in: body) ?? []
        for case .text(let text) in read where !text.isEmpty {
            return Visible.text(text, limit: 200)
        }
        return nil
    }

    /// Its own words about an error, on one line; empty when there are none for people.
    static func words(_ body: [UInt8]) -> String {
        let places = [
            "$.message", "$.error.message", "$.error_description", "$.error", "$.detail", "$.title",
            "$.errors[0].message", "$.errors[0]", "$.errorMessages[0]", "$.status",
        ]
        if let text = first(places, in: body) {
            // Twilio's and ntfy's numbers are what their documents are sorted by.
            let number = first(["$.code", "$.error.code"], in: body)
            let list = first(["$.errors[0]"], in: body)
            let more = list.map { $0 == text ? "" : ": \($0)" } ?? ""
            return (number.map { "\($0) " } ?? "") + text + more
        }
        let text = String(decoding: body.prefix(2000), as: UTF8.self)
        guard !text.drop(while: \.isWhitespace).hasPrefix("<") else { return "" }
        let line = text.split(whereSeparator: \.isNewline).first ?? ""
        return Visible.text(line, limit: 200)
    }
}

/// How long the other side asks to be left alone (RFC 9110, 10.2.3).
enum RetryAfter {
    static let longest = Span.hours(1)

    /// Nil when it does not ask, or not intelligibly; at most an hour.
    static func span(_ headers: [(name: String, value: String)], at moment: Timestamp) -> Span? {
        func value(_ name: String) -> String? {
            headers.last { $0.name == name }.map {
                String(
                    $0.value.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace)
                        .reversed())
            }
        }
        guard let text = value("retry-after"), !text.isEmpty else { return nil }
        if text.allSatisfy({ $0.isASCII && $0.isNumber }) {
            return min(longest, .seconds(Double(text) ?? longest.seconds))
        }
        guard let until = HTTPDate.read(text) else { return nil }
        // By its own clock, should it differ from ours.
        let now = value("date").flatMap(HTTPDate.read) ?? moment
        return min(longest, max(.zero, until - now))
    }
}
