// Walks a runbook's tree along the shapes and reports everything that does not fit.
import Domain

struct ShapeChecker {
    let names: Names
    let source: Source
    let environment: [String: String]
    let problems: ProblemList

    /// - Parameter what: what the value is, for messages: `` `weight` ``, `an item of `members``.
    func check(_ tree: Tree, _ shape: Shape, _ what: String) {
        if tree.isBroken || problems.isFull { return }
        switch shape {
        case .scalar(let scalar): check(tree, scalar, what)
        case .list(let items, let least): check(tree, listOf: items, atLeast: least, what)
        case .table(let table): check(tree, table, what)
        case .named(let named): check(tree, named, what)
        case .either(let scalar, let list, let map):
            check(tree, scalar: scalar, list: list, map: map, what)
        case .data: checkData(tree, what)
        }
    }

    // MARK: Collections

    private func check(_ tree: Tree, listOf items: Shape, atLeast least: Int, _ what: String) {
        guard case .list(let elements) = tree.content else {
            mismatch(tree, what, "a list", listHint(tree))
            return
        }
        if elements.count < least {
            problems.error(
                tree.place, "\(what) is an empty list, so nothing would happen",
                "add an item or delete it")
        }
        let inner = "an item of \(what)"
        for element in elements { check(element, items, inner) }
        if case .scalar(.reference) = items { checkRepeated(elements, what) }
        if case .scalar(.argument) = items, let first = elements.first, !first.isBroken,
            first.scalar?.text.allSatisfy(\.isWhitespace) == true
        {
            problems.error(
                first.place, "the first item of \(what) is empty, so there is nothing to run",
                "it is the program or the command; its arguments follow")
        }
    }

    private func checkRepeated(_ elements: [Tree], _ what: String) {
        var seen: Set<String> = []
        for element in elements where !element.isBroken {
            guard let text = element.scalar?.text, !seen.insert(text).inserted else { continue }
            problems.error(
                element.place, "`\(shown(text))` is twice in \(what)", "keep one of them")
        }
    }

    private func listHint(_ tree: Tree) -> String? {
        guard let text = tree.scalar?.text, !tree.isEmpty else { return nil }
        let words = text.split(separator: " ").map(String.init)
        let parts = words.map {
            $0.contains(where: { ",[]{}#&*!|>'\"%@`:".contains($0) }) ? "\"\($0)\"" : $0
        }
        return "write `[\(shown(parts.joined(separator: ", ")))]`"
    }

    private func check(_ tree: Tree, _ table: KeyTable, _ what: String) {
        if tree.isEmpty, table.keys.isEmpty { return }
        guard case .map(let entries) = tree.content else {
            mismatch(tree, what, "a map (\(keyList(table)))", nil)
            return
        }
        // Unknown keys are the corrector's to report.
        for entry in entries {
            if let key = table[entry.key] { check(entry.value, key.shape, "`\(entry.key)`") }
        }
        let present = Set(entries.map(\.key))
        for key in table.keys where key.isRequired && !present.contains(key.name) {
            problems.error(
                tree.place, "\(table.what) needs the key `\(key.name)`", lowered(key.about))
        }
        checkGroups(tree, table, present)
        table.rule?(tree, problems)
    }

    private func checkGroups(_ tree: Tree, _ table: KeyTable, _ present: Set<String>) {
        for group in table.exactlyOne + table.atLeastOne where present.isDisjoint(with: group) {
            // An unknown key is reported already; it may have been meant for this.
            if tree.entries.contains(where: { table[$0.key] == nil }) { continue }
            problems.error(tree.place, "\(table.what) needs one of \(list(group))")
        }
        for group in table.exactlyOne + table.atMostOne {
            let both = tree.entries.filter { group.contains($0.key) }
            for extra in both.dropFirst() {
                problems.error(
                    extra.place,
                    "`\(extra.key)` and `\(both[0].key)` do not go together in \(table.what)",
                    "keep one of them")
            }
        }
        for entry in tree.entries {
            if let hosts = table.beside[entry.key], present.isDisjoint(with: hosts) {
                problems.error(
                    entry.place, "`\(entry.key)` goes with \(list(hosts)), and there is none here")
            }
            for needed in table.needs[entry.key] ?? [] where !present.contains(needed) {
                problems.error(entry.place, "`\(entry.key)` needs `\(needed)` beside it")
            }
        }
    }

    private func check(_ tree: Tree, _ named: NamedShape, _ what: String) {
        guard case .map(let entries) = tree.content else {
            mismatch(tree, what, "a map from names to values", nil)
            return
        }
        if entries.count < named.atLeast {
            problems.error(
                tree.place, "\(what) is empty, so nothing would happen",
                "add \(named.what) or delete it")
        }
        for entry in entries {
            checkName(entry, named)
            let secret = named.rule.isSecret(entry.key)
            if secret, let scalar = entry.value.scalar, !entry.value.isEmpty, !scalar.isBroken {
                check(entry.value, ScalarShape.plainSecret, "`\(shown(entry.key))`")
            } else {
                check(entry.value, named.value, "`\(shown(entry.key))`")
            }
        }
    }

