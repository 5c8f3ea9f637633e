// How each event changes the situation. Total: any journal that was written can be applied.
package import Domain
import OrderedCollections

extension Situation {
    /// Takes an event in. Does not count `seq`: that is the journal's.
    package mutating func apply(_ event: Event, at moment: Timestamp) {
        switch event {
        case .engineStarted:
            if emergency == nil, quietSince == nil { quietSince = moment }
        case .engineStopped:
            break
        case .probeChanged(let probe, _, let to, let message):
            probes[probe] = ProbeStanding(health: to, since: moment, message: message)
            if to == .healthy { endProblem(of: probe, at: moment) }
        case .conditionBegan(let name, let why):
            conditions[name] = ConditionStanding(since: moment, why: why)
            // What comes back was not mended by any attempt so far.
            if case .trigger(let trigger) = name, procedure == nil, let open = emergency,
                open.triggers.contains(trigger)
            {
                emergency?.failedAttempts = open.attempts.count
            }
        case .conditionEnded(let name):
            conditions[name] = nil
            switch name {
            case .trigger(let trigger): spentTriggers.remove(trigger)
            case .rollback(let rule):
                announcedRules[rule] = nil
                vetoedRules.remove(rule)
            }
        case .problemReported(let kind, let text, let by):
            reported[kind] = ReportedProblem(
                text: text, by: by, at: moment, alerts: reported[kind]?.alerts ?? [])
        case .problemCleared(let kind, _):
            reported[kind] = nil
        case .emergencyActivated, .triggerJoined, .levelChanged, .acknowledged, .deactivated,
            .escalated, .autoRecoverySwitched, .acknowledgementExpired, .handedOver, .reopened:
            applyEmergency(event, at: moment)
        case .notified(let people, _, let title, _):
            lastNotice = Notice(at: moment, title: title, people: people)
        case .noted:
            break
        case .fallbackSwitched(let name, let enabled, _):
            if enabled { enabledFallbacks.append(name) } else { enabledFallbacks.remove(name) }
        case .backupTaken(let receipt):
            lastBackup = receipt
            procedure?.backup = receipt.id
        case .rollbackVetoed(let rule, _, _):
            vetoedRules.append(rule)
        case .procedureStarted, .stepStarted, .stepEnded, .pauseRequested, .procedurePaused,
            .procedureWaits, .procedureResumed, .stepResolved, .undoStarted, .procedureEnded,
            .stepSkipped, .procedureStopped:
            applyProcedure(event, at: moment)
        case .rollbackRequested, .rollbackApproved, .rollbackRequestEnded, .rollbackAnnounced,
            .watchBegan, .watchLooked, .watchProblem, .watchEnded, .recoveryOverdue:
            applyRollback(event, at: moment)
        case .outbox(let event): apply(event, at: moment)
        case .alertFired(let problem, let fingerprint, let text, let by):
            noteAlert(problem, fingerprint, text, by: by, at: moment)
        case .alertResolved(let problem, let fingerprint, _): endAlert(problem, fingerprint)
        case .lineSet(let line, _): self.line = line
        case .onCallOverridden(let override, _): add(override, at: moment)
        case .onCallOverrideEnded(let id, _): onCallOverrides.removeAll { $0.id == id }
        case .fallbacksDue(let names, let enable):
            if enable {
                fallbacksDue += names
            } else {
                fallbacksToEnd.removeAll { names.contains($0) }
            }
        case .clockStepped(let seconds): shiftClocks(by: Span(seconds: seconds))
        // Nobody could veto meanwhile: countdowns are told and begin anew.
        case .gapNoticed: announcedRules = [:]
        case .alertsConfigured: break
        }
    }

