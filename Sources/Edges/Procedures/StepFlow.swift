// The three ways an order is done: perform (check, work, verify), undo, dry run.
import Domain
import Files
import Glibc

extension StepSession {
    /// Never throws: what went wrong is the outcome.
    func run() -> StepOutcome {
        do throws(Fault) {
            switch order.mode {
            case .perform: return try perform()
            case .undo: return try undo()
            case .dryRun: return try dryRun()
            }
        } catch {
            return outcome(.failed, error.description)
        }
    }

    private func outcome(
        _ end: StepOutcome.End, _ message: String, facts: [NamedText] = []
    ) -> StepOutcome {
        // The seconds are measured where the outcome is written.
        StepOutcome(
            end: end, message: message, seconds: 0, facts: facts,
            backup: end == .succeeded ? backupTaken : nil)
    }

    private func perform() throws(Fault) -> StepOutcome {
        let step = order.step
        if let check = step.check, case .done(let why, _) = try look("check", check) {
            return outcome(.alreadyDone, why)
        }
        crashPoint("checked")
        let timeout = step.timeout ?? step.work.defaultTimeout
        var pause = step.retryPause.seconds
        var facts: [NamedText] = []
        var message = ""
        for attempt in 0...max(0, step.retries) {
            if attempt > 0 {
                output.say("\(message); again in \(Span.seconds(pause).spelled)")
                sleepFor(pause)
                pause *= 2
            }
            switch tried(step.work, timeout) {
            case .done(let text, let made):
                message = text
                facts = made
            case .failed(let why), .cutOff(let why):
                message = why
                continue
            case .unknown(let why): return decided(why)
            }
            crashPoint("work-done")
            guard let verify = step.verify else {
                return outcome(.succeeded, message, facts: facts)
            }
            switch try look("verify", verify) {
            case .done(let why, _):
                return outcome(.succeeded, "\(message); verified: \(why)", facts: facts)
            case .failed(let why), .cutOff(let why), .unknown(let why):
                return outcome(.failed, "it ran (\(message)), but verify: \(why)", facts: facts)
            }
        }
        let tries = step.retries > 0 ? ", after \(step.retries + 1) tries" : ""
        return outcome(.failed, message + tries)
    }

    /// A work whose end is not known is done when the step's own question says so.
    private func decided(_ why: String) -> StepOutcome {
        for (name, question) in [("verify", order.step.verify), ("check", order.step.check)] {
            guard let question else { continue }
            output.say("\(why); asking \(name)")
            guard case .done(let answer, _) = try? look(name, question) else { continue }
            return outcome(.succeeded, "\(why); but \(name) holds: \(answer)")
        }
        return outcome(.unknown, why)
    }

    /// A work that cannot be tried has failed like one that was: the next try may go better.
    private func tried(_ work: Work, _ timeout: Span) -> WorkEnd {
        do throws(Fault) {
            return try perform(work, timeout)
        } catch {
            return .failed(error.description)
        }
    }

    /// Whether a check or a verify holds. Only works that look are allowed.
    private func look(_ name: String, _ work: Work) throws(Fault) -> WorkEnd {
        guard work.canOnlyLook else {
            throw Fault(
                operation: name, subject: work.kind,
                cause: work.needsRunner
                    ? "it would change something; use run, shell, http, redis or an sql query"
                    : "only the engine can decide this, not the step runner")
        }
        // Without a yes or no, nothing may be built on it.
        func undecided(_ why: String) -> Fault {
            Fault(operation: name, subject: described(work, units: order.units), cause: why)
        }
        let end: WorkEnd
        do throws(Fault) {
            end = try perform(work, patience(with: work))
        } catch {
            throw undecided(error.description)
        }
        switch end {
        case .done: break
        case .failed(let why): output.say("\(name) does not hold: \(why)")
        case .cutOff(let why), .unknown(let why): throw undecided(why)
        }
        return end
    }

    private func undo() throws(Fault) -> StepOutcome {
        let step = order.step
        if let undo = step.undo {
            let timeout = step.timeout ?? undo.defaultTimeout
            switch tried(undo, timeout) {
            case .done(let message, let facts):
                return outcome(.succeeded, message, facts: facts)
            case .failed(let why), .cutOff(let why): return outcome(.failed, why)
            case .unknown(let why): return outcome(.unknown, why)
            }
        }
        if step.work.savesWhatItChanges {
            return outcome(.succeeded, try putBack(step.work, timeout: step.timeout))
        }
        if step.work.changesNothing {
            return outcome(.succeeded, "it changed nothing; there is nothing to take back")
        }
        return outcome(
            .failed, "it cannot be taken back: the runbook gives no undo for \(step.work.kind)")
    }

    /// - Throws: why it would fail.
    private func dryRun() throws(Fault) -> StepOutcome {
        let step = order.step
        var doubt = ""
        if let check = step.check, check.isHarmless {
            let began = secondsSinceBoot()
            let found = try asked("check", check) { () throws(Fault) in try look("check", check) }
            if case .done(let why, _) = found { return outcome(.alreadyDone, why) }
            let limit = patience(with: check)
            if secondsSinceBoot() - began >= limit.seconds {
                doubt = "; its check did not answer within \(limit.spelled), so it does not hold"
            }
        }
        let found = try asked("forecast", step.work) { () throws(Fault) in
            try forecast(step.work)
        }
        switch found {
        case .nothingToDo(let why): return outcome(.alreadyDone, why)
        case .wouldRun(let what): return outcome(.wouldRun, what + doubt)
        case .wouldFail(let why): return outcome(.failed, why)
        }
    }

