// What each kind of scalar may be, and what to say when it is not.
import Domain

#if canImport(Glibc)
    import Glibc
#endif

extension ShapeChecker {
    func check(_ tree: Tree, _ shape: ScalarShape, _ what: String) {
        guard let scalar = tree.scalar else {
            mismatch(tree, what, shape.noun, shape.hint)
            return
        }
        if scalar.isBroken { return }
        switch shape {
        case .flag:
            if tree.flag == nil { mismatch(tree, what, shape.noun, Self.flagHint(scalar.text)) }
        case .version:
            if tree.number != 1 {
                mismatch(tree, what, "1", "this program reads version 1 of the format")
            }
        case .number(let range): checkNumber(tree, range, what)
        case .integer(let range): checkInteger(tree, range, what)
        case .text, .argument:
            checkText(tree, scalar.text, what, lines: true, empty: !tree.isEmpty)
        case .script: checkText(tree, scalar.text, what, lines: true, empty: false)
        default:
            checkText(tree, scalar.text, what, lines: false, empty: false, then: shape)
        }
    }

    // MARK: Numbers

    private func checkNumber(_ tree: Tree, _ range: ClosedRange<Double>, _ what: String) {
        guard let number = tree.number else {
            return mismatch(tree, what, "a number", quotedHint(tree))
        }
        guard !range.contains(number) else { return }
        problems.error(
            tree.place, "\(what) must be \(Self.words(range)), not \(tree.scalar?.text ?? "")")
    }
    private func checkInteger(_ tree: Tree, _ range: ClosedRange<Int>, _ what: String) {
        guard let number = tree.integer else {
            return mismatch(tree, what, "a whole number", quotedHint(tree))
        }
        guard !range.contains(number) else { return }
        problems.error(
            tree.place,
            "\(what) must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
    }
    private func quotedHint(_ tree: Tree) -> String? {
        guard let scalar = tree.scalar, !scalar.isPlain, Double(scalar.text) != nil else {
            return nil
        }
        return "write it without quotes"
    }
    private static func words(_ range: ClosedRange<Double>) -> String {
        range.upperBound >= 1_000_000 && range.lowerBound == 0
            ? "0 or more"
            : "from \(Int(range.lowerBound)) to \(Int(range.upperBound))"
    }
    private static func flagHint(_ text: String) -> String? {
        switch text.lowercased() {
        case "yes", "on", "1", "y", "true": "write `true`"
        case "no", "off", "0", "n", "false": "write `false`"
        default: nil
        }
    }

    // MARK: Texts

    private func checkText(
        _ tree: Tree, _ text: String, _ what: String, lines: Bool, empty: Bool,
        then shape: ScalarShape? = nil
    ) {
        if case .plainSecret = shape {
            return problems.error(
                tree.place, "\(what) is a secret and must not be written in the runbook",
                "write `{ env: NAME }` or `{ file: PATH }`")
        }
        if text.isEmpty || tree.isEmpty {
            if !empty { mismatch(tree, what, shape?.noun ?? "a text", shape?.hint) }
            return
        }
        guard text.utf8.count <= 100_000 else {
            return problems.error(tree.place, "\(what) is longer than 100 000 bytes")
        }
        // Most texts are plain ASCII, which a look at the bytes tells.
        if text.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7F }),
            let control = control(in: text, lines)
        {
            let name =
                control == "\n"
                ? "a line break" : "the control character `\(Visible.text(String(control)))`"
            return problems.error(tree.place, "\(what) must not hold \(name)")
        }
        if let shape { check(tree, text, shape, what) }
    }
    private func control(in text: String, _ lines: Bool) -> Unicode.Scalar? {
        text.unicodeScalars.first { scalar in
            scalar.value < 0x20 && !(lines && (scalar == "\n" || scalar == "\t"))
                || (0x7F...0x9F).contains(scalar.value)
        }
    }

    private func check(_ tree: Tree, _ text: String, _ shape: ScalarShape, _ what: String) {
        switch shape {
        case .reference(let kind): checkReference(text, kind, at: tree.place)
        case .choice(let choices):
            if !choices.contains(text) {
                problems.error(
                    tree.place, "\(what) cannot be `\(shown(text))`",
                    problems.suggestion(for: text, among: choices, called: "choices"))
            }
        case .span(let range): checkSpan(tree, text, range, what)
        case .condition: checkCondition(tree, text, what)
        case .variable:
            if !ScalarRules.isVariable(text) {
                mismatch(tree, what, shape.noun, "letters, digits and _, no digit first")
            } else if environment[text] == nil {
                problems.warning(
                    tree.place, "the environment variable `\(text)` is not set here",
                    "it must be when the secret is needed")
            }
        default:
            if let complaint = ScalarRules.complaint(text, shape) {
                problems.error(tree.place, "\(what) \(complaint.message)", complaint.remedy)
            }
        }
    }

    private func checkSpan(_ tree: Tree, _ text: String, _ range: SpanRange, _ what: String) {
        guard let span = Span(text) else {
            if text.hasPrefix("-"), Span(text.dropFirst()) != nil {
                return problems.error(tree.place, "\(what) cannot be negative: `\(shown(text))`")
            }
            let hint =
                Double(text) != nil
                ? "it needs a unit, as in `\(text)s`"
                : "durations are written 500ms, 30s, 5m, 24h or 7d"
            return mismatch(tree, what, "a duration", hint)
        }
        if span.seconds <= 0, !range.zero {
            problems.error(tree.place, "\(what) must be longer than `\(shown(text))`")
        } else if span.seconds > range.most {
            let most = Span(seconds: range.most).spelled
            problems.error(
                tree.place, "\(what) is `\(shown(text))`, which is too long", "at most \(most)")
        }
    }

    private func checkCondition(_ tree: Tree, _ text: String, _ what: String) {
        let parsed: ParsedCondition
        do {
            parsed = try ParsedCondition(text)
        } catch {
            let place = source.place(of: text, at: tree.place, offset: error.offset)
            return problems.error(place, "\(what): \(error.message)")
        }
        for name in parsed.names {
            switch name.kind {
            case .metric where names.contains(.metric, name.text): continue
            case .component where names.contains(.component, name.text): continue
            case .probe where names.contains(.probe, name.text): continue
            case .reported where ScalarRules.nameProblem(name.text) == nil: continue
            case .metric, .component, .probe, .reported: break
            }
            let place = source.place(of: text, at: tree.place, offset: name.offset)
            switch name.kind {
            case .metric: checkMetric(name.text, at: place)
            case .component: checkReference(name.text, .component, at: place)
            case .probe: checkReference(name.text, .probe, at: place)
            case .reported:
                problems.error(
                    place, "`\(name.text)` cannot be the name of a reported problem",
                    ScalarRules.nameProblem(name.text))
            }
        }
    }

    /// A metric that nothing measures is often a probe or a built-in metric without its probe.
    private func checkMetric(_ name: String, at place: Place) {
        if names.contains(.probe, name) {
            return problems.error(
                place, "`\(name)` is a probe, not a metric",
                "write `\(name).latency`, or ask for its state with `probe \(name) down`")
        }
        if names.contains(.component, name) {
            return problems.error(
                place, "`\(name)` is a component, not a metric",
                "ask for its state with `component \(name) down`")
        }
        let kind = name.prefix { $0 != "." }
        if ["disk", "memory", "cpu"].contains(kind),
            !names.all(.metric).contains(where: {
                $0.hasPrefix("\(kind).")
            })
        {
            return problems.error(
                place, "no probe measures `\(name)`", "declare a \(kind) probe in a component")
        }
        checkReference(name, .metric, at: place)
    }
}

