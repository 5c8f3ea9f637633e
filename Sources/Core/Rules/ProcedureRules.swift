// The procedure machine: one step after the other, each written down before it starts.
//
//   running ─ step succeeded or was done already ──▶ running (next step) or succeeded
//   running ─ step failed ──▶ failed                 running ─ end unknown ──▶ running (again) or waiting
//   running ─ pause ──▶ paused after the step        paused, waiting, failed ─ resume ──▶ running
//   paused, waiting, failed, succeeded ─ undo ──▶ undoing ─ all taken back ──▶ undone
//   undoing ─ a step cannot be taken back ──▶ failed   undoing ─ end unknown ──▶ undoing (again) or waiting
//   waiting ─ a person says what became of the step ──▶ running, or undoing
package import Domain
import OrderedCollections

extension Procedure {
    /// Every step's place, in the order they run.
    package var addresses: [StepAddress] {
        stages.indices.flatMap { stage in
            stages[stage].steps.indices.map { StepAddress(stage: stage, step: $0) }
        }
    }
    package subscript(address: StepAddress) -> ProcedureStep {
        get { stages[address.stage].steps[address.step] }
        set { stages[address.stage].steps[address.step] = newValue }
    }
    package func holds(_ address: StepAddress) -> Bool {
        stages.indices.contains(address.stage)
            && stages[address.stage].steps.indices.contains(address.step)
    }
    /// The first step that is not over.
    package var currentAddress: StepAddress? {
        addresses.first {
            self[$0].state != .succeeded && self[$0].state != .skipped && !isForgiven($0)
        }
    }
    /// The innermost guard of a step that has not failed yet; nil: its failure ends the procedure.
    package func openGuard(of address: StepAddress) -> Int? {
        self[address].guards?.last { failedGuards?.contains($0) != true }
    }
    /// It failed, and what replaces it runs instead.
    package func isForgiven(_ address: StepAddress) -> Bool {
        self[address].state == .failed && isGivenUp(address)
    }
    /// It stands under a guard that has failed.
    func isGivenUp(_ address: StepAddress) -> Bool {
        self[address].guards?.contains { failedGuards?.contains($0) == true } ?? false
    }
    /// The next step to take back: the last one that ran, or may have, of those that are to be undone.
    package var undoAddress: StepAddress? {
        addresses.last {
            guard $0.stage >= undoneTo ?? 0 else { return false }
            return switch self[$0].state {
            case .succeeded, .failed, .unknown, .running: true
            case .pending, .undone, .skipped: false
            }
        }
    }
}

extension Rules {
    private static let mostStartsOfUnknown = 3

    // MARK: What falls due

    func dueProcedureSteps(_ situation: Situation, _ moment: Timestamp) -> [Event] {
        guard let procedure = situation.procedure else { return [] }
        switch procedure.state {
        case .running: return nextForward(procedure, situation, moment)
        case .undoing: return nextBackward(procedure, situation, moment)
        case .waiting, .paused, .succeeded, .failed, .undone: return []
        }
    }

    private func nextForward(
        _ procedure: Procedure, _ situation: Situation, _ moment: Timestamp
    ) -> [Event] {
        guard let address = procedure.currentAddress else {
            return ended(procedure, situation, moment)
        }
        let entry = procedure[address]
        switch entry.state {
        case .running: return settled(entry, address, procedure, situation, moment)
        case .unknown where !mayRunAgain(entry.step) || entry.starts >= Self.mostStartsOfUnknown:
            if procedure.testMode {
                // Nothing of it matters to anybody: it must not keep a real procedure waiting.
                return ending(
                    procedure, .failed,
                    "it is not known whether “\(entry.step.name)” ran to its end",
                    in: situation, at: moment)
            }
            return waits(
                procedure,
                "it is not known whether “\(entry.step.name)” ran to its end: "
                    + "say whether it was done, run it again, or undo",
                in: situation, at: moment)
        case .pending where procedure.isGivenUp(address):
            return [
                .stepSkipped(procedure: procedure.id, address, why: "an earlier step failed")
            ]
        case .pending
        where entry.replaces.map { procedure.failedGuards?.contains($0) != true } == true:
            return [.stepSkipped(procedure: procedure.id, address, why: "not needed")]
        case .pending, .unknown, .failed, .undone:
            if procedure.pauseRequested { return [.procedurePaused(procedure: procedure.id)] }
            return [.stepStarted(procedure: procedure.id, address, undo: false)]
        case .succeeded, .skipped:
            return []
        }
    }

