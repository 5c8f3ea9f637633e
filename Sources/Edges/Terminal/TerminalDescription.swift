// What this terminal can do: from terminfo, the environment and the operator's options.
import CNcurses
import Screen

package struct TerminalOptions: Sendable {
    /// TERM, COLORTERM, NO_COLOR, LANG and the like.
    package var environment: [String: String]
    package var colour: Bool
    package var unicode: Bool
    package var mouse: Bool
    package init(
        environment: [String: String], colour: Bool = true, unicode: Bool = true, mouse: Bool = true
    ) {
        self.environment = environment
        self.colour = colour
        self.unicode = unicode
        self.mouse = mouse
    }
}

package struct TerminalError: Error, Sendable, Equatable, CustomStringConvertible {
    package var why: String
    package var remedy: String
    package var description: String { "\(why). \(remedy)" }
}

struct TerminalDescription {
    let capabilities: Capabilities
    let depth: ColourDepth
    let unicode: Bool
    /// What is sent when the terminal is taken, and when it is given back.
    let greeting: [UInt8]
    let farewell: [UInt8]
    /// Keys as terminfo spells them.
    let keys: [[UInt8]: Key]
    /// Whether it keeps an operating system command that it does not know to itself.
    private let takesNotifications: Bool

    init(_ options: TerminalOptions, descriptor: Int32) throws(TerminalError) {
        let name = options.environment["TERM"] ?? ""
        let elsewhere = "`tocsin status` and the other commands need no terminal."
        guard !name.isEmpty, name != "dumb" else {
            throw TerminalError(
                why: name.isEmpty
                    ? "TERM is not set, so nobody knows what this terminal can do"
                    : "a terminal with TERM=dumb cannot show the dashboard",
                remedy: elsewhere)
        }
        guard tocsin_setup(name, descriptor) == 1 else {
            throw TerminalError(
                why: "terminfo does not know the terminal “\(name.prefix(60))”",
                remedy: "Set TERM to one it knows, such as xterm-256color, or install ncurses-term."
            )
        }
        guard let move = Self.text("cup") else {
            throw TerminalError(
                why: "the terminal “\(name.prefix(60))” cannot move its cursor", remedy: elsewhere)
        }
        depth = Self.depth(options, name)
        unicode = Self.unicode(options, name)
        capabilities = Self.capabilities(move)
        greeting = Self.greeting(options)
        farewell = Self.farewell()
        keys = Self.keys()
        let family = name.split(separator: "-").first.map(String.init) ?? name
        takesNotifications = !Self.withoutCommands.contains(family)
    }

    // MARK: Notifications

    /// Terminals that would show such a command as text: the consoles of kernels, and what is older
    /// than it.
    private static let withoutCommands: Set<String> = [
        "dumb", "linux", "ansi", "cons25", "wsvt25", "vt52", "vt100", "vt102", "vt220",
    ]
    /// Characters of a notification at most.
    private static let longestNotification = 200

    /// `ESC ] 9 ; text BEL`; empty where the terminal would show it, or for an empty text. Without any
    /// control character in it, whatever the text holds.
    func notification(_ text: String) -> [UInt8] {
        guard takesNotifications else { return [] }
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(Self.longestNotification) {
            let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
            line.append(isControl ? " " : unicode ? scalar : PlainGlyphs.twin(of: scalar))
        }
        // Windows Terminal and ConEmu read a number at the beginning as an order of theirs.
        while let first = line.first, first == " " || (0x30..<0x3A).contains(first.value) {
            line.removeFirst()
        }
        return line.isEmpty ? [] : Array("\u{1B}]9;\(String(line))\u{07}".utf8)
    }

    // MARK: What it can show

    private static func depth(_ options: TerminalOptions, _ name: String) -> ColourDepth {
        let environment = options.environment
        if !options.colour || !(environment["NO_COLOR"] ?? "").isEmpty { return .none }
        let direct = ["truecolor", "24bit"].contains(environment["COLORTERM"] ?? "")
        // GNU screen hands COLORTERM on and misreads the colours; tmux takes them.
        let screen = name.hasPrefix("screen") && environment["TMUX"] == nil
        if direct, !screen { return .direct }
        if tigetflag("RGB") == 1 || tigetflag("Tc") == 1 { return .direct }
        switch tigetnum("colors") {
        case 256...: return .indexed
        case 16...: return .sixteen
        case 8...: return .eight
        default: return .none
        }
    }

