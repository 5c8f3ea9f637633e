// A zone's clocks: what they show, and when they show a time.
import Domain
import Testing

@Suite struct ZoneOffsetsTests {
    private func at(_ text: String) throws -> Timestamp {
        try #require(Timestamp(rfc3339: text))
    }
    private func berlin() throws -> ZoneOffsets {
        ZoneOffsets(
            standard: 3600,
            changes: [
                ZoneOffsets.Change(from: try at("2026-10-25T01:00:00Z"), seconds: 3600),
                ZoneOffsets.Change(from: try at("2026-03-29T01:00:00Z"), seconds: 7200),
            ])
    }

    @Test func `changes are in order and say something`() throws {
        let zone = ZoneOffsets(
            standard: 0,
            changes: [
                ZoneOffsets.Change(from: try at("2026-02-01T00:00:00Z"), seconds: 60),
                ZoneOffsets.Change(from: try at("2026-01-01T00:00:00Z"), seconds: 0),
                ZoneOffsets.Change(from: try at("2026-02-01T00:00:00Z"), seconds: 90),
                ZoneOffsets.Change(from: try at("2026-03-01T00:00:00Z"), seconds: 90),
            ])
        #expect(
            zone.changes == [
                ZoneOffsets.Change(from: try at("2026-02-01T00:00:00Z"), seconds: 90)
            ])
        #expect(ZoneOffsets.utc.seconds(at: try at("2026-02-01T00:00:00Z")) == 0)
    }

    @Test func `what the clocks show`() throws {
        let zone = try berlin()
        for (utc, wall) in [
            ("2000-01-01T00:00:00Z", "2000-01-01T01:00:00Z"),
            ("2026-03-29T00:59:59Z", "2026-03-29T01:59:59Z"),
            ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"),
            ("2026-10-25T00:59:59Z", "2026-10-25T02:59:59Z"),
            ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
        ] {
            #expect(try zone.wall(at(utc)) == at(wall))
        }
    }

    @Test func `a time that is skipped comes later, one that comes twice is the first`() throws {
        let zone = try berlin()
        for (wall, utc) in [
            ("2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z"),
            ("2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z"),
            ("2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z"),
            ("2026-10-25T02:00:00Z", "2026-10-25T00:00:00Z"),
            ("2026-10-25T02:59:59Z", "2026-10-25T00:59:59Z"),
            ("2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"),
            ("2026-07-01T09:00:00Z", "2026-07-01T07:00:00Z"),
        ] {
            #expect(try zone.moment(ofWall: at(wall)) == at(utc), "\(wall)")
        }
    }

    @Test func `a day that a zone left out`() throws {
        // Apia had no December 30 in 2011.
        let apia = ZoneOffsets(
            standard: -36_000,
            changes: [ZoneOffsets.Change(from: try at("2011-12-30T10:00:00Z"), seconds: 50_400)])
        #expect(try apia.moment(ofWall: at("2011-12-29T23:59:59Z")) == at("2011-12-30T09:59:59Z"))
        #expect(try apia.moment(ofWall: at("2011-12-30T09:00:00Z")) == at("2011-12-30T19:00:00Z"))
        #expect(try apia.moment(ofWall: at("2011-12-31T00:00:00Z")) == at("2011-12-30T10:00:00Z"))
    }
}
