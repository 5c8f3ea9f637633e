// Moments and lengths of time: what is read, written and refused.
import Domain
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.001Z", 1),
            ("1969-12-31T23:59:59.999Z", -1),
            ("1969-12-31T00:00:00Z", -86_400_000),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000),
            ("1900-02-28T23:59:59Z", -2_203_891_201_000),
            ("1900-03-01T00:00:00Z", -2_203_891_200_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2026-01-05T14:03:27.120Z", 1_767_621_807_120),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ] as [(String, Int64)])
    func `reads and writes RFC 3339`(_ text: String, _ milliseconds: Int64) throws {
        let moment = try #require(Timestamp(rfc3339: text))
        #expect(moment.milliseconds == milliseconds)
        #expect(Timestamp(rfc3339: moment.rfc3339) == moment)
        let full = text.contains(".") ? text : String(text.dropLast()) + ".000Z"
        #expect(moment.rfc3339 == full)
    }

    @Test(arguments: [
        ("2026-01-05T14:03:27+01:00", "2026-01-05T13:03:27.000Z"),
        ("2026-01-05T14:03:27-05:30", "2026-01-05T19:33:27.000Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"),
        ("2024-02-28T23:30:00-01:00", "2024-02-29T00:30:00.000Z"),
        ("2026-01-05t14:03:27z", "2026-01-05T14:03:27.000Z"),
        ("2026-01-05 14:03:27Z", "2026-01-05T14:03:27.000Z"),
        ("2026-01-05T14:03:27.1Z", "2026-01-05T14:03:27.100Z"),
        ("2026-01-05T14:03:27.123456789Z", "2026-01-05T14:03:27.123Z"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000Z"),
    ])
    func `understands offsets and fractions`(_ text: String, _ utc: String) throws {
        #expect(try #require(Timestamp(rfc3339: text)).rfc3339 == utc)
    }

    @Test(arguments: [
        "", "2026-01-05", "2026-01-05T14:03:27", "2026-01-05T14:03Z", "2026-13-05T14:03:27Z",
        "2026-00-05T14:03:27Z", "2026-01-00T14:03:27Z", "2026-01-32T14:03:27Z",
        "2026-01-05T24:00:00Z", "2026-01-05T14:60:00Z", "2026-01-05T14:03:61Z",
        "2026-01-05T14:03:27.Zx", "2026-01-05T14:03:27Z ", "2026-01-05T14:03:27+0100",
        "2026-01-05T14:03:27+1:00", "2026-01-05T14:03:27.", "26-01-05T14:03:27Z",
        "+026-01-05T14:03:27Z", "2026-01-05T14:03:27", "2026-01-05X14:03:27Z",
        "2023-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "1900-02-29T00:00:00Z",
        "2026-01-05T14:03:27.Z", "2026-01-05T14:03:27+24:00", "2026-01-05T14:03:27+01:60",
    ])
    func `refuses anything else`(_ text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func `every day of four centuries comes back`() throws {
        var leapDays = 0
        for day in stride(from: Int64(-12_000), to: 146_097 - 12_000, by: 1) {
            let moment = Timestamp(milliseconds: day * 86_400_000 + 43_200_000)
            let fields = moment.calendar
            if fields.month == 2, fields.day == 29 { leapDays += 1 }
            if Timestamp(rfc3339: moment.rfc3339) != moment {
                Issue.record("\(moment.rfc3339) does not come back")
                return
            }
        }
        #expect(leapDays == 97)
    }

    @Test func `writes parts of a moment`() throws {
        let moment = try #require(Timestamp(rfc3339: "2026-01-05T04:03:07.120Z"))
        #expect(moment.timeOfDay == "04:03:07")
        #expect(moment.compactDay == "20260105")
        #expect(moment.compact == "20260105T040307Z")
    }

    @Test func `counts with spans`() throws {
        let moment = try #require(Timestamp(rfc3339: "2024-02-28T23:59:59.500Z"))
        #expect((moment + .milliseconds(500)).rfc3339 == "2024-02-29T00:00:00.000Z")
        #expect((moment - .hours(24)).rfc3339 == "2024-02-27T23:59:59.500Z")
        #expect((moment + .minutes(5)) - moment == .minutes(5))
        #expect(moment < moment + .milliseconds(1))
    }
}

extension Span {
    fileprivate static func milliseconds(_ value: Double) -> Span { Span(seconds: value / 1000) }
}

@Suite struct SpanTests {
    @Test(arguments: [
        ("500ms", 0.5), ("30s", 30), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("0s", 0),
        ("1.5h", 5400), ("0.25s", 0.25), ("1000ms", 1),
    ])
    func `reads`(_ text: String, _ seconds: Double) throws {
        #expect(try #require(Span(text)).seconds == seconds)
    }

    @Test(arguments: [
        "", "5", "s", "ms", "-5s", "+5s", "5 s", "5S", "5sec", "1.2.3s", "1e3s", "infs", "nans",
        "5w",
        "٥s", "0x10s", ".s",
    ])
    func `refuses`(_ text: String) {
        #expect(Span(text) == nil)
    }

    @Test(arguments: [
        ("90s", "90s"), ("3600s", "1h"), ("60m", "1h"), ("24h", "1d"), ("500ms", "500ms"),
        ("1500ms", "1500ms"), ("0s", "0s"), ("0.5h", "30m"), ("61s", "61s"), ("120s", "2m"),
    ])
    func `spells`(_ text: String, _ spelled: String) throws {
        let span = try #require(Span(text))
        #expect(span.spelled == spelled)
        #expect(Span(span.spelled) == span)
    }

    @Test func `orders by length`() {
        #expect(Span.seconds(59) < .minutes(1))
        #expect(!(Span.zero < .zero))
    }
}
