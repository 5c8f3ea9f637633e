// The `nagios` probe: any monitoring plugin. Its exit status is the answer, its perfdata are metrics.
import Domain
import Glibc

struct PluginCheck: KindOfCheck {
    private let context: CheckContext
    private let probe: Probe
    private let run: [String]

    init(_ context: CheckContext, _ probe: Probe, _ run: [String]) {
        self.context = context
        self.probe = probe
        self.run = run
    }

    func find() async -> Finding {
        switch await context.run(run, for: probe) {
        case .failure(let finding): finding
        case .success(let end): judge(end)
        }
    }

    private func judge(_ end: ChildProcess.End) -> Finding {
        let output = PluginOutput(end.output.bytes, isCut: end.output.isCut)
        let text = sentence(output, end)
        var finding: Finding
        switch end.way {
        case .exited(0): finding = Finding(.good, text)
        case .exited(1): finding = Finding(.degraded, text)
        case .exited(2): finding = Finding(.bad, text)
        case .exited(3): finding = Finding(.unknown, text)
        case .exited(let status):
            finding = Finding(.unknown, "exit status \(status) (a plugin answers 0 to 3): \(text)")
        case .killed(let signal):
            finding = Finding(.unknown, "the plugin was killed by signal \(signal): \(text)")
        case .late:
            finding = Finding(.bad, "no answer within \(probe.schedule.timeout.spoken)")
        case .notStarted(let why): finding = Finding(.unknown, why)
        }
        // What was broken off may be half a number.
        guard case .exited = end.way else { return finding }
        finding.source = .perfdata(output.measurements)
        finding.metrics = output.measurements.map {
            Metric(
                name: "\(probe.reference).\(Visible.text($0.label, limit: 100))", value: $0.value,
                unit: Visible.text($0.unit))
        }
        return finding
    }

    private func sentence(_ output: PluginOutput, _ end: ChildProcess.End) -> String {
        if !output.text.isEmpty { return output.text }
        let errors = PluginOutput(end.errors.bytes).text
        return errors.isEmpty ? "(no output)" : errors
    }
}

/// A program's end, or why there is none.
enum ProgramResult: Sendable {
    case success(ChildProcess.End)
    case failure(Finding)
}

extension CheckContext {
    /// Runs a program within the probe's timeout, on a thread for programs.
    func run(_ arguments: [String], for probe: Probe) async -> ProgramResult {
        let timeout = probe.schedule.timeout
        let child = ChildProcess(arguments: arguments, folder: folder)
        let stop = ChildProcess.Stop()
        // The program is ended in time by its own thread; the pool's limit is for when that hangs too.
        let outcome = await programs.run(
            "\(probe.reference)", within: timeout + .seconds(0.5), interrupt: { stop.ask() }
        ) {
            child.run(until: .now + timeout, stop: stop)
        }
        switch outcome {
        case .done(let end): return .success(end)
        case .late, .hanging, .full, .cancelled:
            return .failure(Finding(outcome, silence: "no answer within \(timeout.spoken)"))
        }
    }
}

func + (left: Span, right: Span) -> Span { Span(seconds: left.seconds + right.seconds) }
