// Who knows of the emergency, and what stands in the way of telling the others.
import Domain
import Screen
import Wire

enum Told {
    /// `Ines ✓ Tomas …`; where not everybody fits, those that need somebody come first, and the others
    /// are counted.
    static func runs(_ told: [ToldReport], _ model: Model, room: Int) -> [Run] {
        let all = names(told, model)
        if columns(all) <= room { return all }
        let sorted = byNeed(told)
        for state in [ToldReport.State.told, .waiting, .failing] {
            // All that are better than this are counted, then those of this state too.
            let named = sorted.filter { $0.state.rank < state.rank }
            let counted = counts(sorted.filter { $0.state.rank >= state.rank })
            let runs = names(named, model)
            let form = runs + (runs.isEmpty || counted.isEmpty ? [] : [Run("  ")]) + counted
            if columns(form) <= room { return form }
        }
        return counts(sorted)
    }

    private static func byNeed(_ told: [ToldReport]) -> [ToldReport] {
        told.enumerated().sorted {
            ($0.element.state.rank, $0.offset) < ($1.element.state.rank, $1.offset)
        }.map(\.element)
    }
    private static func names(_ told: [ToldReport], _ model: Model) -> [Run] {
        told.enumerated().flatMap { index, one in
            [
                Run(index == 0 ? "" : " "), Run(model.firstName(one.person)),
                Run(" " + one.state.sign, one.state.role, one.state.rank < 2 ? .bold : []),
            ]
        }
    }
    private static func counts(_ told: [ToldReport]) -> [Run] {
        var runs: [Run] = []
        for state in [ToldReport.State.unreachable, .failing, .waiting, .told] {
            let count = told.filter { $0.state == state }.count
            guard count > 0 else { continue }
            runs += [Run(runs.isEmpty ? "" : "  "), Run("\(count) "), Run(state.sign, state.role)]
        }
        return runs
    }
    private static func columns(_ runs: [Run]) -> Int { runs.reduce(0) { $0 + $1.columns } }

    /// One line for each person: the sign, the name, by which channel and when, or what is in the way.
    static func lines(_ told: [ToldReport], _ model: Model, width: Int) -> [[Run]] {
        let underway = (model.situation?.deliveries ?? []).filter { !$0.state.isOver }
        let names = min(
            told.reduce(4) { max($0, GlyphWidth.columns(model.person($1.person))) }, width / 2)
        return byNeed(told).map { one in
            let name = Wrap.prefix(model.person(one.person), width: names)
            let pad = String(repeating: " ", count: names - GlyphWidth.columns(name) + 2)
            return [
                Run(one.state.sign + " ", one.state.role, .bold), Run(name + pad, .strong),
                Run(words(one, underway, model), one.state == .told ? .dim : one.state.role),
            ]
        }
    }

    private static func words(
        _ one: ToldReport, _ underway: [DeliveryReport], _ model: Model
    ) -> String {
        let by = one.channel.isEmpty ? "" : " by \(one.channel)"
        let why = one.trouble.isEmpty ? "" : ": \(one.trouble)"
        return switch one.state {
        case .told: "told" + (one.at.map { " " + Times.ofDay($0) } ?? "") + by
        case .waiting: "not yet" + by + why
        case .failing: attempt(one, underway, model) + why
        case .unreachable: "cannot be told" + why
        }
    }
    /// `mail, try 4 in 00:42`
    private static func attempt(
        _ one: ToldReport, _ underway: [DeliveryReport], _ model: Model
    ) -> String {
        let delivery = underway.last {
            $0.channel == one.channel && $0.purpose.isOfEmergency
                && $0.people.contains { model.person($0) == model.person(one.person) }
        }
        guard let delivery else {
            return "trying" + (one.channel.isEmpty ? "" : " by \(one.channel)")
        }
        return "\(one.channel), \(DeliveryWords(delivery, model).state)"
    }
}

/// What is in the outbox, where that is worth a word: something was given up, or cannot go out.
enum Outbox {
    /// What has not gone out yet.
    static func queued(_ outbox: OutboxReport) -> Int { outbox.waiting + outbox.sending }

    /// What has not gone out because channels fail.
    private static func stuck(_ core: SituationCore) -> Int {
        let failing = core.channels.contains { $0.state == .failing }
        return failing || core.outbox.retrying > 0 ? queued(core.outbox) : 0
    }

    /// `✖ 2 given up · ▲ 5 queued`; nil when everything goes its way.
    static func sign(_ model: Model) -> [Run]? {
        guard let core = model.core else { return nil }
        let stuck = stuck(core)
        var runs: [Run] = []
        if core.outbox.dead > 0 { runs.append(Run("✖ \(core.outbox.dead) given up", .bad, .bold)) }
        if stuck > 0 {
            runs += [
                Run(runs.isEmpty ? "" : " "), Run("▲ \(stuck) queued", .warning, .bold),
            ]
        }
        return runs.isEmpty ? nil : runs
    }
    /// The same in as few columns as it takes.
    static func brief(_ model: Model) -> [Run]? {
        guard let core = model.core else { return nil }
        let stuck = stuck(core)
        var runs: [Run] = []
        if core.outbox.dead > 0 { runs.append(Run("✖\(core.outbox.dead)", .bad, .bold)) }
        if stuck > 0 { runs.append(Run("▲\(stuck)", .warning, .bold)) }
        return runs.isEmpty ? nil : runs
    }

    /// Since when a channel fails and when it was tried last, as far as the events tell; RFC 3339.
    static func failure(of channel: String, _ model: Model) -> (since: String, tried: String)? {
        let mine = Set(
            (model.situation?.deliveries ?? []).filter { $0.channel == channel }.map(\.id))
        let ended = model.events.filter {
            $0.kind == "delivery-ended" && $0.message.map(mine.contains) == true
        }
        let failures = ended.suffix(
            from: (ended.lastIndex { !EventRuns.isFailure($0) } ?? -1) + 1)
        return failures.first.flatMap { first in
            failures.last.map { (since: first.at, tried: $0.at) }
        }
    }

    /// `▲ mail fails since 13:52, 3 queued — connection refused`: why somebody may not have been told;
    /// nil when nothing is in the way.
    static func trouble(_ model: Model) -> [Run]? {
        guard let core = model.core else { return nil }
        let failing = core.channels.filter { $0.state == .failing }
        guard let first = failing.max(by: { $0.waiting < $1.waiting }) else {
            guard core.outbox.dead > 0 else { return nil }
            let count = Numbers.counted(core.outbox.dead, "message", "messages")
            return [Run("✖ ", .bad, .bold), Run("\(count) given up", .bad)]
        }
        let queued = queued(core.outbox)
        if core.channels.count > 1, failing.count == core.channels.count {
            return [
                Run("✖ ", .bad, .bold), Run("every channel fails", .bad),
                Run(queued > 0 ? ", \(queued) queued" : "", .warning),
            ]
        }
        let names = failing.map(\.name).joined(separator: ", ")
        let why = failing.count > 1 || first.trouble.isEmpty ? "" : " — \(first.trouble)"
        let since = failing.compactMap { failure(of: $0.name, model)?.since }.min().map {
            " since " + Times.until($0, now: model.engineNow)
        }
        return [
            Run("▲ ", .warning, .bold),
            Run("\(names) \(failing.count > 1 ? "fail" : "fails")\(since ?? "")", .warning),
            Run(queued > 0 ? ", \(queued) queued" : "", .warning), Run(why, .dim),
        ]
    }
}
