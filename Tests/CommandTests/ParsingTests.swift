// Every line that a document or a script may have is understood, and every help ends with examples.
import ArgumentParser
import Foundation
import Testing

@testable import tocsin

@Suite struct ParsingTests {
    /// The lines of the procedure documents and of interface.md that this version knows.
    @Test(arguments: [
        "status", "health-check", "check-websockets", "check-database", "events --follow",
        "events --limit 5 --output json", "events --verify", "emergencies", "contacts", "on-call",
        "escalation-matrix", "backups", "verify-backup --latest", "verify-backup 20260105T140412Z",
        "activate-emergency --reason WebSocket --triggered-by admin",
        "activate-emergency --reason x --level 1", "acknowledge", "acknowledge --reason mine",
        "escalate", "set-level 1 --reason worse", "note called the provider",
        "report-problem security", "report-problem corruption in the queue",
        "clear-problem security", "deactivate-emergency --resolved-by admin", "auto-recover",
        "recover restart-websocket", "restart-websockets", "restart-services", "clear-queues",
        "clear-sessions --problematic-only", "stop-services", "start-services",
        "start-services --emergency-mode", "verify-services", "enable-fallback --type flash",
        "disable-fallback --type flash", "test-fallback", "test-fallback --type broadcast",
        "backup", "create-backup --emergency", "verify-rollback-ready", "rollback",
        "rollback --confirm", "rollback --dry-run", "rollback --confirm --test-mode",
        "rollback --confirm --reason r --authorization planned", "verify-rollback",
        "test-rollback --dry-run", "pause-rollback", "resume-rollback", "undo-rollback",
        "veto-rollback", "resolve-step done", "resolve-step again", "approve-rollback",
        "approve-rollback --request request_20260105_001 --plan 3f2a9c01 --wait",
        "rollback --confirm --wait --plan 3f2a9c01", "undo-rollback --to-stage Validation",
        "undo-rollback --confirm", "run complete-failure --confirm", "optimize-system --confirm",
        "stop-procedure --reason done", "run complete-failure", "security-validation",
        "performance-assessment", "optimize-system", "recover by-hand", "recover-by-hand",
        "restore-backup --latest --confirm", "restore-backup 20260105T140412Z --confirm",
        "restore-backup --latest --path a --path b/* --database main --confirm",
        "test-recovery", "validate-recovery", "test-rollback-procedures",
        "test-rollback-procedures --test-mode", "test-emergency-procedures",
        "generate-rollback-report", "generate-rollback-report --format markdown",
        "generate-rollback-report --output json --test-mode --socket /s",
        "engine --group tocsin", "init --service shop", "check-runbook",
        "check-runbook other.yaml", "schema", "engine", "engine --until-idle", "demo",
        "demo --headless --dir /tmp/d", "fault", "fault websocket on", "step-runner /tmp/run",
        "acknowledge --for 30m --message mine", "hand-over --to tomas",
        "hand-over --to tomas --message later", "escalate --message late",
        "send-notification --title T --message M --priority critical",
        "send-notification --title T --message M --target admins --priority critical",
        "send-notification --title T --message M --via mail text --via hook --timeout 5s",
        "send-notification --title T --message M --no-wait",
        "send-user-notification --message M --channel fallback",
        "update-status-page --status degraded --message M",
        "update-dashboard --status emergency_active --message M", "update-dashboard --clear",
        "create-incident --title T --priority critical --assignee senior-admin",
        "create-incident --title T --message M", "notify-rollback-start",
        "configure-alerts --email admin@example.com --sms +1234567890 --webhook https://a.example/w",
        "configure-alerts", "configure-alerts --clear --email a@b.example c@d.example",
        "configure-alerts --remove a@b.example", "test-alerts",
        "test-alerts --channel mail --to ines --timeout 2s", "on-call --role administrator",
        "on-call --override tomas --for 8h", "on-call --end override_20260105_001",
        "on-call --override tomas --role r --from 2026-01-05T20:00:00Z --until 2026-01-06T08:00:00Z",
        "outbox", "outbox --all", "outbox --retry message_20260105_001.1",
        "outbox --dismiss message_20260105_001.1",
        "report-problem security --reason leak", "report-problem security --message leak",
        "rollback --confirm --message r", "veto-rollback --message r",
        "set-level 1 --message worse", "activate-emergency --message x",
        "hand-over --to a --no-wait",
        "hand-over --to a --reason r --timeout 5s", "create-incident --title T --reason M",
        "send-notification --title T --reason M", "update-status-page --status s --reason M",
        "status --socket /s --state /t --runbook r.yaml --output json --no-color",
    ])
    func `a line of the documents is understood`(_ line: String) throws {
        #expect(throws: Never.self) { try Self.parse(line.split(separator: " ").map(String.init)) }
    }

