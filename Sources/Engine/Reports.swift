// The situation in the shapes that front ends read.
import Domain
import OrderedCollections
import Rules
import Wire

/// What a report needs beside the situation.
struct ReportContext {
    var rules: Rules
    var situation: Situation
    var now: Timestamp
    var startedAt: Timestamp
    var pid: Int
    var alarms: [String]
    /// The last lines of output, by procedure.
    var output: [String: [String]]

    var runbook: Runbook { rules.runbook }
}

extension ReportContext {
    func report(_ monitor: Monitor) -> SituationReport {
        SituationReport(
            core: core(monitor), components: runbook.components.map { component($0, monitor) },
            metrics: monitor.metrics.map { metric($0.key, $0.value) },
            gauges: runbook.gauges.indices.map { gauge($0, monitor) }, deliveries: deliveries)
    }

    var componentStates: [(component: Component, health: Health)] {
        runbook.components.map { (component: $0, health: situation.health(of: $0)) }
    }
    var score: Int { HealthRules.score(componentStates) }

    func core(_ monitor: Monitor) -> SituationCore {
        let states = componentStates
        return SituationCore(
            service: runbook.service.name, title: runbook.service.title,
            environment: runbook.service.environment, time: now.rfc3339,
            engine: EngineReport(
                version: Product.version, pid: pid, uptimeSeconds: (now - startedAt).seconds,
                probes: monitor.entries.count, startedAt: startedAt.rfc3339),
            health: HealthReport(
                score: HealthRules.score(states), state: HealthRules.overall(states)),
            level: situation.emergency.map {
                LevelReport(number: $0.level.rawValue, name: rules.levelName($0.level))
            },
            emergency: situation.emergency.map(emergency),
            fallbacks: runbook.fallbacks.map {
                FallbackReport(
                    name: $0.name, title: $0.title,
                    enabled: situation.enabledFallbacks.contains($0.name))
            },
            proposals: proposals, procedure: situation.procedure.map(procedure),
            rollback: (isRollingBack ? situation.procedure : situation.rollback).map(procedure),
            lastProcedure: situation.lastProcedure.map(procedure), kpis: kpis,
            escalation: escalation, reported: Array(situation.reported.keys),
            alarms: alarms + rules.notTold(situation),
            quietSince: situation.quietSince?.rfc3339,
            line: situation.line.map { LineReport(status: $0.status, message: $0.message) },
            problems: problems, onCall: onCall, channels: channels, outbox: outbox,
            playbook: situation.playbook.map(procedure),
            lastTest: situation.lastTest.map(procedure), request: request, watch: watch,
            past: past)
    }

    private var isRollingBack: Bool {
        situation.procedure.map { $0.kind == .rollback && !$0.testMode } ?? false
    }

    private func emergency(_ emergency: Emergency) -> EmergencyReport {
        EmergencyReport(
            id: emergency.id, level: emergency.level.rawValue,
            reason: emergency.reason, triggeredBy: emergency.activation.triggeredBy,
            failure: rules.failure(of: emergency), activatedAt: emergency.activatedAt.rfc3339,
            acknowledgedBy: emergency.acknowledgedBy,
            acknowledgedAt: (emergency.heldSince ?? emergency.acknowledgedAt)?.rfc3339,
            respondBy: emergency.respondBy.rfc3339, recoveryAttempts: emergency.attempts.count,
            maxRecoveryAttempts: runbook.recovery.maxAttempts,
            stillHolding: rules.stillFailing(emergency, in: situation),
            acknowledgedUntil: emergency.acknowledgedUntil?.rfc3339, ticket: emergency.ticket,
            reopenings: emergency.reopenings, told: told(of: emergency),
            acknowledgedByName: emergency.acknowledgedBy.map { rules.authority.name(user: $0) },
            triggers: emergency.triggers,
            escalatesAt: rules.recoveryEscalatesAt(situation)?.rfc3339)
    }

    func component(_ component: Component, _ monitor: Monitor) -> ComponentReport {
        let state = situation.health(of: component)
        let cause =
            state == .healthy
            ? nil
            : HealthRules.cause(of: component, in: runbook) { name in
                runbook.components.first { $0.name == name }.map(situation.health) ?? .unknown
            }
        return ComponentReport(
            name: component.name, title: component.title, state: state,
            critical: component.critical, probes: component.probes.map { probe($0, monitor) },
            consequenceOf: cause)
    }

    private func probe(_ probe: Probe, _ monitor: Monitor) -> ProbeReport {
        let standing = situation.probes[probe.reference]
        let entry = monitor.entry(probe.reference)
        return ProbeReport(
            name: probe.reference.probe, kind: probe.check.kind,
            state: standing?.health ?? .unknown,
            failing: standing?.health == .failed ? 0 : entry?.tracker.failing ?? 0,
            latencyMs: (entry?.last?.latency).map { ($0 * 100_000).rounded() / 100 },
            message: entry?.last?.message ?? standing?.message ?? "not checked yet",
            since: (standing?.since ?? startedAt).rfc3339, checkedAt: entry?.lastAt?.rfc3339)
    }

