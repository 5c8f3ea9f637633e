// Requests, watches and overdue recoveries in words.
import Domain

extension Rules {
    func rollbackSentence(_ event: Event) -> Sentence {
        switch event {
        case .rollbackRequested(let ask):
            let given = ask.approvals.map(\.user)
            let open = authorization(ask.authorization).map { missing($0, given) } ?? []
            return Sentence(
                "rollback asked for under \(ask.authorization) authorization: \(ask.reason); it "
                    + "needs \(spelled(open, without: given + [ask.by]))", .warning, by: ask.by)
        case .rollbackApproved(_, let by):
            return Sentence(
                "\(authority.name(user: by)) agrees to the rollback", .warning, by: by)
        case .rollbackRequestEnded(_, let why, let by):
            return Sentence("the request for a rollback is over: \(why)", .warning, by: by)
        case .rollbackAnnounced(let rule, let at):
            return Sentence(
                "a rollback starts by itself at \(at.timeOfDay) UTC unless it is vetoed: \(rule)",
                .bad)
        case .watchBegan(let watch):
            return Sentence(
                "\(watch.rollback) is watched until \(watch.until.spoken)", .plain)
        case .watchLooked(_, let score, let down):
            return Sentence(
                "after the rollback: health \(score) of 100"
                    + (down.isEmpty
                        ? ", no probe is down"
                        : ", down: " + down.map { "\($0)" }.joined(separator: ", ")),
                down.isEmpty ? .plain : .warning)
        case .watchProblem(let rollback, let probe, let message):
            return Sentence("problem after \(rollback): \(probe) went down: \(message)", .bad)
        case .watchEnded(let rollback, let why):
            return Sentence("the watch after \(rollback) is over: \(why)", .plain)
        case .recoveryOverdue(let failure, let after):
            return Sentence(
                "\(failure) still holds \(after.spelled) after the first attempt to recover: "
                    + "escalated", .bad)
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .emergencyActivated, .triggerJoined, .levelChanged,
            .acknowledged, .acknowledgementExpired, .handedOver, .reopened, .deactivated,
            .escalated, .notified, .noted, .fallbackSwitched, .procedureStarted, .stepStarted,
            .stepEnded, .pauseRequested, .procedurePaused, .procedureWaits, .procedureResumed,
            .stepResolved, .undoStarted, .stepSkipped, .procedureStopped, .procedureEnded,
            .backupTaken, .rollbackVetoed, .autoRecoverySwitched, .outbox, .alertFired,
            .alertResolved, .lineSet, .onCallOverridden, .onCallOverrideEnded, .alertsConfigured,
            .fallbacksDue, .gapNoticed, .clockStepped:
            return Sentence("")
        }
    }
}
