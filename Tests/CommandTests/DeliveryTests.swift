// Following messages to their end: who was reached, what is waited for, and what is said about it.
import ArgumentParser
import Domain
import Testing
import Wire

@testable import tocsin

private func delivery(
    _ id: String, _ state: DeliveryState, to people: [String] = ["Ines"],
    by channel: String = "mail",
    attempts: Int = 1, trouble: String = "", receipt: String = "", ended: Double? = nil,
    mayRepeat: Bool = false
) -> DeliveryReport {
    DeliveryReport(
        id: id, message: String(id.prefix { $0 != "." }), purpose: .notification, emergency: nil,
        title: "Title", channel: channel, kind: channel == "mail" ? "email" : "sms",
        people: people, state: state, attempts: attempts, queuedAt: noon,
        nextAt: state == .waiting ? after(30) : nil, endedAt: ended.map { after($0) },
        trouble: trouble, receipt: receipt, mayRepeat: mayRepeat)
}

private func start(_ deliveries: [DeliveryReport]) -> StreamLine {
    var whole = situation()
    whole.deliveries = deliveries
    return start(whole)
}
private func change(_ deliveries: [DeliveryReport]) -> StreamLine {
    StreamLine(change: SituationChange(time: noon, deliveries: deliveries))
}
private func render(_ lines: [Line]) -> String {
    lines.map(Paper(width: nil, colour: false, ascii: false).render).joined(separator: "\n")
}

@Suite struct DeliveryFollowerTests {
    func follow(
        _ lines: [StreamLine], of messages: [String] = ["m1"],
        until: DeliveryFollower.Until = .itsEnd
    ) -> DeliveryFollower {
        var follower = DeliveryFollower(messages: messages, until: until)
        lines.forEach { follower.take($0) }
        return follower
    }

    @Test func `nothing is over before the engine has said something`() {
        #expect(!follow([]).isOver)
        #expect(!follow([change([])]).isOver)
    }

    @Test func `a message is over when every delivery of it is, and of no other`() {
        let waiting = start([
            delivery("m1.1", .sending), delivery("m1.2", .waiting), delivery("m2.1", .waiting),
        ])
        #expect(!follow([waiting]).isOver)
        let one = change([delivery("m1.1", .delivered)])
        #expect(!follow([waiting, one]).isOver)
        let both = follow([waiting, one, change([delivery("m1.2", .delivered)])])
        #expect(both.isOver && both.deliveries.map(\.id) == ["m1.1", "m1.2"])
        #expect(
            !follow([waiting, one, change([delivery("m1.2", .dead)])], of: ["m1", "m2"]).isOver)
    }

    @Test func `a channel that takes over is waited for too`() {
        let follower = follow([
            start([delivery("m1.1", .sending)]),
            change([
                delivery("m1.1", .dead, trouble: "no"), delivery("m1.2", .waiting, by: "text"),
            ]),
        ])
        #expect(!follower.isOver)
    }

    @Test func `the end of a delivery is kept when another engine has forgotten it`() {
        let follower = follow([start([delivery("m1.1", .delivered)]), start([])])
        #expect(follower.isOver && follower.standing.isComplete)
    }

    @Test func `a test is over with its first attempt`() {
        let failing = delivery("m1.1", .waiting, trouble: "connection refused")
        let fresh = delivery("m1.1", .waiting, attempts: 0)
        #expect(follow([start([failing])], until: .itsFirstAttempt).isOver)
        #expect(!follow([start([fresh])], until: .itsFirstAttempt).isOver)
        #expect(!follow([start([failing])], until: .itsEnd).isOver)
    }
}

@Suite struct DeliveryStandingTests {
    func standing(_ deliveries: [DeliveryReport], _ messages: [String] = ["m1"]) -> DeliveryStanding
    {
        DeliveryStanding(messages: messages, deliveries: deliveries)
    }

    @Test func `who was told by one channel was told`() {
        let both = standing([
            delivery("m1.1", .dead), delivery("m1.2", .delivered, by: "text"),
            delivery("m1.3", .dropped, by: "push"),
        ])
        #expect(both.isComplete && both.reached == ["Ines"])
    }