    /// Asks the subcommand itself: the root checks all of its fifty commands each time it is asked.
    static func parse(_ words: [String]) throws {
        guard let command = commands.first(where: { $0.configuration.commandName == words.first })
        else {
            throw ValidationError("there is no command \(words)")
        }
        _ = try command.parse(Array(words.dropFirst()))
    }

    @Test func `the root finds its subcommands`() throws {
        #expect(try Tocsin.parseAsRoot(["events", "--limit", "7"]) is Events)
        let error = #expect(throws: (any Error).self) { try Tocsin.parseAsRoot(["nonsense"]) }
        #expect(error.map { Tocsin.exitCode(for: $0).rawValue } == 64)
    }

    @Test(arguments: [
        "", "--socket /s", "--state /t --no-color --output json", "--runbook r --output text",
    ])
    func `the quick reading of options is the parser's`(_ line: String) throws {
        let words = line.split(separator: " ").map(String.init)
        let quick = try #require(CommonOptions.plain(words[...]))
        let parsed = try CommonOptions.parse(words)
        #expect(quick.socket == parsed.socket && quick.state == parsed.state)
        #expect(quick.runbook == parsed.runbook && quick.output == parsed.output)
        #expect(quick.noColor == parsed.noColor)
        // A command made of it can be read like a parsed one.
        #expect(Status.with(quick).common.output == parsed.output)
    }

    @Test(arguments: [
        "--help", "--socket", "--output xml", "--socket=/s", "extra", "--state --no-color",
    ])
    func `what is not plain is left to the parser`(_ line: String) {
        #expect(CommonOptions.plain(line.split(separator: " ").map(String.init)[...]) == nil)
    }

    @Test func `without a subcommand it is the dashboard`() throws {
        let command = try #require(try Tocsin.parseAsRoot(["--state", "/s"]) as? Tocsin)
        #expect(command.common.state == "/s")
    }

    @Test(arguments: [
        "recover", "status --nonsense", "status --output xml", "events --limit 0",
        "events --limit 10001", "events --verify --follow", "activate-emergency",
        "activate-emergency --reason x --level 5", "set-level 0 --reason x", "set-level 2",
        "report-problem", "deactivate-emergency", "rollback --confirm --dry-run",
        "test-rollback", "verify-backup x --latest", "rollback --dry-run --test-mode",
        "rollback --test-mode --authorization planned", "restore-backup",
        "restore-backup x --latest", "run", "approve-rollback x", "recover-by-hand x",
        "generate-rollback-report --output xml",
        "generate-rollback-report --format text --output json",
        "generate-rollback-report --format markdown --output json", "fault websocket",
        "fault websocket maybe",
        "fault nothing on", "resolve-step later", "note", "status extra", "acknowledge --for 30",
        "acknowledge --for 0s", "hand-over", "send-notification --title T",
        "send-notification --title T --message M --priority urgent",
        "send-user-notification --message M", "update-status-page --status s",
        "update-dashboard", "update-dashboard --clear --status s", "create-incident",
        "outbox --retry a --dismiss b", "outbox --all --retry a", "on-call --override tomas",
        "on-call --override tomas --for 8h --until 2026-01-06T08:00:00Z", "on-call --for 8h",
        "on-call --override tomas --until tomorrow", "on-call --override a --end b --for 1h",
    ])
    func `a line that makes no sense is wrong usage`(_ line: String) {
        let words = line.split(separator: " ").map(String.init)
        let error = #expect(throws: (any Error).self) { try Self.parse(words) }
        #expect(error.map { Tocsin.exitCode(for: $0).rawValue } == 64)
    }

