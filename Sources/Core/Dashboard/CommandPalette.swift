// Every command by its name, found by a few of its letters, with the reason why it is refused now.
import Domain
import Screen
import Wire

struct PaletteEntry: Sendable {
    var name: String
    var text: String
    var key: String
    /// Where the key means this, when that is not here: `on screen 6`.
    var place = ""
    var refusal: String?
    var act: @Sendable (inout Model) -> [Effect]
}

enum CommandPalette {
    /// Best match first; all of them for an empty query, in the order of the keys, and what can be done
    /// now before what cannot.
    static func entries(_ model: Model, matching query: String) -> [PaletteEntry] {
        let all = everything(model)
        let wanted = query.lowercased().filter { $0 != " " }
        guard !wanted.isEmpty else {
            // What can be done now comes first, and before all what a key does here.
            let now = all.filter { $0.refusal == nil }
            return now.filter(\.place.isEmpty) + now.filter { !$0.place.isEmpty }
                + all.filter { $0.refusal != nil }
        }
        return all.enumerated().compactMap { index, entry in
            // The name counts most; the sentence finds what the name does not say.
            let byName = score(wanted, in: entry.name)
            let byText = score(wanted, in: entry.text).map { $0 + 1000 }
            return [byName, byText].compactMap(\.self).min().map { ($0, index, entry) }
        }
        .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
    }

    /// How well letters are found in a text in this order: 0 is best; nil: not at all. Letters next
    /// to each other and at the beginning of words count as near.
    static func score(_ letters: String, in text: String) -> Int? {
        let candidates = Array(text.lowercased())
        var cost = 0
        var at = 0
        var before = -1
        for letter in letters {
            guard let found = candidates[at...].firstIndex(of: letter) else { return nil }
            if found != before + 1 {
                let startsWord = found == 0 || !candidates[found - 1].isLetter
                cost += (startsWord ? 1 : 3) + min(found - at, 20)
            }
            before = found
            at = found + 1
        }
        return cost * 2 + min(candidates.count, 60) / 12
    }

    private static func everything(_ model: Model) -> [PaletteEntry] {
        var seen: Set<String> = []
        var entries: [PaletteEntry] = []
        for binding in Keymap.bindings
        where !binding.text.isEmpty && seen.insert(binding.name).inserted {
            // What moves around on one screen is no command.
            guard
                ![
                    "next", "next-proposal", "scroll", "scroll-down", "back", "commands",
                    "run-selected", "previous", "newest", "oldest",
                ]
                .contains(binding.name)
            else { continue }
            let elsewhere = binding.works(on: model.page) ? nil : elsewhere(binding)
            entries.append(
                PaletteEntry(
                    name: binding.name, text: binding.sentence(model),
                    key: binding.label ?? binding.key.label,
                    place: place(binding, model.page), refusal: binding.refusal(model) ?? elsewhere,
                    act: { binding.act(&$0) }))
        }
        return entries + dynamic(model)
    }
    /// One letter means one thing on one screen and another on the next.
    private static func place(_ binding: Binding, _ page: Page) -> String {
        guard !binding.works(on: page) else { return "" }
        let pages = binding.pages.map(\.rawValue).sorted().map(String.init)
        return "on screen " + pages.joined(separator: ", ")
    }
    /// A key that needs the selection of its own screen.
    private static func elsewhere(_ binding: Binding) -> String? {
        let needsSelection = [
            "run-proposal", "full-log", "show-other", "retry-delivery", "dismiss-delivery",
        ].contains(binding.name)
        guard needsSelection, let page = binding.pages.first else { return nil }
        return "works on screen \(page.rawValue)"
    }

    /// What the runbook adds: its actions, playbooks, fallbacks and services.
    private static func dynamic(_ model: Model) -> [PaletteEntry] {
        var entries = [
            plain(
                "auto-recover", "Let the engine pick and run the next recovery action", model,
                Why.procedureRunning),
            PaletteEntry(
                name: "rollback --test-mode",
                text: "Run the whole rollback against copies, and time it", key: "",
                refusal: Why.noRollback(model) ?? model.noTestMode, act: { $0.openTest() }),
            plain("test-rollback", "The rollback's dry run, as a command", model, Why.noRollback) {
                CommandRequest(command: "rollback", dryRun: true)
            },
            plain(
                "notify-rollback-start", "Tell everybody concerned that a rollback begins", model,
                Why.noChannels),
        ]
        entries += messages(model)
        for override in model.overrides.dropFirst() {
            entries.append(
                PaletteEntry(
                    name: "end-override \(override.id)",
                    text: "\(model.person(override.person)) no longer stands in", key: "",
                    refusal: Why.noEngine(model), act: { $0.askToEndOverride(override.id) }))
        }
        for item in RecoveryScreen.items(model) {
            let request = item.request(in: model)
            let name = [request.command, request.name].compactMap(\.self).joined(separator: " ")
            entries.append(
                PaletteEntry(
                    name: name, text: item.action.title, key: "",
                    refusal: Why.procedureRunning(model), act: { $0.run(item) }))
        }
        for fallback in model.core?.fallbacks ?? [] {
            entries.append(
                plain(
                    "test-fallback \(fallback.name)", "Test: \(fallback.title)", model,
                    Why.procedureRunning
                ) {
                    CommandRequest(command: "test-fallback", name: fallback.name)
                })
        }
        return entries
    }

    /// Words for others that have no key of their own.
    private static func messages(_ model: Model) -> [PaletteEntry] {
        let status = OutboxMessage.statusPageChannel
        let tickets = OutboxMessage.ticketsChannel
        return [
            PaletteEntry(
                name: "update-dashboard", text: "Show a line on every dashboard, or take it away",
                key: "", refusal: Why.noEngine(model), act: { $0.open($0.lineForm) }),
            PaletteEntry(
                name: "send-user-notification", text: "Tell everybody who uses the service",
                key: "",
                refusal: Why.noChannels(model), act: { $0.open($0.usersForm) }),
            PaletteEntry(
                name: "update-status-page", text: "Say on the status page how things stand",
                key: "",
                refusal: Why.noSystem(status, "status page", model),
                act: { $0.open($0.statusPageForm) }),
            PaletteEntry(
                name: "create-incident", text: "Open a ticket; its number stays with the emergency",
                key: "", refusal: Why.noSystem(tickets, "tickets", model),
                act: { $0.open($0.ticketForm) }),
        ]
    }

    private static func plain(
        _ name: String, _ text: String, _ model: Model, _ refusal: (Model) -> String?,
        _ request: (@Sendable () -> CommandRequest)? = nil
    ) -> PaletteEntry {
        PaletteEntry(
            name: name, text: text, key: "", refusal: refusal(model),
            act: { $0.send(request?() ?? CommandRequest(command: name)) })
    }
}
