// The work `restore_backup`: puts files and databases of a backup back, all of them or a part.
import Domain
import Files

extension StepSession {
    /// The backup is compared with its manifest before anything is touched; what is replaced is saved
    /// by the backup keeper first, so that the step can be taken back.
    func restoreBackup(_ work: RestoreBackupWork) throws(Fault) -> WorkEnd {
        let plan = try restorePlan(work)
        output.say("comparing backup \(plan.receipt.id) with its manifest")
        let differences = try asking("verify", plan.receipt.path) {
            try backups.differences(plan.receipt)
        }
        if let first = differences.first {
            let more = differences.count > 1 ? " (and \(differences.count - 1) more)" : ""
            let older = plan.older.map { "; the next older whole one is \($0.id)" } ?? ""
            return .failed(
                "backup \(plan.receipt.id) is not what was taken, so nothing was touched: "
                    + first + more + older)
        }
        var saved = try savedCopies()
        for source in plan.databases { try saveContents(of: source, &saved) }
        if plan.files != nil {
            try asking("restore from", plan.receipt.path) {
                _ = try backups.restoreFiles(
                    plan.receipt, paths: work.paths, folder: order.folder, saved: savedFiles,
                    progress: { output.say($0) })
            }
            crashPoint("backup-files-restored")
        }
        for source in plan.databases {
            try asking("restore the database", source.name) {
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
    func putBackBackup(timeout: Span?) throws(Fault) -> String {
        try bounded(timeout ?? .hours(1)) { () throws(Fault) in
            let saved = try savedCopies()
            try putBackDatabases(saved)
            _ = try saved.putBack()
            try asking("put back", order.folder) {
                try backups.putBackFiles(saved: savedFiles, progress: { output.say($0) })
            }
            crashPoint("put-back")
            try saved.setAside()
            return "put back what the restore replaced"
        }
    }

    /// Where the files that a restore replaces are kept.
    private var savedFiles: String {
        RawPath(order.savedDirectory).appending("restored-files").description
    }

    private func putBackDatabases(_ saved: SavedCopies) throws(Fault) {
        for source in order.sources where saved.holds(source) {
            output.say("putting back what \(source.name) held")
            try putBackDatabase(source.name, saved)
            crashPoint("put-back-one")
        }
    }
}

/// What is put back.
private struct BackupRestorePlan {
    var receipt: BackupReceipt
    /// The next one that is verified, where the newest was asked for.
    var older: BackupReceipt?
    /// Nil: no files are asked for.
    var files: RestoreSummary?
    var databases: [DataSource] = []

    func words(done: Bool) -> String {
        var parts: [String] = []
        if let files {
            let changed = files.replaced + files.made
            parts.append(
                "\(changed) \(changed == 1 ? "path" : "paths") (\(files.same) are as they were)")
        }
        if !databases.isEmpty {
            parts.append("database " + databases.map(\.name).joined(separator: ", database "))
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
        var plan = try chosen(work.backup)
        if work.paths != [] {
            plan.files = try asking("restore from", plan.receipt.path) {
                try backups.forecastRestore(
                    plan.receipt, paths: work.paths, folder: order.folder)
            }
        }
        for name in work.databases ?? plan.receipt.databases {
            plan.databases.append(try database(name, plan.receipt))
        }
        guard plan.files != nil || !plan.databases.isEmpty else {
            throw Fault(
                operation: "restore from backup", subject: plan.receipt.id,
                cause: "neither files nor databases were asked for")
        }
        return plan
    }

    private func chosen(_ id: String?) throws(Fault) -> BackupRestorePlan {
        let receipts = try asking("list the backups", order.backup.to) {
            try backups.list(order.backup)
        }
        func fault(_ cause: String) -> Fault {
            Fault(
                operation: "restore from backup", subject: id ?? order.backup.to, cause: cause)
        }
        if let id {
            guard let found = receipts.first(where: { $0.id == id }) else {
                throw fault("there is no backup of this name in \(order.backup.to)")
            }
            return BackupRestorePlan(receipt: found)
        }
        guard let newest = receipts.first else { throw fault("there is no backup") }
        // An older one is another answer than was asked for.
        if let doubt = receipts.doubtOfNewest {
            let older =
                doubt.older.map { "the next older whole one is \($0.id): name it to restore it" }
                ?? "there is no older one that is whole"
            throw fault("\(doubt.why), so nothing was touched; \(older)")
        }
        return BackupRestorePlan(
            receipt: newest, older: receipts.dropFirst().first(where: \.verified))
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
}
