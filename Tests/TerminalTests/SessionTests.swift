// The terminal is borrowed: however a program ends, it is given back as it was.
import Screen
import Terminal
import TestKit
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// A session on a terminal by its path, in the process that asks for it.
func borrow(_ path: String, term: String = "xterm-256color") throws -> TerminalSession {
    let descriptor = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0, let theme = Theme.builtIn.first else { exit(90) }
    let options = TerminalOptions(environment: ["TERM": term, "LANG": "C.UTF-8"])
    do {
        return try TerminalSession(options, theme: theme, input: descriptor, output: descriptor)
    } catch {
        close(descriptor)
        throw error
    }
}
func picture() -> Frame {
    var frame = Frame(width: 80, height: 24)
    frame.text("▲ LEVEL 2", x: 1, y: 1, Style(.level2))
    return frame
}
/// More than a notification may hold.
func long() -> String { String(repeating: "x", count: 500) }
/// Waits until a descriptor has something, or has hung up.
func wait(for descriptor: Int32) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&entry, 1, 60_000)
}
/// Signals the process, for the threads that tests run on block most signals; and waits for its end.
func die(of signal: Int32) -> Never {
    kill(getpid(), signal)
    _ = poll(nil, 0, 60_000)
    exit(95)
}

@Suite(.serialized) struct SessionTests {
    private static let entered = "\u{1B}[?1049h"
    private static let left = "\u{1B}[?1049l"

    /// What every end must leave behind.
    private func expectGivenBack(_ terminal: PseudoTerminal, _ before: [UInt32]) {
        let sent = terminal.sent()
        #expect(sent.contains(Self.entered) && sent.contains("LEVEL 2"))
        let end = sent.range(of: Self.entered).map { sent[$0.upperBound...] } ?? ""
        for farewell in ["\u{1B}[?1000l", "\u{1B}[?2004l", "\u{1B}[?25h", Self.left] {
            #expect(end.contains(farewell), "\(farewell.dropFirst()) is missing")
        }
        #expect(terminal.modes() == before)
    }

