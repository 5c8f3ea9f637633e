// The runbook of a simulated service: people, roles, shifts, channels and a matrix that a seed makes up.
import Domain
import TestKit

enum OutreachRunbook {
    static let problems = ["p1", "p2", "p3", "p4"]
    static let bursts = (1...12).map { "burst-\($0)" }

    static func make(_ random: inout SeededRandom, at start: Timestamp) -> Runbook {
        var made = SampleRunbook.make { runbook in
            runbook.rollback = nil
            runbook.channels = channels(&random)
            runbook.people = people(&random)
            runbook.roles = roles(runbook.people, &random)
            runbook.onCall = rotations(runbook, &random, start)
            runbook.escalation = matrix(runbook, &random)
            runbook.triggers = triggers(&random)
            runbook.recovery = RecoveryDefinition()
        }
        if random.likely(0.5) {
            made.tickets = TicketSystem(request: HTTPRequest(url: .plain("http://127.0.0.1/t")))
        }
        if random.likely(0.5) {
            made.statusPage = .http(HTTPRequest(url: .plain("http://127.0.0.1/status")))
        }
        made.fallbacks.append(
            Fallback(
                name: "mirror", title: "Mirror", enable: [SampleRunbook.run("Up", "mirror")],
                disable: [SampleRunbook.run("Down", "mirror")], test: []))
        for index in made.levels.indices where random.likely(0.3) {
            made.levels[index].fallbacks = random.likely(0.5) ? ["flash"] : ["mirror", "flash"]
        }
        return made.applying(local(&random))
    }

    /// Addresses beside the matrix.
    static func local(_ random: inout SeededRandom) -> LocalAlerts {
        guard random.likely(0.6) else { return LocalAlerts() }
        return LocalAlerts(
            email: random.likely(0.5) ? ["extra@example.com"] : [],
            sms: random.likely(0.3) ? ["+15550199"] : [],
            webhook: random.likely(0.7) ? ["http://127.0.0.1/hook"] : [])
    }

    private static func channels(_ random: inout SeededRandom) -> [Channel] {
        let kinds: [ChannelKind] = [
            .email(EmailChannel(server: "smtp://127.0.0.1:25", from: "t@example.com")),
            .sms(HTTPRequest(url: .plain("http://127.0.0.1/sms"))),
            .webhook(url: .plain("http://127.0.0.1/hook"), secret: nil),
            .slack(url: .plain("http://127.0.0.1/chat")),
            .ntfy(url: .plain("http://127.0.0.1/ntfy"), token: nil),
            .pagerduty(routingKey: .plain("key"), url: nil),
            .alertmanager(url: .plain("http://127.0.0.1/am")),
            .command(run: ["./tell"], input: nil),
        ]
        let count = random.number(1...6)
        var result = (1...count).map { number in
            // Mail and text more often than the others: they have addresses.
            let kind = random.likely(0.5) ? kinds[random.number(0...1)] : random.pick(kinds)
            return Channel(name: "c\(number)-\(kind.word)", kind: kind)
        }
        if random.likely(0.5) {
            result.append(
                Channel(
                    name: "users", kind: .ntfy(url: .plain("http://127.0.0.1/users"), token: nil)))
        }
        return result
    }

    private static func people(_ random: inout SeededRandom) -> [Person] {
        (1...random.number(2...8)).map { number in
            Person(
                id: "p\(number)", name: "Person \(number)",
                user: number == 1 || random.likely(0.85) ? "user\(number)" : "",
                email: random.likely(0.8) ? "p\(number)@example.com" : nil,
                sms: random.likely(0.6) ? "+1555010\(number)" : nil)
        }
    }

    private static func roles(_ people: [Person], _ random: inout SeededRandom) -> [Role] {
        let ids = people.map(\.id)
        func some() -> [String] { ids.filter { _ in random.likely(0.4) } }
        return [
            Role(name: "senior", members: ["p1"] + some().filter { $0 != "p1" }),
            Role(name: "system", members: some()),
            Role(name: "administrator", includes: ["senior", "system"]),
            Role(name: "support", members: some(), includes: random.likely(0.4) ? ["system"] : []),
            Role(name: "on-call", members: some()),
            Role(name: "viewer", members: ["*"]),
        ]
    }

