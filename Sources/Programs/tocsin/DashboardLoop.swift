// The dashboard's loop: waits for keys, the engine and the clock, and paints what has changed.
import Dashboard
import DemoService
import Domain
import Foundation
import Link
import Screen
import Terminal
import Wire

#if canImport(Glibc)
    import Glibc
#endif

/// Shows the dashboard until the operator leaves, on a thread of its own.
/// - Returns: the exit status: 0; 1 when there is no terminal for it; 64 for a theme that does not
///   exist; 128 and the signal's number when one ended it.
func runDashboard(
    socket: String, options: CommonOptions, look: DashboardLook, isDemo: Bool = false
) async -> Int32 {
    let environment = Session.environment
    let themes = DashboardThemes(environment)
    let theme = themes.start(look.theme)
    if let name = look.theme, theme == nil {
        Output.complain("tocsin: " + themes.unknown(name))
        return 64
    }
    let terminal = TerminalOptions(
        environment: environment, colour: !options.noColor, unicode: !look.noUnicode,
        mouse: !look.noMouse)
    let dashboard = DashboardOptions(
        host: DashboardLoop.hostName(), engine: socket, runbook: options.runbook,
        state: options.state ?? DashboardLoop.folder(of: socket), themes: themes.all,
        themeProblems: themes.problems, theme: theme?.id, rings: !look.noBell,
        isDemo: isDemo)
    return await withCheckedContinuation { continuation in
        // Blocking waits have no place on the threads that tasks share.
        Thread.detachNewThread {
            continuation.resume(
                returning: DashboardLoop.run(
                    terminal, dashboard, EngineFeed(client: EngineClient(socket: socket))))
        }
    }
}

private struct DashboardLoop {
    private let terminal: TerminalSession
    private let feed: EngineFeed
    private var model: Model
    /// What is on the screen is not what the model says.
    private var isDirty = false
    /// Since when the terminal holds an escape back.
    private var heldSince: Timestamp?
    private var status: Int32?

    /// How long the first picture waits for the engine's first word, so that nothing flashes by.
    private static let firstWord = 0.15

    static func run(
        _ options: TerminalOptions, _ dashboard: DashboardOptions, _ feed: EngineFeed
    ) -> Int32 {
        do {
            // Before the terminal: the engine answers while it is being prepared.
            try feed.start()
            defer { feed.stop() }
            let model = Model(dashboard, size: Size(width: 80, height: 24), now: localNow())
            let terminal = try TerminalSession(options, theme: model.theme)
            var loop = DashboardLoop(terminal: terminal, feed: feed, model: model)
            let status = loop.run()
            terminal.giveBack()
            if let goodbye = loop.model.goodbye, !terminal.isLost { Output.complain(goodbye) }
            return status
        } catch {
            Output.complain("tocsin: \(error)")
            return 1
        }
    }

    private init(terminal: TerminalSession, feed: EngineFeed, model: Model) {
        self.terminal = terminal
        self.feed = feed
        self.model = model
    }

    private mutating func run() -> Int32 {
        take(.resized(terminal.size))
        _ = wait(for: [feed.readable], seconds: Self.firstWord)
        takeFeed()
        paint()
        while status == nil {
            let now = Self.localNow()
            let tick = model.untilNextTick(at: now).seconds
            let patience = terminal.patience
            let ready = wait(
                for: [terminal.input, terminal.signals, feed.readable],
                seconds: min(tick, patience ?? tick))
            if ready.contains(terminal.signals) { takeSignals() }
            if ready.contains(terminal.input) {
                for key in terminal.readKeys() { take(.key(key)) }
                heldSince = terminal.patience == nil ? nil : Self.localNow()
            } else if let patience, ready.isEmpty || held(for: patience) {
                for key in terminal.flushKeys() { take(.key(key)) }
                heldSince = nil
            }
            if ready.contains(feed.readable) { takeFeed() }
            if ready.isEmpty { take(.tick) }
            // Closed windows and lost lines: there is nobody left to show anything to.
            if terminal.isLost { status = status ?? 128 + SIGHUP }
            if isDirty, status == nil { paint() }
        }
        return status ?? 0
    }

    /// Whether an escape has waited long enough for what might follow. An engine that has much to say
    /// must not keep it waiting until the next key makes another one of it.
    private func held(for patience: Double) -> Bool {
        heldSince.map { (Self.localNow() - $0).seconds >= patience } ?? false
    }

    // MARK: In

    private mutating func takeFeed() {
        for message in feed.take() { take(message) }
    }

    private mutating func takeSignals() {
        for signal in terminal.takeSignals() {
            switch signal {
            case .end(let number): status = 128 + number
            case .stop: suspend()
            case .resumed:
                terminal.takeAgain()
                take(.resized(terminal.size))
                take(.resumed)
            case .resized: take(.resized(terminal.size))
            }
        }
    }

    private mutating func take(_ message: Message) {
        let effects = update(&model, message, at: Self.localNow())
        isDirty = true
        for effect in effects { perform(effect) }
    }

    // MARK: Out

    private mutating func paint() {
        terminal.paint(view(model), theme: model.theme)
        isDirty = false
    }

    private mutating func perform(_ effect: Effect) {
        switch effect {
        case .send(let request): feed.send(request)
        case .loadPlan: feed.loadPlan()
        case .loadBackups: feed.loadBackups()
        case .readFaults: readFaults()
        case .setFault(let name, let on): setFault(name, on: on)
        case .copy(let text): terminal.copy(text)
        case .ring(let text): terminal.ring(text)
        case .redraw: terminal.forget()
        case .suspend: suspend()
        case .quit: status = 0
        }
    }

    private mutating func suspend() {
        terminal.suspend()
        take(.resized(terminal.size))
        take(.resumed)
    }

    // MARK: The demo's faults

    /// The demo's service reads its faults from its folder, which is the runbook's.
    private var demoFolder: String? {
        model.runbookPath.flatMap { path in path.lastIndex(of: "/").map { String(path[..<$0]) } }
    }
    private mutating func readFaults() {
        guard let folder = demoFolder else { return }
        take(.faults(Set(DemoFaults.active(folder: folder))))
    }
    private mutating func setFault(_ name: String, on: Bool) {
        guard let folder = demoFolder else { return }
        do {
            try DemoFaults.set(name, on: on, folder: folder)
            readFaults()
        } catch {
            take(.faultFailed(name, why: "\(error)"))
        }
    }

    // MARK: The world

    /// The descriptors that can be read, or have hung up; none when the time is over.
    private func wait(for descriptors: [Int32], seconds: Double) -> Set<Int32> {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let milliseconds = Int32((max(0, min(seconds, 60)) * 1000).rounded(.up))
        guard poll(&entries, nfds_t(entries.count), milliseconds) > 0 else { return [] }
        for entry in entries
        where entry.fd == terminal.input
            && entry.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
        {
            terminal.hangUp()
        }
        return Set(entries.filter { $0.revents != 0 }.map(\.fd))
    }

    /// A clock that never goes back and also runs while the machine sleeps.
    private static func localNow() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// The engine's folder, where its socket has the name that it gets there; nil: not known.
    static func folder(of socket: String) -> String? {
        socket.hasSuffix("/engine.sock") ? String(socket.dropLast("/engine.sock".count)) : nil
    }

    static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "?" }
        let name = buffer.withUnsafeBufferPointer { pointer in
            pointer.baseAddress.map { String(cString: $0) } ?? ""
        }
        return name.split(separator: ".").first.map(String.init) ?? name
    }
}
