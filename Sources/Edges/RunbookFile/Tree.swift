// The runbook's text as a tree of maps, lists and scalars, each with its place.

struct Tree {
    enum Content {
        case scalar(Scalar)
        case list([Tree])
        case map([Entry])
    }
    struct Scalar {
        var text: String
        /// Written without quotes, so that it may be a number, `true` or nothing.
        var isPlain: Bool
        /// Filled from the environment: it may be a number even in quotes.
        var isFilled = false
        /// A problem is reported already, so nothing more is said of its value.
        var isBroken = false
    }
    struct Entry {
        var key: String
        var place: Place
        var value: Tree
    }
    var place: Place
    var content: Content
    /// How many values it holds, itself included and aliases counted each time.
    var size = 1
    /// How deep it is; 1 for a scalar.
    var height = 1

    static func broken(at place: Place) -> Tree {
        Tree(place: place, content: .scalar(Scalar(text: "", isPlain: true, isBroken: true)))
    }
    var isBroken: Bool { scalar?.isBroken == true }

    /// Nothing, `~` or `null`.
    var isEmpty: Bool {
        guard case .scalar(let scalar) = content, scalar.isPlain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.text)
    }
    var scalar: Scalar? {
        if case .scalar(let scalar) = content { scalar } else { nil }
    }
    /// The elements of a list; none for anything else.
    var items: [Tree] {
        if case .list(let items) = content { items } else { [] }
    }
    /// The entries of a map; none for anything else.
    var entries: [Entry] {
        if case .map(let entries) = content { entries } else { [] }
    }
    subscript(key: String) -> Tree? {
        guard case .map(let entries) = content else { return nil }
        return entries.first { $0.key == key }?.value
    }
    /// The names in every `{ env: NAME }` of it.
    var secretVariables: [String] {
        if entries.count == 1, entries[0].key == "env", let name = entries[0].value.scalar?.text {
            return [name]
        }
        return items.flatMap(\.secretVariables) + entries.flatMap(\.value.secretVariables)
    }
    /// Where the key stands.
    func place(of key: String) -> Place {
        entries.first { $0.key == key }?.place ?? place
    }

    /// The number that it is, if it may be one.
    var number: Double? {
        guard let scalar, scalar.isPlain || scalar.isFilled, let first = scalar.text.utf8.first,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) || "+-.".utf8.contains(first),
            scalar.text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
            let value = Double(scalar.text), value.isFinite
        else { return nil }
        return value
    }
    var integer: Int? {
        guard let number, number == number.rounded(), abs(number) < 1e15 else { return nil }
        return Int(number)
    }
    var flag: Bool? {
        guard let scalar, scalar.isPlain || scalar.isFilled else { return nil }
        return [
            "true": true, "True": true, "TRUE": true, "false": false, "False": false,
            "FALSE": false,
        ][
            scalar.text]
    }
}
