// What must hold of a simulated service at any moment, and at its end.
import Domain
import OrderedCollections
import Rules
import TestKit

extension ProcedureLife {
    /// After everything that was due.
    mutating func inspect() {
        inspectTriggers()
        inspectEscalation()
        inspectProcedure()
        if let ask = model.ask, (clock - ask.at).seconds > 30 * 60 + 0.05 {
            fault("\(ask.id) still waits")
        }
        if (situation.ask == nil) != (model.ask == nil) { fault("a request is lost") }
        guard let watch = model.watch else {
            if situation.watch != nil { fault("a watch that never began") }
            return
        }
        if situation.watch == nil { fault("the watch is lost") }
        if clock > watch.until + .seconds(0.05) { fault("the watch does not end") }
        if clock > watch.looked + watch.every + .seconds(0.05) { fault("nobody looks") }
    }

    /// No emergency is unseen past its deadline.
    private mutating func inspectTriggers() {
        if let track = model.running.last, Contract.changesTheService(track.plan.kind),
            !track.isPaused, situation.procedure?.state != .waiting
        {
            return
        }
        for trigger in runbook.triggers where !model.spent.contains(trigger.name) {
            guard let since = model.triggers[trigger.name] else { continue }
            var due = since + trigger.holds
            if let until = model.changedUntil { due = max(due, until + .seconds(10)) }
            guard clock > due + .seconds(0.05) else { continue }
            if situation.emergency?.triggers.contains(trigger.name) != true {
                fault("\(trigger.name) holds since \(since.rfc3339), and nobody sees it")
            }
        }
    }

    private mutating func inspectEscalation() {
        if (situation.emergency == nil) != (model.level == nil) { fault("an emergency is lost") }
        guard let unheard = model.unheard, let level = model.level else { return }
        let steps = runbook.escalation.first { $0.level == level }?.steps ?? []
        for (index, step) in steps.enumerated() where !unheard.taken.contains(index) {
            if clock > unheard.since + step.after + .seconds(0.05) {
                fault("step \(index) of level \(level.rawValue) is not taken")
            }
        }
    }

    /// What runs is what should, and somebody is at it.
    private mutating func inspectProcedure() {
        if situation.procedure?.id != model.running.last?.plan.id {
            fault("\(situation.procedure?.id ?? "nothing") runs")
        }
        guard let procedure = situation.procedure else {
            if run != nil { fault("a step runs, and no procedure") }
            return
        }
        let running = procedure.addresses.filter { procedure[$0].state == .running }
        if running.count > 1 { fault("\(running.count) steps run at once") }
        switch procedure.state {
        case .running, .undoing:
            guard let address = running.first else {
                return fault("\(procedure.id) is \(procedure.state), and nothing runs")
            }
            let work = procedure[address].step.work
            let needsSomebody = work.needsRunner || work.isProbe
            if needsSomebody, run == nil {
                fault("nobody performs \(procedure[address].step.name)")
            }
            if !needsSomebody, procedure.state == .undoing {
                fault("“\(procedure[address].step.name)” is waited for while undoing")
            }
        case .paused, .waiting:
            if run != nil { fault("a step runs while \(procedure.id) is \(procedure.state)") }
        case .succeeded, .failed, .undone: fault("\(procedure.id) is over and still there")
        }
    }

    /// A step is handed to the performer.
    mutating func inspectPerformed(_ procedure: Procedure, _ address: StepAddress, undo: Bool) {
        let step = procedure[address].step
        if undo, !Contract.isTakenBack(step) { fault("“\(step.name)” cannot be taken back") }
        guard procedure.testMode else { return }
        for work in [step.work, step.check, step.verify, step.undo].compactMap({ $0 }) {
            switch work {
            case .run, .shell: continue
            case .prepareTest(let world), .clearTest(let world):
                if !world.folder.hasPrefix(Rules.testFolder) { fault("copies in \(world.folder)") }
            case .service, .http, .sql, .redis, .remove, .restore, .edit, .backup,
                .restoreDatabase, .restoreBackup, .probe, .notify, .statusPage, .wait, .confirm,
                .assess, .playbook, .action, .undoAction, .rollback, .fallback, .calm:
                if "\(work)".contains("real-") { fault("a test of \(work)") }
            }
        }
        if step.work.isProbe { fault("a test looks at the real service") }
    }

    /// Nothing is due any more when everything that was due has happened.
    mutating func inspectRest() {
        if let more = try? decide(.tick, at: now), !more.isEmpty {
            fault("not at rest: \(more.map(\.kind))")
        }
    }
    /// Nothing falls due before the rules say that something does.
    mutating func inspectDeadline(before next: Timestamp) {
        guard next.milliseconds - clock.milliseconds > 2, random.likely(0.25) else { return }
        let just = Timestamp(milliseconds: next.milliseconds - 1) + skew
        if let early = try? decide(.tick, at: just), !early.isEmpty {
            fault("due before \(just.rfc3339), and nobody would look: \(early.map(\.kind))")
        }
    }

    mutating func inspectEnd() {
        if let procedure = situation.procedure {
            fault("\(procedure.id) never ends: \(procedure.state) \(procedure.message)")
        }
        if situation.playbook != nil { fault("a playbook waits for ever") }
        if situation.ask != nil { fault("a request waits for ever") }
        if situation.watch != nil { fault("it is watched for ever") }
        if situation.emergency != nil { fault("the emergency does not end") }
        if situation.rollback?.state == .failed { fault("a rollback stays half done") }
        if !situation.outbox.isEmpty { fault("\(situation.outbox.count) messages never leave") }
        replay()
    }
}

extension Work {
    var isProbe: Bool { if case .probe = self { true } else { false } }
}
