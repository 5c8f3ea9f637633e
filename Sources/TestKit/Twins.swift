// Twins of the edges that tests can drive and break: a clock, a journal, a performer.
package import Domain
import Synchronization

/// A wall clock that stands still until it is moved.
package final class ManualClock: Sendable {
    private let moment: Mutex<Timestamp>
    package init(_ start: Timestamp = Timestamp(milliseconds: 1_767_621_600_000)) {
        moment = Mutex(start)
    }
    package var now: Timestamp { moment.withLock { $0 } }
    package func move(by span: Span) { moment.withLock { $0 = $0 + span } }
}

/// A journal in memory that keeps the promises of `EventStore`, and can refuse to write.
package final class MemoryStore: EventStore {
    private struct State {
        var records: [EventRecord] = []
        var kept: SituationSnapshot?
        var fault: Fault?
        var appends = 0
    }
    private let state = Mutex(State())
    package init() {}

    package var last: Int { state.withLock { $0.records.count } }
    package var records: [EventRecord] { state.withLock { $0.records } }
    /// How often events were written: each is one sync.
    package var appends: Int { state.withLock { $0.appends } }
    /// From now on every write fails with this; nil: they succeed again.
    package func refuse(_ fault: Fault?) { state.withLock { $0.fault = fault } }

    package func append(_ drafts: [EventDraft], expecting last: Int) throws -> [EventRecord] {
        try state.withLock { state in
            if let fault = state.fault { throw fault }
            guard state.records.count == last else {
                throw Fault(
                    operation: "append to the journal", subject: "memory",
                    cause: "expected \(last), is \(state.records.count)")
            }
            state.appends += 1
            let new = drafts.enumerated().map { index, draft in
                EventRecord(
                    seq: last + index + 1, at: draft.at, kind: draft.kind, body: draft.body,
                    hash: "")
            }
            state.records += new
            return new
        }
    }
    package func read(after: Int, limit: Int) throws -> [EventRecord] {
        state.withLock { Array($0.records.dropFirst(after).prefix(limit)) }
    }
    package func firstBrokenLink() throws -> Int? { nil }
    package func save(_ snapshot: SituationSnapshot) throws {
        try state.withLock { state in
            if let fault = state.fault { throw fault }
            state.kept = snapshot
        }
    }
    package func snapshot() throws -> SituationSnapshot? { state.withLock { $0.kept } }
}

/// Performs steps as a test says, by the name of the step; what it was asked is kept.
package final class ScriptedPerformer: StepPerformer {
    package typealias Script = @Sendable (StepOrder) async -> StepOutcome
    private let script: Script
    private let asked = Mutex<[StepOrder]>([])
    package init(_ script: @escaping Script) { self.script = script }
    /// Every step succeeds at once.
    package convenience init() {
        self.init { _ in StepOutcome(end: .succeeded, message: "", seconds: 0.01) }
    }
    package var orders: [StepOrder] { asked.withLock { $0 } }
    package func perform(
        _ order: StepOrder, output: @escaping @Sendable (String) -> Void
    ) async -> StepOutcome {
        asked.withLock { $0.append(order) }
        output("running \(order.step.name)")
        return await script(order)
    }
}

/// Carries messages as a test says; what it was handed is kept.
package final class ScriptedCarrier: MessageCarrier {
    package typealias Script = @Sendable (DeliveryOrder) async -> DeliveryOutcome
    private let script: Script
    private let asked = Mutex<[DeliveryOrder]>([])
    package init(_ script: @escaping Script) { self.script = script }
    /// Everything arrives at once.
    package convenience init() {
        self.init { _ in DeliveryOutcome(end: .delivered, detail: "taken", seconds: 0.01) }
    }
    package var orders: [DeliveryOrder] { asked.withLock { $0 } }
    package func carry(_ order: DeliveryOrder) async -> DeliveryOutcome {
        asked.withLock { $0.append(order) }
        return await script(order)
    }
}