    private func nextBackward(
        _ procedure: Procedure, _ situation: Situation, _ moment: Timestamp
    ) -> [Event] {
        guard let address = procedure.undoAddress else {
            if procedure.undoneTo != nil { return [.procedurePaused(procedure: procedure.id)] }
            return ending(
                procedure, .undone, Self.takenBack(procedure), in: situation, at: moment)
        }
        let entry = procedure[address]
        // What waited for a person when it was to be taken back is nobody's to end.
        if entry.state == .running, entry.step.work.needsRunner { return [] }
        if entry.undoIsUnknown == true, !mayUndoAgain(entry.step) {
            return waits(
                procedure,
                "it is not known whether “\(entry.step.name)” was taken back: "
                    + "say whether it was, or take it back again", in: situation, at: moment)
        }
        if entry.state == .unknown, entry.starts >= Self.mostStartsOfUnknown * 2 {
            return ending(
                procedure, .failed, "it is not known whether “\(entry.step.name)” was taken back",
                in: situation, at: moment)
        }
        let work = entry.step.work
        if case .fallback(let name, let enabled) = work, entry.step.undo == nil {
            // What its steps did is taken back by them; this is only what everybody sees of it.
            return [
                .fallbackSwitched(name: name, enabled: !enabled, by: procedure.startedBy),
                .stepEnded(
                    procedure: procedure.id, address, undo: true,
                    StepOutcome(
                        end: .succeeded, message: enabled ? "disabled" : "enabled", seconds: 0)),
            ]
        }
        if case .statusPage(let status, let text) = entry.step.undo, runbook.statusPage != nil {
            return statusPage(status, text, by: procedure.startedBy, in: situation, at: moment) + [
                .stepEnded(
                    procedure: procedure.id, address, undo: true,
                    StepOutcome(
                        end: .succeeded, message: "“\(status)” is on its way to the status page",
                        seconds: 0))
            ]
        }
        guard work.needsRunner, entry.step.undo != nil || work.savesWhatItChanges else {
            // Looking, telling and keeping leave nothing to take back; what changes the world without
            // an undo was marked so in the plan that was confirmed.
            return [
                .stepEnded(
                    procedure: procedure.id, address, undo: true,
                    StepOutcome(
                        end: .succeeded,
                        message: entry.step.isUndoable ? "nothing to take back" : "has no undo",
                        seconds: 0))
            ]
        }
        return [.stepStarted(procedure: procedure.id, address, undo: true)]
    }

    /// What came of an undo. What had no undo was marked so in the plan, and is named again.
    private static func takenBack(_ procedure: Procedure) -> String {
        let left = procedure.addresses.map { procedure[$0] }
            .filter { $0.starts > 0 && $0.state == .undone && !$0.step.isUndoable }
            .map { "“\($0.step.name)”" }
        return left.isEmpty
            ? "every step was taken back"
            : "every step that can be was taken back; \(left.joined(separator: ", ")) "
                + "\(left.count == 1 ? "has" : "have") no undo"
    }

