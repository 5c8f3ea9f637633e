// Journals of earlier versions replay for ever.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

@testable import Engine

@Suite struct HistoryTests {
    /// As the first version wrote them.
    static let first = [
        (
            "engine-started",
            #"{"engineStarted":{"boot":"b","pid":7,"version":"0.1.0"}}"#
        ),
        (
            "emergency-activated",
            #"{"emergencyActivated":{"_0":{"began":1767621600000,"by":"ines","#
                + #""id":"emergency_20260105_001","level":2,"reason":"slow","#
                + #""respondBy":1767622500000,"triggeredBy":"ines"}}}"#
        ),
        (
            "escalated",
            #"{"escalated":{"_0":{"by":"engine","index":0,"level":2,"people":["tomas"],"#
                + #""round":1,"ticket":false,"via":["mail"]}}}"#
        ),
        ("emergency-acknowledged", #"{"acknowledged":{"by":"ines","text":"looking"}}"#),
        ("problem-reported", #"{"problemReported":{"by":"ines","kind":"security","text":"odd"}}"#),
        ("notified", #"{"notified":{"people":["ines"],"text":"t","title":"T","via":["mail"]}}"#),
        (
            "emergency-deactivated",
            #"{"deactivated":{"by":"ines","resolvedBy":"ines","text":""}}"#
        ),
    ]

    @Test func `a journal of the first version adds up as it did`() throws {
        let store = MemoryStore()
        let drafts = Self.first.map {
            EventDraft(at: Timestamp(milliseconds: 1_767_621_600_000), kind: $0.0, body: $0.1)
        }
        _ = try store.append(drafts, expecting: 0)
        let situation = try Replay.situation(from: store)
        #expect(situation.seq == drafts.count)
        #expect(situation.emergency == nil)
        let past = try #require(situation.past.first)
        #expect(past.id == "emergency_20260105_001" && past.acknowledgedAt != nil)
        #expect(situation.reported["security"]?.byPerson == true)
        for (event, draft) in zip(try store.read(after: 0, limit: 100), drafts) {
            #expect(try EventCoding.decode(event).kind == draft.kind)
        }
    }

    @Test func `a snapshot of another form is no obstacle`() throws {
        let store = MemoryStore()
        let drafts = Self.first.map {
            EventDraft(at: Timestamp(milliseconds: 1_767_621_600_000), kind: $0.0, body: $0.1)
        }
        _ = try store.append(drafts, expecting: 0)
        try store.save(
            SituationSnapshot(seq: 3, body: #"{"situation":{"seq":3},"version":1}"#))
        #expect(try Replay.situation(from: store).past.count == 1)
    }

    // MARK: Rollbacks

    static let step =
        #"{"step":{"name":"Stop","work":{"run":{"_0":["./stop"]}},"repeatable":false,"#
        + #""retries":0,"retryPause":1,"environment":[],"undo":{"run":{"_0":["./start"]}}},"#
        + #""state":"pending","starts":0,"message":""}"#
    static let backup =
        #"{"step":{"name":"Backup","work":{"backup":{}},"repeatable":false,"#
        + #""retries":0,"retryPause":1,"environment":[]},"state":"pending","starts":0,"message":""}"#
    static let stages =
        #"[{"name":"Preflight","steps":[\#(backup)]},"#
        + #"{"name":"Shutdown","steps":[\#(step)]}]"#
    static let procedure =
        #""id":"rollback_20260105_001","kind":"rollback","name":"legacy","#
        + #""title":"Rollback to legacy","state":"running","startedAt":1767621600000,"#
        + #""startedBy":"ines","reason":"so","attempt":0,"authorization":"planned","#
        + #""testMode":false,"message":"","pauseRequested":false,"stages":\#(stages)"#

    private static func started(_ stage: Int, undo: Bool) -> (String, String) {
        (
            "step-started",
            #"{"stepStarted":{"procedure":"rollback_20260105_001","#
                + #""_1":{"stage":\#(stage),"step":0},"undo":\#(undo)}}"#
        )
    }
    private static func ended(_ stage: Int, undo: Bool) -> (String, String) {
        (
            "step-ended",
            #"{"stepEnded":{"procedure":"rollback_20260105_001","#
                + #""_1":{"stage":\#(stage),"step":0},"undo":\#(undo),"#
                + #""_3":{"end":"succeeded","message":"so","seconds":1,"facts":[]}}}"#
        )
    }
    private static func over(_ state: String) -> (String, String) {
        (
            "procedure-ended",
            #"{"procedureEnded":{"procedure":"rollback_20260105_001","_1":"\#(state)","#
                + #""message":"so"}}"#
        )
    }

    /// Before rollbacks were asked for, and before they could be taken back to a stage.
    static let undone: [[(String, String)]] = [
        [("procedure-started", #"{"procedureStarted":{"_0":{\#(procedure)}}}"#)],
        [started(0, undo: false), ended(0, undo: false)],
        [started(1, undo: false), ended(1, undo: false), over("succeeded")],
        [("undo-started", #"{"undoStarted":{"procedure":"rollback_20260105_001","by":"ines"}}"#)],
        [started(1, undo: true), ended(1, undo: true), ended(0, undo: true), over("undone")],
    ]

    static let asking: [(String, String)] = [
        (
            "condition-began",
            #"{"conditionBegan":{"_0":{"rollback":{"_0":"exhausted"}},"why":"thrice"}}"#
        ),
        ("rollback-announced", #"{"rollbackAnnounced":{"rule":"exhausted","at":1767621900000}}"#),
        ("rollback-vetoed", #"{"rollbackVetoed":{"rule":"exhausted","by":"ines","text":"no"}}"#),
        (
            "rollback-requested",
            #"{"rollbackRequested":{"_0":{"id":"request_20260105_001","#
                + #""authorization":"planned","reason":"so","by":"ines","at":1767621600000,"#
                + #""expiresAt":1767623400000,"plan":"p","stages":\#(stages),"#
                + #""approvals":[{"user":"ines","at":1767621600000}]}}}"#
        ),
        (
            "rollback-approved",
            #"{"rollbackApproved":{"request":"request_20260105_001","by":"tomas"}}"#
        ),
        (
            "procedure-started",
            #"{"procedureStarted":{"_0":{\#(procedure),"approvals":["#
                + #"{"user":"ines","at":1767621600000},{"user":"tomas","at":1767621600000}]}}}"#
        ),
    ]
    static let skipped: (String, String) = (
        "step-skipped",
        #"{"stepSkipped":{"procedure":"rollback_20260105_001","_1":{"stage":1,"step":0},"#
            + #""why":"not needed"}}"#
    )
    static let watching: [(String, String)] = [
        (
            "watch-began",
            #"{"watchBegan":{"_0":{"rollback":"rollback_20260105_001","from":1767621600000,"#
                + #""until":1767708000000,"every":300,"lookedAt":1767621600000,"looks":0,"#
                + #""problems":[]}}}"#
        ),
        (
            "watch-looked",
            #"{"watchLooked":{"rollback":"rollback_20260105_001","score":50,"#
                + #""down":[{"component":"web","probe":"main"}]}}"#
        ),
        (
            "watch-problem",
            #"{"watchProblem":{"rollback":"rollback_20260105_001","#
                + #""_1":{"component":"web","probe":"main"},"message":"refused"}}"#
        ),
        ("recovery-overdue", #"{"recoveryOverdue":{"failure":"system_failure","after":300}}"#),
        (
            "undo-started",
            #"{"undoStarted":{"procedure":"rollback_20260105_001","by":"ines","toStage":1}}"#
        ),
        ("procedure-paused", #"{"procedurePaused":{"procedure":"rollback_20260105_001"}}"#),
    ]

    private func replayed(_ history: [(String, String)]) throws -> Situation {
        let store = MemoryStore()
        let drafts = history.map {
            EventDraft(at: Timestamp(milliseconds: 1_767_621_600_000), kind: $0.0, body: $0.1)
        }
        _ = try store.append(drafts, expecting: 0)
        for (event, draft) in zip(try store.read(after: 0, limit: 100), drafts) {
            #expect(try EventCoding.decode(event).kind == draft.kind)
        }
        return try Replay.situation(from: store)
    }

    @Test func `a rollback from before there were requests is undone as it was`() throws {
        let situation = try replayed(Self.undone.flatMap { $0 })
        #expect(situation.procedure == nil)
        #expect(situation.rollback?.state == .undone)
        #expect(situation.rollback?.approvals == nil)
        #expect(situation.rollback?.stages.allSatisfy { $0.steps[0].state == .undone } == true)
    }

    @Test func `requests, watches and stages add up as they did`() throws {
        let ran = [Self.started(0, undo: false), Self.ended(0, undo: false)]
        let situation = try replayed(
            Self.asking + ran + [Self.skipped, Self.over("succeeded")] + Self.watching)
        #expect(situation.ask == nil)
        #expect(situation.vetoedRules == ["exhausted"])
        #expect(situation.announcedRules["exhausted"]?.milliseconds == 1_767_621_900_000)
        #expect(situation.watch?.looks == 1)
        #expect(situation.watch?.problems.map(\.message) == ["refused"])
        #expect(situation.procedure?.state == .paused)
        #expect(situation.procedure?.approvals?.map(\.user) == ["ines", "tomas"])
        #expect(situation.procedure?.message == "taken back to before “Shutdown”")
        #expect(situation.procedure?.stages[1].steps[0].state == .skipped)
    }
}
