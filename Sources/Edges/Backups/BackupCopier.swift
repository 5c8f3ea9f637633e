// Copies a backup's files on all processors, and computes their checksums on the way.
import Domain
import Files
import Glibc

struct BackupCopier: Sendable {
    private let folder: RawPath
    private let backup: RawPath
    private let entries: [BackupManifest.Entry]
    private let named: Set<RawPath>
    private let identities: [RawPath: FileIdentity]
    private let crashPoint: @Sendable (String) -> Void

    init(plan: BackupPlan, backup: RawPath, crashPoint: @escaping @Sendable (String) -> Void) {
        folder = plan.folder
        self.backup = backup
        entries = plan.entries
        named = plan.named
        identities = plan.identities
        self.crashPoint = crashPoint
    }

    /// Not synced yet.
    /// - Returns: the entries as they were copied, and what vanished meanwhile.
    func copy() throws(Fault) -> (
        entries: [BackupManifest.Entry], vanished: [BackupManifest.LeftOut]
    ) {
        var result = entries.map { Optional($0) }
        // By path: a folder comes before what is in it.
        for index in entries.indices where entries[index].kind == .folder {
            try Files.makeFolderQuickly(backup.appending(entries[index].place))
            result[index]?.attributes = try attributes(entries[index])
        }
        for index in entries.indices where entries[index].kind == .link {
            let entry = entries[index]
            try Files.makeFolderQuickly(backup.appending(entry.place).folder)
            try Files.makeLink(backup.appending(entry.place), to: entry.target ?? RawPath(""))
            result[index]?.attributes = try attributes(entry)
            try setMetadata(entry)
        }
        for (index, entry) in try copyFiles() { result[index] = entry }
        for (index, entry) in try linkNames(result) { result[index] = entry }
        // From below: what is put into a folder changes its time, and its mode may forbid it.
        for entry in entries.reversed() where entry.kind == .folder { try setMetadata(entry) }
        let vanished = entries.indices.filter { result[$0] == nil }.map { entries[$0].path }
        for path in vanished where named.contains(path) {
            throw BackupPlan.missing(folder.appending(path))
        }
        return (
            result.compactMap { $0 },
            vanished.map { BackupManifest.LeftOut(path: $0, why: LeftOutReason.vanished) }
        )
    }

    private func copyFiles() throws(Fault) -> [(Int, BackupManifest.Entry?)] {
        let files = entries.indices.filter { entries[$0].kind == .file }
        for index in files {
            try Files.makeFolderQuickly(backup.appending(entries[index].place).folder)
        }
        // The largest first, so that no processor is left with one at the end.
        let order = files.filter { entries[$0].sameAs == nil }
            .sorted { (entries[$1].size, $0) < (entries[$0].size, $1) }
        return try Workers.map(order, buffer: 1 << 18) { [self] index, buffer throws(Fault) in
            (index, try copy(entries[index], buffer))
        }
    }

    private func copy(
        _ entry: BackupManifest.Entry, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Fault) -> BackupManifest.Entry? {
        let copy = try MomentCopy.take(
            from: folder.appending(entry.path), to: backup.appending(entry.place), buffer)
        crashPoint("backup-file")
        guard let copy else { return nil }
        var copied = BackupManifest.Entry(entry.path, copy.status)
        copied.sha256 = copy.sha256
        copied.grew = copy.grew ? true : nil
        copied.attributes = copy.attributes.isEmpty ? nil : copy.attributes
        copied.configuration = entry.configuration
        // Another file has its name by now: its other names are no longer its own.
        copied.sameAs = nil
        return copied
    }

    /// The further names of files that have more than one.
    private func linkNames(
        _ copied: [BackupManifest.Entry?]
    ) throws(Fault) -> [(Int, BackupManifest.Entry?)] {
        let further = entries.indices.filter { entries[$0].sameAs != nil }
        if further.isEmpty { return [] }
        var first: [RawPath: BackupManifest.Entry] = [:]
        for entry in copied { if let entry { first[entry.path] = entry } }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
        defer { buffer.deallocate() }
        var result: [(Int, BackupManifest.Entry?)] = []
        for index in further {
            let entry = entries[index]
            guard let name = entry.sameAs, var linked = first[name],
                isStill(identities[name], name), isStill(identities[name], entry.path)
            else {
                result.append((index, try copy(entry, buffer)))
                continue
            }
            let from = backup.appending(linked.place)
            let to = backup.appending(entry.place)
            let code = from.withCString { from in to.withCString { link(from, $0) } }
            if code != 0 {
                // Where the backup lies there may be no links, or not as many.
                guard errno == EMLINK || errno == EPERM || errno == ENOTSUP else {
                    throw fileFault("make the link", to)
                }
                try Files.copyContent(from: from, to: to)
                try Files.apply(
                    user: linked.user, group: linked.group, mode: linked.mode,
                    modified: linked.modified, kind: .file, to: to)
            }
            linked.path = entry.path
            linked.sameAs = name
            linked.configuration = entry.configuration
            result.append((index, linked))
        }
        return result
    }

    private func isStill(_ identity: FileIdentity?, _ path: RawPath) -> Bool {
        guard let identity, let status = try? Files.status(folder.appending(path)) else {
            return false
        }
        return FileIdentity(status) == identity
    }

    /// Nil for none, also when it is gone by now.
    private func attributes(_ entry: BackupManifest.Entry) throws(Fault) -> [FileAttribute]? {
        let path = folder.appending(entry.path)
        do throws(Fault) {
            let found = try Files.attributes(of: path)
            return found.isEmpty ? nil : found
        } catch {
            if try Files.status(path) == nil { return nil }
            throw error
        }
    }

    private func setMetadata(_ entry: BackupManifest.Entry) throws(Fault) {
        try Files.apply(
            user: entry.user, group: entry.group, mode: entry.mode, modified: entry.modified,
            kind: entry.kind, to: backup.appending(entry.place))
    }
}

extension Files {
    /// Makes a folder and those above it without a sync of each: what is in it is synced as a whole.
    static func makeFolderQuickly(_ path: RawPath) throws(Fault) {
        if path.withCString({ mkdir($0, 0o700) }) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, path.folder != path else { throw fileFault("make the folder", path) }
        try makeFolderQuickly(path.folder)
        guard path.withCString({ mkdir($0, 0o700) }) == 0 || errno == EEXIST else {
            throw fileFault("make the folder", path)
        }
    }
}
