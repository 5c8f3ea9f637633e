// Conditions over facts that are known, not yet known, or not there.
import Domain
import Testing

private struct Facts: ExpressionFacts {
    var metrics: [String: Double] = [:]
    var states: [String: Health] = [:]
    var criticalComponents: [Health] = []
    var components: [Health] = []
    var reported: Set<String> = []
    var recoveryAttempts = 0
    func value(ofMetric name: String) -> Double? { metrics[name] }
    func state(ofComponent name: String) -> Health? { states[name] }
    func state(ofProbe reference: ProbeReference) -> Health? { states[reference.description] }
    func isReported(_ name: String) -> Bool { reported.contains(name) }
}

@Suite struct ExpressionEvaluatorTests {
    private static let facts = Facts(
        metrics: ["one": 1, "two": 2, "zero": 0, "nan": .nan, "huge": 1e308],
        states: [
            "up": .healthy, "slow": .degraded, "gone": .failed, "dark": .unknown, "gone.p": .failed,
            "dark.p": .unknown,
        ],
        reported: ["security"], recoveryAttempts: 2)

    @Test(
        arguments: [
            // Comparisons, each way and at the border.
            ("one < two", .yes), ("two < one", .no), ("one < 1", .no), ("one <= 1", .yes),
            ("two > one", .yes), ("one > 1", .no), ("one >= 1", .yes), ("one == 1", .yes),
            ("one == two", .no), ("one != two", .yes), ("one != 1", .no),
            // Arithmetic.
            ("one + two == 3", .yes), ("two - one == 1", .yes), ("two * 3 == 6", .yes),
            ("one / two == 0.5", .yes), ("-two == 0 - 2", .yes), ("two + two * two == 6", .yes),
            ("(two + two) * two == 8", .yes), ("10 - 4 - 3 == 3", .yes), ("16 / 4 / 2 == 2", .yes),
            // What has no value decides nothing.
            ("missing > 1", .unknown), ("missing != 1", .unknown), ("missing == missing", .unknown),
            ("one + missing > 0", .unknown), ("-missing < 0", .unknown), ("nan > 0", .unknown),
            ("one / zero > 1", .unknown), ("zero / zero == 0", .unknown),
            ("one / (one - 1) > 0", .unknown),
            ("huge * huge > 1", .unknown),
            // Three-valued logic.
            ("missing > 1 and one == 1", .unknown), ("missing > 1 and one == 2", .no),
            ("one == 2 and missing > 1", .no), ("missing > 1 or one == 1", .yes),
            ("one == 1 or missing > 1", .yes), ("missing > 1 or one == 2", .unknown),
            ("not missing > 1", .unknown), ("not one == 1", .no), ("not one == 2", .yes),
            ("one == 1 and two == 2", .yes), ("one == 1 and two == 3", .no),
            ("one == 2 or two == 3", .no),
            // States.
            ("component gone down", .yes), ("component gone failed", .yes),
            ("component slow down", .no),
            ("component slow degraded", .yes), ("component up healthy", .yes),
            ("component up down", .no),
            ("component up unknown", .no), ("component dark down", .unknown),
            ("component dark healthy", .unknown), ("component dark unknown", .yes),
            ("component nowhere down", .unknown), ("component nowhere unknown", .unknown),
            ("probe gone.p down", .yes), ("probe dark.p down", .unknown),
            ("probe no.where down", .unknown),
            ("not component dark down", .unknown),
            ("reported security", .yes), ("reported corruption", .no),
            ("not reported corruption", .yes),
            ("recovery attempts == 2", .yes), ("recovery attempts >= 3", .no),
        ] as [(String, Truth)])
    func `decides`(_ text: String, _ expected: Truth) throws {
        #expect(try Condition.parse(text).evaluate(in: Self.facts) == expected)
    }

    @Test(
        arguments: [
            ([], .no, .no), ([.failed], .yes, .yes), ([.failed, .failed], .yes, .yes),
            ([.failed, .healthy], .no, .yes), ([.failed, .degraded], .no, .yes),
            ([.failed, .unknown], .unknown, .yes), ([.unknown, .unknown], .unknown, .unknown),
            ([.unknown, .healthy], .no, .unknown), ([.unknown, .degraded], .no, .unknown),
            ([.healthy], .no, .no),
        ] as [([Health], Truth, Truth)])
    func `asks all and any`(_ states: [Health], _ all: Truth, _ any: Truth) throws {
        let facts = Facts(criticalComponents: states, components: states)
        #expect(try Condition.parse("all critical components down").evaluate(in: facts) == all)
        #expect(try Condition.parse("any component down").evaluate(in: facts) == any)
    }

    @Test func `follows Kleene in every pair`() {
        let all: [Truth] = [.yes, .unknown, .no]
        for (i, left) in all.enumerated() {
            for (j, right) in all.enumerated() {
                #expect(left.and(right) == all[max(i, j)])
                #expect(left.or(right) == all[min(i, j)])
            }
            #expect(!left == all[2 - i])
        }
    }
}
