// The work `http`: one request, and what its answer must be like.
import Domain
import Files
import FoundationEssentials
import Glibc
import Transfers

extension StepSession {
    /// Cookies are kept, where asked for, from step to step of one procedure.
    func http(
        _ request: HTTPRequest, _ expect: Expectation, keepCookies: Bool, _ timeout: Span
    ) throws(Fault) -> WorkEnd {
        let kept = try keptValues()
        for value in kept { mask(value) }
        var transfer = try makeTransfer(request, timeout, kept)
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
            answer = try Transfers.shared.performBlocking(transfer)
        } catch {
            return .failed(error.message)
        }
        crashPoint("answered")
        var end = try judge(answer, expect, timeout)
        if case .done(let words, _) = end, let wanted = expect.keep {
            end = try keep(wanted, of: answer, kept, words, timeout)
        }
        if case .failed = end, !answer.body.isEmpty {
            // Masked before it is cut: half a secret would not be known for one.
            let body = String(decoding: answer.body, as: UTF8.self)
            output.say(Visible.text(output.mask.masked(body)))
        }
        return end
    }

    private func makeTransfer(
        _ request: HTTPRequest, _ timeout: Span, _ kept: [NamedText]
    ) throws(Fault) -> TransferRequest {
        // Read once before, so that they are masked in whatever is said about the answer.
        for value in request.values {
            if case .secret = value { _ = try text(value) }
        }
        if let login = request.login { try mask(login, kept) }
        return try TransferRequest(
            request, variables: kept + order.variables, secrets: secrets, timeout: timeout,
            bodyLimit: Self.bodyLimit)
    }

    /// The login is sent in Base64, which anybody can read.
    private func mask(_ login: HTTPLogin, _ kept: [NamedText]) throws(Fault) {
        var parts: [String] = []
        for value in [login.user, login.password] {
            if case .plain(let plain) = value {
                parts.append(try Template.fill(plain, with: kept + order.variables))
            } else {
                parts.append(try text(value))
            }
        }
        output.mask.add(Data(parts.joined(separator: ":").utf8).base64EncodedString())
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
        let found = try match(expression, answer, timeout)
        return found != nil
            ? .done("HTTP \(answer.status), the body matches")
            : .failed("HTTP \(answer.status), but the body has no match of \(expression)")
    }

    /// What the expression's first group, or else the whole of it, finds in the body.
    private func match(
        _ expression: String, _ answer: TransferAnswer, _ timeout: Span
    ) throws(Fault) -> String? {
        let body = String(decoding: answer.body, as: UTF8.self)
        // An unlucky expression may take for ever.
        return try bounded(timeout) { () throws(Fault) in
            do {
                guard let found = try Regex(expression).firstMatch(in: body) else { return nil }
                let part = found.output.count > 1 ? found.output[1].substring : nil
                return String(part ?? found.output[0].substring ?? "")
            } catch {
                throw Fault(
                    operation: "read the regular expression", subject: expression, cause: "\(error)"
                )
            }
        }
    }

    // MARK: What one request keeps for the next

    private struct Kept: Codable { var values: [NamedText] }
    private var keptFile: RawPath { RawPath(order.savedDirectory).appending("kept.json") }

    /// A token of a page is worth as much as the session that it belongs to.
    private func mask(_ value: NamedText) {
        if value.text.utf8.count >= 6 { output.mask.add(value.text) }
    }

    private func keptValues() throws(Fault) -> [NamedText] {
        guard let bytes = try Files.readIfThere(keptFile) else { return [] }
        guard let kept = try? JSONDecoder().decode(Kept.self, from: Data(bytes)) else {
            throw Fault(
                operation: "read what was kept", subject: keptFile.description,
                cause: "it is not what was written")
        }
        return kept.values
    }

    private func keep(
        _ wanted: [NamedText], of answer: TransferAnswer, _ before: [NamedText], _ words: String,
        _ timeout: Span
    ) throws(Fault) -> WorkEnd {
        var values = before
        for entry in wanted {
            guard let text = try match(entry.text, answer, timeout) else {
                return .failed("\(words), but there is nothing to keep as {{\(entry.name)}}")
            }
            let value = NamedText(name: entry.name, text: text)
            mask(value)
            values.removeAll { $0.name == entry.name }
            values.append(value)
        }
        try Files.makeFolder(keptFile.folder)
        try Files.replace(keptFile, with: try encoded(Kept(values: values)))
        let names = wanted.map { "{{\($0.name)}}" }.joined(separator: ", ")
        return .done("\(words); kept \(names)")
    }

    /// No request is made: only what it would be is checked. What an earlier step will keep is not there
    /// yet.
    func forecastHTTP(_ request: HTTPRequest) throws(Fault) -> Forecast {
        var later: [NamedText] = []
        // Who is asked must be known: only what follows the host may be kept by then.
        let url = request.url.label
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        let path = url[start...].drop { !"/?#".contains($0) }
        let texts =
            [String(path)] + request.values.dropFirst().map(\.label) + request.bodyTexts
        for name in texts.flatMap({ Template.names(in: $0) })
        where !order.variables.contains(where: { $0.name == name }) {
            later.append(NamedText(name: name, text: "kept"))
        }
        let transfer = try makeTransfer(request, .seconds(1), try keptValues() + later)
        let scheme = ["http://", "https://"].first { transfer.url.lowercased().hasPrefix($0) }
        let host = transfer.url.dropFirst(scheme?.count ?? 0).prefix { !"/?#".contains($0) }
        guard scheme != nil, !host.isEmpty, !transfer.url.utf8.contains(where: { $0 <= 0x20 })
        else {
            return .wouldFail("\(request.url.label) is no URL of http:// or https://")
        }
        let names = Set(later.map { "{{\($0.name)}}" }).sorted().joined(separator: ", ")
        return .wouldRun(
            "would ask \(request.method) \(request.url.label)"
                + (names.isEmpty ? "" : ", with \(names) as an earlier step keeps it"))
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
    /// Texts of the body besides a form's.
    fileprivate var bodyTexts: [String] {
        switch body {
        case .none, .form: []
        case .text(let text): [text]
        case .json(let value): value.texts
        }
    }
}

extension DataValue {
    fileprivate var texts: [String] {
        switch self {
        case .null, .bool, .number: []
        case .text(let text): [text]
        case .list(let items): items.flatMap(\.texts)
        case .map(let fields): fields.flatMap(\.value.texts)
        }
    }
}
