// Reads the bytes that a terminal sends as keys, clicks and pastes.

/// Takes bytes as they come, in pieces of any size, and never waits: a lone escape byte is held
/// back until `flush` says that nothing followed. Understands what xterm, tmux, screen, rxvt, the
/// Linux console and their kin send; `extra` adds what the terminal's own description names.
package struct KeyParser: Sendable {
    private enum State: Sendable {
        case ground, escape, control, singleShift, linuxFunction, clickBytes
        case text(needed: Int)
        case pasting
    }
    private var state = State.ground
    /// The bytes of the sequence, character or paste that is not complete.
    private var held: [UInt8] = []
    private var pasteEnds = 0
    private let extra: [[UInt8]: Key]

    /// Limits: longer sequences are ignored, longer pastes are cut.
    private static let sequenceLimit = 64
    package static let pasteLimit = 65_536
    private static let pasteEnd = Array("\u{1B}[201~".utf8)

    /// - Parameter extra: whole sequences, beginning with the escape byte, and what they mean.
    package init(extra: [[UInt8]: Key] = [:]) { self.extra = extra }

    /// Whether an escape byte waits for what follows it.
    package var holdsEscape: Bool {
        switch state {
        case .escape, .control, .singleShift, .linuxFunction, .clickBytes: true
        case .ground, .text, .pasting: false
        }
    }
    /// Whether a paste has begun and not ended.
    package var isPasting: Bool { if case .pasting = state { true } else { false } }

    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Key] {
        var keys: [Key] = []
        for byte in bytes { take(byte, &keys) }
        return keys
    }

    /// Nothing followed for a while: what is held back is what it looks like now.
    package mutating func flush() -> [Key] {
        defer {
            state = .ground
            held = []
        }
        switch state {
        case .escape: return [.escape]
        case .control: return held.count <= 2 ? [.alt("[")] : []
        case .singleShift: return [.alt("O")]
        case .linuxFunction, .clickBytes, .text, .ground: return []
        case .pasting: return [.paste(String(decoding: held, as: UTF8.self))]
        }
    }

    private mutating func take(_ byte: UInt8, _ keys: inout [Key]) {
        switch state {
        case .ground: first(byte, &keys)
        case .escape: afterEscape(byte, &keys)
        case .control: inControl(byte, &keys)
        case .singleShift:
            held.append(byte)
            finish(KeyParser.shifted(byte), &keys)
        case .linuxFunction:
            held.append(byte)
            finish((0x41...0x45).contains(byte) ? .function(Int(byte) - 0x40) : nil, &keys)
        case .clickBytes:
            held.append(byte)
            if held.count == 6 { finish(oldClick(), &keys) }
        case .text(let needed): inText(byte, needed, &keys)
        case .pasting: inPaste(byte, &keys)
        }
    }

    private mutating func finish(_ key: Key?, _ keys: inout [Key]) {
        let found = extra[held] ?? key
        state = .ground
        held = []
        if let found { keys.append(found) }
    }

    private mutating func first(_ byte: UInt8, _ keys: inout [Key]) {
        switch byte {
        case 0x1B:
            state = .escape
            held = [byte]
        case 0x0D, 0x0A: keys.append(.enter)
        case 0x09: keys.append(.tab)
        case 0x7F, 0x08: keys.append(.backspace)
        case 0x00: keys.append(.control(" "))
        case 0x01...0x1A: keys.append(.control(KeyParser.letter(byte + 0x60)))
        case 0x1C...0x1F: keys.append(.control(KeyParser.letter(byte + 0x40)))
        case 0x20...0x7E: keys.append(.character(KeyParser.letter(byte)))
        case 0xC2...0xDF: begin(byte, needed: 1)
        case 0xE0...0xEF: begin(byte, needed: 2)
        case 0xF0...0xF4: begin(byte, needed: 3)
        default: break
        }
    }
    private mutating func begin(_ byte: UInt8, needed: Int) {
        state = .text(needed: needed)
        held = [byte]
    }
    private static func letter(_ byte: UInt8) -> Character { Character(Unicode.Scalar(byte)) }

    private mutating func inText(_ byte: UInt8, _ needed: Int, _ keys: inout [Key]) {
        guard byte & 0xC0 == 0x80 else {
            state = .ground
            held = []
            return first(byte, &keys)
        }
        held.append(byte)
        guard needed == 1 else { return state = .text(needed: needed - 1) }
        let text = String(decoding: held, as: UTF8.self)
        state = .ground
        held = []
        // C1 controls are not something that anyone types.
        if let character = text.first, character != "\u{FFFD}",
            character.unicodeScalars.allSatisfy({ $0.value >= 0xA0 })
        {
            keys.append(.character(character))
        }
    }

    private mutating func afterEscape(_ byte: UInt8, _ keys: inout [Key]) {
        held.append(byte)
        switch byte {
        case 0x5B: state = .control
        case 0x4F: state = .singleShift
        case 0x1B:
            held = [byte]
            keys.append(.escape)
        case 0x20...0x7E: finish(.alt(KeyParser.letter(byte)), &keys)
        case 0x7F, 0x08: finish(.alt("\u{7F}"), &keys)
        default:
            state = .ground
            held = []
            keys.append(.escape)
            first(byte, &keys)
        }
    }

    private mutating func inControl(_ byte: UInt8, _ keys: inout [Key]) {
        held.append(byte)
        switch byte {
        case 0x5B where held.count == 3: state = .linuxFunction
        case 0x4D where held.count == 3: state = .clickBytes
        case 0x40...0x7E: finishControl(byte, &keys)
        case 0x24 where held.count > 3: finishControl(byte, &keys)
        case 0x20...0x3F: if held.count > KeyParser.sequenceLimit { finish(nil, &keys) }
        default:
            // Not part of any sequence: a new one begins, or a key was pressed in between.
            state = .ground
            held = []
            first(byte, &keys)
        }
    }

    private mutating func finishControl(_ final: UInt8, _ keys: inout [Key]) {
        let body = held.dropFirst(2).dropLast()
        if body.first == 0x3C { return finish(click(body.dropFirst(), final), &keys) }
        let numbers = KeyParser.numbers(body)
        if final == 0x7E, numbers.first == 200 {
            state = .pasting
            held = []
            pasteEnds = 0
            return
        }
        finish(KeyParser.named(final, numbers), &keys)
    }

    private static func numbers(_ body: ArraySlice<UInt8>) -> [Int] {
        body.split(separator: 0x3B, omittingEmptySubsequences: false).map { part in
            part.reduce(0) { $1 >= 0x30 && $1 <= 0x39 ? min($0 * 10 + Int($1) - 0x30, 99_999) : $0 }
        }
    }

    /// `ESC [ … final`, as xterm, the VT220 and rxvt have it. Modifiers are not told apart.
    private static func named(_ final: UInt8, _ numbers: [Int]) -> Key? {
        switch final {
        case 0x41: .up
        case 0x42: .down
        case 0x43: .right
        case 0x44: .left
        case 0x46: .end
        case 0x48: .home
        case 0x5A: .backTab
        case 0x50...0x53: .function(Int(final) - 0x4F)
        case 0x7E, 0x24: numbered(numbers.first ?? 0)
        default: nil
        }
    }
    private static func numbered(_ number: Int) -> Key? {
        switch number {
        case 1, 7: .home
        case 2: .insert
        case 3: .delete
        case 4, 8: .end
        case 5: .pageUp
        case 6: .pageDown
        case 11...15: .function(number - 10)
        case 17...21: .function(number - 11)
        case 23, 24: .function(number - 12)
        default: nil
        }
    }
    /// `ESC O …`: the keypad's application mode.
    private static func shifted(_ byte: UInt8) -> Key? {
        switch byte {
        case 0x4D: .enter
        case 0x41...0x44, 0x46, 0x48, 0x50...0x53: named(byte, [])
        default: nil
        }
    }

    /// `ESC [ < button ; column ; row M`, the SGR form of a click.
    private func click(_ body: ArraySlice<UInt8>, _ final: UInt8) -> Key? {
        let numbers = KeyParser.numbers(body)
        guard numbers.count == 3, final == 0x4D else { return nil }
        return KeyParser.mouse(button: numbers[0], x: numbers[1] - 1, y: numbers[2] - 1)
    }
    /// `ESC [ M` and three bytes, the form of older terminals; it ends at column 223.
    private func oldClick() -> Key? {
        KeyParser.mouse(
            button: Int(held[3]) - 32, x: Int(held[4]) - 33, y: Int(held[5]) - 33)
    }
    private static func mouse(button: Int, x: Int, y: Int) -> Key? {
        guard x >= 0, y >= 0 else { return nil }
        // Shift, alt and control add 4, 8 and 16.
        switch button & ~0x1C {
        case 0: return .click(Point(x: x, y: y))
        case 64: return .wheelUp(Point(x: x, y: y))
        case 65: return .wheelDown(Point(x: x, y: y))
        default: return nil
        }
    }

    private mutating func inPaste(_ byte: UInt8, _ keys: inout [Key]) {
        pasteEnds = byte == KeyParser.pasteEnd[pasteEnds] ? pasteEnds + 1 : byte == 0x1B ? 1 : 0
        if held.count < KeyParser.pasteLimit + KeyParser.pasteEnd.count { held.append(byte) }
        guard pasteEnds == KeyParser.pasteEnd.count else { return }
        // A paste that was cut at the limit no longer holds the mark of its end.
        if held.suffix(pasteEnds).elementsEqual(KeyParser.pasteEnd) { held.removeLast(pasteEnds) }
        let text = String(decoding: held.prefix(KeyParser.pasteLimit), as: UTF8.self)
        state = .ground
        held = []
        keys.append(.paste(text))
    }
}
