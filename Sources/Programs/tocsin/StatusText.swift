// The situation on a page: level and clock, what is broken, what to do next, what runs.
import Domain
import Wire

struct StatusText {
    let situation: SituationReport
    private var core: SituationCore { situation.core }

    init(_ situation: SituationReport) { self.situation = situation }

    /// What `status` prints.
    var lines: [Line] {
        heading + dashboardLine + alarms + emergency + StatusUrgent(core).lines + [""] + components
            + [""] + gauges + next + procedures + outbox
    }

    /// What `health-check` prints: the score, and every probe.
    var health: [Line] {
        var rows: [[(String, Ink)]] = []
        for component in situation.components {
            rows.append([
                (component.state.sign, component.state.ink), (component.name, .strong),
                (component.state.rawValue, component.state.ink), (component.title, .quiet),
            ])
            for probe in component.probes { rows.append(Self.row(probe, core.time)) }
        }
        return [score] + alarms + [""] + table(rows)
    }

    private static func row(_ probe: ProbeReport, _ now: String) -> [(String, Ink)] {
        var detail = probe.message
        if probe.failing > 0, probe.state == .healthy {
            detail = "failing, not failed yet" + (detail.isEmpty ? "" : ": \(detail)")
        }
        if let latency = probe.latencyMs, probe.state == .healthy {
            detail = Words.value(latency, "ms") + (detail.isEmpty ? "" : " · \(detail)")
        } else if probe.state != .healthy, let length = Words.length(from: probe.since, to: now) {
            detail = "for \(length)" + (detail.isEmpty ? "" : " · \(detail)")
        }
        return [
            (" ", .plain), ("  \(probe.name)", .plain), (probe.state.rawValue, probe.state.ink),
            (detail, .plain),
        ]
    }

    // MARK: Parts

    private var score: Line {
        Line("\(core.health.state.sign) ", core.health.state.ink)
            + (
                "Health \(core.health.score) / 100 \(core.health.state.rawValue)",
                core.health.state.ink
            )
    }

    private var heading: [Line] {
        let place = core.environment.isEmpty ? "" : " · \(core.environment)"
        return [
            Line(core.service, .strong) + ("  \(core.title)\(place)", .plain)
                + ("  \(Words.moment(core.time)) UTC", .quiet)
        ]
    }

    private var alarms: [Line] { core.alarms.map { Line("! \($0)", .bad) } }

    private var emergency: [Line] {
        guard let emergency = core.emergency else {
            let since = Words.length(from: core.quietSince, to: core.time)
            return [
                Line("● No emergency", .good) + ("" + (since.map { " for \($0)" } ?? ""), .plain),
                score,
            ]
        }
        let level = core.level?.name.uppercased() ?? ""
        var lines = [
            Line("▲ LEVEL \(emergency.level) \(level)", emergency.level <= 2 ? .bad : .warning)
                + ("  \(emergency.reason)", .strong)
        ]
        let open = Words.length(from: emergency.activatedAt, to: core.time).map { " · open \($0)" }
        let ticket = emergency.ticket.map { " · ticket \($0)" } ?? ""
        let again =
            emergency.reopenings > 0
            ? " · reopened " + Words.count(emergency.reopenings, "time", "times") : ""
        let answer = Self.answer(emergency, core.time)
        lines.append(Line("  \(emergency.id)\(open ?? "") · \(answer)\(ticket)\(again)"))
        lines += told(emergency)
        var more = [
            "recovery attempts \(emergency.recoveryAttempts) of \(emergency.maxRecoveryAttempts)"
        ]
        more.append(Self.holding(emergency))
        lines.append(Line("  \(more.joined(separator: " · "))"))
        return lines + [score]
    }

    /// What fails still. Where no trigger ever held, the end is for whoever declared it to judge.
    static func holding(_ emergency: EmergencyReport) -> String {
        if !emergency.stillHolding.isEmpty {
            return "still holding: \(emergency.stillHolding.joined(separator: ", "))"
        }
        return emergency.triggers.isEmpty
            ? "declared by a person: nothing that is watched fails"
            : "nothing holds any more: it can be deactivated"
    }

    /// Whether somebody has taken it, and until when; else the response clock.
    static func answer(_ emergency: EmergencyReport, _ now: String) -> String {
        if let by = emergency.acknowledgedByName ?? emergency.acknowledgedBy {
            let until = emergency.acknowledgedUntil.map { end in
                let left = Words.length(from: now, to: end).map { ", \($0) left" } ?? ""
                return " until \(Words.timeOfDay(end))\(left)"
            }
            return "acknowledged by \(by)\(until ?? "")"
        }
        guard let due = Timestamp(rfc3339: emergency.respondBy), let now = Timestamp(rfc3339: now)
        else { return "not acknowledged" }
        return due > now
            ? "not acknowledged: respond within \(Words.length(due - now))"
            : "not acknowledged: overdue by \(Words.length(now - due))"
    }

