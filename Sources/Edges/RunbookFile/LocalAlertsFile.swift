// Reads and writes `alerts.local.yaml`: the addresses that `configure-alerts` put beside the runbook.
package import Domain

#if canImport(Glibc)
    import Glibc
#endif

/// Everything that is wrong with an `alerts.local.yaml`.
package struct LocalAlertsProblems: Error, Sendable, Equatable, CustomStringConvertible {
    /// In the order of the file; at least one.
    package var problems: [RunbookProblem]
    package var description: String { problems.map(\.description).joined(separator: "\n") }
}

package enum LocalAlertsFile {
    package static let name = "alerts.local.yaml"
    /// Addresses of one kind.
    package static let most = 100

    /// The path of the file that belongs to a runbook; absolute.
    package static func path(beside runbookPath: String) -> String {
        Paths(ofFile: runbookPath).absolute(name)
    }

    /// Whether there are channels for the addresses is not looked at: `RunbookFile.load` does.
    /// - Returns: without the file, no addresses.
    /// - Throws: `LocalAlertsProblems`.
    package static func read(beside runbookPath: String) throws -> LocalAlerts {
        let result = load(beside: runbookPath, for: nil)
        guard let alerts = result.alerts else {
            throw LocalAlertsProblems(problems: result.problems)
        }
        return alerts
    }

    /// - Parameter runbook: whose channels must reach the addresses; nil: that is not checked.
    static func load(
        beside runbookPath: String, for runbook: Runbook?
    ) -> (alerts: LocalAlerts?, problems: [RunbookProblem]) {
        let path = path(beside: runbookPath)
        var status = stat()
        if lstat(path, &status) != 0, errno == ENOENT { return (LocalAlerts(), []) }
        let problems = ProblemList()
        let found = RunbookFile.read(path, called: name, ifMissing: nil, problems: problems)
            .flatMap { Self.alerts(in: $0, for: runbook, problems: problems) }
        return (problems.hasErrors ? nil : found, problems.problems(file: path))
    }

    private static func alerts(
        in text: String, for runbook: Runbook?, problems: ProblemList
    ) -> LocalAlerts? {
        // A file that was cut off must not pass for one without addresses.
        if text.split(whereSeparator: \.isNewline).allSatisfy({
            ["#", nil].contains($0.first { !$0.isWhitespace })
        }) {
            problems.error(.start, "\(name) is empty", "delete it, or write `version: 1`")
            return nil
        }
        guard let (written, source) = YAMLReader.read(text, environment: [:], problems: problems)
        else { return nil }
        let shape = Shape.table(Keys.localAlerts)
        let tree = KeyCorrector(problems: problems).corrected(written, shape)
        ShapeChecker(names: Names(tree), source: source, environment: [:], problems: problems)
            .check(tree, shape, name)
        for key in ["email", "sms", "webhook"] { checkList(tree, key, problems) }
        guard !problems.hasErrors,
            let alerts = try? LocalAlerts(
                email: tree.texts("email"), sms: tree.texts("sms"),
                webhook: tree.texts("webhook"))
        else { return nil }
        if let runbook {
            for kind in alerts.missing(in: runbook) {
                problems.error(
                    tree.place(of: kind.rawValue),
                    "nobody under `\(kind.rawValue)` can be told: "
                        + "the runbook has no channel of the kind `\(kind.rawValue)`",
                    "add one under `channels:` of the runbook, or take the addresses away")
            }
        }
        return alerts
    }

    private static func checkList(_ tree: Tree, _ key: String, _ problems: ProblemList) {
        let items = tree[key]?.items ?? []
        if items.count > most {
            problems.error(
                tree.place(of: key), "`\(key)` has \(items.count) addresses",
                "at most \(most); for more people write a role and its escalation")
        }
        var seen: Set<String> = []
        for item in items {
            guard let text = item.scalar?.text, !item.isBroken, !seen.insert(text).inserted else {
                continue
            }
            problems.error(
                item.place, "`\(Visible.text(text, limit: 80))` is twice in `\(key)`",
                "keep one of them")
        }
    }

    // MARK: Writing

    /// Replaces the file, as a whole or not at all; it is on the disk when this returns, with mode
    /// 0640. Nothing of the file before is kept.
    /// - Throws: `Fault`, also for addresses that could not be read again.
    package static func write(
        _ alerts: LocalAlerts, beside runbookPath: String
    ) throws(Fault) {
        let path = path(beside: runbookPath)
        func fault(_ cause: String) -> Fault {
            Fault(operation: "write the local alerts", subject: Visible.text(path), cause: cause)
        }
        let text = text(of: alerts)
        let problems = ProblemList()
        let again = Self.alerts(in: text, for: nil, problems: problems)
        if let problem = problems.problems(file: path).first(where: { $0.severity == .error }) {
            throw fault(problem.message + (problem.suggestion.map { "; \($0)" } ?? ""))
        }
        guard again == alerts else { throw fault("these addresses cannot be written down") }
        try replace(path, with: text, fault)
    }

    static func text(of alerts: LocalAlerts) -> String {
        func list(_ key: String, _ items: [String]) -> String {
            items.isEmpty
                ? "\(key): []\n"
                : "\(key):\n" + items.map { "  - \(quoted($0))\n" }.joined()
        }
        return """
            # Written by `tocsin configure-alerts`: who is told at once in every emergency of level 1 to 3,
            # beside the escalation of the runbook. It may be edited; the next configure-alerts writes it
            # anew and keeps the addresses, not the comments.
            version: 1

            """
                + list("email", alerts.email) + list("sms", alerts.sms)
                + list("webhook", alerts.webhook)
    }

    /// In quotes nothing is taken for a number or a list; `$$` is a dollar.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "$": result += "$$"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Written beside its place and renamed: a reader sees the old file or the new one.
    private static func replace(
        _ path: String, with text: String, _ fault: (String) -> Fault
    ) throws(Fault) {
        let folder = Paths(ofFile: path).folder
        let draft = "\(folder)/.\(name).\(getpid())-\(UInt32.random(in: 0 ... .max))"
        func systemFault() -> Fault { fault(String(cString: strerror(errno))) }
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw systemFault() }
        var isDone = false
        defer {
            close(descriptor)
            if !isDone { unlink(draft) }
        }
        guard fchmod(descriptor, 0o640) == 0, writeAll(Array(text.utf8), to: descriptor),
            fsync(descriptor) == 0, rename(draft, path) == 0
        else { throw systemFault() }
        isDone = true
        let place = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard place >= 0 else { throw systemFault() }
        defer { close(place) }
        guard fsync(place) == 0 else { throw systemFault() }
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

extension Keys {
    static let localAlerts = KeyTable(
        what: "the local alerts",
        keys: [
            must("version", .version, "The version of the format: 1."),
            may("email", .list(.email, atLeast: 0), "Addresses that mail goes to."),
            may("sms", .list(.line, atLeast: 0), "Telephone numbers."),
            may("webhook", .list(.url(["http", "https"]), atLeast: 0), "URLs; requests unsigned."),
        ])
}
