// What happened, in words: one sentence for each event, the same in journal, screen and report.
package import Domain

/// How an event is shown, beside its words.
package enum Tone: String, Sendable { case plain, good, warning, bad }

package struct Sentence: Sendable, Equatable {
    package var text: String
    package var tone: Tone
    /// The login name of who caused it, or `engine`.
    package var by: String
    package init(_ text: String, _ tone: Tone = .plain, by: String = "engine") {
        self.text = text
        self.tone = tone
        self.by = by
    }
}

extension Rules {
    /// - Parameter situation: as it was when the event had been applied, or now; it gives titles only.
    package func sentence(_ event: Event, in situation: Situation) -> Sentence {
        switch event {
        case .engineStarted(let version, let pid, _):
            Sentence("engine \(version) started (process \(pid))")
        case .engineStopped:
            Sentence("engine stopped")
        case .probeChanged(let probe, let from, let to, let message):
            Sentence(
                "\(probe) \(from.rawValue) → \(to.rawValue)"
                    + (message.isEmpty ? "" : ": \(message)"), tone(to))
        case .conditionBegan(let name, let why):
            Sentence("\(name) holds" + (why.isEmpty ? "" : ": \(why)"), .warning)
        case .conditionEnded(let name):
            Sentence("\(name) no longer holds", .good)
        case .problemReported(let kind, let text, let by):
            Sentence("\(kind) reported" + (text.isEmpty ? "" : ": \(text)"), .bad, by: by)
        case .problemCleared(let kind, let by):
            Sentence("\(kind) dealt with", .good, by: by)
        case .notified(let people, let via, let title, let text):
            Sentence(
                "tells \(names(people))\(channels(via)): \(title)"
                    + (text.isEmpty ? "" : " — \(text)"))
        case .noted(let text, let by):
            Sentence("note: \(text)", by: by)
        case .fallbackSwitched(let name, let enabled, let by):
            Sentence(
                "\(fallbackTitle(name)) \(enabled ? "enabled" : "disabled")",
                enabled ? .warning : .good, by: by)
        case .backupTaken(let receipt):
            Sentence(
                "backup \(receipt.id) taken and verified: \(receipt.files) files, "
                    + "\(receipt.bytes) bytes, \(receipt.rows) rows", .good)
        case .rollbackVetoed(let rule, let by, let text):
            Sentence(
                "rollback by rule \(rule) vetoed" + (text.isEmpty ? "" : ": \(text)"), .warning,
                by: by)
        case .emergencyActivated, .triggerJoined, .levelChanged, .acknowledged, .deactivated,
            .escalated, .autoRecoverySwitched, .acknowledgementExpired, .handedOver, .reopened:
            emergencySentence(event)
        case .outbox(let event): outboxSentence(event, situation)
        case .alertFired, .alertResolved, .lineSet, .onCallOverridden, .onCallOverrideEnded,
            .alertsConfigured, .fallbacksDue, .gapNoticed, .clockStepped:
            otherSentence(event)
        case .rollbackRequested, .rollbackApproved, .rollbackRequestEnded, .rollbackAnnounced,
            .watchBegan, .watchLooked, .watchProblem, .watchEnded, .recoveryOverdue:
            rollbackSentence(event)
        case .procedureStarted, .stepStarted, .stepEnded, .pauseRequested, .procedurePaused,
            .procedureWaits, .procedureResumed, .stepResolved, .undoStarted, .procedureEnded,
            .stepSkipped, .procedureStopped:
            procedureSentence(event, situation)
        }
    }

    private func emergencySentence(_ event: Event) -> Sentence {
        switch event {
        case .emergencyActivated(let activation):
            Sentence(
                "emergency \(activation.id) activated at level \(activation.level.rawValue) "
                    + "\(levelName(activation.level)): \(activation.reason)", .bad,
                by: activation.by)
        case .triggerJoined(let name, let why):
            Sentence("trigger \(name) joins the emergency: \(why)", .bad)
        case .levelChanged(let level, _, let reason, let by):
            Sentence(
                "level is now \(level.rawValue) \(levelName(level)): \(reason)", .warning, by: by)
        case .acknowledged(let by, let text, let until):
            Sentence(
                "acknowledged by \(authority.name(user: by))"
                    + (until.map { " until \($0.timeOfDay) UTC" } ?? "")
                    + (text.isEmpty ? "" : ": \(text)"), .good, by: by)
        case .acknowledgementExpired:
            Sentence(
                "the acknowledgement ran out: the clock and the escalation go on", .warning)
        case .handedOver(let to, let by, let text, let until):
            Sentence(
                "handed over to \(authority.name(user: to))"
                    + (until.map { ", who has until \($0.timeOfDay) UTC to take it" } ?? "")
                    + (text.isEmpty ? "" : ": \(text)"), .good, by: by)
        case .reopened(let reopening):
            Sentence(
                "emergency \(reopening.id) goes on at level \(reopening.level.rawValue) "
                    + "\(levelName(reopening.level)): \(reopening.reason)", .bad,
                by: reopening.by)
        case .deactivated(let resolvedBy, let text, let by):
            Sentence(
                "emergency deactivated, resolved by \(resolvedBy)"
                    + (text.isEmpty ? "" : ": \(text)"), .good, by: by)
        case .escalated(let taken):
            Sentence(
                taken.ticket && taken.people.isEmpty
                    ? "ticket due for level \(taken.level.rawValue)"
                    : "escalation step \(taken.index + 1) of level \(taken.level.rawValue): "
                        + "tells \(names(taken.people))\(channels(taken.via))"
                        + (taken.round > 1 ? " (time \(taken.round))" : ""), .warning, by: taken.by)
        case .autoRecoverySwitched(let on, let by):
            Sentence(
                on ? "recovery goes on by itself" : "recovery no longer goes on by itself", by: by)
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
            Sentence("")
        }
    }

