// Reports unknown keys, and reads a mistyped key as the one it was meant to be, so that one slip is
// one problem and what stands below it is checked too.
import Domain

struct KeyCorrector {
    let problems: ProblemList

    /// The tree with mistyped keys replaced; keys that resemble none stay, and are ignored later.
    func corrected(_ tree: Tree, _ shape: Shape) -> Tree { changed(tree, shape) ?? tree }

    /// Nil when nothing had to be changed, so that most of a tree is shared and not copied.
    private func changed(_ tree: Tree, _ shape: Shape) -> Tree? {
        switch (shape, tree.content) {
        case (.table(let table), .map(let entries)): changed(tree, entries, table)
        case (.named(let named), .map(let entries)):
            changed(tree, entries) { changed($0.value, named.value) }
        case (.list(let items, _), .list(let elements)): changed(tree, elements, items)
        case (.either(_, .some(let list), _), .list): changed(tree, list)
        case (.either(_, _, .some(let map)), .map): changed(tree, map)
        case (.scalar, _), (.data, _), (.table, _), (.named, _), (.list, _), (.either, _): nil
        }
    }

    private func changed(_ tree: Tree, _ elements: [Tree], _ items: Shape) -> Tree? {
        var result = tree
        var copy: [Tree]?
        for (index, element) in elements.enumerated() {
            guard let new = changed(element, items) else { continue }
            copy = copy ?? elements
            copy?[index] = new
        }
        guard let copy else { return nil }
        result.content = .list(copy)
        return result
    }

    private func changed(
        _ tree: Tree, _ entries: [Tree.Entry], value: (Tree.Entry) -> Tree?
    ) -> Tree? {
        var copy: [Tree.Entry]?
        for (index, entry) in entries.enumerated() {
            guard let new = value(entry) else { continue }
            copy = copy ?? entries
            copy?[index].value = new
        }
        guard let copy else { return nil }
        var result = tree
        result.content = .map(copy)
        return result
    }

    private func changed(_ tree: Tree, _ entries: [Tree.Entry], _ table: KeyTable) -> Tree? {
        var renamed = entries
        var isRenamed = false
        for (index, entry) in entries.enumerated() where table[entry.key] == nil {
            if let meant = report(entry, table), !renamed.contains(where: { $0.key == meant }) {
                renamed[index].key = meant
                isRenamed = true
            }
        }
        var result = tree
        if isRenamed { result.content = .map(renamed) }
        let deeper = changed(result, renamed) { entry in
            table[entry.key].flatMap { changed(entry.value, $0.shape) }
        }
        return deeper ?? (isRenamed ? result : nil)
    }

    /// The key that it was meant to be.
    private func report(_ entry: Tree.Entry, _ table: KeyTable) -> String? {
        let names = table.keys.map(\.name)
        problems.error(
            entry.place, "unknown key `\(Visible.text(entry.key, limit: 80))` in \(table.what)",
            names.isEmpty
                ? "it takes none"
                : problems.suggestion(for: entry.key, among: names, called: "its keys are"))
        return Nearest.name(to: entry.key, among: names)
    }
}