    /// Puts a question of a dry run. What takes too long has not answered, whatever it says at last.
    private func asked<Answer>(
        _ name: String, _ work: Work, _ body: () throws(Fault) -> Answer
    ) throws(Fault) -> Answer {
        let asked = Question(
            name: name, work: described(work, units: order.units), limit: patience(with: work))
        question = asked
        defer { question = nil }
        let began = secondsSinceBoot()
        do throws(Fault) {
            return try body()
        } catch {
            throw secondsSinceBoot() - began < asked.limit.seconds ? error : asked.late
        }
    }

    /// How long work that only looks may take. In a dry run nobody waits long: many questions follow
    /// each other, and each could meet a lock or a server that hangs.
    func patience(with work: Work) -> Span {
        let usual = work.defaultTimeout
        guard order.mode == .dryRun else { return usual }
        return min(usual, order.step.timeout ?? usual, .seconds(10))
    }
    /// How much later than a server we end what it should have ended itself.
    func grace(_ usual: Span) -> Span { order.mode == .dryRun ? .seconds(1) : usual }

    private func sleepFor(_ seconds: Double) {
        let end = secondsSinceBoot() + seconds
        while secondsSinceBoot() < end {
            usleep(UInt32(max(0, min(0.5, end - secondsSinceBoot())) * 1_000_000))
        }
    }
}

extension Work {
    /// How long a work may take where the step does not say. A backup may be large; a check is short.
    var defaultTimeout: Span {
        switch self {
        case .run, .shell, .remove, .restore, .edit: .minutes(5)
        case .service: .seconds(30)
        case .http, .redis: .seconds(10)
        case .sql: .seconds(60)
        case .backup, .restoreDatabase, .restoreBackup, .prepareTest, .clearTest: .hours(1)
        // Inside the engine, with times of their own.
        case .probe, .notify, .statusPage, .wait, .confirm, .assess, .playbook, .action,
            .undoAction,
            .rollback, .fallback, .calm:
            .minutes(5)
        }
    }

    /// Whether it may be a `check` or a `verify`. A program or a line for the shell is trusted to look.
    var canOnlyLook: Bool {
        switch self {
        case .run, .shell, .http, .redis: true
        case .sql(let sql): sql.statements.isEmpty
        case .service, .remove, .restore, .edit, .backup, .restoreDatabase, .restoreBackup,
            .prepareTest, .clearTest, .probe, .notify,
            .statusPage, .wait, .confirm, .assess, .playbook, .action, .undoAction, .rollback,
            .fallback, .calm:
            false
        }
    }

    /// Whether it may be made in a dry run: a request that is no GET is left out.
    var isHarmless: Bool {
        if case .http = self { changesNothing } else { true }
    }
}

extension StepSession {
    /// Does one work.
    /// - Throws: when it could not even be tried.
    func perform(_ work: Work, _ timeout: Span) throws(Fault) -> WorkEnd {
        switch work {
        case .run(let arguments, let input): return try run(arguments, input: input, timeout)
        case .shell(let line): return try shell(line, timeout)
        case .service(let verb, let unit): return try service(verb, unit, timeout)
        case .http(let request, let expect, let keepCookies):
            return try http(request, expect, keepCookies: keepCookies, timeout)
        case .sql(let sql): return try self.sql(sql, timeout)
        case .redis(let source, let command, let reply):
            return try redis(source, command, reply, timeout)
        case .remove(let patterns):
            return try bounded(timeout) { () throws(Fault) in try remove(patterns) }
        case .restore(let restore): return try self.restore(restore, timeout)
        case .edit(let edit):
            return try bounded(timeout) { () throws(Fault) in try self.edit(edit) }
        case .backup: return try bounded(timeout) { () throws(Fault) in try takeBackup() }
        case .restoreDatabase(let source):
            return try bounded(timeout) { () throws(Fault) in try restoreDatabase(source) }
        case .restoreBackup(let restore):
            return try bounded(timeout) { () throws(Fault) in try restoreBackup(restore) }
        case .prepareTest(let world):
            return try bounded(timeout) { () throws(Fault) in try prepareTest(world) }
        case .clearTest(let world):
            return try bounded(timeout) { () throws(Fault) in try clearTest(world) }
        case .probe, .notify, .statusPage, .wait, .confirm, .assess, .playbook, .action,
            .undoAction,
            .rollback, .fallback, .calm:
            throw notForRunner(work)
        }
    }

    /// Says what a work would do. Changes nothing.
    private func forecast(_ work: Work) throws(Fault) -> Forecast {
        switch work {
        case .run(let arguments, _): return try forecastRun(arguments)
        case .shell(let line):
            try refuseNames(in: line)
            return .wouldRun(described(work))
        case .service(let verb, let unit): return try forecastService(verb, unit)
        case .http(let request, _, _): return try forecastHTTP(request)
        case .sql(let sql):
            return try forecastSQL(sql, patience(with: work))
        case .redis(let source, let command, _):
            return try forecastRedis(source, command, patience(with: work))
        case .remove(let patterns): return try forecastRemove(patterns)
        case .restore(let restore): return try forecastRestore(restore)
        case .edit(let edit): return try forecastEdit(edit)
        case .backup: return try forecastBackup()
        case .restoreDatabase(let source): return try forecastRestoreDatabase(source)
        case .restoreBackup(let restore): return try forecastRestoreBackup(restore)
        case .prepareTest(let world): return try forecastPrepareTest(world)
        case .clearTest(let world): return .wouldRun("would " + described(.clearTest(world)))
        case .probe, .notify, .statusPage, .wait, .confirm, .assess, .playbook, .action,
            .undoAction,
            .rollback, .fallback, .calm:
            throw notForRunner(work)
        }
    }

    private func notForRunner(_ work: Work) -> Fault {
        Fault(
            operation: "run a step", subject: work.kind,
            cause: "it is done inside the engine; it is not a runner's step")
    }
}
