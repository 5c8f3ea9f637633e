// How every command begins and ends: parse, run, and one place where errors become exit statuses.
import ArgumentParser
import Domain
import FoundationEssentials
import Link
import RunbookFile
import Wire

enum Program {
    /// Runs a command that does not suspend, to its end. Most commands wait for one answer and need no
    /// threads for it; starting those would take a good part of what `status` may take.
    /// - Returns: the exit status; nil when the command must run as a task.
    static func runAtOnce(_ arguments: [String]) -> Int32? {
        if let complaint = UnknownCommand.complaint(arguments) {
            Output.complain("tocsin: \(complaint)")
            return 64
        }
        do {
            var command = try quickly(arguments) ?? Tocsin.parseAsRoot(arguments)
            if command is any AsyncParsableCommand { return nil }
            try command.run()
            return 0
        } catch {
            return status(of: error)
        }
    }

    /// What is run every few seconds, by people, by scripts and by the engine for each step. The parser
    /// looks at every command that it knows before it looks at the first word.
    /// - Returns: nil when the whole parser must look: for help, for errors, for any other command.
    private static func quickly(_ arguments: [String]) -> (any ParsableCommand)? {
        switch arguments.first {
        case "status": CommonOptions.plain(arguments.dropFirst()).map(Status.with)
        case "health-check": CommonOptions.plain(arguments.dropFirst()).map(HealthCheck.with)
        case "step-runner": try? StepRunnerCommand.parse(Array(arguments.dropFirst()))
        default: nil
        }
    }

    static func run(_ arguments: [String]) async -> Int32 {
        do {
            var command = try quickly(arguments) ?? Tocsin.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return 0
        } catch {
            return status(of: error)
        }
    }

    /// Prints what there is to say about an error, and help where it was asked for.
    private static func status(of error: any Error) -> Int32 {
        if let code = error as? ExitCode { return code.rawValue }
        // Help, the version, and wrong usage (64).
        let code = Tocsin.exitCode(for: error)
        let text = withExamplesLast(Tocsin.fullMessage(for: error))
        guard code.isSuccess else {
            Output.complain(text)
            return code.rawValue
        }
        do { try Output.write(text + "\n") } catch {
            Output.complain("tocsin: \(error)")
            return 1
        }
        return code.rawValue
    }
}

/// The two families of commands; they differ in what their exit statuses mean (interface.md).
enum Family {
    /// 0 healthy, 1 degraded, 2 failed, 3 unknown.
    case check
    /// 0 done, 1 tried and failed, 4 refused, 78 the runbook is wrong.
    case act
}

/// A command that did not do what it was asked, in words for people and for scripts.
struct Failure: Error {
    enum Kind {
        /// A rule said no.
        case refused
        /// It was tried, or could not even be tried.
        case failed
        case runbook
        case usage
    }
    var kind: Kind
    /// The rule, or a word for what went wrong.
    var rule: String
    var why: String
    var remedy: String

    init(_ kind: Kind, rule: String, why: String, remedy: String) {
        self.kind = kind
        self.rule = rule
        self.why = why
        self.remedy = remedy
    }

    func status(_ family: Family) -> Int32 {
        switch (family, kind) {
        case (_, .usage): 64
        case (.check, .refused), (.check, .failed), (.check, .runbook): 3
        case (.act, .refused): 4
        case (.act, .failed): 1
        case (.act, .runbook): 78
        }
    }

    static let unwritten = "output"

    /// Whatever was thrown, as a failure.
    init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let refusal as Refusal:
            self.init(
                refusal.kind == .notUnderstood ? .usage : .refused, rule: refusal.rule,
                why: refusal.why, remedy: refusal.remedy)
        case let error as LinkError: self.init(link: error)
        case let error as Places.Unknown:
            self.init(.runbook, rule: "no-runbook", why: "\(error)", remedy: "")
        case let error as RunbookProblems:
            self.init(.runbook, rule: "runbook", why: error.text, remedy: "")
        case let error as Unwritten:
            self.init(.failed, rule: Self.unwritten, why: "\(error)", remedy: "")
        case let error as DecodingError:
            self.init(
                .failed, rule: "bad-answer", why: "the engine's answer cannot be read: \(error)",
                remedy: "Use the tocsin of the engine's version.")
        default: self.init(.failed, rule: "fault", why: "\(error)", remedy: "")
        }
    }

    private init(link error: LinkError) {
        switch error {
        case .notReachable:
            self.init(
                .failed, rule: "engine-not-reachable", why: "\(error)",
                remedy: "Start one with `tocsin engine`, or name its socket with --socket.")
        case .timeout:
            self.init(
                .failed, rule: "engine-timeout", why: "\(error)",
                remedy: "See whether it lives: systemctl status, or its log.")
        case .badAnswer:
            self.init(
                .failed, rule: "bad-answer", why: "\(error)",
                remedy: "See whether --socket names an engine's socket.")
        }
    }
}

/// Mistakes in a runbook, ready to be printed.
struct RunbookProblems: Error {
    var problems: [RunbookProblem]
    var text: String { problems.map { "\($0)" }.joined(separator: "\n") }
}

/// Runs a command's work and reports its end. - Throws: `ExitCode` when that is not 0.
func reporting(
    _ family: Family, _ common: CommonOptions, _ work: (Session) async throws -> Int32
) async throws {
    let session = Session(common)
    let status: Int32
    do { status = try await work(session) } catch { status = try session.report(error, family) }
    if status != 0 { throw ExitCode(status) }
}
/// The same for work that never suspends.
func reporting(
    _ family: Family, _ common: CommonOptions, _ work: (Session) throws -> Int32
) throws {
    let session = Session(common)
    let status: Int32
    do { status = try work(session) } catch { status = try session.report(error, family) }
    if status != 0 { throw ExitCode(status) }
}

extension Session {
    /// Says what went wrong: on standard error, and with `--output json` as the one document too.
    func report(_ error: any Error, _ family: Family) throws -> Int32 {
        if let code = error as? ExitCode { return code.rawValue }
        if error is CleanExit || error is ValidationError { throw error }
        var failure = Failure(error)
        if let lost = error as? LinkError, lost.meansNobody {
            failure.remedy = EngineWords.remedy(places) { path in
                try? String(contentsOf: URL(filePath: path), encoding: .utf8)
            }
        }
        switch failure.kind {
        case .refused: Output.complain("refused (\(failure.rule)): \(failure.why)")
        case .failed, .usage: Output.complain("tocsin: \(failure.why)")
        case .runbook: Output.complain(failure.why)
        }
        if !failure.remedy.isEmpty { Output.complain("  \(failure.remedy)") }
        if common.output == .json, failure.rule != Failure.unwritten {
            try show(
                json: RefusalReport(
                    refused: failure.rule, why: failure.why, remedy: failure.remedy))
        }
        return failure.status(family)
    }
}
