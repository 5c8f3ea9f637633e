// When the terminal rings: news that want somebody, told once each, and never again for what was known.
import Domain
import Screen
import Wire

extension Model {
    /// A step of the escalation rings of its own only when nothing else did lately: the first one
    /// comes with the emergency itself.
    private static let soonAfter = Span.seconds(5)

    /// - Parameter before: what was known before the line that was just heard.
    mutating func ring(since before: SituationCore?) -> [Effect] {
        guard options.rings, let core else { return [] }
        guard let news = news(core, since: before) else { return [] }
        rangAt = now
        // Named first, for the desktop shows it beside other things; and no number may stand there.
        let text = Visible.text("Tocsin: \(core.service) \(news)", limit: Model.longestNews)
        return [.ring(text)]
    }
    /// With the ellipsis, 200 characters.
    private static let longestNews = 199

    private func news(_ core: SituationCore, since before: SituationCore?) -> String? {
        guard let before else { return whatWaits(core) }
        return emergencyNews(core, since: before) ?? countdown(core, since: before)
            ?? failure(core, since: before) ?? request(core, since: before)
            ?? waiting(core, since: before) ?? call(core, since: before)
    }

    /// Whoever opens the dashboard sees what there is; only a critical emergency that nobody has
    /// answered rings then too.
    private func whatWaits(_ core: SituationCore) -> String? {
        guard let emergency = core.emergency, emergency.level == 1, emergency.acknowledgedBy == nil
        else { return nil }
        return Model.words(emergency, core)
    }

    private static func words(_ emergency: EmergencyReport, _ core: SituationCore) -> String {
        let name = (core.level?.name ?? Level(wire: emergency.level).name).uppercased()
        return "LEVEL \(emergency.level) \(name) — \(emergency.reason)"
    }

    /// A new emergency, one taken up again, a level that is worse than before.
    private func emergencyNews(_ core: SituationCore, since before: SituationCore) -> String? {
        guard let emergency = core.emergency else { return nil }
        guard let known = before.emergency, known.id == emergency.id else {
            guard emergency.acknowledgedBy == nil else { return nil }
            return Model.words(emergency, core) + (emergency.reopenings > 0 ? " (again)" : "")
        }
        return emergency.level < known.level ? "raised to " + Model.words(emergency, core) : nil
    }

    private func countdown(_ core: SituationCore, since before: SituationCore) -> String? {
        func starting(_ core: SituationCore) -> ProposalReport? {
            core.proposals.first { $0.kind == "rollback" && $0.runsAt != nil }
        }
        guard let rollback = starting(core), starting(before) == nil,
            let left = seconds(until: rollback.runsAt)
        else { return nil }
        return "\(rollback.title): starts by itself in \(Times.countdown(max(0, left)))"
    }

    private func failure(_ core: SituationCore, since before: SituationCore) -> String? {
        func failed(_ core: SituationCore) -> [ProcedureReport] {
            [core.procedure, core.rollback, core.lastProcedure].compactMap(\.self)
                .filter { $0.state == .failed }
        }
        let known = Set(failed(before).map(\.id))
        guard let procedure = failed(core).first(where: { !known.contains($0.id) }) else {
            return nil
        }
        return "\(procedure.title) failed"
            + (procedure.message.isEmpty ? "" : ": \(procedure.message)")
    }

    /// Only who can do something about it is rung for.
    private func request(_ core: SituationCore, since before: SituationCore) -> String? {
        guard let request = core.request, request.id != before.request?.id,
            Why.notToApprove(self) == nil
        else { return nil }
        return "\(request.byName) asks you to approve a rollback: \(request.reason)"
    }

    private func waiting(_ core: SituationCore, since before: SituationCore) -> String? {
        guard let procedure = core.procedure, procedure.state == .waiting,
            before.procedure?.id != procedure.id || before.procedure?.state != .waiting
                || before.procedure?.message != procedure.message
        else { return nil }
        return "\(procedure.title) waits: \(procedure.message)"
    }

    /// A step of the escalation that names the viewer.
    private func call(_ core: SituationCore, since before: SituationCore) -> String? {
        if let rangAt, now - rangAt < Model.soonAfter { return nil }
        guard let you, let emergency = core.emergency, emergency.acknowledgedBy == nil,
            let row = core.escalation.first(where: \.inForce)
        else { return nil }
        let known = before.escalation.first { $0.level == row.level && $0.inForce }?.steps ?? []
        for (index, step) in row.steps.enumerated() where step.takenAt != nil {
            let times = known.indices.contains(index) ? known[index].times : 0
            let isNamed = step.people.contains { $0 == you.name || $0 == you.user }
            if step.times > times, isNamed {
                return "escalates to you: " + Model.words(emergency, core)
            }
        }
        return nil
    }
}