    private mutating func applyEmergency(_ event: Event, at moment: Timestamp) {
        switch event {
        case .emergencyActivated(let activation):
            emergency = Emergency(activation: activation, at: moment)
            quietSince = nil
            lastEnded = nil
            // What is still enabled from the last one goes on being the engine's to disable.
            fallbacksDue = fallbacksToEnd
            fallbacksToEnd = []
            countID(activation.id)
        case .reopened(let reopening): reopen(reopening, at: moment)
        case .triggerJoined(let name, _):
            emergency?.triggers.append(name)
        case .levelChanged(let level, let respondBy, let reason, let by):
            if by == "engine" { emergency?.reason = reason }
            emergency?.level = level
            // Its row begins anew, also when it had this level before.
            emergency?.escalation.removeAll { $0.level == level }
            emergency?.levelSince = moment
            emergency?.respondBy = respondBy
        case .acknowledged(let by, _, let until):
            emergency?.acknowledgedBy = by
            if emergency?.acknowledgedAt == nil { emergency?.acknowledgedAt = moment }
            if emergency?.acknowledgedUntil == nil || emergency?.heldSince == nil {
                emergency?.heldSince = moment
            }
            emergency?.acknowledgedUntil = until
            emergency?.isGiven = false
        case .acknowledgementExpired: expireAcknowledgement(at: moment)
        case .handedOver(let to, _, _, let until):
            emergency?.acknowledgedBy = to
            if emergency?.acknowledgedAt == nil { emergency?.acknowledgedAt = moment }
            emergency?.heldSince = moment
            emergency?.acknowledgedUntil = until
            emergency?.isGiven = until != nil
        case .deactivated(let resolvedBy, _, _):
            guard let ended = emergency else { return }
            past.append(PastEmergency(ended, endedAt: moment, resolvedBy: resolvedBy))
            past = past.suffix(Limits.pastEmergencies)
            for name in conditions.keys {
                if case .trigger(let trigger) = name { spentTriggers.append(trigger) }
            }
            lastEnded = EndedEmergency(emergency: ended, endedAt: moment)
            fallbacksToEnd = fallbacksDue.filter { enabledFallbacks.contains($0) }
            fallbacksDue = []
            line = nil
            emergency = nil
            quietSince = moment
        case .escalated(let taken):
            let standing = EscalationStanding(
                level: taken.level, index: taken.index, rounds: taken.round, lastAt: moment)
            if let index = emergency?.escalation.firstIndex(where: {
                $0.level == taken.level && $0.index == taken.index
            }) {
                emergency?.escalation[index] = standing
            } else {
                emergency?.escalation.append(standing)
            }
        case .autoRecoverySwitched(let on, _):
            emergency?.recoversByItself = on
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .notified, .noted, .fallbackSwitched,
            .procedureStarted, .stepStarted, .stepEnded, .pauseRequested, .procedurePaused,
            .procedureWaits, .procedureResumed, .stepResolved, .undoStarted, .procedureEnded,
            .backupTaken, .rollbackVetoed,
            .outbox, .alertFired, .alertResolved,
            .lineSet, .onCallOverridden, .onCallOverrideEnded, .alertsConfigured, .fallbacksDue,
            .gapNoticed, .clockStepped, .stepSkipped, .procedureStopped, .rollbackRequested,
            .rollbackApproved, .rollbackRequestEnded,
            .rollbackAnnounced, .watchBegan, .watchLooked, .watchProblem, .watchEnded,
            .recoveryOverdue:
            break
        }
    }

    /// The same emergency goes on: its story, its attempts and its ticket stay.
    private mutating func reopen(_ reopening: Reopening, at moment: Timestamp) {
        guard let ended = lastEnded, ended.emergency.id == reopening.id else { return }
        var open = ended.emergency
        open.level = reopening.level
        open.levelSince = moment
        open.respondBy = reopening.respondBy
        open.reason = reopening.reason
        open.acknowledgedBy = nil
        open.acknowledgedAt = nil
        open.acknowledgedUntil = nil
        open.heldSince = nil
        open.isGiven = false
        open.escalation = []
        open.recoversByItself = false
        open.failedAttempts = open.attempts.count
        open.reopenings += 1
        open.reopenedAt = moment
        // The others join again when they hold, and may raise it as they did the first time.
        open.triggers = reopening.trigger.map { [$0] } ?? []
        emergency = open
        lastEnded = nil
        past.removeAll { $0.id == reopening.id }
        // What is still enabled from before goes on being the engine's to disable.
        fallbacksDue = fallbacksToEnd
        fallbacksToEnd = []
        quietSince = nil
    }

    /// The time of the acknowledgement counts neither on the response clock nor in the escalation.
    private mutating func expireAcknowledgement(at moment: Timestamp) {
        guard var open = emergency, let since = open.acknowledgedAt else { return }
        // A level that was set, or a step that was taken meanwhile, has stood still since then only.
        let pause = moment - max(since, open.levelSince)
        open.levelSince = open.levelSince + pause
        open.respondBy = open.respondBy + pause
        for index in open.escalation.indices {
            let last = open.escalation[index].lastAt
            open.escalation[index].lastAt = last + (moment - max(since, last))
        }
        open.acknowledgedBy = nil
        open.acknowledgedAt = nil
        open.acknowledgedUntil = nil
        open.heldSince = nil
        open.isGiven = false
        emergency = open
    }

