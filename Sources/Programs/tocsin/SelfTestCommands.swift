// Self-tests: whether the procedures would work, asked before they are needed. They change nothing.
import ArgumentParser
import Domain
import FoundationEssentials
import Wire

/// What a self-test found, worst first.
struct Checks: Encodable {
    var state: Health
    var checks: [CheckReport]

    private static let order: [CheckReport.State] = [.failed, .unknown, .degraded, .healthy]

    init(_ checks: [CheckReport]) {
        self.checks = Self.order.flatMap { state in checks.filter { $0.state == state } }
        state = Health.worst(checks.map(\.state.health)) ?? .unknown
    }
}

extension CheckReport.State {
    var health: Health {
        switch self {
        case .healthy: .healthy
        case .degraded: .degraded
        case .failed: .failed
        case .unknown: .unknown
        }
    }
}

enum CheckText {
    /// A row for each, and below it what to do.
    static func lines(_ checks: [CheckReport], indent: String = "") -> [Line] {
        let rows = table(
            checks.map { check in
                let health = check.state.health
                return [
                    (health.sign, health.ink), (check.subject, .quiet), (check.name, .strong),
                    (check.message, .plain),
                ]
            }, indent: indent)
        return zip(checks, rows).flatMap { check, row in
            check.remedy.isEmpty || check.state == .healthy
                ? [row] : [row, Line("\(indent)     → \(check.remedy)", .warning)]
        }
    }

    static func summary(_ checks: Checks) -> Line {
        let counts: [String] = [
            (CheckReport.State.failed, "failed"), (.unknown, "unknown"), (.degraded, "degraded"),
            (.healthy, "healthy"),
        ].compactMap { state, word in
            let count = checks.checks.filter { $0.state == state }.count
            return count == 0 ? nil : "\(count) \(word)"
        }
        return Line("\(checks.state.sign) ", checks.state.ink)
            + (Words.count(checks.checks.count, "check", "checks"), .strong)
            + ": \(counts.joined(separator: ", "))"
    }
}

extension Session {
    /// Asks for one; each step's check may take its time.
    func selfTest(_ name: String) throws -> CommandAnswer {
        let answer = try command(CommandRequest(command: name), timeout: .minutes(10))
        guard answer.checks != nil else {
            throw Failure(
                .failed, rule: "bad-answer", why: "the engine has not said what it found",
                remedy: "Use the tocsin of the engine's version.")
        }
        return answer
    }

    /// The whole command. - Returns: the exit status.
    fileprivate func runSelfTest(_ name: String) throws -> Int32 {
        let checks = Checks(try selfTest(name).checks ?? [])
        try show(checks) { [CheckText.summary(checks)] + CheckText.lines(checks.checks) }
        return checks.state.status
    }
}

struct TestRecovery: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "test-recovery", "Asks every step of every recovery what it would do now; changes nothing.",
        "Exit status: 0 all would run, 1 with doubts, 2 a step would fail, 3 unknown.",
        ("tocsin test-recovery", "actions, services and playbooks"),
        ("tocsin test-recovery --output json", "as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.check, common) { try $0.runSelfTest("test-recovery") }
    }
}

struct ValidateRecovery: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "validate-recovery", "Says whether every failure has a plan that would work.",
        """
        For each failure of a trigger: its plan, the actions in it, the probes that prove them, and \
        whether its escalation reaches somebody. Exit status: 0 healthy, 1 degraded, 2 failed, 3 unknown.
        """,
        ("tocsin validate-recovery", "every failure"),
        ("tocsin validate-recovery --output json", "as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.check, common) { try $0.runSelfTest("validate-recovery") }
    }
}

struct TestEmergencyProcedures: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "test-emergency-procedures", "Looks at everything that an emergency may need.",
        """
        Recovery, rollback and fallbacks as they would run now; channels, contacts, shifts, the matrix \
        and its response times as the runbook has them. Nothing is changed and nothing is sent. Exit \
        status: 0 healthy, 1 degraded, 2 failed, 3 unknown.
        """,
        ("tocsin test-emergency-procedures", "before the next emergency"),
        ("tocsin test-emergency-procedures --output json", "as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.check, common) { try $0.runSelfTest("test-emergency-procedures") }
    }
}

struct TestRollbackProcedures: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "test-rollback-procedures",
        "Says whether a rollback would work: plan, people, backup, disk.",
        """
        With --test-mode the rollback is also done to copies, and its time held against the target; the \
        service goes on. Exit status: 0 healthy, 1 degraded, 2 failed, 3 unknown.
        """,
        ("tocsin test-rollback-procedures", "ask every step"),
        ("tocsin test-rollback-procedures --test-mode", "and do it to copies"))
    @Flag(help: "Do it to copies as well.")
    var testMode = false
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.check, common) { session in
            var found = try session.selfTest("test-rollback-procedures").checks ?? []
            if testMode {
                found.removeAll { $0.subject == "rollback" && $0.name == "test mode" }
                found.append(try test(session))
            }
            let checks = Checks(found)
            try session.show(checks) {
                [CheckText.summary(checks)] + CheckText.lines(checks.checks)
            }
            return checks.state.status
        }
    }

    private func test(_ session: Session) throws -> CheckReport {
        let service = try session.situation().core.service
        do {
            let answer = try session.command(
                CommandRequest(command: "rollback", confirmation: service, testMode: true))
            guard let id = answer.events.last(where: { $0.kind == "procedure-started" })?.procedure
            else { return Self.check(.unknown, "it has not started", "See why: tocsin events") }
            return Self.check(
                try ProcedureWatch(session: session, id: id, until: .itsEnd).run())
        } catch let failure as Failure where failure.kind == .refused {
            return Self.check(.degraded, failure.why, failure.remedy)
        }
    }

    /// How a rollback in test mode went, against the target.
    static func check(_ test: ProcedureReport) -> CheckReport {
        guard test.state == .succeeded else {
            return check(
                .failed,
                "\(test.id) \(test.state.rawValue)\(test.message.isEmpty ? "" : ": ")"
                    + test.message, "See it: tocsin generate-rollback-report --test-mode")
        }
        guard let from = Timestamp(rfc3339: test.startedAt),
            let to = test.finishedAt.flatMap({ Timestamp(rfc3339: $0) })
        else { return check(.unknown, "\(test.id) has no end", "See it: tocsin events") }
        let target = test.targetSeconds.map { Span.seconds($0) }
        let text =
            "\(test.id) took \(Words.length(to - from))"
            + (target.map { "; target \(Words.length($0))" } ?? "")
        if let target, to - from > target {
            return check(
                .degraded, text,
                "Make its longest steps shorter: tocsin generate-rollback-report "
                    + "--test-mode")
        }
        return check(.healthy, text, "")
    }

    private static func check(
        _ state: CheckReport.State, _ message: String, _ remedy: String
    ) -> CheckReport {
        CheckReport(
            subject: "rollback", name: "test mode", state: state, message: message, remedy: remedy)
    }
}
