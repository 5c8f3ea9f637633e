// The shapes that screens are made of: boxes, rules, bars, sparklines, graphs.

/// Text with a style: lines are made of these.
package struct Run: Sendable, Equatable {
    package var text: String
    package var style: Style
    package init(_ text: String, _ role: StyleRole = .text, _ emphasis: Emphasis = []) {
        self.text = text
        style = Style(role, emphasis)
    }
    package init(_ text: String, style: Style) {
        self.text = text
        self.style = style
    }
    package var columns: Int { GlyphWidth.columns(text) }
}

package enum BoxLines: Sendable { case light, heavy, rounded }

extension Frame {
    /// Draws runs one after the other and says how many columns they took; what does not fit ends
    /// in an ellipsis. Where a ground is given, it replaces that of the runs.
    @discardableResult
    package mutating func line(
        _ runs: [Run], x: Int, y: Int, limit: Int = .max, on ground: Ground? = nil
    ) -> Int {
        var used = 0
        for run in runs where used < limit {
            let style = ground.map { run.style.on($0) } ?? run.style
            used += text(
                run.text, x: x + used, y: y, style, limit: limit == .max ? .max : limit - used)
        }
        return used
    }

    /// Draws runs so that they end before the column `endX`; nothing when there is not room for all.
    @discardableResult
    package mutating func line(
        _ runs: [Run], endX: Int, y: Int, within room: Int, on ground: Ground? = nil
    ) -> Int {
        let columns = runs.reduce(0) { $0 + $1.columns }
        guard columns <= room else { return 0 }
        return line(runs, x: endX - columns, y: y, limit: columns, on: ground)
    }

    package mutating func box(_ rect: Rect, _ style: Style, _ lines: BoxLines = .light) {
        guard rect.width >= 2, rect.height >= 2 else { return }
        let (h, v, corners): (Unicode.Scalar, Unicode.Scalar, [Unicode.Scalar]) =
            switch lines {
            case .light: ("─", "│", ["┌", "┐", "└", "┘"])
            case .heavy: ("━", "┃", ["┏", "┓", "┗", "┛"])
            case .rounded: ("─", "│", ["╭", "╮", "╰", "╯"])
            }
        let right = rect.endX - 1
        let bottom = rect.endY - 1
        for y in [rect.y, bottom] {
            fill(Rect(x: rect.x, y: y, width: rect.width, height: 1), style, glyph: h)
        }
        for x in [rect.x, right] {
            fill(Rect(x: x, y: rect.y, width: 1, height: rect.height), style, glyph: v)
        }
        glyph(corners[0], x: rect.x, y: rect.y, style)
        glyph(corners[1], x: right, y: rect.y, style)
        glyph(corners[2], x: rect.x, y: bottom, style)
        glyph(corners[3], x: right, y: bottom, style)
    }

    /// A horizontal line.
    package mutating func rule(x: Int, y: Int, width: Int, _ style: Style) {
        fill(Rect(x: x, y: y, width: width, height: 1), style, glyph: "─")
    }
    /// A vertical line; where it meets a horizontal one, they join.
    package mutating func divider(x: Int, y: Int, height: Int, _ style: Style) {
        fill(Rect(x: x, y: y, width: 1, height: height), style, glyph: "│")
    }

    /// `▕████▎   ▏`: the share that is filled, in eighths of a column.
    /// - Parameter share: 0–1; what lies outside is cut.
    package mutating func bar(
        x: Int, y: Int, width: Int, share: Double, _ filled: Style, _ empty: Style
    ) {
        guard width >= 3 else { return }
        glyph("▕", x: x, y: y, empty)
        glyph("▏", x: x + width - 1, y: y, empty)
        let room = width - 2
        let value = share.isFinite ? min(max(share, 0), 1) : 0
        let eighths = Int((value * Double(room) * 8).rounded())
        let parts: [Unicode.Scalar] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        for column in 0..<room {
            let here = eighths - column * 8
            let scalar: Unicode.Scalar = here >= 8 ? "█" : here <= 0 ? " " : parts[here - 1]
            glyph(scalar, x: x + 1 + column, y: y, filled)
        }
    }

    /// The newest values in a row of braille dots, two to a column, filled below, the latest at the
    /// right edge.
    package mutating func sparkline(
        _ values: [Double], low: Double, high: Double, x: Int, y: Int, width: Int, _ style: Style
    ) {
        let shown = Array(values.suffix(max(0, width) * 2))
        let empty = width * 2 - shown.count
        for column in 0..<max(0, width) {
            var bits: UInt32 = 0
            for half in 0..<2 {
                let index = column * 2 + half - empty
                guard index >= 0 else { continue }
                for dot in 0..<Frame.level(shown[index], low, high, 4) {
                    bits |= Frame.braille[half][dot]
                }
            }
            guard bits != 0, let scalar = Unicode.Scalar(0x2800 + bits) else { continue }
            glyph(scalar, x: x + column, y: y, style)
        }
    }

