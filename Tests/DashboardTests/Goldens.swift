// Screens as text files: what is drawn, and in which roles. `UPDATE_GOLDENS=1` rewrites them.
import FoundationEssentials
import Screen
import TestKit
import Testing

enum Goldens {
    private static let folder = "Tests/DashboardTests/Goldens"

    /// Compares a frame with its file, or writes it.
    static func check(_ frame: Frame, _ name: String) throws {
        let drawn = text(of: frame)
        let file = "\(folder)/\(name).txt"
        if ProcessInfo.processInfo.environment["UPDATE_GOLDENS"] == "1" {
            let path = Places.project + "/" + file
            try FileManager.default.createDirectory(
                atPath: Places.project + "/" + folder, withIntermediateDirectories: true)
            try Data(drawn.utf8).write(to: URL(filePath: path))
            return
        }
        guard let golden = try? Places.text(of: file) else {
            Issue.record("there is no \(file); write it with UPDATE_GOLDENS=1")
            return
        }
        if let difference = firstDifference(golden, drawn) {
            Issue.record("\(file) is drawn differently: \(difference)")
        }
    }

    private static func firstDifference(_ golden: String, _ drawn: String) -> String? {
        guard golden != drawn else { return nil }
        let before = golden.split(separator: "\n", omittingEmptySubsequences: false)
        let after = drawn.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in before.enumerated() where index >= after.count || after[index] != line
        {
            let now = index < after.count ? String(after[index]) : "nothing"
            return "line \(index + 1)\n  was: \(line)\n  now: \(now)"
        }
        return "it has more lines"
    }

    /// The glyphs between bars, then for each row the runs of one style, then the cursor.
    private static func text(of frame: Frame) -> String {
        var lines = ["\(frame.width)×\(frame.height)"]
        for y in 0..<frame.height {
            var row = "│"
            for x in 0..<frame.width { row += frame.glyph(x: x, y: y) }
            lines.append(row + "│")
        }
        for y in 0..<frame.height {
            let runs = styles(frame, y)
            if !runs.isEmpty { lines.append("\(y): " + runs.joined(separator: ", ")) }
        }
        if let cursor = frame.cursor { lines.append("cursor \(cursor.x),\(cursor.y)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `3-9 warning on selected bold`; plain text and blanks on the base are left out. Nobody sees the
    /// role of a blank: it belongs to the run that it stands in.
    private static func styles(_ frame: Frame, _ y: Int) -> [String] {
        var runs: [(start: Int, end: Int, style: Style)] = []
        for x in 0..<frame.width {
            let style = frame.cell(x: x, y: y).style
            let blank = frame.glyph(x: x, y: y) == " "
            if let last = runs.last, last.style == style || (blank && looksAlike(style, last.style))
            {
                runs[runs.count - 1].end = x
            } else {
                runs.append((x, x, blank ? Style(.text, on: style.ground) : style))
            }
        }
        return runs.filter { $0.style != .plain }.map { "\($0.start)-\($0.end) \(words($0.style))" }
    }
    private static func looksAlike(_ blank: Style, _ style: Style) -> Bool {
        let seen: Emphasis = [.underline, .reverse]
        return blank.ground == style.ground
            && blank.emphasis.intersection(seen) == style.emphasis.intersection(seen)
    }
    private static func words(_ style: Style) -> String {
        var words = "\(style.role)"
        if style.ground != .base { words += " on \(style.ground)" }
        let names: [(Emphasis, String)] = [
            (.bold, "bold"), (.dim, "dim"), (.underline, "underline"), (.reverse, "reverse"),
        ]
        for (emphasis, name) in names where style.emphasis.contains(emphasis) {
            words += " " + name
        }
        return words
    }
}
