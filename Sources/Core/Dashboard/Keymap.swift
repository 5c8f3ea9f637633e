// Every key in one table: what it does, where, how it is called, and why it is refused now. The last
// line of each screen, help and the palette are all made from it.
import Domain
import Screen
import Wire

struct Binding: Sendable {
    /// The key that is shown.
    var key: Key
    /// Others that do the same.
    var also: [Key] = []
    /// How it is shown where it is not the key's own label.
    var label: String?
    /// The command's name, as on the command line where there is one.
    var name: String
    /// The word on the last line; empty: it is not shown there.
    var hint: String
    /// The word where the moment asks for another one; nil: `hint`.
    var word: @Sendable (Model) -> String? = { _ in nil }
    /// A sentence for help and the palette.
    var text: String
    /// The sentence where another one is true; nil: `text`.
    var otherText: @Sendable (Model) -> String? = { _ in nil }
    /// Empty: everywhere.
    var pages: Set<Page> = []
    /// Shown before the others, for it is what the moment asks for.
    var urgent: @Sendable (Model) -> Bool = { _ in false }
    /// Why it cannot be done now; nil: it can.
    var refusal: @Sendable (Model) -> String? = { _ in nil }
    var act: @Sendable (inout Model) -> [Effect]

    func sentence(_ model: Model) -> String { otherText(model) ?? text }
    func works(on page: Page) -> Bool { pages.isEmpty || pages.contains(page) }
}

enum Keymap {
    /// In the order of the last line. The first that works on the page and has the key wins.
    static let bindings: [Binding] =
        command + procedures + recovery + backups + emergency + escalation
        + everywhere + people

    static func binding(for key: Key, on page: Page) -> Binding? {
        bindings.first { ($0.key == key || $0.also.contains(key)) && $0.works(on: page) }
    }

    private static let command: [Binding] = [
        Binding(
            key: .character("a"), name: "acknowledge", hint: "acknowledge",
            text:
                "Take the emergency: clock and escalation stop; o hands it on, A 15m lets it run out",
            urgent: { Why.notToAcknowledge($0) == nil }, refusal: Why.notToAcknowledge,
            act: { $0.acknowledge() }),
        Binding(
            key: .enter, name: "run-proposal", hint: "run",
            text: "Run the selected proposal; asks first when something is lost by it",
            pages: [.command], refusal: Why.nothingProposed, act: { $0.runProposal() }),
        Binding(
            key: .down, also: [.character("j")], label: "↑↓", name: "next-proposal", hint: "",
            text: "Select a proposal", pages: [.command],
            act: { model in
                model.pickProposal(model.selectedProposal.map { $0 + 1 } ?? 0)
                return []
            }),
        Binding(
            key: .up, also: [.character("k")], label: "", name: "previous-proposal", hint: "",
            text: "", pages: [.command],
            act: { model in
                model.pickProposal(model.selectedProposal.map { $0 - 1 } ?? 0)
                return []
            }),
    ]

    private static let everywhere: [Binding] = [
        Binding(
            key: .character("r"), name: "recovery", hint: "recovery",
            text: "Recovery: actions, playbooks, fallbacks and services",
            pages: [.command, .emergency, .rollback, .backups],
            act: { $0.go(to: .recovery) }),
        Binding(
            key: .character("R"), name: "rollback", hint: "rollback",
            word: { $0.core?.request == nil ? nil : "the request" },
            text: "Roll back: shows the plan, then asks for the service's name",
            refusal: Why.noRollback, act: { $0.openRollback() }),
        Binding(
            key: .character("f"), name: "fallback", hint: "fallback",
            text: "Enable, disable or test a fallback", refusal: Why.noFallbacks,
            act: { model in
                model.sheet = .fallbacks(selected: 0)
                return []
            }),
        Binding(
            key: .character("b"), name: "backup", hint: "backup",
            text: "Take a backup and read it back", urgent: { $0.page == .backups },
            refusal: Why.procedureRunning,
            act: { $0.send(CommandRequest(command: "backup")) }),
        Binding(
            key: .character("n"), name: "note", hint: "note",
            text: "Write a note into the journal",
            urgent: { $0.page == .emergency && $0.emergency != nil }, refusal: Why.noEngine,
            act: { model in
                model.sheet = .note(TextField())
                return []
            }),
        Binding(
            key: .character("x"), name: "fault", hint: "break the demo",
            text: "Switch the faults of the demo's service on and off",
            pages: [.command, .recovery, .rollback],
            urgent: { $0.emergency == nil && $0.page == .command }, refusal: Why.noFaults,
            act: { model in
                model.sheet = .faults(selected: 0)
                return [.readFaults]
            }),
        Binding(
            key: .character("D"), also: [.character("z")], name: "deactivate-emergency",
            hint: "end", text: "End the emergency",
            urgent: { $0.emergency != nil && $0.stillFailing.isEmpty },
            refusal: Why.noEmergency, act: { $0.askToDeactivate() }),
        Binding(
            key: .character("e"), name: "activate-emergency", hint: "emergency",
            text: "Declare an emergency, with its level and reason",
            pages: [.command, .emergency, .recovery, .rollback],
            urgent: { $0.page == .emergency && $0.emergency == nil }, refusal: Why.emergencyOpen,
            act: { model in
                model.sheet = .activate(ActivateState())
                return []
            }),
        Binding(
            key: .character("y"), name: "copy", hint: "",
            text: "Copy what is selected, or the screen's summary (OSC 52)", act: { $0.copy() }),
        Binding(
            key: .character("t"), name: "themes", hint: "",
            text: "Choose a theme, seeing it at once",
            act: { model in
                let index = model.options.themes.firstIndex { $0.id == model.theme.id } ?? 0
                model.sheet = .themes(ThemesState(selected: index, before: model.theme))
                return []
            }),
        Binding(
            key: .character(":"), name: "commands", hint: "commands",
            text: "Every command, found by a few of its letters",
            act: { model in
                model.sheet = .palette(PaletteState())
                return []
            }),
        Binding(
            key: .character("?"), also: [.function(1)], name: "help", hint: "help",
            text: "The keys that work here",
            act: { model in
                model.sheet = .help(scroll: 0)
                return []
            }),
        page(.command), page(.emergency), page(.recovery), page(.rollback), page(.escalation),
        page(.backups),
        Binding(
            key: .escape, name: "back", hint: "", text: "Back to the first screen",
            act: { model in
                if model.notice != nil, model.page == .command { model.notice = nil }
                return model.go(to: .command)
            }),
        Binding(
            key: .control("l"), name: "redraw", hint: "", text: "Draw the screen anew",
            act: { _ in [.redraw] }),
        Binding(
            key: .control("z"), name: "suspend", hint: "", text: "Back to the shell; fg returns",
            act: { _ in [.suspend] }),
        Binding(
            key: .character("q"), also: [.control("c")], name: "quit", hint: "quit",
            text: "Leave; engine, escalation and procedures go on",
            otherText: { model in
                model.options.isDemo
                    ? "Leave; the demo's engine and service end with its last dashboard" : nil
            }, act: { _ in [.quit] }),
    ]

