// Reads a runbook from its file: either a runbook whose references all hold, or every mistake in it.
package import Domain

#if canImport(Glibc)
    import Glibc
#endif

/// What came of reading a runbook.
package struct LoadResult: Sendable {
    /// Nil exactly when a problem is an error.
    package var runbook: Runbook?
    /// In the order of the file.
    package var problems: [RunbookProblem]
    package init(runbook: Runbook?, problems: [RunbookProblem]) {
        self.runbook = runbook
        self.problems = problems
    }
}

package enum RunbookFile {
    /// Bytes that a runbook may have.
    static let largest = 4 * 1024 * 1024

    /// Reads and checks a file and the `alerts.local.yaml` beside it, whose problems come last. Never
    /// throws: a file that cannot be read is a problem.
    /// - Parameters:
    ///   - environment: fills `${NAME}`, and tells which secrets are not set.
    ///   - withLocalAlerts: false leaves the file beside it aside, for whoever only wants to know
    ///     something of the service and may not be allowed to read it.
    package static func load(
        path: String, environment: [String: String], withLocalAlerts: Bool = true
    ) -> LoadResult {
        let problems = ProblemList()
        guard
            let text = read(
                path, called: "the runbook", ifMissing: "`tocsin init` writes a first one",
                problems: problems)
        else { return LoadResult(runbook: nil, problems: problems.problems(file: path)) }
        var result = check(text: text, path: path, environment: environment)
        guard withLocalAlerts else { return result }
        let local = LocalAlertsFile.load(beside: path, for: result.runbook)
        result.problems += local.problems
        if let alerts = local.alerts {
            result.runbook = result.runbook?.applying(alerts)
        } else {
            result.runbook = nil
        }
        return result
    }

    /// Checks a text as if it stood in the file.
    /// - Parameter path: absolute, or relative to the working directory; nothing is read there.
    package static func check(
        text: String, path: String, environment: [String: String]
    ) -> LoadResult {
        let problems = ProblemList()
        let runbook = runbook(of: text, path: path, environment: environment, problems: problems)
        if runbook == nil, !problems.hasErrors {
            problems.error(.start, "the runbook cannot be read", "please report this as a bug")
        }
        return LoadResult(
            runbook: problems.hasErrors ? nil : runbook, problems: problems.problems(file: path))
    }

    private static func runbook(
        of text: String, path: String, environment: [String: String], problems: ProblemList
    ) -> Runbook? {
        var text = text
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        guard text.utf8.count <= largest else {
            problems.error(.start, "the runbook is larger than 4 MiB")
            return nil
        }
        guard
            let (written, source) = YAMLReader.read(
                text, environment: environment, problems: problems)
        else { return nil }
        let tree = KeyCorrector(problems: problems).corrected(written, .table(Keys.runbook))
        if tree.isEmpty {
            problems.error(.start, "the runbook is empty", "`tocsin init` writes a first one")
            return nil
        }
        let names = Names(tree)
        ShapeChecker(names: names, source: source, environment: environment, problems: problems)
            .check(tree, .table(Keys.runbook), "the runbook")
        CrossChecks(root: tree, names: names, problems: problems).check()
        guard !problems.hasErrors else { return nil }
        do {
            return try RunbookBuilder(root: tree, paths: Paths(ofFile: path)).runbook()
        } catch {
            problems.error(
                error.place,
                "this cannot be read although it passed every check (\(error.expected))",
                "please report this as a bug")
            return nil
        }
    }

    // MARK: The file

    /// - Parameter what: how messages call the file.
    static func read(
        _ path: String, called what: String, ifMissing remedy: String?, problems: ProblemList
    ) -> String? {
        // Without O_NONBLOCK a named pipe would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            let isMissing = errno == ENOENT
            let reason = String(cString: strerror(errno))
            problems.error(
                .start, "\(what) cannot be opened: \(reason)", isMissing ? remedy : nil)
            return nil
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            problems.error(.start, "\(what) is not a regular file")
            return nil
        }
        guard let bytes = bytes(of: descriptor, limit: largest + 1) else {
            problems.error(
                .start, "\(what) cannot be read: \(String(cString: strerror(errno)))")
            return nil
        }
        guard bytes.count <= largest else {
            problems.error(.start, "\(what) is larger than 4 MiB")
            return nil
        }
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        problems.error(
            Source.place(ofByte: firstInvalidByte(bytes), in: bytes), "this is not UTF-8 text",
            "save \(what) as UTF-8")
        return nil
    }

    /// Everything in a file, at most `limit` bytes; nil with errno when it cannot be read.
    static func bytes(of descriptor: Int32, limit: Int) -> [UInt8]? {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while result.count < limit {
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { break }
            result += buffer.prefix(min(count, limit - result.count))
        }
        return result
    }

    private static func firstInvalidByte(_ bytes: [UInt8]) -> Int {
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var offset = 0
        while true {
            switch decoder.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .error, .emptyInput: return offset
            }
        }
    }
}

/// Makes relative paths absolute: they start at the runbook's folder.
struct Paths {
    /// Of the runbook; absolute.
    let file: String
    let folder: String

    init(ofFile path: String) {
        var working = "/"
        if !path.hasPrefix("/"), let buffer = getcwd(nil, 0) {
            working = String(cString: buffer)
            free(buffer)
        }
        file = Self.join(working, path)
        let parent = file[..<(file.lastIndex(of: "/") ?? file.startIndex)]
        folder = parent.isEmpty ? "/" : String(parent)
    }

    /// A path that begins with `{{` is known to be absolute only when it is filled in.
    func absolute(_ path: String) -> String {
        path.hasPrefix("{{") ? path : Self.join(folder, path)
    }

    /// A program: a bare name is looked up in PATH, so it stays.
    func program(_ argv: [String]) -> [String] {
        guard let first = argv.first, first.contains("/") else { return argv }
        return [absolute(first)] + argv.dropFirst()
    }

    /// Without `.` and `..`, which are resolved in the text alone.
    private static func join(_ base: String, _ path: String) -> String {
        var parts: [Substring] = []
        for part in (path.hasPrefix("/") ? path : base + "/" + path).split(separator: "/") {
            if part == ".." {
                _ = parts.popLast()
            } else if part != "." {
                parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }
}
