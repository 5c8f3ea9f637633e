// Which paths a step may remove or change: what the runbook names, and nothing else by accident.
import Domain
import Files

/// A relative path stays in the runbook's folder, also through links; a value that is filled in can
/// neither lead out of it nor widen a glob. An absolute path is allowed where the runbook writes one.
/// The runbook's folder itself, what holds it, and the saved copies and backups are never touched.
struct PathRules {
    let order: StepOrder
    private var folder: RawPath { RawPath(order.folder) }

    /// The path that the runbook means.
    func path(_ written: String, operation: String) throws(Fault) -> RawPath {
        try checked(fill(written) { $0 }, written, operation)
    }

    /// The glob that the runbook means; a value in it means itself.
    func pattern(_ written: String, operation: String) throws(Fault) -> RawPath {
        try checked(
            fill(written) { String(decoding: Files.escaped(Array($0.utf8)), as: UTF8.self) },
            written, operation)
    }

    private func fill(
        _ written: String, _ encode: (String) throws(Fault) -> String
    ) throws(Fault) -> RawPath {
        RawPath(try Template.fill(written, with: order.variables, encode: encode))
    }

    private func checked(
        _ path: RawPath, _ written: String, _ operation: String
    ) throws(Fault) -> RawPath {
        func refuse(_ cause: String) -> Fault {
            Fault(operation: operation, subject: path.description, cause: cause)
        }
        guard !path.bytes.isEmpty, !path.bytes.contains(0) else { throw refuse("it is no path") }
        guard !path.hasParentReference else {
            throw refuse("`..` may lead anywhere; write the whole path")
        }
        guard !path.isAbsolute || isWrittenAbsolute(written) else {
            throw refuse("a value that is filled in may not be an absolute path")
        }
        return path
    }

    private func isWrittenAbsolute(_ written: String) -> Bool {
        written.hasPrefix("/") || Template.names(in: written).first == "run_dir"
    }

    /// Checks one path that is about to be removed or changed.
    /// - Parameters:
    ///   - path: absolute.
    ///   - written: as the runbook writes it.
    func check(_ path: RawPath, written: String, operation: String) throws(Fault) {
        func refuse(_ cause: String) -> Fault {
            Fault(operation: operation, subject: path.description, cause: cause)
        }
        let home = try Files.resolved(folder) ?? folder
        let real = try resolvedParent(path)
        if !isWrittenAbsolute(written), !real.isInside(home) {
            throw refuse(
                "through a link it leads out of the runbook's folder; write the whole path")
        }
        guard !home.isInside(real) else { throw refuse("it holds the runbook's folder") }
        for kept in [order.savedDirectory, order.runDirectory] + backupFolder {
            let kept = try resolvedParent(RawPath(kept))
            guard !kept.isInside(real) else { throw refuse("it holds \(kept), which must stay") }
        }
        for kept in [order.savedDirectory] + backupFolder {
            let kept = try resolvedParent(RawPath(kept))
            guard !real.isInside(kept) else { throw refuse("saved copies and backups must stay") }
        }
    }
    private var backupFolder: [String] { order.backup.to.isEmpty ? [] : [order.backup.to] }

    /// The path with the links in the folders above it resolved; the last name stays.
    private func resolvedParent(_ path: RawPath) throws(Fault) -> RawPath {
        if path.names.isEmpty { return path }
        if let parent = try Files.resolved(path.folder) { return parent.appending(path.lastName) }
        return try resolvedParent(path.folder).appending(path.lastName)
    }
}

extension StepSession {
    var pathRules: PathRules { PathRules(order: order) }
}
