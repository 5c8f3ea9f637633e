// Where things are: the order of precedence of interface.md, one row at a time.
import Testing

@testable import Link

@Suite struct PlacesTests {
    func places(
        runbook: String? = nil, state: String? = nil, socket: String? = nil,
        _ environment: [String: String] = [:], uid: UInt32 = 1000,
        files: Set<String> = [], service: String = "shop"
    ) -> Places {
        Places(
            runbookOption: runbook, stateOption: state, socketOption: socket,
            environment: environment, uid: uid, folder: "/here", exists: files.contains,
            serviceName: { _ in service })
    }
    static let all: Set<String> = [
        "/here/tocsin.yaml", "/conf/tocsin/tocsin.yaml", "/home/ines/.config/tocsin/tocsin.yaml",
        "/etc/tocsin/tocsin.yaml",
    ]

    @Test func `the runbook: option, environment, here, the user's, the machine's`() throws {
        var environment = [
            "TOCSIN_RUNBOOK": "/named.yaml", "XDG_CONFIG_HOME": "/conf", "HOME": "/home/ines",
        ]
        var files = Self.all
        #expect(
            try places(runbook: "own.yaml", environment, files: files).runbook() == "/here/own.yaml"
        )
        #expect(try places(environment, files: files).runbook() == "/named.yaml")
        environment["TOCSIN_RUNBOOK"] = ""
        #expect(try places(environment, files: files).runbook() == "/here/tocsin.yaml")
        files.remove("/here/tocsin.yaml")
        #expect(try places(environment, files: files).runbook() == "/conf/tocsin/tocsin.yaml")
        environment["XDG_CONFIG_HOME"] = nil
        #expect(
            try places(environment, files: files).runbook()
                == "/home/ines/.config/tocsin/tocsin.yaml")
        environment["HOME"] = nil
        #expect(try places(environment, files: files).runbook() == "/etc/tocsin/tocsin.yaml")
    }

    @Test func `without any runbook, all the places are named`() {
        let error = #expect(throws: Places.Unknown.self) {
            try places(["HOME": "/home/ines"]).runbook()
        }
        #expect(
            error
                == .noRunbook(tried: [
                    "/here/tocsin.yaml", "/home/ines/.config/tocsin/tocsin.yaml",
                    "/etc/tocsin/tocsin.yaml",
                ]))
    }

    @Test func `a variable that is no absolute path does not count as a folder`() throws {
        let environment = [
            "XDG_CONFIG_HOME": "conf", "XDG_STATE_HOME": "state", "HOME": "/home/ines/",
        ]
        let places = places(environment, files: Self.all.subtracting(["/here/tocsin.yaml"]))
        #expect(try places.runbook() == "/home/ines/.config/tocsin/tocsin.yaml")
        #expect(try places.state() == "/home/ines/.local/state/tocsin/shop")
    }

    @Test func `the state: option, environment, root's place, the user's place`() throws {
        let environment = [
            "TOCSIN_STATE": "/env", "XDG_STATE_HOME": "/states", "HOME": "/home/ines",
        ]
        #expect(try places(state: "own", environment, files: Self.all).state() == "/here/own")
        #expect(try places(environment, files: Self.all).state() == "/env")
        let rest = environment.filter { $0.key != "TOCSIN_STATE" }
        #expect(try places(rest, uid: 0, files: Self.all).state() == "/var/lib/tocsin/shop")
        #expect(try places(rest, files: Self.all).state() == "/states/tocsin/shop")
        #expect(throws: Places.Unknown.noHome) { try places(files: Self.all).state() }
    }

    @Test func `the socket: option, environment, the state's`() throws {
        let environment = ["TOCSIN_SOCKET": "/run/s", "TOCSIN_STATE": "/env"]
        #expect(try places(socket: "own", environment).socket() == "/here/own")
        #expect(try places(environment).socket() == "/run/s")
        #expect(try places(["TOCSIN_STATE": "/env"]).socket() == "/env/engine.sock")
        #expect(try places(state: "/s", ["TOCSIN_STATE": "/env"]).socket() == "/s/engine.sock")
    }

    @Test func `a socket in another engine's state folder is noticed`() throws {
        let same: (String, String) -> Bool = { $0 == $1 }
        let files: Set<String> = ["/a/journal.db"]
        let named = places(["TOCSIN_SOCKET": "/a/engine.sock", "TOCSIN_STATE": "/b"], files: files)
        #expect(try named.foreignState(isSame: same) == "/a")
        #expect(try named.foreignState { _, _ in true } == nil, "by another path, its own")
        #expect(try named.stateOfSocket() == "/a")
        #expect(try places(state: "/a", files: files).foreignState(isSame: same) == nil)
        let elsewhere = places(state: "/a", socket: "/run/a.sock", files: files)
        #expect(try elsewhere.foreignState(isSame: same) == nil, "no journal lies beside it")
        #expect(try elsewhere.stateOfSocket() == nil)
    }

    @Test func `an engine is named alone by its socket or its state, if no runbook is`() {
        #expect(places(socket: "s").namesOnlyAnEngine)
        #expect(places(["TOCSIN_SOCKET": "/s"]).namesOnlyAnEngine)
        #expect(places(state: "s", files: Self.all).namesOnlyAnEngine)
        #expect(places(["TOCSIN_STATE": "/s"]).namesOnlyAnEngine)
        #expect(!places(files: Self.all).namesOnlyAnEngine)
        #expect(!places(runbook: "r", socket: "s").namesOnlyAnEngine)
        #expect(!places(["TOCSIN_SOCKET": "/s", "TOCSIN_RUNBOOK": "/r"]).namesOnlyAnEngine)
    }

    @Test func `no runbook is read when the state is named`() throws {
        var places = places(state: "/s")
        places.serviceName = { _ in
            Issue.record("the runbook was read")
            return ""
        }
        #expect(try places.socket() == "/s/engine.sock")
    }

    @Test(arguments: ["", ".", "..", "a/b", "/"])
    func `a name that is no folder's is refused`(_ name: String) {
        #expect(throws: Places.Unknown.serviceName(name)) {
            try places(uid: 0, files: Self.all, service: name).state()
        }
    }
}
