// Copies a backup's files on all processors, and computes their checksums on the way.
import Crypto
import Dispatch
import Domain
import Files
import Glibc
import Synchronization

struct BackupCopier: Sendable {
    private let folder: RawPath
    private let backup: RawPath
    private let entries: [BackupManifest.Entry]

    init(plan: BackupPlan, backup: RawPath) {
        folder = plan.folder
        self.backup = backup
        entries = plan.entries
    }

    /// Not synced yet.
    /// - Returns: the entries as they were copied.
    func copy() throws(Fault) -> [BackupManifest.Entry] {
        var result = entries
        // By path: a folder comes before what is in it.
        for entry in entries where entry.kind == .folder {
            try Files.makeFolderQuickly(backup.appending(entry.place))
        }
        for entry in entries where entry.kind == .link {
            try Files.makeFolderQuickly(backup.appending(entry.place).folder)
            try Files.makeLink(backup.appending(entry.place), to: entry.target ?? RawPath(""))
            try setMetadata(entry)
        }
        let files = entries.indices.filter { entries[$0].kind == .file }
        for (index, entry) in try copyFiles(files) { result[index] = entry }
        // From below: what is put into a folder changes its time, and its mode may forbid it.
        for entry in entries.reversed() where entry.kind == .folder { try setMetadata(entry) }
        return result
    }

    private func copyFiles(_ files: [Int]) throws(Fault) -> [(Int, BackupManifest.Entry)] {
        for index in files {
            try Files.makeFolderQuickly(backup.appending(entries[index].place).folder)
        }
        // The largest first, so that no processor is left with one at the end.
        let order = files.sorted { (entries[$1].size, $0) < (entries[$0].size, $1) }
        return try Workers.map(order) { index, buffer throws(Fault) in
            (index, try copy(entries[index], buffer))
        }
    }

    private func copy(
        _ entry: BackupManifest.Entry, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Fault) -> BackupManifest.Entry {
        let source = folder.appending(entry.path)
        let target = backup.appending(entry.place)
        var tries = 0
        while true {
            tries += 1
            var hash = SHA256()
            let (count, before) = try Files.copyContent(from: source, to: target, buffer: buffer) {
                hash.update(bufferPointer: $0)
            }
            var copied = BackupManifest.Entry(entry.path, before)
            copied.size = count
            copied.sha256 = hex(hash.finalize())
            let after = try Files.status(source)
            let calm = after?.modified == before.modified && after?.size == count
            if calm || tries == 3 {
                // A log that is always written to must not make a backup impossible.
                copied.changed = calm ? nil : true
                Files.copyAttributes(from: source, to: target)
                try setMetadata(copied)
                return copied
            }
            try Files.remove(target)
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

/// The same work on many things, on all processors.
enum Workers {
    /// The order of the results is not that of the items. The first fault ends it.
    /// - Parameter body: gets a buffer of its thread's own, 1 MiB.
    static func map<Item: Sendable, Result: Sendable>(
        _ items: [Item],
        _ body: @Sendable (Item, UnsafeMutableRawBufferPointer) throws(Fault) -> Result
    ) throws(Fault) -> [Result] {
        let next = Atomic(0)
        let fault = Mutex<Fault?>(nil)
        let results = Mutex<[Result]>([])
        let processors = Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        DispatchQueue.concurrentPerform(iterations: max(1, min(8, items.count, processors))) { _ in
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
            defer { buffer.deallocate() }
            var own: [Result] = []
            while true {
                let index = next.add(1, ordering: .relaxed).oldValue
                guard index < items.count, fault.withLock({ $0 == nil }) else { break }
                do throws(Fault) {
                    own.append(try body(items[index], buffer))
                } catch {
                    fault.withLock { if $0 == nil { $0 = error } }
                }
            }
            let done = own
            results.withLock { $0 += done }
        }
        if let fault = fault.withLock({ $0 }) { throw fault }
        return results.withLock { $0 }
    }
}

/// Writes a file system to the disk on a thread of its own.
final class BackgroundSync: Sendable {
    private let done = DispatchSemaphore(value: 0)
    private let fault = Mutex<Fault?>(nil)

    init(_ path: RawPath) {
        DispatchQueue.global().async { [self] in
            do throws(Fault) {
                try Files.syncFileSystem(of: path)
            } catch {
                fault.withLock { $0 = error }
            }
            done.signal()
        }
    }

    func wait() throws(Fault) {
        done.wait()
        done.signal()
        if let fault = fault.withLock({ $0 }) { throw fault }
    }
}
