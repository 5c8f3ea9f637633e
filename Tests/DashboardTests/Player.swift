// Plays the dashboard for a test: lines from the engine, keys, time; keeps what it asked for.
import Domain
import Screen
import Wire

@testable import Dashboard

struct Player {
    private(set) var model: Model
    private(set) var effects: [Effect] = []
    private var now = Timestamp(milliseconds: 5_000)

    init(
        _ scene: StreamStart? = nil, width: Int = 120, height: Int = 36, isDemo: Bool = false
    ) {
        let options = DashboardOptions(
            host: "bastion", engine: "/run/tocsin/engine.sock", state: "/run/tocsin",
            isDemo: isDemo)
        model = Model(options, size: Size(width: width, height: height), now: now)
        if let scene { hear(StreamLine(start: scene)) }
    }

    mutating func take(_ message: Message) { effects += update(&model, message, at: now) }
    mutating func hear(_ line: StreamLine) { take(.line(line)) }
    /// People look before they press the next key when a sheet has closed.
    mutating func press(_ keys: Key...) {
        for key in keys {
            if model.typedAheadUntil != nil { now = now + .seconds(0.2) }
            take(.key(key))
        }
    }
    mutating func type(_ text: String) {
        for character in text { take(.key(.character(character))) }
    }
    mutating func wait(_ seconds: Double) {
        now = now + .seconds(seconds)
        take(.tick)
    }
    /// Answers the last command that was sent.
    mutating func answer(_ outcome: CommandOutcome) {
        guard let request = requests.last else { return }
        take(.answered(request, outcome))
    }
    /// Clicks the first place where this text is.
    mutating func click(_ text: String) {
        let frame = view(model)
        for y in 0..<frame.height {
            for x in 0..<frame.width where Player.found(text, frame, x, y) {
                return take(.key(.click(Point(x: x, y: y))))
            }
        }
    }
    private static func found(_ text: String, _ frame: Frame, _ x: Int, _ y: Int) -> Bool {
        for (offset, character) in text.enumerated()
        where frame.glyph(x: x + offset, y: y) != String(character) {
            return false
        }
        return true
    }
    mutating func forgetEffects() { effects = [] }

    var requests: [CommandRequest] {
        effects.compactMap { if case .send(let request) = $0 { request } else { nil } }
    }
    var text: String {
        let frame = view(model)
        return (0..<frame.height).map { frame.row($0) }.joined(separator: "\n")
    }
    var lastLine: String {
        let frame = view(model)
        return frame.row(frame.height - 1)
    }
}