    /// The end of a step that the rules themselves can see: telling, waiting, and looking at triggers.
    private func settled(
        _ entry: ProcedureStep, _ address: StepAddress, _ procedure: Procedure,
        _ situation: Situation, _ moment: Timestamp
    ) -> [Event] {
        let began = entry.startedAt ?? moment
        func end(_ end: StepOutcome.End, _ message: String) -> [Event] {
            stepEnded(
                procedure.id, address, undo: false,
                StepOutcome(end: end, message: message, seconds: (moment - began).seconds),
                in: situation, at: moment)
        }
        switch entry.step.work {
        case .notify(let work):
            let people = people(of: work.roles, in: situation, at: moment)
            let names = people.compactMap { authority.person(id: $0)?.name }
            // The procedure goes on: what becomes of the message is the outbox's, and on every screen.
            return [.notified(people: people, via: work.via, title: work.title, text: work.text)]
                + queue(
                    procedureMessage(work, by: procedure.startedBy, in: situation, at: moment),
                    in: situation, at: moment)
                + end(.succeeded, "to \(authority.list(names, "and")): on its way")
        case .statusPage(let status, let message):
            guard runbook.statusPage != nil else {
                return end(.failed, "the runbook has no status page")
            }
            return statusPage(
                status, message, by: procedure.startedBy, in: situation, at: moment)
                + end(.succeeded, "“\(status)” is on its way to the status page")
        case .wait(let span):
            return began + span <= moment ? end(.succeeded, "waited \(span.spelled)") : []
        case .confirm(let text): return waits(procedure, text, in: situation, at: moment)
        case .assess:
            return end(.succeeded, assessment(situation))
        case .fallback(let name, let enable):
            return [
                .fallbackSwitched(name: name, enabled: enable, by: procedure.startedBy)
            ] + end(.succeeded, enable ? "enabled" : "disabled")
        case .calm(let within):
            let holding = situation.emergency.map { stillHolding($0, in: situation) } ?? []
            // One lucky answer of a service that is just starting proves nothing.
            if holding.isEmpty {
                return situation.emergency == nil || began + settling(within) <= moment
                    ? end(.succeeded, "no trigger holds any more") : []
            }
            guard began + within <= moment else { return [] }
            let names = holding.joined(separator: ", ")
            return end(.failed, "still holding after \(within.spelled): \(names)")
        case .rollback(let kind):
            return childRollback(kind, of: procedure, address, in: situation, at: moment, end)
        case .playbook(let name): return end(.failed, "there is no playbook \(name)")
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .restoreBackup, .prepareTest, .clearTest, .probe, .action,
            .undoAction:
            return []
        }
    }

    func assessment(_ situation: Situation) -> String {
        let states = runbook.components.map { (component: $0, health: situation.health(of: $0)) }
        let score = HealthRules.score(states)
        let bad = states.filter { $0.health != .healthy }
            .map { "\($0.component.name) \($0.health.rawValue)" }
        let rest = bad.isEmpty ? "every component is healthy" : bad.joined(separator: ", ")
        return Visible.text("health \(score) of 100: \(rest)")
    }

    private func ended(
        _ procedure: Procedure, _ situation: Situation, _ moment: Timestamp
    ) -> [Event] {
        let instead = procedure.failedGuards?.isEmpty == false
        return ending(
            procedure, .succeeded,
            instead ? "done, by what replaces the steps that failed" : "every step succeeded",
            in: situation, at: moment)
    }

    /// How long probes are given to see that a service which is back has failed again: as long as the
    /// quickest needs to call something failed, at most ten seconds, and half of what there is.
    private func settling(_ within: Span) -> Span {
        let quickest = runbook.components.flatMap(\.probes).map {
            Span.seconds($0.schedule.every.seconds * Double($0.schedule.downAfter + 1))
        }.min()
        return min(quickest ?? .zero, .seconds(10), .seconds(within.seconds / 2))
    }

    func procedureDeadlines(_ situation: Situation) -> [Timestamp] {
        guard let procedure = situation.procedure, procedure.state == .running,
            let address = procedure.currentAddress, procedure[address].state == .running,
            let began = procedure[address].startedAt
        else { return [] }
        switch procedure[address].step.work {
        case .wait(let span): return [began + span]
        case .calm(let span): return [began + settling(span), began + span]
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .restoreBackup, .prepareTest, .clearTest, .probe, .notify,
            .statusPage, .confirm, .assess, .playbook, .action, .undoAction, .rollback, .fallback:
            return []
        }
    }

    // MARK: What performers report

