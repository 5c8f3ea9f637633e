// What people and systems do in a simulation, well and badly.
import Domain
import OrderedCollections
import Rules
import TestKit

extension OutreachLife {
    mutating func move() throws {
        switch random.number(0...19) {
        case 0...3: try trouble()
        case 4: try burst()
        case 5, 6: try relief()
        case 7...12: try obeyOrRefuse()
        case 13...15: breakSomething()
        case 16:
            // Often while something is on its way.
            if random.likely(0.6) {
                try random.likely(0.5) ? trouble() : obeyOrRefuse()
                try advance(by: random.seconds(0...3))
            }
            try restart(after: random.likely(0.6) ? .zero : random.seconds(0.5...20_000))
        case 17: try misfortune()
        case 18: try random.likely(0.5) ? finishEmergency() : hurriedEnd()
        default: try advance(by: random.seconds(0...5))
        }
    }

    private mutating func trouble() throws {
        if random.likely(0.6) {
            let alerts = (0...random.number(0...3)).map { _ in
                IncomingAlert(
                    problem: random.pick(OutreachRunbook.problems),
                    fingerprint: "f\(random.number(1...4))", isFiring: random.likely(0.7),
                    text: random.pick(["odd", "full \u{1B}[31m", "", "line\nline"]))
            }
            try ask(.alerts(alerts, by: Caller(user: "am", uid: 0, pid: 1)))
        } else {
            let name = random.pick(OutreachRunbook.bursts)
            let why = random.pick(["", "12 > 10", "it is so"])
            try ask(
                .conditionChanged(.trigger(name), holds: random.likely(0.7), why: why))
        }
    }

    private mutating func burst() throws {
        for name in OutreachRunbook.bursts where random.likely(0.8) {
            try ask(.conditionChanged(.trigger(name), holds: true, why: "much"))
            try advance(by: random.seconds(0...3))
        }
    }

    /// Everything that held is over.
    mutating func relief() throws {
        for name in OutreachRunbook.bursts {
            try ask(.conditionChanged(.trigger(name), holds: false, why: ""))
        }
        let alerts = OutreachRunbook.problems.flatMap { problem in
            (1...4).map {
                IncomingAlert(problem: problem, fingerprint: "f\($0)", isFiring: false, text: "")
            }
        }
        try ask(.alerts(alerts, by: Caller(user: "am", uid: 0, pid: 1)))
        for problem in Array(world.situation.reported.keys) {
            try ask(.clearProblem(kind: problem), by: "user1")
        }
    }

    private mutating func breakSomething() {
        let span = random.seconds(5...(random.likely(0.3) ? 90_000 : 3_000))
        switch random.number(0...9) {
        case 0...4:
            // Mostly one that the matrix uses first.
            let first = runbook.escalation.flatMap { $0.steps.compactMap(\.via.first) }
            let name =
                first.isEmpty || random.likely(0.3) ? random.pick(routes) : random.pick(first)
            change(name, random.pick(Array(Weather.allCases)), for: span)
        case 5, 6:
            for name in routes where random.likely(0.5) {
                change(name, random.pick(Array(Weather.allCases)), for: span)
            }
        case 7:
            let weather = random.pick(Array(Weather.allCases))
            for name in routes { change(name, weather, for: span) }
        case 8:
            let address = "\(random.pick(routes))/\(random.pick(runbook.people).id)"
            if refusedAddresses.count < 4, !address.hasPrefix("users") {
                refusedAddresses.insert(address)
            }
        default:
            for name in routes { change(name, .fine, for: .zero) }
        }
    }

    private mutating func misfortune() throws {
        switch random.number(0...3) {
        case 0: try sleep(for: random.seconds(60...30_000))
        case 1: try setClock(by: Double(random.number(-7_200...7_200)))
        case 2: try setClock(by: Double(random.number(-20...20)) * 86_400)
        default: try setClock(by: random.likely(0.5) ? 0.25 : -3)
        }
    }

    /// The emergency ends while its messages are on their way, and the news of that is refused.
    private mutating func hurriedEnd() throws {
        func weather(_ choices: [Weather]) {
            for name in routes { change(name, random.pick(choices), for: .minutes(3)) }
        }
        weather([.hanging, .failing, .throttling])
        try burst()
        try advance(by: random.seconds(0...20))
        weather([.refusing, .refusing, .fine])
        try finishEmergency()
        try advance(by: .minutes(2))
    }

    private mutating func finishEmergency() throws {
        try relief()
        guard world.situation.emergency != nil else { return }
        do {
            try ask(.deactivate(resolvedBy: "", text: "well again"), by: "user1")
        } catch let refusal as Refusal where refusal.rule == "procedure-in-flight" {
            // It is tried again some other time.
        }
    }

