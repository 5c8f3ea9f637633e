// A theme made ready for one kind of terminal: for each style, what the terminal is told.

/// The look of a style on a terminal.
package struct Look: Sendable, Hashable {
    package var foreground: TerminalColour
    package var background: TerminalColour
    package var emphasis: Emphasis
}

package struct Palette: Sendable {
    package let theme: Theme
    package let depth: ColourDepth
    /// By role and ground, without the style's own emphasis.
    private let looks: [Look]
    private let inks: [RGB]

    package init(_ theme: Theme, _ depth: ColourDepth) {
        self.theme = theme
        self.depth = depth
        var looks: [Look] = []
        var inks: [RGB] = []
        for ground in Ground.allCases {
            for role in StyleRole.allCases {
                let ink = Palette.ink(role, on: ground, theme)
                inks.append(ink)
                looks.append(Palette.look(role, on: ground, ink, theme, depth))
            }
        }
        self.looks = looks
        self.inks = inks
    }

    package func look(_ style: Style) -> Look {
        var look = looks[Palette.index(style)]
        look.emphasis.formUnion(style.emphasis)
        return look
    }
    /// The colours as the theme has them, however many the terminal has.
    package func colours(_ style: Style) -> (ink: RGB, ground: RGB) {
        (inks[Palette.index(style)], Palette.surface(style.ground, theme))
    }
    private static func index(_ style: Style) -> Int {
        Int(style.ground.rawValue) * StyleRole.allCases.count + Int(style.role.rawValue)
    }

    private static func look(
        _ role: StyleRole, on ground: Ground, _ ink: RGB, _ theme: Theme, _ depth: ColourDepth
    ) -> Look {
        if depth == .none {
            return Look(
                foreground: .standard, background: .standard, emphasis: plainly(role, on: ground))
        }
        let surface = surface(ground, theme)
        let background = NearestColour.of(surface, at: depth)
        var foreground = NearestColour.of(ink, at: depth)
        // Two different colours may share their nearest one: then black or white it is.
        if foreground == background, role != .trough {
            let dark = surface.luminance < 0.35
            foreground = depth == .eight || !dark ? .index(dark ? 7 : 0) : .index(15)
        }
        return Look(
            foreground: foreground, background: background, emphasis: emphasis(role, on: ground))
    }

    // MARK: What the roles are in a scheme

    private static func surface(_ ground: Ground, _ theme: Theme) -> RGB {
        let c = theme.colours
        return switch ground {
        case .base: c[0]
        case .bar, .panel: c[1]
        case .selected: c[2]
        case .input: c[0].mixed(with: c[2], share: 0.6)
        case .level1, .bad: c[8]
        case .level2: c[9]
        case .level3: c[10]
        case .level4: c[13]
        }
    }

    private static func ink(_ role: StyleRole, on ground: Ground, _ theme: Theme) -> RGB {
        let c = theme.colours
        let surface = surface(ground, theme)
        switch ground {
        case .level1, .level2, .level3, .level4, .bad:
            // One ink on a filled surface, the scheme's darkest or lightest.
            let dark = c[0].luminance < c[7].luminance ? c[0] : c[7]
            let light = c[0].luminance < c[7].luminance ? c[7] : c[0]
            let ink = dark.contrast(to: surface) >= light.contrast(to: surface) ? dark : light
            if role == .trough || role == .border { return ink.mixed(with: surface, share: 0.45) }
            return ink.legible(on: surface, contrast: 4.5)
        case .base, .bar, .panel, .selected, .input: break
        }
        let (colour, contrast): (RGB, Double) =
            switch role {
            case .text: (c[5], 7)
            case .dim: (c[4], 4.5)
            case .strong: (c[7].contrast(to: c[0]) > c[5].contrast(to: c[0]) ? c[7] : c[5], 7)
            case .heading: (c[6].contrast(to: c[0]) > c[5].contrast(to: c[0]) ? c[6] : c[5], 7)
            case .border: (c[3], 1.6)
            case .accent: (c[12], 4.5)
            case .key: (c[13], 4.5)
            case .good: (c[11], 4.5)
            case .warning: (c[10], 4.5)
            case .bad: (c[8], 4.5)
            case .unknown: (c[14], 4.5)
            case .level1: (c[8], 4.5)
            case .level2: (c[9], 4.5)
            case .level3: (c[10], 4.5)
            case .level4: (c[13], 4.5)
            case .trough: (c[2], 1.15)
            }
        return colour.legible(on: surface, contrast: contrast)
    }

    private static func emphasis(_ role: StyleRole, on ground: Ground) -> Emphasis {
        switch role {
        case .strong, .heading, .level1, .level2, .level3, .level4: .bold
        case .text, .dim, .border, .accent, .key, .good, .warning, .bad, .unknown, .trough: []
        }
    }

    /// Without colours: bold for what matters, reverse for what is picked or filled.
    private static func plainly(_ role: StyleRole, on ground: Ground) -> Emphasis {
        switch ground {
        case .selected, .level1, .bad: return [.reverse, .bold]
        case .level2, .level3, .level4: return .reverse
        case .input: return .underline
        case .base, .bar, .panel: break
        }
        switch role {
        case .strong, .heading, .key, .warning, .bad, .level1, .level2, .level3, .level4:
            return .bold
        case .dim, .border, .trough: return .dim
        case .text, .accent, .good, .unknown: return []
        }
    }
}
