// The `systemd` probe: the state of a unit, as `systemctl show` tells it.
import Domain

struct SystemdCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let unit: String
    private let program: String

    /// - Parameter program: tests put their own in its place.
    init(_ context: CheckContext, _ probe: Probe, _ unit: String, program: String = "systemctl") {
        self.context = context
        self.probe = probe
        self.unit = unit
        self.program = program
    }

    func find() async -> Finding {
        let arguments = [
            program, "show", "--no-pager", "-p", "LoadState", "-p", "ActiveState", "-p", "SubState",
            "--", unit,
        ]
        switch await context.run(arguments, for: probe) {
        case .failure(let finding): return finding
        case .success(let end):
            switch end.way {
            case .exited(0): return judge(end.output.bytes)
            case .exited(let status):
                let words = PluginOutput(end.errors.bytes).text
                return Finding(.unknown, "systemctl failed (exit status \(status)): \(words)")
            case .killed(let signal):
                return Finding(.unknown, "systemctl was killed by signal \(signal)")
            // Its manager is a part of this machine, not of the service.
            case .late:
                return Finding(
                    .unknown, "systemctl did not answer within \(probe.schedule.timeout.spoken)")
            case .notStarted(let why):
                return Finding(.unknown, "\(why); this probe needs systemd on this machine")
            }
        }
    }

    private func judge(_ output: [UInt8]) -> Finding {
        var properties: [String: String] = [:]
        for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { properties[String(parts[0])] = String(parts[1]) }
        }
        if properties["LoadState"] == "not-found" {
            return Finding(.unknown, "systemd knows no unit \(unit)")
        }
        guard let state = properties["ActiveState"], !state.isEmpty else {
            return Finding(.unknown, "systemctl said nothing of \(unit)")
        }
        let message = [state, properties["SubState"].map { "(\($0))" }].compactMap(\.self)
            .joined(separator: " ")
        switch state {
        case "active": return Finding(.good, message)
        case "reloading", "refreshing", "activating", "deactivating", "maintenance":
            return Finding(.degraded, message)
        default: return Finding(.bad, message)
        }
    }
}
