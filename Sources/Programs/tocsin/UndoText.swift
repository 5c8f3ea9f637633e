// What an undo takes back, and what stays, on a page before it is asked for.
import Dashboard
import Domain
import Wire

struct UndoText {
    let procedure: ProcedureReport
    let choice: UndoSheet.Choice

    /// - Parameter name: the stage to go back to, in any case; nil: everything is taken back.
    /// - Returns: nil where there is no such stage.
    init?(_ procedure: ProcedureReport, toStage name: String?) {
        self.procedure = procedure
        guard let name else {
            choice = UndoSheet.choice(procedure, from: 0)
            return
        }
        let names = procedure.stages.map(\.name)
        guard
            let index = names.firstIndex(of: name)
                ?? names.firstIndex(where: { $0.lowercased() == name.lowercased() })
        else { return nil }
        choice = UndoSheet.choice(procedure, from: index, stage: names[index])
    }

    var lines: [Line] {
        var lines = [
            Line("Undo \(procedure.title)", .strong)
                + ("  \(procedure.id), \(procedure.state.rawValue)", .quiet)
        ]
        if choice.taken.isEmpty {
            lines.append("Nothing that ran has to be taken back.")
        } else {
            lines.append("Taken back, in this order:")
            lines += table(choice.taken.map(row), indent: "  ")
        }
        if !choice.stays.isEmpty {
            lines.append(Line("▲ Cannot be taken back, and stays done:", .warning))
            lines += table(choice.stays.map(row), indent: "  ")
        }
        if let backup = procedure.backup, choice.taken.contains(where: { $0.kind == "sql" }) {
            lines.append(Line("Databases come from backup \(backup).", .quiet))
        }
        if let stage = choice.stage {
            lines.append(Line("Then it is paused before “\(stage)”.", .quiet))
        }
        return lines
    }

    private func row(_ step: StepReport) -> [(String, Ink)] {
        let isUnknown = step.state == .unknown
        return [
            (isUnknown ? "?" : step.undoable ? "↶" : "·", step.undoable ? .warning : .quiet),
            (step.name, .plain), (step.command == step.name ? "" : step.command, .quiet),
            (isUnknown ? "it is not known how far it came" : "", .warning),
        ]
    }
}
