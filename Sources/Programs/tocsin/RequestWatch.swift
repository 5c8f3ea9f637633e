// Requests for a rollback: whom to ask, and waiting until they have answered.
import Domain
import FoundationEssentials
import Wire

/// Sentences about requests.
enum RequestText {
    /// As a refusal is told: the rule, why, and what would satisfy it.
    static func needs(_ request: RequestReport) -> Failure {
        guard !request.missing.isEmpty else {
            return Failure(
                .refused, rule: "one-procedure-at-a-time",
                why: "enough people agree to \(request.id); something else still runs",
                remedy: "It starts when that is over. To end it: tocsin veto-rollback")
        }
        return Failure(
            .refused, rule: "rollback-authorization",
            why: "\(request.authorization) authorization needs \(request.missing) beside "
                + given(request),
            remedy: "\(request.id) waits until \(Words.timeOfDay(request.expiresAt)). Ask them to "
                + "read the plan and agree: tocsin approve-rollback --request \(request.id)")
    }

    private static func given(_ request: RequestReport) -> String {
        let names = request.approvals.map(\.name)
        return names.isEmpty ? request.byName : names.joined(separator: ", ")
    }

    /// The request on a page, for whoever is to agree.
    static func lines(_ request: RequestReport) -> [Line] {
        var lines = [
            Line("\(request.id)", .strong)
                + ": \(request.byName) asks for a rollback under \(request.authorization) "
                + "authorization, \(Words.moment(request.at)) UTC",
            Line("  why    ", .quiet) + request.reason,
            Line("  until  ", .quiet) + "\(Words.moment(request.expiresAt)) UTC",
        ]
        for approval in request.approvals {
            lines.append(
                Line("  agrees ", .quiet) + "\(approval.name) (\(approval.user)), "
                    + "\(Words.timeOfDay(approval.at))")
        }
        if !request.missing.isEmpty {
            lines.append(Line("  needs  ", .quiet) + (request.missing, .warning))
        }
        if let playbook = request.playbook { lines.append(Line("  for    ", .quiet) + playbook) }
        return lines
    }
}

struct RequestWatch {
    let session: Session

    /// Waits until the rollback has started.
    /// - Throws: `Failure` when the request is over without one, or no engine comes back.
    func run(_ follower: RequestFollower) throws -> ProcedureReport {
        var follower = follower
        var told = ""
        Leaving.says("Left. The request waits on without this; see it: tocsin status")
        defer { Leaving.end() }
        let stream = StreamWatch(session: session, meanwhile: "the request waits for the next")
        let end: Result<ProcedureReport, Failure>? = try stream.run(say: say) { lines in
            for line in lines { follower.take(line) }
            switch follower.standing {
            case .nothingYet: return nil
            case .waits(let request):
                tell(of: request, &told)
                return nil
            case .started(let rollback): return .success(rollback)
            case .over(let why):
                return .failure(
                    Failure(
                        .refused, rule: "rollback-authorization", why: why,
                        remedy: "Ask anew if it is still needed: tocsin rollback --confirm --wait"))
            }
        }
        guard let end else {
            throw Failure(
                .failed, rule: "engine-lost",
                why: "no engine for \(stream.patience.spelled); the request is not known",
                remedy: "Start an engine: approvals are in its journal.")
        }
        return try end.get()
    }

    /// Once for each agreement.
    private func tell(of request: RequestReport, _ told: inout String) {
        let needs = RequestText.needs(request)
        if needs.why != told { say("waits (\(needs.rule)): \(needs.why)\n  \(needs.remedy)") }
        told = needs.why
    }
    private func say(_ text: String) {
        Output.complain(session.errorPaper.unlimited.render(Line(text, .warning)))
    }
}
