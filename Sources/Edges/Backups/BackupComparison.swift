// Compares every byte of a backup with its manifest, and the manifest with its checksum.
import Crypto
import Domain
import Files
import Glibc

struct BackupComparison {
    private let backup: BackupFolder

    init(_ path: RawPath) { backup = BackupFolder(path: path) }

    /// A sentence for each difference. When the manifest itself is damaged, that alone: nothing else
    /// can be judged by it.
    func differences() throws(Fault) -> [String] {
        let manifest: BackupManifest
        do {
            manifest = try backup.readManifest()
        } catch {
            return ["\(error)"]
        }
        var result: [String] = []
        if (try? Files.read(backup.receipt)) != (try encoded(manifest.receipt)) {
            result.append("receipt.json is not what was written")
        }
        let path = backup.path
        result += try Workers.map(manifest.entries) { entry, buffer throws(Fault) in
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
            if !known.contains(path) { extra.append("\(path) is there, but not in the manifest") }
        }
        return extra
    }
}

/// Nil when the copy is what the manifest says.
private func difference(
    _ entry: BackupManifest.Entry, _ backup: RawPath, _ buffer: UnsafeMutableRawBufferPointer
) -> String? {
    let place = backup.appending(entry.place)
    do throws(Fault) {
        guard let status = try Files.status(place) else { return "\(entry.path) is missing" }
        guard status.kind == entry.kind else {
            return "\(entry.path) is a \(status.kind.rawValue), not a \(entry.kind.rawValue)"
        }
        if entry.kind != .link, status.mode != entry.mode {
            return "\(entry.path) has the mode \(octal(status.mode)), not \(octal(entry.mode))"
        }
        // Only root can give files away, so only root's copies have the owners of the originals.
        if geteuid() == 0, (status.user, status.group) != (entry.user, entry.group) {
            return "\(entry.path) belongs to \(status.user):\(status.group), not "
                + "\(entry.user):\(entry.group)"
        }
        switch entry.kind {
        case .file:
            return try contentDifference(place, entry.path, entry.size, entry.sha256, buffer)
        case .link:
            let target = try Files.target(of: place)
            return target == entry.target
                ? nil : "\(entry.path) points at \(target), not at \(entry.target ?? RawPath(""))"
        case .folder, .other: return nil
        }
    } catch {
        return "\(entry.path): \(error)"
    }
}

private func difference(
    _ database: BackupManifest.DatabaseEntry, _ backup: RawPath,
    _ buffer: UnsafeMutableRawBufferPointer
) -> String? {
    let place = backup.appending(database.file)
    do throws(Fault) {
        guard try Files.status(place) != nil else { return "database \(database.name) is missing" }
        if let difference = try contentDifference(
            place, database.file, database.size, database.sha256, buffer)
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
    _ place: RawPath, _ path: RawPath, _ size: Int, _ sha256: String?,
    _ buffer: UnsafeMutableRawBufferPointer
) throws(Fault) -> String? {
    var hash = SHA256()
    let count = try Files.readBlocks(place, buffer) { hash.update(bufferPointer: $0) }
    guard count == size else { return "\(path) has \(count) bytes, not \(size)" }
    return hex(hash.finalize()) == sha256 ? nil : "\(path) has another content (SHA-256)"
}

private func octal(_ mode: Int) -> String { "0" + String(mode, radix: 8) }
