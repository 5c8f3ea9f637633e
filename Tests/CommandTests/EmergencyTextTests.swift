// Who knows, who is on call, and what an activation says beside its events.
import ArgumentParser
import Domain
import Testing
import Wire

@testable import tocsin

private func render(_ lines: [Line]) -> String {
    lines.map(Paper(width: nil, colour: false, ascii: false).render).joined(separator: "\n")
}

@Suite struct EmergencyTextTests {
    @Test func `an activation without a level says that the worst was taken and how to lower it`() {
        let answer = CommandAnswer(events: [event(1, "emergency-activated")], messages: ["m1"])
        let text = render(
            ActivateEmergency.remarks(answer, taken: LevelReport(number: 1, name: "Critical")))
        #expect(text.contains("the worst, 1 Critical, was taken"))
        #expect(text.contains("tocsin set-level 2 --reason"))
        #expect(text.contains("1 message is on the way: tocsin outbox"))
        let low = render(
            ActivateEmergency.remarks(answer, taken: LevelReport(number: 4, name: "Low")))
        #expect(!low.contains("set-level"))
        #expect(
            render(ActivateEmergency.remarks(answer, taken: nil))
                == render([
                    Line("1 message is on the way: tocsin outbox")
                ]))
    }

    @Test func `that a message has begun to be sent is no news to who caused it`() {
        let lines = causedLines([event(1, "message-queued"), event(2, "delivery-started")])
        #expect(lines.count == 1 && render(lines).contains("message-queued"))
    }

    @Test func `an emergency that goes on says so`() {
        let answer = CommandAnswer(events: [event(1, "emergency-reopened", emergency: "e1")])
        #expect(
            render(ActivateEmergency.remarks(answer, taken: nil))
                == "It goes on as e1, which ended less than an hour ago.")
    }

    @Test func `status says who was told, who was not, and until when it is acknowledged`() {
        var open = emergency(acknowledgedBy: "ines")
        open.acknowledgedUntil = after(1860)
        open.ticket = "COUR-12"
        open.reopenings = 1
        open.told = [
            ToldReport(person: "Ines", state: .told, channel: "text", at: noon),
            ToldReport(person: "Tomas", state: .waiting, channel: "mail"),
            ToldReport(
                person: "Priya", state: .failing, channel: "mail", trouble: "connection refused"),
            ToldReport(person: "Oren", state: .unreachable, channel: "", trouble: "no address"),
        ]
        var whole = situation(emergency: open)
        whole.core.line = LineReport(status: "emergency_active", message: "Call at ten")
        whole.core.outbox = OutboxReport(waiting: 2, retrying: 1)
        let text = render(StatusText(whole).lines)
        for words in [
            "» emergency_active: Call at ten",
            "acknowledged by ines until 12:31:00 UTC, 30 m left · ticket COUR-12 · reopened 1 time",
            "✖ cannot be told: Oren: no address",
            "▲ not told yet: Priya by mail: connection refused", "told: Ines (text)",
            "being told: Tomas (mail)", "Outbox: 2 messages on the way · 1 failing so far",
        ] {
            #expect(text.contains(words), "no “\(words)” in\n\(text)")
        }
        #expect(!render(StatusText(situation()).lines).contains("Outbox"))
    }

    @Test func `handing over says whether the new commander knows`() {
        let told = MessageReport(id: "m1", purpose: .emergency, people: ["Carl"], missed: [])
        let others = MessageReport(id: "m2", purpose: .acknowledged, people: ["Ines"], missed: [])
        let answer = CommandAnswer(events: [], messages: ["m2", "m1"], queued: [others, told])
        #expect(HandOver.message(answer) == told)
        #expect(HandOver.message(CommandAnswer(events: [], queued: [others])) == nil)
        #expect(
            HandOver.complaint(DeliveryStanding(messages: ["m1"], deliveries: []), told)
                == "handed over, but Carl has not been told: no answer yet; telephone them")
        var lost = told
        lost.missed = ["Carl"]
        let nobody = DeliveryStanding(messages: ["m1"], deliveries: [], unreachable: ["Carl"])
        #expect(
            HandOver.complaint(nobody, lost)
                == "handed over, but Carl has not been told: no channel reaches them; "
                + "telephone them")
    }

    @Test func `only what held before can hold no more`() {
        var declared = emergency()
        declared.stillHolding = []
        let byHand = render(StatusText(situation(emergency: declared)).lines)
        #expect(!byHand.contains("nothing holds any more"))
        #expect(byHand.contains("declared by a person: nothing that is watched fails"))
        declared.triggers = ["delivery-errors"]
        #expect(
            render(StatusText(situation(emergency: declared)).lines)
                .contains("nothing holds any more: it can be deactivated"))
    }

    @Test func `whoever acknowledged is called by their name`() {
        var open = emergency(acknowledgedBy: "root")
        open.acknowledgedByName = "Ines Moreau"
        let text = render(StatusText(situation(emergency: open)).lines)
        #expect(text.contains("acknowledged by Ines Moreau") && !text.contains("root"))
    }

    @Test func `an emergency that was taken up again is one, and open until it ends again`() {
        var events = [
            event(1, "emergency-activated", emergency: "e1"), event(2, "handed-over", at: 20),
            event(3, "emergency-deactivated", at: 90),
            event(4, "emergency-reopened", emergency: "e1", at: 100),
        ]
        let open = Emergencies.entries(events)
        #expect(open.map(\.seconds) == [nil] && open.map(\.reopenings) == [1])
        #expect(open.first?.acknowledgedAt == after(20))
        events.append(event(5, "emergency-deactivated", at: 200))
        #expect(Emergencies.entries(events).map(\.seconds) == [200])
    }
}