    func metric(_ name: String, _ standing: Monitor.MetricStanding) -> MetricReport {
        MetricReport(
            name: name, value: standing.value, unit: standing.unit, at: standing.at.rfc3339)
    }

    func gauge(_ index: Int, _ monitor: Monitor) -> GaugeReport {
        let gauge = runbook.gauges[index]
        let (value, unit): (Double?, String) =
            switch gauge.source {
            case .metric(let name):
                (
                    monitor.metrics[name].flatMap { $0.isFresh ? $0.value : nil },
                    monitor.metrics[name]?.unit ?? ""
                )
            case .probe(let reference):
                ((monitor.entry(reference)?.last?.latency).map { $0 * 1000 }, "ms")
            case .emergencies: (Double(kpis.emergencies24h), "")
            case .recoverySuccessRate: (kpis.recoverySuccessRate, "%")
            case .rollbackSuccessRate: (kpis.rollbackSuccessRate, "%")
            case .healthScore: (Double(score), "")
            }
        let good = value.flatMap { value -> Bool? in
            if gauge.goodAbove == nil, gauge.goodBelow == nil { return nil }
            return value >= (gauge.goodAbove ?? -.infinity)
                && value <= (gauge.goodBelow ?? .infinity)
        }
        return GaugeReport(
            title: gauge.title, value: value, unit: unit, goodAbove: gauge.goodAbove,
            goodBelow: gauge.goodBelow, good: good, trend: monitor.trends[index].values)
    }

    private var proposals: [ProposalReport] {
        guard let emergency = situation.emergency else { return [] }
        var list: [ProposalReport] = []
        let holding = rules.stillHolding(emergency, in: situation)
        if let action = rules.nextAction(emergency), !holding.isEmpty {
            list.append(
                ProposalReport(
                    kind: "recovery", name: action.name, title: action.title,
                    why: "attempt \(emergency.attempts.count + 1) of "
                        + "\(runbook.recovery.maxAttempts)", runsAt: nil))
        }
        if let plan = rules.plan(for: emergency), !plan.manual.isEmpty, !holding.isEmpty,
            situation.procedure == nil
        {
            let count = plan.manual.count
            list.append(
                ProposalReport(
                    kind: "recovery", name: Rules.byHand, title: "Recover by hand",
                    why: "\(count) \(count == 1 ? "thing" : "things") that a person does",
                    runsAt: nil))
        }
        for proposal in rules.rollbackProposals(situation, at: now) {
            list.append(
                ProposalReport(
                    kind: "rollback", name: proposal.rule.name,
                    title: "Roll back to \(runbook.rollback?.to ?? "")", why: proposal.why,
                    runsAt: proposal.runsAt?.rfc3339))
        }
        // Only what would help: while users are cut off, and not once all is well again.
        if emergency.level <= .high, !holding.isEmpty {
            for fallback in runbook.fallbacks
            where !situation.enabledFallbacks.contains(fallback.name) {
                list.append(
                    ProposalReport(
                        kind: "fallback", name: fallback.name,
                        title: "Enable fallback: \(fallback.title)",
                        why: "users can be reached while it lasts", runsAt: nil))
            }
        }
        return list
    }

    func procedure(_ procedure: Procedure) -> ProcedureReport {
        let all = procedure.addresses
        let over = all.filter { isOver(procedure[$0].state, procedure.state) }.count
        return ProcedureReport(
            id: procedure.id, kind: procedure.kind, name: procedure.name, title: procedure.title,
            state: procedure.state, startedAt: procedure.startedAt.rfc3339,
            finishedAt: procedure.finishedAt?.rfc3339, startedBy: procedure.startedBy,
            reason: procedure.reason, attempt: procedure.attempt,
            authorization: procedure.authorization, testMode: procedure.testMode,
            message: procedure.message, backup: procedure.backup,
            progress: all.isEmpty ? 1 : Double(over) / Double(all.count),
            expectedSeconds: expected(procedure),
            targetSeconds: procedure.kind == .rollback
                ? runbook.rollback?.targetDuration.seconds
                : procedure.kind == .recovery ? runbook.targets.recoveryDuration.seconds : nil,
            stages: procedure.stages.indices.map { stage(procedure, $0) },
            output: output[procedure.id] ?? [], approvals: approvals(procedure.approvals ?? []),
            parent: procedure.parent,
            pauses: procedure.pauseRequested && procedure.state == .running,
            undoBeganAt: procedure.undoBeganAt?.rfc3339, ranUntil: procedure.ranUntil?.rfc3339)
    }

    private func isOver(_ step: StepState, _ procedure: ProcedureState) -> Bool {
        switch step {
        case .succeeded, .skipped: procedure != .undoing
        // Taken back to a stage and paused: it has to be run again.
        case .undone: procedure != .paused
        case .pending: procedure == .undoing
        case .running, .failed, .unknown: false
        }
    }

