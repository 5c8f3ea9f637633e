// Who is on call when clocks change, and who nobody is.
import Domain
import Rules
import TestKit
import Testing

@Suite struct AuthorityTests {
    private func at(_ text: String) throws -> Timestamp {
        try #require(Timestamp(rfc3339: text))
    }
    private func authority(_ zone: ZoneOffsets = .utc) -> Authority {
        Authority(SampleRunbook.make { $0.service.zone = zone })
    }
    /// Berlin's clocks in 2026 and 2028.
    private func berlin() throws -> ZoneOffsets {
        ZoneOffsets(
            standard: 3600,
            changes: try [
                ("2026-03-29T01:00:00Z", 7200), ("2026-10-25T01:00:00Z", 3600),
                ("2028-03-26T01:00:00Z", 7200), ("2028-10-29T01:00:00Z", 3600),
            ].map { ZoneOffsets.Change(from: try at($0.0), seconds: $0.1) })
    }
    private func shift(
        _ rotate: OnCallRotation.Turn, from: String, order: [String] = ["ines", "tomas", "vera"]
    ) throws -> OnCallRotation {
        OnCallRotation(role: "r", rotate: rotate, from: try at(from), order: order)
    }
    private func told(_ shift: OnCallRotation, _ zone: ZoneOffsets, _ moment: String) throws
        -> String
    {
        guard let found = authority(zone).onCall(shift, at: try at(moment)) else { return "nobody" }
        return "\(found.now) \(found.next) \(found.handOver.rfc3339.prefix(16))"
    }