    /// More than ASCII: where the locale says UTF-8, and not on the Linux console, whose fonts have
    /// neither dots nor signs.
    private static func unicode(_ options: TerminalOptions, _ name: String) -> Bool {
        guard options.unicode, name != "linux" else { return false }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap { options.environment[$0] }
            .first { !$0.isEmpty }
        let lower = (locale ?? "").lowercased()
        return lower.contains("utf-8") || lower.contains("utf8")
    }

    private static func capabilities(_ move: String) -> Capabilities {
        let filled: @Sendable (Point) -> [UInt8] = { point in
            bytes(tocsin_fill2(move, Int32(point.y), Int32(point.x)))
        }
        // Nearly all terminals: no need to ask terminfo for each place.
        let isUsual = move == "\u{1B}[%i%p1%d;%p2%dH"
        return Capabilities(
            move: isUsual ? Capabilities.ansi.move : filled, foreground: coloured(text("setaf")),
            background: coloured(text("setab")), reset: sequence("sgr0"),
            bold: sequence("bold"), dim: sequence("dim"), underline: sequence("smul"),
            reverse: sequence("rev"), showCursor: sequence("cnorm"),
            hideCursor: sequence("civis"),
            lastCellScrolls: tigetflag("am") == 1 && tigetflag("xenl") != 1)
    }
    private static func coloured(_ capability: String?) -> @Sendable (UInt8) -> [UInt8] {
        guard let capability else { return { _ in [] } }
        return { bytes(tocsin_fill1(capability, Int32($0))) }
    }

    // MARK: Coming and going

    /// Private modes have no name in terminfo; terminals that do not know them ignore them.
    private static let mouseOn = Array("\u{1B}[?1000h\u{1B}[?1006h".utf8)
    private static let mouseOff = Array("\u{1B}[?1006l\u{1B}[?1000l".utf8)
    private static let pasteOn = Array("\u{1B}[?2004h".utf8)
    private static let pasteOff = Array("\u{1B}[?2004l".utf8)

    private static func greeting(_ options: TerminalOptions) -> [UInt8] {
        sequence("smcup") + sequence("sgr0") + sequence("clear") + sequence("civis") + pasteOn
            + (options.mouse ? mouseOn : [])
    }
    private static func farewell() -> [UInt8] {
        // Without a second screen to leave, ours is cleared away.
        let leave = text("rmcup") == nil ? sequence("clear") : sequence("rmcup")
        return mouseOff + pasteOff + sequence("sgr0") + sequence("op") + sequence("cnorm") + leave
    }

    // MARK: Keys

    private static func keys() -> [[UInt8]: Key] {
        var keys: [[UInt8]: Key] = [:]
        let named: [(String, Key)] = [
            ("kcuu1", .up), ("kcud1", .down), ("kcub1", .left), ("kcuf1", .right), ("khome", .home),
            ("kend", .end), ("kpp", .pageUp), ("knp", .pageDown), ("kich1", .insert),
            ("kdch1", .delete), ("kcbt", .backTab), ("kent", .enter),
        ]
        for (name, key) in named { keys[sequence(name)] = key }
        for number in 1...12 { keys[sequence("kf\(number)")] = .function(number) }
        // Only whole sequences: a single byte is what its key says.
        return keys.filter { $0.key.count > 2 && $0.key.first == 0x1B }
    }

    // MARK: terminfo

    private static func text(_ name: String) -> String? {
        tocsin_string(name).map { String(cString: $0) }
    }
    private static func sequence(_ name: String) -> [UInt8] { bytes(tocsin_string(name)) }
}

/// A capability without its pauses (`$<5>`), which were for terminals on slow lines.
private func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8] {
    guard let text else { return [] }
    var result: [UInt8] = []
    var at = text
    while at.pointee != 0 {
        if at.pointee == 0x24, at[1] == 0x3C {
            var end = at + 2
            while end.pointee != 0, end.pointee != 0x3E { end += 1 }
            if end.pointee == 0x3E {
                at = end + 1
                continue
            }
        }
        result.append(UInt8(bitPattern: at.pointee))
        at += 1
    }
    return result
}
