// The language of `when:`: what it reads, and what it says of mistakes and where.
import Domain
import Testing

private func parse(_ text: String) throws -> Expression { try Condition.parse(text).expression }

private func mistake(_ text: String) -> ExpressionError? {
    do {
        _ = try Condition.parse(text)
        return nil
    } catch {
        return error
    }
}

@Suite struct ExpressionParserTests {
    @Test(
        arguments: [
            (
                "delivery.error_rate > 10",
                .comparison(.greater, .metric("delivery.error_rate"), .number(10))
            ),
            ("a<b", .comparison(.less, .metric("a"), .metric("b"))),
            ("a <= 85%", .comparison(.lessOrEqual, .metric("a"), .number(85))),
            ("a >= 0.5", .comparison(.greaterOrEqual, .metric("a"), .number(0.5))),
            ("a == 1s", .comparison(.equal, .metric("a"), .number(1))),
            ("a != 1h", .comparison(.notEqual, .metric("a"), .number(3600))),
            (
                "web.home.latency > 500ms",
                .comparison(.greater, .metric("web.home.latency"), .number(0.5))
            ),
            ("a > 5m", .comparison(.greater, .metric("a"), .number(300))),
            ("a > 2d", .comparison(.greater, .metric("a"), .number(172_800))),
            ("a > 1.5h", .comparison(.greater, .metric("a"), .number(5400))),
            ("recovery attempts >= 3", .comparison(.greaterOrEqual, .recoveryAttempts, .number(3))),
            ("component web failed", .component("web", is: .failed)),
            ("component web down", .component("web", is: .failed)),
            ("component web-1 degraded", .component("web-1", is: .degraded)),
            ("component 5m healthy", .component("5m", is: .healthy)),
            ("component down down", .component("down", is: .failed)),
            ("component _x unknown", .component("_x", is: .unknown)),
            (
                "probe web.home down",
                .probe(ProbeReference(component: "web", probe: "home"), is: .failed)
            ),
            (
                "probe web-1.home-2 unknown",
                .probe(ProbeReference(component: "web-1", probe: "home-2"), is: .unknown)
            ),
            ("all critical components down", .allCriticalComponents(is: .failed)),
            ("all critical components degraded", .allCriticalComponents(is: .degraded)),
            ("any component down", .anyComponent(is: .failed)),
            ("reported data-corruption", .reported("data-corruption")),
            (" \n a\t>\n1 ", .comparison(.greater, .metric("a"), .number(1))),
            ("(a > 1)", .comparison(.greater, .metric("a"), .number(1))),
            ("2xx_rate > 1", .comparison(.greater, .metric("2xx_rate"), .number(1))),
            (
                "2web.home.latency > 1",
                .comparison(.greater, .metric("2web.home.latency"), .number(1))
            ),
        ] as [(String, Expression)])
    func `reads each form`(_ text: String, _ expected: Expression) throws {
        #expect(try parse(text) == expected)
    }

    @Test(arguments: [
        // The usual precedence, and left before right.
        ("a + b * c > 0", "(a + (b * c)) > 0"),
        ("a * b + c > 0", "((a * b) + c) > 0"),
        ("a - b - c > 0", "((a - b) - c) > 0"),
        ("a / b / c > 0", "((a / b) / c) > 0"),
        ("a / b * c > 0", "((a / b) * c) > 0"),
        ("(a + b) * c > 0", "((a + b) * c) > 0"),
        ("-a * b > 0", "((-a) * b) > 0"),
        ("a - -b > 0", "(a - (-b)) > 0"),
        ("a > 1 or b > 2 and c > 3", "(a > 1) or ((b > 2) and (c > 3))"),
        ("a > 1 and b > 2 or c > 3", "((a > 1) and (b > 2)) or (c > 3)"),
        ("not a > 1 and b > 2", "(not (a > 1)) and (b > 2)"),
        ("not not reported x", "not (not (reported x))"),
        ("not (a > 1 or b > 2)", "not ((a > 1) or (b > 2))"),
        ("a > 1 or b > 2 or c > 3", "((a > 1) or (b > 2)) or (c > 3)"),
        (
            "websocket.connected < 0.5 * websocket.expected",
            "websocket.connected < (0.5 * websocket.expected)"
        ),
    ])
    func `operators bind as usual`(_ text: String, _ grouped: String) throws {
        #expect(try parse(text) == parse(grouped))
    }

