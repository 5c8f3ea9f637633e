// Faults that are planted between a simulated world and the rules, so that it can be seen whether the
// simulation would find such a fault in the rules themselves.
import Domain
import OrderedCollections
import Rules
import TestKit

package enum Sabotage: String, Sendable, CaseIterable {
    case approvesTwice = "who asks agrees a second time"
    case neverExpires = "requests never run out"
    case anyLevel = "an emergency's authorization holds at any level"
    case otherPlan = "another plan than the one that was shown runs"
    case everybody = "everybody is obeyed"
    case vetoIgnored = "vetoes are ignored"
    case unannounced = "a rule's rollback starts without a countdown"
    case runsAgain = "a step of which nobody knows the end runs again unasked"
    case retries = "a failed step is tried again unasked"
    case noBackup = "stages start before the backup"
    case guardForgotten = "a failed step's replacement is forgotten"
    case childIgnored = "a playbook goes on after its rollback failed"
    case undoSkips = "undoing passes over the last step"
    case pauseIgnored = "what is paused goes on"
    case twoAtOnce = "a second procedure begins"
    case watchEndless = "a watch never ends"
    case unseen = "triggers raise nothing"
    case lateDeadline = "what falls due is looked at a minute late"
    case forgetsAlert = "an alert that fires is dropped"

    private static let never = Timestamp(milliseconds: 9_000_000_000_000)
    private static let longAgo = Timestamp(milliseconds: 0)

    /// The request as it reaches the spoiled rules.
    func spoiled(_ request: Request) -> Request {
        if self == .everybody, case .command(let command, _) = request {
            return .command(command, by: Caller(user: "ines", uid: 0, pid: 1))
        }
        if self == .forgetsAlert, case .alerts(let alerts, let caller) = request {
            return .alerts(alerts.filter { !$0.isFiring || $0.fingerprint != "f2" }, by: caller)
        }
        return request
    }

    /// The situation as the spoiled rules see it.
    func spoiled(_ situation: Situation, _ request: Request) -> Situation {
        var seen = situation
        switch self {
        case .approvesTwice:
            guard case .command(.approveRollback, let caller) = request,
                situation.ask?.by == caller.user
            else { break }
            seen.ask?.by = ""
            seen.ask?.approvals.removeAll { $0.user == caller.user }
        case .neverExpires: seen.ask?.expiresAt = Self.never
        case .anyLevel: seen.emergency?.level = .critical
        case .vetoIgnored: seen.vetoedRules = []
        case .unannounced:
            for case .rollback(let rule) in situation.conditions.keys {
                seen.announcedRules[rule] = Self.longAgo
            }
        case .runsAgain: change(&seen.procedure) { $0.step.repeatable = true }
        case .noBackup:
            guard situation.procedure?.kind == .rollback, situation.procedure?.testMode == false
            else { break }
            change(&seen.procedure) { entry in
                if entry.step.work == .backup, entry.state == .pending { entry.state = .skipped }
            }
        case .guardForgotten: change(&seen.procedure) { $0.guards = nil }
        case .childIgnored:
            if let parent = situation.rollback?.parent,
                parent == situation.playbook?.id
                    || parent == situation.procedure?.id
            {
                seen.rollback?.state = .succeeded
            }
        case .undoSkips:
            guard case .command(.undoRollback, _) = request else { break }
            skipLast(&seen.procedure)
            skipLast(&seen.rollback)
        case .pauseIgnored:
            if situation.procedure?.state == .paused { seen.procedure?.state = .running }
        case .twoAtOnce:
            if case .command(.backup, _) = request { seen.procedure = nil }
        case .watchEndless: seen.watch?.until = Self.never
        case .unseen:
            for case .trigger(let name) in situation.conditions.keys {
                seen.spentTriggers.append(name)
            }
        case .otherPlan, .everybody, .retries, .lateDeadline, .forgetsAlert: break
        }
        return seen
    }

    /// The decision as it leaves the spoiled rules.
    func spoiled(_ events: [Event]) -> [Event] {
        if self == .otherPlan {
            return events.map { event in
                guard case .procedureStarted(var procedure) = event, procedure.kind == .rollback,
                    !procedure.testMode
                else { return event }
                procedure.stages.removeLast()
                return .procedureStarted(procedure)
            }
        }
        let failed = events.firstIndex { event in
            if case .stepEnded(_, _, false, let outcome) = event {
                outcome.end == .failed
            } else {
                false
            }
        }
        guard self == .retries, let failed,
            case .stepEnded(let id, let address, _, _) = events[failed],
            events.dropFirst(failed).contains(where: { $0.kind == "procedure-ended" })
        else { return events }
        return events.prefix(through: failed)
            + [.stepStarted(procedure: id, address, undo: false)]
    }

    private func change(_ procedure: inout Procedure?, _ body: (inout ProcedureStep) -> Void) {
        for address in procedure?.addresses ?? [] {
            if var entry = procedure?[address] {
                body(&entry)
                procedure?[address] = entry
            }
        }
    }
    private func skipLast(_ procedure: inout Procedure?) {
        guard
            let last = procedure?.addresses.last(where: {
                procedure?[$0].state == .succeeded || procedure?[$0].state == .failed
            })
        else { return }
        procedure?[last].state = .pending
    }
}

extension ProcedureLife {
    /// What the rules, spoiled or not, decide.
    func decide(_ request: Request, at moment: Timestamp) throws(Refusal) -> [Event] {
        guard let sabotage else { return try rules.decide(request, in: situation, at: moment) }
        let seen = sabotage.spoiled(situation, request)
        return sabotage.spoiled(
            try rules.decide(sabotage.spoiled(request), in: seen, at: moment))
    }
    func nextDeadline() -> Timestamp? {
        let seen = sabotage?.spoiled(situation, .tick) ?? situation
        let due = rules.nextDeadline(in: seen, after: now)
        return sabotage == .lateDeadline ? due.map { $0 + .minutes(1) } : due
    }
}