    private static func rotations(
        _ runbook: Runbook, _ random: inout SeededRandom, _ start: Timestamp
    ) -> [OnCallRotation] {
        var result: [OnCallRotation] = []
        for role in ["on-call", "system"] where random.likely(0.5) {
            result.append(
                OnCallRotation(
                    role: role, rotate: random.likely(0.5) ? .daily : .weekly,
                    from: start + .hours(Double(random.number(-100...100))),
                    order: (1...random.number(1...4)).map { _ in random.pick(runbook.people).id }))
        }
        return result
    }

    private static func matrix(
        _ runbook: Runbook, _ random: inout SeededRandom
    ) -> [EscalationRow] {
        let names = runbook.channels.map(\.name).filter { $0 != "users" }
        let targets =
            ["senior", "system", "administrator", "support", "on-call"] + runbook.people.map(\.id)
        return Level.allCases.compactMap { level in
            guard random.likely(0.9) else { return nil }
            var after = random.likely(0.8) ? 0.0 : 2
            let steps = (0..<random.number(1...4)).map { _ in
                var step = EscalationStep(
                    after: .minutes(after),
                    notify: (0..<random.number(1...2)).map { _ in random.pick(targets) },
                    via: Array(names.shuffled(using: &random).prefix(random.number(1...3))),
                    repeatEvery: random.likely(0.4)
                        ? .minutes(random.pick([5.0, 12, 60])) : nil,
                    ticket: random.likely(0.3), everyChannel: random.likely(0.2))
                if random.likely(0.1) { (step.notify, step.via, step.ticket) = ([], [], true) }
                after += random.pick([0.0, 3, 5, 10, 45])
                return step
            }
            return EscalationRow(level: level, steps: steps)
        }
    }

    private static func triggers(_ random: inout SeededRandom) -> [Trigger] {
        let reported = problems.map { name in
            Trigger(
                name: "alert-\(name)",
                when: Condition(text: "reported \(name)", expression: .reported(name)),
                holds: .seconds(random.pick([0.0, 0, 30, 300])),
                level: random.pick(Level.allCases), failure: name)
        }
        let bursts = bursts.map { name in
            Trigger(
                name: name,
                when: Condition(
                    text: "x > 1",
                    expression: .comparison(.greater, .metric("x"), .number(1))),
                holds: .seconds(random.pick([0.0, 0, 5])), level: random.pick(Level.allCases),
                failure: "burst")
        }
        return reported + bursts
    }
}

/// Who a target of the matrix means at a moment, worked out another way than the rules do.
struct OutreachDirectory {
    let runbook: Runbook
    let overrides: [OnCallOverride]

    func people(_ targets: [String], at moment: Timestamp) -> Set<String> {
        Set(targets.flatMap { one($0, at: moment) })
    }
    /// The login names that are obeyed: who is on call does not matter.
    var administrators: Set<String> {
        let ids = members("administrator")
        return Set(runbook.people.filter { ids.contains($0.id) && !$0.user.isEmpty }.map(\.user))
    }
    private func one(_ target: String, at moment: Timestamp) -> [String] {
        var standIn: String?
        for override in overrides
        where override.role == target && override.from <= moment && moment < override.until {
            standIn = override.person
        }
        if let standIn { return [standIn] }
        if let shift = runbook.onCall.first(where: { $0.role == target }), moment >= shift.from {
            let day = 86_400_000
            let length = Int64(shift.rotate == .daily ? day : 7 * day)
            let turn = (moment.milliseconds - shift.from.milliseconds) / length
            return [shift.order[Int(turn) % shift.order.count]]
        }
        let found = members(target)
        return found.isEmpty && runbook.people.contains { $0.id == target } ? [target] : found
    }
    private func members(_ target: String) -> [String] {
        var open = [target]
        var seen: Set<String> = []
        var found: [String] = []
        while let name = open.popLast() {
            guard seen.insert(name).inserted,
                let role = runbook.roles.first(where: { $0.name == name })
            else { continue }
            found += role.members.filter { $0 != "*" }
            open += role.includes
        }
        return found
    }
}

extension SeededRandom {
    mutating func likely(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &self) < share }
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[Int.random(in: choices.indices, using: &self)]
    }
    mutating func seconds(_ range: ClosedRange<Double>) -> Span {
        Span(seconds: (Double.random(in: range, using: &self) * 1000).rounded() / 1000)
    }
}
