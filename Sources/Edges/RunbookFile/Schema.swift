// Writes the runbook's keys as a JSON Schema, for editors and other checkers.
import Domain

extension RunbookFile {
    /// A JSON Schema (2020-12) of the format. It knows every key, type and range that the loader
    /// knows; what ties parts together (names that must exist, cycles, the order of an escalation)
    /// only the loader checks.
    package static func schema() -> String {
        var writer = SchemaWriter()
        let root = writer.body(of: Keys.runbook)
        var fields = [
            DataField(key: "$schema", value: .text("https://json-schema.org/draft/2020-12/schema")),
            DataField(key: "title", value: .text("Tocsin runbook")),
        ]
        fields += root
        fields.append(DataField(key: "$defs", value: .map(writer.definitions)))
        return DataValue.map(fields).json() + "\n"
    }
}

private struct SchemaWriter {
    /// One for each table, so that a step is written once.
    private(set) var definitions: [DataField] = []

    mutating func schema(_ shape: Shape) -> DataValue {
        switch shape {
        case .scalar(let scalar): return .map(Self.scalar(scalar))
        case .list(let items, let least):
            var fields = [
                DataField(key: "type", value: .text("array")),
                DataField(key: "items", value: schema(items)),
            ]
            if least > 0 {
                fields.append(DataField(key: "minItems", value: .number(Double(least))))
            }
            return .map(fields)
        case .table(let table):
            return .map([DataField(key: "$ref", value: .text("#/$defs/\(definition(of: table))"))])
        case .named(let named): return self.named(named)
        case .either(let scalar, let list, let map):
            var forms: [DataValue] = []
            if let scalar, case .plainSecret = scalar {
            } else if let scalar {
                forms.append(.map(Self.scalar(scalar)))
            }
            if let list { forms.append(schema(list)) }
            if let map { forms.append(schema(map)) }
            return forms.count == 1 ? forms[0] : Self.any(of: forms)
        case .data: return .map([])
        }
    }

    private mutating func definition(of table: KeyTable) -> String {
        let body = DataValue.map(body(of: table))
        if let known = definitions.first(where: { $0.value == body }) { return known.key }
        let words = table.what.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
        let name = words.drop { ["a", "an"].contains($0) }.joined(separator: "-")
        let taken = definitions.count {
            $0.key == name
                || $0.key.hasPrefix(name + "-") && Int($0.key.dropFirst(name.count + 1)) != nil
        }
        let key = taken == 0 ? name : "\(name)-\(taken + 1)"
        definitions.append(DataField(key: key, value: body))
        return key
    }

    mutating func body(of table: KeyTable) -> [DataField] {
        var properties: [DataField] = []
        for key in table.keys {
            var value = schema(key.shape)
            if case .map(let fields) = value {
                value = .map(fields + [DataField(key: "description", value: .text(key.about))])
            }
            properties.append(DataField(key: key.name, value: value))
        }
        // A table without keys, such as `memory: {}`, may be left empty.
        let type: DataValue = table.keys.isEmpty ? Self.texts(["object", "null"]) : .text("object")
        var fields = [
            DataField(key: "type", value: type),
            DataField(key: "properties", value: .map(properties)),
            DataField(key: "additionalProperties", value: .bool(false)),
        ]
        let required = table.keys.filter(\.isRequired).map(\.name)
        if !required.isEmpty {
            fields.append(DataField(key: "required", value: Self.texts(required)))
        }
        let groups = self.groups(of: table)
        if !groups.isEmpty { fields.append(DataField(key: "allOf", value: .list(groups))) }
        return fields + dependencies(of: table)
    }

    private func groups(of table: KeyTable) -> [DataValue] {
        func required(_ names: [String]) -> DataValue {
            .map([DataField(key: "required", value: Self.texts(names))])
        }
        var result: [DataValue] = []
        for group in table.exactlyOne {
            result.append(
                .map([DataField(key: "oneOf", value: .list(group.map { required([$0]) }))]))
        }
        for group in table.atLeastOne {
            result.append(
                .map([DataField(key: "anyOf", value: .list(group.map { required([$0]) }))]))
        }
        for group in table.atMostOne {
            for (index, first) in group.enumerated() {
                for second in group[(index + 1)...] {
                    result.append(.map([DataField(key: "not", value: required([first, second]))]))
                }
            }
        }
        return result
    }

    private func dependencies(of table: KeyTable) -> [DataField] {
        var result: [DataField] = []
        if !table.needs.isEmpty {
            let fields = table.needs.sorted { $0.key < $1.key }.map {
                DataField(key: $0.key, value: Self.texts($0.value))
            }
            result.append(DataField(key: "dependentRequired", value: .map(fields)))
        }
        if !table.beside.isEmpty {
            let fields = table.beside.sorted { $0.key < $1.key }.map { key, hosts in
                DataField(
                    key: key,
                    value: Self.any(
                        of: hosts.map {
                            .map([DataField(key: "required", value: Self.texts([$0]))])
                        }))
            }
            result.append(DataField(key: "dependentSchemas", value: .map(fields)))
        }
        return result
    }

