// The sign of life in the state folder, and what a new engine makes of it.
import Domain
import FoundationEssentials
import Synchronization
import TestKit
import Testing

@testable import Engine

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct HeartbeatTests {
    let folder: TemporaryFolder
    let noon = Timestamp(milliseconds: 1_767_621_600_000)
    init() throws { folder = try TemporaryFolder("alive") }

    func heartbeat(_ boot: String, at bootTime: Double) -> Heartbeat {
        Heartbeat(state: folder.path, boot: boot, bootTime: { bootTime })
    }
    var text: String {
        get throws { try String(contentsOf: URL(filePath: folder("alive")), encoding: .utf8) }
    }

    @Test func `without a predecessor nobody was away`() {
        #expect(heartbeat("one", at: 100).absence(now: noon) == nil)
    }

    @Test func `in the same boot the clock that cannot be set counts`() throws {
        heartbeat("one", at: 100).beat(noon)
        // The wall clock says ten years; the engine was away for two minutes.
        let next = heartbeat("one", at: 220)
        let now = noon + .hours(87_600)
        let absence = try #require(next.absence(now: now))
        #expect(absence.from == now - .seconds(120))
        #expect(absence.why == "no engine ran for 2 min")
        next.beat(now)
        #expect(next.absence(now: now)?.from == absence.from)
        #expect(heartbeat("one", at: 230).absence(now: now) == nil)
    }

    @Test func `after a restart of the machine the wall clock counts`() throws {
        heartbeat("one", at: 9_000).beat(noon)
        let absence = try #require(heartbeat("two", at: 40).absence(now: noon + .minutes(30)))
        #expect(absence.from == noon)
        #expect(absence.why == "the machine started anew; no engine ran for 30 min")
    }

    @Test(arguments: [-86_400.0, -1, 0, 39])
    func `a wall clock that contradicts the boot is not believed`(_ later: Double) throws {
        heartbeat("one", at: 9_000).beat(noon)
        let now = noon + .seconds(later)
        let absence = try #require(heartbeat("two", at: 40).absence(now: now))
        #expect(absence.from == now - .seconds(40))
        #expect(absence.why.contains("its clock was changed"))
    }

    @Test func `a clock that had never been set tells nothing`() throws {
        heartbeat("one", at: 50).beat(Timestamp(milliseconds: 50_000))
        let absence = try #require(heartbeat("two", at: 40).absence(now: noon))
        #expect(absence.from == noon - .seconds(40))
    }

    @Test func `without a boot's id the wall clock counts`() {
        heartbeat("", at: 50).beat(noon)
        let next = heartbeat("", at: 51)
        #expect(next.absence(now: noon + .seconds(14)) == nil)
        #expect(next.absence(now: noon + .seconds(16))?.from == noon)
        #expect(next.absence(now: noon - .hours(1)) == nil)
    }

    @Test(arguments: [
        "", " ", "one", "one 5", "one five 5", "one -5 5", "one 5 -5", "one 5 9223372036854775807",
        "one 9223372036854775807 5", "one 5 5 5", "\u{0}\u{0}\u{0}",
        String(repeating: "x", count: 100_000),
    ])
    func `a damaged sign counts by the file's own time`(_ text: String) throws {
        try folder.write("alive", text)
        let now = EngineProgram.wallClock()
        let next = heartbeat("one", at: 100)
        let absence = try #require(next.absence(now: now + .hours(1)))
        #expect(abs((absence.from - now).seconds) < 1_800)
    }

    @Test func `it is written every five seconds, in place`() throws {
        let bootTime = Mutex(100.0)
        let heartbeat = Heartbeat(
            state: folder.path, boot: "one", bootTime: { bootTime.withLock { $0 } })
        heartbeat.beat(noon)
        let first = try text
        #expect(first.hasPrefix("one 100000 1767621600000 "))
        #expect(first.utf8.count == 128 && first.hasSuffix(" \n"))
        bootTime.withLock { $0 = 104.9 }
        heartbeat.beat(noon)
        #expect(try text == first)
        bootTime.withLock { $0 = 105 }
        heartbeat.beat(noon)
        #expect(try text.hasPrefix("one 105000 "))
        // A file that was removed comes back.
        try FileManager.default.removeItem(atPath: folder("alive"))
        bootTime.withLock { $0 = 110 }
        heartbeat.beat(noon)
        #expect(try text.hasPrefix("one 110000 "))
    }

    @Test func `a place where it cannot be written does not matter`() throws {
        // Somebody put a link there: it is neither followed nor replaced.
        #expect(symlink(folder("elsewhere"), folder("alive")) == 0)
        let linked = heartbeat("one", at: 100)
        linked.beat(noon)
        #expect(linked.absence(now: noon) == nil)
        #expect(!FileManager.default.fileExists(atPath: folder("elsewhere")))
        let nowhere = Heartbeat(state: folder("missing"), boot: "one", bootTime: { 5 })
        nowhere.beat(noon)
        #expect(nowhere.absence(now: noon) == nil)
    }
}
