// The `disk` probe: how full a file system is. statvfs(3), counted as df counts.
import Domain
import Glibc

struct DiskCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let path: String

    init(_ context: CheckContext, _ probe: Probe, _ path: String) {
        self.context = context
        self.probe = probe
        self.path = context.absolute(path)
    }

    func find() async -> Finding {
        let path = path
        let timeout = probe.schedule.timeout
        let outcome = await context.files.run("\(probe.reference)", within: timeout) {
            var answer = statvfs()
            return statvfs(path, &answer) == 0 ? Self.judge(answer) : Self.failure(path, errno)
        }
        guard case .done(let finding) = outcome else {
            return Finding(outcome, silence: "\(path) did not answer within \(timeout.spoken)")
        }
        return finding
    }

    private static func failure(_ path: String, _ number: Int32) -> Finding {
        // What may not be looked at says nothing of the disk; anything else does.
        Finding(number == EACCES ? .unknown : .bad, "\(path): \(systemMessage(number))")
    }

    private static func judge(_ answer: statvfs) -> Finding {
        let block = Double(answer.f_frsize)
        let used = Double(answer.f_blocks) - Double(answer.f_bfree)
        // Free to everybody; what is kept back for root counts as neither used nor free.
        let free = Double(answer.f_bavail)
        guard used + free > 0 else {
            return Finding(.unknown, "there is no disk behind this path")
        }
        let percent = 100 * used / (used + free)
        return Finding(
            .good, "\(percent.rounded1) % used, \((free * block).spokenBytes) free",
            metrics: [
                Metric(name: "disk.used", value: percent, unit: "%"),
                Metric(name: "disk.free", value: free * block, unit: "B"),
            ])
    }
}

extension Double {
    /// With one digit after the point.
    var rounded1: String {
        let tenths = Int((Swift.min(abs(self), 1e15) * 10).rounded())
        return "\(self < 0 ? "-" : "")\(tenths / 10).\(tenths % 10)"
    }
    /// Bytes for people: `1.5 GB`.
    var spokenBytes: String {
        var value = self
        for unit in ["B", "kB", "MB", "GB", "TB"] {
            if value < 1000 { return "\(value.rounded1) \(unit)" }
            value /= 1000
        }
        return "\(value.rounded1) PB"
    }
}
