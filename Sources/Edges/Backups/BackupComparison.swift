// Compares every byte of a backup with its manifest, and the manifest with its checksum.
import Domain
import Files
import Glibc

struct BackupComparison {
    private let backup: BackupFolder
    private let sha256: String?
    /// Small files are many waits for the disk: more of them at once than there are processors.
    private static let threads = min(16, 4 * Workers.processors)

    /// - Parameter sha256: the manifest's own, where somebody remembers it.
    init(_ path: RawPath, sha256: String? = nil) {
        backup = BackupFolder(path: path)
        self.sha256 = sha256
    }

    /// A sentence for each difference. When the manifest itself is damaged, that alone: nothing else
    /// can be judged by it.
    func differences() throws(Fault) -> [String] {
        let lost = try backup.missing().filter { $0 != "receipt.json" }
        if !lost.isEmpty { return lost.map { "\($0) is missing" } }
        let manifest: BackupManifest
        do {
            manifest = try backup.readManifest(known: sha256)
        } catch {
            return ["\(error)"]
        }
        var result: [String] = []
        let receipt = try? Files.readIfThere(backup.receipt)
        if receipt != (try encoded(manifest.receipt)) {
            result.append("receipt.json is \(receipt == nil ? "missing" : "not what was written")")
        }
        let path = backup.path
        let entries = manifest.entries.sorted { ($1.size, $0.path) < ($0.size, $1.path) }
        result += try Workers.map(entries, threads: Self.threads) { entry, buffer throws(Fault) in
            difference(entry, path, buffer)
        }.compactMap { $0 }
        result += try Workers.map(manifest.databases) { database, buffer throws(Fault) in
            difference(database, path, buffer)
        }.compactMap { $0 }
        result += try extraFiles(manifest)
        return result.sorted()
    }

    private func extraFiles(_ manifest: BackupManifest) throws(Fault) -> [String] {
        var known: Set<RawPath> = []
        for place in manifest.entries.map(\.place) + manifest.databases.map(\.file) {
            var place = place
            while place != RawPath("."), known.insert(place).inserted { place = place.folder }
        }
        known.formUnion([backup.manifest, backup.checksum, backup.receipt].map(\.lastName))
        var extra: [String] = []
        try Files.walk(backup.path) { path, _ throws(Fault) in
            if !known.contains(path) {
                extra.append("\(shown(path)) is there, but not in the manifest")
            }
        }
        return extra
    }
}

/// Nil when the copy is what the manifest says.
private func difference(
    _ entry: BackupManifest.Entry, _ backup: RawPath, _ buffer: UnsafeMutableRawBufferPointer
) -> String? {
    let place = backup.appending(entry.place)
    let name = shown(entry.path)
    do throws(Fault) {
        guard let status = try Files.status(place) else { return "\(name) is missing" }
        guard status.kind == entry.kind else {
            return "\(name) is a \(status.kind.rawValue), not a \(entry.kind.rawValue)"
        }
        if let difference = difference(status, entry) { return "\(name) \(difference)" }
        switch entry.kind {
        case .file:
            // Another name of a file is read under its first one.
            if let first = entry.sameAs {
                let other = try Files.status(backup.appending(BackupManifest.Entry.place(first)))
                if let other, FileIdentity(other) == FileIdentity(status) { return nil }
            }
            return try contentDifference(place, name, entry.size, entry.sha256, buffer)
        case .link:
            let target = try Files.target(of: place)
            return target == entry.target
                ? nil
                : "\(name) points at \(shown(target)), not at "
                    + shown(entry.target ?? RawPath(""))
        case .folder, .other: return nil
        }
    } catch {
        return "\(name): \(error)"
    }
}

/// What was changed about it besides its content.
private func difference(_ status: FileStatus, _ entry: BackupManifest.Entry) -> String? {
    if entry.kind != .link, status.mode != entry.mode {
        return "has the mode \(octal(status.mode)), not \(octal(entry.mode))"
    }
    // Only root can give files away, so only root's copies have the owners of the originals.
    if geteuid() == 0, (status.user, status.group) != (entry.user, entry.group) {
        return "belongs to \(status.user):\(status.group), not \(entry.user):\(entry.group)"
    }
    return nil
}

private func difference(
    _ database: BackupManifest.DatabaseEntry, _ backup: RawPath,
    _ buffer: UnsafeMutableRawBufferPointer
) -> String? {
    let place = backup.appending(database.file)
    do throws(Fault) {
        guard try Files.status(place) != nil else { return "database \(database.name) is missing" }
        if let difference = try contentDifference(
            place, shown(database.file), database.size, database.sha256, buffer)
        {
            return difference
        }
        return try database.tables(at: place) == database.tables
            ? nil : "database \(database.name) has other tables or rows than when it was taken"
    } catch {
        return "database \(database.name): \(error)"
    }
}

private func contentDifference(
    _ place: RawPath, _ name: String, _ size: Int, _ sha256: String?,
    _ buffer: UnsafeMutableRawBufferPointer
) throws(Fault) -> String? {
    let file = try Files.openForDisk(place)
    defer { close(file) }
    let status = try Files.status(open: file, place)
    guard status.size == size else { return "\(name) has \(status.size) bytes, not \(size)" }
    var hash = ContentHash()
    let count = try Files.readPieces(
        file, place, size: size, sparse: status.allocated < status.size, buffer
    ) { piece throws(Fault) in hash.add(piece) }
    guard count == size else { return "\(name) has \(count) bytes, not \(size)" }
    return hash.finish() == sha256 ? nil : "\(name) has another content (SHA-256)"
}

private func octal(_ mode: Int) -> String { "0" + String(mode, radix: 8) }
