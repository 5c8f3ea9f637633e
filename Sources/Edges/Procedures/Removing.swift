// The work `remove`: saves files and folders, then removes them.
import Domain
import Files
import Glibc

extension StepSession {
    func remove(_ patterns: [String]) throws(Fault) -> WorkEnd {
        let paths = try pathsToRemove(patterns)
        var saved = try savedCopies()
        guard !paths.isEmpty else {
            // After a crash it may all be gone already; the copies are still ours.
            return .done("nothing to remove", facts: saved.facts)
        }
        for path in paths { try checkRemovable(path) }
        for path in try saved.save(paths) {
            output.say("\(path) is a socket, a pipe or a device: not saved, an undo leaves it out")
        }
        for path in paths {
            try Files.remove(path)
            output.say("removed \(path)")
            crashPoint("removed-one")
        }
        for folder in Set(paths.map(\.folder)) where try Files.status(folder) != nil {
            try Files.sync(folder: folder)
        }
        let left = try pathsToRemove(patterns)
        guard left.isEmpty else {
            return .failed("\(left[0]) is there again; something makes it anew")
        }
        return .done("removed \(named(paths)); saved in \(saved.folder)", facts: saved.facts)
    }

    /// What the patterns mean now; nothing twice, and nothing that lies in another path of the list.
    private func pathsToRemove(_ patterns: [String]) throws(Fault) -> [RawPath] {
        var paths: [RawPath] = []
        for written in patterns {
            let pattern = try pathRules.pattern(written, operation: "remove")
            for path in try Files.matches(pattern, in: folder) {
                try pathRules.check(path, written: written, operation: "remove")
                paths.append(path)
            }
        }
        let unique = Set(paths)
        return unique.filter { path in !unique.contains { $0 != path && path.isInside($0) } }
            .sorted()
    }

    /// Sooner than half way: neither it nor anything in it is marked against that.
    private func checkRemovable(_ path: RawPath) throws(Fault) {
        try Files.checkNotPinned(path, "remove")
        try Files.checkNotPinned(path.folder, "remove from")
        guard try Files.status(path)?.kind == .folder else { return }
        try Files.walk(path) { below, _ throws(Fault) in
            try Files.checkNotPinned(path.appending(below), "remove")
        }
    }

    func forecastRemove(_ patterns: [String]) throws(Fault) -> Forecast {
        let paths = try pathsToRemove(patterns)
        for path in paths { try checkRemovable(path) }
        return paths.isEmpty
            ? .nothingToDo("nothing to remove") : .wouldRun("would remove \(named(paths))")
    }

    /// `3 paths: a, b, c`, relative where they lie in the runbook's folder.
    func named(_ paths: [RawPath]) -> String {
        let names = paths.map { ($0.below(folder) ?? $0).description }
        let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
        return names.count == 1 ? shown : "\(names.count) paths: \(shown)"
    }
}
