// Makes a tree of the runbook's YAML: aliases and merge keys followed, duplicate keys reported,
// `${NAME}` filled in, and nothing that can hang or grow without limit.
//
// Yams would follow an alias while it composes, hash what is used as a key, and stop at the first
// duplicate key. So that a "billion laughs" cannot grow and all duplicates are found, the text is
// changed first, character by character so that places stay: the `*` of an alias becomes a mark that
// makes it a plain scalar, and the first character of a key that comes again becomes another mark.
// Both are taken back here, and aliases are followed with a budget.
import Domain
import Yams

struct YAMLReader {
    /// Levels of lists and maps, aliases followed.
    static let deepest = 64
    /// Values in the tree, aliases followed.
    static let largest = 1_000_000
    /// The marks are noncharacters of Unicode, which a text must not contain: U+10FFFF for an alias,
    /// and one of its own for each hidden key, so that hidden keys are no duplicates of each other.
    private static let aliasMark: Unicode.Scalar = "\u{10FFFF}"
    private static let hidingMarks: [Unicode.Scalar] = (1...16).flatMap { plane in
        [plane << 16 | 0xFFFE, plane << 16 | 0xFFFF].compactMap(Unicode.Scalar.init(_:))
    }.filter { $0 != aliasMark }

    private let problems: ProblemList
    private let source: Source
    private let environment: [String: String]
    private var anchors: [String: Tree] = [:]
    /// The first characters of the keys that were hidden, by the place of the key.
    private var hidden: [Place: Unicode.Scalar] = [:]

    private init(_ text: String, environment: [String: String], problems: ProblemList) {
        self.problems = problems
        self.environment = environment
        source = Source(text)
    }

    /// The tree, or nil with at least one problem. There may be a tree and problems.
    static func read(
        _ text: String, environment: [String: String], problems: ProblemList
    ) -> (tree: Tree, source: Source)? {
        guard hasOnlyText(text, problems: problems) else { return nil }
        var reader = YAMLReader(text, environment: environment, problems: problems)
        guard let tree = reader.tree(of: text) else { return nil }
        return (tree, reader.source)
    }

