// How many columns a glyph takes: the same answer everywhere, whatever the system's locale says.

package enum GlyphWidth {
    /// 2 for East Asian wide glyphs and emoji, 0 for what joins the glyph before it, else 1.
    /// Control characters are 1: the frame draws a picture in their place.
    package static func columns(_ scalar: Unicode.Scalar) -> Int {
        let value = scalar.value
        if value < 0x300 { return value == 0xAD ? 0 : 1 }
        // Our own lines, blocks, dots and signs, asked for most often.
        if value >= 0x2100, value < 0x231A { return 1 }
        if value >= 0x2500, value < 0x25FD { return 1 }
        if value >= 0x2800, value < 0x2900 { return 1 }
        if value >= 0x2710, value < 0x2728 { return 1 }
        if isWide(value) {
            // The marks that join Han and kana; asked first because the block around them is wide.
            return (0x302A...0x302F).contains(value) || value == 0x3099 || value == 0x309A ? 0 : 2
        }
        if value >= 0x1160, value <= 0x11FF { return 0 }
        if scalar.properties.isEmojiPresentation {
            // Two regional indicators make one flag of two columns.
            return (0x1F1E6...0x1F1FF).contains(value) ? 1 : 2
        }
        return marks(scalar)
    }

    package static func columns(_ text: String) -> Int {
        var total = 0
        for scalar in text.unicodeScalars {
            total += scalar.value < 0x80 ? 1 : columns(scalar)
        }
        return total
    }

    private static func marks(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .lineSeparator, .paragraphSeparator: 0
        default: 1
        }
    }

    /// Unicode's East Asian Width W and F, without the emoji that `isEmojiPresentation` names.
    private static func isWide(_ value: UInt32) -> Bool {
        if value < 0x1100 { return false }
        if value <= 0x115F { return true }
        if value < 0x2E80 { return value == 0x2329 || value == 0x232A }
        if value <= 0xA4CF {
            return value != 0x303F && !(0x4DC0...0x4DFF).contains(value)
                && !(0x3248...0x324F).contains(value)
        }
        if value < 0xAC00 { return (0xA960...0xA97F).contains(value) }
        if value <= 0xD7A3 { return true }
        if value < 0xF900 { return false }
        if value <= 0xFAFF { return true }
        if value < 0x10000 {
            return (0xFE10...0xFE19).contains(value) || (0xFE30...0xFE6F).contains(value)
                || (0xFF01...0xFF60).contains(value) || (0xFFE0...0xFFE6).contains(value)
        }
        if value < 0x20000 {
            return (0x16FE0...0x18D08).contains(value) || (0x1AFF0...0x1B2FB).contains(value)
                || (0x1F200...0x1F265).contains(value)
        }
        return value <= 0x3FFFD
    }
}
