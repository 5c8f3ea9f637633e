// The root of the command line: every subcommand, in the groups of its help.
import ArgumentParser
import DemoService
import Domain

struct Tocsin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tocsin",
        abstract: "Incident command in the terminal.",
        discussion: """
            Without a subcommand: the dashboard. It attaches to the running engine, or starts one that \
            lives until the last viewer leaves and no work is in flight.
            """
                + examples(
                    ("tocsin", "watch the service of ./tocsin.yaml"),
                    ("tocsin demo", "watch, break and roll back the bundled service")),
        version: Product.version,
        // What the engine and the demo call; hidden.
        subcommands: [StepRunnerCommand.self, DemoCommand.self],
        groupedSubcommands: [
            CommandGroup(
                name: "Watch",
                subcommands: [
                    Status.self, HealthCheck.self, Events.self, Emergencies.self,
                    EscalationMatrix.self, Contacts.self, OnCall.self, OutboxCommand.self,
                    BackupList.self,
                ]),
            CommandGroup(
                name: "Check",
                subcommands: [
                    CheckWebsockets.self, CheckDatabase.self, VerifyServices.self,
                    TestFallback.self, TestAlerts.self,
                    VerifyBackup.self, VerifyRollbackReady.self, VerifyRollback.self,
                    TestRollback.self, TestRecovery.self, ValidateRecovery.self,
                    TestRollbackProcedures.self, TestEmergencyProcedures.self,
                ]),
            CommandGroup(
                name: "Command an emergency",
                subcommands: [
                    ActivateEmergency.self, Acknowledge.self, HandOver.self, Escalate.self,
                    SetLevel.self, Note.self, ReportProblem.self, ClearProblem.self,
                    DeactivateEmergency.self,
                ]),
            CommandGroup(
                name: "Tell people",
                subcommands: [
                    SendNotification.self, SendUserNotification.self, UpdateStatusPage.self,
                    UpdateDashboard.self, CreateIncident.self, NotifyRollbackStart.self,
                    ConfigureAlerts.self,
                ]),
            CommandGroup(
                name: "Recover",
                subcommands: [
                    AutoRecover.self, Recover.self, RecoverByHand.self, RestartWebsockets.self,
                    RestartServices.self,
                    ClearQueues.self, ClearSessions.self, StopServices.self, StartServices.self,
                    EnableFallback.self, DisableFallback.self, Backup.self, CreateBackup.self,
                    RestoreBackup.self,
                ]),
            CommandGroup(
                name: "Run a playbook",
                subcommands: [
                    RunPlaybook.self, SecurityValidation.self, PerformanceAssessment.self,
                    OptimizeSystem.self,
                ]),
            CommandGroup(
                name: "Roll back",
                subcommands: [
                    Rollback.self, ApproveRollback.self, VetoRollback.self, PauseRollback.self,
                    ResumeRollback.self, UndoRollback.self, ResolveStep.self, StopProcedure.self,
                    GenerateRollbackReport.self,
                ]),
            CommandGroup(
                name: "Set up",
                subcommands: [
                    Initialise.self, CheckRunbook.self, Schema.self, EngineCommand.self, Demo.self,
                    FaultCommand.self,
                ]),
        ])

    @OptionGroup var common: CommonOptions
    @OptionGroup var look: DashboardLook

    mutating func run() async throws {
        let look = look
        try await reporting(.act, common) { session in
            try await Attach(session: session, look: look).run()
        }
    }
}

/// The last paragraph of a command's help; `Program` moves it there.
func examples(_ first: (String, String), _ second: (String, String)) -> String {
    let width = max(first.0.count, second.0.count)
    let lines = [first, second].map { line, meaning in
        "  \(line)\(String(repeating: " ", count: width - line.count))  \(meaning)"
    }
    return "\n\n\(exampleHeading)\n" + lines.joined(separator: "\n")
}

private let exampleHeading = "EXAMPLES:"

/// The library prints a discussion before the options; examples belong to the end.
func withExamplesLast(_ help: String) -> String {
    var paragraphs = help.split(separator: "\n\n", omittingEmptySubsequences: true)
    guard let index = paragraphs.firstIndex(where: { $0.hasPrefix(exampleHeading) }) else {
        return help
    }
    paragraphs.append(paragraphs.remove(at: index))
    return paragraphs.map { $0.trimmedLineFeeds }.joined(separator: "\n\n")
}

extension Substring {
    fileprivate var trimmedLineFeeds: Substring {
        var rest = self
        while rest.last == "\n" { rest.removeLast() }
        return rest.drop { $0 == "\n" }
    }
}

extension CommandConfiguration {
    /// A command whose help ends with two examples.
    static func command(
        _ name: String, _ abstract: String, _ discussion: String, _ first: (String, String),
        _ second: (String, String)
    ) -> CommandConfiguration {
        CommandConfiguration(
            commandName: name, abstract: abstract, discussion: discussion + examples(first, second))
    }
    static func command(
        _ name: String, _ abstract: String, _ first: (String, String), _ second: (String, String)
    ) -> CommandConfiguration {
        command(name, abstract, "", first, second)
    }
}
