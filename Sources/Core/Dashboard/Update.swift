// The one place where the dashboard changes: a message comes in, the model is another, and what is
// to be done in the world goes out.
package import Domain
import Screen
import Wire

/// - Parameter now: the local clock, which never goes back.
package func update(_ model: inout Model, _ message: Message, at now: Timestamp) -> [Effect] {
    model.now = max(model.now, now)
    if let until = model.notice?.until, until <= model.now { model.notice = nil }
    let asked = model.asks
    // A letter that closes a question may be the first of a word; enter and escape are no words.
    let isWord = if case .key(.character) = message { true } else { false }
    defer {
        if asked, !model.asks, isWord { model.typedAheadUntil = model.now + Model.typeAhead }
    }
    switch message {
    case .key(let key): return model.isTypedAhead(key) ? [] : model.press(key)
    case .resized(let size):
        model.size = size
        return []
    case .line(let line): return model.hear(line)
    case .disconnected(let why):
        if !model.isLost { model.connection = .lost(since: model.now, why: Visible.text(why)) }
        return []
    case .tick: return []
    case .answered(let request, let outcome): return model.take(outcome, of: request)
    case .plan(let plan):
        model.rollback.plan = plan
        model.rollback.sheet?.plan = plan
        model.rollback.sheet?.loading = false
        if model.rollback.sheet?.isPicked == false {
            let first = plan.firstAllowed(in: model)
            model.rollback.sheet?.authorization = first
        }
        return []
    case .planFailed(let why):
        model.rollback.sheet?.loading = false
        model.rollback.sheet?.problem =
            "The plan could not be asked for (\(Visible.text(why))); this is the runbook's."
        return []
    case .backups(let list):
        model.backups.list = list
        model.backups.loading = false
        model.backups.problem = nil
        return []
    case .backupsFailed(let why):
        model.backups.loading = false
        model.backups.problem = Visible.text(why)
        return []
    case .faults(let on):
        model.faultsOn = on
        return []
    case .faultFailed(let name, let why):
        model.sheet = nil
        model.say("fault \(name): \(why)", .bad)
        return []
    case .resumed: return [.redraw]
    }
}

extension Model {
    // MARK: The engine

    mutating func hear(_ line: StreamLine) -> [Effect] {
        // Everything that wants somebody is in the core: most lines hold none.
        let mayRing = line.start != nil || line.change?.core != nil
        let before = mayRing ? core : nil
        heardAt = now
        if let start = line.start {
            begin(start)
        } else if situation == nil {
            // A stream always begins with the whole; anything else is not for us.
            return []
        }
        connection = .live
        if let change = line.change {
            situation?.apply(change)
            follow(change.time)
        }
        if let event = line.event { take(event) }
        if let runbook = line.runbook {
            self.runbook = runbook
            rollback.plan = nil
            say("the runbook was read anew", .text)
        }
        if let output = line.output { take(output) }
        if let ended = before?.emergency, ended.id != emergency?.id { lastEmergency = ended }
        if mayRing { forgetNotice(of: before) }
        keepSelection()
        let news = mayRing ? ring(since: before) : []
        return news + (mayRing ? backupNews(since: before) : [])
    }

    /// What was said before an emergency began, or came back, is not about it: nobody must read that it
    /// is over. A command that is on its way still is.
    private mutating func forgetNotice(of before: SituationCore?) {
        guard let before, let emergency, before.emergency?.id != emergency.id,
            notice?.until != nil
        else { return }
        notice = nil
    }

    private mutating func begin(_ start: StreamStart) {
        if isLost {
            let other = core.map { $0.engine.pid != start.situation.core.engine.pid } ?? false
            say(other ? "a new engine has taken over" : "the engine is back", .good)
        }
        situation = start.situation
        runbook = start.runbook
        rollback.plan = nil
        you = start.you
        events = Array(start.events.suffix(Model.eventLimit))
        engineAhead = nil
        follow(start.situation.core.time)
    }

    /// Keeps the engine's clock, without letting every line's way through the socket shake it.
    private mutating func follow(_ time: String) {
        guard let moment = Timestamp(rfc3339: time) else { return }
        let ahead = moment - now
        if let known = engineAhead, abs(known.seconds - ahead.seconds) < 0.5 { return }
        engineAhead = ahead
    }

