// Playbooks: steps for one scenario, one procedure; a rollback in one is a procedure of its own.
//
//   run ──▶ running, stage by stage       step failed, `otherwise` ──▶ what replaces it runs
//   step `rollback` ─ authorised ──▶ the rollback runs, the playbook waits ─ its end ──▶ the step's end
//   step `rollback` ─ others must agree ──▶ requested; without their agreement the step fails
import Domain

extension Rules {
    func run(
        playbook name: String, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        guard let playbook = runbook.playbooks.first(where: { $0.name == name }) else {
            throw Refusal(
                .notUnderstood, rule: "unknown-playbook",
                why: "the runbook has no playbook “\(Visible.text(name, limit: 60))”",
                remedy: runbook.playbooks.isEmpty
                    ? "Add one under playbooks:"
                    : "Choose \(authority.list(runbook.playbooks.map(\.name)))")
        }
        try noOtherProcedure(situation)
        return [
            .procedureStarted(
                Procedure(
                    id: newID("playbook", in: situation, at: moment), kind: .playbook,
                    name: playbook.name, title: "Playbook \(playbook.name)", startedAt: moment,
                    startedBy: by, reason: situation.emergency?.reason ?? "",
                    emergency: situation.emergency?.id, stages: playbookStages(playbook)))
        ]
    }

    /// The step of a playbook that is a rollback: begun, waited for, and ended as the rollback ends.
    func childRollback(
        _ kind: String, of playbook: Procedure, _ address: StepAddress, in situation: Situation,
        at moment: Timestamp, _ end: (StepOutcome.End, String) -> [Event]
    ) -> [Event] {
        // The loader refuses a runbook that says so; one of an earlier day may be in a journal.
        if playbook.kind == .rollback { return end(.failed, "a rollback cannot run a rollback") }
        let parent = (id: playbook.id, step: address)
        let child = [situation.rollback, situation.lastTest].compactMap { $0 }
            .first { $0.parent == playbook.id && $0.parentStep == address }
        if let child {
            switch child.state {
            case .succeeded: return end(.succeeded, "\(child.id) succeeded")
            case .undone: return end(.failed, "\(child.id) was undone")
            case .failed, .running, .waiting, .paused, .undoing:
                return end(.failed, "\(child.id) failed: \(child.message)")
            }
        }
        // Nothing of it has begun: others have yet to agree.
        if playbook.pauseRequested { return [.procedurePaused(procedure: playbook.id)] }
        if situation.ask?.parent == playbook.id { return [] }
        guard let rollback = runbook.rollback else {
            return end(.failed, "the runbook describes no rollback")
        }
        if situation.rollback?.state == .failed {
            return end(.failed, "an earlier rollback failed and was neither finished nor undone")
        }
        if kind != "test-mode", let done = standingRollback(situation, at: moment) {
            return end(.alreadyDone, "\(done.id) has taken the service back already")
        }
        let reason =
            playbook.reason.isEmpty ? "playbook \(playbook.name)" : playbook.reason
        if kind == "test-mode" {
            do throws(Refusal) {
                return [
                    try startTest(
                        rollback, reason: reason, by: playbook.startedBy, parent: parent,
                        in: situation, at: moment)
                ]
            } catch {
                return end(.failed, error.why)
            }
        }
        guard let rule = authorization(kind) else {
            return end(.failed, "the runbook has no “\(kind)” authorization")
        }
        if let refusal = refusal(of: rule, in: situation) { return end(.failed, refusal.why) }
        if situation.ask != nil {
            return end(.failed, "another rollback waits for its approval")
        }
        return startOrAsk(
            rollback, rule, reason: reason, plan: "", by: playbook.startedBy, parent: parent,
            in: situation, at: moment)
    }

    // MARK: Ends of procedures