    private mutating func applyProcedure(_ event: Event, at moment: Timestamp) {
        switch event {
        case .procedureStarted(let started):
            // A rollback that is a step of a playbook runs while the playbook waits.
            if let parent = started.parent, procedure?.id == parent { playbook = procedure }
            procedure = started
            if started.kind == .rollback, !started.testMode { ask = nil }
            countID(started.id)
            if started.kind == .recovery, started.attempt > 0 {
                emergency?.attempts.append(started.name)
            }
        case .stepStarted(_, let address, _):
            guard procedure?.holds(address) == true else { return }
            procedure?[address].state = .running
            procedure?[address].starts += 1
            procedure?[address].startedAt = moment
            procedure?[address].message = ""
            procedure?[address].undoIsUnknown = nil
            procedure?.message = ""
        case .stepEnded(_, let address, let undo, let outcome):
            guard procedure?.holds(address) == true else { return }
            procedure?[address].state = Self.state(after: outcome.end, undo: undo)
            procedure?[address].seconds = outcome.seconds
            procedure?[address].message = outcome.message
            procedure?[address].undoIsUnknown = undo && outcome.end == .unknown ? true : nil
            if !undo, outcome.end == .failed { failGuard(of: address) }
            if !undo, outcome.end == .succeeded { remember(address, outcome.seconds) }
        case .pauseRequested:
            procedure?.pauseRequested = true
        case .procedurePaused:
            let taken = procedure?.state == .undoing ? procedure?.undoneTo : nil
            let stage = taken.flatMap { procedure?.stages[$0].name }
            procedure?.state = .paused
            procedure?.undoneTo = nil
            procedure?.message = stage.map { "taken back to before “\($0)”" } ?? "paused"
        case .procedureWaits(_, let why):
            procedure?.state = .waiting
            procedure?.message = why
        case .procedureResumed(let id, _):
            resume(id)
        case .stepResolved(_, let address, let done, let by):
            guard procedure?.holds(address) == true else { return }
            resolve(address, done: done, by: by)
        case .stepSkipped(_, let address, let why):
            guard procedure?.holds(address) == true else { return }
            procedure?[address].state = .skipped
            procedure?[address].message = why
        case .procedureStopped:
            break
        case .undoStarted(let id, _, let stage):
            takeUp(id)
            let ranUntil = procedure?.ranUntil ?? procedure?.finishedAt ?? moment
            procedure?.ranUntil = ranUntil
            procedure?.undoBeganAt = moment
            let count = procedure?.stages.count ?? 0
            procedure?.undoneTo = stage.flatMap { $0 < count ? $0 : nil }
            procedure?.pauseRequested = false
            procedure?.state = .undoing
            // A person has it tried again, however often its end was not known.
            for address in procedure?.addresses ?? []
            where procedure?[address].state == .unknown
                && address.stage >= procedure?.undoneTo ?? 0
            {
                procedure?[address].state = .failed
            }
            procedure?.finishedAt = nil
            procedure?.message = ""
        case .procedureEnded(_, let state, let message):
            end(state, message, at: moment)
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .emergencyActivated, .triggerJoined, .levelChanged,
            .acknowledged, .deactivated, .escalated, .notified, .noted, .fallbackSwitched,
            .backupTaken, .rollbackVetoed, .autoRecoverySwitched,
            .acknowledgementExpired, .handedOver, .reopened, .outbox, .alertFired, .alertResolved,
            .lineSet, .onCallOverridden, .onCallOverrideEnded, .alertsConfigured, .fallbacksDue,
            .gapNoticed, .clockStepped, .rollbackRequested, .rollbackApproved,
            .rollbackRequestEnded,
            .rollbackAnnounced, .watchBegan, .watchLooked, .watchProblem, .watchEnded,
            .recoveryOverdue:
            break
        }
    }

