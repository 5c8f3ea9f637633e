// The work `http`: one request, and what its answer must be like.
import Domain
import Files
import Glibc
import Transfers

extension StepSession {
    /// Cookies are kept, where asked for, from step to step of one procedure.
    func http(
        _ request: HTTPRequest, _ expect: Expectation, keepCookies: Bool, _ timeout: Span
    ) async throws(Fault) -> WorkEnd {
        var transfer = try makeTransfer(request, timeout)
        if keepCookies {
            let jar = RawPath(order.savedDirectory).appending("cookies")
            try Files.makeFolder(jar.folder)
            // Made here, so that nobody else can read what the session is worth.
            close(try Files.open(jar, O_WRONLY | O_CREAT | O_CLOEXEC, "write", 0o600))
            transfer.cookieJar = jar.description
        }
        output.say("> \(request.method) \(request.url.label)")
        let answer: TransferAnswer
        do {
            answer = try await Transfers.shared.perform(transfer)
        } catch {
            return .failed(error.message)
        }
        crashPoint("answered")
        let end = try judge(answer, expect, timeout)
        if case .failed = end, !answer.body.isEmpty {
            output.say(Visible.text(String(decoding: answer.body.prefix(2000), as: UTF8.self)))
        }
        return end
    }

    private func makeTransfer(_ request: HTTPRequest, _ timeout: Span) throws(Fault)
        -> TransferRequest
    {
        // Read once before, so that they are masked in whatever is said about the answer.
        for value in request.values {
            if case .secret = value { _ = try text(value) }
        }
        return try TransferRequest(
            request, variables: order.variables, secrets: secrets, timeout: timeout,
            bodyLimit: Self.bodyLimit)
    }
    /// Bytes of an answer that are looked at.
    private static let bodyLimit = 65_536

    private func judge(
        _ answer: TransferAnswer, _ expect: Expectation, _ timeout: Span
    ) throws(Fault) -> WorkEnd {
        let wanted = expect.status
        guard wanted.isEmpty ? (200...399).contains(answer.status) : wanted.contains(answer.status)
        else {
            let list =
                wanted.isEmpty ? "200-399" : wanted.map(String.init).joined(separator: " or ")
            return .failed("HTTP \(answer.status), wanted \(list)")
        }
        if let under = expect.under, answer.seconds >= under.seconds {
            return .failed("HTTP \(answer.status), but not within \(under.spelled)")
        }
        guard let expression = expect.body else { return .done("HTTP \(answer.status)") }
        let body = String(decoding: answer.body, as: UTF8.self)
        // An unlucky expression may take for ever.
        let found = try bounded(timeout) { () throws(Fault) in
            do {
                return try Regex(expression).firstMatch(in: body) != nil
            } catch {
                throw Fault(
                    operation: "read the regular expression", subject: expression, cause: "\(error)"
                )
            }
        }
        return found
            ? .done("HTTP \(answer.status), the body matches")
            : .failed("HTTP \(answer.status), but the body has no match of \(expression)")
    }

    /// No request is made: only what it would be is checked.
    func forecastHTTP(_ request: HTTPRequest) throws(Fault) -> Forecast {
        let transfer = try makeTransfer(request, .seconds(1))
        let scheme = ["http://", "https://"].first { transfer.url.lowercased().hasPrefix($0) }
        let host = transfer.url.dropFirst(scheme?.count ?? 0).prefix { !"/?#".contains($0) }
        guard scheme != nil, !host.isEmpty, !transfer.url.utf8.contains(where: { $0 <= 0x20 })
        else {
            return .wouldFail("\(request.url.label) is no URL of http:// or https://")
        }
        return .wouldRun("would ask \(request.method) \(request.url.label)")
    }
}

extension HTTPRequest {
    /// Everything that may be a secret.
    var values: [Value] {
        var result = [url] + headers.map(\.value)
        if let login { result += [login.user, login.password] }
        if case .form(let fields) = body { result += fields.map(\.value) }
        return result
    }
}
