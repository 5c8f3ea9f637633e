// Seeded simulations: operators, probes, performers and time in random order; the invariants hold.
import Domain
import FoundationEssentials
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct SimulationTests {
    static let steps = 4_000

    @Test(arguments: 1...12)
    func `nothing wrong happens in a random life`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var world = RulesWorld(SampleRunbook.make(automatic: seed % 3 == 0 ? .run : .propose))
        var invariants = Invariants()
        for step in 0..<Self.steps {
            let seen = world.events.count
            try? Self.move(&world, &random)
            for entry in world.events[seen...] {
                try invariants.check(
                    entry.event, at: entry.at, in: world, "seed \(seed) step \(step)")
            }
        }
        // The world heals: everything ends.
        for name in ["all-down", "errors", "security"] { try? world.condition(name, false) }
        for _ in 0..<200 where world.situation.procedure != nil {
            switch world.situation.procedure?.state {
            case .waiting: try world.ask(.resolveStep(done: true))
            case .paused: try world.ask(.resumeProcedure)
            case .running, .undoing, .succeeded, .failed, .undone, nil: try world.end()
            }
            try world.pass(.seconds(20))
        }
        #expect(world.situation.procedure == nil, "seed \(seed)")
        // The journal adds up to the same situation, through its stored form.
        var replayed = Situation()
        for (at, event) in world.events {
            let body = try JSONEncoder().encode(event)
            replayed.apply(try JSONDecoder().decode(Event.self, from: body), at: at)
            replayed.seq += 1
        }
        #expect(replayed == world.situation, "seed \(seed)")
        #expect(world.events.count > 100, "seed \(seed): hardly anything happened")
    }

    private static func move(_ world: inout RulesWorld, _ random: inout SeededRandom) throws {
        let user = ["ines", "tomas", "vera", "mallory"].randomElement(using: &random) ?? "ines"
        switch Int.random(in: 0..<24, using: &random) {
        case 0...5:
            try world.pass(.seconds(Double(Int.random(in: 1...120, using: &random))))
        case 6, 7:
            let name = ["all-down", "errors", "security"].randomElement(using: &random) ?? "errors"
            try world.condition(name, Bool.random(using: &random))
        case 8...13:
            let ends: [StepOutcome.End] = [
                .succeeded, .succeeded, .succeeded, .alreadyDone, .failed, .unknown,
            ]
            let end = ends.randomElement(using: &random) ?? .succeeded
            try world.end(end, "so")
        case 14: try world.ask(.acknowledge(text: "", span: nil), by: user)
        case 15: try world.ask(.deactivate(resolvedBy: user, text: "over"), by: user)
        case 16: try world.ask(.autoRecover, by: user)
        case 17: try world.ask(.recover(action: "restart"), by: user)
        case 18:
            let kind = Bool.random(using: &random) ? "planned" : "emergency"
            try world.ask(.rollback(RollbackTests.request(kind)), by: user)
        case 19: try world.ask(.undoRollback(toStage: nil), by: user)
        case 20:
            try world.ask(
                Bool.random(using: &random) ? .pauseProcedure : .resumeProcedure, by: user)
        case 21: try world.ask(.resolveStep(done: Bool.random(using: &random)), by: user)
        case 22:
            try world.ask(
                .conditionChanged(
                    .rollback("exhausted"), holds: Bool.random(using: &random), why: ""))
        default: try world.ask(.activate(level: nil, reason: "felt", triggeredBy: ""), by: user)
        }
    }
}

/// What must never be seen in the events of any life.
private struct Invariants {
    private var runs: [String: Int] = [:]
    private var resolvedAgain: Set<String> = []
    private var backedUp: Set<String> = []
    private var plans: [String: Procedure] = [:]

    mutating func check(
        _ event: Event, at moment: Timestamp, in world: RulesWorld, _ context: Comment
    ) throws {
        let sentence = world.rules.sentence(event, in: world.situation)
        #expect(!sentence.text.isEmpty, context)
        #expect(sentence.by != "vera" && sentence.by != "mallory", context)
        switch event {
        case .procedureStarted(let procedure):
            plans[procedure.id] = procedure
        case .stepStarted(let id, let address, let undo):
            guard let plan = plans[id] else {
                Issue.record("a step of no procedure", sourceLocation: #_sourceLocation)
                return
            }
            let step = plan[address].step
            if plan.kind == .rollback, address.stage > 0, !undo {
                #expect(backedUp.contains(id), "no stage before its backup: \(context)")
            }
            if !undo, case .run = step.work {
                let key = "\(id)/\(address.stage)/\(address.step)"
                runs[key, default: 0] += 1
                #expect(
                    runs[key] == 1 || resolvedAgain.contains(key),
                    "\(step.name) ran twice: \(context)")
            }
        case .stepEnded(let id, let address, let undo, let outcome):
            guard let plan = plans[id] else { return }
            if plan[address].step.work == .backup, !undo,
                outcome.end == .succeeded || outcome.end == .alreadyDone
            {
                backedUp.insert(id)
            }
            // What failed, or was taken back, may be run again when a person resumes.
            if undo || outcome.end == .failed {
                for stage in plan.stages.indices {
                    for step in plan.stages[stage].steps.indices {
                        resolvedAgain.insert("\(id)/\(stage)/\(step)")
                    }
                }
            }
        case .stepResolved(let id, let address, let done, _):
            if !done { resolvedAgain.insert("\(id)/\(address.stage)/\(address.step)") }
            if done, plans[id]?[address].step.work == .backup { backedUp.insert(id) }
        case .engineStarted, .engineStopped, .probeChanged, .conditionBegan, .conditionEnded,
            .problemReported, .problemCleared, .emergencyActivated, .triggerJoined, .levelChanged,
            .acknowledged, .deactivated, .escalated, .notified, .noted, .fallbackSwitched,
            .pauseRequested, .procedurePaused, .procedureWaits, .procedureResumed, .undoStarted,
            .procedureEnded, .backupTaken, .rollbackVetoed, .autoRecoverySwitched,
            .acknowledgementExpired, .handedOver, .reopened, .outbox, .alertFired, .alertResolved,
            .lineSet, .onCallOverridden, .onCallOverrideEnded, .alertsConfigured, .fallbacksDue,
            .gapNoticed, .clockStepped, .stepSkipped, .procedureStopped,
            .rollbackRequested, .rollbackApproved, .rollbackRequestEnded, .rollbackAnnounced,
            .watchBegan, .watchLooked, .watchProblem, .watchEnded, .recoveryOverdue:
            break
        }
    }
}
