// What the socket's server asks of the engine.
import Domain
import FoundationEssentials
import Link
import Logging
import Rules
import Wire

#if canImport(Glibc)
    import Glibc
#endif

extension EngineCore: EngineService {
    func situation(for caller: Caller) async -> SituationReport { context.report(monitor) }

    func runbook(for caller: Caller) async -> RunbookReport {
        context.runbookReport(caller, faults: parts.faults)
    }

    func rollbackPlan(for caller: Caller) async throws -> RollbackReport {
        if let report = context.rollbackReport(caller) { return report }
        throw Refusal(
            .notNow, rule: "no-rollback", why: "the runbook describes no rollback",
            remedy: "Add `rollback:` to it")
    }

    func perform(_ request: CommandRequest, by caller: Caller) async throws -> CommandAnswer {
        if request.command == "rollback" || request.command == "test-rollback",
            request.dryRun == true
        {
            return CommandAnswer(events: [], plan: try await dryRun(for: caller))
        }
        if request.command == "check-now" { return try await checkNow(request) }
        if let test = SelfTest(rawValue: request.command) {
            return try await answer(test, for: caller)
        }
        if request.command == "generate-rollback-report" {
            return CommandAnswer(
                events: [], record: try rollbackRecord(testMode: request.testMode ?? false))
        }
        if request.command == "verify-backup" { return try await verifyBackup(request, caller) }
        if request.command == "restore-backup", request.backup == "latest" {
            try await refuseDoubtfulNewest(caller)
        }
        let planHash = context.rollbackReport(caller)?.hash
        if request.command == "configure-alerts" { return try configureAlerts(request, caller) }
        let command = try CommandReading(rules: rules, planHash: planHash).command(request)
        let before = situation.procedure?.id
        let events = try await handleInTurn(command, by: caller)
        let started = events.last { $0.kind == "procedure-started" }?.procedure
        let messages = events.filter { $0.kind == "message-queued" }.compactMap(\.message)
        return CommandAnswer(
            events: events, procedure: started ?? situation.procedure?.id ?? before,
            messages: messages, queued: context.queued(messages),
            request: events.contains { $0.kind == "rollback-requested" } ? situation.ask?.id : nil)
    }

