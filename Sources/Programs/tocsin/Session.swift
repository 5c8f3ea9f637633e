// What every command shares: its options, where things are, and talking to the engine.
import ArgumentParser
import Domain
import FoundationEssentials
import Link
import RunbookFile
import Wire

#if canImport(Glibc)
    import Glibc
#endif

enum OutputFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

/// The options that every subcommand takes after its name.
struct CommonOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The runbook.", valueName: "file"))
    var runbook: String?
    @Option(help: ArgumentHelp("The engine's folder.", valueName: "dir"))
    var state: String?
    @Option(help: ArgumentHelp("The engine's socket.", valueName: "path"))
    var socket: String?
    @Option(help: "How to print: text, or json for one JSON document on standard output.")
    var output: OutputFormat = .text
    @Flag(name: .customLong("no-color"), help: "Plain text also on a terminal.")
    var noColor = false
}

extension CommonOptions {
    /// Reads the plainest spellings without the parser, which takes two milliseconds for it.
    /// - Returns: nil for anything else, also for what makes no sense: the parser says it better.
    static func plain(_ arguments: ArraySlice<String>) -> CommonOptions? {
        // Set from outside: within an initializer it would set the parser's defaults, not the values.
        var common = CommonOptions()
        common.runbook = nil
        common.state = nil
        common.socket = nil
        common.output = .text
        common.noColor = false
        var rest = arguments
        while let name = rest.popFirst() {
            if name == "--no-color" {
                common.noColor = true
                continue
            }
            guard let value = rest.popFirst(), !value.hasPrefix("-") else { return nil }
            switch name {
            case "--runbook": common.runbook = value
            case "--state": common.state = value
            case "--socket": common.socket = value
            case "--output":
                guard let format = OutputFormat(rawValue: value) else { return nil }
                common.output = format
            default: return nil
            }
        }
        return common
    }
}

/// One run of a command.
struct Session {
    let common: CommonOptions
    let places: Places
    let paper: Paper
    static let environment = readEnvironment()

    init(_ common: CommonOptions) {
        self.common = common
        let environment = Self.environment
        places = Places(
            runbookOption: common.runbook, stateOption: common.state, socketOption: common.socket,
            environment: environment, uid: getuid(), folder: Self.workingFolder(),
            exists: { access($0, F_OK) == 0 },
            serviceName: { try Self.load($0, environment, withLocalAlerts: false).service.name })
        paper = Paper(descriptor: STDOUT_FILENO, plain: common.noColor, environment: environment)
    }

    /// What progress and errors are written on.
    var errorPaper: Paper {
        Paper(
            descriptor: STDERR_FILENO, plain: common.noColor, environment: Self.environment)
    }

    // MARK: Where and what

    func client() throws -> EngineClient { EngineClient(socket: try places.socket()) }

    /// - Throws: `RunbookProblems`, all of them.
    static func load(
        _ path: String, _ environment: [String: String], withLocalAlerts: Bool = true
    ) throws -> Runbook {
        let result = RunbookFile.load(
            path: path, environment: environment, withLocalAlerts: withLocalAlerts)
        guard let runbook = result.runbook else { throw RunbookProblems(problems: result.problems) }
        return runbook
    }
    func loadRunbook() throws -> Runbook { try Self.load(runbookPath(), Self.environment) }
    /// Where only an engine is named, it is that engine's runbook.
    private func runbookPath() throws -> String {
        guard places.namesOnlyAnEngine else { return try places.runbook() }
        do {
            return try runbook().path
        } catch let lost as LinkError {
            // Without the engine it may still be found where runbooks are.
            guard let found = try? places.runbook() else { throw lost }
            return found
        }
    }

    // MARK: The engine

    func situation() throws -> SituationReport { try read("/v1/situation") }
    func runbook() throws -> RunbookReport { try read("/v1/runbook") }

    /// - Throws: `LinkError`, or `Failure` when the engine refuses.
    func read<Value: Decodable>(_ path: String) throws -> Value {
        try WireCoding.decode(Value.self, from: try bytes(path))
    }
    /// The document as the engine wrote it.
    func bytes(_ path: String) throws -> Data {
        let answer = try client().get(path)
        guard answer.status == 200 else { throw Self.failure(answer) }
        return answer.body
    }

    func command(
        _ request: CommandRequest, timeout: Span = .seconds(30)
    ) throws -> CommandAnswer {
        let body = try WireCoding.encode(request)
        let answer = try client().post("/v1/commands", body: body, timeout: timeout)
        guard answer.status == 200 else { throw Self.failure(answer) }
        return try WireCoding.decode(CommandAnswer.self, from: answer.body)
    }

    private static func failure(_ answer: (status: Int, body: Data)) -> Failure {
        guard let report = try? WireCoding.decode(RefusalReport.self, from: answer.body) else {
            return Failure(
                .failed, rule: "bad-answer",
                why: "the engine answered with status \(answer.status)",
                remedy: "See the engine's log.")
        }
        return Failure(
            kind(ofStatus: answer.status), rule: Visible.text(report.refused),
            why: Visible.text(report.why, lines: true), remedy: Visible.text(report.remedy))
    }

    /// 403 and 409 are rules, 422 is what makes no sense; 5xx is the world or ourselves.
    static func kind(ofStatus status: Int) -> Failure.Kind {
        switch status {
        case 422: .usage
        case ..<500: .refused
        default: .failed
        }
    }

    // MARK: Printing

    func show(json value: some Encodable) throws {
        try Output.write(
            String(decoding: try WireCoding.encode(value, pretty: true), as: UTF8.self) + "\n")
    }
    /// One or the other, as `--output` says.
    func show(_ value: some Encodable, text: () -> [Line]) throws {
        if common.output == .json { try show(json: value) } else { try show(text()) }
    }
    func show(_ lines: [Line]) throws {
        try Output.write(lines.flatMap(paper.wrapped).map { $0 + "\n" }.joined())
    }
    /// Sentences, which a terminal may break: nothing of them is cut off.
    func tell(_ lines: [Line]) throws {
        try Output.write(lines.map { paper.unlimited.render($0) + "\n" }.joined())
    }

    // MARK: The process

    private static func workingFolder() -> String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func readEnvironment() -> [String: String] {
        var result: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let line = String(cString: text)
            if let equals = line.firstIndex(of: "=") {
                result[String(line[..<equals])] = String(line[line.index(after: equals)...])
            }
            entry += 1
        }
        return result
    }
}

/// What was to be printed could not be: a full disk, a closed descriptor.
struct Unwritten: Error, CustomStringConvertible {
    /// The kernel's number for it.
    var number: Int32
    var description: String { "cannot write the output: \(String(cString: strerror(number)))" }
}

/// Standard output and standard error, written at once and whole.
enum Output {
    /// On standard output. Whoever has closed a pipe has read enough: that is no error.
    /// - Throws: `Unwritten`.
    static func write(_ text: String) throws(Unwritten) {
        do throws(Unwritten) { try write(text, to: STDOUT_FILENO) } catch {
            if error.number != EPIPE { throw error }
        }
    }
    /// A line on standard error.
    static func complain(_ text: String) { progress(text + "\n") }
    /// Text as it is on standard error. Nobody can be told that nobody can be told.
    static func progress(_ text: String) { try? write(text, to: STDERR_FILENO) }

    /// - Throws: `Unwritten`.
    static func write(_ text: String, to descriptor: Int32) throws(Unwritten) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, 1000)
            } else if errno != EINTR {
                throw Unwritten(number: errno)
            }
        }
    }
}