    @Test(arguments: ["5", "0s", "99999h", "soon"])
    func `a length of time that is none says how to write one`(_ text: String) {
        for line in [
            ["send-notification", "--title", "T", "--message", "M", "--timeout", text],
            ["acknowledge", "--for", text], ["test-alerts", "--timeout", text],
            ["on-call", "--override", "a", "--for", text],
        ] {
            let error = #expect(throws: (any Error).self) { try Self.parse(line) }
            let words = error.map { Tocsin.fullMessage(for: $0) } ?? ""
            #expect(words.contains("5s, 5m or 1h"), "\(words)")
            if text != "5", text != "soon" { #expect(words.contains("at most 366d"), "\(words)") }
        }
    }

    @Test(arguments: [
        "execute-drill", "generate-status-report", "serve", "wall", "test-pages", "diagnostics",
    ])
    func `a command of a later version says so in one line`(_ name: String) {
        #expect(
            UnknownCommand.complaint([name, "--format", "json"])
                == "`\(name)` is not in this version yet")
        #expect(!Tocsin.helpMessage(columns: 80).contains("  \(name) "))
    }

    @Test func `a misspelt command is asked about, and a right one is not`() {
        #expect(UnknownCommand.complaint(["stauts"])?.contains("did you mean `status`?") == true)
        #expect(
            UnknownCommand.complaint(["acknowlege", "--for", "5m"])?
                .contains("did you mean `acknowledge`?") == true)
        #expect(UnknownCommand.complaint(["nonsense"])?.contains("tocsin --help") == true)
        for command in Self.commands {
            let name = command.configuration.commandName ?? ""
            #expect(UnknownCommand.complaint([name]) == nil)
            #expect(!UnknownCommand.later.contains(name), "\(name) is here")
        }
        for line in [[], ["--help"], ["help", "status"], ["--socket", "/s"], ["-h"]] {
            #expect(UnknownCommand.complaint(line) == nil)
        }
    }

    static let commands: [any ParsableCommand.Type] = {
        let configuration = Tocsin.configuration
        return configuration.subcommands + configuration.groupedSubcommands.flatMap(\.subcommands)
    }()
    static let visible = commands.filter { $0.configuration.shouldDisplay }

    @Test func `every command's help ends with two examples of its own`() throws {
        #expect(Self.visible.count > 40)
        for command in Self.visible {
            let help = withExamplesLast(command.helpMessage(columns: 80))
            let lines = help.split(separator: "\n").map(String.init)
            let last = lines.suffix(3)
            #expect(last.first == "EXAMPLES:", "\(command)")
            let name = command.configuration.commandName ?? ""
            #expect(last.dropFirst().allSatisfy { $0.hasPrefix("  tocsin ") }, "\(command)")
            #expect(last.contains { $0.contains(name) }, "\(name) is in no example")
            #expect(help.ranges(of: "EXAMPLES:").count == 1)
            #expect(help.contains("USAGE:"))
        }
    }

    /// What stands in an example works, as far as a parser can tell.
    @Test func `every example can be typed as it is`() throws {
        for command in Self.visible {
            let help = withExamplesLast(command.helpMessage(columns: 80))
            for line in help.split(separator: "\n").suffix(2) {
                let typed = line.dropFirst(2).prefix(while: { !"|>".contains($0) })
                var words: [String] = []
                for (index, part) in typed.split(separator: "\"", omittingEmptySubsequences: false)
                    .enumerated()
                {
                    // What is quoted is one word; the meaning begins after two spaces.
                    if index % 2 == 1 {
                        words.append(String(part))
                    } else {
                        let before = String(part).components(separatedBy: "  ")
                        words += before[0].split(separator: " ").map(String.init)
                        if before.count > 1 { break }
                    }
                }
                #expect(throws: Never.self, "\(line)") {
                    try Self.parse(Array(words.dropFirst()))
                }
            }
        }
    }
}
