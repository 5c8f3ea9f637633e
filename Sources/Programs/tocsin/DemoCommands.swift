// The bundled service: `demo` shows it, `fault` breaks it.
import ArgumentParser
import Dashboard
import DemoService
import Domain
import FoundationEssentials
import Link
import Wire

#if canImport(Glibc)
    import Glibc
#endif

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration.command(
        "demo", "The bundled notification service, an engine, and the dashboard.",
        """
        Everything happens in a scratch directory, which goes when the demo ends; one that is named with \
        --dir stays. Several can be at work in one directory: the last to leave ends service and engine. \
        With --headless, one JSON line says where everything is, and the demo runs until it \
        is terminated.
        """,
        ("tocsin demo", "watch, break, recover, roll back"),
        ("tocsin demo --headless --dir /tmp/d", "the same from scripts"))
    @Flag(help: "No dashboard: print one JSON line, run until terminated.")
    var headless = false
    @Option(help: ArgumentHelp("Where; it is made if it is not there.", valueName: "dir"))
    var dir: String?
    @Flag(name: .customLong("no-color"), help: "Plain text also on a terminal.")
    var noColor = false
    @OptionGroup var look: DashboardLook

    func run() async throws {
        let common = try CommonOptions.parse(noColor ? ["--no-color"] : [])
        try await reporting(.act, common) { session in
            let scratch = try dir == nil ? Scratch(Session.environment) : nil
            let directory = try scratch?.path ?? dir.map(Self.absolute) ?? ""
            let show = DemoShow(
                session: session, directory: directory, headless: headless, look: look,
                scratch: scratch)
            return try await show.run()
        }
    }

    private static func absolute(_ path: String) throws -> String {
        if path.hasPrefix("/") { return path }
        guard let folder = getcwd(nil, 0) else {
            throw Fault(
                operation: "find the working folder", subject: path,
                cause: String(cString: strerror(errno)))
        }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }
}

/// A directory of the demo's own.
private struct Scratch: Sendable {
    let path: String

    init(_ environment: [String: String]) throws(Fault) {
        var base = environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        if let cache = environment["XDG_CACHE_HOME"], cache.hasPrefix("/"),
            mkdir(cache, 0o700) == 0 || errno == EEXIST
        {
            base = cache
        }
        var template = Array("\(base)/tocsin-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Fault(
                operation: "make a folder", subject: base, cause: String(cString: strerror(errno)))
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    func remove() { try? FileManager.default.removeItem(atPath: path) }
}

/// Service and engine, from start to end. It ends only what a demo has started.
private struct DemoShow {
    let session: Session
    let directory: String
    let headless: Bool
    let look: DashboardLook
    let scratch: Scratch?

    private struct Announcement: Encodable {
        var url: String
        var socket: String
        var state: String
        var runbook: String
        var servicePid: Int
        var enginePid: Int
    }
    private var state: String { directory + "/state" }
    private var socket: String { state + "/engine.sock" }

    func run() async throws -> Int32 {
        let stop = try StopSignals()
        let house: DemoHouse
        let stage: DemoStage
        do {
            house = try DemoHouse(directory)
            guard house.enter(unless: { stop.came(within: .zero) }) else {
                scratch?.remove()
                return 130
            }
            stage = try prepare()
        } catch {
            scratch?.remove()
            throw error
        }
        var child: ChildProcess?
        let status: Int32
        do {
            let service = try await stage.start()
            if enginePid() == nil {
                let started = try EngineStart(
                    runbook: stage.runbookPath, state: state, socket: socket, untilIdle: false
                ).run()
                child = started
                house.engine = started.pid
            }
            house.open()
            status = try await show(stage, service: service, child, until: stop)
        } catch {
            try? await leave(house, stage, child)
            throw error
        }
        try await leave(house, stage, child)
        return status
    }

    private func show(
        _ stage: DemoStage, service: Int32, _ child: ChildProcess?, until stop: StopSignals
    ) async throws -> Int32 {
        if headless {
            let engine = child?.pid ?? enginePid() ?? 0
            try announce(stage, service: service, engine: engine)
            wait(for: stop, engine, child)
            return 0
        }
        // Interrupted while it started.
        if stop.came(within: .zero) { return 130 }
        var common = session.common
        common.socket = socket
        let status = await runDashboard(
            socket: socket, options: common, look: look, isDemo: true)
        letWorkFinish(unless: stop)
        return status
    }

