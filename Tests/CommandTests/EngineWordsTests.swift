// What people are told of engines: how the one that is gone is started again, and where this one is.
import Domain
import Link
import TestKit
import Testing

@testable import tocsin

@Suite struct EngineWordsTests {
    private func places(
        state: String? = nil, _ environment: [String: String] = [:], files: Set<String> = []
    ) -> Link.Places {
        Link.Places(
            stateOption: state, environment: environment, uid: 0, folder: "/here",
            exists: files.contains, serviceName: { _ in "shop" })
    }

    @Test func `where an engine left its journal, its state is named`() {
        let socket = ["TOCSIN_SOCKET": "/my a/engine.sock"]
        let files: Set<String> = ["/my a/journal.db", "/here/tocsin.yaml"]
        #expect(
            EngineWords.remedy(places(socket, files: files)) { path in
                path == "/my a/runbook" ? "/etc/shop.yaml\n" : nil
            } == "Start it again, where it left off: tocsin engine --runbook /etc/shop.yaml "
                + "--state '/my a'")
        #expect(
            EngineWords.remedy(places(socket, files: files)) { _ in nil }.contains(
                "--runbook FILE --state '/my a'"), "the one that lies here need not be its")
        let other = places(
            ["TOCSIN_SOCKET": "/a/s", "TOCSIN_RUNBOOK": "r"], files: ["/a/journal.db"])
        #expect(
            EngineWords.remedy(other) { _ in nil }.hasSuffix(
                "tocsin engine --runbook /here/r --state /a --socket /a/s"))
        #expect(EngineWords.remedy(places(socket)) { _ in nil }.hasPrefix("Start one with"))
    }

    @Test func `a socket in another engine's state is refused with both ways out`() throws {
        let folder = try TemporaryFolder("states")
        try folder.write("a/journal.db", "")
        let socket = ["TOCSIN_SOCKET": folder("a/engine.sock")]
        let files: Set<String> = [folder("a/journal.db")]
        let failure = #expect(throws: Failure.self) {
            try EngineWords.refuseForeignState(
                places(state: folder("b"), socket, files: files))
        }
        #expect(failure?.status(.act) == 64)
        #expect(failure?.why.contains(folder("b")) == true)
        #expect(failure?.remedy.contains("--state \(folder("a")).") == true)
        try EngineWords.refuseForeignState(
            places(state: folder("a/../a"), socket, files: files))
    }

    @Test func `a terminal is told what is watched and how to look`() {
        let runbook = SampleRunbook.make()
        let lines = EngineWords.hello(runbook, socket: "/s/engine.sock")
        #expect(lines.count == 2)
        #expect(lines[0].contains("watching \(runbook.service.name)"))
        #expect(lines[1].hasSuffix("tocsin --socket /s/engine.sock"))
    }
}
