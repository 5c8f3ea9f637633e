// The life of an emergency: acknowledged for a while, handed over, reopened, its fallbacks and its clocks.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct LifeTests {
    @Test func `an acknowledgement runs out, and the clock and the escalation go on`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.pass(.minutes(3))
        try world.ask(.acknowledge(text: "looking", span: .minutes(30)))
        let until = try #require(world.situation.emergency?.acknowledgedUntil)
        #expect(until == world.now + .minutes(30))
        #expect(!(try world.pass(.minutes(29))).contains("escalated"))
        let kinds = try world.pass(.minutes(1))
        #expect(kinds.first == "acknowledgement-expired")
        let open = try #require(world.situation.emergency)
        #expect(open.acknowledgedBy == nil)
        // Three of five minutes were gone when it was acknowledged: two are left.
        #expect(open.respondBy == world.now + .minutes(2))
        #expect(!(try world.pass(.seconds(119))).contains("escalated"))
        #expect(try world.pass(.seconds(2)).contains("escalated"))
    }

    @Test func `whoever holds it may say anew for how long, others may not`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.ask(.acknowledge(text: "", span: .minutes(5)))
        try world.ask(.acknowledge(text: "", span: .minutes(50)))
        #expect(world.situation.emergency?.acknowledgedUntil == world.now + .minutes(50))
        #expect(
            refusedRule { try world.ask(.acknowledge(text: "", span: nil), by: "tomas") }
                == "acknowledged-already")
        #expect(
            refusedRule { try world.ask(.acknowledge(text: "", span: .hours(25))) } == "bad-time")
        try world.ask(.acknowledge(text: "", span: nil))
        #expect(world.situation.emergency?.acknowledgedUntil == nil)
    }

    @Test func `command is handed over to an administrator and to nobody else`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.deliverAll()
        try world.ask(.acknowledge(text: "", span: .minutes(5)))
        try world.ask(.handOver(to: "Tomas Lind", text: "I have to sleep"))
        let open = try #require(world.situation.emergency)
        #expect(open.acknowledgedBy == "tomas")
        #expect(
            world.messages.contains {
                $0.title.hasPrefix("You command now") && $0.people == ["tomas"]
            })
        #expect(
            refusedRule { try world.ask(.handOver(to: "tomas", text: "")) } == "commands-already")
        #expect(
            refusedRule { try world.ask(.handOver(to: "vera", text: "")) } == "administrators-only")
        #expect(
            refusedRule { try world.ask(.handOver(to: "nobody", text: "")) } == "unknown-person")
        // Tomas may be asleep: he has the level's response time to take it.
        #expect(open.acknowledgedUntil == world.now + .minutes(5))
        #expect(open.heldSince == world.now)
        var asleep = world
        #expect(try asleep.pass(.minutes(5)).contains("acknowledgement-expired"))
        var awake = world
        try awake.ask(.acknowledge(text: "", span: nil), by: "tomas")
        #expect(!(try awake.pass(.minutes(30))).contains("acknowledgement-expired"))
        // Whoever it was taken from may take it back.
        try world.ask(.handOver(to: "ines", text: ""), by: "ines")
        #expect(world.situation.emergency?.acknowledgedBy == "ines")
    }

    @Test func `an acknowledgement is told to the others, not to who gave it`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.deliverAll()
        try world.ask(.acknowledge(text: "on it", span: nil), by: "tomas")
        try world.deliverAll()
        let last = try #require(world.arrived.last)
        #expect(last.people == ["ines"])
        #expect(world.messages.last?.title.hasPrefix("Acknowledged by Tomas Lind") == true)
        #expect(!world.arrived.contains { $0.people == ["tomas"] && $0.message == last.message })
    }

    @Test func `what has not reached somebody is spared them once they have acknowledged`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        let mine = try #require(world.sending.first { $0.people == ["ines"] })
        try world.end(mine, .failed, "down")
        try world.ask(.acknowledge(text: "", span: nil))
        #expect(world.delivery(mine.id)?.state == .dropped)
    }

    @Test func `within an hour the same emergency goes on`() throws {
        var world = RulesWorld()
        try world.condition("errors", true)
        try world.pass(.minutes(1))
        let id = try #require(world.situation.emergency?.id)
        try world.ask(.acknowledge(text: "", span: nil))
        try world.condition("errors", false)
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        #expect(world.situation.past.map(\.id) == [id])
        try world.pass(.minutes(59))
        let kinds = try world.ask(
            .activate(level: .critical, reason: "back again", triggeredBy: ""))
        #expect(kinds.first == "emergency-reopened")
        let open = try #require(world.situation.emergency)
        #expect(open.id == id && open.reopenings == 1 && open.level == .critical)
        #expect(open.acknowledgedBy == nil && open.triggers.isEmpty)
        #expect(world.situation.past.isEmpty)
        try world.ask(.deactivate(resolvedBy: "", text: "done"))
        try world.pass(.minutes(60))
        #expect(
            try world.ask(.activate(level: nil, reason: "new", triggeredBy: "")).first
                == "emergency-activated")
        #expect(world.situation.emergency?.id != id)
        #expect(world.situation.emergency?.level == .critical)
    }

    @Test func `a worse trigger raises a reopened emergency as it did the first time`() throws {
        var world = RulesWorld()
        try world.condition("errors", true)
        try world.pass(.minutes(1))
        try world.condition("all-down", true)
        #expect(world.situation.emergency?.level == .critical)
        try world.condition("errors", false)
        try world.condition("all-down", false)
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        try world.condition("errors", true)
        try world.pass(.minutes(1))
        #expect(world.situation.emergency?.level == .high)
        try world.condition("all-down", true)
        #expect(world.situation.emergency?.level == .critical)
        #expect(world.situation.emergency?.triggers == ["errors", "all-down"])
    }

    @Test func `the end of what still fails says so`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.deliverAll()
        try world.ask(.deactivate(resolvedBy: "", text: "known"))
        let over = try #require(world.messages.last)
        #expect(over.title.hasPrefix("Over, STILL FAILING: "))
        #expect(over.text.contains("STILL FAILING: all-down"))
    }

    @Test func `whoever has answered is not one of those who were not told`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        for delivery in world.sending { try world.end(delivery, .failed, "down") }
        #expect(world.rules.notTold(world.situation).count == 2)
        try world.ask(.acknowledge(text: "", span: .minutes(30)))
        while let next = world.sending.first { try world.end(next, .failed, "down") }
        #expect(world.rules.notTold(world.situation).map { $0.contains("Tomas") } == [true])
    }

    @Test func `a trigger reopens too, and the escalation begins anew`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        let id = try #require(world.situation.emergency?.id)
        try world.condition("all-down", false)
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        try world.pass(.minutes(10))
        try world.condition("all-down", true)
        #expect(world.situation.emergency?.id == id)
        #expect(world.events.filter { $0.event.kind == "escalated" }.count == 2)
    }

    @Test func `another failure within the hour is another emergency`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                for index in runbook.triggers.indices {
                    runbook.triggers[index].failure = runbook.triggers[index].name
                }
            })
        try world.condition("all-down", true)
        let id = try #require(world.situation.emergency?.id)
        try world.condition("all-down", false)
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        try world.condition("errors", true)
        try world.pass(.minutes(1))
        let other = try #require(world.situation.emergency)
        #expect(other.id != id && other.reopenings == 0 && other.attempts.isEmpty)
    }

    @Test func `what comes back was not mended by any attempt so far`() throws {
        var world = RulesWorld()
        try world.condition("all-down", true)
        try world.ask(.recover(action: SampleRunbook.make().actions[0].name))
        try world.condition("all-down", false)
        while world.running != nil { try world.end() }
        try world.pass(.minutes(1))
        #expect(world.situation.emergency?.failedAttempts == 0)
        try world.condition("all-down", true)
        #expect(world.situation.emergency?.failedAttempts == 1)
    }

    @Test func `deactivation names everything that still fails`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .high, reason: "odd", triggeredBy: ""))
        try world.ask(
            .probesChanged([
                ProbeChange(
                    probe: ProbeReference(component: "host", probe: "main"), to: .failed,
                    message: "full")
            ]))
        try world.ask(.reportProblem(kind: "security", text: ""))
        let failing = world.rules.stillFailing(
            try #require(world.situation.emergency), in: world.situation)
        #expect(failing == ["reported security", "component host"])
        #expect(
            refusedRule { try world.ask(.deactivate(resolvedBy: "", text: " ")) } == "still-failing"
        )
        try world.ask(.deactivate(resolvedBy: "", text: "false alarm"))
        #expect(world.situation.emergency == nil)
    }

    @Test func `a level's fallbacks are enabled on activation and disabled after the end`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in runbook.levels[0].fallbacks = ["flash"] })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        #expect(world.running?.step.step.name == "On")
        try world.end()
        #expect(world.situation.enabledFallbacks == ["flash"])
        #expect(world.situation.procedure == nil)
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        #expect(world.running?.step.step.name == "Off")
        try world.end()
        #expect(world.situation.enabledFallbacks.isEmpty)
        #expect(world.situation.fallbacksToEnd.isEmpty)
    }

    @Test func `a fallback that a person enabled stays, and one that fails is tried once`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in runbook.levels[0].fallbacks = ["flash"] })
        try world.ask(.switchFallback("flash", enable: true))
        try world.end()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        #expect(world.situation.procedure == nil)
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        #expect(world.situation.enabledFallbacks == ["flash"])
        try world.ask(.switchFallback("flash", enable: false))
        try world.end()
        try world.pass(.hours(2))
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.end(.failed, "broken")
        try world.pass(.minutes(30))
        #expect(world.situation.procedure == nil)
        #expect(world.started.filter { $0 == "On" }.count == 2)
    }

    @Test func `on-call overrides decide who is told, for their time`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.onCall = [
                    OnCallRotation(
                        role: "system-administrator", rotate: .weekly,
                        from: Timestamp(milliseconds: 1_767_571_200_000), order: ["tomas", "ines"])
                ]
            })
        try world.ask(
            .overrideOnCall(
                role: "system-administrator", person: "vera", from: nil,
                until: world.now + .hours(2)))
        #expect(
            world.rules.people(of: ["system-administrator"], in: world.situation, at: world.now)
                == ["vera"])
        try world.pass(.hours(2))
        #expect(
            world.rules.people(of: ["system-administrator"], in: world.situation, at: world.now)
                == ["tomas"])
        #expect(
            refusedRule {
                try world.ask(
                    .overrideOnCall(
                        role: "system-administrator", person: "vera", from: nil, until: world.now))
            } == "bad-time")
        let id = try #require(world.situation.onCallOverrides.first?.id)
        try world.ask(.endOnCallOverride(id: id))
        #expect(refusedRule { try world.ask(.endOnCallOverride(id: id)) } == "unknown-override")
    }

    @Test func `after a gap what fell due is done once`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.deliverAll()
        let asleep = world.now
        world.now = world.now + .hours(3)
        let kinds = try world.ask(.gap(from: asleep, why: "the machine slept"))
        #expect(kinds.first == "gap-noticed")
        #expect(kinds.filter { $0 == "escalated" }.count == 1)
        try world.deliverAll()
        #expect(try world.pass(.minutes(4)).filter { $0 == "escalated" }.isEmpty)
        #expect(try world.pass(.minutes(1)).filter { $0 == "escalated" }.count == 1)
    }

    @Test func `a clock that is set moves every clock that runs`() throws {
        for step in [-3600.0, 86_400.0] {
            var world = RulesWorld()
            try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
            try world.deliverAll()
            try world.pass(.minutes(2))
            world.now = world.now + Span(seconds: step)
            #expect(try world.ask(.clockStepped(by: step)) == ["clock-stepped"])
            #expect(world.situation.emergency?.respondBy == world.now + .minutes(3))
            #expect(!(try world.pass(.seconds(179))).contains("escalated"))
            #expect(try world.pass(.seconds(2)).contains("escalated"))
        }
    }

    @Test func `whoever asked for patience gets it, however the clock is set`() throws {
        for step in [-86_400.0, 86_400.0] {
            var world = RulesWorld()
            let words = NotificationRequest(
                title: "Hello", text: "All", target: "administrator", via: ["mail"])
            try world.ask(.sendNotification(words))
            let first = try #require(world.sending.first)
            try world.ask(
                .deliveryEnded(
                    first.id, attempt: 1,
                    DeliveryOutcome(
                        end: .failed, detail: "429", retryAfter: .minutes(5), seconds: 0.1)))
            world.now = world.now + Span(seconds: step)
            try world.ask(.clockStepped(by: step))
            #expect(world.delivery(first.id)?.failedAt == world.now)
            // The channel works for others.
            try world.deliverAll()
            #expect(world.delivery(first.id)?.notBefore == world.now + .minutes(5))
        }
    }

    @Test func `since when somebody holds it moves with the clock`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.ask(.acknowledge(text: "", span: nil))
        world.now = world.now + .hours(-2)
        try world.ask(.clockStepped(by: -7_200))
        #expect(world.situation.emergency?.heldSince == world.now)
    }

    @Test func `what was given up leaves room for who has heard of the emergency`() throws {
        var world = RulesWorld()
        func tell(_ title: String) throws {
            let words = NotificationRequest(
                title: title, text: "All", target: "administrator", via: ["mail"])
            try world.ask(.sendNotification(words))
        }
        for number in 1...Situation.Limits.settledMessages + 5 {
            try tell("News \(number)")
            while let next = world.sending.first { try world.end(next, .refused, "550") }
        }
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.deliverAll()
        let emergency = try #require(world.situation.emergency)
        #expect(
            world.rules.told(of: emergency, in: world.situation).map(\.state) == [.told, .told])
        // They hear of its end because they have heard of it.
        try tell("Heard")
        try world.deliverAll()
        let kept = world.situation.settled.map(\.message.title)
        #expect(kept.contains("Heard"))
        #expect(kept.contains("News \(Situation.Limits.settledMessages + 5)"))
        #expect(kept.count == Situation.Limits.settledMessages)
        // What failed stays longer than what did not.
        for number in 1...Situation.Limits.settledMessages {
            try tell("More \(number)")
            try world.deliverAll()
        }
        let later = world.situation.settled.map(\.message.title)
        #expect(!later.contains("Heard"))
        #expect(later.contains("News \(Situation.Limits.settledMessages + 5)"))
        #expect(
            world.rules.told(of: emergency, in: world.situation).map(\.state) == [.told, .told])
    }

    @Test func `alerts report a problem until the last of them resolves`() throws {
        var world = RulesWorld()
        let caller = Caller(user: "alertmanager", uid: 0, pid: 1)
        func alert(_ print: String, _ firing: Bool) -> Request {
            .alerts(
                [
                    IncomingAlert(
                        problem: "security", fingerprint: print, isFiring: firing, text: "odd login"
                    )
                ], by: caller)
        }
        #expect(try world.ask(alert("a", true)).first == "alert-fired")
        #expect(try world.ask(alert("a", true)) == [])
        try world.ask(alert("b", true))
        try world.ask(alert("a", false))
        #expect(world.situation.reported["security"] != nil)
        try world.ask(alert("b", false))
        #expect(world.situation.reported["security"] == nil)
        // A person's report stays, whatever alerts say.
        try world.ask(alert("c", true))
        try world.ask(.reportProblem(kind: "security", text: "seen it"))
        try world.ask(alert("c", false))
        #expect(world.situation.reported["security"]?.byPerson == true)
    }

    @Test func `tests go to who asks, by every channel but the users'`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.channels.append(
                    Channel(name: "users", kind: .command(run: ["./tell"], input: nil)))
            })
        try world.ask(.testAlerts(channel: nil, target: nil), by: "tomas")
        try world.deliverAll()
        #expect(world.arrived.map(\.channel) == ["mail", "text", "chat"])
        #expect(world.arrived.map(\.people) == [["tomas"], ["tomas"], []])
        #expect(world.messages.allSatisfy { $0.purpose == .test })
    }

    @Test func `a ticket's number stays with its emergency`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.tickets = TicketSystem(
                    request: HTTPRequest(url: .plain("http://127.0.0.1/tickets")))
                runbook.escalation.append(
                    EscalationRow(level: .low, steps: [EscalationStep(after: .zero, ticket: true)]))
            })
        try world.ask(.activate(level: .low, reason: "slow", triggeredBy: ""))
        let ticket = try #require(world.sending.first)
        #expect(ticket.channel == OutboxMessage.ticketsChannel)
        try world.end(ticket, .delivered, "OPS-7")
        #expect(world.situation.emergency?.ticket == "OPS-7")
    }

    // MARK: Found by simulation

    @Test func `a level that was set while acknowledged does not begin in the future`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        try world.ask(.acknowledge(text: "", span: .hours(1)))
        try world.pass(.minutes(50))
        try world.ask(.setLevel(.critical, reason: "worse"))
        #expect(try world.pass(.minutes(10)).contains("escalated"))
        #expect(world.situation.emergency?.levelSince == world.now)
        #expect(world.situation.emergency?.respondBy == world.now + .minutes(5))
    }

    @Test func `a step by hand while acknowledged does not put its repetition off`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.ask(.acknowledge(text: "", span: .hours(1)))
        try world.pass(.minutes(59))
        try world.ask(.escalate(text: ""))
        try world.pass(.minutes(1))
        #expect(try world.pass(.minutes(5)).contains("escalated"))
    }

    @Test func `a level that is set again begins its row anew`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.ask(.setLevel(.low, reason: "not so bad"))
        try world.pass(.hours(3))
        #expect(try world.ask(.setLevel(.critical, reason: "it is")).contains("escalated"))
        #expect(!(try world.pass(.seconds(299))).contains("escalated"))
        #expect(try world.pass(.seconds(2)).contains("escalated"))
    }

    @Test func `fallbacks that wait for their end are disabled by the next emergency's end`() throws
    {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.fallbacks.append(
                    Fallback(
                        name: "mirror", title: "Mirror",
                        enable: [SampleRunbook.run("Up", "mirror")],
                        disable: [SampleRunbook.run("Down", "mirror")], test: []))
                runbook.levels[0].fallbacks = ["flash", "mirror"]
            })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.end()
        try world.end()
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        // The first one takes hours to be disabled.
        try world.pass(.hours(2))
        try world.ask(.activate(level: .low, reason: "something else", triggeredBy: ""))
        try world.end()
        #expect(world.situation.enabledFallbacks == ["mirror"])
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        try world.end()
        #expect(world.situation.enabledFallbacks.isEmpty)
    }

    @Test func `one ticket, also when the system gives it no number`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.tickets = TicketSystem(
                    request: HTTPRequest(url: .plain("http://127.0.0.1/tickets")))
                runbook.escalation[0].steps[1].ticket = true
            })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        for _ in 0..<3 {
            try world.pass(.minutes(5))
            try world.deliverAllWithoutReceipt()
        }
        #expect(world.messages.filter { $0.purpose == .ticket }.count == 1)
    }
}

extension RulesWorld {
    fileprivate mutating func deliverAllWithoutReceipt() throws {
        while let next = sending.first { try end(next, .delivered) }
    }
}
