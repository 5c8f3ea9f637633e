// The one door of the rules: a request and a situation in, events out; no clock, no world.
package import Domain
import OrderedCollections

/// What the engine has to do in the world after an event.
package enum Effect: Sendable, Equatable {
    /// Bring the running step of the procedure to its end, or find out what became of it.
    case performStep(procedure: String, StepAddress, undo: Bool)
    /// Hand the delivery over to its channel, and report what came of it.
    case deliver(String, attempt: Int)
    /// Every attached screen rings once.
    case ring
}

package struct Rules: Sendable {
    package let runbook: Runbook
    package let authority: Authority
    package init(_ runbook: Runbook) {
        self.runbook = runbook
        authority = Authority(runbook)
    }

    /// The events that a request causes, with everything that falls due because of them. Empty: nothing
    /// happens. The situation is not changed; apply the events in order to follow.
    /// - Throws: `Refusal` when a rule says no; then nothing has happened.
    package func decide(
        _ request: Request, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        var events = try answers(request, in: situation, at: moment)
        var next = situation.after(events, at: moment)
        // What is due may make more due: an emergency raises, its first escalation step is taken …
        for _ in 0..<Self.mostRounds {
            let due = followUps(in: next, at: moment)
            if due.isEmpty { return events }
            next = next.after(due, at: moment)
            events += due
        }
        preconditionFailure("the rules do not come to rest after \(events.suffix(4).map(\.kind))")
    }
    private static let mostRounds = 10_000

    private func answers(
        _ request: Request, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        switch request {
        case .started(let version, let pid, let boot, let away):
            return [.engineStarted(version: version, pid: pid, boot: boot)]
                + (away.map { gap($0.from, $0.why, at: moment) } ?? []) + interrupted(situation)
        case .stopping:
            return [.engineStopped]
        case .tick:
            return []
        case .probesChanged(let changes):
            let news = changes.compactMap { change -> Event? in
                let from = situation.probes[change.probe]?.health ?? .unknown
                if from == change.to { return nil }
                return .probeChanged(
                    change.probe, from: from, to: change.to, message: change.message)
            }
            return news
                + watchProblems(news, in: situation.after(news, at: moment), at: moment)
        case .conditionChanged(let name, let holds, let why):
            if holds == (situation.conditions[name] != nil) { return [] }
            return [holds ? .conditionBegan(name, why: why) : .conditionEnded(name)]
        case .stepEnded(let procedure, let address, let undo, let outcome):
            return stepEnded(
                procedure, address, undo: undo, outcome, in: situation, at: moment)
        case .deliveryEnded(let id, let attempt, let outcome):
            return deliveryEnded(id, attempt, outcome, in: situation, at: moment)
        case .alerts(let alerts, let caller):
            return take(alerts, by: caller.user, in: situation)
        case .gap(let from, let why):
            return gap(from, why, at: moment)
        case .clockStepped(let seconds):
            return seconds.isFinite ? [.clockStepped(by: seconds)] : []
        case .command(let command, let caller):
            // Whose role it is to agree need not be an administrator; the rule itself asks for the role.
            if case .approveRollback = command {} else { try authority.mayAct(caller) }
            return try obey(command, caller, in: situation, at: moment)
        }
    }

    private func gap(_ from: Timestamp, _ why: String, at moment: Timestamp) -> [Event] {
        [.gapNoticed(from: from, to: moment, why: Visible.text(why, limit: 200))]
    }

    private func obey(
        _ command: Command, _ caller: Caller, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let by = caller.user
        switch command {
        case .activate(let level, let reason, let triggeredBy):
            return try activate(level, reason, triggeredBy, by: by, in: situation, at: moment)
        case .acknowledge(let text, let span):
            return try acknowledge(text, for: span, by: by, in: situation, at: moment)
        case .handOver(let to, let text):
            return try handOver(to: to, text, by: by, in: situation, at: moment)
        case .deactivate(let resolvedBy, let text):
            return try deactivate(resolvedBy, text, by: by, in: situation, at: moment)
        case .escalate(let text): return try escalate(text, by: by, in: situation, at: moment)
        case .setLevel(let level, let reason):
            return try setLevel(level, reason, by: by, in: situation, at: moment)
        case .note(let text):
            return [.noted(text: try required(text, "a note", limit: 4_000), by: by)]
        case .reportProblem(let kind, let text):
            return try reportProblem(kind, text, by: by, in: situation)
        case .clearProblem(let kind): return try clearProblem(kind, by: by, in: situation)
        case .recover(let action):
            return try recover(action: action, by: by, in: situation, at: moment)
        case .autoRecover: return try autoRecover(by: by, in: situation, at: moment)
        case .switchFallback(let name, let enable):
            return try switchFallback(name, enable: enable, by: by, in: situation, at: moment)
        case .testFallback(let name):
            return try testFallback(name, by: by, in: situation, at: moment)
        case .service(let command): return try service(command, by: by, in: situation, at: moment)
        case .backup: return try takeBackup(by: by, in: situation, at: moment)
        case .rollback(let request):
            return try rollBack(request, caller, in: situation, at: moment)
        case .pauseProcedure: return try pause(by: by, in: situation)
        case .resumeProcedure: return try resume(by: by, in: situation)
        case .undoRollback(let stage):
            return try undoRollback(toStage: stage, by: by, in: situation)
        case .stopProcedure(let text): return try stop(text, by: by, in: situation, at: moment)
        case .approveRollback(let request):
            return try approve(request, caller, in: situation, at: moment)
        case .runPlaybook(let name):
            return try run(playbook: name, by: by, in: situation, at: moment)
        case .recoverByHand: return try recoverByHand(by: by, in: situation, at: moment)
        case .restoreBackup(let work):
            return try restore(work, by: by, in: situation, at: moment)
        case .resolveStep(let done): return try resolveStep(done: done, by: by, in: situation)
        case .vetoRollback(let text): return try veto(text, by: by, in: situation, at: moment)
        case .sendNotification, .sendUserNotification, .updateStatusPage, .updateDashboard,
            .createIncident, .notifyRollbackStart, .testAlerts, .overrideOnCall,
            .endOnCallOverride, .retryDelivery, .dismissDelivery, .alertsConfigured:
            return try tell(command, caller, in: situation, at: moment)
        }
    }

    /// The commands that tell people, and those about who and what is told.
    private func tell(
        _ command: Command, _ caller: Caller, in situation: Situation, at moment: Timestamp
    ) throws(Refusal) -> [Event] {
        let by = caller.user
        switch command {
        case .sendNotification(let request):
            return try sendNotification(request, by: by, in: situation, at: moment)
        case .sendUserNotification(let text, let channel):
            return try sendUserNotification(text, channel, by: by, in: situation, at: moment)
        case .updateStatusPage(let status, let text):
            return try updateStatusPage(status, text, by: by, in: situation, at: moment)
        case .updateDashboard(let line): return try updateDashboard(line, by: by, in: situation)
        case .createIncident(let title, let text, let priority, let assignee):
            return try createIncident(
                title: title, text: text, priority: priority, assignee: assignee, by: by,
                in: situation, at: moment)
        case .notifyRollbackStart:
            return try notifyRollbackStart(by: by, in: situation, at: moment)
        case .testAlerts(let channel, let target):
            return try testAlerts(
                channel: channel, target: target, by: caller, in: situation, at: moment)
        case .overrideOnCall(let role, let person, let from, let until):
            return try overrideOnCall(
                role: role, person: person, from: from, until: until, by: by, in: situation,
                at: moment)
        case .endOnCallOverride(let id): return try endOverride(id, by: by, in: situation)
        case .retryDelivery(let id): return try retryDelivery(id, by: by, in: situation)
        case .dismissDelivery(let id): return try dismissDelivery(id, by: by, in: situation)
        case .alertsConfigured(let alerts): return [.alertsConfigured(alerts, by: by)]
        case .activate, .acknowledge, .handOver, .deactivate, .escalate, .setLevel, .note,
            .reportProblem, .clearProblem, .recover, .autoRecover, .switchFallback, .testFallback,
            .service, .backup, .rollback, .pauseProcedure, .resumeProcedure, .undoRollback,
            .resolveStep, .vetoRollback, .stopProcedure, .approveRollback, .runPlaybook,
            .recoverByHand, .restoreBackup:
            return []
        }
    }

    /// What has fallen due, one machine at a time; empty when the situation is at rest.
    private func followUps(in situation: Situation, at moment: Timestamp) -> [Event] {
        let machines = [
            dueAcknowledgement, dueTriggers, dueEscalation, dueOverdueRecovery, dueProcedureSteps,
            dueFallbacks, dueRecovery, dueRequest, dueAnnouncements, dueRollback, dueWatch,
            dueDeliveries,
        ]
        for machine in machines {
            let events = machine(situation, moment)
            if !events.isEmpty { return events }
        }
        return []
    }

    /// When something falls due by itself; nil when nothing does.
    package func nextDeadline(in situation: Situation, after moment: Timestamp) -> Timestamp? {
        let all =
            triggerDeadlines(situation) + escalationDeadlines(situation)
            + procedureDeadlines(situation) + rollbackDeadlines(situation)
            + deliveryDeadlines(situation) + requestDeadlines(situation)
            + watchDeadlines(situation) + overdueDeadlines(situation)
            + [situation.emergency?.acknowledgedUntil].compactMap { $0 }
        return all.filter { $0 > moment }.min()
    }

    /// What the engine must do after an event. `situation` already holds the event.
    package func effects(of event: Event, in situation: Situation) -> [Effect] {
        switch event {
        case .engineStarted:
            // What was in flight when the engine ended is asked after.
            let deliveries = situation.outbox.values.flatMap(\.deliveries)
                .filter { $0.state == .sending && runsByItself($0) }
                .map { Effect.deliver($0.id, attempt: $0.attempts) }
            guard let procedure = situation.procedure,
                procedure.state == .running || procedure.state == .undoing,
                let address = procedure.addresses.first(where: {
                    procedure[$0].state == .running
                }), Self.needsPerformer(procedure[address].step.work)
            else { return deliveries }
            return [
                .performStep(
                    procedure: procedure.id, address, undo: procedure.state == .undoing)
            ] + deliveries
        case .outbox(.started(let id, let attempt)):
            return [.deliver(id, attempt: attempt)]
        case .stepStarted(let procedure, let address, let undo):
            guard let running = situation.procedure, running.id == procedure,
                Self.needsPerformer(running[address].step.work)
            else { return [] }
            return [.performStep(procedure: procedure, address, undo: undo)]
        case .emergencyActivated(let activation):
            return activation.level == .critical ? [.ring] : []
        case .levelChanged(let level, _, _, _):
            return level == .critical ? [.ring] : []
        case .reopened(let reopening):
            return reopening.level == .critical ? [.ring] : []
        case .engineStopped, .probeChanged, .conditionBegan, .conditionEnded, .problemReported,
            .problemCleared, .triggerJoined, .acknowledged, .deactivated, .escalated, .notified,
            .noted, .fallbackSwitched, .procedureStarted, .stepEnded, .pauseRequested,
            .procedurePaused, .procedureWaits, .procedureResumed, .stepResolved, .undoStarted,
            .procedureEnded, .backupTaken, .rollbackVetoed, .autoRecoverySwitched,
            .acknowledgementExpired, .handedOver, .outbox, .alertFired, .alertResolved,
            .lineSet, .onCallOverridden, .onCallOverrideEnded, .alertsConfigured, .fallbacksDue,
            .gapNoticed, .clockStepped, .stepSkipped, .procedureStopped, .rollbackRequested,
            .rollbackApproved, .rollbackRequestEnded,
            .rollbackAnnounced, .watchBegan, .watchLooked, .watchProblem, .watchEnded,
            .recoveryOverdue:
            return []
        }
    }

    /// Whether somebody outside the rules has to bring it to its end.
    private static func needsPerformer(_ work: Work) -> Bool {
        switch work {
        case .run, .shell, .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
            .restoreDatabase, .restoreBackup, .prepareTest, .clearTest, .probe, .action,
            .undoAction:
            true
        case .notify, .statusPage, .wait, .confirm, .assess, .playbook, .rollback, .fallback,
            .calm:
            false
        }
    }

    /// A text an operator must give: not blank, not endless.
    func required(_ text: String, _ what: String, limit: Int) throws(Refusal) -> String {
        let blank = text.allSatisfy { $0.isWhitespace }
        guard !blank, text.count <= limit else {
            throw Refusal(
                .notUnderstood, rule: "words-needed",
                why: blank ? "\(what) needs words" : "\(what) is longer than \(limit) characters",
                remedy: blank ? "Say it in a few words" : "Shorten it")
        }
        return Visible.text(text, limit: limit, lines: true)
    }

    /// The next id of a kind: `emergency_20260105_001`.
    func newID(_ kind: String, in situation: Situation, at moment: Timestamp) -> String {
        let beginning = "\(kind)_\(moment.compactDay)"
        let number = String((situation.idsGiven[beginning] ?? 0) + 1)
        return beginning + "_" + String(repeating: "0", count: max(0, 3 - number.count)) + number
    }
}
