// What a rollback runs besides its own steps: the actions and playbooks that these open up.
import Domain

extension CrossChecks {
    func checkWhatRollbackOpens() {
        let openings = Openings(root.stepLists)
        let works = root.stepLists.filter { $0.owner == .rollback }.flatMap(\.steps)
            .flatMap(\.works)
        checkNestedRollbacks(works, openings)
        checkRestoredDatabases(works, openings)
    }

    /// The rollback inside would open the same steps up again, and so on. A step that says `rollback`
    /// itself is refused where every work is looked at.
    private func checkNestedRollbacks(_ works: [Tree], _ openings: Openings) {
        var clean: Set<String> = []
        for work in works where !problems.isFull {
            for target in Openings.targets(of: work) {
                guard let found = openings.rollback(behind: target.name, clean: &clean) else {
                    continue
                }
                problems.error(
                    work.place(of: target.key),
                    "a rollback cannot run a rollback, which this does through "
                        + shownPath(found.path),
                    "leave out this step, or the `rollback` in line \(found.place.line)")
            }
        }
    }

    /// Who rests on taking a database back must find it in the backup that the rollback takes.
    private func checkRestoredDatabases(_ works: [Tree], _ openings: Openings) {
        guard let backup = root["backup"], case .map = backup.content else { return }
        // A list that cannot be read, or names what is no database, is a mistake of its own.
        if let list = backup["databases"], case .scalar = list.content { return }
        let saved = Set(backup["databases"]?.items.compactMap { text($0) } ?? [])
        guard saved.allSatisfy({ names.contains(.database, $0) }) else { return }
        func check(_ work: Tree, _ path: () -> [String]) {
            guard let restore = work["restore_database"], let name = text(restore),
                names.contains(.database, name), !saved.contains(name)
            else { return }
            let path = path()
            problems.error(
                restore.place,
                "`\(shown(name))` cannot be restored: no backup holds it"
                    + (path.isEmpty ? "" : " (the rollback runs this: \(shownPath(path)))"),
                "add `\(shown(name))` to `backup: databases:`")
        }
        for work in works { check(work, { [] }) }
        openings.walk(from: works.flatMap(Openings.targets).map(\.name), check)
    }
}

/// What each action and playbook does, by `action NAME`, `playbook NAME` and `undo_action NAME`.
private struct Openings {
    private var works: [String: [Tree]] = [:]

    init(_ lists: [StepList]) {
        for list in lists {
            let all = list.steps.flatMap(\.works)
            switch list.owner {
            case .action(let name):
                works["action \(name)"] = all
                works["undo_action \(name)"] = list.steps.compactMap { $0["undo"] }
            case .playbook(let name): works["playbook \(name)"] = all
            case .rollback, .other: break
            }
        }
    }

    /// What a work stands for, and the key that says so.
    static func targets(of work: Tree) -> [(key: String, name: String)] {
        ["action", "playbook", "undo_action"].compactMap { key in
            guard let tree = work[key], !tree.isBroken, let name = tree.scalar?.text else {
                return nil
            }
            return (key, "\(key) \(name)")
        }
    }

    /// Every work that is run with these, each opening once, with what leads to it. A walk with a list
    /// of its own: a chain may be as long as the runbook.
    func walk(from starts: [String], _ visit: (Tree, () -> [String]) -> Void) {
        var road = Road(starts)
        while let name = road.next() {
            for work in works[name] ?? [] {
                visit(work, { road.path(to: name) })
                for target in Self.targets(of: work) { road.add(target.name, from: name) }
            }
        }
    }

    /// The first step behind an opening that rolls back, and what leads to it.
    /// - Parameter clean: openings that are known to lead to none.
    func rollback(
        behind start: String, clean: inout Set<String>
    ) -> (path: [String], place: Place)? {
        guard !clean.contains(start) else { return nil }
        var road = Road([start])
        while let name = road.next() {
            for work in works[name] ?? [] {
                if work["rollback"] != nil {
                    return (road.path(to: name), work.place(of: "rollback"))
                }
                for target in Self.targets(of: work) where !clean.contains(target.name) {
                    road.add(target.name, from: name)
                }
            }
        }
        clean.formUnion(road.names)
        return nil
    }
}

/// Names in the order in which they were come to, each once.
private struct Road {
    private(set) var names: [String] = []
    /// From where each was come to first; nil for a start.
    private var before: [String: String?] = [:]
    private var at = 0

    init(_ starts: [String]) {
        for start in starts { add(start, from: nil) }
    }
    mutating func add(_ name: String, from: String?) {
        guard before[name] == nil else { return }
        before.updateValue(from, forKey: name)
        names.append(name)
    }
    mutating func next() -> String? {
        guard at < names.count else { return nil }
        at += 1
        return names[at - 1]
    }
    func path(to name: String) -> [String] {
        var result = [name]
        while let last = result.last, let from = before[last] ?? nil { result.append(from) }
        return result.reversed()
    }
}
