// The keys of the sheet that begins, asks for or approves a rollback.
import Domain
import Screen
import Wire

extension Model {
    // MARK: What it stands on

    /// The plan that the sheet shows.
    var shownPlan: RollbackReport? {
        rollback.sheet?.plan ?? rollback.plan ?? runbook?.rollback
    }

    /// Why the sheet's last choice cannot be used; nil: it can.
    var noTestMode: String? {
        guard let word = runbook?.testMode else { return "the runbook has no rollback" }
        return word == "ready" ? nil : word
    }

    /// A request that waits, as the sheet that approves it would show it.
    var requestState: RollbackSheetState {
        var state = RollbackSheetState()
        state.request = core?.request?.id
        state.scroll = rollback.planScroll
        return state
    }

    /// Whether this person's word is the only one that is missing.
    var isLastApproval: Bool {
        guard let missing = core?.request?.missing else { return false }
        return missing.hasPrefix("1 ") && !missing.contains(" and ")
    }

    // MARK: Opening

    /// Shows the rollback that runs, the request that waits, or the sheet that confirms a new one.
    mutating func openRollback() -> [Effect] {
        page = .rollback
        sheet = nil
        rollback.sheet = nil
        if runningRollback != nil { return [] }
        if core?.request != nil { return Why.notToApprove(self) == nil ? openApproval() : [] }
        var state = RollbackSheetState()
        let proposed = proposals.first { $0.kind == "rollback" }
        state.reason = TextField(proposed?.why ?? emergency?.reason ?? "")
        state.authorization = runbook?.rollback?.firstAllowed(in: self) ?? 0
        rollback.sheet = state
        return [.loadPlan]
    }

    /// The sheet with test mode picked.
    mutating func openTest() -> [Effect] {
        let effects = openRollback()
        guard rollback.sheet != nil, rollback.sheet?.request == nil else { return effects }
        rollback.sheet?.authorization = runbook?.rollback?.authorizations.count ?? 0
        rollback.sheet?.isPicked = true
        return effects
    }

    mutating func openApproval() -> [Effect] {
        guard let request = core?.request else { return [] }
        page = .rollback
        sheet = nil
        var state = RollbackSheetState()
        state.request = request.id
        rollback.sheet = state
        return [.loadPlan]
    }

    /// A request ends without a rollback; whoever ends another's should mean it.
    mutating func veto() -> [Effect] {
        guard let request = core?.request else {
            guard rollback.sheet != nil else {
                return send(CommandRequest(command: "veto-rollback"))
            }
            // Somebody may be typing the service's name where no field is yet.
            sheet = .confirm(
                ConfirmState(
                    title: "Veto the rollback that starts by itself",
                    danger: "It does not start by itself any more; it can still be confirmed",
                    steps: [], request: CommandRequest(command: "veto-rollback"),
                    verb: "is vetoed"))
            return []
        }
        let own = request.by == you?.user
        sheet = .confirm(
            ConfirmState(
                title: own ? "Take the request back" : "Veto the rollback",
                danger: (own ? "Your request" : "\(request.byName)'s request")
                    + " for a rollback ends, with every approval of it; nothing has started",
                steps: [], request: CommandRequest(command: "veto-rollback"),
                verb: own ? "is taken back" : "is vetoed"))
        return []
    }

    // MARK: Keys

    mutating func pressOnRollbackSheet(_ key: Key) -> [Effect] {
        guard let focus = rollback.sheet?.focus else { return [] }
        switch focus {
        case .plan: return pressOnPlan(key)
        case .reason:
            switch key {
            case .enter, .escape, .tab: rollback.sheet?.focus = .plan
            default: _ = rollback.sheet?.reason.take(key)
            }
            return []
        case .name: return pressOnName(key)
        }
    }

    private mutating func pressOnPlan(_ key: Key) -> [Effect] {
        let approves = rollback.sheet?.request != nil
        // The last choice is test mode.
        let count = (shownPlan?.authorizations.count ?? -1) + 1
        switch key {
        case .enter: beginToConfirm()
        case .character("m") where !approves: rollback.sheet?.focus = .reason
        case .character("d"): return dryRunRollback()
        case .tab where !approves, .right where !approves: pick(authorization: 1, of: count)
        case .backTab where !approves, .left where !approves: pick(authorization: -1, of: count)
        case .down, .character("j"): scrollPlan(by: 1)
        case .up, .character("k"): scrollPlan(by: -1)
        case .pageDown, .character(" "): scrollPlan(by: 10)
        case .pageUp: scrollPlan(by: -10)
        case .home: scrollPlan(by: -100_000)
        case .end: scrollPlan(by: 100_000)
        case .escape:
            rollback.sheet = nil
            // Without a rollback or a request to look at, there is nothing on this screen.
            if anyRollback == nil, shownRequest == nil { page = .command }
        default: return pressElsewhere(key)
        }
        return []
    }

    /// What is confirmed must have been there to be read.
    static let leastToConfirm = Size(width: 40, height: 16)
    var isTooSmallToConfirm: Bool {
        size.width < Model.leastToConfirm.width || size.height < Model.leastToConfirm.height
    }
    mutating func sayTooSmall() {
        let least = Model.leastToConfirm
        say(
            "make the terminal larger, \(least.width)×\(least.height) or more: this is to be read"
                + " before it is confirmed", .warning)
    }

