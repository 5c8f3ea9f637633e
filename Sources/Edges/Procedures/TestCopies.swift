// The works `prepare_test` and `clear_test`: a copy of the service, in which a rollback can be tried.
import Domain
import Files
import Glibc

extension StepSession {
    /// Copies the runbook's folder, and puts the contents of real databases into those that stand in
    /// for them. Nothing of the real service is changed; what an earlier attempt left is replaced.
    ///
    /// No link of the copy leads back to the real service: one to a place inside the runbook's folder
    /// leads to the same place in the copy, and one to a file elsewhere becomes a copy of the file.
    func prepareTest(_ world: TestWorld) throws(Fault) -> WorkEnd {
        let target = try scratchFolder(world)
        let pairs = try standIns(world)
        try checkRoom(world, target)
        try Files.remove(target)
        try Files.makeFolder(target.folder)
        output.say("copying \(folder) to \(target)")
        let without = [target] + world.without.map { RawPath($0) }
        var left = 0
        try Files.copyTree(
            from: folder, to: target, synced: false,
            enters: { path in !without.contains { path.isInside($0) } }, skipped: { _ in left += 1 }
        )
        crashPoint("test-copied")
        try turnLinks(in: target)
        for source in order.sources { try copyFile(of: source, to: target) }
        try copyLiveFiles(world, target)
        for pair in pairs { try copyDatabase(pair.real, into: pair.test) }
        var words = "copied to \(target)"
        if left > 0 { words += ", without \(left) sockets, pipes or devices" }
        for pair in pairs { words += "; \(pair.test.name) holds what \(pair.real.name) holds" }
        return .done(words)
    }

    func forecastPrepareTest(_ world: TestWorld) throws(Fault) -> Forecast {
        let target = try scratchFolder(world)
        _ = try standIns(world)
        try checkRoom(world, target)
        return .wouldRun("would " + described(.prepareTest(world)))
    }

    func clearTest(_ world: TestWorld) throws(Fault) -> WorkEnd {
        let target = try scratchFolder(world)
        guard try Files.status(target) != nil else { return .done("there is no copy any more") }
        try Files.remove(target)
        return .done("removed the copy")
    }

    /// Only what lies beside the runs of this procedure is ever made or removed.
    private func scratchFolder(_ world: TestWorld) throws(Fault) -> RawPath {
        let path = RawPath(world.folder)
        let home = RawPath(order.savedDirectory).folder
        guard path.isAbsolute, !path.hasParentReference, path.below(home) != nil,
            !RawPath(order.savedDirectory).isInside(path),
            !RawPath(order.runDirectory).isInside(path)
        else {
            throw Fault(
                operation: "use for test mode", subject: path.description,
                cause: "it is not below \(home)")
        }
        return path
    }

    private func standIns(
        _ world: TestWorld
    ) throws(Fault) -> [(real: DataSource, test: DataSource)] {
        var pairs: [(real: DataSource, test: DataSource)] = []
        for pair in world.databases {
            let real = order.sources.first { $0.name == pair.real }
            let test = order.sources.first { $0.name == pair.test }
            guard let real, let test else {
                throw Fault(
                    operation: "copy the database", subject: pair.real,
                    cause: "the runbook has no data source \(real == nil ? pair.real : pair.test)")
            }
            guard real.kind != test.kind else {
                throw Fault(
                    operation: "copy the database", subject: pair.real,
                    cause: "\(pair.test), which should stand in for it, is the same database")
            }
            pairs.append((real, test))
        }
        return pairs
    }

    private func checkRoom(_ world: TestWorld, _ target: RawPath) throws(Fault) {
        let without = [target] + world.without.map { RawPath($0) }
        var bytes = 0
        try Files.walk(folder, enters: { path in !without.contains { path.isInside($0) } }) {
            path, status throws(Fault) in
            let isOut = without.contains { folder.appending(path).isInside($0) }
            if status.kind == .file, !isOut { bytes += status.allocated }
        }
        var place = target
        while try Files.status(place) == nil { place = place.folder }
        let free = try Files.freeSpace(at: place)
        guard bytes < free else {
            throw Fault(
                operation: "copy the service to", subject: target.description,
                cause: "\(bytes) bytes are to be copied, but only \(free) are free", retry: true)
        }
    }

