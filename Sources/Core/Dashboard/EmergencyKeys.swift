// The keys of the emergency and the escalation, and the commands about people and messages.
import Domain
import Screen
import Wire

extension Keymap {
    /// Where the emergency itself is in sight.
    private static let places: Set<Page> = [.command, .emergency, .escalation]

    static let emergency: [Binding] = [
        Binding(
            key: .character("x"), name: "report-problem", hint: "report a problem",
            text: "Report what no probe can see: a breach, corrupted data", pages: [.emergency],
            refusal: Why.noEngine, act: { $0.open($0.reportForm) }),
        Binding(
            key: .character("c"), name: "clear-problem", hint: "problem dealt with",
            text: "Take a reported problem back: it is dealt with", pages: [.emergency],
            refusal: Why.nothingReported, act: { $0.open($0.clearForm) }),
        Binding(
            key: .down, also: [.character("j")], label: "↑↓", name: "scroll-down", hint: "scroll",
            text: "Scroll the timeline", pages: [.emergency], act: { $0.scrollTimeline(by: 1) }),
        Binding(
            key: .up, also: [.character("k")], label: "", name: "scroll-up", hint: "", text: "",
            pages: [.emergency], act: { $0.scrollTimeline(by: -1) }),
        Binding(
            key: .pageDown, also: [.control("d")], label: "", name: "page-down", hint: "", text: "",
            pages: [.emergency], act: { $0.scrollTimeline(by: 10) }),
        Binding(
            key: .pageUp, also: [.control("u")], label: "", name: "page-up", hint: "", text: "",
            pages: [.emergency], act: { $0.scrollTimeline(by: -10) }),
        Binding(
            key: .home, also: [.character("g")], label: "", name: "newest", hint: "", text: "",
            pages: [.emergency], act: { $0.scrollTimeline(by: -100_000) }),
        Binding(
            key: .end, also: [.character("G")], label: "", name: "oldest", hint: "", text: "",
            pages: [.emergency], act: { $0.scrollTimeline(by: 100_000) }),
    ]

    /// After what the moment asks for on the first screen.
    static let people: [Binding] = [
        Binding(
            key: .character("A"), name: "acknowledge-for", hint: "for a time",
            text: "Take the emergency for a time, or with a word: it runs out by itself",
            refusal: Why.notToAcknowledgeAgain, act: { $0.open($0.acknowledgeForm) }),
        Binding(
            key: .character("o"), name: "hand-over", hint: "hand over",
            text: "Hand the command of the emergency over to somebody, or take it over",
            pages: places,
            urgent: { $0.page == .emergency },
            refusal: Why.nobodyElse, act: { $0.open($0.handOverForm) }),
        Binding(
            key: .character("l"), name: "set-level", hint: "level",
            text: "Raise or lower the level of the emergency", pages: places,
            urgent: { $0.page == .emergency },
            refusal: Why.noEmergency, act: { $0.open($0.levelForm) }),
        Binding(
            key: .character("m"), name: "send-notification", hint: "message",
            text: "Send words of your own to people or roles", refusal: Why.noChannels,
            act: { $0.open($0.notificationForm) }),
    ]

    static let escalation: [Binding] = [
        Binding(
            key: .character("e"), name: "escalate", hint: "escalate",
            text: "Take the next step of the escalation now", pages: [.escalation],
            refusal: Why.notToEscalate, act: { $0.askToEscalate() }),
        Binding(
            key: .character("r"), name: "retry-delivery", hint: "retry",
            text: "Try the selected message again now that was given up", pages: [.escalation],
            urgent: { Why.notToRetry($0) == nil }, refusal: Why.notToRetry,
            act: { model in
                guard let id = DeliveryList.selected(model)?.id else { return [] }
                return model.send(CommandRequest(command: "retry-delivery", name: id))
            }),
        Binding(
            key: .character("x"), name: "dismiss-delivery", hint: "dismiss",
            text: "Dismiss the selected message that was given up: nobody needs it any more",
            pages: [.escalation], urgent: { Why.notToRetry($0) == nil }, refusal: Why.notToRetry,
            act: { $0.askToDismiss() }),
        Binding(
            key: .character("T"), name: "test-alerts", hint: "test alerts",
            text: "Send a marked test through every channel, or one of them",
            pages: [.escalation], refusal: Why.noChannels, act: { $0.open($0.testForm) }),
        Binding(
            key: .character("O"), name: "override-on-call", hint: "on-call",
            text: "Let somebody stand in for whoever is on call", pages: [.escalation],
            refusal: Why.noShifts, act: { $0.open($0.overrideForm) }),
        Binding(
            key: .character("U"), name: "end-override", hint: "end override",
            text: "End the first override of the shifts", pages: [.escalation],
            refusal: Why.noOverride, act: { $0.askToEndOverride() }),
        Binding(
            key: .down, also: [.character("j")], label: "↑↓", name: "next", hint: "select",
            text: "Select a delivery; without any, scroll", pages: [.escalation],
            act: { $0.moveOnEscalation(by: 1) }),
        Binding(
            key: .up, also: [.character("k")], label: "", name: "previous", hint: "", text: "",
            pages: [.escalation], act: { $0.moveOnEscalation(by: -1) }),
        Binding(
            key: .pageDown, also: [.control("d")], label: "page up/down", name: "scroll",
            hint: "scroll", text: "Scroll the matrix and what is beside it", pages: [.escalation],
            act: { $0.scrollEscalation(by: 8) }),
        Binding(
            key: .pageUp, also: [.control("u")], label: "", name: "scroll-back", hint: "", text: "",
            pages: [.escalation], act: { $0.scrollEscalation(by: -8) }),
    ]
}