/// The rules of single texts.
enum ScalarRules {
    struct Complaint {
        /// Continues `` `key` ``.
        var message: String
        var remedy: String?
    }

    /// What is wrong with a text of this shape; nil when it is fine.
    static func complaint(_ text: String, _ shape: ScalarShape) -> Complaint? {
        let shown = Visible.text(text, limit: 80)
        switch shape {
        case .name:
            return nameProblem(text).map { Complaint(message: "cannot be `\(shown)`", remedy: $0) }
        case .url(let schemes): return urlComplaint(text, schemes)
        case .path: return pathComplaint(text)
        case .pattern: return patternComplaint(text)
        case .jsonPath:
            if isJSONPath(text) { return nil }
            return Complaint(
                message: "is not a JSON path: `\(shown)`",
                remedy: "such as $.queue.length or $.items[0].n")
        case .address:
            if isAddress(text) { return nil }
            return Complaint(
                message: "is not an address: `\(shown)`",
                remedy: "write \"host:port\", a port is 1–65535")
        case .host:
            // In a map an IPv6 address needs no brackets: no port follows it.
            return isHost(text) || text.hasPrefix("/") || isHost("[\(text)]")
                ? nil : Complaint(message: "is not a host: `\(shown)`", remedy: nil)
        case .timezone: return timezoneComplaint(text)
        case .email:
            if isEmail(text) { return nil }
            return Complaint(
                message: "is not an e-mail address: `\(shown)`", remedy: "such as name@example.com")
        case .timestamp:
            if Timestamp(rfc3339: text) != nil { return nil }
            return Complaint(
                message: "is not a moment: `\(shown)`", remedy: "write it as 2026-01-05T09:00:00Z")
        case .umask:
            if text.count <= 4, let mask = Int(text, radix: 8), (0...0o777).contains(mask) {
                return nil
            }
            return Complaint(message: "is not a umask: `\(shown)`", remedy: "such as \"0027\"")
        case .line, .text, .script, .argument, .version, .reference, .choice, .flag, .number,
            .integer, .span,
            .condition, .variable, .plainSecret:
            return nil
        }
    }

