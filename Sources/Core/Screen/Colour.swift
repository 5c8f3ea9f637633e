// Colours, and the nearest one that a terminal can show.

package struct RGB: Sendable, Hashable {
    package var red: UInt8
    package var green: UInt8
    package var blue: UInt8
    package init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
        self.red = red
        self.green = green
        self.blue = blue
    }
    /// Six hexadecimal digits, with or without `#`.
    package init?(hex text: some StringProtocol) {
        let digits = text.hasPrefix("#") ? text.dropFirst() : text[...]
        guard digits.utf8.count == 6, digits.allSatisfy(\.isHexDigit),
            let value = UInt32(digits, radix: 16)
        else { return nil }
        self.init(UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF))
    }
    /// `#rrggbb`.
    package var hex: String {
        "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Relative luminance as the Web Content Accessibility Guidelines 2 define it: 0–1.
    package var luminance: Double {
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }
    /// 1 for the same, 21 for black on white (WCAG 2).
    package func contrast(to other: RGB) -> Double {
        let a = luminance
        let b = other.luminance
        return (max(a, b) + 0.05) / (min(a, b) + 0.05)
    }
    /// A share of the way to another colour.
    package func mixed(with other: RGB, share: Double) -> RGB {
        func mix(_ a: UInt8, _ b: UInt8) -> UInt8 {
            UInt8(min(max((Double(a) + (Double(b) - Double(a)) * share).rounded(), 0), 255))
        }
        return RGB(mix(red, other.red), mix(green, other.green), mix(blue, other.blue))
    }
    /// This colour, moved towards black or white as far as it takes to be read on a ground.
    package func legible(on ground: RGB, contrast wanted: Double) -> RGB {
        if contrast(to: ground) >= wanted { return self }
        let black = RGB(0, 0, 0)
        let white = RGB(255, 255, 255)
        let goal = ground.contrast(to: white) >= ground.contrast(to: black) ? white : black
        for step in 1...20 {
            let candidate = mixed(with: goal, share: Double(step) / 20)
            if candidate.contrast(to: ground) >= wanted { return candidate }
        }
        return goal
    }

    /// How different two colours look: the squared distance in a weighting of red, green and blue
    /// by the mean of the reds (the "redmean" approximation of CIELUV).
    package func distance(to other: RGB) -> Double {
        let mean = (Double(red) + Double(other.red)) / 2
        let r = Double(red) - Double(other.red)
        let g = Double(green) - Double(other.green)
        let b = Double(blue) - Double(other.blue)
        return (2 + mean / 256) * r * r + 4 * g * g + (2 + (255 - mean) / 256) * b * b
    }
}

/// One channel of sRGB as light.
private func linear(_ channel: UInt8) -> Double { linearChannels[Int(channel)] }
private let linearChannels: [Double] = (0..<256).map { channel in
    let value = Double(channel) / 255
    // x^2.4 without a library of mathematics: exp2 and log2 are not in the core's imports, so the
    // power is taken as x² · x^0.4, and x^0.4 by Newton's method on y⁵ = x².
    if value <= 0.04045 { return value / 12.92 }
    let x = (value + 0.055) / 1.055
    var y = 1.0
    for _ in 0..<60 { y -= (y * y * y * y * y - x * x) / (5 * y * y * y * y) }
    return x * x * y
}

/// What a terminal is told.
package enum TerminalColour: Sendable, Hashable {
    /// What the terminal has where no colour is set.
    case standard
    case index(UInt8)
    case rgb(RGB)
}

/// How many colours a terminal has.
package enum ColourDepth: Sendable, CaseIterable {
    case none, eight, sixteen, indexed, direct
}

