// The texts that a step fills in, and what in a step can never be as it says.
import Domain

extension CrossChecks {
    func checkStepTexts() {
        let steps = root.stepLists.flatMap(\.steps)
        // Which step comes before which is only known when a procedure opens them up.
        let kept = steps.flatMap(\.works).flatMap { $0["expect"]?["keep"]?.entries ?? [] }
            .map(\.key)
        for step in steps where !problems.isFull {
            for work in step.works {
                checkNames(in: work, kept)
                checkRange(work["sql"])
                checkTakenBack(work)
            }
            for entry in step["env"]?.entries ?? [] {
                checkNames(inAll: entry.value, StepNames.all)
            }
        }
        checkUnitsOfTests(steps)
    }

    // MARK: Names that are filled in

    /// The keys of a work whose texts are filled in. A line for the shell has none, and what is told to
    /// people is told as it is written.
    private static let filled = ["run", "stdin", "sql", "redis", "remove", "restore", "edit"]

    private func checkNames(in work: Tree, _ kept: [String]) {
        for key in Self.filled {
            if let tree = work[key] { checkNames(inAll: tree, StepNames.all) }
        }
        if let http = work["http"] { checkNames(inAll: http, StepNames.all + kept) }
    }

    private func checkNames(inAll tree: Tree, _ known: [String]) {
        for part in tree.items + tree.entries.map(\.value) { checkNames(inAll: part, known) }
        guard let text = text(tree), text.utf8.contains(UInt8(ascii: "{")) else { return }
        for name in Template.names(in: text) where !known.contains(name) {
            problems.error(
                tree.place, "nothing fills in `{{\(shown(name))}}`",
                problems.suggestion(for: name, among: known, called: "what can be filled in"))
        }
    }

    // MARK: What can never be

    private func checkRange(_ sql: Tree?) {
        guard let sql, let least = sql["at_least"]?.number, let most = sql["at_most"]?.number,
            least > most
        else { return }
        problems.error(
            sql.place(of: "at_most"),
            "nothing is at least \(spelled(least)) and at most \(spelled(most))",
            "exchange them, or leave one out")
    }
    private func spelled(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? String(number)
    }

    private func checkTakenBack(_ work: Tree) {
        guard let key = work["undo_action"], let name = text(key),
            let steps = root["actions"]?[name]?["steps"], case .list(let items) = steps.content,
            !items.contains(where: { $0["undo"] != nil })
        else { return }
        problems.error(
            key.place,
            "no step of the action `\(shown(name))` has an `undo`, so nothing would happen",
            "add `undo` to its steps")
    }

    /// A stand-in for what no step starts or stops is a slip of the pen, or left over.
    private func checkUnitsOfTests(_ steps: [Tree]) {
        guard let units = root["rollback"]?["test"]?["units"]?.entries, !units.isEmpty else {
            return
        }
        var used: [String] = []
        for work in steps.flatMap(\.works) {
            for entry in work["service"]?.entries ?? [] {
                if let name = text(entry.value), !used.contains(name) { used.append(name) }
            }
        }
        for unit in units where !used.contains(unit.key) {
            problems.warning(
                unit.place, "no step starts or stops the unit `\(shown(unit.key))`",
                used.isEmpty
                    ? "delete it"
                    : problems.suggestion(for: unit.key, among: used, called: "units of steps"))
        }
    }
}
