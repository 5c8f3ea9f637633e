// What the self-tests ask the machine beside steps and probes; tests hand in twins.
import Backups
import Dispatch
import Domain
import RunbookFile

#if canImport(Glibc)
    import Glibc
#endif

/// Everything here may wait for a disk or for the network: never on the engine's own thread.
struct SelfTestWorld: Sendable {
    /// Whether a secret can be read. - Throws: `Fault` that names the place, never the value.
    var readSecret: @Sendable (Secret) throws -> Void
    /// Whether this machine knows a login name.
    var hasAccount: @Sendable (String) -> Bool
    /// Whether a program can be run: a path, or a name on the PATH.
    var isProgram: @Sendable (String) -> Bool
    /// Bytes that are free for the engine where the path is, or would be made.
    var freeBytes: @Sendable (String) throws -> Int
    /// The backups that are there, newest first.
    var receipts: @Sendable (BackupDefinition) throws -> [BackupReceipt]
    /// What differs from what was taken; empty: nothing.
    var compare: @Sendable (BackupReceipt) throws -> [String]

    static let real = SelfTestWorld(
        readSecret: { _ = try EnvironmentSecrets().read($0) }, hasAccount: hasAccount,
        isProgram: isProgram, freeBytes: freeBytes,
        receipts: { try FileBackupKeeper(secrets: EnvironmentSecrets()).list($0) },
        compare: { try FileBackupKeeper(secrets: EnvironmentSecrets()).differences($0) })

    /// Runs what may wait on a thread that nobody else needs.
    static func aside<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global(qos: .userInitiated).async {
                continuation.resume(returning: body())
            }
        }
    }

    @Sendable private static func hasAccount(_ user: String) -> Bool {
        var size = 1024
        while size <= 1 << 20 {
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            var buffer = [CChar](repeating: 0, count: size)
            let status = getpwnam_r(user, &entry, &buffer, buffer.count, &found)
            if status != ERANGE { return status == 0 && found != nil }
            size *= 4
        }
        return false
    }

    @Sendable private static func isProgram(_ name: String) -> Bool {
        let candidates =
            name.contains("/")
            ? [name]
            : (getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin")
                .split(separator: ":").map { "\($0)/\(name)" }
        return candidates.contains { path in
            var info = stat()
            return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
                && access(path, X_OK) == 0
        }
    }

    @Sendable private static func freeBytes(_ path: String) throws -> Int {
        var place = path
        var info = statvfs()
        while statvfs(place, &info) != 0 {
            guard errno == ENOENT || errno == ENOTDIR, place != "/",
                let slash = place.lastIndex(of: "/")
            else {
                throw Fault(
                    operation: "ask for room", subject: place,
                    cause: String(cString: strerror(errno))
                )
            }
            place = slash == place.startIndex ? "/" : String(place[..<slash])
        }
        let (bytes, overflow) = Int(clamping: info.f_bavail)
            .multipliedReportingOverflow(by: Int(clamping: info.f_frsize))
        return overflow ? .max : bytes
    }
}
