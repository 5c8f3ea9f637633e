// Habits that a formatter cannot see: how files open, how long they are, what must not be in them.
import TestKit
import Testing

@Suite struct HabitTests {
    static let most = 600

    static func sources() throws -> [String] {
        try Places.files(below: "Sources", ending: ".swift")
            + Places.files(below: "Tests", ending: ".swift")
    }

    @Test func `a file opens with a sentence that says what it is for`() throws {
        for file in try Self.sources() {
            let first = try Places.text(of: file).prefix { $0 != "\n" }
            #expect(first.hasPrefix("// ") && first.count > 12, "\(file) opens with “\(first)”")
        }
    }

    @Test func `a file is one idea: at most 600 lines`() throws {
        for file in try Self.sources() {
            let lines = try Places.text(of: file).split(
                separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count <= Self.most + 1, "\(file) has \(lines.count) lines")
        }
    }

    /// Each with what to do instead.
    static let banned: [(pattern: String, instead: String)] = [
        ("TO" + "DO", "do it, or write it down as a debt in ARCHITECTURE.md"),
        ("FIX" + "ME", "mend it, or write it down as a debt in ARCHITECTURE.md"),
        ("try" + "!", "handle the error"), ("as" + "! ", "ask with as?"),
        ("fatal" + "Error(", "throw, or use preconditionFailure with the reason"),
    ]

    /// Where a library's type is safe to share but does not say so, and the file says why.
    static let unchecked = ["Sources/Edges/Probes/Patterns.swift"]

    @Test func `shared state is checked by the compiler`() throws {
        for file in try Places.files(below: "Sources", ending: ".swift")
        where !Self.unchecked.contains(file) {
            let text = try Places.text(of: file)
            #expect(
                !text.contains("@unchecked " + "Sendable"),
                "\(file): protect the state with a Mutex, or make it an actor")
        }
    }

    @Test func `nothing banned is in the sources`() throws {
        for file in try Self.sources() {
            let text = try Places.text(of: file)
            for (pattern, instead) in Self.banned {
                #expect(!text.contains(pattern), "\(file) contains \(pattern): \(instead)")
            }
        }
    }

    @Test func `tests wait for conditions, not for times`() throws {
        for file in try Places.files(below: "Tests", ending: ".swift") {
            let text = try Places.text(of: file)
            #expect(!text.contains("us" + "leep("), "\(file): use eventually(…)")
        }
    }
}
