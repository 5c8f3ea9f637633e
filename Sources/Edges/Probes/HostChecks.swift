// The `memory` and `cpu` probes: what the kernel says of this machine in /proc.
import Domain
import Glibc
import Synchronization
import Transfers

struct MemoryCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let source: String

    /// - Parameter source: proc(5), "meminfo"; tests put a file of their own in its place.
    init(_ context: CheckContext, _ probe: Probe, source: String = "/proc/meminfo") {
        self.context = context
        self.probe = probe
        self.source = source
    }

    func find() async -> Finding {
        guard let text = readWhole(source) else {
            return Finding(.unknown, "\(source): \(systemMessage(errno))")
        }
        func kibibytes(_ name: String) -> Double? {
            for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
                return line.split(separator: " ").dropFirst().first.flatMap(numeric)
            }
            return nil
        }
        guard let total = kibibytes("MemTotal"), let available = kibibytes("MemAvailable"),
            total > 0
        else { return Finding(.unknown, "\(source) does not say MemTotal and MemAvailable") }
        let used = 100 * max(0, total - available) / total
        return Finding(
            .good, "\(used.rounded1) % used, \((available * 1024).spokenBytes) available",
            metrics: [
                Metric(name: "memory.used", value: used, unit: "%"),
                Metric(name: "memory.available", value: available * 1024, unit: "B"),
            ])
    }
}

struct CPUCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let source: String

    /// - Parameter source: proc(5), "stat"; tests put a file of their own in its place.
    init(_ context: CheckContext, _ probe: Probe, source: String = "/proc/stat") {
        self.context = context
        self.probe = probe
        self.source = source
    }

    func find() async -> Finding {
        let key = "\(probe.reference)"
        // The first check has nothing to compare with, so it waits a little and looks twice.
        if context.processors.last(key) == nil, let first = Self.reading(source) {
            context.processors.keep(first, for: key)
            let pause = min(0.2, probe.schedule.timeout.seconds / 4)
            try? await Task.sleep(for: .seconds(pause))
        }
        guard let now = Self.reading(source) else {
            return Finding(.unknown, "\(source) cannot be read as the kernel writes it")
        }
        let before = context.processors.last(key) ?? now
        let load = readWhole("/proc/loadavg").flatMap {
            $0.split(separator: " ").first.flatMap(numeric)
        }
        var finding = Finding(.good, "")
        var parts: [String] = []
        // The kernel counts in hundredths of a second: less than ten would be noise.
        if now.total >= before.total + 10 {
            context.processors.keep(now, for: key)
            let used = 100 * (1 - (now.idle - before.idle) / (now.total - before.total))
            let percent = min(100, max(0, used))
            parts.append("\(percent.rounded1) % used")
            finding.metrics.append(Metric(name: "cpu.used", value: percent, unit: "%"))
        }
        if let load {
            parts.append("load \(load.rounded1)")
            finding.metrics.append(Metric(name: "cpu.load1", value: load, unit: ""))
        }
        finding.message =
            parts.isEmpty ? "nothing to compare with yet" : parts.joined(separator: ", ")
        return finding
    }

    /// The line of all processors: user nice system idle iowait irq softirq steal …
    private static func reading(_ source: String) -> ProcessorReadings.Reading? {
        guard let line = readWhole(source)?.split(separator: "\n").first, line.hasPrefix("cpu ")
        else {
            return nil
        }
        // Guest time is counted in user time already.
        let times = line.split(separator: " ").dropFirst().prefix(8).compactMap(numeric)
        guard times.count >= 4 else { return nil }
        let idle = times[3] + (times.count > 4 ? times[4] : 0)
        return ProcessorReadings.Reading(total: times.reduce(0, +), idle: idle)
    }
}

/// The last reading of each `cpu` probe.
final class ProcessorReadings: Sendable {
    /// In the kernel's ticks since it started.
    struct Reading: Sendable {
        var total: Double
        var idle: Double
    }
    private let readings = Mutex<[String: Reading]>([:])
    func last(_ key: String) -> Reading? { readings.withLock { $0[key] } }
    func keep(_ reading: Reading, for key: String) { readings.withLock { $0[key] = reading } }
}

/// A file of the kernel, which is made when it is read and never makes the reader wait.
/// - Returns: nil with `errno`.
func readWhole(_ path: String, limit: Int = 65_536) -> String? {
    readBytes(path, limit: limit).map { String(decoding: $0, as: UTF8.self) }
}
func readBytes(_ path: String, limit: Int) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 8192)
    while result.count < limit {
        let count = read(file, &buffer, min(buffer.count, limit - result.count))
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return count < 0 && result.isEmpty ? nil : result }
        result += buffer[..<count]
    }
    return result
}
