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
                ActionReport(
                    name: $0.name, title: $0.name, danger: nil,
                    steps: rules.playbookStages($0).flatMap(\.steps).map { entry in
                        var step = planned(entry.step, nil)
                        step.isInstead = entry.replaces != nil
                        return step
                    })
            },
            fallbacks: runbook.fallbacks.map {
                ActionReport(name: $0.name, title: $0.title, danger: nil, steps: planned($0.enable))
            },
            services: services.filter { !$0.2.isEmpty }.map {
                ActionReport(name: $0.0, title: $0.1, danger: nil, steps: planned($0.2))
            },
            rollback: rollbackReport(caller), people: people, external: external, onCall: onCall,
            faults: faults, localAlerts: runbook.localAlerts, plans: plans, backup: backupPlan,
            testMode: testMode)
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
        let missing = rules.missing(rule, [caller.user])
        return AuthorizationReport(
            kind: rule.kind,
            needs: rules.authority.list(needs, "and")
                + (rule.onlyDuringLevel.map { ", only during level \($0.rawValue)" } ?? ""),
            people: people,
            refused: rules.refusal(of: rule, in: situation)?.why,
            missing: missing.isEmpty ? nil : rules.spelled(missing, without: [caller.user]))
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
    var onCall: [OnCallReport] {
        func name(_ id: String) -> String { rules.authority.person(id: id)?.name ?? id }
        let coming = situation.onCallOverrides.filter { $0.until > now }
        // A role without shifts can have a stand-in too.
        let alone = coming.map(\.role).filter { role in
            !runbook.onCall.contains { $0.role == role }
        }
        let rotations = runbook.onCall.compactMap { rotation in
            rules.authority.onCall(rotation, at: now).map { (rotation.role, $0) }
        }
        func report(_ role: String, _ now: String, _ next: String, _ at: Timestamp) -> OnCallReport
        {
            let force = Authority.override(of: role, at: self.now, among: coming)
            return OnCallReport(
                role: role, now: force.map { name($0.person) } ?? now, next: next,
                handOverAt: at.rfc3339, override: force?.id, overriddenBy: force?.by,
                insteadOf: force == nil ? nil : now,
                overrides: coming.filter { $0.role == role }.sorted { $0.from < $1.from }.map {
                    OverrideReport(
                        id: $0.id, person: name($0.person), from: $0.from.rfc3339,
                        until: $0.until.rfc3339)
                })
        }
        var reports = rotations.map {
            report($0.0, name($0.1.now), name($0.1.next), $0.1.handOver)
        }
        for role in alone where !reports.contains(where: { $0.role == role }) {
            let usual = rules.authority.list(rules.authority.members(of: role).map(name), "and")
            let until = coming.first { $0.role == role }?.until ?? now
            reports.append(report(role, usual, usual, until))
        }
        return reports
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
            by: sentence.by, emergency: event.emergencyID ?? situation.emergency(at: moment),
            procedure: event.procedureID, message: event.messageID,
            level: event.level?.rawValue)
    }
}

extension Situation {
    /// The id of the emergency that was open then, as far as is still known.
    fileprivate func emergency(at moment: Timestamp) -> String? {
        if let emergency, moment >= (emergency.reopenedAt ?? emergency.activatedAt) {
            return emergency.id
        }
        let first = past.last { $0.activatedAt <= moment && moment <= $0.endedAt }
        return first?.id ?? emergency.flatMap { moment >= $0.activatedAt ? $0.id : nil }
    }
}

extension Event {
    fileprivate var emergencyID: String? {
        if case .emergencyActivated(let activation) = self { return activation.id }
        if case .reopened(let reopening) = self { return reopening.id }
        if case .outbox(.queued(let message, _)) = self { return message.emergency }
        return nil
    }
    fileprivate var level: Level? {
        if case .emergencyActivated(let activation) = self { return activation.level }
        if case .reopened(let reopening) = self { return reopening.level }
        if case .levelChanged(let level, _, _, _) = self { return level }
        return nil
    }
    /// The message, or the delivery, that it is about.
    fileprivate var messageID: String? {
        guard case .outbox(let event) = self else { return nil }
        switch event {
        case .queued(let message, _): return message.id
        case .added(let delivery): return delivery.id
        case .started(let id, _), .ended(let id, _, _), .interrupted(let id), .dropped(let id, _),
            .dead(let id, _), .revived(let id, _), .dismissed(let id, _):
            return id
        }
    }
    fileprivate var procedureID: String? {
        switch self {
        case .procedureStarted(let procedure): procedure.id
        case .stepStarted(let id, _, _), .stepEnded(let id, _, _, _), .pauseRequested(let id, _),
            .procedurePaused(let id), .procedureWaits(let id, _), .procedureResumed(let id, _),
            .stepResolved(let id, _, _, _), .undoStarted(let id, _, _),
            .procedureEnded(let id, _, _),
            .stepSkipped(let id, _, _), .procedureStopped(let id, _, _), .watchLooked(let id, _, _),
            .watchProblem(let id, _, _), .watchEnded(let id, _):
            id
        case .watchBegan(let watch): watch.rollback
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .emergencyActivated, .triggerJoined, .levelChanged,
            .acknowledged, .deactivated, .escalated, .notified, .noted, .fallbackSwitched,
            .backupTaken, .rollbackVetoed, .autoRecoverySwitched,
            .acknowledgementExpired, .handedOver, .reopened, .outbox, .alertFired, .alertResolved,
            .lineSet, .onCallOverridden, .onCallOverrideEnded, .alertsConfigured, .fallbacksDue,
            .gapNoticed, .clockStepped, .rollbackRequested, .rollbackApproved,
            .rollbackRequestEnded, .rollbackAnnounced, .recoveryOverdue:
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
