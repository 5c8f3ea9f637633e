// The runbook's regular expressions: compiled once, matched off the concurrency threads.
import Domain
import Synchronization

/// A regular expression may take for ever on an unlucky text, and cannot be stopped; so the text is
/// bounded, and the match runs where a hang is noticed.
final class Patterns: Sendable {
    /// Bytes of a text that are looked at.
    static let textLimit = 65_536

    private let compiled = Mutex<[String: Pattern]>([:])
    private let pool = BlockingPool("patterns", threads: 4)

    /// - Throws: `Fault` that says what is wrong with the expression.
    func pattern(_ text: String) throws(Fault) -> Pattern {
        if let known = compiled.withLock({ $0[text] }) { return known }
        let new: Pattern
        do {
            new = try Pattern(text)
        } catch {
            throw Fault(
                operation: "read the regular expression", subject: Visible.text(text, limit: 80),
                cause: "\(error)")
        }
        compiled.withLock { $0[text] = new }
        return new
    }

    enum Match: Sendable, Equatable {
        case found, missing
        /// The sentence says why it is not known.
        case undecided(String)
    }

    /// Whether a text contains a match.
    func match(_ text: String, in bytes: [UInt8], within limit: Span) async throws(Fault) -> Match {
        let pattern = try pattern(text)
        let subject = String(decoding: bytes.prefix(Self.textLimit), as: UTF8.self)
        // Text without any freedom is decided at once, without the way to another thread.
        if let plain = pattern.plain { return subject.contains(plain: plain) ? .found : .missing }
        switch await pool.run("\(text)", within: limit, { pattern.matches(subject) }) {
        case .done(let found): return found ? .found : .missing
        case .late, .hanging, .full:
            return .undecided(
                "the regular expression \(Visible.text(text, limit: 80)) takes too long on this text"
            )
        case .cancelled: return .undecided("the check was cancelled")
        }
    }
}

/// One compiled expression. Matching changes nothing in it, so threads may share it.
struct Pattern: @unchecked Sendable {
    private let regex: Regex<AnyRegexOutput>
    /// The text itself, if no character of it means anything but itself.
    let plain: String?

    init(_ text: String) throws {
        regex = try Regex(text).matchingSemantics(.unicodeScalar)
        plain = text.contains { "\\^$.|?*+()[]{}".contains($0) } || text.isEmpty ? nil : text
    }
    func matches(_ text: String) -> Bool {
        // An expression can fail only by its own transformations, and ours have none.
        (try? regex.firstMatch(in: text)) != nil
    }
}

extension String {
    /// Whether the bytes of another text are in this one.
    func contains(plain other: String) -> Bool {
        var text = self
        var other = other
        return text.withUTF8 { all in
            other.withUTF8 { part in
                guard let first = part.first, part.count <= all.count else { return part.isEmpty }
                for start in 0...(all.count - part.count)
                where all[start] == first
                    && all[start..<start + part.count].elementsEqual(part)
                {
                    return true
                }
                return false
            }
        }
    }
}