extension Model {
    mutating func scrollTimeline(by lines: Int) -> [Effect] {
        timeline = min(max(0, timeline + lines), EmergencyScreen.longest(self))
        return []
    }
    mutating func scrollEscalation(by lines: Int) -> [Effect] {
        escalation.scroll = min(max(0, escalation.scroll + lines), EscalationScreen.longest(self))
        return []
    }
    mutating func moveOnEscalation(by step: Int) -> [Effect] {
        guard DeliveryList.rows(self) > 0 else { return scrollEscalation(by: step) }
        DeliveryList.move(&self, by: step)
        return []
    }

    mutating func askToEscalate() -> [Effect] {
        let row = core?.escalation.first(where: \.inForce)
        let step = row?.steps.first { $0.takenAt == nil } ?? row?.steps.last
        let whom = step.map { EscalationPanel.whom($0) + Model.by($0.via) } ?? "the next step"
        sheet = .confirm(
            ConfirmState(
                title: "Escalate now", danger: "Told now, before their time: \(whom)", steps: [],
                request: CommandRequest(command: "escalate"), verb: "tells them"))
        return []
    }
    private static func by(_ via: [String]) -> String {
        via.isEmpty ? "" : " by " + via.joined(separator: ", ")
    }

    mutating func askToDismiss() -> [Effect] {
        guard let delivery = DeliveryList.selected(self) else { return [] }
        let whom = DeliveryList.whom(delivery, self)
        sheet = .confirm(
            ConfirmState(
                title: "Dismiss this message",
                danger: "\(whom.isEmpty ? "Nobody" : whom + " never") gets it by"
                    + " \(delivery.channel): \(delivery.title)",
                steps: [], request: CommandRequest(command: "dismiss-delivery", name: delivery.id),
                verb: "is dismissed"))
        return []
    }

    /// Those that are in force or yet to begin, soonest first within each role.
    var overrides: [OverrideReport] { onCall.flatMap(\.overrides) }
    mutating func askToEndOverride(_ id: String? = nil) -> [Effect] {
        guard let one = overrides.first(where: { id == nil || $0.id == id }) else { return [] }
        sheet = .confirm(
            ConfirmState(
                title: "End the override",
                danger: "\(person(one.person)) no longer stands in"
                    + " (\(Times.dayAndTime(one.from)) to \(Times.dayAndTime(one.until)) UTC)",
                steps: [], request: CommandRequest(command: "end-override", name: one.id),
                verb: "ends"))
        return []
    }
}

extension Why {
    /// Whoever has it may say anew for how long; anybody else takes it over.
    static func notToAcknowledgeAgain(_ model: Model) -> String? {
        guard let emergency = model.emergency, let by = emergency.acknowledgedBy else {
            return notToAcknowledge(model)
        }
        return by == model.you?.user
            ? noEngine(model) : "\(model.person(by)) has it; o takes it over"
    }
    static func nobodyElse(_ model: Model) -> String? {
        noEmergency(model) ?? (model.successors.isEmpty ? "the runbook names nobody else" : nil)
    }
    static func nothingReported(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        let none = (model.core?.problems ?? []).isEmpty && (model.core?.reported ?? []).isEmpty
        return none ? "no problem is reported" : nil
    }
    static func notToEscalate(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        return model.emergency == nil ? "no emergency is open" : nil
    }
    static func notToRetry(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        guard let delivery = DeliveryList.selected(model) else { return "nothing has been sent" }
        switch delivery.state {
        case .dead: return nil
        case .waiting, .sending: return "it is on its way already"
        case .delivered: return "it has arrived"
        case .dropped: return "it was not needed any more"
        }
    }
    static func noChannels(_ model: Model) -> String? {
        noEngine(model)
            ?? ((model.core?.channels ?? []).isEmpty ? "the runbook has no channels" : nil)
    }
    static func noShifts(_ model: Model) -> String? {
        noEngine(model) ?? (model.onCall.isEmpty ? "the runbook has no on-call shifts" : nil)
    }
    static func noOverride(_ model: Model) -> String? {
        noEngine(model) ?? (model.overrides.isEmpty ? "nobody stands in for anybody" : nil)
    }
    /// - Parameter name: of the pseudo-channel that the runbook must have for it.
    static func noSystem(_ name: String, _ words: String, _ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        let known = (model.core?.channels ?? []).contains { $0.name == name }
        return known ? nil : "the runbook has no \(words)"
    }
}