    /// A person's word about a step that waited: forward, or while it was being taken back.
    private mutating func resolve(_ address: StepAddress, done: Bool, by: String) {
        if procedure?[address].undoIsUnknown == true {
            if done {
                procedure?[address].state = .undone
                procedure?[address].message = "taken back, says \(by); nothing else knows"
            }
            procedure?[address].undoIsUnknown = nil
            procedure?.state = .undoing
        } else {
            // It may have run: if it is paused before it runs again, an undo takes it back too.
            procedure?[address].state = done ? .succeeded : .failed
            if done { procedure?[address].message = "done, says \(by); nothing else knows" }
            procedure?.state = .running
        }
        procedure?.message = ""
    }

    private static func state(after end: StepOutcome.End, undo: Bool) -> StepState {
        switch end {
        case .succeeded, .wouldRun: undo ? .undone : .succeeded
        case .alreadyDone: undo ? .undone : .skipped
        case .failed: .failed
        case .unknown: .unknown
        }
    }

    /// What ended goes on, forwards or backwards.
    private mutating func takeUp(_ id: String) {
        guard procedure == nil else { return }
        if rollback?.id == id {
            procedure = rollback
            rollback = nil
        } else if lastProcedure?.id == id {
            procedure = lastProcedure
            lastProcedure = nil
        }
    }

    /// The innermost guard that has not failed yet fails; what replaces its steps goes on.
    private mutating func failGuard(of address: StepAddress) {
        guard var failing = procedure, let open = failing.openGuard(of: address) else { return }
        failing.failedGuards = (failing.failedGuards ?? []) + [open]
        procedure = failing
    }

    private mutating func resume(_ id: String) {
        takeUp(id)
        procedure?.pauseRequested = false
        guard procedure?.state != .running else { return }
        procedure?.state = .running
        procedure?.ranUntil = nil
        procedure?.undoBeganAt = nil
        procedure?.finishedAt = nil
        procedure?.message = ""
        for address in procedure?.addresses ?? [] {
            // Forward, the question is whether it ran, no longer whether it was taken back.
            procedure?[address].undoIsUnknown = nil
            guard procedure?.isForgiven(address) == false else { continue }
            switch procedure?[address].state {
            case .failed, .undone: procedure?[address].state = .pending
            // Whether it may run again is the rules' to say, and else a person's.
            case .pending, .running, .succeeded, .skipped, .unknown, nil: break
            }
        }
    }

    private mutating func end(_ state: ProcedureState, _ message: String, at moment: Timestamp) {
        guard var ended = procedure else { return }
        ended.state = state
        ended.message = message
        ended.finishedAt = moment
        ended.pauseRequested = false
        procedure = nil
        let entry = PastProcedure(ended, finishedAt: moment)
        if let index = pastProcedures.firstIndex(where: { $0.id == ended.id }) {
            pastProcedures[index] = entry
        } else {
            pastProcedures.append(entry)
            pastProcedures = pastProcedures.suffix(Limits.pastProcedures)
        }
        if ended.testMode {
            lastTest = ended
        } else if ended.kind == .rollback {
            rollback = ended
        } else {
            lastProcedure = ended
        }
        if let outer = playbook, outer.id == ended.parent {
            procedure = outer
            playbook = nil
        }
        if ended.kind == .recovery, ended.attempt > 0 {
            if state == .failed { emergency?.failedAttempts += 1 }
        }
    }

    /// What a step is known by when its time is remembered.
    package static func stepKey(_ procedure: Procedure, _ address: StepAddress) -> String {
        "\(procedure.kind.rawValue) \(procedure.name)/\(procedure.stages[address.stage].name)/"
            + procedure[address].step.name
    }

    private mutating func remember(_ address: StepAddress, _ seconds: Double) {
        guard let procedure else { return }
        let key = Self.stepKey(procedure, address)
        stepSeconds.removeValue(forKey: key)
        stepSeconds[key] = seconds
        if stepSeconds.count > Limits.stepSeconds { stepSeconds.removeFirst() }
    }

    mutating func countID(_ id: String) {
        guard let cut = id.lastIndex(of: "_") else { return }
        let beginning = String(id[..<cut])
        guard let number = Int(id[id.index(after: cut)...]) else { return }
        idsGiven[beginning] = max(idsGiven[beginning] ?? 0, number)
        if idsGiven.count > Limits.idDays * ProcedureKind.count { idsGiven.removeFirst() }
    }
}

extension ProcedureKind {
    /// How many kinds of id a day may need: every kind of procedure, and emergencies.
    fileprivate static let count = 10
}