    @Test func `in UTC days have 24 hours`() throws {
        let shift = try shift(.weekly, from: "2026-01-05T09:00:00Z")
        #expect(try told(shift, .utc, "2026-01-05T08:59:59Z") == "nobody")
        #expect(
            try told(shift, .utc, "2026-01-05T09:00:00Z") == "ines tomas 2026-01-12T09:00")
        #expect(
            try told(shift, .utc, "2026-01-12T08:59:59Z") == "ines tomas 2026-01-12T09:00")
        #expect(
            try told(shift, .utc, "2026-01-12T09:00:00Z") == "tomas vera 2026-01-19T09:00")
        #expect(try told(shift, .utc, "2026-01-25T09:00:00Z") == "vera ines 2026-01-26T09:00")
    }

    @Test func `the hand-over stays at nine when summer time begins and ends`() throws {
        let zone = try berlin()
        let weekly = try shift(.weekly, from: "2026-03-23T09:00:00+01:00")
        #expect(try told(weekly, zone, "2026-03-30T06:59:59Z") == "ines tomas 2026-03-30T07:00")
        #expect(try told(weekly, zone, "2026-03-30T07:00:00Z") == "tomas vera 2026-04-06T07:00")
        #expect(try told(weekly, zone, "2026-10-19T07:00:00Z") == "ines tomas 2026-10-26T08:00")
        #expect(try told(weekly, zone, "2026-10-26T07:30:00Z") == "ines tomas 2026-10-26T08:00")
        #expect(try told(weekly, zone, "2026-10-26T08:00:00Z") == "tomas vera 2026-11-02T08:00")
        let daily = try shift(.daily, from: "2026-03-28T09:00:00+01:00")
        #expect(try told(daily, zone, "2026-03-29T06:59:59Z") == "ines tomas 2026-03-29T07:00")
        #expect(try told(daily, zone, "2026-03-29T07:00:00Z") == "tomas vera 2026-03-30T07:00")
    }

    @Test func `a hand-over in the hour that is skipped or comes twice`() throws {
        let zone = try berlin()
        let spring = try shift(.daily, from: "2026-03-28T02:30:00+01:00")
        #expect(try told(spring, zone, "2026-03-29T01:29:59Z") == "ines tomas 2026-03-29T01:30")
        #expect(try told(spring, zone, "2026-03-29T01:30:00Z") == "tomas vera 2026-03-30T00:30")
        let autumn = try shift(.daily, from: "2026-10-24T02:30:00+02:00")
        #expect(try told(autumn, zone, "2026-10-25T00:29:59Z") == "ines tomas 2026-10-25T00:30")
        #expect(try told(autumn, zone, "2026-10-25T00:30:00Z") == "tomas vera 2026-10-26T01:30")
        #expect(try told(autumn, zone, "2026-10-25T01:29:00Z") == "tomas vera 2026-10-26T01:30")
        // From the second half past two of that night.
        let second = try shift(.daily, from: "2026-10-25T02:30:00+01:00")
        #expect(try told(second, zone, "2026-10-25T01:29:59Z") == "nobody")
        #expect(try told(second, zone, "2026-10-25T01:30:00Z") == "ines tomas 2026-10-26T01:30")
    }

    @Test func `a leap day is a day, and the far future is no trouble`() throws {
        let zone = try berlin()
        let daily = try shift(.daily, from: "2028-02-28T09:00:00+01:00")
        #expect(try told(daily, zone, "2028-02-29T08:00:00Z") == "tomas vera 2028-03-01T08:00")
        #expect(try told(daily, zone, "2028-03-01T08:00:00Z") == "vera ines 2028-03-02T08:00")
        let far = try told(daily, zone, "9998-02-28T08:00:00Z")
        #expect(far.hasSuffix("9998-03-01T08:00"))
        #expect(
            try told(
                shift(.daily, from: "2028-02-28T09:00:00Z", order: []), zone, "2029-01-01T00:00:00Z"
            ) == "nobody")
    }

    @Test func `every moment of two years is in one shift, which ends after it`() throws {
        let zone = try berlin()
        for rotate in OnCallRotation.Turn.allCases {
            for from in ["2026-01-01T02:30:00+01:00", "2026-01-01T23:59:00+01:00"] {
                let shift = try shift(rotate, from: from)
                let authority = authority(zone)
                var moment = shift.from
                var turns = 0
                let end = try at("2028-12-31T00:00:00Z")
                while moment < end {
                    let found = try #require(authority.onCall(shift, at: moment))
                    #expect(found.now == shift.order[turns % 3])
                    #expect(found.next == shift.order[(turns + 1) % 3])
                    let last = found.handOver - Span(seconds: 0.001)
                    #expect(authority.onCall(shift, at: last)?.handOver == found.handOver)
                    let hours = (found.handOver - moment).seconds / 3600
                    #expect((rotate == .daily ? [23, 24, 25] : [167, 168, 169]).contains(hours))
                    moment = found.handOver
                    turns += 1
                }
                #expect(turns > 150)
            }
        }
    }

    // MARK: Addresses that log in nowhere

    @Test func `an empty login name is nobody's`() throws {
        var book = SampleRunbook.make()
        book.channels = [
            Channel(name: "mail", kind: .email(EmailChannel(server: "smtp://h", from: "t@h")))
        ]
        book = book.applying(LocalAlerts(email: ["x@h"]))
        let authority = Authority(book)
        #expect(authority.person(user: "") == nil)
        #expect(authority.roles(user: "") == [])
        #expect(authority.name(user: "") == "")
        #expect(!authority.holds("administrator", user: ""))
        #expect(
            authority.people(for: "local-mail-1", at: try at("2026-01-05T00:00:00Z")) == [
                "local-mail-1"
            ])
        let nobody = Caller(user: "", uid: 1, pid: 1)
        #expect(throws: Refusal.self) { try authority.mayAct(nobody) }
    }

    @Test func `addresses alone do not close a runbook that names nobody`() throws {
        var book = SampleRunbook.make()
        book.people = []
        book.roles = []
        book.channels = [
            Channel(name: "mail", kind: .email(EmailChannel(server: "smtp://h", from: "t@h")))
        ]
        let authority = Authority(book.applying(LocalAlerts(email: ["x@h"])))
        try authority.mayAct(Caller(user: "anybody", uid: 1, pid: 1))
    }
}
