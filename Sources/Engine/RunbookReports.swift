// The runbook, the rollback's plan and the events in the shapes that front ends read.
import Crypto
import Domain
import FoundationEssentials
import Rules
import Wire

extension ReportContext {
    func runbookReport(_ caller: Caller, faults: [String]) -> RunbookReport {
        let services: [(String, String, [Step])] = [
            ("stop-services", "Stop services", runbook.services.stop),
            ("start-services", "Start services", runbook.services.start),
            (
                "start-services-emergency", "Start services in emergency mode",
                runbook.services.emergencyStart
            ),
            ("verify-services", "Verify services", runbook.services.verify),
        ]
        return RunbookReport(
            path: runbook.path, service: runbook.service.name, title: runbook.service.title,
            actions: runbook.actions.map {
                ActionReport(
                    name: $0.name, title: $0.title, danger: $0.danger, steps: planned($0.steps))
            },
            playbooks: runbook.playbooks.map {
                ActionReport(name: $0.name, title: $0.name, danger: nil, steps: planned($0.steps))
            },
            fallbacks: runbook.fallbacks.map {
                ActionReport(name: $0.name, title: $0.title, danger: nil, steps: planned($0.enable))
            },
            services: services.filter { !$0.2.isEmpty }.map {
                ActionReport(name: $0.0, title: $0.1, danger: nil, steps: planned($0.2))
            },
            rollback: rollbackReport(caller), people: people, external: external, onCall: onCall,
            faults: faults, localAlerts: runbook.localAlerts)
    }

    private func planned(_ steps: [Step]) -> [PlannedStepReport] {
        steps.map { planned($0, nil) }
    }
    private func planned(_ step: Step, _ forecast: String?) -> PlannedStepReport {
        PlannedStepReport(
            name: step.name, kind: step.work.kind,
            command: described(step.work, units: runbook.units), undoable: step.isUndoable,
            forecast: forecast)
    }

    /// - Parameter forecasts: from a dry run, in the order of the steps; nil without one.
    func rollbackReport(
        _ caller: Caller, forecasts: [StepOutcome]? = nil
    ) -> RollbackReport? {
        guard let rollback = runbook.rollback else { return nil }
        let stages = rules.rollbackStages(rollback)
        var place = 0
        let reports = stages.map { stage in
            PlannedStageReport(
                name: stage.name,
                steps: stage.steps.map { entry in
                    defer { place += 1 }
                    let outcome = forecasts.flatMap {
                        $0.indices.contains(place) ? $0[place] : nil
                    }
                    return planned(entry.step, outcome.map(Self.forecast))
                })
        }
        let procedure = Procedure(
            id: "", kind: .rollback, name: rollback.to, title: "", startedAt: now, startedBy: "",
            reason: "", emergency: nil, stages: stages)
        return RollbackReport(
            to: rollback.to, targetSeconds: rollback.targetDuration.seconds,
            expectedSeconds: self.procedure(procedure).expectedSeconds,
            hash: PlanHash.of(stages, service: runbook.service.name), stages: reports,
            authorizations: rollback.authorization.map { authorization($0, caller) },
            ready: forecasts.map { $0.allSatisfy { $0.end != .failed && $0.end != .unknown } },
            lastBackup: situation.lastBackup?.id)
    }

    private static func forecast(_ outcome: StepOutcome) -> String {
        let detail = outcome.message.isEmpty ? "" : ": \(outcome.message)"
        switch outcome.end {
        case .alreadyDone: return "already done\(detail)"
        case .wouldRun, .succeeded: return "will run\(detail)"
        case .failed, .unknown: return "would fail\(detail)"
        }
    }

