// A frame as a picture file: the terminal window of the README.

extension Frame {
    /// An SVG document of this frame in a rounded window. Lines, blocks, dots and signs are drawn as
    /// shapes, so that they fit the grid whatever fonts the viewer has.
    package func svg(theme: Theme, title: String) -> String {
        var drawing = SVGDrawing(palette: Palette(theme, .direct))
        return drawing.document(self, title: title)
    }
}

private struct SVGDrawing {
    static let cellWidth = 8.4
    static let cellHeight = 18.0
    static let fontSize = 14.0
    static let margin = 12.0
    static let titleHeight = 34.0

    let palette: Palette
    private var out = ""

    init(palette: Palette) { self.palette = palette }

    mutating func document(_ frame: Frame, title: String) -> String {
        let width = Double(frame.width) * Self.cellWidth + 2 * Self.margin
        let height = Double(frame.height) * Self.cellHeight + Self.titleHeight + Self.margin
        let base = palette.colours(.plain)
        let bar = palette.colours(Style(.dim, on: .bar))
        out = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(n(width)) \(n(height))" \
            width="\(n(width))" height="\(n(height))" role="img" aria-label="\(escaped(title))">
            <rect width="\(n(width))" height="\(n(height))" rx="10" fill="\(base.ground.hex)"/>
            <path d="M0 10a10 10 0 0 1 10-10H\(n(width - 10))a10 10 0 0 1 10 10V26H0z" \
            fill="\(bar.ground.hex)"/>
            <circle cx="18" cy="13" r="5" fill="\(palette.colours(Style(.bad)).ink.hex)"/>
            <circle cx="36" cy="13" r="5" fill="\(palette.colours(Style(.warning)).ink.hex)"/>
            <circle cx="54" cy="13" r="5" fill="\(palette.colours(Style(.good)).ink.hex)"/>
            <text x="\(n(width / 2))" y="17.5" text-anchor="middle" font-size="12" \
            font-family="system-ui,sans-serif" fill="\(bar.ink.hex)">\(escaped(title))</text>
            <g font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" \
            font-size="\(n(Self.fontSize))" xml:space="preserve">

            """
        for y in 0..<frame.height { row(frame, y) }
        out += "</g>\n</svg>\n"
        return out
    }

    private mutating func row(_ frame: Frame, _ y: Int) {
        grounds(frame, y)
        var x = 0
        while x < frame.width {
            let cell = frame.cell(x: x, y: y)
            if cell.isBlank || cell.isRightHalf {
                x += 1
                continue
            }
            if let shape = shape(cell, left: left(x), top: top(y)) {
                out += shape
                x += 1
                continue
            }
            x = text(frame, from: x, y)
        }
    }

    /// A run of letters in one style, with single blanks in it; other glyphs stand alone.
    private mutating func text(_ frame: Frame, from start: Int, _ y: Int) -> Int {
        let style = frame.cell(x: start, y: y).style
        var text = frame.glyph(x: start, y: y)
        var end = start + max(1, Int(frame.cell(x: start, y: y).width))
        if frame.cell(x: start, y: y).glyph < 0x80 {
            while end < frame.width {
                let cell = frame.cell(x: end, y: y)
                guard cell.style == style, cell.glyph < 0x80, cell.width == 1 else { break }
                let next = frame.cell(x: end + 1, y: y)
                if cell.isBlank, next.isBlank || next.style != style || next.glyph >= 0x80 { break }
                text += frame.glyph(x: end, y: y)
                end += 1
            }
        }
        let length = Double(end - start) * Self.cellWidth
        let look = palette.look(style)
        let fill = ink(style).hex
        let weight = look.emphasis.contains(.bold) ? " font-weight=\"700\"" : ""
        let line = look.emphasis.contains(.underline) ? " text-decoration=\"underline\"" : ""
        out +=
            "<text x=\"\(n(left(start)))\" y=\"\(n(top(y) + 13.4))\" textLength=\"\(n(length))\""
            + " lengthAdjust=\"spacingAndGlyphs\" fill=\"\(fill)\"\(weight)\(line)>"
            + "\(escaped(text))</text>\n"
        return end
    }

    private mutating func grounds(_ frame: Frame, _ y: Int) {
        let base = palette.colours(.plain).ground
        var x = 0
        while x < frame.width {
            let colour = ground(frame.cell(x: x, y: y).style)
            var end = x + 1
            while end < frame.width, ground(frame.cell(x: end, y: y).style) == colour { end += 1 }
            if colour != base {
                // At the sides it goes on to the edge of the window.
                let from = x == 0 ? 0 : left(x)
                let to = left(end) + (end == frame.width ? Self.margin : 0)
                rect(from, top(y), to - from, Self.cellHeight, colour.hex)
            }
            x = end
        }
    }
    private func ground(_ style: Style) -> RGB {
        let colours = palette.colours(style)
        return style.emphasis.contains(.reverse) ? colours.ink : colours.ground
    }
    private func ink(_ style: Style) -> RGB {
        let colours = palette.colours(style)
        return style.emphasis.contains(.reverse) ? colours.ground : colours.ink
    }

    // MARK: Shapes

    private func shape(_ cell: Cell, left x: Double, top y: Double) -> String? {
        let fill = ink(cell.style).hex
        let w = Self.cellWidth
        let h = Self.cellHeight
        let (cx, cy) = (x + w / 2, y + h / 2)
        switch cell.glyph {
        case 0x2588: return rectText(x, y, w + 0.2, h, fill)
        case 0x2589...0x258F:
            return rectText(x, y, w * Double(0x2590 - cell.glyph) / 8, h, fill)
        case 0x2595: return rectText(x + w * 7 / 8, y, w / 8, h, fill)
        case 0x2580: return rectText(x, y, w + 0.2, h / 2, fill)
        case 0x2584: return rectText(x, y + h / 2, w + 0.2, h / 2, fill)
        case 0x25CF: return "<circle cx=\"\(n(cx))\" cy=\"\(n(cy))\" r=\"3.4\" fill=\"\(fill)\"/>\n"
        case 0x25B2:
            return polygon([(cx, cy - 4.5), (cx + 4.6, cy + 3.8), (cx - 4.6, cy + 3.8)], fill)
        case 0x25B6:
            return polygon([(cx - 3.6, cy - 4.4), (cx + 4.2, cy), (cx - 3.6, cy + 4.4)], fill)
        case 0x25B8:
            return polygon([(cx - 2.6, cy - 3.4), (cx + 3.4, cy), (cx - 2.6, cy + 3.4)], fill)
        case 0x25C6:
            return polygon([(cx, cy - 4.6), (cx + 4, cy), (cx, cy + 4.6), (cx - 4, cy)], fill)
        case 0x2716:
            return stroke("M\(n(cx - 3.2)) \(n(cy - 3.2))l6.4 6.4m0-6.4l-6.4 6.4", fill, 2.4)
        case 0x2714, 0x2713: return stroke("M\(n(cx - 3.6)) \(n(cy + 0.4))l2.6 3l4.6-7", fill, 2)
        case 0x2800...0x28FF: return braille(cell.glyph - 0x2800, x, y, fill)
        case 0x2500...0x257F: return lines(cell.glyph, x, y, fill)
        default: return nil
        }
    }

    private func braille(_ bits: UInt32, _ x: Double, _ y: Double, _ fill: String) -> String {
        let dots: [(UInt32, Double, Double)] = [
            (0x01, 0, 0), (0x02, 0, 1), (0x04, 0, 2), (0x40, 0, 3), (0x08, 1, 0), (0x10, 1, 1),
            (0x20, 1, 2), (0x80, 1, 3),
        ]
        var path = ""
        for (bit, column, row) in dots where bits & bit != 0 {
            path += "M\(n(x + 1.0 + column * 4.2)) \(n(y + 1.4 + row * 4.5))h2.4v2.4h-2.4z"
        }
        return "<path d=\"\(path)\" fill=\"\(fill)\"/>\n"
    }

    /// Box drawing: which arms a glyph has — up, right, down, left — and whether they are heavy.
    private func lines(_ glyph: UInt32, _ x: Double, _ y: Double, _ fill: String) -> String? {
        let arms: [UInt32: (String, Bool)] = [
            0x2500: ("rl", false), 0x2501: ("rl", true), 0x2502: ("ud", false),
            0x2503: ("ud", true),
            0x250C: ("rd", false), 0x250F: ("rd", true), 0x2510: ("dl", false),
            0x2513: ("dl", true),
            0x2514: ("ur", false), 0x2517: ("ur", true), 0x2518: ("ul", false),
            0x251B: ("ul", true),
            0x251C: ("urd", false), 0x2524: ("udl", false), 0x252C: ("rdl", false),
            0x2534: ("url", false), 0x253C: ("urdl", false), 0x256D: ("rd", false),
            0x256E: ("dl", false), 0x256F: ("ul", false), 0x2570: ("ur", false),
        ]
        guard let (sides, heavy) = arms[glyph] else { return nil }
        let (cx, cy) = (x + Self.cellWidth / 2, y + Self.cellHeight / 2)
        if glyph >= 0x256D {
            let endX = sides.contains("r") ? x + Self.cellWidth : x
            let endY = sides.contains("d") ? y + Self.cellHeight : y
            return stroke(
                "M\(n(cx)) \(n(endY))Q\(n(cx)) \(n(cy)) \(n(endX)) \(n(cy))", fill, 1.2)
        }
        var path = ""
        for side in sides {
            switch side {
            case "u": path += "M\(n(cx)) \(n(cy))V\(n(y))"
            case "d": path += "M\(n(cx)) \(n(cy))V\(n(y + Self.cellHeight))"
            case "l": path += "M\(n(cx)) \(n(cy))H\(n(x))"
            default: path += "M\(n(cx)) \(n(cy))H\(n(x + Self.cellWidth))"
            }
        }
        return stroke(path, fill, heavy ? 2.4 : 1.2, cap: "square")
    }

    private func stroke(
        _ path: String, _ colour: String, _ width: Double, cap: String = "butt"
    ) -> String {
        "<path d=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"\(n(width))\""
            + " stroke-linecap=\"\(cap)\"/>\n"
    }
    private func polygon(_ points: [(Double, Double)], _ fill: String) -> String {
        let text = points.map { "\(n($0.0)),\(n($0.1))" }.joined(separator: " ")
        return "<polygon points=\"\(text)\" fill=\"\(fill)\"/>\n"
    }
    private mutating func rect(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ fill: String
    ) {
        out += rectText(x, y, width, height, fill)
    }
    private func rectText(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ fill: String
    ) -> String {
        "<rect x=\"\(n(x))\" y=\"\(n(y))\" width=\"\(n(width))\" height=\"\(n(height))\""
            + " fill=\"\(fill)\"/>\n"
    }

    private func left(_ column: Int) -> Double { Self.margin + Double(column) * Self.cellWidth }
    private func top(_ row: Int) -> Double { Self.titleHeight + Double(row) * Self.cellHeight }

    /// At most two decimals, so that the file stays small and the same everywhere.
    private func n(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        let sign = hundredths < 0 ? "-" : ""
        let whole = abs(hundredths) / 100
        let rest = abs(hundredths) % 100
        if rest == 0 { return sign + String(whole) }
        if rest % 10 == 0 { return "\(sign)\(whole).\(rest / 10)" }
        return "\(sign)\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }
    private func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: if scalar.value >= 0x20 { result.unicodeScalars.append(scalar) }
            }
        }
        return result
    }
}
