// What a message is called, whatever its title says already.
import Domain
import Testing

@testable import Outreach

@Suite struct WordingTests {
    private func wording(
        _ purpose: MessagePurpose, _ title: String, text: String = "", level: Level? = .high
    ) -> Wording {
        Wording(
            order: order(
                .channel(Channel(name: "x", kind: .slack(url: .plain("")))), purpose: purpose,
                level: level, title: title, text: text))
    }

    @Test(arguments: [
        (MessagePurpose.emergency, "web is down", "LEVEL 2 HIGH: web is down"),
        (.emergency, "LEVEL 2 HIGH: web is down", "LEVEL 2 HIGH: web is down"),
        (.emergency, "Level 2 High: web is down", "LEVEL 2 HIGH: web is down"),
        (.emergency, "You command now: web is down", "LEVEL 2 HIGH: You command now: web is down"),
        (.update, "RAISED to level 2 High: x", "RAISED to level 2 High: x"),
        (.update, "Acknowledged no more: x", "LEVEL 2 HIGH: Acknowledged no more: x"),
        (.acknowledged, "Acknowledged by Ines: x", "Acknowledged by Ines: x"),
        (.acknowledged, "Priya commands now: x", "Acknowledged: Priya commands now: x"),
        (.over, "Over: x", "Over: x"), (.over, "x", "Over: x"),
        (.over, "Over: Over: x", "Over: x"),
        (.emergency, "LEVEL 2 HIGH: LEVEL 2 HIGH: x", "LEVEL 2 HIGH: x"),
        (.test, "Test of mail: all is well", "[TEST] Test of mail: all is well"),
        (.procedure, "ROLLBACK INITIATED", "ROLLBACK INITIATED"), (.users, "x", "x"),
    ])
    func `a headline says what it is once`(
        purpose: MessagePurpose, title: String, headline: String
    ) {
        #expect(wording(purpose, title).headline == headline)
        #expect(wording(purpose, title).subject == "[vedfolnir] \(headline)")
    }
    @Test func `a message without a level has none in its headline`() {
        #expect(wording(.emergency, "x", level: nil).headline == "x")
    }
    @Test func `how to acknowledge is said once, and not to whom it was handed`() {
        let usual = wording(.emergency, "x")
        #expect(usual.lines.contains("To acknowledge: tocsin acknowledge"))
        let told = wording(.emergency, "x", text: "Take it within 15m: tocsin acknowledge")
        #expect(!told.lines.contains("To acknowledge"))
        #expect(told.short(limit: 320).hasSuffix("To acknowledge: tocsin acknowledge"))
        var handed = order(.channel(Channel(name: "x", kind: .slack(url: .plain("")))))
        handed.message.values = [NamedText(name: "status", text: "handed-over")]
        #expect(!Wording(order: handed).short(limit: 320).contains("acknowledge"))
        for purpose in MessagePurpose.allCases where purpose != .emergency {
            #expect(!wording(purpose, "x").lines.contains("acknowledge"))
        }
    }
    @Test func `what arrives late says when it was written`() throws {
        for purpose in MessagePurpose.allCases {
            var late = order(
                .channel(Channel(name: "x", kind: .command(run: ["x"], input: "{{text}}"))),
                purpose: purpose)
            late.message.at = late.at - .seconds(61)
            let note = "Written at \(late.message.at.timeOfDay) UTC, delivered late."
            let isForUs = ![.users, .ticket, .statusPage].contains(purpose)
            let wording = Wording(order: late)
            #expect(wording.lines.contains(note) == isForUs, "\(purpose)")
            #expect(wording.short(limit: 320).contains("UTC, late)") == isForUs)
            #expect(MailText(wording: wording, footer: "").text.contains(note) == isForUs)
            #expect(MailHTML(wording: wording, footer: "").text.contains(note) == isForUs)
            guard case .run(_, let input) = try commandWork(late) else {
                Issue.record("it is no program")
                continue
            }
            #expect(input?.contains(note) == isForUs)
            late.message.at = late.at - .seconds(60)
            #expect(Wording(order: late).lateNote.isEmpty)
        }
    }
    @Test(arguments: MessagePurpose.allCases)
    func `nobody is asked for what is done already`(purpose: MessagePurpose) {
        var whole = order(
            .channel(Channel(name: "x", kind: .slack(url: .plain("")))), purpose: purpose)
        whole.message.facts = ["Level", "Next", "Proposed", "Respond by", "Failing"].map {
            NamedText(name: $0, text: "x")
        }
        let names = Wording(order: whole).facts.map(\.name)
        let isDone = purpose == .over || purpose == .acknowledged
        #expect(names.count == (isDone ? 2 : 5) && names.first == "Level")
    }
    @Test(arguments: [10, 40, 160, 320, 1000])
    func `a text keeps to its limit`(limit: Int) {
        let title = String(repeating: "👩‍🚒 é ", count: 40)
        let text = wording(.emergency, title).short(limit: limit)
        if limit >= 160 { #expect(text.utf16.count <= limit) }
        #expect(text.hasPrefix("vedfolnir LEVEL 2 HIGH: "))
        #expect(text.hasSuffix("To acknowledge: tocsin acknowledge"))
    }
}
