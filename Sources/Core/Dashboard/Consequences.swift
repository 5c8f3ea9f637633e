// What follows from a command, said before it is sent: who is told, what begins, what stops.
import Domain
import Wire

extension Model {
    /// What is asked after a form was filled in; nil: it is sent as it is.
    func question(before request: CommandRequest, _ form: FormState) -> ConfirmState? {
        switch form.kind {
        case .handOver: handOverQuestion(request, form)
        case .report: reportQuestion(request, form)
        case .acknowledge, .level, .clear, .notification, .users, .line, .statusPage, .ticket,
            .test, .override:
            nil
        }
    }

    /// Somebody stands selected: enter alone must not give the emergency away.
    private func handOverQuestion(_ request: CommandRequest, _ form: FormState) -> ConfirmState? {
        guard let emergency, let target = request.target else { return nil }
        let name = person(target)
        let mine = successors.first { $0.id == target }?.user == you?.user
        let clock =
            emergency.acknowledgedBy == nil
            ? "the response clock and the escalation stop" : "the clock stays stopped"
        let told = mine ? "" : " and is told"
        return ConfirmState(
            title: mine ? "Take the emergency over" : "Hand over to \(name)",
            danger: "\(name) takes level \(emergency.level)\(told); \(clock)",
            steps: [], request: request, verb: mine ? "takes it over" : "hands over", form: form)
    }

    /// Which triggers ask for a problem is the engine's to know; what the worst of them would do is
    /// known here.
    private func reportQuestion(_ request: CommandRequest, _ form: FormState) -> ConfirmState {
        let kind = request.name ?? "it"
        let now = "If a trigger of the runbook asks for \(kind), it "
        let follows =
            if let emergency {
                emergency.level == 1
                    ? "joins the emergency, and everybody told hears of it"
                    : "joins the emergency, and may raise it from level \(emergency.level) to level 1: "
                        + toldAtOnce(level: 1)
            } else {
                "raises an emergency, at worst of level 1: " + toldAtOnce(level: 1)
            }
        return ConfirmState(
            title: "Report \(kind)", danger: now + follows, steps: [], request: request,
            verb: "reports it", form: form)
    }

    /// What an end stops, also while something fails still.
    var consequencesOfEnd: [String] {
        let on = (core?.fallbacks ?? []).filter(\.enabled).map(\.title)
        let fallbacks =
            on.isEmpty ? "" : " (on now: \(on.joined(separator: ", ")))"
        return [
            "Everybody who was told hears that it is over.",
            "The fallbacks that it enabled are switched off" + fallbacks + ".",
            "Triggers that hold now raise nothing until they have ended once.",
        ]
    }

    /// `that tells 2 people at once (Ines, Tomas)`
    private func toldAtOnce(level: Int) -> String {
        let steps = core?.escalation.first { $0.level == level }?.steps ?? []
        var people: [String] = []
        for name in steps.filter({ $0.afterSeconds == 0 }).flatMap(\.people)
        where !people.contains(name) {
            people.append(name)
        }
        guard !people.isEmpty else { return "nobody is told of that at once" }
        let names = people.prefix(4).map(person).joined(separator: ", ")
        let more = people.count > 4 ? ", …" : ""
        return "that tells \(Numbers.counted(people.count, "person", "people")) at once"
            + " (\(names)\(more))"
    }
}