    private static func page(_ page: Page) -> Binding {
        let digit = Character(String(page.rawValue))
        return Binding(
            key: .character(digit), also: [.alt(digit)], name: page.title.lowercased() + "-screen",
            hint: "", text: "Screen \(page.rawValue): \(page.title)", act: { $0.go(to: page) })
    }

    private static let recovery: [Binding] = [
        Binding(
            key: .enter, name: "run-selected", hint: "run",
            text: "Run the selected item; asks first when something is lost by it",
            pages: [.recovery], refusal: Why.procedureRunning,
            act: { model in
                RecoveryScreen.selected(model).map { model.run($0) } ?? []
            }),
        Binding(
            key: .down, also: [.character("j")], label: "↑↓", name: "next", hint: "select",
            text: "Select", pages: [.recovery], act: { RecoveryScreen.move(&$0, by: 1) }),
        Binding(
            key: .up, also: [.character("k")], label: "", name: "previous", hint: "", text: "",
            pages: [.recovery], act: { RecoveryScreen.move(&$0, by: -1) }),
        Binding(
            key: .pageDown, also: [.control("d")], label: "page up/down", name: "scroll", hint: "",
            text: "Scroll the output", pages: [.recovery, .rollback, .backups],
            act: { $0.scrollOutput(by: -10) }),
        Binding(
            key: .pageUp, also: [.control("u")], label: "", name: "scroll-back", hint: "", text: "",
            pages: [.recovery, .rollback, .backups], act: { $0.scrollOutput(by: 10) }),
    ]
}

extension Model {
    mutating func go(to page: Page) -> [Effect] {
        sheet = nil
        self.page = page
        rollback.sheet = nil
        rollback.firstStage = nil
        backups.sheet = nil
        switch page {
        case .backups: return loadBackups()
        case .rollback:
            // Without a rollback or a request to look at, the screen is the sheet that begins one.
            if shownRequest != nil { return [.loadPlan] }
            let isEmpty = anyRollback == nil
            return isEmpty && runbook?.rollback != nil ? openRollback() : []
        case .command, .emergency, .recovery, .escalation: return []
        }
    }

    /// The stages where they are cut, for page up and down scroll the output too.
    mutating func scrollRollback(by lines: Int) -> [Effect] {
        guard shownRequest == nil, let window = picture(self).stages else {
            return scrollOutput(by: -lines)
        }
        rollback.firstStage = min(max(0, window.first + lines), window.rows - window.count)
        return []
    }

    mutating func scrollOutput(by lines: Int) -> [Effect] {
        if page == .rollback, shownRequest != nil {
            rollback.planScroll = min(
                max(0, rollback.planScroll - lines), RollbackSheet.longest(self))
            return []
        }
        let output = (page == .rollback ? anyRollback : core?.procedure ?? core?.lastProcedure)?
            .output
        let limit = max(0, (output?.count ?? 0) - 1)
        if page == .rollback {
            rollback.scroll = min(max(0, rollback.scroll + lines), limit)
        } else {
            recovery.scroll = min(max(0, recovery.scroll + lines), limit)
        }
        return []
    }
}
