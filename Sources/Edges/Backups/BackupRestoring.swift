// Puts a backup's files back: all written and compared beside their places first, then each in one rename.
package import Domain
import Files
import FoundationEssentials
import Glibc

extension FileBackupKeeper {
    /// What has come into the folders since stays. A copy that is not what was taken is not put back,
    /// and then nothing is.
    /// - Throws: `Fault` naming the file; `Damage` when the backup is not what was taken.
    @discardableResult
    package func restoreFiles(
        _ receipt: BackupReceipt, paths: [String]?, folder: String, saved: String?,
        progress: (String) -> Void
    ) throws -> RestoreSummary {
        let (manifest, plan) = try plan(receipt, paths, folder)
        let summary = try summary(plan, manifest, receipt)
        progress(
            "\(summary.replaced) to replace, \(summary.made) to make, \(summary.same) as they were")
        if let saved { try save(plan, RawPath(saved), progress) }
        try Restorer(plan: plan, mayRemoveFolders: saved != nil, crashPoint: crashPoint)
            .run(progress)
        progress(
            "restored \(plan.writes.count) files from backup \(receipt.id), "
                + "\(plan.same) were as they had been")
        tell(summary, manifest, paths, progress)
        return summary
    }

    package func forecastRestore(
        _ receipt: BackupReceipt, paths: [String]?, folder: String
    ) throws -> RestoreSummary {
        let (manifest, plan) = try plan(receipt, paths, folder)
        return try summary(plan, manifest, receipt)
    }

    private func plan(
        _ receipt: BackupReceipt, _ paths: [String]?, _ folder: String
    ) throws -> (BackupManifest, RestorePlan) {
        let backup = BackupFolder(path: RawPath(receipt.path))
        let manifest = try backup.readManifest(known: receipt.sha256)
        let home = RawPath(folder)
        let entries = try manifest.selection(paths, home: home)
        return (manifest, try RestorePlan(entries, backup: backup.path, home: home))
    }

    private func summary(
        _ plan: RestorePlan, _ manifest: BackupManifest, _ receipt: BackupReceipt
    ) throws(Fault) -> RestoreSummary {
        let leftAlone = try plan.leftAlone(manifest, store: RawPath(receipt.path).folder)
        return RestoreSummary(
            replaced: plan.replaced.count, made: plan.made.count, same: plan.same,
            bytes: plan.bytes, leftAlone: leftAlone.prefix(100).map(shown),
            leftAloneCount: leftAlone.count)
    }

    private func tell(
        _ summary: RestoreSummary, _ manifest: BackupManifest, _ paths: [String]?,
        _ progress: (String) -> Void
    ) {
        for path in summary.leftAlone {
            progress("\(path) is not in the backup and was left alone")
        }
        if summary.leftAloneCount > summary.leftAlone.count {
            progress("and \(summary.leftAloneCount - summary.leftAlone.count) more")
        }
        guard paths == nil else { return }
        for entry in manifest.entries where entry.configuration == true {
            progress("\(shown(entry.path)) is in the backup too; it is put back when it is named")
        }
    }

    // MARK: What is replaced

    /// Saves what the plan replaces, in the form of a backup. A save that is there already is whole, and
    /// was made before anything was changed.
    private func save(
        _ plan: RestorePlan, _ saved: RawPath, _ progress: (String) -> Void
    ) throws {
        if try Files.status(saved) != nil { return }
        let partial = RawPath("\(saved)\(Self.partialEnding)")
        try removeTree(partial)
        try Files.makeFolder(partial)
        let disk = try FileSystemSync(partial)
        let before = try BackupPlan(saving: plan.replaced, folders: plan.present, home: plan.home)
        let copied = try BackupCopier(plan: before, backup: partial, crashPoint: crashPoint).copy()
        let manifest = BackupManifest(
            id: "saved", at: timestampNow(), folder: plan.home, entries: copied.entries,
            databases: [])
        _ = try BackupFolder(path: partial).write(manifest)
        try Files.replace(partial.appending(Self.madeName), with: try encoded(plan.made))
        try disk.sync()
        crashPoint("restore-saving")
        try Files.rename(partial, saved)
        try Files.sync(folder: saved.folder)
        crashPoint("restore-saved")
        progress("saved \(plan.replaced.count) that are replaced")
    }
    private static let madeName = "made.json"

    package func putBackFiles(saved: String, progress: (String) -> Void) throws {
        let saved = RawPath(saved)
        // It died before it had saved anything, so it had changed nothing.
        guard try Files.status(saved) != nil else { return }
        let manifest = try BackupFolder(path: saved).readManifest()
        let made = try JSONDecoder().decode(
            [RawPath].self, from: Data(try Files.read(saved.appending(Self.madeName))))
        for path in made.reversed() {
            try Files.remove(Restorer.temporary(path))
            switch try Files.status(path)?.kind {
            case nil: break
            // Not empty: somebody else has put something there.
            case .folder: _ = path.withCString { rmdir($0) }
            case .file, .link, .other: try Files.remove(path)
            }
            crashPoint("file-put-back")
        }
        // Left by a restore that died.
        for entry in manifest.entries {
            try Files.remove(Restorer.temporary(manifest.folder.appending(entry.path)))
        }
        let plan = try RestorePlan(manifest.entries, backup: saved, home: manifest.folder)
        try Restorer(plan: plan, mayRemoveFolders: false, crashPoint: crashPoint).run(progress)
        progress("put back \(plan.writes.count) files and removed \(made.count)")
    }
}
