// Guesses what a mistyped name was meant to be.

package enum Nearest {
    /// The most similar of the candidates, if one is similar enough: at most one wrong, missing,
    /// extra or swapped character for each three, or the same but for capitals, `-` and `_`.
    package static func name(to text: String, among candidates: some Sequence<String>) -> String? {
        let wanted = Array(text.utf8.prefix(64))
        let plain = folded(text)
        let most = wanted.count < 2 ? 0 : max(1, wanted.count / 3)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            if folded(candidate) == plain { return candidate }
            let other = Array(candidate.utf8)
            guard abs(other.count - wanted.count) <= most else { continue }
            let distance = distance(wanted, other)
            if distance <= most, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// What to say: the nearest name, or all of them (the first few) when nothing is near.
    static func suggestion(
        for text: String, among candidates: [String], called what: String
    ) -> String {
        if let near = name(to: text, among: candidates) { return "did you mean `\(near)`?" }
        let shown = 40
        let list = candidates.prefix(shown).map { "`\($0)`" }.joined(separator: ", ")
        return what + ": " + list + (candidates.count > shown ? " …" : "")
    }

    private static func folded(_ text: String) -> String {
        text.lowercased().filter { $0 != "-" && $0 != "_" && $0 != " " }
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var last = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            row.reserveCapacity(right.count + 1)
            for j in right.indices {
                var cost = min(last[j] + (left[i] == right[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    cost = min(cost, before[j - 1] + 1)
                }
                row.append(cost)
            }
            before = last
            last = row
        }
        return last[right.count]
    }
}
