// The engine: one inbox, one consumer; decide, write, apply, act, tell — in this order, always.
import Dispatch
import Domain
import FoundationEssentials
import Link
import Logging
import OrderedCollections
import Procedures
import Rules
import Synchronization
import Wire

/// Runs the engine's jobs one after the other on a thread of their own, so that waiting for the disk
/// blocks nobody else.
final class EngineExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "tocsin.engine", qos: .userInitiated)
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedSerialExecutor()
        queue.async { job.runSynchronously(on: executor) }
    }
}

/// What the engine stands on; tests hand in twins.
struct EngineParts: Sendable {
    var runbook: Runbook
    var store: any EventStore
    var performer: any StepPerformer
    /// Held while a procedure touches the world; nil: this engine is the only one that can be.
    var serviceLock: ServiceLock?
    /// Reads the backups on disk, on threads of its own.
    var backups: BackupDesk?
    var carrier: any MessageCarrier
    /// Looks at one probe now.
    var check: @Sendable (Probe) async -> CheckResult
    /// Tells the scheduler that a probe is failing but not failed, or no longer.
    var setFailing: @Sendable (ProbeReference, Bool) -> Void
    var now: @Sendable () -> Timestamp
    /// What has become of the clocks since the last look.
    var checkClock: @Sendable () -> ClockEvent? = { nil }
    /// Whether the runbook's file is still what was read.
    var lookAtRunbook: @Sendable () -> RunbookWatch.Finding = { .same }
    /// Leaves a sign of life.
    var beat: @Sendable (Timestamp) -> Void = { _ in }
    /// Since when no engine ran before this one, where that is worth a word.
    var away: Absence?
    /// Writes `alerts.local.yaml`; answers the runbook with it.
    var saveLocalAlerts: @Sendable (LocalAlerts, Runbook) throws -> Runbook
    /// The state folder, absolute.
    var state: String
    var boot: String
    var pid: Int
    /// The bundled demo's faults; empty for any other service.
    var faults: [String]
    /// What the self-tests ask the machine.
    var selfTests = SelfTestWorld.real
    var logger: Logger
}

