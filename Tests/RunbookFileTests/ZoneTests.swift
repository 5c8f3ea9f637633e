// Time zones as the loader reads them, against what the system's own `date` says.
import Domain
import FoundationEssentials
import TestKit
import Testing

@testable import RunbookFile

@Suite struct ZoneTests {
    private func moment(_ text: String) throws -> Timestamp {
        try #require(Timestamp(rfc3339: text))
    }

    @Test func `a zone's summer time is known for a lifetime`() throws {
        let berlin = try #require(ZoneFile.offsets(of: "Europe/Berlin"))
        for (text, seconds) in [
            ("2026-03-29T00:59:59Z", 3600), ("2026-03-29T01:00:00Z", 7200),
            ("2026-10-25T00:59:59Z", 7200), ("2026-10-25T01:00:00Z", 3600),
            ("2099-07-01T00:00:00Z", 7200), ("2100-10-31T00:59:59Z", 7200),
            ("2100-10-31T01:00:00Z", 3600), ("2500-07-01T00:00:00Z", 3600),
            ("1975-07-01T00:00:00Z", 3600),
        ] {
            #expect(try berlin.seconds(at: moment(text)) == seconds, "\(text)")
        }
        #expect(ZoneFile.offsets(of: "UTC") == .utc)
        #expect(ZoneFile.offsets(of: "Mars/Olympus") == nil)
    }

    @Test(arguments: [
        "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo",
        "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Casablanca",
        "America/Nuuk", "Pacific/Chatham", "Etc/GMT+5", "EST5EDT",
    ]) func `offsets are those of the system`(_ zone: String) async throws {
        let offsets = try #require(ZoneFile.offsets(of: zone))
        let folder = try TemporaryFolder()
        // From 1975 to 2099, at odd times.
        let seconds = (0..<700).map { 157_766_400 + $0 * 5_600_000 + $0 * $0 % 86_400 }
        // And around each change of some years.
        let changes = offsets.changes.map { Int($0.from.milliseconds / 1000) }
            .filter { $0 > 0 && $0 < 4_000_000_000 }
        let all = seconds + changes.flatMap { [$0 - 1, $0] }
        let list = try folder.write("list", all.map { "@\($0)\n" }.joined())
        let date = try Spawned(
            "/bin/date", ["-f", list, "+%::z"], environment: ["TZ": zone],
            output: folder("out"), errors: folder("errors"))
        #expect(try await date.end() == 0)
        let lines = try String(contentsOf: URL(filePath: folder("out")), encoding: .utf8)
            .split(separator: "\n")
        #expect(lines.count == all.count)
        let wrong = zip(lines, all).compactMap { line, second -> String? in
            let own = offsets.seconds(at: Timestamp(milliseconds: Int64(second) * 1000))
            let parts = [abs(own) / 3600, abs(own) / 60 % 60, abs(own) % 60].map {
                $0 < 10 ? "0\($0)" : "\($0)"
            }
            let text = (own < 0 ? "-" : "+") + parts.joined(separator: ":")
            return line == text ? nil : "\(second): \(line), not \(text)"
        }
        #expect(wrong == [])
    }

    @Test func `every zone of the system can be read`() throws {
        let list = try String(
            contentsOf: URL(filePath: "/usr/share/zoneinfo/tzdata.zi"), encoding: .utf8)
        let names = list.split(separator: "\n").filter { $0.hasPrefix("Z ") }.compactMap {
            $0.split(separator: " ").dropFirst().first.map(String.init)
        }
        #expect(names.count > 300)
        for name in names { #expect(ZoneFile.offsets(of: name) != nil, "\(name)") }
    }

    @Test func `a damaged zone is refused and nothing more`() throws {
        let bytes = Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/Europe/Berlin")))
        for count in stride(from: 0, to: bytes.count, by: 3) {
            if count < 1000 { #expect(ZoneFile.offsets(in: Array(bytes.prefix(count))) == nil) }
            _ = ZoneFile.offsets(in: Array(bytes.prefix(count)))
        }
        // The first time of the second block, as far away as a number can be.
        let second = try #require(
            bytes.indices.dropFirst(4).first { bytes[$0...].starts(with: "TZif".utf8) })
        for first: UInt8 in [0x80, 0x7F] {
            var far = bytes
            for (index, byte) in ([first] + Array(repeating: 0x80 - first, count: 7)).enumerated() {
                far[second + 44 + index] = byte == 1 ? 0xFF : byte
            }
            #expect(ZoneFile.offsets(in: far) != nil)
        }
        var random = Lehmer(seed: 7)
        for _ in 0..<300 {
            var damaged = bytes
            for _ in 0..<5 { damaged[random.below(bytes.count)] = UInt8(random.below(256)) }
            _ = ZoneFile.offsets(in: damaged)
        }
    }

    @Test(arguments: [
        "", "CET", "CET-", "CET-1CEST,", "CET-1CEST,M3.5.0", "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M13.5.0,M10.5.0", "CET-99CEST", "<+03", "CET-1CEST,J0,J366", "C-1",
        "CET-1CEST,M3.5.0,M10.5.0/3,", "CET-1CEST,M3.5.0/168,M10.5.0",
    ]) func `a rule that is none is refused`(_ text: String) { #expect(ZoneRule(text) == nil) }

    @Test func `days of a rule`() throws {
        func days(_ text: String, _ year: Int) throws -> [String] {
            try #require(ZoneRule(text)).changes(in: year).map(\.from.rfc3339)
        }
        #expect(
            try days("AAA0BBB,J59,J60/3", 2024)
                == ["2024-02-28T02:00:00.000Z", "2024-03-01T02:00:00.000Z"])
        #expect(
            try days("AAA0BBB,58,59/3", 2024)
                == ["2024-02-28T02:00:00.000Z", "2024-02-29T02:00:00.000Z"])
        #expect(
            try days("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", 2026)
                == ["2026-03-29T01:00:00.000Z", "2026-10-25T01:00:00.000Z"])
        #expect(
            try days("IST-2IDT,M3.4.4/26,M10.5.0", 2026)
                == ["2026-03-27T00:00:00.000Z", "2026-10-24T23:00:00.000Z"])
    }
}