    /// Control characters are refused before YAML sees them: its own message has no line.
    private static func hasOnlyText(_ text: String, problems: ProblemList) -> Bool {
        var place = Place.start
        var isFine = true
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A:
                place = Place(line: place.line + 1, column: 0)
            case 0x09, 0x0D, 0x20...0x7E, 0x85, 0xA0...0xFEFE, 0xFF00...0xFFFD: break
            case 0x1_0000... where !scalar.properties.isNoncharacterCodePoint: break
            default:
                let code = String(scalar.value, radix: 16, uppercase: true)
                problems.error(
                    place,
                    "the character U+\(String(repeating: "0", count: max(0, 4 - code.count)))"
                        + "\(code) does not belong in a runbook", "delete it")
                isFine = false
                if problems.isFull { return false }
            }
            place.column += 1
        }
        return isFine
    }

    // MARK: Composing

    private mutating func tree(of text: String) -> Tree? {
        var marked = Self.markAliases(text)
        // Each duplicate key costs one more reading of the text; a large file gets fewer.
        var readings = max(2, min(Self.hidingMarks.count, 8_000_000 / max(1, text.utf8.count)))
        while true {
            do {
                let parser = try Parser(yaml: marked, resolver: .basic, encoding: .utf8)
                guard let node = try parser.singleRoot() else {
                    problems.error(
                        .start, "the runbook is empty", "`tocsin init` writes a first one")
                    return nil
                }
                // A node knows its anchor only while the parser lives.
                return withExtendedLifetime(parser) { convert(node, depth: 1) }
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                readings -= 1
                let place = Place(line: context.mark.line, column: context.mark.column)
                guard readings > 0, let next = hideKey(at: place, in: marked) else {
                    problems.error(
                        place, "the key `\(shown(names.first ?? ""))` is given twice",
                        "keep one of them")
                    return nil
                }
                marked = next
            } catch {
                report(error)
                return nil
            }
        }
    }

    private static func markAliases(_ text: String) -> String {
        let star = UInt8(ascii: "*")
        guard text.utf8.contains(star) else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count + 64)
        var isAfterStar = false
        for byte in text.utf8 {
            if isAfterStar { result += isAnchorCharacter(byte) ? Array(aliasMark.utf8) : [star] }
            isAfterStar = byte == star
            if !isAfterStar { result.append(byte) }
        }
        if isAfterStar { result.append(star) }
        return String(decoding: result, as: UTF8.self)
    }
    private static func isAnchorCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// The text with the key at the place made another one; nil when that cannot be done.
    private mutating func hideKey(at place: Place, in text: String) -> String? {
        var scalars = text.unicodeScalars
        var at = scalars.startIndex
        for _ in 1..<max(1, place.line) {
            guard let end = scalars[at...].firstIndex(of: "\n") else { return nil }
            at = scalars.index(after: end)
        }
        guard
            var target = scalars.index(at, offsetBy: place.column - 1, limitedBy: scalars.endIndex),
            target < scalars.endIndex
        else { return nil }
        if scalars[target] == "\"" || scalars[target] == "'" {
            target = scalars.index(after: target)
        }
        guard target < scalars.endIndex, hidden[place] == nil,
            hidden.count < Self.hidingMarks.count,
            !"\"'\\&!?\n\r ".unicodeScalars.contains(scalars[target]),
            scalars[target] != Self.aliasMark
        else { return nil }
        let mark = Self.hidingMarks[hidden.count]
        hidden[place] = scalars[target]
        scalars.replaceSubrange(target...target, with: [mark])
        return String(scalars)
    }

    private func report(_ error: any Error) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            let place = Place(line: mark.line, column: mark.column)
            let start = context.map { ", \($0.text) (line \($0.mark.line))" } ?? ""
            problems.error(
                place, "this is not valid YAML: " + shown(problem + start),
                hint(for: problem, at: place))
        default:
            problems.error(.start, "this is not valid YAML: \(shown("\(error)"))")
        }
    }

    private func hint(for problem: String, at place: Place) -> String? {
        let line = source.line(place.line) ?? ""
        if line.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
            return "indent with spaces, not with tabs"
        }
        if problem.contains("alphabetic or numeric character") {
            return "put a text that starts with * or & in quotes"
        }
        if line.contains("${") { return "put a text with ${…} in quotes" }
        if line.contains("{{") { return "put a text with {{…}} in quotes" }
        if problem.contains("mapping values are not allowed") {
            return "put a text with a colon in quotes, or indent the key as its neighbours"
        }
        if problem.contains("cannot start any token") {
            return "put a text that starts with % @ or ` in quotes"
        }
        if problem.contains("expected a single document") || problem.contains("another document") {
            return "a runbook is one document: delete the line `---`"
        }
        return nil
    }

    // MARK: Converting

    private mutating func convert(_ node: Node, depth: Int) -> Tree {
        let place = node.mark.map { Place(line: $0.line, column: $0.column) } ?? .start
        guard depth <= Self.deepest else {
            problems.error(place, "lists and maps are nested more than \(Self.deepest) deep")
            return .broken(at: place)
        }
        var tree: Tree
        switch node {
        case .scalar(let scalar): tree = convert(scalar, at: place, depth: depth)
        case .sequence(let sequence):
            tree = collection(at: place, .list(sequence.map { convert($0, depth: depth + 1) }))
        case .mapping(let mapping):
            tree = collection(at: place, .map(entries(of: mapping, depth: depth)))
        case .alias: tree = .broken(at: place)
        }
        checkTag(node, at: place)
        if tree.size > Self.largest {
            problems.error(
                place, "aliases make this more than \(Self.largest) values", "write less by aliases"
            )
            tree = .broken(at: place)
        }
        if let anchor = node.anchor { anchors[anchor.rawValue] = tree }
        return tree
    }

    private func collection(at place: Place, _ content: Tree.Content) -> Tree {
        var tree = Tree(place: place, content: content)
        switch content {
        case .scalar: break
        case .list(let items):
            for item in items { grow(&tree, by: item) }
        case .map(let entries):
            for entry in entries { grow(&tree, by: entry.value) }
        }
        return tree
    }
    private func grow(_ tree: inout Tree, by part: Tree) {
        // Each part has at most `largest` values, and there are at most as many parts as bytes.
        tree.size = min(tree.size + part.size, Int(Int32.max))
        tree.height = max(tree.height, part.height + 1)
    }

    private mutating func entries(of mapping: Node.Mapping, depth: Int) -> [Tree.Entry] {
        var result: [Tree.Entry] = []
        var merged: [Tree.Entry] = []
        var first: [String: Place] = [:]
        for (keyNode, valueNode) in mapping {
            let place = keyNode.mark.map { Place(line: $0.line, column: $0.column) } ?? .start
            let key = self.key(keyNode, at: place)
            let value = convert(valueNode, depth: depth + 1)
            guard let key else { continue }
            if key == "<<", case .scalar(let scalar) = keyNode, scalar.style == .plain {
                merged += mergedEntries(value)
            } else if let earlier = first[key] {
                problems.error(
                    place, "the key `\(shown(key))` is given twice (first in line \(earlier.line))",
                    "keep one of them")
            } else {
                first[key] = place
                result.append(Tree.Entry(key: key, place: place, value: value))
            }
        }
        for entry in merged where first[entry.key] == nil {
            first[entry.key] = entry.place
            result.append(entry)
        }
        return result
    }

    private func mergedEntries(_ value: Tree) -> [Tree.Entry] {
        switch value.content {
        case .map(let entries): return entries
        case .list(let items): return items.flatMap(mergedEntries)
        case .scalar:
            problems.error(value.place, "`<<` takes a map or a list of maps", "such as `<<: *name`")
            return []
        }
    }

    private mutating func key(_ node: Node, at place: Place) -> String? {
        guard case .scalar(let scalar) = node else {
            problems.error(place, "a key is a text, not a list or a map")
            return nil
        }
        if scalar.style == .plain, scalar.string.unicodeScalars.first == Self.aliasMark {
            guard let text = alias(restored(scalar.string), at: place).scalar?.text else {
                problems.error(place, "a key is a text, not a list or a map")
                return nil
            }
            return text
        }
        if let anchor = node.anchor {
            anchors[anchor.rawValue] = Tree(
                place: place, content: .scalar(Tree.Scalar(text: scalar.string, isPlain: true)))
        }
        return restored(scalar.string, hidden: hidden[place])
    }

    private mutating func convert(
        _ scalar: Node.Scalar, at place: Place, depth: Int
    ) -> Tree {
        let isPlain = scalar.style == .plain || scalar.style == .any
        let text = restored(scalar.string)
        if isPlain, scalar.string.unicodeScalars.first == Self.aliasMark {
            let tree = alias(text, at: place)
            guard depth + tree.height - 1 <= Self.deepest else {
                problems.error(place, "lists and maps are nested more than \(Self.deepest) deep")
                return .broken(at: place)
            }
            return tree
        }
        var result = Tree.Scalar(text: text, isPlain: isPlain)
        if text.utf8.contains(UInt8(ascii: "$")) {
            fill(&result, at: place)
        }
        return Tree(place: place, content: .scalar(result))
    }

    private func alias(_ text: String, at place: Place) -> Tree {
        let name = String(text.dropFirst())
        if let tree = anchors[name] { return tree }
        problems.error(
            place, "no anchor `&\(shown(name))` stands before the alias `*\(shown(name))`",
            "put a text that starts with * in quotes")
        return .broken(at: place)
    }

    /// Takes the marks back.
    private func restored(_ text: String, hidden: Unicode.Scalar? = nil) -> String {
        // All marks are four bytes long.
        guard text.utf8.contains(where: { $0 >= 0xF0 }) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar == Self.aliasMark {
                result.append("*")
            } else if scalar.properties.isNoncharacterCodePoint {
                result.append(hidden ?? scalar)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    private func checkTag(_ node: Node, at place: Place) {
        let tag = node.tag.rawValue
        let known = ["", "!"].contains(tag) || tag.hasPrefix("tag:yaml.org,2002:")
        if !known {
            problems.error(place, "the tag `\(shown(tag))` means nothing in a runbook", "delete it")
        }
    }

    // MARK: The environment

    private func fill(_ scalar: inout Tree.Scalar, at place: Place) {
        let raw = scalar.text
        var result = ""
        var rest = raw[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            let after = rest[dollar...].dropFirst()
            if after.first == "$" {
                result += "$"
                rest = after.dropFirst()
            } else if after.first == "{" {
                let here = source.place(
                    of: raw, at: place, offset: raw.distance(from: raw.startIndex, to: dollar))
                let name = after.dropFirst().prefix { $0 != "}" }
                if let value = value(
                    ofVariable: name, isClosed: name.endIndex < raw.endIndex, at: here)
                {
                    result += value
                } else {
                    scalar.isBroken = true
                }
                scalar.isFilled = true
                rest = raw[name.endIndex...].dropFirst()
            } else {
                result += "$"
                rest = after
            }
        }
        scalar.text = result + rest
    }

    private func value(
        ofVariable name: Substring, isClosed: Bool, at place: Place
    ) -> String? {
        let isName =
            name.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } == true
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        guard isClosed, isName else {
            problems.error(
                place, "`${` must be followed by the name of an environment variable and `}`",
                "write `$${` for a dollar and a brace")
            return nil
        }
        if let value = environment[String(name)] { return value }
        problems.error(
            place, "the environment variable `\(name)` is not set",
            "set it, or write `$${\(name)}` for the text itself")
        return nil
    }

    private func shown(_ text: String) -> String { Visible.text(restored(text), limit: 200) }
}
