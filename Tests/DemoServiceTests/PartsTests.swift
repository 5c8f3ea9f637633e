// The small parts: passwords, templates, settings, rates, flash messages.
import TestKit
import Testing

@testable import DemoService

@Suite struct PartsTests {
    @Test func `passwords are hashed as RFC 7914 shows`() {
        // The first block of the vectors in section 11.
        #expect(
            Passwords.hexadecimal(Passwords.hash("passwd", salt: Array("salt".utf8), rounds: 1))
                == "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
        #expect(
            Passwords.hexadecimal(
                Passwords.hash("Password", salt: Array("NaCl".utf8), rounds: 80_000))
                == "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56")
        #expect(Passwords.equal([1, 2], [1, 2]))
        #expect(!Passwords.equal([1, 2], [1, 3]))
        #expect(!Passwords.equal([1, 2], [1]))
        #expect(Passwords.token() != Passwords.token())
    }

    @Test func `templates escape what they are filled with`() {
        let templates = Templates(files: ["t": "<p>{{a}} {{ b }}{{c}}{{unknown}} {{open"])
        let page = templates.page(
            "t", ["a": .text("<&\"'>"), "b": .text("{{c}}"), "c": .markup("<br>")])
        #expect(page == "<p>&lt;&amp;&quot;&#39;&gt; {{c}}<br> {{open")
        #expect(templates.page("missing", [:]) == "")
    }

    @Test func `settings that cannot be used are told`() {
        var problems: [String] = []
        let settings = UnifiedSettings.read(
            manager: "# slower\n per_second = 2 \ntries=0\nkeep=many\n",
            router: "parcel=1\nletter=2\nurgent=parcel\n", problems: &problems)
        #expect(settings.perSecond == 2)
        #expect(settings.tries == UnifiedSettings().tries)
        #expect(settings.categories.map(\.name) == ["parcel"])
        #expect(settings.urgent == ["parcel"])
        #expect(problems.count == 3)
        #expect(problems[0].hasPrefix("unified/manager.conf: tries=0"))
        #expect(problems[2].hasPrefix("unified/router.conf: letter=2"))
    }

    @Test func `rates are those of the last seconds`() {
        var ends = RecentEnds()
        let start = ContinuousClock.now
        #expect(ends.rates(at: start) == (100, 0))
        for index in 0..<8 { ends.add(good: index % 4 != 0, at: start) }
        #expect(ends.rates(at: start + .seconds(5)) == (75, 25))
        ends.add(good: true, at: start + .seconds(6))
        #expect(ends.rates(at: start + .seconds(6)) == (100, 0))
        #expect(ends.delivered == 7)
    }

    @Test func `a flash message that nobody fetched has failed`() {
        let box = FlashBox()
        for number in 0..<12 { box.add(Flash(category: "info", text: "\(number)"), to: "mei") }
        #expect(box.numbers().pending == 10)
        #expect(box.numbers().errorRate == 100)
        #expect(box.take("mei").map(\.text) == (2..<12).map { "\($0)" })
        #expect(box.take("mei") == [])
        #expect(box.numbers().pending == 0)
        #expect(box.numbers().delivered == 10)
    }

    @Test func `news comes at its rate, and not all at once after a sleep`() {
        var desk = NewsDesk(
            users: ["mei"], perSecond: 8, categories: [("parcel", 1), ("outage", 1)],
            only: ["outage"])
        let news = desk.news(seconds: 0.25, now: 7) + desk.news(seconds: 0.3, now: 8)
        #expect(news.count == 4)
        #expect(news.allSatisfy { $0.category == "outage" && $0.user == "mei" })
        #expect(desk.news(seconds: 3600, now: 9).count <= 9)
        var nobody = NewsDesk(users: [], perSecond: 8, categories: [("parcel", 1)])
        #expect(nobody.news(seconds: 1, now: 0) == [])
    }
}
