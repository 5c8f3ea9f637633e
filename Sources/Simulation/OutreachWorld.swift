// The world of a simulation: an engine that can end, channels that break and heal, time, and receivers
// that know what truly arrived.
//
// Its own clock is true time, which the machine's clock (`world.now`) may be ahead of or behind.
import Domain
import OrderedCollections
import Rules
import TestKit

/// How a channel is.
enum Weather: CaseIterable {
    case fine, slow, failing, refusing, unclear, hanging, throttling, flaky
    var works: Bool { self == .fine || self == .slow }
}
struct ChannelStanding {
    var weather = Weather.fine
    /// In true time: when it changes by itself, and since when it works.
    var until: Timestamp?
    var worksSince: Timestamp
}
/// An attempt under way.
struct Flight {
    var delivery: Delivery
    var attempt: Int
    var endsAt: Timestamp
    var outcome: DeliveryOutcome
    var arrives: Bool
    /// The engine waits for its end.
    var isWatched = true
    /// It goes on when the engine ends, and the next engine learns how it ended.
    var outlivesEngine: Bool
}

struct OutreachLife {
    var random: SeededRandom
    var world: RulesWorld
    /// How far the machine's clock is ahead of true time.
    var skew = Span.zero
    var channels: [String: ChannelStanding] = [:]
    /// `channel/person`, for good.
    var refusedAddresses: Set<String> = []
    var flights: [Flight] = []
    var isUp = true
    /// When the step that runs ends.
    var stepEnds: Timestamp?
    var ledger = OutreachLedger()
    var faults: [String] = []
    /// What was asked of the rules.
    var steps = 0
    /// What is asked as a snapshot on the way, and with how many events.
    var snapshot: (situation: Situation, events: Int)?

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        world = RulesWorld()
        let book = OutreachRunbook.make(&random, at: world.now)
        world = RulesWorld(book)
        ledger.upSince = now
    }

    /// True time.
    var now: Timestamp { world.now - skew }
    var runbook: Runbook { world.rules.runbook }

    /// Everything that happened, in words.
    var story: [String] {
        world.events.map { entry in
            let sentence = world.rules.sentence(entry.event, in: world.situation)
            return "\(entry.at.rfc3339) \(entry.event.kind): \(sentence.text)"
        }
    }
    mutating func fault(_ text: String) {
        if faults.count < 5 { faults.append("\(now.rfc3339): \(text)") }
    }

    mutating func live(moves: Int) throws {
        try ask(.started(version: "1", pid: 1, boot: "a"))
        for move in 0..<moves {
            try self.move()
            try advance(by: pause())
            if move == moves / 2 {
                snapshot = (world.situation, world.events.count)
            }
            inspect()
            if !faults.isEmpty { return }
        }
        try heal()
        finalInspection()
    }

    private mutating func pause() -> Span {
        switch random.number(0...19) {
        case 0...9: random.seconds(0.1...120)
        case 10...15: random.seconds(60...3_600)
        case 16...18: random.seconds(3_600...43_200)
        default: random.seconds(43_200...200_000)
        }
    }

    // MARK: The engine

    /// - Throws: `Refusal`.
    mutating func ask(_ request: Request) throws {
        steps += 1
        for event in try world.rules.decide(request, in: world.situation, at: world.now) {
            let running = world.situation.procedure?.name
            world.situation.apply(event, at: world.now)
            world.situation.seq += 1
            world.events.append((world.now, event))
            see(event, running: running)
            for effect in world.rules.effects(of: event, in: world.situation) {
                if case .deliver(let id, let attempt) = effect { launch(id, attempt) }
            }
        }
        try watchReports()
    }
    mutating func ask(_ command: Command, by user: String) throws {
        try ask(.command(command, by: Caller(user: user, uid: 1000, pid: 1)))
    }

    /// The engine's watch on conditions that ask for reported problems.
    private mutating func watchReports() throws {
        for name in OutreachRunbook.problems {
            let holds = world.situation.reported[name] != nil
            let condition = ConditionName.trigger("alert-\(name)")
            if holds != (world.situation.conditions[condition] != nil) {
                let why = world.situation.reported[name]?.text ?? ""
                try ask(.conditionChanged(condition, holds: holds, why: why))
            }
        }
    }

    /// The engine ends and begins again after a while; what was being sent may have arrived or not.
    mutating func restart(after span: Span) throws {
        if random.likely(0.5) { try ask(.stopping) }
        let from = world.now
        isUp = false
        for flight in flights where !flight.outlivesEngine {
            if flight.arrives, random.likely(0.5) { arrive(flight) }
        }
        flights.removeAll { !$0.outlivesEngine }
        for index in flights.indices { flights[index].isWatched = false }
        stepEnds = stepEnds.map { max($0, now + span) }
        try advance(by: span)
        isUp = true
        ledger.upSince = now
        let away = span > .seconds(60) ? Absence(from: from, why: "the engine was off") : nil
        try ask(.started(version: "1", pid: 2, boot: "a", away: away))
        inspectSendings()
    }

    /// The machine sleeps; connections are as they were, or are found broken.
    mutating func sleep(for span: Span) throws {
        let from = world.now
        world.now = world.now + span
        ledger.upSince = now
        try ask(.gap(from: from, why: "the machine slept"))
        try advance(by: .zero)
    }

    mutating func setClock(by seconds: Double) throws {
        let span = Span(seconds: seconds)
        world.now = world.now + span
        skew = Span(seconds: skew.seconds + seconds)
        try ask(.clockStepped(by: seconds))
    }

    // MARK: Time

    mutating func advance(by span: Span) throws {
        let end = now + span
        var rounds = 0
        while true {
            rounds += 1
            if rounds > 200_000 { return fault("time does not pass") }
            var next = end
            if isUp {
                if let due = world.rules.nextDeadline(in: world.situation, after: world.now) {
                    next = min(next, due - skew)
                }
                if let stepEnds { next = min(next, stepEnds) }
            }
            for flight in flights where flight.isWatched || flight.endsAt > now {
                next = min(next, flight.endsAt)
            }
            for standing in channels.values { next = min(next, standing.until ?? end) }
            world.now = max(next, now) + skew
            clearWeather()
            try land()
            try endStep()
            if isUp { try ask(.tick) }
            if now >= end { return }
        }
    }

    private mutating func endStep() throws {
        guard isUp else { return }
        guard let running = world.running else {
            stepEnds = nil
            return
        }
        guard let due = stepEnds else {
            stepEnds = now + random.seconds(0.5...40)
            return
        }
        guard due <= now else { return }
        stepEnds = nil
        let end: StepOutcome.End =
            random.likely(0.9) ? .succeeded : random.likely(0.7) ? .failed : .unknown
        try ask(
            .stepEnded(
                procedure: running.id, running.address, undo: running.undo,
                StepOutcome(end: end, message: "so", seconds: 1)))
    }

    // MARK: Channels

    func standing(_ channel: String) -> ChannelStanding {
        channels[channel] ?? ChannelStanding(worksSince: Timestamp(milliseconds: 0))
    }
    mutating func change(_ channel: String, _ weather: Weather, for span: Span) {
        inspectObligations()
        var standing = standing(channel)
        if weather.works, !standing.weather.works { standing.worksSince = now }
        standing.weather = weather
        standing.until = weather == .fine ? nil : now + span
        channels[channel] = standing
    }
    private mutating func clearWeather() {
        for (name, standing) in channels.sorted(by: { $0.key < $1.key }) {
            if let until = standing.until, until <= now { change(name, .fine, for: .zero) }
        }
    }
    var routes: [String] {
        runbook.channels.map(\.name) + [
            OutboxMessage.statusPageChannel, OutboxMessage.ticketsChannel,
        ]
    }

    /// Hands a delivery over to its channel.
    private mutating func launch(_ id: String, _ attempt: Int) {
        if let known = flights.firstIndex(where: {
            $0.delivery.id == id && $0.attempt == attempt
        }) {
            if flights[known].isWatched { fault("\(id) is sent twice at once") }
            flights[known].isWatched = true
            flights[known].endsAt = max(flights[known].endsAt, now)
            return
        }
        guard let (_, delivery) = world.situation.delivery(id) else {
            return fault("\(id) is sent and unknown")
        }
        let (outcome, arrives) = attemptOutcome(delivery)
        flights.append(
            Flight(
                delivery: delivery, attempt: attempt,
                endsAt: now + Span(seconds: outcome.seconds), outcome: outcome, arrives: arrives,
                outlivesEngine: kind(delivery.channel)?.word == "command"))
    }
    /// Nil for the status page, for tickets, and for channels that are no more.
    func kind(_ channel: String) -> ChannelKind? {
        runbook.channels.first { $0.name == channel }?.kind
    }

    private mutating func attemptOutcome(
        _ delivery: Delivery
    ) -> (outcome: DeliveryOutcome, arrives: Bool) {
        func outcome(
            _ end: DeliveryOutcome.End, _ detail: String, _ span: Span, retry: Span? = nil
        ) -> DeliveryOutcome {
            DeliveryOutcome(end: end, detail: detail, retryAfter: retry, seconds: span.seconds)
        }
        guard world.rules.route(delivery.channel) != nil else {
            return (outcome(.refused, "no such channel", .seconds(0.01)), false)
        }
        let addressee = delivery.people.first ?? ""
        if refusedAddresses.contains("\(delivery.channel)/\(addressee)") {
            return (outcome(.refused, "550 no such user", random.seconds(0.1...3)), false)
        }
        var weather = standing(delivery.channel).weather
        if weather == .flaky { weather = random.pick([.fine, .fine, .failing, .unclear]) }
        switch weather {
        case .fine, .flaky:
            let receipt = random.likely(0.8) ? "taken" : ""
            return (outcome(.delivered, receipt, random.seconds(0.05...2)), true)
        case .slow: return (outcome(.delivered, "taken", random.seconds(5...29)), true)
        case .failing: return (outcome(.failed, "refused", random.seconds(0.01...5)), false)
        case .refusing: return (outcome(.refused, "403", random.seconds(0.1...3)), false)
        case .unclear:
            return (outcome(.unclear, "no answer", random.seconds(1...30)), random.likely(0.5))
        case .hanging: return (outcome(.failed, "timeout", .seconds(30)), false)
        case .throttling:
            return (
                outcome(
                    .failed, "429", random.seconds(0.1...2),
                    retry: random.likely(0.7) ? random.seconds(1...600) : nil), false
            )
        }
    }

    /// Attempts whose time has come end.
    private mutating func land() throws {
        while let index = flights.firstIndex(where: { $0.endsAt <= now && $0.isWatched }) {
            let flight = flights.remove(at: index)
            if flight.arrives { arrive(flight) }
            try ask(
                .deliveryEnded(flight.delivery.id, attempt: flight.attempt, flight.outcome))
        }
    }
}