    /// What names may be; nil when it is fine.
    static func nameProblem(_ text: String) -> String? {
        let isFine =
            text.utf8.count <= 64 && text.utf8.first.map { $0 != UInt8(ascii: "-") } == true
            && text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") }
        return isFine ? nil : "names are 1–64 letters, digits, _ and -, and do not begin with -"
    }
    static func isVariable(_ text: String) -> Bool {
        text.utf8.first.map { !isDigit($0) } == true && text.utf8.allSatisfy(isWord)
    }
    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    /// Letters, digits and `_`.
    private static func isWord(_ byte: UInt8) -> Bool {
        isDigit(byte) || byte == UInt8(ascii: "_")
            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    // MARK: Places

    static func urlComplaint(_ text: String, _ schemes: [String]) -> Complaint? {
        let shown = Visible.text(text, limit: 80)
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].hasPrefix("//") else {
            return Complaint(
                message: "is not a URL: `\(shown)`", remedy: "it begins with \(schemes[0])://")
        }
        guard schemes.contains(parts[0].lowercased()) else {
            return Complaint(
                message: "cannot be a URL of `\(Visible.text(parts[0], limit: 20))`",
                remedy: "it begins with " + schemes.map { "\($0)://" }.joined(separator: " or "))
        }
        if text.utf8.contains(where: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) {
            return Complaint(message: "has a space in its URL", remedy: "write %20")
        }
        let authority = parts[1].dropFirst(2).prefix { !"/?#".contains($0) }
        if let at = authority.lastIndex(of: "@"), authority[..<at].contains(":") {
            return Complaint(
                message: "holds a password", remedy: "write the whole URL as `{ env: NAME }`")
        }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        if parts[0] == "unix" { return nil }
        if isHost(host) || isAddress(String(host)) || host.contains("{{") { return nil }
        return Complaint(message: "has no valid host and port: `\(shown)`", remedy: nil)
    }

