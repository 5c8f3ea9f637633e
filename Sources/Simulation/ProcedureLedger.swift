// What each event of a simulated procedure must hold to.
import Domain
import OrderedCollections
import Rules
import TestKit

extension ProcedureLife {
    /// An event has happened; the situation has taken it in.
    mutating func see(_ event: Event) {
        switch event {
        case .procedureStarted(let procedure): begins(procedure)
        case .stepStarted(let id, let address, let undo): starts(id, address, undo)
        case .stepEnded(let id, let address, let undo, let outcome):
            ends(id, address, undo, outcome)
        case .stepSkipped(let id, let address, _):
            change(id) { $0.touched.insert(address) }
        case .stepResolved(let id, let address, let done, _): resolves(id, address, done)
        case .pauseRequested(let id, _): change(id) { $0.pauseAsked = true }
        case .procedurePaused(let id): pauses(id)
        case .procedureWaits(let id, _):
            guard let plan = model.running.last?.plan, plan.id == id else { return }
            if !plan.testMode, plan.kind == .rollback || plan.kind == .playbook {
                model.owed.append("WAITS")
            }
        case .procedureResumed(let id, _): resumes(id)
        case .undoStarted(let id, _, let stage):
            takeUp(id)
            change(id) { track in
                track.isUndoing = true
                track.undoFrom = stage ?? 0
                track.isPlain = false
                track.isPaused = false
                track.pauseAsked = false
            }
        case .procedureStopped(let id, _, _): change(id) { $0.isPlain = false }
        case .procedureEnded(let id, let state, _): over(id, state)
        case .rollbackRequested(let ask): asks(ask)
        case .rollbackApproved(let id, let by): agrees(id, by)
        case .rollbackRequestEnded(let id, _, _):
            if model.ask?.id != id { fault("\(id) is over and did not wait") }
            model.ask = nil
        case .rollbackVetoed(let rule, let by, _):
            if by != caller { fault("vetoed by \(by), who did not say so") }
            model.rules[rule]?.isVetoed = true
        case .rollbackAnnounced(let rule, _):
            model.rules[rule]?.announced = clock
            model.owed.append("STARTS BY ITSELF")
        case .conditionBegan(let name, _): holds(name, true)
        case .conditionEnded(let name): holds(name, false)
        case .watchBegan(let watch):
            model.watch = WatchTrack(until: watch.until - skew, every: watch.every, looked: clock)
        case .watchLooked: looks()
        case .watchEnded(_, let why):
            if why.contains("went down"), let until = model.watch?.until, clock < until {
                fault("the watch ends before \(until.rfc3339)")
            }
            model.watch = nil
        case .emergencyActivated(let activation): opens(activation.level)
        case .reopened(let reopening): opens(reopening.level)
        case .levelChanged(let level, _, _, _): opens(level)
        case .escalated(let taken): model.unheard?.taken.insert(taken.index)
        case .acknowledged, .handedOver, .acknowledgementExpired: model.unheard = nil
        case .deactivated:
            model.level = nil
            model.unheard = nil
            model.spent.formUnion(model.triggers.keys)
        case .outbox(.queued(let message, _)):
            if !message.people.isEmpty { model.said.append(message.title) }
        case .engineStarted, .engineStopped, .probeChanged, .problemReported, .problemCleared,
            .triggerJoined, .notified, .noted, .fallbackSwitched, .backupTaken,
            .autoRecoverySwitched, .outbox, .alertFired, .alertResolved, .lineSet,
            .onCallOverridden, .onCallOverrideEnded, .alertsConfigured, .fallbacksDue, .gapNoticed,
            .clockStepped, .watchProblem, .recoveryOverdue:
            break
        }
    }

    private mutating func opens(_ level: Level) {
        // Who has acknowledged keeps it when the level changes.
        if model.level == nil || model.unheard != nil { model.unheard = (clock, []) }
        model.level = level
    }
    private mutating func holds(_ name: ConditionName, _ holds: Bool) {
        switch name {
        case .trigger(let trigger):
            model.triggers[trigger] = holds ? clock : nil
            if !holds { model.spent.remove(trigger) }
        case .rollback(let rule): model.rules[rule] = holds ? RuleTrack(began: clock) : nil
        }
    }
    private mutating func looks() {
        guard let watch = model.watch else { return fault("a look at what is not watched") }
        if (clock - watch.looked).seconds < watch.every.seconds - 0.05 {
            fault("looked at after \(clock - watch.looked), not after \(watch.every.spelled)")
        }
        model.watch?.looked = clock
    }

