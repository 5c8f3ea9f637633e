// Two demos at work in one directory: the first to leave takes nothing from the other.
import Foundation
import TestKit
import Testing
import Wire

@Suite struct TwoDemosTests {
    @Test func `service and engine end with the last demo, whoever started them`() async throws {
        let demo = try await Demo()
        let folder = demo.folder
        let second = try Spawned(
            Places.program("tocsin"), ["demo", "--headless", "--dir", folder("stage")],
            environment: Program.environment([:]), output: folder("second"),
            errors: folder("second.err"))
        try await eventually("the second says where it is") {
            try Program.text(folder("second")).hasSuffix("\n")
        }
        let joined = try JSONDecoder().decode(
            Demo.Announcement.self, from: Data(contentsOf: URL(filePath: folder("second"))))
        #expect(joined.enginePid == demo.announced.enginePid)
        #expect(joined.servicePid == demo.announced.servicePid)
        try await demo.leave()
        #expect(try await demo.situation().core.engine.pid == Int(joined.enginePid))
        #expect(kill(joined.servicePid, 0) == 0)
        kill(second.pid, SIGTERM)
        #expect(try await second.end() == 0)
        try await eventually("service and engine are gone") {
            kill(joined.servicePid, 0) != 0 && kill(joined.enginePid, 0) != 0
        }
    }
}