    func stepEnded(
        _ id: String, _ address: StepAddress, undo: Bool, _ outcome: StepOutcome,
        in situation: Situation, at moment: Timestamp
    ) -> [Event] {
        // A report about something that is over, or was never begun, changes nothing.
        guard let procedure = situation.procedure, procedure.id == id, procedure.holds(address),
            procedure[address].state == .running, (procedure.state == .undoing) == undo
        else { return [] }
        var events: [Event] = [.stepEnded(procedure: id, address, undo: undo, outcome)]
        switch outcome.end {
        case .succeeded where !undo:
            if let receipt = outcome.backup { events.append(.backupTaken(receipt)) }
        case .succeeded, .alreadyDone, .wouldRun, .unknown:
            break
        case .failed where !undo && procedure.openGuard(of: address) != nil:
            break
        case .failed:
            let name = procedure[address].step.name
            events += ending(
                procedure, .failed,
                undo
                    ? "“\(name)” could not be taken back: \(outcome.message)"
                    : "“\(name)” failed: \(outcome.message)",
                in: situation.after(events, at: moment), at: moment)
        }
        return events
    }

    // MARK: What operators ask

    /// - Throws: `Refusal` when something else changes the service already.
    func noOtherProcedure(_ situation: Situation) throws(Refusal) {
        guard let procedure = situation.procedure else { return }
        let remedy =
            switch (procedure.state, procedure.kind) {
            case (.running, _), (.undoing, _): "Wait for its end"
            case (_, .rollback): "Resume it, or undo it, first"
            default: "Resume it, or stop it (tocsin stop-procedure), first"
            }
        throw Refusal(
            .notNow, rule: "one-procedure-at-a-time",
            why: "\(procedure.title) (\(procedure.id)) is \(procedure.state.rawValue)",
            remedy: remedy)
    }

    func present(_ situation: Situation) throws(Refusal) -> Procedure {
        if let procedure = situation.procedure { return procedure }
        throw Refusal(
            .notNow, rule: "no-procedure", why: "no procedure is in flight", remedy: "Nothing to do"
        )
    }

    func pause(by: String, in situation: Situation) throws(Refusal) -> [Event] {
        let procedure = try present(situation)
        guard procedure.state == .running, !procedure.pauseRequested else {
            throw Refusal(
                .notNow, rule: "not-running",
                why: procedure.pauseRequested && procedure.state == .running
                    ? "\(procedure.id) pauses after the step that is running"
                    : "\(procedure.id) is \(procedure.state.rawValue)",
                remedy: "Nothing to do")
        }
        return [.pauseRequested(procedure: procedure.id, by: by)]
    }

    /// Goes on with what is paused, or with the last rollback that failed, at the step it failed at.
    func resume(by: String, in situation: Situation) throws(Refusal) -> [Event] {
        if let procedure = situation.procedure {
            switch procedure.state {
            case .paused: return [.procedureResumed(procedure: procedure.id, by: by)]
            case .running where procedure.pauseRequested:
                return [.procedureResumed(procedure: procedure.id, by: by)]
            case .waiting:
                throw Refusal(
                    .notNow, rule: "waits-for-an-answer",
                    why: "\(procedure.title) waits: \(procedure.message)",
                    remedy: "Say what became of the step: tocsin resolve-step done, or again")
            case .running, .undoing, .succeeded, .failed, .undone:
                throw Refusal(
                    .notNow, rule: "not-paused",
                    why: "\(procedure.id) is \(procedure.state.rawValue)", remedy: "Nothing to do")
            }
        }
        guard let rollback = situation.rollback, rollback.state == .failed else {
            throw Refusal(
                .notNow, rule: "nothing-to-resume",
                why: "nothing is paused, and no rollback has failed", remedy: "Nothing to do")
        }
        return [.procedureResumed(procedure: rollback.id, by: by)]
    }

    /// A person's word about a step that waits: it was done, or it is to run again.
    func resolveStep(
        done: Bool, by: String, in situation: Situation
    ) throws(Refusal) -> [Event] {
        let procedure = try present(situation)
        let unknown = procedure.addresses.last { procedure[$0].undoIsUnknown == true }
        guard procedure.state == .waiting, let address = unknown ?? procedure.currentAddress else {
            throw Refusal(
                .notNow, rule: "nothing-waits",
                why:
                    "\(procedure.id) is \(procedure.state.rawValue), it does not wait for an answer",
                remedy: "Nothing to do")
        }
        return [.stepResolved(procedure: procedure.id, address, done: done, by: by)]
    }
}
