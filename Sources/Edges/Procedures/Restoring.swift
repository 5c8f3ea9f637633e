// The work `restore`: puts earlier versions of files in place, from git, a folder or an archive.
import Domain
import Files
import FoundationEssentials
import Glibc

extension StepSession {
    /// First everything that is to be restored is laid out beside the run; then the present versions
    /// are saved; then each file takes its place in one rename; then all are compared. Files that are
    /// there but not in the earlier version stay: a folder is restored file by file.
    func restore(_ work: RestoreWork, _ timeout: Span) throws(Fault) -> WorkEnd {
        let deadline = secondsSinceBoot() + timeout.seconds
        let source = try layOut(work, deadline)
        let left = Span.seconds(max(0.001, deadline - secondsSinceBoot()))
        return try bounded(left) { () throws(Fault) in
            let plan = try restorePlan(work, source)
            var saved = try savedCopies()
            try saved.save(plan.files.map(\.target), making: plan.missingFolders)
            try makeFolders(plan)
            for file in plan.files {
                if work.isFromGit { try adapt(file, plan) }
                try Files.install(file.source, as: file.target)
                output.say("restored \(file.target)")
                crashPoint("restored-one")
            }
            for file in plan.files where !(try isSame(file.source, file.target)) {
                return .failed("\(file.target) is not what was restored; something changed it")
            }
            return .done("restored \(named(plan.files.map(\.target)))", facts: saved.facts)
        }
    }

    private struct RestorePlan {
        struct Item {
            var source: RawPath
            var target: RawPath
            var kind: FileKind
        }
        var files: [Item] = []
        /// Uppermost first.
        var folders: [Item] = []
        /// Those that are not there yet, with what they are made like; uppermost first.
        var missingFolders: [RawPath] = []
    }

    private func restorePlan(_ work: RestoreWork, _ source: RawPath) throws(Fault) -> RestorePlan {
        var plan = RestorePlan()
        guard !work.paths.isEmpty else {
            throw Fault(operation: "restore", subject: work.origin, cause: "no paths are given")
        }
        for written in work.paths {
            let path = try relativePath(written)
            let root = source.appending(path)
            guard let status = try Files.status(root) else {
                throw Fault(
                    operation: "restore", subject: path.description,
                    cause: "it is not in \(work.origin)")
            }
            try checkInside(root, of: source, work)
            guard status.kind != .other else {
                throw Fault(
                    operation: "restore", subject: path.description,
                    cause: "in \(work.origin) it is a socket, a pipe or a device")
            }
            try add(path, status, written, source, &plan)
            guard status.kind == .folder else { continue }
            let before = plan.files.count
            try Files.walk(root) { below, status throws(Fault) in
                try add(path.appending(below), status, written, source, &plan)
            }
            if work.isFromGit, plan.files.count == before {
                throw Fault(
                    operation: "restore", subject: path.description,
                    cause: "git keeps nothing in it: it is a submodule, a repository of its own")
            }
        }
        try findMissingFolders(&plan)
        return plan
    }

    /// A link in what was laid out must not lead to files that are not part of it.
    private func checkInside(
        _ path: RawPath, of source: RawPath, _ work: RestoreWork
    ) throws(Fault) {
        guard let parent = try Files.resolved(path.folder), let home = try Files.resolved(source),
            parent.isInside(home)
        else {
            throw Fault(
                operation: "restore", subject: path.below(source)?.description ?? "",
                cause: "a link in \(work.origin) leads out of it")
        }
    }

    private func relativePath(_ written: String) throws(Fault) -> RawPath {
        let path = try pathRules.path(written, operation: "restore")
        guard let below = folder.appending(path).below(folder) else {
            throw Fault(
                operation: "restore", subject: path.description,
                cause: "it is not below the runbook's folder")
        }
        return below
    }

