// The work `restore_backup`: puts files and databases of a backup back, all of them or a part.
import Domain
import Files
import FoundationEssentials
import Glibc

extension StepSession {
    /// The backup is compared with its manifest before anything is touched; then what is there now is
    /// saved, files as any step saves them and databases by the backup keeper, so that the step can be
    /// taken back.
    func restoreBackup(_ work: RestoreBackupWork) throws(Fault) -> WorkEnd {
        let plan = try restorePlan(work)
        output.say("comparing backup \(plan.receipt.id) with its manifest")
        let differences = try keeper("verify", plan.receipt.path) {
            try backups.differences(plan.receipt)
        }
        if let first = differences.first {
            let more = differences.count > 1 ? " (and \(differences.count - 1) more)" : ""
            return .failed(
                "backup \(plan.receipt.id) is not what was taken, so nothing was touched: "
                    + first + more)
        }
        var saved = try savedCopies()
        try saved.save(plan.present, making: plan.missingFolders)
        for source in plan.databases { try save(source, &saved) }
        if plan.hasFiles {
            try keeper("restore from", plan.receipt.path) {
                try backups.restoreFiles(
                    plan.receipt, paths: plan.paths, folder: order.folder,
                    progress: { output.say($0) })
            }
            crashPoint("backup-files-restored")
        }
        for source in plan.databases {
            try keeper("restore the database", source.name) {
                try backups.restoreDatabase(
                    plan.receipt, source: source, progress: { output.say($0) })
            }
            crashPoint("backup-database-restored")
        }
        return .done(plan.words(done: true), facts: saved.facts)
    }

    func forecastRestoreBackup(_ work: RestoreBackupWork) throws(Fault) -> Forecast {
        .wouldRun(try restorePlan(work).words(done: false))
    }

    /// Takes it back: first the databases, then the files.
    func putBackDatabases(_ saved: SavedCopies) throws(Fault) {
        let store = BackupDefinition(to: saved.databases.description)
        for name in saved.entries.compactMap(\.source) {
            guard let source = order.sources.first(where: { $0.name == name }) else {
                throw Fault(
                    operation: "put back the database", subject: name,
                    cause: "the runbook has no data source of this name any more; it is saved in "
                        + "\(saved.databases)")
            }
            try keeper("put back the database", name) {
                guard
                    let receipt = try backups.list(store).first(where: {
                        $0.databases.contains(name)
                    })
                else {
                    throw Fault(
                        operation: "put back the database", subject: name,
                        cause: "what was saved in \(saved.databases) is gone")
                }
                try backups.restoreDatabase(receipt, source: source, progress: { output.say($0) })
            }
            crashPoint("put-back-one")
        }
    }

    private func save(_ source: DataSource, _ saved: inout SavedCopies) throws(Fault) {
        guard !saved.entries.contains(where: { $0.source == source.name }) else { return }
        if case .sqlite(let path) = source.kind,
            try Files.status(RawPath(path), following: true) == nil
        {
            // There is none: undoing removes what comes.
            try saved.save([RawPath(path)])
            return
        }
        var definition = BackupDefinition(to: saved.databases.description)
        if case .redis = source.kind {
            definition.sources = [source.name]
        } else {
            definition.databases = [source.name]
        }
        try keeper("save the database", source.name) {
            output.say("saving what \(source.name) holds now")
            _ = try backups.take(
                definition, folder: order.folder, sources: order.sources, at: timestampNow(),
                progress: { output.say($0) })
        }
        try saved.note(source: source.name)
    }

    func keeper<Result>(
        _ operation: String, _ subject: String, _ body: () throws -> Result
    ) throws(Fault) -> Result {
        do {
            return try body()
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(operation: operation, subject: subject, cause: "\(error)")
        }
    }
}

/// What is put back, and what is there now.
private struct BackupRestorePlan {
    var receipt: BackupReceipt
    /// What the keeper is asked for; nil: every file.
    var paths: [String]?
    var files = 0
    var hasFiles = false
    /// Files and links that are replaced or come anew, absolute.
    var present: [RawPath] = []
    /// Uppermost first.
    var missingFolders: [RawPath] = []
    var databases: [DataSource] = []

    func words(done: Bool) -> String {
        var parts: [String] = []
        if hasFiles { parts.append("\(files) \(files == 1 ? "path" : "paths")") }
        if !databases.isEmpty {
            parts.append(
                "database " + databases.map(\.name).joined(separator: ", database "))
        }
        let what = parts.joined(separator: " and ")
        let doubt = receipt.verified ? "" : " (which was never verified)"
        return done
            ? "restored \(what) from backup \(receipt.id)\(doubt)"
            : "would save what is there now, and restore \(what) from backup \(receipt.id)\(doubt)"
    }
}