@Suite struct EmergencyListTests {
    func said(
        _ seq: Int, _ kind: String, _ text: String, level: Int? = nil, at seconds: Double
    ) -> EventReport {
        var event = event(seq, kind, emergency: "emergency_1", at: seconds)
        event.text = text
        event.level = level
        return event
    }

    @Test func `an emergency is told by its worst level, who took it and how it ended`() {
        let entries = Emergencies.entries([
            said(
                1, "emergency-activated", "emergency emergency_1 activated at level 3 Medium: slow",
                level: 3, at: 0),
            said(2, "level-changed", "level is now 1 Critical: worse", level: 1, at: 10),
            said(
                3, "emergency-acknowledged", "acknowledged by Ines Moreau until 12:30:00 UTC: mine",
                at: 20),
            said(4, "level-changed", "level is now 2 High: better", level: 2, at: 30),
            said(
                5, "emergency-deactivated", "emergency deactivated, resolved by ines: mended",
                at: 90),
        ])
        #expect(entries.map(\.level) == [1] && entries.map(\.acknowledgedBy) == ["Ines Moreau"])
        #expect(
            render(Emergencies.lines(entries)) == """
                2026-01-05 12:00:00  emergency_1  level 1  1 m 30 s
                    slow · acknowledged by Ines Moreau after 20 s · resolved by ines: mended
                """)
    }
}

extension EmergencyListTests {
    @Test func `who was given an emergency has not acknowledged it by that`() {
        let open = Emergencies.entries([
            said(
                1, "emergency-activated", "emergency emergency_1 activated at level 2 High: a: b",
                level: 2, at: 0),
            said(
                2, "handed-over",
                "handed over to Oren Katz, who has until 12:15:00 UTC to take it: call", at: 20),
        ])
        #expect(
            render(Emergencies.lines(open))
                .hasSuffix("open\n    a: b · handed over to Oren Katz after 20 s"))
    }
}

@Suite struct MatrixTextTests {
    let row = EscalationReport(
        level: 1, name: "Critical", means: "Nothing arrives", respondWithinSeconds: 300,
        inForce: true,
        steps: [
            EscalationStepReport(
                afterSeconds: 0, repeatEverySeconds: nil, roles: ["administrator"],
                people: ["Ines", "Tomas"], via: ["mail", "text"], ticket: true, takenAt: noon,
                times: 1, dueAt: nil),
            EscalationStepReport(
                afterSeconds: 300, repeatEverySeconds: 300, roles: ["senior"], people: ["Ines"],
                via: ["text"], ticket: false, takenAt: nil, times: 0, dueAt: after(300)),
        ])

