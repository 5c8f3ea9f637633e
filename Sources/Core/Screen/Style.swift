// What a cell looks like, in words: roles and grounds that a theme turns into colours.

/// What a piece of text means. A theme gives each role a colour; a terminal without colours shows
/// its `emphasis`.
package enum StyleRole: UInt8, Sendable, CaseIterable {
    case text, dim, strong, heading, border, accent, key, good, warning, bad, unknown, level1
    case level2, level3, level4, trough
}

/// What a piece of text stands on.
package enum Ground: UInt8, Sendable, CaseIterable {
    /// The terminal's own surface, the header and the line of keys, and sheets above the picture.
    case base, bar, panel
    case selected
    /// Where the operator types.
    case input
    /// Surfaces filled with a level's colour; everything on them is drawn in one ink.
    case level1, level2, level3, level4
    case bad
}

package struct Emphasis: OptionSet, Sendable, Hashable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let bold = Emphasis(rawValue: 1)
    package static let dim = Emphasis(rawValue: 2)
    package static let underline = Emphasis(rawValue: 4)
    package static let reverse = Emphasis(rawValue: 8)
}

package struct Style: Sendable, Hashable {
    package var role: StyleRole
    package var ground: Ground
    package var emphasis: Emphasis
    package init(_ role: StyleRole, on ground: Ground = .base, _ emphasis: Emphasis = []) {
        self.role = role
        self.ground = ground
        self.emphasis = emphasis
    }
    package static let plain = Style(.text)

    package var bold: Style { Style(role, on: ground, emphasis.union(.bold)) }
    package func on(_ ground: Ground) -> Style { Style(role, on: ground, emphasis) }
}

/// One place on the screen: a glyph and its style, eight bytes.
package struct Cell: Sendable, Equatable {
    /// A Unicode scalar; from `Cell.firstCluster` on, an index into the frame's clusters; 0 for the
    /// right half of a wide glyph.
    var glyph: UInt32
    package var style: Style
    /// 1 or 2 columns; 0 for the right half of a wide glyph.
    package var width: UInt8

    /// Above every Unicode scalar.
    static let firstCluster: UInt32 = 0x20_0000

    init(glyph: UInt32, style: Style, width: UInt8) {
        self.glyph = glyph
        self.style = style
        self.width = width
    }
    package static func blank(_ style: Style) -> Cell { Cell(glyph: 0x20, style: style, width: 1) }

    var isBlank: Bool { glyph == 0x20 }
    var isRightHalf: Bool { width == 0 }
    var isCluster: Bool { glyph >= Cell.firstCluster }
}
