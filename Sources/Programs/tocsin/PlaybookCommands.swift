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
        for. Exit status 0 when every step succeeded, or what replaces it; 1 when not.
        """,
        ("tocsin run complete-failure", "run it and wait"),
        ("tocsin run performance --output json", "the end as JSON"))
    @Argument(help: "The playbook's name.")
    var playbook: String
    @OptionGroup var common: CommonOptions
    func run() throws { try runPlaybook(playbook, common) }
}

private func runPlaybook(_ name: String, _ common: CommonOptions) throws {
    try reporting(.act, common) { session in
        try session.actAndWait(CommandRequest(command: "run", name: name))
    }
}

struct SecurityValidation: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "security-validation", "Runs the playbook of this name.",
        "Exit status 0 when every step succeeded, 1 when not.",
        ("tocsin security-validation", "after a security rollback"),
        ("tocsin security-validation --output json", "the steps as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws { try runPlaybook("security-validation", common) }
}

struct PerformanceAssessment: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "performance-assessment", "Runs the playbook of this name.",
        "Exit status 0 when every step succeeded, 1 when not.",
        ("tocsin performance-assessment", "measure"),
        ("tocsin performance-assessment --output json", "the steps as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws { try runPlaybook("performance-assessment", common) }
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
    @OptionGroup var common: CommonOptions
    func run() throws { try runPlaybook("optimize-system", common) }
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
