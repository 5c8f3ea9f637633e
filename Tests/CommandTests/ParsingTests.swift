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
        "veto-rollback", "resolve-step done", "init --service shop", "check-runbook",
        "check-runbook other.yaml", "schema", "engine", "engine --until-idle", "demo",
        "demo --headless --dir /tmp/d", "fault", "fault websocket on", "step-runner /tmp/run",
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

    @Test func `without a subcommand it is the dashboard`() throws {
        let command = try #require(try Tocsin.parseAsRoot(["--state", "/s"]) as? Tocsin)
        #expect(command.common.state == "/s")
    }

    @Test(arguments: [
        "recover", "status --nonsense", "status --output xml", "events --limit 0",
        "events --limit 10001", "events --verify --follow", "activate-emergency",
        "activate-emergency --reason x --level 5", "set-level 0 --reason x", "set-level 2",
        "report-problem weather", "deactivate-emergency", "rollback --confirm --dry-run",
        "test-rollback", "verify-backup x --latest", "fault websocket", "fault websocket maybe",
        "fault nothing on", "resolve-step later", "note", "status extra",
    ])
    func `a line that makes no sense is wrong usage`(_ line: String) {
        let words = line.split(separator: " ").map(String.init)
        let error = #expect(throws: (any Error).self) { try Self.parse(words) }
        #expect(error.map { Tocsin.exitCode(for: $0).rawValue } == 64)
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
