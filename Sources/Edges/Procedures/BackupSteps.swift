// The works `backup` and `restore_database`.
import Domain
import Files
import GRDB
import Glibc

extension StepSession {
    func takeBackup() throws(Fault) -> WorkEnd {
        let receipt = try asking("take the backup", order.backup.to) {
            try backups.take(
                order.backup, folder: order.folder, sources: order.sources, at: timestampNow(),
                progress: { output.say($0) })
        }
        guard receipt.verified else {
            let why = receipt.doubts?.joined(separator: "; ") ?? "it was not read back"
            return .failed("backup \(receipt.id) was taken, but is NOT verified: \(why)")
        }
        backupTaken = receipt
        return .done(
            words(receipt), facts: [NamedText(name: "backup", text: receipt.id)])
    }

    private func words(_ receipt: BackupReceipt) -> String {
        var parts = ["\(receipt.files) files", sized(receipt.bytes)]
        if !receipt.databases.isEmpty {
            parts.append("\(receipt.databases.joined(separator: ", ")) with \(receipt.rows) rows")
        }
        return "backup \(receipt.id): \(parts.joined(separator: ", ")); read back and compared"
    }

    private func sized(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["bytes", "kB", "MB", "GB"] {
            if value < 1000 {
                return unit == "bytes"
                    ? "\(bytes) bytes" : "\((value * 10).rounded() / 10) \(unit)"
            }
            value /= 1000
        }
        return "\((value * 10).rounded() / 10) TB"
    }

    /// The folder above must be writable, and the disk must have room for what is there now.
    func forecastBackup() throws(Fault) -> Forecast {
        guard !order.backup.to.isEmpty else { return .wouldFail("the runbook has no `backup:`") }
        var place = RawPath(order.backup.to)
        while try Files.status(place, following: true) == nil, place.folder != place {
            place = place.folder
        }
        guard place.withCString({ access($0, W_OK) }) == 0 else {
            return .wouldFail("\(place) cannot be written to")
        }
        var bytes = 0
        for written in order.backup.files {
            let found = try Files.matches(RawPath(written), in: folder)
            if found.isEmpty, !Files.isPattern(RawPath(written)) {
                return .wouldFail("\(written), which should be kept, is not there")
            }
            for path in found { bytes += try size(of: path) }
        }
        for name in order.backup.databases + order.backup.sources {
            bytes += try size(ofDatabase: try dataSource(name))
        }
        let free = try Files.freeSpace(at: place)
        guard free > bytes else {
            return .wouldFail("\(sized(bytes)) are to be kept, but only \(sized(free)) are free")
        }
        return .wouldRun("would keep \(sized(bytes)) in \(order.backup.to), read back and compare")
    }

    func size(of path: RawPath) throws(Fault) -> Int {
        guard let status = try Files.status(path) else { return 0 }
        guard status.kind == .folder else { return status.size }
        var bytes = 0
        try Files.walk(path) { _, status throws(Fault) in
            if status.kind == .file { bytes += status.size }
        }
        return bytes
    }

    /// From the backup that the procedure rests on, else the newest. The present database is saved
    /// first, so that this can be taken back too.
    func restoreDatabase(_ name: String) throws(Fault) -> WorkEnd {
        let (source, receipt, note) = try backup(of: name)
        var saved = try savedCopies()
        try saveContents(of: source, &saved)
        do throws(Fault) {
            try asking("restore the database", name) {
                try backups.restoreDatabase(receipt, source: source, progress: { output.say($0) })
            }
        } catch {
            throw Fault(
                operation: error.operation, subject: error.subject,
                cause:
                    "\(error.cause); what was there before is saved in \(saved.folder), and undoing "
                    + "this step puts it back", retry: error.retry)
        }
        return .done("\(name) is as in backup \(receipt.id)\(note)", facts: saved.facts)
    }

    func forecastRestoreDatabase(_ name: String) throws(Fault) -> Forecast {
        let (source, receipt, note) = try backup(of: name)
        let bytes = try size(ofDatabase: source)
        let doubt = receipt.verified ? "" : ", which is NOT verified"
        return .wouldRun(
            "would save what \(name) holds now (\(sized(bytes))), then restore it from backup "
                + receipt.id + doubt + note + halves(source))
    }

    /// - Returns: also what there is to say of newer ones, to be put after the backup's id.
    private func backup(
        of name: String
    ) throws(Fault) -> (DataSource, BackupReceipt, note: String) {
        guard let source = order.sources.first(where: { $0.name == name }) else {
            throw Fault(
                operation: "restore the database", subject: name,
                cause: "the runbook has no data source of this name")
        }
        let id = order.variables.first { $0.name == "backup" }?.text ?? ""
        let receipts = try asking("list the backups", order.backup.to) {
            try backups.list(order.backup)
        }
        let fitting = id.isEmpty ? receipts : receipts.filter { $0.id == id }
        let holding = fitting.filter { $0.databases.contains(name) }
        guard let receipt = holding.first(where: \.verified) ?? holding.first else {
            throw Fault(
                operation: "restore the database", subject: name,
                cause: id.isEmpty
                    ? "no whole backup in \(order.backup.to) holds it"
                    : "the backup \(id) is not whole, or does not hold it")
        }
        let newer = fitting.prefix { $0.id != receipt.id }.first { $0.problem != nil }
        let note = newer.map { " (a newer one, \($0.id), is damaged: \($0.problem ?? ""))" }
        return (source, receipt, note ?? "")
    }

    func asking<Result>(
        _ operation: String, _ subject: String, _ body: () throws -> Result
    ) throws(Fault) -> Result {
        do {
            return try body()
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(operation: operation, subject: subject, cause: "\(error)")
        }
    }
}

// Taking a restored database back.
extension StepSession {
    /// What a database holds now, so that a restore can be taken back.
    func saveContents(of source: DataSource, _ saved: inout SavedCopies) throws(Fault) {
        if case .sqlite(let path) = source.kind {
            try save(path, &saved)
        } else {
            try save(source, &saved)
        }
    }

    /// A copy of the database as it is now, made by SQLite while others use it; of a file that SQLite
    /// cannot read, the files as they are.
    private func save(_ path: String, _ saved: inout SavedCopies) throws(Fault) {
        guard try Files.status(RawPath(path), following: true) != nil else {
            try saved.save([RawPath(path)])
            return
        }
        do throws(Fault) {
            try saved.save(database: RawPath(path)) { copy throws(Fault) in
                try copyDatabase(from: path, to: copy.description)
            }
        } catch {
            output.say("\(error); its files are saved as they are")
            try saved.save(["", "-wal", "-shm", "-journal"].map { RawPath(path + $0) })
        }
    }

    func copyDatabase(from path: String, to target: String) throws(Fault) {
        try asking("copy the database", path) {
            let source = try DatabaseQueue(path: path)
            var lasting = Configuration()
            lasting.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = EXTRA") }
            let copy = try DatabaseQueue(path: target, configuration: lasting)
            try source.backup(to: copy)
            try copy.close()
            try source.close()
        }
    }

    func putBackDatabase(_ name: String, _ saved: SavedCopies) throws(Fault) {
        let source = try dataSource(name)
        guard case .sqlite(let path) = source.kind else { return try putBack(source, saved) }
        if let copy = saved.copy(ofDatabase: RawPath(path)) {
            // Into the live file, as the restore was: connections that are open see it.
            try copyDatabase(from: copy.description, to: path)
        } else {
            _ = try saved.putBack()
        }
    }
}
