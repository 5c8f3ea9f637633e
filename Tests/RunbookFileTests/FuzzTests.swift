// Runbooks that are damaged at random: always a runbook or a problem, never a crash.
import Domain
import RunbookFile
import Testing

@Suite struct FuzzTests {
    @Test(arguments: [1, 2, 3, 4])
    func `a damaged example is read or refused`(_ seed: UInt64) throws {
        let original = Array(try Example.text().utf8)
        let lines = try Example.text().split(separator: "\n").map { Array($0.utf8) + [10] }
        let pieces = [
            "*a", "&a ", "<<: ", "${X}", "{{", "}", "]", "[", ": ", "- ", "\n", "\t", "\"", "'",
            "#", "| ",
            "> ", "!x ", "? ", "%", "---\n", "\u{0}", "é", "👩‍🚒", "null", "-1",
            "99999999999999999999",
            "(((((", "1e999", "0x1F", "~", "@", "\\", "*", "all critical components down",
        ].map { Array($0.utf8) }
        var random = Lehmer(seed: seed)
        for _ in 0..<60 {
            var bytes = original
            for _ in 0...random.below(4) {
                let start = random.below(bytes.count)
                let end = min(bytes.count, start + random.below(40))
                switch random.below(6) {
                case 0: bytes.removeSubrange(start..<end)
                case 1: bytes.insert(contentsOf: bytes[start..<end], at: start)
                case 2: bytes.replaceSubrange(start..<end, with: pieces[random.below(pieces.count)])
                case 3: bytes.insert(contentsOf: pieces[random.below(pieces.count)], at: start)
                case 4: bytes.insert(contentsOf: lines[random.below(lines.count)], at: start)
                default: bytes[start] = UInt8(random.below(256))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let result = check(text)
            let errors = result.problems.filter { $0.severity == .error }
            #expect((result.runbook == nil) == !errors.isEmpty, "\(text)")
            for problem in result.problems {
                #expect(problem.line >= 1 && problem.column >= 1)
                #expect(
                    problem.description.unicodeScalars.allSatisfy {
                        $0.value >= 0x20 && $0.value != 0x7F
                    },
                    "\(problem)")
            }
        }
    }

    @Test func `a piece of the example is read or refused`() throws {
        let lines = try Example.text().split(separator: "\n", omittingEmptySubsequences: false)
        for end in stride(from: 0, to: lines.count, by: 7) {
            let result = check(lines.prefix(end).joined(separator: "\n"))
            #expect(result.runbook != nil || !result.problems.isEmpty)
        }
    }
}
