// The keys of screen 7: list, verify, restore; and what comes back of them.
import Domain
import Screen
import Wire

extension Keymap {
    static let backups: [Binding] = [
        Binding(
            key: .enter, name: "restore-backup", hint: "restore …",
            text: "Put the selected backup back, or a part of it; asks for the service's name",
            pages: [.backups], refusal: Why.notToRestore, act: { $0.openRestore() }),
        Binding(
            key: .character("V"), name: "verify-backup", hint: "verify",
            text: "Compare every byte of the selected backup with its manifest", pages: [.backups],
            refusal: Why.notToVerify, act: { $0.verifySelected() }),
        Binding(
            key: .down, also: [.character("j")], label: "↑↓", name: "next", hint: "select",
            text: "Select a backup", pages: [.backups], act: { $0.moveOnBackups(by: 1) }),
        Binding(
            key: .up, also: [.character("k")], label: "", name: "previous", hint: "", text: "",
            pages: [.backups], act: { $0.moveOnBackups(by: -1) }),
        Binding(
            key: .home, also: [.character("g")], label: "", name: "newest", hint: "", text: "",
            pages: [.backups], act: { $0.moveOnBackups(by: -100_000) }),
        Binding(
            key: .end, also: [.character("G")], label: "", name: "oldest", hint: "", text: "",
            pages: [.backups], act: { $0.moveOnBackups(by: 100_000) }),
    ]
}

extension Why {
    static func noBackup(_ model: Model) -> String? {
        if let why = noEngine(model) { return why }
        if BackupsScreen.selected(model) != nil { return nil }
        return model.backups.list == nil
            ? "screen 7 lists the backups" : "there is no backup yet; b takes one"
    }
    static func notToRestore(_ model: Model) -> String? {
        if let why = noBackup(model) ?? procedureRunning(model) { return why }
        if let failed = model.core?.rollback, failed.state == .failed {
            return "\(failed.id) failed half-way; on screen 5, c goes on with it and u undoes it"
        }
        return nil
    }
    static func notToVerify(_ model: Model) -> String? {
        if let why = noBackup(model) { return why }
        let busy = model.backups.found.first { $0.value == .running }
        return busy.map { "\($0.key) is being verified" }
    }
}

extension Model {
    mutating func loadBackups() -> [Effect] {
        backups.loading = true
        return [.loadBackups]
    }

    /// A backup was taken, put back or removed: what is shown is asked for again.
    mutating func backupNews(since before: SituationCore?) -> [Effect] {
        guard page == .backups, !backups.loading, let core, let before else { return [] }
        let taken = core.rollback?.backup != before.rollback?.backup
        let ended = { (core: SituationCore) in
            core.lastProcedure.flatMap { $0.kind == .backup ? "\($0.id) \($0.state)" : nil }
        }
        return taken || ended(core) != ended(before) ? loadBackups() : []
    }

    mutating func moveOnBackups(by step: Int) -> [Effect] {
        let all = BackupsScreen.all(self)
        guard !all.isEmpty else { return [] }
        let present = all.firstIndex { $0.id == BackupsScreen.selected(self)?.id } ?? 0
        backups.selected = all[min(max(0, present + step), all.count - 1)].id
        return []
    }
    mutating func chooseOnBackups(_ index: Int) {
        guard backups.sheet == nil else {
            guard backups.sheet?.parts.indices.contains(index) == true else { return }
            backups.sheet?.selected = index
            backups.sheet?.parts[index].isOn.toggle()
            backups.sheet?.problem = nil
            return
        }
        let all = BackupsScreen.all(self)
        if all.indices.contains(index) { backups.selected = all[index].id }
    }

    // MARK: Verifying

    mutating func verifySelected() -> [Effect] {
        guard let one = BackupsScreen.selected(self) else { return [] }
        let effects = send(CommandRequest(command: "verify-backup", backup: one.id))
        if !effects.isEmpty { backups.found[one.id] = .running }
        return effects
    }

    mutating func verified(_ request: CommandRequest, _ outcome: CommandOutcome) -> [Effect] {
        guard let id = request.backup else { return [] }
        switch outcome {
        case .done(let answer):
            let bad = (answer.checks ?? []).filter { $0.state != .healthy }.map(\.message)
            backups.found[id] = bad.isEmpty ? .whole : .damaged(bad.map { Visible.text($0) })
            if bad.isEmpty {
                say("backup \(id): every byte is as it was taken", .good)
            } else {
                say("backup \(id) is DAMAGED: \(bad[0])", .bad, for: 30)
            }
        case .refused(let refusal):
            backups.found[id] = nil
            say("verify-backup: \(refusal.sentences)", .warning, for: 15)
        case .lost(let why):
            backups.found[id] = .failed(Visible.text(why))
            say("verify-backup: \(why)", .bad, for: 15)
        }
        return page == .backups ? loadBackups() : []
    }

    // MARK: Restoring

