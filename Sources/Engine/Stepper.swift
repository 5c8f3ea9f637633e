// Brings one step to its end: in the step runner, or here when it only looks at a probe.
import Domain
import Rules

struct Stepper: Sendable {
    let parts: EngineParts
    /// One look at a probe, judged; nil when there is no such probe.
    let probe: @Sendable (ProbeReference) async -> CheckResult?

    static let pauseBetweenLooks = Span.seconds(0.25)

    func perform(
        _ order: StepOrder, output: @escaping @Sendable (String) -> Void
    ) async -> StepOutcome {
        var order = order
        if case .probe(let reference, let within) = order.step.work {
            return await look(at: reference, within: within, output: output)
        }
        // A check that only the engine can make is made here, and the runner never sees it.
        if let check = order.step.check, !check.needsRunner, order.mode == .perform {
            if case .probe(let reference, _) = check, let result = await probe(reference),
                result.answer == .good
            {
                return StepOutcome(
                    end: .alreadyDone, message: "\(reference): \(result.message)",
                    seconds: result.latency)
            }
            order.step.check = nil
        }
        return await parts.performer.perform(order, output: output)
    }

    private func look(
        at reference: ProbeReference, within: Span, output: @Sendable (String) -> Void
    ) async -> StepOutcome {
        let clock = ContinuousClock()
        let began = clock.now
        var told = ""
        while true {
            guard let result = await probe(reference) else {
                return StepOutcome(
                    end: .failed, message: "there is no probe \(reference)", seconds: 0)
            }
            let seconds = (clock.now - began).inSeconds
            if result.answer == .good {
                return StepOutcome(
                    end: .succeeded, message: "\(reference): \(result.message)", seconds: seconds)
            }
            if result.message != told {
                told = result.message
                output("\(reference): \(result.message)")
            }
            if seconds + Self.pauseBetweenLooks.seconds >= within.seconds {
                return StepOutcome(
                    end: .failed,
                    message: "\(reference): \(result.message)"
                        + (within > .zero ? " (for \(within.spelled))" : ""), seconds: seconds)
            }
            try? await Task.sleep(for: .seconds(Self.pauseBetweenLooks.seconds))
        }
    }

    /// What a step would do now; changes nothing.
    func forecast(_ order: StepOrder) async -> StepOutcome {
        let step = order.step
        switch step.work {
        case .probe(let reference, _):
            guard let result = await probe(reference) else {
                return StepOutcome(
                    end: .failed, message: "there is no probe \(reference)", seconds: 0)
            }
            // A probe that is bad before the rollback may well be why it is needed.
            return StepOutcome(end: .wouldRun, message: "now: \(result.message)", seconds: 0)
        case .notify, .statusPage, .wait, .confirm, .assess, .fallback, .calm:
            return StepOutcome(end: .wouldRun, message: "", seconds: 0)
        case .playbook, .rollback:
            return StepOutcome(end: .wouldRun, message: described(step.work), seconds: 0)
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .restoreBackup, .prepareTest, .clearTest, .action, .undoAction:
            return await parts.performer.perform(order) { _ in }
        }
    }
}

extension Swift.Duration {
    var inSeconds: Double {
        let parts = components
        return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    }
}
