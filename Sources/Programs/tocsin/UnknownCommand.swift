// What is said to a command that this version does not have: not yet, or misspelt.
import ArgumentParser
import Domain
import RunbookFile

enum UnknownCommand {
    /// Commands of the procedures and of the interface that a later version brings.
    static let later: Set<String> = [
        "checklist", "diagnostics", "document-incident", "document-state", "evaluate-drill",
        "execute-drill", "generate-metrics", "generate-report-template", "generate-status-report",
        "report", "reviews", "serve", "test-pages", "track-improvements", "wall",
    ]

    /// - Returns: nil when the first word is a command, an option, or missing.
    static func complaint(_ arguments: [String]) -> String? {
        guard let name = arguments.first, !name.hasPrefix("-"), name != "help" else { return nil }
        if later.contains(name) { return "`\(name)` is not in this version yet" }
        var shown: [String] = []
        for command in commands {
            let configuration = command.configuration
            if configuration.commandName == name { return nil }
            if configuration.shouldDisplay { shown += [configuration.commandName ?? ""] }
        }
        let near = Nearest.name(to: name, among: shown)
        return "there is no command `\(Visible.text(name, limit: 60))`; "
            + (near.map { "did you mean `\($0)`?" } ?? "see them all: tocsin --help")
    }

    private static var commands: [any ParsableCommand.Type] {
        var result = Tocsin.configuration.subcommands
        for group in Tocsin.configuration.groupedSubcommands { result += group.subcommands }
        return result
    }
}