    /// The values as one curve, two dots to a column and four to a row, the latest at the right edge.
    /// - Parameter slots: how many values the whole width stands for; 2 or more.
    package mutating func curve(
        _ values: [Double], slots: Int, low: Double, high: Double, in rect: Rect, _ style: Style
    ) {
        let columns = rect.width * 2
        guard values.count > 1, columns > 1, rect.height > 0 else { return }
        let dots = rect.height * 4
        let shown = Array(values.suffix(max(2, slots)))
        let missing = max(2, slots) - shown.count
        // 0 where there is no value yet.
        let levels = (0..<columns).map { column in
            let slot = (column * (max(2, slots) - 1) + (columns - 1) / 2) / (columns - 1) - missing
            return slot < 0 ? 0 : Frame.level(shown[slot], low, high, dots)
        }
        for column in 0..<rect.width {
            var cells = [UInt32](repeating: 0, count: rect.height)
            for half in 0..<2 {
                let index = column * 2 + half
                // A step up or down is drawn as a line, so that the curve holds together.
                let now = levels[index]
                guard now > 0 else { continue }
                let before = index > 0 && levels[index - 1] > 0 ? levels[index - 1] : now
                let from = before < now ? before + 1 : now
                let to = before > now ? before - 1 : now
                for dot in min(from, now)...max(to, now) {
                    cells[rect.height - 1 - (dot - 1) / 4] |= Frame.braille[half][(dot - 1) % 4]
                }
            }
            for row in 0..<rect.height {
                guard cells[row] != 0, let scalar = Unicode.Scalar(0x2800 + cells[row]) else {
                    continue
                }
                glyph(scalar, x: rect.x + column, y: rect.y + row, style)
            }
        }
    }

    /// The bits of a braille cell, from its lowest dot up: left column, right column.
    private static let braille: [[UInt32]] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]]

    /// 1 … dots.
    private static func level(_ value: Double, _ low: Double, _ high: Double, _ dots: Int) -> Int {
        let span = high - low
        guard value.isFinite, span.isFinite, span > 0 else { return 1 }
        let share = min(max((value - low) / span, 0), 1)
        return 1 + Int((share * Double(dots - 1)).rounded())
    }
}

package enum Wrap {
    /// Breaks text into lines of at most `width` columns, at blanks where there are any.
    /// - Parameter limit: lines at most; the last one ends in an ellipsis when there is more.
    package static func lines(_ text: String, width: Int, limit: Int = .max) -> [String] {
        guard width > 0, limit > 0 else { return [] }
        var lines: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var line = ""
            var columns = 0
            for word in paragraph.split(separator: " ") {
                var word = String(word)
                var needed = GlyphWidth.columns(word)
                if columns > 0, columns + 1 + needed > width {
                    lines.append(line)
                    line = ""
                    columns = 0
                }
                while needed > width {
                    let head = prefix(word, width: width)
                    guard !head.isEmpty else { break }
                    lines.append(head)
                    word = String(word.dropFirst(head.count))
                    needed = GlyphWidth.columns(word)
                }
                if columns > 0 {
                    line += " "
                    columns += 1
                }
                line += word
                columns += needed
                if lines.count > limit { break }
            }
            lines.append(line)
            if lines.count > limit { break }
        }
        if lines.count > limit {
            lines = Array(lines.prefix(limit))
            let last = lines[limit - 1]
            lines[limit - 1] =
                (GlyphWidth.columns(last) < width ? last : prefix(last, width: width - 1)) + "…"
        }
        return lines
    }

    /// As many characters from the front as fit.
    package static func prefix(_ text: String, width: Int) -> String {
        var columns = 0
        var result = ""
        for character in text {
            let needed = GlyphWidth.columns(String(character))
            if columns + needed > width { break }
            columns += needed
            result.append(character)
        }
        return result
    }
    /// As many characters from the end as fit.
    package static func suffix(_ text: String, width: Int) -> String {
        var columns = 0
        var result: [Character] = []
        for character in text.reversed() {
            let needed = GlyphWidth.columns(String(character))
            if columns + needed > width { break }
            columns += needed
            result.append(character)
        }
        return String(result.reversed())
    }
}