    // MARK: Operators

    /// A command of somebody; only administrators are obeyed.
    private mutating func obeyOrRefuse() throws {
        let user = random.pick(
            ["user1", "user1", "user2", "user3", "mallory"] + runbook.people.map(\.user))
        let command = command()
        let may = OutreachDirectory(runbook: runbook, overrides: []).administrators.contains(user)
        let seen = world.events.count
        do {
            try ask(command, by: user)
            if !may { fault("\(user) was obeyed: \(command)") }
            try obeyed(command)
        } catch let refusal as Refusal {
            if world.events.count != seen { fault("refused, and yet something happened") }
            if refusal.why.isEmpty || refusal.remedy.isEmpty { fault("no words: \(refusal)") }
        }
    }

    private mutating func obeyed(_ command: Command) throws {
        guard case .alertsConfigured(let alerts) = command else { return }
        world.rules = Rules(runbook.applying(alerts))
        ledger.upSince = now
        try ask(.tick)
    }

    private mutating func command() -> Command {
        let people = runbook.people
        let words = random.pick(["", "on it", "odd \u{7}\u{202E}words", "two\nlines"])
        switch random.number(0...27) {
        case 0...4:
            let spans: [Span?] = [nil, nil, .minutes(2), .minutes(20), .hours(3)]
            return .acknowledge(text: words, span: random.pick(spans))
        case 5: return .handOver(to: random.pick(people).id, text: words)
        case 6: return .escalate(text: words)
        case 7, 8, 9:
            return .setLevel(random.pick(Level.allCases), reason: random.pick(["so", words]))
        case 10: return .note(words)
        case 11: return .activate(level: nil, reason: "felt \u{1B}[1m", triggeredBy: words)
        case 12: return .deactivate(resolvedBy: words, text: words)
        case 13: return .reportProblem(kind: random.pick(OutreachRunbook.problems), text: words)
        case 14: return notification(words)
        case 15:
            return .sendUserNotification(
                text: "we are at it", channel: random.pick(["", "fallback"]))
        case 16, 17: return .updateStatusPage(status: "degraded", text: "at \(now.rfc3339)")
        case 18: return .updateDashboard(DashboardLine(status: "s", message: "m \u{1B}"))
        case 19: return .createIncident(title: "ticket", text: words, priority: "", assignee: "x")
        case 20:
            return .testAlerts(
                channel: random.likely(0.5) ? random.pick(runbook.channels).name : nil,
                target: nil)
        case 21, 22:
            return .overrideOnCall(
                role: random.pick(runbook.roles).name, person: random.pick(people).id,
                from: random.likely(0.5) ? nil : world.now + random.seconds(0...9_000),
                until: world.now + random.seconds(9_100...100_000))
        case 23:
            return .endOnCallOverride(id: world.situation.onCallOverrides.last?.id ?? "none")
        case 24: return .retryDelivery(id: someDelivery())
        case 25: return .dismissDelivery(id: someDelivery())
        case 26: return .alertsConfigured(OutreachRunbook.local(&random))
        default:
            return world.situation.procedure?.state == .waiting
                ? .resolveStep(done: true)
                : .switchFallback(random.pick(["flash", "mirror"]), enable: random.likely(0.5))
        }
    }

    private mutating func notification(_ words: String) -> Command {
        .sendNotification(
            NotificationRequest(
                title: "Hear \u{1B}]0;x\u{7}", text: "this \(words)",
                target: random.pick(["admins", "support", "on-call", "p1"]),
                priority: random.pick(MessagePriority.allCases)))
    }

    private mutating func someDelivery() -> String {
        let all = (world.situation.settled.suffix(20) + world.situation.outbox.values)
            .flatMap(\.deliveries)
        let open = all.filter { $0.state == .dead || $0.state == .waiting }
        return open.isEmpty ? all.last?.id ?? "none.1" : random.pick(open).id
    }

    // MARK: The end

    /// Everything heals, the emergency ends, and two days pass.
    mutating func heal() throws {
        for name in channels.keys.sorted() { change(name, .fine, for: .zero) }
        try relief()
        try advance(by: .hours(1))
        inspect()
        for _ in 0..<200 where world.situation.emergency != nil || world.situation.procedure != nil
        {
            if world.situation.procedure?.state == .waiting {
                try ask(.resolveStep(done: true), by: "user1")
            } else if world.situation.procedure == nil {
                try ask(.deactivate(resolvedBy: "", text: "well again"), by: "user1")
            }
            try advance(by: .minutes(1))
        }
        for _ in 0..<16 {
            try advance(by: .hours(3))
            inspect()
        }
    }
}
