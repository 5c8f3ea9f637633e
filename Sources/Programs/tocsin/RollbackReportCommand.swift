// `generate-rollback-report`: everything that is known of the last rollback, in one document.
import ArgumentParser
import Domain
import FoundationEssentials
import Wire

struct GenerateRollbackReport: ParsableCommand {
    static let configuration = CommandConfiguration.command(
        "generate-rollback-report", "Writes the report of the last rollback to standard output.",
        """
        Who asked and who agreed, why, the plan, each stage with its times and the end of what it said, \
        the backup, the validation, the time against the target, what was taken back, what has gone down \
        since, and the journal's lines.
        """,
        ("tocsin generate-rollback-report", "to read"),
        (
            "tocsin generate-rollback-report --format markdown > report.md",
            "to keep"
        ))
    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, markdown }
    @Option(help: "text, json or markdown.")
    var format: Format?
    @Flag(help: "Of the last rollback in test mode.")
    var testMode = false
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if let format, format != .json, common.output == .json {
            throw ValidationError(
                "--format \(format.rawValue) and --output json exclude each other: one document is "
                    + "printed")
        }
    }

    func run() throws {
        let format = format ?? (common.output == .json ? .json : .text)
        try reporting(.act, common) { session in
            let answer = try session.command(
                CommandRequest(
                    command: "generate-rollback-report", testMode: testMode ? true : nil))
            guard let record = answer.record else {
                throw Failure(
                    .failed, rule: "bad-answer", why: "the engine has no record of a rollback",
                    remedy: "Use the tocsin of the engine's version.")
            }
            let report = RollbackDocument(
                record, core: try session.situation().core,
                timeline: try Timeline(session).events(of: record.rollback))
            switch format {
            case .json: try session.show(json: report)
            case .text: try session.tell(RollbackDocumentText(report).lines)
            case .markdown: try Output.write(RollbackDocumentText(report).markdown)
            }
            return 0
        }
    }
}

/// The journal's lines about a rollback: from its request to its end, and what the watch found after it.
struct Timeline {
    let session: Session
    init(_ session: Session) { self.session = session }

    private static let page = 1_000
    private static let mostEvents = 5_000

    func events(of rollback: ProcedureReport) throws -> [EventReport] {
        guard let began = Timestamp(rfc3339: rollback.startedAt) else { return [] }
        // A request is at most half an hour old when it starts the rollback.
        let from = began - RollbackAsk.lifetime
        var found: [EventReport] = []
        var newest: EventPage = try session.read("/v1/events?limit=\(Self.page)")
        while true {
            found = newest.events + found
            guard let first = newest.events.first, first.seq > 1,
                Timestamp(rfc3339: first.at).map({ $0 >= from }) ?? false
            else { break }
            let after = max(0, first.seq - 1 - Self.page)
            newest = try session.read(
                "/v1/events?after=\(after)&limit=\(first.seq - 1 - after)")
        }
        return Array(Self.about(rollback, in: found).suffix(Self.mostEvents))
    }

    /// Pure: which of some events belong to the rollback.
    static func about(_ rollback: ProcedureReport, in events: [EventReport]) -> [EventReport] {
        guard
            let start = events.firstIndex(where: {
                $0.kind == "procedure-started" && $0.procedure == rollback.id
            })
        else { return events.filter { $0.procedure == rollback.id } }
        var first = start
        if rollback.approvals.count > 1,
            let asked = events[..<start].lastIndex(where: { $0.kind == "rollback-requested" })
        {
            first = asked
        }
        let end =
            events.lastIndex {
                $0.procedure == rollback.id
                    && ($0.kind == "procedure-ended" || $0.kind == "step-ended")
            } ?? events.index(before: events.endIndex)
        return events[first...].enumerated().filter { offset, event in
            // That a step begins stands with the stages.
            if event.kind == "watch-looked" || event.kind == "step-started"
                || event.kind.hasPrefix("delivery-")
            {
                return false
            }
            return first + offset <= end || event.procedure == rollback.id
        }.map(\.element)
    }
}