    @Test(
        arguments: [
            // A hyphen directly before a letter belongs to the name; before a digit it subtracts.
            ("queue-size > 0", .metric("queue-size")),
            ("a - b > 0", .arithmetic(.subtract, .metric("a"), .metric("b"))),
            ("a -b > 0", .arithmetic(.subtract, .metric("a"), .metric("b"))),
            ("a- b > 0", .arithmetic(.subtract, .metric("a"), .metric("b"))),
            ("a-1 > 0", .arithmetic(.subtract, .metric("a"), .number(1))),
            ("a-1.5 > 0", .arithmetic(.subtract, .metric("a"), .number(1.5))),
            ("web-1.home.latency > 0", .metric("web-1.home.latency")),
            ("2-a > 0", .arithmetic(.subtract, .number(2), .metric("a"))),
            ("a.b-c.d > 0", .metric("a.b-c.d")),
        ] as [(String, Expression)])
    func `tells a hyphen from a minus`(_ text: String, _ left: Expression) throws {
        #expect(try parse(text) == .comparison(.greater, left, .number(0)))
    }

    @Test(
        arguments: [
            ("", 0, 1, "the condition is empty"),
            ("   ", 0, 1, "the condition is empty"),
            ("a", 0, 1, "expects a comparison"),
            ("5", 0, 1, "expects a comparison"),
            ("a + b", 0, 5, "expects a comparison"),
            ("recovery attempts", 0, 17, "expects a comparison"),
            ("a = 1", 2, 1, "`=` is written `==`"),
            ("a > 1 && b > 2", 6, 2, "`&&` is written `and`"),
            ("a > 1 || b > 2", 6, 2, "`||` is written `or`"),
            ("!reported x", 0, 1, "`!` is written `not`"),
            ("a => 1", 2, 2, "`=>` is written `>=`"),
            ("a ≥ 1", 2, 1, "`≥` is written `>=`"),
            ("a <> 1", 2, 2, "`<>` is written `!=`"),
            ("a > 1 AND b > 2", 6, 3, "`AND` is written `and`"),
            ("NOT a > 1", 0, 3, "`NOT` is written `not`"),
            (
                "a >", 3, 1,
                "expected a metric, a number or a state such as `component web down`, found the end"
            ),
            (
                "> 1", 0, 1,
                "expected a metric, a number or a state such as `component web down`, found `>`"
            ),
            ("a > 1 and", 9, 1, "found the end"),
            ("a > and", 4, 3, "found `and`"),
            ("a > 1 b > 2", 6, 1, "expected `and`, `or` or the end, found `b`"),
            ("a 1", 2, 1, "expected a comparison such as `> 10`, found `1`"),
            ("(a > 1", 0, 1, "this `(` is never closed"),
            ("(a > 1 b)", 7, 1, "expected `and`, `or` or `)`, found `b`"),
            ("a > 1)", 5, 1, "this `)` closes nothing"),
            ("1 < a < 3", 6, 1, "comparisons do not chain"),
            (
                "reported x + 1 > 2", 0, 10,
                "`+` expects numbers; `reported x` is either true or not"
            ),
            ("component web down > 1", 0, 18, "`>` expects numbers"),
            ("a > 1 and b", 10, 1, "`and` expects a comparison; `b` is a number"),
            ("a or b > 1", 0, 1, "`or` expects a comparison; `a` is a number"),
            ("not 5", 4, 1, "`not` expects a comparison; `5` is a number"),
            ("-reported x", 1, 10, "`-` expects numbers"),
            ("component", 9, 1, "expected a name after `component`"),
            ("component (x)", 10, 1, "expected a name after `component`"),
            ("component web", 13, 1, "expected a state"),
            ("component web up", 14, 2, "`up` is not a state"),
            ("component web is down", 14, 2, "leave out `is`"),
            ("component web.home down", 10, 8, "for a probe write `probe web.home …`"),
            ("probe web down", 6, 3, "a probe is named with its component"),
            ("probe a.b.c down", 6, 5, "a probe is named with its component"),
            ("web down", 0, 8, "to ask for a state write `component web down`"),
            ("web.home is failed", 0, 11, "to ask for a state write `probe web.home down`"),
            ("all components down", 4, 10, "expected `critical`"),
            ("any critical component down", 4, 8, "expected `component`"),
            ("recovery > 3", 9, 1, "expected `attempts`, as in `recovery attempts >= 3`"),
            ("a > 5min", 4, 4, "`min` is not a unit"),
            ("a > 1.5x", 4, 4, "`x` is not a unit"),
            ("a > 85 %", 7, 1, "directly after a number"),
            ("a > .5", 4, 1, "the character `.` does not belong in a condition"),
            ("a > 1 # why", 6, 1, "the character `#` does not belong"),
            ("ä > 1", 0, 1, "the character `ä` does not belong"),
            ("a > \u{1b}1", 4, 1, "the character `␛` does not belong"),
            ("a.b.c.d.e > 1", 0, 9, "at most four parts"),
            ("a > 1e400", 4, 5, "`e400` is not a unit"),
        ] as [(String, Int, Int, String)])
    func `points at a mistake`(_ text: String, _ offset: Int, _ length: Int, _ message: String)
        throws
    {
        let error = try #require(mistake(text))
        #expect(error.offset == offset)
        #expect(error.length == length)
        #expect(error.message.contains(message), "\(error.message)")
    }

