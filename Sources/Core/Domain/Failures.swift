// The four ways things go wrong: Refusal, Fault, Damage, and (as a trap) a defect of our own.

/// A rule said no. Nothing happened.
package struct Refusal: Error, Sendable, Equatable {
    package enum Kind: String, Sendable, Codable {
        /// This caller may not (HTTP 403).
        case notAllowed
        /// Not in this situation (HTTP 409).
        case notNow
        /// The request makes no sense (HTTP 422).
        case notUnderstood
    }
    package var kind: Kind
    /// The name of the rule: `rollback-authorization`, `one-procedure-at-a-time` …
    package var rule: String
    /// A sentence.
    package var why: String
    /// What would satisfy it; a sentence.
    package var remedy: String
    package init(_ kind: Kind, rule: String, why: String, remedy: String) {
        self.kind = kind
        self.rule = rule
        self.why = why
        self.remedy = remedy
    }
}

/// The world failed.
package struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried: `append to the journal`.
    package var operation: String
    /// On what: a path, a host.
    package var subject: String
    /// What the world said.
    package var cause: String
    /// Whether trying again can help.
    package var retry: Bool
    package init(operation: String, subject: String, cause: String, retry: Bool = false) {
        self.operation = operation
        self.subject = subject
        self.cause = cause
        self.retry = retry
    }
    package var description: String { "cannot \(operation) (\(subject)): \(cause)" }
}

/// Bytes are not what was written.
package struct Damage: Error, Sendable, Equatable, CustomStringConvertible {
    package var subject: String
    /// What is wrong, and what was done about it or what to do.
    package var detail: String
    package init(subject: String, detail: String) {
        self.subject = subject
        self.detail = detail
    }
    package var description: String { "\(subject) is damaged: \(detail)" }
}

/// Makes text from outside safe to draw, print or mail.
package enum Visible {
    /// Control characters (C0 but line feed where `lines`, DEL, C1, bidirectional overrides) become
    /// visible pictures or `\u{…}`; tabs become spaces; cut to `limit` characters with an ellipsis.
    package static func text(
        _ text: some StringProtocol, limit: Int = 500, lines: Bool = false
    ) -> String {
        var result = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if count >= limit {
                result += "…"
                break
            }
            count += 1
            switch scalar.value {
            case 0x0A where lines: result += "\n"
            case 0x09: result += " "
            case 0x00...0x1F: result.unicodeScalars.append(picture(scalar.value + 0x2400))
            case 0x7F: result += "\u{2421}"
            case 0x80...0x9F, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF:
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
    private static func picture(_ value: UInt32) -> Unicode.Scalar {
        Unicode.Scalar(value) ?? "\u{FFFD}"
    }
}
