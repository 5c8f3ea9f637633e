// What belongs to a file besides its bytes, and files that others change while they are copied.
import Backups
import Domain
import Files
import Glibc
import Synchronization
import TestKit
import Testing

@Suite struct BackupContentTests {
    let place: Place
    init() throws { place = try Place() }

    @Test func `two names of one file stay one file`() throws {
        try place.write("a/one", "content")
        try Files.makeFolder(place.path("b"))
        try link("a/one", "b/two")
        try link("a/one", "b/three")
        let receipt = try place.take(place.definition(["a", "b"]))
        #expect(receipt.files == 3 && receipt.bytes == 7)
        #expect(try place.keeper.differences(receipt).isEmpty)
        let kept = RawPath(receipt.path).appending("files")
        #expect(
            try Files.status(kept.appending("a/one"))?.inode
                == Files.status(kept.appending("b/two"))?.inode, "the space is taken once")
        try Files.remove(place.path("a"))
        try Files.remove(place.path("b"))
        try place.restore(receipt)
        let inodes = try ["a/one", "b/two", "b/three"].map {
            try Files.status(place.path($0))?.inode
        }
        #expect(inodes[0] != nil && Set(inodes).count == 1)
        // One of the further names alone has the content too.
        try Files.remove(place.path("b"))
        try place.restore(receipt, ["b/three"])
        #expect(try Files.read(place.path("b/three")) == Array("content".utf8))
        #expect(try Files.status(place.path("b/two")) == nil)
    }

    private func link(_ from: String, _ to: String) throws {
        let code = place.path(from).withCString { from in
            place.path(to).withCString { Glibc.link(from, $0) }
        }
        try #require(code == 0)
    }

    @Test func `attributes and access control lists come back`() throws {
        try place.write("folder/file", "x")
        try place.write("folder/plain", "x")
        let comment = FileAttribute(name: RawPath("user.comment"), value: [0, 255, 10, 61])
        // Owner rw-, the user 1234 r--, group ---, mask r--, others ---, as acl(5) lays it out.
        let list = FileAttribute(
            name: RawPath("system.posix_acl_access"),
            value: [
                2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 0xD2, 4, 0, 0, 4, 0, 0, 0,
                255, 255, 255, 255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255,
                255,
            ])
        for path in ["folder", "folder/file"] {
            let failures = try Files.set([list, comment], on: place.path(path))
            // A file system without attributes has nothing to keep.
            guard failures.isEmpty else { return }
        }
        let before = try place.picture()
        let receipt = try place.take(place.definition(["folder"]))
        #expect(try place.keeper.differences(receipt).isEmpty)
        _ = try Files.set([], on: place.path("folder"))
        try Files.remove(place.path("folder/file"))
        _ = try Files.set([comment], on: place.path("folder/plain"))
        try place.restore(receipt)
        #expect(try Files.attributes(of: place.path("folder")) == [list, comment])
        #expect(try Files.attributes(of: place.path("folder/file")) == [list, comment])
        #expect(try Files.attributes(of: place.path("folder/plain")).isEmpty)
        #expect(try place.picture() == before)
    }

    @Test func `what has no content is said, whatever its name`() throws {
        try place.write("run/x", "x")
        _ = place.path("run/two\nlines\u{1B}[2J").withCString { mkfifo($0, 0o600) }
        var words: [String] = []
        let receipt = try place.take(place.definition(["run"])) { words.append($0) }
        #expect(words.contains("run/two␊lines␛[2J is a socket, pipe or device and is left out"))
        #expect(receipt.files == 1 && receipt.leftOut == 1)
        #expect(try place.keeper.list(place.definition()).first?.leftOut == 1)
    }

    // Files that others write to

    @Test func `files that vanish are said, and the rest is whole`() throws {
        for number in 100..<300 { try place.write("many/\(number)", "\(number)") }
        let folder = place.path("many")
        let removed = Mutex(false)
        let keeper = FileBackupKeeper(secrets: NoSecrets()) { point in
            guard point == "backup-file" else { return }
            // Whoever copies meanwhile waits here.
            removed.withLock { removed in
                guard !removed else { return }
                for number in 250..<300 { try? Files.remove(folder.appending("\(number)")) }
                removed = true
            }
        }
        var words: [String] = []
        let receipt = try place.take(place.definition(["many"]), keeper: keeper) {
            words.append($0)
        }
        #expect(receipt.files == 150 && receipt.leftOut == 50)
        #expect(words.contains("many/299 vanished while the backup was taken"))
        #expect(try place.keeper.differences(receipt).isEmpty)
    }

    @Test func `a file that is named must not vanish`() throws {
        var names: [String] = []
        for number in 100..<150 {
            names.append("named/\(number)")
            try place.write("named/\(number)", "\(number)")
        }
        let last = place.path("named/149")
        let keeper = FileBackupKeeper(secrets: NoSecrets()) { point in
            if point == "backup-file" { try? Files.remove(last) }
        }
        let words = trouble { try place.take(place.definition(names), keeper: keeper) }
        #expect(words.contains("named/149") && words.contains("is not there"), "\(words)")
        #expect(try place.kept().isEmpty)
    }

    @Test func `a log that grows is kept as it was at one moment`() throws {
        try place.write("app.log", "")
        let log = place.path("app.log")
        let writer = try Scribe {
            let file = try Files.open(log, O_WRONLY | O_APPEND | O_CLOEXEC, "write")
            defer { close(file) }
            try Files.write(Array(repeating: UInt8.random(in: 65...90), count: 200), to: file, log)
            // As fast as the disk, so that it does not fill it.
            fsync(file)
        }
        defer { writer.stop() }
        for number in 0..<4 {
            let receipt = try place.take(
                place.definition(["app.log"]), at: Place.moment + .seconds(Double(number)))
            let copy = try Files.read(RawPath(receipt.path).appending("files/app.log"))
            let now = try Files.read(log)
            #expect(now.starts(with: copy))
        }
    }

    @Test func `a file that is overwritten again and again is never a mix`() throws {
        let path = place.path("state")
        let size = 1 << 20
        try Files.replace(path, with: [UInt8](repeating: 0, count: size))
        let value = Atomic(UInt8(0))
        let writer = try Scribe {
            let file = try Files.open(path, O_WRONLY | O_CLOEXEC, "write")
            defer { close(file) }
            let byte = value.wrappingAdd(1, ordering: .relaxed).newValue
            try Files.write([UInt8](repeating: byte, count: size), to: file, path)
        }
        defer { writer.stop() }
        var refused = 0
        for number in 0..<2 {
            do {
                let receipt = try place.take(
                    place.definition(["state"]), at: Place.moment + .seconds(Double(number)))
                let copy = try Files.read(RawPath(receipt.path).appending("files/state"))
                let first = try #require(copy.first)
                #expect(copy == [UInt8](repeating: first, count: size))
            } catch {
                refused += 1
                #expect("\(error)".contains("written to all the time"))
            }
        }
        writer.stop()
        // As soon as it holds still, it is kept.
        #expect(try place.take(place.definition(["state"])).files == 1)
        #expect(try place.kept().count == 3 - refused)
    }

    @Test func `a database that is kept as one is not kept as a file too`() throws {
        try place.write("data/app.db-journal", "")
        try place.write("data/other", "x")
        try Files.makeFolder(place.path("data"))
        let path = place.root("folder/data/app.db")
        try SmallDatabase.make(path)
        var words: [String] = []
        let receipt = try place.keeper.take(
            place.definition(["data"], databases: ["main"]), folder: place.folder,
            sources: [DataSource(name: "main", kind: .sqlite(path: path))], at: Place.moment
        ) { words.append($0) }
        #expect(words.contains("data/app.db is kept as the database main"))
        #expect(receipt.files == 1 && receipt.databases == ["main"])
    }

    @Test func `the configuration is kept, and comes back only when it is named`() throws {
        try place.write("tocsin.yaml", "service: old")
        try place.write("x", "x")
        var definition = place.definition(["x"])
        definition.configuration = [
            place.root("folder/tocsin.yaml"), place.root("folder/alerts.local.yaml"),
        ]
        let receipt = try place.take(definition)
        #expect(receipt.files == 2)
        try place.write("tocsin.yaml", "service: new")
        try place.restore(receipt)
        #expect(try Files.read(place.path("tocsin.yaml")) == Array("service: new".utf8))
        try place.restore(receipt, ["tocsin.yaml"])
        #expect(try Files.read(place.path("tocsin.yaml")) == Array("service: old".utf8))
    }

    @Test func `the place of the backups cannot be kept itself`() throws {
        try place.write("storage/data", "x")
        let definition = BackupDefinition(
            to: place.folder + "/storage/backups", files: ["storage/*"])
        #expect(try place.take(definition).files == 1)
        #expect(try place.take(definition, at: Place.moment + .seconds(1)).files == 1)
        for named in ["storage/backups", "storage/backups/20260105T140327Z"] {
            var wrong = definition
            wrong.files = [named]
            #expect(trouble { try place.take(wrong) }.contains("where the backups are kept"))
        }
    }

    @Test func `who may not read a folder is told which`() async throws {
        guard geteuid() == 0 else { return }
        try place.write("closed/file", "x")
        try place.write("readonly/file", "x")
        _ = place.path("closed").withCString { chmod($0, 0o700) }
        for path in [place.root.path, place.folder] { _ = chmod(path, 0o755) }
        for path in ["readonly/file", "readonly"] {
            _ = place.path(path).withCString { chown($0, 65534, 65534) }
        }
        _ = place.path("readonly").withCString { chmod($0, 0o555) }
        try Files.makeFolder(RawPath(place.store))
        _ = RawPath(place.store).withCString { chown($0, 65534, 65534) }
        let root = place.root.path
        await #expect(processExitsWith: .success) { [root = root as String] in
            guard setgid(65534) == 0, setuid(65534) == 0 else { exit(2) }
            let keeper = FileBackupKeeper(secrets: NoSecrets())
            func take(_ file: String, _ second: Double) throws -> BackupReceipt {
                try keeper.take(
                    BackupDefinition(to: root + "/backups", keepLast: 1, files: [file]),
                    folder: root + "/folder", sources: [], at: Place.moment + .seconds(second),
                    progress: { _ in })
            }
            let words = trouble { _ = try take("closed", 0) }
            #expect(words.contains("closed") && words.contains("Permission denied"), "\(words)")
            // What may not be written to can be kept, put back, and removed with its backup.
            let first = try take("readonly", 1)
            let second = try take("readonly", 2)
            #expect(try keeper.differences(second).isEmpty)
            let kept = try keeper.list(BackupDefinition(to: root + "/backups")).map(\.id)
            #expect(kept == [second.id] && first.id != second.id)
        }
    }

    @Test func `what is verified was read from the disk`() async throws {
        try Files.replace(place.path("x"), with: [UInt8](repeating: 7, count: 4 << 20))
        let root = place.root.path
        await #expect(processExitsWith: .success) { [root = root as String] in
            guard let before = bytesRead() else { return }
            let keeper = FileBackupKeeper(secrets: NoSecrets())
            let receipt = try keeper.take(
                BackupDefinition(to: root + "/backups", files: ["x"]), folder: root + "/folder",
                sources: [], at: Place.moment, progress: { _ in })
            let taken = bytesRead() ?? 0
            #expect(try keeper.differences(receipt).isEmpty)
            // A file system in memory reads nothing from any disk.
            guard !isInMemory(root) else { return }
            #expect(taken - before >= 4 << 20)
            #expect((bytesRead() ?? 0) - taken >= 4 << 20)
        }
    }
}