extension StepSession {
    private func restorePlan(_ work: RestoreBackupWork) throws(Fault) -> BackupRestorePlan {
        var plan = BackupRestorePlan(receipt: try chosen(work.backup))
        if work.paths != [] { try addFiles(work.paths, &plan) }
        for name in work.databases ?? plan.receipt.databases {
            plan.databases.append(try database(name, plan.receipt))
        }
        guard plan.hasFiles || !plan.databases.isEmpty else {
            throw Fault(
                operation: "restore from backup", subject: plan.receipt.id,
                cause: "neither files nor databases were asked for")
        }
        return plan
    }

    private func chosen(_ id: String?) throws(Fault) -> BackupReceipt {
        let receipts = try keeper("list the backups", order.backup.to) {
            try backups.list(order.backup)
        }
        let found = receipts.first { receipt in
            id.map { receipt.id == $0 } ?? receipt.verified
        }
        guard let found else {
            throw Fault(
                operation: "restore from backup", subject: id ?? order.backup.to,
                cause: id == nil
                    ? "there is no verified backup"
                    : "there is no whole backup of this name in \(order.backup.to)")
        }
        return found
    }

    private func database(
        _ name: String, _ receipt: BackupReceipt
    ) throws(Fault) -> DataSource {
        func fault(_ cause: String) -> Fault {
            Fault(operation: "restore the database", subject: name, cause: cause)
        }
        guard receipt.databases.contains(name) else {
            throw fault("backup \(receipt.id) does not hold it")
        }
        guard let source = order.sources.first(where: { $0.name == name }) else {
            throw fault("the runbook has no data source of this name any more")
        }
        return source
    }

    private func addFiles(
        _ patterns: [String]?, _ plan: inout BackupRestorePlan
    ) throws(Fault) {
        let entries = try keeper("list", plan.receipt.path) {
            try backups.contents(plan.receipt).map { RawPath(bytes: $0) }
        }
        var wanted = entries
        if let patterns {
            wanted = []
            for written in patterns {
                let pattern = RawPath(written)
                let found = entries.filter { $0.isMeant(by: pattern) }
                guard !found.isEmpty else {
                    throw Fault(
                        operation: "restore", subject: pattern.description,
                        cause: "backup \(plan.receipt.id) does not hold it")
                }
                wanted += found
            }
            plan.paths = try wanted.map { path throws(Fault) in
                guard let text = path.text else {
                    throw Fault(
                        operation: "restore", subject: path.description,
                        cause: "its name is no UTF-8; restore the folder that holds it")
                }
                return text
            }
        }
        guard !wanted.isEmpty else { return }
        plan.hasFiles = true
        plan.files = Set(wanted).count
        let affected = entries.filter { entry in
            wanted.contains { entry.isAbsolute == $0.isAbsolute && entry.isInside($0) }
        }
        try findPresent(affected, &plan)
    }

    private func findPresent(
        _ entries: [RawPath], _ plan: inout BackupRestorePlan
    ) throws(Fault) {
        // What holds another entry is a folder; it is not replaced, only what is in it.
        var holders: Set<RawPath> = []
        for entry in entries { holders.insert(entry.folder) }
        var missing: Set<RawPath> = []
        for entry in entries {
            let target = folder.appending(entry)
            try pathRules.check(target, written: "/", operation: "restore")
            let status = try Files.status(target)
            var above = target.folder
            while try Files.status(above, following: true) == nil {
                missing.insert(above)
                above = above.folder
            }
            if status?.kind == .folder { continue }
            if status == nil, holders.contains(entry) {
                missing.insert(target)
                continue
            }
            if status != nil { try Files.checkNotPinned(target, "restore") }
            plan.present.append(target)
        }
        plan.missingFolders = missing.sorted()
    }
}

extension RawPath {
    /// Whether a path or glob names it, or a folder that it lies in.
    fileprivate func isMeant(by pattern: RawPath) -> Bool {
        guard isAbsolute == pattern.isAbsolute else { return false }
        if isInside(pattern) { return true }
        guard Files.isPattern(pattern) else { return false }
        // A folder that matches means everything in it.
        let own = names
        let count = pattern.names.count
        guard own.count >= count else { return false }
        let beginning = RawPath(
            bytes: Array(own.prefix(count).joined(separator: [UInt8(ascii: "/")])))
        let plain = RawPath(
            bytes: Array(pattern.names.joined(separator: [UInt8(ascii: "/")])))
        return plain.withCString { pattern in
            beginning.withCString { fnmatch(pattern, $0, FNM_PATHNAME | FNM_PERIOD) == 0 }
        }
    }
}