    private mutating func take(_ event: EventReport) {
        if let last = events.last, event.seq <= last.seq { return }
        events.append(event)
        if events.count > Model.eventLimit {
            events.removeFirst(events.count - Model.eventLimit)
        }
    }

    /// A line of output comes before the report that holds it.
    private mutating func take(_ output: OutputLine) {
        guard situation?.core.procedure?.id == output.procedure else { return }
        situation?.core.procedure?.output.append(output.text)
        let count = situation?.core.procedure?.output.count ?? 0
        if count > Model.outputLimit {
            situation?.core.procedure?.output.removeFirst(count - Model.outputLimit)
        }
    }
    static let outputLimit = 200

    private mutating func keepSelection() {
        if !proposals.contains(where: { $0.key == pickedProposal }) { pickedProposal = nil }
        RecoveryScreen.keepSelection(&self)
        if runningRollback != nil, rollback.sheet != nil, page == .rollback {
            // Somebody else has begun it: there is nothing left to confirm.
            rollback.sheet = nil
        }
        if let id = rollback.sheet?.request, core?.request?.id != id {
            // Approved, ended or run out: the last event says which.
            rollback.sheet = nil
            say(requestsEnd ?? "the request for a rollback is over", .warning, for: 15)
        }
        if case .undo(let state) = sheet, undoTarget?.id != state.procedure { sheet = nil }
    }
    private var requestsEnd: String? {
        events.last { $0.kind == "rollback-request-ended" || $0.kind == "procedure-started" }?.text
    }

    // MARK: Answers

    mutating func take(_ outcome: CommandOutcome, of request: CommandRequest) -> [Effect] {
        sent.removeAll { $0 == request }
        let forSheet =
            ["rollback", "approve-rollback"].contains(request.command) && rollback.sheet != nil
        if request.command == "verify-backup" { return verified(request, outcome) }
        if let effects = restoreAnswered(request, outcome) { return effects }
        switch outcome {
        case .done(let answer):
            if forSheet { return rollbackAnswered(request, answer) }
            // The first is what was asked for; what follows is what came of it.
            let told = answer.events.first?.text ?? "\(request.command): done"
            say(told + wayBack(from: request), answer.events.first?.tone.noticeRole ?? .good)
        case .refused(let refusal):
            if forSheet {
                rollback.sheet?.dryRun = .none
                rollback.sheet?.loading = true
                rollback.sheet?.problem = Visible.text(refusal.sentences)
                // What it was refused for may be a plan that is no longer this one.
                return [.loadPlan]
            }
            show(refusal, of: request)
        case .lost(let why):
            rollback.sheet?.dryRun = .none
            say(
                "\(request.command): \(why) — look whether it happened before doing it again", .bad,
                for: 20)
        }
        return []
    }

    /// One key takes the emergency, and none gives it back: what does is said at once.
    private func wayBack(from request: CommandRequest) -> String {
        guard request.command == "acknowledge", request.span == nil else { return "" }
        return " — not yours? o hands it on, A 15m lets it run out"
    }

    private mutating func rollbackAnswered(
        _ request: CommandRequest, _ answer: CommandAnswer
    ) -> [Effect] {
        if request.dryRun == true {
            rollback.sheet?.dryRun = .done
            rollback.sheet?.loading = false
            if let plan = answer.plan { rollback.sheet?.plan = plan }
            notice = nil
            return []
        }
        rollback.sheet = nil
        rollback.scroll = 0
        rollback.planScroll = 0
        rollback.showsOther = false
        if answer.request != nil {
            say("asked for: nothing has started, and nothing will before others agree", .warning)
            return [.loadPlan]
        }
        say(answer.events.first?.text ?? "the rollback has begun", .text)
        return []
    }

    private mutating func show(_ refusal: RefusalReport, of request: CommandRequest) {
        let line = "\(request.command): \(refusal.sentences)"
        if GlyphWidth.columns(line) + 4 <= size.width, sheet == nil {
            say(line, .warning, for: 15)
            return
        }
        notice = nil
        sheet = .report(
            ReportState(
                title: "\(request.command) was refused", role: .warning,
                why: Visible.text(refusal.why), remedy: Visible.text(refusal.remedy)))
    }

