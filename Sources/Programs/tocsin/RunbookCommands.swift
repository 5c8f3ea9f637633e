// The runbook: a first one, every mistake in one, and its schema.
import ArgumentParser
import Domain
import FoundationEssentials
import Link
import RunbookFile
import Wire

#if canImport(Glibc)
    import Glibc
#endif

struct CheckRunbook: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "check-runbook", "Every problem in a runbook, with line and column.",
        "Exit status: 0 when it can be used (warnings may remain), 78 when not.",
        ("tocsin check-runbook", "the one that would be used"),
        ("tocsin check-runbook /etc/tocsin/tocsin.yaml", "a certain one"))
    @Argument(help: ArgumentHelp("The file.", valueName: "file"))
    var file: String?
    @OptionGroup var common: CommonOptions

    private struct Answer: Encodable {
        var file: String
        var usable: Bool
        var problems: [Entry]
    }
    private struct Entry: Encodable {
        var line: Int
        var column: Int
        var severity: String
        var message: String
        @ExplicitNull var suggestion: String?
    }

    func run() throws {
        try reporting(.act, common) { session in
            let path = try file ?? session.places.runbook()
            let result = RunbookFile.load(path: path, environment: Session.environment)
            let answer = Answer(
                file: path, usable: result.runbook != nil,
                problems: result.problems.map {
                    Entry(
                        line: $0.line, column: $0.column, severity: $0.severity.rawValue,
                        message: $0.message, suggestion: $0.suggestion)
                })
            if common.output == .json { try session.show(json: answer) }
            for problem in result.problems {
                let ink: Ink = problem.severity == .error ? .bad : .warning
                Output.complain(session.errorPaper.unlimited.render(Line("\(problem)", ink)))
            }
            guard result.runbook != nil else { return 78 }
            if common.output == .text { try session.show([Line("● \(path) can be used", .good)]) }
            return 0
        }
    }
}

struct Initialise: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "init", "Writes a commented runbook to begin with.",
        "Never over a file that is there.",
        ("tocsin init --service shop", "./tocsin.yaml"),
        ("tocsin init --runbook /etc/tocsin/tocsin.yaml", "somewhere else"))
    @Option(help: "The service's name; otherwise the folder's.")
    var service: String?
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            let folderName = session.places.folder.split(separator: "/").last.map(String.init)
            let text = RunbookFile.starter(service: service ?? folderName ?? "service")
            let path = common.runbook ?? "tocsin.yaml"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                let exists = errno == EEXIST
                throw Failure(
                    exists ? .refused : .failed, rule: exists ? "file-exists" : "fault",
                    why: exists
                        ? "\(path) is there already"
                        : "cannot write \(path): \(String(cString: strerror(errno)))",
                    remedy: "Name another file with --runbook.")
            }
            defer { close(descriptor) }
            do throws(Unwritten) { try Output.write(text, to: descriptor) } catch {
                // Half a runbook would be in the way of the next try.
                unlink(path)
                throw Failure(
                    .failed, rule: "fault",
                    why: "cannot write \(path): \(String(cString: strerror(error.number)))",
                    remedy: "Name another file with --runbook.")
            }
            struct Answer: Encodable { var runbook: String }
            try session.show(Answer(runbook: path)) {
                [Line("Wrote \(path). "), Line("Edit it, then: tocsin check-runbook \(path)")]
            }
            return 0
        }
    }
}

struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "schema", "The JSON Schema of the runbook, for editors.",
        ("tocsin schema > tocsin.schema.json", "save it"),
        ("tocsin schema | jq .title", "look into it"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { _ in
            let text = RunbookFile.schema()
            try Output.write(text.hasSuffix("\n") ? text : text + "\n")
            return 0
        }
    }
}
