// What the socket's server needs of the engine: one function for each route.
package import Domain
package import FoundationEssentials
package import Wire

/// The engine, as the socket's server sees it. Every caller is who the kernel says they are.
package protocol EngineService: Sendable {
    func situation(for caller: Caller) async -> SituationReport
    func runbook(for caller: Caller) async -> RunbookReport
    /// The rollback as it would be run now.
    /// - Throws: `Refusal` when the runbook has none (409).
    func rollbackPlan(for caller: Caller) async throws -> RollbackReport
    /// The backups on disk, newest first.
    /// - Throws: `Refusal` when there can be none (409); `Fault` when they cannot be read (503).
    func backups(for caller: Caller) async throws -> BackupListReport
    /// - Throws: `Refusal` (403, 409, 422); `Fault` or `Damage` when it could not be recorded (503).
    func perform(_ request: CommandRequest, by caller: Caller) async throws -> CommandAnswer
    /// Events with a number greater than `after`, oldest first; `limit` is 1 to 10 000.
    func events(after: Int, limit: Int) async throws -> EventPage
    /// The newest events, oldest first.
    func newestEvents(limit: Int) async throws -> EventPage
    /// The samples of the last `window`; nil when there is no such probe.
    func history(of probe: ProbeReference, window: Span) async -> HistoryPage?
    /// Joins the stream: subscribes to the engine's `StreamHub` with the line that starts the caller's
    /// view, in one go with publishing, so that no change falls between the two.
    /// - Throws: `Fault` when it cannot (503).
    func stream(for caller: Caller) async throws -> StreamSubscription
    /// OpenMetrics text, with its `# EOF`.
    func metrics() async -> String
    /// The body of Alertmanager's webhook.
    /// - Throws: as `perform` does.
    func alert(_ body: Data, by caller: Caller) async throws -> CommandAnswer
    /// Whether the engine does its work: its inbox moves, and its journal can be written.
    var isLive: Bool { get async }
}
