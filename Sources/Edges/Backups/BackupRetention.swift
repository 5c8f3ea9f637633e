// Which backups stay and which go, and the remains of those that died half way.
import Domain
import Files
import FoundationEssentials
import Glibc

extension FileBackupKeeper {
    /// Removes what the definition does not keep. Only backups that were whole when they were last
    /// looked at count for `keep: last`. The newest of those stays in any case, and so does every
    /// backup that a procedure still needs.
    func retire(
        _ definition: BackupDefinition, newest: String, _ now: Timestamp,
        _ progress: (String) -> Void
    ) throws {
        var newerWhole = 0
        for receipt in try list(definition) {
            let position = newerWhole
            if receipt.verified { newerWhole += 1 }
            // The first of all: a clock that was wrong must not make what was taken just now old.
            if receipt.id == newest || (position == 0 && receipt.verified) { continue }
            let tooMany = definition.keepLast.map { position >= max(1, $0) } ?? false
            let age = (now - receipt.at).seconds
            let tooOld = definition.keepDays.map { age > Double($0) * 86_400 } ?? false
            guard tooMany || tooOld else { continue }
            if definition.held.contains(receipt.id) {
                progress("backup \(receipt.id) stays: a procedure still rests on it")
                continue
            }
            // Under another name first: what is half removed must not look like a backup.
            let folder = RawPath(receipt.path)
            let retired = RawPath("\(folder)\(Self.retiredEnding)")
            try Files.rename(folder, retired)
            crashPoint("backup-retired")
            try removeTree(retired)
            VerificationRecord.remove(of: receipt.id, in: folder.folder)
            progress("removed backup \(receipt.id)")
        }
    }

    /// Only called by who holds the lock: whoever made them is dead.
    func removeLeftovers(_ store: RawPath) throws(Fault) {
        for name in try Files.names(in: store) {
            let text = name.description
            if text.hasSuffix(Self.partialEnding) || text.hasSuffix(Self.retiredEnding) {
                try removeTree(store.appending(name))
            }
        }
        VerificationRecord.removeLeftovers(in: store)
    }

    /// Removes a folder with all below it, also where the folders in it may not be written to: they have
    /// the modes of the originals.
    func removeTree(_ path: RawPath) throws(Fault) {
        do throws(Fault) {
            try Files.remove(path)
        } catch {
            guard geteuid() != 0 else { throw error }
            try openFolders(path)
            try Files.remove(path)
        }
    }

    private func openFolders(_ path: RawPath) throws(Fault) {
        guard try Files.status(path)?.kind == .folder else { return }
        guard path.withCString({ chmod($0, 0o700) }) == 0 else {
            throw fileFault("set the mode of", path)
        }
        for name in try Files.names(in: path) { try openFolders(path.appending(name)) }
    }
}

/// What the last look at a backup has found, kept in `.verified` beside the backups: a backup itself is
/// never written to again.
struct VerificationRecord: Codable {
    var at: Timestamp
    /// How many differences there were.
    var count: Int
    var first: String?

    private static func path(of id: String, in store: RawPath) -> RawPath {
        store.appending(".verified").appending("\(id).json")
    }

    static func read(of id: String, in store: RawPath) -> VerificationRecord? {
        guard let bytes = try? Files.readIfThere(path(of: id, in: store)) else { return nil }
        return try? JSONDecoder().decode(VerificationRecord.self, from: Data(bytes))
    }

    /// Left alone where this user may not write: then nothing is remembered.
    func write(of id: String, in store: RawPath) {
        let path = Self.path(of: id, in: store)
        // By a name of this process: two who verify at once do not meet.
        let temporary = path.folder.appending("\(id).\(getpid()).new")
        _ = try? Files.makeFolder(path.folder)
        try? Files.replace(path, with: try encoded(self), mode: 0o600, by: temporary)
    }

    static func removeLeftovers(in store: RawPath) {
        let folder = store.appending(".verified")
        for name in (try? Files.names(in: folder)) ?? []
        where name.description.hasSuffix(".new") { try? Files.remove(folder.appending(name)) }
    }

    static func remove(of id: String, in store: RawPath) {
        try? Files.remove(path(of: id, in: store))
    }
}

func timestampNow() -> Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
}