    /// Changes what runs under this id.
    private mutating func change(_ id: String, _ body: (inout ProcedureTrack) -> Void) {
        guard let top = model.running.indices.last, model.running[top].plan.id == id else {
            return fault("\(id) is changed and does not run")
        }
        body(&model.running[top])
    }
    private mutating func takeUp(_ id: String) {
        guard model.running.isEmpty else { return }
        guard var track = model.ended.removeValue(forKey: id) else {
            return fault("\(id) is taken up and never was")
        }
        track.isPlain = false
        if track.plan.kind == .rollback, !track.plan.testMode { model.stands = nil }
        model.running = [track]
    }

    // MARK: Beginnings

    private mutating func begins(_ procedure: Procedure) {
        if let outer = model.running.last {
            if procedure.parent != outer.plan.id { fault("\(procedure.id) and \(outer.plan.id)") }
            if outer.isPaused || outer.pauseAsked || outer.isUndoing {
                fault("\(procedure.id) begins while \(outer.plan.id) is paused or taken back")
            }
        }
        if procedure.kind == .rollback, !procedure.testMode { authorised(procedure) }
        var track = ProcedureTrack(plan: procedure)
        for address in procedure.addresses where procedure[address].state == .skipped {
            track.touched.insert(address)
        }
        model.running.append(track)
    }

    private mutating func authorised(_ procedure: Procedure) {
        guard
            let rule = runbook.rollback?.authorization.first(where: {
                $0.kind == procedure.authorization
            })
        else { return fault("\(procedure.id) has no authorization") }
        if let half = model.halfDone { fault("\(procedure.id) begins while \(half) is half done") }
        // A person may say that the service was brought forward since; nobody and nothing else may.
        if standsStill,
            procedure.startedBy == "engine" || (procedure.parent != nil && model.ask == nil)
        {
            fault("\(procedure.id) begins while an earlier one stands")
        }
        if procedure.startedBy == "engine", procedure.parent == nil { return byRule(procedure) }
        let parent = model.running.last?.plan
        var words = [Word(user: caller ?? parent?.startedBy ?? "", at: clock)]
        if parent != nil { words[0].user = parent?.startedBy ?? "" }
        var stages = rules.rollbackStages(runbook.rollback ?? RollbackDefinition(to: ""))
        if let ask = model.ask {
            if ask.parent != procedure.parent { fault("\(procedure.id) takes another's request") }
            words = ask.words
            stages = ask.stages
        }
        let fresh = words.filter { (clock - $0.at).seconds < 30 * 60 }
        if !Directory(runbook).isAuthorised(rule, by: Set(fresh.map(\.user))) {
            fault("\(procedure.id) begins under \(rule) by \(fresh) of \(words)")
        }
        if let level = rule.onlyDuringLevel, level != model.level {
            fault("\(procedure.id) begins at level \(model.level?.rawValue ?? 0)")
        }
        let named = procedure.approvals?.map(\.user) ?? []
        if Set(named).count != named.count || !Set(named).isSubset(of: fresh.map(\.user)) {
            fault("\(procedure.id) names \(named), and \(fresh) agreed")
        }
        if procedure.stages != stages { fault("\(procedure.id) is not the plan that was shown") }
        model.ask = nil
    }

    private mutating func byRule(_ procedure: Procedure) {
        let may = (runbook.rollback?.when ?? []).contains { rule in
            guard let after = rule.runAfter, let track = model.rules[rule.name],
                let announced = track.announced, !track.isVetoed
            else { return false }
            return (clock - track.began).seconds > rule.holds.seconds + after.seconds - 0.01
                && (clock - announced).seconds > after.seconds - 0.01
                && (model.rolledAt.map { $0 < track.began } ?? true)
        }
        if !may { fault("\(procedure.id) begins by itself: \(model.rules)") }
    }