/// What this process has had read from disks; nil where the kernel does not count.
private func bytesRead() -> Int? {
    guard let text = try? Files.read(RawPath("/proc/self/io")) else { return nil }
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n")
    where line.hasPrefix("read_bytes: ") { return Int(line.dropFirst("read_bytes: ".count)) }
    return nil
}

private func isInMemory(_ path: String) -> Bool {
    guard let text = try? Files.read(RawPath("/proc/self/mounts")) else { return false }
    var nearest: (length: Int, kind: Substring) = (0, "")
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
        let words: [Substring] = line.split(separator: " ")
        guard words.count > 2 else { continue }
        let point: String = words[1] == "/" ? "/" : words[1] + "/"
        if (path + "/").hasPrefix(point), point.count > nearest.length {
            nearest = (point.count, words[2])
        }
    }
    return nearest.kind == "tmpfs" || nearest.kind == "ramfs"
}

/// Does the same again and again, on a thread of its own.
private final class Scribe: Sendable {
    private let state = Mutex((stop: false, ended: false))
    private let work: @Sendable () throws -> Void

    init(_ work: @escaping @Sendable () throws -> Void) throws {
        self.work = work
        try work()
        let me = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { pointer in
                if let pointer { Unmanaged<Scribe>.fromOpaque(pointer).takeRetainedValue().run() }
                return nil
            }, me.toOpaque())
        try #require(code == 0)
        pthread_detach(thread)
    }
    private func run() {
        while !state.withLock({ $0.stop }) { try? work() }
        state.withLock { $0.ended = true }
    }
    func stop() {
        state.withLock { $0.stop = true }
        while !state.withLock({ $0.ended }) { sched_yield() }
    }
}
