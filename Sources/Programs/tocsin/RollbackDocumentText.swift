// The report of a rollback for people: as text, and as Markdown.
import Domain
import Wire

struct RollbackDocumentText {
    let report: RollbackDocument
    init(_ report: RollbackDocument) { self.report = report }

    // MARK: What both say

    private var facts: [(String, String)] {
        [
            ("service", report.service),
            (
                "result",
                report.state.rawValue + (report.message.isEmpty ? "" : ": \(report.message)")
            ),
            ("why", report.reason), ("asked by", "\(report.askedByName) (\(report.askedBy))"),
            ("authorization", report.authorization ?? (report.testMode ? "test mode" : "none")),
            ("agreed", agreed), ("playbook", report.playbook ?? ""),
            ("began", "\(Words.moment(report.startedAt)) UTC"),
            ("ended", report.finishedAt.map { "\(Words.moment($0)) UTC" } ?? "not yet"),
            ("took", took), ("backup", backup), ("plan", report.plan),
        ].filter { !$0.1.isEmpty }
    }
    private var agreed: String {
        report.approvals.map { "\($0.name) (\($0.user)), \(Words.moment($0.at)) UTC" }
            .joined(separator: "; ")
    }
    private var took: String {
        guard let seconds = report.seconds else { return "" }
        let target = report.targetSeconds.map { Words.length(.seconds($0)) }
        let verdict =
            report.withinTarget.map { $0 ? ", within the target of " : ", over the target of " }
        return Words.length(.seconds(seconds)) + (verdict ?? "") + (target ?? "")
    }
    private var backup: String {
        guard let backup = report.backup else { return "" }
        return "\(backup.id): \(Words.count(backup.files, "file", "files")), "
            + "\(Words.bytes(backup.bytes)), \(Words.count(backup.rows, "row", "rows"))"
            + (backup.verified ? ", verified" : ", not verified")
    }
    private var watched: [String] {
        guard let watch = report.watch else { return [] }
        let head =
            "until \(Words.moment(watch.until)) UTC; looked at \(watch.looks) times; "
            + (watch.problems.isEmpty
                ? "no probe has gone down"
                : Words.count(watch.problems.count, "probe has", "probes have") + " gone down")
        return [head]
            + watch.problems.map { problem in
                "\(problem.probe) went down \(Words.moment(problem.at)) UTC: \(problem.message)"
                    + (problem.endedAt.map { "; well again \(Words.moment($0)) UTC" }
                        ?? "; still down")
            }
    }

    // MARK: Text

    var lines: [Line] {
        var lines = [Line("\(report.title) · \(report.id)", .strong)]
        lines += table(facts.map { [($0.0, .quiet), ($0.1, $0.0 == "result" ? ink : .plain)] })
        for stage in report.stages { lines += [Line()] + text(stage) }
        if !report.undone.isEmpty {
            lines += [Line(), Line("Taken back", .strong)]
            lines += report.undone.map { Line("  ↶ \($0)", .warning) }
        }
        if !watched.isEmpty {
            lines += [Line(), Line("Afterwards", .strong)] + watched.map { Line("  \($0)") }
        }
        return lines + [Line(), Line("Journal", .strong)]
            + table(
                report.timeline.map { event in
                    [
                        (Words.moment(event.at), .quiet), (event.by, .quiet),
                        (event.text, event.tone.ink),
                    ]
                }, indent: "  ")
    }
    private var ink: Ink { report.state.ink }

    private func text(_ stage: RollbackDocument.Stage) -> [Line] {
        var head = Line("\(stage.state.sign) ", stage.state.ink) + (stage.name, .strong)
        if let began = stage.startedAt {
            head =
                head + (
                    "  \(Words.timeOfDay(began)), \(Words.length(.seconds(stage.seconds)))", .quiet
                )
        }
        return [head]
            + stage.steps.flatMap { step -> [Line] in
                var line = Line("    \(step.state.sign) ", step.state.ink) + step.name
                if let seconds = step.seconds {
                    line = line + ("  \(Words.length(.seconds(seconds)))", .quiet)
                }
                if !step.message.isEmpty { line = line + ("  \(step.message)", .quiet) }
                return [line] + step.output.map { Line("        \($0)", .quiet) }
            }
    }

    // MARK: Markdown

    var markdown: String {
        var text = "# \(Self.plain(report.title))\n\n`\(report.id)`\n\n| | |\n| --- | --- |\n"
        for (name, value) in facts { text += "| \(name) | \(Self.plain(value)) |\n" }
        text += "\n## Stages\n"
        for stage in report.stages { text += markdown(stage) }
        if let validation = report.validation {
            text += "\n## Validation\n\n"
            for step in validation.steps {
                text += "- [\(step.state == .succeeded ? "x" : " ")] \(Self.plain(step.name))"
                text += step.message.isEmpty ? "\n" : ": \(Self.plain(step.message))\n"
            }
        }
        if !report.undone.isEmpty {
            text += "\n## Taken back\n\n"
            for name in report.undone { text += "- \(Self.plain(name))\n" }
        }
        if !watched.isEmpty {
            text += "\n## Afterwards\n\n"
            for line in watched { text += "- \(Self.plain(line))\n" }
        }
        text += "\n## Journal\n\n| UTC | by | |\n| --- | --- | --- |\n"
        for event in report.timeline {
            text +=
                "| \(Words.moment(event.at)) | \(Self.plain(event.by)) | \(Self.plain(event.text)) |\n"
        }
        return text
    }

    private func markdown(_ stage: RollbackDocument.Stage) -> String {
        var text = "\n### \(Self.plain(stage.name)): \(stage.state.rawValue)\n\n"
        if let began = stage.startedAt {
            text +=
                "Began \(Words.moment(began)) UTC, took \(Words.length(.seconds(stage.seconds))).\n\n"
        }
        text += "| step | | took | |\n| --- | --- | --- | --- |\n"
        for step in stage.steps {
            let took = step.seconds.map { Words.length(.seconds($0)) } ?? ""
            text +=
                "| \(Self.plain(step.name)) | \(step.state.rawValue) | \(took) "
                + "| \(Self.plain(step.message)) |\n"
        }
        for step in stage.steps where !step.output.isEmpty {
            text += "\n\(Self.plain(step.name)):\n\n"
            // Indented, so that no fence in the output can end it.
            for line in step.output { text += "    \(line)\n" }
        }
        return text
    }

    /// Nothing of it is read as Markdown or HTML, and a table's cell stays one.
    static func plain(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\", "|", "`", "*", "_", "[", "]", "#", "~": result += "\\\(character)"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case _ where character.isNewline: result += " "
            default: result.append(character)
            }
        }
        return result
    }
}