    /// The process id of the engine that answers on the socket; nil: none does.
    private func enginePid() -> pid_t? {
        situation().map { pid_t($0.core.engine.pid) }
    }
    private func situation() -> SituationReport? {
        guard
            let answer = try? EngineClient(socket: socket).get(
                "/v1/situation", timeout: .seconds(5))
        else { return nil }
        return try? WireCoding.decode(SituationReport.self, from: answer.body)
    }

    /// Whoever leaves last ends engine and courier, also those that another demo here has started.
    private func leave(
        _ house: DemoHouse, _ stage: DemoStage, _ child: ChildProcess?
    ) async throws {
        // Until everything is ended, nobody else begins.
        defer { withExtendedLifetime(house) {} }
        guard house.leave() else {
            if !headless {
                Output.complain(
                    "Engine and service go on: another `tocsin demo` is at work in \(directory).")
            }
            return
        }
        let last = situation()
        if let child, child.ended() == nil {
            child.stop(within: .seconds(10))
        } else if let last, house.engine == pid_t(last.core.engine.pid) {
            ChildProcess.stop(stranger: pid_t(last.core.engine.pid), within: .seconds(10))
        }
        try await end(stage)
        if !headless { Output.complain(farewell(last)) }
    }

    private func farewell(_ last: SituationReport?) -> String {
        let open = last?.core.emergency.map { ", with the emergency \($0.id) open" } ?? ""
        let again = scratch == nil ? " To go on: tocsin demo --dir \(Model.quoted(directory))" : ""
        return "The demo has ended\(open); its engine and its service are stopped.\(again)"
    }

    private func prepare() throws -> DemoStage {
        let executable = try ChildProcess.ownExecutable()
        return try DemoStage.prepare(
            directory: directory, share: try DemoShare.find(executable, Session.environment),
            binary: executable, user: LoginName.of(getuid()),
            name: LoginName.realName(of: getuid()))
    }

    private func end(_ stage: DemoStage) async throws {
        try await stage.stop()
        // A new engine that somebody started by hand still works there.
        if (try? EngineClient(socket: socket).get("/healthz", timeout: .seconds(1))) == nil {
            scratch?.remove()
        }
    }

    private func announce(_ stage: DemoStage, service: Int32, engine: pid_t) throws {
        let line = Announcement(
            url: stage.url, socket: socket, state: state, runbook: stage.runbookPath,
            servicePid: Int(service), enginePid: Int(engine))
        try Output.write(String(decoding: try WireCoding.encode(line), as: UTF8.self) + "\n")
    }

    /// An engine that ends is no reason to end the service: a new one may be on its way.
    private func wait(for stop: StopSignals, _ engine: pid_t, _ child: ChildProcess?) {
        var noted = false
        while !stop.came(within: .seconds(0.25)) {
            let end = child.map { $0.ended()?.words } ?? (isAlive(engine) ? nil : "is gone")
            guard !noted, let end else { continue }
            noted = true
            Output.complain(
                "tocsin: the engine (pid \(engine)) \(end); the service goes on. "
                    + "Start another: tocsin engine --runbook \(directory)/service/tocsin.yaml "
                    + "--state \(state)")
        }
    }

    /// A rollback in flight is not cut off by closing the dashboard.
    private func letWorkFinish(unless stop: StopSignals) {
        var told = false
        while let procedure = situation()?.core.procedure,
            procedure.state == .running || procedure.state == .undoing
        {
            if !told {
                Output.complain("\(procedure.title) goes on; the demo ends after it (Ctrl-C: now).")
            }
            told = true
            if stop.came(within: .seconds(0.2)) { return }
        }
    }
}

/// SIGINT, SIGTERM and SIGHUP as something to wait for.
private struct StopSignals {
    private let pipe: Int32
    // Handlers, unlike ignoring, are not inherited by the programs that are started.
    private nonisolated(unsafe) static var signalPipe: Int32 = -1

