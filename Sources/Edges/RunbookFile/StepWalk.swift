// Finds every step of a runbook's tree, wherever it is written.

/// A list of steps, and what it belongs to.
struct StepList {
    enum Owner: Equatable {
        case action(String)
        case playbook(String)
        case rollback
        case other
    }
    var owner: Owner
    var steps: [Tree]
}

extension Tree {
    /// Of the whole runbook.
    var stepLists: [StepList] {
        func named(_ key: String) -> [Entry] { self[key]?.entries ?? [] }
        var result: [StepList] = []
        for action in named("actions") {
            result.append(StepList(owner: .action(action.key), steps: action.value.steps("steps")))
        }
        for playbook in named("playbooks") {
            result.append(
                StepList(owner: .playbook(playbook.key), steps: playbook.value.steps("steps")))
        }
        let preflight = self["rollback"]?.steps("preflight") ?? []
        result.append(StepList(owner: .rollback, steps: preflight))
        for stage in self["rollback"]?["stages"]?.items ?? [] {
            result.append(StepList(owner: .rollback, steps: stage.steps("steps")))
        }
        var others: [Tree] = []
        for entry in named("services") { others += entry.value.items }
        for fallback in named("fallbacks") {
            for key in ["enable", "disable", "test"] { others += fallback.value.steps(key) }
        }
        for drill in named("drills") {
            for key in ["inject", "restore"] { others += drill.value.steps(key) }
        }
        return result + [StepList(owner: .other, steps: others)]
    }

    private func steps(_ key: String) -> [Tree] { self[key]?.items ?? [] }

    /// Everything that a step does: its work, and its `check`, `verify`, `undo` and `otherwise`.
    var works: [Tree] {
        [self] + ["check", "verify", "undo", "otherwise"].compactMap { self[$0] }
    }
}
