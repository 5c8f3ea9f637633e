// Finds the rule of the runbook that turns an alert into a problem, away from the engine's own thread.
import Dispatch
import Domain
import FoundationEssentials
import Synchronization

/// The rules with their patterns, which are compiled once.
final class AlertMatcher: Sendable {
    /// A label's value that is longer than this, in bytes, matches nothing: what a pattern costs grows
    /// with the text.
    static let longestValue = 4_096

    /// How a label's value is compared.
    private enum Test {
        /// A pattern without any freedom: one of these.
        case texts(Set<String>)
        case pattern(Regex<AnyRegexOutput>)
        /// The pattern cannot be read.
        case broken(String)
    }
    private let rules: [AlertRule]
    /// A compiled expression may not be shared between threads, so one thread at a time matches.
    private let tests = Mutex<[String: Test]>([:])

    init(_ rules: [AlertRule]) { self.rules = rules }

    /// The problem of the first rule of which every pattern matches; nil: none does.
    /// - Throws: `Refusal` when a pattern of the runbook cannot be read.
    func problem(for labels: [String: String]) throws(Refusal) -> String? {
        for rule in rules where try matches(rule, labels) { return rule.problem }
        return nil
    }

    private func matches(_ rule: AlertRule, _ labels: [String: String]) throws(Refusal) -> Bool {
        for pattern in rule.match {
            // As everywhere in Prometheus, a label that is not there is an empty text.
            let value = labels[pattern.name] ?? ""
            guard value.utf8.count <= Self.longestValue, try matches(pattern, value) else {
                return false
            }
        }
        return true
    }

    private func matches(_ pattern: NamedText, _ value: String) throws(Refusal) -> Bool {
        let (found, fault) = tests.withLock { tests -> (Bool, String?) in
            let test = tests[pattern.text] ?? Self.test(pattern.text)
            tests[pattern.text] = test
            switch test {
            case .texts(let texts): return (texts.contains(value), nil)
            // An expression can fail only by its own transformations, and ours have none.
            case .pattern(let regex): return ((try? regex.wholeMatch(in: value)) != nil, nil)
            case .broken(let why): return (false, why)
            }
        }
        guard let fault else { return found }
        throw Refusal(
            .notNow, rule: "alert-pattern",
            why:
                "the runbook's pattern for the label \(Visible.text(pattern.name, limit: 60)) cannot be "
                + "read: \(Visible.text(fault, limit: 200))",
            remedy: "Mend it under `alerts:` in the runbook")
    }

    private static func test(_ text: String) -> Test {
        if !text.contains(where: { "\\^$.?*+()[]{}".contains($0) }) {
            let texts = text.split(separator: "|", omittingEmptySubsequences: false)
            return .texts(Set(texts.map { String($0) }))
        }
        do {
            return .pattern(try Regex(text).matchingSemantics(.unicodeScalar))
        } catch {
            return .broken("\(error)")
        }
    }
}

/// Where alerts are read: one body after the other, on a thread of their own, with a limit of time. An
/// unlucky pattern can take for ever on an unlucky text, and nothing can stop it; then alerts are refused,
/// and their sender tries again, but the engine goes on.
final class AlertDesk: Sendable {
    /// Bodies that may wait; each has at most a megabyte.
    static let mostWaiting = 16

    private let queue = DispatchQueue(label: "tocsin.alerts")
    let waiting = Atomic(0)
    private let limit: Span
    private let known = Mutex<(intake: AlertIntake, matcher: AlertMatcher)?>(nil)

    /// The engine's: there is one runbook in a process.
    static let shared = AlertDesk()

    /// - Parameter limit: how long one body may take, the wait for its turn included.
    init(within limit: Span = .seconds(10)) { self.limit = limit }

    /// - Throws: `Refusal` as `AlertReading` does; `Fault` when it takes too long.
    func read(
        _ body: Data, by intake: AlertIntake, of service: String = "", at now: Timestamp
    ) async throws -> AlertReading {
        let matcher = matcher(for: intake)
        return try await run { try AlertReading(body, matcher, of: service, at: now) }
    }

    private func matcher(for intake: AlertIntake) -> AlertMatcher {
        known.withLock { known in
            if let known, known.intake == intake { return known.matcher }
            let matcher = AlertMatcher(intake.rules)
            known = (intake, matcher)
            return matcher
        }
    }

    func run<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.mostWaiting else {
            waiting.subtract(1, ordering: .relaxed)
            throw Fault(
                operation: "read the alerts", subject: "POST /v1/alerts",
                cause: "too many wait already", retry: true)
        }
        let limit = limit
        return try await withCheckedThrowingContinuation { continuation in
            let answer = FirstAnswer(continuation)
            queue.async { [self] in
                // Whose time is over is not asked for any more.
                if answer.isWanted { answer.give(Swift.Result { try work() }) }
                waiting.subtract(1, ordering: .relaxed)
            }
            DispatchQueue.global().asyncAfter(deadline: .now() + limit.seconds) {
                answer.give(
                    .failure(
                        Fault(
                            operation: "read the alerts", subject: "POST /v1/alerts",
                            cause: "the runbook's patterns for alerts take too long", retry: true)))
            }
        }
    }
}

/// Hands on the first of several answers.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value, any Error>?>

    init(_ continuation: CheckedContinuation<Value, any Error>) {
        self.continuation = Mutex(continuation)
    }
    var isWanted: Bool { continuation.withLock { $0 != nil } }

    func give(_ result: Result<Value, any Error>) {
        let waiting = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        waiting?.resume(with: result)
    }
}