    @Test func `everybody must be told`() {
        let half = standing([
            delivery("m1.1", .delivered), delivery("m1.2", .dead, to: ["Oren", "Ines"]),
        ])
        #expect(!half.isComplete && half.reached == ["Ines"] && half.missed == ["Oren"])
    }

    @Test func `a channel for nobody in particular is told itself`() {
        #expect(standing([delivery("m1.1", .delivered, to: [], by: "page")]).reached == ["page"])
        #expect(standing([delivery("m1.1", .dead, to: [], by: "page")]).missed == ["page"])
    }

    @Test func `two channels for nobody in particular do not stand for each other`() {
        let two = standing([
            delivery("m1.1", .delivered, to: [], by: "page"),
            delivery("m1.2", .dead, to: [], by: "chat"),
        ])
        #expect(two.reached == ["page"] && two.missed == ["chat"])
    }

    @Test func `a message that nobody gets, and one that was dropped, reached nobody`() {
        #expect(!standing([]).isComplete)
        #expect(!standing([delivery("m1.1", .dropped)]).isComplete)
        #expect(!standing([delivery("m1.1", .delivered)], ["m1", "m2"]).isComplete)
    }

    @Test func `what is still tried and what was given up are told apart`() {
        let trying = standing([delivery("m1.1", .waiting, trouble: "no route")])
        #expect(DeliveryText.complaints(trying) == ["✖ not told yet: Ines (no route)"])
        #expect(DeliveryText.remedy(trying).contains("tocsin outbox"))
        let lost = standing([delivery("m1.1", .dead, trouble: "550 no such user")])
        #expect(DeliveryText.complaints(lost) == ["✖ not told: Ines (550 no such user)"])
        #expect(DeliveryText.remedy(lost).contains("tocsin outbox --retry m1.1"))
    }

    @Test func `whom no channel reaches is named, and it is no success`() {
        let some = DeliveryStanding(
            messages: ["m1"], deliveries: [delivery("m1.1", .delivered)],
            unreachable: ["Priya", "Oren"])
        #expect(!some.isComplete && some.reached == ["Ines"] && some.missed == ["Priya", "Oren"])
        #expect(
            DeliveryText.complaints(some) == [
                "✖ not told: Priya, Oren — no channel reaches them"
            ])
        let nobody = DeliveryStanding(messages: ["m1"], deliveries: [], unreachable: ["Priya"])
        #expect(!nobody.isComplete && nobody.missed == ["Priya"])
        #expect(DeliveryText.complaints(nobody) == ["✖ not told: Priya — no channel reaches them"])
        #expect(DeliveryText.remedy(nobody) == "See who has which address: tocsin contacts")
    }
}

@Suite struct DeliveryTextTests {
    @Test func `a line says by which channel, to whom, and what came of it`() {
        let text = render(
            DeliveryText.lines([
                delivery("m1.1", .delivered, receipt: "250 queued as 7", ended: 1.2),
                delivery("m1.2", .delivered, by: "text", mayRepeat: true),
                delivery("m1.3", .dead, to: ["Oren"], attempts: 4, trouble: "550 no such user"),
                delivery("m1.4", .waiting, to: ["Priya"], attempts: 2, trouble: "timed out"),
                delivery("m1.5", .dropped, to: ["Tomas"], trouble: "told by text"),
            ]))
        for words in [
            "✔  mail  Ines   delivered", "250 queued as 7 · 1.2 s", "delivered, perhaps twice",
            "✖  mail  Oren   given up", "550 no such user · 4 attempts",
            "▲  mail  Priya  failing", "timed out · 2 attempts · again at 12:00:30 UTC",
            "–  mail  Tomas  not needed", "told by text",
        ] {
            #expect(text.contains(words), "no “\(words)” in\n\(text)")
        }
    }

    @Test func `a ticket is told by its number`() {
        var follower = DeliveryFollower(messages: ["m1"])
        follower.take(start([delivery("m1.1", .delivered, to: [], receipt: "COUR-12")]))
        #expect(render([CreateIncident.ticket(follower)].compactMap(\.self)) == "● Ticket COUR-12")
        var mute = DeliveryFollower(messages: ["m1"])
        mute.take(start([delivery("m1.1", .delivered, to: [])]))
        #expect(render([CreateIncident.ticket(mute)].compactMap(\.self)).contains("no number"))
    }

