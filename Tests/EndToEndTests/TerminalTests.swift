// The dashboard on a real terminal (tmux): what it shows, how it resizes, and how it gives it back.
import Domain
import Foundation
import TestKit
import Testing
import Wire

/// A terminal of a test's own, with the dashboard in it.
final class TerminalWindow: Sendable {
    let folder: TemporaryFolder
    private let server: String

    /// - Parameter command: a shell line; it runs between two looks at the terminal's modes.
    init(_ command: String, width: Int = 120, height: Int = 36, term: String = "xterm-256color")
        async throws
    {
        folder = try TemporaryFolder("window")
        server = "tocsin-test-\(UUID().uuidString.prefix(8))"
        try folder.write(
            "run",
            """
            export TERM=\(term) LANG=C.UTF-8
            stty -g > before
            \(command)
            echo $? > status
            stty -g > after
            echo given back
            exec sleep 600
            """)
        let said = try await tmux([
            "-f", "/dev/null", "new-session", "-d", "-x", "\(width)", "-y", "\(height)", "-c",
            folder.path, "sh \(folder("run"))",
        ])
        #expect(said.status == 0, "\(said.errors)")
    }

    func end() async throws { _ = try await tmux(["kill-server"]) }

    @discardableResult
    private func tmux(_ arguments: [String]) async throws -> Said {
        try await Program.run(arguments, of: "/usr/bin/tmux", before: ["-L", server])
    }
    func press(_ keys: String...) async throws { try await tmux(["send-keys"] + keys) }
    func resize(_ width: Int, _ height: Int) async throws {
        try await tmux(["resize-window", "-x", "\(width)", "-y", "\(height)"])
    }
    func picture() async throws -> String { try await tmux(["capture-pane", "-p"]).output }
    func shows(_ text: String) async throws {
        var last = ""
        do {
            try await eventually("the screen shows “\(text)”", within: 60) {
                last = try await picture()
                return last.contains(text)
            }
        } catch { throw TestKitError(text: "\(error); it shows:\n\(last)") }
    }
    /// The process id of the program in the window.
    func program(_ word: String) async throws -> Int32 {
        let pane = try await tmux(["list-panes", "-F", "#{pane_pid}"]).output
        let shell = pane.trimmingCharacters(in: .whitespacesAndNewlines)
        let children = try Program.text("/proc/\(shell)/task/\(shell)/children")
        let child = children.split(separator: " ").compactMap { Int32($0) }.first {
            ((try? Program.text("/proc/\($0)/cmdline")) ?? "").contains(word)
        }
        guard let child else { throw TestKitError(text: "\(word) does not run in the window") }
        return child
    }
    /// Waits until the program is over, and compares the terminal's modes.
    func isGivenBack() async throws -> Int32 {
        try await shows("given back")
        let before = try Program.text(folder("before"))
        #expect(!before.isEmpty)
        let after = try Program.text(folder("after"))
        #expect(after == before)
        let status = try Program.text(folder("status"))
        return Int32(status.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
    }
}

@Suite(.serialized) struct TerminalTests {
    private static func command(_ demo: Demo, _ flags: String = "") throws -> String {
        "\(try Places.program("tocsin")) --socket \(demo.announced.socket) \(flags)"
    }

