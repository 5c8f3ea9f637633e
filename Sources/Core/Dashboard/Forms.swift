// Forms: what a command needs to know, asked field by field in one kind of sheet.
import Domain
import Screen
import Wire

/// What a form asks the engine for when it is sent.
enum FormKind: Sendable, Equatable {
    case acknowledge, handOver, level, report, clear, notification, users, line, statusPage, ticket
    case test, override
}

struct FormField: Sendable, Equatable {
    struct Choice: Sendable, Equatable {
        /// What is sent for it.
        var value: String
        var label: String
        var detail = ""
        var role = StyleRole.strong
    }
    enum Content: Sendable, Equatable {
        case text(TextField, hint: String)
        /// One below the other.
        case list([Choice], selected: Int)
        /// One beside the other.
        case row([Choice], selected: Int)
    }
    var name: String
    var label: String
    var content: Content
    /// What is said when it is left empty; nil: it may be.
    var needed: String?

    var value: String {
        switch content {
        case .text(let field, _): field.text.trimmingBlanks
        case .list(let choices, let selected), .row(let choices, let selected):
            choices.indices.contains(selected) ? choices[selected].value : ""
        }
    }
    var isText: Bool { if case .text = content { true } else { false } }
    var isList: Bool { if case .list = content { true } else { false } }

    static func text(
        _ name: String, _ label: String, _ hint: String, _ text: String = "", needed: String? = nil
    ) -> FormField {
        FormField(
            name: name, label: label, content: .text(TextField(text), hint: hint), needed: needed)
    }
}

struct FormState: Sendable, Equatable {
    var kind: FormKind
    var title: String
    /// What one should know before, in a line or two.
    var advice = ""
    /// The word for sending it, on the last line.
    var verb: String
    var role = StyleRole.accent
    var fields: [FormField]
    var focus = 0
    /// Why it was not sent.
    var problem: String?

    func value(_ name: String) -> String { fields.first { $0.name == name }?.value ?? "" }
    /// Nil for an empty one.
    func given(_ name: String) -> String? {
        let value = value(name)
        return value.isEmpty ? nil : value
    }
}

extension String {
    /// Without blanks at both ends.
    var trimmingBlanks: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

// MARK: Keys

extension Model {
    mutating func pressOnForm(_ key: Key, _ state: FormState) -> [Effect] {
        var state = state
        switch key {
        case .enter: return submit(state)
        case .tab: state.move(by: 1)
        case .backTab: state.move(by: -1)
        case .down, .up: state.walk(key == .down ? 1 : -1)
        case .pageDown: state.walk(5)
        case .pageUp: state.walk(-5)
        default: state.take(key)
        }
        sheet = .form(state)
        return []
    }

    private mutating func submit(_ state: FormState) -> [Effect] {
        var state = state
        for (index, field) in state.fields.enumerated() {
            guard let needed = field.needed, field.value.isEmpty else { continue }
            state.focus = index
            state.problem = needed
            sheet = .form(state)
            return []
        }
        switch order(of: state) {
        case .success(let request):
            if let question = question(before: request, state) {
                sheet = .confirm(question)
                return []
            }
            sheet = nil
            return send(request)
        case .failure(let complaint):
            state.problem = complaint.text
            state.focus = state.fields.firstIndex { $0.name == complaint.field } ?? state.focus
            sheet = .form(state)
            return []
        }
    }

    mutating func chooseOnForm(_ index: Int, _ state: FormState) {
        var state = state
        // The rows of all lists are numbered through.
        var left = index
        for (number, field) in state.fields.enumerated() {
            guard case .list(let choices, _) = field.content else { continue }
            if left < choices.count {
                state.fields[number].content = .list(choices, selected: left)
                state.focus = number
                break
            }
            left -= choices.count
        }
        sheet = .form(state)
    }
}

extension FormState {
    fileprivate mutating func move(by step: Int) {
        guard !fields.isEmpty else { return }
        focus = (focus + step + fields.count) % fields.count
        problem = nil
    }