    @Test func `a test is healthy, degraded, failed or unknown`() {
        let good = delivery("m1.1", .delivered)
        let bad = delivery("m1.2", .waiting, trouble: "refused")
        let mute = delivery("m1.3", .sending)
        #expect(TestAlerts.state([good, good]) == .healthy)
        #expect(TestAlerts.state([good, bad]) == .degraded)
        #expect(TestAlerts.state([good, mute]) == .degraded)
        #expect(TestAlerts.state([bad, mute]) == .failed)
        #expect(TestAlerts.state([mute]) == .unknown)
        #expect(TestAlerts.state([]) == .unknown)
    }

    @Test func `a test's table has its heads and a row for each channel`() {
        let text = render(
            TestAlerts.lines([
                delivery("m1.1", .delivered, receipt: "250 ok", ended: 0.31),
                delivery("m1.2", .dead, by: "text", trouble: "401"),
            ]))
        for words in ["channel  kind", "mail     email  Ines  arrived  0.31", "250 ok", "refused"] {
            #expect(text.contains(words), "no “\(words)” in\n\(text)")
        }
    }

    @Test func `the outbox says what waits, for how long, and which channel fails`() {
        var core = situation(at: 90).core
        core.outbox = OutboxReport(waiting: 1, sending: 1, retrying: 1, dead: 1)
        core.channels = [
            ChannelReport(name: "mail", kind: "email", state: .failing, trouble: "no route"),
            ChannelReport(name: "text", kind: "sms", state: .works),
        ]
        let text = render(
            OutboxCommand.lines(
                [
                    delivery("m1.1", .waiting, trouble: "no route"),
                    delivery("m1.2", .dead, trouble: "550"),
                ], core))
        for words in [
            "▲  failing   mail  Ines\n     m1.1 · for 1 m 30 s · no route · again at 12:00:30 UTC · Title",
            "✖  given up  mail  Ines\n     m1.2 · 550 · 1 attempt · Title",
            "2 messages on the way · 1 failing so far · 1 given up",
            "✖ mail (email) fails: no route",
        ] {
            #expect(text.contains(words), "no “\(words)” in\n\(text)")
        }
        #expect(!text.contains("text (sms)"))
        #expect(render(OutboxCommand.lines([], core)).contains("Nothing waits"))
    }
}

@Suite struct ConfigureAlertsTests {
    let present = LocalAlerts(email: ["a@x.example", "b@x.example"], sms: ["+1"], webhook: [])
    func wanted(_ line: String) throws -> LocalAlerts {
        try ConfigureAlerts.parse(line.split(separator: " ").map(String.init)).wanted(present)
    }

    @Test func `addresses are added once, and the others stay`() throws {
        #expect(
            try wanted("--email b@x.example c@x.example --webhook https://w.example")
                == LocalAlerts(
                    email: ["a@x.example", "b@x.example", "c@x.example"], sms: ["+1"],
                    webhook: ["https://w.example"]))
    }
    @Test func `addresses are taken away, one or all`() throws {
        #expect(
            try wanted("--remove a@x.example +1") == LocalAlerts(email: ["b@x.example"]))
        #expect(try wanted("--clear") == LocalAlerts())
        #expect(try wanted("--clear --sms +2") == LocalAlerts(sms: ["+2"]))
    }
    @Test func `an address that is not there cannot be taken away`() {
        #expect(throws: Failure.self) { try wanted("--remove z@x.example") }
    }
    @Test func `what is configured is told with the file`() {
        let text = render(ConfigureAlerts.lines(present, "/r/alerts.local.yaml"))
        #expect(text.contains("mail  a@x.example") && text.contains("SMS   +1"))
        #expect(text.hasSuffix("/r/alerts.local.yaml"))
        #expect(render(ConfigureAlerts.lines(LocalAlerts(), "")).contains("Nobody"))
    }
}
