// Alerts of other systems: what is read, which rule takes it, what is refused, and rubbish.
import Dispatch
import Domain
import FoundationEssentials
import Synchronization
import TestKit
import Testing

@testable import Engine

@Suite struct AlertReadingTests {
    let now = Timestamp(milliseconds: 1_767_621_600_000)

    static func rule(
        _ problem: String, _ match: (name: String, text: String)...
    ) -> AlertRule {
        AlertRule(
            match: match.map { NamedText(name: $0.name, text: $0.text) }, problem: problem)
    }
    static let rules = [
        rule("disk", ("alertname", "DiskFull|Disk.*"), ("severity", "critical|page")),
        rule("quiet", ("alertname", "Watchdog"), ("team", "")),
        rule("number", ("alertname", "[0-9]+")),
    ]

    func read(_ body: String, _ rules: [AlertRule] = rules) throws -> AlertReading {
        try AlertReading(Data(body.utf8), AlertMatcher(rules), at: now)
    }
    func refusal(_ body: String) -> Refusal? {
        do {
            _ = try read(body)
            return nil
        } catch {
            return error as? Refusal
        }
    }
    /// One alert with these labels, in a webhook.
    func webhook(_ labels: String, _ more: String = "") -> String {
        #"{"version":"4","alerts":[{"status":"firing","labels":{\#(labels)}\#(more)}]}"#
    }