    /// A procedure's end, with what it makes due: who is told, and the watch after a rollback.
    func ending(
        _ procedure: Procedure, _ state: ProcedureState, _ message: String,
        in situation: Situation, at moment: Timestamp
    ) -> [Event] {
        var events: [Event] = []
        if !procedure.testMode, procedure.kind == .rollback || procedure.kind == .playbook {
            events += told(procedure, state, message, in: situation, at: moment)
        }
        events.append(.procedureEnded(procedure: procedure.id, state, message: message))
        guard procedure.kind == .rollback, !procedure.testMode, state == .succeeded,
            let after = runbook.rollback?.afterwards, after.watchFor > .zero
        else { return events }
        events.append(
            .watchBegan(
                RollbackWatch(
                    rollback: procedure.id, from: moment, until: moment + after.watchFor,
                    every: after.watchEvery)))
        return events
    }

    private func told(
        _ procedure: Procedure, _ state: ProcedureState, _ message: String,
        in situation: Situation, at moment: Timestamp
    ) -> [Event] {
        let by = procedure.startedBy
        if state == .succeeded {
            guard procedure.kind == .rollback, let after = runbook.rollback?.afterwards,
                !after.notifyRoles.isEmpty
            else { return [] }
            let watch =
                after.watchFor > .zero ? " It is watched for \(after.watchFor.spelled)." : ""
            let work = NotifyWork(
                roles: after.notifyRoles, via: after.notifyVia, title: "ROLLBACK COMPLETED",
                text: "\(runbook.service.title) is back on \(runbook.rollback?.to ?? ""); "
                    + "every stage succeeded and was validated." + watch)
            let people = people(of: work.roles, in: situation, at: moment)
            return [.notified(people: people, via: work.via, title: work.title, text: work.text)]
                + queue(
                    procedureMessage(work, by: by, in: situation, at: moment), in: situation,
                    at: moment)
        }
        if state == .undone {
            return tell(
                rollbackPeople(situation, at: moment), "TAKEN BACK: \(procedure.title)",
                "\(procedure.id): \(message).\nLook whether the service is well: tocsin status",
                by: by, in: situation, at: moment)
        }
        guard state == .failed else { return [] }
        let what = procedure.kind == .rollback ? "ROLLBACK" : "PLAYBOOK"
        let next =
            procedure.kind == .rollback
            ? "The service is between two systems. Try the step again (tocsin resume-rollback), "
                + "or take everything back (tocsin undo-rollback)."
            : "What it had done stays done."
        return tell(
            rollbackPeople(situation, at: moment),
            "\(what) FAILED: \(procedure.title)", "\(message)\n\(next)", by: by, in: situation,
            at: moment)
    }

    /// It waits for a person, who is told when the service hangs on it.
    func waits(
        _ procedure: Procedure, _ why: String, in situation: Situation, at moment: Timestamp
    ) -> [Event] {
        let events: [Event] = [.procedureWaits(procedure: procedure.id, why: why)]
        guard !procedure.testMode, procedure.kind == .rollback || procedure.kind == .playbook
        else { return events }
        return events
            + tell(
                rollbackPeople(situation, at: moment),
                "\(procedure.kind == .rollback ? "ROLLBACK" : "PLAYBOOK") WAITS: "
                    + procedure.title,
                "\(why)\nAnswer: tocsin resolve-step done, or again", by: procedure.startedBy,
                in: situation.after(events, at: moment), at: moment)
    }

    /// A person ends what waits or is paused. A rollback is never just stopped: it is undone.
    func stop(
        _ text: String, by: String, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let procedure = try present(situation)
        if procedure.kind == .rollback, !procedure.testMode {
            throw Refusal(
                .notNow, rule: "rollback-is-undone",
                why: "a rollback that is stopped half way leaves the service between two systems",
                remedy: "Pause it, then resume or undo it")
        }
        guard procedure.state == .paused || procedure.state == .waiting else {
            throw Refusal(
                .notNow, rule: "pause-first",
                why: "\(procedure.id) is \(procedure.state.rawValue)",
                remedy: procedure.state == .running
                    ? "Pause it first: tocsin pause-rollback" : "Wait for its end")
        }
        let words = Visible.text(text, limit: 500)
        let events: [Event] = [.procedureStopped(procedure: procedure.id, by: by, text: words)]
        let name = authority.name(user: by)
        return events
            + ending(
                procedure, .failed, "stopped by \(name)" + (words.isEmpty ? "" : ": \(words)"),
                in: situation.after(events, at: moment), at: moment)
    }
}