    static func isAddress(_ text: String) -> Bool {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]),
            text[text.index(after: colon)...].allSatisfy(\.isNumber)
        else { return false }
        return Keys.ports.contains(port) && isHost(text[..<colon])
    }
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    static func isHost(_ text: some StringProtocol) -> Bool {
        if text.hasPrefix("["), text.hasSuffix("]") {
            let inner = text.dropFirst().dropLast()
            return inner.contains(":") && inner.allSatisfy { $0.isHexDigit || ":.%".contains($0) }
        }
        return !text.isEmpty && text.utf8.count <= 253
            && text.utf8.allSatisfy { isWord($0) || "-.".utf8.contains($0) }
            && !text.hasPrefix("-") && !text.hasPrefix(".") && !text.contains("..")
    }
    static func isEmail(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && isHost(parts[1])
            && !text.contains(where: { $0.isWhitespace || "<>,;\"".contains($0) })
    }

    private static func pathComplaint(_ text: String) -> Complaint? {
        if text.hasPrefix("~") {
            return Complaint(
                message: "begins with `~`, which means nothing here", remedy: "write ${HOME}")
        }
        if text.utf8.count > 4096 { return Complaint(message: "is too long a path", remedy: nil) }
        return nil
    }

    // MARK: Patterns and paths into data

    private static func patternComplaint(_ text: String) -> Complaint? {
        // The parser of regular expressions is recursive, so nesting is kept from its stack.
        guard text.utf8.count <= 2000, text.count(where: { "([".contains($0) }) <= 200 else {
            return Complaint(message: "is too large a regular expression", remedy: nil)
        }
        do {
            _ = try Regex(text)
            return nil
        } catch {
            let reason = "\(error)".split(separator: "\n").first.map(String.init) ?? ""
            return Complaint(
                message: "is not a regular expression: `\(Visible.text(text, limit: 80))`",
                remedy: Visible.text(reason, limit: 200))
        }
    }

    /// `$`, then `.name` and `[0]`.
    static func isJSONPath(_ text: String) -> Bool {
        guard text.first == "$" else { return false }
        var rest = text.dropFirst()
        while let first = rest.first {
            rest = rest.dropFirst()
            if first == "." {
                let name = rest.prefix { !".[] \t".contains($0) }
                guard !name.isEmpty else { return false }
                rest = rest[name.endIndex...]
            } else if first == "[" {
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                guard !digits.isEmpty, digits.count <= 9, rest[digits.endIndex...].first == "]"
                else {
                    return false
                }
                rest = rest[digits.endIndex...].dropFirst()
            } else {
                return false
            }
        }
        return true
    }

    // MARK: Time zones

    /// The names of the system's time zone database; UTC is always there.
    private static func timezoneComplaint(_ text: String) -> Complaint? {
        if text == "UTC" || text == "GMT" { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let isSafe = parts.allSatisfy { part in
            part.first?.isLetter == true
                && part.allSatisfy {
                    $0.isASCII && ($0.isLetter || $0.isNumber || "_-+".contains($0))
                }
        }
        var status = stat()
        if isSafe, stat(ZoneFile.folder + text, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            if ZoneFile.offsets(of: text) != nil { return nil }
            return Complaint(
                message: "cannot be read from \(ZoneFile.folder)\(Visible.text(text, limit: 60))",
                remedy: "mend the system's time zones, or write UTC")
        }
        return Complaint(
            message: "is not a known time zone: `\(Visible.text(text, limit: 60))`",
            remedy: "write an IANA name such as UTC or Europe/Berlin")
    }
}

extension ScalarShape {
    /// What it is, for `must be …`.
    var noun: String {
        switch self {
        case .line, .text, .argument: "a text"
        case .script: "a command or a query"
        case .version: "1"
        case .name: "a name"
        case .reference(let kind): "the name of a \(kind.noun)"
        case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: " or ")
        case .flag: "true or false"
        case .number: "a number"
        case .integer: "a whole number"
        case .span: "a duration"
        case .url: "a URL"
        case .path: "a path"
        case .pattern: "a regular expression"
        case .jsonPath: "a JSON path"
        case .condition: "a condition"
        case .address: "an address (\"host:port\")"
        case .host: "a host"
        case .timezone: "a time zone"
        case .email: "an e-mail address"
        case .timestamp: "a moment"
        case .umask: "a umask"
        case .variable: "the name of an environment variable"
        case .plainSecret: "`{ env: NAME }` or `{ file: PATH }`"
        }
    }
    var hint: String? {
        switch self {
        case .span: "durations are written 500ms, 30s, 5m, 24h or 7d"
        case .condition: "such as `component web down`"
        default: nil
        }
    }
}
