// How requests for a rollback, and the time after one, change the situation.
package import Domain
import OrderedCollections

extension Situation {
    /// What it would be after these events, all of one moment.
    package func after(_ events: [Event], at moment: Timestamp) -> Situation {
        var next = self
        for event in events { next.apply(event, at: moment) }
        return next
    }

    mutating func applyRollback(_ event: Event, at moment: Timestamp) {
        switch event {
        case .rollbackRequested(let asked):
            ask = asked
            countID(asked.id)
            if let parent = asked.parent, procedure?.id == parent {
                procedure?.message = "waits until enough people agree to the rollback"
            }
        case .rollbackApproved(let id, let by):
            guard ask?.id == id else { return }
            ask?.approvals.append(Approval(user: by, at: moment))
        case .rollbackRequestEnded(let id, _, _):
            guard ask?.id == id else { return }
            if let parent = ask?.parent, procedure?.id == parent { procedure?.message = "" }
            ask = nil
        case .rollbackAnnounced(let rule, let at): announcedRules[rule] = at
        case .watchBegan(let began): watch = began
        case .watchLooked:
            watch?.lookedAt = moment
            watch?.looks += 1
        case .watchProblem(_, let probe, let message): note(probe, message, at: moment)
        case .watchEnded: watch = nil
        case .recoveryOverdue: emergency?.recoveryIsOverdue = true
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .emergencyActivated, .triggerJoined, .levelChanged,
            .acknowledged, .acknowledgementExpired, .handedOver, .reopened, .deactivated,
            .escalated, .notified, .noted, .fallbackSwitched, .procedureStarted, .stepStarted,
            .stepEnded, .pauseRequested, .procedurePaused, .procedureWaits, .procedureResumed,
            .stepResolved, .undoStarted, .stepSkipped, .procedureStopped, .procedureEnded,
            .backupTaken, .rollbackVetoed, .autoRecoverySwitched, .outbox, .alertFired,
            .alertResolved, .lineSet, .onCallOverridden, .onCallOverrideEnded, .alertsConfigured,
            .fallbacksDue, .gapNoticed, .clockStepped:
            break
        }
    }

    private mutating func note(_ probe: ProbeReference, _ message: String, at moment: Timestamp) {
        if let index = watch?.problems.firstIndex(where: { $0.probe == probe }) {
            watch?.problems[index].at = moment
            watch?.problems[index].message = message
            watch?.problems[index].endedAt = nil
        } else if watch?.problems.count ?? 0 < Limits.watchProblems {
            watch?.problems.append(WatchProblem(probe: probe, at: moment, message: message))
        }
    }

    /// A probe that is well again is a problem that is over; it stays in the list.
    mutating func endProblem(of probe: ProbeReference, at moment: Timestamp) {
        guard
            let index = watch?.problems.firstIndex(where: {
                $0.probe == probe && $0.endedAt == nil
            })
        else { return }
        watch?.problems[index].endedAt = moment
    }
}
