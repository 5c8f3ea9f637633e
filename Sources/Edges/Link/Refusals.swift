// One place where what went wrong becomes a status code and a sentence for the caller.
package import Domain
package import Wire

extension Refusal.Kind {
    /// The HTTP status that carries it.
    package var status: Int {
        switch self {
        case .notAllowed: 403
        case .notNow: 409
        case .notUnderstood: 422
        }
    }
}

extension RefusalReport {
    package init(_ refusal: Refusal) {
        self.init(refused: refusal.rule, why: refusal.why, remedy: refusal.remedy)
    }

    /// The answer to an error: its status and its body.
    static func answer(to error: any Error) -> (status: Int, report: RefusalReport) {
        switch error {
        case let refusal as Refusal: (refusal.kind.status, RefusalReport(refusal))
        case let fault as Fault:
            (
                503,
                RefusalReport(
                    refused: "fault", why: "\(fault)",
                    remedy: fault.retry ? "Try again." : "Mend the cause, then try again.")
            )
        case let damage as Damage:
            (
                503,
                RefusalReport(refused: "damage", why: "\(damage)", remedy: "See the engine's log.")
            )
        case let error as DecodingError:
            (422, RefusalReport(Refusal(notUnderstood: explanation(of: error))))
        default:
            (
                500,
                RefusalReport(
                    refused: "defect", why: "the engine failed: \(error)",
                    remedy: "Report it, with the engine's log.")
            )
        }
    }

    private static func explanation(of error: DecodingError) -> String {
        func place(_ path: [any CodingKey]) -> String {
            path.isEmpty ? "the document" : path.map(\.stringValue).joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context):
            "\(key.stringValue) is missing in \(place(context.codingPath))"
        case .typeMismatch(let type, let context):
            "\(place(context.codingPath)) must be \(words(for: type))"
        case .valueNotFound(let type, let context):
            "\(place(context.codingPath)) is null and must be \(words(for: type))"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "the body is not a JSON document" : "\(place(context.codingPath)) cannot be read"
        @unknown default: "the body cannot be read"
        }
    }

    private static func words(for type: Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [String: Any].Type: "an object"
        default: "a \(type)"
        }
    }
}

extension Refusal {
    /// A request that makes no sense.
    init(notUnderstood why: String) {
        self.init(
            .notUnderstood, rule: "request", why: why,
            remedy: "See docs/openapi.yaml for the shape.")
    }
}