    @Test func `leaving gives it back`() async throws {
        let terminal = try PseudoTerminal()
        let before = terminal.modes()
        let path = terminal.path
        await #expect(processExitsWith: .exitCode(7)) { [path = path as String] in
            let session = try borrow(path)
            session.paint(picture(), theme: Theme.builtIn[0])
            session.giveBack()
            session.giveBack()
            exit(7)
        }
        expectGivenBack(terminal, before)
    }

    @Test(arguments: [SIGSEGV, SIGABRT, SIGILL, SIGTRAP, SIGBUS, SIGFPE])
    func `a crash gives it back and stays a crash`(signal: Int32) async throws {
        let terminal = try PseudoTerminal()
        let before = terminal.modes()
        let path = terminal.path
        await #expect(processExitsWith: .signal(signal)) {
            [path = path as String, signal = signal as Int32] in
            let session = try borrow(path)
            session.paint(picture(), theme: Theme.builtIn[0])
            die(of: signal)
        }
        expectGivenBack(terminal, before)
    }

    @Test func `somebody else's exit gives it back`() async throws {
        let terminal = try PseudoTerminal()
        let before = terminal.modes()
        let path = terminal.path
        await #expect(processExitsWith: .exitCode(8)) { [path = path as String] in
            let session = try borrow(path)
            session.paint(picture(), theme: Theme.builtIn[0])
            exit(8)
        }
        expectGivenBack(terminal, before)
    }

    @Test func `a trap of Swift's own gives it back`() async throws {
        let terminal = try PseudoTerminal()
        let before = terminal.modes()
        let path = terminal.path
        await #expect(processExitsWith: .failure) { [path = path as String] in
            let session = try borrow(path)
            session.paint(picture(), theme: Theme.builtIn[0])
            let none: [Int] = []
            exit(Int32(none[Int(getpid()) * 0]))
        }
        expectGivenBack(terminal, before)
    }

    @Test(arguments: [SIGTERM, SIGHUP, SIGINT, SIGQUIT])
    func `a wish to end is told to the loop, a second one is granted at once`(
        signal: Int32
    ) async throws {
        let terminal = try PseudoTerminal()
        let before = terminal.modes()
        let path = terminal.path
        await #expect(processExitsWith: .signal(signal)) {
            [path = path as String, signal = signal as Int32] in
            let session = try borrow(path)
            session.paint(picture(), theme: Theme.builtIn[0])
            kill(getpid(), signal)
            wait(for: session.signals)
            guard session.takeSignals() == [.end(signal)] else { exit(91) }
            die(of: signal)
        }
        expectGivenBack(terminal, before)
    }

    @Test func `other signals are told in their order`() async throws {
        let terminal = try PseudoTerminal()
        let path = terminal.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let session = try borrow(path)
            for (signal, meaning) in [
                (SIGWINCH, TerminalSignal.resized), (SIGTSTP, .stop), (SIGCONT, .resumed),
            ] {
                kill(getpid(), signal)
                wait(for: session.signals)
                guard session.takeSignals() == [meaning] else { exit(93) }
            }
            session.giveBack()
            exit(0)
        }
    }

    @Test func `keys come as they were typed`() async throws {
        let terminal = try PseudoTerminal()
        let path = terminal.path
        terminal.onceTaken { $0.type("é\u{1B}[A\u{3}\u{1B}[200~x\ny\u{1B}[201~") }
        await #expect(processExitsWith: .success) { [path = path as String] in
            let session = try borrow(path)
            var keys: [Key] = []
            while keys.count < 4, !session.isLost {
                wait(for: session.input)
                keys += session.readKeys()
            }
            session.giveBack()
            let wanted: [Key] = [.character("é"), .up, .control("c"), .paste("x\ny")]
            exit(keys == wanted ? 0 : 94)
        }
    }

    @Test func `a closed window is noticed`() async throws {
        let terminal = try PseudoTerminal()
        let path = terminal.path
        terminal.onceTaken { $0.hangUp() }
        await #expect(processExitsWith: .success) { [path = path as String] in
            let session = try borrow(path)
            while !session.isLost {
                wait(for: session.input)
                _ = session.readKeys()
            }
            // Painting and leaving must not hang either.
            session.paint(picture(), theme: Theme.builtIn[0])
            session.giveBack()
            exit(0)
        }
    }

    @Test func `a picture is sent once, then only its changes`() async throws {
        let terminal = try PseudoTerminal()
        let path = terminal.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let session = try borrow(path)
            var frame = picture()
            session.paint(frame, theme: Theme.builtIn[0])
            session.paint(frame, theme: Theme.builtIn[0])
            frame.text("second", x: 40, y: 12)
            session.paint(frame, theme: Theme.builtIn[0])
            session.giveBack()
            exit(0)
        }
        let sent = terminal.sent()
        #expect(sent.components(separated: "LEVEL 2") == 2)
        #expect(sent.components(separated: "second") == 2)
    }

    @Test func `copying speaks to the terminal, in base64`() async throws {
        let terminal = try PseudoTerminal()
        let path = terminal.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let session = try borrow(path)
            session.copy("tocsin ▲")
            session.giveBack()
            exit(0)
        }
        #expect(terminal.sent().contains("\u{1B}]52;c;dG9jc2luIOKWsg==\u{7}"))
    }

    @Test func `news ring once, and the desktop shows one line of them without any control in it`()
        async throws
    {
        let terminal = try PseudoTerminal()
        let path = terminal.path
        await #expect(processExitsWith: .success) { [path = path as String] in
            let session = try borrow(path)
            session.ring("Tocsin: \u{1B}]52;c;AAAA\u{7} level\n2 ▲ \u{9C}" + long())
            session.giveBack()
            exit(0)
        }
        let sent = terminal.sent()
        let line = "\u{7}\u{1B}]9;Tocsin:  ]52;c;AAAA  level 2 ▲  "
        #expect(sent.contains(line))
        let rest = sent.range(of: line).map { sent[$0.upperBound...] } ?? ""
        #expect(
            rest.prefix { $0 == "x" }.count == 200 - 32 && rest.drop { $0 == "x" }.first == "\u{7}")
        // The bell, and the end of the command.
        #expect(sent.components(separated: "\u{7}") == 3)
    }

    @Test(arguments: ["linux", "vt100", "vt220"])
    func `a console rings and shows no command as text`(term: String) async throws {
        let terminal = try PseudoTerminal()
        let path = terminal.path
        await #expect(processExitsWith: .success) {
            [path = path as String, term = term as String] in
            let session = try borrow(path, term: term)
            session.ring("Tocsin: level 2")
            session.giveBack()
            exit(0)
        }
        let sent = terminal.sent()
        #expect(sent.contains("\u{7}") && !sent.contains("]9;") && !sent.contains("Tocsin"))
    }

    @Test(arguments: ["", "  ", "4;1;50", "9;/tmp"])
    func `a line that is empty or looks like an order of another kind is none`(
        text: String
    ) async throws {
        let terminal = try PseudoTerminal()
        let path = terminal.path
        await #expect(processExitsWith: .success) {
            [path = path as String, text = text as String] in
            let session = try borrow(path, term: "tmux-256color")
            session.ring(text)
            session.giveBack()
            exit(0)
        }
        let sent = terminal.sent()
        #expect(sent.contains("\u{7}"))
        #expect(!sent.contains("]9;4") && !sent.contains("]9;9") && !sent.contains("]9;\u{7}"))
    }

    @Test func `without a terminal there is a clear word and no picture`() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let theme = try #require(Theme.builtIn.first)
        let options = TerminalOptions(environment: ["TERM": "xterm"])
        let error = #expect(throws: TerminalError.self) {
            _ = try TerminalSession(options, theme: theme, input: ends[0], output: ends[1])
        }
        #expect(error?.description.contains("tocsin status") == true)
    }

    @Test(arguments: [
        ("dumb", "TERM=dumb"), ("", "TERM is not set"), ("nonsense", "terminfo does not"),
    ])
    func `a terminal that cannot show it is named`(term: String, said: String) throws {
        let terminal = try PseudoTerminal()
        let before = terminal.modes()
        let error = #expect(throws: TerminalError.self) {
            _ = try borrow(terminal.path, term: term)
        }
        #expect(error?.why.contains(said) == true)
        #expect(terminal.modes() == before && terminal.sent().isEmpty)
    }
}

extension String {
    fileprivate func range(of part: String) -> Range<Index>? {
        var at = startIndex
        while at < endIndex {
            if self[at...].hasPrefix(part) { return at..<index(at, offsetBy: part.count) }
            at = index(after: at)
        }
        return nil
    }
    fileprivate func components(separated by: String) -> Int {
        var count = 1
        var rest = self[...]
        while let found = String(rest).range(of: by) {
            count += 1
            rest = Substring(String(rest)[found.upperBound...])
        }
        return count
    }
}
