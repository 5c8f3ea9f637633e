// One line that the operator types into.
import Domain
import Screen

struct TextField: Sendable, Equatable {
    private(set) var characters: [Character] = []
    private(set) var cursor = 0
    static let limit = 500

    init(_ text: String = "") {
        characters = Array(text.prefix(TextField.limit))
        cursor = characters.count
    }
    var text: String { String(characters) }
    var isEmpty: Bool { characters.isEmpty }

    /// - Returns: whether the key was for the field.
    mutating func take(_ key: Key) -> Bool {
        switch key {
        case .character(let character): insert([character])
        case .paste(let text): insert(TextField.oneLine(text))
        case .backspace:
            if cursor > 0 {
                characters.remove(at: cursor - 1)
                cursor -= 1
            }
        case .delete, .control("d"): if cursor < characters.count { characters.remove(at: cursor) }
        case .left, .control("b"): cursor = max(0, cursor - 1)
        case .right, .control("f"): cursor = min(characters.count, cursor + 1)
        case .home, .control("a"): cursor = 0
        case .end, .control("e"): cursor = characters.count
        case .control("u"):
            characters.removeFirst(cursor)
            cursor = 0
        case .control("k"): characters.removeLast(characters.count - cursor)
        case .control("w"), .alt("\u{7F}"): removeWord()
        default: return false
        }
        return true
    }

    mutating func clear() { self = TextField() }

    private mutating func insert(_ new: [Character]) {
        let room = TextField.limit - characters.count
        let fitting = new.prefix(max(0, room))
        characters.insert(contentsOf: fitting, at: cursor)
        cursor += fitting.count
    }
    private mutating func removeWord() {
        while cursor > 0, characters[cursor - 1] == " " { removeBefore() }
        while cursor > 0, characters[cursor - 1] != " " { removeBefore() }
    }
    private mutating func removeBefore() {
        cursor -= 1
        characters.remove(at: cursor)
    }
    /// A paste may hold anything: its lines are joined, and what cannot be seen is left out.
    private static func oneLine(_ text: String) -> [Character] {
        var result: [Character] = []
        for character in text.prefix(limit * 2) {
            if character.isNewline || character == "\t" {
                if !result.isEmpty, result.last != " " { result.append(" ") }
            } else if character.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
            {
                result.append(character)
            }
        }
        while result.last == " " { result.removeLast() }
        return result
    }
}

extension Canvas {
    /// Draws a field and puts the terminal's cursor in it when it has the focus.
    mutating func field(
        _ field: TextField, x: Int, y: Int, width: Int, focused: Bool, hint: String = ""
    ) {
        guard width > 2 else { return }
        let ground: Ground = focused ? .input : .base
        let style = Style(focused ? .strong : .text, on: ground)
        frame.fill(Rect(x: x, y: y, width: width, height: 1), style)
        if field.isEmpty, !hint.isEmpty {
            frame.text(hint, x: x + 1, y: y, Style(.dim, on: ground), limit: width - 2)
        }
        // The part around the cursor is shown when the whole does not fit.
        let before = String(field.characters[..<field.cursor])
        let head = Wrap.suffix(before, width: width - 3)
        let used = frame.text(head, x: x + 1, y: y, style, limit: width - 2)
        let rest = String(field.characters[field.cursor...])
        frame.text(rest, x: x + 1 + used, y: y, style, limit: width - 2 - used)
        if focused { frame.cursor = Point(x: x + 1 + used, y: y) }
    }
}