    /// Who knows, and who does not, the worst first.
    private func told(_ emergency: EmergencyReport) -> [Line] {
        func names(_ state: ToldReport.State) -> String {
            emergency.told.filter { $0.state == state }
                .map { $0.channel.isEmpty ? $0.person : "\($0.person) (\($0.channel))" }
                .joined(separator: ", ")
        }
        var lines = emergency.told.filter { $0.state == .unreachable || $0.state == .failing }
            .map { person in
                let isLost = person.state == .unreachable
                let channel = person.channel.isEmpty ? "" : " by \(person.channel)"
                return Line(
                    isLost ? "  ✖ cannot be told: " : "  ▲ not told yet: ", isLost ? .bad : .warning
                ) + (person.person, .strong) + channel
                    + (person.trouble.isEmpty ? "" : ": \(person.trouble)")
            }
        let (told, waiting) = (names(.told), names(.waiting))
        if !told.isEmpty { lines.append(Line("  told: \(told)")) }
        if !waiting.isEmpty { lines.append(Line("  being told: \(waiting)")) }
        return lines
    }

    /// What `update-dashboard` said.
    private var dashboardLine: [Line] {
        guard let line = core.line else { return [] }
        return [
            Line("» \(line.status)", .warning) + (line.message.isEmpty ? "" : ": \(line.message)")
        ]
    }

    /// What waits, and what was given up.
    private var outbox: [Line] {
        let outbox = core.outbox
        guard outbox.waiting + outbox.sending + outbox.dead > 0 else { return [] }
        return [
            "", Line("Outbox: ") + OutboxCommand.summary(outbox) + ("  tocsin outbox", .quiet),
        ]
            + OutboxCommand.channels(core.channels)
    }

    private var components: [Line] {
        table(
            situation.components.map { component in
                [
                    (component.state.sign, component.state.ink), (component.name, .plain),
                    (component.state.rawValue, component.state.ink), (detail(component), .plain),
                ]
            }, indent: "  ")
    }

    /// What is not well, or how quick it is.
    private func detail(_ component: ComponentReport) -> String {
        if let cause = component.consequenceOf { return "follows from \(cause)" }
        let unwell = component.probes.filter { $0.state != .healthy || $0.failing > 0 }
        if unwell.isEmpty {
            return component.probes.map { probe in
                probe.latencyMs.map { "\(probe.name) \(Words.value($0, "ms"))" } ?? probe.name
            }.joined(separator: " · ")
        }
        return unwell.map { "\($0.name): \($0.message.isEmpty ? $0.state.rawValue : $0.message)" }
            .joined(separator: " · ")
    }

    private var gauges: [Line] {
        table(
            situation.gauges.map { gauge in
                let bound = [
                    gauge.goodAbove.map { "want ≥ \(Words.number($0))" },
                    gauge.goodBelow.map { "want ≤ \(Words.number($0))" },
                ].compactMap(\.self).joined(separator: ", ")
                let value = gauge.value.map { Words.value($0, gauge.unit) } ?? "–"
                return [
                    (gauge.title, .plain), (value, gauge.good == false ? .bad : .plain),
                    (bound, .quiet),
                ]
            }, indent: "  ")
    }

    private var next: [Line] {
        var rows = core.proposals.map { proposal -> (title: String, why: String, command: String) in
            let when = proposal.runsAt.map { " · starts by itself at \(Words.moment($0))" }
            return (proposal.title, "\(proposal.why)\(when ?? "")", command(proposal))
        }
        if canEnd {
            rows.insert(
                (
                    "End the emergency", "nothing holds any more",
                    "tocsin deactivate-emergency --resolved-by NAME".unbroken
                ), at: 0)
        }
        guard !rows.isEmpty else { return [] }
        return ["", Line("What next", .strong)]
            + table(
                rows.enumerated().map { index, row in
                    [
                        ("\(index + 1)", .plain), (row.title, .plain), (row.why, .plain),
                        (row.command, .quiet),
                    ]
                }, indent: "  ")
    }

    /// Whether nothing is left but to say that it is over: nothing fails, and nothing is half done. Where no
    /// trigger ever held, something must have been done about it since.
    private var canEnd: Bool {
        guard let emergency = core.emergency, emergency.stillHolding.isEmpty,
            core.procedure == nil, core.request == nil, core.rollback?.state != .failed
        else { return false }
        let rolledBack = core.rollback.map { $0.startedAt >= emergency.activatedAt } ?? false
        return !emergency.triggers.isEmpty || emergency.recoveryAttempts > 0 || rolledBack
    }

    private func command(_ proposal: ProposalReport) -> String {
        switch proposal.kind {
        case "recovery": "tocsin recover \(proposal.name)".unbroken
        case "fallback": "tocsin enable-fallback --type \(proposal.name)".unbroken
        case "rollback": "tocsin rollback".unbroken
        default: ""
        }
    }

    private var procedures: [Line] {
        var lines: [Line] = []
        let said = StatusUrgent(core).procedures.map(\.id)
        if let running = core.procedure, !said.contains(running.id) {
            lines += ["", line(running)]
        }
        if let rollback = core.rollback, rollback.id != core.procedure?.id,
            !said.contains(rollback.id)
        {
            lines += ["", line(rollback)]
        }
        let enabled = core.fallbacks.filter(\.enabled).map(\.title)
        if !enabled.isEmpty {
            lines += ["", Line("Fallbacks enabled: \(enabled.joined(separator: ", "))", .warning)]
        }
        return lines
    }

    private func line(_ procedure: ProcedureReport) -> Line {
        let percent = "\(Int((procedure.progress * 100).rounded())) %"
        let state =
            procedure.state.isOver ? procedure.state.rawValue : "\(procedure.state) \(percent)"
        return Line("\(procedure.title): ", .strong) + (state, procedure.state.ink)
            + (
                "  \(procedure.id)" + (procedure.message.isEmpty ? "" : " · \(procedure.message)"),
                .quiet
            )
    }
}
