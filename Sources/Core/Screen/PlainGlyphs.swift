// The twin of every glyph in plain ASCII, for terminals and locales that know no other.

extension Frame {
    /// The same picture in printable ASCII, cell by cell: our own signs become their twins, any
    /// other glyph a question mark for each of its columns.
    package func inASCII() -> Frame {
        var plain = self
        plain.replaceGlyphs { cell in
            if cell.glyph >= 0x20, cell.glyph < 0x7F { return cell.glyph }
            if cell.isRightHalf || cell.isCluster { return 0x3F }
            guard let scalar = Unicode.Scalar(cell.glyph) else { return 0x3F }
            return UInt32(PlainGlyphs.twin(of: scalar).value)
        }
        return plain
    }
}

package enum PlainGlyphs {
    /// - Returns: a printable ASCII scalar.
    package static func twin(of scalar: Unicode.Scalar) -> Unicode.Scalar {
        if scalar.value >= 0x20, scalar.value < 0x7F { return scalar }
        if scalar.value >= 0x2800, scalar.value < 0x2900 { return dots(scalar.value - 0x2800) }
        if let twin = signs[scalar] { return twin }
        return letters[scalar] ?? "?"
    }

    /// A braille cell by the height of its higher column: nothing, then `_ . - ^`.
    private static func dots(_ bits: UInt32) -> Unicode.Scalar {
        let rows: [(UInt32, Unicode.Scalar)] = [(0x09, "^"), (0x12, "="), (0x24, "-"), (0xC0, "_")]
        for (mask, twin) in rows where bits & mask != 0 { return twin }
        return " "
    }

    private static let signs: [Unicode.Scalar: Unicode.Scalar] = [
        "●": "*", "○": "o", "◌": "?", "▲": "!", "△": "!", "✖": "X", "✔": "+", "✓": "+", "◆": "#",
        "▸": ">", "▶": ">", "◂": "<", "◀": "<", "↩": "<", "›": ">", "‹": "<", "⏸": "=", "⚠": "!",
        "↑": "^", "↓": "v", "←": "<", "→": ">", "↵": "<", "⇧": "^", "▾": "v", "▴": "^",
        "·": "-", "•": "*", "…": "~", "—": "-", "–": "-", "×": "x", "≥": ">", "≤": "<", "≠": "!",
        "’": "'", "‘": "'", "“": "\"", "”": "\"", "°": "o", "±": "+", "µ": "u", "½": "2",
        "─": "-", "━": "=", "│": "|", "┃": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+",
        "┤": "+", "┬": "+", "┴": "+", "┼": "+", "┏": "+", "┓": "+", "┗": "+", "┛": "+", "╭": "+",
        "╮": "+", "╰": "+", "╯": "+", "╴": "-", "╶": "-", "═": "=", "║": "|", "┄": "-", "┆": "|",
        "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "-", "▎": "-", "▏": "]", "▕": "[",
        "▀": "#", "▄": "#", "▐": "#", "░": ".", "▒": ":", "▓": "#", "▁": "_", "▂": "_", "▃": "-",
        "▅": "-", "▆": "=", "▇": "=", "\u{A0}": " ", "\u{FFFD}": "?",
    ]

    /// Latin letters without their marks, so that names stay readable.
    private static let letters: [Unicode.Scalar: Unicode.Scalar] = {
        let pairs: [(String, String)] = [
            ("ÀÁÂÃÄÅĀĂĄ", "A"), ("àáâãäåāăą", "a"), ("ÇĆĈĊČ", "C"), ("çćĉċč", "c"), ("ĎĐ", "D"),
            ("ďđ", "d"), ("ÈÉÊËĒĔĖĘĚ", "E"), ("èéêëēĕėęě", "e"), ("ĜĞĠĢ", "G"), ("ĝğġģ", "g"),
            ("ÌÍÎÏĨĪĬĮİ", "I"), ("ìíîïĩīĭįı", "i"), ("ĹĻĽŁ", "L"), ("ĺļľł", "l"), ("ÑŃŅŇ", "N"),
            ("ñńņň", "n"), ("ÒÓÔÕÖØŌŎŐ", "O"), ("òóôõöøōŏő", "o"), ("ŔŖŘ", "R"), ("ŕŗř", "r"),
            ("ŚŜŞŠ", "S"), ("śŝşšß", "s"), ("ŢŤ", "T"), ("ţť", "t"), ("ÙÚÛÜŨŪŬŮŰŲ", "U"),
            ("ùúûüũūŭůűų", "u"), ("ÝŶŸ", "Y"), ("ýÿŷ", "y"), ("ŹŻŽ", "Z"), ("źżž", "z"),
        ]
        var table: [Unicode.Scalar: Unicode.Scalar] = [:]
        for (marked, plain) in pairs {
            guard let twin = plain.unicodeScalars.first else { continue }
            for scalar in marked.unicodeScalars { table[scalar] = twin }
        }
        return table
    }()
}
