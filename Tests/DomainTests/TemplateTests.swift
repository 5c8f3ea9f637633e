// What `{{name}}` becomes, and what is left alone.
import Domain
import Testing

@Suite struct TemplateTests {
    private let values = [
        NamedText(name: "a", text: "1"), NamedText(name: "run_dir", text: "{{a}}"),
    ]
    @Test(arguments: [
        ("", ""), ("plain", "plain"), ("{{a}}", "1"), ("x{{a}}y{{ a }}z", "x1y1z"),
        ("{{{a}}}", "{1}"), ("{{run_dir}}", "{{a}}"), ("{a}", "{a}"), ("{{}}", "{{}}"),
        ("{{a", "{{a"), ("{{a}", "{{a}"), ("{{a b}}", "{{a b}}"), ("{{ü}}", "{{ü}}"),
        ("{\"k\":{\"v\":{{a}}}}", "{\"k\":{\"v\":1}}"), ("{{\n{{a}}", "{{\n1"),
    ])
    func `a text is filled`(text: String, filled: String) throws {
        #expect(try Template.fill(text, with: values) == filled)
    }
    @Test func `every name without a value is in the fault, once`() {
        let fault = #expect(throws: Fault.self) {
            try Template.fill("{{x}} {{a}} {{y}} {{x}}", with: values)
        }
        #expect(fault?.operation == "fill in {{x}}, {{y}}")
    }
    @Test func `names are listed in order`() {
        #expect(Template.names(in: "{{b}} {{a}} {{ b }} {c}") == ["b", "a"])
    }
}