    /// The engine's own short procedures (fallbacks that a level asks for) are no reason to turn an
    /// operator away: what they ask for comes next.
    private func handleInTurn(
        _ command: Command, by caller: Caller
    ) async throws -> [EventReport] {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(Self.turnPatience.seconds)
        while true {
            do {
                return try handle(.command(command, by: caller))
            } catch let refusal as Refusal {
                guard ["one-procedure-at-a-time", "pause-first"].contains(refusal.rule),
                    let busy = situation.procedure, busy.kind == .fallback,
                    busy.startedBy == "engine", busy.state == .running, clock.now < end
                else { throw refusal }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
    /// Less than clients wait for an answer.
    private static let turnPatience = Span.seconds(8)

    /// Writes `alerts.local.yaml` beside the runbook and tells by it from now on.
    private func configureAlerts(
        _ request: CommandRequest, _ caller: Caller
    ) throws -> CommandAnswer {
        try rules.authority.mayAct(caller)
        let before = runbook.localAlerts
        let wanted = try CommandReading.localAlerts(request)
        take(try parts.saveLocalAlerts(wanted, runbook))
        do {
            return CommandAnswer(
                events: try handle(.command(.alertsConfigured(wanted), by: caller)))
        } catch {
            // What is not in the journal does not hold: the file is as it was.
            take(try parts.saveLocalAlerts(before, runbook))
            throw error
        }
    }

    private func checkNow(_ request: CommandRequest) async throws -> CommandAnswer {
        guard let name = request.name, let reference = ProbeReference(name),
            let probe = monitor.entry(reference)?.probe
        else {
            throw Refusal(
                .notUnderstood, rule: "unknown-probe",
                why: "there is no probe “\(Visible.text(request.name ?? "", limit: 60))”",
                remedy: "Name it as component.probe")
        }
        let result = await parts.check(probe)
        take([Sample(probe: reference, result: result, at: parts.now())])
        return CommandAnswer(events: [])
    }

    func events(after: Int, limit: Int) async throws -> EventPage {
        let records = try parts.store.read(after: after, limit: limit)
        return EventPage(
            events: try records.map { record in
                context.event(try EventCoding.decode(record), seq: record.seq, at: record.at)
            }, last: situation.seq)
    }

    func newestEvents(limit: Int) async throws -> EventPage {
        try await events(after: max(0, situation.seq - limit), limit: limit)
    }

    func history(of probe: ProbeReference, window: Span) async -> HistoryPage? {
        guard let samples = monitor.samples(of: probe) else { return nil }
        let from = parts.now() - window
        return HistoryPage(
            component: probe.component, probe: probe.probe,
            samples: samples.filter { $0.at >= from }.map {
                SampleReport(
                    at: $0.at.rfc3339, answer: $0.answer.rawValue,
                    latencyMs: Double($0.milliseconds), message: "")
            })
    }

    func stream(for caller: Caller) async throws -> StreamSubscription {
        let context = context
        let newest = try parts.store.read(
            after: max(0, situation.seq - Self.eventsInStart), limit: Self.eventsInStart)
        let start = StreamStart(
            situation: context.report(monitor),
            runbook: context.runbookReport(caller, faults: parts.faults),
            you: context.caller(caller),
            events: try newest.map { record in
                context.event(try EventCoding.decode(record), seq: record.seq, at: record.at)
            })
        let line = try WireCoding.encode(StreamLine(start: start))
        // No await since the report was made: nothing can have changed in between.
        hadViewers = true
        return hub.subscribe(start: line)
    }

    func metrics() async -> String { OpenMetrics(context: context, monitor: monitor).text }

    func alert(_ body: Data, by caller: Caller) async throws -> CommandAnswer {
        guard let intake = parts.runbook.alerts else {
            throw Refusal(
                .notNow, rule: "no-alert-mapping",
                why: "the runbook does not say which alerts are problems",
                remedy: "Add `alerts:` with its rules to it, or report it: tocsin report-problem")
        }
        try maySendAlerts(caller, intake)
        let reading = try await AlertDesk.shared.read(
            body, by: intake, of: runbook.service.name, at: parts.now())
        note(reading, from: caller)
        guard !reading.alerts.isEmpty else { return CommandAnswer(events: []) }
        return CommandAnswer(events: try handle(.alerts(reading.alerts, by: caller)))
    }

    private func maySendAlerts(_ caller: Caller, _ intake: AlertIntake) throws(Refusal) {
        // The listener has asked for the token already.
        if caller == AlertListener.caller || caller.uid == 0 || caller.uid == getuid() { return }
        if intake.from.contains(caller.user) { return }
        do {
            try rules.authority.mayAct(caller)
        } catch {
            throw Refusal(
                .notAllowed, rule: "alert-senders",
                why: "\(Visible.text(caller.user)) may not send alerts",
                remedy: "Add the login name to `from:` under `alerts:` in the runbook")
        }
    }

    /// Alerts that change nothing are no events, but whoever misses one finds it in the log.
    private func note(_ reading: AlertReading, from caller: Caller) {
        let sender = Visible.text(caller.user, limit: 60)
        if !reading.unmatched.isEmpty {
            let some = reading.unmatched.prefix(5).joined(separator: ", ")
            let more = reading.unmatched.count > 5 ? " …" : ""
            parts.logger.notice(
                "\(reading.unmatched.count) alerts of \(sender) match no rule: \(some)\(more)")
        }
        if reading.leftOut > 0 {
            parts.logger.warning(
                """
                \(reading.leftOut) more alerts of \(sender) were left out; at most \
                \(AlertReading.most) are taken at once (`max_alerts` of Alertmanager)
                """)
        }
    }

    /// It answers, so its inbox moves. A full disk is an alarm on every screen, not a reason for a
    /// watchdog to end the engine: a new one could not even start.
    var isLive: Bool { true }
}