    @Test func `the matrix says who is meant now, what was done, the clock and the channels`() {
        var core = situation(emergency: emergency()).core
        core.escalation = [row]
        core.channels = [
            ChannelReport(name: "mail", kind: "email", state: .works, deliveredAt: noon),
            ChannelReport(
                name: "text", kind: "sms", state: .failing, trouble: "503", waiting: 2),
            ChannelReport(name: "hook", kind: "webhook", state: .unused),
        ]
        let text = render(EscalationMatrix.lines(core))
        for words in [
            "emergency_20260105_001  not acknowledged: respond within 14 m",
            "▶ 1 Critical  respond within 5 m  Nothing arrives",
            "Ines, Tomas (administrator) + ticket by mail, text", "told 2026-01-05 12:00:00 ×1",
            "after 5 m, then every 5 m", "due in 4 m", "●  mail  email    works",
            "delivered 1 m ago", "✖  text  sms      fails", "503 · 2 waiting", "not used yet",
        ] {
            #expect(text.contains(words), "no “\(words)” in\n\(text)")
        }
        #expect(render(EscalationMatrix.lines(situation().core)).contains("no escalation matrix"))
    }
}

@Suite struct OnCallTests {
    let shift = OnCallReport(
        role: "system-administrator", now: "Priya", next: "Tomas", handOverAt: after(7200),
        override: "override_1", overriddenBy: "ines", insteadOf: "Ines",
        overrides: [
            OverrideReport(id: "override_1", person: "Priya", from: noon, until: after(3600)),
            OverrideReport(id: "override_2", person: "Oren", from: after(3600), until: after(7200)),
        ])

    @Test func `a shift says who, instead of whom, and who is next`() {
        let text = render(OnCall.lines([shift], after(0)))
        for words in [
            "system-administrator  Priya instead of Ines until 13:00 UTC, then Oren  "
                + "then Tomas from 2026-01-05 14:00:00 UTC, in 2 h", "▶  Priya",
            "2026-01-05 12:00:00 to 2026-01-05 13:00:00 UTC  override_1",
            "override_2",
        ] {
            #expect(text.contains(words), "no “\(words)” in\n\(text)")
        }
        #expect(render(OnCall.lines([], noon)).contains("no such"))
    }

    @Test func `after a stand-in whoever it stands for comes back, unless the shift has changed`() {
        var alone = shift
        alone.overrides = [shift.overrides[0]]
        #expect(
            render(OnCall.lines([alone], noon)).contains(
                "Priya instead of Ines until 13:00 UTC, then Ines  then Tomas from"))
        alone.overrides[0].until = after(26 * 3600)
        #expect(
            render(OnCall.lines([alone], noon)).contains(
                "Priya instead of Ines until 2026-01-06 14:00 UTC  then Tomas from"))
    }

    func request(_ line: String, roles: [String]) throws -> CommandRequest {
        var core = situation(at: 0).core
        core.onCall = roles.map { OnCallReport(role: $0, now: "", next: "", handOverAt: noon) }
        return try OnCall.parse(line.split(separator: " ").map(String.init)).request(core)
    }

    @Test func `a stand-in lasts until a moment or for a time`() throws {
        let now = try request("--override tomas --for 8h", roles: ["admin"])
        #expect(now.command == "override-on-call" && now.target == "tomas" && now.role == "admin")
        #expect(now.from == nil && now.until == after(8 * 3600))
        let later = try request(
            "--override tomas --from 2026-01-05T20:00:00Z --for 1h", roles: ["admin"])
        #expect(later.until == "2026-01-05T21:00:00.000Z")
        let fixed = try request(
            "--override tomas --role b --until 2026-01-06T08:00:00Z", roles: ["a", "b"])
        #expect(fixed.role == "b" && fixed.until == "2026-01-06T08:00:00Z")
    }

    @Test func `which rotation is asked for where it is not clear`() {
        for roles in [[], ["a", "b"]] {
            let failure = #expect(throws: Failure.self) {
                try request("--override tomas --for 8h", roles: roles)
            }
            #expect(failure?.status(.act) == 64)
        }
    }
}