    private func add(
        _ path: RawPath, _ status: FileStatus, _ written: String, _ source: RawPath,
        _ plan: inout RestorePlan
    ) throws(Fault) {
        let item = RestorePlan.Item(
            source: source.appending(path), target: folder.appending(path), kind: status.kind)
        let there = try Files.status(item.target)
        switch status.kind {
        case .other: return
        case .folder:
            let isFolder = try Files.status(item.target, following: true)?.kind == .folder
            guard there == nil || isFolder else {
                throw Fault(
                    operation: "restore", subject: item.target.description,
                    cause: "it should be a folder, but a file of that name is there")
            }
            plan.folders.append(item)
        case .file, .link:
            guard there?.kind != .folder else {
                throw Fault(
                    operation: "restore", subject: item.target.description,
                    cause: "it should be a file, but a folder of that name is there")
            }
            try pathRules.check(item.target, written: written, operation: "restore")
            if there != nil { try Files.checkNotPinned(item.target, "restore") }
            plan.files.append(item)
        }
    }

    private func findMissingFolders(_ plan: inout RestorePlan) throws(Fault) {
        var missing: Set<RawPath> = []
        for item in plan.folders + plan.files {
            var path = item.kind == .folder ? item.target : item.target.folder
            while path.isInside(folder), try Files.status(path, following: true) == nil {
                missing.insert(path)
                path = path.folder
            }
        }
        plan.missingFolders = missing.sorted()
    }

    /// A folder that is made belongs to whom the one above it belongs to, so that the service that
    /// owns the place can go on using it.
    private func makeFolders(_ plan: RestorePlan) throws(Fault) {
        for path in plan.missingFolders {
            try Files.makeFolder(path, mode: 0o755)
            let model = plan.folders.first { $0.target == path }
            let mode = try model.flatMap { model throws(Fault) in
                try Files.status(model.source)?.mode
            }
            guard let above = try Files.status(path.folder, following: true) else { continue }
            try Files.apply(
                user: above.user, group: above.group, mode: mode ?? above.mode & 0o777,
                modified: timestampNow().milliseconds * 1_000_000, kind: .folder, to: path)
        }
        if !plan.missingFolders.isEmpty { crashPoint("made-folders") }
    }

    /// Git knows no owner, and of the mode only whether a file is executable. The rest is taken from
    /// the present version, or from the folder that the file comes into.
    private func adapt(_ file: RestorePlan.Item, _ plan: RestorePlan) throws(Fault) {
        guard let laidOut = try Files.status(file.source) else { return }
        let present = try Files.status(file.target)
        var model = present
        if model == nil { model = try Files.status(file.target.folder, following: true) }
        guard let model else { return }
        var mode = laidOut.mode & 0o777
        if let present, present.kind == .file {
            let readable = present.mode & 0o444
            mode = present.mode & 0o666 | (laidOut.mode & 0o100 == 0 ? 0 : readable >> 2)
        }
        try Files.apply(
            user: model.user, group: model.group, mode: mode, modified: laidOut.modified,
            kind: laidOut.kind, to: file.source)
    }

    private func isSame(_ left: RawPath, _ right: RawPath) throws(Fault) -> Bool {
        let status = try Files.status(left)
        guard let kind = status?.kind, kind == (try Files.status(right))?.kind else { return false }
        if kind == .link { return try Files.target(of: left) == Files.target(of: right) }
        return try Files.isSameContent(left, right)
    }

    func forecastRestore(_ work: RestoreWork) throws(Fault) -> Forecast {
        let timeout = Span.minutes(1)
        switch work {
        case .git(let revision, let paths):
            let commit = try self.commit(revision, timeout)
            for written in paths {
                let path = try relativePath(written)
                let listing = try capture(
                    git(["ls-tree", "-z", "--name-only", commit, "--", "./\(path)"]), timeout)
                guard !listing.isEmpty else {
                    return .wouldFail("\(path) is not in \(work.origin)")
                }
            }
        case .copy(let from, _):
            let plan = try restorePlan(work, try copyFolder(from))
            return .wouldRun("would restore \(named(plan.files.map(\.target)))")
        case .archive(let file, _):
            let archive = try archivePath(file)
            for written in work.paths {
                let path = try relativePath(written)
                guard try isMember(path, of: archive, timeout) else {
                    return .wouldFail("\(path) is not in \(work.origin)")
                }
            }
        }
        guard !work.paths.isEmpty else { return .wouldFail("no paths are given") }
        return .wouldRun("would " + described(.restore(work)))
    }
}