    private mutating func asks(_ ask: RollbackAsk) {
        if model.ask != nil { fault("\(ask.id) is asked for beside \(model.ask?.id ?? "")") }
        let asker = ask.parent == nil ? caller ?? "" : model.running.last?.plan.startedBy ?? ""
        if ask.by != asker { fault("\(ask.id) by \(ask.by), asked for by \(asker)") }
        model.ask = AskTrack(
            id: ask.id, kind: ask.authorization, parent: ask.parent, stages: ask.stages,
            words: [Word(user: asker, at: clock)], at: clock)
        let rule = runbook.rollback?.authorization.first { $0.kind == ask.authorization }
        let others = (rule?.needs ?? []).reduce(into: Set<String>()) {
            $0.formUnion(Directory(runbook).users(of: $1.role))
        }
        if !others.subtracting([asker]).isEmpty { model.owed.append("APPROVAL NEEDED") }
    }

    private mutating func agrees(_ id: String, _ by: String) {
        guard let ask = model.ask, ask.id == id else { return fault("\(id) does not wait") }
        guard let caller, caller == by else { return fault("\(by) agrees and said nothing") }
        if ask.words.contains(where: { $0.user == by }) { fault("\(by) agrees twice") }
        let rule = runbook.rollback?.authorization.first { $0.kind == ask.kind }
        let may = (rule?.needs ?? []).contains {
            Directory(runbook).users(of: $0.role).contains(by)
        }
        if !may { fault("\(by) agrees and has no role for it") }
        model.ask?.words.append(Word(user: by, at: clock))
    }

    // MARK: Steps

    private mutating func starts(_ id: String, _ address: StepAddress, _ undo: Bool) {
        guard let track = model.running.last, track.plan.id == id, track.plan.holds(address) else {
            return fault("a step of \(id), which does not run")
        }
        let step = track.plan[address].step
        if situation.procedure?[address].step != step { fault("“\(step.name)” is another step") }
        if undo {
            if !track.isUndoing || address != track.undoNext {
                fault("“\(step.name)” is taken back out of order")
            }
            return change(id) { $0.undoStarted.insert(address) }
        }
        if track.isPaused || track.pauseAsked || track.isUndoing {
            fault("“\(step.name)” starts although \(id) is paused or taken back")
        }
        if track.plan.kind == .rollback, !track.plan.testMode, address.stage > 0, !track.backedUp {
            fault("“\(step.name)” starts before the backup")
        }
        if let last = track.ran.last, (address.stage, address.step) < (last.stage, last.step) {
            fault("“\(step.name)” starts after what comes later")
        }
        let passed = track.plan.addresses.first {
            ($0.stage, $0.step) < (address.stage, address.step) && !track.touched.contains($0)
        }
        if let passed { fault("“\(track.plan[passed].step.name)” is passed over") }
        let isFirst = track.ends[address] == nil && !track.touched.contains(address)
        let isAgain =
            track.ends[address] == .unknown && Contract.mayRunTwice(step)
            && track.unknowns[address] ?? 0 < 3
        if !isFirst, !isAgain, !track.allowed.contains(address) {
            fault("“\(step.name)” runs again: \(track.ends[address].map { "\($0)" } ?? "runs")")
        }
        change(id) { track in
            track.allowed.remove(address)
            track.insert(address)
        }
    }

    /// Whether a rollback of the last day has not been taken back.
    private var standsStill: Bool {
        model.stands.map { (clock - $0).seconds < 24 * 3600 } ?? false
    }

    private mutating func ends(
        _ id: String, _ address: StepAddress, _ undo: Bool, _ outcome: StepOutcome
    ) {
        guard let track = model.running.last, track.plan.id == id, track.plan.holds(address) else {
            return fault("a step of \(id) ends, which does not run")
        }
        let step = track.plan[address].step
        let well = outcome.end == .succeeded || outcome.end == .alreadyDone
        let isSoAlready = outcome.end == .alreadyDone && standsStill
        if !undo, well, case .rollback = step.work, track.children[address] != .succeeded,
            !isSoAlready
        {
            fault("“\(step.name)” is done, and its rollback is not")
        }
        if undo {
            if address != track.undoNext { fault("“\(step.name)” is not what is taken back") }
            if Contract.isTakenBack(step), !track.undoStarted.contains(address) {
                fault("“\(step.name)” was never taken back")
            }
            return change(id) { track in
                // A person may have it run anew even so; where nobody knows, only the contract says.
                guard well else {
                    track.ends[address] = outcome.end
                    return
                }
                track.remove(address)
                track.undoStarted.remove(address)
                track.unknowns[address] = nil
            }
        }
        change(id) { track in
            track.ends[address] = outcome.end
            if outcome.end == .alreadyDone { track.ran.removeAll { $0 == address } }
            if outcome.end == .unknown {
                track.unknowns[address, default: 0] += 1
            } else {
                track.log.append((step.name, well))
            }
            if step.work == .backup, outcome.end == .succeeded { track.backedUp = true }
        }
    }