    private func authorization(_ rule: AuthorizationRule, _ caller: Caller) -> AuthorizationReport {
        var people: [String] = []
        for need in rule.needs {
            for id in rules.authority.members(of: need.role) {
                let name = rules.authority.person(id: id)?.name ?? id
                if !people.contains(name) { people.append(name) }
            }
        }
        let needs = rule.needs.map { "\($0.count) \($0.role)" }
        return AuthorizationReport(
            kind: rule.kind,
            needs: rules.authority.list(needs, "and")
                + (rule.onlyDuringLevel.map { ", only during level \($0.rawValue)" } ?? ""),
            people: people,
            refused: rules.refusal(of: rule, for: caller.user, in: situation)?.why)
    }

    private var people: [PersonReport] {
        runbook.people.map { person in
            PersonReport(
                id: person.id, name: person.name, user: person.user, email: person.email ?? "",
                sms: person.sms ?? "", roles: rules.authority.roles(user: person.user))
        }
    }
    private var external: [ContactReport] {
        runbook.externalSupport.map {
            ContactReport(name: $0.name, phone: $0.phone ?? "", email: $0.email ?? "")
        }
    }
    private var onCall: [OnCallReport] {
        runbook.onCall.compactMap { rotation in
            guard let shift = rules.authority.onCall(rotation, at: now) else { return nil }
            func name(_ id: String) -> String { rules.authority.person(id: id)?.name ?? id }
            return OnCallReport(
                role: rotation.role, now: name(shift.now), next: name(shift.next),
                handOverAt: shift.handOver.rfc3339)
        }
    }

    func caller(_ caller: Caller) -> CallerReport {
        CallerReport(
            user: caller.user, name: rules.authority.name(user: caller.user),
            roles: rules.authority.roles(user: caller.user))
    }

    func event(_ event: Event, seq: Int, at moment: Timestamp) -> EventReport {
        let sentence = rules.sentence(event, in: situation)
        let tone: EventTone =
            switch sentence.tone {
            case .plain: .plain
            case .good: .good
            case .warning: .warning
            case .bad: .bad
            }
        return EventReport(
            seq: seq, at: moment.rfc3339, kind: event.kind, text: sentence.text, tone: tone,
            by: sentence.by, emergency: event.emergencyID ?? situation.emergency?.id,
            procedure: event.procedureID)
    }
}

extension Event {
    fileprivate var emergencyID: String? {
        if case .emergencyActivated(let activation) = self { return activation.id }
        return nil
    }
    fileprivate var procedureID: String? {
        switch self {
        case .procedureStarted(let procedure): procedure.id
        case .stepStarted(let id, _, _), .stepEnded(let id, _, _, _), .pauseRequested(let id, _),
            .procedurePaused(let id), .procedureWaits(let id, _), .procedureResumed(let id, _),
            .stepResolved(let id, _, _, _), .undoStarted(let id, _), .procedureEnded(let id, _, _):
            id
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .emergencyActivated, .triggerJoined, .levelChanged,
            .acknowledged, .deactivated, .escalated, .notified, .noted, .fallbackSwitched,
            .backupTaken, .rollbackVetoed, .autoRecoverySwitched,
            .acknowledgementExpired, .handedOver, .reopened, .messageQueued, .deliveryAdded,
            .deliveryStarted, .deliveryEnded, .deliveryInterrupted, .deliveryDropped,
            .deliveryDead, .deliveryRevived, .deliveryDismissed, .alertFired, .alertResolved,
            .lineSet, .onCallOverridden, .onCallOverrideEnded, .alertsConfigured, .fallbacksDue,
            .gapNoticed, .clockStepped:
            nil
        }
    }
}

/// The fingerprint of a plan: two plans with the same hash run the same steps.
enum PlanHash {
    /// SHA-256 over the service's name and every stage and step, in lower-case hex.
    static func of(_ stages: [ProcedureStage], service: String) -> String {
        struct Fingerprint: Encodable {
            var service: String
            var stages: [[Step]]
            var names: [String]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let content = Fingerprint(
            service: service, stages: stages.map { $0.steps.map(\.step) },
            names: stages.map(\.name))
        // Steps are plain values; encoding them cannot fail short of a defect, and then nothing matches.
        let bytes = (try? encoder.encode(content)) ?? Data()
        return SHA256.hash(data: bytes).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
