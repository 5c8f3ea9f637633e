// Tries a dump out: loaded into a scratch database on the same server, counted, and dropped again.
import Databases
import Domain
import Files
import FoundationEssentials

/// Scratch databases and the notes that outlive a crash: who finds one drops what it names.
struct Scratch {
    /// The folder of the notes, below that of the backups.
    let notes: RawPath
    let crashPoint: (String) -> Void

    init(store: RawPath, crashPoint: @escaping (String) -> Void) {
        notes = store.appending(".scratch")
        self.crashPoint = crashPoint
    }

    private struct Note: Codable {
        /// The name of the data source.
        var source: String
        var database: String
    }

    /// - Returns: why the dump could not be tried out; nil when it was, and is good.
    /// - Throws: `Fault` when the dump is not what it should be.
    func check(
        _ dump: ServerDatabase.Dump, of database: ServerDatabase, at path: RawPath
    ) throws(Fault) -> String? {
        // Nobody else has such a name, and `CREATE DATABASE` fails where somebody has.
        let name = "tocsin_check_" + String(UInt64.random(in: (1 << 60)...(.max)), radix: 16)
        try Files.makeFolder(notes)
        let note = notes.appending(name)
        try Files.replace(note, with: try encoded(Note(source: database.name, database: name)))
        crashPoint("scratch-noted")
        do throws(ScratchRefusal) {
            try database.makeScratch(name)
        } catch {
            try Files.remove(note)
            return error.why
        }
        crashPoint("scratch-made")
        let result = Result { () throws(Fault) in
            try filled(name, dump, database, path)
        }
        try database.dropScratch(name)
        crashPoint("scratch-dropped")
        try Files.remove(note)
        return try result.get()
    }

    private func filled(
        _ name: String, _ dump: ServerDatabase.Dump, _ database: ServerDatabase, _ path: RawPath
    ) throws(Fault) -> String? {
        do throws(Fault) {
            try database.fill(name, from: path, leavingOut: dump.events)
        } catch {
            return "the dump could not be loaded into a scratch database: \(error.cause)"
        }
        crashPoint("scratch-filled")
        let found = try database.rows(dump.tables.map(\.name), in: name)
        for (wanted, found) in zip(dump.tables, found) where wanted != found {
            throw database.fault(
                "verify the backup",
                "loaded into a scratch database, \(found.name) has \(found.rows) rows, not "
                    + "\(wanted.rows)")
        }
        return nil
    }

    /// Drops what earlier backups that died have left.
    func dropLeftovers(
        _ sources: [DataSource], _ secrets: any SecretReader, _ say: (String) -> Void
    )
        throws(Fault)
    {
        guard try Files.status(notes) != nil else { return }
        for file in try Files.names(in: notes) {
            let path = notes.appending(file)
            guard let bytes = try Files.readIfThere(path),
                let note = try? JSONDecoder().decode(Note.self, from: Data(bytes)),
                note.database.hasPrefix("tocsin_check_")
            else {
                // A note that was never finished: nothing was made after it.
                try Files.remove(path)
                continue
            }
            do throws(Fault) {
                guard let source = sources.first(where: { $0.name == note.source }),
                    let access = try DatabaseAccess(source, secrets: secrets)
                else { continue }
                try ServerDatabase(name: source.name, access: access, crashPoint: crashPoint)
                    .dropScratch(note.database)
                try Files.remove(path)
                say("dropped the scratch database \(note.database), left by a backup that died")
            } catch {
                // The next backup tries again.
                say("the scratch database \(note.database) is still there: \(error.cause)")
            }
        }
    }
}
