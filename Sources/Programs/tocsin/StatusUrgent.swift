// What `status` says before all else: what stands still until a person answers, and how.
import Domain
import Wire

struct StatusUrgent {
    let core: SituationCore

    init(_ core: SituationCore) { self.core = core }

    var lines: [Line] {
        (core.request.map(lines) ?? []) + procedures.flatMap(lines)
    }

    /// What waits or is paused, and the rollback that is neither finished nor undone.
    var procedures: [ProcedureReport] {
        var found: [ProcedureReport] = []
        if let running = core.procedure, running.state == .waiting || running.state == .paused {
            found.append(running)
        }
        if let rollback = core.rollback, rollback.state == .failed,
            rollback.id != core.procedure?.id
        {
            found.append(rollback)
        }
        return found
    }

    private func lines(_ procedure: ProcedureReport) -> [Line] {
        let isFailed = procedure.state == .failed
        var lines = [
            Line(isFailed ? "✖ " : "▲ ", procedure.state.ink) + (procedure.title, .strong)
                + (isFailed ? " failed" : " \(word(procedure))", procedure.state.ink)
                + (procedure.message.isEmpty ? "" : ": \(procedure.message)")
                + ("  \(procedure.id)", .quiet)
        ]
        if let remedy = ProcedureText.remedy(procedure) { lines.append(Line("  \(remedy)")) }
        return lines
    }

    private func word(_ procedure: ProcedureReport) -> String {
        procedure.state == .paused ? "is paused" : "waits for a person"
    }

    private func lines(_ request: RequestReport) -> [Line] {
        let left = Words.length(from: core.time, to: request.expiresAt).map { ", \($0) left" } ?? ""
        var lines = [
            Line("▲ ", .warning) + (request.byName, .strong) + " asks for a rollback under "
                + "\(request.authorization) authorization: \(request.reason)",
            Line("  \(request.id) · until \(Words.timeOfDay(request.expiresAt))\(left)"),
        ]
        let agreed = request.approvals.map(\.name)
        if !agreed.isEmpty { lines.append(Line("  agreed: \(agreed.joined(separator: ", "))")) }
        lines.append(
            request.missing.isEmpty
                ? Line("  Enough people agree: it starts when nothing else runs.")
                : Line("  missing: ") + (request.missing, .warning))
        lines.append(
            Line("  To agree: ") + "tocsin approve-rollback".unbroken + " · to end it: "
                + "tocsin veto-rollback".unbroken)
        return lines
    }
}
