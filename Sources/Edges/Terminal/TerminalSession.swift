// The terminal while it is borrowed: keys in, frame differences out, given back on every exit.
import CNcurses
import FoundationEssentials
package import Screen

#if canImport(Glibc)
    import Glibc
#endif

/// ncurses' terminfo says how to talk to the terminal; what to say is the difference of two frames,
/// sent with one `write`. (Its own screen would write once per cursor move in rows with wide glyphs,
/// and knows no direct colours.) One thread only.
package final class TerminalSession {
    /// Where keys come from; for `poll`.
    package let input: Int32
    /// Becomes readable when `takeSignals` has something; for `poll`.
    package let signals: Int32
    private let output: Int32
    private let signalWriter: Int32
    private let description: TerminalDescription
    /// The modes that the terminal had, and has again afterwards.
    private let modes: termios
    private var painter: Painter
    private var parser: KeyParser
    private var theme: Theme
    private var isTaken = false
    private var emptyReads = 0
    /// The terminal is gone: its window was closed, or the line was lost.
    package private(set) var isLost = false

    /// Takes the terminal: the second screen, raw keys, mouse and paste as the options say.
    /// - Throws: `TerminalError` when there is no terminal or it cannot show a picture.
    package init(
        _ options: TerminalOptions, theme: Theme, input: Int32 = 0, output: Int32 = 1
    ) throws(TerminalError) {
        guard isatty(input) == 1, isatty(output) == 1 else {
            throw TerminalError(
                why: "the dashboard needs a terminal, and standard "
                    + (isatty(input) == 1 ? "output" : "input") + " is none",
                remedy: "Without one, use `tocsin status` or `tocsin events --follow`.")
        }
        var modes = termios()
        guard tcgetattr(input, &modes) == 0 else {
            throw TerminalError(
                why: "the terminal's modes cannot be read: \(String(cString: strerror(errno)))",
                remedy: "Try another terminal.")
        }
        description = try TerminalDescription(options, descriptor: output)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw TerminalError(
                why: "no pipe can be opened: \(String(cString: strerror(errno)))",
                remedy: "Close some programs; there are too many open files.")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        self.modes = modes
        self.input = input
        self.output = output
        self.theme = theme
        signals = ends[0]
        signalWriter = ends[1]
        painter = Painter(description.capabilities, Palette(theme, description.depth))
        parser = KeyParser(extra: description.keys)
        take()
    }
    deinit {
        giveBack()
        close(signals)
        close(signalWriter)
    }

    package var size: Size {
        var width: Int32 = 0
        var height: Int32 = 0
        guard tocsin_size(output, &width, &height) == 1 else { return Size(width: 80, height: 24) }
        return Size(width: Int(width), height: Int(height))
    }

    // MARK: Taking and giving back

    private func take() {
        guard !isTaken else { return }
        isTaken = true
        // Armed before anything is changed: from here on it is given back whatever happens.
        CrashGuard.arm(
            terminal: output, pipe: signalWriter, modes: modes, farewell: description.farewell)
        setRawModes()
        write(description.greeting)
        painter.forget()
    }

    /// Keys come one by one, without echo, and none of them is a signal.
    private func setRawModes() {
        var raw = modes
        raw.c_iflag &= ~tcflag_t(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON)
        raw.c_oflag &= ~tcflag_t(OPOST)
        raw.c_cflag |= tcflag_t(CS8)
        raw.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | IEXTEN | ISIG)
        withUnsafeMutableBytes(of: &raw.c_cc) { bytes in
            bytes[Int(VMIN)] = 0
            bytes[Int(VTIME)] = 0
        }
        _ = tcsetattr(input, TCSANOW, &raw)
    }

    /// Gives the terminal back as it was. Nothing happens when it was given back already.
    package func giveBack() {
        guard isTaken else { return }
        isTaken = false
        write(description.farewell)
        var modes = modes
        // What was typed ahead was meant for the dashboard.
        _ = tcsetattr(input, TCSAFLUSH, &modes)
        CrashGuard.disarm()
    }

    /// Gives the terminal back, stops as ctrl-Z does, and takes it again when the program goes on.
    package func suspend() {
        giveBack()
        CrashGuard.stop()
        take()
    }

    /// After the program was stopped from outside: nobody knows what the terminal shows or does.
    package func takeAgain() {
        setRawModes()
        write(description.greeting)
        painter.forget()
    }

    // MARK: Out

    /// Sends what has changed since the last frame.
    package func paint(_ frame: Frame, theme: Theme) {
        if theme != self.theme {
            self.theme = theme
            painter.palette = Palette(theme, description.depth)
        }
        let bytes = painter.bytes(toShow: description.unicode ? frame : frame.inASCII())
        if !bytes.isEmpty { write(bytes) }
    }

    /// The next frame is sent whole.
    package func forget() { painter.forget() }

    /// Rings once, and where the terminal can, has the desktop show the text: OSC 9, which iTerm2 made
    /// and most terminals of desktops know. Others ignore it; tmux and screen keep it to themselves.
    package func ring(_ text: String) {
        write([0x07])
        let line = description.notification(text)
        if !line.isEmpty { write(line) }
    }

    /// Into the clipboard of the machine that the terminal runs on (OSC 52).
    package func copy(_ text: String) {
        let code = Data(text.utf8).base64EncodedString()
        write(Array("\u{1B}]52;c;\(code)\u{07}".utf8))
    }

    private func write(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count, !isLost {
            let count = bytes.withUnsafeBytes { pointer -> Int in
                guard let base = pointer.baseAddress else { return 0 }
                return Glibc.write(output, base + sent, bytes.count - sent)
            }
            if count > 0 {
                sent += count
            } else if count < 0, errno == EAGAIN {
                var entry = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, 1000)
            } else if count < 0, errno != EINTR {
                isLost = true
            }
        }
    }

    // MARK: In

    /// The keys that have come. Never waits; sets `isLost` when there will be no more.
    package func readKeys() -> [Key] {
        var keys: [Key] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(input, &buffer, buffer.count)
            if count > 0 {
                emptyReads = 0
                keys += parser.feed(buffer[..<count])
                if count < buffer.count { return keys }
                continue
            }
            if count < 0 {
                if errno == EINTR { continue }
                if errno != EAGAIN { isLost = true }
                return keys
            }
            // Nothing to read although there was: once may be chance, again and again is the end.
            emptyReads += 1
            if emptyReads > 20 { isLost = true }
            return keys
        }
    }

    /// Whether an escape byte or a paste waits for what follows, and how long that may take.
    package var patience: Double? {
        parser.holdsEscape ? 0.025 : parser.isPasting ? 2 : nil
    }
    /// Nothing has followed within `patience`.
    package func flushKeys() -> [Key] { parser.flush() }

    /// What somebody outside wishes, in the order it came.
    package func takeSignals() -> [TerminalSignal] {
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = read(signals, &buffer, buffer.count)
        guard count > 0 else { return [] }
        return buffer[..<count].compactMap(CrashGuard.signal)
    }

    /// The terminal has hung up, as `poll` says of the input.
    package func hangUp() { isLost = true }
}
