// The work `edit`: deletes, replaces and adds lines of a text file, in one rename.
import Domain
import Files
import Glibc

extension StepSession {
    /// A link is followed: the file that it points at is edited, and keeps its owner, mode and
    /// attributes. Text that is to be replaced must be there, or its replacement must; a file that is
    /// as it should be already is left alone.
    func edit(_ work: EditWork) throws(Fault) -> WorkEnd {
        let plan = try editPlan(work)
        var saved = try savedCopies()
        guard plan.changes > 0 else {
            return .done("nothing to change in \(work.file)", facts: saved.facts)
        }
        try saved.save([plan.target])
        let temporary = Files.besides(plan.target)
        try Files.remove(temporary)
        do throws(Fault) {
            try Files.replace(temporary, with: plan.content)
            try Files.apply(
                user: plan.status.user, group: plan.status.group, mode: plan.status.mode,
                modified: timestampNow().milliseconds * 1_000_000, kind: .file, to: temporary)
            // Afterwards: a change of owner takes a file's capabilities away.
            Files.copyAttributes(from: plan.target, to: temporary)
            try Files.sync(file: temporary)
            crashPoint("edited")
            try Files.rename(temporary, plan.target)
        } catch {
            try? Files.remove(temporary)
            throw error
        }
        try Files.sync(folder: plan.target.folder)
        crashPoint("edit-renamed")
        return .done("\(work.file): \(plan.words)", facts: saved.facts)
    }

    func forecastEdit(_ work: EditWork) throws(Fault) -> Forecast {
        let plan = try editPlan(work)
        guard plan.changes > 0 else { return .nothingToDo("nothing to change in \(work.file)") }
        guard plan.target.folder.withCString({ access($0, W_OK) }) == 0 else {
            return .wouldFail("\(plan.target.folder) cannot be written to")
        }
        return .wouldRun("would change \(work.file): \(plan.words)")
    }

    private struct EditPlan {
        var target: RawPath
        var status: FileStatus
        var content: [UInt8]
        var deleted = 0
        var replaced = 0
        var added = 0
        var changes: Int { deleted + replaced + added }
        var words: String {
            [(deleted, "deleted"), (replaced, "replaced"), (added, "added")]
                .filter { $0.0 > 0 }
                .map { "\($0.0) \($0.0 == 1 ? "line" : "lines") \($0.1)" }
                .joined(separator: ", ")
                // The new file takes the place of this name only.
                + (status.names > 1
                    ? "; its \(status.names - 1) other names stay as they were" : "")
        }
    }

    private func editPlan(_ work: EditWork) throws(Fault) -> EditPlan {
        let written = try pathRules.path(work.file, operation: "edit")
        let path = folder.appending(written)
        guard let target = try Files.resolved(path), let status = try Files.status(target) else {
            throw Fault(
                operation: "edit", subject: path.description, cause: "there is no such file")
        }
        guard status.kind == .file else {
            throw Fault(operation: "edit", subject: path.description, cause: "it is no file")
        }
        try pathRules.check(target, written: "/", operation: "edit")
        try Files.checkNotPinned(target, "edit")
        var plan = EditPlan(target: target, status: status, content: [])
        var lines = try Files.read(target).split(separator: 10, omittingEmptySubsequences: false)
            .map(Array.init)
        // What follows the last line feed is a line only if it holds something.
        let endsWithFeed = lines.last == []
        if endsWithFeed { lines.removeLast() }
        try delete(work, from: &lines, &plan)
        try replace(work, in: &lines, &plan)
        try insert(work, into: &lines, &plan)
        try insertBeside(work.insert ?? [], work, &lines, &plan)
        plan.content = Array(lines.joined(separator: [10]))
        if !lines.isEmpty, endsWithFeed || plan.added > 0 { plan.content.append(10) }
        return plan
    }

    private func delete(
        _ work: EditWork, from lines: inout [[UInt8]], _ plan: inout EditPlan
    ) throws(Fault) {
        for text in work.deleteLines {
            let needle = Array(try fill(text).utf8)
            guard !needle.isEmpty else { continue }
            let before = lines.count
            lines.removeAll { $0.firstRange(of: needle) != nil }
            plan.deleted += before - lines.count
        }
    }

    private func replace(
        _ work: EditWork, in lines: inout [[UInt8]], _ plan: inout EditPlan
    ) throws(Fault) {
        for replacement in work.replace {
            let old = Array(try fill(replacement.old).utf8)
            let new = Array(try fillLine(replacement.new).utf8)
            guard !old.isEmpty else { continue }
            var found = false
            for index in lines.indices {
                let changed = replacing(old, by: new, in: lines[index])
                found = found || changed.found
                if changed.line != lines[index] {
                    lines[index] = changed.line
                    plan.replaced += 1
                }
            }
            guard found || new.isEmpty else {
                throw Fault(
                    operation: "edit", subject: work.file,
                    cause: "neither `\(replacement.old)` nor `\(replacement.new)` is in it")
            }
        }
    }

    /// What has been replaced already is not replaced again, also when the new text holds the old one
    /// (`http` by `https`).
    private func replacing(
        _ old: [UInt8], by new: [UInt8], in line: [UInt8]
    ) -> (line: [UInt8], found: Bool) {
        var result: [UInt8] = []
        var found = false
        var rest = line[...]
        while let first = rest.first {
            if !new.isEmpty, rest.starts(with: new) {
                result += new
                rest = rest.dropFirst(new.count)
                found = true
            } else if rest.starts(with: old) {
                result += new
                rest = rest.dropFirst(old.count)
                found = true
            } else {
                result.append(first)
                rest = rest.dropFirst()
            }
        }
        return (result, found)
    }

    private func insert(
        _ work: EditWork, into lines: inout [[UInt8]], _ plan: inout EditPlan
    ) throws(Fault) {
        let feed = lines.contains { $0.last == 13 } ? [UInt8(13)] : []
        for text in work.insertLines {
            let line = Array(try fillLine(text).utf8)
            if lines.contains(where: { $0 == line || $0 == line + feed }) { continue }
            lines.append(line + feed)
            plan.added += 1
        }
    }

    private func insertBeside(
        _ insertions: [PlacedLine], _ work: EditWork, _ lines: inout [[UInt8]],
        _ plan: inout EditPlan
    ) throws(Fault) {
        let feed = lines.contains { $0.last == 13 } ? [UInt8(13)] : []
        for insertion in insertions {
            let line = Array(try fillLine(insertion.line).utf8)
            if lines.contains(where: { $0 == line || $0 == line + feed }) { continue }
            let mark = Array(try fill(insertion.mark).utf8)
            guard let index = lines.firstIndex(where: { $0.firstRange(of: mark) != nil }) else {
                throw Fault(
                    operation: "edit", subject: work.file,
                    cause: "no line contains `\(insertion.mark)`, beside which a line belongs")
            }
            lines.insert(line + feed, at: insertion.side == .after ? index + 1 : index)
            plan.added += 1
        }
    }

    /// A value may not bring lines of its own into a file.
    private func fillLine(_ text: String) throws(Fault) -> String {
        try Template.fill(text, with: order.variables) { value throws(Fault) in
            guard !value.utf8.contains(where: { $0 == 10 || $0 == 13 || $0 == 0 }) else {
                throw Fault(
                    operation: "fill in a line", subject: text, cause: "the value has a line break")
            }
            return value
        }
    }
}
