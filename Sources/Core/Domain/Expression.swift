// The expressions of `when:`, as a tree; ExpressionParser reads them, ExpressionEvaluator decides them.

/// A condition over metrics, components and probes. Times in it are seconds; so are latencies.
package indirect enum Expression: Sendable, Equatable, Codable {
    case number(Double)
    /// A metric by its name (`delivery.error_rate`) or by its probe (`web.home.latency`, in seconds).
    case metric(String)
    /// `component NAME failed|down|degraded|healthy|unknown`; `down` is read as failed.
    case component(String, is: Health)
    /// `probe C.P failed|down|degraded|healthy|unknown`.
    case probe(ProbeReference, is: Health)
    /// `all critical components down`.
    case allCriticalComponents(is: Health)
    /// `any component down`.
    case anyComponent(is: Health)
    /// `reported security`: a problem that an operator or the API has reported.
    case reported(String)
    /// `recovery attempts`: the failed attempts of the open emergency, 0 without one.
    case recoveryAttempts
    case negative(Expression)
    case arithmetic(ArithmeticOperator, Expression, Expression)
    case comparison(ComparisonOperator, Expression, Expression)
    case not(Expression)
    case and(Expression, Expression)
    case or(Expression, Expression)
}

package enum ArithmeticOperator: String, Sendable, Codable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
}
package enum ComparisonOperator: String, Sendable, Codable {
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case equal = "=="
    case notEqual = "!="
}

/// An expression with the text that it was read from.
package struct Condition: Sendable, Equatable, Codable {
    package var text: String
    package var expression: Expression
    package init(text: String, expression: Expression) {
        self.text = text
        self.expression = expression
    }
}

/// The answer to a condition: a metric that has no value yet makes it unknown, never true.
package enum Truth: Sendable, Equatable { case yes, no, unknown }

/// `component.probe`.
package struct ProbeReference: Sendable, Hashable, Codable, CustomStringConvertible {
    package var component: String
    package var probe: String
    package init(component: String, probe: String) {
        self.component = component
        self.probe = probe
    }
    /// Reads `component.probe`; nil unless there is exactly one dot with text on both sides.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        self.init(component: String(parts[0]), probe: String(parts[1]))
    }
    package var description: String { "\(component).\(probe)" }
}