    // MARK: Keys

    /// Whether something lies above the screen, or stands in its place, that keys are meant for.
    var asks: Bool {
        sheet != nil || (page == .rollback && rollback.sheet != nil)
            || (page == .backups && backups.sheet != nil)
    }

    /// Whether a key still belongs to what was typed into a sheet that has closed meanwhile. As long
    /// as the typing goes on, none of it is a command.
    mutating func isTypedAhead(_ key: Key) -> Bool {
        guard let until = typedAheadUntil else { return false }
        guard now < until, !asks else {
            typedAheadUntil = nil
            return false
        }
        switch key {
        case .character, .enter, .paste, .backspace, .tab, .alt:
            typedAheadUntil = now + Model.typeAhead
            return true
        case .escape, .backTab, .delete, .insert, .up, .down, .left, .right, .home, .end, .pageUp,
            .pageDown, .function, .control, .click, .wheelUp, .wheelDown:
            return false
        }
    }

    mutating func press(_ key: Key) -> [Effect] {
        switch key {
        case .control("l"): return [.redraw]
        case .control("z"): return [.suspend]
        case .click(let point): return click(point)
        case .wheelUp: return press(.up)
        case .wheelDown: return press(.down)
        default: break
        }
        if isTiny { return pressOnTiny(key) }
        if sheet != nil { return pressOnSheet(key) }
        if page == .rollback, rollback.sheet != nil { return pressOnRollbackSheet(key) }
        if page == .backups, backups.sheet != nil { return pressOnRestoreSheet(key) }
        if let page = Page.later(key) {
            say(page + " comes with a later version", .dim)
            return []
        }
        if case .function(let number) = key, number > 1, let page = Page(rawValue: number) {
            return go(to: page)
        }
        guard let binding = Keymap.binding(for: key, on: page) else { return [] }
        return perform(binding)
    }

    /// Whether the terminal is too small for anything but the level and its clock.
    var isTiny: Bool {
        size.width < Layout.smallest.width || size.height < Layout.smallest.height
    }
    /// Nothing may be confirmed, typed or run that cannot be seen.
    private mutating func pressOnTiny(_ key: Key) -> [Effect] {
        // A veto only keeps what is; its request is asked for again where it can be read.
        let names: Set<String> = ["acknowledge", "quit", "veto-rollback"]
        guard let binding = Keymap.binding(for: key, on: .command), names.contains(binding.name),
            binding.name != "veto-rollback" || core?.request == nil
        else { return [] }
        return perform(binding)
    }

    mutating func perform(_ binding: Binding) -> [Effect] {
        if let why = binding.refusal(self) {
            refuse(binding.name, why)
            return []
        }
        return binding.act(&self)
    }

    private mutating func click(_ point: Point) -> [Effect] {
        guard let spot = picture(self).spot(at: point) else { return [] }
        switch spot {
        case .press(let key): return press(key)
        case .choose(let index): return choose(index)
        }
    }

    private mutating func choose(_ index: Int) -> [Effect] {
        if sheet != nil { return chooseOnSheet(index) }
        switch page {
        case .command: if proposals.indices.contains(index) { pickProposal(index) }
        case .recovery: recovery.selected = index
        case .rollback:
            rollback.sheet?.authorization = index
            rollback.sheet?.isPicked = true
        case .emergency: break
        case .escalation: escalation.selected = DeliveryList.shown(self).dropFirst(index).first?.id
        case .backups: chooseOnBackups(index)
        }
        return []
    }
}

extension RefusalReport {
    /// Why and remedy, as two sentences.
    var sentences: String {
        [why, remedy].filter { !$0.isEmpty }.map { text in
            text.last.map { ".!?:".contains($0) } == true ? text : text + "."
        }.joined(separator: " ")
    }
}

extension Page {
    /// The screens that the design has and this version has not.
    static func later(_ key: Key) -> String? {
        switch key {
        case .character("2"), .function(2), .alt("2"): "2 Probes"
        case .character("8"), .function(8), .alt("8"): "8 Drills and metrics"
        default: nil
        }
    }
}

extension EventTone {
    var noticeRole: StyleRole {
        switch self {
        case .plain: .text
        case .good: .good
        case .warning: .warning
        case .bad: .bad
        }
    }
}
