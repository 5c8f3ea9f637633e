// What the operator's wishes become: requests to the engine, or a sheet that asks first.
import Domain
import Screen
import Wire

extension Model {
    /// Sends a command, unless the engine is gone or the same one is on its way.
    mutating func send(_ request: CommandRequest) -> [Effect] {
        if let why = Why.noEngine(self) {
            refuse(request.command, why)
            return []
        }
        guard !sent.contains(request) else {
            say("\(request.command) is on its way", .dim)
            return []
        }
        sent.append(request)
        say("\(request.command) …", .dim, for: nil)
        return [.send(request)]
    }
    mutating func refuse(_ name: String, _ why: String) {
        say("\(name): not now — \(why)", .warning)
    }

    // MARK: Emergencies

    mutating func acknowledge() -> [Effect] { send(CommandRequest(command: "acknowledge")) }

    mutating func askToDeactivate() -> [Effect] {
        sheet = .deactivate(DeactivateState())
        return []
    }
    /// Names of what still fails: the triggers that hold, and the components that are not well.
    var stillFailing: [String] {
        let triggers = emergency?.stillHolding ?? []
        let failed = (situation?.components ?? []).filter { $0.state == .failed }.map(\.name)
        return triggers
            + failed.filter { !triggers.contains($0) && !triggers.contains("component \($0)") }
    }

    // MARK: Proposals and procedures

    mutating func runProposal() -> [Effect] {
        guard let proposal else { return [] }
        switch proposal.kind {
        case ProposalReport.endKind:
            return askToDeactivate()
        case "rollback":
            return openRollback()
        case "fallback":
            return send(CommandRequest(command: "enable-fallback", name: proposal.name))
        default:
            return recover(proposal.name, title: proposal.title)
        }
    }

    /// Runs an action, and asks first when something is lost by it.
    mutating func recover(_ name: String, title: String) -> [Effect] {
        let request = CommandRequest(command: "recover", name: name)
        if name == RecoveryItem.byHand, action(named: name) == nil {
            return send(CommandRequest(command: "recover-by-hand"))
        }
        let action = action(named: name)
        guard let danger = action?.danger else { return send(request) }
        sheet = .confirm(
            ConfirmState(
                title: title, danger: danger, steps: action?.steps ?? [], request: request))
        return []
    }

    /// What running an item of the recovery screen asks of the engine.
    mutating func run(_ item: RecoveryItem) -> [Effect] {
        let request = item.request(in: self)
        let danger = item.danger(in: self)
        guard danger != nil || item.asksFirst else { return send(request) }
        sheet = .confirm(
            ConfirmState(
                title: item.action.title, danger: danger, steps: item.action.steps,
                request: request, name: item.rollsBack ? TextField() : nil))
        return []
    }

    // MARK: Copying

    /// The most useful text of the screen, for the clipboard.
    mutating func copy() -> [Effect] {
        let text = copyText()
        guard !text.isEmpty else {
            say("there is nothing to copy here", .dim)
            return []
        }
        let fitting = Model.cut(text, bytes: Model.copyLimit)
        say(
            "copied \(Numbers.counted(fitting.split(separator: "\n").count, "line", "lines"))",
            .good)
        return [.copy(fitting)]
    }
    /// What terminals take in one OSC 52 sequence: 100 000 bytes with their base64.
    static let copyLimit = 74_994
    static func cut(_ text: String, bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: bytes)
        while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text[..<end])
    }
    private func copyText() -> String {
        let text =
            switch page {
            case .command: summaryText
            case .emergency: EmergencyScreen.copyText(self)
            case .recovery: RecoveryScreen.copyText(self)
            case .rollback: RollbackScreen.copyText(self)
            case .escalation: EscalationScreen.copyText(self)
            case .backups: BackupsScreen.copyText(self)
            }
        return Visible.text(text, limit: Model.copyLimit, lines: true)
    }

    /// The situation in a few lines, as one would type it into a chat.
    var summaryText: String {
        guard let situation, let core else { return "" }
        var lines: [String] = []
        if let emergency, let level {
            lines.append(
                "\(core.service): LEVEL \(level.rawValue) \(core.level?.name ?? level.name) — "
                    + emergency.reason)
            let by = emergency.acknowledgedBy.map { "acknowledged by \(person($0))" }
            lines.append(
                "\(emergency.id), open since \(emergency.activatedAt), "
                    + (by ?? "not acknowledged, respond by \(emergency.respondBy)"))
        } else {
            lines.append("\(core.service): no emergency")
        }
        lines.append("health \(core.health.score)/100 \(core.health.state.rawValue)")
        for component in situation.components where component.state != .healthy {
            let telling = Telling(component, in: self)
            lines.append("- \(component.name): \(component.state.rawValue) \(telling.message)")
        }
        for proposal in proposals { lines.append("next: \(proposal.title) — \(proposal.why)") }
        return lines.joined(separator: "\n") + "\n"
    }
}
