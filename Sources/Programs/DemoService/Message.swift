// HTTP requests and answers as plain values, with what courier reads out of them.
import FoundationEssentials
import NIOHTTP1

struct Request: Sendable {
    var method: HTTPMethod
    /// Decoded, without the query.
    var path: String
    var headers: HTTPHeaders
    var body: [UInt8]

    /// Larger bodies are refused.
    static let bodyLimit = 64 << 10

    init(_ head: HTTPRequestHead, body: [UInt8]) {
        method = head.method
        let path = head.uri.prefix { $0 != "?" && $0 != "#" }
        self.path = percentDecoded(path)
        headers = head.headers
        self.body = body
    }

    /// The names and values of a form.
    var form: [String: String] {
        var result: [String: String] = [:]
        for pair in String(decoding: body, as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { percentDecoded($0.replacing("+", with: " ")) }
            result[decoded[0]] = decoded.count > 1 ? decoded[1] : ""
        }
        return result
    }

    /// The body, where it says of itself that it is JSON: no foreign page can send that unasked.
    func json<T: Decodable>(_ type: T.Type) -> T? {
        guard headers["content-type"].first?.lowercased().hasPrefix("application/json") == true
        else { return nil }
        return JSON.value(type, body)
    }

    func cookie(_ name: String) -> String? {
        for header in headers["cookie"] {
            for pair in header.split(separator: ";") {
                let parts = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
                if parts.count == 2, parts[0] == name { return String(parts[1]) }
            }
        }
        return nil
    }

    /// Whether it was meant for this machine and comes from a page of it: a foreign name that was
    /// bent to 127.0.0.1 is refused, and so is what a foreign page makes its reader's browser send.
    var isForHere: Bool {
        let origin = headers["origin"].first.map { $0.dropFirst($0.hasPrefix("http://") ? 7 : 0) }
        let host = headers["host"].first.map { $0[...] }
        return [host, origin].compactMap { $0 }.allSatisfy { address in
            let name = address.prefix { $0 != ":" }
            return name == "127.0.0.1" || name == "localhost"
        }
    }
}

struct Response: Sendable {
    var status: HTTPResponseStatus
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    static func html(_ html: String, status: HTTPResponseStatus = .ok) -> Response {
        Response(
            status: status, headers: [("content-type", "text/html; charset=utf-8")],
            body: Array(html.utf8))
    }
    static func json(_ value: some Encodable, status: HTTPResponseStatus = .ok) -> Response {
        Response(
            status: status, headers: [("content-type", "application/json")],
            body: JSON.bytes(value) + [10])
    }
    /// A JSON object with one sentence.
    static func refusal(_ status: HTTPResponseStatus, _ why: String) -> Response {
        json(["error": why], status: status)
    }
    static func redirect(_ path: String, cookie: String? = nil) -> Response {
        var headers = [(name: "location", value: path)]
        if let cookie { headers.append(("set-cookie", cookie)) }
        return Response(status: .found, headers: headers, body: [])
    }
    /// A page that needs no template: the templates may be what is wrong.
    static func plainPage(
        _ status: HTTPResponseStatus, _ title: String, _ sentences: [String]
    ) -> Response {
        let page = """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>{{title}}</title></head>
            <body><h1>{{title}}</h1><ul>{{items}}</ul></body></html>

            """
        let items = sentences.map { "<li>\(Fill.text($0).html)</li>" }.joined(separator: "\n")
        return html(
            Templates(files: ["page": page])
                .page("page", ["title": .text(title), "items": .markup(items)]), status: status)
    }
}

/// `%41` becomes `A`; what is no such code stays as it is.
private func percentDecoded(_ text: some StringProtocol) -> String {
    var result: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "%"), rest.count >= 2,
            let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
        {
            result.append(value)
            rest = rest.dropFirst(2)
        } else {
            result.append(byte)
        }
    }
    return String(decoding: result, as: UTF8.self)
}
