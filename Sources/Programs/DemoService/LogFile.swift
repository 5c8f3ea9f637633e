// Courier's log: a file that is set aside at one megabyte, so that it never fills a disk.
import FoundationEssentials
import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Appends lines to a file; at its limit the file becomes `NAME.1` and a new one is begun.
final class LogFile: Sendable {
    private struct State {
        var descriptor: Int32
        var size: Int
    }
    private let path: String
    private let limit: Int
    private let state: Mutex<State>

    /// A log that cannot be written is not worth stopping a service for: its lines are dropped.
    init(_ folder: ServiceFolder, name: String = "logs/courier.log", limit: Int = 1 << 20) {
        try? folder.makeFolder("logs")
        path = folder(name)
        self.limit = limit
        state = Mutex(Self.opened(path))
    }
    deinit { state.withLock { if $0.descriptor >= 0 { _ = close($0.descriptor) } } }

    func append(_ line: String) {
        let bytes = Array(line.utf8.prefix(2000)) + [10]
        state.withLock { state in
            if state.size + bytes.count > limit {
                if state.descriptor >= 0 { _ = close(state.descriptor) }
                rename(path, path + ".1")
                state = Self.opened(path)
            }
            if state.descriptor >= 0, writeAll(state.descriptor, bytes) {
                state.size += bytes.count
            }
        }
    }

    private static func opened(_ path: String) -> State {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        var facts = stat()
        let known = descriptor >= 0 && fstat(descriptor, &facts) == 0
        return State(descriptor: descriptor, size: known ? Int(facts.st_size) : 0)
    }
}

/// swift-log's face of the file: time, level, message, one line each.
struct FileLog: LogHandler {
    let file: LogFile
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let time = Date().formatted(.iso8601)
        var line = "\(time) \(event.level) "
        for scalar in event.message.description.unicodeScalars {
            line.unicodeScalars.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        file.append(line)
    }

    static func logger(_ file: LogFile) -> Logger {
        Logger(label: "courier", factory: { _ in FileLog(file: file) })
    }
}