    @Test func `limits length, nesting and chains`() throws {
        let nested = { (depth: Int) in
            String(repeating: "(", count: depth) + "a > 1" + String(repeating: ")", count: depth)
        }
        #expect(mistake(nested(64)) == nil)
        #expect(mistake(nested(65))?.message == "a condition is nested at most 64 deep")
        #expect(mistake(nested(65))?.offset == 64)
        #expect(mistake(String(repeating: "not ", count: 65) + "a > 1")?.offset == 64 * 4)
        #expect(mistake(String(repeating: "-", count: 65) + "a > 1")?.offset == 64)
        let long = "a > 1" + String(repeating: " ", count: 1995)
        #expect(mistake(long) == nil)
        #expect(mistake(long + " ")?.offset == 2000)
        #expect(mistake("0" + String(repeating: "+1", count: 198) + " > 1") == nil)
        #expect(
            mistake("0" + String(repeating: "+1", count: 250) + " > 1")?.message.contains("200")
                == true)
        #expect(
            mistake(String(repeating: "9", count: 400) + " > 1")?.message.contains("too large")
                == true)
    }

    @Test func `a picture has carets under the mistake`() throws {
        #expect(
            try #require(mistake("a > 1 && b > 2")).picture(of: "a > 1 && b > 2") == """
                a > 1 && b > 2
                      ^^
                """)
        #expect(
            try #require(mistake("a >")).picture(of: "a >") == """
                a >
                   ^
                """)
        let long =
            String(repeating: "a > 1 or ", count: 40) + "b = 1 or "
            + String(repeating: "a > 1 or ", count: 40)
        let picture = try #require(mistake(long)).picture(of: long)
        let lines = picture.split(separator: "\n").map(Array.init)
        #expect(lines.count == 2)
        #expect(lines[0].count < 130)
        #expect(lines[0].first == "…" && lines[0].last == "…")
        #expect(lines[0][try #require(lines[1].firstIndex(of: "^"))] == "=")
    }

    @Test func `names the places of everything it refers to`() throws {
        let parsed = try ParsedCondition(
            "a.b > 1 and component web-1 down or probe c.p failed and reported x and a.b > 2")
        #expect(
            parsed.names == [
                ExpressionName(kind: .metric, text: "a.b", offset: 0, length: 3),
                ExpressionName(kind: .component, text: "web-1", offset: 22, length: 5),
                ExpressionName(kind: .probe, text: "c.p", offset: 42, length: 3),
                ExpressionName(kind: .reported, text: "x", offset: 66, length: 1),
                ExpressionName(kind: .metric, text: "a.b", offset: 72, length: 3),
            ])
        let references = parsed.condition.expression.references
        #expect(references.metrics == ["a.b"])
        #expect(references.components == ["web-1"])
        #expect(references.probes == [ProbeReference(component: "c", probe: "p")])
        #expect(references.reported == ["x"])
    }

    @Test(arguments: [
        ("a", true), ("delivery.error_rate", true), ("a-b", true), ("web-1.home.latency", true),
        ("a.b.c.d", true), ("2xx_rate", true), ("a.b.c.d.e", false), ("a b", false), ("5", false),
        ("5m", false), ("a-1", false), ("and", false), ("component", false), ("", false),
        ("a.", false),
        ("reported", false), (" a", false), ("a + b", false), ("ä", false), ("All", false),
    ])
    func `knows what a metric may be called`(_ name: String, _ may: Bool) {
        #expect(Expression.isMetricName(name) == may)
    }

    @Test func `any text is either read or refused`() {
        var random = Lehmer(seed: 20_260_105)
        let pieces = [
            "a", "web.home", " ", "(", ")", "and", "or", "not", "component", "probe", "down", "all",
            "critical", "components", "any", "reported", "recovery", "attempts", "<", ">=", "==",
            "=",
            "!", "-", "+", "*", "/", "%", "5", "1s", "0.5", ".", "é", "\u{7}", "\n", "👩‍🚒", "_",
            "9999999999",
        ]
        for _ in 0..<5000 {
            let text = (0..<random.below(20)).map { _ in pieces[random.below(pieces.count)] }
                .joined(
                    separator: random.below(2) == 0 ? " " : "")
            if let error = mistake(text) {
                #expect(error.offset >= 0 && error.offset <= text.count && error.length >= 1)
                #expect(!error.picture(of: text).isEmpty)
            }
        }
    }
}

/// A small generator of repeatable numbers.
struct Lehmer {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func below(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }
}
