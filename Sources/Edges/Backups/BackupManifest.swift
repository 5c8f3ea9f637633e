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
import Glibc

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
        /// It grew while it was copied, and was kept as it was when it was opened.
        var grew: Bool?
        /// The first name of the same file (a hard link), which has the content.
        var sameAs: RawPath?
        /// Extended attributes, by name. They are kept here only, so that a place that knows none of
        /// them loses none.
        var attributes: [FileAttribute]?
        /// Tocsin's own file; it is put back only when it is named.
        var configuration: Bool?

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
        var place: RawPath { Self.place(path) }
        static func place(_ path: RawPath) -> RawPath {
            path.isAbsolute
                ? RawPath("absolute").appending(
                    RawPath(bytes: Array(path.bytes.drop { $0 == 0x2F })))
                : RawPath("files").appending(path)
        }
    }
    /// What was met, but has no content or had vanished.
    struct LeftOut: Codable, Sendable {
        var path: RawPath
        /// Goes on where the path ends, as in `is a socket`.
        var why: String
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
    /// The newest form that this program knows.
    static let present = 2
    var version = BackupManifest.present
    var id: String
    var at: Timestamp
    /// The runbook's folder then.
    var folder: RawPath
    /// By path.
    var entries: [Entry]
    var databases: [DatabaseEntry]
    var leftOut: [LeftOut]?

    /// The manifest in short.
    var receipt: ReceiptRecord {
        ReceiptRecord(
            id: id, at: at, files: entries.count { $0.kind != .folder },
            bytes: entries.reduce(0) { $0 + ($1.sameAs == nil ? $1.size : 0) }
                + databases.reduce(0) { $0 + $1.size },
            databases: databases.map(\.name), rows: databases.reduce(0) { $0 + $1.rows },
            leftOut: leftOut?.count,
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
    var leftOut: Int?
    /// What keeps it from being a verified one.
    var doubts: [String]?

    /// Only of a folder with its full name: it was read back before it got it.
    /// - Parameter lost: what is seen to be missing without a closer look.
    func receipt(
        in folder: RawPath, sha256: String?, check: VerificationRecord? = nil, lost: String? = nil
    ) -> BackupReceipt {
        BackupReceipt(
            id: id, path: folder.description, at: at, files: files, bytes: bytes,
            databases: databases, rows: rows,
            verified: doubts == nil && lost == nil && check.map { $0.count == 0 } ?? true,
            sha256: sha256, checkedAt: lost == nil ? check?.at : nil,
            problem: lost ?? check?.first, leftOut: leftOut, doubts: doubts)
    }
}

/// The places in a backup's folder.
struct BackupFolder {
    let path: RawPath
    var manifest: RawPath { path.appending("manifest.json") }
    var checksum: RawPath { path.appending("manifest.sha256") }
    var receipt: RawPath { path.appending("receipt.json") }

    /// The names of those of the three that are not there.
    func missing() throws(Fault) -> [String] {
        var names: [String] = []
        for file in [manifest, checksum, receipt] where try Files.status(file) == nil {
            names.append(file.lastName.description)
        }
        return names
    }

    /// What the list says of the folder. It got its name when all of it was there, so one that has its
    /// receipt or its manifest is a backup, whatever else was lost since.
    /// - Returns: nil when it is none; `lost` is nil when everything seems to be there.
    func record(named name: String) throws(Fault) -> (ReceiptRecord, lost: String?)? {
        let missing = try missing()
        guard missing.count < 3, !missing.contains("receipt.json") || missing.count == 1 else {
            return nil
        }
        let lost = missing.isEmpty ? nil : missing.joined(separator: " and ") + " is missing"
        let bytes = try Files.readIfThere(receipt) ?? []
        if let record = try? JSONDecoder().decode(ReceiptRecord.self, from: Data(bytes)) {
            // Another name: somebody's copy.
            return record.id == name ? (record, lost) : nil
        }
        if let manifest = try? readManifest() {
            return manifest.id == name
                ? (manifest.receipt, lost ?? "receipt.json is not what was written") : nil
        }
        guard let at = Self.moment(name) else { return nil }
        let unknown = ReceiptRecord(id: name, at: at, files: 0, bytes: 0, databases: [], rows: 0)
        return (unknown, lost ?? "neither its receipt nor its manifest can be read")
    }

    /// When a backup of that name was taken.
    private static func moment(_ name: String) -> Timestamp? {
        let digits = name.prefix(16).filter(\.isNumber).map(String.init)
        guard name.count >= 16, digits.count == 14 else { return nil }
        let parts = [(0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14)].map {
            digits[$0..<$1].joined()
        }
        return Timestamp(
            rfc3339: parts[..<3].joined(separator: "-") + "T" + parts[3...].joined(separator: ":")
                + "Z")
    }

    /// - Parameter known: the manifest's SHA-256 as somebody remembers it.
    /// - Throws: `Damage` when the manifest is not what was written; `Fault` when it cannot be read.
    func readManifest(known: String? = nil) throws -> BackupManifest {
        let bytes = try Self.readFromDisk(manifest)
        let line = Self.checksumLine(bytes)
        guard try Self.readFromDisk(checksum) == Array(line.utf8) else {
            throw Damage(
                subject: shown(manifest), detail: "it does not fit its checksum, manifest.sha256")
        }
        guard known == nil || line.hasPrefix(known ?? "") else {
            throw Damage(
                subject: shown(manifest),
                detail:
                    "it was replaced together with its checksum: its receipt has another SHA-256")
        }
        do {
            let manifest = try JSONDecoder().decode(BackupManifest.self, from: Data(bytes))
            guard manifest.version <= BackupManifest.present else {
                throw Damage(
                    subject: shown(self.manifest),
                    detail: "a newer program wrote it (version \(manifest.version)); use that one")
            }
            return manifest
        } catch let damage as Damage {
            throw damage
        } catch {
            throw Damage(
                subject: shown(manifest), detail: "this version cannot read it: \(error)")
        }
    }

    /// Not synced; the whole backup is.
    /// - Returns: the manifest's SHA-256.
    func write(_ manifest: BackupManifest) throws(Fault) -> String {
        let bytes = try encoded(manifest)
        let line = Self.checksumLine(bytes)
        try write(bytes, self.manifest)
        try write(Array(line.utf8), checksum)
        try write(try encoded(manifest.receipt), receipt)
        return String(line.prefix(64))
    }

    private func write(_ bytes: [UInt8], _ path: RawPath) throws(Fault) {
        let file = try Files.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, "write")
        defer { close(file) }
        try Files.write(bytes, to: file, path)
    }

    /// The manifest's SHA-256 as its checksum says it; nil when there is none.
    var sha256: String? {
        guard let line = try? Files.readIfThere(checksum), line.count > 64 else { return nil }
        return String(decoding: line.prefix(64), as: UTF8.self)
    }

    private static func checksumLine(_ manifest: [UInt8]) -> String {
        "\(hex(SHA256.hash(data: manifest)))  manifest.json\n"
    }

    private static func readFromDisk(_ path: RawPath) throws(Fault) -> [UInt8] {
        let file = try Files.openForDisk(path)
        defer { close(file) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        let size = try Files.status(open: file, path).size
        guard size <= 1 << 30 else {
            throw Fault(operation: "read", subject: shown(path), cause: "more than 1 GiB")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        _ = try Files.readPieces(file, path, size: size, sparse: false, buffer) {
            piece throws(Fault) in
            switch piece {
            case .bytes(let part): bytes += part
            case .hole(let count): bytes += repeatElement(0, count: count)
            }
        }
        return bytes
    }
}

/// SHA-256 of a file's content, with the zeros of its holes, as sha256sum computes it.
struct ContentHash {
    private var hash = SHA256()
    private static let zeros = [UInt8](repeating: 0, count: 1 << 18)

    mutating func add(_ piece: FilePiece) {
        switch piece {
        case .bytes(let bytes): hash.update(bufferPointer: bytes)
        case .hole(var count):
            while count > 0 {
                let part = min(count, Self.zeros.count)
                Self.zeros.withUnsafeBytes { zeros in
                    hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: zeros[..<part]))
                }
                count -= part
            }
        }
    }
    func finish() -> String { hex(hash.finalize()) }
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