    @Test func `the main walk through the dashboard, by keys`() async throws {
        let demo = try await Demo()
        let window = try await TerminalWindow(try Self.command(demo), width: 80, height: 24)
        try await window.shows("No emergency")
        // Break the websocket, acknowledge, run what is proposed, end the emergency.
        try await window.press("x")
        try await window.shows("Break the demo")
        try await window.press("Enter")
        try await window.press("Escape")
        try await window.shows("LEVEL 2")
        try await window.press("a")
        try await demo.wait("it is acknowledged") { $0.core.emergency?.acknowledgedBy != nil }
        try await window.press("Enter")
        try await demo.wait("nothing holds any more") {
            $0.core.emergency?.recoveryAttempts == 1 && $0.core.emergency?.stillHolding == []
                && $0.core.procedure == nil
        }
        try await window.press("D")
        try await window.press("Enter")
        try await window.shows("No emergency")
        // What is typed right behind a question is no command: a moment has to pass.
        let ended = try await demo.situation().core.time
        try await demo.wait("a moment has passed") { situation in
            guard let before = Timestamp(rfc3339: ended),
                let now = Timestamp(rfc3339: situation.core.time)
            else { return false }
            return now - before > .seconds(0.5)
        }
        // A wrong name starts nothing; the right one does.
        try await window.press("R")
        try await window.shows("ROLLBACK")
        try await window.press("m")
        try await window.press("-l", "a test")
        try await window.press("Enter")
        try await window.press("Enter")
        try await window.press("-l", "Courier")
        try await window.press("Enter")
        #expect(try await demo.situation().core.rollback == nil)
        try await window.press("C-u")
        try await window.press("-l", "courier")
        try await window.press("Enter")
        try await demo.wait("the rollback has begun") { $0.core.rollback != nil }
        // Leaving does not stop it. (An escape with a key right behind it would be another key.)
        try await window.press("Escape")
        try await window.shows("What next")
        try await window.press("q")
        #expect(try await window.isGivenBack() == 0)
        try await demo.wait("it is over") { $0.core.rollback?.state == .succeeded }
        try await window.end()
    }

    @Test func `the terminal is given back however the dashboard ends`() async throws {
        let demo = try await Demo()
        for number in [SIGTERM, SIGHUP, SIGINT, SIGSEGV, SIGABRT, SIGQUIT] {
            let window = try await TerminalWindow(try Self.command(demo))
            try await window.shows("No emergency")
            kill(try await window.program("tocsin"), number)
            let status = try await window.isGivenBack()
            #expect(status == 128 + number, "signal \(number)")
            try await window.end()
        }
    }

    @Test func `any size has a picture, and a storm of sizes ends in the right one`() async throws {
        let demo = try await Demo()
        let window = try await TerminalWindow(try Self.command(demo), width: 20, height: 5)
        try await window.shows("emergency")
        for (width, height) in [(1, 1), (300, 90), (2, 60), (200, 3), (40, 10), (7, 7), (120, 36)] {
            try await window.resize(width, height)
        }
        try await window.shows("No emergency")
        try await window.shows("Escalation")
        try await window.press("q")
        #expect(try await window.isGivenBack() == 0)
        try await window.end()
    }

    @Test func `without colours and without Unicode everything is still said`() async throws {
        let demo = try await Demo()
        let window = try await TerminalWindow(
            "NO_COLOR=1 " + (try Self.command(demo, "--no-unicode")), term: "vt100")
        try await window.shows("No emergency")
        let picture = try await window.picture()
        let isPlain = picture.unicodeScalars.allSatisfy(\.isASCII)
        #expect(isPlain, "\(picture)")
        #expect(picture.contains("healthy"))
        try await window.press("q")
        #expect(try await window.isGivenBack() == 0)
        try await window.end()
    }

    @Test func `an engine that is killed is told, and its successor is found`() async throws {
        let demo = try await Demo()
        let window = try await TerminalWindow(try Self.command(demo))
        try await window.shows("No emergency")
        try await demo.killEngine(demo.announced.enginePid)
        try await window.shows("engine gone")
        // What was known stays on the screen.
        #expect(try await window.picture().contains("websocket"))
        _ = try demo.startEngine()
        try await window.shows("live")
        try await window.press("q")
        #expect(try await window.isGivenBack() == 0)
        try await window.end()
    }

    @Test func `without a terminal the dashboard says what to use instead`() async throws {
        let demo = try await Demo()
        let said = try await Program.run(["--socket", demo.announced.socket])
        #expect(said.status == 1)
        #expect(said.errors.contains("tocsin status"))
    }
}
