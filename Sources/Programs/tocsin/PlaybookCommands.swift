// Playbooks: steps for one scenario. Each command waits until its playbook is over, with the rollback
// that may be a step of it.
import ArgumentParser
import Domain
import Wire

struct RunPlaybook: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "run", "Runs a playbook of the runbook.",
        """
        A rollback that is a step of it, and the time until those who must have agreed to it, are waited \
        for. On a terminal such a playbook is shown, and the service's name asked for; --confirm runs it \
        without asking, as a script does. Exit status 0 when every step succeeded, or what replaces it; \
        1 when not.
        """,
        ("tocsin run complete-failure", "run it and wait"),
        ("tocsin run performance --output json", "the end as JSON"))
    @Argument(help: "The playbook's name.")
    var playbook: String
    @Flag(help: "Run it without asking.")
    var confirm = false
    @OptionGroup var common: CommonOptions
    func run() throws { try runPlaybook(playbook, common, confirmed: confirm) }
}

private func runPlaybook(_ name: String, _ common: CommonOptions, confirmed: Bool) throws {
    try reporting(.act, common) { session in
        if !confirmed, Asking.isPossible { try ask(name, session) }
        return try session.actAndWait(CommandRequest(command: "run", name: name))
    }
}

/// A playbook that rolls back is confirmed as a rollback is.
/// - Throws: `Failure` unless a person types the service's name.
private func ask(_ name: String, _ session: Session) throws {
    let runbook = try session.runbook()
    guard let playbook = runbook.playbooks.first(where: { $0.name == name }) else { return }
    let text = PlaybookText(playbook, rollback: runbook.rollback)
    guard text.rollsBack else { return }
    let asking = Asking(session: session)
    asking.show(text.lines)
    try asking.name(runbook.service, to: "run it", rule: "rollback-confirmation")
}

/// A playbook on a page, with the rollback that is a step of it.
struct PlaybookText {
    let playbook: ActionReport
    let rollback: RollbackReport?
    init(_ playbook: ActionReport, rollback: RollbackReport?) {
        self.playbook = playbook
        self.rollback = rollback
    }

    /// Authorizations of its rollbacks, as its steps name them. One in test mode changes nothing.
    private var kinds: [String] {
        playbook.steps.filter { $0.kind == "rollback" }
            .map { String($0.command.drop { $0 != "(" }.dropFirst().prefix { $0 != ")" }) }
            .filter { $0 != "test-mode" }
    }
    var rollsBack: Bool { !kinds.isEmpty }

    var lines: [Line] {
        var lines = [Line("Playbook \(playbook.title)", .strong)]
        lines += table(playbook.steps.map(row), indent: "  ")
        guard var plan = rollback, rollsBack else { return lines }
        // Only the authorization that it asks for.
        plan.authorizations = plan.authorizations.filter { kinds.contains($0.kind) }
        return lines + [Line()] + PlanText(plan).lines
    }

    private func row(_ step: PlannedStepReport) -> [(String, Ink)] {
        var notes: [String] = []
        if step.isInstead { notes.append("only when one before it has failed") }
        if !step.undoable, step.kind != "rollback" { notes.append("cannot be undone") }
        return [
            (step.name, .plain), (step.command, step.kind == "rollback" ? .warning : .quiet),
            (notes.joined(separator: " · "), .warning),
        ]
    }
}

struct SecurityValidation: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "security-validation", "Runs the playbook of this name.",
        "Exit status 0 when every step succeeded, 1 when not.",
        ("tocsin security-validation", "after a security rollback"),
        ("tocsin security-validation --output json", "the steps as JSON"))
    @Flag(help: "Run it without asking, also with a rollback in it.")
    var confirm = false
    @OptionGroup var common: CommonOptions
    func run() throws { try runPlaybook("security-validation", common, confirmed: confirm) }
}

struct PerformanceAssessment: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "performance-assessment", "Runs the playbook of this name.",
        "Exit status 0 when every step succeeded, 1 when not.",
        ("tocsin performance-assessment", "measure"),
        ("tocsin performance-assessment --output json", "the steps as JSON"))
    @Flag(help: "Run it without asking, also with a rollback in it.")
    var confirm = false
    @OptionGroup var common: CommonOptions
    func run() throws { try runPlaybook("performance-assessment", common, confirmed: confirm) }
}

struct OptimizeSystem: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "optimize-system", "Runs the playbook of this name.",
        "Exit status 0 when it helped, 1 when not.",
        ("tocsin optimize-system", "tidy and measure"),
        (
            "tocsin optimize-system || tocsin rollback --confirm",
            "or go back"
        ))
    @Flag(help: "Run it without asking, also with a rollback in it.")
    var confirm = false
    @OptionGroup var common: CommonOptions
    func run() throws { try runPlaybook("optimize-system", common, confirmed: confirm) }
}

struct RecoverByHand: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "recover-by-hand", "Goes through the manual steps of the recovery plan, one by one.",
        """
        On a terminal each is shown, and Enter ticks it. A script starts it, and is done: exit status 0; \
        each step is ticked with `tocsin resolve-step done`, or on the dashboard.
        """,
        ("tocsin recover-by-hand", "go through them"),
        ("tocsin recover by-hand", "the same"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.act, common) { session in
            try session.actAndWait(
                CommandRequest(command: "recover-by-hand"), until: .aPersonIsNeeded)
        }
    }
}
