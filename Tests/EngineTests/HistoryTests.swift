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
}