    private mutating func named(_ named: NamedShape) -> DataValue {
        var fields = [DataField(key: "type", value: .text("object"))]
        let pattern: String? =
            switch named.rule {
            case .name, .reference: Self.namePattern
            case .metric: #"^[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*){0,3}$"#
            case .header: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
            case .variable: "^[A-Za-z_][A-Za-z0-9_]*$"
            case .label: #"^[^\s\x00-\x1f\x7f]{1,128}$"#
            case .field: nil
            }
        if let pattern {
            fields.append(
                DataField(
                    key: "propertyNames",
                    value: .map([DataField(key: "pattern", value: .text(pattern))])))
        }
        fields.append(DataField(key: "additionalProperties", value: schema(named.value)))
        if named.atLeast > 0 {
            fields.append(DataField(key: "minProperties", value: .number(Double(named.atLeast))))
        }
        return .map(fields)
    }

    // MARK: Scalars

    private static let namePattern = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"
    /// A text that is filled from the environment may become anything.
    private static let filled = DataValue.map([
        DataField(key: "type", value: .text("string")),
        DataField(key: "pattern", value: .text(#"\$\{"#)),
    ])

    private static func scalar(_ shape: ScalarShape) -> [DataField] {
        switch shape {
        case .version: return [DataField(key: "const", value: .number(1))]
        // What YAML reads as a number or as true stands for a text where one is wanted.
        case .line, .text, .script, .argument, .path, .variable, .name, .reference, .host, .umask,
            .pattern:
            return [DataField(key: "type", value: texts(["string", "number", "boolean"]))]
        case .condition, .timezone, .email, .timestamp, .jsonPath, .address:
            return [DataField(key: "type", value: .text("string"))]
        case .plainSecret: return [DataField(key: "not", value: .map([]))]
        case .choice(let choices):
            var values = choices.map(DataValue.text)
            if choices.contains("true") { values.append(.bool(true)) }
            return orFilled([DataField(key: "enum", value: .list(values))])
        case .flag: return orFilled([DataField(key: "type", value: .text("boolean"))])
        case .number(let range):
            return orFilled(number("number", range.lowerBound, range.upperBound))
        case .integer(let range):
            return orFilled(number("integer", Double(range.lowerBound), Double(range.upperBound)))
        case .span:
            return [
                DataField(key: "type", value: .text("string")),
                DataField(key: "pattern", value: .text(#"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$|\$\{"#)),
            ]
        case .url(let schemes):
            return [
                DataField(key: "type", value: .text("string")),
                DataField(
                    key: "pattern",
                    value: .text("^(\(schemes.joined(separator: "|")))://|" + #"\$\{"#)),
            ]
        }
    }

    private static func number(_ type: String, _ least: Double, _ most: Double) -> [DataField] {
        var fields = [DataField(key: "type", value: .text(type))]
        // The bounds of what a number can be at all say nothing.
        if abs(least) < 1e12 { fields.append(DataField(key: "minimum", value: .number(least))) }
        if abs(most) < 1e12 { fields.append(DataField(key: "maximum", value: .number(most))) }
        return fields
    }

    private static func texts(_ texts: [String]) -> DataValue { .list(texts.map(DataValue.text)) }
    private static func any(of forms: [DataValue]) -> DataValue {
        .map([DataField(key: "anyOf", value: .list(forms))])
    }
    private static func orFilled(_ fields: [DataField]) -> [DataField] {
        [DataField(key: "anyOf", value: .list([.map(fields), filled]))]
    }
}

extension DataValue {
    /// JSON with two spaces of indentation, in the order of the fields.
    fileprivate func json(_ indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .null: return "null"
        case .bool(let flag): return flag ? "true" : "false"
        case .number(let number):
            return number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
        case .text(let text): return Self.quoted(text)
        case .list(let items):
            if items.isEmpty { return "[]" }
            let isShort = items.allSatisfy { $0.isScalar }
            if isShort { return "[" + items.map { $0.json() }.joined(separator: ", ") + "]" }
            return "[\n" + items.map { inner + $0.json(inner) }.joined(separator: ",\n")
                + "\n\(indent)]"
        case .map(let fields):
            if fields.isEmpty { return "{}" }
            let lines = fields.map { "\(inner)\(Self.quoted($0.key)): \($0.value.json(inner))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }
    private var isScalar: Bool {
        switch self {
        case .null, .bool, .number, .text: true
        case .list, .map: false
        }
    }
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default:
                // The schema is made of our own texts: they hold no other control characters.
                result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
