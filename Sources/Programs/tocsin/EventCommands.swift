// The journal, and the emergencies in it.
import ArgumentParser
import Domain
import FoundationEssentials
import Journal
import Link
import Wire

struct Events: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "events", "What happened, oldest first.",
        """
        With --follow, further events are printed as they happen; with --output json each is then one \
        line. With --verify, every event is compared with its hash, so that any change to the journal \
        shows: exit status 0 whole, 2 changed, 3 not readable.
        """,
        ("tocsin events --limit 20", "the newest twenty"),
        ("tocsin events --follow", "and then each as it happens"))
    @Flag(help: "Go on printing.")
    var follow = false
    @Flag(help: "Compare every event in the journal with its hash.")
    var verify = false
    @Option(help: ArgumentHelp("How many of the newest; 1 to 10000.", valueName: "n"))
    var limit = 100
    @OptionGroup var common: CommonOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit is 1 to 10000") }
        if verify && follow { throw ValidationError("--verify and --follow exclude each other") }
    }

    func run() throws {
        try reporting(verify ? .check : .act, common) { session in
            if verify { return try verifyJournal(session) }
            if follow { return try Follower(session: session, limit: limit).run() }
            let page: EventPage = try session.read("/v1/events?limit=\(limit)")
            if session.common.output == .json {
                try session.show(json: page)
            } else {
                try session.tell(eventLines(page.events))
            }
            return 0
        }
    }

    private func verifyJournal(_ session: Session) throws -> Int32 {
        struct Answer: Encodable {
            var service: String
            var events: Int
            var whole: Bool
            @ExplicitNull var firstBroken: Int?
        }
        // An engine that is named by its socket alone has its journal beside it.
        let state =
            session.common.state == nil && session.common.socket != nil
            ? folder(of: try session.places.socket()) : try session.places.state()
        let report = try JournalVerification.verify(state: state)
        let broken = report.firstBroken
        try session.show(
            Answer(
                service: report.service, events: report.events, whole: broken == nil,
                firstBroken: broken)
        ) {
            if let broken {
                [Line("✖ Event \(broken) is not what was written, or is missing", .bad)]
            } else {
                [
                    Line(
                        "● The journal is whole: "
                            + Words.count(report.events, "event", "events"), .good)
                ]
            }
        }
        return broken == nil ? 0 : 2
    }
}

/// The folder of a path.
func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// What a command caused, in the words of the timeline. That a message has begun to be sent is left out:
/// it stands there already that it goes out.
func causedLines(_ events: [EventReport]) -> [Line] {
    eventLines(events.filter { $0.kind != "delivery-started" })
}

func eventLines(_ events: [EventReport]) -> [Line] {
    events.map { event in
        Line("\(Words.moment(event.at))  ", .quiet) + (event.text, event.tone.ink)
            + (event.by == "engine" ? "" : "  (\(event.by))", .quiet)
    }
}

/// Prints events as they come; reconnects when an engine returns, without losing or repeating one.
private struct Follower {
    let session: Session
    let limit: Int

    func run() throws -> Int32 {
        let page: EventPage = try session.read("/v1/events?limit=\(limit)")
        try show(page.events)
        var last = page.last
        while true {
            do {
                let stream = try EngineClient(socket: try socket()).openStream()
                try catchUp(&last)
                while true { try show(newer: try stream.readLines(within: .seconds(5)), &last) }
            } catch  where !(error is Unwritten) {
                Output.complain("tocsin: \(Failure(error).why); waiting for an engine")
                try waitForEngine()
            }
        }
    }

    private func socket() throws(LinkError) -> String {
        do { return try session.places.socket() } catch {
            throw .notReachable(path: "", why: "\(error)")
        }
    }

    /// Everything that the journal has got since.
    private func catchUp(_ last: inout Int) throws {
        while true {
            let page: EventPage = try session.read("/v1/events?after=\(last)&limit=1000")
            try show(page.events)
            last = page.events.last?.seq ?? last
            if page.events.count < 1000 { return }
        }
    }

    private func show(newer lines: [Data], _ last: inout Int) throws {
        for line in lines {
            guard let read = try? WireCoding.decode(StreamLine.self, from: line) else { continue }
            // A new start after a pause of ours: lines may have been dropped in between.
            if read.start != nil { try catchUp(&last) }
            guard let event = read.event, event.seq > last else { continue }
            try show([event])
            last = event.seq
        }
    }

    private func show(_ events: [EventReport]) throws {
        guard session.common.output == .json else { return try session.tell(eventLines(events)) }
        for event in events {
            try Output.write(String(decoding: try WireCoding.encode(event), as: UTF8.self) + "\n")
        }
    }

    private func waitForEngine() throws {
        while (try? session.client().get("/healthz", timeout: .seconds(2))) == nil {
            pause(.seconds(0.5))
        }
    }
}

