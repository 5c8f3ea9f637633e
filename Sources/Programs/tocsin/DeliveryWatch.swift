// Follows messages on the stream until they have arrived, and says on standard error what fails.
import ArgumentParser
import Domain
import FoundationEssentials
import Wire

#if canImport(Glibc)
    import Glibc
#endif

/// A length of time on the command line, spelled as in a runbook.
struct Length: CustomStringConvertible {
    let span: Span
    init(_ span: Span) { self.span = span }

    static let most = Span.hours(24 * 366)
    /// - Throws: `ValidationError` that says how it is written, and the limits.
    static func read(_ text: String) throws -> Length {
        guard let span = Span(text) else {
            throw ValidationError("write a length of time as 5s, 5m or 1h")
        }
        guard span > .zero, span <= most else {
            throw ValidationError("write 5s, 5m or 1h: more than 0s, and at most 366d")
        }
        return Length(span)
    }
    var description: String { span.spelled }
}

/// The options of every command that sends something and waits for it.
struct WaitOptions: ParsableArguments {
    @Flag(name: .customLong("no-wait"), help: "Be done when it is in the outbox.")
    var noWait = false
    @Option(
        help: "How long to wait until it has arrived; it is tried on after that.",
        transform: Length.read)
    var timeout = Length(.seconds(30))
}

struct DeliveryWatch {
    let session: Session
    let timeout: Span

    /// - Returns: what was known when it was over, or when the time was.
    func run(_ follower: DeliveryFollower) throws -> DeliveryFollower {
        var follower = follower
        var progress = DeliveryProgress(paper: session.errorPaper)
        defer { progress.clear() }
        let stream = StreamWatch(
            session: session, meanwhile: "the outbox goes on with the next",
            patience: timeout, limit: timeout)
        _ = try stream.run(say: { progress.say($0) }) { lines -> Bool? in
            for line in lines { follower.take(line) }
            progress.show(follower.deliveries)
            return follower.isOver ? true : nil
        }
        return follower
    }
}

/// Progress on standard error: a line that changes on a terminal, a line for each failure anywhere.
private struct DeliveryProgress {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let paper: Paper
    private var told: Set<String> = []
    private var live = ""

    init(paper: Paper) { self.paper = paper }

    mutating func show(_ deliveries: [DeliveryReport]) {
        for delivery in deliveries where delivery.hasFailed {
            guard told.insert("\(delivery.id)/\(delivery.attempts)").inserted else { continue }
            say("\(delivery.channel) to \(delivery.whom): \(DeliveryText.detail(delivery))")
        }
        guard isTerminal else { return }
        let arrived = deliveries.filter { $0.state == .delivered }.count
        let needed = deliveries.filter { $0.state != .dropped }.count
        let left = deliveries.first { !$0.state.isOver }
            .map { "  \($0.channel) to \($0.whom): \(DeliveryText.state($0))" }
        let text = paper.render(
            Line("▶ \(arrived) of \(needed) arrived", .strong) + (left ?? "", .plain))
        guard text != live else { return }
        Output.progress("\r\u{1B}[K" + text)
        live = text
    }

    mutating func say(_ text: String) {
        clear()
        Output.complain(paper.unlimited.render(Line(text, .warning)))
    }

    mutating func clear() {
        if !live.isEmpty { Output.progress("\r\u{1B}[K") }
        live = ""
    }
}

/// The one JSON document of a command that sends.
struct SendResult: Encodable {
    var events: [EventReport]
    /// Ids of the messages.
    var messages: [String]
    /// How each delivery stood in the end.
    var deliveries: [DeliveryReport]
    /// Names of those who were told, and of those who were not (yet).
    var reached: [String]
    var missed: [String]
}

extension Session {
    /// Asks for something that sends, and waits until it has arrived.
    /// - Parameter done: what to say when everybody was reached.
    /// - Returns: 0 when everybody was reached, 1 when not.
    func send(
        _ request: CommandRequest, _ options: WaitOptions, done: (DeliveryFollower) -> Line?
    ) throws -> Int32 {
        let answer = try command(request)
        var follower = DeliveryFollower(messages: answer.messages, unreachable: answer.missed)
        if options.noWait || answer.messages.isEmpty {
            try show(Self.result(answer, follower)) {
                causedLines(answer.events) + Self.onItsWay(answer.messages)
            }
            if answer.missed.isEmpty { return 0 }
            complain(DeliveryText.unreachable(answer.missed))
            return 1
        }
        follower = try DeliveryWatch(session: self, timeout: options.timeout.span).run(follower)
        let standing = follower.standing
        try show(Self.result(answer, follower)) {
            DeliveryText.lines(follower.deliveries)
                + (standing.isComplete ? [done(follower)].compactMap(\.self) : Self.told(standing))
        }
        if standing.isComplete { return 0 }
        DeliveryText.complaints(standing).forEach(complain)
        Output.complain("  \(DeliveryText.remedy(standing))")
        return 1
    }

    /// Bad news on standard error.
    func complain(_ text: String) {
        Output.complain(errorPaper.unlimited.render(Line(text, .bad)))
    }

    /// Who was told, where somebody was not.
    private static func told(_ standing: DeliveryStanding) -> [Line] {
        standing.reached.isEmpty
            ? [] : [Line("Told: \(standing.reached.joined(separator: ", "))")]
    }

    static func result(_ answer: CommandAnswer, _ follower: DeliveryFollower) -> SendResult {
        // Without waiting nothing is known of anybody.
        let standing = follower.standing
        return SendResult(
            events: answer.events, messages: answer.messages, deliveries: follower.deliveries,
            reached: standing.reached,
            missed: follower.deliveries.isEmpty ? answer.missed : standing.missed)
    }

    /// What commands say that sent something and do not wait for it.
    static func onItsWay(_ messages: [String]) -> [Line] {
        if messages.isEmpty { return [] }
        let what = Words.count(messages.count, "message is", "messages are")
        return [Line("\(what) on the way: tocsin outbox", .quiet)]
    }
}
