// The small parts: times, numbers, fields, the finding of commands.
import Domain
import Screen
import Testing

@testable import Dashboard

@Suite struct TimesTests {
    @Test(arguments: [
        (0.0, "00:00"), (59.9, "00:59"), (252, "04:12"), (3600, "1:00:00"), (-5, "00:05"),
        (Double.nan, "--:--"), (1e12, "999:59:59"),
    ])
    func `a clock`(seconds: Double, text: String) { #expect(Times.clock(seconds) == text) }

    @Test(arguments: [(0.2, "00:01"), (1.0, "00:01"), (0.0, "00:00"), (59.1, "01:00")])
    func `a countdown counts the second that has begun`(seconds: Double, text: String) {
        #expect(Times.countdown(seconds) == text)
    }
    @Test(arguments: [
        (45.0, "45 s"), (60, "1 m"), (3599, "59 m"), (3600, "1 h"), (15_120, "4 h 12 m"),
        (273_600, "3 d 4 h"), (172_800, "2 d"), (-1, "0 s"),
    ])
    func `a length of time as one says it`(seconds: Double, text: String) {
        #expect(Times.spoken(seconds) == text)
    }
    @Test func `times of day are UTC, and what is no time stays as it is`() {
        #expect(Times.ofDay("2026-01-05T14:03:27.120Z") == "14:03:27")
        #expect(Times.ofDay("2026-01-05T14:03:27+02:00") == "12:03:27")
        #expect(Times.ofDay("soon") == "soon")
        #expect(Times.dayAndTime("2026-01-05T14:03:27Z") == "05 Jan 14:03")
        #expect(Times.minutes(3600) == "60:00" && Times.minutes(7200) == "2:00:00")
    }
    @Test(arguments: [
        (412.0, "412"), (76.9, "76.9"), (3, "3"), (3.254, "3.25"), (1214, "1 214"),
        (-1_234_567, "-1 234 567"), (0, "0"), (99.96, "100"), (-0.001, "0"), (1e300, "—"),
        (.infinity, "—"),
    ])
    func `numbers are short`(value: Double, text: String) { #expect(Numbers.short(value) == text) }

    @Test func `latencies and ordinals`() {
        #expect(Numbers.latency(milliseconds: 12.3) == "12 ms")
        #expect(Numbers.latency(milliseconds: 0.44) == "0.4 ms")
        #expect(Numbers.latency(milliseconds: 1250) == "1.25 s")
        #expect(
            [1, 2, 3, 4, 11, 12, 13, 21, 102].map(Numbers.ordinal)
                == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd"])
    }
}

@Suite struct TextFieldTests {
    @Test func `editing`() {
        var field = TextField("one two")
        for key: Key in [.control("w"), .character("x"), .home, .delete, .character("O"), .end] {
            let taken = field.take(key)
            #expect(taken)
        }
        #expect(field.text == "One x" && field.cursor == 5)
        _ = field.take(.left)
        _ = field.take(.control("u"))
        #expect(field.text == "x")
        _ = field.take(.control("k"))
        #expect(field.isEmpty)
        let others = [field.take(.enter), field.take(.up)]
        #expect(others == [false, false])
        for key: Key in [.backspace, .delete, .left, .right, .control("w")] { _ = field.take(key) }
        #expect(field.isEmpty)
    }
    @Test func `it has a limit`() {
        var field = TextField()
        _ = field.take(.paste(String(repeating: "x", count: 9_000)))
        _ = field.take(.character("y"))
        #expect(field.text.count == TextField.limit)
    }
    @Test func `a long text is shown around the cursor`() {
        var canvas = Canvas(Size(width: 12, height: 1))
        var field = TextField("abcdefghijklmnop")
        canvas.field(field, x: 0, y: 0, width: 12, focused: true)
        #expect(canvas.frame.row(0) == " hijklmnop")
        #expect(canvas.frame.cursor == Point(x: 10, y: 0))
        _ = field.take(.home)
        canvas.field(field, x: 0, y: 0, width: 12, focused: true)
        #expect(canvas.frame.cursor == Point(x: 1, y: 0))
    }
}

@Suite struct FindingTests {
    @Test func `letters are found in order, near ones first`() throws {
        #expect(CommandPalette.score("ack", in: "acknowledge") != nil)
        #expect(CommandPalette.score("kca", in: "acknowledge") == nil)
        let start = try #require(CommandPalette.score("rb", in: "rollback"))
        let near = try #require(CommandPalette.score("ro", in: "rollback"))
        #expect(near < start)
    }
    @Test func `the obvious command comes first`() {
        let model = Player(Scenes.high()).model
        for (letters, name) in [
            ("ack", "acknowledge"), ("note", "note"), ("undo", "undo-rollback"),
            ("rollb", "rollback"), ("queue", "recover clear-queues"), ("quit", "quit"),
        ] {
            #expect(CommandPalette.entries(model, matching: letters).first?.name == name)
        }
    }
    @Test func `every key on a screen does one thing`() {
        for page in Page.allCases {
            var seen: [Key: String] = [:]
            for binding in Keymap.bindings where binding.works(on: page) {
                for key in [binding.key] + binding.also {
                    #expect(seen[key] == nil, "\(key) is \(binding.name) and \(seen[key] ?? "")")
                    seen[key] = binding.name
                }
            }
        }
    }
}
