// How a secret looks where others write it: percent-encoded, as a form's field, in JSON.

enum SecretSpellings {
    /// The secret as it is, and every other spelling of it that differs. Encoders do not agree on what
    /// they leave as it is, so the usual ones are followed.
    static func all(of secret: [UInt8]) -> [[UInt8]] {
        var result = [secret]
        func add(_ spelling: [UInt8]) {
            if !result.contains(spelling) { result.append(spelling) }
        }
        for digits in [upper, lower] {
            for plain in unescaped {
                for plus in [false, true] {
                    add(percentEncoded(secret, plain: plain, digits, spaceAsPlus: plus))
                }
            }
            for slash in [false, true] {
                for ascii in [false, true] {
                    for markup in [false, true] {
                        add(jsonEscaped(secret, digits, slash: slash, ascii: ascii, markup: markup))
                    }
                }
            }
        }
        return result
    }

    private static let upper = Array("0123456789ABCDEF".utf8)
    private static let lower = Array("0123456789abcdef".utf8)

    /// What is left as it is besides letters and digits: by RFC 3986 (and ours), by the form encoding
    /// of the WHATWG's URL standard, and by ECMAScript's encodeURIComponent.
    private static let unescaped = [
        Array("-._~".utf8), Array("*-._".utf8), Array("-_.!~*'()".utf8),
    ]

    private static func percentEncoded(
        _ bytes: [UInt8], plain: [UInt8], _ digits: [UInt8], spaceAsPlus: Bool
    ) -> [UInt8] {
        var result: [UInt8] = []
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: result.append(byte)
            case 0x20 where spaceAsPlus: result.append(UInt8(ascii: "+"))
            case _ where plain.contains(byte): result.append(byte)
            default: result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return result
    }

    /// Within a text of JSON (RFC 8259 §7).
    /// - Parameters:
    ///   - slash: `/` too.
    ///   - ascii: everything that is not ASCII too.
    ///   - markup: what means something in HTML too.
    private static func jsonEscaped(
        _ bytes: [UInt8], _ digits: [UInt8], slash: Bool, ascii: Bool, markup: Bool
    ) -> [UInt8] {
        var result: [UInt8] = []
        func escape(_ unit: UInt16) {
            result += Array("\\u".utf8)
            for shift in [12, 8, 4, 0] { result.append(digits[Int(unit >> shift) & 15]) }
        }
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            let text = String(scalar)
            if let short = short[scalar] {
                result += [UInt8(ascii: "\\"), short]
            } else if scalar == "/", slash {
                result += Array("\\/".utf8)
            } else if scalar.value < 0x20 || ascii && scalar.value > 0x7E
                || markup && "<>&'".unicodeScalars.contains(scalar)
            {
                text.utf16.forEach(escape)
            } else {
                result += Array(text.utf8)
            }
        }
        return result
    }
    private static let short: [Unicode.Scalar: UInt8] = [
        "\"": UInt8(ascii: "\""), "\\": UInt8(ascii: "\\"), "\u{8}": UInt8(ascii: "b"),
        "\u{C}": UInt8(ascii: "f"), "\n": UInt8(ascii: "n"), "\r": UInt8(ascii: "r"),
        "\t": UInt8(ascii: "t"),
    ]
}