    private func checkName(_ entry: Tree.Entry, _ named: NamedShape) {
        let name = entry.key
        switch named.rule {
        case .name:
            if let remedy = ScalarRules.nameProblem(name) {
                problems.error(
                    entry.place, "`\(shown(name))` cannot be the name of \(named.what)", remedy)
            }
        case .metric:
            if !Expression.isMetricName(name) {
                problems.error(
                    entry.place, "`\(shown(name))` cannot be the name of a metric",
                    "1–4 parts of letters, digits, _ and - joined by dots, such as queue.length")
            }
        case .header:
            let token = "!#$%&'*+-.^_`|~"
            if name.isEmpty
                || !name.allSatisfy({
                    $0.isASCII && ($0.isLetter || $0.isNumber || token.contains($0))
                })
            {
                problems.error(entry.place, "`\(shown(name))` cannot be the name of a header")
            }
        case .field:
            if name.isEmpty { problems.error(entry.place, "the name of a field is empty") }
        case .label:
            // Prometheus 3 takes any text; one that cannot be seen is a slip.
            if name.isEmpty || name.utf8.count > 128
                || name.unicodeScalars.contains(where: { $0.value <= 0x20 || $0.value == 0x7F })
            {
                problems.error(
                    entry.place, "`\(shown(name))` cannot be the name of a label",
                    "labels are such as alertname or severity")
            }
        case .variable:
            if !ScalarRules.isVariable(name) {
                problems.error(
                    entry.place, "`\(shown(name))` cannot be the name of an environment variable",
                    "letters, digits and _, no digit first")
            }
        case .reference(let kind):
            checkReference(name, kind, at: entry.place)
        }
    }

    private func check(
        _ tree: Tree, scalar: ScalarShape?, list: Shape?, map: Shape?, _ what: String
    ) {
        switch tree.content {
        case .scalar:
            if let scalar { return check(tree, scalar, what) }
        case .list:
            if let list { return check(tree, list, what) }
        case .map:
            if let map { return check(tree, map, what) }
        }
        let forms = [scalar.map(\.noun), list.map { _ in "a list" }, map.map { _ in "a map" }]
        mismatch(tree, what, forms.compactMap(\.self).joined(separator: " or "), nil)
    }

    /// A body may be anything; a secret in it would be sent as it is written.
    private func checkData(_ tree: Tree, _ what: String) {
        switch tree.content {
        case .scalar: break
        case .list(let items): for item in items { checkData(item, what) }
        case .map(let entries):
            if entries.count == 1, ["env", "file"].contains(entries[0].key),
                entries[0].value.scalar.map({
                    ScalarRules.isVariable($0.text) || $0.text.hasPrefix("/")
                })
                    == true
            {
                problems.warning(
                    tree.place, "a JSON body cannot hold a secret: this is sent as it is written",
                    "use a header or a form")
            }
            for entry in entries { checkData(entry.value, what) }
        }
    }

    // MARK: References and messages

    func checkReference(_ name: String, _ kind: Reference, at place: Place) {
        if names.contains(kind, name) { return }
        let all = names.all(kind)
        if kind == .database || kind == .redis, names.contains(.source, name) {
            problems.error(
                place, "`\(shown(name))` is not a \(kind.noun)",
                all.isEmpty ? nil : "\(kind.noun)s: \(list(all))")
            return
        }
        problems.error(
            place, "no \(kind.noun) is called `\(shown(name))`",
            all.isEmpty
                ? "none is declared under `\(kind.home)`"
                : problems.suggestion(for: name, among: all, called: "there are"))
    }

    func mismatch(_ tree: Tree, _ what: String, _ expected: String, _ hint: String?) {
        let found: String
        switch tree.content {
        case .list: found = "a list"
        case .map: found = "a map"
        case .scalar(let scalar):
            found = tree.isEmpty ? "nothing" : "`\(Visible.text(scalar.text, limit: 60))`"
        }
        problems.error(tree.place, "\(what) must be \(expected), not \(found)", hint)
    }

    func shown(_ text: String) -> String { Visible.text(text, limit: 80) }
    func list(_ words: [String]) -> String {
        words.prefix(40).map { "`\($0)`" }.joined(separator: ", ")
    }
    private func keyList(_ table: KeyTable) -> String {
        table.keys.prefix(6).map(\.name).joined(separator: ", ")
            + (table.keys.count > 6 ? ", …" : "")
    }
    /// A sentence as the second half of another.
    private func lowered(_ sentence: String) -> String? {
        let text = sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}

extension NamedShape.Rule {
    /// Whether a value of this name is something that must not be written down.
    func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        switch self {
        case .header:
            return ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"]
                .contains(name)
        case .field, .variable:
            let parts = name.split { $0 == "_" || $0 == "-" }
            // `PASSWORD_FILE` says where the secret is.
            if let last = parts.last, ["file", "path", "dir"].contains(last) { return false }
            return parts.contains {
                ["password", "passwd", "secret", "token", "passphrase"].contains($0)
            }
        case .name, .metric, .label, .reference: return false
        }
    }
}