    private mutating func beginToConfirm() {
        if isTooSmallToConfirm { return sayTooSmall() }
        if rollback.sheet?.request != nil, let why = Why.notToApprove(self) {
            rollback.sheet?.problem = Model.sentence(why)
            return
        }
        rollback.sheet?.focus = .name
        rollback.sheet?.problem = nil
    }

    /// Keys that work on every screen work here too, those of other screens do not.
    private mutating func pressElsewhere(_ key: Key) -> [Effect] {
        guard let binding = Keymap.binding(for: key, on: .rollback), binding.pages.isEmpty,
            binding.name != "rollback"
        else { return [] }
        return perform(binding)
    }
    private mutating func pick(authorization step: Int, of count: Int) {
        guard count > 0, let now = rollback.sheet?.authorization else { return }
        rollback.sheet?.authorization = (now + step + count) % count
        rollback.sheet?.isPicked = true
        rollback.sheet?.problem = nil
    }
    private mutating func scrollPlan(by lines: Int) {
        guard let scroll = rollback.sheet?.scroll else { return }
        let last = RollbackSheet.longest(self)
        rollback.sheet?.scroll = min(max(0, scroll + lines), last)
    }

    private mutating func dryRunRollback() -> [Effect] {
        guard let sheet = rollback.sheet, sheet.dryRun != .running else { return [] }
        let effects = send(rollbackRequest(sheet, dryRun: true))
        if !effects.isEmpty {
            rollback.sheet?.dryRun = .running
            rollback.sheet?.problem = nil
            notice = nil
        }
        return effects
    }

    private func rollbackRequest(_ sheet: RollbackSheetState, dryRun: Bool) -> CommandRequest {
        let authorizations = shownPlan?.authorizations ?? []
        let chosen =
            authorizations.indices.contains(sheet.authorization) && sheet.request == nil
            ? authorizations[sheet.authorization].kind : nil
        let isTest = sheet.request == nil && sheet.authorization == authorizations.count
        return CommandRequest(
            command: "rollback", reason: sheet.reason.isEmpty ? nil : sheet.reason.text,
            authorization: chosen, confirmation: dryRun ? nil : sheet.name.text,
            plan: dryRun ? nil : shownPlan?.hash, dryRun: dryRun ? true : nil,
            testMode: isTest && !dryRun ? true : nil,
            // Whoever types the name has read that it was done already.
            again: RollbackSheet.standing(self) != nil && sheet.request == nil && !isTest
                && !dryRun ? true : nil)
    }

    private mutating func pressOnName(_ key: Key) -> [Effect] {
        switch key {
        case .escape, .tab: rollback.sheet?.focus = .plan
        case .up: scrollPlan(by: -1)
        case .down: scrollPlan(by: 1)
        case .pageUp: scrollPlan(by: -10)
        case .pageDown: scrollPlan(by: 10)
        case .enter: return confirmRollback()
        default: if rollback.sheet?.name.take(key) == true { rollback.sheet?.problem = nil }
        }
        return []
    }

    private mutating func confirmRollback() -> [Effect] {
        guard let sheet = rollback.sheet, let service = core?.service, let plan = shownPlan else {
            return []
        }
        guard !sheet.name.isEmpty else { return [] }
        if isTooSmallToConfirm {
            sayTooSmall()
            return []
        }
        guard sheet.name.text == service else {
            rollback.sheet?.problem =
                "“\(sheet.name.text)” is not the service's name; it is \(service)."
            return []
        }
        if let refused = refusal(of: sheet, plan) {
            rollback.sheet?.problem = refused
            return []
        }
        if let why = Why.noEngine(self) {
            rollback.sheet?.problem = "Not now: \(why)."
            return []
        }
        guard let id = sheet.request else { return send(rollbackRequest(sheet, dryRun: false)) }
        // Of a playbook's request no plan was kept: the engine compares the steps.
        let asked = core?.request?.plan ?? ""
        return send(
            CommandRequest(
                command: "approve-rollback", plan: asked.isEmpty ? nil : plan.hash, request: id))
    }

    private func refusal(of sheet: RollbackSheetState, _ plan: RollbackReport) -> String? {
        if sheet.request != nil { return Why.notToApprove(self).map(Model.sentence) }
        guard plan.authorizations.indices.contains(sheet.authorization) else {
            return noTestMode.map {
                "Test mode cannot be used now: \(Model.sentence($0)) Esc, then tab picks another."
            }
        }
        let one = plan.authorizations[sheet.authorization]
        return one.refused.map {
            "\(one.kind) cannot be used now: \(Model.sentence($0)) Esc, then tab picks another."
        }
    }

    /// With a full stop.
    static func sentence(_ text: String) -> String {
        text.last.map { ".!?:".contains($0) } == true ? text : text + "."
    }
}

extension RollbackReport {
    /// The first authorization that can be used now, in the runbook's order, and security where that is
    /// the reason; 0 when there is none. An authorization says why: not whose word is enough decides.
    func firstAllowed(in model: Model) -> Int {
        let isSecurity = (model.core?.reported ?? []).contains("security")
        let security = authorizations.firstIndex { $0.kind == "security" && $0.refused == nil }
        if isSecurity, let security { return security }
        return authorizations.firstIndex { $0.refused == nil } ?? 0
    }
}
