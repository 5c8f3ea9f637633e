// Puts a backup's files back, each in one rename, with owner, mode and times.
import Crypto
package import Domain
import Files

extension FileBackupKeeper {
    /// What has come into the folders since stays. A copy that is not what was taken is not put back.
    /// - Parameters:
    ///   - paths: relative to the runbook's folder, or absolute, as they were kept; with all below.
    ///   - folder: the runbook's, absolute.
    /// - Throws: `Fault` naming the file; `Damage` when the backup is not what was taken.
    package func restoreFiles(
        _ receipt: BackupReceipt, paths: [String]?, folder: String, progress: (String) -> Void
    ) throws {
        let backup = BackupFolder(path: RawPath(receipt.path))
        let entries = try select(try backup.readManifest(), paths)
        let home = RawPath(folder)
        var made: [BackupManifest.Entry] = []
        // By path: a folder comes before what is in it.
        for entry in entries where entry.kind == .folder {
            let target = home.appending(entry.path)
            let isThere = try Files.status(target, following: true) != nil
            try Files.makeFolder(target)
            if !isThere || entry.isWay != true { made.append(entry) }
        }
        for entry in entries where entry.kind != .folder {
            try put(entry, backup.path, home)
            crashPoint("file-restored")
        }
        for entry in made.reversed() { try setMetadata(entry, home.appending(entry.path)) }
        progress(
            "restored \(entries.count { $0.kind != .folder }) files from backup \(receipt.id)")
    }

    package func contents(_ receipt: BackupReceipt) throws -> [[UInt8]] {
        try BackupFolder(path: RawPath(receipt.path)).readManifest().entries
            .filter { $0.isWay != true }.map(\.path.bytes)
    }

    private func select(
        _ manifest: BackupManifest, _ paths: [String]?
    ) throws(Fault) -> [BackupManifest.Entry] {
        guard let paths else { return manifest.entries }
        let wanted = paths.map { RawPath($0) }
        func isWanted(_ entry: BackupManifest.Entry) -> Bool {
            wanted.contains {
                entry.path.isAbsolute == $0.isAbsolute && entry.path.isInside($0)
            }
        }
        func leadsThere(_ entry: BackupManifest.Entry) -> Bool {
            entry.kind == .folder
                && wanted.contains {
                    entry.path.isAbsolute == $0.isAbsolute && $0.isInside(entry.path)
                }
        }
        for path in wanted
        where !manifest.entries.contains(where: {
            $0.isWay != true && $0.path.isAbsolute == path.isAbsolute && $0.path.isInside(path)
        }) {
            throw Fault(
                operation: "restore", subject: path.description,
                cause: "the backup \(manifest.id) does not hold it")
        }
        return manifest.entries.compactMap { entry in
            if isWanted(entry) { return entry }
            guard leadsThere(entry) else { return nil }
            var way = entry
            way.isWay = true
            return way
        }
    }

    private func put(
        _ entry: BackupManifest.Entry, _ backup: RawPath, _ home: RawPath
    ) throws {
        let target = home.appending(entry.path)
        let temporary = Files.besides(target)
        try Files.makeFolder(target.folder, mode: 0o755)
        try Files.remove(temporary)
        do {
            if let link = entry.target {
                try Files.makeLink(temporary, to: link)
            } else {
                try copy(entry, backup.appending(entry.place), temporary)
            }
            try setMetadata(entry, temporary)
            try Files.rename(temporary, target)
        } catch {
            try? Files.remove(temporary)
            throw error
        }
        try Files.sync(folder: target.folder)
    }

    private func copy(
        _ entry: BackupManifest.Entry, _ source: RawPath, _ target: RawPath
    ) throws {
        var hash = SHA256()
        try Files.copyContent(from: source, to: target) { hash.update(bufferPointer: $0) }
        guard hex(hash.finalize()) == entry.sha256 else {
            throw Damage(
                subject: source.description,
                detail: "it is not what was taken; \(entry.path) was left alone")
        }
        Files.copyAttributes(from: source, to: target)
        try Files.sync(file: target)
    }

    private func setMetadata(_ entry: BackupManifest.Entry, _ path: RawPath) throws(Fault) {
        try Files.apply(
            user: entry.user, group: entry.group, mode: entry.mode, modified: entry.modified,
            kind: entry.kind, to: path)
    }
}