    private func turnLinks(in copy: RawPath) throws(Fault) {
        let home = try Files.resolved(folder) ?? folder
        var links: [RawPath] = []
        try Files.walk(copy) { path, status in if status.kind == .link { links.append(path) } }
        for path in links {
            let original = folder.appending(path)
            let text = try Files.target(of: original)
            guard let meant = try Files.resolved(original) else {
                // It leads nowhere. So that it does not lead out once something is there:
                if text.isAbsolute || text.hasParentReference {
                    try Files.remove(copy.appending(path))
                    output.say("\(path) leads nowhere (to \(text)): left out")
                }
                continue
            }
            if meant.isInside(home) {
                guard text.isAbsolute else { continue }
                let inside = meant.below(home).map { copy.appending($0) } ?? copy
                try Files.remove(copy.appending(path))
                try Files.makeLink(copy.appending(path), to: inside)
            } else {
                try replaceByCopy(path, of: meant, in: copy)
            }
        }
    }

    private func replaceByCopy(
        _ path: RawPath, of meant: RawPath, in copy: RawPath
    ) throws(Fault) {
        let place = copy.appending(path)
        try Files.remove(place)
        switch try Files.status(meant)?.kind {
        case .file:
            try Files.copyTree(from: meant, to: place, synced: false)
            output.say("\(path) is a copy of \(meant), which lies outside of the folder")
        case .folder:
            try Files.makeFolder(place, mode: 0o755)
            output.say("\(path) is empty: the real one, \(meant), lies outside of the folder")
        case .link, .other, nil:
            output.say("\(path) is left out: \(meant) is no file and no folder")
        }
    }

    /// A database file inside the folder is written to while it is copied: its copy may be torn, and is
    /// taken anew as a database.
    private func copyLiveFiles(_ world: TestWorld, _ target: RawPath) throws(Fault) {
        for source in order.sources {
            guard case .sqlite(let path) = source.kind, let inside = RawPath(path).below(folder),
                !world.without.contains(where: { RawPath(path).isInside(RawPath($0)) }),
                try Files.status(RawPath(path)) != nil
            else { continue }
            let copy = target.appending(inside)
            for ending in ["", "-wal", "-shm", "-journal"] {
                try Files.remove(RawPath(copy.description + ending))
            }
            try copyDatabase(
                source,
                into: DataSource(name: source.name, kind: .sqlite(path: copy.description)))
        }
    }

    /// A database file that others write to meanwhile: its copy is of one moment only when SQLite makes it.
    private func copyFile(of source: DataSource, to target: RawPath) throws(Fault) {
        guard case .sqlite(let path) = source.kind, let inside = RawPath(path).below(folder),
            try Files.status(RawPath(path), following: true)?.kind == .file
        else { return }
        let copy = target.appending(inside)
        for ending in ["", "-wal", "-shm", "-journal"] {
            try Files.remove(RawPath("\(copy)\(ending)"))
        }
        try copyDatabase(from: path, to: copy.description)
    }

    /// By way of a backup of this one database, which is removed afterwards.
    private func copyDatabase(
        _ real: DataSource, into test: DataSource
    ) throws(Fault) {
        let place = directory.path.appending("databases")
        try Files.remove(place)
        var definition = BackupDefinition(to: place.description)
        if case .redis = real.kind {
            definition.sources = [real.name]
        } else {
            definition.databases = [real.name]
        }
        output.say("copying database \(real.name) to \(test.name)")
        let receipt = try asking("copy the database", real.name) {
            try backups.take(
                definition, folder: order.folder, sources: order.sources, at: timestampNow(),
                progress: { output.say($0) })
        }
        crashPoint("test-database-copied")
        // The keeper finds what it kept by the real one's name.
        let stand = DataSource(name: real.name, kind: test.kind)
        try asking("copy the database into", test.name) {
            try backups.restoreDatabase(receipt, source: stand, progress: { output.say($0) })
        }
        try Files.remove(place)
    }
}
