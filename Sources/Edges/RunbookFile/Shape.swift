// What may stand where in a runbook: the one description that the loader checks by and that the JSON
// Schema is made from.

/// What may stand at a place of the runbook.
indirect enum Shape: Sendable {
    case scalar(ScalarShape)
    case list(Shape, atLeast: Int)
    /// A map with fixed keys.
    case table(KeyTable)
    /// A map from names to values.
    case named(NamedShape)
    /// Different forms, told apart by whether it is a scalar, a list or a map.
    case either(scalar: ScalarShape? = nil, list: Shape? = nil, map: Shape? = nil)
    /// Any data, such as the body of a request.
    case data

    static func list(_ items: ScalarShape, atLeast: Int = 1) -> Shape {
        .list(.scalar(items), atLeast: atLeast)
    }
    /// One scalar, or a list of them.
    static func oneOrMore(_ items: ScalarShape) -> Shape {
        .either(scalar: items, list: .list(items))
    }
}

/// What a scalar is.
enum ScalarShape: Sendable {
    /// A text for people, in one line; not empty.
    case line
    /// A text that may have several lines.
    case text
    /// A command or query, in one or several lines; not empty.
    case script
    /// An argument of a program; may be empty.
    case argument
    /// The only number is 1.
    case version
    /// A name that is declared here.
    case name
    case reference(Reference)
    case choice([String])
    case flag
    case number(ClosedRange<Double>)
    case integer(ClosedRange<Int>)
    case span(SpanRange)
    case url([String])
    case path
    case pattern
    case jsonPath
    case condition
    /// `host:port`.
    case address
    case host
    case timezone
    case email
    case timestamp
    case umask
    /// A name of an environment variable.
    case variable
    /// Something secret: a text is refused, a map says where it is to be found.
    case plainSecret
}

struct SpanRange: Sendable {
    /// Whether 0 is allowed.
    var zero = false
    /// Seconds.
    var most: Double
    /// The most that a clock can be asked to count: ten years.
    static let any = SpanRange(most: 3650 * 86400)
    static let anyOrZero = SpanRange(zero: true, most: 3650 * 86400)
    static func upTo(hours: Double) -> SpanRange { SpanRange(most: hours * 3600) }
}

/// The things that have names.
enum Reference: String, Sendable, CaseIterable {
    case component, probe, metric, person, role
    /// A person or `*`.
    case member
    /// A role or a person.
    case recipient
    case channel
    /// A data source that understands SQL; one that is Redis; any.
    case database, redis, source
    case action, fallback, playbook, drill
    /// A kind of authorization of the rollback, or `test-mode`.
    case authorization
}

/// A map from names to values.
struct NamedShape: Sendable {
    enum Rule: Sendable {
        /// `[A-Za-z0-9_][A-Za-z0-9_-]*`
        case name
        case metric
        /// A header's field name.
        case header
        /// A field of a form.
        case field
        /// A label of an alert.
        case label
        case variable
        case reference(Reference)
    }
    /// `a component`.
    var what: String
    var rule: Rule = .name
    var atLeast = 1
    var value: Shape
}

struct Key: Sendable {
    var name: String
    var shape: Shape
    var isRequired: Bool
    /// A sentence for the schema.
    var about: String
}

/// A map with fixed keys, and what must or must not stand together.
struct KeyTable: Sendable {
    /// `a component`.
    var what: String
    var keys: [Key]
    /// Groups of keys of which exactly one must be there.
    var exactlyOne: [[String]] = []
    var atMostOne: [[String]] = []
    var atLeastOne: [[String]] = []
    /// Keys that only make sense beside one of others.
    var beside: [String: [String]] = [:]
    /// Keys that need others.
    var needs: [String: [String]] = [:]
    /// What else is wrong with a map of these keys.
    var rule: (@Sendable (Tree, ProblemList) -> Void)? = nil

    subscript(name: String) -> Key? { keys.first { $0.name == name } }
}

func must(_ name: String, _ shape: Shape, _ about: String) -> Key {
    Key(name: name, shape: shape, isRequired: true, about: about)
}
func must(_ name: String, _ shape: ScalarShape, _ about: String) -> Key {
    must(name, .scalar(shape), about)
}
func may(_ name: String, _ shape: Shape, _ about: String) -> Key {
    Key(name: name, shape: shape, isRequired: false, about: about)
}
func may(_ name: String, _ shape: ScalarShape, _ about: String) -> Key {
    may(name, .scalar(shape), about)
}
