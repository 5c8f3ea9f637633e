// Makes a transfer of a runbook's request: `{{name}}` filled in, secrets read, the body encoded.
package import Domain
import FoundationEssentials

extension TransferRequest {
    /// Fills in a request. No value can break out of its place: in a URL it is percent-encoded, in a
    /// form too, in a JSON body it stays within its text, and in a header it may not hold control
    /// characters. Secrets are taken as they are.
    /// - Throws: `Fault` naming what has no value, what could not be read, or what may not stand where
    ///   it was to be filled in; never a secret's value.
    package init(
        _ request: HTTPRequest, variables: [NamedText], secrets: any SecretReader, timeout: Span,
        cookieJar: String? = nil, followRedirects: Bool = false, bodyLimit: Int = 1_048_576
    ) throws(Fault) {
        let filling = Filling(variables: variables, secrets: secrets)
        let (body, type) = try filling.body(request.body)
        var headers: [(name: String, value: String)] = []
        for header in request.headers {
            headers.append((header.name, try filling.header(header)))
        }
        // A header that the runbook writes itself counts more.
        if let login = request.login,
            !headers.contains(where: { $0.name.lowercased() == "authorization" })
        {
            headers.append(("Authorization", try filling.basic(login)))
        }
        if let type, !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            headers.append(("Content-Type", type))
        }
        self.init(
            url: try filling.url(request.url), method: request.method, headers: headers, body: body,
            timeout: timeout, cookieJar: cookieJar, followRedirects: followRedirects,
            bodyLimit: bodyLimit)
    }

    /// The text of a URL, filled in as for a request; for checks that make their requests themselves.
    package static func filledURL(
        _ url: Value, variables: [NamedText], secrets: any SecretReader
    ) throws(Fault) -> String {
        try Filling(variables: variables, secrets: secrets).url(url)
    }
    /// The text of a header, filled in as for a request.
    package static func filledHeader(
        _ header: NamedValue, variables: [NamedText], secrets: any SecretReader
    ) throws(Fault) -> String {
        try Filling(variables: variables, secrets: secrets).header(header)
    }
}

private struct Filling {
    let variables: [NamedText]
    let secrets: any SecretReader

    func url(_ value: Value) throws(Fault) -> String {
        guard case .plain(let template) = value else { return try read(value) }
        // What stands before the path decides who is asked, so a value there may only be a plain name.
        let start = template.range(of: "://")?.upperBound ?? template.startIndex
        let path = template[start...].firstIndex { "/?#".contains($0) } ?? template.endIndex
        let authority = try Template.fill(String(template[..<path]), with: variables) {
            text throws(Fault) in
            guard text.utf8.allSatisfy({ isUnreserved($0) || $0 == UInt8(ascii: ":") }) else {
                throw misplaced(
                    text, "in the host of a URL, where only letters, digits and .-:_ may stand")
            }
            return text
        }
        let rest = try Template.fill(String(template[path...]), with: variables) {
            text throws(Fault) in
            guard text.isEmpty || !text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") }) else {
                throw misplaced(text, "in a URL, where it would change the path")
            }
            return percentEncoded(text)
        }
        return authority + rest
    }

    func header(_ header: NamedValue) throws(Fault) -> String {
        let text = try text(header.value)
        guard text.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }) else {
            throw Fault(
                operation: "set the header \(header.name)", subject: header.value.label,
                cause: "its value holds line breaks or other control characters")
        }
        return text
    }

    /// RFC 7617, with UTF-8.
    func basic(_ login: HTTPLogin) throws(Fault) -> String {
        let user = try text(login.user)
        let password = try text(login.password)
        guard !user.contains(":"),
            !(user + password).utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else {
            throw Fault(
                operation: "log in with Basic authentication", subject: login.user.label,
                cause: "the user holds a colon, or one of the two holds control characters")
        }
        return "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    }

    /// The bytes, and the type of content that they are.
    func body(_ body: HTTPBody) throws(Fault) -> ([UInt8]?, String?) {
        switch body {
        case .none: return (nil, nil)
        case .text(let text):
            let filled = try Template.fill(text, with: variables)
            return (Array(filled.utf8), "text/plain; charset=utf-8")
        case .json(let value): return (Array(try json(value).utf8), "application/json")
        case .form(let fields):
            var pairs: [String] = []
            for field in fields {
                pairs.append(
                    percentEncoded(field.name) + "=" + percentEncoded(try text(field.value)))
            }
            return (Array(pairs.joined(separator: "&").utf8), "application/x-www-form-urlencoded")
        }
    }

    private func json(_ value: DataValue) throws(Fault) -> String {
        switch value {
        case .null: return "null"
        case .bool(let bool): return bool ? "true" : "false"
        case .number(let number):
            guard number.isFinite else {
                throw Fault(
                    operation: "write JSON", subject: "\(number)", cause: "JSON has no such number")
            }
            let whole = Int64(exactly: number)
            return whole.map { "\($0)" } ?? "\(number)"
        case .text(let text): return quoted(try Template.fill(text, with: variables))
        case .list(let items):
            var parts: [String] = []
            for item in items { parts.append(try json(item)) }
            return "[" + parts.joined(separator: ",") + "]"
        case .map(let fields):
            var parts: [String] = []
            for field in fields { parts.append(quoted(field.key) + ":" + (try json(field.value))) }
            return "{" + parts.joined(separator: ",") + "}"
        }
    }

    private func text(_ value: Value) throws(Fault) -> String {
        switch value {
        case .plain(let text): try Template.fill(text, with: variables)
        case .secret: try read(value)
        }
    }
    private func read(_ value: Value) throws(Fault) -> String {
        do {
            return try secrets.text(value)
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(operation: "read a secret", subject: value.label, cause: "\(error)")
        }
    }
    private func misplaced(_ text: String, _ place: String) -> Fault {
        Fault(
            operation: "fill in \(Visible.text(text, limit: 60))", subject: place,
            cause: "not allowed")
    }
}

/// RFC 3986: everything but the unreserved characters.
private func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var result: [UInt8] = []
    for byte in text.utf8 {
        if isUnreserved(byte) {
            result.append(byte)
        } else {
            result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: result, as: UTF8.self)
}
private func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "-._~".utf8.contains(byte)
    }
}
