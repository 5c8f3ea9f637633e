// Checks around a rollback: whether one could begin, what it would do, and whether the last one holds.
import ArgumentParser
import Domain
import Wire

struct VerifyRollbackReady: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "verify-rollback-ready", "Says whether a rollback would succeed now; changes nothing.",
        """
        Every step is asked what it would do; who has to agree must be able to; the newest backup must be \
        whole, and the disk have room. Exit status: 0 ready, 1 something stands in the way, 2 it would \
        fail, 3 unknown.
        """,
        ("tocsin verify-rollback-ready", "before it is needed"),
        ("tocsin verify-rollback-ready --output json", "every step as JSON"))
    @OptionGroup var common: CommonOptions

    /// The plan's own document, with what was looked at beside it.
    struct Answer: Encodable {
        var plan: RollbackReport?
        var checks: Checks
        func encode(to encoder: any Encoder) throws {
            try plan?.encode(to: encoder)
            try checks.encode(to: encoder)
        }
    }

    func run() throws {
        try reporting(.check, common) { session in
            let answer = try session.selfTest("verify-rollback-ready")
            let checks = Checks(answer.checks ?? [])
            try session.show(Answer(plan: answer.plan, checks: checks)) {
                let to = answer.plan?.to ?? ""
                let found = checks.checks.filter { $0.state != .healthy }
                let head: Line =
                    switch checks.state {
                    case .healthy: Line("● Ready to roll back to \(to)", .good)
                    case .degraded: Line("▲ Nearly ready to roll back to \(to)", .warning)
                    case .failed: Line("✖ Not ready to roll back to \(to)", .bad)
                    case .unknown: Line("? Whether it is ready is not known", .quiet)
                    }
                return [head] + CheckText.lines(found, indent: "  ")
            }
            return checks.state.status
        }
    }
}

struct TestRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "test-rollback", "The dry run of the rollback, as a check.",
        "Exit status: 0 nothing would fail, 2 something would, 3 unknown.",
        ("tocsin test-rollback --dry-run", "every step"),
        ("tocsin test-rollback --dry-run --output json", "as JSON"))
    @Flag(help: "The one way; to copies, it is: tocsin rollback --confirm --test-mode.")
    var dryRun = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if !dryRun {
            throw ValidationError(
                "say --dry-run; to do it to copies: tocsin rollback --confirm --test-mode")
        }
    }
    func run() throws {
        try reporting(.check, common) { session in
            let plan = try session.dryRun()
            try session.show(plan) { PlanText(plan).lines }
            return plan.ready == true ? 0 : 2
        }
    }
}

struct VerifyRollback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "verify-rollback", "Says whether the last rollback succeeded, and still holds.",
        """
        Exit status: 0 it did and does, 1 a probe of it is degraded, or something else has gone down \
        since, 2 it failed, 3 there was none.
        """,
        ("tocsin verify-rollback", "after a rollback"),
        ("tocsin verify-rollback --output json", "its stages as JSON"))
    @OptionGroup var common: CommonOptions

    struct Answer: Encodable {
        var state: Health
        var rollback: ProcedureReport
        /// Probes that the rollback looked at, and that do not hold now.
        var failing: [String]
        /// The time after it, with what has gone down in it; null when that is over.
        @ExplicitNull var watch: WatchReport?
    }

    func run() throws {
        try reporting(.check, common) { session in
            let situation = try session.situation()
            guard let rollback = situation.core.rollback else {
                throw Failure(
                    .failed, rule: "no-rollback", why: "there was no rollback",
                    remedy: "Nothing to verify.")
            }
            let answer = Self.answer(rollback, in: situation)
            try session.show(answer) { Self.lines(answer) }
            return answer.state.status
        }
    }

    static func lines(_ answer: Answer) -> [Line] {
        var lines = [ProcedureText.ending(answer.rollback)]
        lines += answer.failing.map { Line("  ✖ \($0) does not hold now", .bad) }
        guard let watch = answer.watch else { return lines }
        lines.append(
            Line("  watched until \(Words.moment(watch.until)) UTC", .quiet)
                + (
                    watch.problems.isEmpty
                        ? "; no probe has gone down"
                        : "; \(Words.count(watch.problems.count, "probe has", "probes have")) gone down",
                    .quiet
                ))
        return lines
            + watch.problems.map { problem in
                Line(
                    "  \(problem.endedAt == nil ? "✖" : "●") \(problem.probe)",
                    problem.endedAt == nil ? .bad : .good)
                    + " \(Words.moment(problem.at)) UTC: \(problem.message)"
                    + (problem.endedAt.map { "; well again \(Words.timeOfDay($0))" } ?? "")
            }
    }

    static func answer(_ rollback: ProcedureReport, in situation: SituationReport) -> Answer {
        let looked = Set(
            rollback.stages.flatMap(\.steps).filter { $0.kind == "probe" }
                .flatMap { $0.command.split(separator: " ").map(String.init) })
        var states: [Health] = []
        var failing: [String] = []
        for component in situation.components {
            for probe in component.probes where looked.contains("\(component.name).\(probe.name)") {
                states.append(probe.state)
                if probe.state != .healthy { failing.append("\(component.name).\(probe.name)") }
            }
        }
        let watch = situation.core.watch.flatMap { $0.rollback == rollback.id ? $0 : nil }
        if watch?.problems.contains(where: { $0.endedAt == nil }) ?? false {
            states.append(.degraded)
        }
        let state: Health
        switch rollback.state {
        case .succeeded: state = Health.worst(states) ?? .healthy
        case .failed, .undone: state = .failed
        case .running, .waiting, .paused, .undoing: state = .unknown
        }
        return Answer(state: state, rollback: rollback, failing: failing, watch: watch)
    }
}
