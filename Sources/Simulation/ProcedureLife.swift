// A simulated service whose procedures run: time, an engine that ends and begins, a performer whose
// steps outlive it, and deliveries.
//
// Its own clock is true time, which the machine's clock (`now`) may be ahead of or behind.
import Domain
import FoundationEssentials
import OrderedCollections
import Rules
import TestKit

/// A step in the world: what the step runner does, whether an engine watches it or not.
struct StepRun {
    var procedure: String
    var address: StepAddress
    var undo: Bool
    /// How often the step was started: each start has a run directory of its own.
    var start: Int
    /// In true time.
    var endsAt: Timestamp
    var outcome: StepOutcome
    var isWatched = true
}
struct SendingMessage {
    var id: String
    var attempt: Int
    var endsAt: Timestamp
    var arrives: Bool
}

struct ProcedureLife {
    var random: SeededRandom
    var rules: Rules
    var situation = Situation()
    /// True time.
    var clock = Timestamp(milliseconds: 1_767_621_600_000)
    /// How far the machine's clock is ahead of it.
    var skew = Span.zero
    var isUp = true
    var isHealing = false
    var run: StepRun?
    var sendings: [SendingMessage] = []
    var model = ProcedureModel()
    /// Everything since `kept` was the situation.
    var journal: [(at: Timestamp, event: Event)] = []
    var kept = Situation()
    /// The last events, for the story.
    var last: [(at: Timestamp, event: Event)] = []
    var faults: [String] = []
    /// What was asked of the rules.
    var steps = 0
    var events = 0
    /// Who asks, as the kernel says, while a command is obeyed.
    var caller: String?

    /// A fault that was planted; nil: the rules are as they are.
    let sabotage: Sabotage?

    init(seed: UInt64, sabotage: Sabotage? = nil) {
        self.sabotage = sabotage
        random = SeededRandom(seed: seed &* 0x9E37_79B9 &+ 77)
        rules = Rules(ProcedureRunbook.make(&random))
        model.upSince = clock
    }

    var now: Timestamp { clock + skew }
    var runbook: Runbook { rules.runbook }

    mutating func fault(_ text: String) {
        if faults.count < 5 { faults.append("\(clock.rfc3339): \(text)") }
    }
    /// The last events in words.
    var story: [String] {
        last.suffix(120).map { entry in
            let sentence = rules.sentence(entry.event, in: situation)
            return "\(entry.at.rfc3339) \(entry.event.kind): \(sentence.text) (\(sentence.by))"
        }
    }

    mutating func live(moves: Int) {
        ask(.started(version: "1", pid: 1, boot: "a"))
        for _ in 0..<moves {
            move()
            advance(by: pause())
            if !faults.isEmpty { return }
        }
        heal()
        if faults.isEmpty { inspectEnd() }
    }

    private mutating func pause() -> Span {
        if model.haste, random.likely(0.8) { return random.seconds(0...90) }
        return switch random.number(0...19) {
        case 0...8: random.seconds(0...60)
        case 9...16: random.seconds(30...1_500)
        case 17, 18: random.seconds(1_500...20_000)
        default: random.seconds(20_000...100_000)
        }
    }

    // MARK: The engine

    /// - Returns: the rule that refused; nil when it was obeyed.
    @discardableResult
    mutating func ask(_ request: Request) -> String? {
        steps += 1
        do throws(Refusal) {
            let decided = try decide(request, at: now)
            if steps % 16 == 0, (try? decide(request, at: now)) != decided {
                fault("the same request was decided in two ways: \(decided.map(\.kind))")
            }
            take(decided)
            if steps % 8 == 0 { inspectRest() }
            return nil
        } catch {
            if error.why.isEmpty || error.remedy.isEmpty { fault("no words: \(error)") }
            return error.rule
        }
    }
    @discardableResult
    mutating func ask(_ command: Command, by user: String) -> String? {
        let before = events
        caller = user
        let refused = ask(.command(command, by: Caller(user: user, uid: 1000, pid: 1)))
        caller = nil
        model.inspectObedience(command, user, refused, runbook).map { fault($0) }
        if refused != nil, events != before { fault("refused, and yet something happened") }
        return refused
    }

    private mutating func take(_ decided: [Event]) {
        for event in decided {
            situation.apply(event, at: now)
            situation.seq += 1
            events += 1
            journal.append((now, event))
            last.append((now, event))
            if last.count > 400 { last.removeFirst(200) }
            see(event)
            if events % 4 == 0 {
                if rules.sentence(event, in: situation).text.isEmpty {
                    fault("no words for \(event.kind)")
                }
            }
            for effect in rules.effects(of: event, in: situation) { perform(effect) }
        }
        model.endOfBatch().map { fault($0) }
        syncConditions()
    }

    /// The engine's own watch on conditions about what the rules themselves know.
    private mutating func syncConditions() {
        for name in ProcedureRunbook.problems {
            set(.trigger("alert-\(name)"), situation.reported[name] != nil)
        }
        set(.rollback("reported"), situation.reported["security"] != nil)
        set(.rollback("exhausted"), (situation.emergency?.failedAttempts ?? 0) >= 3)
    }
    mutating func set(_ condition: ConditionName, _ holds: Bool) {
        guard holds != (situation.conditions[condition] != nil) else { return }
        ask(.conditionChanged(condition, holds: holds, why: holds ? "it is so" : ""))
    }

