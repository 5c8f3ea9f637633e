// What a monitoring plugin printed: its text and its perfdata. Monitoring Plugins Development
// Guidelines, "Plugin Output" and "Performance data"; Nagios Plugin API for output of several lines.

struct PluginOutput: Sendable, Equatable {
    /// `'label'=value[unit];[warn];[crit];[min];[max]`; the ranges are the plugin's own business.
    struct Measurement: Sendable, Equatable {
        var label: String
        /// Always finite.
        var value: Double
        var unit: String
    }
    /// The first line, without perfdata.
    var text: String
    var measurements: [Measurement]

    /// No plugin has more; what prints more is broken or hostile.
    static let measurementLimit = 256

    /// - Parameter isCut: the end is missing, so the last measurement may be half of one.
    init(_ bytes: [UInt8], isCut: Bool = false) {
        let whole = String(decoding: bytes, as: UTF8.self)
        var perfdata = ""
        var lines = whole.split(omittingEmptySubsequences: false) { $0.isNewline }[...]
        let first = lines.popFirst() ?? ""
        let (text, firstData) = Self.split(first)
        self.text = text.trimmed
        perfdata += firstData
        // Lines of text follow, up to one with a bar; from there on all is perfdata.
        var isData = false
        for line in lines {
            if isData {
                perfdata += " " + line
            } else if line.contains("|") {
                isData = true
                perfdata += " " + Self.split(line).data
            }
        }
        var words = Self.words(perfdata)
        let endsInData = isData || lines.isEmpty
        if isCut, endsInData, perfdata.last?.isWhitespace == false { _ = words.popLast() }
        measurements = Array(words.lazy.compactMap(Self.measurement).prefix(Self.measurementLimit))
    }

    private static func split(_ line: Substring) -> (text: Substring, data: Substring) {
        guard let bar = line.firstIndex(of: "|") else { return (line, "") }
        return (line[..<bar], line[line.index(after: bar)...])
    }

    /// Splits at spaces outside of quotes.
    private static func words(_ text: String) -> [(label: String, rest: Substring)] {
        var result: [(String, Substring)] = []
        var rest = text.drop { $0.isWhitespace }
        while !rest.isEmpty {
            let (label, after) = label(rest)
            let word = after.prefix { !$0.isWhitespace }
            result.append((label, word))
            rest = after[word.endIndex...].drop { $0.isWhitespace }
        }
        return result
    }

    /// The label at the start, in quotes or not, and what follows it.
    private static func label(_ text: Substring) -> (String, Substring) {
        guard text.first == "'" else {
            let label = text.prefix { $0 != "=" && !$0.isWhitespace }
            return (String(label), text[label.endIndex...])
        }
        var label = ""
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            if character != "'" {
                label.append(character)
            } else if rest.first == "'" {
                // Two quotes are one.
                label.append("'")
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        return (label, rest)
    }

    private static func measurement(_ word: (label: String, rest: Substring)) -> Measurement? {
        guard !word.label.isEmpty, word.rest.first == "=",
            let field = word.rest.dropFirst().split(
                separator: ";", maxSplits: 1, omittingEmptySubsequences: false
            ).first
        else { return nil }
        // `U` is the plugin's way of saying that it does not know.
        var number = field.prefix { $0.isASCII && ($0.isNumber || "+-.".contains($0)) }
        let exponent = field[number.endIndex...]
        if exponent.first == "e" || exponent.first == "E" {
            let digits = exponent.dropFirst().prefix {
                $0.isASCII && ($0.isNumber || "+-".contains($0))
            }
            if !digits.isEmpty, Double(field[..<digits.endIndex]) != nil {
                number = field[..<digits.endIndex]
            }
        }
        guard let value = Double(number), value.isFinite else { return nil }
        let unit = field[number.endIndex...]
        return Measurement(label: word.label, value: value, unit: String(unit.prefix(16)))
    }
}

extension Substring {
    /// Without spaces at its ends.
    var trimmed: String {
        var text = drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}