package enum NearestColour {
    package static func of(_ colour: RGB, at depth: ColourDepth) -> TerminalColour {
        switch depth {
        case .none: .standard
        case .eight: .index(nearest(colour, among: 0..<8))
        case .sixteen: .index(nearest(colour, among: 0..<16))
        case .indexed: .index(indexed(colour))
        case .direct: .rgb(colour)
        }
    }

    /// The colours 0–15 as terminals have them unless their owner chose others (xterm's).
    static let basic: [RGB] = [
        RGB(0, 0, 0), RGB(205, 0, 0), RGB(0, 205, 0), RGB(205, 205, 0), RGB(0, 0, 238),
        RGB(205, 0, 205), RGB(0, 205, 205), RGB(229, 229, 229), RGB(127, 127, 127),
        RGB(255, 0, 0), RGB(0, 255, 0), RGB(255, 255, 0), RGB(92, 92, 255), RGB(255, 0, 255),
        RGB(0, 255, 255), RGB(255, 255, 255),
    ]

    /// Greys go to the greys; what has a hue keeps it, for a pale red must not become grey.
    private static func nearest(_ colour: RGB, among range: Range<UInt8>) -> UInt8 {
        let high = Int(max(colour.red, colour.green, colour.blue))
        let low = Int(min(colour.red, colour.green, colour.blue))
        let vivid = high - low >= 48 && high >= 96
        guard vivid else {
            let greys: [UInt8] = range.count > 8 ? [0, 8, 7, 15] : [0, 7]
            return least(greys) { basic[Int($0)].distance(to: colour) }
        }
        // The hue at full strength against the hues at full strength.
        let stretched = RGB(
            stretch(colour.red, low, high), stretch(colour.green, low, high),
            stretch(colour.blue, low, high))
        let hues: [(UInt8, RGB)] = [
            (1, RGB(255, 0, 0)), (2, RGB(0, 255, 0)), (3, RGB(255, 255, 0)), (4, RGB(0, 0, 255)),
            (5, RGB(255, 0, 255)), (6, RGB(0, 255, 255)),
        ]
        let hue = least(hues) { $0.1.distance(to: stretched) }.0
        return range.count > 8 && high >= 190 ? hue + 8 : hue
    }
    private static func stretch(_ channel: UInt8, _ low: Int, _ high: Int) -> UInt8 {
        UInt8((Int(channel) - low) * 255 / (high - low))
    }
    /// The first of the least; the list is never empty.
    private static func least<Element>(_ list: [Element], _ measure: (Element) -> Double) -> Element
    {
        var best = list[0]
        var value = measure(best)
        for element in list.dropFirst() {
            let other = measure(element)
            if other < value {
                best = element
                value = other
            }
        }
        return best
    }

    /// The nearest of xterm's cube and greys (16–255); the sixteen below are the owner's own.
    private static func indexed(_ colour: RGB) -> UInt8 {
        let steps = [0, 95, 135, 175, 215, 255]
        func step(_ channel: UInt8) -> Int {
            let value = Int(channel)
            return value < 48 ? 0 : value < 115 ? 1 : min(5, (value - 35) / 40)
        }
        let (r, g, b) = (step(colour.red), step(colour.green), step(colour.blue))
        let cube = RGB(UInt8(steps[r]), UInt8(steps[g]), UInt8(steps[b]))
        let mean = (Int(colour.red) + Int(colour.green) + Int(colour.blue)) / 3
        let grey = min(23, max(0, (mean - 3) / 10))
        let shade = UInt8(8 + grey * 10)
        return RGB(shade, shade, shade).distance(to: colour) < cube.distance(to: colour)
            ? UInt8(232 + grey) : UInt8(16 + 36 * r + 6 * g + b)
    }
    /// What a colour of the 256 looks like.
    package static func look(of index: UInt8) -> RGB {
        if index < 16 { return basic[Int(index)] }
        if index >= 232 {
            let shade = UInt8(8 + (Int(index) - 232) * 10)
            return RGB(shade, shade, shade)
        }
        let steps: [UInt8] = [0, 95, 135, 175, 215, 255]
        let value = Int(index) - 16
        return RGB(steps[value / 36], steps[value / 6 % 6], steps[value % 6])
    }
}
