// Orders of a rollback in test mode: the same steps, in the copy of the service's folder.
import Domain
import Rules

struct TestOrders {
    let runbook: Runbook
    /// The engine's state folder, and that of the procedure's runs; absolute.
    let state: String
    let run: String

    private var copy: String { "\(run)/test" }

    func inTestMode(_ order: StepOrder) -> StepOrder {
        var order = order
        // Both know the real service and its copy.
        if case .prepareTest(let world) = order.step.work {
            order.step.work = .prepareTest(placed(world))
            return order
        }
        if case .clearTest(let world) = order.step.work {
            order.step.work = .clearTest(placed(world))
            return order
        }
        order.folder = copy
        order.sources = sources
        order.units = runbook.units.map(inCopy)
        order.backup = backup(order.backup)
        order.step.directory = order.step.directory.map(inCopy)
        return order
    }

    private func placed(_ world: TestWorld) -> TestWorld {
        var world = world
        world.folder = copy
        // A copy of what copies are made of would not end.
        world.without = [state, runbook.backup.to].filter { isInside($0) }
        return world
    }

    private func isInside(_ path: String) -> Bool {
        path == runbook.folder || path.hasPrefix(runbook.folder + "/")
    }
    /// The same place in the copy.
    private func inCopy(_ path: String) -> String {
        isInside(path) ? copy + path.dropFirst(runbook.folder.count) : path
    }

    /// A program inside the runbook's folder is the copy's.
    private func inCopy(_ unit: ServiceUnit) -> ServiceUnit {
        var unit = unit
        unit.start = unit.start.map(inCopy)
        unit.stop = unit.stop.map(inCopy)
        unit.status = unit.status?.map(inCopy)
        return unit
    }

    /// A database file inside the runbook's folder is the copy's.
    private var sources: [DataSource] {
        runbook.sources.map { source in
            guard case .sqlite(let path) = source.kind else { return source }
            var source = source
            source.kind = .sqlite(path: inCopy(path))
            return source
        }
    }

    /// A backup of the copies, kept with them.
    private func backup(_ backup: BackupDefinition) -> BackupDefinition {
        var backup = backup
        let pairs = runbook.rollback?.test?.sources ?? []
        func mapped(_ name: String) -> String? {
            if let pair = pairs.first(where: { $0.real == name }) { return pair.test }
            let source = runbook.sources.first { $0.name == name }
            guard case .sqlite(let path) = source?.kind, isInside(path) else { return nil }
            return name
        }
        backup.to = "\(run)/test-backups"
        backup.keepLast = nil
        backup.keepDays = nil
        // Files elsewhere, and what nothing stands in for, are the real service's.
        backup.files = backup.files.filter { !$0.hasPrefix("/") || isInside($0) }.map(inCopy)
        backup.databases = backup.databases.compactMap(mapped)
        backup.sources = backup.sources.compactMap(mapped)
        return backup
    }
}