    init() throws(Fault) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else {
            throw Fault(
                operation: "open a pipe", subject: "signals",
                cause: String(cString: strerror(errno)))
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        pipe = ends[0]
        // Touched before the handlers are there, so that they only read it.
        Self.signalPipe = ends[1]
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            Glibc.signal(signal) { _ in
                var byte: UInt8 = 1
                _ = write(StopSignals.signalPipe, &byte, 1)
            }
        }
    }

    func came(within span: Span) -> Bool {
        var entry = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, Int32(span.seconds * 1000)) > 0
    }
}

/// Where the demo's files are: beside an installed program, or above one that was just built.
enum DemoShare {
    static func find(_ executable: String, _ environment: [String: String]) throws -> String {
        let examples = "Examples/demo"
        var candidates: [String] = []
        if let named = environment["TOCSIN_SHARE"], !named.isEmpty {
            candidates.append("\(named)/\(examples)")
        }
        var place = folder(of: executable)
        candidates.append("\(folder(of: place))/share/tocsin/\(examples)")
        while place != "/" {
            candidates.append("\(place)/\(examples)")
            place = folder(of: place)
        }
        if let found = candidates.first(where: { access($0 + "/tocsin.yaml", R_OK) == 0 }) {
            return found
        }
        throw Failure(
            .failed, rule: "no-demo", why: "the demo's files are not beside this program",
            remedy: "Name the folder that holds \(examples) with $TOCSIN_SHARE.")
    }

    /// Whether a runbook's folder is the bundled service's: its switches are there.
    static func isDemo(_ folder: String) -> Bool {
        access(folder + "/courier.env", F_OK) == 0 && access(folder + "/stage.json", F_OK) == 0
    }
}

struct FaultCommand: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "fault", "Breaks or mends the demo's service. Only there.",
        "Without a name: every fault, and whether it is on.",
        ("tocsin fault websocket on", "drop every WebSocket"),
        ("tocsin fault complete off", "mend it"))
    enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }
    @Argument(help: "websocket, delivery, database, slow, memory, complete or gateway.")
    var name: String?
    @Argument(help: "on or off.")
    var state: Switch?
    @OptionGroup var common: CommonOptions

    private struct Entry: Encodable {
        var name: String
        var on: Bool
        var effect: String
        var mendedBy: String
    }

    func validate() throws {
        if let name, !DemoFaults.all.contains(where: { $0.name == name }) {
            let names = DemoFaults.all.map(\.name).joined(separator: ", ")
            throw ValidationError("there is no fault “\(name)”; there are \(names)")
        }
        if name != nil, state == nil {
            throw ValidationError("say on or off after the fault's name")
        }
    }

    func run() throws {
        try reporting(.act, common) { session in
            let folder = try demoFolder(session)
            if let name, let state {
                try DemoFaults.set(name, on: state == .on, folder: folder)
            }
            let active = Set(DemoFaults.active(folder: folder))
            let entries = DemoFaults.all.map {
                Entry(
                    name: $0.name, on: active.contains($0.name), effect: $0.effect,
                    mendedBy: $0.mendedBy)
            }
            try session.show(entries) {
                table(
                    entries.filter { name == nil || $0.name == name }.map {
                        [
                            ($0.name, .strong), ($0.on ? "on" : "off", $0.on ? .bad : .quiet),
                            ($0.effect, .plain), ("Mended by: \($0.mendedBy)", .quiet),
                        ]
                    })
            }
            return 0
        }
    }

    /// The demo's folder, from the engine; from the runbook while no engine runs.
    private func demoFolder(_ session: Session) throws -> String {
        let report: RunbookReport
        do { report = try session.runbook() } catch let error as LinkError {
            guard let path = try? session.places.runbook(),
                DemoShare.isDemo(folder(of: path))
            else { throw error }
            return folder(of: path)
        }
        guard !report.faults.isEmpty else {
            throw Failure(
                .refused, rule: "not-the-demo", why: "\(report.service) is not the demo's service",
                remedy: "Start the demo: tocsin demo")
        }
        return folder(of: report.path)
    }
}