    /// As Alertmanager 0.25 sends it.
    static let real = #"""
        {"receiver":"t","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"Dürre",
        "instance":"web1:9100","severity":"page"},"annotations":{"description":"line one\nline two",
        "runbook_url":"https://wiki.example/disk","summary":"disk is full"},
        "startsAt":"2026-11-21T13:05:34.581255699Z","endsAt":"0001-01-01T00:00:00Z",
        "generatorURL":"http://prom/graph","fingerprint":"fe734b5abf1a4e26"}],
        "groupLabels":{"alertname":"Dürre"},"commonLabels":{"alertname":"Dürre",
        "instance":"web1:9100","severity":"page"},"commonAnnotations":{},
        "externalURL":"http://vm:19778","version":"4","groupKey":"{}:{alertname=\"Dürre\"}",
        "truncatedAlerts":2}
        """#

    @Test func `our own emergency that comes back is no second reason`() throws {
        let labels = #""alertname":"TocsinEmergency","service":"sample","emergency":"e_1""#
        let all = AlertMatcher([Self.rule("any", ("alertname", ".+"))])
        let body = Data(webhook(labels).utf8)
        #expect(try AlertReading(body, all, of: "sample", at: now).alerts.isEmpty)
        // Another service's emergency may well be a reason.
        #expect(try AlertReading(body, all, of: "other", at: now).alerts.count == 1)
    }

    @Test func `what Alertmanager sends is read`() throws {
        let reading = try read(Self.real, [Self.rule("drought", ("alertname", "Dürre"))])
        #expect(
            reading.alerts == [
                IncomingAlert(
                    problem: "drought", fingerprint: "fe734b5abf1a4e26", isFiring: true,
                    text: "disk is full — line one line two — https://wiki.example/disk")
            ])
        #expect(reading.unmatched.isEmpty)
        #expect(reading.leftOut == 2)
    }

    @Test func `a fingerprint that is missing is made as Prometheus makes it`() throws {
        let labels = ["severity": "page", "alertname": "Dürre", "instance": "web1:9100"]
        #expect(AlertFingerprint.of(labels) == "fe734b5abf1a4e26")
        #expect(AlertFingerprint.of([:]) == "cbf29ce484222325")
        for given in ["", #","fingerprint":"""#, #","fingerprint":"a b""#, #","fingerprint":null"#]
        {
            let body = webhook(#""alertname":"7""#, given)
            let made = try read(body).alerts.first?.fingerprint
            #expect(made == AlertFingerprint.of(["alertname": "7"]))
        }
    }

    @Test(
        arguments: [
            (#""alertname":"DiskFull","severity":"page""#, "disk"),
            (#""alertname":"DiskSlow","severity":"critical""#, "disk"),
            (#""alertname":"DiskFull","severity":"critical page""#, nil),
            (#""alertname":"MyDiskFull","severity":"page""#, nil),
            (#""alertname":"DiskFull","severity":"pag""#, nil),
            (#""alertname":"DiskFull""#, nil),
            (#""alertname":"Watchdog""#, "quiet"), (#""alertname":"Watchdog","team":"""#, "quiet"),
            (#""alertname":"Watchdog","team":"x""#, nil),
            (#""alertname":"42""#, "number"), (#""alertname":"42x""#, nil), ("", nil),
        ] as [(String, String?)])
    func `the whole value of every label has to match`(
        _ labels: String, _ problem: String?
    ) throws {
        let reading = try read(webhook(labels))
        #expect(reading.alerts.map(\.problem) == (problem.map { [$0] } ?? []))
        #expect(reading.unmatched.count == (problem == nil ? 1 : 0))
    }

    @Test func `the first rule decides, and a rule without labels takes everything`() throws {
        let rules = [
            Self.rule("first", ("a", "x|y")), Self.rule("second", ("a", "x")), Self.rule("rest"),
        ]
        #expect(try read(webhook(#""a":"x""#), rules).alerts.map(\.problem) == ["first"])
        #expect(try read(webhook(#""a":"z""#), rules).alerts.map(\.problem) == ["rest"])
    }

    @Test func `a value that is very long matches nothing`() throws {
        let long = String(repeating: "7", count: AlertMatcher.longestValue)
        #expect(try read(webhook(#""alertname":"\#(long)""#)).alerts.count == 1)
        #expect(try read(webhook(#""alertname":"\#(long)7""#)).alerts.isEmpty)
    }

    @Test func `a pattern that cannot be read is the runbook's fault`() {
        let rules = [Self.rule("x", ("alertname", "(["))]
        #expect {
            _ = try read(webhook(#""alertname":"\u001b[2J""#), rules)
        } throws: { error in
            let refusal = error as? Refusal
            return refusal?.kind == .notNow && refusal?.why.contains("alertname") == true
        }
    }

    @Test(arguments: [
        (#","endsAt":"0001-01-01T00:00:00Z""#, true), (#","endsAt":"""#, true), ("", true),
        (#","endsAt":null"#, true),
        (#","endsAt":"2026-01-05T14:00:00.001Z""#, true),
        (#","endsAt":"2026-01-05T14:00:00Z""#, false),
        (#","endsAt":"2026-01-05T15:00:00+01:00""#, false),
        (#","endsAt":"2031-01-01T00:00:00Z","status":"resolved""#, false),
        (#","status":{"state":"active"}"#, true),
    ])
    func `in a bare list the end tells whether it fires`(_ more: String, _ fires: Bool) throws {
        let reading = try read(#"[{"labels":{"alertname":"7"}\#(more)}]"#)
        #expect(reading.alerts.map(\.isFiring) == [fires])
    }

    @Test func `an alert that is over says so`() throws {
        let body = #"{"alerts":[{"status":"resolved","labels":{"alertname":"7"}}]}"#
        #expect(try read(body).alerts.map(\.isFiring) == [false])
        #expect(try read(#"{"alerts":[]}"#) == AlertReading.nothing)
        #expect(try read("[]") == AlertReading.nothing)
    }

    // MARK: What it says

    @Test(arguments: [
        (#""summary":"a","description":"b""#, "a — b"), (#""summary":"a""#, "a"),
        (#""description":"b\n\n  c\t""#, "b c"), (#""summary":"a","message":"a""#, "a"),
        (#""summary":" ","description":"""#, "7 on db"), ("", "7 on db"),
        (#""summary":"\u001b[31mred\u202e""#, "␛[31mred\\u{202e}"),
        (#""summary":"a","runbook_url":"javascript:x""#, "a"),
        (#""summary":"a","runbook_url":"https://u:secret@h/""#, "a"),
        (#""runbook_url":"http://h/x""#, "7 on db — http://h/x"),
    ])
    func `the text comes from the annotations`(_ annotations: String, _ text: String) throws {
        let body = webhook(
            #""alertname":"7","instance":"db""#, #","annotations":{\#(annotations)}"#)
        #expect(try read(body).alerts.map(\.text) == [text])
    }

    @Test func `texts are bounded`() throws {
        let long = String(repeating: "wort ", count: 50_000)
        let body = webhook(
            #""alertname":"7""#,
            #","annotations":{"summary":"\#(long)","description":"x\#(long)"}"#)
        let text = try #require(try read(body).alerts.first?.text)
        #expect(text.count < 800 && text.contains("…"))
        let names = try read(webhook(#""alertname":"\#(long)\u0007""#)).unmatched
        #expect(names.allSatisfy { $0.count < 100 } && names.count == 1)
    }

    @Test func `at most a thousand alerts of a body are taken`() throws {
        let alert = #"{"labels":{"alertname":"7"}}"#
        let body = "[" + Array(repeating: alert, count: 1_003).joined(separator: ",") + "]"
        let reading = try read(body)
        #expect(reading.alerts.count == 1_000)
        #expect(reading.leftOut == 3)
    }

    // MARK: What is refused

    @Test(arguments: [
        ("", "no JSON"), ("{", "no JSON"), ("\u{0}", "no JSON"), ("x", "no JSON"),
        ("null", "the body"), ("7", "the body"), (#""x""#, "the body"),
        ("{}", "alerts is missing"), (#"{"alerts":{}}"#, "alerts must be a list"),
        (#"{"alerts":null}"#, "alerts"), (#"{"alerts":[7]}"#, "alerts[0] must be an object"),
        ("[[]]", "alerts[0] must be an object"), ("[{}]", "alerts[0].labels is missing"),
        (#"[{"labels":{}},{"labels":[]}]"#, "alerts[1].labels must be an object"),
        (#"[{"labels":{"severity":7}}]"#, "alerts[0].labels.severity must be a text"),
        (#"[{"labels":{"severity":null}}]"#, "alerts[0].labels.severity"),
        (#"[{"labels":{"\u001b[2J":7}}]"#, "alerts[0].labels.␛[2J"),
        (#"[{"labels":{},"annotations":"x"}]"#, "alerts[0].annotations must be an object"),
        (#"[{"labels":{},"annotations":{"a":[]}}]"#, "alerts[0].annotations.a must be a text"),
        (#"[{"labels":{},"fingerprint":7}]"#, "alerts[0].fingerprint must be a text"),
        (#"[{"labels":{},"endsAt":"soon"}]"#, "alerts[0].endsAt must be a time"),
        (#"[{"labels":{},"endsAt":7}]"#, "alerts[0].endsAt must be a text"),
        (#"{"alerts":[{"labels":{}}]}"#, "alerts[0].status must be firing or resolved"),
        (#"{"alerts":[{"labels":{},"status":"odd"}]}"#, "alerts[0].status must be firing"),
        (#"{"alerts":[{"labels":{},"status":1}]}"#, "alerts[0].status must be firing"),
    ])
    func `a body that makes no sense is refused by its place`(
        _ body: String, _ place: String
    ) throws {
        let refusal = try #require(self.refusal(body))
        #expect(refusal.kind == .notUnderstood)
        #expect(refusal.why.contains(place), "\(refusal.why)")
        #expect(!refusal.remedy.isEmpty)
    }

    @Test func `annotations may be missing or null`() throws {
        let body = #"[{"labels":{"alertname":"7"},"annotations":null,"fingerprint":"ab"}]"#
        #expect(try read(body).alerts.first?.text == "7")
    }

    @Test func `rubbish is refused and never ends the engine`() throws {
        var random = SeededRandom(seed: 2026)
        let seeds = [
            Array(Self.real.utf8), Array(webhook(#""alertname":"7""#).utf8),
            Array(#"[{"labels":{"a":"b"},"endsAt":"2026-01-05T14:00:00Z"}]"#.utf8),
        ]
        let pieces = ["{", "}", "[", "]", "\"", ",", ":", "null", "1e999", "\\u0000", "-", "true"]
            .map { Array($0.utf8) }
        let matcher = AlertMatcher(Self.rules)
        var refused = 0
        for _ in 1...3_000 {
            var bytes = seeds.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
                let at = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: at)
                case 3: bytes.removeLast(bytes.count - at)
                default:
                    let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
                    bytes.insert(contentsOf: bytes[at..<end], at: at)
                }
            }
            do {
                let reading = try AlertReading(Data(bytes), matcher, at: now)
                for alert in reading.alerts {
                    #expect(!alert.text.isEmpty && alert.text.count < 800)
                    #expect(!alert.fingerprint.isEmpty && alert.fingerprint.count <= 64)
                    #expect(!alert.text.unicodeScalars.contains { $0.value < 0x20 })
                }
            } catch {
                refused += 1
                #expect(error.kind == .notUnderstood && !error.why.isEmpty)
                #expect(!error.why.unicodeScalars.contains { $0.value < 0x20 })
            }
        }
        #expect(refused > 1_000 && refused < 3_000)
        let deep = String(repeating: "[", count: 200_000)
        #expect(refusal(deep) != nil)
        #expect(refusal(#"{"alerts":"# + deep) != nil)
        #expect(refusal(#"[{"labels":{},"x":"# + deep) != nil)
    }
}

extension AlertReading {
    fileprivate static var nothing: AlertReading {
        get throws {
            try AlertReading(Data("[]".utf8), AlertMatcher([]), at: .init(milliseconds: 0))
        }
    }
}

@Suite struct AlertDeskTests {
    @Test func `work that takes too long is given up, and the next one is refused in time`()
        async throws
    {
        let desk = AlertDesk(within: .seconds(0.05))
        let release = DispatchSemaphore(value: 0)
        for _ in 1...2 {
            await #expect(throws: Fault.self) {
                try await desk.run { release.wait() }
            }
        }
        // The second one was never begun: one signal is enough.
        release.signal()
        try await eventually("it works again") { (try? await desk.run { true }) == true }
    }

    @Test func `only so many bodies wait`() async throws {
        let desk = AlertDesk(within: .seconds(600))
        let release = DispatchSemaphore(value: 0)
        let held = (0..<AlertDesk.mostWaiting).map { number in
            Task {
                try await desk.run {
                    release.wait()
                    return number
                }
            }
        }
        try await eventually("all of them wait") {
            desk.waiting.load(ordering: .relaxed) == AlertDesk.mostWaiting
        }
        await #expect(throws: Fault.self) { try await desk.run {} }
        for _ in held { release.signal() }
        var ended: [Int] = []
        for task in held { ended.append(try await task.value) }
        #expect(ended == Array(0..<AlertDesk.mostWaiting))
    }
}