// Where the earlier versions come from.
extension StepSession {
    /// - Returns: the folder below which the earlier versions lie under their own names.
    private func layOut(_ work: RestoreWork, _ deadline: Double) throws(Fault) -> RawPath {
        let left = Span.seconds(max(0.001, deadline - secondsSinceBoot()))
        switch work {
        case .copy(let from, _): return try copyFolder(from)
        case .git(let revision, let paths):
            try Files.remove(directory.staging)
            try Files.makeFolder(directory.staging)
            return try checkOut(revision, paths, left)
        case .archive(let file, let paths):
            try Files.remove(directory.staging)
            try Files.makeFolder(directory.staging)
            try unpack(try archivePath(file), paths, left)
            return directory.staging
        }
    }

    private func copyFolder(_ written: String) throws(Fault) -> RawPath {
        let path = folder.appending(try fill(written))
        guard try Files.status(path, following: true)?.kind == .folder else {
            throw Fault(
                operation: "restore from", subject: path.description, cause: "it is no folder")
        }
        return path
    }

    private func archivePath(_ written: String) throws(Fault) -> RawPath {
        let path = folder.appending(try fill(written))
        guard try Files.status(path, following: true)?.kind == .file else {
            throw Fault(
                operation: "restore from", subject: path.description, cause: "it is no file")
        }
        return path
    }

    /// As `git checkout` would write the files, filters and line ends included, but into a folder of
    /// our own and by an index of our own: the repository's index, branch and hooks are not touched.
    private func checkOut(
        _ revision: String, _ paths: [String], _ timeout: Span
    ) throws(Fault) -> RawPath {
        let commit = try self.commit(revision, timeout)
        func say(_ argument: String) throws(Fault) -> String {
            let bytes = try capture(git(["rev-parse", argument]), timeout)
            return String(decoding: bytes, as: UTF8.self).trimmed
        }
        let repository = try say("--absolute-git-dir")
        let prefix = try say("--show-prefix")
        var wanted: [String] = []
        for path in paths { wanted.append(prefix + (try relativePath(path)).description) }
        let options = ["--git-dir", repository, "--work-tree", directory.staging.description]
        let arguments = ["checkout", "--quiet", "--force", commit, "--"] + wanted
        let index = directory.path.appending("index")
        var environment = Self.gitEnvironment
        environment["GIT_INDEX_FILE"] = index.description
        environment["GIT_LITERAL_PATHSPECS"] = "1"
        output.say("$ git " + arguments.map(shellQuoted).joined(separator: " "))
        let end = try start(
            git(options + arguments, at: directory.staging), adding: environment, as: false, timeout
        )
        try Files.remove(index)
        guard let trouble = end.trouble else { return directory.staging.appending(prefix) }
        throw Fault(
            operation: "restore from git", subject: revision,
            cause: [trouble, output.lastWords()].filter { !$0.isEmpty }.joined(separator: ": "))
    }

    /// The full name of a revision, which then can be mistaken for nothing else.
    private func commit(_ revision: String, _ timeout: Span) throws(Fault) -> String {
        let revision = try fill(revision)
        _ = try capture(
            git(["rev-parse", "--absolute-git-dir"]), timeout,
            missing: "the runbook's folder is in no git repository")
        let bytes = try capture(
            git(["rev-parse", "--verify", "--quiet", "--end-of-options", "\(revision)^{commit}"]),
            timeout, missing: "there is no revision \(Visible.text(revision, limit: 100))")
        return String(decoding: bytes, as: UTF8.self).trimmed
    }

