// The engine goes by the runbook that it read, and says so when the file is another one.
import Domain
import FoundationEssentials
import TestKit
import Testing
import Wire

@testable import Engine

@Suite struct RunbookWatchTests {
    let folder: TemporaryFolder
    var path: String { folder("tocsin.yaml") }
    init() throws {
        folder = try TemporaryFolder("runbook")
        try folder.write("tocsin.yaml", "version: 1")
    }

    @Test func `every change of the content is noticed, and when it is as before`() throws {
        let watch = RunbookWatch(path: path)
        #expect(watch.look() == .same)
        try folder.write("tocsin.yaml", "version: 2")
        #expect(watch.look() == .changed && watch.look() == .changed)
        try folder.write("tocsin.yaml", "version: 1")
        #expect(watch.look() == .same)
        // As an editor saves: another file under the name.
        try folder.write("new", "version: 1")
        try FileManager.default.removeItem(atPath: path)
        #expect(watch.look() == .gone)
        try FileManager.default.moveItem(atPath: folder("new"), toPath: path)
        #expect(watch.look() == .same)
        try folder.write("tocsin.yaml", "version: 1\n# and more")
        #expect(watch.look() == .changed)
    }

    @Test func `it is an alarm since it was noticed, and goes away`() async throws {
        let watch = RunbookWatch(path: path)
        let clock = ManualClock()
        let world = try await EngineWorld(clock: clock, lookAtRunbook: { watch.look() })
        await world.engine.tick()
        #expect(await world.report.core.alarms == [])
        try folder.write("tocsin.yaml", "version: 2")
        let noticed = clock.now.timeOfDay
        await world.engine.tick()
        clock.move(by: .seconds(90))
        await world.engine.tick()
        let alarms = await world.report.core.alarms
        #expect(alarms.count == 1)
        #expect(
            alarms.first
                == "THE RUNBOOK HAS CHANGED since \(noticed) UTC: this engine still goes by "
                + "what it read. tocsin check-runbook, then start the engine anew")
        try FileManager.default.removeItem(atPath: path)
        await world.engine.tick()
        #expect(await world.report.core.alarms.first?.contains("IS GONE since \(noticed)") == true)
        try folder.write("tocsin.yaml", "version: 1")
        await world.engine.tick()
        #expect(await world.report.core.alarms == [])
    }
}
