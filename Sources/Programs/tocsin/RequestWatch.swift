// Requests for a rollback: whom to ask, and waiting until they have answered.
import Domain
import FoundationEssentials
import Link
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

    /// How long an engine may be away before the command gives up. The request itself does not.
    private static let patience = Span.seconds(60)
    private static let silence = Span.seconds(15)

    /// Waits until the rollback has started.
    /// - Throws: `Failure` when the request is over without one, or no engine comes back.
    func run(_ follower: RequestFollower) throws -> ProcedureReport {
        let client = try session.client()
        var follower = follower
        var told = ""
        var lost: ContinuousClock.Instant?
        while true {
            do throws(LinkError) {
                let stream = try client.openStream()
                if lost != nil { say("the engine is back") }
                lost = nil
                while true {
                    let lines = try stream.readLines(within: Self.silence)
                    if lines.isEmpty {
                        throw .timeout(path: session.common.socket ?? "", after: Self.silence)
                    }
                    for data in lines {
                        guard let line = try? WireCoding.decode(StreamLine.self, from: data) else {
                            continue
                        }
                        follower.take(line)
                    }
                    switch follower.standing {
                    case .nothingYet: continue
                    case .waits(let request): tell(of: request, &told)
                    case .started, .over: break
                    }
                    if Self.isDecided(follower.standing) { break }
                }
            } catch {
                if lost == nil {
                    say("the engine is gone (\(error)); the request waits for the next")
                }
                let since = lost ?? ContinuousClock.now
                lost = since
                if ContinuousClock.now - since > .seconds(Self.patience.seconds) {
                    throw Failure(
                        .failed, rule: "engine-lost",
                        why: "no engine for \(Self.patience.spelled); the request is not known",
                        remedy: "Start an engine: approvals are in its journal.")
                }
                pause(.seconds(0.2))
                continue
            }
            switch follower.standing {
            case .started(let rollback): return rollback
            case .over(let why):
                throw Failure(
                    .refused, rule: "rollback-authorization", why: why,
                    remedy: "Ask anew if it is still needed: tocsin rollback --confirm --wait")
            case .nothingYet, .waits: continue
            }
        }
    }

    private static func isDecided(_ standing: RequestFollower.Standing) -> Bool {
        switch standing {
        case .nothingYet, .waits: false
        case .started, .over: true
        }
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
