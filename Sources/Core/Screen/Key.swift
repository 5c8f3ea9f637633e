// What an operator can press, click or paste.

package enum Key: Sendable, Hashable {
    /// Printable, as typed.
    case character(Character)
    case enter, escape, tab, backTab, backspace, delete, insert
    case up, down, left, right, home, end, pageUp, pageDown
    /// F1 is 1.
    case function(Int)
    /// With the letter in lower case: `.control("l")`.
    case control(Character)
    case alt(Character)
    /// The left button, pressed.
    case click(Point)
    case wheelUp(Point)
    case wheelDown(Point)
    /// Text that was pasted, as it came: it may hold line feeds and anything else.
    case paste(String)

    /// How it is written in help and in the line of keys.
    package var label: String {
        switch self {
        case .character(" "): "space"
        case .character(let character): String(character)
        case .enter: "enter"
        case .escape: "esc"
        case .tab: "tab"
        case .backTab: "shift-tab"
        case .backspace: "backspace"
        case .delete: "delete"
        case .insert: "insert"
        case .up: "↑"
        case .down: "↓"
        case .left: "←"
        case .right: "→"
        case .home: "home"
        case .end: "end"
        case .pageUp: "page up"
        case .pageDown: "page down"
        case .function(let number): "F\(number)"
        case .control(let character): "ctrl-\(character)"
        case .alt(let character): "alt-\(character)"
        case .click: "click"
        case .wheelUp, .wheelDown: "wheel"
        case .paste: "paste"
        }
    }
}
