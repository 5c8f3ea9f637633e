// What a backup holds, entry by entry, as it was when it was taken.
//
//   ID/manifest.json     everything below, with sizes, modes, owners, times and SHA-256
//   ID/manifest.sha256   the manifest's own (`sha256sum -c` reads it)
//   ID/receipt.json      the manifest in short, so that a list of backups needs no long ones
//   ID/files/…           what lies below the runbook's folder
//   ID/absolute/…        what lies elsewhere, under its whole path
//   ID/databases/…       one file for each: a SQLite file, a dump of the server's own tool, keys
import Crypto
import Domain
import Files
import FoundationEssentials

struct BackupManifest: Codable, Sendable {
    struct Entry: Codable, Sendable {
        /// Relative to the runbook's folder, or absolute.
        var path: RawPath
        var kind: FileKind
        /// Bytes; 0 for folders and links.
        var size: Int
        /// Of a file's content; lower-case hex.
        var sha256: String?
        /// Of a link.
        var target: RawPath?
        var mode: Int
        var user: UInt32
        var group: UInt32
        /// Nanoseconds since 1970.
        var modified: Int64
        /// A folder that only leads to what was asked for.
        var isWay: Bool?
        /// It was written to while it was copied.
        var changed: Bool?

        init(_ path: RawPath, _ status: FileStatus, isWay: Bool = false) {
            self.path = path
            kind = status.kind
            size = status.kind == .file ? status.size : 0
            mode = status.mode
            user = status.user
            group = status.group
            modified = status.modified
            self.isWay = isWay ? true : nil
        }

        /// Where it lies in the backup.
        var place: RawPath {
            path.isAbsolute
                ? RawPath("absolute").appending(
                    RawPath(bytes: Array(path.bytes.drop { $0 == 0x2F })))
                : RawPath("files").appending(path)
        }
    }
    struct DatabaseEntry: Codable, Sendable {
        struct Table: Codable, Sendable, Equatable {
            var name: String
            var rows: Int
        }
        enum Kind: String, Codable { case sqlite, mysql, postgresql, redis }
        var name: String
        /// Nil: sqlite, the only kind that older backups knew.
        var kind: Kind?
        /// In the backup.
        var file: RawPath
        var size: Int
        var sha256: String
        var tables: [Table]
        /// Of the original.
        var mode: Int
        var user: UInt32
        var group: UInt32
        /// Why the copy could not be tried out when it was made; nil: it was.
        var doubt: String?
        var rows: Int { tables.reduce(0) { $0 + $1.rows } }
    }
    var version = 1
    var id: String
    var at: Timestamp
    /// The runbook's folder then.
    var folder: RawPath
    /// By path.
    var entries: [Entry]
    var databases: [DatabaseEntry]

    /// The manifest in short.
    var receipt: ReceiptRecord {
        ReceiptRecord(
            id: id, at: at, files: entries.count { $0.kind != .folder },
            bytes: entries.reduce(0) { $0 + $1.size } + databases.reduce(0) { $0 + $1.size },
            databases: databases.map(\.name), rows: databases.reduce(0) { $0 + $1.rows },
            doubts: doubts.isEmpty ? nil : doubts)
    }

    /// What keeps the backup from being a verified one.
    private var doubts: [String] {
        databases.compactMap { database in database.doubt.map { "\(database.name): \($0)" } }
    }
}

/// What receipt.json says.
struct ReceiptRecord: Codable, Equatable {
    var id: String
    var at: Timestamp
    var files: Int
    var bytes: Int
    var databases: [String]
    var rows: Int
    /// What keeps it from being a verified one.
    var doubts: [String]?

    /// Only of a folder with its full name: it was read back before it got it.
    func receipt(in folder: RawPath) -> BackupReceipt {
        BackupReceipt(
            id: id, path: folder.description, at: at, files: files, bytes: bytes,
            databases: databases, rows: rows, verified: doubts == nil,
            doubts: doubts)
    }
}

/// The places in a backup's folder.
struct BackupFolder {
    let path: RawPath
    var manifest: RawPath { path.appending("manifest.json") }
    var checksum: RawPath { path.appending("manifest.sha256") }
    var receipt: RawPath { path.appending("receipt.json") }

    /// - Throws: `Damage` when the manifest is not what was written; `Fault` when it cannot be read.
    func readManifest() throws -> BackupManifest {
        let bytes = try Files.read(manifest, limit: 1 << 30)
        guard try Files.read(checksum, limit: 1000) == Self.checksumLine(bytes) else {
            throw Damage(subject: manifest.description, detail: "it does not fit its checksum")
        }
        do {
            return try JSONDecoder().decode(BackupManifest.self, from: Data(bytes))
        } catch {
            throw Damage(
                subject: manifest.description, detail: "this version cannot read it: \(error)")
        }
    }

    func write(_ manifest: BackupManifest) throws(Fault) {
        let bytes = try encoded(manifest)
        try Files.replace(self.manifest, with: bytes)
        try Files.replace(checksum, with: Self.checksumLine(bytes))
        try Files.replace(receipt, with: try encoded(manifest.receipt))
    }

    private static func checksumLine(_ manifest: [UInt8]) -> [UInt8] {
        Array("\(hex(SHA256.hash(data: manifest)))  manifest.json\n".utf8)
    }
}

func hex(_ digest: SHA256.Digest) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in digest {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}

/// Sorted keys: the same value gives the same bytes.
func encoded(_ value: some Encodable) throws(Fault) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
        return Array(try encoder.encode(value))
    } catch {
        throw Fault(operation: "write as JSON", subject: "\(type(of: value))", cause: "\(error)")
    }
}
