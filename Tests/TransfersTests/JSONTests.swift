// JSON in both directions: what stands at a path, and documents that hold any text.
import Domain
import Testing

@testable import Transfers

@Suite struct JSONPathTests {
    @Test(arguments: [
        ("$", []), ("$.a", [JSONPath.Part.key("a")]), ("$.a.b-c", [.key("a"), .key("b-c")]),
        ("$[0]", [.index(0)]), ("$.a[1][2].b", [.key("a"), .index(1), .index(2), .key("b")]),
        ("$['a b'].c", [.key("a b"), .key("c")]), ("$[\"a]b\"]", [.key("a]b")]),
    ])
    func `paths are read`(text: String, parts: [JSONPath.Part]) {
        #expect(JSONPath(text)?.parts == parts)
    }
    @Test(arguments: [
        "", "a", ".a", "$a", "$.", "$..a", "$.a.", "$[", "$[a]", "$[-1]", "$['a]", "$[]",
    ])
    func `what is no path is refused`(text: String) { #expect(JSONPath(text) == nil) }

    @Test(arguments: [
        ("1", "$", JSONNumber.number(1)), ("{}", "$.a", .absent), ("[]", "$.a", .absent),
        ("{}", "$[0]", .absent), ("[1,2]", "$[1]", .number(2)), ("[1,2]", "$[2]", .absent),
        (#"{"a":false}"#, "$.a", .number(0)), (#"{"a":" -1.5e3 "}"#, "$.a", .number(-1500)),
        (#"{"a":"1e999"}"#, "$.a", .other), (#"{"a":"nan"}"#, "$.a", .other),
        (#"{"a":"0x10"}"#, "$.a", .other), (#"{"a":null}"#, "$.a", .other),
        (#"{"a":{}}"#, "$.a", .other), (#"{"a":[]}"#, "$.a", .other), (#"{"a":""}"#, "$.a", .other),
    ])
    func `values are found`(document: String, path: String, value: JSONNumber) throws {
        let path = try #require(JSONPath(path))
        #expect(JSONNumber.read([path], in: Array(document.utf8)) == [value])
    }
    @Test func `huge numbers, deep nesting and broken documents do no harm`() throws {
        let path = try #require(JSONPath("$.a"))
        let documents = [
            "", "{", "\u{0}", #"{"a":1"#, String(repeating: "[", count: 100_000),
            String(repeating: #"{"a":"#, count: 50_000),
        ]
        for text in documents { #expect(JSONNumber.read([path], in: Array(text.utf8)) == nil) }
        let huge = JSONNumber.read([path], in: Array(#"{"a":1e999}"#.utf8))
        #expect(huge == nil || huge == [.other])
    }
    @Test(arguments: [
        (#"{"a":"x"}"#, "$.a", JSONText.text("x")),
        (#"{"a":12345678901}"#, "$.a", .text("12345678901")),
        (#"{"a":1.5}"#, "$.a", .text("1.5")), (#"{"a":true}"#, "$.a", .other),
        (#"{"a":null}"#, "$.a", .other), (#"{"a":[]}"#, "$.a", .other), ("{}", "$.a", .absent),
        (#"{"a":{"b":["x","y"]}}"#, "$.a.b[1]", .text("y")), (#"{"a":""}"#, "$.a", .text("")),
    ])
    func `texts are found`(document: String, path: String, value: JSONText) throws {
        let path = try #require(JSONPath(path))
        #expect(JSONText.read([path], in: Array(document.utf8)) == [value])
    }
    @Test func `a document is written so that it is read back the same`() throws {
        let hostile = "a\"b\\c\n\r\t\u{0}\u{1F}\u{7F}\u{2028} ü 🚨"
        let document: JSONDocument = [
            "z": .text(hostile), "a": [1, true, .null, [:], []], hostile: "x",
        ]
        #expect(document.written.hasPrefix(#"{"z":"a\"b"#))
        let paths = try ["$.z", "$.a[0]", "$['z']"].map { try #require(JSONPath($0)) }
        let found = JSONText.read(paths, in: Array(document.written.utf8))
        #expect(found == [.text(hostile), .text("1"), .text(hostile)])
    }
}
