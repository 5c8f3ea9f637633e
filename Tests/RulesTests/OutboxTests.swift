// The outbox machine: who is told by which way, what happens when ways fail, and that nobody is told twice.
import Domain
import OrderedCollections
import Rules
import TestKit
import Testing

@Suite struct OutboxTests {
    /// Level 1 tells administrators by mail, then text, then chat.
    static func world(everyChannel: Bool = false) -> RulesWorld {
        RulesWorld(
            SampleRunbook.make { runbook in
                runbook.escalation[0].steps[0].via = ["mail", "text", "chat"]
                runbook.escalation[0].steps[0].everyChannel = everyChannel
            })
    }

    @Test func `an emergency is on its way to everybody with the deciding event`() throws {
        var world = Self.world()
        let kinds = try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        #expect(
            kinds == [
                "emergency-activated", "escalated", "message-queued", "delivery-started",
                "delivery-started",
            ])
        #expect(world.sending.map(\.channel) == ["mail", "mail"])
        #expect(world.sending.map(\.people) == [["ines"], ["tomas"]])
        let message = try #require(world.situation.outbox.values.first?.message)
        #expect(message.title == "LEVEL 1 CRITICAL: all down")
        #expect(message.text.contains("tocsin acknowledge"))
        #expect(message.facts.contains { $0.name == "Respond by" })
    }

    @Test func `delivered once, nothing else is sent`() throws {
        var world = Self.world()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.deliverAll()
        #expect(world.situation.outbox.isEmpty)
        #expect(world.arrived.map(\.channel) == ["mail", "mail"])
        try world.pass(.minutes(4))
        #expect(world.sending.isEmpty)
        let emergency = try #require(world.situation.emergency)
        let told = world.rules.told(of: emergency, in: world.situation)
        #expect(told.map(\.state) == [.told, .told])
    }

    @Test func `a failing channel hands over to the next at once, and the first success ends it`()
        throws
    {
        var world = Self.world()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        let first = try #require(world.sending.first)
        try world.end(first, .failed, "connection refused")
        // The same person, the next channel; the failed one waits.
        #expect(world.sending.contains { $0.people == ["ines"] && $0.channel == "text" })
        #expect(world.delivery(first.id)?.state == .waiting)
        let text = try #require(world.sending.first { $0.people == ["ines"] })
        try world.end(text, .delivered, "sent")
        #expect(world.delivery(first.id)?.state == .dropped)
        try world.pass(.minutes(3))
        #expect(world.arrived.filter { $0.people == ["ines"] }.count == 1)
    }

    @Test func `a channel without addresses is told once for everybody`() throws {
        var world = Self.world()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        for _ in 0..<2 {
            for delivery in world.sending { try world.end(delivery, .failed, "down") }
        }
        let chat = world.sending.filter { $0.channel == "chat" }
        #expect(chat.count == 1)
        try world.end(try #require(chat.first), .delivered)
        try world.pass(.minutes(4))
        #expect(world.arrived.count == 1)
    }

    @Test func `a channel without addresses tells everybody whose turn comes to it`() throws {
        var world = Self.world()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        // Ines fails twice and comes to the chat, before Tomas' mail has failed once.
        try world.end(try #require(world.sending.first { $0.people == ["ines"] }), .failed, "down")
        try world.end(try #require(world.sending.first { $0.people == ["ines"] }), .failed, "down")
        let chat = try #require(world.sending.first { $0.channel == "chat" })
        try world.end(chat, .delivered)
        while let next = world.sending.first { try world.end(next, .failed, "down") }
        let emergency = try #require(world.situation.emergency)
        let told = world.rules.told(of: emergency, in: world.situation)
        #expect(told.map(\.state) == [.told, .told])
        #expect(world.rules.notTold(world.situation).isEmpty)
    }

    @Test func `an address beside the matrix tells nobody of the matrix`() throws {
        let runbook = SampleRunbook.make { $0.people[1].sms = nil }
            .applying(LocalAlerts(webhook: ["http://127.0.0.1/extra"]))
        var world = RulesWorld(runbook)
        try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        while let hook = world.sending.first(where: { $0.channel.hasPrefix("local-") }) {
            try world.end(hook, .delivered)
        }
        for delivery in world.sending { try world.end(delivery, .failed, "down") }
        #expect(world.rules.notTold(world.situation).first?.contains("Tomas Lind") == true)
        // Nor does news of it, by all the ways that were used so far.
        try world.ask(.acknowledge(text: "", span: nil))
        while let hook = world.sending.first(where: { $0.channel.hasPrefix("local-") }) {
            try world.end(hook, .delivered)
        }
        while let mail = world.sending.first { try world.end(mail, .failed, "down") }
        #expect(world.rules.notTold(world.situation).first?.contains("Tomas Lind") == true)
        try world.pass(.minutes(10))
        #expect(world.sending.contains { $0.people == ["tomas"] })
    }

    @Test func `what waits for a channel goes out as soon as the channel works`() throws {
        var world = RulesWorld()
        let words = NotificationRequest(
            title: "Hello", text: "All", target: "administrator", via: ["mail"])
        try world.ask(.sendNotification(words))
        for _ in 0..<8 {
            while let next = world.sending.first { try world.end(next, .failed, "down") }
            try world.pass(.seconds(60))
        }
        while let next = world.sending.first { try world.end(next, .failed, "down") }
        let waiting = world.situation.outbox.values.flatMap(\.deliveries)
        #expect(waiting.count == 2 && waiting.allSatisfy { $0.notBefore > world.now })
        // Another message gets through: these need not wait out their pauses.
        try world.ask(.testAlerts(channel: "mail", target: nil))
        try world.end(try #require(world.sending.first), .delivered)
        #expect(world.sending.map(\.people) == [["ines"], ["tomas"]])
    }

    @Test func `a test is tried once, and the next one clears it away`() throws {
        var world = RulesWorld()
        try world.ask(.testAlerts(channel: "mail", target: nil))
        let first = try #require(world.sending.first)
        try world.end(first, .failed, "down")
        #expect(world.delivery(first.id)?.state == .dead)
        try world.ask(.testAlerts(channel: "mail", target: nil))
        #expect(world.delivery(first.id)?.state == .dropped)
        try world.deliverAll()
        #expect(world.arrived.count == 1)
    }

    @Test func `every channel at once where the step says so`() throws {
        var world = Self.world(everyChannel: true)
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        #expect(world.sending.map(\.channel) == ["mail", "text", "chat", "mail", "text"])
        try world.deliverAll()
        #expect(world.arrived.count == 5)
    }

    @Test func `pauses double with a jitter, and Retry-After is honoured`() throws {
        let pauses = (1...12).map { Rules.pause(after: $0, of: "message_20260105_001.1").seconds }
        for (index, pause) in pauses.enumerated() {
            let base = min(2 * Double(1 << index), 300)
            #expect(pause >= base * 0.75 && pause <= base * 1.25)
        }
        #expect(Set(pauses.map { $0 / 300 }).count > 8)
        var world = RulesWorld()
        try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        let delivery = try #require(world.sending.first)
        try world.ask(
            .deliveryEnded(
                delivery.id, attempt: 1,
                DeliveryOutcome(
                    end: .failed, detail: "429", retryAfter: .seconds(120), seconds: 0.1)))
        try world.pass(.seconds(119))
        #expect(world.sending.isEmpty)
        try world.pass(.seconds(2))
        #expect(world.sending.map(\.id) == [delivery.id])
        #expect(world.sending.first?.attempts == 2)
    }

    @Test func `refused everywhere is given up, shown, and tried again when a person says so`()
        throws
    {
        var world = RulesWorld()
        try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        let delivery = try #require(world.sending.first)
        try world.end(delivery, .refused, "550 no such user")
        #expect(world.delivery(delivery.id)?.state == .dead)
        #expect(world.situation.outbox.isEmpty)
        #expect(
            world.rules.notTold(world.situation) == [
                "NOT TOLD: Tomas Lind — mail: 550 no such user"
            ])
        try world.ask(.retryDelivery(id: delivery.id))
        #expect(world.sending.map(\.id) == [delivery.id])
        try world.end(try #require(world.sending.first), .delivered)
        #expect(world.rules.notTold(world.situation).isEmpty)
        #expect(refusedRule { try world.ask(.retryDelivery(id: delivery.id)) } == "not-waiting")
        #expect(refusedRule { try world.ask(.dismissDelivery(id: "x.1")) } == "unknown-delivery")
    }

    @Test func `a person without an address is named`() throws {
        var world = RulesWorld(SampleRunbook.make { $0.people[1].email = nil })
        let kinds = try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        #expect(kinds.contains("message-queued"))
        #expect(world.rules.notTold(world.situation).first?.contains("Tomas Lind") == true)
    }

    @Test func `after a day it is given up`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        let id = try #require(world.sending.first?.id)
        var attempts = 0
        while world.delivery(id)?.state != .dead, attempts < 2_000 {
            if let sending = world.sending.first {
                try world.end(sending, .failed, "connection refused")
                attempts += 1
            }
            try world.pass(.seconds(30))
        }
        // Every five minutes at most, so a day is some three hundred attempts.
        #expect(attempts > 200 && attempts < 600)
        #expect(world.delivery(id)?.trouble.contains("not delivered within 1d") == true)
    }

    @Test func `while a channel is down newer messages replace older ones`() throws {
        var world = Self.world()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        // Two hours of repeats every five minutes, with everything down.
        for _ in 0..<240 {
            for delivery in world.sending { try world.end(delivery, .failed, "no route") }
            try world.pass(.seconds(30))
        }
        let waiting = world.situation.outbox.values.flatMap(\.deliveries).filter {
            !$0.state.isOver
        }
        #expect(waiting.count <= 6)
        #expect(!world.rules.notTold(world.situation).isEmpty)
        // It comes back: each person hears once, with the titles of what they missed.
        for _ in 0..<60 {
            try world.deliverAll()
            try world.pass(.seconds(10))
        }
        let heard = Dictionary(grouping: world.arrived.filter { !$0.people.isEmpty }) { $0.people }
        #expect(heard.values.allSatisfy { $0.count <= 3 })
        #expect(world.arrived.contains { !$0.earlier.isEmpty })
    }

    @Test func `much fails at once: one message, one digest, one more when it is over`() throws {
        let triggers = (1...50).map { number in
            Trigger(
                name: "t\(number)",
                when: Condition(text: "reported p\(number)", expression: .reported("p\(number)")),
                holds: .zero, level: .high, failure: "many")
        }
        var world = RulesWorld(SampleRunbook.make { $0.triggers = triggers })
        for number in 1...50 {
            try world.condition("t\(number)", true)
            try world.deliverAll()
            try world.pass(.seconds(0.2))
        }
        try world.pass(.minutes(2))
        try world.deliverAll()
        #expect(world.arrived.count == 2)
        #expect(world.arrived.last?.earlier.count == Rules.Outbox.mostEarlier)
        for number in 1...50 { try world.condition("t\(number)", false) }
        try world.ask(.deactivate(resolvedBy: "", text: "all well"))
        try world.deliverAll()
        try world.pass(.hours(2))
        #expect(world.arrived.count == 3)
        #expect(world.messages.last?.purpose == .over)
    }

    @Test func `a raise is told at once to those who were told and to the new row`() throws {
        var world = RulesWorld()
        try world.condition("errors", true)
        try world.pass(.minutes(1))
        try world.deliverAll()
        #expect(world.arrived.map(\.people) == [["tomas"]])
        try world.condition("all-down", true)
        try world.deliverAll()
        let last = world.arrived.suffix(2)
        #expect(Set(last.flatMap(\.people)) == ["ines", "tomas"])
        #expect(world.arrived.count == 3)
        #expect(world.messages.last?.title.hasPrefix("LEVEL 1 CRITICAL") == true)
    }

    @Test func `a restart while it is sent sends it again, and says where it may come twice`()
        throws
    {
        var world = Self.world()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        let before = world.sending
        let kinds = try world.ask(.started(version: "1", pid: 2, boot: "b"))
        #expect(kinds.filter { $0 == "delivery-interrupted" }.count == 2)
        #expect(world.sending.map(\.id) == before.map(\.id))
        #expect(world.sending.allSatisfy { $0.mayRepeat && $0.attempts == 2 })
        // The end of the attempt that the old engine made is nobody's any more.
        #expect(
            try world.ask(
                .deliveryEnded(
                    before[0].id, attempt: 1,
                    DeliveryOutcome(end: .delivered, detail: "", seconds: 1))) == [])
    }

    @Test func `a command is not begun twice by a restart`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.channels = [
                    Channel(name: "mail", kind: .command(run: ["./tell"], input: "{{text}}"))
                ]
            })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        let delivery = try #require(world.sending.first)
        #expect(delivery.people == ["ines", "tomas"])
        let kinds = try world.ask(.started(version: "1", pid: 2, boot: "b"))
        #expect(!kinds.contains("delivery-interrupted"))
        #expect(
            world.rules.effects(
                of: .engineStarted(version: "1", pid: 2, boot: "b"), in: world.situation)
                == [.deliver(delivery.id, attempt: 1)])
    }

    @Test func `notices that hang do not keep an emergency from being told`() throws {
        var world = Self.world()
        for number in 1...20 {
            try world.ask(
                .sendNotification(
                    NotificationRequest(
                        title: "Notice \(number)", text: "Hm", target: "ines", via: ["mail"])))
        }
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        let titles = world.sending.compactMap { world.situation.delivery($0.id)?.0.message.title }
        #expect(titles.contains("LEVEL 1 CRITICAL: all down"), "\(titles)")
        #expect(world.sending.count == Rules.Outbox.mostByChannel)
    }

    @Test func `no channel is flooded`() throws {
        let people = (1...30).map { number in
            Person(
                id: "p\(number)", name: "Person \(number)", user: "p\(number)",
                email: "p\(number)@example.com")
        }
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.people += people
                runbook.roles.append(Role(name: "everybody", members: people.map(\.id)))
            })
        try world.ask(
            .sendNotification(
                NotificationRequest(title: "Hello", text: "All", target: "everybody", via: ["mail"])
            ))
        let limit = Rules.Outbox.mostByChannel - Rules.Outbox.keptByChannel
        #expect(world.sending.count == limit)
        var most = 0
        for _ in 0..<40 {
            most = max(most, world.sending.count)
            if let next = world.sending.first { try world.end(next, .delivered) }
        }
        #expect(most == limit)
        #expect(world.arrived.count == 30)
        #expect(Set(world.arrived.flatMap(\.people)).count == 30)
    }

    @Test func `the status page hears the newest only`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.statusPage = .http(HTTPRequest(url: .plain("http://127.0.0.1/status")))
            })
        try world.ask(.updateStatusPage(status: "degraded", text: "one"))
        let first = try #require(world.sending.first)
        try world.ask(.updateStatusPage(status: "degraded", text: "two"))
        try world.ask(.updateStatusPage(status: "operational", text: "three"))
        #expect(world.sending.map(\.id) == [first.id])
        try world.end(first, .failed, "500")
        try world.deliverAll()
        #expect(world.messages.filter { $0.purpose == .statusPage }.count == 3)
        #expect(world.arrivedMessages.map(\.text) == ["three"])
    }

    // MARK: Found by simulation

    @Test func `a failure after a restart goes on to the next channel, too`() throws {
        var world = Self.world()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        try world.ask(.started(version: "1", pid: 2, boot: "b"))
        let again = try #require(world.sending.first { $0.people == ["ines"] })
        try world.end(again, .failed, "connection refused")
        #expect(world.sending.contains { $0.people == ["ines"] && $0.channel == "text" })
        // And only to the next one, however often the first fails.
        try world.pass(.seconds(20))
        if let mail = world.sending.first(where: { $0.id == again.id }) {
            try world.end(mail, .failed, "connection refused")
        }
        #expect(
            world.situation.outbox.values.first?.deliveries.contains {
                $0.channel == "chat"
            } == false)
    }

    @Test func `a channel that others use already does not hide the one after it`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.escalation[0].steps[0].via = ["mail", "chat", "text"]
            })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        for delivery in world.sending { try world.end(delivery, .failed, "down") }
        let chat = try #require(world.sending.first { $0.channel == "chat" })
        try world.end(chat, .failed, "down")
        #expect(
            Set(world.sending.filter { $0.channel == "text" }.flatMap(\.people))
                == ["ines", "tomas"])
    }

    @Test func `whoever listens on an open channel was told there`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.escalation[0].steps[0].via = ["mail", "chat"]
            })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        for delivery in world.sending { try world.end(delivery, .failed, "down") }
        try world.end(try #require(world.sending.first { $0.channel == "chat" }), .delivered)
        #expect(world.rules.notTold(world.situation).isEmpty)
        #expect(world.situation.outbox.isEmpty)
    }

    @Test func `a newer message by fewer channels leaves the older one on its way`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.escalation[0].steps[0].via = ["mail", "text"]
                runbook.escalation[0].steps[1].via = ["mail"]
            })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        for _ in 0..<2 {
            for delivery in world.sending { try world.end(delivery, .failed, "down") }
        }
        for _ in 0..<12 {
            try world.pass(.seconds(30))
            for delivery in world.sending { try world.end(delivery, .failed, "down") }
        }
        // The text gateway works again; mail does not.
        for _ in 0..<30 {
            for delivery in world.sending {
                try world.end(delivery, delivery.channel == "text" ? .delivered : .failed, "down")
            }
            try world.pass(.seconds(20))
        }
        #expect(Set(world.arrived.flatMap(\.people)) == ["ines", "tomas"])
    }

    @Test func `after what may have arrived, another channel says that it may be a repeat`() throws
    {
        var world = Self.world()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        let mail = try #require(world.sending.first)
        try world.end(mail, .unclear, "no answer")
        let text = try #require(world.sending.first { $0.channel == "text" })
        #expect(text.mayRepeat)
    }

    @Test func `after the end nothing older of it is sent`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.escalation[0].steps[0].via = ["mail", "text"]
                runbook.escalation[0].steps[0].everyChannel = true
                runbook.escalation[0].steps.append(
                    EscalationStep(after: .zero, via: ["chat"]))
            })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        for delivery in world.sending where delivery.channel == "mail" {
            try world.end(delivery, .delivered)
        }
        let chat = try #require(world.sending.first { $0.channel == "chat" })
        try world.end(chat, .failed, "down")
        let texts = world.sending.filter { $0.channel == "text" }
        #expect(texts.count == 2)
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        let over = try #require(world.messages.last)
        for delivery in world.sending where delivery.message == over.id {
            try world.end(delivery, .delivered)
        }
        try world.end(texts[0], .failed, "late")
        try world.ask(.started(version: "1", pid: 2, boot: "b"))
        try world.pass(.hours(1))
        #expect(world.sending.isEmpty && world.situation.outbox.isEmpty)
        #expect(world.arrivedMessages.last?.purpose == .over)
    }

    @Test func `a message that was in flight is said with the newer one in truth`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        let first = try #require(world.sending.first { $0.people == ["ines"] })
        try world.condition("security", true)
        try world.end(first, .failed, "down")
        #expect(world.delivery(first.id)?.state == .dropped)
        try world.pass(.minutes(2))
        let next = try #require(world.sending.first { $0.people == ["ines"] })
        #expect(next.earlier == ["LEVEL 1 CRITICAL: all down"])
    }

    @Test func `a digest does not wait longer because the clock was set back`() throws {
        var world = RulesWorld()
        try world.condition("security", true)
        try world.deliverAll()
        world.now = world.now - .hours(2)
        try world.ask(.clockStepped(by: -7_200))
        try world.condition("all-down", true)
        try world.pass(.minutes(2))
        #expect(world.sending.count == 2)
    }

    @Test func `who was told hears of the end, however long it took`() throws {
        var world = RulesWorld(
            SampleRunbook.make { runbook in
                runbook.escalation[0].steps[1].repeatEvery = .minutes(1)
            })
        try world.ask(.activate(level: .critical, reason: "all down", triggeredBy: ""))
        for _ in 0..<300 {
            try world.deliverAll()
            try world.pass(.minutes(1))
        }
        #expect(world.situation.settled.count <= Situation.Limits.settledMessages)
        try world.deliverAll()
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        #expect(Set(world.sending.flatMap(\.people)) == ["ines", "tomas"])
    }

    @Test func `an emergency that goes on is news to those who heard of its end`() throws {
        var world = RulesWorld()
        try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        try world.deliverAll()
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        try world.deliverAll()
        try world.pass(.minutes(10))
        try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        try world.end(try #require(world.sending.first), .refused, "550")
        #expect(world.rules.notTold(world.situation).count == 1)
    }

    @Test func `whose address was taken away hears no more`() throws {
        let book = SampleRunbook.make()
        var world = RulesWorld(book.applying(LocalAlerts(sms: ["+15550199"])))
        try world.ask(.activate(level: .high, reason: "slow", triggeredBy: ""))
        try world.deliverAll()
        #expect(world.arrived.contains { $0.people == ["local-sms-1"] })
        world.rules = Rules(book.applying(LocalAlerts()))
        try world.ask(.deactivate(resolvedBy: "", text: ""))
        #expect(world.sending.map(\.people) == [["tomas"]])
    }
}