    private mutating func resolves(_ id: String, _ address: StepAddress, _ done: Bool) {
        if caller == nil { fault("nobody said what became of a step") }
        change(id) { track in
            guard done else {
                track.allowed.insert(address)
                track.unknowns[address] = nil
                return
            }
            // While it is being taken back, that is what was done.
            if track.isUndoing {
                track.remove(address)
                track.undoStarted.remove(address)
                track.unknowns[address] = nil
                return
            }
            track.ends[address] = .succeeded
            track.log.append((track.plan[address].step.name, true))
            // A person's word stands for the backup, too.
            if track.plan[address].step.work == .backup { track.backedUp = true }
        }
    }

    // MARK: Pauses and ends

    private mutating func pauses(_ id: String) {
        if let track = model.running.last, track.isUndoing, let left = track.undoNext {
            fault("“\(track.plan[left].step.name)” was not taken back")
        }
        change(id) { track in
            track.isPaused = true
            track.pauseAsked = false
            track.isUndoing = false
        }
    }
    private mutating func resumes(_ id: String) {
        if caller == nil { fault("\(id) goes on, and nobody said so") }
        takeUp(id)
        change(id) { track in
            track.isPaused = false
            track.pauseAsked = false
            track.isUndoing = false
            for (address, end) in track.ends where end == .failed { track.allowed.insert(address) }
            track.unknowns = [:]
            // What was taken back runs anew.
            for address in track.plan.addresses where !track.touched.contains(address) {
                track.allowed.insert(address)
            }
        }
    }

    private mutating func over(_ id: String, _ state: ProcedureState) {
        guard let track = model.running.popLast(), track.plan.id == id else {
            return fault("\(id) ends and does not run")
        }
        let plan = track.plan
        switch state {
        case .undone:
            if !track.isUndoing { fault("\(id) was not being taken back") }
            if let left = track.ran.last { fault("“\(plan[left].step.name)” was not taken back") }
        case .succeeded:
            if track.isUndoing { fault("\(id) succeeds while it is taken back") }
            let left = plan.addresses.first { !track.touched.contains($0) }
            if let left { fault("“\(plan[left].step.name)” never ran, and \(id) succeeded") }
        case .failed:
            if !plan.testMode, plan.kind == .rollback || plan.kind == .playbook {
                model.owed.append("FAILED")
            }
        case .running, .waiting, .paused, .undoing: fault("\(id) ends as \(state)")
        }
        if let address = plan.parentStep, let outer = model.running.indices.last {
            model.running[outer].children[address] = state
        }
        if track.isPlain { interpret(track, state) }
        model.ended[id] = track
        if Contract.changesTheService(plan.kind) { model.changedUntil = clock }
        if plan.kind == .rollback, !plan.testMode {
            model.halfDone = state == .failed ? id : nil
            if state != .failed { model.rolledAt = clock }
            model.stands = state == .succeeded ? clock : nil
        }
    }

    /// What ran is what the runbook says when each step ends as it did.
    private mutating func interpret(_ track: ProcedureTrack, _ state: ProcedureState) {
        var steps: [Step]
        switch track.plan.kind {
        case .playbook:
            steps = runbook.playbooks.first { $0.name == track.plan.name }?.steps ?? []
        case .rollback where !track.plan.testMode:
            guard let rollback = runbook.rollback else { return }
            steps = rollback.preflight
            let sure = steps.contains {
                $0.work == .backup && $0.check == nil && $0.otherwise == nil
            }
            if !sure { steps.append(Step(name: "Backup", work: .backup)) }
            steps += rollback.stages.flatMap(\.steps)
        case .rollback, .recovery, .drill, .backup, .fallback, .service: return
        }
        var interpreter = Interpreter(runbook: runbook, log: track.log[...])
        let well = interpreter.all(steps)
        if let trouble = interpreter.trouble { return fault("\(track.plan.id): \(trouble)") }
        if !interpreter.log.isEmpty {
            fault("\(track.plan.id): “\(interpreter.log.first?.name ?? "")” should not have run")
        }
        if well != (state == .succeeded) {
            fault("\(track.plan.id) ends as \(state), and \(well.map { "\($0)" } ?? "goes on")")
        }
    }
}