    /// Up and down: in the list that has the focus, or else in the only one that there is.
    fileprivate mutating func walk(_ step: Int) {
        let lists = fields.indices.filter { fields[$0].isList }
        let target = fields[focus].isList ? focus : lists.count == 1 ? lists[0] : nil
        guard let target, case .list(let choices, let selected) = fields[target].content else {
            return move(by: step > 0 ? 1 : -1)
        }
        let next = min(max(0, selected + step), max(0, choices.count - 1))
        fields[target].content = .list(choices, selected: next)
        problem = nil
    }

    fileprivate mutating func take(_ key: Key) {
        switch fields[focus].content {
        case .text(var field, let hint):
            guard field.take(key) else { return }
            fields[focus].content = .text(field, hint: hint)
            problem = nil
        case .row(let choices, let selected):
            if key == .left || key == .right {
                let next = min(max(0, selected + (key == .right ? 1 : -1)), choices.count - 1)
                fields[focus].content = .row(choices, selected: max(0, next))
                return
            }
            takeElsewhere(key)
        case .list: takeElsewhere(key)
        }
    }
    /// Whoever types means a field that can be typed into.
    private mutating func takeElsewhere(_ key: Key) {
        let isTyped: Bool =
            switch key {
            case .character, .paste, .backspace: true
            default: false
            }
        let order = Array(fields.indices.dropFirst(focus)) + Array(fields.indices.prefix(focus))
        guard isTyped, let next = order.first(where: { fields[$0].isText }) else { return }
        focus = next
        take(key)
    }
}

// MARK: The view

enum FormSheet {
    static func draw(_ state: FormState, _ canvas: inout Canvas) -> [Chrome.Hint] {
        let width = min(78, canvas.frame.width - 6)
        let advice =
            state.advice.isEmpty
            ? [] : Wrap.lines(state.advice, width: width, limit: canvas.frame.height >= 20 ? 3 : 1)
        let most = max(3, canvas.frame.height - 5)
        let lists = state.fields.filter(\.isList).count
        let others = state.fields.count - lists
        // What the lists may take, so that everything else has its line.
        let fixed = others + (advice.isEmpty ? 0 : advice.count + 1) + lists + 1
        let forLists = lists == 0 ? 0 : max(1, (most - fixed) / lists)
        let rows = state.fields.reduce(0) { $0 + rowsOf($1, forLists) }
        let spaced = rows + fixed - lists + state.fields.count + 1 <= most
        let height = min(
            most, rows + fixed - lists - others + (spaced ? state.fields.count : 0))
        let room = canvas.sheet(state.title, width: width, height: height, role: state.role)
        let labels = state.fields.reduce(0) { max($0, GlyphWidth.columns($1.label)) } + 2
        var y = room.y + (spaced ? 1 : 0)
        for line in advice where y < room.endY {
            canvas.frame.text(line, x: room.x, y: y, Style(.dim, on: .panel), limit: room.width)
            y += 1
        }
        if !advice.isEmpty { y += 1 }
        var numbered = 0
        for (index, field) in state.fields.enumerated() where y < room.endY {
            let rect = Rect(
                x: room.x, y: y, width: room.width,
                height: min(rowsOf(field, forLists), room.endY - y))
            draw(
                field, focused: index == state.focus, labels: labels, from: numbered, &canvas, rect)
            if case .list(let choices, _) = field.content { numbered += choices.count }
            y = rect.endY + (spaced ? 1 : 0)
        }
        if let problem = state.problem {
            canvas.frame.text(
                "✖ " + problem, x: room.x, y: room.endY - 1, Style(.bad, on: .panel, .bold),
                limit: room.width)
        }
        return hints(state)
    }