    private func stage(_ procedure: Procedure, _ index: Int) -> StageReport {
        let stage = procedure.stages[index]
        return StageReport(
            name: stage.name, state: Self.state(of: stage.steps.map(\.state)),
            steps: stage.steps.indices.map { number in
                let entry = stage.steps[number]
                let key = Situation.stepKey(procedure, StepAddress(stage: index, step: number))
                return StepReport(
                    name: entry.step.name, kind: entry.step.work.kind, state: entry.state,
                    seconds: entry.seconds, message: entry.message,
                    command: described(entry.step.work, units: runbook.units),
                    undoable: entry.step.isUndoable,
                    expectedSeconds: situation.stepSeconds[key])
            })
    }

    /// A stage is what its steps make it: the worst that happened, or how far it is.
    static func state(of steps: [StepState]) -> StepState {
        if steps.contains(.failed) { return .failed }
        if steps.contains(.unknown) { return .unknown }
        if steps.contains(.running) { return .running }
        if steps.allSatisfy({ $0 == .pending }) { return steps.isEmpty ? .succeeded : .pending }
        if steps.allSatisfy({ $0 == .undone || $0 == .pending || $0 == .skipped }) {
            return steps.contains(.undone)
                ? .undone : steps.contains(.pending) ? .running : .skipped
        }
        if steps.contains(.pending) || steps.contains(.undone) { return .running }
        return .succeeded
    }

    /// The sum of what its steps took when they last succeeded; nil when nothing is known of one that
    /// takes time.
    private func expected(_ procedure: Procedure) -> Double? {
        var sum = 0.0
        for address in procedure.addresses {
            // Of what was taken back, the seconds are those of taking it back.
            if let seconds = procedure[address].seconds, procedure[address].state != .undone {
                sum += seconds
            } else if let seconds = situation.stepSeconds[Situation.stepKey(procedure, address)] {
                sum += seconds
            } else if procedure[address].step.work.needsRunner {
                return nil
            }
        }
        return sum
    }

    var kpis: KPIReport {
        let dayAgo = now - .hours(24)
        let recent = situation.past.filter { $0.activatedAt >= dayAgo }.count
        let open = situation.emergency.map { $0.activatedAt >= dayAgo ? 1 : 0 } ?? 0
        let detected =
            situation.past.map { ($0.activatedAt - $0.began).seconds }
            + (situation.emergency.map { [($0.activatedAt - $0.activation.began).seconds] } ?? [])
        let responded =
            situation.past.compactMap { past in
                past.acknowledgedAt.map { ($0 - past.activatedAt).seconds }
            }
            + (situation.emergency.flatMap { open in
                open.acknowledgedAt.map { [($0 - open.activatedAt).seconds] }
            } ?? [])
        return KPIReport(
            emergencies24h: recent + open, recoverySuccessRate: rate(.recovery),
            rollbackSuccessRate: rate(.rollback), detectSeconds: mean(detected),
            respondSeconds: mean(responded))
    }

    private func rate(_ kind: ProcedureKind) -> Double? {
        // What was taken back on purpose says nothing of how well it went.
        let ended = situation.pastProcedures.filter {
            $0.kind == kind && !$0.testMode && $0.state != .undone
        }
        guard !ended.isEmpty else { return nil }
        let good = ended.filter { $0.state == .succeeded }.count
        return (Double(good) / Double(ended.count) * 1000).rounded() / 10
    }
    private func mean(_ values: [Double]) -> Double? {
        values.isEmpty
            ? nil : (values.reduce(0, +) / Double(values.count) * 1000).rounded() / 1000
    }

    private var escalation: [EscalationReport] {
        runbook.levels.map { definition in
            let level = definition.level
            let emergency = situation.emergency.flatMap { $0.level == level ? $0 : nil }
            let steps = runbook.escalation.first { $0.level == level }?.steps ?? []
            return EscalationReport(
                level: level.rawValue, name: definition.name, means: definition.means,
                respondWithinSeconds: definition.respondWithin.seconds, inForce: emergency != nil,
                steps: steps.enumerated().map { index, step in
                    escalationStep(step, index, level, emergency)
                })
        }
    }

    private func escalationStep(
        _ step: EscalationStep, _ index: Int, _ level: Level, _ emergency: Emergency?
    ) -> EscalationStepReport {
        let standing = emergency?.standing(level, index)
        let people = rules.people(of: step.notify, in: situation, at: now)
            .map { rules.authority.person(id: $0)?.name ?? $0 }
        return EscalationStepReport(
            afterSeconds: step.after.seconds, repeatEverySeconds: step.repeatEvery?.seconds,
            roles: step.notify, people: people, via: step.via, ticket: step.ticket,
            takenAt: standing?.lastAt.rfc3339, times: standing?.rounds ?? 0,
            dueAt: emergency.flatMap { rules.due(index, $0) }?.rfc3339)
    }
}