struct Emergencies: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "emergencies", "Every emergency in the journal: when, how bad, how long.",
        ("tocsin emergencies", "all of them"),
        ("tocsin emergencies --output json", "as JSON"))
    @OptionGroup var common: CommonOptions

    struct Entry: Encodable, Equatable {
        var id: String
        var reason: String
        /// The worst that it reached; null in journals of engines that did not say so.
        @ExplicitNull var level: Int?
        var activatedAt: String
        @ExplicitNull var acknowledgedAt: String?
        /// The name of who took it first, or was given it.
        @ExplicitNull var acknowledgedBy: String?
        /// It was given to them; they did not take it.
        var handedOver = false
        @ExplicitNull var deactivatedAt: String?
        /// Who resolved it, and how.
        @ExplicitNull var end: String?
        @ExplicitNull var seconds: Double?
        /// How often it was taken up again after its end.
        var reopenings = 0
    }

    func run() throws {
        try reporting(.act, common) { session in
            let entries = Self.entries(try allEvents(session))
            try session.show(entries) { Self.lines(entries) }
            return 0
        }
    }

    /// Two lines for each: when, how bad and how long; then what it was, who took it and how it ended.
    static func lines(_ entries: [Entry]) -> [Line] {
        if entries.isEmpty { return ["There was no emergency."] }
        let heads = table(
            entries.map { entry in
                let length = entry.seconds.map { Words.length(.seconds($0)) } ?? "open"
                return [
                    (Words.moment(entry.activatedAt), .quiet), (entry.id, .strong),
                    (
                        entry.level.map { "level \($0)" } ?? "",
                        entry.level ?? 4 <= 2 ? .bad : .plain
                    ),
                    (length, entry.seconds == nil ? .bad : .plain),
                ]
            })
        return zip(heads, entries).flatMap { head, entry in
            var parts = [entry.reason]
            if entry.reopenings > 0 { parts.append("reopened ×\(entry.reopenings)") }
            if let at = entry.acknowledgedAt {
                let after = Words.length(from: entry.activatedAt, to: at).map { " after \($0)" }
                let how = entry.handedOver ? "handed over to" : "acknowledged by"
                parts.append("\(how) \(entry.acknowledgedBy ?? "somebody")\(after ?? "")")
            } else {
                parts.append("never acknowledged")
            }
            if let end = entry.end { parts.append(end) }
            return [head, Line("    " + parts.joined(separator: " · "))]
        }
    }

    /// One emergency is open at a time, so what follows an activation belongs to it.
    static func entries(_ events: [EventReport]) -> [Entry] {
        var entries: [Entry] = []
        for event in events {
            if event.kind == "emergency-activated" {
                let reason = said(event.text, after: "activated at level")
                entries.append(
                    Entry(
                        id: event.emergency ?? "", reason: reason, level: event.level,
                        activatedAt: event.at))
            } else if let last = entries.indices.last {
                entries[last].take(event)
            }
        }
        return entries
    }

    /// The reason at the end of the timeline's sentence about a level.
    private static func said(_ text: String, after words: String) -> String {
        guard let words = text.firstRange(of: words),
            let colon = text[words.upperBound...].firstRange(of: ": ")
        else { return text }
        return String(text[colon.upperBound...])
    }

    private func allEvents(_ session: Session) throws -> [EventReport] {
        var events: [EventReport] = []
        var last = 0
        while true {
            let page: EventPage = try session.read("/v1/events?after=\(last)&limit=10000")
            events += page.events.filter {
                $0.kind.hasPrefix("emergency-") || $0.kind == "handed-over"
                    || $0.kind == "level-changed"
            }
            guard let newest = page.events.last?.seq, newest < page.last else { return events }
            last = newest
        }
    }
}

extension Emergencies.Entry {
    /// What became of it.
    fileprivate mutating func take(_ event: EventReport) {
        if let reached = event.level { level = min(level ?? reached, reached) }
        switch event.kind {
        case "emergency-reopened":
            deactivatedAt = nil
            end = nil
            seconds = nil
            reopenings += 1
        case "emergency-acknowledged", "handed-over":
            guard acknowledgedAt == nil else { return }
            acknowledgedAt = event.at
            handedOver = event.kind == "handed-over"
            acknowledgedBy = Self.name(event.text) ?? event.by
        case "emergency-deactivated":
            deactivatedAt = event.at
            let words = "emergency deactivated, "
            end =
                event.text.hasPrefix(words) ? String(event.text.dropFirst(words.count)) : event.text
            if let from = Timestamp(rfc3339: activatedAt), let to = Timestamp(rfc3339: event.at) {
                seconds = (to - from).seconds
            }
        default: break
        }
    }

    /// From `acknowledged by Ines Moreau until …: …` or `handed over to …, who has until …`.
    private static func name(_ text: String) -> String? {
        guard
            let words = ["acknowledged by ", "handed over to "].first(where: text.hasPrefix)
        else { return nil }
        var name = text.dropFirst(words.count)
        for end in [", who has until ", ": ", " until "] {
            if let range = name.firstRange(of: end) { name = name[..<range.lowerBound] }
        }
        return String(name)
    }
}
