// A step's work in words, as a person would type it: for plans, reports and confirmations.

/// The work as it would be typed. Secrets show as where they come from, control characters as pictures.
/// - Parameter units: the runbook's own start and stop commands; a unit that is not there is systemd's.
package func described(_ work: Work, units: [ServiceUnit] = []) -> String {
    Visible.text(spelled(work, units: units), limit: 2000)
}

/// One word of a command line, quoted for /bin/sh where it must be.
package func shellQuoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
        (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
            || (byte >= 0x61 && byte <= 0x7A) || "_@%+=:,./-{}".utf8.contains(byte)
    }
    if plain, !word.isEmpty { return word }
    return "'"
        + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        + "'"
}

extension Step {
    /// Whether it can be taken back: the runbook says how, the kind knows by itself (from what it
    /// saved), or there is nothing to take back.
    package var isUndoable: Bool { undo != nil || work.savesWhatItChanges || work.changesNothing }
}

extension Work {
    /// It keeps what it removes or changes, and can put it back.
    package var savesWhatItChanges: Bool {
        switch self {
        case .remove, .restore, .edit, .restoreDatabase, .restoreBackup: true
        case .prepareTest, .clearTest: false
        case .run, .shell, .service, .http, .sql, .redis, .backup, .probe, .notify, .statusPage,
            .wait,
            .confirm, .assess, .playbook, .action, .undoAction, .rollback, .fallback, .calm:
            false
        }
    }

    /// It only looks, tells or keeps: taking it back is doing nothing.
    package var changesNothing: Bool {
        switch self {
        case .backup, .probe, .notify, .wait, .confirm, .assess, .calm: true
        case .sql(let sql): sql.statements.isEmpty
        case .http(let request, _, _): ["GET", "HEAD"].contains(request.method.uppercased())
        // They change nothing of the service.
        case .prepareTest, .clearTest: true
        // The steps before it switch the fallback; it is what everybody sees of that.
        case .fallback: true
        case .run, .shell, .service, .redis, .remove, .restore, .edit, .restoreDatabase,
            .restoreBackup, .statusPage,
            .playbook, .action, .undoAction, .rollback:
            false
        }
    }
}

private func spelled(_ work: Work, units: [ServiceUnit]) -> String {
    switch work {
    case .run(let arguments, let input):
        commandLine(arguments) + (input == nil ? "" : " (with input)")
    case .shell(let line): "sh -c \(shellQuoted(line))"
    case .service(let verb, let unit): serviceLine(verb, unit, units)
    case .http(let request, _, _): "\(request.method) \(request.url.label)"
    case .sql(let sql): sqlLine(sql)
    case .redis(_, let command, _): "redis-cli " + commandLine(command)
    case .remove(let paths): "remove \(paths.joined(separator: ", ")) (saved first)"
    case .restore(let restore): restoreLine(restore)
    case .edit(let edit): editLine(edit)
    case .backup: "take a backup, read it back and compare"
    case .restoreDatabase(let source): "restore database \(source) from the backup"
    case .restoreBackup(let restore): restoreBackupLine(restore)
    case .prepareTest(let world): "copy the service to \(world.folder)" + copiedLine(world)
    case .clearTest(let world): "remove \(world.folder)"
    case .probe(let reference, let within): "probe \(reference) within \(within.spelled)"
    case .notify(let notify):
        "notify \(notify.roles.joined(separator: ", ")) via \(notify.via.joined(separator: ", "))"
            + ": \(notify.title)"
    case .statusPage(let status, let message): "status page: \(status), \(message)"
    case .wait(let span): "wait \(span.spelled)"
    case .confirm(let text): "a person confirms: \(text)"
    case .assess: "record the state of everything that is watched"
    case .playbook(let name): "playbook \(name)"
    case .action(let name): "action \(name)"
    case .undoAction(let name): "undo action \(name)"
    case .rollback(let kind): "rollback (\(kind))"
    case .fallback(let name, let enable): "\(enable ? "enable" : "disable") fallback \(name)"
    case .calm(let within): "every trigger of the emergency has ended within \(within.spelled)"
    }
}

private func commandLine(_ arguments: [String]) -> String {
    arguments.map(shellQuoted).joined(separator: " ")
}

private func serviceLine(_ verb: ServiceVerb, _ unit: String, _ units: [ServiceUnit]) -> String {
    guard let own = units.first(where: { $0.name == unit }) else {
        return "systemctl \(verb.rawValue) \(shellQuoted(unit))"
    }
    switch verb {
    case .start: return commandLine(own.start)
    case .stop: return commandLine(own.stop)
    case .restart: return commandLine(own.stop) + " && " + commandLine(own.start)
    }
}

private func sqlLine(_ sql: SQLWork) -> String {
    guard let query = sql.query else { return sql.statements.joined(separator: "; ") }
    var line = query
    if let equals = sql.equals { line += " = \(number(equals))" }
    if let atLeast = sql.atLeast { line += " ≥ \(number(atLeast))" }
    if let atMost = sql.atMost { line += " ≤ \(number(atMost))" }
    return line
}

private func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
}

private func restoreLine(_ restore: RestoreWork) -> String {
    func count(_ paths: [String]) -> String {
        paths.count == 1 ? paths.joined() : "\(paths.count) paths"
    }
    switch restore {
    case .git(let revision, let paths): return "restore \(count(paths)) from git \(revision)"
    case .copy(let folder, let paths): return "restore \(count(paths)) from \(folder)"
    case .archive(let file, let paths): return "restore \(count(paths)) from archive \(file)"
    }
}

private func restoreBackupLine(_ restore: RestoreBackupWork) -> String {
    var parts: [String] = []
    switch restore.paths {
    case nil: parts.append("every file")
    case .some(let paths) where !paths.isEmpty: parts.append(paths.joined(separator: ", "))
    case .some: break
    }
    switch restore.databases {
    case nil: parts.append("every database")
    case .some(let names) where !names.isEmpty:
        parts.append("database " + names.joined(separator: ", "))
    case .some: break
    }
    let what = parts.isEmpty ? "nothing" : parts.joined(separator: " and ")
    return "restore \(what) from backup \(restore.backup ?? "(the newest verified one)")"
}
private func copiedLine(_ world: TestWorld) -> String {
    world.databases.map { "; database \($0.real) to \($0.test)" }.joined()
}

private func editLine(_ edit: EditWork) -> String {
    var parts: [String] = []
    if !edit.deleteLines.isEmpty {
        parts.append("delete lines containing \(edit.deleteLines.joined(separator: ", "))")
    }
    parts += edit.replace.map { "replace \($0.old) by \($0.new)" }
    if !edit.insertLines.isEmpty {
        parts.append("add \(edit.insertLines.joined(separator: ", "))")
    }
    parts += (edit.insert ?? []).map { "add \($0.line) \($0.side.rawValue) \($0.mark)" }
    return "edit \(edit.file): \(parts.joined(separator: "; "))"
}