    private static func hints(_ state: FormState) -> [Chrome.Hint] {
        var hints = [Sheets.hint(.enter, state.verb)]
        if state.fields.contains(where: \.isList) {
            hints.append(Sheets.hint(.down, "pick", "↑↓"))
        }
        if state.fields.contains(where: { if case .row = $0.content { true } else { false } }) {
            hints.append(Sheets.hint(.right, "change", "←→"))
        }
        if state.fields.count > 1 { hints.append(Sheets.hint(.tab, "next field")) }
        return hints + [Sheets.hint(.escape, "leave")]
    }

    private static func rowsOf(_ field: FormField, _ forLists: Int) -> Int {
        guard case .list(let choices, _) = field.content else { return 1 }
        return min(max(1, choices.count), max(1, forLists))
    }

    private static func draw(
        _ field: FormField, focused: Bool, labels: Int, from first: Int, _ canvas: inout Canvas,
        _ rect: Rect
    ) {
        canvas.frame.text(
            field.label, x: rect.x, y: rect.y, Style(focused ? .heading : .dim, on: .panel),
            limit: labels)
        let x = rect.x + labels
        let width = rect.endX - x
        switch field.content {
        case .text(let text, let hint):
            canvas.entry(text, x: x, y: rect.y, width: width, focused: focused, hint: hint)
        case .row(let choices, let selected):
            row(choices, selected, focused: focused, &canvas, x: x, y: rect.y, width: width)
        case .list(let choices, let selected):
            list(
                choices, selected, focused: focused, from: first, &canvas,
                Rect(x: x, y: rect.y, width: width, height: rect.height))
        }
    }

    private static func row(
        _ choices: [FormField.Choice], _ selected: Int, focused: Bool, _ canvas: inout Canvas,
        x: Int, y: Int, width: Int
    ) {
        var at = x
        for (index, choice) in choices.enumerated() where at < x + width {
            let chosen = index == selected
            let ground: Ground = chosen ? (focused ? .input : .selected) : .panel
            at += canvas.frame.text(
                chosen ? "▸\(choice.label) " : " \(choice.label) ", x: at, y: y,
                Style(chosen ? .strong : .dim, on: ground, chosen ? .bold : []),
                limit: x + width - at)
        }
    }

    private static func list(
        _ choices: [FormField.Choice], _ selected: Int, focused: Bool, from first: Int,
        _ canvas: inout Canvas, _ rect: Rect
    ) {
        let window = Window(rows: choices.count, room: rect.height, selected: selected)
        let names = min(
            choices.reduce(4) { max($0, GlyphWidth.columns($1.label)) }, max(8, rect.width / 2))
        for (offset, index) in window.range.enumerated() {
            let row = Rect(x: rect.x, y: rect.y + offset, width: rect.width, height: 1)
            let chosen = index == selected
            let ground: Ground = chosen ? (focused ? .input : .selected) : .panel
            canvas.frame.fill(row, Style(.text, on: ground))
            canvas.spot(row, .choose(first + index))
            let choice = choices[index]
            canvas.frame.text(chosen ? "▸" : " ", x: row.x, y: row.y, Style(.accent, on: ground))
            canvas.frame.text(
                choice.label, x: row.x + 2, y: row.y,
                Style(choice.role, on: ground, chosen ? .bold : []), limit: names)
            canvas.frame.text(
                choice.detail, x: row.x + names + 4, y: row.y, Style(.dim, on: ground),
                limit: row.endX - row.x - names - 5)
        }
        if choices.isEmpty {
            canvas.frame.text("none", x: rect.x + 2, y: rect.y, Style(.dim, on: .panel))
        }
    }
}

extension Canvas {
    /// A field on a sheet, which keeps its ground when it has not the focus.
    fileprivate mutating func entry(
        _ text: TextField, x: Int, y: Int, width: Int, focused: Bool, hint: String
    ) {
        guard !focused else {
            return field(text, x: x, y: y, width: width, focused: true, hint: hint)
        }
        frame.text(
            text.isEmpty ? hint : text.text, x: x + 1, y: y,
            Style(text.isEmpty ? .dim : .text, on: .panel), limit: width - 2)
    }
}
