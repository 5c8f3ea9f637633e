// The `process` probe: is there a process whose command line matches? proc(5), "cmdline".
import Domain
import Glibc

struct ProcessCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let expression: String

    init(_ context: CheckContext, _ probe: Probe, _ expression: String) {
        self.context = context
        self.probe = probe
        self.expression = expression
    }

    func find() async -> Finding {
        let pattern: Pattern
        do throws(Fault) {
            pattern = try context.patterns.pattern(expression)
        } catch {
            return Finding(error)
        }
        let timeout = probe.schedule.timeout
        let outcome = await context.files.run("\(probe.reference)", within: timeout) {
            Self.matching(pattern)
        }
        guard case .done(let found) = outcome else {
            // To look at our own machine is our own work.
            var finding = Finding(
                outcome,
                silence: "the processes could not be looked through within \(timeout.spoken)")
            finding.answer = .unknown
            return finding
        }
        guard let found else { return Finding(.unknown, "/proc: \(systemMessage(ENOENT))") }
        let count = Metric(
            name: "\(probe.reference).count", value: Double(found.count), unit: "processes")
        guard !found.isEmpty else {
            return Finding(.bad, "no process matches \(expression)", metrics: [count])
        }
        let numbers = found.prefix(10).map(String.init).joined(separator: ", ")
        let more = found.count > 10 ? ", …" : ""
        let what = found.count == 1 ? "1 process" : "\(found.count) processes"
        return Finding(.good, "\(what): \(numbers)\(more)", metrics: [count])
    }

    /// The numbers of the processes that match, in order; nil when there is no /proc.
    private static func matching(_ pattern: Pattern) -> [Int32]? {
        guard let folder = opendir("/proc") else { return nil }
        defer { closedir(folder) }
        let own = OwnProcesses()
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let process = Int32(name), process != own.engine, process != own.parent,
                // A process that has just gone, and kernel threads, have none.
                let line = readBytes("/proc/\(name)/cmdline", limit: Patterns.textLimit),
                !line.isEmpty,
                !own.isHelper(process, line)
            else { continue }
            let text = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            if pattern.matches(text.joined(separator: " ")) { found.append(process) }
        }
        return found.sorted()
    }
}

/// The engine and what belongs to it: their command lines hold words of the runbook, and prove nothing.
private struct OwnProcesses {
    let engine = getpid()
    let parent = getppid()
    private let program = Self.program(of: getpid())

    /// Engines and step runners are the same program with another first argument.
    func isHelper(_ process: Int32, _ line: [UInt8]) -> Bool {
        let words = line.split(separator: 0, maxSplits: 2)
        guard words.count > 1,
            ["step-runner", "engine"].contains(String(decoding: words[1], as: UTF8.self))
        else { return false }
        return program != nil && Self.program(of: process) == program
    }
    private static func program(of process: Int32) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/\(process)/exe", &buffer, buffer.count)
        return count > 0
            ? String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