actor EngineCore {
    nonisolated let hub = StreamHub()
    nonisolated let executor = EngineExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let parts: EngineParts
    /// Changes only with `alerts.local.yaml`.
    private(set) var rules: Rules
    var runbook: Runbook { rules.runbook }
    let startedAt: Timestamp
    private(set) var situation: Situation
    let monitor: Monitor
    /// Reports whose events could not be written; tried again with every tick, in order.
    private var unwritten: [Request] = []
    private var journalTroubleSince: Timestamp?
    /// Since when the runbook's file is another one than was read.
    private var runbookTroubleSince: Timestamp?
    /// Troubles of Tocsin itself that everybody must see, by what they are about.
    private var troubles: OrderedDictionary<Trouble, String> = [:]
    enum Trouble { case journal, network, alerts, service, runbook }
    var alarms: [String] { Array(troubles.values) }
    private(set) var output: [String: [String]] = [:]
    private nonisolated let waitingOutput = Mutex<[OutputLine]>([])
    var inFlight: Set<String> = []
    var lastRefresh = Timestamp(milliseconds: 0)
    private var ourNetworkIsDown = false
    private var unknownSince: [ConditionName: Timestamp] = [:]
    var telling = Telling()
    private var lastScorePushed = Timestamp(milliseconds: 0)
    private var snapshotSeq: Int
    private var timer: Task<Void, Never>?
    private var isStopping = false
    var dryRuns = 0
    /// The backup that is being verified.
    var verifying: String?
    /// Whether anybody has watched since the start.
    var hadViewers = false

    static let outputLinesKept = 200
    static let eventsInStart = 200
    static let eventsPerSnapshot = 2_000
    /// A condition that cannot be judged for so long no longer counts as holding.
    static let unknownGrace = Span.seconds(60)

    /// Reads the journal and works out the situation.
    /// - Throws: `Fault`, `Damage`.
    init(_ parts: EngineParts) throws {
        self.parts = parts
        rules = Rules(parts.runbook)
        startedAt = parts.now()
        monitor = Monitor(parts.runbook)
        // Where no snapshot could be used, the next one is due at once: the journal is read in full only
        // once.
        (situation, snapshotSeq) = try Replay.situationAndSnapshot(from: parts.store)
        monitor.remember(situation)
    }

    /// Writes that it is up and picks up what was in flight.
    func start() throws {
        try handle(
            .started(
                version: Product.version, pid: parts.pid, boot: parts.boot, away: parts.away))
        timer = Task { [weak self] in
            while !Task.isCancelled {
                guard let pause = await self?.untilNextTick() else { return }
                try? await Task.sleep(for: .seconds(pause))
                await self?.tick()
            }
        }
    }

    /// Writes that it ends. Steps in flight go on by themselves; the next engine finds them.
    func stop() {
        isStopping = true
        timer?.cancel()
        _ = try? handle(.stopping)
        saveSnapshot()
        hub.finish()
    }

    /// Whether nobody watches and nothing is in flight.
    var isIdle: Bool {
        hub.viewers == 0 && situation.procedure == nil && situation.emergency == nil
    }

    // MARK: The one way things happen

    /// Decides, writes, applies, acts and tells.
    /// - Throws: `Refusal`; `Fault` or `Damage` when it could not be written — then nothing happened.
    @discardableResult
    func handle(_ request: Request) throws -> [EventReport] {
        let now = parts.now()
        let events = try rules.decide(request, in: situation, at: now)
        guard !events.isEmpty else { return [] }
        try refuseBesideAnotherEngine(request, events)
        let records = try write(events, at: now)
        var reports: [EventReport] = []
        var effects: [Effect] = []
        for (event, record) in zip(events, records) {
            situation.apply(event, at: record.at)
            situation.seq = record.seq
            effects += rules.effects(of: event, in: situation)
            if case .probeChanged(let probe, _, _, _) = event { monitor.markChanged(probe) }
            if case .outbox(let event) = event { noteChanged(event) }
            reports.append(context.event(event, seq: record.seq, at: record.at))
        }
        if events.contains(where: { $0.kind == "probe-changed" }) {
            monitor.takeStates(of: situation)
        }
        // The engine's own gauges follow what happens at once, not only every few seconds.
        if events.contains(where: {
            $0.kind.hasPrefix("emergency-") || $0.kind == "procedure-ended"
        }) {
            pushEngineGauges()
        }
        telling.coreChanged = true
        followServiceLock()
        // What is to be done first: to tell viewers of a long procedure takes longer than to start a step.
        effects.forEach(start)
        reports.forEach { publish(StreamLine(event: $0)) }
        // How far a procedure is may be told a moment later; what begins and what ends may not, or a
        // viewer would miss it.
        publishChanges(at: now, mayWait: events.allSatisfy { $0.kind.hasPrefix("step-") })
        if situation.seq - snapshotSeq >= Self.eventsPerSnapshot { saveSnapshot() }
        if events.contains(where: { $0.kind == "procedure-ended" || $0.kind == "engine-started" }) {
            tidyRuns()
        }
        rearm()
        watchConditions()
        return reports
    }

    private func noteChanged(_ event: OutboxEvent) {
        switch event {
        case .queued(_, let deliveries): telling.deliveries.append(contentsOf: deliveries.map(\.id))
        case .added(let delivery): telling.deliveries.append(delivery.id)
        case .started(let id, _), .ended(let id, _, _), .interrupted(let id), .dropped(let id, _),
            .dead(let id, _), .revived(let id, _), .dismissed(let id, _):
            telling.deliveries.append(id)
        }
    }

    private func write(_ events: [Event], at now: Timestamp) throws -> [EventRecord] {
        let drafts = try events.map { event in
            EventDraft(at: now, kind: event.kind, body: try EventCoding.encode(event))
        }
        do {
            let records = try parts.store.append(drafts, expecting: situation.seq)
            return records
        } catch {
            noteJournalTrouble("\(error)", at: now)
            throw error
        }
    }

    private func noteJournalTrouble(_ cause: String, at now: Timestamp) {
        if journalTroubleSince == nil {
            journalTroubleSince = now
            parts.logger.error("the journal cannot be written: \(cause)")
        }
        let text =
            "JOURNAL NOT WRITTEN since \((journalTroubleSince ?? now).timeOfDay) UTC: "
            + "nothing can be started, and what happens is not recorded. \(cause)"
        set(.journal, text)
    }

    /// For what the world reports: it must not be lost, so what cannot be written waits.
    func report(_ request: Request) {
        // The end of the engine is its last word; whatever ends later, the next one finds or asks about.
        if isStopping { return }
        if !unwritten.isEmpty {
            keep(request)
            return
        }
        do {
            try handle(request)
        } catch let refusal as Refusal {
            parts.logger.error("a report was refused: \(refusal.why)")
        } catch {
            keep(request)
        }
    }
    private func keep(_ request: Request) {
        switch request {
        // Only ends of steps and of deliveries are kept: states and conditions are looked at afresh, ticks come again.
        case .stepEnded, .deliveryEnded, .clockStepped: unwritten.append(request)
        case .started, .stopping, .tick, .probesChanged, .conditionChanged, .command, .alerts, .gap:
            break
        }
    }

    private func retryUnwritten() {
        guard let since = journalTroubleSince else { return }
        do {
            try handleRecovered(since)
        } catch {
            return
        }
        let waiting = unwritten
        unwritten = []
        waiting.forEach(report)
        // States and conditions that changed meanwhile.
        report(
            .probesChanged(
                monitor.entries.filter { $0.lastAt != nil }.map { entry in
                    ProbeChange(
                        probe: entry.probe.reference, to: entry.tracker.state,
                        message: entry.last?.message ?? "")
                }))
        watchConditions()
    }

    /// The gap itself goes into the journal: the first thing that can be written again.
    private func handleRecovered(_ since: Timestamp) throws {
        let now = parts.now()
        let event = Event.noted(
            text: "the journal could not be written from \(since.rfc3339) to \(now.rfc3339); "
                + "what happened in between is not recorded", by: "engine")
        let records = try write([event], at: now)
        journalTroubleSince = nil
        troubles[.journal] = nil
        for record in records {
            situation.apply(event, at: record.at)
            situation.seq = record.seq
            publish(StreamLine(event: context.event(event, seq: record.seq, at: record.at)))
        }
        telling.coreChanged = true
        publishChanges(at: now)
    }

    // MARK: Time

    private func untilNextTick() -> Double {
        let now = parts.now()
        let deadline = rules.nextDeadline(in: situation, after: now)
        let pause = deadline.map { ($0 - now).seconds } ?? 1
        return min(max(pause, 0.001), 1)
    }

    /// A new deadline may be nearer than the one that is slept for.
    private func rearm() {
        guard let deadline = rules.nextDeadline(in: situation, after: parts.now()) else { return }
        let pause = (deadline - parts.now()).seconds
        guard pause < 1 else { return }
        Task { [weak self] in
            try? await Task.sleep(for: .seconds(max(pause, 0.001)))
            await self?.tick()
        }
    }

    func tick() {
        guard !isStopping else { return }
        lookAtTheClocks()
        lookAtTheRunbook()
        retryUnwritten()
        followServiceLock()
        report(.tick)
        watchConditions()
        let now = parts.now()
        if now - lastScorePushed >= .seconds(5) {
            lastScorePushed = now
            pushEngineGauges()
        }
        refreshAlerts(at: now)
        if now - telling.lastAt >= .seconds(0.95) { publishChanges(at: now, heartbeat: true) }
    }

    private func lookAtTheClocks() {
        parts.beat(parts.now())
        switch parts.checkClock() {
        case .gap(let from, let why): report(.gap(from: from, why: why))
        case .stepped(let seconds):
            parts.logger.warning("the wall clock was set by \(seconds) s")
            // Moments of the old time would keep the engine waiting.
            telling.lastAt = Timestamp(milliseconds: 0)
            lastScorePushed = telling.lastAt
            lastRefresh = telling.lastAt
            unknownSince = [:]
            report(.clockStepped(by: seconds))
        case nil: break
        }
    }

    private func lookAtTheRunbook() {
        let finding = parts.lookAtRunbook()
        let since = finding == .same ? nil : runbookTroubleSince ?? parts.now()
        if since != nil, runbookTroubleSince == nil {
            parts.logger.warning("the runbook's file is no longer what this engine has read")
        }
        runbookTroubleSince = since
        set(
            .runbook,
            since.flatMap { Self.alarm(finding, path: parts.runbook.path, since: $0) })
    }

    private func pushEngineGauges() {
        let context = context
        for (index, gauge) in parts.runbook.gauges.enumerated() {
            switch gauge.source {
            case .healthScore: monitor.push(Double(context.score), to: index)
            case .emergencies: monitor.push(Double(context.kpis.emergencies24h), to: index)
            case .recoverySuccessRate:
                context.kpis.recoverySuccessRate.map { monitor.push($0, to: index) }
            case .rollbackSuccessRate:
                context.kpis.rollbackSuccessRate.map { monitor.push($0, to: index) }
            case .metric, .probe: break
            }
        }
    }

    // MARK: Samples and conditions

    /// Takes samples in; whatever they change is decided at once.
    func take(_ samples: [Sample]) {
        guard !isStopping else { return }
        var changes: [ProbeChange] = []
        for sample in samples {
            let wasSettled = monitor.entry(sample.probe)?.tracker.isSettled ?? true
            let changed = monitor.take(sample, ours: ourNetworkIsDown, situation: situation)
            guard let entry = monitor.entry(sample.probe) else { continue }
            // While answers speak against the state, the probe is looked at more often.
            if entry.tracker.isSettled != wasSettled {
                parts.setFailing(sample.probe, !entry.tracker.isSettled)
            }
            if let state = changed {
                let message = entry.last?.message ?? ""
                changes.append(ProbeChange(probe: sample.probe, to: state, message: message))
            }
        }
        if !changes.isEmpty { report(.probesChanged(changes)) }
        watchConditions()
        let now = parts.now()
        if now - telling.lastAt >= .seconds(0.95) { publishChanges(at: now, heartbeat: true) }
    }

    /// Our own way out failed or came back: while it is down, a bad answer says nothing of the service.
    func setOurNetwork(down: Bool) {
        guard down != ourNetworkIsDown else { return }
        ourNetworkIsDown = down
        parts.logger.warning(
            down ? "our own network is down: probes turn unknown" : "our own network is back")
        let text = "OUR OWN NETWORK IS DOWN: the connectivity check fails, probes are not judged"
        set(.network, down ? text : nil)
    }

    /// Shows a trouble on every screen, or that it is over.
    func set(_ trouble: Trouble, _ text: String?) {
        guard troubles[trouble] != text else { return }
        troubles[trouble] = text
        telling.coreChanged = true
        publishChanges(at: parts.now())
    }

    /// Judges every condition; what begins or ends to hold is an event.
    private func watchConditions() {
        let now = parts.now()
        let hidden = Facts(monitor, situation, hidesConsequences: true)
        let plain = Facts(monitor, situation, hidesConsequences: false)
        var changes: [Request] = []
        for trigger in parts.runbook.triggers {
            judge(.trigger(trigger.name), trigger.when, hidden, now, &changes)
        }
        for rule in parts.runbook.rollback?.when ?? [] {
            judge(.rollback(rule.name), rule.when, plain, now, &changes)
        }
        changes.forEach(report)
    }

    private func judge(
        _ name: ConditionName, _ condition: Condition, _ facts: Facts, _ now: Timestamp,
        _ changes: inout [Request]
    ) {
        let held = situation.conditions[name] != nil
        switch condition.evaluate(in: facts) {
        case .yes:
            unknownSince[name] = nil
            if !held {
                changes.append(
                    .conditionChanged(name, holds: true, why: facts.why(condition)))
            }
        case .no:
            unknownSince[name] = nil
            if held { changes.append(.conditionChanged(name, holds: false, why: "")) }
        case .unknown:
            guard held else { return }
            let since = unknownSince[name] ?? now
            unknownSince[name] = since
            if now - since >= Self.unknownGrace {
                changes.append(.conditionChanged(name, holds: false, why: "no longer known"))
            }
        }
    }

    // MARK: Effects

    private func start(_ effect: Effect) {
        switch effect {
        case .ring: break
        case .deliver(let id, let attempt): deliver(id, attempt: attempt)
        case .performStep(let procedure, let address, let undo):
            perform(procedure, address, undo: undo)
        }
    }

    private func perform(_ id: String, _ address: StepAddress, undo: Bool) {
        guard let procedure = situation.procedure, procedure.id == id else { return }
        let entry = procedure[address]
        let key = "\(id)/\(address.stage)/\(address.step)/\(entry.starts)"
        guard inFlight.insert(key).inserted else { return }
        let stepper = Stepper(parts: parts, probe: { [weak self] in await self?.look(at: $0) })
        guard let order = order(procedure, address, mode: undo ? .undo : .perform) else {
            inFlight.remove(key)
            return
        }
        let mayBegin = !entry.step.work.needsRunner || mayTouchTheWorld(id)
        Task.detached { [weak self] in
            if !mayBegin { await self?.waitForTheService(id) }
            let outcome = await stepper.perform(order) { [weak self] line in
                self?.takeLater(line, of: id)
            }
            await self?.ended(key, .stepEnded(procedure: id, address, undo: undo, outcome))
        }
    }

    private func ended(_ key: String, _ request: Request) {
        inFlight.remove(key)
        report(request)
    }

    /// Lines come from other threads, many at a time: they wait in order for one visit of the engine.
    private nonisolated func takeLater(_ line: String, of procedure: String) {
        let isFirst = waitingOutput.withLock { waiting in
            waiting.append(OutputLine(procedure: procedure, text: line))
            // A step that floods its output loses the oldest lines here, never the engine its time.
            if waiting.count > Self.outputLinesKept { waiting.removeFirst() }
            return waiting.count == 1
        }
        if isFirst { Task { await self.takeOutput() } }
    }

    private func takeOutput() {
        let lines = waitingOutput.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for line in lines {
            output[line.procedure, default: []].append(line.text)
            let extra = (output[line.procedure]?.count ?? 0) - Self.outputLinesKept
            if extra > 0 { output[line.procedure]?.removeFirst(extra) }
            publish(StreamLine(output: line))
        }
        let kept = [
            situation.procedure, situation.playbook, situation.rollback, situation.lastProcedure,
            situation.lastTest,
        ].compactMap { $0?.id }
        output = output.filter { kept.contains($0.key) }
    }

    /// One look at a probe, judged as the monitor judges; nil when there is no such probe.
    private func look(at reference: ProbeReference) async -> CheckResult? {
        guard let probe = monitor.entry(reference)?.probe else { return nil }
        let result = await parts.check(probe)
        take([Sample(probe: reference, result: result, at: parts.now())])
        return monitor.entry(reference)?.last
    }

    /// `alerts.local.yaml` was written anew.
    func take(_ runbook: Runbook) {
        rules = Rules(runbook)
        noteCoreChanged()
    }

    private func saveSnapshot() {
        guard situation.seq > snapshotSeq || snapshotSeq == 0 else { return }
        do {
            try parts.store.save(Replay.snapshot(of: situation))
            snapshotSeq = situation.seq
        } catch {
            // A start reads more events then; nothing is lost.
            parts.logger.warning("no snapshot: \(error)")
            snapshotSeq = situation.seq
        }
    }
}