    private func procedureSentence(_ event: Event, _ situation: Situation) -> Sentence {
        switch event {
        case .procedureStarted(let procedure):
            Sentence(
                procedure.title
                    + (procedure.attempt > 0
                        ? " started, attempt \(procedure.attempt) of \(runbook.recovery.maxAttempts)"
                        : " started")
                    + (procedure.authorization.map { " under \($0) authorization" } ?? "")
                    + (procedure.reason.isEmpty ? "" : ": \(procedure.reason)"), .warning,
                by: procedure.startedBy)
        case .stepStarted(let id, let address, let undo):
            Sentence("\(undo ? "taking back " : "")\(stepName(id, address, situation)) …")
        case .stepEnded(let id, let address, let undo, let outcome):
            Sentence(
                "\(stepName(id, address, situation)): \(word(outcome.end, undo: undo))"
                    + (outcome.message.isEmpty ? "" : " — \(outcome.message)"), tone(outcome.end))
        case .pauseRequested(let id, let by):
            Sentence("\(title(id, situation)) pauses after this step", .warning, by: by)
        case .procedurePaused(let id):
            Sentence("\(title(id, situation)) is paused", .warning)
        case .procedureWaits(let id, let why):
            Sentence("\(title(id, situation)) waits for a person: \(why)", .warning)
        case .procedureResumed(let id, let by):
            Sentence("\(title(id, situation)) goes on", .warning, by: by)
        case .stepResolved(let id, let address, let done, let by):
            Sentence(
                "\(stepName(id, address, situation)): "
                    + (done ? "a person says it was done" : "a person says to do it again"),
                by: by)
        case .undoStarted(let id, let by, let stage):
            Sentence(
                "\(title(id, situation)) is being undone"
                    + (stage.map { " back to before \(stageName(id, $0, situation))" } ?? ""),
                .warning, by: by)
        case .stepSkipped(let id, let address, let why):
            Sentence("\(stepName(id, address, situation)): left out, \(why)")
        case .procedureStopped(let id, let by, let text):
            Sentence(
                "\(title(id, situation)) was stopped" + (text.isEmpty ? "" : ": \(text)"), .bad,
                by: by)
        case .procedureEnded(let id, let state, let message):
            Sentence(
                "\(title(id, situation)) \(state.rawValue): \(message)",
                state == .succeeded ? .good : state == .undone ? .warning : .bad)
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
            Sentence("")
        }
    }

    func tone(_ health: Health) -> Tone {
        switch health {
        case .healthy: .good
        case .degraded, .unknown: .warning
        case .failed: .bad
        }
    }
    private func tone(_ end: StepOutcome.End) -> Tone {
        switch end {
        case .succeeded: .good
        case .alreadyDone, .wouldRun: .plain
        case .failed: .bad
        case .unknown: .warning
        }
    }
    private func word(_ end: StepOutcome.End, undo: Bool) -> String {
        switch end {
        case .succeeded: undo ? "taken back" : "done"
        case .alreadyDone: "already done"
        case .wouldRun: "will run"
        case .failed: "failed"
        case .unknown: "not known what became of it"
        }
    }
    package func levelName(_ level: Level) -> String {
        runbook.levels.first { $0.level == level }?.name ?? level.name
    }
    func names(_ people: [String]) -> String {
        authority.list(people.map { authority.person(id: $0)?.name ?? $0 }, "and")
    }
    func channels(_ via: [String]) -> String {
        via.isEmpty ? "" : " by \(authority.list(via, "and"))"
    }
    private func fallbackTitle(_ name: String) -> String {
        runbook.fallbacks.first { $0.name == name }?.title ?? name
    }
    private func procedure(_ id: String, _ situation: Situation) -> Procedure? {
        [
            situation.procedure, situation.playbook, situation.rollback, situation.lastProcedure,
            situation.lastTest,
        ]
        .compactMap { $0 }.first { $0.id == id }
    }
    private func stageName(_ id: String, _ stage: Int, _ situation: Situation) -> String {
        guard let procedure = procedure(id, situation), procedure.stages.indices.contains(stage)
        else { return "stage \(stage + 1)" }
        return "“\(procedure.stages[stage].name)”"
    }
    private func title(_ id: String, _ situation: Situation) -> String {
        procedure(id, situation)?.title ?? id
    }
    private func stepName(_ id: String, _ address: StepAddress, _ situation: Situation) -> String {
        guard let procedure = procedure(id, situation), procedure.holds(address) else {
            return "step \(address.stage + 1).\(address.step + 1) of \(id)"
        }
        let stage = procedure.stages[address.stage].name
        let step = procedure[address].step.name
        return stage == step || procedure.kind != .rollback ? step : "\(stage) · \(step)"
    }
}
