// Which entries of a backup somebody means: all, or paths and globs of it.
import Domain
import Files
import Glibc

extension BackupManifest {
    /// - Parameters:
    ///   - paths: relative to the runbook's folder, or absolute; files, folders with all below, or
    ///     globs. Nil: all but the configuration.
    ///   - home: the runbook's folder.
    /// - Returns: by path, with the folders that lead there.
    /// - Throws: `Fault` for a path of which the backup holds nothing.
    func selection(_ paths: [String]?, home: RawPath) throws(Fault) -> [Entry] {
        guard let paths else { return entries.filter { $0.configuration != true } }
        var chosen: Set<RawPath> = []
        for written in paths {
            let wanted = plain(RawPath(written), home)
            let met = matches(wanted)
            guard !met.isEmpty else {
                throw Fault(
                    operation: "restore", subject: shown(RawPath(written)),
                    cause: "the backup \(id) does not hold it")
            }
            chosen.formUnion(met)
        }
        var ways: Set<RawPath> = []
        for path in chosen {
            var above = path.folder
            while !above.names.isEmpty, ways.insert(above).inserted { above = above.folder }
        }
        return entries.compactMap { entry in
            if chosen.contains(entry.path) { return entry }
            guard entry.kind == .folder, ways.contains(entry.path) else { return nil }
            var way = entry
            way.isWay = true
            return way
        }
    }

    /// As entries are named: relative where it lies below the runbook's folder.
    private func plain(_ path: RawPath, _ home: RawPath) -> RawPath {
        let path = path.plain
        guard path.isAbsolute else { return path }
        return path.below(home) ?? path.below(folder) ?? path
    }

    /// The paths of what is meant, with all below.
    private func matches(_ wanted: RawPath) -> [RawPath] {
        let isAll = wanted == RawPath(".") || wanted == folder
        let own = entries.filter { $0.isWay != true }
        let literal = own.filter {
            $0.path.isAbsolute == wanted.isAbsolute && $0.path.isInside(wanted)
                || (isAll && !$0.path.isAbsolute)
        }
        guard literal.isEmpty, Files.isPattern(wanted) else { return literal.map(\.path) }
        let depth = wanted.names.count
        return own.filter { entry in
            let names = entry.path.names
            guard entry.path.isAbsolute == wanted.isAbsolute, names.count >= depth else {
                return false
            }
            // As much of the path as the pattern has names; what lies below comes with it.
            var top = entry.path
            for _ in depth..<max(depth, names.count) { top = top.folder }
            return wanted.withCString { pattern in
                top.withCString { fnmatch(pattern, $0, FNM_PATHNAME | FNM_PERIOD) == 0 }
            }
        }.map(\.path)
    }
}
