// Requests filled in: what a hostile value cannot do.
import Domain
import FoundationEssentials
import Testing

@testable import Transfers

private struct Secrets: SecretReader {
    func read(_ secret: Secret) throws -> String {
        guard case .environment("TOKEN") = secret else {
            throw Fault(operation: "read a secret", subject: secret.label, cause: "it is not set")
        }
        return "s3cr{{et}}"
    }
}
private let hostile = "a\"b\\c\n&x=1/../?#%{{name}} ü"
private let values = [
    NamedText(name: "name", text: "Ines"), NamedText(name: "bad", text: hostile),
    NamedText(name: "dots", text: ".."), NamedText(name: "host", text: "db-1.example"),
]
private func filled(_ request: HTTPRequest) throws -> TransferRequest {
    try TransferRequest(request, variables: values, secrets: Secrets(), timeout: .seconds(1))
}
private func body(_ body: HTTPBody) throws -> String? {
    try filled(HTTPRequest(url: .plain("http://h/"), body: body)).body.map {
        String(decoding: $0, as: UTF8.self)
    }
}
private func type(_ request: TransferRequest) -> String? {
    request.headers.first { $0.name.lowercased() == "content-type" }?.value
}

@Suite struct RequestFilling {
    @Test func `a value in a URL stays in its place`() throws {
        let url = try filled(
            HTTPRequest(url: .plain("http://{{host}}:80/a/{{bad}}?q={{ name }}#{{name}}"))
        ).url
        #expect(
            url == "http://db-1.example:80/a/"
                + "a%22b%5Cc%0A%26x%3D1%2F..%2F%3F%23%25%7B%7Bname%7D%7D%20%C3%BC?q=Ines#Ines")
    }
    @Test(arguments: ["http://{{bad}}/", "http://h/{{dots}}/x", "http://h@{{bad}}:1"])
    func `a value that would change who or what is asked is refused`(url: String) {
        #expect(throws: Fault.self) { try filled(HTTPRequest(url: .plain(url))) }
    }
    @Test func `a JSON body is encoded after filling, in the order written`() throws {
        let json = try body(
            .json(
                .map([
                    DataField(key: "z", value: .text("{{bad}}")),
                    DataField(
                        key: "a", value: .list([.number(1), .number(0.5), .bool(true), .null])),
                ])))
        #expect(
            json == #"{"z":"a\"b\\c\n&x=1/../?#%{{name}} ü","a":[1,0.5,true,null]}"#)
        #expect(throws: Fault.self) { try body(.json(.number(.infinity))) }
    }
    @Test func `a form's values are encoded`() throws {
        let form = try body(
            .form([
                NamedValue(name: "a b", value: .plain("{{bad}}")),
                NamedValue(name: "t", value: .secret(.environment("TOKEN"))),
            ]))
        #expect(
            form == "a%20b=a%22b%5Cc%0A%26x%3D1%2F..%2F%3F%23%25%7B%7Bname%7D%7D%20%C3%BC"
                + "&t=s3cr%7B%7Bet%7D%7D")
    }
    @Test func `a text is filled as it is`() throws {
        #expect(try body(.text("Dear {{name}}")) == "Dear Ines")
        #expect(try body(.none) == nil)
    }
    @Test func `each body has its type, unless the runbook says otherwise`() throws {
        let request = HTTPRequest(url: .plain("http://h/"), body: .json(.null))
        #expect(try type(filled(request)) == "application/json")
        #expect(
            try type(filled(HTTPRequest(url: .plain("http://h/"), body: .form([]))))
                == "application/x-www-form-urlencoded")
        #expect(try type(filled(HTTPRequest(url: .plain("http://h/")))) == nil)
        var own = request
        own.headers = [NamedValue(name: "content-TYPE", value: .plain("application/ld+json"))]
        let headers = try filled(own).headers
        #expect(headers.map(\.value) == ["application/ld+json"])
    }
    @Test func `a header takes secrets and values but no line breaks`() throws {
        var request = HTTPRequest(url: .plain("http://h/"))
        request.headers = [
            NamedValue(name: "Authorization", value: .secret(.environment("TOKEN"))),
            NamedValue(name: "X-Name", value: .plain("{{name}}")),
        ]
        #expect(try filled(request).headers.map(\.value) == ["s3cr{{et}}", "Ines"])
        request.headers = [NamedValue(name: "X", value: .plain("{{bad}}"))]
        #expect(throws: Fault.self) { try filled(request) }
    }
    @Test func `a login becomes a header, unless the runbook writes its own`() throws {
        var request = HTTPRequest(
            url: .plain("http://h/"),
            login: HTTPLogin(user: .plain("Aladdin"), password: .plain("open sesame")))
        // The example of RFC 7617.
        let headers = try filled(request).headers
        #expect(headers.map(\.name) == ["Authorization"])
        #expect(headers.map(\.value) == ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="])
        request.login = HTTPLogin(
            user: .plain("{{name}}"), password: .secret(.environment("TOKEN")))
        #expect(try filled(request).headers.map(\.value) == ["Basic SW5lczpzM2Nye3tldH19"])
        request.login = HTTPLogin(user: .plain("test"), password: .plain("123£"))
        #expect(try filled(request).headers.map(\.value) == ["Basic dGVzdDoxMjPCow=="])
        request.headers = [NamedValue(name: "authorization", value: .plain("Bearer x"))]
        #expect(try filled(request).headers.map(\.value) == ["Bearer x"])
    }
    @Test func `a login that would be another is refused, and its password not told`() throws {
        for (user, password) in [("a:b", "geheim"), ("a\n", "geheim"), ("a", "gehe\u{7}im")] {
            let fault = #expect(throws: Fault.self) {
                try filled(
                    HTTPRequest(
                        url: .plain("http://h/"),
                        login: HTTPLogin(user: .plain(user), password: .plain(password))))
            }
            #expect(fault?.description.contains("geh") == false)
        }
    }
    @Test func `requests that were written down before logins can be read`() throws {
        let old =
            #"{"url":{"plain":{"_0":"http://h/"}},"method":"GET","headers":[],"body":{"none":{}}}"#
        let request = try JSONDecoder().decode(HTTPRequest.self, from: Data(old.utf8))
        #expect(request == HTTPRequest(url: .plain("http://h/")))
        let new = try JSONEncoder().encode(request)
        #expect(!String(decoding: new, as: UTF8.self).contains("login"))
    }
    @Test func `what is missing is named`() throws {
        let unknown = #expect(throws: Fault.self) {
            try filled(HTTPRequest(url: .plain("http://h/{{nmae}}/{{other}}")))
        }
        #expect(unknown?.description.contains("{{nmae}}, {{other}}") == true)
        #expect(unknown?.description.contains("known here: bad, dots, host, name") == true)
        let secret = #expect(throws: Fault.self) {
            try filled(HTTPRequest(url: .secret(.environment("NOT_SET"))))
        }
        #expect(secret?.subject == "{env: NOT_SET}")
    }
}