    // MARK: The world's answers

    private mutating func perform(_ effect: Effect) {
        switch effect {
        case .ring: break
        case .deliver(let id, let attempt):
            sendings.append(
                SendingMessage(
                    id: id, attempt: attempt, endsAt: clock + random.seconds(0.05...2),
                    arrives: isHealing || random.likely(0.95)))
        case .performStep(let id, let address, let undo):
            guard let procedure = situation.procedure, procedure.id == id else {
                return fault("a step of \(id) is performed, which does not run")
            }
            let entry = procedure[address]
            if let run, run.procedure == id, run.address == address, run.undo == undo,
                run.start == entry.starts
            {
                // The same run directory: the runner that lives is waited for.
                self.run?.isWatched = true
                return
            }
            if run != nil { fault("two steps at once: \(entry.step.name) is the second") }
            inspectPerformed(procedure, address, undo: undo)
            run = StepRun(
                procedure: id, address: address, undo: undo, start: entry.starts,
                endsAt: clock + random.seconds(0.1...(random.likely(0.9) ? 40 : 900)),
                outcome: outcome(entry.step, undo: undo))
        }
    }

    private mutating func outcome(_ step: Step, undo: Bool) -> StepOutcome {
        let end: StepOutcome.End
        if isHealing || random.likely(0.86) {
            end = .succeeded
        } else {
            let bad: [StepOutcome.End] = [.failed, .failed, .unknown]
            end = step.check != nil && !undo && random.likely(0.5) ? .alreadyDone : random.pick(bad)
        }
        var outcome = StepOutcome(end: end, message: "so it was", seconds: 1)
        if step.work == .backup, end == .succeeded, !undo {
            outcome.backup = BackupReceipt(
                id: "b\(events)", path: "/b", at: now, files: 1, bytes: 1, databases: [], rows: 0,
                verified: true)
        }
        return outcome
    }

    /// Everything whose time has come ends, and the engine hears of it.
    private mutating func land() {
        guard isUp else { return }
        if let ended = run, ended.isWatched, ended.endsAt <= clock {
            run = nil
            ask(
                .stepEnded(
                    procedure: ended.procedure, ended.address, undo: ended.undo, ended.outcome))
        }
        while let index = sendings.firstIndex(where: { $0.endsAt <= clock }) {
            let sent = sendings.remove(at: index)
            let outcome = DeliveryOutcome(
                end: sent.arrives ? .delivered : .failed, detail: "so", seconds: 0.1)
            ask(.deliveryEnded(sent.id, attempt: sent.attempt, outcome))
        }
    }

    // MARK: Time

    mutating func advance(by span: Span) {
        let end = clock + span
        for _ in 0..<100_000 {
            var next = end
            if isUp {
                if let due = nextDeadline() {
                    if due <= now { fault("a deadline that is over: \(due.rfc3339)") }
                    next = min(next, due - skew)
                }
                if let run, run.isWatched { next = min(next, max(run.endsAt, clock)) }
                for sending in sendings { next = min(next, max(sending.endsAt, clock)) }
                inspectDeadline(before: next)
            }
            clock = max(next, clock)
            land()
            if isUp {
                ask(.tick)
                inspect()
            }
            if clock >= end || !faults.isEmpty { return }
        }
        fault("time does not pass")
    }

    /// The engine ends and begins again; what it was comes back from what was written down.
    mutating func restart(after span: Span, rebooting: Bool) {
        if random.likely(0.5), !rebooting { ask(.stopping) }
        let from = now
        isUp = false
        for index in sendings.indices.reversed() { sendings.remove(at: index) }
        run?.isWatched = false
        if rebooting, run != nil {
            run?.outcome = StepOutcome(end: .unknown, message: "the machine was off", seconds: 0)
            run?.endsAt = clock
        }
        // Writing everything down takes longer than everything else.
        if random.likely(0.2) { replay() }
        advance(by: span)
        isUp = true
        let away = span > .seconds(60) ? Absence(from: from, why: "no engine ran") : nil
        if away != nil { model.noteGap(at: clock) }
        model.upSince = clock
        // The runbook may be another one now.
        if random.likely(0.15) { rules = Rules(ProcedureRunbook.changed(runbook, &random)) }
        ask(.started(version: "2", pid: 2, boot: rebooting ? "b\(events)" : "a", away: away))
    }

    mutating func sleep(for span: Span) {
        let from = now
        clock = clock + span
        model.noteGap(at: clock)
        model.upSince = clock
        ask(.gap(from: from, why: "the machine slept"))
        advance(by: .zero)
    }

    mutating func setClock(by seconds: Double) {
        skew = Span(seconds: skew.seconds + seconds)
        ask(.clockStepped(by: seconds))
    }

    /// The stored form of everything since the last time adds up to the same situation.
    mutating func replay() {
        do {
            let encoder = JSONEncoder()
            let decoder = JSONDecoder()
            let text = try encoder.encode(kept)
            var replayed = try decoder.decode(Situation.self, from: text)
            if replayed != kept { fault("a snapshot changes by being stored") }
            for (at, event) in journal {
                replayed.apply(
                    try decoder.decode(Event.self, from: try encoder.encode(event)), at: at)
                replayed.seq += 1
            }
            if replayed != situation { fault("the journal adds up to something else") }
            situation = replayed
        } catch {
            fault("cannot be stored: \(error)")
        }
        kept = situation
        journal = []
    }
}