    /// The runbook's folder is trusted as its programs are: also when it belongs to another user than
    /// the engine's, which git would refuse by itself.
    private func git(_ arguments: [String], at place: RawPath? = nil) -> [String] {
        [
            "git", "-C", (place ?? folder).description, "-c", "safe.directory=*", "-c",
            "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c",
            "advice.detachedHead=false",
        ] + arguments
    }

    /// Git takes its repository from these; whoever started the engine may have set them.
    private static let gitEnvironment: [String: String?] = [
        "GIT_DIR": nil, "GIT_WORK_TREE": nil, "GIT_INDEX_FILE": nil, "GIT_PREFIX": nil,
        "GIT_OBJECT_DIRECTORY": nil, "GIT_NAMESPACE": nil, "GIT_TERMINAL_PROMPT": "0",
    ]

    /// Archives name their members `a/b` or `./a/b`, by how they were made.
    private static let memberPrefixes = ["", "./"]

    /// Neither options of its surroundings nor names of members are commands to tar; of links it makes
    /// none that leads out before everything else is in place, and of names with `..` nothing.
    private func tar(_ verb: String, _ archive: RawPath, _ members: [String]) -> [String] {
        [
            "tar", verb, "--force-local", "--no-unquote", "--no-wildcards", "--file",
            archive.description,
            "--directory", directory.staging.description, "--",
        ] + members
    }
    private static let tarEnvironment: [String: String?] = ["TAR_OPTIONS": nil, "TAPE": nil]

    private func unpack(
        _ archive: RawPath, _ paths: [String], _ timeout: Span
    ) throws(Fault) {
        var names: [String] = []
        for path in paths { names.append(try relativePath(path).description) }
        var trouble: String?
        output.say(
            "$ " + described(.run(["tar", "-x", "-f", archive.description] + names, input: nil)))
        for prefix in Self.memberPrefixes {
            let end = try start(
                tar("--extract", archive, names.map { prefix + $0 }), quietly: prefix.isEmpty,
                adding: Self.tarEnvironment, as: false, timeout)
            guard let failure = end.trouble else { return }
            trouble = failure
        }
        throw Fault(
            operation: "restore from the archive", subject: archive.description,
            cause: [trouble ?? "", output.lastWords()].filter { !$0.isEmpty }.joined(
                separator: ": "))
    }

    /// For a dry run: nothing is unpacked.
    private func isMember(
        _ path: RawPath, of archive: RawPath, _ timeout: Span
    ) throws(Fault) -> Bool {
        try Files.makeFolder(directory.staging)
        for prefix in Self.memberPrefixes {
            let end = try start(
                tar("--list", archive, [prefix + path.description]), quietly: true,
                adding: Self.tarEnvironment, as: false, timeout)
            if end.trouble == nil { return true }
        }
        return false
    }

    /// What a program answers; at most 16 MiB.
    private func capture(
        _ arguments: [String], _ timeout: Span, missing: String? = nil
    ) throws(Fault) -> [UInt8] {
        let path = directory.path.appending("answer")
        let file = try Files.open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, "write")
        defer {
            close(file)
            _ = path.withCString { unlink($0) }
        }
        let end = try start(
            arguments, adding: Self.gitEnvironment, as: false, into: file, timeout)
        let answer = try Files.read(path, limit: 16 << 20)
        guard let trouble = end.trouble else { return answer }
        let words = String(decoding: answer.suffix(500), as: UTF8.self).trimmed
        throw Fault(
            operation: arguments.first ?? "", subject: order.folder,
            cause: missing ?? (words.isEmpty ? trouble : words))
    }
}

extension RestoreWork {
    fileprivate var paths: [String] {
        switch self {
        case .git(_, let paths), .copy(_, let paths), .archive(_, let paths): paths
        }
    }
    fileprivate var isFromGit: Bool { if case .git = self { true } else { false } }
    /// For messages.
    fileprivate var origin: String {
        switch self {
        case .git(let revision, _): "git \(revision)"
        case .copy(let folder, _): folder
        case .archive(let file, _): file
        }
    }
}
