// Carries out a plan of what is to be put back.
import Domain
import Files
import Glibc

struct Restorer {
    let plan: RestorePlan
    /// A folder with something in it may give way: it was saved.
    let mayRemoveFolders: Bool
    let crashPoint: @Sendable (String) -> Void

    /// A name in the same folder that nothing else has; the same for the same target, so that what a
    /// dead run left is found again.
    static func temporary(_ target: RawPath) -> RawPath {
        RawPath(bytes: Files.besides(target).bytes + Array("-tocsin".utf8))
    }

    func run(_ progress: (String) -> Void) throws {
        try checkRoom()
        let folders = try makeFolders()
        let disks: [FileSystemSync]
        do {
            disks = try openDisks()
            try stage(progress)
            for disk in disks { try disk.sync() }
            crashPoint("restore-staged")
            try compare()
        } catch {
            for entry in plan.writes { try? Files.remove(Self.temporary(plan.target(entry))) }
            for folder in folders.reversed() { _ = folder.withCString { rmdir($0) } }
            throw error
        }
        for entry in plan.writes {
            try putInPlace(plan.target(entry))
            crashPoint("file-restored")
        }
        // From below: a folder that may not be written to is closed last.
        for entry in plan.folders.reversed() { try finish(entry, folders, progress) }
        for disk in disks { try disk.sync() }
    }

    /// All is written beside what it replaces first, so both need room.
    private func checkRoom() throws(Fault) {
        var needed: [UInt64: (bytes: Int, place: RawPath)] = [:]
        for entry in plan.writes where entry.kind == .file {
            let copy = try Files.status(plan.backup.appending(entry.place))
            let bytes = min(entry.size, copy?.allocated ?? entry.size)
            guard let place = try existing(above: plan.target(entry)),
                let device = try Files.status(place, following: true)?.device
            else { continue }
            needed[device, default: (0, place)].bytes += bytes
        }
        for (bytes, place) in needed.values {
            let free = try Files.room(at: place).free
            guard bytes == 0 || bytes < free else {
                throw Fault(
                    operation: "restore", subject: shown(place),
                    cause:
                        "\(bytes) bytes are to be written, but only \(free) are free; nothing was "
                        + "restored", retry: true)
            }
        }
    }

    private func existing(above path: RawPath) throws(Fault) -> RawPath? {
        var above = path.folder
        while try Files.status(above, following: true)?.kind != .folder {
            guard above.folder != above else { return nil }
            above = above.folder
        }
        return above
    }

    /// - Returns: those that were not there.
    private func makeFolders() throws(Fault) -> [RawPath] {
        var made: [RawPath] = []
        for entry in plan.folders {
            let target = plan.target(entry)
            if plan.obstacles.contains(target) { try Files.remove(target) }
            made += try Files.makeFolder(target)
        }
        for entry in plan.writes {
            made += try Files.makeFolder(plan.target(entry).folder, mode: 0o755)
        }
        return made
    }

    private func openDisks() throws(Fault) -> [FileSystemSync] {
        var disks: [UInt64: FileSystemSync] = [:]
        for entry in plan.folders + plan.writes {
            let place =
                entry.kind == .folder ? plan.target(entry) : plan.target(entry).folder
            guard let device = try Files.status(place, following: true)?.device,
                disks[device] == nil
            else { continue }
            disks[device] = try FileSystemSync(place)
        }
        return Array(disks.values)
    }

    // MARK: Beside their places

    private func stage(_ progress: (String) -> Void) throws {
        let staged = Set(plan.writes.map(\.path))
        // A name of a file whose first name is not put back now has the content itself.
        let (first, further) = (
            plan.writes.filter { $0.sameAs == nil }, plan.writes.filter { $0.sameAs != nil }
        )
        let plan = plan
        let words = try Workers.map(first) { entry, buffer throws(Fault) in
            try Self.stage(entry, plan, buffer)
        }
        for word in words.joined() { progress(word) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
        defer { buffer.deallocate() }
        for entry in further {
            let target = plan.target(entry)
            guard let name = entry.sameAs, staged.contains(name) else {
                for word in try Self.stage(entry, plan, buffer) { progress(word) }
                continue
            }
            try Files.remove(Self.temporary(target))
            let from = Self.temporary(plan.home.appending(name))
            let to = Self.temporary(target)
            let code = from.withCString { from in to.withCString { link(from, $0) } }
            guard code == 0 else { throw fileFault("make the link", target) }
        }
    }

    /// - Returns: what an operator should know.
    private static func stage(
        _ entry: RestorePlan.Entry, _ plan: RestorePlan, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Fault) -> [String] {
        let target = plan.target(entry)
        let temporary = temporary(target)
        try Files.remove(temporary)
        if let link = entry.target {
            try Files.makeLink(temporary, to: link)
        } else {
            let source = plan.backup.appending(entry.place)
            let copy = try MomentCopy.take(from: source, to: temporary, buffer)
            guard copy?.sha256 == entry.sha256 else {
                throw Fault(
                    operation: "restore", subject: shown(target),
                    cause:
                        "its copy \(shown(source)) is not what was taken; \(shown(entry.path)) was "
                        + "left alone, and so was all else")
            }
        }
        return try setMetadata(entry, temporary)
    }

    /// What was written is read from the disk once more before anything gives way to it.
    private func compare() throws(Fault) {
        let plan = plan
        let files = plan.writes.filter { $0.kind == .file && $0.sameAs == nil }
        _ = try Workers.map(files, threads: 4 * Workers.processors) { entry, buffer throws(Fault) in
            let path = Self.temporary(plan.target(entry))
            guard let status = try Files.status(path), status.size == entry.size,
                try ContentHash.of(path, status, fromDisk: true, buffer) == entry.sha256
            else {
                throw Fault(
                    operation: "restore", subject: shown(plan.target(entry)),
                    cause: "what was written is not what the disk holds; nothing was restored")
            }
        }
    }

    // MARK: In their places

    private func putInPlace(_ target: RawPath) throws(Fault) {
        if plan.obstacles.contains(target), try Files.status(target)?.kind == .folder {
            if mayRemoveFolders {
                try Files.remove(target)
            } else if target.withCString({ rmdir($0) }) != 0 {
                throw Fault(
                    operation: "restore", subject: shown(target),
                    cause: "a folder with other files is in its place; move it away first")
            }
        }
        let temporary = Self.temporary(target)
        try Files.rename(temporary, target)
        // Two names of one file: the kernel does nothing, and leaves the first.
        try Files.remove(temporary)
    }

    private func finish(
        _ entry: RestorePlan.Entry, _ made: [RawPath], _ progress: (String) -> Void
    ) throws(Fault) {
        let target = plan.target(entry)
        guard entry.isWay != true || made.contains(target) else { return }
        for word in try Self.setMetadata(entry, target) { progress(word) }
    }

    /// - Returns: what could not be set, in sentences.
    private static func setMetadata(
        _ entry: RestorePlan.Entry, _ path: RawPath
    ) throws(Fault) -> [String] {
        func apply() throws(Fault) {
            try Files.apply(
                user: entry.user, group: entry.group, mode: entry.mode, modified: entry.modified,
                kind: entry.kind, to: path)
        }
        let attributes = entry.attributes ?? []
        // A change of owner takes capabilities away, so they come after it; and who is not root needs
        // to write the file to set any.
        if geteuid() == 0 {
            try apply()
            return try Files.set(attributes, on: path)
        }
        if entry.kind != .link { _ = path.withCString { chmod($0, 0o700) } }
        let words = try Files.set(attributes, on: path)
        try apply()
        return words
    }
}