    mutating func openRestore() -> [Effect] {
        guard let one = BackupsScreen.selected(self) else { return [] }
        page = .backups
        let files = one.files > 0 ? runbook?.backup.files ?? [] : []
        backups.sheet = RestoreState(
            backup: one,
            parts: one.databases.map { RestoreState.Part(kind: .database, name: $0) }
                + files.map { RestoreState.Part(kind: .path, name: $0) })
        return []
    }

    mutating func pressOnRestoreSheet(_ key: Key) -> [Effect] {
        guard let focus = backups.sheet?.focus else { return [] }
        switch focus {
        case .parts: return pressOnParts(key)
        case .path: pressOnPath(key)
        case .name: return pressOnRestoreName(key)
        }
        return []
    }

    private mutating func pressOnParts(_ key: Key) -> [Effect] {
        guard var sheet = backups.sheet else { return [] }
        sheet.problem = nil
        let last = sheet.parts.count - 1
        switch key {
        case .enter:
            if isTooSmallToConfirm {
                sayTooSmall()
            } else {
                sheet.begin()
            }
        case .character(" "):
            if sheet.parts.indices.contains(sheet.selected) {
                sheet.parts[sheet.selected].isOn.toggle()
            }
        case .character("a"): sheet.switchAll(on: true)
        case .character("n"): sheet.switchAll(on: false)
        case .character("p"): sheet.focus = .path
        case .down, .character("j"): sheet.selected = min(sheet.selected + 1, max(0, last))
        case .up, .character("k"): sheet.selected = max(0, sheet.selected - 1)
        case .escape:
            backups.sheet = nil
            return []
        default:
            // Keys that work on every screen work here too.
            guard let binding = Keymap.binding(for: key, on: .backups), binding.pages.isEmpty else {
                return []
            }
            return perform(binding)
        }
        backups.sheet = sheet
        return []
    }

    private mutating func pressOnPath(_ key: Key) {
        guard var sheet = backups.sheet else { return }
        switch key {
        case .enter: sheet.takePath()
        case .escape, .tab: sheet.focus = .parts
        default: _ = sheet.path.take(key)
        }
        backups.sheet = sheet
    }

    private mutating func pressOnRestoreName(_ key: Key) -> [Effect] {
        switch key {
        case .escape, .tab: backups.sheet?.focus = .parts
        case .enter: return confirmRestore()
        default: if backups.sheet?.name.take(key) == true { backups.sheet?.problem = nil }
        }
        return []
    }

    private mutating func confirmRestore() -> [Effect] {
        guard let sheet = backups.sheet, let service = core?.service, !sheet.name.isEmpty else {
            return []
        }
        guard sheet.name.text == service else {
            backups.sheet?.problem =
                "“\(sheet.name.text)” is not the service's name; it is \(service)."
            return []
        }
        if let why = Why.notToRestore(self) {
            backups.sheet?.problem = "Not now: \(Model.sentence(why))"
            return []
        }
        return send(sheet.request)
    }

    /// - Returns: nil where the answer was for something else.
    mutating func restoreAnswered(
        _ request: CommandRequest, _ outcome: CommandOutcome
    ) -> [Effect]? {
        guard request.command == "restore-backup", backups.sheet != nil else { return nil }
        switch outcome {
        case .done(let answer):
            backups.sheet = nil
            say(answer.events.first?.text ?? "the restore has begun", .text)
        case .refused(let refusal):
            backups.sheet?.problem = Visible.text(refusal.sentences)
            notice = nil
        case .lost(let why):
            backups.sheet?.problem = Visible.text(
                "\(why) — look whether it has begun before doing it again")
            notice = nil
        }
        return []
    }
}

extension RestoreState {
    mutating func switchAll(on: Bool) {
        for index in parts.indices { parts[index].isOn = on }
    }
    fileprivate mutating func begin() {
        guard parts.contains(where: \.isOn) else {
            problem = "Nothing is chosen: space takes what is selected, a takes all."
            return
        }
        focus = .name
    }
    fileprivate mutating func takePath() {
        let typed = path.text.trimmingBlanks
        focus = .parts
        guard !typed.isEmpty else { return }
        path.clear()
        if let index = parts.firstIndex(where: { $0.kind == .path && $0.name == typed }) {
            parts[index].isOn = true
            selected = index
            return
        }
        // Whoever names one file does not want the others with it.
        for index in parts.indices where parts[index].kind == .path && !parts[index].isTyped {
            parts[index].isOn = false
        }
        parts.append(Part(kind: .path, name: typed, isTyped: true))
        selected = parts.count - 1
    }

    /// All of a kind are left unnamed: then it is everything that the backup holds.
    var request: CommandRequest {
        func chosen(_ kind: Part.Kind) -> [String]? {
            let all = parts.filter { $0.kind == kind }
            let isWhole = all.allSatisfy { $0.isOn && !$0.isTyped } && !all.isEmpty
            return isWhole ? nil : all.filter(\.isOn).map(\.name)
        }
        return CommandRequest(
            command: "restore-backup", backup: backup.id, paths: chosen(.path),
            databases: chosen(.database))
    }
}
