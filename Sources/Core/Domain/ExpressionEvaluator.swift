// Decides a condition over what is known now; what is not known yet never makes it true.

/// What conditions ask about.
package protocol ExpressionFacts {
    /// Nil while there is no value, and for a metric that nobody measures.
    func value(ofMetric name: String) -> Double?
    func state(ofComponent name: String) -> Health?
    func state(ofProbe reference: ProbeReference) -> Health?
    /// The states of the critical components.
    var criticalComponents: [Health] { get }
    /// The states of all components.
    var components: [Health] { get }
    func isReported(_ name: String) -> Bool
    /// The failed attempts of the open emergency; 0 without one.
    var recoveryAttempts: Int { get }
}

extension Truth {
    package init(_ holds: Bool) { self = holds ? .yes : .no }
    /// Kleene's three-valued logic: unknown unless the other side decides alone.
    package static prefix func ! (truth: Truth) -> Truth {
        switch truth {
        case .yes: .no
        case .no: .yes
        case .unknown: .unknown
        }
    }
    package func and(_ other: Truth) -> Truth {
        switch (self, other) {
        case (.no, _), (_, .no): .no
        case (.yes, .yes): .yes
        case (.unknown, _), (_, .unknown): .unknown
        }
    }
    package func or(_ other: Truth) -> Truth {
        switch (self, other) {
        case (.yes, _), (_, .yes): .yes
        case (.no, .no): .no
        case (.unknown, _), (_, .unknown): .unknown
        }
    }
}

extension Condition {
    package func evaluate(in facts: some ExpressionFacts) -> Truth {
        expression.evaluate(in: facts)
    }
}

extension Expression {
    /// Unknown when a metric without a value, a state that is not known or a division by zero leaves
    /// it open. A number alone is unknown too; the parser lets none through.
    package func evaluate(in facts: some ExpressionFacts) -> Truth {
        switch self {
        case .component(let name, let health):
            Self.holds(facts.state(ofComponent: name), is: health)
        case .probe(let reference, let health):
            Self.holds(facts.state(ofProbe: reference), is: health)
        case .allCriticalComponents(let health):
            Self.all(facts.criticalComponents, are: health)
        case .anyComponent(let health):
            facts.components.reduce(.no) { $0.or(Self.holds($1, is: health)) }
        case .reported(let name):
            Truth(facts.isReported(name))
        case .comparison(let sign, let left, let right):
            Self.compare(left.number(in: facts), sign, right.number(in: facts))
        case .not(let inner): !inner.evaluate(in: facts)
        case .and(let left, let right):
            left.evaluate(in: facts).and(right.evaluate(in: facts))
        case .or(let left, let right):
            left.evaluate(in: facts).or(right.evaluate(in: facts))
        case .number, .metric, .recoveryAttempts, .negative, .arithmetic:
            .unknown
        }
    }

    /// The value of a number, metric or calculation; nil when it is not known or not finite.
    package func number(in facts: some ExpressionFacts) -> Double? {
        let value: Double?
        switch self {
        case .number(let number): value = number
        case .metric(let name): value = facts.value(ofMetric: name)
        case .recoveryAttempts: value = Double(facts.recoveryAttempts)
        case .negative(let inner): value = inner.number(in: facts).map { -$0 }
        case .arithmetic(let sign, let left, let right):
            guard let left = left.number(in: facts), let right = right.number(in: facts) else {
                return nil
            }
            value = Self.calculate(left, sign, right)
        case .component, .probe, .allCriticalComponents, .anyComponent, .reported, .comparison,
            .not,
            .and, .or:
            value = nil
        }
        return value.flatMap { $0.isFinite ? $0 : nil }
    }

    /// A state that is unknown is not known to be down, and not known to be anything else either.
    private static func holds(_ state: Health?, is health: Health) -> Truth {
        guard let state else { return .unknown }
        if state == health { return .yes }
        return state == .unknown ? .unknown : .no
    }

    /// Without any critical component nothing is down.
    private static func all(_ states: [Health], are health: Health) -> Truth {
        guard !states.isEmpty else { return .no }
        return states.reduce(.yes) { $0.and(holds($1, is: health)) }
    }

    private static func compare(
        _ left: Double?, _ sign: ComparisonOperator, _ right: Double?
    ) -> Truth {
        guard let left, let right else { return .unknown }
        return switch sign {
        case .less: Truth(left < right)
        case .lessOrEqual: Truth(left <= right)
        case .greater: Truth(left > right)
        case .greaterOrEqual: Truth(left >= right)
        case .equal: Truth(left == right)
        case .notEqual: Truth(left != right)
        }
    }

    /// A division by zero is infinite or no number, which `number` answers with nil.
    private static func calculate(
        _ left: Double, _ sign: ArithmeticOperator, _ right: Double
    ) -> Double {
        switch sign {
        case .add: left + right
        case .subtract: left - right
        case .multiply: left * right
        case .divide: left / right
        }
    }
}

/// Everything that an expression refers to, each once, in the order of its text.
package struct ExpressionReferences: Sendable, Equatable {
    package var metrics: [String] = []
    package var components: [String] = []
    package var probes: [ProbeReference] = []
    package var reported: [String] = []
    package init() {}
}
extension Expression {
    package var references: ExpressionReferences {
        var result = ExpressionReferences()
        collect(into: &result)
        return result
    }
    private func collect(into result: inout ExpressionReferences) {
        switch self {
        case .metric(let name): add(name, to: &result.metrics)
        case .component(let name, _): add(name, to: &result.components)
        case .probe(let reference, _): add(reference, to: &result.probes)
        case .reported(let name): add(name, to: &result.reported)
        case .negative(let inner), .not(let inner): inner.collect(into: &result)
        case .arithmetic(_, let left, let right), .comparison(_, let left, let right),
            .and(let left, let right), .or(let left, let right):
            left.collect(into: &result)
            right.collect(into: &result)
        case .number, .allCriticalComponents, .anyComponent, .recoveryAttempts: break
        }
    }
    private func add<Name: Equatable>(_ name: Name, to names: inout [Name]) {
        if !names.contains(name) { names.append(name) }
    }
}
