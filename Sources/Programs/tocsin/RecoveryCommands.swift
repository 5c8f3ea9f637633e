// Recovering: actions, services, fallbacks and backups. Each waits until its procedure is over.
import ArgumentParser
import Domain
import Wire

struct AutoRecover: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "auto-recover", "Tries the recovery plan's actions, one after the other, until one helps.",
        "At most as many attempts as the runbook allows. Exit status 0 when one helped, 1 when none did.",
        ("tocsin auto-recover", "try what is planned"),
        ("tocsin auto-recover --output json", "and the last attempt as JSON"))
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.actAndWait(
                CommandRequest(command: "auto-recover"), until: .recoveryGivesUp)
        }
    }
}

struct Recover: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "recover", "Runs one action of the runbook.",
        "`by-hand` goes through the manual steps of the recovery plan: see `recover-by-hand`.",
        ("tocsin recover restart-websocket", "run it and wait"),
        ("tocsin recover clear-queues --output json", "the end as JSON"))
    @Argument(help: "The action's name.")
    var action: String
    @OptionGroup var common: CommonOptions

    func run() throws {
        try reporting(.act, common) { session in
            try session.actAndWait(
                CommandRequest(command: "recover", name: action),
                until: action == "by-hand" ? .aPersonIsNeeded : .itsEnd)
        }
    }
}

struct RestartWebsockets: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "restart-websockets", "Runs the action of this name.",
        ("tocsin restart-websockets", "run it and wait"),
        ("tocsin restart-websockets --output json", "the end as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("restart-websockets", common) }
}
struct RestartServices: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "restart-services", "Stops and starts the service.",
        ("tocsin restart-services", "run it and wait"),
        ("tocsin restart-services --output json", "the end as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("restart-services", common) }
}
struct ClearQueues: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "clear-queues", "Runs the action of this name; what waits in the queues may be lost.",
        ("tocsin clear-queues", "run it and wait"),
        ("tocsin clear-queues --output json", "the end as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("clear-queues", common) }
}
struct ClearSessions: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "clear-sessions", "Runs the action of this name.",
        ("tocsin clear-sessions --problematic-only", "run it and wait"),
        ("tocsin clear-sessions --problematic-only --output json", "the end as JSON"))
    @Flag(help: "What the action does; accepted so that the procedure's line works as it is.")
    var problematicOnly = false
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("clear-sessions", common) }
}

private func simple(_ command: String, name: String? = nil, _ common: CommonOptions) throws {
    try reporting(.act, common) { session in
        try session.actAndWait(CommandRequest(command: command, name: name))
    }
}

struct StopServices: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "stop-services", "Stops the service, as the runbook says how.",
        ("tocsin stop-services", "run it and wait"),
        ("tocsin stop-services --output json", "the end as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("stop-services", common) }
}
struct StartServices: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "start-services", "Starts the service, as the runbook says how.",
        ("tocsin start-services", "as usual"),
        ("tocsin start-services --emergency-mode", "with the least that it needs"))
    @Flag(help: "Start it as the runbook says for emergencies.")
    var emergencyMode = false
    @OptionGroup var common: CommonOptions
    func run() throws {
        try simple("start-services", name: emergencyMode ? "emergency" : nil, common)
    }
}
struct VerifyServices: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "verify-services", "Runs the runbook's steps that prove that the service works.",
        "Exit status: 0 it does, 2 it does not, 3 unknown.",
        ("tocsin verify-services", "run them and wait"),
        ("tocsin verify-services --output json", "the steps as JSON"))
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.check, common) { session in
            try session.actAndWait(CommandRequest(command: "verify-services"), .check)
        }
    }
}

struct EnableFallback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "enable-fallback", "Switches a stand-in on.",
        ("tocsin enable-fallback --type flash", "flash messages"),
        ("tocsin enable-fallback --type broadcast", "a broadcast"))
    @Option(help: "The fallback's name in the runbook.")
    var type: String
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("enable-fallback", name: type, common) }
}
struct DisableFallback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "disable-fallback", "Switches a stand-in off.",
        ("tocsin disable-fallback --type flash", "flash messages"),
        ("tocsin disable-fallback --type broadcast", "a broadcast"))
    @Option(help: "The fallback's name in the runbook.")
    var type: String
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("disable-fallback", name: type, common) }
}
struct TestFallback: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "test-fallback", "Tests one stand-in, or all.",
        "Exit status: 0 it works, 2 it does not, 3 unknown.",
        ("tocsin test-fallback", "all of them"),
        ("tocsin test-fallback --type flash", "one"))
    @Option(help: "The fallback's name in the runbook; otherwise all.")
    var type: String?
    @OptionGroup var common: CommonOptions
    func run() throws {
        try reporting(.check, common) { session in
            try session.actAndWait(CommandRequest(command: "test-fallback", name: type), .check)
        }
    }
}

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "backup", "Takes a backup, reads it back and compares.",
        ("tocsin backup", "run it and wait"),
        ("tocsin backup --output json", "the end as JSON"))
    @Flag(help: "As create-backup has it; a backup is the same in an emergency.")
    var emergency = false
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("backup", common) }
}
struct CreateBackup: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "create-backup", "The same as backup.",
        ("tocsin create-backup --emergency", "run it and wait"),
        ("tocsin create-backup --output json", "the end as JSON"))
    @Flag(help: "A backup is the same in an emergency.")
    var emergency = false
    @OptionGroup var common: CommonOptions
    func run() throws { try simple("create-backup", common) }
}
